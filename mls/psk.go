package mls

// RFC 9420, Sections 8.4 and 8.6: Pre-Shared Keys.

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
)

// PSK is a pre-shared key that the caller gives. In ID, only what names the key counts: PSKID of an external PSK,
// PSKGroupID and PSKEpoch of a resumption PSK. The Secret stays the caller's.
type PSK = keyschedule.PSK

// PSKs are the pre-shared keys that the caller gives for one transition.
type PSKs []PSK

// ExternalPSKID returns the ID of an external pre-shared key.
func ExternalPSKID(id []byte) framing.PreSharedKeyID {
	return framing.PreSharedKeyID{PSKType: framing.PSKTypeExternal, PSKID: id}
}

// ResumptionPSKID returns the ID of the resumption PSK of an epoch of a group, for use in a commit.
func ResumptionPSKID(groupID []byte, epoch framing.Epoch) framing.PreSharedKeyID {
	return framing.PreSharedKeyID{PSKType: framing.PSKTypeResumption,
		Usage: framing.ResumptionPSKUsageApplication, PSKGroupID: groupID, PSKEpoch: epoch}
}

// keyName returns the part of an ID that names the key rather than one use of it.
func keyName(id framing.PreSharedKeyID) pskIdentifier {
	name := identifierOf(id)
	name.usage, name.nonce = 0, ""
	return name
}

// sameKey reports whether two IDs name the same key, whatever their nonces and usages.
func sameKey(a, b framing.PreSharedKeyID) bool { return keyName(a) == keyName(b) }

// pskIndex finds secrets by what names their keys, whatever the nonces and usages.
type pskIndex map[pskIdentifier]ciphersuite.Secret

// indexPSKs indexes the keys of all sources. When two sources have a key, the first counts.
func indexPSKs(sources ...PSKs) pskIndex {
	index := pskIndex{}
	for _, source := range sources {
		for _, k := range source {
			name := keyName(k.ID)
			if _, known := index[name]; !known && !k.Secret.IsZero() {
				index[name] = k.Secret
			}
		}
	}
	return index
}

// pskIdentifier is a whole identifier, nonce included, as a key of maps.
type pskIdentifier struct {
	kind      framing.PSKType
	usage     framing.ResumptionPSKUsage
	epoch     framing.Epoch
	id, nonce string // id: of the key, or of its group
}

func identifierOf(id framing.PreSharedKeyID) pskIdentifier {
	if id.PSKType == framing.PSKTypeExternal {
		return pskIdentifier{kind: id.PSKType, id: string(id.PSKID), nonce: string(id.PSKNonce)}
	}
	return pskIdentifier{id.PSKType, id.Usage, id.PSKEpoch, string(id.PSKGroupID), string(id.PSKNonce)}
}

// pskSecret looks up the keys in the order of ids and chains them (RFC 9420, Section 8.4). It fails with a
// *MissingPSKError that lists all that are missing.
func pskSecret(suite *ciphersuite.Suite, ids []framing.PreSharedKeyID, sources ...PSKs) (ciphersuite.Secret, error) {
	var missing []framing.PreSharedKeyID
	found := make([]keyschedule.PSK, 0, len(ids))
	index := indexPSKs(sources...)
	for _, id := range ids {
		secret, ok := index[keyName(id)]
		if !ok {
			missing = append(missing, id)
			continue
		}
		found = append(found, PSK{ID: id, Secret: secret})
	}
	if len(missing) > 0 {
		return ciphersuite.Secret{}, &MissingPSKError{missing}
	}
	return keyschedule.PSKSecret(suite, found)
}

// besides returns the IDs of those that named leaves out, in whatever use.
func (list PSKs) besides(named []framing.PreSharedKeyID) (unused []framing.PreSharedKeyID) {
	known := make(map[pskIdentifier]bool, len(named))
	for _, id := range named {
		known[keyName(id)] = true
	}
	for _, k := range list {
		if !known[keyName(k.ID)] {
			unused = append(unused, k.ID)
		}
	}
	return unused
}

// successorLink is the PSK that links the first commit of a group to the group that it succeeds.
type successorLink struct {
	id  framing.PreSharedKeyID // of the old group's resumption PSK, without a nonce
	psk ciphersuite.Secret     // own copy
}

// allows reports whether the link covers a resumption PSK of usage reinit or branch.
func (l *successorLink) allows(id framing.PreSharedKeyID) bool {
	return l != nil && sameKey(l.id, id) && l.id.Usage == id.Usage
}

// psks returns the linked PSK, for looking it up.
func (l *successorLink) psks() PSKs {
	if l == nil {
		return nil
	}
	return PSKs{{ID: l.id, Secret: l.psk}}
}
