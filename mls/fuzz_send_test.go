package mls_test

import (
	"encoding/binary"
	"errors"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// FuzzSend lets an honest member send whatever its application asks for, however odd. All others accept what the engine
// sends, and those whom it welcomes can join.
func FuzzSend(f *testing.F) {
	scenes := fuzzScenes(f)
	for kind := range sendKinds {
		for flags := range 16 {
			f.Add(binary.BigEndian.AppendUint16([]byte{byte(flags), byte(kind)}, 1<<flags))
		}
		for point := range sendPoints {
			for site := range 12 {
				f.Add([]byte{byte(site), byte(kind), 0, byte(1 << (site % 8)), 1, byte(point), 0, byte(7 * site), byte(site), byte(5 * site)})
			}
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { sendTape(t, scenes, data) })
}

// TestFuzzSendReaches shows that FuzzSend reaches messages that are sent and many rules that forbid others.
func TestFuzzSendReaches(t *testing.T) {
	scenes := fuzzScenes(t)
	seen := map[string]int{}
	reach(500, func(random *rand.Rand) {
		data := randomBytes(random, 10)
		binary.BigEndian.PutUint16(data[2:], fewFlags(random))
		data[4], data[6] = 1, 0 // one mutation, among the first 256 places
		seen[sendTape(t, scenes, data)]++
	}, func() {
		require.Greater(t, seen["sent"], 50, "%v", seen)
		require.Greater(t, seen["welcomed"], 3, "%v", seen)
		require.Greater(t, len(seen), 8, "%v", seen)
	})
	t.Log(seen)
}

// Points of mutation in what an application asks for.
const (
	sendProposals = iota
	sendLeaf
	sendInfo
	sendData
	sendPoints
)

// sendKinds are what an application may ask for. Each returns the Step that comes of it.
var sendKinds = []func(run *fuzzRun, h honest, flags flagSet, m *mutator) (*mls.Step, error){
	(*fuzzRun).sendCommit, (*fuzzRun).sendProposal, (*fuzzRun).sendUpdate, (*fuzzRun).sendApplication,
}

// wanted does what at does, for the points of FuzzSend.
func (m *mutator) wanted(point int, v any) {
	for _, x := range m.list {
		if x.point%sendPoints == point {
			m.change(v, x)
		}
	}
}

// sendTape plays one run of FuzzSend. It returns what came of it.
func sendTape(t *testing.T, scenes []*fuzzScene, data []byte) (what string) {
	in := &tape{data}
	run := &fuzzRun{T: t, fuzzScene: scenes[in.byte()%len(scenes)], seen: map[string]int{}}
	run.begin()
	kind, flags, m := in.byte()%len(sendKinds), flagSet(in.word()), in.mutator(run.bank)
	h := run.honest[0].apart(run)
	if s, err := h.Group.Drop(); err == nil {
		h = h.with(run, s.Next)
	}
	var s *mls.Step
	var err error
	if !attempted(func(mlstest.TB) { s, err = sendKinds[kind](run, h, flags, m) }) {
		return "stumbled"
	}
	withoutCounter(h.before).same(t, withoutCounter(whole(t, h.Group)), "the sender is changed")
	if err != nil {
		require.Nil(t, s)
		return "refused " + ruleOf(err)
	}
	message := s.Send[0].Message
	h = h.with(run, s.Next).apart(run)
	run.honest = run.honest[1:]
	run.trusted = true
	run.deliver(message)
	run.trusted = false
	require.Zero(t, run.seen[effectRefused.String()], "others refuse what was sent: %v", run.seen)
	what = "sent"
	if h.Group.Pending() != nil {
		s := must(h.Group.Adopt())
		h = h.with(run, s.Next)
		if own := run.signerOf(s.Next); own != nil {
			h.Signer = own // a new one
		}
		if len(s.Send) > 0 {
			what = "welcomed"
			run.join(s.Send[0], h)
		}
	}
	run.honest = append([]honest{h}, run.honest...)
	if h.Group.Status() == mls.StatusActive {
		run.together()
		run.goOn()
	}
	return what
}

// withoutCounter returns records without the counter: sending uses up keys for all Groups of an epoch, also when it fails
// later.
func withoutCounter(list shelf) shelf {
	out := maps.Clone(list)
	delete(out, "counter")
	return out
}

// join lets those in whom a Welcome is for.
func (run *fuzzRun) join(out mls.Outgoing, h honest) {
	for _, own := range run.packages {
		ref := must(own.KeyPackage.Ref(h.Group.Suite()))
		for _, to := range out.To {
			if string(to) != string(ref) {
				continue
			}
			s, err := mls.Join(mls.JoinParams{Welcome: out.Message, RatchetTree: out.RatchetTree(), KeyPackages: run.packages,
				Now: mlstest.Now(), PSKs: run.psks})
			if missing := new(mls.MissingPSKError); errors.As(err, &missing) {
				return // a resumption PSK, which no newcomer has
			}
			require.NoError(run, err, "nobody can join by the Welcome")
			require.Equal(run, mlstest.ViewOf(run, h.Group), mlstest.ViewOf(run, s.Next))
			return
		}
	}
}

// sendCommit commits proposals by value, and what waits when the last flag is set.
func (run *fuzzRun) sendCommit(h honest, flags flagSet, m *mutator) (*mls.Step, error) {
	list := run.asked(flags, m)
	c := mls.CommitParams{Now: mlstest.Now(), PSKs: run.psks, ForcePath: flags.has(13), Welcome: mls.WelcomeParams{OmitTree: flags.has(14)}}
	if !flags.has(15) {
		c.References = []framing.ProposalRef{}
	}
	for _, p := range list {
		c.Proposals = append(c.Proposals, p.Proposal)
	}
	c.Leaf = run.leafUpdate(h, m)
	m.wanted(sendInfo, &c.Welcome.Extensions)
	m.wanted(sendData, &c.AuthenticatedData)
	return h.Group.Commit(c, h.Signer)
}

// asked returns proposals that an application asks for.
func (run *fuzzRun) asked(flags flagSet, m *mutator) []mlstest.Covered {
	list := run.proposals(clumsy{}, run.mallory, flags&0x1fff)
	m.wanted(sendProposals, &list)
	for k := range list {
		run.sign(clumsy{}, run.mallory, list[k].Proposal, list[k].Sender)
	}
	return list
}

// leafUpdate changes the member's leaf if there is a mutation for it.
func (run *fuzzRun) leafUpdate(h honest, m *mutator) (u mls.LeafUpdate) {
	leaf, _ := h.Group.Tree().Leaf(h.Group.OwnLeaf())
	for _, x := range m.list {
		if x.point%sendPoints != sendLeaf {
			continue
		}
		changed := *leaf
		switch x.op / 8 % 3 {
		case 0:
			m.change(&changed.Credential, x)
			u.Credential = &changed.Credential
		case 1:
			m.change(&changed.Capabilities, x)
			u.Capabilities = &changed.Capabilities
		case 2:
			m.change(&changed.Extensions, x)
			u.Extensions = &changed.Extensions
		}
		if x.arg%4 == 0 {
			u.Signer = run.outside[x.site%len(run.outside)].Signer
		}
	}
	return u
}

// sendProposal proposes one thing.
func (run *fuzzRun) sendProposal(h honest, flags flagSet, m *mutator) (*mls.Step, error) {
	list := run.asked(flags, m)
	if len(list) == 0 || list[0].Proposal == nil {
		clumsy{}.Fatalf("no proposal")
	}
	p := mls.ProposeParams{Now: mlstest.Now()}
	m.wanted(sendData, &p.AuthenticatedData)
	return h.Group.Propose(list[0].Proposal, p, h.Signer)
}

// sendUpdate proposes a new leaf.
func (run *fuzzRun) sendUpdate(h honest, _ flagSet, m *mutator) (*mls.Step, error) {
	return h.Group.ProposeUpdate(run.leafUpdate(h, m), mls.ProposeParams{}, h.Signer)
}

// sendApplication encrypts data.
func (run *fuzzRun) sendApplication(h honest, flags flagSet, m *mutator) (*mls.Step, error) {
	o := mls.ProtectParams{Padding: framing.Padding{}}
	data := make([]byte, flags&0xfff)
	m.wanted(sendData, &o.AuthenticatedData)
	return h.Group.Protect(data, o, h.Signer)
}
