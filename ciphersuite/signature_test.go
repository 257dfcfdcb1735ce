package ciphersuite

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"io"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestSignVerify(t *testing.T) {
	type key struct {
		signer        crypto.Signer
		public, other SignaturePublicKey
	}
	setUp := func(s *Suite) (k key) {
		for range 2 {
			var err error
			k.signer, err = s.GenerateSigner(nil)
			require.NoError(t, err)
			k.other = k.public
			k.public, err = s.PublicKeyOf(k.signer)
			require.NoError(t, err)
		}
		return k
	}
	checkAnySuite(t, setUp, func(t *rapid.T, s *Suite, k key) {
		message := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "message")
		signature, err := s.Sign(rand.Reader, k.signer, message)
		require.NoError(t, err)
		require.NoError(t, s.Verify(k.public, message, signature))
		require.ErrorIs(t, s.Verify(k.other, message, signature), ErrSignature)

		bit := rapid.IntRange(0, 8*len(signature)-1).Draw(t, "bit")
		signature[bit/8] ^= 1 << (bit % 8)
		require.ErrorIs(t, s.Verify(k.public, message, signature), ErrSignature)
		signature[bit/8] ^= 1 << (bit % 8)
		cut := rapid.IntRange(0, len(signature)-1).Draw(t, "cut")
		require.ErrorIs(t, s.Verify(k.public, message, signature[:cut]), ErrSignature)
		require.ErrorIs(t, s.Verify(k.public, message, append(bytes.Clone(signature), 0)), ErrSignature)
		message[0] ^= 1
		require.ErrorIs(t, s.Verify(k.public, message, signature), ErrSignature)
	})
}

func TestVerifyBatchOfAnyScheme(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		signer, err := s.GenerateSigner(nil)
		require.NoError(t, err)
		key, err := s.PublicKeyOf(signer)
		require.NoError(t, err)
		var items []SignedMessage
		for i := range 20 {
			signature, err := s.Sign(nil, signer, []byte{byte(i)})
			require.NoError(t, err)
			items = append(items, SignedMessage{key, []byte{byte(i)}, signature})
		}
		require.NoError(t, s.VerifyBatch(items))
		items[19].Message = nil
		require.Equal(t, &IndexError{19, ErrSignature}, s.VerifyBatch(items))
		items[3].Key = key[1:]
		require.Equal(t, &IndexError{3, ErrPublicKey}, s.VerifyBatch(items))
	})
}

func TestMalformedSignatureKeysAreRefused(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		signer, err := s.GenerateSigner(nil)
		require.NoError(t, err)
		key, err := s.PublicKeyOf(signer)
		require.NoError(t, err)
		signature, err := s.Sign(nil, signer, []byte("message"))
		require.NoError(t, err)
		bad := [][]byte{nil, {}, key[1:], key[:len(key)-1], append(bytes.Clone(key), 0), make([]byte, len(key)), bytes.Repeat([]byte{0xff}, len(key))}
		if nistCurve(s) != nil {
			off := bytes.Clone(key)
			off[len(off)-1] ^= 1
			bad = append(bad, off, append([]byte{2}, key[1:1+len(key)/2]...), append([]byte{3}, key[1:]...))
		}
		for _, k := range bad {
			require.ErrorIs(t, s.CheckSignaturePublicKey(k), ErrPublicKey, "%x", k)
			require.ErrorIs(t, s.Verify(k, []byte("message"), signature), ErrPublicKey, "%x", k)
		}
	})
}

func TestParseSigner(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		seed := bytes.Repeat([]byte{0, 7}, 33)
		curve := nistCurve(s)
		if curve == nil {
			for _, size := range []int{0, s.SignaturePublicKeySize - 1, s.SignaturePublicKeySize + 1} {
				_, err := s.ParseSigner(NewSecret(make([]byte, size)))
				require.ErrorIs(t, err, ErrPrivateKey)
			}
			return
		}
		size := (curve.Params().BitSize + 7) / 8
		scalar := seed[:size] // begins with a zero
		var keys []SignaturePublicKey
		for _, form := range [][]byte{scalar, scalar[1:], append(make([]byte, 3), scalar...)} {
			signer, err := s.ParseSigner(NewSecret(form))
			require.NoError(t, err)
			key, err := s.PublicKeyOf(signer)
			require.NoError(t, err)
			keys = append(keys, key)
		}
		require.Equal(t, keys[0], keys[1])
		require.Equal(t, keys[0], keys[2])
		n := curve.Params().N
		for _, bad := range [][]byte{nil, {0}, make([]byte, size), n.Bytes(), new(big.Int).Add(n, big.NewInt(1)).Bytes(), append([]byte{1}, scalar...)} {
			_, err := s.ParseSigner(NewSecret(bad))
			require.ErrorIs(t, err, ErrPrivateKey, "%x", bad)
		}
		last, err := s.ParseSigner(NewSecret(new(big.Int).Sub(n, big.NewInt(1)).Bytes()))
		require.NoError(t, err)
		require.NotNil(t, last)
	})
}

// remote is a signer whose key is elsewhere.
type remote struct {
	crypto.Signer
	public    crypto.PublicKey
	signature []byte
}

func (r remote) Public() crypto.PublicKey { return r.public }
func (r remote) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	if r.signature != nil {
		return r.signature, nil
	}
	return r.Signer.Sign(rand, digest, opts)
}

func TestForeignSigners(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		own, err := s.GenerateSigner(nil)
		require.NoError(t, err)
		key, err := s.PublicKeyOf(own)
		require.NoError(t, err)
		for _, signer := range []crypto.Signer{remote{own, own.Public(), nil}, remote{own, key, nil}} {
			got, err := s.PublicKeyOf(signer)
			require.NoError(t, err)
			require.Equal(t, key, got)
			signature, err := s.Sign(rand.Reader, signer, []byte("message"))
			require.NoError(t, err)
			require.NoError(t, s.Verify(key, []byte("message"), signature))
		}
		p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
		require.NoError(t, err)
		wrong := []crypto.Signer{nil, p224, remote{own, nil, nil}, remote{own, "key", nil}, remote{own, key[1:], nil}, remote{own, (*ecdsa.PublicKey)(nil), nil}, remote{own, ed25519.PublicKey{1}, nil}}
		for _, cs := range Supported() {
			other, err := New(cs)
			require.NoError(t, err)
			if other.SignaturePublicKeySize != s.SignaturePublicKeySize {
				signer, err := other.GenerateSigner(nil)
				require.NoError(t, err)
				wrong = append(wrong, signer)
			}
		}
		for _, signer := range wrong {
			_, err := s.PublicKeyOf(signer)
			require.ErrorIs(t, err, ErrSigner)
			require.NotErrorIs(t, err, ErrPublicKey, "the fault is the signer's")
			_, err = s.Sign(nil, signer, []byte("message"))
			require.ErrorIs(t, err, ErrSigner)
			_, err = s.MarshalSigner(signer)
			require.ErrorIs(t, err, ErrSigner)
		}
		if nistCurve(s) == nil {
			_, err = s.Sign(nil, remote{own, key, []byte("short")}, []byte("message"))
			require.ErrorIs(t, err, ErrSigner)
		}
	})
}

// drawing is a signer that looks at its source of randomness.
type drawing struct {
	crypto.Signer
	from io.Reader
}

func (d *drawing) Sign(rand io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	d.from = rand
	return d.Signer.Sign(rand, digest, opts)
}

// TestSignersDraw: a signer gets the caller's source, and never none.
func TestSignersDraw(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		signer, err := s.GenerateSigner(nil)
		require.NoError(t, err)
		d := &drawing{Signer: signer}
		_, err = s.Sign(nil, d, nil)
		require.NoError(t, err)
		require.NotNil(t, d.from)
		mine := &stream{}
		_, err = s.Sign(mine, d, nil)
		require.NoError(t, err)
		require.Same(t, mine, d.from)
	})
}

// TestSignerWithBadKey: a public key that nobody accepts is refused before it is in a leaf.
func TestSignerWithBadKey(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		_, err := s.PublicKeyOf(remote{public: SignaturePublicKey(make([]byte, s.SignaturePublicKeySize))})
		require.ErrorIs(t, err, ErrSigner)
		require.ErrorIs(t, err, ErrPublicKey)
	})
}

// unknownSuite is a provider for a suite that RFC 9420 does not have.
type unknownSuite struct{ Provider }

func (unknownSuite) CipherSuite() CipherSuite { return 0xf0f0 }

func TestProviderOfUnknownSuite(t *testing.T) {
	_, err := NewWithProvider(unknownSuite{})
	require.ErrorIs(t, err, ErrUnsupported)
}
