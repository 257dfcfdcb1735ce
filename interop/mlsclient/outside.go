package mlsclient

// RFC 9420, Sections 12.1.8 and 12.1.8.1: proposals from outside the group.

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
	"github.com/copse-mls/copse/mls"
)

// NewMemberAddProposal begins a transaction and proposes to add its KeyPackage.
func (s *Service) NewMemberAddProposal(
	_ context.Context, r *clientpb.NewMemberAddProposalRequest,
) (*clientpb.NewMemberAddProposalResponse, error) {
	seen, err := mls.Observe(mls.ObserveParams{GroupInfo: r.GroupInfo, Now: time.Now(), Params: groupParams(false)})
	if err != nil {
		return nil, err
	}
	c, err := newClient(uint32(seen.Next.Context().CipherSuite), r.Identity)
	if err != nil {
		return nil, err
	}
	tx, err := newTransaction(c)
	if err != nil {
		return nil, err
	}
	private, err := c.private()
	if err != nil {
		return nil, err
	}
	proposal, err := seen.Next.ProposeSelf(tx.own.KeyPackage, mls.ProposeParams{Now: time.Now()}, c.signer)
	if err != nil {
		return nil, err
	}
	return &clientpb.NewMemberAddProposalResponse{
		TransactionId: s.transactions.add(tx), Proposal: proposal, SignaturePriv: private,
		InitPriv: bytes.Clone(tx.own.InitKey.Bytes()), EncryptionPriv: bytes.Clone(tx.own.LeafKey.Bytes()),
	}, nil
}

// CreateExternalSigner makes an external sender, who may propose once the group lists it.
func (s *Service) CreateExternalSigner(
	_ context.Context, r *clientpb.CreateExternalSignerRequest,
) (*clientpb.CreateExternalSignerResponse, error) {
	c, err := newClient(r.CipherSuite, r.Identity)
	if err != nil {
		return nil, err
	}
	key, err := c.publicKey()
	if err != nil {
		return nil, err
	}
	encoded, err := framing.Marshal(&framing.ExternalSender{
		SignatureKey: key, Credential: framing.BasicCredential(c.identity)})
	if err != nil {
		return nil, err
	}
	return &clientpb.CreateExternalSignerResponse{SignerId: s.signers.add(c), ExternalSender: encoded}, nil
}

func (c client) publicKey() (ciphersuite.SignaturePublicKey, error) {
	suite, err := ciphersuite.New(c.suite)
	if err != nil {
		return nil, err
	}
	return suite.PublicKeyOf(c.signer)
}

// ExternalSignerProposal proposes as an external sender of the group.
func (s *Service) ExternalSignerProposal(
	_ context.Context, r *clientpb.ExternalSignerProposalRequest,
) (*clientpb.ProposalResponse, error) {
	c, err := s.signers.get(r.SignerId)
	if err != nil {
		return nil, err
	}
	seen, err := mls.Observe(mls.ObserveParams{
		GroupInfo: r.GroupInfo, RatchetTree: r.RatchetTree, Now: time.Now(), Params: groupParams(false)})
	if err != nil {
		return nil, err
	}
	index, err := c.senderIndex(seen.Next.Context().Extensions, r.SignerIndex)
	if err != nil {
		return nil, err
	}
	proposal, err := describe(seen.Next, r.Description)
	if err != nil {
		return nil, err
	}
	out := new(clientpb.ProposalResponse)
	out.Proposal, err = seen.Next.Propose(proposal, index, mls.ProposeParams{Now: time.Now()}, c.signer)
	return out, err
}

// senderIndex returns the index of the signer among the group's external senders: the one that the caller names when it
// is the signer's, else the first that is. Callers do not learn the index, and always name 0.
func (c client) senderIndex(list framing.Extensions, named uint32) (uint32, error) {
	key, err := c.publicKey()
	if err != nil {
		return 0, err
	}
	var senders framing.ExternalSenders
	if _, err := list.Get(&senders); err != nil {
		return 0, err
	}
	if int64(named) < int64(len(senders)) && bytes.Equal(senders[named].SignatureKey, key) {
		return named, nil
	}
	for i := range senders {
		if bytes.Equal(senders[i].SignatureKey, key) {
			return uint32(i), nil
		}
	}
	return 0, errors.New("mlsclient: the signer is none of the group's external senders")
}
