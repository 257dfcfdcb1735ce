package mls_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// TestDroppedCommitTaken: a member drops its commit, and the others take it all the same. The error says that the member
// cannot follow, and the way that it names leads back.
func TestDroppedCommitTaken(t *testing.T) {
	for _, policy := range []mls.HandshakePolicy{mls.HandshakePublic, mls.HandshakePrivate} {
		alice, bob := two(newCastOf(t, func(c *mlstest.Party) { c.Params.Handshake = policy }, nil, "alice", "bob"))
		lost := alice.MakeCommit(mls.CommitParams{}).Send[0].Message
		alice.Take(alice.Group.Drop())
		bob.Hear(lost)
		err := alice.Refuse(lost)
		require.ErrorIs(t, err, mls.ErrOwnCommit)
		require.ErrorIs(t, err, mls.ErrOwnMessage, "it is of this kind")
		require.ErrorContains(t, err, "rejoin")

		again := mlstest.NewMember(t, testSuite, "alice")
		again.Party = alice.Party
		leaf := alice.Group.OwnLeaf()
		again.JoinExternal(mls.JoinExternalParams{Resync: &leaf}, bob)
		mlstest.Agree(again, bob)
	}
}

// TestOwnProposalIsNoCommit: an own proposal that the Group does not know asks for no rejoining.
func TestOwnProposalIsNoCommit(t *testing.T) {
	_, bob := two(newCast(t, "alice", "bob"))
	unknown, _ := bob.Insider().Propose(t, &framing.Remove{Removed: 0}, nil)
	err := bob.Refuse(unknown)
	require.ErrorIs(t, err, mls.ErrOwnMessage)
	require.NotErrorIs(t, err, mls.ErrOwnCommit)
}

// TestUsedKeyPackage: a Welcome that was joined by, and a second one for the same KeyPackage, are told from one for somebody
// else, even by a client that has no KeyPackages any more.
func TestUsedKeyPackage(t *testing.T) {
	alice, dave := newCast(t, "alice")[0], newCast(t, "dave")[0]
	bob, carol := newMember(t, "bob"), newMember(t, "carol")
	add := &framing.Add{KeyPackage: bob.KeyPackage(t).KeyPackage}
	welcome := func(host *mlstest.Member, p framing.Proposal) []byte {
		return host.Commit(mls.CommitParams{Proposals: []framing.Proposal{p}}).Adopted.Send[0].Message
	}
	first := welcome(alice, add)
	s := bob.Take(mls.Join(bob.ByWelcome(first, bob.Packages...)))
	used := []framing.KeyPackageRef{s.Used.Ref}

	for name, message := range map[string][]byte{"again": first, "of another group": welcome(dave, add)} {
		p := bob.ByWelcome(message)
		breaks(t, "V-WEL-01", failure(mls.Join(p)))
		p.Used = used
		require.ErrorIs(t, failure(mls.Join(p)), mls.ErrUsedKeyPackage, name)
	}
	p := bob.ByWelcome(welcome(alice, carol.Add()))
	p.Used = used
	breaks(t, "V-WEL-01", failure(mls.Join(p)))
}

// TestReaddedMember: a member that was removed and is added again learns from the error what to do, and joins.
func TestReaddedMember(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: bob.Group.OwnLeaf()}}}, bob)
	require.Equal(t, mls.StatusRemoved, bob.Group.Status())
	again := newMember(t, "bob")
	out := alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{again.Add()}}).Adopted.Send[0]
	p := again.ByWelcome(out.Message, again.Packages...)
	p.Groups = [][]byte{bob.Group.GroupID()}
	err := failure(mls.Join(p))
	breaks(t, "V-WEL-06", err)
	require.ErrorContains(t, err, "leave a group out of Groups whose Status is Removed")
	p.Groups = nil
	again.Take(mls.Join(p))
	mlstest.Agree(alice, again)

	outside := again.ByGroupInfo(alice.Info())
	outside.Groups = [][]byte{bob.Group.GroupID()}
	err = failure(mls.JoinExternal(outside))
	breaks(t, "V-WEL-06", err)
	require.ErrorContains(t, err, "Resync")
}

// TestUnusedPSKs: keys that were given and that a commit or Welcome does not name are reported by all who give them.
func TestUnusedPSKs(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	carol, dave := newMember(t, "carol"), newMember(t, "dave")
	used, unused := externalPSK("used"), externalPSK("unused")
	given := mls.PSKs{unused, used}
	want := []framing.PreSharedKeyID{unused.ID}

	c := mls.CommitParams{PSKs: given, Proposals: append(inject(used.ID), carol.Add())}
	made := alice.Commit(c)
	require.Equal(t, want, made.Made.UnusedPSKs)
	s := bob.Take(bob.Group.Handle(mls.Input{Message: made.Message, PSKs: given}))
	require.Equal(t, want, s.UnusedPSKs)
	p := carol.ByWelcome(made.Adopted.Send[0].Message, carol.Packages...)
	p.PSKs = given
	require.Equal(t, want, carol.Take(mls.Join(p)).UnusedPSKs)
	outside := dave.ByGroupInfo(alice.Info())
	outside.PSKs, outside.PSKIDs = given, []framing.PreSharedKeyID{used.ID}
	require.Equal(t, want, must(mls.JoinExternal(outside)).UnusedPSKs)

	said := alice.Say("no commit")
	s = bob.Take(bob.Group.Handle(mls.Input{Message: said, PSKs: given}))
	require.Equal(t, []framing.PreSharedKeyID{unused.ID, used.ID}, s.UnusedPSKs, "only a commit uses any")
	require.Empty(t, bob.Take(bob.Group.Handle(input(alice.Say("none given")))).UnusedPSKs)
}

// TestRealWorldBareMessages: what others send without the header of MLSMessage is refused by an error that says so, by every
// call that takes a message.
func TestRealWorldBareMessages(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	carol := newMember(t, "carol")
	keys := carol.KeyPackage(t)
	made := alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys.KeyPackage}}}, bob)
	whole := map[string][]byte{
		"KeyPackage, expected it after the header 0001 0005": must(keys.Message()),
		"Welcome, expected it after the header 0001 0003":    made.Adopted.Send[0].Message,
		"GroupInfo, expected it after the header 0001 0004":  alice.Info(),
	}
	seen := alice.Observe()
	for says, message := range whole {
		bare := message[4:]
		for _, err := range []error{
			failure(mls.Join(carol.ByWelcome(bare, keys))),
			failure(mls.JoinExternal(carol.ByGroupInfo(bare))),
			failure(mls.Observe(mls.ObserveParams{GroupInfo: bare})),
			failure(mls.VerifyKeyPackage(mls.VerifyKeyPackageParams{Message: bare, Now: mlstest.Now()})),
			failure(alice.Group.Handle(input(bare))), failure(seen.Handle(input(bare))), alice.Group.Matches(bare),
			failure(mls.Peek(bare)),
		} {
			var syntax *mls.SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.ErrorContains(t, err, "it looks like a bare "+says)
		}
		var syntax *mls.SyntaxError
		require.ErrorAs(t, failure(mls.Peek(bare[:len(bare)-1])), &syntax)
		require.NotContains(t, syntax.Error(), "bare")
	}
	_, err := mls.Join(carol.ByWelcome(made.Message))
	require.EqualError(t, err, "mls: unexpected kind of message: mls_public_message, expected mls_welcome")
	_, err = alice.Group.Handle(input(alice.Info()))
	require.EqualError(t, err, "mls: unexpected kind of message: mls_group_info, expected mls_public_message or mls_private_message")
}

// TestAdviceToNewcomers: what is easily forgotten is said at once, and by the one who forgot it.
func TestAdviceToNewcomers(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	none := mls.LeafParams{Signer: newMember(t, "carol").Signer}
	_, err := mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: none, Lifetime: mls.LifetimeFrom(mlstest.Now(), time.Hour)})
	breaks(t, "V-LN-06", err)
	require.ErrorContains(t, err, "no Credential is given")
	breaks(t, "V-LN-06", failure(mls.Create(mls.CreateParams{CipherSuite: testSuite, GroupID: []byte("g"), Leaf: none})))
	breaks(t, "V-LN-06", failure(alice.Group.ProposeUpdate(mls.LeafUpdate{Credential: &framing.Credential{}}, mls.ProposeParams{}, alice.Signer)))

	again := bob.ByGroupInfo(alice.Info())
	err = failure(mls.JoinExternal(again))
	breaks(t, "V-LN-18", err)
	require.ErrorContains(t, err, "by Resync")

	for _, load := range []func(mls.LoadParams) error{
		func(p mls.LoadParams) error { return failure(mls.Load(p)) },
		func(p mls.LoadParams) error { return failure(mls.LoadObserver(p)) },
	} {
		var bad *mls.RecordError
		require.ErrorAs(t, load(mls.LoadParams{}), &bad)
	}

	err = failure(alice.Group.Decline(framing.ProposalRef("none")))
	var unknown *mls.MissingProposalError
	require.ErrorAs(t, err, &unknown)
	require.EqualError(t, err, "mls: 1 proposals are unknown")

	leaf := bob.Group.OwnLeaf()
	again.Resync = &leaf
	step := must(mls.JoinExternal(again))
	require.ErrorIs(t, step.AfterVersion(math.MaxUint64), mls.ErrNotNext)
}

// TestSelfRemoveProposedAgain: a member that has declined its own SelfRemove and proposes it anew means it.
func TestSelfRemoveProposedAgain(t *testing.T) {
	_, bob := two(newCastOf(t, selfRemoving, nil, "alice", "bob"))
	for _, p := range []framing.Proposal{&framing.SelfRemove{}, &framing.GroupContextExtensions{}} {
		first := bob.Take(bob.Group.Propose(p, mls.ProposeParams{}, bob.Signer)).Send[0].Message
		ref := bob.Group.Proposals()[0].Ref
		bob.Take(bob.Group.Decline(ref))
		require.Empty(t, bob.Group.Proposals())
		require.Equal(t, first, bob.Take(bob.Group.Propose(p, mls.ProposeParams{}, bob.Signer)).Send[0].Message)
		require.Len(t, bob.Group.Proposals(), 1)
		bob.Take(bob.Group.Decline(ref))
	}
}
