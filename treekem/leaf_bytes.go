package treekem

// RFC 9420, Section 7.2: Leaf Node Contents, read from the wire form that a block holds.

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// leafKeys reads the first two fields of a leaf. raw was decoded once before it entered a block, so its form is good.
func leafKeys(raw []byte) (ciphersuite.HPKEPublicKey, ciphersuite.SignaturePublicKey) {
	encryption, rest := cutOpaque(raw)
	signature, _ := cutOpaque(rest)
	return encryption, signature
}

// leafScan points at the parts of a leaf's wire form that tree checks need.
type leafScan struct {
	source     framing.LeafNodeSource
	parentHash []byte // when source is commit
	unsigned   []byte // everything before the signature
	key        ciphersuite.SignaturePublicKey
	signature  []byte
}

// scanLeaf finds the parts of a leaf without decoding it.
func scanLeaf(raw []byte) leafScan {
	var s leafScan
	_, rest := cutOpaque(raw)
	s.key, rest = cutOpaque(rest)
	_, rest = cutOpaque(rest[2:]) // a credential of any type is its type and one vector
	for range 5 {                 // the lists of capabilities
		_, rest = cutOpaque(rest)
	}
	s.source, rest = framing.LeafNodeSource(rest[0]), rest[1:]
	switch s.source {
	case framing.LeafNodeSourceKeyPackage:
		rest = rest[16:] // lifetime
	case framing.LeafNodeSourceCommit:
		s.parentHash, rest = cutOpaque(rest)
	}
	_, rest = cutOpaque(rest) // extensions
	s.unsigned = raw[:len(raw)-len(rest)]
	s.signature, _ = cutOpaque(rest)
	return s
}

// cutOpaque splits a vector of opaque bytes from the front of a good encoding.
func cutOpaque(b []byte) (value, rest []byte) {
	size := 1 << (b[0] >> 6)
	n := int(b[0] & 0x3f)
	for _, c := range b[1:size] {
		n = n<<8 | int(c)
	}
	return b[size : size+n : size+n], b[size+n:]
}

// decodeLeaf decodes a leaf that a block holds. The result aliases the block, which never changes.
func decodeLeaf(raw []byte) *framing.LeafNode {
	leaf := new(framing.LeafNode)
	if err := framing.UnmarshalShared(raw, leaf); err != nil {
		// Only bytes that were decoded or encoded by framing come into a block.
		panic("treekem: stored leaf does not decode: " + err.Error())
	}
	return leaf
}
