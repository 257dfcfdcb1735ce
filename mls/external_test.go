package mls_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// moderated returns a group that lets a moderator, who is no member, propose, and what the moderator sees of it.
func moderated(t *testing.T, change func(*mlstest.Party), names ...string) (cast []*mlstest.Member, moderator *mlstest.Member, seen *mls.Observer) {
	t.Helper()
	moderator = newMember(t, "moderator")
	key := must(moderator.Suite.PublicKeyOf(moderator.Signer))
	senders := extension(t, &framing.ExternalSenders{
		{SignatureKey: newSenderKey(t, moderator.Suite), Credential: framing.BasicCredential([]byte("another"))},
		{SignatureKey: key, Credential: moderator.Credential},
	})
	cast = newCastOf(t, change, framing.Extensions{senders}, names...)
	s := must(mls.Observe(mls.ObserveParams{GroupInfo: cast[0].Info(), Now: mlstest.Now(), Params: cast[0].Params}))
	return cast, moderator, s.Next
}

func newSenderKey(t *testing.T, suite *ciphersuite.Suite) ciphersuite.SignaturePublicKey {
	t.Helper()
	signer := must(suite.GenerateSigner(mlstest.Rand("another sender")))
	return must(suite.PublicKeyOf(signer))
}

// TestExternalSender: everything that RFC 9420, Section 12.1.8 lets an external sender propose, from its making to its
// effect.
func TestExternalSender(t *testing.T) {
	const custom = 0xf00d
	psk := mls.PSKs{{ID: mls.ExternalPSKID([]byte("psk")), Secret: ciphersuite.NewSecret([]byte("shared by all"))}}
	change := func(c *mlstest.Party) {
		c.Capabilities.Proposals = []framing.ProposalType{custom}
		c.Params.ExternalProposals = []framing.ProposalType{custom}
	}
	for name, proposal := range map[string]framing.Proposal{
		"add":        &framing.Add{KeyPackage: newcomer(t, change).KeyPackage(t).KeyPackage},
		"remove":     &framing.Remove{Removed: 2},
		"psk":        &framing.PreSharedKey{PSK: psk[0].ID},
		"reinit":     &framing.ReInit{GroupID: []byte("next"), Version: framing.MLS10, CipherSuite: testSuite},
		"extensions": &framing.GroupContextExtensions{},
		"custom":     &framing.CustomProposal{Type: custom, Data: []byte("data")},
	} {
		t.Run(name, func(t *testing.T) {
			cast, moderator, seen := moderated(t, change, "alice", "bob", "carol")
			alice, bob := cast[0], cast[1]
			message := must(seen.Propose(proposal, 1, mls.ProposeParams{Now: mlstest.Now()}, moderator.Signer))
			received := alice.Hear(message).Events[0].(*mls.ProposalReceived)
			require.Equal(t, framing.Sender{SenderType: framing.SenderTypeExternal, SenderIndex: 1}, received.Sender)
			bob.Hear(message)
			s := must(seen.Handle(mls.Input{Message: message, Now: mlstest.Now()}))
			require.False(t, received.Again)
			require.True(t, alice.Hear(message).Events[0].(*mls.ProposalReceived).Again, "the second time is no news")

			made := bob.MakeCommit(mls.CommitParams{PSKs: psk})
			require.Empty(t, made.Left)
			require.Equal(t, received.Ref, made.Change.Proposals[0].Ref)
			bob.Take(bob.Group.Adopt())
			commit := made.Send[0].Message
			alice.Take(alice.Group.Handle(mls.Input{Message: commit, PSKs: psk}))
			s = must(s.Next.Handle(mls.Input{Message: commit, Now: mlstest.Now()}))
			require.Equal(t, alice.Group.Context(), s.Next.Context())
			if name != "reinit" {
				mlstest.Agree(alice, bob)
			}
		})
	}
}

// newcomer returns dave, as change makes him.
func newcomer(t *testing.T, change func(*mlstest.Party)) *mlstest.Member {
	dave := newMember(t, "dave")
	change(dave.Party)
	return dave
}

func TestExternalSenderRefused(t *testing.T) {
	cast, moderator, seen := moderated(t, nil, "alice", "bob")
	alice, bob := cast[0], cast[1]
	propose := func(p framing.Proposal, index uint32, by *mlstest.Member) error {
		return failure(seen.Propose(p, index, mls.ProposeParams{Now: mlstest.Now()}, by.Signer))
	}
	evil := bob.Insider()
	update := evil.UpdateLeaf(t, "update", nil)
	breaks(t, "V-PR-06", propose(update, 1, moderator))
	breaks(t, "V-PR-12", propose(&framing.ExternalInit{KEMOutput: make([]byte, 32)}, 1, moderator))
	breaks(t, "V-FR-10", propose(&framing.CustomProposal{Type: 0xf00d}, 1, moderator))
	breaks(t, "V-PR-07", propose(&framing.Remove{Removed: 7}, 1, moderator))
	breaks(t, "V-FR-11", propose(&framing.Remove{Removed: 1}, 2, moderator))
	require.ErrorIs(t, propose(&framing.Remove{Removed: 1}, 0, moderator), mls.ErrSigner)
	require.ErrorIs(t, propose(&framing.Remove{Removed: 1}, 1, alice), mls.ErrSigner)
	_, err := seen.Propose(&framing.Add{KeyPackage: newMember(t, "carol").KeyPackage(t).KeyPackage}, 1, mls.ProposeParams{}, moderator.Signer)
	require.ErrorIs(t, err, mls.ErrNoTime)

	// The same by somebody who does not ask this package.
	outside := *evil
	outside.Signer, outside.Sender = moderator.Signer, framing.Sender{SenderType: framing.SenderTypeExternal, SenderIndex: 1}
	for _, test := range []struct {
		rule     string
		index    uint32
		proposal framing.Proposal
	}{
		{"V-FR-10", 1, update},
		{"V-FR-10", 1, &framing.ExternalInit{KEMOutput: make([]byte, 32)}},
		{"V-FR-10", 1, &framing.CustomProposal{Type: 0xf00d}},
		{"V-PR-07", 1, &framing.Remove{Removed: 7}},
		{"V-FR-11", 0, &framing.Remove{Removed: 1}},
		{"V-FR-11", 2, &framing.Remove{Removed: 1}},
	} {
		message, _ := outside.Propose(t, test.proposal, func(c *mlstest.Content) {
			c.Context, c.Sender.SenderIndex = nil, test.index
		})
		refuse(alice, message, test.rule)
		breaks(t, test.rule, failure(seen.Handle(mls.Input{Message: message, Now: mlstest.Now()})))
	}

	// Once the group has taken the right away, it is gone.
	message := must(seen.Propose(&framing.Remove{Removed: 1}, 1, mls.ProposeParams{}, moderator.Signer))
	alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.GroupContextExtensions{}}}, bob)
	require.ErrorIs(t, failure(alice.Group.Handle(mls.Input{Message: message})), mls.ErrOldEpoch)
	breaks(t, "V-FR-11", failure(alice.Observe().Propose(&framing.Remove{Removed: 1}, 1, mls.ProposeParams{}, moderator.Signer)))
}

// TestNewMemberProposal: a newcomer asks to be added, and for nothing else (RFC 9420, Section 12.1.8).
func TestNewMemberProposal(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	carol := newMember(t, "carol")
	keys := carol.KeyPackage(t)
	seen := alice.Observe()
	require.ErrorIs(t, failure(seen.ProposeSelf(keys.KeyPackage, mls.ProposeParams{}, carol.Signer)), mls.ErrNoTime)
	require.ErrorIs(t, failure(seen.ProposeSelf(keys.KeyPackage, mls.ProposeParams{Now: mlstest.Now()}, bob.Signer)), mls.ErrSigner)
	message := must(seen.ProposeSelf(keys.KeyPackage, mls.ProposeParams{Now: mlstest.Now()}, carol.Signer))

	require.Equal(t, mls.MomentAdd, alice.Hear(message).Claims[0].Moment)
	bob.Hear(message)
	adopted := alice.Commit(mls.CommitParams{}, bob).Adopted
	carol.Take(mls.Join(carol.ByWelcome(adopted.Send[0].Message, keys)))
	mlstest.Agree(alice, bob, carol)

	evil := *bob.Insider()
	evil.Sender = framing.Sender{SenderType: framing.SenderTypeNewMemberProposal}
	dave := newMember(t, "dave")
	for _, test := range []struct {
		rule     string
		proposal framing.Proposal
	}{
		{"V-FR-12", &framing.Add{KeyPackage: dave.KeyPackage(t).KeyPackage}}, // signed by bob
		{"V-FR-12", &framing.Remove{Removed: 0}},
		{"V-FR-12", &framing.GroupContextExtensions{}},
		{"V-FR-12", &framing.CustomProposal{Type: 0xf00d}},
	} {
		message, _ := evil.Propose(t, test.proposal, func(c *mlstest.Content) { c.Context = nil })
		refuse(alice, message, test.rule)
	}
}

func TestJoinExternal(t *testing.T) {
	for _, policy := range []mls.HandshakePolicy{mls.HandshakePublic, mls.HandshakePrivateOnly} {
		cast := newCastOf(t, func(c *mlstest.Party) { c.Params.Handshake = policy }, nil, "alice", "bob", "carol", "dave")
		alice, bob, carol, dave := cast[0], cast[1], cast[2], cast[3]
		alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: bob.Group.OwnLeaf()}}}, carol, dave)

		// The leftmost blank leaf first, then a place beyond the tree.
		eve, frank := newMember(t, "eve"), newMember(t, "frank")
		eve.Params.Handshake, frank.Params.Handshake = policy, policy
		eve.JoinExternal(mls.JoinExternalParams{AuthenticatedData: []byte("hi")}, carol, alice, dave)
		require.EqualValues(t, 1, eve.Group.OwnLeaf())
		mlstest.Agree(alice, carol, dave, eve)
		frank.JoinExternal(mls.JoinExternalParams{}, eve, alice, carol, dave)
		require.EqualValues(t, 4, frank.Group.OwnLeaf())
		eve.Commit(mls.CommitParams{}, alice, carol, dave, frank)
		mlstest.Agree(alice, carol, dave, eve, frank)
	}
}

// TestJoinExternalTree: the tree may come beside the GroupInfo.
func TestJoinExternalTree(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	bare := must(alice.Group.GroupInfo(mls.GroupInfoParams{ExternalPub: true, OmitTree: true}, alice.Signer))
	carol := newMember(t, "carol")
	join := carol.ByGroupInfo(bare)
	require.ErrorIs(t, failure(mls.JoinExternal(join)), mls.ErrNoTree)
	require.ErrorIs(t, failure(mls.Observe(mls.ObserveParams{GroupInfo: bare})), mls.ErrNoTree)
	join.RatchetTree = newCast(t, "alice", "carol")[0].Group.Tree().Export()
	breaks(t, "V-TREE-03", failure(mls.JoinExternal(join)))

	tree := alice.Group.Tree().Export()
	observed := must(mls.Observe(mls.ObserveParams{GroupInfo: bare, RatchetTree: tree}))
	require.Equal(t, alice.Group.Context(), observed.Next.Context())
	carol.JoinExternal(mls.JoinExternalParams{GroupInfo: bare, RatchetTree: tree}, alice, bob)
	mlstest.Agree(alice, bob, carol)
}

func TestJoinExternalPSK(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	psk := mls.PSKs{{ID: mls.ExternalPSKID([]byte("ticket")), Secret: ciphersuite.NewSecret([]byte("admit one"))}}
	carol := newMember(t, "carol")
	join := mls.JoinExternalParams{GroupInfo: alice.Info(), Leaf: carol.LeafParams, PSKIDs: []framing.PreSharedKeyID{psk[0].ID},
		Params: carol.Params}
	_, err := mls.JoinExternal(join)
	var missing *mls.MissingPSKError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "ticket", string(missing.IDs[0].PSKID))

	join.PSKs = psk
	alice.PSKs = psk
	s := carol.JoinExternal(join, alice)
	require.ErrorAs(t, failure(bob.Group.Handle(mls.Input{Message: s.Send[0].Message})), &missing)
	wrong := mls.PSKs{{ID: psk[0].ID, Secret: ciphersuite.NewSecret([]byte("admit two"))}}
	breaks(t, "V-CM-14", failure(bob.Group.Handle(mls.Input{Message: s.Send[0].Message, PSKs: wrong})))
	bob.Take(bob.Group.Handle(mls.Input{Message: s.Send[0].Message, PSKs: psk}))
	mlstest.Agree(alice, bob, carol)
}

// TestResync: a member that lost its state joins anew. Its former self learns that it was removed.
func TestResync(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	former := *bob
	leaf := bob.Group.OwnLeaf()
	seen := alice.Observe()

	var s *mls.Step
	bob.Signer = newMember(t, "bob's new key").Signer
	s = bob.JoinExternal(mls.JoinExternalParams{Resync: &leaf, Groups: [][]byte{alice.Group.GroupID()}}, alice, carol)
	require.Equal(t, leaf, bob.Group.OwnLeaf())
	mlstest.Agree(alice, bob, carol)
	former.Hear(s.Send[0].Message)
	require.Equal(t, mls.StatusRemoved, former.Group.Status())
	observed := must(seen.Handle(mls.Input{Message: s.Send[0].Message}))
	require.Equal(t, alice.Group.Context(), observed.Next.Context())
	require.Len(t, observed.Events, 1)
	require.Len(t, observed.Claims, 1)
	require.Equal(t, mls.MomentExternalCommit, observed.Claims[0].Moment)
	require.Equal(t, "bob", string(observed.Claims[0].Predecessors[0].Credential.Identity))

	stranger := newMember(t, "stranger")
	join := mls.JoinExternalParams{GroupInfo: alice.Info(), Leaf: stranger.LeafParams, Resync: new(framing.LeafIndex), Params: stranger.Params}
	*join.Resync = 3
	breaks(t, "V-PR-07", failure(mls.JoinExternal(join)))
	*join.Resync = leaf
	step := must(mls.JoinExternal(join))
	asked := step.Claims[len(step.Claims)-1]
	require.Equal(t, "stranger", string(asked.Credential.Identity))
	require.Equal(t, "bob", string(asked.Predecessors[0].Credential.Identity), "whether one may follow the other is for the application to say")
}

// TestResyncAlone: the only member of a group lost its state, wherever in the tree it was.
func TestResyncAlone(t *testing.T) {
	for _, leaf := range []framing.LeafIndex{0, 2} {
		cast := newCast(t, "alice", "bob", "carol")
		last := cast[leaf]
		var others []framing.Proposal
		for i := range framing.LeafIndex(3) {
			if i != leaf {
				others = append(others, &framing.Remove{Removed: i})
			}
		}
		last.Commit(mls.CommitParams{Proposals: others})
		seen := last.Observe()
		info := last.Info()
		former := *last
		s := last.JoinExternal(mls.JoinExternalParams{GroupInfo: info, Resync: &leaf})
		require.Zero(t, last.Group.OwnLeaf())
		former.Hear(s.Send[0].Message)
		require.Equal(t, mls.StatusRemoved, former.Group.Status())
		observed := must(seen.Handle(mls.Input{Message: s.Send[0].Message}))
		require.Equal(t, last.Group.Context(), observed.Next.Context())
		dave := newMember(t, "dave")
		last.Welcome(dave)
		mlstest.Agree(last, dave)
	}
}

// TestJoinExternalLost: the commit of a newcomer is dropped, or comes back.
func TestJoinExternalLost(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	carol := newMember(t, "carol")
	join := carol.ByGroupInfo(alice.Info())
	s := carol.Take(mls.JoinExternal(join))
	require.Equal(t, mls.StatusJoining, carol.Group.Status())
	require.ErrorIs(t, failure(carol.Group.Protect(nil, mls.ProtectParams{}, carol.Signer)), mls.ErrPending)
	require.ErrorIs(t, failure(carol.Group.Commit(mls.CommitParams{}, carol.Signer)), mls.ErrPending)
	require.Error(t, failure(carol.Group.Handle(mls.Input{Message: bob.Say("not yet")})))

	winner := bob.Commit(mls.CommitParams{}, alice).Message
	require.ErrorIs(t, failure(carol.Group.Handle(mls.Input{Message: winner})), mls.ErrOldEpoch)
	require.ErrorIs(t, failure(alice.Group.Handle(mls.Input{Message: s.Send[0].Message})), mls.ErrOldEpoch)
	carol.Take(carol.Group.Drop())
	require.Equal(t, mls.StatusAbandoned, carol.Group.Status())
	require.ErrorIs(t, failure(carol.Group.Protect(nil, mls.ProtectParams{}, carol.Signer)), mls.ErrInactive)
	require.ErrorIs(t, failure(carol.Group.Adopt()), mls.ErrNotPending)
	require.Error(t, failure(carol.Group.Handle(mls.Input{Message: s.Send[0].Message})))
	for _, pair := range partsOf(carol.Group).Private.Keys() {
		require.True(t, pair.Private.IsZero(), "a dropped join leaves no key")
	}

	join.GroupInfo = alice.Info()
	s = carol.Take(mls.JoinExternal(join))
	require.IsType(t, &mls.EpochChanged{}, carol.Hear(s.Send[0].Message).Events[0], "the commit that comes back is adopted")
	mlstest.Tell(s.Send[0].Message, alice, bob)
	require.IsType(t, &mls.Echo{}, carol.Hear(s.Send[0].Message).Events[0])
	mlstest.Agree(alice, bob, carol)
}

func TestJoinExternalRefused(t *testing.T) {
	colour := framing.Extension{Type: 0xf001, Data: []byte("green")}
	alice, bob := two(newCastOf(t, supportsAnnouncement, framing.Extensions{colour}, "alice", "bob"))
	carol := newMember(t, "carol")
	supportsAnnouncement(carol.Party)
	good := carol.ByGroupInfo(alice.Info())
	evil := bob.Insider()
	for rule, change := range map[string]func(*mls.JoinExternalParams){
		"V-WEL-06": func(p *mls.JoinExternalParams) { p.Groups = [][]byte{alice.Group.GroupID()} },
		"V-LN-11":  func(p *mls.JoinExternalParams) { p.Leaf.Capabilities.Extensions = nil },
		"V-LN-18":  func(p *mls.JoinExternalParams) { p.Leaf.Signer = bob.Signer },
		"V-PSK-01": func(p *mls.JoinExternalParams) {
			p.PSKIDs = []framing.PreSharedKeyID{{PSKType: framing.PSKTypeExternal, PSKNonce: []byte("short")}}
		},
		"V-EJ-01": func(p *mls.JoinExternalParams) {
			var err error
			p.GroupInfo, err = alice.Group.GroupInfo(mls.GroupInfoParams{}, alice.Signer)
			require.NoError(t, err)
		},
		"V-WEL-05": func(p *mls.JoinExternalParams) {
			p.GroupInfo = evil.GroupInfo(t, func(i *framing.GroupInfo) { i.Signer = 0 })
		},
		"V-TREE-03": func(p *mls.JoinExternalParams) {
			p.GroupInfo = evil.GroupInfo(t, func(i *framing.GroupInfo) { i.GroupContext.TreeHash = make([]byte, 32) })
		},
		"V-WEL-03": func(p *mls.JoinExternalParams) {
			p.GroupInfo = evil.GroupInfo(t, func(i *framing.GroupInfo) { i.GroupContext.Version = 2 })
		},
	} {
		bad := good
		change(&bad)
		breaks(t, rule, failure(mls.JoinExternal(bad)))
	}
	good.GroupInfo = bob.Say("not a GroupInfo")
	require.ErrorIs(t, failure(mls.JoinExternal(good)), mls.ErrUnexpectedMessage)
	carol.JoinExternal(mls.JoinExternalParams{}, alice, bob)
	mlstest.Agree(alice, bob, carol)
}

// TestExternalCommitRefused: what members demand of a newcomer's commit.
func TestExternalCommitRefused(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	seen := alice.Observe()
	proposal := bob.Propose(&framing.Remove{Removed: 2}, alice, carol)
	s := must(seen.Handle(mls.Input{Message: proposal}))
	dave := newMember(t, "dave")
	evil := mlstest.NewNewcomer(t, dave.Party, alice.Info())
	leaf := dave.KeyPackage(t).KeyPackage.LeafNode
	bobs, _ := bob.Group.Tree().Leaf(bob.Group.OwnLeaf())
	for _, test := range []struct {
		rule   string
		change func(*mlstest.Draft)
	}{
		{"V-PL-13", func(d *mlstest.Draft) { d.Proposals = nil }},
		{"V-PL-13", func(d *mlstest.Draft) { d.Proposals = append(d.Proposals, d.Proposals[0]) }},
		{"V-PL-13", func(d *mlstest.Draft) {
			d.Proposals = append(d.Proposals, evil.ByValue(&framing.Remove{Removed: 1}, &framing.Remove{Removed: 2})...)
		}},
		{"V-PL-13", func(d *mlstest.Draft) {
			d.Proposals = append(d.Proposals, evil.ByValue(&framing.Add{KeyPackage: newMember(t, "eve").KeyPackage(t).KeyPackage})...)
		}},
		{"V-PL-13", func(d *mlstest.Draft) {
			d.Proposals = append(d.Proposals, evil.ByValue(&framing.GroupContextExtensions{})...)
		}},
		{"V-PL-14", func(d *mlstest.Draft) {
			p := alice.Group.Proposals()[0]
			d.Proposals = append(d.Proposals, mlstest.Covered{Proposal: p.Proposal, Sender: p.Sender, Ref: p.Ref})
		}},
		{"V-PL-15", func(d *mlstest.Draft) {
			d.Proposals = append(d.Proposals, evil.ByValue(&framing.Remove{Removed: 1})...)
			d.OnKeys = func(pairs []ciphersuite.KeyPair) { pairs[0] = ciphersuite.KeyPair{Public: bobs.EncryptionKey} }
		}},
		{"V-CM-01", func(d *mlstest.Draft) { d.NoPath = true }},
		{"V-LN-14", func(d *mlstest.Draft) { d.Template.Capabilities.Versions = nil }},
	} {
		message := evil.Commit(t, func(d *mlstest.Draft) {
			d.Template = leaf
			test.change(d)
		}).Commit
		if test.rule == "V-CM-01" {
			// Without a path there is no key to verify such a commit by.
			require.Error(t, failure(alice.Group.Handle(mls.Input{Message: message})))
			continue
		}
		refuse(alice, message, test.rule)
		breaks(t, test.rule, failure(s.Next.Handle(mls.Input{Message: message})))
	}
	good := evil.Commit(t, func(d *mlstest.Draft) { d.Template = leaf })
	mlstest.Tell(good.Commit, alice, bob, carol)
	mlstest.Agree(alice, bob, carol)
	require.Equal(t, good.Next.Secrets.EpochAuthenticator.Bytes(), partsOf(alice.Group).Secrets.EpochAuthenticator.Bytes())
}

func TestExternalCommitPolicy(t *testing.T) {
	psk := mls.PSKs{{ID: mls.ExternalPSKID([]byte("ticket")), Secret: ciphersuite.NewSecret([]byte("admit one"))}}
	bob1 := framing.LeafIndex(1)
	joins := map[string]mls.JoinExternalParams{
		"plain":  {},
		"psk":    {PSKIDs: []framing.PreSharedKeyID{psk[0].ID}, PSKs: psk},
		"resync": {Resync: &bob1},
	}
	for policy, welcome := range map[mls.ExternalCommitPolicy][]string{
		mls.ExternalCommitsAllowed:   {"plain", "psk", "resync"},
		mls.ExternalCommitsNoResync:  {"plain", "psk"},
		mls.ExternalCommitsPSK:       {"psk"},
		mls.ExternalCommitsForbidden: {},
	} {
		for kind, join := range joins {
			alice := newCastOf(t, func(c *mlstest.Party) { c.Params.ExternalCommits = policy }, nil, "alice", "bob")[0]
			dave := newMember(t, "dave")
			join.GroupInfo = alice.Info()
			s := dave.JoinExternal(join)
			_, err := alice.Group.Handle(mls.Input{Message: s.Send[0].Message, PSKs: psk})
			if !contains(welcome, kind) {
				breaks(t, "V-EJ-08", err)
				continue
			}
			require.NoError(t, err)
		}
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// TestObserverRoom: an observer keeps as many proposals as Params allow, each once.
func TestObserverRoom(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	o := must(mls.Observe(mls.ObserveParams{GroupInfo: alice.Info(), Params: mls.Params{MaxProposals: 1}}))
	first := bob.Propose(&framing.Remove{Removed: 2})
	s := must(o.Next.Handle(input(first)))
	again := must(s.Next.Handle(input(first)))
	require.True(t, again.Events[0].(*mls.ProposalReceived).Again)
	require.ErrorIs(t, failure(again.Next.Handle(input(carol.Propose(&framing.Remove{Removed: 1})))), mls.ErrTooManyProposals)
}
