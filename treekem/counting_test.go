package treekem_test

import (
	"math/bits"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// countingProvider counts hashes and the bytes they cover.
type countingProvider struct {
	ciphersuite.Provider
	hashes, bytes atomic.Int64
}

func (c *countingProvider) Hash(dst, data []byte) []byte {
	c.hashes.Add(1)
	c.bytes.Add(int64(len(data)))
	return c.Provider.Hash(dst, data)
}

// during returns the number of hashes, and of bytes hashed, in a call.
func (c *countingProvider) during(call func()) (hashes, bytes int) {
	h, b := c.hashes.Load(), c.bytes.Load()
	call()
	return int(c.hashes.Load() - h), int(c.bytes.Load() - b)
}

func counting(t *testing.T) (*countingProvider, *ciphersuite.Suite) {
	c := &countingProvider{Provider: newSuite(t, 1)}
	suite, err := ciphersuite.NewWithProvider(c)
	require.NoError(t, err)
	return c, suite
}

// TestHashesOfAPath replaces a path in a full tree of 2^18 leaves: 18 parent hashes, and one tree hash for each of the
// 19 nodes that changed.
func TestHashesOfAPath(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: builds a tree of 262,144 leaves")
	}
	c, suite := counting(t)
	f, err := treekemtest.Build(treekemtest.Params{
		Suite: suite, Members: 1 << 18, Shape: treekemtest.Full, GroupID: []byte("large"), Unsigned: true})
	require.NoError(t, err)
	path := pathOf(t, f.Tree, newSigner(t, suite), 123456)
	hashes, _ := c.during(func() {
		edit := f.Tree.Edit()
		require.NoError(t, edit.ApplyPath(treekem.ApplyPathParams{Sender: 123456, Path: path}))
		_, err := edit.Tree()
		require.NoError(t, err)
	})
	require.Equal(t, 18+19, hashes)
	hashes, _ = c.during(func() {
		edit := f.Tree.Edit()
		for i := range framing.LeafIndex(64) {
			require.NoError(t, edit.Remove(i))
		}
		_, err := edit.Tree()
		require.NoError(t, err)
	})
	require.Equal(t, 2*64-1+12, hashes, "each dirty node once, however many removals go through it")
}

// TestHashesOfImport counts: one tree hash a node, and two parent hashes a parent, of which one can be spared where a
// child is a leaf that never committed.
func TestHashesOfImport(t *testing.T) {
	c, suite := counting(t)
	for _, shape := range []treekemtest.Shape{treekemtest.Fresh, treekemtest.Full} {
		const n = 1 << 10
		f, err := treekemtest.Build(treekemtest.Params{Suite: suite, Members: n, Shape: shape, GroupID: []byte("g")})
		require.NoError(t, err)
		hashes, _ := c.during(func() {
			_, err := treekem.Import(treekem.ImportParams{Suite: suite, RatchetTree: f.RatchetTree, GroupContext: f.Context})
			require.NoError(t, err)
		})
		want := 2*n - 1
		if shape == treekemtest.Full {
			want += 2 * (n - 1)
		}
		require.Equal(t, want, hashes, shape)
	}
}

// TestHostileWork verifies trees made to take much work: doubling their size may double it, and a little more.
func TestHostileWork(t *testing.T) {
	c, suite := counting(t)
	for name, build := range map[string]func(n int) *treekem.Tree{
		"good tree, half of it unmerged everywhere": func(n int) *treekem.Tree { return crowdedTree(t, suite, n) },
		// Every leaf has a parent hash that might lead to the root, all else being blank.
		"all unmerged at the root": func(n int) *treekem.Tree {
			tree, err := treekem.Decode(suite, unmergedTree(suite, n).export())
			require.NoError(t, err)
			return tree
		},
	} {
		var work [2]int
		for k, n := range []int{1 << 7, 1 << 8} {
			tree := build(n)
			hashes, bytes := c.during(func() { _ = tree.VerifyParentHashes() }) // the result is not the point
			work[k] = hashes
			t.Logf("%s, %d leaves: %d hashes of %d bytes for %d", name, n, hashes, bytes, len(tree.Export()))
			require.Less(t, hashes, 2*n*bits.Len(uint(n)))
		}
		require.Less(t, work[1], 5*work[0]/2, name)
	}
}

// crowdedTree returns a good tree of n leaves in which each second member is unmerged at every parent above it.
func crowdedTree(t *testing.T, suite *ciphersuite.Suite, n int) *treekem.Tree {
	g := newGroupOf(t, suite, n)
	edit := g.tree.Edit()
	for i := 1; i < n-1; i += 2 {
		require.NoError(t, edit.Remove(framing.LeafIndex(i)))
	}
	for i := 0; i < n; i += 2 {
		c := g.newClient()
		_, err := edit.NewPath(treekem.PathParams{Sender: framing.LeafIndex(i), GroupID: g.id, Signer: c.signer, Leaf: *c.leaf})
		require.NoError(t, err)
	}
	for i := 1; i < n-1; i += 2 {
		_, err := edit.Add(g.newClient().leaf)
		require.NoError(t, err)
	}
	tree, err := edit.Tree()
	require.NoError(t, err)
	root, _ := tree.Parent(treekem.Root(tree.Width()))
	require.Len(t, root.UnmergedLeaves, n/2-1)
	require.NoError(t, tree.VerifyParentHashes())
	return tree
}

// unmergedTree returns a tree of n leaves and a root, at which all but two leaves are unmerged.
func unmergedTree(suite *ciphersuite.Suite, n int) *reference {
	s := &script{suite: suite}
	ref := &reference{suite: suite, nodes: make([]*framing.Node, 2*n-1)}
	root := &framing.ParentNode{EncryptionKey: s.key()}
	for i := range n {
		leaf := s.leaf(framing.LeafNodeSourceCommit)
		leaf.ParentHash = make([]byte, suite.HashSize)
		ref.nodes[2*i] = &framing.Node{LeafNode: leaf}
		if i != 0 && i != n-1 {
			root.UnmergedLeaves = append(root.UnmergedLeaves, framing.LeafIndex(i))
		}
	}
	ref.nodes[n-1] = &framing.Node{ParentNode: root}
	return ref
}
