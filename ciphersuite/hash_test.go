package ciphersuite

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestHashesAgainstStandardLibrary(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		rapid.Check(t, func(t *rapid.T) {
			bytesOf := func(name string, most int) []byte {
				size := rapid.IntRange(0, most).Draw(t, name+" size")
				return bytes.Repeat([]byte{rapid.Byte().Draw(t, name)}, size)
			}
			key, data := NewSecret(bytesOf("key", 300)), bytesOf("data", 1500)

			h := s.HashFunc.New()
			h.Write(data)
			require.Equal(t, h.Sum([]byte("dst")), s.Hash([]byte("dst"), data))

			m := hmac.New(s.HashFunc.New, key.Bytes())
			m.Write(data)
			require.Equal(t, m.Sum(nil), s.MAC(key, data))

			extracted, err := hkdf.Extract(s.HashFunc.New, key.Bytes(), data)
			require.NoError(t, err)
			require.Equal(t, extracted, s.Extract(NewSecret(data), key).Bytes())

			n := rapid.IntRange(0, 255*s.HashSize).Draw(t, "length")
			expanded, err := hkdf.Expand(s.HashFunc.New, key.Bytes(), string(data), n)
			require.NoError(t, err)
			require.True(t, bytes.Equal(expanded, s.Expand(key, data, n).Bytes()))
		})
		require.Panics(t, func() { s.Expand(NewSecret(nil), nil, 255*s.HashSize+1) })
	})
}

func TestHashAllocatesNothing(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		dst, data := make([]byte, 0, s.HashSize), make([]byte, 400)
		require.Zero(t, testing.AllocsPerRun(100, func() { s.Hash(dst, data) }))
		key := NewSecret(make([]byte, s.HashSize))
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() { s.MAC(key, data) }), 1.0)
	})
}

// TestKeyOfABlock: only a key longer than a block of the hash is hashed.
func TestKeyOfABlock(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		block := s.HashFunc.New().BlockSize()
		for size := block - 1; size <= block+1; size++ {
			key := bytes.Repeat([]byte{7}, size)
			m := hmac.New(s.HashFunc.New, key)
			require.Equal(t, m.Sum(nil), s.MAC(NewSecret(key), nil), "%d bytes", size)
		}
	})
}
