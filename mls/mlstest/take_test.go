package mlstest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// stored is a client that stores its group.
type stored struct {
	*mlstest.Party
	mlstest.Store
	group *mls.Group
	shown []string
}

// newStored returns a client alone in a group.
func newStored(t *testing.T, name string) *stored {
	s := &stored{Party: mlstest.NewParty(t, 1, name)}
	s.Take(t, &s.group)(mls.Create(mls.CreateParams{
		CipherSuite: 1, GroupID: []byte("group"), Leaf: s.LeafParams, Lifetime: mlstest.Lifetime(), Params: s.Params}))
	return s
}

// restart does what a new process does first.
func (s *stored) restart(t *testing.T, run int) {
	s.Restart()
	mlstest.Seed(&s.Params, fmt.Sprintf("%s, run %d", s.Name, run))
	s.group = s.Load(t, "group", s.Params)
}

func (s *stored) show(r mlstest.Received) []mlstest.Note {
	m, ok := r.Event.(*mls.ApplicationMessage)
	if !ok {
		return nil
	}
	s.shown = append(s.shown, string(m.Data))
	return []mlstest.Note{{Key: "log", Value: s.Note("log") + string(m.Data)}}
}

// TestStoreSends kills a sender at each of the points between a plan and its end. The message goes out from every one,
// and only the plan of the first two has to be carried out again.
func TestStoreSends(t *testing.T) {
	points := []string{"before the transaction", "in the transaction",
		"after the transaction, before Erase", "before sending", "after sending, before the removal"}
	for i, want := range points {
		s := newStored(t, "alice")
		s.Crash = &mlstest.Crash{At: i + 1}
		var sent []string
		send := func(p mlstest.Parcel) bool {
			sent = append(sent, string(p.Message))
			return true
		}
		require.True(t, s.Crash.Run(func() {
			s.Take(t, &s.group, mlstest.Note{Key: "plan", Value: "done"})(s.group.Protect([]byte("hi"), mls.ProtectParams{}, s.Signer))
			s.Send(send)
		}), want)
		require.Equal(t, want, s.Crash.Point)
		s.restart(t, 1)
		require.Equal(t, i >= 2, s.Note("plan") == "done", want)
		if i < 2 {
			require.Empty(t, s.Outbox(), want)
			s.Take(t, &s.group)(s.group.Protect([]byte("hi"), mls.ProtectParams{}, s.Signer))
		}
		s.Send(send)
		require.Empty(t, s.Outbox(), want)
		if i < 4 {
			require.Len(t, sent, 1, want)
		} else {
			require.Len(t, sent, 2, want)
			require.Equal(t, sent[0], sent[1], "the same message goes out twice")
		}
	}
}

// TestStoreReceives kills a receiver at each point between a message and its end.
func TestStoreReceives(t *testing.T) {
	points := []string{"before the transaction", "in the transaction",
		"after the transaction, before Erase", "before delivery", "after delivery, before the removal"}
	for i, want := range points {
		alice, bob := newStored(t, "alice"), &stored{Party: mlstest.NewParty(t, 1, "bob")}
		own, his := alice.Member(t, alice.group), bob.Member(t, nil)
		own.Welcome(his)
		bob.Take(t, &bob.group)(his.Group.Forget(9), nil) // stores it
		in := mls.Input{Message: own.Say("hi"), Now: mlstest.Now()}

		bob.Crash = &mlstest.Crash{At: i + 1}
		require.True(t, bob.Crash.Run(func() {
			bob.Take(t, &bob.group)(bob.group.Handle(in))
			bob.Deliver(bob.show)
		}), want)
		require.Equal(t, want, bob.Crash.Point)
		bob.restart(t, 1)
		step, err := bob.group.Handle(in) // it was not acknowledged, so it comes again
		if i < 2 {
			bob.Take(t, &bob.group)(step, err)
		} else {
			require.ErrorIs(t, err, mls.ErrReplay)
		}
		bob.Deliver(bob.show)
		require.Empty(t, bob.Inbox())
		require.Equal(t, "hi", bob.Note("log"), "exactly once with the removal: %s", want)
		if i < 4 {
			require.Equal(t, []string{"hi"}, bob.shown, want)
		} else {
			require.Equal(t, []string{"hi", "hi"}, bob.shown, "at least once elsewhere")
		}
	}
}

// TestStoreBoxesInMemory loses what the contract keeps.
func TestStoreBoxesInMemory(t *testing.T) {
	s := newStored(t, "alice")
	s.BoxesInMemory = true
	s.Take(t, &s.group)(s.group.Protect([]byte("hi"), mls.ProtectParams{}, s.Signer))
	require.Len(t, s.Outbox(), 1)
	s.restart(t, 1)
	require.Empty(t, s.Outbox())
}

// TestStoreRefuses drops a Step whose Claim is answered with no, and one of two from the same Group.
func TestStoreRefuses(t *testing.T) {
	s := newStored(t, "alice")
	bob := mlstest.NewParty(t, 1, "bob").KeyPackage(t)
	add := mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: bob.KeyPackage}}, Now: mlstest.Now()}
	s.Trusts = func(c mls.Claim) bool { return string(c.Credential.Identity) != "bob" }
	before := s.group
	require.Nil(t, s.Take(t, &s.group)(s.group.Commit(add, s.Signer)))
	require.Same(t, before, s.group)
	require.Empty(t, s.Outbox())
	s.Crash = &mlstest.Crash{At: 1}
	require.True(t, s.Crash.Run(func() { s.Take(t, &s.group)(s.group.Commit(add, s.Signer)) }))
	require.Equal(t, "before a claim", s.Crash.Point)

	s.Take(t, &s.group)(s.group.Protect([]byte("one"), mls.ProtectParams{}, s.Signer))
	old := &stored{Party: s.Party, group: before}
	require.PanicsWithValue(t, "mlstest: the store does not hold the Group that the Step began with", func() {
		s.Take(mlstest.Panics{}, &old.group)(s.group.Protect([]byte("two"), mls.ProtectParams{}, s.Signer))
	})
}

// TestStoreKeyPackages joins after a restart, and by a KeyPackage only once.
func TestStoreKeyPackages(t *testing.T) {
	alice, bob := newStored(t, "alice"), &stored{Party: mlstest.NewParty(t, 1, "bob")}
	once := bob.KeyPackage(t)
	last, err := mls.NewKeyPackage(mls.KeyPackageParams{
		CipherSuite: 1, Leaf: bob.LeafParams, Lifetime: mlstest.Lifetime(), LastResort: true, Params: bob.Params})
	require.NoError(t, err)
	bob.KeepKeyPackage(t, once)
	bob.KeepKeyPackage(t, last, mlstest.Note{Key: "published", Value: "2"})
	require.Equal(t, "2", bob.Note("published"))
	bob.restart(t, 1)
	require.Nil(t, bob.group)
	require.Len(t, bob.KeyPackages(t), 2)
	for _, k := range []*mls.OwnKeyPackage{once, last} {
		var other *mls.Group
		take := mlstest.Take(t, &other)
		take(mls.Create(mls.CreateParams{CipherSuite: 1, Leaf: alice.LeafParams, Lifetime: mlstest.Lifetime()}))
		take(other.Commit(mls.CommitParams{
			Proposals: []framing.Proposal{&framing.Add{KeyPackage: k.KeyPackage}}, Now: mlstest.Now()}, alice.Signer))
		welcome := take(other.Adopt()).Send[0].Message
		bob.group = nil
		bob.Take(t, &bob.group)(mls.Join(mls.JoinParams{
			Welcome: welcome, KeyPackages: bob.KeyPackages(t), Now: mlstest.Now(), Params: bob.Params}))
		require.Len(t, bob.KeyPackages(t), 1, "only that of last resort stays")
	}
	require.Len(t, bob.Groups(), 2)
}

// TestCrashRun lets other panics through.
func TestCrashRun(t *testing.T) {
	c := &mlstest.Crash{At: 2}
	require.False(t, c.Run(func() { c.Pass("one") }))
	require.PanicsWithValue(t, "another", func() { c.Run(func() { panic("another") }) })
	require.True(t, c.Run(func() { c.Pass("two") }))
	require.Equal(t, "two", c.Point)
}
