package ciphersuite

import (
	cryptorand "crypto/rand"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/copse-mls/copse/internal/parallel"
)

// provider is this package's own Provider: HMAC and HKDF in hash.go, HPKE in hpke.go, signatures in signature.go.
type provider struct {
	suite  CipherSuite
	params Sizes
	hash   hasher
	aead   newAEAD
	kem    dhkem
	hpke   labelledKDF
	signs  scheme
}

func newProvider(cs CipherSuite) (Provider, error) {
	params, known := cs.Sizes()
	aead, haveAEAD := aeadFor(params.AEAD)
	curve, haveGroup := groupFor(params.KEM)
	signs, haveScheme := schemeFor(cs)
	if !known || !haveAEAD || !haveGroup || !haveScheme {
		return nil, fmt.Errorf("%w: %v", ErrUnsupported, cs)
	}
	hash := hasher{params.HashFunc}
	return &provider{
		suite:  cs,
		params: params,
		hash:   hash,
		aead:   aead,
		kem: dhkem{
			kdf: newLabelledKDF(hash, "KEM", params.KEM), group: curve, code: params.KEM,
			privateSize: params.HPKEPrivateKeySize, publicSize: params.HPKEPublicKeySize,
		},
		hpke:  newLabelledKDF(hash, "HPKE", params.KEM, params.KDF, params.AEAD),
		signs: signs,
	}, nil
}

func (p *provider) CipherSuite() CipherSuite { return p.suite }

func (p *provider) Hash(dst, data []byte) []byte { return p.hash.sum(dst, data) }

func (p *provider) MAC(key Secret, data []byte) []byte {
	return p.hash.mac(make([]byte, 0, p.hash.size()), key.Bytes(), data)
}

func (p *provider) Extract(salt, ikm Secret) Secret { return NewSecret(p.MAC(salt, ikm.Bytes())) }

func (p *provider) Expand(prk Secret, info []byte, n int) Secret {
	return NewSecret(p.hash.expand(prk.Bytes(), n, info, nil, nil))
}

// readEntropy draws n bytes. A nil reader is crypto/rand.Reader. It fails with ErrEntropy, also when a draw as long as a
// key is nothing but zeros: a source that gives such is broken, however good its word.
func readEntropy(rand io.Reader, n int) ([]byte, error) {
	if rand == nil {
		rand = cryptorand.Reader
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(rand, b); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrEntropy, err)
	}
	const keySize = 16
	if n >= keySize && !slices.ContainsFunc(b, func(x byte) bool { return x != 0 }) {
		return nil, fmt.Errorf("%w: %d bytes, all zero", ErrEntropy, n)
	}
	return b, nil
}

// Items of one call that a processor takes at a time. Fewer items than noFanOut stay on the calling goroutine.
const (
	noFanOut = 16
	maxChunk = 64
)

// forEach calls work for every item, on several processors when there are many, and returns an *IndexError for the
// first item that failed.
func forEach(n int, work func(i int) error) error {
	size := noFanOut
	if n > noFanOut {
		size = min(maxChunk, max(n/8, 1)) // an UpdatePath of 100 recipients is worth all processors too
	}
	return forEachChunk(n, size, func(lo, hi int) *IndexError {
		for i := lo; i < hi; i++ {
			if err := work(i); err != nil {
				return &IndexError{i, err}
			}
		}
		return nil
	})
}

// forEachChunk runs parallel.Chunks for work that names the first item of its chunk that failed.
func forEachChunk(n, size int, work func(lo, hi int) *IndexError) error {
	var mu sync.Mutex
	var first *IndexError
	parallel.Chunks(n, size, func(lo, hi int) {
		failed := work(lo, hi)
		if failed == nil {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if first == nil || failed.Index < first.Index {
			first = failed
		}
	})
	if first == nil {
		return nil
	}
	return first
}
