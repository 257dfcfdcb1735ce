package mls_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// Peek tells of every kind of message what a service needs to route it.
func TestPeek(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	peek := func(message []byte) mls.MessageInfo {
		info, err := mls.Peek(message)
		require.NoError(t, err)
		return info
	}
	inGroup := mls.MessageInfo{WireFormat: framing.WireFormatPublicMessage, GroupID: []byte("group"), Epoch: 1,
		ContentType: framing.ContentTypeProposal,
		Sender:      &framing.Sender{SenderType: framing.SenderTypeMember, LeafIndex: 1}}
	proposal := bob.propose(&framing.GroupContextExtensions{}, alice)
	require.Equal(t, inGroup, peek(proposal))

	carol := newPlayer(t, "carol")
	keys := carol.KeyPackage(t)
	ref, err := keys.KeyPackage.Ref(carol.Suite)
	require.NoError(t, err)
	published, err := keys.Message()
	require.NoError(t, err)
	require.Equal(t, mls.MessageInfo{WireFormat: framing.WireFormatKeyPackage, CipherSuite: testSuite,
		KeyPackages: []framing.KeyPackageRef{ref}}, peek(published))
	foreign := *keys.KeyPackage
	foreign.CipherSuite = 0xf0f0
	require.Equal(t, mls.MessageInfo{WireFormat: framing.WireFormatKeyPackage, CipherSuite: 0xf0f0},
		peek(mlstest.Message(t, &foreign)), "nobody here can name it")

	commit, adopted := alice.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys.KeyPackage}}}, bob)
	inGroup.ContentType, inGroup.Sender = framing.ContentTypeCommit, &framing.Sender{SenderType: framing.SenderTypeMember}
	inGroup.Proposals = []framing.ProposalRef{adopted.Change.Proposals[0].Ref}
	require.Equal(t, inGroup, peek(commit))
	require.Equal(t, mls.MessageInfo{WireFormat: framing.WireFormatWelcome, CipherSuite: testSuite,
		KeyPackages: []framing.KeyPackageRef{ref}}, peek(adopted.Send[0].Message))
	require.Equal(t, mls.MessageInfo{WireFormat: framing.WireFormatGroupInfo, CipherSuite: testSuite, GroupID: []byte("group"),
		Epoch: 2}, peek(alice.info()))
	require.Equal(t, mls.MessageInfo{WireFormat: framing.WireFormatPrivateMessage, GroupID: []byte("group"), Epoch: 2,
		ContentType: framing.ContentTypeApplication}, peek(alice.say("data")))

	var syntax *mls.SyntaxError
	_, err = mls.Peek(commit[:len(commit)-1])
	require.ErrorAs(t, err, &syntax)
	_, err = mls.Peek(nil)
	require.ErrorAs(t, err, &syntax)
}

// FuzzPeek: whatever comes in, Peek returns, and what it accepts it can name.
func FuzzPeek(f *testing.F) {
	alice := mlstest.NewClient(f, testSuite, "alice")
	keys := alice.KeyPackage(f)
	message, err := keys.Message()
	require.NoError(f, err)
	f.Add(message)
	s, err := alice.Create(f, "group").Protect([]byte("data"), mls.ProtectParams{}, alice.Signer)
	require.NoError(f, err)
	f.Add(s.Send[0].Message)
	f.Fuzz(func(t *testing.T, message []byte) {
		if info, err := mls.Peek(message); err == nil {
			require.NotZero(t, info.WireFormat)
			require.Equal(t, info.GroupID == nil, info.WireFormat == framing.WireFormatWelcome || info.WireFormat == framing.WireFormatKeyPackage)
		}
	})
}

// Matches tells whether a GroupInfo belongs to the state that a member or an observer has.
func TestMatches(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	seen := alice.observe()
	now := alice.info()
	require.NoError(t, seen.Matches(now))
	require.NoError(t, bob.group.Matches(now))
	bare, err := alice.group.GroupInfo(mls.GroupInfoParams{OmitTree: true}, alice.Signer)
	require.NoError(t, err)
	require.NoError(t, seen.Matches(bare))

	// Both commit. Bob takes his own commit for the one that counts, against the contract.
	mine := alice.take(alice.group.Commit(mls.CommitParams{}, alice.Signer))
	wrong := bob.take(bob.group.Commit(mls.CommitParams{}, bob.Signer))
	ahead, err := mine.Next.Pending().GroupInfo(mls.GroupInfoParams{ExternalPub: true}, alice.Signer)
	require.NoError(t, err)
	require.ErrorIs(t, seen.Matches(ahead), mls.ErrFutureEpoch)
	alice.take(alice.group.Adopt())
	require.NoError(t, alice.group.Matches(ahead), "made before the commit was taken")
	bob.take(wrong.Next.Adopt())
	require.ErrorIs(t, bob.group.Matches(ahead), mls.ErrForked)
	require.ErrorIs(t, alice.group.Matches(now), mls.ErrOldEpoch)
	step, err := seen.Handle(input(mine.Send[0].Message))
	require.NoError(t, err)
	require.NoError(t, step.Next.Matches(ahead))
	require.Equal(t, step.Change, step.Events[0].(*mls.EpochChanged).Change)

	// What is not authentic says nothing about a fork.
	breaks(t, "V-WEL-05", step.Next.Matches(alice.insider().GroupInfo(t, func(info *framing.GroupInfo) { info.Signer = 1 })))
	breaks(t, "V-WEL-05", step.Next.Matches(alice.insider().GroupInfo(t, func(info *framing.GroupInfo) { info.Signer = 7 })))
	breaks(t, "V-TREE-03", step.Next.Matches(alice.insider().GroupInfo(t, func(info *framing.GroupInfo) {
		info.Extensions[0].Data = bob.group.Tree().Export()
	})))
	require.ErrorIs(t, step.Next.Matches(alice.insider().GroupInfo(t, func(info *framing.GroupInfo) {
		info.ConfirmationTag = make([]byte, len(info.ConfirmationTag))
	})), mls.ErrForked)
	other := newPlayer(t, "eve")
	other.group = other.Create(t, "another group")
	require.ErrorIs(t, step.Next.Matches(other.info()), mls.ErrWrongGroup)
	require.ErrorIs(t, step.Next.Matches(mine.Send[0].Message), mls.ErrUnexpectedMessage)
}

// A client that knows only its key comes back by that.
func TestResyncByKey(t *testing.T) {
	cast := stage(t, "alice", "bob", "carol")
	alice, bob, carol := cast[0], cast[1], cast[2]
	key, err := carol.Suite.PublicKeyOf(carol.Signer)
	require.NoError(t, err)
	p := mls.JoinExternalParams{GroupInfo: alice.info(), Leaf: carol.LeafParams, ResyncKey: key, Now: mlstest.Now(),
		Groups: [][]byte{[]byte("group")}, Params: carol.Params}
	mlstest.Seed(&p.Params, "another life")
	s := carol.take(mls.JoinExternal(p))
	require.Equal(t, framing.LeafIndex(2), s.Change.Removed[0].Leaf)
	require.True(t, s.Change.Own)
	carol.take(carol.group.Adopt())
	tell(s.Send[0].Message, alice, bob)
	together(alice, bob, carol)
	p.ResyncKey = ciphersuite.SignaturePublicKey("nobody's")
	_, err = mls.JoinExternal(p)
	require.ErrorIs(t, err, mls.ErrNotMember)
}

// What one member proposes about itself only others commit: a commit that would do nothing but void it is an error.
func TestOwnRemoval(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	leave := func() []byte { return bob.propose(&framing.Remove{Removed: bob.group.OwnLeaf()}) }
	leave()
	_, err := bob.group.Protect([]byte("data"), mls.ProtectParams{}, bob.Signer)
	require.ErrorIs(t, err, mls.ErrPendingProposals)
	for _, c := range []mls.CommitParams{{}, {ForcePath: true}, {Leaf: mls.LeafUpdate{Extensions: new(framing.Extensions)}}} {
		_, err = bob.group.Commit(c, bob.Signer)
		require.ErrorIs(t, err, mls.ErrOwnRemoval)
	}
	// Something else to cover, or no reference by the caller's own word: the removal is left, and said to be.
	s, err := bob.group.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.GroupContextExtensions{}}}, bob.Signer)
	require.NoError(t, err)
	require.Len(t, s.Left, 1)
	bob.commit(mls.CommitParams{References: []framing.ProposalRef{}}, alice)
	require.Empty(t, bob.group.Proposals())
	alice.hear(leave()) // anew, in the next epoch
	from := alice.group.Proposals()[0]
	require.Equal(t, "bob", string(from.From.Credential.Identity))
	require.Equal(t, alice.group.Tree().SignatureKey(1), from.From.SignatureKey)
	alice.commit(mls.CommitParams{}, bob)
	require.Equal(t, mls.StatusRemoved, bob.group.Status())
}

// Whoever proposed is named: a member, somebody outside of the group, a newcomer.
func TestProposers(t *testing.T) {
	cast, moderator, seen := moderated(t, nil, "alice", "bob")
	alice, bob := cast[0], cast[1]
	carol := newPlayer(t, "carol")
	asked, err := seen.ProposeSelf(carol.KeyPackage(t).KeyPackage, mls.ProposeParams{Now: mlstest.Now()}, carol.Signer)
	require.NoError(t, err)
	ordered, err := seen.Propose(&framing.GroupContextExtensions{}, 1, mls.ProposeParams{}, moderator.Signer)
	require.NoError(t, err)
	var names []string
	for _, message := range [][]byte{bob.propose(&framing.Remove{Removed: 1}), asked, ordered} {
		e := alice.hear(message).Events[0].(*mls.ProposalReceived)
		names = append(names, string(e.From.Credential.Identity))
	}
	require.Equal(t, []string{"bob", "carol", string(moderator.Credential.Identity)}, names)
	s := alice.take(alice.group.Commit(mls.CommitParams{Now: mlstest.Now()}, alice.Signer))
	alice.reload()
	require.Equal(t, s.Change, alice.group.Pending().Change, "stored and loaded")
	for k, p := range s.Change.Proposals {
		require.Equal(t, names[k], string(p.From.Credential.Identity))
	}
}

// Every transition of a Group that was erased fails, whatever message comes and whatever waits.
func TestErasedWithCommit(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	committed := alice.take(alice.group.Commit(mls.CommitParams{}, alice.Signer))
	holding := committed.Next
	adopted, err := holding.Adopt()
	require.NoError(t, err)
	adopted.Erase()
	own, theirs := committed.Send[0].Message, bob.say("data")
	joining, err := mls.JoinExternal(mls.JoinExternalParams{GroupInfo: bob.info(), Leaf: newPlayer(t, "eve").LeafParams})
	require.NoError(t, err)
	joined, err := joining.Next.Adopt()
	require.NoError(t, err)
	joined.Erase()
	for name, g := range map[string]*mls.Group{"member": holding, "newcomer": joining.Next} {
		for what, call := range map[string]func() error{
			"Adopt":      func() error { _, err := g.Adopt(); return err },
			"Drop":       func() error { _, err := g.Drop(); return err },
			"own commit": func() error { _, err := g.Handle(input(own)); return err },
			"message":    func() error { _, err := g.Handle(input(theirs)); return err },
			"no message": func() error { _, err := g.Handle(input(nil)); return err },
			"Protect":    func() error { _, err := g.Protect(nil, mls.ProtectParams{}, alice.Signer); return err },
			"Commit":     func() error { _, err := g.Commit(mls.CommitParams{}, alice.Signer); return err },
			"Propose":    func() error { _, err := g.Propose(&framing.Remove{}, mls.ProposeParams{}, alice.Signer); return err },
			"Export":     func() error { _, err := g.Export("label", nil, 16); return err },
			"GroupInfo":  func() error { _, err := g.GroupInfo(mls.GroupInfoParams{}, alice.Signer); return err },
			"Authenticator": func() error {
				_, err := g.EpochAuthenticator()
				return err
			},
		} {
			require.ErrorIs(t, call(), mls.ErrErased, "%s: %s", name, what)
		}
	}
	require.NoError(t, bob.group.Matches(bob.info()))
	over := bob.group
	over.EraseAll()
	_, err = over.Handle(input(own))
	require.ErrorIs(t, err, mls.ErrErased)
}

// What a caller forgot is said to be missing.
func TestForgotten(t *testing.T) {
	alice := stage(t, "alice", "bob")[0]
	bob := newPlayer(t, "bob")
	for _, p := range []framing.Proposal{nil, (*framing.Remove)(nil), (*framing.Add)(nil), &framing.Add{}} {
		_, err := alice.group.Commit(mls.CommitParams{Proposals: []framing.Proposal{p}, Now: mlstest.Now()}, alice.Signer)
		require.ErrorIs(t, err, mls.ErrNoProposal)
		_, err = alice.group.Propose(p, mls.ProposeParams{Now: mlstest.Now()}, alice.Signer)
		require.ErrorIs(t, err, mls.ErrNoProposal)
		_, err = alice.observe().Propose(p, 0, mls.ProposeParams{Now: mlstest.Now()}, alice.Signer)
		require.ErrorIs(t, err, mls.ErrNoProposal)
	}
	_, err := alice.observe().ProposeSelf(nil, mls.ProposeParams{Now: mlstest.Now()}, bob.Signer)
	require.ErrorIs(t, err, mls.ErrNoProposal)
	_, err = mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: bob.LeafParams})
	breaks(t, "V-LN-16", err)
	_, err = mls.Create(mls.CreateParams{CipherSuite: testSuite, Leaf: bob.LeafParams})
	breaks(t, "V-LN-16", err)
}
