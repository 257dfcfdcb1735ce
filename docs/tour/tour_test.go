package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var rewrite = flag.Bool("rewrite", false, "take what the commands print for the output in docs/tour.md")

// block is what one step of the tour has to paste, and what comes of it.
type block struct {
	step     int
	commands string
	want     []string // lines; one of them may be an ellipsis, for any number of lines left out
	at, end  int      // the lines of want in the document; none when at is 0
}

const ellipsis = "…"

var stepNumber = regexp.MustCompile(`^\*\*(\d+)\.\*\* `)

// blocks reads the document: each step has a number and a block of commands, and most have a block of output.
func blocks(t *testing.T, lines []string) (out []block) {
	step := 0
	for i := 0; i < len(lines); i++ {
		if m := stepNumber.FindStringSubmatch(lines[i]); m != nil {
			n, err := strconv.Atoi(m[1])
			require.NoError(t, err)
			require.Equal(t, step+1, n, "steps are numbered one by one")
			require.Len(t, out, step, "step %d has one block of commands", step)
			step = n
		}
		fence := lines[i]
		if !strings.HasPrefix(fence, "```") {
			continue
		}
		begin := i + 1
		for i = begin; lines[i] != "```"; i++ {
		}
		content := lines[begin:i]
		switch fence {
		case "```sh":
			out = append(out, block{step: step, commands: strings.Join(content, "\n")})
		case "```text":
			last := &out[len(out)-1]
			require.Zero(t, last.at, "step %d has one block of output", step)
			last.want, last.at, last.end = content, begin, i
		default:
			t.Fatalf("line %d: a block is sh or text", begin)
		}
	}
	require.Len(t, out, step)
	return out
}

// TestTour pastes the tour into a shell and compares what it prints. With -rewrite it takes that for the document: where
// lines are left out, as many are kept before and after as there were.
func TestTour(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: builds the commands")
	}
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("THERE IS NO SHELL: the tour was not taken")
	}
	root := filepath.Join("..", "..")
	document := filepath.Join(root, "docs", "tour.md")
	text, err := os.ReadFile(document)
	require.NoError(t, err)
	lines := strings.Split(string(text), "\n")
	steps := blocks(t, lines)
	require.Len(t, steps, 63)

	const end = "--- end of step ---"
	script := "exec 2>&1\n"
	for _, b := range steps {
		script += fmt.Sprintf("%s\necho '%s'\n", b.commands, end)
	}
	shell := exec.Command("sh", "-c", script)
	shell.Dir = root
	shell.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	output, err := shell.Output()
	require.NoError(t, err)
	parts := strings.Split(string(output), end+"\n")
	require.Len(t, parts, len(steps)+1)

	for i := len(steps) - 1; i >= 0; i-- { // backwards, so that rewriting moves no line that is still needed
		b := steps[i]
		got := shorten(tidy(parts[i]), b.want)
		if *rewrite && b.at > 0 {
			lines = append(lines[:b.at], append(got, lines[b.end:]...)...)
			continue
		}
		require.Equal(t, strings.Join(b.want, "\n"), strings.Join(got, "\n"), "step %d: %s", b.step, b.commands)
	}
	if *rewrite {
		require.NoError(t, os.WriteFile(document, []byte(strings.Join(lines, "\n")), 0o644))
	}
}

// tidy divides output into lines, without spaces at their ends or empty lines at the end of all.
func tidy(output string) []string {
	output = strings.TrimRight(output, " \n")
	if output == "" {
		return nil
	}
	lines := strings.Split(output, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return lines
}

// shorten leaves out what like leaves out.
func shorten(lines, like []string) []string {
	for before, line := range like {
		after := len(like) - before - 1
		if line == ellipsis && before+after < len(lines) {
			out := append(append([]string{}, lines[:before]...), ellipsis)
			return append(out, lines[len(lines)-after:]...)
		}
	}
	return lines
}

// TestShorten shows that a difference beside what is left out is found.
func TestShorten(t *testing.T) {
	lines := []string{"a", "b", "c", "d"}
	require.Equal(t, lines, shorten(lines, []string{"a", "b"}))
	require.Equal(t, []string{"a", ellipsis, "d"}, shorten(lines, []string{"x", ellipsis, "y"}))
	require.Equal(t, []string{"a", "b", ellipsis}, shorten(lines, []string{"a", "x", ellipsis}))
	require.Equal(t, []string{"a", ellipsis}, shorten([]string{"a", "b"}, []string{"a", ellipsis}))
	require.Equal(t, []string{"a"}, shorten([]string{"a"}, []string{"a", ellipsis}), "nothing was left out")
}
