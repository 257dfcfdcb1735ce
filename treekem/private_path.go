package treekem

// RFC 9420, Sections 7.5 and 7.6: the receiver's side of an update path.

import (
	"bytes"
	"fmt"
	"iter"
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// PrivatePath holds the private keys that one member has: of its own leaf and of parents above it (RFC 9420,
// Section 4.2). It never changes; transitions return a new one, which shares the key pairs that stay the same.
// EraseReplaced overwrites those that do not.
type PrivatePath struct {
	suite   *ciphersuite.Suite
	leaf    framing.LeafIndex
	leafKey ciphersuite.KeyPair
	nodes   []privateNode // from the leaf's side to the root
}

type privateNode struct {
	node NodeIndex
	pair ciphersuite.KeyPair
}

// NewPrivatePath returns the private state of a member that knows its own leaf's key pair only.
func NewPrivatePath(suite *ciphersuite.Suite, leaf framing.LeafIndex, leafKey ciphersuite.KeyPair) *PrivatePath {
	return &PrivatePath{suite: suite, leaf: leaf, leafKey: leafKey}
}

// Leaf returns the member's own leaf.
func (p *PrivatePath) Leaf() framing.LeafIndex { return p.leaf }

// Missing returns the lowest parent above the leaf of which the member should know the private key and p does not have
// it: one that is not blank and does not list the leaf as unmerged (RFC 9420, Section 4.2). It returns false when there
// is none.
func (p *PrivatePath) Missing(tree *Tree) (NodeIndex, bool) {
	for x, ok := LeafNodeIndex(p.leaf).Parent(tree.width); ok; x, ok = x.Parent(tree.width) {
		_, have := p.key(x)
		if have || tree.isBlank(x) {
			continue
		}
		if _, unmerged := slices.BinarySearch(tree.unmergedLeaves(x), p.leaf); !unmerged {
			return x, true
		}
	}
	return 0, false
}

// Keys yields every node with its key pair, the leaf first. The pairs stay the PrivatePath's.
func (p *PrivatePath) Keys() iter.Seq2[NodeIndex, ciphersuite.KeyPair] {
	return func(yield func(NodeIndex, ciphersuite.KeyPair) bool) {
		if !yield(LeafNodeIndex(p.leaf), p.leafKey) {
			return
		}
		for _, n := range p.nodes {
			if !yield(n.node, n.pair) {
				return
			}
		}
	}
}

// WithKey adds the key pair of a parent above the leaf, as when loading records.
func (p *PrivatePath) WithKey(x NodeIndex, pair ciphersuite.KeyPair) (*PrivatePath, error) {
	if x.Level() == 0 || !x.Covers(p.leaf) {
		return nil, fmt.Errorf("treekem: node %d is not above leaf %d", x, p.leaf)
	}
	q := *p
	q.nodes = slices.DeleteFunc(slices.Clone(p.nodes), func(n privateNode) bool { return n.node == x })
	q.nodes = append(q.nodes, privateNode{x, pair})
	slices.SortFunc(q.nodes, func(a, b privateNode) int { return a.node.Level() - b.node.Level() })
	return &q, nil
}

// WithLeafKey replaces the leaf's key pair, as when the member's own Update is committed.
func (p *PrivatePath) WithLeafKey(pair ciphersuite.KeyPair) *PrivatePath {
	q := *p
	q.leafKey = pair
	return &q
}

// Prune drops the keys of nodes that are blank or hold another key in tree.
func (p *PrivatePath) Prune(tree *Tree) *PrivatePath {
	q := *p
	q.nodes = slices.DeleteFunc(slices.Clone(p.nodes), func(n privateNode) bool {
		return !bytes.Equal(tree.EncryptionKey(n.node), n.pair.Public)
	})
	return &q
}

// Check checks that every key pair is that of its node in tree.
func (p *PrivatePath) Check(tree *Tree) error {
	for x, pair := range p.Keys() {
		if !bytes.Equal(tree.EncryptionKey(x), pair.Public) {
			return fmt.Errorf("treekem: private key of node %d does not fit the tree", x)
		}
	}
	return nil
}

// EraseReplaced overwrites the private keys that p has and next does not share. next may be nil.
func (p *PrivatePath) EraseReplaced(next *PrivatePath) {
	for x, pair := range p.Keys() {
		if next == nil || !next.holds(x, pair.Public) {
			pair.Private.Erase()
		}
	}
}

func (p *PrivatePath) holds(x NodeIndex, public ciphersuite.HPKEPublicKey) bool {
	for y, pair := range p.Keys() {
		if y == x && bytes.Equal(pair.Public, public) {
			return true
		}
	}
	return false
}

// key returns the key pair of node x, and false when p has none.
func (p *PrivatePath) key(x NodeIndex) (ciphersuite.KeyPair, bool) {
	for y, pair := range p.Keys() {
		if y == x {
			return pair, true
		}
	}
	return ciphersuite.KeyPair{}, false
}

// DecapsulateParams is an UpdatePath that ApplyPath accepted, and the state it led to.
type DecapsulateParams struct {
	Tree         *Tree // with the path applied
	Sender       framing.LeafIndex
	Path         *framing.UpdatePath
	Added        []framing.LeafIndex // leaves that the same Commit added
	GroupContext []byte              // provisional, encoded
}

// Decapsulate decrypts the path secret meant for this member and derives what lies above (RFC 9420, Section 7.5). It
// returns the private state after the Commit and the commit secret, both the caller's, and leaves p as it is. It
// fails with a *framing.RuleError when no ciphertext is for this member, when decryption fails (V-CM-20), or when
// the secret leads to other keys than those in the path (V-CM-06).
func (p *PrivatePath) Decapsulate(d DecapsulateParams) (*PrivatePath, ciphersuite.Secret, error) {
	none := ciphersuite.Secret{}
	secret, steps, err := p.open(d)
	if err != nil {
		return nil, none, err
	}
	secrets, commit := ratchetPathSecrets(p.suite, secret, len(steps))
	defer eraseAll(secrets)
	pairs, err := nodeKeyPairs(p.suite, secrets)
	if err != nil {
		commit.Erase()
		return nil, none, fmt.Errorf("deriving path keys: %w", err)
	}
	next := p.Prune(d.Tree)
	for k, s := range steps {
		if !bytes.Equal(pairs[k].Public, d.Tree.EncryptionKey(s.node)) {
			commit.Erase()
			erasePairs(pairs)
			return nil, none, &framing.RuleError{Rule: "V-CM-06", Leaf: d.Sender,
				Detail: fmt.Sprintf("path secret leads to another key for node %d", s.node)}
		}
		next.nodes = append(next.nodes, privateNode{s.node, pairs[k]})
	}
	return next, commit, nil
}

// open decrypts the one path secret that this member can reach. It returns the steps of the sender's filtered direct
// path from that secret's node to the root.
func (p *PrivatePath) open(d DecapsulateParams) (ciphersuite.Secret, []step, error) {
	fail := func(rule, detail string, err error) (ciphersuite.Secret, []step, error) {
		return ciphersuite.Secret{}, nil, &framing.RuleError{Rule: rule, Leaf: d.Sender, Detail: detail, Err: err}
	}
	if uint32(d.Sender) >= d.Tree.width {
		return fail("V-CM-02", "sender is outside the tree", nil)
	}
	steps := d.Tree.filteredDirectPath(d.Sender)
	k := slices.IndexFunc(steps, func(s step) bool { return s.copath.Covers(p.leaf) })
	if k < 0 || len(d.Path.Nodes) != len(steps) {
		return fail("V-CM-02", "path does not lead to the receiver", nil)
	}
	resolution := exclude(d.Tree.Resolution(steps[k].copath), d.Added)
	ciphertexts := d.Path.Nodes[k].EncryptedPathSecret
	for j, x := range resolution {
		pair, ok := p.key(x)
		if !ok || !bytes.Equal(pair.Public, d.Tree.encryptionKey(x)) {
			continue
		}
		if j >= len(ciphertexts) {
			return fail("V-CM-03", "path lacks the receiver's ciphertext", nil)
		}
		secret, err := p.suite.DecryptWithLabel(pair, updatePathLabel, d.GroupContext, ciphertexts[j])
		if err != nil {
			return fail("V-CM-20", fmt.Sprintf("path secret for node %d does not decrypt", x), err)
		}
		if secret.Len() != p.suite.HashSize {
			secret.Erase()
			return fail("V-CM-20", "path secret has a wrong size", nil)
		}
		return secret, steps[k:], nil
	}
	return fail("V-CM-20", "the receiver has no key in the resolution", nil)
}

// WithPathSecret adds the keys that follow from a path secret received in a Welcome: for the lowest node above both
// this member and the sender of the Commit, and for each parent above that is not blank (RFC 9420,
// Section 12.4.3.1). It fails with a *framing.RuleError (V-WEL-09) when they are not the tree's.
func (p *PrivatePath) WithPathSecret(tree *Tree, sender framing.LeafIndex, secret ciphersuite.Secret) (*PrivatePath, error) {
	fail := func(detail string) error {
		return &framing.RuleError{Rule: "V-WEL-09", Leaf: sender, Detail: detail}
	}
	if uint32(max(sender, p.leaf)) >= tree.width || sender == p.leaf {
		return nil, fail("no such sender of a path")
	}
	if secret.Len() != p.suite.HashSize {
		return nil, fail("path secret has a wrong size")
	}
	var nodes []NodeIndex
	for x, ok := CommonAncestor(p.leaf, sender), true; ok; x, ok = x.Parent(tree.width) {
		if !tree.isBlank(x) {
			nodes = append(nodes, x)
		}
	}
	if len(nodes) == 0 || nodes[0] != CommonAncestor(p.leaf, sender) {
		return nil, fail("path secret for a blank node")
	}
	secrets, last := ratchetPathSecrets(p.suite, secret.Clone(), len(nodes))
	defer eraseAll(append(secrets, last))
	pairs, err := nodeKeyPairs(p.suite, secrets)
	if err != nil {
		return nil, fmt.Errorf("deriving path keys: %w", err)
	}
	next := p.Prune(tree)
	for k, x := range nodes {
		if !bytes.Equal(pairs[k].Public, tree.EncryptionKey(x)) {
			erasePairs(pairs)
			return nil, fail(fmt.Sprintf("path secret leads to another key for node %d", x))
		}
		next.nodes = append(next.nodes, privateNode{x, pairs[k]})
	}
	return next, nil
}
