package treekem_test

// A slow second implementation of the public part of a ratchet tree, written from the text of RFC 9420, Sections 4, 7
// and 12.1, over the array that a ratchet_tree extension holds. It computes everything anew each time.

import (
	"bytes"
	"cmp"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

type reference struct {
	suite *ciphersuite.Suite
	nodes []*framing.Node // a full tree: 1, 3, 7, 15 ... nodes
}

func newReference(suite *ciphersuite.Suite, leaf *framing.LeafNode) *reference {
	return &reference{suite, []*framing.Node{{LeafNode: leaf}}}
}

// clone copies the array and the parents, which alone are changed in place.
func (r *reference) clone() *reference {
	c := &reference{r.suite, slices.Clone(r.nodes)}
	for x, n := range c.nodes {
		if n != nil && n.ParentNode != nil {
			p := *n.ParentNode
			p.UnmergedLeaves = slices.Clone(p.UnmergedLeaves)
			c.nodes[x] = &framing.Node{ParentNode: &p}
		}
	}
	return c
}

// span is the subtree [lo, hi) of the array. Its methods do the tree math of RFC 9420, Appendix C.
type span struct{ lo, hi int }

func (r *reference) whole() span      { return span{0, len(r.nodes)} }
func (s span) top() int               { return s.lo + (s.hi-s.lo)/2 }
func (s span) isLeaf() bool           { return s.hi-s.lo == 1 }
func (s span) left() span             { return span{s.lo, s.top()} }
func (s span) right() span            { return span{s.top() + 1, s.hi} }
func (s span) holds(x int) bool       { return s.lo <= x && x < s.hi }
func leafAt(x int) framing.LeafIndex  { return framing.LeafIndex(x / 2) }
func nodeAt(i framing.LeafIndex) int  { return 2 * int(i) }
func (r *reference) blank(x int) bool { return r.nodes[x] == nil }

// spanOf returns the subtree under node x.
func (r *reference) spanOf(x int) span {
	s := r.whole()
	for s.top() != x {
		if x < s.top() {
			s = s.left()
		} else {
			s = s.right()
		}
	}
	return s
}

// above lists the subtrees that hold leaf i properly, from the root down.
func (r *reference) above(i framing.LeafIndex) []span {
	var out []span
	for s := r.whole(); !s.isLeaf(); {
		out = append(out, s)
		s, _ = s.toward(nodeAt(i))
	}
	return out
}

// toward returns the child subtree that holds x, and the other one.
func (s span) toward(x int) (child, copath span) {
	if s.left().holds(x) {
		return s.left(), s.right()
	}
	return s.right(), s.left()
}

func (r *reference) members() (out []framing.LeafIndex) {
	for x := 0; x < len(r.nodes); x += 2 {
		if !r.blank(x) {
			out = append(out, leafAt(x))
		}
	}
	return out
}

// resolution (RFC 9420, Section 4.1.1).
func (r *reference) resolution(s span) []treekem.NodeIndex {
	x := s.top()
	switch {
	case !r.blank(x):
		out := []treekem.NodeIndex{treekem.NodeIndex(x)}
		if p := r.nodes[x].ParentNode; p != nil {
			for _, i := range p.UnmergedLeaves {
				out = append(out, treekem.NodeIndex(nodeAt(i)))
			}
		}
		return out
	case s.isLeaf():
		return nil
	}
	return append(r.resolution(s.left()), r.resolution(s.right())...)
}

// refStep is a node of a filtered direct path with the subtree on its copath.
type refStep struct {
	node   int
	copath span
}

// filteredDirectPath (RFC 9420, Section 4.1.2), upwards.
func (r *reference) filteredDirectPath(i framing.LeafIndex) []refStep {
	var out []refStep
	for _, s := range slices.Backward(r.above(i)) {
		if _, copath := s.toward(nodeAt(i)); len(r.resolution(copath)) > 0 {
			out = append(out, refStep{s.top(), copath})
		}
	}
	return out
}

func (r *reference) pathCost(i framing.LeafIndex) (n int) {
	for _, s := range r.filteredDirectPath(i) {
		n += len(r.resolution(s.copath))
	}
	return n
}

// treeHash (RFC 9420, Section 7.8). every, if not nil, is told each hash.
func (r *reference) treeHash(s span, every func(x int, hash []byte)) []byte {
	x := s.top()
	var hash []byte
	if s.isLeaf() {
		var leaf *framing.LeafNode
		if !r.blank(x) {
			leaf = r.nodes[x].LeafNode
		}
		hash = treekemtest.HashLeaf(r.suite, leafAt(x), leaf)
	} else {
		var parent *framing.ParentNode
		if !r.blank(x) {
			parent = r.nodes[x].ParentNode
		}
		hash = treekemtest.HashParent(r.suite, parent, r.treeHash(s.left(), every), r.treeHash(s.right(), every))
	}
	if every != nil {
		every(x, hash)
	}
	return hash
}

func (r *reference) hash() []byte { return r.treeHash(r.whole(), nil) }

// parentHash of P with copath child S (RFC 9420, Section 7.9).
func (r *reference) parentHash(p int, s span) []byte {
	parent := r.nodes[p].ParentNode
	original := r.clone()
	for _, i := range parent.UnmergedLeaves {
		original.nodes[nodeAt(i)] = nil
		for _, n := range original.nodes {
			if n != nil && n.ParentNode != nil {
				list := n.ParentNode.UnmergedLeaves
				n.ParentNode.UnmergedLeaves = slices.DeleteFunc(list, func(j framing.LeafIndex) bool { return i == j })
			}
		}
	}
	return treekemtest.ParentHash(r.suite, parent, original.treeHash(s, nil))
}

// linked reports whether D's parent hash is valid with respect to P (RFC 9420, Section 7.9.2).
func (r *reference) linked(d, p int) bool {
	under := r.spanOf(p)
	if d == p || !under.holds(d) {
		return false
	}
	c, s := under.toward(d)
	resolution := r.resolution(c)
	at := slices.Index(resolution, treekem.NodeIndex(d))
	if at < 0 {
		return false
	}
	var rest, unmerged []treekem.NodeIndex
	rest = append(append(rest, resolution[:at]...), resolution[at+1:]...)
	for _, i := range r.nodes[p].ParentNode.UnmergedLeaves {
		if c.holds(nodeAt(i)) {
			unmerged = append(unmerged, treekem.NodeIndex(nodeAt(i)))
		}
	}
	slices.Sort(rest)
	if !slices.Equal(rest, unmerged) {
		return false
	}
	var value []byte
	if leaf := r.nodes[d].LeafNode; leaf == nil {
		value = r.nodes[d].ParentNode.ParentHash
	} else if leaf.LeafNodeSource == framing.LeafNodeSourceCommit {
		value = leaf.ParentHash
	}
	return bytes.Equal(value, r.parentHash(p, s))
}

// parentHashValid verifies "top down", that each parent has exactly one descendant linked to it.
func (r *reference) parentHashValid() bool {
	for p, n := range r.nodes {
		if n == nil || n.ParentNode == nil {
			continue
		}
		links := 0
		for d := range r.nodes {
			if !r.blank(d) && r.linked(d, p) {
				links++
			}
		}
		if links != 1 {
			return false
		}
	}
	return true
}

// nextLeaf returns the leftmost blank leaf, or one past the end.
func (r *reference) nextLeaf() framing.LeafIndex {
	for x := 0; x < len(r.nodes); x += 2 {
		if r.blank(x) {
			return leafAt(x)
		}
	}
	return leafAt(len(r.nodes) + 1)
}

// extendTo makes room for leaf i (RFC 9420, Section 7.7).
func (r *reference) extendTo(i framing.LeafIndex) {
	for nodeAt(i) >= len(r.nodes) {
		r.nodes = append(r.nodes, make([]*framing.Node, len(r.nodes)+1)...)
	}
}

// add (RFC 9420, Section 12.1.1).
func (r *reference) add(leaf *framing.LeafNode) framing.LeafIndex {
	i := r.nextLeaf()
	r.extendTo(i)
	r.nodes[nodeAt(i)] = &framing.Node{LeafNode: leaf}
	for _, s := range r.above(i) {
		if n := r.nodes[s.top()]; n != nil {
			n.ParentNode.UnmergedLeaves = append(n.ParentNode.UnmergedLeaves, i)
			slices.Sort(n.ParentNode.UnmergedLeaves)
		}
	}
	return i
}

// update (RFC 9420, Section 12.1.2).
func (r *reference) update(i framing.LeafIndex, leaf *framing.LeafNode) {
	r.nodes[nodeAt(i)] = &framing.Node{LeafNode: leaf}
	r.blankAbove(i)
}

func (r *reference) blankAbove(i framing.LeafIndex) {
	for _, s := range r.above(i) {
		r.nodes[s.top()] = nil
	}
}

// remove (RFC 9420, Sections 12.1.3 and 7.7).
func (r *reference) remove(i framing.LeafIndex) {
	r.nodes[nodeAt(i)] = nil
	r.blankAbove(i)
	for len(r.nodes) > 1 && !slices.ContainsFunc(r.nodes[len(r.nodes)/2+1:], func(n *framing.Node) bool { return n != nil }) {
		r.nodes = r.nodes[:len(r.nodes)/2]
	}
}

// setPath merges a path (RFC 9420, Section 7.5) and returns the parent hash that belongs into leaf, which is set.
func (r *reference) setPath(i framing.LeafIndex, leaf *framing.LeafNode, keys []ciphersuite.HPKEPublicKey) {
	path := r.filteredDirectPath(i)
	r.blankAbove(i)
	var value []byte
	for k, s := range slices.Backward(path) {
		r.nodes[s.node] = &framing.Node{ParentNode: &framing.ParentNode{EncryptionKey: keys[k], ParentHash: value}}
		value = r.parentHash(s.node, s.copath)
	}
	leaf.ParentHash = value
	r.nodes[nodeAt(i)] = &framing.Node{LeafNode: leaf}
}

// export returns the data of a ratchet_tree extension (RFC 9420, Section 12.4.3.3).
func (r *reference) export() []byte {
	nodes := r.nodes
	for nodes[len(nodes)-1] == nil {
		nodes = nodes[:len(nodes)-1]
	}
	return mustMarshal(framing.RatchetTree{}.With(nodes))
}

func mustMarshal(v framing.Value) []byte {
	b, err := framing.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// nodesOf decodes a ratchet tree.
func nodesOf(t require.TestingT, data []byte) []*framing.Node {
	var tree framing.RatchetTree
	require.NoError(t, framing.Unmarshal(data, &tree))
	return tree.All()
}

// support counts how many members list each code point, by the function that reads a member's list.
func support[T cmp.Ordered](r *reference, list func(*framing.LeafNode) []T) map[T]int {
	counts := map[T]int{}
	for _, i := range r.members() {
		codes := slices.Clone(list(r.nodes[nodeAt(i)].LeafNode))
		slices.Sort(codes)
		for _, c := range slices.Compact(codes) {
			counts[c]++
		}
	}
	return counts
}
