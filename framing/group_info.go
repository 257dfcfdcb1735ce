package framing

// RFC 9420, Section 12.4.3: Adding Members to the Group.

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

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
	read(r.Field("group_context"), &g.GroupContext)
	g.Extensions = readList[Extension](r.Field("extensions"))
	g.ConfirmationTag = r.Field("confirmation_tag").Opaque()
	g.Signer = LeafIndex(r.Field("signer").Uint32())
	g.Signature = r.Field("signature").Opaque()
}

// Sign sets the signature (RFC 9420, Section 12.4.3). That the signer belongs to the leaf g.Signer is the caller's
// business, since only the tree knows that leaf.
func (g *GroupInfo) Sign(p SignParams) error {
	tbs, err := encoded(g.encodeUnsigned)
	if err != nil {
		return err
	}
	signature, err := p.sign(labelGroupInfoTBS, tbs)
	if err != nil {
		return err
	}
	g.Signature = signature
	return nil
}

// VerifySignature checks the signature by key, which is that of leaf g.Signer (RFC 9420, Section 12.4.3). It fails
// with a *RuleError (rule V-WEL-05).
func (g *GroupInfo) VerifySignature(suite *ciphersuite.Suite, key ciphersuite.SignaturePublicKey) error {
	tbs, err := encoded(g.encodeUnsigned)
	if err != nil {
		return err
	}
	if err := suite.VerifyWithLabel(key, labelGroupInfoTBS, tbs, g.Signature); err != nil {
		return &RuleError{Rule: "V-WEL-05", Leaf: g.Signer, Detail: "signature of GroupInfo", Err: err}
	}
	return nil
}
