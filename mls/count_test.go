package mls_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// TestCountsOfACommit counts the primitives of a commit in a full tree of 4,096 members. Path and tree have 12 levels:
// 12 encryptions, each with an ephemeral key, and 13 key pairs of the path make 25 base multiplications; the leaf and
// the content are signed. A receiver decrypts once and derives at most 12 key pairs, verifies two signatures,
// and hashes 12 parents for their parent hash and 13 nodes for their tree hash. Of the hashes, every call of
// Provider.Hash counts, those for the transcript and for recognizing messages too.
func TestCountsOfACommit(t *testing.T) {
	counts, suite := mlstest.NewCounting(t, 1)
	f := mlstest.Build(t, mlstest.GroupParams{Suite: suite, Members: 4096, Shape: treekemtest.Full})
	const committer = 1234
	groups := map[string]*mls.Group{"beside": f.Group(t, committer^1), "far": f.Group(t, 4095), "itself": f.Group(t, committer)}

	signer := f.SignerOf(committer)
	var commit *mls.Step
	made := counts.During(func() {
		commit = must(groups["itself"].Commit(mls.CommitParams{}, signer))
	})
	t.Logf("making: %+v", made)
	require.Equal(t, 12, made.Seals)
	require.Equal(t, 25, made.BaseMultiplications)
	require.Equal(t, 2, made.Signatures)
	require.Zero(t, made.Verifications)
	require.Zero(t, made.Opens)
	require.LessOrEqual(t, made.Hashes, 40)

	for name, most := range map[string]int{"beside": 13, "far": 2} {
		processed := counts.During(func() {
			must(groups[name].Handle(mls.Input{Message: commit.Send[0].Message}))
		})
		t.Logf("processing %s: %+v", name, processed)
		require.Equal(t, 1, processed.Opens)
		require.LessOrEqual(t, processed.BaseMultiplications, most)
		require.Equal(t, 2, processed.Verifications)
		require.LessOrEqual(t, processed.Hashes, 40)
		require.Zero(t, processed.Seals+processed.Signatures)
	}
	adopted := counts.During(func() {
		must(commit.Next.Adopt())
	})
	require.Equal(t, mlstest.Counts{Hashes: 1, HashedBytes: len(commit.Send[0].Message)}, adopted, "the name of the own commit")
}

// TestCountsOfALightCommit adds a member to a group of 1,000 that has a tree full of blanks: no path, and so nothing
// encrypted but the Welcome.
func TestCountsOfALightCommit(t *testing.T) {
	counts, suite := mlstest.NewCounting(t, 1)
	f := mlstest.Build(t, mlstest.GroupParams{Suite: suite, Members: 1000, Shape: treekemtest.Fresh})
	g, other, signer := f.Group(t, 0), f.Group(t, 1), f.SignerOf(0)
	k := mlstest.NewParty(t, 1, "newcomer").KeyPackage(t)
	var s *mls.Step
	made := counts.During(func() {
		s = must(g.Commit(mls.CommitParams{
			Proposals: []framing.Proposal{&framing.Add{KeyPackage: k.KeyPackage}}, Now: mlstest.Now()}, signer))
	})
	t.Logf("making: %+v", made)
	require.Equal(t, 1, made.Seals, "the newcomer's group secrets")
	require.Equal(t, 1, made.BaseMultiplications)
	require.Equal(t, 2, made.Signatures, "content and GroupInfo")
	require.Equal(t, 2, made.Verifications, "KeyPackage and leaf")
	require.LessOrEqual(t, made.Hashes, 40)
	processed := counts.During(func() {
		must(other.Handle(mls.Input{Message: s.Send[0].Message, Now: mlstest.Now()}))
	})
	t.Logf("processing: %+v", processed)
	require.Zero(t, processed.Opens+processed.BaseMultiplications)
	require.Equal(t, 3, processed.Verifications, "content, KeyPackage and leaf")
	require.LessOrEqual(t, processed.Hashes, 40)
}

// TestCountsOfData counts a message in steady state: one signature, and one encryption each of content and sender data.
func TestCountsOfData(t *testing.T) {
	counts, suite := mlstest.NewCounting(t, 1)
	f := mlstest.Build(t, mlstest.GroupParams{Suite: suite, Members: 256, Shape: treekemtest.Full})
	g, other, signer := f.Group(t, 3), f.Group(t, 200), f.SignerOf(3)
	for range 3 {
		var s *mls.Step
		sent := counts.During(func() {
			s = must(g.Protect(make([]byte, 1000), mls.ProtectParams{}, signer))
		})
		require.Equal(t, mlstest.Counts{Signatures: 1, AEADs: 2}, sent)
		var r *mls.Step
		received := counts.During(func() {
			r = must(other.Handle(mls.Input{Message: s.Send[0].Message}))
		})
		received.HashedBytes = 0
		require.Equal(t, mlstest.Counts{Verifications: 1, AEADs: 2, Hashes: 1}, received, "one hash names the content")
		g, other = s.Next, r.Next
	}
}

// TestTreeBesideIsNotExported: as long as nobody asks for the tree beside a Welcome, a commit that adds somebody costs nothing that
// grows with the group.
func TestTreeBesideIsNotExported(t *testing.T) {
	f := mlstest.Build(t, mlstest.GroupParams{Members: 8192, Shape: treekemtest.Full})
	alice := f.Member(t, 0)
	c := mls.CommitParams{Proposals: []framing.Proposal{newMember(t, "dave").Add()}, Now: mlstest.Now(), Welcome: mls.WelcomeParams{OmitTree: true}}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	made, err := alice.Group.Commit(c, alice.Signer)
	runtime.ReadMemStats(&after)
	require.NoError(t, err)
	tree := must(made.Next.Adopt()).Send[0].RatchetTree()
	require.Greater(t, len(tree), 2_000_000)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(len(tree)/2))
}
