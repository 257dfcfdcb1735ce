package mlsclient

// RFC 9420, Section 12.4: commits.

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
	"github.com/copse-mls/copse/mls"
)

// Commit makes a commit of exactly the proposals that r names and leaves it pending. It takes the place of one that is
// pending already, for the service has no call to drop it.
func (s *Service) Commit(_ context.Context, r *clientpb.CommitRequest) (*clientpb.CommitResponse, error) {
	return on(s, r.StateId, func(t *turn, out *clientpb.CommitResponse) error {
		_, err := t.commit(r, out)
		return err
	})
}

// commit makes the commit and returns what it will do.
func (t *turn) commit(r *clientpb.CommitRequest, out *clientpb.CommitResponse) (*mls.Change, error) {
	if t.group.Pending() != nil {
		step, err := t.group.Drop()
		if err != nil {
			return nil, err
		}
		t.take(step)
	}
	p := mls.CommitParams{ForcePath: r.ForcePath, PSKs: t.psks, Now: time.Now(),
		Welcome: mls.WelcomeParams{OmitTree: r.ExternalTree}}
	var err error
	if p.References, err = t.store(r.ByReference); err != nil {
		return nil, err
	}
	for _, d := range r.ByValue {
		if string(d.GetProposalType()) == typeReInit {
			return nil, errors.New("mlsclient: only an external signer describes a ReInit")
		}
		proposal, err := describe(t.group, d)
		if err != nil {
			return nil, err
		}
		p.Proposals = append(p.Proposals, proposal)
	}
	step, err := t.group.Commit(p, t.signer)
	if err != nil {
		return nil, err
	}
	t.take(step)
	out.Commit = step.Send[0].Message
	return step.Change, t.peek(out)
}

// peek fills in the Welcome. The service returns it with the commit, the engine only on adoption: so peek adopts the
// commit for the Welcome alone and leaves the commit pending.
func (t *turn) peek(out *clientpb.CommitResponse) error {
	adopted, err := t.group.Adopt()
	if err != nil {
		return err
	}
	for _, m := range adopted.Send {
		out.Welcome, out.RatchetTree = m.Message, m.RatchetTree()
	}
	return nil
}

// store handles proposal messages that were not seen yet, and returns the references to all.
func (t *turn) store(messages [][]byte) ([]framing.ProposalRef, error) {
	refs := make([]framing.ProposalRef, 0, len(messages)) // not nil, which would mean to cover all that wait
	for _, message := range messages {
		if _, seen := t.refs[string(message)]; !seen {
			if err := t.storeOne(message); err != nil {
				return nil, err
			}
		}
		refs = append(refs, t.refs[string(message)])
	}
	return refs, nil
}

func (t *turn) storeOne(message []byte) error {
	step, err := t.group.Handle(t.input(message))
	if err != nil {
		return err
	}
	p, ok := only[*mls.ProposalReceived](step)
	if !ok {
		return fmt.Errorf("%w: not a proposal", mls.ErrUnexpectedMessage)
	}
	t.take(step)
	t.refs[string(message)] = p.Ref
	return nil
}

// HandleCommit handles another member's commit. It fails for a member that the commit removes.
func (s *Service) HandleCommit(_ context.Context, r *clientpb.HandleCommitRequest) (*clientpb.HandleCommitResponse, error) {
	return on(s, r.StateId, func(t *turn, out *clientpb.HandleCommitResponse) error {
		out.StateId = r.StateId
		var err error
		out.EpochAuthenticator, err = t.handleCommit(r)
		return err
	})
}

// handleCommit enters the epoch that a commit leads to and returns its authenticator.
func (t *turn) handleCommit(r *clientpb.HandleCommitRequest) ([]byte, error) {
	if _, err := t.store(r.Proposal); err != nil {
		return nil, err
	}
	step, err := t.group.Handle(t.input(r.Commit))
	if err != nil {
		return nil, err
	}
	if step.Next.Epoch() == t.group.Epoch() && step.Next.Status() == mls.StatusActive {
		return nil, fmt.Errorf("%w: not a commit", mls.ErrUnexpectedMessage)
	}
	t.take(step)
	return t.group.EpochAuthenticator()
}

// HandlePendingCommit adopts the member's own commit.
func (s *Service) HandlePendingCommit(
	_ context.Context, r *clientpb.HandlePendingCommitRequest,
) (*clientpb.HandleCommitResponse, error) {
	return on(s, r.StateId, func(t *turn, out *clientpb.HandleCommitResponse) error {
		out.StateId = r.StateId
		var err error
		out.EpochAuthenticator, err = t.adopt()
		return err
	})
}

// adopt enters the epoch that the pending commit leads to and returns its authenticator.
func (t *turn) adopt() ([]byte, error) {
	step, err := t.group.Adopt()
	if err != nil {
		return nil, err
	}
	t.take(step)
	return t.group.EpochAuthenticator()
}
