package keyschedule

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

type (
	nodePlace    struct{ level, position uint32 }
	ratchetPlace struct {
		leaf framing.LeafIndex
		kind RatchetKind
	}
	blockPlace struct {
		ratchetPlace
		block uint32
	}
)

// storage holds the parts of a tree as a store would.
type storage struct {
	nodes    map[nodePlace][]byte
	ratchets map[ratchetPlace]RatchetRecord
	skipped  map[blockPlace][]SkippedKey
}

func newStorage() *storage {
	return &storage{map[nodePlace][]byte{}, map[ratchetPlace]RatchetRecord{}, map[blockPlace][]SkippedKey{}}
}

// save writes what changed.
func (s *storage) save(tree, since *SecretTree) (written int) {
	for n := range tree.Nodes(since) {
		written++
		place := nodePlace{uint32(n.Level), n.Position}
		if n.Secret.IsZero() {
			delete(s.nodes, place)
		} else {
			s.nodes[place] = slices.Clone(n.Secret.Bytes())
		}
	}
	for r := range tree.Ratchets(since) {
		written++
		r.Secret = r.Secret.Clone()
		s.ratchets[ratchetPlace{r.Leaf, r.Kind}] = r
	}
	for b := range tree.Skipped(since) {
		written++
		place := blockPlace{ratchetPlace{b.Leaf, b.Kind}, b.Block}
		if len(b.Keys) == 0 {
			delete(s.skipped, place)
			continue
		}
		s.skipped[place] = cloneKeys(b.Keys)
	}
	return written
}

func (s *storage) load(p TreeParams, sent [2]uint64) TreeRecord {
	record := TreeRecord{TreeParams: p, Sent: sent}
	for place, secret := range s.nodes {
		record.Nodes = append(record.Nodes, NodeRecord{uint8(place.level), place.position, secretOf(secret)})
	}
	for _, r := range s.ratchets {
		r.Secret = r.Secret.Clone()
		record.Ratchets = append(record.Ratchets, r)
	}
	for place, keys := range s.skipped { // in any order
		record.Skipped = append(record.Skipped, SkippedRecord{place.leaf, place.kind, place.block, cloneKeys(keys)})
	}
	return record
}

func cloneKeys(keys []SkippedKey) []SkippedKey {
	out := slices.Clone(keys)
	for i, k := range out {
		out[i].Material = k.Material.Clone()
	}
	return out
}

// What is written step by step equals what is written at once, and a tree read back gives what the one written gives.
func TestStoreAndRestore(t *testing.T) {
	suite := newSuite(t, firstSuite)
	params := TreeParams{Suite: suite, Leaves: 8, Own: 1, Limits: Limits{SkippedKeys: 20}}
	rapid.Check(t, func(t *rapid.T) {
		tree := newTestTree(t, suite, params)
		stored := newStorage()
		stored.save(tree, nil)
		for range rapid.IntRange(0, 20).Draw(t, "messages") {
			leaf := framing.LeafIndex(rapid.IntRange(0, 7).Draw(t, "leaf"))
			kind := rapid.SampledFrom(kinds()).Draw(t, "kind")
			g := framing.Generation(rapid.IntRange(0, 40).Draw(t, "generation"))
			_, next, err := tree.ReceivingKey(leaf, kind, g)
			if leaf == 1 {
				_, next, err = tree.SendingKey(kind)
			}
			if err != nil {
				continue
			}
			if rapid.Bool().Draw(t, "erase first") {
				tree.EraseExcept(next)
			}
			stored.save(next, tree)
			require.NotEqual(t, tree.Fingerprint(), next.Fingerprint())
			tree.EraseExcept(next)
			tree = next
		}
		whole := newStorage()
		whole.save(tree, nil)
		require.Equal(t, whole.nodes, stored.nodes)
		require.Equal(t, contents(whole), contents(stored))

		sent := [2]uint64{tree.Sent(HandshakeRatchet), tree.Sent(ApplicationRatchet)}
		back, err := RestoreSecretTree(stored.load(params, sent))
		require.NoError(t, err)
		require.Equal(t, heldCopy(tree), heldCopy(back))
		require.Equal(t, tree.Fingerprint(), back.Fingerprint())
		for leaf := range framing.LeafIndex(8) {
			for _, kind := range kinds() {
				for g := range framing.Generation(42) {
					requireSame(t,
						func() (MessageKey, *SecretTree, error) { return tree.ReceivingKey(leaf, kind, g) },
						func() (MessageKey, *SecretTree, error) { return back.ReceivingKey(leaf, kind, g) })
				}
			}
		}
		for _, kind := range kinds() {
			requireSame(t,
				func() (MessageKey, *SecretTree, error) { return tree.SendingKey(kind) },
				func() (MessageKey, *SecretTree, error) { return back.SendingKey(kind) })
		}
	})
}

// TestFingerprintOfMixtures restores trees whose records are of three times: they contradict each other, or the fingerprint
// tells.
func TestFingerprintOfMixtures(t *testing.T) {
	suite := newSuite(t, firstSuite)
	params := TreeParams{Suite: suite, Leaves: 4, Own: 1, Limits: Limits{SkippedKeys: 6}}
	restored := 0
	rapid.Check(t, func(t *rapid.T) {
		tree := newTestTree(t, suite, params)
		var states [3]*storage // before, at the time of the fingerprint, and after
		var fingerprint uint64
		for k := range states {
			for range rapid.IntRange(1, 4).Draw(t, "messages") {
				leaf := rapid.SampledFrom([]framing.LeafIndex{0, 2, 3}).Draw(t, "leaf")
				g := framing.Generation(rapid.IntRange(0, 40).Draw(t, "generation"))
				if _, next, err := tree.ReceivingKey(leaf, ApplicationRatchet, g); err == nil {
					tree = next
				}
			}
			states[k] = newStorage()
			states[k].save(tree, nil)
			if k == 1 {
				fingerprint = tree.Fingerprint()
			}
		}
		mixed := newStorage()
		from := func() *storage { return states[rapid.SampledFrom([]int{0, 1, 1, 1, 2}).Draw(t, "from")] }
		for place, secret := range from().nodes {
			mixed.nodes[place] = secret
		}
		for leaf := range framing.LeafIndex(4) {
			for _, kind := range kinds() {
				place := ratchetPlace{leaf, kind}
				if r, found := from().ratchets[place]; found {
					mixed.ratchets[place] = r
				}
				for block := range uint32(3) {
					at := blockPlace{place, block}
					if keys, found := from().skipped[at]; found {
						mixed.skipped[at] = keys
					}
				}
			}
		}
		back, err := RestoreSecretTree(mixed.load(params, [2]uint64{}))
		if err != nil {
			return
		}
		restored++
		require.Equal(t, back.Fingerprint() == fingerprint, fmt.Sprint(contents(states[1])) == fmt.Sprint(contents(mixed)))
	})
	require.NotZero(t, restored)
}

// contents lists the bytes of ratchets and skipped keys.
func contents(s *storage) map[any]string {
	out := map[any]string{}
	for place, secret := range s.nodes {
		out[place] = fmt.Sprintf("%x", secret)
	}
	for place, r := range s.ratchets {
		out[place] = fmt.Sprintf("%d %d %x", r.Next, r.Floor, r.Secret.Bytes())
	}
	for place, keys := range s.skipped {
		for _, k := range keys {
			out[place] += fmt.Sprintf("%d %x ", k.Generation, k.Material.Bytes())
		}
	}
	return out
}

func requireSame(t require.TestingT, a, b func() (MessageKey, *SecretTree, error)) {
	keyA, _, errA := a()
	keyB, _, errB := b()
	require.Equal(t, errA, errB)
	require.Equal(t, keyA.Generation, keyB.Generation)
	require.Equal(t, reveal(keyA), reveal(keyB))
}

// One message of an active leaf changes one record, however large the tree.
func TestChangesAreSmall(t *testing.T) {
	suite := newSuite(t, firstSuite)
	tree := newTestTree(t, suite, TreeParams{Leaves: 1 << 20})
	_, active, err := tree.ReceivingKey(other, ApplicationRatchet, 0)
	require.NoError(t, err)
	require.Equal(t, 1+20+2, newStorage().save(active, tree), "the root goes, a sibling per level and two ratchets come")
	_, next, err := active.ReceivingKey(other, ApplicationRatchet, 1)
	require.NoError(t, err)
	require.Equal(t, 1, newStorage().save(next, active))
	require.Zero(t, newStorage().save(next, next))

	for range next.Nodes(nil) { // a loop may stop early
		break
	}
	for range next.Ratchets(nil) {
		break
	}
	for range next.Skipped(nil) {
		break
	}
}

func TestRestoreSkipsReservedGenerations(t *testing.T) {
	suite := newSuite(t, firstSuite)
	tree := restoreAt(t, suite, 0, 3, [2]uint64{0, 7})
	for kind, want := range map[RatchetKind]framing.Generation{HandshakeRatchet: 3, ApplicationRatchet: 7} {
		key, _, err := tree.SendingKey(kind)
		require.NoError(t, err)
		require.Equal(t, want, key.Generation)
	}
	_, _, err := tree.ReceivingKey(other, ApplicationRatchet, 0)
	require.ErrorIs(t, err, ErrErased, "a part that is missing counts as erased")
}

func TestRestoreRefusesContradictions(t *testing.T) {
	suite := newSuite(t, firstSuite)
	hash := func() ciphersuite.Secret { return ciphersuite.NewSecret(pattern(1, suite.HashSize)) }
	short := func() ciphersuite.Secret { return ciphersuite.NewSecret(pattern(1, suite.HashSize-1)) }
	skipped := func(generations ...framing.Generation) (out []SkippedKey) {
		for _, g := range generations {
			out = append(out, SkippedKey{g, ciphersuite.NewSecret(pattern(1, suite.KeySize+suite.NonceSize))})
		}
		return out
	}
	ratchet := func(r RatchetRecord, skipped ...SkippedRecord) TreeRecord {
		return TreeRecord{Ratchets: []RatchetRecord{r}, Skipped: skipped}
	}
	block := func(number uint32, generations ...framing.Generation) SkippedRecord {
		return SkippedRecord{Block: number, Keys: skipped(generations...)}
	}
	for name, c := range map[string]struct {
		record TreeRecord
		want   error
	}{
		"level":            {TreeRecord{Nodes: []NodeRecord{{3, 0, hash()}}}, ErrTreeRecord},
		"position":         {TreeRecord{Nodes: []NodeRecord{{1, 2, hash()}}}, ErrTreeRecord},
		"position of root": {TreeRecord{Nodes: []NodeRecord{{2, 1, hash()}}}, ErrTreeRecord},
		"node size":        {TreeRecord{Nodes: []NodeRecord{{0, 0, short()}}}, ErrSecretSize},
		"node missing":     {TreeRecord{Nodes: []NodeRecord{{0, 0, ciphersuite.Secret{}}}}, ErrSecretSize},
		"twice":            {TreeRecord{Nodes: []NodeRecord{{0, 0, hash()}, {0, 0, hash()}}}, ErrTreeRecord},
		"below":            {TreeRecord{Nodes: []NodeRecord{{1, 0, hash()}, {0, 1, hash()}}}, ErrTreeRecord},
		"above":            {TreeRecord{Nodes: []NodeRecord{{0, 1, hash()}, {1, 0, hash()}}}, ErrTreeRecord},
		"leaf":             {ratchet(RatchetRecord{Leaf: 4, Secret: hash()}), ErrTreeRecord},
		"kind":             {ratchet(RatchetRecord{Kind: 2, Secret: hash()}), ErrTreeRecord},
		"ratchet size":     {ratchet(RatchetRecord{Secret: short()}), ErrSecretSize},
		"next":             {ratchet(RatchetRecord{Next: 1<<32 + 1, Secret: hash()}), ErrTreeRecord},
		"floor":            {ratchet(RatchetRecord{Next: 1, Floor: 2, Secret: hash()}), ErrTreeRecord},
		"secret at end":    {ratchet(RatchetRecord{Next: 1 << 32, Secret: hash()}), ErrTreeRecord},
		"skipped at next":  {ratchet(RatchetRecord{Next: 1, Secret: hash()}, block(0, 1)), ErrTreeRecord},
		"skipped at floor": {ratchet(RatchetRecord{Next: 9, Floor: 2, Secret: hash()}, block(0, 1)), ErrTreeRecord},
		"skipped order":    {ratchet(RatchetRecord{Next: 9, Secret: hash()}, block(0, 2, 1)), ErrTreeRecord},
		"skipped twice":    {ratchet(RatchetRecord{Next: 9, Secret: hash()}, block(0, 2, 2)), ErrTreeRecord},
		"skipped size":     {ratchet(RatchetRecord{Next: 9, Secret: hash()}, SkippedRecord{Keys: []SkippedKey{{1, hash()}}}), ErrSecretSize},
		"skipped empty":    {ratchet(RatchetRecord{Next: 9, Secret: hash()}, block(0)), ErrTreeRecord},
		"another block":    {ratchet(RatchetRecord{Next: 40, Secret: hash()}, block(1, 15)), ErrTreeRecord},
		"beyond the block": {ratchet(RatchetRecord{Next: 40, Secret: hash()}, block(1, 16, 32)), ErrTreeRecord},
		"block twice":      {ratchet(RatchetRecord{Next: 9, Secret: hash()}, block(0, 2), block(0, 3)), ErrTreeRecord},
		"block of nothing": {TreeRecord{Skipped: []SkippedRecord{block(0, 2)}}, ErrTreeRecord},
		"block of no leaf": {TreeRecord{Skipped: []SkippedRecord{{Leaf: 4, Keys: skipped(1)}}}, ErrTreeRecord},
		"ratchet twice":    {TreeRecord{Ratchets: []RatchetRecord{{Secret: hash()}, {Secret: hash()}}}, ErrTreeRecord},
		"leaf and ratchet": {TreeRecord{Nodes: []NodeRecord{{0, 0, hash()}}, Ratchets: []RatchetRecord{{Secret: hash()}}}, ErrTreeRecord},
		"sent":             {TreeRecord{Sent: [2]uint64{1<<32 + 1, 0}}, ErrTreeRecord},
	} {
		t.Run(name, func(t *testing.T) {
			c.record.TreeParams = TreeParams{Suite: suite, Leaves: 4}
			_, err := RestoreSecretTree(c.record)
			require.ErrorIs(t, err, c.want)
		})
	}
	_, err := RestoreSecretTree(TreeRecord{TreeParams: TreeParams{Suite: suite, Leaves: 5}})
	require.ErrorIs(t, err, ErrLeafCount)
	_, err = RestoreSecretTree(ratchetAtEnd(suite))
	require.NoError(t, err)
}

func ratchetAtEnd(suite *ciphersuite.Suite) TreeRecord {
	return TreeRecord{
		TreeParams: TreeParams{Suite: suite, Leaves: 4},
		Ratchets:   []RatchetRecord{{Next: 1 << 32}},
	}
}

// FuzzRestore feeds arbitrary parts: restoring never panics, and what it accepts can be used and stored again.
func FuzzRestore(f *testing.F) {
	suite := newSuite(f, firstSuite)
	f.Add([]byte{0, 2, 0, 1, 1, 0, 9, 0})
	f.Add([]byte{0, 1, 1, 1, 0, 0, 3, 2, 1, 0, 1, 3, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		next := func() byte {
			if len(data) == 0 {
				return 0
			}
			b := data[0]
			data = data[1:]
			return b
		}
		record := TreeRecord{TreeParams: TreeParams{Suite: suite, Leaves: 4}}
		for len(data) > 0 {
			if next()%2 == 0 {
				record.Nodes = append(record.Nodes, NodeRecord{next(), uint32(next()), ciphersuite.NewSecret(pattern(1, 32))})
				continue
			}
			r := RatchetRecord{
				Leaf: framing.LeafIndex(next()), Kind: RatchetKind(next()),
				Next: uint64(next()), Floor: uint64(next()), Secret: ciphersuite.NewSecret(pattern(2, 32)),
			}
			b := SkippedRecord{Leaf: r.Leaf, Kind: r.Kind}
			for range next() % 4 {
				b.Keys = append(b.Keys, SkippedKey{framing.Generation(next()), ciphersuite.NewSecret(pattern(3, 28))})
				b.Block = uint32(b.Keys[0].Generation) / SkippedBlock
			}
			if len(b.Keys) > 0 {
				record.Skipped = append(record.Skipped, b)
			}
			record.Ratchets = append(record.Ratchets, r)
		}
		tree, err := RestoreSecretTree(record)
		if err != nil {
			return
		}
		for leaf := range framing.LeafIndex(4) {
			for g := range framing.Generation(8) {
				if _, next, err := tree.ReceivingKey(leaf, ApplicationRatchet, g); err == nil {
					tree.EraseExcept(next)
					tree = next
				}
			}
		}
		stored := newStorage()
		stored.save(tree, nil)
		back, err := RestoreSecretTree(stored.load(record.TreeParams, [2]uint64{}))
		require.NoError(t, err)
		require.Equal(t, heldCopy(tree), heldCopy(back))
		require.Equal(t, tree.Fingerprint(), back.Fingerprint())
	})
}
