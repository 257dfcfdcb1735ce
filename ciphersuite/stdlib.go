//go:build copse_stdlib

package ciphersuite

// The build that compiles nothing outside the standard library: suites 1, 2, 5 and 7. The tuned files declare the
// same names without the build tag.

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ed25519"

	"github.com/copse-mls/copse/ciphersuite/internal/edwards"
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

// validEd25519 takes keys and signatures of the right size. What crypto/ed25519 accepts fulfils the rule's equation
// too and has a canonical R and S; what it refuses may still fulfil the equation, if somebody went to the length of
// adding a point of small order to R or to the key.
func validEd25519(key, message, signature []byte) bool {
	if !canonicalEd25519(key) || smallOrderEd25519(key) || !canonicalEd25519(signature[:32]) {
		return false
	}
	return ed25519.Verify(key, message, signature) || edwards.Verify(key, message, signature)
}

func validEd25519Batch(items []SignedMessage) bool {
	for _, it := range items {
		if ed25519Scheme.verify(ed25519Scheme{}, it.Key, it.Message, it.Signature) != nil {
			return false
		}
	}
	return true
}

func onEdwards25519(encoded []byte) bool { return edwards.OnCurve(encoded) }
