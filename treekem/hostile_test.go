package treekem_test

import (
	"bytes"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// TestEveryPrefix shows that no part of a tree is taken for a tree.
func TestEveryPrefix(t *testing.T) {
	g := newcomer(t)
	data := g.tree.Export()
	for n := range data {
		_, err := treekem.Decode(g.suite, data[:n])
		var syntax *framing.SyntaxError
		require.ErrorAs(t, err, &syntax, "prefix of %d bytes", n)
	}
	_, err := treekem.Decode(g.suite, append(bytes.Clone(data), 0))
	require.Error(t, err)
}

// FuzzDecode decodes arbitrary bytes, which must never panic, and encodes what was accepted to the same bytes.
func FuzzDecode(f *testing.F) {
	suite := newSuite(f, 1)
	for _, shape := range []treekemtest.Shape{treekemtest.Fresh, treekemtest.Mixed, treekemtest.Full} {
		fixture, err := treekemtest.Build(treekemtest.Params{Suite: suite, Members: 6, Shape: shape, Unsigned: true})
		require.NoError(f, err)
		f.Add(fixture.RatchetTree)
	}
	f.Add([]byte{3, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		tree, err := treekem.Decode(suite, data)
		if err != nil {
			var syntax *framing.SyntaxError
			var rule *framing.RuleError
			require.True(t, errors.As(err, &syntax) || errors.As(err, &rule), "%v", err)
			return
		}
		require.Equal(t, data, tree.Export())
		require.Equal(t, len(data), tree.ExportSize())
		ref := &reference{suite, nodesOf(t, data)}
		for !fullTree(len(ref.nodes)) {
			ref.nodes = append(ref.nodes, nil)
		}
		require.Equal(t, ref.hash(), tree.Hash())
		if len(ref.nodes) < 32 {
			require.Equal(t, ref.parentHashValid(), tree.VerifyParentHashes() == nil)
		}
	})
}

// TestParentHashesEqualReference spoils trees at random, and compares the result with the reference's.
func TestParentHashesEqualReference(t *testing.T) {
	suite := newSuite(t, 1)
	good, bad := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := startScript(t, t, suite)
		for range 3 {
			s.commit(14)
		}
		ref := s.ref
		for range rapid.IntRange(0, 3).Draw(t, "faults") {
			spoil(t, ref, rapid.IntRange(0, len(ref.nodes)-1).Draw(t, "node"))
		}
		tree, err := treekem.Decode(suite, ref.export())
		var rule *framing.RuleError
		if errors.As(err, &rule) {
			return // refused by other rules
		}
		require.NoError(t, err)
		err = tree.VerifyParentHashes()
		require.Equal(t, ref.parentHashValid(), err == nil, "%v", err)
		if err == nil {
			good++
		} else {
			bad++
		}
	})
	require.NotZero(t, good)
	require.NotZero(t, bad)
}

// spoil does one thing to a node.
func spoil(t *rapid.T, ref *reference, x int) {
	n := ref.nodes[x]
	if n == nil {
		return
	}
	other := rapid.SampledFrom(ref.members()).Draw(t, "other leaf")
	switch fault := rapid.IntRange(0, 4).Draw(t, "fault"); {
	case n.LeafNode != nil && fault < 3:
		leaf := *n.LeafNode
		leaf.LeafNodeSource, leaf.ParentHash = framing.LeafNodeSourceCommit, ref.nodes[nodeAt(other)].LeafNode.ParentHash
		ref.nodes[x] = &framing.Node{LeafNode: &leaf}
	case n.ParentNode == nil || fault == 0:
		if len(ref.members()) > 1 || n.LeafNode == nil {
			ref.nodes[x] = nil
		}
	case fault == 1:
		n.ParentNode.UnmergedLeaves = nil
	case fault == 2:
		for _, s := range ref.above(other) {
			if p := ref.nodes[s.top()]; p != nil && p.ParentNode != nil && ref.spanOf(x).holds(s.top()) && len(p.ParentNode.UnmergedLeaves) == 0 {
				p.ParentNode.UnmergedLeaves = []framing.LeafIndex{other}
			}
		}
	case fault == 3:
		n.ParentNode.ParentHash = make([]byte, 32)
	default:
		n.ParentNode.ParentHash = nil
	}
}

// allocated returns how many bytes a call takes from the heap in all.
func allocated(call func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// list makes a ratchet tree of blanks, with nodes at every period'th place from first on.
func list(total, first, period int, node *framing.Node) []byte {
	nodes := make([]*framing.Node, total)
	for x := first; x < total; x += period {
		nodes[x] = node
	}
	return mustMarshal(framing.RatchetTree{}.With(nodes))
}

// TestHostileMemory decodes trees made to take much memory for few bytes.
func TestHostileMemory(t *testing.T) {
	suite := newSuite(t, 1)
	leaf := &framing.Node{LeafNode: &framing.LeafNode{EncryptionKey: make([]byte, 32), SignatureKey: make([]byte, 32), LeafNodeSource: framing.LeafNodeSourceUpdate}}
	parent := &framing.Node{ParentNode: &framing.ParentNode{EncryptionKey: make([]byte, 32)}}
	var hugeLists []*framing.Node
	for x := range 1 << 13 {
		if x&1 == 0 {
			hugeLists = append(hugeLists, leaf)
		} else {
			hugeLists = append(hugeLists, parent)
		}
	}
	const mega = 1 << 20
	oneLeaf := list(mega+1, mega, mega, leaf)
	for _, c := range []struct {
		name string
		data []byte
		most int // bytes allocated for each byte of data
	}{
		{"blanks only", list(mega, mega, 1, nil), 1},
		{"one leaf after a million blanks", oneLeaf, 4},
		{"a parent in every block", list(mega, 1, 16, parent), 16},
		{"a leaf in every block", list(mega+1, 0, 16, leaf), 16},
		{"leaves and parents alternating", mustMarshal(framing.RatchetTree{}.With(hugeLists)), 16},
	} {
		got := allocated(func() { _, _ = treekem.Decode(suite, c.data) })
		t.Logf("%s: %d bytes, %.1f allocated for each", c.name, len(c.data), float64(got)/float64(len(c.data)))
		require.LessOrEqual(t, got, c.most*len(c.data)+1<<16, c.name)
	}
	_, err := treekem.Decode(suite, oneLeaf)
	require.NoError(t, err)
}

// TestConcurrentEdits has many edits of one tree at once share its index of keys.
func TestConcurrentEdits(t *testing.T) {
	suite := newSuite(t, 1)
	fixture, err := treekemtest.Build(treekemtest.Params{Suite: suite, Members: 40, Shape: treekemtest.Mixed, Unsigned: true})
	require.NoError(t, err)
	tree := fixture.Tree
	hash, data := bytes.Clone(tree.Hash()), tree.Export()
	leaves := make([]*framing.LeafNode, 30)
	for k := range leaves {
		s := script{suite: suite, serial: serial{keys: uint64(1000 * k)}}
		leaves[k] = s.leaf(framing.LeafNodeSourceKeyPackage)
	}
	var wg sync.WaitGroup
	for worker := range 8 {
		wg.Go(func() {
			now := tree
			for k := range 200 {
				leaf := leaves[(worker+k)%len(leaves)] // in use by other workers' trees, not by this one's
				edit := now.Edit()
				i, err := edit.Add(leaf)
				if err == nil {
					now, err = edit.Tree()
				}
				if err != nil {
					t.Errorf("worker %d: %v", worker, err)
					return
				}
				if found, ok := now.FindSignatureKey(leaf.SignatureKey); !ok || found != i {
					t.Errorf("worker %d: leaf %d found at %d, %v", worker, i, found, ok)
				}
				if _, ok := tree.FindSignatureKey(leaf.SignatureKey); ok {
					t.Errorf("worker %d: an older tree finds a newer leaf", worker)
				}
				twice := now.Edit()
				_, err = twice.Add(leaf)
				if err == nil {
					_, err = twice.Tree()
				}
				if err == nil {
					t.Errorf("worker %d: the same leaf twice", worker)
				}
				out := now.Edit()
				if err := out.Remove(i); err != nil {
					t.Error(err)
				}
				if now, err = out.Tree(); err != nil {
					t.Error(err)
				}
			}
			if !bytes.Equal(now.Hash(), hash) && now.Members() != tree.Members() {
				t.Errorf("worker %d: %d members", worker, now.Members())
			}
		})
	}
	wg.Wait()
	require.Equal(t, data, tree.Export())
	again, err := treekem.Decode(suite, data)
	require.NoError(t, err)
	require.Equal(t, hash, again.Hash())
}

// TestManyEpochs replaces keys so often that the index of keys is made anew several times.
func TestManyEpochs(t *testing.T) {
	s := startScript(t, nil, newSuite(t, 1))
	s.grow(5)
	for k := range 300 {
		s.change(func(edit *treekem.Edit) { s.path(edit, framing.LeafIndex(k%5), nil) })
	}
	s.compare()
	reused := &framing.LeafNode{}
	old, _ := s.past[10].tree.Leaf(0)
	*reused = *old
	edit := s.tree.Edit()
	require.NoError(t, edit.Update(1, reused))
	_, err := edit.Tree()
	require.NoError(t, err, "a key that stood in an older tree only")
}
