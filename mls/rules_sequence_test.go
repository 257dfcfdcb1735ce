package mls_test

// RFC 9420, Section 14: what becomes of a commit that fails, that is the member's own, or that is one of two.

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

// failures are commits of an insider that fail at every stage of their handling, in its order.
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
		{"signature", content(func(c *mlstest.Content) { c.Signer = newPlayer(a.T, "another").Signer })},
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

// failsAnywhere has bob commit what waits, and fail at every stage; alice, who has much to lose, loses nothing.
func (a *attempt) failsAnywhere(frame func(*mlstest.Content)) {
	alice, bob, carol := a.trio()
	psk := externalPSK("psk")
	update, coveredUpdate := carol.insider().Propose(a, carol.insider().UpdateLeaf(a, "key", nil), nil)
	add, coveredAdd := carol.insider().Propose(a, newPlayer(a.T, "dave").addOf(), nil)
	tell(update, alice)
	tell(add, alice)
	own := alice.take(alice.group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, alice.Signer)).Send[0].Message
	in := bob.insider()
	coveredOwn := mlstest.Covered{Proposal: mlstest.Parse[*framing.PublicMessage](a, own).Content.Proposal,
		Sender: framing.Sender{SenderType: framing.SenderTypeMember}, Ref: refOf(alice, 2)}
	alice.take(alice.group.Commit(mls.CommitParams{Proposals: inject(psk.ID), References: []framing.ProposalRef{},
		PSKs: mls.PSKs{psk}}, alice.Signer))
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
	a.refuses(alice.group, mls.Input{Message: genuine.Message, Now: genuine.Now}, genuine)
	a.refuses(alice.group, mls.Input{Message: genuine.Message[:len(genuine.Message)-1], PSKs: genuine.PSKs}, genuine)
	for _, f := range failures(a, in) {
		a.Logf("%s", f.stage)
		a.refuses(alice.group, draft(f.change), genuine)
	}
	pending := alice.group.Pending() != nil
	require.True(a, pending)
	mine, err := alice.group.Adopt() // as good as before
	require.NoError(a, err)
	require.Equal(a, alice.group.Epoch()+1, mine.Next.Epoch())
}

// refOf names the n-th proposal that waits.
func refOf(p *player, n int) framing.ProposalRef { return p.group.Proposals()[n].Ref }

// sequenceRules are the tests of area (h) that are about a commit as a whole.
func sequenceRules() []ruleTest {
	return []ruleTest{
		{"V-CM-13", "send", "and afterwards", func(a *attempt) {
			alice, bob, carol := a.trio()
			former, fresh := alice.Signer, newPlayer(a.T, "later").Signer
			// Who is added by the commit that brings the new key joins by a GroupInfo signed with it.
			keys, adds := packagesOf(newPlayer(a.T, "dave"))
			commit, adopted := alice.commit(mls.CommitParams{Proposals: adds, Leaf: mls.LeafUpdate{Signer: fresh}}, bob, carol)
			require.NotEmpty(a, commit)
			dave := newPlayer(a.T, "dave")
			dave.take(dave.join(adopted.Send[0], keys...))
			for _, call := range sendingCalls(alice) { // with the former key
				a.refusesCall(alice.group, call)
			}
			alice.Signer = fresh
			require.NotEqual(a, former, fresh)
			together(alice, bob, carol, dave)
		}},
		{"V-CM-14", "commit", "of a sibling", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			data := func(s string) func(*mlstest.Content) {
				return func(c *mlstest.Content) { c.AuthenticatedData = []byte(s) }
			}
			sibling := in.Commit(a, func(d *mlstest.Draft) { d.OnContent = data("one") })
			a.refusesMessage(alice.group, in.Commit(a, func(d *mlstest.Draft) {
				d.OnContent, d.OnTag = data("two"), func([]byte) []byte { return sibling.Next.Tag }
			}).Commit, sibling.Commit)
		}},
		{"V-CM-14", "external", "of a sibling", func(a *attempt) {
			alice, _, _ := a.trio()
			i := a.intrude("dave", alice.info())
			genuine := i.commit(a, nil)
			tag := mlstest.Parse[*framing.PublicMessage](a, genuine).Auth.ConfirmationTag
			a.refusesMessage(alice.group, i.commit(a, func(d *mlstest.Draft) {
				d.OnContent = func(c *mlstest.Content) { c.AuthenticatedData = []byte("another") }
				d.OnTag = func([]byte) []byte { return tag }
			}), genuine)
		}},
		{"V-CM-14", "commit", "of a wrong size, for an observer", func(a *attempt) {
			alice, bob, _ := a.trio()
			in, seen := bob.insider(), alice.observe()
			genuine := in.Commit(a, nil).Commit
			for _, cut := range tags() {
				_, err := seen.Handle(input(in.Commit(a, func(d *mlstest.Draft) { d.OnTag = cut }).Commit))
				a.gives(err)
				_, err = seen.Handle(input(genuine))
				require.NoError(a, err)
			}
		}},
		{"V-CM-15", "commit", "another order", func(a *attempt) {
			alice, bob, _ := a.trio()
			one, two := externalPSK("one"), externalPSK("two")
			one.ID.PSKNonce, two.ID.PSKNonce = bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
			in := bob.insider()
			draft := func(change func(*framing.Commit)) mls.Input {
				return mls.Input{PSKs: mls.PSKs{two, one}, Message: in.Commit(a, func(d *mlstest.Draft) {
					d.Proposals, d.PSKs = in.ByValue(inject(one.ID, two.ID)...), mls.PSKs{one, two}
					d.OnCommit = change
				}).Commit}
			}
			a.refuses(alice.group, draft(func(c *framing.Commit) { slices.Reverse(c.Proposals) }), draft(nil))
		}},
		{"V-CM-15", "commit", "neither PSK nor path", func(a *attempt) {
			alice, bob, carol := a.trio()
			in := bob.insider()
			made := in.Commit(a, func(d *mlstest.Draft) {
				d.Proposals, d.NoPath, d.Welcome = in.ByValue(newPlayer(a.T, "dave").addOf()), true, false
			})
			tell(made.Commit, alice, carol)
			a.holds(bytes.Equal(made.Next.Secrets.EpochAuthenticator.Bytes(), partsOf(alice.group).Secrets.EpochAuthenticator.Bytes()), "epochs differ")
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
			in := bob.insider()
			mine := bob.take(bob.group.Commit(mls.CommitParams{}, bob.Signer)).Send[0].Message
			for _, bad := range [][]byte{
				in.Resend(a, mine, func(m *framing.PublicMessage) { m.Content.AuthenticatedData = []byte("more") }),
				in.Resend(a, mine, func(m *framing.PublicMessage) { m.Auth.ConfirmationTag[0] ^= 1 }),
				in.Commit(a, nil).Commit, // by another device that claims to be bob
				in.Commit(a, func(d *mlstest.Draft) { d.OnContent = privately }).Commit,
			} {
				a.refusesMessage(bob.group, bad, mine)
			}
		}},
		{"V-CM-17", "commit", "after a restart", func(a *attempt) {
			for _, format := range []mls.HandshakePolicy{mls.HandshakePublicOnly, mls.HandshakePrivateOnly} {
				all := stageOf(a.T, func(c *mlstest.Client) { c.Params.Handshake = format }, nil, "alice", "bob")
				alice, bob := all[0], all[1]
				mine := bob.take(bob.group.Commit(mls.CommitParams{Now: mlstest.Now(), ForcePath: true}, bob.Signer)).Send[0].Message
				bob.reload()
				bob.hear(mine) // it comes back and is adopted
				epoch := bob.group.Epoch()
				for range 2 {
					before := dump(a, bob.group)
					s := bob.hear(mine)
					require.IsType(a, &mls.Echo{}, s.Events[0])
					a.holds(bob.group.Epoch() == epoch, "applied twice")
					require.Equal(a, before, dump(a, bob.group))
					bob.reload()
				}
				_, err := bob.group.Adopt()
				a.gives(err)
				alice.hear(mine)
				together(alice, bob)
			}
		}},
		{"V-CM-17", "external", "", func(a *attempt) {
			alice, _, _ := a.trio()
			for _, adopted := range []bool{true, false} {
				joiner := newPlayer(a.T, "dave")
				mine := joiner.take(mls.JoinExternal(joiner.entry(alice.info()))).Send[0].Message
				altered := changed(a, mine, func(m *framing.PublicMessage) { m.Auth.ConfirmationTag[0] ^= 1 })
				if adopted {
					joiner.take(joiner.group.Adopt())
				} else {
					a.refusesMessage(joiner.group, altered, mine)
					joiner.hear(mine)
				}
				before := dump(a, joiner.group)
				for range 2 {
					require.IsType(a, &mls.Echo{}, joiner.hear(mine).Events[0])
				}
				require.Equal(a, before, dump(a, joiner.group))
				a.refusesCall(joiner.group, func() error { _, err := joiner.group.Adopt(); return err })
				a.gives(handle(joiner.group, altered))
			}
		}},
		{"V-CM-17", "commit", "another wins", func(a *attempt) {
			alice, bob, carol := a.trio()
			keys, adds := packagesOf(newPlayer(a.T, "dave"))
			require.Len(a, keys, 1)
			mine := bob.take(bob.group.Commit(mls.CommitParams{Proposals: adds, Now: mlstest.Now(), ForcePath: true}, bob.Signer)).Send[0].Message
			loser := bob.group
			theirs, _ := carol.commit(mls.CommitParams{}, alice)
			s := bob.hear(theirs)
			require.IsType(a, &mls.EpochChanged{}, s.Events[0])
			require.Empty(a, s.Send, "the Welcome went with the commit")
			pending := bob.group.Pending() != nil
			require.False(a, pending)
			for key := range dump(a, bob.group) {
				require.False(a, strings.HasPrefix(key, "pending"), "%s is still kept", key)
			}
			a.refusesCall(bob.group, func() error { _, err := bob.group.Adopt(); return err })
			a.refusesMessage(bob.group, mine, carol.insider().Commit(a, nil).Commit)
			a.refusesMessage(alice.group, mine, carol.insider().Commit(a, nil).Commit)
			_, err := loser.Adopt()
			require.ErrorIs(a, err, mls.ErrErased, "its keys are gone")
			together(alice, bob, carol)
		}},
		{"V-CM-17", "commit", "given up, and comes back", func(a *attempt) {
			for _, format := range []mls.HandshakePolicy{mls.HandshakePublicOnly, mls.HandshakePrivateOnly} {
				all := stageOf(a.T, func(c *mlstest.Client) { c.Params.Handshake = format }, nil, "alice", "bob")
				alice, bob := all[0], all[1]
				mine := bob.take(bob.group.Commit(mls.CommitParams{}, bob.Signer)).Send[0].Message
				bob.take(bob.group.Drop())
				theirs := alice.take(alice.group.Commit(mls.CommitParams{}, alice.Signer)).Send[0].Message
				a.refusesMessage(bob.group, mine, theirs)
			}
		}},
		{"V-CM-18", "commit", "in the same epoch", func(a *attempt) {
			alice, bob, carol := a.trio()
			late := carol.insider().Commit(a, nil).Commit
			in := bob.insider()
			before := alice.group
			removal := in.Commit(a, func(d *mlstest.Draft) { d.Proposals = in.ByValue(&framing.Remove{Removed: 0}) }).Commit
			_, err := before.Handle(input(late)) // instead of the removal, it would do
			require.NoError(a, err)
			e := alice.hear(removal).Events[0].(*mls.Removed)
			require.EqualValues(a, 0, e.Change.Removed[0].Leaf)
			alice.reload()
			for _, message := range [][]byte{late, removal} {
				a.refusesCall(alice.group, func() error { return handle(alice.group, message) })
			}
		}},
		{"V-CM-18", "commit", "that is not in order", func(a *attempt) {
			alice, bob, carol := a.trio()
			in := bob.insider()
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
				before := dump(a, alice.group)
				breaks(a.T, rule, handle(alice.group, removal(change)))
				require.Equal(a, before, dump(a, alice.group))
			}
			a.holds(alice.group.Status() == mls.StatusActive, "status is %v", alice.group.Status())
			alice.hear(removal(func(*mlstest.Draft) {}))
			a.holds(alice.group.Status() == mls.StatusRemoved, "status is %v", alice.group.Status())
		}},
		{"V-CM-18", "send", "nor use", func(a *attempt) {
			alice, bob, _ := a.trio()
			in := bob.insider()
			alice.hear(in.Commit(a, func(d *mlstest.Draft) { d.Proposals = in.ByValue(&framing.Remove{Removed: 0}) }).Commit)
			a.refusesCall(alice.group, func() error { _, err := alice.group.Export("label", nil, 32); return err })
			a.refusesCall(alice.group, func() error { _, err := alice.group.EpochAuthenticator(); return err })
			a.holds(len(alice.group.ResumptionPSKs()) == 0, "resumption PSKs are left")
			for key := range dump(a, alice.group) {
				a.holds(!strings.HasPrefix(key, "resumption"), "%s is left", key)
			}
		}},
		{"V-CM-19", "commit", "the first of two", func(a *attempt) {
			alice, bob, carol := a.trio()
			for range 2 {
				s := bob.take(bob.group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, bob.Signer))
				tell(s.Send[0].Message, alice, carol)
			}
			choice := mls.CommitParams{References: []framing.ProposalRef{refOf(carol, 0)}}
			message, _ := carol.commit(choice, alice)
			want := mlstest.Parse[*framing.PublicMessage](a, message)
			require.Len(a, want.Content.Commit.Proposals, 1)
			bob.hear(message)
			key, ok := bob.insider().Key(2)
			leaf := bob.insider().OwnLeaf()
			a.holds(ok && bytes.Equal(key.Public, leaf.EncryptionKey), "the private key is not the leaf's")
			together(alice, bob, carol)
			alice.commit(mls.CommitParams{}, bob, carol) // encrypted to the new key
			together(alice, bob, carol)
		}},
		{"V-CM-19", "commit", "the key is gone", func(a *attempt) {
			_, bob, carol := a.trio()
			carol.hear(bob.take(bob.group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, bob.Signer)).Send[0].Message)
			covering := carol.take(carol.group.Commit(mls.CommitParams{}, carol.Signer)).Send[0].Message
			other := carol.insider().Commit(a, nil).Commit
			records, err := bob.group.Records(nil)
			require.NoError(a, err)
			for i, r := range records { // a record of a proposal ends with the private key
				if r.Key == "proposal/0" {
					n := len(r.Value) - 32
					require.EqualValues(a, 32, r.Value[n-1])
					records[i].Value = append(bytes.Clone(r.Value[:n-1]), 0)
				}
			}
			group, err := mls.Load(mls.LoadParams{Records: slices.Values(records), Params: bob.Params})
			require.NoError(a, err)
			a.refusesMessage(group, covering, other)
		}},
	}
}
