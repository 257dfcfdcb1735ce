package mls_test

// RFC 9420, Section 14: commits that fail, that are the member's own, or of which there are two for one epoch.

import (
	"bytes"
	"slices"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// failing is a way to make a commit fail, by the stage at which it does.
type failing struct {
	stage  string
	change func(*mlstest.Draft)
}

// failures returns commits of an insider that fail at every stage of their handling, in its order.
func failures(a *attempt, in *mlstest.Insider) []failing {
	unknown := mlstest.Covered{Proposal: &framing.Remove{Removed: 2}, Sender: in.Sender, Ref: make([]byte, 32)}
	content := func(change func(*mlstest.Content)) func(*mlstest.Draft) {
		return func(d *mlstest.Draft) {
			former := d.OnContent
			d.OnContent = func(c *mlstest.Content) {
				if former != nil {
					former(c)
				}
				change(c)
			}
		}
	}
	also := func(list ...mlstest.Covered) func(*mlstest.Draft) {
		return func(d *mlstest.Draft) { d.Proposals = append(slices.Clone(d.Proposals), list...) }
	}
	return []failing{
		{"MAC", content(func(c *mlstest.Content) {
			c.OnPublic = func(m *framing.PublicMessage) { m.MembershipTag[0] ^= 1 }
			c.OnPrivate = func(m *framing.PrivateMessage) { m.Ciphertext[0] ^= 1 }
		})},
		{"decoding", content(func(c *mlstest.Content) {
			c.OnPlain = func(plain []byte) []byte { return append(plain, 1) }
			c.OnPublic = func(m *framing.PublicMessage) { m.MembershipTag = nil }
		})},
		{"signature", content(func(c *mlstest.Content) { c.Signer = newMember(a.T, "another").Signer })},
		{"unknown proposal", also(unknown)},
		{"list", also(in.ByValue(&framing.Remove{Removed: 0}, &framing.Remove{Removed: 0})...)},
		{"proposal", also(in.ByValue(&framing.Remove{Removed: 7})...)},
		{"no path", func(d *mlstest.Draft) { d.NoPath = true }},
		{"path leaf", func(d *mlstest.Draft) { d.OnLeaf = func(l *framing.LeafNode) { l.Capabilities.Versions = nil } }},
		{"leaf signature", func(d *mlstest.Draft) { d.OnSigned = func(l *framing.LeafNode) { l.Signature[3] ^= 1 } }},
		{"path shape", func(d *mlstest.Draft) { d.OnPath = func(p *framing.UpdatePath) { p.Nodes = p.Nodes[1:] } }},
		{"parent hash", func(d *mlstest.Draft) { d.OnLeaf = func(l *framing.LeafNode) { l.ParentHash[0] ^= 1 } }},
		{"credentials", func(d *mlstest.Draft) {
			d.OnLeaf = func(l *framing.LeafNode) {
				l.Credential.Type = strange
				l.Capabilities.Credentials = append(slices.Clone(l.Capabilities.Credentials), strange)
			}
		}},
		{"path secret", func(d *mlstest.Draft) {
			d.OnPath = func(p *framing.UpdatePath) { p.Nodes[0].EncryptedPathSecret[0].Ciphertext[0] ^= 1 }
		}},
		{"confirmation", func(d *mlstest.Draft) { d.OnTag = func(tag []byte) []byte { return make([]byte, len(tag)) } }},
	}
}

// failsAnywhere has bob commit what waits, and fail at every stage. alice, who has proposals and a commit of her own, loses
// nothing.
func (a *attempt) failsAnywhere(frame func(*mlstest.Content)) {
	alice, bob, carol := a.trio()
	psk := externalPSK("psk")
	update, coveredUpdate := carol.Insider().Propose(a, carol.Insider().UpdateLeaf(a, "key", nil), nil)
	add, coveredAdd := carol.Insider().Propose(a, newMember(a.T, "dave").Add(), nil)
	mlstest.Tell(update, alice)
	mlstest.Tell(add, alice)
	own := alice.Update(mls.LeafUpdate{})
	in := bob.Insider()
	coveredOwn := mlstest.Covered{Proposal: mlstest.Parse[*framing.PublicMessage](a, own).Content.Proposal,
		Sender: framing.Sender{SenderType: framing.SenderTypeMember}, Ref: refOf(alice, 2)}
	alice.MakeCommit(mls.CommitParams{Proposals: inject(psk.ID), References: []framing.ProposalRef{},
		PSKs: mls.PSKs{psk}})
	id := psk.ID
	id.PSKNonce = make([]byte, 32)
	draft := func(change func(*mlstest.Draft)) mls.Input {
		commit := in.Commit(a, func(d *mlstest.Draft) {
			d.Proposals = append([]mlstest.Covered{coveredUpdate, coveredAdd, coveredOwn}, in.ByValue(&framing.PreSharedKey{PSK: id})...)
			d.PSKs, d.Welcome, d.OnContent = mls.PSKs{psk}, false, frame
			if change != nil {
				change(d)
			}
		}).Commit
		return mls.Input{Message: commit, PSKs: mls.PSKs{psk}, Now: mlstest.Now()}
	}
	genuine := draft(nil)
	a.refuses(alice.Group, mls.Input{Message: genuine.Message, Now: genuine.Now}, genuine)
	a.refuses(alice.Group, mls.Input{Message: genuine.Message[:len(genuine.Message)-1], PSKs: genuine.PSKs}, genuine)
	for _, f := range failures(a, in) {
		a.Logf("%s", f.stage)
		a.refuses(alice.Group, draft(f.change), genuine)
	}
	require.NotNil(a, alice.Group.Pending())
	mine, err := alice.Group.Adopt() // the failures changed nothing
	require.NoError(a, err)
	require.Equal(a, alice.Group.Epoch()+1, mine.Next.Epoch())
}

// refOf returns the reference of the n-th proposal that waits.
func refOf(p *mlstest.Member, n int) framing.ProposalRef { return p.Group.Proposals()[n].Ref }

// sequenceRules returns the tests of area (h) that are about a commit as a whole.
func sequenceRules() []ruleTest {
	return []ruleTest{
		{"V-CM-13", "send", "and afterwards", func(a *attempt) {
			alice, bob, carol := a.trio()
			former, fresh := alice.Signer, newMember(a.T, "later").Signer
			// Who is added by the commit that brings the new key joins by a GroupInfo signed with it.
			keys, adds := packagesOf(newMember(a.T, "dave"))
			made := alice.Commit(mls.CommitParams{Proposals: adds, Leaf: mls.LeafUpdate{Signer: fresh}}, bob, carol)
			commit, adopted := made.Message, made.Adopted
			require.NotEmpty(a, commit)
			dave := newMember(a.T, "dave")
			dave.Take(dave.TryJoin(adopted.Send[0], keys...))
			for _, call := range sendingCalls(alice) { // with the former key
				a.refusesCall(alice.Group, call)
			}
			alice.Signer = fresh
			require.NotEqual(a, former, fresh)
			mlstest.Agree(alice, bob, carol, dave)
		}},
		{"V-CM-14", "commit", "of a sibling", func(a *attempt) {
			alice, in := a.insider()
			data := func(s string) func(*mlstest.Content) {
				return func(c *mlstest.Content) { c.AuthenticatedData = []byte(s) }
			}
			sibling := in.Commit(a, func(d *mlstest.Draft) { d.OnContent = data("one") })
			a.refusesMessage(alice.Group, in.Commit(a, func(d *mlstest.Draft) {
				d.OnContent, d.OnTag = data("two"), func([]byte) []byte { return sibling.Next.Tag }
			}).Commit, sibling.Commit)
		}},
		{"V-CM-14", "external", "of a sibling", func(a *attempt) {
			alice, i := a.intruder()
			genuine := i.commit(a, nil)
			tag := mlstest.Parse[*framing.PublicMessage](a, genuine).Auth.ConfirmationTag
			a.refusesMessage(alice.Group, i.commit(a, func(d *mlstest.Draft) {
				d.OnContent = func(c *mlstest.Content) { c.AuthenticatedData = []byte("another") }
				d.OnTag = func([]byte) []byte { return tag }
			}), genuine)
		}},
		{"V-CM-14", "commit", "of a wrong size, for an observer", func(a *attempt) {
			alice, bob, _ := a.trio()
			in, seen := bob.Insider(), alice.Observe()
			genuine := in.Commit(a, nil).Commit
			for _, cut := range tags() {
				a.gives(failure(seen.Handle(input(in.Commit(a, func(d *mlstest.Draft) { d.OnTag = cut }).Commit))))
				must(seen.Handle(input(genuine)))
			}
		}},
		{"V-CM-15", "commit", "another order", func(a *attempt) {
			alice, bob, _ := a.trio()
			one, two := externalPSK("one"), externalPSK("two")
			one.ID.PSKNonce, two.ID.PSKNonce = bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
			in := bob.Insider()
			draft := func(change func(*framing.Commit)) mls.Input {
				return mls.Input{PSKs: mls.PSKs{two, one}, Message: in.Commit(a, func(d *mlstest.Draft) {
					d.Proposals, d.PSKs = in.ByValue(inject(one.ID, two.ID)...), mls.PSKs{one, two}
					d.OnCommit = change
				}).Commit}
			}
			a.refuses(alice.Group, draft(func(c *framing.Commit) { slices.Reverse(c.Proposals) }), draft(nil))
		}},
		{"V-CM-15", "commit", "neither PSK nor path", func(a *attempt) {
			alice, bob, carol := a.trio()
			in := bob.Insider()
			made := in.Commit(a, func(d *mlstest.Draft) {
				d.Proposals, d.NoPath, d.Welcome = in.ByValue(newMember(a.T, "dave").Add()), true, false
			})
			mlstest.Tell(made.Commit, alice, carol)
			a.holds(bytes.Equal(made.Next.Secrets.EpochAuthenticator.Bytes(), partsOf(alice.Group).Secrets.EpochAuthenticator.Bytes()), "epochs differ")
		}},
		{"V-CM-16", "commit", "public, at every stage", func(a *attempt) { a.failsAnywhere(nil) }},
		{"V-CM-16", "commit", "private, at every stage", func(a *attempt) {
			a.failsAnywhere(func(c *mlstest.Content) { // always with the same key, which must not be lost
				privately(c)
				c.Generation = new(framing.Generation)
			})
		}},
		{"V-CM-17", "commit", "altered and signed again", func(a *attempt) {
			_, bob, _ := a.trio()
			in := bob.Insider()
			mine := bob.MakeCommit(mls.CommitParams{}).Send[0].Message
			for _, bad := range [][]byte{
				in.Resend(a, mine, func(m *framing.PublicMessage) { m.Content.AuthenticatedData = []byte("more") }),
				in.Resend(a, mine, func(m *framing.PublicMessage) { m.Auth.ConfirmationTag[0] ^= 1 }),
				in.Commit(a, nil).Commit, // by another device that claims to be bob
				in.Commit(a, func(d *mlstest.Draft) { d.OnContent = privately }).Commit,
			} {
				a.refusesMessage(bob.Group, bad, mine)
			}
		}},
		{"V-CM-17", "commit", "after a restart", func(a *attempt) {
			for _, format := range []mls.HandshakePolicy{mls.HandshakePublicOnly, mls.HandshakePrivateOnly} {
				alice, bob := two(newCastOf(a.T, func(c *mlstest.Party) { c.Params.Handshake = format }, nil, "alice", "bob"))
				mine := bob.MakeCommit(mls.CommitParams{ForcePath: true}).Send[0].Message
				bob.Reload()
				bob.Hear(mine) // it comes back and is adopted
				epoch := bob.Group.Epoch()
				for range 2 {
					before := whole(a, bob.Group)
					s := bob.Hear(mine)
					require.IsType(a, &mls.Echo{}, s.Events[0])
					a.holds(bob.Group.Epoch() == epoch, "applied twice")
					require.Equal(a, before, whole(a, bob.Group))
					bob.Reload()
				}
				a.gives(failure(bob.Group.Adopt()))
				alice.Hear(mine)
				mlstest.Agree(alice, bob)
			}
		}},
		{"V-CM-17", "external", "", func(a *attempt) {
			alice, _, _ := a.trio()
			for _, adopted := range []bool{true, false} {
				joiner := newMember(a.T, "dave")
				mine := joiner.Take(mls.JoinExternal(joiner.ByGroupInfo(alice.Info()))).Send[0].Message
				altered := changed(a, mine, func(m *framing.PublicMessage) { m.Auth.ConfirmationTag[0] ^= 1 })
				if adopted {
					joiner.Take(joiner.Group.Adopt())
				} else {
					a.refusesMessage(joiner.Group, altered, mine)
					joiner.Hear(mine)
				}
				before := whole(a, joiner.Group)
				for range 2 {
					require.IsType(a, &mls.Echo{}, joiner.Hear(mine).Events[0])
				}
				require.Equal(a, before, whole(a, joiner.Group))
				a.refusesCall(joiner.Group, func() error { _, err := joiner.Group.Adopt(); return err })
				a.gives(handle(joiner.Group, altered))
			}
		}},
		{"V-CM-17", "commit", "another wins", func(a *attempt) {
			alice, bob, carol := a.trio()
			keys, adds := packagesOf(newMember(a.T, "dave"))
			require.Len(a, keys, 1)
			mine := bob.MakeCommit(mls.CommitParams{Proposals: adds, Now: mlstest.Now(), ForcePath: true}).Send[0].Message
			loser := bob.Group
			theirs := carol.Commit(mls.CommitParams{}, alice).Message
			s := bob.Hear(theirs)
			require.IsType(a, &mls.EpochChanged{}, s.Events[0])
			require.Empty(a, s.Send, "the Welcome went with the commit")
			require.Nil(a, bob.Group.Pending())
			for key := range whole(a, bob.Group) {
				require.False(a, strings.HasPrefix(key, "pending"), "%s is still kept", key)
			}
			a.refusesCall(bob.Group, func() error { _, err := bob.Group.Adopt(); return err })
			a.refusesMessage(bob.Group, mine, carol.Insider().Commit(a, nil).Commit)
			a.refusesMessage(alice.Group, mine, carol.Insider().Commit(a, nil).Commit)
			require.ErrorIs(a, failure(loser.Adopt()), mls.ErrErased, "its keys are gone")
			mlstest.Agree(alice, bob, carol)
		}},
		{"V-CM-17", "commit", "given up, and comes back", func(a *attempt) {
			for _, format := range []mls.HandshakePolicy{mls.HandshakePublicOnly, mls.HandshakePrivateOnly} {
				alice, bob := two(newCastOf(a.T, func(c *mlstest.Party) { c.Params.Handshake = format }, nil, "alice", "bob"))
				mine := bob.MakeCommit(mls.CommitParams{}).Send[0].Message
				bob.Take(bob.Group.Drop())
				theirs := alice.MakeCommit(mls.CommitParams{}).Send[0].Message
				a.refusesMessage(bob.Group, mine, theirs)
			}
		}},
		{"V-CM-18", "commit", "in the same epoch", func(a *attempt) {
			alice, bob, carol := a.trio()
			late := carol.Insider().Commit(a, nil).Commit
			in := bob.Insider()
			before := alice.Group
			removal := a.over(in, &framing.Remove{Removed: 0})
			_, err := before.Handle(input(late)) // instead of the removal, it would do
			require.NoError(a, err)
			e := alice.Hear(removal).Events[0].(*mls.Removed)
			require.EqualValues(a, 0, e.Change.Removed[0].Leaf)
			alice.Reload()
			for _, message := range [][]byte{late, removal} {
				a.refusesCall(alice.Group, func() error { return handle(alice.Group, message) })
			}
		}},
		{"V-CM-18", "commit", "that is not in order", func(a *attempt) {
			alice, bob, carol := a.trio()
			in := bob.Insider()
			removal := func(change func(*mlstest.Draft)) []byte {
				return in.Commit(a, func(d *mlstest.Draft) {
					d.Proposals = in.ByValue(&framing.Remove{Removed: 0})
					change(d)
				}).Commit
			}
			for rule, change := range map[string]func(*mlstest.Draft){
				"V-FR-05": func(d *mlstest.Draft) { d.OnContent = func(c *mlstest.Content) { c.Signer = carol.Signer } },
				"V-CM-01": func(d *mlstest.Draft) { d.NoPath = true },
				"V-CM-10": func(d *mlstest.Draft) { d.OnLeaf = func(l *framing.LeafNode) { l.ParentHash[0] ^= 1 } },
				"V-CM-02": func(d *mlstest.Draft) { d.OnPath = func(p *framing.UpdatePath) { p.Nodes = nil } },
				"V-PL-03": func(d *mlstest.Draft) { d.Proposals = append(d.Proposals, d.Proposals...) },
			} {
				before := whole(a, alice.Group)
				breaks(a.T, rule, handle(alice.Group, removal(change)))
				require.Equal(a, before, whole(a, alice.Group))
			}
			a.holds(alice.Group.Status() == mls.StatusActive, "status is %v", alice.Group.Status())
			alice.Hear(removal(func(*mlstest.Draft) {}))
			a.holds(alice.Group.Status() == mls.StatusRemoved, "status is %v", alice.Group.Status())
		}},
		{"V-CM-18", "send", "nor use", func(a *attempt) {
			alice, in := a.insider()
			alice.Hear(a.over(in, &framing.Remove{Removed: 0}))
			a.refusesCall(alice.Group, func() error { _, err := alice.Group.Export("label", nil, 32); return err })
			a.refusesCall(alice.Group, func() error { _, err := alice.Group.EpochAuthenticator(); return err })
			a.holds(len(alice.Group.ResumptionPSKs()) == 0, "resumption PSKs are left")
			for key := range whole(a, alice.Group) {
				a.holds(!strings.HasPrefix(key, "resumption"), "%s is left", key)
			}
		}},
		{"V-CM-19", "commit", "the first of two", func(a *attempt) {
			alice, bob, carol := a.trio()
			for range 2 {
				bob.Update(mls.LeafUpdate{}, alice, carol)
			}
			choice := mls.CommitParams{References: []framing.ProposalRef{refOf(carol, 0)}}
			message := carol.Commit(choice, alice).Message
			want := mlstest.Parse[*framing.PublicMessage](a, message)
			require.Len(a, want.Content.Commit.Proposals, 1)
			bob.Hear(message)
			key, ok := bob.Insider().Key(2)
			leaf := bob.Insider().OwnLeaf()
			a.holds(ok && bytes.Equal(key.Public, leaf.EncryptionKey), "the private key is not the leaf's")
			mlstest.Agree(alice, bob, carol)
			alice.Commit(mls.CommitParams{}, bob, carol) // encrypted to the new key
			mlstest.Agree(alice, bob, carol)
		}},
		{"V-CM-19", "commit", "the key is gone", func(a *attempt) {
			_, bob, carol := a.trio()
			carol.Hear(bob.Update(mls.LeafUpdate{}))
			covering := carol.MakeCommit(mls.CommitParams{}).Send[0].Message
			other := carol.Insider().Commit(a, nil).Commit
			records := must(bob.Group.Records(nil))
			for i, r := range records { // a record of a proposal ends with the private key
				if r.Key == "proposal/0" {
					n := len(r.Value) - 32
					require.EqualValues(a, 32, r.Value[n-1])
					records[i].Value = append(bytes.Clone(r.Value[:n-1]), 0)
				}
			}
			group := must(mls.Load(mls.LoadParams{Records: slices.Values(records), Params: bob.Params}))
			a.refusesMessage(group, covering, other)
		}},
	}
}
