package treekem

// RFC 9420, Section 4.1: pictures of ratchet trees, as the RFC draws them.

import (
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/copse-mls/copse/framing"
)

// DrawParams say what a picture shows. The zero value is good for most.
type DrawParams struct {
	OwnLeaf *framing.LeafIndex // marked with an asterisk, unless nil
	// Names gives the name of a member. Nil means the identity of a basic credential, or the beginning of the
	// signature key in hexadecimal where there is none or it is not printable.
	Names func(framing.LeafIndex) string
	Keys  bool // show the first four bytes of each encryption key
	Width int  // columns that a picture may take, 0 meaning 100
}

const (
	defaultWidth = 100
	longestName  = 16 // columns
	leafGap      = 3  // columns between leaves
)

// Draw writes a picture of the tree for people: parents as their node index in parentheses with their unmerged leaves
// in brackets, leaves as names with their leaf index, blank nodes as an underscore. A tree that fits the width stands
// upright, as in RFC 9420, Section 4.1; a wider one grows from left to right, a node in each line, with subtrees that
// are all blank cut short. It fails when w does.
func (t *Tree) Draw(w io.Writer, o DrawParams) error {
	d := &drawing{tree: t, DrawParams: o}
	if d.Width <= 0 {
		d.Width = defaultWidth
	}
	if cell, fits := d.cellWidth(); fits {
		d.upright(cell)
	} else {
		d.sideways(Root(t.width), "", "")
	}
	_, err := io.WriteString(w, d.out.String())
	return err
}

type drawing struct {
	DrawParams
	tree *Tree
	out  strings.Builder
}

// cellWidth returns how many columns each leaf of an upright picture takes, and whether all fit.
func (d *drawing) cellWidth() (cell int, fits bool) {
	if int(d.tree.width) > d.Width {
		return 0, false
	}
	for i := range framing.LeafIndex(d.tree.width) {
		x := LeafNodeIndex(i)
		cell = max(cell, columns(d.label(x)), columns(d.key(x)), len(strconv.Itoa(int(i))))
	}
	cell += leafGap
	return cell, cell*int(d.tree.width)-leafGap <= d.Width
}

func columns(s string) int { return utf8.RuneCountInString(s) }

// label returns what stands for a node in a picture.
func (d *drawing) label(x NodeIndex) string {
	if d.tree.isBlank(x) {
		return "_"
	}
	i, isLeaf := x.Leaf()
	if !isLeaf {
		return fmt.Sprintf("(%d)", x)
	}
	name := ""
	if d.Names != nil {
		name = d.Names(i)
	} else {
		name = d.identity(i)
	}
	if columns(name) > longestName {
		name = string([]rune(name)[:longestName-1]) + "…"
	}
	if d.OwnLeaf != nil && *d.OwnLeaf == i {
		name += "*"
	}
	return name
}

// identity returns a name from the leaf itself, which its member chose: nothing that could move a cursor gets through.
func (d *drawing) identity(i framing.LeafIndex) string {
	leaf, _ := d.tree.Leaf(i)
	id := string(leaf.Credential.Identity)
	if id == "" || !utf8.ValidString(id) || strings.ContainsFunc(id, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return hex.EncodeToString(leaf.SignatureKey[:min(4, len(leaf.SignatureKey))])
	}
	return id
}

// key returns the beginning of a node's encryption key, if it is to be shown.
func (d *drawing) key(x NodeIndex) string {
	key := d.tree.encryptionKey(x)
	if !d.Keys || len(key) < 4 {
		return ""
	}
	return hex.EncodeToString(key[:4])
}

// unmerged returns a parent's list of unmerged leaves, with a space before it, or nothing. most is how many columns it
// may take.
func (d *drawing) unmerged(x NodeIndex, most int) string {
	list := d.tree.unmergedLeaves(x)
	if len(list) == 0 {
		return ""
	}
	out := " ["
	for k, i := range list {
		entry := strconv.Itoa(int(i))
		if k > 0 {
			entry = "," + entry
		}
		if rest := len(list) - k; columns(out)+len(entry)+3 > most && rest > 1 {
			return out + "…]"
		}
		out += entry
	}
	return out + "]"
}

// upright draws level by level, the root first.
func (d *drawing) upright(cell int) {
	t := d.tree
	for level := t.rootLevel(); level >= 0; level-- {
		nodes, forks, keys := new(canvas), new(canvas), new(canvas)
		for p := range t.width >> level {
			x := at(level, p)
			centre := d.centre(x, cell)
			label := d.label(x)
			nodes.centred(centre, label)
			keys.centred(centre, d.key(x))
			if level == 0 {
				continue
			}
			nodes.put(centre-columns(label)/2+columns(label), d.unmerged(x, cell<<level-leafGap-columns(label)))
			left, _ := x.Left()
			right, _ := x.Right()
			forks.fork(d.centre(left, cell), centre, d.centre(right, cell))
		}
		for _, line := range []*canvas{nodes, keys, forks} {
			d.line(string(line.runes))
		}
	}
	indices := new(canvas)
	for i := range framing.LeafIndex(t.width) {
		indices.centred(d.centre(LeafNodeIndex(i), cell), strconv.Itoa(int(i)))
	}
	d.line(string(indices.runes))
}

// line ends a line without blanks at its end, and leaves out an empty one.
func (d *drawing) line(s string) {
	if s = strings.TrimRight(s, " "); s != "" {
		d.out.WriteString(s + "\n")
	}
}

// centre returns the column in the middle of the leaves below x.
func (d *drawing) centre(x NodeIndex, cell int) int {
	from, to := x.leaves()
	return (int(from+to)*cell - leafGap) / 2
}

// canvas is one line of an upright picture.
type canvas struct{ runes []rune }

func (c *canvas) put(column int, text string) {
	for _, r := range text {
		for len(c.runes) <= column {
			c.runes = append(c.runes, ' ')
		}
		c.runes[column] = r
		column++
	}
}

func (c *canvas) centred(column int, text string) { c.put(column-columns(text)/2, text) }

// fork joins a parent to its children in the line below.
func (c *canvas) fork(left, centre, right int) {
	c.put(left, "┌"+strings.Repeat("─", right-left-1)+"┐")
	c.put(centre, "┴")
}

// sideways draws x and what lies below, one node in each line. first stands before x itself, rest before the others.
func (d *drawing) sideways(x NodeIndex, first, rest string) {
	t := d.tree
	from, to := x.leaves()
	switch i, isLeaf := x.Leaf(); {
	case isLeaf:
		d.line(fmt.Sprintf("%s%d %s  %s", first, i, d.label(x), d.key(x)))
		return
	case t.members(x) == 0:
		d.line(fmt.Sprintf("%s_  leaves %d to %d are blank", first, from, to-1))
		return
	}
	first += d.label(x)
	d.line(fmt.Sprintf("%s%s  %s", first, d.unmerged(x, d.Width-columns(first)), d.key(x)))
	left, _ := x.Left()
	right, _ := x.Right()
	d.sideways(left, rest+"├─ ", rest+"│  ")
	d.sideways(right, rest+"└─ ", rest+"   ")
}
