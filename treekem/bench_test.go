package treekem_test

import (
	"crypto"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// largeTree returns a full tree of 2^18 leaves, made once for the tests and benchmarks that only read it.
func largeTree(tb testing.TB) *treekem.Tree {
	f, err := treekemtest.Build(treekemtest.Params{
		Suite: newSuite(tb, 1), Members: 1 << 18, Shape: treekemtest.Full, GroupID: []byte("large"), Seed: 1, Unsigned: true})
	require.NoError(tb, err)
	return f.Tree
}

// pathOf makes a received UpdatePath of leaf i, without ciphertexts that decrypt: one for each expected.
func pathOf(tb testing.TB, tree *treekem.Tree, signer crypto.Signer, i framing.LeafIndex) *framing.UpdatePath {
	suite := tree.Suite()
	leaf, _ := tree.Leaf(i)
	next := *leaf
	var err error
	next.SignatureKey, err = suite.PublicKeyOf(signer)
	require.NoError(tb, err)
	edit := tree.Edit()
	_, err = edit.NewPath(treekem.PathParams{Sender: i, GroupID: []byte("large"), Signer: signer, Leaf: next})
	require.NoError(tb, err)
	after, err := edit.Tree()
	require.NoError(tb, err)
	update := &framing.UpdatePath{}
	made, _ := after.Leaf(i)
	update.LeafNode = *made
	for _, x := range tree.FilteredDirectPath(i) {
		left, _ := x.Left()
		copath := left
		if left.Covers(i) {
			copath, _ = x.Right()
		}
		update.Nodes = append(update.Nodes, framing.UpdatePathNode{EncryptionKey: after.EncryptionKey(x),
			EncryptedPathSecret: make([]ciphersuite.HPKECiphertext, len(tree.Resolution(copath)))})
	}
	return update
}

func newSigner(tb testing.TB, suite *ciphersuite.Suite) crypto.Signer {
	signer, err := suite.GenerateSigner(nil)
	require.NoError(tb, err)
	return signer
}

func newSuite(tb testing.TB, cs ciphersuite.CipherSuite) *ciphersuite.Suite {
	suite, err := ciphersuite.New(cs)
	require.NoError(tb, err)
	return suite
}

func BenchmarkReplacePath(b *testing.B) {
	tree := largeTree(b)
	paths := make([]*framing.UpdatePath, 64)
	senders := make([]framing.LeafIndex, len(paths))
	for k := range paths {
		senders[k] = framing.LeafIndex(k * 4099)
		paths[k] = pathOf(b, tree, newSigner(b, tree.Suite()), senders[k])
	}
	runtime.GC()
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		edit := tree.Edit()
		k := n % len(paths)
		if err := edit.ApplyPath(treekem.ApplyPathParams{Sender: senders[k], Path: paths[k]}); err != nil {
			b.Fatal(err)
		}
		if _, err := edit.Tree(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHash18Parents measures the yardstick of BenchmarkReplacePath.
func BenchmarkHash18Parents(b *testing.B) {
	suite := newSuite(b, 1)
	in := make([]byte, 1+1+33+33+1+33+33)
	out := make([]byte, 0, 64)
	for b.Loop() {
		for range 18 {
			out = suite.Hash(out[:0], in)
		}
	}
}

func fullGroup(b *testing.B, members int) *treekemtest.Fixture {
	f, err := treekemtest.Build(treekemtest.Params{Suite: newSuite(b, 1), Members: members, Shape: treekemtest.Full, GroupID: []byte("g"), Seed: 1})
	require.NoError(b, err)
	return f
}

func BenchmarkImport(b *testing.B) {
	f := fullGroup(b, 50_000)
	for _, procs := range []int{1, 2} {
		b.Run(fmt.Sprintf("procs=%d", procs), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := treekem.Import(treekem.ImportParams{Suite: f.Tree.Suite(), RatchetTree: f.RatchetTree, GroupContext: f.Context}); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("signatures/procs=%d", procs), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			var items []ciphersuite.SignedMessage
			for i, leaf := range f.Tree.Leaves() {
				item, err := leaf.SignedMessage([]byte("g"), i)
				require.NoError(b, err)
				items = append(items, item)
			}
			for b.Loop() {
				if err := f.Tree.Suite().VerifyBatch(items); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHeap(b *testing.B) {
	f := fullGroup(b, 50_000)
	raw := f.RatchetTree
	context := f.Context
	suite := f.Tree.Suite()
	f = nil
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&before)
		tree, err := treekem.Import(treekem.ImportParams{Suite: suite, RatchetTree: raw, GroupContext: context})
		require.NoError(b, err)
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(tree)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/50_000, "B/member")
}

func BenchmarkSnapshots(b *testing.B) {
	tree := largeTree(b)
	signer := make([]crypto.Signer, 100)
	for k := range signer {
		signer[k] = newSigner(b, tree.Suite())
	}
	var before, after runtime.MemStats
	for b.Loop() {
		kept := make([]*treekem.Tree, 0, len(signer))
		now := tree
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&before)
		for k := range signer {
			i := framing.LeafIndex(k * 2503)
			leaf, _ := now.Leaf(i)
			next := *leaf
			next.SignatureKey, _ = tree.Suite().PublicKeyOf(signer[k])
			edit := now.Edit()
			_, err := edit.NewPath(treekem.PathParams{Sender: i, GroupID: []byte("large"), Signer: signer[k], Leaf: next})
			require.NoError(b, err)
			now, err = edit.Tree()
			require.NoError(b, err)
			kept = append(kept, now)
		}
		runtime.GC()
		runtime.GC()
		runtime.ReadMemStats(&after)
		runtime.KeepAlive(kept)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc), "B/100-snapshots")
}
