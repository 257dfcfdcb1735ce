package mls

import (
	"bytes"
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// LoadParams are the records of one Group or Observer, and the settings for it, which are not in the records.
type LoadParams struct {
	Records iter.Seq[Record] // in any order; the values are copied
	Params  Params
}

// Load makes the Group that was stored (see Record). It checks that the records fit together, that the tree has the
// hash which the group context names, that private keys are those of the tree, and that stored proposals are signed by
// their senders; it does not ask about credentials again. It takes time in proportion to the tree, which Params.MaxLeaves
// bounds.
//
// It fails with a *RecordError. It refuses a record that it does not know, for leaving out
// what a later version wrote could lose a decision.
func Load(p LoadParams) (*Group, error) {
	l, err := newLoader(p, roleMember)
	if err != nil {
		return nil, err
	}
	g, err := l.group()
	if err != nil {
		return nil, err
	}
	return g, l.top.unread()
}

// LoadObserver makes the Observer that was stored. It fails as Load does.
func LoadObserver(p LoadParams) (*Observer, error) {
	l, err := newLoader(p, roleObserver)
	if err != nil {
		return nil, err
	}
	o := &Observer{reInit: l.header.reInit}
	if o.public, err = l.presentPublic(); err != nil {
		return nil, err
	}
	if o.proposals, err = l.proposals(o.public); err != nil {
		return nil, err
	}
	return o, l.top.unread()
}

// drawer holds the records whose keys begin alike.
type drawer struct {
	key   string // with a slash at the end, except at the top
	value []byte // of the record with just this key; nil when there is none
	read  bool
	in    map[string]*drawer
}

// shelve sorts records into drawers.
func shelve(records iter.Seq[Record]) (*drawer, error) {
	top := &drawer{}
	for x := range records {
		if x.Key == "" || len(x.Key) > maxRecordKey {
			return nil, &RecordError{x.Key[:min(len(x.Key), maxRecordKey)], fmt.Errorf("%w: key of %d bytes", ErrRecords, len(x.Key))}
		}
		d := top
		for name := range strings.SplitSeq(x.Key, "/") {
			d = d.open(name)
		}
		if d.value != nil || len(x.Value) == 0 {
			return nil, &RecordError{x.Key, fmt.Errorf("%w: empty, or there twice", ErrRecords)}
		}
		d.value = x.Value
	}
	return top, nil
}

// open finds or makes the drawer of a name.
func (d *drawer) open(name string) *drawer {
	if below := d.in[name]; below != nil {
		return below
	}
	if d.in == nil {
		d.in = map[string]*drawer{}
	}
	below := &drawer{key: d.key + name + "/"}
	d.in[name] = below
	return below
}

func (d *drawer) name() string { return strings.TrimSuffix(d.key, "/") }

// load reads the record of just this key. It reports false when there is none.
func (d *drawer) load(read func(r *recordReader)) (bool, error) {
	if d.value == nil {
		return false, nil
	}
	d.read = true
	return true, readRecord(d.name(), d.value, read)
}

// must is load of a record that has to be there.
func (d *drawer) must(read func(r *recordReader)) error {
	found, err := d.load(read)
	if err == nil && !found {
		err = d.fail("record is missing")
	}
	return err
}

func (d *drawer) fail(format string, args ...any) error {
	return &RecordError{d.name(), fmt.Errorf("%w: %s", ErrRecords, fmt.Sprintf(format, args...))}
}

// failWith puts the key of the drawer to an error from below.
func (d *drawer) failWith(err error) error {
	if err == nil {
		return nil
	}
	return &RecordError{d.name(), err}
}

// numbered is a drawer named by a number.
type numbered struct {
	number uint64
	*drawer
}

// numbers lists the drawers within that are named by a number up to a limit, in ascending order. Others stay unread.
func (d *drawer) numbers(limit uint64) []numbered {
	var out []numbered
	for name, below := range d.in {
		n, err := strconv.ParseUint(name, 10, 64)
		if err == nil && n <= limit && strconv.FormatUint(n, 10) == name {
			out = append(out, numbered{n, below})
		}
	}
	slices.SortFunc(out, func(a, b numbered) int { return cmp.Compare(a.number, b.number) })
	return out
}

// unread fails when a record was not read.
func (d *drawer) unread() error {
	if d.value != nil && !d.read {
		return d.fail("record has no place in this group")
	}
	for _, name := range slices.Sorted(maps.Keys(d.in)) {
		if err := d.in[name].unread(); err != nil {
			return err
		}
	}
	return nil
}

// loader makes a Group or Observer of records.
type loader struct {
	top    *drawer
	params *Params
	header recordHeader
	suite  *ciphersuite.Suite
}

func newLoader(p LoadParams, role recordRole) (*loader, error) {
	l := &loader{params: p.Params.withDefaults()}
	var err error
	if l.top, err = shelve(p.Records); err != nil {
		return nil, err
	}
	d := l.top.open(recordGroup)
	if err := d.must(l.header.read); err != nil {
		return nil, err
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

// epoch is the drawer of an epoch.
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

// public loads what is public in the epoch whose record is at, with a tree of the blocks in a drawer, on top of base if
// there is one.
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
func (l *loader) proposals(p *public) (*proposalStore, error) {
	var store *proposalStore
	for i, d := range l.top.open(recordProposal).numbers(1<<32 - 1) {
		if d.number != uint64(i) {
			return nil, d.fail("proposal %d is missing", i)
		}
		stored, err := l.proposal(p, d.drawer)
		if err != nil {
			return nil, err
		}
		store = store.with(stored)
	}
	return store, nil
}

func (l *loader) proposal(p *public, d *drawer) (*storedProposal, error) {
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
	s := new(storedProposal)
	s.content, err = u.Verify(framing.VerifyParams{Suite: l.suite, SignatureKey: key, GroupContext: &p.context})
	if err != nil {
		return nil, d.failWith(err)
	}
	if s.ref, err = s.content.ProposalRef(l.suite); err != nil {
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
