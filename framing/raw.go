package framing

// What is exported for packages of this module alone, which keep encodings as they came or explain them.

import "github.com/copse-mls/copse/internal/wire"

// UnmarshalShared decodes for packages treekem and mls what they have encoded or decoded before. The decoded value aliases data,
// which must not change any more. There is no bound on memory, so that what came in with a larger message can always be read
// again by itself.
func UnmarshalShared(data []byte, v Value) error { return Bodies(nil).UnmarshalShared(data, v) }

// RawNode is for package treekem: a node of a ratchet_tree extension, as bytes and decoded (RFC 9420, Section 12.4.3.3).
type RawNode struct {
	Type       NodeType
	Raw        []byte      // encoded LeafNode or ParentNode, aliasing the input; nil when blank
	LeafNode   *LeafNode   // when Type is leaf; valid during the call only, though its slices stay valid
	ParentNode *ParentNode // when Type is parent; valid as LeafNode is
}

// WalkRatchetTree reads the data of a ratchet_tree extension (RFC 9420, Section 12.4.3.3) for package treekem. It calls
// visit for each node in order, blank ones included, and returns how many nodes there are; position is the index of the
// node in the array. It stops at the first error: visit's own, or a *SyntaxError. Which type may stand at which
// position is for the caller to check, as is that the last node is not blank.
func WalkRatchetTree(data []byte, visit func(position int, node RawNode) error) (int, error) {
	r := wire.NewReader("RatchetTree", data)
	var (
		count  int
		leaf   LeafNode
		parent ParentNode
	)
	r.Vector(func(r *wire.Reader) {
		node := RawNode{}
		if r.Optional() {
			node.Type = readEnum(r.Field("node_type"), NodeTypeParent)
			start := r.Offset()
			switch node.Type {
			case NodeTypeLeaf:
				node.LeafNode = &leaf
				read(r, &leaf)
			case NodeTypeParent:
				node.ParentNode = &parent
				read(r, &parent)
			}
			node.Raw = r.Since(start)
		}
		if r.Err() != nil {
			return
		}
		if err := visit(count, node); err != nil {
			r.Reject(err)
		}
		count++
	})
	return count, r.Finish()
}

// Append appends the node to dst, from Type and Raw, as an element of the vector that a ratchet_tree extension is (RFC
// 9420, Section 12.4.3.3). The vector's header comes before the first element.
func (n RawNode) Append(dst []byte) []byte {
	if n.Type == NodeTypeBlank {
		return append(dst, 0)
	}
	return append(append(dst, 1, byte(n.Type)), n.Raw...)
}

// Span is for package inspect: a part of an encoding, which is a structure, a vector, or a field, with its RFC name and
// its place.
type Span = wire.Span

// Dissect decodes as Unmarshal does, for package inspect, and lists what was read, in the order of the input, each structure and
// vector before what is in it. It appends the first limit spans to spans, and tells how many more there are. It accepts and refuses
// the same data, but when data is cut short it reads on to its very end, so that the last span and the error tell how far
// the data made sense. v is not to be used.
func Dissect(data []byte, v Value, spans []Span, limit int) (list []Span, left int, err error) {
	return Bodies(nil).Dissect(data, v, spans, limit)
}

// Dissect does what the function Dissect does, with proposals read as b says.
func (b Bodies) Dissect(data []byte, v Value, spans []Span, limit int) (list []Span, left int, err error) {
	r := wire.NewReader(v.structName(), data)
	r.Grammar = b
	r.Record(&spans, limit)
	r.Struct(v.structName(), v.decode)
	return spans, r.Unrecorded(), r.Finish()
}
