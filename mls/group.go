package mls

import (
	"bytes"
	"crypto"
	"fmt"
	"iter"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/treekem"
)

// Group is one member's view of a group at one moment. It is immutable: every transition returns a Step and leaves
// the receiver as it was. It is safe for concurrent use.
type Group struct {
	groupState
	erased atomic.Bool // once its secrets were erased; the one thing that changes
	old    []string    // the keys of its records, when they are of an earlier version and have to be written anew
}

// groupState is what one Group holds, and what a transition copies of it.
type groupState struct {
	epochState
	proposals  proposalStore
	pending    *pendingCommit
	past       []*pastEpoch    // newest first
	resumption []resumptionPSK // of past epochs, newest first
	status     Status
	reInit     *framing.ReInit // when status is StatusReInitialized
	successor  *successorLink  // in the first epoch of a successor group that this member creates
	lastOwn    []byte          // messageID of the own commit that began this epoch, to recognize its echo
	arrivals   arrivals
	steps      uint64 // since it was created or joined
}

// epochState is what a member has in one epoch.
type epochState struct {
	*public
	private  *treekem.PrivatePath
	secrets  *keyschedule.EpochSecrets
	messages *keyschedule.SecretTree
}

// public is what every member and observer has in one epoch. It does not change.
type public struct {
	suite   *ciphersuite.Suite
	params  *Params
	context framing.GroupContext
	encoded []byte             // context, encoded
	rules   *treekem.LeafRules // that the context gives
	senders func() (framing.ExternalSenders, error)
	tree    *treekem.Tree
	interim []byte // interim transcript hash
	tag     []byte // confirmation tag with which the epoch began
}

// pastEpoch is what is kept of an epoch that is over, to read late messages.
type pastEpoch struct {
	*public
	senderData ciphersuite.Secret
	messages   *keyschedule.SecretTree
}

// resumptionPSK is the resumption PSK of a past epoch (RFC 9420, Section 8.6).
type resumptionPSK struct {
	epoch  framing.Epoch
	secret ciphersuite.Secret
}

// pendingCommit is a commit of the member's own that has not taken effect.
type pendingCommit struct {
	message  []byte // one MLSMessage, as it was sent
	next     *epochState
	welcomes []Outgoing
	change   *Change

	once sync.Once // guards hash, which digest computes
	hash []byte
}

// is reports whether a message is the pending commit.
func (p *pendingCommit) is(message []byte) bool { return p != nil && bytes.Equal(p.message, message) }

// Status says whether its member can use a Group.
type Status uint8

// The statuses of a Group.
const (
	StatusActive        Status = iota
	StatusJoining              // the external commit has not been adopted yet
	StatusRemoved              // a commit removed this member
	StatusReInitialized        // a commit ended the group in favour of a successor
	StatusAbandoned            // the external commit was dropped
)

// String returns the name of the status.
func (s Status) String() string {
	names := [...]string{"active", "joining", "member was removed", "group was reinitialized", "external join was dropped"}
	if int(s) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("Status(%d)", uint8(s))
}

// InactiveError says why a Group is over for this member. It unwraps to ErrInactive.
type InactiveError struct {
	Status Status
	ReInit *framing.ReInit // what the successor group will be, when Status is StatusReInitialized
}

func (e *InactiveError) Error() string { return fmt.Sprintf("%v: %v", ErrInactive, e.Status) }

// Unwrap returns ErrInactive.
func (e *InactiveError) Unwrap() error { return ErrInactive }

// Input is what Handle gets from outside the Group: a transition reads no clock and no storage.
type Input struct {
	Message []byte    // one MLSMessage
	Now     time.Time // compared with lifetimes, for Step.Lifetimes; zero when nothing is to be reported
	PSKs    PSKs      // secrets for the IDs that a MissingPSKError asked for
}

// Step is what follows from a transition. To let it take effect, have Claims answered; store Next, Send, Events and the
// deletion of Used in one transaction; call Erase; and only then send and deliver. The package documentation has it as
// code.
type Step struct {
	Next   *Group
	Send   []Outgoing
	Events []Event
	Claims []Claim  // every credential that Next would trust anew
	Change *Change  // of a commit: what it did, or will do while it is pending in Next
	Used   *UsedKey // the KeyPackage whose private part the Step used up, when it joined by Welcome
	// Lifetimes lists leaves that others sent whose lifetimes do not cover the time that was given. They are reported and
	// not refused, because members' clocks differ, and a member that refused what the others took would be cut off.
	Lifetimes []LifetimeReport
	// UnusedPSKs lists the PSKs that were given and that the commit or Welcome does not name: they are no part of what Next
	// knows to be shared. A message that is neither uses none.
	UnusedPSKs []framing.PreSharedKeyID
	// Left lists stored proposals that a commit did not cover although it might have, and why, in the order of their arrival.
	Left []LeftProposal

	old *Group
}

// UsedKey names a KeyPackage. Unless it is marked last resort, delete its private part when the Step takes effect.
type UsedKey struct {
	Ref        framing.KeyPackageRef
	LastResort bool
}

// OutgoingKind says what an Outgoing is and who is to get it.
type OutgoingKind uint8

// The kinds of outgoing messages.
const (
	OutgoingProposal    OutgoingKind = iota + 1 // to all members
	OutgoingCommit                              // to all members, by way of whoever orders commits
	OutgoingApplication                         // to all members
	OutgoingWelcome                             // to the new members
)

// Outgoing is a message to send. It goes out at least once, for a crash may come between sending and removing it from the
// outbox, and a service may repeat it. A copy does no harm. This is what other members get for it from Handle:
//
//   - Application data: ErrReplay, or ErrOldEpoch when the epoch is no longer kept.
//   - A proposal: a ProposalReceived with Again set when it is a PublicMessage, ErrReplay when it is a PrivateMessage, and
//     ErrOldEpoch once the epoch is over.
//   - A commit: ErrOldEpoch, whether or not it was taken; a member that it removed, an *InactiveError.
//   - A Welcome: Join refuses it, for the KeyPackage was used up: by ErrUsedKeyPackage when JoinParams.Used names that, else
//     by rule V-WEL-01. One of last resort is still there: then
//     JoinParams.Groups has to name the group (V-WEL-06), or a second Group would use the keys of the first one again.
//
// The author gets an Echo for what comes back, copy or not; for a proposal or a commit that was not taken, ErrOldEpoch once
// the epoch is over; and the first time that the pending commit comes back, it is adopted.
//
// A message that waits in the outbox while the group goes on can come too late. Data is read while the others keep its
// epoch, as their Params.PastEpochs say, and after that has to be protected again; a proposal has to be proposed again.
type Outgoing struct {
	Kind    OutgoingKind
	Message []byte                  // one MLSMessage
	To      []framing.KeyPackageRef // of a Welcome: whom it is for

	tree *treekem.Tree // of a Welcome without the tree inside
}

// RatchetTree returns the data of a ratchet_tree extension for those whom a Welcome without the tree inside is for, to bring
// along with it; nil when nothing goes beside the message (RFC 9420, Section 12.4.3.3). It is made with each call, as large as
// the tree, and the same for all Welcomes of an epoch: an outbox stores it once, or makes it when somebody asks.
func (o *Outgoing) RatchetTree() []byte {
	if o.tree == nil {
		return nil
	}
	return o.tree.Export()
}

// GroupID returns the group id, which must not be changed.
func (p *public) GroupID() []byte { return p.context.GroupID }

// Epoch returns the present epoch.
func (p *public) Epoch() framing.Epoch { return p.context.Epoch }

// Suite returns the group's cipher suite, ready for use.
func (p *public) Suite() *ciphersuite.Suite { return p.suite }

// Context returns the group context (RFC 9420, Section 8.1). Its slices must not be changed.
func (p *public) Context() framing.GroupContext { return p.context }

// Tree returns the public ratchet tree.
func (p *public) Tree() *treekem.Tree { return p.tree }

// Members yields the members in the order of their leaves.
func (p *public) Members() iter.Seq2[framing.LeafIndex, *framing.LeafNode] { return p.tree.Leaves() }

// PathCost returns the number of ciphertexts that a commit with a path by the member at leaf would hold now: about log n
// when all parents of the tree have keys, and up to n when they are blank, as they are after Updates and Removes and in a
// group that was just filled. In a large group, members for whom it is low should commit. See treekem.Tree.PathCost.
func (p *public) PathCost(leaf framing.LeafIndex) int { return p.tree.PathCost(leaf) }

// ConfirmationTag returns the tag with which the epoch began (RFC 9420, Section 6.1).
func (p *public) ConfirmationTag() []byte { return p.tag }

// OwnLeaf returns the member's own leaf index.
func (g *Group) OwnLeaf() framing.LeafIndex { return g.private.Leaf() }

// Status reports whether the Group can be used, and if not, why.
func (g *Group) Status() Status { return g.status }

// EpochAuthenticator returns a value that members compare, by means outside of MLS, to check that they agree about the
// group (RFC 9420, Section 8.7). Members of a reinitialized group may compare the last one before they trust its
// successor. It fails with an *InactiveError.
func (g *Group) EpochAuthenticator() ([]byte, error) {
	if err := g.usable(); err != nil && g.status != StatusReInitialized {
		return nil, err
	}
	if g.secrets.EpochAuthenticator.IsZero() {
		return nil, ErrErased
	}
	return slices.Clone(g.secrets.EpochAuthenticator.Bytes()), nil
}

// Export derives n bytes for use outside of MLS, bound to the epoch, label and context (RFC 9420, Section 8.5). It
// fails with an *InactiveError, keyschedule.ErrExportLength or ErrErased.
func (g *Group) Export(label string, context []byte, n int) (ciphersuite.Secret, error) {
	if err := g.usable(); err != nil {
		return ciphersuite.Secret{}, err
	}
	return g.secrets.Export(label, context, n)
}

// isErased reports whether the secrets that only this Group has were erased.
func (g *Group) isErased() bool { return g.erased.Load() }

// usable checks that the group is not erased, not over, and has begun.
func (g *Group) usable() error {
	switch {
	case g.isErased():
		return ErrErased
	case g.status == StatusJoining:
		return ErrPending
	case g.status != StatusActive:
		return &InactiveError{g.status, g.reInit}
	case g.secrets.InitSecret.Secret().IsZero():
		return ErrErased
	}
	return nil
}

// newPublic returns what is public in the epoch of a group context.
func newPublic(suite *ciphersuite.Suite, params *Params, context framing.GroupContext, tree *treekem.Tree) (*public, error) {
	encoded, err := framing.Marshal(&context)
	if err != nil {
		return nil, err
	}
	p := &public{suite: suite, params: params, context: context, encoded: encoded, tree: tree, senders: readSenders(context.Extensions)}
	p.rules, err = treekem.NewLeafRules(&p.context)
	return p, err
}

// readSenders returns a function that gives the external senders in the extensions. It decodes them when it is first called, and
// then no more: each proposal of one of them asks several times who that is, and there may be many.
func readSenders(list framing.Extensions) func() (framing.ExternalSenders, error) {
	return sync.OnceValues(func() (senders framing.ExternalSenders, err error) {
		_, err = list.Get(&senders)
		return senders, err
	})
}

// confirmed returns p with its confirmation tag and the interim transcript hash that follows from it (RFC 9420,
// Section 8.2).
func (p *public) confirmed(tag []byte) *public {
	c := *p
	c.tag = tag
	c.interim = keyschedule.InterimTranscriptHash(p.suite, p.context.ConfirmedTranscriptHash, tag)
	return &c
}

// step returns the beginning of a Step from g. When next is not g, the Step changes something.
func (g *Group) step(next *Group) *Step {
	if next != g {
		next.steps = g.steps + 1
	}
	return &Step{Next: next, old: g}
}

// clone returns a copy of the Group for a transition to change.
func (g *Group) clone() *Group {
	return &Group{groupState: g.groupState}
}

// inEpoch returns the Group in the epoch that a commit leads to. What is kept of the present epoch becomes a past one.
func (g *Group) inEpoch(next epochState, c *Change) *Group {
	n := &Group{groupState: groupState{epochState: next, arrivals: g.arrivals.after(c)}}
	n.past = prepend(&pastEpoch{g.public, g.secrets.SenderDataSecret, g.messages}, g.past, g.params.PastEpochs)
	n.resumption = prepend(resumptionPSK{g.Epoch(), g.secrets.ResumptionPSK}, g.resumption, g.params.ResumptionEpochs)
	return n
}

// prepend puts x before list and keeps at most limit elements.
func prepend[T any](x T, list []T, limit int) []T {
	all := append([]T{x}, list...)
	return all[:min(limit, len(all)):min(limit, len(all))]
}

// ResumptionPSKs returns the resumption PSKs of this group that are kept, the present epoch's first (RFC 9420, Section
// 8.6). The group itself finds them; give them as PSKs where another group, or a join by external commit, is to prove
// membership in this one. The secrets stay the Group's: they are erased with it.
func (g *Group) ResumptionPSKs() PSKs {
	if g.secrets == nil {
		return nil
	}
	all := PSKs{{ID: ResumptionPSKID(g.GroupID(), g.Epoch()), Secret: g.secrets.ResumptionPSK}}
	for _, r := range g.resumption {
		all = append(all, PSK{ID: ResumptionPSKID(g.GroupID(), r.epoch), Secret: r.secret})
	}
	return all
}

// noKeys returns the private state of somebody who is not a member: no keys, only the leaf's place.
func noKeys(suite *ciphersuite.Suite, leaf framing.LeafIndex) *treekem.PrivatePath {
	return treekem.NewPrivatePath(suite, leaf, ciphersuite.KeyPair{})
}

// self returns the member as a Sender.
func (g *Group) self() framing.Sender {
	return framing.Sender{SenderType: framing.SenderTypeMember, LeafIndex: g.OwnLeaf()}
}

// maySend checks that the member may send in this epoch and that the signer is its own.
func (g *Group) maySend(by crypto.Signer) error {
	if err := g.usable(); err != nil {
		return err
	}
	return g.suite.CheckSigner(by, g.tree.SignatureKey(g.OwnLeaf()))
}

// senderIdentity returns who sends a proposal: a member, an external sender, or a newcomer that asks to be added. It is zero
// for a newcomer that commits, whose leaf comes with the path.
func (p *public) senderIdentity(from framing.Sender, proposal framing.Proposal) Identity {
	switch from.SenderType {
	case framing.SenderTypeMember:
		if leaf, ok := p.tree.Leaf(from.LeafIndex); ok {
			return identityOf(leaf)
		}
	case framing.SenderTypeExternal:
		if senders, err := p.senders(); err == nil && int64(from.SenderIndex) < int64(len(senders)) {
			return Identity{senders[from.SenderIndex].Credential, senders[from.SenderIndex].SignatureKey}
		}
	case framing.SenderTypeNewMemberProposal:
		if add, ok := proposal.(*framing.Add); ok {
			return identityOf(&add.KeyPackage.LeafNode)
		}
	}
	return Identity{}
}

// pskSources returns where a commit of the member's own, or of a newcomer when g is nil, finds PSKs.
func pskSources(g *Group, brought PSKs) []PSKs {
	if g == nil {
		return []PSKs{brought}
	}
	return []PSKs{brought, g.ResumptionPSKs(), g.successor.psks()}
}

// Proposals lists the proposals of the present epoch that wait for a commit, in the order of their arrival.
func (g *Group) Proposals() []CommittedProposal { return g.listed(g.proposals.waiting()) }

// Declined lists the proposals of the present epoch that do not wait for a commit, in the order of their arrival: see
// Group.Decline.
func (g *Group) Declined() []CommittedProposal { return g.listed(g.proposals.those(true)) }

func (g *Group) listed(list []*storedProposal) []CommittedProposal {
	var out []CommittedProposal
	for _, p := range list {
		out = append(out, CommittedProposal{p.proposal(), p.sender(), g.senderIdentity(p.sender(), p.proposal()), p.ref})
	}
	return out
}
