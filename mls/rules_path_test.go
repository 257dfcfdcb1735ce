package mls_test

// RFC 9420, Sections 7.4 to 7.6: what only the receivers of a path can see, each at its place in the tree.

import (
	"bytes"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// glade returns a grove without its member at leaf 2, which comes back in its place nil. All nodes above leaf 0 have keys.
func (a *attempt) glade() []*mlstest.Member {
	all := a.grove()
	others := slices.Concat(all[1:2], all[3:])
	all[0].Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 2}}}, others...)
	all[2] = nil
	return all
}

// badPath is a way to make the path of a commit that the member at leaf receiver of a glade has to refuse. The committer
// is at leaf 1, or a newcomer for leaf 2: either way, the path has the three nodes below, of which the last is the root.
type badPath struct {
	id, name string
	receiver framing.LeafIndex
	change   func(a *attempt, p *pathDraft)
	entries  []string // path, external
}

// pathDraft is a commit in the making, with what goes into the encryption of its path.
type pathDraft struct {
	*mlstest.Draft
	in      *mlstest.Insider
	context *framing.GroupContext // set when the path is about to be encrypted
	tree    *mlstest.Tree         // set when the proposals are applied
}

func (b badPath) rules() []ruleTest {
	return atEntries(b.id, b.name, b.entries, func(a *attempt, entry string) {
		all := a.glade()
		receiver := all[b.receiver].Group
		draft := func(in *mlstest.Insider) func(*mlstest.Draft) {
			return func(d *mlstest.Draft) {
				p := &pathDraft{Draft: d, in: in}
				d.OnTree = func(tree *mlstest.Tree) { p.tree = tree }
				d.OnContext = func(c *framing.GroupContext) { p.context = c }
				b.change(a, p)
			}
		}
		if entry == "external" {
			i := a.intrude("joiner", all[0].Info())
			a.refusesMessage(receiver, i.commit(a, draft(i.Insider)), i.commit(a, nil))
			a.names(2)
			return
		}
		in := all[1].Insider()
		genuine := in.Commit(a, func(d *mlstest.Draft) { d.Welcome = false }).Commit
		a.refusesMessage(receiver, in.Commit(a, draft(in)).Commit, genuine)
		a.names(1)
	})
}

// under encrypts the path under another group context than everything else goes by.
func under(change func(in *mlstest.Insider, c *framing.GroupContext)) func(*attempt, *pathDraft) {
	return func(_ *attempt, p *pathDraft) {
		var right framing.GroupContext
		var at *framing.GroupContext
		p.OnContext = func(c *framing.GroupContext) {
			at, right = c, *c
			change(p.in, c)
		}
		p.OnPath = func(*framing.UpdatePath) { *at = right }
	}
}

// sealed puts another path secret into the ciphertext for one node, which can decrypt it.
func sealed(step, place int, node uint32, secret []byte) func(*attempt, *pathDraft) {
	return func(a *attempt, p *pathDraft) {
		p.OnPath = func(path *framing.UpdatePath) {
			path.Nodes[step].EncryptedPathSecret[place] = p.seal(a, p.tree.Nodes[node], secret)
		}
	}
}

// seal encrypts a path secret to a node.
func (p *pathDraft) seal(a *attempt, to *framing.Node, secret []byte) ciphersuite.HPKECiphertext {
	key := ciphersuite.HPKEPublicKey(nil)
	if to.LeafNode != nil {
		key = to.LeafNode.EncryptionKey
	} else {
		key = to.ParentNode.EncryptionKey
	}
	ct := must(p.in.Suite.EncryptWithLabel(mlstest.Rand("sealed"), "UpdatePathNode", mlstest.Marshal(a, p.context),
		ciphersuite.Recipient{PublicKey: key, Plaintext: ciphersuite.NewSecret(secret)}))
	return ct
}

// keyed gives the k-th key of the path (the leaf's is the first) another public key.
func keyed(k int, key func(in *mlstest.Insider) ciphersuite.HPKEPublicKey) func(*attempt, *pathDraft) {
	return func(_ *attempt, p *pathDraft) {
		p.OnKeys = func(pairs []ciphersuite.KeyPair) { pairs[k].Public = key(p.in) }
	}
}

// welcoming adds somebody to whom the path is encrypted as well: at leaf 2, which the second node of the path covers.
func welcoming(place func(list []ciphersuite.HPKECiphertext, newcomers ciphersuite.HPKECiphertext) []ciphersuite.HPKECiphertext) func(*attempt, *pathDraft) {
	return func(a *attempt, p *pathDraft) {
		p.Proposals, p.Welcome = p.in.ByValue(newMember(a.T, "x").Add()), false
		p.OnPath = func(path *framing.UpdatePath) {
			n := &path.Nodes[1]
			n.EncryptedPathSecret = place(n.EncryptedPathSecret, p.seal(a, p.tree.Nodes[4], make([]byte, 32)))
		}
	}
}

func badPaths() []badPath {
	both, path := []string{"path", "external"}, []string{"path"}
	type list = []ciphersuite.HPKECiphertext
	contexts := []struct {
		name   string
		change func(in *mlstest.Insider, c *framing.GroupContext)
	}{
		{"the present context", func(in *mlstest.Insider, c *framing.GroupContext) { *c = in.Context }},
		{"the present epoch", func(in *mlstest.Insider, c *framing.GroupContext) { c.Epoch-- }},
		{"the present tree hash", func(in *mlstest.Insider, c *framing.GroupContext) { c.TreeHash = in.Context.TreeHash }},
		{"other extensions", func(_ *mlstest.Insider, c *framing.GroupContext) { c.Extensions = framing.Extensions{{Type: strange}} }},
		{"a later transcript", func(_ *mlstest.Insider, c *framing.GroupContext) { c.ConfirmedTranscriptHash = make([]byte, 32) }},
	}
	out := []badPath{
		{"V-CM-04", "a newcomer's at the end", 3, welcoming(func(l list, x ciphersuite.HPKECiphertext) list { return append(l, x) }), path},
		{"V-CM-04", "a newcomer's in front", 3, welcoming(func(l list, x ciphersuite.HPKECiphertext) list { return append(list{x}, l...) }), path},
		{"V-CM-06", "another key at the root, seen from its left", 0, keyed(3, freshKey), both},
		{"V-CM-06", "another key at the root, seen from its right", 6, keyed(3, freshKey), both},
		{"V-CM-06", "another key where the receiver comes in", 3, keyed(2, freshKey), path},
		{"V-CM-06", "a chain that breaks", 7, sealed(2, 1, 14, make([]byte, 32)), both},
		{"V-CM-09", "the old key of a node in its place", 0, keyed(2, func(in *mlstest.Insider) ciphersuite.HPKEPublicKey { return in.Tree.Key(3) }), both},
		{"V-CM-09", "the old key of a node in the leaf", 0, keyed(0, func(in *mlstest.Insider) ciphersuite.HPKEPublicKey { return in.Tree.Key(7) }), both},
		{"V-CM-09", "the old key of the leaf in a node", 0, keyed(1, func(in *mlstest.Insider) ciphersuite.HPKEPublicKey { return in.Tree.Key(2) }), both},
		{"V-CM-20", "a secret too short", 7, sealed(2, 1, 14, make([]byte, 31)), both},
		{"V-CM-20", "a secret too long", 7, sealed(2, 1, 14, make([]byte, 33)), both},
		{"V-CM-20", "an empty secret", 7, sealed(2, 1, 14, nil), both},
		{"V-CM-20", "encrypted to another", 7, sealed(2, 1, 11, make([]byte, 32)), both},
	}
	for _, c := range contexts {
		out = append(out, badPath{"V-CM-05", c.name, 0, under(c.change), both}, badPath{"V-CM-05", c.name + ", seen from the right", 6, under(c.change), both})
	}
	return out
}

// forged follows a commit of the member at leaf 0 over a tree that no commits lead to: it has a parent with this member
// alone merged below. What becomes of the tree is compared with a tree of its own.
func (a *attempt) forged(in *mlstest.Insider, x uint32, sibling []byte, unmerged []framing.LeafIndex, add *framing.Add) {
	parent := &framing.ParentNode{EncryptionKey: freshKey(in), UnmergedLeaves: unmerged}
	in.Tree.Nodes[x] = &framing.Node{ParentNode: parent}
	leaf := in.Tree.Leaf(0)
	leaf.LeafNodeSource, leaf.Lifetime = framing.LeafNodeSourceCommit, framing.Lifetime{}
	leaf.ParentHash = treekemtest.ParentHash(in.Suite, &framing.ParentNode{EncryptionKey: parent.EncryptionKey}, sibling)
	mlstest.SignLeaf(a, in.Suite, in.Signer, leaf, in.Context.GroupID, 0)
	in.Context.TreeHash = in.Tree.Hash()
	seen := must(mls.Observe(mls.ObserveParams{GroupInfo: in.GroupInfo(a, nil), Now: mlstest.Now()}))
	made := in.Commit(a, func(d *mlstest.Draft) {
		if add != nil {
			d.Proposals, d.NoPath, d.Welcome = in.ByValue(add), true, false
		}
	})
	s := must(seen.Next.Handle(input(made.Commit)))
	a.holds(bytes.Equal(made.Next.Tree.Export(a), s.Next.Tree().Export()), "another tree")
}

// pathRules returns the tests of area (h) about the path, beside badCommits.
func pathRules() []ruleTest {
	var out []ruleTest
	for _, b := range badPaths() {
		out = append(out, b.rules()...)
	}
	for _, b := range append(leafBreaches(), certificateBreaches()...) {
		if slices.Contains(b.entries, "path") {
			out = append(out, ruleTest{"V-CM-07", "path", b.id + " " + b.name, func(a *attempt) { b.at(a, "path") }})
			if b.id == "V-KP-06" { // a member has no way to give itself a bad key
				continue
			}
			out = append(out, ruleTest{"V-CM-07", "send", b.id + " " + b.name, func(a *attempt) {
				alice, _, _, _, _ := a.demanding()
				update, _ := b.ownUpdate(alice)
				a.refusesCommitting(alice, mls.CommitParams{Leaf: update})
				breaks(a.T, b.id, a.err)
			}})
		}
	}
	return append(out, []ruleTest{
		{"V-CM-04", "path", "what a member sends", func(a *attempt) {
			all := a.glade()
			message := all[1].Take(all[1].Group.Commit(mls.CommitParams{ForcePath: true, Now: mlstest.Now(),
				Proposals: []framing.Proposal{newMember(a.T, "x").Add(), newMember(a.T, "y").Add()}}, all[1].Signer)).Send[0].Message
			var counts []int
			for _, n := range mlstest.Parse[*framing.PublicMessage](a, message).Content.Commit.Path.Nodes {
				counts = append(counts, len(n.EncryptedPathSecret))
			}
			// Leaf 0; leaf 3 without x at leaf 2; the parent of the right half and h, who is unmerged there. The tree has
			// grown for y, who is alone in the other half and gets nothing.
			a.holds(slices.Equal(counts, []int{1, 1, 2, 0}), "%v", counts)
			mlstest.Tell(message, all[0], all[3], all[7])
		}},
		{"V-CM-07", "path", "the commit's own extensions", func(a *attempt) {
			alice, bob, _, _, _ := a.demanding()
			in := bob.Insider()
			draft := func(leaf func(*framing.LeafNode)) []byte { // the extension type comes into use by this commit
				return in.Commit(a, func(d *mlstest.Draft) {
					d.Proposals = in.ByValue(&framing.GroupContextExtensions{Extensions: framing.Extensions{{Type: wantedExtension}}})
					d.OnLeaf = leaf
				}).Commit
			}
			a.refusesMessage(alice.Group, draft(func(l *framing.LeafNode) {
				l.Capabilities.Extensions = without(l.Capabilities.Extensions, wantedExtension)
			}), draft(nil))
		}},
		{"V-CM-11", "commit", "a parent above one side only, as a tree may bring it", func(a *attempt) {
			alice, _, _ := a.trio()
			in := alice.Insider()
			in.Tree.Nodes[2] = nil // nobody is beside alice
			a.forged(in, 1, in.Tree.HashOf(2), nil, nil)
		}},
		{"V-PL-11", "commit", "left of who is unmerged, as a tree may bring it", func(a *attempt) {
			alice, _, _ := a.trio()
			in := alice.Insider()
			in.Tree.Nodes[2] = nil
			merged := in.Tree.Clone()
			merged.Nodes[4] = nil // carol
			a.forged(in, 3, merged.HashOf(5), []framing.LeafIndex{2}, newMember(a.T, "dave").Add())
		}},
		{"V-CM-11", "commit", "against an independent tree", func(a *attempt) {
			all := a.glade()
			in := all[6].Insider()
			require.NotEmpty(a, in.Tree.Parent(11).UnmergedLeaves)
			made := in.Commit(a, func(d *mlstest.Draft) { // the left half of the right half goes
				d.Proposals = in.ByValue(&framing.Remove{Removed: 4}, &framing.Remove{Removed: 5})
			})
			mlstest.Tell(made.Commit, all[0], all[1], all[3], all[7])
			for _, p := range []*mlstest.Member{all[0], all[7]} {
				tree := p.Insider().Tree
				a.holds(tree.Parent(11) == nil, "node 11 dropped out of the filtered path and is not blank")
				require.Empty(a, tree.Parent(13).UnmergedLeaves)
				require.Empty(a, tree.Parent(7).UnmergedLeaves)
				require.Equal(a, made.Next.Tree.Export(a), tree.Export(a))
				require.Equal(a, made.Next.Tree.Hash(), p.Group.Tree().Hash())
			}
		}},
		{"V-CM-12", "commit", "against an independent tree", func(a *attempt) {
			all := a.glade()
			in := all[1].Insider()
			var list []framing.Proposal
			for i := range framing.LeafIndex(5) { // from 8 leaves to 2, over two halvings, then to 4 for three newcomers
				list = append(list, &framing.Remove{Removed: 3 + i})
			}
			for _, name := range []string{"x", "y"} {
				list = append(list, newMember(a.T, name).Add())
			}
			for _, n := range []int{5, 6, 7} {
				made := in.Commit(a, func(d *mlstest.Draft) { d.Proposals, d.Welcome = in.ByValue(list[:n]...), false })
				s := must(all[0].Group.Handle(input(made.Commit)))
				want := map[int]uint32{5: 2, 6: 4, 7: 4}[n]
				a.holds(s.Next.Tree().Width() == want, "%d leaves, not %d", s.Next.Tree().Width(), want)
				require.Equal(a, made.Next.Tree.Export(a), s.Next.Tree().Export())
			}
		}},
		{"V-CM-12", "commit", "growing twice", func(a *attempt) {
			alice, in := a.insider()
			var list []framing.Proposal
			for _, name := range []string{"d", "e", "f", "g", "h", "i"} {
				list = append(list, newMember(a.T, name).Add())
			}
			made := in.Commit(a, func(d *mlstest.Draft) { d.Proposals, d.Welcome = in.ByValue(list...), false })
			alice.Hear(made.Commit)
			a.holds(alice.Group.Tree().Width() == 16, "%d leaves", alice.Group.Tree().Width())
			require.Equal(a, made.Next.Tree.Export(a), alice.Group.Tree().Export())
		}},
		{"V-CM-20", "path", "one subtree only", func(a *attempt) {
			all := a.glade()
			in := all[1].Insider()
			bad := in.Commit(a, func(d *mlstest.Draft) {
				d.OnPath = func(p *framing.UpdatePath) { p.Nodes[2].EncryptedPathSecret[0].Ciphertext[3] ^= 1 }
			}).Commit
			genuine := in.Commit(a, nil).Commit
			for _, i := range []int{4, 5, 6} { // they share the node that it is encrypted to
				a.refusesMessage(all[i].Group, bad, genuine)
			}
			mlstest.Tell(bad, all[0], all[3], all[7])
			mlstest.Agree(all[0], all[3], all[7])
			// Who was left behind comes back by itself.
			leaf := all[4].Group.OwnLeaf()
			all[4].JoinExternal(mls.JoinExternalParams{Resync: &leaf}, all[0], all[3], all[7])
			mlstest.Agree(all[0], all[3], all[4], all[7])
		}},
	}...)
}
