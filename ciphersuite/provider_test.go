package ciphersuite

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// eachSuite runs test for every suite of this build.
func eachSuite(t *testing.T, test func(t *testing.T, s *Suite)) {
	suites := Supported()
	require.NotEmpty(t, suites)
	for _, cs := range suites {
		t.Run(cs.String(), func(t *testing.T) {
			s, err := New(cs)
			require.NoError(t, err)
			test(t, s)
		})
	}
}

// stream is a fixed entropy source.
type stream struct {
	counter uint64
	left    []byte
}

func (s *stream) Read(p []byte) (int, error) {
	for n := range p {
		if len(s.left) == 0 {
			s.counter++
			d := sha256.Sum256(binary.BigEndian.AppendUint64(nil, s.counter))
			s.left = d[:]
		}
		p[n], s.left = s.left[0], s.left[1:]
	}
	return len(p), nil
}

func TestSuites(t *testing.T) {
	require.Len(t, All(), 7)
	for _, cs := range All() {
		p, ok := cs.Sizes()
		require.True(t, ok)
		require.Equal(t, p.Name, cs.String())
	}
	for _, cs := range []CipherSuite{0, 8, 0x0a0a, 0xffff} {
		_, err := New(cs)
		require.ErrorIs(t, err, ErrUnsupported)
	}
	require.Equal(t, "CipherSuite(0x0a0a)", CipherSuite(0x0a0a).String())
}

func TestSizes(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		pair, err := s.GenerateKeyPair(nil)
		require.NoError(t, err)
		require.Len(t, pair.Public, s.HPKEPublicKeySize)
		require.Equal(t, s.HPKEPrivateKeySize, pair.Private.Len())
		signer, err := s.GenerateSigner(nil)
		require.NoError(t, err)
		key, err := s.PublicKeyOf(signer)
		require.NoError(t, err)
		require.Len(t, key, s.SignaturePublicKeySize)
		ct, err := s.EncryptWithLabel(nil, "label", nil, Recipient{pair.Public, NewSecret([]byte("text"))})
		require.NoError(t, err)
		require.Len(t, ct.KEMOutput, s.KEMOutputSize)
		require.Len(t, ct.Ciphertext, 4+s.TagSize)
		require.Len(t, s.Hash(nil, nil), s.HashSize)
		require.Equal(t, s.HashSize, s.DeriveSecret(NewSecret([]byte("secret")), "label").Len())
		again, err := s.KeyPairOf(pair.Private)
		require.NoError(t, err)
		require.Equal(t, pair, again)
		require.NoError(t, s.CheckHPKEPublicKey(pair.Public))
		require.NoError(t, s.CheckSignaturePublicKey(key))
	})
}

func TestAEAD(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		rapid.Check(t, func(t *rapid.T) {
			draw := func(name string, min, max int) []byte {
				return rapid.SliceOfN(rapid.Byte(), min, max).Draw(t, name)
			}
			key := NewSecret(draw("key", s.KeySize, s.KeySize))
			nonce, aad := draw("nonce", s.NonceSize, s.NonceSize), draw("aad", 0, 50)
			text := draw("plaintext", 0, 100)
			sealed, err := s.AEADSeal(key, nonce, aad, text)
			require.NoError(t, err)
			opened, err := s.AEADOpen(key, nonce, aad, sealed)
			require.NoError(t, err)
			require.True(t, bytes.Equal(text, opened))

			bit := rapid.IntRange(0, 8*len(sealed)-1).Draw(t, "bit")
			sealed[bit/8] ^= 1 << (bit % 8)
			_, err = s.AEADOpen(key, nonce, aad, sealed)
			require.ErrorIs(t, err, ErrOpen)
			_, err = s.AEADOpen(key, nonce, aad, sealed[:rapid.IntRange(0, len(sealed)-1).Draw(t, "cut")])
			require.ErrorIs(t, err, ErrOpen)
		})
		for _, size := range []int{0, s.KeySize - 1, s.KeySize + 1, 24, 32 + 16 - s.KeySize} {
			if size == s.KeySize {
				continue
			}
			_, err := s.AEADSeal(NewSecret(make([]byte, size)), make([]byte, s.NonceSize), nil, nil)
			require.ErrorIs(t, err, ErrKeySize, "key of %d bytes", size)
		}
		for _, size := range []int{0, s.NonceSize - 1, s.NonceSize + 1} {
			_, err := s.AEADOpen(NewSecret(make([]byte, s.KeySize)), make([]byte, size), nil, make([]byte, 32))
			require.ErrorIs(t, err, ErrKeySize, "nonce of %d bytes", size)
		}
	})
}

// checkAnySuite runs a property of which each case is about one suite; for what is slow in some of them.
func checkAnySuite[T any](t *testing.T, setUp func(s *Suite) T, property func(t *rapid.T, s *Suite, with T)) {
	type ready struct {
		suite *Suite
		with  T
	}
	var all []ready
	for _, cs := range Supported() {
		s, err := New(cs)
		require.NoError(t, err)
		all = append(all, ready{s, setUp(s)})
	}
	rapid.Check(t, func(t *rapid.T) {
		r := all[rapid.IntRange(0, len(all)-1).Draw(t, "suite")]
		property(t, r.suite, r.with)
	})
}

func TestSealOpen(t *testing.T) {
	setUp := func(s *Suite) []KeyPair {
		_, pairs := recipients(t, s, 3)
		return pairs
	}
	checkAnySuite(t, setUp, func(t *rapid.T, s *Suite, pairs []KeyPair) {
		info := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "info")
		var to []Recipient
		for _, p := range pairs {
			to = append(to, Recipient{p.Public, NewSecret(rapid.SliceOfN(rapid.Byte(), 0, 80).Draw(t, "plaintext"))})
		}
		out, err := s.SealMany(rand.Reader, info, to)
		require.NoError(t, err)
		require.Len(t, out, len(to))
		for i, ct := range out {
			text, err := s.Open(pairs[i], info, ct)
			require.NoError(t, err)
			require.True(t, to[i].Plaintext.Equal(text))
		}

		i := rapid.IntRange(0, 2).Draw(t, "recipient")
		ct := out[i]
		_, err = s.Open(pairs[(i+1)%3], info, ct)
		require.ErrorIs(t, err, ErrOpen, "another's key")
		_, err = s.Open(pairs[i], append(info, 0), ct)
		require.ErrorIs(t, err, ErrOpen, "another info")
		field := [][]byte{ct.KEMOutput, ct.Ciphertext, pairs[i].Public}[rapid.IntRange(0, 2).Draw(t, "field")]
		bit := rapid.IntRange(0, 8*len(field)-1).Draw(t, "bit")
		field[bit/8] ^= 1 << (bit % 8)
		_, err = s.Open(pairs[i], info, ct)
		field[bit/8] ^= 1 << (bit % 8)
		require.ErrorIs(t, err, ErrOpen, "changed on the way")
	})
}

func TestNothingToDo(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		out, err := s.SealMany(nil, nil, nil)
		require.NoError(t, err)
		require.Empty(t, out)
		pairs, err := s.DeriveKeyPairs(nil)
		require.NoError(t, err)
		require.Empty(t, pairs)
		require.NoError(t, s.VerifyBatch(nil))
	})
}

func TestExport(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		to, pairs := recipients(t, s, 2)
		enc, sent, err := s.SendExport(nil, to[0].PublicKey, []byte("context"))
		require.NoError(t, err)
		require.Equal(t, s.HashSize, sent.Len())
		got, err := s.ReceiveExport(pairs[0], enc, []byte("context"))
		require.NoError(t, err)
		require.True(t, sent.Equal(got))
		other, err := s.ReceiveExport(pairs[0], enc, []byte("other"))
		require.NoError(t, err)
		require.False(t, sent.Equal(other))
		_, err = s.ReceiveExport(pairs[0], enc[1:], []byte("context"))
		require.ErrorIs(t, err, ErrOpen)
		_, _, err = s.SendExport(nil, to[0].PublicKey[1:], nil)
		require.ErrorIs(t, err, ErrPublicKey)
	})
}

func TestFixedEntropyGivesFixedOutput(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		run := func(procs int) (out []any) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			entropy := &stream{}
			to, pairs := recipients(t, s, 20)
			sealed, err := s.SealMany(entropy, []byte("info"), to)
			require.NoError(t, err)
			pair, err := s.GenerateKeyPair(entropy)
			require.NoError(t, err)
			signer, err := s.GenerateSigner(entropy)
			require.NoError(t, err)
			enc, secret, err := s.SendExport(entropy, to[0].PublicKey, nil)
			require.NoError(t, err)
			return []any{pairs, sealed, pair, signer, enc, secret}
		}
		want := run(1)
		require.Equal(t, want, run(1))
		require.Equal(t, want, run(4))
	})
}

// stuck is a source that gives one byte for ever.
type stuck byte

func (s stuck) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(s)
	}
	return len(p), nil
}

func TestBrokenEntropySourceEnds(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		to, _ := recipients(t, s, 2)
		_, err := s.GenerateSigner(stuck(0))
		require.ErrorIs(t, err, ErrEntropy)
		_, err = s.GenerateKeyPair(stuck(0))
		require.ErrorIs(t, err, ErrEntropy)
		_, err = s.SealMany(stuck(0), nil, to)
		require.ErrorIs(t, err, ErrEntropy)
		_, err = s.RandomSecret(stuck(0), 16)
		require.ErrorIs(t, err, ErrEntropy)
		_, err = s.RandomSecret(stuck(0), 4)
		require.NoError(t, err, "four zeros may be chance")

		// The keys that this gives are out of range for ECDSA: the search for a better one ends.
		if _, err = s.GenerateSigner(stuck(0xff)); nistCurve(s) != nil {
			require.ErrorIs(t, err, ErrPrivateKey)
		} else {
			require.NoError(t, err)
		}
		_, err = s.GenerateKeyPair(stuck(0xff))
		require.NoError(t, err, "derived, hence in range")
	})
}

func TestNoEntropy(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		to, _ := recipients(t, s, 2)
		short := func() *bytes.Reader { return bytes.NewReader(bytes.Repeat([]byte{1}, s.HPKEPrivateKeySize/2)) }
		_, err := s.SealMany(short(), nil, to)
		require.ErrorIs(t, err, ErrEntropy)
		_, err = s.GenerateKeyPair(short())
		require.ErrorIs(t, err, ErrEntropy)
		_, err = s.GenerateSigner(short())
		require.ErrorIs(t, err, ErrEntropy)
		_, _, err = s.SendExport(short(), to[0].PublicKey, nil)
		require.ErrorIs(t, err, ErrEntropy)
	})
}

func TestSealManyNamesFirstBadRecipient(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		to, _ := recipients(t, s, 40)
		good := to[7]
		for _, bad := range [][]int{{0}, {38, 12, 31}} {
			broken := append([]Recipient(nil), to...)
			for _, i := range bad {
				broken[i].PublicKey = good.PublicKey[:s.HPKEPublicKeySize-1]
			}
			_, err := s.SealMany(nil, nil, broken)
			require.ErrorIs(t, err, ErrPublicKey)
			var at *IndexError
			require.True(t, errors.As(err, &at))
			first := bad[0]
			for _, i := range bad {
				first = min(first, i)
			}
			require.Equal(t, first, at.Index)
		}
	})
}

func TestLabelledFunctions(t *testing.T) {
	eachSuite(t, func(t *testing.T, s *Suite) {
		secret := NewSecret([]byte("secret"))
		// The structures of RFC 9420, Sections 5.2 and 8, written out.
		info := []byte("\x00\x07\x0cMLS 1.0 test\x03ctx")
		require.Equal(t, s.Expand(secret, info, 7), s.ExpandWithLabel(secret, "test", []byte("ctx"), 7))
		info = []byte("\x00\x05\x0cMLS 1.0 test\x04\x00\x01\x02\x03")
		require.Equal(t, s.Expand(secret, info, 5), s.DeriveTreeSecret(secret, "test", 0x00010203, 5))
		require.Equal(t, s.Hash(nil, []byte("\x05label\x05value")), s.RefHash("label", []byte("value")))
		require.Equal(t, []byte("\x09MLS 1.0 x\x01y"), AppendSignContent(nil, "x", []byte("y")))

		tag := s.MAC(secret, []byte("data"))
		require.True(t, s.VerifyMAC(secret, []byte("data"), tag))
		require.False(t, s.VerifyMAC(secret, []byte("datb"), tag))
		require.False(t, s.VerifyMAC(secret, []byte("data"), tag[:s.HashSize-1]))
		require.False(t, s.VerifyMAC(secret, []byte("data"), nil))

		signer, err := s.GenerateSigner(nil)
		require.NoError(t, err)
		key, err := s.PublicKeyOf(signer)
		require.NoError(t, err)
		signature, err := s.SignWithLabel(nil, signer, "x", []byte("y"))
		require.NoError(t, err)
		require.NoError(t, s.VerifyWithLabel(key, "x", []byte("y"), signature))
		require.ErrorIs(t, s.VerifyWithLabel(key, "y", []byte("y"), signature), ErrSignature)
		require.NoError(t, s.Verify(key, []byte("\x09MLS 1.0 x\x01y"), signature))
	})
}
