package mls

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// storedProposal is a proposal of the present epoch that is valid by itself.
type storedProposal struct {
	ref     framing.ProposalRef
	twin    framing.ProposalRef // under the twin of the signature, where there is one: anybody can make that, and send it to others
	content *framing.AuthenticatedContent
	message []byte              // that it came in, when it is a SelfRemove, for newcomers
	leafKey ciphersuite.KeyPair // of the member's own Update: the new leaf's
	number  int                 // of those that came before it
}

func (p *storedProposal) proposal() framing.Proposal { return p.content.Content().Proposal }
func (p *storedProposal) sender() framing.Sender     { return p.content.Content().Sender }

// fromNewcomer reports whether somebody outside of the group proposes to be added.
func (p *storedProposal) fromNewcomer() bool {
	return p.sender().SenderType == framing.SenderTypeNewMemberProposal
}

// keepMessage keeps the message that a SelfRemove came in.
func (p *storedProposal) keepMessage(message []byte) {
	if _, leaves := p.proposal().(*framing.SelfRemove); leaves {
		p.message = bytes.Clone(message)
	}
}

// removedLeaf returns the leaf that the proposal removes, and false when it removes none.
func (p *storedProposal) removedLeaf() (framing.LeafIndex, bool) {
	switch x := p.proposal().(type) {
	case *framing.Remove:
		return x.Removed, true
	case *framing.SelfRemove:
		return p.sender().LeafIndex, true
	}
	return 0, false
}

// proposalStore holds the proposals of one epoch. Which of them are declined is held apart from the proposals, of which there
// may be many, so that a decline leaves these as they are. It is immutable; the zero value is the empty store.
type proposalStore struct {
	*proposalChain
	declined *numberSet // do not wait for a commit, but are known when a commit names them
	wait     int        // how many wait for a commit
	marks    uint64     // of the declined ones, for fingerprint
}

// proposalChain holds proposals in the order of their arrival: the latest, and the chain without it. It is immutable; nil is
// the empty chain.
type proposalChain struct {
	*storedProposal
	before  *proposalChain
	size    proposalSizes
	outside proposalSizes // of those from outside of the group
	index   *proposalIndex
	sum     uint64 // of the references and kept messages, for fingerprint
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

// with returns the store with one more proposal.
func (s proposalStore) with(p *storedProposal, declined bool) proposalStore {
	out := proposalStore{s.proposalChain.with(p), s.declined, s.wait + 1, s.marks}
	if declined {
		return out.declining(out.storedProposal, true)
	}
	return out
}

// declines reports whether one of the store's proposals is declined.
func (s proposalStore) declines(p *storedProposal) bool { return s.declined.has(p.number) }

// declining returns the store in which one of its proposals that waits for a commit does not, or the other way round.
func (s proposalStore) declining(p *storedProposal, declined bool) proposalStore {
	s.declined = s.declined.flip(p.number)
	mark := binary.BigEndian.Uint64(p.ref[8:])
	if declined {
		s.wait, s.marks = s.wait-1, s.marks+mark
	} else {
		s.wait, s.marks = s.wait+1, s.marks-mark
	}
	return s
}

// fingerprint returns a number that tells apart stores of an epoch: by their proposals, the order of these, and which are declined.
func (s proposalStore) fingerprint() uint64 {
	if s.proposalChain == nil {
		return 0
	}
	return s.sum + s.marks
}

// waiting lists those that wait for a commit, in the order of their arrival.
func (s proposalStore) waiting() []*storedProposal { return s.those(false) }

// those lists the proposals that are declined, or that are not, in the order of their arrival.
func (s proposalStore) those(declined bool) (out []*storedProposal) {
	for _, p := range s.all() {
		if s.declines(p) == declined {
			out = append(out, p)
		}
	}
	return out
}

// waits reports whether any proposal waits for a commit.
func (s proposalStore) waits() bool { return s.wait > 0 }

// with returns the chain with one more proposal, of which it keeps no more than it needs.
func (s *proposalChain) with(p *storedProposal) *proposalChain {
	kept := *p
	kept.content, kept.number = p.content.Compact(), s.len()
	out := &proposalChain{storedProposal: &kept, before: s}
	size, outside := s.sizes()
	if out.size = size.plus(kept.content); fromOutside(kept.content) {
		outside = outside.plus(kept.content)
	}
	out.outside = outside
	if s != nil {
		out.index, out.sum = s.index, s.sum
	}
	message := sha256.Sum256(kept.message)
	out.sum += (binary.BigEndian.Uint64(kept.ref) + binary.BigEndian.Uint64(message[:])) * uint64(2*kept.number+1)
	out.index = out.index.with(kept.ref, &kept, 0)
	if kept.twin != nil {
		out.index = out.index.with(kept.twin, &kept, 0)
	}
	return out
}

// sizes returns the size of all proposals, and of those from outside of the group.
func (s *proposalChain) sizes() (all, outside proposalSizes) {
	if s == nil {
		return all, outside
	}
	return s.size, s.outside
}

func (s *proposalChain) len() int {
	if s == nil {
		return 0
	}
	return s.size.number
}

// all lists the proposals in the order of their arrival.
func (s *proposalChain) all() []*storedProposal { return s.after(0) }

// after lists the proposals without the first n, in the order of their arrival.
func (s *proposalChain) after(n int) []*storedProposal {
	list := make([]*storedProposal, s.len()-n)
	for ; s.len() > n; s = s.before {
		list[s.len()-1-n] = s.storedProposal
	}
	return list
}

// find returns the proposal with a reference, or nil when there is none.
func (s *proposalChain) find(ref framing.ProposalRef) *storedProposal {
	if s == nil {
		return nil
	}
	return s.index.find(ref)
}

// selfRemoves lists the messages in which SelfRemoves came.
func (s *proposalChain) selfRemoves() (out [][]byte) {
	for _, p := range s.all() {
		if p.message != nil {
			out = append(out, p.message)
		}
	}
	return out
}

// selfRemoveOf returns the SelfRemove of a leaf, or nil when there is none.
func (s *proposalChain) selfRemoveOf(leaf framing.LeafIndex) *storedProposal {
	for ; s != nil; s = s.before {
		if _, leaves := s.proposal().(*framing.SelfRemove); leaves && s.sender().LeafIndex == leaf {
			return s.storedProposal
		}
	}
	return nil
}

// extends reports whether s was made from o by adding proposals, or none.
func (s *proposalChain) extends(o *proposalChain) bool { return s.shared(o) == o }

// shared returns the largest chain that both s and o came from.
func (s *proposalChain) shared(o *proposalChain) *proposalChain {
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
	ref  framing.ProposalRef
	only *storedProposal // the one proposal here, when there is just one; ref is one of its references
	next [2]*proposalIndex
}

// bit returns one bit of a reference. References of one group are all of one length.
func bit(ref framing.ProposalRef, depth int) byte { return ref[depth/8] >> (depth % 8) & 1 }

// with returns the index with one more reference. At this depth all references agree in the bits before it.
func (x *proposalIndex) with(ref framing.ProposalRef, p *storedProposal, depth int) *proposalIndex {
	if x == nil || x.only != nil && bytes.Equal(x.ref, ref) {
		return &proposalIndex{ref: ref, only: p}
	}
	branch := &proposalIndex{next: x.next}
	if x.only != nil {
		branch.next[bit(x.ref, depth)] = &proposalIndex{ref: x.ref, only: x.only}
	}
	side := &branch.next[bit(ref, depth)]
	*side = (*side).with(ref, p, depth+1)
	return branch
}

func (x *proposalIndex) find(ref framing.ProposalRef) *storedProposal {
	for depth := 0; x != nil && depth < 8*len(ref); depth++ {
		if x.only != nil {
			if bytes.Equal(x.ref, ref) {
				return x.only
			}
			return nil
		}
		x = x.next[bit(ref, depth)]
	}
	return nil
}
