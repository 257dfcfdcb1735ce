package treekem

// RFC 9420, Section 12.4.3.3: Ratchet Tree Extension.

import (
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
)

// Export returns the data of a ratchet_tree extension: every node up to the last that is not blank (RFC 9420,
// Section 12.4.3.3).
func (t *Tree) Export() []byte {
	const header = 4
	body := t.appendNodes(make([]byte, header))
	// The header goes right before the nodes, in the room left for its longest form.
	n := len(body) - header
	out := body[header-wire.LengthSize(n):]
	wire.AppendLength(out[:0], n)
	return out
}

// ExportSize returns the length of what Export returns, without making it, in time that grows with the depth of the tree.
func (t *Tree) ExportSize() int {
	nodes := 2*int(t.lastMember()) + 1
	n := nodes + t.root.exported
	return wire.LengthSize(n) + n
}

func (t *Tree) appendNodes(out []byte) []byte {
	next := NodeIndex(0)
	var scratch []byte
	t.each(func(x NodeIndex, b *block, slot int) bool {
		for ; next < x; next++ {
			out = framing.RawNode{}.Append(out)
		}
		next = x + 1
		if slot >= blockParents {
			out = framing.RawNode{Type: framing.NodeTypeLeaf, Raw: b.leaf(slot - blockParents)}.Append(out)
			return true
		}
		scratch = appendParent(scratch[:0], t.keyAt(b, slot), t.parentHashAt(b, slot), b.unmergedAt(slot))
		out = framing.RawNode{Type: framing.NodeTypeParent, Raw: scratch}.Append(out)
		return true
	})
	return out
}
