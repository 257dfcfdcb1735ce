//go:build !copse_stdlib

package ciphersuite

// What every build but that of the standard library takes from modules outside of it. The file stdlib.go declares the same
// names under the build tag copse_stdlib.

import (
	"crypto/cipher"

	"github.com/cloudflare/circl/dh/x25519"
	circl448 "github.com/cloudflare/circl/dh/x448"
	"golang.org/x/crypto/chacha20poly1305"
)

func chacha20poly1305AEAD() (newAEAD, bool) {
	return func(key []byte) (cipher.AEAD, error) { return chacha20poly1305.New(key) }, true
}

// x25519Group multiplies points by the assembly of circl, the base point in the default build by the precomputed tables of
// curve25519-voi; each is the faster of the two at that.
type x25519Group struct{}

func (x25519Group) key(private []byte) (privateKey, error) { return (*x25519Key)(private), nil }
func (x25519Group) check(public []byte) error              { return checkX25519(public) }

type x25519Key [32]byte

func (k *x25519Key) agree(public []byte) ([]byte, error) {
	if len(public) != x25519.Size {
		return nil, ErrPublicKey
	}
	var shared x25519.Key
	if !x25519.Shared(&shared, (*x25519.Key)(k), (*x25519.Key)(public)) {
		return nil, ErrPublicKey
	}
	return shared[:], nil
}

type x448Group struct{}

func x448() (group, bool) { return x448Group{}, true }

func (x448Group) key(private []byte) (privateKey, error) { return (*x448Key)(private), nil }

// check refuses wrong sizes and all u-coordinates, reduced or not, that X448 takes to zero: 0, 1 and -1 modulo p, which
// is 2^448 - 2^224 - 1.
func (x448Group) check(public []byte) error {
	if len(public) != circl448.Size {
		return ErrPublicKey
	}
	switch string(public) {
	case "\x00" + zeros27 + "\x00" + zeros27, "\x01" + zeros27 + "\x00" + zeros27, // 0, 1
		"\xfe" + ones27 + "\xfe" + ones27, "\xff" + ones27 + "\xfe" + ones27, // p-1, p
		"\x00" + zeros27 + "\xff" + ones27: // p+1
		return ErrPublicKey
	}
	return nil
}

type x448Key [circl448.Size]byte

func (k *x448Key) public() []byte {
	var public circl448.Key
	circl448.KeyGen(&public, (*circl448.Key)(k))
	return public[:]
}

func (k *x448Key) agree(public []byte) ([]byte, error) {
	if len(public) != circl448.Size {
		return nil, ErrPublicKey
	}
	var shared circl448.Key
	if !circl448.Shared(&shared, (*circl448.Key)(k), (*circl448.Key)(public)) {
		return nil, ErrPublicKey
	}
	return shared[:], nil
}
