package keyschedule

// A slow reference for RFC 9420, Sections 8 and 9, on nothing but the standard library's HKDF.

import (
	"bytes"
	"crypto"
	"crypto/hkdf"
	"encoding/binary"
	"hash"
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

func newSuite(t require.TestingT, cs ciphersuite.CipherSuite) *ciphersuite.Suite {
	suite, err := ciphersuite.New(cs)
	require.NoError(t, err)
	return suite
}

// eachSuite runs a test for every suite of this build.
func eachSuite(t *testing.T, test func(*testing.T, *ciphersuite.Suite)) {
	suites := ciphersuite.Supported()
	require.NotEmpty(t, suites)
	for _, cs := range suites {
		t.Run(cs.String(), func(t *testing.T) { test(t, newSuite(t, cs)) })
	}
}

// pattern makes n bytes that differ from those of another seed.
func pattern(seed byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = seed ^ byte(i*7+1)
	}
	return b
}

func secretOf(b []byte) ciphersuite.Secret {
	return ciphersuite.NewSecret(append([]byte(nil), b...))
}

type reference struct{ h crypto.Hash }

func (r reference) new() hash.Hash { return r.h.New() }

func (r reference) extract(salt, ikm []byte) []byte {
	out, err := hkdf.Extract(r.new, ikm, salt)
	if err != nil {
		panic(err)
	}
	return out
}

func (r reference) expand(secret []byte, label string, context []byte, n int) []byte {
	vector := func(b []byte) []byte {
		if len(b) < 64 {
			return append([]byte{byte(len(b))}, b...)
		}
		return append([]byte{0x40 | byte(len(b)>>8), byte(len(b))}, b...)
	}
	info := binary.BigEndian.AppendUint16(nil, uint16(n))
	info = append(info, vector([]byte("MLS 1.0 "+label))...)
	info = append(info, vector(context)...)
	out, err := hkdf.Expand(r.new, secret, string(info), n)
	if err != nil {
		panic(err)
	}
	return out
}

func (r reference) derive(secret []byte, label string) []byte {
	return r.expand(secret, label, nil, r.h.Size())
}

func (r reference) hash(data ...[]byte) []byte {
	h := r.new()
	for _, d := range data {
		h.Write(d)
	}
	return h.Sum(nil)
}

// leaves derives the secrets of all leaves from the secret of a node that stands on so many.
func (r reference) leaves(secret []byte, n int) [][]byte {
	if n == 1 {
		return [][]byte{secret}
	}
	left := r.leaves(r.expand(secret, "tree", []byte("left"), r.h.Size()), n/2)
	return append(left, r.leaves(r.expand(secret, "tree", []byte("right"), r.h.Size()), n/2)...)
}

// messageKey is a key and nonce, for comparison.
type messageKey struct{ key, nonce string }

func reveal(k MessageKey) messageKey {
	return messageKey{string(k.Key.Bytes()), string(k.Nonce.Bytes())}
}

// ratchet derives the first n keys of a leaf's ratchet, and the secret of each generation.
func (r reference) ratchet(suite *ciphersuite.Suite, leaf []byte, kind RatchetKind, n int) ([]messageKey, [][]byte) {
	secret := r.derive(leaf, kind.String())
	var keys []messageKey
	var secrets [][]byte
	for g := range n {
		generation := binary.BigEndian.AppendUint32(nil, uint32(g))
		keys = append(keys, messageKey{
			key:   string(r.expand(secret, "key", generation, suite.KeySize)),
			nonce: string(r.expand(secret, "nonce", generation, suite.NonceSize)),
		})
		secrets = append(secrets, secret)
		secret = r.expand(secret, "secret", generation, r.h.Size())
	}
	return keys, secrets
}

// newTestTree makes a tree on a fixed encryption secret.
func newTestTree(t require.TestingT, suite *ciphersuite.Suite, p TreeParams) *SecretTree {
	secret, err := NewEncryptionSecret(suite, ciphersuite.NewSecret(pattern(1, suite.HashSize)))
	require.NoError(t, err)
	p.Suite = suite
	tree, err := NewSecretTree(secret, p)
	require.NoError(t, err)
	return tree
}

// held lists the bytes of all secrets in a tree, not copied.
func held(tree *SecretTree) [][]byte {
	var out [][]byte
	for n := range tree.Nodes(nil) {
		out = append(out, n.Secret.Bytes())
	}
	for r := range tree.Ratchets(nil) {
		out = append(out, r.Secret.Bytes())
	}
	for b := range tree.Skipped(nil) {
		for _, k := range b.Keys {
			out = append(out, k.Material.Bytes())
		}
	}
	return out
}

// heldCopy returns held, copied.
func heldCopy(tree *SecretTree) []string {
	var out []string
	for _, b := range held(tree) {
		out = append(out, string(b))
	}
	return out
}

// counting counts the derivations that pass through a provider.
type counting struct {
	ciphersuite.Provider
	expands int
}

func (c *counting) Expand(prk ciphersuite.Secret, info []byte, n int) ciphersuite.Secret {
	c.expands++
	return c.Provider.Expand(prk, info, n)
}

// watching remembers the secrets of ratchets.
type watching struct {
	ciphersuite.Provider
	secrets []ciphersuite.Secret
}

func (w *watching) Expand(prk ciphersuite.Secret, info []byte, n int) ciphersuite.Secret {
	s := w.Provider.Expand(prk, info, n)
	if bytes.Contains(info, []byte("MLS 1.0 secret")) {
		w.secrets = append(w.secrets, s)
	}
	return s
}

// failing is a random source that gives so many zero bytes and then an error.
type failing struct{ left int }

func (f *failing) Read(p []byte) (int, error) {
	n := min(len(p), f.left)
	f.left -= n
	if n < len(p) {
		return n, io.ErrClosedPipe
	}
	return n, nil
}

const firstSuite = ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519

// other is a leaf that is not the own one in tests.
const other framing.LeafIndex = 2
