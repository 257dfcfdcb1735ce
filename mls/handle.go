package mls

// RFC 9420, Section 6: Message Framing, as a member receives it.

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
)

// Handle processes any PublicMessage or PrivateMessage of the group: from a member, an external sender or a newcomer, or
// one of the member's own that came back. It uses no randomness: the same Group and Input give the same Step.
//
// A commit of another member takes effect in Next, and drops any pending commit of the member's own; when the pending
// commit itself comes back, it is adopted. An own message that needs no handling any more gives an *Echo.
//
// It fails with ErrWrongGroup, ErrOldEpoch, ErrFutureEpoch, ErrReplay, ErrOwnMessage, ErrOwnCommit, ErrUnexpectedMessage, an
// *InactiveError, ErrErased, a *MissingPSKError, ErrBeforeMembership, a *MissingProposalError, ErrTooManyProposals, a *SyntaxError, a
// *RuleError, or an error of package ciphersuite when decryption fails.
func (g *Group) Handle(in Input) (*Step, error) {
	if g.isErased() {
		return nil, ErrErased
	}
	body, err := decodeMessage(in.Message, g.params, g.tree.Width())
	if err != nil {
		return nil, err
	}
	s, err := g.handleBody(body, in)
	if err != nil {
		return nil, err
	}
	var named []framing.PreSharedKeyID
	if s.Change != nil {
		named = s.Change.PSKs
	}
	s.UnusedPSKs = in.PSKs.besides(named)
	return s, nil
}

func (g *Group) handleBody(body framing.MessageBody, in Input) (*Step, error) {
	switch m := body.(type) {
	case *framing.PublicMessage:
		return g.handlePublic(m, in)
	case *framing.PrivateMessage:
		return g.handlePrivate(m, in)
	}
	return nil, fmt.Errorf("%w: %v, expected mls_public_message or mls_private_message", ErrUnexpectedMessage, body.WireFormat())
}

// echo recognizes messages of the member's own that came back: the pending commit, or the one adopted last.
func (g *Group) echo(message []byte) (*Step, bool) {
	if g.pending.is(message) {
		s, err := g.Adopt()
		return s, err == nil
	}
	if g.lastOwn != nil && bytes.Equal(g.lastOwn, g.messageID(message)) {
		s := g.step(g)
		s.Events = []Event{&Echo{g.lastOwn}}
		return s, true
	}
	return nil, false
}

// handlePublic handles a PublicMessage (RFC 9420, Section 6.2).
func (g *Group) handlePublic(m *framing.PublicMessage, in Input) (*Step, error) {
	if s, ok := g.echo(in.Message); ok {
		return s, nil
	}
	if err := g.checkEpoch(m.Content.GroupID, m.Content.Epoch); err != nil {
		return nil, err
	}
	if err := g.usable(); err != nil {
		return nil, err
	}
	sender := m.Content.Sender
	if _, leaves := m.Content.Proposal.(*framing.SelfRemove); sender.SenderType == framing.SenderTypeMember && !leaves {
		if err := g.params.Handshake.checkFormat(framing.WireFormatPublicMessage, sender.LeafIndex); err != nil {
			return nil, err
		}
	}
	key, err := g.senderKey(sender)
	if err != nil {
		return nil, err
	}
	content, err := m.Open(framing.VerifyParams{
		Suite: g.suite, SignatureKey: key, GroupContext: &g.context, MembershipKey: g.secrets.MembershipKey,
	})
	if err != nil {
		return nil, err
	}
	return g.handshake(content, in, g.messages)
}

// handlePrivate handles a PrivateMessage (RFC 9420, Section 6.3).
func (g *Group) handlePrivate(m *framing.PrivateMessage, in Input) (*Step, error) {
	if s, ok := g.echo(in.Message); ok {
		return s, nil
	}
	epoch, err := g.epochOf(m)
	if err != nil {
		return nil, err
	}
	sender, err := m.OpenSenderData(g.suite, epoch.senderData)
	if err != nil {
		return nil, err
	}
	if sender.LeafIndex == g.private.Leaf() {
		return g.ownPrivate(m)
	}
	key := epoch.tree.SignatureKey(sender.LeafIndex)
	if key == nil {
		return nil, fail("V-FR-19", sender.LeafIndex, "sender is a blank leaf or outside the tree")
	}
	content, after, err := epoch.open(m, sender, key)
	if err != nil {
		return nil, err
	}
	if m.ContentType == framing.ContentTypeApplication {
		return g.application(content, sender, epoch, after)
	}
	if err := g.params.Handshake.checkFormat(framing.WireFormatPrivateMessage, sender.LeafIndex); err != nil {
		after.EraseExcept(epoch.messages)
		return nil, err
	}
	s, err := g.handshake(content, in, after)
	if err != nil {
		after.EraseExcept(epoch.messages)
	}
	return s, err
}

// epochOf returns the epoch of a private message: the present one, or for application data a past one that is kept (RFC
// 9420, Section 15.3).
func (g *Group) epochOf(m *framing.PrivateMessage) (*pastEpoch, error) {
	err := g.checkEpoch(m.GroupID, m.Epoch)
	if errors.Is(err, ErrWrongGroup) {
		return nil, err
	}
	if m.ContentType == framing.ContentTypeApplication {
		for _, p := range g.past { // after a removal, the epoch that ended with it is among them
			if p.Epoch() == m.Epoch {
				return p, nil
			}
		}
	}
	if err != nil {
		return nil, err
	}
	if err := g.usable(); err != nil {
		return nil, err
	}
	return &pastEpoch{g.public, g.secrets.SenderDataSecret, g.messages}, nil
}

// ownPrivate returns the Step for a private message of the member's own that is not the pending commit: the keys to read it
// are deleted (V-FR-26). A commit that this Group does not know is an error, anything else an Echo.
func (g *Group) ownPrivate(m *framing.PrivateMessage) (*Step, error) {
	if m.ContentType == framing.ContentTypeCommit {
		return nil, ErrOwnCommit
	}
	s := g.step(g)
	s.Events = []Event{&Echo{}}
	return s, nil
}

// open decrypts a private message and verifies it. The tree that it returns no longer has the keys used; on failure
// nothing has changed.
func (e *pastEpoch) open(
	m *framing.PrivateMessage, sender framing.SenderData, signer ciphersuite.SignaturePublicKey,
) (*framing.AuthenticatedContent, *keyschedule.SecretTree, error) {
	if err := e.checkGeneration(m, sender); err != nil {
		return nil, nil, err
	}
	key, after, err := e.messages.ReceivingKey(sender.LeafIndex, keyschedule.RatchetFor(m.ContentType), sender.Generation)
	if errors.Is(err, keyschedule.ErrGenerationUsed) || errors.Is(err, keyschedule.ErrGenerationTooOld) {
		return nil, nil, fmt.Errorf("%w: %w", ErrReplay, err)
	}
	if err != nil {
		return nil, nil, err
	}
	defer key.Erase()
	unverified, err := m.Open(framing.OpenPrivateParams{Suite: e.suite, SenderData: sender, Key: key.Key, Nonce: key.Nonce,
		Bodies: e.params.ProposalBodies})
	if err == nil {
		err = e.params.limitContent(&unverified.Content)
	}
	var content *framing.AuthenticatedContent
	if err == nil {
		content, err = unverified.Verify(framing.VerifyParams{Suite: e.suite, SignatureKey: signer, GroupContext: &e.context})
	}
	if err != nil {
		after.EraseExcept(e.messages)
		return nil, nil, err
	}
	return content, after, nil
}

// application delivers data (RFC 9420, Section 15).
func (g *Group) application(
	content *framing.AuthenticatedContent, sender framing.SenderData, epoch *pastEpoch, after *keyschedule.SecretTree,
) (*Step, error) {
	c := content.Content()
	id, err := g.contentID(c)
	if err != nil {
		return nil, err
	}
	leaf, _ := epoch.tree.Leaf(sender.LeafIndex)
	next := g.clone()
	if g.pastOf(epoch.public) != nil { // after a removal, the epoch that ended with it too
		next.past = replacePast(g.past, &pastEpoch{epoch.public, epoch.senderData, after})
	} else {
		next.messages = after
	}
	s := g.step(next)
	s.Events = []Event{&ApplicationMessage{
		Epoch: c.Epoch, Sender: sender.LeafIndex, Leaf: leaf, Data: c.ApplicationData,
		AuthenticatedData: c.AuthenticatedData, Generation: sender.Generation, ContentID: id,
	}}
	return s, nil
}

func replacePast(list []*pastEpoch, fresh *pastEpoch) []*pastEpoch {
	out := append([]*pastEpoch(nil), list...)
	for i, p := range out {
		if p.public == fresh.public {
			out[i] = fresh
		}
	}
	return out
}

// handshake handles an authentic proposal or commit; messages is the secret tree after it.
func (g *Group) handshake(content *framing.AuthenticatedContent, in Input, messages *keyschedule.SecretTree) (*Step, error) {
	if content.Content().ContentType == framing.ContentTypeProposal {
		return g.receiveProposal(content, in, messages)
	}
	return g.receiveCommit(content, in, messages)
}

// receiveProposal stores a proposal that is valid by itself (RFC 9420, Section 12.1).
func (g *Group) receiveProposal(content *framing.AuthenticatedContent, in Input, messages *keyschedule.SecretTree) (*Step, error) {
	c := content.Content()
	fresh, err := g.stored(content)
	if err != nil {
		return nil, err
	}
	switch known, own := g.proposals.find(fresh.ref), c.Sender == g.self(); {
	case known != nil && own:
		return g.repeated(&Echo{known.ref}, messages), nil
	case known != nil:
		return g.repeated(g.proposalReceived(known, g.proposals.declines(known), true), messages), nil
	case own:
		return nil, ErrOwnMessage
	}
	if err := g.params.limitWaiting(g.proposals.proposalChain, fresh.content); err != nil {
		return nil, err
	}
	claims, err := g.checkSigned(c.Proposal, c.Sender, in.Now, MomentAdd)
	if err != nil {
		return nil, err
	}
	next := g.clone()
	next.messages = messages
	fresh.keepMessage(in.Message)
	declined := g.params.declines(fresh)
	next.proposals = g.proposals.with(fresh, declined)
	s := g.step(next)
	s.Lifetimes = lifetimesIn(c.Proposal, in.Now)
	if !declined || g.params.NewcomerProposals != NewcomerProposalsDeclined {
		s.Claims = claims
	}
	s.Events = []Event{g.proposalReceived(fresh, declined, false)}
	return s, nil
}

// repeated returns the Step for a proposal that waits already. It uses up no key: any member can encrypt the same content
// again, under keys that its sender has not reached yet, and would so take them from the sender.
func (g *Group) repeated(e Event, messages *keyschedule.SecretTree) *Step {
	if messages != g.messages {
		messages.EraseExcept(g.messages)
	}
	s := g.step(g)
	s.Events = []Event{e}
	return s
}
