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

// proposalStore holds the proposals of one epoch: the latest, and the store before it. It does not change; nil is the
// empty store.
type proposalStore struct {
	*storedProposal
	before *proposalStore
	count  int
}

// with is the store with one more proposal.
func (s *proposalStore) with(p *storedProposal) *proposalStore {
	return &proposalStore{p, s, s.len() + 1}
}

func (s *proposalStore) len() int {
	if s == nil {
		return 0
	}
	return s.count
}

// all lists the proposals in the order of their arrival.
func (s *proposalStore) all() []*storedProposal {
	list := make([]*storedProposal, s.len())
	for ; s != nil; s = s.before {
		list[s.count-1] = s.storedProposal
	}
	return list
}

// find is the proposal with a reference, nil when there is none.
func (s *proposalStore) find(ref framing.ProposalRef) *storedProposal {
	for ; s != nil; s = s.before {
		if bytes.Equal(s.ref, ref) {
			return s.storedProposal
		}
	}
	return nil
}

// extends reports whether s is o with perhaps more proposals.
func (s *proposalStore) extends(o *proposalStore) bool {
	for s.len() > o.len() {
		s = s.before
	}
	return s == o
}

// Proposals lists the proposals of the present epoch that wait for a commit, in the order of their arrival.
func (g *Group) Proposals() []CommittedProposal {
	var out []CommittedProposal
	for _, p := range g.proposals.all() {
		out = append(out, CommittedProposal{p.proposal(), p.sender(), p.ref})
	}
	return out
}
