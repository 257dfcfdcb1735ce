package framing

// RFC 9420, Section 6: Message Framing.

import "github.com/copse-mls/copse/internal/wire"

// MessageBody is what a Message carries: *PublicMessage, *PrivateMessage, *Welcome, *GroupInfo or *KeyPackage.
type MessageBody interface {
	Value
	// WireFormat is the code point that precedes the body in a Message.
	WireFormat() WireFormat
}

// Message is the structure MLSMessage of RFC 9420, Section 6: the outermost one, which clients exchange. Its version
// is always mls10.
type Message struct {
	Body MessageBody
}

// WireFormat is mls_public_message.
func (*PublicMessage) WireFormat() WireFormat { return WireFormatPublicMessage }

// WireFormat is mls_private_message.
func (*PrivateMessage) WireFormat() WireFormat { return WireFormatPrivateMessage }

// WireFormat is mls_welcome.
func (*Welcome) WireFormat() WireFormat { return WireFormatWelcome }

// WireFormat is mls_group_info.
func (*GroupInfo) WireFormat() WireFormat { return WireFormatGroupInfo }

// WireFormat is mls_key_package.
func (*KeyPackage) WireFormat() WireFormat { return WireFormatKeyPackage }

func (*Message) structName() string { return "MLSMessage" }

func (m *Message) encode(w *wire.Writer) {
	if m.Body == nil {
		w.Failf("MLSMessage has no body")
		return
	}
	w.Uint16(uint16(MLS10))
	w.Uint16(uint16(m.Body.WireFormat()))
	m.Body.encode(w)
}

func (m *Message) decode(r *wire.Reader) {
	m.Body = nil
	if v := ProtocolVersion(r.Uint16()); v != MLS10 {
		r.Failf("version is %v, not mls10", v)
	}
	switch f := WireFormat(r.Uint16()); f {
	case WireFormatPublicMessage:
		m.Body = new(PublicMessage)
	case WireFormatPrivateMessage:
		m.Body = new(PrivateMessage)
	case WireFormatWelcome:
		m.Body = new(Welcome)
	case WireFormatGroupInfo:
		m.Body = new(GroupInfo)
	case WireFormatKeyPackage:
		m.Body = new(KeyPackage)
	default:
		r.Failf("unknown wire format %v", f)
		return
	}
	read(r, m.Body)
}
