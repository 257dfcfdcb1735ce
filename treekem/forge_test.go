package treekem_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// forgery is a tree that an insider who has every member's signature key puts together, so that what is wrong with it
// is one thing only.
type forgery struct {
	*group
	ref     *reference
	links   map[int]int // by parent, the node that the committer's parent hashes lead to it from
	context framing.GroupContext
	data    []byte // to import, if not the encoding of ref
}

func (g *group) forge() *forgery {
	f := &forgery{group: g, ref: &reference{g.suite, nodesOf(g, g.tree.Export())}, links: map[int]int{}, context: *g.context(g.tree)}
	for !fullTree(len(f.ref.nodes)) {
		f.ref.nodes = append(f.ref.nodes, nil)
	}
	for p, n := range f.ref.nodes {
		for d := range f.ref.nodes {
			if n != nil && n.ParentNode != nil && !f.ref.blank(d) && f.ref.linked(d, p) {
				f.links[p] = d
			}
		}
	}
	return f
}

func fullTree(nodes int) bool { return nodes&(nodes+1) == 0 }

func (f *forgery) leaf(i framing.LeafIndex) *framing.LeafNode { return f.ref.nodes[nodeAt(i)].LeafNode }
func (f *forgery) parent(x int) *framing.ParentNode           { return f.ref.nodes[x].ParentNode }

// sign signs the leaf of i as if it were at index.
func (f *forgery) sign(i, index framing.LeafIndex) {
	params := framing.SignParams{Suite: f.suite, Signer: f.signers[i]}
	require.NoError(f, f.leaf(i).Sign(params, f.id, index))
}

// relink sets all parent hashes anew, each committer's chain as it was, and signs the leaves.
func (f *forgery) relink() { f.relinkBelow(f.ref.whole()) }

func (f *forgery) relinkBelow(s span) {
	if s.isLeaf() {
		return
	}
	if f.ref.blank(s.top()) {
		f.relinkBelow(s.left())
		f.relinkBelow(s.right())
		return
	}
	d := f.links[s.top()]
	child, copath := s.toward(d)
	f.relinkBelow(copath)
	f.setParentHash(d, f.ref.parentHash(s.top(), copath))
	f.relinkBelow(child)
}

func (f *forgery) setParentHash(d int, value []byte) {
	if p := f.ref.nodes[d].ParentNode; p != nil {
		p.ParentHash = value
		return
	}
	f.leaf(leafAt(d)).ParentHash = value
	f.sign(leafAt(d), leafAt(d))
}

// imports tries to join with the tree, whose hash the group context has unless it was set to something else.
func (f *forgery) imports() error {
	if f.data == nil {
		f.data = f.ref.export()
		if slices.Equal(f.context.TreeHash, f.tree.Hash()) {
			f.context.TreeHash = f.ref.hash()
		}
	}
	_, err := treekem.Import(treekem.ImportParams{Suite: f.suite, RatchetTree: f.data, GroupContext: &f.context})
	return err
}

func requireRule(t require.TestingT, rule string, err error) *framing.RuleError {
	var e *framing.RuleError
	require.ErrorAs(t, err, &e)
	require.Equal(t, rule, e.Rule, e.Error())
	return e
}

// badTree is one thing wrong with a tree: the rule that says so, and how to make it.
type badTree struct {
	name, rule string
	forge      func(f *forgery)
}

func runBadTrees(t *testing.T, make func(t *testing.T) *group, list []badTree) {
	for _, bad := range list {
		t.Run(bad.rule+" "+bad.name, func(t *testing.T) {
			g := make(t)
			g.imports() // as it is, the tree is good
			f := g.forge()
			f.relink()
			require.NoError(t, f.imports(), "relinking alone makes no bad tree")
			f = g.forge()
			bad.forge(f)
			requireRule(t, bad.rule, f.imports())
		})
	}
}

// eight has members 0 to 7, of which 0, 5, 3 and 6 have committed: parents 1, 3, 5, 7, 9, 11, 13 but for 5 are set.
//
//	         7 (set by 6)
//	    3 (3)         11 (6)
//	 1 (0)  5 (3)   9 (5)  13 (6)
//	0   1  2   3   4   5  6    7
func eight(t *testing.T) *group { return newGroupOf(t, newSuite(t, 1), 8, 0, 5, 3, 6) }

// TestBadForm is about V-TREE-01, V-TREE-02 and V-TREE-03.
func TestBadForm(t *testing.T) {
	runBadTrees(t, eight, []badTree{
		{"empty list", "V-TREE-01", func(f *forgery) { f.data = mustMarshal(new(framing.RatchetTree)) }},
		{"only blanks", "V-TREE-01", func(f *forgery) { f.data = mustMarshal(&framing.RatchetTree{Size: 3}) }},
		{"a blank at the end", "V-TREE-01", func(f *forgery) {
			f.ref.nodes = append(f.ref.nodes, nil)
			f.data = mustMarshal(framing.RatchetTree{}.With(f.ref.nodes))
		}},
		{"two blanks at the end", "V-TREE-01", func(f *forgery) {
			f.ref.nodes = append(f.ref.nodes, nil, nil)
			f.data = mustMarshal(framing.RatchetTree{}.With(f.ref.nodes))
		}},
		{"a parent where a leaf belongs", "V-TREE-02", func(f *forgery) { f.ref.nodes[4] = f.ref.nodes[3] }},
		{"a leaf where a parent belongs", "V-TREE-02", func(f *forgery) { f.ref.nodes[5] = f.ref.nodes[4] }},
		{"ends in a parent", "V-TREE-02", func(f *forgery) {
			f.data = mustMarshal(framing.RatchetTree{}.With(f.ref.nodes[:14]))
		}},
		{"another key in the tree", "V-TREE-03", func(f *forgery) {
			f.leaf(1).EncryptionKey = f.newClient().leaf.EncryptionKey
			f.sign(1, 1)
			f.relink()
			f.data = f.ref.export()
		}},
		{"the tree of another epoch", "V-TREE-03", func(f *forgery) {
			f.data = f.ref.export()
			f.context.TreeHash = f.send(change{sender: 1}).after.Hash()
		}},
		{"a tree hash of no bytes", "V-TREE-03", func(f *forgery) { f.context.TreeHash = []byte{} }},
		{"a short encryption key in a leaf", "V-WIRE-16", func(f *forgery) { f.leaf(2).EncryptionKey = make([]byte, 31) }},
		{"a long signature key in a leaf", "V-WIRE-16", func(f *forgery) { f.leaf(2).SignatureKey = make([]byte, 33) }},
		{"an empty key in a parent", "V-WIRE-16", func(f *forgery) { f.parent(3).EncryptionKey = nil }},
		{"a long parent hash in a parent", "V-WIRE-16", func(f *forgery) { f.parent(3).ParentHash = make([]byte, 33) }},
		{"a key of low order in a leaf", "V-KP-06", func(f *forgery) {
			f.leaf(1).EncryptionKey = make([]byte, 32)
			f.sign(1, 1)
			f.relink()
		}},
		{"a key of low order in a parent", "V-KP-06", func(f *forgery) { f.parent(9).EncryptionKey = make([]byte, 32); f.relink() }},
	})
}

// TestGoodForm imports trees whose lists have 1, 3, 5, 9 and 17 entries, and more blanks than the list shows.
func TestGoodForm(t *testing.T) {
	for _, members := range []int{1, 2, 3, 5, 9} {
		g := newGroupOf(t, newSuite(t, 1), members)
		tree, err := treekem.Decode(g.suite, g.tree.Export())
		require.NoError(t, err)
		require.Equal(t, treekem.Width(uint32(members)), tree.Width())
		require.Len(t, nodesOf(t, g.tree.Export()), 2*members-1)
		g.imports()
	}
}

// TestBadParentHashes is about V-TREE-04 and V-TREE-08.
func TestBadParentHashes(t *testing.T) {
	foreignKey := func(x int) func(f *forgery) {
		return func(f *forgery) { f.parent(x).EncryptionKey = f.newClient().leaf.EncryptionKey }
	}
	runBadTrees(t, eight, []badTree{
		{"a foreign key at the root", "V-TREE-04", foreignKey(7)},
		{"a foreign key, left side bad", "V-TREE-04", foreignKey(1)},
		{"a foreign key, right side bad", "V-TREE-04", foreignKey(13)},
		{"another sibling than the one encrypted to", "V-TREE-04", func(f *forgery) {
			f.leaf(4).Credential.Identity = []byte("somebody else")
			f.sign(4, 4)
		}},
		{"no committer below a foreign parent", "V-TREE-04", func(f *forgery) {
			f.ref.nodes[1] = &framing.Node{ParentNode: &framing.ParentNode{EncryptionKey: f.newClient().leaf.EncryptionKey}}
			leaf := f.newClient()
			f.signers[0] = leaf.signer
			f.ref.nodes[0] = &framing.Node{LeafNode: leaf.leaf} // from a KeyPackage, as is leaf 1
		}},
		{"a parent hash at the root", "V-TREE-04", func(f *forgery) { f.parent(7).ParentHash = make([]byte, 32) }},
		{"an empty parent hash in a leaf", "V-TREE-08", func(f *forgery) {
			f.relink()
			f.leaf(0).ParentHash = nil
			f.sign(0, 0)
		}},
		{"an empty parent hash in a parent", "V-TREE-08", func(f *forgery) { f.parent(11).ParentHash = nil; relinkUnder(f, 11) }},
	})
	others := func(t *testing.T) *group { return newGroupOf(t, newSuite(t, 1), 8, 5, 3, 6) } // 0 has not committed
	runBadTrees(t, others, []badTree{
		{"an empty parent hash in a parent", "V-TREE-08", func(f *forgery) { f.parent(11).ParentHash = nil; relinkUnder(f, 11) }},
	})
}

// relinkUnder makes the chains below x good again.
func relinkUnder(f *forgery, x int) { f.relinkBelow(f.ref.spanOf(x)) }

// newcomer returns a group with an unmerged leaf: 2 takes the place of one who left, under a root that 3 set while 5, above
// them both, was filtered out and blank.
func newcomer(t *testing.T) *group {
	g := newGroupOf(t, newSuite(t, 1), 4)
	g.commit(change{sender: 3, removes: []framing.LeafIndex{2}})
	g.commit(change{adds: 1, noPath: true})
	return g
}

// TestBadLinks is about V-TREE-05, V-TREE-06 and V-TREE-07.
func TestBadLinks(t *testing.T) {
	runBadTrees(t, newcomer, []badTree{
		{"a genuine unmerged leaf dropped", "V-TREE-06", func(f *forgery) { f.parent(3).UnmergedLeaves = nil }},
		{"two nodes of one side with the same parent hash", "V-TREE-06", func(f *forgery) {
			f.parent(3).UnmergedLeaves = nil
			f.relink()
			leaf := f.leaf(2)
			leaf.LeafNodeSource, leaf.ParentHash = framing.LeafNodeSourceCommit, f.leaf(3).ParentHash
			f.sign(2, 2)
		}},
		{"one more unmerged leaf", "V-TREE-04", func(f *forgery) { f.parent(3).UnmergedLeaves = []framing.LeafIndex{1, 2} }},
		{"the committer itself unmerged", "V-TREE-06", func(f *forgery) { f.parent(3).UnmergedLeaves = []framing.LeafIndex{2, 3} }},
	})
	mirrored := func(t *testing.T) *group {
		g := newGroupOf(t, newSuite(t, 1), 4, 2)
		g.commit(change{sender: 0, removes: []framing.LeafIndex{1}})
		g.commit(change{adds: 1, noPath: true})
		return g
	}
	runBadTrees(t, mirrored, []badTree{
		{"and an empty parent hash on the other side", "V-TREE-06", func(f *forgery) {
			f.parent(3).UnmergedLeaves, f.parent(5).ParentHash = nil, nil
			f.relink()
		}},
	})
	other := func(t *testing.T) *group {
		g := newGroupOf(t, newSuite(t, 1), 8, 5, 3)
		g.commit(change{sender: 3, removes: []framing.LeafIndex{6}})
		g.commit(change{adds: 1, noPath: true}) // 6 is unmerged at 7, across the root from 3, and blank nodes lie between
		return g
	}
	runBadTrees(t, other, []badTree{
		{"a parent hash over the sibling as it is now", "V-TREE-04", func(f *forgery) {
			unmerged := f.parent(7).UnmergedLeaves
			f.parent(7).UnmergedLeaves = nil
			_, sibling := f.ref.whole().toward(6)
			value := f.ref.parentHash(7, sibling)
			f.parent(7).UnmergedLeaves = unmerged
			f.setParentHash(f.links[7], value)
			relinkUnder(f, 3)
		}},
	})
}

// collider is a provider for whose hash everything is the same.
type collider struct{ ciphersuite.Provider }

func (collider) Hash(dst, _ []byte) []byte { return append(dst, make([]byte, 32)...) }

// TestTwoLinks shows that a parent with a link from either side is refused (V-TREE-05). Each of two such parent hashes
// would have to cover the other, so it takes a hash function that is broken.
func TestTwoLinks(t *testing.T) {
	suite, err := ciphersuite.NewWithProvider(collider{newSuite(t, 1)})
	require.NoError(t, err)
	g := newGroupOf(t, suite, 2, 0)
	require.NoError(t, g.tree.VerifyParentHashes())
	g.commit(change{sender: 1})
	requireRule(t, "V-TREE-05", g.tree.VerifyParentHashes())
}

// TestGoodParentHashes imports trees that are good though unusual (V-TREE-07, V-TREE-09).
func TestGoodParentHashes(t *testing.T) {
	suite := newSuite(t, 1)
	t.Run("stale", func(t *testing.T) {
		f := eight(t).forge()
		f.leaf(5).ParentHash = []byte("of a path that another one took the top of, of any length")
		f.sign(5, 5)
		delete(f.links, 9)
		f.ref.nodes[9] = nil
		f.relink()
		require.NoError(t, f.imports())
	})
	t.Run("all in turn", func(t *testing.T) { newGroupOf(t, suite, 7, 0, 1, 2, 3, 4, 5, 6).imports() })
	t.Run("left half empty", func(t *testing.T) {
		g := newGroupOf(t, suite, 8, 1, 6)
		g.commit(change{sender: 6, removes: []framing.LeafIndex{0, 1, 2, 3}})
		g.imports()
		g.commit(change{sender: 5})
		g.imports()
	})
	t.Run("a single member that is not leaf 0", func(t *testing.T) {
		g := newGroupOf(t, suite, 4, 1)
		g.commit(change{sender: 3, removes: []framing.LeafIndex{0, 1, 2}})
		require.Equal(t, 1, g.tree.Members())
		g.imports()
		g.commit(change{sender: 3})
		g.imports()
		g.commit(change{sender: 3, adds: 3})
		g.imports()
	})
	t.Run("blanks between an unmerged leaf and its parents", func(t *testing.T) {
		g := newGroupOf(t, suite, 16, 2, 12, 7)
		g.commit(change{sender: 1, removes: []framing.LeafIndex{9, 10, 14}})
		g.commit(change{sender: 13})
		g.commit(change{adds: 3, noPath: true})
		g.imports()
		g.commit(change{sender: 4, removes: []framing.LeafIndex{0}})
		g.commit(change{adds: 3, noPath: true})
		g.imports()
	})
}

// TestBadUnmergedLeaves is about V-TREE-10, V-TREE-11 and V-TREE-12.
func TestBadUnmergedLeaves(t *testing.T) {
	two := func(t *testing.T) *group { // 1 and 2 are unmerged at 3 and 7, and 14 is blank
		g := newGroupOf(t, newSuite(t, 1), 8)
		g.commit(change{sender: 0, removes: []framing.LeafIndex{1, 2}})
		g.commit(change{sender: 6, removes: []framing.LeafIndex{5}})
		g.commit(change{adds: 2, noPath: true})
		require.Equal(t, 7, g.tree.Members())
		return g
	}
	list := func(x int, leaves ...framing.LeafIndex) func(f *forgery) {
		return func(f *forgery) { f.parent(x).UnmergedLeaves = leaves }
	}
	runBadTrees(t, two, []badTree{
		{"swapped", "V-TREE-10", list(3, 2, 1)},
		{"repeated", "V-TREE-10", list(3, 1, 1, 2)},
		{"a blank leaf", "V-TREE-11", list(7, 1, 2, 5)},
		{"a leaf of another subtree", "V-TREE-11", list(3, 1, 2, 4)},
		{"a leaf of a subtree before it", "V-TREE-11", list(13, 2)},
		{"a leaf outside the tree", "V-TREE-11", list(7, 1, 2, 8)},
		{"the largest index", "V-TREE-11", list(7, 1, 2, 1<<32-1)},
		{"an index that wraps round", "V-TREE-11", list(7, 1, 2, 1<<31)},
		{"missing in between", "V-TREE-12", list(3, 1)},
	})
}

// TestUnmergedOnTwoLevels: the original tree hash of a sibling strikes only those unmerged leaves that came after the
// parent hash, and leaves those that were there.
func TestUnmergedOnTwoLevels(t *testing.T) {
	g := newGroupOf(t, newSuite(t, 1), 8)
	g.commit(change{sender: 4, removes: []framing.LeafIndex{5, 7}})
	g.commit(change{adds: 1, noPath: true}) // at 5
	g.commit(change{sender: 0})
	g.commit(change{adds: 1, noPath: true}) // at 7
	nodes := nodesOf(t, g.tree.Export())
	require.Equal(t, []framing.LeafIndex{7}, nodes[7].ParentNode.UnmergedLeaves)
	require.Equal(t, []framing.LeafIndex{5, 7}, nodes[11].ParentNode.UnmergedLeaves)
	g.imports()
}

// TestRepeatedKeys is about V-TREE-13 and V-TREE-14.
func TestRepeatedKeys(t *testing.T) {
	runBadTrees(t, eight, []badTree{
		{"one key in two parents", "V-TREE-13", func(f *forgery) { f.parent(9).EncryptionKey = f.parent(3).EncryptionKey; f.relink() }},
		{"a leaf's key in a parent above", "V-TREE-13", func(f *forgery) { f.parent(9).EncryptionKey = f.leaf(4).EncryptionKey; f.relink() }},
		{"a leaf's key in a parent elsewhere", "V-TREE-13", func(f *forgery) { f.parent(3).EncryptionKey = f.leaf(7).EncryptionKey; f.relink() }},
		{"one encryption key in two leaves", "V-TREE-14", func(f *forgery) {
			f.leaf(2).EncryptionKey = f.leaf(7).EncryptionKey
			f.sign(2, 2)
			f.relink()
		}},
		{"one signature key in two leaves", "V-TREE-14", func(f *forgery) {
			f.leaf(2).SignatureKey, f.signers[2] = f.leaf(7).SignatureKey, f.signers[7]
			f.sign(2, 2)
			f.relink()
		}},
	})
}

// TestLeafToBlame is about the leaf that an error names where a leaf is one of the nodes that are at fault.
func TestLeafToBlame(t *testing.T) {
	low := make([]byte, 32)
	spoil := func(f *forgery, leaves ...framing.LeafIndex) {
		for _, i := range leaves {
			f.leaf(i).EncryptionKey = slices.Clone(low)
			low[0] ^= 1 // 1 is of low order too
			f.sign(i, i)
		}
	}
	for name, bad := range map[string]struct {
		rule  string
		leaf  framing.LeafIndex
		forge func(f *forgery)
	}{
		"a key of low order in a leaf":      {"V-KP-06", 2, func(f *forgery) { spoil(f, 2) }},
		"keys of low order in two leaves":   {"V-KP-06", 2, func(f *forgery) { spoil(f, 2, 4) }},
		"a key of low order in a parent":    {"V-KP-06", framing.NoLeaf, func(f *forgery) { f.parent(3).EncryptionKey = low }},
		"a leaf's key in a parent after it": {"V-TREE-13", 4, func(f *forgery) { f.parent(9).EncryptionKey = f.leaf(4).EncryptionKey }},
		"a leaf's key in a parent before":   {"V-TREE-13", 7, func(f *forgery) { f.parent(3).EncryptionKey = f.leaf(7).EncryptionKey }},
		"one key in two parents": {"V-TREE-13", framing.NoLeaf, func(f *forgery) {
			f.parent(9).EncryptionKey = f.parent(3).EncryptionKey
		}},
	} {
		f := eight(t).forge()
		bad.forge(f)
		f.relink()
		require.Equal(t, bad.leaf, requireRule(t, bad.rule, f.imports()).Leaf, name)
	}
}

// TestParentAboveNobody is about V-TREE-04 where there is no leaf that a parent hash could be in.
func TestParentAboveNobody(t *testing.T) {
	f := eight(t).forge()
	f.ref.nodes[8], f.ref.nodes[10] = nil, nil // below node 9
	_, err := treekem.Decode(f.suite, f.ref.export())
	requireRule(t, "V-TREE-04", err)
}

// TestBadSignatures is about V-TREE-15.
func TestBadSignatures(t *testing.T) {
	bad := func(i framing.LeafIndex, spoil func(f *forgery)) {
		g := eight(t)
		f := g.forge()
		spoil(f)
		require.Equal(t, i, requireRule(t, "V-TREE-15", f.imports()).Leaf)
	}
	// Leaf 6 is the last committer, whose own bytes no parent hash covers.
	bad(6, func(f *forgery) { f.sign(6, 7) })
	bad(6, func(f *forgery) { f.leaf(6).Signature[8] ^= 1 })
	bad(6, func(f *forgery) { f.id = []byte("another group"); f.sign(6, 6) })
	bad(6, func(f *forgery) { f.leaf(6).Signature = nil })
	bad(1, func(f *forgery) { // from a KeyPackage
		f.leaf(1).Credential.Identity = []byte("somebody else")
		f.relink()
		f.leaf(1).Signature = slices.Clone(f.leaf(1).Signature)
	})
	g := newGroupOf(t, newSuite(t, 1), 8) // no parents, hence no parent hashes that would tell
	g.commit(change{sender: 1, updates: []framing.LeafIndex{3, 4}, noPath: true})
	f := g.forge()
	f.ref.nodes[6], f.ref.nodes[8] = f.ref.nodes[8], f.ref.nodes[6]
	require.Equal(t, framing.LeafIndex(3), requireRule(t, "V-TREE-15", f.imports()).Leaf)
}

// TestManyBadSignatures: signatures are verified some thousands at a time, and none of them goes unseen.
func TestManyBadSignatures(t *testing.T) {
	f, err := treekemtest.Build(treekemtest.Params{Suite: newSuite(t, 1), Members: 2*4096 + 1, Shape: treekemtest.Fresh, GroupID: []byte("g")})
	require.NoError(t, err)
	require.NoError(t, f.Tree.VerifyLeafSignatures([]byte("g")))
	for _, i := range []framing.LeafIndex{8192, 3} { // in the last batch, and in one with good ones after it
		nodes := nodesOf(t, f.RatchetTree)
		nodes[2*i].LeafNode.Signature[3] ^= 1
		tree, err := treekem.Decode(newSuite(t, 1), mustMarshal(framing.RatchetTree{}.With(nodes)))
		require.NoError(t, err)
		require.Equal(t, i, requireRule(t, "V-TREE-15", tree.VerifyLeafSignatures([]byte("g"))).Leaf)
	}
}
