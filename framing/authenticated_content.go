package framing

// RFC 9420, Section 6.1: Content Authentication.

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// FramedContentAuthData authenticates a FramedContent (RFC 9420, Section 6.1).
type FramedContentAuthData struct {
	Signature       []byte
	ConfirmationTag []byte // of a commit
}

// UnverifiedContent is the structure AuthenticatedContent of RFC 9420, Section 6 as it comes from outside, before
// anybody has checked its signature. Verify makes an AuthenticatedContent of it.
type UnverifiedContent struct {
	WireFormat WireFormat // mls_public_message or mls_private_message
	Content    FramedContent
	Auth       FramedContentAuthData
}

func (a *FramedContentAuthData) encode(w *wire.Writer, t ContentType) {
	w.Opaque(a.Signature)
	if t == ContentTypeCommit {
		w.Opaque(a.ConfirmationTag)
	}
}

func (a *FramedContentAuthData) decode(r *wire.Reader, t ContentType) {
	r.Struct("FramedContentAuthData", func(r *wire.Reader) {
		*a = FramedContentAuthData{Signature: r.Field("signature").Opaque()}
		if t == ContentTypeCommit {
			a.ConfirmationTag = r.Field("confirmation_tag").Opaque()
		}
	})
}

func (*UnverifiedContent) structName() string { return "AuthenticatedContent" }

func (u *UnverifiedContent) encode(w *wire.Writer) {
	u.encodeContent(w)
	u.Auth.encode(w, u.Content.ContentType)
}

// encodeContent writes all that comes before the auth data.
func (u *UnverifiedContent) encodeContent(w *wire.Writer) {
	if !u.WireFormat.framesContent() {
		w.Failf("AuthenticatedContent in wire format %v", u.WireFormat)
		return
	}
	w.Uint16(uint16(u.WireFormat))
	u.Content.encode(w)
}

func (u *UnverifiedContent) decode(r *wire.Reader) {
	start := r.Offset()
	u.WireFormat = WireFormat(r.Field("wire_format").Uint16())
	if !u.WireFormat.framesContent() {
		r.FailAt(start, "wire format %v frames no content", u.WireFormat)
	}
	read(r.Field("content"), &u.Content)
	u.Auth.decode(r.Field("auth"), u.Content.ContentType)
}

// AuthenticatedContent is content whose signature has been made or verified (RFC 9420, Section 6). It comes out of
// FramedContent.Sign, PublicMessage.Open or UnverifiedContent.Verify, never out of bytes alone, and does not change.
type AuthenticatedContent struct {
	u          UnverifiedContent
	tbs        []byte // FramedContentTBS; of what was made compact, up to contentEnd
	contentEnd int    // where in tbs the content ends and the group context begins
	compact    bool
}

// versionSize is the length of the version in front of FramedContentTBS.
const versionSize = 2

// Sign signs the content, for mls_public_message or mls_private_message, to which the signature binds it (RFC 9420,
// Section 6.1). context is that of the content's epoch; it is not used for external and new_member_proposal senders. A
// commit gets its confirmation tag afterwards, by WithConfirmationTag. Sign fails with a *RuleError when the sender may
// not send such content in this format, with a *SyntaxError when nobody could decode it within the memory that Unmarshal takes,
// and with ciphersuite.ErrSigner, also when the content is a newcomer's and the signer not the newcomer. The content must not
// change any more.
func (c *FramedContent) Sign(p SignParams, format WireFormat, context *GroupContext) (*AuthenticatedContent, error) {
	signed, err := prepare(&UnverifiedContent{WireFormat: format, Content: *c}, context)
	if err != nil {
		return nil, err
	}
	if err := c.checkDecodes(p.Bodies); err != nil {
		return nil, err
	}
	if key := c.NewcomerKey(); key != nil {
		signed.u.Auth.Signature, err = p.signAs(key, labelFramedContentTBS, signed.tbs)
	} else {
		signed.u.Auth.Signature, err = p.sign(labelFramedContentTBS, signed.tbs)
	}
	if err != nil {
		return nil, err
	}
	return signed, nil
}

// VerifyParams is what content is verified with (RFC 9420, Sections 6.1 and 6.2).
type VerifyParams struct {
	Suite         *ciphersuite.Suite
	SignatureKey  ciphersuite.SignaturePublicKey // of the member or external sender; not used for newcomers, who state it
	GroupContext  *GroupContext                  // of the content's epoch; not used for external and new_member_proposal senders
	MembershipKey ciphersuite.Secret             // of the content's epoch; used by PublicMessage.Open alone, for a member's message
}

// Verify checks the signature (RFC 9420, Section 6.1), and that such a sender may send such content in this wire
// format. It fails with a *RuleError. It checks neither a membership tag, which only PublicMessage.Open sees, nor the
// confirmation tag, which takes the key schedule of the next epoch.
func (u *UnverifiedContent) Verify(p VerifyParams) (*AuthenticatedContent, error) {
	c, err := prepare(u, p.GroupContext)
	if err != nil {
		return nil, err
	}
	if err := c.verify(p); err != nil {
		return nil, err
	}
	return c, nil
}

func (c *AuthenticatedContent) verify(p VerifyParams) error {
	key, rule := p.SignatureKey, ""
	switch c.u.Content.Sender.SenderType {
	case SenderTypeMember:
		rule = "V-FR-05"
	case SenderTypeExternal:
		rule = "V-FR-11"
	case SenderTypeNewMemberProposal:
		key, rule = c.u.Content.NewcomerKey(), "V-FR-12"
	case SenderTypeNewMemberCommit:
		key, rule = c.u.Content.NewcomerKey(), "V-FR-13"
	}
	if err := p.Suite.VerifyWithLabel(key, labelFramedContentTBS, c.tbs, c.u.Auth.Signature); err != nil {
		return &RuleError{Rule: rule, Leaf: c.u.Content.senderLeaf(), Detail: "signature of content", Err: err}
	}
	return nil
}

// prepare checks what can be checked without keys and encodes FramedContentTBS (RFC 9420, Section 6.1).
func prepare(u *UnverifiedContent, context *GroupContext) (*AuthenticatedContent, error) {
	if err := u.Content.check(u.WireFormat); err != nil {
		return nil, err
	}
	w := wire.NewWriter(nil)
	w.Uint16(uint16(MLS10))
	u.encodeContent(w)
	contentEnd := w.Len()
	switch u.Content.Sender.SenderType {
	case SenderTypeMember, SenderTypeNewMemberCommit:
		if err := u.Content.checkContext(context); err != nil {
			return nil, err
		}
		context.encode(w)
	}
	tbs, err := w.Bytes()
	if err != nil {
		return nil, err
	}
	return &AuthenticatedContent{u: *u, tbs: tbs, contentEnd: contentEnd}, nil
}

// checkContext refuses a group context of another group or epoch, under which no honest sender signs the content.
func (c *FramedContent) checkContext(context *GroupContext) error {
	switch {
	case context == nil:
		return errors.New("framing: a member's content needs a group context")
	case !bytes.Equal(context.GroupID, c.GroupID):
		return &RuleError{Rule: "V-FR-01", Leaf: c.senderLeaf(), Detail: "content is for another group"}
	case context.Epoch != c.Epoch:
		return &RuleError{Rule: "V-FR-02", Leaf: c.senderLeaf(), Detail: "content is for another epoch"}
	}
	return nil
}

// WithConfirmationTag returns the same commit with its confirmation tag, which is made after the signature (RFC 9420,
// Section 6.1).
func (c *AuthenticatedContent) WithConfirmationTag(tag []byte) *AuthenticatedContent {
	out := *c
	out.u.Auth.ConfirmationTag = tag
	return &out
}

// Compact returns the same content without the copy of the group context that was signed with it, for keeping. It cannot be
// sealed any more.
func (c *AuthenticatedContent) Compact() *AuthenticatedContent {
	if c.compact {
		return c
	}
	out := *c
	out.tbs, out.compact = bytes.Clone(c.tbs[:c.contentEnd]), true
	return &out
}

// Size returns the length of the encoded content (RFC 9420, Section 6), without signature and confirmation tag.
func (c *AuthenticatedContent) Size() int { return max(0, c.contentEnd-versionSize) }

// WireFormat returns the wire format that the signature covers.
func (c *AuthenticatedContent) WireFormat() WireFormat { return c.u.WireFormat }

// Content returns what was signed, for reading only.
func (c *AuthenticatedContent) Content() *FramedContent { return &c.u.Content }

// Auth returns the signature and the confirmation tag, for reading only.
func (c *AuthenticatedContent) Auth() *FramedContentAuthData { return &c.u.Auth }

// Unverified returns the content in the form that Marshal takes, for storage.
func (c *AuthenticatedContent) Unverified() *UnverifiedContent {
	u := c.u
	return &u
}

// ConfirmedTranscriptHashInput returns the structure of this name for a commit (RFC 9420, Section 8.2).
func (c *AuthenticatedContent) ConfirmedTranscriptHashInput() ([]byte, error) {
	if err := c.u.mustBe(ContentTypeCommit); err != nil {
		return nil, err
	}
	return c.followContent(func(w *wire.Writer) { w.Opaque(c.u.Auth.Signature) })
}

// ConfirmedTranscriptHashInput returns the structure of this name for a commit (RFC 9420, Section 8.2).
func (u *UnverifiedContent) ConfirmedTranscriptHashInput() ([]byte, error) {
	if err := u.mustBe(ContentTypeCommit); err != nil {
		return nil, err
	}
	return encoded(func(w *wire.Writer) {
		u.encodeContent(w)
		w.Opaque(u.Auth.Signature)
	})
}

// ProposalRef returns the hash by which a commit names this proposal (RFC 9420, Section 5.2).
func (c *AuthenticatedContent) ProposalRef(suite *ciphersuite.Suite) (ProposalRef, error) {
	if err := c.u.mustBe(ContentTypeProposal); err != nil {
		return nil, err
	}
	b, err := c.followContent(func(w *wire.Writer) { c.u.Auth.encode(w, ContentTypeProposal) })
	if err != nil {
		return nil, err
	}
	return suite.RefHash(proposalRefLabel, b), nil
}

// proposalRefLabel is a label of RefHash (RFC 9420, Section 5.2).
const proposalRefLabel = "MLS 1.0 Proposal Reference"

// ProposalRef returns the hash by which a commit would name this proposal (RFC 9420, Section 5.2), for tools: what
// nobody has verified is not to be committed.
func (u *UnverifiedContent) ProposalRef(suite *ciphersuite.Suite) (ProposalRef, error) {
	if err := u.mustBe(ContentTypeProposal); err != nil {
		return nil, err
	}
	b, err := Marshal(u)
	if err != nil {
		return nil, err
	}
	return suite.RefHash(proposalRefLabel, b), nil
}

// followContent returns the encoded wire format and content, taken from what was signed, with what write writes after
// it.
func (c *AuthenticatedContent) followContent(write func(*wire.Writer)) ([]byte, error) {
	return encoded(func(w *wire.Writer) {
		w.Raw(c.tbs[versionSize:c.contentEnd])
		write(w)
	})
}

func (u *UnverifiedContent) mustBe(t ContentType) error {
	if u.Content.ContentType != t {
		return fmt.Errorf("framing: content is of type %v, not %v", u.Content.ContentType, t)
	}
	return nil
}

// checkSigned checks that content is complete and was signed for format f.
func (c *AuthenticatedContent) checkSigned(f WireFormat, suite *ciphersuite.Suite) error {
	if c.compact {
		return errors.New("framing: content that was made compact cannot be sealed")
	}
	if c.u.WireFormat != f {
		return &RuleError{
			Rule:   "V-FR-06",
			Leaf:   c.u.Content.senderLeaf(),
			Detail: "content was signed for " + c.u.WireFormat.String() + ", not " + f.String(),
		}
	}
	return c.checkConfirmationTag(suite)
}

// checkConfirmationTag refuses to send a commit that has no confirmation tag yet.
func (c *AuthenticatedContent) checkConfirmationTag(suite *ciphersuite.Suite) error {
	if c.u.Content.ContentType == ContentTypeCommit && len(c.u.Auth.ConfirmationTag) != suite.HashSize {
		return errors.New("framing: commit has no confirmation tag of the suite's size")
	}
	return nil
}
