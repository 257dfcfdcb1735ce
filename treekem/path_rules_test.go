package treekem_test

import (
	"crypto"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// apply lets a receiver merge the path of s.
func (g *group) apply(s *sent) (*treekem.Tree, error) {
	edit := g.propose(s)
	if err := edit.ApplyPath(s.applyParams()); err != nil {
		return nil, err
	}
	return edit.Tree()
}

// resign signs the leaf of a path by the key of the sender to be.
func (g *group) resign(s *sent) {
	params := framing.SignParams{Suite: g.suite, Signer: s.updated[s.sender].signer}
	require.NoError(g, s.update.LeafNode.Sign(params, g.id, s.sender))
}

// relink makes the parent hash of a path's leaf right for the keys that are now in the path, and encrypts the path
// secrets for the tree that results.
func (g *group) relink(s *sent) {
	f := g.forge()
	for k, i := range s.added {
		require.Equal(g, i, f.ref.add(s.clients[k].leaf))
	}
	keys := make([]ciphersuite.HPKEPublicKey, len(s.update.Nodes))
	for k, n := range s.update.Nodes {
		keys[k] = n.EncryptionKey
	}
	leaf := s.update.LeafNode
	f.ref.setPath(s.sender, &leaf, keys)
	s.update.LeafNode = leaf
	g.resign(s)
	f.ref.nodes[nodeAt(s.sender)].LeafNode = &s.update.LeafNode
	var err error
	if s.after, err = treekem.Decode(g.suite, f.ref.export()); err != nil {
		return // two nodes with one key: then ApplyPath is to say so
	}
	sealed, err := s.path.Seal(nil, s.after, mustMarshal(g.context(s.after)), s.added)
	require.NoError(g, err)
	for k := range sealed.Nodes {
		s.update.Nodes[k].EncryptedPathSecret = sealed.Nodes[k].EncryptedPathSecret
	}
}

func TestBadPaths(t *testing.T) {
	fresh := func(g *group) ciphersuite.HPKEPublicKey { return g.newClient().leaf.EncryptionKey }
	for _, bad := range []struct {
		name, rule string
		spoil      func(g *group, s *sent)
	}{
		{"a node too many", "V-CM-02", func(g *group, s *sent) {
			s.update.Nodes = append(s.update.Nodes, framing.UpdatePathNode{EncryptionKey: fresh(g)})
		}},
		{"a node too few", "V-CM-02", func(_ *group, s *sent) { s.update.Nodes = s.update.Nodes[:2] }},
		{"no nodes", "V-CM-02", func(_ *group, s *sent) { s.update.Nodes = nil }},
		{"a sender outside the tree", "V-CM-02", func(_ *group, s *sent) { s.sender = 16 }},
		{"a sender far outside the tree", "V-CM-02", func(_ *group, s *sent) { s.sender = 1<<32 - 1 }},
		{"a spare ciphertext", "V-CM-03", func(_ *group, s *sent) {
			n := &s.update.Nodes[1]
			n.EncryptedPathSecret = append(n.EncryptedPathSecret, n.EncryptedPathSecret[0])
		}},
		{"a ciphertext missing", "V-CM-03", func(_ *group, s *sent) {
			n := &s.update.Nodes[2]
			n.EncryptedPathSecret = n.EncryptedPathSecret[:len(n.EncryptedPathSecret)-1]
		}},
		{"one here, none there", "V-CM-03", func(_ *group, s *sent) {
			s.update.Nodes[0].EncryptedPathSecret, s.update.Nodes[1].EncryptedPathSecret = nil,
				append(s.update.Nodes[1].EncryptedPathSecret, s.update.Nodes[0].EncryptedPathSecret...)
		}},
		{"a ciphertext for a newcomer", "V-CM-03", func(g *group, s *sent) {
			var err error
			s.update, err = s.path.Seal(nil, s.after, mustMarshal(g.context(s.after)), nil)
			require.NoError(g, err)
		}},
		{"the old leaf key", "V-CM-08", func(g *group, s *sent) { s.update.LeafNode.EncryptionKey = g.tree.EncryptionKey(2); g.relink(s) }},
		{"the key of another leaf", "V-CM-09", func(g *group, s *sent) { s.update.Nodes[1].EncryptionKey = g.tree.EncryptionKey(14); g.relink(s) }},
		{"the key of a newcomer", "V-CM-09", func(g *group, s *sent) {
			s.update.Nodes[1].EncryptionKey = s.clients[0].leaf.EncryptionKey
			g.relink(s)
		}},
		{"the key of an untouched parent", "V-CM-09", func(g *group, s *sent) { s.update.Nodes[0].EncryptionKey = g.tree.EncryptionKey(9); g.relink(s) }},
		{"the old key of a node of the path", "V-CM-09", func(g *group, s *sent) { s.update.Nodes[1].EncryptionKey = g.tree.EncryptionKey(3); g.relink(s) }},
		{"the old key of the leaf in the path", "V-CM-09", func(g *group, s *sent) { s.update.Nodes[0].EncryptionKey = g.tree.EncryptionKey(2); g.relink(s) }},
		{"one key twice in the path", "V-CM-09", func(g *group, s *sent) {
			s.update.Nodes[2].EncryptionKey = s.update.Nodes[0].EncryptionKey
			g.relink(s)
		}},
		{"the leaf's key in the path", "V-CM-09", func(g *group, s *sent) {
			s.update.Nodes[2].EncryptionKey = s.update.LeafNode.EncryptionKey
			g.relink(s)
		}},
		{"the key of another leaf in the path's leaf", "V-CM-09", func(g *group, s *sent) {
			s.update.LeafNode.EncryptionKey = g.tree.EncryptionKey(14)
			g.relink(s)
		}},
		{"the parent hash off by a bit", "V-CM-10", func(g *group, s *sent) { s.update.LeafNode.ParentHash[3] ^= 4; g.resign(s) }},
		{"no parent hash", "V-CM-10", func(g *group, s *sent) { s.update.LeafNode.ParentHash = nil; g.resign(s) }},
		{"another key than the parent hash covers", "V-CM-10", func(g *group, s *sent) { s.update.Nodes[2].EncryptionKey = fresh(g) }},
		{"a key of low order", "V-KP-06", func(g *group, s *sent) { s.update.Nodes[1].EncryptionKey = make([]byte, 32); g.relink(s) }},
		{"a key of wrong size", "V-KP-06", func(_ *group, s *sent) { s.update.Nodes[1].EncryptionKey = make([]byte, 31) }},
		{"an empty leaf key", "V-KP-06", func(_ *group, s *sent) { s.update.LeafNode.EncryptionKey = nil }},
		{"the signature key of another member", "V-LN-18", func(g *group, s *sent) {
			s.update.LeafNode.SignatureKey = g.tree.SignatureKey(7)
			s.updated[s.sender] = client{signer: g.signers[7]}
			g.resign(s)
		}},
	} {
		t.Run(bad.rule+" "+bad.name, func(t *testing.T) {
			g := eight(t)
			s := g.send(change{sender: 1, adds: 1})
			_, err := g.apply(s)
			require.NoError(t, err)
			g.relink(s)
			_, err = g.apply(s)
			require.NoError(t, err, "relinking alone makes no bad path")
			bad.spoil(g, s)
			_, err = g.apply(s)
			requireRule(t, bad.rule, err)
			// The tree is as it was: a good Commit still works.
			g.commit(change{sender: 2, adds: 1})
		})
	}
}

// TestBadExternalPath shows that a newcomer may not bring a member's signature key (V-LN-18).
func TestBadExternalPath(t *testing.T) {
	g := eight(t)
	edit := g.tree.Edit()
	i, err := edit.NextLeaf()
	require.NoError(t, err)
	leaf, _ := g.tree.Leaf(3)
	_, err = edit.NewPath(treekem.PathParams{Sender: i, GroupID: g.id, Signer: g.signers[3], Leaf: *leaf})
	require.NoError(t, err)
	_, err = edit.Tree()
	require.Equal(t, i, requireRule(t, "V-LN-18", err).Leaf)
}

func TestBadPathSecrets(t *testing.T) {
	none := func(*group, *sent, *treekem.DecapsulateParams) {}
	for _, bad := range []struct {
		name, rule string
		receiver   framing.LeafIndex
		spoil      func(g *group, s *sent)
		misuse     func(g *group, s *sent, d *treekem.DecapsulateParams)
	}{
		{"another key at the top", "V-CM-06", 0, func(g *group, s *sent) {
			s.update.Nodes[2].EncryptionKey = g.newClient().leaf.EncryptionKey
			g.relink(s)
		}, none},
		{"another key in the middle", "V-CM-06", 0, func(g *group, s *sent) {
			s.update.Nodes[1].EncryptionKey = g.newClient().leaf.EncryptionKey
			g.relink(s)
		}, none},
		{"the secret of a lower node", "V-CM-06", 6, func(g *group, s *sent) {
			forged, err := g.suite.EncryptWithLabel(nil, "UpdatePathNode", mustMarshal(g.context(s.after)),
				ciphersuite.Recipient{PublicKey: g.tree.EncryptionKey(11), Plaintext: pathSecret(g, s, 0)})
			require.NoError(g, err)
			s.update.Nodes[2].EncryptedPathSecret[0] = forged
		}, none},
		{"a secret of wrong size", "V-CM-20", 6, func(g *group, s *sent) {
			forged, err := g.suite.EncryptWithLabel(nil, "UpdatePathNode", mustMarshal(g.context(s.after)),
				ciphersuite.Recipient{PublicKey: g.tree.EncryptionKey(11), Plaintext: ciphersuite.NewSecret([]byte("short"))})
			require.NoError(g, err)
			s.update.Nodes[2].EncryptedPathSecret[0] = forged
		}, none},
		{"a ciphertext off by a bit", "V-CM-20", 6, func(_ *group, s *sent) { s.update.Nodes[2].EncryptedPathSecret[0].Ciphertext[0] ^= 1 }, none},
		{"a ciphertext cut off", "V-CM-20", 6, func(_ *group, s *sent) { s.update.Nodes[2].EncryptedPathSecret[0] = ciphersuite.HPKECiphertext{} }, none},
		{"another group context", "V-CM-20", 6, func(*group, *sent) {}, func(_ *group, _ *sent, d *treekem.DecapsulateParams) { d.GroupContext = nil }},
		{"a ciphertext missing", "V-CM-03", 6, func(_ *group, s *sent) { s.update.Nodes[2].EncryptedPathSecret = nil }, none},
		{"nodes missing", "V-CM-02", 6, func(_ *group, s *sent) { s.update.Nodes = s.update.Nodes[1:] }, none},
		{"the sender itself", "V-CM-02", 1, func(*group, *sent) {}, none},
		{"a sender outside the tree", "V-CM-02", 6, func(_ *group, s *sent) { s.sender = 99 }, none},
		{"a receiver who has just been added", "V-CM-20", 8, func(g *group, s *sent) { g.enter(8, s.clients[0]) }, none},
	} {
		t.Run(bad.rule+" "+bad.name, func(t *testing.T) {
			g := eight(t)
			s := g.send(change{sender: 1, adds: 1})
			bad.spoil(g, s)
			params := g.openParams(s)
			bad.misuse(g, s, &params)
			before := g.private[bad.receiver]
			_, _, err := before.Decapsulate(params)
			requireRule(t, bad.rule, err)
			if bad.receiver < 8 {
				require.NoError(t, before.Check(g.tree), "the receiver's keys are untouched")
				g.commit(change{sender: 2, adds: 1})
			}
		})
	}
}

// pathSecret returns the secret of a step, which a Welcome would carry to the leaves below its copath.
func pathSecret(g *group, s *sent, step int) ciphersuite.Secret {
	x := g.tree.FilteredDirectPath(s.sender)[step]
	for i := range g.tree.Leaves() {
		if i != s.sender && treekem.CommonAncestor(i, s.sender) == x {
			secret, ok := s.path.PathSecret(i)
			require.True(g, ok)
			return secret
		}
	}
	g.FailNow()
	return ciphersuite.Secret{}
}

// TestBadWelcomeSecret is about V-WEL-09.
func TestBadWelcomeSecret(t *testing.T) {
	g := eight(t)
	s := g.send(change{sender: 1, removes: []framing.LeafIndex{6}, adds: 1})
	g.enter(6, s.clients[0])
	good, ok := s.path.PathSecret(6)
	require.True(t, ok)
	_, ok = s.path.PathSecret(s.sender)
	require.False(t, ok, "nobody needs a secret for the sender")
	lower := pathSecret(g, s, 0)
	random, err := g.suite.RandomSecret(nil, g.suite.HashSize)
	require.NoError(t, err)
	for name, bad := range map[string]struct {
		sender framing.LeafIndex
		secret ciphersuite.Secret
	}{
		"random":            {1, random},
		"of a lower node":   {1, lower},
		"none":              {1, ciphersuite.Secret{}},
		"too long":          {1, ciphersuite.NewSecret(make([]byte, 33))},
		"from oneself":      {6, good},
		"from outside":      {77, good},
		"from far outside":  {1<<32 - 1, good},
		"of a blank parent": {7, good}, // 13 was blanked by the Remove
	} {
		_, err := g.private[6].WithPathSecret(s.after, bad.sender, bad.secret)
		requireRule(t, "V-WEL-09", err)
		require.False(t, good.IsZero(), name)
	}
	next, err := g.private[6].WithPathSecret(s.after, 1, good)
	require.NoError(t, err)
	require.NoError(t, next.Check(s.after))
}

// TestRepeatedKeysInEdit is about V-LN-17, V-LN-18 and V-TREE-13, by whichever way a leaf arrives.
func TestRepeatedKeysInEdit(t *testing.T) {
	type mutation func(leaf *framing.LeafNode, g *group)
	encryption := mutation(func(leaf *framing.LeafNode, g *group) { leaf.EncryptionKey = g.tree.EncryptionKey(4) })
	signature := mutation(func(leaf *framing.LeafNode, g *group) { leaf.SignatureKey = g.tree.SignatureKey(2) })
	parent := mutation(func(leaf *framing.LeafNode, g *group) { leaf.EncryptionKey = g.tree.EncryptionKey(3) })
	for _, bad := range []struct {
		rule   string
		mutate mutation
	}{{"V-LN-17", encryption}, {"V-LN-18", signature}, {"V-TREE-13", parent}} {
		g := eight(t)
		leaf := g.newClient().leaf
		bad.mutate(leaf, g)
		add := g.tree.Edit()
		_, err := add.Add(leaf)
		require.NoError(t, err)
		_, err = add.Tree()
		require.Equal(t, framing.LeafIndex(8), requireRule(t, bad.rule, err).Leaf)
		update := g.tree.Edit()
		require.NoError(t, update.Update(7, leaf))
		_, err = update.Tree()
		require.Equal(t, framing.LeafIndex(7), requireRule(t, bad.rule, err).Leaf)
		g.commit(change{sender: 2, adds: 1})
	}
	g := eight(t)
	twins := g.tree.Edit()
	leaf := g.newClient().leaf
	for range 2 {
		_, err := twins.Add(leaf)
		require.NoError(t, err)
	}
	_, err := twins.Tree()
	requireRule(t, "V-LN-17", err)

	// A key may come back once nobody holds it, and two members may trade theirs.
	back := g.tree.Edit()
	two, _ := g.tree.Leaf(2)
	four, _ := g.tree.Leaf(4)
	require.NoError(t, back.Remove(7))
	seven, _ := g.tree.Leaf(7)
	_, err = back.Add(seven)
	require.NoError(t, err)
	require.NoError(t, back.Update(2, four))
	require.NoError(t, back.Update(4, two))
	_, err = back.Tree()
	require.NoError(t, err)
}

// TestBadProposals is about what Edit itself refuses.
func TestBadProposals(t *testing.T) {
	g := newGroupOf(t, newSuite(t, 1), 3)
	leaf := g.newClient().leaf
	for _, i := range []framing.LeafIndex{3, 4, 1 << 31, 1<<32 - 1} {
		requireRule(t, "V-PR-06", g.tree.Edit().Update(i, leaf))
		requireRule(t, "V-PR-07", g.tree.Edit().Remove(i))
	}
	short := *leaf
	short.SignatureKey = short.SignatureKey[:31]
	_, err := g.tree.Edit().Add(&short)
	requireRule(t, "V-WIRE-16", err)
	require.Error(t, g.tree.Edit().Update(1, &framing.LeafNode{EncryptionKey: leaf.EncryptionKey, SignatureKey: leaf.SignatureKey}),
		"a leaf without a source has no encoding")
	_, err = treekem.New(g.suite, &short)
	requireRule(t, "V-WIRE-16", err)
	_, err = g.tree.Edit().NewPath(treekem.PathParams{Sender: 4, Signer: g.signers[0], Leaf: *leaf})
	requireRule(t, "V-CM-02", err)
	_, err = g.tree.Edit().NewPath(treekem.PathParams{Sender: 1, Signer: g.signers[0], Leaf: *leaf})
	require.ErrorIs(t, err, ciphersuite.ErrSigner)
}

// TestLastMember: a tree without members is refused, but the last member may go and come back in one edit, whichever
// leaf it had.
func TestLastMember(t *testing.T) {
	for _, size := range []int{1, 2, 100, 5000} {
		g := newGroupOf(t, newSuite(t, 1), size)
		e := g.tree.Edit()
		for i := range size {
			require.NoError(t, e.Remove(framing.LeafIndex(i)))
		}
		_, err := e.Tree()
		requireRule(t, "V-PL-02", err)

		last, ok := g.tree.Leaf(framing.LeafIndex(size - 1))
		require.True(t, ok)
		i, err := e.Add(last)
		require.NoError(t, err)
		require.Zero(t, i)
		again, err := e.Tree()
		require.NoError(t, err)
		alone, err := treekem.New(g.suite, last)
		require.NoError(t, err)
		require.Equal(t, alone.Hash(), again.Hash())
		require.EqualValues(t, 1, again.Width())
	}
}

// failing is a signer that does not sign, and a source of randomness that has none.
type failing struct{ crypto.Signer }

func (failing) Read([]byte) (int, error) { return 0, errFailing }

const errFailing = failure("no entropy")

type failure string

func (f failure) Error() string { return string(f) }

// TestNoEntropy shows that a path without randomness is an error.
func TestNoEntropy(t *testing.T) {
	g := newGroupOf(t, newSuite(t, 1), 3)
	leaf, _ := g.tree.Leaf(0)
	_, err := g.tree.Edit().NewPath(treekem.PathParams{Rand: failing{}, Signer: g.signers[0], Leaf: *leaf, GroupID: g.id})
	require.ErrorIs(t, err, errFailing)
	s := g.send(change{sender: 1})
	_, err = s.path.Seal(failing{}, s.after, nil, nil)
	require.ErrorIs(t, err, errFailing)
}

// TestPrivatePath covers loading, and what a PrivatePath refuses.
func TestPrivatePath(t *testing.T) {
	g := eight(t)
	private := g.private[6]
	require.Equal(t, framing.LeafIndex(6), private.Leaf())
	loaded := treekem.NewPrivatePath(g.suite, 6, ciphersuite.KeyPair{})
	var nodes []treekem.NodeIndex
	for x, pair := range private.Keys() {
		nodes = append(nodes, x)
		if x.Level() == 0 {
			loaded = loaded.WithLeafKey(pair)
			continue
		}
		var err error
		loaded, err = loaded.WithKey(x, pair)
		require.NoError(t, err)
		loaded, err = loaded.WithKey(x, pair) // once more changes nothing
		require.NoError(t, err)
	}
	require.Equal(t, []treekem.NodeIndex{12, 13, 11, 7}, nodes)
	require.NoError(t, loaded.Check(g.tree))
	x, missing := treekem.NewPrivatePath(g.suite, 6, ciphersuite.KeyPair{}).Missing(g.tree)
	require.True(t, missing)
	require.EqualValues(t, 13, x, "the lowest")
	require.Equal(t, len(nodes), len(slices.Collect(keysOf(loaded))))
	for _, x := range []treekem.NodeIndex{12, 5, 3, 19} {
		_, err := loaded.WithKey(x, ciphersuite.KeyPair{})
		require.Error(t, err, "node %d", x)
	}
	require.Error(t, g.private[5].Check(newGroupOf(t, g.suite, 8).tree))
	last := private.Prune(g.tree)
	private.EraseReplaced(nil)
	for _, pair := range last.Keys() {
		require.True(t, pair.Private.IsZero())
	}
}

func keysOf(p *treekem.PrivatePath) func(yield func(treekem.NodeIndex) bool) {
	return func(yield func(treekem.NodeIndex) bool) {
		for x := range p.Keys() {
			if !yield(x) {
				return
			}
		}
	}
}
