package ciphersuite

// RFC 9420, Sections 5.1.2, 5.1.3, 5.2 and 8: the labelled functions.

import (
	"crypto"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"io"

	"github.com/copse-mls/copse/internal/wire"
)

const labelPrefix = "MLS 1.0 "

// appendLabelled appends the structure that SignContent and EncryptContext share: a prefixed label, then content
// (RFC 9420, Sections 5.1.2 and 5.1.3).
func appendLabelled(dst []byte, label string, content []byte) []byte {
	dst = wire.AppendLength(dst, len(labelPrefix)+len(label))
	dst = append(append(dst, labelPrefix...), label...)
	dst = wire.AppendLength(dst, len(content))
	return append(dst, content...)
}

// AppendSignContent appends the bytes that a signature under label covers (RFC 9420, Section 5.1.2), for use with
// VerifyBatch.
func AppendSignContent(dst []byte, label string, content []byte) []byte {
	return appendLabelled(dst, label, content)
}

// SignWithLabel signs content under label (RFC 9420, Section 5.1.2).
func (s *Suite) SignWithLabel(rand io.Reader, signer crypto.Signer, label string, content []byte) ([]byte, error) {
	return s.Sign(rand, signer, appendLabelled(nil, label, content))
}

// VerifyWithLabel fails with ErrSignature or ErrPublicKey unless signature covers content under label (RFC 9420,
// Section 5.1.2).
func (s *Suite) VerifyWithLabel(key SignaturePublicKey, label string, content, signature []byte) error {
	return s.Verify(key, appendLabelled(nil, label, content), signature)
}

// EncryptWithLabel encrypts plaintext to one HPKE key (RFC 9420, Section 5.1.3), or fails with ErrPublicKey.
func (s *Suite) EncryptWithLabel(rand io.Reader, label string, context []byte, to Recipient) (HPKECiphertext, error) {
	out, err := s.EncryptManyWithLabel(rand, label, context, []Recipient{to})
	if at, ok := errors.AsType[*IndexError](err); ok {
		err = at.Err // there is no choice of items
	}
	if err != nil {
		return HPKECiphertext{}, err
	}
	return out[0], nil
}

// EncryptManyWithLabel encrypts to each recipient its own plaintext under one label and context (RFC 9420,
// Section 5.1.3). Its cost per recipient does not depend on the length of context.
func (s *Suite) EncryptManyWithLabel(rand io.Reader, label string, context []byte, to []Recipient) ([]HPKECiphertext, error) {
	return s.SealMany(rand, appendLabelled(nil, label, context), to)
}

// DecryptWithLabel reverses EncryptWithLabel (RFC 9420, Section 5.1.3), or fails with ErrOpen.
func (s *Suite) DecryptWithLabel(recipient KeyPair, label string, context []byte, ct HPKECiphertext) (Secret, error) {
	return s.Open(recipient, appendLabelled(nil, label, context), ct)
}

// RefHash identifies value by its hash (RFC 9420, Section 5.2). label is used as it stands, without a prefix.
func (s *Suite) RefHash(label string, value []byte) []byte {
	in := make([]byte, 0, len(label)+len(value)+8)
	in = wire.AppendLength(in, len(label))
	in = append(in, label...)
	in = wire.AppendLength(in, len(value))
	in = append(in, value...)
	return s.Hash(nil, in)
}

// ExpandWithLabel derives n bytes from secret (RFC 9420, Section 8). n is at most 65,535 and 255 hash sizes.
func (s *Suite) ExpandWithLabel(secret Secret, label string, context []byte, n int) Secret {
	var stack [128]byte // a KDFLabel with a hash as context fits
	info := binary.BigEndian.AppendUint16(stack[:0], uint16(n))
	return s.Expand(secret, appendLabelled(info, label, context), n)
}

// DeriveSecret derives a secret of the hash's size (RFC 9420, Section 8).
func (s *Suite) DeriveSecret(secret Secret, label string) Secret {
	return s.ExpandWithLabel(secret, label, nil, s.HashSize)
}

// DeriveTreeSecret derives n bytes for one generation of a ratchet (RFC 9420, Section 9.1).
func (s *Suite) DeriveTreeSecret(secret Secret, label string, generation uint32, n int) Secret {
	var context [4]byte
	binary.BigEndian.PutUint32(context[:], generation)
	return s.ExpandWithLabel(secret, label, context[:], n)
}

// VerifyMAC reports in constant time whether tag is the MAC of data under key, at full length.
func (s *Suite) VerifyMAC(key Secret, data, tag []byte) bool {
	return subtle.ConstantTimeCompare(s.MAC(key, data), tag) == 1
}

// RandomSecret draws n bytes from rand; nil means crypto/rand.Reader. It fails with ErrEntropy.
func (s *Suite) RandomSecret(rand io.Reader, n int) (Secret, error) {
	b, err := readEntropy(rand, n)
	return NewSecret(b), err
}
