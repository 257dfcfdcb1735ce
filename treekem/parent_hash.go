package treekem

// RFC 9420, Section 7.9: Parent Hashes.

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
)

// parentHash returns the parent hash of a node with the given key and parent_hash field, and a copath child of the
// given original tree hash (RFC 9420, Section 7.9).
func (h *hasher) parentHash(key, parentHash, sibling []byte) []byte {
	in := h.scratch[:0]
	in = append(wire.AppendLength(in, len(key)), key...)
	in = append(wire.AppendLength(in, len(parentHash)), parentHash...)
	in = append(wire.AppendLength(in, len(sibling)), sibling...)
	h.scratch = in
	return h.suite.Hash(make([]byte, 0, h.hash), in)
}

// VerifyParentHashes checks that every parent was set by a member below it: that exactly one chain of parent hashes
// from a leaf covers each parent that is not blank (RFC 9420, Section 7.9.2). It fails with a *RuleError. It computes
// two parent hashes a parent, and O(n log n) tree hashes more where there are unmerged leaves.
func (t *Tree) VerifyParentHashes() error {
	c := &linkChecker{hasher: hasher{layout: t.layout}, tree: t}
	var err error
	t.each(func(x NodeIndex, b *block, slot int) bool {
		if slot < blockParents {
			err = c.wantOneLink(x, parentInput{key: t.keyAt(b, slot), parentHash: t.parentHashAt(b, slot), unmerged: b.unmergedAt(slot)})
		}
		return err == nil
	})
	return err
}

type linkChecker struct {
	hasher
	tree  *Tree
	nodes []NodeIndex // scratch
}

// wantOneLink checks that the parent hash of exactly one node below p is valid with respect to p ("top down" in the
// words of RFC 9420, Section 7.9.2).
func (c *linkChecker) wantOneLink(p NodeIndex, fields parentInput) error {
	left, _ := p.Left()
	right, _ := p.Right()
	found := 0
	for _, l := range []struct{ child, sibling NodeIndex }{{left, right}, {right, left}} {
		d, ok := c.candidate(l.child, within(fields.unmerged, l.child))
		if !ok {
			continue
		}
		value := c.parentHashOf(d)
		if len(value) == 0 {
			continue
		}
		original := c.without(l.sibling, within(fields.unmerged, l.sibling))
		if bytes.Equal(value, c.parentHash(fields.key, fields.parentHash, original)) {
			found++
		}
	}
	switch found {
	case 0:
		return c.whyUnlinked(p, fields)
	case 1:
		return nil
	}
	return &framing.RuleError{Rule: "V-TREE-05", Leaf: framing.NoLeaf,
		Detail: fmt.Sprintf("nodes on both sides are linked to node %d", p)}
}

// whyUnlinked names the rule that a parent without a link breaks.
func (c *linkChecker) whyUnlinked(p NodeIndex, fields parentInput) error {
	err := &framing.RuleError{Rule: "V-TREE-04", Leaf: framing.NoLeaf,
		Detail: fmt.Sprintf("no parent hash leads from a leaf to node %d", p)}
	left, _ := p.Left()
	right, _ := p.Right()
	for _, l := range []struct{ child, sibling NodeIndex }{{left, right}, {right, left}} {
		original := c.without(l.sibling, within(fields.unmerged, l.sibling))
		want := c.parentHash(fields.key, fields.parentHash, original)
		c.tree.eachBelow(l.child, func(d NodeIndex, _ *block, _ int) bool {
			if !bytes.Equal(c.parentHashOf(d), want) {
				return true
			}
			err.Rule, err.Leaf = "V-TREE-06", leafOf(d)
			err.Detail = fmt.Sprintf("the resolution between node %d and its parent node %d is not the unmerged leaves", d, p)
			return false
		})
		if d, ok := c.candidate(l.child, within(fields.unmerged, l.child)); ok && err.Rule == "V-TREE-04" && c.lacksParentHash(d) {
			err.Rule, err.Leaf = "V-TREE-08", leafOf(d)
			err.Detail = fmt.Sprintf("node %d below node %d has an empty parent hash", d, p)
		}
	}
	return err
}

// lacksParentHash reports whether a node has a parent_hash field and nothing in it.
func (c *linkChecker) lacksParentHash(x NodeIndex) bool {
	if len(c.parentHashOf(x)) > 0 {
		return false
	}
	i, isLeaf := x.Leaf()
	return !isLeaf || scanLeaf(c.tree.rawLeaf(i)).source == framing.LeafNodeSourceCommit
}

// candidate returns the only node whose parent hash can be valid with respect to the parent of x: the one node in the
// resolution of x besides the parent's unmerged leaves there, which must be in the resolution too (RFC 9420,
// Section 7.9.2). There is none when anything else is in the resolution.
func (c *linkChecker) candidate(x NodeIndex, unmerged []framing.LeafIndex) (d NodeIndex, ok bool) {
	if int(c.tree.resolutionSize(x)) != 1+len(unmerged) {
		return 0, false
	}
	c.nodes = c.tree.appendResolution(c.nodes[:0], x)
	for _, y := range c.nodes {
		switch i, leaf := y.Leaf(); {
		case leaf && len(unmerged) > 0 && unmerged[0] == i:
			unmerged = unmerged[1:]
		case ok:
			return 0, false
		default:
			d, ok = y, true
		}
	}
	return d, ok
}

// parentHashOf returns the parent_hash field of a node that is not blank, nil where it has none.
func (c *linkChecker) parentHashOf(x NodeIndex) []byte {
	b, slot := c.tree.find(x)
	if slot < blockParents {
		return c.parentHashAt(b, slot)
	}
	return scanLeaf(b.leaf(slot - blockParents)).parentHash
}

// without returns the tree hash of x with the leaves of except, all below x, blanked and struck from unmerged lists:
// the original tree hash of RFC 9420, Section 7.9.
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

// within returns the part of a sorted list of leaves that lies at and below x.
func within(list []framing.LeafIndex, x NodeIndex) []framing.LeafIndex {
	from, to := x.leaves()
	lo, _ := slices.BinarySearch(list, from)
	hi, _ := slices.BinarySearch(list, to)
	return list[lo:hi]
}

// subtract returns list without the entries of except, both sorted.
func subtract(list, except []framing.LeafIndex) []framing.LeafIndex {
	if len(list) == 0 {
		return nil
	}
	out := make([]framing.LeafIndex, 0, len(list))
	for _, i := range list {
		for len(except) > 0 && except[0] < i {
			except = except[1:]
		}
		if len(except) == 0 || except[0] != i {
			out = append(out, i)
		}
	}
	return out
}
