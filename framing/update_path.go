package framing

// RFC 9420, Section 7.6: Update Paths.

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

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

func (*UpdatePathNode) structName() string { return "UpdatePathNode" }

func (n *UpdatePathNode) encode(w *wire.Writer) {
	w.Opaque(n.EncryptionKey)
	w.Vector(func(w *wire.Writer) {
		for _, ct := range n.EncryptedPathSecret {
			writeCiphertext(w, ct)
		}
	})
}

func (n *UpdatePathNode) decode(r *wire.Reader) {
	*n = UpdatePathNode{EncryptionKey: r.Field("encryption_key").Opaque()}
	n.EncryptedPathSecret = readEvery(r.Field("encrypted_path_secret"), func(r *wire.Reader, into *ciphersuite.HPKECiphertext) {
		*into = readCiphertext(r)
	})
}

func (*UpdatePath) structName() string { return "UpdatePath" }

func (p *UpdatePath) encode(w *wire.Writer) {
	p.LeafNode.encode(w)
	writeList(w, p.Nodes)
}

func (p *UpdatePath) decode(r *wire.Reader) {
	read(r.Field("leaf_node"), &p.LeafNode)
	p.Nodes = readList[UpdatePathNode](r.Field("nodes"))
}
