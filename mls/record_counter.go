package mls

// What tells records of different times apart: a number for each Group, the epoch, and how far the own ratchets are.

import (
	"bytes"

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
// which Version it had. It fails with ErrNotNext when the Step began from a Group.
func (s *Step) AfterVersion(version uint64) error {
	if s.old != nil {
		return ErrNotNext
	}
	next := s.Next.clone()
	next.steps = version
	s.Next = next
	return nil
}

// counter is the record that is written with every Step.
type counter struct {
	version uint64
	epoch   uint64
	past    uint64    // fingerprints of all past epochs together
	present *ratchets // nil when the group is over
	pending *ratchets // in the epoch to which the pending commit leads; nil when there is none
}

// ratchets says how far the ratchets of an epoch are.
type ratchets struct {
	fingerprint uint64 // of the secret tree
	own         [2]struct {
		passed uint64 // the generation at which the own ratchet of a kind stands
		sent   uint64 // how many generations were given out by all Groups of the epoch
	}
}

func (c *counter) write(w *recordWriter) {
	w.Uint64(c.version)
	w.Uint64(c.epoch)
	w.Uint64(c.past)
	for _, e := range []*ratchets{c.present, c.pending} {
		w.Optional(e != nil)
		if e == nil {
			continue
		}
		w.Uint64(e.fingerprint)
		for _, r := range e.own {
			w.Uint64(r.passed)
			w.Uint64(r.sent)
		}
	}
}

func (c *counter) read(r *recordReader) {
	c.version, c.epoch, c.past = r.Uint64(), r.Uint64(), r.Uint64()
	for _, e := range []**ratchets{&c.present, &c.pending} {
		if !r.Optional() {
			continue
		}
		*e = &ratchets{fingerprint: r.Uint64()}
		for kind := range (*e).own {
			x := &(*e).own[kind]
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
	c := counter{version: g.Version(), epoch: uint64(g.Epoch()), past: g.pastFingerprint()}
	erased := g.isErased()
	count := func(t *keyschedule.SecretTree) *ratchets {
		e := &ratchets{fingerprint: t.Fingerprint()}
		for kind := range e.own {
			passed, err := t.Passed(keyschedule.RatchetKind(kind))
			erased = erased || err != nil
			e.own[kind].passed, e.own[kind].sent = passed, t.Sent(keyschedule.RatchetKind(kind))
		}
		return e
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

// pastFingerprint returns the sum of the fingerprints of all past epochs.
func (g *Group) pastFingerprint() (n uint64) {
	for _, p := range g.past {
		n += p.messages.Fingerprint()
	}
	return n
}

// pendsEpoch reports whether a pending commit leads to another epoch than the Group's. A newcomer's does not.
func (g *Group) pendsEpoch() bool { return g.pending != nil && g.status != StatusJoining }
