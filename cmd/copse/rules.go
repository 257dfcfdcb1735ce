package main

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/copse-mls/copse/mls/ledger"
)

func rulesCommand() *cobra.Command {
	var (
		area   string
		asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "rules [ID]",
		Short: "Explain a rule of validation that an error names, such as V-LN-05",
		Long: `rules lists the rules that Copse holds its input to. An error of the engine names the rule that was broken,
such as V-LN-05; with that ID, rules prints what the rule says, what to do when it is broken, which functions
enforce it, and which tests show that. H-01 to H-53 are bugs that other implementations had; rules prints
what keeps each of them out.

Exit status: 0, or 2 when there is no such rule or area.`,
		Example: `  copse rules
  copse rules --area LN
  copse rules V-LN-05
  copse rules V-LN-05 --json`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			l, err := ledger.Read()
			if err != nil {
				return err
			}
			found, err := lookUp(l, args, area)
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), found.value)
			}
			var b strings.Builder
			found.write(&b)
			_, err = io.WriteString(cmd.OutOrStdout(), b.String())
			return err
		},
	}
	cmd.Flags().StringVar(&area, "area", "", "list only the area with this letter, or with this code in the middle of its IDs (FR for V-FR-08)")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print as JSON")
	return cmd
}

// finding is what there is to print: as JSON and as text.
type finding struct {
	value any
	write func(*strings.Builder)
}

// lookUp finds what the command line asks for.
func lookUp(l *ledger.Ledger, args []string, area string) (finding, error) {
	switch {
	case len(args) > 0 && area != "":
		return finding{}, errors.New("rules: give either an ID or --area")
	case len(args) > 0:
		return lookUpID(l, args[0])
	case area != "":
		a, ok := l.Area(area)
		if !ok {
			var names []string
			for _, a := range l.Areas {
				names = append(names, a.Code)
			}
			return finding{}, fmt.Errorf("there is no area %q; the areas are: %s", area, strings.Join(names, ", "))
		}
		return finding{a, func(b *strings.Builder) { writeAreas(b, []ledger.Area{*a}) }}, nil
	}
	return finding{l.Areas, func(b *strings.Builder) { writeAreas(b, l.Areas) }}, nil
}

func lookUpID(l *ledger.Ledger, id string) (finding, error) {
	for i := range l.History {
		if bug := &l.History[i]; strings.EqualFold(bug.ID, id) {
			return finding{bug, func(b *strings.Builder) { writeBug(b, bug) }}, nil
		}
	}
	r, ok := l.Rule(id)
	if !ok {
		return finding{}, fmt.Errorf("there is no rule %q; similar ones are: %s", id, strings.Join(l.Near(id, 4), ", "))
	}
	return finding{r, func(b *strings.Builder) { writeRule(b, l, r) }}, nil
}

// writeAreas lists rules, a line each, and counts them.
func writeAreas(b *strings.Builder, areas []ledger.Area) {
	rules, tests, open := 0, 0, 0
	for _, a := range areas {
		fmt.Fprintf(b, "(%s) %s\n", a.Letter, a.Title)
		for i := range a.Rules {
			r := &a.Rules[i]
			n := len(r.TestNames())
			rules, tests = rules+1, tests+n
			word := "tests"
			if n == 1 {
				word = "test"
			}
			fmt.Fprintf(b, "  %-9s  %2d %-5s  %s\n", r.ID, n, word, r.Says)
			for _, e := range r.Entries {
				if !e.Tested {
					open++
				}
			}
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(b, "%d rules, %d tests, %d entry points without a test\n", rules, tests, open)
}

func writeRule(b *strings.Builder, l *ledger.Ledger, r *ledger.Rule) {
	a, _ := l.Area(strings.Split(r.ID, "-")[1])
	fmt.Fprintf(b, "%s  (%s) %s; RFC 9420, Section %s; %s\n\n  %s\n", r.ID, a.Letter, a.Title,
		strings.Join(r.Sections, ", "), r.Kind, r.Says)
	for _, text := range []struct{ name, text string }{{"Source", r.Source}, {"Note", r.Note}, {"Missing", r.Missing}} {
		if text.text != "" {
			fmt.Fprintf(b, "\n  %s: %s\n", text.name, text.text)
		}
	}
	b.WriteString("\nWhen it is broken\n")
	fmt.Fprintf(b, "  %-10s %s\n", "error", strings.Join(r.Gives, ", "))
	for _, action := range r.Do {
		fmt.Fprintf(b, "  %-10s %s\n", action, action.Explain())
	}
	writeList(b, "Enforced by", r.Where)
	if len(r.Entries) > 0 {
		b.WriteString("\nWhere it is tested\n")
	}
	for _, e := range r.Entries {
		test := "no test yet"
		if e.Tested {
			test = "TestRule/" + r.ID + "/" + e.Name
		}
		fmt.Fprintf(b, "  %-10s %-50s %s\n", e.Name, ledger.EntryMeaning(e.Name), test)
	}
	writeList(b, "Other tests", r.Tests)
	var bugs []string
	for _, bug := range l.History {
		if slices.Contains(bug.Rules, r.ID) {
			bugs = append(bugs, bug.ID+"  "+bug.Says)
		}
	}
	writeList(b, "Bugs of others that it keeps out", bugs)
}

func writeBug(b *strings.Builder, bug *ledger.Bug) {
	fmt.Fprintf(b, "%s  %s\n", bug.ID, bug.Says)
	writeList(b, "Kept out by the rules", bug.Rules)
	writeList(b, "Shown by the tests", bug.Tests)
	for _, text := range []string{bug.Why, bug.Note} {
		if text != "" {
			fmt.Fprintf(b, "\n  %s\n", text)
		}
	}
}

// writeList writes a heading and lines below it, or nothing when there are none.
func writeList(b *strings.Builder, heading string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n%s\n", heading)
	for _, line := range lines {
		fmt.Fprintf(b, "  %s\n", line)
	}
}
