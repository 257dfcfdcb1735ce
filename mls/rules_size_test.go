package mls_test

// RFC 9420, Section 5.1: sizes that the cipher suite gives.

import (
	"bytes"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// sizeRules returns the tests of V-WIRE-16.
func sizeRules() []ruleTest {
	return []ruleTest{
		{"V-WIRE-16", "keypackage", "", func(a *attempt) {
			alice, dave := a.outsider()
			genuine := fromNewcomer(dave, alice.Group, proposing(dave.Add()))
			for _, key := range sizes(32) {
				bad := dave.ForgeKeyPackage(a, func(l *framing.LeafNode) { l.SignatureKey = key }, nil)
				a.refusesCall(alice.Group, func() error {
					return failure(alice.Group.Propose(&framing.Add{KeyPackage: bad}, mls.ProposeParams{Now: mlstest.Now()}, alice.Signer))
				})
				bad = dave.ForgeKeyPackage(a, nil, func(k *framing.KeyPackage) { k.InitKey = key })
				a.refusesMessage(alice.Group, fromNewcomer(dave, alice.Group, proposing(&framing.Add{KeyPackage: bad})), genuine)
				bad = dave.ForgeKeyPackage(a, func(l *framing.LeafNode) { l.EncryptionKey = key }, nil)
				a.refusesMessage(alice.Group, fromNewcomer(dave, alice.Group, proposing(&framing.Add{KeyPackage: bad})), genuine)
			}
		}},
		{"V-WIRE-16", "public", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			genuine := alice.Propose(&framing.Remove{Removed: 2})
			for _, tag := range sizes(32) {
				a.refusesMessage(bob.Group, changed(a, genuine, func(m *framing.PublicMessage) { m.MembershipTag = tag }), genuine)
			}
		}},
		{"V-WIRE-16", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			genuine := alice.Say("hello")
			for _, b := range sizes(28) {
				a.refusesMessage(bob.Group, changed(a, genuine, func(m *framing.PrivateMessage) { m.EncryptedSenderData = b }), genuine)
			}
			for _, b := range [][]byte{nil, {1}, make([]byte, 15), make([]byte, 16), make([]byte, 31)} {
				a.refusesMessage(bob.Group, changed(a, genuine, func(m *framing.PrivateMessage) { m.Ciphertext = b }), genuine)
			}
		}},
		{"V-WIRE-16", "external", "", func(a *attempt) {
			alice, _, _ := a.trio()
			in := a.intrude("dave", alice.Info())
			for _, output := range append(sizes(32), random(32)) {
				bad := in.commit(a, func(d *mlstest.Draft) { d.Proposals = in.ByValue(&framing.ExternalInit{KEMOutput: output}) })
				a.refusesMessage(alice.Group, bad, in.commit(a, nil))
			}
		}},
		{"V-WIRE-16", "path", "", func(a *attempt) {
			alice, in := a.insider()
			for _, b := range append(sizes(32), random(32)) {
				bad := in.Commit(a, func(d *mlstest.Draft) {
					d.OnPath = func(p *framing.UpdatePath) {
						for k := range p.Nodes {
							for j := range p.Nodes[k].EncryptedPathSecret {
								p.Nodes[k].EncryptedPathSecret[j] = ciphersuite.HPKECiphertext{KEMOutput: b, Ciphertext: b}
							}
						}
					}
				})
				a.refusesMessage(alice.Group, bad.Commit, in.Commit(a, nil).Commit)
			}
		}},
		{"V-WIRE-16", "path", "keys", func(a *attempt) {
			alice, in := a.insider()
			for _, key := range sizes(32) {
				for _, change := range []func(*mlstest.Draft){
					func(d *mlstest.Draft) { d.OnLeaf = func(l *framing.LeafNode) { l.EncryptionKey = key } },
					func(d *mlstest.Draft) { d.OnLeaf = func(l *framing.LeafNode) { l.SignatureKey = key } },
					func(d *mlstest.Draft) { d.OnPath = func(p *framing.UpdatePath) { p.Nodes[0].EncryptionKey = key } },
				} {
					a.refusesMessage(alice.Group, in.Commit(a, change).Commit, in.Commit(a, nil).Commit)
					a.names(1)
				}
			}
		}},
		{"V-WIRE-16", "update", "", func(a *attempt) {
			alice, in := a.insider()
			genuine, _ := in.Propose(a, in.UpdateLeaf(a, "key", nil), nil)
			for _, key := range sizes(32) {
				for _, change := range []func(*framing.LeafNode){
					func(l *framing.LeafNode) { l.EncryptionKey = key }, func(l *framing.LeafNode) { l.SignatureKey = key },
				} {
					bad, _ := in.Propose(a, in.UpdateLeaf(a, "key", change), nil)
					a.refusesMessage(alice.Group, bad, genuine)
					a.names(1)
				}
			}
		}},
		{"V-WIRE-16", "welcome", "", func(a *attempt) {
			alice, _, _ := a.trio()
			in, w := alice.Insider(), a.newWelcomed()
			genuine := w.by(in, nil)
			for _, b := range sizes(32) {
				for _, change := range []func(*framing.Welcome){
					func(m *framing.Welcome) { m.Secrets[0].EncryptedGroupSecrets.KEMOutput = b },
					func(m *framing.Welcome) { m.Secrets[0].EncryptedGroupSecrets.Ciphertext = b },
					func(m *framing.Welcome) { m.EncryptedGroupInfo = b },
				} {
					a.refusesJoin(w.by(in, func(d *mlstest.Draft) { d.OnWelcome = change }), genuine)
				}
				a.refusesJoin(w.by(in, func(d *mlstest.Draft) {
					d.OnNext = func(c *framing.GroupContext) { c.ConfirmedTranscriptHash = b }
				}), genuine)
			}
		}},
		{"V-WIRE-16", "groupinfo", "", func(a *attempt) {
			alice, _, _ := a.trio()
			genuine := alice.Info()
			for _, b := range sizes(32) {
				for _, change := range []func(*framing.GroupInfo){
					func(i *framing.GroupInfo) { i.ConfirmationTag = b },
					func(i *framing.GroupInfo) { i.GroupContext.ConfirmedTranscriptHash = b },
				} {
					a.refusesObserving(mlstest.NewParty(a, testSuite, "dave"), alice.Insider().GroupInfo(a, change), nil, genuine)
				}
			}
			first := newMember(a.T, "alice")
			first.Group = first.Create(a, "of one")
			_, err := mls.Observe(mls.ObserveParams{GroupInfo: first.Info()}) // there is no transcript yet
			require.NoError(a, err)
			a.gives(failure(mls.Observe(mls.ObserveParams{GroupInfo: first.Insider().GroupInfo(a, func(i *framing.GroupInfo) {
				i.GroupContext.ConfirmedTranscriptHash = []byte{1}
			})})))
		}},
		{"V-WIRE-16", "tree", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			carol.Commit(mls.CommitParams{ForcePath: true}, alice, bob)
			genuine := alice.Info()
			for _, b := range sizes(32) {
				for k, change := range []func(*mlstest.Tree){
					func(t *mlstest.Tree) { t.Leaf(2).EncryptionKey = b },
					func(t *mlstest.Tree) { t.Leaf(2).SignatureKey = b },
					func(t *mlstest.Tree) { t.Parent(3).EncryptionKey = b },
					func(t *mlstest.Tree) { t.Parent(3).ParentHash = b },
				} {
					if k == 3 && b == nil {
						continue // the root has none
					}
					in := alice.Insider()
					change(in.Tree)
					in.Context.TreeHash = in.Tree.Hash()
					a.refusesObserving(mlstest.NewParty(a, testSuite, "dave"), in.GroupInfo(a, nil), nil, genuine)
				}
			}
		}},
	}
}

// sizes returns values that are not of n bytes.
func sizes(n int) [][]byte {
	return [][]byte{nil, {9}, bytes.Repeat([]byte{9}, n-1), bytes.Repeat([]byte{9}, n+1)}
}

// random returns n bytes that mean nothing.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = mlstest.Rand("nothing").Read(b)
	return b
}
