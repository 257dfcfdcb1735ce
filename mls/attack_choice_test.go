package mls_test

import (
	"fmt"
	"math/bits"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// What is not covered in the end displaces nothing. The tests of this file put proposals that cannot be covered in the way of
// others.

// Nobody keeps its place after a Remove by saying that it leaves by itself, where a SelfRemove cannot be covered.
func TestAttackEvadedRemove(t *testing.T) {
	for _, knowing := range [][]string{nil, {"bob"}, {"alice", "bob"}} {
		alice, bob, carol := three(newCastOf(t, func(c *mlstest.Party) {
			if slices.Contains(knowing, c.Name) {
				selfRemoving(c)
			}
		}, nil, "alice", "bob", "carol"))
		say := func(n int) {
			message, _ := bob.Insider().Propose(t, &framing.SelfRemove{}, func(c *mlstest.Content) { c.AuthenticatedData = []byte{byte(n)} })
			mlstest.Tell(message, alice, carol)
		}
		say(0)
		carol.Propose(&framing.Remove{Removed: bob.Group.OwnLeaf()}, alice)
		for n := range 70 { // more than conflicts are searched for
			say(n + 1)
		}
		for _, m := range []*mlstest.Member{alice, carol} {
			s := must(m.Group.Commit(mls.CommitParams{}, m.Signer))
			require.Len(t, s.Change.Removed, 1, m.Name)
			require.Len(t, s.Left, 71)
			for _, l := range s.Left {
				require.NotEmpty(t, l.Reason)
			}
			require.Contains(t, s.Left[0].Reason, "V-PR-16")
		}
		alice.Commit(mls.CommitParams{}, carol)
		mlstest.Agree(alice, carol)
	}
}

// A SelfRemove that only those do not support who are removed is covered all the same, also when something else does not fit.
func TestAttackSelfRemoveBesideRemove(t *testing.T) {
	cast := newCastOf(t, func(c *mlstest.Party) {
		if c.Name != "carol" {
			selfRemoving(c)
		}
	}, nil, "alice", "bob", "carol", "dave")
	alice, bob, carol := three(cast)
	message, _ := bob.Insider().Propose(t, &framing.SelfRemove{}, nil)
	mlstest.Tell(message, alice, cast[3])
	cast[3].Propose(&framing.Remove{Removed: carol.Group.OwnLeaf()}, alice)
	tell(t, alice, newMember(t, "eve"), copyingKey(alice))
	s := alice.MakeCommit(mls.CommitParams{})
	require.Len(t, s.Change.Removed, 2)
	require.Len(t, s.Left, 1)
	alice.Adopt(s, cast[3])
	mlstest.Agree(alice, cast[3])
}

// copyingKey returns a change of a leaf after which it cannot be added to the group: it has the key of a member.
func copyingKey(m *mlstest.Member) func(*framing.LeafNode) {
	leaf, _ := m.Group.Tree().Leaf(m.Group.OwnLeaf())
	return func(l *framing.LeafNode) { l.EncryptionKey = leaf.EncryptionKey }
}

// tell has a stranger ask a member to be added, with a changed KeyPackage.
func tell(t *testing.T, to, stranger *mlstest.Member, change func(*framing.LeafNode)) {
	k := stranger.ForgeKeyPackage(t, change, nil)
	to.Hear(must(to.Observe().ProposeSelf(k, mls.ProposeParams{Now: mlstest.Now()}, stranger.Signer)))
}

// added returns the names of those whom a commit adds.
func added(s *mls.Step) (names []string) {
	for _, a := range s.Change.Added {
		names = append(names, string(a.New.Credential.Identity))
	}
	return names
}

// An Add that takes over the init key of somebody's KeyPackage does not keep it out: not that of a member or external sender when
// it cannot hold itself, and not that of somebody outside at all, against members.
func TestAttackCopiedInitKey(t *testing.T) {
	cast, moderator, seen := moderated(t, nil, "alice", "bob", "carol")
	alice, bob, carol := three(cast)
	add := newMember(t, "dave").Add()
	eve := newMember(t, "eve")
	forge := func(change func(*framing.LeafNode)) *framing.KeyPackage {
		return eve.ForgeKeyPackage(t, change, func(k *framing.KeyPackage) { k.InitKey = add.KeyPackage.InitKey })
	}
	params := mls.ProposeParams{Now: mlstest.Now()}
	for name, message := range map[string][]byte{
		"good, of a stranger":        must(seen.ProposeSelf(forge(nil), params, eve.Signer)),
		"good, of a moderator":       must(seen.Propose(&framing.Add{KeyPackage: forge(nil)}, 1, params, moderator.Signer)),
		"impossible, of a stranger":  must(seen.ProposeSelf(forge(copyingKey(bob)), params, eve.Signer)),
		"impossible, of a moderator": must(seen.Propose(&framing.Add{KeyPackage: forge(copyingKey(bob))}, 1, params, moderator.Signer)),
		"impossible, of a member":    must(bob.Group.Propose(&framing.Add{KeyPackage: forge(copyingKey(carol))}, params, bob.Signer)).Send[0].Message,
	} {
		t.Run(name, func(t *testing.T) {
			g := must(alice.Group.Handle(input(message))).Next
			g = must(g.Handle(input(must(carol.Group.Propose(add, params, carol.Signer)).Send[0].Message))).Next
			s := must(g.Commit(mls.CommitParams{Now: mlstest.Now()}, alice.Signer))
			require.Equal(t, []string{"dave"}, added(s))
			require.Len(t, s.Left, 1)
			require.Equal(t, g.Proposals()[0].Ref, s.Left[0].Ref)
		})
	}
	t.Run("a stranger before a moderator", func(t *testing.T) {
		g := must(alice.Group.Handle(input(must(seen.ProposeSelf(forge(nil), params, eve.Signer))))).Next
		g = must(g.Handle(input(must(seen.Propose(add, 1, params, moderator.Signer))))).Next
		require.Equal(t, []string{"dave"}, added(must(g.Commit(mls.CommitParams{Now: mlstest.Now()}, alice.Signer))))
	})
}

// A GroupContextExtensions that the group cannot satisfy keeps out no earlier one, and that of an external sender none of a member.
func TestAttackImpossibleContext(t *testing.T) {
	cast, moderator, seen := moderated(t, nil, "alice", "bob", "carol")
	alice, bob, carol := three(cast)
	of := func(types ...framing.ExtensionType) *framing.GroupContextExtensions {
		return &framing.GroupContextExtensions{Extensions: framing.Extensions{
			extension(t, &framing.RequiredCapabilities{ExtensionTypes: types})}}
	}
	carol.Propose(of(), alice)
	good := alice.Group.Proposals()[0].Ref
	for k := range framing.ExtensionType(70) { // more than conflicts are searched for
		message, _ := bob.Insider().Propose(t, of(0xf100+k), nil)
		alice.Hear(message)
	}
	alice.Hear(must(seen.Propose(&framing.GroupContextExtensions{}, 1, mls.ProposeParams{}, moderator.Signer)))
	s := alice.MakeCommit(mls.CommitParams{})
	require.Len(t, s.Change.Proposals, 1)
	require.Equal(t, good, s.Change.Proposals[0].Ref)
	require.Len(t, s.Left, 71)
}

// Somebody who is removed and added again in one commit is so also when a stranger's Add does not fit: what fits only beside a
// removal is not looked at alone.
func TestAttackReturningMember(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	carol.Propose(bob.Add(), alice)
	carol.Propose(&framing.Remove{Removed: bob.Group.OwnLeaf()}, alice)
	tell(t, alice, newMember(t, "eve"), copyingKey(alice))
	s := alice.MakeCommit(mls.CommitParams{})
	require.Equal(t, []string{"bob"}, added(s))
	require.Len(t, s.Change.Removed, 1)
	require.Len(t, s.Left, 1)
}

// A member's Update that cannot be covered keeps out no earlier one of it, and a SelfRemove that cannot be covered none at all.
func TestAttackImpossibleUpdate(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	bob.Update(mls.LeafUpdate{}, alice, carol)
	good := alice.Group.Proposals()[0].Ref
	evil := bob.Insider()
	for _, p := range []framing.Proposal{evil.UpdateLeaf(t, "bad", copyingKey(carol)), &framing.SelfRemove{}} {
		message, _ := evil.Propose(t, p, nil)
		mlstest.Tell(message, alice, carol)
	}
	s := alice.MakeCommit(mls.CommitParams{})
	require.Len(t, s.Change.Proposals, 1)
	require.Equal(t, good, s.Change.Proposals[0].Ref)
	require.Len(t, s.Left, 2)
	alice.Adopt(s, bob, carol)
	mlstest.Agree(alice, bob, carol)
}

// A ReInit waits for what is covered, as RFC 9420, Section 12.2 wants it, and for nothing else.
func TestAttackDelayedReInit(t *testing.T) {
	alice, bob, carol := three(newCastOf(t, supportsAnnouncement, nil, "alice", "bob", "carol"))
	tell(t, alice, newMember(t, "eve"), copyingKey(bob))
	alice.Hear(carol.Propose(announcement()))
	alice.Take(alice.Group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, alice.Signer)) // which alice does not commit
	s := must(alice.Group.Commit(mls.CommitParams{Now: mlstest.Now()}, alice.Signer))
	require.NotNil(t, s.Change.ReInit)
	require.Len(t, s.Left, 2)
	s = must(alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{announcement()}}, alice.Signer))
	require.Len(t, s.Left, 3)
	for _, l := range s.Left {
		require.Contains(t, l.Reason, "ReInit stands alone")
	}
	tell(t, alice, newMember(t, "frank"), nil)
	s = must(alice.Group.Commit(mls.CommitParams{Now: mlstest.Now()}, alice.Signer))
	require.Nil(t, s.Change.ReInit)
	require.Equal(t, []string{"frank"}, added(s))
	require.Len(t, s.Left, 3)
}

// A stranger does not keep a member from changing the group context in a way that only those do not support who are removed, or
// whose Update waits.
func TestAttackContextBesideRemove(t *testing.T) {
	for _, leaves := range []bool{true, false} {
		alice, bob, carol := three(newCastOf(t, func(c *mlstest.Party) {
			if c.Name != "carol" {
				supportsAnnouncement(c)
			}
		}, nil, "alice", "bob", "carol"))
		rest := []*mlstest.Member{bob}
		if leaves {
			bob.Propose(&framing.Remove{Removed: carol.Group.OwnLeaf()}, alice)
		} else {
			rest = append(rest, carol)
			supporting, _ := alice.Group.Tree().Leaf(0)
			carol.Update(mls.LeafUpdate{Capabilities: &supporting.Capabilities}, alice, bob)
		}
		tell(t, alice, newMember(t, "eve"), copyingKey(alice))
		s := alice.MakeCommit(mls.CommitParams{Proposals: []framing.Proposal{
			&framing.GroupContextExtensions{Extensions: announcement().Extensions}}})
		require.Len(t, s.Change.Proposals, 2)
		require.Len(t, s.Left, 1)
		alice.Adopt(s, rest...)
		mlstest.Agree(append(rest, alice)...)
	}
}

// always returns what Params.Suites may be for one suite.
func always(s *ciphersuite.Suite) func(ciphersuite.CipherSuite) (*ciphersuite.Suite, error) {
	return func(ciphersuite.CipherSuite) (*ciphersuite.Suite, error) { return s, nil }
}

// A ReInit of a member goes before that of an external sender.
func TestAttackReInitFromOutside(t *testing.T) {
	cast, moderator, seen := moderated(t, supportsAnnouncement, "alice", "bob")
	alice, bob := two(cast)
	other := &framing.ReInit{GroupID: []byte("elsewhere"), Version: framing.MLS10, CipherSuite: nextSuite}
	alice.Hear(must(seen.Propose(other, 1, mls.ProposeParams{}, moderator.Signer)))
	bob.Propose(announcement(), alice)
	s := alice.MakeCommit(mls.CommitParams{})
	require.Equal(t, announcement(), s.Change.ReInit)
	require.Len(t, s.Left, 1)
}

// crowd makes Adds that no commit of tomorrow can cover.
func crowd(t *testing.T, n int) (out []*mlstest.Member, adds []*framing.Add) {
	for i := range n {
		c := newMember(t, fmt.Sprint("one of many ", i))
		out = append(out, c)
		adds = append(adds, &framing.Add{KeyPackage: c.ForgeKeyPackage(t, func(l *framing.LeafNode) {
			l.Lifetime.NotAfter = uint64(mlstest.Now().Unix())
		}, nil)})
	}
	return out, adds
}

// Whoever makes proposals that cannot be covered, as many as it likes, uses up the search for its own. Proposals of a member, of
// an external sender and of a newcomer that come last are covered all the same.
func TestAttackCrowdedSearch(t *testing.T) {
	cast, moderator, seen := moderated(t, nil, "alice", "bob", "carol")
	alice, bob, carol := three(cast)
	params := mls.ProposeParams{Now: mlstest.Now()}
	strangers, adds := crowd(t, 200)
	hear := func(message []byte) { mlstest.Tell(message, alice, carol) }
	for i, add := range adds[:100] {
		hear(must(seen.ProposeSelf(add.KeyPackage, params, strangers[i].Signer)))
	}
	for _, add := range adds[100:] {
		hear(bob.Propose(add))
	}
	friends := []*mlstest.Member{newMember(t, "friend of carol"), newMember(t, "friend of the moderator"), newMember(t, "friend of nobody")}
	carol.Propose(friends[0].Add(), alice)
	hear(must(seen.Propose(friends[1].Add(), 1, params, moderator.Signer)))
	hear(must(seen.ProposeSelf(friends[2].Add().KeyPackage, params, friends[2].Signer)))
	carol.Update(mls.LeafUpdate{}, alice)
	carol.Propose(&framing.Remove{Removed: bob.Group.OwnLeaf()}, alice)

	s := alice.MakeCommit(mls.CommitParams{Now: mlstest.Now().AddDate(0, 0, 1)})
	require.Equal(t, []string{"friend of carol", "friend of the moderator", "friend of nobody"}, added(s))
	require.Len(t, s.Change.Proposals, 5)
	require.Len(t, s.Left, 200)
	alice.Adopt(s, carol)
	mlstest.Agree(alice, carol)
}

// Whose proposals do not all go together has a share of the search, whatever others have used up: here there is room for one large
// leaf, and a small one of a member and one of an external sender come after too many.
func TestAttackShareOfTheSearch(t *testing.T) {
	cast, moderator, seen := moderated(t, nil, "alice", "bob", "carol")
	alice, bob, carol := three(cast)
	sized := func(size int) func(*framing.LeafNode) {
		id := extension(t, &framing.ApplicationID{ApplicationID: make([]byte, size)})
		return func(l *framing.LeafNode) { l.Extensions = framing.Extensions{id} }
	}
	add := func(name string, size int) *framing.Add {
		c := newMember(t, name)
		return &framing.Add{KeyPackage: c.ForgeKeyPackage(t, sized(size), nil)}
	}
	for i := range 70 {
		c := newMember(t, fmt.Sprint("stranger ", i))
		tell(t, alice, c, sized(4000))
		bob.Propose(add(fmt.Sprint("bob's ", i), 4000), alice)
	}
	carol.Propose(add("large", 4000), alice)
	carol.Propose(add("large, too", 4000), alice)
	carol.Propose(add("small", 1), alice)
	alice.Hear(must(seen.Propose(add("the moderator's", 1), 1, mls.ProposeParams{Now: mlstest.Now()}, moderator.Signer)))
	alice.Params.MaxMessage = alice.Group.Tree().ExportSize() + 6000
	alice.Reload()
	s := alice.MakeCommit(mls.CommitParams{})
	require.Equal(t, []string{"bob's 0", "small", "the moderator's"}, added(s))
}

// Two Adds of one key are told apart before anything is tried, so that strangers with one key keep no other stranger out. So it is
// with what else does not go together whatever the group is.
func TestAttackSharedKey(t *testing.T) {
	counts, suite := mlstest.NewCounting(t, testSuite)
	alice, bob, carol := three(newCastOf(t, func(c *mlstest.Party) { c.Params.Suites = always(suite) }, nil, "alice", "bob", "carol"))
	for _, message := range conflicting(t, alice.Observe(), 80) {
		alice.Hear(message)
	}
	tell(t, alice, newMember(t, "dave"), nil)
	bob.Update(mls.LeafUpdate{}, alice)
	for _, p := range []framing.Proposal{&framing.Remove{Removed: bob.Group.OwnLeaf()}, &framing.GroupContextExtensions{},
		&framing.ReInit{GroupID: []byte("next"), Version: framing.MLS10, CipherSuite: testSuite}} {
		carol.Propose(p, alice)
		bob.Propose(p, alice)
	}
	commit := func(refs []framing.ProposalRef) (s *mls.Step, c mlstest.Counts) {
		c = counts.During(func() {
			s = must(alice.Group.Commit(mls.CommitParams{References: refs, Now: mlstest.Now()}, alice.Signer))
		})
		return s, c
	}
	s, cost := commit(nil)
	require.Equal(t, []string{"newcomer 0", "dave"}, added(s))
	require.Len(t, s.Left, 79+1+1+1+2)
	var refs []framing.ProposalRef
	for _, p := range s.Change.Proposals {
		refs = append(refs, p.Ref)
	}
	_, least := commit(refs)
	require.Equal(t, least, cost, "one attempt")
}

// Keys that an Update brings count as those of Adds, and the first that came stays.
func TestAttackSharedKeyOfUpdate(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	shared := bob.Insider().UpdateLeaf(t, "shared", nil)
	holding := func(l *framing.LeafNode) { l.EncryptionKey = shared.LeafNode.EncryptionKey }
	tell(t, alice, newMember(t, "eve"), holding)
	for _, p := range []*mlstest.Member{bob, carol} {
		in := p.Insider()
		message, _ := in.Propose(t, in.UpdateLeaf(t, "shared", holding), nil)
		alice.Hear(message)
	}
	waiting := alice.Group.Proposals()
	s := alice.MakeCommit(mls.CommitParams{})
	require.Len(t, s.Change.Proposals, 1)
	require.Equal(t, waiting[1].Ref, s.Change.Proposals[0].Ref)
	require.Equal(t, "the same HPKE key is used already", s.Left[0].Reason)
	require.Equal(t, s.Left[0].Reason, s.Left[1].Reason)
}

// Signatures inside proposals by value are verified once in a commit, and the tries to find what fits grow with the number of
// proposals that wait, and not with its square.
func TestAttackVerifiedAgain(t *testing.T) {
	const friends = 20
	counts, suite := mlstest.NewCounting(t, testSuite)
	allocations := func(n int) float64 {
		alice, _ := two(newCastOf(t, func(c *mlstest.Party) { c.Params.Suites = always(suite) }, nil, "alice", "bob"))
		strangers, adds := crowd(t, n)
		o := alice.Observe()
		for i, add := range adds {
			alice.Hear(must(o.ProposeSelf(add.KeyPackage, mls.ProposeParams{Now: mlstest.Now()}, strangers[i].Signer)))
		}
		c := mls.CommitParams{Now: mlstest.Now().Add(24 * time.Hour)}
		for k := range friends {
			c.Proposals = append(c.Proposals, newMember(t, fmt.Sprint("friend ", k)).Add())
		}
		made := counts.During(func() {
			s := must(alice.Group.Commit(c, alice.Signer))
			require.Len(t, s.Change.Added, friends)
			require.Len(t, s.Left, n)
		})
		require.Equal(t, 2*friends, made.Verifications)
		return testing.AllocsPerRun(3, func() { must(alice.Group.Commit(c, alice.Signer)) })
	}
	none, few, many := allocations(0), allocations(50), allocations(200)
	t.Logf("allocations: %v, %v with 50 strangers, %v with 200", none, few, many)
	require.Less(t, many-none, 6*(few-none))
}

// tries counts how often a commit that adds somebody by value is tried: each time, that one's key is checked.
type tries struct {
	ciphersuite.Provider
	key    ciphersuite.HPKEPublicKey
	number int
}

func (p *tries) CheckHPKEPublicKey(key ciphersuite.HPKEPublicKey) error {
	if key.Equal(p.key) {
		p.number++
	}
	return p.Provider.CheckHPKEPublicKey(key)
}

// Fitting tries no more than four times for each proposal that waits, and three times beside. Of proposals that do not fit it
// looks at 64 by halving, whoever sent them, and once at each of the others. When what seems to go together does, there is one try.
func TestAttackTries(t *testing.T) {
	large := framing.Extensions{extension(t, &framing.ApplicationID{ApplicationID: make([]byte, 4000)})}
	for _, n := range []int{1, 10, 100, 300} {
		p := &tries{Provider: mlstest.Suite(t, testSuite).Provider}
		suite := must(ciphersuite.NewWithProvider(p))
		alice, bob, carol := three(newCastOf(t, func(c *mlstest.Party) { c.Params.Suites = always(suite) }, nil, "alice", "bob", "carol"))
		friend := newMember(t, "friend").Add()
		p.key = friend.KeyPackage.LeafNode.EncryptionKey
		for i := range n {
			k := newMember(t, fmt.Sprint(i)).ForgeKeyPackage(t, func(l *framing.LeafNode) { l.Extensions = large }, nil)
			[]*mlstest.Member{bob, carol}[i%2].Propose(&framing.Add{KeyPackage: k}, alice)
		}
		commit := func() *mls.Step {
			p.number = 0
			return must(alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{friend}, Now: mlstest.Now()}, alice.Signer))
		}
		require.Empty(t, commit().Left)
		require.Equal(t, 1, p.number)

		alice.Params.MaxMessage = alice.Group.Tree().ExportSize() + 4000 // without room for a large leaf
		alice.Reload()
		require.Len(t, commit().Left, n)
		t.Logf("%d that do not fit: %d tries", n, p.number)
		const beside = 2 // before and after fitting
		require.LessOrEqual(t, p.number, 4*n+3+beside)
		require.LessOrEqual(t, p.number, n+64+2*bits.Len(uint(n))+3+beside)
	}
}

// TestAttackUpdateByCopiedKey: a member sends an Update by a key of a KeyPackage that another member wants to add. What came first
// is covered; an Add of a stranger, who can have copied the key in turn, does not stop the Update.
func TestAttackUpdateByCopiedKey(t *testing.T) {
	for name, key := range map[string]func(*framing.KeyPackage) ciphersuite.HPKEPublicKey{
		"leaf": func(k *framing.KeyPackage) ciphersuite.HPKEPublicKey { return k.LeafNode.EncryptionKey },
		"init": func(k *framing.KeyPackage) ciphersuite.HPKEPublicKey { return k.InitKey },
	} {
		alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
		add := newMember(t, "dave").Add()
		alice.Hear(bob.Propose(add, carol))
		in := carol.Insider()
		copied, _ := in.Propose(t, in.UpdateLeaf(t, "copied", func(l *framing.LeafNode) { l.EncryptionKey = key(add.KeyPackage) }), nil)
		alice.Hear(copied)
		made := alice.MakeCommit(mls.CommitParams{})
		require.Equal(t, []string{"dave"}, added(made), name)
		require.Len(t, made.Left, 1)
		require.Equal(t, "the same HPKE key is used already", made.Left[0].Reason)
	}

	alice, carol := two(newCastOf(t, func(c *mlstest.Party) {
		if c.Name == "alice" {
			supportsAnnouncement(c)
		}
	}, nil, "alice", "carol"))
	supporting, _ := alice.Group.Tree().Leaf(0)
	message := carol.Update(mls.LeafUpdate{Capabilities: &supporting.Capabilities})
	update := carol.Group.Proposals()[0].Proposal.(*framing.Update)
	tell(t, alice, newMember(t, "eve"), func(l *framing.LeafNode) { l.EncryptionKey = update.LeafNode.EncryptionKey })
	alice.Hear(message)
	tell(t, alice, newMember(t, "mallory"), copyingKey(alice))
	s := alice.MakeCommit(mls.CommitParams{Proposals: []framing.Proposal{
		&framing.GroupContextExtensions{Extensions: announcement().Extensions}}})
	require.Len(t, s.Change.Proposals, 2, "the Update is what the change of the context needs")
	alice.Adopt(s, carol)
}
