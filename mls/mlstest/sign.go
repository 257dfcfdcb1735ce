package mlstest

// RFC 9420, Section 5.1.2: Signing, without any check of the structure or the signer.

import (
	"crypto"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// SignLeaf signs a leaf, as if it belonged to groupID and index where its source asks for that.
func SignLeaf(t TB, suite *ciphersuite.Suite, signer crypto.Signer, leaf *framing.LeafNode, in []byte, i framing.LeafIndex) {
	t.Helper()
	signed, err := leaf.SignedMessage(in, i)
	must(t, err, "leaf")
	leaf.Signature, err = suite.Sign(Rand(string(signed.Message)), signer, signed.Message)
	must(t, err, "signing a leaf")
}

// SignKeyPackage signs a KeyPackage, but not its leaf.
func SignKeyPackage(t TB, suite *ciphersuite.Suite, signer crypto.Signer, k *framing.KeyPackage) {
	t.Helper()
	signed, err := k.SignedMessage()
	must(t, err, "KeyPackage")
	k.Signature, err = suite.Sign(Rand(string(signed.Message)), signer, signed.Message)
	must(t, err, "signing a KeyPackage")
}

// ForgeKeyPackage makes a KeyPackage of the client's. leaf, unless nil, changes its leaf before the client's signer signs
// that, and whole, unless nil, changes the KeyPackage before the signer signs it.
func (c *Party) ForgeKeyPackage(t TB, leaf func(*framing.LeafNode), whole func(*framing.KeyPackage)) *framing.KeyPackage {
	t.Helper()
	k := c.KeyPackage(t).KeyPackage
	if leaf != nil {
		leaf(&k.LeafNode)
		SignLeaf(t, c.Suite, c.Signer, &k.LeafNode, nil, framing.NoLeaf)
	}
	if whole != nil {
		whole(k)
	}
	SignKeyPackage(t, c.Suite, c.Signer, k)
	return k
}

// SignGroupInfo signs a GroupInfo.
func SignGroupInfo(t TB, suite *ciphersuite.Suite, signer crypto.Signer, info *framing.GroupInfo) {
	t.Helper()
	must(t, info.Sign(framing.SignParams{Suite: suite, Rand: Rand("group info"), Signer: signer}), "signing a GroupInfo")
}

// Marshal encodes a structure of package framing.
func Marshal(t TB, v framing.Value) []byte {
	t.Helper()
	b, err := framing.Marshal(v)
	must(t, err, "encoding")
	return b
}

// Message encodes a body as MLSMessage.
func Message(t TB, body framing.MessageBody) []byte {
	t.Helper()
	return Marshal(t, &framing.Message{Body: body})
}

// Parse decodes an MLSMessage, whose body has to be of type B.
func Parse[B framing.MessageBody](t TB, message []byte) B {
	t.Helper()
	var m framing.Message
	must(t, framing.Unmarshal(message, &m), "decoding")
	body, ok := m.Body.(B)
	if !ok {
		t.Fatalf("mlstest: message is %T", m.Body)
	}
	return body
}
