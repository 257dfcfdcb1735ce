package scenario

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
)

// propose lets a member propose by a call, whose request make makes for the member's state.
func propose[Q any, PQ interface {
	*Q
	proto.Message
}](
	s *seat, name string,
	f func(context.Context, PQ, ...grpc.CallOption) (*clientpb.ProposalResponse, error), make func(state uint32) PQ,
) error {
	state, err := s.state()
	if err != nil {
		return err
	}
	out, err := call(s, name, f, make(state))
	if err != nil {
		return err
	}
	s.made[s.step].proposal = out.Proposal
	return s.form(name, out.Proposal, s.handshakes())
}

// member returns the seat and the state of a member.
func (p *play) member(actor string) (*seat, uint32, error) {
	s := p.seat(actor)
	id, err := s.state()
	return s, id, err
}

func (p *play) addProposal(step *Step) error {
	s := p.seat(step.Actor)
	return propose(s, "AddProposal", s.rpc.AddProposal, func(id uint32) *clientpb.AddProposalRequest {
		return &clientpb.AddProposalRequest{StateId: id, KeyPackage: p.made[step.KeyPackage].keyPackage}
	})
}

func (p *play) updateProposal(step *Step) error {
	s := p.seat(step.Actor)
	return propose(s, "UpdateProposal", s.rpc.UpdateProposal, func(id uint32) *clientpb.UpdateProposalRequest {
		return &clientpb.UpdateProposalRequest{StateId: id}
	})
}

func (p *play) removeProposal(step *Step) error {
	s := p.seat(step.Actor)
	return propose(s, "RemoveProposal", s.rpc.RemoveProposal, func(id uint32) *clientpb.RemoveProposalRequest {
		return &clientpb.RemoveProposalRequest{StateId: id, RemovedId: []byte(step.Removed)}
	})
}

func (p *play) externalPSKProposal(step *Step) error {
	s := p.seat(step.Actor)
	return propose(s, "ExternalPSKProposal", s.rpc.ExternalPSKProposal, func(id uint32) *clientpb.ExternalPSKProposalRequest {
		return &clientpb.ExternalPSKProposalRequest{StateId: id, PskId: p.made[step.PSKID].pskID}
	})
}

func (p *play) resumptionPSKProposal(step *Step) error {
	s := p.seat(step.Actor)
	return propose(s, "ResumptionPSKProposal", s.rpc.ResumptionPSKProposal,
		func(id uint32) *clientpb.ResumptionPSKProposalRequest {
			return &clientpb.ResumptionPSKProposalRequest{StateId: id, EpochId: step.EpochID}
		})
}

func (p *play) extensionsProposal(step *Step) error {
	s := p.seat(step.Actor)
	return propose(s, "GroupContextExtensionsProposal", s.rpc.GroupContextExtensionsProposal,
		func(id uint32) *clientpb.GroupContextExtensionsProposalRequest {
			return &clientpb.GroupContextExtensionsProposalRequest{StateId: id, Extensions: extensions(step.Extensions)}
		})
}

func extensions(list []Extension) []*clientpb.Extension {
	var out []*clientpb.Extension
	for _, x := range list {
		out = append(out, &clientpb.Extension{ExtensionType: uint32(x.ExtensionType), ExtensionData: x.ExtensionData})
	}
	return out
}

// describe turns a description of the script into one of the service.
func (p *play) describe(d *Description) (*clientpb.ProposalDescription, error) {
	out := &clientpb.ProposalDescription{ProposalType: []byte(d.ProposalType)}
	switch d.ProposalType {
	case "add":
		out.KeyPackage = p.made[d.KeyPackage].keyPackage
	case "remove":
		out.RemovedId = []byte(d.Removed)
	case "externalPSK":
		out.PskId = p.made[d.PSKID].pskID
	case "resumptionPSK":
		out.EpochId = d.EpochID
	case "groupContextExtensions":
		out.Extensions = extensions(d.Extensions)
	case "reinit":
		if err := p.changeGroup(&d.Content); err != nil {
			return nil, err
		}
		out.GroupId, out.CipherSuite, out.Extensions = p.groupID, uint32(p.suite), extensions(d.Extensions)
	}
	return out, nil
}

// changeGroup settles the group id and cipher suite of a successor group.
func (p *play) changeGroup(c *Content) error {
	if c.ChangeGroupID {
		p.groupID = append(slices.Clone(p.groupID), "++"...)
	}
	if !c.ChangeCipherSuite {
		return nil
	}
	next, err := p.nextSuite()
	p.suite = next
	return err
}

// nextSuite returns the next higher suite that all clients of the play have, or else the lowest.
func (p *play) nextSuite() (uint16, error) {
	var common []uint16
	for _, suite := range p.seats[p.script.Actors[0]].Suites {
		all := true
		for _, c := range p.seats {
			all = all && c.supports(suite)
		}
		if all && suite != p.suite {
			common = append(common, suite)
		}
	}
	if len(common) == 0 {
		return 0, errNoSuite
	}
	for _, suite := range common {
		if suite > p.suite {
			return suite, nil
		}
	}
	return common[0], nil
}

// newMemberAddProposal lets a newcomer propose to be added.
func (p *play) newMemberAddProposal(step *Step) error {
	info, err := p.seat(step.Actor).askInfo(false)
	if err != nil {
		return err
	}
	s := p.seat(step.Joiner)
	out, err := call(s, "NewMemberAddProposal", s.rpc.NewMemberAddProposal, &clientpb.NewMemberAddProposalRequest{
		GroupInfo: info.GroupInfo, Identity: []byte(step.Joiner)})
	if err != nil {
		return err
	}
	p.transactions[step.Joiner] = out.TransactionId
	p.made[p.step].proposal = out.Proposal
	return s.form("NewMemberAddProposal", out.Proposal, formatPublic)
}

// addExternalSigner makes an external signer and proposes to let it propose.
func (p *play) addExternalSigner(step *Step) error {
	signer := p.seat(step.Signer)
	created, err := call(signer, "CreateExternalSigner", signer.rpc.CreateExternalSigner,
		&clientpb.CreateExternalSignerRequest{CipherSuite: uint32(p.suite), Identity: []byte(step.Signer)})
	if err != nil {
		return err
	}
	p.signers[step.Signer] = created.SignerId
	s := p.seat(step.Actor)
	return propose(s, "AddExternalSigner", s.rpc.AddExternalSigner, func(id uint32) *clientpb.AddExternalSignerRequest {
		return &clientpb.AddExternalSignerRequest{StateId: id, ExternalSender: created.ExternalSender}
	})
}

// externalSignerProposal lets an external signer propose.
func (p *play) externalSignerProposal(step *Step) error {
	info, err := p.seat(step.Member).askInfo(true)
	if err != nil {
		return err
	}
	id, ok := p.signers[step.Actor]
	if !ok {
		return fmt.Errorf("the script is wrong: %s is no external signer", step.Actor)
	}
	d, err := p.describe(step.Description)
	if err != nil {
		return err
	}
	s := p.seat(step.Actor)
	out, err := call(s, "ExternalSignerProposal", s.rpc.ExternalSignerProposal, &clientpb.ExternalSignerProposalRequest{
		SignerId: id, GroupInfo: info.GroupInfo, RatchetTree: info.RatchetTree, Description: d})
	if err != nil {
		return err
	}
	p.made[p.step].proposal = out.Proposal
	return s.form("ExternalSignerProposal", out.Proposal, formatPublic)
}
