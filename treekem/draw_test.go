package treekem_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

var update = flag.Bool("update", false, "write the pictures anew")

// figure returns the tree of RFC 9420, Section 7.9, with the history that its Appendix B gives.
func figure(t *testing.T) *treekem.Tree {
	g := newGroupOf(t, newSuite(t, 1), 7)
	g.commit(change{sender: 0, removes: []framing.LeafIndex{5}})
	g.commit(change{sender: 4})
	g.commit(change{sender: 0, adds: 1, noPath: true})
	return g.tree
}

func built(t *testing.T, shape treekemtest.Shape, members int) *treekem.Tree {
	f, err := treekemtest.Build(treekemtest.Params{Suite: newSuite(t, 1), Members: members, Shape: shape, Seed: 5, Unsigned: true,
		Identity: func(i int) []byte { return fmt.Appendf(nil, "m%d", i) }})
	require.NoError(t, err)
	return f.Tree
}

func letters(i framing.LeafIndex) string { return string(rune('A' + i)) }

func TestDraw(t *testing.T) {
	long := func(i framing.LeafIndex) string { return strings.Repeat("é", int(i)+14) }
	for name, c := range map[string]struct {
		tree    *treekem.Tree
		options treekem.DrawParams
	}{
		"1":           {built(t, treekemtest.Fresh, 1), treekem.DrawParams{}},
		"2":           {built(t, treekemtest.Full, 2), treekem.DrawParams{OwnLeaf: new(framing.LeafIndex(1))}},
		"rfc":         {figure(t), treekem.DrawParams{Names: letters, OwnLeaf: new(framing.LeafIndex(0))}},
		"5-fresh":     {built(t, treekemtest.Fresh, 5), treekem.DrawParams{}},
		"8-keys":      {built(t, treekemtest.Full, 8), treekem.DrawParams{Keys: true}},
		"16-full":     {built(t, treekemtest.Full, 16), treekem.DrawParams{}},
		"16-narrow":   {built(t, treekemtest.Full, 16), treekem.DrawParams{Width: 60, Keys: true, OwnLeaf: new(framing.LeafIndex(11))}},
		"4-long":      {built(t, treekemtest.Fresh, 4), treekem.DrawParams{Names: long}},
		"64-mixed":    {built(t, treekemtest.Mixed, 64), treekem.DrawParams{OwnLeaf: new(framing.LeafIndex(40))}},
		"40-sideways": {built(t, treekemtest.Full, 40), treekem.DrawParams{}},
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			require.NoError(t, c.tree.Draw(&b, c.options))
			file := filepath.Join("testdata", "draw", name+".txt")
			if *update {
				require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
				require.NoError(t, os.WriteFile(file, []byte(b.String()), 0o644))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), b.String(), "go test ./treekem -run TestDraw -update writes the picture anew")
		})
	}
}

// TestDrawHostile draws names that members chose to do harm, and long lists in narrow places.
func TestDrawHostile(t *testing.T) {
	g := newGroup(t, newSuite(t, 1))
	for _, id := range []string{"\x1b[2J", "a\nb", "\xff\xfe", "", "\u202egnp", strings.Repeat("w", 5000)} {
		leaf := g.newClient().leaf
		leaf.Credential.Identity = []byte(id)
		edit := g.tree.Edit()
		_, err := edit.Add(leaf)
		require.NoError(t, err)
		g.tree, err = edit.Tree()
		require.NoError(t, err)
	}
	for _, width := range []int{1, 40, 1000} {
		var b strings.Builder
		require.NoError(t, g.tree.Draw(&b, treekem.DrawParams{Width: width, Keys: true}))
		require.True(t, utf8.ValidString(b.String()))
		require.NotContains(t, b.String(), "\x1b")
		require.NotContains(t, b.String(), "\u202e")
		for line := range strings.Lines(b.String()) {
			require.Less(t, utf8.RuneCountInString(line), max(width, 60)+1)
		}
	}
	require.ErrorIs(t, g.tree.Draw(broken{}, treekem.DrawParams{}), errBroken)
}

// TestDrawManyUnmerged: of a long list as much is drawn as fits beside the label.
func TestDrawManyUnmerged(t *testing.T) {
	g := newGroupOf(t, newSuite(t, 1), 16)
	g.commit(change{sender: 0, removes: []framing.LeafIndex{9, 10, 11, 12, 13, 14}})
	g.commit(change{adds: 6, noPath: true})
	for width, want := range map[int]string{23: "(15) [9,10,11,12,13,14]", 17: "(15) [9,10,11…]", 1: "(15) […]"} {
		var b strings.Builder
		require.NoError(t, g.tree.Draw(&b, treekem.DrawParams{Width: width}))
		root, _, _ := strings.Cut(b.String(), "\n")
		require.Equal(t, want, root)
	}
}

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }
