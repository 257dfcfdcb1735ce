package mls_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// TestLightCommit: which commits have a path, when nobody asks for one (RFC 9420, Section 12.4).
func TestLightCommit(t *testing.T) {
	psk := externalPSK("psk")
	_, adds := packagesOf(newMember(t, "dave"))
	remove := &framing.Remove{Removed: 2}
	for name, test := range map[string]struct {
		path      bool
		proposals []framing.Proposal
	}{
		"empty":       {true, nil},
		"add":         {false, adds},
		"psk":         {false, inject(psk.ID)},
		"add, psk":    {false, append(inject(psk.ID), adds...)},
		"reinit":      {false, []framing.Proposal{&framing.ReInit{GroupID: []byte("next"), Version: framing.MLS10, CipherSuite: testSuite}}},
		"remove":      {true, []framing.Proposal{remove}},
		"extensions":  {true, []framing.Proposal{&framing.GroupContextExtensions{}}},
		"add, remove": {true, append([]framing.Proposal{remove}, adds...)},
	} {
		for _, force := range []bool{false, true} {
			alice, bob := two(newCast(t, "alice", "bob", "carol"))
			s := alice.MakeCommit(mls.CommitParams{
				Proposals: test.proposals, ForcePath: force, PSKs: mls.PSKs{psk}})
			require.Equal(t, test.path || force, s.Change.Path, name)
			alice.Take(alice.Group.Adopt())
			change := bob.Take(bob.Group.Handle(mls.Input{Message: s.Send[0].Message, PSKs: mls.PSKs{psk}})).Events[0].(*mls.EpochChanged).Change
			require.True(t, s.Change.Own)
			change.Own = true
			require.Equal(t, s.Change, change, "both sides see the same change")
		}
	}
}

// TestLeafUpdate: what a member may change about itself, by commit and by proposal.
func TestLeafUpdate(t *testing.T) {
	one := newCast(t, "alice")[0]
	_, err := one.Group.Propose(one.Insider().UpdateLeaf(t, "key", nil), mls.ProposeParams{}, one.Signer)
	require.ErrorContains(t, err, "ProposeUpdate", "the group has no private key for it")
	credential := framing.BasicCredential([]byte("robert"))
	signer := newMember(t, "another").Signer
	capabilities := framing.Capabilities{Versions: []framing.ProtocolVersion{framing.MLS10},
		CipherSuites: []ciphersuite.CipherSuite{testSuite}, Credentials: []framing.CredentialType{framing.CredentialTypeBasic},
		Extensions: []framing.ExtensionType{0xf001}}
	extensions := framing.Extensions{extension(t, &framing.ApplicationID{ApplicationID: []byte("device 7")})}
	for name, update := range map[string]mls.LeafUpdate{
		"nothing":      {},
		"credential":   {Credential: &credential},
		"signer":       {Signer: signer},
		"capabilities": {Capabilities: &capabilities},
		"extensions":   {Extensions: &extensions},
		"all":          {Credential: &credential, Signer: signer, Capabilities: &capabilities, Extensions: &extensions},
	} {
		for _, how := range []string{"commit", "proposal"} {
			t.Run(name+" by "+how, func(t *testing.T) {
				alice, bob := two(newCast(t, "alice", "bob"))
				before, _ := bob.Group.Tree().Leaf(1)
				if how == "commit" {
					bob.Commit(mls.CommitParams{Leaf: update}, alice)
				} else {
					bob.Update(update, alice)
					alice.Commit(mls.CommitParams{}, bob)
				}
				want := *before
				if update.Credential != nil {
					want.Credential = credential
				}
				if update.Signer != nil {
					bob.Signer = signer
					var err error
					want.SignatureKey, err = bob.Suite.PublicKeyOf(signer)
					require.NoError(t, err)
				}
				if update.Capabilities != nil {
					want.Capabilities = capabilities
				}
				if update.Extensions != nil {
					want.Extensions = extensions
				}
				after, _ := alice.Group.Tree().Leaf(1)
				require.NotEqual(t, before.EncryptionKey, after.EncryptionKey)
				want.EncryptionKey, want.Signature, want.LeafNodeSource = after.EncryptionKey, after.Signature, after.LeafNodeSource
				want.ParentHash, want.Lifetime = after.ParentHash, after.Lifetime
				require.Equal(t, &want, after)
				mlstest.Agree(alice, bob)
				bob.Commit(mls.CommitParams{}, alice)
				mlstest.Agree(alice, bob)
			})
		}
	}
}

// TestSeveralUpdates: of several Updates the latest is committed, and its key is the one that counts.
func TestSeveralUpdates(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	for range 3 {
		bob.Update(mls.LeafUpdate{}, alice, carol)
	}
	refs := alice.Group.Proposals()
	// Carol takes the second one, whatever the default is.
	choice := mls.CommitParams{References: []framing.ProposalRef{refs[1].Ref}}
	commit := carol.MakeCommit(choice).Send[0].Message
	s := alice.MakeCommit(mls.CommitParams{})
	require.Len(t, s.Left, 2)
	require.Equal(t, refs[2].Ref, s.Change.Proposals[0].Ref)
	carol.Take(carol.Group.Adopt())
	mlstest.Tell(commit, alice, bob)
	mlstest.Agree(alice, bob, carol)
}

// TestLeft: proposals that do not go together, and which of them a commit covers.
func TestLeft(t *testing.T) {
	cast := newCast(t, "alice", "bob", "carol", "dave")
	alice, bob, carol, dave := cast[0], cast[1], cast[2], cast[3]
	rest := []*mlstest.Member{bob, carol, dave}
	eve := newMember(t, "eve")
	_, adds := packagesOf(eve, eve)
	carol.Update(mls.LeafUpdate{}, alice, bob, dave)
	dave.Propose(&framing.Remove{Removed: 2}, alice, bob, carol)
	bob.Propose(&framing.Remove{Removed: 2}, alice, carol, dave)
	bob.Propose(adds[0], alice, carol, dave)
	bob.Propose(adds[1], alice, carol, dave)
	bob.Propose(&framing.Remove{Removed: 0}, alice, carol, dave)
	bob.Propose(&framing.GroupContextExtensions{}, alice, carol, dave)
	dave.Propose(&framing.GroupContextExtensions{}, alice, bob, carol)
	waiting := alice.Group.Proposals()

	message := alice.MakeCommit(mls.CommitParams{})
	var left []framing.ProposalRef
	for _, l := range message.Left {
		require.NotEmpty(t, l.Reason)
		left = append(left, l.Ref)
	}
	require.Equal(t, []framing.ProposalRef{waiting[0].Ref, waiting[2].Ref, waiting[4].Ref, waiting[5].Ref, waiting[6].Ref}, left)
	alice.Adopt(message, rest...)
	require.Equal(t, mls.StatusRemoved, carol.Group.Status())
	mlstest.Agree(alice, bob, dave)
}

// TestUnfit: proposals that are in order by themselves, but not in this group and now, keep nobody from committing the
// others.
func TestUnfit(t *testing.T) {
	change := func(c *mlstest.Party) { c.Params.ExternalProposals = []framing.ProposalType{0xf00d} }
	cast, moderator, seen := moderated(t, change, "alice", "bob")
	alice, bob := cast[0], cast[1]
	add := func(name string, change func(*framing.LeafNode)) {
		p := newMember(t, name)
		outside := *bob.Insider()
		outside.Sender = framing.Sender{SenderType: framing.SenderTypeNewMemberProposal}
		outside.Signer = p.Signer
		message, _ := outside.Propose(t, &framing.Add{KeyPackage: p.ForgeKeyPackage(t, change, nil)},
			func(c *mlstest.Content) { c.Context = nil })
		mlstest.Tell(message, alice, bob)
	}
	propose := func(p framing.Proposal) {
		message := must(seen.Propose(p, 1, mls.ProposeParams{}, moderator.Signer))
		mlstest.Tell(message, alice, bob)
	}
	bobs, _ := alice.Group.Tree().Leaf(1)
	add("copies bob's key", func(l *framing.LeafNode) { l.EncryptionKey = bobs.EncryptionKey })
	add("good", nil)
	add("knows no basic credentials", func(l *framing.LeafNode) {
		l.Credential = framing.Credential{Type: 0xf002}
		l.Capabilities.Credentials = []framing.CredentialType{0xf002}
	})
	add("will be expired", func(l *framing.LeafNode) { l.Lifetime.NotAfter = uint64(mlstest.Now().Unix()) })
	propose(&framing.CustomProposal{Type: 0xf00d})
	propose(&framing.GroupContextExtensions{Extensions: framing.Extensions{{Type: 0xf00e}}})
	propose(&framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte("known to nobody"))})
	add("good as well", nil)
	waiting := alice.Group.Proposals()
	require.Len(t, waiting, 8)

	later := mlstest.Now().AddDate(0, 0, 1)
	_, err := alice.Group.Commit(mls.CommitParams{Now: later}, alice.Signer)
	var missing *mls.MissingPSKError
	require.ErrorAs(t, err, &missing, "a PSK may be found")
	without := alice.MakeCommit(mls.CommitParams{Now: later, LeaveMissingPSKs: true})
	require.Equal(t, waiting[6].Ref, without.Left[5].Ref)
	require.Len(t, without.Left, 6)
	alice.Take(alice.Group.Drop())
	psk := mls.PSKs{{ID: mls.ExternalPSKID([]byte("known to nobody")), Secret: externalPSK("now").Secret}}
	s := alice.MakeCommit(mls.CommitParams{Now: later, PSKs: psk})
	var left []framing.ProposalRef
	for _, l := range s.Left {
		require.NotEmpty(t, l.Reason)
		left = append(left, l.Ref)
	}
	require.Equal(t, []framing.ProposalRef{
		waiting[0].Ref, waiting[2].Ref, waiting[3].Ref, waiting[4].Ref, waiting[5].Ref}, left)
	alice.Take(alice.Group.Adopt())
	bob.Take(bob.Group.Handle(mls.Input{Message: s.Send[0].Message, PSKs: psk}))
	require.Equal(t, 4, bob.Group.Tree().Members())
	mlstest.Agree(alice, bob)

	// What the caller gives by value is not left out.
	add("copies bob's key", func(l *framing.LeafNode) { l.EncryptionKey = bobs.EncryptionKey })
	bad := alice.Group.Proposals()[0]
	breaks(t, "V-LN-17", failure(alice.Group.Commit(mls.CommitParams{References: []framing.ProposalRef{bad.Ref}, Now: later}, alice.Signer)))
}

// TestUnfitTogether: proposals that fit the group, but not each other.
func TestUnfitTogether(t *testing.T) {
	alice, bob := two(newCastOf(t, supportsAnnouncement, nil, "alice", "bob"))
	first := newMember(t, "first").KeyPackage(t).KeyPackage
	add := func(name string, leaf func(*framing.LeafNode), whole func(*framing.KeyPackage)) {
		bob.Propose(&framing.Add{KeyPackage: newMember(t, name).ForgeKeyPackage(t, leaf, whole)}, alice)
	}
	bob.Propose(&framing.Add{KeyPackage: first}, alice)
	add("same leaf key", func(l *framing.LeafNode) { l.EncryptionKey = first.LeafNode.EncryptionKey }, nil)
	add("same init key", nil, func(k *framing.KeyPackage) { k.InitKey = first.InitKey })
	add("good", nil, nil)
	bob.Propose(&framing.GroupContextExtensions{Extensions: announcement().Extensions}, alice) // which newcomers do not support
	waiting := alice.Group.Proposals()
	require.Len(t, waiting, 5)

	s := alice.MakeCommit(mls.CommitParams{})
	var left, committed []framing.ProposalRef
	for _, l := range s.Left {
		left = append(left, l.Ref)
	}
	for _, p := range s.Change.Proposals {
		committed = append(committed, p.Ref)
	}
	require.ElementsMatch(t, []framing.ProposalRef{waiting[1].Ref, waiting[2].Ref, waiting[4].Ref}, left)
	require.Equal(t, []framing.ProposalRef{waiting[0].Ref, waiting[3].Ref}, committed)
	alice.Adopt(s, bob)
	mlstest.Agree(alice, bob)

	// Proposals by value come first, and when one is invalid, the waiting ones are not left out for it.
	bob.Propose(&framing.GroupContextExtensions{Extensions: announcement().Extensions}, alice)
	breaks(t, "V-PR-07", failure(alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 7}}}, alice.Signer)))
}

// TestManyConflicts: the search for proposals that fit each other ends. What was found by then is committed, and the rest of who
// made too many goes as a whole or not at all: it is left with a reason, whether it fits or not.
func TestManyConflicts(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	alice.Params.MaxMessage = alice.Group.Tree().ExportSize() + 7000
	alice.Reload()
	add := func(name string, size int) {
		id := extension(t, &framing.ApplicationID{ApplicationID: make([]byte, size)})
		k := newMember(t, name).ForgeKeyPackage(t, func(l *framing.LeafNode) { l.Extensions = framing.Extensions{id} }, nil)
		bob.Propose(&framing.Add{KeyPackage: k}, alice)
	}
	add("fills the tree", 4000)
	add("early", 1)
	for i := range 80 {
		add(fmt.Sprint("too much ", i), 4000)
	}
	add("late", 1)
	waiting := alice.Group.Proposals()
	s := alice.MakeCommit(mls.CommitParams{})
	require.Len(t, s.Change.Proposals, 2)
	for i, p := range s.Change.Proposals {
		require.Equal(t, waiting[i].Ref, p.Ref)
	}
	require.Len(t, s.Left, 81, "with the last, for which nobody looked any more")
	for _, l := range s.Left {
		require.NotEmpty(t, l.Reason)
	}
	alice.Adopt(s, bob)
	mlstest.Agree(alice, bob)
}

// TestCandidates: several commits are made from one Group, and one of them is adopted.
func TestCandidates(t *testing.T) {
	alice, bob, carol := three(newCastOf(t, func(c *mlstest.Party) { c.Params.Handshake = mls.HandshakePrivate }, nil, "alice", "bob", "carol"))
	remove := must(alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 2}}}, alice.Signer))
	empty := must(alice.Group.Commit(mls.CommitParams{}, alice.Signer))
	require.ErrorIs(t, failure(remove.Next.Commit(mls.CommitParams{}, alice.Signer)), mls.ErrPending)

	alice.Take(empty, nil)
	pending := alice.Group.Pending()
	require.Equal(t, empty.Send[0].Message, pending.Commit)
	require.Same(t, empty.Change, pending.Change)
	_, err := alice.Group.Handle(mls.Input{Message: remove.Send[0].Message})
	require.ErrorIs(t, err, mls.ErrOwnCommit, "it was made from this Group, but is not the pending one")
	alice.Hear(empty.Send[0].Message)
	mlstest.Tell(empty.Send[0].Message, bob, carol)
	mlstest.Agree(alice, bob, carol)
}

// TestDrop: what was proposed still waits, and can be committed again.
func TestDrop(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	bob.Propose(&framing.Remove{Removed: 2}, alice, carol)
	before := alice.Group.Proposals()
	lost := alice.MakeCommit(mls.CommitParams{}).Send[0].Message
	alice.Take(alice.Group.Drop())
	require.ErrorIs(t, failure(alice.Group.Drop()), mls.ErrNotPending)
	require.Equal(t, before, alice.Group.Proposals())
	require.ErrorIs(t, failure(alice.Group.Handle(mls.Input{Message: lost})), mls.ErrOwnCommit)
	alice.Commit(mls.CommitParams{}, bob, carol)
	mlstest.Agree(alice, bob)
}

// TestSameProposalTwice: what is signed to the same bytes is one proposal, for its sender as for the others.
func TestSameProposalTwice(t *testing.T) {
	const custom = 0xf00d
	alice, bob := two(newCastOf(t, func(c *mlstest.Party) { c.Capabilities.Proposals = []framing.ProposalType{custom} }, nil, "alice", "bob"))
	first := bob.Propose(&framing.CustomProposal{Type: custom}, alice)
	second := bob.Propose(&framing.CustomProposal{Type: custom})
	require.Equal(t, first, second, "Ed25519 signatures depend on nothing else")
	require.True(t, alice.Hear(second).Events[0].(*mls.ProposalReceived).Again)
	require.Equal(t, alice.Group.Proposals(), bob.Group.Proposals())
	bob.Commit(mls.CommitParams{}, alice)
	mlstest.Agree(alice, bob)
}

// TestMissingProposals: a commit that comes before what it covers can be handled afterwards.
func TestMissingProposals(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	first := bob.Propose(&framing.Remove{Removed: 2}, alice)
	second := bob.Propose(&framing.GroupContextExtensions{}, alice)
	refs := []framing.ProposalRef{alice.Group.Proposals()[0].Ref, alice.Group.Proposals()[1].Ref}
	commit := alice.Commit(mls.CommitParams{}, bob).Message
	check := func(want ...framing.ProposalRef) {
		t.Helper()
		_, err := carol.Group.Handle(mls.Input{Message: commit})
		var missing *mls.MissingProposalError
		require.ErrorAs(t, err, &missing)
		require.Equal(t, want, missing.Refs)
	}
	check(refs...)
	carol.Hear(second)
	check(refs[0])
	carol.Hear(first)
	carol.Hear(commit)
	require.Equal(t, mls.StatusRemoved, carol.Group.Status())
	_, err := bob.Group.Commit(mls.CommitParams{References: refs}, bob.Signer)
	var missing *mls.MissingProposalError
	require.ErrorAs(t, err, &missing)
}

// TestSuites: a group of each cipher suite goes through everything once.
func TestSuites(t *testing.T) {
	for _, suite := range ciphersuite.Supported() {
		t.Run(suite.String(), func(t *testing.T) {
			as := func(name string) *mlstest.Member { return newMember(t, name).As(suite) }
			alice, bob, carol := as("alice"), as("bob"), as("carol")
			alice.Group = alice.Create(t, "group")
			alice.Welcome(bob)
			carol.JoinExternal(mls.JoinExternalParams{}, alice, bob)
			mlstest.Agree(alice, bob, carol)
			bob.Update(mls.LeafUpdate{}, alice, carol)
			alice.Reload()
			carol.Commit(mls.CommitParams{}, alice, bob)
			mlstest.Agree(alice, bob, carol)
			alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 1}}}, bob, carol)
			mlstest.Agree(alice, carol)
		})
	}
}
