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

// givenUp are the secrets that a Group holds and the next does not.
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
	records := dump(a, g)
	for _, s := range secrets {
		require.GreaterOrEqual(a, len(s.value), 16, "%s: there is no %s to look for", a.rule.ID, s.name)
		for key, value := range records {
			require.False(a, bytes.Contains([]byte(value), s.value), "%s: %s is in record %s", a.rule.ID, s.name, key)
		}
		for _, have := range mls.SecretsOf(g) {
			require.False(a, bytes.Contains(have.Bytes(), s.value), "%s: %s is still there", a.rule.ID, s.name)
		}
	}
}

// kept checks the other way round: a test that looks for secrets has to find those which are there.
func (a *attempt) kept(g *mls.Group, secrets ...secretNamed) {
	a.Helper()
	records := dump(a, g)
	for _, s := range secrets {
		found := false
		for _, value := range records {
			found = found || bytes.Contains([]byte(value), s.value)
		}
		require.True(a, found, "%s: %s is not there to begin with", a.rule.ID, s.name)
	}
}

// epochSecretsOf are the secrets that end with an epoch.
func epochSecretsOf(g *mls.Group) []secretNamed {
	s := partsOf(g).Secrets
	return []secretNamed{named("init_secret", s.InitSecret.Secret()), named("external_secret", s.ExternalSecret),
		named("membership_key", s.MembershipKey), named("confirmation_key", s.ConfirmationKey),
		named("exporter_secret", s.ExporterSecret), named("epoch_authenticator", s.EpochAuthenticator)}
}

// keysOf are the private keys that a member holds.
func keysOf(g *mls.Group) (out []secretNamed) {
	for x, pair := range partsOf(g).Private.Keys() {
		out = append(out, named(fmt.Sprintf("key of node %d", x), pair.Private))
	}
	return out
}

// nodesOf are the secrets of a member's secret tree.
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

// onTheWay are the secrets by which the commit in which bob adds dave and a PSK leads to the next epoch: from the group
// secrets that dave gets, up to the root.
func (a *attempt) onTheWay(suite *ciphersuite.Suite, s *framing.GroupSecrets, key ciphersuite.Secret, next framing.GroupContext) []secretNamed {
	psk, err := keyschedule.PSKSecret(suite, []keyschedule.PSK{{ID: s.PSKs[0], Secret: key}})
	require.NoError(a, err)
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
	alice.commit(mls.CommitParams{}, bob, carol)
	in, w := bob.insider(), a.newWelcomed()
	psk := mls.PSK{ID: external("psk", 1), Secret: secretOf(9)}
	var secrets framing.GroupSecrets
	made := in.Commit(a, func(d *mlstest.Draft) {
		d.Proposals = in.ByValue(&framing.Add{KeyPackage: w.own.KeyPackage}, &framing.PreSharedKey{PSK: psk.ID})
		d.PSKs = mls.PSKs{psk}
		d.OnSecrets = func(_ int, s *framing.GroupSecrets) {
			secrets = framing.GroupSecrets{JoinerSecret: s.JoinerSecret.Clone(), PathSecret: s.PathSecret.Clone(), PSKs: s.PSKs}
		}
	})
	received, err := alice.group.Handle(mls.Input{Message: made.Commit, PSKs: mls.PSKs{psk}})
	require.NoError(a, err)
	join := w.params(made.Welcome)
	join.PSKs = mls.PSKs{psk}
	joined, err := mls.Join(join)
	require.NoError(a, err)
	way := a.onTheWay(in.Suite, &secrets, psk.Secret, made.Next.Context)
	// The way is the right one: it leads to the epoch.
	require.Equal(a, partsOf(received.Next).Secrets.ExporterSecret.Bytes(), in.Suite.DeriveSecret(
		ciphersuite.NewSecret(way[4].value), "exporter").Bytes())
	check(received, joined, alice.group, way)
}

// keyRules are the tests of area (m).
func keyRules() []ruleTest {
	return slices.Concat(deletionRules(), leftRules(), ratchetRules(), exportRules())
}

// deletionRules are about what is gone once an epoch is over.
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
			before := alice.group
			old := epochSecretsOf(before)
			s, err := alice.group.Commit(mls.CommitParams{ForcePath: true}, alice.Signer)
			require.NoError(a, err)
			s.Erase()
			pending := s.Next
			a.kept(pending, old...) // the epoch goes on until the commit is adopted
			s, err = pending.Adopt()
			require.NoError(a, err)
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
			alice.commit(mls.CommitParams{ForcePath: true}, bob, carol)
			root, ok := bob.insider().Key(treekem.Root(4))
			require.True(a, ok)
			message, _ := carol.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 0}}})
			s, err := bob.group.Handle(input(message))
			require.NoError(a, err)
			a.erases(s, bob.group, named("key of the root", root.Private))
		}},
		{"V-KS-06", "store", "an Update", func(a *attempt) {
			alice, bob, _ := a.trio()
			old := keysOf(bob.group)[0]
			var refs []framing.ProposalRef
			for range 2 {
				s := bob.take(bob.group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, bob.Signer))
				alice.hear(s.Send[0].Message)
			}
			for _, p := range bob.group.Proposals() {
				refs = append(refs, p.Ref)
			}
			var pending []secretNamed
			for _, s := range mls.SecretsOf(bob.group) { // those of proposals are not in any tree
				if pair, err := bob.Suite.KeyPairOf(s); err == nil && slices.ContainsFunc(bob.group.Proposals(), func(p mls.CommittedProposal) bool {
					return bytes.Equal(p.Proposal.(*framing.Update).LeafNode.EncryptionKey, pair.Public)
				}) {
					pending = append(pending, named("key of an Update", s))
				}
			}
			require.Len(a, pending, 2)
			commit, _ := alice.commit(mls.CommitParams{References: refs[:1]})
			s, err := bob.group.Handle(input(commit))
			require.NoError(a, err)
			fresh := keysOf(s.Next)[0].value
			unused := slices.DeleteFunc(slices.Clone(pending), func(p secretNamed) bool { return bytes.Equal(p.value, fresh) })
			require.Len(a, unused, 1, "the committed Update's key is not in use")
			bob.group = a.erases(s, bob.group, append(unused, old)...)
			a.kept(bob.group, secretNamed{"the committed key", fresh})
			together(alice, bob)
		}},
		{"V-KS-06", "store", "a commit", func(a *attempt) {
			alice, bob, carol := a.trio()
			old := keysOf(bob.group)[0]
			update := bob.take(bob.group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, bob.Signer))
			tell(update.Send[0].Message, alice, carol)
			s, err := bob.group.Commit(mls.CommitParams{}, bob.Signer)
			require.NoError(a, err)
			tell(s.Send[0].Message, alice, carol)
			bob.take(s, nil)
			s, err = bob.group.Adopt()
			require.NoError(a, err)
			bob.group = a.erases(s, bob.group, old)
			together(alice, bob, carol)
		}},
		{"V-KS-07", "welcome", "", func(a *attempt) {
			alice, _, _ := a.trio()
			w := a.newWelcomed()
			first, second := w.by(alice.insider(), nil), w.by(alice.insider(), func(d *mlstest.Draft) { d.NoPath = true })
			initKey := named("init key", w.own.InitKey)
			s, err := mls.Join(first)
			require.NoError(a, err)
			require.False(a, s.Used.LastResort)
			w.own.Erase() // as Used asks
			a.gone(s.Next, initKey)
			for _, again := range []mls.JoinParams{first, second} {
				_, err = mls.Join(again)
				a.holds(err != nil, "the KeyPackage serves twice")
			}
		}},
		{"V-KS-07", "welcome", "last resort", func(a *attempt) {
			alice, _, _ := a.trio()
			dave := newPlayer(a.T, "dave")
			own, err := mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: dave.LeafParams,
				Lifetime: mlstest.Lifetime(), LastResort: true, Params: dave.Params})
			require.NoError(a, err)
			w := &welcomed{dave, own}
			for range 2 {
				s, err := mls.Join(w.by(alice.insider(), nil))
				require.NoError(a, err)
				a.holds(s.Used.LastResort, "the mark is lost")
				a.gone(s.Next, named("init key", own.InitKey))
			}
		}},
		{"V-KS-08", "store", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			bob.commit(mls.CommitParams{ForcePath: true}, alice, carol)
			late := bob.say("late")
			before := carol.group
			old := append(epochSecretsOf(before), keysOf(before)...)
			old = append(old, named("resumption_psk", partsOf(before).Secrets.ResumptionPSK))
			message, _ := bob.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 2}}}, alice)
			s, err := carol.group.Handle(input(message))
			require.NoError(a, err)
			require.Equal(a, mls.StatusRemoved, s.Next.Status())
			carol.group = a.erases(s, before, old...)
			for _, call := range sendingCalls(carol) {
				a.gives(call())
			}
			for _, call := range sendingCalls(&player{Client: carol.Client, t: a.T, group: before}) {
				a.gives(call()) // neither does the Group before it serve any more
			}
			require.Equal(a, "late", carol.read(late), "what came before the removal is still read")
		}},
		{"V-KS-08", "store", "an external join that was dropped", func(a *attempt) {
			alice, _, _ := a.trio()
			dave := newPlayer(a.T, "dave")
			dave.take(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: alice.info(), Leaf: dave.LeafParams, Now: mlstest.Now(),
				Params: dave.Params}))
			before := dave.group
			old := append(keysOf(before), nodesOf(before)...)
			s, err := before.Drop()
			require.NoError(a, err)
			dave.group = a.erases(s, before, append(old, epochSecretsOf(before)...)...)
			require.Equal(a, mls.StatusAbandoned, dave.group.Status())
			for _, call := range sendingCalls(dave) {
				a.gives(call())
			}
			for _, x := range append(mls.SecretsOf(dave.group), mls.SecretsOf(dave.reloaded())...) {
				require.True(a, x.IsZero())
			}
		}},
		{"V-KS-08", "store", "reinitialized", func(a *attempt) {
			all := stageOf(a.T, supportsAnnouncement, nil, "alice", "bob", "carol")
			alice, bob, carol := all[0], all[1], all[2]
			alice.commit(mls.CommitParams{ForcePath: true}, bob, carol)
			late, in := bob.say("late"), bob.insider()
			before := carol.group
			old := append(epochSecretsOf(before), keysOf(before)...)
			made := in.Commit(a, func(d *mlstest.Draft) { d.Proposals = in.ByValue(announcement()) })
			last := made.Next.Secrets // of the epoch in which nobody sends
			never := []secretNamed{named("init_secret", made.Next.Init.Secret()), named("exporter_secret", last.ExporterSecret),
				named("external_secret", last.ExternalSecret), named("membership_key", last.MembershipKey),
				named("sender_data_secret", last.SenderDataSecret), named("confirmation_key", last.ConfirmationKey)}
			s, err := carol.group.Handle(input(made.Commit))
			require.NoError(a, err)
			require.Equal(a, mls.StatusReInitialized, s.Next.Status())
			a.kept(s.Next, named("resumption_psk", last.ResumptionPSK), named("epoch_authenticator", last.EpochAuthenticator))
			together(all...) // until the Step takes effect, nothing has happened
			before = carol.group
			s, err = before.Handle(input(made.Commit))
			require.NoError(a, err)
			carol.group = a.erases(s, before, old...)
			a.gone(carol.group, append(never, old...)...)
			carol.group = carol.reloaded()
			a.gone(carol.group, append(never, old...)...)
			require.Equal(a, "late", carol.read(late), "what came before the end is still read")
		}},
		{"V-KS-08", "store", "reinitialized by the member itself", func(a *attempt) {
			alice, _, _ := a.trio()
			s, err := alice.group.Commit(mls.CommitParams{Proposals: []framing.Proposal{announcement()}, ForcePath: true}, alice.Signer)
			require.NoError(a, err)
			s.Erase()
			pending := s.Next
			s, err = pending.Adopt()
			require.NoError(a, err)
			old := givenUp("a secret of the old epoch or the last", pending, s.Next)
			require.Greater(a, len(old), 12)
			a.erases(s, pending, old...)
		}},
	}
}

// ratchetRules are about keys of messages, and what is stored of them.
func ratchetRules() []ruleTest {
	return []ruleTest{
		{"V-KS-02", "store", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			before := alice.group
			root := nodesOf(before)
			require.Len(a, root, 1, "nothing but the encryption secret is there in the beginning")
			key, _, err := messagesOf(before).ReceivingKey(1, keyschedule.ApplicationRatchet, 0)
			require.NoError(a, err)
			used := []secretNamed{named("message key", key.Key)}
			s, err := before.Handle(input(bob.say("one")))
			require.NoError(a, err)
			require.Len(a, nodesOf(s.Next), 2, "the other leaf's and the other half's are left")
			alice.group = a.erases(s, before, root...)
			a.gone(alice.group, used...)

			before = alice.group // and the member's own
			halves := nodesOf(before)
			s, err = before.Protect([]byte("hello"), mls.ProtectParams{}, alice.Signer)
			require.NoError(a, err)
			require.Len(a, nodesOf(s.Next), 1)
			mine := slices.DeleteFunc(halves, func(n secretNamed) bool { return bytes.Equal(n.value, nodesOf(s.Next)[0].value) })
			a.erases(s, before, mine...)
		}},
		{"V-KS-02", "store", "ratchets", func(a *attempt) {
			alice, bob, _ := a.trio()
			alice.read(bob.say("first"))
			for range 3 {
				before := alice.group
				var chain []secretNamed
				for r := range messagesOf(before).Ratchets(nil) {
					if r.Leaf == 1 && r.Kind == keyschedule.ApplicationRatchet {
						chain = append(chain, named("ratchet secret", r.Secret))
					}
				}
				require.Len(a, chain, 1)
				s, err := before.Handle(input(bob.say("next")))
				require.NoError(a, err)
				alice.group = a.erases(s, before, chain...)
			}
		}},
		{"V-KS-03", "store", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			uses := newKeyUses(a.T, bob.group)
			for range 3 {
				s, err := alice.group.Protect([]byte("sent"), mls.ProtectParams{}, alice.Signer)
				require.NoError(a, err)
				uses.note(s)
				lost, err := s.Next.Protect([]byte("encrypted, and neither stored nor sent"), mls.ProtectParams{}, alice.Signer)
				require.NoError(a, err)
				require.NotNil(a, lost)
				alice.group = s.Next
				alice.group = alice.reloaded() // a crash
				_, err = bob.group.Handle(input(s.Send[0].Message))
				require.NoError(a, err)
			}
			a.done = true // note fails when a key serves twice
			require.Len(a, uses.generations(0, keyschedule.ApplicationRatchet), 3)
		}},
		{"V-KS-04", "store", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			one, two, three := bob.say("one"), bob.say("two"), bob.say("three")
			alice.hear(two)
			a.replays(alice.reloaded(), two)
			alice.group = alice.reloaded()
			alice.hear(one) // its key was kept
			for range 2 {
				alice.group = alice.reloaded()
				a.replays(alice.group, one)
				a.replays(alice.group, two)
			}
			require.Equal(a, "three", alice.read(three))
		}},
		{"V-KS-09", "private", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			var late [][]byte
			for i := range 5 {
				late = append(late, bob.say(fmt.Sprint(i)))
				bob.commit(mls.CommitParams{}, alice, carol)
			}
			for _, g := range []*mls.Group{alice.group, alice.reloaded()} { // three epochs are kept
				a.refusesMessage(g, late[0], late[2])
				a.refusesMessage(g, late[1], late[4])
			}
			alice.Params.PastEpochs = -1
			next := alice.reloaded()
			message, _ := bob.commit(mls.CommitParams{}, carol)
			s, err := next.Handle(input(message))
			require.NoError(a, err)
			for _, m := range late {
				a.refusesMessage(s.Next, m, bob.say("now"))
			}
		}},
		{"V-KS-09", "private", "forgotten", func(a *attempt) {
			alice, bob, carol := a.trio()
			var late [][]byte
			for i := range 3 {
				late = append(late, bob.say(fmt.Sprint(i)))
				bob.commit(mls.CommitParams{}, alice, carol)
			}
			before := alice.group
			s := before.Forget(1)
			past := givenUp("a secret of a past epoch", before, s.Next)
			require.Len(a, past, 4, "the sender data secret and the root of the secret tree, twice")
			stored := dump(a, before)
			changes, err := s.Next.Records(before)
			require.NoError(a, err)
			for _, r := range changes {
				if stored[r.Key] = string(r.Value); r.Value == nil {
					delete(stored, r.Key)
				}
			}
			require.Equal(a, dump(a, s.Next), stored)
			alice.group = a.erases(s, before, past...)
			for _, g := range []*mls.Group{alice.group, alice.reloaded()} {
				a.refusesMessage(g, late[0], late[2])
				a.refusesMessage(g, late[1], late[2])
				for _, keep := range []int{0, -1} {
					a.refusesMessage(g.Forget(keep).Next, late[2], bob.say("now"))
				}
				require.Equal(a, dump(a, g), dump(a, g.Forget(9).Next))
			}
			together(alice, bob, carol)
			bob.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 0}}}, alice, carol)
			alice.take(alice.group.Forget(0), nil)
			for _, x := range mls.SecretsOf(alice.reloaded()) {
				a.holds(x.IsZero(), "a removed member that forgets keeps a secret")
			}
		}},
	}
}

// replays hands g a message that it has read.
func (a *attempt) replays(g *mls.Group, message []byte) {
	a.Helper()
	before := dump(a, g)
	_, err := g.Handle(input(message))
	a.gives(err)
	require.Equal(a, before, dump(a, g))
}
