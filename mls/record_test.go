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

// storing is a group whose members store every Step, and go on from the store when chance says so.
type storing struct {
	t       *rapid.T
	members []*keeper
	late    map[*keeper][][]byte // data that they have not read yet
	made    int
	waiting bool // whether proposals wait for a commit
}

func (g *storing) newMember() *keeper {
	g.made++
	m := mlstest.NewMember(g.t, testSuite, fmt.Sprintf("member-%d", g.made))
	m.Params.PastEpochs = 1 + g.made%3
	m.Params.ResumptionEpochs = 2
	m.Params.Handshake = []mls.HandshakePolicy{mls.HandshakePublic, mls.HandshakePrivate}[g.made%2]
	remember(&m.Params)
	return keep(g.t, m, func(k *keeper, s *mls.Step) {
		k.next(s)
		k.check()
		if rapid.Bool().Draw(g.t, "reload") {
			k.held = k.load()
		}
	})
}

// tell lets all but one hear a message, and those go whom it removes.
func (g *storing) tell(message []byte, from *keeper) {
	g.members = slices.DeleteFunc(g.members, func(a *keeper) bool {
		if a != from {
			a.Hear(message)
		}
		return a.Group.Status() != mls.StatusActive
	})
}

func (g *storing) pick(what string) *keeper { return rapid.SampledFrom(g.members).Draw(g.t, what) }

// say lets a member send data, which others read now or later, out of order.
func (g *storing) say() {
	a := g.pick("speaker")
	if g.waiting {
		return
	}
	message := a.Say("data")
	for _, b := range g.members {
		if b != a {
			g.late[b] = append(g.late[b], message)
		}
	}
}

func (g *storing) read() {
	a := g.pick("reader")
	if len(g.late[a]) == 0 {
		return
	}
	k := rapid.IntRange(0, len(g.late[a])-1).Draw(g.t, "message")
	s, err := a.Handle(g.late[a][k])
	g.late[a] = slices.Delete(g.late[a], k, k+1)
	if err == nil { // else it is too old
		a.Take(s, nil)
	}
}

func (g *storing) propose() {
	a := g.pick("proposer")
	if rapid.Bool().Draw(g.t, "update") {
		g.tell(a.Update(mls.LeafUpdate{}), a)
	} else {
		g.tell(a.Propose(&framing.GroupContextExtensions{}), a)
	}
	g.waiting = true
}

// commit lets a member commit what waits, and add or remove somebody, unless the commit is lost.
func (g *storing) commit() {
	a := g.pick("committer")
	c := mls.CommitParams{ForcePath: rapid.Bool().Draw(g.t, "path")}
	c.Welcome.OmitTree = rapid.Bool().Draw(g.t, "omit tree")
	c.Welcome.Batch = rapid.IntRange(0, 1).Draw(g.t, "batch")
	var fresh []*keeper
	for range rapid.IntRange(0, 3).Draw(g.t, "adds") {
		n := g.newMember()
		fresh, c.Proposals = append(fresh, n), append(c.Proposals, n.Add())
	}
	if b := g.pick("removed"); len(g.members) > 3 && b != a {
		c.Proposals = append(c.Proposals, &framing.Remove{Removed: b.Group.OwnLeaf()})
	}
	made := a.MakeCommit(c)
	if rapid.IntRange(0, 4).Draw(g.t, "lost") == 0 {
		a.Take(a.Group.Drop())
		return
	}
	require.Equal(g.t, made.Send[0].Message, a.Group.Pending().Commit)
	adopted := a.Adopt(made)
	g.tell(made.Send[0].Message, a)
	g.waiting = false
	for _, n := range fresh {
		n.Packages[0] = must(mls.UnmarshalOwnKeyPackage(must(n.Packages[0].Marshal())))
		n.Join(adopted)
		g.members = append(g.members, n)
	}
}

// joinExternally lets somebody come in without an invitation.
func (g *storing) joinExternally() {
	info := g.pick("host").Info()
	n := g.newMember()
	s := n.Take(mls.JoinExternal(n.ByGroupInfo(info)))
	if rapid.IntRange(0, 4).Draw(g.t, "lost") == 0 {
		n.Take(n.Group.Drop())
		require.Equal(g.t, mls.StatusAbandoned, n.Group.Status())
		return
	}
	n.Adopt(s)
	g.tell(s.Send[0].Message, nil)
	g.members = append(g.members, n)
	g.waiting = false
}

// Whatever happens to the members of a group: stores that get only the changed records equal those that get all, Groups
// loaded from them behave as the stored ones, and the stores contain neither what was erased nor the randomness from which
// secrets were made.
func TestRecordsFollow(t *testing.T) {
	erased := 0
	rapid.Check(t, func(r *rapid.T) {
		g := &storing{t: r, late: map[*keeper][][]byte{}}
		a := g.newMember()
		g.members = []*keeper{a}
		a.Take(mls.Create(mls.CreateParams{CipherSuite: testSuite, GroupID: []byte("group"), Leaf: a.LeafParams,
			Lifetime: mlstest.Lifetime(), Params: a.Params}))
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
			require.Equal(r, g.members[0].Group.Tree().Hash(), a.Group.Tree().Hash())
			erased += a.erased
		}
	})
	require.Greater(t, erased, 1000, "the test looked for hardly any secret")
}

// The secrets of a Welcome, and those from which a path grows, are in no record.
func TestRecordsHoldNoWelcomeSecrets(t *testing.T) {
	alice, bob := newCast(t, "alice")[0], newMember(t, "bob")
	bobs := bob.KeyPackage(t)
	k := keep(t, alice, (*keeper).next)
	alice.MakeCommit(mls.CommitParams{ForcePath: true, Proposals: []framing.Proposal{&framing.Add{KeyPackage: bobs.KeyPackage}}})
	pending := maps.Clone(k.store)
	s := alice.Take(alice.Group.Adopt())
	welcome := mlstest.Parse[*framing.Welcome](t, s.Send[0].Message)
	ref := must(bobs.KeyPackage.Ref(bob.Suite))
	initKey := must(bob.Suite.KeyPairOf(bobs.InitKey))
	secrets := must(welcome.DecryptGroupSecrets(bob.Suite, ref, initKey))
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
	alice, bob := two(newCast(t, "alice", "bob"))
	uses := newKeyUses(t, alice.Group)
	store := whole(t, alice.Group)
	load := func() *mls.Group { return must(store.load(alice.Params)) }
	held := alice.Group
	send := func(g *mls.Group, data string) *mls.Step {
		s := must(g.Protect([]byte(data), mls.ProtectParams{}, alice.Signer))
		uses.note(s)
		return s
	}
	for range 4 {
		s := send(held, "data")
		store.put(t, must(s.Next.Records(held)), nil)
		require.Equal(t, "data", bob.Read(s.Send[0].Message))
		held = load()
	}

	// Two Steps from one Group: the store takes the second, and then goes back.
	first, second := send(held, "first"), send(held, "second")
	store.put(t, must(second.Next.Records(held)), nil)
	store.put(t, must(first.Next.Records(second.Next)), nil)
	send(load(), "third")
}

// The same where the Group to which the store goes back has not derived the ratchet yet.
func TestNoKeyTwiceAfterGoingBack(t *testing.T) {
	alice := newCast(t, "alice", "bob")[0]
	uses := newKeyUses(t, alice.Group)
	store := whole(t, alice.Group)
	sent := must(alice.Group.Protect([]byte("data"), mls.ProtectParams{}, alice.Signer))
	store.put(t, must(sent.Next.Records(alice.Group)), nil)
	uses.note(sent)
	store.put(t, must(alice.Group.Records(sent.Next)), nil)
	again := must(store.load(alice.Params))
	store.same(t, whole(t, again))
	store.same(t, whole(t, alice.Group))
	uses.note(must(again.Protect([]byte("more"), mls.ProtectParams{}, alice.Signer)))
	require.Equal(t, []framing.Generation{0, 1}, uses.generations(0, 1))
}

// An erased Group has no records, and Groups of different groups or members are not compared.
func TestChangesRefuse(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	old := alice.Group
	alice.Commit(mls.CommitParams{ForcePath: true}, bob)
	for _, call := range []func() ([]mls.Record, error){
		func() ([]mls.Record, error) { return old.Records(nil) },
		func() ([]mls.Record, error) { return old.Records(alice.Group) },
	} {
		records, err := call()
		require.ErrorIs(t, err, mls.ErrErased)
		require.Nil(t, records)
	}
	require.ErrorIs(t, failure(alice.Group.Records(alice.Create(t, "another"))), mls.ErrWrongGroup)
	_, err := alice.Observe().Records(newCast(t, "carol", "dave")[0].Observe())
	require.NoError(t, err, "observers of groups of one name")
}

// TestChangesRefuseInPart: of what a message has used up nothing is written, though most of the Group is still there.
func TestChangesRefuseInPart(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	var sent [][]byte
	for range 5 {
		sent = append(sent, alice.Say("hello"))
	}
	for _, i := range []int{0, 3, 2, 4} { // with and without keys that are kept, of which 2 is one
		old := bob.Group
		bob.Hear(sent[i])
		records, err := old.Records(nil)
		require.ErrorIs(t, err, mls.ErrErased, "message %d", i)
		require.Nil(t, records)
	}
}

// TestErasedAfterTheEnd: a group that a ReInit ended can be erased as well.
func TestErasedAfterTheEnd(t *testing.T) {
	alice := newCast(t, "alice")[0]
	alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{reInit(nil)}})
	require.Equal(t, mls.StatusReInitialized, alice.Group.Status())
	must(alice.Group.EpochAuthenticator())
	alice.Group.EraseAll()
	require.ErrorIs(t, failure(alice.Group.EpochAuthenticator()), mls.ErrErased)
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
			require.Equal(t, 2, want.records, what) // a ratchet and the counter
			require.Less(t, want.bytes, 200, what)
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
		changes := must(s.Next.Records(*g))
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
	alice, bob := two(newCast(t, "alice", "bob"))
	seen := alice.Observe()
	store := whole(t, seen)
	for k := range 6 {
		var message []byte
		if k%3 == 0 {
			message = bob.Propose(&framing.GroupContextExtensions{}, alice)
		} else {
			message = alice.Commit(mls.CommitParams{ForcePath: true}, bob).Message
		}
		s := must(seen.Handle(mls.Input{Message: message}))
		store.put(t, must(s.Next.Records(seen)), nil)
		store.same(t, whole(t, s.Next))
		seen = must(mls.LoadObserver(mls.LoadParams{Records: store.records()}))
		store.same(t, whole(t, seen))
	}
	require.Equal(t, alice.Group.Tree().Hash(), seen.Tree().Hash())
}

// A successor group keeps what links it to the old one until its first commit, and no longer.
func TestSuccessorRecords(t *testing.T) {
	alice := newCast(t, "alice", "bob")[0]
	parent := alice.Group
	k := keep(t, alice, func(k *keeper, s *mls.Step) {
		k.next(s)
		k.check()
		k.held = k.load()
	})
	alice.Take(mls.Create(mls.CreateParams{CipherSuite: testSuite, GroupID: []byte("branch"), Leaf: alice.LeafParams,
		Lifetime: mlstest.Lifetime(), Successor: parent, Params: alice.Params}))
	s := alice.MakeCommit(mls.CommitParams{Proposals: []framing.Proposal{newMember(t, "bob").Add()}})
	require.Len(t, s.Change.PSKs, 1)
	require.Equal(t, framing.ResumptionPSKUsageBranch, s.Change.PSKs[0].Usage)
	alice.Take(alice.Group.Adopt())
	k.checkGone(mlstest.NewInsider(t, parent, nil).Secrets.ResumptionPSK.Bytes())
}

// Records leads from any Group of a member to any other: forwards, backwards, and across to one that did not happen.
func TestChangesBetweenAny(t *testing.T) {
	cast := newCastOf(t, func(c *mlstest.Party) { c.Params.Handshake, c.Params.PastEpochs = mls.HandshakePrivate, 2 }, nil,
		"alice", "bob", "carol")
	alice, bob, carol := cast[0], cast[1], cast[2]
	groups := []*mls.Group{alice.Group}
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

	start := alice.Group
	bob.Say("skipped")
	start = data(hear(start, bob.Say("from bob")))
	proposed := keep(hear(start, bob.Propose(&framing.GroupContextExtensions{})).ProposeUpdate(
		mls.LeafUpdate{}, mls.ProposeParams{}, alice.Signer)).Next
	var many []framing.Proposal // so that the tree grows by two layers
	for k := range 70 {
		many = append(many, &framing.Add{KeyPackage: newMember(t, fmt.Sprint(k)).KeyPackage(t).KeyPackage})
	}
	one := commit(data(commit(start, &framing.Remove{Removed: 1})))
	other := data(commit(data(commit(data(commit(proposed)), many...))))
	_ = data(commit(other, &framing.Remove{Removed: 60}))
	_ = commit(one, many[:1]...)
	message := carol.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 0}}}).Message
	require.Equal(t, mls.StatusRemoved, hear(start, message).Status())

	stores := make([]shelf, len(groups))
	for i, g := range groups {
		stores[i] = whole(t, g)
		stores[i].same(t, whole(t, must(stores[i].load(alice.Params))))
	}
	for i, from := range groups {
		for j, to := range groups {
			store := maps.Clone(stores[i])
			store.apply(must(to.Records(from)))
			stores[j].same(t, store, "from %d to %d", i, j)
		}
	}
}

// benchGroup returns a full group of 50,000 members, seen by two of them.
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
