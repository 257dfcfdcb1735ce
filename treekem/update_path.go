package treekem

// RFC 9420, Sections 7.4 to 7.6: ratchet tree evolution and update paths, what everyone sees of them.

import (
	"bytes"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// ApplyPathParams is an UpdatePath received, and what decides whether it fits.
type ApplyPathParams struct {
	Sender framing.LeafIndex
	Path   *framing.UpdatePath
	Added  []framing.LeafIndex // leaves that the same Commit added, to which no secret is encrypted
}

// ApplyPath merges an UpdatePath into the tree (RFC 9420, Section 7.5): it blanks the sender's direct path, sets the
// leaf and the filtered direct path, and checks the number of nodes and ciphertexts, that the keys are well formed
// and new to the tree, and the parent hash in the leaf. It fails with a *framing.RuleError. The leaf's signature,
// rules and source are for the caller to check. The sender's leaf is blank beforehand only in an external commit.
func (e *Edit) ApplyPath(p ApplyPathParams) error {
	if uint32(p.Sender) >= e.width {
		return &framing.RuleError{Rule: "V-CM-02", Leaf: p.Sender, Detail: "sender is outside the tree"}
	}
	steps := e.filteredDirectPath(p.Sender)
	if err := e.checkPathShape(steps, p); err != nil {
		return err
	}
	keys := make([]ciphersuite.HPKEPublicKey, len(steps))
	for k := range steps {
		keys[k] = p.Path.Nodes[k].EncryptionKey
	}
	if err := e.checkPathKeys(p, keys); err != nil {
		return err
	}
	s := e.spine(p.Sender)
	e.blankPath(s)
	want := e.setPath(s, steps, keys)
	if !bytes.Equal(want, p.Path.LeafNode.ParentHash) {
		return &framing.RuleError{Rule: "V-CM-10", Leaf: p.Sender, Detail: "parent hash of the leaf is not that of its path"}
	}
	if err := e.setLeaf(s, &p.Path.LeafNode); err != nil {
		return err
	}
	e.settle(s)
	return nil
}

// checkPathShape compares the path with the filtered direct path and its copath resolutions (RFC 9420, Section 7.6).
func (e *Edit) checkPathShape(steps []step, p ApplyPathParams) error {
	if len(p.Path.Nodes) != len(steps) {
		return &framing.RuleError{Rule: "V-CM-02", Leaf: p.Sender,
			Detail: fmt.Sprintf("path has %d nodes, filtered direct path %d", len(p.Path.Nodes), len(steps))}
	}
	for k, s := range steps {
		want := int(e.resolutionSize(s.copath)) - countCovered(s.copath, p.Added)
		if got := len(p.Path.Nodes[k].EncryptedPathSecret); got != want {
			return &framing.RuleError{Rule: "V-CM-03", Leaf: p.Sender,
				Detail: fmt.Sprintf("path node %d has %d ciphertexts, resolution has %d", k, got, want)}
		}
	}
	return nil
}

func countCovered(x NodeIndex, leaves []framing.LeafIndex) int {
	n := 0
	for _, i := range leaves {
		if x.Covers(i) {
			n++
		}
	}
	return n
}

// checkPathKeys checks that the keys of a path are usable, and that none stands in the tree or twice in the path (RFC
// 9420, Section 12.4.2). The nodes that the path is to replace still stand: a path that kept one of their keys would not
// heal what was compromised.
func (e *Edit) checkPathKeys(p ApplyPathParams, keys []ciphersuite.HPKEPublicKey) error {
	fail := func(rule, detail string, err error) error {
		return &framing.RuleError{Rule: rule, Leaf: p.Sender, Detail: detail, Err: err}
	}
	if err := e.CheckKeys(); err != nil {
		return err
	}
	leafKey := p.Path.LeafNode.EncryptionKey
	if old := e.encryptionKey(LeafNodeIndex(p.Sender)); len(old) > 0 && bytes.Equal(leafKey, old) {
		return fail("V-CM-08", "path leaf keeps the old encryption key", nil)
	}
	seen := make([]ciphersuite.HPKEPublicKey, 0, len(keys)+1)
	for _, key := range append([]ciphersuite.HPKEPublicKey{leafKey}, keys...) {
		if err := e.suite.CheckHPKEPublicKey(key); err != nil {
			return fail("V-KP-06", "key of the path", err)
		}
		for _, other := range seen { // a path has at most maxLevel nodes
			if bytes.Equal(key, other) {
				return fail("V-CM-09", "a key occurs twice in the path", nil)
			}
		}
		if x, found := e.keys.findEncryption(&e.view, key, noNode); found {
			return fail("V-CM-09", fmt.Sprintf("a key of the path is that of node %d", x), nil)
		}
		seen = append(seen, key)
	}
	return nil
}

// CheckKeys refuses a key that this edit has set and that stands at another node too, as the tree now is (V-LN-17, V-LN-18,
// V-TREE-13), with a *framing.RuleError. Tree does so at the end; before a path, receivers do it while the nodes that it
// replaces still stand, and so must its sender.
func (e *Edit) CheckKeys() error {
	keys, err := e.keys.add(&e.view, e.touched)
	if err != nil {
		return err
	}
	e.keys, e.touched = keys, e.touched[:0]
	return nil
}

// setPath puts fresh keys on the filtered direct path, with the parent hashes that follow from them, from the root
// down (RFC 9420, Section 7.9). It returns the parent hash for the leaf.
func (e *Edit) setPath(s *spine, steps []step, keys []ciphersuite.HPKEPublicKey) []byte {
	var above []byte // the parent hash of the node above; empty at the root
	for k := len(steps) - 1; k >= 0; k-- {
		b, slot := s.at(steps[k].node.Level())
		e.setParent(b, slot, keys[k], above)
		e.touched = append(e.touched, steps[k].node)
		above = e.hashing.parentHash(keys[k], above, e.freshHash(steps[k].copath))
	}
	return above
}

// freshHash returns the tree hash of a node in the tree as it now stands. Something is below x.
func (e *Edit) freshHash(x NodeIndex) []byte {
	b, slot := e.find(x)
	return e.hashing.refresh(b, layerOf(x.Level()), slot, x)
}
