package mls_test

import (
	"encoding/binary"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// withNonceOf returns an external PSK's ID with a nonce of n bytes.
func withNonceOf(n int) framing.PreSharedKeyID {
	id := mls.ExternalPSKID([]byte("psk"))
	id.PSKNonce = make([]byte, n)
	return id
}

// pskBreaches returns PSK proposals that break a rule by themselves.
func pskBreaches() map[string][]framing.PreSharedKeyID {
	return map[string][]framing.PreSharedKeyID{
		"V-PSK-01": {withNonceOf(0), withNonceOf(1), withNonceOf(31), withNonceOf(33), withNonceOf(64)},
		"V-PSK-03": {linking(framing.ResumptionPSKUsageReInit, 1), linking(framing.ResumptionPSKUsageBranch, 1), ownLink()},
	}
}

// ownLink returns the ID of the resumption PSK of the present epoch of the group at hand, with usage branch.
func ownLink() framing.PreSharedKeyID {
	id := linking(framing.ResumptionPSKUsageBranch, 1)
	id.PSKGroupID, id.PSKEpoch = []byte("group"), 1
	return id
}

// refusesPSK tries a PSK proposal at an entry point.
func (a *attempt) refusesPSK(entry string, bad framing.PreSharedKeyID) {
	a.Helper()
	alice, bob, service := a.served()
	in := bob.Insider()
	proposal, good := &framing.PreSharedKey{PSK: bad}, &framing.PreSharedKey{PSK: withNonceOf(32)}
	switch entry {
	case "value":
		a.refusesMessage(alice.Group, in.Commit(a, func(d *mlstest.Draft) {
			d.Proposals, d.PSKs = in.ByValue(proposal), mls.PSKs{{ID: bad, Secret: in.Secrets.ResumptionPSK}}
		}).Commit, in.Commit(a, nil).Commit)
		a.names(1)
	case "proposal":
		message, _ := in.Propose(a, proposal, nil)
		genuine, _ := in.Propose(a, good, nil)
		a.refusesMessage(alice.Group, message, genuine)
		a.names(1)
	case "outside":
		a.refusesMessage(alice.Group, fromOutside(service, alice.Group, proposing(proposal)), fromOutside(service, alice.Group, proposing(good)))
	case "external":
		i := a.intrude("dave", alice.Info())
		a.refusesMessage(alice.Group, i.commit(a, func(d *mlstest.Draft) {
			d.Proposals = append(d.Proposals, i.ByValue(proposal)...)
		}), i.commit(a, nil))
		a.names(framing.NoLeaf)
	case "send":
		a.sendsPSK(alice, service, bad)
	}
}

// sendsPSK makes every call by which one could send a PSK proposal.
func (a *attempt) sendsPSK(alice, service *mlstest.Member, bad framing.PreSharedKeyID) {
	a.Helper()
	if len(bad.PSKNonce) == 0 {
		return // it gets one
	}
	proposal := &framing.PreSharedKey{PSK: bad}
	a.refusesCall(alice.Group, func() error { return failure(alice.Group.Propose(proposal, mls.ProposeParams{}, alice.Signer)) })
	a.refusesCommitting(alice, mls.CommitParams{Proposals: []framing.Proposal{proposal}})
	a.refusesCall(alice.Group, func() error {
		return failure(alice.Observe().Propose(proposal, 0, mls.ProposeParams{}, service.Signer))
	})
	dave := newMember(a.T, "dave")
	a.gives(failure(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: alice.Info(), Leaf: dave.LeafParams, Now: mlstest.Now(),
		PSKIDs: []framing.PreSharedKeyID{bad}, Params: dave.Params})))
}

// missing hands alice a commit of bob's with a PSK that she does not have, whatever else she has, and then the same
// commit with the PSK.
func (a *attempt) missing(alice, bob *mlstest.Member, psk mls.PSK, others ...mls.PSK) {
	a.Helper()
	in := bob.Insider()
	psk.ID.PSKNonce = make([]byte, 32)
	commit := input(in.Commit(a, func(d *mlstest.Draft) {
		d.Proposals, d.PSKs = in.ByValue(inject(psk.ID)...), mls.PSKs{psk}
	}).Commit)
	genuine := commit
	commit.PSKs, genuine.PSKs = others, append(slices.Clone(others), psk)
	a.refuses(alice.Group, commit, genuine)
	a.refusesCommitting(alice, mls.CommitParams{Proposals: inject(psk.ID), PSKs: others})
}

// resumption returns the PSK of an epoch of a group, made up.
func resumption(group string, epoch framing.Epoch, fill byte) mls.PSK {
	return mls.PSK{ID: mls.ResumptionPSKID([]byte(group), epoch), Secret: secretOf(fill)}
}

// pskRules returns the tests of area (k).
func pskRules() []ruleTest {
	var out []ruleTest
	for id, list := range pskBreaches() {
		for _, entry := range []string{"value", "proposal", "outside", "external", "send"} {
			out = append(out, ruleTest{id, entry, "", func(a *attempt) {
				for _, bad := range list {
					a.refusesPSK(entry, bad)
				}
			}})
		}
	}
	for _, entry := range []string{"commit", "send"} { // missing tries both
		out = append(out, ruleTest{"V-PSK-04", entry, "", func(a *attempt) {
			alice, bob, carol := a.trio()
			bob.Commit(mls.CommitParams{}, alice, carol)
			now := alice.Group.Epoch()
			// The right epoch of another group, though alice has that epoch's of her own.
			a.missing(alice, bob, resumption("another", now, 1))
			a.missing(alice, bob, resumption("another", now-1, 1), resumption("another", now, 2), resumption("group", now-1, 3))
			// The right group, and an epoch that it did not reach.
			a.missing(alice, bob, resumption("group", now+1, 1))
			a.missing(alice, bob, resumption("group", now<<32|now, 1))
			// What the two types of PSK do not have in common is as if it were empty.
			a.missing(alice, bob, resumption("another", now, 1), mls.PSK{ID: mls.ExternalPSKID(nil), Secret: secretOf(2)})
			a.missing(alice, bob, externalPSK("one"), resumption("", 0, 2))
		}})
	}
	return append(out, []ruleTest{
		{"V-PSK-05", "commit", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			one, two := externalPSK("one"), externalPSK("two")
			a.missing(alice, bob, one)
			a.missing(alice, bob, one, two)
			a.missing(alice, bob, one, mls.PSK{ID: one.ID}) // no value is not a value
			gone := externalPSK("one")
			gone.Secret.Erase()
			a.missing(alice, bob, one, gone)
		}},
		{"V-PSK-05", "commit", "an epoch that is not kept", func(a *attempt) { a.beyondRetention() }},
		{"V-PSK-05", "welcome", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			in, w := bob.Insider(), a.newWelcomed()
			for _, psk := range []mls.PSK{externalPSK("one"), resumption("group", alice.Group.Epoch(), 1), resumption("another", 1, 1)} {
				psk.ID.PSKNonce = make([]byte, 32)
				genuine := w.by(in, func(d *mlstest.Draft) {
					d.Proposals, d.PSKs = append(d.Proposals, in.ByValue(inject(psk.ID)...)...), mls.PSKs{psk}
				})
				bad := genuine
				genuine.PSKs = mls.PSKs{externalPSK("two"), psk}
				for _, others := range []mls.PSKs{nil, {externalPSK("two")}, {{ID: psk.ID}}} {
					bad.PSKs = others
					a.refusesJoin(bad, genuine)
				}
			}
		}},
		{"V-PSK-06", "welcome", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			for name, change := range map[string]func([]framing.PreSharedKeyID) []framing.PreSharedKeyID{
				"reordered":     func(l []framing.PreSharedKeyID) []framing.PreSharedKeyID { slices.Reverse(l); return l },
				"last dropped":  func(l []framing.PreSharedKeyID) []framing.PreSharedKeyID { return l[:2] },
				"first dropped": func(l []framing.PreSharedKeyID) []framing.PreSharedKeyID { return l[1:] },
				"none":          func([]framing.PreSharedKeyID) []framing.PreSharedKeyID { return nil },
				"one more": func(l []framing.PreSharedKeyID) []framing.PreSharedKeyID {
					return append(l, external("one", 9))
				},
				"another nonce": func(l []framing.PreSharedKeyID) []framing.PreSharedKeyID {
					l[1] = external("two", 9)
					return l
				},
			} {
				a.Log(name)
				a.otherPSKs(bob, change)
			}
			require.Equal(a, alice.Group.Epoch(), carol.Group.Epoch())
		}},
		{"V-PSK-07", "send", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			psk := externalPSK("psk")
			commit := mls.CommitParams{Proposals: inject(slices.Repeat([]framing.PreSharedKeyID{psk.ID}, 1<<16)...), PSKs: mls.PSKs{psk}}
			a.refusesCall(alice.Group, func() error { return failure(alice.Group.Commit(commit, alice.Signer)) })
			commit.Proposals = commit.Proposals[:1<<16-1]
			message := alice.Commit(commit).Message
			for _, p := range []*mlstest.Member{bob, carol} {
				p.Take(p.Group.Handle(mls.Input{Message: message, PSKs: commit.PSKs}))
			}
		}},
		{"V-PSK-07", "value", "", func(a *attempt) {
			alice, in := a.insider()
			bad := in.Commit(a, func(d *mlstest.Draft) {
				d.OnCommit = func(c *framing.Commit) {
					for _, id := range tooManyPSKs() {
						c.Proposals = append(c.Proposals, framing.ProposalOrRef{Proposal: &framing.PreSharedKey{PSK: id}})
					}
				}
			}).Commit
			a.refusesSeen(alice, bad, in.Commit(a, nil).Commit)
		}},
		{"V-PSK-08", "commit", "", func(a *attempt) { a.beyondRetention() }},
		{"V-PSK-09", "commit", "", func(a *attempt) {
			alice, bob, carol := a.trio()
			in := bob.Insider()
			known, unknown := externalPSK("known"), externalPSK("unknown")
			errorOf := func(psk mls.PSK, forge func(*mlstest.Content)) string {
				psk.ID.PSKNonce = make([]byte, 32)
				bad := input(in.Commit(a, func(d *mlstest.Draft) {
					d.Proposals, d.PSKs, d.OnContent = in.ByValue(inject(psk.ID)...), mls.PSKs{psk}, forge
				}).Commit)
				bad.PSKs = mls.PSKs{known}
				a.refuses(alice.Group, bad, input(in.Commit(a, nil).Commit))
				_, err := alice.Group.Handle(bad)
				return err.Error()
			}
			for _, forge := range []func(*mlstest.Content){
				func(c *mlstest.Content) { c.Signer = carol.Signer },
				func(c *mlstest.Content) { c.Signer = carol.Signer; privately(c) },
				func(c *mlstest.Content) { c.MembershipKey = secretOf(9) },
				func(c *mlstest.Content) { c.Sender.LeafIndex = 3 },
			} {
				require.Equal(a, errorOf(known, forge), errorOf(unknown, forge), "%s: the answer tells which PSKs there are", a.rule.ID)
			}
		}},
	}...)
}

// tooManyPSKs returns one PSK more than a PSKLabel can count, each with a nonce of its own.
func tooManyPSKs() []framing.PreSharedKeyID {
	out := make([]framing.PreSharedKeyID, 1<<16)
	for i := range out {
		out[i] = withNonceOf(32)
		binary.BigEndian.PutUint16(out[i].PSKNonce, uint16(i))
	}
	return out
}

// beyondRetention commits the oldest resumption PSK that alice keeps, and the one before.
func (a *attempt) beyondRetention() {
	a.Helper()
	alice, bob, carol := a.trio()
	alice.Params.ResumptionEpochs = 2
	alice.Group = alice.Reloaded()
	first := alice.Group.Epoch()
	var psks mls.PSKs
	for range 4 {
		psks = append(psks, mls.PSK{ID: mls.ResumptionPSKID(bob.Group.GroupID(), bob.Group.Epoch()),
			Secret: partsOf(bob.Group).Secrets.ResumptionPSK.Clone()})
		bob.Commit(mls.CommitParams{}, alice, carol)
	}
	in := bob.Insider()
	commit := func(psk mls.PSK) []byte {
		psk.ID.PSKNonce = make([]byte, 32)
		return in.Commit(a, func(d *mlstest.Draft) { d.Proposals, d.PSKs = in.ByValue(inject(psk.ID)...), mls.PSKs{psk} }).Commit
	}
	require.Equal(a, first+4, alice.Group.Epoch())
	for _, old := range psks[:2] { // alice keeps the last two, and the present epoch's
		a.refusesMessage(alice.Group, commit(old), commit(psks[2]))
		a.refusesMessage(alice.Reloaded(), commit(old), commit(psks[3]))
	}
}

// otherPSKs changes the list of PSKs in the group secrets of a Welcome: by itself, and with everything else made to fit,
// so that only the confirmation tag tells.
func (a *attempt) otherPSKs(bob *mlstest.Member, change func([]framing.PreSharedKeyID) []framing.PreSharedKeyID) {
	a.Helper()
	in, w := bob.Insider(), a.newWelcomed()
	all := mls.PSKs{externalPSK("one"), externalPSK("two"), externalPSK("three")}
	list := func() []framing.PreSharedKeyID {
		return []framing.PreSharedKeyID{external("one", 1), external("two", 2), external("three", 3)}
	}
	injecting := func(ids []framing.PreSharedKeyID, more func(*mlstest.Draft)) func(*mlstest.Draft) {
		return func(d *mlstest.Draft) {
			d.Proposals = append(in.ByValue(d.Proposals[0].Proposal), in.ByValue(inject(ids...)...)...)
			d.PSKs = all
			if more != nil {
				more(d)
			}
		}
	}
	genuine := w.by(in, injecting(list(), nil))
	genuine.PSKs = all
	bad := genuine
	bad.Welcome = w.by(in, injecting(list(), func(d *mlstest.Draft) {
		d.OnSecrets = func(_ int, s *framing.GroupSecrets) { s.PSKs = change(slices.Clone(s.PSKs)) }
	})).Welcome
	a.refusesJoin(bad, genuine)

	// The epoch of the group, as its members know it, and a Welcome to it with another list.
	var info *framing.GroupInfo
	w.by(in, injecting(list(), func(d *mlstest.Draft) { d.OnGroupInfo = func(i *framing.GroupInfo) { info = i } }))
	bad.Welcome = w.by(in, injecting(change(list()), func(d *mlstest.Draft) {
		d.OnNext = func(c *framing.GroupContext) { *c = info.GroupContext }
		d.OnGroupInfo = func(i *framing.GroupInfo) { i.ConfirmationTag = info.ConfirmationTag }
	})).Welcome
	a.refusesJoin(bad, genuine)
}
