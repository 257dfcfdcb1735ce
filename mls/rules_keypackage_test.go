package mls_test

import (
	"math"
	"slices"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
	"github.com/copse-mls/copse/treekem"
)

// packageBreaches break rules by a KeyPackage.
func packageBreaches() []breach {
	type whole = framing.KeyPackage
	eve := func(a *attempt) *mlstest.Member { return newMember(a.T, "eve") }
	return []breach{
		{id: "V-KP-01", name: "version", whole: func(k *whole) { k.Version = 2 }, entries: addEntries},
		{id: "V-KP-01", name: "suite", whole: func(k *whole) { k.CipherSuite = 3 }, entries: addEntries},
		{id: "V-KP-03", name: "a bit", forge: func(_ *attempt, _ *mlstest.Member, k *whole) { k.Signature[3] ^= 1 }, entries: addEntries},
		{id: "V-KP-03", name: "another key", forge: func(a *attempt, c *mlstest.Member, k *whole) {
			mlstest.SignKeyPackage(a, c.Suite, eve(a).Signer, k)
		}, entries: addEntries},
		{id: "V-KP-03", name: "the leaf's label", forge: func(a *attempt, c *mlstest.Member, k *whole) {
			k.Signature = slices.Clone(k.LeafNode.Signature)
		}, entries: addEntries},
		{id: "V-KP-04", leaf: func(l *framing.LeafNode) { l.Capabilities.CipherSuites = nil }, entries: addEntries},
		{id: "V-PR-04", name: "leaf", leaf: func(l *framing.LeafNode) { l.Capabilities.CipherSuites = nil }, entries: addEntries},
		{id: "V-PR-04", name: "KeyPackage", whole: func(k *whole) { k.InitKey = k.LeafNode.EncryptionKey }, entries: addEntries},
		{id: "V-PR-04", name: "signature", forge: func(_ *attempt, _ *mlstest.Member, k *whole) { k.Signature[3] ^= 1 }, entries: addEntries},
		{id: "V-KP-05", whole: func(k *whole) { k.InitKey = k.LeafNode.EncryptionKey }, entries: addEntries},
		{id: "V-KP-06", name: "init key", whole: func(k *whole) { k.InitKey = make([]byte, 32) }, entries: addEntries},
		{id: "V-LN-01", name: "update", leaf: func(l *framing.LeafNode) {
			l.LeafNodeSource, l.Lifetime = framing.LeafNodeSourceUpdate, framing.Lifetime{}
		}, entries: addEntries},
		{id: "V-LN-01", name: "commit", leaf: func(l *framing.LeafNode) {
			l.LeafNodeSource, l.Lifetime = framing.LeafNodeSourceCommit, framing.Lifetime{}
		}, entries: addEntries},
		{id: "V-LN-04", name: "a bit", forge: func(a *attempt, c *mlstest.Member, k *whole) {
			k.LeafNode.Signature[3] ^= 1
			mlstest.SignKeyPackage(a, c.Suite, c.Signer, k)
		}, entries: addEntries},
		{id: "V-LN-04", name: "another key", forge: func(a *attempt, c *mlstest.Member, k *whole) {
			mlstest.SignLeaf(a, c.Suite, eve(a).Signer, &k.LeafNode, nil, framing.NoLeaf)
			mlstest.SignKeyPackage(a, c.Suite, c.Signer, k)
		}, entries: addEntries},
		{id: "V-LN-04", name: "bound to a group", forge: func(a *attempt, c *mlstest.Member, k *whole) {
			signBound(a, c.Suite, c.Signer, &k.LeafNode, []byte("group"), 3)
			mlstest.SignKeyPackage(a, c.Suite, c.Signer, k)
		}, entries: addEntries},
		{id: "V-LN-15", name: "over", leaf: func(l *framing.LeafNode) { l.Lifetime.NotAfter = l.Lifetime.NotBefore }, entries: []string{"send"}},
		{id: "V-LN-15", name: "not begun", leaf: func(l *framing.LeafNode) {
			l.Lifetime.NotBefore = uint64(mlstest.Now().Add(time.Second).Unix())
		}, entries: []string{"send"}},
		{id: "V-LN-16", name: "ends before it begins", leaf: func(l *framing.LeafNode) { l.Lifetime = framing.Lifetime{NotBefore: 2, NotAfter: 1} }, entries: []string{"send"}},
		{id: "V-LN-16", name: "a second too long", leaf: func(l *framing.LeafNode) {
			l.Lifetime.NotAfter = l.Lifetime.NotBefore + 366*24*60*60 + 1
		}, entries: []string{"send"}},
		{id: "V-LN-15", name: "over by a second", leaf: func(l *framing.LeafNode) { l.Lifetime.NotAfter = uint64(mlstest.Now().Unix()) - 1 }, entries: []string{"send"}},
		{id: "V-LN-16", name: "for ever", leaf: func(l *framing.LeafNode) { l.Lifetime.NotAfter = math.MaxUint64 }, entries: []string{"send"}},
		{id: "V-EXT-01", name: "KeyPackage", whole: func(k *whole) {
			k.Extensions = framing.Extensions{{Type: wantedExtension}, {Type: wantedExtension}}
		}, entries: []string{"keypackage"}},
		{id: "V-EXT-01", name: "KeyPackage, different data", whole: func(k *whole) {
			k.Extensions = framing.Extensions{{Type: wantedExtension}, {Type: contextExtension}, {Type: wantedExtension, Data: []byte{1}}}
		}, entries: []string{"keypackage"}},
	}
}

// published has a KeyPackage judged that lives for so long.
func (a *attempt) published(l framing.Lifetime, longest time.Duration) error {
	a.Helper()
	k := newMember(a.T, "dave").ForgeKeyPackage(a, func(leaf *framing.LeafNode) { leaf.Lifetime = l }, nil)
	_, err := mls.VerifyKeyPackage(mls.VerifyKeyPackageParams{Message: mlstest.Message(a, k), Now: mlstest.Now(),
		Params: mls.Params{MaxLifetime: longest}})
	return err
}

// keyPackageRules returns the tests of area (b), and all that a KeyPackage can break.
func keyPackageRules() []ruleTest {
	var out []ruleTest
	for _, b := range packageBreaches() {
		out = append(out, b.rules()...)
	}
	for _, point := range lowOrder() {
		b := breach{id: "V-KS-13", name: "low order", whole: func(k *framing.KeyPackage) { k.InitKey = point }, entries: []string{"keypackage"}}
		out = append(out, b.rules()...)
	}
	return append(out, []ruleTest{
		{"V-KP-02", "decoder", "", func(a *attempt) {
			genuine := must(newMember(a.T, "alice").KeyPackage(a).Message())
			bad := slices.Clone(genuine)
			bad[5]++ // the version within
			a.refusesDecoding(new(framing.Message), bad, genuine)
		}},
		{"V-KP-06", "published", "off the curve", func(a *attempt) {
			dave := newMember(a.T, "dave").As(ciphersuite.MLS128DHKEMP256AES128GCMSHA256P256)
			open := func(k *framing.KeyPackage) error {
				return failure(mls.VerifyKeyPackage(mls.VerifyKeyPackageParams{Message: mlstest.Message(a, k), Now: mlstest.Now()}))
			}
			genuine := dave.ForgeKeyPackage(a, nil, nil)
			require.NoError(a, open(genuine))
			bad := slices.Clone(genuine.InitKey)
			bad[len(bad)-1] ^= 1
			a.gives(open(dave.ForgeKeyPackage(a, nil, func(k *framing.KeyPackage) { k.InitKey = bad })))
			a.gives(open(dave.ForgeKeyPackage(a, func(l *framing.LeafNode) { l.EncryptionKey = bad }, nil)))
			a.gives(open(dave.ForgeKeyPackage(a, func(l *framing.LeafNode) { l.SignatureKey = ciphersuite.SignaturePublicKey(bad) }, nil)))
		}},
		{"V-KP-08", "send", "one init key", func(a *attempt) {
			alice, bob, _ := a.trio()
			first := newMember(a.T, "dave").Add()
			a.onlyTakes(alice, bob, first, initialized(a, first.KeyPackage.InitKey))
		}},
		{"V-KP-08", "send", "the key of a node", func(a *attempt) {
			alice, bob, carol := a.trio()
			carol.Commit(mls.CommitParams{ForcePath: true}, alice, bob)
			for _, x := range []treekem.NodeIndex{0, 3, 4} { // the committer, the root, the newcomer's sibling
				a.onlyTakes(alice, bob, initialized(a, alice.Group.Tree().EncryptionKey(x)))
			}
		}},
		{"V-KP-08", "send", "a key that the commit takes away", func(a *attempt) {
			alice, bob, carol := a.trio()
			carol.Commit(mls.CommitParams{ForcePath: true}, alice, bob)
			for _, x := range []treekem.NodeIndex{2, 3, 4} { // another member, the root, the member who leaves
				a.onlyTakes(alice, bob, &framing.Remove{Removed: 2}, initialized(a, alice.Group.Tree().EncryptionKey(x)))
			}
		}},
		{"V-KP-08", "send", "the leaf key of another Add", func(a *attempt) {
			alice, bob, _ := a.trio()
			dave := newMember(a.T, "dave").Add()
			a.onlyTakes(alice, bob, initialized(a, dave.KeyPackage.LeafNode.EncryptionKey), dave)
			a.names(3) // eve's, who comes first
		}},
		{"V-KP-08", "send", "by reference", func(a *attempt) {
			alice, bob, _ := a.trio()
			dave, in := newMember(a.T, "dave").Add(), bob.Insider()
			var covered []mlstest.Covered
			var refs []framing.ProposalRef
			for _, p := range []framing.Proposal{dave, initialized(a, dave.KeyPackage.InitKey)} {
				message, c := in.Propose(a, p, nil)
				alice.Hear(message)
				covered, refs = append(covered, c), append(refs, c.Ref)
			}
			a.refusesCommitting(alice, mls.CommitParams{References: refs})
			s := must(alice.Group.Commit(mls.CommitParams{Now: mlstest.Now()}, alice.Signer))
			a.holds(len(s.Left) == 1 && len(s.Change.Added) == 1, "%v left, %d added", s.Left, len(s.Change.Added))
			require.Len(a, a.takes(alice, a.covering(in, covered...)).Change.Added, 2)
		}},
		{"V-LN-15", "published", "the first and the last second", func(a *attempt) {
			now := uint64(mlstest.Now().Unix())
			for _, good := range []framing.Lifetime{{NotBefore: now, NotAfter: now + 1}, {NotBefore: now - 1, NotAfter: now}} {
				a.holds(a.published(good, 0) == nil, "%v", good)
			}
		}},
		{"V-LN-16", "published", "the longest", func(a *attempt) {
			now := uint64(mlstest.Now().Unix())
			a.gives(a.published(framing.Lifetime{NotBefore: now, NotAfter: now + 61}, time.Minute))
			require.NoError(a, a.published(framing.Lifetime{NotBefore: now, NotAfter: now + 60}, time.Minute))
		}},
		{"V-LN-16", "published", "without a limit", func(a *attempt) {
			require.NoError(a, a.published(framing.Lifetime{NotAfter: math.MaxUint64}, -1))
			a.gives(a.published(framing.Lifetime{NotBefore: 2, NotAfter: 1}, -1))
		}},
		{"V-KP-09", "create", "", func(a *attempt) {
			alice, bob := newMember(a.T, "alice"), newMember(a.T, "bob")
			invited := bob.KeyPackage(a).KeyPackage
			invited.LeafNode.Capabilities.CipherSuites = []ciphersuite.CipherSuite{testSuite, nextSuite}
			carol := newMember(a.T, "carol").KeyPackage(a).KeyPackage
			create := func(chosen ciphersuite.CipherSuite, preference []ciphersuite.CipherSuite, invited ...*framing.KeyPackage) error {
				_, err := mls.Create(mls.CreateParams{CipherSuite: chosen, Leaf: alice.As(chosen).LeafParams, Lifetime: mlstest.Lifetime(),
					Invited: invited, Preference: preference, Params: alice.Params})
				return err
			}
			better := []ciphersuite.CipherSuite{nextSuite, testSuite}
			a.gives(create(testSuite, better, invited)) // both can do better
			require.NoError(a, create(nextSuite, better, invited))
			require.NoError(a, create(testSuite, better, invited, carol), "carol cannot do better")
			require.NoError(a, create(testSuite, better))
			a.gives(create(nextSuite, nil, invited, carol)) // carol cannot
			carol.LeafNode.Capabilities.Versions = []framing.ProtocolVersion{2}
			a.gives(create(testSuite, nil, invited, carol))
		}},
	}...)
}

// initialized returns the Add of a client that takes a key of somebody else's as its init key.
func initialized(a *attempt, key ciphersuite.HPKEPublicKey) *framing.Add {
	a.Helper()
	return &framing.Add{KeyPackage: newMember(a.T, "eve").ForgeKeyPackage(a, nil, func(k *framing.KeyPackage) { k.InitKey = key })}
}

// onlyTakes checks that a member does not commit proposals, and that it takes them in a commit of another's, as an observer does.
func (a *attempt) onlyTakes(p, other *mlstest.Member, list ...framing.Proposal) {
	a.Helper()
	message := a.over(other.Insider(), list...)
	a.takes(p, message)
	require.NoError(a, failure(p.Observe().Handle(input(message))))
	a.refusesCommit(p, list...)
}
