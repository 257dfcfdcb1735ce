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
func (a *attempt) refusesData(p *player, g *mls.Group) {
	a.Helper()
	a.refusesCall(g, func() error {
		_, err := g.Protect([]byte("hello"), mls.ProtectParams{}, p.Signer)
		return err
	})
}

// applicationRules are the tests of area (n).
func applicationRules() []ruleTest {
	return []ruleTest{
		{"V-APP-01", "public", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			a.refusesMessage(alice.group, in.Say(a, "hello", func(c *mlstest.Content) { c.Format = framing.WireFormatPublicMessage }),
				in.Say(a, "hello", nil))
			_, err := alice.observe().Handle(input(in.Say(a, "hello", func(c *mlstest.Content) { c.Format = framing.WireFormatPublicMessage })))
			a.gives(err)
			a.names(1)
			a.refusesMessage(alice.group, in.Say(a, "hello", func(c *mlstest.Content) { c.SendAs = framing.WireFormatPublicMessage }),
				in.Say(a, "hello", nil))
		}},
		{"V-APP-01", "public", "from outside", func(a *attempt) {
			alice, bob, _, service := a.open()
			a.refusesMessage(alice.group, service.outside(alice.group, func(c *mlstest.Content) {
				c.ContentType, c.ApplicationData = framing.ContentTypeApplication, []byte("hello")
			}), bob.say("hello"))
		}},
		{"V-APP-02", "send", "", func(a *attempt) {
			alice, bob, carol, service := a.open()
			fromCarol, _ := carol.insider().Propose(a, &framing.Remove{Removed: 2}, nil)
			for _, message := range [][]byte{fromCarol, service.outside(alice.group, proposing(&framing.Remove{Removed: 2}))} {
				s, err := alice.group.Handle(input(message))
				require.NoError(a, err)
				a.refusesData(alice, s.Next)
			}
			alice.propose(&framing.Remove{Removed: 2}, bob) // its own counts, too
			a.refusesData(alice, alice.group)
			a.refusesData(bob, bob.group)
			alice.commit(mls.CommitParams{}, bob)
			together(alice, bob)
		}},
		{"V-APP-03", "send", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			old := alice.group
			alice.commit(mls.CommitParams{}, bob, carol)
			message := alice.say("hello")
			require.Equal(a, framing.Epoch(2), mlstest.Parse[*framing.PrivateMessage](a, message).Epoch)
			_, err := old.Protect([]byte("hello"), mls.ProtectParams{}, alice.Signer)
			a.gives(err)
			require.Equal(a, "hello", bob.read(message))
			receiver := carol.group // the same for who receives a commit
			carol.hear(bob.take(bob.group.Commit(mls.CommitParams{}, bob.Signer)).Send[0].Message)
			_, err = receiver.Protect([]byte("hello"), mls.ProtectParams{}, carol.Signer)
			a.gives(err)
		}},
		{"V-APP-04", "send", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			alice.group = a.worn(alice)
			alice.say("the last one")
			a.refusesData(alice, alice.group)
			alice.commit(mls.CommitParams{}, bob, carol)
			together(alice, bob, carol)
		}},
		{"V-APP-05", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			s, err := bob.group.Protect([]byte("from: carol"), mls.ProtectParams{AuthenticatedData: []byte("for all")}, bob.Signer)
			require.NoError(a, err)
			genuine := s.Send[0].Message
			for _, data := range []string{"", "for al", "for none", "for all "} {
				bad := changed(a, genuine, func(m *framing.PrivateMessage) { m.AuthenticatedData = []byte(data) })
				a.refusesMessage(alice.group, bad, genuine)
			}
			told := alice.hear(genuine).Events[0].(*mls.ApplicationMessage)
			require.Equal(a, "from: carol", string(told.Data))
			require.Equal(a, "for all", string(told.AuthenticatedData))
			// What a payload says of its author can be held against who sent it (H-28).
			a.holds(told.Sender == 1 && string(told.Leaf.Credential.Identity) == "bob", "told of %v", told)
		}},
		{"V-APP-05", "private", "the sender", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			genuine := in.Say(a, "hello", nil)
			a.refusesMessage(alice.group, in.Say(a, "hello", func(c *mlstest.Content) {
				c.OnSender = func(s *framing.SenderData) { s.LeafIndex = 2 } // bob's key, carol's name
			}), genuine)
			s, err := alice.group.Handle(input(genuine))
			require.NoError(a, err)
			leaf := in.OwnLeaf()
			have, err := framing.Marshal(s.Events[0].(*mls.ApplicationMessage).Leaf)
			a.holds(err == nil && bytes.Equal(have, mlstest.Marshal(a, &leaf)), "another leaf")
		}},
	}
}

// worn is a player's group in which it may encrypt one more message.
func (a *attempt) worn(p *player) *mls.Group {
	a.Helper()
	parts := inside.Reveal(p.group)
	own := p.group.OwnLeaf()
	state := keyschedule.TreeRecord{TreeParams: keyschedule.TreeParams{Suite: parts.Suite, Leaves: parts.Messages.Leaves(), Own: own}}
	next := uint64(keyschedule.MaxMessagesAESGCM - 1)
	state.Sent[keyschedule.ApplicationRatchet] = next
	state.Ratchets = []keyschedule.RatchetRecord{{Leaf: own, Kind: keyschedule.ApplicationRatchet, Next: next, Floor: next,
		Secret: ciphersuite.NewSecret(make([]byte, parts.Suite.HashSize))}}
	var err error
	parts.Messages, err = keyschedule.RestoreSecretTree(state)
	require.NoError(a, err)
	g, err := inside.Assemble(&parts, p.Params)
	require.NoError(a, err)
	return g.(*mls.Group)
}
