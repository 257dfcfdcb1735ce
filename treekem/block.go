package treekem

import (
	"math/bits"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
)

// A tree is cut into blocks. A block of layer 0 holds blockLeaves leaves and the parents above them, up to the node
// that covers them all; a block of layer j holds the parents above the roots of blockLeaves blocks of layer j-1. A
// nil child is a subtree in which every node is blank. Blocks are copied before they are changed, so that a tree
// and all its descendants share what they have in common.
//
// Within a block, nodes are numbered as in a heap: slot 0 is the top, slots 2k+1 and 2k+2 are the children of k. The
// lowest row is the block's leaves, or in higher layers the roots of the child blocks, of which this block keeps a
// copy of the hash and nothing else.
const (
	blockLevels  = 3
	blockLeaves  = 1 << blockLevels
	blockParents = blockLeaves - 1
	blockSlots   = blockParents + blockLeaves
	maxLayers    = (maxLevel-1)/blockLevels + 1
)

// owner identifies the Edit that may still write to a block. It has a size so that each has its own address.
type owner struct{ _ byte }

type block struct {
	owner *owner

	present    uint32 // bit per slot: the node is not blank
	dirty      uint32 // bit per slot: its hash is out of date. Always set for slots outside the tree
	linked     uint32 // bit per parent: its parent_hash is not empty
	ownedLists uint32 // bit per parent: its unmerged list was made by owner, who may grow it in place

	exported   int                  // bytes that Export needs for the nodes here and in the blocks below, beyond one for each
	members    [blockParents]uint32 // non-blank leaves below each parent
	resolution [blockParents]uint32 // size of each parent's resolution

	keys     []byte // per parent: encryption key, then parent hash; nil while all parents are blank
	hashes   []byte // per slot: tree hash; nil until the first is wanted
	unmerged [][]framing.LeafIndex

	leaves   []byte              // layer 0: wire bytes of the leaves, one after the other
	ends     [blockLeaves]uint32 // layer 0: where in leaves each leaf ends
	children []*block            // higher layers
}

// layout holds the sizes that the cipher suite gives to the fields of a block.
type layout struct {
	suite *ciphersuite.Suite
	key   int // bytes of an HPKE public key
	hash  int // bytes of a hash
}

func newLayout(s *ciphersuite.Suite) layout {
	return layout{suite: s, key: s.HPKEPublicKeySize, hash: s.HashSize}
}

// layerOf returns the layer whose blocks hold the nodes of a level.
func layerOf(level int) int { return max(level-1, 0) / blockLevels }

// slotOf returns the slot of a node in its block of the given layer.
func slotOf(layer, level int, position uint32) int {
	depth := (layer+1)*blockLevels - level
	row := 1<<depth - 1
	return row + int(position)&row
}

// childOf returns the child of a block of the given layer in which leaf i lies.
func childOf(layer int, i framing.LeafIndex) int {
	return int(i>>(layer*blockLevels)) & (blockLeaves - 1)
}

func newBlock(layer int, o *owner) *block {
	b := &block{owner: o, dirty: 1<<blockSlots - 1}
	if layer > 0 {
		b.children = make([]*block, blockLeaves)
	}
	return b
}

// clone copies what may be changed in place. Unmerged lists and children stay shared.
func (b *block) clone(o *owner) *block {
	c := *b
	c.owner, c.ownedLists = o, 0
	c.keys = append([]byte(nil), b.keys...)
	c.hashes = append([]byte(nil), b.hashes...)
	c.unmerged = append([][]framing.LeafIndex(nil), b.unmerged...)
	c.children = append([]*block(nil), b.children...)
	return &c // leaves is replaced as a whole, never written in place
}

func (b *block) has(slot int) bool { return b.present&(1<<slot) != 0 }

func (b *block) isBlank() bool {
	if b.present != 0 {
		return false
	}
	for _, c := range b.children {
		if c != nil {
			return false
		}
	}
	return true
}

// leaf returns the wire form of the leaf in the k-th place of a block of layer 0, empty when blank.
func (b *block) leaf(k int) []byte {
	start := uint32(0)
	if k > 0 {
		start = b.ends[k-1]
	}
	return b.leaves[start:b.ends[k]:b.ends[k]]
}

// setLeaf replaces the wire form of the leaf in the k-th place.
func (b *block) setLeaf(k int, raw []byte) {
	old := b.leaf(k)
	start := int(b.ends[k]) - len(old)
	merged := make([]byte, 0, len(b.leaves)-len(old)+len(raw))
	merged = append(merged, b.leaves[:start]...)
	merged = append(merged, raw...)
	b.leaves = append(merged, b.leaves[b.ends[k]:]...)
	for j := k; j < blockLeaves; j++ {
		b.ends[j] += uint32(len(raw)) - uint32(len(old))
	}
	b.setPresent(blockParents+k, len(raw) > 0)
}

// sizes returns the number of members at and below a slot, and the size of its resolution.
func (b *block) sizes(layer, slot int) (members, resolution uint32) {
	switch {
	case slot < blockParents:
		return b.members[slot], b.resolution[slot]
	case layer > 0:
		if child := b.children[slot-blockParents]; child != nil {
			return child.sizes(layer-1, 0)
		}
	case b.has(slot):
		return 1, 1
	}
	return 0, 0
}

// count brings the sizes of a parent up to date with those of its children.
func (b *block) count(layer, slot int) {
	leftMembers, leftResolution := b.sizes(layer, 2*slot+1)
	rightMembers, rightResolution := b.sizes(layer, 2*slot+2)
	b.members[slot] = leftMembers + rightMembers
	b.resolution[slot] = leftResolution + rightResolution
	if b.has(slot) {
		b.resolution[slot] = 1 + uint32(len(b.unmergedAt(slot)))
	}
}

// measure brings exported up to date, once it is so in the blocks below.
func (l layout) measure(b *block) {
	n := len(b.leaves) + bits.OnesCount32(b.present) // each node that is not blank has a type
	for slot := range blockParents {
		if !b.has(slot) {
			continue
		}
		unmerged := 4 * len(b.unmergedAt(slot))
		parentHash := len(l.parentHashAt(b, slot))
		for _, vector := range []int{l.key, parentHash, unmerged} {
			n += wire.LengthSize(vector) + vector
		}
	}
	for _, child := range b.children {
		if child != nil {
			n += child.exported
		}
	}
	b.exported = n
}

func (b *block) setPresent(slot int, present bool) {
	if present {
		b.present |= 1 << slot
	} else {
		b.present &^= 1 << slot
	}
}

func (l layout) hashAt(b *block, slot int) []byte {
	return b.hashes[slot*l.hash : (slot+1)*l.hash : (slot+1)*l.hash]
}

func (l layout) keyAt(b *block, slot int) ciphersuite.HPKEPublicKey {
	o := slot * (l.key + l.hash)
	return b.keys[o : o+l.key : o+l.key]
}

func (l layout) parentHashAt(b *block, slot int) []byte {
	if b.linked&(1<<slot) == 0 {
		return nil
	}
	o := slot*(l.key+l.hash) + l.key
	return b.keys[o : o+l.hash : o+l.hash]
}

func (b *block) unmergedAt(slot int) []framing.LeafIndex {
	if b.unmerged == nil {
		return nil
	}
	return b.unmerged[slot]
}

// setParent fills a parent. parentHash is empty or of the hash's size.
func (l layout) setParent(b *block, slot int, key ciphersuite.HPKEPublicKey, parentHash []byte) {
	if b.keys == nil {
		b.keys = make([]byte, blockParents*(l.key+l.hash))
	}
	copy(l.keyAt(b, slot), key)
	b.present |= 1 << slot
	b.setUnmerged(slot, nil)
	l.setParentHash(b, slot, parentHash)
}

func (l layout) setParentHash(b *block, slot int, parentHash []byte) {
	if len(parentHash) == 0 {
		b.linked &^= 1 << slot
		return
	}
	b.linked |= 1 << slot
	copy(l.parentHashAt(b, slot), parentHash)
}

func (b *block) blankParent(slot int) {
	b.present &^= 1 << slot
	b.linked &^= 1 << slot
	b.setUnmerged(slot, nil)
}

func (b *block) setUnmerged(slot int, list []framing.LeafIndex) {
	b.ownedLists &^= 1 << slot
	if b.unmerged == nil {
		if len(list) == 0 {
			return
		}
		b.unmerged = make([][]framing.LeafIndex, blockParents)
	}
	b.unmerged[slot] = list
}
