package ciphersuite

import (
	"bytes"
	"crypto/elliptic"
	"math/big"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// littleEndian returns n in size bytes.
func littleEndian(n *big.Int, size int) []byte {
	b := n.FillBytes(make([]byte, size))
	slices.Reverse(b)
	return b
}

// lowOrder lists encodings of coordinates with which an agreement is zero.
func lowOrder(t *testing.T, kem uint16) [][]byte {
	one := big.NewInt(1)
	power := func(n uint) *big.Int { return new(big.Int).Lsh(one, n) }
	var p *big.Int
	var size int
	switch kem {
	case kemX25519:
		p, size = new(big.Int).Sub(power(255), big.NewInt(19)), 32
	case kemX448:
		p, size = new(big.Int).Sub(new(big.Int).Sub(power(448), power(224)), one), 56
	default:
		return nil
	}
	var out [][]byte
	for _, n := range []*big.Int{new(big.Int), one, new(big.Int).Sub(p, one), p, new(big.Int).Add(p, one)} {
		out = append(out, littleEndian(n, size))
	}
	if kem == kemX25519 {
		out = append(out, []byte(x25519Order8), []byte(x25519Order8b))
		for _, b := range slices.Clone(out) {
			masked := bytes.Clone(b)
			masked[31] |= 0x80
			out = append(out, masked)
		}
	}
	return out
}

func refuseEverywhere(t *testing.T, s *Suite, key []byte) {
	to, pairs := recipients(t, s, 1)
	require.ErrorIs(t, s.CheckHPKEPublicKey(key), ErrPublicKey)
	_, err := s.SealMany(nil, nil, []Recipient{to[0], {key, Secret{}}})
	require.ErrorIs(t, err, ErrPublicKey)
	require.Equal(t, 1, err.(*IndexError).Index)
	_, err = s.EncryptWithLabel(nil, "", nil, Recipient{PublicKey: key})
	require.ErrorIs(t, err, ErrPublicKey)
	_, _, err = s.SendExport(nil, key, nil)
	require.ErrorIs(t, err, ErrPublicKey)
	_, err = s.Open(pairs[0], nil, HPKECiphertext{key, make([]byte, 40)})
	require.ErrorIs(t, err, ErrOpen)
	_, err = s.ReceiveExport(pairs[0], key, nil)
	require.ErrorIs(t, err, ErrOpen)
}

func TestLowOrderKeysAreRefused(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		for _, key := range lowOrder(t, s.KEM) {
			refuseEverywhere(t, s, key)
		}
	})
}

// What RFC 7748, Section 5 says about coordinates that are not reduced holds where the order is not low.
func TestUnreducedCoordinatesAreAccepted(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		if s.KEM != kemX25519 {
			return
		}
		unreduced := []byte("\xf0" + ones30 + "\x7f") // 3
		require.NoError(t, s.CheckHPKEPublicKey(unreduced))
		_, err := s.EncryptWithLabel(nil, "", nil, Recipient{PublicKey: unreduced})
		require.NoError(t, err)
	})
}

func TestMalformedKeysAreRefused(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		to, _ := recipients(t, s, 1)
		good := to[0].PublicKey
		keys := [][]byte{nil, {}, {4}, good[1:], good[:len(good)-1], append(bytes.Clone(good), 0)}
		if good[0] == 4 && len(good)%2 == 1 {
			compressed := append([]byte{2 + good[len(good)-1]&1}, good[1:len(good)/2+1]...)
			off := bytes.Clone(good)
			off[len(off)-1] ^= 1
			hybrid := append([]byte{6 + good[len(good)-1]&1}, good[1:]...)
			keys = append(keys, compressed, hybrid, off, []byte{0}, make([]byte, len(good)), append([]byte{4}, make([]byte, len(good)-1)...))
		}
		for _, key := range keys {
			refuseEverywhere(t, s, key)
		}
	})
}

func TestBadPrivateKeys(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		pair, err := s.GenerateKeyPair(nil)
		require.NoError(t, err)
		private := pair.Private.Bytes()
		out := HPKECiphertext{pair.Public, make([]byte, 20)}
		bad := [][]byte{nil, private[1:], append([]byte{0}, private...)}
		if curve := nistCurve(s); curve != nil {
			bad = append(bad, make([]byte, len(private)), curve.Params().N.Bytes(), bytes.Repeat([]byte{0xff}, len(private)))
		}
		for _, b := range bad {
			_, err := s.KeyPairOf(NewSecret(b))
			require.ErrorIs(t, err, ErrPrivateKey)
			_, err = s.Open(KeyPair{pair.Public, NewSecret(b)}, nil, out)
			require.ErrorIs(t, err, ErrOpen)
			_, err = s.ReceiveExport(KeyPair{pair.Public, NewSecret(b)}, pair.Public, nil)
			require.ErrorIs(t, err, ErrOpen)
		}
		for _, public := range []HPKEPublicKey{nil, pair.Public[1:]} {
			_, err = s.Open(KeyPair{public, pair.Private}, nil, out)
			require.ErrorIs(t, err, ErrOpen)
		}
	})
}

func nistCurve(s *Suite) elliptic.Curve {
	switch s.KEM {
	case kemP256:
		return elliptic.P256()
	case kemP384:
		return elliptic.P384()
	case kemP521:
		return elliptic.P521()
	}
	return nil
}
