package mlstest

import (
	"crypto"
	"io"
	"sync/atomic"

	"github.com/copse-mls/copse/ciphersuite"
)

// Counts are how often the primitives of a cipher suite were used.
type Counts struct {
	Seals int // HPKE encryptions, one for each recipient
	Opens int // HPKE decryptions
	// BaseMultiplications are products of a scalar and the generator of the KEM's group: one for each key pair made or
	// derived, or completed from its private key, and one for the ephemeral key of each encryption.
	BaseMultiplications int
	// Agreements are products of a scalar and somebody's public key: one for each encryption and each decryption.
	Agreements    int
	Signatures    int // made
	Verifications int // alone or in batches
	Hashes        int // calls of Hash: of nodes of the tree, references and transcripts, but not those within HMAC and signatures
	HashedBytes   int // by those calls
	AEADs         int // AEADSeal and AEADOpen, without those within HPKE
}

// Counting is a provider that counts the calls of its methods. It is safe for concurrent use.
type Counting struct {
	ciphersuite.Provider
	seals, opens, base, agreements, signatures, verifications, hashes, hashed, aeads atomic.Int64
}

// NewCounting makes a provider that counts, around this module's own, and the suite that uses it.
func NewCounting(t TB, cs ciphersuite.CipherSuite) (*Counting, *ciphersuite.Suite) {
	t.Helper()
	c := &Counting{Provider: Suite(t, cs).Provider}
	suite, err := ciphersuite.NewWithProvider(c)
	must(t, err, "suite")
	return c, suite
}

// During returns the counts of what call did.
func (c *Counting) During(call func()) Counts {
	before := c.now()
	call()
	after := c.now()
	return Counts{
		Seals: after.Seals - before.Seals, Opens: after.Opens - before.Opens,
		BaseMultiplications: after.BaseMultiplications - before.BaseMultiplications,
		Agreements:          after.Agreements - before.Agreements,
		Signatures:          after.Signatures - before.Signatures, Verifications: after.Verifications - before.Verifications,
		Hashes: after.Hashes - before.Hashes, HashedBytes: after.HashedBytes - before.HashedBytes,
		AEADs: after.AEADs - before.AEADs,
	}
}

func (c *Counting) now() Counts {
	n := func(a *atomic.Int64) int { return int(a.Load()) }
	return Counts{n(&c.seals), n(&c.opens), n(&c.base), n(&c.agreements), n(&c.signatures), n(&c.verifications),
		n(&c.hashes), n(&c.hashed), n(&c.aeads)}
}

// Hash counts a hash.
func (c *Counting) Hash(dst, data []byte) []byte {
	c.hashes.Add(1)
	c.hashed.Add(int64(len(data)))
	return c.Provider.Hash(dst, data)
}

// AEADSeal counts an AEAD encryption.
func (c *Counting) AEADSeal(key ciphersuite.Secret, nonce, aad, plaintext []byte) ([]byte, error) {
	c.aeads.Add(1)
	return c.Provider.AEADSeal(key, nonce, aad, plaintext)
}

// AEADOpen counts an AEAD decryption.
func (c *Counting) AEADOpen(key ciphersuite.Secret, nonce, aad, ciphertext []byte) ([]byte, error) {
	c.aeads.Add(1)
	return c.Provider.AEADOpen(key, nonce, aad, ciphertext)
}

// GenerateKeyPair counts a base multiplication.
func (c *Counting) GenerateKeyPair(rand io.Reader) (ciphersuite.KeyPair, error) {
	c.base.Add(1)
	return c.Provider.GenerateKeyPair(rand)
}

// DeriveKeyPair counts a base multiplication.
func (c *Counting) DeriveKeyPair(ikm ciphersuite.Secret) (ciphersuite.KeyPair, error) {
	c.base.Add(1)
	return c.Provider.DeriveKeyPair(ikm)
}

// DeriveKeyPairs counts a base multiplication for each pair.
func (c *Counting) DeriveKeyPairs(ikms []ciphersuite.Secret) ([]ciphersuite.KeyPair, error) {
	c.base.Add(int64(len(ikms)))
	return c.Provider.DeriveKeyPairs(ikms)
}

// KeyPairOf counts a base multiplication.
func (c *Counting) KeyPairOf(private ciphersuite.Secret) (ciphersuite.KeyPair, error) {
	c.base.Add(1)
	return c.Provider.KeyPairOf(private)
}

// SealMany counts an encryption for each recipient.
func (c *Counting) SealMany(rand io.Reader, info []byte, to []ciphersuite.Recipient) ([]ciphersuite.HPKECiphertext, error) {
	n := int64(len(to))
	c.seals.Add(n)
	c.base.Add(n)
	c.agreements.Add(n)
	return c.Provider.SealMany(rand, info, to)
}

// Open counts a decryption.
func (c *Counting) Open(to ciphersuite.KeyPair, info []byte, ct ciphersuite.HPKECiphertext) (ciphersuite.Secret, error) {
	c.opens.Add(1)
	c.agreements.Add(1)
	return c.Provider.Open(to, info, ct)
}

// SendExport counts the multiplications of an encapsulation.
func (c *Counting) SendExport(rand io.Reader, to ciphersuite.HPKEPublicKey, context []byte) ([]byte, ciphersuite.Secret, error) {
	c.base.Add(1)
	c.agreements.Add(1)
	return c.Provider.SendExport(rand, to, context)
}

// ReceiveExport counts the multiplication of a decapsulation.
func (c *Counting) ReceiveExport(to ciphersuite.KeyPair, kemOutput, context []byte) (ciphersuite.Secret, error) {
	c.agreements.Add(1)
	return c.Provider.ReceiveExport(to, kemOutput, context)
}

// Sign counts a signature.
func (c *Counting) Sign(rand io.Reader, signer crypto.Signer, message []byte) ([]byte, error) {
	c.signatures.Add(1)
	return c.Provider.Sign(rand, signer, message)
}

// Verify counts a verification.
func (c *Counting) Verify(key ciphersuite.SignaturePublicKey, message, signature []byte) error {
	c.verifications.Add(1)
	return c.Provider.Verify(key, message, signature)
}

// VerifyBatch counts a verification for each signature.
func (c *Counting) VerifyBatch(items []ciphersuite.SignedMessage) error {
	c.verifications.Add(int64(len(items)))
	return c.Provider.VerifyBatch(items)
}
