package treekemtest

// RFC 9420, Section 7.7: which nodes of a tree are blank, after what happened to it.

import (
	"math/rand/v2"
	"slices"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// Shape is the history of a tree, which decides which of its nodes are blank.
type Shape int

// The shapes of trees.
const (
	// Fresh is a tree whose creator added all members at once: every parent is blank.
	Fresh Shape = iota
	// Mixed is a tree in which 30 % of the members have committed, half of them before 6 % left. Into the places of
	// one in six of those came new members, who are unmerged.
	Mixed
	// Full is a tree in which every member has committed since it joined: no parent with members on both sides is
	// blank.
	Full
)

// String returns the shape's name in lower case.
func (s Shape) String() string {
	switch s {
	case Fresh:
		return "fresh"
	case Mixed:
		return "mixed"
	}
	return "full"
}

const nobody framing.LeafIndex = framing.NoLeaf

// planParent is a parent: who set it, and whether the same path went on above it.
type planParent struct {
	setter framing.LeafIndex
	above  bool
}

// plan says which nodes a tree has and how they came to be.
type plan struct {
	width     uint32
	members   []bool // by leaf
	committed []bool // by leaf
	leafAbove []bool // by leaf: its path had a parent in it
	counts    []int  // members below each parent
	parents   []planParent
	lateAdds  []framing.LeafIndex // ascending; added after the last commit
	hasLate   bool
}

func newPlan(p Params) *plan {
	width := treekem.Width(uint32(p.Members))
	l := &plan{
		width:     width,
		members:   make([]bool, width),
		committed: make([]bool, width),
		leafAbove: make([]bool, width),
		counts:    make([]int, width),
		parents:   make([]planParent, width),
	}
	for k := range l.parents {
		l.parents[k].setter = nobody
	}
	for i := range p.Members {
		l.setMember(framing.LeafIndex(i), true)
	}
	order := rand.New(rand.NewPCG(p.Seed, uint64(p.Members))).Perm(p.Members)
	switch p.Shape {
	case Mixed:
		l.mix(order)
	case Full:
		for _, i := range order {
			l.commit(framing.LeafIndex(i))
		}
	}
	return l
}

// mix lets some members commit, some leave, some more commit, and newcomers take a few free places.
func (l *plan) mix(order []int) {
	n := len(order)
	commits, leavers := order[:3*n/10], order[3*n/10:3*n/10+6*n/100]
	for _, i := range commits[:len(commits)/2] {
		l.commit(framing.LeafIndex(i))
	}
	for _, i := range leavers {
		if i != 0 && i != n-1 {
			l.remove(framing.LeafIndex(i))
		}
	}
	for _, i := range commits[len(commits)/2:] {
		l.commit(framing.LeafIndex(i))
	}
	for _, i := range leavers[:len(leavers)/6] {
		if !l.members[i] {
			l.setMember(framing.LeafIndex(i), true)
			l.lateAdds = append(l.lateAdds, framing.LeafIndex(i))
		}
	}
	slices.Sort(l.lateAdds)
	l.hasLate = len(l.lateAdds) > 0
}

// above calls visit for every ancestor of leaf i, upwards, with its child on the other side.
func (l *plan) above(i framing.LeafIndex, visit func(x, copath treekem.NodeIndex)) {
	y := treekem.LeafNodeIndex(i)
	for x, ok := y.Parent(l.width); ok; x, ok = x.Parent(l.width) {
		copath, _ := y.Sibling(l.width)
		visit(x, copath)
		y = x
	}
}

func (l *plan) setMember(i framing.LeafIndex, member bool) {
	change := 1
	if !member {
		change = -1
	}
	l.members[i] = member
	l.above(i, func(x, _ treekem.NodeIndex) { l.counts[x>>1] += change })
}

// commit sets the filtered direct path of leaf i (RFC 9420, Sections 4.1.2 and 7.5).
func (l *plan) commit(i framing.LeafIndex) {
	l.committed[i], l.leafAbove[i] = true, false
	last := &l.leafAbove[i]
	l.above(i, func(x, copath treekem.NodeIndex) {
		l.parents[x>>1] = planParent{setter: nobody}
		if l.isEmpty(copath) {
			return
		}
		*last = true
		l.parents[x>>1].setter = i
		last = &l.parents[x>>1].above
	})
}

func (l *plan) isEmpty(x treekem.NodeIndex) bool {
	if i, ok := x.Leaf(); ok {
		return !l.members[i]
	}
	return l.counts[x>>1] == 0
}

// remove blanks leaf i and its direct path (RFC 9420, Section 12.1.3).
func (l *plan) remove(i framing.LeafIndex) {
	l.setMember(i, false)
	l.committed[i] = false
	l.above(i, func(x, _ treekem.NodeIndex) { l.parents[x>>1] = planParent{setter: nobody} })
}

// late reports whether leaf i was added after the last commit.
func (l *plan) late(i framing.LeafIndex) bool {
	_, found := slices.BinarySearch(l.lateAdds, i)
	return found
}

// lateBelow lists the leaves below x that were added after the last commit.
func (l *plan) lateBelow(x treekem.NodeIndex) []framing.LeafIndex {
	var out []framing.LeafIndex
	if !l.hasLate {
		return nil
	}
	level := x.Level()
	first := framing.LeafIndex(uint32(x>>(level+1)) << level)
	start, _ := slices.BinarySearch(l.lateAdds, first)
	for _, i := range l.lateAdds[start:] {
		if !x.Covers(i) {
			break
		}
		out = append(out, i)
	}
	return out
}
