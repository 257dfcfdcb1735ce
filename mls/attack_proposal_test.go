package mls_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// Whoever sees a proposal with an ECDSA signature can make one with another signature and so with another reference. Both
// lead to the proposal: for who stored the original, for its sender, and after a restart.
func TestAttackTwinSignature(t *testing.T) {
	cast := noted(t, mlstest.NewCast(t, mlstest.CastParams{CipherSuite: ciphersuite.MLS128DHKEMP256AES128GCMSHA256P256}, "alice", "bob", "carol")...)
	alice, bob, carol := three(cast)
	evil := carol.Insider()
	original := bob.Propose(&framing.GroupContextExtensions{}, alice)
	twin := evil.Retag(t, original, func(m *framing.PublicMessage) { m.Auth.Signature = bob.Suite.TwinSignature(m.Auth.Signature) })
	require.NotEqual(t, original, twin)
	carol.Hear(twin)
	for _, again := range []*mls.Step{alice.Hear(twin), alice.Hear(original), carol.Hear(original)} {
		require.True(t, again.Events[0].(*mls.ProposalReceived).Again)
	}
	require.IsType(t, &mls.Echo{}, bob.Hear(twin).Events[0])
	alice.Reload()
	bob.Reload()
	require.Len(t, alice.Group.Proposals(), 1)
	change := carol.Commit(mls.CommitParams{}, alice, bob).Adopted.Change
	require.Len(t, change.Proposals, 1)
	mlstest.Agree(alice, bob, carol)
}

// The same with a KeyPackage, of which a directory hands out the twin: the newcomer finds its own all the same.
func TestAttackTwinKeyPackage(t *testing.T) {
	const cs = ciphersuite.MLS128DHKEMP256AES128GCMSHA256P256
	alice := noted(t, mlstest.NewCast(t, mlstest.CastParams{CipherSuite: cs}, "alice")...)[0]
	bob := noted(t, mlstest.NewMember(t, cs, "bob"))[0]
	keys := bob.KeyPackage(t)
	twin := *keys.KeyPackage
	twin.Signature = bob.Suite.TwinSignature(twin.Signature)
	out := alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: &twin}}}).Adopted.Send[0]
	joined := bob.Take(bob.TryJoin(out, keys))
	require.Equal(t, must(keys.KeyPackage.Ref(bob.Suite)), joined.Used.Ref, "which it has to delete")
	mlstest.Agree(alice, bob)
}

// Somebody who knows group id and epoch proposes to be added, in each epoch again. The group speaks all the same: those who
// decline do, and those who ask first. All can follow who commits it.
func TestAttackNewcomers(t *testing.T) {
	policy := map[string]mls.NewcomerProposalPolicy{
		"bob": mls.NewcomerProposalsAsk, "carol": mls.NewcomerProposalsDeclined, "dave": mls.NewcomerProposalsDeclined}
	cast := newCastOf(t, func(c *mlstest.Party) { c.Params.NewcomerProposals = policy[c.Name] }, nil, "alice", "bob", "carol", "dave")
	alice, bob, carol := three(cast)
	dave := cast[3]
	eve := newMember(t, "eve")
	message := must(alice.Observe().ProposeSelf(eve.KeyPackage(t).KeyPackage, mls.ProposeParams{Now: mlstest.Now()}, eve.Signer))
	for _, m := range cast {
		s := m.Hear(message)
		require.Equal(t, m != alice, s.Events[0].(*mls.ProposalReceived).Declined)
		require.Equal(t, m == alice || m == bob, len(s.Claims) > 0)
	}
	require.ErrorIs(t, failure(alice.Group.Protect(nil, mls.ProtectParams{}, alice.Signer)), mls.ErrPendingProposals)
	bob.Say("still here", alice, carol, dave)
	carol.Say("me too", alice, bob, dave)
	ref := alice.Group.Proposals()[0].Ref

	require.Empty(t, bob.Group.Proposals())
	require.Equal(t, ref, bob.Group.Declined()[0].Ref)
	bob.Take(bob.Group.Admit(ref))
	require.ErrorIs(t, failure(bob.Group.Protect(nil, mls.ProtectParams{}, bob.Signer)), mls.ErrPendingProposals)
	require.Len(t, bob.Group.Proposals(), 1)

	alice.Take(alice.Group.Decline(ref))
	s := must(alice.Group.Decline(ref))
	require.Same(t, alice.Group, s.Next, "once is enough")
	alice.Say("it was a stranger", bob, carol, dave)
	for _, m := range cast {
		m.Reload()
	}
	require.Empty(t, alice.Group.Proposals())
	require.Len(t, bob.Group.Proposals(), 1)
	require.Empty(t, alice.Commit(mls.CommitParams{}, bob, carol, dave).Made.Change.Proposals)

	var missing *mls.MissingProposalError
	require.ErrorAs(t, failure(alice.Group.Decline(framing.ProposalRef("unknown"))), &missing)
}

// After the no of a member, another one's commit can still be followed; and an own Update that waits beside it keeps its key.
func TestAttackNewcomerCommitted(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	eve := newMember(t, "eve")
	message := must(alice.Observe().ProposeSelf(eve.KeyPackage(t).KeyPackage, mls.ProposeParams{Now: mlstest.Now()}, eve.Signer))
	mlstest.Tell(message, alice, bob, carol)
	bob.Update(mls.LeafUpdate{}, alice, carol)
	bob.Take(bob.Group.Decline(bob.Group.Proposals()[0].Ref))
	require.Len(t, bob.Group.Proposals(), 1)
	bob.Reload()
	adopted := alice.Commit(mls.CommitParams{}, bob, carol).Adopted
	require.Len(t, adopted.Change.Added, 1)
	require.Len(t, adopted.Change.Updated, 2)
	eve.Join(adopted)
	mlstest.Agree(alice, bob, carol, eve)
}

// Newcomers' proposals leave room for those of members.
func TestAttackNewcomersCrowd(t *testing.T) {
	alice, bob := two(newCastOf(t, func(c *mlstest.Party) { c.Params.MaxProposals = 8 }, nil, "alice", "bob"))
	messages := conflicting(t, alice.Observe(), 5)
	for _, message := range messages[:4] {
		mlstest.Tell(message, bob)
	}
	require.ErrorIs(t, bob.Refuse(messages[4]), mls.ErrTooManyProposals)
	for range 4 {
		alice.Propose(&framing.PreSharedKey{PSK: externalPSK("key").ID}, bob)
	}
}

// A resumption PSK of an epoch in which a present member was not there shuts that member out. A committer leaves out waiting
// proposals of such; somebody who cannot follow is told to rejoin, and not to look for the key for ever.
func TestAttackOldResumptionPSK(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	old := alice.Group.Epoch()
	carol, dave := newMember(t, "carol"), newMember(t, "dave")
	bob.Hear(alice.Welcome(carol, dave))
	psk := &framing.PreSharedKey{PSK: mls.ResumptionPSKID(alice.Group.GroupID(), old)}
	bob.Propose(psk, alice, carol, dave)
	alice.Reload()
	s := must(alice.Group.Commit(mls.CommitParams{}, alice.Signer))
	require.Empty(t, s.Change.Proposals)
	require.Contains(t, s.Left[0].Reason, "could not follow")

	asked := must(alice.Group.Commit(mls.CommitParams{References: []framing.ProposalRef{s.Left[0].Ref}}, alice.Signer))
	message := asked.Send[0].Message
	must(bob.Handle(message))
	carol.Reload()
	for _, m := range []*mlstest.Member{carol, dave} {
		require.ErrorIs(t, m.Refuse(message), mls.ErrBeforeMembership)
	}

	alice.Commit(mls.CommitParams{Proposals: remove(carol)}, bob, dave) // in whose place nobody comes
	bob.Propose(psk, alice, dave)
	require.Len(t, alice.MakeCommit(mls.CommitParams{}).Left, 1, "dave came with carol")
	alice.Take(alice.Group.Drop())
	bob.Commit(mls.CommitParams{Proposals: remove(dave), References: []framing.ProposalRef{}}, alice)
	bob.Propose(psk, alice)
	require.Empty(t, alice.Commit(mls.CommitParams{}, bob).Made.Left, "all who are left were there")
	mlstest.Agree(alice, bob)
}

func remove(m *mlstest.Member) []framing.Proposal {
	return []framing.Proposal{&framing.Remove{Removed: m.Group.OwnLeaf()}}
}

// Any member can encrypt what bob signed once more, under keys that bob has not reached. Where generations are signed, that is
// refused before it costs a key; elsewhere bob's next messages are lost, which ContentID shows.
func TestAttackBurntGenerations(t *testing.T) {
	for _, signed := range []bool{true, false} {
		alice, bob := two(newCastOf(t, func(c *mlstest.Party) {
			c.Params.SignGenerations, c.Params.Handshake = signed, mls.HandshakePrivate
		}, nil, "alice", "bob"))
		copies := bob.Insider() // equal content gives an equal signature: this is what others can copy
		first := alice.Hear(bob.Say("hello")).Events[0].(*mls.ApplicationMessage)
		for next := range framing.Generation(10) {
			s, err := alice.Handle(copies.Say(t, "hello", func(c *mlstest.Content) {
				c.AuthenticatedData, c.Generation = first.AuthenticatedData, &next
			}))
			switch {
			case next == 0:
				require.ErrorIs(t, err, mls.ErrReplay)
			case signed:
				breaks(t, "V-FR-28", err)
			default:
				again := alice.Take(s, err).Events[0].(*mls.ApplicationMessage)
				require.Equal(t, first.ContentID, again.ContentID)
			}
		}
		message := bob.Say("are you there?")
		if signed {
			require.Equal(t, "are you there?", alice.Read(message))
		} else {
			require.ErrorIs(t, alice.Refuse(message), mls.ErrReplay)
		}
		bob.Propose(&framing.GroupContextExtensions{}, alice)
		alice.Commit(mls.CommitParams{}, bob)
		mlstest.Agree(alice, bob)
	}
}

// Several uses of authenticated data live together; who does not sign generations is understood by those who do.
func TestSignGenerations(t *testing.T) {
	alice, bob := two(newCastOf(t, func(c *mlstest.Party) { c.Params.SignGenerations = c.Name == "alice" }, nil, "alice", "bob"))
	mine := framing.SafeAAD{{ID: 0x8001, Data: []byte("mine")}}
	encoded := must(framing.Marshal(&mine))
	s := alice.Take(alice.Group.Protect([]byte("hello"), mls.ProtectParams{AuthenticatedData: encoded}, alice.Signer))
	told := bob.Hear(s.Send[0].Message).Events[0].(*mls.ApplicationMessage)
	var all framing.SafeAAD
	require.NoError(t, framing.Unmarshal(told.AuthenticatedData, &all))
	require.Equal(t, mine.With(framing.ComponentData{ID: mls.ComponentGeneration, Data: []byte{0, 0, 0, 0}}), all)
	for _, bad := range [][]byte{[]byte("text"), told.AuthenticatedData} {
		require.ErrorIs(t, failure(alice.Group.Protect(nil, mls.ProtectParams{AuthenticatedData: bad}, alice.Signer)), mls.ErrSafeAAD)
	}
	s = alice.Take(alice.Group.Protect(nil, mls.ProtectParams{}, alice.Signer))
	require.EqualValues(t, 1, bob.Hear(s.Send[0].Message).Events[0].(*mls.ApplicationMessage).Generation, "none was lost")
	s = bob.Take(bob.Group.Protect([]byte("hi"), mls.ProtectParams{AuthenticatedData: []byte("text")}, bob.Signer))
	require.Equal(t, "hi", alice.Read(s.Send[0].Message))
	require.Equal(t, "hi", alice.Read(bob.Say("hi")))
}

// An Observer cannot check a confirmation tag. After a commit that members refuse for its tag it goes back and takes a good one;
// a tag that was altered on the way to the Observer shows by the author's GroupInfo.
func TestAttackConfirmationTag(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	start := alice.Observe()
	require.Nil(t, start.Former())
	flip := func(tag []byte) []byte { return append([]byte{tag[0] ^ 1}, tag[1:]...) }
	bad := bob.Insider().Commit(t, func(d *mlstest.Draft) { d.OnTag = flip })
	breaks(t, "V-CM-14", alice.Refuse(bad.Commit))
	lost := must(start.Handle(input(bad.Commit))).Next
	evil := bad.Next.Commit(t, func(d *mlstest.Draft) { d.OnTag = flip })
	further := must(lost.Handle(input(evil.Commit))).Next
	require.Same(t, start, further.Former(), "as long as bob alone says so")

	made := alice.MakeCommit(mls.CommitParams{})
	good := made.Send[0].Message
	require.ErrorIs(t, failure(further.Handle(input(good))), mls.ErrOldEpoch)
	seen := must(further.Former().Handle(input(good))).Next
	require.NotNil(t, seen.Former(), "alice alone has said so")
	require.NoError(t, seen.Matches(must(alice.Group.Pending().GroupInfo(mls.GroupInfoParams{}, alice.Signer))))
	altered := mlstest.Parse[*framing.PublicMessage](t, good)
	altered.Auth.ConfirmationTag = flip(altered.Auth.ConfirmationTag)
	off := must(start.Handle(input(mlstest.Message(t, altered)))).Next
	require.ErrorIs(t, off.Matches(must(alice.Group.Pending().GroupInfo(mls.GroupInfoParams{}, alice.Signer))), mls.ErrForked)

	alice.Adopt(made, bob, carol)
	seen = must(seen.Handle(input(alice.Propose(&framing.GroupContextExtensions{}, bob, carol)))).Next
	require.NotNil(t, seen.Former(), "still alice alone")
	seen = must(seen.Handle(input(carol.Propose(&framing.PreSharedKey{PSK: externalPSK("key").ID}, alice, bob)))).Next
	require.Nil(t, seen.Former())
	require.Equal(t, mlstest.ViewOf(t, seen).Public, mlstest.ViewOf(t, carol.Group).Public)
}

// TestAttackFormerPuppet: who sent a commit with a wrong tag lets a puppet commit on top of it, and speaks in the puppet's epoch.
// That confirms nothing.
func TestAttackFormerPuppet(t *testing.T) {
	alice, bob, _ := three(newCast(t, "alice", "bob", "carol"))
	start := alice.Observe()
	bad := bob.Insider().Commit(t, func(d *mlstest.Draft) {
		d.OnTag = func(tag []byte) []byte { return append([]byte{tag[0] ^ 1}, tag[1:]...) }
	})
	seen := must(start.Handle(input(bad.Commit))).Next
	puppet := newMember(t, "puppet")
	in := mlstest.NewNewcomer(t, puppet.Party, bad.Next.GroupInfo(t, func(*framing.GroupInfo) {}))
	joined := in.Commit(t, func(d *mlstest.Draft) { d.Template = puppet.KeyPackage(t).KeyPackage.LeafNode })
	seen = must(seen.Handle(input(joined.Commit))).Next
	for _, speaker := range []*mlstest.Member{bob, puppet} {
		by := *joined.Next
		by.Signer, by.Sender = speaker.Signer, framing.Sender{SenderType: framing.SenderTypeMember, LeafIndex: 1}
		if speaker == puppet {
			by.Sender.LeafIndex = 3
		}
		by.Leaf = by.Sender.LeafIndex
		message, _ := by.Propose(t, &framing.GroupContextExtensions{}, nil)
		seen = must(seen.Handle(input(message))).Next
		require.Same(t, start, seen.Former())
	}
	good := alice.MakeCommit(mls.CommitParams{ForcePath: true})
	require.NoError(t, failure(seen.Former().Handle(input(good.Send[0].Message))))
}

// TestAttackSmallProposals: nobody sends a commit that others would refuse for the memory that decoding it takes.
func TestAttackSmallProposals(t *testing.T) {
	const custom = 0xf004
	alice, bob := two(newCastOf(t, func(c *mlstest.Party) {
		c.Capabilities.Proposals = []framing.ProposalType{custom, framing.ProposalTypeAppEphemeral}
		c.Params.ProposalBodies = framing.Bodies{custom: framing.EmptyBody}
	}, nil, "alice", "bob"))
	for _, p := range []framing.Proposal{&framing.CustomProposal{Type: custom, Raw: true}, &framing.AppEphemeral{ID: 1}} {
		refused := 0
		for _, n := range []int{1000, 4000, 20000} {
			s, err := alice.Group.Commit(mls.CommitParams{Proposals: slices.Repeat([]framing.Proposal{p}, n)}, alice.Signer)
			if err == nil {
				require.NoError(t, failure(bob.Handle(s.Send[0].Message)))
				continue
			}
			var syntax *mls.SyntaxError
			require.ErrorAs(t, err, &syntax)
			require.True(t, syntax.Excess)
			refused++
		}
		require.NotZero(t, refused, "%T", p)
	}
}
