package mls

// RFC 9420, Section 12.1.8: External Proposals, of who knows nothing of a group but its name.

import (
	"crypto"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// Outsider is what it takes to propose something to a group from outside: a signature of an external sender or a newcomer
// covers no more of the group than this (RFC 9420, Section 6.1). It is for services that keep no state of a group. What
// depends on the group, members check; an Observer checks it beforehand. The zero value of Params is a sound choice.
type Outsider struct {
	CipherSuite ciphersuite.CipherSuite
	GroupID     []byte
	Epoch       framing.Epoch
	Params      Params
}

// Propose makes a proposal of an external sender, whose place in the group's external_senders extension is index (RFC 9420,
// Section 12.1.8). It returns an MLSMessage. It fails with a *RuleError when no group could take the proposal, and as
// Observer.Propose does; but nothing tells whether by is the signer that the group expects at that place.
func (o Outsider) Propose(proposal framing.Proposal, index uint32, p ProposeParams, by crypto.Signer) ([]byte, error) {
	if err := checkGiven(proposal); err != nil {
		return nil, err
	}
	return o.propose(proposal, framing.Sender{SenderType: framing.SenderTypeExternal, SenderIndex: index}, p, by)
}

// ProposeSelf makes a newcomer's proposal to be added (RFC 9420, Section 12.1.8). It returns an MLSMessage. It fails as
// Observer.ProposeSelf does.
func (o Outsider) ProposeSelf(k *framing.KeyPackage, p ProposeParams, by crypto.Signer) ([]byte, error) {
	proposal := &framing.Add{KeyPackage: k}
	if err := checkGiven(proposal); err != nil {
		return nil, err
	}
	return o.propose(proposal, framing.Sender{SenderType: framing.SenderTypeNewMemberProposal}, p, by)
}

func (o *Outsider) propose(proposal framing.Proposal, from framing.Sender, p ProposeParams, by crypto.Signer) ([]byte, error) {
	if proposal.ProposalType() == framing.ProposalTypeAdd && p.Now.IsZero() {
		return nil, ErrNoTime
	}
	params := o.Params.withDefaults()
	suite, err := params.Suites(o.CipherSuite)
	if err != nil {
		return nil, err
	}
	seen, err := newPublic(suite, params, framing.GroupContext{
		Version: framing.MLS10, CipherSuite: o.CipherSuite, GroupID: o.GroupID, Epoch: o.Epoch}, nil)
	if err != nil {
		return nil, err
	}
	if proposal, err = withNonce(suite, params.rand, proposal); err != nil {
		return nil, err
	}
	if _, removes := proposal.(*framing.Remove); !removes { // whom it names, only the tree can tell
		if _, err := seen.checkSigned(proposal, from, p.Now, MomentAddSent); err != nil {
			return nil, err
		}
	}
	return seen.outside(proposal, from, p, by)
}
