package framing

// RFC 9420, Section 12.1.8.1: External Senders Extension.

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// ExternalSender may send proposals to a group without being a member (RFC 9420, Section 12.1.8.1).
type ExternalSender struct {
	SignatureKey ciphersuite.SignaturePublicKey
	Credential   Credential
}

// ExternalSenders is the data of an external_senders extension; Sender.SenderIndex points into it (RFC 9420,
// Section 12.1.8.1).
type ExternalSenders []ExternalSender

// ExtensionType returns external_senders.
func (*ExternalSenders) ExtensionType() ExtensionType { return ExtensionTypeExternalSenders }

func (*ExternalSenders) structName() string      { return "ExternalSenders" }
func (s *ExternalSenders) encode(w *wire.Writer) { writeList(w, *s) }
func (s *ExternalSenders) decode(r *wire.Reader) {
	*s = readList[ExternalSender](r.Field("external_senders"))
}

func (*ExternalSender) structName() string { return "ExternalSender" }

func (s *ExternalSender) encode(w *wire.Writer) {
	w.Opaque(s.SignatureKey)
	s.Credential.encode(w)
}

func (s *ExternalSender) decode(r *wire.Reader) {
	s.SignatureKey = r.Field("signature_key").Opaque()
	read(r.Field("credential"), &s.Credential)
}
