package inspect

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/copse-mls/copse/internal/wire"
)

// TextParams say how a Report or Changes are shown as text.
type TextParams struct {
	Full bool // show bytes and lists in full length
}

// How much of long values is shown.
const (
	shownBytes = 16
	shownCodes = 8
	labelMax   = 44 // columns for field names, beyond which values are no longer aligned
)

// WriteText shows the report to a person. It fails when w does.
func (r *Report) WriteText(w io.Writer, o TextParams) error {
	out := bufio.NewWriter(w)
	for i, p := range r.Parts {
		if i == 0 {
			r.heading(out)
		}
		if i > 0 || r.Messages > 1 {
			if i > 0 {
				out.WriteString("\n")
			}
			fmt.Fprintf(out, "%s, %s\n\n", p.Title, count(p.Size, "byte"))
		}
		newTextWriter(out, p, o).part()
	}
	if r.NotShown != "" {
		fmt.Fprintf(out, "\nnot shown, because a report has at most %d fields: %s\n", maxFields, r.NotShown)
	}
	if p := r.Problem; p != nil {
		fmt.Fprintf(out, "\n%s\n", p)
	}
	return out.Flush()
}

func (r *Report) heading(out *bufio.Writer) {
	if r.Messages > 1 {
		fmt.Fprintf(out, "%d messages one after another, ", r.Messages)
	}
	fmt.Fprintf(out, "%s, %s", r.Type, count(r.Size, "byte"))
	if r.Encoding != "" {
		fmt.Fprintf(out, ", %s", r.Encoding)
	}
	if r.Guessed {
		out.WriteString(", type guessed")
	}
	if len(r.Also) > 0 {
		fmt.Fprintf(out, "; it could also be %s", strings.Join(r.Also, ", "))
	}
	out.WriteString("\n\n")
}

// String says where reading stopped and why.
func (p *Problem) String() string {
	where := p.Struct
	if p.Field != "" {
		where += "." + p.Field
	}
	if p.Section != "" {
		where += " (RFC 9420, Section " + p.Section + ")"
	}
	in := ""
	if p.Part != "" {
		in = " of " + p.Part
	}
	end := ""
	if p.Incomplete {
		end = "; the input ends too early"
	}
	return fmt.Sprintf("stopped at offset %d%s, in %s: %s%s", p.Offset, in, where, p.Reason, end)
}

func count(n int, noun string) string { return plural(n, noun, noun+"s") }

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + more
}

type textWriter struct {
	TextParams
	out    *bufio.Writer
	root   *Node
	number int // width of offsets and lengths
	label  int // width of field names
}

func newTextWriter(out *bufio.Writer, p *Part, o TextParams) *textWriter {
	t := &textWriter{TextParams: o, out: out, root: p.Root, number: max(len("offset"), len(strconv.Itoa(p.Size)))}
	t.measure(p.Root, 0)
	t.label = min(t.label, labelMax)
	return t
}

func (t *textWriter) measure(n *Node, depth int) {
	t.label = max(t.label, 2*depth+utf8.RuneCountInString(label(n)))
	for _, child := range n.Children {
		t.measure(child, depth+1)
	}
}

func (t *textWriter) part() {
	fmt.Fprintf(t.out, "%*s %*s  %-*s  value, section of RFC 9420\n", t.number, "offset", t.number, "length", t.label, "field")
	t.node(t.root, 0)
	t.root.walk(func(n *Node) {
		if n.Drawing != "" {
			fmt.Fprintf(t.out, "\ntree at offset %d:\n\n%s", n.Offset, n.Drawing)
		}
	})
}

// label returns the field's name. A field without one is a structure that RFC 9420 puts in place of a field.
func label(n *Node) string {
	if n.Field == "" {
		return n.Type
	}
	return n.Field
}

func (t *textWriter) node(n *Node, depth int) {
	indent := strings.Repeat("  ", depth)
	line := fmt.Sprintf("%*d %*d  %-*s  %s", t.number, n.Offset, t.number, n.Length, t.label, indent+label(n), t.value(n))
	t.out.WriteString(strings.TrimRight(line, " ") + "\n")
	margin := strings.Repeat(" ", 2*t.number+3)
	for _, note := range n.Notes {
		fmt.Fprintf(t.out, "%s%s  %s\n", margin, indent, note)
	}
	for _, child := range n.Children {
		t.node(child, depth+1)
	}
	if n.kind == wire.KindVector && *n.Count > len(n.Children) {
		fmt.Fprintf(t.out, "%s%s  … %s not shown\n", margin, indent, count(*n.Count-len(n.Children), "more element"))
	}
}

// String shows the note in a line.
func (n Note) String() string {
	mark := map[Status]string{Holds: "✓ ", Fails: "✗ ", Unchecked: "? ", Fact: "= "}[n.Status]
	switch {
	case n.Detail == "":
		return mark + n.About
	case n.Status == Unchecked:
		return mark + n.About + " not checked: " + n.Detail
	}
	return mark + n.About + ": " + n.Detail
}

func (t *textWriter) value(n *Node) string {
	var parts []string
	add := func(s string) {
		if s != "" {
			parts = append(parts, s)
		}
	}
	if n.Field != "" {
		add(n.Type)
	}
	if n.Type != "" {
		add(inSection(n.Section))
	}
	add(t.scalar(n))
	if n.Optional {
		add("optional, present")
	}
	if n.Missing > 0 {
		add(fmt.Sprintf("CUT SHORT, %s missing", count(n.Missing, "byte")))
	}
	return strings.Join(parts, ", ")
}

func (t *textWriter) scalar(n *Node) string {
	switch {
	case n.Number != nil:
		if n.Name == "" {
			return strconv.FormatUint(*n.Number, 10)
		}
		return named(n.Name, *n.Number, len(n.data))
	case n.Codes != nil:
		return t.codes(n)
	case n.Count != nil:
		if *n.Count == 0 {
			return "empty"
		}
		return count(*n.Count, "element")
	case n.Secret:
		return count(*n.Size, "secret byte")
	case n.Size != nil:
		return t.bytes(n)
	}
	return n.Name
}

// named shows a number with its name: code points of registries that are open in hexadecimal where RFC 9420 does not
// list them.
func named(name string, v uint64, width int) string {
	switch {
	case width == 2 && (name == "unknown" || name == "GREASE" || name == "private use"):
		return fmt.Sprintf("%s (0x%04x)", name, v)
	default:
		return fmt.Sprintf("%s (%d)", name, v)
	}
}

// codeText shows a code point of a field.
func codeText(field string, v uint64) string {
	name, _ := nameOf(field, v)
	return named(name, v, 2)
}

func (t *textWriter) codes(n *Node) string {
	var parts []string
	for i, c := range n.Codes {
		if i == shownCodes && !t.Full && len(n.Codes) > shownCodes+1 {
			break
		}
		if c.Name == "" {
			parts = append(parts, strconv.FormatUint(c.Value, 10))
		} else {
			parts = append(parts, named(c.Name, c.Value, 2))
		}
	}
	if more := *n.Count - len(parts); more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

func (t *textWriter) bytes(n *Node) string {
	s := count(*n.Size, "byte")
	switch {
	case len(n.Children) > 0 || *n.Size == 0:
		return s
	case n.Text != "":
		return s + "  " + strconv.Quote(n.Text)
	}
	return s + "  " + t.hex(n.Bytes)
}

func (t *textWriter) hex(b []byte) string {
	if t.Full || len(b) <= shownBytes+4 {
		return fmt.Sprintf("%x", b)
	}
	return fmt.Sprintf("%x…", b[:shownBytes])
}

// textOrHex returns b quoted if it is text, else in hexadecimal.
func textOrHex(b []byte) string {
	if s := printable(b); s != "" {
		return strconv.Quote(s)
	}
	return fmt.Sprintf("%x", b)
}

// inSection words where a structure is defined.
func inSection(section string) string {
	if section == extensionsDraft {
		return section
	}
	return "Section " + section
}
