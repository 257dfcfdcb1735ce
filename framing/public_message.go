package framing

// RFC 9420, Section 6.2: Encoding and Decoding a Public Message.

import (
	"errors"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// PublicMessage is content that is signed but not encrypted (RFC 9420, Section 6.2). Nothing in it is to be trusted
// before Open has succeeded.
type PublicMessage struct {
	Content       FramedContent
	Auth          FramedContentAuthData
	MembershipTag []byte // when the sender is a member
}

func (*PublicMessage) structName() string { return "PublicMessage" }

func (m *PublicMessage) encode(w *wire.Writer) {
	m.Content.encode(w)
	m.Auth.encode(w, m.Content.ContentType)
	if m.Content.Sender.SenderType == SenderTypeMember {
		w.Opaque(m.MembershipTag)
	}
}

func (m *PublicMessage) decode(r *wire.Reader) {
	read(r.Field("content"), &m.Content)
	m.Auth.decode(r.Field("auth"), m.Content.ContentType)
	m.MembershipTag = nil
	if m.Content.Sender.SenderType == SenderTypeMember {
		m.MembershipTag = r.Field("membership_tag").Opaque()
	}
}

var errMembershipKey = errors.New("framing: a member's PublicMessage needs the membership key")

// SealPublic turns signed content into a PublicMessage (RFC 9420, Section 6.2). membershipKey is that of the content's
// epoch, and is not used unless the sender is a member. It fails with a *RuleError (rule V-FR-06) for content that was
// signed for another wire format.
func (c *AuthenticatedContent) SealPublic(suite *ciphersuite.Suite, membershipKey ciphersuite.Secret) (*PublicMessage, error) {
	if err := c.checkSigned(WireFormatPublicMessage, suite); err != nil {
		return nil, err
	}
	m := &PublicMessage{Content: c.u.Content, Auth: c.u.Auth}
	if c.u.Content.Sender.SenderType != SenderTypeMember {
		return m, nil
	}
	if membershipKey.IsZero() {
		return nil, errMembershipKey
	}
	tbm, err := c.tbm()
	if err != nil {
		return nil, err
	}
	m.MembershipTag = suite.MAC(membershipKey, tbm)
	return m, nil
}

// Open checks the membership tag of a member's message and the signature (RFC 9420, Section 6.2). It fails with a
// *RuleError (rule V-FR-08 for the tag, else as UnverifiedContent.Verify does). Somebody who has no membership key, such
// as a delivery service, uses Unverified and Verify.
func (m *PublicMessage) Open(p VerifyParams) (*AuthenticatedContent, error) {
	c, err := prepare(m.Unverified(), p.GroupContext)
	if err != nil {
		return nil, err
	}
	if m.Content.Sender.SenderType == SenderTypeMember {
		if p.MembershipKey.IsZero() {
			return nil, errMembershipKey
		}
		tbm, err := c.tbm()
		if err != nil {
			return nil, err
		}
		if !p.Suite.VerifyMAC(p.MembershipKey, tbm, m.MembershipTag) {
			return nil, &RuleError{Rule: "V-FR-08", Leaf: m.Content.senderLeaf(), Detail: "membership tag does not verify"}
		}
	}
	if err := c.verify(p); err != nil {
		return nil, err
	}
	return c, nil
}

// Unverified returns the content without its membership tag.
func (m *PublicMessage) Unverified() *UnverifiedContent {
	return &UnverifiedContent{WireFormat: WireFormatPublicMessage, Content: m.Content, Auth: m.Auth}
}

// tbm encodes AuthenticatedContentTBM (RFC 9420, Section 6.2).
func (c *AuthenticatedContent) tbm() ([]byte, error) {
	return encoded(func(w *wire.Writer) {
		w.Raw(c.tbs)
		c.u.Auth.encode(w, c.u.Content.ContentType)
	})
}
