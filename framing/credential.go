package framing

// RFC 9420, Section 5.3: Credentials.

import "github.com/copse-mls/copse/internal/wire"

// Credential states who holds a signature key (RFC 9420, Section 5.3). What it means is for the application's
// authentication service to decide.
type Credential struct {
	Type         CredentialType
	Identity     []byte   // when Type is basic
	Certificates [][]byte // DER, end entity first, when Type is x509
	Data         []byte   // for every other Type: the body, which is one opaque<V>
}

// BasicCredential returns a credential that asserts identity and nothing more (RFC 9420, Section 5.3).
func BasicCredential(identity []byte) Credential {
	return Credential{Type: CredentialTypeBasic, Identity: identity}
}

// X509Credential returns the credential of a chain of DER certificates, end entity first (RFC 9420, Section 5.3).
func X509Credential(certificates ...[]byte) Credential {
	return Credential{Type: CredentialTypeX509, Certificates: certificates}
}

func (*Credential) structName() string { return "Credential" }

func (c *Credential) encode(w *wire.Writer) {
	w.Uint16(uint16(c.Type))
	switch c.Type {
	case CredentialTypeBasic:
		w.Opaque(c.Identity)
	case CredentialTypeX509:
		w.Vector(func(w *wire.Writer) {
			for _, cert := range c.Certificates {
				w.Opaque(cert)
			}
		})
	default:
		w.Opaque(c.Data)
	}
}

func (c *Credential) decode(r *wire.Reader) {
	*c = Credential{Type: CredentialType(r.Field("credential_type").Uint16())}
	switch c.Type {
	case CredentialTypeBasic:
		c.Identity = r.Field("identity").Opaque()
	case CredentialTypeX509:
		c.Certificates = readEvery(r.Field("certificates"), func(r *wire.Reader, into *[]byte) { *into = r.Opaque() })
	default:
		c.Data = r.Field("credential_data").Opaque()
	}
}
