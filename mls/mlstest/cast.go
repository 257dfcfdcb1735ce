package mlstest

import (
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
)

// Cast is the members of one group in one test, in the order of their leaves.
type Cast []*Member

// CastParams say what the members of a Cast have in common.
type CastParams struct {
	CipherSuite ciphersuite.CipherSuite // 0 means 1
	GroupID     string                  // "" means "group"
	Extensions  framing.Extensions      // of the group context
	Change      func(*Party)            // of each, before it makes anything; nil changes nothing
}

// NewCast makes a group: the first creates it and welcomes the others by one commit.
func NewCast(t TB, p CastParams, names ...string) Cast {
	t.Helper()
	if p.CipherSuite == 0 {
		p.CipherSuite = ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519
	}
	if p.GroupID == "" {
		p.GroupID = "group"
	}
	var c Cast
	for _, name := range names {
		m := NewMember(t, p.CipherSuite, name)
		if p.Change != nil {
			p.Change(m.Party)
		}
		c = append(c, m)
	}
	c[0].Group = c[0].Create(t, p.GroupID, p.Extensions...)
	if len(c) > 1 {
		c[0].Welcome(c[1:]...)
	}
	return c
}

// Tell lets members handle a message.
func Tell(message []byte, to ...*Member) {
	for _, m := range to {
		m.T.Helper()
		m.Hear(message)
	}
}

// View is the state of a group in one epoch, as one client has it. Clients that agree have equal Views.
type View struct {
	Public string // group context and confirmation tag, which depend on the tree and all messages
	Secret string // epoch authenticator and an exported secret, which an Observer does not have
}

// ViewOf returns the View of a Group or an Observer.
func ViewOf(t TB, g interface {
	Context() framing.GroupContext
	ConfirmationTag() []byte
}) (v View) {
	t.Helper()
	context := g.Context()
	v.Public = fmt.Sprintf("%x %x", Marshal(t, &context), g.ConfirmationTag())
	if g, ok := g.(*mls.Group); ok {
		authenticator, err := g.EpochAuthenticator()
		must(t, err, "epoch authenticator")
		v.Secret = fmt.Sprintf("%x", authenticator)
		if g.Status() == mls.StatusActive {
			exported, err := g.Export("agreement", nil, 16)
			must(t, err, "exporter")
			v.Secret += fmt.Sprintf(" %x", exported.Bytes())
		}
	}
	return v
}

// Agree checks that members are in one epoch of one group, have equal Views and, when no proposals wait, can decrypt each
// other's messages.
func Agree(members ...*Member) {
	first := members[0]
	first.T.Helper()
	want := ViewOf(first.T, first.Group)
	for _, m := range members {
		if have := ViewOf(m.T, m.Group); have != want {
			m.T.Fatalf("mlstest: %s in epoch %d and %s in epoch %d do not agree:\n%v\n%v",
				first.Name, first.Group.Epoch(), m.Name, m.Group.Epoch(), want, have)
		}
		if len(m.Group.Proposals()) > 0 {
			continue
		}
		message := m.Say("from " + m.Name)
		for _, other := range members {
			if other != m {
				if data := other.Read(message); data != "from "+m.Name {
					m.T.Fatalf("mlstest: %s reads %q from %s", other.Name, data, m.Name)
				}
			}
		}
	}
}
