package house

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

var program = regexp.MustCompile("(?s)```go\n(package main\n.*?)```\n\n```text\n(.*?)```\n")

// TestReadme runs the program in the README and compares its output with what stands below it.
func TestReadme(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs the go command")
	}
	text, err := os.ReadFile(filepath.Join(root(), "README.md"))
	require.NoError(t, err)
	found := program.FindSubmatch(text)
	require.NotNil(t, found, "the README has a program, and its output below it")
	file := filepath.Join(t.TempDir(), "main.go")
	require.NoError(t, os.WriteFile(file, found[1], 0o600))
	run := exec.Command("go", "run", file)
	run.Dir = root()
	output, err := run.CombinedOutput()
	require.NoError(t, err, string(output))
	require.Equal(t, string(found[2]), string(output))
}
