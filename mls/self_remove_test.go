package mls_test

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// selfRemoving lets a Party say that it knows SelfRemove.
func selfRemoving(c *mlstest.Party) {
	c.Capabilities.Proposals = append(c.Capabilities.Proposals, framing.ProposalTypeSelfRemove)
}

// TestSelfRemove: a member leaves by the commit of another, whatever the handshake policy; asks once; and others' Removes of it
// give way.
func TestSelfRemove(t *testing.T) {
	for _, policy := range []mls.HandshakePolicy{mls.HandshakePublic, mls.HandshakePrivateOnly} {
		alice, bob, carol := three(newCastOf(t, func(c *mlstest.Party) {
			selfRemoving(c)
			c.Params.Handshake = policy
		}, nil, "alice", "bob", "carol"))
		carol.Propose(&framing.Remove{Removed: bob.Group.OwnLeaf()}, alice, bob)
		message := bob.Propose(&framing.SelfRemove{}, alice, carol)
		require.Equal(t, framing.WireFormatPublicMessage, must(mls.Peek(message)).WireFormat)
		bob.Reload()
		again := must(bob.Group.Propose(&framing.SelfRemove{}, mls.ProposeParams{}, bob.Signer))
		require.Equal(t, message, again.Send[0].Message, "one is enough")
		require.Same(t, bob.Group, again.Next)

		require.ErrorIs(t, failure(bob.Group.Commit(mls.CommitParams{}, bob.Signer)), mls.ErrOwnRemoval)
		made := alice.MakeCommit(mls.CommitParams{})
		require.Len(t, made.Change.Proposals, 1)
		require.Equal(t, "the member leaves by itself", made.Left[0].Reason)
		require.True(t, made.Change.Path)
		alice.Adopt(made, carol)
		gone := bob.Hear(made.Send[0].Message)
		require.IsType(t, &mls.Removed{}, gone.Events[0])
		mlstest.Agree(alice, carol)
	}
}

// TestSelfRemoveUnsupported: where somebody does not know the proposal, it is neither made nor committed.
func TestSelfRemoveUnsupported(t *testing.T) {
	alice, bob, carol := three(newCastOf(t, func(c *mlstest.Party) {
		if c.Name != "carol" {
			selfRemoving(c)
		}
	}, nil, "alice", "bob", "carol"))
	err := failure(bob.Group.Propose(&framing.SelfRemove{}, mls.ProposeParams{}, bob.Signer))
	breaks(t, "V-SR-08", err)
	var rule *mls.RuleError
	require.ErrorAs(t, err, &rule)
	require.Equal(t, carol.Group.OwnLeaf(), rule.Leaf, "who does not support it")
	message, _ := bob.Insider().Propose(t, &framing.SelfRemove{}, nil)
	mlstest.Tell(message, alice, carol)
	made := alice.MakeCommit(mls.CommitParams{ForcePath: true})
	require.Len(t, made.Left, 1)
	alice.Take(alice.Group.Drop())
	made = alice.MakeCommit(mls.CommitParams{Proposals: remove(carol)})
	require.Empty(t, made.Left, "who leaves need not know it")
	require.Len(t, made.Change.Removed, 2)
}

// TestSelfRemoveExternal: a newcomer's commit removes those who leave, in whose place it may come; what is not in order it
// leaves out.
func TestSelfRemoveExternal(t *testing.T) {
	cast := newCastOf(t, selfRemoving, nil, "alice", "bob", "carol", "dave")
	alice, bob, carol := three(cast)
	dave := cast[3]
	seen := alice.Observe()
	info := alice.Info()
	for _, m := range []*mlstest.Member{bob, dave} {
		message := m.Propose(&framing.SelfRemove{})
		mlstest.Tell(message, alice, carol)
		for _, other := range []*mlstest.Member{bob, dave} {
			if other != m {
				other.Hear(message)
			}
		}
		seen = must(seen.Handle(input(message))).Next
	}
	seen = must(mls.LoadObserver(mls.LoadParams{Records: slices.Values(must(seen.Records(nil)))}))
	offered := seen.SelfRemoves()
	require.Equal(t, must(alice.Group.SelfRemoves()), offered)
	removal, _ := carol.Insider().Propose(t, &framing.Remove{Removed: 0}, nil)
	forged := append([]byte{}, offered[0]...)
	forged[len(forged)-50] ^= 1 // within the signature

	eve := newMember(t, "eve")
	s := eve.JoinExternal(mls.JoinExternalParams{GroupInfo: info,
		SelfRemoves: append([][]byte{forged, removal, []byte("nonsense"), offered[0]}, offered...)}, alice, carol)
	require.Len(t, s.Left, 4)
	require.Len(t, s.Change.Removed, 2)
	require.Equal(t, bob.Group.OwnLeaf(), s.Change.CommitterLeaf, "the leaf that bob leaves")
	require.Equal(t, bob.Credential, s.Change.Proposals[0].From.Credential)
	for _, m := range []*mlstest.Member{bob, dave} {
		require.IsType(t, &mls.Removed{}, m.Hear(s.Send[0].Message).Events[0])
	}
	seen = must(seen.Handle(input(s.Send[0].Message))).Next
	require.Equal(t, mlstest.ViewOf(t, seen).Public, mlstest.ViewOf(t, alice.Group).Public)
	mlstest.Agree(alice, carol, eve)
}

// TestSelfRemoveResync: who comes back after having said that it leaves is removed by that.
func TestSelfRemoveResync(t *testing.T) {
	alice, bob := two(newCastOf(t, selfRemoving, nil, "alice", "bob"))
	message := bob.Propose(&framing.SelfRemove{}, alice)
	leaf := bob.Group.OwnLeaf()
	back := bob.Party.Member(t, nil)
	noted(t, back)
	s := must(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: alice.Info(), Resync: &leaf, SelfRemoves: [][]byte{message},
		Leaf: back.LeafParams, Now: mlstest.Now(), Params: back.Params}))
	back.Take(s, nil)
	back.Reload()
	require.Equal(t, bob.Credential, back.Group.Pending().Change.Proposals[0].From.Credential, "also after a restart")
	back.Adopt(s, alice)
	require.Len(t, s.Change.Proposals, 2, "SelfRemove and ExternalInit")
	mlstest.Agree(alice, back)
}

// TestAttackSelfRemoveTag: a service that alters the membership tag makes a newcomer cover what the members do not have. They
// say so, and nothing is lost.
func TestAttackSelfRemoveTag(t *testing.T) {
	alice, bob := two(newCastOf(t, selfRemoving, nil, "alice", "bob"))
	message := must(bob.Group.Propose(&framing.SelfRemove{}, mls.ProposeParams{}, bob.Signer)).Send[0].Message
	message[len(message)-1] ^= 1
	breaks(t, "V-FR-08", alice.Refuse(message))
	eve := newMember(t, "eve")
	s := must(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: alice.Info(), SelfRemoves: [][]byte{message}, Leaf: eve.LeafParams, Params: eve.Params}))
	var missing *mls.MissingProposalError
	require.ErrorAs(t, alice.Refuse(s.Send[0].Message), &missing)
	eve.JoinExternal(mls.JoinExternalParams{}, alice)
	mlstest.Agree(alice, eve)
}

// TestAppEphemeral: data for a component goes along with a commit, which needs no path. An AppDataUpdate waits for components.
func TestAppEphemeral(t *testing.T) {
	alice, bob := two(newCastOf(t, func(c *mlstest.Party) {
		c.Capabilities.Proposals = []framing.ProposalType{framing.ProposalTypeAppDataUpdate, framing.ProposalTypeAppEphemeral}
	}, nil, "alice", "bob"))
	bob.Propose(&framing.AppEphemeral{ID: 0x8001, Data: []byte("note")}, alice)
	bob.Propose(&framing.AppDataUpdate{ID: 0x8001, Update: []byte("state")}, alice)
	alice.Reload()
	made := alice.Commit(mls.CommitParams{}, bob).Made
	require.False(t, made.Change.Path)
	require.Equal(t, &framing.AppEphemeral{ID: 0x8001, Data: []byte("note")}, made.Change.Proposals[0].Proposal)
	require.Equal(t, "the component is not known", made.Left[0].Reason)
	mlstest.Agree(alice, bob)
	breaks(t, "V-AD-04", failure(alice.Group.Commit(mls.CommitParams{
		Proposals: []framing.Proposal{&framing.AppDataUpdate{ID: 0x8001, Remove: true}}}, alice.Signer)))
}

// openMLSCase is a file of which OpenMLS made the messages.
type openMLSCase struct {
	KeyPackage         string `json:"key_package"`
	InitPriv           string `json:"init_priv"`
	EncryptionPriv     string `json:"encryption_priv"`
	SignaturePriv      string `json:"signature_priv"`
	Welcome            string
	EpochAuthenticator string `json:"epoch_authenticator"`
	Proposals          []string
	Commit             string
	AuthenticatorAfter string `json:"epoch_authenticator_after"`
}

// TestRealWorldSelfRemove follows a SelfRemove of OpenMLS that a newcomer's external commit covers.
func TestRealWorldSelfRemove(t *testing.T) {
	g, c := openMLS(t, "extensions-external.json")
	for _, p := range c.Proposals {
		s := must(g.Handle(mls.Input{Message: unhex(t, p)}))
		require.IsType(t, &framing.SelfRemove{}, s.Events[0].(*mls.ProposalReceived).Proposal)
		g = s.Next
	}
	s := must(g.Handle(mls.Input{Message: unhex(t, c.Commit)}))
	require.Len(t, s.Change.Removed, 1)
	require.Equal(t, framing.LeafIndex(1), s.Change.CommitterLeaf, "the newcomer takes the leaf that is free now")
	require.Equal(t, c.AuthenticatorAfter, hex.EncodeToString(must(s.Next.EpochAuthenticator())))
}

// TestRealWorldAppData stores an AppDataUpdate and a SelfRemove of OpenMLS. What a component makes of an update only the
// component knows: the commit is refused as long as there are none.
func TestRealWorldAppData(t *testing.T) {
	g, c := openMLS(t, "extensions-member.json")
	var kinds []framing.ProposalType
	for _, p := range c.Proposals {
		g = must(g.Handle(mls.Input{Message: unhex(t, p)})).Next
	}
	for _, p := range g.Proposals() {
		kinds = append(kinds, p.Proposal.ProposalType())
	}
	require.Equal(t, []framing.ProposalType{framing.ProposalTypeAppDataUpdate, framing.ProposalTypeSelfRemove}, kinds)
	breaks(t, "V-AD-04", failure(g.Handle(mls.Input{Message: unhex(t, c.Commit)})))
}

// openMLS joins by the Welcome of a file.
func openMLS(t *testing.T, name string) (*mls.Group, *openMLSCase) {
	path := filepath.Join("..", "..", "shared", "drafts-data", "openmls", name)
	data, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("NOT TESTED: %s is not here; TestSelfRemove and TestAppEphemeral play the same with Copse alone", path)
	}
	require.NoError(t, err)
	c := new(openMLSCase)
	require.NoError(t, json.Unmarshal(data, c))
	body := mlstest.Parse[*framing.KeyPackage](t, unhex(t, c.KeyPackage))
	own := &mls.OwnKeyPackage{KeyPackage: body, InitKey: ciphersuite.NewSecret(unhex(t, c.InitPriv)), LeafKey: ciphersuite.NewSecret(unhex(t, c.EncryptionPriv))}
	s := must(mls.Join(mls.JoinParams{Welcome: unhex(t, c.Welcome), KeyPackages: []*mls.OwnKeyPackage{own}}))
	require.Equal(t, c.EpochAuthenticator, hex.EncodeToString(must(s.Next.EpochAuthenticator())))
	return s.Next, c
}

func unhex(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}
