package mls_test

import (
	"bytes"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// framingRules returns the tests of area (e).
func framingRules() []ruleTest {
	return []ruleTest{
		{"V-FR-01", "public", "", func(a *attempt) {
			alice, in := a.insider()
			genuine := in.Send(a, framing.ContentTypeProposal, proposing(&framing.Remove{Removed: 2}))
			a.refusesSeen(alice, in.Send(a, framing.ContentTypeProposal, func(c *mlstest.Content) {
				c.Proposal, c.GroupID = &framing.Remove{Removed: 2}, []byte("another group")
			}), genuine)
		}},
		{"V-FR-01", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			other := newMember(a.T, "alice")
			other.Group = other.Create(a, "another group")
			a.refusesMessage(alice.Group, other.Say("hello"), bob.Say("hello"))
		}},
		{"V-FR-02", "public", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.Insider()
			genuine := in.Commit(a, nil).Commit
			for epoch, why := range map[framing.Epoch]error{0: mls.ErrOldEpoch, 2: mls.ErrFutureEpoch, 1 << 63: mls.ErrFutureEpoch} {
				bad := in.Send(a, framing.ContentTypeProposal, func(c *mlstest.Content) {
					c.Proposal, c.Epoch = &framing.Remove{Removed: 2}, epoch
				})
				a.refusesSeen(alice, bad, genuine)
				require.ErrorIs(a, failure(alice.Group.Handle(input(bad))), why)
			}
			second := a.over(in, &framing.Remove{Removed: 2})
			alice.Hear(genuine)
			a.refusesMessage(alice.Group, second, alice.Insider().Say(a, "", func(c *mlstest.Content) { c.Leaf = 1; c.Sender.LeafIndex = 1; c.Signer = bob.Signer }))
		}},
		{"V-FR-02", "private", "", func(a *attempt) {
			alice, in := a.insider()
			genuine := in.Commit(a, func(d *mlstest.Draft) { d.OnContent = privately }).Commit
			old, _ := in.Propose(a, &framing.Remove{Removed: 2}, privately)
			a.refusesMessage(alice.Group, changed(a, old, func(m *framing.PrivateMessage) { m.Epoch-- }), genuine)
			a.refusesMessage(alice.Group, changed(a, old, func(m *framing.PrivateMessage) { m.Epoch++ }), genuine)
			alice.Hear(genuine) // application data of the epoch before may still be read, handshakes may not
			a.refusesMessage(alice.Group, old, in.Say(a, "late", nil))
		}},
		{"V-FR-03", "private", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			alice.Params.PastEpochs = 1
			alice.Group = alice.Reloaded()
			oldest := bob.Say("epoch 1")
			bob.Commit(mls.CommitParams{}, alice, carol)
			kept := bob.Say("epoch 2")
			commit := bob.Commit(mls.CommitParams{}, carol).Message
			early := bob.Say("epoch 3")
			a.refusesMessage(alice.Group, early, commit)
			require.ErrorIs(a, failure(alice.Group.Handle(input(early))), mls.ErrFutureEpoch)
			alice.Hear(commit)
			require.Equal(a, "epoch 3", alice.Read(early), "what came too early is read later")
			a.refusesMessage(alice.Group, oldest, kept)
			require.ErrorIs(a, failure(alice.Group.Handle(input(oldest))), mls.ErrOldEpoch)
		}},
		{"V-FR-04", "private", "another member at the leaf", func(a *attempt) {
			a.reusedLeaf("dave")
		}},
		{"V-FR-04", "private", "the same client at the leaf", func(a *attempt) {
			a.reusedLeaf("carol")
		}},
		{"V-FR-05", "public", "a blank leaf", func(a *attempt) {
			alice, bob, carol := a.trio()
			alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 1}}}, carol)
			in := carol.Insider()
			a.refusesProposal(alice, in, &framing.Remove{Removed: 0}, func(c *mlstest.Content) {
				c.Sender.LeafIndex, c.Signer = 1, bob.Signer
			})
			a.names(1)
		}},
		{"V-FR-05", "public", "outside the tree", func(a *attempt) {
			alice, in := a.insider()
			genuine, _ := in.Propose(a, &framing.Remove{Removed: 0}, nil)
			for _, i := range []framing.LeafIndex{3, 4, 1 << 31, 1<<32 - 1} { // the first is blank
				bad, _ := in.Propose(a, &framing.Remove{Removed: 0}, func(c *mlstest.Content) { c.Sender.LeafIndex = i })
				a.refusesSeen(alice, bad, genuine)
				a.names(i)
			}
		}},
		{"V-FR-05", "public", "another member's name", func(a *attempt) {
			alice, in := a.insider()
			a.refusesProposal(alice, in, &framing.Remove{Removed: 0}, func(c *mlstest.Content) { c.Sender.LeafIndex = 2 })
			a.names(2)
		}},
		{"V-FR-05", "private", "another member's name", func(a *attempt) {
			alice, in := a.insider()
			a.refusesMessage(alice.Group, in.Say(a, "hello", func(c *mlstest.Content) { c.Leaf, c.Sender.LeafIndex = 2, 2 }), in.Say(a, "hello", nil))
			a.names(2)
		}},
		{"V-FR-06", "private", "signed for public framing", func(a *attempt) {
			alice, in := a.insider()
			genuine, _ := in.Propose(a, &framing.Remove{Removed: 2}, privately)
			bad, _ := in.Propose(a, &framing.Remove{Removed: 2}, func(c *mlstest.Content) { c.SendAs = framing.WireFormatPrivateMessage })
			a.refusesMessage(alice.Group, bad, genuine)
		}},
		{"V-FR-06", "public", "signed for private framing", func(a *attempt) {
			alice, in := a.insider()
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
			before := alice.Group.Context()
			bob.Commit(mls.CommitParams{}, alice, carol)
			in := bob.Insider()
			genuine, _ := in.Propose(a, &framing.Remove{Removed: 2}, nil)
			for _, context := range []*framing.GroupContext{nil, &before, altered(in.Context)} {
				bad, _ := in.Propose(a, &framing.Remove{Removed: 2}, func(c *mlstest.Content) { c.Context = context })
				bad = in.Retag(a, bad, func(*framing.PublicMessage) {})
				a.refusesSeen(alice, bad, genuine)
			}
		}},
		{"V-FR-07", "private", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			before := alice.Group.Context()
			late := bob.Insider()
			bob.Commit(mls.CommitParams{}, alice, carol)
			in, after := bob.Insider(), alice.Group.Context()
			for _, context := range []*framing.GroupContext{nil, &before, altered(in.Context)} {
				bad, _ := in.Propose(a, &framing.Remove{Removed: 2}, func(c *mlstest.Content) { privately(c); c.Context = context })
				genuine, _ := in.Propose(a, &framing.Remove{Removed: 2}, privately)
				a.refusesMessage(alice.Group, bad, genuine)
				a.refusesMessage(alice.Group, in.Say(a, "hello", func(c *mlstest.Content) { c.Context = context }), in.Say(a, "hello", nil))
			}
			a.refusesMessage(alice.Group, late.Say(a, "late", func(c *mlstest.Content) { c.Context = &after }), late.Say(a, "late", nil))
		}},
		{"V-FR-07", "outside", "", func(a *attempt) {
			alice, _, service := a.served()
			context := alice.Group.Context()
			a.refusesSeen(alice, fromOutside(service, alice.Group, func(c *mlstest.Content) {
				c.Proposal, c.Context = &framing.Remove{Removed: 1}, &context
			}), fromOutside(service, alice.Group, proposing(&framing.Remove{Removed: 1})))
		}},
		{"V-FR-07", "newcomer", "", func(a *attempt) {
			alice, dave := a.outsider()
			context := alice.Group.Context()
			a.refusesSeen(alice, fromNewcomer(dave, alice.Group, func(c *mlstest.Content) {
				c.Proposal, c.Context = dave.Add(), &context
			}), fromNewcomer(dave, alice.Group, proposing(dave.Add())))
		}},
		{"V-FR-07", "external", "", func(a *attempt) {
			alice, _, _ := a.trio()
			in := a.intrude("dave", alice.Info())
			for _, context := range []*framing.GroupContext{nil, altered(in.Context)} {
				a.refusesSeen(alice, in.commit(a, func(d *mlstest.Draft) {
					d.OnContent = func(c *mlstest.Content) { c.Context = context }
				}), in.commit(a, nil))
			}
		}},
		{"V-FR-08", "public", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			old := bob.Insider().Secrets.MembershipKey.Clone()
			bob.Commit(mls.CommitParams{}, alice, carol)
			in := bob.Insider()
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
				a.refusesMessage(alice.Group, bad, genuine)
			}
		}},
		{"V-FR-09", "public", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			genuine := bob.Propose(&framing.Remove{Removed: 2})
			for _, cut := range tags() {
				a.refusesMessage(alice.Group, changed(a, genuine, func(m *framing.PublicMessage) { m.MembershipTag = cut(m.MembershipTag) }), genuine)
			}
		}},
		{"V-FR-09", "commit", "", func(a *attempt) {
			alice, in := a.insider()
			for _, cut := range tags() {
				a.refusesMessage(alice.Group, in.Commit(a, func(d *mlstest.Draft) { d.OnTag = cut }).Commit, in.Commit(a, nil).Commit)
			}
		}},
		{"V-FR-09", "welcome", "", func(a *attempt) {
			alice, w := a.welcomed()
			for _, cut := range tags() {
				a.refusesJoin(w.by(alice.Insider(), func(d *mlstest.Draft) {
					d.OnGroupInfo = func(i *framing.GroupInfo) { i.ConfirmationTag = cut(i.ConfirmationTag) }
				}), w.by(alice.Insider(), nil))
			}
		}},
		{"V-FR-10", "outside", "", func(a *attempt) {
			alice, bob, service := a.served()
			genuine := fromOutside(service, alice.Group, proposing(&framing.Remove{Removed: 1}))
			update := bob.Insider().UpdateLeaf(a, "key", nil)
			for _, p := range []framing.Proposal{update, &framing.ExternalInit{KEMOutput: make([]byte, 32)},
				&framing.CustomProposal{Type: 0xf002, Data: []byte{1}}} {
				a.refusesSeen(alice, fromOutside(service, alice.Group, proposing(p)), genuine)
			}
			a.refusesSeen(alice, fromOutside(service, alice.Group, func(c *mlstest.Content) {
				c.ContentType, c.Commit = framing.ContentTypeCommit, &framing.Commit{}
			}), genuine)
			a.names(framing.NoLeaf)
		}},
		{"V-FR-10", "outside", "open types", func(a *attempt) {
			alice, _, service := a.served()
			for _, p := range []framing.Proposal{newMember(a.T, "dave").Add(), &framing.Remove{Removed: 1},
				&framing.PreSharedKey{PSK: external("psk", 1)}, announcement(),
				&framing.GroupContextExtensions{Extensions: alice.Group.Context().Extensions}} {
				_, err := alice.Group.Handle(input(fromOutside(service, alice.Group, proposing(p))))
				a.holds(err == nil, "%v from an external sender: %v", p.ProposalType(), err)
			}
		}},
		{"V-FR-11", "outside", "", func(a *attempt) {
			alice, bob, service := a.served()
			genuine := fromOutside(service, alice.Group, proposing(&framing.Remove{Removed: 1}))
			for _, i := range []uint32{1, 2, 1<<32 - 1} {
				a.refusesSeen(alice, fromOutside(service, alice.Group, func(c *mlstest.Content) {
					c.Proposal, c.Sender.SenderIndex = &framing.Remove{Removed: 1}, i
				}), genuine)
			}
			a.refusesSeen(alice, fromOutside(bob, alice.Group, proposing(&framing.Remove{Removed: 1})), genuine)
			a.names(framing.NoLeaf)
		}},
		{"V-FR-11", "outside", "of an older list", func(a *attempt) {
			alice, bob, old := a.served()
			fresh, second := newMember(a.T, "fresh"), newMember(a.T, "second")
			list := func(players ...*mlstest.Member) {
				alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.GroupContextExtensions{
					Extensions: framing.Extensions{extension(a.T, sendersOf(a, players...))}}}}, bob)
			}
			at := func(p *mlstest.Member, i uint32) []byte {
				return fromOutside(p, alice.Group, func(c *mlstest.Content) {
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
			a.refusesSeen(alice, fromOutside(carol, alice.Group, proposing(&framing.Remove{Removed: 1})), bob.Propose(&framing.Remove{Removed: 2}))
		}},
		{"V-FR-12", "newcomer", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			dave, eve := newMember(a.T, "dave"), newMember(a.T, "eve")
			genuine := fromNewcomer(dave, alice.Group, proposing(dave.Add()))
			for _, p := range []framing.Proposal{&framing.Remove{Removed: 1}, bob.Insider().UpdateLeaf(a, "key", nil), &framing.ReInit{Version: 1},
				&framing.PreSharedKey{PSK: external("psk", 1)}, &framing.GroupContextExtensions{},
				&framing.ExternalInit{KEMOutput: make([]byte, 32)}, &framing.CustomProposal{Type: 0xf002}} {
				a.refusesSeen(alice, fromNewcomer(dave, alice.Group, proposing(p)), genuine)
			}
			a.refusesSeen(alice, fromNewcomer(dave, alice.Group, func(c *mlstest.Content) {
				c.ContentType, c.Commit = framing.ContentTypeCommit, &framing.Commit{}
			}), genuine)
			a.refusesSeen(alice, fromNewcomer(eve, alice.Group, proposing(dave.Add())), genuine)
			a.names(framing.NoLeaf)
		}},
		{"V-FR-13", "external", "", func(a *attempt) {
			alice, _, _ := a.trio()
			in := a.intrude("dave", alice.Info())
			genuine := in.commit(a, nil)
			eve := newMember(a.T, "eve")
			for _, change := range []func(*mlstest.Draft){
				func(d *mlstest.Draft) { d.OnCommit = func(c *framing.Commit) { c.Path = nil } },
				func(d *mlstest.Draft) { d.OnContent = func(c *mlstest.Content) { c.Signer = eve.Signer } },
				func(d *mlstest.Draft) {
					d.OnContent = func(c *mlstest.Content) {
						c.OnPublic = func(m *framing.PublicMessage) {
							m.Content.ContentType, m.Content.Proposal, m.Content.Commit = framing.ContentTypeProposal, eve.Add(), nil
						}
					}
				},
			} {
				a.refusesSeen(alice, in.commit(a, change), genuine)
			}
		}},
	}
}

// altered returns a group context with another tree hash.
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
