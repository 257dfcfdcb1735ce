package ciphersuite

import (
	"crypto"
	"errors"
	"fmt"
	"io"
)

// HPKEPublicKey is an HPKE public key as RFC 9180, Section 7.1.1 serializes it (RFC 9420, Section 5.1.1).
type HPKEPublicKey []byte

// SignaturePublicKey is a signature public key in the format of RFC 9420, Section 5.1.1.
type SignaturePublicKey []byte

// KeyPair is an HPKE key pair. Private is in the form of SerializePrivateKey (RFC 9180, Section 7.1.2).
type KeyPair struct {
	Public  HPKEPublicKey
	Private Secret
}

// HPKECiphertext is what EncryptWithLabel produces (RFC 9420, Section 7.6).
type HPKECiphertext struct {
	KEMOutput  []byte
	Ciphertext []byte
}

// Recipient is one addressee of SealMany, with the plaintext meant for it.
type Recipient struct {
	PublicKey HPKEPublicKey
	Plaintext Secret // stays the caller's, to be erased after the call
}

// SignedMessage is one signature for VerifyBatch to check.
type SignedMessage struct {
	Key       SignaturePublicKey
	Message   []byte
	Signature []byte
}

// Provider carries out the primitives of one cipher suite. Implementations are safe for concurrent use, return the
// errors named below for hostile input, and never panic on it. Calls that take many items may spread them over the
// processors; their results do not depend on how.
//
// rand is crypto/rand.Reader in production; nil means that too. A provider reads all the entropy a call needs before it
// starts the work, in the order of the items, so that a fixed stream gives fixed output. ECDSA signatures are the
// exception: the standard library mixes in randomness of its own.
type Provider interface {
	CipherSuite() CipherSuite

	// Hash appends the digest of data to dst.
	Hash(dst, data []byte) []byte
	// MAC computes the HMAC of data under key.
	MAC(key Secret, data []byte) []byte
	// Extract computes KDF.Extract, HKDF-Extract (RFC 5869).
	Extract(salt, ikm Secret) Secret
	// Expand computes KDF.Expand, HKDF-Expand (RFC 5869). n is at most 255 hash sizes; more is a programming error and
	// panics, so callers that take n from outside check it.
	Expand(prk Secret, info []byte, n int) Secret

	// AEADSeal encrypts and authenticates plaintext. Key or nonce of another size is ErrKeySize.
	AEADSeal(key Secret, nonce, aad, plaintext []byte) ([]byte, error)
	// AEADOpen reverses AEADSeal, or fails with ErrOpen. Key or nonce of another size is ErrKeySize.
	AEADOpen(key Secret, nonce, aad, ciphertext []byte) ([]byte, error)

	// GenerateKeyPair makes a fresh HPKE key pair.
	GenerateKeyPair(rand io.Reader) (KeyPair, error)
	// DeriveKeyPair computes KEM.DeriveKeyPair (RFC 9180, Section 7.1.3).
	DeriveKeyPair(ikm Secret) (KeyPair, error)
	// DeriveKeyPairs derives one key pair from each secret.
	DeriveKeyPairs(ikms []Secret) ([]KeyPair, error)
	// KeyPairOf completes a serialized private key with its public key, or fails with ErrPrivateKey. The pair shares the
	// Secret with the caller.
	KeyPairOf(private Secret) (KeyPair, error)
	// CheckHPKEPublicKey fails with ErrPublicKey for a key of wrong size, off the curve, or of low order.
	CheckHPKEPublicKey(key HPKEPublicKey) error

	// SealMany does HPKE SealBase (RFC 9180, Section 6.1) with one info and an empty aad for many recipients. The work
	// that depends on info alone is done once. A bad recipient key gives an *IndexError around ErrPublicKey.
	SealMany(rand io.Reader, info []byte, to []Recipient) ([]HPKECiphertext, error)
	// Open does HPKE OpenBase with an empty aad. Any failure is ErrOpen.
	Open(recipient KeyPair, info []byte, ct HPKECiphertext) (Secret, error)
	// SendExport sets up an HPKE sender with empty info and exports KDF.Nh bytes (RFC 9420, Section 8.3). A bad key is
	// ErrPublicKey.
	SendExport(rand io.Reader, to HPKEPublicKey, exporterContext []byte) (kemOutput []byte, secret Secret, err error)
	// ReceiveExport is the other side of SendExport. Any failure is ErrOpen.
	ReceiveExport(recipient KeyPair, kemOutput, exporterContext []byte) (Secret, error)

	// GenerateSigner makes a fresh signature key.
	GenerateSigner(rand io.Reader) (crypto.Signer, error)
	// ParseSigner reads a signature private key, or fails with ErrPrivateKey: the seed for EdDSA, the big-endian scalar for
	// ECDSA, with or without leading zeros. The signer has a copy of its own.
	ParseSigner(private Secret) (crypto.Signer, error)
	// MarshalSigner returns the private key of a signer from GenerateSigner, from ParseSigner or from the scheme's Go
	// package, in the form that ParseSigner reads; an ECDSA scalar has its full length. The caller owns the Secret. It
	// fails with ErrOpaqueSigner for a signer of any other type, such as one whose key is in hardware; with ErrSigner as
	// PublicKeyOf does; and with ErrPrivateKey for a private key that does not belong to the signer's public one.
	MarshalSigner(signer crypto.Signer) (Secret, error)
	// PublicKeyOf returns the signer's public key as it stands in a leaf, or fails with ErrSigner when there is no signer,
	// which a nil pointer is not either, or its public key is not of the suite. A signer's Public may return a
	// SignaturePublicKey, or the type of the scheme's Go package.
	PublicKeyOf(signer crypto.Signer) (SignaturePublicKey, error)
	// CheckSigner fails with ErrSigner as PublicKeyOf does, and when the signer's public key is not key, which others have
	// checked: it is compared and nothing else, for a member signs each message.
	CheckSigner(signer crypto.Signer, key SignaturePublicKey) error
	// CheckSignaturePublicKey fails with ErrPublicKey for a key of wrong size, off the curve, or of low order.
	CheckSignaturePublicKey(key SignaturePublicKey) error
	// Sign signs message, which is not hashed beforehand. It fails with ErrSigner as PublicKeyOf does.
	Sign(rand io.Reader, signer crypto.Signer, message []byte) ([]byte, error)
	// Verify fails with ErrSignature (or ErrPublicKey) unless signature is valid. See the package documentation for the
	// rule by which Ed25519 signatures are accepted.
	Verify(key SignaturePublicKey, message, signature []byte) error
	// VerifyBatch verifies every item by the same rule as Verify, and fails with an *IndexError around Verify's error for
	// the first item that fails.
	VerifyBatch(items []SignedMessage) error
}

// Errors of providers. None carries key material.
var (
	ErrOpen      = errors.New("ciphersuite: decryption failed")
	ErrSignature = errors.New("ciphersuite: signature does not verify")
	ErrPublicKey = errors.New("ciphersuite: public key is malformed, of low order, or of another scheme")
	ErrKeySize   = errors.New("ciphersuite: key or nonce of wrong size")
	// ErrPrivateKey is about HPKE and signature private keys.
	ErrPrivateKey = errors.New("ciphersuite: private key is of wrong size, out of range, or not that of the public key")
	// ErrSigner says that a signer cannot sign what it is to sign: it is nil, of another scheme, or not the one whose
	// public key the structure states. What wraps it says which.
	ErrSigner = errors.New("ciphersuite: wrong signer")
	// ErrOpaqueSigner says that the private key of a signer cannot be had.
	ErrOpaqueSigner = errors.New("ciphersuite: signer does not give its private key")
	// ErrEntropy says that a source of randomness failed, ended, or gave nothing but zeros.
	ErrEntropy = errors.New("ciphersuite: no entropy")
)

// IndexError names the item at which a call on many items failed.
type IndexError struct {
	Index int
	Err   error
}

// Error names the item and what was wrong with it.
func (e *IndexError) Error() string { return fmt.Sprintf("item %d: %v", e.Index, e.Err) }

// Unwrap returns the error of the item.
func (e *IndexError) Unwrap() error { return e.Err }
