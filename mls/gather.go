package mls

// RFC 9420, Sections 12.2 and 12.4: which proposals a committer covers.

import (
	"bytes"
	"cmp"
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

// choose finds the waiting proposals to cover: those named, or else all that go together as far as that shows at once.
func (g *Group) choose(c *CommitParams, byValue []covered) ([]covered, []LeftProposal, error) {
	if c.References != nil {
		chosen, err := g.byReference(c.References)
		return chosen, nil, err
	}
	s := g.newSelection(c)
	s.pick(s.inTurn(), byValue)
	return s.chosen(), s.left(), nil
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

// selection is what a commit covers of the waiting proposals. These are named by their places in the order of arrival.
type selection struct {
	group   *Group
	known   pskIndex // where the secret of a PSK has to be; nil when that does not decide
	waiting []covered
	ranks   []int
	reasons []string // why each is left out; empty when it is covered
}

func (g *Group) newSelection(c *CommitParams) *selection {
	s := &selection{group: g}
	if c.LeaveMissingPSKs {
		s.known = indexPSKs(pskSources(g, c.PSKs)...)
	}
	for _, p := range g.proposals.waiting() {
		s.waiting = append(s.waiting, coveredRef(p))
	}
	s.ranks = ranksOf(s.waiting)
	s.reasons = make([]string, len(s.waiting))
	return s
}

// chosen lists what is covered, in the order of arrival.
func (s *selection) chosen() (out []covered) {
	for i, why := range s.reasons {
		if why == "" {
			out = append(out, s.waiting[i])
		}
	}
	return out
}

// left lists what is not covered, in the order of arrival.
func (s *selection) left() (out []LeftProposal) {
	for i, why := range s.reasons {
		if why != "" {
			out = append(out, LeftProposal{s.waiting[i].ref, why})
		}
	}
	return out
}

// pick goes through waiting proposals and takes each that goes with those that are covered already and those taken before,
// as far as that shows without trying. It returns the others as displaced, and notes why.
func (s *selection) pick(list []int, already []covered) (picked, displaced []int) {
	c := newChooser(s.group, s.known)
	for _, a := range already {
		c.cover(a)
	}
	for _, i := range list {
		if s.reasons[i] = c.reject(s.waiting[i]); s.reasons[i] != "" {
			displaced = append(displaced, i)
			continue
		}
		c.cover(s.waiting[i])
		picked = append(picked, i)
	}
	return picked, displaced
}

// Ranks of proposals. Those of a lower rank displace those of a higher one. Nothing may come before the removal of a member,
// and anybody may send any number of Adds from outside. A ReInit waits for all others, as RFC 9420, Section 12.2 says.
const (
	rankRemoval = iota
	rankUpdate
	rankMember   // what members ask for
	rankExternal // what the external senders ask for that the group lists
	rankNewcomer
	rankReInit         // of a member
	rankExternalReInit // of an external sender
	ranks
)

func (c *covered) rank() int {
	switch c.proposal.ProposalType() {
	case framing.ProposalTypeRemove, framing.ProposalTypeSelfRemove:
		return rankRemoval
	case framing.ProposalTypeUpdate:
		return rankUpdate
	case framing.ProposalTypeReInit:
		return rankReInit + c.senderRank() - rankMember
	}
	return c.senderRank()
}

// ranksOf returns the rank of each. An Update by a key of a KeyPackage that a member wanted to add before has the rank of what
// members ask for: whoever sent it has copied the key, and may not displace the Add by that.
func ranksOf(waiting []covered) []int {
	ranks, added := make([]int, len(waiting)), map[string]bool{}
	for i := range waiting {
		ranks[i] = waiting[i].rank()
		switch x := waiting[i].proposal.(type) {
		case *framing.Add:
			if ranks[i] == rankMember {
				added[string(x.KeyPackage.InitKey.Canonical())] = true
				added[string(x.KeyPackage.LeafNode.EncryptionKey.Canonical())] = true
			}
		case *framing.Update:
			if added[string(x.LeafNode.EncryptionKey.Canonical())] {
				ranks[i] = rankMember
			}
		}
	}
	return ranks
}

func (c *covered) senderRank() int {
	switch c.sender.SenderType {
	case framing.SenderTypeMember:
		return rankMember
	case framing.SenderTypeExternal:
		return rankExternal
	}
	return rankNewcomer
}

// inTurn lists the waiting proposals by rank, and those of one rank in the order in which they may displace each other: as they
// came, but the latest Update of a member and the latest GroupContextExtensions before those that they replace, and who leaves
// by itself before any Remove.
func (s *selection) inTurn() []int {
	type slot struct {
		rank int
		leaf framing.LeafIndex
	}
	newer := map[slot]int{}
	all, turn := make([]int, len(s.waiting)), make([]int, len(s.waiting))
	for i, c := range slices.Backward(s.waiting) {
		all[i] = i
		at := slot{rank: s.ranks[i]}
		switch c.proposal.(type) {
		case *framing.Update:
			at.leaf = c.sender.LeafIndex
		case *framing.GroupContextExtensions:
		case *framing.SelfRemove:
			turn[i] = -1
			continue
		default:
			continue
		}
		turn[i] = newer[at]
		newer[at]++
	}
	slices.SortFunc(all, func(i, j int) int {
		return cmp.Or(cmp.Compare(s.ranks[i], s.ranks[j]), cmp.Compare(turn[i], turn[j]), cmp.Compare(i, j))
	})
	return all
}

// chooser tells whether a proposal goes with those that are covered, as far as that shows without trying.
type chooser struct {
	group   *Group
	known   pskIndex
	leaves  map[framing.LeafIndex]bool // that a SelfRemove removes
	removed map[framing.LeafIndex]bool // that a Remove or SelfRemove removes
	updated map[framing.LeafIndex]bool
	clients map[string]bool // signature keys of Adds and Updates
	keys    map[string]bool // init keys and encryption keys of Adds and Updates
	psks    map[pskIdentifier]bool
	context bool // whether there is a GroupContextExtensions
	reInit  bool
	any     bool
}

func newChooser(g *Group, known pskIndex) *chooser {
	return &chooser{
		group: g, known: known,
		leaves: map[framing.LeafIndex]bool{}, removed: map[framing.LeafIndex]bool{}, updated: map[framing.LeafIndex]bool{},
		clients: map[string]bool{}, keys: map[string]bool{}, psks: map[pskIdentifier]bool{},
	}
}

// cover notes that a proposal is covered.
func (c *chooser) cover(p covered) {
	c.any = true
	switch x := p.proposal.(type) {
	case *framing.Update:
		c.updated[p.sender.LeafIndex] = true
		c.coverKeys(&x.LeafNode)
	case *framing.Remove:
		c.removed[x.Removed] = true
	case *framing.SelfRemove:
		c.leaves[p.sender.LeafIndex], c.removed[p.sender.LeafIndex] = true, true
	case *framing.Add:
		c.coverKeys(&x.KeyPackage.LeafNode, x.KeyPackage.InitKey)
	case *framing.PreSharedKey:
		c.psks[identifierOf(x.PSK)] = true
	case *framing.ReInit:
		c.reInit = true
	case *framing.GroupContextExtensions:
		c.context = true
	}
}

func (c *chooser) coverKeys(leaf *framing.LeafNode, more ...ciphersuite.HPKEPublicKey) {
	c.clients[string(leaf.SignatureKey)] = true
	for _, key := range append(more, leaf.EncryptionKey) {
		c.keys[string(key.Canonical())] = true
	}
}

// reject returns why a proposal cannot go with those that are covered, or "".
func (c *chooser) reject(p covered) string {
	if c.reInit {
		return "ReInit stands alone, and one is covered"
	}
	switch x := p.proposal.(type) {
	case *framing.Update:
		return c.rejectUpdate(p.sender.LeafIndex, &x.LeafNode)
	case *framing.Remove:
		return c.rejectRemove(x.Removed)
	case *framing.SelfRemove:
		return c.rejectRemove(p.sender.LeafIndex)
	case *framing.AppDataUpdate:
		return "the component is not known"
	case *framing.Add:
		return c.rejectAdd(x.KeyPackage)
	case *framing.PreSharedKey:
		return c.rejectPSK(x.PSK)
	case *framing.ReInit:
		return because(c.any, "ReInit stands alone, and there are other proposals")
	case *framing.GroupContextExtensions:
		return because(c.context, "other GroupContextExtensions are covered")
	}
	return ""
}

// because returns the reason if it holds.
func because(holds bool, reason string) string {
	if holds {
		return reason
	}
	return ""
}

func (c *chooser) rejectUpdate(i framing.LeafIndex, leaf *framing.LeafNode) string {
	switch {
	case i == c.group.OwnLeaf():
		return "a member does not commit its own Update; the commit's path does the same"
	case c.removed[i]:
		return "the leaf is removed"
	case c.updated[i]:
		return "there is a later Update"
	}
	return c.rejectKeys(leaf)
}

func (c *chooser) rejectRemove(i framing.LeafIndex) string {
	switch {
	case i == c.group.OwnLeaf():
		return "a member does not commit its own removal; another member has to"
	case c.leaves[i]:
		return "the member leaves by itself"
	}
	return because(c.removed[i], "the leaf is removed already")
}

func (c *chooser) rejectAdd(k *framing.KeyPackage) string {
	key := k.LeafNode.SignatureKey
	i, member := c.group.tree.FindSignatureKey(key)
	switch {
	case member && !c.removed[i]:
		return "the client is a member"
	case c.clients[string(key)]:
		return "the same client is added already"
	}
	return c.rejectKeys(&k.LeafNode, k.InitKey)
}

// rejectKeys looks for keys that two covered proposals would bring, of which there may be any number in proposals that are
// valid one by one. Those that are in the tree already show when trying.
func (c *chooser) rejectKeys(leaf *framing.LeafNode, more ...ciphersuite.HPKEPublicKey) string {
	if c.clients[string(leaf.SignatureKey)] {
		return "the same signature key is used already"
	}
	for _, key := range append(more, leaf.EncryptionKey) {
		if c.keys[string(key.Canonical())] {
			return "the same HPKE key is used already"
		}
	}
	return ""
}

func (c *chooser) rejectPSK(id framing.PreSharedKeyID) string {
	if _, ok := c.known[keyName(id)]; c.known != nil && !ok {
		return "the secret of the PSK is not at hand"
	}
	if id.PSKType == framing.PSKTypeResumption && bytes.Equal(id.PSKGroupID, c.group.GroupID()) &&
		id.PSKEpoch < c.group.arrivals.complete() {
		return "some members came after the epoch of the PSK, and could not follow"
	}
	return because(c.psks[identifierOf(id)], "the same PSK is covered already")
}
