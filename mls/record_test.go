package mls_test

import (
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// stored is a member with a store.
type stored struct {
	*mlstest.Client
	*keeper
	late [][]byte // data that it has not read yet
}

// group is the member's view of the group.
func (a *stored) group() *mls.Group { return a.held }

// troupe is a group of members with stores.
type troupe struct {
	t       *rapid.T
	members []*stored
	made    int
	waiting bool // whether proposals wait for a commit
}

func (g *troupe) newMember() *stored {
	g.made++
	c := mlstest.NewClient(g.t, testSuite, fmt.Sprintf("member-%d", g.made))
	c.Params.PastEpochs = 1 + g.made%3
	c.Params.ResumptionEpochs = 2
	c.Params.Handshake = []mls.HandshakePolicy{mls.HandshakePublic, mls.HandshakePrivate}[g.made%2]
	remember(&c.Params)
	return &stored{Client: c, keeper: newKeeper(g.t, c.Params)}
}

// take lets a Step take effect, and goes on from the store when chance says so.
func (g *troupe) take(a *stored, s *mls.Step, err error) *mls.Step {
	require.NoError(g.t, err)
	a.follow(s)
	a.check()
	if rapid.Bool().Draw(g.t, "reload") {
		a.reload()
	}
	return s
}

func (g *troupe) tell(message []byte, from *stored) {
	for _, a := range slices.Clone(g.members) {
		if a == from {
			continue
		}
		s, err := a.group().Handle(mls.Input{Message: message, Now: mlstest.Now()})
		g.take(a, s, err)
		if a.group().Status() != mls.StatusActive {
			g.members = slices.DeleteFunc(g.members, func(b *stored) bool { return a == b })
		}
	}
}

func (g *troupe) pick(what string) *stored { return rapid.SampledFrom(g.members).Draw(g.t, what) }

// say lets a member send data, which others read now or later, out of order.
func (g *troupe) say() {
	a := g.pick("speaker")
	if g.waiting {
		return
	}
	s, err := a.group().Protect([]byte("data"), mls.ProtectParams{}, a.Signer)
	message := g.take(a, s, err).Send[0].Message
	for _, b := range g.members {
		if b != a {
			b.late = append(b.late, message)
		}
	}
}

func (g *troupe) read() {
	a := g.pick("reader")
	if len(a.late) == 0 {
		return
	}
	k := rapid.IntRange(0, len(a.late)-1).Draw(g.t, "message")
	s, err := a.group().Handle(mls.Input{Message: a.late[k]})
	a.late = slices.Delete(a.late, k, k+1)
	if err == nil { // else it is too old
		g.take(a, s, nil)
	}
}

func (g *troupe) propose() {
	a := g.pick("proposer")
	var s *mls.Step
	var err error
	if rapid.Bool().Draw(g.t, "update") {
		s, err = a.group().ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, a.Signer)
	} else {
		s, err = a.group().Propose(&framing.GroupContextExtensions{}, mls.ProposeParams{}, a.Signer)
	}
	g.tell(g.take(a, s, err).Send[0].Message, a)
	g.waiting = true
}

// commit lets a member commit what waits, and add or remove somebody, unless the commit is lost.
func (g *troupe) commit() {
	a := g.pick("committer")
	c := mls.CommitParams{Now: mlstest.Now(), ForcePath: rapid.Bool().Draw(g.t, "path")}
	c.Welcome.OmitTree = rapid.Bool().Draw(g.t, "omit tree")
	c.Welcome.Batch = rapid.IntRange(0, 1).Draw(g.t, "batch")
	var fresh []*stored
	var packages []*mls.OwnKeyPackage
	for range rapid.IntRange(0, 3).Draw(g.t, "adds") {
		n := g.newMember()
		k := n.KeyPackage(g.t)
		fresh, packages = append(fresh, n), append(packages, k)
		c.Proposals = append(c.Proposals, &framing.Add{KeyPackage: k.KeyPackage})
	}
	if b := g.pick("removed"); len(g.members) > 3 && b != a {
		c.Proposals = append(c.Proposals, &framing.Remove{Removed: b.group().OwnLeaf()})
	}
	s, err := a.group().Commit(c, a.Signer)
	message := g.take(a, s, err).Send[0].Message
	if rapid.IntRange(0, 4).Draw(g.t, "lost") == 0 {
		s, err = a.group().Drop()
		g.take(a, s, err)
		return
	}
	require.Equal(g.t, message, a.group().Pending().Commit)
	s, err = a.group().Adopt()
	g.take(a, s, err)
	g.tell(message, a)
	g.waiting = false
	for k, n := range fresh {
		for _, out := range s.Send {
			ref, err := packages[k].KeyPackage.Ref(n.Suite)
			require.NoError(g.t, err)
			if !slices.ContainsFunc(out.To, func(to framing.KeyPackageRef) bool { return string(to) == string(ref) }) {
				continue
			}
			j, err := mls.Join(mls.JoinParams{Welcome: out.Message, RatchetTree: out.RatchetTree,
				KeyPackages: []*mls.OwnKeyPackage{reloadKeyPackage(g.t, packages[k])}, Now: mlstest.Now(), Params: n.Params})
			g.take(n, j, err)
			g.members = append(g.members, n)
		}
	}
}

func reloadKeyPackage(t require.TestingT, k *mls.OwnKeyPackage) *mls.OwnKeyPackage {
	data, err := k.Marshal()
	require.NoError(t, err)
	again, err := mls.UnmarshalOwnKeyPackage(data)
	require.NoError(t, err)
	return again
}

// joinExternally lets somebody come in without an invitation.
func (g *troupe) joinExternally() {
	a := g.pick("host")
	info, err := a.group().GroupInfo(mls.GroupInfoParams{ExternalPub: true}, a.Signer)
	require.NoError(g.t, err)
	n := g.newMember()
	s, err := mls.JoinExternal(mls.JoinExternalParams{GroupInfo: info, Leaf: n.LeafParams, Now: mlstest.Now(), Params: n.Params})
	message := g.take(n, s, err).Send[0].Message
	if rapid.IntRange(0, 4).Draw(g.t, "lost") == 0 {
		s, err = n.group().Drop()
		g.take(n, s, err)
		require.Equal(g.t, mls.StatusAbandoned, n.group().Status())
		return
	}
	s, err = n.group().Adopt()
	g.take(n, s, err)
	g.tell(message, nil)
	g.members = append(g.members, n)
	g.waiting = false
}

// Whatever happens to the members of a group, their stores follow by what changed, hold what the whole Group would
// give, give back a Group that goes on as if nothing had been, and have forgotten what is erased, as well as all
// randomness that went into secrets.
func TestRecordsFollow(t *testing.T) {
	erased := 0
	rapid.Check(t, func(r *rapid.T) {
		g := &troupe{t: r}
		a := g.newMember()
		s, err := mls.Create(mls.CreateParams{CipherSuite: testSuite, GroupID: []byte("group"), Leaf: a.LeafParams,
			Lifetime: mlstest.Lifetime(), Params: a.Params})
		g.members = []*stored{a}
		g.take(a, s, err)
		g.commit()
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			switch rapid.IntRange(0, 9).Draw(r, "step") {
			case 0, 1, 2:
				g.say()
			case 3, 4:
				g.read()
			case 5, 6:
				g.propose()
			case 7:
				g.joinExternally()
			default:
				g.commit()
			}
		}
		for _, a := range g.members {
			require.Equal(r, g.members[0].group().Tree().Hash(), a.group().Tree().Hash())
			erased += a.erased
		}
	})
	require.Greater(t, erased, 1000, "the test looked for hardly any secret")
}

// The secrets of a Welcome, and those from which a path grows, are in no record.
func TestRecordsHoldNoWelcomeSecrets(t *testing.T) {
	alice, bob := newPlayer(t, "alice"), newPlayer(t, "bob")
	alice.group = alice.Create(t, "group")
	bobs := bob.KeyPackage(t)
	k := newKeeper(t, alice.Params)
	s, err := alice.group.Commit(mls.CommitParams{Now: mlstest.Now(), ForcePath: true,
		Proposals: []framing.Proposal{&framing.Add{KeyPackage: bobs.KeyPackage}}}, alice.Signer)
	require.NoError(t, err)
	k.follow(s)
	s, err = k.held.Adopt()
	require.NoError(t, err)
	pending := k.store
	k.store = shelf{}
	for key, value := range pending {
		k.store[key] = value
	}
	k.follow(s)
	welcome := mlstest.Parse[*framing.Welcome](t, s.Send[0].Message)
	ref, err := bobs.KeyPackage.Ref(bob.Suite)
	require.NoError(t, err)
	initKey, err := bob.Suite.KeyPairOf(bobs.InitKey)
	require.NoError(t, err)
	secrets, err := welcome.DecryptGroupSecrets(bob.Suite, ref, initKey)
	require.NoError(t, err)
	require.False(t, secrets.PathSecret.IsZero())
	for _, store := range []shelf{pending, k.store} {
		k.store = store
		k.checkGone(secrets.JoinerSecret.Bytes())
		k.checkGone(secrets.PathSecret.Bytes())
		k.checkGone(bob.Suite.DeriveSecret(secrets.PathSecret, "node").Bytes())
		k.checkGone(bob.Suite.DeriveSecret(secrets.PathSecret, "path").Bytes())
	}
}

// A Group that comes back from its store sends with keys that were not used before, also when the Group before it had
// sent what the store does not know of.
func TestNoKeyTwiceAfterLoad(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	uses := newKeyUses(t, alice.group)
	k := newKeeper(t, alice.Params)
	held := alice.group
	k.store.put(t, must(held.Records(nil)), nil)
	for range 4 {
		s, err := held.Protect([]byte("data"), mls.ProtectParams{}, alice.Signer)
		require.NoError(t, err)
		k.store.put(t, must(s.Next.Records(held)), nil)
		uses.note(s)
		require.Equal(t, "data", bob.read(s.Send[0].Message))
		held = k.load()
	}

	// Two Steps from one Group: the store takes the second, and then goes back.
	first, err := held.Protect([]byte("first"), mls.ProtectParams{}, alice.Signer)
	require.NoError(t, err)
	second, err := held.Protect([]byte("second"), mls.ProtectParams{}, alice.Signer)
	require.NoError(t, err)
	k.store.put(t, must(second.Next.Records(held)), nil)
	k.store.put(t, must(first.Next.Records(second.Next)), nil)
	uses.note(first)
	uses.note(second)
	third, err := k.load().Protect([]byte("third"), mls.ProtectParams{}, alice.Signer)
	require.NoError(t, err)
	uses.note(third)
}

// The same where the Group to which the store goes back has not derived the ratchet yet.
func TestNoKeyTwiceAfterGoingBack(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice := cast[0]
	uses := newKeyUses(t, alice.group)
	store := whole(t, alice.group)
	sent, err := alice.group.Protect([]byte("data"), mls.ProtectParams{}, alice.Signer)
	require.NoError(t, err)
	store.put(t, must(sent.Next.Records(alice.group)), nil)
	uses.note(sent)
	store.put(t, must(alice.group.Records(sent.Next)), nil)
	again, err := mls.Load(mls.LoadParams{Records: store.records(), Params: alice.Params})
	require.NoError(t, err)
	store.same(t, whole(t, again))
	store.same(t, whole(t, alice.group))
	s, err := again.Protect([]byte("more"), mls.ProtectParams{}, alice.Signer)
	require.NoError(t, err)
	uses.note(s)
	require.Equal(t, []framing.Generation{0, 1}, uses.generations(0, 1))
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// An erased Group has no records, and Groups of different groups or members are not compared.
func TestChangesRefuse(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	old := alice.group
	alice.commit(mls.CommitParams{ForcePath: true}, bob)
	for _, call := range []func() ([]mls.Record, error){
		func() ([]mls.Record, error) { return old.Records(nil) },
		func() ([]mls.Record, error) { return old.Records(alice.group) },
	} {
		records, err := call()
		require.ErrorIs(t, err, mls.ErrErased)
		require.Nil(t, records)
	}
	_, err := alice.group.Records(bob.group)
	require.ErrorIs(t, err, mls.ErrWrongGroup)
	_, err = alice.group.Records(alice.Create(t, "another"))
	require.ErrorIs(t, err, mls.ErrWrongGroup)
	_, err = alice.observe().Records(stage(t, "carol", "dave")[0].observe())
	require.NoError(t, err, "observers of groups of one name")
}

// TestChangesRefuseInPart: of what a message has used up nothing is written, though most of the Group is still there.
func TestChangesRefuseInPart(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	var sent [][]byte
	for range 5 {
		sent = append(sent, alice.say("hello"))
	}
	for _, i := range []int{0, 3, 2, 4} { // with and without keys that are kept, of which 2 is one
		old := bob.group
		bob.hear(sent[i])
		records, err := old.Records(nil)
		require.ErrorIs(t, err, mls.ErrErased, "message %d", i)
		require.Nil(t, records)
	}
}

// TestErasedAfterTheEnd: a group that a ReInit ended can be erased as well.
func TestErasedAfterTheEnd(t *testing.T) {
	alice := stage(t, "alice")[0]
	alice.commit(mls.CommitParams{Proposals: []framing.Proposal{reInit(nil)}})
	require.Equal(t, mls.StatusReInitialized, alice.group.Status())
	_, err := alice.group.EpochAuthenticator()
	require.NoError(t, err)
	alice.group.EraseAll()
	_, err = alice.group.EpochAuthenticator()
	require.ErrorIs(t, err, mls.ErrErased)
}

// What storage costs does not grow with the group, or hardly.
func TestRecordSizes(t *testing.T) {
	large := 1 << 16
	if raceDetector || testing.Short() {
		large = 1 << 13
	}
	small := changeSizes(t, 1<<10)
	for what, want := range changeSizes(t, large) {
		t.Logf("%-8s %6d members: %2d records, %5d bytes; 1024 members: %2d records, %5d bytes",
			what, large, want.records, want.bytes, small[what].records, small[what].bytes)
		require.LessOrEqual(t, want.bytes, 2*small[what].bytes, what)
		require.LessOrEqual(t, want.records, 2*small[what].records, what)
		require.LessOrEqual(t, want.records, 5*bits.Len(uint(large)), what)
		if strings.HasPrefix(what, "data") {
			require.Equal(t, 1, want.records, what)
			require.Less(t, want.bytes, 400, what)
		}
	}
}

type changeSize struct{ records, bytes int }

func changeSizes(t *testing.T, members int) map[string]changeSize {
	f := mlstest.Build(t, mlstest.GroupParams{Members: members, Shape: treekemtest.Full, Seed: 1})
	alice, bob := f.Group(t, 3), f.Group(t, framing.LeafIndex(members/2+5))
	sizes := map[string]changeSize{}
	follow := func(what string, g **mls.Group, s *mls.Step, err error) *mls.Step {
		require.NoError(t, err)
		changes, err := s.Next.Records(*g)
		require.NoError(t, err)
		size := changeSize{records: len(changes)}
		for _, r := range changes {
			size.bytes += len(r.Value)
		}
		sizes[what] = size
		*g = s.Next
		return s
	}
	hear := func(what string, message []byte) {
		s, err := bob.Handle(mls.Input{Message: message})
		follow(what, &bob, s, err)
	}
	for range 5 { // until the oldest epochs begin to go
		s, err := alice.Commit(mls.CommitParams{ForcePath: true}, f.SignerOf(3))
		message := follow("commit", &alice, s, err).Send[0].Message
		s, err = alice.Adopt()
		follow("adopt", &alice, s, err)
		hear("receive", message)
		for range 3 { // the first of an epoch derives the ratchets
			s, err = alice.Protect([]byte("data"), mls.ProtectParams{}, f.SignerOf(3))
			hear("data in", follow("data out", &alice, s, err).Send[0].Message)
		}
	}
	return sizes
}

// An Observer is stored and comes back as a member does.
func TestObserverRecords(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	seen := alice.observe()
	store := whole(t, seen)
	for k := range 6 {
		var message []byte
		if k%3 == 0 {
			message = bob.propose(&framing.GroupContextExtensions{}, alice)
		} else {
			message, _ = alice.commit(mls.CommitParams{ForcePath: true}, bob)
		}
		s, err := seen.Handle(mls.Input{Message: message})
		require.NoError(t, err)
		store.put(t, must(s.Next.Records(seen)), nil)
		store.same(t, whole(t, s.Next))
		seen, err = mls.LoadObserver(mls.LoadParams{Records: store.records()})
		require.NoError(t, err)
		store.same(t, whole(t, seen))
	}
	require.Equal(t, alice.group.Tree().Hash(), seen.Tree().Hash())
}

// A group that follows another keeps what ties it to that one until its first commit, and no longer.
func TestSuccessorRecords(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice := cast[0]
	k := newKeeper(t, alice.Params)
	s, err := mls.Create(mls.CreateParams{CipherSuite: testSuite, GroupID: []byte("branch"), Leaf: alice.LeafParams,
		Lifetime: mlstest.Lifetime(), Successor: alice.group, Params: alice.Params})
	require.NoError(t, err)
	k.follow(s)
	k.check()
	s, err = k.reload().Commit(mls.CommitParams{Now: mlstest.Now(), Proposals: []framing.Proposal{
		&framing.Add{KeyPackage: newPlayer(t, "bob").KeyPackage(t).KeyPackage}}}, alice.Signer)
	require.NoError(t, err)
	require.Len(t, s.Change.PSKs, 1)
	require.Equal(t, framing.ResumptionPSKUsageBranch, s.Change.PSKs[0].Usage)
	k.follow(s)
	k.check()
	s, err = k.reload().Adopt()
	require.NoError(t, err)
	k.follow(s)
	k.check()
	k.checkGone(mlstest.NewInsider(t, alice.group, nil).Secrets.ResumptionPSK.Bytes())
}

// Changes leads from any Group of a member to any other: forwards, backwards, and across to one that did not happen.
func TestChangesBetweenAny(t *testing.T) {
	cast := stageOf(t, func(c *mlstest.Client) { c.Params.Handshake, c.Params.PastEpochs = mls.HandshakePrivate, 2 }, nil,
		"alice", "bob", "carol")
	alice, bob, carol := cast[0], cast[1], cast[2]
	groups := []*mls.Group{alice.group}
	keep := func(s *mls.Step, err error) *mls.Step { // erases nothing
		t.Helper()
		require.NoError(t, err)
		groups = append(groups, s.Next)
		return s
	}
	commit := func(g *mls.Group, p ...framing.Proposal) *mls.Group {
		return keep(keep(g.Commit(mls.CommitParams{ForcePath: true, Proposals: p, Now: mlstest.Now()}, alice.Signer)).Next.Adopt()).Next
	}
	hear := func(g *mls.Group, message []byte) *mls.Group { return keep(g.Handle(mls.Input{Message: message})).Next }
	data := func(g *mls.Group) *mls.Group { return keep(g.Protect(nil, mls.ProtectParams{}, alice.Signer)).Next }

	start := alice.group
	bob.say("skipped")
	start = data(hear(start, bob.say("from bob")))
	proposed := keep(hear(start, bob.propose(&framing.GroupContextExtensions{})).ProposeUpdate(
		mls.LeafUpdate{}, mls.ProposeParams{}, alice.Signer)).Next
	var many []framing.Proposal // so that the tree grows by two layers
	for k := range 70 {
		many = append(many, &framing.Add{KeyPackage: newPlayer(t, fmt.Sprint(k)).KeyPackage(t).KeyPackage})
	}
	one := commit(data(commit(start, &framing.Remove{Removed: 1})))
	other := data(commit(data(commit(data(commit(proposed)), many...))))
	_ = data(commit(other, &framing.Remove{Removed: 60}))
	_ = commit(one, many[:1]...)
	message, _ := carol.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 0}}})
	require.Equal(t, mls.StatusRemoved, hear(start, message).Status())

	stores := make([]shelf, len(groups))
	for i, g := range groups {
		stores[i] = whole(t, g)
		again, err := mls.Load(mls.LoadParams{Records: stores[i].records(), Params: alice.Params})
		require.NoError(t, err)
		stores[i].same(t, whole(t, again))
	}
	for i, from := range groups {
		for j, to := range groups {
			store := maps.Clone(stores[i])
			for _, r := range must(to.Records(from)) {
				if store[r.Key] = r.Value; r.Value == nil {
					delete(store, r.Key)
				}
			}
			stores[j].same(t, store, "from %d to %d", i, j)
		}
	}
}

// benchGroup is a full group of 50,000 members, seen by two of them.
func benchGroup(b *testing.B) (f *mlstest.Fixture, alice, bob *mls.Group) {
	f = mlstest.Build(b, mlstest.GroupParams{Members: 50_000, Shape: treekemtest.Full, Seed: 1})
	return f, f.Group(b, 0), f.Group(b, 40_000)
}

func BenchmarkChanges(b *testing.B) {
	f, alice, bob := benchGroup(b)
	first := must(alice.Protect(nil, mls.ProtectParams{}, f.SignerOf(0)))
	second := must(first.Next.Protect(nil, mls.ProtectParams{}, f.SignerOf(0)))
	pending := must(alice.Commit(mls.CommitParams{ForcePath: true}, f.SignerOf(0)))
	received := must(bob.Handle(mls.Input{Message: pending.Send[0].Message}))
	for name, pair := range map[string][2]*mls.Group{
		"data": {first.Next, second.Next}, "commit": {alice, pending.Next}, "received": {bob, received.Next}, "all": {nil, alice},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_ = must(pair[1].Records(pair[0]))
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	_, alice, _ := benchGroup(b)
	store := whole(b, alice)
	b.ReportMetric(float64(store.size())/50_000, "B/member")
	for b.Loop() {
		_ = must(mls.Load(mls.LoadParams{Records: store.records()}))
	}
}
