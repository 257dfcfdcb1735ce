package mls

// How a Group is stored.

import (
	"errors"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
	"github.com/copse-mls/copse/treekem"
)

// Record is one entry of a Group or Observer in storage: a key that is unique within the group, and a value. A store
// keeps records under a name for the group and Record.Key, which consists of lower-case words, decimal numbers and
// slashes, at most 64 bytes in all.
//
// For each Step, one atomic transaction writes
//
//   - the records of Next.Records(old), with old being the Group that the store holds, on the condition that it still
//     does hold it, which Group.Version tells: of two Steps from the same Group, one has to lose;
//   - Step.Send, in an outbox, and Step.Events, in an inbox, with the id of the message that was handled or its place in
//     the feed. What is written later, or nowhere, is lost in a crash: the keys that could read or make it again are gone;
//   - the deletion of the KeyPackage's private part, when Step.Used says so.
//
// Only then call Step.Erase, and only then send: a message that left before its record was written is encrypted with a key
// that the stored Group would use once more after a crash. When the transaction failed, drop the Step; when nobody knows
// whether it did, Load. When a client joined a group anew, call Step.After with the Group of its former membership,
// which then is old, whatever leaf it had: what is written and deleted leaves nothing of it, and Erase nothing in memory.
// When that is lost, call Step.AfterVersion, delete all its records and write those of Next.Records(nil).
//
// Values hold secrets in the clear. Keep them where the credentials' private keys may be kept: encrypted,
// authenticated, out of backups that outlive the epoch; and make sure that the storage erases what is deleted and
// replaced: forward secrecy depends on it. Overwrite a value with clear when it is written. Record prints without its
// value, but encoders such as encoding/json write it out.
//
// What to write follows from the Groups alone: an application message changes two records of together some
// hundred bytes, unless it is the first of its sender, and a third when it is late; who skips keys of n messages writes them
// once; a commit changes a number that grows with the logarithm of the group's size. A Welcome
// that waits for its commit is part of the records; when it holds the ratchet tree, it is as large as the tree.
//
// Never load an old copy. A Group that is loaded from an old backup and sends, sends with keys that were used already,
// and reveals both messages to whoever has them. Load refuses records of several times that were put together, those of a
// branch that lost among them; LoadObserver does not. A copy that is old altogether looks like any other. Whoever has to restore
// backups keeps Group.Version elsewhere, written after each transaction and before anything is sent, as LoadParams.Version. Or
// give up the old copy and come back by JoinExternal with Resync.
type Record struct {
	Key   string
	Value []byte // nil to delete the record
}

// Format prints the key and the size of the value, whatever the verb: the value is secret.
func (r Record) Format(f fmt.State, _ rune) {
	_, _ = fmt.Fprintf(f, "{%s %d bytes}", r.Key, len(r.Value)) // fmt.State keeps errors of writing itself
}

// ErrRecordVersion says that a record was written by a later version of this package.
var ErrRecordVersion = errors.New("mls: record of an unknown version")

// ErrRecords says that records are missing, contradict each other, or are not of this kind of object.
var ErrRecords = errors.New("mls: records do not fit together")

// Reasons for which Load refuses records that each are sound.
var (
	// ErrStale says that all records are older than LoadParams.Version: they are a copy, as from a backup.
	ErrStale = errors.New("mls: records are older than they should be")
	// ErrStaleRecord says that a record is older, or newer, than the others.
	ErrStaleRecord = errors.New("mls: record is not of the same time as the others")
	// ErrRecordEpoch says that a record holds secrets of another epoch than that of the Group, be it one of the same number.
	ErrRecordEpoch = errors.New("mls: record is of another epoch")
)

// ErrNotNext says that a Step did not begin from the Group that it is to follow.
var ErrNotNext = errors.New("mls: the step began from another group")

// RecordError says which record cannot be read or written, and why: ErrRecordVersion, ErrRecords, a *SyntaxError, or an
// error of another package. It never contains any part of a value.
type RecordError struct {
	Key string
	Err error
}

func (e *RecordError) Error() string { return fmt.Sprintf("record %q: %v", e.Key, e.Err) }

// Unwrap returns the reason.
func (e *RecordError) Unwrap() error { return e.Err }

// recordVersion is the first byte of every value. It changes with the layout of values.
// In version 1, secrets lacked their epoch, ratchets held their skipped keys, and no counter told of old records.
const recordVersion = 2

// maxRecordKey bounds the length of keys.
const maxRecordKey = 64

// Names of records. Numbers follow after slashes where there are several of a kind.
const (
	recordGroup      = "group"
	recordEpoch      = "epoch"
	recordSecrets    = "secrets"
	recordPrivate    = "private"
	recordTree       = "tree"
	recordNode       = "node"
	recordRatchet    = "ratchet"
	recordSkipped    = "skipped"
	recordSenderData = "senderdata"
	recordResumption = "resumption"
	recordProposal   = "proposal"
	recordDeclined   = "declined" // beside a proposal that does not wait
	recordMessage    = "message"  // beside a SelfRemove
	recordArrivals   = "arrivals"
	recordCounter    = "counter"
	recordPending    = "pending"
	recordWelcome    = "welcome"
)

// recordRole says whose records they are: a member's or an observer's.
type recordRole uint8

const (
	roleMember recordRole = iota + 1
	roleObserver
)

// recordHeader is the record that all others depend on.
type recordHeader struct {
	role      recordRole
	suite     ciphersuite.CipherSuite
	epoch     framing.Epoch     // the present one
	leaf      framing.LeafIndex // the member's own
	status    Status
	lastOwn   []byte
	reInit    *framing.ReInit
	successor *successorLink
}

func (h *recordHeader) write(w *recordWriter) {
	w.Uint8(uint8(h.role))
	w.Uint16(uint16(h.suite))
	w.Uint64(uint64(h.epoch))
	w.Uint32(uint32(h.leaf))
	w.Uint8(uint8(h.status))
	w.Opaque(h.lastOwn)
	writeOptional(w, h.reInit)
	w.Optional(h.successor != nil)
	if h.successor != nil {
		w.value(&h.successor.id)
		w.secret(h.successor.psk)
	}
}

func (h *recordHeader) read(r *recordReader) {
	h.role = recordRole(r.Uint8())
	h.suite = ciphersuite.CipherSuite(r.Uint16())
	h.epoch = framing.Epoch(r.Uint64())
	h.leaf = framing.LeafIndex(r.Uint32())
	h.status = Status(r.Uint8())
	h.lastOwn = r.bytes()
	h.reInit = readOptional[framing.ReInit](r)
	if r.Optional() {
		h.successor = new(successorLink)
		r.value(&h.successor.id)
		h.successor.psk = r.secret()
	}
}

func (a *arrivals) write(w *recordWriter) {
	w.Uint64(uint64(a.own))
	w.Uint64(uint64(a.floor))
	w.list(len(a.recent), func(i int) {
		w.Uint64(uint64(a.recent[i].epoch))
		w.list(len(a.recent[i].runs), func(j int) {
			w.Uint32(uint32(a.recent[i].runs[j].first))
			w.Uint32(uint32(a.recent[i].runs[j].last))
		})
	})
}

func (a *arrivals) read(r *recordReader) {
	a.own, a.floor = framing.Epoch(r.Uint64()), framing.Epoch(r.Uint64())
	r.list(func() {
		x := arrival{epoch: framing.Epoch(r.Uint64())}
		r.list(func() {
			x.runs = append(x.runs, leafRun{framing.LeafIndex(r.Uint32()), framing.LeafIndex(r.Uint32())})
		})
		a.recent = append(a.recent, x)
	})
}

// recordWriter writes the value of one record.
type recordWriter struct {
	*wire.Writer
	erased bool
}

// value writes a structure as opaque<V>.
func (w *recordWriter) value(v framing.Value) {
	b, err := framing.Marshal(v)
	if err != nil {
		w.Failf("%v", err)
	}
	w.Opaque(b)
}

// secret writes a secret that has to be there.
func (w *recordWriter) secret(s ciphersuite.Secret) {
	w.erased = w.erased || s.IsZero()
	w.Opaque(s.Bytes())
}

// optionalSecret writes a secret, or an empty value when there is none.
func (w *recordWriter) optionalSecret(s ciphersuite.Secret) {
	w.erased = w.erased || s.IsZero() && s != ciphersuite.Secret{}
	w.Opaque(s.Bytes())
}

// list writes n elements as a vector.
func (w *recordWriter) list(n int, write func(i int)) {
	w.Vector(func(*wire.Writer) {
		for i := range n {
			write(i)
		}
	})
}

// shelf is what all records that are loaded together have in common.
type shelf struct {
	bodies  framing.Bodies // of custom proposals
	version uint8          // of each record; 0 when they may differ
	keys    []string
}

// recordReader reads the value of one record. What it returns is a copy.
type recordReader struct {
	*wire.Reader
	version uint8
	bodies  framing.Bodies
}

func (r *recordReader) bytes() []byte { return append([]byte(nil), r.Opaque()...) }

func (r *recordReader) value(v framing.Value) {
	b := r.bytes()
	if r.Err() != nil {
		return
	}
	if err := r.bodies.UnmarshalShared(b, v); err != nil {
		r.Reject(err)
	}
}

func (r *recordReader) secret() ciphersuite.Secret {
	b := r.bytes()
	if len(b) == 0 {
		r.Failf("secret is missing")
	}
	return ciphersuite.NewSecret(b)
}

func (r *recordReader) optionalSecret() ciphersuite.Secret {
	b := r.bytes()
	if len(b) == 0 {
		return ciphersuite.Secret{}
	}
	return ciphersuite.NewSecret(b)
}

// list reads the elements of a vector.
func (r *recordReader) list(read func()) { r.Vector(func(*wire.Reader) { read() }) }

// valueOf is the pointer form of a structure.
type valueOf[T any] interface {
	*T
	framing.Value
}

func writeOptional[T any, P valueOf[T]](w *recordWriter, v *T) {
	w.Optional(v != nil)
	if v != nil {
		w.value(P(v))
	}
}

func readOptional[T any, P valueOf[T]](r *recordReader) *T {
	if !r.Optional() {
		return nil
	}
	v := new(T)
	r.value(P(v))
	return v
}

// recorder gathers records.
type recorder struct {
	keysOnly bool // without values
	out      []Record
	err      error
}

func (r *recorder) done() ([]Record, error) {
	if r.err != nil {
		return nil, r.err
	}
	return r.out, nil
}

// put adds a record. size is the approximate length of its value: a buffer that does not grow leaves no copies of secrets.
func (r *recorder) put(key string, size int, write func(w *recordWriter)) {
	if r.keysOnly {
		r.out = append(r.out, Record{Key: key})
		return
	}
	w := &recordWriter{Writer: wire.NewWriter(make([]byte, 0, size))}
	w.Uint8(recordVersion)
	write(w)
	value, err := w.Bytes()
	if w.erased {
		err = ErrErased
	}
	if err != nil && r.err == nil {
		r.err = &RecordError{key, err}
	}
	r.out = append(r.out, Record{key, value})
}

func (r *recorder) drop(key string) { r.out = append(r.out, Record{Key: key}) }

// replace adds the records that now puts, and deletes those that only then puts.
func (r *recorder) replace(now, then func(r *recorder)) {
	start := len(r.out)
	now(r)
	kept := map[string]bool{}
	for _, x := range r.out[start:] {
		kept[x.Key] = true
	}
	old := &recorder{keysOnly: true}
	then(old)
	for _, x := range old.out {
		if !kept[x.Key] {
			r.drop(x.Key)
		}
	}
}

func blockKey(prefix string, b treekem.BlockRecord) string {
	return fmt.Sprintf("%s%s/%d/%d", prefix, recordTree, b.Layer, b.Index)
}

func (r *recorder) block(prefix string, b treekem.BlockRecord) {
	r.put(blockKey(prefix, b), 1+len(b.Data), func(w *recordWriter) { w.Raw(b.Data) })
}

// readRecord reads the value of the record of a key, which is one of those on a shelf.
func readRecord(key string, value []byte, of *shelf, read func(r *recordReader)) error {
	r := &recordReader{Reader: wire.NewReader("record", value), bodies: of.bodies}
	r.version = r.Uint8()
	switch {
	case r.Err() != nil:
	case r.version == 0 || r.version > recordVersion:
		return &RecordError{key, ErrRecordVersion}
	case of.version != 0 && r.version != of.version:
		return &RecordError{key, ErrStaleRecord}
	}
	read(r)
	if err := r.Finish(); err != nil {
		return &RecordError{key, err}
	}
	return nil
}
