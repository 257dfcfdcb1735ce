package treekem

// RFC 9420, Section 7.3: what the members of a group support, counted.

import (
	"slices"

	"github.com/copse-mls/copse/framing"
)

// kind is a list whose entries are counted over all members.
type kind int

const (
	versions kind = iota
	extensions
	proposals
	credentials
	credentialsInUse // one entry a member: the type of its own credential
	kinds
)

// counts says how many members have each code point in each of their lists, every list taken as a set. It is a value
// that trees share; countsWriter makes changed ones. Three levels divide the code points, so that a change copies
// little.
type counts [kinds]*owned[shelves]

type (
	shelves [32]*owned[shelf]
	shelf   [32]*owned[page]
	page    [64]uint32
)

// owned is a value that only the Edit with the same owner may change in place.
type owned[T any] struct {
	owner *owner
	value T
}

// own makes a value the owner's, by copying it or beginning with zero, and returns where it is.
func own[T any](at **owned[T], o *owner) *T {
	switch v := *at; {
	case v == nil:
		*at = &owned[T]{owner: o}
	case v.owner != o:
		*at = &owned[T]{o, v.value}
	}
	return &(*at).value
}

func (c *counts) of(k kind, code uint16) int {
	if c[k] == nil {
		return 0
	}
	s := c[k].value[code>>11]
	if s == nil {
		return 0
	}
	p := s.value[code>>6&31]
	if p == nil {
		return 0
	}
	return int(p.value[code&63])
}

// codes lists the code points of a kind that some member has, in ascending order.
func (c *counts) codes(k kind) []uint16 {
	if c[k] == nil {
		return nil
	}
	var out []uint16
	for high, s := range c[k].value {
		if s == nil {
			continue
		}
		for middle, p := range s.value {
			if p == nil {
				continue
			}
			for low, n := range p.value {
				if n > 0 {
					out = append(out, uint16(high<<11|middle<<6|low))
				}
			}
		}
	}
	return out
}

// countsWriter changes counts, copying what it touches unless it made it.
type countsWriter struct {
	counts
	owner *owner
}

// replace counts fresh in the place of old; either may be nil.
func (w *countsWriter) replace(old, fresh *framing.LeafNode) {
	if old != nil && fresh != nil && sameSupport(old, fresh) {
		return
	}
	w.tally(old, ^uint32(0))
	w.tally(fresh, 1)
}

func sameSupport(a, b *framing.LeafNode) bool {
	return a.Credential.Type == b.Credential.Type &&
		slices.Equal(a.Capabilities.Versions, b.Capabilities.Versions) &&
		slices.Equal(a.Capabilities.Extensions, b.Capabilities.Extensions) &&
		slices.Equal(a.Capabilities.Proposals, b.Capabilities.Proposals) &&
		slices.Equal(a.Capabilities.Credentials, b.Capabilities.Credentials)
}

// tally adds by, modulo 2^32, for each code point of a leaf, once a list however often the list repeats it.
func (w *countsWriter) tally(leaf *framing.LeafNode, by uint32) {
	if leaf == nil {
		return
	}
	c := &leaf.Capabilities
	tallyList(w, versions, c.Versions, by)
	tallyList(w, extensions, c.Extensions, by)
	tallyList(w, proposals, c.Proposals, by)
	tallyList(w, credentials, c.Credentials, by)
	w.add(credentialsInUse, uint16(leaf.Credential.Type), by)
}

func tallyList[T ~uint16](w *countsWriter, k kind, list []T, by uint32) {
	if !slices.IsSorted(list) {
		list = slices.Clone(list)
		slices.Sort(list)
	}
	for j, code := range list {
		if j == 0 || list[j-1] != code {
			w.add(k, uint16(code), by)
		}
	}
}

func (w *countsWriter) add(k kind, code uint16, by uint32) {
	s := own(&w.counts[k], w.owner)
	p := own(&s[code>>11], w.owner)
	own(&p[code>>6&31], w.owner)[code&63] += by
}

// Support counts how many members have each code point in their capabilities. Default types, which nobody lists, are
// counted as listed only, and GREASE values, which are listed without being supported, for nobody (RFC 9420, Section
// 13.5).
type Support struct {
	counts
	members int
}

// Members returns the number of members counted.
func (s Support) Members() int { return s.members }

func (s Support) supporting(k kind, code uint16) int {
	if framing.IsGREASE(code) {
		return 0
	}
	return s.of(k, code)
}

// Extension returns the number of members that list the extension type.
func (s Support) Extension(x framing.ExtensionType) int { return s.supporting(extensions, uint16(x)) }

// Proposal returns the number of members that list the proposal type.
func (s Support) Proposal(x framing.ProposalType) int { return s.supporting(proposals, uint16(x)) }

// Credential returns the number of members that list the credential type.
func (s Support) Credential(x framing.CredentialType) int {
	return s.supporting(credentials, uint16(x))
}

// Version returns the number of members that list the protocol version.
func (s Support) Version(x framing.ProtocolVersion) int { return s.of(versions, uint16(x)) }

// CredentialsInUse lists the types of the members' own credentials, ascending.
func (s Support) CredentialsInUse() []framing.CredentialType {
	var out []framing.CredentialType
	for _, code := range s.codes(credentialsInUse) {
		out = append(out, framing.CredentialType(code))
	}
	return out
}
