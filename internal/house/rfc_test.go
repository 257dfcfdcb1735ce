package house

import (
	"flag"
	"fmt"
	"go/ast"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "write the file column of docs/rfc9420.md anew")

const section = `(?:[0-9]+(?:\.[0-9]+)*|[A-D]\b)`

var (
	citation = regexp.MustCompile(`RFC 9420,\s+(?:Sections?|Appendix)\s+(` + section + `(?:(?:,|\s+and|,\s+and)\s+` + section + `)*)`)
	number   = regexp.MustCompile(section)
	row      = regexp.MustCompile(`^\| (` + section + `) \| ([^|]+) \|([^|]*)\|$`)
)

// sections lists the sections of RFC 9420 that the first comment of a file names.
func sections(f *file) []string {
	first := f.ast.End()
	for _, d := range f.ast.Decls {
		if g, ok := d.(*ast.GenDecl); !ok || g.Tok != token.IMPORT {
			first = d.Pos()
			break
		}
	}
	for _, c := range f.ast.Comments {
		if c.Pos() > first {
			break
		}
		text := c.Text() // leaves out directives such as go:build
		if text == "" {
			continue
		}
		var out []string
		for _, m := range citation.FindAllStringSubmatch(text, -1) {
			out = append(out, number.FindAllString(m[1], -1)...)
		}
		return out
	}
	return nil
}

// TestSectionsToFiles keeps docs/rfc9420.md in step with what the files say about themselves.
func TestSectionsToFiles(t *testing.T) {
	files := map[string][]string{}
	for _, f := range source(t) {
		if !inEngine(f) {
			continue
		}
		for _, s := range sections(f) {
			if !slices.Contains(files[s], f.path) {
				files[s] = append(files[s], f.path)
			}
		}
	}
	require.NotEmpty(t, files)
	name := filepath.Join(root(), "docs", "rfc9420.md")
	have, err := os.ReadFile(name)
	require.NoError(t, err)
	want := fillRows(string(have), files)
	for s, fs := range files {
		t.Errorf("%v: there is no Section %s in %s", fs, s, name)
	}
	if *rewrite {
		require.NoError(t, os.WriteFile(name, []byte(want), 0o644))
		return
	}
	wants := strings.Split(want, "\n")
	for i, line := range strings.Split(string(have), "\n") {
		require.Equal(t, wants[i], line, "bring the table up to date: go test ./internal/house -run SectionsToFiles -rewrite")
	}
}

// fillRows writes into each row the files of its section, and removes from files what it has placed.
func fillRows(doc string, files map[string][]string) string {
	lines := strings.Split(doc, "\n")
	for i, line := range lines {
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		var links []string
		for _, f := range files[m[1]] {
			links = append(links, fmt.Sprintf("[%s](../%s)", f, f))
		}
		delete(files, m[1])
		lines[i] = strings.TrimSuffix(fmt.Sprintf("| %s | %s | %s", m[1], m[2], strings.Join(links, ", ")), " ") + " |"
	}
	return strings.Join(lines, "\n")
}

// TestSectionsBite shows that citations are found, and that a section without a row is.
func TestSectionsBite(t *testing.T) {
	f, err := parse("treekem/a.go", "//go:build x\n\npackage p\n\n// RFC 9420, Sections 7.1 and 7.2: a.\n\nimport \"x\"\n// Section 9\nfunc f() {}")
	require.NoError(t, err)
	require.Equal(t, []string{"7.1", "7.2"}, sections(f))
	files := map[string][]string{"7.1": {"a.go"}, "99": {"a.go"}}
	require.Equal(t, "| 7.1 | T | [a.go](../a.go) |\n| 7.2 | U | |", fillRows("| 7.1 | T | old |\n| 7.2 | U | |", files))
	require.Equal(t, map[string][]string{"99": {"a.go"}}, files)
}
