package mls_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// snapshot is all that a Group knows, in short.
func snapshot(t require.TestingT, g *mls.Group) string {
	records, err := g.Records(nil)
	require.NoError(t, err)
	slices.SortFunc(records, func(a, b mls.Record) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
	h := sha256.New()
	for _, r := range records {
		fmt.Fprintf(h, "%q=%x\n", r.Key, r.Value)
	}
	return fmt.Sprintf("%d records %x", len(records), h.Sum(nil))
}

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

// checkGenuine handles the genuine message and answers what came of it: the same each time, with the Group as before.
func (r *reception) checkGenuine(t require.TestingT, want string) string {
	before := snapshot(t, r.group)
	s, err := r.handle(r.message)
	require.NoError(t, err, r.name)
	got := snapshot(t, s.Next)
	require.Equal(t, before, snapshot(t, r.group), "%s changed the Group that handled it", r.name)
	if want != "" {
		require.Equal(t, want, got, "%s does not work as before", r.name)
	}
	return got
}

// receptions are a message of every kind, in public and in private.
func receptions(t *testing.T) (all []*reception, evil map[string]*mlstest.Insider) {
	evil = map[string]*mlstest.Insider{}
	for name, policy := range map[string]mls.HandshakePolicy{"public": mls.HandshakePublic, "private": mls.HandshakePrivate} {
		w := newWorld(t, 1, policy)
		for range 3 {
			a := w.newWalker()
			w.outside = append(w.outside, a)
			own, theirs, commit := w.members[0].Invite(t, w.members[0].group, a.Client)
			w.publish(commit, true)
			a.group, w.members[0].group, w.members[0].at = theirs[0], own, len(w.log)
			w.store(a)
			w.store(w.members[0])
			w.enters(a)
		}
		for _, a := range w.members {
			w.catchUp(a)
		}
		all = append(all, w.receptions(name)...)
		evil[name] = mlstest.NewInsider(t, w.members[1].group, w.members[1].by())
	}
	return all, evil
}

func (w *world) receptions(format string) (all []*reception) {
	alice, bob, carol := w.members[0], w.members[1], w.members[2]
	add := func(name string, s *mls.Step, err error) *reception {
		require.NoError(w.t, err, name)
		r := &reception{format + " " + name, alice.group, s.Send[0].Message}
		all = append(all, r)
		return r
	}
	dave := w.newWalker()
	proposals := []framing.Proposal{
		&framing.Add{KeyPackage: dave.KeyPackage(w.t).KeyPackage},
		&framing.Remove{Removed: carol.group.OwnLeaf()},
		&framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte("psk"))},
		&framing.GroupContextExtensions{Extensions: w.extensions()},
		&framing.CustomProposal{Type: worldProposal, Data: []byte("custom")},
	}
	for _, p := range append(proposals, &framing.ReInit{GroupID: []byte("next"), Version: framing.MLS10, CipherSuite: 1}) {
		s, err := bob.group.Propose(p, mls.ProposeParams{Now: mlstest.Now()}, bob.by())
		add("proposal of "+p.ProposalType().String(), s, err)
	}
	s, err := carol.group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, carol.by())
	update := add("update", s, err)
	s, err = bob.group.Protect([]byte("hello"), mls.ProtectParams{AuthenticatedData: []byte("aad")}, bob.by())
	add("data", s, err)
	s, err = bob.group.Commit(mls.CommitParams{}, bob.by())
	add("empty commit", s, err)
	s, err = bob.group.Commit(mls.CommitParams{Proposals: proposals, PSKs: worldPSKs(), Now: mlstest.Now()}, bob.by())
	add("commit by value", s, err)

	// A commit of a proposal by reference, which both have seen.
	s, err = update.handle(update.message)
	require.NoError(w.t, err)
	seen, err := bob.group.Handle(mls.Input{Message: update.message})
	require.NoError(w.t, err)
	byRef, err := seen.Next.Commit(mls.CommitParams{}, bob.by())
	add("commit by reference", byRef, err).group = s.Next

	if format == "public" {
		o := w.observed()
		outside := func(name string, message []byte, err error) {
			require.NoError(w.t, err, name)
			all = append(all, &reception{name, alice.group, message})
		}
		message, err := o.ProposeSelf(dave.KeyPackage(w.t).KeyPackage, mls.ProposeParams{Now: mlstest.Now()}, dave.Signer)
		outside("newcomer's proposal", message, err)
		message, err = o.Propose(proposals[1], 0, mls.ProposeParams{}, w.senders[0])
		outside("external sender's proposal", message, err)
		info, err := bob.group.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, bob.by())
		require.NoError(w.t, err)
		s, err = mls.JoinExternal(mls.JoinExternalParams{GroupInfo: info, Leaf: dave.LeafParams, Params: dave.Params})
		require.NoError(w.t, err)
		outside("external commit", s.Send[0].Message, nil)
	}
	return all
}

// refuses gives a Group a bad message: there has to be an error, and no trace of it.
func (r *reception) refuses(t require.TestingT, message []byte, before, how string) {
	_, err := r.handle(message)
	require.Error(t, err, "%s %s was accepted", r.name, how)
	require.Equal(t, before, snapshot(t, r.group), "%s %s left a trace: %v", r.name, how, err)
}

// TestDamagedMessages flips a bit in each byte of each kind of message, cuts it off there, and doubles a byte there:
// nothing of that is accepted, nothing changes the Group, and the genuine message works as before. The damage is a
// stranger's or the delivery service's, who have no keys.
func TestDamagedMessages(t *testing.T) {
	all, _ := receptions(t)
	for _, r := range all {
		t.Run(r.name, func(t *testing.T) {
			t.Parallel()
			want := r.checkGenuine(t, "")
			before := snapshot(t, r.group)
			step := 1
			if raceDetector || testing.Short() {
				step = 7
			}
			for k := 0; k < len(r.message); k += step {
				flipped := bytes.Clone(r.message)
				flipped[k] ^= 1 << (k % 8)
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
		r.refuses(t, spliced, snapshot(t, r.group), "spliced with "+other.name)
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
		r.refuses(t, mixed, snapshot(t, r.group), "mixed with "+other.name)
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
			b, err := framing.Marshal(v)
			require.NoError(t, err)
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
		before := snapshot(t, r.group)
		s, err := r.handle(message)
		if err != nil {
			refused++
			r.refuses(t, message, before, "of an insider")
			return
		}
		accepted++
		again, err := r.handle(message)
		require.NoError(t, err)
		require.Equal(t, snapshot(t, s.Next), snapshot(t, again.Next))
		require.Equal(t, s.Events, again.Events)
		require.Equal(t, s.Claims, again.Claims)
		require.Equal(t, before, snapshot(t, r.group))
	})
	t.Logf("%d refused, %d accepted", refused, accepted)
	require.NotZero(t, refused)
	for _, r := range all {
		r.checkGenuine(t, "")
	}
}

// TestDamagedWelcome damages a Welcome, and the tree that goes with another, in each byte: nothing of that is accepted,
// and the KeyPackage is as good as before.
func TestDamagedWelcome(t *testing.T) {
	for _, omit := range []bool{false, true} {
		alice, bob := mlstest.NewClient(t, 1, "alice"), mlstest.NewClient(t, 1, "bob")
		g := alice.Create(t, "welcome")
		k := bob.KeyPackage(t)
		s, err := g.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: k.KeyPackage}},
			Now: mlstest.Now(), Welcome: mls.WelcomeParams{OmitTree: omit}}, alice.Signer)
		require.NoError(t, err)
		s, err = s.Next.Adopt()
		require.NoError(t, err)
		genuine := s.Send[0]
		join := func(welcome, tree []byte) (*mls.Step, error) {
			return mls.Join(mls.JoinParams{Welcome: welcome, RatchetTree: tree, KeyPackages: []*mls.OwnKeyPackage{k},
				Now: mlstest.Now(), Params: bob.Params})
		}
		damaged := func(b []byte, try func([]byte) error) {
			for n := range b {
				flipped := bytes.Clone(b)
				flipped[n] ^= 1 << (n % 8)
				require.Error(t, try(flipped), "bit %d of byte %d", n%8, n)
				require.Error(t, try(b[:n]), "%d of %d bytes", n, len(b))
			}
		}
		damaged(genuine.Message, func(b []byte) error { _, err := join(b, genuine.RatchetTree); return err })
		damaged(genuine.RatchetTree, func(b []byte) error { _, err := join(genuine.Message, b); return err })
		j, err := join(genuine.Message, genuine.RatchetTree)
		require.NoError(t, err)
		want, err := s.Next.EpochAuthenticator()
		require.NoError(t, err)
		got, err := j.Next.EpochAuthenticator()
		require.NoError(t, err)
		require.Equal(t, want, got)
	}
}

// TestDamagedGroupInfo damages a GroupInfo in each byte: neither a newcomer nor an observer takes it.
func TestDamagedGroupInfo(t *testing.T) {
	alice, bob := mlstest.NewClient(t, 1, "alice"), mlstest.NewClient(t, 1, "bob")
	info, err := alice.Create(t, "info").GroupInfo(mls.GroupInfoParams{ExternalPub: true}, alice.Signer)
	require.NoError(t, err)
	try := func(info []byte) (join, observe error) {
		_, join = mls.JoinExternal(mls.JoinExternalParams{GroupInfo: info, Leaf: bob.LeafParams, Params: bob.Params})
		_, observe = mls.Observe(mls.ObserveParams{GroupInfo: info})
		return join, observe
	}
	for n := range info {
		flipped := bytes.Clone(info)
		flipped[n] ^= 1 << (n % 8)
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
	alice := mlstest.NewClient(t, 1, "alice")
	g := alice.Create(t, "packages")
	before := snapshot(t, g)
	genuine := mlstest.Marshal(t, mlstest.NewClient(t, 1, "bob").KeyPackage(t).KeyPackage)
	for n := range genuine {
		flipped := bytes.Clone(genuine)
		flipped[n] ^= 1 << (n % 8)
		add := framing.Add{KeyPackage: new(framing.KeyPackage)}
		if framing.Unmarshal(flipped, add.KeyPackage) != nil {
			continue
		}
		_, err := g.Commit(mls.CommitParams{Proposals: []framing.Proposal{&add}, Now: mlstest.Now()}, alice.Signer)
		require.Error(t, err, "byte %d", n)
		_, err = g.Propose(&add, mls.ProposeParams{Now: mlstest.Now()}, alice.Signer)
		require.Error(t, err, "byte %d", n)
		require.Equal(t, before, snapshot(t, g))
	}
}
