package mls

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/framing"
)

// TestArrivals compares with a map of all members: complete is never before the last arrival of one who is still there, and
// exactly there as long as nothing had to be given up.
func TestArrivals(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, came := arrived(3), map[framing.LeafIndex]framing.Epoch{0: 3, 1: 3}
		whole := true
		for epoch := framing.Epoch(4); epoch < 40; epoch++ {
			c := &Change{Epoch: epoch}
			for leaf := range framing.LeafIndex(200) {
				_, member := came[leaf]
				switch dice := rapid.IntRange(0, 9).Draw(t, "dice"); {
				case member && leaf > 0 && dice == 0:
					c.Removed = append(c.Removed, LeafChange{Leaf: leaf})
					delete(came, leaf)
				case !member && dice == 1 && epoch%3 == 0:
					c.Added = append(c.Added, LeafChange{Leaf: leaf})
					came[leaf] = epoch
				}
			}
			floor := a.floor
			a = a.after(c)
			whole = whole && a.floor == floor
			last := framing.Epoch(0)
			for _, e := range came {
				last = max(last, e)
			}
			require.GreaterOrEqual(t, a.complete(), last)
			if whole {
				require.Equal(t, last, a.complete())
			}
			require.LessOrEqual(t, len(a.recent), maxArrivals)
			require.True(t, slices.IsSortedFunc(a.recent, func(x, y arrival) int { return int(x.epoch) - int(y.epoch) }))
			require.True(t, a.equal(a.after(&Change{Epoch: epoch})))
		}
	})
}
