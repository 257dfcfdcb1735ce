package ciphersuite

// HPKE in base mode (RFC 9180), with the work that depends on info alone done once for many recipients.

import (
	"encoding/binary"
	"io"
)

const hpkeVersion = "HPKE-v1"

// labelledKDF is LabeledExtract and LabeledExpand (RFC 9180, Section 4). prefix is "HPKE-v1" and the suite_id.
type labelledKDF struct {
	hash   hasher
	prefix []byte
}

func newLabelledKDF(h hasher, suite string, codes ...uint16) labelledKDF {
	prefix := []byte(hpkeVersion + suite)
	for _, c := range codes {
		prefix = binary.BigEndian.AppendUint16(prefix, c)
	}
	return labelledKDF{h, prefix}
}

func (k labelledKDF) extract(salt []byte, label string, ikm []byte) []byte {
	return k.hash.mac(make([]byte, 0, k.hash.size()), salt, k.prefix, []byte(label), ikm)
}

func (k labelledKDF) expand(prk []byte, label string, info []byte, n int) []byte {
	var stack [64]byte
	head := binary.BigEndian.AppendUint16(stack[:0], uint16(n))
	head = append(head, k.prefix...)
	return k.hash.expand(prk, n, head, []byte(label), info)
}

// dhkem is a Diffie-Hellman KEM (RFC 9180, Section 4.1).
type dhkem struct {
	kdf         labelledKDF
	group       group
	code        uint16
	privateSize int
	publicSize  int
}

// derive computes DeriveKeyPair, short of the public key (RFC 9180, Section 7.1.3).
func (d *dhkem) derive(ikm []byte) (privateKey, []byte, error) {
	prk := d.kdf.extract(nil, "dkp_prk", ikm)
	defer clear(prk)
	if d.code == kemX25519 || d.code == kemX448 {
		private := d.kdf.expand(prk, "sk", nil, d.privateSize)
		key, err := d.group.key(private)
		return key, private, err
	}
	for counter := range 256 {
		private := d.kdf.expand(prk, "candidate", []byte{byte(counter)}, d.privateSize)
		if d.code == kemP521 {
			private[0] &= 0x01
		}
		if key, err := d.group.key(private); err == nil {
			return key, private, nil
		}
	}
	return nil, nil, ErrPrivateKey // by chance less than once in 2 to the power of 8,000
}

func (d *dhkem) load(private []byte) (privateKey, error) {
	if len(private) != d.privateSize {
		return nil, explained(ErrPrivateKey, privateForm(private, d.privateSize))
	}
	return d.group.key(private)
}

// shared computes ExtractAndExpand. It consumes dh.
func (d *dhkem) shared(dh, enc, public []byte) []byte {
	prk := d.kdf.extract(nil, "eae_prk", dh)
	var stack [2 * 133]byte
	context := append(append(stack[:0], enc...), public...)
	secret := d.kdf.expand(prk, "shared_secret", context, d.kdf.hash.size())
	clear(dh)
	clear(prk)
	return secret
}

// encap draws nothing: the ephemeral key is derived from ikm.
func (d *dhkem) encap(ikm, public []byte) (secret, enc []byte, err error) {
	ephemeral, private, err := d.derive(ikm)
	if err != nil {
		return nil, nil, err
	}
	defer clear(private)
	dh, err := ephemeral.agree(public)
	if err != nil {
		return nil, nil, explained(err, pointForm(public, d.publicSize))
	}
	enc = ephemeral.public()
	return d.shared(dh, enc, public), enc, nil
}

func (d *dhkem) decap(enc []byte, recipient KeyPair) ([]byte, error) {
	key, err := d.load(recipient.Private.Bytes())
	if err != nil {
		return nil, err
	}
	if len(recipient.Public) != d.publicSize || len(enc) != d.publicSize {
		return nil, ErrPublicKey
	}
	dh, err := key.agree(enc)
	if err != nil {
		return nil, err
	}
	return d.shared(dh, enc, recipient.Public), nil
}

// keyScheduleContext computes the recipient-independent part of KeySchedule (RFC 9180, Section 5.1): mode, psk_id_hash
// and info_hash.
func (p *provider) keyScheduleContext(info []byte) []byte {
	context := make([]byte, 1, 1+2*maxHashSize)
	context = append(context, p.hpke.extract(nil, "psk_id_hash", nil)...)
	return append(context, p.hpke.extract(nil, "info_hash", info)...)
}

// messageKey does the rest of KeySchedule for a context that encrypts one message. It consumes shared.
func (p *provider) messageKey(shared, context []byte) (key, nonce []byte) {
	secret := p.hpke.extract(shared, "secret", nil)
	key = p.hpke.expand(secret, "key", context, p.params.KeySize)
	nonce = p.hpke.expand(secret, "base_nonce", context, p.params.NonceSize)
	clear(secret)
	clear(shared)
	return key, nonce
}

// exportSecret does the rest of KeySchedule for a context that exports one secret of the hash's size, and its Export
// (RFC 9180, Section 5.3). It consumes shared.
func (p *provider) exportSecret(shared, exporterContext []byte) Secret {
	secret := p.hpke.extract(shared, "secret", nil)
	exporter := p.hpke.expand(secret, "exp", p.keyScheduleContext(nil), p.hash.size())
	out := p.hpke.expand(exporter, "sec", exporterContext, p.hash.size())
	clear(secret)
	clear(exporter)
	clear(shared)
	return NewSecret(out)
}

func (p *provider) GenerateKeyPair(rand io.Reader) (KeyPair, error) {
	ikm, err := readEntropy(rand, p.params.HPKEPrivateKeySize)
	if err != nil {
		return KeyPair{}, err
	}
	defer clear(ikm)
	return p.derive(ikm)
}

func (p *provider) DeriveKeyPair(ikm Secret) (KeyPair, error) { return p.derive(ikm.Bytes()) }

func (p *provider) derive(ikm []byte) (KeyPair, error) {
	key, private, err := p.kem.derive(ikm)
	if err != nil {
		return KeyPair{}, err
	}
	return KeyPair{Public: key.public(), Private: NewSecret(private)}, nil
}

func (p *provider) DeriveKeyPairs(ikms []Secret) ([]KeyPair, error) {
	pairs := make([]KeyPair, len(ikms))
	err := forEach(len(ikms), func(i int) (err error) {
		pairs[i], err = p.DeriveKeyPair(ikms[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return pairs, nil
}

func (p *provider) KeyPairOf(private Secret) (KeyPair, error) {
	key, err := p.kem.load(private.Bytes())
	if err != nil {
		return KeyPair{}, err
	}
	return KeyPair{Public: key.public(), Private: private}, nil
}

func (p *provider) CheckHPKEPublicKey(key HPKEPublicKey) error {
	if err := p.kem.group.check(key); err != nil {
		return explained(err, pointForm(key, p.params.HPKEPublicKeySize))
	}
	return nil
}

func (p *provider) SealMany(rand io.Reader, info []byte, to []Recipient) ([]HPKECiphertext, error) {
	n := p.params.HPKEPrivateKeySize
	entropy, err := readEntropy(rand, n*len(to))
	if err != nil {
		return nil, err
	}
	defer clear(entropy)
	context := p.keyScheduleContext(info)
	out := make([]HPKECiphertext, len(to))
	err = forEach(len(to), func(i int) (err error) {
		out[i], err = p.seal(entropy[i*n:(i+1)*n], context, to[i])
		return err
	})
	if err != nil {
		return nil, err
	}
	return out, nil
}

func (p *provider) seal(ikm, context []byte, to Recipient) (HPKECiphertext, error) {
	shared, enc, err := p.kem.encap(ikm, to.PublicKey)
	if err != nil {
		return HPKECiphertext{}, err
	}
	key, nonce := p.messageKey(shared, context)
	aead, err := p.aead(key)
	clear(key)
	if err != nil {
		return HPKECiphertext{}, err
	}
	sealed := aead.Seal(make([]byte, 0, to.Plaintext.Len()+p.params.TagSize), nonce, to.Plaintext.Bytes(), nil)
	return HPKECiphertext{KEMOutput: enc, Ciphertext: sealed}, nil
}

func (p *provider) Open(recipient KeyPair, info []byte, ct HPKECiphertext) (Secret, error) {
	shared, err := p.kem.decap(ct.KEMOutput, recipient)
	if err != nil {
		return Secret{}, explained(ErrOpen, pointForm(ct.KEMOutput, p.kem.publicSize))
	}
	key, nonce := p.messageKey(shared, p.keyScheduleContext(info))
	aead, err := p.aead(key)
	clear(key)
	if err != nil {
		return Secret{}, ErrOpen
	}
	plaintext, err := aead.Open(nil, nonce, ct.Ciphertext, nil)
	if err != nil {
		return Secret{}, ErrOpen
	}
	return NewSecret(plaintext), nil
}

func (p *provider) SendExport(rand io.Reader, to HPKEPublicKey, exporterContext []byte) ([]byte, Secret, error) {
	ikm, err := readEntropy(rand, p.params.HPKEPrivateKeySize)
	if err != nil {
		return nil, Secret{}, err
	}
	defer clear(ikm)
	shared, enc, err := p.kem.encap(ikm, to)
	if err != nil {
		return nil, Secret{}, err
	}
	return enc, p.exportSecret(shared, exporterContext), nil
}

func (p *provider) ReceiveExport(recipient KeyPair, kemOutput, exporterContext []byte) (Secret, error) {
	shared, err := p.kem.decap(kemOutput, recipient)
	if err != nil {
		return Secret{}, explained(ErrOpen, pointForm(kemOutput, p.kem.publicSize))
	}
	return p.exportSecret(shared, exporterContext), nil
}
