package mls_test

// RFC 9420, Section 5.3.1: the moments at which credentials are judged.

import (
	"time"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// asksAfter checks who is to be judged in the place of whom.
func (a *attempt) asksAfter(list []mls.Claim, m mls.Moment, name, before string) {
	a.Helper()
	a.asks(list, m, name)
	for _, j := range list {
		if j.Moment == m {
			require.Len(a, j.Predecessors, 1, "%s: predecessors", a.rule.ID)
			require.Equal(a, before, string(j.Predecessors[0].Credential.Identity))
			require.NotEmpty(a, j.Predecessors[0].SignatureKey)
		}
	}
}

// observed lets an observer of the group handle a message, and answers what it has to judge.
func (p *player) observed(message []byte) []mls.Claim {
	p.t.Helper()
	s, err := p.observe().Handle(input(message))
	require.NoError(p.t, err)
	return s.Claims
}

// replacement is a way in which a member's identity changes.
type replacement struct {
	name   string // of the member afterwards
	signer bool   // whether it brings another signature key
}

// replacements are: another name with the same key, the same name with another key, and both.
func replacements() []replacement {
	return []replacement{{"robert", false}, {"bob", true}, {"robert", true}}
}

// update is what a member says to change its identity.
func (r replacement) update(a *attempt) mls.LeafUpdate {
	credential := framing.BasicCredential([]byte(r.name))
	u := mls.LeafUpdate{Credential: &credential}
	if r.signer {
		u.Signer = newPlayer(a.T, "another").Signer
	}
	return u
}

// refusedBy checks that a member who answers a Claim with no is where it was, and goes on with what others send.
func (a *attempt) refusedBy(p *player, message, other []byte) {
	a.Helper()
	before := dump(a, p.group)
	s, err := p.group.Handle(input(message))
	require.NoError(a, err)
	a.holds(len(s.Claims) > 0, "nobody is asked")
	require.Equal(a, before, dump(a, p.group), "%s: the group changed before the answer", a.rule.ID)
	again, err := p.group.Handle(input(message))
	require.NoError(a, err, "%s: the question cannot be asked again", a.rule.ID)
	require.Equal(a, s.Claims, again.Claims)
	p.hear(other) // the Step is dropped
}

// credentialRules are the tests of area (p).
func credentialRules() []ruleTest {
	return []ruleTest{
		{"V-AS-01", "send", "", func(a *attempt) {
			alice, _, _ := a.trio()
			add := newPlayer(a.T, "dave").addOf()
			s, err := alice.group.Propose(add, mls.ProposeParams{Now: mlstest.Now()}, alice.Signer)
			require.NoError(a, err)
			a.asks(s.Claims, mls.MomentAddSent, "dave")
			s, err = alice.group.Commit(mls.CommitParams{Proposals: []framing.Proposal{add}, Now: mlstest.Now()}, alice.Signer)
			require.NoError(a, err)
			a.asks(s.Claims, mls.MomentAddSent, "dave")
		}},
		{"V-AS-02", "welcome", "", func(a *attempt) {
			alice, _, _ := a.trio()
			w := a.newWelcomed()
			s, err := mls.Join(w.by(alice.insider(), nil))
			require.NoError(a, err)
			a.asks(s.Claims, mls.MomentJoin, "alice", "bob", "carol", "dave")
		}},
		{"V-AS-02", "welcome", "a roster beside it", func(a *attempt) {
			alice, _, _ := a.trio()
			w := a.newWelcomed()
			s, err := mls.Join(w.by(alice.insider(), func(d *mlstest.Draft) {
				d.OnGroupInfo = func(i *framing.GroupInfo) {
					i.Extensions = append(i.Extensions, framing.Extension{Type: strange, Data: []byte("alice, mallory")})
				}
			}))
			require.NoError(a, err)
			a.asks(s.Claims, mls.MomentJoin, "alice", "bob", "carol", "dave") // what the tree says, and nothing else
			for _, j := range s.Claims {
				require.EqualValues(a, s.Next.Tree().SignatureKey(j.Leaf), j.SignatureKey)
			}
		}},
		{"V-AS-03", "groupinfo", "", func(a *attempt) {
			alice, _, _ := a.trio()
			dave := newPlayer(a.T, "dave")
			s, err := mls.JoinExternal(mls.JoinExternalParams{
				GroupInfo: alice.info(), Leaf: dave.LeafParams, Now: mlstest.Now(), Params: dave.Params})
			require.NoError(a, err)
			a.asks(s.Claims, mls.MomentJoin, "alice", "bob", "carol")
			require.NotEmpty(a, s.Send, "the question comes with what is to be sent, and so before it")
			seen, err := mls.Observe(mls.ObserveParams{GroupInfo: alice.info(), Now: mlstest.Now()})
			require.NoError(a, err)
			a.asks(seen.Claims, mls.MomentJoin, "alice", "bob", "carol")
		}},
		{"V-AS-04", "value", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			add := in.ByValue(newPlayer(a.T, "dave").addOf(), newPlayer(a.T, "eve").addOf())
			message := in.Commit(a, func(d *mlstest.Draft) { d.Proposals = add }).Commit
			a.asks(alice.observed(message), mls.MomentAdd, "dave", "eve")
			a.asks(alice.hear(message).Claims, mls.MomentAdd, "dave", "eve")
		}},
		{"V-AS-04", "reference", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			proposal := carol.propose(newPlayer(a.T, "dave").addOf(), bob)
			a.asks(alice.hear(proposal).Claims, mls.MomentAdd, "dave")
			message, _ := bob.commit(mls.CommitParams{})
			a.asks(alice.hear(message).Claims, mls.MomentAdd, "dave") // what was true then may not be so now
		}},
		{"V-AS-04", "reference", "by its committer", func(a *attempt) {
			alice, bob, _ := a.trio()
			alice.hear(bob.propose(newPlayer(a.T, "dave").addOf()))
			s, err := alice.group.Commit(mls.CommitParams{Now: mlstest.Now()}, alice.Signer)
			require.NoError(a, err)
			a.asks(s.Claims, mls.MomentAddSent, "dave")
		}},
		{"V-AS-04", "outside", "", func(a *attempt) {
			alice, _, service := a.served()
			message := service.outside(alice.group, proposing(newPlayer(a.T, "dave").addOf()))
			a.asks(alice.observed(message), mls.MomentAdd, "dave")
			a.asks(alice.hear(message).Claims, mls.MomentAdd, "dave")
		}},
		{"V-AS-04", "newcomer", "", func(a *attempt) {
			alice, _, _ := a.trio()
			dave := newPlayer(a.T, "dave")
			message := dave.newcomer(alice.group, proposing(dave.addOf()))
			a.asks(alice.observed(message), mls.MomentAdd, "dave")
			a.asks(alice.hear(message).Claims, mls.MomentAdd, "dave")
		}},
		{"V-AS-05", "update", "", func(a *attempt) {
			for _, r := range replacements() {
				alice, bob, carol := a.trio()
				s := bob.take(bob.group.ProposeUpdate(r.update(a), mls.ProposeParams{}, bob.Signer))
				a.asks(s.Claims, mls.MomentUpdate, r.name)
				carol.hear(s.Send[0].Message)
				a.asks(alice.hear(s.Send[0].Message).Claims, mls.MomentUpdate, r.name)
				message, _ := carol.commit(mls.CommitParams{})
				a.asks(alice.hear(message).Claims, mls.MomentUpdate, r.name)
			}
		}},
		{"V-AS-05", "update", "the same identity", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			message, _ := in.Propose(a, in.UpdateLeaf(a, "key", nil), nil)
			a.asks(alice.hear(message).Claims, mls.MomentUpdate)
		}},
		{"V-AS-05", "path", "", func(a *attempt) {
			for _, r := range replacements() {
				alice, bob, _ := a.trio()
				s := bob.take(bob.group.Commit(mls.CommitParams{Leaf: r.update(a)}, bob.Signer))
				a.asks(s.Claims, mls.MomentPath, r.name)
				a.asks(alice.observed(s.Send[0].Message), mls.MomentPath, r.name)
				a.asks(alice.hear(s.Send[0].Message).Claims, mls.MomentPath, r.name)
			}
		}},
		{"V-AS-05", "path", "the same identity", func(a *attempt) {
			alice, bob, _ := a.trio()
			a.asks(alice.hear(bob.insider().Commit(a, nil).Commit).Claims, mls.MomentPath)
		}},
		{"V-AS-06", "external", "", func(a *attempt) {
			alice, _, _ := a.trio()
			message := a.intrude("dave", alice.info()).commit(a, nil)
			a.asks(alice.observed(message), mls.MomentExternalCommit, "dave")
			s := alice.hear(message)
			a.asks(s.Claims, mls.MomentExternalCommit, "dave")
			require.Empty(a, s.Claims[0].Predecessors, "dave takes nobody's place")
		}},
		{"V-AS-07", "update", "", func(a *attempt) {
			for _, r := range replacements() {
				alice, bob, carol := a.trio()
				s := bob.take(bob.group.ProposeUpdate(r.update(a), mls.ProposeParams{}, bob.Signer))
				carol.hear(s.Send[0].Message)
				a.asksAfter(alice.hear(s.Send[0].Message).Claims, mls.MomentUpdate, r.name, "bob")
				message, _ := carol.commit(mls.CommitParams{})
				a.asksAfter(alice.hear(message).Claims, mls.MomentUpdate, r.name, "bob")
			}
		}},
		{"V-AS-07", "update", "another member's credential", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			update := in.UpdateLeaf(a, "key", func(l *framing.LeafNode) { l.Credential = in.Tree.Leaf(2).Credential })
			message, _ := in.Propose(a, update, nil)
			a.asksAfter(alice.hear(message).Claims, mls.MomentUpdate, "carol", "bob")
		}},
		{"V-AS-07", "path", "", func(a *attempt) {
			for _, r := range replacements() {
				alice, bob, _ := a.trio()
				message, _ := bob.commit(mls.CommitParams{Leaf: r.update(a)})
				a.asksAfter(alice.hear(message).Claims, mls.MomentPath, r.name, "bob")
			}
		}},
		{"V-AS-07", "external", "", func(a *attempt) {
			for _, name := range []string{"bob", "mallory"} { // himself with other keys, and somebody else
				alice, _, carol := a.trio()
				i := a.intrude(name, carol.info())
				i.Signer = newPlayer(a.T, "another").Signer
				var err error
				i.leaf.SignatureKey, err = i.Suite.PublicKeyOf(i.Signer)
				require.NoError(a, err)
				message := i.commit(a, func(d *mlstest.Draft) {
					d.Proposals = append(d.Proposals, i.ByValue(&framing.Remove{Removed: 1})...)
				})
				a.asksAfter(alice.observed(message), mls.MomentExternalCommit, name, "bob")
				a.asksAfter(alice.hear(message).Claims, mls.MomentExternalCommit, name, "bob")
			}
		}},
		{"V-AS-08", "create", "", func(a *attempt) {
			alice, service := newPlayer(a.T, "alice"), newPlayer(a.T, "service")
			s, err := mls.Create(mls.CreateParams{CipherSuite: testSuite, Leaf: alice.LeafParams, Lifetime: mlstest.Lifetime(),
				Extensions: framing.Extensions{extension(a.T, sendersOf(a, service))}, Params: alice.Params})
			require.NoError(a, err)
			a.asks(s.Claims, mls.MomentExternalSender, "service")
		}},
		{"V-AS-08", "value", "", func(a *attempt) {
			for _, change := range []func(*framing.ExternalSenders){
				func(l *framing.ExternalSenders) { (*l)[0].Credential = framing.BasicCredential([]byte("mallory")) },
				func(l *framing.ExternalSenders) {
					(*l)[0].SignatureKey = newSenderKey(a.T, mlstest.Suite(a, testSuite)) // under the same name
				},
				func(l *framing.ExternalSenders) { *l = append(*l, (*sendersOf(a, newPlayer(a.T, "gate")))...) },
			} {
				alice, bob, service := a.served()
				senders := sendersOf(a, service)
				change(senders)
				var names []string
				for _, s := range *senders {
					names = append(names, string(s.Credential.Identity))
				}
				list := []framing.Proposal{&framing.GroupContextExtensions{Extensions: framing.Extensions{extension(a.T, senders)}}}
				s := bob.take(bob.group.Commit(mls.CommitParams{Proposals: list}, bob.Signer))
				a.asks(s.Claims, mls.MomentExternalSender, names...)
				a.asks(alice.observed(s.Send[0].Message), mls.MomentExternalSender, names...)
				a.asks(alice.hear(s.Send[0].Message).Claims, mls.MomentExternalSender, names...)
			}
		}},
		{"V-AS-08", "proposal", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			senders := extension(a.T, sendersOf(a, newPlayer(a.T, "service")))
			message := bob.propose(&framing.GroupContextExtensions{Extensions: framing.Extensions{senders}})
			a.asks(alice.hear(message).Claims, mls.MomentExternalSender, "service")
		}},
		{"V-AS-08", "welcome", "", func(a *attempt) {
			alice, _, _ := a.served()
			s, err := mls.Join(a.newWelcomed().by(alice.insider(), nil))
			require.NoError(a, err)
			a.asks(s.Claims, mls.MomentExternalSender, "service")
		}},
		{"V-AS-08", "groupinfo", "", func(a *attempt) {
			alice, _, _ := a.served()
			dave := newPlayer(a.T, "dave")
			s, err := mls.JoinExternal(mls.JoinExternalParams{GroupInfo: alice.info(), Leaf: dave.LeafParams, Params: dave.Params})
			require.NoError(a, err)
			a.asks(s.Claims, mls.MomentExternalSender, "service")
		}},
		{"V-AS-09", "newcomer", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			dave := newPlayer(a.T, "dave")
			message := dave.newcomer(alice.group, proposing(dave.addOf()))
			s, err := alice.group.Handle(input(message))
			require.NoError(a, err)
			a.asks(s.Claims, mls.MomentAdd, "dave")
			from := s.Events[0].(*mls.ProposalReceived).Sender // by which policy tells it from a member's
			require.Equal(a, framing.SenderTypeNewMemberProposal, from.SenderType)
			require.Empty(a, alice.group.Proposals())
			a.refusedBy(alice, message, bob.insider().Commit(a, nil).Commit)
			_, err = alice.group.Handle(input(message))
			require.ErrorIs(a, err, mls.ErrOldEpoch, "what was not allowed is gone with the epoch")
		}},
		{"V-AS-09", "newcomer", "its commit", func(a *attempt) {
			alice, bob, _ := a.trio()
			dave := newPlayer(a.T, "dave")
			tell(dave.newcomer(alice.group, proposing(dave.addOf())), alice, bob)
			message, _ := bob.commit(mls.CommitParams{})
			s := alice.hear(message)
			a.asks(s.Claims, mls.MomentAdd, "dave")
			covered := s.Events[0].(*mls.EpochChanged).Change.Proposals[0]
			require.Equal(a, framing.SenderTypeNewMemberProposal, covered.Sender.SenderType)
		}},
		{"V-AS-10", "path", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			late := mlstest.Now().Add(5 * 365 * 24 * time.Hour) // everybody's lifetime is over
			fresh := replacement{"bob", true}.update(a)
			proposal := bob.take(bob.group.Propose(&framing.Remove{Removed: 2}, mls.ProposeParams{}, bob.Signer)).Send[0].Message
			s := bob.take(bob.group.Commit(mls.CommitParams{Leaf: fresh, Now: late}, bob.Signer))
			for _, message := range [][]byte{carol.say("I am late"), proposal, s.Send[0].Message} {
				s, err := alice.group.Handle(mls.Input{Message: message, Now: late})
				a.holds(err == nil, "%v", err)
				alice.take(s, err)
			}
			bob.take(bob.group.Adopt())
			bob.Signer = fresh.Signer
			together(alice, bob)
		}},
		{"V-AS-11", "commit", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			in, other := bob.insider(), carol.insider().Commit(a, nil).Commit
			add := in.ByValue(newPlayer(a.T, "dave").addOf())
			bad := in.Commit(a, func(d *mlstest.Draft) {
				d.Proposals = add
				d.OnTag = func(tag []byte) []byte { return make([]byte, len(tag)) }
			}).Commit
			s, err := alice.group.Handle(input(bad))
			breaks(a.T, "V-CM-14", err)
			require.Nil(a, s, "nobody is asked about what is refused in any case")
			a.refusedBy(alice, in.Commit(a, func(d *mlstest.Draft) { d.Proposals = add }).Commit, other)
		}},
		{"V-AS-11", "external", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			a.refusedBy(alice, a.intrude("dave", alice.info()).commit(a, nil), bob.insider().Commit(a, nil).Commit)
		}},
		{"V-AS-11", "proposal", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			a.refusedBy(alice, bob.propose(newPlayer(a.T, "dave").addOf()), bob.insider().Commit(a, nil).Commit)
		}},
		{"V-AS-11", "send", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			before := dump(a, alice.group)
			add := []framing.Proposal{newPlayer(a.T, "dave").addOf()}
			s, err := alice.group.Commit(mls.CommitParams{Proposals: add, Now: mlstest.Now()}, alice.Signer)
			require.NoError(a, err)
			a.asks(s.Claims, mls.MomentAddSent, "dave")
			require.Equal(a, before, dump(a, alice.group))
			message, _ := alice.commit(mls.CommitParams{}) // instead
			bob.hear(message)
			together(alice, bob)
		}},
	}
}
