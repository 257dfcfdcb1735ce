package mls_test

import (
	"crypto"
	"errors"
	"fmt"
	"iter"
	"maps"
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
	packages map[string]*offered // by reference
	observer *mls.Observer
	followed bool            // whether the observer sees every handshake message
	senders  []crypto.Signer // external ones

	log     []logged // handshake messages in the order that the service chose
	authOf  map[framing.Epoch][]byte
	psks    mls.PSKs
	made    int      // things made, to name the next
	history []string // what happened, for who reads of a failure
	counts  map[string]int
}

// walker is a client, in the group or out of it.
type walker struct {
	*mlstest.Client
	group   *mls.Group
	at      int           // how much of the log it has handled
	joined  framing.Epoch // the first that it knows
	inbox   []mail
	stored  map[string][]byte        // its records
	saved   *mls.Group               // that they are of; nil before the first
	signers map[string]crypto.Signer // its own, by public key
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

// offered is a KeyPackage that somebody may be added by.
type offered struct {
	*mls.OwnKeyPackage
	walker *walker
}

func newWorld(t *testing.T, seed uint64, policies ...mls.HandshakePolicy) *world {
	w := &world{t: t, rng: rand.New(rand.NewPCG(seed, 1)), suite: mlstest.Suite(t, 1), policies: policies,
		packages: map[string]*offered{}, authOf: map[framing.Epoch][]byte{}, counts: map[string]int{}}
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
	creator.group = creator.Create(t, "the world", w.extensions()...)
	w.store(creator)
	w.members = append(w.members, creator)
	w.settled(creator)
	w.followed = !slices.ContainsFunc(policies, func(p mls.HandshakePolicy) bool { return p != mls.HandshakePublic })
	w.observed()
	return w
}

func (w *world) name(what string) string {
	w.made++
	return fmt.Sprintf("%s-%d", what, w.made)
}

func (w *world) signer() crypto.Signer {
	s, err := w.suite.GenerateSigner(mlstest.Rand(w.name("signer")))
	require.NoError(w.t, err)
	return s
}

// note writes the history.
func (w *world) note(kind, format string, args ...any) {
	w.counts[kind]++
	w.history = append(w.history, kind+": "+fmt.Sprintf(format, args...))
}

// chance is true once in n times.
func (w *world) chance(n int) bool { return w.rng.IntN(n) == 0 }

func pick[T any](w *world, list []T) T { return list[w.rng.IntN(len(list))] }

func (w *world) newWalker() *walker {
	c := mlstest.NewClient(w.t, 1, w.name("client"))
	c.Capabilities.Extensions = []framing.ExtensionType{worldExtension}
	c.Capabilities.Proposals = []framing.ProposalType{worldProposal}
	c.Params.PastEpochs = 1 + w.rng.IntN(8)
	c.Params.Handshake = w.policies[w.made%len(w.policies)]
	a := &walker{Client: c, signers: map[string]crypto.Signer{}}
	w.own(a, c.Signer)
	return a
}

// own lets an walker use a signer wherever its leaf says so.
func (w *world) own(a *walker, s crypto.Signer) {
	key, err := w.suite.PublicKeyOf(s)
	require.NoError(w.t, err)
	a.signers[string(key)] = s
}

// by is the signer of the walker's present leaf.
func (a *walker) by() crypto.Signer {
	return a.signers[string(a.group.Tree().SignatureKey(a.group.OwnLeaf()))]
}

// extensions are fresh extensions for the group context.
func (w *world) extensions() []framing.Extension {
	var senders framing.ExternalSenders
	for k, s := range w.senders {
		key, err := w.suite.PublicKeyOf(s)
		require.NoError(w.t, err)
		senders = append(senders, framing.ExternalSender{
			SignatureKey: key, Credential: framing.BasicCredential(fmt.Appendf(nil, "sender %d", k))})
	}
	x, err := framing.NewExtension(&senders)
	require.NoError(w.t, err)
	return []framing.Extension{x, {Type: worldExtension, Data: []byte(w.name("extension"))}}
}

// adopt lets a Step take effect for a walker: it is stored, the past is erased, and at times the walker comes back
// from storage.
func (w *world) adopt(a *walker, s *mls.Step) {
	a.group = s.Next
	w.store(a)
	s.Erase()
	if w.chance(20) {
		w.reload(a)
	}
}

// store writes what changed since the last time.
func (w *world) store(a *walker) {
	if a.saved == nil {
		a.stored = map[string][]byte{}
	}
	changes, err := a.group.Records(a.saved)
	require.NoError(w.t, err)
	for _, r := range changes {
		if r.Value == nil {
			delete(a.stored, r.Key)
		} else {
			a.stored[r.Key] = r.Value
		}
	}
	a.saved = a.group
	if w.chance(20) { // as if everything had been written at once
		all, err := a.group.Records(nil)
		require.NoError(w.t, err)
		whole := map[string][]byte{}
		for _, r := range all {
			whole[r.Key] = r.Value
		}
		require.Equal(w.t, whole, a.stored)
	}
}

// records yields what is stored.
func records(stored map[string][]byte) iter.Seq[mls.Record] {
	return func(yield func(mls.Record) bool) {
		for _, key := range slices.Sorted(maps.Keys(stored)) {
			if !yield(mls.Record{Key: key, Value: stored[key]}) {
				return
			}
		}
	}
}

// reload forgets a walker's Group and loads it from its records.
func (w *world) reload(a *walker) {
	g, err := mls.Load(mls.LoadParams{Records: records(a.stored), Params: a.Params})
	require.NoError(w.t, err, "loading %s", a.Name)
	a.group, a.saved = g, g
	w.counts["reload"]++
}

// settled compares what an walker sees with what others saw in the same epoch.
func (w *world) settled(a *walker) {
	got, err := a.group.EpochAuthenticator()
	require.NoError(w.t, err)
	epoch := a.group.Epoch()
	if w.authOf[epoch] == nil {
		w.authOf[epoch] = got
		var psk mls.PSK
		psk.ID = mls.ResumptionPSKID(a.group.GroupID(), epoch)
		psk.Secret = mlstest.NewInsider(w.t, a.group, nil).Secrets.ResumptionPSK
		w.psks = append(w.psks, psk)
	}
	require.Equal(w.t, w.authOf[epoch], got, "%s in epoch %d", a.Name, epoch)
}

// handle gives a handshake message to an walker's group, without PSKs first when chance says so.
func (w *world) handle(a *walker, message []byte) *mls.Step {
	in := mls.Input{Message: message, Now: mlstest.Now()}
	if !w.chance(3) {
		in.PSKs = w.psks
	}
	s, err := a.group.Handle(in)
	var missing *mls.MissingPSKError
	if errors.As(err, &missing) {
		w.counts["missing PSK"]++
		in.PSKs = w.psks
		s, err = a.group.Handle(in)
	}
	require.NoError(w.t, err, "%s at leaf %d in epoch %d", a.Name, a.group.OwnLeaf(), a.group.Epoch())
	return s
}

// follow lets a member handle the next message of the log.
func (w *world) follow(a *walker) {
	entry := w.log[a.at]
	a.at++
	s := w.handle(a, entry.message)
	if w.chance(20) { // it crashes before anything is stored
		w.reload(a)
		again := w.handle(a, entry.message)
		require.Equal(w.t, snapshot(w.t, s.Next), snapshot(w.t, again.Next))
		require.Equal(w.t, s.Events, again.Events)
		require.Equal(w.t, s.Claims, again.Claims)
		s = again
	}
	w.adopt(a, s)
	if !entry.commit {
		return
	}
	changed, ok := s.Events[0].(*mls.EpochChanged)
	require.True(w.t, ok, "%T", s.Events[0])
	if s.Claims != nil || changed.Change.Committer != (framing.Sender{SenderType: framing.SenderTypeMember, LeafIndex: a.group.OwnLeaf()}) {
		w.judged(changed.Change, s.Claims)
	}
	w.settled(a)
}

// judged checks that everybody who is new is to be judged.
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

// current is a random member that has handled everything.
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
		changes, err := w.observer.Records(nil)
		require.NoError(w.t, err)
		w.observer, err = mls.LoadObserver(mls.LoadParams{Records: slices.Values(changes)})
		require.NoError(w.t, err, "loading the observer")
	}
}

// observed is an observer that is up to date.
func (w *world) observed() *mls.Observer {
	a := w.current()
	if w.observer == nil {
		info, err := a.group.GroupInfo(mls.GroupInfoParams{}, a.by())
		require.NoError(w.t, err)
		s, err := mls.Observe(mls.ObserveParams{GroupInfo: info, Now: mlstest.Now()})
		require.NoError(w.t, err)
		w.observer = s.Next
	}
	require.Equal(w.t, a.group.Tree().Hash(), w.observer.Tree().Hash())
	confirmed, interim := a.group.TranscriptHashes()
	seenConfirmed, seenInterim := w.observer.TranscriptHashes()
	require.Equal(w.t, confirmed, seenConfirmed)
	require.Equal(w.t, interim, seenInterim)
	return w.observer
}

// offer is a KeyPackage of somebody outside, who comes into being when there is nobody.
func (w *world) offer() (*offered, bool) {
	if len(w.outside) == 0 {
		if len(w.members) >= 32 {
			return nil, false
		}
		w.outside = append(w.outside, w.newWalker())
	}
	o := &offered{walker: pick(w, w.outside)}
	o.OwnKeyPackage = o.walker.KeyPackage(w.t)
	ref, err := o.KeyPackage.Ref(w.suite)
	require.NoError(w.t, err)
	w.packages[string(ref)] = o
	return o, true
}

// enters moves an walker into the group, at the end of the log.
func (w *world) enters(a *walker) {
	w.outside = slices.DeleteFunc(w.outside, func(b *walker) bool { return a == b })
	w.members = append(w.members, a)
	a.at = len(w.log)
	a.inbox, a.joined = nil, a.group.Epoch()
	w.settled(a)
}

// welcome lets those join whom Welcomes are for.
func (w *world) welcome(list []mls.Outgoing) {
	for _, out := range list {
		for _, ref := range out.To {
			o := w.packages[string(ref)]
			delete(w.packages, string(ref))
			s, err := mls.Join(mls.JoinParams{Welcome: out.Message, RatchetTree: out.RatchetTree,
				KeyPackages: []*mls.OwnKeyPackage{o.OwnKeyPackage}, PSKs: w.psks, Now: mlstest.Now(), Params: o.walker.Params})
			require.NoError(w.t, err, "joining of %s", o.walker.Name)
			o.walker.saved = nil
			w.adopt(o.walker, s)
			w.note("join", "%s at leaf %d in epoch %d", o.walker.Name, s.Next.OwnLeaf(), s.Next.Epoch())
			w.enters(o.walker)
		}
	}
}

// leave lets those go whom the last commit of the log removed: they handle the log to its end.
func (w *world) leave(c *mls.Change) {
	for _, r := range c.Removed {
		k := slices.IndexFunc(w.members, func(a *walker) bool {
			return a.group.OwnLeaf() == r.Leaf && a.signers[string(r.Old.SignatureKey)] != nil
		})
		if k < 0 {
			continue // it came back by itself in the same commit
		}
		a := w.members[k]
		w.members = slices.Delete(w.members, k, k+1)
		for a.at < len(w.log)-1 {
			w.follow(a)
		}
		s := w.handle(a, w.log[a.at].message)
		require.IsType(w.t, &mls.Removed{}, s.Events[0])
		w.adopt(a, s)
		w.deliverAll(a)
		require.Equal(w.t, mls.StatusRemoved, a.group.Status())
		_, err := a.group.Protect(nil, mls.ProtectParams{}, a.by())
		require.ErrorIs(w.t, err, mls.ErrInactive)
		w.note("leave", "%s from leaf %d", a.Name, r.Leaf)
		w.outside = append(w.outside, a)
	}
}
