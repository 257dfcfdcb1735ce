package vectors

import (
	"crypto"
	"crypto/rand"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// treeKEM is a case of treekem.json: a tree, the private state of every member, and one path from each.
type treeKEM struct {
	suited
	GroupID                 hexBytes `json:"group_id"`
	Epoch                   uint64   `json:"epoch"`
	ConfirmedTranscriptHash hexBytes `json:"confirmed_transcript_hash"`

	RatchetTree hexBytes `json:"ratchet_tree"`

	LeavesPrivate []leafPrivate  `json:"leaves_private"`
	UpdatePaths   []memberUpdate `json:"update_paths"`
}

type leafPrivate struct {
	Index          uint32       `json:"index"`
	EncryptionPriv hexBytes     `json:"encryption_priv"`
	SignaturePriv  hexBytes     `json:"signature_priv"`
	PathSecrets    []nodeSecret `json:"path_secrets"`
}

type nodeSecret struct {
	Node       uint32   `json:"node"`
	PathSecret hexBytes `json:"path_secret"`
}

type memberUpdate struct {
	Sender        uint32               `json:"sender"`
	UpdatePath    hexBytes             `json:"update_path"`
	PathSecrets   []optional[hexBytes] `json:"path_secrets"`
	CommitSecret  hexBytes             `json:"commit_secret"`
	TreeHashAfter hexBytes             `json:"tree_hash_after"`
}

// member is the private side of one leaf.
type member struct {
	path   *treekem.PrivatePath
	signer crypto.Signer
}

// treeKEMState is a case with its tree read and its members set up.
type treeKEMState struct {
	*treeKEM
	*trial
	tree    *treekem.Tree
	members map[framing.LeafIndex]member
}

func replayTreeKEM(t *trial, c *treeKEM) {
	tree, err := treekem.Decode(t.suite, c.RatchetTree)
	if !t.succeeds("ratchet_tree decodes", err) {
		return
	}
	t.equal("ratchet_tree encodes to the bytes it came from", tree.Export(), c.RatchetTree)
	s := &treeKEMState{treeKEM: c, trial: t, tree: tree, members: map[framing.LeafIndex]member{}}
	for i := range c.LeavesPrivate {
		s.addMember(&c.LeavesPrivate[i])
	}
	for i := range tree.Leaves() {
		_, ok := s.members[i]
		same(t, fmt.Sprintf("leaves_private has leaf %d", i), ok, true)
	}
	same(t, "there are update_paths", len(c.UpdatePaths) > 0, true)
	for i := range c.UpdatePaths {
		s.receive(&c.UpdatePaths[i])
		s.send(framing.LeafIndex(c.UpdatePaths[i].Sender))
	}
}

// addMember makes the private state of one leaf and checks that it fits the tree.
func (s *treeKEMState) addMember(c *leafPrivate) {
	at := fmt.Sprintf("leaves_private of leaf %d, ", c.Index)
	index := framing.LeafIndex(c.Index)
	pair, err := s.suite.KeyPairOf(c.EncryptionPriv.secret())
	if !s.succeeds(at+"encryption_priv", err) {
		return
	}
	signer, err := s.suite.ParseSigner(c.SignaturePriv.secret())
	if !s.succeeds(at+"signature_priv", err) {
		return
	}
	public, err := s.suite.PublicKeyOf(signer)
	if s.succeeds(at+"signature_priv", err) {
		s.equal(at+"public key of signature_priv", public, s.tree.SignatureKey(index))
	}
	path := treekem.NewPrivatePath(s.suite, index, pair)
	for _, p := range c.PathSecrets {
		pair, err := s.suite.DeriveKeyPair(s.suite.DeriveSecret(p.PathSecret.secret(), "node"))
		if !s.succeeds(at+"path_secret", err) {
			return
		}
		if path, err = path.WithKey(treekem.NodeIndex(p.Node), pair); !s.succeeds(at+"path_secrets", err) {
			return
		}
	}
	if s.succeeds(at+"consistent with ratchet_tree", path.Check(s.tree)) {
		s.members[index] = member{path, signer}
	}
}

// context returns the group context, encoded, under which a path leading to tree is encrypted.
func (s *treeKEMState) context(tree *treekem.Tree) []byte {
	return s.encode("group context", groupContext(s.suite, groupState{
		id: s.GroupID, epoch: s.Epoch, treeHash: tree.Hash(), transcript: s.ConfirmedTranscriptHash,
	}))
}

// receive lets every other member process the path of the case.
func (s *treeKEMState) receive(c *memberUpdate) {
	at := fmt.Sprintf("update_path of leaf %d, ", c.Sender)
	sender := framing.LeafIndex(c.Sender)
	same(s.trial, at+"sender is in the tree", s.tree.HasLeaf(sender), true)
	update := new(framing.UpdatePath)
	if !s.decode(at+"encoding", c.UpdatePath, update) {
		return
	}
	after, ok := s.merge(at, sender, update)
	if !ok {
		return
	}
	s.equal(at+"tree_hash_after", after.Hash(), c.TreeHashAfter)
	s.succeeds(at+"leaf signature", update.LeafNode.VerifySignature(s.suite, s.GroupID, sender))
	params := treekem.DecapsulateParams{Tree: after, Sender: sender, Path: update, GroupContext: s.context(after)}
	for j := range max(int(after.Width()), len(c.PathSecrets)) {
		receiver := framing.LeafIndex(j)
		given := j < len(c.PathSecrets) && c.PathSecrets[j].Present
		if !same(s.trial, fmt.Sprintf("%spath_secrets[%d] is there", at, j), given, receiver != sender && s.tree.HasLeaf(receiver)) || !given {
			continue
		}
		to := fmt.Sprintf("%sreceived by leaf %d, ", at, j)
		next, ok := s.decapsulate(to, receiver, params, c.CommitSecret)
		if !ok {
			continue
		}
		s.reaches(to, next, params, c.PathSecrets[j].Value)
	}
}

// merge applies a path to the tree of the case, which checks the parent hash.
func (s *treeKEMState) merge(at string, sender framing.LeafIndex, update *framing.UpdatePath) (*treekem.Tree, bool) {
	edit := s.tree.Edit()
	if !s.succeeds(at+"parent-hash valid", edit.ApplyPath(treekem.ApplyPathParams{Sender: sender, Path: update})) {
		return nil, false
	}
	after, err := edit.Tree()
	return after, s.succeeds(at+"merged", err)
}

// decapsulate lets one member process a path and checks the commit secret.
func (s *treeKEMState) decapsulate(to string, receiver framing.LeafIndex, p treekem.DecapsulateParams, want []byte,
) (*treekem.PrivatePath, bool) {
	m, ok := s.members[receiver]
	if !ok {
		s.fail(to+"private state", "none", "one")
		return nil, false
	}
	next, commit, err := m.path.Decapsulate(p)
	if !s.succeeds(to+"decrypts", err) {
		return nil, false
	}
	s.equal(to+"commit_secret", commit.Bytes(), want)
	return next, s.succeeds(to+"consistent with the tree", next.Check(p.Tree))
}

// reaches checks that a path secret is the one that led to the member's new keys: the engine keeps keys and erases path
// secrets, so the keys that follow from the expected secret are compared.
func (s *treeKEMState) reaches(to string, got *treekem.PrivatePath, p treekem.DecapsulateParams, pathSecret hexBytes) {
	keys := map[treekem.NodeIndex]ciphersuite.KeyPair{}
	for x, pair := range got.Keys() {
		keys[x] = pair
	}
	expected, err := got.WithPathSecret(p.Tree, p.Sender, pathSecret.secret())
	if !s.succeeds(to+"path_secret", err) {
		return
	}
	for x, pair := range expected.Keys() {
		s.equal(fmt.Sprintf("%skey of node %d from path_secret", to, x), keys[x].Private.Bytes(), pair.Private.Bytes())
	}
}

// send makes a new path from a member and lets every other member process it.
func (s *treeKEMState) send(sender framing.LeafIndex) {
	at := fmt.Sprintf("new path of leaf %d, ", sender)
	leaf, ok := s.tree.Leaf(sender)
	m, known := s.members[sender]
	if !ok || !known {
		s.fail(at+"sender", "no such member", "a member")
		return
	}
	edit := s.tree.Edit()
	path, err := edit.NewPath(treekem.PathParams{
		Rand: rand.Reader, Sender: sender, GroupID: s.GroupID, Signer: m.signer, Leaf: *leaf,
	})
	if !s.succeeds(at+"made", err) {
		return
	}
	senders, err := edit.Tree()
	if !s.succeeds(at+"set", err) {
		return
	}
	update, err := path.Seal(rand.Reader, senders, s.context(senders), nil)
	if !s.succeeds(at+"sealed", err) {
		return
	}
	received := new(framing.UpdatePath)
	if !s.decode(at+"encoding", s.encode(at+"encoding", update), received) {
		return
	}
	after, ok := s.merge(at, sender, received)
	if !ok {
		return
	}
	s.equal(at+"tree hash on both sides", after.Hash(), senders.Hash())
	s.succeeds(at+"leaf signature", received.LeafNode.VerifySignature(s.suite, s.GroupID, sender))
	s.succeeds(at+"sender's own keys", path.PrivatePath().Check(after))
	params := treekem.DecapsulateParams{Tree: after, Sender: sender, Path: received, GroupContext: s.context(after)}
	for receiver := range s.tree.Leaves() {
		if receiver != sender {
			s.decapsulate(fmt.Sprintf("%sreceived by leaf %d, ", at, receiver), receiver, params, path.CommitSecret().Bytes())
		}
	}
}
