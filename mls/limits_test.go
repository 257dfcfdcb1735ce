package mls_test

import (
	"cmp"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// limitExtension is an extension type that its leaf lists.
const limitExtension framing.ExtensionType = 0xf0e0

// limitTest is one of the limits of Params at one entry, set to limit. message makes what reaches n.
type limitTest struct {
	name    string
	limit   int
	set     func(p *mls.Params, n int)
	message func(t *testing.T, in *mlstest.Insider, n int) []byte
	private bool   // whether something has to be decrypted first
	rule    string // V-WIRE-13 when empty
}

// broken returns the rule that one unit more breaks.
func (l limitTest) broken() string { return cmp.Or(l.rule, "V-WIRE-13") }

func setProposals(p *mls.Params, n int)    { p.MaxProposals = n }
func setLeaves(p *mls.Params, n int)       { p.MaxLeaves = n }
func setExtension(p *mls.Params, n int)    { p.MaxExtension = n }
func setCertificates(p *mls.Params, n int) { p.MaxCertificates = n }
func setSenders(p *mls.Params, n int)      { p.MaxExternalSenders = n }

// sized returns extensions of n bytes of data, n being small.
func sized(t *testing.T, n int) framing.Extensions {
	id := framing.ApplicationID{ApplicationID: make([]byte, n-1)}
	return framing.Extensions{extension(t, &id)}
}

// chain returns an X.509 credential of n certificates, of which the first is for key.
func chain(key []byte, n int) framing.Credential {
	certificates := make([][]byte, n)
	for k := range certificates {
		certificates[k] = certificateFor(key)
	}
	return framing.X509Credential(certificates...)
}

// knowing makes a client that knows of X.509.
func knowing(c *mlstest.Party) {
	c.Capabilities.Credentials = []framing.CredentialType{framing.CredentialTypeBasic, framing.CredentialTypeX509}
}

func addWith(t *testing.T, leaf func(*framing.LeafNode), whole func(*framing.KeyPackage)) *framing.Add {
	c := mlstest.NewParty(t, testSuite, "newcomer")
	knowing(c)
	return &framing.Add{KeyPackage: c.ForgeKeyPackage(t, leaf, whole)}
}

// addsOf returns proposals to add n clients.
func addsOf(t *testing.T, n int) (list []framing.Proposal) {
	for k := range n {
		c := mlstest.NewParty(t, testSuite, string(rune('A'+k)))
		knowing(c)
		list = append(list, &framing.Add{KeyPackage: c.KeyPackage(t).KeyPackage})
	}
	return list
}

// committing makes a commit of proposals by value.
func committing(t *testing.T, in *mlstest.Insider, change func(*mlstest.Draft), list ...framing.Proposal) []byte {
	return in.Commit(t, func(d *mlstest.Draft) {
		d.Proposals = in.ByValue(list...)
		if change != nil {
			change(d)
		}
	}).Commit
}

func proposed(t *testing.T, in *mlstest.Insider, p framing.Proposal) []byte {
	message, _ := in.Propose(t, p, nil)
	return message
}

// sendersExtension returns an external_senders extension of exactly n bytes.
func sendersExtension(t *testing.T, in *mlstest.Insider, n int) framing.Extension {
	named := func(length int) framing.Extension {
		return extension(t, &framing.ExternalSenders{{
			SignatureKey: in.OwnLeaf().SignatureKey, Credential: framing.BasicCredential(make([]byte, length))}})
	}
	x := named(n - len(named(100).Data) + 100)
	require.Len(t, x.Data, n)
	return x
}

// certifiedSender returns an external_senders extension of one, with a chain of n certificates.
func certifiedSender(t *testing.T, in *mlstest.Insider, n int) framing.Extension {
	key := in.OwnLeaf().SignatureKey
	return extension(t, &framing.ExternalSenders{{SignatureKey: key, Credential: chain(key, n)}})
}

// sendersOfNumber returns an external_senders extension of n.
func sendersOfNumber(t *testing.T, in *mlstest.Insider, n int) framing.Extension {
	one := framing.ExternalSender{SignatureKey: in.OwnLeaf().SignatureKey, Credential: framing.BasicCredential([]byte("service"))}
	senders := framing.ExternalSenders(slices.Repeat([]framing.ExternalSender{one}, n))
	return extension(t, &senders)
}

func limitTests() []limitTest {
	return []limitTest{
		{"proposals of a commit", 2, setProposals, func(t *testing.T, in *mlstest.Insider, n int) []byte {
			return committing(t, in, nil, addsOf(t, n)...)
		}, false, ""},
		{"proposals of a private commit", 2, setProposals, func(t *testing.T, in *mlstest.Insider, n int) []byte {
			return committing(t, in, func(d *mlstest.Draft) {
				d.OnContent = func(c *mlstest.Content) { c.Format = framing.WireFormatPrivateMessage }
			}, addsOf(t, n)...)
		}, true, ""},
		{"members", 5, setLeaves, func(t *testing.T, in *mlstest.Insider, n int) []byte {
			return committing(t, in, nil, addsOf(t, n-4)...)
		}, true, ""}, // the signature of the commit comes first
		{"extension of an added leaf", 40, setExtension, func(t *testing.T, in *mlstest.Insider, n int) []byte {
			return committing(t, in, nil, addWith(t, func(l *framing.LeafNode) { l.Extensions = sized(t, n) }, nil))
		}, false, ""},
		{"extension of a proposed leaf", 40, setExtension, func(t *testing.T, in *mlstest.Insider, n int) []byte {
			return proposed(t, in, addWith(t, func(l *framing.LeafNode) { l.Extensions = sized(t, n) }, nil))
		}, false, ""},
		{"extension of a KeyPackage", 40, setExtension, func(t *testing.T, in *mlstest.Insider, n int) []byte {
			return proposed(t, in, addWith(t, func(l *framing.LeafNode) {
				l.Capabilities.Extensions = append(l.Capabilities.Extensions, limitExtension)
			}, func(k *framing.KeyPackage) {
				k.Extensions = framing.Extensions{{Type: limitExtension, Data: make([]byte, n)}}
			}))
		}, false, ""},
		{"extension of an updated leaf", 40, setExtension, func(t *testing.T, in *mlstest.Insider, n int) []byte {
			return proposed(t, in, in.UpdateLeaf(t, "update", func(l *framing.LeafNode) { l.Extensions = sized(t, n) }))
		}, false, ""},
		{"extension of a path leaf", 40, setExtension, func(t *testing.T, in *mlstest.Insider, n int) []byte {
			return committing(t, in, func(d *mlstest.Draft) { d.Template.Extensions = sized(t, n) })
		}, false, ""},
		{"extension of the group", 200, setExtension, func(t *testing.T, in *mlstest.Insider, n int) []byte {
			return committing(t, in, nil,
				&framing.GroupContextExtensions{Extensions: framing.Extensions{sendersExtension(t, in, n)}})
		}, false, ""},
		{"extension of a successor group", 200, setExtension, func(t *testing.T, in *mlstest.Insider, n int) []byte {
			return proposed(t, in, &framing.ReInit{GroupID: []byte("next"), Version: framing.MLS10, CipherSuite: testSuite,
				Extensions: framing.Extensions{sendersExtension(t, in, n)}})
		}, false, ""},
		{"extension of a private path leaf", 40, setExtension, func(t *testing.T, in *mlstest.Insider, n int) []byte {
			return committing(t, in, func(d *mlstest.Draft) {
				d.Template.Extensions = sized(t, n)
				d.OnContent = func(c *mlstest.Content) { c.Format = framing.WireFormatPrivateMessage }
			})
		}, true, ""},
		{"certificates of a newcomer", 3, setCertificates, func(t *testing.T, in *mlstest.Insider, n int) []byte {
			return proposed(t, in, addWith(t, func(l *framing.LeafNode) { l.Credential = chain(l.SignatureKey, n) }, nil))
		}, false, ""},
		{"certificates of a path leaf", 3, setCertificates, func(t *testing.T, in *mlstest.Insider, n int) []byte {
			return committing(t, in, func(d *mlstest.Draft) { d.Template.Credential = chain(d.Template.SignatureKey, n) })
		}, false, ""},
		{"certificates of an external sender", 3, setCertificates, func(t *testing.T, in *mlstest.Insider, n int) []byte {
			return proposed(t, in, &framing.GroupContextExtensions{Extensions: framing.Extensions{
				certifiedSender(t, in, n)}})
		}, false, ""},
		{"external senders", 2, setSenders, func(t *testing.T, in *mlstest.Insider, n int) []byte {
			return committing(t, in, nil, &framing.GroupContextExtensions{Extensions: framing.Extensions{sendersOfNumber(t, in, n)}})
		}, false, "V-EXT-05"},
	}
}

// TestMessageLimits: a message that reaches a limit of Params is handled, and one unit more is refused by the limit's rule,
// before anything is hashed, verified or decrypted that need not be.
func TestMessageLimits(t *testing.T) {
	for _, test := range limitTests() {
		t.Run(test.name, func(t *testing.T) {
			counting, suite := mlstest.NewCounting(t, testSuite)
			cast := newCastOf(t, func(c *mlstest.Party) {
				knowing(c)
				if c.Name == "bob" {
					c.Params.Suites = func(ciphersuite.CipherSuite) (*ciphersuite.Suite, error) { return suite, nil }
					test.set(&c.Params, test.limit)
				}
			}, nil, "alice", "bob", "carol", "dave")
			alice, bob := cast[0], cast[1]
			over := test.message(t, alice.Insider(), test.limit+1)
			var err error
			used := counting.During(func() { _, err = bob.Group.Handle(mls.Input{Message: over, Now: mlstest.Now()}) })
			breaks(t, test.broken(), err)
			if !test.private {
				require.Equal(t, mlstest.Counts{}, used, "work before the limit")
			}
			require.LessOrEqual(t, used.Verifications, 1)
			require.Zero(t, used.BaseMultiplications+used.Agreements)
			must(bob.Group.Handle(mls.Input{Message: test.message(t, alice.Insider(), test.limit), Now: mlstest.Now()}))
		})
	}
}

// TestImportLimits: a tree and a GroupInfo that reach a limit are imported by everybody outside, and those of one unit
// more by nobody, before anything is hashed or verified.
func TestImportLimits(t *testing.T) {
	cast := newCastOf(t, knowing, nil, "alice", "bob", "carol")
	alice := cast[0]
	alice.Commit(mls.CommitParams{ForcePath: true}, cast[1:]...)
	in := alice.Insider()
	leaf := in.Tree.Leaf(1)
	leaf.Extensions = sized(t, 40)
	in.Tree.SetLeaf(1, leaf) // its signature is invalid now, which is checked later
	tree := in.Tree.Export(t)
	largest := 0
	for i := range framing.LeafIndex(3) {
		largest = max(largest, encodedSize(t, in.Tree.Leaf(i)))
	}
	bare := func(info *framing.GroupInfo) { info.Extensions = info.Extensions[1:] }
	with := func(x framing.Extension) func(*framing.GroupInfo) {
		return func(info *framing.GroupInfo) {
			bare(info)
			info.GroupContext.Extensions = framing.Extensions{x}
		}
	}
	for _, test := range []struct {
		name   string
		limit  int
		set    func(*mls.Params, int)
		change func(*framing.GroupInfo)
		rule   string
	}{
		{"leaves", 3, setLeaves, bare, "V-WIRE-13"},
		{"bytes of the tree", len(tree), func(p *mls.Params, n int) { p.MaxMessage = n }, bare, "V-WIRE-13"},
		{"bytes of a leaf", largest, func(p *mls.Params, n int) { p.MaxLeaf = n }, bare, "V-WIRE-13"},
		{"extension of a leaf", 40, setExtension, bare, "V-WIRE-13"},
		{"extension of the GroupInfo", 50, setExtension, func(info *framing.GroupInfo) {
			bare(info)
			info.Extensions = append(info.Extensions, framing.Extension{Type: limitExtension, Data: make([]byte, 50)})
		}, "V-WIRE-13"},
		{"extension of the group", 60, setExtension, with(framing.Extension{Type: limitExtension, Data: make([]byte, 60)}), "V-WIRE-13"},
		{"certificates of an external sender", 3, setCertificates, with(certifiedSender(t, in, 3)), "V-WIRE-13"},
		{"external senders", 2, setSenders, with(sendersOfNumber(t, in, 2)), "V-EXT-05"},
	} {
		t.Run(test.name, func(t *testing.T) {
			counting, suite := mlstest.NewCounting(t, testSuite)
			params := mls.Params{Suites: func(ciphersuite.CipherSuite) (*ciphersuite.Suite, error) { return suite, nil }}
			message := in.GroupInfo(t, test.change)
			client := mlstest.NewParty(t, testSuite, "newcomer")
			for name, call := range map[string]func() error{
				"observe": func() error {
					return failure(mls.Observe(mls.ObserveParams{GroupInfo: message, RatchetTree: tree, Params: params}))
				},
				"join": func() error {
					return failure(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: message, RatchetTree: tree, Leaf: client.LeafParams, Params: params}))
				},
			} {
				test.set(&params, test.limit-1)
				used := counting.During(func() { breaks(t, test.rule, call()) })
				require.Equal(t, mlstest.Counts{}, used, "%s: work before the limit", name)
				test.set(&params, test.limit)
				var broken *mls.RuleError
				require.ErrorAs(t, call(), &broken)
				require.NotEqual(t, test.rule, broken.Rule, "%s: %v", name, broken)
			}
		})
	}
}

// TestOwnLeafLimit: nobody makes a leaf that is larger than its own limit, as it is once it is signed.
func TestOwnLeafLimit(t *testing.T) {
	c := mlstest.NewParty(t, testSuite, "alice")
	own := must(mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: c.LeafParams, Lifetime: mlstest.Lifetime()}))
	n := encodedSize(t, &own.KeyPackage.LeafNode)
	var g *mls.Group
	for _, most := range []int{n - 1, n} {
		params := mls.Params{MaxLeaf: most}
		_, err := mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: c.LeafParams, Lifetime: mlstest.Lifetime(), Params: params})
		s, same := mls.Create(mls.CreateParams{CipherSuite: testSuite, Leaf: c.LeafParams, Lifetime: mlstest.Lifetime(), Params: params})
		if most == n {
			require.NoError(t, err)
			require.NoError(t, same)
			g = s.Next
			continue
		}
		breaks(t, "V-WIRE-13", err)
		breaks(t, "V-WIRE-13", same)
	}
	longer := framing.BasicCredential([]byte("a name that is longer than the lifetime, and the parent hash too"))
	breaks(t, "V-WIRE-13", failure(g.Commit(mls.CommitParams{Leaf: mls.LeafUpdate{Credential: &longer}}, c.Signer)))
	breaks(t, "V-WIRE-13", failure(g.ProposeUpdate(mls.LeafUpdate{Credential: &longer}, mls.ProposeParams{}, c.Signer)))
}

// TestOwnLimits: a member does not send what its own limits forbid.
func TestOwnLimits(t *testing.T) {
	client := mlstest.NewParty(t, testSuite, "alice")
	knowing(client)
	params := mls.Params{MaxExtension: 40, MaxCertificates: 3, MaxProposals: 2, MaxLeaves: 2}
	refuses := func(change func(*mls.LeafParams)) {
		t.Helper()
		c := client.LeafParams
		change(&c)
		_, err := mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: c, Lifetime: mlstest.Lifetime(), Params: params})
		breaks(t, "V-WIRE-13", err)
		breaks(t, "V-WIRE-13", failure(mls.Create(mls.CreateParams{CipherSuite: testSuite, Leaf: c, Lifetime: mlstest.Lifetime(), Params: params})))
	}
	refuses(func(c *mls.LeafParams) { c.Extensions = sized(t, 41) })
	refuses(func(c *mls.LeafParams) { c.Credential = chain(make([]byte, 32), 4) })
	_, err := mls.Create(mls.CreateParams{CipherSuite: testSuite, Leaf: client.LeafParams, Lifetime: mlstest.Lifetime(), Params: params,
		Extensions: sized(t, 41)})
	breaks(t, "V-WIRE-13", err)
	s := must(mls.Create(mls.CreateParams{CipherSuite: testSuite, Leaf: client.LeafParams, Lifetime: mlstest.Lifetime(), Params: params}))
	commit := func(c mls.CommitParams) error {
		c.Now = mlstest.Now()
		return failure(s.Next.Commit(c, client.Signer))
	}
	require.NoError(t, commit(mls.CommitParams{Proposals: addsOf(t, 1)}))
	breaks(t, "V-WIRE-13", commit(mls.CommitParams{Proposals: addsOf(t, 2)})) // 3 members
	nothing := &framing.GroupContextExtensions{}
	breaks(t, "V-WIRE-13", commit(mls.CommitParams{Proposals: []framing.Proposal{nothing, nothing, nothing}}))
	breaks(t, "V-PL-07", commit(mls.CommitParams{Proposals: []framing.Proposal{nothing, nothing}}))
	breaks(t, "V-WIRE-13", commit(mls.CommitParams{Proposals: []framing.Proposal{
		addWith(t, func(l *framing.LeafNode) { l.Extensions = sized(t, 41) }, nil)}}))
	require.NoError(t, commit(mls.CommitParams{Proposals: []framing.Proposal{
		addWith(t, func(l *framing.LeafNode) { l.Extensions = sized(t, 40) }, nil)}}))
	large, credential := sized(t, 41), chain(make([]byte, 32), 4)
	breaks(t, "V-WIRE-13", commit(mls.CommitParams{Leaf: mls.LeafUpdate{Extensions: &large}}))
	breaks(t, "V-WIRE-13", commit(mls.CommitParams{Leaf: mls.LeafUpdate{Credential: &credential}}))
	breaks(t, "V-WIRE-13", failure(s.Next.ProposeUpdate(mls.LeafUpdate{Extensions: &large}, mls.ProposeParams{}, client.Signer)))
	info := func(x framing.Extension) error {
		return failure(s.Next.GroupInfo(mls.GroupInfoParams{Extensions: framing.Extensions{x}}, client.Signer))
	}
	require.NoError(t, info(framing.Extension{Type: limitExtension, Data: make([]byte, 40)}))
	breaks(t, "V-WIRE-13", info(framing.Extension{Type: limitExtension, Data: make([]byte, 41)}))
	breaks(t, "V-EXT-02", info(framing.Extension{Type: framing.ExtensionTypeRatchetTree, Data: s.Next.Tree().Export()}))
	tree := mls.CommitParams{Proposals: addsOf(t, 1)}
	tree.Welcome.Extensions = framing.Extensions{{Type: framing.ExtensionTypeRatchetTree, Data: s.Next.Tree().Export()}}
	breaks(t, "V-EXT-02", commit(tree))
}
