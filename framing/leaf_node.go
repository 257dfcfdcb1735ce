package framing

// RFC 9420, Section 7.2: Leaf Node Contents.

import "github.com/copse-mls/copse/ciphersuite"

// LeafIndex numbers the leaves of a ratchet tree from 0 (RFC 9420, Section 4.1.1).
type LeafIndex uint32

// LeafNodeSource says how a leaf came into the tree (RFC 9420, Section 7.2).
type LeafNodeSource uint8

// The sources of a leaf (RFC 9420, Section 7.2).
const (
	LeafNodeSourceKeyPackage LeafNodeSource = 1
	LeafNodeSourceUpdate     LeafNodeSource = 2
	LeafNodeSourceCommit     LeafNodeSource = 3
)

// Capabilities list what a client understands (RFC 9420, Section 7.2). Default types are not listed.
type Capabilities struct {
	Versions     []ProtocolVersion
	CipherSuites []ciphersuite.CipherSuite
	Extensions   []ExtensionType
	Proposals    []ProposalType
	Credentials  []CredentialType
}

// Lifetime bounds the use of a KeyPackage, in seconds since 1970-01-01 UTC (RFC 9420, Section 7.2).
type Lifetime struct {
	NotBefore uint64
	NotAfter  uint64
}

// LeafNode is a member's leaf in the ratchet tree (RFC 9420, Section 7.2).
type LeafNode struct {
	EncryptionKey  ciphersuite.HPKEPublicKey
	SignatureKey   ciphersuite.SignaturePublicKey
	Credential     Credential
	Capabilities   Capabilities
	LeafNodeSource LeafNodeSource
	Lifetime       Lifetime // when LeafNodeSource is key_package
	ParentHash     []byte   // when LeafNodeSource is commit
	Extensions     Extensions
	Signature      []byte
}
