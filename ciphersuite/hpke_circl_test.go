//go:build !copse_stdlib

package ciphersuite

import (
	"bytes"
	"io"
	"testing"

	"github.com/cloudflare/circl/hpke"
	"github.com/stretchr/testify/require"
)

// SealMany and SendExport give, byte for byte, what circl's one-shot HPKE gives for the same entropy.
func TestHPKEAgainstCircl(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		suite := hpke.NewSuite(hpke.KEM(s.KEM), hpke.KDF(s.KDF), hpke.AEAD(s.Sizes.AEAD))
		kem := hpke.KEM(s.KEM).Scheme()
		info := bytes.Repeat([]byte("info"), 1000)
		to, pairs := recipients(t, s, 20)
		out, err := s.SealMany(&stream{}, info, to)
		require.NoError(t, err)
		entropy := &stream{}
		for i, ct := range out {
			public, err := kem.UnmarshalBinaryPublicKey(to[i].PublicKey)
			require.NoError(t, err)
			private, err := kem.UnmarshalBinaryPrivateKey(pairs[i].Private.Bytes())
			require.NoError(t, err)

			sender, err := suite.NewSender(public, info)
			require.NoError(t, err)
			enc, sealer, err := sender.Setup(entropy)
			require.NoError(t, err)
			sealed, err := sealer.Seal(to[i].Plaintext.Bytes(), nil)
			require.NoError(t, err)
			require.Equal(t, HPKECiphertext{enc, sealed}, ct)

			receiver, err := suite.NewReceiver(private, info)
			require.NoError(t, err)
			opener, err := receiver.Setup(ct.KEMOutput)
			require.NoError(t, err)
			text, err := opener.Open(ct.Ciphertext, nil)
			require.NoError(t, err)
			require.Equal(t, to[i].Plaintext.Bytes(), text)
		}
		compareExport(t, s, suite, to[0].PublicKey)
	})
}

func compareExport(t *testing.T, s *Suite, suite hpke.Suite, to HPKEPublicKey) {
	enc, secret, err := s.SendExport(&stream{}, to, []byte("context"))
	require.NoError(t, err)
	public, err := hpke.KEM(s.KEM).Scheme().UnmarshalBinaryPublicKey(to)
	require.NoError(t, err)
	sender, err := suite.NewSender(public, nil)
	require.NoError(t, err)
	wantEnc, sealer, err := sender.Setup(&stream{})
	require.NoError(t, err)
	require.Equal(t, wantEnc, enc)
	require.Equal(t, sealer.Export([]byte("context"), uint(s.HashSize)), secret.Bytes())
}

func TestDeriveKeyPairAgainstCircl(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		kem := hpke.KEM(s.KEM).Scheme()
		entropy := &stream{}
		for range 20 {
			ikm := make([]byte, kem.SeedSize())
			_, err := io.ReadFull(entropy, ikm)
			require.NoError(t, err)
			public, private := kem.DeriveKeyPair(ikm)
			wantPublic, err := public.MarshalBinary()
			require.NoError(t, err)
			wantPrivate, err := private.MarshalBinary()
			require.NoError(t, err)
			pair, err := s.DeriveKeyPair(NewSecret(ikm))
			require.NoError(t, err)
			require.Equal(t, KeyPair{wantPublic, NewSecret(wantPrivate)}, pair)
		}
	})
}
