package mls_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// A stranger proposes to be added a thousand times, and a member says no to each. What that costs in memory does not grow with
// the number of proposals that came later, and each time two small records are written, or one and a deletion, and none of
// the proposals.
func TestAttackDeclines(t *testing.T) {
	const n = 1000
	alice, _ := two(newCast(t, "alice", "bob"))
	o := alice.Observe()
	eve := newMember(t, "eve")
	k := eve.KeyPackage(t).KeyPackage
	for i := range n {
		p := mls.ProposeParams{Now: mlstest.Now(), AuthenticatedData: []byte(fmt.Sprint(i))}
		alice.Group = must(alice.Group.Handle(input(must(o.ProposeSelf(k, p, eve.Signer))))).Next
	}
	all := alice.Group.Proposals()
	require.Len(t, all, n)
	store := whole(t, alice.Group)

	written := 0
	change := func(transition func(*mls.Group, framing.ProposalRef) (*mls.Step, error), i int, kept bool) {
		before := alice.Group
		alice.Group = must(transition(before, all[i].Ref)).Next
		changes, err := alice.Group.Records(before)
		var keys []string
		for _, r := range changes {
			keys, written = append(keys, r.Key), written+len(r.Value)
			require.Equal(t, r.Key == "counter" || kept, r.Value != nil, r.Key)
		}
		require.Equal(t, []string{"counter", fmt.Sprint("declined/", i)}, slices.Sorted(slices.Values(keys)))
		store.put(t, changes, err)
	}
	allocations := func(g *mls.Group, i int) float64 {
		return testing.AllocsPerRun(1, func() { must(g.Decline(all[i].Ref)) })
	}
	require.Less(t, allocations(alice.Group, 0), 20.0, "of a proposal that many came after")
	for i := range n {
		change((*mls.Group).Decline, i, true)
	}
	require.Empty(t, alice.Group.Proposals())
	require.Less(t, written, 100*n, "bytes in all")
	require.NoError(t, failure(alice.Group.Protect([]byte("I answered them all"), mls.ProtectParams{}, alice.Signer)))

	for i := 0; i < n; i += 7 {
		change((*mls.Group).Admit, i, false)
	}
	store.same(t, whole(t, alice.Group))
	loaded := must(store.load(alice.Params))
	require.Equal(t, alice.Group.Proposals(), loaded.Proposals())
	require.Equal(t, alice.Group.Declined(), loaded.Declined())
}
