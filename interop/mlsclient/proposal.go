package mlsclient

// RFC 9420, Section 12.1: proposals of a member.

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
	"github.com/copse-mls/copse/mls"
)

// The proposal types of a ProposalDescription.
const (
	typeAdd                    = "add"
	typeRemove                 = "remove"
	typeExternalPSK            = "externalPSK"
	typeResumptionPSK          = "resumptionPSK"
	typeGroupContextExtensions = "groupContextExtensions"
	typeReInit                 = "reinit"
)

// group is what it takes to describe a proposal: a Group or an Observer.
type group interface {
	GroupID() []byte
	Members() iter.Seq2[framing.LeafIndex, *framing.LeafNode]
}

// describe makes the proposal that d describes.
func describe(g group, d *clientpb.ProposalDescription) (framing.Proposal, error) {
	switch string(d.GetProposalType()) {
	case typeAdd:
		k, err := keyPackage(d.KeyPackage)
		if err != nil {
			return nil, err
		}
		return &framing.Add{KeyPackage: k}, nil
	case typeRemove:
		i, err := findMember(g, d.RemovedId)
		return &framing.Remove{Removed: i}, err
	case typeExternalPSK:
		return &framing.PreSharedKey{PSK: mls.ExternalPSKID(d.PskId)}, nil
	case typeResumptionPSK:
		return &framing.PreSharedKey{PSK: mls.ResumptionPSKID(g.GroupID(), framing.Epoch(d.EpochId))}, nil
	case typeGroupContextExtensions:
		list, err := extensions(d.Extensions)
		return &framing.GroupContextExtensions{Extensions: list}, err
	case typeReInit:
		if d.CipherSuite > 0xffff {
			return nil, fmt.Errorf("mlsclient: %d is not a cipher suite", d.CipherSuite)
		}
		list, err := extensions(d.Extensions)
		return &framing.ReInit{GroupID: d.GroupId, Version: framing.MLS10,
			CipherSuite: ciphersuite.CipherSuite(d.CipherSuite), Extensions: list}, err
	}
	return nil, fmt.Errorf("mlsclient: unknown proposal type %q", d.GetProposalType())
}

// keyPackage reads a KeyPackage message.
func keyPackage(message []byte) (*framing.KeyPackage, error) {
	var m framing.Message
	if err := framing.Unmarshal(message, &m); err != nil {
		return nil, err
	}
	k, ok := m.Body.(*framing.KeyPackage)
	if !ok {
		return nil, fmt.Errorf("%w: %v, not a KeyPackage", mls.ErrUnexpectedMessage, m.Body.WireFormat())
	}
	return k, nil
}

// findMember finds a member by the identity in its credential.
func findMember(g group, identity []byte) (framing.LeafIndex, error) {
	for i, leaf := range g.Members() {
		if bytes.Equal(leaf.Credential.Identity, identity) {
			return i, nil
		}
	}
	return 0, fmt.Errorf("mlsclient: no member has the identity %q", identity)
}

func extensions(list []*clientpb.Extension) (framing.Extensions, error) {
	out := make(framing.Extensions, len(list))
	for i, x := range list {
		if x.GetExtensionType() > 0xffff {
			return nil, fmt.Errorf("mlsclient: %d is not an extension type", x.ExtensionType)
		}
		out[i] = framing.Extension{Type: framing.ExtensionType(x.GetExtensionType()), Data: x.GetExtensionData()}
	}
	return out, nil
}

// propose sends the proposal that d describes.
func (s *Service) propose(id uint32, d *clientpb.ProposalDescription) (*clientpb.ProposalResponse, error) {
	return on(s, id, func(t *turn, out *clientpb.ProposalResponse) error {
		proposal, err := describe(t.group, d)
		if err != nil {
			return err
		}
		step, err := t.group.Propose(proposal, mls.ProposeParams{Now: time.Now()}, t.signer)
		return t.proposed(step, out, err)
	})
}

// proposed takes the Step of an own proposal.
func (t *turn) proposed(step *mls.Step, out *clientpb.ProposalResponse, err error) error {
	if err != nil {
		return err
	}
	t.take(step)
	out.Proposal = step.Send[0].Message
	waiting := t.group.Proposals()
	t.refs[string(out.Proposal)] = waiting[len(waiting)-1].Ref
	return nil
}

// AddProposal proposes to add the client of a KeyPackage.
func (s *Service) AddProposal(_ context.Context, r *clientpb.AddProposalRequest) (*clientpb.ProposalResponse, error) {
	return s.propose(r.StateId, &clientpb.ProposalDescription{ProposalType: []byte(typeAdd), KeyPackage: r.KeyPackage})
}

// UpdateProposal proposes a new leaf for the member.
func (s *Service) UpdateProposal(_ context.Context, r *clientpb.UpdateProposalRequest) (*clientpb.ProposalResponse, error) {
	return on(s, r.StateId, func(t *turn, out *clientpb.ProposalResponse) error {
		step, err := t.group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, t.signer)
		return t.proposed(step, out, err)
	})
}

// RemoveProposal proposes to remove the member with an identity.
func (s *Service) RemoveProposal(_ context.Context, r *clientpb.RemoveProposalRequest) (*clientpb.ProposalResponse, error) {
	return s.propose(r.StateId, &clientpb.ProposalDescription{ProposalType: []byte(typeRemove), RemovedId: r.RemovedId})
}

// ExternalPSKProposal proposes an external PSK.
func (s *Service) ExternalPSKProposal(
	_ context.Context, r *clientpb.ExternalPSKProposalRequest,
) (*clientpb.ProposalResponse, error) {
	return s.propose(r.StateId, &clientpb.ProposalDescription{ProposalType: []byte(typeExternalPSK), PskId: r.PskId})
}

// ResumptionPSKProposal proposes the resumption PSK of an epoch.
func (s *Service) ResumptionPSKProposal(
	_ context.Context, r *clientpb.ResumptionPSKProposalRequest,
) (*clientpb.ProposalResponse, error) {
	return s.propose(r.StateId, &clientpb.ProposalDescription{ProposalType: []byte(typeResumptionPSK), EpochId: r.EpochId})
}

// GroupContextExtensionsProposal proposes the extensions of the group context.
func (s *Service) GroupContextExtensionsProposal(
	_ context.Context, r *clientpb.GroupContextExtensionsProposalRequest,
) (*clientpb.ProposalResponse, error) {
	return s.propose(r.StateId,
		&clientpb.ProposalDescription{ProposalType: []byte(typeGroupContextExtensions), Extensions: r.Extensions})
}

// ReInitProposal proposes to end the group in favour of another.
func (s *Service) ReInitProposal(_ context.Context, r *clientpb.ReInitProposalRequest) (*clientpb.ProposalResponse, error) {
	return s.propose(r.StateId, &clientpb.ProposalDescription{ProposalType: []byte(typeReInit),
		GroupId: r.GroupId, CipherSuite: r.CipherSuite, Extensions: r.Extensions})
}

// AddExternalSigner proposes group context extensions with one more external sender.
func (s *Service) AddExternalSigner(
	_ context.Context, r *clientpb.AddExternalSignerRequest,
) (*clientpb.ProposalResponse, error) {
	return on(s, r.StateId, func(t *turn, out *clientpb.ProposalResponse) error {
		list, err := withExternalSender(t.group.Context().Extensions, r.ExternalSender)
		if err != nil {
			return err
		}
		step, err := t.group.Propose(&framing.GroupContextExtensions{Extensions: list}, mls.ProposeParams{}, t.signer)
		return t.proposed(step, out, err)
	})
}

// withExternalSender returns a copy of list in which the external_senders extension has one sender more, given encoded.
func withExternalSender(list framing.Extensions, encoded []byte) (framing.Extensions, error) {
	var fresh framing.ExternalSender
	if err := framing.Unmarshal(encoded, &fresh); err != nil {
		return nil, err
	}
	var senders framing.ExternalSenders
	if _, err := list.Get(&senders); err != nil {
		return nil, err
	}
	senders = append(senders, fresh)
	x, err := framing.NewExtension(&senders)
	if err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(slices.Clone(list), func(have framing.Extension) bool { return have.Type == x.Type })
	return append(out, x), nil
}
