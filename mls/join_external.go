package mls

// RFC 9420, Section 12.4.3.2: Joining via External Commits.

import (
	"fmt"
	"slices"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
)

// JoinExternalParams are a GroupInfo and what it takes to join by it.
type JoinExternalParams struct {
	GroupInfo   []byte // one MLSMessage, with an external_pub extension
	RatchetTree []byte // the data of a ratchet_tree extension, when it is not in the GroupInfo
	Leaf        LeafParams
	// Resync names the client's own former leaf, which the commit removes; nil to join as a new member.
	Resync *framing.LeafIndex
	// ResyncKey names that leaf by its signature key instead, for a client that does not know its leaf index any more.
	ResyncKey         ciphersuite.SignaturePublicKey
	PSKIDs            []framing.PreSharedKeyID // to prove possession of; a PSK without a nonce gets one
	PSKs              PSKs                     // their secrets
	Now               time.Time                // compared with the lifetimes of members' leaves, for Step.Lifetimes; may be zero
	AuthenticatedData []byte
	// SelfRemoves are the proposals of members that leave, each an MLSMessage, as the delivery service has them beside the
	// GroupInfo. The commit covers those that are valid, and Step.Left has the others. Only members can check the membership
	// tag of one: when they do not know it, they answer with a *MissingProposalError, and the client begins again without it.
	SelfRemoves [][]byte
	Groups      [][]byte // ids of the groups that the client is in, as JoinParams has them; not used when it resyncs
	Params      Params
}

// JoinExternal makes an external commit, by which the client adds itself to a group (RFC 9420, Section 12.4.3.2). Next
// has StatusJoining: it can be used after Adopt, or once Handle has processed the commit when it comes back. When another
// commit won, Drop it and begin again with a new GroupInfo. Every credential of the group is in Claims, to be answered
// before the commit is sent.
//
// A client that was in the group before calls [Step.After] with its former Group, lest Versions begin anew and old secrets stay.
// From then on only Next is there: when the commit is refused, begin again, with Resync as long as the former leaf is there.
//
// It fails as Join does, or with ErrNotMember.
func JoinExternal(p JoinExternalParams) (*Step, error) {
	params := p.Params.withDefaults()
	info, suite, err := openGroupInfo(p.GroupInfo, params)
	if err != nil {
		return nil, err
	}
	if p.Resync == nil && p.ResyncKey == nil {
		if err := checkNewGroup(info, p.Groups, "Resync"); err != nil {
			return nil, err
		}
	}
	public, err := importGroup(importParams{suite, params, info, p.RatchetTree})
	if err != nil {
		return nil, err
	}
	if p.ResyncKey != nil {
		leaf, ok := public.tree.FindSignatureKey(p.ResyncKey)
		if !ok {
			return nil, ErrNotMember
		}
		p.Resync = &leaf
	}
	if err := p.checkNotThere(public); err != nil {
		return nil, err
	}
	externalInit, init, err := sendExternalInit(public, info)
	if err != nil {
		return nil, err
	}
	defer init.Erase() // made for this commit alone
	leavers, left := public.judgeSelfRemoves(p.SelfRemoves)
	d, err := p.draft(public, externalInit, leavers)
	if err != nil {
		return nil, err
	}
	d.init = init
	s, err := d.make()
	if err != nil {
		return nil, err
	}
	s.Left = left
	s.Claims = append(public.claimAll(), s.Claims...)
	s.Lifetimes = public.reportLifetimes(p.Now)
	return s, nil
}

// checkNotThere checks that the client comes back by Resync when it has a leaf already (V-LN-18).
func (p *JoinExternalParams) checkNotThere(public *public) error {
	key, err := public.suite.PublicKeyOf(p.Leaf.Signer)
	if err != nil {
		return err
	}
	i, found := public.tree.FindSignatureKey(key)
	if found && (p.Resync == nil || *p.Resync != i) {
		return fail("V-LN-18", i, "the client's signature key is there already: if the leaf is its former self, take its place by Resync")
	}
	return nil
}

// sendExternalInit makes the secret that the newcomer's epoch starts from, and the proposal that brings it to the members.
func sendExternalInit(public *public, info *framing.GroupInfo) (*framing.ExternalInit, keyschedule.InitSecret, error) {
	var pub framing.ExternalPub
	var none keyschedule.InitSecret
	switch found, err := info.Extensions.Get(&pub); {
	case err != nil:
		return nil, none, err
	case !found:
		return nil, none, fail("V-EJ-01", info.Signer, "GroupInfo has no external_pub")
	}
	if err := public.suite.CheckHPKEPublicKey(pub.ExternalPub); err != nil {
		return nil, none, failWith(err, "V-EJ-01", info.Signer, "external_pub")
	}
	kemOutput, init, err := keyschedule.SendExternalInit(public.suite, public.params.rand, pub.ExternalPub)
	return &framing.ExternalInit{KEMOutput: kemOutput}, init, err
}

// judgeSelfRemoves returns the proposals of members that leave, as a commit covers them, and those that cannot be covered.
func (p *public) judgeSelfRemoves(messages [][]byte) (leavers []covered, left []LeftProposal) {
	known := map[framing.LeafIndex]bool{}
	for _, message := range messages {
		s, err := p.judgeSelfRemove(message)
		switch {
		case err != nil && s == nil:
			left = append(left, LeftProposal{nil, err.Error()})
		case err != nil:
			left = append(left, LeftProposal{s.ref, err.Error()})
		case known[s.sender().LeafIndex]:
			left = append(left, LeftProposal{s.ref, "the member leaves already"})
		default:
			known[s.sender().LeafIndex] = true
			leavers = append(leavers, coveredRef(s))
		}
	}
	return leavers, left
}

// judgeSelfRemove checks the SelfRemove of a member, all but its membership tag.
func (p *public) judgeSelfRemove(message []byte) (*storedProposal, error) {
	m, err := decodeAs[*framing.PublicMessage](message, p.params, p.tree.Width())
	if err != nil {
		return nil, err
	}
	if _, leaves := m.Content.Proposal.(*framing.SelfRemove); !leaves {
		return nil, fmt.Errorf("%w: no SelfRemove", ErrUnexpectedMessage)
	}
	if err := p.checkEpoch(m.Content.GroupID, m.Content.Epoch); err != nil {
		return nil, err
	}
	key, err := p.senderKey(m.Content.Sender)
	if err != nil {
		return nil, err
	}
	content, err := m.Unverified().Verify(framing.VerifyParams{Suite: p.suite, SignatureKey: key, GroupContext: &p.context})
	if err != nil {
		return nil, err
	}
	s, err := p.stored(content)
	if err != nil {
		return nil, err
	}
	_, err = p.checkSigned(s.proposal(), s.sender(), time.Time{}, MomentAddSent)
	return s, err
}

// draft returns the beginning of the newcomer's commit. A client that comes back and has said that it leaves is removed by
// that.
func (p *JoinExternalParams) draft(public *public, externalInit *framing.ExternalInit, leavers []covered) (*draft, error) {
	rand := public.params.rand
	proposals := []framing.Proposal{externalInit}
	left := func(c covered) bool { return c.sender.LeafIndex == *p.Resync }
	if p.Resync != nil && !slices.ContainsFunc(leavers, left) {
		proposals = append(proposals, &framing.Remove{Removed: *p.Resync})
	}
	for _, id := range p.PSKIDs {
		psk, err := withNonce(public.suite, rand, &framing.PreSharedKey{PSK: id})
		if err != nil {
			return nil, err
		}
		proposals = append(proposals, psk)
	}
	sender := framing.Sender{SenderType: framing.SenderTypeNewMemberCommit}
	all := leavers
	for _, proposal := range proposals {
		all = append(all, covered{proposal: proposal, sender: sender})
	}
	t, err := public.begin(beginParams{committer: sender, list: newProposalList(all), now: p.Now, sending: true})
	if err != nil {
		return nil, err
	}
	leaf, err := p.Leaf.leaf(public.suite)
	if err != nil {
		return nil, err
	}
	return &draft{
		transition: t, template: leaf, rand: rand, by: p.Leaf.Signer,
		params: &CommitParams{AuthenticatedData: p.AuthenticatedData, PSKs: p.PSKs},
	}, nil
}
