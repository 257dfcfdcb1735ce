package ciphersuite

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

// What other implementations send and write in another form is refused as ever, and the error says which form it is, and
// which one was expected.

// says checks that an error is want and says each of texts.
func says(t *testing.T, err, want error, texts ...string) {
	t.Helper()
	require.ErrorIs(t, err, want)
	for _, text := range texts {
		require.ErrorContains(t, err, text)
	}
}

// eachCurve calls test with a signer and its public key, for each suite that signs by ECDSA.
func eachCurve(t *testing.T, test func(t *testing.T, s *Suite, signer crypto.Signer, key SignaturePublicKey)) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		if nistCurve(s) == nil {
			return
		}
		signer, err := s.GenerateSigner(nil)
		require.NoError(t, err)
		key, err := s.PublicKeyOf(signer)
		require.NoError(t, err)
		test(t, s, signer, key)
	})
}

func TestRealWorldRawSignature(t *testing.T) {
	eachCurve(t, func(t *testing.T, s *Suite, signer crypto.Signer, key SignaturePublicKey) {
		var err error
		m := SignedMessage{Key: key, Message: []byte("message")}
		m.Signature, err = s.Sign(nil, signer, m.Message)
		require.NoError(t, err)
		var rs struct{ R, S *big.Int }
		_, err = asn1.Unmarshal(m.Signature, &rs)
		require.NoError(t, err)
		size := (nistCurve(s).Params().BitSize + 7) / 8
		raw := append(rs.R.FillBytes(make([]byte, size)), rs.S.FillBytes(make([]byte, size))...)
		want := map[int]string{32: "r||s of 64 bytes", 48: "r||s of 96 bytes", 66: "r||s of 132 bytes"}[size]
		says(t, s.Verify(m.Key, m.Message, raw), ErrSignature, want, "expected DER (RFC 9420, Section 5.1.2; RFC 8446, Section 4.2.3)")
		m.Signature = raw
		says(t, s.VerifyBatch([]SignedMessage{m}), ErrSignature, want)
		require.Equal(t, ErrSignature, s.Verify(m.Key, m.Message, raw[1:]), "of another length")
	})
}

func TestRealWorldCompressedPoint(t *testing.T) {
	eachCurve(t, func(t *testing.T, s *Suite, _ crypto.Signer, point SignaturePublicKey) {
		point[0] = 2 | point[len(point)-1]&1 // the parity of y takes its place
		point = point[:1+len(point)/2]
		want := map[int]string{33: "compressed point of 33 bytes, expected an uncompressed one of 65 bytes beginning with 04",
			49: "compressed point of 49 bytes, expected an uncompressed one of 97", 67: "compressed point of 67 bytes, expected an uncompressed one of 133"}[len(point)]
		says(t, s.CheckSignaturePublicKey(point), ErrPublicKey, want)
		says(t, s.Verify(point, nil, nil), ErrPublicKey, want)
		says(t, s.CheckHPKEPublicKey(HPKEPublicKey(point)), ErrPublicKey, want)
		to, pairs := recipients(t, s, 1)
		to[0].PublicKey = HPKEPublicKey(point)
		_, err := s.SealMany(nil, nil, to)
		says(t, err, ErrPublicKey, want)
		_, err = s.Open(pairs[0], nil, HPKECiphertext{point, make([]byte, 40)})
		says(t, err, ErrOpen, want)
		_, err = s.ReceiveExport(pairs[0], point, nil)
		says(t, err, ErrOpen, want)
		point[0] = 4
		require.Equal(t, ErrPublicKey, s.CheckSignaturePublicKey(point), "not a form that anybody uses")
	})
}

func TestRealWorldPrivateKeys(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		signer, err := s.GenerateSigner(nil)
		require.NoError(t, err)
		private, err := s.MarshalSigner(signer)
		require.NoError(t, err)
		refused := func(encoded []byte, texts ...string) {
			t.Helper()
			_, err := s.ParseSigner(NewSecret(encoded))
			says(t, err, ErrPrivateKey, texts...)
			_, err = s.KeyPairOf(NewSecret(encoded))
			require.ErrorIs(t, err, ErrPrivateKey)
		}
		if nistCurve(s) == nil {
			public, err := s.PublicKeyOf(signer)
			require.NoError(t, err)
			size := map[int]string{32: "64 bytes are a seed and the public key; expected the seed alone, 32 bytes",
				57: "114 bytes are a seed and the public key; expected the seed alone, 57 bytes"}[private.Len()]
			refused(append(private.Clone().Bytes(), public...), size)
		}
		if s.KEM == kemX448 {
			return // crypto/x509 knows no Ed448
		}
		der, err := x509.MarshalPKCS8PrivateKey(signer)
		require.NoError(t, err)
		refused(der, "a PKCS #8 structure of", "expected the private key alone")
		refused(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), "PEM text")
		if key, ok := signer.(*ecdsa.PrivateKey); ok {
			der, err := x509.MarshalECPrivateKey(key)
			require.NoError(t, err)
			refused(der, "an ECPrivateKey structure (SEC 1) of")
		}
		_, err = s.ParseSigner(NewSecret(make([]byte, 200)))
		require.NotContains(t, err.Error(), ":  ", "nothing is known of others")
	})
}

// TestPrivateHPKEKeyInPKCS8: HPKE keys come in these forms, too.
func TestPrivateHPKEKeyInPKCS8(t *testing.T) {
	s := ed25519Suite(t)
	signer, err := s.GenerateSigner(nil)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(signer)
	require.NoError(t, err)
	_, err = s.KeyPairOf(NewSecret(der))
	says(t, err, ErrPrivateKey, "a PKCS #8 structure of 48 bytes")
}
