package mlstest

import (
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/internal/inside"
)

// TB is what this package needs of a test. *testing.T, *testing.B, *testing.F and *rapid.T implement it.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Panics is a TB outside of tests: in examples, benchmarks of the command, and generators of data.
type Panics struct{}

// Helper does nothing.
func (Panics) Helper() {}

// Fatalf panics.
func (Panics) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// Now returns the time that this package uses as the present one: lifetimes begin before it and end after it.
func Now() time.Time { return time.Unix(1_700_000_000, 0) }

// Lifetime returns a lifetime around Now, of a year.
func Lifetime() framing.Lifetime { return mls.LifetimeFrom(Now(), 365*24*time.Hour) }

// Seed makes all randomness that params stand for follow from seed.
func Seed(params *mls.Params, seed string) { *inside.Rand(params) = Rand(seed) }

// Rand returns a stream of bytes that follows from seed. It is safe for concurrent use.
func Rand(seed string) io.Reader { return &stream{r: rand.NewChaCha8(sha256.Sum256([]byte(seed)))} }

type stream struct {
	mu sync.Mutex
	r  *rand.ChaCha8
}

func (s *stream) Read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.r.Read(p)
}

// must fails the test unless err is nil.
func must(t TB, err error, what string) {
	t.Helper()
	if err != nil {
		t.Fatalf("mlstest: %s: %v", what, err)
	}
}

// Suite returns a cipher suite ready for use.
func Suite(t TB, cs ciphersuite.CipherSuite) *ciphersuite.Suite {
	t.Helper()
	suite, err := ciphersuite.New(cs)
	must(t, err, cs.String())
	return suite
}

// Party is a client outside of any group: a name, a basic credential that is the name, a signature key, and Params. Its
// fields may be changed before it makes anything. A Member is a Party with its view of a group.
type Party struct {
	mls.LeafParams
	Name   string
	Suite  *ciphersuite.Suite
	Params mls.Params // with randomness that follows from the name
}

// NewParty makes a Party from a cipher suite and a name. Equal names give equal Parties.
func NewParty(t TB, cs ciphersuite.CipherSuite, name string) *Party {
	t.Helper()
	suite := Suite(t, cs)
	signer, err := suite.GenerateSigner(Rand("signer of " + name))
	must(t, err, "signer")
	c := &Party{
		LeafParams: mls.LeafParams{Credential: framing.BasicCredential([]byte(name)), Signer: signer},
		Name:       name,
		Suite:      suite,
	}
	Seed(&c.Params, "entropy of "+name)
	return c
}

// KeyPackage makes a fresh KeyPackage with its private keys.
func (c *Party) KeyPackage(t TB) *mls.OwnKeyPackage {
	t.Helper()
	k, err := mls.NewKeyPackage(mls.KeyPackageParams{
		CipherSuite: c.Suite.CipherSuite(), Leaf: c.LeafParams, Lifetime: Lifetime(), Params: c.Params})
	must(t, err, "KeyPackage of "+c.Name)
	return k
}

// Create makes a group whose only member is the Party.
func (c *Party) Create(t TB, groupID string, extensions ...framing.Extension) *mls.Group {
	t.Helper()
	s, err := mls.Create(mls.CreateParams{
		CipherSuite: c.Suite.CipherSuite(), GroupID: []byte(groupID), Leaf: c.LeafParams, Lifetime: Lifetime(),
		Extensions: extensions, Params: c.Params})
	must(t, err, "group of "+c.Name)
	return s.Next
}

// ByWelcome returns the parameters of a join by a Welcome, with KeyPackages of the Party's own.
func (c *Party) ByWelcome(welcome []byte, keys ...*mls.OwnKeyPackage) mls.JoinParams {
	return mls.JoinParams{Welcome: welcome, KeyPackages: keys, Now: Now(), Params: c.Params}
}

// ByGroupInfo returns the parameters of a join by external commit.
func (c *Party) ByGroupInfo(info []byte) mls.JoinExternalParams {
	return mls.JoinExternalParams{GroupInfo: info, Leaf: c.LeafParams, Now: Now(), Params: c.Params}
}
