package framing

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// party is a suite with one signature key and the secrets of one epoch.
type party struct {
	suite         *ciphersuite.Suite
	signer        crypto.Signer
	key           ciphersuite.SignaturePublicKey
	context       *GroupContext
	membershipKey ciphersuite.Secret
	senderData    ciphersuite.Secret
	messageKey    ciphersuite.Secret
	messageNonce  ciphersuite.Secret
}

func secretOf(n int, fill byte) ciphersuite.Secret {
	return ciphersuite.NewSecret(bytes.Repeat([]byte{fill}, n))
}

func newParty(t testing.TB, cs ciphersuite.CipherSuite) *party {
	t.Helper()
	suite, err := ciphersuite.New(cs)
	require.NoError(t, err)
	signer, err := suite.GenerateSigner(rand.Reader)
	require.NoError(t, err)
	key, err := suite.PublicKeyOf(signer)
	require.NoError(t, err)
	return &party{
		suite: suite, signer: signer, key: key,
		context:       &GroupContext{Version: MLS10, CipherSuite: cs, GroupID: []byte("group"), Epoch: 3, TreeHash: []byte{1}},
		membershipKey: secretOf(suite.HashSize, 1),
		senderData:    secretOf(suite.HashSize, 2),
		messageKey:    secretOf(suite.KeySize, 3),
		messageNonce:  secretOf(suite.NonceSize, 4),
	}
}

func eachSuite(t *testing.T, run func(t *testing.T, p *party)) {
	suites := ciphersuite.Supported()
	require.NotEmpty(t, suites)
	for _, cs := range suites {
		t.Run(cs.String(), func(t *testing.T) { run(t, newParty(t, cs)) })
	}
}

func anyParty(t testing.TB) *party { return newParty(t, ciphersuite.Supported()[0]) }

func (p *party) signing() SignParams {
	return SignParams{Suite: p.suite, Rand: rand.Reader, Signer: p.signer}
}

func (p *party) stranger(t testing.TB) SignParams {
	return newParty(t, p.suite.CipherSuite()).signing()
}

func (p *party) verifying() VerifyParams {
	return VerifyParams{Suite: p.suite, SignatureKey: p.key, GroupContext: p.context}
}

func (p *party) leaf(source LeafNodeSource) LeafNode {
	return LeafNode{
		EncryptionKey: []byte{1}, SignatureKey: p.key, Credential: BasicCredential([]byte("me")),
		LeafNodeSource: source, Extensions: Extensions{{Type: 0x0a0a, Data: bytes.Repeat([]byte{7}, 70)}},
	}
}

func (p *party) keyPackage(t testing.TB) (*KeyPackage, ciphersuite.KeyPair) {
	t.Helper()
	pair, err := p.suite.GenerateKeyPair(rand.Reader)
	require.NoError(t, err)
	kp := &KeyPackage{
		Version: MLS10, CipherSuite: p.suite.CipherSuite(), InitKey: pair.Public, LeafNode: p.leaf(LeafNodeSourceKeyPackage),
	}
	require.NoError(t, kp.LeafNode.Sign(p.signing(), nil, 0))
	require.NoError(t, kp.Sign(p.signing()))
	return kp, pair
}

func (p *party) content(sender Sender, body any) *FramedContent {
	c := &FramedContent{GroupID: p.context.GroupID, Epoch: p.context.Epoch, Sender: sender, AuthenticatedData: []byte("aad")}
	switch x := body.(type) {
	case string:
		c.ContentType, c.ApplicationData = ContentTypeApplication, []byte(x)
	case Proposal:
		c.ContentType, c.Proposal = ContentTypeProposal, x
	case *Commit:
		c.ContentType, c.Commit = ContentTypeCommit, x
	}
	return c
}

func (p *party) sign(t testing.TB, f WireFormat, content *FramedContent) *AuthenticatedContent {
	t.Helper()
	c, err := content.Sign(p.signing(), f, p.context)
	require.NoError(t, err)
	if content.ContentType == ContentTypeCommit {
		c = c.WithConfirmationTag(bytes.Repeat([]byte{5}, p.suite.HashSize))
	}
	return c
}

func (p *party) openPublic(m *PublicMessage) (*AuthenticatedContent, error) {
	open := p.verifying()
	open.MembershipKey = p.membershipKey
	return m.Open(open)
}

func (p *party) seal(t testing.TB, c *AuthenticatedContent, padding Padding) *PrivateMessage {
	t.Helper()
	m, err := c.SealPrivate(SealPrivateParams{
		Suite: p.suite, Rand: rand.Reader, SenderDataSecret: p.senderData, Generation: 9,
		Key: p.messageKey, Nonce: p.messageNonce, Padding: padding,
	})
	require.NoError(t, err)
	return m
}

// openPrivate takes all three steps.
func (p *party) openPrivate(m *PrivateMessage) (*AuthenticatedContent, error) {
	sender, err := m.OpenSenderData(p.suite, p.senderData)
	if err != nil {
		return nil, err
	}
	u, err := m.Open(OpenPrivateParams{Suite: p.suite, SenderData: sender, Key: p.messageKey, Nonce: p.messageNonce})
	if err != nil {
		return nil, err
	}
	return u.Verify(p.verifying())
}

var member = Sender{SenderType: SenderTypeMember, LeafIndex: 1}

func TestLeafNodeSignature(t *testing.T) {
	eachSuite(t, func(t *testing.T, p *party) {
		for _, source := range []LeafNodeSource{LeafNodeSourceKeyPackage, LeafNodeSourceUpdate, LeafNodeSourceCommit} {
			leaf := p.leaf(source)
			require.NoError(t, leaf.Sign(p.signing(), []byte("group"), 5))
			require.NoError(t, leaf.VerifySignature(p.suite, []byte("group"), 5))

			signed, err := leaf.SignedMessage([]byte("group"), 5)
			require.NoError(t, err)
			require.NoError(t, p.suite.Verify(signed.Key, signed.Message, signed.Signature))

			for _, err := range []error{
				leaf.VerifySignature(p.suite, []byte("other"), 5),
				leaf.VerifySignature(p.suite, []byte("group"), 6),
			} {
				if source == LeafNodeSourceKeyPackage {
					require.NoError(t, err)
				} else {
					requireRule(t, "V-LN-04", err)
				}
			}
			leaf.EncryptionKey = []byte{2}
			err = leaf.VerifySignature(p.suite, []byte("group"), 5)
			requireRule(t, "V-LN-04", err)
			var broken *RuleError
			require.ErrorAs(t, err, &broken)
			require.Equal(t, source != LeafNodeSourceKeyPackage, broken.Leaf == 5, "a KeyPackage has no place: %v", err)
			require.Equal(t, source == LeafNodeSourceKeyPackage, broken.Leaf == NoLeaf, "%v", err)
			require.ErrorIs(t, leaf.Sign(p.stranger(t), []byte("group"), 5), ciphersuite.ErrSigner)
			leaf.SignatureKey = nil
			require.ErrorIs(t, leaf.Sign(p.signing(), []byte("group"), 5), ciphersuite.ErrSigner)
		}
	})
}

func TestKeyPackageSignature(t *testing.T) {
	eachSuite(t, func(t *testing.T, p *party) {
		kp, _ := p.keyPackage(t)
		require.NoError(t, kp.VerifySignature(p.suite))
		require.NoError(t, kp.LeafNode.VerifySignature(p.suite, nil, 0))
		ref, err := kp.Ref(p.suite)
		require.NoError(t, err)
		require.Len(t, ref, p.suite.HashSize)

		changed := *kp
		changed.Extensions = Extensions{{Type: 0x0a0a}}
		requireRule(t, "V-KP-03", changed.VerifySignature(p.suite))
		other, err := changed.Ref(p.suite)
		require.NoError(t, err)
		require.NotEqual(t, ref, other)

		changed = *kp
		changed.CipherSuite = 0xf000
		requireRule(t, "V-KP-01", changed.VerifySignature(p.suite))
		_, err = changed.Ref(p.suite)
		requireRule(t, "V-KP-01", err)

		changed = *kp // a signature under another label
		changed.Signature = kp.LeafNode.Signature
		requireRule(t, "V-KP-03", changed.VerifySignature(p.suite))
		require.ErrorIs(t, kp.Sign(p.stranger(t)), ciphersuite.ErrSigner)
	})
}

func TestGroupInfoSignature(t *testing.T) {
	p := anyParty(t)
	info := &GroupInfo{GroupContext: *p.context, ConfirmationTag: []byte{1}, Signer: 4}
	require.NoError(t, info.Sign(p.signing()))
	require.NoError(t, info.VerifySignature(p.suite, p.key))
	requireRule(t, "V-WEL-05", info.VerifySignature(p.suite, newParty(t, p.suite.CipherSuite()).key))
	info.Signer = 5
	requireRule(t, "V-WEL-05", info.VerifySignature(p.suite, p.key))
}

// bodies returns one content of every kind that a member sends.
func bodies(p *party) []any {
	path := &UpdatePath{LeafNode: p.leaf(LeafNodeSourceCommit)}
	return []any{"hello", &Remove{Removed: 2}, &CustomProposal{Type: 0xf001, Data: []byte{1}}, new(Commit), &Commit{Path: path}}
}

func TestPublicMessage(t *testing.T) {
	eachSuite(t, func(t *testing.T, p *party) {
		for _, body := range bodies(p)[1:] {
			content := p.content(member, body)
			m, err := p.sign(t, WireFormatPublicMessage, content).SealPublic(p.suite, p.membershipKey)
			require.NoError(t, err)

			var received Message
			require.NoError(t, Unmarshal(marshal(t, &Message{Body: m}), &received))
			c, err := p.openPublic(received.Body.(*PublicMessage))
			require.NoError(t, err)
			require.Equal(t, WireFormatPublicMessage, c.WireFormat())
			require.Equal(t, marshal(t, content), marshal(t, c.Content()))
			require.Equal(t, m.Auth, *c.Auth())
			require.Equal(t, marshal(t, m.Unverified()), marshal(t, c.Unverified()))
		}
	})
}

func TestPrivateMessage(t *testing.T) {
	eachSuite(t, func(t *testing.T, p *party) {
		for _, body := range bodies(p) {
			content := p.content(member, body)
			m := p.seal(t, p.sign(t, WireFormatPrivateMessage, content), PadToMultiple(64))
			require.Zero(t, (len(m.Ciphertext)-p.suite.TagSize)%64)

			var received Message
			require.NoError(t, Unmarshal(marshal(t, &Message{Body: m}), &received))
			private := received.Body.(*PrivateMessage)
			sender, err := private.OpenSenderData(p.suite, p.senderData)
			require.NoError(t, err)
			require.Equal(t, member.LeafIndex, sender.LeafIndex)
			require.Equal(t, Generation(9), sender.Generation)
			c, err := p.openPrivate(private)
			require.NoError(t, err)
			require.Equal(t, WireFormatPrivateMessage, c.WireFormat())
			require.Equal(t, marshal(t, content), marshal(t, c.Content()))
		}
	})
}

// TestEveryByteCounts changes each byte of a message in turn: it never opens again.
func TestEveryByteCounts(t *testing.T) {
	p := anyParty(t)
	public, err := p.sign(t, WireFormatPublicMessage, p.content(member, new(Commit))).SealPublic(p.suite, p.membershipKey)
	require.NoError(t, err)
	for _, body := range []MessageBody{
		public,
		p.seal(t, p.sign(t, WireFormatPrivateMessage, p.content(member, "hello")), Padding{}),
	} {
		b := marshal(t, &Message{Body: body})
		for i := range b {
			for _, flip := range []byte{1, 0x80} {
				b[i] ^= flip
				var m Message
				if err := Unmarshal(b, &m); err == nil {
					switch m := m.Body.(type) {
					case *PublicMessage:
						_, err = p.openPublic(m)
					case *PrivateMessage:
						_, err = p.openPrivate(m)
					default:
						continue // became a structure of another kind
					}
					require.Error(t, err, "byte %d", i)
				}
				b[i] ^= flip
			}
		}
	}
}

func TestMembershipTag(t *testing.T) {
	p := anyParty(t)
	signed := p.sign(t, WireFormatPublicMessage, p.content(member, new(Commit)))
	good, err := signed.SealPublic(p.suite, p.membershipKey)
	require.NoError(t, err)

	for name, tag := range map[string][]byte{
		"empty": nil, "one byte": good.MembershipTag[:1], "cut": good.MembershipTag[:p.suite.HashSize-1],
		"longer": append(bytes.Clone(good.MembershipTag), 0), "other": bytes.Repeat([]byte{1}, p.suite.HashSize),
	} {
		m := *good
		m.MembershipTag = tag
		_, err := p.openPublic(&m)
		require.Error(t, err, name)
		requireRule(t, "V-FR-08", err)
	}
	m := *good
	m.Auth.ConfirmationTag = []byte{1}
	_, err = p.openPublic(&m)
	requireRule(t, "V-FR-08", err)

	tbm, err := signed.tbm()
	require.NoError(t, err)
	m = *good
	m.MembershipTag = p.suite.MAC(ciphersuite.Secret{}, tbm)
	_, err = m.Open(p.verifying())
	require.ErrorIs(t, err, errMembershipKey, "without a membership key anybody could make the tag")
	_, err = signed.SealPublic(p.suite, ciphersuite.Secret{})
	require.Error(t, err)

	// A right tag does not excuse a wrong signature.
	u := signed.Unverified()
	u.Auth.Signature = bytes.Clone(u.Auth.Signature)
	u.Auth.Signature[3] ^= 1
	forged, err := prepare(u, p.context)
	require.NoError(t, err)
	bad, err := forged.SealPublic(p.suite, p.membershipKey)
	require.NoError(t, err)
	_, err = p.openPublic(bad)
	requireRule(t, "V-FR-05", err)
	require.ErrorIs(t, err, ciphersuite.ErrSignature)
}

func TestNewcomers(t *testing.T) {
	p := anyParty(t)
	kp, _ := p.keyPackage(t)
	external := Sender{SenderType: SenderTypeExternal, SenderIndex: 2}
	for rule, content := range map[string]*FramedContent{
		"V-FR-11": p.content(external, &Remove{}),
		"V-FR-12": p.content(Sender{SenderType: SenderTypeNewMemberProposal}, &Add{KeyPackage: kp}),
		"V-FR-13": p.content(Sender{SenderType: SenderTypeNewMemberCommit}, &Commit{Path: &UpdatePath{LeafNode: p.leaf(LeafNodeSourceCommit)}}),
	} {
		t.Run(rule, func(t *testing.T) {
			c := p.sign(t, WireFormatPublicMessage, content)
			m, err := c.SealPublic(p.suite, ciphersuite.Secret{}) // no membership key
			require.NoError(t, err)
			require.Nil(t, m.MembershipTag)
			_, err = m.Open(p.verifying())
			require.NoError(t, err)

			m.Auth.Signature = bytes.Clone(m.Auth.Signature)
			m.Auth.Signature[0] ^= 1
			_, err = m.Open(p.verifying())
			requireRule(t, rule, err)

			_, err = content.Sign(p.stranger(t), WireFormatPublicMessage, p.context)
			if rule != "V-FR-11" { // whose key only the group knows
				require.ErrorIs(t, err, ciphersuite.ErrSigner)
			}
		})
	}
	// What is signed without a group context verifies in any.
	c := p.sign(t, WireFormatPublicMessage, p.content(external, &Remove{}))
	_, err := c.Unverified().Verify(VerifyParams{Suite: p.suite, SignatureKey: p.key})
	require.NoError(t, err)
}

// TestSenderRules signs, and verifies, what no such sender may send so.
func TestSenderRules(t *testing.T) {
	p := anyParty(t)
	external := Sender{SenderType: SenderTypeExternal}
	proposer, joiner := Sender{SenderType: SenderTypeNewMemberProposal}, Sender{SenderType: SenderTypeNewMemberCommit}
	for _, c := range []struct {
		rule   string
		format WireFormat
		sender Sender
		body   any
	}{
		{"V-APP-01", WireFormatPublicMessage, member, "application data"},
		{"V-FR-14", WireFormatPrivateMessage, external, &Remove{}},
		{"V-FR-14", WireFormatPrivateMessage, joiner, &Commit{Path: new(UpdatePath)}},
		{"V-FR-10", WireFormatPublicMessage, external, new(Commit)},
		{"V-FR-10", WireFormatPublicMessage, external, &Update{LeafNode: p.leaf(LeafNodeSourceUpdate)}},
		{"V-FR-10", WireFormatPublicMessage, external, &ExternalInit{}},
		{"V-FR-12", WireFormatPublicMessage, proposer, &Remove{}},
		{"V-FR-12", WireFormatPublicMessage, proposer, new(Commit)},
		{"V-FR-13", WireFormatPublicMessage, joiner, new(Commit)},
		{"V-FR-13", WireFormatPublicMessage, joiner, &Remove{}},
		{"V-WIRE-09", WireFormatWelcome, member, &Remove{}},
	} {
		content := p.content(c.sender, c.body)
		_, err := content.Sign(p.signing(), c.format, p.context)
		requireRule(t, c.rule, err)
		_, err = (&UnverifiedContent{WireFormat: c.format, Content: *content}).Verify(p.verifying())
		requireRule(t, c.rule, err)
	}
}

func TestGroupContextBinds(t *testing.T) {
	p := anyParty(t)
	u := p.sign(t, WireFormatPublicMessage, p.content(member, &Remove{})).Unverified()
	verify := func(context *GroupContext) error {
		_, err := u.Verify(VerifyParams{Suite: p.suite, SignatureKey: p.key, GroupContext: context})
		return err
	}
	require.NoError(t, verify(p.context))
	require.Error(t, verify(nil))
	changed := *p.context
	changed.TreeHash = []byte{2}
	requireRule(t, "V-FR-05", verify(&changed))
	changed = *p.context
	changed.Epoch++
	requireRule(t, "V-FR-02", verify(&changed))
	changed = *p.context
	changed.GroupID = []byte("other")
	requireRule(t, "V-FR-01", verify(&changed))

	u.WireFormat = WireFormatPrivateMessage
	requireRule(t, "V-FR-05", verify(p.context))
}

func TestProtectWants(t *testing.T) {
	p := anyParty(t)
	public := p.sign(t, WireFormatPublicMessage, p.content(member, &Remove{}))
	private := p.sign(t, WireFormatPrivateMessage, p.content(member, &Remove{}))
	_, err := private.SealPublic(p.suite, p.membershipKey)
	requireRule(t, "V-FR-06", err)
	_, err = public.SealPrivate(SealPrivateParams{Suite: p.suite, Rand: rand.Reader})
	requireRule(t, "V-FR-06", err)

	untagged, err := p.content(member, new(Commit)).Sign(p.signing(), WireFormatPublicMessage, p.context)
	require.NoError(t, err)
	_, err = untagged.SealPublic(p.suite, p.membershipKey)
	require.ErrorContains(t, err, "confirmation tag")
	tagged := untagged.WithConfirmationTag(bytes.Repeat([]byte{1}, p.suite.HashSize))
	require.Nil(t, untagged.Auth().ConfirmationTag, "the original is as it was")
	_, err = tagged.SealPublic(p.suite, p.membershipKey)
	require.NoError(t, err)
}

func TestTranscriptInputAndProposalRef(t *testing.T) {
	p := anyParty(t)
	commit := p.sign(t, WireFormatPublicMessage, p.content(member, new(Commit)))
	got, err := commit.ConfirmedTranscriptHashInput()
	require.NoError(t, err)
	whole := marshal(t, commit.Unverified())
	require.Equal(t, whole[:len(whole)-1-p.suite.HashSize], got, "all but the confirmation tag")
	again, err := commit.Unverified().ConfirmedTranscriptHashInput()
	require.NoError(t, err)
	require.Equal(t, got, again)
	_, err = commit.ProposalRef(p.suite)
	require.Error(t, err)

	proposal := p.sign(t, WireFormatPrivateMessage, p.content(member, &Remove{}))
	ref, err := proposal.ProposalRef(p.suite)
	require.NoError(t, err)
	require.Equal(t, p.suite.RefHash("MLS 1.0 Proposal Reference", marshal(t, proposal.Unverified())), []byte(ref))
	again, err = proposal.Unverified().ProposalRef(p.suite)
	require.NoError(t, err)
	require.Equal(t, []byte(ref), again)
	_, err = proposal.ConfirmedTranscriptHashInput()
	require.Error(t, err)
	_, err = proposal.Unverified().ConfirmedTranscriptHashInput()
	require.Error(t, err)
	_, err = commit.Unverified().ProposalRef(p.suite)
	require.Error(t, err)
}

// TestAddOfNothing: a hand-made Add without a KeyPackage is an error wherever a caller can bring it in.
func TestAddOfNothing(t *testing.T) {
	p := anyParty(t)
	for _, sender := range []SenderType{SenderTypeMember, SenderTypeExternal, SenderTypeNewMemberProposal} {
		content := &FramedContent{GroupID: []byte("group"), Epoch: 3, Sender: Sender{SenderType: sender},
			ContentType: ContentTypeProposal, Proposal: &Add{}}
		require.Nil(t, content.NewcomerKey())
		_, err := content.Sign(p.signing(), WireFormatPublicMessage, p.context)
		require.Error(t, err, sender.String())
		unverified := &UnverifiedContent{WireFormat: WireFormatPublicMessage, Content: *content}
		_, err = unverified.Verify(VerifyParams{Suite: p.suite, SignatureKey: p.key, GroupContext: p.context})
		require.Error(t, err, sender.String())
		_, err = unverified.ProposalRef(p.suite)
		require.Error(t, err, sender.String())
	}
	w := newWelcomed(t, p)
	w.params.Joiners[1].KeyPackage = nil
	_, err := NewWelcome(w.params)
	require.ErrorContains(t, err, "joiner 1 has no KeyPackage")
}

// TestCompact: content without its group context is as good as before for all but sending.
func TestCompact(t *testing.T) {
	p := anyParty(t)
	p.context.Extensions = Extensions{{Type: 0x0a0a, Data: make([]byte, 10_000)}}
	for _, f := range []WireFormat{WireFormatPublicMessage, WireFormatPrivateMessage} {
		whole := p.sign(t, f, p.content(Sender{SenderType: SenderTypeMember}, &Remove{Removed: 2}))
		compact := whole.Compact()
		require.Same(t, compact, compact.Compact())
		require.Less(t, len(compact.tbs), 100)
		signature, err := encoded(func(w *wire.Writer) { w.Opaque(whole.Auth().Signature) })
		require.NoError(t, err)
		require.Equal(t, len(marshal(t, whole.Unverified())), whole.Size()+len(signature))
		require.Equal(t, whole.Size(), compact.Size())
		require.Equal(t, whole.Unverified(), compact.Unverified())
		want, err := whole.ProposalRef(p.suite)
		require.NoError(t, err)
		got, err := compact.ProposalRef(p.suite)
		require.NoError(t, err)
		require.Equal(t, want, got)
		_, err = compact.SealPublic(p.suite, p.membershipKey)
		require.Error(t, err)
		_, err = compact.SealPrivate(SealPrivateParams{Suite: p.suite})
		require.Error(t, err)
	}
}

// TestSignWhatDecodes: content of so many and so small elements that Unmarshal would refuse it is not signed, though in a longer
// message it might pass.
func TestSignWhatDecodes(t *testing.T) {
	p := anyParty(t)
	for n, refused := range map[int]bool{3000: false, 5000: true} {
		c := p.content(Sender{SenderType: SenderTypeMember}, &Commit{Proposals: slices.Repeat([]ProposalOrRef{{Proposal: &CustomProposal{Type: 0xf001}}}, n)})
		c.AuthenticatedData = make([]byte, 1<<20)
		_, err := c.Sign(p.signing(), WireFormatPrivateMessage, p.context)
		if !refused {
			require.NoError(t, err)
			continue
		}
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax)
		require.True(t, syntax.Excess)
	}
}
