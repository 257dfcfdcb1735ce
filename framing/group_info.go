package framing

// RFC 9420, Section 12.4.3: Adding Members to the Group.

import "github.com/copse-mls/copse/internal/wire"

// GroupInfo describes a group to somebody who wants to join it (RFC 9420, Section 12.4.3).
type GroupInfo struct {
	GroupContext    GroupContext
	Extensions      Extensions
	ConfirmationTag []byte
	Signer          LeafIndex
	Signature       []byte
}

func (*GroupInfo) structName() string { return "GroupInfo" }

func (g *GroupInfo) encode(w *wire.Writer) {
	g.encodeUnsigned(w)
	w.Opaque(g.Signature)
}

// encodeUnsigned writes GroupInfoTBS.
func (g *GroupInfo) encodeUnsigned(w *wire.Writer) {
	g.GroupContext.encode(w)
	writeList(w, g.Extensions)
	w.Opaque(g.ConfirmationTag)
	w.Uint32(uint32(g.Signer))
}

func (g *GroupInfo) decode(r *wire.Reader) {
	read(r, &g.GroupContext)
	g.Extensions = readList[Extension](r)
	g.ConfirmationTag = r.Opaque()
	g.Signer = LeafIndex(r.Uint32())
	g.Signature = r.Opaque()
}
