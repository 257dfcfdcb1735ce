package ciphersuite

// Ed25519 (RFC 8032), by one acceptance rule for all builds, alone and in batches: see the package documentation.

import (
	"crypto"
	"crypto/ed25519"
	cryptorand "crypto/rand"
	"fmt"
	"io"
	"runtime"
)

// ed25519Scheme may remember keys.
type ed25519Scheme struct{ keys *keysEd25519 }

func (ed25519Scheme) privateBits() int { return 8 * ed25519.SeedSize }

func (ed25519Scheme) parse(private []byte) (crypto.Signer, error) {
	if len(private) != ed25519.SeedSize {
		return nil, explained(ErrPrivateKey, seedForm(private, ed25519.SeedSize))
	}
	return ed25519.NewKeyFromSeed(private), nil
}

func (ed25519Scheme) encode(public crypto.PublicKey) SignaturePublicKey {
	key, _ := public.(ed25519.PublicKey)
	return SignaturePublicKey(key)
}

func (ed25519Scheme) private(signer crypto.Signer) []byte {
	if k, known := keyEd25519(signer); known {
		return k.Seed()
	}
	return nil
}

// keyEd25519 returns the private key when the signer is one of crypto/ed25519, and whether it is.
func keyEd25519(signer crypto.Signer) (key ed25519.PrivateKey, known bool) {
	switch k := signer.(type) {
	case ed25519.PrivateKey:
		return k, true
	case *ed25519.PrivateKey:
		if k == nil {
			return nil, true
		}
		return *k, true
	}
	return nil, false
}

// lacksEd25519 reports whether a private key of crypto/ed25519 is not whole. crypto/ed25519 panics for such a key.
func lacksEd25519(signer crypto.Signer) bool {
	k, known := keyEd25519(signer)
	return known && len(k) != ed25519.PrivateKeySize
}

func (ed25519Scheme) check(key SignaturePublicKey) error {
	if len(key) != ed25519.PublicKeySize || !canonicalEd25519(key) || smallOrderEd25519(key) || !onEdwards25519(key) {
		return ErrPublicKey
	}
	return nil
}

func (ed25519Scheme) sign(rand io.Reader, signer crypto.Signer, message []byte) ([]byte, error) {
	if k, known := keyEd25519(signer); known { // the signature has no other form, whoever makes it
		return signEd25519(k, message), nil
	}
	return signEdDSA(rand, signer, message, ed25519.SignatureSize)
}

func signEdDSA(rand io.Reader, signer crypto.Signer, message []byte, size int) ([]byte, error) {
	if rand == nil {
		rand = cryptorand.Reader
	}
	signature, err := signer.Sign(rand, message, crypto.Hash(0))
	if err != nil {
		return nil, err
	}
	if len(signature) != size {
		return nil, fmt.Errorf("%w: it made a signature of %d bytes, not %d", ErrSigner, len(signature), size)
	}
	return signature, nil
}

func (s ed25519Scheme) verify(key SignaturePublicKey, message, signature []byte) error {
	if len(key) != ed25519.PublicKeySize {
		return ErrPublicKey
	}
	if len(signature) == ed25519.SignatureSize && s.keys.valid(key, message, signature) {
		return nil
	}
	if err := s.check(key); err != nil {
		return err
	}
	return ErrSignature
}

// canonicalEd25519 reports whether the encoding of a point is the only one of that point: y is reduced, and the sign
// bit is clear where x is zero.
func canonicalEd25519(encoded []byte) bool {
	e := [32]byte(encoded)
	sign := e[31] >> 7
	e[31] &= 0x7f
	switch string(e[:]) {
	case x25519One, x25519MinusOne: // y = 1 or -1, hence x = 0
		return sign == 0
	}
	return e[31] != 0x7f || e[0] < 0xed || string(e[1:31]) != ones30
}

// The y-coordinates of the eight points of small order; those of 0, 1 and -1 are the constants of group.go.
const (
	ed25519Order8  = "\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a"
	ed25519Order8b = "\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05"
)

// smallOrderEd25519 reports whether a canonical encoding is of a point of small order.
func smallOrderEd25519(encoded []byte) bool {
	e := [32]byte(encoded)
	e[31] &= 0x7f
	switch string(e[:]) {
	case x25519Zero, x25519One, x25519MinusOne, ed25519Order8, ed25519Order8b:
		return true
	}
	return false
}

// Signatures verified together. More than maxBatch gain little and cost memory (some 700 bytes each).
const (
	minBatch = 128
	maxBatch = 2048
)

// fewSignatures are verified one by one, once a batch of them has failed.
const fewSignatures = 4

func (s ed25519Scheme) verifyBatch(items []SignedMessage) error {
	size := min(max(len(items)/runtime.GOMAXPROCS(0), minBatch), maxBatch)
	return forEachChunk(len(items), size, func(lo, hi int) *IndexError {
		if validEd25519Batch(items[lo:hi]) {
			return nil
		}
		return s.firstInvalid(items, lo, hi)
	})
}

// firstInvalid finds the first bad one of items[lo:hi], among which there is one, in the time of one more batch.
func (s ed25519Scheme) firstInvalid(items []SignedMessage, lo, hi int) *IndexError {
	for hi-lo > fewSignatures {
		mid := lo + (hi-lo)/2
		if validEd25519Batch(items[lo:mid]) {
			lo = mid
		} else {
			hi = mid
		}
	}
	for i := lo; i < hi; i++ {
		if err := s.verify(items[i].Key, items[i].Message, items[i].Signature); err != nil {
			return &IndexError{i, err}
		}
	}
	return nil // verify is what counts
}
