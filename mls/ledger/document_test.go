package ledger

import (
	"flag"
	"fmt"
	"strings"
)

var rewrite = flag.Bool("rewrite", false, "write docs/validation.md anew")

const intro = `# Validation

Every rule that Copse holds its input to: what it says, which function enforces it, and which tests prove it. A
` + "`*mls.RuleError`" + ` names the rule by its ID; ` + "`copse rules ID`" + ` prints one of them.

This file is written from [the ledger](../mls/ledger/doc.go) by ` + "`make docs`" + `; a test fails when it is out of date, when a
function or test that it names is not there, or when the source names a rule that it does not have.

Rules are *negative* (input that breaks one is refused), *positive* (input that looks odd is accepted), *hardening* (as
negative, where RFC 9420 leaves the matter open) or a *duty* (what the engine does by itself). Tests without a package
are subtests of ` + "`mls.TestRule`" + `, one for each door by which the object gets in. A door in brackets has no test yet.

`

// document is docs/validation.md.
func document(l *Ledger) string {
	var b strings.Builder
	b.WriteString(intro)
	actions(&b)
	summary(&b, l)
	for _, a := range l.Areas {
		fmt.Fprintf(&b, "\n## (%s) %s\n\n", a.Letter, a.Title)
		b.WriteString("| Rule | § | Says | Enforced by | When it fires | Tests |\n|---|---|---|---|---|---|\n")
		for i := range a.Rules {
			r := &a.Rules[i]
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", r.ID, strings.Join(r.Sections, ", "), says(r), code(r.Where),
				fires(r), tests(r))
		}
	}
	history(&b, l)
	return b.String()
}

func actions(b *strings.Builder) {
	b.WriteString("When a rule fires:\n\n")
	for _, a := range []Action{Drop, Wait, Fetch, Replace, Report, Rejoin, Fix, Judge, Nothing} {
		fmt.Fprintf(b, "- **%s**: %s\n", a, a.Explain())
	}
}

// summary counts rules and doors.
func summary(b *strings.Builder, l *Ledger) {
	rules, tested, doors, open := 0, 0, 0, 0
	var missing []string
	for r := range l.All() {
		rules++
		if len(r.TestNames()) > 0 {
			tested++
		}
		for _, d := range r.Doors {
			doors++
			if !d.Tested {
				open++
			}
		}
		if r.Missing != "" {
			missing = append(missing, r.ID)
		}
	}
	fmt.Fprintf(b, "\n%d rules, %d of them with a test; %d doors, %d of them without a test yet.\n", rules, tested, doors, open)
	if len(missing) > 0 {
		fmt.Fprintf(b, "Not enforced, or not in full: %s.\n", strings.Join(missing, ", "))
	}
}

func says(r *Rule) string {
	s := "*" + string(r.Kind) + "* " + r.Says
	if r.Note != "" {
		s += " Note: " + r.Note
	}
	if r.Missing != "" {
		s += " **Missing:** " + r.Missing
	}
	return s
}

// fires is what comes out and what to do then.
func fires(r *Rule) string {
	var out []string
	if len(r.Gives) > 1 || r.Gives[0] != r.ID {
		out = append(out, strings.Join(r.Gives, ", "))
	}
	var do []string
	for _, a := range r.Do {
		do = append(do, string(a))
	}
	return strings.Join(append(out, strings.Join(do, ", ")), ": ")
}

func tests(r *Rule) string {
	var out []string
	for _, d := range r.Doors {
		if d.Tested {
			out = append(out, d.Name)
		} else {
			out = append(out, "("+d.Name+")")
		}
	}
	s := strings.Join(out, ", ")
	if len(r.Tests) > 0 {
		if s != "" {
			s += "; "
		}
		s += code(r.Tests)
	}
	return s
}

func history(b *strings.Builder, l *Ledger) {
	b.WriteString("\n## What went wrong elsewhere\n\nBugs that other implementations of MLS had, and what keeps them out.\n\n")
	b.WriteString("| No. | Bug | Kept out by |\n|---|---|---|\n")
	for _, bug := range l.History {
		var by []string
		if len(bug.Rules) > 0 {
			by = append(by, strings.Join(bug.Rules, ", "))
		}
		if len(bug.Tests) > 0 {
			by = append(by, code(bug.Tests))
		}
		for _, text := range []string{bug.Why, bug.Note} {
			if text != "" {
				by = append(by, text)
			}
		}
		fmt.Fprintf(b, "| %s | %s | %s |\n", bug.ID, bug.Says, strings.Join(by, "; "))
	}
}

func code(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return "`" + strings.Join(names, "`, `") + "`"
}
