package mls

import (
	"bytes"
	"slices"
	"strconv"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// The part of loading that is the same for a Group and an Observer.

// loader makes a Group or Observer of records.
type loader struct {
	top     *drawer
	params  *Params
	header  recordHeader
	counter *counter // nil in version 1
	suite   *ciphersuite.Suite
}

func newLoader(p LoadParams, role recordRole) (*loader, error) {
	l := &loader{params: p.Params.withDefaults()}
	var err error
	if l.top, err = shelve(p.Records, p.Params.ProposalBodies); err != nil {
		return nil, err
	}
	d := l.top.open(recordGroup)
	if err := d.must(l.header.read); err != nil {
		return nil, err
	}
	if role == roleMember { // Observers have nothing that their versions write differently
		l.top.shelf.version = d.value[0]
	}
	if l.header.role != role {
		return nil, d.fail("role %d, and not %d", l.header.role, role)
	}
	if h := &l.header; role == roleObserver &&
		(h.leaf != framing.NoLeaf || h.status != StatusActive || len(h.lastOwn) > 0 || h.successor != nil) {
		return nil, d.fail("an observer with a member's state")
	}
	l.suite, err = l.params.Suites(l.header.suite)
	return l, d.failWith(err)
}

// epoch returns the drawer of an epoch.
func (l *loader) epoch(e framing.Epoch) *drawer {
	return l.top.open(recordEpoch).open(strconv.FormatUint(uint64(e), 10))
}

// presentPublic loads what is public in the present epoch.
func (l *loader) presentPublic() (*public, error) {
	at := l.epoch(l.header.epoch)
	p, err := l.public(at, l.top, nil)
	if err == nil && p.Epoch() != l.header.epoch {
		return nil, at.fail("context of epoch %d", p.Epoch())
	}
	return p, err
}

// public loads what is public in the epoch whose record is at. Its tree is made from the blocks in a drawer, on top of base
// if there is one.
func (l *loader) public(at, in *drawer, base *public) (*public, error) {
	var context framing.GroupContext
	var tag []byte
	var width uint32
	if err := at.must(func(r *recordReader) {
		r.value(&context)
		tag = r.bytes()
		width = r.Uint32()
	}); err != nil {
		return nil, err
	}
	switch {
	case context.Version != framing.MLS10 || context.CipherSuite != l.suite.CipherSuite():
		return nil, at.fail("version or cipher suite")
	case len(tag) != l.suite.HashSize:
		return nil, at.fail("confirmation tag of %d bytes", len(tag))
	case width > treekem.Width(uint32(min(l.params.MaxLeaves, treekem.MaxLeaves))): // before work that grows with it
		return nil, at.fail("tree of %d leaves, Params allow %d", width, l.params.MaxLeaves)
	case base != nil && !bytes.Equal(base.context.GroupID, context.GroupID):
		return nil, at.fail("another group")
	}
	blocks, err := loadBlocks(in.open(recordTree), base != nil)
	if err != nil {
		return nil, err
	}
	var tree *treekem.Tree
	if base == nil {
		tree, err = treekem.RestoreTree(l.suite, width, slices.Values(blocks))
	} else {
		tree, err = base.tree.WithBlocks(width, slices.Values(blocks))
	}
	if err != nil {
		return nil, in.open(recordTree).failWith(err)
	}
	if !bytes.Equal(tree.Hash(), context.TreeHash) {
		return nil, at.fail("tree hash")
	}
	p, err := newPublic(l.suite, l.params, context, tree)
	if err != nil {
		return nil, at.failWith(err)
	}
	return p.confirmed(tag), nil
}

// loadBlocks loads blocks of a tree. Only where they change another tree may they be blank.
func loadBlocks(d *drawer, blank bool) ([]treekem.BlockRecord, error) {
	var out []treekem.BlockRecord
	for _, layer := range d.numbers(1<<8 - 1) {
		for _, index := range layer.numbers(1<<32 - 1) {
			b := treekem.BlockRecord{Layer: uint8(layer.number), Index: uint32(index.number)}
			found, err := index.load(func(r *recordReader) {
				if n := r.Remaining(); n > 0 {
					b.Data = r.Fixed(n)
				} else if !blank {
					r.Failf("block is blank")
				}
			})
			if err != nil {
				return nil, err
			}
			if found {
				out = append(out, b)
			}
		}
	}
	return out, nil
}

// proposals loads the proposals of the present epoch and verifies their signatures again.
func (l *loader) proposals(p *public) (proposalStore, error) {
	var store proposalStore
	for i, d := range l.top.open(recordProposal).numbers(1<<32 - 1) {
		if d.number != uint64(i) {
			return store, d.fail("proposal %d is missing", i)
		}
		stored, err := l.proposal(p, d)
		if err != nil {
			return store, err
		}
		declined, err := l.beside(stored, strconv.FormatUint(d.number, 10))
		if err != nil {
			return store, err
		}
		store = store.with(stored, declined)
	}
	return store, nil
}

func (l *loader) proposal(p *public, d numbered) (*storedProposal, error) {
	u := new(framing.UnverifiedContent)
	var private ciphersuite.Secret
	err := d.must(func(r *recordReader) {
		r.value(u)
		private = r.optionalSecret()
	})
	if err != nil {
		return nil, err
	}
	key, err := p.senderKey(u.Content.Sender)
	if err != nil {
		return nil, d.failWith(err)
	}
	if u.Content.Epoch != p.Epoch() || !bytes.Equal(u.Content.GroupID, p.GroupID()) {
		return nil, d.fail("proposal of another epoch")
	}
	content, err := u.Verify(framing.VerifyParams{Suite: l.suite, SignatureKey: key, GroupContext: &p.context})
	if err != nil {
		return nil, d.failWith(err)
	}
	s, err := p.stored(content)
	if err != nil {
		return nil, d.failWith(err)
	}
	if private.IsZero() {
		return s, nil
	}
	update, ok := s.proposal().(*framing.Update)
	if s.leafKey, err = l.suite.KeyPairOf(private); err != nil {
		return nil, d.failWith(err)
	}
	if !ok || !bytes.Equal(update.LeafNode.EncryptionKey, s.leafKey.Public) {
		return nil, d.fail("private key does not belong to the proposal")
	}
	return s, nil
}

// beside loads what is stored beside a proposal. It reports whether that is declined.
func (l *loader) beside(s *storedProposal, number string) (declined bool, err error) {
	if declined, err = l.top.open(recordDeclined).open(number).load(func(*recordReader) {}); err != nil {
		return false, err
	}
	_, err = l.top.open(recordMessage).open(number).load(func(r *recordReader) { s.message = r.bytes() })
	return declined, err
}
