package mls

// Who was there in which epoch. RFC 9420 lets a commit use the resumption PSK of any past epoch of the group (Section 8.4),
// and says nothing about members that came later, who cannot know it and are left behind.

import (
	"math"
	"slices"

	"github.com/copse-mls/copse/framing"
)

// arrivals says since when the members of a group have been there, as far as it matters to tell the last epoch in which one
// of them was not. It is immutable.
type arrivals struct {
	own   framing.Epoch // the first epoch of the member itself
	floor framing.Epoch // all whom recent does not list were there in this epoch
	// recent lists who arrived later, the oldest first, with one entry for each epoch.
	recent []arrival
}

// arrival is the members that arrived in one epoch and are still there.
type arrival struct {
	epoch framing.Epoch
	runs  []leafRun
}

// leafRun is a row of leaves, first and last included. Adds fill leaves in their order, so that runs are few.
type leafRun struct{ first, last framing.LeafIndex }

// How much is kept. Beyond it, members count as arrived later than they did.
const (
	maxArrivals    = 16
	maxArrivalRuns = 64
)

// arrived returns the arrivals of a member whose first epoch it is: of the others it knows no more.
func arrived(first framing.Epoch) arrivals { return arrivals{own: first, floor: first} }

// complete returns the first epoch in which all present members were there.
func (a arrivals) complete() framing.Epoch {
	if n := len(a.recent); n > 0 {
		return a.recent[n-1].epoch
	}
	return a.floor
}

// after returns the arrivals in the epoch to which a commit leads.
func (a arrivals) after(c *Change) arrivals {
	out := a
	out.recent = nil
	for _, x := range a.recent {
		for _, gone := range c.Removed {
			x.runs = without(x.runs, gone.Leaf)
		}
		if len(x.runs) > 0 {
			out.recent = append(out.recent, x)
		}
	}
	if len(c.Added) > 0 {
		out.recent = append(out.recent, arrival{c.Epoch, runsOf(c.Added)})
	}
	for len(out.recent) > maxArrivals {
		out.floor, out.recent = out.recent[0].epoch, out.recent[1:]
	}
	for k, x := range slices.Backward(out.recent) {
		if len(x.runs) > maxArrivalRuns {
			out.floor, out.recent = x.epoch, out.recent[k+1:]
			break
		}
	}
	return out
}

// runsOf returns the leaves of changes, whose order is that in which leaves were filled.
func runsOf(added []LeafChange) (out []leafRun) {
	for _, c := range added {
		if n := len(out); n > 0 && out[n-1].last < math.MaxUint32 && out[n-1].last+1 == c.Leaf {
			out[n-1].last = c.Leaf
		} else {
			out = append(out, leafRun{c.Leaf, c.Leaf})
		}
	}
	return out
}

// without returns runs that lack a leaf.
func without(runs []leafRun, leaf framing.LeafIndex) []leafRun {
	k := slices.IndexFunc(runs, func(r leafRun) bool { return r.first <= leaf && leaf <= r.last })
	if k < 0 {
		return runs
	}
	out := slices.Clone(runs[:k])
	if r := runs[k]; r.first < leaf {
		out = append(out, leafRun{r.first, leaf - 1})
	}
	if r := runs[k]; leaf < r.last {
		out = append(out, leafRun{leaf + 1, r.last})
	}
	return append(out, runs[k+1:]...)
}

// equal reports whether two say the same.
func (a arrivals) equal(b arrivals) bool {
	return a.own == b.own && a.floor == b.floor && slices.EqualFunc(a.recent, b.recent, func(x, y arrival) bool {
		return x.epoch == y.epoch && slices.Equal(x.runs, y.runs)
	})
}
