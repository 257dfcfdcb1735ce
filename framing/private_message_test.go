package framing

// RFC 9420, Section 6.3: Encoding and Decoding a Private Message.

import (
	"bytes"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
)

// TestMalformedSenderData is about sender data that somebody encrypted well and encoded badly.
func TestMalformedSenderData(t *testing.T) {
	p := anyParty(t)
	m := p.seal(t, p.sign(t, WireFormatPrivateMessage, p.content(member, "hello")), Padding{})
	good, err := m.OpenSenderData(p.suite, p.senderData)
	require.NoError(t, err)
	plaintext := marshal(t, &good)
	key, nonce := m.SenderDataKeyAndNonce(p.suite, p.senderData)
	aad, err := encoded(m.encodeSenderDataAAD)
	require.NoError(t, err)
	for _, bad := range [][]byte{nil, plaintext[:len(plaintext)-1], append(bytes.Clone(plaintext), 0)} {
		m.EncryptedSenderData, err = p.suite.AEADSeal(key, nonce.Bytes(), aad, bad)
		require.NoError(t, err)
		_, err = m.OpenSenderData(p.suite, p.senderData)
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax, "%d bytes", len(bad))
	}
}

func TestPrivateMessageKeys(t *testing.T) {
	p := anyParty(t)
	m := p.seal(t, p.sign(t, WireFormatPrivateMessage, p.content(member, "hello")), Padding{})
	sender, err := m.OpenSenderData(p.suite, p.senderData)
	require.NoError(t, err)
	_, err = m.OpenSenderData(p.suite, p.membershipKey)
	require.ErrorIs(t, err, ciphersuite.ErrOpen)

	open := func(change func(*OpenPrivateParams)) error {
		params := OpenPrivateParams{Suite: p.suite, SenderData: sender, Key: p.messageKey, Nonce: p.messageNonce}
		change(&params)
		_, err := m.Open(params)
		return err
	}
	require.NoError(t, open(func(*OpenPrivateParams) {}))
	require.ErrorIs(t, open(func(o *OpenPrivateParams) { o.SenderData.ReuseGuard[2] ^= 1 }), ciphersuite.ErrOpen)
	require.ErrorIs(t, open(func(o *OpenPrivateParams) { o.Key = secretOf(p.suite.KeySize, 9) }), ciphersuite.ErrOpen)
	require.ErrorIs(t, open(func(o *OpenPrivateParams) { o.Key = secretOf(1, 9) }), ciphersuite.ErrKeySize)
	require.ErrorIs(t, open(func(o *OpenPrivateParams) { o.Nonce = ciphersuite.Secret{} }), ciphersuite.ErrKeySize)

	// Two messages under the same key differ in guard, and so in everything.
	again := p.seal(t, p.sign(t, WireFormatPrivateMessage, p.content(member, "hello")), Padding{})
	require.NotEqual(t, m.Ciphertext, again.Ciphertext)

	// The leaf that the sender data names is the one whose key must verify.
	sender.LeafIndex = 7
	u, err := m.Open(OpenPrivateParams{Suite: p.suite, SenderData: sender, Key: p.messageKey, Nonce: p.messageNonce})
	require.NoError(t, err)
	_, err = u.Verify(p.verifying())
	requireRule(t, "V-FR-05", err)

	_, err = p.sign(t, WireFormatPrivateMessage, p.content(member, "x")).SealPrivate(SealPrivateParams{Suite: p.suite, Rand: bytes.NewReader(nil)})
	require.ErrorIs(t, err, io.EOF)
}

// TestShortCiphertexts derives sender data keys from less ciphertext than a whole sample.
func TestShortCiphertexts(t *testing.T) {
	eachSuite(t, func(t *testing.T, p *party) {
		sample := bytes.Repeat([]byte{1}, p.suite.HashSize+1)
		seen := map[string]bool{}
		for n := range sample {
			key, nonce := (&PrivateMessage{Ciphertext: sample[:n]}).SenderDataKeyAndNonce(p.suite, p.senderData)
			require.Equal(t, p.suite.KeySize, key.Len())
			require.Equal(t, p.suite.NonceSize, nonce.Len())
			seen[string(key.Bytes())] = true
			_, err := (&PrivateMessage{ContentType: ContentTypeCommit, Ciphertext: sample[:n]}).OpenSenderData(p.suite, p.senderData)
			require.ErrorIs(t, err, ciphersuite.ErrOpen)
		}
		require.Len(t, seen, p.suite.HashSize+1)
		whole, _ := (&PrivateMessage{Ciphertext: sample[:p.suite.HashSize]}).SenderDataKeyAndNonce(p.suite, p.senderData)
		longer, _ := (&PrivateMessage{Ciphertext: sample}).SenderDataKeyAndNonce(p.suite, p.senderData)
		require.True(t, whole.Equal(longer), "what follows the sample does not matter")
	})
}

func TestPaddingMustBeZero(t *testing.T) {
	p := anyParty(t)
	c := p.sign(t, WireFormatPrivateMessage, p.content(member, "hello"))
	sender := SenderData{LeafIndex: member.LeafIndex}
	m := &PrivateMessage{
		GroupID: c.u.Content.GroupID, Epoch: c.u.Content.Epoch, ContentType: ContentTypeApplication, AuthenticatedData: []byte("aad"),
	}
	aad, err := encoded(m.encodeAAD)
	require.NoError(t, err)
	open := func(plaintext []byte) error {
		var err error
		m.Ciphertext, err = p.suite.AEADSeal(p.messageKey, p.messageNonce.Bytes(), aad, plaintext)
		require.NoError(t, err)
		_, err = m.Open(OpenPrivateParams{Suite: p.suite, SenderData: sender, Key: p.messageKey, Nonce: p.messageNonce})
		return err
	}
	padded, err := c.paddedPlaintext(PadToMultiple(128))
	require.NoError(t, err)
	require.NoError(t, open(padded))
	bare, err := c.paddedPlaintext(Padding{})
	require.NoError(t, err)
	for _, i := range []int{len(bare), (len(bare) + len(padded)) / 2, len(padded) - 1} {
		bad := bytes.Clone(padded)
		bad[i] = 1
		requireRule(t, "V-FR-16", open(bad))
	}
	requireSyntaxError(t, open(bare[:len(bare)-1]), len(bare))
	requireSyntaxError(t, open(nil), 0)
}
