package treekem

// RFC 9420, Section 7.9: Parent Hashes.

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
)

// parentHash is the parent hash of a node with the given key and parent_hash field, and a copath child of the given
// original tree hash (RFC 9420, Section 7.9).
func (h *hasher) parentHash(key, parentHash, sibling []byte) []byte {
	in := h.scratch[:0]
	in = append(wire.AppendLength(in, len(key)), key...)
	in = append(wire.AppendLength(in, len(parentHash)), parentHash...)
	in = append(wire.AppendLength(in, len(sibling)), sibling...)
	h.scratch = in
	return h.suite.Hash(make([]byte, 0, h.hash), in)
}

// VerifyParentHashes checks that every parent was set by a member below it: that exactly one chain of parent hashes
// from a leaf covers each parent that is not blank (RFC 9420, Section 7.9.2). It fails with a *RuleError. Its work is
// O(n log n) in the size of the tree in the worst case and one hash per link in the common one.
func (t *Tree) VerifyParentHashes() error {
	c := &linkChecker{hasher: hasher{layout: t.layout}, tree: t}
	return c.below(Root(t.width), link{})
}

// link is a parent P that nodes below it may be linked to by parent hash: those reached from its child C through
// blank nodes only.
type link struct {
	parent, child NodeIndex
	ok            bool // false above the highest parent
	found         *int // how many nodes linked to parent so far
}

type linkChecker struct {
	hasher
	tree *Tree
}

// below checks the nodes at and below x, of which those reached through blank nodes only may be linked to l.
func (c *linkChecker) below(x NodeIndex, l link) error {
	b, slot := c.tree.find(x)
	if b == nil {
		return nil
	}
	if b.has(slot) && l.ok && c.linked(x, l) {
		*l.found++
	}
	if slot >= blockParents {
		return nil
	}
	left, _ := x.Left()
	right, _ := x.Right()
	if !b.has(slot) {
		if err := c.below(left, l); err != nil {
			return err
		}
		return c.below(right, l)
	}
	found := 0
	if err := c.below(left, link{x, left, true, &found}); err != nil {
		return err
	}
	if err := c.below(right, link{x, right, true, &found}); err != nil {
		return err
	}
	return wantOneLink(x, found)
}

func wantOneLink(x NodeIndex, found int) error {
	switch found {
	case 0:
		return &framing.RuleError{Rule: "V-TREE-04", Leaf: framing.NoLeaf,
			Detail: fmt.Sprintf("no parent hash leads from a leaf to node %d", x)}
	case 1:
		return nil
	}
	return &framing.RuleError{Rule: "V-TREE-05", Leaf: framing.NoLeaf,
		Detail: fmt.Sprintf("%d nodes are linked to node %d", found, x)}
}

// linked reports whether the parent hash of node d is valid with respect to l.parent (RFC 9420, Section 7.9.2).
func (c *linkChecker) linked(d NodeIndex, l link) bool {
	value := c.parentHashOf(d)
	if len(value) == 0 {
		return false
	}
	unmerged := c.tree.unmergedLeaves(l.parent)
	if !c.resolvesTo(l.child, d, within(unmerged, l.child)) {
		return false
	}
	sibling, _ := l.child.Sibling(c.tree.width)
	original := c.without(sibling, within(unmerged, sibling))
	b, slot := c.tree.find(l.parent)
	return bytes.Equal(value, c.parentHash(c.keyAt(b, slot), c.parentHashAt(b, slot), original))
}

// parentHashOf is the parent_hash field of a node that is not blank, nil where it has none.
func (c *linkChecker) parentHashOf(x NodeIndex) []byte {
	b, slot := c.tree.find(x)
	if slot < blockParents {
		return c.parentHashAt(b, slot)
	}
	return scanLeaf(b.leaf(slot - blockParents)).parentHash
}

// resolvesTo reports whether the resolution of x is node d and, besides it, exactly the leaves of rest in order.
func (c *linkChecker) resolvesTo(x, d NodeIndex, rest []framing.LeafIndex) bool {
	if int(c.tree.resolutionSize(x)) != 1+len(rest) {
		return false
	}
	seen := false
	for _, y := range c.tree.Resolution(x) {
		switch i, leaf := y.Leaf(); {
		case y == d && !seen:
			seen = true
		case !leaf || len(rest) == 0 || rest[0] != i:
			return false
		default:
			rest = rest[1:]
		}
	}
	return seen
}

// without is the tree hash of x with the leaves of except, all below x, blanked and struck from unmerged lists: the
// original tree hash of RFC 9420, Section 7.9.
func (c *linkChecker) without(x NodeIndex, except []framing.LeafIndex) []byte {
	if len(except) == 0 {
		return c.tree.NodeHash(x)
	}
	hash := make([]byte, c.hash)
	if i, ok := x.Leaf(); ok {
		c.leaf(hash, i, nil)
		return hash
	}
	left, _ := x.Left()
	right, _ := x.Right()
	in := parentInput{left: c.without(left, within(except, left)), right: c.without(right, within(except, right))}
	if b, slot := c.tree.find(x); b.has(slot) {
		in.key, in.parentHash = c.keyAt(b, slot), c.parentHashAt(b, slot)
		in.unmerged = subtract(b.unmergedAt(slot), except)
	}
	c.parent(hash, in)
	return hash
}

// within is the part of a sorted list of leaves that lies at and below x.
func within(list []framing.LeafIndex, x NodeIndex) []framing.LeafIndex {
	from, to := x.leaves()
	lo, _ := slices.BinarySearch(list, from)
	hi, _ := slices.BinarySearch(list, to)
	return list[lo:hi]
}

// subtract is list without the entries of except, both sorted.
func subtract(list, except []framing.LeafIndex) []framing.LeafIndex {
	if len(list) == 0 {
		return nil
	}
	out := make([]framing.LeafIndex, 0, len(list))
	for _, i := range list {
		if _, found := slices.BinarySearch(except, i); !found {
			out = append(out, i)
		}
	}
	return out
}
