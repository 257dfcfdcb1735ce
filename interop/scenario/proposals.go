package scenario

import (
	"fmt"
	"slices"

	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
)

// proposed keeps the proposal that a member made, if it did.
func (s *seat) proposed(what string, response *clientpb.ProposalResponse, err error) error {
	if err != nil {
		return err
	}
	s.made[s.step].proposal = response.Proposal
	return s.form(what, response.Proposal, s.handshakes())
}

// member is the seat and the state of a member.
func (p *play) member(actor string) (*seat, uint32, error) {
	s := p.seat(actor)
	id, err := s.state()
	return s, id, err
}

func (p *play) addProposal(step *Step) error {
	s, id, err := p.member(step.Actor)
	if err != nil {
		return err
	}
	out, err := call(s, "AddProposal", s.rpc.AddProposal, &clientpb.AddProposalRequest{
		StateId: id, KeyPackage: p.made[step.KeyPackage].keyPackage})
	return s.proposed("AddProposal", out, err)
}

func (p *play) updateProposal(step *Step) error {
	s, id, err := p.member(step.Actor)
	if err != nil {
		return err
	}
	out, err := call(s, "UpdateProposal", s.rpc.UpdateProposal, &clientpb.UpdateProposalRequest{StateId: id})
	return s.proposed("UpdateProposal", out, err)
}

func (p *play) removeProposal(step *Step) error {
	s, id, err := p.member(step.Actor)
	if err != nil {
		return err
	}
	out, err := call(s, "RemoveProposal", s.rpc.RemoveProposal, &clientpb.RemoveProposalRequest{
		StateId: id, RemovedId: []byte(step.Removed)})
	return s.proposed("RemoveProposal", out, err)
}

func (p *play) externalPSKProposal(step *Step) error {
	s, id, err := p.member(step.Actor)
	if err != nil {
		return err
	}
	out, err := call(s, "ExternalPSKProposal", s.rpc.ExternalPSKProposal, &clientpb.ExternalPSKProposalRequest{
		StateId: id, PskId: p.made[step.PSKID].pskID})
	return s.proposed("ExternalPSKProposal", out, err)
}

func (p *play) resumptionPSKProposal(step *Step) error {
	s, id, err := p.member(step.Actor)
	if err != nil {
		return err
	}
	out, err := call(s, "ResumptionPSKProposal", s.rpc.ResumptionPSKProposal, &clientpb.ResumptionPSKProposalRequest{
		StateId: id, EpochId: step.EpochID})
	return s.proposed("ResumptionPSKProposal", out, err)
}

func (p *play) extensionsProposal(step *Step) error {
	s, id, err := p.member(step.Actor)
	if err != nil {
		return err
	}
	out, err := call(s, "GroupContextExtensionsProposal", s.rpc.GroupContextExtensionsProposal,
		&clientpb.GroupContextExtensionsProposalRequest{StateId: id, Extensions: extensions(step.Extensions)})
	return s.proposed("GroupContextExtensionsProposal", out, err)
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

// nextSuite is the next higher suite that all clients of the play have, or else the lowest.
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
	s, id, err := p.member(step.Actor)
	if err != nil {
		return err
	}
	out, err := call(s, "AddExternalSigner", s.rpc.AddExternalSigner, &clientpb.AddExternalSignerRequest{
		StateId: id, ExternalSender: created.ExternalSender})
	return s.proposed("AddExternalSigner", out, err)
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
