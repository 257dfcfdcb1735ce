package mlstest

// RFC 9420, Sections 6.1 to 6.3: framing of content, without a check.

import (
	"crypto"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
	"github.com/copse-mls/copse/keyschedule"
)

// Content is a message that is being made. Its fields say how it is signed, tagged and encrypted; a caller changes them,
// and sets hooks, which run in the order in which they are listed here.
type Content struct {
	framing.FramedContent

	// Signing.
	Format  framing.WireFormat // under which the content is signed and sent
	Version framing.ProtocolVersion
	Context *framing.GroupContext // signed along; nil leaves it out
	Signer  crypto.Signer
	Label   string // of the signature
	// OnSigned runs when signature and, in a commit, confirmation tag are made, before any MAC over them.
	OnSigned func(*framing.FramedContentAuthData)

	// Of a PublicMessage.
	MembershipKey ciphersuite.Secret
	SendAs        framing.WireFormat // the format to send in, when it is not the one that was signed
	OnPublic      func(*framing.PublicMessage)

	// Of a PrivateMessage.
	Leaf       framing.LeafIndex       // whose ratchet the key comes from
	Generation *framing.Generation     // of the key; nil means the sender's next one
	Ratchet    keyschedule.RatchetKind // that the key comes from
	Padding    []byte
	OnPlain    func([]byte) []byte // the plaintext, before it is encrypted
	OnSender   func(*framing.SenderData)
	// OnSenderPlain is the encoded sender data, before it is encrypted.
	OnSenderPlain func([]byte) []byte
	OnPrivate     func(*framing.PrivateMessage)
}

// content returns what the insider sends when nothing is changed.
func (in *Insider) content(ct framing.ContentType) *Content {
	c := &Content{
		FramedContent: framing.FramedContent{
			GroupID: in.Context.GroupID, Epoch: in.Context.Epoch, Sender: in.Sender, ContentType: ct},
		Format: framing.WireFormatPublicMessage, Version: framing.MLS10, Context: &in.Context, Signer: in.Signer,
		Label: "FramedContentTBS", Leaf: in.Leaf, Ratchet: keyschedule.RatchetFor(ct),
	}
	if in.Secrets != nil {
		c.MembershipKey = in.Secrets.MembershipKey
	}
	if ct == framing.ContentTypeApplication {
		c.Format = framing.WireFormatPrivateMessage
	}
	return c
}

// tbs returns FramedContentTBS (RFC 9420, Section 6.1).
func (c *Content) tbs(t TB) []byte {
	t.Helper()
	w := wire.NewWriter(nil)
	w.Uint16(uint16(c.Version))
	w.Uint16(uint16(c.Format))
	w.Raw(Marshal(t, &c.FramedContent))
	if c.Context != nil {
		w.Raw(Marshal(t, c.Context))
	}
	b, err := w.Bytes()
	must(t, err, "FramedContentTBS")
	return b
}

// sign makes the signature. In a commit, tag is called with it, for the confirmation tag.
func (c *Content) sign(t TB, suite *ciphersuite.Suite, tag func(signature []byte) []byte) *framing.FramedContentAuthData {
	t.Helper()
	tbs := c.tbs(t)
	signature, err := suite.SignWithLabel(Rand(string(tbs)), c.Signer, c.Label, tbs)
	must(t, err, "signing content")
	auth := &framing.FramedContentAuthData{Signature: signature}
	if tag != nil {
		auth.ConfirmationTag = tag(signature)
	}
	if c.OnSigned != nil {
		c.OnSigned(auth)
	}
	return auth
}

// encodeAuth returns FramedContentAuthData (RFC 9420, Section 6.1).
func (c *Content) encodeAuth(t TB, auth *framing.FramedContentAuthData) []byte {
	t.Helper()
	w := wire.NewWriter(nil)
	w.Opaque(auth.Signature)
	if c.ContentType == framing.ContentTypeCommit {
		w.Opaque(auth.ConfirmationTag)
	}
	b, err := w.Bytes()
	must(t, err, "FramedContentAuthData")
	return b
}

// frame makes the MLSMessage.
func (in *Insider) frame(t TB, c *Content, auth *framing.FramedContentAuthData) []byte {
	t.Helper()
	format := c.SendAs
	if format == 0 {
		format = c.Format
	}
	if format == framing.WireFormatPrivateMessage {
		return Message(t, in.private(t, c, auth))
	}
	return Message(t, in.public(t, c, auth))
}

// public makes a PublicMessage (RFC 9420, Section 6.2).
func (in *Insider) public(t TB, c *Content, auth *framing.FramedContentAuthData) *framing.PublicMessage {
	t.Helper()
	m := &framing.PublicMessage{Content: c.FramedContent, Auth: *auth}
	if c.Sender.SenderType == framing.SenderTypeMember {
		m.MembershipTag = in.Suite.MAC(c.MembershipKey, append(c.tbs(t), c.encodeAuth(t, auth)...))
	}
	if c.OnPublic != nil {
		c.OnPublic(m)
	}
	return m
}

// private makes a PrivateMessage (RFC 9420, Section 6.3).
func (in *Insider) private(t TB, c *Content, auth *framing.FramedContentAuthData) *framing.PrivateMessage {
	t.Helper()
	key := in.key(t, c)
	sender := framing.SenderData{LeafIndex: c.Leaf, Generation: key.Generation}
	m := &framing.PrivateMessage{
		GroupID: c.GroupID, Epoch: c.Epoch, ContentType: c.ContentType, AuthenticatedData: c.AuthenticatedData}
	plain := append(append(c.body(t), c.encodeAuth(t, auth)...), c.Padding...)
	if c.OnPlain != nil {
		plain = c.OnPlain(plain)
	}
	if _, err := Rand(string(plain)).Read(sender.ReuseGuard[:]); err != nil {
		t.Fatalf("mlstest: %v", err)
	}
	if c.OnSender != nil {
		c.OnSender(&sender)
	}
	nonce := append([]byte(nil), key.Nonce.Bytes()...)
	for k, g := range sender.ReuseGuard {
		nonce[k] ^= g
	}
	var err error
	aad, senderAAD := c.aad(t)
	m.Ciphertext, err = in.Suite.AEADSeal(key.Key, nonce, aad, plain)
	must(t, err, "encrypting content")
	senderKey, senderNonce := m.SenderDataKeyAndNonce(in.Suite, in.Secrets.SenderDataSecret)
	encoded := Marshal(t, &sender)
	if c.OnSenderPlain != nil {
		encoded = c.OnSenderPlain(encoded)
	}
	m.EncryptedSenderData, err = in.Suite.AEADSeal(senderKey, senderNonce.Bytes(), senderAAD, encoded)
	must(t, err, "encrypting sender data")
	if c.OnPrivate != nil {
		c.OnPrivate(m)
	}
	return m
}

// aad returns PrivateContentAAD and SenderDataAAD (RFC 9420, Sections 6.3.1 and 6.3.2).
func (c *Content) aad(t TB) (content, sender []byte) {
	t.Helper()
	w := wire.NewWriter(nil)
	w.Opaque(c.GroupID)
	w.Uint64(uint64(c.Epoch))
	w.Uint8(uint8(c.ContentType))
	n := w.Len()
	w.Opaque(c.AuthenticatedData)
	b, err := w.Bytes()
	must(t, err, "PrivateContentAAD")
	return b, b[:n:n]
}

// body returns the content without its header.
func (c *Content) body(t TB) []byte {
	t.Helper()
	var b []byte
	var err error
	switch c.ContentType {
	case framing.ContentTypeApplication:
		b = append(wire.AppendLength(nil, len(c.ApplicationData)), c.ApplicationData...)
	case framing.ContentTypeProposal:
		b, err = framing.Marshal(&framing.TaggedProposal{Proposal: c.Proposal})
	case framing.ContentTypeCommit:
		b, err = framing.Marshal(c.Commit)
	}
	must(t, err, "content")
	return b
}

// key returns the key that the content is encrypted with. A generation can be used any number of times.
func (in *Insider) key(t TB, c *Content) keyschedule.MessageKey {
	t.Helper()
	g := in.sent[c.Ratchet]
	if c.Generation != nil {
		g = *c.Generation
	} else {
		in.sent[c.Ratchet]++
	}
	key, _, err := in.messages.ReceivingKey(c.Leaf, c.Ratchet, g)
	must(t, err, "message key")
	return key
}

// Send makes a message of the insider's, with the content that change sets.
func (in *Insider) Send(t TB, ct framing.ContentType, change func(*Content)) []byte {
	t.Helper()
	c := in.content(ct)
	if change != nil {
		change(c)
	}
	var tag func([]byte) []byte
	if c.ContentType == framing.ContentTypeCommit {
		tag = func([]byte) []byte { return in.Tag } // not the right one: Commit makes that
	}
	return in.frame(t, c, c.sign(t, in.Suite, tag))
}

// Say sends application data.
func (in *Insider) Say(t TB, data string, change func(*Content)) []byte {
	t.Helper()
	return in.Send(t, framing.ContentTypeApplication, func(c *Content) {
		c.ApplicationData = []byte(data)
		if change != nil {
			change(c)
		}
	})
}

// Propose sends a proposal, and returns it in the form in which a commit can cover it by reference.
func (in *Insider) Propose(t TB, p framing.Proposal, change func(*Content)) ([]byte, Covered) {
	t.Helper()
	c := in.content(framing.ContentTypeProposal)
	c.Proposal = p
	if change != nil {
		change(c)
	}
	auth := c.sign(t, in.Suite, nil)
	input := Marshal(t, &framing.UnverifiedContent{WireFormat: c.Format, Content: c.FramedContent, Auth: *auth})
	ref := in.Suite.RefHash("MLS 1.0 Proposal Reference", input)
	return in.frame(t, c, auth), Covered{Proposal: c.Proposal, Sender: c.Sender, Ref: ref}
}
