package mls_test

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
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

// scene is a group before something bad happens: honest members that agree, an observer, and mallory, who is a member
// and has the keys of everybody who is not honest. Nothing in it changes.
type scene struct {
	honest   []honest
	observer *mls.Observer
	mallory  *mlstest.Insider
	outside  []*mlstest.Client // of mallory's friends
	packages []*mls.OwnKeyPackage
	covered  []mlstest.Covered        // proposals that everybody has seen
	sender   crypto.Signer            // external sender 0
	signers  map[string]crypto.Signer // of mallory and friends, by public key
	psks     mls.PSKs
	replays  [][]byte // genuine messages, old and new
	bank     *bank
	leaks    *leakFinder
}

// honest is a member that keeps to the rules.
type honest struct {
	group  *mls.Group
	signer crypto.Signer
	policy mls.HandshakePolicy
	before map[string]string // its records
}

func newHonest(t testing.TB, g *mls.Group, signer crypto.Signer, policy mls.HandshakePolicy) honest {
	return honest{g, signer, policy, recordsOf(t, g)}
}

// with is the member in another state.
func (h honest) with(t testing.TB, g *mls.Group) honest { return newHonest(t, g, h.signer, h.policy) }

// apart is the member with a Group that shares nothing with others, loaded from its records: what it sends from is not
// used up for those who begin from the same scene, and its randomness is always the same.
func (h honest) apart(t testing.TB) honest {
	list, err := h.group.Records(nil)
	require.NoError(t, err)
	loaded, err := mls.Load(mls.LoadParams{Records: slices.Values(list),
		Params: seeded(mls.Params{Handshake: h.policy}, fmt.Sprintf("leaf %d in epoch %d", h.group.OwnLeaf(), h.group.Epoch()))})
	require.NoError(t, err)
	sameRecords(t, h.before, recordsOf(t, loaded), "loaded from records")
	return h.with(t, loaded)
}

// fuzzClient is a client that knows the code points of the scenes.
func fuzzClient(t testing.TB, name string) *mlstest.Client {
	c := mlstest.NewClient(t, testSuite, name)
	c.Capabilities.Extensions = []framing.ExtensionType{fuzzExtension}
	c.Capabilities.Proposals = []framing.ProposalType{fuzzProposal}
	c.Params.ExternalProposals = []framing.ProposalType{fuzzProposal}
	return c
}

// fuzzScenes are the scenes in which fuzzing begins.
func fuzzScenes(t testing.TB) []*scene {
	return []*scene{
		meeting(t, mls.HandshakePublic), meeting(t, mls.HandshakePrivate),
		built(t, 2, treekemtest.Full), built(t, 9, treekemtest.Mixed), built(t, 7, treekemtest.Fresh), built(t, 5, treekemtest.Full),
	}
}

// built is a scene without history.
func built(t testing.TB, members int, shape treekemtest.Shape) *scene {
	f := mlstest.Build(t, mlstest.GroupParams{Members: members, Shape: shape, Seed: 7})
	s := &scene{}
	member := func(i int) honest {
		return newHonest(t, f.Group(t, framing.LeafIndex(i)), f.SignerOf(framing.LeafIndex(i)), 0)
	}
	s.honest = append(s.honest, member(0))
	if members > 2 {
		s.honest = append(s.honest, member(members-1))
	}
	s.ready(t, member(members/2))
	return s
}

// meeting is a scene of five members that were added, updated and removed, with proposals waiting. One has a pending
// commit.
func meeting(t testing.TB, policy mls.HandshakePolicy) *scene {
	s := &scene{}
	var err error
	s.sender, err = mlstest.Suite(t, testSuite).GenerateSigner(mlstest.Rand("external sender"))
	require.NoError(t, err)
	key, err := mlstest.Suite(t, testSuite).PublicKeyOf(s.sender)
	require.NoError(t, err)
	senders, err := framing.NewExtension(&framing.ExternalSenders{
		{SignatureKey: key, Credential: framing.BasicCredential([]byte("sender"))}})
	require.NoError(t, err)
	required, err := framing.NewExtension(&framing.RequiredCapabilities{ExtensionTypes: []framing.ExtensionType{fuzzExtension}})
	require.NoError(t, err)
	var cast []*mlstest.Client
	for _, name := range []string{"alice", "bob", "mallory", "carol", "dave"} {
		c := fuzzClient(t, name)
		c.Params.Handshake = policy
		cast = append(cast, c)
	}
	groups := make([]*mls.Group, 5)
	var late []*mls.Group
	groups[0], late, _ = cast[0].Invite(t, cast[0].Create(t, "meeting", senders, required), cast[1:]...)
	copy(groups[1:], late)
	hear := func(message []byte, by int) {
		for i := range groups {
			if i != by {
				step, err := groups[i].Handle(mls.Input{Message: message, Now: mlstest.Now()})
				require.NoError(t, err)
				groups[i] = step.Next
			}
		}
		s.replays = append(s.replays, message)
	}
	for i, c := range cast[:4] {
		step, err := groups[i].Commit(mls.CommitParams{ForcePath: true}, c.Signer)
		require.NoError(t, err)
		message := step.Send[0].Message
		step, err = step.Next.Adopt()
		require.NoError(t, err)
		groups[i] = step.Next
		hear(message, i)
		step, err = groups[i].Protect([]byte("data of "+c.Name), mls.ProtectParams{}, c.Signer)
		require.NoError(t, err)
		groups[i] = step.Next
		s.replays = append(s.replays, step.Send[0].Message)
	}
	s.wait(t, cast, groups, hear)
	step, err := groups[0].Commit(mls.CommitParams{References: []framing.ProposalRef{}}, cast[0].Signer)
	require.NoError(t, err)
	groups[0] = step.Next
	s.replays = append(s.replays, step.Send[0].Message)
	for _, i := range []int{0, 3} {
		s.honest = append(s.honest, newHonest(t, groups[i], cast[i].Signer, policy))
	}
	s.ready(t, newHonest(t, groups[2], cast[2].Signer, policy))
	s.friend(t, cast[1].Signer)
	return s
}

// wait makes proposals that everybody hears and nobody commits: an Update, an Add, and a PSK.
func (s *scene) wait(t testing.TB, cast []*mlstest.Client, groups []*mls.Group, hear func([]byte, int)) {
	covers := func(i int, step *mls.Step, err error) {
		require.NoError(t, err)
		groups[i] = step.Next
		list := step.Next.Proposals()
		p := list[len(list)-1]
		s.covered = append(s.covered, mlstest.Covered{Proposal: p.Proposal, Sender: p.Sender, Ref: p.Ref})
		hear(step.Send[0].Message, i)
	}
	params := mls.ProposeParams{Now: mlstest.Now()}
	step, err := groups[1].ProposeUpdate(mls.LeafUpdate{}, params, cast[1].Signer)
	covers(1, step, err)
	erin := fuzzClient(t, "erin")
	step, err = groups[3].Propose(&framing.Add{KeyPackage: erin.KeyPackage(t).KeyPackage}, params, cast[3].Signer)
	covers(3, step, err)
	step, err = groups[0].Propose(&framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte("known"))}, params, cast[0].Signer)
	covers(0, step, err)
}

// friend gives mallory somebody's signature key.
func (s *scene) friend(t testing.TB, signer crypto.Signer) {
	key, err := s.mallory.Suite.PublicKeyOf(signer)
	require.NoError(t, err)
	if s.signers == nil {
		s.signers = map[string]crypto.Signer{}
	}
	s.signers[string(key)] = signer
}

// ready turns a member into mallory and fills in the rest of the scene.
func (s *scene) ready(t testing.TB, mallory honest) {
	s.mallory = mlstest.NewInsider(t, mallory.group, mallory.signer)
	s.friend(t, mallory.signer)
	if s.sender == nil {
		s.sender = mallory.signer
	}
	s.psks = mls.PSKs{{ID: mls.ExternalPSKID([]byte("known")), Secret: ciphersuite.NewSecret([]byte("a key that all members know"))}}
	info, err := s.honest[0].group.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, s.honest[0].signer)
	require.NoError(t, err)
	o, err := mls.Observe(mls.ObserveParams{GroupInfo: info, Now: mlstest.Now(),
		Params: mls.Params{ExternalProposals: []framing.ProposalType{fuzzProposal}}})
	require.NoError(t, err)
	s.observer = o.Next
	for _, message := range s.replays {
		s.overhear(t, message)
	}
	step, err := mallory.group.Propose(&framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte("known"))}, mls.ProposeParams{}, mallory.signer)
	require.NoError(t, err)
	s.replays = append(s.replays, step.Send[0].Message)
	secrets := []ciphersuite.Secret{s.psks[0].Secret}
	for _, h := range append(s.honest, mallory) {
		secrets = append(secrets, mls.SecretsOf(h.group)...)
	}
	s.leaks = newLeakFinder(secrets...)
	s.bank = &bank{}
	for k := range 4 {
		c := fuzzClient(t, fmt.Sprintf("newcomer %d", k))
		own := c.KeyPackage(t)
		s.outside, s.packages = append(s.outside, c), append(s.packages, own)
		s.friend(t, c.Signer)
		s.bank.keep(own.KeyPackage)
	}
	s.stock(t, info)
}

// overhear lets the observer know of the proposals that wait. It gives up when it cannot read messages.
func (s *scene) overhear(t testing.TB, message []byte) {
	var m framing.Message
	require.NoError(t, framing.Unmarshal(message, &m))
	switch body := m.Body.(type) {
	case *framing.PublicMessage:
		if s.observer != nil && body.Content.ContentType == framing.ContentTypeProposal {
			step, err := s.observer.Handle(mls.Input{Message: message, Now: mlstest.Now()})
			require.NoError(t, err)
			s.observer = step.Next
		}
	case *framing.PrivateMessage:
		if body.ContentType == framing.ContentTypeProposal {
			s.observer = nil
		}
	}
}

// stock fills the bank with what a group is made of.
func (s *scene) stock(t testing.TB, info []byte) {
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

// proposals are those that flags ask for, by value, all valid by themselves or nearly so.
func (s *scene) proposals(t mlstest.TB, in *mlstest.Insider, flags flagSet) []mlstest.Covered {
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

// last is the last leaf in use besides mallory's.
func (s *scene) last(in *mlstest.Insider) framing.LeafIndex {
	i := framing.LeafIndex(in.Tree.Width() - 1)
	for i > 0 && (i == in.Leaf || in.Tree.Leaf(i) == nil) {
		i--
	}
	return i
}

// sign makes the signatures inside a proposal good again, as far as mallory and friends can.
func (s *scene) sign(t mlstest.TB, in *mlstest.Insider, p framing.Proposal, sender framing.Sender) {
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

// recordsOf are all that storage would keep of a Group.
func recordsOf(t testing.TB, g *mls.Group) map[string]string {
	list, err := g.Records(nil)
	require.NoError(t, err)
	out := map[string]string{}
	for _, r := range list {
		out[r.Key] = string(r.Value)
	}
	return out
}

// sameRecords compares records, and names those that differ.
func sameRecords(t testing.TB, want, have map[string]string, what string) {
	if maps.Equal(want, have) {
		return
	}
	var differ []string
	for _, list := range []map[string]string{want, have} {
		for key := range list {
			if want[key] != have[key] {
				differ = append(differ, fmt.Sprintf("%s: %x, and not %x", key, have[key], want[key]))
			}
		}
	}
	slices.Sort(differ)
	t.Fatalf("%s: %s", what, strings.Join(slices.Compact(differ), "\n"))
}

// digest is what everybody in one epoch has to agree about, and members have to besides.
func digest(t testing.TB, g *mls.Group, o *mls.Observer) (public, secret string) {
	if o != nil {
		context := o.Context()
		return fmt.Sprintf("%x %x", mlstest.Marshal(t, &context), o.ConfirmationTag()), ""
	}
	context := g.Context()
	public = fmt.Sprintf("%x %x", mlstest.Marshal(t, &context), g.ConfirmationTag())
	authenticator, err := g.EpochAuthenticator()
	require.NoError(t, err)
	return public, string(authenticator)
}

// ruleOf is the rule that an error names.
func ruleOf(err error) string {
	var broken *mls.RuleError
	if errors.As(err, &broken) {
		return broken.Rule
	}
	return ""
}
