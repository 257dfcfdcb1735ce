package mls

// RFC 9420, Section 12.2: which waiting proposals a committer leaves out because the others do not go with them.

import (
	"crypto"
	"errors"
	"slices"
	"time"

	"github.com/copse-mls/copse/framing"
)

// breaksRule reports whether proposals caused an error.
func breaksRule(err error) bool {
	var rule *RuleError
	var syntax *SyntaxError
	return errors.As(err, &rule) || errors.As(err, &syntax)
}

// fitting chooses the waiting proposals anew, now by trying, after those that seemed to go together did not. It returns nil
// when the cause is not among them. A proposal may be valid by itself and yet not go with others, or with what has changed
// since: without this, somebody outside of the group who may propose could keep everybody from committing. What is not
// covered in the end displaces nothing.
//
// Of n waiting proposals it makes at most 4n + 3 tries: halving makes two for each at most, and for each of a sender who made too
// many that do not fit it makes two more. The signatures inside proposals by value are verified by the first that gets there.
func (g *Group) fitting(list *proposalList, c *CommitParams, by crypto.Signer) *fitter {
	f := &fitter{selection: g.newSelection(c), now: c.Now, path: c.ForcePath}
	if !c.Leaf.isZero() {
		old, _ := g.tree.Leaf(g.OwnLeaf())
		leaf, _, err := c.Leaf.leaf(g.suite, old, by)
		if err != nil {
			return nil
		}
		f.leaf = &leaf
	}
	f.byValue = slices.DeleteFunc(slices.Clone(list.all), func(c covered) bool { return c.ref != nil })
	byRank := make([][]int, ranks)
	for _, i := range f.inTurn() {
		byRank[f.ranks[i]] = append(byRank[f.ranks[i]], i)
	}
	if !f.begin(byRank) {
		return nil
	}
	for _, list := range byRank {
		f.fitRank(list)
	}
	return f
}

// begin covers the proposals by value, and takes out of the ranks what they cannot do without: the removals, or Updates, of
// members who lack what a change of the group context demands. It reports false when that is not enough.
func (f *fitter) begin(byRank [][]int) bool {
	for n := range rankUpdate + 2 {
		picked, _ := f.pick(slices.Concat(byRank[:n]...), f.byValue)
		if !f.addWhole(picked) {
			continue
		}
		for rank := range n {
			byRank[rank] = slices.DeleteFunc(byRank[rank], func(i int) bool { return f.reasons[i] == "" })
		}
		return true
	}
	return false
}

// list returns what the commit covers.
func (f *fitter) list() *proposalList { return newProposalList(append(f.chosen(), f.byValue...)) }

// maxConflicts bounds the search in each rank for proposals that do not fit. All who sent any have an equal share of it, and one
// at least, so that nobody uses up what others need. All newcomers together are one sender, for one stranger can be any number of
// them.
const maxConflicts = 64

// fitter finds the waiting proposals that fit.
type fitter struct {
	*selection
	now       time.Time
	path      bool              // whether the commit has a path even when the proposals need none
	leaf      *framing.LeafNode // the committer's, when the commit changes more of it than its key
	byValue   []covered
	fit       []covered
	conflicts map[framing.Sender]int // how many more to look for
	late      []int                  // of senders who have used up their share
}

// fitRank covers what fits of one rank. What was displaced by a proposal that does not fit gets another chance.
func (f *fitter) fitRank(list []int) {
	f.conflicts = map[framing.Sender]int{}
	for _, i := range list {
		f.conflicts[f.waiting[i].sender] = 0
	}
	for sender := range f.conflicts {
		f.conflicts[sender] = max(maxConflicts/len(f.conflicts), 1)
	}
	for picked := list; len(picked) > 0; {
		picked, list = f.pick(f.active(list), f.covers())
		slices.Sort(picked) // so that of two that do not go together, the first that came is covered
		f.add(picked)
	}
	for len(f.late) > 0 {
		sender := f.waiting[f.late[0]].sender
		other := func(i int) bool { return f.waiting[i].sender != sender }
		list := slices.DeleteFunc(slices.Clone(f.late), other)
		f.late = slices.DeleteFunc(f.late, func(i int) bool { return !other(i) })
		f.addLate(list)
	}
}

// active returns those of a list whose senders have conflicts left. The others go last.
func (f *fitter) active(list []int) (out []int) {
	for _, i := range list {
		if f.conflicts[f.waiting[i].sender] > 0 {
			out = append(out, i)
		} else {
			f.late = append(f.late, i)
		}
	}
	return out
}

// add covers those of a list that fit. It halves a list that does not fit as a whole.
func (f *fitter) add(list []int) {
	if list = f.active(list); len(list) == 0 {
		return
	}
	half := len(list) / 2
	if f.addWhole(list) {
		return
	}
	if half == 0 {
		f.conflicts[f.waiting[list[0]].sender]--
		return
	}
	f.add(list[:half])
	f.add(list[half:])
}

// addLate covers what is left of a sender who has used up its share, without what does not even fit alone: as a whole, or not at
// all.
func (f *fitter) addLate(list []int) {
	list = slices.DeleteFunc(list, func(i int) bool {
		err := f.attempt(f.waiting[i : i+1])
		f.note(err, i)
		return err != nil
	})
	if picked, _ := f.pick(list, f.covers()); len(picked) > 0 {
		f.addWhole(picked)
	}
}

// addWhole covers a list if it fits as a whole.
func (f *fitter) addWhole(list []int) bool {
	more := make([]covered, len(list))
	for k, i := range list {
		more[k] = f.waiting[i]
	}
	err := f.try(more)
	if err == nil {
		f.fit = append(f.fit, more...)
	}
	f.note(err, list...)
	return err == nil
}

// note writes down why proposals are left out, or that they are covered.
func (f *fitter) note(err error, list ...int) {
	why := ""
	if err != nil {
		why = err.Error()
	}
	for _, i := range list {
		f.reasons[i] = why
	}
}

// covers lists what is covered so far.
func (f *fitter) covers() []covered { return slices.Concat(f.fit, f.byValue) }

// try makes a commit of what is covered so far and more.
func (f *fitter) try(more []covered) error { return f.attempt(slices.Concat(f.fit, more)) }

// attempt makes a commit of waiting proposals and those by value without a path, up to where secrets are needed.
func (f *fitter) attempt(list []covered) error {
	all := slices.Concat(list, f.byValue)
	t, err := f.group.beginOwn(newProposalList(all), f.now)
	copy(f.byValue, all[len(list):]) // of which the signatures may be verified now
	if err != nil {
		return err
	}
	if f.leaf != nil {
		if err := t.edit.CheckKeys(); err != nil { // as before a path
			return err
		}
		if err := t.edit.Update(t.leaf, f.leaf); err != nil {
			return err
		}
	}
	if err := t.finish(); err != nil {
		return err
	}
	if f.path || f.leaf != nil || t.list.needsPath(f.group.params) {
		return t.limitWithPath()
	}
	return nil
}
