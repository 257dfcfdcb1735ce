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

// fitting leaves out waiting proposals that no valid commit can cover, and says why. A proposal may be valid by itself and
// yet not go with others, or with what has changed since: without this, somebody outside of the group who may propose
// could keep everybody from committing.
func (g *Group) fitting(list *proposalList, c *CommitParams, by crypto.Signer) (*proposalList, []LeftProposal) {
	f := &fitter{group: g, now: c.Now, path: c.ForcePath}
	if !c.Leaf.isZero() {
		old, _ := g.tree.Leaf(g.OwnLeaf())
		leaf, _, err := c.Leaf.leaf(g.suite, old, by)
		if err != nil {
			return list, nil
		}
		f.leaf = &leaf
	}
	var waiting []covered
	for _, p := range list.all {
		if p.ref == nil {
			f.byValue = append(f.byValue, p)
		} else {
			waiting = append(waiting, p)
		}
	}
	if f.try(nil) != nil {
		return list, nil // the cause is a proposal by value
	}
	waiting = slices.DeleteFunc(waiting, f.misfits)
	for rank := range ranks {
		f.conflicts = maxConflicts
		f.add(slices.DeleteFunc(slices.Clone(waiting), func(c covered) bool { return c.rank() != rank }))
	}
	fits := map[string]bool{}
	for _, c := range f.fit {
		fits[string(c.ref)] = true
	}
	inOrder := slices.DeleteFunc(waiting, func(c covered) bool { return !fits[string(c.ref)] })
	return newProposalList(append(inOrder, f.byValue...)), f.left
}

// ranks is how many ranks there are.
const ranks = 3

// rank returns the turn in which a proposal is fitted: Removes and Updates first, then what members ask for, then the rest.
// Anybody may send any number of Adds from outside, and none may displace a removal or what a member asked for.
func (c *covered) rank() int {
	switch t := c.proposal.ProposalType(); {
	case t == framing.ProposalTypeRemove || t == framing.ProposalTypeUpdate || t == framing.ProposalTypeSelfRemove:
		return 0
	case c.sender.SenderType == framing.SenderTypeMember:
		return 1
	}
	return 2
}

// maxConflicts bounds the search for proposals that fit alone, but not together. Once it is reached, a list that does not
// fit as a whole is left out as a whole.
const maxConflicts = 64

// fitter finds the waiting proposals that fit.
type fitter struct {
	group     *Group
	now       time.Time
	path      bool              // whether the commit has a path even when the proposals need none
	leaf      *framing.LeafNode // the committer's, when the commit changes more of it than its key
	byValue   []covered
	fit       []covered
	left      []LeftProposal
	conflicts int // how many more to look for
}

// misfits reports whether a proposal does not even fit alone.
func (f *fitter) misfits(c covered) bool {
	err := f.try([]covered{c})
	if err != nil {
		f.left = append(f.left, LeftProposal{c.ref, err.Error()})
	}
	return err != nil
}

// add adds the proposals of a list that fit. It halves a list that does not fit as a whole.
func (f *fitter) add(list []covered) {
	if len(list) == 0 {
		return
	}
	err := f.try(list)
	switch half := len(list) / 2; {
	case err == nil:
		f.fit = append(f.fit, list...)
	case half == 0 || f.conflicts == 0:
		f.conflicts = max(f.conflicts-1, 0)
		for _, c := range list {
			f.left = append(f.left, LeftProposal{c.ref, err.Error()})
		}
	default:
		f.add(list[:half])
		f.add(list[half:])
	}
}

// try makes a commit without a path, up to where secrets are needed.
func (f *fitter) try(list []covered) error {
	t, err := f.group.beginOwn(newProposalList(slices.Concat(f.fit, list, f.byValue)), f.now)
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
