package mls_test

// RFC 9420, Section 5.3.1: the moments at which credentials are validated.

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

// claimsSeen lets an observer of the group handle a message, and returns what it has to judge.
func claimsSeen(p *mlstest.Member, message []byte) []mls.Claim {
	return must(p.Observe().Handle(input(message))).Claims
}

// replacement is a way in which a member's identity changes.
type replacement struct {
	name   string // of the member afterwards
	signer bool   // whether it brings another signature key
}

// replacements returns another name with the same key, the same name with another key, and both.
func replacements() []replacement {
	return []replacement{{"robert", false}, {"bob", true}, {"robert", true}}
}

// update returns what a member says to change its identity.
func (r replacement) update(a *attempt) mls.LeafUpdate {
	credential := framing.BasicCredential([]byte(r.name))
	u := mls.LeafUpdate{Credential: &credential}
	if r.signer {
		u.Signer = newMember(a.T, "another").Signer
	}
	return u
}

// refusedBy checks that a member who answers a Claim with no is where it was, and goes on with what others send.
func (a *attempt) refusedBy(p *mlstest.Member, message, other []byte) {
	a.Helper()
	before := whole(a, p.Group)
	s := must(p.Group.Handle(input(message)))
	a.holds(len(s.Claims) > 0, "nobody is asked")
	require.Equal(a, before, whole(a, p.Group), "%s: the group changed before the answer", a.rule.ID)
	again, err := p.Group.Handle(input(message))
	require.NoError(a, err, "%s: the question cannot be asked again", a.rule.ID)
	require.Equal(a, s.Claims, again.Claims)
	p.Hear(other) // the Step is dropped
}

// credentialRules returns the tests of area (p).
func credentialRules() []ruleTest {
	return []ruleTest{
		{"V-AS-01", "send", "", func(a *attempt) {
			alice, _, _ := a.trio()
			add := newMember(a.T, "dave").Add()
			s := must(alice.Group.Propose(add, mls.ProposeParams{Now: mlstest.Now()}, alice.Signer))
			a.asks(s.Claims, mls.MomentAddSent, "dave")
			s = must(alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{add}, Now: mlstest.Now()}, alice.Signer))
			a.asks(s.Claims, mls.MomentAddSent, "dave")
		}},
		{"V-AS-02", "welcome", "", func(a *attempt) {
			alice, w := a.welcomed()
			s := must(mls.Join(w.by(alice.Insider(), nil)))
			a.asks(s.Claims, mls.MomentJoin, "alice", "bob", "carol", "dave")
		}},
		{"V-AS-02", "welcome", "a roster beside it", func(a *attempt) {
			alice, w := a.welcomed()
			s := must(mls.Join(w.by(alice.Insider(), func(d *mlstest.Draft) {
				d.OnGroupInfo = func(i *framing.GroupInfo) {
					i.Extensions = append(i.Extensions, framing.Extension{Type: strange, Data: []byte("alice, mallory")})
				}
			})))
			a.asks(s.Claims, mls.MomentJoin, "alice", "bob", "carol", "dave") // what the tree says, and nothing else
			for _, j := range s.Claims {
				require.EqualValues(a, s.Next.Tree().SignatureKey(j.Leaf), j.SignatureKey)
			}
		}},
		{"V-AS-03", "groupinfo", "", func(a *attempt) {
			alice, dave := a.outsider()
			s := must(mls.JoinExternal(dave.ByGroupInfo(alice.Info())))
			a.asks(s.Claims, mls.MomentJoin, "alice", "bob", "carol")
			require.NotEmpty(a, s.Send, "the question comes with what is to be sent, and so before it")
			seen := must(mls.Observe(mls.ObserveParams{GroupInfo: alice.Info(), Now: mlstest.Now()}))
			a.asks(seen.Claims, mls.MomentJoin, "alice", "bob", "carol")
		}},
		{"V-AS-04", "value", "", func(a *attempt) {
			alice, in := a.insider()
			add := in.ByValue(newMember(a.T, "dave").Add(), newMember(a.T, "eve").Add())
			message := in.Commit(a, func(d *mlstest.Draft) { d.Proposals = add }).Commit
			a.asks(claimsSeen(alice, message), mls.MomentAdd, "dave", "eve")
			a.asks(alice.Hear(message).Claims, mls.MomentAdd, "dave", "eve")
		}},
		{"V-AS-04", "reference", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			proposal := carol.Propose(newMember(a.T, "dave").Add(), bob)
			a.asks(alice.Hear(proposal).Claims, mls.MomentAdd, "dave")
			message := bob.Commit(mls.CommitParams{}).Message
			a.asks(alice.Hear(message).Claims, mls.MomentAdd, "dave") // what was true then may not be so now
		}},
		{"V-AS-04", "reference", "by its committer", func(a *attempt) {
			alice, bob, _ := a.trio()
			alice.Hear(bob.Propose(newMember(a.T, "dave").Add()))
			s := must(alice.Group.Commit(mls.CommitParams{Now: mlstest.Now()}, alice.Signer))
			a.asks(s.Claims, mls.MomentAddSent, "dave")
		}},
		{"V-AS-04", "outside", "", func(a *attempt) {
			alice, _, service := a.served()
			message := fromOutside(service, alice.Group, proposing(newMember(a.T, "dave").Add()))
			a.asks(claimsSeen(alice, message), mls.MomentAdd, "dave")
			a.asks(alice.Hear(message).Claims, mls.MomentAdd, "dave")
		}},
		{"V-AS-04", "newcomer", "", func(a *attempt) {
			alice, dave := a.outsider()
			message := fromNewcomer(dave, alice.Group, proposing(dave.Add()))
			a.asks(claimsSeen(alice, message), mls.MomentAdd, "dave")
			a.asks(alice.Hear(message).Claims, mls.MomentAdd, "dave")
		}},
		{"V-AS-05", "update", "", func(a *attempt) {
			for _, r := range replacements() {
				alice, bob, carol := a.trio()
				s := bob.Take(bob.Group.ProposeUpdate(r.update(a), mls.ProposeParams{}, bob.Signer))
				a.asks(s.Claims, mls.MomentUpdate, r.name)
				carol.Hear(s.Send[0].Message)
				a.asks(alice.Hear(s.Send[0].Message).Claims, mls.MomentUpdate, r.name)
				message := carol.Commit(mls.CommitParams{}).Message
				a.asks(alice.Hear(message).Claims, mls.MomentUpdate, r.name)
			}
		}},
		{"V-AS-05", "update", "the same identity", func(a *attempt) {
			alice, in := a.insider()
			message, _ := in.Propose(a, in.UpdateLeaf(a, "key", nil), nil)
			a.asks(alice.Hear(message).Claims, mls.MomentUpdate)
		}},
		{"V-AS-05", "path", "", func(a *attempt) {
			for _, r := range replacements() {
				alice, bob, _ := a.trio()
				s := bob.MakeCommit(mls.CommitParams{Leaf: r.update(a)})
				a.asks(s.Claims, mls.MomentPath, r.name)
				a.asks(claimsSeen(alice, s.Send[0].Message), mls.MomentPath, r.name)
				a.asks(alice.Hear(s.Send[0].Message).Claims, mls.MomentPath, r.name)
			}
		}},
		{"V-AS-05", "path", "the same identity", func(a *attempt) {
			alice, bob, _ := a.trio()
			a.asks(alice.Hear(bob.Insider().Commit(a, nil).Commit).Claims, mls.MomentPath)
		}},
		{"V-AS-06", "external", "", func(a *attempt) {
			alice, _, _ := a.trio()
			message := a.intrude("dave", alice.Info()).commit(a, nil)
			a.asks(claimsSeen(alice, message), mls.MomentExternalCommit, "dave")
			s := alice.Hear(message)
			a.asks(s.Claims, mls.MomentExternalCommit, "dave")
			require.Empty(a, s.Claims[0].Predecessors, "dave takes nobody's place")
		}},
		{"V-AS-07", "update", "", func(a *attempt) {
			for _, r := range replacements() {
				alice, bob, carol := a.trio()
				a.asksAfter(alice.Hear(bob.Update(r.update(a), carol)).Claims, mls.MomentUpdate, r.name, "bob")
				message := carol.Commit(mls.CommitParams{}).Message
				a.asksAfter(alice.Hear(message).Claims, mls.MomentUpdate, r.name, "bob")
			}
		}},
		{"V-AS-07", "update", "another member's credential", func(a *attempt) {
			alice, in := a.insider()
			update := in.UpdateLeaf(a, "key", func(l *framing.LeafNode) { l.Credential = in.Tree.Leaf(2).Credential })
			message, _ := in.Propose(a, update, nil)
			a.asksAfter(alice.Hear(message).Claims, mls.MomentUpdate, "carol", "bob")
		}},
		{"V-AS-07", "path", "", func(a *attempt) {
			for _, r := range replacements() {
				alice, bob, _ := a.trio()
				message := bob.Commit(mls.CommitParams{Leaf: r.update(a)}).Message
				a.asksAfter(alice.Hear(message).Claims, mls.MomentPath, r.name, "bob")
			}
		}},
		{"V-AS-07", "external", "", func(a *attempt) {
			for _, name := range []string{"bob", "mallory"} { // himself with other keys, and somebody else
				alice, _, carol := a.trio()
				i := a.intrude(name, carol.Info())
				i.Signer = newMember(a.T, "another").Signer
				var err error
				i.leaf.SignatureKey, err = i.Suite.PublicKeyOf(i.Signer)
				require.NoError(a, err)
				message := i.commit(a, func(d *mlstest.Draft) {
					d.Proposals = append(d.Proposals, i.ByValue(&framing.Remove{Removed: 1})...)
				})
				a.asksAfter(claimsSeen(alice, message), mls.MomentExternalCommit, name, "bob")
				a.asksAfter(alice.Hear(message).Claims, mls.MomentExternalCommit, name, "bob")
			}
		}},
		{"V-AS-08", "create", "", func(a *attempt) {
			alice, service := newMember(a.T, "alice"), newMember(a.T, "service")
			s := must(mls.Create(mls.CreateParams{CipherSuite: testSuite, Leaf: alice.LeafParams, Lifetime: mlstest.Lifetime(),
				Extensions: framing.Extensions{extension(a.T, sendersOf(a, service))}, Params: alice.Params}))
			a.asks(s.Claims, mls.MomentExternalSender, "service")
		}},
		{"V-AS-08", "value", "", func(a *attempt) {
			for _, change := range []func(*framing.ExternalSenders){
				func(l *framing.ExternalSenders) { (*l)[0].Credential = framing.BasicCredential([]byte("mallory")) },
				func(l *framing.ExternalSenders) {
					(*l)[0].SignatureKey = newSenderKey(a.T, mlstest.Suite(a, testSuite)) // under the same name
				},
				func(l *framing.ExternalSenders) { *l = append(*l, (*sendersOf(a, newMember(a.T, "gate")))...) },
			} {
				alice, bob, service := a.served()
				senders := sendersOf(a, service)
				change(senders)
				var names []string
				for _, s := range *senders {
					names = append(names, string(s.Credential.Identity))
				}
				list := []framing.Proposal{&framing.GroupContextExtensions{Extensions: framing.Extensions{extension(a.T, senders)}}}
				s := bob.MakeCommit(mls.CommitParams{Proposals: list})
				a.asks(s.Claims, mls.MomentExternalSender, names...)
				a.asks(claimsSeen(alice, s.Send[0].Message), mls.MomentExternalSender, names...)
				a.asks(alice.Hear(s.Send[0].Message).Claims, mls.MomentExternalSender, names...)
			}
		}},
		{"V-AS-08", "proposal", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			senders := extension(a.T, sendersOf(a, newMember(a.T, "service")))
			message := bob.Propose(&framing.GroupContextExtensions{Extensions: framing.Extensions{senders}})
			a.asks(alice.Hear(message).Claims, mls.MomentExternalSender, "service")
		}},
		{"V-AS-08", "welcome", "", func(a *attempt) {
			alice, _, _ := a.served()
			s := must(mls.Join(a.newWelcomed().by(alice.Insider(), nil)))
			a.asks(s.Claims, mls.MomentExternalSender, "service")
		}},
		{"V-AS-08", "groupinfo", "", func(a *attempt) {
			alice, _, _ := a.served()
			dave := newMember(a.T, "dave")
			s := must(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: alice.Info(), Leaf: dave.LeafParams, Params: dave.Params}))
			a.asks(s.Claims, mls.MomentExternalSender, "service")
		}},
		{"V-AS-09", "newcomer", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			dave := newMember(a.T, "dave")
			message := fromNewcomer(dave, alice.Group, proposing(dave.Add()))
			s := must(alice.Group.Handle(input(message)))
			a.asks(s.Claims, mls.MomentAdd, "dave")
			from := s.Events[0].(*mls.ProposalReceived).Sender // by which policy tells it from a member's
			require.Equal(a, framing.SenderTypeNewMemberProposal, from.SenderType)
			require.Empty(a, alice.Group.Proposals())
			a.refusedBy(alice, message, bob.Insider().Commit(a, nil).Commit)
			require.ErrorIs(a, failure(alice.Group.Handle(input(message))), mls.ErrOldEpoch, "what was not allowed is gone with the epoch")
		}},
		{"V-AS-09", "newcomer", "its commit", func(a *attempt) {
			alice, bob, _ := a.trio()
			dave := newMember(a.T, "dave")
			mlstest.Tell(fromNewcomer(dave, alice.Group, proposing(dave.Add())), alice, bob)
			message := bob.Commit(mls.CommitParams{}).Message
			s := alice.Hear(message)
			a.asks(s.Claims, mls.MomentAdd, "dave")
			covered := s.Events[0].(*mls.EpochChanged).Change.Proposals[0]
			require.Equal(a, framing.SenderTypeNewMemberProposal, covered.Sender.SenderType)
		}},
		{"V-AS-10", "path", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			late := mlstest.Now().Add(5 * 365 * 24 * time.Hour) // everybody's lifetime is over
			fresh := replacement{"bob", true}.update(a)
			proposal := bob.Take(bob.Group.Propose(&framing.Remove{Removed: 2}, mls.ProposeParams{}, bob.Signer)).Send[0].Message
			s := bob.MakeCommit(mls.CommitParams{Leaf: fresh, Now: late})
			for _, message := range [][]byte{carol.Say("I am late"), proposal, s.Send[0].Message} {
				s, err := alice.Group.Handle(mls.Input{Message: message, Now: late})
				a.holds(err == nil, "%v", err)
				alice.Take(s, err)
			}
			bob.Take(bob.Group.Adopt())
			bob.Signer = fresh.Signer
			mlstest.Agree(alice, bob)
		}},
		{"V-AS-11", "commit", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			in, other := bob.Insider(), carol.Insider().Commit(a, nil).Commit
			add := in.ByValue(newMember(a.T, "dave").Add())
			bad := in.Commit(a, func(d *mlstest.Draft) {
				d.Proposals = add
				d.OnTag = func(tag []byte) []byte { return make([]byte, len(tag)) }
			}).Commit
			s, err := alice.Group.Handle(input(bad))
			breaks(a.T, "V-CM-14", err)
			require.Nil(a, s, "nobody is asked about what is refused in any case")
			a.refusedBy(alice, in.Commit(a, func(d *mlstest.Draft) { d.Proposals = add }).Commit, other)
		}},
		{"V-AS-11", "external", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			a.refusedBy(alice, a.intrude("dave", alice.Info()).commit(a, nil), bob.Insider().Commit(a, nil).Commit)
		}},
		{"V-AS-11", "proposal", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			a.refusedBy(alice, bob.Propose(newMember(a.T, "dave").Add()), bob.Insider().Commit(a, nil).Commit)
		}},
		{"V-AS-11", "send", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			before := whole(a, alice.Group)
			add := []framing.Proposal{newMember(a.T, "dave").Add()}
			s := must(alice.Group.Commit(mls.CommitParams{Proposals: add, Now: mlstest.Now()}, alice.Signer))
			a.asks(s.Claims, mls.MomentAddSent, "dave")
			require.Equal(a, before, whole(a, alice.Group))
			message := alice.Commit(mls.CommitParams{}).Message // instead
			bob.Hear(message)
			mlstest.Agree(alice, bob)
		}},
	}
}
