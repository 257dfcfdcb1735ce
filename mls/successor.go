package mls

// RFC 9420, Sections 11.2 and 11.3: Reinitialization and Subgroup Branching.

import (
	"bytes"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// linkTo makes the link to old: for reinit when a ReInit ended it, else for branch.
func linkTo(old *Group) (*successorLink, error) {
	usage := framing.ResumptionPSKUsageBranch
	switch old.status {
	case StatusActive:
	case StatusReInitialized:
		usage = framing.ResumptionPSKUsageReInit
	default:
		return nil, &InactiveError{old.status, nil}
	}
	if old.secrets.EpochAuthenticator.IsZero() { // the PSK of an epoch that is over may still be kept
		return nil, ErrErased
	}
	id := ResumptionPSKID(old.GroupID(), old.Epoch())
	id.Usage = usage
	return &successorLink{id: id, psk: old.secrets.ResumptionPSK.Clone()}, nil
}

// checkCreate checks the parameters of a group that is to succeed old (V-RE-02 to V-RE-04, V-RE-08).
func checkCreate(old *Group, context *framing.GroupContext) error {
	if old.status != StatusReInitialized {
		return checkBranchParams(old, context)
	}
	return checkReInitParams(old.reInit, context)
}

// checkReInitParams compares a group with the announcement of its ReInit (V-RE-02, V-RE-03, V-RE-04).
func checkReInitParams(want *framing.ReInit, context *framing.GroupContext) error {
	change := Change{OldExtensions: want.Extensions, NewExtensions: context.Extensions}
	switch {
	case !bytes.Equal(context.GroupID, want.GroupID):
		return fail("V-RE-02", framing.NoLeaf, "group id is not the one announced")
	case want.Version != framing.MLS10:
		return failWith(ciphersuite.ErrUnsupported, "V-RE-03", framing.NoLeaf, fmt.Sprintf("announced version %v", want.Version))
	case context.Version != want.Version || context.CipherSuite != want.CipherSuite:
		return fail("V-RE-03", framing.NoLeaf, "version or cipher suite is not the one announced")
	case !change.extensionsKept():
		return fail("V-RE-04", framing.NoLeaf, "extensions are not the ones announced")
	}
	return nil
}

// checkBranchParams compares a subgroup with its parent (V-RE-08).
func checkBranchParams(old *Group, context *framing.GroupContext) error {
	switch {
	case context.Version != old.context.Version || context.CipherSuite != old.context.CipherSuite:
		return fail("V-RE-08", framing.NoLeaf, "version or cipher suite is not the parent's")
	case bytes.Equal(context.GroupID, old.GroupID()):
		return fail("V-RE-08", framing.NoLeaf, "group id is the parent's")
	}
	return nil
}

// successorPSK finds the reinit or branch PSK among those of a Welcome, nil when there is none. More than one is an
// error (V-WEL-13).
func successorPSK(ids []framing.PreSharedKeyID) (*framing.PreSharedKeyID, error) {
	var found *framing.PreSharedKeyID
	count := 0
	for k, id := range ids {
		if id.PSKType == framing.PSKTypeResumption && id.Usage != framing.ResumptionPSKUsageApplication {
			found = &ids[k]
			count++
		}
	}
	if count > 1 {
		return nil, fail("V-WEL-13", framing.NoLeaf, "%d PSKs of usage reinit or branch", count)
	}
	return found, nil
}

// checkSuccessor checks a group joined as successor of old by the PSK that links them (V-RE-02 to V-RE-09).
func checkSuccessor(old *Group, id framing.PreSharedKeyID, context *framing.GroupContext) error {
	if !bytes.Equal(id.PSKGroupID, old.GroupID()) {
		return fail("V-RE-06", framing.NoLeaf, "PSK does not name the old group")
	}
	if context.Epoch != 1 {
		return fail("V-RE-05", framing.NoLeaf, "successor group is in epoch %d", context.Epoch)
	}
	if id.Usage == framing.ResumptionPSKUsageBranch {
		return checkBranchParams(old, context)
	}
	if old.reInit == nil || id.PSKEpoch != old.Epoch() {
		return fail("V-RE-06", framing.NoLeaf, "PSK does not name the epoch in which the old group was reinitialized")
	}
	return checkReInitParams(old.reInit, context)
}

// claimMembership makes Claims that the members of a successor are members of the old group, and after a ReInit checks that
// none are missing (V-RE-07, V-RE-09). It makes none for members that kept their credential. After a ReInit each member has
// one successor: a member whose credential is found again is nobody else's predecessor. It fails with ErrOldEpoch when the
// members of that epoch are not known any more.
func claimMembership(old *Group, link framing.PreSharedKeyID, fresh []Claim) ([]Claim, error) {
	tree := old.treeAt(link.PSKEpoch)
	if tree == nil {
		return nil, fmt.Errorf("%w: the members of the old group in epoch %d are not known any more", ErrOldEpoch, link.PSKEpoch)
	}
	reInit := link.Usage == framing.ResumptionPSKUsageReInit
	if reInit && len(fresh) < tree.Members() {
		return nil, fail("V-RE-07", framing.NoLeaf, "successor has %d members, old group has %d", len(fresh), tree.Members())
	}
	left := map[string]int{} // members of the old group that were not found again, by credential
	for _, leaf := range tree.Leaves() {
		left[credentialKey(&leaf.Credential)]++
	}
	var unknown []Claim
	for _, m := range fresh {
		key := credentialKey(&m.Credential)
		if left[key] == 0 {
			unknown = append(unknown, m)
		} else if reInit {
			left[key]--
		}
	}
	var before []Identity
	for _, leaf := range tree.Leaves() {
		if key := credentialKey(&leaf.Credential); left[key] > 0 {
			before = append(before, identityOf(leaf))
			left[key]--
		}
	}
	for k := range unknown {
		unknown[k].Predecessors = before
	}
	return unknown, nil
}

// invitedTo returns the members that a successor group will have, its creator first.
func invitedTo(own *framing.LeafNode, invited []*framing.KeyPackage) []Claim {
	out := []Claim{claim(MomentSuccessorMember, 0, own)}
	for _, k := range invited {
		out = append(out, claim(MomentSuccessorMember, framing.NoLeaf, &k.LeafNode))
	}
	return out
}

// membersOf returns the members of a successor group.
func membersOf(fresh *treekem.Tree) []Claim {
	out := make([]Claim, 0, fresh.Members())
	for i, leaf := range fresh.Leaves() {
		out = append(out, claim(MomentSuccessorMember, i, leaf))
	}
	return out
}

// treeAt returns the tree of an epoch, nil when it is not kept.
func (g *Group) treeAt(epoch framing.Epoch) *treekem.Tree {
	if epoch == g.Epoch() {
		return g.tree
	}
	for _, p := range g.past {
		if p.Epoch() == epoch {
			return p.tree
		}
	}
	return nil
}

func credentialKey(c *framing.Credential) string {
	b, err := framing.Marshal(c)
	if err != nil {
		return "" // never: a credential in a tree can be encoded
	}
	return string(b)
}
