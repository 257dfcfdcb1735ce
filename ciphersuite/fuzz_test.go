package ciphersuite

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// fuzzSuites makes every suite of this build once; targets choose by a number.
func fuzzSuites(f *testing.F) func(n uint8) *Suite {
	var suites []*Suite
	for _, cs := range Supported() {
		s, err := New(cs)
		require.NoError(f, err)
		suites = append(suites, s)
	}
	return func(n uint8) *Suite { return suites[int(n)%len(suites)] }
}

func FuzzOpen(f *testing.F) {
	suite := fuzzSuites(f)
	for n := range uint8(7) {
		s := suite(n)
		to, pairs := recipients(f, s, 1)
		out, err := s.SealMany(&stream{}, []byte("info"), to)
		require.NoError(f, err)
		f.Add(n, []byte(pairs[0].Public), pairs[0].Private.Bytes(), out[0].KEMOutput, out[0].Ciphertext)
	}
	f.Fuzz(func(t *testing.T, n uint8, public, private, enc, ciphertext []byte) {
		s := suite(n)
		pair := KeyPair{public, NewSecret(private)}
		text, err := s.Open(pair, []byte("info"), HPKECiphertext{enc, ciphertext})
		if err != nil {
			require.ErrorIs(t, err, ErrOpen)
		} else {
			require.Equal(t, len(ciphertext), text.Len()+s.TagSize)
		}
		if _, err := s.ReceiveExport(pair, enc, nil); err != nil {
			require.ErrorIs(t, err, ErrOpen)
		}
	})
}

func FuzzVerify(f *testing.F) {
	suite := fuzzSuites(f)
	for n := range uint8(7) {
		s := suite(n)
		signer, err := s.GenerateSigner(&stream{})
		require.NoError(f, err)
		key, err := s.PublicKeyOf(signer)
		require.NoError(f, err)
		signature, err := s.Sign(nil, signer, []byte("message"))
		require.NoError(f, err)
		f.Add(n, []byte(key), []byte("message"), signature)
	}
	f.Fuzz(func(t *testing.T, n uint8, key, message, signature []byte) {
		s := suite(n)
		one := s.Verify(key, message, signature)
		require.Equal(t, indexed(0, one), s.VerifyBatch([]SignedMessage{{key, message, signature}}))
		if s.CheckSignaturePublicKey(key) != nil {
			require.ErrorIs(t, one, ErrPublicKey)
		}
	})
}

func FuzzPublicKeys(f *testing.F) {
	suite := fuzzSuites(f)
	for n := range uint8(7) {
		to, _ := recipients(f, suite(n), 1)
		f.Add(n, []byte(to[0].PublicKey))
	}
	f.Fuzz(func(t *testing.T, n uint8, key []byte) {
		s := suite(n)
		checked := s.CheckHPKEPublicKey(key)
		_, err := s.EncryptWithLabel(&stream{}, "label", nil, Recipient{PublicKey: key})
		require.Equal(t, checked == nil, err == nil, "check and use agree")
		if checked != nil {
			require.ErrorIs(t, checked, ErrPublicKey)
			require.ErrorIs(t, err, ErrPublicKey)
		}
		if err := s.CheckSignaturePublicKey(key); err != nil {
			require.ErrorIs(t, err, ErrPublicKey)
		}
		if pair, err := s.KeyPairOf(NewSecret(key)); err == nil {
			require.NoError(t, s.CheckHPKEPublicKey(pair.Public))
		} else {
			require.ErrorIs(t, err, ErrPrivateKey)
		}
	})
}
