package mls

import (
	"testing"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/stretchr/testify/require"
)

func TestSmoke(t *testing.T) {
	for _, hs := range []HandshakePolicy{HandshakePublic, HandshakePrivate} {
		smoke(t, hs)
	}
}

func smoke(t *testing.T, hs HandshakePolicy) {
	now := time.Unix(1700000000, 0)
	suite, _ := ciphersuite.New(1)
	client := func(name string) Client {
		s, err := suite.GenerateSigner(nil)
		require.NoError(t, err)
		return Client{Credential: framing.BasicCredential([]byte(name)), Signer: s}
	}
	pr := Params{Handshake: hs}
	a, b, c := client("alice"), client("bob"), client("carol")
	s, err := Create(CreateParams{CipherSuite: 1, Client: a, Lifetime: Lifetime(now, time.Hour), Params: pr})
	require.NoError(t, err)
	ga := s.Next
	kb, err := NewKeyPackage(KeyPackageParams{CipherSuite: 1, Client: b, Lifetime: Lifetime(now, time.Hour)})
	require.NoError(t, err)
	s, err = ga.Commit(CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: kb.KeyPackage}}, Now: now}, a.Signer)
	require.NoError(t, err)
	s2, err := s.Next.Adopt()
	require.NoError(t, err)
	s2.Erase()
	ga = s2.Next
	j, err := Join(JoinParams{Welcome: s2.Send[0].Message, KeyPackages: []*OwnKeyPackage{kb}, Now: now, Params: pr})
	require.NoError(t, err)
	gb := j.Next
	same := func(gs ...*Group) {
		x, err := gs[0].EpochAuthenticator()
		require.NoError(t, err)
		for _, g := range gs[1:] {
			y, err := g.EpochAuthenticator()
			require.NoError(t, err)
			require.Equal(t, x, y)
		}
	}
	same(ga, gb)
	m, err := gb.Protect([]byte("hello"), ProtectOptions{}, b.Signer)
	require.NoError(t, err)
	m.Erase()
	gb = m.Next
	h, err := ga.Handle(Input{Message: m.Send[0].Message})
	require.NoError(t, err)
	require.Equal(t, "hello", string(h.Events[0].(*ApplicationMessage).Data))
	h.Erase()
	ga = h.Next
	// bob updates by proposal, alice commits
	pu, err := gb.ProposeUpdate(LeafUpdate{}, ProposeParams{}, b.Signer)
	require.NoError(t, err)
	pu.Erase()
	gb = pu.Next
	_, err = gb.Protect(nil, ProtectOptions{}, b.Signer)
	require.ErrorIs(t, err, ErrPendingProposals)
	h, err = ga.Handle(Input{Message: pu.Send[0].Message})
	require.NoError(t, err)
	h.Erase()
	cm, err := h.Next.Commit(CommitParams{}, a.Signer)
	require.NoError(t, err)
	cm.Erase()
	ad, err := cm.Next.Handle(Input{Message: cm.Send[0].Message})
	require.NoError(t, err)
	ad.Erase()
	ga = ad.Next
	hb, err := gb.Handle(Input{Message: cm.Send[0].Message})
	require.NoError(t, err)
	hb.Erase()
	gb = hb.Next
	same(ga, gb)
	// carol joins by herself
	gi, err := ga.GroupInfo(GroupInfoParams{ExternalPub: true}, a.Signer)
	require.NoError(t, err)
	ob, err := Observe(ObserveParams{GroupInfo: gi})
	require.NoError(t, err)
	x, err := JoinExternal(ExternalParams{GroupInfo: gi, Client: c, Params: pr})
	require.NoError(t, err)
	ha, err := ga.Handle(Input{Message: x.Send[0].Message})
	require.NoError(t, err)
	ha.Erase()
	hb, err = gb.Handle(Input{Message: x.Send[0].Message})
	require.NoError(t, err)
	hb.Erase()
	os, err := ob.Next.Handle(Input{Message: x.Send[0].Message})
	require.NoError(t, err)
	hc, err := x.Next.Handle(Input{Message: x.Send[0].Message})
	require.NoError(t, err)
	ga, gb = ha.Next, hb.Next
	gc := hc.Next
	same(ga, gb, gc)
	require.Equal(t, ga.Tree().Hash(), os.Next.Tree().Hash())
	// carol removes alice
	rm, err := gc.Commit(CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 0}}}, c.Signer)
	require.NoError(t, err)
	ad, err = rm.Next.Adopt()
	require.NoError(t, err)
	gc = ad.Next
	hb, err = gb.Handle(Input{Message: rm.Send[0].Message})
	require.NoError(t, err)
	same(hb.Next, gc)
	ha, err = ga.Handle(Input{Message: rm.Send[0].Message})
	require.NoError(t, err)
	require.Equal(t, StatusRemoved, ha.Next.Status())
	ha.Erase()
	_, err = ha.Next.Protect(nil, ProtectOptions{}, a.Signer)
	require.ErrorIs(t, err, ErrInactive)
}
