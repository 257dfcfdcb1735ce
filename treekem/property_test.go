package treekem_test

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// script draws a history of a tree and lets Tree and reference live through it. Keys are arbitrary bytes, which the
// public part of a tree takes for X25519 keys, so that thousands of steps take no time.
type script struct {
	require.TestingT
	draw  *rapid.T // nil where nothing is left to chance
	suite *ciphersuite.Suite
	tree  *treekem.Tree
	ref   *reference
	past  []snapshot
	serial
}

// serial numbers keys, so that each is new.
type serial struct{ keys uint64 }

func (s *serial) key() []byte {
	s.keys++
	key := make([]byte, 32)
	key[0] = 9                                   // not of low order, whatever the number
	binary.BigEndian.PutUint64(key[16:], s.keys) // and no other encoding of another one
	return key
}

// snapshot is a tree with what it was when it was new.
type snapshot struct {
	tree *treekem.Tree
	hash []byte
	data []byte
}

func startScript(t require.TestingT, draw *rapid.T, suite *ciphersuite.Suite) *script {
	s := &script{TestingT: t, draw: draw, suite: suite}
	leaf := s.leaf(framing.LeafNodeSourceKeyPackage)
	s.ref = newReference(suite, leaf)
	var err error
	s.tree, err = treekem.New(suite, leaf)
	require.NoError(t, err)
	return s
}

// leaf makes a leaf with drawn capabilities, some of them listed twice.
func (s *script) leaf(source framing.LeafNodeSource) *framing.LeafNode {
	leaf := &framing.LeafNode{
		EncryptionKey:  s.key(),
		SignatureKey:   s.key(),
		Credential:     framing.BasicCredential(fmt.Appendf(nil, "%d", s.keys)),
		LeafNodeSource: source,
		Signature:      []byte("signature"),
	}
	c := &leaf.Capabilities
	c.Versions = []framing.ProtocolVersion{framing.MLS10}
	c.CipherSuites = []ciphersuite.CipherSuite{s.suite.CipherSuite()}
	if s.draw == nil {
		return leaf
	}
	for _, code := range rapid.SliceOfN(rapid.SampledFrom([]uint16{7, 8, 0x0a0a, 0xff01}), 0, 3).Draw(s.draw, "capabilities") {
		c.Extensions = append(c.Extensions, framing.ExtensionType(code))
		c.Proposals = append(c.Proposals, framing.ProposalType(code+1))
		c.Credentials = append(c.Credentials, framing.CredentialType(code+2))
	}
	return leaf
}

func (s *script) member(what string) framing.LeafIndex {
	return rapid.SampledFrom(s.ref.members()).Draw(s.draw, what)
}

// commit draws one Commit: updates, removes, adds, and most often a path.
func (s *script) commit(most int) {
	edit := s.tree.Edit()
	committer := s.member("committer")
	for range rapid.IntRange(0, 2).Draw(s.draw, "updates") {
		if i := s.member("updater"); i != committer {
			leaf := s.leaf(framing.LeafNodeSourceUpdate)
			require.NoError(s, edit.Update(i, leaf))
			s.ref.update(i, leaf)
		}
	}
	if n := len(s.ref.members()); n > 1 {
		s.removals(edit, committer, rapid.SampledFrom([]int{0, 0, 1, 2, n / 4, n / 2, n}).Draw(s.draw, "removals"))
	}
	var added []framing.LeafIndex
	room := most - min(most, len(s.ref.members()))
	for range rapid.SampledFrom([]int{0, 1, 2, room / 8, room / 2, room}).Draw(s.draw, "adds") {
		leaf := s.leaf(framing.LeafNodeSourceKeyPackage)
		i, err := edit.Add(leaf)
		require.NoError(s, err)
		require.Equal(s, s.ref.add(leaf), i)
		added = append(added, i)
	}
	switch rapid.SampledFrom([]int{0, 1, 2, 3}).Draw(s.draw, "path") {
	case 0:
	case 1: // external commit
		i, err := edit.NextLeaf()
		require.NoError(s, err)
		require.Equal(s, s.ref.nextLeaf(), i)
		s.ref.extendTo(i)
		s.path(edit, i, added)
	default:
		s.path(edit, committer, added)
	}
	s.adopt(edit)
}

// removals removes a run of members, from some place on, so that whole halves become blank.
func (s *script) removals(edit *treekem.Edit, committer framing.LeafIndex, n int) {
	members := s.ref.members()
	start := rapid.IntRange(0, len(members)-1).Draw(s.draw, "first removed")
	if rapid.Bool().Draw(s.draw, "from the end") {
		start = max(0, len(members)-n)
	}
	for _, i := range members[start:min(start+n, len(members))] {
		if i != committer {
			require.NoError(s, edit.Remove(i))
			s.ref.remove(i)
		}
	}
}

// path lets a member, or the newcomer at a blank leaf, replace its path.
func (s *script) path(edit *treekem.Edit, sender framing.LeafIndex, added []framing.LeafIndex) {
	update := &framing.UpdatePath{LeafNode: *s.leaf(framing.LeafNodeSourceCommit)}
	var keys []ciphersuite.HPKEPublicKey
	for _, step := range s.ref.filteredDirectPath(sender) {
		keys = append(keys, s.key())
		recipients := slices.DeleteFunc(s.ref.resolution(step.copath), func(x treekem.NodeIndex) bool {
			i, isLeaf := x.Leaf()
			return isLeaf && slices.Contains(added, i)
		})
		update.Nodes = append(update.Nodes, framing.UpdatePathNode{EncryptionKey: keys[len(keys)-1],
			EncryptedPathSecret: make([]ciphersuite.HPKECiphertext, len(recipients))})
	}
	s.ref.setPath(sender, &update.LeafNode, keys)
	require.NoError(s, edit.ApplyPath(treekem.ApplyPathParams{Sender: sender, Path: update, Added: added}))
}

// compare holds the tree against the reference.
func (s *script) compare() { compareTrees(s, s.tree, s.ref) }

func compareTrees(t require.TestingT, tree *treekem.Tree, ref *reference) {
	members := ref.members()
	require.Equal(t, len(members), tree.Members())
	require.Equal(t, uint32(len(ref.nodes)+1)/2, tree.Width())
	require.Equal(t, ref.export(), tree.Export())
	require.Equal(t, len(ref.export()), tree.ExportSize())
	ref.treeHash(ref.whole(), func(x int, hash []byte) {
		require.Equal(t, hash, tree.NodeHash(treekem.NodeIndex(x)), "hash of node %d", x)
	})
	require.Equal(t, ref.hash(), tree.Hash())
	for x := range ref.nodes {
		compareNode(t, tree, ref, x)
	}
	for _, i := range members {
		require.True(t, tree.HasLeaf(i))
		key := ref.nodes[nodeAt(i)].LeafNode.SignatureKey
		found, ok := tree.FindSignatureKey(key)
		require.True(t, ok)
		require.Equal(t, i, found)
		require.Equal(t, key, tree.SignatureKey(i))
	}
	for k := 0; k < 4; k++ { // members, blank leaves and one outside alike
		i := framing.LeafIndex(k * len(ref.nodes) / 6)
		if uint32(i) >= tree.Width() {
			require.Nil(t, tree.FilteredDirectPath(i))
			continue
		}
		var path []treekem.NodeIndex
		for _, s := range ref.filteredDirectPath(i) {
			path = append(path, treekem.NodeIndex(s.node))
		}
		require.Equal(t, path, tree.FilteredDirectPath(i))
		require.Equal(t, ref.pathCost(i), tree.PathCost(i))
	}
	next, err := tree.Edit().NextLeaf()
	require.NoError(t, err)
	require.Equal(t, ref.nextLeaf(), next)
	compareSupport(t, tree.Support(), ref)
}

func compareNode(t require.TestingT, tree *treekem.Tree, ref *reference, x int) {
	index := treekem.NodeIndex(x)
	require.Equal(t, ref.resolution(ref.spanOf(x)), tree.Resolution(index), "resolution of node %d", x)
	if ref.blank(x) {
		require.Nil(t, tree.EncryptionKey(index))
		_, ok := tree.Parent(index)
		require.False(t, ok)
		return
	}
	if leaf := ref.nodes[x].LeafNode; leaf != nil {
		got, ok := tree.Leaf(leafAt(x))
		require.True(t, ok)
		require.Equal(t, mustMarshal(leaf), mustMarshal(got))
	}
	found, ok := tree.FindEncryptionKey(tree.EncryptionKey(index))
	require.True(t, ok)
	require.Equal(t, index, found)
}

func compareSupport(t require.TestingT, got treekem.Support, ref *reference) {
	require.Equal(t, len(ref.members()), got.Members())
	credentials := support(ref, func(l *framing.LeafNode) []framing.CredentialType { return l.Capabilities.Credentials })
	extensions := support(ref, func(l *framing.LeafNode) []framing.ExtensionType { return l.Capabilities.Extensions })
	proposals := support(ref, func(l *framing.LeafNode) []framing.ProposalType { return l.Capabilities.Proposals })
	versions := support(ref, func(l *framing.LeafNode) []framing.ProtocolVersion { return l.Capabilities.Versions })
	for _, code := range []uint16{0, 1, 2, 7, 8, 9, 10, 0x0a0b, 0x0a0c, 0xff01, 0xff02, 0xff03} {
		require.Equal(t, credentials[framing.CredentialType(code)], got.Credential(framing.CredentialType(code)))
		require.Equal(t, extensions[framing.ExtensionType(code)], got.Extension(framing.ExtensionType(code)))
		require.Equal(t, proposals[framing.ProposalType(code)], got.Proposal(framing.ProposalType(code)))
		require.Equal(t, versions[framing.ProtocolVersion(code)], got.Version(framing.ProtocolVersion(code)))
	}
	require.Zero(t, got.Extension(0x0a0a)+got.Proposal(0x0a0a)+got.Credential(0x0a0a), "GREASE")
	require.Equal(t, []framing.CredentialType{framing.CredentialTypeBasic}, got.CredentialsInUse())
}

// finish checks that a decoded copy is the same tree, that its parent hashes are valid, and that no older tree has
// changed.
func (s *script) finish() {
	again, err := treekem.Decode(s.suite, s.tree.Export())
	require.NoError(s, err)
	compareTrees(s, again, s.ref)
	require.NoError(s, s.tree.VerifyParentHashes())
	require.NoError(s, again.VerifyParentHashes())
	if len(s.ref.nodes) < 64 {
		require.True(s, s.ref.parentHashValid())
	}
	for _, p := range s.past {
		require.Equal(s, p.hash, p.tree.Hash())
		require.Equal(s, p.data, p.tree.Export())
		old, err := treekem.Decode(s.suite, p.data)
		require.NoError(s, err)
		require.Equal(s, p.hash, old.Hash())
	}
}

// history returns a property that takes small or large trees through drawn histories.
func history(suite *ciphersuite.Suite, most, commits int) func(*rapid.T) {
	return func(t *rapid.T) {
		s := startScript(t, t, suite)
		for range rapid.SampledFrom([]int{1, commits / 2, commits}).Draw(t, "commits") {
			s.commit(most)
			s.compare()
		}
		s.finish()
	}
}

func TestEditEqualsReference(t *testing.T) {
	suite := newSuite(t, 1)
	t.Run("small", func(t *testing.T) { rapid.Check(t, history(suite, 20, 12)) })
	t.Run("large", func(t *testing.T) { rapid.Check(t, history(suite, 150, 5)) })
}

// TestGrowAndShrink takes trees across the borders of blocks, one member at a time and in halves, and back.
func TestGrowAndShrink(t *testing.T) {
	suite := newSuite(t, 1)
	for _, n := range []int{1, 2, 7, 8, 9, 63, 64, 65, 127, 511, 512, 513} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := startScript(t, nil, suite)
			s.grow(n)
			s.compare()
			s.shrink(max(n/2, 1))
			s.compare()
			s.grow(n + 1)
			s.compare()
			s.shrink(1)
			s.compare()
			s.grow(min(n, 9))
			s.compare()
			s.finish()
		})
	}
}

// grow adds members up to n, and then lets three of them commit, with a snapshot at each step.
func (s *script) grow(n int) {
	var added []framing.LeafIndex
	s.change(func(edit *treekem.Edit) {
		for len(s.ref.members()) < n {
			leaf := s.leaf(framing.LeafNodeSourceKeyPackage)
			i, err := edit.Add(leaf)
			require.NoError(s, err)
			require.Equal(s, s.ref.add(leaf), i)
			added = append(added, i)
		}
		s.path(edit, 0, added)
	})
	for _, i := range []int{n / 2, n - 1, n / 3} {
		s.change(func(edit *treekem.Edit) { s.path(edit, s.ref.members()[i], nil) })
	}
}

// shrink removes the members from the right until n are left.
func (s *script) shrink(n int) {
	for len(s.ref.members()) > n {
		members := s.ref.members()
		s.change(func(edit *treekem.Edit) {
			for _, i := range slices.Backward(members[max(n, len(members)/2):]) {
				require.NoError(s, edit.Remove(i))
				s.ref.remove(i)
			}
		})
		s.change(func(edit *treekem.Edit) { s.path(edit, 0, nil) })
	}
}

func (s *script) change(do func(edit *treekem.Edit)) {
	edit := s.tree.Edit()
	do(edit)
	s.adopt(edit)
}

// adopt ends the edit and keeps the tree before it.
func (s *script) adopt(edit *treekem.Edit) {
	s.past = append(s.past, snapshot{s.tree, s.tree.Hash(), s.tree.Export()})
	var err error
	s.tree, err = edit.Tree()
	require.NoError(s, err)
}

func FuzzEdit(f *testing.F) { f.Fuzz(rapid.MakeFuzz(history(newSuite(f, 1), 70, 12))) }
