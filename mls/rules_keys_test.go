package mls_test

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
	"github.com/copse-mls/copse/treekem"
)

// secretNamed is the value of a secret, to be looked for later.
type secretNamed struct {
	name  string
	value []byte
}

// named copies a secret.
func named(name string, s ciphersuite.Secret) secretNamed {
	return secretNamed{name, bytes.Clone(s.Bytes())}
}

// givenUp returns the secrets that a Group holds and the next does not.
func givenUp(name string, before, next *mls.Group) (out []secretNamed) {
	stays := map[string]bool{}
	for _, s := range mls.SecretsOf(next) {
		stays[string(s.Bytes())] = true
	}
	for _, s := range mls.SecretsOf(before) {
		if !stays[string(s.Bytes())] {
			out = append(out, named(name, s))
		}
	}
	return out
}

// gone checks that none of the secrets is in g or in what storage keeps of it.
func (a *attempt) gone(g *mls.Group, secrets ...secretNamed) {
	a.Helper()
	a.done = true
	records := whole(a, g)
	for _, s := range secrets {
		require.GreaterOrEqual(a, len(s.value), 16, "%s: there is no %s to look for", a.rule.ID, s.name)
		for key, value := range records {
			require.False(a, bytes.Contains(value, s.value), "%s: %s is in record %s", a.rule.ID, s.name, key)
		}
		for _, have := range mls.SecretsOf(g) {
			require.False(a, bytes.Contains(have.Bytes(), s.value), "%s: %s is still there", a.rule.ID, s.name)
		}
	}
}

// kept checks the other way round: a test that looks for secrets has to find those which are there.
func (a *attempt) kept(g *mls.Group, secrets ...secretNamed) {
	a.Helper()
	records := whole(a, g)
	for _, s := range secrets {
		found := false
		for _, value := range records {
			found = found || bytes.Contains(value, s.value)
		}
		require.True(a, found, "%s: %s is not there to begin with", a.rule.ID, s.name)
	}
}

// epochSecretsOf returns the secrets that end with an epoch.
func epochSecretsOf(g *mls.Group) []secretNamed {
	s := partsOf(g).Secrets
	return []secretNamed{named("init_secret", s.InitSecret.Secret()), named("external_secret", s.ExternalSecret),
		named("membership_key", s.MembershipKey), named("confirmation_key", s.ConfirmationKey),
		named("exporter_secret", s.ExporterSecret), named("epoch_authenticator", s.EpochAuthenticator)}
}

// keysOf returns the private keys that a member holds.
func keysOf(g *mls.Group) (out []secretNamed) {
	for x, pair := range partsOf(g).Private.Keys() {
		out = append(out, named(fmt.Sprintf("key of node %d", x), pair.Private))
	}
	return out
}

// nodesOf returns the secrets of a member's secret tree.
func nodesOf(g *mls.Group) (out []secretNamed) {
	for n := range messagesOf(g).Nodes(nil) {
		out = append(out, named(fmt.Sprintf("node %d of level %d", n.Position, n.Level), n.Secret))
	}
	return out
}

// erases lets a Step take effect and checks that the secrets, which before holds, are gone: from memory, from what
// comes next, and from what is stored of that.
func (a *attempt) erases(s *mls.Step, before *mls.Group, secrets ...secretNamed) *mls.Group {
	a.Helper()
	a.kept(before, secrets...)
	held := mls.SecretsOf(before)
	s.Erase()
	for _, h := range held {
		for _, x := range secrets {
			require.False(a, bytes.Contains(h.Bytes(), x.value), "%s: %s is not overwritten", a.rule.ID, x.name)
		}
	}
	a.gone(s.Next, secrets...)
	return s.Next
}

// onTheWay returns the secrets by which the commit in which bob adds dave and a PSK leads to the next epoch: from the group
// secrets that dave gets, up to the root.
func (a *attempt) onTheWay(suite *ciphersuite.Suite, s *framing.GroupSecrets, key ciphersuite.Secret, next framing.GroupContext) []secretNamed {
	psk := must(keyschedule.PSKSecret(suite, []keyschedule.PSK{{ID: s.PSKs[0], Secret: key}}))
	member := suite.Extract(s.JoinerSecret, psk)
	epoch := suite.ExpandWithLabel(member, "epoch", mlstest.Marshal(a, &next), suite.HashSize)
	return []secretNamed{named("joiner_secret", s.JoinerSecret), named("psk_secret", psk), named("member_secret", member),
		named("welcome_secret", suite.DeriveSecret(member, "welcome")), named("epoch_secret", epoch),
		named("path_secret", s.PathSecret), named("node_secret", suite.DeriveSecret(s.PathSecret, "node")),
		named("commit_secret", suite.DeriveSecret(s.PathSecret, "path"))}
}

// passes lets alice receive a commit of bob's that adds dave, and dave join by it. check gets both Steps, alice's Group
// before, and the secrets on the way to the new epoch.
func (a *attempt) passes(check func(alice, dave *mls.Step, before *mls.Group, way []secretNamed)) {
	alice, bob, carol := a.trio()
	alice.Commit(mls.CommitParams{}, bob, carol)
	in, w := bob.Insider(), a.newWelcomed()
	psk := mls.PSK{ID: external("psk", 1), Secret: secretOf(9)}
	var secrets framing.GroupSecrets
	made := in.Commit(a, func(d *mlstest.Draft) {
		d.Proposals = in.ByValue(&framing.Add{KeyPackage: w.own.KeyPackage}, &framing.PreSharedKey{PSK: psk.ID})
		d.PSKs = mls.PSKs{psk}
		d.OnSecrets = func(_ int, s *framing.GroupSecrets) {
			secrets = framing.GroupSecrets{JoinerSecret: s.JoinerSecret.Clone(), PathSecret: s.PathSecret.Clone(), PSKs: s.PSKs}
		}
	})
	received := must(alice.Group.Handle(mls.Input{Message: made.Commit, PSKs: mls.PSKs{psk}}))
	join := w.params(made.Welcome)
	join.PSKs = mls.PSKs{psk}
	joined := must(mls.Join(join))
	way := a.onTheWay(in.Suite, &secrets, psk.Secret, made.Next.Context)
	// The way is the right one: it leads to the epoch.
	require.Equal(a, partsOf(received.Next).Secrets.ExporterSecret.Bytes(), in.Suite.DeriveSecret(
		ciphersuite.NewSecret(way[4].value), "exporter").Bytes())
	check(received, joined, alice.Group, way)
}

// keyRules returns the tests of area (m).
func keyRules() []ruleTest {
	return slices.Concat(deletionRules(), leftRules(), ratchetRules(), exportRules())
}

// deletionRules returns the tests about what is gone once an epoch is over.
func deletionRules() []ruleTest {
	return []ruleTest{
		{"V-KS-01", "store", "", func(a *attempt) {
			a.passes(func(alice, dave *mls.Step, before *mls.Group, way []secretNamed) {
				a.erases(alice, before, epochSecretsOf(before)...)
				a.gone(alice.Next, way...)
				a.gone(dave.Next, way...)
			})
		}},
		{"V-KS-01", "store", "the committer", func(a *attempt) {
			alice, _, _ := a.trio()
			before := alice.Group
			old := epochSecretsOf(before)
			s := must(alice.Group.Commit(mls.CommitParams{ForcePath: true}, alice.Signer))
			s.Erase()
			pending := s.Next
			a.kept(pending, old...) // the epoch goes on until the commit is adopted
			s = must(pending.Adopt())
			a.erases(s, pending, old...)
		}},
		{"V-KS-05", "store", "", func(a *attempt) {
			a.passes(func(alice, dave *mls.Step, before *mls.Group, way []secretNamed) {
				var replaced []secretNamed
				fresh := map[string]bool{}
				for _, k := range keysOf(alice.Next) {
					fresh[string(k.value)] = true
				}
				for _, k := range keysOf(before) {
					if !fresh[string(k.value)] {
						replaced = append(replaced, k)
					}
				}
				require.NotEmpty(a, replaced, "the commit replaces no key of alice's")
				a.erases(alice, before, replaced...)
				a.gone(alice.Next, way[5:]...)
				a.gone(dave.Next, way[5:]...)
			})
		}},
		{"V-KS-05", "store", "blanked", func(a *attempt) {
			alice, bob, carol := a.trio()
			alice.Commit(mls.CommitParams{ForcePath: true}, bob, carol)
			root, ok := bob.Insider().Key(treekem.Root(4))
			require.True(a, ok)
			message := carol.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 0}}}).Message
			s := must(bob.Group.Handle(input(message)))
			a.erases(s, bob.Group, named("key of the root", root.Private))
		}},
		{"V-KS-06", "store", "an Update", func(a *attempt) {
			alice, bob, _ := a.trio()
			old := keysOf(bob.Group)[0]
			var refs []framing.ProposalRef
			for range 2 {
				bob.Update(mls.LeafUpdate{}, alice)
			}
			for _, p := range bob.Group.Proposals() {
				refs = append(refs, p.Ref)
			}
			var pending []secretNamed
			for _, s := range mls.SecretsOf(bob.Group) { // those of proposals are not in any tree
				if pair, err := bob.Suite.KeyPairOf(s); err == nil && slices.ContainsFunc(bob.Group.Proposals(), func(p mls.CommittedProposal) bool {
					return bytes.Equal(p.Proposal.(*framing.Update).LeafNode.EncryptionKey, pair.Public)
				}) {
					pending = append(pending, named("key of an Update", s))
				}
			}
			require.Len(a, pending, 2)
			commit := alice.Commit(mls.CommitParams{References: refs[:1]}).Message
			s := must(bob.Group.Handle(input(commit)))
			fresh := keysOf(s.Next)[0].value
			unused := slices.DeleteFunc(slices.Clone(pending), func(p secretNamed) bool { return bytes.Equal(p.value, fresh) })
			require.Len(a, unused, 1, "the committed Update's key is not in use")
			bob.Group = a.erases(s, bob.Group, append(unused, old)...)
			a.kept(bob.Group, secretNamed{"the committed key", fresh})
			mlstest.Agree(alice, bob)
		}},
		{"V-KS-06", "store", "a commit", func(a *attempt) {
			alice, bob, carol := a.trio()
			old := keysOf(bob.Group)[0]
			bob.Update(mls.LeafUpdate{}, alice, carol)
			s := must(bob.Group.Commit(mls.CommitParams{}, bob.Signer))
			mlstest.Tell(s.Send[0].Message, alice, carol)
			bob.Take(s, nil)
			s = must(bob.Group.Adopt())
			bob.Group = a.erases(s, bob.Group, old)
			mlstest.Agree(alice, bob, carol)
		}},
		{"V-KS-07", "welcome", "", func(a *attempt) {
			alice, w := a.welcomed()
			first, second := w.by(alice.Insider(), nil), w.by(alice.Insider(), func(d *mlstest.Draft) { d.NoPath = true })
			initKey := named("init key", w.own.InitKey)
			s := must(mls.Join(first))
			require.False(a, s.Used.LastResort)
			w.own.Erase() // as Used asks
			a.gone(s.Next, initKey)
			for _, again := range []mls.JoinParams{first, second} {
				_, err := mls.Join(again)
				a.holds(err != nil, "the KeyPackage serves twice")
			}
		}},
		{"V-KS-07", "welcome", "last resort", func(a *attempt) {
			alice, dave := a.outsider()
			own := must(mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: dave.LeafParams,
				Lifetime: mlstest.Lifetime(), LastResort: true, Params: dave.Params}))
			w := &welcomed{dave, own}
			for range 2 {
				s := must(mls.Join(w.by(alice.Insider(), nil)))
				a.holds(s.Used.LastResort, "the mark is lost")
				a.gone(s.Next, named("init key", own.InitKey))
			}
		}},
		{"V-KS-08", "store", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			bob.Commit(mls.CommitParams{ForcePath: true}, alice, carol)
			late := bob.Say("late")
			before := carol.Group
			old := append(epochSecretsOf(before), keysOf(before)...)
			old = append(old, named("resumption_psk", partsOf(before).Secrets.ResumptionPSK))
			message := bob.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 2}}}, alice).Message
			s := must(carol.Group.Handle(input(message)))
			require.Equal(a, mls.StatusRemoved, s.Next.Status())
			carol.Group = a.erases(s, before, old...)
			for _, call := range sendingCalls(carol) {
				a.gives(call())
			}
			for _, call := range sendingCalls(carol.Member(a, before)) {
				a.gives(call()) // neither does the Group before it serve any more
			}
			require.Equal(a, "late", carol.Read(late), "what came before the removal is still read")
		}},
		{"V-KS-08", "store", "an external join that was dropped", func(a *attempt) {
			alice, dave := a.outsider()
			dave.Take(mls.JoinExternal(dave.ByGroupInfo(alice.Info())))
			before := dave.Group
			old := append(keysOf(before), nodesOf(before)...)
			s := must(before.Drop())
			dave.Group = a.erases(s, before, append(old, epochSecretsOf(before)...)...)
			require.Equal(a, mls.StatusAbandoned, dave.Group.Status())
			for _, call := range sendingCalls(dave) {
				a.gives(call())
			}
			for _, x := range append(mls.SecretsOf(dave.Group), mls.SecretsOf(dave.Reloaded())...) {
				require.True(a, x.IsZero())
			}
		}},
		{"V-KS-08", "store", "reinitialized", func(a *attempt) {
			all := newCastOf(a.T, supportsAnnouncement, nil, "alice", "bob", "carol")
			alice, bob, carol := all[0], all[1], all[2]
			alice.Commit(mls.CommitParams{ForcePath: true}, bob, carol)
			late, in := bob.Say("late"), bob.Insider()
			before := carol.Group
			old := append(epochSecretsOf(before), keysOf(before)...)
			made := in.Commit(a, func(d *mlstest.Draft) { d.Proposals = in.ByValue(announcement()) })
			last := made.Next.Secrets // of the epoch in which nobody sends
			never := []secretNamed{named("init_secret", made.Next.Init.Secret()), named("exporter_secret", last.ExporterSecret),
				named("external_secret", last.ExternalSecret), named("membership_key", last.MembershipKey),
				named("sender_data_secret", last.SenderDataSecret), named("confirmation_key", last.ConfirmationKey)}
			s := must(carol.Group.Handle(input(made.Commit)))
			require.Equal(a, mls.StatusReInitialized, s.Next.Status())
			a.kept(s.Next, named("resumption_psk", last.ResumptionPSK), named("epoch_authenticator", last.EpochAuthenticator))
			mlstest.Agree(all...) // until the Step takes effect, nothing has happened
			before = carol.Group
			s = must(before.Handle(input(made.Commit)))
			carol.Group = a.erases(s, before, old...)
			a.gone(carol.Group, append(never, old...)...)
			carol.Group = carol.Reloaded()
			a.gone(carol.Group, append(never, old...)...)
			require.Equal(a, "late", carol.Read(late), "what came before the end is still read")
		}},
		{"V-KS-08", "store", "reinitialized by the member itself", func(a *attempt) {
			alice, _, _ := a.trio()
			s := must(alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{announcement()}, ForcePath: true}, alice.Signer))
			s.Erase()
			pending := s.Next
			s = must(pending.Adopt())
			old := givenUp("a secret of the old epoch or the last", pending, s.Next)
			require.Greater(a, len(old), 12)
			a.erases(s, pending, old...)
		}},
	}
}

// ratchetRules returns the tests about keys of messages, and what is stored of them.
func ratchetRules() []ruleTest {
	return []ruleTest{
		{"V-KS-02", "store", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			before := alice.Group
			root := nodesOf(before)
			require.Len(a, root, 1, "nothing but the encryption secret is there in the beginning")
			key, _, err := messagesOf(before).ReceivingKey(1, keyschedule.ApplicationRatchet, 0)
			require.NoError(a, err)
			used := []secretNamed{named("message key", key.Key)}
			s := must(before.Handle(input(bob.Say("one"))))
			require.Len(a, nodesOf(s.Next), 2, "the other leaf's and the other half's are left")
			alice.Group = a.erases(s, before, root...)
			a.gone(alice.Group, used...)

			before = alice.Group // and the member's own
			halves := nodesOf(before)
			s = must(before.Protect([]byte("hello"), mls.ProtectParams{}, alice.Signer))
			require.Len(a, nodesOf(s.Next), 1)
			mine := slices.DeleteFunc(halves, func(n secretNamed) bool { return bytes.Equal(n.value, nodesOf(s.Next)[0].value) })
			a.erases(s, before, mine...)
		}},
		{"V-KS-02", "store", "ratchets", func(a *attempt) {
			alice, bob, _ := a.trio()
			alice.Read(bob.Say("first"))
			for range 3 {
				before := alice.Group
				var chain []secretNamed
				for r := range messagesOf(before).Ratchets(nil) {
					if r.Leaf == 1 && r.Kind == keyschedule.ApplicationRatchet {
						chain = append(chain, named("ratchet secret", r.Secret))
					}
				}
				require.Len(a, chain, 1)
				s := must(before.Handle(input(bob.Say("next"))))
				alice.Group = a.erases(s, before, chain...)
			}
		}},
		{"V-KS-03", "store", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			uses := newKeyUses(a.T, bob.Group)
			for range 3 {
				s := must(alice.Group.Protect([]byte("sent"), mls.ProtectParams{}, alice.Signer))
				uses.note(s)
				lost := must(s.Next.Protect([]byte("encrypted, and neither stored nor sent"), mls.ProtectParams{}, alice.Signer))
				require.NotNil(a, lost)
				alice.Group = s.Next
				alice.Group = alice.Reloaded() // a crash
				must(bob.Group.Handle(input(s.Send[0].Message)))
			}
			a.done = true // note fails when a key serves twice
			require.Len(a, uses.generations(0, keyschedule.ApplicationRatchet), 3)
		}},
		{"V-KS-04", "store", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			one, two, three := bob.Say("one"), bob.Say("two"), bob.Say("three")
			alice.Hear(two)
			a.replays(alice.Reloaded(), two)
			alice.Group = alice.Reloaded()
			alice.Hear(one) // its key was kept
			for range 2 {
				alice.Group = alice.Reloaded()
				a.replays(alice.Group, one)
				a.replays(alice.Group, two)
			}
			require.Equal(a, "three", alice.Read(three))
		}},
		{"V-KS-09", "private", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			var late [][]byte
			for i := range 5 {
				late = append(late, bob.Say(fmt.Sprint(i)))
				bob.Commit(mls.CommitParams{}, alice, carol)
			}
			for _, g := range []*mls.Group{alice.Group, alice.Reloaded()} { // three epochs are kept
				a.refusesMessage(g, late[0], late[2])
				a.refusesMessage(g, late[1], late[4])
			}
			alice.Params.PastEpochs = -1
			next := alice.Reloaded()
			message := bob.Commit(mls.CommitParams{}, carol).Message
			s := must(next.Handle(input(message)))
			for _, m := range late {
				a.refusesMessage(s.Next, m, bob.Say("now"))
			}
		}},
		{"V-KS-09", "private", "forgotten", func(a *attempt) {
			alice, bob, carol := a.trio()
			var late [][]byte
			for i := range 3 {
				late = append(late, bob.Say(fmt.Sprint(i)))
				bob.Commit(mls.CommitParams{}, alice, carol)
			}
			before := alice.Group
			s := before.Forget(1)
			past := givenUp("a secret of a past epoch", before, s.Next)
			require.Len(a, past, 4, "the sender data secret and the root of the secret tree, twice")
			stored := whole(a, before)
			stored.put(a, must(s.Next.Records(before)), nil)
			stored.same(a, whole(a, s.Next))
			alice.Group = a.erases(s, before, past...)
			for _, g := range []*mls.Group{alice.Group, alice.Reloaded()} {
				a.refusesMessage(g, late[0], late[2])
				a.refusesMessage(g, late[1], late[2])
				for _, keep := range []int{0, -1} {
					a.refusesMessage(g.Forget(keep).Next, late[2], bob.Say("now"))
				}
				require.Equal(a, whole(a, g), whole(a, g.Forget(9).Next))
			}
			mlstest.Agree(alice, bob, carol)
			bob.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 0}}}, alice, carol)
			alice.Take(alice.Group.Forget(0), nil)
			for _, x := range mls.SecretsOf(alice.Reloaded()) {
				a.holds(x.IsZero(), "a removed member that forgets keeps a secret")
			}
		}},
	}
}

// replays hands g a message that it has read.
func (a *attempt) replays(g *mls.Group, message []byte) {
	a.Helper()
	before := whole(a, g)
	a.gives(failure(g.Handle(input(message))))
	require.Equal(a, before, whole(a, g))
}
