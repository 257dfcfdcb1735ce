package treekem

import (
	"math/bits"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// view reads the nodes of a tree. Tree and Edit share it.
type view struct {
	layout
	root  *block
	width uint32 // leaves, blank ones included: a power of two
}

// rootLevel returns the level of the root node.
func (v *view) rootLevel() int { return bits.TrailingZeros32(v.width) }

// contains reports whether x is a node of the tree.
func (v *view) contains(x NodeIndex) bool { return uint32(x) < NodeCount(v.width) }

// find returns the block and slot of a node inside the tree; the block is nil where the whole block is blank.
func (v *view) find(x NodeIndex) (*block, int) {
	level := x.Level()
	first, _ := x.leaves()
	layer := layerOf(level)
	b := v.root
	for j := layerOf(v.rootLevel()); j > layer && b != nil; j-- {
		b = b.children[childOf(j, first)]
	}
	return b, slotOf(layer, level, x.position())
}

// isBlank reports whether a node is blank.
func (v *view) isBlank(x NodeIndex) bool {
	b, slot := v.find(x)
	return b == nil || !b.has(slot)
}

// rawLeaf returns the wire form of a leaf, nil when blank or outside the tree.
func (v *view) rawLeaf(i framing.LeafIndex) []byte {
	if uint32(i) >= v.width {
		return nil
	}
	b, slot := v.find(LeafNodeIndex(i))
	if b == nil || !b.has(slot) {
		return nil
	}
	return b.leaf(slot - blockParents)
}

// members returns the number of non-blank leaves at and below x.
func (v *view) members(x NodeIndex) uint32 {
	members, _ := v.sizes(x)
	return members
}

// resolutionSize returns the length of x's resolution (RFC 9420, Section 4.1.1).
func (v *view) resolutionSize(x NodeIndex) uint32 {
	_, resolution := v.sizes(x)
	return resolution
}

func (v *view) sizes(x NodeIndex) (members, resolution uint32) {
	b, slot := v.find(x)
	if b == nil {
		return 0, 0
	}
	return b.sizes(layerOf(x.Level()), slot)
}

// encryptionKey returns the HPKE key of a node that is not blank, nil for a blank one.
func (v *view) encryptionKey(x NodeIndex) ciphersuite.HPKEPublicKey {
	if i, ok := x.Leaf(); ok {
		raw := v.rawLeaf(i)
		if raw == nil {
			return nil
		}
		key, _ := leafKeys(raw)
		return key
	}
	b, slot := v.find(x)
	if b == nil || !b.has(slot) {
		return nil
	}
	return v.keyAt(b, slot)
}

// signatureKey returns the signature key of leaf i, nil for a blank one.
func (v *view) signatureKey(i framing.LeafIndex) ciphersuite.SignaturePublicKey {
	raw := v.rawLeaf(i)
	if raw == nil {
		return nil
	}
	_, key := leafKeys(raw)
	return key
}

// unmergedLeaves returns the unmerged list of a parent, nil when blank.
func (v *view) unmergedLeaves(x NodeIndex) []framing.LeafIndex {
	b, slot := v.find(x)
	if b == nil || slot >= blockParents || !b.has(slot) {
		return nil
	}
	return b.unmergedAt(slot)
}

// appendResolution appends the resolution of x (RFC 9420, Section 4.1.1).
func (v *view) appendResolution(dst []NodeIndex, x NodeIndex) []NodeIndex {
	b, slot := v.find(x)
	if b == nil {
		return dst
	}
	if b.has(slot) {
		dst = append(dst, x)
		if slot < blockParents {
			for _, i := range b.unmergedAt(slot) {
				dst = append(dst, LeafNodeIndex(i))
			}
		}
		return dst
	}
	if slot >= blockParents || b.resolution[slot] == 0 {
		return dst
	}
	left, _ := x.Left()
	right, _ := x.Right()
	return v.appendResolution(v.appendResolution(dst, left), right)
}

// step is one node of a leaf's direct path with its child on the copath (RFC 9420, Section 4.1.2).
type step struct {
	node   NodeIndex
	copath NodeIndex
}

// filteredDirectPath lists the steps from leaf i to the root whose copath child has a resolution (RFC 9420,
// Section 4.1.2).
func (v *view) filteredDirectPath(i framing.LeafIndex) []step {
	path := make([]step, 0, v.rootLevel())
	for level := 1; level <= v.rootLevel(); level++ {
		copath := at(level-1, uint32(i)>>(level-1)^1)
		if v.resolutionSize(copath) > 0 {
			path = append(path, step{ancestor(i, level), copath})
		}
	}
	return path
}

// nextBlank returns the leftmost blank leaf, which is v.width when the tree is full.
func (v *view) nextBlank() framing.LeafIndex {
	x := Root(v.width)
	if v.members(x) == v.width {
		return framing.LeafIndex(v.width)
	}
	for x.Level() > 0 {
		left, _ := x.Left()
		if from, to := left.leaves(); v.members(left) < uint32(to-from) {
			x = left
		} else {
			x, _ = x.Right()
		}
	}
	i, _ := x.Leaf()
	return i
}

// lastMember returns the rightmost leaf that is not blank.
func (v *view) lastMember() framing.LeafIndex {
	x := Root(v.width)
	for x.Level() > 0 {
		if right, _ := x.Right(); v.members(right) > 0 {
			x = right
		} else {
			x, _ = x.Left()
		}
	}
	i, _ := x.Leaf()
	return i
}

// each calls visit for every node that is not blank, leaves and parents, in the order of a ratchet_tree extension,
// until visit returns false.
func (v *view) each(visit func(x NodeIndex, b *block, slot int) bool) {
	v.eachBelow(Root(v.width), visit)
}

func (v *view) eachBelow(x NodeIndex, visit func(NodeIndex, *block, int) bool) bool {
	b, slot := v.find(x)
	if b == nil {
		return true
	}
	if slot >= blockParents {
		return !b.has(slot) || visit(x, b, slot)
	}
	left, _ := x.Left()
	right, _ := x.Right()
	if !v.eachBelow(left, visit) {
		return false
	}
	if b.has(slot) && !visit(x, b, slot) {
		return false
	}
	return v.eachBelow(right, visit)
}
