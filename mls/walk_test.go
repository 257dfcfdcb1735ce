package mls_test

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

var (
	walkSeed  = flag.Uint64("walk.seed", 0, "take only this seed for the random walk")
	walkSteps = flag.Int("walk.steps", 0, "operations of the random walk; 0 means 2,000, and 500 with the race detector")
)

// TestRandomWalk does at random what members, newcomers and external senders can do, with messages late, lost races
// and members that lag behind, and finds everybody in agreement at the end. With the race detector it is shorter. To
// replay a failure: go test ./mls -run RandomWalk -walk.seed N.
func TestRandomWalk(t *testing.T) {
	steps := *walkSteps
	if steps == 0 {
		steps = 2000
		if raceDetector {
			steps = 500
		}
	}
	for k, mode := range []struct {
		name     string
		steps    int
		policies []mls.HandshakePolicy
	}{
		{"public", steps, []mls.HandshakePolicy{mls.HandshakePublic}},
		{"mixed", steps, []mls.HandshakePolicy{mls.HandshakePublic, mls.HandshakePrivate, mls.HandshakePublic}},
		{"private", steps / 2, []mls.HandshakePolicy{mls.HandshakePrivateOnly}},
	} {
		seed := *walkSeed
		if seed == 0 {
			seed = uint64(k + 1)
		}
		t.Run(fmt.Sprintf("%s/seed=%d", mode.name, seed), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, seed, mode.policies...)
			for len(w.members) < 12 {
				w.commit()
			}
			for range mode.steps {
				w.step()
			}
			w.end()
			t.Logf("%d members in epoch %d: %v", len(w.members), w.members[0].Group.Epoch(), w.counts)
		})
	}
}

// step does one thing at random.
func (w *world) step() {
	switch n := w.rng.IntN(100); {
	case n < 22:
		w.say()
	case n < 34:
		w.propose()
	case n < 40:
		w.proposeFromOutside()
	case n < 46:
		w.joinExternally(w.chance(2))
	case n < 60:
		w.commit()
	case n < 75:
		if a := pick(w, w.members); a.at < len(w.log) {
			w.follow(a)
		}
	default:
		a := pick(w, w.members)
		for range len(a.inbox) {
			w.deliver(a)
		}
	}
}

// say sends data, or learns that proposals have to be committed first.
func (w *world) say() {
	a := w.current()
	data := w.name("data")
	options := mls.ProtectParams{AuthenticatedData: []byte("with " + data), Padding: framing.PadToMultiple(w.rng.IntN(64))}
	s, err := a.Group.Protect([]byte(data), options, a.By())
	if len(a.Group.Proposals()) > 0 {
		require.ErrorIs(w.t, err, mls.ErrPendingProposals)
		return
	}
	a.Take(s, err)
	m := mail{message: s.Send[0].Message, epoch: a.Group.Epoch(), from: a.Group.OwnLeaf(), data: data}
	for _, b := range w.members {
		if b != a && b.knows(m) {
			b.inbox = append(b.inbox, m)
		}
	}
	w.note("data", "%s sends %s in epoch %d", a.Name, data, m.epoch)
}

// knows reports whether the walker is a member in the epoch of m: it may not have come so far yet.
func (a *walker) knows(m mail) bool { return a.joined <= m.epoch }

// deliver hands out one piece of data, which may be early, late, or a repeat.
func (w *world) deliver(a *walker) {
	if len(a.inbox) == 0 {
		return
	}
	k := w.rng.IntN(len(a.inbox))
	m := &a.inbox[k]
	s, err := a.Handle(m.message)
	now := a.Group.Epoch()
	if a.Group.Status() == mls.StatusRemoved {
		now++ // the epoch in which it was removed is over
	}
	switch {
	case m.epoch > now || m.epoch == now && a.Group.Status() == mls.StatusRemoved:
		require.ErrorIs(w.t, err, mls.ErrFutureEpoch)
		w.counts["early data"]++
		return
	case m.epoch+framing.Epoch(a.Params.PastEpochs) < now:
		require.ErrorIs(w.t, err, mls.ErrOldEpoch)
		w.counts["data too late"]++
	case m.seen:
		require.ErrorIs(w.t, err, mls.ErrReplay)
		w.counts["repeated data"]++
	default:
		require.NoError(w.t, err, "%s in epoch %d reads %s of epoch %d", a.Name, now, m.data, m.epoch)
		got, ok := s.Events[0].(*mls.ApplicationMessage)
		require.True(w.t, ok)
		require.Equal(w.t, []string{m.data, "with " + m.data}, []string{string(got.Data), string(got.AuthenticatedData)})
		require.Equal(w.t, m.from, got.Sender)
		require.Equal(w.t, m.epoch, got.Epoch)
		a.Take(s, nil)
		w.counts["data read"]++
		if m.epoch < now {
			w.counts["late data"]++
		}
		if m.seen = true; w.chance(4) {
			return // it comes again
		}
	}
	a.inbox = slices.Delete(a.inbox, k, k+1)
}

// deliverAll hands out all data there is for what the walker has reached.
func (w *world) deliverAll(a *walker) {
	for n := 4 * len(a.inbox); n > 0 && len(a.inbox) > 0; n-- {
		w.deliver(a)
	}
}

// proposal makes a proposal of a random kind that anybody may send, but for Updates.
func (w *world) proposal(own framing.LeafIndex) framing.Proposal {
	a := w.current()
	switch w.rng.IntN(6) {
	case 0:
		if _, k := w.offer(); k != nil {
			return &framing.Add{KeyPackage: k}
		}
	case 1:
		if len(w.members) > 4 {
			if victim := pick(w, w.members).Group.OwnLeaf(); victim != own && a.Group.Tree().HasLeaf(victim) {
				return &framing.Remove{Removed: victim}
			}
		}
	case 2:
		epoch := a.Group.Epoch() - framing.Epoch(w.rng.IntN(8))
		if _, ok := w.views[epoch]; ok {
			return &framing.PreSharedKey{PSK: mls.ResumptionPSKID(a.Group.GroupID(), epoch)}
		}
	case 3:
		return &framing.GroupContextExtensions{Extensions: w.extensions()}
	case 4:
		return &framing.CustomProposal{Type: worldProposal, Data: []byte(w.name("custom"))}
	}
	id := []byte(w.name("psk"))
	w.psks = append(w.psks, mls.PSK{ID: mls.ExternalPSKID(id), Secret: ciphersuite.NewSecret([]byte("secret of " + string(id)))})
	return &framing.PreSharedKey{PSK: mls.ExternalPSKID(id)}
}

// leafUpdate returns a change of a walker's leaf, of credential and signature key perhaps.
func (w *world) leafUpdate(a *walker) (u mls.LeafUpdate) {
	if w.chance(2) {
		return u
	}
	if w.chance(2) {
		u.Signer = w.signer()
		a.Own(u.Signer)
	}
	credential := framing.BasicCredential([]byte(w.name(a.Name)))
	u.Credential = &credential
	return u
}

// propose lets a member propose something.
func (w *world) propose() {
	a := w.current()
	params := mls.ProposeParams{Now: mlstest.Now(), AuthenticatedData: []byte(w.name("aad"))}
	var s *mls.Step
	var err error
	what := "update"
	if w.chance(3) {
		s, err = a.Group.ProposeUpdate(w.leafUpdate(a), params, a.By())
	} else {
		p := w.proposal(a.Group.OwnLeaf())
		w.catchUp(a)
		what = p.ProposalType().String()
		s, err = a.Group.Propose(p, params, a.By())
	}
	require.NoError(w.t, err, what)
	a.Take(s, nil)
	w.note("propose "+what, "%s", a.Name)
	w.publish(s.Send[0].Message, false)
	a.at = len(w.log)
	if s, err := a.Handle(s.Send[0].Message); w.chance(3) { // it comes back
		require.NoError(w.t, err)
		require.IsType(w.t, &mls.Echo{}, s.Events[0])
	}
}

// proposeFromOutside lets an external sender or a newcomer propose something.
func (w *world) proposeFromOutside() {
	o := w.observed()
	params := mls.ProposeParams{Now: mlstest.Now()}
	var message []byte
	var err error
	if w.chance(2) {
		newcomer, k := w.offer()
		if k == nil {
			return
		}
		message, err = o.ProposeSelf(k, params, newcomer.Signer)
		w.note("propose itself", "%s", newcomer.Name)
	} else {
		p := w.proposal(framing.NoLeaf)
		if p.ProposalType() == worldProposal {
			return // for members only, by default
		}
		k := w.rng.IntN(len(w.senders))
		message, err = o.Propose(p, uint32(k), params, w.senders[k])
		w.note("propose "+p.ProposalType().String()+" from outside", "sender %d", k)
	}
	require.NoError(w.t, err)
	w.publish(message, false)
}

// joinExternally lets somebody join by external commit: a newcomer, or a member that lost its state.
func (w *world) joinExternally(resync bool) {
	witness := w.current()
	omit := w.chance(3)
	info := must(witness.Group.GroupInfo(mls.GroupInfoParams{ExternalPub: true, OmitTree: omit}, witness.By()))
	var a *walker
	var former *framing.LeafIndex
	if resync {
		if a = pick(w, w.members); a == witness {
			return
		}
		i := a.Group.OwnLeaf()
		former = &i
	} else if a, _ = w.offer(); a == nil {
		return
	}
	p := a.ByGroupInfo(info)
	p.PSKs, p.Resync, p.AuthenticatedData = w.psks, former, []byte("here I come")
	if omit {
		p.RatchetTree = witness.Group.Tree().Export()
	}
	if w.chance(2) {
		p.PSKIDs = []framing.PreSharedKeyID{pick(w, w.psks).ID}
	}
	if resync { // not under a key that it gave up
		p.Leaf.Signer = a.By()
	}
	s := must(mls.JoinExternal(p))
	require.Equal(w.t, mls.StatusJoining, s.Next.Status())
	w.publish(s.Send[0].Message, true)
	if resync {
		w.members = slices.DeleteFunc(w.members, func(b *walker) bool { return a == b })
	}
	a.held, a.store = nil, shelf{}
	a.Take(s.Next.Adopt())
	w.enters(a)
	w.note(fmt.Sprintf("external join, resync %v", resync), "%s at leaf %d in epoch %d", a.Name, a.Group.OwnLeaf(), a.Group.Epoch())
}

// commit lets one to three members make commits for one epoch, of which one wins.
func (w *world) commit() {
	var candidates []*walker
	var commits [][]byte
	for n := 1 + w.rng.IntN(3); n > 0; n-- {
		a := w.current()
		if slices.Contains(candidates, a) {
			continue
		}
		candidates, commits = append(candidates, a), append(commits, w.makeCommit(a))
	}
	k := w.rng.IntN(len(candidates))
	winner := candidates[k]
	w.publish(commits[k], true)
	s, err := winner.Group.Adopt()
	if w.chance(2) {
		s, err = winner.Handle(commits[k])
	}
	winner.at = len(w.log)
	winner.Take(s, err)
	w.settled(winner)
	change := s.Events[0].(*mls.EpochChanged).Change
	w.note("commit", "%s in epoch %d: %s", winner.Name, change.Epoch, kinds(change))
	for _, p := range change.Proposals {
		w.counts["commit of "+p.Proposal.ProposalType().String()]++
	}
	w.counts["lost race"] += len(candidates) - 1
	for i, a := range candidates {
		if i != k && w.chance(2) { // it learns from the service that it lost, before it sees the winner
			a.Take(a.Group.Drop())
		}
	}
	w.leave(change)
	w.welcome(s)
}

func kinds(c *mls.Change) (out []string) {
	for _, p := range c.Proposals {
		out = append(out, fmt.Sprintf("%v by %v %d", p.Proposal.ProposalType(), p.Sender.SenderType, p.Sender.LeafIndex))
	}
	return out
}

// makeCommit lets a member commit what waits, and more by value.
func (w *world) makeCommit(a *walker) []byte {
	c := mls.CommitParams{PSKs: w.psks, Now: mlstest.Now(), ForcePath: w.chance(3), AuthenticatedData: []byte(w.name("aad")),
		Welcome: mls.WelcomeParams{OmitTree: w.chance(3), Batch: w.rng.IntN(3)}}
	if w.chance(2) {
		c.Leaf = w.leafUpdate(a)
	}
	for range w.rng.IntN(3) {
		c.Proposals = append(c.Proposals, w.proposal(a.Group.OwnLeaf()))
	}
	c.Proposals = compatible(c.Proposals)
	c.PSKs = w.psks
	s, err := a.Group.Commit(c, a.By())
	if errors.Is(err, mls.ErrOwnRemoval) {
		c.References = []framing.ProposalRef{}
		s, err = a.Group.Commit(c, a.By())
	}
	require.NoError(w.t, err, "%s commits %v and %v", a.Name, a.Group.Proposals(), c.Proposals)
	a.Take(s, nil)
	require.ErrorIs(w.t, failure(a.Group.Commit(c, a.By())), mls.ErrPending)
	return s.Send[0].Message
}

// compatible leaves out what cannot go together by value.
func compatible(list []framing.Proposal) []framing.Proposal {
	seen := map[string]bool{}
	return slices.DeleteFunc(list, func(p framing.Proposal) bool {
		key := ""
		switch p := p.(type) {
		case *framing.Add:
			key = string(p.KeyPackage.LeafNode.SignatureKey)
		case *framing.Remove:
			key = fmt.Sprint(p.Removed)
		case *framing.GroupContextExtensions:
			key = "extensions"
		default:
			return false
		}
		again := seen[key]
		seen[key] = true
		return again
	})
}

// end lets everybody catch up and compares their views, lets everybody send data to everybody, and ends the group.
func (w *world) end() {
	for _, a := range w.members {
		w.catchUp(a)
		w.deliverAll(a)
	}
	first := w.members[0]
	w.observed()
	for _, a := range w.members {
		x, y := first.Group.TranscriptHashes()
		confirmed, interim := a.Group.TranscriptHashes()
		require.Equal(w.t, [][]byte{x, y}, [][]byte{confirmed, interim})
		w.settled(a)
	}
	if len(first.Group.Proposals()) > 0 {
		w.commit()
	}
	var all mlstest.Cast
	for _, a := range w.members {
		w.catchUp(a)
		all = append(all, a.Member)
	}
	mlstest.Agree(all...)
	w.reInit()
	for _, kind := range []string{"add", "update", "remove", "psk", "group_context_extensions"} {
		require.NotZero(w.t, w.counts["commit of "+kind], kind)
	}
	require.NotZero(w.t, w.counts["commit of "+worldProposal.String()], "custom proposals")
}

// reInit ends the group by a proposal of one member that another commits.
func (w *world) reInit() {
	a, b := w.members[0], w.members[1]
	w.publish(a.Propose(&framing.ReInit{GroupID: []byte("the next world"), Version: framing.MLS10, CipherSuite: 3}), false)
	a.at++
	w.catchUp(b)
	w.publish(b.MakeCommit(mls.CommitParams{}).Send[0].Message, true)
	for _, a := range w.members {
		for ; a.at < len(w.log); a.at++ {
			a.Take(w.handle(a, w.log[a.at].message), nil)
		}
		require.Equal(w.t, mls.StatusReInitialized, a.Group.Status())
		_, err := a.Group.Protect(nil, mls.ProtectParams{}, a.By())
		var over *mls.InactiveError
		require.True(w.t, errors.As(err, &over))
		require.Equal(w.t, "the next world", string(over.ReInit.GroupID))
	}
	w.note("reinit", "%v", slices.Sorted(maps.Keys(w.counts)))
}
