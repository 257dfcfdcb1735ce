package mls_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// Peek returns what a service needs to route each kind of message.
func TestPeek(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	peek := func(message []byte) mls.MessageInfo {
		return must(mls.Peek(message))
	}
	inGroup := mls.MessageInfo{WireFormat: framing.WireFormatPublicMessage, GroupID: []byte("group"), Epoch: 1,
		ContentType: framing.ContentTypeProposal,
		Sender:      &framing.Sender{SenderType: framing.SenderTypeMember, LeafIndex: 1}}
	proposal := bob.Propose(&framing.GroupContextExtensions{}, alice)
	require.Equal(t, inGroup, peek(proposal))

	carol := newMember(t, "carol")
	keys := carol.KeyPackage(t)
	ref := must(keys.KeyPackage.Ref(carol.Suite))
	published := must(keys.Message())
	require.Equal(t, mls.MessageInfo{WireFormat: framing.WireFormatKeyPackage, CipherSuite: testSuite,
		KeyPackages: []framing.KeyPackageRef{ref}}, peek(published))
	foreign := *keys.KeyPackage
	foreign.CipherSuite = 0xf0f0
	require.Equal(t, mls.MessageInfo{WireFormat: framing.WireFormatKeyPackage, CipherSuite: 0xf0f0},
		peek(mlstest.Message(t, &foreign)), "nobody here can name it")

	made := alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys.KeyPackage}}}, bob)
	commit, adopted := made.Message, made.Adopted
	inGroup.ContentType, inGroup.Sender = framing.ContentTypeCommit, &framing.Sender{SenderType: framing.SenderTypeMember}
	inGroup.Proposals = []framing.ProposalRef{adopted.Change.Proposals[0].Ref}
	require.Equal(t, inGroup, peek(commit))
	require.Equal(t, mls.MessageInfo{WireFormat: framing.WireFormatWelcome, CipherSuite: testSuite,
		KeyPackages: []framing.KeyPackageRef{ref}}, peek(adopted.Send[0].Message))
	require.Equal(t, mls.MessageInfo{WireFormat: framing.WireFormatGroupInfo, CipherSuite: testSuite, GroupID: []byte("group"),
		Epoch: 2}, peek(alice.Info()))
	require.Equal(t, mls.MessageInfo{WireFormat: framing.WireFormatPrivateMessage, GroupID: []byte("group"), Epoch: 2,
		ContentType: framing.ContentTypeApplication}, peek(alice.Say("data")))

	var syntax *mls.SyntaxError
	require.ErrorAs(t, failure(mls.Peek(commit[:len(commit)-1])), &syntax)
	require.ErrorAs(t, failure(mls.Peek(nil)), &syntax)
}

// FuzzPeek: whatever comes in, Peek returns, and what it accepts it can name.
func FuzzPeek(f *testing.F) {
	alice := mlstest.NewParty(f, testSuite, "alice")
	keys := alice.KeyPackage(f)
	message := must(keys.Message())
	f.Add(message)
	s := must(alice.Create(f, "group").Protect([]byte("data"), mls.ProtectParams{}, alice.Signer))
	f.Add(s.Send[0].Message)
	f.Fuzz(func(t *testing.T, message []byte) {
		if info, err := mls.Peek(message); err == nil {
			require.NotZero(t, info.WireFormat)
			require.Equal(t, info.GroupID == nil, info.WireFormat == framing.WireFormatWelcome || info.WireFormat == framing.WireFormatKeyPackage)
		}
	})
}

// Matches checks whether a GroupInfo belongs to the state that a member or an observer has.
func TestMatches(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	seen := alice.Observe()
	now := alice.Info()
	require.NoError(t, seen.Matches(now))
	require.NoError(t, bob.Group.Matches(now))
	bare := must(alice.Group.GroupInfo(mls.GroupInfoParams{OmitTree: true}, alice.Signer))
	require.NoError(t, seen.Matches(bare))

	// Both commit. Bob adopts his own commit without asking the service, against the contract.
	mine := alice.MakeCommit(mls.CommitParams{})
	wrong := bob.MakeCommit(mls.CommitParams{})
	ahead := must(mine.Next.Pending().GroupInfo(mls.GroupInfoParams{ExternalPub: true}, alice.Signer))
	require.ErrorIs(t, seen.Matches(ahead), mls.ErrFutureEpoch)
	alice.Take(alice.Group.Adopt())
	require.NoError(t, alice.Group.Matches(ahead), "made before the commit was taken")
	bob.Take(wrong.Next.Adopt())
	require.ErrorIs(t, bob.Group.Matches(ahead), mls.ErrForked)
	require.ErrorIs(t, alice.Group.Matches(now), mls.ErrOldEpoch)
	step := must(seen.Handle(input(mine.Send[0].Message)))
	require.NoError(t, step.Next.Matches(ahead))
	require.Equal(t, step.Change, step.Events[0].(*mls.EpochChanged).Change)

	// What is not authentic says nothing about a fork.
	breaks(t, "V-WEL-05", step.Next.Matches(alice.Insider().GroupInfo(t, func(info *framing.GroupInfo) { info.Signer = 1 })))
	breaks(t, "V-WEL-05", step.Next.Matches(alice.Insider().GroupInfo(t, func(info *framing.GroupInfo) { info.Signer = 7 })))
	breaks(t, "V-TREE-03", step.Next.Matches(alice.Insider().GroupInfo(t, func(info *framing.GroupInfo) {
		info.Extensions[0].Data = bob.Group.Tree().Export()
	})))
	require.ErrorIs(t, step.Next.Matches(alice.Insider().GroupInfo(t, func(info *framing.GroupInfo) {
		info.ConfirmationTag = make([]byte, len(info.ConfirmationTag))
	})), mls.ErrForked)
	other := newMember(t, "eve")
	other.Group = other.Create(t, "another group")
	require.ErrorIs(t, step.Next.Matches(other.Info()), mls.ErrWrongGroup)
	require.ErrorIs(t, step.Next.Matches(mine.Send[0].Message), mls.ErrUnexpectedMessage)
}

// A client that knows only its key comes back by that.
func TestResyncByKey(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	key := must(carol.Suite.PublicKeyOf(carol.Signer))
	p := mls.JoinExternalParams{GroupInfo: alice.Info(), Leaf: carol.LeafParams, ResyncKey: key, Now: mlstest.Now(),
		Groups: [][]byte{[]byte("group")}, Params: carol.Params}
	mlstest.Seed(&p.Params, "another life")
	s := carol.Take(mls.JoinExternal(p))
	require.Equal(t, framing.LeafIndex(2), s.Change.Removed[0].Leaf)
	require.True(t, s.Change.Own)
	carol.Adopt(s, alice, bob)
	mlstest.Agree(alice, bob, carol)
	p.ResyncKey = ciphersuite.SignaturePublicKey("nobody's")
	require.ErrorIs(t, failure(mls.JoinExternal(p)), mls.ErrNotMember)
}

// Only others can commit what a member proposes about itself: a commit that would only make it void is an error.
func TestOwnRemoval(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	leave := func() []byte { return bob.Propose(&framing.Remove{Removed: bob.Group.OwnLeaf()}) }
	leave()
	require.ErrorIs(t, failure(bob.Group.Protect([]byte("data"), mls.ProtectParams{}, bob.Signer)), mls.ErrPendingProposals)
	for _, c := range []mls.CommitParams{{}, {ForcePath: true}, {Leaf: mls.LeafUpdate{Extensions: new(framing.Extensions)}}} {
		require.ErrorIs(t, failure(bob.Group.Commit(c, bob.Signer)), mls.ErrOwnRemoval)
	}
	// With something else to cover, or no references at the caller's request, the removal is left out and reported.
	s := must(bob.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.GroupContextExtensions{}}}, bob.Signer))
	require.Len(t, s.Left, 1)
	bob.Commit(mls.CommitParams{References: []framing.ProposalRef{}}, alice)
	require.Empty(t, bob.Group.Proposals())
	alice.Hear(leave()) // anew, in the next epoch
	from := alice.Group.Proposals()[0]
	require.Equal(t, "bob", string(from.From.Credential.Identity))
	require.Equal(t, alice.Group.Tree().SignatureKey(1), from.From.SignatureKey)
	alice.Commit(mls.CommitParams{}, bob)
	require.Equal(t, mls.StatusRemoved, bob.Group.Status())
}

// Whoever proposed is named: a member, somebody outside of the group, a newcomer.
func TestProposers(t *testing.T) {
	cast, moderator, seen := moderated(t, nil, "alice", "bob")
	alice, bob := cast[0], cast[1]
	carol := newMember(t, "carol")
	asked := must(seen.ProposeSelf(carol.KeyPackage(t).KeyPackage, mls.ProposeParams{Now: mlstest.Now()}, carol.Signer))
	ordered := must(seen.Propose(&framing.GroupContextExtensions{}, 1, mls.ProposeParams{}, moderator.Signer))
	var names []string
	for _, message := range [][]byte{bob.Propose(&framing.Remove{Removed: 1}), asked, ordered} {
		e := alice.Hear(message).Events[0].(*mls.ProposalReceived)
		names = append(names, string(e.From.Credential.Identity))
	}
	require.Equal(t, []string{"bob", "carol", string(moderator.Credential.Identity)}, names)
	s := alice.MakeCommit(mls.CommitParams{})
	alice.Reload()
	require.Equal(t, s.Change, alice.Group.Pending().Change, "stored and loaded")
	for k, p := range s.Change.Proposals {
		require.Equal(t, names[k], string(p.From.Credential.Identity))
	}
}

// Every transition of a Group that was erased fails, whatever message comes and whatever waits.
func TestErasedWithCommit(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	committed := alice.MakeCommit(mls.CommitParams{})
	holding := committed.Next
	adopted := must(holding.Adopt())
	adopted.Erase()
	own, theirs := committed.Send[0].Message, bob.Say("data")
	joining := must(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: bob.Info(), Leaf: newMember(t, "eve").LeafParams}))
	joined := must(joining.Next.Adopt())
	joined.Erase()
	for name, g := range map[string]*mls.Group{"member": holding, "newcomer": joining.Next} {
		for what, call := range map[string]func() error{
			"Adopt":         func() error { _, err := g.Adopt(); return err },
			"Drop":          func() error { _, err := g.Drop(); return err },
			"own commit":    func() error { _, err := g.Handle(input(own)); return err },
			"message":       func() error { _, err := g.Handle(input(theirs)); return err },
			"no message":    func() error { _, err := g.Handle(input(nil)); return err },
			"Protect":       func() error { _, err := g.Protect(nil, mls.ProtectParams{}, alice.Signer); return err },
			"Commit":        func() error { _, err := g.Commit(mls.CommitParams{}, alice.Signer); return err },
			"Propose":       func() error { _, err := g.Propose(&framing.Remove{}, mls.ProposeParams{}, alice.Signer); return err },
			"Export":        func() error { _, err := g.Export("label", nil, 16); return err },
			"GroupInfo":     func() error { _, err := g.GroupInfo(mls.GroupInfoParams{}, alice.Signer); return err },
			"Authenticator": func() error { return failure(g.EpochAuthenticator()) },
		} {
			require.ErrorIs(t, call(), mls.ErrErased, "%s: %s", name, what)
		}
	}
	require.NoError(t, bob.Group.Matches(bob.Info()))
	over := bob.Group
	over.EraseAll()
	require.ErrorIs(t, failure(over.Handle(input(own))), mls.ErrErased)
}

// What a caller forgot is named in the error.
func TestForgotten(t *testing.T) {
	alice := newCast(t, "alice", "bob")[0]
	bob := newMember(t, "bob")
	for _, p := range []framing.Proposal{nil, (*framing.Remove)(nil), (*framing.Add)(nil), &framing.Add{}} {
		_, err := alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{p}, Now: mlstest.Now()}, alice.Signer)
		require.ErrorIs(t, err, mls.ErrNoProposal)
		require.ErrorIs(t, failure(alice.Group.Propose(p, mls.ProposeParams{Now: mlstest.Now()}, alice.Signer)), mls.ErrNoProposal)
		require.ErrorIs(t, failure(alice.Observe().Propose(p, 0, mls.ProposeParams{Now: mlstest.Now()}, alice.Signer)), mls.ErrNoProposal)
	}
	require.ErrorIs(t, failure(alice.Observe().ProposeSelf(nil, mls.ProposeParams{Now: mlstest.Now()}, bob.Signer)), mls.ErrNoProposal)
	breaks(t, "V-LN-16", failure(mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: bob.LeafParams})))
	breaks(t, "V-LN-16", failure(mls.Create(mls.CreateParams{CipherSuite: testSuite, Leaf: bob.LeafParams})))
}
