package framing

// RFC 9420, Section 12.4.3.3: Ratchet Tree Extension.

import (
	"slices"

	"github.com/copse-mls/copse/internal/wire"
)

// NodeType says what a node of a ratchet_tree extension is (RFC 9420, Section 12.4.3.3).
type NodeType uint8

// The types of nodes (RFC 9420, Section 12.4.3.3). A blank node has no type on the wire.
const (
	NodeTypeBlank  NodeType = 0
	NodeTypeLeaf   NodeType = 1
	NodeTypeParent NodeType = 2
)

// String returns blank, or the type's name in RFC 9420, or its value in hexadecimal.
func (t NodeType) String() string {
	if t == NodeTypeBlank {
		return "blank"
	}
	return codeName(t, "leaf", "parent")
}

// Node is a node of a ratchet tree that is not blank (RFC 9420, Section 12.4.3.3): exactly one of LeafNode and ParentNode is set.
type Node struct {
	LeafNode   *LeafNode
	ParentNode *ParentNode
	Index      int // of a node in RatchetTree.Nodes: among all nodes of the tree
}

// RatchetTree is the data of a ratchet_tree extension, decoded (RFC 9420, Section 12.4.3.3). Blank nodes take no memory: a tree
// of a million of them is a small message. For a tree to work with, WalkRatchetTree avoids the decoded form.
type RatchetTree struct {
	Size  int    // nodes, blank ones included
	Nodes []Node // those that are not blank, in their order
}

// With returns a tree that goes on with nodes, of which the blank ones are nil (RFC 9420, Section 12.4.3.3).
func (t RatchetTree) With(nodes []*Node) *RatchetTree {
	t.Nodes = slices.Clip(t.Nodes)
	for _, n := range nodes {
		if n != nil {
			t.Nodes = append(t.Nodes, Node{n.LeafNode, n.ParentNode, t.Size})
		}
		t.Size++
	}
	return &t
}

// All returns all nodes in their order, blank ones as nil (RFC 9420, Section 12.4.3.3).
func (t *RatchetTree) All() []*Node {
	if t.Size == 0 {
		return nil
	}
	all := make([]*Node, t.Size)
	for i := range t.Nodes {
		all[t.Nodes[i].Index] = &t.Nodes[i]
	}
	return all
}

// ExtensionType returns ratchet_tree.
func (*RatchetTree) ExtensionType() ExtensionType { return ExtensionTypeRatchetTree }

func (*Node) structName() string { return "Node" }

func (n *Node) encode(w *wire.Writer) {
	switch {
	case n.LeafNode != nil && n.ParentNode == nil:
		w.Uint8(uint8(NodeTypeLeaf))
		n.LeafNode.encode(w)
	case n.ParentNode != nil && n.LeafNode == nil:
		w.Uint8(uint8(NodeTypeParent))
		n.ParentNode.encode(w)
	default:
		w.Failf("Node is not one of leaf and parent")
	}
}

func (n *Node) decode(r *wire.Reader) {
	*n = Node{}
	switch readEnum(r.Field("node_type"), NodeTypeParent) {
	case NodeTypeLeaf:
		n.LeafNode = newFor[LeafNode](r)
		read(r.Field("leaf_node"), n.LeafNode)
	case NodeTypeParent:
		n.ParentNode = newFor[ParentNode](r)
		read(r.Field("parent_node"), n.ParentNode)
	}
}

func (*RatchetTree) structName() string { return "RatchetTree" }

func (t *RatchetTree) encode(w *wire.Writer) {
	w.Vector(func(w *wire.Writer) {
		next := 0
		blanks := func(end int) {
			if end < next {
				w.Failf("node %d of a ratchet tree is out of place", end)
			}
			for ; next < end; next++ {
				w.Optional(false)
			}
		}
		for i := range t.Nodes {
			n := &t.Nodes[i]
			blanks(n.Index)
			writeOptional(w, n)
			next++
		}
		blanks(t.Size)
	})
}

func (t *RatchetTree) decode(r *wire.Reader) {
	*t = RatchetTree{}
	t.Nodes = readSome(r.Field("ratchet_tree"), func(r *wire.Reader, place int, into *Node) bool {
		t.Size = place + 1
		present := r.Optional()
		if present {
			read(r, into)
			into.Index = place
		}
		return present
	})
}
