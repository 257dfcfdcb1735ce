package mls_test

import (
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// badCommit is a way to make a commit that the member at leaf 0 of a grove has to refuse. The committer is b, at leaf 1,
// or a newcomer.
type badCommit struct {
	id, name string
	change   func(a *attempt, in *mlstest.Insider, d *mlstest.Draft)
	entries  []string // path, commit, external
}

// takeSecrets are the rules that an observer cannot check.
var takeSecrets = []string{"V-CM-06", "V-CM-14", "V-CM-20", "V-EJ-07", "V-PR-13", "V-KS-13"}

func (b badCommit) rules() []ruleTest {
	return atEntries(b.id, b.name, b.entries, func(a *attempt, entry string) {
		all := a.grove()
		var bad, genuine []byte
		committer := framing.LeafIndex(1)
		if entry == "external" {
			committer = 8
			i := a.intrude("joiner", all[0].Info())
			bad, genuine = i.commit(a, func(d *mlstest.Draft) { b.change(a, i.Insider, d) }), i.commit(a, nil)
		} else {
			in := all[1].Insider()
			bad, genuine = in.Commit(a, func(d *mlstest.Draft) { b.change(a, in, d) }).Commit, in.Commit(a, nil).Commit
		}
		a.refusesMessage(all[0].Group, bad, genuine)
		if b.id == "V-PR-13" || b.id == "V-KS-13" { // what a proposal holds is nobody's leaf
			committer = framing.NoLeaf
		}
		a.names(committer)
		if !slices.Contains(takeSecrets, b.id) {
			a.gives(failure(all[0].Observe().Handle(input(bad))))
		}
	})
}

// onPath returns a change of the path when it is encrypted.
func onPath(change func(*framing.UpdatePath)) func(*attempt, *mlstest.Insider, *mlstest.Draft) {
	return func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) { d.OnPath = change }
}

// onKey replaces the key of one node of the path by what key returns.
func onKey(k int, key func(*mlstest.Insider, []ciphersuite.KeyPair) ciphersuite.HPKEPublicKey) func(*attempt, *mlstest.Insider, *mlstest.Draft) {
	return func(_ *attempt, in *mlstest.Insider, d *mlstest.Draft) {
		d.OnKeys = func(pairs []ciphersuite.KeyPair) { pairs[k].Public = key(in, pairs) }
	}
}

func badCommits() []badCommit {
	both := []string{"path", "external"}
	path := []string{"path"}
	return []badCommit{
		{"V-CM-02", "a node too many", onPath(func(p *framing.UpdatePath) { p.Nodes = append(p.Nodes, p.Nodes[0]) }), both},
		{"V-CM-02", "a node too few", onPath(func(p *framing.UpdatePath) { p.Nodes = p.Nodes[:len(p.Nodes)-1] }), both},
		{"V-CM-02", "no nodes", onPath(func(p *framing.UpdatePath) { p.Nodes = nil }), both},
		{"V-CM-03", "a spare ciphertext", onPath(func(p *framing.UpdatePath) {
			n := &p.Nodes[len(p.Nodes)-1]
			n.EncryptedPathSecret = append(n.EncryptedPathSecret, n.EncryptedPathSecret[0])
		}), both},
		{"V-CM-03", "one that others need is missing", onPath(func(p *framing.UpdatePath) {
			n := &p.Nodes[len(p.Nodes)-1]
			n.EncryptedPathSecret = n.EncryptedPathSecret[:len(n.EncryptedPathSecret)-1]
		}), both},
		{"V-CM-08", "", onKey(0, func(in *mlstest.Insider, _ []ciphersuite.KeyPair) ciphersuite.HPKEPublicKey {
			return in.Tree.Leaf(1).EncryptionKey
		}), path},
		{"V-CM-09", "another leaf's", onKey(1, func(in *mlstest.Insider, _ []ciphersuite.KeyPair) ciphersuite.HPKEPublicKey {
			return in.Tree.Leaf(6).EncryptionKey
		}), both},
		{"V-CM-09", "another leaf's in the leaf", onKey(0, func(in *mlstest.Insider, _ []ciphersuite.KeyPair) ciphersuite.HPKEPublicKey {
			return in.Tree.Leaf(6).EncryptionKey
		}), both},
		{"V-CM-09", "an untouched parent's", onKey(1, func(in *mlstest.Insider, _ []ciphersuite.KeyPair) ciphersuite.HPKEPublicKey { return in.Tree.Key(9) }), both},
		{"V-CM-09", "the leaf's in the path", onKey(1, func(_ *mlstest.Insider, pairs []ciphersuite.KeyPair) ciphersuite.HPKEPublicKey {
			return pairs[0].Public
		}), both},
		{"V-CM-09", "twice in the path", onKey(2, func(_ *mlstest.Insider, pairs []ciphersuite.KeyPair) ciphersuite.HPKEPublicKey {
			return pairs[1].Public
		}), path},
		{"V-CM-10", "a bit", func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) {
			d.OnLeaf = func(l *framing.LeafNode) { l.ParentHash[3] ^= 1 }
		}, both},
		{"V-CM-10", "empty", func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) {
			d.OnLeaf = func(l *framing.LeafNode) { l.ParentHash = nil }
		}, both},
		{"V-CM-14", "a bit", func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) {
			d.OnTag = func(tag []byte) []byte { return append([]byte{tag[0] ^ 1}, tag[1:]...) }
		}, []string{"commit", "external"}},
		{"V-CM-14", "empty", func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) {
			d.OnTag = func([]byte) []byte { return nil }
		}, []string{"commit", "external"}},
		{"V-CM-14", "cut short", func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) {
			d.OnTag = func(tag []byte) []byte { return tag[:16:16] }
		}, []string{"commit", "external"}},
		{"V-CM-14", "another epoch", func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) {
			d.OnNext = func(c *framing.GroupContext) { c.TreeHash = make([]byte, 32) }
		}, []string{"commit", "external"}},
		{"V-CM-20", "does not decrypt", onPath(func(p *framing.UpdatePath) {
			for k := range p.Nodes {
				p.Nodes[k].EncryptedPathSecret[0].Ciphertext[0] ^= 1
			}
		}), path},
		{"V-EJ-07", "another group's key", func(a *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			other := newCast(a.T, "somebody")[0]
			d.Proposals = a.intrude("another", other.Info()).externalInit(a)
		}, []string{"external"}},
		{"V-EJ-06", "a capability", func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) {
			d.OnLeaf = func(l *framing.LeafNode) { l.Capabilities.CipherSuites = nil }
		}, []string{"external"}},
		{"V-EJ-06", "signed for another leaf", func(a *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			d.OnSigned = func(l *framing.LeafNode) { mlstest.SignLeaf(a, in.Suite, in.Signer, l, in.Context.GroupID, 2) }
		}, []string{"external"}},
		{"V-EJ-06", "a member's signature key", func(a *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			b := newMember(a.T, "b")
			d.LeafSigner = b.Signer
			d.Template.SignatureKey = in.Tree.Leaf(1).SignatureKey
			d.OnContent = func(c *mlstest.Content) { c.Signer = b.Signer }
		}, []string{"external"}},
		{"V-PR-13", "low order", func(_ *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			d.Proposals = in.ByValue(&framing.ExternalInit{KEMOutput: make([]byte, 32)})
		}, []string{"external"}},
		{"V-PR-13", "short", func(_ *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			d.Proposals = in.ByValue(&framing.ExternalInit{KEMOutput: make([]byte, 31)})
		}, []string{"external"}},
		{"V-KS-13", "KEM output", func(_ *attempt, in *mlstest.Insider, d *mlstest.Draft) {
			d.Proposals = in.ByValue(&framing.ExternalInit{KEMOutput: lowOrder()[1]})
		}, []string{"external"}},
		{"V-KP-06", "low order in the path", onKey(1, func(*mlstest.Insider, []ciphersuite.KeyPair) ciphersuite.HPKEPublicKey { return lowOrder()[0] }), both},
		{"V-KP-06", "none in the leaf", onKey(0, func(*mlstest.Insider, []ciphersuite.KeyPair) ciphersuite.HPKEPublicKey { return nil }), both},
		{"V-KP-06", "low order in the leaf", onKey(0, func(*mlstest.Insider, []ciphersuite.KeyPair) ciphersuite.HPKEPublicKey { return lowOrder()[0] }), both},
		{"V-KP-06", "signature key", func(_ *attempt, _ *mlstest.Insider, d *mlstest.Draft) {
			d.OnSigned = func(l *framing.LeafNode) { l.SignatureKey = lowOrder()[1] }
		}, path},
	}
}

// externalInit returns the ExternalInit that the intruder's commits cover.
func (i *intruder) externalInit(a *attempt) []mlstest.Covered {
	var out []mlstest.Covered
	i.commit(a, func(d *mlstest.Draft) { out = d.Proposals })
	return out
}

// commitRules returns the tests of area (h), and all that a commit's path can break.
func commitRules() []ruleTest {
	var out []ruleTest
	for _, b := range badCommits() {
		out = append(out, b.rules()...)
	}
	out = slices.Concat(out, pathRules(), sequenceRules())
	return append(out, []ruleTest{
		{"V-CM-01", "commit", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			update, covered := carol.Insider().Propose(a, carol.Insider().UpdateLeaf(a, "key", nil), nil)
			alice.Hear(update)
			in := bob.Insider()
			genuine := in.Commit(a, nil).Commit
			for _, list := range [][]mlstest.Covered{
				nil, {covered}, in.ByValue(&framing.Remove{Removed: 2}), in.ByValue(&framing.GroupContextExtensions{}),
				in.ByValue(newMember(a.T, "dave").Add(), &framing.Remove{Removed: 2}),
			} {
				a.refusesMessage(alice.Group, in.Commit(a, func(d *mlstest.Draft) {
					d.Proposals, d.NoPath, d.Welcome = list, true, false
				}).Commit, genuine)
				a.names(1)
			}
			for _, noPath := range []bool{true, false} {
				_, err := alice.Group.Handle(input(in.Commit(a, func(d *mlstest.Draft) {
					d.Proposals, d.NoPath, d.Welcome = in.ByValue(newMember(a.T, "dave").Add()), noPath, false
				}).Commit))
				a.holds(err == nil, "an Add needs no path and may have one: %v", err)
			}
		}},
		{"V-CM-01", "commit", "a custom type", func(a *attempt) {
			alice, bob, _, _, _ := a.demanding()
			in := bob.Insider()
			draft := func(noPath bool) []byte {
				return in.Commit(a, func(d *mlstest.Draft) {
					d.Proposals, d.NoPath = in.ByValue(&framing.CustomProposal{Type: wantedProposal, Data: []byte{1}}), noPath
				}).Commit
			}
			a.refusesMessage(alice.Group, draft(true), draft(false))
		}},
		{"V-CM-01", "commit", "a custom type that needs no path", func(a *attempt) {
			all := newCastOf(a.T, func(c *mlstest.Party) {
				capable(c)
				c.Params.PathlessProposals = []framing.ProposalType{wantedProposal}
			}, nil, "alice", "bob")
			alice, bob := all[0], all[1]
			in, custom := bob.Insider(), &framing.CustomProposal{Type: wantedProposal, Data: []byte{1}}
			for _, noPath := range []bool{true, false} {
				_, err := alice.Group.Handle(input(in.Commit(a, func(d *mlstest.Draft) {
					d.Proposals, d.NoPath = in.ByValue(custom), noPath
				}).Commit))
				a.holds(err == nil, "without a path: %v: %v", noPath, err)
			}
			pending := alice.MakeCommit(mls.CommitParams{Proposals: []framing.Proposal{custom}}).Next.Pending()
			a.holds(!pending.Change.Path, "a path that nothing needs")
		}},
		{"V-CM-01", "external", "", func(a *attempt) {
			alice, i := a.intruder()
			a.refusesSeen(alice, i.commit(a, func(d *mlstest.Draft) { d.NoPath = true }), i.commit(a, nil))
		}},
		{"V-CM-01", "commit", "PSK and ReInit", func(a *attempt) {
			alice, bob, _ := a.trio()
			in, psk := bob.Insider(), externalPSK("psk")
			psk.ID.PSKNonce = make([]byte, 32)
			reInit := &framing.ReInit{GroupID: []byte("next"), Version: framing.MLS10, CipherSuite: testSuite}
			for _, list := range [][]framing.Proposal{inject(psk.ID), {reInit}} {
				for _, noPath := range []bool{true, false} {
					commit := in.Commit(a, func(d *mlstest.Draft) {
						d.Proposals, d.NoPath, d.PSKs = in.ByValue(list...), noPath, mls.PSKs{psk}
					}).Commit
					_, err := alice.Group.Handle(mls.Input{Message: commit, PSKs: mls.PSKs{psk}})
					a.holds(err == nil, "%v may come with and without a path: %v", list[0].ProposalType(), err)
				}
			}
		}},
		{"V-CM-11", "commit", "", func(a *attempt) {
			all := a.grove()
			all[0].Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 1}}}, without(all, all[1])[1:]...)
			tree := all[0].Insider().Tree
			a.holds(tree.Parent(1) == nil, "node 1 dropped out of the filtered path and is not blank")
			require.Empty(a, tree.Parent(7).UnmergedLeaves)
			mlstest.Agree(without(all, all[1])...)
		}},
		{"V-CM-12", "commit", "", func(a *attempt) {
			all := a.grove()
			var list []framing.Proposal
			for i := framing.LeafIndex(2); i < 8; i++ {
				list = append(list, &framing.Remove{Removed: i})
			}
			all[0].Commit(mls.CommitParams{Proposals: list}, all[1])
			a.holds(all[1].Group.Tree().Width() == 2, "%d leaves", all[1].Group.Tree().Width())
			mlstest.Agree(all[0], all[1])
		}},
		{"V-CM-13", "commit", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			fresh := newMember(a.T, "bob, later").Signer
			in := bob.Insider()
			key := must(in.Suite.PublicKeyOf(fresh))
			rotate := func(d *mlstest.Draft) { d.Template.SignatureKey, d.LeafSigner = key, fresh }
			a.refusesMessage(alice.Group, in.Commit(a, func(d *mlstest.Draft) {
				rotate(d)
				d.OnContent = func(c *mlstest.Content) { c.Signer = fresh }
			}).Commit, in.Commit(a, rotate).Commit)
			bob.Commit(mls.CommitParams{Leaf: mls.LeafUpdate{Signer: fresh}}, alice, carol)
			bob.Signer = fresh
			mlstest.Agree(alice, bob, carol)
		}},
		{"V-CM-13", "send", "", func(a *attempt) {
			alice, _, _ := a.trio()
			fresh := newMember(a.T, "later").Signer
			a.refusesCall(alice.Group, func() error {
				return failure(alice.Group.Commit(mls.CommitParams{Leaf: mls.LeafUpdate{Signer: fresh}}, fresh))
			})
		}},
		{"V-CM-15", "commit", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			one := mls.PSK{ID: mls.ExternalPSKID([]byte("one")), Secret: secretOf(1)}
			two := mls.PSK{ID: mls.ExternalPSKID([]byte("two")), Secret: secretOf(2)}
			message := bob.MakeCommit(mls.CommitParams{PSKs: mls.PSKs{one, two},
				Proposals: []framing.Proposal{&framing.PreSharedKey{PSK: one.ID}, &framing.PreSharedKey{PSK: two.ID}}}).Send[0].Message
			genuine := mls.Input{Message: message, PSKs: mls.PSKs{two, one}}
			a.refuses(alice.Group, mls.Input{Message: message}, genuine)
			a.refuses(alice.Group, mls.Input{Message: message, PSKs: mls.PSKs{one}}, genuine)
		}},
		{"V-CM-15", "external", "", func(a *attempt) {
			alice, i := a.intruder()
			message := i.commit(a, func(d *mlstest.Draft) {
				d.Proposals, d.PSKs = append(d.Proposals, i.ByValue(pskOf("psk", "1"))...), pskSecrets("psk")
			})
			a.refuses(alice.Group, input(message), mls.Input{Message: message, Now: mlstest.Now(), PSKs: pskSecrets("psk")})
		}},
		{"V-CM-15", "send", "", func(a *attempt) {
			alice, _, _ := a.trio()
			a.refusesCommit(alice, &framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte("one"))})
		}},
		{"V-CM-17", "commit", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			mine := bob.MakeCommit(mls.CommitParams{Proposals: []framing.Proposal{newMember(a.T, "dave").Add()},
				Now: mlstest.Now(), ForcePath: true}).Send[0].Message
			altered := changed(a, mine, func(m *framing.PublicMessage) { m.Auth.ConfirmationTag[0] ^= 1 })
			a.refusesMessage(bob.Group, altered, mine)
			theirs := carol.Insider().Commit(a, nil).Commit
			a.gives(handle(bob.Hear(mine).Next, theirs)) // once adopted, another's is late
			s, err := bob.Group.Handle(input(mine))      // the echo once more
			require.NoError(a, err)
			require.IsType(a, &mls.Echo{}, s.Events[0])
			alice.MakeCommit(mls.CommitParams{})
			alice.Hear(theirs) // and another's that comes first is followed
			a.gives(failure(alice.Group.Adopt()))
		}},
		{"V-CM-18", "commit", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			in := bob.Insider()
			remove := func(d *mlstest.Draft) { d.Proposals = in.ByValue(&framing.Remove{Removed: 0}) }
			bad := in.Retag(a, in.Commit(a, remove).Commit, func(m *framing.PublicMessage) { m.Auth.Signature[3] ^= 1 })
			breaks(a.T, "V-FR-05", failure(alice.Group.Handle(input(bad))))
			made := in.Commit(a, remove)
			alice.Hear(made.Commit)
			require.Equal(a, mls.StatusRemoved, alice.Group.Status())
			carol.Hear(made.Commit)
			a.gives(handle(alice.Group, made.Next.Commit(a, nil).Commit))
		}},
		{"V-CM-18", "external", "", func(a *attempt) { // by the member's own other device
			alice, bob, _ := a.trio()
			i := a.intrude("bob", alice.Info())
			draft := func(change func(*mlstest.Draft)) func(*mlstest.Draft) {
				return func(d *mlstest.Draft) {
					d.Proposals = append(d.Proposals, i.ByValue(&framing.Remove{Removed: 1})...)
					if change != nil {
						change(d)
					}
				}
			}
			breaks(a.T, "V-CM-10", handle(bob.Group, i.commit(a, draft(func(d *mlstest.Draft) {
				d.OnLeaf = func(l *framing.LeafNode) { l.ParentHash[0] ^= 1 }
			}))))
			made := i.Commit(a, draft(func(d *mlstest.Draft) { d.Template = i.leaf }))
			require.IsType(a, &mls.Removed{}, bob.Hear(made.Commit).Events[0])
			a.gives(handle(bob.Group, made.Next.Commit(a, nil).Commit))
			for _, call := range sendingCalls(bob) {
				a.refusesCall(bob.Group, call)
			}
		}},
		{"V-CM-18", "send", "", func(a *attempt) {
			alice, in := a.insider()
			alice.Hear(a.over(in, &framing.Remove{Removed: 0}))
			for _, call := range sendingCalls(alice) {
				a.refusesCall(alice.Group, call)
			}
		}},
	}...)
}

// sendingCalls returns all calls by which a member sends.
func sendingCalls(p *mlstest.Member) []func() error {
	return []func() error{
		func() error { _, err := p.Group.Commit(mls.CommitParams{}, p.Signer); return err },
		func() error {
			return failure(p.Group.Propose(&framing.Remove{Removed: 1}, mls.ProposeParams{}, p.Signer))
		},
		func() error { return failure(p.Group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, p.Signer)) },
		func() error { _, err := p.Group.Protect([]byte("hello"), mls.ProtectParams{}, p.Signer); return err },
		func() error { _, err := p.Group.GroupInfo(mls.GroupInfoParams{}, p.Signer); return err },
	}
}

// handle returns the error of a message.
func handle(g *mls.Group, message []byte) error {
	return failure(g.Handle(input(message)))
}
