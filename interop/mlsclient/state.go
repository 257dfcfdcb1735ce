package mlsclient

import (
	"crypto"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
)

// lifetime of the KeyPackages and leaves that the service makes.
const lifetime = 90 * 24 * time.Hour

// Tests reach further back than applications do.
const (
	pastEpochs       = 16
	resumptionEpochs = 1024
)

// client is a client with a basic credential.
type client struct {
	suite    ciphersuite.CipherSuite
	identity []byte
	signer   crypto.Signer
}

func newClient(suite uint32, identity []byte) (client, error) {
	if suite > 0xffff {
		return client{}, fmt.Errorf("mlsclient: %d is not a cipher suite", suite)
	}
	cs := ciphersuite.CipherSuite(suite)
	s, err := ciphersuite.New(cs)
	if err != nil {
		return client{}, err
	}
	signer, err := s.GenerateSigner(nil)
	return client{cs, identity, signer}, err
}

// credentials returns the parameters of the client's leaves.
func (c client) credentials() mls.LeafParams {
	return mls.LeafParams{
		Credential: framing.BasicCredential(c.identity),
		Signer:     c.signer,
		Capabilities: framing.Capabilities{
			CipherSuites: ciphersuite.Supported(),
			Credentials:  []framing.CredentialType{framing.CredentialTypeBasic, framing.CredentialTypeX509},
		},
	}
}

// private returns the client's signature key: the seed for EdDSA, the scalar for ECDSA.
func (c client) private() ([]byte, error) {
	suite, err := ciphersuite.New(c.suite)
	if err != nil {
		return nil, err
	}
	private, err := suite.MarshalSigner(c.signer)
	return private.Bytes(), err
}

// groupParams returns the parameters of every group. Commits of newcomers and external proposals are PublicMessages
// anyway, so both kinds are accepted. Other engines' test clients make KeyPackages that never expire.
func groupParams(encryptHandshake bool) mls.Params {
	p := mls.Params{PastEpochs: pastEpochs, ResumptionEpochs: resumptionEpochs, MaxLifetime: -1}
	if encryptHandshake {
		p.Handshake = mls.HandshakePrivate
	}
	return p
}

// state is a member of a group.
type state struct {
	client
	params mls.Params

	mu    sync.Mutex
	group *mls.Group
	psks  mls.PSKs
	refs  map[string]framing.ProposalRef // of proposal messages seen in this epoch
}

func newState(c client, p mls.Params, group *mls.Group, psks mls.PSKs) *state {
	return &state{client: c, params: p, group: group, psks: psks}
}

// turn is a call on a state. It works on a copy, so that nothing is left of it when it fails.
type turn struct {
	*state
	group *mls.Group
	refs  map[string]framing.ProposalRef
	steps []*mls.Step
}

// on runs a call on a state.
func on[R any](s *Service, id uint32, call func(t *turn, out *R) error) (*R, error) {
	st, err := s.states.get(id)
	if err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	t := &turn{state: st, group: st.group, refs: maps.Clone(st.refs)}
	out := new(R)
	if err := call(t, out); err != nil {
		return nil, err
	}
	for _, step := range t.steps {
		step.Erase()
	}
	st.group, st.refs = t.group, t.refs
	return out, nil
}

// take lets a Step take effect when the turn ends well: the service stores nothing, so that all that is left of the contract
// of package mls is to erase, and then to return what is to be sent and what was received. Test runners vouch for all
// Claims. References to proposals end with their epoch.
func (t *turn) take(step *mls.Step) {
	if t.refs == nil || step.Next.Epoch() != t.group.Epoch() {
		t.refs = map[string]framing.ProposalRef{}
	}
	t.steps = append(t.steps, step)
	t.group = step.Next
}

// input returns the Input for a message that arrives now.
func (t *turn) input(message []byte) mls.Input {
	return mls.Input{Message: message, Now: time.Now(), PSKs: t.psks}
}

// withPSK returns a copy of list with one more external PSK, which comes before others with its id.
func withPSK(list mls.PSKs, id, secret []byte) mls.PSKs {
	return append(mls.PSKs{{ID: mls.ExternalPSKID(id), Secret: ciphersuite.NewSecret(secret)}}, list...)
}
