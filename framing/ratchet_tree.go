package framing

// RFC 9420, Section 12.4.3.3: Ratchet Tree Extension.

import "github.com/copse-mls/copse/internal/wire"

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

// Node is a node of a ratchet tree that is not blank (RFC 9420, Section 12.4.3.3): exactly one field is set.
type Node struct {
	LeafNode   *LeafNode
	ParentNode *ParentNode
}

// RatchetTree is the data of a ratchet_tree extension, decoded; blank nodes are nil (RFC 9420, Section 12.4.3.3). For
// a tree to work with, WalkRatchetTree avoids the decoded form.
type RatchetTree []*Node

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
		n.LeafNode = new(LeafNode)
		read(r.Field("leaf_node"), n.LeafNode)
	case NodeTypeParent:
		n.ParentNode = new(ParentNode)
		read(r.Field("parent_node"), n.ParentNode)
	}
}

func (*RatchetTree) structName() string { return "RatchetTree" }

func (t *RatchetTree) encode(w *wire.Writer) {
	w.Vector(func(w *wire.Writer) {
		for _, n := range *t {
			writeOptional(w, n)
		}
	})
}

func (t *RatchetTree) decode(r *wire.Reader) {
	*t = nil
	r.Field("ratchet_tree").Vector(func(r *wire.Reader) { *t = append(*t, readOptional[Node](r)) })
}
