package framing

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// BenchmarkWalkRatchetTree reads a tree of 10,000 leaves of common shape; divide ns/op by 10,000 for one member.
func BenchmarkWalkRatchetTree(b *testing.B) {
	const leaves = 10_000
	leaf := marshal(b, &LeafNode{
		EncryptionKey: make([]byte, 32), SignatureKey: make([]byte, 32), Credential: BasicCredential(make([]byte, 16)),
		Capabilities: Capabilities{
			Versions: []ProtocolVersion{MLS10}, CipherSuites: ciphersuite.All(), Credentials: []CredentialType{1, 2},
		},
		LeafNodeSource: LeafNodeSourceKeyPackage, Signature: make([]byte, 64),
	})
	parent := marshal(b, &ParentNode{EncryptionKey: make([]byte, 32), ParentHash: make([]byte, 32)})
	var content []byte
	for range leaves {
		content = RawNode{Type: NodeTypeParent, Raw: parent}.Append(RawNode{Type: NodeTypeLeaf, Raw: leaf}.Append(content))
	}
	data := append(wire.AppendLength(nil, len(content)), content...)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		n, err := WalkRatchetTree(data, func(int, RawNode) error { return nil })
		require.NoError(b, err)
		require.Equal(b, 2*leaves, n)
	}
}
