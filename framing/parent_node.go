package framing

// RFC 9420, Section 7.1: Parent Node Contents.

import "github.com/copse-mls/copse/ciphersuite"

// ParentNode is an intermediate node of the ratchet tree (RFC 9420, Section 7.1).
type ParentNode struct {
	EncryptionKey  ciphersuite.HPKEPublicKey
	ParentHash     []byte
	UnmergedLeaves []LeafIndex // strictly increasing in a valid tree
}
