package treekem

// RFC 9420, Sections 12.4.3.1 and 12.4.3.3: the checks of a tree on joining.

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/parallel"
	"github.com/copse-mls/copse/internal/wire"
)

// ImportParams is a received tree and what it must agree with.
type ImportParams struct {
	Suite        *ciphersuite.Suite
	RatchetTree  []byte                // the data of a ratchet_tree extension
	GroupContext *framing.GroupContext // authenticated by the caller
	// MaxLeaves is the largest tree to accept, in leaves, blank ones included; 0 means MaxLeaves of this package.
	MaxLeaves int
	// MaxLeafSize is how many bytes each leaf may have; 0 means any number.
	MaxLeafSize int
	// CheckLeaf, unless nil, checks each leaf before anything is hashed or verified.
	CheckLeaf func(framing.LeafIndex, *framing.LeafNode) error
}

// Import makes a Tree from a received one after every check that RFC 9420, Section 12.4.3.1 demands: form, tree hash,
// unmerged leaves, parent hashes, uniqueness of keys, and for each leaf its signature and the group's rules. It fails
// with a *framing.SyntaxError or a *framing.RuleError. Lifetimes and credentials are left to the caller, as is
// finding its own leaf.
func Import(p ImportParams) (*Tree, error) {
	rules, err := NewLeafRules(p.GroupContext)
	if err != nil {
		return nil, err
	}
	check := rules.Check
	if p.CheckLeaf != nil {
		check = func(i framing.LeafIndex, leaf *framing.LeafNode) error {
			if err := p.CheckLeaf(i, leaf); err != nil {
				return err
			}
			return rules.Check(i, leaf)
		}
	}
	t, err := decode(p, check)
	if err != nil {
		return nil, err
	}
	if !bytes.Equal(t.Hash(), p.GroupContext.TreeHash) {
		return nil, &framing.RuleError{Rule: "V-TREE-03", Leaf: framing.NoLeaf,
			Detail: "tree hash differs from the group context's"}
	}
	for _, check := range []func() error{
		t.CheckCredentials,
		t.VerifyParentHashes,
		t.checkEncryptionKeys,
		func() error { return t.VerifyLeafSignatures(p.GroupContext.GroupID) },
	} {
		if err := check(); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// Decode makes a Tree from the data of a ratchet_tree extension and checks its form, its unmerged leaves, and that no
// key occurs twice, but neither hashes against anything nor signatures: for tools and tests. Import is for joining.
func Decode(suite *ciphersuite.Suite, ratchetTree []byte) (*Tree, error) {
	return decode(ImportParams{Suite: suite, RatchetTree: ratchetTree}, func(framing.LeafIndex, *framing.LeafNode) error { return nil })
}

// decode reads a tree within the limits of p, and checks each leaf.
func decode(p ImportParams, check func(framing.LeafIndex, *framing.LeafNode) error) (*Tree, error) {
	most := p.MaxLeaves
	if most <= 0 || most > MaxLeaves {
		most = MaxLeaves
	}
	// A node takes at least one byte, which bounds the width before the number of nodes is known.
	limit := Width(uint32(min(len(p.RatchetTree), most)))
	d := &treeDecoder{Edit: newEdit(newLayout(p.Suite), limit), most: most, largest: p.MaxLeafSize, check: check}
	count, err := framing.WalkRatchetTree(p.RatchetTree, d.node)
	if err != nil {
		return nil, err
	}
	if err := d.finish(count); err != nil {
		return nil, err
	}
	return d.tree()
}

// treeDecoder fills an Edit from left to right.
type treeDecoder struct {
	*Edit
	most     int // leaves
	largest  int // bytes of a leaf, 0 for no limit
	check    func(framing.LeafIndex, *framing.LeafNode) error
	lastType framing.NodeType
}

// node enters one node (RFC 9420, Section 12.4.3.3).
func (d *treeDecoder) node(position int, n framing.RawNode) error {
	x := NodeIndex(position)
	d.lastType = n.Type
	switch {
	case n.Type == framing.NodeTypeBlank:
		return nil
	case position > 2*(d.most-1):
		return &framing.RuleError{Rule: "V-WIRE-13", Leaf: framing.NoLeaf,
			Detail: fmt.Sprintf("tree of more than %d leaves", d.most)}
	case (n.Type == framing.NodeTypeLeaf) != (x.Level() == 0):
		return &framing.RuleError{Rule: "V-TREE-02", Leaf: framing.NoLeaf,
			Detail: fmt.Sprintf("a %v stands at node %d", n.Type, x)}
	case n.Type == framing.NodeTypeLeaf:
		return d.leafNode(x, n)
	}
	return d.parentNode(x, n.ParentNode)
}

func (d *treeDecoder) leafNode(x NodeIndex, n framing.RawNode) error {
	i, _ := x.Leaf()
	if d.largest > 0 && len(n.Raw) > d.largest {
		return &framing.RuleError{Rule: "V-WIRE-13", Leaf: i,
			Detail: fmt.Sprintf("leaf of %d bytes, at most %d", len(n.Raw), d.largest)}
	}
	if err := d.checkKeySizes(i, n.LeafNode); err != nil {
		return err
	}
	if err := d.check(i, n.LeafNode); err != nil {
		return err
	}
	d.caps.replace(nil, n.LeafNode)
	b, slot := d.spine(i).at(0)
	b.setLeaf(slot-blockParents, n.Raw)
	return nil
}

func (d *treeDecoder) parentNode(x NodeIndex, p *framing.ParentNode) error {
	if err := d.checkParent(x, p); err != nil {
		return err
	}
	from, _ := x.leaves()
	b, slot := d.spine(from).at(x.Level())
	d.setParent(b, slot, p.EncryptionKey, p.ParentHash)
	b.setUnmerged(slot, append([]framing.LeafIndex(nil), p.UnmergedLeaves...))
	return nil
}

// checkParent checks a parent by itself.
func (l layout) checkParent(x NodeIndex, p *framing.ParentNode) error {
	fail := func(rule string, leaf framing.LeafIndex, detail string) error {
		return &framing.RuleError{Rule: rule, Leaf: leaf, Detail: fmt.Sprintf("node %d: %s", x, detail)}
	}
	if len(p.EncryptionKey) != l.key {
		return fail("V-WIRE-16", framing.NoLeaf, fmt.Sprintf("encryption key of %d bytes", len(p.EncryptionKey)))
	}
	if n := len(p.ParentHash); n != 0 && n != l.hash {
		return fail("V-WIRE-16", framing.NoLeaf, fmt.Sprintf("parent hash of %d bytes", n))
	}
	from, to := x.leaves()
	for k, i := range p.UnmergedLeaves {
		if k > 0 && i <= p.UnmergedLeaves[k-1] {
			return fail("V-TREE-10", i, "unmerged leaves are not in strictly increasing order")
		}
		if i < from || i >= to {
			return fail("V-TREE-11", i, fmt.Sprintf("unmerged leaf %d is not below the node", i))
		}
	}
	return nil
}

// finish fits the tree to the number of nodes received and makes its counters and hashes.
func (d *treeDecoder) finish(count int) error {
	if d.lastType == framing.NodeTypeBlank { // as it is when there is no node
		return &framing.RuleError{Rule: "V-TREE-01", Leaf: framing.NoLeaf, Detail: "tree is empty or ends in a blank node"}
	}
	if count%2 == 0 {
		return &framing.RuleError{Rule: "V-TREE-02", Leaf: framing.NoLeaf, Detail: "tree ends in a parent"}
	}
	layer := layerOf(d.rootLevel())
	for d.width = Width(uint32(count+1) / 2); layer > layerOf(d.rootLevel()); layer-- {
		d.root = d.root.children[0]
	}
	d.recount(d.root, layer, slotOf(layer, d.rootLevel(), 0))
	if err := d.checkParents(); err != nil {
		return err
	}
	d.refreshAll()
	return nil
}

// recount computes the sizes at and below a slot. Blocks shared with another tree have theirs.
func (d *treeDecoder) recount(b *block, layer, slot int) {
	switch {
	case b.owner != d.owner:
		return
	case slot < blockParents:
		d.recount(b, layer, 2*slot+1)
		d.recount(b, layer, 2*slot+2)
		b.count(layer, slot)
	case layer > 0 && b.children[slot-blockParents] != nil:
		d.recount(b.children[slot-blockParents], layer-1, 0)
	}
}

// checkParents checks that some member is below each parent, or else no chain of parent hashes can be, and that each
// unmerged leaf is a member and listed by every node between (RFC 9420, Section 12.4.3.1). By induction it is enough
// to look at the next node below that is not blank.
func (d *treeDecoder) checkParents() error {
	var err error
	d.each(func(x NodeIndex, b *block, slot int) bool {
		if slot >= blockParents {
			return true
		}
		if b.members[slot] == 0 {
			err = &framing.RuleError{Rule: "V-TREE-04", Leaf: framing.NoLeaf, Detail: fmt.Sprintf("no member is below node %d", x)}
			return false
		}
		for _, i := range b.unmergedAt(slot) {
			if err = d.checkUnmergedLeaf(x, i); err != nil {
				return false
			}
		}
		return true
	})
	return err
}

func (d *treeDecoder) checkUnmergedLeaf(x NodeIndex, i framing.LeafIndex) error {
	if d.rawLeaf(i) == nil {
		return &framing.RuleError{Rule: "V-TREE-11", Leaf: i, Detail: fmt.Sprintf("node %d lists a blank leaf as unmerged", x)}
	}
	for level := x.Level() - 1; level > 0; level-- {
		y := ancestor(i, level)
		if d.isBlank(y) {
			continue
		}
		if len(within(d.unmergedLeaves(y), LeafNodeIndex(i))) == 0 {
			return &framing.RuleError{Rule: "V-TREE-12", Leaf: i,
				Detail: fmt.Sprintf("node %d lists the leaf as unmerged, node %d below does not", x, y)}
		}
		return nil
	}
	return nil
}

// refreshAll computes every hash, the lower blocks in parallel.
func (d *treeDecoder) refreshAll() {
	type job struct {
		b     *block
		layer int
		x     NodeIndex
	}
	var jobs []job
	var collect func(b *block, layer int, x NodeIndex)
	collect = func(b *block, layer int, x NodeIndex) {
		if layer <= 1 {
			jobs = append(jobs, job{b, layer, x})
			return
		}
		for k, child := range b.children {
			if child != nil {
				collect(child, layer-1, at(layer*blockLevels, x.position()<<blockLevels+uint32(k)))
			}
		}
	}
	if layer := layerOf(d.rootLevel()); layer > 1 {
		collect(d.root, layer, at((layer+1)*blockLevels, 0))
	}
	parallel.Chunks(len(jobs), 16, func(lo, hi int) {
		h := hasher{layout: d.layout}
		for _, j := range jobs[lo:hi] {
			h.refresh(j.b, j.layer, 0, j.x)
		}
	})
	d.refreshRoot()
}

// tree ends the decoding: it makes the index of keys, in which each may occur once.
func (d *treeDecoder) tree() (*Tree, error) {
	keys, err := rebuildKeyIndex(&d.view)
	if err != nil {
		var rule *framing.RuleError
		if errors.As(err, &rule) && rule.Rule != "V-TREE-13" {
			rule.Rule = "V-TREE-14" // the name that V-LN-17 and V-LN-18 have on joining
		}
		return nil, err
	}
	return &Tree{view: d.view, keys: keys, caps: d.caps.counts}, nil
}

// checkEncryptionKeys checks that every HPKE key is one of the suite's (RFC 9420, Section 5.1.1).
func (t *Tree) checkEncryptionKeys() error {
	var err error
	t.each(func(x NodeIndex, _ *block, _ int) bool {
		if e := t.suite.CheckHPKEPublicKey(t.encryptionKey(x)); e != nil {
			err = &framing.RuleError{Rule: "V-KP-06", Leaf: leafOf(x), Detail: fmt.Sprintf("encryption key of node %d", x), Err: e}
		}
		return err == nil
	})
	return err
}

// signatureBatch is how many leaf signatures are put together for one batch, which bounds the memory for them.
const signatureBatch = 4096

// VerifyLeafSignatures checks the signature of every leaf in a group of the given id (RFC 9420, Section 7.2). It
// fails with a *framing.RuleError that names the first leaf whose signature does not verify.
func (t *Tree) VerifyLeafSignatures(groupID []byte) error {
	v := &leafVerifier{suite: t.suite, groupID: groupID}
	var err error
	t.each(func(x NodeIndex, b *block, slot int) bool {
		if i, ok := x.Leaf(); ok {
			v.add(i, scanLeaf(b.leaf(slot-blockParents)))
			if len(v.items) == signatureBatch {
				err = v.flush()
			}
		}
		return err == nil
	})
	if err != nil {
		return err
	}
	return v.flush()
}

// leafLabel is the label of a leaf's signature (RFC 9420, Section 7.2).
const leafLabel = "LeafNodeTBS"

// leafVerifier collects leaf signatures for a batch.
type leafVerifier struct {
	suite   *ciphersuite.Suite
	groupID []byte
	leaves  []framing.LeafIndex
	items   []ciphersuite.SignedMessage
	arena   []byte // messages of the batch, one after the other
	content []byte
}

// add puts one leaf into the batch. What it signs is its own bytes up to the signature and, unless it came with a
// KeyPackage, its place in the group (RFC 9420, Section 7.2).
func (v *leafVerifier) add(i framing.LeafIndex, leaf leafScan) {
	v.content = append(v.content[:0], leaf.unsigned...)
	if leaf.source != framing.LeafNodeSourceKeyPackage {
		v.content = append(wire.AppendLength(v.content, len(v.groupID)), v.groupID...)
		v.content = binary.BigEndian.AppendUint32(v.content, uint32(i))
	}
	start := len(v.arena)
	v.arena = ciphersuite.AppendSignContent(v.arena, leafLabel, v.content)
	v.leaves = append(v.leaves, i)
	v.items = append(v.items, ciphersuite.SignedMessage{
		Key: leaf.key, Message: v.arena[start:len(v.arena):len(v.arena)], Signature: leaf.signature})
}

func (v *leafVerifier) flush() error {
	err := v.suite.VerifyBatch(v.items)
	var at *ciphersuite.IndexError
	if errors.As(err, &at) {
		rule := "V-TREE-15"
		if errors.Is(err, ciphersuite.ErrPublicKey) {
			rule = "V-KP-06"
		}
		err = &framing.RuleError{Rule: rule, Leaf: v.leaves[at.Index], Detail: "signature of the leaf", Err: at.Err}
	}
	v.leaves, v.items, v.arena = v.leaves[:0], v.items[:0], v.arena[:0]
	return err
}
