package keyschedule

import (
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

func kinds() []RatchetKind { return []RatchetKind{HandshakeRatchet, ApplicationRatchet} }

func TestTreeEqualsReference(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite *ciphersuite.Suite) {
		ref := reference{suite.HashFunc}
		for _, leaves := range []int{1, 2, 16} {
			secrets := ref.leaves(pattern(1, suite.HashSize), leaves)
			tree := newTestTree(t, suite, TreeParams{Leaves: uint32(leaves), Own: framing.NoLeaf})
			require.Equal(t, uint32(leaves), tree.Leaves())
			for leaf := range leaves {
				for _, kind := range kinds() {
					keys, _ := ref.ratchet(suite, secrets[leaf], kind, 6)
					for _, g := range []framing.Generation{1, 0, 5, 3, 4, 2} {
						got, next, err := tree.ReceivingKey(framing.LeafIndex(leaf), kind, g)
						require.NoError(t, err)
						require.Equal(t, g, got.Generation)
						require.Equal(t, keys[g], reveal(got), "leaf %d of %d, %v %d", leaf, leaves, kind, g)
						tree.EraseExcept(next)
						tree = next
					}
				}
			}
		}
	})
}

// Whatever the order, each generation is handed out exactly once and equals the reference, and after each step the
// tree holds nothing of what RFC 9420, Section 9.2 calls consumed.
func TestReceivingInAnyOrder(t *testing.T) {
	suite := newSuite(t, firstSuite)
	ref := reference{suite.HashFunc}
	const leaves, generations = 8, 12
	secrets := ref.leaves(pattern(1, suite.HashSize), leaves)
	rapid.Check(t, func(t *rapid.T) {
		tree := newTestTree(t, suite, TreeParams{Leaves: leaves, Own: framing.NoLeaf})
		used := map[string]bool{}
		consumed := map[string]bool{string(pattern(1, suite.HashSize)): true}
		for range rapid.IntRange(1, 30).Draw(t, "messages") {
			leaf := framing.LeafIndex(rapid.IntRange(0, leaves-1).Draw(t, "leaf"))
			kind := rapid.SampledFrom(kinds()).Draw(t, "kind")
			g := framing.Generation(rapid.IntRange(0, generations-1).Draw(t, "generation"))
			name := fmt.Sprint(leaf, kind, g)

			key, next, err := tree.ReceivingKey(leaf, kind, g)
			if used[name] {
				require.ErrorIs(t, err, ErrGenerationUsed)
				continue
			}
			require.NoError(t, err)
			keys, ratchet := ref.ratchet(suite, secrets[leaf], kind, generations)
			require.Equal(t, keys[g], reveal(key))

			before := heldCopy(tree)
			if rapid.Bool().Draw(t, "forged") {
				fresh := held(next)
				next.EraseExcept(tree)
				require.Equal(t, before, heldCopy(tree), "a forged message changes nothing")
				requireErasedUnless(t, fresh, tree)
				_, _, err = next.ReceivingKey(leaf, kind, g)
				require.ErrorIs(t, err, ErrErased)
				continue
			}
			old := held(tree)
			tree.EraseExcept(next)
			requireErasedUnless(t, old, next)
			_, _, err = tree.ReceivingKey(leaf, kind, g)
			require.ErrorIs(t, err, ErrErased)
			tree = next
			used[name] = true

			for _, s := range ref.path(pattern(1, suite.HashSize), uint32(leaves), uint32(leaf)) {
				consumed[string(s)] = true
			}
			for _, s := range ratchet[:g+1] {
				consumed[string(s)] = true
			}
			consumed[keys[g].key+keys[g].nonce] = true
			for _, s := range heldCopy(tree) {
				require.False(t, consumed[s], "the tree holds a consumed secret")
			}
		}
	})
}

// path lists the secrets from the root to a leaf.
func (r reference) path(secret []byte, n, leaf uint32) [][]byte {
	if n == 1 {
		return [][]byte{secret}
	}
	side := "left"
	if leaf >= n/2 {
		side = "right"
	}
	return append([][]byte{secret}, r.path(r.expand(secret, "tree", []byte(side), r.h.Size()), n/2, leaf%(n/2))...)
}

// requireErasedUnless finds each secret zeroed that the tree kept does not hold.
func requireErasedUnless(t require.TestingT, secrets [][]byte, kept *SecretTree) {
	still := map[*byte]bool{}
	for _, b := range held(kept) {
		if len(b) > 0 {
			still[&b[0]] = true
		}
	}
	for _, b := range secrets {
		if len(b) > 0 && !still[&b[0]] {
			require.Equal(t, make([]byte, len(b)), b, "a secret that was replaced is not erased")
		}
		if len(b) > 0 && still[&b[0]] {
			require.NotEqual(t, make([]byte, len(b)), b, "a secret still needed is erased")
		}
	}
}

func TestForgedMessageCostsNothing(t *testing.T) {
	suite := newSuite(t, firstSuite)
	tree := newTestTree(t, suite, TreeParams{Leaves: 4})
	forged, successor, err := tree.ReceivingKey(other, ApplicationRatchet, 900)
	require.NoError(t, err)
	forged.Erase()
	successor.EraseExcept(tree)
	genuine, next, err := tree.ReceivingKey(other, ApplicationRatchet, 0)
	require.NoError(t, err)
	require.False(t, genuine.Key.IsZero())

	// The same for a key that was skipped: the copy handed out can be erased and the tree still has it.
	_, tree, err = next.ReceivingKey(other, ApplicationRatchet, 5)
	require.NoError(t, err)
	first, _, err := tree.ReceivingKey(other, ApplicationRatchet, 3)
	require.NoError(t, err)
	want := reveal(first)
	first.Erase()
	again, _, err := tree.ReceivingKey(other, ApplicationRatchet, 3)
	require.NoError(t, err)
	require.Equal(t, want, reveal(again))
}

func TestReceivingRefusals(t *testing.T) {
	suite := newSuite(t, firstSuite)
	counter := &counting{Provider: suite.Provider}
	counted, err := ciphersuite.NewWithProvider(counter)
	require.NoError(t, err)
	tree := newTestTree(t, counted, TreeParams{Leaves: 4, Own: 1, Limits: Limits{ForwardDistance: 10}})
	counter.expands = 0
	for _, c := range []struct {
		leaf       framing.LeafIndex
		kind       RatchetKind
		generation framing.Generation
		want       error
	}{
		{4, ApplicationRatchet, 0, ErrLeafIndex},
		{framing.NoLeaf, ApplicationRatchet, 0, ErrLeafIndex},
		{other, ratchetKinds, 0, ErrLeafIndex},
		{1, ApplicationRatchet, 0, ErrOwnLeaf},
		{other, ApplicationRatchet, 11, ErrGenerationTooFar},
		{other, HandshakeRatchet, 1<<32 - 1, ErrGenerationTooFar},
	} {
		_, _, err := tree.ReceivingKey(c.leaf, c.kind, c.generation)
		require.ErrorIs(t, err, c.want)
		var detail *RatchetError
		require.ErrorAs(t, err, &detail)
		require.Equal(t, RatchetError{c.leaf, c.kind, c.generation, c.want}, *detail)
	}
	require.Zero(t, counter.expands, "nothing is derived before the checks")
	_, tree, err = tree.ReceivingKey(other, ApplicationRatchet, 10)
	require.NoError(t, err)
	_, _, err = tree.ReceivingKey(other, ApplicationRatchet, 22)
	require.ErrorIs(t, err, ErrGenerationTooFar)
	_, _, err = tree.ReceivingKey(other, ApplicationRatchet, 10)
	require.ErrorIs(t, err, ErrGenerationUsed)
}

func TestTreeParams(t *testing.T) {
	suite := newSuite(t, firstSuite)
	start := func(leaves uint32, own framing.LeafIndex) error {
		secret, err := NewEncryptionSecret(suite, secretOf(pattern(1, 32)))
		require.NoError(t, err)
		_, err = NewSecretTree(secret, TreeParams{Suite: suite, Leaves: leaves, Own: own})
		return err
	}
	for _, leaves := range []uint32{0, 3, 6, 1<<31 + 1, 1<<32 - 1} {
		require.ErrorIs(t, start(leaves, 0), ErrLeafCount, "%d leaves", leaves)
	}
	require.ErrorIs(t, start(4, 4), ErrLeafIndex)
	require.NoError(t, start(1<<31, 1<<31-1))
	_, err := NewSecretTree(EncryptionSecret{}, TreeParams{Suite: suite, Leaves: 2})
	require.ErrorIs(t, err, ErrErased)
}

// TestLargestTree walks down the deepest tree on a small stack (H-10).
func TestLargestTree(t *testing.T) {
	defer debug.SetMaxStack(debug.SetMaxStack(64 << 10))
	suite := newSuite(t, firstSuite)
	tree := newTestTree(t, suite, TreeParams{Leaves: 1 << 31})
	ref := reference{suite.HashFunc}
	path := ref.path(pattern(1, 32), 1<<31, 1<<31-1)
	keys, _ := ref.ratchet(suite, path[31], HandshakeRatchet, 1)
	got, _, err := tree.ReceivingKey(1<<31-1, HandshakeRatchet, 0)
	require.NoError(t, err)
	require.Equal(t, keys[0], reveal(got))
}

// The first message of a leaf costs two derivations per level, two for the ratchets and three for the message; each
// later one, three.
func TestDerivationCount(t *testing.T) {
	suite := newSuite(t, firstSuite)
	counter := &counting{Provider: suite.Provider}
	counted, err := ciphersuite.NewWithProvider(counter)
	require.NoError(t, err)
	const depth = 20
	tree := newTestTree(t, counted, TreeParams{Leaves: 1 << depth})
	for _, c := range []struct {
		leaf       framing.LeafIndex
		generation framing.Generation
		want       int
	}{
		{1<<depth - 1, 0, 2*depth + 2 + 3},
		{1<<depth - 1, 1, 3},
		{1<<depth - 1, 2, 3},
		{1<<depth - 1, 4, 3 + 3},     // one key skipped
		{1<<depth - 1, 3, 0},         // and used
		{1<<depth - 2, 0, 2 + 3},     // its leaf is derived already
		{1<<depth - 3, 0, 2 + 2 + 3}, // as is the parent of its leaf
	} {
		counter.expands = 0
		_, next, err := tree.ReceivingKey(c.leaf, ApplicationRatchet, c.generation)
		require.NoError(t, err)
		require.Equal(t, c.want, counter.expands, "leaf %d, generation %d", c.leaf, c.generation)
		tree.EraseExcept(next)
		tree = next
	}
	require.Len(t, held(tree), depth-2+1+3*2, "one sibling per level, and two ratchets for each active leaf")
}

func TestSkippedKeyLimits(t *testing.T) {
	suite := newSuite(t, firstSuite)
	take := func(tree **SecretTree, g framing.Generation) error {
		_, next, err := (*tree).ReceivingKey(other, ApplicationRatchet, g)
		if err == nil {
			(*tree).EraseExcept(next)
			*tree = next
		}
		return err
	}
	kept := func(tree *SecretTree) (out []framing.Generation) {
		for b := range tree.Skipped(nil) {
			for _, k := range b.Keys {
				out = append(out, k.Generation)
			}
		}
		return out
	}
	t.Run("number", func(t *testing.T) {
		tree := newTestTree(t, suite, TreeParams{Leaves: 4, Limits: Limits{ForwardDistance: 100, SkippedKeys: 3}})
		require.NoError(t, take(&tree, 2))
		require.Equal(t, []framing.Generation{0, 1}, kept(tree))
		old := held(tree)
		require.NoError(t, take(&tree, 5))
		require.Equal(t, []framing.Generation{1, 3, 4}, kept(tree), "the oldest is dropped")
		requireErasedUnless(t, old, tree)
		require.ErrorIs(t, take(&tree, 0), ErrGenerationTooOld)
		require.ErrorIs(t, take(&tree, 2), ErrGenerationUsed)
		require.NoError(t, take(&tree, 50))
		require.Equal(t, []framing.Generation{47, 48, 49}, kept(tree))
		require.ErrorIs(t, take(&tree, 46), ErrGenerationTooOld)
		require.NoError(t, take(&tree, 48))
		require.Equal(t, []framing.Generation{47, 49}, kept(tree))
		require.ErrorIs(t, take(&tree, 48), ErrGenerationUsed)
	})
	t.Run("distance", func(t *testing.T) {
		tree := newTestTree(t, suite, TreeParams{Leaves: 4, Limits: Limits{BackwardDistance: 4}})
		require.NoError(t, take(&tree, 2))
		require.NoError(t, take(&tree, 3))
		require.Equal(t, []framing.Generation{0, 1}, kept(tree))
		require.NoError(t, take(&tree, 4))
		require.Equal(t, []framing.Generation{1}, kept(tree), "generation 0 is 5 behind")
		require.ErrorIs(t, take(&tree, 0), ErrGenerationTooOld)
		require.NoError(t, take(&tree, 20))
		require.Equal(t, []framing.Generation{17, 18, 19}, kept(tree))
	})
	t.Run("none", func(t *testing.T) {
		tree := newTestTree(t, suite, TreeParams{Leaves: 4, Limits: Limits{SkippedKeys: -1}})
		require.NoError(t, take(&tree, 2))
		require.Empty(t, kept(tree))
		require.ErrorIs(t, take(&tree, 1), ErrGenerationTooOld)
		require.NoError(t, take(&tree, 3))
	})
	t.Run("defaults", func(t *testing.T) {
		tree := newTestTree(t, suite, TreeParams{Leaves: 4})
		require.ErrorIs(t, take(&tree, DefaultForwardDistance+1), ErrGenerationTooFar)
		for jump := range framing.Generation(6) {
			require.NoError(t, take(&tree, (jump+1)*DefaultForwardDistance))
			require.LessOrEqual(t, len(kept(tree)), DefaultSkippedKeys)
		}
	})
}

func TestReceivingLastGeneration(t *testing.T) {
	suite := newSuite(t, firstSuite)
	tree := restoreAt(t, suite, other, 1<<32-2, [2]uint64{})
	_, tree, err := tree.ReceivingKey(other, HandshakeRatchet, 1<<32-1)
	require.NoError(t, err)
	for g, want := range map[framing.Generation]error{0: ErrGenerationTooOld, 1<<32 - 1: ErrGenerationUsed} {
		_, _, err = tree.ReceivingKey(other, HandshakeRatchet, g)
		require.ErrorIs(t, err, want, "generation %d does not come round again", g)
	}
	_, tree, err = tree.ReceivingKey(other, HandshakeRatchet, 1<<32-2)
	require.NoError(t, err)
	for r := range tree.Ratchets(nil) {
		if r.Kind == HandshakeRatchet {
			require.Equal(t, uint64(1<<32), r.Next)
			require.True(t, r.Secret.IsZero())
		}
	}
}

// The end of a ratchet erases what was derived on the way there, and nothing of the tree that it started from.
func TestErasingAtLastGeneration(t *testing.T) {
	suite := newSuite(t, firstSuite)
	watch := &watching{Provider: suite.Provider}
	watched, err := ciphersuite.NewWithProvider(watch)
	require.NoError(t, err)
	for _, from := range []uint64{1<<32 - 1, 1<<32 - 2, 1<<32 - 3} {
		tree := restoreAt(t, watched, other, from, [2]uint64{})
		watch.secrets = nil
		first, _, err := tree.ReceivingKey(other, HandshakeRatchet, 1<<32-1)
		require.NoError(t, err)
		require.Len(t, watch.secrets, int(1<<32-1-from))
		for _, s := range watch.secrets {
			require.True(t, s.IsZero(), "a secret of the ratchet on the way from generation %d is left", from)
		}
		again, _, err := tree.ReceivingKey(other, HandshakeRatchet, 1<<32-1)
		require.NoError(t, err)
		require.Equal(t, reveal(first), reveal(again))
	}
}

// restoreAt makes a tree of 4 leaves with own leaf 0, in which the ratchets of one leaf stand at a generation.
func restoreAt(
	t *testing.T, suite *ciphersuite.Suite, leaf framing.LeafIndex, next uint64, sent [2]uint64,
) *SecretTree {
	t.Helper()
	state := TreeRecord{TreeParams: TreeParams{Suite: suite, Leaves: 4}, Sent: sent}
	for _, kind := range kinds() {
		secret := ciphersuite.NewSecret(pattern(byte(kind), suite.HashSize))
		state.Ratchets = append(state.Ratchets, RatchetRecord{Leaf: leaf, Kind: kind, Next: next, Secret: secret})
	}
	tree, err := RestoreSecretTree(state)
	require.NoError(t, err)
	return tree
}

func TestSendingLimits(t *testing.T) {
	for _, c := range []struct {
		suite ciphersuite.CipherSuite
		limit uint64
		want  error
	}{
		{ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519, MaxMessagesAESGCM, ErrUsageLimit},
		{ciphersuite.MLS256DHKEMP521AES256GCMSHA512P521, MaxMessagesAESGCM, ErrUsageLimit},
		{ciphersuite.MLS128DHKEMX25519CHACHA20POLY1305SHA256Ed25519, 1 << 32, ErrRatchetExhausted},
	} {
		t.Run(c.suite.String(), func(t *testing.T) {
			if !slices.Contains(ciphersuite.Supported(), c.suite) {
				t.Skip("this build was made without the suite")
			}
			tree := restoreAt(t, newSuite(t, c.suite), 0, c.limit-2, [2]uint64{})
			require.Equal(t, c.limit-2, tree.Sent(ApplicationRatchet))
			for range 2 {
				_, next, err := tree.SendingKey(ApplicationRatchet)
				require.NoError(t, err)
				tree.EraseExcept(next)
				tree = next
			}
			for range 2 {
				_, _, err := tree.SendingKey(ApplicationRatchet)
				require.ErrorIs(t, err, c.want)
				require.Equal(t, c.limit, tree.Sent(ApplicationRatchet), "a refusal counts nothing")
			}
			_, _, err := tree.SendingKey(HandshakeRatchet)
			require.NoError(t, err, "the other ratchet goes on")
		})
	}
}

func TestSendingCounterIsShared(t *testing.T) {
	suite := newSuite(t, firstSuite)
	ref := reference{suite.HashFunc}
	leaf := ref.leaves(pattern(1, 32), 4)[1]
	keys, _ := ref.ratchet(suite, leaf, ApplicationRatchet, 10)
	old := newTestTree(t, suite, TreeParams{Leaves: 4, Own: 1})
	send := func(tree *SecretTree, want int) *SecretTree {
		key, next, err := tree.SendingKey(ApplicationRatchet)
		require.NoError(t, err)
		require.Equal(t, framing.Generation(want), key.Generation)
		require.Equal(t, keys[want], reveal(key))
		return next
	}
	a := send(old, 0)
	b := send(old, 1)
	a = send(a, 2)
	_, b, err := b.ReceivingKey(other, ApplicationRatchet, 0)
	require.NoError(t, err)
	send(b, 3)
	send(a, 4)
	send(old, 5)
	require.Equal(t, uint64(6), a.Sent(ApplicationRatchet))
	require.Zero(t, a.Sent(HandshakeRatchet))
	require.Zero(t, a.Sent(ratchetKinds))

	old.EraseExcept(a)
	_, _, err = old.SendingKey(ApplicationRatchet)
	require.ErrorIs(t, err, ErrErased)
	require.Equal(t, uint64(6), a.Sent(ApplicationRatchet), "a refusal reserves nothing")
	a.EraseExcept(a)
	send(a, 6)
	a.EraseExcept(nil)
	_, _, err = a.SendingKey(ApplicationRatchet)
	require.ErrorIs(t, err, ErrErased)

	receiver := newTestTree(t, suite, TreeParams{Leaves: 4, Own: framing.NoLeaf})
	_, _, err = receiver.SendingKey(ApplicationRatchet)
	require.ErrorIs(t, err, ErrLeafIndex)
	_, _, err = b.SendingKey(ratchetKinds)
	require.ErrorIs(t, err, ErrLeafIndex)
}

// Many goroutines send from one value and from its successors, while values are replaced and erased: every generation
// comes out once, with its own key.
func TestConcurrentSending(t *testing.T) {
	suite := newSuite(t, firstSuite)
	ref := reference{suite.HashFunc}
	const senders, each = 8, 40
	want, _ := ref.ratchet(suite, ref.leaves(pattern(1, 32), 4)[0], ApplicationRatchet, senders*each)
	first := newTestTree(t, suite, TreeParams{Leaves: 4})
	got := make([]map[framing.Generation]messageKey, senders)
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			got[i] = map[framing.Generation]messageKey{}
			tree := first
			for n := range each {
				key, next, err := tree.SendingKey(ApplicationRatchet)
				if err != nil {
					t.Error(err)
					return
				}
				got[i][key.Generation] = reveal(key)
				if n%3 == 1 && tree != first {
					tree.EraseExcept(next) // as a group does that adopts the successor
				}
				if n%3 > 0 {
					tree = next
				}
			}
		})
	}
	wg.Wait()
	all := map[framing.Generation]messageKey{}
	for _, keys := range got {
		maps.Copy(all, keys)
	}
	require.Len(t, all, senders*each, "no generation was given out twice")
	for g, key := range all {
		require.Equal(t, want[g], key)
	}
}

// What a replaced tree shared with a third one is lost to that one, which says so instead of deriving from zeros.
func TestThirdTreeLosesWhatIsErased(t *testing.T) {
	suite := newSuite(t, firstSuite)
	receive := func(tree *SecretTree, leaf framing.LeafIndex, g framing.Generation) *SecretTree {
		_, next, err := tree.ReceivingKey(leaf, ApplicationRatchet, g)
		require.NoError(t, err)
		return next
	}
	lost := func(tree *SecretTree, leaf framing.LeafIndex, g framing.Generation) {
		_, _, err := tree.ReceivingKey(leaf, ApplicationRatchet, g)
		require.ErrorIs(t, err, ErrErased)
	}
	start := newTestTree(t, suite, TreeParams{Leaves: 8})
	base := receive(start, other, 3)
	third := receive(base, 6, 0)   // shares with base the ratchets of leaf 2, with generations 0 to 2 skipped
	adopted := receive(base, 1, 0) // the leaves 4 to 7 are shared by base and adopted
	adopted = receive(receive(adopted, other, 1), other, 4)
	base.EraseExcept(adopted)
	lost(third, other, 1)    // was skipped in base, and used in adopted
	lost(third, other, 4)    // needs the ratchet secret that adopted has moved on from
	lost(third, 1, 0)        // needs the leaf that adopted has opened
	receive(third, other, 0) // is still skipped in adopted
	receive(third, 6, 1)
	receive(adopted, 6, 0)
}

func TestRatchetErrorText(t *testing.T) {
	err := &RatchetError{Leaf: 7, Ratchet: RatchetFor(framing.ContentTypeCommit), Generation: 9, Err: ErrGenerationUsed}
	require.EqualError(t, err, "leaf 7, handshake ratchet, generation 9: keyschedule: generation has been used")
	require.Equal(t, HandshakeRatchet, RatchetFor(framing.ContentTypeProposal))
	require.Equal(t, "application", RatchetFor(framing.ContentTypeApplication).String())
	require.Equal(t, "RatchetKind(2)", ratchetKinds.String())
}

// While one goroutine derives, another erases the tree: either the right key comes out, or ErrErased.
func TestEraseWhileDeriving(t *testing.T) {
	suite := newSuite(t, firstSuite)
	ref := reference{suite.HashFunc}
	want, _ := ref.ratchet(suite, ref.leaves(pattern(1, 32), 4)[other], ApplicationRatchet, 51)
	for range 50 {
		tree := newTestTree(t, suite, TreeParams{Leaves: 4})
		var wg sync.WaitGroup
		wg.Go(func() { tree.EraseExcept(nil) })
		key, _, err := tree.ReceivingKey(other, ApplicationRatchet, 50)
		wg.Wait()
		if err != nil {
			require.ErrorIs(t, err, ErrErased)
			continue
		}
		require.Equal(t, want[50], reveal(key))
	}
}
