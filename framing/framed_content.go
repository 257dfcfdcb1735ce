package framing

// RFC 9420, Section 6: Message Framing.

import (
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// ContentType says what a FramedContent holds (RFC 9420, Section 6).
type ContentType uint8

// The types of content (RFC 9420, Section 6).
const (
	ContentTypeApplication ContentType = 1
	ContentTypeProposal    ContentType = 2
	ContentTypeCommit      ContentType = 3
)

// String returns the type's name in RFC 9420, or its value in hexadecimal.
func (t ContentType) String() string { return codeName(t, "application", "proposal", "commit") }

// SenderType says in what capacity somebody sends (RFC 9420, Section 6).
type SenderType uint8

// The types of senders (RFC 9420, Section 6).
const (
	SenderTypeMember            SenderType = 1
	SenderTypeExternal          SenderType = 2
	SenderTypeNewMemberProposal SenderType = 3
	SenderTypeNewMemberCommit   SenderType = 4
)

// String returns the type's name in RFC 9420, or its value in hexadecimal.
func (t SenderType) String() string {
	return codeName(t, "member", "external", "new_member_proposal", "new_member_commit")
}

// Sender says who sends (RFC 9420, Section 6). Until a signature is verified it is a mere claim.
type Sender struct {
	SenderType  SenderType
	LeafIndex   LeafIndex // when SenderType is member
	SenderIndex uint32    // when SenderType is external: a position in ExternalSenders
}

// FramedContent is what somebody says to a group (RFC 9420, Section 6).
type FramedContent struct {
	GroupID           []byte
	Epoch             Epoch
	Sender            Sender
	AuthenticatedData []byte

	ContentType     ContentType
	ApplicationData []byte   // when ContentType is application
	Proposal        Proposal // when ContentType is proposal
	Commit          *Commit  // when ContentType is commit
}

func (*Sender) structName() string { return "Sender" }

func (s *Sender) encode(w *wire.Writer) {
	writeEnum(w, SenderTypeNewMemberCommit, s.SenderType)
	switch s.SenderType {
	case SenderTypeMember:
		w.Uint32(uint32(s.LeafIndex))
	case SenderTypeExternal:
		w.Uint32(s.SenderIndex)
	}
}

func (s *Sender) decode(r *wire.Reader) {
	*s = Sender{SenderType: readEnum(r.Field("sender_type"), SenderTypeNewMemberCommit)}
	switch s.SenderType {
	case SenderTypeMember:
		s.LeafIndex = LeafIndex(r.Field("leaf_index").Uint32())
	case SenderTypeExternal:
		s.SenderIndex = r.Field("sender_index").Uint32()
	}
}

func (*FramedContent) structName() string { return "FramedContent" }

func (c *FramedContent) encode(w *wire.Writer) {
	w.Opaque(c.GroupID)
	w.Uint64(uint64(c.Epoch))
	c.Sender.encode(w)
	w.Opaque(c.AuthenticatedData)
	writeEnum(w, ContentTypeCommit, c.ContentType)
	c.encodeBody(w)
}

func (c *FramedContent) decode(r *wire.Reader) {
	c.GroupID = r.Field("group_id").Opaque()
	c.Epoch = Epoch(r.Field("epoch").Uint64())
	read(r.Field("sender"), &c.Sender)
	c.AuthenticatedData = r.Field("authenticated_data").Opaque()
	c.ContentType = readEnum(r.Field("content_type"), ContentTypeCommit)
	c.decodeBody(r)
}

// encodeBody writes what ContentType selects. PrivateMessageContent begins with the same bytes.
func (c *FramedContent) encodeBody(w *wire.Writer) {
	switch c.ContentType {
	case ContentTypeApplication:
		w.Opaque(c.ApplicationData)
	case ContentTypeProposal:
		(&TaggedProposal{c.Proposal}).encode(w)
	case ContentTypeCommit:
		if c.Commit == nil {
			w.Failf("Commit is missing")
			return
		}
		c.Commit.encode(w)
	}
}

func (c *FramedContent) decodeBody(r *wire.Reader) {
	c.ApplicationData, c.Proposal, c.Commit = nil, nil, nil
	switch c.ContentType {
	case ContentTypeApplication:
		c.ApplicationData = r.Field("application_data").Opaque()
	case ContentTypeProposal:
		readProposal(r.Field("proposal"), &c.Proposal)
	case ContentTypeCommit:
		c.Commit = new(Commit)
		read(r.Field("commit"), c.Commit)
	}
}

// checkDecodes checks that receivers can decode the body, which in a PrivateMessage stands alone.
func (c *FramedContent) checkDecodes(bodies Bodies) error {
	if c.ContentType == ContentTypeApplication {
		return nil
	}
	body, err := encoded(c.encodeBody)
	if err != nil {
		return err
	}
	if bodies == nil && c.hasRaw() { // whose end receivers know by a grammar that is not at hand
		return nil
	}
	r := wire.NewReader(c.structName(), body)
	r.Grammar = bodies
	r.Skim()
	(&FramedContent{ContentType: c.ContentType}).decodeBody(r)
	return r.Finish()
}

// hasRaw reports whether the content holds a proposal whose body Bodies describes.
func (c *FramedContent) hasRaw() bool {
	raw := func(p Proposal) bool {
		custom, ok := p.(*CustomProposal)
		return ok && custom.Raw
	}
	if c.Commit == nil {
		return raw(c.Proposal)
	}
	return slices.ContainsFunc(c.Commit.Proposals, func(p ProposalOrRef) bool { return raw(p.Proposal) })
}

// NewcomerKey returns the key that signs a message of somebody who is not a member yet, which stands in the message
// itself: that of the leaf in the Add or in the external commit's path (RFC 9420, Section 6.1). It is nil for every
// other sender, and when the content is not what such a sender may send.
func (c *FramedContent) NewcomerKey() ciphersuite.SignaturePublicKey {
	switch {
	case c.Sender.SenderType == SenderTypeNewMemberProposal && c.ContentType == ContentTypeProposal:
		if add, ok := c.Proposal.(*Add); ok && add.KeyPackage != nil {
			return add.KeyPackage.LeafNode.SignatureKey
		}
	case c.Sender.SenderType == SenderTypeNewMemberCommit && c.ContentType == ContentTypeCommit:
		if c.Commit != nil && c.Commit.Path != nil {
			return c.Commit.Path.LeafNode.SignatureKey
		}
	}
	return nil
}

// check checks what can be checked without a group: whether such a sender may send such content in format f.
func (c *FramedContent) check(f WireFormat) error {
	rule, detail := "", ""
	switch sender := c.Sender.SenderType; {
	case !f.framesContent():
		rule, detail = "V-WIRE-09", "wire format "+f.String()+" frames no content"
	case f == WireFormatPublicMessage && c.ContentType == ContentTypeApplication:
		rule, detail = "V-APP-01", "application data in a PublicMessage"
	case f == WireFormatPrivateMessage && sender != SenderTypeMember:
		rule, detail = "V-FR-14", "PrivateMessage from a sender of type "+sender.String()
	case f == WireFormatPrivateMessage && c.isSelfRemove():
		rule, detail = "V-SR-02", "SelfRemove in a PrivateMessage, which a newcomer could not read"
	case sender == SenderTypeExternal && c.isSelfRemove():
		rule, detail = "V-SR-01", "SelfRemove of somebody who is not a member"
	case sender == SenderTypeExternal && !c.openToExternal():
		rule, detail = "V-FR-10", "external sender may not send this"
	case sender == SenderTypeNewMemberProposal && c.NewcomerKey() == nil:
		rule, detail = "V-FR-12", "new_member_proposal without an Add"
	case sender == SenderTypeNewMemberCommit && c.NewcomerKey() == nil:
		rule, detail = "V-FR-13", "new_member_commit without a path"
	default:
		return nil
	}
	return &RuleError{Rule: rule, Leaf: c.senderLeaf(), Detail: detail}
}

// framesContent reports whether a message of the format carries a FramedContent.
func (f WireFormat) framesContent() bool {
	return f == WireFormatPublicMessage || f == WireFormatPrivateMessage
}

// openToExternal reports whether an external sender may send the content (RFC 9420, Section 12.1.8). Whether it may
// send a proposal of a custom type is known only to who defined the type, so that package mls decides it.
func (c *FramedContent) openToExternal() bool {
	if c.ContentType != ContentTypeProposal || c.Proposal == nil {
		return false
	}
	t := c.Proposal.ProposalType()
	return t != ProposalTypeUpdate && t != ProposalTypeExternalInit
}

func (c *FramedContent) isSelfRemove() bool {
	_, leaves := c.Proposal.(*SelfRemove)
	return leaves && c.ContentType == ContentTypeProposal
}

// senderLeaf returns the leaf to name in errors.
func (c *FramedContent) senderLeaf() LeafIndex {
	if c.Sender.SenderType == SenderTypeMember {
		return c.Sender.LeafIndex
	}
	return NoLeaf
}
