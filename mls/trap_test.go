package mls_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/internal/inside"
	"github.com/copse-mls/copse/mls/mlstest"
)

// The fourteen tests of this file are about mistakes that were made elsewhere: each holds one of them against this
// package.

// TestTrap01: nobody commits an Update of its own, and nobody accepts such a commit (RFC 9420, Section 12.2).
func TestTrap01(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	evil := bob.insider()
	update := evil.UpdateLeaf(t, "update", nil)

	_, err := bob.group.Commit(mls.CommitParams{Proposals: []framing.Proposal{update}}, bob.Signer)
	breaks(t, "V-PL-01", err)
	alice.refuse(evil.Commit(t, func(d *mlstest.Draft) { d.Proposals = evil.ByValue(update) }).Commit, "V-PL-01")

	// By reference it is left for somebody else, and the commit's path does what it would have done.
	bob.take(bob.group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, bob.Signer))
	refs := []framing.ProposalRef{bob.group.Proposals()[0].Ref}
	_, err = bob.group.Commit(mls.CommitParams{References: refs}, bob.Signer)
	breaks(t, "V-PL-01", err)
	s := bob.take(bob.group.Commit(mls.CommitParams{}, bob.Signer))
	require.Equal(t, refs[0], s.Left[0].Ref)
	require.True(t, s.Change.Path)
	bob.take(bob.group.Adopt())
	tell(s.Send[0].Message, alice)
	together(alice, bob)
}

// TestTrap02: nobody commits its own removal, and nobody accepts such a commit (RFC 9420, Section 12.2). Who wants to
// leave proposes it.
func TestTrap02(t *testing.T) {
	cast := stage(t, "alice", "bob", "carol")
	alice, bob, carol := cast[0], cast[1], cast[2]
	leave := &framing.Remove{Removed: bob.group.OwnLeaf()}

	_, err := bob.group.Commit(mls.CommitParams{Proposals: []framing.Proposal{leave}}, bob.Signer)
	breaks(t, "V-PL-02", err)
	evil := bob.insider()
	alice.refuse(evil.Commit(t, func(d *mlstest.Draft) { d.Proposals = evil.ByValue(leave) }).Commit, "V-PL-02")

	bob.propose(leave, alice, carol)
	_, err = bob.group.Commit(mls.CommitParams{References: []framing.ProposalRef{bob.group.Proposals()[0].Ref}}, bob.Signer)
	breaks(t, "V-PL-02", err)
	alice.commit(mls.CommitParams{}, bob, carol)
	require.Equal(t, mls.StatusRemoved, bob.group.Status())
	together(alice, carol)
}

// TestTrap03: an error about a confirmation tag, as any other, tells no secret.
func TestTrap03(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	bad := bob.insider().Commit(t, func(d *mlstest.Draft) {
		d.OnTag = func(tag []byte) []byte { return append([]byte{tag[0] ^ 1}, tag[1:]...) }
	})
	_, err := alice.group.Handle(mls.Input{Message: bad.Commit})
	breaks(t, "V-CM-14", err)

	secrets := append(secretsOf(alice.group), secretsOf(bob.group)...)
	secrets = append(secrets, bad.Next.Secrets.InitSecret.Secret().Bytes(), bad.Next.Secrets.ConfirmationKey.Bytes())
	for e := err; e != nil; e = errors.Unwrap(e) {
		tellsNothing(t, fmt.Sprintf("%v %+v %#v %s %x", e, e, e, e, e), secrets)
	}
}

// TestTrap04: once a message key was used, neither it nor any earlier ratchet secret is to be found.
func TestTrap04(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]

	// What bob's ratchet will go through, from a copy of the secret tree that never erases.
	evil := bob.insider()
	var messages [][]byte
	for i := range 6 {
		messages = append(messages, evil.Say(t, fmt.Sprint(i), nil))
	}
	var chain [][]byte
	for _, m := range []int{0, 1, 3, 5} { // 2 and 4 are lost on the way
		require.Equal(t, fmt.Sprint(m), alice.read(messages[m]))
		for r := range messagesOf(alice.group).Ratchets(nil) {
			if r.Leaf == bob.group.OwnLeaf() && r.Kind == keyschedule.ApplicationRatchet {
				for _, old := range chain {
					require.NotEqual(t, old, r.Secret.Bytes(), "an old ratchet secret is still there")
				}
				chain = append(chain, bytes.Clone(r.Secret.Bytes()))
				require.EqualValues(t, m+1, r.Next)
			}
		}
		_, err := alice.group.Handle(mls.Input{Message: messages[m]})
		require.ErrorIs(t, err, mls.ErrReplay)
	}
	require.Len(t, chain, 4)
	for r := range messagesOf(alice.group).Ratchets(nil) {
		for _, k := range r.Skipped {
			require.Contains(t, []framing.Generation{2, 4}, k.Generation, "only the keys of lost messages are kept")
		}
	}
	require.Equal(t, "4", alice.read(messages[4]))
	require.Equal(t, "2", alice.read(messages[2]))
	for r := range messagesOf(alice.group).Ratchets(nil) {
		require.Empty(t, r.Skipped)
	}
}

// TestTrap05: a generation far ahead is refused without deriving up to it, and handshake messages and data count
// apart.
func TestTrap05(t *testing.T) {
	cast := stageOf(t, func(c *mlstest.Client) { c.Params.Handshake = mls.HandshakePrivate }, nil, "alice", "bob")
	alice, bob := cast[0], cast[1]
	evil := bob.insider()
	alice.hear(evil.Say(t, "near", nil))
	far := evil.Say(t, "far", func(c *mlstest.Content) {
		c.OnSender = func(s *framing.SenderData) { s.Generation = math.MaxUint32 }
	})
	start := time.Now()
	_, err := alice.group.Handle(mls.Input{Message: far})
	require.ErrorIs(t, err, keyschedule.ErrGenerationTooFar)
	require.Less(t, time.Since(start), time.Second)

	for range 3 {
		alice.hear(evil.Send(t, framing.ContentTypeProposal, func(c *mlstest.Content) {
			c.Format = framing.WireFormatPrivateMessage
			c.Proposal = &framing.PreSharedKey{PSK: framing.PreSharedKeyID{PSKType: framing.PSKTypeExternal,
				PSKID: []byte(fmt.Sprint("psk ", len(alice.group.Proposals()))), PSKNonce: make([]byte, 32)}}
		}))
	}
	next := map[keyschedule.RatchetKind]uint64{}
	for r := range messagesOf(alice.group).Ratchets(nil) {
		if r.Leaf == bob.group.OwnLeaf() {
			next[r.Kind] = r.Next
		}
	}
	require.Equal(t, map[keyschedule.RatchetKind]uint64{
		keyschedule.ApplicationRatchet: 1, keyschedule.HandshakeRatchet: 3}, next)
}

// TestTrap06: without the tree nobody joins; with another tree, or when the group is not what its author signed,
// nobody joins either.
func TestTrap06(t *testing.T) {
	alice := stage(t, "alice")[0]
	bob := newPlayer(t, "bob")
	keys := bob.KeyPackage(t)
	_, adopted := alice.commit(mls.CommitParams{
		Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys.KeyPackage}}, Welcome: mls.WelcomeParams{OmitTree: true}})
	out := adopted.Send[0]
	join := mls.JoinParams{Welcome: out.Message, KeyPackages: []*mls.OwnKeyPackage{keys}, Now: mlstest.Now(), Params: bob.Params}

	_, err := mls.Join(join)
	require.ErrorIs(t, err, mls.ErrNoTree)
	wrong := join
	wrong.RatchetTree = stage(t, "alice", "carol")[0].group.Tree().Export()
	_, err = mls.Join(wrong)
	breaks(t, "V-TREE-03", err)
	join.RatchetTree = out.RatchetTree
	bob.take(mls.Join(join))
	together(alice, bob)

	// A Welcome whose author keeps to no rule.
	carol := newPlayer(t, "carol")
	keys = carol.KeyPackage(t)
	other := carol.KeyPackage(t)
	evil := alice.insider()
	add := func(d *mlstest.Draft) { d.Proposals = evil.ByValue(&framing.Add{KeyPackage: keys.KeyPackage}) }
	for rule, change := range map[string]func(*mlstest.Draft){
		"V-WEL-05": func(d *mlstest.Draft) {
			d.OnSignedInfo = func(i *framing.GroupInfo) { i.Signature[0] ^= 1 }
		},
		"V-TREE-03": func(d *mlstest.Draft) {
			d.OnGroupInfo = func(i *framing.GroupInfo) { i.GroupContext.TreeHash = make([]byte, 32) }
		},
		"V-WEL-08": func(d *mlstest.Draft) {
			d.Proposals = evil.ByValue(&framing.Add{KeyPackage: other.KeyPackage})
			d.Joiners = func(j []framing.Joiner) []framing.Joiner { j[0].KeyPackage = keys.KeyPackage; return j }
		},
		"V-WEL-10": func(d *mlstest.Draft) {
			d.OnGroupInfo = func(i *framing.GroupInfo) { i.ConfirmationTag = make([]byte, 32) }
		},
	} {
		made := evil.Commit(t, func(d *mlstest.Draft) { add(d); change(d) })
		_, err := mls.Join(mls.JoinParams{
			Welcome: made.Welcome, KeyPackages: []*mls.OwnKeyPackage{keys}, Now: mlstest.Now(), Params: carol.Params})
		breaks(t, rule, err)
	}
	made := evil.Commit(t, add)
	_, err = mls.Join(mls.JoinParams{
		Welcome: made.Welcome, KeyPackages: []*mls.OwnKeyPackage{keys}, Now: mlstest.Now(), Params: carol.Params})
	require.NoError(t, err, "the KeyPackage is as good as before")
}

// TestTrap07: the signature key is the caller's. One that was stored and read again is as good as ever.
func TestTrap07(t *testing.T) {
	suite := mlstest.Suite(t, testSuite)
	seed := bytes.Repeat([]byte{7}, 32) // what the caller stores
	read := func() mls.LeafParams {
		signer, err := suite.ParseSigner(ciphersuite.NewSecret(bytes.Clone(seed)))
		require.NoError(t, err)
		return mls.LeafParams{Credential: framing.BasicCredential([]byte("alice")), Signer: signer}
	}
	alice, bob := newPlayer(t, "alice"), newPlayer(t, "bob")
	alice.LeafParams = read()
	alice.group = alice.Create(t, "group")
	restart := func() {
		alice.LeafParams = read()
		alice.reload()
	}
	restart()
	alice.welcome(bob)
	restart()
	require.Equal(t, "still me", bob.read(alice.say("still me")))

	key, err := suite.PublicKeyOf(read().Signer)
	require.NoError(t, err)
	require.Equal(t, key, bob.group.Tree().SignatureKey(alice.group.OwnLeaf()))
	_, err = alice.group.Protect(nil, mls.ProtectParams{}, bob.Signer)
	require.ErrorIs(t, err, mls.ErrSigner)
}

// TestTrap08: a KeyPackage with its private keys is a value that can be stored, and opens a Welcome that comes after a
// restart.
func TestTrap08(t *testing.T) {
	alice := stage(t, "alice")[0]
	bob := newPlayer(t, "bob")
	keys := bob.KeyPackage(t)
	stored, err := keys.Marshal()
	require.NoError(t, err)
	_, adopted := alice.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys.KeyPackage}}})
	keys.Erase() // the process ends here

	again, err := mls.UnmarshalOwnKeyPackage(stored)
	require.NoError(t, err)
	join := mls.JoinParams{Welcome: adopted.Send[0].Message, KeyPackages: []*mls.OwnKeyPackage{keys}, Now: mlstest.Now(), Params: bob.Params}
	_, err = mls.Join(join)
	require.Error(t, err, "the private keys were erased")
	join.KeyPackages[0] = again
	s := bob.take(mls.Join(join))
	ref, err := again.KeyPackage.Ref(bob.Suite)
	require.NoError(t, err)
	require.Equal(t, &mls.UsedKey{Ref: ref}, s.Used)
	again.Erase() // as Used asks: the Group has its own copy
	together(alice, bob)
	alice.commit(mls.CommitParams{}, bob)
	together(alice, bob)
}

// TestTrap09: a credential comes up for judgement whichever way it comes in, and before it takes effect.
func TestTrap09(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	judged := func(list []mls.Claim) (out []string) {
		for _, j := range list {
			out = append(out, fmt.Sprintf("%v %s", j.Moment, j.Credential.Identity))
			for _, p := range j.Predecessors {
				out[len(out)-1] += fmt.Sprintf(" for %s", p.Credential.Identity)
			}
		}
		return out
	}
	add := func(name string) *framing.Add {
		return &framing.Add{KeyPackage: newPlayer(t, name).KeyPackage(t).KeyPackage}
	}
	send := func(s *mls.Step) []byte { return s.Send[0].Message }
	renamed := func(name string) mls.LeafUpdate {
		c := framing.BasicCredential([]byte(name))
		return mls.LeafUpdate{Credential: &c}
	}

	// By value and by reference, when sending and when receiving.
	s := bob.take(bob.group.Propose(add("carol"), mls.ProposeParams{Now: mlstest.Now()}, bob.Signer))
	require.Equal(t, []string{"add sent carol"}, judged(s.Claims))
	require.Equal(t, []string{"add carol"}, judged(alice.hear(send(s)).Claims))
	s = bob.take(bob.group.ProposeUpdate(renamed("robert"), mls.ProposeParams{}, bob.Signer))
	require.Equal(t, []string{"update robert for bob"}, judged(s.Claims))
	require.Equal(t, []string{"update robert for bob"}, judged(alice.hear(send(s)).Claims))

	moderator := newPlayer(t, "moderator")
	key, err := moderator.Suite.PublicKeyOf(moderator.Signer)
	require.NoError(t, err)
	senders := extension(t, &framing.ExternalSenders{{SignatureKey: key, Credential: moderator.Credential}})
	s = alice.take(alice.group.Commit(mls.CommitParams{
		Proposals: []framing.Proposal{add("dave"), &framing.GroupContextExtensions{Extensions: framing.Extensions{senders}}},
		Leaf:      renamed("alicia"), Now: mlstest.Now()}, alice.Signer))
	require.ElementsMatch(t, []string{"external sender moderator", "update robert for bob", "add sent carol", "add sent dave",
		"path alicia for alice"}, judged(s.Claims))
	alice.take(alice.group.Adopt())
	require.ElementsMatch(t, []string{"external sender moderator", "update robert for bob", "add carol", "add dave",
		"path alicia for alice"}, judged(bob.hear(send(s)).Claims))

	// Newcomers judge everybody, members judge the newcomer.
	eve := newPlayer(t, "eve")
	x := eve.take(mls.JoinExternal(mls.JoinExternalParams{
		GroupInfo: alice.info(), Leaf: eve.LeafParams, Now: mlstest.Now(), Params: eve.Params}))
	require.ElementsMatch(t, []string{"external sender moderator", "join alicia", "join robert", "join carol", "join dave",
		"external commit eve"}, judged(x.Claims))
	require.Equal(t, []string{"external commit eve"}, judged(alice.hear(send(x)).Claims))
	observed, err := mls.Observe(mls.ObserveParams{GroupInfo: alice.info(), Now: mlstest.Now()})
	require.NoError(t, err)
	require.ElementsMatch(t, []string{"external sender moderator", "join alicia", "join robert", "join carol", "join dave",
		"join eve"}, judged(observed.Claims))

	// What stays is no question.
	s = alice.take(alice.group.Commit(mls.CommitParams{ForcePath: true}, alice.Signer))
	require.Empty(t, s.Claims)
}

// TestTrap10: late messages of past epochs are read by default, also after a restart, each of them once.
func TestTrap10(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	var late [][]byte
	for i := range 4 {
		late = append(late, alice.say(fmt.Sprint("epoch ", i)))
		alice.commit(mls.CommitParams{}, bob)
	}
	for i, message := range late {
		if i == 0 {
			_, err := bob.group.Handle(mls.Input{Message: message})
			require.ErrorIs(t, err, mls.ErrOldEpoch, "three epochs are kept, not four")
			continue
		}
		bob.reload()
		require.Equal(t, fmt.Sprint("epoch ", i), bob.read(message))
		bob.reload()
		_, err := bob.group.Handle(mls.Input{Message: message})
		require.ErrorIs(t, err, mls.ErrReplay)
	}
}

// TestTrap11: a branch has a group id of its own.
func TestTrap11(t *testing.T) {
	alice := stage(t, "alice", "bob")[0]
	branch := mls.CreateParams{CipherSuite: testSuite, Leaf: alice.LeafParams, Lifetime: mlstest.Lifetime(),
		Successor: alice.group, Params: alice.Params}
	s, err := mls.Create(branch)
	require.NoError(t, err)
	other, err := mls.Create(branch)
	require.NoError(t, err)
	require.Len(t, s.Next.GroupID(), 32)
	require.NotEqual(t, alice.group.GroupID(), s.Next.GroupID())
	require.NotEqual(t, other.Next.GroupID(), s.Next.GroupID())

	branch.GroupID = alice.group.GroupID()
	_, err = mls.Create(branch)
	breaks(t, "V-RE-08", err)
}

// TestTrap12: padding pads, each message as it was asked to, and handshake messages are encrypted when the policy says
// so.
func TestTrap12(t *testing.T) {
	change := func(c *mlstest.Client) {
		c.Params.Handshake = mls.HandshakePrivateOnly
		c.Params.Padding = framing.PadToMultiple(512)
	}
	cast := stageOf(t, change, nil, "alice", "bob")
	alice, bob := cast[0], cast[1]
	lengths := map[int]bool{}
	for n := range 100 {
		message := alice.say(string(make([]byte, n)))
		lengths[len(message)] = true
		require.Len(t, bob.read(message), n)
	}
	require.Len(t, lengths, 1)
	s := alice.take(alice.group.Protect([]byte("x"), mls.ProtectParams{Padding: framing.PadToMultiple(4096)}, alice.Signer))
	require.Greater(t, len(s.Send[0].Message), 4096)
	require.Equal(t, "x", bob.read(s.Send[0].Message))

	proposal := alice.propose(&framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte("psk"))}, bob)
	commit, _ := alice.commit(mls.CommitParams{References: []framing.ProposalRef{}}, bob)
	for _, message := range [][]byte{proposal, commit} {
		mlstest.Parse[*framing.PrivateMessage](t, message)
		require.False(t, bytes.Contains(message, []byte("psk")))
	}
	together(alice, bob)
}

// TestTrap13 stands for an encrypted store that covered only a part of the state. This package has no store: records
// are the caller's to encrypt, and they are the only door by which secrets leave. So no other encoding of a value may
// hold a secret.
func TestTrap13(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	keys := bob.KeyPackage(t)
	psks := mls.PSKs{{ID: mls.ExternalPSKID([]byte("psk")), Secret: ciphersuite.NewSecret([]byte("a secret shared by two"))}}
	alice.take(alice.group.Commit(mls.CommitParams{}, alice.Signer)) // pending, with the secrets of the next epoch

	secrets := append(secretsOf(alice.group), keys.InitKey.Bytes(), keys.LeafKey.Bytes(), psks[0].Secret.Bytes())
	for _, v := range []any{alice.group, *alice.group, keys, *keys, psks, mls.Input{PSKs: psks}} {
		tellsNothing(t, fmt.Sprintf("%v %+v %#v %s %x %q %d", v, v, v, v, v, v, v), secrets)
		if encoded, err := json.Marshal(v); err == nil {
			tellsNothing(t, string(encoded), secrets)
		}
	}
}

// TestTrap14: custom proposals and extensions of types that this package knows nothing of are of use, when all members
// support them.
func TestTrap14(t *testing.T) {
	const proposalType, extensionType, unknownType = 0xf042, 0xf043, 0xf044
	change := func(c *mlstest.Client) {
		c.Capabilities.Proposals = []framing.ProposalType{proposalType}
		c.Capabilities.Extensions = []framing.ExtensionType{extensionType}
	}
	colour := framing.Extension{Type: extensionType, Data: []byte("green")}
	cast := stageOf(t, change, framing.Extensions{colour}, "alice", "bob", "carol")
	alice, bob, carol := cast[0], cast[1], cast[2]
	observer := alice.observe()
	require.Equal(t, framing.Extensions{colour}, bob.group.Context().Extensions)

	message := bob.propose(&framing.CustomProposal{Type: proposalType, Data: []byte("by reference")}, alice, carol)
	s, err := observer.Handle(mls.Input{Message: message})
	require.NoError(t, err)
	message, adopted := alice.commit(mls.CommitParams{Proposals: []framing.Proposal{
		&framing.CustomProposal{Type: proposalType, Data: []byte("by value")},
		&framing.GroupContextExtensions{Extensions: framing.Extensions{{Type: extensionType, Data: []byte("red")}}},
	}}, bob)
	s, err = s.Next.Handle(mls.Input{Message: message})
	require.NoError(t, err)
	require.Equal(t, alice.group.Context(), s.Next.Context())
	for _, events := range [][]mls.Event{adopted.Events, s.Events, carol.hear(message).Events} {
		change := events[0].(*mls.EpochChanged).Change
		require.Len(t, change.Proposals, 3)
		require.Equal(t, "by reference", string(change.Proposals[0].Proposal.(*framing.CustomProposal).Data))
		require.Equal(t, bob.group.OwnLeaf(), change.Proposals[0].Sender.LeafIndex)
		require.Equal(t, "by value", string(change.Proposals[1].Proposal.(*framing.CustomProposal).Data))
		require.Equal(t, "red", string(change.NewExtensions[0].Data))
	}
	together(alice, bob, carol)

	_, err = alice.group.Commit(mls.CommitParams{
		Proposals: []framing.Proposal{&framing.CustomProposal{Type: unknownType}}}, alice.Signer)
	breaks(t, "V-PR-16", err)
	evil := alice.insider()
	bob.refuse(evil.Commit(t, func(d *mlstest.Draft) {
		d.Proposals = evil.ByValue(&framing.CustomProposal{Type: unknownType})
	}).Commit, "V-PR-16")
}

// partsOf is what a member knows.
func partsOf(g *mls.Group) inside.Parts { return inside.Reveal(g) }

func messagesOf(g *mls.Group) *keyschedule.SecretTree { return partsOf(g).Messages }

// secretsOf lists the secrets of a member in its present epoch.
func secretsOf(g *mls.Group) (out [][]byte) {
	p := partsOf(g)
	for _, s := range []ciphersuite.Secret{
		p.Secrets.SenderDataSecret, p.Secrets.ExporterSecret, p.Secrets.ExternalSecret, p.Secrets.ConfirmationKey,
		p.Secrets.MembershipKey, p.Secrets.ResumptionPSK, p.Secrets.EpochAuthenticator, p.Secrets.InitSecret.Secret(),
	} {
		out = append(out, s.Bytes())
	}
	for _, pair := range p.Private.Keys() {
		out = append(out, pair.Private.Bytes())
	}
	for n := range p.Messages.Nodes(nil) {
		out = append(out, n.Secret.Bytes())
	}
	for r := range p.Messages.Ratchets(nil) {
		out = append(out, r.Secret.Bytes())
	}
	return out
}

// tellsNothing checks that no secret stands in a text: as it is, in hexadecimal, in base64 or as a list of numbers.
func tellsNothing(t *testing.T, text string, secrets [][]byte) {
	t.Helper()
	require.NotEmpty(t, secrets)
	for _, s := range secrets {
		if len(s) == 0 {
			continue
		}
		numbers := fmt.Sprint(s)
		for _, form := range []string{string(s), hex.EncodeToString(s), fmt.Sprintf("%X", s), numbers[1 : len(numbers)-1],
			base64.StdEncoding.EncodeToString(s), fmt.Sprintf("%#v", s)} {
			require.NotContains(t, text, form)
		}
	}
}
