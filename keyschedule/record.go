package keyschedule

// A secret tree in storage: a record for each node and each ratchet, so that a message writes what it touched.

import (
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// ErrTreeRecord says that the records of a SecretTree do not fit together.
var ErrTreeRecord = errors.New("keyschedule: records of a secret tree do not fit together")

// NodeRecord is a node of a SecretTree for storage. Nodes are counted within their level from the left; leaves are at
// level 0.
type NodeRecord struct {
	Level    uint8
	Position uint32
	Secret   ciphersuite.Secret // zero when the node has no secret any more and is to be deleted from storage
}

// RatchetRecord is a ratchet of a SecretTree for storage, without its skipped keys.
type RatchetRecord struct {
	Leaf   framing.LeafIndex
	Kind   RatchetKind
	Next   uint64             // generation of Secret; 2^32 after the last one
	Secret ciphersuite.Secret // zero when Next is 2^32
	Floor  uint64             // no key below this generation is kept
}

// SkippedRecord is what a ratchet keeps of SkippedBlock generations for storage: those from Block*SkippedBlock on.
type SkippedRecord struct {
	Leaf  framing.LeafIndex
	Kind  RatchetKind
	Block uint32
	Keys  []SkippedKey // in the order of their generations; none when no key is left and the record is to be deleted
}

// Nodes yields the nodes of t that hold a secret, or only what differs from since, when that is not nil: nodes new in
// t, and nodes whose secret is gone. The tree keeps the secrets yielded, and the loop must not call EraseExcept.
func (t *SecretTree) Nodes(since *SecretTree) iter.Seq[NodeRecord] {
	return func(yield func(NodeRecord) bool) {
		t.differences(since, func(d difference) bool {
			if d.now.secret == d.then.secret {
				return true
			}
			return yield(NodeRecord{uint8(d.level), d.position, d.now.secret})
		})
	}
}

// Ratchets yields the ratchets of t, or only those that differ from since, when that is not nil. The tree keeps the
// secrets yielded, and the loop must not call EraseExcept.
func (t *SecretTree) Ratchets(since *SecretTree) iter.Seq[RatchetRecord] {
	return func(yield func(RatchetRecord) bool) {
		t.differences(since, func(d difference) bool {
			for k, r := range d.now.ratchets {
				if r == nil || r.sameState(d.then.ratchets[k]) {
					continue
				}
				if !yield(RatchetRecord{framing.LeafIndex(d.position), RatchetKind(k), r.next, r.secret, r.floor}) {
					return false
				}
			}
			return true
		})
	}
}

// sameState reports whether two ratchets differ at most in their skipped keys.
func (r *ratchet) sameState(o *ratchet) bool {
	return r == o || o != nil && r.next == o.next && r.secret == o.secret && r.floor == o.floor
}

// Skipped yields the skipped keys of t, or only the blocks of them that differ from since, when that is not nil. The tree
// keeps the secrets yielded, and the loop must not call EraseExcept.
func (t *SecretTree) Skipped(since *SecretTree) iter.Seq[SkippedRecord] {
	return func(yield func(SkippedRecord) bool) {
		t.differences(since, func(d difference) bool {
			for k := range ratchetKinds {
				record := SkippedRecord{Leaf: framing.LeafIndex(d.position), Kind: k}
				if !skippedDifferences(d.now.ratchets[k], d.then.ratchets[k], record, yield) {
					return false
				}
			}
			return true
		})
	}
}

// skippedDifferences yields the blocks in which now differs from then, either of which may be nil.
func skippedDifferences(now, then *ratchet, record SkippedRecord, yield func(SkippedRecord) bool) bool {
	if now == then {
		return true
	}
	nothing := &ratchet{}
	if now == nil {
		now = nothing
	}
	if then == nil {
		then = nothing
	}
	for _, b := range now.skipped {
		if i, found := then.findBlock(b.number); found && then.skipped[i] == b {
			continue
		}
		record.Block, record.Keys = b.number, b.keys
		if !yield(record) {
			return false
		}
	}
	for _, b := range then.skipped {
		if _, found := now.findBlock(b.number); found {
			continue
		}
		record.Block, record.Keys = b.number, nil
		if !yield(record) {
			return false
		}
	}
	return true
}

// difference is a place in which two trees have different nodes; where one has none, the node is empty.
type difference struct {
	then, now *node
	level     int
	position  uint32
}

// differences visits the places in which t differs from since, parents before children, until visit returns false.
func (t *SecretTree) differences(since *SecretTree, visit func(difference) bool) {
	t.epoch.erasing.RLock()
	defer t.epoch.erasing.RUnlock()
	nothing := &node{}
	var walk func(d difference) bool
	walk = func(d difference) bool {
		if d.then == d.now {
			return true
		}
		if d.then == nil {
			d.then = nothing
		}
		if d.now == nil {
			d.now = nothing
		}
		if !visit(d) {
			return false
		}
		for i := range uint32(2) {
			if !walk(difference{d.then.child[i], d.now.child[i], d.level - 1, d.position<<1 | i}) {
				return false
			}
		}
		return true
	}
	top := difference{now: t.root, level: t.epoch.depth}
	if since != nil {
		top.then = since.root
	}
	walk(top)
}

// TreeRecord is a SecretTree for storage. It consists of the records that SecretTree.Nodes, SecretTree.Ratchets
// and SecretTree.Skipped yielded, of each place the latest, and of SecretTree.Sent.
type TreeRecord struct {
	TreeParams
	Sent     [2]uint64 // by RatchetKind
	Nodes    []NodeRecord
	Ratchets []RatchetRecord
	Skipped  []SkippedRecord
}

// RestoreSecretTree makes the tree that was stored, and takes over its secrets. What no record holds counts as erased. It
// fails as NewSecretTree does, and with ErrTreeRecord when a record has no place in the tree, two records claim the same
// place, or a ratchet contradicts itself. Whoever restores the same records twice sends with the same keys twice.
func RestoreSecretTree(record TreeRecord) (*SecretTree, error) {
	t, err := newTree(record.TreeParams)
	if err != nil {
		return nil, err
	}
	for _, s := range record.Nodes {
		if err := t.restoreNode(s); err != nil {
			return nil, err
		}
	}
	for _, s := range record.Ratchets {
		if err := t.restoreRatchet(s); err != nil {
			return nil, err
		}
	}
	for _, s := range record.Skipped {
		if err := t.restoreSkipped(s); err != nil {
			return nil, err
		}
	}
	for kind := range ratchetKinds {
		sent := record.Sent[kind]
		if t.epoch.own != framing.NoLeaf {
			if r, err := t.find(t.epoch.own, kind); err == nil {
				sent = max(sent, r.next)
			}
		}
		if sent > generations {
			return nil, fmt.Errorf("%w: %d messages sent", ErrTreeRecord, sent)
		}
		t.epoch.sent[kind].next.Store(sent)
	}
	return t, nil
}

func (t *SecretTree) restoreNode(s NodeRecord) error {
	n, err := t.place(int(s.Level), s.Position)
	if err != nil {
		return err
	}
	switch {
	case s.Secret.Len() != t.epoch.suite.HashSize:
		return fmt.Errorf("node at level %d, position %d: %w", s.Level, s.Position, ErrSecretSize)
	case *n != node{}:
		return fmt.Errorf("%w: node at level %d, position %d overlaps another", ErrTreeRecord, s.Level, s.Position)
	}
	n.secret = s.Secret
	t.fingerprint += nodeFingerprint(int(s.Level), s.Position)
	return nil
}

func (t *SecretTree) restoreRatchet(s RatchetRecord) error {
	fail := func(reason string) error {
		return fmt.Errorf("%w: leaf %d, %v ratchet %s", ErrTreeRecord, s.Leaf, s.Kind, reason)
	}
	n, err := t.place(0, uint32(s.Leaf))
	switch {
	case err != nil:
		return err
	case s.Kind >= ratchetKinds:
		return fail("is of no kind")
	case !n.consumed() || n.ratchets[s.Kind] != nil:
		return fail("overlaps another record")
	case s.Next > generations || s.Floor > s.Next:
		return fail("has generations out of range")
	case s.Next == generations && !s.Secret.IsZero():
		return fail("has a secret beyond its end")
	case s.Next < generations && s.Secret.Len() != t.epoch.suite.HashSize:
		return fmt.Errorf("leaf %d, %v ratchet: %w", s.Leaf, s.Kind, ErrSecretSize)
	}
	n.ratchets[s.Kind] = &ratchet{secret: s.Secret, next: s.Next, floor: s.Floor}
	t.fingerprint += n.ratchets[s.Kind].fingerprint(s.Leaf, s.Kind)
	return nil
}

func (t *SecretTree) restoreSkipped(s SkippedRecord) error {
	fail := func(reason string) error {
		return fmt.Errorf("%w: leaf %d, %v ratchet, block %d of skipped keys %s", ErrTreeRecord, s.Leaf, s.Kind, s.Block, reason)
	}
	n, err := t.place(0, uint32(s.Leaf))
	switch {
	case err != nil:
		return err
	case s.Kind >= ratchetKinds || n.ratchets[s.Kind] == nil:
		return fail("has no ratchet")
	case len(s.Keys) == 0:
		return fail("is empty")
	}
	r := n.ratchets[s.Kind]
	lowest := max(r.floor, uint64(s.Block)*SkippedBlock)
	for _, k := range s.Keys {
		g := uint64(k.Generation)
		if g < lowest || g >= r.next || g/SkippedBlock != uint64(s.Block) {
			return fail("has keys out of order")
		}
		if k.Material.Len() != t.epoch.suite.KeySize+t.epoch.suite.NonceSize {
			return fmt.Errorf("leaf %d, %v ratchet, skipped key: %w", s.Leaf, s.Kind, ErrSecretSize)
		}
		lowest = g + 1
	}
	i, found := r.findBlock(s.Block)
	if found {
		return fail("overlaps another record")
	}
	t.fingerprint -= r.fingerprint(s.Leaf, s.Kind)
	r.skipped = slices.Insert(r.skipped, i, newSkippedBlock(s.Block, s.Keys))
	t.fingerprint += r.fingerprint(s.Leaf, s.Kind)
	return nil
}

// place finds or makes the node at a place whose ancestors hold no secret.
func (t *SecretTree) place(level int, position uint32) (*node, error) {
	if level > t.epoch.depth || position>>(t.epoch.depth-level) != 0 {
		return nil, fmt.Errorf("%w: no level %d, position %d", ErrTreeRecord, level, position)
	}
	n := t.root
	for above := t.epoch.depth; above > level; above-- {
		if !n.consumed() {
			return nil, fmt.Errorf("%w: level %d, position %d is below an unopened node", ErrTreeRecord, level, position)
		}
		i := position >> (above - level - 1) & 1
		if n.child[i] == nil {
			n.child[i] = &node{}
		}
		n = n.child[i]
	}
	return n, nil
}
