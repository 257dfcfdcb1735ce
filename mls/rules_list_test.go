package mls_test

import (
	"bytes"
	"math/rand/v2"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// said is a proposal with who makes it, where that matters.
type said struct {
	by       *mlstest.Member
	proposal framing.Proposal
}

// badList is a list of proposals of which each is in order and that is not, for a committer: bob by value and by
// reference, alice when a member is to send it. bob and carol make the proposals; an Update is carol's.
type badList struct {
	id, name string
	list     func(a *attempt, c *cast, committer *mlstest.Member) []said
	entries  []string
}

// cast is who plays in a test of a list. dave has not joined.
type cast struct{ alice, bob, carol, dave *mlstest.Member }

func (a *attempt) cast() *cast {
	alice, bob, carol := a.trio()
	return &cast{alice, bob, carol, newMember(a.T, "dave")}
}

func (b badList) rules() []ruleTest {
	return atEntries(b.id, b.name, b.entries, func(a *attempt, entry string) { b.at(a, entry) })
}

// names checks which leaf the latest error names: the one that the list is about, or else the committer's.
func (b badList) names(a *attempt, committer *mlstest.Member) {
	a.Helper()
	leaf := map[string]framing.LeafIndex{"V-PL-03": 2, "V-PL-05": 3}
	if _, ok := leaf[b.id]; !ok {
		leaf[b.id] = committer.Group.OwnLeaf()
	}
	a.names(leaf[b.id])
}

// at tries the list at an entry point.
func (b badList) at(a *attempt, entry string) {
	c := a.cast()
	switch entry {
	case "value":
		in := c.bob.Insider()
		a.refusesSeen(c.alice, a.over(in, proposals(b.list(a, c, c.bob))...), a.over(in))
		b.names(a, c.bob)
	case "reference":
		list := b.list(a, c, c.bob)
		all := a.spread(list, c.alice)
		in := c.bob.Insider()
		a.refusesMessage(c.alice.Group, a.covering(in, all...), a.over(in))
		b.names(a, c.bob)
		slices.Reverse(all)
		a.refusesMessage(c.alice.Group, a.covering(in, all...), a.over(in))
		if last := list[len(list)-1]; last.proposal.ProposalType() != framing.ProposalTypeUpdate && len(all) > 1 {
			slices.Reverse(all)
			all[len(all)-1] = in.ByValue(last.proposal)[0] // by reference, and by value
			a.refusesMessage(c.alice.Group, a.covering(in, all...), a.over(in))
		}
	case "send":
		list := b.list(a, c, c.alice)
		if !slices.ContainsFunc(list, func(s said) bool { return s.proposal.ProposalType() == framing.ProposalTypeUpdate }) {
			a.refusesCommitting(c.alice, mls.CommitParams{Proposals: proposals(list), PSKs: pskSecrets("psk")})
		}
		var refs []framing.ProposalRef
		for _, covered := range a.spread(list, c.alice) {
			refs = append(refs, covered.Ref)
		}
		a.refusesCommitting(c.alice, mls.CommitParams{References: refs, PSKs: pskSecrets("psk")})
		b.names(a, c.alice)
		s, err := c.alice.Group.Commit(mls.CommitParams{Now: mlstest.Now(), PSKs: pskSecrets("psk")}, c.alice.Signer)
		if b.id == "V-PL-02" && len(refs) == 1 {
			require.ErrorIs(a, err, mls.ErrOwnRemoval)
			return
		}
		require.NoError(a, err, "what fits of the waiting proposals")
		require.NotEmpty(a, s.Left)
	default:
		a.Fatalf("no such entry: %s", entry)
	}
}

func proposals(list []said) (out []framing.Proposal) {
	for _, s := range list {
		out = append(out, s.proposal)
	}
	return out
}

// spread sends proposals, lets somebody hear them, and returns them as a commit can name them.
func (a *attempt) spread(list []said, to *mlstest.Member) (out []mlstest.Covered) {
	a.Helper()
	for k, s := range list {
		message, covered := s.by.Insider().Propose(a, s.proposal, func(c *mlstest.Content) {
			c.AuthenticatedData = []byte{byte(k)} // no two are the same message
		})
		to.Hear(message)
		out = append(out, covered)
	}
	return out
}

// badLists break rules by lists.
func badLists() []badList {
	everywhere := []string{"value", "reference", "send"}
	byBoth := func(list ...framing.Proposal) func(*attempt, *cast, *mlstest.Member) []said {
		return func(_ *attempt, c *cast, _ *mlstest.Member) (out []said) {
			for k, p := range list {
				out = append(out, said{[]*mlstest.Member{c.bob, c.carol}[k%2], p})
			}
			return out
		}
	}
	update := func(a *attempt, p *mlstest.Member, seed string) said {
		return said{p, p.Insider().UpdateLeaf(a, seed, nil)}
	}
	senders := extensionsOf(framing.Extension{Type: framing.ExtensionTypeExternalSenders, Data: []byte{0}})
	return []badList{
		{"V-PL-02", "", func(_ *attempt, c *cast, committer *mlstest.Member) []said {
			return []said{{c.carol, &framing.Remove{Removed: committer.Group.OwnLeaf()}}}
		}, everywhere},
		{"V-PL-03", "two Removes", byBoth(&framing.Remove{Removed: 2}, &framing.Remove{Removed: 2}), everywhere},
		{"V-PL-03", "two Updates", func(a *attempt, c *cast, _ *mlstest.Member) []said {
			return []said{update(a, c.carol, "one"), update(a, c.carol, "two")}
		}, []string{"reference", "send"}},
		{"V-PL-03", "Update and Remove", func(a *attempt, c *cast, _ *mlstest.Member) []said {
			return []said{update(a, c.carol, "one"), {c.carol, &framing.Remove{Removed: 2}}}
		}, []string{"reference", "send"}},
		{"V-PL-04", "a signature key", func(a *attempt, c *cast, _ *mlstest.Member) []said {
			return []said{{c.bob, c.dave.Add()}, {c.carol, c.dave.Add()}}
		}, everywhere},
		{"V-PL-04", "of a member who is removed", func(a *attempt, c *cast, _ *mlstest.Member) []said { // H-16
			return []said{{c.bob, &framing.Remove{Removed: 2}}, {c.bob, c.carol.Add()}, {c.carol, c.carol.Add()}}
		}, everywhere},
		{"V-PL-05", "", func(a *attempt, c *cast, _ *mlstest.Member) []said { return []said{{c.bob, c.carol.Add()}} }, everywhere},
		{"V-PL-06", "", byBoth(pskOf("psk", "1"), pskOf("psk", "1")), everywhere},
		{"V-PL-07", "different", byBoth(extensionsOf(), senders), everywhere},
		{"V-PL-07", "the same", byBoth(senders, senders), everywhere},
		{"V-PL-08", "with Add", func(a *attempt, c *cast, _ *mlstest.Member) []said {
			return []said{{c.bob, reInit(nil)}, {c.carol, c.dave.Add()}}
		}, everywhere},
		{"V-PL-08", "with PSK", byBoth(pskOf("psk", "1"), reInit(nil)), everywhere},
		{"V-PL-08", "twice", byBoth(reInit(nil), reInit(func(p *framing.ReInit) { p.GroupID = []byte("another") })), everywhere},
	}
}

// prefersSecond has p commit what two proposals make of each other: the first is left out.
func (a *attempt) prefersSecond(p *mlstest.Member, first, second said) {
	a.Helper()
	all := a.spread([]said{first, second}, p)
	s := must(p.Group.Commit(mls.CommitParams{Now: mlstest.Now()}, p.Signer))
	a.holds(len(s.Left) == 1 && bytes.Equal(s.Left[0].Ref, all[0].Ref), "left out: %v", s.Left)
}

// listRules returns the tests of area (g).
func listRules() []ruleTest {
	var out []ruleTest
	for _, b := range badLists() {
		out = append(out, b.rules()...)
	}
	return slices.Concat(out, ownUpdateRules(), sameClientRules(), orderRules(), resultRules(), externalListRules(), []ruleTest{
		{"V-PL-03", "send", "the Remove goes first", func(a *attempt) { // H-24
			c := a.cast()
			a.prefersSecond(c.alice, said{c.carol, c.carol.Insider().UpdateLeaf(a, "key", nil)}, said{c.bob, &framing.Remove{Removed: 2}})
		}},
		{"V-PL-03", "send", "the latest Update goes first", func(a *attempt) {
			c := a.cast()
			in := c.carol.Insider()
			a.prefersSecond(c.alice, said{c.carol, in.UpdateLeaf(a, "one", nil)}, said{c.carol, in.UpdateLeaf(a, "two", nil)})
		}},
		{"V-PL-08", "send", "the others go first", func(a *attempt) {
			c := a.cast()
			a.prefersSecond(c.alice, said{c.bob, reInit(nil)}, said{c.carol, c.dave.Add()})
		}},
		{"V-PL-06", "value", "one key with two nonces may", func(a *attempt) {
			alice, in := a.insider()
			_, err := alice.Group.Handle(mls.Input{PSKs: pskSecrets("psk"), Message: in.Commit(a, func(d *mlstest.Draft) {
				d.Proposals, d.PSKs = in.ByValue(pskOf("psk", "1"), pskOf("psk", "2")), pskSecrets("psk")
			}).Commit})
			a.holds(err == nil, "%v", err)
		}},
		{"V-PL-06", "value", "several keys with one nonce may", func(a *attempt) {
			alice, in := a.insider()
			psks := append(pskSecrets("1", "2"), resumption("another", 1, 1), resumption("another", 2, 2), resumption("third", 1, 3))
			var list []framing.Proposal
			for _, psk := range psks {
				psk.ID.PSKNonce = make([]byte, 32)
				list = append(list, &framing.PreSharedKey{PSK: psk.ID})
			}
			_, err := alice.Group.Handle(mls.Input{PSKs: psks, Message: in.Commit(a, func(d *mlstest.Draft) {
				d.Proposals, d.PSKs = in.ByValue(list...), psks
			}).Commit})
			a.holds(err == nil, "%v", err)
		}},
		{"V-PL-06", "external", "", func(a *attempt) {
			alice, i := a.intruder()
			twice := i.ByValue(pskOf("psk", "1"), pskOf("psk", "1"))
			a.refusesMessage(alice.Group, i.commit(a, func(d *mlstest.Draft) { d.Proposals = append(d.Proposals, twice...) }), i.commit(a, nil))
			a.names(framing.NoLeaf)
		}},
		{"V-PL-16", "commit", "", func(a *attempt) {
			c := a.cast()
			a.spread([]said{{c.carol, c.carol.Insider().UpdateLeaf(a, "key", nil)}, {c.bob, &framing.Remove{Removed: 2}}}, c.alice)
			s := c.alice.Hear(a.over(c.bob.Insider()))
			a.holds(len(s.Next.Proposals()) == 0 && s.Next.Tree().HasLeaf(2), "%v", s.Next.Proposals())
		}},
	})
}

// ownUpdateRules returns the tests about the Update of a committer.
func ownUpdateRules() []ruleTest {
	return []ruleTest{
		{"V-PL-01", "value", "", func(a *attempt) {
			c := a.cast()
			in := c.bob.Insider()
			a.refusesMessage(c.alice.Group, a.over(in, in.UpdateLeaf(a, "key", nil)), a.over(in))
			theirs := c.carol.Insider().UpdateLeaf(a, "key", nil) // which stands for the committer's own
			a.refusesMessage(c.alice.Group, a.over(in, theirs), a.over(in))
		}},
		{"V-PL-01", "reference", "", func(a *attempt) {
			c := a.cast()
			in := c.bob.Insider()
			all := a.spread([]said{{c.bob, in.UpdateLeaf(a, "key", nil)}}, c.alice)
			a.refusesMessage(c.alice.Group, a.covering(in, all...), a.over(in))
		}},
		{"V-PL-01", "send", "", func(a *attempt) {
			c := a.cast()
			a.refusesCommitting(c.alice, mls.CommitParams{Proposals: []framing.Proposal{c.alice.Insider().UpdateLeaf(a, "key", nil)}})
			c.alice.Take(c.alice.Group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, c.alice.Signer))
			a.refusesCommitting(c.alice, mls.CommitParams{References: []framing.ProposalRef{c.alice.Group.Proposals()[0].Ref}})
		}},
	}
}

// sameClientRules returns the tests about Adds that only an authentication service can tell to be for one client.
func sameClientRules() []ruleTest {
	asked := func(a *attempt, s *mls.Step, err error, m mls.Moment, names ...string) {
		require.NoError(a, err)
		a.asks(s.Claims, m, names...)
	}
	// another is name's credential with other keys.
	another := func(a *attempt, name string) *framing.Add {
		p := newMember(a.T, "another "+name)
		p.Credential = framing.BasicCredential([]byte(name))
		return p.Add()
	}
	return []ruleTest{
		{"V-PL-04", "value", "an identity", func(a *attempt) {
			c := a.cast()
			s, err := c.alice.Group.Handle(input(a.over(c.bob.Insider(), c.dave.Add(), another(a, "dave"))))
			asked(a, s, err, mls.MomentAdd, "dave", "dave")
		}},
		{"V-PL-04", "send", "an identity", func(a *attempt) {
			c := a.cast()
			s, err := c.alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{c.dave.Add(), another(a, "dave")}, Now: mlstest.Now()}, c.alice.Signer)
			asked(a, s, err, mls.MomentAddSent, "dave", "dave")
		}},
		{"V-PL-05", "value", "an identity", func(a *attempt) {
			c := a.cast()
			s, err := c.alice.Group.Handle(input(a.over(c.bob.Insider(), another(a, "carol"))))
			asked(a, s, err, mls.MomentAdd, "carol")
		}},
		{"V-PL-05", "value", "with the Remove", func(a *attempt) {
			c := a.cast()
			s := c.alice.Hear(a.over(c.bob.Insider(), c.carol.Add(), &framing.Remove{Removed: 2}))
			a.holds(s.Events[0].(*mls.EpochChanged).Change.Added[0].Leaf == 2, "carol is elsewhere")
		}},
		{"V-PL-05", "send", "with the Remove", func(a *attempt) {
			c := a.cast()
			s, err := c.alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{c.carol.Add(), &framing.Remove{Removed: 2}}, Now: mlstest.Now()}, c.alice.Signer)
			asked(a, s, err, mls.MomentAddSent, "carol")
		}},
	}
}

// orderRules returns the tests about the order in which proposals apply.
func orderRules() []ruleTest {
	return []ruleTest{
		{"V-PL-09", "commit", "", func(a *attempt) {
			alice, bob, _, _ := a.open()
			erin := newMember(a.T, "erin")
			mlstest.Tell(alice.Welcome(erin), bob) // at leaf 3
			in := bob.Insider()
			list := in.ByValue(newMember(a.T, "dave").Add(), &framing.Remove{Removed: 2}, pskOf("psk", "1"), extensionsOf())
			list = append(list, a.spread([]said{{erin, erin.Insider().UpdateLeaf(a, "key", nil)}}, alice)...)
			var want []byte
			rng := rand.New(rand.NewPCG(9, 9))
			for k := range 20 {
				rng.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
				s, err := alice.Group.Handle(mls.Input{Now: mlstest.Now(), PSKs: pskSecrets("psk"), Message: in.Commit(a, func(d *mlstest.Draft) {
					d.Proposals, d.PSKs = list, pskSecrets("psk")
				}).Commit})
				require.NoError(a, err, "order %d", k)
				if want == nil {
					want = s.Next.Tree().Hash()
				}
				a.holds(bytes.Equal(want, s.Next.Tree().Hash()), "order %d leads to another tree", k)
			}
		}},
		{"V-PL-11", "commit", "", func(a *attempt) {
			all := newCast(a.T, "0", "1", "2", "3", "4", "5", "6", "7")
			alice, four := all[0], all[4]
			// The node above leaves 4 to 7 gets a key while leaf 5 is blank.
			four.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 5}}}, alice, all[1])
			in := all[1].Insider()
			change := func() *mls.Change {
				var list []framing.Proposal
				for _, name := range []string{"x", "y", "z", "w"} {
					list = append(list, newMember(a.T, name).Add())
				}
				list = append(list, &framing.Remove{Removed: 3}, &framing.Remove{Removed: 2})
				return alice.Hear(a.over(in, list...)).Events[0].(*mls.EpochChanged).Change
			}()
			var at []framing.LeafIndex
			for _, added := range change.Added {
				at = append(at, added.Leaf)
			}
			require.Equal(a, []framing.LeafIndex{2, 3, 5, 8}, at)
			for k, name := range []string{"x", "y", "z", "w"} {
				require.Equal(a, name, string(change.Added[k].New.Credential.Identity))
			}
			tree := mlstest.NewTree(a, alice.Group.Tree())
			require.Empty(a, tree.Parent(7).UnmergedLeaves, "bob's path is above leaves 2 and 3")
			a.holds(slices.Equal(tree.Parent(11).UnmergedLeaves, []framing.LeafIndex{5}), "unmerged: %v", tree.Parent(11).UnmergedLeaves)
		}},
		{"V-PL-10", "value", "", func(a *attempt) {
			alice, bob, dave, erin := a.uneven()
			in := bob.Insider()
			remove := &framing.Remove{Removed: 2}
			for _, p := range a.raises() {
				a.refusesMessage(alice.Group, a.over(in, dave.Add(), remove, p), a.over(in, erin.Add(), remove, p))
			}
		}},
		{"V-PL-10", "value", "Update", func(a *attempt) {
			alice, bob, carol, _, _ := a.demanding()
			update := carol.Insider().UpdateLeaf(a, "key", func(l *framing.LeafNode) { l.Capabilities.Extensions = nil })
			poor := a.spread([]said{{carol, update}}, alice) // kept, for a commit may lower what is demanded
			in := bob.Insider()
			lowered := extensionsOf()
			a.refusesMessage(alice.Group, a.covering(in, poor...), a.covering(in, append(in.ByValue(lowered), poor...)...))
			good := a.spread([]said{{carol, carol.Insider().UpdateLeaf(a, "key", nil)}}, alice)
			raised := requires(a, framing.RequiredCapabilities{ProposalTypes: []framing.ProposalType{strange}})
			a.refusesMessage(alice.Group, a.covering(in, append(good, in.ByValue(raised)...)...), a.covering(in, good...))
		}},
		{"V-PL-10", "value", "lowered", func(a *attempt) {
			alice, bob, _, _, _ := a.demanding()
			in, poor := bob.Insider(), newMember(a.T, "poor").Add()
			a.refusesMessage(alice.Group, a.over(in, poor), a.over(in, poor, extensionsOf()))
		}},
		{"V-PL-10", "send", "", func(a *attempt) {
			alice, _, dave, _ := a.uneven()
			for _, p := range a.raises() {
				a.refusesCommitting(alice, mls.CommitParams{Proposals: []framing.Proposal{dave.Add(), &framing.Remove{Removed: 2}, p}})
			}
		}},
	}
}

// raises returns GroupContextExtensions that demand more.
func (a *attempt) raises() []framing.Proposal {
	return []framing.Proposal{
		requires(a, framing.RequiredCapabilities{ExtensionTypes: []framing.ExtensionType{wantedExtension}}),
		requires(a, framing.RequiredCapabilities{CredentialTypes: []framing.CredentialType{wantedCredential}}),
		extensionsOf(framing.Extension{Type: contextExtension}),
	}
}

// resultRules returns the tests about the tree that a commit leads to.
func resultRules() []ruleTest {
	holding := func(key []byte) func(*framing.LeafNode) {
		return func(l *framing.LeafNode) { l.EncryptionKey = key }
	}
	return []ruleTest{
		{"V-PL-12", "value", "", func(a *attempt) {
			c := a.cast()
			c.bob.Commit(mls.CommitParams{}, c.alice, c.carol) // fills parent nodes
			in := c.bob.Insider()
			first := c.dave.Add()
			for _, key := range [][]byte{first.KeyPackage.LeafNode.EncryptionKey, in.Tree.Leaf(2).EncryptionKey, in.Tree.Parent(3).EncryptionKey} {
				k := newMember(a.T, "erin").ForgeKeyPackage(a, holding(key), nil)
				a.refusesMessage(c.alice.Group, in.Commit(a, func(d *mlstest.Draft) {
					d.Proposals, d.NoPath, d.Welcome = in.ByValue(first, &framing.Add{KeyPackage: k}), true, false
				}).Commit, a.over(in, first))
			}
			a.refusesMessage(c.alice.Group, in.Commit(a, func(d *mlstest.Draft) {
				d.Proposals, d.Welcome = in.ByValue(first), false
				d.OnLeaf = holding(first.KeyPackage.LeafNode.EncryptionKey)
			}).Commit, a.over(in, first))
		}},
		{"V-PL-12", "send", "", func(a *attempt) {
			c := a.cast()
			first := c.dave.Add()
			k := newMember(a.T, "erin").ForgeKeyPackage(a, holding(first.KeyPackage.LeafNode.EncryptionKey), nil)
			a.refusesCommitting(c.alice, mls.CommitParams{Proposals: []framing.Proposal{first, &framing.Add{KeyPackage: k}}})
		}},
		{"V-PL-12", "send", "what the path is to replace", func(a *attempt) {
			c := a.cast()
			c.alice.Commit(mls.CommitParams{}, c.bob, c.carol) // fills parent nodes
			in := c.carol.Insider()
			for name, key := range map[string][]byte{"erin": in.Tree.Leaf(0).EncryptionKey, "fred": in.Tree.Parent(1).EncryptionKey} {
				add := &framing.Add{KeyPackage: newMember(a.T, name).ForgeKeyPackage(a, holding(key), nil)}
				a.refusesCommitting(c.alice, mls.CommitParams{Proposals: []framing.Proposal{add}, ForcePath: true})
				message, covered := in.Propose(a, add, nil) // nobody may so keep alice from committing
				mlstest.Tell(message, c.alice, c.bob)
				a.refusesCommitting(c.alice, mls.CommitParams{References: []framing.ProposalRef{covered.Ref}, ForcePath: true})
			}
			twin := newMember(a.T, "dave")
			twin.Signer = c.alice.Signer
			later := mls.LeafUpdate{Signer: newMember(a.T, "later").Signer}
			a.refusesCommitting(c.alice, mls.CommitParams{Proposals: []framing.Proposal{twin.Add()}, Leaf: later})
			for _, leaf := range []mls.LeafUpdate{{}, later} {
				s := must(c.alice.Group.Commit(mls.CommitParams{ForcePath: true, Leaf: leaf, Now: mlstest.Now()}, c.alice.Signer))
				require.Len(a, s.Left, 2)
				_, err := c.bob.Group.Handle(input(s.Send[0].Message))
				require.NoError(a, err, "others follow")
			}
		}},
		{"V-PL-12", "reference", "one key for two", func(a *attempt) {
			c := a.cast()
			mlstest.Tell(c.alice.Welcome(c.dave), c.bob, c.carol)
			shared := c.carol.Insider().UpdateLeaf(a, "shared", nil)
			all := a.spread([]said{{c.carol, shared}, {c.dave, c.dave.Insider().UpdateLeaf(a, "", holding(shared.LeafNode.EncryptionKey))}}, c.alice)
			in := c.bob.Insider()
			a.refusesMessage(c.alice.Group, a.covering(in, all...), a.covering(in, all[0]))
		}},
		{"V-PL-12", "reference", "the key of a newcomer", func(a *attempt) {
			c := a.cast()
			add := c.dave.Add()
			all := a.spread([]said{{c.carol, c.carol.Insider().UpdateLeaf(a, "", holding(add.KeyPackage.LeafNode.EncryptionKey))}, {c.bob, add}}, c.alice)
			in := c.bob.Insider()
			a.refusesMessage(c.alice.Group, a.covering(in, all...), a.covering(in, all[0]))
		}},
		{"V-PL-12", "reference", "a signature key for two", func(a *attempt) {
			c := a.cast()
			mlstest.Tell(c.alice.Welcome(c.dave), c.bob, c.carol)
			update := func(p *mlstest.Member) said { // both move to the keys of one more client
				u := p.Insider().UpdateLeaf(a, p.Name, nil)
				eve := newMember(a.T, "eve")
				u.LeafNode.SignatureKey = eve.KeyPackage(a).KeyPackage.LeafNode.SignatureKey
				mlstest.SignLeaf(a, eve.Suite, eve.Signer, &u.LeafNode, []byte("group"), p.Group.OwnLeaf())
				return said{p, u}
			}
			all := a.spread([]said{update(c.carol), update(c.dave)}, c.alice)
			in := c.bob.Insider()
			a.refusesMessage(c.alice.Group, a.covering(in, all...), a.covering(in, all[0]))
		}},
		{"V-PL-12", "reference", "a swap may be", func(a *attempt) {
			c := a.cast()
			mlstest.Tell(c.alice.Welcome(c.dave), c.bob, c.carol)
			three, two := c.dave.Insider(), c.carol.Insider()
			all := a.spread([]said{{c.carol, two.UpdateLeaf(a, "", holding(two.Tree.Leaf(3).EncryptionKey))},
				{c.dave, three.UpdateLeaf(a, "", holding(three.Tree.Leaf(2).EncryptionKey))}}, c.alice)
			in := c.bob.Insider()
			breaks(a.T, "V-LN-17", failure(c.alice.Group.Handle(input(a.covering(in, all[0])))))
			_, err := c.alice.Group.Handle(input(a.covering(in, all...)))
			a.holds(err == nil, "each key is there once: %v", err)
		}},
	}
}

// externalListRules returns the tests about what an external commit covers.
func externalListRules() []ruleTest {
	// with are proposals beside a newcomer's ExternalInit.
	with := func(a *attempt, i *intruder, list ...framing.Proposal) []byte {
		return i.commit(a, func(d *mlstest.Draft) { d.Proposals = append(d.Proposals, i.ByValue(list...)...) })
	}
	return []ruleTest{
		{"V-PL-13", "external", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			i := a.intrude("dave", alice.Info())
			for _, list := range [][]framing.Proposal{
				{&framing.ExternalInit{KEMOutput: make([]byte, 32)}},
				{&framing.Remove{Removed: 1}, &framing.Remove{Removed: 2}},
				{&framing.Remove{Removed: 1}, &framing.Remove{Removed: 1}},
				{newMember(a.T, "erin").Add()},
				{bob.Insider().UpdateLeaf(a, "key", nil)},
				{reInit(nil)},
				{extensionsOf()},
				{&framing.CustomProposal{Type: wantedProposal}},
			} {
				a.refusesSeen(alice, with(a, i, list...), i.commit(a, nil))
			}
			a.refusesSeen(alice, i.commit(a, func(d *mlstest.Draft) { d.Proposals = nil }), with(a, i, &framing.Remove{Removed: 2}))
		}},
		{"V-PL-14", "external", "", func(a *attempt) {
			c := a.cast()
			i := a.intrude("carol", c.alice.Info())
			pending := a.spread([]said{{c.bob, &framing.Remove{Removed: 2}}, {c.bob, pskOf("psk", "1")}}, c.alice)
			for _, p := range pending {
				a.refusesMessage(c.alice.Group, i.commit(a, func(d *mlstest.Draft) { d.Proposals = append(d.Proposals, p) }),
					with(a, i, &framing.Remove{Removed: 2}))
			}
		}},
		{"V-PL-15", "external", "the old key", func(a *attempt) {
			alice, _, _ := a.trio()
			i := a.intrude("carol", alice.Info())
			old := i.Tree.Leaf(2).EncryptionKey
			a.refusesSeen(alice, i.commit(a, func(d *mlstest.Draft) {
				d.Proposals = append(d.Proposals, i.ByValue(&framing.Remove{Removed: 2})...)
				d.OnLeaf = func(l *framing.LeafNode) { l.EncryptionKey = old }
			}), with(a, i, &framing.Remove{Removed: 2}))
		}},
		{"V-PL-15", "external", "who it was", func(a *attempt) { // H-18
			for _, c := range []struct{ signer, identity string }{
				{"carol", "carol"}, {"carol's new device", "carol"}, {"eve", "eve"}, {"carol", "eve"},
			} {
				alice, _, _ := a.trio()
				i := a.intrude(c.signer, alice.Info())
				i.leaf.Credential = framing.BasicCredential([]byte(c.identity))
				s := must(alice.Group.Handle(input(with(a, i, &framing.Remove{Removed: 2}))))
				a.asks(s.Claims, mls.MomentExternalCommit, c.identity)
				before := s.Claims[0].Predecessors
				require.Len(a, before, 1)
				require.Equal(a, "carol", string(before[0].Credential.Identity))
			}
		}},
	}
}
