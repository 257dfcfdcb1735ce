package mls_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// requireStale loads records and expects an error for one of them.
func requireStale(t *testing.T, s shelf, key string, want error) {
	t.Helper()
	_, err := s.load(mls.Params{})
	require.ErrorIs(t, err, want)
	var bad *mls.RecordError
	require.ErrorAs(t, err, &bad)
	require.Equal(t, key, bad.Key)
}

// TestAttackStaleSecrets: the secrets of the epoch before are put among the records of this one, or those of another branch
// with the same number. Version 1 did not write the number.
func TestAttackStaleSecrets(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	before := whole(t, alice.Group)
	branch := must(must(alice.Group.Commit(mls.CommitParams{ForcePath: true}, alice.Signer)).Next.Adopt()).Next
	alice.Commit(mls.CommitParams{ForcePath: true}, bob)
	for _, other := range []shelf{before, whole(t, branch)} {
		now := whole(t, alice.Group)
		now["secrets"] = other["secrets"]
		requireStale(t, now, "secrets", mls.ErrRecordEpoch)
	}
	first := readGoldenOf(t, "1", "member").records
	first["secrets"] = first["pending/secrets"]
	requireStale(t, first, "secrets", mls.ErrRecordEpoch)

	alice.MakeCommit(mls.CommitParams{ForcePath: true})
	pending := whole(t, alice.Group)
	pending["pending/secrets"] = pending["secrets"]
	requireStale(t, pending, "pending/secrets", mls.ErrRecordEpoch)
}

// TestAttackStaleRatchet: an own ratchet of ten messages ago, whose keys were used since, is put among the present records.
func TestAttackStaleRatchet(t *testing.T) {
	cast := newCastOf(t, func(c *mlstest.Party) { c.Params.Handshake = mls.HandshakePrivate }, nil, "alice", "bob")
	alice, bob := two(cast)
	fresh := whole(t, alice.Group)
	mlstest.Tell(alice.Say("first"), bob)
	before := whole(t, alice.Group)
	for range 10 {
		mlstest.Tell(alice.Say("data"), bob)
	}
	now := whole(t, alice.Group)
	const ratchet = "epoch/1/ratchet/0/application"
	mixed := maps.Clone(now)
	mixed[ratchet] = before[ratchet]
	requireStale(t, mixed, ratchet, mls.ErrStaleRecord)
	mixed = maps.Clone(now)
	mixed["counter"] = before["counter"]
	requireStale(t, mixed, ratchet, mls.ErrStaleRecord)

	none := maps.Clone(fresh) // from before the ratchet was derived
	none["counter"] = now["counter"]
	requireStale(t, none, ratchet, mls.ErrStaleRecord)

	mlstest.Tell(alice.Propose(&framing.GroupContextExtensions{}), bob)
	proposed := whole(t, alice.Group)
	const handshake = "epoch/1/ratchet/0/handshake"
	proposed[handshake] = now[handshake]
	requireStale(t, proposed, handshake, mls.ErrStaleRecord)
	must(now.load(mls.Params{}))
}

// TestAttackOldCopy: records that are old altogether are sound, and only a number kept elsewhere tells them.
func TestAttackOldCopy(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	old := whole(t, alice.Group)
	at := alice.Group.Version()
	mlstest.Tell(alice.Say("data"), bob)
	require.Equal(t, at+1, alice.Group.Version())
	now := whole(t, alice.Group)
	load := func(s shelf, version uint64) error {
		_, err := mls.Load(mls.LoadParams{Records: s.records(), Version: version})
		return err
	}
	require.NoError(t, load(old, 0), "nothing in the records tells")
	require.NoError(t, load(old, at))
	require.ErrorIs(t, load(old, at+1), mls.ErrStale)
	require.NoError(t, load(now, at+1))
	require.NoError(t, load(now, at), "the transaction was written, and the number elsewhere not yet")
	version1 := readGoldenOf(t, "1", "member").records
	require.NoError(t, load(version1, 1))
	require.ErrorIs(t, load(version1, 2), mls.ErrStale)
}

// TestAttackTwice: the engine cannot know that one commit is handled twice, that two Steps from one Group are adopted, that a
// Welcome is joined twice or that records are loaded twice; each time a key is used twice. A store that writes on condition
// takes one Step of each pair.
func TestAttackTwice(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	carol := newMember(t, "carol")
	commit := bob.MakeCommit(mls.CommitParams{Proposals: []framing.Proposal{carol.Add()}, Now: mlstest.Now()})
	adopted := must(bob.Group.Adopt())
	store := whole(t, alice.Group)
	stored := alice.Group.Version()
	keep := func(s *mls.Step, from uint64) bool {
		if from != stored {
			return false
		}
		stored = s.Next.Version()
		return true
	}
	for what, make := range map[string]func() (*mls.Step, *mls.Group){
		"one commit handled twice": func() (*mls.Step, *mls.Group) {
			return must(alice.Group.Handle(mls.Input{Message: commit.Send[0].Message, Now: mlstest.Now()})), alice.Group
		},
		"two candidates adopted": func() (*mls.Step, *mls.Group) {
			return must(alice.Group.Commit(mls.CommitParams{ForcePath: true}, alice.Signer)), alice.Group
		},
		"records loaded twice": func() (*mls.Step, *mls.Group) {
			g := must(store.load(alice.Params))
			return must(g.Protect([]byte("data"), mls.ProtectParams{}, alice.Signer)), g
		},
	} {
		stored = alice.Group.Version()
		first, from := make()
		second, again := make()
		require.Equal(t, from.Version(), again.Version(), what)
		require.Equal(t, first.Next.Version(), second.Next.Version(), what)
		require.Equal(t, from.Version()+1, first.Next.Version(), what)
		require.True(t, keep(first, from.Version()), what)
		require.False(t, keep(second, again.Version()), what)
	}
	for range 2 { // each time into a store that holds no such group: whichever comes second finds one
		s := must(mls.Join(mls.JoinParams{Welcome: adopted.Send[0].Message, KeyPackages: carol.Packages, Now: mlstest.Now()}))
		require.Equal(t, uint64(1), s.Next.Version())
	}
}

// What whoever counts sees of a Group does not come again when its client comes in anew: else a process that still holds the
// former Group would find its number in the store, and a backup of the former membership would not be too old.
func TestAttackVersionAgain(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	bob.Say("data")
	former, backup := bob.Group, whole(t, bob.Group)
	p := bob.ByGroupInfo(alice.Info())
	leaf := former.OwnLeaf()
	p.Resync = &leaf
	s := must(mls.JoinExternal(p))
	require.Equal(t, uint64(1), s.Next.Version())
	require.NoError(t, s.After(nil))
	require.ErrorIs(t, s.After(newMember(t, "carol").Create(t, "another")), mls.ErrWrongGroup)
	require.NoError(t, s.After(former))
	require.NoError(t, s.After(former), "it does so already")
	require.Equal(t, former.Version()+1, s.Next.Version())
	other := must(former.Protect(nil, mls.ProtectParams{}, bob.Signer))
	require.Equal(t, other.Next.Version(), s.Next.Version(), "one of them counts")
	require.ErrorIs(t, failure(mls.Load(mls.LoadParams{Records: backup.records(), Version: s.Next.Version()})), mls.ErrStale)

	require.ErrorIs(t, s.After(alice.Group), mls.ErrNotNext)
	require.ErrorIs(t, s.AfterVersion(7), mls.ErrNotNext)
	require.ErrorIs(t, other.AfterVersion(7), mls.ErrNotNext)
	store := whole(t, former)
	store.put(t, must(s.Next.Records(former)), nil)
	store.same(t, whole(t, s.Next))
	s.Erase()
	for i, x := range mls.SecretsOf(former) {
		require.True(t, x.IsZero(), "secret %d of the former Group is in memory", i)
	}
	lost := must(mls.JoinExternal(p))
	require.NoError(t, lost.AfterVersion(41))
	require.Equal(t, uint64(42), lost.Next.Version())
}

// Whatever changes a Group makes its number one higher, and what changes nothing does not.
func TestVersionCounts(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	at := uint64(1)
	after := func(s *mls.Step, err error) {
		t.Helper()
		require.NoError(t, err)
		at++
		require.Equal(t, at, s.Next.Version())
		alice.Group = s.Next
		require.Equal(t, at, must(whole(t, s.Next).load(mls.Params{})).Version())
	}
	at = alice.Group.Version()
	after(alice.Group.Protect(nil, mls.ProtectParams{}, alice.Signer))
	after(alice.Group.Handle(mls.Input{Message: bob.Say("data")}))
	after(alice.Group.Propose(&framing.GroupContextExtensions{}, mls.ProposeParams{}, alice.Signer))
	after(alice.Group.Commit(mls.CommitParams{ForcePath: true}, alice.Signer))
	after(alice.Group.Drop())
	after(alice.Group.Commit(mls.CommitParams{ForcePath: true}, alice.Signer))
	commit := alice.Group.Pending().Commit
	after(alice.Group.Handle(mls.Input{Message: commit}))
	after(alice.Group.Forget(0), nil)
	for _, s := range []*mls.Step{alice.Group.Forget(0), must(alice.Group.Handle(mls.Input{Message: commit}))} {
		require.Equal(t, at, s.Next.Version())
		require.Empty(t, must(s.Next.Records(alice.Group)))
	}
}

// TestAttackSkippedKeysAmplify: who skips a thousand generations makes others keep a thousand keys. What a message writes
// after that does not grow with them.
func TestAttackSkippedKeysAmplify(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	const skipped = 1000
	var late [][]byte
	for k := range skipped {
		late = append(late, bob.Say(fmt.Sprint(k)))
	}
	store := whole(t, alice.Group)
	written := func(message []byte, want string) (n int) {
		t.Helper()
		s := must(alice.Group.Handle(mls.Input{Message: message}))
		require.Equal(t, want, string(s.Events[0].(*mls.ApplicationMessage).Data))
		changes := must(s.Next.Records(alice.Group))
		for _, x := range changes {
			n += len(x.Key) + len(x.Value)
		}
		store.put(t, changes, nil)
		s.Erase()
		alice.Group = s.Next
		return n
	}
	once := written(bob.Say("ahead"), "ahead")
	require.Less(t, once, 100*skipped, "the keys are written once")
	inOrder, another, took := 0, 0, 0
	for k := range 20 {
		inOrder = max(inOrder, written(bob.Say("next"), "next"))
		if data := carol.Say("data"); k > 0 { // the first derives the ratchet
			another = max(another, written(data, "data"))
		} else {
			written(data, "data")
		}
		took = max(took, written(late[k*37], fmt.Sprint(k*37)))
	}
	t.Logf("%d keys skipped: %d bytes once, then %d in order, %d of another sender, %d late", skipped, once, inOrder, another, took)
	require.Less(t, inOrder, 1<<10)
	require.Less(t, another, 1<<10)
	require.Less(t, took, 4<<10)
	store.same(t, whole(t, alice.Group))

	alice.Group = must(store.load(alice.Params))
	for k, message := range slices.Backward(late) {
		if k%37 == 0 && k/37 < 20 {
			require.ErrorIs(t, failure(alice.Group.Handle(mls.Input{Message: message})), mls.ErrReplay)
		} else {
			require.Equal(t, fmt.Sprint(k), alice.Read(message))
		}
	}
	for key := range whole(t, alice.Group) {
		require.NotContains(t, key, "skipped")
	}
}

// comeBack lets bob, who has lost his Group or was removed, come into the group again, of which carol knows. It returns his new
// Group, and the commit that removed him if one did so before.
func comeBack(t *testing.T, way string, carol, bob *mlstest.Member) (*mls.Group, []byte) {
	former, leaf := bob.Group, bob.Group.OwnLeaf()
	defer func() { bob.Group = former }()
	switch way {
	case "added again":
		eve := newMember(t, "eve").Add()
		removal := carol.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: leaf}, eve}, Now: mlstest.Now()})
		bob.Join(carol.Commit(mls.CommitParams{Proposals: []framing.Proposal{bob.Add()}, Now: mlstest.Now()}).Adopted)
		return bob.Group, removal.Message
	case "resync elsewhere":
		carol.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 0}}})
	}
	p := bob.ByGroupInfo(carol.Info())
	p.Resync = &leaf
	s := must(mls.JoinExternal(p))
	if way == "joining" {
		return s.Next, nil
	}
	carol.Hear(s.Send[0].Message)
	s = must(s.Next.Adopt())
	return s.Next, nil
}

// TestRecordsOfAnotherMembership: a client comes back, at another leaf or at its old one. What it was and what it is replace
// each other in one transaction, and nothing of its former secrets stays, whatever became of the former Group.
func TestRecordsOfAnotherMembership(t *testing.T) {
	for _, way := range []string{"resync", "resync elsewhere", "added again", "joining"} {
		for _, fate := range []string{"as it was", "removed", "erased", "loaded"} {
			cast := newCastOf(t, func(c *mlstest.Party) { c.Params.Handshake = mls.HandshakePrivate }, nil, "alice", "bob", "carol")
			alice, bob, carol := three(cast)
			alice.Say("late")
			mlstest.Tell(alice.Say("data"), bob)
			bob.Say("mine")
			bob.Commit(mls.CommitParams{ForcePath: true}, alice, carol)
			bob.Propose(&framing.GroupContextExtensions{}, alice, carol)
			bob.MakeCommit(mls.CommitParams{ForcePath: true})

			former, leaf := bob.Group, bob.Group.OwnLeaf()
			back, removal := comeBack(t, way, carol, bob)
			if fate == "removed" && removal != nil {
				former = must(former.Handle(mls.Input{Message: removal, Now: mlstest.Now()})).Next
			}
			store := whole(t, former)
			var secrets [][]byte
			for _, s := range append(mls.SecretsOf(former), mls.SecretsOf(bob.Group)...) {
				secrets = append(secrets, slices.Clone(s.Bytes()))
			}
			switch fate {
			case "loaded":
				former = must(store.load(bob.Params))
			case "erased":
				former.EraseAll()
			}
			what := way + ", " + fate
			require.Equal(t, way == "resync" || way == "joining", leaf == back.OwnLeaf(), what)
			store.put(t, must(back.Records(former)), nil)
			store.same(t, whole(t, back), what)
			for _, s := range secrets {
				require.False(t, len(s) >= 16 && store.find(s) != "", "%s: a secret of the former membership is left", what)
			}
			again := must(store.load(bob.Params))
			store.same(t, whole(t, again), what)
			require.Equal(t, back.OwnLeaf(), again.OwnLeaf(), what)
			require.Equal(t, back.Status(), again.Status(), what)
		}
	}
}

// TestAttackStaleKeys: a record by which another member's messages are decrypted is from another time, or missing: a ratchet,
// a block of keys that were skipped, of this epoch or a past one. A key would serve twice, or a message be lost.
func TestAttackStaleKeys(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	late := []([]byte){bob.Say("one"), bob.Say("two")}
	alice.Hear(bob.Say("three"))
	keys := func(s shelf) (out []string) {
		for key := range s {
			if strings.HasPrefix(key, "epoch/1/ratchet/1/") || strings.HasPrefix(key, "epoch/1/skipped/1/") {
				out = append(out, key)
			}
		}
		return out
	}
	for past := range 2 {
		if past == 1 {
			alice.Commit(mls.CommitParams{}, bob)
		}
		before := whole(t, alice.Group)
		alice.Hear(late[past])
		now := whole(t, alice.Group)
		must(now.load(mls.Params{}))
		require.NotEmpty(t, keys(now))
		stale := 0
		for _, k := range keys(before) {
			mixed := maps.Clone(now)
			if mixed[k] = before[k]; slices.Equal(now[k], before[k]) {
				delete(mixed, k)
			}
			if _, ratchet := mixed[k]; !ratchet && strings.Contains(k, "/ratchet/") {
				continue // without its ratchet a tree does not fit together at all
			}
			requireStale(t, mixed, "counter", mls.ErrStaleRecord)
			stale++
		}
		require.NotZero(t, stale)
	}
	alice.Hear(bob.Say("four"))
	before := whole(t, alice.Group)
	alice.Hear(bob.Say("five"))
	now := whole(t, alice.Group)
	const ratchet = "epoch/2/ratchet/1/application"
	now[ratchet] = before[ratchet]
	requireStale(t, now, "counter", mls.ErrStaleRecord)
}

// TestAttackStaleMixture: of two ratchets one is older than the others' records, and one as much newer.
func TestAttackStaleMixture(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	alice.Hear(bob.Say("one"))
	alice.Hear(carol.Say("one"))
	older := whole(t, alice.Group)
	alice.Hear(bob.Say("two"))
	mixed := whole(t, alice.Group)
	alice.Hear(carol.Say("two"))
	const ofBob, ofCarol = "epoch/1/ratchet/1/application", "epoch/1/ratchet/2/application"
	mixed[ofBob], mixed[ofCarol] = older[ofBob], whole(t, alice.Group)[ofCarol]
	require.NotEmpty(t, mixed[ofBob])
	require.NotEmpty(t, mixed[ofCarol])
	requireStale(t, mixed, "counter", mls.ErrStaleRecord)
}

// TestAttackMixtures: records of two or more times are put together, one by one and at random. All are refused that are not the
// records of one time.
func TestAttackMixtures(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	var times []shelf
	snap := func() { times = append(times, whole(t, alice.Group)) }
	snap()
	alice.Hear(bob.Say("one"))
	snap()
	late := bob.Say("two")
	alice.Hear(bob.Say("three"))
	alice.Hear(carol.Say("one"))
	snap()
	alice.Say("one", bob, carol)
	snap()
	alice.Hear(bob.Propose(&framing.GroupContextExtensions{}, carol))
	snap()
	alice.Take(alice.Group.Decline(alice.Group.Proposals()[0].Ref))
	snap()
	alice.Say("two", bob, carol)
	snap()
	alice.MakeCommit(mls.CommitParams{ForcePath: true})
	snap()
	alice.Take(alice.Group.Drop())
	snap()
	alice.MakeCommit(mls.CommitParams{ForcePath: true, Proposals: []framing.Proposal{newMember(t, "dave").Add()}})
	snap()
	alice.Take(alice.Group.Drop())
	carol.Commit(mls.CommitParams{ForcePath: true}, alice, bob)
	snap()
	alice.Hear(late)
	snap()
	alice.Commit(mls.CommitParams{ForcePath: true}, bob, carol)
	snap()
	alice.Take(alice.Group.Forget(1), nil)
	snap()

	refused := func(mixed shelf, format string, args ...any) {
		t.Helper()
		_, err := mixed.load(mls.Params{})
		if slices.ContainsFunc(times, func(s shelf) bool { return maps.EqualFunc(s, mixed, slices.Equal) }) {
			require.NoError(t, err)
			return
		}
		var bad *mls.RecordError
		require.ErrorAs(t, err, &bad, fmt.Sprintf(format, args...))
	}
	keys := map[string]bool{}
	for i, now := range times {
		for j, then := range times {
			for key := range maps.Keys(then) {
				keys[key] = true
				mixed := maps.Clone(now)
				mixed[key] = then[key]
				refused(mixed, "%s of time %d among those of %d", key, j, i)
				delete(mixed, key)
				refused(mixed, "%s missing from those of %d", key, i)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 2000 {
		some := []shelf{times[r.IntN(len(times))], times[r.IntN(len(times))], times[r.IntN(len(times))]}
		mixed := shelf{}
		for key := range keys {
			if value, found := some[r.IntN(3)][key]; found {
				mixed[key] = value
			}
		}
		refused(mixed, "%v", slices.Sorted(maps.Keys(mixed)))
	}
}

// TestAttackKeptMessage: the message of a SelfRemove, which is handed to newcomers and sent again, is missing or another one.
func TestAttackKeptMessage(t *testing.T) {
	alice, bob := two(newCastOf(t, selfRemoving, nil, "alice", "bob"))
	alice.Hear(bob.Take(bob.Group.Propose(&framing.SelfRemove{}, mls.ProposeParams{}, bob.Signer)).Send[0].Message)
	for _, m := range []*mlstest.Member{alice, bob} {
		for _, change := range []func(shelf){
			func(s shelf) { delete(s, "message/0") },
			func(s shelf) { s["message/0"][len(s["message/0"])-1] ^= 1 },
		} {
			records := whole(t, m.Group)
			must(records.load(m.Params))
			change(records)
			requireStale(t, records, "counter", mls.ErrStaleRecord)
		}
	}
}

// TestAttackLostBranch: a client adopted a commit that lost, sent a message, and came back at the same epoch number and leaf. A
// record of the lost branch among the new ones would have it use a key again.
func TestAttackLostBranch(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	again := alice.ByGroupInfo(bob.Info())
	alice.Commit(mls.CommitParams{ForcePath: true}) // nobody takes it
	lost := whole(t, alice.Group)
	alice.Say("by the first key")
	lostLater := whole(t, alice.Group)
	leaf := alice.Group.OwnLeaf()
	again.Resync = &leaf
	s := must(mls.JoinExternal(again))
	require.NoError(t, s.After(alice.Group))
	bob.Hear(s.Send[0].Message)
	carol.Hear(s.Send[0].Message)
	g := must(s.Next.Adopt()).Next
	require.Equal(t, alice.Group.Epoch(), g.Epoch())
	require.Equal(t, leaf, g.OwnLeaf())
	now := whole(t, g)
	wrong := requireUnmixed(t, now, lost) + requireUnmixed(t, now, lostLater)
	require.NotZero(t, wrong)
}

// TestAttackLostPast: the same with past epochs, and the PSKs of those before.
func TestAttackLostPast(t *testing.T) {
	alice, _ := two(newCastOf(t, func(c *mlstest.Party) { c.Params.PastEpochs, c.Params.ResumptionEpochs = 3, 3 }, nil, "alice", "bob"))
	base := whole(t, alice.Group)
	branch := func() shelf {
		g := must(base.load(alice.Params))
		for range 2 {
			g = must(must(g.Commit(mls.CommitParams{ForcePath: true}, alice.Signer)).Next.Adopt()).Next
		}
		return whole(t, g)
	}
	require.Greater(t, requireUnmixed(t, branch(), branch()), 4)
}

// TestAttackBranches: two members follow different commits of one epoch, or one has another commit pending: all but the counter, or
// all that is pending, is of the other.
func TestAttackBranches(t *testing.T) {
	alice, bob := two(newCastOf(t, func(c *mlstest.Party) { c.Params.PastEpochs = 3 }, nil, "alice", "bob"))
	var pending, followed []shelf
	for range 2 {
		made := must(bob.Group.Commit(mls.CommitParams{ForcePath: true}, bob.Signer))
		pending = append(pending, whole(t, made.Next))
		g := must(alice.Group.Handle(input(made.Send[0].Message))).Next
		followed = append(followed, whole(t, g))
		next := must(must(made.Next.Adopt()).Next.Commit(mls.CommitParams{ForcePath: true}, bob.Signer))
		followed = append(followed, whole(t, must(g.Handle(input(next.Send[0].Message))).Next))
	}
	requireUnmixed(t, pending[0], pending[1])
	requireUnmixed(t, followed[0], followed[2])
	requireUnmixed(t, followed[1], followed[3])
}

// requireUnmixed puts each record of one Group among those of another, where they differ, and each family of them: all but one
// record, and all with a beginning in common. It requires that Load refuses, and returns how many there were.
func requireUnmixed(t *testing.T, now, other shelf) (n int) {
	t.Helper()
	must(now.load(mls.Params{}))
	mix := func(name string, of func(key string) bool) {
		t.Helper()
		mixed := shelf{}
		for key, value := range now {
			if !of(key) {
				mixed[key] = value
			}
		}
		for key, value := range other {
			if of(key) {
				mixed[key] = value
			}
		}
		if maps.EqualFunc(mixed, now, slices.Equal) || maps.EqualFunc(mixed, other, slices.Equal) {
			return
		}
		_, err := mixed.load(mls.Params{})
		var bad *mls.RecordError
		require.ErrorAs(t, err, &bad, name)
		n++
	}
	for key := range maps.Keys(now) {
		mix(key, func(k string) bool { return k == key })
		mix("all but "+key, func(k string) bool { return k != key })
		for i, c := range key {
			if c == '/' {
				mix(key[:i+1], func(k string) bool { return strings.HasPrefix(k, key[:i+1]) })
				mix("all but "+key[:i+1], func(k string) bool { return !strings.HasPrefix(k, key[:i+1]) })
			}
		}
	}
	return n
}
