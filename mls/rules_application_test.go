package mls_test

import (
	"bytes"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/internal/inside"
	"github.com/copse-mls/copse/mls/mlstest"
)

// refusesData has a member send data when it must not.
func (a *attempt) refusesData(p *mlstest.Member, g *mls.Group) {
	a.Helper()
	a.refusesCall(g, func() error { return failure(g.Protect([]byte("hello"), mls.ProtectParams{}, p.Signer)) })
}

// applicationRules returns the tests of area (n).
func applicationRules() []ruleTest {
	return []ruleTest{
		{"V-APP-01", "public", "", func(a *attempt) {
			alice, in := a.insider()
			a.refusesMessage(alice.Group, in.Say(a, "hello", func(c *mlstest.Content) { c.Format = framing.WireFormatPublicMessage }),
				in.Say(a, "hello", nil))
			_, err := alice.Observe().Handle(input(in.Say(a, "hello", func(c *mlstest.Content) { c.Format = framing.WireFormatPublicMessage })))
			a.gives(err)
			a.names(1)
			a.refusesMessage(alice.Group, in.Say(a, "hello", func(c *mlstest.Content) { c.SendAs = framing.WireFormatPublicMessage }),
				in.Say(a, "hello", nil))
		}},
		{"V-APP-01", "public", "from outside", func(a *attempt) {
			alice, bob, _, service := a.open()
			a.refusesMessage(alice.Group, fromOutside(service, alice.Group, func(c *mlstest.Content) {
				c.ContentType, c.ApplicationData = framing.ContentTypeApplication, []byte("hello")
			}), bob.Say("hello"))
		}},
		{"V-APP-02", "send", "", func(a *attempt) {
			alice, bob, carol, service := a.open()
			fromCarol, _ := carol.Insider().Propose(a, &framing.Remove{Removed: 2}, nil)
			for _, message := range [][]byte{fromCarol, fromOutside(service, alice.Group, proposing(&framing.Remove{Removed: 2}))} {
				s := must(alice.Group.Handle(input(message)))
				a.refusesData(alice, s.Next)
			}
			alice.Propose(&framing.Remove{Removed: 2}, bob) // its own counts, too
			a.refusesData(alice, alice.Group)
			a.refusesData(bob, bob.Group)
			alice.Commit(mls.CommitParams{}, bob)
			mlstest.Agree(alice, bob)
		}},
		{"V-APP-03", "send", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			old := alice.Group
			alice.Commit(mls.CommitParams{}, bob, carol)
			message := alice.Say("hello")
			require.Equal(a, framing.Epoch(2), mlstest.Parse[*framing.PrivateMessage](a, message).Epoch)
			a.gives(failure(old.Protect([]byte("hello"), mls.ProtectParams{}, alice.Signer)))
			require.Equal(a, "hello", bob.Read(message))
			receiver := carol.Group // the same for who receives a commit
			carol.Hear(bob.MakeCommit(mls.CommitParams{}).Send[0].Message)
			a.gives(failure(receiver.Protect([]byte("hello"), mls.ProtectParams{}, carol.Signer)))
		}},
		{"V-APP-04", "send", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			alice.Group = a.worn(alice)
			alice.Say("the last one")
			a.refusesData(alice, alice.Group)
			alice.Commit(mls.CommitParams{}, bob, carol)
			mlstest.Agree(alice, bob, carol)
		}},
		{"V-APP-05", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			s := must(bob.Group.Protect([]byte("from: carol"), mls.ProtectParams{AuthenticatedData: []byte("for all")}, bob.Signer))
			genuine := s.Send[0].Message
			for _, data := range []string{"", "for al", "for none", "for all "} {
				bad := changed(a, genuine, func(m *framing.PrivateMessage) { m.AuthenticatedData = []byte(data) })
				a.refusesMessage(alice.Group, bad, genuine)
			}
			told := alice.Hear(genuine).Events[0].(*mls.ApplicationMessage)
			require.Equal(a, "from: carol", string(told.Data))
			require.Equal(a, "for all", string(told.AuthenticatedData))
			// What a payload says of its author can be held against who sent it (H-28).
			a.holds(told.Sender == 1 && string(told.Leaf.Credential.Identity) == "bob", "told of %v", told)
		}},
		{"V-APP-05", "private", "the sender", func(a *attempt) {
			alice, in := a.insider()
			genuine := in.Say(a, "hello", nil)
			a.refusesMessage(alice.Group, in.Say(a, "hello", func(c *mlstest.Content) {
				c.OnSender = func(s *framing.SenderData) { s.LeafIndex = 2 } // bob's key, carol's name
			}), genuine)
			s := must(alice.Group.Handle(input(genuine)))
			leaf := in.OwnLeaf()
			have, err := framing.Marshal(s.Events[0].(*mls.ApplicationMessage).Leaf)
			a.holds(err == nil && bytes.Equal(have, mlstest.Marshal(a, &leaf)), "another leaf")
		}},
	}
}

// worn returns a player's group in which it may encrypt one more message.
func (a *attempt) worn(p *mlstest.Member) *mls.Group {
	a.Helper()
	parts := inside.Reveal(p.Group)
	own := p.Group.OwnLeaf()
	state := keyschedule.TreeRecord{TreeParams: keyschedule.TreeParams{Suite: parts.Suite, Leaves: parts.Messages.Leaves(), Own: own}}
	next := uint64(keyschedule.MaxMessagesAESGCM - 1)
	state.Sent[keyschedule.ApplicationRatchet] = next
	state.Ratchets = []keyschedule.RatchetRecord{{Leaf: own, Kind: keyschedule.ApplicationRatchet, Next: next, Floor: next,
		Secret: ciphersuite.NewSecret(make([]byte, parts.Suite.HashSize))},
		{Leaf: own, Kind: keyschedule.HandshakeRatchet, Secret: ciphersuite.NewSecret(make([]byte, parts.Suite.HashSize))}}
	var err error
	parts.Messages, err = keyschedule.RestoreSecretTree(state)
	require.NoError(a, err)
	g := must(inside.Assemble(&parts, p.Params))
	return g.(*mls.Group)
}
