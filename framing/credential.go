package framing

// RFC 9420, Section 5.3: Credentials.

// Credential states who holds a signature key (RFC 9420, Section 5.3).
type Credential struct {
	Type         CredentialType
	Identity     []byte   // when Type is basic
	Certificates [][]byte // DER, end entity first, when Type is x509
	Unknown      []byte   // everything after the type, for other types; see credential codec
}
