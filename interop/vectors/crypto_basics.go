package vectors

import (
	"bytes"
	"crypto/rand"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
)

// cryptoBasics is a case of crypto-basics.json: each labelled function of one suite.
type cryptoBasics struct {
	suited
	RefHash struct {
		Label string   `json:"label"`
		Value hexBytes `json:"value"`
		Out   hexBytes `json:"out"`
	} `json:"ref_hash"`
	ExpandWithLabel struct {
		Secret  hexBytes `json:"secret"`
		Label   string   `json:"label"`
		Context hexBytes `json:"context"`
		Length  uint16   `json:"length"`
		Out     hexBytes `json:"out"`
	} `json:"expand_with_label"`
	DeriveSecret struct {
		Secret hexBytes `json:"secret"`
		Label  string   `json:"label"`
		Out    hexBytes `json:"out"`
	} `json:"derive_secret"`
	DeriveTreeSecret struct {
		Secret     hexBytes `json:"secret"`
		Label      string   `json:"label"`
		Generation uint32   `json:"generation"`
		Length     uint16   `json:"length"`
		Out        hexBytes `json:"out"`
	} `json:"derive_tree_secret"`
	SignWithLabel    signWithLabel    `json:"sign_with_label"`
	EncryptWithLabel encryptWithLabel `json:"encrypt_with_label"`
}

type signWithLabel struct {
	Priv      hexBytes `json:"priv"`
	Pub       hexBytes `json:"pub"`
	Content   hexBytes `json:"content"`
	Label     string   `json:"label"`
	Signature hexBytes `json:"signature"`
}

type encryptWithLabel struct {
	Priv       hexBytes `json:"priv"`
	Pub        hexBytes `json:"pub"`
	Label      string   `json:"label"`
	Context    hexBytes `json:"context"`
	Plaintext  hexBytes `json:"plaintext"`
	KEMOutput  hexBytes `json:"kem_output"`
	Ciphertext hexBytes `json:"ciphertext"`
}

func replayCryptoBasics(t *trial, c *cryptoBasics) {
	t.equal("ref_hash.out", t.suite.RefHash(c.RefHash.Label, c.RefHash.Value), c.RefHash.Out)
	if x := &c.ExpandWithLabel; t.derivable("expand_with_label.length", int(x.Length)) {
		out := t.suite.ExpandWithLabel(x.Secret.secret(), x.Label, x.Context, int(x.Length))
		t.equal("expand_with_label.out", out.Bytes(), x.Out)
	}
	out := t.suite.DeriveSecret(c.DeriveSecret.Secret.secret(), c.DeriveSecret.Label)
	t.equal("derive_secret.out", out.Bytes(), c.DeriveSecret.Out)
	if x := &c.DeriveTreeSecret; t.derivable("derive_tree_secret.length", int(x.Length)) {
		out := t.suite.DeriveTreeSecret(x.Secret.secret(), x.Label, x.Generation, int(x.Length))
		t.equal("derive_tree_secret.out", out.Bytes(), x.Out)
	}
	c.SignWithLabel.replay(t)
	c.EncryptWithLabel.replay(t)
}

// derivable checks that HKDF-Expand can give n bytes, as callers of Expand must.
func (t *trial) derivable(check string, n int) bool {
	if most := 255 * t.suite.HashSize; n > most {
		t.fail(check, fmt.Sprint(n), fmt.Sprintf("at most %d", most))
		return false
	}
	return true
}

func (x *signWithLabel) replay(t *trial) {
	pub := ciphersuite.SignaturePublicKey(x.Pub)
	t.succeeds("sign_with_label.signature verifies", t.suite.VerifyWithLabel(pub, x.Label, x.Content, x.Signature))
	signer, err := t.suite.ParseSigner(x.Priv.secret())
	if !t.succeeds("sign_with_label.priv is a key", err) {
		return
	}
	signature, err := t.suite.SignWithLabel(rand.Reader, signer, x.Label, x.Content)
	if t.succeeds("SignWithLabel", err) {
		t.succeeds("signature that Copse makes verifies", t.suite.VerifyWithLabel(pub, x.Label, x.Content, signature))
	}
}

func (x *encryptWithLabel) replay(t *trial) {
	pair := ciphersuite.KeyPair{Public: ciphersuite.HPKEPublicKey(x.Pub), Private: x.Priv.secret()}
	computed, err := t.suite.KeyPairOf(x.Priv.secret())
	if t.succeeds("encrypt_with_label.priv is a key", err) {
		t.equal("public key of encrypt_with_label.priv", computed.Public, x.Pub)
	}
	given := ciphersuite.HPKECiphertext{KEMOutput: x.KEMOutput, Ciphertext: x.Ciphertext}
	t.opens("encrypt_with_label", x, pair, given)

	to := ciphersuite.Recipient{PublicKey: pair.Public, Plaintext: ciphersuite.NewSecret(bytes.Clone(x.Plaintext))}
	made, err := t.suite.EncryptWithLabel(rand.Reader, x.Label, x.Context, to)
	if t.succeeds("EncryptWithLabel", err) {
		t.opens("what Copse encrypted", x, pair, made)
	}
}

// opens checks that pair decrypts ct to the plaintext of the case.
func (t *trial) opens(what string, x *encryptWithLabel, pair ciphersuite.KeyPair, ct ciphersuite.HPKECiphertext) {
	plaintext, err := t.suite.DecryptWithLabel(pair, x.Label, x.Context, ct)
	if t.succeeds(what+" decrypts", err) {
		t.equal(what+" decrypts to plaintext", plaintext.Bytes(), x.Plaintext)
	}
}
