package mls_test

import (
	"slices"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// grove returns a group of eight, a to h, whose tree has everything: a's path at nodes 1 and 3, with a stale parent
// hash at 3, e's path at nodes 9, 11 and 7, and h as an unmerged leaf below 11 and 7.
func (a *attempt) grove() []*mlstest.Member {
	all := newCast(a.T, "a", "b", "c", "d", "e", "f", "g")
	all[0].Commit(mls.CommitParams{ForcePath: true}, all[1:]...)
	all[4].Commit(mls.CommitParams{ForcePath: true}, append(all[5:], all[:4]...)...)
	h := newMember(a.T, "h")
	commit := all[0].Welcome(h)
	mlstest.Tell(commit, all[1:]...)
	return append(all, h)
}

// treeBreach damages the tree of a grove. The tree hash is made to fit afterwards.
type treeBreach struct {
	id, name string
	leaf     framing.LeafIndex // that the error has to name, or nobody
	change   func(a *attempt, tree *mlstest.Tree, all []*mlstest.Member)
}

// resign changes a member's leaf and signs it in the member's name.
func resign(i framing.LeafIndex, change func(*framing.LeafNode, *mlstest.Tree)) func(*attempt, *mlstest.Tree, []*mlstest.Member) {
	return func(a *attempt, tree *mlstest.Tree, all []*mlstest.Member) {
		leaf := tree.Leaf(i)
		change(leaf, tree)
		mlstest.SignLeaf(a, tree.Suite, all[i].Signer, leaf, []byte("group"), i)
	}
}

// unmerged sets the unmerged leaves of a node.
func unmerged(x int, list ...framing.LeafIndex) func(*attempt, *mlstest.Tree, []*mlstest.Member) {
	return func(_ *attempt, tree *mlstest.Tree, _ []*mlstest.Member) {
		tree.Nodes[x].ParentNode.UnmergedLeaves = list
	}
}

func treeBreaches() []treeBreach {
	const nobody = framing.NoLeaf
	fresh := func(a *attempt, tree *mlstest.Tree) []byte {
		pair := must(tree.Suite.GenerateKeyPair(mlstest.Rand("fresh")))
		return pair.Public
	}
	return []treeBreach{
		{"V-TREE-04", "a foreign key on the left", nobody, func(a *attempt, tree *mlstest.Tree, _ []*mlstest.Member) {
			tree.Nodes[1].ParentNode.EncryptionKey = fresh(a, tree)
		}},
		{"V-TREE-04", "a foreign key on the right", nobody, func(a *attempt, tree *mlstest.Tree, _ []*mlstest.Member) {
			tree.Nodes[9].ParentNode.EncryptionKey = fresh(a, tree)
		}},
		{"V-TREE-04", "a foreign key at the root", nobody, func(a *attempt, tree *mlstest.Tree, _ []*mlstest.Member) {
			tree.Nodes[7].ParentNode.EncryptionKey = fresh(a, tree)
		}},
		{"V-TREE-04", "a foreign parent", nobody, func(a *attempt, tree *mlstest.Tree, _ []*mlstest.Member) {
			tree.Nodes[5] = &framing.Node{ParentNode: &framing.ParentNode{EncryptionKey: fresh(a, tree), ParentHash: make([]byte, 32)}}
		}},
		{"V-TREE-06", "an unmerged leaf dropped", nobody, unmerged(7)},
		{"V-TREE-06", "the committer itself unmerged", 0, unmerged(1, 0)},
		{"V-TREE-06", "two nodes of one side with the same parent hash", nobody, func(a *attempt, tree *mlstest.Tree, all []*mlstest.Member) {
			tree.Nodes[7].ParentNode.UnmergedLeaves = nil
			resign(7, func(l *framing.LeafNode, tree *mlstest.Tree) {
				l.LeafNodeSource, l.ParentHash = framing.LeafNodeSourceCommit, tree.Nodes[11].ParentNode.ParentHash
				l.Lifetime = framing.Lifetime{}
			})(a, tree, all)
		}},
		{"V-TREE-08", "in a leaf", 4, resign(4, func(l *framing.LeafNode, _ *mlstest.Tree) { l.ParentHash = nil })},
		{"V-TREE-08", "in a parent", nobody, func(_ *attempt, tree *mlstest.Tree, _ []*mlstest.Member) { tree.Nodes[11].ParentNode.ParentHash = nil }},
		{"V-TREE-10", "swapped", 6, unmerged(7, 7, 6)},
		{"V-TREE-10", "repeated", 7, unmerged(7, 7, 7)},
		{"V-TREE-11", "of another subtree", 7, unmerged(3, 7)},
		{"V-TREE-11", "of the next subtree", 4, unmerged(3, 4)},
		{"V-TREE-11", "of a subtree before it", 3, unmerged(11, 3, 6)},
		{"V-TREE-11", "outside the tree", 8, unmerged(7, 7, 8)},
		{"V-TREE-11", "the largest index", 1<<32 - 1, unmerged(7, 7, 1<<32-1)},
		{"V-TREE-11", "a blank leaf", 5, func(_ *attempt, tree *mlstest.Tree, _ []*mlstest.Member) {
			tree.SetLeaf(5, nil)
			tree.Nodes[9].ParentNode.UnmergedLeaves = []framing.LeafIndex{5}
		}},
		{"V-TREE-12", "", 7, unmerged(11)},
		{"V-TREE-13", "two parents", nobody, func(_ *attempt, tree *mlstest.Tree, _ []*mlstest.Member) {
			tree.Nodes[1].ParentNode.EncryptionKey = tree.Nodes[9].ParentNode.EncryptionKey
		}},
		{"V-TREE-13", "a leaf and a parent", 6, func(_ *attempt, tree *mlstest.Tree, _ []*mlstest.Member) {
			tree.Nodes[1].ParentNode.EncryptionKey = tree.Leaf(6).EncryptionKey
		}},
		{"V-TREE-14", "encryption key", 3, resign(2, func(l *framing.LeafNode, tree *mlstest.Tree) { l.EncryptionKey = tree.Leaf(3).EncryptionKey })},
		{"V-TREE-14", "signature key", 3, resign(2, func(l *framing.LeafNode, tree *mlstest.Tree) { l.SignatureKey = tree.Leaf(3).SignatureKey })},
		{"V-TREE-15", "a bit", 7, func(_ *attempt, tree *mlstest.Tree, _ []*mlstest.Member) { tree.Leaf(7).Signature[3] ^= 1 }},
		{"V-TREE-15", "for another leaf", 4, func(a *attempt, tree *mlstest.Tree, all []*mlstest.Member) {
			mlstest.SignLeaf(a, tree.Suite, all[4].Signer, tree.Leaf(4), []byte("group"), 5)
		}},
		{"V-TREE-15", "for another group", 4, func(a *attempt, tree *mlstest.Tree, all []*mlstest.Member) {
			mlstest.SignLeaf(a, tree.Suite, all[4].Signer, tree.Leaf(4), []byte("another"), 4)
		}},
		{"V-TREE-16", "a credential type that others lack", 2, resign(2, func(l *framing.LeafNode, _ *mlstest.Tree) {
			l.Credential = framing.X509Credential([]byte("certificate"))
			l.Capabilities.Credentials = []framing.CredentialType{framing.CredentialTypeX509, framing.CredentialTypeBasic}
		})},
		{"V-TREE-16", "cipher suite", 2, resign(2, func(l *framing.LeafNode, _ *mlstest.Tree) { l.Capabilities.CipherSuites = nil })},
	}
}

// treeRules returns the tests of area (d). Each breach is served in a GroupInfo and in a Welcome, by an insider.
func treeRules() []ruleTest {
	var out []ruleTest
	for _, b := range treeBreaches() {
		out = append(out,
			ruleTest{b.id, "tree", b.name, b.served},
			ruleTest{"V-EJ-03", "groupinfo", b.id + " " + b.name, b.served},
			ruleTest{"V-WEL-16", "welcome", b.id + " " + b.name, b.welcomed})
	}
	return append(out, []ruleTest{
		{"V-TREE-01", "tree", "", func(a *attempt) {
			in := a.grove()[1].Insider()
			for _, nodes := range [][]*framing.Node{
				nil, {nil}, {nil, nil, nil}, append(slices.Clone(in.Tree.Nodes), nil), append(slices.Clone(in.Tree.Nodes), nil, nil),
			} {
				a.refusesTreeData(in, mlstest.Marshal(a, framing.RatchetTree{}.With(nodes)))
			}
		}},
		{"V-TREE-02", "tree", "", func(a *attempt) {
			in := a.grove()[1].Insider()
			damage := func(change func(n []*framing.Node) []*framing.Node) {
				nodes := change(slices.Clone(in.Tree.Nodes))
				a.refusesTreeData(in, mlstest.Marshal(a, framing.RatchetTree{}.With(nodes)))
			}
			damage(func(n []*framing.Node) []*framing.Node { n[4] = n[3]; return n })
			damage(func(n []*framing.Node) []*framing.Node { n[5] = n[4]; return n })
			damage(func(n []*framing.Node) []*framing.Node { return n[:12] })
		}},
		{"V-TREE-03", "tree", "served elsewhere", func(a *attempt) {
			all := a.grove()
			old := all[1].Group.Tree().Export()
			all[1].Commit(mls.CommitParams{ForcePath: true})
			without := must(all[1].Group.GroupInfo(mls.GroupInfoParams{ExternalPub: true, OmitTree: true}, all[1].Signer))
			a.refusesObserving(mlstest.NewParty(a, testSuite, "joiner"), without, old, all[1].Info())
		}},
		{"V-TREE-03", "groupinfo", "", func(a *attempt) {
			in := a.grove()[1].Insider()
			genuine := in.GroupInfo(a, nil)
			in.Tree.Leaf(3).Signature[0] ^= 1
			a.refusesObserving(mlstest.NewParty(a, testSuite, "joiner"), in.GroupInfo(a, nil), nil, genuine)
		}},
		{"V-TREE-03", "welcome", "", func(a *attempt) {
			in, w := a.grove()[1].Insider(), a.newWelcomed()
			a.refusesJoin(w.by(in, func(d *mlstest.Draft) {
				d.OnContext = func(c *framing.GroupContext) { c.TreeHash = make([]byte, 32) }
			}), w.by(in, nil))
		}},
		{"V-TREE-03", "welcome", "served elsewhere", func(a *attempt) {
			in, w := a.grove()[1].Insider(), a.newWelcomed()
			var made *mlstest.Made
			bare := w.by(in, func(d *mlstest.Draft) {
				d.OnGroupInfo = func(i *framing.GroupInfo) { i.Extensions = nil }
				made = in.Commit(a, func(same *mlstest.Draft) { same.Proposals = d.Proposals })
			})
			bad, genuine := bare, bare
			bad.RatchetTree, genuine.RatchetTree = in.Tree.Export(a), made.Next.Tree.Export(a)
			a.refusesJoin(bad, genuine)
		}},
		{"V-TREE-16", "tree", "a required capability", func(a *attempt) {
			in := a.grove()[1].Insider()
			genuine := in.GroupInfo(a, nil)
			for _, required := range []framing.RequiredCapabilities{{ExtensionTypes: []framing.ExtensionType{0xff77}},
				{ProposalTypes: []framing.ProposalType{0xff77}}, {CredentialTypes: []framing.CredentialType{0xff77}}} {
				in.Context.Extensions = framing.Extensions{extension(a.T, &required)}
				a.refusesObserving(mlstest.NewParty(a, testSuite, "joiner"), in.GroupInfo(a, nil), nil, genuine)
				a.names(0)
			}
		}},
		{"V-TREE-15", "tree", "two leaves swapped", func(a *attempt) {
			all := newCast(a.T, "a", "b", "c") // a tree without parents, hence without parent hashes that would tell
			in := all[0].Insider()
			for i := range framing.LeafIndex(2) {
				*in.Tree.Leaf(i + 1) = all[i+1].Insider().UpdateLeaf(a, all[i+1].Name, nil).LeafNode
			}
			in.Context.TreeHash = in.Tree.Hash()
			genuine := in.GroupInfo(a, nil)
			in.Tree.Nodes[2], in.Tree.Nodes[4] = in.Tree.Nodes[4], in.Tree.Nodes[2]
			in.Context.TreeHash = in.Tree.Hash()
			a.refusesObserving(mlstest.NewParty(a, testSuite, "joiner"), in.GroupInfo(a, nil), nil, genuine)
			a.names(1)
		}},
		{"V-TREE-09", "tree", "", func(a *attempt) {
			all := a.grove()
			stale := all[1].Insider().Tree.Nodes[3].ParentNode.ParentHash
			_, err := mls.Observe(mls.ObserveParams{GroupInfo: all[1].Info(), Now: mlstest.Now()})
			a.holds(err == nil && len(stale) > 0, "%v", err)
		}},
	}...)
}

// served puts the breach into a GroupInfo.
func (b treeBreach) served(a *attempt) {
	all := a.grove()
	in := all[1].Insider()
	genuine := in.GroupInfo(a, nil)
	b.change(a, in.Tree, all)
	in.Context.TreeHash = in.Tree.Hash()
	a.refusesObserving(mlstest.NewParty(a, testSuite, "joiner"), in.GroupInfo(a, nil), nil, genuine)
	a.names(b.leaf)
}

// welcomed puts the breach into the tree of a Welcome.
func (b treeBreach) welcomed(a *attempt) {
	all := a.grove()
	in, w := all[1].Insider(), a.newWelcomed()
	genuine := w.by(in, nil)
	a.refusesJoin(w.by(in, func(d *mlstest.Draft) {
		d.NoPath = true
		d.OnFinal = func(tree *mlstest.Tree) { b.change(a, tree, all) }
	}), genuine)
	a.names(b.leaf)
}

// refusesTreeData serves the data of a ratchet_tree extension.
func (a *attempt) refusesTreeData(in *mlstest.Insider, data []byte) {
	a.Helper()
	a.refusesObserving(mlstest.NewParty(a, testSuite, "joiner"), in.GroupInfo(a, func(info *framing.GroupInfo) {
		info.Extensions[0].Data = data
	}), nil, in.GroupInfo(a, nil))
}
