package mls_test

// RFC 9420, Sections 6.3 and 9: what encrypted messages can break, and messages that come back or come twice.

import (
	"bytes"
	"math"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/internal/inside"
	"github.com/copse-mls/copse/mls/mlstest"
)

// privateRules returns the tests of area (e) from V-FR-14 on.
func privateRules() []ruleTest {
	return []ruleTest{
		{"V-FR-14", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			dave := newMember(a.T, "dave")
			in := bob.Insider()
			// dave's Add, signed by dave for a newcomer's public message, comes encrypted by bob: it is read as bob's.
			bad, _ := in.Propose(a, dave.Add(), func(c *mlstest.Content) {
				c.Sender, c.Signer, c.Context = framing.Sender{SenderType: framing.SenderTypeNewMemberProposal}, dave.Signer, nil
				c.SendAs = framing.WireFormatPrivateMessage
			})
			genuine, _ := in.Propose(a, dave.Add(), privately)
			breaks(a.T, "V-FR-05", failure(alice.Group.Handle(input(bad))))
			s := must(alice.Group.Handle(input(genuine)))
			a.holds(s.Events[0].(*mls.ProposalReceived).Sender == in.Sender, "sender is %v", s.Events[0])
		}},
		{"V-FR-15", "public", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			alice.Params.Handshake = mls.HandshakePrivateOnly
			in := bob.Insider()
			genuine, _ := in.Propose(a, &framing.Remove{Removed: 2}, privately)
			a.refusesMessage(alice.Reloaded(), bob.Propose(&framing.Remove{Removed: 2}), genuine)
			a.names(1)
			a.refusesMessage(alice.Reloaded(), in.Commit(a, nil).Commit, in.Commit(a, func(d *mlstest.Draft) { d.OnContent = privately }).Commit)
			fromOutside := a.intrude("dave", alice.Info()).commit(a, nil) // who cannot do otherwise
			must(alice.Reloaded().Handle(input(fromOutside)))
		}},
		{"V-FR-15", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			alice.Params.Handshake = mls.HandshakePublicOnly
			in := bob.Insider()
			bad, _ := in.Propose(a, &framing.Remove{Removed: 2}, privately)
			a.refusesMessage(alice.Reloaded(), bad, bob.Propose(&framing.Remove{Removed: 2}))
			a.names(1)
			a.refusesMessage(alice.Reloaded(), in.Commit(a, func(d *mlstest.Draft) { d.OnContent = privately }).Commit, in.Commit(a, nil).Commit)
			a.refusesMessage(alice.Reloaded(), bad, in.Say(a, "data is private in any case", nil))
		}},
		{"V-FR-16", "private", "", func(a *attempt) {
			alice, in := a.insider()
			for k := range 3 {
				padding := make([]byte, 9)
				padding[4*k] = 1
				a.refusesMessage(alice.Group, in.Say(a, "hello", func(c *mlstest.Content) { c.Padding = padding }),
					in.Say(a, "hello", func(c *mlstest.Content) { c.Padding = make([]byte, 9) }))
			}
		}},
		{"V-FR-17", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			genuine := bob.Say("hello")
			for _, change := range []func(m *framing.PrivateMessage){
				func(m *framing.PrivateMessage) { m.GroupID = []byte("other") },
				func(m *framing.PrivateMessage) { m.Epoch++ },
				func(m *framing.PrivateMessage) { m.Epoch-- },
				func(m *framing.PrivateMessage) { m.ContentType = framing.ContentTypeProposal },
				func(m *framing.PrivateMessage) { m.ContentType = framing.ContentTypeCommit },
				func(m *framing.PrivateMessage) { m.AuthenticatedData = []byte{1} },
			} {
				a.refusesMessage(alice.Group, changed(a, genuine, change), genuine)
			}
		}},
		{"V-FR-17", "private", "a key of the other ratchet", func(a *attempt) {
			alice, in := a.insider()
			crossed := func(c *mlstest.Content) {
				privately(c)
				c.Ratchet = 1 - c.Ratchet
			}
			bad, _ := in.Propose(a, &framing.Remove{Removed: 2}, crossed)
			genuine, _ := in.Propose(a, &framing.Remove{Removed: 2}, privately)
			a.refusesMessage(alice.Group, bad, genuine)
			a.refusesMessage(alice.Group, in.Commit(a, func(d *mlstest.Draft) { d.OnContent = crossed }).Commit,
				in.Commit(a, func(d *mlstest.Draft) { d.OnContent = privately }).Commit)
			a.refusesMessage(alice.Group, in.Say(a, "hello", crossed), in.Say(a, "hello", nil))
		}},
		{"V-FR-18", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			genuine := bob.Say("hello")
			for _, n := range []int{0, 1, 15, 16, 31, 32, 33} {
				a.refusesMessage(alice.Group, changed(a, genuine, func(m *framing.PrivateMessage) { m.Ciphertext = m.Ciphertext[:n] }), genuine)
			}
		}},
		{"V-FR-19", "private", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			bob.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 0}}}, carol)
			in := bob.Insider()
			for _, i := range []framing.LeafIndex{0, 3, 4, 1<<32 - 1} { // blank, blank, outside, outside
				a.refusesMessage(carol.Group, in.Say(a, "hello", func(c *mlstest.Content) {
					c.OnSender = func(s *framing.SenderData) { s.LeafIndex = i }
				}), in.Say(a, "hello", nil))
				a.names(i)
			}
			require.NotNil(a, alice)
		}},
		{"V-FR-20", "send", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			*inside.Rand(&bob.Params) = nil // as in production
			one, two := bob.Reloaded(), bob.Reloaded()
			var guards [][]byte
			for _, g := range []*mls.Group{one, two} { // the same generation twice, as an application must never do
				s := must(g.Protect([]byte("hello"), mls.ProtectParams{}, bob.Signer))
				m := mlstest.Parse[*framing.PrivateMessage](a, s.Send[0].Message)
				sender := must(m.OpenSenderData(bob.Suite, bob.Insider().Secrets.SenderDataSecret))
				require.Zero(a, sender.Generation)
				guards = append(guards, sender.ReuseGuard[:])
				_, err := alice.Group.Handle(input(s.Send[0].Message)) // the other side mixes it in, too
				require.NoError(a, err)
			}
			a.holds(!bytes.Equal(guards[0], guards[1]), "one guard twice: %x", guards[0])
			must(alice.Group.Handle(input(bob.Insider().Say(a, "guarded by other code", nil))))
		}},
		{"V-FR-21", "private", "", func(a *attempt) {
			alice, in := a.insider()
			genuine := in.Say(a, "hello", nil)
			for _, g := range []framing.Generation{keyschedule.DefaultForwardDistance + 1, 1<<32 - 1} {
				bad := in.Say(a, "far", func(c *mlstest.Content) {
					c.OnSender = func(s *framing.SenderData) { s.Generation = g }
				})
				start := time.Now()
				a.refusesMessage(alice.Group, bad, genuine)
				a.holds(time.Since(start) < 5*time.Second, "it took %v", time.Since(start))
			}
		}},
		{"V-FR-22", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			alice.Params.Ratchets = keyschedule.Limits{SkippedKeys: 4}
			alice.Group = alice.Reloaded()
			at := a.helloAt(bob.Insider())
			alice.Hear(at(10)) // leaves the keys of 6 to 9
			a.refusesMessage(alice.Group, at(5), at(6))
			a.refusesMessage(alice.Group, at(0), at(9))
			alice.Hear(at(12)) // adds that of 11, for which that of 6 has to go
			a.refusesMessage(alice.Group, at(6), at(7))
		}},
		{"V-FR-22", "private", "age", func(a *attempt) {
			alice, bob, _ := a.trio()
			alice.Params.Ratchets = keyschedule.Limits{BackwardDistance: 4}
			alice.Group = alice.Reloaded()
			at := a.helloAt(bob.Insider())
			alice.Hear(at(3))
			a.refusesMessage(alice.Group, at(3), at(0)) // used; the others wait
			alice.Hear(at(4))
			a.refusesMessage(alice.Group, at(0), at(1))
			alice.Hear(at(40))
			a.refusesMessage(alice.Group, at(2), at(38))
		}},
		{"V-FR-23", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			first, second := bob.Say("one"), bob.Say("two")
			alice.Hear(first)
			a.refusesMessage(alice.Group, first, second)
			a.refusesMessage(alice.Reloaded(), first, second)
		}},
		{"V-FR-23", "private", "late", func(a *attempt) {
			alice, bob, carol := a.trio()
			first, second, third := bob.Say("one"), bob.Say("two"), bob.Say("three")
			alice.Hear(second)
			alice.Hear(first) // its key was kept
			a.refusesMessage(alice.Group, first, third)
			bob.Commit(mls.CommitParams{}, alice, carol)
			for _, again := range [][]byte{first, second} { // of the epoch before
				a.refusesMessage(alice.Group, again, third)
				a.refusesMessage(alice.Reloaded(), again, third)
			}
			alice.Hear(third)
			a.refusesMessage(alice.Group, third, bob.Say("four"))
		}},
		{"V-FR-24", "send", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			last := atTheEnd(a, alice)
			a.refusesCall(last, func() error { return failure(last.Commit(mls.CommitParams{}, alice.Signer)) })
			s := must(atTheEnd(a, bob).Protect([]byte("still there"), mls.ProtectParams{}, bob.Signer))
			must(last.Handle(input(s.Send[0].Message)))
		}},
		{"V-FR-24", "commit", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := mlstest.NewInsider(a, atTheEnd(a, bob), bob.Signer)
			a.refusesMessage(atTheEnd(a, alice), in.Commit(a, nil).Commit, in.Say(a, "still there", nil))
		}},
		{"V-FR-25", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			genuine := bob.Say("hello")
			for range 3 {
				a.refusesMessage(alice.Group, changed(a, genuine, func(m *framing.PrivateMessage) { m.Ciphertext[len(m.Ciphertext)-1] ^= 1 }), genuine)
			}
		}},
		{"V-FR-25", "private", "under the same key", func(a *attempt) {
			alice, bob, carol := a.trio()
			in := bob.Insider()
			first := framing.Generation(0)
			same := func(c *mlstest.Content) { privately(c); c.Generation = &first }
			data := in.Say(a, "hello", same)
			a.refusesMessage(alice.Group, in.Say(a, "hello", func(c *mlstest.Content) { same(c); c.Signer = carol.Signer }), data)
			a.refusesMessage(alice.Group, in.Say(a, "hello", func(c *mlstest.Content) { same(c); c.Padding = []byte{1} }), data)
			commit := in.Commit(a, func(d *mlstest.Draft) { d.OnContent = same }).Commit
			for _, bad := range []func(*mlstest.Draft){
				func(d *mlstest.Draft) { d.OnContent = func(c *mlstest.Content) { same(c); c.Signer = carol.Signer } },
				func(d *mlstest.Draft) { d.OnContent = same; d.OnTag = func([]byte) []byte { return make([]byte, 32) } },
			} {
				a.refusesMessage(alice.Group, in.Commit(a, bad).Commit, commit)
			}
			proposal, _ := in.Propose(a, &framing.Remove{Removed: 2}, same)
			bad, _ := in.Propose(a, &framing.Remove{Removed: 7}, same)
			a.refusesMessage(alice.Group, bad, proposal)
		}},
		{"V-FR-26", "private", "", func(a *attempt) {
			_, bob, _ := a.trio()
			genuine := bob.Say("hello")
			before := whole(a, bob.Group)
			s := must(bob.Group.Handle(input(genuine)))
			require.IsType(a, &mls.Echo{}, s.Events[0])
			require.Equal(a, before, whole(a, s.Next))
			_, err := bob.Group.Handle(input(bob.Insider().Commit(a, func(d *mlstest.Draft) { d.OnContent = privately }).Commit))
			a.holds(isError(err, "ErrOwnCommit"), "a commit that it knows nothing of gives %v", err)
		}},
		{"V-FR-26", "public", "", func(a *attempt) {
			_, bob, _ := a.trio()
			genuine := bob.Propose(&framing.Remove{Removed: 2})
			before := whole(a, bob.Group)
			s := must(bob.Group.Handle(input(genuine)))
			require.Equal(a, before, whole(a, s.Next))
			a.holds(len(s.Events) == 1, "%d events", len(s.Events))
			require.IsType(a, &mls.Echo{}, s.Events[0])
			unknown, _ := bob.Insider().Propose(a, &framing.Remove{Removed: 0}, nil)
			_, err := bob.Group.Handle(input(unknown))
			a.holds(isError(err, "ErrOwnMessage"), "a proposal that it knows nothing of gives %v", err)
		}},
		{"V-FR-26", "public", "a commit", func(a *attempt) { a.ownCommit(mls.HandshakePublic) }},
		{"V-FR-26", "private", "a commit", func(a *attempt) { a.ownCommit(mls.HandshakePrivate) }},
		{"V-FR-27", "private", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			id := func(message []byte) string {
				return string(alice.Hear(message).Events[0].(*mls.ApplicationMessage).ContentID)
			}
			in := carol.Insider()
			var auth framing.FramedContentAuthData
			first := id(bob.Insider().Say(a, "once", func(c *mlstest.Content) {
				c.OnSigned = func(made *framing.FramedContentAuthData) { auth = *made }
			}))
			again := func(data string) []byte { // what bob signed, encrypted by carol under bob's next generation
				g := framing.Generation(1)
				return in.Say(a, data, func(c *mlstest.Content) {
					c.Leaf, c.Sender.LeafIndex, c.Generation = 1, 1, &g
					c.OnSigned = func(made *framing.FramedContentAuthData) { *made = auth }
				})
			}
			_, err := alice.Group.Handle(input(again("twice")))
			breaks(a.T, "V-FR-05", err) // carol cannot make bob say anything else
			a.holds(id(again("once")) == first, "the repeat is not recognizable")
			seen := map[string]bool{first: true} // and nothing else passes for one
			for _, change := range []func(*mlstest.Content){
				func(c *mlstest.Content) { c.ApplicationData = []byte("twice") },
				func(c *mlstest.Content) { c.AuthenticatedData = []byte("beside") },
				func(c *mlstest.Content) { c.Leaf, c.Sender, c.Signer = 2, in.Sender, carol.Signer },
			} {
				g := framing.Generation(2 + len(seen))
				other := id(bob.Insider().Say(a, "once", func(c *mlstest.Content) { c.Generation = &g; change(c) }))
				a.holds(!seen[other], "other content has the ID of a repeat")
				seen[other] = true
			}
		}},
	}
}

// privately makes content a PrivateMessage.
func privately(c *mlstest.Content) { c.Format = framing.WireFormatPrivateMessage }

// helloAt says hello under the key of a generation.
func (a *attempt) helloAt(in *mlstest.Insider) func(framing.Generation) []byte {
	return func(g framing.Generation) []byte {
		return in.Say(a, "hello", func(c *mlstest.Content) { c.Generation = &g })
	}
}

// atTheEnd returns a member's group as if it were in the last epoch that has a number.
func atTheEnd(a *attempt, p *mlstest.Member) *mls.Group {
	parts := inside.Reveal(p.Group)
	parts.Context.Epoch = math.MaxUint64
	g := must(inside.Assemble(&parts, p.Params))
	return g.(*mls.Group)
}

// ownCommit lets a commit of bob's come back to him twice: before he adopted it, and after.
func (a *attempt) ownCommit(policy mls.HandshakePolicy) {
	alice, bob, _ := a.trio()
	bob.Params.Handshake = policy
	bob.Group = bob.Reloaded()
	commit := bob.MakeCommit(mls.CommitParams{}).Send[0].Message
	bob.Hear(commit)
	alice.Hear(commit)
	for _, g := range []*mls.Group{bob.Group, bob.Reloaded()} {
		s := must(g.Handle(input(commit)))
		a.holds(len(s.Events) == 1, "%d events", len(s.Events))
		require.IsType(a, &mls.Echo{}, s.Events[0])
		require.Equal(a, whole(a, g), whole(a, s.Next))
	}
	mlstest.Agree(alice, bob)
}

// reusedLeaf delivers a late message of carol's after her leaf went to somebody else, or to herself in a new epoch.
func (a *attempt) reusedLeaf(successor string) {
	alice, bob, carol := a.trio()
	late := carol.Say("before I go")
	alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 2}}}, bob)
	next := newMember(a.T, successor)
	mlstest.Seed(&next.Params, "another time")
	bob.Hear(alice.Welcome(next))
	require.Equal(a, framing.LeafIndex(2), next.Group.OwnLeaf())
	said := bob.Hear(late).Events[0].(*mls.ApplicationMessage)
	have := must(framing.Marshal(said.Leaf))
	before := carol.Insider().OwnLeaf()
	a.holds(bytes.Equal(have, mlstest.Marshal(a, &before)), "the message is %q's of epoch %d", said.Leaf.Credential.Identity, said.Epoch)
}
