package mls

// RFC 9420, Section 12.1: Proposals, each checked by itself.

import (
	"slices"
	"time"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// proposalCheck checks proposals against a group state: the present one for a proposal by itself, the one that a commit
// leads to for those that it covers.
type proposalCheck struct {
	*public
	rules     *treekem.LeafRules
	now       time.Time
	sending   bool           // whether lifetimes have to hold
	successor *successorLink // what the first commit of a successor group may hold
}

// checkProposal checks a proposal from a sender, except signatures, uniqueness of keys and its place in a list.
func (c *proposalCheck) checkProposal(p framing.Proposal, from framing.Sender) error {
	switch p := p.(type) {
	case *framing.SelfRemove:
		return c.checkSelfRemove(from)
	case *framing.CustomProposal:
		return c.checkCustom(p, from)
	case *framing.Add:
		return c.checkAdd(p)
	case *framing.Update:
		return c.checkUpdate(p, from)
	case *framing.Remove:
		return c.checkRemove(p)
	case *framing.PreSharedKey:
		return c.checkPSK(p.PSK, from)
	case *framing.ReInit:
		return c.checkReInit(p, from)
	case *framing.ExternalInit:
		return c.checkExternalInit(from)
	case *framing.GroupContextExtensions:
		return c.checkExtensions(p.Extensions)
	}
	return nil
}

// checkSelfRemove checks who leaves (V-SR-01).
func (c *proposalCheck) checkSelfRemove(from framing.Sender) error {
	if from.SenderType != framing.SenderTypeMember || !c.tree.HasLeaf(from.LeafIndex) {
		return fail("V-SR-01", leafOf(from), "SelfRemove of somebody who is not a member")
	}
	return nil
}

// checkSelfRemoveKnown checks that all members know SelfRemove, before one is sent or covered by a newcomer (V-SR-08).
func (p *public) checkSelfRemoveKnown() error {
	support := p.tree.Support()
	if have, want := support.Proposal(framing.ProposalTypeSelfRemove), support.Members(); have < want {
		return fail("V-SR-08", p.lacking(framing.ProposalTypeSelfRemove, nil), "%d of %d members list SelfRemove in their capabilities: "+
			"propose a Remove", have, want)
	}
	return nil
}

// lacking returns a member that does not support a proposal type and is not one of those that are removed.
func (p *public) lacking(t framing.ProposalType, removed []framing.LeafIndex) framing.LeafIndex {
	gone := map[framing.LeafIndex]bool{}
	for _, i := range removed {
		gone[i] = true
	}
	for i, leaf := range p.tree.Leaves() {
		if !supports(leaf, t) && !gone[i] {
			return i
		}
	}
	return framing.NoLeaf
}

// supports reports whether a leaf supports a type, as treekem.Support counts: GREASE values do not count.
func supports(leaf *framing.LeafNode, t framing.ProposalType) bool {
	return !framing.IsGREASE(uint16(t)) && slices.Contains(leaf.Capabilities.Proposals, t)
}

// checkCustom checks who may send a proposal of a type that RFC 9420 does not define (V-FR-10), and when it is sent, that
// others can read it.
func (c *proposalCheck) checkCustom(p *framing.CustomProposal, from framing.Sender) error {
	if from.SenderType == framing.SenderTypeExternal && !slices.Contains(c.params.ExternalProposals, p.Type) {
		return fail("V-FR-10", framing.NoLeaf, "proposal type %v from an external sender", p.Type)
	}
	if !c.sending {
		return nil
	}
	encoded, err := framing.Marshal(&framing.TaggedProposal{Proposal: p})
	if err != nil {
		return err
	}
	var again framing.TaggedProposal
	err = c.params.ProposalBodies.Unmarshal(encoded, &again)
	if fresh, ok := again.Proposal.(*framing.CustomProposal); err == nil && ok && fresh.Raw != p.Raw {
		err = &SyntaxError{Struct: "CustomProposal", Reason: "Raw is not as Params.ProposalBodies says"}
	}
	return err
}

// checkAdd checks an Add (RFC 9420, Section 12.1.1).
func (c *proposalCheck) checkAdd(p *framing.Add) error {
	if err := checkKeyPackage(c.suite, p.KeyPackage); err != nil {
		return err
	}
	now, longest := c.now, c.params.MaxLifetime
	if !c.sending {
		now, longest = time.Time{}, c.params.maxReceivedLifetime
	}
	if c.sending {
		if err := checkLastResort(p.KeyPackage); err != nil {
			return err
		}
	}
	if longest > 0 || c.sending {
		if err := checkLifetime(p.KeyPackage.LeafNode.Lifetime, now, longest); err != nil {
			return err
		}
	}
	return c.rules.CheckDemands(framing.NoLeaf, &p.KeyPackage.LeafNode)
}

// checkUpdate checks an Update (RFC 9420, Section 12.1.2).
func (c *proposalCheck) checkUpdate(p *framing.Update, from framing.Sender) error {
	if from.SenderType != framing.SenderTypeMember {
		return fail("V-PR-06", framing.NoLeaf, "Update from a sender of type %v", from.SenderType)
	}
	i := from.LeafIndex
	old, ok := c.tree.Leaf(i)
	if !ok {
		return fail("V-PR-06", i, "Update for a blank leaf")
	}
	if p.LeafNode.LeafNodeSource != framing.LeafNodeSourceUpdate {
		return fail("V-LN-02", i, "source of the leaf is %v, not update", p.LeafNode.LeafNodeSource)
	}
	if err := checkUpdateLeaf(i, old, &p.LeafNode, "V-LN-19"); err != nil {
		return err
	}
	if err := checkKeys(c.suite, &p.LeafNode); err != nil {
		return atLeaf(err, i)
	}
	return c.rules.Check(i, &p.LeafNode)
}

// checkRemove checks a Remove (RFC 9420, Section 12.1.3).
func (c *proposalCheck) checkRemove(p *framing.Remove) error {
	if !c.tree.HasLeaf(p.Removed) {
		return fail("V-PR-07", p.Removed, "Remove names a leaf that is blank or outside the tree")
	}
	return nil
}

// checkPSK checks a PreSharedKey (RFC 9420, Section 12.1.4).
func (c *proposalCheck) checkPSK(id framing.PreSharedKeyID, from framing.Sender) error {
	if len(id.PSKNonce) != c.suite.HashSize {
		return fail("V-PSK-01", leafOf(from), "PSK nonce of %d bytes", len(id.PSKNonce))
	}
	if id.PSKType == framing.PSKTypeResumption && id.Usage != framing.ResumptionPSKUsageApplication &&
		!c.successor.allows(id) {
		return fail("V-PSK-03", leafOf(from), "resumption PSK with usage %v", id.Usage)
	}
	return nil
}

// checkReInit checks a ReInit (RFC 9420, Section 12.1.5). The successor may keep the group id.
func (c *proposalCheck) checkReInit(p *framing.ReInit, from framing.Sender) error {
	if p.Version < c.context.Version {
		return fail("V-PR-10", leafOf(from), "ReInit to version %v", p.Version)
	}
	if err := p.Extensions.Check(); err != nil {
		return err
	}
	return checkContextExtensions(p.Extensions)
}

// checkExternalInit checks an ExternalInit (RFC 9420, Section 12.1.6).
func (c *proposalCheck) checkExternalInit(from framing.Sender) error {
	if from.SenderType != framing.SenderTypeNewMemberCommit {
		return fail("V-PR-12", leafOf(from), "ExternalInit outside of an external commit")
	}
	return nil
}

// checkExtensions checks a GroupContextExtensions (RFC 9420, Section 12.1.7). That all members support the extensions is
// checked with the whole tree.
func (c *proposalCheck) checkExtensions(list framing.Extensions) error {
	if err := list.Check(); err != nil {
		return err
	}
	if err := checkContextExtensions(list); err != nil {
		return err
	}
	return c.checkExternalSenders(list)
}

// checkContextExtensions checks that all extensions may be in a group context (V-EXT-02).
func checkContextExtensions(list framing.Extensions) error {
	return list.CheckPlacement(framing.ExtensionTypeRequiredCapabilities, framing.ExtensionTypeExternalSenders)
}

// checkExternalSenders checks the keys of external senders, and that certificates are for these (V-EXT-05).
func (p *public) checkExternalSenders(list framing.Extensions) error {
	var senders framing.ExternalSenders
	if _, err := list.Get(&senders); err != nil {
		return err
	}
	for i := range senders {
		if err := p.suite.CheckSignaturePublicKey(senders[i].SignatureKey); err != nil {
			return failWith(err, "V-EXT-05", framing.NoLeaf, "signature key of an external sender")
		}
		if err := senders[i].Credential.CheckKey(senders[i].SignatureKey); err != nil {
			return failWith(err, "V-EXT-05", framing.NoLeaf, "X.509 credential of an external sender")
		}
	}
	return nil
}

// checkUpdateLeaf checks the leaf of an Update or of a member's path against the one it replaces (RFC 9420,
// Sections 7.3, 12.1.2 and 12.4.2). rule is the one that forbids keeping the old encryption key.
func checkUpdateLeaf(i framing.LeafIndex, old, fresh *framing.LeafNode, rule string) error {
	if old.EncryptionKey.Equal(fresh.EncryptionKey) {
		return fail(rule, i, "leaf keeps the old encryption key")
	}
	return nil
}
