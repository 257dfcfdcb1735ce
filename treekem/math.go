package treekem

// RFC 9420, Appendix C: Array-Based Trees.

import (
	"math/bits"

	"github.com/copse-mls/copse/framing"
)

// NodeIndex numbers the nodes of a ratchet tree from left to right, leaves at even numbers (RFC 9420, Appendix C).
type NodeIndex uint32

// MaxLeaves is the largest width of a tree that this package handles. It keeps every index computation within 32 bits.
const MaxLeaves = 1 << 28

// maxLevel is the level of the root of a tree of MaxLeaves leaves.
const maxLevel = 28

// LeafNodeIndex returns the node at which leaf i stands.
func LeafNodeIndex(i framing.LeafIndex) NodeIndex { return NodeIndex(i) << 1 }

// NodeCount returns the number of nodes of a tree with the given number of leaves, a power of two up to MaxLeaves.
func NodeCount(leaves uint32) uint32 { return 2*leaves - 1 }

// Root returns the root of a tree with the given number of leaves, a power of two up to MaxLeaves.
func Root(leaves uint32) NodeIndex { return NodeIndex(leaves - 1) }

// Width returns the number of leaves of the smallest full tree that holds the given number of leaves.
func Width(leaves uint32) uint32 {
	if leaves <= 1 {
		return 1
	}
	return 1 << bits.Len32(leaves-1)
}

// Level returns the height of a node: 0 for a leaf.
func (x NodeIndex) Level() int { return bits.TrailingZeros32(^uint32(x)) }

// Leaf returns the leaf at x, and false when x is not a leaf.
func (x NodeIndex) Leaf() (framing.LeafIndex, bool) {
	return framing.LeafIndex(x >> 1), x&1 == 0
}

// Left returns the left child of x, and false when x is a leaf.
func (x NodeIndex) Left() (NodeIndex, bool) {
	k := x.Level()
	if k == 0 {
		return 0, false
	}
	return at(k-1, x.position()<<1), true
}

// Right returns the right child of x, and false when x is a leaf.
func (x NodeIndex) Right() (NodeIndex, bool) {
	k := x.Level()
	if k == 0 {
		return 0, false
	}
	return at(k-1, x.position()<<1|1), true
}

// Parent returns the parent of x in a tree with the given number of leaves, and false when x is the root or outside.
func (x NodeIndex) Parent(leaves uint32) (NodeIndex, bool) {
	if x == Root(leaves) || uint32(x) >= NodeCount(leaves) {
		return 0, false
	}
	return at(x.Level()+1, x.position()>>1), true
}

// Sibling returns the other child of x's parent, and false when x has no parent.
func (x NodeIndex) Sibling(leaves uint32) (NodeIndex, bool) {
	if _, ok := x.Parent(leaves); !ok {
		return 0, false
	}
	return at(x.Level(), x.position()^1), true
}

// Covers reports whether leaf i is x or lies below x.
func (x NodeIndex) Covers(i framing.LeafIndex) bool {
	return uint32(i)>>x.Level() == x.position()
}

// CommonAncestor returns the lowest node that covers both leaves.
func CommonAncestor(a, b framing.LeafIndex) NodeIndex {
	k := bits.Len32(uint32(a ^ b))
	return at(k, uint32(a)>>k)
}

// position returns the number of nodes of the same level to the left of x.
func (x NodeIndex) position() uint32 { return uint32(x >> (x.Level() + 1)) }

// at returns the node with the given level and position.
func at(level int, position uint32) NodeIndex {
	return NodeIndex(position<<(level+1) | (1<<level - 1))
}

// ancestor returns the node of the given level that covers leaf i.
func ancestor(i framing.LeafIndex, level int) NodeIndex { return at(level, uint32(i)>>level) }

// leaves returns the range [from, to) of leaves that x covers.
func (x NodeIndex) leaves() (from, to framing.LeafIndex) {
	k := x.Level()
	from = framing.LeafIndex(x.position() << k)
	return from, from + 1<<k
}

// leafOf returns the leaf at x, NoLeaf for a parent.
func leafOf(x NodeIndex) framing.LeafIndex {
	if i, ok := x.Leaf(); ok {
		return i
	}
	return framing.NoLeaf
}
