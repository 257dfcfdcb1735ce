package mlstest

// The contract of package mls, for tests of clients.

import (
	"bytes"
	"maps"
	"slices"

	"github.com/copse-mls/copse/mls"
)

// Take returns a function that lets Steps take effect for a client that stores nothing: it fails the test on an error,
// makes Next the current Group, and erases what it replaces. It goes around a transition:
//
//	step := mlstest.Take(t, &g)(g.Handle(in))
//
// The Group may be nil at first. Claims are not checked. A client that stores its Groups uses Store.Take instead.
func Take(t TB, g **mls.Group) func(*mls.Step, error) *mls.Step {
	return func(step *mls.Step, err error) *mls.Step {
		t.Helper()
		must(t, err, "transition")
		step.Erase()
		*g = step.Next
		return step
	}
}

// Store is the storage of one application, in memory: the records of its groups, an outbox, an inbox, the private parts of
// its KeyPackages, and notes of its own. Each write is atomic. It keeps the contract of package mls:
//
//	step, err := g.Handle(mls.Input{Message: message, Now: now})
//	store.Take(t, &g, mlstest.Note{Key: "position", Value: "17"})(step, err)
//	store.Send(func(p mlstest.Parcel) bool { return service.Post(p) })
//	store.Deliver(func(r mlstest.Received) []mlstest.Note { show(r.Event); return nil })
//	service.Acknowledge(17)
//
// After a crash the application calls Restart and Load, and goes on with Send and Deliver. The zero Store is empty and
// ready for use. It is not safe for concurrent use.
type Store struct {
	// Trusts answers Claims. Nil trusts everybody.
	Trusts func(mls.Claim) bool
	// Crash ends the application at one of the points that it passes. Nil never ends it.
	Crash *Crash
	// BoxesInMemory keeps outbox and inbox out of the transaction, so that Restart loses them. That breaks the contract.
	// It is for tests that need lost messages.
	BoxesInMemory bool

	tables
	held map[string]*mls.Group // the Groups of this run, as the records have them, by group ID
}

// tables is everything that survives a crash.
type tables struct {
	records  map[string]map[string][]byte // by group ID and key
	outbox   []Parcel
	inbox    []Received
	packages map[string][]byte // OwnKeyPackages, encoded, by reference
	notes    map[string]string
}

// Parcel is a message in the outbox.
type Parcel struct {
	Group string // its ID
	mls.Outgoing
}

// Received is an event in the inbox. A store on disk encodes what its application needs of the event.
type Received struct {
	Group string // its ID
	Event mls.Event
}

// Note is a row of the application's own that is written in one transaction with something else: for example, which
// message of a feed was handled last.
type Note struct{ Key, Value string }

// Take returns a function that lets Steps take effect by the contract: it fails the test on an error, has the Claims
// answered, and writes in one transaction the records of Next, what is to be sent, what was received, the deletion of a
// KeyPackage that was used up, and notes. Only then does it erase, and make Next the current Group. When a Claim is
// answered with no, it returns nil, and the current Group stays. It goes around a transition, as the function Take does.
// When a client joins a group again, the records of its former membership are replaced.
//
// The test fails, too, when the Store does not hold the current Group: then two Steps were made from one Group.
func (s *Store) Take(t TB, g **mls.Group, notes ...Note) func(*mls.Step, error) *mls.Step {
	return func(step *mls.Step, err error) *mls.Step {
		t.Helper()
		must(t, err, "transition")
		for _, c := range step.Claims {
			s.Crash.Pass("before a claim")
			if s.Trusts != nil && !s.Trusts(c) {
				return nil
			}
		}
		s.Crash.Pass("before the transaction")
		s.store(t, *g, step, notes)
		s.Crash.Pass("after the transaction, before Erase")
		step.Erase()
		*g = step.Next
		return step
	}
}

// store makes the transaction of Take.
func (s *Store) store(t TB, old *mls.Group, step *mls.Step, notes []Note) {
	t.Helper()
	id := string(step.Next.GroupID())
	again := old == nil || !bytes.Equal(old.GroupID(), step.Next.GroupID())
	if !again && s.held[id] != old {
		t.Fatalf("mlstest: the store does not hold the Group that the Step began with")
	}
	if again {
		old = s.held[id] // of a former membership, or nil
	}
	must(t, step.After(old), "order of Steps")
	changes, err := step.Next.Records(old)
	must(t, err, "records")
	s.write(func(x *tables) {
		if old == nil {
			delete(x.records, id)
		}
		x.putRecords(id, changes)
		s.Crash.Pass("in the transaction")
		for _, out := range step.Send {
			x.outbox = append(x.outbox, Parcel{id, out})
		}
		for _, e := range step.Events {
			x.inbox = append(x.inbox, Received{id, e})
		}
		if used := step.Used; used != nil && !used.LastResort {
			delete(x.packages, string(used.Ref))
		}
		x.putNotes(notes)
	})
	if s.held == nil {
		s.held = map[string]*mls.Group{}
	}
	s.held[id] = step.Next
}

// write makes one transaction: unless change returns, nothing is written.
func (s *Store) write(change func(*tables)) {
	x := tables{
		records: maps.Clone(s.records), outbox: slices.Clone(s.outbox), inbox: slices.Clone(s.inbox),
		packages: maps.Clone(s.packages), notes: maps.Clone(s.notes),
	}
	change(&x)
	s.tables = x
}

func (x *tables) putRecords(group string, changes []mls.Record) {
	records := maps.Clone(x.records[group])
	if records == nil {
		records = map[string][]byte{}
	}
	for _, r := range changes {
		if r.Value == nil {
			delete(records, r.Key)
		} else {
			records[r.Key] = r.Value
		}
	}
	if x.records == nil {
		x.records = map[string]map[string][]byte{}
	}
	x.records[group] = records
}

func (x *tables) putNotes(notes []Note) {
	if x.notes == nil {
		x.notes = map[string]string{}
	}
	for _, n := range notes {
		x.notes[n.Key] = n.Value
	}
}

// Send calls send with each parcel in the outbox, oldest first. It removes those for which send returns true, because they
// were accepted or refused for good, and ends at the first other one. Call it after Take and after a restart. A parcel may
// be sent twice when a crash comes before the removal.
func (s *Store) Send(send func(Parcel) bool) {
	for len(s.outbox) > 0 {
		s.Crash.Pass("before sending")
		if !send(s.outbox[0]) {
			return
		}
		s.Crash.Pass("after sending, before the removal")
		s.write(func(x *tables) { x.outbox = x.outbox[1:] })
	}
}

// Deliver calls tell with each event in the inbox, oldest first, and removes it. The notes that tell returns are written in
// one transaction with the removal, and so exactly once. What else tell does is done at least once: again when a crash
// comes before the removal. Call it after Take and after a restart.
func (s *Store) Deliver(tell func(Received) []Note) {
	for len(s.inbox) > 0 {
		s.Crash.Pass("before delivery")
		notes := tell(s.inbox[0])
		s.Crash.Pass("after delivery, before the removal")
		s.write(func(x *tables) {
			x.inbox = x.inbox[1:]
			x.putNotes(notes)
		})
	}
}

// Note returns the value of a note, or "" when there is none.
func (s *Store) Note(key string) string { return s.notes[key] }

// Write writes notes, in a transaction of their own.
func (s *Store) Write(notes ...Note) { s.write(func(x *tables) { x.putNotes(notes) }) }

// Outbox returns what waits to be sent, oldest first.
func (s *Store) Outbox() []Parcel { return slices.Clone(s.outbox) }

// Inbox returns what waits to be delivered, oldest first.
func (s *Store) Inbox() []Received { return slices.Clone(s.inbox) }

// Groups returns the IDs of the groups that are stored, in order.
func (s *Store) Groups() []string { return slices.Sorted(maps.Keys(s.records)) }

// KeepKeyPackage stores a KeyPackage with its private part, and notes. Call it before anybody else gets the KeyPackage.
func (s *Store) KeepKeyPackage(t TB, k *mls.OwnKeyPackage, notes ...Note) {
	t.Helper()
	ref, err := k.KeyPackage.Ref(Suite(t, k.KeyPackage.CipherSuite))
	must(t, err, "reference of a KeyPackage")
	private, err := k.Marshal()
	must(t, err, "KeyPackage")
	s.write(func(x *tables) {
		if x.packages == nil {
			x.packages = map[string][]byte{}
		}
		x.packages[string(ref)] = private
		x.putNotes(notes)
	})
}

// KeyPackages returns the KeyPackages that are stored, for Join.
func (s *Store) KeyPackages(t TB) (all []*mls.OwnKeyPackage) {
	t.Helper()
	for _, ref := range slices.Sorted(maps.Keys(s.packages)) {
		k, err := mls.UnmarshalOwnKeyPackage(s.packages[ref])
		must(t, err, "KeyPackage")
		all = append(all, k)
	}
	return all
}

// Restart begins another run of the application: its memory is lost, and its Groups have to be loaded.
func (s *Store) Restart() {
	s.held = nil
	if s.BoxesInMemory {
		s.outbox, s.inbox = nil, nil
	}
}

// Load makes a Group from its records, nil when the Store has none. params must not have the seed of an earlier run, or
// the same randomness would be used again.
func (s *Store) Load(t TB, group string, params mls.Params) *mls.Group {
	t.Helper()
	if s.records[group] == nil {
		return nil
	}
	g, err := mls.Load(mls.LoadParams{Params: params, Records: func(yield func(mls.Record) bool) {
		for key, value := range s.records[group] {
			if !yield(mls.Record{Key: key, Value: value}) {
				return
			}
		}
	}})
	must(t, err, "records")
	if s.held == nil {
		s.held = map[string]*mls.Group{}
	}
	s.held[group] = g
	return g
}

// Crash ends applications at one of the points that they pass, and counts the points. The zero Crash only counts. Several
// Stores may share one.
type Crash struct {
	At     int    // the number of the point, counted from 1, at which the application ends; 0 for none
	Passed int    // how many points were passed
	Point  string // the name of the last one
}

// Pass marks a point at which the application may end. It panics at point At, and Run recovers.
func (c *Crash) Pass(point string) {
	if c == nil {
		return
	}
	c.Passed++
	c.Point = point
	if c.Passed == c.At {
		panic(c)
	}
}

// Run calls f and reports whether the application ended in it. It does not recover other panics.
func (c *Crash) Run(f func()) (ended bool) {
	defer func() {
		if r := recover(); r == any(c) {
			ended = true
		} else if r != nil {
			panic(r)
		}
	}()
	f()
	return false
}
