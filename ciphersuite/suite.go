package ciphersuite

import (
	"crypto"
	"errors"
	"fmt"
)

// CipherSuite is the code point of a cipher suite (RFC 9420, Section 17.1). Unknown values survive decoding and
// encoding.
type CipherSuite uint16

// The cipher suites of RFC 9420, Section 17.1.
const (
	MLS128DHKEMX25519AES128GCMSHA256Ed25519        CipherSuite = 1
	MLS128DHKEMP256AES128GCMSHA256P256             CipherSuite = 2
	MLS128DHKEMX25519CHACHA20POLY1305SHA256Ed25519 CipherSuite = 3
	MLS256DHKEMX448AES256GCMSHA512Ed448            CipherSuite = 4
	MLS256DHKEMP521AES256GCMSHA512P521             CipherSuite = 5
	MLS256DHKEMX448CHACHA20POLY1305SHA512Ed448     CipherSuite = 6
	MLS256DHKEMP384AES256GCMSHA384P384             CipherSuite = 7
)

// ErrUnsupported says that this build has no implementation of a cipher suite.
var ErrUnsupported = errors.New("ciphersuite: cipher suite not supported")

// Sizes are the sizes and identifiers that a cipher suite fixes.
type Sizes struct {
	Name string // as registered, such as MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519

	HashFunc  crypto.Hash
	HashSize  int // KDF.Nh, and the size of every hash, MAC and derived secret
	KeySize   int // AEAD.Nk
	NonceSize int // AEAD.Nn
	TagSize   int // bytes an AEAD ciphertext is longer than its plaintext

	HPKEPublicKeySize  int // KEM.Npk
	HPKEPrivateKeySize int // KEM.Nsk
	KEMOutputSize      int // KEM.Nenc

	SignaturePublicKeySize int

	KEM, KDF, AEAD uint16 // HPKE code points (RFC 9180, Section 7)
}

// All lists the suites of RFC 9420 in the order of their code points, whether or not this build supports them.
func All() []CipherSuite {
	return []CipherSuite{1, 2, 3, 4, 5, 6, 7}
}

// Sizes returns the sizes of a suite of RFC 9420, and false for any other code point.
func (cs CipherSuite) Sizes() (Sizes, bool) {
	const sha256, sha384, sha512 = crypto.SHA256, crypto.SHA384, crypto.SHA512
	rows := [...]struct {
		name         string
		kem          uint16
		hash         crypto.Hash
		aead         uint16
		signatureKey int
	}{
		MLS128DHKEMX25519AES128GCMSHA256Ed25519:        {"MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519", kemX25519, sha256, aeadAES128GCM, 32},
		MLS128DHKEMP256AES128GCMSHA256P256:             {"MLS_128_DHKEMP256_AES128GCM_SHA256_P256", kemP256, sha256, aeadAES128GCM, 65},
		MLS128DHKEMX25519CHACHA20POLY1305SHA256Ed25519: {"MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519", kemX25519, sha256, aeadChaCha20Poly1305, 32},
		MLS256DHKEMX448AES256GCMSHA512Ed448:            {"MLS_256_DHKEMX448_AES256GCM_SHA512_Ed448", kemX448, sha512, aeadAES256GCM, 57},
		MLS256DHKEMP521AES256GCMSHA512P521:             {"MLS_256_DHKEMP521_AES256GCM_SHA512_P521", kemP521, sha512, aeadAES256GCM, 133},
		MLS256DHKEMX448CHACHA20POLY1305SHA512Ed448:     {"MLS_256_DHKEMX448_CHACHA20POLY1305_SHA512_Ed448", kemX448, sha512, aeadChaCha20Poly1305, 57},
		MLS256DHKEMP384AES256GCMSHA384P384:             {"MLS_256_DHKEMP384_AES256GCM_SHA384_P384", kemP384, sha384, aeadAES256GCM, 97},
	}
	if int(cs) >= len(rows) || rows[cs].name == "" {
		return Sizes{}, false
	}
	row := rows[cs]
	s := Sizes{Name: row.name, KEM: row.kem, HashFunc: row.hash, AEAD: row.aead, SignaturePublicKeySize: row.signatureKey,
		HashSize: row.hash.Size(), KeySize: 32, NonceSize: 12, TagSize: 16}
	if s.AEAD == aeadAES128GCM {
		s.KeySize = 16
	}
	s.HPKEPublicKeySize, s.HPKEPrivateKeySize = kemSizes(row.kem)
	s.KEMOutputSize = s.HPKEPublicKeySize // an ephemeral public key
	s.KDF = kdfOf(row.hash)
	return s, true
}

// String returns the registered name, or the code point in hexadecimal.
func (cs CipherSuite) String() string {
	if p, ok := cs.Sizes(); ok {
		return p.Name
	}
	return fmt.Sprintf("CipherSuite(0x%04x)", uint16(cs))
}

// Suite is a cipher suite ready for use: the primitives of a Provider and, on top of them, the labelled functions of
// RFC 9420, Sections 5.1, 5.2 and 8. It is safe for concurrent use.
type Suite struct {
	Provider
	Sizes // sizes, for reading only
}

// New makes the suite with this build's own provider. It fails with ErrUnsupported for unknown code points, and for
// X448 and Ed448 in a build with the tag copse_stdlib.
func New(cs CipherSuite) (*Suite, error) {
	p, err := newProvider(cs)
	if err != nil {
		return nil, err
	}
	return NewWithProvider(p)
}

// NewWithProvider makes a suite on primitives from elsewhere: a hardware module, or a provider that counts.
func NewWithProvider(p Provider) (*Suite, error) {
	params, ok := p.CipherSuite().Sizes()
	if !ok {
		return nil, fmt.Errorf("%w: %v", ErrUnsupported, p.CipherSuite())
	}
	return &Suite{Provider: p, Sizes: params}, nil
}

// Supported lists the suites that New makes in this build.
func Supported() []CipherSuite {
	var out []CipherSuite
	for _, cs := range All() {
		if _, err := newProvider(cs); err == nil {
			out = append(out, cs)
		}
	}
	return out
}
