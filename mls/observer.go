package mls

import (
	"bytes"
	"crypto"
	"slices"
	"time"

	"github.com/copse-mls/copse/framing"
)

// Observer is the public half of a Group: it follows a group whose handshake messages are PublicMessages, with the checks
// of a member, except those of membership and confirmation tags, which need secrets. It is for delivery services, auditors
// and external senders. It is immutable and safe for concurrent use.
type Observer struct {
	*public
	proposals proposalStore
	reInit    *framing.ReInit
	former    *Observer           // before commits that no member but their authors has confirmed yet
	authors   []framing.LeafIndex // of those commits
}

// Former returns the Observer from before the last commit, or commits, as long as nobody but their author has shown to have
// taken them; nil once somebody has.
//
// An Observer cannot check confirmation tags. When a member sends a commit whose tag is wrong, the members refuse it and stay
// where they are, while an Observer goes on; and a bit that flips in the tag on the way to the Observer alone leads it to
// another transcript. So a service that orders commits by an Observer
//
//   - asks for a GroupInfo of the new epoch with each commit (see PendingCommit.GroupInfo), and refuses the commit when
//     Next.Matches(info) fails: then the tag is not the one that the author meant;
//   - goes back to Former when members report that they refuse the commit (V-CM-14), and takes another one for that epoch.
//
// A commit is confirmed by a message, signed in the new epoch, of a member who was there at Former and is the author of no
// commit since. It is not confirmed by silence: a service that hears nothing keeps both. When Former is nil and the group is lost nevertheless,
// because members plot together or an old tag was wrong, begin anew by Observe with a GroupInfo of a member.
func (o *Observer) Former() *Observer { return o.former }

// confirmed returns the Observer after a message that its sender signed in the present epoch.
func (o *Observer) confirmed(sender framing.Sender) *Observer {
	if o.former == nil || sender.SenderType != framing.SenderTypeMember || slices.Contains(o.authors, sender.LeafIndex) {
		return o
	}
	if key := o.former.tree.SignatureKey(sender.LeafIndex); !bytes.Equal(key, o.tree.SignatureKey(sender.LeafIndex)) {
		return o
	}
	next := *o
	next.former, next.authors = nil, nil
	return &next
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
	sure := o.confirmed(m.Content.Sender)
	if m.Content.ContentType == framing.ContentTypeProposal {
		return sure.receiveProposal(content, in)
	}
	return sure.receiveCommit(content, in)
}

func (o *Observer) receiveProposal(content *framing.AuthenticatedContent, in Input) (*ObserverStep, error) {
	c := content.Content()
	fresh, err := o.stored(content)
	if err != nil {
		return nil, err
	}
	if known := o.proposals.find(fresh.ref); known != nil {
		return &ObserverStep{Next: o, Events: []Event{o.proposalReceived(known, o.proposals.declines(known), true)}}, nil
	}
	if err := o.params.limitWaiting(o.proposals.proposalChain, content); err != nil {
		return nil, err
	}
	judged, err := o.checkSigned(c.Proposal, c.Sender, in.Now, MomentAdd)
	if err != nil {
		return nil, err
	}
	fresh.keepMessage(in.Message)
	next := *o
	declined := o.params.declines(fresh)
	next.proposals = o.proposals.with(fresh, declined)
	events := []Event{o.proposalReceived(fresh, declined, false)}
	return &ObserverStep{Next: &next, Events: events, Claims: judged, Lifetimes: lifetimesIn(c.Proposal, in.Now)}, nil
}

// SelfRemoves returns the SelfRemoves that wait, as they were received, for a delivery service to hand out with a GroupInfo:
// see JoinExternalParams (draft-ietf-mls-extensions, SelfRemove).
func (o *Observer) SelfRemoves() [][]byte { return o.proposals.selfRemoves() }

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
	after := &Observer{public: next.confirmed(tag), reInit: t.change.ReInit, former: o, authors: including(o.authors, t.leaf)}
	if o.former != nil { // not even where this commit begins is sure
		after.former = o.former
	}
	s := &ObserverStep{Next: after, Claims: t.claims, Lifetimes: t.lifetimes, Change: t.change}
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
	if err := o.suite.CheckSigner(by, want); err != nil {
		return nil, err
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

// TranscriptHashes returns the confirmed and interim transcript hashes (RFC 9420, Section 8.2). Observers and members can
// compare them to see that they followed the same commits.
func (p *public) TranscriptHashes() (confirmed, interim []byte) {
	return p.context.ConfirmedTranscriptHash, p.interim
}
