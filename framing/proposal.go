package framing

// RFC 9420, Section 12.1: Proposals.

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// Proposal is a change that somebody wants the group to make (RFC 9420, Section 12.1): *Add, *Update, *Remove,
// *PreSharedKey, *ReInit, *ExternalInit, *GroupContextExtensions; of draft-ietf-mls-extensions, *AppDataUpdate, *AppEphemeral
// and *SelfRemove; or *CustomProposal. As a Value, each of them is its own structure without the type in front;
// TaggedProposal is a proposal with it.
type Proposal interface {
	Value
	// ProposalType returns the code point of the kind of proposal.
	ProposalType() ProposalType
	sealedProposal()
}

// Add asks for a new member (RFC 9420, Section 12.1.1).
type Add struct {
	KeyPackage *KeyPackage // must not change any more
}

// Update replaces the sender's leaf (RFC 9420, Section 12.1.2).
type Update struct {
	LeafNode LeafNode
}

// Remove asks for a member to leave (RFC 9420, Section 12.1.3).
type Remove struct {
	Removed LeafIndex
}

// PreSharedKey injects a pre-shared key into the key schedule (RFC 9420, Section 12.1.4).
type PreSharedKey struct {
	PSK PreSharedKeyID
}

// ReInit ends the group in favour of a new one with other parameters (RFC 9420, Section 12.1.5).
type ReInit struct {
	GroupID     []byte // of the new group
	Version     ProtocolVersion
	CipherSuite ciphersuite.CipherSuite
	Extensions  Extensions
}

// ExternalInit carries the init secret of a newcomer's external commit (RFC 9420, Section 12.1.6).
type ExternalInit struct {
	KEMOutput []byte
}

// GroupContextExtensions replaces all extensions of the group context (RFC 9420, Section 12.1.7).
type GroupContextExtensions struct {
	Extensions Extensions
}

// SelfRemove is a member's wish to leave (draft-ietf-mls-extensions, SelfRemove). It names nobody: it removes its sender. All
// members have to list ProposalTypeSelfRemove in the Capabilities of their leaves.
type SelfRemove struct{}

// CustomProposal is a proposal of any other type. RFC 9420 gives such a proposal no length: its body is opaque<V>, and Data
// that vector's content, unless Bodies says otherwise.
type CustomProposal struct {
	Type ProposalType
	Raw  bool // whether Data is the whole body, of which Bodies says where it ends
	Data []byte
}

// TaggedProposal is the structure that RFC 9420, Section 12.1 calls Proposal: a proposal with its type in front, to be
// marshalled or unmarshalled by itself. Unmarshal sets Proposal to one of the types that implement it.
type TaggedProposal struct {
	Proposal Proposal
}

func (*TaggedProposal) structName() string { return "Proposal" }

func (t *TaggedProposal) encode(w *wire.Writer) {
	if t.Proposal == nil {
		w.Failf("Proposal is missing")
		return
	}
	w.Uint16(uint16(t.Proposal.ProposalType()))
	t.Proposal.encode(w)
}

func (t *TaggedProposal) decode(r *wire.Reader) { decodeProposal(r, &t.Proposal) }

func decodeProposal(r *wire.Reader, into *Proposal) {
	*into = newProposal(r, ProposalType(r.Field("proposal_type").Uint16()))
	read(r.Field(""), *into)
}

// readProposal decodes a proposal with its type in front.
func readProposal(r *wire.Reader, into *Proposal) {
	r.Struct((*TaggedProposal)(nil).structName(), func(r *wire.Reader) { decodeProposal(r, into) })
}

// newProposal returns an empty proposal of a type, for r to fill.
func newProposal(r *wire.Reader, t ProposalType) Proposal {
	switch t {
	case ProposalTypeAdd:
		return newFor[Add](r)
	case ProposalTypeUpdate:
		return newFor[Update](r)
	case ProposalTypeRemove:
		return newFor[Remove](r)
	case ProposalTypePSK:
		return newFor[PreSharedKey](r)
	case ProposalTypeReInit:
		return newFor[ReInit](r)
	case ProposalTypeExternalInit:
		return newFor[ExternalInit](r)
	case ProposalTypeGroupContextExtensions:
		return newFor[GroupContextExtensions](r)
	case ProposalTypeAppDataUpdate:
		return newFor[AppDataUpdate](r)
	case ProposalTypeAppEphemeral:
		return newFor[AppEphemeral](r)
	case ProposalTypeSelfRemove:
		return newFor[SelfRemove](r)
	default:
		custom := newFor[CustomProposal](r)
		custom.Type = t
		return custom
	}
}

// ProposalType returns add.
func (*Add) ProposalType() ProposalType { return ProposalTypeAdd }

// ProposalType returns update.
func (*Update) ProposalType() ProposalType { return ProposalTypeUpdate }

// ProposalType returns remove.
func (*Remove) ProposalType() ProposalType { return ProposalTypeRemove }

// ProposalType returns psk.
func (*PreSharedKey) ProposalType() ProposalType { return ProposalTypePSK }

// ProposalType returns reinit.
func (*ReInit) ProposalType() ProposalType { return ProposalTypeReInit }

// ProposalType returns external_init.
func (*ExternalInit) ProposalType() ProposalType { return ProposalTypeExternalInit }

// ProposalType returns group_context_extensions.
func (*GroupContextExtensions) ProposalType() ProposalType { return ProposalTypeGroupContextExtensions }

// ProposalType returns app_data_update.
func (*AppDataUpdate) ProposalType() ProposalType { return ProposalTypeAppDataUpdate }

// ProposalType returns app_ephemeral.
func (*AppEphemeral) ProposalType() ProposalType { return ProposalTypeAppEphemeral }

// ProposalType returns self_remove.
func (*SelfRemove) ProposalType() ProposalType { return ProposalTypeSelfRemove }

// ProposalType returns p.Type.
func (p *CustomProposal) ProposalType() ProposalType { return p.Type }

func (*Add) sealedProposal()                    {}
func (*Update) sealedProposal()                 {}
func (*Remove) sealedProposal()                 {}
func (*PreSharedKey) sealedProposal()           {}
func (*ReInit) sealedProposal()                 {}
func (*ExternalInit) sealedProposal()           {}
func (*GroupContextExtensions) sealedProposal() {}
func (*AppDataUpdate) sealedProposal()          {}
func (*AppEphemeral) sealedProposal()           {}
func (*SelfRemove) sealedProposal()             {}
func (*CustomProposal) sealedProposal()         {}

func (*Add) structName() string                    { return "Add" }
func (*Update) structName() string                 { return "Update" }
func (*Remove) structName() string                 { return "Remove" }
func (*PreSharedKey) structName() string           { return "PreSharedKey" }
func (*ReInit) structName() string                 { return "ReInit" }
func (*ExternalInit) structName() string           { return "ExternalInit" }
func (*GroupContextExtensions) structName() string { return "GroupContextExtensions" }
func (*AppDataUpdate) structName() string          { return "AppDataUpdate" }
func (*AppEphemeral) structName() string           { return "AppEphemeral" }
func (*SelfRemove) structName() string             { return "SelfRemove" }
func (*CustomProposal) structName() string         { return "CustomProposal" }

func (p *Update) encode(w *wire.Writer)       { p.LeafNode.encode(w) }
func (p *Update) decode(r *wire.Reader)       { read(r.Field("leaf_node"), &p.LeafNode) }
func (p *Remove) encode(w *wire.Writer)       { w.Uint32(uint32(p.Removed)) }
func (p *Remove) decode(r *wire.Reader)       { p.Removed = LeafIndex(r.Field("removed").Uint32()) }
func (p *PreSharedKey) encode(w *wire.Writer) { p.PSK.encode(w) }
func (p *PreSharedKey) decode(r *wire.Reader) { read(r.Field("psk"), &p.PSK) }
func (p *ExternalInit) encode(w *wire.Writer) { w.Opaque(p.KEMOutput) }
func (p *ExternalInit) decode(r *wire.Reader) { p.KEMOutput = r.Field("kem_output").Opaque() }

func (p *Add) encode(w *wire.Writer) {
	if p.KeyPackage == nil {
		w.Failf("Add without a KeyPackage")
		return
	}
	p.KeyPackage.encode(w)
}

func (p *Add) decode(r *wire.Reader) {
	p.KeyPackage = newFor[KeyPackage](r)
	read(r.Field("key_package"), p.KeyPackage)
}

func (p *GroupContextExtensions) encode(w *wire.Writer) { writeList(w, p.Extensions) }
func (p *GroupContextExtensions) decode(r *wire.Reader) {
	p.Extensions = readList[Extension](r.Field("extensions"))
}

func (p *ReInit) encode(w *wire.Writer) {
	w.Opaque(p.GroupID)
	w.Uint16(uint16(p.Version))
	w.Uint16(uint16(p.CipherSuite))
	writeList(w, p.Extensions)
}

func (p *ReInit) decode(r *wire.Reader) {
	p.GroupID = r.Field("group_id").Opaque()
	p.Version = ProtocolVersion(r.Field("version").Uint16())
	p.CipherSuite = ciphersuite.CipherSuite(r.Field("cipher_suite").Uint16())
	p.Extensions = readList[Extension](r.Field("extensions"))
}

func (*SelfRemove) encode(*wire.Writer) {}
func (*SelfRemove) decode(*wire.Reader) {}

func (p *CustomProposal) encode(w *wire.Writer) {
	if !p.Type.IsCustom() {
		w.Failf("CustomProposal of type %v, which has a structure of its own", p.Type)
		return
	}
	if p.Raw {
		w.Raw(p.Data)
		return
	}
	w.Opaque(p.Data)
}

func (p *CustomProposal) decode(r *wire.Reader) {
	body := bodiesOf(r)[p.Type]
	if p.Raw = body != nil; !p.Raw {
		p.Data = r.Field("proposal_data").Opaque()
		return
	}
	rest := r.Field("body").Rest()
	n, ok := body(rest)
	if !ok || n < 0 || n > len(rest) {
		r.Failf("what follows is no body of a proposal of type %v", p.Type)
		return
	}
	p.Data = r.Fixed(n)
}
