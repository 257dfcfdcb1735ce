package mls_test

import (
	"bytes"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// keyUses notes which keys of an epoch messages were encrypted with.
type keyUses struct {
	t    *testing.T
	evil *mlstest.Insider
	mu   sync.Mutex
	used map[keyUse]bool
}

type keyUse struct {
	leaf       framing.LeafIndex
	ratchet    keyschedule.RatchetKind
	generation framing.Generation
}

func newKeyUses(t *testing.T, g *mls.Group) *keyUses {
	return &keyUses{t: t, evil: mlstest.NewInsider(t, g, nil), used: map[keyUse]bool{}}
}

// note fails when the message's key was used before.
func (u *keyUses) note(s *mls.Step) {
	for _, out := range s.Send {
		m := mlstest.Parse[*framing.PrivateMessage](u.t, out.Message)
		sender := must(m.OpenSenderData(u.evil.Suite, u.evil.Secrets.SenderDataSecret))
		use := keyUse{sender.LeafIndex, keyschedule.RatchetFor(m.ContentType), sender.Generation}
		u.mu.Lock()
		require.False(u.t, u.used[use], "key used twice: %+v", use)
		u.used[use] = true
		u.mu.Unlock()
	}
}

// generations returns the generations that a leaf used of a ratchet, in order.
func (u *keyUses) generations(leaf framing.LeafIndex, ratchet keyschedule.RatchetKind) (all []framing.Generation) {
	for use := range u.used {
		if use.leaf == leaf && use.ratchet == ratchet {
			all = append(all, use.generation)
		}
	}
	slices.Sort(all)
	return all
}

// requireConsecutive checks that generations 0 to n-1 were used, each once.
func (u *keyUses) requireConsecutive(leaf framing.LeafIndex, ratchet keyschedule.RatchetKind, n int) {
	u.t.Helper()
	all := u.generations(leaf, ratchet)
	require.Len(u.t, all, n)
	require.Equal(u.t, framing.Generation(n-1), all[n-1])
}

// TestNoKeyTwice sends from one value again and again, from its descendants, and from many goroutines at once: every
// key of the epoch is used once, and every message can be read.
func TestNoKeyTwice(t *testing.T) {
	f := mlstest.Build(t, mlstest.GroupParams{Members: 5, Shape: treekemtest.Full})
	g, signer, reader := f.Group(t, 2), f.SignerOf(2), f.Group(t, 4)
	uses := newKeyUses(t, reader)
	var mu sync.Mutex
	var sent [][]byte
	send := func(from *mls.Group) *mls.Group {
		s := must(from.Protect([]byte("again"), mls.ProtectParams{}, signer))
		uses.note(s)
		mu.Lock()
		sent = append(sent, s.Send[0].Message)
		mu.Unlock()
		return s.Next
	}
	for range 10 {
		send(g)
	}
	next := send(g)
	send(next)
	send(g)
	send(send(next))
	var all sync.WaitGroup
	for k := range 8 {
		all.Go(func() {
			from := []*mls.Group{g, next}[k%2]
			for n := range 10 {
				if after := send(from); n%3 == 0 {
					from = after
				}
			}
		})
	}
	all.Wait()
	uses.requireConsecutive(2, keyschedule.ApplicationRatchet, 15+80)
	for _, m := range sent {
		s := must(reader.Handle(mls.Input{Message: m}))
		s.Erase()
		reader = s.Next
	}
}

// TestNoHandshakeKeyTwice does the same with proposals and candidates for the next commit as PrivateMessages.
func TestNoHandshakeKeyTwice(t *testing.T) {
	f := mlstest.Build(t, mlstest.GroupParams{Members: 5, Shape: treekemtest.Mixed,
		Params: mls.Params{Handshake: mls.HandshakePrivate}})
	g, signer, reader := f.Group(t, 2), f.SignerOf(2), f.Group(t, 4)
	uses := newKeyUses(t, reader)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 3 {
				s := must(g.Commit(mls.CommitParams{}, signer))
				uses.note(s)
				must(reader.Handle(mls.Input{Message: s.Send[0].Message}))
				s = must(g.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, signer))
				uses.note(s)
				must(reader.Handle(mls.Input{Message: s.Send[0].Message}))
			}
		})
	}
	all.Wait()
	uses.requireConsecutive(2, keyschedule.HandshakeRatchet, 24)
}

// TestNoKeyTwiceAfterReload sends, stores and loads in turn, with messages made between storing and loading that were
// stored as well: whoever stores before it sends never uses a key again. A value that is not stored any more still
// counts with its own kind.
func TestNoKeyTwiceAfterReload(t *testing.T) {
	f := mlstest.Build(t, mlstest.GroupParams{Members: 5, Shape: treekemtest.Full,
		Params: mls.Params{Handshake: mls.HandshakePrivate}})
	g, signer := f.Group(t, 2), f.SignerOf(2)
	uses := newKeyUses(t, f.Group(t, 4))
	stored := shelf{}
	var saved *mls.Group
	store := func(g *mls.Group) {
		stored.put(t, must(g.Records(saved)), nil)
		saved = g
	}
	store(g)
	for round := range 6 {
		for range 3 {
			s := must(g.Protect([]byte("again"), mls.ProtectParams{}, signer))
			store(s.Next)
			uses.note(s)
			g = s.Next
		}
		// Three candidates from one value: the last one is stored, and it knows of all three.
		var last *mls.Step
		for range 3 {
			s := must(g.Commit(mls.CommitParams{}, signer))
			store(s.Next)
			uses.note(s)
			last = s
		}
		store(last.Next)
		s := must(must(stored.load(mls.Params{Handshake: mls.HandshakePrivate})).Drop())
		if round%2 == 0 {
			s.Erase()
		}
		g, saved, stored = s.Next, nil, shelf{}
		store(g)
	}
	uses.requireConsecutive(2, keyschedule.ApplicationRatchet, 18)
	uses.requireConsecutive(2, keyschedule.HandshakeRatchet, 18)
}

// TestErasedAnswersErrErased uses a value after a Step's Erase in every way there is.
func TestErasedAnswersErrErased(t *testing.T) {
	f := mlstest.Build(t, mlstest.GroupParams{Members: 5, Shape: treekemtest.Full})
	other := must(f.Group(t, 4).Protect([]byte("late"), mls.ProtectParams{}, f.SignerOf(4)))
	foreign := must(f.Group(t, 4).Commit(mls.CommitParams{}, f.SignerOf(4)))
	signer := f.SignerOf(2)
	uses := map[string]func(*mls.Group) error{
		"Protect": func(g *mls.Group) error { return failure(g.Protect(nil, mls.ProtectParams{}, signer)) },
		"Commit":  func(g *mls.Group) error { return failure(g.Commit(mls.CommitParams{}, signer)) },
		"ProposeUpdate": func(g *mls.Group) error {
			return failure(g.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, signer))
		},
		"Handle commit":      func(g *mls.Group) error { return failure(g.Handle(mls.Input{Message: foreign.Send[0].Message})) },
		"GroupInfo":          func(g *mls.Group) error { return failure(g.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, signer)) },
		"Export":             func(g *mls.Group) error { return failure(g.Export("label", nil, 16)) },
		"EpochAuthenticator": func(g *mls.Group) error { return failure(g.EpochAuthenticator()) },
	}
	for name, use := range uses {
		g := f.Group(t, 2)
		s := must(g.Handle(mls.Input{Message: foreign.Send[0].Message}))
		require.NoError(t, use(g), name)
		s.Erase()
		require.ErrorIs(t, use(g), mls.ErrErased, name)
	}

	// After a message, too, the old value gives no keys.
	g := f.Group(t, 2)
	s := must(g.Handle(mls.Input{Message: other.Send[0].Message}))
	s.Erase()
	require.ErrorIs(t, failure(g.Handle(mls.Input{Message: other.Send[0].Message})), mls.ErrErased)
	require.ErrorIs(t, failure(g.Protect(nil, mls.ProtectParams{}, signer)), mls.ErrErased)
	must(s.Next.Protect(nil, mls.ProtectParams{}, signer))

	s.Next.EraseAll()
	require.ErrorIs(t, failure(s.Next.Protect(nil, mls.ProtectParams{}, signer)), mls.ErrErased)
}

// TestEraseWhileInUse erases a value that others still use: what they get is right, or ErrErased, and never a key that
// follows from zeros.
func TestEraseWhileInUse(t *testing.T) {
	f := mlstest.Build(t, mlstest.GroupParams{Members: 5, Shape: treekemtest.Full})
	signer := f.SignerOf(2)
	for range 10 {
		g, reader := f.Group(t, 2), f.Group(t, 4)
		s := must(g.Protect([]byte("first"), mls.ProtectParams{}, signer))
		var all sync.WaitGroup
		messages := make([][]byte, 8)
		for k := range messages {
			all.Go(func() {
				s, err := g.Protect([]byte("while"), mls.ProtectParams{}, signer)
				if err == nil {
					messages[k] = s.Send[0].Message
				} else if !errors.Is(err, mls.ErrErased) {
					t.Errorf("got %v", err)
				}
			})
		}
		all.Go(s.Erase)
		all.Wait()
		for _, m := range slices.DeleteFunc(messages, func(m []byte) bool { return m == nil }) {
			r := must(reader.Handle(mls.Input{Message: m}))
			reader = r.Next
		}
	}
}

// TestReuseGuard checks that two messages under one key, as from state that was restored, differ in their guard and so
// in their nonce.
func TestReuseGuard(t *testing.T) {
	guard := func(seed string) []byte {
		f := mlstest.Build(t, mlstest.GroupParams{Members: 2, Params: seeded(mls.Params{}, seed)})
		s := must(f.Group(t, 0).Protect([]byte("same"), mls.ProtectParams{}, f.SignerOf(0)))
		m := mlstest.Parse[*framing.PrivateMessage](t, s.Send[0].Message)
		sender := must(m.OpenSenderData(mlstest.Suite(t, 1), mlstest.NewInsider(t, f.Group(t, 0), nil).Secrets.SenderDataSecret))
		require.Zero(t, sender.Generation)
		return sender.ReuseGuard[:]
	}
	require.False(t, bytes.Equal(guard("one"), guard("two")))
}

// TestReplayAfterRemoval reads a late message after the removal of its reader: once.
func TestReplayAfterRemoval(t *testing.T) {
	f := mlstest.Build(t, mlstest.GroupParams{Members: 4})
	late := must(f.Group(t, 1).Protect([]byte("late"), mls.ProtectParams{}, f.SignerOf(1)))
	remove, err := f.Group(t, 0).Commit(
		mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 2}}}, f.SignerOf(0))
	require.NoError(t, err)
	s := must(f.Group(t, 2).Handle(mls.Input{Message: remove.Send[0].Message}))
	s.Erase()
	read := must(s.Next.Handle(mls.Input{Message: late.Send[0].Message}))
	require.Equal(t, "late", string(read.Events[0].(*mls.ApplicationMessage).Data))
	read.Erase()
	require.ErrorIs(t, failure(read.Next.Handle(mls.Input{Message: late.Send[0].Message})), mls.ErrReplay)
}
