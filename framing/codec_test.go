package framing

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func marshal(t require.TestingT, v Value) []byte {
	b, err := Marshal(v)
	require.NoError(t, err)
	return b
}

func requireSyntaxError(t require.TestingT, err error, length int) {
	var syntax *SyntaxError
	require.ErrorAs(t, err, &syntax)
	require.NotEmpty(t, syntax.Struct)
	require.NotEmpty(t, syntax.Reason)
	require.LessOrEqual(t, syntax.Offset, length)
}

func requireRule(t require.TestingT, rule string, err error) {
	var broken *RuleError
	require.ErrorAs(t, err, &broken)
	require.Equal(t, rule, broken.Rule)
}

func TestRoundTrip(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(kind.structName(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := marshal(t, sampleOf(kind).Draw(t, "value"))
				first, second := fresh(kind), fresh(kind)
				require.NoError(t, Unmarshal(want, first))
				got := marshal(t, first)
				require.Equal(t, want, got)
				require.NoError(t, Unmarshal(got, second))
				require.Equal(t, first, second)
			})
		})
	}
}

// TestDecodeOverwrites decodes into a value that holds something else already.
func TestDecodeOverwrites(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(kind.structName(), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				used, clean := fresh(kind), fresh(kind)
				require.NoError(t, Unmarshal(marshal(t, sampleOf(kind).Draw(t, "old")), used))
				encoded := marshal(t, sampleOf(kind).Draw(t, "new"))
				require.NoError(t, Unmarshal(encoded, used))
				require.NoError(t, Unmarshal(encoded, clean))
				require.Equal(t, clean, used)
			})
		})
	}
}

func TestPrefixesAndTrailingBytes(t *testing.T) {
	for _, kind := range kinds() {
		t.Run(kind.structName(), func(t *testing.T) {
			for seed := range 8 {
				b := marshal(t, sampleOf(kind).Example(seed))
				for n := range b {
					requireSyntaxError(t, Unmarshal(b[:n:n], fresh(kind)), n)
				}
				requireSyntaxError(t, Unmarshal(append(b, 0), fresh(kind)), len(b))
			}
		})
	}
}

func TestUnmarshalCopies(t *testing.T) {
	b := marshal(t, &ApplicationID{ApplicationID: []byte("name")})
	var copied, shared ApplicationID
	require.NoError(t, Unmarshal(b, &copied))
	require.NoError(t, UnmarshalShared(b, &shared))
	clear(b)
	require.Equal(t, "name", string(copied.ApplicationID))
	require.Equal(t, "\x00\x00\x00\x00", string(shared.ApplicationID))
}

func TestAppendKeepsPrefix(t *testing.T) {
	b, err := Append([]byte("before"), &Remove{Removed: 7})
	require.NoError(t, err)
	require.Equal(t, "before\x00\x00\x00\x07", string(b))
}

// TestGolden compares with encodings written down by hand from the RFC's definitions.
func TestGolden(t *testing.T) {
	leaf := LeafNode{
		EncryptionKey: []byte{1, 2}, SignatureKey: []byte{3}, Credential: BasicCredential([]byte("me")),
		Capabilities: Capabilities{
			Versions: []ProtocolVersion{MLS10}, CipherSuites: []ciphersuite.CipherSuite{1, 0x0a0a},
			Extensions: []ExtensionType{0x1a1a}, Proposals: []ProposalType{0xf000}, Credentials: []CredentialType{1, 2},
		},
		LeafNodeSource: LeafNodeSourceCommit, ParentHash: []byte{9},
		Extensions: Extensions{{Type: 0x1a1a, Data: []byte{5}}}, Signature: []byte{0xee},
	}
	const leafHex = "020102" + "0103" + "0001026d65" + "020001" + "0400010a0a" + "021a1a" + "02f000" + "0400010002" +
		"03" + "0109" + "04" + "1a1a0105" + "01ee"
	keyPackageLeaf := LeafNode{LeafNodeSource: LeafNodeSourceKeyPackage, Lifetime: Lifetime{NotBefore: 1, NotAfter: math.MaxUint64}}
	const keyPackageLeafHex = "00" + "00" + "000000" + "0000000000" + "01" + "0000000000000001ffffffffffffffff" + "00" + "00"
	external := PreSharedKeyID{PSKType: PSKTypeExternal, PSKID: []byte{7}, PSKNonce: []byte{8, 8}}
	resumption := PreSharedKeyID{
		PSKType: PSKTypeResumption, Usage: ResumptionPSKUsageBranch, PSKGroupID: []byte{6}, PSKEpoch: 5, PSKNonce: []byte{4},
	}
	application := FramedContent{
		GroupID: []byte("g"), Epoch: 2, Sender: Sender{SenderType: SenderTypeMember, LeafIndex: 3},
		AuthenticatedData: []byte{0xaa}, ContentType: ContentTypeApplication, ApplicationData: []byte("hi"),
	}

	for _, c := range []struct {
		name string
		in   Value
		want string
	}{
		{"leaf", &leaf, leafHex},
		{"key package leaf", &keyPackageLeaf, keyPackageLeafHex},
		{"x509", &Credential{Type: CredentialTypeX509, Certificates: [][]byte{{1}, {2, 2}}}, "000205" + "0101" + "020202"},
		{"custom credential", &Credential{Type: 0xf00d, Data: []byte{1}}, "f00d0101"},
		{"parent", &ParentNode{EncryptionKey: []byte{1}, UnmergedLeaves: []LeafIndex{2, 1 << 24}}, "0101" + "00" + "080000000201000000"},
		{"path", &UpdatePath{LeafNode: leaf, Nodes: []UpdatePathNode{{
			EncryptionKey:       []byte{1},
			EncryptedPathSecret: []ciphersuite.HPKECiphertext{{KEMOutput: []byte{2}, Ciphertext: []byte{3, 4}}},
		}}}, leafHex + "08" + "0101" + "05" + "0102" + "020304"},
		{"context", &GroupContext{
			Version: MLS10, CipherSuite: 2, GroupID: []byte("g"), Epoch: 3, TreeHash: []byte{4}, ConfirmedTranscriptHash: []byte{5},
		}, "0001" + "0002" + "0167" + "0000000000000003" + "0104" + "0105" + "00"},
		{"external psk", &external, "01" + "0107" + "020808"},
		{"psk label", &pskLabel{ID: resumption, Index: 1, Count: 2}, "02" + "03" + "0106" + "0000000000000005" + "0104" + "00010002"},
		{"commit", &Commit{Proposals: []ProposalOrRef{
			{Proposal: &Remove{Removed: 9}}, {Reference: ProposalRef{0xab}}, {Proposal: &CustomProposal{Type: 0xf001, Data: []byte{1}}},
		}}, "0f" + "01000300000009" + "0201ab" + "01f0010101" + "00"},
		{"application message", &Message{Body: &PublicMessage{
			Content: application, Auth: FramedContentAuthData{Signature: []byte{1}}, MembershipTag: []byte{2},
		}}, "0001" + "0001" + "0167" + "0000000000000002" + "01" + "00000003" + "01aa" + "01" + "026869" + "0101" + "0102"},
		{"external sender's proposal", &UnverifiedContent{WireFormat: WireFormatPublicMessage, Content: FramedContent{
			Sender: Sender{SenderType: SenderTypeExternal, SenderIndex: 1}, ContentType: ContentTypeProposal, Proposal: &ExternalInit{},
		}}, "0001" + "00" + "0000000000000000" + "0200000001" + "00" + "02" + "000600" + "00"},
		{"private message", &Message{Body: &PrivateMessage{
			GroupID: []byte("g"), Epoch: 1, ContentType: ContentTypeCommit, EncryptedSenderData: []byte{1}, Ciphertext: []byte{2},
		}}, "0001" + "0002" + "0167" + "0000000000000001" + "03" + "00" + "0101" + "0102"},
		{"group secrets", &GroupSecrets{
			JoinerSecret: ciphersuite.NewSecret([]byte{1}), PathSecret: ciphersuite.NewSecret([]byte{2}), PSKs: []PreSharedKeyID{external},
		}, "0101" + "01" + "0102" + "06" + "010107020808"},
		{"sender data", &SenderData{LeafIndex: 1, Generation: 2, ReuseGuard: [4]byte{3, 4, 5, 6}}, "000000010000000203040506"},
		{"tree", RatchetTree{}.With([]*Node{{ParentNode: &ParentNode{}}, nil, {LeafNode: &keyPackageLeaf}}), "25" + "0102000000" + "00" + "0101" + keyPackageLeafHex},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, hex.EncodeToString(marshal(t, c.in)))
			got := fresh(c.in)
			require.NoError(t, Unmarshal(unhex(t, c.want), got))
			require.Equal(t, c.in, got)
		})
	}
}

// TestMalformed names what each hostile input is refused for.
func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		name   string
		in     string
		into   Value
		reason string
	}{
		{"version 0", "00000005", new(Message), "version"},
		{"version 2", "00020001", new(Message), "version"},
		{"wire format 0", "00010000", new(Message), "wire format"},
		{"wire format 6", "00010006", new(Message), "wire format"},
		{"content in a Welcome's format", "0003" + "00" + "0000000000000000" + "0300" + "01" + "00" + "00", new(UnverifiedContent), "frames no content"},
		{"leaf source 0", "00" + "00" + "000100" + "0000000000" + "00", new(LeafNode), "LeafNodeSource(0x0000)"},
		{"leaf source 4", "00" + "00" + "000100" + "0000000000" + "04", new(LeafNode), "LeafNodeSource(0x0004)"},
		{"sender type 0", "0000000000", new(Sender), "SenderType"},
		{"sender type 5", "0500000000", new(Sender), "SenderType"},
		{"content type 4", "00" + "0000000000000000" + "03" + "00" + "04", new(FramedContent), "ContentType"},
		{"content type 255 in a private message", "00" + "0000000000000000" + "ff", new(PrivateMessage), "ContentType"},
		{"psk type 3", "030000", new(PreSharedKeyID), "PSKType"},
		{"resumption usage 0", "0200", new(PreSharedKeyID), "ResumptionPSKUsage"},
		{"proposal or reference 3", "0300", new(ProposalOrRef), "proposalOrRefType"},
		{"node type 0", "020100", new(RatchetTree), "NodeType"},
		{"node type 3", "020103", new(RatchetTree), "NodeType"},
		{"presence 2 of a path", "0002", new(Commit), "presence"},
		{"presence 255 of a path secret", "00ff", new(GroupSecrets), "presence"},
		{"presence 2 of a node", "0102", new(RatchetTree), "presence"},
		{"empty path secret", "000100" + "00", new(GroupSecrets), "path_secret"},
		{"odd list of versions", "0300010000000000", new(Capabilities), "2-byte numbers"},
		{"list of leaves not divisible", "00000300000000", new(ParentNode), "4-byte numbers"},
		{"extension beyond its list", "030a0a01", new(GroupContextExtensions), "vector of 1 bytes"},
		{"long form of a short length", "4001aa", new(ApplicationID), "shortest"},
		{"reserved length prefix", "c0", new(ApplicationID), "reserved"},
		{"length of a gigabyte", "bfffffff0102030405", new(ApplicationID), "vector of 1073741823 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := unhex(t, c.in)
			err := Unmarshal(in, c.into)
			requireSyntaxError(t, err, len(in))
			require.ErrorContains(t, err, c.reason)
		})
	}
}

// TestUnencodable shows that a value with a missing or contradictory variant gives an error, not a wrong encoding.
func TestUnencodable(t *testing.T) {
	for name, v := range map[string]Value{
		"leaf source":       new(LeafNode),
		"sender type":       new(Sender),
		"content type":      &FramedContent{Sender: Sender{SenderType: SenderTypeMember}},
		"proposal":          &FramedContent{Sender: Sender{SenderType: SenderTypeMember}, ContentType: ContentTypeProposal},
		"commit":            &FramedContent{Sender: Sender{SenderType: SenderTypeMember}, ContentType: ContentTypeCommit},
		"message body":      new(Message),
		"psk type":          new(PreSharedKeyID),
		"psk usage":         &PreSharedKeyID{PSKType: PSKTypeResumption},
		"node":              new(Node),
		"two nodes":         &Node{LeafNode: new(LeafNode), ParentNode: new(ParentNode)},
		"proposal and ref":  &ProposalOrRef{Proposal: new(Remove), Reference: ProposalRef{1}},
		"default as custom": &CustomProposal{Type: ProposalTypeAdd},
		"Add of nothing":    &Add{},
		"wire format": &UnverifiedContent{WireFormat: WireFormatWelcome, Content: FramedContent{
			Sender: Sender{SenderType: SenderTypeMember}, ContentType: ContentTypeApplication}},
		"unknown content type": &PrivateMessage{ContentType: ContentTypeCommit + 1},
		"KeyPackage version": &Message{Body: &KeyPackage{Version: 2, LeafNode: LeafNode{
			LeafNodeSource: LeafNodeSourceKeyPackage}}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Marshal(v)
			require.ErrorContains(t, err, "mls: encoding")
		})
	}
}

func TestTaggedProposal(t *testing.T) {
	b := marshal(t, &TaggedProposal{&Remove{Removed: 5}})
	require.Equal(t, "000300000005", hex.EncodeToString(b))
	var p TaggedProposal
	require.NoError(t, Unmarshal(b, &p))
	require.Equal(t, &Remove{Removed: 5}, p.Proposal)
	requireSyntaxError(t, Unmarshal(b[:5], &p), 5)
	_, err := Marshal(new(TaggedProposal))
	require.Error(t, err)
}

func TestNames(t *testing.T) {
	for want, v := range map[string]interface{ String() string }{
		"mls10":                    MLS10,
		"ProtocolVersion(0x0002)":  ProtocolVersion(2),
		"mls_key_package":          WireFormatKeyPackage,
		"WireFormat(0x0000)":       WireFormat(0),
		"x509":                     CredentialTypeX509,
		"external_senders":         ExtensionTypeExternalSenders,
		"ExtensionType(0x0a0a)":    ExtensionType(0x0a0a),
		"group_context_extensions": ProposalTypeGroupContextExtensions,
		"update":                   LeafNodeSourceUpdate,
		"commit":                   ContentTypeCommit,
		"new_member_commit":        SenderTypeNewMemberCommit,
		"SenderType(0x00ff)":       SenderType(0xff),
		"resumption":               PSKTypeResumption,
		"branch":                   ResumptionPSKUsageBranch,
		"parent":                   NodeTypeParent,
		"blank":                    NodeTypeBlank,
	} {
		require.Equal(t, want, v.String())
	}
}

func TestCodePoints(t *testing.T) {
	var grease []uint16
	for code := range 1 << 16 {
		if IsGREASE(uint16(code)) {
			grease = append(grease, uint16(code))
		}
		require.Equal(t, code >= 1 && code <= 5, ExtensionType(code).IsDefault())
		require.Equal(t, code >= 1 && code <= 7, ProposalType(code).IsDefault())
	}
	require.Equal(t, []uint16{
		0x0a0a, 0x1a1a, 0x2a2a, 0x3a3a, 0x4a4a, 0x5a5a, 0x6a6a, 0x7a7a, 0x8a8a, 0x9a9a, 0xaaaa, 0xbaba, 0xcaca, 0xdada, 0xeaea,
	}, grease)
}

// FuzzRoundTrip decodes hostile input as every type: it never panics, and what it accepts encodes to the same bytes.
func FuzzRoundTrip(f *testing.F) {
	all := kinds()
	for i, kind := range all {
		for seed := range 2 {
			f.Add(byte(i), marshal(f, sampleOf(kind).Example(seed)))
		}
	}
	f.Fuzz(func(t *testing.T, kind byte, in []byte) {
		requireCut(t, in)
		v := fresh(all[int(kind)%len(all)])
		if err := Unmarshal(in, v); err != nil {
			requireSyntaxError(t, err, len(in))
			return
		}
		require.Equal(t, string(in), string(marshal(t, v)))
	})
}

// TestDamagedRoundTrip changes each byte of encodings, lengths and variants among them: what is accepted still encodes to
// the bytes that were read.
func TestDamagedRoundTrip(t *testing.T) {
	accepted := 0
	for _, kind := range kinds() {
		for seed := range 4 {
			b := marshal(t, sampleOf(kind).Example(seed))
			for at := range b {
				for _, bit := range []byte{0x01, 0x40, 0x80} {
					bad := bytes.Clone(b)
					bad[at] ^= bit
					if v := fresh(kind); Unmarshal(bad, v) == nil {
						accepted++
						require.Equal(t, bad, marshal(t, v), "%s", kind.structName())
					}
				}
			}
		}
	}
	require.Greater(t, accepted, 1000)
}

// FuzzPrivateContent reads hostile plaintexts: what is accepted is the encoding of the result, then zeros.
func FuzzPrivateContent(f *testing.F) {
	f.Add(byte(1), unhex(f, "026869"+"0101"+"0000"))
	f.Add(byte(2), unhex(f, "000300000001"+"0101"+"0000"))
	f.Add(byte(3), unhex(f, "0000"+"0101"+"0102"+"0001"))
	f.Fuzz(func(t *testing.T, contentType byte, in []byte) {
		u := &UnverifiedContent{Content: FramedContent{ContentType: ContentType(contentType%3 + 1)}}
		if u.decodePrivate(nil, bytes.Clone(in)) != nil {
			return
		}
		got, err := encoded(func(w *wire.Writer) {
			u.Content.encodeBody(w)
			u.Auth.encode(w, u.Content.ContentType)
		})
		require.NoError(t, err)
		require.Equal(t, in, append(got, make([]byte, len(in)-len(got))...))
	})
}

func TestRuleErrorText(t *testing.T) {
	beneath := errors.New("beneath")
	require.EqualError(t, &RuleError{Rule: "V-LN-05", Leaf: 0, Detail: "what is wrong"}, "mls: rule V-LN-05, leaf 0: what is wrong")
	require.EqualError(t, &RuleError{Rule: "V-LN-05", Leaf: NoLeaf, Detail: "what is wrong", Err: beneath}, "mls: rule V-LN-05: what is wrong: beneath")
}
