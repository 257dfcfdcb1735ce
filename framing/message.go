package framing

// RFC 9420, Section 6: Message Framing.

import "github.com/copse-mls/copse/internal/wire"

// MessageBody is what a Message carries: *PublicMessage, *PrivateMessage, *Welcome, *GroupInfo or *KeyPackage.
type MessageBody interface {
	Value
	// WireFormat returns the code point that precedes the body in a Message.
	WireFormat() WireFormat
}

// Message is the structure MLSMessage of RFC 9420, Section 6: the outermost one, which clients exchange. Its version
// is always mls10.
type Message struct {
	Body MessageBody
}

// WireFormat returns mls_public_message.
func (*PublicMessage) WireFormat() WireFormat { return WireFormatPublicMessage }

// WireFormat returns mls_private_message.
func (*PrivateMessage) WireFormat() WireFormat { return WireFormatPrivateMessage }

// WireFormat returns mls_welcome.
func (*Welcome) WireFormat() WireFormat { return WireFormatWelcome }

// WireFormat returns mls_group_info.
func (*GroupInfo) WireFormat() WireFormat { return WireFormatGroupInfo }

// WireFormat returns mls_key_package.
func (*KeyPackage) WireFormat() WireFormat { return WireFormatKeyPackage }

// Cut splits the first message off encodings of Message that stand one after another (RFC 9420, Section 6); both parts
// alias data. A message says nowhere how long it is, so that Cut reads it to its end, in time that grows with that message
// and not with what follows. It fails with a *SyntaxError when data does not begin with a message, with
// Incomplete set when it may be the beginning of one, as it is when data is empty. A proposal of a type that RFC 9420
// does not define is read as CustomProposal says.
func Cut(data []byte) (message, rest []byte, err error) { return Bodies(nil).Cut(data) }

// Cut does what the function Cut does, with proposals read as b says.
func (b Bodies) Cut(data []byte) (message, rest []byte, err error) {
	m := new(Message)
	r := wire.NewReader(m.structName(), data)
	r.Grammar = b
	r.Skim()
	if m.decode(r); r.Err() != nil {
		return nil, nil, r.Err()
	}
	n := r.Offset()
	return data[:n:n], data[n:], nil
}

func (*Message) structName() string { return "MLSMessage" }

func (m *Message) encode(w *wire.Writer) {
	if m.Body == nil {
		w.Failf("MLSMessage has no body")
		return
	}
	if k, ok := m.Body.(*KeyPackage); ok && k.Version != MLS10 {
		w.Failf("KeyPackage of version %v in a message of version mls10", k.Version)
	}
	w.Uint16(uint16(MLS10))
	w.Uint16(uint16(m.Body.WireFormat()))
	m.Body.encode(w)
}

func (m *Message) decode(r *wire.Reader) {
	m.Body = nil
	start := r.Offset()
	if v := ProtocolVersion(r.Field("version").Uint16()); v != MLS10 {
		r.FailAt(start, "version is %v, not mls10", v)
	}
	start = r.Offset()
	field := ""
	switch f := WireFormat(r.Field("wire_format").Uint16()); f {
	case WireFormatPublicMessage:
		m.Body, field = new(PublicMessage), "public_message"
	case WireFormatPrivateMessage:
		m.Body, field = new(PrivateMessage), "private_message"
	case WireFormatWelcome:
		m.Body, field = new(Welcome), "welcome"
	case WireFormatGroupInfo:
		m.Body, field = new(GroupInfo), "group_info"
	case WireFormatKeyPackage:
		m.Body, field = new(KeyPackage), "key_package"
	default:
		r.FailAt(start, "unknown wire format %v", f)
		return
	}
	start = r.Offset()
	read(r.Field(field), m.Body)
	// RFC 9420, Section 10: a KeyPackage has the version of the message that carries it.
	if k, ok := m.Body.(*KeyPackage); ok && k.Version != MLS10 {
		r.FailAt(start, "version of the KeyPackage is %v, not mls10", k.Version)
	}
}
