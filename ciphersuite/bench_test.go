package ciphersuite

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

func benchSuite(b *testing.B) *Suite {
	s, err := New(MLS128DHKEMX25519AES128GCMSHA256Ed25519)
	require.NoError(b, err)
	return s
}

// recipients makes n addressees with a plaintext of the size of a path secret.
func recipients(t testing.TB, s *Suite, n int) ([]Recipient, []KeyPair) {
	ikms := make([]Secret, n)
	for i := range ikms {
		ikms[i] = NewSecret(s.Hash(nil, binary.BigEndian.AppendUint32(nil, uint32(i))))
	}
	pairs, err := s.DeriveKeyPairs(ikms)
	require.NoError(t, err)
	to := make([]Recipient, n)
	for i := range to {
		to[i] = Recipient{pairs[i].Public, NewSecret(binary.BigEndian.AppendUint32(make([]byte, 28), uint32(i)))}
	}
	return to, pairs
}

// signedMessages makes n signatures, each by its own key.
func signedMessages(t testing.TB, s *Suite, n int) []SignedMessage {
	items := make([]SignedMessage, n)
	for i := range items {
		seed := sha256.Sum256(binary.BigEndian.AppendUint32([]byte("seed"), uint32(i)))
		signer := ed25519.NewKeyFromSeed(seed[:])
		message := binary.BigEndian.AppendUint32(make([]byte, 200), uint32(i))
		signature, err := s.Sign(nil, signer, message)
		require.NoError(t, err)
		key, err := s.PublicKeyOf(signer)
		require.NoError(t, err)
		items[i] = SignedMessage{key, message, signature}
	}
	return items
}

func BenchmarkX25519Base(b *testing.B) {
	k := benchKey(b)
	for b.Loop() {
		_ = k.public()
	}
}

func BenchmarkX25519DH(b *testing.B) {
	k := benchKey(b)
	public := k.public()
	for b.Loop() {
		_, _ = k.agree(public)
	}
}

func benchKey(b *testing.B) privateKey {
	seed := sha256.Sum256([]byte("benchmark"))
	k, err := x25519Group{}.key(seed[:])
	require.NoError(b, err)
	return k
}

func BenchmarkSealMany(b *testing.B) {
	s := benchSuite(b)
	for _, n := range []int{1, 16, 128, 10_000} {
		to, _ := recipients(b, s, n)
		for _, size := range []int{160, 1_700_000} {
			info := make([]byte, size)
			b.Run(fmt.Sprintf("recipients=%d/info=%d", n, size), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					_, err := s.SealMany(nil, info, to)
					require.NoError(b, err)
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/recipient")
			})
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	s := benchSuite(b)
	to, pairs := recipients(b, s, 1)
	info := make([]byte, 160)
	out, err := s.SealMany(nil, info, to)
	require.NoError(b, err)
	b.ReportAllocs()
	for b.Loop() {
		_, _ = s.Open(pairs[0], info, out[0])
	}
}

func BenchmarkVerifyBatch(b *testing.B) {
	s := benchSuite(b)
	for _, n := range []int{16, 128, 1024, 8192} {
		items := signedMessages(b, s, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				require.NoError(b, s.VerifyBatch(items))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/signature")
		})
		bad := append([]SignedMessage(nil), items...)
		bad[n-1].Message = nil
		b.Run(fmt.Sprint(n, "-last-bad"), func(b *testing.B) {
			for b.Loop() {
				require.Error(b, s.VerifyBatch(bad))
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*n), "ns/signature")
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, cs := range Supported() {
		s, err := New(cs)
		require.NoError(b, err)
		signer, err := s.GenerateSigner(nil)
		require.NoError(b, err)
		key, err := s.PublicKeyOf(signer)
		require.NoError(b, err)
		message := make([]byte, 200)
		signature, err := s.Sign(nil, signer, message)
		require.NoError(b, err)
		b.Run(cs.String(), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = s.Verify(key, message, signature)
			}
		})
	}
}

func BenchmarkVerifyStandardLibrary(b *testing.B) {
	it := signedMessages(b, benchSuite(b), 1)[0]
	for b.Loop() {
		_ = ed25519.Verify(ed25519.PublicKey(it.Key), it.Message, it.Signature)
	}
}

func BenchmarkCheckSignaturePublicKey(b *testing.B) {
	s := benchSuite(b)
	it := signedMessages(b, s, 1)[0]
	for b.Loop() {
		_ = s.CheckSignaturePublicKey(it.Key)
	}
}

func BenchmarkExpandWithLabel(b *testing.B) {
	s := benchSuite(b)
	secret := NewSecret(make([]byte, 32))
	b.ReportAllocs()
	for b.Loop() {
		_ = s.ExpandWithLabel(secret, "tree", nil, 32)
	}
}

func BenchmarkMAC(b *testing.B) {
	s := benchSuite(b)
	secret := NewSecret(make([]byte, 32))
	for _, n := range []int{100, 1_000_000} {
		data := make([]byte, n)
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = s.MAC(secret, data)
			}
		})
	}
}

func BenchmarkHash(b *testing.B) {
	s := benchSuite(b)
	data, dst := make([]byte, 200), make([]byte, 0, 32)
	b.ReportAllocs()
	for b.Loop() {
		_ = s.Hash(dst, data)
	}
}
