//go:build copse_stdlib || copse_novoi

package ciphersuite

// Ed25519 verification by the standard library, for the builds without curve25519-voi: one signature at a time.

import (
	"crypto/ed25519"

	"github.com/copse-mls/copse/ciphersuite/internal/edwards"
)

func signEd25519(key ed25519.PrivateKey, message []byte) []byte { return ed25519.Sign(key, message) }

// keysEd25519 remembers nothing: the standard library has no form of a key that would save work.
type keysEd25519 struct{}

// valid takes keys and signatures of the right size. What crypto/ed25519 accepts fulfils the rule's equation
// too and has a canonical R and S; what it refuses may still fulfil the equation, if somebody went to the length of
// adding a point of small order to R or to the key.
func (*keysEd25519) valid(key, message, signature []byte) bool {
	if !canonicalEd25519(key) || smallOrderEd25519(key) || !canonicalEd25519(signature[:32]) {
		return false
	}
	return ed25519.Verify(key, message, signature) || edwards.Verify(key, message, signature)
}

func validEd25519Batch(items []SignedMessage) bool {
	for _, it := range items {
		if (ed25519Scheme{}).verify(it.Key, it.Message, it.Signature) != nil {
			return false
		}
	}
	return true
}

func onEdwards25519(encoded []byte) bool { return edwards.OnCurve(encoded) }
