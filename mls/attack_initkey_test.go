package mls_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// A newcomer takes a member's public leaf key as its init key, and another one the init key of a third. An implementation that
// does not look for that commits them: members of Copse go on with that one, and with what it says later.
func TestAttackInitKey(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	o := alice.Observe()
	in := bob.Insider()
	dave, eve := newMember(t, "dave"), newMember(t, "eve")
	taken := in.OwnLeaf().EncryptionKey
	first := &framing.Add{KeyPackage: dave.ForgeKeyPackage(t, nil, func(k *framing.KeyPackage) { k.InitKey = taken })}
	second := newMember(t, "frank").Add()
	third := &framing.Add{KeyPackage: eve.ForgeKeyPackage(t, nil, func(k *framing.KeyPackage) { k.InitKey = second.KeyPackage.InitKey })}
	made := in.Commit(t, func(d *mlstest.Draft) { d.Proposals, d.Welcome = in.ByValue(first, second, third), false })
	for _, m := range []*mlstest.Member{alice, carol} {
		require.Len(t, m.Hear(made.Commit).Change.Added, 3)
		require.Equal(t, "now we are six", m.Read(made.Next.Say(t, "now we are six", nil)))
	}
	o = must(o.Handle(input(made.Commit))).Next
	require.Equal(t, alice.Group.Tree().Hash(), o.Tree().Hash())

	// What RFC 9420 obliges everybody to refuse stays refused.
	in = made.Next
	leaf := in.OwnLeaf()
	for rule, k := range map[string]*framing.KeyPackage{
		"V-LN-17": newMember(t, "grace").ForgeKeyPackage(t, func(l *framing.LeafNode) { l.EncryptionKey = leaf.EncryptionKey }, nil),
		"V-LN-18": dave.ForgeKeyPackage(t, nil, nil),
	} {
		bad := in.Commit(t, func(d *mlstest.Draft) {
			d.Proposals, d.Welcome, d.NoPath = in.ByValue(&framing.Add{KeyPackage: k}), false, true
		})
		breaks(t, rule, alice.Refuse(bad.Commit))
		breaks(t, rule, failure(o.Handle(input(bad.Commit))))
	}
	carol.Commit(mls.CommitParams{ForcePath: true}, alice)
}
