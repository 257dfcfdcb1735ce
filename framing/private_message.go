package framing

// RFC 9420, Section 6.3: Encoding and Decoding a Private Message.

import "github.com/copse-mls/copse/internal/wire"

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
	m.GroupID = r.Opaque()
	m.Epoch = Epoch(r.Uint64())
	m.ContentType = readEnum(r, ContentTypeCommit)
	m.AuthenticatedData = r.Opaque()
	m.EncryptedSenderData = r.Opaque()
	m.Ciphertext = r.Opaque()
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
	s.LeafIndex = LeafIndex(r.Uint32())
	s.Generation = Generation(r.Uint32())
	copy(s.ReuseGuard[:], r.Fixed(len(s.ReuseGuard)))
}
