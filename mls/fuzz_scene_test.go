package mls_test

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// Code points that the clients of a scene know.
const (
	fuzzExtension framing.ExtensionType = 0xf001
	fuzzProposal  framing.ProposalType  = 0xf002
)

// fuzzScene is a group before something bad happens: honest members that agree, an observer, and mallory, who is a member
// and has the keys of everybody who is not honest. Nothing in it changes.
type fuzzScene struct {
	honest   []honest
	observer *mls.Observer
	mallory  *mlstest.Insider
	outside  []*mlstest.Member // of mallory's friends
	packages []*mls.OwnKeyPackage
	covered  []mlstest.Covered        // proposals that everybody has seen
	sender   crypto.Signer            // external sender 0
	signers  map[string]crypto.Signer // of mallory and friends, by public key
	psks     mls.PSKs
	replays  [][]byte // genuine messages, old and new
	bank     *bank
	leaks    *leakFinder
}

// honest is a member that keeps to the rules, in one state.
type honest struct {
	*mlstest.Member
	before shelf // its records
}

func newHonest(t testing.TB, m *mlstest.Member) honest { return honest{m, whole(t, m.Group)} }

// with returns the member in another state.
func (h honest) with(t testing.TB, g *mls.Group) honest {
	m := *h.Member
	m.T, m.Group = t, g
	return newHonest(t, &m)
}

// apart returns the member with a Group that shares nothing with others, loaded from its records: what it sends from is not
// used up for those who begin from the same scene, and its randomness is always the same.
func (h honest) apart(t testing.TB) honest {
	loaded, err := whole(t, h.Group).load(seeded(mls.Params{Handshake: h.Params.Handshake},
		fmt.Sprintf("leaf %d in epoch %d", h.Group.OwnLeaf(), h.Group.Epoch())))
	require.NoError(t, err)
	h.before.same(t, whole(t, loaded), "loaded from records")
	return h.with(t, loaded)
}

// knowsCodePoints lets a client know the code points of the scenes.
func knowsCodePoints(c *mlstest.Party) {
	c.Capabilities.Extensions = []framing.ExtensionType{fuzzExtension}
	c.Capabilities.Proposals = []framing.ProposalType{fuzzProposal}
	c.Params.ExternalProposals = []framing.ProposalType{fuzzProposal}
}

// outsider returns a client in no group that knows the code points of the scenes.
func outsider(t testing.TB, name string) *mlstest.Member {
	m := mlstest.NewMember(t, testSuite, name)
	knowsCodePoints(m.Party)
	return m
}

// fuzzScenes returns the scenes in which fuzzing begins.
func fuzzScenes(t testing.TB) []*fuzzScene {
	return []*fuzzScene{
		meeting(t, mls.HandshakePublic), meeting(t, mls.HandshakePrivate),
		built(t, 2, treekemtest.Full), built(t, 9, treekemtest.Mixed), built(t, 7, treekemtest.Fresh), built(t, 5, treekemtest.Full),
	}
}

// built returns a scene without history.
func built(t testing.TB, members int, shape treekemtest.Shape) *fuzzScene {
	f := mlstest.Build(t, mlstest.GroupParams{Members: members, Shape: shape, Seed: 7})
	s := &fuzzScene{}
	member := func(i int) honest { return newHonest(t, f.Member(t, framing.LeafIndex(i))) }
	s.honest = append(s.honest, member(0))
	if members > 2 {
		s.honest = append(s.honest, member(members-1))
	}
	s.ready(t, member(members/2))
	return s
}

// meeting returns a scene of five members that were added, updated and removed, with proposals waiting. One has a pending
// commit.
func meeting(t testing.TB, policy mls.HandshakePolicy) *fuzzScene {
	s := &fuzzScene{}
	var err error
	s.sender, err = mlstest.Suite(t, testSuite).GenerateSigner(mlstest.Rand("external sender"))
	require.NoError(t, err)
	key := must(mlstest.Suite(t, testSuite).PublicKeyOf(s.sender))
	senders := must(framing.NewExtension(&framing.ExternalSenders{
		{SignatureKey: key, Credential: framing.BasicCredential([]byte("sender"))}}))
	required := must(framing.NewExtension(&framing.RequiredCapabilities{ExtensionTypes: []framing.ExtensionType{fuzzExtension}}))
	cast := mlstest.NewCast(t, mlstest.CastParams{GroupID: "meeting", Extensions: framing.Extensions{senders, required},
		Change: func(c *mlstest.Party) {
			knowsCodePoints(c)
			c.Params.Handshake = policy
		}}, "alice", "bob", "mallory", "carol", "dave")
	alice, bob, mallory, carol := cast[0], cast[1], cast[2], cast[3]
	tell := func(message []byte, from *mlstest.Member) {
		mlstest.Tell(message, without(cast, from)...)
		s.replays = append(s.replays, message)
	}
	for _, m := range cast[:4] {
		tell(m.Commit(mls.CommitParams{ForcePath: true}).Message, m)
		s.replays = append(s.replays, m.Say("data of "+m.Name))
	}
	// Proposals that everybody hears and nobody commits.
	waits := func(m *mlstest.Member, message []byte) {
		list := m.Group.Proposals()
		p := list[len(list)-1]
		s.covered = append(s.covered, mlstest.Covered{Proposal: p.Proposal, Sender: p.Sender, Ref: p.Ref})
		tell(message, m)
	}
	waits(bob, bob.Update(mls.LeafUpdate{}))
	waits(carol, carol.Propose(outsider(t, "erin").Add()))
	waits(alice, alice.Propose(&framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte("known"))}))
	s.replays = append(s.replays, alice.MakeCommit(mls.CommitParams{References: []framing.ProposalRef{}}).Send[0].Message)
	for _, m := range []*mlstest.Member{alice, carol} {
		s.honest = append(s.honest, newHonest(t, m))
	}
	s.ready(t, newHonest(t, mallory))
	s.friend(t, bob.Signer)
	return s
}

// friend gives mallory somebody's signature key.
func (s *fuzzScene) friend(t testing.TB, signer crypto.Signer) {
	key := must(s.mallory.Suite.PublicKeyOf(signer))
	if s.signers == nil {
		s.signers = map[string]crypto.Signer{}
	}
	s.signers[string(key)] = signer
}

// ready turns a member into mallory and fills in the rest of the scene.
func (s *fuzzScene) ready(t testing.TB, mallory honest) {
	s.mallory = mallory.Insider()
	s.friend(t, mallory.Signer)
	if s.sender == nil {
		s.sender = mallory.Signer
	}
	s.psks = mls.PSKs{{ID: mls.ExternalPSKID([]byte("known")), Secret: ciphersuite.NewSecret([]byte("a key that all members know"))}}
	info := s.honest[0].Info()
	o := must(mls.Observe(mls.ObserveParams{GroupInfo: info, Now: mlstest.Now(),
		Params: mls.Params{ExternalProposals: []framing.ProposalType{fuzzProposal}}}))
	s.observer = o.Next
	for _, message := range s.replays {
		s.overhear(t, message)
	}
	s.replays = append(s.replays, mallory.Propose(&framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte("known"))}))
	secrets := []ciphersuite.Secret{s.psks[0].Secret}
	for _, h := range append(s.honest, mallory) {
		secrets = append(secrets, mls.SecretsOf(h.Group)...)
	}
	s.leaks = newLeakFinder(secrets...)
	s.bank = &bank{}
	for k := range 4 {
		c := outsider(t, fmt.Sprintf("newcomer %d", k))
		own := c.KeyPackage(t)
		s.outside, s.packages = append(s.outside, c), append(s.packages, own)
		s.friend(t, c.Signer)
		s.bank.keep(own.KeyPackage)
	}
	s.stock(t, info)
}

// overhear lets the observer know of the proposals that wait. It gives up when it cannot read messages.
func (s *fuzzScene) overhear(t testing.TB, message []byte) {
	var m framing.Message
	require.NoError(t, framing.Unmarshal(message, &m))
	switch body := m.Body.(type) {
	case *framing.PublicMessage:
		if s.observer != nil && body.Content.ContentType == framing.ContentTypeProposal {
			step := must(s.observer.Handle(mls.Input{Message: message, Now: mlstest.Now()}))
			s.observer = step.Next
		}
	case *framing.PrivateMessage:
		if body.ContentType == framing.ContentTypeProposal {
			s.observer = nil
		}
	}
}

// stock fills the bank with what a group is made of.
func (s *fuzzScene) stock(t testing.TB, info []byte) {
	parsed := mlstest.Parse[*framing.GroupInfo](t, info)
	s.bank.keep(parsed)
	for _, n := range s.mallory.Tree.Nodes {
		if n != nil {
			node := *n
			s.bank.keep(&node)
		}
	}
	for i := range s.covered {
		s.bank.keep(&s.covered[i])
	}
	proposals := s.proposals(t, s.mallory, -1)
	s.bank.keep(&proposals)
	made := s.mallory.Commit(t, func(d *mlstest.Draft) { d.Proposals = s.mallory.ByValue(s.proposals(t, s.mallory, 1)[0].Proposal) })
	s.bank.keep(mlstest.Parse[*framing.PublicMessage](t, made.Commit))
	s.bank.keep(made.GroupInfo)
	for _, key := range [][]byte{make([]byte, 32), append([]byte{1}, make([]byte, 31)...), bytes.Repeat([]byte{255}, 32)} {
		s.bank.keepBytes(key) // points of low order, and none
	}
}

// proposals returns the proposals that flags ask for, by value, all valid by themselves or nearly so.
func (s *fuzzScene) proposals(t mlstest.TB, in *mlstest.Insider, flags flagSet) []mlstest.Covered {
	var list []framing.Proposal
	add := func(i int, make func() framing.Proposal) {
		if flags.has(i) {
			list = append(list, make())
		}
	}
	for k := range 3 {
		add(k, func() framing.Proposal { return &framing.Add{KeyPackage: s.packages[k].KeyPackage} })
	}
	psk := func(id framing.PreSharedKeyID, nonce byte) framing.Proposal {
		id.PSKNonce = bytes.Repeat([]byte{nonce}, 32)
		return &framing.PreSharedKey{PSK: id}
	}
	add(3, func() framing.Proposal { return psk(mls.ExternalPSKID([]byte("known")), 1) })
	add(4, func() framing.Proposal { return psk(mls.ExternalPSKID([]byte("unknown")), 2) })
	add(5, func() framing.Proposal { return psk(mls.ResumptionPSKID(in.Context.GroupID, in.Context.Epoch), 3) })
	add(6, func() framing.Proposal {
		return &framing.GroupContextExtensions{Extensions: append(framing.Extensions{{Type: fuzzExtension, Data: []byte("new")}}, in.Context.Extensions...)}
	})
	add(7, func() framing.Proposal { return &framing.CustomProposal{Type: fuzzProposal, Data: []byte("custom")} })
	add(8, func() framing.Proposal { return &framing.Remove{Removed: s.last(in)} })
	add(9, func() framing.Proposal { return &framing.Remove{Removed: 1} })
	add(10, func() framing.Proposal { return in.UpdateLeaf(t, "update", nil) })
	add(11, func() framing.Proposal {
		return &framing.ReInit{GroupID: []byte("again"), Version: framing.MLS10, CipherSuite: testSuite}
	})
	add(12, func() framing.Proposal { return &framing.ExternalInit{KEMOutput: make([]byte, 32)} })
	return in.ByValue(list...)
}

// last returns the last leaf in use besides mallory's.
func (s *fuzzScene) last(in *mlstest.Insider) framing.LeafIndex {
	i := framing.LeafIndex(in.Tree.Width() - 1)
	for i > 0 && (i == in.Leaf || in.Tree.Leaf(i) == nil) {
		i--
	}
	return i
}

// sign makes the signatures inside a proposal good again, as far as mallory and friends can.
func (s *fuzzScene) sign(t mlstest.TB, in *mlstest.Insider, p framing.Proposal, sender framing.Sender) {
	switch x := p.(type) {
	case *framing.Add:
		if signer := s.signers[string(x.KeyPackage.LeafNode.SignatureKey)]; signer != nil {
			mlstest.SignLeaf(t, in.Suite, signer, &x.KeyPackage.LeafNode, in.Context.GroupID, framing.NoLeaf)
			mlstest.SignKeyPackage(t, in.Suite, signer, x.KeyPackage)
		}
	case *framing.Update:
		if signer := s.signers[string(x.LeafNode.SignatureKey)]; signer != nil {
			mlstest.SignLeaf(t, in.Suite, signer, &x.LeafNode, in.Context.GroupID, sender.LeafIndex)
		}
	}
}

// ruleOf returns the rule that an error names.
func ruleOf(err error) string {
	var broken *mls.RuleError
	if errors.As(err, &broken) {
		return broken.Rule
	}
	return ""
}
