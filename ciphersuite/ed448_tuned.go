//go:build !copse_stdlib

package ciphersuite

// Ed448 (RFC 8032) by circl.

import (
	"crypto"
	"io"

	"github.com/cloudflare/circl/ecc/goldilocks"
	circled448 "github.com/cloudflare/circl/sign/ed448"
)

type ed448Scheme struct{}

func ed448() (scheme, bool) { return ed448Scheme{}, true }

func (ed448Scheme) privateBits() int { return 8 * circled448.SeedSize }

func (ed448Scheme) parse(private []byte) (crypto.Signer, error) {
	if len(private) != circled448.SeedSize {
		return nil, explained(ErrPrivateKey, seedForm(private, circled448.SeedSize))
	}
	return circled448.NewKeyFromSeed(private), nil
}

func (ed448Scheme) encode(public crypto.PublicKey) SignaturePublicKey {
	key, _ := public.(circled448.PublicKey)
	return SignaturePublicKey(key)
}

func (ed448Scheme) private(signer crypto.Signer) []byte {
	switch k := signer.(type) {
	case circled448.PrivateKey:
		return k.Seed()
	case *circled448.PrivateKey:
		return k.Seed()
	}
	return nil
}

// lacksEd448 reports whether a private key of circl is not whole. circl panics for such a key.
func lacksEd448(signer crypto.Signer) bool {
	switch k := signer.(type) {
	case circled448.PrivateKey:
		return len(k) != circled448.PrivateKeySize
	case *circled448.PrivateKey:
		return k == nil || len(*k) != circled448.PrivateKeySize
	}
	return false
}

func (ed448Scheme) check(key SignaturePublicKey) error {
	if len(key) != circled448.PublicKeySize || smallOrderEd448(key) {
		return ErrPublicKey
	}
	if _, err := goldilocks.FromBytes(key); err != nil {
		return ErrPublicKey
	}
	return nil
}

// smallOrderEd448 compares with the four points of small order: those with y = 0, 1 and -1. circl refuses encodings
// that are not canonical.
func smallOrderEd448(key []byte) bool {
	switch string(key[:56]) {
	case "\x00" + zeros27 + "\x00" + zeros27, "\x01" + zeros27 + "\x00" + zeros27, "\xfe" + ones27 + "\xfe" + ones27:
		return true
	}
	return false
}

func (ed448Scheme) sign(rand io.Reader, signer crypto.Signer, message []byte) ([]byte, error) {
	return signEdDSA(rand, signer, message, circled448.SignatureSize)
}

// verify looks at the order of the key first: circl's product drops the small-order part of a key, by which a key
// without any other part would have valid signatures of everything.
func (s ed448Scheme) verify(key SignaturePublicKey, message, signature []byte) error {
	if len(key) != circled448.PublicKeySize || smallOrderEd448(key) {
		return ErrPublicKey
	}
	if circled448.Verify(circled448.PublicKey(key), message, signature, "") {
		return nil
	}
	if err := s.check(key); err != nil {
		return err
	}
	return ErrSignature
}
