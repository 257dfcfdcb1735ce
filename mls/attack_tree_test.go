package mls_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

const fullTree = 40_000

// fullCast returns a group in which bob has made his leaf so large that the tree has as many bytes as it may have.
func fullCast(t *testing.T, suite ciphersuite.CipherSuite) mlstest.Cast {
	cast := noted(t, mlstest.NewCast(t, mlstest.CastParams{CipherSuite: suite, Change: func(c *mlstest.Party) {
		c.Params.MaxMessage = fullTree
		selfRemoving(c)
	}}, "alice", "bob", "carol", "dave")...)
	alice, bob, carol := three(cast)
	for room := fullTree - alice.Group.Tree().ExportSize(); ; room-- {
		s, err := bob.Group.Commit(larger(room), bob.Signer)
		if err == nil {
			bob.Adopt(bob.Take(s, nil), alice, carol, cast[3])
			require.InDelta(t, fullTree, alice.Group.Tree().ExportSize(), 4)
			return cast
		}
		breaks(t, "V-WIRE-13", err)
	}
}

// bareInfo returns a GroupInfo by which others may join who have the tree.
func bareInfo(m *mlstest.Member) []byte {
	return must(m.Group.GroupInfo(mls.GroupInfoParams{ExternalPub: true, OmitTree: true}, m.Signer))
}

// larger returns what makes a commit whose author has a credential of a size.
func larger(size int) mls.CommitParams {
	c := framing.BasicCredential(make([]byte, size))
	return mls.CommitParams{Leaf: mls.LeafUpdate{Credential: &c}}
}

// One member fills the tree. The others go on: they renew paths, which fill parents and change sources of leaves and lengths of
// signatures, commit Updates, remove members, and come back when they have lost their state. What is stopped is what adds to the
// leaves, on sending as on receipt.
func TestAttackTreeFull(t *testing.T) {
	for _, suite := range []ciphersuite.CipherSuite{testSuite, ciphersuite.MLS128DHKEMP256AES128GCMSHA256P256} {
		t.Run(suite.String(), func(t *testing.T) { attackTreeFull(t, fullCast(t, suite)) })
	}
}

func attackTreeFull(t *testing.T, cast mlstest.Cast) {
	alice, bob, carol, dave := cast[0], cast[1], cast[2], cast[3]
	o := must(mls.Observe(mls.ObserveParams{GroupInfo: bareInfo(alice), RatchetTree: alice.Group.Tree().Export(), Params: alice.Params})).Next
	commit := func(by *mlstest.Member, c mls.CommitParams) *mls.Step {
		others := slices.DeleteFunc(slices.Clone(cast), func(m *mlstest.Member) bool { return m == by })
		made := by.Commit(c, others...).Made
		o = must(o.Handle(input(made.Send[0].Message))).Next
		return made
	}
	size := func() int { return alice.Group.Tree().ExportSize() }
	for range 3 {
		for _, m := range cast {
			commit(m, mls.CommitParams{ForcePath: true})
		}
	}
	const leaves = 4
	require.Greater(t, size(), fullTree)
	require.LessOrEqual(t, size(), fullTree+512*leaves)
	carol.Update(mls.LeafUpdate{}, alice, bob, dave)
	made := must(alice.Group.Commit(mls.CommitParams{}, alice.Signer))
	require.Empty(t, made.Left)
	require.Len(t, made.Change.Updated, 2)

	refused := func(message []byte) {
		breaks(t, "V-WIRE-13", failure(alice.Handle(message)))
		breaks(t, "V-WIRE-13", failure(o.Handle(input(message))))
	}
	grown := len("carol") + 1
	breaks(t, "V-WIRE-13", failure(carol.Group.Commit(larger(grown), carol.Signer)))
	evil := carol.Insider()
	refused(evil.Commit(t, func(d *mlstest.Draft) { d.Template.Credential = framing.BasicCredential(make([]byte, grown)) }).Commit)
	update, covered := evil.Propose(t, evil.UpdateLeaf(t, "update", func(l *framing.LeafNode) {
		l.Credential = framing.BasicCredential(make([]byte, grown))
	}), nil)
	bob.Hear(update)
	breaks(t, "V-WIRE-13", failure(bob.Group.Commit(mls.CommitParams{References: []framing.ProposalRef{covered.Ref}}, bob.Signer)))
	require.NotEmpty(t, must(bob.Group.Commit(mls.CommitParams{}, bob.Signer)).Left)

	add := mlstest.NewMember(t, alice.Suite.CipherSuite(), "eve").Add()
	by := mls.CommitParams{References: []framing.ProposalRef{}, Proposals: []framing.Proposal{add}, Now: mlstest.Now()}
	breaks(t, "V-WIRE-13", failure(carol.Group.Commit(by, carol.Signer)))
	refused(evil.Commit(t, func(d *mlstest.Draft) { d.Proposals, d.Welcome = evil.ByValue(add), false }).Commit)
	by.Proposals, by.Welcome.OmitTree = append(remove(dave), add), true
	require.NoError(t, failure(carol.Group.Commit(by, carol.Signer)), "whose leaf is smaller than that of dave")
	lower := limited(alice, func(p *mls.Params) { p.MaxMessage /= 2 })
	for size, fits := range map[int]bool{30: true, 500: false} {
		two := mlstest.NewMember(t, alice.Suite.CipherSuite(), strings.Repeat("e", size)).Add()
		by.Proposals = slices.Concat(remove(carol), remove(dave), []framing.Proposal{two})
		if err := failure(lower.Commit(by, alice.Signer)); fits {
			require.NoError(t, err, "less than what carol and dave take together")
		} else {
			breaks(t, "V-WIRE-13", err)
		}
	}

	attackReturn(t, dave, refused, alice, bob, carol)
	alice.Commit(mls.CommitParams{Proposals: remove(bob)}, carol, dave)
	require.Less(t, size(), fullTree)
	mlstest.Agree(alice, carol, dave)
}

// attackReturn lets a member come back to a group whose tree is too large, and nobody else come in.
func attackReturn(t *testing.T, back *mlstest.Member, refused func(message []byte), others ...*mlstest.Member) {
	tree := others[0].Group.Tree()
	leaf := back.Group.OwnLeaf()
	p := back.ByGroupInfo(bareInfo(others[0]))
	p.RatchetTree, p.Resync, p.Params = tree.Export(), &leaf, back.Params
	err := failure(mls.JoinExternal(p))
	breaks(t, "V-WIRE-13", err)
	require.ErrorContains(t, err, "Params.MaxMessage")
	p.Params.MaxMessage = tree.ExportSize()
	require.NoError(t, failure(mls.JoinExternal(p)))

	info := must(limited(others[0], func(p *mls.Params) { p.MaxMessage *= 2 }).GroupInfo(mls.GroupInfoParams{ExternalPub: true}, others[0].Signer))
	mallory := mlstest.NewMember(t, back.Suite.CipherSuite(), "mallory")
	for by, also := range map[*mlstest.Member][]framing.Proposal{mallory: nil, back: remove(back)} {
		in := mlstest.NewNewcomer(t, by.Party, info)
		refused(in.Commit(t, func(d *mlstest.Draft) {
			d.Template = by.KeyPackage(t).KeyPackage.LeafNode
			d.Template.Credential = framing.BasicCredential([]byte(by.Name + " who is back"))
			d.Proposals = append(d.Proposals, in.ByValue(also...)...)
		}).Commit)
	}
	back.Adopt(back.Take(mls.JoinExternal(p)), others...)
	back.Reload() // with the limit of the others
	back.Commit(mls.CommitParams{ForcePath: true}, others...)
	mlstest.Agree(append(others, back)...)
}
