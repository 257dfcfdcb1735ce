package framing

// RFC 9420, Section 5.1.2: signatures to be verified in batches.

import "github.com/copse-mls/copse/ciphersuite"

// SignedMessage returns the package's signature for ciphersuite's VerifyBatch, not the leaf's own (RFC 9420, Section
// 10.1). The caller compares the cipher suite beforehand.
func (k *KeyPackage) SignedMessage() (ciphersuite.SignedMessage, error) {
	tbs, err := encoded(k.encodeUnsigned)
	return signedMessage(k.LeafNode.SignatureKey, labelKeyPackageTBS, tbs, k.Signature), err
}

// SignedMessage returns the leaf's signature for ciphersuite's VerifyBatch (RFC 9420, Section 7.2). groupID and index
// count unless the leaf came with a KeyPackage.
func (l *LeafNode) SignedMessage(groupID []byte, index LeafIndex) (ciphersuite.SignedMessage, error) {
	tbs, err := l.tbs(groupID, index)
	return signedMessage(l.SignatureKey, labelLeafNodeTBS, tbs, l.Signature), err
}

func signedMessage(key ciphersuite.SignaturePublicKey, label string, tbs, signature []byte) ciphersuite.SignedMessage {
	return ciphersuite.SignedMessage{Key: key, Message: ciphersuite.AppendSignContent(nil, label, tbs), Signature: signature}
}
