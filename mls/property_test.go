package mls_test

import (
	"bytes"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// reception is a genuine message with the Group that is to handle it.
type reception struct {
	name    string
	group   *mls.Group
	message []byte
}

func (r *reception) handle(message []byte) (*mls.Step, error) {
	return r.group.Handle(mls.Input{Message: message, Now: mlstest.Now(), PSKs: worldPSKs()})
}

func worldPSKs() mls.PSKs {
	return mls.PSKs{{ID: mls.ExternalPSKID([]byte("psk")), Secret: ciphersuite.NewSecret([]byte("of everybody"))}}
}

// checkGenuine handles the genuine message with the same Group, and compares the result with want: nothing that happened
// since may have changed the Group.
func (r *reception) checkGenuine(t require.TestingT, want shelf) shelf {
	before := whole(t, r.group)
	s, err := r.handle(r.message)
	require.NoError(t, err, r.name)
	got := whole(t, s.Next)
	before.same(t, whole(t, r.group), "%s changed the Group that handled it", r.name)
	if want != nil {
		want.same(t, got, "%s does not work as before", r.name)
	}
	return got
}

// receptions returns a message of every kind, in public and in private.
func receptions(t *testing.T) (all []*reception, evil map[string]*mlstest.Insider) {
	evil = map[string]*mlstest.Insider{}
	for name, policy := range map[string]mls.HandshakePolicy{"public": mls.HandshakePublic, "private": mls.HandshakePrivate} {
		w := newWorld(t, 1, policy)
		for range 3 {
			a := w.newWalker()
			w.publish(w.members[0].Welcome(a.Member), true)
			w.members[0].at = len(w.log)
			w.enters(a)
		}
		for _, a := range w.members {
			w.catchUp(a)
		}
		all = append(all, w.receptions(name)...)
		evil[name] = w.members[1].Insider()
	}
	return all, evil
}

func (w *world) receptions(format string) (all []*reception) {
	alice, bob, carol := w.members[0], w.members[1], w.members[2]
	add := func(name string, message []byte, err error) *reception {
		require.NoError(w.t, err, name)
		r := &reception{format + " " + name, alice.Group, message}
		all = append(all, r)
		return r
	}
	made := func(name string, s *mls.Step, err error) *reception {
		require.NoError(w.t, err, name)
		return add(name, s.Send[0].Message, nil)
	}
	dave := w.newWalker()
	proposals := []framing.Proposal{
		dave.Add(),
		&framing.Remove{Removed: carol.Group.OwnLeaf()},
		&framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte("psk"))},
		&framing.GroupContextExtensions{Extensions: w.extensions()},
		&framing.CustomProposal{Type: worldProposal, Data: []byte("custom")},
	}
	for _, p := range append(proposals, &framing.ReInit{GroupID: []byte("next"), Version: framing.MLS10, CipherSuite: 1}) {
		s, err := bob.Group.Propose(p, mls.ProposeParams{Now: mlstest.Now()}, bob.By())
		made("proposal of "+p.ProposalType().String(), s, err)
	}
	s, err := carol.Group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, carol.By())
	update := made("update", s, err)
	s, err = bob.Group.Protect([]byte("hello"), mls.ProtectParams{AuthenticatedData: []byte("aad")}, bob.By())
	made("data", s, err)
	s, err = bob.Group.Commit(mls.CommitParams{}, bob.By())
	made("empty commit", s, err)
	s, err = bob.Group.Commit(mls.CommitParams{Proposals: proposals, PSKs: worldPSKs(), Now: mlstest.Now()}, bob.By())
	made("commit by value", s, err)

	// A commit of a proposal by reference, which both have seen.
	s = must(update.handle(update.message))
	seen := must(bob.Handle(update.message))
	byRef, err := seen.Next.Commit(mls.CommitParams{}, bob.By())
	made("commit by reference", byRef, err).group = s.Next

	if format == "public" {
		o := w.observed()
		message, err := o.ProposeSelf(dave.Add().KeyPackage, mls.ProposeParams{Now: mlstest.Now()}, dave.Signer)
		add("newcomer's proposal", message, err)
		message, err = o.Propose(proposals[1], 0, mls.ProposeParams{}, w.senders[0])
		add("external sender's proposal", message, err)
		s, err = mls.JoinExternal(dave.ByGroupInfo(bob.Info()))
		made("external commit", s, err)
	}
	return all
}

// damaged yields bytes with a bit flipped in each byte, or in each step-th.
func damaged(b []byte, step int) iter.Seq2[int, []byte] {
	return func(yield func(int, []byte) bool) {
		for k := 0; k < len(b); k += step {
			flipped := bytes.Clone(b)
			if flipped[k] ^= 1 << (k % 8); !yield(k, flipped) {
				return
			}
		}
	}
}

// refuses checks that a Group fails to handle a bad message and does not change.
func (r *reception) refuses(t require.TestingT, message []byte, before shelf, how string) {
	_, err := r.handle(message)
	require.Error(t, err, "%s %s was accepted", r.name, how)
	before.same(t, whole(t, r.group), "%s %s left a trace: %v", r.name, how, err)
}

// TestDamagedMessages flips a bit in each byte of each kind of message, cuts it off there, and doubles a byte there:
// nothing of that is accepted, nothing changes the Group, and the genuine message works as before. The damage is a
// stranger's or the delivery service's, who have no keys.
func TestDamagedMessages(t *testing.T) {
	all, _ := receptions(t)
	for _, r := range all {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			want := r.checkGenuine(t, nil)
			before := whole(t, r.group)
			step := 1
			if raceDetector || testing.Short() {
				step = 7
			}
			for k, flipped := range damaged(r.message, step) {
				r.refuses(t, flipped, before, fmt.Sprintf("with a flipped bit in byte %d", k))
				r.refuses(t, r.message[:k], before, fmt.Sprintf("cut off at byte %d", k))
				r.refuses(t, slices.Insert(bytes.Clone(r.message), k, r.message[k]), before, fmt.Sprintf("with byte %d twice", k))
			}
			r.refuses(t, append(bytes.Clone(r.message), 0), before, "with a byte behind")
			r.checkGenuine(t, want)
		})
	}
}

// TestSplicedMessages puts the beginning of one genuine message before the end of another.
func TestSplicedMessages(t *testing.T) {
	all, _ := receptions(t)
	rapid.Check(t, func(t *rapid.T) {
		r, other := rapid.SampledFrom(all).Draw(t, "one"), rapid.SampledFrom(all).Draw(t, "other")
		head := rapid.IntRange(0, len(r.message)).Draw(t, "head")
		tail := rapid.IntRange(0, len(other.message)).Draw(t, "tail")
		spliced := append(bytes.Clone(r.message[:head]), other.message[tail:]...)
		for _, genuine := range all {
			if bytes.Equal(spliced, genuine.message) {
				return
			}
		}
		r.refuses(t, spliced, whole(t, r.group), "spliced with "+other.name)
	})
}

// TestSwappedFields puts messages together from the fields of two genuine ones, with a membership tag that fits when a
// member helps.
func TestSwappedFields(t *testing.T) {
	all, insiders := receptions(t)
	rapid.Check(t, func(t *rapid.T) {
		r, other := rapid.SampledFrom(all).Draw(t, "one"), rapid.SampledFrom(all).Draw(t, "other")
		var one, two framing.Message
		require.NoError(t, framing.Unmarshal(r.message, &one))
		require.NoError(t, framing.Unmarshal(other.message, &two))
		var mixed []byte
		switch a := one.Body.(type) {
		case *framing.PublicMessage:
			b, ok := two.Body.(*framing.PublicMessage)
			if !ok {
				t.Skip("another format")
			}
			change := func(m *framing.PublicMessage) { mixPublic(t, m, b) }
			if rapid.Bool().Draw(t, "retag") {
				mixed = insiders["public"].Retag(t, r.message, change)
			} else {
				change(a)
				mixed = mlstest.Message(t, a)
			}
		case *framing.PrivateMessage:
			b, ok := two.Body.(*framing.PrivateMessage)
			if !ok {
				t.Skip("another format")
			}
			mixPrivate(t, a, b)
			mixed = mlstest.Message(t, a)
		}
		for _, genuine := range all {
			if bytes.Equal(mixed, genuine.message) {
				t.Skip("one of the genuine ones")
			}
		}
		r.refuses(t, mixed, whole(t, r.group), "mixed with "+other.name)
	})
}

func mixPublic(t *rapid.T, a, b *framing.PublicMessage) {
	yes := func(what string) bool { return rapid.Bool().Draw(t, what) }
	if yes("content") {
		c := a.Content
		a.Content = b.Content
		if yes("sender") {
			a.Content.Sender = c.Sender
		}
		if yes("authenticated data") {
			a.Content.AuthenticatedData = c.AuthenticatedData
		}
	}
	if a.Content.Commit != nil && b.Content.Commit != nil {
		commit := *a.Content.Commit
		if yes("path") {
			commit.Path = b.Content.Commit.Path
		}
		if yes("proposals") {
			commit.Proposals = b.Content.Commit.Proposals
		}
		a.Content.Commit = &commit
	}
	if yes("signature") {
		a.Auth.Signature = b.Auth.Signature
	}
	if yes("confirmation tag") || a.Auth.ConfirmationTag == nil {
		a.Auth.ConfirmationTag = b.Auth.ConfirmationTag
	}
	if yes("membership tag") {
		a.MembershipTag = b.MembershipTag
	}
}

func mixPrivate(t *rapid.T, a, b *framing.PrivateMessage) {
	yes := func(what string) bool { return rapid.Bool().Draw(t, what) }
	if yes("content type") {
		a.ContentType = b.ContentType
	}
	if yes("authenticated data") {
		a.AuthenticatedData = b.AuthenticatedData
	}
	if yes("sender data") {
		a.EncryptedSenderData = b.EncryptedSenderData
	}
	if yes("ciphertext") {
		a.Ciphertext = b.Ciphertext
	}
}

// TestInsidersMessages lets a member sign and tag damaged content: what still decodes comes with all signatures, tags
// and hashes in order. It may be refused or mean something else; a refusal leaves no trace, and a success is the same
// each time.
func TestInsidersMessages(t *testing.T) {
	all, insiders := receptions(t)
	refused, accepted := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		r := rapid.SampledFrom(all).Draw(t, "message")
		evil := insiders["public"]
		if r.name[:6] == "privat" {
			evil = insiders["private"]
		}
		flip := func(b []byte) {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "byte")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		}
		damage := func(v framing.Value) {
			b := must(framing.Marshal(v))
			flip(b)
			if framing.Unmarshal(b, v) != nil {
				t.Skip("does not decode")
			}
		}
		var message []byte
		switch rapid.IntRange(0, 6).Draw(t, "what") {
		case 0:
			message = evil.Commit(t, func(d *mlstest.Draft) { d.OnCommit = func(c *framing.Commit) { damage(c) } }).Commit
		case 1:
			message = evil.Commit(t, func(d *mlstest.Draft) { d.OnLeaf = func(l *framing.LeafNode) { damage(l) } }).Commit
		case 2:
			message = evil.Commit(t, func(d *mlstest.Draft) { d.OnContext = func(c *framing.GroupContext) { damage(c) } }).Commit
		case 3:
			message = evil.Commit(t, func(d *mlstest.Draft) { d.OnPath = func(p *framing.UpdatePath) { damage(p) } }).Commit
		case 4:
			message = evil.Say(t, "hello", func(c *mlstest.Content) { c.OnPlain = func(p []byte) []byte { flip(p); return p } })
		case 5:
			message = evil.Say(t, "hello", func(c *mlstest.Content) { c.OnSender = func(s *framing.SenderData) { damage(s) } })
		case 6:
			update := evil.UpdateLeaf(t, "update", func(l *framing.LeafNode) { damage(l) })
			message, _ = evil.Propose(t, update, nil)
		}
		before := whole(t, r.group)
		s, err := r.handle(message)
		if err != nil {
			refused++
			r.refuses(t, message, before, "of an insider")
			return
		}
		accepted++
		again := must(r.handle(message))
		whole(t, s.Next).same(t, whole(t, again.Next))
		require.Equal(t, s.Events, again.Events)
		require.Equal(t, s.Claims, again.Claims)
		before.same(t, whole(t, r.group))
	})
	t.Logf("%d refused, %d accepted", refused, accepted)
	require.NotZero(t, refused)
	for _, r := range all {
		r.checkGenuine(t, nil)
	}
}

// TestDamagedWelcome damages a Welcome, and the tree that goes with another, in each byte: nothing of that is accepted,
// and the KeyPackage is unchanged.
func TestDamagedWelcome(t *testing.T) {
	for _, omit := range []bool{false, true} {
		alice, bob := newCast(t, "alice")[0], newMember(t, "bob")
		adopted := alice.Commit(mls.CommitParams{
			Proposals: []framing.Proposal{bob.Add()}, Welcome: mls.WelcomeParams{OmitTree: omit}}).Adopted
		genuine, beside := adopted.Send[0], adopted.Send[0].RatchetTree()
		join := func(welcome, tree []byte) error {
			p := bob.ByWelcome(welcome, bob.Packages...)
			p.RatchetTree = tree
			return failure(mls.Join(p))
		}
		for n, flipped := range damaged(genuine.Message, 1) {
			require.Error(t, join(flipped, beside), "byte %d", n)
			require.Error(t, join(genuine.Message[:n], beside), "%d bytes", n)
		}
		for n, flipped := range damaged(beside, 1) {
			require.Error(t, join(genuine.Message, flipped), "byte %d of the tree", n)
			require.Error(t, join(genuine.Message, beside[:n]), "%d bytes of the tree", n)
		}
		bob.Join(adopted)
		mlstest.Agree(alice, bob)
	}
}

// TestDamagedGroupInfo damages a GroupInfo in each byte: neither a newcomer nor an observer accepts it.
func TestDamagedGroupInfo(t *testing.T) {
	alice, bob := newCast(t, "alice")[0], newMember(t, "bob")
	info := alice.Info()
	try := func(info []byte) (join, observe error) {
		return failure(mls.JoinExternal(bob.ByGroupInfo(info))), failure(mls.Observe(mls.ObserveParams{GroupInfo: info}))
	}
	for n, flipped := range damaged(info, 1) {
		for _, bad := range [][]byte{flipped, info[:n]} {
			join, observe := try(bad)
			require.Error(t, join, "byte %d", n)
			require.Error(t, observe, "byte %d", n)
		}
	}
	join, observe := try(info)
	require.NoError(t, join)
	require.NoError(t, observe)
}

// TestDamagedKeyPackage adds by damaged KeyPackages.
func TestDamagedKeyPackage(t *testing.T) {
	alice := newCast(t, "alice")[0]
	before := whole(t, alice.Group)
	for n, flipped := range damaged(mlstest.Marshal(t, newMember(t, "bob").KeyPackage(t).KeyPackage), 1) {
		add := framing.Add{KeyPackage: new(framing.KeyPackage)}
		if framing.Unmarshal(flipped, add.KeyPackage) != nil {
			continue
		}
		commit := mls.CommitParams{Proposals: []framing.Proposal{&add}, Now: mlstest.Now()}
		require.Error(t, failure(alice.Group.Commit(commit, alice.Signer)), "byte %d", n)
		require.Error(t, failure(alice.Group.Propose(&add, mls.ProposeParams{Now: mlstest.Now()}, alice.Signer)), "byte %d", n)
		before.same(t, whole(t, alice.Group))
	}
}
