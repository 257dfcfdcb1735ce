package framing

// RFC 9420, Section 17: code points.

// ProtocolVersion is a version of MLS (RFC 9420, Section 6).
type ProtocolVersion uint16

// MLS10 is the version that RFC 9420 defines.
const MLS10 ProtocolVersion = 1

// CredentialType is the code point of a kind of credential (RFC 9420, Section 17.5).
type CredentialType uint16

// ExtensionType is the code point of an extension (RFC 9420, Section 17.3).
type ExtensionType uint16

// ProposalType is the code point of a kind of proposal (RFC 9420, Section 17.4).
type ProposalType uint16
