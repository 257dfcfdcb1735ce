package mls_test

import (
	"crypto"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// Code points that every client of a world knows.
const (
	worldExtension framing.ExtensionType = 0xf001
	worldProposal  framing.ProposalType  = 0xf002
)

// world is a group with its members, an observer, and the service that orders handshake messages and loses and
// reorders data.
type world struct {
	t        *testing.T
	rng      *rand.Rand
	suite    *ciphersuite.Suite
	policies []mls.HandshakePolicy // of the members, in turn

	members  []*walker
	outside  []*walker
	invited  map[string]*walker // by reference of the KeyPackage
	observer *mls.Observer
	followed bool            // whether the observer sees every handshake message
	senders  []crypto.Signer // external ones

	log     []logged // handshake messages in the order that the service chose
	views   map[framing.Epoch]mlstest.View
	psks    mls.PSKs
	made    int      // things made, to name the next
	history []string // what happened, for who reads of a failure
	counts  map[string]int
}

// walker is a client, in the group or out of it.
type walker struct {
	*keeper
	at     int           // how much of the log it has handled
	joined framing.Epoch // the first that it knows
	inbox  []mail
}

// mail is data under way.
type mail struct {
	message []byte
	epoch   framing.Epoch
	from    framing.LeafIndex
	data    string
	seen    bool
}

// logged is a handshake message.
type logged struct {
	message []byte
	commit  bool
}

func newWorld(t *testing.T, seed uint64, policies ...mls.HandshakePolicy) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), suite: mlstest.Suite(t, 1), policies: policies,
		invited: map[string]*walker{}, views: map[framing.Epoch]mlstest.View{}, counts: map[string]int{}}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last steps with seed %d:", seed)
			for _, line := range w.history[max(0, len(w.history)-25):] {
				t.Log("  ", line)
			}
		}
	})
	for range 2 {
		w.senders = append(w.senders, w.signer())
	}
	creator := w.newWalker()
	creator.Take(&mls.Step{Next: creator.Create(t, "the world", w.extensions()...)}, nil)
	w.enters(creator)
	w.followed = !slices.ContainsFunc(policies, func(p mls.HandshakePolicy) bool { return p != mls.HandshakePublic })
	w.observed()
	return w
}

func (w *world) name(what string) string {
	w.made++
	return fmt.Sprintf("%s-%d", what, w.made)
}

func (w *world) signer() crypto.Signer {
	return must(w.suite.GenerateSigner(mlstest.Rand(w.name("signer"))))
}

// note writes the history.
func (w *world) note(kind, format string, args ...any) {
	w.counts[kind]++
	w.history = append(w.history, kind+": "+fmt.Sprintf(format, args...))
}

// chance returns true once in n times, on average.
func (w *world) chance(n int) bool { return w.rng.IntN(n) == 0 }

func pick[T any](w *world, list []T) T { return list[w.rng.IntN(len(list))] }

// newWalker returns a walker whose Steps are stored, and which is sometimes loaded from its store.
func (w *world) newWalker() *walker {
	m := mlstest.NewMember(w.t, 1, w.name("client"))
	m.Capabilities.Extensions = []framing.ExtensionType{worldExtension}
	m.Capabilities.Proposals = []framing.ProposalType{worldProposal}
	m.Params.PastEpochs = 1 + w.rng.IntN(8)
	m.Params.Handshake = w.policies[w.made%len(w.policies)]
	return &walker{keeper: keep(w.t, m, func(k *keeper, s *mls.Step) {
		k.held = s.Next
		if w.chance(20) { // as if everything had been written at once
			k.store.same(w.t, whole(w.t, k.held))
		}
		if w.chance(20) {
			w.counts["reload"]++
			k.held = k.load()
		}
	})}
}

// extensions returns fresh extensions for the group context.
func (w *world) extensions() []framing.Extension {
	var senders framing.ExternalSenders
	for k, s := range w.senders {
		key := must(w.suite.PublicKeyOf(s))
		senders = append(senders, framing.ExternalSender{
			SignatureKey: key, Credential: framing.BasicCredential(fmt.Appendf(nil, "sender %d", k))})
	}
	x := must(framing.NewExtension(&senders))
	return []framing.Extension{x, {Type: worldExtension, Data: []byte(w.name("extension"))}}
}

// settled compares what a walker sees with what others saw in the same epoch.
func (w *world) settled(a *walker) {
	got, epoch := mlstest.ViewOf(w.t, a.Group), a.Group.Epoch()
	if _, ok := w.views[epoch]; !ok {
		w.views[epoch] = got
		w.psks = append(w.psks, mls.PSK{
			ID: mls.ResumptionPSKID(a.Group.GroupID(), epoch), Secret: a.Insider().Secrets.ResumptionPSK})
	}
	require.Equal(w.t, w.views[epoch], got, "%s in epoch %d", a.Name, epoch)
}

// handle gives a handshake message to a walker's group, without PSKs first when chance says so.
func (w *world) handle(a *walker, message []byte) *mls.Step {
	if a.PSKs = w.psks; w.chance(3) {
		a.PSKs = nil
	}
	s, err := a.Handle(message)
	var missing *mls.MissingPSKError
	if errors.As(err, &missing) {
		w.counts["missing PSK"]++
		a.PSKs = w.psks
		s, err = a.Handle(message)
	}
	require.NoError(w.t, err, "%s at leaf %d in epoch %d", a.Name, a.Group.OwnLeaf(), a.Group.Epoch())
	return s
}

// follow lets a member handle the next message of the log.
func (w *world) follow(a *walker) {
	entry := w.log[a.at]
	a.at++
	s := w.handle(a, entry.message)
	if w.chance(20) { // it crashes before anything is stored
		a.held = a.load()
		a.Group = a.held
		again := w.handle(a, entry.message)
		whole(w.t, s.Next).same(w.t, whole(w.t, again.Next))
		require.Equal(w.t, s.Events, again.Events)
		require.Equal(w.t, s.Claims, again.Claims)
		s = again
	}
	a.Take(s, nil)
	if !entry.commit {
		return
	}
	changed, ok := s.Events[0].(*mls.EpochChanged)
	require.True(w.t, ok, "%T", s.Events[0])
	if s.Claims != nil || changed.Change.Committer != (framing.Sender{SenderType: framing.SenderTypeMember, LeafIndex: a.Group.OwnLeaf()}) {
		w.judged(changed.Change, s.Claims)
	}
	w.settled(a)
}

// judged checks that there is a Claim about everybody who is new.
func (w *world) judged(c *mls.Change, asked []mls.Claim) {
	for _, added := range c.Added {
		require.True(w.t, slices.ContainsFunc(asked, func(j mls.Claim) bool {
			return j.Leaf == added.Leaf && string(j.SignatureKey) == string(added.New.SignatureKey)
		}), "nobody asks about leaf %d", added.Leaf)
	}
}

func (w *world) catchUp(a *walker) {
	for a.at < len(w.log) {
		w.follow(a)
	}
}

// current returns a random member that has handled everything.
func (w *world) current() *walker {
	a := pick(w, w.members)
	w.catchUp(a)
	return a
}

// publish puts a handshake message into the log, for its author too, and lets the observer handle it.
func (w *world) publish(message []byte, commit bool) {
	w.log = append(w.log, logged{message, commit})
	if w.observer == nil {
		return
	}
	s, err := w.observer.Handle(mls.Input{Message: message, Now: mlstest.Now()})
	var missing *mls.MissingProposalError
	if !w.followed && (errors.Is(err, mls.ErrUnexpectedMessage) || errors.As(err, &missing)) {
		w.observer = nil // there are PrivateMessages, and it cannot follow
		return
	}
	require.NoError(w.t, err, "observer")
	w.observer = s.Next
	if w.chance(20) {
		w.observer, err = mls.LoadObserver(mls.LoadParams{Records: whole(w.t, w.observer).records()})
		require.NoError(w.t, err, "loading the observer")
	}
}

// observed returns an observer that is up to date.
func (w *world) observed() *mls.Observer {
	a := w.current()
	if w.observer == nil {
		w.observer = a.Observe()
	}
	require.Equal(w.t, mlstest.ViewOf(w.t, a.Group).Public, mlstest.ViewOf(w.t, w.observer).Public)
	return w.observer
}

// offer returns a KeyPackage of somebody outside, who comes into being when there is nobody; nil when there are enough.
func (w *world) offer() (*walker, *framing.KeyPackage) {
	if len(w.outside) == 0 {
		if len(w.members) >= 32 {
			return nil, nil
		}
		w.outside = append(w.outside, w.newWalker())
	}
	a := pick(w, w.outside)
	k := a.KeyPackage(w.t).KeyPackage
	ref := must(k.Ref(w.suite))
	w.invited[string(ref)] = a
	return a, k
}

// enters moves a walker into the group, at the end of the log.
func (w *world) enters(a *walker) {
	w.outside = slices.DeleteFunc(w.outside, func(b *walker) bool { return a == b })
	w.members = append(w.members, a)
	a.at = len(w.log)
	a.inbox, a.joined = nil, a.Group.Epoch()
	w.settled(a)
}

// welcome lets those join whom Welcomes are for.
func (w *world) welcome(adopted *mls.Step) {
	for _, out := range adopted.Send {
		for _, ref := range out.To {
			a := w.invited[string(ref)]
			delete(w.invited, string(ref))
			a.held, a.store, a.PSKs = nil, shelf{}, w.psks
			a.Join(adopted)
			w.note("join", "%s at leaf %d in epoch %d", a.Name, a.Group.OwnLeaf(), a.Group.Epoch())
			w.enters(a)
		}
	}
}

// leave lets those go whom the last commit of the log removed: they handle the log to its end.
func (w *world) leave(c *mls.Change) {
	for _, r := range c.Removed {
		k := slices.IndexFunc(w.members, func(a *walker) bool {
			return a.Group.OwnLeaf() == r.Leaf && a.Owns(r.Old.SignatureKey)
		})
		if k < 0 {
			continue // it came back by itself in the same commit
		}
		a := w.members[k]
		w.members = slices.Delete(w.members, k, k+1)
		for a.at < len(w.log)-1 {
			w.follow(a)
		}
		s := a.Take(w.handle(a, w.log[a.at].message), nil)
		require.IsType(w.t, &mls.Removed{}, s.Events[0])
		w.deliverAll(a)
		require.Equal(w.t, mls.StatusRemoved, a.Group.Status())
		require.ErrorIs(w.t, failure(a.Group.Protect(nil, mls.ProtectParams{}, a.By())), mls.ErrInactive)
		w.note("leave", "%s from leaf %d", a.Name, r.Leaf)
		w.outside = append(w.outside, a)
	}
}
