package framing

// RFC 9420, Section 6.3: Encoding and Decoding a Private Message.

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// Generation numbers the keys of one ratchet from 0 (RFC 9420, Section 9.1).
type Generation uint32

// PrivateMessage is content that is signed and encrypted (RFC 9420, Section 6.3).
type PrivateMessage struct {
	GroupID             []byte
	Epoch               Epoch
	ContentType         ContentType
	AuthenticatedData   []byte
	EncryptedSenderData []byte
	Ciphertext          []byte
}

// SenderData says which key a PrivateMessage is encrypted with (RFC 9420, Section 6.3.2).
type SenderData struct {
	LeafIndex  LeafIndex
	Generation Generation
	ReuseGuard [4]byte
}

func (*PrivateMessage) structName() string { return "PrivateMessage" }

func (m *PrivateMessage) encode(w *wire.Writer) {
	m.encodeAAD(w)
	w.Opaque(m.EncryptedSenderData)
	w.Opaque(m.Ciphertext)
}

func (m *PrivateMessage) decode(r *wire.Reader) {
	m.GroupID = r.Field("group_id").Opaque()
	m.Epoch = Epoch(r.Field("epoch").Uint64())
	m.ContentType = readEnum(r.Field("content_type"), ContentTypeCommit)
	m.AuthenticatedData = r.Field("authenticated_data").Opaque()
	m.EncryptedSenderData = r.Field("encrypted_sender_data").Opaque()
	m.Ciphertext = r.Field("ciphertext").Opaque()
}

// encodeSenderDataAAD writes SenderDataAAD (RFC 9420, Section 6.3.2).
func (m *PrivateMessage) encodeSenderDataAAD(w *wire.Writer) {
	w.Opaque(m.GroupID)
	w.Uint64(uint64(m.Epoch))
	writeEnum(w, ContentTypeCommit, m.ContentType)
}

// encodeAAD writes PrivateContentAAD (RFC 9420, Section 6.3.1).
func (m *PrivateMessage) encodeAAD(w *wire.Writer) {
	m.encodeSenderDataAAD(w)
	w.Opaque(m.AuthenticatedData)
}

func (*SenderData) structName() string { return "SenderData" }

func (s *SenderData) encode(w *wire.Writer) {
	w.Uint32(uint32(s.LeafIndex))
	w.Uint32(uint32(s.Generation))
	w.Raw(s.ReuseGuard[:])
}

func (s *SenderData) decode(r *wire.Reader) {
	s.LeafIndex = LeafIndex(r.Field("leaf_index").Uint32())
	s.Generation = Generation(r.Field("generation").Uint32())
	copy(s.ReuseGuard[:], r.Field("reuse_guard").Fixed(len(s.ReuseGuard)))
}

// SealPrivateParams is what content is encrypted with (RFC 9420, Section 6.3).
type SealPrivateParams struct {
	Suite            *ciphersuite.Suite
	Rand             io.Reader          // source of the reuse guard; crypto/rand.Reader in production
	SenderDataSecret ciphersuite.Secret // of the content's epoch
	Generation       Generation         // of Key and Nonce in the sender's ratchet
	Key              ciphersuite.Secret
	Nonce            ciphersuite.Secret
	Padding          Padding
}

// SealPrivate encrypts signed content (RFC 9420, Section 6.3). The key serves for this one message; the caller erases
// key and nonce afterwards. It fails with a *RuleError (rule V-FR-06) for content that was signed for another wire
// format.
func (c *AuthenticatedContent) SealPrivate(p SealPrivateParams) (*PrivateMessage, error) {
	if err := c.checkSigned(WireFormatPrivateMessage, p.Suite); err != nil {
		return nil, err
	}
	content := &c.u.Content
	sender, err := p.senderData(content.Sender.LeafIndex)
	if err != nil {
		return nil, err
	}
	plaintext, err := c.paddedPlaintext(p.Padding)
	if err != nil {
		return nil, err
	}
	m := &PrivateMessage{
		GroupID:           content.GroupID,
		Epoch:             content.Epoch,
		ContentType:       content.ContentType,
		AuthenticatedData: content.AuthenticatedData,
	}
	if err := m.sealContent(p, sender, plaintext); err != nil {
		return nil, err
	}
	if err := m.sealSenderData(p, sender); err != nil {
		return nil, err
	}
	return m, nil
}

// senderData draws a reuse guard (RFC 9420, Section 6.3.1).
func (p *SealPrivateParams) senderData(leaf LeafIndex) (*SenderData, error) {
	sender := &SenderData{LeafIndex: leaf, Generation: p.Generation}
	guard, err := p.Suite.RandomSecret(p.Rand, len(sender.ReuseGuard))
	if err != nil {
		return nil, fmt.Errorf("reuse guard: %w", err)
	}
	copy(sender.ReuseGuard[:], guard.Bytes())
	return sender, nil
}

// paddedPlaintext encodes PrivateMessageContent (RFC 9420, Section 6.3.1).
func (c *AuthenticatedContent) paddedPlaintext(padding Padding) ([]byte, error) {
	plaintext, err := encoded(func(w *wire.Writer) {
		c.u.Content.encodeBody(w)
		c.u.Auth.encode(w, c.u.Content.ContentType)
	})
	if err != nil {
		return nil, err
	}
	n := padding.PaddedLength(len(plaintext))
	if n > wire.MaxLength {
		return nil, errors.New("framing: content with padding is longer than a vector can be")
	}
	return append(plaintext, make([]byte, n-len(plaintext))...), nil
}

// sealContent encrypts PrivateMessageContent (RFC 9420, Section 6.3.1).
func (m *PrivateMessage) sealContent(p SealPrivateParams, sender *SenderData, plaintext []byte) error {
	aad, err := encoded(m.encodeAAD)
	if err != nil {
		return err
	}
	nonce, err := sender.guard(p.Suite, p.Nonce)
	if err != nil {
		return err
	}
	m.Ciphertext, err = p.Suite.AEADSeal(p.Key, nonce, aad, plaintext)
	return err
}

// sealSenderData encrypts SenderData with keys that follow from the ciphertext (RFC 9420, Section 6.3.2).
func (m *PrivateMessage) sealSenderData(p SealPrivateParams, sender *SenderData) error {
	plaintext, err := Marshal(sender)
	if err != nil {
		return err
	}
	aad, err := encoded(m.encodeSenderDataAAD)
	if err != nil {
		return err
	}
	key, nonce := m.SenderDataKeyAndNonce(p.Suite, p.SenderDataSecret)
	defer key.Erase()
	defer nonce.Erase()
	m.EncryptedSenderData, err = p.Suite.AEADSeal(key, nonce.Bytes(), aad, plaintext)
	return err
}

// OpenSenderData decrypts who sent the message and which key it takes (RFC 9420, Section 6.3.2). It comes from
// some member of the group, not necessarily the one it names. It fails with ciphersuite.ErrOpen or a *SyntaxError.
func (m *PrivateMessage) OpenSenderData(suite *ciphersuite.Suite, senderDataSecret ciphersuite.Secret) (SenderData, error) {
	aad, err := encoded(m.encodeSenderDataAAD)
	if err != nil {
		return SenderData{}, err
	}
	key, nonce := m.SenderDataKeyAndNonce(suite, senderDataSecret)
	defer key.Erase()
	defer nonce.Erase()
	plaintext, err := suite.AEADOpen(key, nonce.Bytes(), aad, m.EncryptedSenderData)
	if err != nil {
		return SenderData{}, fmt.Errorf("sender data: %w", err)
	}
	var sender SenderData
	if err := unmarshal(plaintext, &sender); err != nil {
		return SenderData{}, err
	}
	return sender, nil
}

// OpenPrivateParams is what content is decrypted with (RFC 9420, Section 6.3.1).
type OpenPrivateParams struct {
	Suite      *ciphersuite.Suite
	SenderData SenderData         // from OpenSenderData
	Key        ciphersuite.Secret // of the generation that SenderData names, as is Nonce
	Nonce      ciphersuite.Secret
	Bodies     Bodies // of custom proposals
}

// Open decrypts the content (RFC 9420, Section 6.3.1), whose signature is then to be verified by the key of the leaf
// that the sender data names. It fails with ciphersuite.ErrOpen, a *SyntaxError, or a *RuleError (rule V-FR-16) for
// padding that is not zero.
func (m *PrivateMessage) Open(p OpenPrivateParams) (*UnverifiedContent, error) {
	aad, err := encoded(m.encodeAAD)
	if err != nil {
		return nil, err
	}
	nonce, err := p.SenderData.guard(p.Suite, p.Nonce)
	if err != nil {
		return nil, err
	}
	plaintext, err := p.Suite.AEADOpen(p.Key, nonce, aad, m.Ciphertext)
	if err != nil {
		return nil, fmt.Errorf("private message: %w", err)
	}
	u := &UnverifiedContent{WireFormat: WireFormatPrivateMessage, Content: FramedContent{
		GroupID:           m.GroupID,
		Epoch:             m.Epoch,
		Sender:            Sender{SenderType: SenderTypeMember, LeafIndex: p.SenderData.LeafIndex},
		AuthenticatedData: m.AuthenticatedData,
		ContentType:       m.ContentType,
	}}
	if err := u.decodePrivate(p.Bodies, plaintext); err != nil {
		return nil, err
	}
	return u, nil
}

// decodePrivate reads PrivateMessageContent (RFC 9420, Section 6.3.1), of which the content type is known already.
func (u *UnverifiedContent) decodePrivate(bodies Bodies, plaintext []byte) error {
	r := wire.NewReader("PrivateMessageContent", plaintext)
	r.Grammar = bodies
	u.Content.decodeBody(r)
	u.Auth.decode(r, u.Content.ContentType)
	if padding := r.Field("padding").Fixed(r.Remaining()); len(bytes.Trim(padding, "\x00")) > 0 {
		return &RuleError{Rule: "V-FR-16", Leaf: u.Content.senderLeaf(), Detail: "padding is not zero"}
	}
	return r.Finish()
}

// guard returns nonce with the reuse guard mixed in (RFC 9420, Section 6.3.1).
func (s *SenderData) guard(suite *ciphersuite.Suite, nonce ciphersuite.Secret) ([]byte, error) {
	if nonce.Len() != suite.NonceSize {
		return nil, ciphersuite.ErrKeySize
	}
	out := bytes.Clone(nonce.Bytes())
	for i, g := range s.ReuseGuard {
		out[i] ^= g
	}
	return out, nil
}

// SenderDataKeyAndNonce derives what encrypts the sender data from the start of the message's ciphertext, which is made
// before (RFC 9420, Section 6.3.2). The caller owns both.
func (m *PrivateMessage) SenderDataKeyAndNonce(suite *ciphersuite.Suite, senderDataSecret ciphersuite.Secret) (key, nonce ciphersuite.Secret) {
	sample := m.Ciphertext[:min(len(m.Ciphertext), suite.HashSize)]
	key = suite.ExpandWithLabel(senderDataSecret, "key", sample, suite.KeySize)
	nonce = suite.ExpandWithLabel(senderDataSecret, "nonce", sample, suite.NonceSize)
	return key, nonce
}
