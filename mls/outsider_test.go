package mls_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// TestRealWorldOutsider: services that keep no state of a group, as voice gateways do, propose from its id and epoch alone,
// and so do newcomers.
func TestRealWorldOutsider(t *testing.T) {
	gateway := mlstest.NewParty(t, testSuite, "gateway")
	key := must(gateway.Suite.PublicKeyOf(gateway.Signer))
	senders := extension(t, &framing.ExternalSenders{{SignatureKey: key, Credential: gateway.Credential}})
	alice, bob, carol := three(newCastOf(t, nil, framing.Extensions{senders}, "alice", "bob", "carol"))
	outside := mls.Outsider{CipherSuite: testSuite, GroupID: alice.Group.GroupID(), Epoch: alice.Group.Epoch()}
	now := mls.ProposeParams{Now: mlstest.Now()}
	dave, eve := newMember(t, "dave"), newMember(t, "eve")
	for _, p := range []framing.Proposal{dave.Add(), &framing.Remove{Removed: carol.Group.OwnLeaf()}, &framing.PreSharedKey{PSK: externalPSK("psk").ID}} {
		mlstest.Tell(must(outside.Propose(p, 0, now, gateway.Signer)), alice, bob)
	}
	mlstest.Tell(must(outside.ProposeSelf(eve.KeyPackage(t).KeyPackage, now, eve.Signer)), alice, bob)
	for _, m := range []*mlstest.Member{alice, bob, dave, eve} {
		m.PSKs = mls.PSKs{externalPSK("psk")}
	}
	adopted := alice.Commit(mls.CommitParams{}, bob).Adopted
	require.Len(t, adopted.Change.Proposals, 4)
	dave.Join(adopted)
	eve.Join(adopted)
	mlstest.Agree(alice, bob, dave, eve)

	own := dave.Add()
	for rule, p := range map[string]framing.Proposal{
		"V-PR-06":   &framing.Update{LeafNode: own.KeyPackage.LeafNode},
		"V-PR-12":   &framing.ExternalInit{},
		"V-SR-01":   &framing.SelfRemove{},
		"V-FR-10":   &framing.CustomProposal{Type: 0xf00d},
		"V-EXT-02":  &framing.GroupContextExtensions{Extensions: framing.Extensions{{Type: framing.ExtensionTypeApplicationID, Data: []byte{0}}}},
		"V-PSK-01":  &framing.PreSharedKey{PSK: framing.PreSharedKeyID{PSKType: framing.PSKTypeExternal, PSKNonce: []byte{1}}},
		"V-WIRE-13": &framing.ReInit{Version: framing.MLS10, Extensions: framing.Extensions{{Type: 0xf0f0, Data: make([]byte, 2<<20)}}},
	} {
		breaks(t, rule, failure(outside.Propose(p, 0, now, gateway.Signer)))
	}
	require.ErrorIs(t, failure(outside.Propose(own, 0, mls.ProposeParams{}, gateway.Signer)), mls.ErrNoTime)
	require.ErrorIs(t, failure(outside.Propose(nil, 0, now, gateway.Signer)), mls.ErrNoProposal)
	require.ErrorIs(t, failure(outside.ProposeSelf(nil, now, eve.Signer)), mls.ErrNoProposal)
	require.ErrorIs(t, failure(outside.ProposeSelf(own.KeyPackage, now, eve.Signer)), mls.ErrSigner, "another's KeyPackage")
}

// TestRealWorldBodies: an application says what the body of a private proposal type looks like, and proposals of it travel by
// every way, are stored and loaded.
func TestRealWorldBodies(t *testing.T) {
	const fixed, none = 0xf004, 0xf005
	alice, bob := two(newCastOf(t, func(c *mlstest.Party) {
		c.Params.ProposalBodies = framing.Bodies{fixed: func(rest []byte) (int, bool) { return 2, len(rest) >= 2 }, none: framing.EmptyBody}
		c.Params.Handshake = mls.HandshakePrivate
		c.Capabilities.Proposals = []framing.ProposalType{fixed, none}
	}, nil, "alice", "bob"))
	wave := &framing.CustomProposal{Type: none, Raw: true}
	bob.Propose(&framing.CustomProposal{Type: fixed, Data: []byte{1, 2}, Raw: true}, alice)
	alice.Reload()
	made := alice.MakeCommit(mls.CommitParams{Proposals: []framing.Proposal{wave}})
	require.Len(t, made.Change.Proposals, 2)
	alice.Reload()
	alice.Adopt(made, bob)
	mlstest.Agree(alice, bob)

	alice.Params.Handshake = mls.HandshakePublic
	alice.Reload()
	message := alice.Propose(wave, bob)
	require.Error(t, failure(mls.Peek(message)), "nobody else knows where the body ends")
	require.Equal(t, alice.Group.Epoch(), must(alice.Params.Peek(message)).Epoch)
	for _, p := range []*framing.CustomProposal{
		{Type: fixed, Data: []byte{1, 2}}, {Type: fixed, Data: []byte{1}, Raw: true}, {Type: fixed, Data: []byte{1, 2, 3}, Raw: true},
		{Type: none, Data: []byte{1}, Raw: true}, {Type: 0xf006, Data: []byte{2, 1, 1}, Raw: true},
	} {
		var syntax *mls.SyntaxError
		require.ErrorAs(t, failure(alice.Group.Propose(p, mls.ProposeParams{}, alice.Signer)), &syntax, "%+v", p)
	}
}
