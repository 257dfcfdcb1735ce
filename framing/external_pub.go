package framing

// RFC 9420, Section 12.4.3.2: Joining via External Commits.

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// ExternalPub is the data of an external_pub extension: the key to which a newcomer's external commit encapsulates
// (RFC 9420, Section 12.4.3.2).
type ExternalPub struct {
	ExternalPub ciphersuite.HPKEPublicKey
}

// ExtensionType returns external_pub.
func (*ExternalPub) ExtensionType() ExtensionType { return ExtensionTypeExternalPub }

func (*ExternalPub) structName() string      { return "ExternalPub" }
func (p *ExternalPub) encode(w *wire.Writer) { w.Opaque(p.ExternalPub) }
func (p *ExternalPub) decode(r *wire.Reader) { p.ExternalPub = r.Field("external_pub").Opaque() }
