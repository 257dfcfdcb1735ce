package mlstest

// RFC 9420, Sections 4.1, 7.5 and 7.7 to 7.9, without a check.

import (
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// Tree is a ratchet tree that may be changed freely: any node may hold anything. Its methods compute everything from the
// nodes as they are, at a cost linear in the size of the tree.
type Tree struct {
	Suite *ciphersuite.Suite
	Nodes []*framing.Node // of a full tree, blank ones nil
}

// NewTree copies a tree.
func NewTree(t TB, tree *treekem.Tree) *Tree {
	t.Helper()
	return ParseTree(t, tree.Suite(), tree.Export())
}

// ParseTree reads the data of a ratchet_tree extension.
func ParseTree(t TB, suite *ciphersuite.Suite, data []byte) *Tree {
	t.Helper()
	var tree framing.RatchetTree
	must(t, framing.Unmarshal(data, &tree), "ratchet tree")
	n := &Tree{Suite: suite, Nodes: tree.All()}
	n.resize(treekem.Width(uint32(tree.Size+1) / 2))
	return n
}

// Clone copies the tree. The nodes are copied too, but not what their slices hold.
func (n *Tree) Clone() *Tree {
	out := &Tree{Suite: n.Suite, Nodes: make([]*framing.Node, len(n.Nodes))}
	for x, node := range n.Nodes {
		if node == nil {
			continue
		}
		c := *node
		if c.LeafNode != nil {
			leaf := *c.LeafNode
			c.LeafNode = &leaf
		} else {
			parent := *c.ParentNode
			c.ParentNode = &parent
		}
		out.Nodes[x] = &c
	}
	return out
}

// Width returns the number of leaves, blank ones included.
func (n *Tree) Width() uint32 { return uint32(len(n.Nodes)+1) / 2 }

func (n *Tree) resize(width uint32) {
	nodes := make([]*framing.Node, treekem.NodeCount(width))
	copy(nodes, n.Nodes)
	n.Nodes = nodes
}

// Leaf returns the leaf at i, nil when blank or outside the tree.
func (n *Tree) Leaf(i framing.LeafIndex) *framing.LeafNode {
	if uint32(i) >= n.Width() || n.Nodes[2*i] == nil {
		return nil
	}
	return n.Nodes[2*i].LeafNode
}

// SetLeaf puts a leaf, or nothing when nil, at i.
func (n *Tree) SetLeaf(i framing.LeafIndex, leaf *framing.LeafNode) {
	n.Nodes[2*i] = nil
	if leaf != nil {
		n.Nodes[2*i] = &framing.Node{LeafNode: leaf}
	}
}

// Parent returns the parent node at x, nil when blank.
func (n *Tree) Parent(x treekem.NodeIndex) *framing.ParentNode {
	if n.Nodes[x] == nil {
		return nil
	}
	return n.Nodes[x].ParentNode
}

// above lists the ancestors of leaf i with their children on the other side, upwards.
func (n *Tree) above(i framing.LeafIndex) (path, copath []treekem.NodeIndex) {
	y := treekem.LeafNodeIndex(i)
	for x, ok := y.Parent(n.Width()); ok; x, ok = x.Parent(n.Width()) {
		sibling, _ := y.Sibling(n.Width())
		path, copath = append(path, x), append(copath, sibling)
		y = x
	}
	return path, copath
}

// NextLeaf returns the leftmost blank leaf. The tree is extended when there is none.
func (n *Tree) NextLeaf() framing.LeafIndex {
	for i := range framing.LeafIndex(n.Width()) {
		if n.Leaf(i) == nil {
			return i
		}
	}
	i := framing.LeafIndex(n.Width())
	n.resize(2 * n.Width())
	return i
}

// Add puts a leaf into the leftmost blank place and notes it as unmerged above.
func (n *Tree) Add(leaf *framing.LeafNode) framing.LeafIndex {
	i := n.NextLeaf()
	n.SetLeaf(i, leaf)
	path, _ := n.above(i)
	for _, x := range path {
		if p := n.Parent(x); p != nil {
			list := append(slices.Clone(p.UnmergedLeaves), i)
			slices.Sort(list)
			p.UnmergedLeaves = list
		}
	}
	return i
}

// Update replaces a leaf and blanks the nodes above.
func (n *Tree) Update(i framing.LeafIndex, leaf *framing.LeafNode) {
	n.SetLeaf(i, leaf)
	n.BlankPath(i)
}

// Remove blanks a leaf and the nodes above, and truncates the tree. A leaf outside the tree is left alone.
func (n *Tree) Remove(i framing.LeafIndex) {
	if uint32(i) >= n.Width() {
		return
	}
	n.Update(i, nil)
	for n.Width() > 1 && !slices.ContainsFunc(n.Nodes[len(n.Nodes)/2+1:], func(x *framing.Node) bool { return x != nil }) {
		n.resize(n.Width() / 2)
	}
}

// BlankPath blanks the nodes above a leaf.
func (n *Tree) BlankPath(i framing.LeafIndex) {
	path, _ := n.above(i)
	for _, x := range path {
		n.Nodes[x] = nil
	}
}

// Resolution lists the nodes whose keys reach every member below x.
func (n *Tree) Resolution(x treekem.NodeIndex) []treekem.NodeIndex {
	if p := n.Nodes[x]; p != nil {
		out := []treekem.NodeIndex{x}
		if p.ParentNode != nil {
			for _, i := range p.ParentNode.UnmergedLeaves {
				out = append(out, treekem.LeafNodeIndex(i))
			}
		}
		return out
	}
	left, ok := x.Left()
	if !ok {
		return nil
	}
	right, _ := x.Right()
	return append(n.Resolution(left), n.Resolution(right)...)
}

// FilteredPath lists the nodes that a path from leaf i fills, and their children on the other side.
func (n *Tree) FilteredPath(i framing.LeafIndex) (path, copath []treekem.NodeIndex) {
	all, beside := n.above(i)
	for k, x := range all {
		if len(n.Resolution(beside[k])) > 0 {
			path, copath = append(path, x), append(copath, beside[k])
		}
	}
	return path, copath
}

// Key returns the encryption key of a node, nil when blank.
func (n *Tree) Key(x treekem.NodeIndex) ciphersuite.HPKEPublicKey {
	switch node := n.Nodes[x]; {
	case node == nil:
		return nil
	case node.LeafNode != nil:
		return node.LeafNode.EncryptionKey
	default:
		return node.ParentNode.EncryptionKey
	}
}

// SetPath puts keys on the filtered path of leaf i, with the parent hashes that follow, and blanks what else is above.
// It returns the parent hash for the leaf.
func (n *Tree) SetPath(i framing.LeafIndex, keys []ciphersuite.HPKEPublicKey) []byte {
	path, copath := n.FilteredPath(i)
	n.BlankPath(i)
	var above []byte
	for k := len(path) - 1; k >= 0; k-- {
		p := &framing.ParentNode{EncryptionKey: keys[k], ParentHash: above}
		n.Nodes[path[k]] = &framing.Node{ParentNode: p}
		above = treekemtest.ParentHash(n.Suite, p, n.HashOf(copath[k]))
	}
	return above
}

// Hash returns the tree hash of the root.
func (n *Tree) Hash() []byte { return n.HashOf(treekem.Root(n.Width())) }

// HashOf returns the tree hash of a node.
func (n *Tree) HashOf(x treekem.NodeIndex) []byte {
	if i, ok := x.Leaf(); ok {
		return treekemtest.HashLeaf(n.Suite, i, n.Leaf(i))
	}
	left, _ := x.Left()
	right, _ := x.Right()
	return treekemtest.HashParent(n.Suite, n.Parent(x), n.HashOf(left), n.HashOf(right))
}

// Export returns the data of a ratchet_tree extension that holds the tree.
func (n *Tree) Export(t TB) []byte {
	t.Helper()
	nodes := n.Nodes
	for len(nodes) > 0 && nodes[len(nodes)-1] == nil {
		nodes = nodes[:len(nodes)-1]
	}
	data, err := framing.Marshal(framing.RatchetTree{}.With(nodes))
	must(t, err, "ratchet tree")
	return data
}
