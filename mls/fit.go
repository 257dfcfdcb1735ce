package mls

// RFC 9420, Section 12.2: which waiting proposals a committer leaves out because the others do not go with them.

import (
	"errors"
	"slices"
	"time"
)

// breaksRule reports whether proposals are to blame for an error.
func breaksRule(err error) bool {
	var rule *RuleError
	var syntax *SyntaxError
	return errors.As(err, &rule) || errors.As(err, &syntax)
}

// fitting leaves out waiting proposals with which there is no valid commit, and says why. A proposal may be in order by
// itself and not fit what the group has become, or others: without this, somebody outside of the group who may propose
// could keep everybody from committing.
func (g *Group) fitting(list *proposalList, now time.Time) (*proposalList, []LeftProposal) {
	f := &fitter{group: g, now: now}
	var waiting []covered
	for _, c := range list.all {
		if c.ref == nil {
			f.byValue = append(f.byValue, c)
		} else {
			waiting = append(waiting, c)
		}
	}
	f.add(waiting)
	return newProposalList(append(f.fit, f.byValue...)), f.left
}

// fitter finds the waiting proposals that fit, trying as many at a time as it can.
type fitter struct {
	group   *Group
	now     time.Time
	byValue []covered
	fit     []covered
	left    []LeftProposal
}

// add takes what fits of a list. It halves a list that does not fit as a whole: k misfits among n proposals take at
// most 2 k log n trials.
func (f *fitter) add(list []covered) {
	if len(list) == 0 {
		return
	}
	err := f.try(list)
	switch half := len(list) / 2; {
	case err == nil:
		f.fit = append(f.fit, list...)
	case half == 0:
		f.left = append(f.left, LeftProposal{list[0].ref, err.Error()})
	default:
		f.add(list[:half])
		f.add(list[half:])
	}
}

// try commits without a path, as far as that takes no secrets.
func (f *fitter) try(list []covered) error {
	t, err := f.group.beginOwn(newProposalList(slices.Concat(f.fit, list, f.byValue)), f.now)
	if err != nil {
		return err
	}
	return t.finish()
}
