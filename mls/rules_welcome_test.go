package mls_test

import (
	"bytes"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// badWelcome is a way in which a member welcomes dave that breaks a rule. All hashes, tags, signatures and encryptions
// are made to fit.
type badWelcome struct {
	id, name string
	change   func(a *attempt, in *mlstest.Insider, d *mlstest.Draft)
}

// onInfo returns a change of the GroupInfo, as the functions below do of other parts of a Welcome.
func onInfo(change func(*framing.GroupInfo)) func(*attempt, *mlstest.Insider, *mlstest.Draft) {
	return func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) { d.OnGroupInfo = change }
}

func onNext(change func(*framing.GroupContext)) func(*attempt, *mlstest.Insider, *mlstest.Draft) {
	return func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) { d.OnNext = change }
}

func onSecrets(change func(*framing.GroupSecrets)) func(*attempt, *mlstest.Insider, *mlstest.Draft) {
	return func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) {
		d.OnSecrets = func(_ int, s *framing.GroupSecrets) { change(s) }
	}
}

func onWelcome(change func(*framing.Welcome)) func(*attempt, *mlstest.Insider, *mlstest.Draft) {
	return func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) { d.OnWelcome = change }
}

// injecting adds PSKs to the commit.
func injecting(ids ...framing.PreSharedKeyID) func(*attempt, *mlstest.Insider, *mlstest.Draft) {
	return func(_ *attempt, in *mlstest.Insider, d *mlstest.Draft) {
		d.Proposals = append(d.Proposals, in.ByValue(inject(ids...)...)...)
	}
}

// readdressed welcomes somebody else than the one whom the commit adds.
func readdressed(added, welcomed func(a *attempt, d *mlstest.Draft) *framing.KeyPackage) func(*attempt, *mlstest.Insider, *mlstest.Draft) {
	return func(a *attempt, in *mlstest.Insider, d *mlstest.Draft) {
		to := welcomed(a, d)
		d.Proposals = in.ByValue(&framing.Add{KeyPackage: added(a, d)})
		d.Joiners = func(j []framing.Joiner) []framing.Joiner { j[0].KeyPackage = to; return j }
	}
}

// daves returns the KeyPackage of dave's that the commit adds, for readdressed.
func daves(_ *attempt, d *mlstest.Draft) *framing.KeyPackage {
	return d.Proposals[0].Proposal.(*framing.Add).KeyPackage
}

func davesOther(a *attempt, d *mlstest.Draft) *framing.KeyPackage {
	dave := newMember(a.T, "dave")
	mlstest.Seed(&dave.Params, "another time")
	return dave.KeyPackage(a).KeyPackage
}

func eves(a *attempt, _ *mlstest.Draft) *framing.KeyPackage {
	return newMember(a.T, "eve").KeyPackage(a).KeyPackage
}

// reencrypted lets change what the group secrets are encrypted under, and encrypts them under that.
func reencrypted(change func(*framing.Welcome)) func(*attempt, *mlstest.Insider, *mlstest.Draft) {
	return func(a *attempt, in *mlstest.Insider, d *mlstest.Draft) {
		var plain []byte
		to := daves(a, d).InitKey
		d.OnSecretsPlain = func(_ int, b []byte) []byte { plain = b; return b }
		d.OnWelcome = func(w *framing.Welcome) {
			change(w)
			ct := must(in.Suite.EncryptWithLabel(mlstest.Rand("again"), "Welcome", w.EncryptedGroupInfo,
				ciphersuite.Recipient{PublicKey: to, Plaintext: ciphersuite.NewSecret(plain)}))
			w.Secrets[0].EncryptedGroupSecrets = ct
		}
	}
}

// linking returns a PSK of a usage, with a nonce.
func linking(usage framing.ResumptionPSKUsage, nonce byte) framing.PreSharedKeyID {
	id := mls.ResumptionPSKID([]byte("old"), 7)
	id.Usage, id.PSKNonce = usage, bytes.Repeat([]byte{nonce}, 32)
	return id
}

// external returns an external PSK's ID with a nonce.
func external(name string, nonce byte) framing.PreSharedKeyID {
	id := mls.ExternalPSKID([]byte(name))
	id.PSKNonce = bytes.Repeat([]byte{nonce}, 32)
	return id
}

func badWelcomes() []badWelcome {
	const reInit, branch = framing.ResumptionPSKUsageReInit, framing.ResumptionPSKUsageBranch
	return slices.Concat(badEntries(), badGroupInfos(), []badWelcome{
		{"V-WEL-08", "another leaf of the client", readdressed(davesOther, daves)},
		{"V-WEL-08", "no leaf of the client", readdressed(eves, daves)},
		{"V-WEL-08", "the leaf with another lifetime", func(a *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			d.NoPath = true
			d.OnTree = func(tree *mlstest.Tree) {
				leaf := tree.Leaf(3)
				leaf.Lifetime.NotAfter++
				mlstest.SignLeaf(a, in.Suite, newMember(a.T, "dave").Signer, leaf, nil, framing.NoLeaf)
			}
		}},
		{"V-WEL-09", "random", onSecrets(func(s *framing.GroupSecrets) { s.PathSecret = secretOf(9) })},
		{"V-WEL-09", "right for the lowest node only", func(a *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			other := must(in.Suite.GenerateKeyPair(mlstest.Rand("other")))
			d.OnKeys = func(pairs []ciphersuite.KeyPair) { pairs[2] = other } // carol's path is nodes 5 and 3
		}},
		{"V-WEL-09", "left out", onSecrets(func(s *framing.GroupSecrets) { s.PathSecret = ciphersuite.Secret{} })},
		{"V-WEL-09", "without a path", func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) {
			d.NoPath = true
			d.OnSecrets = func(_ int, s *framing.GroupSecrets) { s.PathSecret = secretOf(9) }
		}},
		{"V-WEL-10", "random", onInfo(func(i *framing.GroupInfo) { i.ConfirmationTag = make([]byte, 32) })},
		{"V-WEL-10", "of the epoch before", func(_ *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			d.OnGroupInfo = func(i *framing.GroupInfo) { i.ConfirmationTag = in.Tag }
		}},
		{"V-WEL-13", "reinit and branch", injecting(linking(reInit, 1), linking(branch, 2))},
		{"V-WEL-13", "reinit twice", injecting(linking(reInit, 1), linking(reInit, 2))},
		{"V-WEL-13", "branch twice", injecting(linking(branch, 1), linking(branch, 2))},
		{"V-WEL-14", "no joiner secret", onSecrets(func(s *framing.GroupSecrets) { s.JoinerSecret = ciphersuite.Secret{} })},
		{"V-WEL-14", "short joiner secret", onSecrets(func(s *framing.GroupSecrets) {
			s.JoinerSecret = ciphersuite.NewSecret(s.JoinerSecret.Bytes()[:31])
		})},
		{"V-WEL-14", "long joiner secret", onSecrets(func(s *framing.GroupSecrets) {
			s.JoinerSecret = ciphersuite.NewSecret(append(bytes.Clone(s.JoinerSecret.Bytes()), 0))
		})},
		{"V-WEL-14", "short path secret", onSecrets(func(s *framing.GroupSecrets) {
			s.PathSecret = ciphersuite.NewSecret(s.PathSecret.Bytes()[:31])
		})},
		{"V-WEL-14", "long path secret", onSecrets(func(s *framing.GroupSecrets) {
			s.PathSecret = ciphersuite.NewSecret(append(bytes.Clone(s.PathSecret.Bytes()), 0))
		})},
		{"V-WEL-14", "an empty path secret", func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) {
			d.OnSecretsPlain = func(int, []byte) []byte {
				return append(append([]byte{32}, make([]byte, 32)...), 1, 0, 0) // joiner secret, present and empty, no PSKs
			}
		}},
		{"V-WEL-14", "a PSK twice", injecting(external("psk", 1), external("psk", 2), external("psk", 1))},
		{"V-PSK-02", "no nonce", injecting(framing.PreSharedKeyID{PSKType: framing.PSKTypeExternal, PSKID: []byte("psk")})},
		{"V-PSK-02", "a short nonce", func(a *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			injecting(withNonceOf(31))(a, in, d)
		}},
		{"V-PSK-02", "a long nonce, of a resumption PSK", func(a *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			id := mls.ResumptionPSKID([]byte("group"), 1)
			id.PSKNonce = make([]byte, 33)
			injecting(id)(a, in, d)
		}},
		{"V-PSK-07", "", onSecrets(func(s *framing.GroupSecrets) { s.PSKs = tooManyPSKs() })},
		{"V-RE-10", "reinit", injecting(linking(reInit, 1))},
		{"V-RE-10", "branch", injecting(linking(branch, 1))},
		{"V-KS-13", "KEM output", onWelcome(func(w *framing.Welcome) { w.Secrets[0].EncryptedGroupSecrets.KEMOutput = lowOrder()[1] })},
	})
}

// badEntries break the rules of what a Welcome is for and how it is encrypted.
func badEntries() []badWelcome {
	return []badWelcome{
		{"V-WEL-01", "for somebody else", readdressed(daves, eves)},
		{"V-WEL-01", "nobody", onWelcome(func(w *framing.Welcome) { w.Secrets = nil })},
		{"V-WEL-01", "twice", onWelcome(func(w *framing.Welcome) { w.Secrets = append(w.Secrets, w.Secrets[0]) })},
		{"V-WEL-01", "named by another hash", func(a *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			k := daves(a, d)
			other := mlstest.Suite(a, ciphersuite.MLS256DHKEMP384AES256GCMSHA384P384)
			d.OnWelcome = func(w *framing.Welcome) {
				w.Secrets[0].NewMember = other.RefHash("MLS 1.0 KeyPackage Reference", mlstest.Marshal(a, k))
			}
		}},
		{"V-WEL-01", "named as a proposal", func(a *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			k := daves(a, d)
			d.OnWelcome = func(w *framing.Welcome) {
				w.Secrets[0].NewMember = in.Suite.RefHash("MLS 1.0 Proposal Reference", mlstest.Marshal(a, k))
			}
		}},
		{"V-WEL-02", "another", onWelcome(func(w *framing.Welcome) { w.CipherSuite = 3 })},
		{"V-WEL-02", "with another hash", onWelcome(func(w *framing.Welcome) { w.CipherSuite = 7 })},
		{"V-WEL-02", "unknown", onWelcome(func(w *framing.Welcome) { w.CipherSuite = 0xf0f0 })},
		{"V-WEL-04", "the GroupInfo of another Welcome", func(a *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			other := in.Commit(a, func(d *mlstest.Draft) { d.Proposals = in.ByValue(newMember(a.T, "eve").Add()) })
			d.OnWelcome = func(w *framing.Welcome) {
				w.EncryptedGroupInfo = mlstest.Parse[*framing.Welcome](a, other.Welcome).EncryptedGroupInfo
			}
		}},
		{"V-WEL-04", "the GroupInfo of another Welcome, secrets encrypted under it", func(a *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			other := in.Commit(a, func(d *mlstest.Draft) { d.Proposals = in.ByValue(newMember(a.T, "eve").Add()) })
			reencrypted(func(w *framing.Welcome) {
				w.EncryptedGroupInfo = mlstest.Parse[*framing.Welcome](a, other.Welcome).EncryptedGroupInfo
			})(a, in, d)
		}},
		{"V-WEL-04", "a random KEM output", onWelcome(func(w *framing.Welcome) { w.Secrets[0].EncryptedGroupSecrets.KEMOutput = random(32) })},
		{"V-WEL-04", "a random ciphertext", onWelcome(func(w *framing.Welcome) { w.Secrets[0].EncryptedGroupSecrets.Ciphertext = random(80) })},
		{"V-WEL-04", "a random GroupInfo", reencrypted(func(w *framing.Welcome) { w.EncryptedGroupInfo = random(900) })},
		{"V-WEL-04", "another joiner secret", onSecrets(func(s *framing.GroupSecrets) { s.JoinerSecret = secretOf(9) })},
		{"V-WEL-04", "a short GroupInfo", reencrypted(func(w *framing.Welcome) { w.EncryptedGroupInfo = w.EncryptedGroupInfo[:15] })},
	}
}

// badGroupInfos break the rules of the GroupInfo in a Welcome.
func badGroupInfos() []badWelcome {
	return []badWelcome{
		{"V-WEL-03", "suite", onNext(func(c *framing.GroupContext) { c.CipherSuite = 3 })},
		{"V-WEL-03", "unknown suite", onNext(func(c *framing.GroupContext) { c.CipherSuite = 0xf0f0 })},
		{"V-WEL-03", "version", onNext(func(c *framing.GroupContext) { c.Version = 2 })},
		{"V-WEL-05", "a bit", func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) {
			d.OnSignedInfo = func(i *framing.GroupInfo) { i.Signature[3] ^= 1 }
		}},
		{"V-WEL-05", "another member", onInfo(func(i *framing.GroupInfo) { i.Signer = 0 })},
		{"V-WEL-05", "a blank leaf", func(_ *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			d.Proposals = append(d.Proposals, in.ByValue(&framing.Remove{Removed: 1})...) // dave gets that leaf
			d.OnGroupInfo = func(i *framing.GroupInfo) { i.Signer = 3 }
		}},
		{"V-WEL-05", "outside the tree", onInfo(func(i *framing.GroupInfo) { i.Signer = 4 })},
		{"V-WEL-05", "the largest index", onInfo(func(i *framing.GroupInfo) { i.Signer = 1<<32 - 1 })},
		{"V-WEL-07", "none", onInfo(func(i *framing.GroupInfo) { i.Extensions = nil })},
		{"V-WEL-07", "empty", onInfo(func(i *framing.GroupInfo) { i.Extensions[0].Data = nil })},
	}
}

// refused gives dave a bad Welcome of carol's, which leaves his KeyPackage unchanged, and then a genuine one.
func (b badWelcome) refused(a *attempt) {
	_, _, carol := a.trio()
	in, w := carol.Insider(), a.newWelcomed()
	before := must(w.own.Marshal())
	a.refusesJoin(w.by(in, func(d *mlstest.Draft) { b.change(a, in, d) }), w.by(in, nil))
	after := must(w.own.Marshal())
	require.Equal(a, before, after, "the KeyPackage is changed")
}

// badInfo is a change of a GroupInfo by which outsiders come in, before it is signed.
type badInfo struct {
	id, name string
	change   func(*framing.GroupInfo)
}

func badInfos() []badInfo {
	return []badInfo{
		{"V-WEL-03", "", func(i *framing.GroupInfo) { i.GroupContext.Version = 2 }},
		{"V-WEL-05", "another member", func(i *framing.GroupInfo) { i.Signer = 0 }},
		{"V-WEL-05", "a blank leaf", func(i *framing.GroupInfo) { i.Signer = 3 }},
		{"V-WEL-05", "outside the tree", func(i *framing.GroupInfo) { i.Signer = 4 }},
		{"V-WEL-05", "the largest index", func(i *framing.GroupInfo) { i.Signer = 1<<32 - 1 }},
		{"V-WEL-07", "none", func(i *framing.GroupInfo) { i.Extensions = i.Extensions[1:] }},
		{"V-WEL-07", "empty", func(i *framing.GroupInfo) { i.Extensions[0].Data = nil }},
	}
}

func (b badInfo) refused(a *attempt) {
	_, _, carol := a.trio()
	in := carol.Insider()
	a.refusesObserving(mlstest.NewParty(a, testSuite, "dave"), in.GroupInfo(a, b.change), nil, in.GroupInfo(a, nil))
}

// lacking returns what a joiner may lack in the demanding group.
func lacking() map[string]func(*framing.Capabilities) {
	return map[string]func(*framing.Capabilities){
		"a required extension":  func(c *framing.Capabilities) { c.Extensions = without(c.Extensions, wantedExtension) },
		"a required proposal":   func(c *framing.Capabilities) { c.Proposals = nil },
		"a required credential": func(c *framing.Capabilities) { c.Credentials = without(c.Credentials, wantedCredential) },
		"an extension in use":   func(c *framing.Capabilities) { c.Extensions = without(c.Extensions, contextExtension) },
	}
}

// joinsBoth lets somebody who knows too little join by Welcome or by a GroupInfo, and then somebody who knows enough.
func (a *attempt) joinsBoth(entry string, by, lacks, knows *mlstest.Member) {
	a.Helper()
	in := by.Insider()
	if entry == "welcome" {
		bad, genuine := &welcomed{lacks, lacks.KeyPackage(a)}, &welcomed{knows, knows.KeyPackage(a)}
		a.refusesJoin(bad.by(in, nil), genuine.by(in, nil))
		return
	}
	join := func(p *mlstest.Member) error { return failure(mls.JoinExternal(p.ByGroupInfo(by.Info()))) }
	a.gives(join(lacks))
	require.NoError(a, join(knows))
}

// welcomeRules returns the tests of area (i), and all that a Welcome can break.
func welcomeRules() []ruleTest {
	var out []ruleTest
	for _, b := range badWelcomes() {
		out = append(out, ruleTest{b.id, "welcome", b.name, b.refused})
	}
	for _, b := range badInfos() {
		out = append(out, ruleTest{b.id, "groupinfo", b.name, b.refused})
	}
	for _, entry := range []string{"welcome", "groupinfo"} {
		for name, take := range lacking() {
			out = append(out, ruleTest{"V-WEL-11", entry, name, func(a *attempt) {
				_, bob, _, dave, _ := a.demanding()
				eve := newMember(a.T, "eve")
				capable(eve.Party)
				take(&eve.Capabilities)
				a.joinsBoth(entry, bob, eve, dave)
			}})
		}
		grease := contextBreach{list: func(*attempt) framing.Extensions { return framing.Extensions{{Type: 0x0a0a, Data: []byte("grease")}} }}
		out = append(out, ruleTest{"V-WEL-11", entry, "GREASE", func(a *attempt) { grease.at(a, entry) }})
	}
	return append(out, []ruleTest{
		{"V-WEL-16", "welcome", "the form of the tree", func(a *attempt) {
			in, w := a.grove()[1].Insider(), a.newWelcomed()
			for k := range misshapen(in.Tree.Nodes) {
				a.refusesJoin(w.by(in, func(d *mlstest.Draft) {
					d.OnGroupInfo = func(i *framing.GroupInfo) {
						var tree framing.RatchetTree
						require.NoError(a, framing.Unmarshal(i.Extensions[0].Data, &tree))
						i.Extensions[0].Data = mlstest.Marshal(a, framing.RatchetTree{}.With(misshapen(tree.All())[k]))
					}
				}), w.by(in, nil))
			}
		}},
		{"V-WEL-16", "welcome", "its hash", func(a *attempt) {
			in, w := a.grove()[1].Insider(), a.newWelcomed()
			a.refusesJoin(w.by(in, func(d *mlstest.Draft) {
				d.OnNext = func(c *framing.GroupContext) { c.TreeHash = make([]byte, 32) }
			}), w.by(in, nil))
		}},
		{"V-WEL-05", "groupinfo", "a bit", func(a *attempt) {
			_, _, carol := a.trio()
			genuine := carol.Info()
			a.refusesObserving(mlstest.NewParty(a, testSuite, "dave"),
				changed(a, genuine, func(i *framing.GroupInfo) { i.Signature[3] ^= 1 }), nil, genuine)
		}},
		{"V-WEL-06", "welcome", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			w := a.newWelcomed()
			before := whole(a, bob.Group)
			genuine := w.by(alice.Insider(), nil)
			bad := genuine
			bad.Groups = [][]byte{[]byte("another"), bob.Group.GroupID()}
			genuine.Groups = [][]byte{[]byte("another")}
			a.refusesJoin(bad, genuine)
			require.Equal(a, before, whole(a, bob.Group))
		}},
		{"V-WEL-06", "groupinfo", "", func(a *attempt) {
			alice, dave := a.outsider()
			join := mls.JoinExternalParams{GroupInfo: alice.Info(), Leaf: dave.LeafParams, Now: mlstest.Now(), Params: dave.Params,
				Groups: [][]byte{[]byte("another"), alice.Group.GroupID()}}
			a.gives(failure(mls.JoinExternal(join)))
			join.Groups = join.Groups[:1]
			must(mls.JoinExternal(join))
		}},
		{"V-WEL-07", "welcome", "two trees", func(a *attempt) {
			alice, bob, _ := a.trio()
			w := a.newWelcomed()
			in := alice.Insider()
			wrong := bob.Group.Tree().Export() // of the epoch before
			made := w.by(in, nil)
			right := must(mls.Join(made))
			tree := right.Next.Tree().Export()

			beside := w.by(in, func(d *mlstest.Draft) { d.OnGroupInfo = func(i *framing.GroupInfo) { i.Extensions = nil } })
			genuine := beside
			beside.RatchetTree, genuine.RatchetTree = wrong, tree
			a.refusesJoin(beside, genuine)

			inside := w.by(in, func(d *mlstest.Draft) { d.OnGroupInfo = func(i *framing.GroupInfo) { i.Extensions[0].Data = wrong } })
			inside.RatchetTree = tree // no help: the signer's word comes first
			made.RatchetTree = wrong  // no harm, for the same reason
			s := a.refusesJoin(inside, made)
			require.Equal(a, tree, s.Next.Tree().Export())
		}},
		{"V-WEL-07", "groupinfo", "two trees", func(a *attempt) {
			alice, bob, carol := a.trio()
			wrong := alice.Group.Tree().Export()
			bob.Commit(mls.CommitParams{}, alice, carol)
			dave := mlstest.NewParty(a, testSuite, "dave")
			without := must(alice.Group.GroupInfo(mls.GroupInfoParams{ExternalPub: true, OmitTree: true}, alice.Signer))
			a.refusesObserving(dave, without, wrong, alice.Info())
			in := alice.Insider()
			inside := in.GroupInfo(a, func(i *framing.GroupInfo) { i.Extensions[0].Data = wrong })
			a.refusesObserving(dave, inside, alice.Group.Tree().Export(), alice.Info())
			s := must(mls.Observe(mls.ObserveParams{GroupInfo: alice.Info(), RatchetTree: wrong, Now: mlstest.Now()}))
			require.Equal(a, alice.Group.Tree().Export(), s.Next.Tree().Export())
		}},
		{"V-WEL-12", "welcome", "", func(a *attempt) {
			alice, _, _ := a.trio()
			s, err := mls.Join(a.newWelcomed().by(alice.Insider(), func(d *mlstest.Draft) {
				d.OnGroupInfo = func(i *framing.GroupInfo) { i.Extensions = append(i.Extensions, unheardOf()...) }
			}))
			a.holds(err == nil, "%v", err)
			require.Empty(a, s.Next.Context().Extensions)
		}},
		{"V-WEL-12", "groupinfo", "", func(a *attempt) {
			alice, dave := a.outsider()
			info := alice.Insider().GroupInfo(a, func(i *framing.GroupInfo) { i.Extensions = append(unheardOf(), i.Extensions...) })
			_, err := mls.Observe(mls.ObserveParams{GroupInfo: info, Now: mlstest.Now()})
			a.holds(err == nil, "%v", err)
			_, err = mls.JoinExternal(dave.ByGroupInfo(info))
			a.holds(err == nil, "%v", err)
		}},
		{"V-WEL-15", "welcome", "", func(a *attempt) {
			_, _, carol := a.trio()
			in, w := carol.Insider(), a.newWelcomed()
			genuine := w.by(in, nil)
			before := must(w.own.Marshal())
			for _, b := range badWelcomes() { // one forged Welcome after the other
				require.Error(a, failure(mls.Join(w.by(in, func(d *mlstest.Draft) { b.change(a, in, d) }))), "%s %s", b.id, b.name)
			}
			after := must(w.own.Marshal())
			a.holds(bytes.Equal(before, after), "the KeyPackage is changed")
			s := must(mls.Join(genuine))
			ref := must(w.own.KeyPackage.Ref(in.Suite))
			require.Equal(a, &mls.UsedKey{Ref: ref}, s.Used)
			w.own.Erase() // as Used asks
			_, err := mls.Join(genuine)
			a.holds(err != nil, "the same Welcome serves twice")
			_, err = s.Next.Protect([]byte("hello"), mls.ProtectParams{}, w.dave.Signer)
			require.NoError(a, err, "the Group has keys of its own")
		}},
	}...)
}

// misshapen returns invalid trees, made from the nodes of one with twelve nodes or more.
func misshapen(nodes []*framing.Node) [][]*framing.Node {
	atLeaf, atParent := slices.Clone(nodes), slices.Clone(nodes)
	atLeaf[4], atParent[5] = nodes[3], nodes[4]
	return [][]*framing.Node{nil, {nil}, {nil, nil, nil}, append(slices.Clone(nodes), nil, nil), atLeaf, atParent, nodes[:12]}
}

// unheardOf returns extensions of unknown types.
func unheardOf() framing.Extensions {
	return framing.Extensions{{Type: 0x0a0a, Data: []byte("grease")}, {Type: strange}}
}
