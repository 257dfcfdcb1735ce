package mlstest

import (
	"crypto"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/internal/inside"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// GroupParams say which group to build.
type GroupParams struct {
	CipherSuite ciphersuite.CipherSuite // 0 means 1
	Suite       *ciphersuite.Suite      // instead of CipherSuite, for a provider of the test's own
	Members     int
	Shape       treekemtest.Shape // the history of the tree, which determines how many of its nodes are blank
	Seed        uint64            // equal seeds give equal groups
	Params      mls.Params        // of all members; each of them has randomness of its own unless it is seeded
}

// Fixture is a group that can return any of its members. They never joined and never committed: each is assembled from
// parts, in an epoch that all agree about.
type Fixture struct {
	*treekemtest.Fixture
	params GroupParams
}

// Build makes a group. It takes less than 100 microseconds a member with suite 1 on two processors. Group takes less than
// a millisecond, however large the group is.
func Build(t TB, p GroupParams) *Fixture {
	t.Helper()
	if p.CipherSuite == 0 {
		p.CipherSuite = ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519
	}
	if p.Suite == nil {
		p.Suite = Suite(t, p.CipherSuite)
	}
	tree, err := treekemtest.Build(treekemtest.Params{
		Suite: p.Suite, Members: p.Members, Shape: p.Shape, Seed: p.Seed, GroupID: fmt.Appendf(nil, "group %d", p.Seed)})
	must(t, err, "tree")
	return &Fixture{tree, p}
}

// Group returns the view of the member at leaf i. Each call makes a new one with secrets of its own.
func (f *Fixture) Group(t TB, i framing.LeafIndex) *mls.Group {
	t.Helper()
	private := f.Private(i)
	if private == nil {
		t.Fatalf("mlstest: leaf %d is blank", i)
	}
	suite := f.params.Suite
	secrets, encryption, err := keyschedule.NewGroup(suite, Rand(fmt.Sprintf("epoch of group %d", f.params.Seed)))
	must(t, err, "epoch")
	tag, err := secrets.ConfirmationTag(f.Context.ConfirmedTranscriptHash)
	must(t, err, "confirmation tag")
	messages, err := keyschedule.NewSecretTree(encryption, keyschedule.TreeParams{
		Suite: suite, Leaves: f.Tree.Width(), Own: i, Limits: f.params.Params.Ratchets})
	must(t, err, "secret tree")
	params := f.params.Params
	if *inside.Rand(&params) == nil {
		Seed(&params, fmt.Sprintf("member %d of group %d", i, f.params.Seed))
	}
	if params.Suites == nil {
		params.Suites = f.suites
	}
	g, err := inside.Assemble(&inside.Parts{Suite: suite, Context: *f.Context, Tree: f.Tree, ConfirmationTag: tag,
		Private: private, Secrets: secrets, Messages: messages}, params)
	must(t, err, "group")
	return g.(*mls.Group)
}

// suites returns the fixture's own suite, which may be one that a test made.
func (f *Fixture) suites(cs ciphersuite.CipherSuite) (*ciphersuite.Suite, error) {
	if cs == f.params.Suite.CipherSuite() {
		return f.params.Suite, nil
	}
	return ciphersuite.New(cs)
}

// SignerOf returns the signature key of the member at leaf i, for the transitions of its Group.
func (f *Fixture) SignerOf(i framing.LeafIndex) crypto.Signer { return f.Signer(i) }

// Member returns the member at leaf i with its signature key. Each call makes a new one, as Group does.
func (f *Fixture) Member(t TB, i framing.LeafIndex) *Member {
	t.Helper()
	c := &Party{Name: fmt.Sprintf("member %d", i), Suite: f.params.Suite, Params: f.params.Params}
	c.Signer = f.SignerOf(i)
	return c.Member(t, f.Group(t, i))
}
