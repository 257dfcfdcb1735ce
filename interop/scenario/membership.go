package scenario

import (
	"fmt"

	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
)

// createGroup makes a group and adds members to it.
func (p *play) createGroup(step *Step) error {
	s := p.seat(step.Actor)
	p.groupID = fmt.Appendf(nil, "%x", p.random(16))
	created, err := call(s, "CreateGroup", s.rpc.CreateGroup, &clientpb.CreateGroupRequest{
		GroupId: p.groupID, CipherSuite: uint32(p.suite), EncryptHandshake: p.private, Identity: []byte(step.Actor)})
	if err != nil {
		return err
	}
	s.enter(created.StateId, p.step)
	if len(step.Members) == 0 {
		return nil
	}
	var adds []*clientpb.ProposalDescription
	for _, member := range step.Members {
		k, err := p.seat(member).newKeyPackage()
		if err != nil {
			return err
		}
		adds = append(adds, &clientpb.ProposalDescription{ProposalType: []byte("add"), KeyPackage: k})
	}
	return p.commitToAll(step, &clientpb.CommitRequest{ByValue: adds}, step.Members)
}

// newKeyPackage begins a transaction of the actor.
func (s *seat) newKeyPackage() ([]byte, error) {
	k, err := call(s, "CreateKeyPackage", s.rpc.CreateKeyPackage, &clientpb.CreateKeyPackageRequest{
		CipherSuite: uint32(s.suite), Identity: []byte(s.actor)})
	if err != nil {
		return nil, err
	}
	s.transactions[s.actor] = k.TransactionId
	return k.KeyPackage, s.form("CreateKeyPackage", k.KeyPackage, formatKeyPackage)
}

func (p *play) createKeyPackage(step *Step) (err error) {
	p.made[p.step].keyPackage, err = p.seat(step.Actor).newKeyPackage()
	return err
}

func (p *play) joinGroup(step *Step) error {
	return p.seat(step.Actor).join(step.Welcome)
}

// join joins by the Welcome that a step made.
func (s *seat) join(made int) error {
	id, ok := s.transactions[s.actor]
	if !ok {
		return fmt.Errorf("the script is wrong: %s has made no KeyPackage", s.actor)
	}
	m := &s.made[made]
	if err := s.form("JoinGroup, Welcome", m.welcome, formatWelcome); err != nil {
		return err
	}
	joined, err := call(s, "JoinGroup", s.rpc.JoinGroup, &clientpb.JoinGroupRequest{TransactionId: id, Welcome: m.welcome,
		EncryptHandshake: s.private, Identity: []byte(s.actor), RatchetTree: m.ratchetTree})
	if err != nil {
		return err
	}
	delete(s.transactions, s.actor)
	s.enter(joined.StateId, made)
	return s.sameAuthenticator("JoinGroup", joined.EpochAuthenticator, m)
}

// sameAuthenticator compares with the first member that entered the epoch.
func (s *seat) sameAuthenticator(what string, got []byte, m *result) error {
	if m.authenticator == nil {
		m.authenticator = got
	}
	return s.same(what+", epoch authenticator", got, m.authenticator)
}

// askInfo asks a member for a GroupInfo.
func (s *seat) askInfo(externalTree bool) (*clientpb.GroupInfoResponse, error) {
	state, err := s.state()
	if err != nil {
		return nil, err
	}
	info, err := call(s, "GroupInfo", s.rpc.GroupInfo, &clientpb.GroupInfoRequest{StateId: state, ExternalTree: externalTree})
	if err != nil {
		return nil, err
	}
	if externalTree && len(info.RatchetTree) == 0 {
		return nil, s.mismatch("GroupInfo", "a ratchet tree beside the GroupInfo", "none")
	}
	return info, s.form("GroupInfo", info.GroupInfo, formatGroupInfo)
}

func (p *play) groupInfo(step *Step) error {
	_, err := p.seat(step.Actor).askInfo(step.ExternalTree)
	return err
}

// externalJoin lets a newcomer join by an external commit, with the GroupInfo of a member.
func (p *play) externalJoin(step *Step) error {
	info, err := p.seat(step.Actor).askInfo(step.ExternalTree)
	if err != nil {
		return err
	}
	request := &clientpb.ExternalJoinRequest{GroupInfo: info.GroupInfo, RatchetTree: info.RatchetTree,
		EncryptHandshake: p.private, Identity: []byte(step.Joiner), RemovePrior: step.RemovePrior}
	for _, i := range step.PSKs {
		request.Psks = append(request.Psks, &clientpb.PreSharedKey{PskId: p.made[i].pskID, PskSecret: p.made[i].pskSecret})
	}
	s := p.seat(step.Joiner)
	joined, err := call(s, "ExternalJoin", s.rpc.ExternalJoin, request)
	if err != nil {
		return err
	}
	if err := s.form("ExternalJoin", joined.Commit, formatPublic); err != nil {
		return err
	}
	s.enter(joined.StateId, p.step)
	m := &p.made[p.step]
	m.commit, m.authenticator = joined.Commit, joined.EpochAuthenticator
	for _, member := range append([]string{step.Actor}, step.Members...) {
		if member == step.Joiner {
			continue
		}
		if err := p.seat(member).takeCommit(p.step, nil); err != nil {
			return err
		}
	}
	return nil
}

// installPSK gives clients an external PSK.
func (p *play) installPSK(step *Step) error {
	m := &p.made[p.step]
	m.pskID, m.pskSecret = p.random(32), p.random(32)
	for _, actor := range step.Clients {
		id, ok := p.states[actor]
		if !ok {
			if id, ok = p.transactions[actor]; !ok {
				return fmt.Errorf("the script is wrong: %s has neither a group nor a KeyPackage", actor)
			}
		}
		s := p.seat(actor)
		_, err := call(s, "StorePSK", s.rpc.StorePSK, &clientpb.StorePSKRequest{
			StateOrTransactionId: id, PskId: m.pskID, PskSecret: m.pskSecret})
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *play) protect(step *Step) (err error) {
	m := &p.made[p.step]
	m.plaintext, m.aad = []byte(step.Plaintext), []byte(step.AuthenticatedData)
	m.ciphertext, err = p.seat(step.Actor).sendData(m.plaintext, m.aad)
	return err
}

func (p *play) unprotect(step *Step) error {
	m := &p.made[step.Ciphertext]
	return p.seat(step.Actor).readData(m.ciphertext, m.plaintext, m.aad)
}
