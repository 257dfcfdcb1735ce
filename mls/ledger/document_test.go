package ledger

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write docs/validation.md anew")

const intro = `# Validation

Every rule that Copse holds its input to, by area: what it says and which function enforces it. A ` + "`*mls.RuleError`" + `
names the rule that was broken by its ID, and ` + "`copse rules ID`" + ` prints all there is to know about it: the sections of
RFC 9420, what to do when it fires, every function, the entry points at which it is tested, other tests, notes, and bugs of
other implementations that it keeps out.

This file is written from [the ledger](../mls/ledger/doc.go) by ` + "`make docs`" + `. A test fails when it is out of date, when a
function or test that a rule names does not exist, or when the source names a rule that the ledger does not have.

`

// document returns the text of docs/validation.md.
func document(l *Ledger) string {
	var b strings.Builder
	b.WriteString(intro)
	summary(&b, l)
	for _, a := range l.Areas {
		fmt.Fprintf(&b, "\n## (%s) %s\n\n| Rule | Says | Enforced by |\n|---|---|---|\n", a.Letter, a.Title)
		for i := range a.Rules {
			r := &a.Rules[i]
			fmt.Fprintf(&b, "| %s | %s | %s |\n", r.ID, r.Says, first(r.Where))
		}
	}
	history(&b, l)
	return b.String()
}

// summary counts rules and entry points.
func summary(b *strings.Builder, l *Ledger) {
	rules, tested, entries, open := 0, 0, 0, 0
	var missing []string
	for r := range l.All() {
		rules++
		if len(r.TestNames()) > 0 {
			tested++
		}
		for _, e := range r.Entries {
			entries++
			if !e.Tested {
				open++
			}
		}
		if r.Missing != "" {
			missing = append(missing, r.ID)
		}
	}
	fmt.Fprintf(b, "%d rules, %d of them with a test; %d entry points, %d of them without a test yet.\n", rules, tested, entries, open)
	if len(missing) > 0 {
		fmt.Fprintf(b, "Not enforced, or not in full: %s.\n", strings.Join(missing, ", "))
	}
}

func history(b *strings.Builder, l *Ledger) {
	b.WriteString("\n## What went wrong elsewhere\n\nBugs that other implementations of MLS had, and what keeps them out; ")
	b.WriteString("`copse rules H-01` has more.\n\n| No. | Bug | Kept out by |\n|---|---|---|\n")
	for _, bug := range l.History {
		by := strings.Join(bug.Rules, ", ")
		switch {
		case by == "" && len(bug.Tests) > 0:
			by = first(bug.Tests)
		case by == "":
			by = bug.Why
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", bug.ID, bug.Says, by)
	}
}

// first returns the first of some names, and how many more there are.
func first(names []string) string {
	switch len(names) {
	case 0:
		return ""
	case 1:
		return "`" + names[0] + "`"
	}
	return fmt.Sprintf("`%s` and %d more", names[0], len(names)-1)
}

// maxLine is the greatest width of a line of docs/validation.md, in characters.
const maxLine = 240

// TestDocumentIsReadable checks that every rule fits into a short line of its own.
func TestDocumentIsReadable(t *testing.T) {
	l := readLedger(t)
	text := document(l)
	for line := range strings.Lines(text) {
		require.LessOrEqual(t, utf8.RuneCountInString(line), maxLine, "say it in fewer words: %s", line)
	}
	for r := range l.All() {
		require.Equal(t, 1, strings.Count(text, "\n| "+r.ID+" | "), "lines for %s", r.ID)
	}
}
