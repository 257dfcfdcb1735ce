package ciphersuite

// ECDSA with DER signatures (RFC 9420, Section 5.1.2; RFC 8446, Section 4.2.3) and uncompressed points as keys
// (RFC 9420, Section 5.1.1).

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"io"
)

type ecdsaScheme struct {
	curve elliptic.Curve
	hash  crypto.Hash
}

func (s ecdsaScheme) privateBits() int { return s.curve.Params().BitSize }

// scalarSize returns the length of a private key, of a coordinate, and of each half of a signature, in bytes.
func (s ecdsaScheme) scalarSize() int { return (s.privateBits() + 7) / 8 }

func (s ecdsaScheme) digest(message []byte) []byte { return hasher{s.hash}.sum(nil, message) }

// parse accepts scalars without their leading zeros, and with too many: both are about.
func (s ecdsaScheme) parse(private []byte) (crypto.Signer, error) {
	scalar := make([]byte, s.scalarSize())
	defer clear(scalar)
	for len(private) > len(scalar) && private[0] == 0 {
		private = private[1:]
	}
	if len(private) > len(scalar) {
		return nil, explained(ErrPrivateKey, privateForm(private, len(scalar)))
	}
	copy(scalar[len(scalar)-len(private):], private)
	key, err := ecdsa.ParseRawPrivateKey(s.curve, scalar)
	if err != nil {
		return nil, ErrPrivateKey
	}
	return key, nil
}

func (s ecdsaScheme) encode(public crypto.PublicKey) SignaturePublicKey {
	key, ok := public.(*ecdsa.PublicKey)
	if !ok || key == nil || key.Curve != s.curve || lacksPoint(key) {
		return nil
	}
	b, err := key.Bytes()
	if err != nil {
		return nil
	}
	return b
}

// lacksPoint reports whether a public key has no coordinates, for which crypto/ecdsa panics.
func lacksPoint(key *ecdsa.PublicKey) bool {
	//lint:ignore SA1019 nothing but their absence matters
	return key.X == nil || key.Y == nil
}

// lacksECDSA reports whether a private key of crypto/ecdsa has no scalar. crypto/ecdsa panics for such a key.
func lacksECDSA(signer crypto.Signer) bool {
	key, ok := signer.(*ecdsa.PrivateKey)
	//lint:ignore SA1019 nothing but its absence matters
	return ok && (key == nil || key.D == nil)
}

func (s ecdsaScheme) private(signer crypto.Signer) []byte {
	key, ok := signer.(*ecdsa.PrivateKey)
	if !ok {
		return nil
	}
	scalar, err := key.Bytes()
	if err != nil {
		return []byte{} // which is the key of nobody
	}
	return scalar
}

func (s ecdsaScheme) check(key SignaturePublicKey) error {
	_, err := s.parsePublic(key)
	return err
}

func (s ecdsaScheme) parsePublic(key SignaturePublicKey) (*ecdsa.PublicKey, error) {
	public, err := ecdsa.ParseUncompressedPublicKey(s.curve, key)
	if err != nil {
		return nil, explained(ErrPublicKey, pointForm(key, 1+2*s.scalarSize()))
	}
	return public, nil
}

func (s ecdsaScheme) sign(rand io.Reader, signer crypto.Signer, message []byte) ([]byte, error) {
	if rand == nil {
		rand = cryptorand.Reader
	}
	return signer.Sign(rand, s.digest(message), s.hash)
}

func (s ecdsaScheme) verify(key SignaturePublicKey, message, signature []byte) error {
	public, err := s.parsePublic(key)
	if err != nil {
		return err
	}
	if !ecdsa.VerifyASN1(public, s.digest(message), signature) {
		return explained(ErrSignature, signatureForm(signature, s.scalarSize()))
	}
	return nil
}
