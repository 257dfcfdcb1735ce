package vectors

import (
	"maps"
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// grove is a tree with the private keys of all members.
type grove struct {
	*maker
	groupID []byte
	tree    *treekem.Tree
	signers map[framing.LeafIndex]signer
	keys    map[framing.LeafIndex]ciphersuite.KeyPair
	secrets map[treekem.NodeIndex]hexBytes // the path secret that each parent was last set by
	clients int
}

// grove makes the tree that the working group calls get_tree(n): the member at each leaf adds the one at the next by a
// commit with a path.
func (m *maker) grove(members int) *grove {
	g := &grove{maker: m, groupID: m.bytes(16), signers: map[framing.LeafIndex]signer{},
		keys: map[framing.LeafIndex]ciphersuite.KeyPair{}, secrets: map[treekem.NodeIndex]hexBytes{}}
	k := g.client()
	g.tree = must(treekem.New(m.suite, &k.LeafNode))
	g.seat(0, k)
	for i := range members - 1 {
		g.commit(framing.LeafIndex(i), step{add: 1, path: true})
	}
	return g
}

func (g *grove) client() keyPackage {
	g.clients++
	return g.keyPackage(g.clients - 1)
}

// seat notes the keys of a new member.
func (g *grove) seat(i framing.LeafIndex, k keyPackage) {
	g.signers[i], g.keys[i] = k.signer, k.encrypt
}

// step is what one commit does.
type step struct {
	remove []framing.LeafIndex
	add    int
	path   bool
}

// commit changes the tree by a commit of the member at leaf sender.
func (g *grove) commit(sender framing.LeafIndex, s step) {
	edit := g.tree.Edit()
	for _, i := range s.remove {
		check(edit.Remove(i))
		delete(g.signers, i)
		delete(g.keys, i)
	}
	for range s.add {
		k := g.client()
		g.seat(must(edit.Add(&k.LeafNode)), k)
	}
	if !s.path {
		g.tree = must(edit.Tree())
		return
	}
	path := g.newPath(edit, sender)
	g.tree = must(edit.Tree())
	maps.Copy(g.secrets, pathSecrets(g.tree, sender, path))
	for _, pair := range path.PrivatePath().Keys() {
		g.keys[sender] = pair
		break // the first is the leaf's
	}
}

// newPath sets a path in edit.
func (g *grove) newPath(edit *treekem.Edit, sender framing.LeafIndex) *treekem.Path {
	leaf, _ := g.tree.Leaf(sender)
	return must(edit.NewPath(treekem.PathParams{
		Rand: g.rand, Sender: sender, GroupID: g.groupID, Signer: g.signers[sender], Leaf: *leaf}))
}

// pathSecrets returns the path secrets of each node of a path: every such node has a member below it on the other side,
// whose lowest node in common with the sender it is.
func pathSecrets(tree *treekem.Tree, sender framing.LeafIndex, path *treekem.Path) map[treekem.NodeIndex]hexBytes {
	out := map[treekem.NodeIndex]hexBytes{}
	for i := range tree.Leaves() {
		if secret, ok := path.PathSecret(i); ok && i != sender {
			out[treekem.CommonAncestor(sender, i)] = reveal(secret)
		}
	}
	return out
}

// shape makes a tree of some form.
type shape func(*maker) *grove

// fullTrees returns the shapes that get_tree gives.
func fullTrees(sizes ...int) []shape {
	var list []shape
	for _, n := range sizes {
		list = append(list, func(m *maker) *grove { return m.grove(n) })
	}
	return list
}

// oddTrees returns the shapes with blank nodes and unmerged leaves that the format of tree validation describes.
func oddTrees() []shape {
	return []shape{
		func(m *maker) *grove { // internal blanks
			g := m.grove(8)
			g.commit(0, step{remove: []framing.LeafIndex{2, 3}, add: 1, path: true})
			return g
		},
		func(m *maker) *grove { // blanks that the links of parent hashes skip
			g := m.grove(8)
			g.commit(0, step{remove: []framing.LeafIndex{1, 2, 3}, path: true})
			return g
		},
		func(m *maker) *grove { // an unmerged leaf
			g := m.grove(7)
			g.commit(0, step{add: 1})
			return g
		},
		func(m *maker) *grove { // the tree of RFC 9420, Appendix A, with an unmerged leaf where the links skip
			g := m.grove(1)
			g.commit(0, step{add: 6, path: true})
			g.commit(0, step{remove: []framing.LeafIndex{5}, path: true})
			g.commit(4, step{path: true})
			g.commit(0, step{add: 1})
			return g
		},
	}
}

// ofShapes returns a plan with a case for each shape.
func ofShapes[T any](make func(*grove) *T, shapes []shape) []func(*maker) *T {
	var list []func(*maker) *T
	for _, grow := range shapes {
		list = append(list, func(m *maker) *T { return make(grow(m)) })
	}
	return list
}

func planTreeValidation(e extent) []func(*maker) *treeValidation {
	sizes := []int{2, 3, 4, 5, 6, 7, 8, 9, 32, 33, 34}
	if e.small {
		sizes = []int{2, 5}
	}
	return ofShapes(makeTreeValidation, append(fullTrees(sizes...), oddTrees()...))
}

func makeTreeValidation(g *grove) *treeValidation {
	c := &treeValidation{suited: g.suited(), Tree: g.tree.Export(), GroupID: g.groupID}
	for x := range treekem.NodeIndex(treekem.NodeCount(g.tree.Width())) {
		nodes := []uint32{}
		for _, y := range g.tree.Resolution(x) {
			nodes = append(nodes, uint32(y))
		}
		c.Resolutions = append(c.Resolutions, nodes)
		c.TreeHashes = append(c.TreeHashes, slices.Clone(g.tree.NodeHash(x)))
	}
	return c
}

func planTreeOperations(e extent) []func(*maker) *treeOperations {
	full := 8
	if e.small {
		full = 4
	}
	last := framing.LeafIndex(full) // alone in the right half of a tree that is twice as wide
	return []func(*maker) *treeOperations{
		func(m *maker) *treeOperations { return m.grove(full).add() },     // the tree doubles
		func(m *maker) *treeOperations { return m.grove(full - 1).add() }, // the last leaf
		func(m *maker) *treeOperations { // a blank leaf in the middle
			g := m.grove(full)
			g.commit(0, step{remove: []framing.LeafIndex{1}, path: true})
			return g.add()
		},
		func(m *maker) *treeOperations { return m.grove(full).update(framing.LeafIndex(m.number(full))) },
		func(m *maker) *treeOperations { return m.grove(full).remove(framing.LeafIndex(m.number(full - 1))) },
		func(m *maker) *treeOperations { return m.grove(full + 1).remove(last) }, // the tree is halved
	}
}

func (g *grove) add() *treeOperations {
	k := g.client()
	return g.apply(&framing.Add{KeyPackage: k.KeyPackage}, 0, func(e *treekem.Edit) error {
		_, err := e.Add(&k.LeafNode)
		return err
	})
}

func (g *grove) update(i framing.LeafIndex) *treeOperations {
	old, _ := g.tree.Leaf(i)
	leaf := *old
	leaf.EncryptionKey, leaf.LeafNodeSource = g.keyPair().Public, framing.LeafNodeSourceUpdate
	leaf.Lifetime, leaf.ParentHash = framing.Lifetime{}, nil
	check(leaf.Sign(g.signing(g.signers[i]), g.groupID, i))
	return g.apply(&framing.Update{LeafNode: leaf}, i, func(e *treekem.Edit) error { return e.Update(i, &leaf) })
}

func (g *grove) remove(i framing.LeafIndex) *treeOperations {
	return g.apply(&framing.Remove{Removed: i}, 0, func(e *treekem.Edit) error { return e.Remove(i) })
}

// apply makes a case of one proposal.
func (g *grove) apply(p framing.Proposal, sender framing.LeafIndex, change func(*treekem.Edit) error) *treeOperations {
	edit := g.tree.Edit()
	check(change(edit))
	after := must(edit.Tree())
	return &treeOperations{
		suited: g.suited(), TreeBefore: g.tree.Export(), Proposal: must(framing.Marshal(&framing.TaggedProposal{Proposal: p})), ProposalSender: uint32(sender),
		TreeHashBefore: slices.Clone(g.tree.Hash()), TreeAfter: after.Export(), TreeHashAfter: slices.Clone(after.Hash()),
	}
}

func planTreeKEM(e extent) []func(*maker) *treeKEM {
	shapes := append(fullTrees(2, 3, 4, 5, 6, 7, 8), oddTrees()...)
	if e.small {
		shapes = append(fullTrees(2, 3), func(m *maker) *grove { // a blank leaf and an unmerged one
			g := m.grove(5)
			g.commit(0, step{remove: []framing.LeafIndex{1, 3}, path: true})
			g.commit(2, step{add: 1})
			return g
		})
	}
	return ofShapes(makeTreeKEM, shapes)
}

func makeTreeKEM(g *grove) *treeKEM {
	c := &treeKEM{suited: g.suited(), GroupID: g.groupID, Epoch: g.wide(1 << 40), ConfirmedTranscriptHash: g.hash(),
		RatchetTree: g.tree.Export()}
	for i := range g.tree.Leaves() {
		c.LeavesPrivate = append(c.LeavesPrivate, g.private(i))
		c.UpdatePaths = append(c.UpdatePaths, g.updatePath(c, i))
	}
	return c
}

// private returns the private keys of the member at leaf i, and the path secrets above it, except where it is unmerged.
func (g *grove) private(i framing.LeafIndex) leafPrivate {
	p := leafPrivate{Index: uint32(i), EncryptionPriv: reveal(g.keys[i].Private), SignaturePriv: g.secretOf(g.signers[i]),
		PathSecrets: []nodeSecret{}}
	for x, ok := treekem.LeafNodeIndex(i), true; ok; x, ok = x.Parent(g.tree.Width()) {
		if node, present := g.tree.Parent(x); present && !slices.Contains(node.UnmergedLeaves, i) {
			p.PathSecrets = append(p.PathSecrets, nodeSecret{uint32(x), g.secrets[x]})
		}
	}
	return p
}

// updatePath returns what an empty commit of one member would hold, and what everybody would get out of it. The tree of
// the case stays as it is.
func (g *grove) updatePath(c *treeKEM, sender framing.LeafIndex) memberUpdate {
	edit := g.tree.Edit()
	path := g.newPath(edit, sender)
	after := must(edit.Tree())
	context := encoded(groupContext(g.suite, groupState{
		id: c.GroupID, epoch: c.Epoch, treeHash: after.Hash(), transcript: c.ConfirmedTranscriptHash}))
	u := memberUpdate{
		Sender: uint32(sender), UpdatePath: encoded(must(path.Seal(g.rand, after, context, nil))),
		CommitSecret: reveal(path.CommitSecret()), TreeHashAfter: slices.Clone(after.Hash()),
		PathSecrets: make([]optional[hexBytes], after.Width()),
	}
	for i := range after.Leaves() {
		if secret, ok := path.PathSecret(i); ok && i != sender {
			u.PathSecrets[i] = optional[hexBytes]{Value: reveal(secret), Present: true}
		}
	}
	return u
}
