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
			delete(s, r.Key)
			continue
		}
		require.False(t, bytes.Equal(s[r.Key], r.Value), "record %s is written unchanged", r.Key)
		s[r.Key] = r.Value
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

// size is the length of all values.
func (s shelf) size() (n int) {
	for _, value := range s {
		n += len(value)
	}
	return n
}

// recorded is a Group or an Observer.
type recorded[T any] interface {
	*T
	Records(since *T) ([]mls.Record, error)
}

// whole is what a store holds of a Group or an Observer.
func whole[T any, G recorded[T]](t require.TestingT, g G) shelf {
	records, err := g.Records(nil)
	s := shelf{}
	s.put(t, records, err)
	return s
}

// keeper stores a Group as an application does, and checks at each Step that the store follows, gives back the same
// Group, and has forgotten what is erased.
type keeper struct {
	t      require.TestingT
	params mls.Params
	store  shelf
	held   *mls.Group // what the store holds
	drawn  *drawn     // nil when the randomness is not to be looked for
	erased int        // secrets that went
}

func newKeeper(t require.TestingT, params mls.Params) *keeper {
	k := &keeper{t: t, params: params, store: shelf{}}
	k.drawn, _ = (*inside.Rand(&params)).(*drawn)
	return k
}

// follow lets a Step take effect.
func (k *keeper) follow(s *mls.Step) {
	changes, err := s.Next.Records(k.held)
	k.store.put(k.t, changes, err)
	k.checkErased(s)
	k.held = s.Next
}

// checkErased looks in the whole store for what the Step erases.
func (k *keeper) checkErased(s *mls.Step) {
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
	if k.drawn != nil {
		for _, random := range k.drawn.take() {
			k.checkGone(random)
		}
	}
}

func (k *keeper) checkGone(secret []byte) {
	if len(secret) < 12 {
		return // too short to be told from chance
	}
	for key, value := range k.store {
		require.False(k.t, bytes.Contains(value, secret), "a secret that is gone is in record %s", key)
	}
}

// check compares the store with the Group, and with what comes back from it.
func (k *keeper) check() {
	k.store.same(k.t, whole(k.t, k.held))
	k.store.same(k.t, whole(k.t, k.load()))
}

func (k *keeper) load() *mls.Group {
	g, err := mls.Load(mls.LoadParams{Records: k.store.records(), Params: k.params})
	require.NoError(k.t, err)
	return g
}

// reload goes on with what the store holds, as after a restart.
func (k *keeper) reload() *mls.Group {
	k.held = k.load()
	return k.held
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
