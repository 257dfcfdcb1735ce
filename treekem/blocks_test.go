package treekem_test

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
	"github.com/copse-mls/copse/treekem"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// place is where a block stands.
type place struct {
	layer uint8
	index uint32
}

// shelf is a store of blocks.
type shelf map[place][]byte

// put does what a store does with the blocks that changed.
func (s shelf) put(blocks iter.Seq[treekem.BlockRecord]) {
	for b := range blocks {
		at := place{b.Layer, b.Index}
		if s[at] = b.Data; b.Data == nil {
			delete(s, at)
		}
	}
}

func (s shelf) blocks() iter.Seq[treekem.BlockRecord] {
	return func(yield func(treekem.BlockRecord) bool) {
		for at, data := range s {
			if !yield(treekem.BlockRecord{Layer: at.layer, Index: at.index, Data: data}) {
				return
			}
		}
	}
}

func whole(t *treekem.Tree) shelf {
	s := shelf{}
	s.put(t.Blocks(nil))
	return s
}

// sameTree compares all that two trees return.
func sameTree(t require.TestingT, want, got *treekem.Tree) {
	require.Equal(t, want.Width(), got.Width())
	require.Equal(t, want.Hash(), got.Hash())
	require.Equal(t, want.Export(), got.Export())
	require.Equal(t, len(want.Export()), got.ExportSize())
	require.Equal(t, want.Members(), got.Members())
	for _, v := range []framing.ExtensionType{7, 8, 0x0a0a, 0xff01} {
		require.Equal(t, want.Support().Extension(v), got.Support().Extension(v))
	}
	for i, leaf := range want.Leaves() {
		require.Equal(t, want.PathCost(i), got.PathCost(i))
		found, ok := got.FindSignatureKey(leaf.SignatureKey)
		require.True(t, ok)
		require.Equal(t, i, found)
	}
	next, other := want.Edit(), got.Edit()
	i, err := next.NextLeaf()
	require.NoError(t, err)
	j, err := other.NextLeaf()
	require.NoError(t, err)
	require.Equal(t, i, j)
}

// A store that follows a tree by what changed holds what the whole tree would give, and gives back the tree. A former
// tree comes back from the next one and the blocks in which they differ.
func TestBlocks(t *testing.T) {
	suite := newSuite(t, 1)
	rapid.Check(t, func(r *rapid.T) {
		s := startScript(r, r, suite)
		most := rapid.SampledFrom([]int{4, 20, 140}).Draw(r, "most")
		store := whole(s.tree)
		for range rapid.IntRange(1, 8).Draw(r, "commits") {
			before := s.tree
			s.commit(most)
			store.put(s.tree.Blocks(before))
			require.Equal(r, whole(s.tree), store)

			restored, err := treekem.RestoreTree(suite, s.tree.Width(), store.blocks())
			require.NoError(r, err)
			sameTree(r, s.tree, restored)

			for _, next := range []*treekem.Tree{s.tree, restored} {
				former, err := next.WithBlocks(before.Width(), before.Blocks(s.tree))
				require.NoError(r, err)
				sameTree(r, before, former)
				require.Equal(r, slices.Collect(before.Blocks(s.tree)), slices.Collect(former.Blocks(next)))
				forth, err := former.WithBlocks(next.Width(), s.tree.Blocks(before))
				require.NoError(r, err)
				sameTree(r, next, forth)
			}
		}
	})
}

// A path changes one block a layer, whatever the size of the tree.
func TestBlocksOfAPath(t *testing.T) {
	suite := newSuite(t, 1)
	for members, want := range map[int]int{8: 1, 512: 3, 4096: 4} {
		f, err := treekemtest.Build(treekemtest.Params{Suite: suite, Members: members, Shape: treekemtest.Full, Unsigned: true})
		require.NoError(t, err)
		signer := newSigner(t, suite)
		leaf, _ := f.Tree.Leaf(5)
		fresh := *leaf
		fresh.SignatureKey, err = suite.PublicKeyOf(signer)
		require.NoError(t, err)
		edit := f.Tree.Edit()
		_, err = edit.NewPath(treekem.PathParams{Sender: 5, Signer: signer, Leaf: fresh})
		require.NoError(t, err)
		next, err := edit.Tree()
		require.NoError(t, err)
		require.Len(t, slices.Collect(next.Blocks(f.Tree)), want, "%d members", members)
		require.Empty(t, slices.Collect(next.Blocks(next)))
	}
}

// Blocks that do not make a tree are refused, with an error that says so.
func TestBadBlocks(t *testing.T) {
	suite := newSuite(t, 1)
	f, err := treekemtest.Build(treekemtest.Params{Suite: suite, Members: 21, Shape: treekemtest.Mixed, Unsigned: true})
	require.NoError(t, err)
	good := whole(f.Tree)
	bottom := place{0, 0}
	twice := place{0, 1}
	for name, spoil := range map[string]func(s shelf){
		"nothing":          func(s shelf) { clear(s) },
		"layer":            func(s shelf) { s[place{2, 0}] = s[bottom] },
		"index":            func(s shelf) { s[place{0, 8}] = s[bottom] },
		"outside":          func(s shelf) { s[place{0, 4}] = s[twice]; delete(s, twice) },
		"right half empty": func(s shelf) { delete(s, place{0, 2}) },
		"repeated keys":    func(s shelf) { s[bottom] = s[twice] },
		"no bits":          func(s shelf) { s[bottom] = []byte{0, 0} },
		"unknown bits":     func(s shelf) { s[bottom] = append([]byte{0xff}, s[bottom][1:]...) },
		"leaves above":     func(s shelf) { s[place{1, 0}] = s[bottom] },
		"more":             func(s shelf) { s[bottom] = append(slices.Clone(s[bottom]), 0) },
		"one byte":         func(s shelf) { s[bottom] = []byte{0} },
		"empty node":       func(s shelf) { s[bottom] = []byte{0x40, 0, 0} },
		"more of a leaf": func(s shelf) {
			r := wire.NewReader("block", s[bottom])
			w := wire.NewWriter(nil)
			w.Uint16(r.Uint16())
			for r.Remaining() > 0 {
				node := slices.Clone(r.Opaque())
				if r.Remaining() == 0 {
					node = append(node, 0)
				}
				w.Opaque(node)
			}
			s[bottom], _ = w.Bytes()
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := maps.Clone(good)
			spoil(s)
			require.NotEqual(t, good, s)
			_, err := treekem.RestoreTree(suite, f.Tree.Width(), s.blocks())
			checkBlocksError(t, err)
		})
	}
	for _, width := range []uint32{0, 3, 16, 64, 1 << 28, 1 << 29} {
		_, err := treekem.RestoreTree(suite, width, good.blocks())
		checkBlocksError(t, err)
		_, err = f.Tree.WithBlocks(width, func(func(treekem.BlockRecord) bool) {})
		checkBlocksError(t, err)
	}
	for n := range good[bottom] {
		s := maps.Clone(good)
		s[bottom] = s[bottom][:n:n]
		_, err := treekem.RestoreTree(suite, f.Tree.Width(), s.blocks())
		checkBlocksError(t, err)
	}
	_, err = treekem.RestoreTree(suite, f.Tree.Width(), good.blocks())
	require.NoError(t, err)
}

func checkBlocksError(t require.TestingT, err error) {
	var syntax *framing.SyntaxError
	var rule *framing.RuleError
	require.Error(t, err)
	require.True(t, errors.Is(err, treekem.ErrBlocks) || errors.As(err, &syntax) || errors.As(err, &rule), "%T: %v", err, err)
}
