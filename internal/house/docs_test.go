package house

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var link = regexp.MustCompile(`\]\(([^)#\s]+)(?:#[^)]*)?\)`)

// TestLinks checks that what the documents point to is there.
func TestLinks(t *testing.T) {
	docs, err := filepath.Glob(filepath.Join(root(), "docs", "*.md"))
	require.NoError(t, err)
	for _, doc := range append(docs, filepath.Join(root(), "README.md")) {
		text, err := os.ReadFile(doc)
		require.NoError(t, err)
		for _, dead := range deadLinks(string(text), os.DirFS(root()), relativeDir(t, doc)) {
			t.Errorf("%s points to %s, which does not exist", filepath.Base(doc), dead)
		}
	}
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
