package framing

import (
	"bytes"
	"math"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// allocated returns how many bytes a call allocates, those that are freed at once among them.
func allocated(call func()) int {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return int(after.TotalAlloc - before.TotalAlloc)
}

// shaper writes an encoding again with other sizes.
type shaper struct {
	data   []byte
	spans  []Span
	opaque int         // bytes that are left of each opaque value
	fill   map[int]int // vectors to repeat the content of, by their spans: up to how many bytes
}

// write appends spans[at] and what is in it, and returns the span after it.
func (s *shaper) write(out []byte, at int) ([]byte, int) {
	span := s.spans[at]
	switch span.Kind {
	case wire.KindOpaque, wire.KindNumbers:
		n := min(span.End-span.Body, s.opaque/int(span.Width)*int(span.Width))
		return append(wire.AppendLength(out, n), s.data[span.Body:span.Body+n]...), at + 1
	case wire.KindStruct, wire.KindVector:
		var content []byte
		next := at + 1
		for next < len(s.spans) && s.spans[next].Depth > span.Depth {
			content, next = s.write(content, next)
		}
		if span.Kind == wire.KindStruct {
			return append(out, content...), next
		}
		content = bytes.Repeat(content, max(1, s.fill[at]/max(1, len(content))))
		return append(wire.AppendLength(out, len(content)), content...), next
	}
	return append(out, s.data[span.Start:span.End]...), at + 1
}

// vectors lists the spans of vectors that hold something, below from.
func (s *shaper) vectors(from int) (list []int) {
	for at := from + 1; at < len(s.spans) && (from < 0 || s.spans[at].Depth > s.spans[from].Depth); at++ {
		if s.spans[at].Kind == wire.KindVector && s.spans[at].Elements > 0 {
			list = append(list, at)
		}
	}
	return list
}

// TestAttackMemory decodes every structure with each of its lists blown up, lists within lists too, with elements from the
// smallest to such as just stay within the limit: all together takes less than eight times the input.
func TestAttackMemory(t *testing.T) {
	if raced {
		t.Skip("measured without the race detector")
	}
	const size = 64 << 10
	tried, refused, most := map[string]bool{}, 0, 0.0
	measure := func(kind Value, in []byte) {
		var err error
		ratio := float64(allocated(func() { err = Unmarshal(in, fresh(kind)) })) / float64(len(in))
		require.Less(t, ratio, 8.0, "%s of %d bytes, beginning %.100x: %v", kind.structName(), len(in), in, err)
		if err != nil {
			refused++
		}
		most = max(most, ratio)
	}
	for _, kind := range kinds() {
		for seed := range 4 {
			data := marshal(t, sampleOf(kind).Example(seed))
			spans, _, err := Dissect(data, fresh(kind), nil, math.MaxInt)
			require.NoError(t, err)
			s := &shaper{data: data, spans: spans}
			try := func(fill map[int]int) {
				s.fill = fill
				for _, s.opaque = range []int{0, 3} {
					in, _ := s.write(nil, 0)
					measure(kind, in)
					measure(kind, append(in, make([]byte, 2*size)...)) // what follows gives room for more
				}
			}
			for _, outer := range s.vectors(-1) {
				tried[spans[outer].Field] = true
				try(map[int]int{outer: size})
				for _, inner := range s.vectors(outer) {
					try(map[int]int{outer: size, inner: 100})
					try(map[int]int{outer: size, inner: 5000})
				}
			}
		}
	}
	var names []string
	for name := range tried {
		names = append(names, name)
	}
	slices.Sort(names)
	require.Equal(t, []string{"aad_items", "certificates", "component_data", "encrypted_path_secret", "extensions", "external_senders", "nodes", "proposals", "psks",
		"ratchet_tree", "secrets"}, names, "lists of the structures")
	require.Greater(t, most, 6.0)
	require.Greater(t, refused, 100)
	t.Logf("at most %.2f times the input", most)
}

// TestRealWorldLists decodes the tightest lists that real messages have: the limit of memory refuses none of them.
func TestRealWorldLists(t *testing.T) {
	const n = 1 << 16
	hash := make([]byte, 32)
	repeat := func(one ProposalOrRef) Value { return &Commit{Proposals: slices.Repeat([]ProposalOrRef{one}, n)} }
	ciphertext := ciphersuite.HPKECiphertext{KEMOutput: hash, Ciphertext: make([]byte, 48)}
	leaf := LeafNode{EncryptionKey: hash, SignatureKey: hash, Credential: BasicCredential([]byte{1}), LeafNodeSource: LeafNodeSourceUpdate,
		Capabilities: Capabilities{Versions: []ProtocolVersion{MLS10}, CipherSuites: []ciphersuite.CipherSuite{1}, Credentials: []CredentialType{1}}, Signature: make([]byte, 64)}
	key := &KeyPackage{Version: MLS10, CipherSuite: 1, InitKey: hash, LeafNode: leaf, Signature: make([]byte, 64)}
	key.LeafNode.LeafNodeSource = LeafNodeSourceKeyPackage
	psk := PreSharedKeyID{PSKType: PSKTypeExternal, PSKID: []byte{1, 2}, PSKNonce: hash}
	blank := make([]*Node, 1<<21-1)
	blank[1<<21-2] = &Node{LeafNode: &leaf}
	full := slices.Repeat([]*Node{{LeafNode: &leaf}, {ParentNode: &ParentNode{EncryptionKey: hash, ParentHash: hash}}}, n)
	for name, v := range map[string]Value{
		"references":        repeat(ProposalOrRef{Reference: hash}),
		"Removes":           repeat(ProposalOrRef{Proposal: &Remove{Removed: 1}}),
		"Adds":              repeat(ProposalOrRef{Proposal: &Add{KeyPackage: key}}),
		"PSKs":              repeat(ProposalOrRef{Proposal: &PreSharedKey{PSK: psk}}),
		"PSKs of a Welcome": &GroupSecrets{JoinerSecret: ciphersuite.NewSecret(hash), PSKs: slices.Repeat([]PreSharedKeyID{psk}, n)},
		"Welcome":           &Welcome{CipherSuite: 1, Secrets: slices.Repeat([]EncryptedGroupSecrets{{NewMember: hash, EncryptedGroupSecrets: ciphertext}}, n)},
		"path through blank nodes": &UpdatePath{LeafNode: leaf, Nodes: []UpdatePathNode{
			{EncryptionKey: hash, EncryptedPathSecret: slices.Repeat([]ciphersuite.HPKECiphertext{ciphertext}, n)}}},
		"path without ciphertexts": &UpdatePath{LeafNode: leaf, Nodes: slices.Repeat([]UpdatePathNode{{EncryptionKey: hash}}, n)},
		"external senders":         &ExternalSenders{{SignatureKey: hash, Credential: BasicCredential(nil)}, {SignatureKey: hash}},
		"blank tree":               RatchetTree{}.With(blank),
		"full tree":                RatchetTree{}.With(full),
		"empty extensions":         &GroupContextExtensions{Extensions: make(Extensions, 7000)},
		"empty custom proposals":   &Commit{Proposals: slices.Repeat([]ProposalOrRef{{Proposal: &CustomProposal{Type: 0xf001}}}, 3000)},
	} {
		data := marshal(t, v)
		var err error
		bytes := allocated(func() { err = Unmarshal(data, fresh(v)) })
		require.NoError(t, err, name)
		t.Logf("%s: %.2f times the %d bytes", name, float64(bytes)/float64(len(data)), len(data))
	}
	nodes := 0
	_, err := WalkRatchetTree(marshal(t, RatchetTree{}.With(blank)), func(int, RawNode) error { nodes++; return nil })
	require.NoError(t, err)
	require.Equal(t, len(blank), nodes)
}
