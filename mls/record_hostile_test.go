package mls_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/internal/wire"
	"github.com/copse-mls/copse/mls"
)

// loadAny loads whatever records are of. What can be loaded is written again byte for byte; what cannot fails with a
// RecordError.
func loadAny(t require.TestingT, records shelf) error {
	o, asObserver := mls.LoadObserver(mls.LoadParams{Records: records.records()})
	if asObserver == nil {
		records.same(t, whole(t, o))
		return nil
	}
	g, asMember := mls.Load(mls.LoadParams{Records: records.records()})
	if asMember == nil {
		records.same(t, whole(t, g))
		return nil
	}
	checkRecordError(t, asObserver)
	checkRecordError(t, asMember)
	return errors.Join(asObserver, asMember)
}

func checkRecordError(t require.TestingT, err error) {
	var bad *mls.RecordError
	require.ErrorAs(t, err, &bad)
	require.LessOrEqual(t, len(bad.Key), 64)
}

var goldenNames = []string{"member", "updating", "removed", "joining", "reinitialized", "successor", "observer"}

// Records that are cut short, of another version, or damaged are refused, or mean something that can be stored again.
func TestBadRecords(t *testing.T) {
	for _, name := range goldenNames {
		t.Run(name, func(t *testing.T) {
			good := readGolden(t, name).records
			for key, value := range good {
				change := func(v []byte) error {
					s := maps.Clone(good)
					s[key] = v
					return loadAny(t, s)
				}
				require.ErrorIs(t, change(append([]byte{2}, value[1:]...)), mls.ErrRecordVersion, key)
				require.Error(t, change([]byte{}), key)
				require.Error(t, change(append(slices.Clone(value), 0)), key)
				for n := 1; n < len(value); n += 1 + n/16 {
					if blank := n == 1 && len(value) > 1; !blank || change(value[:n:n]) != nil {
						require.Error(t, change(value[:n:n]), "%d bytes of %s", n, key)
					}
					flipped := slices.Clone(value)
					flipped[n] ^= 1 << (n % 8)
					_ = change(flipped)
				}
				s := maps.Clone(good)
				delete(s, key)
				_ = loadAny(t, s)
			}
		})
	}
}

// Records without a place are refused: to leave them out could lose something.
func TestRecordsWithoutPlace(t *testing.T) {
	good := readGolden(t, "member").records
	for _, key := range []string{"", "x", "group/0", "group/", "/group", "tree/0", "tree/00/0", "tree/0/+0", "tree/0/99999999999", "tree/256/0",
		"epoch/1/node/0/0/0", "epoch/18446744073709551616", "resumption/x", "proposal/01", "pending/welcome/9", "epoch/77",
		"epoch/2/ratchet/0/other", "pending/senderdata", "epoch/1/secrets", string(make([]byte, 65))} {
		s := maps.Clone(good)
		require.NotContains(t, s, key)
		s[key] = []byte{1}
		require.Error(t, loadAny(t, s), "%q", key)
	}
	_, err := mls.Load(mls.LoadParams{Records: func(yield func(mls.Record) bool) {
		for range 2 {
			if !yield(mls.Record{Key: "group", Value: good["group"]}) {
				return
			}
		}
	}})
	require.ErrorIs(t, err, mls.ErrRecords)
	require.ErrorIs(t, loadAny(t, shelf{}), mls.ErrRecords)
	_, err = mls.LoadObserver(mls.LoadParams{Records: good.records()})
	require.ErrorIs(t, err, mls.ErrRecords, "a member is no observer")
}

// A tree that Params do not allow is refused before it is built.
func TestLoadLimitsTheTree(t *testing.T) {
	records := whole(t, stage(t, "alice", "bob", "carol")[0].group)
	for limit, fits := range map[int]bool{2: false, 3: true} {
		_, err := mls.Load(mls.LoadParams{Records: records.records(), Params: mls.Params{MaxLeaves: limit}})
		require.Equal(t, !fits, errors.Is(err, mls.ErrRecords), "%d leaves: %v", limit, err)
	}
}

// A private key that the member should know has to be there: without it some later commit could not be read.
func TestLoadMissesNoKey(t *testing.T) {
	cast := stage(t, "alice", "bob", "carol")
	cast[0].commit(mls.CommitParams{ForcePath: true}, cast[1:]...)
	records := whole(t, cast[2].group)
	var keys []byte // the leaf's alone
	r := wire.NewReader("private", records["private"][1:])
	r.Vector(func(r *wire.Reader) {
		w := wire.NewWriter(nil)
		w.Uint32(r.Uint32())
		w.Opaque(r.Opaque())
		if keys == nil {
			var err error
			keys, err = w.Bytes()
			require.NoError(t, err)
		}
	})
	require.NoError(t, r.Finish())
	w := wire.NewWriter(slices.Clone(records["private"][:1]))
	w.Opaque(keys)
	short, err := w.Bytes()
	require.NoError(t, err)
	require.Less(t, len(short), len(records["private"]))
	records["private"] = short
	_, err = mls.Load(mls.LoadParams{Records: records.records()})
	require.ErrorIs(t, err, mls.ErrRecords)
	require.ErrorContains(t, err, "is missing")
}

// What failed says which record, and nothing of its value.
func TestRecordErrorNamesTheRecord(t *testing.T) {
	s := maps.Clone(readGolden(t, "member").records)
	s["secrets"] = s["secrets"][:40]
	_, err := mls.Load(mls.LoadParams{Records: s.records()})
	var bad *mls.RecordError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, "secrets", bad.Key)
	var syntax *mls.SyntaxError
	require.True(t, errors.As(err, &syntax))
}

// FuzzLoad reads records from its input and loads them.
func FuzzLoad(f *testing.F) {
	for _, name := range goldenNames {
		w := wire.NewWriter(nil)
		records := readGolden(f, name).records
		for _, key := range slices.Sorted(maps.Keys(records)) {
			w.Opaque([]byte(key))
			w.Opaque(records[key])
		}
		seed, err := w.Bytes()
		require.NoError(f, err)
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r := wire.NewReader("records", data)
		s := shelf{}
		for r.Remaining() > 0 {
			key, value := string(r.Opaque()), r.Opaque()
			s[key] = value
		}
		_ = loadAny(t, s)
	})
}
