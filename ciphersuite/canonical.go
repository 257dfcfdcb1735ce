package ciphersuite

import (
	"bytes"
	"math/big"
	"slices"
)

// Canonical returns the one encoding that all encodings of the same key share. Those of X25519 and X448 are numbers modulo a
// prime, and X25519 does not look at the topmost bit (RFC 7748, Section 5): keys whose bytes differ in that alone are one key,
// to which everybody encrypts alike. Keys of other lengths have one encoding only. The result may be k itself.
func (k HPKEPublicKey) Canonical() HPKEPublicKey {
	switch len(k) {
	case 32: // X25519: 2^255 - 19
		if k[31] < 0x7f {
			return k
		}
		masked := slices.Clone(k)
		masked[31] &= 0x7f
		return masked.reduce(255, 19)
	case 56: // X448: 2^448 - 2^224 - 1
		if k[55] < 0xff {
			return k
		}
		return k.reduce(448, 1, 224)
	}
	return k
}

// Equal reports whether two encodings are of the same key. It takes time that depends on them; they are public.
func (k HPKEPublicKey) Equal(o HPKEPublicKey) bool { return bytes.Equal(k.Canonical(), o.Canonical()) }

// reduce returns the little-endian number k modulo 2^bits - less - 2^power for each of the powers.
func (k HPKEPublicKey) reduce(bits uint, less int64, powers ...uint) HPKEPublicKey {
	one := big.NewInt(1)
	prime := new(big.Int).Lsh(one, bits)
	prime.Sub(prime, big.NewInt(less))
	for _, p := range powers {
		prime.Sub(prime, new(big.Int).Lsh(one, p))
	}
	bigEndian := slices.Clone(k)
	slices.Reverse(bigEndian)
	n := new(big.Int).SetBytes(bigEndian)
	out := HPKEPublicKey(n.Mod(n, prime).FillBytes(make([]byte, len(k))))
	slices.Reverse(out)
	return out
}
