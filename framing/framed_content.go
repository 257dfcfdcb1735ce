package framing

// RFC 9420, Section 6: Message Framing.

import "github.com/copse-mls/copse/internal/wire"

// ContentType says what a FramedContent holds (RFC 9420, Section 6).
type ContentType uint8

// The types of content (RFC 9420, Section 6).
const (
	ContentTypeApplication ContentType = 1
	ContentTypeProposal    ContentType = 2
	ContentTypeCommit      ContentType = 3
)

// String is the type's name in RFC 9420, or its value in hexadecimal.
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

// String is the type's name in RFC 9420, or its value in hexadecimal.
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
	*s = Sender{SenderType: readEnum(r, SenderTypeNewMemberCommit)}
	switch s.SenderType {
	case SenderTypeMember:
		s.LeafIndex = LeafIndex(r.Uint32())
	case SenderTypeExternal:
		s.SenderIndex = r.Uint32()
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
	c.GroupID = r.Opaque()
	c.Epoch = Epoch(r.Uint64())
	read(r, &c.Sender)
	c.AuthenticatedData = r.Opaque()
	c.ContentType = readEnum(r, ContentTypeCommit)
	c.decodeBody(r)
}

// encodeBody writes what ContentType selects. PrivateMessageContent begins with the same bytes.
func (c *FramedContent) encodeBody(w *wire.Writer) {
	switch c.ContentType {
	case ContentTypeApplication:
		w.Opaque(c.ApplicationData)
	case ContentTypeProposal:
		(&taggedProposal{c.Proposal}).encode(w)
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
		c.ApplicationData = r.Opaque()
	case ContentTypeProposal:
		var t taggedProposal
		read(r, &t)
		c.Proposal = t.p
	case ContentTypeCommit:
		c.Commit = new(Commit)
		read(r, c.Commit)
	}
}
