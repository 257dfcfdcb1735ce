package framing

// RFC 9420, Section 7.1: Parent Node Contents.

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// ParentNode is an intermediate node of the ratchet tree (RFC 9420, Section 7.1).
type ParentNode struct {
	EncryptionKey  ciphersuite.HPKEPublicKey
	ParentHash     []byte
	UnmergedLeaves []LeafIndex // strictly increasing in a valid tree
}

func (*ParentNode) structName() string { return "ParentNode" }

func (p *ParentNode) encode(w *wire.Writer) {
	w.Opaque(p.EncryptionKey)
	w.Opaque(p.ParentHash)
	writeNumbers(w, 4, p.UnmergedLeaves)
}

func (p *ParentNode) decode(r *wire.Reader) {
	p.EncryptionKey = r.Field("encryption_key").Opaque()
	p.ParentHash = r.Field("parent_hash").Opaque()
	p.UnmergedLeaves = readNumbers[LeafIndex](r.Field("unmerged_leaves"), 4)
}
