package mls_test

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// Extensions of a KeyPackage that its capabilities do not list, such as GREASE of other implementations, are accepted.
func TestRealWorldKeyPackage(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	carol := newMember(t, "carol")
	keys := carol.KeyPackage(t)
	keys.KeyPackage.Extensions = framing.Extensions{{Type: 0x0a0a, Data: []byte("grease")}, {Type: 0xf0f0}}
	mlstest.SignKeyPackage(t, carol.Suite, carol.Signer, keys.KeyPackage)
	k := must(mls.VerifyKeyPackage(mls.VerifyKeyPackageParams{Message: must(keys.Message()), Now: mlstest.Now()}))
	bob.Propose(&framing.Add{KeyPackage: k}, alice)
	adopted := alice.Commit(mls.CommitParams{}, bob).Adopted
	carol.Join(adopted)
	mlstest.Agree(alice, bob, carol)

	own := must(mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: carol.LeafParams, Lifetime: mlstest.Lifetime(),
		Extensions: framing.Extensions{{Type: 0xf0f0}}}))
	require.Contains(t, own.KeyPackage.LeafNode.Capabilities.Extensions, framing.ExtensionType(0xf0f0), "what Copse makes lists them")
}

// Any member can encrypt what bob signed again, under keys that bob has not reached yet. A repeated proposal uses up no key,
// so that what bob sends next can still be decrypted.
func TestAttackRepeatedProposal(t *testing.T) {
	alice, bob, carol := three(newCastOf(t, func(c *mlstest.Party) { c.Params.Handshake = mls.HandshakePrivate }, nil, "alice", "bob", "carol"))
	signed := bob.Insider() // equal content gives an equal signature: this is what others can copy
	bob.Propose(&framing.GroupContextExtensions{}, alice, carol)
	for next := range framing.Generation(10) {
		repeat, _ := signed.Propose(t, &framing.GroupContextExtensions{}, func(c *mlstest.Content) {
			c.Format, c.Generation = framing.WireFormatPrivateMessage, &next
		})
		for _, a := range []*mlstest.Member{alice, carol} {
			s, err := a.Group.Handle(input(repeat))
			if next == 0 { // the genuine one
				require.ErrorIs(t, err, mls.ErrReplay)
				continue
			}
			require.NoError(t, err)
			require.Same(t, a.Group, s.Next, "nothing has changed")
			require.True(t, a.Take(s, nil).Events[0].(*mls.ProposalReceived).Again)
		}
		s := must(bob.Group.Handle(input(repeat)))
		require.IsType(t, &mls.Echo{}, s.Events[0])
		require.Same(t, bob.Group, s.Next)
	}
	bob.Commit(mls.CommitParams{}, alice, carol) // under the key of generation 1
	mlstest.Agree(alice, bob, carol)
}

// Adds that do not go together, of which anybody may send any number, do not keep a member from being removed.
func TestAttackCrowdedOut(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	for _, message := range conflicting(t, alice.Observe(), 80) {
		mlstest.Tell(message, alice, carol)
	}
	carol.Propose(&framing.Remove{Removed: bob.Group.OwnLeaf()}, alice)
	s := alice.MakeCommit(mls.CommitParams{})
	require.Len(t, s.Change.Removed, 1)
	require.Equal(t, bob.Group.OwnLeaf(), s.Change.Removed[0].Leaf)
	require.NotEmpty(t, s.Left)
	alice.Adopt(s, carol)
	mlstest.Agree(alice, carol)
}

// conflicting returns Adds of newcomers whose leaves all have one encryption key, which shows only when they are put
// together.
func conflicting(t *testing.T, o *mls.Observer, n int) (messages [][]byte) {
	key := newMember(t, "first").KeyPackage(t).KeyPackage.LeafNode.EncryptionKey
	for i := range n {
		c := newMember(t, fmt.Sprintf("newcomer %d", i))
		k := c.ForgeKeyPackage(t, func(l *framing.LeafNode) { l.EncryptionKey = key }, nil)
		messages = append(messages, must(o.ProposeSelf(k, mls.ProposeParams{Now: mlstest.Now()}, c.Signer)))
	}
	return messages
}

// The cost of checking custom proposals with Removes grows with their number, and not with its square.
func TestAttackCustomBesideRemoves(t *testing.T) {
	const n, custom = 80, 0xf00d
	names := make([]string, n+2)
	for k := range names {
		names[k] = fmt.Sprint("member ", k)
	}
	first := newCastOf(t, func(c *mlstest.Party) { c.Capabilities.Proposals = []framing.ProposalType{custom} }, nil, names...)[0]
	allocations := func(k int) float64 {
		c := mls.CommitParams{}
		for i := range k {
			c.Proposals = append(c.Proposals, &framing.CustomProposal{Type: custom, Data: []byte{byte(i)}},
				&framing.Remove{Removed: framing.LeafIndex(i + 1)})
		}
		return testing.AllocsPerRun(3, func() { must(first.Group.Commit(c, first.Signer)) })
	}
	none, few, many := allocations(0), allocations(n/4), allocations(n)
	require.Less(t, many-none, 6*(few-none), "four times as many: %v instead of %v allocations beside %v", many-none, few-none, none)
}

// The cost of finding the secrets of PSKs, for who commits them, who handles that, and who lacks them all, grows with their
// number and not with its square. To look at the name of a PSK, if it is a long one, takes an allocation: to look at each for each
// would take millions.
func TestAttackManyPSKs(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	work := func(n int) (commit, handle, lack float64) {
		c := mls.CommitParams{}
		for k := range n {
			psk := externalPSK(fmt.Sprintf("%040d", k))
			c.Proposals, c.PSKs = append(c.Proposals, &framing.PreSharedKey{PSK: psk.ID}), append(c.PSKs, psk)
		}
		var s *mls.Step
		commit = testing.AllocsPerRun(1, func() { s = must(alice.Group.Commit(c, alice.Signer)) })
		in := mls.Input{Message: s.Send[0].Message, PSKs: slices.Clone(c.PSKs)}
		slices.Reverse(in.PSKs) // the first is looked for among all
		handle = testing.AllocsPerRun(1, func() { must(bob.Group.Handle(in)) })
		var missing *mls.MissingPSKError
		in.PSKs = nil
		lack = testing.AllocsPerRun(1, func() { require.ErrorAs(t, failure(bob.Group.Handle(in)), &missing) })
		require.Len(t, missing.IDs, n)
		return commit, handle, lack
	}
	const n = 3000
	commit, handle, lack := work(n / 4)
	commits, handles, lacks := work(n)
	for name, x := range map[string][2]float64{"commit": {commit, commits}, "handle": {handle, handles}, "lack": {lack, lacks}} {
		require.Less(t, x[1], 6*x[0], "%s: four times as many PSKs", name)
		require.Less(t, x[1], 100.0*n, name)
	}
}

// A KeyPackage whose lifetime is over, has not begun, or never ends is reported by receivers and not refused: a member that
// refused it could not follow the others, whose clocks may differ. Sending it is refused.
func TestAttackLifetimes(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	now := mlstest.Now()
	for name, lifetime := range map[string]framing.Lifetime{
		"over":      {NotBefore: 1, NotAfter: uint64(now.Unix()) - 1},
		"not begun": {NotBefore: uint64(now.Unix()) + 1, NotAfter: uint64(now.Unix()) + 100},
		"inverted":  {NotBefore: 2, NotAfter: 1},
	} {
		dave := newMember(t, name)
		k := dave.ForgeKeyPackage(t, func(l *framing.LeafNode) { l.Lifetime = lifetime }, nil)
		add := &framing.Add{KeyPackage: k}
		reported := func(leaf framing.LeafIndex, reports []mls.LifetimeReport) {
			t.Helper()
			require.Equal(t, []mls.LifetimeReport{{Leaf: leaf, Lifetime: lifetime, Now: now,
				Identity: mls.Identity{Credential: dave.Credential, SignatureKey: k.LeafNode.SignatureKey}}}, reports, name)
		}
		require.Error(t, failure(alice.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{add}, Now: now}, alice.Signer)))
		require.Error(t, failure(alice.Group.Propose(add, mls.ProposeParams{Now: now}, alice.Signer)))

		evil, seen := bob.Insider(), alice.Observe()
		proposed, _ := evil.Propose(t, add, nil)
		s, err := alice.Handle(proposed)
		require.NoError(t, err)
		reported(framing.NoLeaf, s.Lifetimes)
		made := evil.Commit(t, func(d *mlstest.Draft) { d.Proposals = evil.ByValue(add) })
		o, err := seen.Handle(input(made.Commit))
		require.NoError(t, err)
		reported(3, o.Lifetimes)
		for _, a := range []*mlstest.Member{alice, carol} {
			s, err := a.Handle(made.Commit)
			require.NoError(t, err)
			reported(3, s.Lifetimes)
			info := must(s.Next.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, a.Signer))
			newcomer := newMember(t, "newcomer")
			joined := newcomer.ByGroupInfo(info)
			reported(3, must(mls.JoinExternal(joined)).Lifetimes)
			joined.Now = time.Time{}
			require.Empty(t, must(mls.JoinExternal(joined)).Lifetimes, "nothing is said without a time")
			reported(3, must(mls.Observe(mls.ObserveParams{GroupInfo: info, Now: now})).Lifetimes)
		}
	}
}

// KeyPackages that never end, as some implementations make them, are accepted from others by default, and refused by members
// that set a limit, on receipt too.
func TestRealWorldLifetime(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	forever := newMember(t, "dave").ForgeKeyPackage(t, func(l *framing.LeafNode) { l.Lifetime = framing.Lifetime{NotAfter: math.MaxUint64} }, nil)
	message := bob.Insider().Commit(t, func(d *mlstest.Draft) {
		d.Proposals = bob.Insider().ByValue(&framing.Add{KeyPackage: forever})
	}).Commit
	s, err := alice.Handle(message)
	require.NoError(t, err)
	require.Empty(t, s.Lifetimes)

	carol, dave := two(newCastOf(t, func(c *mlstest.Party) { c.Params.MaxLifetime = 400 * 24 * time.Hour }, nil, "carol", "dave"))
	evil := dave.Insider()
	made := evil.Commit(t, func(d *mlstest.Draft) { d.Proposals = evil.ByValue(&framing.Add{KeyPackage: forever}) })
	breaks(t, "V-LN-16", failure(carol.Handle(made.Commit)))
}

// Two encodings of one key are one key: of an init key and a leaf's, of two leaves, and of a leaf before and after an
// Update.
func TestAttackTwinKeys(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	twin := func(k ciphersuite.HPKEPublicKey) ciphersuite.HPKEPublicKey {
		k = slices.Clone(k)
		k[31] ^= 0x80
		return k
	}
	in := bob.Insider()
	by := func(p framing.Proposal) error {
		return failure(alice.Handle(in.Commit(t, func(d *mlstest.Draft) { d.Proposals = in.ByValue(p) }).Commit))
	}
	dave := newMember(t, "dave")
	breaks(t, "V-KP-05", by(&framing.Add{KeyPackage: dave.ForgeKeyPackage(t, nil, func(k *framing.KeyPackage) {
		k.InitKey = twin(k.LeafNode.EncryptionKey)
	})}))
	leaf, _ := alice.Group.Tree().Leaf(carol.Group.OwnLeaf())
	breaks(t, "V-LN-17", by(&framing.Add{KeyPackage: dave.ForgeKeyPackage(t, func(l *framing.LeafNode) {
		l.EncryptionKey = twin(leaf.EncryptionKey)
	}, nil)}))
	breaks(t, "V-KP-08", failure(alice.Group.Commit(mls.CommitParams{Now: mlstest.Now(), Proposals: []framing.Proposal{
		&framing.Add{KeyPackage: dave.ForgeKeyPackage(t, nil, func(k *framing.KeyPackage) { k.InitKey = twin(leaf.EncryptionKey) })},
	}}, alice.Signer)))
	update := carol.Insider().UpdateLeaf(t, "update", func(l *framing.LeafNode) { l.EncryptionKey = twin(leaf.EncryptionKey) })
	proposed, _ := carol.Insider().Propose(t, update, nil)
	breaks(t, "V-LN-19", failure(alice.Handle(proposed)))
}
