package mls_test

// RFC 9420, Section 12.4.3.2: joining by external commit, as the newcomer and as the members see it.

import (
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// refusesEntry has a client join by an invalid external commit, and then by a valid one.
func (a *attempt) refusesEntry(bad, genuine mls.JoinExternalParams) {
	a.Helper()
	s, err := mls.JoinExternal(bad)
	require.Nil(a, s)
	a.gives(err)
	_, err = mls.JoinExternal(genuine)
	require.NoError(a, err, "%s: the genuine one", a.rule.ID)
}

// place is a group with blank leaves, and where a newcomer goes. One that comes back removes its former leaf.
type place struct {
	name    string
	members int
	blank   []framing.LeafIndex
	former  framing.LeafIndex // NoLeaf for somebody new
	want    framing.LeafIndex
}

func places() []place {
	none := framing.NoLeaf
	return []place{
		{"a full tree", 4, nil, none, 4},
		{"a single member", 1, nil, none, 1},
		{"one place", 5, []framing.LeafIndex{2}, none, 2},
		{"the leftmost of two", 5, []framing.LeafIndex{3, 1}, none, 1},
		{"beside the last", 5, nil, none, 5},
		{"the former one", 4, nil, 2, 2},
		{"the former one, the first", 4, nil, 0, 0},
		{"a place left of the former one", 5, []framing.LeafIndex{1}, 3, 1},
		{"the former one, left of a place", 5, []framing.LeafIndex{3}, 1, 1},
		{"the former one, which shrinks the tree", 5, nil, 4, 4},
		{"a place left of the former one, which shrinks the tree", 5, []framing.LeafIndex{2}, 4, 2},
	}
}

// test lets a client of the engine and a newcomer that computes everything by itself join.
func (c place) test(a *attempt) {
	names := []string{"a", "b", "c", "d", "e"}[:c.members]
	all := newCast(a.T, names...)
	committer := 0
	if c.former == 0 {
		committer = 1
	}
	var left []*mlstest.Member
	var list []framing.Proposal
	for i, p := range all {
		if slices.Contains(c.blank, framing.LeafIndex(i)) {
			list = append(list, &framing.Remove{Removed: framing.LeafIndex(i)})
		} else if i != committer {
			left = append(left, p)
		}
	}
	all[committer].Commit(mls.CommitParams{Proposals: list}, left...)
	left = slices.DeleteFunc(left, func(p *mlstest.Member) bool { return c.former != framing.NoLeaf && p == all[c.former] })
	left = append(left, all[committer])

	name := "newcomer"
	var also []framing.Proposal
	params := mls.JoinExternalParams{}
	if c.former != framing.NoLeaf {
		name = names[c.former]
		params.Resync = &c.former
		also = append(also, &framing.Remove{Removed: c.former})
	}
	joiner := newMember(a.T, name)
	mlstest.Seed(&joiner.Params, "another life")
	i := &intruder{mlstest.NewNewcomer(a, joiner.Party, left[0].Info()), joiner.KeyPackage(a).KeyPackage.LeafNode}
	made := i.Commit(a, func(d *mlstest.Draft) {
		d.Template = i.leaf
		d.Proposals = append(d.Proposals, i.ByValue(also...)...)
	})
	a.holds(made.Next.Leaf == c.want, "the newcomer itself takes leaf %d", made.Next.Leaf)
	for _, p := range left {
		s := must(p.Group.Handle(input(made.Commit)))
		require.Equal(a, c.want, s.Events[0].(*mls.EpochChanged).Change.CommitterLeaf)
		require.Equal(a, made.Next.Tree.Export(a), s.Next.Tree().Export())
	}
	joiner.JoinExternal(params, left...)
	require.Equal(a, c.want, joiner.Group.OwnLeaf())
	mlstest.Agree(append(left, joiner)...)
}

// observerWith returns an observer of the group with a policy.
func observerWith(p *mlstest.Member, policy mls.ExternalCommitPolicy) *mls.Observer {
	return must(mls.Observe(mls.ObserveParams{
		GroupInfo: p.Info(), Now: mlstest.Now(), Params: mls.Params{ExternalCommits: policy}})).Next
}

// externalRules returns the tests of area (j).
func externalRules() []ruleTest {
	var out []ruleTest
	for _, c := range places() {
		out = append(out, ruleTest{"V-EJ-05", "external", c.name, c.test})
	}
	for _, b := range leafBreaches() {
		if slices.Contains(b.entries, "external") {
			out = append(out, ruleTest{"V-EJ-06", "external", b.id + " " + b.name, func(a *attempt) { b.at(a, "external") }})
		}
	}
	out = append(out, groupInfoRules()...)
	return append(out, []ruleTest{
		{"V-EJ-05", "external", "", func(a *attempt) {
			for _, resync := range []string{"bob", "carol", ""} {
				all := newCast(a.T, "alice", "bob", "carol", "dave")
				name, want := resync, framing.LeafIndex(4)
				p := mls.JoinExternalParams{GroupInfo: all[0].Info(), Now: mlstest.Now()}
				if resync == "" {
					name = "eve"
				} else {
					want = framing.LeafIndex(slices.IndexFunc(all, func(p *mlstest.Member) bool { return p.Name == name }))
					p.Resync = &want
				}
				joiner := newMember(a.T, name)
				mlstest.Seed(&joiner.Params, "again")
				p.Leaf, p.Params = joiner.LeafParams, joiner.Params
				message := joiner.Take(mls.JoinExternal(p)).Send[0].Message
				joiner.Take(joiner.Group.Adopt())
				all[0].Hear(message)
				a.holds(joiner.Group.OwnLeaf() == want, "%s is at leaf %d", name, joiner.Group.OwnLeaf())
				mlstest.Agree(all[0], joiner)
			}
		}},
		{"V-EJ-06", "external", "its encryption key", func(a *attempt) {
			alice, i := a.intruder()
			a.refusesMessage(alice.Group, i.commit(a, func(d *mlstest.Draft) {
				d.OnKeys = func(pairs []ciphersuite.KeyPair) { pairs[0].Public = i.Tree.Leaf(2).EncryptionKey }
			}), i.commit(a, nil))
		}},
		{"V-EJ-06", "external", "its source", func(a *attempt) {
			alice, i := a.intruder()
			for _, change := range wrongSources() {
				a.refusesMessage(alice.Group, i.commit(a, func(d *mlstest.Draft) { d.OnLeaf = change }), i.commit(a, nil))
			}
		}},
		{"V-EJ-06", "external", "a member's signature key, beside its Remove", func(a *attempt) {
			// carol's key may come back only in the place of carol (RFC 9420, Section 12.4.3.2).
			alice, _, carol := a.trio()
			i := a.intrude("carol", alice.Info())
			remove := func(leaf framing.LeafIndex) []byte {
				return i.commit(a, func(d *mlstest.Draft) {
					d.Proposals = append(d.Proposals, i.ByValue(&framing.Remove{Removed: leaf})...)
				})
			}
			require.EqualValues(a, 2, carol.Group.OwnLeaf())
			a.refusesMessage(alice.Group, remove(1), remove(2))
		}},
		{"V-EJ-07", "external", "the epoch before", func(a *attempt) {
			alice, bob, carol := a.trio()
			var former framing.ExternalPub
			found, err := mlstest.Parse[*framing.GroupInfo](a, alice.Info()).Extensions.Get(&former)
			require.True(a, found && err == nil)
			bob.Commit(mls.CommitParams{}, alice, carol)
			stale := alice.Insider().GroupInfo(a, func(i *framing.GroupInfo) { i.Extensions[1] = extension(a.T, &former) })
			a.refusesMessage(alice.Group, a.intrude("dave", stale).commit(a, nil), a.intrude("dave", alice.Info()).commit(a, nil))
		}},
		{"V-EJ-07", "external", "the members' init secret", func(a *attempt) {
			alice, bob, _ := a.trio()
			i := a.intrude("dave", alice.Info())
			genuine := i.commit(a, nil)
			i.Init = bob.Insider().Init // from a member who wants to be in twice
			a.refusesMessage(alice.Group, i.commit(a, nil), genuine)
		}},
		{"V-EJ-07", "external", "KEM output", func(a *attempt) {
			alice, i := a.intruder()
			for _, output := range append(sizes(32), lowOrder()...) {
				a.refusesMessage(alice.Group, i.commit(a, func(d *mlstest.Draft) {
					d.Proposals = i.ByValue(&framing.ExternalInit{KEMOutput: output})
				}), i.commit(a, nil))
			}
		}},
		{"V-EJ-08", "external", "", func(a *attempt) {
			alice, _, carol := a.trio()
			psk := mls.PSK{ID: mls.ExternalPSKID([]byte("key")), Secret: secretOf(7)}
			join := func(resync *framing.LeafIndex, ids ...framing.PreSharedKeyID) mls.Input {
				joiner := newMember(a.T, "carol")
				if resync == nil {
					joiner = newMember(a.T, "dave")
				}
				mlstest.Seed(&joiner.Params, "again")
				s := must(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: alice.Info(), Leaf: joiner.LeafParams, Resync: resync,
					PSKIDs: ids, PSKs: mls.PSKs{psk}, Now: mlstest.Now(), Params: joiner.Params}))
				return mls.Input{Message: s.Send[0].Message, PSKs: mls.PSKs{psk}, Now: mlstest.Now()}
			}
			leaf := carol.Group.OwnLeaf()
			with := func(p mls.ExternalCommitPolicy) *mls.Group {
				alice.Params.ExternalCommits = p
				return alice.Reloaded()
			}
			a.refuses(with(mls.ExternalCommitsForbidden), join(nil), input(carol.Insider().Commit(a, nil).Commit))
			a.refuses(with(mls.ExternalCommitsForbidden), join(&leaf, psk.ID), input(carol.Insider().Commit(a, nil).Commit))
			a.refuses(with(mls.ExternalCommitsNoResync), join(&leaf), join(nil))
			a.refuses(with(mls.ExternalCommitsNoResync), join(&leaf, psk.ID), join(nil, psk.ID))
			a.refuses(with(mls.ExternalCommitsPSK), join(nil), join(nil, psk.ID))
			a.refuses(with(mls.ExternalCommitsPSK), join(&leaf), join(&leaf, psk.ID))
			a.gives(failure(observerWith(alice, mls.ExternalCommitsForbidden).Handle(join(nil))))
		}},
	}...)
}

// groupInfoRules returns the tests about GroupInfos of external commits.
func groupInfoRules() []ruleTest {
	return []ruleTest{
		{"V-EJ-01", "groupinfo", "", func(a *attempt) {
			alice, _, _ := a.trio()
			in, dave := alice.Insider(), newMember(a.T, "dave")
			join := func(info []byte) error {
				return failure(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: info, Leaf: dave.LeafParams, Now: mlstest.Now()}))
			}
			bad := [][]byte{in.GroupInfo(a, func(i *framing.GroupInfo) { i.Extensions = i.Extensions[:1] })}
			for _, key := range append(sizes(32), lowOrder()...) {
				bad = append(bad, in.GroupInfo(a, func(i *framing.GroupInfo) {
					i.Extensions[1] = extension(a.T, &framing.ExternalPub{ExternalPub: key})
				}))
			}
			for _, info := range bad {
				a.gives(join(info))
				a.names(0)
			}
			require.NoError(a, join(in.GroupInfo(a, nil)))
		}},
		{"V-EJ-02", "groupinfo", "", func(a *attempt) {
			alice, _, _ := a.trio()
			genuine := alice.Info()
			for _, change := range []func(*framing.GroupInfo){
				func(i *framing.GroupInfo) { i.Signature = nil },
				func(i *framing.GroupInfo) { i.Signature[3] ^= 1 },
				func(i *framing.GroupInfo) {
					i.Extensions[1] = extension(a.T, &framing.ExternalPub{ExternalPub: freshKey(alice.Insider())})
				},
			} {
				a.refusesObserving(mlstest.NewParty(a, testSuite, "dave"), changed(a, genuine, change), nil, genuine)
			}
		}},
		{"V-EJ-02", "groupinfo", "by another key", func(a *attempt) {
			alice, _, carol := a.trio()
			in := alice.Insider()
			in.Signer = carol.Signer
			dave := newMember(a.T, "dave")
			a.refusesEntry(dave.ByGroupInfo(in.GroupInfo(a, nil)), dave.ByGroupInfo(alice.Info()))
		}},
		{"V-EJ-02", "groupinfo", "before anything else is used", func(a *attempt) {
			alice, _, _ := a.trio()
			in, dave := alice.Insider(), newMember(a.T, "dave")
			// Each would fail by another rule, were it looked at first.
			for _, change := range []func(*framing.GroupInfo){
				func(i *framing.GroupInfo) {
					i.Extensions[1] = extension(a.T, &framing.ExternalPub{ExternalPub: make([]byte, 32)})
				},
				func(i *framing.GroupInfo) { i.Extensions = i.Extensions[:1] },
			} {
				bad := changed(a, in.GroupInfo(a, change), func(i *framing.GroupInfo) { i.Signature[3] ^= 1 })
				a.refusesEntry(dave.ByGroupInfo(bad), dave.ByGroupInfo(alice.Info()))
			}
		}},
		{"V-EJ-03", "groupinfo", "context", func(a *attempt) {
			alice, bob, carol := a.trio()
			bob.Commit(mls.CommitParams{}, alice, carol)
			in, dave := alice.Insider(), newMember(a.T, "dave")
			dave.Capabilities.Extensions = []framing.ExtensionType{strange}
			genuine := in.GroupInfo(a, nil)
			for _, change := range []func(*framing.GroupContext){
				func(c *framing.GroupContext) { c.TreeHash = make([]byte, 32) },
				func(c *framing.GroupContext) { c.TreeHash = nil },
				func(c *framing.GroupContext) { c.GroupID = []byte("another group") },                // for which bob's leaf is not signed
				func(c *framing.GroupContext) { c.Extensions = framing.Extensions{{Type: strange}} }, // which members lack
				func(c *framing.GroupContext) {
					c.Extensions = framing.Extensions{{Type: framing.ExtensionTypeRatchetTree, Data: []byte{0}}}
				},
				func(c *framing.GroupContext) {
					c.Extensions = framing.Extensions{extension(a.T, sendersOf(a, dave)), extension(a.T, sendersOf(a, dave))}
				},
			} {
				bad := in.GroupInfo(a, func(i *framing.GroupInfo) { change(&i.GroupContext) })
				a.refusesObserving(dave.Party, bad, nil, genuine)
			}
		}},
		{"V-EJ-03", "groupinfo", "the form of the tree", func(a *attempt) {
			in := a.grove()[1].Insider()
			for _, nodes := range misshapen(in.Tree.Nodes) {
				a.refusesTreeData(in, mlstest.Marshal(a, framing.RatchetTree{}.With(nodes)))
			}
		}},
		{"V-EJ-03", "groupinfo", "group id", func(a *attempt) {
			alice, dave := a.outsider()
			genuine := dave.ByGroupInfo(alice.Info())
			bad := genuine
			bad.Groups = [][]byte{[]byte("other"), alice.Group.GroupID()}
			a.refusesEntry(bad, genuine)
		}},
		{"V-EJ-04", "groupinfo", "", func(a *attempt) {
			alice, _, _, dave, _ := a.demanding()
			for _, change := range []func(*framing.Capabilities){
				func(c *framing.Capabilities) { c.Extensions = without(c.Extensions, wantedExtension) },
				func(c *framing.Capabilities) { c.Extensions = without(c.Extensions, contextExtension) },
				func(c *framing.Capabilities) { c.Proposals = nil },
				func(c *framing.Capabilities) { c.Credentials = nil },
			} {
				c := dave.LeafParams
				change(&c.Capabilities)
				a.gives(failure(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: alice.Info(), Leaf: c, Now: mlstest.Now()})))
			}
			must(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: alice.Info(), Leaf: dave.LeafParams, Now: mlstest.Now()}))
		}},
		{"V-EJ-04", "groupinfo", "version and suite", func(a *attempt) {
			alice, _, _ := a.trio()
			in, dave := alice.Insider(), newMember(a.T, "dave")
			genuine := dave.ByGroupInfo(in.GroupInfo(a, nil))
			for _, change := range []func(*framing.GroupContext){
				func(c *framing.GroupContext) { c.Version = 2 },
				func(c *framing.GroupContext) { c.CipherSuite = 0x0a0a },
			} {
				a.refusesEntry(dave.ByGroupInfo(in.GroupInfo(a, func(i *framing.GroupInfo) { change(&i.GroupContext) })), genuine)
			}
			few := genuine
			few.Params.Suites = func(cs ciphersuite.CipherSuite) (*ciphersuite.Suite, error) {
				return nil, ciphersuite.ErrUnsupported
			}
			a.refusesEntry(few, genuine)
		}},
	}
}
