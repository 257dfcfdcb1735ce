package mls_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// limited returns a member's Group under other Params.
func limited(m *mlstest.Member, set func(*mls.Params)) *mls.Group {
	before := m.Params
	set(&m.Params)
	g := m.Reloaded()
	m.Params = before
	return g
}

// encodedSize returns the length of an encoding.
func encodedSize(t *testing.T, v framing.Value) int { return len(mlstest.Marshal(t, v)) }

// TestLeafLimit: a leaf of MaxLeaf bytes is taken wherever it comes in, and one of a byte more is refused.
func TestLeafLimit(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	in := alice.Insider()
	add := addWith(t, func(l *framing.LeafNode) { l.Extensions = sized(t, 50) }, nil)
	update := in.UpdateLeaf(t, "update", func(l *framing.LeafNode) { l.Extensions = sized(t, 50) })
	byPath := in.Commit(t, func(d *mlstest.Draft) { d.Template.Extensions = sized(t, 50) })
	private := in.Commit(t, func(d *mlstest.Draft) {
		d.Template.Extensions = sized(t, 50)
		d.OnContent = func(c *mlstest.Content) { c.Format = framing.WireFormatPrivateMessage }
	})
	path := encodedSize(t, byPath.Next.Tree.Leaf(0))
	for name, c := range map[string]struct {
		message []byte
		size    int
	}{
		"Add":             {proposed(t, in, add), encodedSize(t, &add.KeyPackage.LeafNode)},
		"committed Add":   {committing(t, in, nil, add), encodedSize(t, &add.KeyPackage.LeafNode)},
		"Update":          {proposed(t, in, update), encodedSize(t, &update.LeafNode)},
		"path":            {byPath.Commit, path},
		"path, in secret": {private.Commit, path},
	} {
		handle := func(most int) error {
			g := limited(bob, func(p *mls.Params) { p.MaxLeaf = most })
			return failure(g.Handle(mls.Input{Message: c.message, Now: mlstest.Now()}))
		}
		require.NoError(t, handle(c.size), name)
		err := handle(c.size - 1)
		breaks(t, "V-WIRE-13", err)
		require.ErrorContains(t, err, "Params.MaxLeaf", name)
	}
}

// TestContentLimit: the limit of what is no Welcome and no GroupInfo grows with the group, and holds for sending too.
func TestContentLimit(t *testing.T) {
	const room = 2 * 256 // for two leaves
	alice, bob := two(newCast(t, "alice", "bob"))
	data := string(make([]byte, 3000))
	message := bob.Say(data)
	n := len(message)
	for _, c := range []struct {
		content, message int
		broken           string
	}{
		{n - room, n, ""}, {n - room - 1, n, "Params.MaxContent"}, {n - room, n - 1, "Params.MaxMessage"}, {n, n - 1, "Params.MaxMessage"},
	} {
		set := func(p *mls.Params) { p.MaxContent, p.MaxMessage = c.content, c.message }
		for _, err := range []error{
			failure(limited(alice, set).Handle(input(message))),
			failure(limited(bob, set).Protect([]byte(data), mls.ProtectParams{}, bob.Signer)),
		} {
			if c.broken == "" {
				require.NoError(t, err)
				continue
			}
			breaks(t, "V-WIRE-13", err)
			require.ErrorContains(t, err, c.broken)
		}
	}
	small := limited(bob, func(p *mls.Params) { p.MaxContent = 1 })
	breaks(t, "V-WIRE-13", failure(small.Propose(&framing.Remove{Removed: 0}, mls.ProposeParams{AuthenticatedData: make([]byte, room)}, bob.Signer)))
	breaks(t, "V-WIRE-13", failure(small.Commit(mls.CommitParams{AuthenticatedData: make([]byte, room)}, bob.Signer)))
	require.NoError(t, failure(small.GroupInfo(mls.GroupInfoParams{}, bob.Signer)))

	require.NoError(t, failure(mls.Params{MaxContent: n}.Peek(message)))
	breaks(t, "V-WIRE-13", failure(mls.Params{MaxContent: n - 1}.Peek(message)))
	info := alice.Info()
	require.NoError(t, failure(mls.Params{MaxContent: 1}.Peek(info)))
	breaks(t, "V-WIRE-13", failure(mls.Params{MaxMessage: len(info) - 1}.Peek(info)))
	keys := must(alice.KeyPackage(t).Message())
	breaks(t, "V-WIRE-13", failure(mls.VerifyKeyPackage(mls.VerifyKeyPackageParams{Message: keys, Now: mlstest.Now(), Params: mls.Params{MaxContent: len(keys) - 1}})))
}

// TestAttackTreeGrowth: leaves that are allowed each by itself do not make together a tree that nobody could join. Commits that
// do so are neither made nor taken; waiting Adds that do so are left out; and a tree that is too large already may shrink.
func TestAttackTreeGrowth(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	large := func(c *mlstest.Member) *framing.Add {
		return &framing.Add{KeyPackage: c.ForgeKeyPackage(t, func(l *framing.LeafNode) {
			l.Extensions = framing.Extensions{extension(t, &framing.ApplicationID{ApplicationID: make([]byte, 4000)})}
		}, nil)}
	}
	limit := alice.Group.Tree().ExportSize() + 5000 // there is room for one
	set := func(p *mls.Params) { p.MaxMessage = limit }
	for _, m := range []*mlstest.Member{alice, bob, carol} {
		set(&m.Params)
		m.Reload()
	}
	first := alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{large(newMember(t, "dave"))}, Now: mlstest.Now(), Welcome: mls.WelcomeParams{OmitTree: true}}, bob, carol)
	require.Less(t, len(first.Adopted.Send[0].RatchetTree()), limit)

	c := mls.CommitParams{Proposals: []framing.Proposal{large(newMember(t, "eve"))}, Now: mlstest.Now(), Welcome: mls.WelcomeParams{OmitTree: true}}
	err := failure(alice.Group.Commit(c, alice.Signer))
	breaks(t, "V-WIRE-13", err)
	require.ErrorContains(t, err, "ratchet tree")
	in := bob.Insider()
	made := in.Commit(t, func(d *mlstest.Draft) { d.Proposals = in.ByValue(large(newMember(t, "eve"))) })
	breaks(t, "V-WIRE-13", failure(alice.Handle(made.Commit)))
	o := must(mls.Observe(mls.ObserveParams{GroupInfo: alice.Info(), Params: alice.Params})).Next
	breaks(t, "V-WIRE-13", failure(o.Handle(input(made.Commit))))

	eve := newMember(t, "eve") // who asks to be added
	message := must(o.ProposeSelf(large(eve).KeyPackage, mls.ProposeParams{Now: mlstest.Now()}, eve.Signer))
	mlstest.Tell(message, alice, bob, carol)
	alice.Propose(&framing.Remove{Removed: 2}, bob, carol)
	s := must(bob.Group.Commit(mls.CommitParams{Now: mlstest.Now()}, bob.Signer))
	require.Len(t, s.Left, 1)
	require.Len(t, s.Change.Removed, 1)

	// A limit that was lowered.
	g := limited(alice, func(p *mls.Params) { p.MaxMessage = limit / 2 })
	commit := func(p framing.Proposal) error {
		c := mls.CommitParams{References: []framing.ProposalRef{}, Proposals: []framing.Proposal{p}, Now: mlstest.Now()}
		return failure(g.Commit(c, alice.Signer))
	}
	require.NoError(t, commit(&framing.Remove{Removed: 2}))
	breaks(t, "V-WIRE-13", commit(newMember(t, "frank").Add()))
	breaks(t, "V-WIRE-13", failure(g.GroupInfo(mls.GroupInfoParams{}, alice.Signer)))
	require.NoError(t, failure(g.GroupInfo(mls.GroupInfoParams{OmitTree: true}, alice.Signer)))
}

// TestAttackCrowdedStore: proposals that wait take a bounded number of bytes, and strangers, who may send any number of them,
// leave half of the room to members.
func TestAttackCrowdedStore(t *testing.T) {
	const room = 6
	for name, set := range map[string]func(p *mls.Params, size int){
		"MaxProposals":     func(p *mls.Params, _ int) { p.MaxProposals = room },
		"MaxProposalBytes": func(p *mls.Params, size int) { p.MaxProposalBytes = room * size },
	} {
		alice := newCast(t, "alice", "bob")[0]
		adds := conflicting(t, alice.Observe(), room/2+1)
		const version, signature = 2, 66
		set(&alice.Params, len(adds[0])-version-signature)
		alice.Reload()
		o := must(mls.Observe(mls.ObserveParams{GroupInfo: alice.Info(), Params: alice.Params})).Next
		for i, add := range adds {
			s, err := o.Handle(input(add))
			if i < room/2 {
				require.NoError(t, err, name)
				alice.Hear(add)
				o = s.Next
				continue
			}
			require.ErrorIs(t, err, mls.ErrTooManyProposals)
			require.ErrorContains(t, err, "from outside, half of what is allowed, at most")
			require.ErrorContains(t, err, "Params."+name)
			require.EqualError(t, failure(alice.Handle(add)), err.Error())
		}
		for i := range 100 {
			psk := &framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte{byte(i)})}
			s, err := alice.Group.Propose(psk, mls.ProposeParams{}, alice.Signer)
			if err == nil {
				alice.Take(s, nil)
				continue
			}
			require.ErrorIs(t, err, mls.ErrTooManyProposals)
			require.ErrorContains(t, err, "Params."+name)
			require.GreaterOrEqual(t, i, room/2, name)
			break
		}
		require.Less(t, len(alice.Group.Proposals()), 50, name)
	}
}

// TestAttackEmptyElements: a message whose lists hold elements of next to nothing is refused before it takes memory, also when it
// has to be decrypted first, which takes no key; and nobody sends such a one.
func TestAttackEmptyElements(t *testing.T) {
	const custom, n = 0xf00d, 5000
	alice, bob := two(newCastOf(t, func(c *mlstest.Party) { c.Capabilities.Proposals = []framing.ProposalType{custom} }, nil, "alice", "bob"))
	references := framing.Commit{Proposals: make([]framing.ProposalOrRef, 1<<19)}
	message := mlstest.Marshal(t, &framing.Message{Body: &framing.PublicMessage{Content: framing.FramedContent{
		GroupID: alice.Group.GroupID(), Epoch: alice.Group.Epoch(), Sender: framing.Sender{SenderType: framing.SenderTypeMember, LeafIndex: 1},
		ContentType: framing.ContentTypeCommit, Commit: &references,
	}}})
	for name, call := range map[string]func() error{
		"Handle": func() error { return failure(alice.Group.Handle(input(message))) },
		"Peek":   func() error { return failure(mls.Peek(message)) },
	} {
		var err error
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err = call()
		runtime.ReadMemStats(&after)
		excessive(t, err)
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(8*len(message)), name)
	}

	empty := slices.Repeat([]framing.Proposal{&framing.CustomProposal{Type: custom}}, n)
	in := bob.Insider()
	excessive(t, failure(alice.Handle(in.Commit(t, func(d *mlstest.Draft) {
		d.Proposals, d.NoPath = in.ByValue(empty...), true
		d.OnContent = func(c *mlstest.Content) { c.Format = framing.WireFormatPrivateMessage }
	}).Commit)))
	excessive(t, failure(bob.Group.Commit(mls.CommitParams{Proposals: empty}, bob.Signer)))
	bob.Commit(mls.CommitParams{Proposals: empty[:n/2]}, alice)
}

// excessive checks that an error says that memory would not suffice.
func excessive(t *testing.T, err error) {
	var syntax *mls.SyntaxError
	require.ErrorAs(t, err, &syntax)
	require.True(t, syntax.Excess)
	require.ErrorContains(t, err, "which is the limit")
}
