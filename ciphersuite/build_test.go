package ciphersuite

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// With the tag copse_stdlib nothing outside the standard library is compiled into this package.
func TestStandardLibraryBuild(t *testing.T) {
	list := func(tags string) []string {
		format := "{{if not .Standard}}{{.ImportPath}}{{end}}"
		out, err := exec.Command("go", "list", "-tags", tags, "-deps", "-f", format, ".").Output()
		require.NoError(t, err)
		return strings.Fields(string(out))
	}
	foreign := func(paths []string) (out []string) {
		require.Contains(t, paths, "github.com/copse-mls/copse/ciphersuite")
		for _, p := range paths {
			if !strings.HasPrefix(p, "github.com/copse-mls/copse/") {
				out = append(out, p)
			}
		}
		return out
	}
	require.Empty(t, foreign(list("copse_stdlib")))
	require.NotEmpty(t, foreign(list("")), "the test can tell")
}
