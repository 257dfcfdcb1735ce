package keyschedule

// RFC 9420, Section 9: Secret Tree.

import (
	"errors"
	"fmt"
	"math/bits"
	"sync"
	"sync/atomic"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// Errors of SecretTree, beside those of ratchets.
var (
	// ErrLeafIndex says that a leaf lies outside of the tree, or that a tree without an own leaf was asked to send.
	ErrLeafIndex = errors.New("keyschedule: no such leaf in the secret tree")
	// ErrOwnLeaf says that a message claims to come from the member itself. Its keys are for sending only.
	ErrOwnLeaf = errors.New("keyschedule: message is from the own leaf")
	// ErrLeafCount says that a number of leaves is not a power of two.
	ErrLeafCount = errors.New("keyschedule: number of leaves is not a power of two")
)

// TreeParams are the parameters of a SecretTree.
type TreeParams struct {
	Suite  *ciphersuite.Suite
	Leaves uint32            // of the ratchet tree in this epoch, blank ones included: a power of two
	Own    framing.LeafIndex // the member's own leaf; framing.NoLeaf for a tree that only receives
	Limits Limits
}

// SecretTree holds the message keys of an epoch (RFC 9420, Section 9). It is immutable: SendingKey and ReceivingKey
// give a key together with the tree that no longer has it. Nodes are derived when a message first needs them, and a
// tree holds no more than the siblings of the paths to the leaves that were active.
//
// The tree before and the tree after share what did not change. Call before.EraseExcept(after) when the successor is
// adopted, or after.EraseExcept(before) when the message turned out to be forged. Keys for sending are never given
// out twice, whichever of the trees of an epoch is asked: they count in common.
//
// All methods are safe for concurrent use.
type SecretTree struct {
	epoch       *treeEpoch
	root        *node
	fingerprint uint64
	erased      atomic.Bool
}

// treeEpoch is what all trees of one epoch have in common.
type treeEpoch struct {
	suite  *ciphersuite.Suite
	depth  int // distance from the root to the leaves
	own    framing.LeafIndex
	limits Limits
	sent   [ratchetKinds]sendingCounter

	// erasing keeps a key from being derived from a secret while that is overwritten: such a key would be guessable.
	erasing sync.RWMutex
}

// node is a node of the tree. Either it holds its secret and has nothing below, or the secret is consumed and it has
// two children or, being a leaf, ratchets. A node that storage did not give back has none of these.
type node struct {
	secret   ciphersuite.Secret
	child    [2]*node
	ratchets [ratchetKinds]*ratchet
}

// NewSecretTree starts the secret tree of an epoch, and takes over encryptionSecret. It fails with ErrLeafCount,
// ErrLeafIndex when Own lies outside of the tree, or ErrErased.
func NewSecretTree(encryptionSecret EncryptionSecret, p TreeParams) (*SecretTree, error) {
	if encryptionSecret.secret.IsZero() {
		return nil, fmt.Errorf("encryption_secret: %w", ErrErased)
	}
	t, err := newTree(p)
	if err != nil {
		return nil, err
	}
	t.root.secret = encryptionSecret.secret
	t.fingerprint = nodeFingerprint(t.epoch.depth, 0)
	return t, nil
}

// newTree makes a tree without any secret.
func newTree(p TreeParams) (*SecretTree, error) {
	if bits.OnesCount32(p.Leaves) != 1 {
		return nil, fmt.Errorf("%w: %d", ErrLeafCount, p.Leaves)
	}
	if p.Own != framing.NoLeaf && uint32(p.Own) >= p.Leaves {
		return nil, fmt.Errorf("%w: own leaf %d of %d", ErrLeafIndex, p.Own, p.Leaves)
	}
	return &SecretTree{
		epoch: &treeEpoch{
			suite:  p.Suite,
			depth:  bits.Len32(p.Leaves) - 1,
			own:    p.Own,
			limits: p.Limits.withDefaults(),
		},
		root: &node{},
	}, nil
}

// Leaves returns the number of leaves, blank ones included.
func (t *SecretTree) Leaves() uint32 { return 1 << t.epoch.depth }

// ReceivingKey gives the key for a message of another member, and the tree without that key. It fails with a
// *RatchetError around ErrLeafIndex, ErrOwnLeaf, ErrGenerationUsed, ErrGenerationTooOld, ErrGenerationTooFar or
// ErrErased, before anything is derived.
func (t *SecretTree) ReceivingKey(
	leaf framing.LeafIndex, kind RatchetKind, generation framing.Generation,
) (MessageKey, *SecretTree, error) {
	fail := func(err error) (MessageKey, *SecretTree, error) {
		return MessageKey{}, nil, &RatchetError{leaf, kind, generation, err}
	}
	switch {
	case kind >= ratchetKinds || uint32(leaf) >= t.Leaves():
		return fail(ErrLeafIndex)
	case leaf == t.epoch.own:
		return fail(ErrOwnLeaf)
	}
	t.epoch.erasing.RLock()
	defer t.epoch.erasing.RUnlock()
	r, err := t.find(leaf, kind)
	if err == nil {
		err = r.check(generation, t.epoch.limits)
	}
	if err != nil {
		return fail(err)
	}
	key, next := t.take(leaf, kind, generation, t.epoch.limits)
	return key, next, nil
}

// SendingKey gives the next key of one of the member's own ratchets, and the tree without that key. No other call in
// this epoch, on whatever tree, gives the same key; a tree that lags behind catches up, at the cost of one derivation
// for each key given out meanwhile. It fails with a *RatchetError around ErrLeafIndex, ErrErased, ErrUsageLimit or
// ErrRatchetExhausted.
func (t *SecretTree) SendingKey(kind RatchetKind) (MessageKey, *SecretTree, error) {
	own := t.epoch.own
	fail := func(generation framing.Generation, err error) (MessageKey, *SecretTree, error) {
		return MessageKey{}, nil, &RatchetError{own, kind, generation, err}
	}
	if kind >= ratchetKinds || own == framing.NoLeaf {
		return fail(0, ErrLeafIndex)
	}
	t.epoch.erasing.RLock()
	defer t.epoch.erasing.RUnlock()
	r, err := t.find(own, kind)
	if err != nil {
		return fail(0, err)
	}
	generation, err := t.epoch.sent[kind].reserve(maxMessages(t.epoch.suite.AEAD))
	if err != nil {
		return fail(generation, err)
	}
	// The generations in between were given out by other trees: their keys are skipped without being kept.
	sending := Limits{ForwardDistance: generations - 1, BackwardDistance: generations - 1}
	if err := r.check(generation, sending); err != nil {
		return fail(generation, err)
	}
	key, next := t.take(own, kind, generation, sending)
	return key, next, nil
}

// Sent returns how many generations of an own ratchet have been given out by the trees of this epoch. Storage saves it
// before the message leaves.
func (t *SecretTree) Sent(kind RatchetKind) uint64 {
	if kind >= ratchetKinds {
		return 0
	}
	return t.epoch.sent[kind].next.Load()
}

// Fingerprint returns a number that tells apart the trees of an epoch from which different keys were taken, but for a chance of
// one in 2^64. It follows from which secrets there are and not from what they are, and so from the keys of the records of a tree
// and the numbers in them: storage that keeps it apart notices when a record is old or missing.
func (t *SecretTree) Fingerprint() uint64 { return t.fingerprint }

// nodeFingerprint returns the share of the secret of a node.
func nodeFingerprint(level int, position uint32) uint64 {
	return mixed(^(uint64(level)<<32 | uint64(position)))
}

// openedFingerprint returns by how much the sum grows when a node is opened.
func openedFingerprint(level int, position uint32) uint64 {
	sum := -nodeFingerprint(level, position)
	if level > 0 {
		return sum + nodeFingerprint(level-1, 2*position) + nodeFingerprint(level-1, 2*position+1)
	}
	for kind := range ratchetKinds {
		sum += new(ratchet).fingerprint(framing.LeafIndex(position), kind)
	}
	return sum
}

// Passed returns the generation at which an own ratchet stands in this tree, 0 when it is not derived yet. Other trees of the
// epoch may have given out more: see Sent. It fails with ErrErased.
func (t *SecretTree) Passed(kind RatchetKind) (uint64, error) {
	if kind >= ratchetKinds || t.epoch.own == framing.NoLeaf {
		return 0, ErrLeafIndex
	}
	t.epoch.erasing.RLock()
	defer t.epoch.erasing.RUnlock()
	r, err := t.find(t.epoch.own, kind)
	if err != nil {
		return 0, err
	}
	return r.next, nil
}

// fresh stands for the ratchets of a leaf that no message has reached yet.
func (n *node) fresh() *ratchet { return &ratchet{secret: n.secret} }

// consumed reports whether the secret was used to derive what lies below.
func (n *node) consumed() bool { return n.secret == ciphersuite.Secret{} }

// find gives the ratchet of a leaf. Where it is not derived yet, it gives one at generation 0 with the secret of the
// node that it will be derived from, for check to look at.
func (t *SecretTree) find(leaf framing.LeafIndex, kind RatchetKind) (*ratchet, error) {
	if t.erased.Load() {
		return nil, ErrErased
	}
	n := t.root
	for level := t.epoch.depth; n != nil; level-- {
		switch {
		case !n.consumed() && n.secret.IsZero():
			return nil, ErrErased
		case !n.consumed():
			return n.fresh(), nil
		case level > 0:
			n = n.child[side(leaf, level)]
		case n.ratchets[kind] == nil:
			return nil, ErrErased
		default:
			return n.ratchets[kind], nil
		}
	}
	return nil, ErrErased
}

// side tells on which side of a node at a level the path to leaf goes on: 0 for left.
func side(leaf framing.LeafIndex, level int) uint32 { return uint32(leaf) >> (level - 1) & 1 }

// take gives a key that find and check have found to be there. It copies the path from the root to the leaf, derives
// the nodes on it that are missing, and erases at once those it consumes that no tree holds.
func (t *SecretTree) take(
	leaf framing.LeafIndex, kind RatchetKind, generation framing.Generation, l Limits,
) (MessageKey, *SecretTree) {
	suite := t.epoch.suite
	root := *t.root
	n := &root
	derived := false // whether what n holds was derived by this call
	sum := t.fingerprint
	for level := t.epoch.depth; ; level-- {
		if !n.consumed() {
			sum += openedFingerprint(level, uint32(leaf)>>level)
			secret := n.open(suite, level)
			if derived {
				secret.Erase()
			}
			derived = true
		}
		if level == 0 {
			break
		}
		below := *n.child[side(leaf, level)]
		n.child[side(leaf, level)] = &below
		n = &below
	}
	before := n.ratchets[kind]
	key, after := before.take(suite, generation, l)
	if derived {
		before.eraseExcept(after)
	}
	n.ratchets[kind] = after
	sum += after.fingerprint(leaf, kind) - before.fingerprint(leaf, kind)
	return key, &SecretTree{epoch: t.epoch, root: &root, fingerprint: sum}
}

// open derives what lies below n, and gives back the secret that is consumed by that.
func (n *node) open(suite *ciphersuite.Suite, level int) ciphersuite.Secret {
	secret := n.secret
	n.secret = ciphersuite.Secret{}
	if level == 0 {
		for k := range n.ratchets {
			derived := suite.ExpandWithLabel(secret, RatchetKind(k).String(), nil, suite.HashSize)
			n.ratchets[k] = &ratchet{secret: derived}
		}
		return secret
	}
	for i, context := range [...]string{"left", "right"} {
		n.child[i] = &node{secret: suite.ExpandWithLabel(secret, "tree", []byte(context), suite.HashSize)}
	}
	return secret
}

// EraseExcept overwrites every secret that t holds and keep does not, and from then on t fails with ErrErased. keep is
// the tree that replaces t, or nil when the epoch is no longer needed. Call it for every tree that is replaced. Secrets
// that t shares with a third tree are lost to that one, too, which fails with ErrErased where it needs them.
func (t *SecretTree) EraseExcept(keep *SecretTree) {
	if t == keep {
		return
	}
	t.epoch.erasing.Lock()
	defer t.epoch.erasing.Unlock()
	t.erased.Store(true)
	var kept *node
	if keep != nil {
		kept = keep.root
	}
	t.root.eraseExcept(kept)
}

func (n *node) eraseExcept(keep *node) {
	if n == nil || n == keep {
		return
	}
	if keep == nil {
		keep = &node{}
	}
	if n.secret != keep.secret {
		n.secret.Erase()
	}
	for i := range n.child {
		n.child[i].eraseExcept(keep.child[i])
	}
	for i := range n.ratchets {
		n.ratchets[i].eraseExcept(keep.ratchets[i])
	}
}

// sendingCounter numbers the messages of one own ratchet in one epoch. All trees of the epoch share it, so that none
// gives out a generation again.
type sendingCounter struct{ next atomic.Uint64 }

// reserve takes the next generation, or fails at the usage limit or the end of the ratchet.
func (c *sendingCounter) reserve(limit uint64) (framing.Generation, error) {
	for {
		next := c.next.Load()
		switch {
		case next >= generations:
			return generations - 1, ErrRatchetExhausted
		case next >= limit:
			return framing.Generation(next), ErrUsageLimit
		case c.next.CompareAndSwap(next, next+1):
			return framing.Generation(next), nil
		}
	}
}
