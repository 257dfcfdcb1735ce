package mls_test

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// FuzzHandle lets mallory send anything that a member, external sender or newcomer can send, with every signature, tag
// and ciphertext made to fit, up to three messages one after another. Whatever it is, honest members stay together:
// see fuzzRun.deliver and fuzzRun.goOn.
func FuzzHandle(f *testing.F) {
	scenes := fuzzScenes(f)
	for kind := range messageKinds {
		for flags := range 14 {
			f.Add(binary.BigEndian.AppendUint16([]byte{byte(flags), byte(kind)}, 1<<flags))
		}
	}
	for point := range points {
		for site := range 12 {
			f.Add(oneChange(point, 7*site, site))
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { handleTape(t, scenes, data) })
}

// oneChange returns a tape with one mutation of a kind of message in which its point is passed.
func oneChange(point, site, op int) []byte {
	kind, flags := map[int]byte{pointPrivate: 5, pointSender: 5, pointPlain: 5}[point], byte(site%2) // else a commit
	return []byte{byte(site % 2), kind, 0, flags, 1, byte(point), byte(site >> 8), byte(site), byte(op), byte(3 * op)}
}

// handleTape plays one run of FuzzHandle.
func handleTape(t *testing.T, scenes []*fuzzScene, data []byte) *fuzzRun {
	in := &tape{data}
	run := &fuzzRun{T: t, fuzzScene: scenes[in.byte()%len(scenes)], seen: map[string]int{}}
	run.begin()
	for range 3 {
		message, ok := run.message(in)
		if !ok {
			run.seen["stumbled"]++
		}
		if !ok || !run.deliver(message) || len(in.rest) == 0 {
			break
		}
	}
	if run.changed || len(data)%8 == 0 { // or else it would go on as any other time
		run.goOn()
	}
	return run
}

// TestFuzzHandleReaches shows that FuzzHandle reaches far: random tapes lead to every outcome of a message, and to many
// rules.
func TestFuzzHandleReaches(t *testing.T) {
	scenes := fuzzScenes(t)
	seen := map[string]int{}
	reach(1000, func(random *rand.Rand) {
		data := randomBytes(random, random.IntN(24))
		if len(data) > 3 { // two kinds of proposals at most
			binary.BigEndian.PutUint16(data[2:], fewFlags(random))
		}
		if random.IntN(4) == 0 {
			data = oneChange(pointPath, random.IntN(256), random.IntN(256))
		}
		for what, n := range handleTape(t, scenes, data).seen {
			seen[what] += n
		}
	}, func() {
		for _, f := range []effect{effectRefused, effectNothing, effectDelivered, effectStored, effectAdvanced, effectExpelled} {
			require.NotZero(t, seen[f.String()], "%v: %v", f, seen)
		}
		require.NotZero(t, seen["split"])
		require.Greater(t, len(seen), 30, "%v", seen)
	})
	t.Log(seen)
}

// FuzzHandleBytes gives arbitrary bytes to members, an observer and newcomers.
func FuzzHandleBytes(f *testing.F) {
	scenes := fuzzScenes(f)
	for k, s := range scenes[:2] {
		for _, message := range s.replays {
			f.Add(byte(k), message)
		}
		made := s.mallory.Commit(f, func(d *mlstest.Draft) { d.Proposals = s.proposals(f, s.mallory, 1) })
		f.Add(byte(k), made.Commit)
		f.Add(byte(k), made.Welcome)
		f.Add(byte(k), s.mallory.GroupInfo(f, nil))
		f.Add(byte(k), s.mallory.Say(f, "data", nil))
	}
	f.Fuzz(func(t *testing.T, k byte, message []byte) {
		s := scenes[int(k)%len(scenes)]
		run := &fuzzRun{T: t, fuzzScene: s, seen: map[string]int{}}
		run.begin()
		if run.deliver(message); run.changed {
			run.goOn()
		}
		c := s.outside[0]
		_, _ = mls.Join(mls.JoinParams{Welcome: message, KeyPackages: s.packages, Now: mlstest.Now(), PSKs: s.psks})
		_, _ = mls.JoinExternal(c.ByGroupInfo(message))
		_, _ = mls.Observe(mls.ObserveParams{GroupInfo: message, Now: mlstest.Now()})
	})
}

// messageKinds are what mallory may send.
var messageKinds = []func(run *fuzzRun, t mlstest.TB, in *tape) []byte{
	(*fuzzRun).commit, (*fuzzRun).externalCommit, (*fuzzRun).proposal, (*fuzzRun).externalProposal, (*fuzzRun).newcomerProposal,
	(*fuzzRun).application, (*fuzzRun).replay,
}

// message makes the next message.
func (run *fuzzRun) message(in *tape) (message []byte, ok bool) {
	kind := in.byte() % len(messageKinds)
	run.adopted = nil
	ok = attempted(func(t mlstest.TB) { message = messageKinds[kind](run, t, in) })
	return message, ok
}

// edit changes the message as a whole, with nothing made to fit.
func (m *mutator) edit(t mlstest.TB, message []byte) []byte {
	for _, x := range m.list {
		if x.point%points != pointMessage {
			continue
		}
		var whole framing.Message
		if framing.Unmarshal(message, &whole) != nil {
			return message
		}
		switch body := whole.Body.(type) {
		case *framing.PublicMessage:
			m.change(body, x)
		case *framing.PrivateMessage:
			m.change(body, x)
		case *framing.Welcome:
			m.change(body, x)
		case *framing.GroupInfo:
			m.change(body, x)
		}
		message = mlstest.Message(t, whole.Body)
	}
	return message
}

// content sets the mutator as the hooks of content.
func (m *mutator) content(flags flagSet) func(*mlstest.Content) {
	return func(c *mlstest.Content) {
		if flags.has(13) {
			c.Format = 3 - c.Format
		}
		c.Padding = make([]byte, 16*(flags>>14&1))
		m.at(pointContent, &c.FramedContent)
		c.OnSigned = func(a *framing.FramedContentAuthData) { m.at(pointAuth, a) }
		c.OnPublic = func(p *framing.PublicMessage) { m.at(pointPublic, p) }
		c.OnPrivate = func(p *framing.PrivateMessage) { m.at(pointPrivate, p) }
		c.OnSender = func(s *framing.SenderData) { m.at(pointSender, s) }
		c.OnPlain = func(b []byte) []byte { return m.bytes(pointPlain, b) }
	}
}

// draft sets the mutator as the hooks of a commit.
func (run *fuzzRun) draft(t mlstest.TB, in *mlstest.Insider, m *mutator, flags flagSet) func(*mlstest.Draft) {
	return func(d *mlstest.Draft) {
		if flags.has(15) {
			d.Proposals = append(d.Proposals, run.covered...)
		}
		d.Proposals = append(d.Proposals, run.proposals(t, in, flags&0x1fff)...)
		m.at(pointProposals, &d.Proposals)
		for k := range d.Proposals {
			if d.Proposals[k].Ref == nil {
				run.sign(t, in, d.Proposals[k].Proposal, d.Proposals[k].Sender)
			}
		}
		d.PSKs = run.psks
		d.OnTree = func(x *mlstest.Tree) { m.at(pointTree, &x.Nodes) }
		d.OnKeys = func(x []ciphersuite.KeyPair) { m.at(pointKeys, &x) }
		d.OnLeaf = func(x *framing.LeafNode) {
			m.at(pointLeaf, x)
			if signer := run.signers[string(x.SignatureKey)]; signer != nil {
				d.LeafSigner = signer
			}
		}
		d.OnSigned = func(x *framing.LeafNode) { m.at(pointSignedLeaf, x) }
		d.OnFinal = func(x *mlstest.Tree) { m.at(pointFinalTree, &x.Nodes) }
		d.OnContext = func(x *framing.GroupContext) { m.at(pointProvisional, x) }
		d.OnPath = func(x *framing.UpdatePath) { m.at(pointPath, x) }
		d.OnContent = m.content(flags)
		d.OnCommit = func(x *framing.Commit) { m.at(pointCommit, x) }
		d.OnTag = func(tag []byte) []byte { return m.bytes(pointTag, tag) }
		d.OnNext = func(x *framing.GroupContext) { m.at(pointNext, x) }
		d.OnGroupInfo = func(x *framing.GroupInfo) { m.at(pointInfo, x) }
		d.OnSignedInfo = func(x *framing.GroupInfo) { m.at(pointSignedInfo, x) }
		d.OnInfoPlain = func(b []byte) []byte { return m.bytes(pointInfoPlain, b) }
		d.OnSecrets = func(_ int, x *framing.GroupSecrets) { m.at(pointSecrets, x) }
		d.OnSecretsPlain = func(_ int, b []byte) []byte { return m.bytes(pointSecretsPlain, b) }
		d.OnWelcome = func(x *framing.Welcome) { m.at(pointWelcome, x) }
	}
}

// commit returns a commit of mallory's.
func (run *fuzzRun) commit(t mlstest.TB, in *tape) []byte {
	flags := flagSet(in.word())
	m := in.mutator(run.bank)
	made := run.mallory.Commit(t, func(d *mlstest.Draft) {
		d.Welcome = false
		d.NoPath = flags.has(14)
		run.draft(t, run.mallory, m, flags)(d)
	})
	run.adopted = made.Next
	return m.edit(t, made.Commit)
}

// externalCommit returns an external commit of a friend, or of mallory itself, who comes back.
func (run *fuzzRun) externalCommit(t mlstest.TB, in *tape) []byte {
	flags := flagSet(in.word())
	m := in.mutator(run.bank)
	info := run.mallory.GroupInfo(t, nil)
	c := run.outside[3].Party
	template := run.packages[3].KeyPackage.LeafNode
	if flags.has(8) {
		resync := *c
		resync.Signer, template = run.mallory.Signer, run.mallory.OwnLeaf()
		c = &resync
	}
	newcomer := mlstest.NewNewcomer(t, c, info)
	made := newcomer.Commit(t, func(d *mlstest.Draft) {
		d.Template, d.Welcome = template, false
		if flags.has(8) {
			d.Proposals = append(d.Proposals, mlstest.Covered{Proposal: &framing.Remove{Removed: run.mallory.Leaf}, Sender: newcomer.Sender})
		}
		run.draft(t, newcomer, m, flags&^0xa100)(d)
	})
	run.adopted = made.Next
	return m.edit(t, made.Commit)
}

// one returns the first of the proposals that flags ask for, changed and signed.
func (run *fuzzRun) one(t mlstest.TB, m *mutator, flags flagSet, sender framing.Sender) framing.Proposal {
	list := append(run.proposals(t, run.mallory, flags&0x1fff), run.proposals(t, run.mallory, 1)...)[:1]
	m.at(pointProposals, &list)
	if len(list) == 0 || list[0].Proposal == nil {
		t.Fatalf("no proposal")
	}
	run.sign(t, run.mallory, list[0].Proposal, sender)
	return list[0].Proposal
}

// proposal returns a proposal of mallory's.
func (run *fuzzRun) proposal(t mlstest.TB, in *tape) []byte {
	flags := flagSet(in.word())
	m := in.mutator(run.bank)
	message, _ := run.mallory.Propose(t, run.one(t, m, flags, run.mallory.Sender), m.content(flags))
	return m.edit(t, message)
}

// externalProposal returns a proposal of an external sender.
func (run *fuzzRun) externalProposal(t mlstest.TB, in *tape) []byte {
	flags := flagSet(in.word())
	m := in.mutator(run.bank)
	sender := framing.Sender{SenderType: framing.SenderTypeExternal}
	message, _ := run.mallory.Propose(t, run.one(t, m, flags, sender), func(c *mlstest.Content) {
		c.Sender, c.Signer, c.Context = sender, run.sender, nil
		m.content(flags)(c)
	})
	return m.edit(t, message)
}

// newcomerProposal returns a proposal of a friend, who wants to be added.
func (run *fuzzRun) newcomerProposal(t mlstest.TB, in *tape) []byte {
	flags := flagSet(in.word())
	m := in.mutator(run.bank)
	sender := framing.Sender{SenderType: framing.SenderTypeNewMemberProposal}
	proposal := run.one(t, m, flags, sender)
	message, _ := run.mallory.Propose(t, proposal, func(c *mlstest.Content) {
		c.Sender, c.Context, c.Signer = sender, nil, run.outside[0].Signer
		if add, ok := proposal.(*framing.Add); ok {
			if signer := run.signers[string(add.KeyPackage.LeafNode.SignatureKey)]; signer != nil {
				c.Signer = signer
			}
		}
		m.content(flags)(c)
	})
	return m.edit(t, message)
}

// application returns application data of mallory's.
func (run *fuzzRun) application(t mlstest.TB, in *tape) []byte {
	flags := flagSet(in.word())
	m := in.mutator(run.bank)
	return m.edit(t, run.mallory.Say(t, "data", func(c *mlstest.Content) {
		m.content(flags &^ (1 << 13))(c)
		if flags.has(0) {
			g := framing.Generation(flags >> 1 & 0xfff)
			c.Generation = &g
		}
		if flags.has(13) {
			c.Ratchet = keyschedule.HandshakeRatchet
		}
	}))
}

// replay returns a genuine message, perhaps changed and tagged or signed again by mallory.
func (run *fuzzRun) replay(t mlstest.TB, in *tape) []byte {
	flags := flagSet(in.word())
	m := in.mutator(run.bank)
	message := run.replays[int(flags>>4)%len(run.replays)]
	switch flags & 3 {
	case 1:
		return run.mallory.Resend(t, message, func(p *framing.PublicMessage) { m.at(pointPublic, p) })
	case 2:
		return run.mallory.Retag(t, message, func(p *framing.PublicMessage) { m.at(pointPublic, p) })
	}
	return m.edit(t, message)
}
