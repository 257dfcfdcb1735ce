package ciphersuite

import (
	"crypto/hpke"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

func unhex(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// RFC 9180, Appendix A.1.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, base mode.
func TestHPKEKnownAnswer(t *testing.T) {
	made, err := newProvider(MLS128DHKEMX25519AES128GCMSHA256Ed25519)
	require.NoError(t, err)
	p := made.(*provider)
	pair, err := p.DeriveKeyPair(NewSecret(unhex(t, "6db9df30aa07dd42ee5e8181afdb977e538f5e1fec8a06223f33f7013e525037")))
	require.NoError(t, err)
	require.Equal(t, "4612c550263fc8ad58375df3f557aac531d26850903e55a9f23f21d8534e8ac8", hex.EncodeToString(pair.Private.Bytes()))
	require.Equal(t, "3948cfe0ad1ddb695d780e59077195da6c56506b027329794ab02bca80815c4d", hex.EncodeToString(pair.Public))

	ikm := unhex(t, "7268600d403fce431561aef583ee1613527cff655c1343f29812e66706df3234")
	shared, enc, err := p.kem.encap(ikm, pair.Public)
	require.NoError(t, err)
	require.Equal(t, "37fda3567bdbd628e88668c3c8d7e97d1d1253b6d4ea6d44c150f741f1bf4431", hex.EncodeToString(enc))
	require.Equal(t, "fe0e18c9f024ce43799ae393c7e8fe8fce9d218875e8227b0187c04e7d2ea1fc", hex.EncodeToString(shared))

	context := p.keyScheduleContext([]byte("Ode on a Grecian Urn"))
	key, nonce := p.messageKey(shared, context)
	require.Equal(t, "4531685d41d65f03dc48f6b8302c05b0", hex.EncodeToString(key))
	require.Equal(t, "56d890e5accaaf011cff4b7d", hex.EncodeToString(nonce))
}

// The standard library has all suites but those of X448.
func TestHPKEAgainstStandardLibrary(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		kem, err := hpke.NewKEM(s.KEM)
		if s.KEM == kemX448 {
			require.Error(t, err, "crypto/hpke has learnt X448; compare with it")
			return
		}
		require.NoError(t, err)
		kdf, err := hpke.NewKDF(s.KDF)
		require.NoError(t, err)
		aead, err := hpke.NewAEAD(s.Sizes.AEAD)
		require.NoError(t, err)
		to, pairs := recipients(t, s, 20)
		info := []byte("info")
		out, err := s.SealMany(nil, info, to)
		require.NoError(t, err)
		for i, ct := range out {
			private, err := kem.NewPrivateKey(pairs[i].Private.Bytes())
			require.NoError(t, err)
			text, err := hpke.Open(private, kdf, aead, info, append(ct.KEMOutput, ct.Ciphertext...))
			require.NoError(t, err)
			require.Equal(t, to[i].Plaintext.Bytes(), text)

			sealed, err := hpke.Seal(private.PublicKey(), kdf, aead, info, to[i].Plaintext.Bytes())
			require.NoError(t, err)
			opened, err := s.Open(pairs[i], info, HPKECiphertext{sealed[:s.KEMOutputSize], sealed[s.KEMOutputSize:]})
			require.NoError(t, err)
			require.Equal(t, to[i].Plaintext.Bytes(), opened.Bytes())
		}
	})
}

// TestOpenWithoutSharedSecret: where the key exchange fails, nothing opens, not even what was sealed with the key that
// follows from no shared secret and that everybody can compute.
func TestOpenWithoutSharedSecret(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		p := s.Provider.(*provider)
		pair, err := s.GenerateKeyPair(nil)
		require.NoError(t, err)
		key, nonce := p.messageKey(nil, p.keyScheduleContext([]byte("info")))
		aead, err := p.aead(key)
		require.NoError(t, err)
		sealed := HPKECiphertext{KEMOutput: make([]byte, s.KEMOutputSize), Ciphertext: aead.Seal(nil, nonce, []byte("forged"), nil)}
		_, err = s.Open(pair, []byte("info"), sealed)
		require.ErrorIs(t, err, ErrOpen)
		_, err = s.ReceiveExport(pair, sealed.KEMOutput, nil)
		require.ErrorIs(t, err, ErrOpen)
	})
}
