package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
)

var link = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)

// TestLinks checks that what the documents point to is there: those at the root, in docs and in interop.
func TestLinks(t *testing.T) {
	var docs []string
	for _, dir := range []string{".", "docs", "interop"} {
		found, err := filepath.Glob(filepath.Join(root(), dir, "*.md"))
		require.NoError(t, err)
		require.NotEmpty(t, found, dir)
		docs = append(docs, found...)
	}
	for _, doc := range docs {
		text, err := os.ReadFile(doc)
		require.NoError(t, err)
		for _, dead := range deadLinks(string(text), os.DirFS(root()), relativeDir(t, doc)) {
			t.Errorf("%s points to %s, which does not exist", filepath.Base(doc), dead)
		}
	}
}

// rootDocuments are what people look for at the root of a project, and a line that each has to have.
var rootDocuments = map[string]string{
	"README.md":       "# Copse",
	"CHANGELOG.md":    "## HEAD",
	"CONTRIBUTING.md": "# Contributing",
	"SECURITY.md":     "# Security",
	"LICENSE":         "MIT License",
}

// TestRootDocuments checks that the documents at the root are there, and that the README knows all of them.
func TestRootDocuments(t *testing.T) {
	repo := os.DirFS(root())
	require.Empty(t, missingDocuments(repo))
	readme, err := fs.ReadFile(repo, "README.md")
	require.NoError(t, err)
	for name := range rootDocuments {
		if name != "README.md" {
			require.Contains(t, string(readme), "]("+name+")", "the README has no link to %s", name)
		}
	}
}

// TestRootDocumentsBite shows that a document that is missing, or lacks its line, is found.
func TestRootDocumentsBite(t *testing.T) {
	repo := fstest.MapFS{}
	for name, line := range rootDocuments {
		repo[name] = &fstest.MapFile{Data: []byte("first\n" + line + "\nlast\n")}
	}
	require.Empty(t, missingDocuments(repo))
	repo["CHANGELOG.md"] = &fstest.MapFile{Data: []byte("### HEAD\n## HEADS\n")}
	delete(repo, "SECURITY.md")
	require.Equal(t, []string{"CHANGELOG.md", "SECURITY.md"}, missingDocuments(repo))
}

// missingDocuments lists the documents that the root does not have, or not with their line.
func missingDocuments(repo fs.FS) (missing []string) {
	for name, line := range rootDocuments {
		text, err := fs.ReadFile(repo, name)
		if err != nil || !slices.Contains(strings.Split(string(text), "\n"), line) {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return missing
}

// TestLinksBite shows that a dead link is found.
func TestLinksBite(t *testing.T) {
	repo := os.DirFS(root())
	require.Equal(t, []string{"nowhere.md"}, deadLinks("[a](nowhere.md) [b](../go.mod) [c](https://example.org)", repo, "docs"))
}

func relativeDir(t *testing.T, file string) string {
	dir, err := filepath.Rel(root(), filepath.Dir(file))
	require.NoError(t, err)
	return filepath.ToSlash(dir)
}

// deadLinks lists the links to files in a document of folder dir that repo does not have.
func deadLinks(text string, repo fs.FS, dir string) (dead []string) {
	for _, m := range link.FindAllStringSubmatch(text, -1) {
		if strings.Contains(m[1], "://") {
			continue
		}
		if _, err := fs.Stat(repo, filepath.ToSlash(filepath.Join(dir, m[1]))); err != nil {
			dead = append(dead, m[1])
		}
	}
	return dead
}
