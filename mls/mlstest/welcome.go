package mlstest

// RFC 9420, Section 12.4.3.1: Joining via Welcome Message, the author's side without a check.

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// welcome makes the Welcome for all whom the commit adds.
func (d *Draft) welcome(t TB, made *Made) {
	t.Helper()
	suite := d.in.Suite
	made.GroupInfo = &framing.GroupInfo{
		GroupContext: made.Next.Context, ConfirmationTag: made.Next.Tag, Signer: d.leaf,
		Extensions: framing.Extensions{{Type: framing.ExtensionTypeRatchetTree, Data: d.tree.Export(t)}},
	}
	if d.OnGroupInfo != nil {
		d.OnGroupInfo(made.GroupInfo)
	}
	SignGroupInfo(t, suite, d.LeafSigner, made.GroupInfo)
	if d.OnSignedInfo != nil {
		d.OnSignedInfo(made.GroupInfo)
	}
	plain := Marshal(t, made.GroupInfo)
	if d.OnInfoPlain != nil {
		plain = d.OnInfoPlain(plain)
	}
	key := suite.ExpandWithLabel(d.welcomes, "key", nil, suite.KeySize)
	nonce := suite.ExpandWithLabel(d.welcomes, "nonce", nil, suite.NonceSize)
	w := &framing.Welcome{CipherSuite: suite.CipherSuite()}
	var err error
	w.EncryptedGroupInfo, err = suite.AEADSeal(key, nonce.Bytes(), nil, plain)
	must(t, err, "encrypting a GroupInfo")
	d.encryptSecrets(t, w)
	if d.OnWelcome != nil {
		d.OnWelcome(w)
	}
	made.Welcome = Message(t, w)
}

// encryptSecrets encrypts the group secrets to each newcomer.
func (d *Draft) encryptSecrets(t TB, w *framing.Welcome) {
	t.Helper()
	joiners := make([]framing.Joiner, len(d.adds))
	for k, add := range d.adds {
		joiners[k].KeyPackage = add.KeyPackage
		for j := range d.copath {
			if d.copath[j].Covers(d.added[k]) {
				joiners[k].PathSecret = d.secrets[j]
			}
		}
	}
	if d.Joiners != nil {
		joiners = d.Joiners(joiners)
	}
	for k, j := range joiners {
		secrets := &framing.GroupSecrets{JoinerSecret: d.joiner.Secret(), PathSecret: j.PathSecret, PSKs: d.psks}
		if d.OnSecrets != nil {
			d.OnSecrets(k, secrets)
		}
		plain := Marshal(t, secrets)
		if d.OnSecretsPlain != nil {
			plain = d.OnSecretsPlain(k, plain)
		}
		ref := d.in.Suite.RefHash("MLS 1.0 KeyPackage Reference", Marshal(t, j.KeyPackage))
		ct, err := d.in.Suite.EncryptWithLabel(Rand(string(plain)), "Welcome", w.EncryptedGroupInfo,
			ciphersuite.Recipient{PublicKey: j.KeyPackage.InitKey, Plaintext: ciphersuite.NewSecret(plain)})
		must(t, err, "encrypting group secrets")
		w.Secrets = append(w.Secrets, framing.EncryptedGroupSecrets{NewMember: ref, EncryptedGroupSecrets: ct})
	}
}
