package mls_test

// draft-ietf-mls-extensions, SelfRemove and AppDataUpdate.

import (
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// leavers returns a group whose members know the proposals of the draft, and of which bob wants to leave.
func (a *attempt) leavers() (alice, bob, carol *mlstest.Member, leave mlstest.Covered) {
	a.Helper()
	alice, bob, carol = three(newCastOf(a.T, func(c *mlstest.Party) {
		selfRemoving(c)
		c.Capabilities.Proposals = append(c.Capabilities.Proposals, framing.ProposalTypeAppDataUpdate)
	}, nil, "alice", "bob", "carol"))
	message, leave := bob.Insider().Propose(a, &framing.SelfRemove{}, nil)
	mlstest.Tell(message, alice, carol)
	return alice, bob, carol, leave
}

// proposed lets a member hear another one's proposal.
func (a *attempt) proposed(by, to *mlstest.Member, p framing.Proposal) mlstest.Covered {
	a.Helper()
	message, covered := by.Insider().Propose(a, p, nil)
	to.Hear(message)
	return covered
}

// entering returns an external commit that covers something besides what it has to.
func (a *attempt) entering(by *mlstest.Member, also ...mlstest.Covered) []byte {
	a.Helper()
	eve := newMember(a.T, "eve")
	i := mlstest.NewNewcomer(a, eve.Party, by.Info())
	leaf := eve.KeyPackage(a).KeyPackage.LeafNode
	return i.Commit(a, func(d *mlstest.Draft) {
		d.Template = leaf
		for _, c := range also {
			if c.Ref == nil {
				c.Sender = i.Sender
			}
			d.Proposals = append(d.Proposals, c)
		}
	}).Commit
}

// refused has alice refuse a commit, and then take one of carol's with the SelfRemove alone.
func (a *attempt) refused(alice, carol *mlstest.Member, bad []byte, leave mlstest.Covered) {
	a.Helper()
	a.refusesMessage(alice.Group, bad, a.covering(carol.Insider(), leave))
}

// selfRemoveRules returns the tests of areas (q) and (r).
func selfRemoveRules() []ruleTest {
	update := mlstest.Covered{Proposal: &framing.AppDataUpdate{ID: 0x8001, Update: []byte("state")}}
	return []ruleTest{
		{"V-SR-01", "outside", "", func(a *attempt) {
			alice, _, service := a.served()
			a.refusesSeen(alice, fromOutside(service, alice.Group, proposing(&framing.SelfRemove{})),
				fromOutside(service, alice.Group, proposing(&framing.Remove{Removed: 1})))
		}},
		{"V-SR-01", "send", "", func(a *attempt) {
			outside := mls.Outsider{CipherSuite: testSuite, GroupID: []byte("group")}
			a.gives(failure(outside.Propose(&framing.SelfRemove{}, 0, mls.ProposeParams{}, newMember(a.T, "eve").Signer)))
		}},
		{"V-SR-02", "private", "", func(a *attempt) {
			alice, _, carol, _ := a.leavers()
			send := func(p framing.Proposal) []byte {
				message, _ := carol.Insider().Propose(a, p, func(c *mlstest.Content) { c.Format = framing.WireFormatPrivateMessage })
				return message
			}
			a.refusesMessage(alice.Group, send(&framing.SelfRemove{}), send(&framing.Remove{Removed: 1}))
		}},
		{"V-SR-04", "value", "", func(a *attempt) {
			alice, bob, carol, leave := a.leavers()
			byValue := mlstest.Covered{Proposal: leave.Proposal, Sender: bob.Insider().Sender}
			a.refused(alice, carol, a.covering(carol.Insider(), byValue), leave)
		}},
		{"V-SR-04", "external", "", func(a *attempt) {
			alice, bob, _, leave := a.leavers()
			byValue := mlstest.Covered{Proposal: leave.Proposal, Sender: bob.Insider().Sender}
			a.refusesMessage(alice.Group, a.entering(alice, byValue), a.entering(alice, leave))
		}},
		{"V-SR-04", "send", "", func(a *attempt) {
			alice, _, _, _ := a.leavers()
			a.refusesCommitting(alice, mls.CommitParams{Proposals: []framing.Proposal{&framing.SelfRemove{}}})
		}},
		{"V-SR-05", "reference", "", func(a *attempt) {
			alice, bob, carol, leave := a.leavers()
			for _, c := range []mlstest.Covered{
				{Proposal: &framing.Remove{Removed: 1}, Sender: carol.Insider().Sender},
				a.proposed(carol, alice, &framing.Remove{Removed: 1}),
				a.proposed(bob, alice, bob.Insider().UpdateLeaf(a, "update", nil)),
			} {
				a.refused(alice, carol, a.covering(carol.Insider(), leave, c), leave)
				a.names(1)
				a.refused(alice, carol, a.covering(carol.Insider(), c, leave), leave)
			}
			message, second := bob.Insider().Propose(a, &framing.SelfRemove{}, func(c *mlstest.Content) { c.AuthenticatedData = []byte{1} })
			alice.Hear(message)
			a.refused(alice, carol, a.covering(carol.Insider(), leave, second), leave)
		}},
		{"V-SR-05", "send", "", func(a *attempt) {
			alice, _, carol, leave := a.leavers()
			other := a.proposed(carol, alice, &framing.Remove{Removed: 1})
			a.refusesCommitting(alice, mls.CommitParams{References: []framing.ProposalRef{leave.Ref, other.Ref}})
		}},
		{"V-SR-06", "reference", "", func(a *attempt) {
			alice, bob, carol, leave := a.leavers()
			a.refused(alice, carol, a.covering(bob.Insider(), leave), leave)
		}},
		{"V-SR-06", "send", "", func(a *attempt) {
			_, bob, _, _ := a.leavers()
			bob.Take(bob.Group.Propose(&framing.SelfRemove{}, mls.ProposeParams{}, bob.Signer))
			a.refusesCommitting(bob, mls.CommitParams{References: []framing.ProposalRef{bob.Group.Proposals()[0].Ref}})
		}},
		{"V-SR-07", "reference", "", func(a *attempt) {
			alice, _, carol, leave := a.leavers()
			bad := carol.Insider().Commit(a, func(d *mlstest.Draft) { d.Proposals, d.NoPath = []mlstest.Covered{leave}, true })
			a.refused(alice, carol, bad.Commit, leave)
		}},
		{"V-SR-08", "reference", "", func(a *attempt) {
			alice, bob, carol := a.trio() // who do not know it
			message, leave := bob.Insider().Propose(a, &framing.SelfRemove{}, nil)
			alice.Hear(message)
			a.refusesMessage(alice.Group, a.covering(carol.Insider(), leave), a.covering(carol.Insider()))
		}},
		{"V-SR-08", "send", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			message, leave := bob.Insider().Propose(a, &framing.SelfRemove{}, nil)
			alice.Hear(message)
			a.refusesCommitting(alice, mls.CommitParams{References: []framing.ProposalRef{leave.Ref}})
			a.refusesCall(alice.Group, func() error {
				return failure(alice.Group.Propose(&framing.SelfRemove{}, mls.ProposeParams{}, alice.Signer))
			})
		}},
		{"V-SR-10", "external", "", func(a *attempt) {
			alice, _, _, leave := a.leavers()
			remove := mlstest.Covered{Proposal: &framing.Remove{Removed: 1}}
			a.refusesMessage(alice.Group, a.entering(alice, leave, remove), a.entering(alice, leave))
			a.names(1)
		}},
		{"V-AD-04", "value", "", func(a *attempt) {
			alice, _, carol, leave := a.leavers()
			update.Sender = carol.Insider().Sender
			a.refused(alice, carol, a.covering(carol.Insider(), update), leave)
		}},
		{"V-AD-04", "reference", "", func(a *attempt) {
			alice, _, carol, leave := a.leavers()
			a.refused(alice, carol, a.covering(carol.Insider(), a.proposed(carol, alice, update.Proposal)), leave)
		}},
		{"V-AD-04", "external", "", func(a *attempt) {
			alice, _, _, leave := a.leavers()
			a.refusesMessage(alice.Group, a.entering(alice, update), a.entering(alice, leave))
		}},
		{"V-AD-04", "send", "", func(a *attempt) {
			alice, _, _, _ := a.leavers()
			a.refusesCommitting(alice, mls.CommitParams{Proposals: []framing.Proposal{update.Proposal}})
		}},
		{"V-FR-28", "private", "", func(a *attempt) {
			alice, bob := two(newCastOf(a.T, func(c *mlstest.Party) { c.Params.SignGenerations = true }, nil, "alice", "bob"))
			in := bob.Insider()
			says := func(id framing.ComponentID, data ...byte) []byte {
				return in.Say(a, "hello", func(c *mlstest.Content) {
					c.AuthenticatedData = must(framing.Marshal(&framing.SafeAAD{{ID: id, Data: data}}))
				})
			}
			for _, bad := range [][]byte{says(mls.ComponentGeneration, 0, 0, 0, 1), says(mls.ComponentGeneration, 0), says(mls.ComponentGeneration)} {
				a.refusesMessage(alice.Group, bad, says(mls.ComponentGeneration+1, 0))
			}
			next := framing.Generation(0)
			_, err := alice.Handle(in.Say(a, "hello", func(c *mlstest.Content) {
				c.Generation = &next
				c.AuthenticatedData = must(framing.Marshal(&framing.SafeAAD{{ID: mls.ComponentGeneration, Data: make([]byte, 4)}}))
			}))
			a.holds(err == nil, "its own generation: %v", err)
		}},
		{"V-KP-10", "published", "", func(a *attempt) {
			dave := newMember(a.T, "dave")
			verify := func(k *framing.KeyPackage) error {
				return failure(mls.VerifyKeyPackage(mls.VerifyKeyPackageParams{
					Message: mlstest.Message(a, k), Now: mlstest.Now(), Params: dave.Params}))
			}
			for _, data := range [][]byte{{7, 0, 4, 4, 1, 2, 3, 4}, {6, 0, 4, 0, 0, 4, 0}, {1}} {
				bad := a.marked(dave, data)
				a.gives(verify(bad))
				alice, bob := two(newCast(a.T, "alice", "bob")) // members whom others have sent it
				a.takes(bob, a.over(alice.Insider(), &framing.Add{KeyPackage: bad}))
			}
			a.holds(verify(a.marked(dave, []byte{3, 0, 4, 0})) == nil, "a good one")
		}},
		{"V-KP-10", "send", "", func(a *attempt) {
			alice, dave := a.outsider()
			bad := &framing.Add{KeyPackage: a.marked(dave, []byte{4, 0, 4, 1, 0})}
			a.refusesCommitting(alice, mls.CommitParams{Proposals: []framing.Proposal{bad}})
			a.refusesCall(alice.Group, func() error {
				return failure(alice.Group.Propose(bad, mls.ProposeParams{Now: mlstest.Now()}, alice.Signer))
			})
		}},
	}
}

// marked returns a KeyPackage with an app_data_dictionary of any bytes.
func (a *attempt) marked(m *mlstest.Member, dictionary []byte) *framing.KeyPackage {
	a.Helper()
	return m.ForgeKeyPackage(a, nil, func(k *framing.KeyPackage) {
		k.Extensions = framing.Extensions{{Type: framing.ExtensionTypeAppDataDictionary, Data: dictionary}}
	})
}
