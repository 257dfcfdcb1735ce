package framing

// RFC 9420, Section 8.1: Group Context.

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// Epoch numbers the states of a group from 0 (RFC 9420, Section 8.1).
type Epoch uint64

// GroupContext is the state that all members of a group agree on in one epoch (RFC 9420, Section 8.1).
type GroupContext struct {
	Version                 ProtocolVersion
	CipherSuite             ciphersuite.CipherSuite
	GroupID                 []byte
	Epoch                   Epoch
	TreeHash                []byte
	ConfirmedTranscriptHash []byte
	Extensions              Extensions
}

func (*GroupContext) structName() string { return "GroupContext" }

func (g *GroupContext) encode(w *wire.Writer) {
	w.Uint16(uint16(g.Version))
	w.Uint16(uint16(g.CipherSuite))
	w.Opaque(g.GroupID)
	w.Uint64(uint64(g.Epoch))
	w.Opaque(g.TreeHash)
	w.Opaque(g.ConfirmedTranscriptHash)
	writeList(w, g.Extensions)
}

func (g *GroupContext) decode(r *wire.Reader) {
	g.Version = ProtocolVersion(r.Field("version").Uint16())
	g.CipherSuite = ciphersuite.CipherSuite(r.Field("cipher_suite").Uint16())
	g.GroupID = r.Field("group_id").Opaque()
	g.Epoch = Epoch(r.Field("epoch").Uint64())
	g.TreeHash = r.Field("tree_hash").Opaque()
	g.ConfirmedTranscriptHash = r.Field("confirmed_transcript_hash").Opaque()
	g.Extensions = readList[Extension](r.Field("extensions"))
}
