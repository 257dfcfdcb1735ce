package ciphersuite

// HMAC (RFC 2104) and HKDF (RFC 5869) over SHA-2, without the allocations of a streaming interface: an MLS member
// derives thousands of short secrets for each commit.

import (
	"crypto"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
)

const (
	maxHashSize  = sha512.Size
	maxBlockSize = sha512.BlockSize
	// macStack is room for the padded key, a label and a few public keys. Longer messages take one heap buffer.
	macStack = maxBlockSize + 512
)

// kdfOf returns the HPKE code point of HKDF with a hash (RFC 9180, Section 7.2).
func kdfOf(h crypto.Hash) uint16 {
	switch h {
	case crypto.SHA256:
		return 0x0001
	case crypto.SHA384:
		return 0x0002
	}
	return 0x0003
}

// hasher is one of SHA-256, SHA-384 and SHA-512. It calls them by name, not through an interface, so that the
// buffers of its callers stay on the stack.
type hasher struct{ fn crypto.Hash }

func (h hasher) size() int { return h.fn.Size() }

func (h hasher) blockSize() int {
	if h.fn == crypto.SHA256 {
		return sha256.BlockSize
	}
	return sha512.BlockSize
}

func (h hasher) sum(dst, data []byte) []byte {
	switch h.fn {
	case crypto.SHA256:
		d := sha256.Sum256(data)
		return append(dst, d[:]...)
	case crypto.SHA384:
		d := sha512.Sum384(data)
		return append(dst, d[:]...)
	default:
		d := sha512.Sum512(data)
		return append(dst, d[:]...)
	}
}

// mac appends the HMAC of the concatenated parts to dst.
func (h hasher) mac(dst, key []byte, parts ...[]byte) []byte {
	var stack [macStack]byte
	var digest [maxHashSize]byte
	block, total := h.blockSize(), 0
	for _, p := range parts {
		total += len(p)
	}
	buf, need := stack[:], block+max(total, h.size())
	if need > len(buf) {
		buf = make([]byte, need)
	}
	if len(key) > block {
		key = h.sum(digest[:0], key)
	}
	pad := buf[:block]
	copy(pad, key)
	xorWords(pad, 0x3636363636363636)
	in := pad
	for _, p := range parts {
		in = append(in, p...)
	}
	inner := h.sum(digest[:0], in)
	xorWords(pad, 0x3636363636363636^0x5c5c5c5c5c5c5c5c)
	dst = h.sum(dst, append(pad, inner...))
	clear(buf[:need])
	clear(digest[:])
	return dst
}

func xorWords(b []byte, word uint64) {
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^word)
	}
}

// expand computes HKDF-Expand with info in three parts, so that callers need not join them.
func (h hasher) expand(prk []byte, n int, info0, info1, info2 []byte) []byte {
	if n < 0 || n > 255*h.size() {
		panic("ciphersuite: HKDF output longer than 255 hashes")
	}
	out := make([]byte, n)
	var block [maxHashSize]byte
	var counter [1]byte
	var previous []byte
	for done := 0; done < n; {
		counter[0]++
		previous = h.mac(block[:0], prk, previous, info0, info1, info2, counter[:])
		done += copy(out[done:], previous)
	}
	clear(block[:])
	return out
}
