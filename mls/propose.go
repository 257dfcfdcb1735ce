package mls

// RFC 9420, Section 12.1: Proposals, as a member sends them.

import (
	"crypto"
	"errors"
	"slices"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// ProposeParams say how a proposal is sent.
type ProposeParams struct {
	Now               time.Time // compared with the lifetime of an added KeyPackage; needed for an Add
	AuthenticatedData []byte
	Padding           framing.Padding // of a PrivateMessage; the zero value means that of Params
}

// Propose makes a proposal for any member to commit (RFC 9420, Section 12.1). A PSK without a nonce gets one. For an
// Update, use ProposeUpdate.
//
// A member leaves by proposing a SelfRemove, which newcomers commit, too, or where not all members support that, its own
// Remove; in each epoch again until the commit of somebody else covers it. A SelfRemove is a PublicMessage whatever
// Params.Handshake says, and all that a member proposes in one epoch are one and the same message. The delivery service
// hands them to newcomers, for JoinExternalParams.SelfRemoves (draft-ietf-mls-extensions, SelfRemove).
//
// What the member itself declined before waits again when it proposes it anew.
//
// It fails with an *InactiveError, ErrErased, ErrSigner, ErrNoProposal, ErrNoTime, ErrTooManyProposals, ErrSafeAAD or a *RuleError.
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
	return g.propose(ciphersuite.KeyPair{}, proposal, p, by)
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
	return g.propose(pair, &framing.Update{LeafNode: leaf}, p, by)
}

// propose checks, signs, frames and stores a proposal of the member's own.
func (g *Group) propose(leafKey ciphersuite.KeyPair, proposal framing.Proposal, p ProposeParams, by crypto.Signer) (*Step, error) {
	if _, ok := proposal.(*framing.Add); ok && p.Now.IsZero() {
		return nil, ErrNoTime
	}
	format := g.params.Handshake.wireFormat()
	if _, leaves := proposal.(*framing.SelfRemove); leaves {
		format = framing.WireFormatPublicMessage
		if stored := g.proposals.selfRemoveOf(g.OwnLeaf()); stored != nil {
			return g.proposeAgain(stored)
		}
	}
	judged, err := g.checkSigned(proposal, g.self(), p.Now, MomentAddSent)
	if err != nil {
		return nil, err
	}
	f := &framer{group: g, format: format, by: by, padding: p.Padding}
	defer f.erase()
	if err := f.sign(&framing.FramedContent{
		Sender: g.self(), AuthenticatedData: p.AuthenticatedData,
		ContentType: framing.ContentTypeProposal, Proposal: proposal,
	}); err != nil {
		return nil, err
	}
	stored, err := g.stored(f.content)
	if err != nil {
		return nil, err
	}
	stored.leafKey = leafKey
	known := g.proposals.find(stored.ref) // receivers, too, store equal proposals once
	if known == nil {
		if err := g.params.limitWaiting(g.proposals.proposalChain, f.content); err != nil {
			return nil, err
		}
	}
	message, err := f.frame()
	if err != nil {
		return nil, err
	}
	next := g.clone()
	next.messages = f.messages
	switch {
	case known == nil:
		stored.keepMessage(message)
		next.proposals = g.proposals.with(stored, false)
	case g.proposals.declines(known):
		next.proposals = g.proposals.declining(known, false)
	}
	s := g.step(next)
	s.Send = []Outgoing{{Kind: OutgoingProposal, Message: message}}
	s.Claims = judged
	return s, nil
}

// Decline lets a proposal wait no longer: the application's answer is no. The member does not commit it unless
// CommitParams.References names it, and may send data again. RFC 9420, Section 12.4 asks for a commit of valid proposals
// first; which ones an application's policy makes invalid is not the protocol's to say. When another member commits the
// proposal all the same, this member can follow. A newcomer that proposes to be added comes again in each epoch:
// Params.NewcomerProposals answers beforehand.
//
// It fails with a *MissingProposalError, an *InactiveError, ErrPending while joining, or ErrErased.
func (g *Group) Decline(ref framing.ProposalRef) (*Step, error) { return g.declining(ref, true) }

// Admit lets a declined proposal wait for a commit, like all others. It fails as Decline does.
func (g *Group) Admit(ref framing.ProposalRef) (*Step, error) { return g.declining(ref, false) }

func (g *Group) declining(ref framing.ProposalRef, declined bool) (*Step, error) {
	if err := g.usable(); err != nil {
		return nil, err
	}
	p := g.proposals.find(ref)
	switch {
	case p == nil:
		return nil, &MissingProposalError{[]framing.ProposalRef{ref}}
	case g.proposals.declines(p) == declined:
		return g.step(g), nil
	}
	next := g.clone()
	next.proposals = g.proposals.declining(p, declined)
	return g.step(next), nil
}

// outside signs and frames a proposal from outside the group, which is always sent as PublicMessage.
func (p *public) outside(proposal framing.Proposal, sender framing.Sender, o ProposeParams, by crypto.Signer) ([]byte, error) {
	content, err := p.sign(p.params.rand, by, framing.WireFormatPublicMessage, &framing.FramedContent{
		Sender: sender, AuthenticatedData: o.AuthenticatedData,
		ContentType: framing.ContentTypeProposal, Proposal: proposal,
	})
	if err != nil {
		return nil, err
	}
	return p.marshalPublic(content, ciphersuite.Secret{})
}

// proposeAgain returns the Step that sends an own SelfRemove once more.
func (g *Group) proposeAgain(stored *storedProposal) (*Step, error) {
	s, err := g.Admit(stored.ref)
	if err != nil {
		return nil, err
	}
	s.Send = []Outgoing{{Kind: OutgoingProposal, Message: stored.message}}
	return s, nil
}

// SelfRemoves returns the SelfRemoves that wait, as the messages that they came in, to be handed out with a GroupInfo: see
// JoinExternalParams. It fails with an *InactiveError or ErrErased.
func (g *Group) SelfRemoves() ([][]byte, error) { return g.proposals.selfRemoves(), g.usable() }

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
	case *framing.SelfRemove:
		if add == MomentAddSent {
			return nil, p.checkSelfRemoveKnown()
		}
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
