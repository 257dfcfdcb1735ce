package framing

// RFC 9420, Section 12.4.3.1: Joining via Welcome Message.

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// GroupSecrets is what a Welcome tells one new member in confidence (RFC 9420, Section 12.4.3.1). Decoded by
// Unmarshal, its secrets are the only copies of themselves: whoever decodes it owns and erases them.
type GroupSecrets struct {
	JoinerSecret ciphersuite.Secret
	PathSecret   ciphersuite.Secret // zero when absent
	PSKs         []PreSharedKeyID
}

// EncryptedGroupSecrets are the group secrets for one new member (RFC 9420, Section 12.4.3.1).
type EncryptedGroupSecrets struct {
	NewMember             KeyPackageRef
	EncryptedGroupSecrets ciphersuite.HPKECiphertext
}

// Welcome lets new members into a group (RFC 9420, Section 12.4.3.1).
type Welcome struct {
	CipherSuite        ciphersuite.CipherSuite
	Secrets            []EncryptedGroupSecrets
	EncryptedGroupInfo []byte
}

func (*GroupSecrets) structName() string { return "GroupSecrets" }

func (g *GroupSecrets) encode(w *wire.Writer) {
	w.Opaque(g.JoinerSecret.Bytes())
	w.Optional(!g.PathSecret.IsZero())
	if !g.PathSecret.IsZero() {
		w.Opaque(g.PathSecret.Bytes())
	}
	writeList(w, g.PSKs)
}

func (g *GroupSecrets) decode(r *wire.Reader) {
	*g = GroupSecrets{JoinerSecret: ciphersuite.NewSecret(r.Opaque())}
	if r.Optional() {
		// A path secret has the length of a hash; refusing an empty one lets the zero Secret stand for absence.
		if g.PathSecret = ciphersuite.NewSecret(r.Opaque()); g.PathSecret.IsZero() {
			r.Failf("path_secret is present and empty")
		}
	}
	g.PSKs = readList[PreSharedKeyID](r)
}

func (*EncryptedGroupSecrets) structName() string { return "EncryptedGroupSecrets" }

func (s *EncryptedGroupSecrets) encode(w *wire.Writer) {
	w.Opaque(s.NewMember)
	writeCiphertext(w, s.EncryptedGroupSecrets)
}

func (s *EncryptedGroupSecrets) decode(r *wire.Reader) {
	s.NewMember = r.Opaque()
	s.EncryptedGroupSecrets = readCiphertext(r)
}

func (*Welcome) structName() string { return "Welcome" }

func (m *Welcome) encode(w *wire.Writer) {
	w.Uint16(uint16(m.CipherSuite))
	writeList(w, m.Secrets)
	w.Opaque(m.EncryptedGroupInfo)
}

func (m *Welcome) decode(r *wire.Reader) {
	m.CipherSuite = ciphersuite.CipherSuite(r.Uint16())
	m.Secrets = readList[EncryptedGroupSecrets](r)
	m.EncryptedGroupInfo = r.Opaque()
}
