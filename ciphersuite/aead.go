package ciphersuite

import (
	"crypto/aes"
	"crypto/cipher"
)

const (
	aeadAES128GCM        = 0x0001
	aeadAES256GCM        = 0x0002
	aeadChaCha20Poly1305 = 0x0003
)

// newAEAD makes the cipher with an HPKE code point (RFC 9180, Section 7.3). The caller has checked the key's size.
type newAEAD func(key []byte) (cipher.AEAD, error)

func newAESGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, ErrKeySize
	}
	return cipher.NewGCM(block)
}

// aeadFor reports false where this build has no such cipher.
func aeadFor(code uint16) (newAEAD, bool) {
	switch code {
	case aeadAES128GCM, aeadAES256GCM:
		return newAESGCM, true
	case aeadChaCha20Poly1305:
		return chacha20poly1305AEAD()
	}
	return nil, false
}

func (p *provider) cipher(key Secret, nonce []byte) (cipher.AEAD, error) {
	if key.Len() != p.params.KeySize || len(nonce) != p.params.NonceSize {
		return nil, ErrKeySize
	}
	return p.aead(key.Bytes())
}

func (p *provider) AEADSeal(key Secret, nonce, aad, plaintext []byte) ([]byte, error) {
	aead, err := p.cipher(key, nonce)
	if err != nil {
		return nil, err
	}
	return aead.Seal(make([]byte, 0, len(plaintext)+p.params.TagSize), nonce, plaintext, aad), nil
}

func (p *provider) AEADOpen(key Secret, nonce, aad, ciphertext []byte) ([]byte, error) {
	aead, err := p.cipher(key, nonce)
	if err != nil {
		return nil, err
	}
	plaintext, err := aead.Open(nil, nonce, ciphertext, aad)
	if err != nil {
		return nil, ErrOpen
	}
	return plaintext, nil
}
