package mls_test

import (
	"bytes"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// contextBreach is a list of extensions that no group context may have.
type contextBreach struct {
	id, name string
	list     func(a *attempt) framing.Extensions
	entries  []string
}

// contextEntries are the ways into a group context.
var contextEntries = []string{"value", "outside", "send", "create", "groupinfo", "welcome"}

// rules returns the tests of the breach at its entries.
func (b contextBreach) rules() []ruleTest {
	return atEntries(b.id, b.name, b.entries, func(a *attempt, entry string) { b.at(a, entry) })
}

func (b contextBreach) at(a *attempt, entry string) {
	list := b.list(a)
	switch entry {
	case "value", "outside", "send":
		a.offends(entry, extensionsOf(list...))
	case "create":
		a.refusesCreation(newMember(a.T, "alice"), list...)
	case "groupinfo":
		alice, _, _ := a.trio()
		in := alice.Insider()
		in.Context.Extensions = list
		a.refusesObserving(newMember(a.T, "dave").Party, in.GroupInfo(a, nil), nil, alice.Info())
	case "welcome":
		alice, _, _ := a.trio()
		in, w := alice.Insider(), a.newWelcomed()
		genuine := w.by(in, nil)
		bad := w.by(in, func(d *mlstest.Draft) { d.OnContext = func(c *framing.GroupContext) { c.Extensions = list } })
		a.refusesJoin(bad, genuine)
	default:
		a.Fatalf("no such entry: %s", entry)
	}
}

// infoBreach returns a GroupInfo with more extensions than it should have, by itself and in a Welcome.
func infoBreach(id, name string, more ...framing.Extension) []ruleTest {
	change := func(i *framing.GroupInfo) { i.Extensions = append(i.Extensions, more...) }
	return []ruleTest{
		{id, "groupinfo", name, func(a *attempt) {
			alice, _, _ := a.trio()
			a.refusesObserving(newMember(a.T, "dave").Party, alice.Insider().GroupInfo(a, change), nil, alice.Info())
		}},
		{id, "welcome", name, func(a *attempt) {
			alice, _, _ := a.trio()
			in, w := alice.Insider(), a.newWelcomed()
			a.refusesJoin(w.by(in, func(d *mlstest.Draft) { d.OnGroupInfo = change }), w.by(in, nil))
		}},
	}
}

// someSenders returns an external_senders extension of n times one sender, as change leaves it.
func someSenders(a *attempt, n int, change func(*framing.ExternalSender)) framing.Extension {
	one := (*sendersOf(a, newMember(a.T, "service")))[0]
	if change != nil {
		change(&one)
	}
	list := framing.ExternalSenders(slices.Repeat([]framing.ExternalSender{one}, n))
	return extension(a.T, &list)
}

func contextBreaches() []contextBreach {
	of := func(list ...framing.Extension) func(*attempt) framing.Extensions {
		return func(*attempt) framing.Extensions { return list }
	}
	keyed := func(key []byte) func(*attempt) framing.Extensions {
		return func(a *attempt) framing.Extensions {
			return framing.Extensions{someSenders(a, 1, func(s *framing.ExternalSender) { s.SignatureKey = key })}
		}
	}
	neutral := make([]byte, 32)
	neutral[0] = 1
	required := framing.Extension{Type: framing.ExtensionTypeRequiredCapabilities, Data: []byte{0, 0, 0}}
	certified := func(chain func(key []byte) [][]byte) func(*attempt) framing.Extensions {
		return func(a *attempt) framing.Extensions {
			return framing.Extensions{someSenders(a, 1, func(s *framing.ExternalSender) {
				s.Credential = framing.X509Credential(chain(s.SignatureKey)...)
			})}
		}
	}
	out := []contextBreach{
		{"V-EXT-05", "no certificate", certified(func([]byte) [][]byte { return nil }), contextEntries},
		{"V-EXT-05", "not a certificate", certified(func([]byte) [][]byte { return [][]byte{{1}} }), contextEntries},
		{"V-EXT-05", "a certificate for another key", certified(func(key []byte) [][]byte {
			return [][]byte{certificateFor(make([]byte, 32)), certificateFor(key)}
		}), contextEntries},
		{"V-EXT-05", "certificates in disorder", certified(func(key []byte) [][]byte {
			return chainFor(key, "service works", "root root", "works root")
		}), contextEntries},
		{"V-EXT-05", "the last one's key", func(a *attempt) framing.Extensions {
			senders := sendersOf(a, newMember(a.T, "service"), newMember(a.T, "gate"))
			(*senders)[1].SignatureKey = neutral
			return framing.Extensions{extension(a.T, senders)}
		}, contextEntries},
		{"V-EXT-01", "context, equal data", of(required, required), contextEntries},
		{"V-EXT-01", "context, different data", of(framing.Extension{Type: strange}, framing.Extension{Type: strange, Data: []byte{1}}), contextEntries},
		{"V-EXT-05", "a key of the wrong size", keyed(make([]byte, 31)), contextEntries},
		{"V-EXT-05", "no key", keyed(nil), contextEntries},
		{"V-EXT-05", "the neutral element", keyed(neutral), contextEntries},
		{"V-EXT-05", "too many", func(a *attempt) framing.Extensions {
			return framing.Extensions{someSenders(a, 1025, nil)}
		}, contextEntries},
		{"V-EXT-05", "cut off", func(a *attempt) framing.Extensions {
			x := someSenders(a, 1, nil)
			x.Data = append([]byte{x.Data[0] - 1}, x.Data[1:len(x.Data)-1]...)
			return framing.Extensions{x}
		}, contextEntries},
		{"V-EXT-04", "GREASE in the context", of(framing.Extension{Type: 0x0a0a, Data: []byte("grease")}),
			[]string{"create", "groupinfo", "welcome"}},
		{"V-EXT-04", "GREASE required", func(a *attempt) framing.Extensions {
			return framing.Extensions{extension(a.T, &framing.RequiredCapabilities{ProposalTypes: []framing.ProposalType{0x1a1a}})}
		}, []string{"create", "groupinfo", "welcome"}},
	}
	for _, x := range knownExtensions() {
		if x.Type != framing.ExtensionTypeRequiredCapabilities && x.Type != framing.ExtensionTypeExternalSenders {
			out = append(out, contextBreach{"V-EXT-02", x.Type.String(), of(x), contextEntries})
		}
	}
	return out
}

// knownExtensions returns the extensions of RFC 9420, each with the least that is well-formed.
func knownExtensions() (list framing.Extensions) {
	for code, data := range [][]byte{1: {0}, 2: {0}, 3: {0, 0, 0}, 4: {0}, 5: {0}} {
		if data != nil {
			list = append(list, framing.Extension{Type: framing.ExtensionType(code), Data: data})
		}
	}
	return list
}

// extensionRules returns the tests of area (o). Those of leaves and KeyPackages are in areas (b) and (c).
func extensionRules() []ruleTest {
	var out []ruleTest
	for _, b := range contextBreaches() {
		out = append(out, b.rules()...)
	}
	twice := []framing.Extension{{Type: strange}, {Type: strange}}
	different := []framing.Extension{{Type: strange}, {Type: contextExtension}, {Type: strange, Data: []byte{1}}}
	proposed := []string{"value", "outside", "send"}
	for name, list := range map[string][]framing.Extension{"equal data": twice, "different data": different} {
		out = append(out, infoBreach("V-EXT-01", "GroupInfo, "+name, list...)...)
		out = append(out, offence{"V-EXT-01", "ReInit, " + name, func(*attempt) framing.Proposal { return reInitWith(list...) }, proposed}.rules()...)
	}
	for _, x := range knownExtensions() {
		switch x.Type {
		case framing.ExtensionTypeRequiredCapabilities, framing.ExtensionTypeExternalSenders:
			out = append(out, infoBreach("V-EXT-02", "GroupInfo: "+x.Type.String(), x)...)
		case framing.ExtensionTypeApplicationID:
			out = append(out, infoBreach("V-EXT-02", "GroupInfo: "+x.Type.String(), x)...)
			fallthrough
		default:
			out = append(out, offence{"V-EXT-02", "ReInit: " + x.Type.String(), func(*attempt) framing.Proposal { return reInitWith(x) }, proposed}.rules()...)
		}
	}
	return slices.Concat(out, greaseRules(), keptRules(), ownExtensionRules(), []ruleTest{
		{"V-EXT-05", "value", "a credential of any type", func(a *attempt) {
			alice, bob, _ := a.trio()
			x := someSenders(a, 2, func(s *framing.ExternalSender) { s.Credential = framing.Credential{Type: strange, Data: []byte{1}} })
			s := must(alice.Group.Handle(input(a.over(bob.Insider(), extensionsOf(x)))))
			a.asks(s.Claims, mls.MomentExternalSender, "", "")
		}},
		{"V-EXT-05", "value", "a good certificate", func(a *attempt) {
			alice, bob, _ := a.trio()
			x := someSenders(a, 1024, func(s *framing.ExternalSender) { s.Credential = framing.X509Credential(certificateFor(s.SignatureKey)) })
			a.takes(alice, a.over(bob.Insider(), extensionsOf(x)))
		}},
		{"V-EXT-06", "value", "", func(a *attempt) {
			alice, bob, _, _, _ := a.demanding()
			dave := newMember(a.T, "dave") // can nothing of what was demanded
			made := bob.Insider().Commit(a, func(d *mlstest.Draft) { d.Proposals = bob.Insider().ByValue(extensionsOf()) })
			alice.Hear(made.Commit)
			a.takes(alice, a.over(made.Next, dave.Add()))
		}},
		{"V-EXT-06", "outside", "", func(a *attempt) {
			alice, bob, _, service := a.open()
			old := fromOutside(service, alice.Group, proposing(&framing.Remove{Removed: 2}))
			alice.Hear(a.over(bob.Insider(), extensionsOf()))
			bad := fromOutside(service, alice.Group, proposing(&framing.Remove{Removed: 2}))
			dave := newMember(a.T, "dave")
			a.refusesMessage(alice.Group, bad, fromNewcomer(dave, alice.Group, proposing(dave.Add())))
			require.ErrorIs(a, failure(alice.Group.Handle(input(old))), mls.ErrOldEpoch)
		}},
		{"V-EXT-06", "outside", "put back and replaced", func(a *attempt) {
			alice, bob, _, service := a.open()
			another := newMember(a.T, "another service")
			made := bob.Insider().Commit(a, func(d *mlstest.Draft) {
				d.Proposals = bob.Insider().ByValue(extensionsOf(extension(a.T, sendersOf(a, another))))
			})
			alice.Hear(made.Commit)
			remove := proposing(&framing.Remove{Removed: 2})
			a.refusesMessage(alice.Group, fromOutside(service, alice.Group, remove), fromOutside(another, alice.Group, remove))
			alice.Hear(a.over(made.Next, extensionsOf(extension(a.T, sendersOf(a, service, another)))))
			a.refusesMessage(alice.Group, fromOutside(another, alice.Group, remove), fromOutside(service, alice.Group, remove))
		}},
		{"V-EXT-07", "value", "", func(a *attempt) {
			id := framing.Extensions{extension(a.T, &framing.ApplicationID{ApplicationID: []byte("alice's phone")})}
			alice := newCastOf(a.T, func(c *mlstest.Party) { c.Extensions = id }, nil, "alice", "bob")[0]
			dave := newMember(a.T, "dave")
			dave.Extensions = id
			s := must(alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{dave.Add()}, Now: mlstest.Now()}, alice.Signer))
			a.asks(s.Claims, mls.MomentAddSent, "dave")
			require.Empty(a, s.Claims[0].Predecessors)
		}},
	})
}

// ownExtensionRules returns the tests about extensions that a member is about to send: of its leaf, of a KeyPackage, of
// a GroupInfo.
func ownExtensionRules() (out []ruleTest) {
	for id, list := range map[string]framing.Extensions{
		"V-EXT-01": {{Type: strange}, {Type: strange, Data: []byte{1}}},
		"V-EXT-02": {{Type: framing.ExtensionTypeExternalSenders, Data: []byte{0}}},
	} {
		out = append(out, ruleTest{id, "send", "leaf", func(a *attempt) {
			alice := newCastOf(a.T, func(c *mlstest.Party) { c.Capabilities.Extensions = []framing.ExtensionType{strange} }, nil, "alice", "bob")[0]
			a.refusesCommitting(alice, mls.CommitParams{Leaf: mls.LeafUpdate{Extensions: &list}})
			a.refusesUpdating(alice, mls.LeafUpdate{Extensions: &list})
		}}, ruleTest{id, "send", "KeyPackage", func(a *attempt) {
			dave := newMember(a.T, "dave")
			params := mls.KeyPackageParams{CipherSuite: testSuite, Leaf: dave.LeafParams, Lifetime: mlstest.Lifetime(), Extensions: list}
			a.gives(failure(mls.NewKeyPackage(params)))
			params.Leaf.Extensions, params.Extensions = list, nil
			a.gives(failure(mls.NewKeyPackage(params)))
			info := newCast(a.T, "alice")[0].Info()
			a.gives(failure(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: info, Leaf: params.Leaf, Now: mlstest.Now(), Params: dave.Params})))
		}}, ruleTest{id, "send", "GroupInfo", func(a *attempt) {
			alice, _, _ := a.trio()
			a.refusesCall(alice.Group, func() error {
				return failure(alice.Group.GroupInfo(mls.GroupInfoParams{Extensions: list}, alice.Signer))
			})
			a.refusesCommitting(alice, mls.CommitParams{Proposals: []framing.Proposal{newMember(a.T, "dave").Add()},
				Welcome: mls.WelcomeParams{Extensions: list}})
		}})
	}
	return out
}

// greaseRules returns the tests about values that nobody knows (RFC 9420, Section 13.5).
func greaseRules() []ruleTest {
	bad := func(a *attempt) []framing.Proposal {
		return []framing.Proposal{
			extensionsOf(framing.Extension{Type: 0xdada}),
			requires(a, framing.RequiredCapabilities{ExtensionTypes: []framing.ExtensionType{0x2a2a}}),
			requires(a, framing.RequiredCapabilities{CredentialTypes: []framing.CredentialType{0x3a3a}}),
			&framing.CustomProposal{Type: 0x4a4a, Data: []byte("grease")},
		}
	}
	listed := func(c *mlstest.Party) {
		c.Capabilities = framing.Capabilities{Extensions: []framing.ExtensionType{0xdada, 0x2a2a},
			Proposals: []framing.ProposalType{0x4a4a}, Credentials: []framing.CredentialType{framing.CredentialTypeBasic, 0x3a3a, 0x5a5a}}
	}
	return []ruleTest{
		{"V-EXT-04", "value", "listed by all", func(a *attempt) {
			cast := newCastOf(a.T, listed, nil, "alice", "bob", "carol")
			in := cast[1].Insider()
			for _, p := range bad(a) {
				a.refusesMessage(cast[0].Group, a.over(in, p), a.over(in))
				a.refusesMessage(cast[0].Group, a.over(in, p, &framing.Remove{Removed: 2}), a.over(in))
			}
			use := func(l *framing.LeafNode) { l.Credential = framing.Credential{Type: 0x5a5a} }
			a.refusesMessage(cast[0].Group, in.Commit(a, func(d *mlstest.Draft) { d.OnLeaf = use }).Commit, a.over(in))
		}},
		{"V-EXT-04", "send", "listed by all", func(a *attempt) {
			alice := newCastOf(a.T, listed, nil, "alice", "bob", "carol")[0]
			for _, p := range bad(a) {
				a.refusesCommitting(alice, mls.CommitParams{Proposals: []framing.Proposal{p}})
			}
			a.refusesCommitting(alice, mls.CommitParams{Leaf: mls.LeafUpdate{Credential: &framing.Credential{Type: 0x5a5a}}})
		}},
		{"V-EXT-04", "create", "listed", func(a *attempt) {
			alice := newMember(a.T, "alice")
			listed(alice.Party)
			a.refusesCreation(alice, framing.Extension{Type: 0xdada})
			a.refusesCreation(alice, extension(a.T, &framing.RequiredCapabilities{CredentialTypes: []framing.CredentialType{0x3a3a}}))
			alice.Credential.Type = 0x5a5a
			a.refusesCreation(alice)
		}},
		{"V-EXT-04", "published", "a credential", func(a *attempt) {
			k := newMember(a.T, "dave").ForgeKeyPackage(a, func(l *framing.LeafNode) {
				l.Credential.Type = 0x5a5a
				l.Capabilities.Credentials = append(slices.Clone(l.Capabilities.Credentials), 0x5a5a)
			}, nil)
			a.gives(failure(mls.VerifyKeyPackage(mls.VerifyKeyPackageParams{Message: mlstest.Message(a, k), Now: mlstest.Now()})))
		}},
		{"V-EXT-04", "send", "a credential", func(a *attempt) {
			dave := newMember(a.T, "dave")
			publish := func() error {
				_, err := mls.NewKeyPackage(mls.KeyPackageParams{
					CipherSuite: testSuite, Leaf: dave.LeafParams, Lifetime: mls.LifetimeFrom(mlstest.Now(), time.Hour)})
				return err
			}
			require.NoError(a, publish())
			dave.Credential.Type = 0x5a5a
			a.gives(publish())
		}},
		{"V-EXT-04", "value", "", func(a *attempt) {
			alice, in := a.insider()
			for _, p := range bad(a) {
				a.refusesMessage(alice.Group, a.over(in, p), a.over(in))
			}
			foreign := newMember(a.T, "dave").ForgeKeyPackage(a, func(l *framing.LeafNode) {
				l.Credential = framing.Credential{Type: 0x5a5a, Data: []byte("grease")}
				l.Capabilities.Credentials = append(slices.Clone(l.Capabilities.Credentials), 0x5a5a)
			}, nil)
			a.refusesMessage(alice.Group, a.over(in, &framing.Add{KeyPackage: foreign}), a.over(in))
		}},
		{"V-EXT-04", "value", "where it may be", func(a *attempt) {
			alice, bob, _ := a.trio()
			k := newMember(a.T, "dave").ForgeKeyPackage(a, func(l *framing.LeafNode) {
				c := &l.Capabilities
				c.Versions, c.CipherSuites = append(slices.Clone(c.Versions), 0x0a0a), append(slices.Clone(c.CipherSuites), 0x1a1a)
				c.Extensions, c.Proposals = []framing.ExtensionType{0x2a2a, 0x3a3a}, []framing.ProposalType{0x4a4a}
				c.Credentials = append(slices.Clone(c.Credentials), 0x5a5a)
				l.Extensions = framing.Extensions{{Type: 0x2a2a, Data: []byte("leaf")}}
			}, func(k *framing.KeyPackage) {
				k.Extensions = framing.Extensions{{Type: 0x3a3a, Data: []byte("package")}}
			})
			a.takes(alice, a.over(bob.Insider(), &framing.Add{KeyPackage: k}))
		}},
		{"V-EXT-04", "send", "", func(a *attempt) {
			alice, _, _ := a.trio()
			for _, p := range bad(a) {
				a.refusesCommitting(alice, mls.CommitParams{Proposals: []framing.Proposal{p}})
			}
		}},
	}
}

// keptRules returns the tests about extensions that nobody knows.
func keptRules() []ruleTest {
	return []ruleTest{
		{"V-EXT-03", "keypackage", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			w := a.newWelcomed()
			k := w.own.KeyPackage
			k.LeafNode.Capabilities.Extensions = []framing.ExtensionType{0xf00e, strange}
			k.LeafNode.Extensions = framing.Extensions{{Type: strange, Data: []byte{0, 1, 2}}, {Type: 0xf00e, Data: nil}}
			k.Extensions = framing.Extensions{{Type: 0xf00e, Data: []byte{3}}, {Type: strange, Data: []byte{4, 5}}}
			mlstest.SignLeaf(a, w.dave.Suite, w.dave.Signer, &k.LeafNode, nil, framing.NoLeaf)
			mlstest.SignKeyPackage(a, w.dave.Suite, w.dave.Signer, k)
			made := bob.Insider().Commit(a, func(d *mlstest.Draft) { d.Proposals = bob.Insider().ByValue(&framing.Add{KeyPackage: k}) })
			alice.Hear(made.Commit)
			s, err := mls.Join(w.params(made.Welcome)) // found by the hash of all of it
			require.NoError(a, err)
			for _, g := range []*mls.Group{alice.Group, s.Next} {
				leaf, _ := g.Tree().Leaf(3)
				a.holds(bytes.Equal(mlstest.Marshal(a, leaf), mlstest.Marshal(a, &k.LeafNode)), "the leaf is %v", leaf)
			}
			require.Equal(a, alice.Group.Tree().Hash(), s.Next.Tree().Hash())
		}},
		{"V-EXT-03", "groupinfo", "", func(a *attempt) {
			kept := framing.Extension{Type: contextExtension, Data: []byte{9, 8}}
			all := newCastOf(a.T, capable, framing.Extensions{kept}, "alice", "bob")
			alice := all[0]
			message := alice.Insider().GroupInfo(a, func(i *framing.GroupInfo) {
				i.Extensions = append(framing.Extensions{{Type: strange, Data: []byte{7}}, {Type: 0x0a0a}}, i.Extensions...)
			})
			s := must(mls.Observe(mls.ObserveParams{GroupInfo: message, Now: mlstest.Now()}))
			again := mlstest.Message(a, mlstest.Parse[*framing.GroupInfo](a, message))
			a.holds(bytes.Equal(again, message), "the GroupInfo is another")
			context, want := s.Next.Context(), alice.Group.Context()
			a.holds(bytes.Equal(mlstest.Marshal(a, &context), mlstest.Marshal(a, &want)), "the context is %v", context)
		}},
	}
}
