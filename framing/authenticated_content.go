package framing

// RFC 9420, Section 6.1: Content Authentication.

import "github.com/copse-mls/copse/internal/wire"

// FramedContentAuthData authenticates a FramedContent (RFC 9420, Section 6.1).
type FramedContentAuthData struct {
	Signature       []byte
	ConfirmationTag []byte // of a commit
}

// UnverifiedContent is the structure AuthenticatedContent of RFC 9420, Section 6 as it comes from outside, before
// anybody has checked its signature.
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
		*a = FramedContentAuthData{Signature: r.Opaque()}
		if t == ContentTypeCommit {
			a.ConfirmationTag = r.Opaque()
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
	u.WireFormat = WireFormat(r.Uint16())
	if !u.WireFormat.framesContent() {
		r.Failf("wire format %v frames no content", u.WireFormat)
	}
	read(r, &u.Content)
	u.Auth.decode(r, u.Content.ContentType)
}

func (f WireFormat) framesContent() bool {
	return f == WireFormatPublicMessage || f == WireFormatPrivateMessage
}
