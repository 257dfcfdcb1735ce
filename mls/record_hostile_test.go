package mls_test

import (
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
	"github.com/copse-mls/copse/mls"
)

// present reports whether all records are of the present version, which begins with a 2.
func (s shelf) present() bool {
	for _, value := range s {
		if len(value) > 0 && value[0] != 2 {
			return false
		}
	}
	return true
}

// loadAny loads whatever records are of. What can be loaded is written again byte for byte, unless an older version wrote it;
// what cannot fails with a RecordError.
func loadAny(t require.TestingT, records shelf) error {
	o, asObserver := mls.LoadObserver(mls.LoadParams{Records: records.records()})
	if asObserver == nil {
		if written := whole(t, o); records.present() {
			records.same(t, written)
		}
		return nil
	}
	g, asMember := mls.Load(mls.LoadParams{Records: records.records()})
	if asMember == nil {
		if written := whole(t, g); records.present() {
			records.same(t, written)
		}
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
				require.ErrorIs(t, change(append([]byte{3}, value[1:]...)), mls.ErrRecordVersion, key)
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
	for _, more := range []mls.Record{{Key: "group", Value: good["group"]}, {Key: "x"}, {Key: "x", Value: []byte{}}} {
		_, err := mls.Load(mls.LoadParams{Records: func(yield func(mls.Record) bool) {
			good.records()(yield)
			yield(more)
		}})
		require.ErrorIs(t, err, mls.ErrRecords)
		require.ErrorContains(t, err, "there twice")
	}
	// Numbers are written in one way only.
	for from, names := range map[string][]string{"tree/0/0": {"tree/00/0", "tree/0/+0", "tree/256/0", "tree/0/4294967296"}, "epoch/2": {"epoch/02"}} {
		for _, to := range names {
			s := maps.Clone(good)
			for key, value := range good {
				if rest, ok := strings.CutPrefix(key+"/", from+"/"); ok {
					delete(s, key)
					s[strings.TrimSuffix(to+"/"+rest, "/")] = value
				}
			}
			require.Error(t, loadAny(t, s), "%s instead of %s", to, from)
		}
	}
	o := maps.Clone(readGolden(t, "observer").records)
	o["x"] = []byte{1}
	require.ErrorContains(t, failure(mls.LoadObserver(mls.LoadParams{Records: o.records()})), "no place")
	require.ErrorIs(t, loadAny(t, shelf{}), mls.ErrRecords)
	require.ErrorIs(t, failure(mls.LoadObserver(mls.LoadParams{Records: good.records()})), mls.ErrRecords, "a member is no observer")
}

// TestRecordsThatContradict: each record by itself is sound, and the record that does not fit the others is named.
func TestRecordsThatContradict(t *testing.T) {
	id := []byte(groupIDOf(t, "member"))
	// context is a change of the context in an epoch's record: of the byte at an offset from the end of the group id.
	context := func(key string, offset int, by byte) func(shelf) {
		return func(s shelf) { s[key][bytes.Index(s[key], id)+len(id)+offset] ^= by }
	}
	header := func(at int, value ...byte) func(shelf) {
		return func(s shelf) { copy(s["group"][at:], value) }
	}
	put := func(key string, value []byte) func(shelf) { return func(s shelf) { s[key] = value } }
	member, updating := readGolden(t, "member").records, readGolden(t, "updating").records
	secret := func(fill byte) []byte { return append([]byte{32}, bytes.Repeat([]byte{fill}, 32)...) }
	for name, c := range map[string]struct {
		of     string
		change func(s shelf)
		key    string
		why    string
	}{
		"status":                    {"member", header(16, 99), "group", "status 99"},
		"status without its ReInit": {"member", header(16, byte(mls.StatusReInitialized)), "group", "status"},
		"observer with a leaf":      {"observer", header(12, 0, 0, 0, 0), "group", "member's state"},
		"observer with a status":    {"observer", header(16, byte(mls.StatusRemoved)), "group", "member's state"},
		"observer with a commit":    {"observer", func(s shelf) { s["group"] = slices.Insert(s["group"], 18, 7); s["group"][17] = 1 }, "group", "member's state"},
		"observer with a successor": {"observer", func(s shelf) {
			s["group"] = append(s["group"][:19], readGolden(t, "successor").records["group"][19:]...)
		}, "group", "member's state"},
		"leaf of nobody":             {"member", header(12, 0, 0, 0, 9), "private", ""},
		"another present epoch":      {"member", context("epoch/3", 7, 1), "epoch/3", "context of epoch 2"},
		"another past epoch":         {"member", context("epoch/2", 7, 1), "epoch/2", "context of epoch 3"},
		"another epoch to come":      {"member", context("pending/epoch", 7, 1), "pending/epoch", "epoch 5 after 3"},
		"another version":            {"member", context("epoch/3", -len(id)-4, 1), "epoch/3", "version or cipher suite"},
		"another cipher suite":       {"member", context("epoch/3", -len(id)-2, 3), "epoch/3", "version or cipher suite"},
		"another group before":       {"member", context("epoch/2", -1, 1), "epoch/2", "another group"},
		"another tree":               {"member", context("epoch/3", 12, 1), "epoch/3", "tree hash"},
		"another tree before":        {"member", context("epoch/2", 12, 1), "epoch/2", "tree hash"},
		"a short confirmation tag":   {"member", func(s shelf) { v := s["epoch/3"]; v[len(v)-37]--; s["epoch/3"] = slices.Delete(v, len(v)-5, len(v)-4) }, "epoch/3", "confirmation tag of 31 bytes"},
		"a key beside a Remove":      {"member", put("proposal/0", append(member["proposal/0"][:len(member["proposal/0"])-1:132], secret(1)...)), "proposal/0", "does not belong"},
		"another key of an Update":   {"updating", put("proposal/1", append(updating["proposal/1"][:len(updating["proposal/1"])-33:247], secret(1)...)), "proposal/1", "does not belong"},
		"a damaged signature":        {"member", func(s shelf) { s["proposal/0"][len(s["proposal/0"])-9] ^= 1 }, "proposal/0", "V-FR-05"},
		"private keys out of order":  {"member", func(s shelf) { v := s["private"]; s["private"] = slices.Concat(v[:3], v[40:77], v[3:40], v[77:]) }, "private", "out of order"},
		"a private key twice":        {"member", func(s shelf) { v := s["private"]; s["private"] = slices.Concat(v[:3], v[3:40], v[3:40], v[77:]) }, "private", "out of order"},
		"another private key":        {"member", func(s shelf) { s["private"][60] ^= 1 }, "private", ""},
		"keys for a past yet to be":  {"member", put("epoch/9/senderdata", member["epoch/2/senderdata"]), "epoch/9", "not past"},
		"keys for the present":       {"member", put("epoch/3/senderdata", member["epoch/2/senderdata"]), "epoch/3", "not past"},
		"no keys for a past epoch":   {"member", func(s shelf) { delete(s, "epoch/2/senderdata") }, "epoch/2", "not past"},
		"a short sender data secret": {"member", put("epoch/2/senderdata", append([]byte{2, 31}, member["epoch/2/senderdata"][3:]...)), "epoch/2", "31 bytes"},
		"a short secret":             {"member", func(s shelf) { v := s["secrets"]; s["secrets"] = slices.Concat(v[:9], []byte{31}, v[10:41], v[42:]) }, "secrets", "secret of 31 bytes"},
		"a short resumption PSK":     {"member", put("resumption/1", append([]byte{2, 31}, make([]byte, 31)...)), "resumption/1", "secret of 31 bytes"},
		"an empty resumption PSK":    {"member", put("resumption/1", []byte{2, 0}), "resumption/1", "secret is missing"},
		"an extension twice": {"member", func(s shelf) {
			v := s["epoch/3"]
			s["epoch/3"] = slices.Concat(v[:2], []byte{v[2] + 6}, v[3:v[2]+2], []byte{6, 0xf0, 1, 0, 0xf0, 1, 0}, v[v[2]+3:])
		}, "epoch/3", "V-EXT-01"},
		"a blank block":               {"member", put("tree/0/1", []byte{2}), "tree/0/1", "blank"},
		"a version that is none":      {"member", func(s shelf) { clear(s["counter"][1:9]) }, "counter", "version 0"},
		"the last version":            {"member", func(s shelf) { copy(s["counter"][1:9], bytes.Repeat([]byte{255}, 8)) }, "counter", "exhausted"},
		"a counter of another epoch":  {"member", func(s shelf) { s["counter"][16] ^= 1 }, "counter", "same time"},
		"a counter of no epoch":       {"member", put("counter", append(slices.Clone(member["counter"][:25]), 0, 0)), "counter", "same time"},
		"less sent than passed":       {"member", func(s shelf) { s["counter"][33] = 99 }, "counter", "given out"},
		"no counter":                  {"member", func(s shelf) { delete(s, "counter") }, "counter", "missing"},
		"a ratchet of another branch": {"member", func(s shelf) { s["epoch/1/ratchet/1/handshake"][1] ^= 1 }, "epoch/1/ratchet/1/handshake", "another epoch"},
		"no arrivals":                 {"member", func(s shelf) { delete(s, "arrivals") }, "arrivals", "missing"},
		"another version of layout":   {"member", func(s shelf) { s["arrivals"][0] = 1 }, "arrivals", "same time"},
		"an empty block of keys":      {"member", put("epoch/1/skipped/1/1/9", append(slices.Clone(member["epoch/1/skipped/1/1/0"][:9]), 0)), "epoch/1", "empty"},
		"a ratchet of nothing, version 1": {"member of version 1", put("epoch/3/ratchet/2/handshake", append([]byte{1}, make([]byte, 9)...)),
			"epoch/3/ratchet/2/handshake", "given out: 0"},
		"an own ratchet of nothing, version 1": {"member of version 1", put("epoch/3/ratchet/0/handshake", append([]byte{1}, make([]byte, 9)...)),
			"epoch/3/ratchet/0/handshake", "given out: 0"},
		"a commit after the end":   {"removed", put("pending", member["pending"]), "pending", "pending commit"},
		"joining without a commit": {"joining", func(s shelf) { delete(s, "pending") }, "pending", "pending commit"},
	} {
		records := shelf{}
		of, version, old := strings.Cut(c.of, " of version ")
		if !old {
			version = presentVersion
		}
		for key, value := range readGoldenOf(t, version, of).records {
			records[key] = slices.Clone(value)
		}
		c.change(records)
		load := func() error { _, err := mls.Load(mls.LoadParams{Records: records.records()}); return err }
		if c.of == "observer" {
			load = func() error { _, err := mls.LoadObserver(mls.LoadParams{Records: records.records()}); return err }
		}
		var bad *mls.RecordError
		err := load()
		require.ErrorAs(t, err, &bad, name)
		require.Equal(t, c.key, bad.Key, "%s: %v", name, err)
		require.ErrorContains(t, err, c.why, name)
	}
}

// TestLoadJudgesTheEpochOfProposals: what an external sender signed counts in one epoch, which its signature alone does
// not say.
func TestLoadJudgesTheEpochOfProposals(t *testing.T) {
	service := newMember(t, "service")
	alice := newCastOf(t, nil, framing.Extensions{extension(t, &framing.ExternalSenders{{
		SignatureKey: service.KeyPackage(t).KeyPackage.LeafNode.SignatureKey, Credential: service.Credential}})}, "alice", "bob")[0]
	alice.Hear(fromOutside(service, alice.Group, proposing(&framing.Remove{Removed: 1})))
	waiting := whole(t, alice.Group)["proposal/0"]
	adopted := alice.Commit(mls.CommitParams{References: []framing.ProposalRef{}}).Adopted
	require.Empty(t, adopted.Next.Proposals())
	records := whole(t, alice.Group)
	records["proposal/0"] = waiting
	require.ErrorContains(t, failure(mls.Load(mls.LoadParams{Records: records.records()})), "another epoch")
}

// TestLoadJudgesTheGroupOfProposals: what an external sender signed counts in one group.
func TestLoadJudgesTheGroupOfProposals(t *testing.T) {
	service := newMember(t, "service")
	senders := extension(t, &framing.ExternalSenders{{
		SignatureKey: service.KeyPackage(t).KeyPackage.LeafNode.SignatureKey, Credential: service.Credential}})
	waiting := func(id string) shelf {
		alice := newMember(t, "alice")
		alice.Group = alice.Create(t, id, senders)
		alice.Hear(fromOutside(service, alice.Group, proposing(pskOf("psk", "1"))))
		return whole(t, alice.Group)
	}
	here, there := waiting("here"), waiting("there")
	must(mls.Load(mls.LoadParams{Records: here.records()}))
	here["proposal/0"] = there["proposal/0"]
	require.ErrorContains(t, failure(mls.Load(mls.LoadParams{Records: here.records()})), "another epoch")
}

// TestLoadAsNobody: the leaf of the header has to be somebody's.
func TestLoadAsNobody(t *testing.T) {
	cast := newCast(t, "alice", "bob", "carol")
	cast[0].Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 1}}}, cast[2])
	records := whole(t, cast[0].Group)
	records["group"][15] = 1
	records["private"] = []byte{2, 0}
	require.ErrorContains(t, failure(mls.Load(mls.LoadParams{Records: records.records()})), "own leaf is blank")
}

// groupIDOf returns the group id in golden records.
func groupIDOf(t *testing.T, name string) string {
	g := must(mls.Load(mls.LoadParams{Records: readGolden(t, name).records.records()}))
	return string(g.GroupID())
}

// A tree that Params do not allow is refused before it is built.
func TestLoadLimitsTheTree(t *testing.T) {
	records := whole(t, newCast(t, "alice", "bob", "carol")[0].Group)
	for limit, fits := range map[int]bool{2: false, 3: true} {
		_, err := mls.Load(mls.LoadParams{Records: records.records(), Params: mls.Params{MaxLeaves: limit}})
		require.Equal(t, !fits, errors.Is(err, mls.ErrRecords), "%d leaves: %v", limit, err)
	}
}

// A private key that the member should know has to be there: without it some later commit could not be read.
func TestLoadMissesNoKey(t *testing.T) {
	cast := newCast(t, "alice", "bob", "carol")
	cast[0].Commit(mls.CommitParams{ForcePath: true}, cast[1:]...)
	records := whole(t, cast[2].Group)
	var keys []byte // the leaf's alone
	r := wire.NewReader("private", records["private"][1:])
	r.Vector(func(r *wire.Reader) {
		w := wire.NewWriter(nil)
		w.Uint32(r.Uint32())
		w.Opaque(r.Opaque())
		if keys == nil {
			keys = must(w.Bytes())
		}
	})
	require.NoError(t, r.Finish())
	w := wire.NewWriter(slices.Clone(records["private"][:1]))
	w.Opaque(keys)
	short := must(w.Bytes())
	require.Less(t, len(short), len(records["private"]))
	records["private"] = short
	_, err := mls.Load(mls.LoadParams{Records: records.records()})
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
		seed := must(w.Bytes())
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
