package mls

// RFC 9420, Section 6: Message Framing. What can be read of a message without any key.

import (
	"bytes"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// MessageInfo is what anybody can read of an MLSMessage: enough to route it, but not verified. Fields that a kind of
// message does not have are zero.
type MessageInfo struct {
	WireFormat  framing.WireFormat
	CipherSuite ciphersuite.CipherSuite // of a Welcome, a GroupInfo or a KeyPackage
	GroupID     []byte                  // of all but a Welcome and a KeyPackage
	Epoch       framing.Epoch           // goes with GroupID; a commit leads to the one after it
	ContentType framing.ContentType     // of a PublicMessage or PrivateMessage
	Sender      *framing.Sender         // of a PublicMessage
	// KeyPackages are the references of a Welcome's recipients, or the one of a KeyPackage of a cipher suite that
	// ciphersuite.New knows.
	KeyPackages []framing.KeyPackageRef
	// Proposals are the proposals that a commit in a PublicMessage covers by reference.
	Proposals []framing.ProposalRef
}

// Peek returns what anybody can read of an MLSMessage, for a client to find the group that it is for, and for a delivery
// service to route it (RFC 9420, Section 6). It uses no key, and verifies nothing. It fails with a *SyntaxError, or by rule
// V-WIRE-13 when the message exceeds the limits of the zero Params. Params.Peek has others.
func Peek(message []byte) (MessageInfo, error) { return Params{}.Peek(message) }

// Peek returns what the function Peek does, within the limits of p, and with proposals read as p.ProposalBodies says. It does
// not know the group, so that MaxContent alone bounds what it reads of a group's messages. Set that to what Handle takes in
// groups of more than 100,000 members, whose commits can be larger.
func (p Params) Peek(message []byte) (MessageInfo, error) {
	body, err := decodeMessage(message, p.withDefaults(), 0)
	if err != nil {
		return MessageInfo{}, err
	}
	info := MessageInfo{WireFormat: body.WireFormat()}
	switch m := body.(type) {
	case *framing.PublicMessage:
		c := &m.Content
		info.GroupID, info.Epoch, info.ContentType, info.Sender = present(c.GroupID), c.Epoch, c.ContentType, &c.Sender
		if c.Commit != nil {
			info.Proposals = referencesOf(c.Commit)
		}
	case *framing.PrivateMessage:
		info.GroupID, info.Epoch, info.ContentType = present(m.GroupID), m.Epoch, m.ContentType
	case *framing.GroupInfo:
		c := &m.GroupContext
		info.CipherSuite, info.GroupID, info.Epoch = c.CipherSuite, present(c.GroupID), c.Epoch
	case *framing.Welcome:
		info.CipherSuite = m.CipherSuite
		info.KeyPackages = make([]framing.KeyPackageRef, len(m.Secrets))
		for i, s := range m.Secrets {
			info.KeyPackages[i] = s.NewMember
		}
	case *framing.KeyPackage:
		info.CipherSuite = m.CipherSuite
		suite, err := ciphersuite.New(m.CipherSuite)
		if err != nil {
			break // without its suite no reference can be computed
		}
		ref, err := m.Ref(suite)
		if err != nil {
			return MessageInfo{}, err
		}
		info.KeyPackages = []framing.KeyPackageRef{ref}
	}
	return info, nil
}

// present returns a group id that is not nil, be it of no bytes.
func present(id []byte) []byte {
	if id == nil {
		return []byte{}
	}
	return id
}

// referencesOf lists the proposals that a commit covers by reference.
func referencesOf(c *framing.Commit) (refs []framing.ProposalRef) {
	for _, p := range c.Proposals {
		if p.Proposal == nil {
			refs = append(refs, p.Reference)
		}
	}
	return refs
}

// decodeMessage reads an MLSMessage within the limits of params. leaves is the width of the group's tree, 0 when no group is
// known.
func decodeMessage(message []byte, params *Params, leaves uint32) (framing.MessageBody, error) {
	if err := params.limitSize(message, leaves); err != nil {
		return nil, err
	}
	var m framing.Message
	if err := params.ProposalBodies.Unmarshal(message, &m); err != nil {
		return nil, orBare(message, err)
	}
	return m.Body, params.limitMessage(m.Body)
}

// maxBare bounds what is decoded a second time to explain why it is no message.
const maxBare = 1 << 20

// orBare returns err, which says why data is no MLSMessage, or an error that says what it looks like: some send the structure
// in a message without the header in front.
func orBare(data []byte, err error) error {
	if len(data) > maxBare {
		return err
	}
	for _, bare := range []struct {
		name string
		body framing.MessageBody
	}{{"KeyPackage", new(framing.KeyPackage)}, {"Welcome", new(framing.Welcome)}, {"GroupInfo", new(framing.GroupInfo)}} {
		if framing.Unmarshal(data, bare.body) == nil {
			return &SyntaxError{Struct: "MLSMessage", Reason: fmt.Sprintf("it looks like a bare %s, expected it after the header %04x %04x",
				bare.name, uint16(framing.MLS10), uint16(bare.body.WireFormat()))}
		}
	}
	return err
}

// decodeAs does what decodeMessage does, for one kind of message. It fails with ErrUnexpectedMessage for any other.
func decodeAs[B framing.MessageBody](message []byte, params *Params, leaves uint32) (B, error) {
	var none B
	body, err := decodeMessage(message, params, leaves)
	if err != nil {
		return none, err
	}
	b, ok := body.(B)
	if !ok {
		return none, fmt.Errorf("%w: %v, expected %v", ErrUnexpectedMessage, body.WireFormat(), none.WireFormat())
	}
	return b, nil
}

// checkEpoch checks that a message's group and epoch are the present ones.
func (p *public) checkEpoch(groupID []byte, epoch framing.Epoch) error {
	switch {
	case !bytes.Equal(groupID, p.context.GroupID):
		return ErrWrongGroup
	case epoch < p.context.Epoch:
		return ErrOldEpoch
	case epoch > p.context.Epoch:
		return ErrFutureEpoch
	}
	return nil
}

// senderKey returns the key that verifies content of a sender; nil for newcomers, whose key is in the content.
func (p *public) senderKey(s framing.Sender) (ciphersuite.SignaturePublicKey, error) {
	switch s.SenderType {
	case framing.SenderTypeMember:
		key := p.tree.SignatureKey(s.LeafIndex)
		if key == nil {
			return nil, fail("V-FR-05", s.LeafIndex, "sender is a blank leaf or outside the tree")
		}
		return key, nil
	case framing.SenderTypeExternal:
		senders, err := p.senders()
		if err != nil {
			return nil, err
		}
		if int64(s.SenderIndex) >= int64(len(senders)) {
			return nil, fail("V-FR-11", framing.NoLeaf, "external sender %d of %d", s.SenderIndex, len(senders))
		}
		return senders[s.SenderIndex].SignatureKey, nil
	}
	return nil, nil
}

// stored returns authentic content as a proposal to store, with its references (RFC 9420, Section 5.2).
func (p *public) stored(content *framing.AuthenticatedContent) (*storedProposal, error) {
	ref, err := content.ProposalRef(p.suite)
	if err != nil {
		return nil, err
	}
	s := &storedProposal{ref: ref, content: content}
	if twin := p.suite.TwinSignature(content.Auth().Signature); twin != nil {
		other := content.Unverified()
		other.Auth.Signature = twin
		s.twin, err = other.ProposalRef(p.suite)
	}
	return s, err
}

// declines reports whether a proposal that arrives does not wait for a commit unless it is admitted.
func (p *Params) declines(s *storedProposal) bool {
	return s.fromNewcomer() && p.NewcomerProposals != NewcomerProposalsWait
}

// proposalReceived returns the Event for a proposal.
func (p *public) proposalReceived(s *storedProposal, declined, again bool) *ProposalReceived {
	c := s.content.Content()
	return &ProposalReceived{Ref: s.ref, Sender: c.Sender, From: p.senderIdentity(c.Sender, c.Proposal), Proposal: c.Proposal,
		AuthenticatedData: c.AuthenticatedData, Again: again, Declined: declined}
}
