package mls

import (
	"encoding/binary"
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
		stores := []*proposalStore{nil}
		for i, r := range refs {
			stores = append(stores, stores[i].with(&storedProposal{ref: r, content: new(framing.AuthenticatedContent)}))
		}
		for n, s := range stores {
			require.Equal(t, n, s.len())
			require.Len(t, stores[len(refs)].after(n), len(refs)-n)
			other := s.with(&storedProposal{ref: refs[0], content: new(framing.AuthenticatedContent)})
			require.Same(t, s, other.shared(stores[len(refs)]))
			require.True(t, stores[len(refs)].extends(s))
			require.False(t, stores[len(refs)].extends(other))
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
