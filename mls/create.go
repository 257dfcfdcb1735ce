package mls

// RFC 9420, Section 11: Group Creation.

import (
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/treekem"
)

// CreateParams say what a new group is.
type CreateParams struct {
	CipherSuite ciphersuite.CipherSuite
	GroupID     []byte // random when empty
	Extensions  framing.Extensions
	Leaf        LeafParams       // the creator
	Lifetime    framing.Lifetime // of the creator's leaf
	// Invited are the KeyPackages of those who will be added. The cipher suite is refused when it is not the best that
	// all of them and the creator support, by Preference (RFC 9420, Section 11), and the members of a successor group are
	// checked as they will check each other. Without Invited, such faults show only when members refuse to join.
	Invited    []*framing.KeyPackage
	Preference []ciphersuite.CipherSuite // best first; default: CipherSuite alone
	// Successor is the old group that the new one follows: a reinitialized one, or an active one to branch from (RFC
	// 9420, Sections 11.2 and 11.3). The first commit then carries the PSK that links them. What a ReInit announced
	// stands for CipherSuite, GroupID and Extensions left zero.
	Successor *Group
	Params    Params
}

// Create makes a group with one member (RFC 9420, Section 11). Add others by Commit.
//
// It fails with a *RuleError or *SyntaxError when nobody would join such a group or accept such a leaf, with
// ciphersuite.ErrUnsupported, or with an *InactiveError or ErrErased when Successor was left or erased.
func Create(c CreateParams) (*Step, error) {
	params := c.Params.withDefaults()
	c.fromReInit()
	suite, err := params.Suites(c.CipherSuite)
	if err != nil {
		return nil, err
	}
	if err := checkPreference(&c); err != nil {
		return nil, err
	}
	rand := params.rand
	if err := c.chooseGroupID(suite, params); err != nil {
		return nil, err
	}
	leafKey, err := suite.GenerateKeyPair(rand)
	if err != nil {
		return nil, err
	}
	leaf, err := c.Leaf.leaf(suite)
	if err != nil {
		return nil, err
	}
	leaf.EncryptionKey, leaf.LeafNodeSource, leaf.Lifetime = leafKey.Public, framing.LeafNodeSourceKeyPackage, c.Lifetime
	if err := leaf.Sign(framing.SignParams{Suite: suite, Rand: rand, Signer: c.Leaf.Signer}, nil, framing.NoLeaf); err != nil {
		return nil, err
	}
	tree, err := treekem.New(suite, &leaf)
	if err != nil {
		return nil, err
	}
	p, err := newPublic(suite, params, framing.GroupContext{Version: framing.MLS10, CipherSuite: c.CipherSuite,
		GroupID: c.GroupID, TreeHash: tree.Hash(), Extensions: c.Extensions}, tree)
	if err != nil {
		return nil, err
	}
	if err := p.checkNew(&leaf); err != nil {
		return nil, err
	}
	secrets, encryption, err := keyschedule.NewGroup(suite, rand)
	if err != nil {
		return nil, err
	}
	first := &nextEpoch{public: p, secrets: secrets, encryption: encryption}
	return c.firstStep(first, treekem.NewPrivatePath(suite, 0, leafKey))
}

// fromReInit fills in what was not given from the ReInit that announced the group.
func (c *CreateParams) fromReInit() {
	if c.Successor == nil || c.Successor.reInit == nil {
		return
	}
	announced := c.Successor.reInit
	if len(c.GroupID) == 0 {
		c.GroupID = announced.GroupID
	}
	if c.CipherSuite == 0 {
		c.CipherSuite = announced.CipherSuite
	}
	if c.Extensions == nil {
		c.Extensions = announced.Extensions
	}
}

// chooseGroupID makes a random group id when none was given.
func (c *CreateParams) chooseGroupID(suite *ciphersuite.Suite, params *Params) error {
	if len(c.GroupID) > 0 {
		return nil
	}
	id, err := suite.RandomSecret(params.rand, suite.HashSize)
	c.GroupID = id.Bytes()
	return err
}

// checkNew checks the parameters of a new group, and its creator's leaf.
func (p *public) checkNew(leaf *framing.LeafNode) error {
	if err := p.params.limitLeaf(0, leaf); err != nil {
		return err
	}
	if err := p.params.limitContext(p.context.Extensions); err != nil {
		return err
	}
	if err := checkOwnLifetime(leaf.Lifetime, p.params.MaxLifetime); err != nil {
		return atLeaf(err, 0)
	}
	check := proposalCheck{public: p, rules: p.rules}
	if err := check.checkExtensions(p.context.Extensions); err != nil {
		return err
	}
	return p.rules.Check(0, leaf)
}

// firstStep returns the Step that makes the Group.
func (c *CreateParams) firstStep(first *nextEpoch, private *treekem.PrivatePath) (*Step, error) {
	var err error
	if first.tag, err = first.secrets.ConfirmationTag(first.context.ConfirmedTranscriptHash); err != nil {
		return nil, err
	}
	state, err := first.begun(private)
	if err != nil {
		return nil, err
	}
	s := &Step{Next: &Group{groupState: groupState{epochState: state}}, Claims: claimExternalSenders(first.context.Extensions)}
	if c.Successor == nil {
		return s, nil
	}
	link, claims, err := c.linkToOld(state.public)
	if err != nil {
		return nil, err
	}
	s.Next.successor, s.Claims = link, append(s.Claims, claims...)
	return s, nil
}

// linkToOld checks the new group as the successor of the old one, and returns what links them.
func (c *CreateParams) linkToOld(p *public) (*successorLink, []Claim, error) {
	if err := checkCreate(c.Successor, &p.context); err != nil {
		return nil, nil, err
	}
	link, err := linkTo(c.Successor)
	if err != nil || len(c.Invited) == 0 {
		return link, nil, err
	}
	own, _ := p.tree.Leaf(0)
	claims, err := claimMembership(c.Successor, link.id, invitedTo(own, c.Invited))
	return link, claims, err
}

// checkPreference refuses a cipher suite when all invited clients and the creator support a better one (V-KP-09).
func checkPreference(c *CreateParams) error {
	for _, suite := range c.Preference {
		if suite == c.CipherSuite {
			break
		}
		if supportedByAll(c.Invited, suite) {
			return fail("V-KP-09", framing.NoLeaf, "everybody supports %v, which is preferred", suite)
		}
	}
	for _, k := range c.Invited {
		if !slices.Contains(k.LeafNode.Capabilities.Versions, framing.MLS10) ||
			!slices.Contains(k.LeafNode.Capabilities.CipherSuites, c.CipherSuite) {
			return fail("V-KP-09", framing.NoLeaf, "an invited client does not support %v", c.CipherSuite)
		}
	}
	return nil
}

func supportedByAll(list []*framing.KeyPackage, suite ciphersuite.CipherSuite) bool {
	for _, k := range list {
		if !slices.Contains(k.LeafNode.Capabilities.CipherSuites, suite) {
			return false
		}
	}
	return len(list) > 0
}
