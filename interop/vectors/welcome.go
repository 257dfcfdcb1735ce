package vectors

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
)

// welcome is a case of welcome.json: a Welcome and what its addressee needs to open it.
type welcome struct {
	suited
	InitPriv   hexBytes `json:"init_priv"`
	SignerPub  hexBytes `json:"signer_pub"`
	KeyPackage hexBytes `json:"key_package"`
	Welcome    hexBytes `json:"welcome"`
}

func replayWelcome(t *trial, c *welcome) {
	keyPackage, ok := message[*framing.KeyPackage](t, "key_package", c.KeyPackage)
	if !ok {
		return
	}
	m, ok := message[*framing.Welcome](t, "welcome", c.Welcome)
	if !ok {
		return
	}
	joiner, ok := c.joinerSecret(t, keyPackage, m)
	if !ok {
		return
	}
	noPSKs, err := keyschedule.PSKSecret(t.suite, nil)
	if !t.succeeds("psk_secret without PSKs", err) {
		return
	}
	member, err := joiner.Member(noPSKs)
	if !t.succeeds("joiner_secret", err) {
		return
	}
	welcomeSecret, err := member.WelcomeSecret()
	if !t.succeeds("welcome_secret", err) {
		return
	}
	info, err := m.DecryptGroupInfo(t.suite, welcomeSecret)
	if !t.succeeds("group info decrypts", err) {
		return
	}
	t.succeeds("signature of group info", info.VerifySignature(t.suite, ciphersuite.SignaturePublicKey(c.SignerPub)))
	epoch, _, err := member.Epoch(t.encode("group context", &info.GroupContext))
	if t.succeeds("epoch secrets", err) {
		err := epoch.CheckConfirmationTag(info.GroupContext.ConfirmedTranscriptHash, info.ConfirmationTag)
		t.succeeds("confirmation_tag of group info", err)
	}
}

// joinerSecret decrypts what the Welcome holds for the key package.
func (c *welcome) joinerSecret(t *trial, k *framing.KeyPackage, m *framing.Welcome) (s keyschedule.JoinerSecret, ok bool) {
	ref, err := k.Ref(t.suite)
	if !t.succeeds("reference of key_package", err) {
		return s, false
	}
	initKey, err := t.suite.KeyPairOf(c.InitPriv.secret())
	if !t.succeeds("init_priv is a key", err) || !t.equal("public key of init_priv", initKey.Public, k.InitKey) {
		return s, false
	}
	secrets, err := m.DecryptGroupSecrets(t.suite, ref, initKey)
	if !t.succeeds("group secrets decrypt", err) {
		return s, false
	}
	same(t, "number of PSKs", len(secrets.PSKs), 0)
	s, err = keyschedule.NewJoinerSecret(t.suite, secrets.JoinerSecret)
	return s, t.succeeds("joiner_secret", err)
}
