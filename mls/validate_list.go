package mls

// RFC 9420, Section 12.2: Proposal List Validation.

import (
	"math"
	"slices"

	"github.com/copse-mls/copse/framing"
)

// covered is a proposal that a commit covers, with its original sender.
type covered struct {
	proposal framing.Proposal
	sender   framing.Sender
	ref      framing.ProposalRef // nil when by value
	verified bool                // its signatures were verified on arrival
}

// proposalList holds the proposals of a commit by kind, each kind in the order of the commit (RFC 9420, Section 12.3).
type proposalList struct {
	all        []covered
	updates    []updateAt
	removes    []*framing.Remove
	adds       []*framing.Add
	psks       []framing.PreSharedKeyID
	extensions []*framing.GroupContextExtensions
	reInits    []*framing.ReInit
	external   []*framing.ExternalInit
	custom     []*framing.CustomProposal
}

// updateAt is an Update with the leaf of its sender.
type updateAt struct {
	leaf   framing.LeafIndex
	update *framing.Update
}

func newProposalList(all []covered) *proposalList {
	l := &proposalList{all: all}
	for _, c := range all {
		switch p := c.proposal.(type) {
		case *framing.Add:
			l.adds = append(l.adds, p)
		case *framing.Update:
			l.updates = append(l.updates, updateAt{c.sender.LeafIndex, p})
		case *framing.Remove:
			l.removes = append(l.removes, p)
		case *framing.PreSharedKey:
			l.psks = append(l.psks, p.PSK)
		case *framing.ReInit:
			l.reInits = append(l.reInits, p)
		case *framing.ExternalInit:
			l.external = append(l.external, p)
		case *framing.GroupContextExtensions:
			l.extensions = append(l.extensions, p)
		case *framing.CustomProposal:
			l.custom = append(l.custom, p)
		}
	}
	return l
}

// checkList checks the list as a whole, for a commit by committer.
func (l *proposalList) checkList(committer framing.Sender) error {
	checks := []func(framing.LeafIndex) error{
		l.checkPSKCount, l.checkPSKsDiffer, l.checkOwn, l.checkLeavesDiffer, l.checkAddsDiffer, l.checkSingles,
	}
	if committer.SenderType == framing.SenderTypeNewMemberCommit {
		checks = []func(framing.LeafIndex) error{l.checkPSKCount, l.checkPSKsDiffer, l.checkExternal}
	}
	for _, check := range checks {
		if err := check(leafOf(committer)); err != nil {
			return err
		}
	}
	return nil
}

// leafOf returns the leaf to name in an error about what a sender says.
func leafOf(from framing.Sender) framing.LeafIndex {
	if from.SenderType == framing.SenderTypeMember {
		return from.LeafIndex
	}
	return framing.NoLeaf
}

// checkOwn checks that the committer neither updates nor removes itself (V-PL-01, V-PL-02).
func (l *proposalList) checkOwn(committer framing.LeafIndex) error {
	for _, u := range l.updates {
		if u.leaf == committer {
			return fail("V-PL-01", committer, "commit covers an Update by the committer")
		}
	}
	for _, r := range l.removes {
		if r.Removed == committer {
			return fail("V-PL-02", committer, "commit removes the committer")
		}
	}
	return nil
}

// checkLeavesDiffer checks that there is at most one Update or Remove for a leaf (V-PL-03).
func (l *proposalList) checkLeavesDiffer(framing.LeafIndex) error {
	seen := map[framing.LeafIndex]bool{}
	once := func(i framing.LeafIndex) error {
		if seen[i] {
			return fail("V-PL-03", i, "more than one Update or Remove for the leaf")
		}
		seen[i] = true
		return nil
	}
	for _, u := range l.updates {
		if err := once(u.leaf); err != nil {
			return err
		}
	}
	for _, r := range l.removes {
		if err := once(r.Removed); err != nil {
			return err
		}
	}
	return nil
}

// checkAddsDiffer checks that no two Adds have the same signature key, and so the same client, or the same init key
// (V-PL-04, V-KP-08). That a client is not a member already follows from the uniqueness of keys in the new tree (V-PL-05).
func (l *proposalList) checkAddsDiffer(committer framing.LeafIndex) error {
	clients, inits := map[string]bool{}, map[string]bool{}
	for _, a := range l.adds {
		k := a.KeyPackage
		if clients[string(k.LeafNode.SignatureKey)] {
			return fail("V-PL-04", committer, "two Adds hold one signature key")
		}
		clients[string(k.LeafNode.SignatureKey)] = true
		if inits[string(k.InitKey.Canonical())] {
			return fail("V-KP-08", committer, "two Adds hold one init key")
		}
		inits[string(k.InitKey.Canonical())] = true
	}
	return nil
}

// checkSingles checks that there is at most one GroupContextExtensions, and that a ReInit is alone (V-PL-07, V-PL-08).
func (l *proposalList) checkSingles(committer framing.LeafIndex) error {
	switch {
	case len(l.extensions) > 1:
		return fail("V-PL-07", committer, "%d GroupContextExtensions", len(l.extensions))
	case len(l.reInits) > 0 && len(l.all) > 1:
		return fail("V-PL-08", committer, "ReInit beside other proposals")
	}
	return nil
}

// checkPSKCount checks that the number of PSKs fits into the 16 bits of a PSKLabel (V-PSK-07).
func (l *proposalList) checkPSKCount(committer framing.LeafIndex) error {
	if len(l.psks) > math.MaxUint16 {
		return fail("V-PSK-07", committer, "%d PSKs", len(l.psks))
	}
	return nil
}

// checkPSKsDiffer checks that no PSK identifier is there twice (V-PL-06).
func (l *proposalList) checkPSKsDiffer(committer framing.LeafIndex) error {
	seen := make(map[pskIdentifier]bool, len(l.psks))
	for _, id := range l.psks {
		if seen[identifierOf(id)] {
			return fail("V-PL-06", committer, "one PSK identifier twice")
		}
		seen[identifierOf(id)] = true
	}
	return nil
}

// checkExternal checks the list of an external commit (V-PL-13, V-PL-14).
func (l *proposalList) checkExternal(framing.LeafIndex) error {
	for _, c := range l.all {
		if c.ref != nil {
			return fail("V-PL-14", framing.NoLeaf, "external commit covers a proposal by reference")
		}
	}
	known := len(l.external) + len(l.removes) + len(l.psks)
	switch {
	case len(l.external) != 1:
		return fail("V-PL-13", framing.NoLeaf, "external commit with %d ExternalInit", len(l.external))
	case len(l.removes) > 1:
		return fail("V-PL-13", framing.NoLeaf, "external commit with %d Removes", len(l.removes))
	case known != len(l.all):
		return fail("V-PL-13", framing.NoLeaf, "external commit with a proposal other than ExternalInit, Remove and PSK")
	}
	return nil
}

// needsPath reports whether a commit of the list must have a path (RFC 9420, Sections 12.4 and 17.4). Proposals of custom
// types need one unless params say otherwise.
func (l *proposalList) needsPath(params *Params) bool {
	light := len(l.adds) + len(l.psks) + len(l.reInits)
	for _, p := range l.custom {
		if slices.Contains(params.PathlessProposals, p.Type) {
			light++
		}
	}
	return len(l.all) == 0 || light < len(l.all)
}
