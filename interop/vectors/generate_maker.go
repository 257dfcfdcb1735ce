package vectors

import (
	"crypto"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls/mlstest"
)

// MarshalJSON writes hexadecimal digits.
func (h hexBytes) MarshalJSON() ([]byte, error) { return json.Marshal(hex.EncodeToString(h)) }

// MarshalJSON writes the value, or null.
func (o optional[T]) MarshalJSON() ([]byte, error) {
	if !o.Present {
		return []byte("null"), nil
	}
	return json.Marshal(o.Value)
}

// maker makes one case. Everything in it is derived from its name.
//
// Nothing that it calls should fail, because nothing comes from outside. When something does, its methods stop the case by
// a panic of type makeError, which run turns into an error.
type maker struct {
	suite *ciphersuite.Suite // nil where there are no suites
	name  string
	rand  io.Reader
}

func newMaker(cs ciphersuite.CipherSuite, name string) (*maker, error) {
	m := &maker{name: name, rand: mlstest.Rand(name)}
	if cs == 0 {
		return m, nil
	}
	var err error
	m.suite, err = ciphersuite.New(cs)
	return m, err
}

// makeError ends the making of a case.
type makeError struct{ err error }

// run makes a case.
func (m *maker) run(make func(*maker) any) (made any, err error) {
	defer func() {
		switch stop := recover().(type) {
		case nil:
		case makeError:
			err = stop.err
		default:
			panic(stop)
		}
	}()
	return make(m), nil
}

// check ends the making of a case unless err is nil.
func check(err error) {
	if err != nil {
		panic(makeError{err})
	}
}

// must returns v, and ends the making of the case when there is an error.
func must[T any](v T, err error) T {
	check(err)
	return v
}

// suited returns the part of a case that names its suite.
func (m *maker) suited() suited { return suited{uint16(m.suite.CipherSuite())} }

// bytes draws n bytes.
func (m *maker) bytes(n int) hexBytes {
	b := make([]byte, n)
	_, err := io.ReadFull(m.rand, b)
	check(err)
	return b
}

// hash draws as many bytes as the suite's hash has.
func (m *maker) hash() hexBytes { return m.bytes(m.suite.HashSize) }

// number draws a number below n. That it favours small ones, by next to nothing, does no harm here.
func (m *maker) number(n int) int { return int(m.wide(uint64(n))) }

// wide draws a number below n, which an int of 32 bits need not hold.
func (m *maker) wide(n uint64) uint64 { return binary.BigEndian.Uint64(m.bytes(8)) % n }

// oneIn reports true in one of n cases, at random.
func (m *maker) oneIn(n int) bool { return m.number(n) == 0 }

// pick draws an element.
func pick[T any](m *maker, list []T) T { return list[m.number(len(list))] }

// keyPair makes an HPKE key pair.
func (m *maker) keyPair() ciphersuite.KeyPair { return must(m.suite.GenerateKeyPair(m.rand)) }

// signer signs without randomness: EdDSA needs none, and without a source of it the standard library makes ECDSA
// signatures by RFC 6979. Applications do not do so: deterministic signatures are open to fault attacks.
type signer struct{ crypto.Signer }

// Sign leaves the source of randomness out.
func (s signer) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	return s.Signer.Sign(nil, digest, opts)
}

// signer makes a signature key.
func (m *maker) signer() signer { return signer{must(m.suite.GenerateSigner(m.rand))} }

// secretOf returns a signature key in the form that vectors give it: the seed, or the scalar in full length.
func (m *maker) secretOf(s signer) hexBytes { return reveal(must(m.suite.MarshalSigner(s.Signer))) }

// public returns the key in the form that a leaf gives it.
func (m *maker) public(s signer) hexBytes { return hexBytes(must(m.suite.PublicKeyOf(s))) }

// signing returns the parameters for signing structures with s.
func (m *maker) signing(s signer) framing.SignParams {
	return framing.SignParams{Suite: m.suite, Rand: m.rand, Signer: s}
}

// reveal copies a secret.
func reveal(s ciphersuite.Secret) hexBytes { return append(hexBytes{}, s.Bytes()...) }

// encoded returns a structure in the form of a vector.
func encoded(v framing.Value) hexBytes { return must(framing.Marshal(v)) }

// messageOf returns a structure as an encoded MLSMessage.
func messageOf(b framing.MessageBody) hexBytes { return encoded(&framing.Message{Body: b}) }

// bodyOf returns what an MLSMessage carries.
func bodyOf[B framing.MessageBody](message []byte) B {
	var m framing.Message
	check(framing.Unmarshal(message, &m))
	body, ok := m.Body.(B)
	if !ok {
		check(fmt.Errorf("message carries a %T", m.Body))
	}
	return body
}

// always returns a lifetime without end, so that a vector does not expire.
func always() framing.Lifetime { return framing.Lifetime{NotAfter: 1<<64 - 1} }

// present returns the time at which the cases take place.
func present() time.Time { return mlstest.Now() }

// keyPackage is a KeyPackage with all its private keys.
type keyPackage struct {
	*framing.KeyPackage
	signer        signer
	init, encrypt ciphersuite.KeyPair
}

// keyPackage makes a KeyPackage. Its credential names the number of the client.
func (m *maker) keyPackage(number int) keyPackage {
	k := keyPackage{signer: m.signer(), init: m.keyPair(), encrypt: m.keyPair()}
	leaf := framing.LeafNode{
		EncryptionKey:  k.encrypt.Public,
		SignatureKey:   ciphersuite.SignaturePublicKey(m.public(k.signer)),
		Credential:     framing.BasicCredential(fmt.Appendf(nil, "client %d", number)),
		Capabilities:   m.capabilities(),
		LeafNodeSource: framing.LeafNodeSourceKeyPackage,
		Lifetime:       always(),
	}
	check(leaf.Sign(m.signing(k.signer), nil, framing.NoLeaf))
	k.KeyPackage = &framing.KeyPackage{Version: framing.MLS10, CipherSuite: m.suite.CipherSuite(), InitKey: k.init.Public, LeafNode: leaf}
	check(k.Sign(m.signing(k.signer)))
	return k
}

// privateUse is an extension type that all clients here understand (RFC 9420, Section 17.3: private use).
const privateUse framing.ExtensionType = 0xF000

// capabilities of every client, with a value of no meaning, as RFC 9420, Section 13.5 recommends.
func (m *maker) capabilities() framing.Capabilities {
	return framing.Capabilities{
		Versions:     []framing.ProtocolVersion{framing.MLS10},
		CipherSuites: []ciphersuite.CipherSuite{m.suite.CipherSuite()},
		Extensions:   []framing.ExtensionType{privateUse, 0x0A0A},
		Credentials:  []framing.CredentialType{framing.CredentialTypeBasic},
	}
}
