package vectors

import (
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
)

// passiveClient is a case of the files passive-client-*.json: a client joins by a Welcome and follows what others do.
type passiveClient struct {
	suited
	ExternalPSKs []externalPSK `json:"external_psks"`

	KeyPackage     hexBytes `json:"key_package"`
	SignaturePriv  hexBytes `json:"signature_priv"`
	EncryptionPriv hexBytes `json:"encryption_priv"`
	InitPriv       hexBytes `json:"init_priv"`

	Welcome                   hexBytes           `json:"welcome"`
	RatchetTree               optional[hexBytes] `json:"ratchet_tree"`
	InitialEpochAuthenticator hexBytes           `json:"initial_epoch_authenticator"`

	Epochs []passiveEpoch `json:"epochs"`
}

// externalPSK is a PSK that all clients of a case have.
type externalPSK struct {
	ID  hexBytes `json:"psk_id"`
	PSK hexBytes `json:"psk"`
}

// passiveEpoch is what ends an epoch, and the authenticator of the next one.
type passiveEpoch struct {
	Proposals          []hexBytes `json:"proposals"`
	Commit             hexBytes   `json:"commit"`
	EpochAuthenticator hexBytes   `json:"epoch_authenticator"`
}

// follower is the client of a case. It looks at no lifetimes: those of the published cases ended long ago.
type follower struct {
	*trial
	psks  mls.PSKs
	group *mls.Group
}

func replayPassiveClient(t *trial, c *passiveClient) {
	f := &follower{trial: t}
	for _, p := range c.ExternalPSKs {
		f.psks = append(f.psks, mls.PSK{ID: mls.ExternalPSKID(p.ID), Secret: p.PSK.secret()})
	}
	own, ok := c.ownKeyPackage(t)
	if !ok || !f.join(c, own) {
		return
	}
	f.equal("initial_epoch_authenticator", f.authenticator(), c.InitialEpochAuthenticator)
	for i := range c.Epochs {
		if !f.follow(fmt.Sprintf("epochs[%d] ", i), &c.Epochs[i]) {
			return
		}
	}
}

// ownKeyPackage checks that the private keys belong to the KeyPackage.
func (c *passiveClient) ownKeyPackage(t *trial) (*mls.OwnKeyPackage, bool) {
	k, ok := message[*framing.KeyPackage](t, "key_package", c.KeyPackage)
	if !ok {
		return nil, false
	}
	signer, err := t.suite.ParseSigner(c.SignaturePriv.secret())
	if t.succeeds("signature_priv is a key", err) {
		key, err := t.suite.PublicKeyOf(signer)
		t.succeeds("public key of signature_priv", err)
		t.equal("public key of signature_priv", key, k.LeafNode.SignatureKey)
	}
	own := &mls.OwnKeyPackage{KeyPackage: k, InitKey: c.InitPriv.scalar(t), LeafKey: c.EncryptionPriv.scalar(t)}
	t.keyPair("init_priv", own.InitKey, k.InitKey)
	t.keyPair("encryption_priv", own.LeafKey, k.LeafNode.EncryptionKey)
	return own, len(t.failures) == 0
}

// scalar returns an HPKE private key in full length: the published cases write P-521 scalars without leading zeros, as
// a client that speaks MLS may not.
func (h hexBytes) scalar(t *trial) ciphersuite.Secret {
	missing := max(0, t.suite.HPKEPrivateKeySize-len(h))
	if t.suite.CipherSuite() != ciphersuite.MLS256DHKEMP521AES256GCMSHA512P521 {
		missing = 0
	}
	return ciphersuite.NewSecret(append(make([]byte, missing), h...))
}

// keyPair checks that an HPKE private key has the public key that a KeyPackage states.
func (t *trial) keyPair(check string, private ciphersuite.Secret, want ciphersuite.HPKEPublicKey) {
	pair, err := t.suite.KeyPairOf(private)
	if t.succeeds(check+" is a key", err) {
		t.equal("public key of "+check, pair.Public, want)
	}
}

// groupParams returns the parameters of members in test vectors, whose KeyPackages never expire.
func groupParams() mls.Params { return mls.Params{MaxLifetime: -1} }

func (f *follower) join(c *passiveClient, own *mls.OwnKeyPackage) bool {
	s, err := mls.Join(mls.JoinParams{
		Welcome: c.Welcome, RatchetTree: c.RatchetTree.Value, KeyPackages: []*mls.OwnKeyPackage{own}, PSKs: f.psks,
		Params: groupParams()})
	if !f.succeeds("join", err) {
		return false
	}
	f.group = s.Next
	if c.RatchetTree.Present {
		f.equal("ratchet_tree exports to the bytes it came from", f.group.Tree().Export(), c.RatchetTree.Value)
	}
	return true
}

// follow handles what ends one epoch.
func (f *follower) follow(at string, e *passiveEpoch) bool {
	before := f.group.Epoch()
	for i, p := range e.Proposals {
		if !f.handle(fmt.Sprintf("%sproposals[%d]", at, i), p) {
			return false
		}
	}
	return f.handle(at+"commit", e.Commit) &&
		same(f.trial, at+"epoch after commit", f.group.Epoch(), before+1) &&
		f.equal(at+"epoch_authenticator", f.authenticator(), e.EpochAuthenticator)
}

// handle takes one message. A client that stores nothing lets a Step take effect by erasing what Next replaces; the Claims
// of published cases nobody can answer.
func (f *follower) handle(check string, data []byte) bool {
	s, err := f.group.Handle(mls.Input{Message: data, PSKs: f.psks})
	if !f.succeeds(check, err) {
		return false
	}
	s.Erase()
	f.group = s.Next
	return true
}

func (f *follower) authenticator() []byte {
	a, err := f.group.EpochAuthenticator()
	f.succeeds("epoch authenticator", err)
	return a
}
