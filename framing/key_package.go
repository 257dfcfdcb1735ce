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
	k.Version = ProtocolVersion(r.Field("version").Uint16())
	k.CipherSuite = ciphersuite.CipherSuite(r.Field("cipher_suite").Uint16())
	k.InitKey = r.Field("init_key").Opaque()
	read(r.Field("leaf_node"), &k.LeafNode)
	k.Extensions = readList[Extension](r.Field("extensions"))
	k.Signature = r.Field("signature").Opaque()
}

// Sign sets the signature (RFC 9420, Section 10). The leaf is signed before. It fails with
// ciphersuite.ErrSigner unless the signer belongs to the leaf's signature key.
func (k *KeyPackage) Sign(p SignParams) error {
	tbs, err := encoded(k.encodeUnsigned)
	if err != nil {
		return err
	}
	signature, err := p.signAs(k.LeafNode.SignatureKey, labelKeyPackageTBS, tbs)
	if err != nil {
		return err
	}
	k.Signature = signature
	return nil
}

// VerifySignature checks the package's signature by its leaf's key, but not the leaf's own signature (RFC 9420,
// Section 10.1). It fails with a *RuleError (rule V-KP-03, or V-KP-01 for a package of another cipher suite).
func (k *KeyPackage) VerifySignature(suite *ciphersuite.Suite) error {
	if err := sameSuite("V-KP-01", suite, k.CipherSuite); err != nil {
		return err
	}
	tbs, err := encoded(k.encodeUnsigned)
	if err != nil {
		return err
	}
	if err := suite.VerifyWithLabel(k.LeafNode.SignatureKey, labelKeyPackageTBS, tbs, k.Signature); err != nil {
		return &RuleError{Rule: "V-KP-03", Leaf: NoLeaf, Detail: "signature of KeyPackage", Err: err}
	}
	return nil
}

// Ref returns the hash by which a Welcome names the package (RFC 9420, Section 5.2). It fails with a *RuleError (rule
// V-KP-01) when suite is not the package's.
func (k *KeyPackage) Ref(suite *ciphersuite.Suite) (KeyPackageRef, error) {
	if err := sameSuite("V-KP-01", suite, k.CipherSuite); err != nil {
		return nil, err
	}
	b, err := Marshal(k)
	if err != nil {
		return nil, err
	}
	return suite.RefHash("MLS 1.0 KeyPackage Reference", b), nil
}
