package treekem_test

import (
	"crypto"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// group is a tree with the private state of every member.
type group struct {
	require.TestingT
	suite   *ciphersuite.Suite
	id      []byte
	tree    *treekem.Tree
	private map[framing.LeafIndex]*treekem.PrivatePath
	signers map[framing.LeafIndex]crypto.Signer
	names   int
}

func newGroup(t require.TestingT, suite *ciphersuite.Suite) *group {
	g := &group{TestingT: t, suite: suite, id: []byte("group"),
		private: map[framing.LeafIndex]*treekem.PrivatePath{}, signers: map[framing.LeafIndex]crypto.Signer{}}
	c := g.newClient()
	var err error
	g.tree, err = treekem.New(suite, c.leaf)
	require.NoError(t, err)
	g.enter(0, c)
	return g
}

// newGroupOf returns a group of n members, of which those named have committed, in that order.
func newGroupOf(t require.TestingT, suite *ciphersuite.Suite, n int, committers ...framing.LeafIndex) *group {
	g := newGroup(t, suite)
	g.commit(change{adds: n - 1, noPath: true})
	for _, i := range committers {
		g.commit(change{sender: i})
	}
	return g
}

// client is somebody with a leaf from a KeyPackage.
type client struct {
	leaf   *framing.LeafNode
	pair   ciphersuite.KeyPair
	signer crypto.Signer
}

func (g *group) newClient() client {
	pair, err := g.suite.GenerateKeyPair(nil)
	require.NoError(g, err)
	signer, err := g.suite.GenerateSigner(nil)
	require.NoError(g, err)
	public, err := g.suite.PublicKeyOf(signer)
	require.NoError(g, err)
	g.names++
	leaf := &framing.LeafNode{
		EncryptionKey: pair.Public,
		SignatureKey:  public,
		Credential:    framing.BasicCredential(fmt.Appendf(nil, "member %d", g.names)),
		Capabilities: framing.Capabilities{
			Versions:     []framing.ProtocolVersion{framing.MLS10},
			CipherSuites: []ciphersuite.CipherSuite{g.suite.CipherSuite()},
			Credentials:  []framing.CredentialType{framing.CredentialTypeBasic},
		},
		LeafNodeSource: framing.LeafNodeSourceKeyPackage,
	}
	require.NoError(g, leaf.Sign(framing.SignParams{Suite: g.suite, Signer: signer}, g.id, 0))
	return client{leaf, pair, signer}
}

func (g *group) enter(i framing.LeafIndex, c client) {
	g.private[i] = treekem.NewPrivatePath(g.suite, i, c.pair)
	g.signers[i] = c.signer
}

func (g *group) context(tree *treekem.Tree) *framing.GroupContext {
	return &framing.GroupContext{Version: framing.MLS10, CipherSuite: g.suite.CipherSuite(), GroupID: g.id, TreeHash: tree.Hash()}
}

// change is what a Commit does, in the order of RFC 9420, Section 12.3.
type change struct {
	sender   framing.LeafIndex
	updates  []framing.LeafIndex
	removes  []framing.LeafIndex
	adds     int
	noPath   bool
	external bool // the sender comes in from outside
}

// sent is a Commit on its way.
type sent struct {
	change
	clients []client
	added   []framing.LeafIndex
	updated map[framing.LeafIndex]client
	update  *framing.UpdatePath
	path    *treekem.Path
	after   *treekem.Tree
	edit    *treekem.Edit
}

// propose applies a Commit's proposals to a fresh edit of the tree.
func (g *group) propose(s *sent) *treekem.Edit {
	edit := g.tree.Edit()
	for _, i := range s.updates {
		require.NoError(g, edit.Update(i, s.updated[i].leaf))
	}
	for _, i := range s.removes {
		require.NoError(g, edit.Remove(i))
	}
	s.added = nil
	for _, c := range s.clients {
		i, err := edit.Add(c.leaf)
		require.NoError(g, err)
		s.added = append(s.added, i)
	}
	if s.external {
		var err error
		s.sender, err = edit.NextLeaf()
		require.NoError(g, err)
	}
	return edit
}

// send makes a Commit and leaves the group as it is.
func (g *group) send(c change) *sent {
	s := &sent{change: c, updated: map[framing.LeafIndex]client{}}
	for range c.adds {
		s.clients = append(s.clients, g.newClient())
	}
	for _, i := range c.updates {
		u := g.newClient()
		u.leaf.LeafNodeSource = framing.LeafNodeSourceUpdate
		require.NoError(g, u.leaf.Sign(framing.SignParams{Suite: g.suite, Signer: u.signer}, g.id, i))
		s.updated[i] = u
	}
	s.edit = g.propose(s)
	var err error
	if c.noPath {
		s.after, err = s.edit.Tree()
		require.NoError(g, err)
		return s
	}
	me := g.newClient()
	s.updated[s.sender] = me
	s.path, err = s.edit.NewPath(treekem.PathParams{Sender: s.sender, GroupID: g.id, Signer: me.signer, Leaf: *me.leaf})
	require.NoError(g, err)
	s.after, err = s.edit.Tree()
	require.NoError(g, err)
	s.update, err = s.path.Seal(nil, s.after, mustMarshal(g.context(s.after)), s.added)
	require.NoError(g, err)
	return s
}

func (s *sent) applyParams() treekem.ApplyPathParams {
	return treekem.ApplyPathParams{Sender: s.sender, Path: s.update, Added: s.added}
}

func (g *group) openParams(s *sent) treekem.DecapsulateParams {
	return treekem.DecapsulateParams{Tree: s.after, Sender: s.sender, Path: s.update, Added: s.added, GroupContext: mustMarshal(g.context(s.after))}
}

// commit lets everybody process a Commit, and checks that they agree.
func (g *group) commit(c change) *sent {
	s := g.send(c)
	if !c.noPath {
		g.receive(s)
	}
	for _, i := range s.removes {
		delete(g.private, i)
		delete(g.signers, i)
	}
	for i, u := range s.updated {
		g.signers[i] = u.signer
		if !c.noPath && i != s.sender || c.noPath {
			g.private[i] = g.private[i].WithLeafKey(u.pair)
		}
	}
	for k, i := range s.added {
		g.enter(i, s.clients[k])
		if s.path != nil {
			g.welcome(s, i)
		}
	}
	if s.path != nil {
		g.private[s.sender] = s.path.PrivatePath()
		s.path.Erase()
	}
	g.tree = s.after
	for i, p := range g.private {
		g.private[i] = p.Prune(g.tree)
		require.NoError(g, g.private[i].Check(g.tree), "private keys of leaf %d", i)
		_, missing := g.private[i].Missing(g.tree)
		require.False(g, missing, "leaf %d lacks a private key", i)
	}
	return s
}

// receive has every old member apply and decrypt the path.
func (g *group) receive(s *sent) {
	before := g.tree.Export()
	received := new(framing.UpdatePath)
	require.NoError(g, framing.Unmarshal(mustMarshal(s.update), received))
	require.NoError(g, received.LeafNode.VerifySignature(g.suite, g.id, s.sender))
	edit := g.propose(s)
	params := s.applyParams()
	params.Path = received
	require.NoError(g, edit.ApplyPath(params))
	after, err := edit.Tree()
	require.NoError(g, err)
	require.Equal(g, s.after.Hash(), after.Hash())
	require.Equal(g, s.after.Export(), after.Export())
	for i, p := range g.private {
		if i == s.sender || slices.Contains(s.removes, i) {
			continue
		}
		open := g.openParams(s)
		open.Tree, open.Path = after, received
		if u, ok := s.updated[i]; ok {
			p = p.WithLeafKey(u.pair)
		}
		next, commit, err := p.Decapsulate(open)
		require.NoError(g, err, "leaf %d", i)
		require.NoError(g, next.Check(after))
		require.True(g, commit.Equal(s.path.CommitSecret()))
		p.EraseReplaced(next)
		require.NoError(g, eraseCheck(p, next))
		g.private[i] = next
	}
	require.Equal(g, before, g.tree.Export())
}

// eraseCheck reports a private key that lives on without being in next, or the other way round.
func eraseCheck(old, next *treekem.PrivatePath) error {
	kept := map[string]bool{}
	for _, pair := range next.Keys() {
		if pair.Private.IsZero() {
			return fmt.Errorf("a key of the new path is erased")
		}
		kept[string(pair.Public)] = true
	}
	for x, pair := range old.Keys() {
		if pair.Private.IsZero() == kept[string(pair.Public)] {
			return fmt.Errorf("key of node %d: kept %v, erased %v", x, kept[string(pair.Public)], pair.Private.IsZero())
		}
	}
	return nil
}

// welcome gives a newcomer its path secret.
func (g *group) welcome(s *sent, i framing.LeafIndex) {
	secret, ok := s.path.PathSecret(i)
	require.True(g, ok)
	next, err := g.private[i].WithPathSecret(s.after, s.sender, secret)
	require.NoError(g, err)
	require.False(g, secret.IsZero(), "the path secret is the Path's own")
	g.private[i] = next
}

// imports checks that a newcomer would accept the tree.
func (g *group) imports() {
	tree, err := treekem.Import(treekem.ImportParams{Suite: g.suite, RatchetTree: g.tree.Export(), GroupContext: g.context(g.tree)})
	require.NoError(g, err)
	require.Equal(g, g.tree.Hash(), tree.Hash())
}

func (g *group) members() (out []framing.LeafIndex) {
	for i := range g.tree.Leaves() {
		out = append(out, i)
	}
	return out
}

// TestMembersAgree lets groups live through drawn histories: all members reach the same tree and commit secret, hold
// the keys they should and no others, and newcomers accept the tree.
func TestMembersAgree(t *testing.T) {
	suite := newSuite(t, 1)
	rapid.Check(t, func(t *rapid.T) {
		g := newGroup(t, suite)
		for range rapid.IntRange(3, 6).Draw(t, "commits") {
			members := g.members()
			c := change{sender: rapid.SampledFrom(members).Draw(t, "sender")}
			c.adds = rapid.SampledFrom([]int{0, 1, 2, 9}).Draw(t, "adds")
			if rapid.Bool().Draw(t, "changes") {
				few := rapid.SliceOfNDistinct(rapid.SampledFrom(members), 0, max(1, len(members)/2), rapid.ID).Draw(t, "changed")
				few = slices.DeleteFunc(few, func(i framing.LeafIndex) bool { return i == c.sender })
				half := len(few) / 2
				c.updates, c.removes = few[:half], few[half:]
			}
			c.noPath = rapid.SampledFrom([]bool{false, false, true}).Draw(t, "no path")
			c.external = !c.noPath && rapid.SampledFrom([]bool{false, false, true}).Draw(t, "external")
			g.commit(c)
		}
		g.imports()
	})
}

// TestMembersAgreeInAllSuites plays one history in each suite.
func TestMembersAgreeInAllSuites(t *testing.T) {
	for _, cs := range ciphersuite.Supported() {
		t.Run(cs.String(), func(t *testing.T) {
			t.Parallel()
			g := newGroupOf(t, newSuite(t, cs), 6, 2)
			g.commit(change{sender: 4, updates: []framing.LeafIndex{1}, removes: []framing.LeafIndex{0}, adds: 4})
			g.commit(change{external: true, removes: []framing.LeafIndex{5}})
			g.commit(change{adds: 1, noPath: true})
			g.commit(change{sender: 1})
			g.imports()
		})
	}
}
