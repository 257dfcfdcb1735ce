package mls

// What tells records of different times apart: a number for each Group, the epoch, and how far the own ratchets are.

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/copse-mls/copse/internal/wire"
	"github.com/copse-mls/copse/keyschedule"
)

// Version returns a number that is one higher in the Next of a Step than in the Group from which the Step began, unless the
// Step changes nothing. So two Steps from one Group have the same number, and a store that writes on condition takes one of
// them only:
//
//	UPDATE groups SET version = new WHERE id = group AND version = old
//
// A Group that was created or joined has version 1, unless Step.After says what it follows. The number is in the records that
// each Step changes: see LoadParams.Version.
func (g *Group) Version() uint64 { return g.steps + 1 }

// After makes the Step one that follows the Group that the store holds. For a Step that began from former this changes nothing,
// and former may be nil when the store holds none. It is for a client that comes in anew, by Join or JoinExternal, in the place
// of its former membership: the Version of Next comes after that of former, so that no number is there twice, and Erase
// overwrites all secrets of former. Call it before anything is done with Next.
//
// It fails with ErrWrongGroup when former is of a group with another id, and with ErrNotNext when the Step began from another
// Group than former.
func (s *Step) After(former *Group) error {
	switch {
	case former == nil || s.old == former:
		return nil
	case !bytes.Equal(s.Next.GroupID(), former.GroupID()):
		return ErrWrongGroup
	case s.old != nil:
		return ErrNotNext
	}
	err := s.AfterVersion(former.Version())
	s.old = former
	return err
}

// AfterVersion does what After does for a client whose former Group cannot be loaded any more, and that knows from elsewhere
// which Version it had. It fails with ErrNotNext when the Step began from a Group, or when no Version comes after that one.
func (s *Step) AfterVersion(version uint64) error {
	if s.old != nil || version == math.MaxUint64 {
		return ErrNotNext
	}
	next := s.Next.clone()
	next.steps = version
	s.Next = next
	return nil
}

// counter is the record that is written with every Step.
type counter struct {
	version     uint64
	epoch       uint64
	fingerprint uint64       // of the Group, as Group.fingerprint returns it
	present     *ownRatchets // nil when the group is over
	pending     *ownRatchets // in the epoch to which the pending commit leads; nil when there is none
}

// ownRatchets says how far the own ratchets of an epoch are, by kind.
type ownRatchets [2]struct {
	passed uint64 // the generation at which the ratchet stands
	sent   uint64 // how many generations were given out by all Groups of the epoch
}

func (c *counter) write(w *recordWriter) {
	w.Uint64(c.version)
	w.Uint64(c.epoch)
	w.Uint64(c.fingerprint)
	for _, o := range []*ownRatchets{c.present, c.pending} {
		w.Optional(o != nil)
		if o == nil {
			continue
		}
		for _, r := range o {
			w.Uint64(r.passed)
			w.Uint64(r.sent)
		}
	}
}

func (c *counter) read(r *recordReader) {
	c.version, c.epoch, c.fingerprint = r.Uint64(), r.Uint64(), r.Uint64()
	for _, o := range []**ownRatchets{&c.present, &c.pending} {
		if !r.Optional() {
			continue
		}
		*o = new(ownRatchets)
		for kind := range *o {
			x := &(*o)[kind]
			x.passed, x.sent = r.Uint64(), r.Uint64()
			if x.sent < x.passed {
				r.Failf("generation %d, but %d given out", x.passed, x.sent)
			}
		}
	}
	if c.version == 0 {
		r.Failf("version 0")
	}
}

// counter records the number of the Group, and how far its ratchets are.
func (r *recorder) counter(g *Group) {
	c := counter{version: g.Version(), epoch: uint64(g.Epoch()), fingerprint: g.fingerprint()}
	erased := g.isErased()
	count := func(t *keyschedule.SecretTree) *ownRatchets {
		o := new(ownRatchets)
		for kind := range o {
			passed, err := t.Passed(keyschedule.RatchetKind(kind))
			erased = erased || err != nil
			o[kind].passed, o[kind].sent = passed, t.Sent(keyschedule.RatchetKind(kind))
		}
		return o
	}
	if g.messages != nil {
		c.present = count(g.messages)
	}
	if g.pendsEpoch() {
		c.pending = count(g.pending.next.messages)
	}
	r.put(recordCounter, 128, func(w *recordWriter) {
		w.erased = erased
		c.write(w)
	})
}

// fingerprint returns a number that tells Groups of one client apart by what nothing else holds together when it is loaded: the
// group context vouches for the tree, the private keys and the secrets of an epoch, and for nothing below. Equal ones of
// different Groups are a matter of one chance in 2^64. It tells nothing of the secrets that it depends on.
func (g *Group) fingerprint() uint64 {
	w := &recordWriter{Writer: wire.NewWriter(make([]byte, 0, 512))}
	w.Uint8(uint8(g.status))
	w.Opaque(g.lastOwn)
	w.Optional(g.reInit != nil)
	w.Optional(g.successor != nil)
	g.arrivals.write(w)
	w.list(len(g.resumption), func(i int) { w.Uint64(uint64(g.resumption[i].epoch)) })
	w.Uint64(uint64(g.proposals.len()))
	w.Uint64(g.proposals.fingerprint())
	w.list(len(g.past), func(i int) {
		w.Uint64(uint64(g.past[i].Epoch()))
		w.Uint64(g.past[i].messages.Fingerprint())
	})
	if g.messages != nil {
		w.Uint64(g.messages.Fingerprint())
	}
	if g.pending != nil {
		w.Opaque(g.pending.digest())
		w.Uint64(g.pending.next.messages.Fingerprint())
	}
	all, _ := w.Bytes() // nothing here is too long
	h := sha256.New()
	h.Write(all)
	for _, p := range g.resumption {
		h.Write(p.secret.Bytes())
	}
	for _, p := range g.past {
		h.Write(p.senderData.Bytes())
	}
	return binary.BigEndian.Uint64(h.Sum(nil))
}

// digest returns a hash of the commit, the Welcomes, and the epoch to which the commit leads.
func (p *pendingCommit) digest() []byte {
	p.once.Do(func() {
		h := sha256.New()
		h.Write(p.message)
		h.Write(p.next.tag)
		for _, o := range p.welcomes {
			h.Write(o.Message)
		}
		p.hash = h.Sum(nil)
	})
	return p.hash
}

// mark returns what the records of an epoch's message keys begin with, to tell them from those of an epoch of the same number, of
// a branch that lost.
func (p *public) mark() []byte { return p.tag[:8] }

// mark checks the mark of a record. Version 1 has none.
func (r *recordReader) mark(of *public) {
	if r.version > 1 && !bytes.Equal(r.Fixed(len(of.mark())), of.mark()) && r.Err() == nil {
		r.Reject(ErrRecordEpoch)
	}
}

// pendsEpoch reports whether a pending commit leads to another epoch than the Group's. A newcomer's does not.
func (g *Group) pendsEpoch() bool { return g.pending != nil && g.status != StatusJoining }
