package inspect

import (
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
)

// Node is a part of an input: a structure, a vector, or a field.
type Node struct {
	Field    string `json:"field,omitempty"` // RFC name; [0], [1], ... for the elements of a vector
	Type     string `json:"type,omitempty"`  // RFC name of a structure
	Section  string `json:"section,omitempty"`
	Offset   int    `json:"offset"`
	Length   int    `json:"length"`             // in bytes, header included
	Missing  int    `json:"missing,omitempty"`  // bytes that the header announces and that are not there
	Optional bool   `json:"optional,omitempty"` // a presence octet comes first

	Number *uint64 `json:"number,omitempty"`
	Name   string  `json:"name,omitempty"`  // of a code point, of a place in a tree; a date
	Codes  []Code  `json:"codes,omitempty"` // of a vector of numbers
	Bytes  Bytes   `json:"bytes,omitempty"`
	Text   string  `json:"text,omitempty"`   // Bytes, where they are printable and meant to be text
	Size   *int    `json:"size,omitempty"`   // of Bytes, or of a secret that is not shown
	Secret bool    `json:"secret,omitempty"` // not shown
	Count  *int    `json:"count,omitempty"`  // of a vector's elements

	Notes    []Note  `json:"notes,omitempty"`
	Drawing  string  `json:"drawing,omitempty"` // of a ratchet tree
	Children []*Node `json:"children,omitempty"`

	kind     wire.Kind
	data     []byte // what follows the header
	elements int    // of a vector, those for which there was no room among them
}

// Code is a number of a vector, with its name if it is a code point.
type Code struct {
	Value uint64 `json:"value"`
	Name  string `json:"name,omitempty"`
}

// Bytes is written in hexadecimal.
type Bytes []byte

// MarshalText writes hexadecimal.
func (b Bytes) MarshalText() ([]byte, error) { return []byte(hex.EncodeToString(b)), nil }

// outliner turns spans into a tree.
type outliner struct {
	*inspection
	sections map[string]string
	problem  *framing.SyntaxError
}

// maxNesting bounds how often an extension's data is read within an extension's data: a tree in a leaf of a tree is
// nonsense, and without bound would be read over and over.
const maxNesting = 2

// outline makes the tree of data as it was read. It begins at offset base of the input.
func (o *outliner) outline(data []byte, r *reading, base, nesting int) *Node {
	spans := r.spans
	o.room, o.left = max(0, o.room-len(spans)), o.left+r.left
	var (
		open    []*Node // the path from the root to the last node
		present *framing.Span
	)
	for i := range spans {
		s := &spans[i]
		open = open[:s.Depth]
		if s.Kind == wire.KindOptional && data[s.Body] == 1 && i+1 < len(spans) && spans[i+1].Depth == s.Depth {
			present = s // shown as part of the value, which comes next
			continue
		}
		n := o.node(data, s)
		n.Offset += base
		if present != nil {
			n.Optional, present = true, nil
			n.Offset--
			n.Length++
		}
		if s.Depth > 0 {
			parent := open[s.Depth-1]
			if parent.kind == wire.KindVector {
				n.Field = fmt.Sprintf("[%d]", len(parent.Children))
				*parent.Count++
			}
			parent.Children = append(parent.Children, n)
		}
		open = append(open, n)
	}
	root := open[0]
	if r.left > 0 {
		root.walk(func(n *Node) {
			if n.kind == wire.KindVector {
				*n.Count = max(*n.Count, n.elements)
			}
		})
	}
	if nesting < maxNesting {
		o.extensions(root, nesting)
	}
	return root
}

// node makes the node of one span.
func (o *outliner) node(data []byte, s *framing.Span) *Node {
	n := &Node{Field: s.Field, Type: s.Struct, Offset: s.Start, Length: s.End - s.Start, Missing: s.Short,
		kind: s.Kind, data: data[s.Body:s.End], elements: s.Elements}
	switch s.Kind {
	case wire.KindStruct:
		n.Section = o.sections[s.Struct]
	case wire.KindVector:
		n.Count = new(int)
	case wire.KindOptional:
		n.Name = [2]string{"absent", "present"}[n.data[0]]
	case wire.KindNumber:
		n.number(s.Field)
	case wire.KindNumbers:
		n.Count = new(int)
		*n.Count = len(n.data) / int(s.Width)
		n.Codes = codes(s.Field, n.data, int(s.Width), min(*n.Count, o.room))
		o.room, o.left = o.room-len(n.Codes), o.left+*n.Count-len(n.Codes)
	default:
		n.bytes(s.Field, o.ShowSecrets)
	}
	return n
}

func (n *Node) number(field string) {
	v := bigEndian(n.data)
	n.Number = &v
	n.Name, _ = nameOf(field, v)
	if field == "not_before" || field == "not_after" {
		n.Name = date(v)
	}
}

func (n *Node) bytes(field string, showSecrets bool) {
	n.Size = new(int)
	*n.Size = len(n.data)
	if (field == "joiner_secret" || field == "path_secret") && !showSecrets {
		n.Secret = true
		return
	}
	n.Bytes = n.data
	switch field {
	case "group_id", "psk_group_id", "identity", "authenticated_data", "application_data", "application_id", "psk_id",
		"credential_data":
		n.Text = printable(n.data)
	}
}

// codes reads the first n of a vector of numbers.
func codes(field string, data []byte, width, n int) []Code {
	var out []Code
	for b := range slices.Chunk(data[:n*width], width) {
		v := bigEndian(b)
		name, _ := nameOf(field, v)
		out = append(out, Code{v, name})
	}
	return out
}

func bigEndian(b []byte) (v uint64) {
	for _, c := range b {
		v = v<<8 | uint64(c)
	}
	return v
}

// printable returns b as text, or nothing when it is not text or could move a cursor.
func printable(b []byte) string {
	s := string(b)
	if !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return ""
	}
	return s
}

// extensions reads the data of those extensions below n that RFC 9420 defines.
func (o *outliner) extensions(n *Node, nesting int) {
	for _, child := range n.Children {
		o.extensions(child, nesting)
	}
	if n.Type == "RatchetTree" {
		placeNodes(n)
	}
	if n.Type != "Extension" || len(n.Children) != 2 {
		return
	}
	content := n.Children[1]
	v := extensionValue(framing.ExtensionType(*n.Children[0].Number))
	if v == nil {
		return
	}
	if o.room == 0 {
		o.left++
		return
	}
	var r reading
	r.spans, r.left, r.err = framing.Dissect(content.data, v, nil, o.room)
	base := content.Offset + content.Length - len(content.data)
	content.Children = []*Node{o.outline(content.data, &r, base, nesting+1)}
	content.Bytes = nil
	var syntax *framing.SyntaxError
	if errors.As(r.err, &syntax) && o.problem == nil {
		syntax.Offset += base
		syntax.Incomplete = syntax.Incomplete && content.Missing > 0
		o.problem = syntax
	}
}

// placeNodes says where in the tree each node stands (RFC 9420, Section 4.1).
func placeNodes(tree *Node) {
	if len(tree.Children) == 0 {
		return
	}
	for k, n := range tree.Children[0].Children {
		place := "parent"
		if k%2 == 0 {
			place = fmt.Sprintf("leaf %d", k/2)
		}
		if n.Type == "" {
			place += ", blank"
		}
		n.Name = place
	}
}

// find lists the nodes of a type at and below n.
func (n *Node) find(name string) []*Node {
	var out []*Node
	n.walk(func(m *Node) {
		if m.Type == name {
			out = append(out, m)
		}
	})
	return out
}

func (n *Node) walk(visit func(*Node)) {
	visit(n)
	for _, child := range n.Children {
		child.walk(visit)
	}
}
