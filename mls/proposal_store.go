package mls

import (
	"bytes"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// storedProposal is a proposal of the present epoch that is valid by itself.
type storedProposal struct {
	ref     framing.ProposalRef
	content *framing.AuthenticatedContent
	leafKey ciphersuite.KeyPair // of the member's own Update: the new leaf's
}

func (p *storedProposal) proposal() framing.Proposal { return p.content.Content().Proposal }
func (p *storedProposal) sender() framing.Sender     { return p.content.Content().Sender }

// proposalStore holds the proposals of one epoch: the latest, and the store without it. It is immutable; nil is the empty
// store.
type proposalStore struct {
	*storedProposal
	before  *proposalStore
	size    proposalSizes
	outside proposalSizes // of those from outside of the group
	index   *proposalIndex
}

// proposalSizes says how many proposals there are, and how many bytes their contents have.
type proposalSizes struct{ number, bytes int }

func (n proposalSizes) plus(c *framing.AuthenticatedContent) proposalSizes {
	return proposalSizes{n.number + 1, n.bytes + c.Size()}
}

// fromOutside reports whether an external sender or a newcomer sent the content.
func fromOutside(c *framing.AuthenticatedContent) bool {
	return c.Content().Sender.SenderType != framing.SenderTypeMember
}

// with returns the store with one more proposal, of which it keeps no more than it needs.
func (s *proposalStore) with(p *storedProposal) *proposalStore {
	var index *proposalIndex
	if s != nil {
		index = s.index
	}
	p = &storedProposal{p.ref, p.content.Compact(), p.leafKey}
	size, outside := s.sizes()
	if fromOutside(p.content) {
		outside = outside.plus(p.content)
	}
	return &proposalStore{p, s, size.plus(p.content), outside, index.with(p, 0)}
}

// sizes returns the size of all proposals, and of those from outside of the group.
func (s *proposalStore) sizes() (all, outside proposalSizes) {
	if s == nil {
		return all, outside
	}
	return s.size, s.outside
}

func (s *proposalStore) len() int {
	if s == nil {
		return 0
	}
	return s.size.number
}

// all lists the proposals in the order of their arrival.
func (s *proposalStore) all() []*storedProposal { return s.after(0) }

// after lists the proposals without the first n, in the order of their arrival.
func (s *proposalStore) after(n int) []*storedProposal {
	list := make([]*storedProposal, s.len()-n)
	for ; s.len() > n; s = s.before {
		list[s.len()-1-n] = s.storedProposal
	}
	return list
}

// find returns the proposal with a reference, or nil when there is none.
func (s *proposalStore) find(ref framing.ProposalRef) *storedProposal {
	if s == nil {
		return nil
	}
	return s.index.find(ref)
}

// extends reports whether s was made from o by adding proposals, or none.
func (s *proposalStore) extends(o *proposalStore) bool { return s.shared(o) == o }

// shared returns the largest store that both s and o came from.
func (s *proposalStore) shared(o *proposalStore) *proposalStore {
	for s != o {
		if s.len() >= o.len() {
			s = s.before
		} else {
			o = o.before
		}
	}
	return s
}

// proposalIndex finds proposals by their references, which are hashes: a trie that branches by the references' bits. It
// is immutable; nil is the empty index.
type proposalIndex struct {
	only *storedProposal // the one proposal here, when there is just one
	next [2]*proposalIndex
}

// bit returns one bit of a reference. References of one group are all of one length.
func bit(ref framing.ProposalRef, depth int) byte { return ref[depth/8] >> (depth % 8) & 1 }

// with returns the index with one more proposal. At this depth all references agree in the bits before it.
func (x *proposalIndex) with(p *storedProposal, depth int) *proposalIndex {
	if x == nil || x.only != nil && bytes.Equal(x.only.ref, p.ref) {
		return &proposalIndex{only: p}
	}
	branch := &proposalIndex{next: x.next}
	if x.only != nil {
		branch.next[bit(x.only.ref, depth)] = &proposalIndex{only: x.only}
	}
	side := &branch.next[bit(p.ref, depth)]
	*side = (*side).with(p, depth+1)
	return branch
}

func (x *proposalIndex) find(ref framing.ProposalRef) *storedProposal {
	for depth := 0; x != nil && depth < 8*len(ref); depth++ {
		if x.only != nil {
			if bytes.Equal(x.only.ref, ref) {
				return x.only
			}
			return nil
		}
		x = x.next[bit(ref, depth)]
	}
	return nil
}
