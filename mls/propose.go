package mls

// RFC 9420, Section 12.1: Proposals, as a member sends them.

import (
	"crypto"
	"errors"
	"slices"
	"time"

	"github.com/copse-mls/copse/framing"
)

// ProposeParams say how a proposal is sent.
type ProposeParams struct {
	Now               time.Time // compared with the lifetime of an added KeyPackage; needed for an Add
	AuthenticatedData []byte
	Padding           framing.Padding // of a PrivateMessage; the zero value means that of Params
}

// Propose makes a proposal for any member to commit (RFC 9420, Section 12.1). A PSK without a nonce gets one. For an
// Update, use ProposeUpdate. A member leaves by proposing its own removal, in each epoch again until the commit of another
// member covers it.
//
// It fails with an *InactiveError, ErrErased, ErrSigner, ErrNoProposal, ErrNoTime, ErrTooManyProposals or a *RuleError.
func (g *Group) Propose(proposal framing.Proposal, p ProposeParams, by crypto.Signer) (*Step, error) {
	if err := checkGiven(proposal); err != nil {
		return nil, err
	}
	if _, ok := proposal.(*framing.Update); ok {
		return nil, errors.New("mls: an Update needs a new key: use ProposeUpdate")
	}
	if err := g.maySend(by); err != nil {
		return nil, err
	}
	proposal, err := withNonce(g.suite, g.params.rand, proposal)
	if err != nil {
		return nil, err
	}
	return g.propose(&storedProposal{}, proposal, p, by)
}

// ProposeUpdate proposes a new leaf for the member, with a fresh encryption key and what u changes (RFC 9420,
// Section 12.1.2). Another member has to commit it. It fails as Propose does.
func (g *Group) ProposeUpdate(u LeafUpdate, p ProposeParams, by crypto.Signer) (*Step, error) {
	if err := g.maySend(by); err != nil {
		return nil, err
	}
	old, _ := g.tree.Leaf(g.OwnLeaf())
	leaf, signer, err := u.leaf(g.suite, old, by)
	if err != nil {
		return nil, err
	}
	rand := g.params.rand
	pair, err := g.suite.GenerateKeyPair(rand)
	if err != nil {
		return nil, err
	}
	leaf.LeafNodeSource, leaf.EncryptionKey = framing.LeafNodeSourceUpdate, pair.Public
	leaf.ParentHash, leaf.Lifetime = nil, framing.Lifetime{}
	signing := framing.SignParams{Suite: g.suite, Rand: rand, Signer: signer}
	if err := leaf.Sign(signing, g.GroupID(), g.OwnLeaf()); err != nil {
		return nil, err
	}
	return g.propose(&storedProposal{leafKey: pair}, &framing.Update{LeafNode: leaf}, p, by)
}

// propose checks, signs, frames and stores a proposal of the member's own.
func (g *Group) propose(stored *storedProposal, proposal framing.Proposal, p ProposeParams, by crypto.Signer) (*Step, error) {
	if _, ok := proposal.(*framing.Add); ok && p.Now.IsZero() {
		return nil, ErrNoTime
	}
	judged, err := g.checkSigned(proposal, g.self(), p.Now, MomentAddSent)
	if err != nil {
		return nil, err
	}
	rand := g.params.rand
	content, err := g.sign(rand, by, g.params.Handshake.wireFormat(), &framing.FramedContent{
		Sender: g.self(), AuthenticatedData: p.AuthenticatedData,
		ContentType: framing.ContentTypeProposal, Proposal: proposal,
	})
	if err != nil {
		return nil, err
	}
	stored.content = content
	if stored.ref, err = content.ProposalRef(g.suite); err != nil {
		return nil, err
	}
	next := g.clone()
	if g.proposals.find(stored.ref) == nil { // receivers, too, store equal proposals once
		if err := g.params.limitWaiting(g.proposals, content); err != nil {
			return nil, err
		}
		next.proposals = g.proposals.with(stored)
	}
	message, messages, err := g.frame(content, rand, p.Padding)
	if err != nil {
		return nil, err
	}
	next.messages = messages
	s := g.step(next)
	s.Send = []Outgoing{{Kind: OutgoingProposal, Message: message}}
	s.Claims = judged
	return s, nil
}

// checkSigned checks a proposal by itself, with its signatures (RFC 9420, Section 12.1). It returns the credentials
// to be validated.
func (p *public) checkSigned(proposal framing.Proposal, from framing.Sender, now time.Time, add Moment) ([]Claim, error) {
	if err := p.params.limitProposal(proposal); err != nil {
		return nil, err
	}
	check := &proposalCheck{public: p, rules: p.rules, now: now, sending: add == MomentAddSent}
	if err := check.checkProposal(proposal, from); err != nil && (add == MomentAddSent || !contextDecides(err)) {
		return nil, err
	}
	switch x := proposal.(type) {
	case *framing.Add:
		if err := verifyKeyPackages(p.suite, []*framing.KeyPackage{x.KeyPackage}); err != nil {
			return nil, err
		}
		return []Claim{claim(add, framing.NoLeaf, &x.KeyPackage.LeafNode)}, nil
	case *framing.Update:
		if err := x.LeafNode.VerifySignature(p.suite, p.context.GroupID, from.LeafIndex); err != nil {
			return nil, err
		}
		old, _ := p.tree.Leaf(from.LeafIndex)
		return claimReplaced(MomentUpdate, from.LeafIndex, old, &x.LeafNode), nil
	case *framing.GroupContextExtensions:
		return claimExternalSenders(x.Extensions), nil
	}
	return nil, nil
}

// contextDecides reports whether a rule was broken that asks for what the group context demands. The commit that covers
// a proposal may change the context, and is checked against the new one (RFC 9420, Section 12.3). So a received proposal is
// kept in spite of the error: a member that dropped it could not follow such a commit.
func contextDecides(err error) bool {
	var rule *RuleError
	return errors.As(err, &rule) && slices.Contains([]string{"V-LN-07", "V-LN-08", "V-LN-11"}, rule.Rule)
}
