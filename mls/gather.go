package mls

// RFC 9420, Sections 12.2 and 12.4: which proposals a committer covers.

import (
	"bytes"
	"io"
	"reflect"
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// gather lists the proposals that a commit covers: chosen references first, then proposals by value.
func (g *Group) gather(rand io.Reader, c *CommitParams) (*proposalList, []LeftProposal, error) {
	byValue, err := g.byValue(rand, c.Proposals)
	if err != nil {
		return nil, nil, err
	}
	chosen, left, err := g.choose(c, byValue)
	if err != nil {
		return nil, nil, err
	}
	all := append(chosen, byValue...)
	if needsTime(all) && c.Now.IsZero() {
		return nil, nil, ErrNoTime
	}
	return newProposalList(all), left, nil
}

// choose finds the waiting proposals to cover: those named, or else all that go together.
func (g *Group) choose(c *CommitParams, byValue []covered) ([]covered, []LeftProposal, error) {
	if c.References != nil {
		chosen, err := g.byReference(c.References)
		return chosen, nil, err
	}
	ch := newChooser(g, byValue)
	if c.LeaveMissingPSKs {
		ch.known = indexPSKs(pskSources(g, c.PSKs)...)
	}
	var chosen []covered
	stored := g.proposals.waiting()
	for _, p := range stored {
		if ch.reject(p) == "" {
			chosen = append(chosen, coveredRef(p))
		}
	}
	var left []LeftProposal
	for _, p := range stored {
		if why := ch.reasons[p]; why != "" {
			left = append(left, LeftProposal{p.ref, why})
		}
	}
	return chosen, left, nil
}

// onlyOwnRemoval reports whether proposals wait, and all of them would remove the member itself.
func (g *Group) onlyOwnRemoval() bool {
	for _, p := range g.proposals.waiting() {
		leaf, removes := p.removedLeaf()
		if !removes || leaf != g.OwnLeaf() {
			return false
		}
	}
	return g.proposals.waits()
}

func needsTime(list []covered) bool {
	return slices.ContainsFunc(list, func(c covered) bool { return c.proposal.ProposalType() == framing.ProposalTypeAdd })
}

func coveredRef(p *storedProposal) covered {
	return covered{p.proposal(), p.sender(), p.ref, true}
}

// byValue completes the caller's proposals. In the first commit of a successor group, the PSK that links it comes
// first (RFC 9420, Sections 11.2 and 11.3).
func (g *Group) byValue(rand io.Reader, list []framing.Proposal) ([]covered, error) {
	if g.successor != nil {
		list = append([]framing.Proposal{&framing.PreSharedKey{PSK: g.successor.id}}, list...)
	}
	out := make([]covered, 0, len(list))
	for _, p := range list {
		if err := checkGiven(p); err != nil {
			return nil, err
		}
		p, err := withNonce(g.suite, rand, p)
		if err != nil {
			return nil, err
		}
		out = append(out, covered{proposal: p, sender: g.self()})
	}
	return out, nil
}

// checkGiven refuses a proposal of the caller's that is nil, or an Add without a KeyPackage.
func checkGiven(p framing.Proposal) error {
	add, isAdd := p.(*framing.Add)
	if p == nil || reflect.ValueOf(p).IsNil() || isAdd && add.KeyPackage == nil {
		return ErrNoProposal
	}
	return nil
}

// withNonce gives a PSK proposal its nonce, unless it has one.
func withNonce(suite *ciphersuite.Suite, rand io.Reader, p framing.Proposal) (framing.Proposal, error) {
	psk, ok := p.(*framing.PreSharedKey)
	if !ok || len(psk.PSK.PSKNonce) > 0 {
		return p, nil
	}
	nonce, err := suite.RandomSecret(rand, suite.HashSize)
	if err != nil {
		return nil, err
	}
	id := psk.PSK
	id.PSKNonce = nonce.Bytes()
	return &framing.PreSharedKey{PSK: id}, nil
}

// byReference finds the proposals that a commit names.
func (g *Group) byReference(refs []framing.ProposalRef) ([]covered, error) {
	var out []covered
	var missing []framing.ProposalRef
	for _, ref := range refs {
		if p := g.proposals.find(ref); p != nil {
			out = append(out, coveredRef(p))
		} else {
			missing = append(missing, ref)
		}
	}
	if len(missing) > 0 {
		return nil, &MissingProposalError{missing}
	}
	return out, nil
}

// chooser decides which waiting proposals go together with each other and with those by value.
type chooser struct {
	group   *Group
	reasons map[*storedProposal]string            // why a proposal is left out
	removes map[framing.LeafIndex]bool            // leaves that some proposal removes
	leaves  map[framing.LeafIndex]*storedProposal // the first SelfRemove of each leaf
	removed map[framing.LeafIndex]bool            // leaves that a covered proposal removes
	last    map[framing.LeafIndex]*storedProposal // the latest Update of each leaf
	clients map[string]bool                       // signature keys of Adds that are covered
	inits   map[string]bool                       // init keys of Adds that are covered
	psks    map[pskIdentifier]bool                // that are covered
	known   pskIndex                              // where the secret of a PSK has to be; nil when that does not decide
	others  bool                                  // whether there is anything but a ReInit to cover
	context *storedProposal                       // the latest GroupContextExtensions
	byValue *proposalList
}

func newChooser(g *Group, byValue []covered) *chooser {
	c := &chooser{
		group: g, byValue: newProposalList(byValue), reasons: map[*storedProposal]string{},
		removes: map[framing.LeafIndex]bool{}, removed: map[framing.LeafIndex]bool{},
		leaves: map[framing.LeafIndex]*storedProposal{},
		last:   map[framing.LeafIndex]*storedProposal{}, clients: map[string]bool{}, inits: map[string]bool{},
		psks: map[pskIdentifier]bool{},
	}
	for _, r := range c.byValue.removes {
		c.removes[r.Removed], c.removed[r.Removed] = true, true
	}
	for _, a := range c.byValue.adds {
		c.clients[string(a.KeyPackage.LeafNode.SignatureKey)] = true
		c.inits[string(a.KeyPackage.InitKey.Canonical())] = true
	}
	for _, id := range c.byValue.psks {
		c.psks[identifierOf(id)] = true
	}
	c.others = len(byValue) > 0
	for _, p := range g.proposals.waiting() {
		c.survey(p)
	}
	return c
}

// survey collects what the choice between proposals depends on, before any is chosen.
func (c *chooser) survey(p *storedProposal) {
	_, reInit := p.proposal().(*framing.ReInit)
	c.others = c.others || !reInit
	if leaf, removes := p.removedLeaf(); removes {
		c.removes[leaf] = true
	}
	switch from := p.sender().LeafIndex; p.proposal().(type) {
	case *framing.Update:
		c.last[from] = p
	case *framing.GroupContextExtensions:
		c.context = p
	case *framing.SelfRemove:
		if c.leaves[from] == nil && !c.removed[from] {
			c.leaves[from] = p
		}
	}
}

// reject returns why a proposal cannot go with those chosen so far, or chooses it and returns "".
func (c *chooser) reject(p *storedProposal) string {
	why := ""
	switch x := p.proposal().(type) {
	case *framing.Update:
		why = c.rejectUpdate(p)
	case *framing.Remove:
		why = c.rejectRemove(x.Removed, p)
	case *framing.SelfRemove:
		why = c.rejectRemove(p.sender().LeafIndex, p)
	case *framing.AppDataUpdate:
		why = "the component is not known"
	case *framing.Add:
		why = c.rejectAdd(x)
	case *framing.PreSharedKey:
		why = c.rejectPSK(x.PSK)
	case *framing.ReInit:
		if c.others {
			why = "ReInit stands alone, and there are other proposals"
		}
		c.others = true // a second ReInit has to wait
	case *framing.GroupContextExtensions:
		if len(c.byValue.extensions) > 0 || c.context != p {
			why = "other GroupContextExtensions are covered"
		}
	}
	c.reasons[p] = why
	return why
}

func (c *chooser) rejectUpdate(p *storedProposal) string {
	i := p.sender().LeafIndex
	switch {
	case i == c.group.OwnLeaf():
		return "a member does not commit its own Update; the commit's path does the same"
	case c.removes[i]:
		return "the leaf is removed"
	case c.last[i] != p:
		return "there is a later Update"
	}
	return ""
}

func (c *chooser) rejectRemove(leaf framing.LeafIndex, p *storedProposal) string {
	switch leaver := c.leaves[leaf]; {
	case leaf == c.group.OwnLeaf():
		return "a member does not commit its own removal; another member has to"
	case leaver != nil && leaver != p:
		return "the member leaves by itself"
	case c.removed[leaf]:
		return "the leaf is removed already"
	}
	c.removed[leaf] = true
	return ""
}

func (c *chooser) rejectAdd(a *framing.Add) string {
	key := a.KeyPackage.LeafNode.SignatureKey
	if i, member := c.group.tree.FindSignatureKey(key); member && !c.removes[i] {
		return "the client is a member"
	}
	if why := once(c.clients, string(key), "the same client is added already"); why != "" {
		return why
	}
	return once(c.inits, string(a.KeyPackage.InitKey.Canonical()), "the same init key is used already")
}

func (c *chooser) rejectPSK(id framing.PreSharedKeyID) string {
	if _, ok := c.known[keyName(id)]; c.known != nil && !ok {
		return "the secret of the PSK is not at hand"
	}
	if id.PSKType == framing.PSKTypeResumption && bytes.Equal(id.PSKGroupID, c.group.GroupID()) &&
		id.PSKEpoch < c.group.arrivals.complete() {
		return "some members came after the epoch of the PSK, and could not follow"
	}
	return once(c.psks, identifierOf(id), "the same PSK is covered already")
}

func once[K comparable](seen map[K]bool, key K, why string) string {
	if seen[key] {
		return why
	}
	seen[key] = true
	return ""
}
