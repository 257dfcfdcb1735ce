package treekem

// A tree in storage: one record for each block, so that a change writes what it touched.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"math/bits"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
)

// ErrBlocks says that the records of blocks do not make a tree.
var ErrBlocks = errors.New("treekem: records of blocks do not make a tree")

// BlockRecord is a block of a tree for storage: in layer 0 eight leaves with the parents above them, in each higher
// layer the parents above eight blocks of the layer below.
type BlockRecord struct {
	Layer uint8
	Index uint32 // among the blocks of its layer, from the left
	Data  []byte // nodes that are not blank; nil when there are none
}

// Blocks yields the blocks of t that are not blank, or when since is not nil, those that differ from since, blank ones
// included. Where t and since share their past, that takes time in proportion to what changed. Neither hashes nor
// counters are in a block: they follow from the nodes.
func (t *Tree) Blocks(since *Tree) iter.Seq[BlockRecord] {
	return func(yield func(BlockRecord) bool) {
		layer := layerOf(t.rootLevel())
		now, then := t.root, (*block)(nil)
		if since != nil {
			old := layerOf(since.rootLevel())
			then = raise(since.root, old, layer)
			now = raise(now, layer, old)
			layer = max(layer, old)
		}
		t.differences(BlockRecord{Layer: uint8(layer)}, now, then, yield)
	}
}

// raise puts b, the top of a tree, at the left end of a higher layer.
func raise(b *block, from, to int) *block {
	for ; from < to; from++ {
		above := newBlock(from+1, nil)
		above.children[0] = b
		b = above
	}
	return b
}

// differences yields at, whose nodes now are in one block and were in another, and what lies below.
func (l layout) differences(at BlockRecord, now, then *block, yield func(BlockRecord) bool) bool {
	if now == then {
		return true
	}
	at.Data = l.encodeBlock(now)
	if !bytes.Equal(at.Data, l.encodeBlock(then)) && !yield(at) {
		return false
	}
	if at.Layer == 0 {
		return true
	}
	for k := range blockLeaves {
		below := BlockRecord{Layer: at.Layer - 1, Index: at.Index<<blockLevels | uint32(k)}
		if !l.differences(below, now.child(k), then.child(k), yield) {
			return false
		}
	}
	return true
}

func (b *block) child(k int) *block {
	if b == nil {
		return nil
	}
	return b.children[k]
}

// encodeBlock writes which slots are not blank, then each of those nodes as opaque<V>.
func (l layout) encodeBlock(b *block) []byte {
	if b == nil || b.present == 0 {
		return nil
	}
	out := binary.BigEndian.AppendUint16(nil, uint16(b.present))
	var parent []byte
	for slot := range blockSlots {
		switch {
		case !b.has(slot):
		case slot < blockParents:
			parent = appendParent(parent[:0], l.keyAt(b, slot), l.parentHashAt(b, slot), b.unmergedAt(slot))
			out = append(wire.AppendLength(out, len(parent)), parent...)
		default:
			leaf := b.leaf(slot - blockParents)
			out = append(wire.AppendLength(out, len(leaf)), leaf...)
		}
	}
	return out
}

// RestoreTree makes the tree of a width that was stored as the blocks that Blocks yielded. It checks the form of every
// node, its place, unmerged leaves and the uniqueness of keys, but no signature: the caller compares the tree hash with
// one that it trusts. It takes time in proportion to the width. It fails with ErrBlocks, a *framing.SyntaxError or a
// *framing.RuleError.
func RestoreTree(suite *ciphersuite.Suite, width uint32, blocks iter.Seq[BlockRecord]) (*Tree, error) {
	if width > MaxLeaves || bits.OnesCount32(width) != 1 {
		return nil, fmt.Errorf("%w: %d leaves", ErrBlocks, width)
	}
	r := &restorer{treeDecoder{Edit: newEdit(newLayout(suite), width)}}
	r.keys = newKeyIndex(1, 1) // it grows as it fills
	return r.restore(width, blocks)
}

// WithBlocks returns a tree of a width that has the given blocks, and in all else is t: for blocks that Blocks(t)
// yielded. Blocks are shared with t where they do not differ. It fails as RestoreTree does.
func (t *Tree) WithBlocks(width uint32, blocks iter.Seq[BlockRecord]) (*Tree, error) {
	if width > MaxLeaves || bits.OnesCount32(width) != 1 {
		return nil, fmt.Errorf("%w: %d leaves", ErrBlocks, width)
	}
	r := &restorer{treeDecoder{Edit: t.Edit()}}
	for r.width < width {
		r.extend()
	}
	return r.restore(width, blocks)
}

// restorer puts stored blocks into an Edit.
type restorer struct{ treeDecoder }

func (r *restorer) restore(width uint32, blocks iter.Seq[BlockRecord]) (*Tree, error) {
	r.root = r.own(r.root, layerOf(r.rootLevel()))
	for s := range blocks {
		if err := r.fill(s); err != nil {
			return nil, err
		}
	}
	r.prune(r.root)
	layer := layerOf(r.rootLevel())
	r.recount(r.root, layer, slotOf(layer, r.rootLevel(), 0))
	if r.members(Root(r.width)) == 0 {
		return nil, fmt.Errorf("%w: there is no member", ErrBlocks)
	}
	if r.truncate(); r.width != width {
		return nil, fmt.Errorf("%w: %d leaves instead of %d", ErrBlocks, r.width, width)
	}
	if err := r.checkParents(); err != nil {
		return nil, err
	}
	r.refreshAll()
	return r.Tree()
}

// fill replaces the nodes of one block.
func (r *restorer) fill(s BlockRecord) error {
	top, layer := layerOf(r.rootLevel()), int(s.Layer)
	if layer > top || s.Index>>((top-layer)*blockLevels) != 0 {
		return fmt.Errorf("%w: no layer %d, block %d", ErrBlocks, s.Layer, s.Index)
	}
	in := wire.NewReader("tree block", s.Data)
	present := uint32(0)
	if s.Data != nil {
		if present = uint32(in.Uint16()); present == 0 || present >= 1<<blockSlots {
			in.Failf("nodes %#x", present)
		}
	}
	if err := in.Err(); err != nil {
		return err
	}
	b := r.reach(layer, s.Index)
	slots := blockSlots
	if layer > 0 {
		slots = blockParents
	}
	for slot := range slots {
		var raw []byte
		if present&(1<<slot) != 0 {
			if raw = in.Opaque(); raw == nil {
				in.Failf("node is empty")
				return in.Err()
			}
		}
		if err := r.fillNode(b, slot, nodeAt(layer, s.Index, slot), raw); err != nil {
			return err
		}
	}
	return in.Finish()
}

// nodeAt returns the node in a slot of a block.
func nodeAt(layer int, index uint32, slot int) NodeIndex {
	depth := bits.Len(uint(slot+1)) - 1
	return at((layer+1)*blockLevels-depth, index<<depth|uint32(slot+1-1<<depth))
}

// reach makes a block the edit's own, with all above it, and marks the hashes that depend on it.
func (r *restorer) reach(layer int, index uint32) *block {
	top := layerOf(r.rootLevel())
	r.root = r.own(r.root, top)
	b := r.root
	for j := top; j > layer; j-- {
		k := int(index>>((j-1-layer)*blockLevels)) & (blockLeaves - 1)
		for slot := blockParents + k; ; slot = (slot - 1) / 2 {
			b.dirty |= 1 << slot
			if slot == 0 {
				break
			}
		}
		b.children[k] = r.own(b.children[k], j-1)
		b = b.children[k]
	}
	if layer == 0 {
		b.dirty = 1<<blockSlots - 1
	} else {
		b.dirty |= 1<<blockParents - 1
	}
	return b
}

// fillNode fills a slot, or blanks it when raw is nil.
func (r *restorer) fillNode(b *block, slot int, x NodeIndex, raw []byte) error {
	if raw != nil {
		if !r.contains(x) {
			return fmt.Errorf("%w: node %d is outside the tree", ErrBlocks, x)
		}
		r.touched = append(r.touched, x)
	}
	if slot >= blockParents {
		return r.fillLeaf(b, slot-blockParents, x, raw)
	}
	if raw == nil {
		b.blankParent(slot)
		return nil
	}
	p := new(framing.ParentNode)
	if err := framing.UnmarshalShared(raw, p); err != nil {
		return err
	}
	if err := r.checkParent(x, p); err != nil {
		return err
	}
	r.setParent(b, slot, p.EncryptionKey, p.ParentHash)
	b.setUnmerged(slot, p.UnmergedLeaves)
	return nil
}

func (r *restorer) fillLeaf(b *block, k int, x NodeIndex, raw []byte) error {
	var old, fresh *framing.LeafNode
	if was := b.leaf(k); len(was) > 0 {
		old = decodeLeaf(was)
	}
	if raw != nil {
		fresh = new(framing.LeafNode)
		if err := framing.UnmarshalShared(raw, fresh); err != nil {
			return err
		}
		i, _ := x.Leaf()
		if err := r.checkKeySizes(i, fresh); err != nil {
			return err
		}
	}
	r.caps.replace(old, fresh)
	b.setLeaf(k, raw)
	return nil
}

// prune frees the edit's own blocks in which nothing is left.
func (r *restorer) prune(b *block) {
	for k, c := range b.children {
		if c == nil || c.owner != r.owner {
			continue
		}
		if r.prune(c); c.isBlank() {
			b.children[k] = nil
		}
	}
}
