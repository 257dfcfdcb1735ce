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
	verified bool                // the signatures inside were verified already, on arrival or by an attempt before
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
	leavers    []framing.LeafIndex // of SelfRemoves
	updateData []*framing.AppDataUpdate
	beyond     []framing.ProposalType // of all that RFC 9420 does not define
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
		case *framing.SelfRemove:
			l.leavers = append(l.leavers, c.sender.LeafIndex)
		case *framing.AppDataUpdate:
			l.updateData = append(l.updateData, p)
		}
		if t := c.proposal.ProposalType(); !t.IsDefault() {
			l.beyond = append(l.beyond, t)
		}
	}
	return l
}

// removedLeaves lists the leaves that become blank, those of SelfRemoves first.
func (l *proposalList) removedLeaves() []framing.LeafIndex {
	out := slices.Clone(l.leavers)
	for _, r := range l.removes {
		out = append(out, r.Removed)
	}
	return out
}

// checkList checks the list as a whole, for a commit by committer.
func (l *proposalList) checkList(committer framing.Sender) error {
	checks := []func(framing.LeafIndex) error{
		l.checkPSKCount, l.checkPSKsDiffer, l.checkSelfRemoves, l.checkOwn, l.checkLeavesDiffer, l.checkAddsDiffer,
		l.checkSingles, l.checkComponents,
	}
	if committer.SenderType == framing.SenderTypeNewMemberCommit {
		checks = []func(framing.LeafIndex) error{
			l.checkPSKCount, l.checkPSKsDiffer, l.checkSelfRemoves, l.checkExternal, l.checkLeavesDiffer, l.checkComponents}
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

// checkSelfRemoves checks that SelfRemoves are covered by reference, and that the committer does not leave (V-SR-04,
// V-SR-06).
func (l *proposalList) checkSelfRemoves(committer framing.LeafIndex) error {
	for _, c := range l.all {
		if _, leaves := c.proposal.(*framing.SelfRemove); leaves && c.ref == nil {
			return fail("V-SR-04", committer, "SelfRemove by value")
		}
	}
	if slices.Contains(l.leavers, committer) {
		return fail("V-SR-06", committer, "commit covers the committer's own SelfRemove")
	}
	return nil
}

// checkComponents checks that components know what is meant for them (V-AD-04): there are none yet.
func (l *proposalList) checkComponents(committer framing.LeafIndex) error {
	if len(l.updateData) > 0 {
		return fail("V-AD-04", committer, "AppDataUpdate for component %v, which is not known", l.updateData[0].ID)
	}
	return nil
}

// checkLeavesDiffer checks that there is at most one Update, Remove or SelfRemove for a leaf (V-PL-03, V-SR-05, V-SR-10).
func (l *proposalList) checkLeavesDiffer(committer framing.LeafIndex) error {
	seen, leaves := map[framing.LeafIndex]bool{}, map[framing.LeafIndex]bool{}
	once := func(i framing.LeafIndex) error {
		switch {
		case leaves[i] && committer == framing.NoLeaf:
			return fail("V-SR-10", i, "external commit removes a leaf that a SelfRemove frees")
		case leaves[i]:
			return fail("V-SR-05", i, "more than a SelfRemove for the leaf")
		case seen[i]:
			return fail("V-PL-03", i, "more than one Update or Remove for the leaf")
		}
		seen[i] = true
		return nil
	}
	for _, i := range l.leavers {
		if leaves[i] {
			return fail("V-SR-05", i, "two SelfRemoves for the leaf")
		}
		leaves[i] = true
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

// checkAddsDiffer checks that no two Adds have the same signature key, and so the same client (V-PL-04). That a client is not
// a member already follows from the uniqueness of keys in the new tree (V-PL-05).
func (l *proposalList) checkAddsDiffer(committer framing.LeafIndex) error {
	clients := map[string]bool{}
	for _, a := range l.adds {
		key := string(a.KeyPackage.LeafNode.SignatureKey)
		if clients[key] {
			return fail("V-PL-04", committer, "two Adds hold one signature key")
		}
		clients[key] = true
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

// checkExternal checks the list of an external commit (V-PL-13, V-PL-14, V-SR-09, V-AD-11).
func (l *proposalList) checkExternal(framing.LeafIndex) error {
	known := len(l.external) + len(l.removes) + len(l.psks)
	for _, c := range l.all {
		switch c.proposal.(type) {
		case *framing.SelfRemove, *framing.AppDataUpdate, *framing.AppEphemeral:
			known++
		}
		if _, leaves := c.proposal.(*framing.SelfRemove); c.ref != nil && !leaves {
			return fail("V-PL-14", framing.NoLeaf, "external commit covers a proposal by reference that is no SelfRemove")
		}
	}
	switch {
	case len(l.external) != 1:
		return fail("V-PL-13", framing.NoLeaf, "external commit with %d ExternalInit", len(l.external))
	case len(l.removes) > 1:
		return fail("V-PL-13", framing.NoLeaf, "external commit with %d Removes", len(l.removes))
	case known != len(l.all):
		return fail("V-PL-13", framing.NoLeaf, "external commit with a proposal that has no place there")
	}
	return nil
}

// needsPath reports whether a commit of the list must have a path (RFC 9420, Sections 12.4 and 17.4). Proposals of custom
// types need one unless params say otherwise.
func (l *proposalList) needsPath(params *Params) bool {
	light := len(l.adds) + len(l.psks) + len(l.reInits)
	for _, t := range l.beyond {
		switch t {
		case framing.ProposalTypeAppDataUpdate, framing.ProposalTypeAppEphemeral:
			light++
		case framing.ProposalTypeSelfRemove:
		default:
			if slices.Contains(params.PathlessProposals, t) {
				light++
			}
		}
	}
	return len(l.all) == 0 || light < len(l.all)
}
