package mls_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// moderated is a group that lets a moderator, who is no member, propose, and what the moderator sees of it.
func moderated(t *testing.T, change func(*mlstest.Client), names ...string) (cast []*player, moderator *player, seen *mls.Observer) {
	t.Helper()
	moderator = newPlayer(t, "moderator")
	key, err := moderator.Suite.PublicKeyOf(moderator.Signer)
	require.NoError(t, err)
	senders := extension(t, &framing.ExternalSenders{
		{SignatureKey: newSenderKey(t, moderator.Suite), Credential: framing.BasicCredential([]byte("another"))},
		{SignatureKey: key, Credential: moderator.Credential},
	})
	cast = stageOf(t, change, framing.Extensions{senders}, names...)
	s, err := mls.Observe(mls.ObserveParams{GroupInfo: cast[0].info(), Now: mlstest.Now(), Params: cast[0].Params})
	require.NoError(t, err)
	return cast, moderator, s.Next
}

func newSenderKey(t *testing.T, suite *ciphersuite.Suite) ciphersuite.SignaturePublicKey {
	t.Helper()
	signer, err := suite.GenerateSigner(mlstest.Rand("another sender"))
	require.NoError(t, err)
	key, err := suite.PublicKeyOf(signer)
	require.NoError(t, err)
	return key
}

// TestExternalSender: everything that RFC 9420, Section 12.1.8 lets an external sender propose, from its making to its
// effect.
func TestExternalSender(t *testing.T) {
	const custom = 0xf00d
	psk := mls.PSKs{{ID: mls.ExternalPSKID([]byte("psk")), Secret: ciphersuite.NewSecret([]byte("shared by all"))}}
	change := func(c *mlstest.Client) {
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
			message, err := seen.Propose(proposal, 1, mls.ProposeParams{Now: mlstest.Now()}, moderator.Signer)
			require.NoError(t, err)
			received := alice.hear(message).Events[0].(*mls.ProposalReceived)
			require.Equal(t, framing.Sender{SenderType: framing.SenderTypeExternal, SenderIndex: 1}, received.Sender)
			bob.hear(message)
			s, err := seen.Handle(mls.Input{Message: message, Now: mlstest.Now()})
			require.NoError(t, err)
			require.False(t, received.Again)
			require.True(t, alice.hear(message).Events[0].(*mls.ProposalReceived).Again, "the second time is no news")

			made := bob.take(bob.group.Commit(mls.CommitParams{PSKs: psk, Now: mlstest.Now()}, bob.Signer))
			require.Empty(t, made.Left)
			require.Equal(t, received.Ref, made.Change.Proposals[0].Ref)
			bob.take(bob.group.Adopt())
			commit := made.Send[0].Message
			alice.take(alice.group.Handle(mls.Input{Message: commit, PSKs: psk}))
			s, err = s.Next.Handle(mls.Input{Message: commit, Now: mlstest.Now()})
			require.NoError(t, err)
			require.Equal(t, alice.group.Context(), s.Next.Context())
			if name != "reinit" {
				together(alice, bob)
			}
		})
	}
}

// newcomer is dave, as change makes him.
func newcomer(t *testing.T, change func(*mlstest.Client)) *player {
	dave := newPlayer(t, "dave")
	change(dave.Client)
	return dave
}

func TestExternalSenderRefused(t *testing.T) {
	cast, moderator, seen := moderated(t, nil, "alice", "bob")
	alice, bob := cast[0], cast[1]
	propose := func(p framing.Proposal, index uint32, by *player) error {
		_, err := seen.Propose(p, index, mls.ProposeParams{Now: mlstest.Now()}, by.Signer)
		return err
	}
	evil := bob.insider()
	update := evil.UpdateLeaf(t, "update", nil)
	breaks(t, "V-PR-06", propose(update, 1, moderator))
	breaks(t, "V-PR-12", propose(&framing.ExternalInit{KEMOutput: make([]byte, 32)}, 1, moderator))
	breaks(t, "V-FR-10", propose(&framing.CustomProposal{Type: 0xf00d}, 1, moderator))
	breaks(t, "V-PR-07", propose(&framing.Remove{Removed: 7}, 1, moderator))
	breaks(t, "V-FR-11", propose(&framing.Remove{Removed: 1}, 2, moderator))
	require.ErrorIs(t, propose(&framing.Remove{Removed: 1}, 0, moderator), mls.ErrSigner)
	require.ErrorIs(t, propose(&framing.Remove{Removed: 1}, 1, alice), mls.ErrSigner)
	_, err := seen.Propose(&framing.Add{KeyPackage: newPlayer(t, "carol").KeyPackage(t).KeyPackage}, 1, mls.ProposeParams{}, moderator.Signer)
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
		alice.refuse(message, test.rule)
		_, err := seen.Handle(mls.Input{Message: message, Now: mlstest.Now()})
		breaks(t, test.rule, err)
	}

	// Once the group has taken the right away, it is gone.
	message, err := seen.Propose(&framing.Remove{Removed: 1}, 1, mls.ProposeParams{}, moderator.Signer)
	require.NoError(t, err)
	alice.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.GroupContextExtensions{}}}, bob)
	_, err = alice.group.Handle(mls.Input{Message: message})
	require.ErrorIs(t, err, mls.ErrOldEpoch)
	_, err = alice.observe().Propose(&framing.Remove{Removed: 1}, 1, mls.ProposeParams{}, moderator.Signer)
	breaks(t, "V-FR-11", err)
}

// TestNewMemberProposal: a newcomer asks to be added, and for nothing else (RFC 9420, Section 12.1.8).
func TestNewMemberProposal(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	carol := newPlayer(t, "carol")
	keys := carol.KeyPackage(t)
	seen := alice.observe()
	_, err := seen.ProposeSelf(keys.KeyPackage, mls.ProposeParams{}, carol.Signer)
	require.ErrorIs(t, err, mls.ErrNoTime)
	_, err = seen.ProposeSelf(keys.KeyPackage, mls.ProposeParams{Now: mlstest.Now()}, bob.Signer)
	require.ErrorIs(t, err, mls.ErrSigner)
	message, err := seen.ProposeSelf(keys.KeyPackage, mls.ProposeParams{Now: mlstest.Now()}, carol.Signer)
	require.NoError(t, err)

	require.Equal(t, mls.MomentAdd, alice.hear(message).Claims[0].Moment)
	bob.hear(message)
	_, adopted := alice.commit(mls.CommitParams{}, bob)
	carol.take(mls.Join(mls.JoinParams{
		Welcome: adopted.Send[0].Message, KeyPackages: []*mls.OwnKeyPackage{keys}, Now: mlstest.Now(), Params: carol.Params}))
	together(alice, bob, carol)

	evil := *bob.insider()
	evil.Sender = framing.Sender{SenderType: framing.SenderTypeNewMemberProposal}
	dave := newPlayer(t, "dave")
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
		alice.refuse(message, test.rule)
	}
}

// joinAlone joins by external commit and lets members hear it.
func (a *player) joinAlone(p mls.JoinExternalParams, members ...*player) *mls.Step {
	a.t.Helper()
	p.Leaf, p.Now, p.Params = a.LeafParams, mlstest.Now(), a.Params
	if p.GroupInfo == nil {
		p.GroupInfo = members[0].info()
	}
	s := a.take(mls.JoinExternal(p))
	a.take(a.group.Adopt())
	for _, m := range members {
		m.take(m.group.Handle(mls.Input{Message: s.Send[0].Message, Now: mlstest.Now(), PSKs: p.PSKs}))
	}
	return s
}

func TestJoinExternal(t *testing.T) {
	for _, policy := range []mls.HandshakePolicy{mls.HandshakePublic, mls.HandshakePrivateOnly} {
		cast := stageOf(t, func(c *mlstest.Client) { c.Params.Handshake = policy }, nil, "alice", "bob", "carol", "dave")
		alice, bob, carol, dave := cast[0], cast[1], cast[2], cast[3]
		alice.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: bob.group.OwnLeaf()}}}, carol, dave)

		// The leftmost blank leaf first, then a place beyond the tree.
		eve, frank := newPlayer(t, "eve"), newPlayer(t, "frank")
		eve.Params.Handshake, frank.Params.Handshake = policy, policy
		eve.joinAlone(mls.JoinExternalParams{AuthenticatedData: []byte("hi")}, carol, alice, dave)
		require.EqualValues(t, 1, eve.group.OwnLeaf())
		together(alice, carol, dave, eve)
		frank.joinAlone(mls.JoinExternalParams{}, eve, alice, carol, dave)
		require.EqualValues(t, 4, frank.group.OwnLeaf())
		eve.commit(mls.CommitParams{}, alice, carol, dave, frank)
		together(alice, carol, dave, eve, frank)
	}
}

// TestJoinExternalTree: the tree may come beside the GroupInfo.
func TestJoinExternalTree(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	bare, err := alice.group.GroupInfo(mls.GroupInfoParams{ExternalPub: true, OmitTree: true}, alice.Signer)
	require.NoError(t, err)
	carol := newPlayer(t, "carol")
	join := mls.JoinExternalParams{GroupInfo: bare, Leaf: carol.LeafParams, Now: mlstest.Now(), Params: carol.Params}
	_, err = mls.JoinExternal(join)
	require.ErrorIs(t, err, mls.ErrNoTree)
	_, err = mls.Observe(mls.ObserveParams{GroupInfo: bare})
	require.ErrorIs(t, err, mls.ErrNoTree)
	join.RatchetTree = stage(t, "alice", "carol")[0].group.Tree().Export()
	_, err = mls.JoinExternal(join)
	breaks(t, "V-TREE-03", err)

	tree := alice.group.Tree().Export()
	observed, err := mls.Observe(mls.ObserveParams{GroupInfo: bare, RatchetTree: tree})
	require.NoError(t, err)
	require.Equal(t, alice.group.Context(), observed.Next.Context())
	carol.joinAlone(mls.JoinExternalParams{GroupInfo: bare, RatchetTree: tree}, alice, bob)
	together(alice, bob, carol)
}

func TestJoinExternalPSK(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	psk := mls.PSKs{{ID: mls.ExternalPSKID([]byte("ticket")), Secret: ciphersuite.NewSecret([]byte("admit one"))}}
	carol := newPlayer(t, "carol")
	join := mls.JoinExternalParams{GroupInfo: alice.info(), Leaf: carol.LeafParams, PSKIDs: []framing.PreSharedKeyID{psk[0].ID},
		Params: carol.Params}
	_, err := mls.JoinExternal(join)
	var missing *mls.MissingPSKError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "ticket", string(missing.IDs[0].PSKID))

	join.PSKs = psk
	s := carol.joinAlone(join, alice)
	_, err = bob.group.Handle(mls.Input{Message: s.Send[0].Message})
	require.ErrorAs(t, err, &missing)
	wrong := mls.PSKs{{ID: psk[0].ID, Secret: ciphersuite.NewSecret([]byte("admit two"))}}
	_, err = bob.group.Handle(mls.Input{Message: s.Send[0].Message, PSKs: wrong})
	breaks(t, "V-CM-14", err)
	bob.take(bob.group.Handle(mls.Input{Message: s.Send[0].Message, PSKs: psk}))
	together(alice, bob, carol)
}

// TestResync: a member that lost its state joins anew. Its former self learns that it was removed.
func TestResync(t *testing.T) {
	cast := stage(t, "alice", "bob", "carol")
	alice, bob, carol := cast[0], cast[1], cast[2]
	former := *bob
	leaf := bob.group.OwnLeaf()
	seen := alice.observe()

	var s *mls.Step
	bob.Signer = newPlayer(t, "bob's new key").Signer
	s = bob.joinAlone(mls.JoinExternalParams{Resync: &leaf, Groups: [][]byte{alice.group.GroupID()}}, alice, carol)
	require.Equal(t, leaf, bob.group.OwnLeaf())
	together(alice, bob, carol)
	former.hear(s.Send[0].Message)
	require.Equal(t, mls.StatusRemoved, former.group.Status())
	observed, err := seen.Handle(mls.Input{Message: s.Send[0].Message})
	require.NoError(t, err)
	require.Equal(t, alice.group.Context(), observed.Next.Context())
	require.Len(t, observed.Events, 1)
	require.Len(t, observed.Claims, 1)
	require.Equal(t, mls.MomentExternalCommit, observed.Claims[0].Moment)
	require.Equal(t, "bob", string(observed.Claims[0].Predecessors[0].Credential.Identity))

	stranger := newPlayer(t, "stranger")
	join := mls.JoinExternalParams{GroupInfo: alice.info(), Leaf: stranger.LeafParams, Resync: new(framing.LeafIndex), Params: stranger.Params}
	*join.Resync = 3
	_, err = mls.JoinExternal(join)
	breaks(t, "V-PR-07", err)
	*join.Resync = leaf
	step, err := mls.JoinExternal(join)
	require.NoError(t, err)
	asked := step.Claims[len(step.Claims)-1]
	require.Equal(t, "stranger", string(asked.Credential.Identity))
	require.Equal(t, "bob", string(asked.Predecessors[0].Credential.Identity), "whether one may follow the other is for the application to say")
}

// TestResyncAlone: the only member of a group lost its state, wherever in the tree it was.
func TestResyncAlone(t *testing.T) {
	for _, leaf := range []framing.LeafIndex{0, 2} {
		cast := stage(t, "alice", "bob", "carol")
		last := cast[leaf]
		var others []framing.Proposal
		for i := range framing.LeafIndex(3) {
			if i != leaf {
				others = append(others, &framing.Remove{Removed: i})
			}
		}
		last.commit(mls.CommitParams{Proposals: others})
		seen := last.observe()
		info := last.info()
		former := *last
		s := last.joinAlone(mls.JoinExternalParams{GroupInfo: info, Resync: &leaf})
		require.Zero(t, last.group.OwnLeaf())
		former.hear(s.Send[0].Message)
		require.Equal(t, mls.StatusRemoved, former.group.Status())
		observed, err := seen.Handle(mls.Input{Message: s.Send[0].Message})
		require.NoError(t, err)
		require.Equal(t, last.group.Context(), observed.Next.Context())
		dave := newPlayer(t, "dave")
		last.welcome(dave)
		together(last, dave)
	}
}

// TestJoinExternalLost: the commit of a newcomer is dropped, or comes back.
func TestJoinExternalLost(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	carol := newPlayer(t, "carol")
	join := mls.JoinExternalParams{GroupInfo: alice.info(), Leaf: carol.LeafParams, Now: mlstest.Now(), Params: carol.Params}
	s := carol.take(mls.JoinExternal(join))
	require.Equal(t, mls.StatusJoining, carol.group.Status())
	_, err := carol.group.Protect(nil, mls.ProtectParams{}, carol.Signer)
	require.ErrorIs(t, err, mls.ErrPending)
	_, err = carol.group.Commit(mls.CommitParams{}, carol.Signer)
	require.ErrorIs(t, err, mls.ErrPending)
	_, err = carol.group.Handle(mls.Input{Message: bob.say("not yet")})
	require.Error(t, err)

	winner, _ := bob.commit(mls.CommitParams{}, alice)
	_, err = carol.group.Handle(mls.Input{Message: winner})
	require.ErrorIs(t, err, mls.ErrOldEpoch)
	_, err = alice.group.Handle(mls.Input{Message: s.Send[0].Message})
	require.ErrorIs(t, err, mls.ErrOldEpoch)
	carol.take(carol.group.Drop())
	require.Equal(t, mls.StatusAbandoned, carol.group.Status())
	_, err = carol.group.Protect(nil, mls.ProtectParams{}, carol.Signer)
	require.ErrorIs(t, err, mls.ErrInactive)
	_, err = carol.group.Adopt()
	require.ErrorIs(t, err, mls.ErrNotPending)
	_, err = carol.group.Handle(mls.Input{Message: s.Send[0].Message})
	require.Error(t, err)
	for _, pair := range partsOf(carol.group).Private.Keys() {
		require.True(t, pair.Private.IsZero(), "a dropped join leaves no key")
	}

	join.GroupInfo = alice.info()
	s = carol.take(mls.JoinExternal(join))
	require.IsType(t, &mls.EpochChanged{}, carol.hear(s.Send[0].Message).Events[0], "the commit that comes back is adopted")
	tell(s.Send[0].Message, alice, bob)
	require.IsType(t, &mls.Echo{}, carol.hear(s.Send[0].Message).Events[0])
	together(alice, bob, carol)
}

func TestJoinExternalRefused(t *testing.T) {
	colour := framing.Extension{Type: 0xf001, Data: []byte("green")}
	cast := stageOf(t, supportsAnnouncement, framing.Extensions{colour}, "alice", "bob")
	alice, bob := cast[0], cast[1]
	carol := newPlayer(t, "carol")
	supportsAnnouncement(carol.Client)
	good := mls.JoinExternalParams{GroupInfo: alice.info(), Leaf: carol.LeafParams, Now: mlstest.Now(), Params: carol.Params}
	evil := bob.insider()
	for rule, change := range map[string]func(*mls.JoinExternalParams){
		"V-WEL-06": func(p *mls.JoinExternalParams) { p.Groups = [][]byte{alice.group.GroupID()} },
		"V-LN-11":  func(p *mls.JoinExternalParams) { p.Leaf.Capabilities.Extensions = nil },
		"V-LN-15":  func(p *mls.JoinExternalParams) { p.Now = p.Now.AddDate(2, 0, 0) },
		"V-LN-18":  func(p *mls.JoinExternalParams) { p.Leaf.Signer = bob.Signer },
		"V-PSK-01": func(p *mls.JoinExternalParams) {
			p.PSKIDs = []framing.PreSharedKeyID{{PSKType: framing.PSKTypeExternal, PSKNonce: []byte("short")}}
		},
		"V-EJ-01": func(p *mls.JoinExternalParams) {
			var err error
			p.GroupInfo, err = alice.group.GroupInfo(mls.GroupInfoParams{}, alice.Signer)
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
		_, err := mls.JoinExternal(bad)
		breaks(t, rule, err)
	}
	good.GroupInfo = bob.say("not a GroupInfo")
	_, err := mls.JoinExternal(good)
	require.ErrorIs(t, err, mls.ErrUnexpectedMessage)
	carol.joinAlone(mls.JoinExternalParams{}, alice, bob)
	together(alice, bob, carol)
}

// TestExternalCommitRefused: what members demand of a newcomer's commit.
func TestExternalCommitRefused(t *testing.T) {
	cast := stage(t, "alice", "bob", "carol")
	alice, bob, carol := cast[0], cast[1], cast[2]
	seen := alice.observe()
	proposal := bob.propose(&framing.Remove{Removed: 2}, alice, carol)
	s, err := seen.Handle(mls.Input{Message: proposal})
	require.NoError(t, err)
	dave := newPlayer(t, "dave")
	evil := mlstest.NewNewcomer(t, dave.Client, alice.info())
	leaf := dave.KeyPackage(t).KeyPackage.LeafNode
	bobs, _ := bob.group.Tree().Leaf(bob.group.OwnLeaf())
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
			d.Proposals = append(d.Proposals, evil.ByValue(&framing.Add{KeyPackage: newPlayer(t, "eve").KeyPackage(t).KeyPackage})...)
		}},
		{"V-PL-13", func(d *mlstest.Draft) {
			d.Proposals = append(d.Proposals, evil.ByValue(&framing.GroupContextExtensions{})...)
		}},
		{"V-PL-14", func(d *mlstest.Draft) {
			p := alice.group.Proposals()[0]
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
			_, err := alice.group.Handle(mls.Input{Message: message})
			require.Error(t, err)
			continue
		}
		alice.refuse(message, test.rule)
		_, err := s.Next.Handle(mls.Input{Message: message})
		breaks(t, test.rule, err)
	}
	good := evil.Commit(t, func(d *mlstest.Draft) { d.Template = leaf })
	tell(good.Commit, alice, bob, carol)
	together(alice, bob, carol)
	require.Equal(t, good.Next.Secrets.EpochAuthenticator.Bytes(), partsOf(alice.group).Secrets.EpochAuthenticator.Bytes())
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
			alice := stageOf(t, func(c *mlstest.Client) { c.Params.ExternalCommits = policy }, nil, "alice", "bob")[0]
			dave := newPlayer(t, "dave")
			join.GroupInfo = alice.info()
			s := dave.joinAlone(join)
			_, err := alice.group.Handle(mls.Input{Message: s.Send[0].Message, PSKs: psk})
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
	cast := stage(t, "alice", "bob", "carol")
	alice, bob, carol := cast[0], cast[1], cast[2]
	o, err := mls.Observe(mls.ObserveParams{GroupInfo: alice.info(), Params: mls.Params{MaxProposals: 1}})
	require.NoError(t, err)
	first := bob.propose(&framing.Remove{Removed: 2})
	s, err := o.Next.Handle(input(first))
	require.NoError(t, err)
	again, err := s.Next.Handle(input(first))
	require.NoError(t, err)
	require.True(t, again.Events[0].(*mls.ProposalReceived).Again)
	_, err = again.Next.Handle(input(carol.propose(&framing.Remove{Removed: 1})))
	require.ErrorIs(t, err, mls.ErrTooManyProposals)
}
