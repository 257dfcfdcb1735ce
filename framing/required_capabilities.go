package framing

// RFC 9420, Section 11.1: Required Capabilities.

import "github.com/copse-mls/copse/internal/wire"

// RequiredCapabilities is the data of a required_capabilities extension: what every member must support (RFC 9420,
// Section 11.1).
type RequiredCapabilities struct {
	ExtensionTypes  []ExtensionType
	ProposalTypes   []ProposalType
	CredentialTypes []CredentialType
}

// ExtensionType returns required_capabilities.
func (*RequiredCapabilities) ExtensionType() ExtensionType { return ExtensionTypeRequiredCapabilities }

func (*RequiredCapabilities) structName() string { return "RequiredCapabilities" }

func (c *RequiredCapabilities) encode(w *wire.Writer) {
	writeNumbers(w, 2, c.ExtensionTypes)
	writeNumbers(w, 2, c.ProposalTypes)
	writeNumbers(w, 2, c.CredentialTypes)
}

func (c *RequiredCapabilities) decode(r *wire.Reader) {
	c.ExtensionTypes = readNumbers[ExtensionType](r.Field("extension_types"), 2)
	c.ProposalTypes = readNumbers[ProposalType](r.Field("proposal_types"), 2)
	c.CredentialTypes = readNumbers[CredentialType](r.Field("credential_types"), 2)
}
