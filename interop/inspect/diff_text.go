package inspect

import (
	"bufio"
	"fmt"
	"io"
)

// WriteText shows the differences to a person. It fails when w does.
func (c *Changes) WriteText(w io.Writer, o TextParams) error {
	out := bufio.NewWriter(w)
	if !c.Any() {
		out.WriteString("no differences\n")
		return out.Flush()
	}
	if len(c.Fields) > 0 {
		out.WriteString("group\n")
		writeFields(out, "  ", c.Fields, o)
	}
	if c.Count != nil {
		fmt.Fprintf(out, "members: %d, now %d\n", c.Count[0], c.Count[1])
	}
	for _, m := range c.Members {
		fmt.Fprintf(out, "  %-8s leaf %d  %s\n", m.Change, m.Leaf, m.name())
		writeFields(out, "    ", m.Fields, o)
	}
	if len(c.Nodes) > 0 {
		out.WriteString("nodes\n")
	}
	for _, n := range c.Nodes {
		fmt.Fprintf(out, "  %-8s node %d\n", n.Change, n.Node)
		writeFields(out, "    ", n.Fields, o)
	}
	return out.Flush()
}

func writeFields(out *bufio.Writer, indent string, fields []FieldChange, o TextParams) {
	width := 0
	for _, f := range fields {
		width = max(width, len(f.Field))
	}
	for _, f := range fields {
		fmt.Fprintf(out, "%s%-*s  %s\n", indent, width, f.Field, f.text(o))
	}
}

func (f *FieldChange) text(o TextParams) string {
	from, to := shown(f.From, o), shown(f.To, o)
	switch {
	case f.From == "":
		return "+ " + to
	case f.To == "":
		return "- " + from
	}
	return from + " → " + to
}

// shown returns a value for display, shortened when it is long.
func shown(s string, o TextParams) string {
	const most = 60
	if runes := []rune(s); !o.Full && len(runes) > most {
		return string(runes[:2*shownBytes]) + "…"
	}
	return s
}
