//go:build !copse_stdlib

package ciphersuite

import (
	"crypto"
	"testing"

	circled448 "github.com/cloudflare/circl/sign/ed448"
	"github.com/stretchr/testify/require"
)

// Without copse_stdlib every suite is there, whatever else a tag leaves out.
func TestAllSuites(t *testing.T) {
	require.Equal(t, All(), Supported())
}

// A key of small order has no secret: without the check, [S]B = R would be a signature of every message.
func TestEd448RefusesSmallOrderKeys(t *testing.T) {
	s, err := New(MLS256DHKEMX448AES256GCMSHA512Ed448)
	require.NoError(t, err)
	zero := make([]byte, circled448.PublicKeySize)
	one := append([]byte{1}, zero[1:]...)
	minusOne := []byte("\xfe" + ones27 + "\xfe" + ones27 + "\x00")
	sign := append(append([]byte{}, zero[:56]...), 0x80)
	forged := append(append([]byte{}, one...), zero...) // R is the identity, S is zero
	accepted := 0
	for _, key := range [][]byte{zero, one, minusOne, sign} {
		if circled448.Verify(key, []byte("message"), forged, "") {
			accepted++
		}
		require.ErrorIs(t, s.CheckSignaturePublicKey(key), ErrPublicKey)
		require.ErrorIs(t, s.Verify(key, []byte("message"), forged), ErrPublicKey)
	}
	require.NotZero(t, accepted, "the check has something to prevent")
}

// "Blank" of RFC 8032, Section 7.4.
func TestEd448KnownAnswer(t *testing.T) {
	s, err := New(MLS256DHKEMX448AES256GCMSHA512Ed448)
	require.NoError(t, err)
	signer, err := s.ParseSigner(NewSecret(unhex(t, "6c82a562cb808d10d632be89c8513ebf6c929f34ddfa8c9f63c9960ef6e348a3528c8a3fcc2f044e39a3fc5b94492f8f032e7549a20098f95b")))
	require.NoError(t, err)
	key, err := s.PublicKeyOf(signer)
	require.NoError(t, err)
	require.Equal(t, unhex(t, "5fd7449b59b461fd2ce787ec616ad46a1da1342485a70e1f8a0ea75d80e96778edf124769b46c7061bd6783df1e50f6cd1fa1abeafe8256180"), []byte(key))
	signature, err := s.Sign(nil, signer, nil)
	require.NoError(t, err)
	require.NoError(t, s.Verify(key, nil, signature))
	require.Equal(t, unhex(t, "533a37f6bbe457251f023c0d88f976ae2dfb504a843e34d2074fd823d41a591f"), signature[:32])
}

// mixedEd448 returns mixed for Ed448.
func mixedEd448(t *testing.T, private, public crypto.Signer) crypto.Signer {
	seed, ok := private.(circled448.PrivateKey)
	require.True(t, ok, "%T", private)
	return append(seed[:circled448.SeedSize:circled448.SeedSize], public.(circled448.PrivateKey)[circled448.SeedSize:]...)
}

// noEd448 lists signers of Ed448 that are none.
func noEd448() []crypto.Signer {
	short := circled448.PrivateKey("short")
	return []crypto.Signer{circled448.PrivateKey(nil), short, (*circled448.PrivateKey)(nil), &short}
}
