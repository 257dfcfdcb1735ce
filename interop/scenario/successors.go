package scenario

import (
	"fmt"
	"slices"

	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
)

// branch makes a subgroup. The states of the parent are freed in the end.
func (p *play) branch(step *Step) error {
	var keyPackages [][]byte
	for _, member := range step.Members {
		k, err := p.seat(member).newKeyPackage()
		if err != nil {
			return err
		}
		keyPackages = append(keyPackages, k)
	}
	s, id, err := p.member(step.Actor)
	if err != nil {
		return err
	}
	p.groupID = fmt.Appendf(nil, "%x", p.random(16))
	made, err := call(s, "CreateBranch", s.rpc.CreateBranch, &clientpb.CreateBranchRequest{StateId: id,
		GroupId: p.groupID, Extensions: extensions(step.Extensions), KeyPackages: keyPackages,
		ForcePath: step.ForcePath, ExternalTree: step.ExternalTree})
	if err != nil {
		return err
	}
	m, err := s.found("CreateBranch", made)
	if err != nil {
		return err
	}
	for _, member := range step.Members {
		s, id, err := p.member(member)
		if err != nil {
			return err
		}
		joined, err := call(s, "HandleBranch", s.rpc.HandleBranch, &clientpb.HandleBranchRequest{StateId: id,
			TransactionId: p.transactions[member], Welcome: m.welcome, RatchetTree: m.ratchetTree})
		if err != nil {
			return err
		}
		delete(p.transactions, member)
		s.enter(joined.StateId, p.step)
		if err := s.sameAuthenticator("HandleBranch", joined.EpochAuthenticator, m); err != nil {
			return err
		}
	}
	return nil
}

// found keeps what the founder of a successor group made.
func (s *seat) found(what string, made *clientpb.CreateSubgroupResponse) (*result, error) {
	m := &s.made[s.step]
	m.welcome, m.ratchetTree, m.authenticator = made.Welcome, made.RatchetTree, made.EpochAuthenticator
	s.enter(made.StateId, s.step)
	return m, s.form(what, m.welcome, formatWelcome)
}

// restart is a reinitialization under way.
type restart struct {
	*play
	step          *Step
	proposal      []byte
	commit        []byte
	authenticator []byte // of the last epoch of the old group
	ids           map[string]uint32
	keyPackages   map[string][]byte
}

// reinit ends the group and makes its successor.
func (p *play) reinit(step *Step) error {
	r := &restart{play: p, step: step, ids: map[string]uint32{}, keyPackages: map[string][]byte{}}
	for _, part := range []func() error{r.propose, r.commitTo, r.follow, r.welcome} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// everybody lists the members of the old group, once each.
func (r *restart) everybody() []string {
	var out []string
	for _, actor := range append([]string{r.step.Proposer, r.step.Committer, r.step.Welcomer}, r.step.Members...) {
		if actor != "" && !slices.Contains(out, actor) {
			out = append(out, actor)
		}
	}
	return out
}

func (r *restart) propose() error {
	if r.step.Proposer == "" {
		r.proposal = r.made[r.step.ExternalReInitProposal].proposal
		return nil
	}
	if err := r.changeGroup(&r.step.Content); err != nil {
		return err
	}
	s := r.seat(r.step.Proposer)
	err := propose(s, "ReInitProposal", s.rpc.ReInitProposal, func(id uint32) *clientpb.ReInitProposalRequest {
		return &clientpb.ReInitProposalRequest{StateId: id, CipherSuite: uint32(r.suite), GroupId: r.groupID,
			Extensions: extensions(r.step.Extensions)}
	})
	r.proposal = r.made[r.play.step].proposal
	return err
}

func (r *restart) commitTo() error {
	s, id, err := r.member(r.step.Committer)
	if err != nil {
		return err
	}
	made, err := call(s, "ReInitCommit", s.rpc.ReInitCommit, &clientpb.CommitRequest{
		StateId: id, ByReference: [][]byte{r.proposal}})
	if err != nil {
		return err
	}
	r.commit = made.Commit
	if err := s.form("ReInitCommit", made.Commit, r.handshakes()); err != nil {
		return err
	}
	out, err := call(s, "HandlePendingReInitCommit", s.rpc.HandlePendingReInitCommit,
		&clientpb.HandlePendingCommitRequest{StateId: id})
	if err != nil {
		return err
	}
	r.authenticator = out.EpochAuthenticator
	return r.ended(s, "HandlePendingReInitCommit", out)
}

// ended keeps what a member has ready for the successor.
func (r *restart) ended(s *seat, what string, out *clientpb.HandleReInitCommitResponse) error {
	r.ids[s.actor], r.keyPackages[s.actor] = out.ReinitId, out.KeyPackage
	if err := s.form(what, out.KeyPackage, formatKeyPackage); err != nil {
		return err
	}
	return s.same(what+", epoch authenticator", out.EpochAuthenticator, r.authenticator)
}

func (r *restart) follow() error {
	for _, actor := range r.everybody() {
		if actor == r.step.Committer {
			continue
		}
		s, id, err := r.member(actor)
		if err != nil {
			return err
		}
		out, err := call(s, "HandleReInitCommit", s.rpc.HandleReInitCommit, &clientpb.HandleCommitRequest{
			StateId: id, Proposal: [][]byte{r.proposal}, Commit: r.commit})
		if err != nil {
			return err
		}
		if err := r.ended(s, "HandleReInitCommit", out); err != nil {
			return err
		}
	}
	return nil
}

func (r *restart) welcome() error {
	others := slices.DeleteFunc(r.everybody(), func(actor string) bool { return actor == r.step.Welcomer })
	request := &clientpb.ReInitWelcomeRequest{ReinitId: r.ids[r.step.Welcomer],
		ForcePath: r.step.ForcePath, ExternalTree: r.step.ExternalTree}
	for _, actor := range others {
		request.KeyPackage = append(request.KeyPackage, r.keyPackages[actor])
	}
	s := r.seat(r.step.Welcomer)
	made, err := call(s, "ReInitWelcome", s.rpc.ReInitWelcome, request)
	if err != nil {
		return err
	}
	m, err := s.found("ReInitWelcome", made)
	if err != nil {
		return err
	}
	for _, actor := range others {
		s := r.seat(actor)
		joined, err := call(s, "HandleReInitWelcome", s.rpc.HandleReInitWelcome, &clientpb.HandleReInitWelcomeRequest{
			ReinitId: r.ids[actor], Welcome: m.welcome, RatchetTree: m.ratchetTree})
		if err != nil {
			return err
		}
		s.enter(joined.StateId, r.play.step)
		if err := s.sameAuthenticator("HandleReInitWelcome", joined.EpochAuthenticator, m); err != nil {
			return err
		}
	}
	return nil
}
