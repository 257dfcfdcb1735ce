package mls_test

import (
	"bytes"
	"io"
	"iter"
	"slices"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/internal/inside"
	"github.com/copse-mls/copse/mls/mlstest"
)

// shelf is a store of the records of one group.
type shelf map[string][]byte

// put does what a store does with changes.
func (s shelf) put(t require.TestingT, changes []mls.Record, err error) {
	require.NoError(t, err)
	seen := map[string]bool{}
	for _, r := range changes {
		require.False(t, seen[r.Key], "record %s is written twice", r.Key)
		seen[r.Key] = true
		if r.Value == nil {
			require.NotNil(t, s[r.Key], "a record that is not there is deleted: %s", r.Key)
			continue
		}
		require.False(t, bytes.Equal(s[r.Key], r.Value), "record %s is written unchanged", r.Key)
	}
	s.apply(changes)
}

// apply writes and deletes.
func (s shelf) apply(changes []mls.Record) {
	for _, r := range changes {
		if s[r.Key] = r.Value; r.Value == nil {
			delete(s, r.Key)
		}
	}
}

func (s shelf) records() iter.Seq[mls.Record] {
	return func(yield func(mls.Record) bool) {
		for key, value := range s {
			if !yield(mls.Record{Key: key, Value: value}) {
				return
			}
		}
	}
}

// same compares two stores, and shows no more of them than which records differ.
func (s shelf) same(t require.TestingT, other shelf, what ...any) {
	var differ []string
	for key, value := range s {
		if !bytes.Equal(value, other[key]) {
			differ = append(differ, key)
		}
	}
	for key := range other {
		if s[key] == nil {
			differ = append(differ, key)
		}
	}
	require.Empty(t, differ, what...)
}

// size returns the length of all values.
func (s shelf) size() (n int) {
	for _, value := range s {
		n += len(value)
	}
	return n
}

// find returns the key of a record that holds a secret, or "" when there is none.
func (s shelf) find(secret []byte) string {
	for key, value := range s {
		if bytes.Contains(value, secret) {
			return key
		}
	}
	return ""
}

// recorded is a Group or an Observer.
type recorded[T any] interface {
	*T
	Records(since *T) ([]mls.Record, error)
}

// whole returns what a store holds of a Group or an Observer.
func whole[T any, G recorded[T]](t require.TestingT, g G) shelf {
	records, err := g.Records(nil)
	s := shelf{}
	s.put(t, records, err)
	return s
}

// load returns the Group of records.
func (s shelf) load(params mls.Params) (*mls.Group, error) {
	return mls.Load(mls.LoadParams{Records: s.records(), Params: params})
}

// keeper stores a member's Group as an application does.
type keeper struct {
	*mlstest.Member
	t      require.TestingT
	store  shelf
	held   *mls.Group // what the store holds
	erased int        // secrets that went
}

// keep makes a member store each Step before it takes effect. follow then moves held to the next Group.
func keep(t require.TestingT, m *mlstest.Member, follow func(*keeper, *mls.Step)) *keeper {
	k := &keeper{Member: m, t: t, store: shelf{}}
	m.OnStep = func(s *mls.Step) *mls.Group {
		changes, err := s.Next.Records(k.held)
		k.store.put(t, changes, err)
		follow(k, s)
		return k.held
	}
	return k
}

// next moves on to the Group of a Step, and looks in the whole store for what the Step erases.
func (k *keeper) next(s *mls.Step) {
	secrets := mls.SecretsOf(k.held)
	before := make([][]byte, len(secrets))
	for i, x := range secrets {
		before[i] = slices.Clone(x.Bytes())
	}
	s.Erase()
	for i, x := range secrets {
		if x.IsZero() && len(before[i]) > 0 {
			k.erased++
			k.checkGone(before[i])
		}
	}
	if drawn, ok := (*inside.Rand(&k.Params)).(*drawn); ok {
		for _, random := range drawn.take() {
			k.checkGone(random)
		}
	}
	k.held = s.Next
}

func (k *keeper) checkGone(secret []byte) {
	if len(secret) < 12 {
		return // too short to be told from chance
	}
	key := k.store.find(secret)
	require.Empty(k.t, key, "a secret that is gone is in record %s", key)
}

// check compares the store with the Group, and with what comes back from it.
func (k *keeper) check() {
	k.store.same(k.t, whole(k.t, k.held))
	k.store.same(k.t, whole(k.t, k.load()))
}

func (k *keeper) load() *mls.Group {
	return must(k.store.load(k.Params))
}

// drawn is a source of randomness that remembers what it gave. All of it leads to secrets and is none itself.
type drawn struct {
	from io.Reader
	mu   sync.Mutex
	all  [][]byte
}

// remember puts a drawn in the place of the source of params.
func remember(params *mls.Params) {
	rand := inside.Rand(params)
	*rand = &drawn{from: *rand}
}

func (d *drawn) Read(p []byte) (int, error) {
	n, err := d.from.Read(p)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, slices.Clone(p[:n]))
	return n, err
}

func (d *drawn) take() [][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.all
}
