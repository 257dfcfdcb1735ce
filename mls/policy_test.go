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
			sender := newPlayer(t, "alice")
			sender.Params.Handshake = from.policy
			receiver := newPlayer(t, "bob")
			receiver.Params.Handshake = to.policy
			sender.group = sender.Create(t, "group")
			sender.welcome(receiver)
			proposal := sender.propose(&framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte("psk"))})
			commit, _ := sender.commit(mls.CommitParams{References: []framing.ProposalRef{}})
			for _, message := range [][]byte{proposal, commit} {
				var m framing.Message
				require.NoError(t, framing.Unmarshal(message, &m))
				require.Equal(t, from.sends, m.Body.WireFormat())
				s, err := receiver.group.Handle(mls.Input{Message: message})
				accepted := false
				for _, f := range to.accepts {
					accepted = accepted || f == from.sends
				}
				if !accepted {
					breaks(t, "V-FR-15", err)
					continue
				}
				receiver.take(s, err)
			}
		}
	}
}

// TestPastEpochs: late messages are read as far back as Params say.
func TestPastEpochs(t *testing.T) {
	for epochs, readable := range map[int]int{-1: 0, 0: 3, 1: 1, 5: 5} {
		cast := stageOf(t, func(c *mlstest.Client) { c.Params.PastEpochs = epochs }, nil, "alice", "bob")
		alice, bob := cast[0], cast[1]
		var late [][]byte
		for i := range 7 {
			late = append(late, alice.say(fmt.Sprint(i)))
			alice.commit(mls.CommitParams{}, bob)
		}
		for i, message := range late {
			if i < len(late)-readable {
				_, err := bob.group.Handle(mls.Input{Message: message})
				require.ErrorIs(t, err, mls.ErrOldEpoch)
				continue
			}
			require.Equal(t, fmt.Sprint(i), bob.read(message))
		}
		_, err := alice.group.Handle(mls.Input{Message: late[6]})
		if readable > 0 {
			require.NoError(t, err, "the echo of an own message")
		} else {
			require.ErrorIs(t, err, mls.ErrOldEpoch)
		}
	}
}

// TestRemovedMemberReadsLate: a removed member reads what was said before, each message once.
func TestRemovedMemberReadsLate(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	first, second := alice.say("first"), alice.say("second")
	alice.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 1}}}, bob)
	require.Equal(t, mls.StatusRemoved, bob.group.Status())
	require.Equal(t, "second", bob.read(second))
	require.Equal(t, "first", bob.read(first))
	for _, message := range [][]byte{first, second} {
		_, err := bob.group.Handle(mls.Input{Message: message})
		require.ErrorIs(t, err, mls.ErrReplay)
	}
	_, err := bob.group.Handle(mls.Input{Message: alice.say("third")})
	require.ErrorIs(t, err, mls.ErrFutureEpoch)
}

func TestLimits(t *testing.T) {
	cast := stageOf(t, func(c *mlstest.Client) {
		c.Params.MaxProposals = 2
		c.Params.MaxExternalSenders = 1
		c.Params.MaxMessage = 4096
		c.Params.MaxLifetime = 400 * 24 * time.Hour
	}, nil, "alice")
	alice := cast[0]
	bob := newPlayer(t, "bob")
	lasting := func(c *player, days time.Duration) *mls.OwnKeyPackage {
		k, err := mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: c.LeafParams,
			Lifetime: mls.LifetimeFrom(mlstest.Now(), days*24*time.Hour-time.Hour), Params: mls.Params{MaxLifetime: -1}})
		require.NoError(t, err)
		return k
	}
	add := func(k *mls.OwnKeyPackage) mls.CommitParams {
		return mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: k.KeyPackage}}, Now: mlstest.Now()}
	}
	_, err := alice.group.Commit(add(lasting(bob, 401)), alice.Signer)
	breaks(t, "V-LN-16", err)
	keys := lasting(bob, 400)
	_, adopted := alice.commit(add(keys))
	bob.take(mls.Join(mls.JoinParams{Welcome: adopted.Send[0].Message, KeyPackages: []*mls.OwnKeyPackage{keys}}))

	// Proposals, sent and received.
	propose := func(i int) *framing.PreSharedKey {
		return &framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte(fmt.Sprint(i)))}
	}
	alice.propose(propose(0), bob)
	bob.propose(propose(1), alice)
	message := bob.propose(propose(2))
	_, err = alice.group.Handle(mls.Input{Message: message})
	require.ErrorIs(t, err, mls.ErrTooManyProposals)
	_, err = alice.group.Propose(propose(3), mls.ProposeParams{}, alice.Signer)
	require.ErrorIs(t, err, mls.ErrTooManyProposals)
	_, err = alice.group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, alice.Signer)
	require.ErrorIs(t, err, mls.ErrTooManyProposals)
	alice.commit(mls.CommitParams{References: []framing.ProposalRef{}}, bob)
	alice.hear(bob.propose(propose(2)))

	// External senders.
	senders := func(n int) framing.Proposal {
		list := make(framing.ExternalSenders, n)
		for i := range list {
			list[i] = framing.ExternalSender{SignatureKey: newSenderKey(t, bob.Suite), Credential: bob.Credential}
		}
		return &framing.GroupContextExtensions{Extensions: framing.Extensions{extension(t, &list)}}
	}
	_, err = alice.group.Propose(senders(2), mls.ProposeParams{}, alice.Signer)
	breaks(t, "V-EXT-05", err)
	message = bob.propose(senders(2))
	alice.refuse(message, "V-EXT-05")
	_, err = alice.group.Propose(senders(1), mls.ProposeParams{}, alice.Signer)
	require.NoError(t, err)

	// Messages.
	bob.commit(mls.CommitParams{References: []framing.ProposalRef{}}, alice)
	alice.refuse(bob.say(string(make([]byte, 4096))), "V-WIRE-13")
	require.Len(t, alice.read(bob.say(string(make([]byte, 3500)))), 3500)
}

// TestErasedGroup: a group that was replaced answers so.
func TestErasedGroup(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	old := alice.group
	oldMessage := bob.say("to all")
	pending := alice.take(alice.group.Commit(mls.CommitParams{}, alice.Signer))
	withPending := alice.group
	alice.take(alice.group.Adopt())
	tell(pending.Send[0].Message, bob)
	for _, g := range []*mls.Group{old, withPending} {
		_, err := g.Protect(nil, mls.ProtectParams{}, alice.Signer)
		require.ErrorIs(t, err, mls.ErrErased)
		_, err = g.Export("label", nil, 32)
		require.ErrorIs(t, err, mls.ErrErased)
		_, err = g.EpochAuthenticator()
		require.ErrorIs(t, err, mls.ErrErased)
		_, err = g.GroupInfo(mls.GroupInfoParams{}, alice.Signer)
		require.ErrorIs(t, err, mls.ErrErased)
		_, err = g.Handle(mls.Input{Message: oldMessage})
		require.ErrorIs(t, err, mls.ErrErased)
	}
	alice.read(oldMessage)
	together(alice, bob)

	all := alice.group
	all.EraseAll()
	_, err := all.Protect(nil, mls.ProtectParams{}, alice.Signer)
	require.ErrorIs(t, err, mls.ErrErased)
	for _, s := range secretsOf(all) {
		require.Empty(t, s)
	}

	// A commit that was pending when its group was dropped does not come back to life.
	s, err := bob.group.Commit(mls.CommitParams{}, bob.Signer)
	require.NoError(t, err)
	dropped, err := s.Next.Drop()
	require.NoError(t, err)
	dropped.Erase()
	_, err = s.Next.Adopt()
	require.ErrorIs(t, err, mls.ErrErased)
	bob.group = dropped.Next
	bob.say("still here")
}
