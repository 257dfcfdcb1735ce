package framing

// RFC 9420, Section 12.4: Commit.

import "github.com/copse-mls/copse/internal/wire"

// ProposalRef identifies a proposal by the hash of the AuthenticatedContent it came in (RFC 9420, Section 5.2).
type ProposalRef []byte

// ProposalOrRef is a proposal that a Commit covers (RFC 9420, Section 12.4): Proposal when it is there by value, else
// Reference.
type ProposalOrRef struct {
	Proposal  Proposal
	Reference ProposalRef
}

// Commit starts a new epoch (RFC 9420, Section 12.4).
type Commit struct {
	Proposals []ProposalOrRef
	Path      *UpdatePath // nil when absent
}

// proposalOrRefType is ProposalOrRefType of RFC 9420; which field is set says the same.
type proposalOrRefType uint8

const (
	proposalOrRefProposal  proposalOrRefType = 1
	proposalOrRefReference proposalOrRefType = 2
)

func (*ProposalOrRef) structName() string { return "ProposalOrRef" }

func (p *ProposalOrRef) encode(w *wire.Writer) {
	switch {
	case p.Proposal == nil:
		w.Uint8(uint8(proposalOrRefReference))
		w.Opaque(p.Reference)
	case p.Reference == nil:
		w.Uint8(uint8(proposalOrRefProposal))
		(&TaggedProposal{p.Proposal}).encode(w)
	default:
		w.Failf("ProposalOrRef has both a proposal and a reference")
	}
}

func (p *ProposalOrRef) decode(r *wire.Reader) {
	*p = ProposalOrRef{}
	switch readEnum(r.Field("type"), proposalOrRefReference) {
	case proposalOrRefProposal:
		readProposal(r.Field("proposal"), &p.Proposal)
	case proposalOrRefReference:
		p.Reference = r.Field("reference").Opaque()
	}
}

func (*Commit) structName() string { return "Commit" }

func (c *Commit) encode(w *wire.Writer) {
	writeList(w, c.Proposals)
	writeOptional(w, c.Path)
}

func (c *Commit) decode(r *wire.Reader) {
	c.Proposals = readList[ProposalOrRef](r.Field("proposals"))
	c.Path = readOptional[UpdatePath](r.Field("path"))
}
