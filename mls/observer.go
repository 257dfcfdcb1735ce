package mls

import (
	"crypto"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// Observer is the public half of a Group: it follows a group whose handshake messages are PublicMessages, with the checks
// of a member, except those of membership and confirmation tags, which need secrets. It is for delivery services, auditors
// and external senders. It is immutable and safe for concurrent use.
type Observer struct {
	*public
	proposals *proposalStore
	reInit    *framing.ReInit
}

// ObserveParams are what an Observer begins with.
type ObserveParams struct {
	GroupInfo   []byte // one MLSMessage
	RatchetTree []byte // the data of a ratchet_tree extension, when it is not in the GroupInfo
	Now         time.Time
	Params      Params
}

// ObserverStep is what follows from a transition of an Observer. In this order: have Claims answered, store Next, deliver
// Events.
type ObserverStep struct {
	Next   *Observer
	Events []Event
	Claims []Claim
	Change *Change // what a commit did
	// Lifetimes lists leaves whose lifetimes do not cover the time that was given.
	Lifetimes []LifetimeReport
}

// Observe begins to follow a group (RFC 9420, Section 12.4.3). It fails as JoinExternal does.
func Observe(p ObserveParams) (*ObserverStep, error) {
	params := p.Params.withDefaults()
	info, suite, err := openGroupInfo(p.GroupInfo, params)
	if err != nil {
		return nil, err
	}
	public, err := importGroup(importParams{suite, params, info, p.RatchetTree})
	if err != nil {
		return nil, err
	}
	return &ObserverStep{Next: &Observer{public: public}, Claims: public.claimAll(), Lifetimes: public.reportLifetimes(p.Now)}, nil
}

// Handle processes a proposal or commit sent as PublicMessage. It fails as Group.Handle does, and with
// ErrUnexpectedMessage for a PrivateMessage.
func (o *Observer) Handle(in Input) (*ObserverStep, error) {
	m, err := decodeAs[*framing.PublicMessage](in.Message, o.params, o.tree.Width())
	if err != nil {
		return nil, err
	}
	if err := o.checkEpoch(m.Content.GroupID, m.Content.Epoch); err != nil {
		return nil, err
	}
	if o.reInit != nil {
		return nil, &InactiveError{StatusReInitialized, o.reInit}
	}
	key, err := o.senderKey(m.Content.Sender)
	if err != nil {
		return nil, err
	}
	content, err := m.Unverified().Verify(framing.VerifyParams{Suite: o.suite, SignatureKey: key, GroupContext: &o.context})
	if err != nil {
		return nil, err
	}
	if m.Content.ContentType == framing.ContentTypeProposal {
		return o.receiveProposal(content, in)
	}
	return o.receiveCommit(content, in)
}

func (o *Observer) receiveProposal(content *framing.AuthenticatedContent, in Input) (*ObserverStep, error) {
	c := content.Content()
	ref, err := content.ProposalRef(o.suite)
	if err != nil {
		return nil, err
	}
	if o.proposals.find(ref) != nil {
		return &ObserverStep{Next: o, Events: []Event{o.proposalReceived(ref, c, true)}}, nil
	}
	if err := o.params.limitWaiting(o.proposals, content); err != nil {
		return nil, err
	}
	judged, err := o.checkSigned(c.Proposal, c.Sender, in.Now, MomentAdd)
	if err != nil {
		return nil, err
	}
	next := *o
	next.proposals = o.proposals.with(&storedProposal{ref: ref, content: content})
	events := []Event{o.proposalReceived(ref, c, false)}
	return &ObserverStep{Next: &next, Events: events, Claims: judged, Lifetimes: lifetimesIn(c.Proposal, in.Now)}, nil
}

func (o *Observer) receiveCommit(content *framing.AuthenticatedContent, in Input) (*ObserverStep, error) {
	t, err := o.beginReceived(content, o.proposals, in)
	if err != nil {
		return nil, err
	}
	input, err := content.ConfirmedTranscriptHashInput()
	if err != nil {
		return nil, err
	}
	next, err := t.nextPublic(input)
	if err != nil {
		return nil, err
	}
	tag := content.Auth().ConfirmationTag
	if len(tag) != o.suite.HashSize {
		return nil, fail("V-CM-14", t.leaf, "confirmation tag of %d bytes", len(tag))
	}
	s := &ObserverStep{Next: &Observer{public: next.confirmed(tag), reInit: t.change.ReInit}, Claims: t.claims, Lifetimes: t.lifetimes, Change: t.change}
	s.Events = []Event{&EpochChanged{t.change}}
	if t.change.ReInit != nil {
		s.Events = append(s.Events, &ReInitialized{t.change, t.change.ReInit})
	}
	return s, nil
}

// Propose makes a proposal of an external sender, whose place in the group's external_senders extension is index (RFC
// 9420, Section 12.1.8). It returns an MLSMessage. The caller has to validate the credential of an Add beforehand; members
// validate it again. It fails with a *RuleError, ErrSigner, ErrNoProposal or ErrNoTime.
func (o *Observer) Propose(proposal framing.Proposal, index uint32, p ProposeParams, by crypto.Signer) ([]byte, error) {
	if err := checkGiven(proposal); err != nil {
		return nil, err
	}
	if proposal.ProposalType() == framing.ProposalTypeAdd && p.Now.IsZero() {
		return nil, ErrNoTime
	}
	sender := framing.Sender{SenderType: framing.SenderTypeExternal, SenderIndex: index}
	want, err := o.senderKey(sender)
	if err != nil {
		return nil, err
	}
	have, err := o.suite.PublicKeyOf(by)
	if err != nil {
		return nil, err
	}
	if string(have) != string(want) {
		return nil, ErrSigner
	}
	rand := o.params.rand
	if proposal, err = withNonce(o.suite, rand, proposal); err != nil {
		return nil, err
	}
	if _, err := o.checkSigned(proposal, sender, p.Now, MomentAddSent); err != nil {
		return nil, err
	}
	return o.outside(proposal, sender, p, by)
}

// ProposeSelf makes a newcomer's proposal to be added (RFC 9420, Section 12.1.8). It returns an MLSMessage. It fails
// with a *RuleError, ErrSigner, ErrNoProposal or ErrNoTime.
func (o *Observer) ProposeSelf(k *framing.KeyPackage, p ProposeParams, by crypto.Signer) ([]byte, error) {
	proposal := &framing.Add{KeyPackage: k}
	if err := checkGiven(proposal); err != nil {
		return nil, err
	}
	if p.Now.IsZero() {
		return nil, ErrNoTime
	}
	sender := framing.Sender{SenderType: framing.SenderTypeNewMemberProposal}
	if _, err := o.checkSigned(proposal, sender, p.Now, MomentAddSent); err != nil {
		return nil, err
	}
	return o.outside(proposal, sender, p, by)
}

// outside signs and frames a proposal from outside the group, which is always sent as PublicMessage.
func (o *Observer) outside(proposal framing.Proposal, sender framing.Sender, p ProposeParams, by crypto.Signer) ([]byte, error) {
	content, err := o.sign(o.params.rand, by, framing.WireFormatPublicMessage, &framing.FramedContent{
		Sender: sender, AuthenticatedData: p.AuthenticatedData,
		ContentType: framing.ContentTypeProposal, Proposal: proposal,
	})
	if err != nil {
		return nil, err
	}
	return o.marshalPublic(content, ciphersuite.Secret{})
}

// TranscriptHashes returns the confirmed and interim transcript hashes (RFC 9420, Section 8.2). Observers and members can
// compare them to see that they followed the same commits.
func (p *public) TranscriptHashes() (confirmed, interim []byte) {
	return p.context.ConfirmedTranscriptHash, p.interim
}
