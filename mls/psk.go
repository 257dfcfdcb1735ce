package mls

// RFC 9420, Sections 8.4 and 8.6: Pre-Shared Keys.

import (
	"bytes"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
)

// PSK is a pre-shared key that the caller brings. In ID, only what names the key counts: PSKID of an external one,
// PSKGroupID and PSKEpoch of a resumption PSK.
// The Secret stays the caller's.
type PSK = keyschedule.PSK

// PSKs are the pre-shared keys at hand for one transition.
type PSKs []PSK

// ExternalPSKID names an external pre-shared key.
func ExternalPSKID(id []byte) framing.PreSharedKeyID {
	return framing.PreSharedKeyID{PSKType: framing.PSKTypeExternal, PSKID: id}
}

// ResumptionPSKID names the resumption PSK of an epoch of a group, for use in a commit.
func ResumptionPSKID(groupID []byte, epoch framing.Epoch) framing.PreSharedKeyID {
	return framing.PreSharedKeyID{PSKType: framing.PSKTypeResumption,
		Usage: framing.ResumptionPSKUsageApplication, PSKGroupID: groupID, PSKEpoch: epoch}
}

// sameKey reports whether two IDs name the same key, whatever their nonces and usages.
func sameKey(a, b framing.PreSharedKeyID) bool {
	if a.PSKType != b.PSKType {
		return false
	}
	if a.PSKType == framing.PSKTypeExternal {
		return bytes.Equal(a.PSKID, b.PSKID)
	}
	return a.PSKEpoch == b.PSKEpoch && bytes.Equal(a.PSKGroupID, b.PSKGroupID)
}

func (p PSKs) find(id framing.PreSharedKeyID) (ciphersuite.Secret, bool) {
	for _, k := range p {
		if sameKey(k.ID, id) && !k.Secret.IsZero() {
			return k.Secret, true
		}
	}
	return ciphersuite.Secret{}, false
}

// findPSK looks for a key in one source after the other.
func findPSK(sources []PSKs, id framing.PreSharedKeyID) (ciphersuite.Secret, bool) {
	for _, source := range sources {
		if secret, ok := source.find(id); ok {
			return secret, true
		}
	}
	return ciphersuite.Secret{}, false
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
	for _, id := range ids {
		secret, ok := findPSK(sources, id)
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

// successorLink ties the first commit of a group to the group that it succeeds.
type successorLink struct {
	id  framing.PreSharedKeyID // of the old group's resumption PSK, without a nonce
	psk ciphersuite.Secret     // own copy
}

// allows reports whether the link covers a resumption PSK of usage reinit or branch.
func (l *successorLink) allows(id framing.PreSharedKeyID) bool {
	return l != nil && sameKey(l.id, id) && l.id.Usage == id.Usage
}

// psks is the linked PSK, for looking it up.
func (l *successorLink) psks() PSKs {
	if l == nil {
		return nil
	}
	return PSKs{{ID: l.id, Secret: l.psk}}
}
