package treekem

// RFC 9420, Section 7.8: Tree Hashes.

import (
	"encoding/binary"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
)

// Node types (RFC 9420, Section 7.8).
const (
	nodeTypeLeaf   = 1
	nodeTypeParent = 2
)

// hasher computes tree hashes. Its buffers make it unfit for concurrent use.
type hasher struct {
	layout
	scratch []byte
	blanks  []byte // by level, room for the hashes of two blank children
}

// leaf writes the hash of a leaf to dst: raw is its wire form, empty when blank.
func (h *hasher) leaf(dst []byte, i framing.LeafIndex, raw []byte) {
	in := append(h.scratch[:0], nodeTypeLeaf)
	in = binary.BigEndian.AppendUint32(in, uint32(i))
	if len(raw) == 0 {
		in = append(in, 0)
	} else {
		in = append(append(in, 1), raw...)
	}
	h.digest(dst, in)
}

// parentInput is what the hash of a parent covers.
type parentInput struct {
	key, parentHash []byte // key is nil for a blank parent
	unmerged        []framing.LeafIndex
	left, right     []byte
}

// parent writes the hash of a parent to dst.
func (h *hasher) parent(dst []byte, p parentInput) {
	in := append(h.scratch[:0], nodeTypeParent)
	if p.key == nil {
		in = append(in, 0)
	} else {
		in = appendParent(append(in, 1), p.key, p.parentHash, p.unmerged)
	}
	in = append(wire.AppendLength(in, len(p.left)), p.left...)
	in = append(wire.AppendLength(in, len(p.right)), p.right...)
	h.digest(dst, in)
}

func (h *hasher) digest(dst, in []byte) {
	h.scratch = in
	h.suite.Hash(dst[:0], in)
}

// appendParent appends a ParentNode (RFC 9420, Section 7.1).
func appendParent(b, key, parentHash []byte, unmerged []framing.LeafIndex) []byte {
	b = append(wire.AppendLength(b, len(key)), key...)
	b = append(wire.AppendLength(b, len(parentHash)), parentHash...)
	b = wire.AppendLength(b, 4*len(unmerged))
	for _, i := range unmerged {
		b = binary.BigEndian.AppendUint32(b, uint32(i))
	}
	return b
}

// refresh brings the hash of x up to date in b, with every hash below that is out of date, and returns it. x is in
// slot of b, a block of the given layer. Blocks with dirty slots inside the tree belong to the edit that is running.
func (h *hasher) refresh(b *block, layer, slot int, x NodeIndex) []byte {
	if b.hashes == nil {
		b.hashes = make([]byte, blockSlots*h.hash)
	}
	hash := h.hashAt(b, slot)
	if b.dirty&(1<<slot) == 0 {
		return hash
	}
	switch {
	case slot < blockParents:
		h.refreshParent(b, layer, slot, x)
	case layer == 0:
		i, _ := x.Leaf()
		h.leaf(hash, i, b.leaf(slot-blockParents))
	default:
		if child := b.children[slot-blockParents]; child != nil {
			copy(hash, h.refresh(child, layer-1, 0, x))
		} else {
			h.blank(hash, x)
		}
	}
	b.dirty &^= 1 << slot
	if slot == 0 { // the last of its block
		h.measure(b)
	}
	return hash
}

func (h *hasher) refreshParent(b *block, layer, slot int, x NodeIndex) {
	l, _ := x.Left()
	r, _ := x.Right()
	in := parentInput{left: h.refresh(b, layer, 2*slot+1, l), right: h.refresh(b, layer, 2*slot+2, r)}
	if b.has(slot) {
		in.key, in.parentHash, in.unmerged = h.keyAt(b, slot), h.parentHashAt(b, slot), b.unmergedAt(slot)
	}
	h.parent(h.hashAt(b, slot), in)
}

// blank writes the hash of a subtree without any content. It depends on where the subtree is, for a leaf's hash
// covers its index.
func (h *hasher) blank(dst []byte, x NodeIndex) {
	if i, ok := x.Leaf(); ok {
		h.leaf(dst, i, nil)
		return
	}
	level := x.Level()
	if need := 2 * level * h.hash; len(h.blanks) < need {
		h.blanks = make([]byte, need)
	}
	right := h.blanks[(2*level-1)*h.hash : 2*level*h.hash]
	left := h.blanks[(2*level-2)*h.hash : (2*level-1)*h.hash : (2*level-1)*h.hash]
	l, _ := x.Left()
	r, _ := x.Right()
	h.blank(left, l)
	h.blank(right, r)
	h.parent(dst, parentInput{left: left, right: right})
}
