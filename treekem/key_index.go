package treekem

// RFC 9420, Section 16.7: Uniqueness of Ratchet Tree Key Pairs.

import (
	"bytes"
	"fmt"
	"hash/maphash"
	"sync"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// keyIndex finds the nodes that hold a key. Its tables store places, not keys: a place counts only if the tree that
// asks does hold the key there. So one index serves a tree and its descendants alike; entries that a tree outgrew, or
// that came from a change which was dropped, do no harm and vanish when the index is made anew.
type keyIndex struct {
	encryption table // places of HPKE keys: nodes
	signature  table // places of signature keys: nodes that are leaves
}

// noNode is no place in a tree.
const noNode NodeIndex = 1<<32 - 1

func newKeyIndex(nodes, members int) *keyIndex {
	k := new(keyIndex)
	k.encryption.init(nodes)
	k.signature.init(members)
	return k
}

// keyAt reads a key of one kind from a tree.
type keyAt func(v *view, x NodeIndex) []byte

// encryptionKeyAt returns the HPKE key in canonical form: keys that differ in their encoding alone are one key.
func encryptionKeyAt(v *view, x NodeIndex) []byte { return v.encryptionKey(x).Canonical() }

func signatureKeyAt(v *view, x NodeIndex) []byte {
	i, ok := x.Leaf()
	if !ok {
		return nil
	}
	return v.signatureKey(i)
}

// findEncryption returns a node of v other than except that holds the HPKE key.
func (k *keyIndex) findEncryption(v *view, key ciphersuite.HPKEPublicKey, except NodeIndex) (NodeIndex, bool) {
	return k.encryption.find(v, key.Canonical(), except, encryptionKeyAt)
}

// findSignature returns a leaf node of v other than except that holds the signature key.
func (k *keyIndex) findSignature(v *view, key []byte, except NodeIndex) (NodeIndex, bool) {
	return k.signature.find(v, key, except, signatureKeyAt)
}

// add enters the keys of the touched nodes and refuses a key that stands at another node too. It returns the index to
// use from now on: k itself, or a new one when k has filled up with places that v outgrew.
func (k *keyIndex) add(v *view, touched []NodeIndex) (*keyIndex, error) {
	for _, x := range touched {
		if !v.contains(x) || v.isBlank(x) {
			continue // came and went within the change
		}
		switch fits, err := k.addNode(v, x); {
		case err != nil:
			return nil, err
		case !fits:
			return rebuildKeyIndex(v)
		}
	}
	return k, nil
}

// addNode enters the keys of one node. It reports false when a table has no room.
func (k *keyIndex) addNode(v *view, x NodeIndex) (fits bool, err error) {
	key := v.encryptionKey(x)
	if other, ok := k.findEncryption(v, key, x); ok {
		return false, duplicateEncryptionKey(x, other)
	}
	fits = k.encryption.insert(key.Canonical(), x)
	if i, ok := x.Leaf(); ok {
		key := v.signatureKey(i)
		if other, ok := k.findSignature(v, key, x); ok {
			return false, duplicateKey("V-LN-18", i, "signature key", other)
		}
		fits = k.signature.insert(key, x) && fits
	}
	return fits, nil
}

// rebuildKeyIndex makes the index of v from its nodes, which must hold each key once.
func rebuildKeyIndex(v *view) (*keyIndex, error) {
	nodes, members := 0, 0
	v.each(func(x NodeIndex, _ *block, _ int) bool {
		nodes++
		if x.Level() == 0 {
			members++
		}
		return true
	})
	k := newKeyIndex(nodes, members)
	var err error
	v.each(func(x NodeIndex, _ *block, _ int) bool {
		_, err = k.addNode(v, x) // there is room: the tables were made for these nodes
		return err == nil
	})
	return k, err
}

func duplicateEncryptionKey(x, other NodeIndex) error {
	if i, ok := x.Leaf(); ok && other.Level() == 0 {
		return duplicateKey("V-LN-17", i, "encryption key", other)
	}
	leaf := min(leafOf(x), leafOf(other)) // one of them is no leaf, and NoLeaf is the largest index
	return &framing.RuleError{Rule: "V-TREE-13", Leaf: leaf,
		Detail: fmt.Sprintf("nodes %d and %d hold one encryption key", x, other)}
}

func duplicateKey(rule string, i framing.LeafIndex, what string, other NodeIndex) error {
	return &framing.RuleError{Rule: rule, Leaf: i, Detail: fmt.Sprintf("%s is that of leaf %d too", what, other>>1)}
}

// table is an open-addressing hash table of places. Keys are chosen by whoever sends them, so the hash is seeded.
type table struct {
	mu    sync.RWMutex
	seed  maphash.Seed
	slots []uint32 // place + 1, 0 when free
	tags  []uint8  // eight more bits of the hash, to spare most comparisons with the tree
	used  int
}

const minTable = 32

func (t *table) init(keys int) {
	size := max(2*keys, minTable)
	t.seed = maphash.MakeSeed()
	t.slots = make([]uint32, size)
	t.tags = make([]uint8, size)
}

// start returns the slot at which the search for a key begins, and its tag.
func (t *table) start(key []byte) (slot int, tag uint8) {
	h := maphash.Bytes(t.seed, key)
	return int((h >> 32) * uint64(len(t.slots)) >> 32), uint8(h)
}

func (t *table) find(v *view, key []byte, except NodeIndex, at keyAt) (NodeIndex, bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	slot, tag := t.start(key)
	for ; t.slots[slot] != 0; slot = t.next(slot) {
		x := NodeIndex(t.slots[slot] - 1)
		if t.tags[slot] == tag && x != except && v.contains(x) && bytes.Equal(at(v, x), key) {
			return x, true
		}
	}
	return noNode, false
}

// insert enters a place for key, once. It reports false, and enters nothing, when the table is so full that searches
// would become long.
func (t *table) insert(key []byte, x NodeIndex) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	slot, tag := t.start(key)
	for ; t.slots[slot] != 0; slot = t.next(slot) {
		if t.slots[slot] == uint32(x)+1 && t.tags[slot] == tag {
			return true
		}
	}
	if 4*(t.used+1) > 3*len(t.slots) {
		return false
	}
	t.slots[slot], t.tags[slot] = uint32(x)+1, tag
	t.used++
	return true
}

func (t *table) next(slot int) int {
	if slot++; slot < len(t.slots) {
		return slot
	}
	return 0
}
