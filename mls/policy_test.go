package mls_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// TestHandshakePolicy: what each policy sends, and what it accepts from the others.
func TestHandshakePolicy(t *testing.T) {
	const public, private = framing.WireFormatPublicMessage, framing.WireFormatPrivateMessage
	policies := []struct {
		policy  mls.HandshakePolicy
		sends   framing.WireFormat
		accepts []framing.WireFormat
	}{
		{mls.HandshakePublic, public, []framing.WireFormat{public, private}},
		{mls.HandshakePrivate, private, []framing.WireFormat{public, private}},
		{mls.HandshakePublicOnly, public, []framing.WireFormat{public}},
		{mls.HandshakePrivateOnly, private, []framing.WireFormat{private}},
	}
	for _, from := range policies {
		for _, to := range policies {
			sender := newMember(t, "alice")
			sender.Params.Handshake = from.policy
			receiver := newMember(t, "bob")
			receiver.Params.Handshake = to.policy
			sender.Group = sender.Create(t, "group")
			sender.Welcome(receiver)
			proposal := sender.Propose(&framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte("psk"))})
			commit := sender.Commit(mls.CommitParams{References: []framing.ProposalRef{}}).Message
			for _, message := range [][]byte{proposal, commit} {
				var m framing.Message
				require.NoError(t, framing.Unmarshal(message, &m))
				require.Equal(t, from.sends, m.Body.WireFormat())
				s, err := receiver.Group.Handle(mls.Input{Message: message})
				accepted := false
				for _, f := range to.accepts {
					accepted = accepted || f == from.sends
				}
				if !accepted {
					breaks(t, "V-FR-15", err)
					continue
				}
				receiver.Take(s, err)
			}
		}
	}
}

// TestPastEpochs: late messages are read as far back as Params say.
func TestPastEpochs(t *testing.T) {
	for epochs, readable := range map[int]int{-1: 0, 0: 3, 1: 1, 5: 5} {
		alice, bob := two(newCastOf(t, func(c *mlstest.Party) { c.Params.PastEpochs = epochs }, nil, "alice", "bob"))
		var late [][]byte
		for i := range 7 {
			late = append(late, alice.Say(fmt.Sprint(i)))
			alice.Commit(mls.CommitParams{}, bob)
		}
		for i, message := range late {
			if i < len(late)-readable {
				require.ErrorIs(t, failure(bob.Group.Handle(mls.Input{Message: message})), mls.ErrOldEpoch)
				continue
			}
			require.Equal(t, fmt.Sprint(i), bob.Read(message))
		}
		_, err := alice.Group.Handle(mls.Input{Message: late[6]})
		if readable > 0 {
			require.NoError(t, err, "the echo of an own message")
		} else {
			require.ErrorIs(t, err, mls.ErrOldEpoch)
		}
	}
}

// TestRemovedMemberReadsLate: a removed member reads what was said before, each message once.
func TestRemovedMemberReadsLate(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	first, second := alice.Say("first"), alice.Say("second")
	alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 1}}}, bob)
	require.Equal(t, mls.StatusRemoved, bob.Group.Status())
	require.Equal(t, "second", bob.Read(second))
	require.Equal(t, "first", bob.Read(first))
	for _, message := range [][]byte{first, second} {
		require.ErrorIs(t, failure(bob.Group.Handle(mls.Input{Message: message})), mls.ErrReplay)
	}
	require.ErrorIs(t, failure(bob.Group.Handle(mls.Input{Message: alice.Say("third")})), mls.ErrFutureEpoch)
}

func TestLimits(t *testing.T) {
	cast := newCastOf(t, func(c *mlstest.Party) {
		c.Params.MaxProposals = 2
		c.Params.MaxExternalSenders = 1
		c.Params.MaxMessage = 4096
		c.Params.MaxLifetime = 400 * 24 * time.Hour
	}, nil, "alice")
	alice := cast[0]
	bob := newMember(t, "bob")
	lasting := func(c *mlstest.Member, days time.Duration) *mls.OwnKeyPackage {
		k := must(mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: c.LeafParams,
			Lifetime: mls.LifetimeFrom(mlstest.Now(), days*24*time.Hour-time.Hour), Params: mls.Params{MaxLifetime: -1}}))
		return k
	}
	add := func(k *mls.OwnKeyPackage) mls.CommitParams {
		return mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: k.KeyPackage}}, Now: mlstest.Now()}
	}
	breaks(t, "V-LN-16", failure(alice.Group.Commit(add(lasting(bob, 401)), alice.Signer)))
	keys := lasting(bob, 400)
	adopted := alice.Commit(add(keys)).Adopted
	bob.Take(mls.Join(mls.JoinParams{Welcome: adopted.Send[0].Message, KeyPackages: []*mls.OwnKeyPackage{keys}}))

	// Proposals, sent and received.
	propose := func(i int) *framing.PreSharedKey {
		return &framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte(fmt.Sprint(i)))}
	}
	alice.Propose(propose(0), bob)
	bob.Propose(propose(1), alice)
	message := bob.Propose(propose(2))
	require.ErrorIs(t, failure(alice.Group.Handle(mls.Input{Message: message})), mls.ErrTooManyProposals)
	require.ErrorIs(t, failure(alice.Group.Propose(propose(3), mls.ProposeParams{}, alice.Signer)), mls.ErrTooManyProposals)
	require.ErrorIs(t, failure(alice.Group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, alice.Signer)), mls.ErrTooManyProposals)
	alice.Commit(mls.CommitParams{References: []framing.ProposalRef{}}, bob)
	alice.Hear(bob.Propose(propose(2)))

	// External senders.
	senders := func(n int) framing.Proposal {
		list := make(framing.ExternalSenders, n)
		for i := range list {
			list[i] = framing.ExternalSender{SignatureKey: newSenderKey(t, bob.Suite), Credential: bob.Credential}
		}
		return &framing.GroupContextExtensions{Extensions: framing.Extensions{extension(t, &list)}}
	}
	breaks(t, "V-EXT-05", failure(alice.Group.Propose(senders(2), mls.ProposeParams{}, alice.Signer)))
	message = bob.Propose(senders(2))
	refuse(alice, message, "V-EXT-05")
	must(alice.Group.Propose(senders(1), mls.ProposeParams{}, alice.Signer))

	// Messages.
	bob.Commit(mls.CommitParams{References: []framing.ProposalRef{}}, alice)
	refuse(alice, bob.Say(string(make([]byte, 4096))), "V-WIRE-13")
	require.Len(t, alice.Read(bob.Say(string(make([]byte, 3500)))), 3500)
}

// TestErasedGroup: a group that was replaced and erased fails with ErrErased.
func TestErasedGroup(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	old := alice.Group
	oldMessage := bob.Say("to all")
	pending := alice.MakeCommit(mls.CommitParams{})
	withPending := alice.Group
	alice.Adopt(pending, bob)
	for _, g := range []*mls.Group{old, withPending} {
		require.ErrorIs(t, failure(g.Protect(nil, mls.ProtectParams{}, alice.Signer)), mls.ErrErased)
		require.ErrorIs(t, failure(g.Export("label", nil, 32)), mls.ErrErased)
		require.ErrorIs(t, failure(g.EpochAuthenticator()), mls.ErrErased)
		require.ErrorIs(t, failure(g.GroupInfo(mls.GroupInfoParams{}, alice.Signer)), mls.ErrErased)
		require.ErrorIs(t, failure(g.Handle(mls.Input{Message: oldMessage})), mls.ErrErased)
	}
	alice.Read(oldMessage)
	mlstest.Agree(alice, bob)

	all := alice.Group
	all.EraseAll()
	require.ErrorIs(t, failure(all.Protect(nil, mls.ProtectParams{}, alice.Signer)), mls.ErrErased)
	for _, s := range secretsOf(all) {
		require.Empty(t, s)
	}

	// A commit that was pending when its group was dropped cannot be adopted.
	s := must(bob.Group.Commit(mls.CommitParams{}, bob.Signer))
	dropped := must(s.Next.Drop())
	dropped.Erase()
	require.ErrorIs(t, failure(s.Next.Adopt()), mls.ErrErased)
	bob.Group = dropped.Next
	bob.Say("still here")
}
