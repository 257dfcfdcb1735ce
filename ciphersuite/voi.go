//go:build !copse_stdlib && !copse_novoi

package ciphersuite

// What the default build takes from curve25519-voi. It verifies Ed25519 faster than the standard library, and much faster in
// batches. The files novoi.go and ed25519_plain.go declare the same names under the build tag copse_novoi.

import (
	stdlib "crypto/ed25519"
	cryptorand "crypto/rand"
	"sync"

	"github.com/oasisprotocol/curve25519-voi/curve"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519"
	"github.com/oasisprotocol/curve25519-voi/primitives/ed25519/extra/cache"
	"github.com/oasisprotocol/curve25519-voi/primitives/x25519"
)

func (k *x25519Key) public() []byte {
	var public [32]byte
	x25519.ScalarBaseMult(&public, (*[32]byte)(k))
	return public[:]
}

// ruleEd25519 spells the acceptance rule out, lest a new default change it.
func ruleEd25519() *ed25519.Options {
	return &ed25519.Options{Verify: &ed25519.VerifyOptions{
		AllowSmallOrderA:   false,
		AllowSmallOrderR:   true,
		AllowNonCanonicalA: false,
		AllowNonCanonicalR: false,
		CofactorlessVerify: false,
	}}
}

// signEd25519 multiplies the base point by precomputed tables, which takes half the time of the standard library. The choice of
// what is read from them does not depend on secrets.
func signEd25519(key stdlib.PrivateKey, message []byte) []byte {
	return ed25519.Sign(ed25519.PrivateKey(key), message)
}

// keysEd25519 remembers the points and tables of the public keys that were last in use, a quarter of the work of a verification:
// who speaks in a group speaks again. A key takes some 1.5 kB.
type keysEd25519 struct {
	once     sync.Once
	verifier *cache.Verifier
}

const maxKeysEd25519 = 64

// valid takes keys and signatures of the right size.
func (k *keysEd25519) valid(key, message, signature []byte) bool {
	k.once.Do(func() { k.verifier = cache.NewVerifier(cache.NewLRUCache(maxKeysEd25519)) })
	return k.verifier.VerifyWithOptions(key, message, signature, ruleEd25519())
}

func validEd25519Batch(items []SignedMessage) bool {
	if len(items) == 0 {
		return true
	}
	rule := ruleEd25519()
	batch := ed25519.NewBatchVerifierWithCapacity(len(items))
	for _, it := range items {
		batch.AddWithOptions(ed25519.PublicKey(it.Key), it.Message, it.Signature, rule)
	}
	return batch.VerifyBatchOnly(cryptorand.Reader)
}

func onEdwards25519(encoded []byte) bool {
	var y curve.CompressedEdwardsY
	if _, err := y.SetBytes(encoded); err != nil {
		return false
	}
	_, err := new(curve.EdwardsPoint).SetCompressedY(&y)
	return err == nil
}
