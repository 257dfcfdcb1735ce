package scenario

import (
	"slices"

	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
)

// request makes the request for the commit of a step.
func (p *play) request(step *Step) (*clientpb.CommitRequest, error) {
	out := &clientpb.CommitRequest{ByReference: p.proposals(step.ByReference), ForcePath: step.ForcePath,
		ExternalTree: step.ExternalTree}
	for _, d := range step.ByValue {
		described, err := p.describe(d)
		if err != nil {
			return nil, err
		}
		out.ByValue = append(out.ByValue, described)
	}
	return out, nil
}

// proposals returns the messages that steps made.
func (p *play) proposals(steps []int) [][]byte {
	var out [][]byte
	for _, i := range steps {
		out = append(out, p.made[i].proposal)
	}
	return out
}

// makeCommit lets the actor commit, which stays pending.
func (p *play) makeCommit(actor string, request *clientpb.CommitRequest) error {
	s, id, err := p.member(actor)
	if err != nil {
		return err
	}
	request.StateId = id
	made, err := call(s, "Commit", s.rpc.Commit, request)
	if err != nil {
		return err
	}
	m := &p.made[p.step]
	m.commit, m.welcome, m.ratchetTree = made.Commit, made.Welcome, made.RatchetTree
	if err := s.form("Commit", m.commit, p.handshakes()); err != nil {
		return err
	}
	if !request.ExternalTree && len(m.ratchetTree) > 0 {
		return s.mismatch("Commit", "no ratchet tree beside the Welcome", inHex(m.ratchetTree))
	}
	return nil
}

func (p *play) commit(step *Step) error {
	request, err := p.request(step)
	if err != nil {
		return err
	}
	return p.makeCommit(step.Actor, request)
}

// adoptOwn lets the actor adopt its commit of a step.
func (s *seat) adoptOwn(made int) error {
	id, err := s.state()
	if err != nil {
		return err
	}
	out, err := call(s, "HandlePendingCommit", s.rpc.HandlePendingCommit, &clientpb.HandlePendingCommitRequest{StateId: id})
	if err != nil {
		return err
	}
	s.enter(out.StateId, made)
	return s.sameAuthenticator("HandlePendingCommit", out.EpochAuthenticator, &s.made[made])
}

// takeCommit lets the actor handle the commit of a step, with the proposals that other steps made.
func (s *seat) takeCommit(made int, proposals [][]byte) error {
	id, err := s.state()
	if err != nil {
		return err
	}
	m := &s.made[made]
	out, err := call(s, "HandleCommit", s.rpc.HandleCommit, &clientpb.HandleCommitRequest{
		StateId: id, Proposal: proposals, Commit: m.commit})
	if err != nil {
		return err
	}
	s.enter(out.StateId, made)
	return s.sameAuthenticator("HandleCommit", out.EpochAuthenticator, m)
}

func (p *play) handleCommit(step *Step) error {
	return p.seat(step.Actor).takeCommit(step.Commit, p.proposals(step.ByReference))
}

// handlePendingCommit adopts the actor's latest commit.
func (p *play) handlePendingCommit(step *Step) error {
	for i := p.step - 1; i >= 0; i-- {
		if s := p.script.Steps[i]; s.Action == "commit" && s.Actor == step.Actor {
			return p.seat(step.Actor).adoptOwn(i)
		}
	}
	return p.seat(step.Actor).adoptOwn(p.step)
}

// fullCommit lets the actor commit and everybody else follow.
func (p *play) fullCommit(step *Step) error {
	request, err := p.request(step)
	if err != nil {
		return err
	}
	return p.commitToAll(step, request, step.Joiners)
}

// commitToAll makes a commit, adopts it, and takes it to members and joiners.
func (p *play) commitToAll(step *Step, request *clientpb.CommitRequest, joiners []string) error {
	if err := p.makeCommit(step.Actor, request); err != nil {
		return err
	}
	if err := p.seat(step.Actor).adoptOwn(p.step); err != nil {
		return err
	}
	for _, member := range step.Members {
		if slices.Contains(joiners, member) {
			continue
		}
		if err := p.seat(member).takeCommit(p.step, request.ByReference); err != nil {
			return err
		}
	}
	for _, joiner := range joiners {
		if err := p.seat(joiner).join(p.step); err != nil {
			return err
		}
	}
	return nil
}
