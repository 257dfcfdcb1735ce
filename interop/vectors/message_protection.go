package vectors

import (
	"bytes"
	"crypto"
	"crypto/rand"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
)

// messageProtection is a case of message-protection.json: messages from the member at leaf 1 of a group of two.
type messageProtection struct {
	suited
	GroupID                 hexBytes `json:"group_id"`
	Epoch                   uint64   `json:"epoch"`
	TreeHash                hexBytes `json:"tree_hash"`
	ConfirmedTranscriptHash hexBytes `json:"confirmed_transcript_hash"`

	SignaturePriv hexBytes `json:"signature_priv"`
	SignaturePub  hexBytes `json:"signature_pub"`

	EncryptionSecret hexBytes `json:"encryption_secret"`
	SenderDataSecret hexBytes `json:"sender_data_secret"`
	MembershipKey    hexBytes `json:"membership_key"`

	Proposal     hexBytes `json:"proposal"`
	ProposalPub  hexBytes `json:"proposal_pub"`
	ProposalPriv hexBytes `json:"proposal_priv"`

	Commit     hexBytes `json:"commit"`
	CommitPub  hexBytes `json:"commit_pub"`
	CommitPriv hexBytes `json:"commit_priv"`

	Application     hexBytes `json:"application"`
	ApplicationPriv hexBytes `json:"application_priv"`
}

const (
	protectionLeaves = 2
	protectionSender = framing.LeafIndex(1)
)

// protection is the state of the sender and of a receiver in one such group.
type protection struct {
	*messageProtection
	*trial
	context *framing.GroupContext
	signer  crypto.Signer
}

// sample is one content in all the forms that the case gives.
type sample struct {
	name      string
	raw       []byte
	pub, priv []byte // pub is nil for application data
	content   framing.FramedContent
	kind      keyschedule.RatchetKind
}

func replayMessageProtection(t *trial, c *messageProtection) {
	p := &protection{messageProtection: c, trial: t, context: groupContext(t.suite, groupState{
		id: c.GroupID, epoch: c.Epoch, treeHash: c.TreeHash, transcript: c.ConfirmedTranscriptHash,
	})}
	var err error
	if p.signer, err = t.suite.ParseSigner(c.SignaturePriv.secret()); !t.succeeds("signature_priv is a key", err) {
		return
	}
	var proposal framing.TaggedProposal
	err = framing.Unmarshal(c.Proposal, &proposal)
	if t.succeeds("proposal decodes", err) {
		s := sample{name: "proposal", raw: c.Proposal, pub: c.ProposalPub, priv: c.ProposalPriv}
		s.content = p.content(framing.FramedContent{ContentType: framing.ContentTypeProposal, Proposal: proposal.Proposal})
		p.replay(&s)
	}
	commit := new(framing.Commit)
	if t.decode("commit", c.Commit, commit) {
		s := sample{name: "commit", raw: c.Commit, pub: c.CommitPub, priv: c.CommitPriv}
		s.content = p.content(framing.FramedContent{ContentType: framing.ContentTypeCommit, Commit: commit})
		p.replay(&s)
	}
	s := sample{name: "application", raw: c.Application, priv: c.ApplicationPriv, kind: keyschedule.ApplicationRatchet}
	s.content = p.content(framing.FramedContent{ContentType: framing.ContentTypeApplication, ApplicationData: c.Application})
	p.replay(&s)
}

// content fills in what all contents of the case share.
func (p *protection) content(c framing.FramedContent) framing.FramedContent {
	c.GroupID = p.context.GroupID
	c.Epoch = p.context.Epoch
	c.Sender = framing.Sender{SenderType: framing.SenderTypeMember, LeafIndex: protectionSender}
	return c
}

func (p *protection) replay(s *sample) {
	if s.content.ContentType == framing.ContentTypeApplication {
		_, err := s.content.Sign(p.signing(), framing.WireFormatPublicMessage, p.context)
		if err == nil {
			p.fail("protecting application data as PublicMessage", "success", "an error")
		}
	} else {
		if m, ok := message[*framing.PublicMessage](p.trial, s.name+"_pub", s.pub); ok {
			p.opensPublic(s, s.name+"_pub", m)
		}
		if m, ok := p.protectPublic(s); ok {
			p.opensPublic(s, s.name+" that Copse protected as PublicMessage", m)
		}
	}
	if m, ok := message[*framing.PrivateMessage](p.trial, s.name+"_priv", s.priv); ok {
		p.opensPrivate(s, s.name+"_priv", m)
	}
	if m, ok := p.protectPrivate(s); ok {
		p.opensPrivate(s, s.name+" that Copse protected as PrivateMessage", m)
	}
}

// opensPublic checks that a receiver gets the raw value out of m.
func (p *protection) opensPublic(s *sample, check string, m *framing.PublicMessage) {
	content, err := m.Open(p.verifying())
	if p.succeeds(check+" verifies", err) {
		p.holds(s, check, content)
	}
}

// opensPrivate checks that a receiver gets the raw value out of m.
func (p *protection) opensPrivate(s *sample, check string, m *framing.PrivateMessage) {
	tree, ok := p.secretTree(p.EncryptionSecret, protectionLeaves, framing.NoLeaf)
	if !ok {
		return
	}
	sender, err := m.OpenSenderData(p.suite, p.SenderDataSecret.secret())
	if !p.succeeds(check+" sender data decrypts", err) {
		return
	}
	same(p.trial, check+" sender", sender.LeafIndex, protectionSender)
	key, _, err := tree.ReceivingKey(sender.LeafIndex, s.kind, sender.Generation)
	if !p.succeeds(check+" key", err) {
		return
	}
	unverified, err := m.Open(framing.OpenPrivateParams{Suite: p.suite, SenderData: sender, Key: key.Key, Nonce: key.Nonce})
	if !p.succeeds(check+" decrypts", err) {
		return
	}
	content, err := unverified.Verify(p.verifying())
	if p.succeeds(check+" verifies", err) {
		p.holds(s, check, content)
	}
}

// holds checks that content is the raw value of the sample.
func (p *protection) holds(s *sample, check string, content *framing.AuthenticatedContent) {
	var (
		raw []byte
		err error
	)
	switch c := content.Content(); c.ContentType {
	case framing.ContentTypeProposal:
		raw, err = framing.Marshal(&framing.TaggedProposal{Proposal: c.Proposal})
	case framing.ContentTypeCommit:
		raw, err = framing.Marshal(c.Commit)
	case framing.ContentTypeApplication:
		raw = c.ApplicationData
	}
	if p.succeeds(check+" encodes", err) {
		same(p.trial, check+" content type", content.Content().ContentType, s.content.ContentType)
		p.equal(check+" holds the raw value", raw, s.raw)
	}
}

// protectPublic makes a PublicMessage, passed through its encoding.
func (p *protection) protectPublic(s *sample) (*framing.PublicMessage, bool) {
	content, ok := p.sign(s, framing.WireFormatPublicMessage)
	if !ok {
		return nil, false
	}
	m, err := content.SealPublic(p.suite, p.MembershipKey.secret())
	if !p.succeeds("protecting "+s.name+" as PublicMessage", err) {
		return nil, false
	}
	return message[*framing.PublicMessage](p.trial, s.name+" as PublicMessage", p.encode(s.name, &framing.Message{Body: m}))
}

// protectPrivate makes a PrivateMessage, passed through its encoding.
func (p *protection) protectPrivate(s *sample) (*framing.PrivateMessage, bool) {
	content, ok := p.sign(s, framing.WireFormatPrivateMessage)
	if !ok {
		return nil, false
	}
	tree, ok := p.secretTree(p.EncryptionSecret, protectionLeaves, protectionSender)
	if !ok {
		return nil, false
	}
	key, _, err := tree.SendingKey(s.kind)
	if !p.succeeds("key for sending "+s.name, err) {
		return nil, false
	}
	m, err := content.SealPrivate(framing.SealPrivateParams{
		Suite:            p.suite,
		Rand:             rand.Reader,
		SenderDataSecret: p.SenderDataSecret.secret(),
		Generation:       key.Generation,
		Key:              key.Key,
		Nonce:            key.Nonce,
		Padding:          framing.Padme(),
	})
	if !p.succeeds("protecting "+s.name+" as PrivateMessage", err) {
		return nil, false
	}
	return message[*framing.PrivateMessage](p.trial, s.name+" as PrivateMessage", p.encode(s.name, &framing.Message{Body: m}))
}

// sign signs the content of the sample. A commit gets some confirmation tag: nothing in the case says which is right.
func (p *protection) sign(s *sample, format framing.WireFormat) (*framing.AuthenticatedContent, bool) {
	content, err := s.content.Sign(p.signing(), format, p.context)
	if !p.succeeds("signing "+s.name, err) {
		return nil, false
	}
	if s.content.ContentType == framing.ContentTypeCommit {
		content = content.WithConfirmationTag(bytes.Repeat([]byte{1}, p.suite.HashSize))
	}
	return content, true
}

func (p *protection) signing() framing.SignParams {
	return framing.SignParams{Suite: p.suite, Rand: rand.Reader, Signer: p.signer}
}

func (p *protection) verifying() framing.VerifyParams {
	return framing.VerifyParams{
		Suite:        p.suite,
		SignatureKey: ciphersuite.SignaturePublicKey(p.SignaturePub),
		GroupContext: p.context, MembershipKey: p.MembershipKey.secret(),
	}
}
