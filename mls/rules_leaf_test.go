package mls_test

import (
	"crypto"
	"encoding/binary"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// without returns list without x.
func without[T comparable](list []T, x T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(y T) bool { return x == y })
}

// lowOrder returns X25519 points that lead to the all-zero secret (RFC 7748, Section 6.1).
func lowOrder() [][]byte {
	one, below := make([]byte, 32), make([]byte, 32)
	one[0] = 1
	for i := range below {
		below[i] = 0xff
	}
	below[0], below[31] = 0xec, 0x7f // the prime less one
	return [][]byte{make([]byte, 32), one, below}
}

// leafBreaches break rules by the leaf alone.
func leafBreaches() []breach {
	type leaf = framing.LeafNode
	unless := func(entries []string, left ...string) []string {
		return slices.DeleteFunc(slices.Clone(entries), func(d string) bool { return slices.Contains(left, d) })
	}
	return []breach{
		{id: "V-LN-05", leaf: func(l *leaf) {
			l.Capabilities.Credentials = without(l.Capabilities.Credentials, framing.CredentialTypeBasic)
		}, entries: leafEntries},
		{id: "V-LN-06", name: "a type that others lack", leaf: func(l *leaf) {
			l.Credential = framing.Credential{Type: strange, Data: []byte("somebody")}
			l.Capabilities.Credentials = append(slices.Clone(l.Capabilities.Credentials), strange)
		}, entries: []string{"value", "path", "external", "tree"}},
		{id: "V-LN-06", name: "lacks a type of others", leaf: func(l *leaf) {
			l.Credential = framing.Credential{Type: wantedCredential, Data: []byte("somebody")}
			l.Capabilities.Credentials = []framing.CredentialType{wantedCredential}
		}, entries: []string{"value", "path", "external", "tree"}},
		{id: "V-LN-07", name: "extension", leaf: func(l *leaf) { l.Capabilities.Extensions = without(l.Capabilities.Extensions, wantedExtension) }, entries: leafEntries, late: true},
		{id: "V-LN-07", name: "proposal", leaf: func(l *leaf) { l.Capabilities.Proposals = nil }, entries: leafEntries, late: true},
		{id: "V-LN-08", leaf: func(l *leaf) { l.Capabilities.Credentials = without(l.Capabilities.Credentials, wantedCredential) }, entries: leafEntries, late: true},
		{id: "V-LN-11", leaf: func(l *leaf) { l.Capabilities.Extensions = without(l.Capabilities.Extensions, contextExtension) }, entries: leafEntries, late: true},
		{id: "V-LN-12", leaf: func(l *leaf) { l.Extensions = framing.Extensions{{Type: strange}} }, entries: leafEntries},
		{id: "V-LN-14", name: "version", leaf: func(l *leaf) { l.Capabilities.Versions = []framing.ProtocolVersion{2} }, entries: leafEntries},
		{id: "V-LN-14", name: "suite", leaf: func(l *leaf) { l.Capabilities.CipherSuites = []ciphersuite.CipherSuite{2, 3} }, entries: leafEntries},
		{id: "V-KP-06", name: "encryption key", leaf: func(l *leaf) { l.EncryptionKey = make([]byte, 32) }, entries: unless(leafEntries, "path", "external")},
		{id: "V-KP-06", name: "signature key", leaf: func(l *leaf) {
			l.SignatureKey = make([]byte, 32)
			l.SignatureKey[0] = 1 // the neutral element
		}, entries: unless(leafEntries, "path", "external", "newcomer")}, // see area (h); messages from outside are signed with it
		{id: "V-EXT-01", name: "leaf", leaf: func(l *leaf) {
			l.Extensions = framing.Extensions{{Type: wantedExtension, Data: []byte{1}}, {Type: wantedExtension, Data: []byte{2}}}
		}, entries: []string{"keypackage", "update", "path", "external", "tree"}},
		{id: "V-EXT-01", name: "leaf, equal data", leaf: func(l *leaf) {
			l.Extensions = framing.Extensions{{Type: wantedExtension}, {Type: wantedExtension}}
		}, entries: []string{"keypackage", "update", "path", "external", "tree"}},
	}
}

// placementBreaches put extensions of RFC 9420 where they do not belong: into a leaf, and into a KeyPackage.
func placementBreaches() []breach {
	var out []breach
	for _, x := range knownExtensions() {
		list := framing.Extensions{x}
		if x.Type != framing.ExtensionTypeApplicationID {
			out = append(out, breach{id: "V-EXT-02", name: "leaf: " + x.Type.String(),
				leaf:    func(l *framing.LeafNode) { l.Extensions = list },
				entries: []string{"keypackage", "update", "path", "external", "tree"}})
		}
		out = append(out, breach{id: "V-EXT-02", name: "KeyPackage: " + x.Type.String(),
			whole: func(k *framing.KeyPackage) { k.Extensions = list }, entries: []string{"keypackage"}})
	}
	return out
}

// certificateBreaches break the binding of a leaf to a certificate.
func certificateBreaches() []breach {
	other := certificateFor(make([]byte, 32))
	var out []breach
	for _, b := range []struct {
		name  string
		chain func(key []byte) [][]byte
	}{
		{"no certificate", func([]byte) [][]byte { return nil }},
		{"not a certificate", func([]byte) [][]byte { return [][]byte{{1, 2, 3}} }},
		{"an empty one", func([]byte) [][]byte { return [][]byte{{}} }},
		{"bytes after it", func(key []byte) [][]byte { return [][]byte{append(certificateFor(key), 0)} }},
		{"for another key", func([]byte) [][]byte { return [][]byte{other} }},
		{"in the second place", func(key []byte) [][]byte { return [][]byte{other, certificateFor(key)} }},
		{"no certificate behind it", func(key []byte) [][]byte { return [][]byte{certificateFor(key), {1, 2, 3}} }},
		{"a chain of which two are swapped", func(key []byte) [][]byte {
			return chainFor(key, "dave works", "root root", "works root")
		}},
		{"a chain with a stranger between", func(key []byte) [][]byte {
			return chainFor(key, "dave works", "shop root", "works root", "root root")
		}},
		{"a chain that goes back", func(key []byte) [][]byte {
			return chainFor(key, "dave elsewhere", "root root", "works root")
		}},
	} {
		out = append(out, breach{id: "V-LN-20", name: b.name, entries: leafEntries, leaf: func(l *framing.LeafNode) {
			l.Credential = framing.X509Credential(b.chain(l.SignatureKey)...)
		}})
	}
	return out
}

// leafRules returns the tests of area (c).
func leafRules() []ruleTest {
	var out []ruleTest
	for _, b := range slices.Concat(leafBreaches(), placementBreaches(), certificateBreaches()) {
		out = append(out, b.rules()...)
	}
	return append(out, []ruleTest{
		{"V-LN-02", "proposal", "", func(a *attempt) {
			alice, in := a.insider()
			for _, change := range []func(l *framing.LeafNode){
				func(l *framing.LeafNode) {
					l.LeafNodeSource, l.Lifetime = framing.LeafNodeSourceKeyPackage, mlstest.Lifetime()
				},
				func(l *framing.LeafNode) { l.LeafNodeSource = framing.LeafNodeSourceCommit },
			} {
				bad, _ := in.Propose(a, in.UpdateLeaf(a, "key", change), nil)
				genuine, _ := in.Propose(a, in.UpdateLeaf(a, "key", nil), nil)
				a.refusesMessage(alice.Group, bad, genuine)
			}
		}},
		{"V-LN-03", "path", "", func(a *attempt) {
			alice, in := a.insider()
			for _, change := range wrongSources() {
				a.refusesMessage(alice.Group, in.Commit(a, func(d *mlstest.Draft) { d.OnLeaf = change }).Commit, in.Commit(a, nil).Commit)
			}
		}},
		{"V-LN-03", "external", "", func(a *attempt) {
			alice, i := a.intruder()
			for _, change := range wrongSources() {
				a.refusesMessage(alice.Group, i.commit(a, func(d *mlstest.Draft) { d.OnLeaf = change }), i.commit(a, nil))
			}
		}},
		{"V-LN-04", "update", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			in := bob.Insider()
			for _, sign := range append(misplaced(a, in, bob, 1),
				func(l *framing.LeafNode) { signBound(a, in.Suite, carol.Signer, l, []byte("group"), 1) }) {
				update := in.UpdateLeaf(a, "key", nil)
				sign(&update.LeafNode)
				bad, _ := in.Propose(a, update, nil)
				genuine, _ := in.Propose(a, in.UpdateLeaf(a, "key", nil), nil)
				a.refusesMessage(alice.Group, bad, genuine)
			}
		}},
		{"V-LN-04", "path", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.Insider()
			for _, sign := range append(misplaced(a, in, bob, 1),
				func(l *framing.LeafNode) { signBound(a, in.Suite, newMember(a.T, "eve").Signer, l, []byte("group"), 1) }) {
				a.refusesMessage(alice.Group, in.Commit(a, func(d *mlstest.Draft) { d.OnSigned = sign }).Commit, in.Commit(a, nil).Commit)
			}
		}},
		{"V-LN-04", "external", "", func(a *attempt) {
			alice, i := a.intruder()
			for _, sign := range misplaced(a, i.Insider, newMember(a.T, "dave"), 3) {
				a.refusesMessage(alice.Group, i.commit(a, func(d *mlstest.Draft) { d.OnSigned = sign }), i.commit(a, nil))
			}
		}},
		{"V-LN-06", "update", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			in := bob.Insider()
			a.refusesUpdate(alice, carol, in.UpdateLeaf(a, "key", usesStrange), in)
			a.names(1)
		}},
		{"V-LN-06", "send", "", func(a *attempt) {
			alice, _, _ := a.trio()
			k := newMember(a.T, "dave").ForgeKeyPackage(a, usesStrange, nil)
			a.refusesCommit(alice, &framing.Add{KeyPackage: k})
			var leaf framing.LeafNode
			usesStrange(&leaf)
			leaf.Capabilities.Versions, leaf.Capabilities.CipherSuites = []framing.ProtocolVersion{framing.MLS10}, []ciphersuite.CipherSuite{testSuite}
			a.refusesCommitting(alice, mls.CommitParams{Leaf: mls.LeafUpdate{Credential: &leaf.Credential, Capabilities: &leaf.Capabilities}})
		}},
		{"V-LN-07", "create", "", func(a *attempt) {
			for _, r := range []framing.RequiredCapabilities{
				{ExtensionTypes: []framing.ExtensionType{wantedExtension}}, {ProposalTypes: []framing.ProposalType{wantedProposal}},
			} {
				a.refusesCreation(newMember(a.T, "alice"), extension(a.T, &r))
			}
		}},
		{"V-LN-11", "create", "", func(a *attempt) {
			a.refusesCreation(newMember(a.T, "alice"), framing.Extension{Type: contextExtension})
		}},
		{"V-LN-07", "send", "by external commit", func(a *attempt) {
			a.refusesEntering(func(c *framing.Capabilities) { c.Extensions = without(c.Extensions, wantedExtension) })
			a.refusesEntering(func(c *framing.Capabilities) { c.Proposals = nil })
		}},
		{"V-LN-08", "send", "by external commit", func(a *attempt) {
			a.refusesEntering(func(c *framing.Capabilities) { c.Credentials = without(c.Credentials, wantedCredential) })
		}},
		{"V-LN-11", "send", "by external commit", func(a *attempt) {
			a.refusesEntering(func(c *framing.Capabilities) { c.Extensions = without(c.Extensions, contextExtension) })
		}},
		{"V-LN-08", "create", "", func(a *attempt) {
			alice := newMember(a.T, "alice")
			a.refusesCreation(alice, extension(a.T, &framing.RequiredCapabilities{CredentialTypes: []framing.CredentialType{wantedCredential}}))
		}},
		{"V-LN-09", "value", "", func(a *attempt) {
			dave := newMember(a.T, "dave")
			dave.Extensions = framing.Extensions{extension(a.T, &framing.ApplicationID{ApplicationID: []byte("dave")})}
			alice, _, _ := a.trio()
			alice.Welcome(dave)
			leaf, _ := alice.Group.Tree().Leaf(3)
			a.holds(len(leaf.Capabilities.Extensions) == 0 && len(leaf.Extensions) == 1, "leaf is %v", leaf)
		}},
		{"V-LN-09", "create", "", func(a *attempt) {
			all := newCastOf(a.T, nil, framing.Extensions{extension(a.T, &framing.RequiredCapabilities{
				ExtensionTypes: []framing.ExtensionType{1, 2, 3, 4, 5}, ProposalTypes: []framing.ProposalType{1, 2, 3, 4, 5, 6, 7}})},
				"alice", "bob")
			mlstest.Agree(all...)
			a.holds(true, "")
		}},
		{"V-LN-10", "send", "", func(a *attempt) {
			alice, _, _ := a.trio()
			for _, c := range listsDefaults() {
				a.refusesCommitting(alice, mls.CommitParams{Leaf: mls.LeafUpdate{Capabilities: c}})
				a.refusesUpdating(alice, mls.LeafUpdate{Capabilities: c})
			}
		}},
		{"V-LN-10", "create", "", func(a *attempt) {
			for _, c := range listsDefaults() {
				alice := newMember(a.T, "alice")
				alice.Capabilities = *c
				a.refusesCreation(alice)
				a.gives(failure(mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: alice.LeafParams})))
			}
		}},
		{"V-LN-10", "value", "others may", func(a *attempt) {
			alice, in := a.insider()
			for _, c := range listsDefaults() {
				k := newMember(a.T, "dave").ForgeKeyPackage(a, func(l *framing.LeafNode) {
					l.Capabilities.Extensions, l.Capabilities.Proposals = c.Extensions, c.Proposals
				}, nil)
				a.takes(alice, a.over(in, &framing.Add{KeyPackage: k}))
			}
		}},
		{"V-LN-13", "value", "", func(a *attempt) {
			alice, in := a.insider()
			k := newMember(a.T, "dave").ForgeKeyPackage(a, func(l *framing.LeafNode) {
				l.Extensions = framing.Extensions{{Type: 0x0a0a, Data: []byte("grease")}, {Type: strange}}
				l.Capabilities.Extensions = []framing.ExtensionType{0x0a0a, strange}
			}, nil)
			alice.Hear(a.over(in, &framing.Add{KeyPackage: k}))
			leaf, _ := alice.Group.Tree().Leaf(3)
			a.holds(string(leaf.Extensions[0].Data) == "grease", "%v", leaf.Extensions)
		}},
		{"V-LN-15", "send", "no time", func(a *attempt) {
			alice, _, _ := a.trio()
			add := newMember(a.T, "dave").Add()
			a.refusesCall(alice.Group, func() error {
				return failure(alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{add}}, alice.Signer))
			})
			a.refusesCall(alice.Group, func() error { return failure(alice.Group.Propose(add, mls.ProposeParams{}, alice.Signer)) })
		}},
		{"V-LN-15", "send", "over since it was proposed", func(a *attempt) {
			alice, bob, carol := a.trio()
			message := carol.Propose(newMember(a.T, "dave").Add(), bob)
			ref := alice.Hear(message).Events[0].(*mls.ProposalReceived).Ref
			late := mlstest.Now().Add(2 * 365 * 24 * time.Hour)
			commit := func(refs []framing.ProposalRef, now time.Time) (*mls.Step, error) {
				return alice.Group.Commit(mls.CommitParams{References: refs, Now: now}, alice.Signer)
			}
			a.refusesCall(alice.Group, func() error { _, err := commit([]framing.ProposalRef{ref}, late); return err })
			a.refusesCall(alice.Group, func() error { _, err := commit([]framing.ProposalRef{ref}, time.Time{}); return err })
			s, err := commit(nil, late) // commits without it
			require.NoError(a, err)
			require.Len(a, s.Left, 1)
			made := bob.Commit(mls.CommitParams{}).Message
			before := whole(a, alice.Group)
			s, err = alice.Group.Handle(mls.Input{Message: made, Now: late})
			require.NoError(a, err, "others have taken it")
			require.Len(a, s.Lifetimes, 1)
			require.Equal(a, before, whole(a, alice.Group))
			alice.Take(alice.Group.Handle(mls.Input{Message: made})) // recommended, not demanded
		}},
		{"V-LN-20", "value", "good chains", func(a *attempt) {
			alice, bob, _, dave, _ := a.demanding()
			in := bob.Insider()
			for _, chain := range [][]string{
				{"dave works"}, {"dave works", "works root"}, {"dave works", "works root", "root root"},
				{"dave dave"}, {"dave works", "root root"}, {"dave works", "shop root", "root root"}, // without those in between
				{"dave works", "works root", "root other", "other other"}, // one root certified by another
				{"dave root", "root root", "root root"},                   // a root with an old key and a new one
			} {
				good := dave.ForgeKeyPackage(a, func(l *framing.LeafNode) {
					l.Credential = framing.X509Credential(chainFor(l.SignatureKey, chain...)...)
				}, nil)
				message := a.over(in, &framing.Add{KeyPackage: good})
				s, err := alice.Group.Handle(input(message))
				require.NoError(a, err, "%q", chain)
				a.holds(len(s.Claims) == 1 && s.Claims[0].Credential.Type == framing.CredentialTypeX509, "judged: %v", s.Claims)
			}
		}},
		{"V-LN-20", "create", "", func(a *attempt) {
			alice := newMember(a.T, "alice")
			alice.Credential = framing.X509Credential(certificateFor(make([]byte, 32)))
			a.refusesCreation(alice)
			a.gives(failure(mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: alice.LeafParams, Lifetime: mlstest.Lifetime()})))
		}},
		{"V-LN-17", "value", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			in, dave := bob.Insider(), newMember(a.T, "dave")
			k := dave.ForgeKeyPackage(a, func(l *framing.LeafNode) { l.EncryptionKey = in.Tree.Leaf(2).EncryptionKey }, nil)
			a.refusesMessage(alice.Group, a.over(in, &framing.Add{KeyPackage: k}),
				a.over(in, dave.Add()))
		}},
		{"V-LN-17", "update", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			in := bob.Insider()
			a.refusesUpdate(alice, carol, in.UpdateLeaf(a, "key", func(l *framing.LeafNode) { l.EncryptionKey = in.Tree.Leaf(2).EncryptionKey }), in)
		}},
		{"V-LN-17", "path", "", func(a *attempt) {
			alice, in := a.insider()
			a.refusesMessage(alice.Group, in.Commit(a, func(d *mlstest.Draft) {
				d.OnLeaf = func(l *framing.LeafNode) { l.EncryptionKey = in.Tree.Leaf(2).EncryptionKey }
			}).Commit, in.Commit(a, nil).Commit)
		}},
		{"V-LN-17", "external", "", func(a *attempt) {
			alice, i := a.intruder()
			a.refusesMessage(alice.Group, i.commit(a, func(d *mlstest.Draft) {
				d.OnLeaf = func(l *framing.LeafNode) { l.EncryptionKey = i.Tree.Leaf(2).EncryptionKey }
			}), i.commit(a, nil))
		}},
		{"V-LN-17", "value", "two Adds", func(a *attempt) {
			alice, bob, _ := a.trio()
			in, dave, eve := bob.Insider(), newMember(a.T, "dave").Add(), newMember(a.T, "eve")
			k := eve.ForgeKeyPackage(a, func(l *framing.LeafNode) { l.EncryptionKey = dave.KeyPackage.LeafNode.EncryptionKey }, nil)
			a.refusesMessage(alice.Group, a.over(in, dave, &framing.Add{KeyPackage: k}), a.over(in, dave, eve.Add()))
		}},
		{"V-LN-17", "send", "", func(a *attempt) {
			alice, _, _ := a.trio()
			leaf, _ := alice.Group.Tree().Leaf(2)
			k := newMember(a.T, "dave").ForgeKeyPackage(a, func(l *framing.LeafNode) { l.EncryptionKey = leaf.EncryptionKey }, nil)
			a.refusesCommit(alice, &framing.Add{KeyPackage: k})
		}},
		{"V-LN-18", "send", "", func(a *attempt) {
			alice, _, carol := a.trio()
			again := newMember(a.T, "carol")
			mlstest.Seed(&again.Params, "other keys")
			a.refusesCommit(alice, again.Add())
			a.refusesCommitting(alice, mls.CommitParams{Leaf: mls.LeafUpdate{Signer: carol.Signer}})
		}},
		{"V-LN-18", "value", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			in, carol := bob.Insider(), newMember(a.T, "carol")
			mlstest.Seed(&carol.Params, "other keys")
			a.refusesMessage(alice.Group, a.over(in, carol.Add()), in.Commit(a, nil).Commit)
		}},
		{"V-LN-18", "update", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			in := bob.Insider()
			update := in.UpdateLeaf(a, "key", func(l *framing.LeafNode) { l.SignatureKey = in.Tree.Leaf(2).SignatureKey })
			mlstest.SignLeaf(a, in.Suite, carol.Signer, &update.LeafNode, in.Context.GroupID, 1)
			a.refusesUpdate(alice, carol, update, in)
		}},
		{"V-LN-18", "path", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			in := bob.Insider()
			a.refusesMessage(alice.Group, in.Commit(a, func(d *mlstest.Draft) {
				d.Template.SignatureKey, d.LeafSigner = in.Tree.Leaf(2).SignatureKey, carol.Signer
			}).Commit, in.Commit(a, nil).Commit)
		}},
		{"V-LN-18", "external", "", func(a *attempt) {
			alice, _, _ := a.trio()
			bad, genuine := a.intrude("carol", alice.Info()), a.intrude("dave", alice.Info())
			bad.leaf.EncryptionKey = genuine.leaf.EncryptionKey
			a.refusesMessage(alice.Group, bad.commit(a, nil), genuine.commit(a, nil))
		}},
		{"V-LN-19", "proposal", "", func(a *attempt) {
			alice, in := a.insider()
			bad, _ := in.Propose(a, in.UpdateLeaf(a, "key", func(l *framing.LeafNode) { l.EncryptionKey = in.OwnLeaf().EncryptionKey }), nil)
			genuine, _ := in.Propose(a, in.UpdateLeaf(a, "key", nil), nil)
			a.refusesMessage(alice.Group, bad, genuine)
		}},
	}...)
}

// misplaced sign a leaf of the group "group" for other places than leaf i: in another group, at another leaf, nowhere.
func misplaced(a *attempt, in *mlstest.Insider, by *mlstest.Member, i framing.LeafIndex) []func(*framing.LeafNode) {
	return []func(*framing.LeafNode){
		func(l *framing.LeafNode) { signBound(a, in.Suite, by.Signer, l, []byte("another"), i) },
		func(l *framing.LeafNode) { signBound(a, in.Suite, by.Signer, l, []byte("group"), i^1) },
		func(l *framing.LeafNode) { signBound(a, in.Suite, by.Signer, l, nil, i) },
		func(l *framing.LeafNode) { signBound(a, in.Suite, by.Signer, l, nil, framing.NoLeaf) },
	}
}

// signBound signs a leaf as if it belonged to a place in a group, or to none when i is NoLeaf, whatever its source.
func signBound(a *attempt, suite *ciphersuite.Suite, by crypto.Signer, l *framing.LeafNode, group []byte, i framing.LeafIndex) {
	a.Helper()
	l.Signature = nil
	tbs := mlstest.Marshal(a, l)
	tbs = tbs[:len(tbs)-1] // without the empty signature
	if i != framing.NoLeaf {
		tbs = binary.BigEndian.AppendUint32(append(tbs, shortest(group)...), uint32(i))
	}
	var err error
	l.Signature, err = suite.SignWithLabel(mlstest.Rand("bound"), by, "LeafNodeTBS", tbs)
	require.NoError(a, err)
}

// wrongSources make the leaf of a path another's.
func wrongSources() []func(*framing.LeafNode) {
	return []func(*framing.LeafNode){
		func(l *framing.LeafNode) { l.LeafNodeSource, l.ParentHash = framing.LeafNodeSourceUpdate, nil },
		func(l *framing.LeafNode) {
			l.LeafNodeSource, l.ParentHash, l.Lifetime = framing.LeafNodeSourceKeyPackage, nil, mlstest.Lifetime()
		},
	}
}

// usesStrange gives a leaf a credential that nobody else knows.
func usesStrange(l *framing.LeafNode) {
	l.Credential = framing.Credential{Type: strange, Data: []byte("somebody")}
	l.Capabilities.Credentials = append(slices.Clone(l.Capabilities.Credentials), framing.CredentialTypeBasic, strange)
}

// refusesEntering has dave join the demanding group by external commit with capabilities that do not suffice.
func (a *attempt) refusesEntering(change func(*framing.Capabilities)) {
	a.Helper()
	alice, _, _, dave, _ := a.demanding()
	enter := func(c mls.LeafParams) error {
		return failure(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: alice.Info(), Leaf: c, Now: mlstest.Now(), Params: dave.Params}))
	}
	bad := dave.LeafParams
	change(&bad.Capabilities)
	a.gives(enter(bad))
	a.names(3)
	require.NoError(a, enter(dave.LeafParams))
}

// listsDefaults returns capabilities that list default types.
func listsDefaults() []*framing.Capabilities {
	return []*framing.Capabilities{
		{Extensions: []framing.ExtensionType{framing.ExtensionTypeApplicationID}},
		{Proposals: []framing.ProposalType{framing.ProposalTypeAdd}},
	}
}

// refusesCreation creates an invalid group.
func (a *attempt) refusesCreation(p *mlstest.Member, extensions ...framing.Extension) {
	a.Helper()
	s, err := mls.Create(mls.CreateParams{CipherSuite: testSuite, Leaf: p.LeafParams, Lifetime: mlstest.Lifetime(),
		Extensions: extensions, Params: p.Params})
	require.Nil(a, s)
	a.gives(err)
}

// refusesUpdate has an insider propose an Update that is good by itself; carol commits it, and alice refuses that.
func (a *attempt) refusesUpdate(alice, carol *mlstest.Member, update *framing.Update, in *mlstest.Insider) {
	a.Helper()
	proposal, covered := in.Propose(a, update, nil)
	mlstest.Tell(proposal, alice)
	by := carol.Insider()
	a.refusesMessage(alice.Group, by.Commit(a, func(d *mlstest.Draft) { d.Proposals = []mlstest.Covered{covered} }).Commit,
		by.Commit(a, nil).Commit)
}
