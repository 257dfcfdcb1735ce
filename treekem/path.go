package treekem

// RFC 9420, Sections 7.4 to 7.6: the sender's side of an update path.

import (
	"crypto"
	"fmt"
	"io"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// PathParams is what a sender chooses for its path.
type PathParams struct {
	Rand    io.Reader         // crypto/rand.Reader in production; nil means that
	Sender  framing.LeafIndex // its leaf, blank only in an external commit
	GroupID []byte
	Signer  crypto.Signer `json:"-" xml:"-"`
	// Leaf gives credential, capabilities, extensions and signature key of the new leaf. Its source, encryption key,
	// parent hash and signature are made here.
	Leaf framing.LeafNode
}

// Format prints all but the signer, which may be a private key.
func (p PathParams) Format(f fmt.State, verb rune) {
	type plain PathParams // without this method
	p.Signer = nil
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), plain(p)) // fmt.State reports failures by its own means
}

// Path is a fresh path of one sender, set in an Edit: the public keys are in the tree, the secrets are here. It is
// for one Commit. The caller owns its secrets and calls Erase when the Commit is made, and keeps what PrivatePath and
// CommitSecret returned before.
type Path struct {
	suite   *ciphersuite.Suite
	sender  framing.LeafIndex
	leaf    framing.LeafNode
	steps   []step
	secrets []ciphersuite.Secret // path_secret[k] of steps[k]
	pairs   []ciphersuite.KeyPair
	leafKey ciphersuite.KeyPair
	commit  ciphersuite.Secret
}

// NewPath generates a path for the sender and sets it in the tree (RFC 9420, Section 7.5), proposals having been
// applied before. The Edit's Tree then has the tree hash of the provisional group context with which to Seal.
func (e *Edit) NewPath(params PathParams) (*Path, error) {
	if uint32(params.Sender) >= e.width {
		return nil, &framing.RuleError{Rule: "V-CM-02", Leaf: params.Sender, Detail: "sender is outside the tree"}
	}
	if err := e.CheckKeys(); err != nil {
		return nil, err
	}
	p := &Path{suite: e.suite, sender: params.Sender, leaf: params.Leaf, steps: e.filteredDirectPath(params.Sender)}
	err := p.generate(params.Rand)
	if err == nil {
		err = e.install(p, params)
	}
	if err != nil {
		p.Discard()
		return nil, fmt.Errorf("making a path: %w", err)
	}
	return p, nil
}

// install sets the public keys of a path, and its leaf, which it signs.
func (e *Edit) install(p *Path, params PathParams) error {
	keys := make([]ciphersuite.HPKEPublicKey, len(p.pairs))
	for k := range p.pairs {
		keys[k] = p.pairs[k].Public
	}
	s := e.spine(p.sender)
	e.blankPath(s)
	p.leaf.LeafNodeSource = framing.LeafNodeSourceCommit
	p.leaf.EncryptionKey = p.leafKey.Public
	p.leaf.ParentHash = e.setPath(s, p.steps, keys)
	signing := framing.SignParams{Suite: e.suite, Rand: params.Rand, Signer: params.Signer}
	if err := p.leaf.Sign(signing, params.GroupID, p.sender); err != nil {
		return err
	}
	if err := e.setLeaf(s, &p.leaf); err != nil {
		return err
	}
	e.settle(s)
	return nil
}

// generate makes the leaf's key pair, the path secrets and their key pairs (RFC 9420, Section 7.4).
func (p *Path) generate(rand io.Reader) error {
	var err error
	if p.leafKey, err = p.suite.GenerateKeyPair(rand); err != nil {
		return err
	}
	secret, err := p.suite.RandomSecret(rand, p.suite.HashSize)
	if err != nil {
		return err
	}
	p.secrets, p.commit = ratchetPathSecrets(p.suite, secret, len(p.steps))
	p.pairs, err = nodeKeyPairs(p.suite, p.secrets)
	return err
}

// Seal encrypts the path secrets to the members, except those that the same Commit adds (RFC 9420, Section 7.6). tree
// is what the Edit became; groupContext is the provisional group context, encoded.
func (p *Path) Seal(rand io.Reader, tree *Tree, groupContext []byte, added []framing.LeafIndex) (*framing.UpdatePath, error) {
	update := &framing.UpdatePath{LeafNode: p.leaf, Nodes: make([]framing.UpdatePathNode, len(p.steps))}
	var to []ciphersuite.Recipient
	ends := make([]int, len(p.steps))
	for k, s := range p.steps {
		for _, x := range exclude(tree.Resolution(s.copath), added) {
			to = append(to, ciphersuite.Recipient{PublicKey: tree.encryptionKey(x), Plaintext: p.secrets[k]})
		}
		ends[k] = len(to)
	}
	sealed, err := p.suite.EncryptManyWithLabel(rand, updatePathLabel, groupContext, to)
	if err != nil {
		return nil, fmt.Errorf("encrypting a path: %w", err)
	}
	start := 0
	for k, end := range ends {
		update.Nodes[k] = framing.UpdatePathNode{EncryptionKey: p.pairs[k].Public, EncryptedPathSecret: sealed[start:end:end]}
		start = end
	}
	return update, nil
}

// CommitSecret returns the secret that the path adds to the key schedule (RFC 9420, Section 12.4.1). The caller owns
// it.
func (p *Path) CommitSecret() ciphersuite.Secret { return p.commit }

// PathSecret returns what a Welcome carries to a member that the same Commit adds at leaf i: the secret of the lowest
// node above both sender and newcomer (RFC 9420, Section 12.4.3.1). It stays the Path's.
func (p *Path) PathSecret(i framing.LeafIndex) (ciphersuite.Secret, bool) {
	for k, s := range p.steps {
		if s.copath.Covers(i) {
			return p.secrets[k], true
		}
	}
	return ciphersuite.Secret{}, false
}

// PrivatePath returns the sender's private state after its Commit takes effect. The caller owns it.
func (p *Path) PrivatePath() *PrivatePath {
	q := &PrivatePath{suite: p.suite, leaf: p.sender, leafKey: p.leafKey}
	for k, s := range p.steps {
		q.nodes = append(q.nodes, privateNode{s.node, p.pairs[k]})
	}
	return q
}

// Erase overwrites the path secrets (RFC 9420, Section 7.5), not the commit secret nor the key pairs.
func (p *Path) Erase() { eraseAll(p.secrets) }

// Discard overwrites everything secret in a path that nobody will use: path secrets, commit secret and all key pairs, those
// of its PrivatePath too.
func (p *Path) Discard() {
	p.Erase()
	p.commit.Erase()
	p.leafKey.Private.Erase()
	erasePairs(p.pairs)
}
