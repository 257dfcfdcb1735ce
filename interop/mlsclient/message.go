package mlsclient

// RFC 9420, Sections 8.5, 8.7, 12.4.3 and 15: uses of a group.

import (
	"bytes"
	"context"
	"fmt"

	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
	"github.com/copse-mls/copse/mls"
)

// GroupInfo describes the group, with external_pub.
func (s *Service) GroupInfo(_ context.Context, r *clientpb.GroupInfoRequest) (*clientpb.GroupInfoResponse, error) {
	return on(s, r.StateId, func(t *turn, out *clientpb.GroupInfoResponse) error {
		if r.ExternalTree {
			out.RatchetTree = t.group.Tree().Export()
		}
		var err error
		out.GroupInfo, err = t.group.GroupInfo(mls.GroupInfoParams{ExternalPub: true, OmitTree: r.ExternalTree}, t.signer)
		return err
	})
}

// StateAuth returns the epoch authenticator.
func (s *Service) StateAuth(_ context.Context, r *clientpb.StateAuthRequest) (*clientpb.StateAuthResponse, error) {
	return on(s, r.StateId, func(t *turn, out *clientpb.StateAuthResponse) error {
		var err error
		out.StateAuthSecret, err = t.group.EpochAuthenticator()
		return err
	})
}

// Export returns a secret of MLS-Exporter (RFC 9420, Section 8.5).
func (s *Service) Export(_ context.Context, r *clientpb.ExportRequest) (*clientpb.ExportResponse, error) {
	return on(s, r.StateId, func(t *turn, out *clientpb.ExportResponse) error {
		if r.KeyLength > MaxMessage {
			return fmt.Errorf("mlsclient: %d bytes are too many", r.KeyLength)
		}
		secret, err := t.group.Export(r.Label, r.Context, int(r.KeyLength))
		out.ExportedSecret = bytes.Clone(secret.Bytes())
		secret.Erase()
		return err
	})
}

// Protect encrypts application data.
func (s *Service) Protect(_ context.Context, r *clientpb.ProtectRequest) (*clientpb.ProtectResponse, error) {
	return on(s, r.StateId, func(t *turn, out *clientpb.ProtectResponse) error {
		step, err := t.group.Protect(r.Plaintext, mls.ProtectParams{AuthenticatedData: r.AuthenticatedData}, t.signer)
		if err != nil {
			return err
		}
		t.take(step)
		out.Ciphertext = step.Send[0].Message
		return nil
	})
}

// Unprotect decrypts application data.
func (s *Service) Unprotect(_ context.Context, r *clientpb.UnprotectRequest) (*clientpb.UnprotectResponse, error) {
	return on(s, r.StateId, func(t *turn, out *clientpb.UnprotectResponse) error {
		step, err := t.group.Handle(t.input(r.Ciphertext))
		if err != nil {
			return err
		}
		m, ok := only[*mls.ApplicationMessage](step)
		if !ok {
			return fmt.Errorf("%w: not application data", mls.ErrUnexpectedMessage)
		}
		t.take(step)
		out.AuthenticatedData, out.Plaintext = m.AuthenticatedData, m.Data
		return nil
	})
}

// only returns the event of a Step that has exactly one, of type E.
func only[E mls.Event](step *mls.Step) (e E, ok bool) {
	if len(step.Events) != 1 {
		return e, false
	}
	e, ok = step.Events[0].(E)
	return e, ok
}

// StorePSK keeps an external PSK for a state or a transaction, and the state that comes of it.
func (s *Service) StorePSK(_ context.Context, r *clientpb.StorePSKRequest) (*clientpb.StorePSKResponse, error) {
	out := new(clientpb.StorePSKResponse)
	if st, err := s.states.get(r.StateOrTransactionId); err == nil {
		st.mu.Lock()
		defer st.mu.Unlock()
		st.psks = withPSK(st.psks, r.PskId, r.PskSecret)
		return out, nil
	}
	tx, err := s.transactions.get(r.StateOrTransactionId)
	if err != nil {
		return nil, &notFoundError{"state or transaction", r.StateOrTransactionId}
	}
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.psks = withPSK(tx.psks, r.PskId, r.PskSecret)
	return out, nil
}
