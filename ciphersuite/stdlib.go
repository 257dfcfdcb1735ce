//go:build copse_stdlib

package ciphersuite

// The build that compiles nothing outside the standard library: suites 1, 2, 5 and 7. The files tuned.go and ed448_tuned.go
// declare the same names without the build tag.

import (
	"crypto"
	"crypto/ecdh"
)

func chacha20poly1305AEAD() (newAEAD, bool) { return nil, false }
func x448() (group, bool)                   { return nil, false }
func ed448() (scheme, bool)                 { return nil, false }
func lacksEd448(crypto.Signer) bool         { return false }

type x25519Group struct{}

func (x25519Group) key(private []byte) (privateKey, error) {
	return ecdhGroup{ecdh.X25519()}.key(private)
}

func (x25519Group) check(public []byte) error { return checkX25519(public) }
