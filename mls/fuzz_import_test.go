package mls_test

import (
	"bytes"
	"crypto"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls/mlstest"
	"github.com/copse-mls/copse/treekem"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// FuzzImport makes ratchet trees by honest changes and by mutations, signs all leaves, and imports them with the hash that
// they have. What is accepted has to be what slow checks from the text of RFC 9420 accept, and works as a tree.
func FuzzImport(f *testing.F) {
	w := newOrchard(f)
	for tree := range w.trees {
		for op := range 10 {
			f.Add([]byte{byte(tree), 3, byte(op), 1, 0, 2, byte(op), 5})
			f.Add([]byte{byte(tree), 1, 0, byte(op), 1, 0, 0, byte(7 * op), byte(op), byte(op)})
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { w.importTape(t, data) })
}

// TestFuzzImportReaches shows that FuzzImport reaches valid trees and invalid ones of many kinds.
func TestFuzzImportReaches(t *testing.T) {
	w := newOrchard(t)
	seen := map[string]int{}
	reach(1500, func(random *rand.Rand) {
		seen[w.importTape(t, randomBytes(random, 4+random.IntN(20)))]++
	}, func() {
		for _, rule := range []string{"", "V-TREE-02", "V-TREE-03", "V-TREE-04", "V-TREE-06", "V-TREE-11", "V-TREE-12", "V-TREE-14"} {
			require.NotZero(t, seen[rule], "%q: %v", rule, seen)
		}
	})
	t.Log(seen)
}

// orchard makes the trees for FuzzImport.
type orchard struct {
	suite   *ciphersuite.Suite
	trees   []*mlstest.Tree
	group   []byte
	signers map[string]crypto.Signer
	leaves  []framing.LeafNode // of newcomers
	bank    *bank
}

func newOrchard(t testing.TB) *orchard {
	w := &orchard{suite: mlstest.Suite(t, testSuite), signers: map[string]crypto.Signer{}, bank: &bank{}, group: []byte("group 3")}
	own := func(signer crypto.Signer) {
		key := must(w.suite.PublicKeyOf(signer))
		w.signers[string(key)] = signer
	}
	for _, members := range []int{2, 3, 5, 6, 9} {
		for _, shape := range []treekemtest.Shape{treekemtest.Fresh, treekemtest.Mixed, treekemtest.Full} {
			f := mlstest.Build(t, mlstest.GroupParams{Members: members, Shape: shape, Seed: 3})
			w.trees = append(w.trees, mlstest.NewTree(t, f.Tree))
			for i, leaf := range f.Tree.Leaves() {
				own(f.SignerOf(i))
				w.bank.keep(leaf)
			}
		}
	}
	for k := range 4 {
		c := mlstest.NewParty(t, testSuite, fmt.Sprintf("newcomer %d", k))
		own(c.Signer)
		w.leaves = append(w.leaves, c.KeyPackage(t).KeyPackage.LeafNode)
	}
	for _, n := range w.trees[len(w.trees)-1].Nodes {
		if n != nil {
			node := *n
			w.bank.keep(&node)
		}
	}
	return w
}

// importTape grows a tree and imports it. It returns the rule that the tree breaks.
func (w *orchard) importTape(t *testing.T, data []byte) (rule string) {
	in := &tape{data}
	tree := w.trees[in.byte()%len(w.trees)].Clone()
	honest := true
	if !attempted(func(tb mlstest.TB) {
		for range in.byte() % 6 {
			op := in.byte() % 5
			w.grow(tb, tree, op, in.byte())
			honest = honest && op < 4
		}
		m := in.mutator(w.bank)
		honest = honest && len(m.list) == 0
		for _, x := range m.list {
			m.change(&tree.Nodes, x)
			w.sign(tb, tree)
		}
	}) {
		return "stumbled"
	}
	var exported, hash []byte
	if !attempted(func(tb mlstest.TB) { exported, hash = tree.Export(tb), tree.Hash() }) {
		return "cannot be encoded"
	}
	context := &framing.GroupContext{Version: framing.MLS10, CipherSuite: testSuite, GroupID: w.group, TreeHash: hash}
	got, err := treekem.Import(treekem.ImportParams{Suite: w.suite, RatchetTree: exported, GroupContext: context})
	if honest {
		require.NoError(t, err, "a tree that came about by rule")
	}
	again, errAgain := treekem.Import(treekem.ImportParams{Suite: w.suite, RatchetTree: exported, GroupContext: context})
	require.Equal(t, fmt.Sprint(err), fmt.Sprint(errAgain))
	rule = ruleOf(err)
	if len(tree.Nodes) == int(treekem.NodeCount(tree.Width())) && tree.Width() == treekem.Width(tree.Width()) {
		w.compare(t, tree, rule, err)
	}
	if err != nil {
		require.Nil(t, got)
		return rule
	}
	require.Equal(t, exported, got.Export())
	require.Equal(t, hash, got.Hash())
	require.Equal(t, got.Hash(), again.Hash())
	w.use(t, mlstest.ParseTree(t, w.suite, exported), got)
	return rule
}

// grow changes a tree as the protocol does, all but the last way.
func (w *orchard) grow(t mlstest.TB, tree *mlstest.Tree, op, arg int) {
	i := framing.LeafIndex(arg % int(tree.Width()))
	leaf := tree.Leaf(i)
	members := 0
	for k := range tree.Width() {
		if tree.Leaf(framing.LeafIndex(k)) != nil {
			members++
		}
	}
	fresh := func() []byte {
		pair, err := w.suite.GenerateKeyPair(mlstest.Rand(fmt.Sprintf("%x %d", tree.Hash(), arg)))
		if err != nil {
			t.Fatalf("%v", err)
		}
		return pair.Public
	}
	switch {
	case op == 0 && leaf != nil: // a commit
		path, _ := tree.FilteredPath(i)
		keys := make([]ciphersuite.HPKEPublicKey, len(path))
		for k := range keys {
			pair, err := w.suite.DeriveKeyPair(ciphersuite.NewSecret(w.suite.Hash(nil, fmt.Appendf(fresh(), "%d", k))))
			if err != nil {
				t.Fatalf("%v", err)
			}
			keys[k] = pair.Public
		}
		l := *leaf
		l.EncryptionKey, l.LeafNodeSource, l.Lifetime = fresh(), framing.LeafNodeSourceCommit, framing.Lifetime{}
		l.ParentHash = tree.SetPath(i, keys)
		w.signLeaf(t, tree, i, l)
	case op == 1 && leaf != nil: // an Update
		l := *leaf
		l.EncryptionKey, l.LeafNodeSource, l.Lifetime, l.ParentHash = fresh(), framing.LeafNodeSourceUpdate, framing.Lifetime{}, nil
		tree.Update(i, &l)
		w.signLeaf(t, tree, i, l)
	case op == 2 && leaf != nil && members > 1:
		tree.Remove(i)
	case op == 3:
		l := w.leaves[arg%len(w.leaves)]
		for k := range tree.Width() {
			if other := tree.Leaf(framing.LeafIndex(k)); other != nil && bytes.Equal(other.SignatureKey, l.SignatureKey) {
				return
			}
		}
		tree.Add(&l)
	case op == 4:
		toggleUnmerged(tree, i, arg/16)
	}
}

// toggleUnmerged takes a leaf out of the list of some node above, or puts it in.
func toggleUnmerged(tree *mlstest.Tree, i framing.LeafIndex, above int) {
	var parents []*framing.ParentNode
	for x, ok := treekem.LeafNodeIndex(i).Parent(tree.Width()); ok; x, ok = x.Parent(tree.Width()) {
		if p := tree.Parent(x); p != nil {
			parents = append(parents, p)
		}
	}
	if len(parents) == 0 {
		return
	}
	p := parents[above%len(parents)]
	list := slices.Clone(p.UnmergedLeaves)
	if k, there := slices.BinarySearch(list, i); there {
		p.UnmergedLeaves = slices.Delete(list, k, k+1)
	} else {
		p.UnmergedLeaves = slices.Insert(list, k, i)
	}
}

// sign signs all leaves where they stand.
func (w *orchard) sign(t mlstest.TB, tree *mlstest.Tree) {
	for x, n := range tree.Nodes {
		if n != nil && n.LeafNode != nil && x%2 == 0 {
			w.signLeaf(t, tree, framing.LeafIndex(x/2), *n.LeafNode)
		}
	}
}

// signLeaf signs a leaf and puts it at its place.
func (w *orchard) signLeaf(t mlstest.TB, tree *mlstest.Tree, i framing.LeafIndex, leaf framing.LeafNode) {
	if signer := w.signers[string(leaf.SignatureKey)]; signer != nil {
		mlstest.SignLeaf(t, w.suite, signer, &leaf, w.group, i)
	}
	tree.SetLeaf(i, &leaf)
}

// compare compares the result of Import with slow checks.
func (w *orchard) compare(t *testing.T, tree *mlstest.Tree, rule string, err error) {
	var unmerged, links error
	if !attempted(func(mlstest.TB) { unmerged, links = slowUnmerged(tree), w.slowLinks(tree) }) {
		require.Error(t, err, "nothing can be said of the tree, and it is accepted")
		return
	}
	switch {
	case err == nil:
		require.NoError(t, unmerged)
		require.NoError(t, links)
		require.NoError(t, slowKeys(tree))
	case rule == "V-TREE-10" || rule == "V-TREE-11" || rule == "V-TREE-12":
		require.Error(t, unmerged, "%v", err)
	case rule == "V-TREE-04" || rule == "V-TREE-05" || rule == "V-TREE-06" || rule == "V-TREE-08":
		require.Error(t, links, "%v", err)
	case rule == "V-TREE-13" || rule == "V-TREE-14":
		require.Error(t, slowKeys(tree), "%v", err)
	}
}

// slowUnmerged checks the unmerged leaves (RFC 9420, Sections 7.1 and 12.4.3.1).
func slowUnmerged(tree *mlstest.Tree) error {
	for x := range tree.Nodes {
		node := treekem.NodeIndex(x)
		p := tree.Parent(node)
		if p == nil {
			continue
		}
		for k, i := range p.UnmergedLeaves {
			if k > 0 && i <= p.UnmergedLeaves[k-1] || !node.Covers(i) || tree.Leaf(i) == nil {
				return fmt.Errorf("unmerged leaf %d of node %d", i, x)
			}
			for y := treekem.LeafNodeIndex(i); y != node; y, _ = y.Parent(tree.Width()) {
				if between := tree.Parent(y); between != nil && !slices.Contains(between.UnmergedLeaves, i) {
					return fmt.Errorf("unmerged leaf %d of node %d is not so at node %d", i, x, y)
				}
			}
		}
	}
	return nil
}

// slowKeys checks that no key occurs twice.
func slowKeys(tree *mlstest.Tree) error {
	seen := map[string]bool{}
	for x := range tree.Nodes {
		if tree.Nodes[x] == nil {
			continue
		}
		keys := []string{"encryption " + string(tree.Key(treekem.NodeIndex(x)))}
		if leaf := tree.Nodes[x].LeafNode; leaf != nil {
			keys = append(keys, "signature "+string(leaf.SignatureKey))
		}
		for _, key := range keys {
			if seen[key] {
				return fmt.Errorf("a key of node %d is there twice", x)
			}
			seen[key] = true
		}
	}
	return nil
}

// slowLinks checks that exactly one descendant of each parent is linked to it (RFC 9420, Section 7.9.2).
func (w *orchard) slowLinks(tree *mlstest.Tree) error {
	for x := range tree.Nodes {
		p := treekem.NodeIndex(x)
		if tree.Parent(p) == nil {
			continue
		}
		left, _ := p.Left()
		right, _ := p.Right()
		if found := len(w.linked(tree, p, left, right)) + len(w.linked(tree, p, right, left)); found != 1 {
			return fmt.Errorf("%d nodes are linked to node %d", found, p)
		}
	}
	return nil
}

// linked lists the nodes on the side of child whose parent hash is valid with respect to p.
func (w *orchard) linked(tree *mlstest.Tree, p, child, sibling treekem.NodeIndex) (found []treekem.NodeIndex) {
	unmerged := tree.Parent(p).UnmergedLeaves
	original := tree.Clone()
	for _, i := range unmerged {
		original.SetLeaf(i, nil)
		for x := range original.Nodes {
			if other := original.Parent(treekem.NodeIndex(x)); other != nil {
				other.UnmergedLeaves = slices.DeleteFunc(slices.Clone(other.UnmergedLeaves), func(j framing.LeafIndex) bool { return i == j })
			}
		}
	}
	want := treekemtest.ParentHash(w.suite, tree.Parent(p), original.HashOf(sibling))
	resolution := tree.Resolution(child)
	for k, d := range resolution {
		var hash []byte
		if i, isLeaf := d.Leaf(); !isLeaf {
			hash = tree.Parent(d).ParentHash
		} else if leaf := tree.Leaf(i); leaf.LeafNodeSource == framing.LeafNodeSourceCommit {
			hash = leaf.ParentHash
		}
		var others, below []treekem.NodeIndex
		others = append(append(others, resolution[:k]...), resolution[k+1:]...)
		for _, i := range unmerged {
			if child.Covers(i) {
				below = append(below, treekem.LeafNodeIndex(i))
			}
		}
		slices.Sort(others)
		if bytes.Equal(hash, want) && slices.Equal(others, below) {
			found = append(found, d)
		}
	}
	return found
}

// use works with an imported tree, and with the slow one beside it.
func (w *orchard) use(t *testing.T, slow *mlstest.Tree, tree *treekem.Tree) {
	for i := range tree.Leaves() {
		cost := 0
		_, copath := slow.FilteredPath(i)
		for _, x := range copath {
			cost += len(slow.Resolution(x))
		}
		require.Equal(t, cost, tree.PathCost(i), "cost of a path from leaf %d", i)
	}
	edit := tree.Edit()
	for i := range tree.Leaves() {
		if tree.Members() > 1 {
			require.NoError(t, edit.Remove(i))
			slow.Remove(i)
		}
		break
	}
	for k := range w.leaves {
		if _, taken := tree.FindSignatureKey(w.leaves[k].SignatureKey); taken {
			continue
		}
		i := must(edit.Add(&w.leaves[k]))
		require.Equal(t, slow.Add(&w.leaves[k]), i)
	}
	fresh, err := edit.Tree()
	if err != nil {
		require.Contains(t, []string{"V-LN-17", "V-TREE-13"}, ruleOf(err), "%v", err) // a newcomer's key was put elsewhere
		return
	}
	require.Equal(t, slow.Hash(), fresh.Hash())
}
