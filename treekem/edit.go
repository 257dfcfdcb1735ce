package treekem

// RFC 9420, Sections 7.7 and 12.1: Adding and Removing Leaves.

import (
	"fmt"
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// Edit is a tree in the course of a change: proposals applied, a path set. It shares all it does not change with the
// Tree that it came from. An Edit is for one goroutine.
//
// A failing call may leave the Edit half changed: drop it and begin again from the Tree, which is as it was.
type Edit struct {
	view
	hashing hasher
	owner   *owner
	keys    *keyIndex
	caps    countsWriter
	touched []NodeIndex // nodes that received a key in this edit, in order, possibly more than once
}

// New makes the tree of a group with one member (RFC 9420, Section 11).
func New(suite *ciphersuite.Suite, leaf *framing.LeafNode) (*Tree, error) {
	e := newEdit(newLayout(suite), 1)
	e.keys = newKeyIndex(1, 1)
	if _, err := e.Add(leaf); err != nil {
		return nil, err
	}
	return e.Tree()
}

// Edit begins a change of the tree. The tree itself stays as it is.
func (t *Tree) Edit() *Edit {
	o := new(owner)
	return &Edit{
		view: t.view, hashing: hasher{layout: t.layout}, owner: o, keys: t.keys, caps: countsWriter{t.caps, o},
	}
}

// newEdit begins a tree from nothing: blank, with the given number of leaves.
func newEdit(l layout, width uint32) *Edit {
	e := &Edit{view: view{layout: l, width: width}, hashing: hasher{layout: l}, owner: new(owner)}
	e.caps.owner = e.owner
	e.root = newBlock(layerOf(e.rootLevel()), e.owner)
	return e
}

// spine holds the blocks on the way from the root to one leaf, by layer.
type spine struct {
	leaf   framing.LeafIndex
	blocks [maxLayers]*block
}

// spine makes every block on the way to leaf i this edit's own.
func (e *Edit) spine(i framing.LeafIndex) *spine {
	s := &spine{leaf: i}
	top := layerOf(e.rootLevel())
	e.root = e.own(e.root, top)
	b := e.root
	for j := top; ; j-- {
		s.blocks[j] = b
		if j == 0 {
			return s
		}
		child := &b.children[childOf(j, i)]
		*child = e.own(*child, j-1)
		b = *child
	}
}

func (e *Edit) own(b *block, layer int) *block {
	switch {
	case b == nil:
		return newBlock(layer, e.owner)
	case b.owner != e.owner:
		return b.clone(e.owner)
	}
	return b
}

// at returns the block and slot of the spine's node of a level.
func (s *spine) at(level int) (*block, int) {
	layer := layerOf(level)
	return s.blocks[layer], slotOf(layer, level, uint32(s.leaf)>>level)
}

// settle recomputes the counters along the spine after its nodes have changed, and marks their hashes out of date.
func (e *Edit) settle(s *spine) {
	for level := 0; level <= e.rootLevel(); level++ {
		b, slot := s.at(level)
		b.dirty |= 1 << slot
		if level == 0 {
			continue
		}
		b.count(layerOf(level), slot)
		if slot == 0 && level < e.rootLevel() {
			above := s.blocks[layerOf(level)+1]
			above.dirty |= 1 << slotOf(layerOf(level)+1, level, uint32(s.leaf)>>level)
		}
	}
}

// setLeaf puts leaf, or nothing when nil, at i and keeps the counters of capabilities.
func (e *Edit) setLeaf(s *spine, leaf *framing.LeafNode) error {
	var raw []byte
	if leaf != nil {
		if err := e.checkKeySizes(s.leaf, leaf); err != nil {
			return err
		}
		var err error
		if raw, err = framing.Marshal(leaf); err != nil {
			return err
		}
		e.touched = append(e.touched, LeafNodeIndex(s.leaf))
	}
	b, slot := s.at(0)
	if old := b.leaf(slot - blockParents); len(old) > 0 {
		e.caps.replace(decodeLeaf(old), leaf)
	} else {
		e.caps.replace(nil, leaf)
	}
	b.setLeaf(slot-blockParents, raw)
	return nil
}

// checkKeySizes refuses keys that do not fit the suite (RFC 9420, Section 5.1.1).
func (e *Edit) checkKeySizes(i framing.LeafIndex, leaf *framing.LeafNode) error {
	if len(leaf.EncryptionKey) != e.suite.HPKEPublicKeySize {
		return &framing.RuleError{Rule: "V-WIRE-16", Leaf: i,
			Detail: fmt.Sprintf("encryption key of %d bytes", len(leaf.EncryptionKey))}
	}
	if len(leaf.SignatureKey) != e.suite.SignaturePublicKeySize {
		return &framing.RuleError{Rule: "V-WIRE-16", Leaf: i,
			Detail: fmt.Sprintf("signature key of %d bytes", len(leaf.SignatureKey))}
	}
	return nil
}

// blankPath blanks the parents above the spine's leaf.
func (e *Edit) blankPath(s *spine) {
	for level := 1; level <= e.rootLevel(); level++ {
		b, slot := s.at(level)
		b.blankParent(slot)
	}
}

// NextLeaf returns the place that the next member added will take, the leftmost blank leaf. It extends the tree when
// all leaves are taken (RFC 9420, Section 7.7). It is what an external committer uses to learn its own index (RFC 9420,
// Section 12.4.3.2).
func (e *Edit) NextLeaf() (framing.LeafIndex, error) {
	i := e.nextBlank()
	if uint32(i) < e.width {
		return i, nil
	}
	if e.width >= MaxLeaves {
		return 0, fmt.Errorf("treekem: tree already has %d leaves", e.width)
	}
	e.extend()
	return i, nil
}

// Add puts a new member at the leftmost blank leaf and marks it unmerged above (RFC 9420, Section 12.1.1).
func (e *Edit) Add(leaf *framing.LeafNode) (framing.LeafIndex, error) {
	i, err := e.NextLeaf()
	if err != nil {
		return 0, err
	}
	s := e.spine(i)
	if err := e.setLeaf(s, leaf); err != nil {
		return 0, err
	}
	for level := 1; level <= e.rootLevel(); level++ {
		if b, slot := s.at(level); b.has(slot) {
			b.addUnmerged(slot, i)
		}
	}
	e.settle(s)
	return i, nil
}

// addUnmerged inserts leaf i into a parent's list. It grows in place only what this edit made.
func (b *block) addUnmerged(slot int, i framing.LeafIndex) {
	list := b.unmergedAt(slot)
	if b.ownedLists&(1<<slot) == 0 {
		list = append(make([]framing.LeafIndex, 0, len(list)+4), list...)
	}
	where, _ := slices.BinarySearch(list, i)
	b.setUnmerged(slot, slices.Insert(list, where, i))
	b.ownedLists |= 1 << slot
}

// Update replaces a member's leaf and blanks the nodes above (RFC 9420, Section 12.1.2). It fails with a *RuleError
// when the leaf is blank.
func (e *Edit) Update(i framing.LeafIndex, leaf *framing.LeafNode) error {
	if err := e.mustHold(i, "V-PR-06"); err != nil {
		return err
	}
	s := e.spine(i)
	if err := e.setLeaf(s, leaf); err != nil {
		return err
	}
	e.blankPath(s)
	e.settle(s)
	return nil
}

// Remove blanks a member's leaf and the nodes above, and truncates the tree (RFC 9420, Sections 12.1.3 and 7.7). It
// fails with a *RuleError when the leaf is blank or outside the tree. The last member may be removed, as when it
// joins anew by external commit, but Tree refuses a tree without members.
func (e *Edit) Remove(i framing.LeafIndex) error {
	if err := e.mustHold(i, "V-PR-07"); err != nil {
		return err
	}
	s := e.spine(i)
	if err := e.setLeaf(s, nil); err != nil {
		return err
	}
	e.blankPath(s)
	e.settle(s)
	e.dropBlankBlocks(s)
	e.truncate()
	return nil
}

func (e *Edit) mustHold(i framing.LeafIndex, rule string) error {
	if e.rawLeaf(i) == nil {
		return &framing.RuleError{Rule: rule, Leaf: i, Detail: "leaf is blank or outside the tree"}
	}
	return nil
}

// dropBlankBlocks frees the blocks on the spine in which nothing is left.
func (e *Edit) dropBlankBlocks(s *spine) {
	for j := 0; j < layerOf(e.rootLevel()); j++ {
		if !s.blocks[j].isBlank() {
			return
		}
		s.blocks[j+1].children[childOf(j+1, s.leaf)] = nil
	}
}

// extend doubles the tree with a blank right half under a blank root (RFC 9420, Section 7.7).
func (e *Edit) extend() {
	old := Root(e.width)
	members, resolution := e.members(old), e.resolutionSize(old)
	layer := layerOf(e.rootLevel())
	e.width *= 2
	if level := e.rootLevel(); layerOf(level) > layer {
		top := newBlock(layer+1, e.owner)
		top.children[0] = e.root
		e.root = top
	} else {
		e.root = e.own(e.root, layer) // being outside the tree so far, its further slots are blank and dirty
	}
	b, slot := e.find(Root(e.width))
	b.members[slot], b.resolution[slot] = members, resolution
}

// truncate halves the tree while nothing is in its right half (RFC 9420, Section 7.7).
func (e *Edit) truncate() {
	for e.width > 1 {
		right, _ := Root(e.width).Right()
		if e.members(right) > 0 {
			return
		}
		layer, level := layerOf(e.rootLevel()), e.rootLevel()
		e.root = e.own(e.root, layer)
		e.root.markOutside(slotOf(layer, level, 0))
		e.width /= 2
		if layerOf(e.rootLevel()) < layer {
			e.root = e.root.children[0]
		}
	}
}

// markOutside makes slot and its right half blank and dirty, as slots outside the tree are.
func (b *block) markOutside(slot int) {
	b.blankParent(slot)
	b.dirty |= 1 << slot
	for row, n := 2*slot+2, 1; row < blockSlots; row, n = 2*row+1, 2*n {
		b.dirty |= (1<<n - 1) << row
	}
}

// Tree ends the change: it refreshes every hash that is out of date, each once, and checks that no key stands at two
// nodes. It fails with a *RuleError that names the offending leaf (V-LN-17, V-LN-18, V-TREE-13), or
// says that no member is left (V-PL-02).
func (e *Edit) Tree() (*Tree, error) {
	if e.members(Root(e.width)) == 0 {
		return nil, &framing.RuleError{Rule: "V-PL-02", Leaf: framing.NoLeaf, Detail: "no member is left"}
	}
	e.refreshRoot()
	keys, err := e.keys.add(&e.view, e.touched)
	if err != nil {
		return nil, err
	}
	e.touched = nil
	e.keys = keys
	e.owner = new(owner) // what the tree holds is its own from now on
	e.caps.owner = e.owner
	return &Tree{view: e.view, keys: keys, caps: e.caps.counts}, nil
}

func (e *Edit) refreshRoot() {
	layer, level := layerOf(e.rootLevel()), e.rootLevel()
	e.hashing.refresh(e.root, layer, slotOf(layer, level, 0), Root(e.width))
	if e.root.owner == e.owner { // the root need not be in the top slot, nor its hash have changed
		e.measure(e.root)
	}
}
