package framing

// RFC 9420, Section 7.2: Leaf Node Contents.

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// LeafNodeSource says how a leaf came into the tree (RFC 9420, Section 7.2).
type LeafNodeSource uint8

// The sources of a leaf (RFC 9420, Section 7.2).
const (
	LeafNodeSourceKeyPackage LeafNodeSource = 1
	LeafNodeSourceUpdate     LeafNodeSource = 2
	LeafNodeSourceCommit     LeafNodeSource = 3
)

// String returns the source's name in RFC 9420, or its value in hexadecimal.
func (s LeafNodeSource) String() string { return codeName(s, "key_package", "update", "commit") }

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

func (*Capabilities) structName() string { return "Capabilities" }

func (c *Capabilities) encode(w *wire.Writer) {
	writeNumbers(w, 2, c.Versions)
	writeNumbers(w, 2, c.CipherSuites)
	writeNumbers(w, 2, c.Extensions)
	writeNumbers(w, 2, c.Proposals)
	writeNumbers(w, 2, c.Credentials)
}

func (c *Capabilities) decode(r *wire.Reader) {
	c.Versions = readNumbers[ProtocolVersion](r.Field("versions"), 2)
	c.CipherSuites = readNumbers[ciphersuite.CipherSuite](r.Field("cipher_suites"), 2)
	c.Extensions = readNumbers[ExtensionType](r.Field("extensions"), 2)
	c.Proposals = readNumbers[ProposalType](r.Field("proposals"), 2)
	c.Credentials = readNumbers[CredentialType](r.Field("credentials"), 2)
}

func (*Lifetime) structName() string { return "Lifetime" }

func (l *Lifetime) encode(w *wire.Writer) {
	w.Uint64(l.NotBefore)
	w.Uint64(l.NotAfter)
}

func (l *Lifetime) decode(r *wire.Reader) {
	*l = Lifetime{NotBefore: r.Field("not_before").Uint64(), NotAfter: r.Field("not_after").Uint64()}
}

func (*LeafNode) structName() string { return "LeafNode" }

func (l *LeafNode) encode(w *wire.Writer) {
	l.encodeUnsigned(w)
	w.Opaque(l.Signature)
}

// encodeUnsigned writes all fields above the signature, with which LeafNodeTBS begins.
func (l *LeafNode) encodeUnsigned(w *wire.Writer) {
	w.Opaque(l.EncryptionKey)
	w.Opaque(l.SignatureKey)
	l.Credential.encode(w)
	l.Capabilities.encode(w)
	writeEnum(w, LeafNodeSourceCommit, l.LeafNodeSource)
	switch l.LeafNodeSource {
	case LeafNodeSourceKeyPackage:
		l.Lifetime.encode(w)
	case LeafNodeSourceCommit:
		w.Opaque(l.ParentHash)
	}
	writeList(w, l.Extensions)
}

func (l *LeafNode) decode(r *wire.Reader) {
	l.EncryptionKey = r.Field("encryption_key").Opaque()
	l.SignatureKey = r.Field("signature_key").Opaque()
	read(r.Field("credential"), &l.Credential)
	read(r.Field("capabilities"), &l.Capabilities)
	l.LeafNodeSource = readEnum(r.Field("leaf_node_source"), LeafNodeSourceCommit)
	l.Lifetime, l.ParentHash = Lifetime{}, nil
	switch l.LeafNodeSource {
	case LeafNodeSourceKeyPackage:
		read(r.Field("lifetime"), &l.Lifetime)
	case LeafNodeSourceCommit:
		l.ParentHash = r.Field("parent_hash").Opaque()
	}
	l.Extensions = readList[Extension](r.Field("extensions"))
	l.Signature = r.Field("signature").Opaque()
}

// Sign sets the signature, which for the sources update and commit covers groupID and index too, and for key_package
// ignores them (RFC 9420, Section 7.2). It fails with ciphersuite.ErrSigner unless the signer belongs to
// l.SignatureKey.
func (l *LeafNode) Sign(p SignParams, groupID []byte, index LeafIndex) error {
	tbs, err := l.tbs(groupID, index)
	if err != nil {
		return err
	}
	signature, err := p.signAs(l.SignatureKey, labelLeafNodeTBS, tbs)
	if err != nil {
		return err
	}
	l.Signature = signature
	return nil
}

// VerifySignature checks the signature by the leaf's own key (RFC 9420, Section 7.2). groupID and index are not used
// when the source is key_package. It fails with a *RuleError (rule V-LN-04).
func (l *LeafNode) VerifySignature(suite *ciphersuite.Suite, groupID []byte, index LeafIndex) error {
	tbs, err := l.tbs(groupID, index)
	if err != nil {
		return err
	}
	if err := suite.VerifyWithLabel(l.SignatureKey, labelLeafNodeTBS, tbs, l.Signature); err != nil {
		if l.LeafNodeSource == LeafNodeSourceKeyPackage {
			index = NoLeaf
		}
		return &RuleError{Rule: "V-LN-04", Leaf: index, Detail: "signature of leaf", Err: err}
	}
	return nil
}

// tbs encodes LeafNodeTBS (RFC 9420, Section 7.2).
func (l *LeafNode) tbs(groupID []byte, index LeafIndex) ([]byte, error) {
	return encoded(func(w *wire.Writer) {
		l.encodeUnsigned(w)
		if l.LeafNodeSource != LeafNodeSourceKeyPackage {
			w.Opaque(groupID)
			w.Uint32(uint32(index))
		}
	})
}
