package ciphersuite

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestMarshalSigner(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		signer, err := s.GenerateSigner(nil)
		require.NoError(t, err)
		private, err := s.MarshalSigner(signer)
		require.NoError(t, err)
		require.Equal(t, "[secret]", fmt.Sprint(private))
		again, err := s.ParseSigner(private)
		require.NoError(t, err)
		require.Equal(t, signer, again)
		twice, err := s.MarshalSigner(again)
		require.NoError(t, err)
		require.True(t, private.Equal(twice))

		// The bytes are the caller's: erasing them leaves the signer whole.
		private.Erase()
		key, err := s.PublicKeyOf(signer)
		require.NoError(t, err)
		signature, err := s.Sign(nil, signer, []byte("message"))
		require.NoError(t, err)
		require.NoError(t, s.Verify(key, []byte("message"), signature))
	})
}

// TestMarshalSignerForm: a scalar has its full length, as a seed does, whatever ParseSigner was given.
func TestMarshalSignerForm(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		size := s.SignaturePublicKeySize // of an EdDSA seed too
		if curve := nistCurve(s); curve != nil {
			size = (curve.Params().BitSize + 7) / 8
		}
		want := append(make([]byte, size-1), 7)
		given := want
		if nistCurve(s) != nil {
			given = []byte{7}
		}
		signer, err := s.ParseSigner(NewSecret(given))
		require.NoError(t, err)
		private, err := s.MarshalSigner(signer)
		require.NoError(t, err)
		require.Equal(t, want, private.Bytes())
	})
}

func TestMarshalSignerRefuses(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		signer, err := s.GenerateSigner(nil)
		require.NoError(t, err)
		_, err = s.MarshalSigner(remote{signer, signer.Public(), nil})
		require.ErrorIs(t, err, ErrOpaqueSigner)
		require.ErrorContains(t, err, "remote")
		require.NotErrorIs(t, err, ErrSigner, "it can sign")

		// Halves of two keys sign for neither.
		other, err := s.GenerateSigner(nil)
		require.NoError(t, err)
		_, err = s.MarshalSigner(mixed(t, signer, other))
		require.ErrorIs(t, err, ErrPrivateKey)
	})
}

// mixed has the private key of one signer and the public key of another.
func mixed(t *testing.T, private, public crypto.Signer) crypto.Signer {
	switch k := private.(type) {
	case *ecdsa.PrivateKey:
		out := *k
		out.PublicKey = public.(*ecdsa.PrivateKey).PublicKey
		return &out
	case ed25519.PrivateKey:
		return append(k[:ed25519.SeedSize:ed25519.SeedSize], public.(ed25519.PrivateKey)[ed25519.SeedSize:]...)
	}
	return mixedEd448(t, private, public)
}

// TestNoSigner: what is no signer at all is refused in every suite, whatever type the nil has, and does not panic.
func TestNoSigner(t *testing.T) {
	short := ed25519.PrivateKey("short")
	none := append([]crypto.Signer{
		nil, (*ecdsa.PrivateKey)(nil), ed25519.PrivateKey(nil), short, (*ed25519.PrivateKey)(nil), &short, (*drawing)(nil),
	}, noEd448()...)
	eachSuite(t, func(t *testing.T, s *Suite) {
		for _, signer := range none {
			name := fmt.Sprintf("%T", signer)
			_, err := s.PublicKeyOf(signer)
			require.ErrorIs(t, err, ErrSigner, name)
			require.ErrorContains(t, err, "nil", name)
			_, err = s.Sign(nil, signer, []byte("message"))
			require.ErrorIs(t, err, ErrSigner, name)
			_, err = s.SignWithLabel(nil, signer, "label", nil)
			require.ErrorIs(t, err, ErrSigner, name)
			_, err = s.MarshalSigner(signer)
			require.ErrorIs(t, err, ErrSigner, name)
		}
	})
}

// TestHollowECDSA: an ECDSA key without all of its numbers is no signer.
func TestHollowECDSA(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		curve := nistCurve(s)
		if curve == nil {
			curve = elliptic.P256()
		}
		for _, hollow := range []*ecdsa.PrivateKey{{}, {PublicKey: ecdsa.PublicKey{Curve: curve}}} {
			_, err := s.PublicKeyOf(hollow)
			require.ErrorIs(t, err, ErrSigner)
			_, err = s.MarshalSigner(hollow)
			require.ErrorIs(t, err, ErrSigner)
		}
		if nistCurve(s) == nil {
			return
		}
		signer, err := s.GenerateSigner(nil)
		require.NoError(t, err)
		public := signer.(*ecdsa.PrivateKey).PublicKey
		half := &ecdsa.PrivateKey{PublicKey: public}
		_, err = s.MarshalSigner(half)
		require.ErrorIs(t, err, ErrSigner)
		_, err = s.Sign(nil, half, nil)
		require.ErrorIs(t, err, ErrSigner)
		_, err = s.PublicKeyOf(remote{public: &ecdsa.PublicKey{Curve: curve}})
		require.ErrorIs(t, err, ErrSigner)
		key, err := s.PublicKeyOf(remote{public: &public})
		require.NoError(t, err)
		require.NoError(t, s.CheckSignaturePublicKey(key))
	})
}

// TestPointerSigner: a pointer to an Ed25519 key is a crypto.Signer too.
func TestPointerSigner(t *testing.T) {
	s, err := New(MLS128DHKEMX25519AES128GCMSHA256Ed25519)
	require.NoError(t, err)
	seed := bytes.Repeat([]byte{3}, ed25519.SeedSize)
	key := ed25519.NewKeyFromSeed(seed)
	private, err := s.MarshalSigner(&key)
	require.NoError(t, err)
	require.Equal(t, seed, private.Bytes())
	_, err = s.Sign(nil, &key, []byte("message"))
	require.NoError(t, err)
}

// TestCheckSigner: a signer is held against the key that it is to sign for, whoever made it.
func TestCheckSigner(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		signer, err := s.GenerateSigner(nil)
		require.NoError(t, err)
		key, err := s.PublicKeyOf(signer)
		require.NoError(t, err)
		require.NoError(t, s.CheckSigner(signer, key))
		require.NoError(t, s.CheckSigner(remote{public: key}, key))
		other, err := s.GenerateSigner(nil)
		require.NoError(t, err)
		for _, wrong := range []crypto.Signer{other, nil, remote{public: key[1:]}} {
			require.ErrorIs(t, s.CheckSigner(wrong, key), ErrSigner)
		}
		require.ErrorIs(t, s.CheckSigner(signer, key[1:]), ErrSigner)
	})
}
