package framing

// RFC 9420, Section 6.2: Encoding and Decoding a Public Message.

import "github.com/copse-mls/copse/internal/wire"

// PublicMessage is content that is signed but not encrypted (RFC 9420, Section 6.2). Nothing in it is to be trusted
// before OpenPublic has succeeded.
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
	read(r, &m.Content)
	m.Auth.decode(r, m.Content.ContentType)
	m.MembershipTag = nil
	if m.Content.Sender.SenderType == SenderTypeMember {
		m.MembershipTag = r.Opaque()
	}
}
