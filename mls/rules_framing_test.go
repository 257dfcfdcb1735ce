package mls_test

import (
	"bytes"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// framingRules are the tests of area (e).
func framingRules() []ruleTest {
	return []ruleTest{
		{"V-FR-01", "public", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			genuine := in.Send(a, framing.ContentTypeProposal, proposing(&framing.Remove{Removed: 2}))
			a.refusesSeen(alice, in.Send(a, framing.ContentTypeProposal, func(c *mlstest.Content) {
				c.Proposal, c.GroupID = &framing.Remove{Removed: 2}, []byte("another group")
			}), genuine)
		}},
		{"V-FR-01", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			other := newPlayer(a.T, "alice")
			other.group = other.Create(a, "another group")
			a.refusesMessage(alice.group, other.say("hello"), bob.say("hello"))
		}},
		{"V-FR-02", "public", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			genuine := in.Commit(a, nil).Commit
			for epoch, why := range map[framing.Epoch]error{0: mls.ErrOldEpoch, 2: mls.ErrFutureEpoch, 1 << 63: mls.ErrFutureEpoch} {
				bad := in.Send(a, framing.ContentTypeProposal, func(c *mlstest.Content) {
					c.Proposal, c.Epoch = &framing.Remove{Removed: 2}, epoch
				})
				a.refusesSeen(alice, bad, genuine)
				_, err := alice.group.Handle(input(bad))
				require.ErrorIs(a, err, why)
			}
			second := in.Commit(a, func(d *mlstest.Draft) { d.Proposals = in.ByValue(&framing.Remove{Removed: 2}) }).Commit
			alice.hear(genuine)
			a.refusesMessage(alice.group, second, alice.insider().Say(a, "", func(c *mlstest.Content) { c.Leaf = 1; c.Sender.LeafIndex = 1; c.Signer = bob.Signer }))
		}},
		{"V-FR-02", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			genuine := in.Commit(a, func(d *mlstest.Draft) { d.OnContent = privately }).Commit
			old, _ := in.Propose(a, &framing.Remove{Removed: 2}, privately)
			a.refusesMessage(alice.group, changed(a, old, func(m *framing.PrivateMessage) { m.Epoch-- }), genuine)
			a.refusesMessage(alice.group, changed(a, old, func(m *framing.PrivateMessage) { m.Epoch++ }), genuine)
			alice.hear(genuine) // application data of the epoch before may still be read, handshakes may not
			a.refusesMessage(alice.group, old, in.Say(a, "late", nil))
		}},
		{"V-FR-03", "private", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			alice.Params.PastEpochs = 1
			alice.group = alice.reloaded()
			oldest := bob.say("epoch 1")
			bob.commit(mls.CommitParams{}, alice, carol)
			kept := bob.say("epoch 2")
			commit, _ := bob.commit(mls.CommitParams{}, carol)
			early := bob.say("epoch 3")
			a.refusesMessage(alice.group, early, commit)
			_, err := alice.group.Handle(input(early))
			require.ErrorIs(a, err, mls.ErrFutureEpoch)
			alice.hear(commit)
			require.Equal(a, "epoch 3", alice.read(early), "what came too early is read later")
			a.refusesMessage(alice.group, oldest, kept)
			_, err = alice.group.Handle(input(oldest))
			require.ErrorIs(a, err, mls.ErrOldEpoch)
		}},
		{"V-FR-04", "private", "another member at the leaf", func(a *attempt) {
			a.reusedLeaf("dave")
		}},
		{"V-FR-04", "private", "the same client at the leaf", func(a *attempt) {
			a.reusedLeaf("carol")
		}},
		{"V-FR-05", "public", "a blank leaf", func(a *attempt) {
			alice, bob, carol := a.trio()
			alice.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 1}}}, carol)
			in := carol.insider()
			genuine, _ := in.Propose(a, &framing.Remove{Removed: 0}, nil)
			bad, _ := in.Propose(a, &framing.Remove{Removed: 0}, func(c *mlstest.Content) {
				c.Sender.LeafIndex, c.Signer = 1, bob.Signer
			})
			a.refusesSeen(alice, bad, genuine)
			a.names(1)
		}},
		{"V-FR-05", "public", "outside the tree", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			genuine, _ := in.Propose(a, &framing.Remove{Removed: 0}, nil)
			for _, i := range []framing.LeafIndex{3, 4, 1 << 31, 1<<32 - 1} { // the first is blank
				bad, _ := in.Propose(a, &framing.Remove{Removed: 0}, func(c *mlstest.Content) { c.Sender.LeafIndex = i })
				a.refusesSeen(alice, bad, genuine)
				a.names(i)
			}
		}},
		{"V-FR-05", "public", "another member's name", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			genuine, _ := in.Propose(a, &framing.Remove{Removed: 0}, nil)
			bad, _ := in.Propose(a, &framing.Remove{Removed: 0}, func(c *mlstest.Content) { c.Sender.LeafIndex = 2 })
			a.refusesSeen(alice, bad, genuine)
			a.names(2)
		}},
		{"V-FR-05", "private", "another member's name", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			a.refusesMessage(alice.group, in.Say(a, "hello", func(c *mlstest.Content) { c.Leaf, c.Sender.LeafIndex = 2, 2 }), in.Say(a, "hello", nil))
			a.names(2)
		}},
		{"V-FR-06", "private", "signed for public framing", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			genuine, _ := in.Propose(a, &framing.Remove{Removed: 2}, privately)
			bad, _ := in.Propose(a, &framing.Remove{Removed: 2}, func(c *mlstest.Content) { c.SendAs = framing.WireFormatPrivateMessage })
			a.refusesMessage(alice.group, bad, genuine)
		}},
		{"V-FR-06", "public", "signed for private framing", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			genuine, _ := in.Propose(a, &framing.Remove{Removed: 2}, nil)
			bad, _ := in.Propose(a, &framing.Remove{Removed: 2}, func(c *mlstest.Content) {
				c.Format, c.SendAs = framing.WireFormatPrivateMessage, framing.WireFormatPublicMessage
			})
			// The tag has to be made over the public framing for the signature to be looked at.
			bad = in.Retag(a, bad, func(*framing.PublicMessage) {})
			a.refusesSeen(alice, bad, genuine)
		}},
		{"V-FR-07", "public", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			before := alice.group.Context()
			bob.commit(mls.CommitParams{}, alice, carol)
			in := bob.insider()
			genuine, _ := in.Propose(a, &framing.Remove{Removed: 2}, nil)
			for _, context := range []*framing.GroupContext{nil, &before, altered(in.Context)} {
				bad, _ := in.Propose(a, &framing.Remove{Removed: 2}, func(c *mlstest.Content) { c.Context = context })
				bad = in.Retag(a, bad, func(*framing.PublicMessage) {})
				a.refusesSeen(alice, bad, genuine)
			}
		}},
		{"V-FR-07", "private", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			before := alice.group.Context()
			late := bob.insider()
			bob.commit(mls.CommitParams{}, alice, carol)
			in, after := bob.insider(), alice.group.Context()
			for _, context := range []*framing.GroupContext{nil, &before, altered(in.Context)} {
				bad, _ := in.Propose(a, &framing.Remove{Removed: 2}, func(c *mlstest.Content) { privately(c); c.Context = context })
				genuine, _ := in.Propose(a, &framing.Remove{Removed: 2}, privately)
				a.refusesMessage(alice.group, bad, genuine)
				a.refusesMessage(alice.group, in.Say(a, "hello", func(c *mlstest.Content) { c.Context = context }), in.Say(a, "hello", nil))
			}
			a.refusesMessage(alice.group, late.Say(a, "late", func(c *mlstest.Content) { c.Context = &after }), late.Say(a, "late", nil))
		}},
		{"V-FR-07", "outside", "", func(a *attempt) {
			alice, _, service := a.served()
			context := alice.group.Context()
			a.refusesSeen(alice, service.outside(alice.group, func(c *mlstest.Content) {
				c.Proposal, c.Context = &framing.Remove{Removed: 1}, &context
			}), service.outside(alice.group, proposing(&framing.Remove{Removed: 1})))
		}},
		{"V-FR-07", "newcomer", "", func(a *attempt) {
			alice, _, _ := a.trio()
			dave := newPlayer(a.T, "dave")
			context := alice.group.Context()
			a.refusesSeen(alice, dave.newcomer(alice.group, func(c *mlstest.Content) {
				c.Proposal, c.Context = dave.addOf(), &context
			}), dave.newcomer(alice.group, proposing(dave.addOf())))
		}},
		{"V-FR-07", "external", "", func(a *attempt) {
			alice, _, _ := a.trio()
			in := a.intrude("dave", alice.info())
			for _, context := range []*framing.GroupContext{nil, altered(in.Context)} {
				a.refusesSeen(alice, in.commit(a, func(d *mlstest.Draft) {
					d.OnContent = func(c *mlstest.Content) { c.Context = context }
				}), in.commit(a, nil))
			}
		}},
		{"V-FR-08", "public", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			old := bob.insider().Secrets.MembershipKey.Clone()
			bob.commit(mls.CommitParams{}, alice, carol)
			in := bob.insider()
			genuine, _ := in.Propose(a, &framing.Remove{Removed: 2}, nil)
			for _, change := range []func(*mlstest.Content){
				func(c *mlstest.Content) { c.OnPublic = func(m *framing.PublicMessage) { m.MembershipTag[7] ^= 1 } },
				func(c *mlstest.Content) { c.MembershipKey = old },
				func(c *mlstest.Content) { c.OnPublic = func(m *framing.PublicMessage) { m.Auth.Signature[7] ^= 1 } },
				func(c *mlstest.Content) {
					c.OnPublic = func(m *framing.PublicMessage) { m.Content.AuthenticatedData = []byte{1} }
				},
			} {
				bad, _ := in.Propose(a, &framing.Remove{Removed: 2}, change)
				a.refusesMessage(alice.group, bad, genuine)
			}
		}},
		{"V-FR-09", "public", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			genuine := bob.propose(&framing.Remove{Removed: 2})
			for _, cut := range tags() {
				a.refusesMessage(alice.group, changed(a, genuine, func(m *framing.PublicMessage) { m.MembershipTag = cut(m.MembershipTag) }), genuine)
			}
		}},
		{"V-FR-09", "commit", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			for _, cut := range tags() {
				a.refusesMessage(alice.group, in.Commit(a, func(d *mlstest.Draft) { d.OnTag = cut }).Commit, in.Commit(a, nil).Commit)
			}
		}},
		{"V-FR-09", "welcome", "", func(a *attempt) {
			alice, _, _ := a.trio()
			w := a.newWelcomed()
			for _, cut := range tags() {
				a.refusesJoin(w.by(alice.insider(), func(d *mlstest.Draft) {
					d.OnGroupInfo = func(i *framing.GroupInfo) { i.ConfirmationTag = cut(i.ConfirmationTag) }
				}), w.by(alice.insider(), nil))
			}
		}},
		{"V-FR-10", "outside", "", func(a *attempt) {
			alice, bob, service := a.served()
			genuine := service.outside(alice.group, proposing(&framing.Remove{Removed: 1}))
			update := bob.insider().UpdateLeaf(a, "key", nil)
			for _, p := range []framing.Proposal{update, &framing.ExternalInit{KEMOutput: make([]byte, 32)},
				&framing.CustomProposal{Type: 0xf002, Data: []byte{1}}} {
				a.refusesSeen(alice, service.outside(alice.group, proposing(p)), genuine)
			}
			a.refusesSeen(alice, service.outside(alice.group, func(c *mlstest.Content) {
				c.ContentType, c.Commit = framing.ContentTypeCommit, &framing.Commit{}
			}), genuine)
			a.names(framing.NoLeaf)
		}},
		{"V-FR-10", "outside", "open types", func(a *attempt) {
			alice, _, service := a.served()
			for _, p := range []framing.Proposal{newPlayer(a.T, "dave").addOf(), &framing.Remove{Removed: 1},
				&framing.PreSharedKey{PSK: external("psk", 1)}, announcement(),
				&framing.GroupContextExtensions{Extensions: alice.group.Context().Extensions}} {
				_, err := alice.group.Handle(input(service.outside(alice.group, proposing(p))))
				a.holds(err == nil, "%v from an external sender: %v", p.ProposalType(), err)
			}
		}},
		{"V-FR-11", "outside", "", func(a *attempt) {
			alice, bob, service := a.served()
			genuine := service.outside(alice.group, proposing(&framing.Remove{Removed: 1}))
			for _, i := range []uint32{1, 2, 1<<32 - 1} {
				a.refusesSeen(alice, service.outside(alice.group, func(c *mlstest.Content) {
					c.Proposal, c.Sender.SenderIndex = &framing.Remove{Removed: 1}, i
				}), genuine)
			}
			a.refusesSeen(alice, bob.outside(alice.group, proposing(&framing.Remove{Removed: 1})), genuine)
			a.names(framing.NoLeaf)
		}},
		{"V-FR-11", "outside", "of an older list", func(a *attempt) {
			alice, bob, old := a.served()
			fresh, second := newPlayer(a.T, "fresh"), newPlayer(a.T, "second")
			list := func(players ...*player) {
				alice.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.GroupContextExtensions{
					Extensions: framing.Extensions{extension(a.T, sendersOf(a, players...))}}}}, bob)
			}
			at := func(p *player, i uint32) []byte {
				return p.outside(alice.group, func(c *mlstest.Content) {
					c.Proposal, c.Sender.SenderIndex = &framing.Remove{Removed: 1}, i
				})
			}
			list(fresh, second)
			a.refusesSeen(alice, at(old, 0), at(fresh, 0))
			a.refusesSeen(alice, at(fresh, 1), at(second, 1))
			list(fresh)
			a.refusesSeen(alice, at(second, 1), at(fresh, 0))
		}},
		{"V-FR-11", "outside", "no external senders", func(a *attempt) {
			alice, bob, carol := a.trio()
			a.refusesSeen(alice, carol.outside(alice.group, proposing(&framing.Remove{Removed: 1})), bob.propose(&framing.Remove{Removed: 2}))
		}},
		{"V-FR-12", "newcomer", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			dave, eve := newPlayer(a.T, "dave"), newPlayer(a.T, "eve")
			genuine := dave.newcomer(alice.group, proposing(dave.addOf()))
			for _, p := range []framing.Proposal{&framing.Remove{Removed: 1}, bob.insider().UpdateLeaf(a, "key", nil), &framing.ReInit{Version: 1},
				&framing.PreSharedKey{PSK: external("psk", 1)}, &framing.GroupContextExtensions{},
				&framing.ExternalInit{KEMOutput: make([]byte, 32)}, &framing.CustomProposal{Type: 0xf002}} {
				a.refusesSeen(alice, dave.newcomer(alice.group, proposing(p)), genuine)
			}
			a.refusesSeen(alice, dave.newcomer(alice.group, func(c *mlstest.Content) {
				c.ContentType, c.Commit = framing.ContentTypeCommit, &framing.Commit{}
			}), genuine)
			a.refusesSeen(alice, eve.newcomer(alice.group, proposing(dave.addOf())), genuine)
			a.names(framing.NoLeaf)
		}},
		{"V-FR-13", "external", "", func(a *attempt) {
			alice, _, _ := a.trio()
			in := a.intrude("dave", alice.info())
			genuine := in.commit(a, nil)
			eve := newPlayer(a.T, "eve")
			for _, change := range []func(*mlstest.Draft){
				func(d *mlstest.Draft) { d.OnCommit = func(c *framing.Commit) { c.Path = nil } },
				func(d *mlstest.Draft) { d.OnContent = func(c *mlstest.Content) { c.Signer = eve.Signer } },
				func(d *mlstest.Draft) {
					d.OnContent = func(c *mlstest.Content) {
						c.OnPublic = func(m *framing.PublicMessage) {
							m.Content.ContentType, m.Content.Proposal, m.Content.Commit = framing.ContentTypeProposal, eve.addOf(), nil
						}
					}
				},
			} {
				a.refusesSeen(alice, in.commit(a, change), genuine)
			}
		}},
	}
}

// altered is a group context with another tree hash.
func altered(c framing.GroupContext) *framing.GroupContext {
	c.TreeHash = make([]byte, 32)
	return &c
}

// tags damages the length of a tag, and nothing else.
func tags() []func([]byte) []byte {
	return []func([]byte) []byte{
		func([]byte) []byte { return nil },
		func(tag []byte) []byte { return tag[:1:1] },
		func(tag []byte) []byte { return tag[: len(tag)-1 : len(tag)-1] },
		func(tag []byte) []byte { return append(bytes.Clone(tag), 0) },
	}
}
