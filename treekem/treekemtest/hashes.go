package treekemtest

// RFC 9420, Sections 7.8 and 7.9: Tree Hashes and Parent Hashes.

import (
	"encoding/binary"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
)

// HashLeaf returns the tree hash of leaf i (RFC 9420, Section 7.8), of a blank one when leaf is nil.
func HashLeaf(suite *ciphersuite.Suite, i framing.LeafIndex, leaf *framing.LeafNode) []byte {
	in := binary.BigEndian.AppendUint32([]byte{byte(framing.NodeTypeLeaf)}, uint32(i))
	if leaf == nil {
		return suite.Hash(nil, append(in, 0))
	}
	return suite.Hash(nil, mustAppend(append(in, 1), leaf))
}

// HashParent returns the tree hash of a parent over its children's (RFC 9420, Section 7.8), of a blank one when parent
// is nil.
func HashParent(suite *ciphersuite.Suite, parent *framing.ParentNode, left, right []byte) []byte {
	in := []byte{byte(framing.NodeTypeParent), 0}
	if parent != nil {
		in[1] = 1
		in = mustAppend(in, parent)
	}
	return suite.Hash(nil, appendOpaque(appendOpaque(in, left), right))
}

// ParentHash returns the parent hash that a parent gives to its child (RFC 9420, Section 7.9). sibling is the original
// tree hash of the child on the other side.
func ParentHash(suite *ciphersuite.Suite, parent *framing.ParentNode, sibling []byte) []byte {
	in := appendOpaque(appendOpaque(nil, parent.EncryptionKey), parent.ParentHash)
	return suite.Hash(nil, appendOpaque(in, sibling))
}

func appendOpaque(dst, b []byte) []byte { return append(wire.AppendLength(dst, len(b)), b...) }

// mustAppend encodes what the package itself made.
func mustAppend(dst []byte, v framing.Value) []byte {
	out, err := framing.Append(dst, v)
	if err != nil {
		panic("treekemtest: " + err.Error())
	}
	return out
}
