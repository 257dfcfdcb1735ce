package treekem_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// TestMath compares the tree math with a walk over subtrees of the array.
func TestMath(t *testing.T) {
	for width := uint32(1); width <= 64; width *= 2 {
		r := &reference{nodes: make([]*framing.Node, 2*width-1)}
		require.Equal(t, uint32(len(r.nodes)), treekem.NodeCount(width))
		require.EqualValues(t, r.whole().top(), treekem.Root(width))
		_, ok := treekem.Root(width).Parent(width)
		require.False(t, ok)
		_, ok = treekem.Root(width).Sibling(width)
		require.False(t, ok)
		for n := range r.nodes {
			compareMath(t, r, width, n)
		}
		for n := treekem.NodeCount(width); n < treekem.NodeCount(width)+9; n++ {
			_, ok := treekem.NodeIndex(n).Parent(width)
			require.False(t, ok)
		}
	}
	for leaves, width := range map[uint32]uint32{0: 1, 1: 1, 2: 2, 3: 4, 5: 8, 8: 8, 9: 16, treekem.MaxLeaves: treekem.MaxLeaves} {
		require.Equal(t, width, treekem.Width(leaves))
	}
}

func compareMath(t *testing.T, r *reference, width uint32, n int) {
	x, s := treekem.NodeIndex(n), r.spanOf(n)
	require.Equal(t, s.hi-s.lo, 1<<(x.Level()+1)-1)
	left, hasLeft := x.Left()
	right, hasRight := x.Right()
	require.Equal(t, !s.isLeaf(), hasLeft)
	require.Equal(t, !s.isLeaf(), hasRight)
	if !s.isLeaf() {
		require.EqualValues(t, s.left().top(), left)
		require.EqualValues(t, s.right().top(), right)
		for child, sibling := range map[treekem.NodeIndex]treekem.NodeIndex{left: right, right: left} {
			up, ok := child.Parent(width)
			require.True(t, ok)
			require.Equal(t, x, up)
			across, ok := child.Sibling(width)
			require.True(t, ok)
			require.Equal(t, sibling, across)
		}
		require.Equal(t, x, treekem.CommonAncestor(leafAt(s.lo), leafAt(s.hi-1)))
	}
	for i := range framing.LeafIndex(width) {
		require.Equal(t, s.holds(nodeAt(i)), x.Covers(i))
		require.Equal(t, treekem.NodeIndex(nodeAt(i)), treekem.CommonAncestor(i, i))
	}
}

// TestOutside asks a tree for what it does not have.
func TestOutside(t *testing.T) {
	g := newGroupOf(t, newSuite(t, 1), 3, 1)
	require.Equal(t, g.suite, g.tree.Suite())
	for _, x := range []treekem.NodeIndex{6, 7, 99, 1<<32 - 1} { // 6 is blank, the others are outside
		require.Nil(t, g.tree.EncryptionKey(x))
		require.Empty(t, g.tree.Resolution(x))
		_, ok := g.tree.Parent(x)
		require.False(t, ok)
		require.Equal(t, x == 6, g.tree.NodeHash(x) != nil)
		i := framing.LeafIndex(x / 2)
		require.False(t, g.tree.HasLeaf(i))
		require.Nil(t, g.tree.SignatureKey(i))
		_, ok = g.tree.Leaf(i)
		require.False(t, ok)
	}
	for _, i := range []framing.LeafIndex{4, 5, 7, 99, framing.NoLeaf} {
		require.Zero(t, g.tree.PathCost(i))
		require.Nil(t, g.tree.FilteredDirectPath(i))
	}
	_, ok := g.tree.Parent(2)
	require.False(t, ok, "a leaf")
	parent, ok := g.tree.Parent(3)
	require.True(t, ok)
	require.Equal(t, g.tree.EncryptionKey(3), parent.EncryptionKey)
	_, ok = g.tree.Parent(5)
	require.False(t, ok, "blank: leaf 2 has no sibling")
	_, ok = g.tree.FindEncryptionKey(g.newClient().leaf.EncryptionKey)
	require.False(t, ok)
	_, ok = g.tree.FindSignatureKey(nil)
	require.False(t, ok)
	require.Zero(t, g.tree.Support().Extension(0x2000))
	for range g.tree.Leaves() {
		break // stops early
	}
}
