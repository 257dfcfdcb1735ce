package treekem

// RFC 9420, Section 4: Ratchet Tree Concepts.

import (
	"iter"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// Tree is the public part of a ratchet tree: the leaf of every member and the keys of the parents above (RFC 9420,
// Section 4). A Tree never changes and is safe for concurrent use; keeping one costs a pointer, for its descendants
// share with it whatever they have in common.
type Tree struct {
	view
	keys *keyIndex
	caps counts
}

// Suite returns the cipher suite whose keys and hashes the tree holds.
func (t *Tree) Suite() *ciphersuite.Suite { return t.suite }

// Width returns the number of leaves, blank ones included: a power of two.
func (t *Tree) Width() uint32 { return t.width }

// Members returns the number of leaves that are not blank.
func (t *Tree) Members() int { return int(t.members(Root(t.width))) }

// Leaf returns the leaf node of a member, and false for a blank leaf or one outside the tree. The result aliases the
// tree and must not be changed.
func (t *Tree) Leaf(i framing.LeafIndex) (*framing.LeafNode, bool) {
	raw := t.rawLeaf(i)
	if raw == nil {
		return nil, false
	}
	return decodeLeaf(raw), true
}

// HasLeaf reports whether leaf i is in the tree and not blank.
func (t *Tree) HasLeaf(i framing.LeafIndex) bool { return t.rawLeaf(i) != nil }

// Leaves yields the members in the order of their leaves, each as from Leaf.
func (t *Tree) Leaves() iter.Seq2[framing.LeafIndex, *framing.LeafNode] {
	return func(yield func(framing.LeafIndex, *framing.LeafNode) bool) {
		t.each(func(x NodeIndex, b *block, slot int) bool {
			i, ok := x.Leaf()
			return !ok || yield(i, decodeLeaf(b.leaf(slot-blockParents)))
		})
	}
}

// Parent returns a parent node, and false for a leaf, a blank node, or one outside the tree. The result aliases the
// tree and must not be changed.
func (t *Tree) Parent(x NodeIndex) (*framing.ParentNode, bool) {
	if !t.contains(x) || x.Level() == 0 || t.isBlank(x) {
		return nil, false
	}
	b, slot := t.find(x)
	return &framing.ParentNode{
		EncryptionKey:  t.keyAt(b, slot),
		ParentHash:     t.parentHashAt(b, slot),
		UnmergedLeaves: b.unmergedAt(slot),
	}, true
}

// EncryptionKey returns the HPKE public key of a leaf or parent, nil for a blank node or one outside the tree.
func (t *Tree) EncryptionKey(x NodeIndex) ciphersuite.HPKEPublicKey {
	if !t.contains(x) {
		return nil
	}
	return t.encryptionKey(x)
}

// SignatureKey returns the signature key of a member, nil for a blank leaf or one outside the tree.
func (t *Tree) SignatureKey(i framing.LeafIndex) ciphersuite.SignaturePublicKey {
	return t.signatureKey(i)
}

// Hash returns the tree hash of the root (RFC 9420, Section 7.8). The result must not be changed.
func (t *Tree) Hash() []byte { return t.NodeHash(Root(t.width)) }

// NodeHash returns the tree hash of a node (RFC 9420, Section 7.8), nil outside the tree. The result must not be
// changed.
func (t *Tree) NodeHash(x NodeIndex) []byte {
	if !t.contains(x) {
		return nil
	}
	if hash := t.storedHash(x); hash != nil {
		return hash
	}
	hash := make([]byte, t.hash)
	(&hasher{layout: t.layout}).blank(hash, x)
	return hash
}

// storedHash returns the hash of a node as a block holds it, nil within a blank block. The root of a blank block has
// its hash in the block above.
func (v *view) storedHash(x NodeIndex) []byte {
	if b, slot := v.find(x); b != nil {
		return v.hashAt(b, slot)
	}
	level := x.Level()
	if layer := layerOf(level); level != (layer+1)*blockLevels || level == v.rootLevel() {
		return nil
	}
	parent, _ := x.Parent(v.width)
	b, slot := v.find(parent)
	if b == nil {
		return nil
	}
	return v.hashAt(b, 2*slot+1+int(x.position()&1))
}

// Resolution lists the nodes whose keys together reach every member at and below x (RFC 9420, Section 4.1.1).
func (t *Tree) Resolution(x NodeIndex) []NodeIndex {
	if !t.contains(x) {
		return nil
	}
	return t.appendResolution(nil, x)
}

// FilteredDirectPath lists the nodes that a path from leaf i would fill, from the leaf's side to the root (RFC 9420,
// Section 4.1.2). It is nil outside the tree.
func (t *Tree) FilteredDirectPath(i framing.LeafIndex) []NodeIndex {
	if uint32(i) >= t.width {
		return nil
	}
	var nodes []NodeIndex
	for _, s := range t.filteredDirectPath(i) {
		nodes = append(nodes, s.node)
	}
	return nodes
}

// PathCost returns the number of HPKE ciphertexts in an UpdatePath that leaf i would send now. It is logarithmic in the
// size of the group when most members have committed, and grows with the number of blank nodes beside the path.
func (t *Tree) PathCost(i framing.LeafIndex) int {
	if uint32(i) >= t.width {
		return 0
	}
	cost := 0
	for _, s := range t.filteredDirectPath(i) {
		cost += int(t.resolutionSize(s.copath))
	}
	return cost
}

// FindEncryptionKey returns a node, leaf or parent, that holds the HPKE key, and false when none does.
func (t *Tree) FindEncryptionKey(key ciphersuite.HPKEPublicKey) (NodeIndex, bool) {
	return t.keys.findEncryption(&t.view, key, noNode)
}

// FindSignatureKey returns the leaf that holds the signature key, and false when none does.
func (t *Tree) FindSignatureKey(key ciphersuite.SignaturePublicKey) (framing.LeafIndex, bool) {
	x, ok := t.keys.findSignature(&t.view, key, noNode)
	return framing.LeafIndex(x >> 1), ok
}

// Support reports what the members of the tree support.
func (t *Tree) Support() Support { return Support{t.caps, t.Members()} }
