package ciphersuite

import (
	"crypto"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/copse-mls/copse/ciphersuite/internal/edwards"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// torsionCase is a signature at the edge of the acceptance rule, with what the rule says of it.
type torsionCase struct {
	name string
	SignedMessage
	want error
}

// forger signs with points of small order added to the key and to R.
type forger struct {
	curve    edwards.Curve
	secret   *big.Int
	nonce    *big.Int
	torsion  []edwards.Point // the i-th is i times a point of order 8
	messages int
}

func newForger(t *testing.T) *forger {
	f := &forger{curve: edwards.New(), secret: big.NewInt(123456789), nonce: big.NewInt(987654321)}
	order8, ok := f.curve.Decode([]byte(ed25519Order8))
	require.True(t, ok)
	for i := range int64(8) {
		f.torsion = append(f.torsion, f.curve.Multiply(big.NewInt(i), order8))
	}
	return f
}

// sign makes a signature that fulfils the cofactored equation, by the key [secret]B plus one torsion point and with
// R = [nonce]B plus another.
func (f *forger) sign(secret *big.Int, atKey, atR int) SignedMessage {
	f.messages++
	message := fmt.Appendf(nil, "message %d", f.messages)
	key := f.curve.Encode(f.curve.Add(f.curve.Multiply(secret, f.curve.Base), f.torsion[atKey]))
	r := f.curve.Encode(f.curve.Add(f.curve.Multiply(f.nonce, f.curve.Base), f.torsion[atR]))
	return SignedMessage{key, message, append(r, f.response(secret, r, key, message)...)}
}

// response returns S = nonce + k * secret.
func (f *forger) response(secret *big.Int, r, key, message []byte) []byte {
	s := new(big.Int).Mul(f.curve.Challenge(r, key, message), secret)
	return littleEndian(s.Add(s, f.nonce).Mod(s, f.curve.Order), 32)
}

func (f *forger) cases() []torsionCase {
	var out []torsionCase
	add := func(name string, m SignedMessage, want error) { out = append(out, torsionCase{name, m, want}) }
	zero := new(big.Int)
	for i := range 8 {
		for j := range 8 {
			add(fmt.Sprintf("torsion %d at A, %d at R", i, j), f.sign(f.secret, i, j), nil)
		}
		add(fmt.Sprintf("small-order A %d", i), f.sign(zero, i, 0), ErrPublicKey)
		f.nonce, zero = zero, f.nonce
		add(fmt.Sprintf("small-order R %d", i), f.sign(f.secret, 0, i), nil)
		add(fmt.Sprintf("small-order A and R %d", i), f.sign(f.nonce, i, i), ErrPublicKey)
		f.nonce, zero = zero, f.nonce
	}

	m := f.sign(f.secret, 0, 0)
	s := edwards.LittleEndian(m.Signature[32:])
	copy(m.Signature[32:], littleEndian(s.Add(s, f.curve.Order), 32))
	add("S + L", m, ErrSignature)
	m = f.sign(f.secret, 0, 0)
	m.Signature[63] |= 0x80
	add("top bit of S", m, ErrSignature)
	m = f.sign(f.secret, 0, 0)
	m.Message = append(m.Message, '!')
	add("another message", m, ErrSignature)

	// Encodings of points with x = 0 or y < 19 in other than the canonical way, all of which need care to find: y = 1 as
	// p + 1, and the sign bit where x = 0. For R the response takes the odd bytes into account.
	for name, bytes := range map[string]string{
		"y = p + 1":         x25519OneBig,
		"y = 1, sign":       "\x01" + zeros30 + "\x80",
		"y = p - 1, sign":   "\xec" + ones30 + "\xff",
		"y = p":             x25519ZeroBig,
		"y = p, sign":       "\xed" + ones30 + "\xff",
		"y = p + 1, sign":   "\xee" + ones30 + "\xff",
		"y = 2^255-1":       "\xff" + ones30 + "\x7f",
		"y = 2^255-1, sign": "\xff" + ones30 + "\xff",
		"y = 2, off curve":  "\x02" + zeros30 + "\x00",
	} {
		key := f.sign(f.secret, 0, 0)
		key.Key = []byte(bytes)
		add(name+" as A", key, ErrPublicKey)
		r := f.sign(f.secret, 0, 0)
		f.nonce, zero = zero, f.nonce
		r.Signature = append([]byte(bytes), f.response(f.secret, []byte(bytes), r.Key, r.Message)...)
		f.nonce, zero = zero, f.nonce
		add(name+" as R", r, ErrSignature)
	}

	// y = p + 3 is the one point of full order whose unreduced encoding fits, besides its kin up to p + 18.
	unreduced := f.sign(f.secret, 0, 0)
	unreduced.Key = []byte("\xf0" + ones30 + "\x7f")
	add("y = p + 3 as A", unreduced, ErrPublicKey)
	for _, size := range []int{0, 31, 33} {
		m := f.sign(f.secret, 0, 0)
		m.Key = make([]byte, size)
		add(fmt.Sprintf("key of %d bytes", size), m, ErrPublicKey)
	}
	for _, size := range []int{0, 63, 65} {
		m := f.sign(f.secret, 0, 0)
		m.Signature = append(m.Signature, 0)[:size]
		add(fmt.Sprintf("signature of %d bytes", size), m, ErrSignature)
	}
	return out
}

func ed25519Suite(t testing.TB) *Suite {
	s, err := New(MLS128DHKEMX25519AES128GCMSHA256Ed25519)
	require.NoError(t, err)
	return s
}

// The rule of the package documentation: alone, alone in a batch, in company, and by the slow reference.
func TestEd25519Rule(t *testing.T) {
	s := ed25519Suite(t)
	company := signedMessages(t, s, 5)
	for _, c := range newForger(t).cases() {
		require.Equal(t, c.want, s.Verify(c.Key, c.Message, c.Signature), c.name)
		if len(c.Key) == 32 && len(c.Signature) == 64 {
			require.Equal(t, c.want == nil, edwards.Verify(c.Key, c.Message, c.Signature), c.name)
		}
		for position := range len(company) + 1 {
			batch := slices.Insert(slices.Clone(company), position, c.SignedMessage)
			require.Equal(t, indexed(position, c.want), s.VerifyBatch(batch), "%s at %d", c.name, position)
		}
		require.Equal(t, indexed(0, c.want), s.VerifyBatch([]SignedMessage{c.SignedMessage}), c.name)
	}
}

func indexed(i int, err error) error {
	if err == nil {
		return nil
	}
	return &IndexError{i, err}
}

// Signatures of which the standard library accepts some and refuses some are all accepted in one batch, whatever
// their torsion components add up to.
func TestEd25519TorsionDoesNotAddUp(t *testing.T) {
	s, f := ed25519Suite(t), newForger(t)
	var batch []SignedMessage
	strict := 0
	for i := range 130 {
		m := f.sign(f.secret, i%8, (3*i+1)%8)
		if ed25519.Verify(ed25519.PublicKey(m.Key), m.Message, m.Signature) {
			strict++
		}
		batch = append(batch, m)
	}
	require.NotZero(t, strict)
	require.Less(t, strict, len(batch))
	require.NoError(t, s.VerifyBatch(batch))
}

// What the standard library accepts is accepted, for keys that this package does not refuse.
func TestEd25519AcceptsWhatStandardLibraryAccepts(t *testing.T) {
	s, f := ed25519Suite(t), newForger(t)
	for _, c := range f.cases() {
		if len(c.Key) != 32 || s.CheckSignaturePublicKey(c.Key) != nil {
			continue
		}
		if ed25519.Verify(ed25519.PublicKey(c.Key), c.Message, c.Signature) {
			require.NoError(t, c.want, c.name)
		}
	}
}

func TestEd25519KeyCheck(t *testing.T) {
	s, f := ed25519Suite(t), newForger(t)
	for i, q := range f.torsion {
		require.ErrorIs(t, s.CheckSignaturePublicKey(f.curve.Encode(q)), ErrPublicKey, "torsion %d", i)
		mixed := f.curve.Add(f.curve.Base, q)
		require.NoError(t, s.CheckSignaturePublicKey(f.curve.Encode(mixed)), "torsion %d", i)
	}
	for low := range 256 {
		for _, rest := range []byte{0, 0x7f, 0x80, 0xff} { // y up to 255, and around p, with both signs
			key := slices.Repeat([]byte{-(rest & 1)}, 32)
			key[0], key[31] = byte(low), rest
			q, ok := f.curve.Decode(key)
			require.Equal(t, ok && !f.curve.SmallOrder(q), s.CheckSignaturePublicKey(key) == nil, "%x", key)
		}
	}
}

func TestVerifyBatchNamesFirstBadSignature(t *testing.T) {
	s := ed25519Suite(t)
	items := signedMessages(t, s, 600)
	require.NoError(t, s.VerifyBatch(items))
	for _, bad := range [][]int{{0}, {599}, {1, 2, 3}, {127, 128}, {300, 599}, {512}, {450, 17, 33}} {
		broken := slices.Clone(items)
		for i, at := range bad {
			if i%2 == 0 {
				broken[at].Message = []byte("another")
			} else {
				broken[at].Key = nil
			}
		}
		err := s.VerifyBatch(broken)
		var at *IndexError
		require.True(t, errors.As(err, &at))
		require.Equal(t, slices.Min(bad), at.Index)
		want := ErrSignature
		if broken[at.Index].Key == nil {
			want = ErrPublicKey
		}
		require.ErrorIs(t, err, want)
	}
}

// Test 1 of RFC 8032, Section 7.1.
func TestEd25519KnownAnswer(t *testing.T) {
	s := ed25519Suite(t)
	signer, err := s.ParseSigner(NewSecret(unhex(t, "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")))
	require.NoError(t, err)
	key, err := s.PublicKeyOf(signer)
	require.NoError(t, err)
	require.Equal(t, unhex(t, "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"), []byte(key))
	signature, err := s.Sign(nil, signer, nil)
	require.NoError(t, err)
	require.Equal(t, unhex(t, "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"), signature)
	require.NoError(t, s.Verify(key, nil, signature))
}

// TestCanonicalEd25519: the encodings on either side of the edge, most of which are of no point.
func TestCanonicalEd25519(t *testing.T) {
	encoding := func(first, middle, last byte) []byte {
		return slices.Concat([]byte{first}, slices.Repeat([]byte{middle}, 30), []byte{last})
	}
	for _, c := range []struct {
		encoded   []byte
		canonical bool
	}{
		{encoding(0xec, 0xff, 0x7f), true}, // -1
		{encoding(0xec, 0xff, 0xff), false},
		{encoding(1, 0, 0), true},
		{encoding(1, 0, 0x80), false},
		{encoding(0xed, 0xff, 0x7f), false}, // 2^255-19
		{encoding(0xed, 0xff, 0xff), false},
		{encoding(0xff, 0xff, 0x7f), false},
		{encoding(0xeb, 0xff, 0x7f), true},
		{encoding(0xeb, 0xff, 0xff), true},
		{encoding(0xed, 0xff, 0x7e), true},
		{encoding(0xed, 0xfe, 0x7f), true},
		{encoding(0xff, 0, 0xff), true},
	} {
		require.Equal(t, c.canonical, canonicalEd25519(c.encoded), "%x", c.encoded)
	}
}

// TestEd25519SignsAsTheStandardLibrary: a signature of RFC 8032 follows from key and message, whichever code makes it.
func TestEd25519SignsAsTheStandardLibrary(t *testing.T) {
	r := rand.New(rand.NewChaCha8([32]byte{1}))
	seed := make([]byte, ed25519.SeedSize)
	for size := range 400 {
		message := make([]byte, size)
		for i := range seed {
			seed[i] = byte(r.Uint32())
		}
		for i := range message {
			message[i] = byte(r.Uint32())
		}
		key := ed25519.NewKeyFromSeed(seed)
		for _, signer := range []crypto.Signer{key, &key} {
			signature, err := (ed25519Scheme{}).sign(nil, signer, message)
			require.NoError(t, err)
			require.Equal(t, ed25519.Sign(key, message), signature)
		}
	}
}

// TestEd25519ManyKeys verifies by more keys than are remembered, again and again, at the same time.
func TestEd25519ManyKeys(t *testing.T) {
	s, err := New(MLS128DHKEMX25519AES128GCMSHA256Ed25519)
	require.NoError(t, err)
	signed := make([]SignedMessage, 150)
	for i := range signed {
		key := ed25519.NewKeyFromSeed(slices.Repeat([]byte{byte(i)}, ed25519.SeedSize))
		m := &signed[i]
		m.Key, m.Message = SignaturePublicKey(key.Public().(ed25519.PublicKey)), []byte{byte(i)}
		m.Signature = ed25519.Sign(key, m.Message)
	}
	var all sync.WaitGroup
	for worker := range 4 {
		all.Go(func() {
			for round := range 600 {
				i := (round*(worker+1) + worker) % len(signed)
				if round%3 == 0 {
					i %= 7
				}
				m := signed[i]
				assert.NoError(t, s.Verify(m.Key, m.Message, m.Signature))
				assert.ErrorIs(t, s.Verify(m.Key, append(m.Message, 0), m.Signature), ErrSignature)
				assert.ErrorIs(t, s.Verify(signed[(i+1)%len(signed)].Key, m.Message, m.Signature), ErrSignature)
			}
		})
	}
	all.Wait()
}
