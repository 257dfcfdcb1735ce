package mls_test

import (
	"bytes"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// over returns a commit of an insider's over proposals by value.
func (a *attempt) over(in *mlstest.Insider, list ...framing.Proposal) []byte {
	a.Helper()
	return a.covering(in, in.ByValue(list...)...)
}

// covering returns a commit of an insider's over any proposals.
func (a *attempt) covering(in *mlstest.Insider, list ...mlstest.Covered) []byte {
	a.Helper()
	return in.Commit(a, func(d *mlstest.Draft) { d.Proposals, d.Welcome = list, false }).Commit
}

// refusesSeen does what refusesMessage does, for public messages, which an observer refuses, too.
func (a *attempt) refusesSeen(p *mlstest.Member, bad, genuine []byte) {
	a.Helper()
	o := p.Observe()
	s, err := o.Handle(input(bad))
	require.Nil(a, s)
	a.gives(err)
	_, err = o.Handle(input(genuine))
	require.NoError(a, err, "%s: the genuine message, for an observer", a.rule.ID)
	a.refusesMessage(p.Group, bad, genuine)
}

// refusesCommitting has a member make an invalid commit.
func (a *attempt) refusesCommitting(p *mlstest.Member, c mls.CommitParams) {
	a.Helper()
	c.Now = mlstest.Now()
	a.refusesCall(p.Group, func() error { return failure(p.Group.Commit(c, p.Signer)) })
}

// refusesUpdating has a member propose an invalid update of its leaf.
func (a *attempt) refusesUpdating(p *mlstest.Member, u mls.LeafUpdate) {
	a.Helper()
	a.refusesCall(p.Group, func() error { return failure(p.Group.ProposeUpdate(u, mls.ProposeParams{}, p.Signer)) })
}

// refusesProposal does what refusesSeen does, for a proposal of an insider's that change spoils.
func (a *attempt) refusesProposal(p *mlstest.Member, in *mlstest.Insider, proposal framing.Proposal, change func(*mlstest.Content)) {
	a.Helper()
	bad, _ := in.Propose(a, proposal, change)
	genuine, _ := in.Propose(a, proposal, nil)
	a.refusesSeen(p, bad, genuine)
}

// takes checks that a message is accepted.
func (a *attempt) takes(p *mlstest.Member, message []byte) *mls.Step {
	a.Helper()
	s, err := p.Group.Handle(input(message))
	a.holds(err == nil, "%v", err)
	return s
}

// refusesProposing has a member make an invalid proposal.
func (a *attempt) refusesProposing(p *mlstest.Member, proposal framing.Proposal) {
	a.Helper()
	a.refusesCall(p.Group, func() error {
		return failure(p.Group.Propose(proposal, mls.ProposeParams{Now: mlstest.Now()}, p.Signer))
	})
}

// open returns a group of alice, bob and carol in which service is an external sender.
func (a *attempt) open() (alice, bob, carol, service *mlstest.Member) {
	service = newMember(a.T, "service")
	all := newCastOf(a.T, nil, framing.Extensions{extension(a.T, sendersOf(a, service))}, "alice", "bob", "carol")
	return all[0], all[1], all[2], service
}

// offence is a proposal that nobody may make, at least not by the entries given.
type offence struct {
	id, name string
	bad      func(a *attempt) framing.Proposal
	entries  []string
}

func (o offence) rules() []ruleTest {
	return atEntries(o.id, o.name, o.entries, func(a *attempt, entry string) {
		bad := o.bad(a)
		a.offends(entry, bad)
		from := map[string]framing.LeafIndex{"value": 1, "proposal": 1}
		if remove, ok := bad.(*framing.Remove); ok && o.id == "V-PR-07" {
			a.names(remove.Removed)
		} else if i, ok := from[entry]; ok && (o.id == "V-PR-10" || o.id == "V-PR-12") {
			a.names(i)
		}
	})
}

// offends tries a bad proposal at an entry point.
func (a *attempt) offends(entry string, bad framing.Proposal) {
	alice, bob, _, service := a.open()
	in, dave := bob.Insider(), newMember(a.T, "dave")
	switch entry {
	case "value":
		a.refusesSeen(alice, a.over(in, bad), a.over(in))
	case "proposal":
		message, _ := in.Propose(a, bad, nil)
		genuine, _ := in.Propose(a, &framing.Remove{Removed: 2}, nil)
		a.refusesSeen(alice, message, genuine)
	case "outside":
		a.refusesSeen(alice, fromOutside(service, alice.Group, proposing(bad)), fromOutside(service, alice.Group, proposing(&framing.Remove{Removed: 2})))
		a.gives(failure(alice.Observe().Propose(bad, 0, mls.ProposeParams{Now: mlstest.Now()}, service.Signer)))
	case "newcomer":
		a.refusesSeen(alice, fromNewcomer(dave, alice.Group, proposing(bad)), fromNewcomer(dave, alice.Group, proposing(dave.Add())))
	case "external":
		i := a.intrude("dave", alice.Info())
		a.refusesSeen(alice, i.commit(a, func(d *mlstest.Draft) { d.Proposals = append(d.Proposals, i.ByValue(bad)...) }), i.commit(a, nil))
	case "send":
		a.refusesCommitting(alice, mls.CommitParams{Proposals: []framing.Proposal{bad}})
		a.refusesProposing(alice, bad)
	default:
		a.Fatalf("no such entry: %s", entry)
	}
}

// reInit returns a ReInit to a group like this one, as change leaves it.
func reInit(change func(*framing.ReInit)) framing.Proposal {
	p := &framing.ReInit{GroupID: []byte("successor"), Version: framing.MLS10, CipherSuite: testSuite}
	if change != nil {
		change(p)
	}
	return p
}

// reInitWith returns a ReInit with extensions.
func reInitWith(list ...framing.Extension) framing.Proposal {
	return reInit(func(p *framing.ReInit) { p.Extensions = list })
}

// extensionsOf returns a GroupContextExtensions.
func extensionsOf(list ...framing.Extension) framing.Proposal {
	return &framing.GroupContextExtensions{Extensions: list}
}

// requires returns a GroupContextExtensions that sets required capabilities.
func requires(a *attempt, r framing.RequiredCapabilities) framing.Proposal {
	return extensionsOf(extension(a.T, &r))
}

// pskOf returns a PreSharedKey for an external PSK, with a nonce of its own for each seed.
func pskOf(id, seed string) *framing.PreSharedKey {
	psk := mls.ExternalPSKID([]byte(id))
	psk.PSKNonce = make([]byte, 32)
	copy(psk.PSKNonce, seed)
	return &framing.PreSharedKey{PSK: psk}
}

// pskSecrets returns the secrets of external PSKs.
func pskSecrets(ids ...string) (out mls.PSKs) {
	for _, id := range ids {
		out = append(out, mls.PSK{ID: mls.ExternalPSKID([]byte(id)), Secret: ciphersuite.NewSecret([]byte("secret of " + id))})
	}
	return out
}

// offences break rules by one proposal.
func offences() []offence {
	out := []offence{
		{"V-PR-10", "", func(*attempt) framing.Proposal { return reInit(func(p *framing.ReInit) { p.Version = 0 }) },
			[]string{"value", "proposal", "outside", "send"}},
		{"V-PR-11", "repeated", func(*attempt) framing.Proposal {
			return reInitWith(framing.Extension{Type: strange}, framing.Extension{Type: strange, Data: []byte{1}})
		}, []string{"value", "outside", "send"}},
		{"V-PR-11", "misplaced", func(*attempt) framing.Proposal {
			return reInitWith(framing.Extension{Type: framing.ExtensionTypeRatchetTree})
		}, []string{"value", "outside", "send"}},
		{"V-PR-11", "malformed", func(*attempt) framing.Proposal {
			return reInitWith(framing.Extension{Type: framing.ExtensionTypeRequiredCapabilities, Data: []byte{0, 0, 0, 7}})
		}, []string{"value", "outside", "send"}},
		{"V-PR-12", "", func(*attempt) framing.Proposal { return &framing.ExternalInit{KEMOutput: make([]byte, 32)} },
			[]string{"value", "proposal", "outside", "newcomer", "send"}},
		{"V-PR-08", "", func(*attempt) framing.Proposal { return &framing.Remove{Removed: 1} }, []string{"newcomer"}},
		{"V-PR-06", "", func(a *attempt) framing.Proposal { return newPlayerUpdate(a) }, []string{"outside", "newcomer"}},
		{"V-PR-05", "", func(a *attempt) framing.Proposal { return newMember(a.T, "erin").Add() }, []string{"newcomer", "external"}},
	}
	for name, i := range map[string]framing.LeafIndex{"blank": 3, "outside the tree": 4, "the largest index": 1<<32 - 1} {
		out = append(out, offence{"V-PR-07", name, func(*attempt) framing.Proposal { return &framing.Remove{Removed: i} },
			[]string{"value", "proposal", "outside", "external", "send"}})
	}
	slices.SortStableFunc(out, func(x, y offence) int { return bytes.Compare([]byte(x.name), []byte(y.name)) })
	return out
}

// newPlayerUpdate returns an Update of somebody who is no member.
func newPlayerUpdate(a *attempt) framing.Proposal {
	p := newMember(a.T, "erin")
	leaf := p.KeyPackage(a).KeyPackage.LeafNode
	leaf.LeafNodeSource, leaf.Lifetime = framing.LeafNodeSourceUpdate, framing.Lifetime{}
	mlstest.SignLeaf(a, p.Suite, p.Signer, &leaf, []byte("group"), 0)
	return &framing.Update{LeafNode: leaf}
}

// proposalRules returns the tests of area (f).
func proposalRules() []ruleTest {
	var out []ruleTest
	for _, o := range offences() {
		out = append(out, o.rules()...)
	}
	return slices.Concat(out, referenceRules(), supportRules(), []ruleTest{
		{"V-PR-06", "proposal", "", func(a *attempt) {
			alice, bob, carol, _ := a.open()
			in := bob.Insider()
			genuine, _ := in.Propose(a, in.UpdateLeaf(a, "key", nil), nil)
			update := in.UpdateLeaf(a, "key", nil)
			mlstest.SignLeaf(a, in.Suite, bob.Signer, &update.LeafNode, in.Context.GroupID, 2)
			another, _ := in.Propose(a, update, nil)
			a.refusesMessage(alice.Group, another, genuine)
			theirs, _ := in.Propose(a, carol.Insider().UpdateLeaf(a, "key", nil), nil) // good, if carol sent it
			a.refusesMessage(alice.Group, theirs, genuine)
		}},
		{"V-PR-08", "external", "", func(a *attempt) {
			alice, i := a.intruder()
			s := must(alice.Group.Handle(input(i.commit(a, func(d *mlstest.Draft) {
				d.Proposals = append(d.Proposals, i.ByValue(&framing.Remove{Removed: 1})...)
			}))))
			a.asks(s.Claims, mls.MomentExternalCommit, "dave")
			before := s.Claims[0].Predecessors
			a.holds(len(before) == 1 && string(before[0].Credential.Identity) == "bob", "dave takes the place of %v", before)
		}},
		{"V-PR-09", "outside", "", func(a *attempt) {
			alice, bob, _, service := a.open()
			message := fromOutside(service, alice.Group, proposing(pskOf("psk", "1")))
			mlstest.Tell(message, alice, bob)
			commit := alice.MakeCommit(mls.CommitParams{PSKs: pskSecrets("psk")}).Send[0].Message
			alice.Take(alice.Group.Adopt())
			bob.Take(bob.Group.Handle(mls.Input{Message: commit, PSKs: pskSecrets("psk")}))
			mlstest.Agree(alice, bob)
			a.holds(true, "")
			_, err := bob.Group.Handle(input(fromOutside(service, bob.Group, proposing(&framing.PreSharedKey{PSK: framing.PreSharedKeyID{
				PSKType: framing.PSKTypeResumption, Usage: framing.ResumptionPSKUsageReInit, PSKNonce: make([]byte, 32)}}))))
			breaks(a.T, "V-PSK-03", err)
		}},
		{"V-PR-09", "external", "", func(a *attempt) {
			alice, i := a.intruder()
			s := must(alice.Group.Handle(mls.Input{Now: mlstest.Now(), PSKs: pskSecrets("psk"), Message: i.commit(a, func(d *mlstest.Draft) {
				d.Proposals, d.PSKs = append(d.Proposals, i.ByValue(pskOf("psk", "1"))...), pskSecrets("psk")
			})}))
			a.holds(len(s.Events[0].(*mls.EpochChanged).Change.PSKs) == 1, "no PSK")
		}},
		{"V-PR-10", "value", "a suite that this build lacks", func(a *attempt) {
			alice, bob, _ := a.trio()
			s := alice.Hear(a.over(bob.Insider(), reInit(func(p *framing.ReInit) { p.CipherSuite, p.Version = 0x7fff, 2 })))
			announced := s.Events[1].(*mls.ReInitialized).ReInit
			_, err := mls.Create(mls.CreateParams{Leaf: alice.LeafParams, Successor: alice.Group, Lifetime: mlstest.Lifetime(), Params: alice.Params})
			require.ErrorIs(a, err, ciphersuite.ErrUnsupported)
			a.holds(announced.CipherSuite == 0x7fff, "announced is %v", announced)
		}},
		{"V-PR-10", "value", "a version that this build lacks", func(a *attempt) {
			alice, bob, _ := a.trio()
			s := alice.Hear(a.over(bob.Insider(), reInit(func(p *framing.ReInit) { p.Version = 2 })))
			a.holds(s.Events[1].(*mls.ReInitialized).ReInit.Version == 2, "announced is %v", s.Events[1])
			_, err := mls.Create(mls.CreateParams{Leaf: alice.LeafParams, Successor: alice.Group, Lifetime: mlstest.Lifetime(), Params: alice.Params})
			require.ErrorIs(a, err, ciphersuite.ErrUnsupported)
		}},
		{"V-PR-10", "outside", "a good one", func(a *attempt) {
			alice, bob, _, service := a.open()
			mlstest.Tell(fromOutside(service, alice.Group, proposing(reInit(nil))), alice, bob)
			alice.Commit(mls.CommitParams{}, bob)
			a.holds(bob.Group.Status() == mls.StatusReInitialized, "status is %v", bob.Group.Status())
		}},
		{"V-PR-11", "send", "the group's own id may be", func(a *attempt) { // as the working group's scripts have it
			alice, bob, _ := a.trio()
			own := reInit(func(p *framing.ReInit) { p.GroupID = []byte("group") })
			alice.Hear(bob.Propose(own))
			made := alice.Commit(mls.CommitParams{}, bob)
			message, adopted := made.Message, made.Adopted
			a.holds(adopted.Next.Status() == mls.StatusReInitialized, "status is %v", adopted.Next.Status())
			require.NotEmpty(a, message)
		}},
		{"V-PR-11", "value", "the group's own id may be", func(a *attempt) {
			alice, bob, _ := a.trio()
			s := alice.Hear(a.over(bob.Insider(), reInit(func(p *framing.ReInit) { p.GroupID = []byte("group") })))
			a.holds(s.Next.Status() == mls.StatusReInitialized, "status is %v", s.Next.Status())
		}},
		{"V-PR-13", "external", "", func(a *attempt) {
			alice, i := a.intruder()
			bad := append(lowOrder(), nil, []byte{4}, make([]byte, 31), make([]byte, 33), bytes.Repeat([]byte{9}, 1<<10))
			for _, kem := range bad {
				a.refusesMessage(alice.Group, i.commit(a, func(d *mlstest.Draft) {
					d.OnCommit = func(c *framing.Commit) { c.Proposals[0].Proposal = &framing.ExternalInit{KEMOutput: kem} }
				}), i.commit(a, nil))
			}
		}},
		{"V-PR-13", "external", "all cipher suites", func(a *attempt) {
			for _, suite := range ciphersuite.Supported() {
				alice := newMember(a.T, "alice").As(suite)
				alice.Group = alice.Create(a, "group")
				i := a.intrude("dave", alice.Info())
				good := i.externalInit(a)[0].Proposal.(*framing.ExternalInit).KEMOutput
				last := len(good) - 1
				bad := [][]byte{make([]byte, len(good)), good[:last], append(slices.Clone(good), 0)}
				if good[0] == 4 && last%2 == 0 { // a point of a NIST curve, which not all pairs of coordinates are
					bad = append(bad, append(slices.Clone(good[:last]), good[last]^1))
				}
				for _, kem := range bad {
					a.refusesMessage(alice.Group, i.commit(a, func(d *mlstest.Draft) {
						d.Proposals = i.ByValue(&framing.ExternalInit{KEMOutput: kem})
					}), i.commit(a, nil))
				}
			}
		}},
		{"V-PR-17", "proposal", "", func(a *attempt) {
			alice, bob, _, service := a.open()
			dave := newMember(a.T, "dave")
			fromBob, _ := bob.Insider().Propose(a, dave.Add(), nil)
			for message, want := range map[string]framing.Sender{
				string(fromBob): {SenderType: framing.SenderTypeMember, LeafIndex: 1},
				string(fromOutside(service, alice.Group, proposing(dave.Add()))): {SenderType: framing.SenderTypeExternal},
				string(fromNewcomer(dave, alice.Group, proposing(dave.Add()))):   {SenderType: framing.SenderTypeNewMemberProposal},
			} {
				s := must(alice.Group.Handle(input([]byte(message))))
				told := s.Events[0].(*mls.ProposalReceived)
				a.holds(told.Sender == want && told.Proposal.ProposalType() == framing.ProposalTypeAdd, "told of %v", told)
			}
		}},
		{"V-PR-17", "commit", "", func(a *attempt) {
			alice, bob, carol, service := a.open()
			list := append(a.threeAdds(alice, carol, service), bob.Insider().ByValue(&framing.Remove{Removed: 2})...)
			s := must(alice.Group.Handle(input(a.covering(bob.Insider(), list...))))
			a.tells(s.Events[0].(*mls.EpochChanged).Change, list)
		}},
		{"V-PR-17", "send", "", func(a *attempt) {
			alice, _, carol, service := a.open()
			list := append(a.threeAdds(alice, carol, service), alice.Insider().ByValue(&framing.Remove{Removed: 2})...)
			s, err := alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 2}}, Now: mlstest.Now()}, alice.Signer)
			require.NoError(a, err)
			a.tells(s.Change, list)
		}},
	})
}

// threeAdds lets alice hear of Adds by a member, from outside and of a newcomer's.
func (a *attempt) threeAdds(alice, member, service *mlstest.Member) (out []mlstest.Covered) {
	for k, in := range []*mlstest.Insider{
		member.Insider(),
		stranger(service, alice.Group, framing.SenderTypeExternal),
		stranger(newMember(a.T, "newcomer"), alice.Group, framing.SenderTypeNewMemberProposal),
	} {
		message, covered := in.Propose(a, newMember(a.T, []string{"dave", "erin", "newcomer"}[k]).Add(), func(c *mlstest.Content) {
			if k > 0 {
				c.Context = nil
			}
		})
		alice.Hear(message)
		out = append(out, covered)
	}
	return out
}

// tells checks that a Change names proposals with their senders and references.
func (a *attempt) tells(c *mls.Change, want []mlstest.Covered) {
	a.Helper()
	require.Len(a, c.Proposals, len(want))
	for k, p := range c.Proposals {
		a.holds(p.Sender == want[k].Sender && bytes.Equal(p.Ref, want[k].Ref) &&
			p.Proposal.ProposalType() == want[k].Proposal.ProposalType(), "proposal %d is %v", k, p)
	}
}

// referenceRules returns the tests about proposals that a commit names.
func referenceRules() []ruleTest {
	return []ruleTest{
		{"V-PR-01", "proposal", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			in, by := carol.Insider(), bob.Insider()
			genuine, _ := in.Propose(a, &framing.Remove{Removed: 1}, nil)
			for _, change := range []func(*mlstest.Content){
				func(c *mlstest.Content) {
					c.OnSigned = func(auth *framing.FramedContentAuthData) { auth.Signature[7] ^= 1 }
				},
				func(c *mlstest.Content) { c.MembershipKey = ciphersuite.NewSecret(make([]byte, 32)) },
				func(c *mlstest.Content) { c.Sender.LeafIndex = 1 },
				func(c *mlstest.Content) {
					privately(c)
					c.OnSigned = func(auth *framing.FramedContentAuthData) { auth.Signature[7] ^= 1 }
				},
			} {
				bad, covered := in.Propose(a, &framing.Remove{Removed: 2}, change)
				a.refusesMessage(alice.Group, bad, genuine)
				a.refusesMessage(alice.Group, a.covering(by, covered), a.over(by)) // it was not kept
			}
			alice.Hear(genuine)
			_, other := in.Propose(a, &framing.Remove{Removed: 1}, func(c *mlstest.Content) { c.AuthenticatedData = []byte{1} })
			a.refusesMessage(alice.Group, a.covering(by, other), a.over(by)) // the same proposal in another content
		}},
		{"V-PR-01", "outside", "", func(a *attempt) {
			alice, bob, _, service := a.open()
			by := bob.Insider()
			genuine := fromOutside(service, alice.Group, proposing(&framing.Remove{Removed: 2}))
			in := stranger(service, alice.Group, framing.SenderTypeExternal)
			for _, change := range []func(*mlstest.Content){
				func(c *mlstest.Content) {
					c.OnSigned = func(auth *framing.FramedContentAuthData) { auth.Signature[7] ^= 1 }
				},
				func(c *mlstest.Content) { c.Signer = bob.Signer },
				func(c *mlstest.Content) { c.Sender.SenderIndex = 1 },
			} {
				bad, covered := in.Propose(a, &framing.Remove{Removed: 2}, func(c *mlstest.Content) {
					c.Context = nil
					change(c)
				})
				a.refusesMessage(alice.Group, bad, genuine)
				a.refusesMessage(alice.Group, a.covering(by, covered), a.over(by))
			}
		}},
		{"V-PR-01", "newcomer", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			dave, by := newMember(a.T, "dave"), bob.Insider()
			genuine := fromNewcomer(dave, alice.Group, proposing(dave.Add()))
			in := stranger(dave, alice.Group, framing.SenderTypeNewMemberProposal)
			for _, change := range []func(*mlstest.Content){
				func(c *mlstest.Content) {
					c.OnSigned = func(auth *framing.FramedContentAuthData) { auth.Signature[7] ^= 1 }
				},
				func(c *mlstest.Content) { c.Signer = bob.Signer },
			} {
				bad, covered := in.Propose(a, dave.Add(), func(c *mlstest.Content) {
					c.Context = nil
					change(c)
				})
				a.refusesSeen(alice, bad, genuine)
				a.refusesMessage(alice.Group, a.covering(by, covered), a.over(by))
			}
		}},
		{"V-PR-02", "reference", "an observer", func(a *attempt) {
			alice, bob, carol := a.trio()
			message, old := carol.Insider().Propose(a, &framing.Remove{Removed: 2}, nil)
			mlstest.Tell(message, alice, bob)
			in, seen := bob.Insider(), alice.Observe()
			watch := func(message []byte) {
				s := must(seen.Handle(input(message)))
				seen = s.Next
			}
			_, err := seen.Handle(input(a.covering(in, old))) // not heard yet
			a.gives(err)
			watch(message)
			must(seen.Handle(input(a.covering(in, old))))
			commit := bob.Commit(mls.CommitParams{References: []framing.ProposalRef{}}, alice, carol).Message
			watch(commit)
			_, err = seen.Handle(input(a.covering(bob.Insider(), old))) // of the epoch before
			a.gives(err)
			watch(a.over(bob.Insider()))
		}},
		{"V-PR-02", "reference", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			message, old := carol.Insider().Propose(a, &framing.Remove{Removed: 2}, nil)
			mlstest.Tell(message, alice, bob)
			in := bob.Insider()
			for _, ref := range []framing.ProposalRef{{}, old.Ref[:31], append(slices.Clone(old.Ref), 0), bytes.Repeat([]byte{7}, 32)} {
				unknown := old
				unknown.Ref = ref
				a.refusesMessage(alice.Group, a.covering(in, unknown), a.covering(in, old))
			}
			bob.Commit(mls.CommitParams{References: []framing.ProposalRef{}}, alice, carol)
			in = bob.Insider()
			a.refusesMessage(alice.Group, a.covering(in, old), a.over(in)) // of the epoch before
			a.refusesMessage(alice.Group, a.covering(in, append(in.ByValue(&framing.Remove{Removed: 2}), old)...), a.over(in))
		}},
		{"V-PR-02", "send", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			message, old := carol.Insider().Propose(a, &framing.Remove{Removed: 2}, nil)
			a.refusesCommitting(alice, mls.CommitParams{References: []framing.ProposalRef{old.Ref}}) // not heard yet
			mlstest.Tell(message, alice, bob)
			bob.Commit(mls.CommitParams{References: []framing.ProposalRef{}}, alice, carol)
			a.refusesCommitting(alice, mls.CommitParams{References: []framing.ProposalRef{old.Ref}})
		}},
		{"V-PR-03", "reference", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			update := carol.Insider().UpdateLeaf(a, "key", nil)
			message, covered := carol.Insider().Propose(a, update, nil)
			alice.Hear(message)
			s := alice.Hear(a.covering(bob.Insider(), covered))
			change := s.Events[0].(*mls.EpochChanged).Change
			require.Len(a, change.Updated, 2) // carol's, and bob's by his path
			leaf, _ := s.Next.Tree().Leaf(2)
			a.holds(change.Updated[0].Leaf == 2 && bytes.Equal(leaf.EncryptionKey, update.LeafNode.EncryptionKey), "updated: %v", change.Updated)
		}},
		{"V-PR-03", "send", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			mlstest.Tell(carol.Update(mls.LeafUpdate{}), alice, bob)
			before, _ := alice.Group.Tree().Leaf(2)
			alice.Commit(mls.CommitParams{}, bob, carol)
			leaf, _ := alice.Group.Tree().Leaf(2)
			a.holds(!bytes.Equal(leaf.EncryptionKey, before.EncryptionKey), "carol's leaf is as before")
			mlstest.Agree(alice, bob, carol)
		}},
	}
}
