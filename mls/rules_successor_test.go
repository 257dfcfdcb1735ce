package mls_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// old is a group that has a successor: reinitialized, or active and to be branched from. alice makes the successor, and
// bob joins it.
type old struct {
	alice, bob, carol *mlstest.Member
	past              mls.PSK // links to the epoch before
}

// ended returns a group that a ReInit ended.
func (a *attempt) ended() *old {
	var past mls.PSK
	alice, bob, carol := reinitialized(a.T, func(g *mls.Group) { past = linkTo(g) })
	past.ID.Usage = framing.ResumptionPSKUsageReInit
	return &old{alice, bob, carol, past}
}

// parent returns a group to branch from.
func (a *attempt) parent() *old {
	all := newCastOf(a.T, supportsAnnouncement, nil, "alice", "bob", "carol")
	past := linkTo(all[0].Group)
	all[0].Commit(mls.CommitParams{}, all[1:]...)
	return &old{all[0], all[1], all[2], past}
}

// succession returns the genuine successor, which alice makes with her own engine and to which she adds carol, too.
func (o *old) succession() *succession {
	s := &succession{create: following(o.alice), guests: []*mlstest.Member{o.carol}, link: linkTo(o.alice.Group),
		join: mls.JoinParams{Successor: o.bob.Group}}
	s.create.GroupID, s.create.Extensions = announcement().GroupID, announcement().Extensions
	if o.alice.Group.Status() == mls.StatusActive {
		s.create.CipherSuite, s.create.Leaf = testSuite, o.alice.LeafParams
	}
	return s
}

// refusesSuccession lets bob join a successor as change has it, which alice makes without the help of her engine; then
// the genuine one. Neither does anything to the old group.
func (o *old) refusesSuccession(a *attempt, change func(*succession)) {
	a.Helper()
	before := whole(a, o.bob.Group)
	s := o.succession()
	s.bare, s.forge = true, true
	change(s)
	_, _, err := s.play(o.alice, o.bob)
	a.gives(err)
	if s.forge { // without a link there is no GroupInfo yet that would name its signer
		a.names(0)
	}
	first, second, err := o.succession().play(o.alice, o.bob)
	require.NoError(a, err, "%s: the genuine successor", a.rule.ID)
	mlstest.Agree(first, second)
	require.Equal(a, before, whole(a, o.bob.Group), "%s: the old group is changed", a.rule.ID)
}

// founder returns alice in the successor that she has just made.
func (o *old) founder() *mlstest.Member {
	s := o.succession()
	first := o.alice.As(s.create.CipherSuite)
	s.create.Leaf = first.LeafParams
	first.Take(mls.Create(s.create))
	return first
}

// refusesFollowing has alice create a successor as change has it, and then the genuine one.
func (o *old) refusesFollowing(a *attempt, change func(*mls.CreateParams)) {
	a.Helper()
	s := o.succession()
	genuine := s.create
	a.refusesCall(o.alice.Group, func() error {
		change(&s.create)
		return failure(mls.Create(s.create))
	})
	must(mls.Create(genuine))
}

// asksFor lets bob join a successor with guests beside him and alice, and checks who of them is a question, and whom of
// the old group they may be.
func (o *old) asksFor(a *attempt, guests []*mlstest.Member, names []string, before ...string) {
	a.Helper()
	s := o.succession()
	s.guests = guests
	_, _, err := s.play(o.alice, o.bob)
	require.NoError(a, err)
	a.done = true
	require.Equal(a, names, s.asked(a.T, before...))
}

// founds has alice create a successor for guests, whom she names beforehand. It returns her Claims.
func (o *old) founds(a *attempt, guests ...*mlstest.Member) ([]mls.Claim, error) {
	s := o.succession()
	for _, g := range guests {
		keys := g.As(s.create.CipherSuite).KeyPackage(a)
		s.create.Invited = append(s.create.Invited, keys.KeyPackage)
	}
	step, err := mls.Create(s.create)
	if err != nil {
		return nil, err
	}
	return step.Claims, nil
}

// twin returns a second client of a player's user.
func twin(a *mlstest.Member) *mlstest.Member {
	p := newMember(a.T.(*testing.T), a.Name+"'s second device")
	supportsAnnouncement(p.Party)
	p.Credential = a.Credential
	return p
}

// badSuccession is a successor that breaks a rule, by name of the old group: ended or parent.
type badSuccession struct {
	id, name string
	old      func(*attempt) *old
	change   func(a *attempt, o *old, s *succession)
}

func badSuccessions() []badSuccession {
	ended, parent := (*attempt).ended, (*attempt).parent
	context := func(change func(c *mls.CreateParams)) func(*attempt, *old, *succession) {
		return func(_ *attempt, _ *old, s *succession) { change(&s.create) }
	}
	extension := func(list ...framing.Extension) func(*attempt, *old, *succession) {
		return context(func(c *mls.CreateParams) { c.Extensions = list })
	}
	announced := announcement().Extensions[0]
	later := func(_ *attempt, _ *old, s *succession) { s.later = true }
	return []badSuccession{
		{"V-RE-02", "", ended, context(func(c *mls.CreateParams) { c.GroupID = []byte("third") })},
		{"V-RE-02", "the old one", ended, context(func(c *mls.CreateParams) { c.GroupID = []byte("group") })},
		{"V-RE-03", "", ended, context(func(c *mls.CreateParams) { c.CipherSuite = testSuite })},
		{"V-RE-04", "dropped", ended, extension()},
		{"V-RE-04", "added", ended, extension(announced, requiring())},
		{"V-RE-04", "altered", ended, extension(framing.Extension{Type: announced.Type, Data: []byte("other")})},
		{"V-RE-04", "another type", ended, extension(requiring())},
		{"V-RE-05", "reinit", ended, later},
		{"V-RE-05", "branch", parent, later},
		{"V-RE-06", "no link", ended, func(_ *attempt, _ *old, s *succession) { s.forge = false }},
		{"V-RE-06", "no link to the parent", parent, func(_ *attempt, _ *old, s *succession) { s.forge = false }},
		{"V-RE-06", "an epoch too early", ended, func(_ *attempt, o *old, s *succession) { s.link = o.past }},
		{"V-RE-06", "no ReInit", parent, func(_ *attempt, _ *old, s *succession) { s.link.ID.Usage = framing.ResumptionPSKUsageReInit }},
		{"V-RE-06", "another group", ended, func(_ *attempt, _ *old, s *succession) {
			s.link = resumption("another", s.link.ID.PSKEpoch, 1)
			s.link.ID.Usage, s.link.ID.PSKNonce = framing.ResumptionPSKUsageReInit, make([]byte, 32)
			s.join.PSKs = mls.PSKs{s.link} // bob has it from somewhere
		}},
		{"V-RE-07", "one left out", ended, func(_ *attempt, _ *old, s *succession) { s.guests = nil }},
		{"V-RE-08", "suite", parent, context(func(c *mls.CreateParams) { c.CipherSuite = nextSuite })},
		{"V-RE-08", "group id", parent, context(func(c *mls.CreateParams) { c.GroupID = []byte("group") })},
	}
}

// requiring returns an extension that asks for nothing.
func requiring() framing.Extension {
	return framing.Extension{Type: framing.ExtensionTypeRequiredCapabilities, Data: []byte{0, 0, 0}}
}

// successorRules returns the tests of area (l).
func successorRules() []ruleTest {
	var out []ruleTest
	for _, b := range badSuccessions() {
		out = append(out, ruleTest{b.id, "welcome", b.name, func(a *attempt) {
			o := b.old(a)
			o.refusesSuccession(a, func(s *succession) { b.change(a, o, s) })
		}})
		if b.id != "V-RE-02" && b.id != "V-RE-03" && b.id != "V-RE-04" && b.id != "V-RE-08" {
			continue // what is created is in epoch 0, linked, and has one member
		}
		out = append(out, ruleTest{b.id, "create", b.name, func(a *attempt) {
			o := b.old(a)
			o.refusesFollowing(a, func(c *mls.CreateParams) {
				s := succession{create: *c}
				b.change(a, o, &s)
				s.create.Leaf = o.alice.As(s.create.CipherSuite).LeafParams
				if s.create.Extensions == nil {
					s.create.Extensions = framing.Extensions{} // nil stands for what was announced
				}
				*c = s.create
			})
		}})
	}
	return append(out, []ruleTest{
		{"V-RE-01", "send", "", func(a *attempt) {
			o := a.ended()
			for _, p := range []*mlstest.Member{o.alice, o.bob, o.carol} { // committer, another, proposer
				for _, call := range sendingCalls(p) {
					a.refusesCall(p.Group, call)
				}
			}
		}},
		{"V-RE-01", "commit", "", func(a *attempt) {
			alice, bob, carol := three(newCastOf(a.T, supportsAnnouncement, nil, "alice", "bob", "carol"))
			late, in, observer := carol.Say("late"), carol.Insider(), alice.Observe()
			made := in.Commit(a, func(d *mlstest.Draft) { d.Proposals, d.NoPath = in.ByValue(announcement()), true })
			mlstest.Tell(made.Commit, alice, bob) // carol goes on as if nothing had ended
			observed := must(observer.Handle(input(made.Commit)))
			more, _ := made.Next.Propose(a, &framing.Remove{Removed: 0}, nil)
			for _, bad := range [][]byte{made.Next.Commit(a, nil).Commit, more, made.Next.Say(a, "more", nil)} {
				a.refusesMessage(alice.Group, bad, late)
				a.refusesMessage(bob.Reloaded(), bad, late)
			}
			a.gives(failure(observed.Next.Handle(input(made.Next.Commit(a, nil).Commit))))
			second := made.Next.Commit(a, nil).Next // and the commit after that one
			a.refusesMessage(bob.Group, second.Commit(a, nil).Commit, late)
		}},
		{"V-RE-03", "create", "a version that nobody speaks", func(a *attempt) {
			all := newCastOf(a.T, supportsAnnouncement, nil, "alice", "bob")
			future := announcement()
			future.Version = 2
			all[0].Commit(mls.CommitParams{Proposals: []framing.Proposal{future}}, all[1])
			a.refusesCall(all[0].Group, func() error { return failure(mls.Create(following(all[0]))) })
		}},
		{"V-PSK-03", "send", "beside the link", func(a *attempt) {
			for _, o := range []*old{a.ended(), a.parent()} {
				first := o.founder()
				link := linkTo(o.alice.Group).ID
				for _, change := range []func(*framing.PreSharedKeyID){
					func(id *framing.PreSharedKeyID) { id.Usage = 5 - id.Usage }, // branch for reinit, and the other way round
					func(id *framing.PreSharedKeyID) { id.PSKEpoch-- },
					func(id *framing.PreSharedKeyID) { id.PSKGroupID = []byte("another") },
				} {
					bad := link
					change(&bad)
					a.refusesCommit(first, inject(bad)...)
				}
				first.Commit(mls.CommitParams{})
				a.refusesCommit(first, inject(link)...) // it was for the first commit
			}
		}},
		{"V-WEL-13", "send", "", func(a *attempt) {
			for _, o := range []*old{a.ended(), a.parent()} {
				first := o.founder()
				a.refusesCommit(first, inject(linkTo(o.alice.Group).ID)...) // the engine has put it in already
				first.Commit(mls.CommitParams{})
			}
		}},
		{"V-RE-03", "welcome", "a version that nobody speaks", func(a *attempt) {
			all := newCastOf(a.T, supportsAnnouncement, nil, "alice", "bob", "carol")
			future := announcement()
			future.Version = 2
			all[0].Commit(mls.CommitParams{Proposals: []framing.Proposal{future}}, all[1:]...)
			o := &old{alice: all[0], bob: all[1], carol: all[2]}
			s := o.succession()
			s.bare, s.forge = true, true
			_, _, err := s.play(o.alice, o.bob)
			a.gives(err)
			a.names(0)
		}},
		{"V-RE-07", "create", "", func(a *attempt) {
			o := a.ended()
			a.gives(failure(o.founds(a, o.bob)))
			judge := must(o.founds(a, o.bob, o.carol))
			a.asks(judge, mls.MomentSuccessorMember)
			mallory := newMember(a.T, "mallory")
			supportsAnnouncement(mallory.Party)
			judge = must(o.founds(a, mallory, o.bob))
			a.asks(judge, mls.MomentSuccessorMember, "mallory")
			require.Equal(a, []byte("carol"), judge[0].Predecessors[0].Credential.Identity)
		}},
		{"V-RE-09", "create", "", func(a *attempt) {
			o := a.parent()
			judge := must(o.founds(a, o.bob))
			a.asks(judge, mls.MomentSuccessorMember)
			mallory := newMember(a.T, "mallory")
			supportsAnnouncement(mallory.Party)
			judge = must(o.founds(a, o.bob, mallory))
			a.asks(judge, mls.MomentSuccessorMember, "mallory")
			require.Len(a, judge[0].Predecessors, 3)
		}},
		{"V-RE-07", "welcome", "one replaced", func(a *attempt) {
			o := a.ended()
			mallory := newMember(a.T, "mallory")
			supportsAnnouncement(mallory.Party)
			o.asksFor(a, []*mlstest.Member{mallory}, []string{"mallory"}, "carol") // whether that is carol, the application knows alone
		}},
		{"V-RE-07", "welcome", "one twice", func(a *attempt) {
			o := a.ended()
			o.asksFor(a, []*mlstest.Member{twin(o.bob)}, []string{"bob"}, "carol") // as many as before, and carol is not among them
		}},
		{"V-RE-07", "welcome", "one more", func(a *attempt) {
			o := a.ended()
			o.asksFor(a, []*mlstest.Member{o.carol, twin(o.bob)}, []string{"bob"})
		}},
		{"V-RE-07", "welcome", "two of one credential", func(a *attempt) {
			all := newCastOf(a.T, func(c *mlstest.Party) {
				supportsAnnouncement(c)
				if c.Name == "carol" {
					c.Credential = framing.BasicCredential([]byte("bob"))
				}
			}, nil, "alice", "bob", "carol")
			all[0].Commit(mls.CommitParams{Proposals: []framing.Proposal{announcement()}}, all[1:]...)
			o := &old{alice: all[0], bob: all[1], carol: all[2]}
			o.asksFor(a, []*mlstest.Member{o.carol}, nil)
			o.asksFor(a, []*mlstest.Member{twin(o.alice)}, []string{"alice"}, "bob")
		}},
		{"V-RE-09", "welcome", "one twice", func(a *attempt) {
			o := a.parent()
			o.asksFor(a, []*mlstest.Member{twin(o.bob)}, nil) // each is a member of the parent
		}},
		{"V-RE-09", "welcome", "the parent has ended since", func(a *attempt) {
			o := a.parent()
			s := o.succession()
			s.guests, s.join.Successor = nil, nil
			_, _, err := s.play(o.alice, o.bob)
			require.ErrorIs(a, err, mls.ErrSuccessor)
			o.carol.Commit(mls.CommitParams{Proposals: []framing.Proposal{announcement()}}, o.alice, o.bob)
			s.join.Successor = o.bob.Group
			_, err = mls.Join(s.join)
			a.holds(err == nil, "a branch has less members than its parent: %v", err)
		}},
		{"V-RE-09", "welcome", "", func(a *attempt) {
			o := a.parent()
			mallory := newMember(a.T, "mallory")
			supportsAnnouncement(mallory.Party)
			o.asksFor(a, []*mlstest.Member{o.carol, mallory}, []string{"mallory"}, "alice", "bob", "carol")
		}},
		{"V-RE-09", "welcome", "a member of another epoch only", func(a *attempt) {
			o := a.parent()
			late := newMember(a.T, "late")
			supportsAnnouncement(late.Party)
			s := o.succession() // of the epoch before late comes
			mlstest.Tell(o.alice.Welcome(late), o.bob, o.carol)
			s.bare, s.forge, s.guests = true, true, []*mlstest.Member{late}
			s.join.Successor = o.bob.Group
			_, _, err := s.play(o.alice, o.bob)
			require.NoError(a, err)
			step := must(mls.Join(s.join))
			a.asks(step.Claims, mls.MomentSuccessorMember, "late")

			for range 3 { // bob forgets who was a member then
				o.carol.Commit(mls.CommitParams{}, o.alice, o.bob)
			}
			s.join.Successor = o.bob.Group
			a.gives(failure(mls.Join(s.join)))
		}},
		{"V-RE-10", "welcome", "the old group comes to help", func(a *attempt) {
			for _, o := range []*old{a.ended(), a.parent()} {
				s := o.succession()
				genuine := s.join.Successor
				s.join.Successor = nil
				_, _, err := s.play(o.alice, o.bob)
				a.gives(err)
				bad := s.join
				s.join.Successor = genuine
				a.refusesJoin(bad, s.join)
			}
		}},
	}...)
}
