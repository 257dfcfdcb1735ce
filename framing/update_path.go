package framing

// RFC 9420, Section 7.6: Update Paths.

import "github.com/copse-mls/copse/ciphersuite"

// UpdatePathNode replaces one node of the sender's filtered direct path (RFC 9420, Section 7.6).
type UpdatePathNode struct {
	EncryptionKey       ciphersuite.HPKEPublicKey
	EncryptedPathSecret []ciphersuite.HPKECiphertext
}

// UpdatePath replaces the sender's leaf and filtered direct path (RFC 9420, Section 7.6).
type UpdatePath struct {
	LeafNode LeafNode
	Nodes    []UpdatePathNode
}
