package mlsclient

// RFC 9420, Sections 10, 11 and 12.4.3: ways to become a member.

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
	"github.com/copse-mls/copse/mls"
)

// transaction is a KeyPackage that waits for its Welcome.
type transaction struct {
	client
	own *mls.OwnKeyPackage

	mu   sync.Mutex
	psks mls.PSKs
	used bool
}

func newTransaction(c client) (*transaction, error) {
	own, err := mls.NewKeyPackage(mls.KeyPackageParams{
		CipherSuite: c.suite, Leaf: c.credentials(), Lifetime: mls.LifetimeFrom(time.Now(), lifetime)})
	if err != nil {
		return nil, err
	}
	return &transaction{client: c, own: own}, nil
}

// join joins by Welcome and ends the transaction. The new state knows the PSKs that were stored for the transaction and
// those that p brings.
func (tx *transaction) join(p mls.JoinParams) (*state, error) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.used {
		return nil, fmt.Errorf("mlsclient: the KeyPackage of the transaction was used")
	}
	p.KeyPackages, p.Now = []*mls.OwnKeyPackage{tx.own}, time.Now()
	p.PSKs = append(tx.psks[:len(tx.psks):len(tx.psks)], p.PSKs...)
	step, err := mls.Join(p)
	if err != nil {
		return nil, err
	}
	tx.used = true
	tx.own.Erase()
	return newState(tx.client, p.Params, step.Next, p.PSKs), nil
}

// CreateGroup makes a group with one member.
func (s *Service) CreateGroup(_ context.Context, r *clientpb.CreateGroupRequest) (*clientpb.CreateGroupResponse, error) {
	c, err := newClient(r.CipherSuite, r.Identity)
	if err != nil {
		return nil, err
	}
	params := groupParams(r.EncryptHandshake)
	step, err := mls.Create(mls.CreateParams{CipherSuite: c.suite, GroupID: r.GroupId, Leaf: c.credentials(),
		Lifetime: mls.LifetimeFrom(time.Now(), lifetime), Params: params})
	if err != nil {
		return nil, err
	}
	return &clientpb.CreateGroupResponse{StateId: s.states.add(newState(c, params, step.Next, nil))}, nil
}

// CreateKeyPackage begins a transaction.
func (s *Service) CreateKeyPackage(
	_ context.Context, r *clientpb.CreateKeyPackageRequest,
) (*clientpb.CreateKeyPackageResponse, error) {
	c, err := newClient(r.CipherSuite, r.Identity)
	if err != nil {
		return nil, err
	}
	tx, err := newTransaction(c)
	if err != nil {
		return nil, err
	}
	message, err := tx.own.Message()
	if err != nil {
		return nil, err
	}
	private, err := c.private()
	if err != nil {
		return nil, err
	}
	return &clientpb.CreateKeyPackageResponse{
		TransactionId: s.transactions.add(tx), KeyPackage: message, SignaturePriv: private,
		InitPriv: bytes.Clone(tx.own.InitKey.Bytes()), EncryptionPriv: bytes.Clone(tx.own.LeafKey.Bytes()),
	}, nil
}

// JoinGroup joins by Welcome.
func (s *Service) JoinGroup(_ context.Context, r *clientpb.JoinGroupRequest) (*clientpb.JoinGroupResponse, error) {
	tx, err := s.transactions.get(r.TransactionId)
	if err != nil {
		return nil, err
	}
	if len(r.Identity) > 0 && !bytes.Equal(r.Identity, tx.identity) {
		return nil, fmt.Errorf("mlsclient: the KeyPackage of the transaction has another identity")
	}
	st, err := tx.join(mls.JoinParams{
		Welcome: r.Welcome, RatchetTree: r.RatchetTree, Params: groupParams(r.EncryptHandshake)})
	if err != nil {
		return nil, err
	}
	authenticator, err := st.group.EpochAuthenticator()
	if err != nil {
		return nil, err
	}
	s.transactions.remove(r.TransactionId)
	return &clientpb.JoinGroupResponse{StateId: s.states.add(st), EpochAuthenticator: authenticator}, nil
}

// ExternalJoin joins by an external commit, which takes effect at once: the service has no call to adopt it.
func (s *Service) ExternalJoin(_ context.Context, r *clientpb.ExternalJoinRequest) (*clientpb.ExternalJoinResponse, error) {
	p := mls.JoinExternalParams{GroupInfo: r.GroupInfo, RatchetTree: r.RatchetTree, Now: time.Now(),
		Params: groupParams(r.EncryptHandshake)}
	info, err := groupInfo(r.GroupInfo)
	if err != nil {
		return nil, err
	}
	c, err := newClient(uint32(info.GroupContext.CipherSuite), r.Identity)
	if err != nil {
		return nil, err
	}
	p.Leaf = c.credentials()
	if r.RemovePrior {
		if p.Resync, err = prior(r); err != nil {
			return nil, err
		}
	}
	for _, psk := range r.Psks {
		p.PSKs = withPSK(p.PSKs, psk.PskId, psk.PskSecret)
		p.PSKIDs = append(p.PSKIDs, mls.ExternalPSKID(psk.PskId))
	}
	step, err := mls.JoinExternal(p)
	if err != nil {
		return nil, err
	}
	adopted, err := step.Next.Adopt()
	if err != nil {
		return nil, err
	}
	authenticator, err := adopted.Next.EpochAuthenticator()
	if err != nil {
		return nil, err
	}
	st := newState(c, p.Params, adopted.Next, p.PSKs)
	return &clientpb.ExternalJoinResponse{
		StateId: s.states.add(st), Commit: step.Send[0].Message, EpochAuthenticator: authenticator}, nil
}

// groupInfo reads the parts of a GroupInfo, unverified.
func groupInfo(message []byte) (*framing.GroupInfo, error) {
	var m framing.Message
	if err := framing.Unmarshal(message, &m); err != nil {
		return nil, err
	}
	info, ok := m.Body.(*framing.GroupInfo)
	if !ok {
		return nil, fmt.Errorf("%w: %v, not a GroupInfo", mls.ErrUnexpectedMessage, m.Body.WireFormat())
	}
	return info, nil
}

// prior finds the former leaf of somebody who joins again.
func prior(r *clientpb.ExternalJoinRequest) (*framing.LeafIndex, error) {
	step, err := mls.Observe(mls.ObserveParams{GroupInfo: r.GroupInfo, RatchetTree: r.RatchetTree, Now: time.Now()})
	if err != nil {
		return nil, err
	}
	i, err := findMember(step.Next, r.Identity)
	return &i, err
}
