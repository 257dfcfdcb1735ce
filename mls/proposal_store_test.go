package mls

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/framing"
)

// TestProposalStore: every store finds what was put into it and nothing else, also once there are later ones, and
// also when references have long beginnings in common.
func TestProposalStore(t *testing.T) {
	ref := rapid.Custom(func(t *rapid.T) framing.ProposalRef {
		out := make(framing.ProposalRef, 32)
		binary.LittleEndian.PutUint16(out[rapid.IntRange(0, 30).Draw(t, "where"):], rapid.Uint16().Draw(t, "bits"))
		return out
	})
	rapid.Check(t, func(t *rapid.T) {
		refs := rapid.SliceOfNDistinct(ref, 1, 50, func(r framing.ProposalRef) string { return string(r) }).Draw(t, "references")
		stores := make([]proposalStore, 1)
		for i, r := range refs {
			stores = append(stores, stores[i].with(&storedProposal{ref: r, content: new(framing.AuthenticatedContent)}, false))
		}
		for n, s := range stores {
			require.Equal(t, n, s.len())
			require.Equal(t, n > 0, s.waits())
			require.Len(t, stores[len(refs)].after(n), len(refs)-n)
			other := s.with(&storedProposal{ref: refs[0], content: new(framing.AuthenticatedContent)}, true)
			require.Same(t, s.proposalChain, other.shared(stores[len(refs)].proposalChain))
			require.True(t, stores[len(refs)].extends(s.proposalChain))
			require.False(t, stores[len(refs)].extends(other.proposalChain))
			for i, p := range s.all() {
				require.Equal(t, refs[i], p.ref)
			}
			for i, r := range refs {
				if p := s.find(r); i < n {
					require.NotNil(t, p)
					require.Equal(t, r, p.ref)
				} else {
					require.Nil(t, p)
				}
			}
			for length := range 32 {
				require.Nil(t, s.find(refs[0][:length]), "a reference that is cut off")
			}
		}
	})
}

// TestProposalStoreDeclines: a store knows which of its proposals are declined, whatever became of other stores.
func TestProposalStoreDeclines(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var stores []proposalStore
		var want []map[int]bool
		s, declined := proposalStore{}, map[int]bool{}
		for range rapid.IntRange(1, 300).Draw(t, "steps") {
			if n := s.len(); n > 0 && rapid.IntRange(0, 2).Draw(t, "kind") == 0 {
				p := s.all()[rapid.IntRange(0, n-1).Draw(t, "which")]
				s = s.declining(p, !declined[p.number])
				declined[p.number] = !declined[p.number]
			} else {
				declined[n] = rapid.Bool().Draw(t, "declined")
				ref := sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(n)))
				s = s.with(&storedProposal{ref: ref[:], content: new(framing.AuthenticatedContent)}, declined[n])
			}
			stores, want = append(stores, s), append(want, maps.Clone(declined))
		}
		prints := map[uint64]string{}
		for k, s := range stores {
			state := fmt.Sprint(s.len(), want[k])
			if same, known := prints[s.fingerprint()]; known {
				require.Equal(t, same, state)
			}
			prints[s.fingerprint()] = state
			require.Len(t, s.waiting(), s.wait)
			require.Equal(t, s.wait > 0, s.waits())
			for _, p := range s.all() {
				require.Equal(t, want[k][p.number], s.declines(p))
			}
			require.Equal(t, s.len(), len(s.waiting())+len(s.those(true)))
		}
	})
}

// TestNumberSet: a set holds what a map would hold, after any changes, and two sets differ in what two maps differ in.
func TestNumberSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		largest := rapid.SampledFrom([]int{1, 63, 64, 65, 200, 1 << 16}).Draw(t, "largest")
		number := rapid.IntRange(0, largest)
		sets, maps := []*numberSet{nil}, []map[int]bool{{}}
		for range rapid.IntRange(0, 40).Draw(t, "changes") {
			from, n := rapid.IntRange(0, len(sets)-1).Draw(t, "from"), number.Draw(t, "number")
			next := map[int]bool{n: !maps[from][n]}
			for k, in := range maps[from] {
				if k != n {
					next[k] = in
				}
			}
			sets, maps = append(sets, sets[from].flip(n)), append(maps, next)
		}
		probe := number.Draw(t, "probe")
		for k := range sets {
			require.Equal(t, maps[k][probe], sets[k].has(probe))
			o := rapid.IntRange(0, len(sets)-1).Draw(t, "other")
			var want []int
			for n := range largest + 1 {
				if maps[k][n] != maps[o][n] {
					want = append(want, n)
				}
			}
			require.True(t, slices.Equal(want, sets[k].differences(sets[o])))
		}
	})
}
