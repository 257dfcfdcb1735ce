package ciphersuite

// Signature schemes (RFC 9420, Section 5.1.1 and the SignatureScheme names of RFC 8446, Section 4.2.3).

import (
	"bytes"
	"crypto"
	"crypto/elliptic"
	"fmt"
	"io"
	"reflect"
)

// scheme is a signature scheme. Batches are the provider's affair unless the scheme is a batchScheme too.
type scheme interface {
	// privateBits returns the length of a private key in bits.
	privateBits() int
	// parse fails with ErrPrivateKey for what is not a private key.
	parse(private []byte) (crypto.Signer, error)
	// private returns a copy of the private key in the form that parse reads, nil for a signer of a type that does not
	// give it.
	private(signer crypto.Signer) []byte
	// encode returns the public key in the form of a leaf, unchecked, and nil for a key of another scheme.
	encode(public crypto.PublicKey) SignaturePublicKey
	check(key SignaturePublicKey) error
	sign(rand io.Reader, signer crypto.Signer, message []byte) ([]byte, error)
	verify(key SignaturePublicKey, message, signature []byte) error
}

// batchScheme verifies many signatures together.
type batchScheme interface {
	// verifyBatch fails with an *IndexError for the first item that verify refuses.
	verifyBatch(items []SignedMessage) error
}

// schemeFor reports false where this build has no such scheme.
func schemeFor(cs CipherSuite) (scheme, bool) {
	switch cs {
	case MLS128DHKEMX25519AES128GCMSHA256Ed25519, MLS128DHKEMX25519CHACHA20POLY1305SHA256Ed25519:
		return ed25519Scheme{new(keysEd25519)}, true
	case MLS128DHKEMP256AES128GCMSHA256P256:
		return ecdsaScheme{elliptic.P256(), crypto.SHA256}, true
	case MLS256DHKEMP384AES256GCMSHA384P384:
		return ecdsaScheme{elliptic.P384(), crypto.SHA384}, true
	case MLS256DHKEMP521AES256GCMSHA512P521:
		return ecdsaScheme{elliptic.P521(), crypto.SHA512}, true
	case MLS256DHKEMX448AES256GCMSHA512Ed448, MLS256DHKEMX448CHACHA20POLY1305SHA512Ed448:
		return ed448()
	}
	return nil, false
}

// GenerateSigner tries random keys until one is in range. EdDSA takes any; for ECDSA a second trial is already less
// likely than one in 2 to the power of 31, and many point to a source without entropy.
func (p *provider) GenerateSigner(rand io.Reader) (crypto.Signer, error) {
	bits := p.signs.privateBits()
	for range 16 {
		private, err := readEntropy(rand, (bits+7)/8)
		if err != nil {
			return nil, err
		}
		if excess := len(private)*8 - bits; excess > 0 {
			private[0] &= 0xff >> excess
		}
		signer, err := p.signs.parse(private)
		clear(private)
		if err == nil {
			return signer, nil
		}
	}
	return nil, ErrPrivateKey
}

func (p *provider) ParseSigner(private Secret) (crypto.Signer, error) {
	return p.signs.parse(private.Bytes())
}

// MarshalSigner reads what it wrote once more, so that nobody stores a key that will not sign for the public one.
func (p *provider) MarshalSigner(signer crypto.Signer) (Secret, error) {
	public, err := p.encodedKey(signer)
	if err != nil {
		return Secret{}, err
	}
	b := p.signs.private(signer)
	if b == nil {
		return Secret{}, fmt.Errorf("%w: it is a %T", ErrOpaqueSigner, signer)
	}
	private := NewSecret(b)
	again, err := p.signs.parse(private.Bytes())
	if err == nil && !bytes.Equal(p.signs.encode(again.Public()), public) {
		err = ErrPrivateKey
	}
	if err != nil {
		private.Erase()
		return Secret{}, err
	}
	return private, nil
}

// encodedKey returns the public key of a signer of the right scheme. For a scheme of which the standard library has no
// type, a signer's Public may return a SignaturePublicKey.
func (p *provider) encodedKey(signer crypto.Signer) (SignaturePublicKey, error) {
	if lacksKey(signer) {
		return nil, fmt.Errorf("%w: it is nil, or a private key without its bytes", ErrSigner)
	}
	public := signer.Public()
	key, ok := public.(SignaturePublicKey)
	if !ok {
		key = p.signs.encode(public)
	}
	if len(key) != p.params.SignaturePublicKeySize {
		return nil, fmt.Errorf("%w: its public key, a %T, is not one of %s", ErrSigner, public, p.params.Name)
	}
	return key, nil
}

// lacksKey reports whether a signer is nil, a nil pointer, or a private key that is not whole, all of which panic when
// asked for their public key.
func lacksKey(signer crypto.Signer) bool {
	if signer == nil || lacksECDSA(signer) || lacksEd25519(signer) || lacksEd448(signer) {
		return true
	}
	v := reflect.ValueOf(signer)
	return v.Kind() == reflect.Pointer && v.IsNil()
}

func (p *provider) PublicKeyOf(signer crypto.Signer) (SignaturePublicKey, error) {
	key, err := p.encodedKey(signer)
	if err != nil {
		return nil, err
	}
	if err := p.signs.check(key); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSigner, err)
	}
	return append(SignaturePublicKey(nil), key...), nil
}

func (p *provider) CheckSigner(signer crypto.Signer, key SignaturePublicKey) error {
	have, err := p.encodedKey(signer)
	if err == nil && !bytes.Equal(have, key) {
		err = fmt.Errorf("%w: its public key is not the one that it is to sign for", ErrSigner)
	}
	return err
}

func (p *provider) CheckSignaturePublicKey(key SignaturePublicKey) error { return p.signs.check(key) }

func (p *provider) Sign(rand io.Reader, signer crypto.Signer, message []byte) ([]byte, error) {
	if _, err := p.encodedKey(signer); err != nil {
		return nil, err
	}
	return p.signs.sign(rand, signer, message)
}

func (p *provider) Verify(key SignaturePublicKey, message, signature []byte) error {
	return p.signs.verify(key, message, signature)
}

func (p *provider) VerifyBatch(items []SignedMessage) error {
	if b, ok := p.signs.(batchScheme); ok {
		return b.verifyBatch(items)
	}
	return forEach(len(items), func(i int) error {
		return p.signs.verify(items[i].Key, items[i].Message, items[i].Signature)
	})
}
