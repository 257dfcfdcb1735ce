package framing

// RFC 9420, Section 10: Key Packages.

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// KeyPackageRef identifies a KeyPackage by its hash (RFC 9420, Section 5.2).
type KeyPackageRef []byte

// KeyPackage is what a client publishes so that others can add it to groups (RFC 9420, Section 10).
type KeyPackage struct {
	Version     ProtocolVersion
	CipherSuite ciphersuite.CipherSuite
	InitKey     ciphersuite.HPKEPublicKey
	LeafNode    LeafNode
	Extensions  Extensions
	Signature   []byte
}

func (*KeyPackage) structName() string { return "KeyPackage" }

func (k *KeyPackage) encode(w *wire.Writer) {
	k.encodeUnsigned(w)
	w.Opaque(k.Signature)
}

// encodeUnsigned writes KeyPackageTBS.
func (k *KeyPackage) encodeUnsigned(w *wire.Writer) {
	w.Uint16(uint16(k.Version))
	w.Uint16(uint16(k.CipherSuite))
	w.Opaque(k.InitKey)
	k.LeafNode.encode(w)
	writeList(w, k.Extensions)
}

func (k *KeyPackage) decode(r *wire.Reader) {
	k.Version = ProtocolVersion(r.Uint16())
	k.CipherSuite = ciphersuite.CipherSuite(r.Uint16())
	k.InitKey = r.Opaque()
	read(r, &k.LeafNode)
	k.Extensions = readList[Extension](r)
	k.Signature = r.Opaque()
}
