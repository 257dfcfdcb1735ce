package treekemtest

import (
	"crypto"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/parallel"
	"github.com/copse-mls/copse/treekem"
)

// Params says which tree to build.
type Params struct {
	Suite   *ciphersuite.Suite
	Members int // leaves; in a Mixed tree a few of them are blank, never the first and the last
	Shape   Shape
	GroupID []byte
	Seed    uint64 // trees of one seed are the same, byte for byte where the suite's signatures are deterministic
	// Identity is the identity of member i's basic credential. Nil means 16 bytes that name i.
	Identity func(i int) []byte
	// Unsigned puts random bytes in the place of signatures and keys. Such a tree decodes and hashes like any other,
	// and is built many times faster, but Import refuses it and nobody has its private keys.
	Unsigned bool
}

// Fixture is a tree with all that its members know.
type Fixture struct {
	Tree        *treekem.Tree
	Context     *framing.GroupContext // with which Import accepts RatchetTree
	RatchetTree []byte                // the data of a ratchet_tree extension

	params Params
	parts  *plan
}

// Build makes a tree. It fails when the number of members is out of range.
func Build(p Params) (*Fixture, error) {
	if p.Members < 1 || p.Members > treekem.MaxLeaves {
		return nil, fmt.Errorf("treekemtest: a tree of %d members", p.Members)
	}
	b := &builder{Params: p, plan: newPlan(p)}
	if err := b.keys(); err != nil {
		return nil, err
	}
	root := treekem.Root(b.width)
	b.build(root, link{}) // one pass sets every parent hash and signs every leaf
	if b.err != nil {
		return nil, b.err
	}
	f := &Fixture{params: p, parts: b.plan, RatchetTree: b.encode()}
	var err error
	if f.Tree, err = treekem.Decode(p.Suite, f.RatchetTree); err != nil {
		return nil, err
	}
	f.Context = &framing.GroupContext{
		Version:                 framing.MLS10,
		CipherSuite:             p.Suite.CipherSuite(),
		GroupID:                 p.GroupID,
		Epoch:                   1,
		TreeHash:                f.Tree.Hash(),
		ConfirmedTranscriptHash: p.Suite.Hash(nil, p.GroupID),
	}
	return f, nil
}

// Signer returns the signature key of the member at leaf i, nil in an unsigned tree.
func (f *Fixture) Signer(i framing.LeafIndex) crypto.Signer {
	if f.params.Unsigned {
		return nil
	}
	signer, err := f.params.signer(i)
	if err != nil {
		panic("treekemtest: " + err.Error()) // Build made the same one
	}
	return signer
}

// Private returns the private state of the member at leaf i: the keys of its leaf and of the parents above in whose
// unmerged leaves it is not. Each call derives it anew, for the caller to own. It is nil for a blank leaf and in an
// unsigned tree.
func (f *Fixture) Private(i framing.LeafIndex) *treekem.PrivatePath {
	if f.params.Unsigned || !f.Tree.HasLeaf(i) {
		return nil
	}
	leaf := treekem.LeafNodeIndex(i)
	path := treekem.NewPrivatePath(f.params.Suite, i, f.params.mustKeyPair(leaf))
	for x, ok := leaf.Parent(f.Tree.Width()); ok; x, ok = x.Parent(f.Tree.Width()) {
		if f.parts.parents[x>>1].setter == nobody || f.parts.late(i) {
			continue
		}
		var err error
		if path, err = path.WithKey(x, f.params.mustKeyPair(x)); err != nil {
			panic("treekemtest: " + err.Error())
		}
	}
	return path
}

func (p *Params) mustKeyPair(x treekem.NodeIndex) ciphersuite.KeyPair {
	pair, err := p.Suite.DeriveKeyPair(p.secret("hpke", uint32(x)))
	if err != nil {
		panic("treekemtest: " + err.Error())
	}
	return pair
}

// secret returns a secret of the hash's size from the seed.
func (p *Params) secret(what string, index uint32) ciphersuite.Secret {
	return ciphersuite.NewSecret(p.bytes(what, index, p.Suite.HashSize))
}

// bytes returns n bytes from the seed.
func (p *Params) bytes(what string, index uint32, n int) []byte {
	in := binary.BigEndian.AppendUint64(make([]byte, 0, 64), p.Seed)
	in = binary.BigEndian.AppendUint32(append(in, what...), index)
	out := make([]byte, 0, n+p.Suite.HashSize)
	for counter := byte(0); len(out) < n; counter++ {
		out = p.Suite.Hash(out, append(in, counter))
	}
	return out[:n:n]
}

// signer derives a signature key. A scalar shorter than the order of its curve is always in range.
func (p *Params) signer(i framing.LeafIndex) (crypto.Signer, error) {
	size := map[int]int{32: 32, 57: 57, 65: 31, 97: 47, 133: 64}[p.Suite.SignaturePublicKeySize]
	return p.Suite.ParseSigner(ciphersuite.NewSecret(p.bytes("sign", uint32(i), size)))
}

func (p *Params) identity(i framing.LeafIndex) []byte {
	if p.Identity != nil {
		return p.Identity(int(i))
	}
	return fmt.Appendf(nil, "member-%09d", i)
}

// builder turns a plan into nodes.
type builder struct {
	Params
	*plan
	encryption []ciphersuite.HPKEPublicKey // by node
	signature  []ciphersuite.SignaturePublicKey
	leaves     [][]byte // encoded
	parentHash [][]byte // by parent
	err        error
}

// keys makes the public keys of all nodes that are not blank, over all processors.
func (b *builder) keys() error {
	nodes := int(treekem.NodeCount(b.width))
	b.encryption = make([]ciphersuite.HPKEPublicKey, nodes)
	b.signature = make([]ciphersuite.SignaturePublicKey, b.width)
	b.leaves = make([][]byte, b.width)
	b.parentHash = make([][]byte, b.width)
	errs := make([]error, nodes)
	parallel.Chunks(nodes, 64, func(lo, hi int) {
		for x := lo; x < hi; x++ {
			errs[x] = b.key(treekem.NodeIndex(x))
		}
	})
	return errors.Join(errs...)
}

func (b *builder) key(x treekem.NodeIndex) error {
	i, isLeaf := x.Leaf()
	switch {
	case isLeaf && !b.members[i], !isLeaf && b.parents[x>>1].setter == nobody:
		return nil
	case b.Unsigned:
		b.encryption[x] = b.bytes("hpke", uint32(x), b.Suite.HPKEPublicKeySize)
		if isLeaf {
			b.signature[i] = b.bytes("sign", uint32(i), b.Suite.SignaturePublicKeySize)
		}
		return nil
	}
	pair, err := b.Suite.DeriveKeyPair(b.secret("hpke", uint32(x)))
	if err != nil || !isLeaf {
		b.encryption[x] = pair.Public
		return err
	}
	b.encryption[x] = pair.Public
	signer, err := b.signer(i)
	if err != nil {
		return err
	}
	b.signature[i], err = b.Suite.PublicKeyOf(signer)
	return err
}

// link is the parent hash on its way down to the next node that a commit set.
type link struct {
	setter framing.LeafIndex
	value  []byte
	ok     bool
}

// hashes are the tree hash of a node, and what it was before the late Adds.
type hashes struct{ now, before []byte }

// build completes x and what lies below.
func (b *builder) build(x treekem.NodeIndex, l link) hashes {
	if i, ok := x.Leaf(); ok {
		return b.leaf(i, l)
	}
	left, _ := x.Left()
	right, _ := x.Right()
	p := b.parents[x>>1]
	if p.setter == nobody {
		below := [2]hashes{b.build(left, l.toward(left)), b.build(right, l.toward(right))}
		return b.hashParent(nil, below)
	}
	node := &framing.ParentNode{EncryptionKey: b.encryption[x], UnmergedLeaves: b.lateBelow(x)}
	switch {
	case l.ok:
		node.ParentHash = l.value
	case p.above: // a later path took the node above, and this value is stale
		node.ParentHash = b.bytes("stale", uint32(x), b.Suite.HashSize)
	}
	b.parentHash[x>>1] = node.ParentHash
	var below [2]hashes
	side, other := 0, 1
	child := [2]treekem.NodeIndex{left, right}
	if right.Covers(p.setter) {
		side, other = 1, 0
	}
	below[other] = b.build(child[other], link{})
	value := ParentHash(b.Suite, node, below[other].before)
	below[side] = b.build(child[side], link{setter: p.setter, value: value, ok: true})
	return b.hashParent(node, below)
}

func (l link) toward(x treekem.NodeIndex) link {
	if l.ok && x.Covers(l.setter) {
		return l
	}
	return link{}
}

func (b *builder) hashParent(node *framing.ParentNode, below [2]hashes) hashes {
	h := hashes{now: HashParent(b.Suite, node, below[0].now, below[1].now)}
	if !b.hasLate {
		h.before = h.now
		return h
	}
	if node != nil {
		node = &framing.ParentNode{EncryptionKey: node.EncryptionKey, ParentHash: node.ParentHash}
	}
	h.before = HashParent(b.Suite, node, below[0].before, below[1].before)
	return h
}

func (b *builder) leaf(i framing.LeafIndex, l link) hashes {
	if !b.members[i] {
		blank := HashLeaf(b.Suite, i, nil)
		return hashes{blank, blank}
	}
	leaf := &framing.LeafNode{
		EncryptionKey: b.encryption[treekem.LeafNodeIndex(i)],
		SignatureKey:  b.signature[i],
		Credential:    framing.BasicCredential(b.identity(i)),
		Capabilities: framing.Capabilities{
			Versions:     []framing.ProtocolVersion{framing.MLS10},
			CipherSuites: []ciphersuite.CipherSuite{b.Suite.CipherSuite()},
			Credentials:  []framing.CredentialType{framing.CredentialTypeBasic},
		},
		LeafNodeSource: framing.LeafNodeSourceKeyPackage,
		Lifetime:       framing.Lifetime{NotAfter: 1<<64 - 1},
	}
	if b.committed[i] {
		leaf.LeafNodeSource, leaf.Lifetime = framing.LeafNodeSourceCommit, framing.Lifetime{}
		if leaf.ParentHash = l.value; !l.ok && b.leafAbove[i] {
			leaf.ParentHash = b.bytes("stale leaf", uint32(i), b.Suite.HashSize)
		}
	}
	b.sign(leaf, i)
	b.leaves[i] = mustAppend(nil, leaf)
	now := HashLeaf(b.Suite, i, leaf)
	if !b.late(i) {
		return hashes{now, now}
	}
	return hashes{now, HashLeaf(b.Suite, i, nil)}
}

func (b *builder) sign(leaf *framing.LeafNode, i framing.LeafIndex) {
	if b.Unsigned {
		leaf.Signature = b.bytes("signature", uint32(i), 64)
		return
	}
	signer, err := b.signer(i)
	if err == nil {
		err = leaf.Sign(framing.SignParams{Suite: b.Suite, Signer: signer}, b.GroupID, i)
	}
	b.err = errors.Join(b.err, err)
}

// encode returns the ratchet_tree extension of the finished tree.
func (b *builder) encode() []byte {
	last := treekem.LeafNodeIndex(framing.LeafIndex(b.Members - 1))
	var body []byte
	for x := treekem.NodeIndex(0); x <= last; x++ {
		i, isLeaf := x.Leaf()
		switch {
		case b.encryption[x] == nil:
			body = framing.RawNode{}.Append(body)
		case isLeaf:
			body = framing.RawNode{Type: framing.NodeTypeLeaf, Raw: b.leaves[i]}.Append(body)
		default:
			raw := mustAppend(nil, &framing.ParentNode{
				EncryptionKey: b.encryption[x], ParentHash: b.parentHash[x>>1], UnmergedLeaves: b.lateBelow(x)})
			body = framing.RawNode{Type: framing.NodeTypeParent, Raw: raw}.Append(body)
		}
	}
	return appendOpaque(nil, body)
}
