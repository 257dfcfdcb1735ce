package mlsclient

// RFC 9420, Sections 11.2 and 11.3: reinitialization and branching.

import (
	"context"
	"errors"
	"time"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
	"github.com/copse-mls/copse/mls"
)

// reInit is a member of a group that is over, with a KeyPackage for the successor.
type reInit struct {
	tx     *transaction
	old    *mls.Group
	psks   mls.PSKs // of the old state
	params mls.Params
}

// ReInitCommit makes a commit that covers a ReInit and leaves it pending.
func (s *Service) ReInitCommit(_ context.Context, r *clientpb.CommitRequest) (*clientpb.CommitResponse, error) {
	return on(s, r.StateId, func(t *turn, out *clientpb.CommitResponse) error {
		change, err := t.commit(r, out)
		if err == nil && change.ReInit == nil {
			err = errors.New("mlsclient: the commit covers no ReInit")
		}
		return err
	})
}

// HandlePendingReInitCommit adopts the member's own commit that ends the group.
func (s *Service) HandlePendingReInitCommit(
	_ context.Context, r *clientpb.HandlePendingCommitRequest,
) (*clientpb.HandleReInitCommitResponse, error) {
	return on(s, r.StateId, func(t *turn, out *clientpb.HandleReInitCommitResponse) error {
		var err error
		if out.EpochAuthenticator, err = t.adopt(); err != nil {
			return err
		}
		return s.endGroup(t, out)
	})
}

// HandleReInitCommit handles another member's commit that ends the group.
func (s *Service) HandleReInitCommit(
	_ context.Context, r *clientpb.HandleCommitRequest,
) (*clientpb.HandleReInitCommitResponse, error) {
	return on(s, r.StateId, func(t *turn, out *clientpb.HandleReInitCommitResponse) error {
		var err error
		if out.EpochAuthenticator, err = t.handleCommit(r); err != nil {
			return err
		}
		return s.endGroup(t, out)
	})
}

// endGroup makes the KeyPackage for the successor of a group that is over.
func (s *Service) endGroup(t *turn, out *clientpb.HandleReInitCommitResponse) error {
	var announced *framing.ReInit
	for _, e := range t.steps[len(t.steps)-1].Events {
		if r, ok := e.(*mls.ReInitialized); ok {
			announced = r.ReInit
		}
	}
	if announced == nil {
		return errors.New("mlsclient: the commit covers no ReInit")
	}
	c, err := newClient(uint32(announced.CipherSuite), t.identity)
	if err != nil {
		return err
	}
	tx, err := newTransaction(c)
	if err != nil {
		return err
	}
	if out.KeyPackage, err = tx.own.Message(); err != nil {
		return err
	}
	out.ReinitId = s.reInits.add(&reInit{tx: tx, old: t.group, psks: t.psks, params: t.params})
	return nil
}

// ReInitWelcome makes the successor and welcomes everybody else to it.
func (s *Service) ReInitWelcome(
	_ context.Context, r *clientpb.ReInitWelcomeRequest,
) (*clientpb.CreateSubgroupResponse, error) {
	re, err := s.reInits.get(r.ReinitId)
	if err != nil {
		return nil, err
	}
	fresh := &state{client: re.tx.client, params: re.params, psks: re.psks}
	out, err := s.found(fresh, mls.CreateParams{Successor: re.old}, &clientpb.CommitRequest{
		ByValue: adds(r.KeyPackage), ForcePath: r.ForcePath, ExternalTree: r.ExternalTree})
	if err != nil {
		return nil, err
	}
	s.reInits.remove(r.ReinitId)
	return out, nil
}

// adds describes an Add for each KeyPackage.
func adds(keyPackages [][]byte) []*clientpb.ProposalDescription {
	out := make([]*clientpb.ProposalDescription, len(keyPackages))
	for i, k := range keyPackages {
		out[i] = &clientpb.ProposalDescription{ProposalType: []byte(typeAdd), KeyPackage: k}
	}
	return out
}

// found makes a successor group for the state fresh, with the members that the commit adds.
func (s *Service) found(
	fresh *state, p mls.CreateParams, commit *clientpb.CommitRequest,
) (*clientpb.CreateSubgroupResponse, error) {
	p.CipherSuite = fresh.suite
	p.Leaf, p.Lifetime, p.Params = fresh.credentials(), mls.LifetimeFrom(time.Now(), lifetime), fresh.params
	step, err := mls.Create(p)
	if err != nil {
		return nil, err
	}
	t := &turn{state: fresh, group: step.Next}
	var made clientpb.CommitResponse
	if _, err := t.commit(commit, &made); err != nil {
		return nil, err
	}
	out := &clientpb.CreateSubgroupResponse{Welcome: made.Welcome, RatchetTree: made.RatchetTree}
	if out.EpochAuthenticator, err = t.adopt(); err != nil {
		return nil, err
	}
	for _, step := range t.steps {
		step.Erase()
	}
	fresh.group = t.group
	out.StateId = s.states.add(fresh)
	return out, nil
}

// HandleReInitWelcome joins the successor.
func (s *Service) HandleReInitWelcome(
	_ context.Context, r *clientpb.HandleReInitWelcomeRequest,
) (*clientpb.JoinGroupResponse, error) {
	re, err := s.reInits.get(r.ReinitId)
	if err != nil {
		return nil, err
	}
	st, err := re.tx.join(mls.JoinParams{Welcome: r.Welcome, RatchetTree: r.RatchetTree, PSKs: re.psks,
		Successor: re.old, Params: re.params})
	if err != nil {
		return nil, err
	}
	authenticator, err := st.group.EpochAuthenticator()
	if err != nil {
		return nil, err
	}
	s.reInits.remove(r.ReinitId)
	return &clientpb.JoinGroupResponse{StateId: s.states.add(st), EpochAuthenticator: authenticator}, nil
}

// CreateBranch makes a subgroup and welcomes its members. The state of the parent stays.
func (s *Service) CreateBranch(_ context.Context, r *clientpb.CreateBranchRequest) (*clientpb.CreateSubgroupResponse, error) {
	list, err := extensions(r.Extensions)
	if err != nil {
		return nil, err
	}
	var out *clientpb.CreateSubgroupResponse
	_, err = on(s, r.StateId, func(t *turn, _ *struct{}) (err error) {
		fresh := &state{client: t.client, params: t.params, psks: t.psks}
		p := mls.CreateParams{Successor: t.group, GroupID: r.GroupId, Extensions: list}
		out, err = s.found(fresh, p, &clientpb.CommitRequest{
			ByValue: adds(r.KeyPackages), ForcePath: r.ForcePath, ExternalTree: r.ExternalTree})
		return err
	})
	return out, err
}

// HandleBranch joins a subgroup.
func (s *Service) HandleBranch(_ context.Context, r *clientpb.HandleBranchRequest) (*clientpb.HandleBranchResponse, error) {
	tx, err := s.transactions.get(r.TransactionId)
	if err != nil {
		return nil, err
	}
	out, err := on(s, r.StateId, func(t *turn, out *clientpb.HandleBranchResponse) error {
		st, err := tx.join(mls.JoinParams{Welcome: r.Welcome, RatchetTree: r.RatchetTree, PSKs: t.psks,
			Successor: t.group, Params: t.params})
		if err != nil {
			return err
		}
		if out.EpochAuthenticator, err = st.group.EpochAuthenticator(); err != nil {
			return err
		}
		out.StateId = s.states.add(st)
		return nil
	})
	if err == nil {
		s.transactions.remove(r.TransactionId)
	}
	return out, err
}
