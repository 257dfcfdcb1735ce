package mls

import (
	"math"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
)

// messages loads the secret tree of an epoch. counted is how far its own ratchets have to be; nil when nothing counted.
func (l *loader) messages(d *drawer, of *public, counted *ownRatchets) (*keyschedule.SecretTree, error) {
	state := keyschedule.TreeRecord{TreeParams: keyschedule.TreeParams{
		Suite: l.suite, Leaves: of.tree.Width(), Own: l.header.leaf, Limits: l.params.Ratchets}}
	for _, level := range d.open(recordNode).numbers(1<<8 - 1) {
		for _, position := range level.numbers(1<<32 - 1) {
			n := keyschedule.NodeRecord{Level: uint8(level.number), Position: uint32(position.number)}
			found, err := position.load(func(r *recordReader) {
				r.mark(of)
				n.Secret = r.secret()
			})
			if err != nil {
				return nil, err
			}
			if found {
				state.Nodes = append(state.Nodes, n)
			}
		}
	}
	for _, leaf := range d.open(recordRatchet).numbers(1<<32 - 1) {
		for _, kind := range ratchetKinds() {
			if err := loadRatchet(leaf, kind, of, &state); err != nil {
				return nil, err
			}
		}
	}
	for _, leaf := range d.open(recordSkipped).numbers(1<<32 - 1) {
		for _, kind := range leaf.numbers(uint64(keyschedule.ApplicationRatchet)) {
			for _, block := range kind.numbers(1<<32 - 1) {
				if err := loadSkipped(leaf, kind, block, of, &state); err != nil {
					return nil, err
				}
			}
		}
	}
	for kind := range state.Sent {
		if counted != nil {
			state.Sent[kind] = counted[kind].sent
		}
	}
	t, err := keyschedule.RestoreSecretTree(state)
	if err != nil {
		return nil, d.failWith(err)
	}
	if counted == nil {
		return t, nil
	}
	return t, counted.check(d, t, l.header.leaf)
}

// loadRatchet loads one ratchet.
func loadRatchet(leaf numbered, kind keyschedule.RatchetKind, of *public, state *keyschedule.TreeRecord) error {
	s := keyschedule.RatchetRecord{Leaf: framing.LeafIndex(leaf.number), Kind: kind}
	found, err := leaf.open(kind.String()).load(func(r *recordReader) {
		if r.version == 1 {
			readRatchet1(r, s, state)
			return
		}
		r.mark(of)
		readRatchet(r, &s)
	})
	if found && err == nil && leaf.shelf.version > 1 {
		state.Ratchets = append(state.Ratchets, s)
	}
	return err
}

func readRatchet(r *recordReader, s *keyschedule.RatchetRecord) {
	s.Next = r.Uint64()
	s.Secret = r.optionalSecret()
	s.Floor = r.Uint64()
}

// readRatchet1 reads a ratchet of version 1: with its skipped keys, and an own one with the number of generations given out.
func readRatchet1(r *recordReader, s keyschedule.RatchetRecord, state *keyschedule.TreeRecord) {
	sent := r.Uint64()
	derived := r.Optional()
	var skipped []keyschedule.SkippedKey
	if derived {
		readRatchet(r, &s)
		r.list(func() { skipped = append(skipped, readSkipped(r)) })
	}
	switch own := s.Leaf == state.Own; {
	case r.Err() != nil:
		return
	case own && (sent < s.Next || sent == 0 && !derived), !own && (sent > 0 || !derived):
		r.Failf("generations given out: %d", sent)
		return
	case own:
		state.Sent[s.Kind] = sent
	}
	if !derived {
		return
	}
	state.Ratchets = append(state.Ratchets, s)
	for k, x := range skipped {
		block := uint32(x.Generation) / keyschedule.SkippedBlock
		if k == 0 || block != uint32(skipped[k-1].Generation)/keyschedule.SkippedBlock {
			state.Skipped = append(state.Skipped, keyschedule.SkippedRecord{Leaf: s.Leaf, Kind: s.Kind, Block: block})
		}
		last := &state.Skipped[len(state.Skipped)-1]
		last.Keys = append(last.Keys, x)
	}
}

// loadSkipped loads a block of skipped keys.
func loadSkipped(leaf, kind, block numbered, of *public, state *keyschedule.TreeRecord) error {
	s := keyschedule.SkippedRecord{
		Leaf: framing.LeafIndex(leaf.number), Kind: keyschedule.RatchetKind(kind.number), Block: uint32(block.number)}
	found, err := block.load(func(r *recordReader) {
		r.mark(of)
		r.list(func() { s.Keys = append(s.Keys, readSkipped(r)) })
	})
	if found && err == nil {
		state.Skipped = append(state.Skipped, s)
	}
	return err
}

func readSkipped(r *recordReader) keyschedule.SkippedKey {
	return keyschedule.SkippedKey{Generation: framing.Generation(r.Uint32()), Material: r.secret()}
}

// loadCounter loads the number of the Group. Records of version 1 have none.
func (l *loader) loadCounter(g *Group, least uint64) error {
	d := l.top.open(recordCounter)
	if l.top.shelf.version == 1 {
		if least > 1 {
			return d.failWith(ErrStale)
		}
		return nil
	}
	l.counter = new(counter)
	if err := d.must(l.counter.read); err != nil {
		return err
	}
	switch c := l.counter; {
	case c.version < least:
		return d.failWith(ErrStale)
	case c.version == math.MaxUint64:
		return d.fail("versions are exhausted")
	case c.epoch != uint64(l.header.epoch):
		return d.failWith(ErrStaleRecord)
	}
	g.steps = l.counter.version - 1
	return nil
}

// checkCounter checks that the Group is the one that the counter speaks of.
func (l *loader) checkCounter(g *Group) error {
	c := l.counter
	if c == nil {
		return nil
	}
	if (c.present != nil) != (g.messages != nil) || (c.pending != nil) != g.pendsEpoch() || c.fingerprint != g.fingerprint() {
		return l.top.open(recordCounter).failWith(ErrStaleRecord)
	}
	return nil
}

// check checks that the own ratchets of a tree, loaded from d, are those of which the counter speaks.
func (o *ownRatchets) check(d *drawer, t *keyschedule.SecretTree, own framing.LeafIndex) error {
	for kind := range o {
		k := keyschedule.RatchetKind(kind)
		passed, err := t.Passed(k)
		if err != nil || passed != o[kind].passed {
			return &RecordError{ratchetKey(d.key, own, k), ErrStaleRecord}
		}
	}
	return nil
}
