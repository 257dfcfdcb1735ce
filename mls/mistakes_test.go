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

// The tests of this file are about mistakes that other implementations made: each checks that this package does not make
// one of them.

// TestNobodyCommitsItsOwnUpdate: nobody commits an Update of its own, and nobody accepts such a commit (RFC 9420,
// Section 12.2).
func TestNobodyCommitsItsOwnUpdate(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	evil := bob.Insider()
	update := evil.UpdateLeaf(t, "update", nil)

	breaks(t, "V-PL-01", failure(bob.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{update}}, bob.Signer)))
	refuse(alice, evil.Commit(t, func(d *mlstest.Draft) { d.Proposals = evil.ByValue(update) }).Commit, "V-PL-01")

	// By reference it is left for somebody else, and the commit's path does what it would have done.
	bob.Take(bob.Group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, bob.Signer))
	refs := []framing.ProposalRef{bob.Group.Proposals()[0].Ref}
	breaks(t, "V-PL-01", failure(bob.Group.Commit(mls.CommitParams{References: refs}, bob.Signer)))
	s := bob.MakeCommit(mls.CommitParams{})
	require.Equal(t, refs[0], s.Left[0].Ref)
	require.True(t, s.Change.Path)
	bob.Adopt(s, alice)
	mlstest.Agree(alice, bob)
}

// TestNobodyCommitsItsOwnRemoval: nobody commits its own removal, and nobody accepts such a commit (RFC 9420, Section
// 12.2). A member that wants to leave proposes it.
func TestNobodyCommitsItsOwnRemoval(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	leave := &framing.Remove{Removed: bob.Group.OwnLeaf()}

	breaks(t, "V-PL-02", failure(bob.Group.Commit(mls.CommitParams{Proposals: []framing.Proposal{leave}}, bob.Signer)))
	evil := bob.Insider()
	refuse(alice, evil.Commit(t, func(d *mlstest.Draft) { d.Proposals = evil.ByValue(leave) }).Commit, "V-PL-02")

	bob.Propose(leave, alice, carol)
	breaks(t, "V-PL-02", failure(bob.Group.Commit(mls.CommitParams{References: []framing.ProposalRef{bob.Group.Proposals()[0].Ref}}, bob.Signer)))
	alice.Commit(mls.CommitParams{}, bob, carol)
	require.Equal(t, mls.StatusRemoved, bob.Group.Status())
	mlstest.Agree(alice, carol)
}

// TestErrorsTellNoSecret: an error about a confirmation tag, like any other, shows no secret.
func TestErrorsTellNoSecret(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	bad := bob.Insider().Commit(t, func(d *mlstest.Draft) {
		d.OnTag = func(tag []byte) []byte { return append([]byte{tag[0] ^ 1}, tag[1:]...) }
	})
	_, err := alice.Group.Handle(mls.Input{Message: bad.Commit})
	breaks(t, "V-CM-14", err)

	secrets := append(secretsOf(alice.Group), secretsOf(bob.Group)...)
	secrets = append(secrets, bad.Next.Secrets.InitSecret.Secret().Bytes(), bad.Next.Secrets.ConfirmationKey.Bytes())
	for e := err; e != nil; e = errors.Unwrap(e) {
		tellsNothing(t, fmt.Sprintf("%v %+v %#v %s %x", e, e, e, e, e), secrets)
	}
}

// TestUsedKeysAreGone: once a message key was used, neither it nor any earlier ratchet secret is to be found.
func TestUsedKeysAreGone(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))

	// What bob's ratchet will go through, from a copy of the secret tree that never erases.
	evil := bob.Insider()
	var messages [][]byte
	for i := range 6 {
		messages = append(messages, evil.Say(t, fmt.Sprint(i), nil))
	}
	var chain [][]byte
	for _, m := range []int{0, 1, 3, 5} { // 2 and 4 are lost on the way
		require.Equal(t, fmt.Sprint(m), alice.Read(messages[m]))
		for r := range messagesOf(alice.Group).Ratchets(nil) {
			if r.Leaf == bob.Group.OwnLeaf() && r.Kind == keyschedule.ApplicationRatchet {
				for _, old := range chain {
					require.NotEqual(t, old, r.Secret.Bytes(), "an old ratchet secret is still there")
				}
				chain = append(chain, bytes.Clone(r.Secret.Bytes()))
				require.EqualValues(t, m+1, r.Next)
			}
		}
		require.ErrorIs(t, failure(alice.Group.Handle(mls.Input{Message: messages[m]})), mls.ErrReplay)
	}
	require.Len(t, chain, 4)
	for b := range messagesOf(alice.Group).Skipped(nil) {
		for _, k := range b.Keys {
			require.Contains(t, []framing.Generation{2, 4}, k.Generation, "only the keys of lost messages are kept")
		}
	}
	require.Equal(t, "4", alice.Read(messages[4]))
	require.Equal(t, "2", alice.Read(messages[2]))
	for range messagesOf(alice.Group).Skipped(nil) {
		t.Fatal("a key is kept that was used")
	}
}

// TestGenerationFarAhead: a generation far ahead is refused without deriving up to it, and handshake messages and data
// count apart.
func TestGenerationFarAhead(t *testing.T) {
	alice, bob := two(newCastOf(t, func(c *mlstest.Party) { c.Params.Handshake = mls.HandshakePrivate }, nil, "alice", "bob"))
	evil := bob.Insider()
	alice.Hear(evil.Say(t, "near", nil))
	far := evil.Say(t, "far", func(c *mlstest.Content) {
		c.OnSender = func(s *framing.SenderData) { s.Generation = math.MaxUint32 }
	})
	start := time.Now()
	require.ErrorIs(t, failure(alice.Group.Handle(mls.Input{Message: far})), keyschedule.ErrGenerationTooFar)
	require.Less(t, time.Since(start), time.Second)

	for range 3 {
		alice.Hear(evil.Send(t, framing.ContentTypeProposal, func(c *mlstest.Content) {
			c.Format = framing.WireFormatPrivateMessage
			c.Proposal = &framing.PreSharedKey{PSK: framing.PreSharedKeyID{PSKType: framing.PSKTypeExternal,
				PSKID: []byte(fmt.Sprint("psk ", len(alice.Group.Proposals()))), PSKNonce: make([]byte, 32)}}
		}))
	}
	next := map[keyschedule.RatchetKind]uint64{}
	for r := range messagesOf(alice.Group).Ratchets(nil) {
		if r.Leaf == bob.Group.OwnLeaf() {
			next[r.Kind] = r.Next
		}
	}
	require.Equal(t, map[keyschedule.RatchetKind]uint64{
		keyschedule.ApplicationRatchet: 1, keyschedule.HandshakeRatchet: 3}, next)
}

// TestJoinNeedsTheTree: without the tree nobody joins; with another tree, or when the group is not what its author
// signed, nobody joins either.
func TestJoinNeedsTheTree(t *testing.T) {
	alice := newCast(t, "alice")[0]
	bob := newMember(t, "bob")
	keys := bob.KeyPackage(t)
	adopted := alice.Commit(mls.CommitParams{
		Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys.KeyPackage}}, Welcome: mls.WelcomeParams{OmitTree: true}}).Adopted
	out := adopted.Send[0]
	join := bob.ByWelcome(out.Message, keys)

	require.ErrorIs(t, failure(mls.Join(join)), mls.ErrNoTree)
	wrong := join
	wrong.RatchetTree = newCast(t, "alice", "carol")[0].Group.Tree().Export()
	breaks(t, "V-TREE-03", failure(mls.Join(wrong)))
	join.RatchetTree = out.RatchetTree()
	bob.Take(mls.Join(join))
	mlstest.Agree(alice, bob)

	// A Welcome whose author keeps no rules.
	carol := newMember(t, "carol")
	keys = carol.KeyPackage(t)
	other := carol.KeyPackage(t)
	evil := alice.Insider()
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
		breaks(t, rule, failure(mls.Join(carol.ByWelcome(made.Welcome, keys))))
	}
	made := evil.Commit(t, add)
	_, err := mls.Join(carol.ByWelcome(made.Welcome, keys))
	require.NoError(t, err, "the KeyPackage has changed")
}

// TestSignatureKeyIsTheCallers: the signature key is the caller's. One that was stored and loaded again still signs.
func TestSignatureKeyIsTheCallers(t *testing.T) {
	suite := mlstest.Suite(t, testSuite)
	seed := bytes.Repeat([]byte{7}, 32) // what the caller stores
	read := func() mls.LeafParams {
		signer := must(suite.ParseSigner(ciphersuite.NewSecret(bytes.Clone(seed))))
		return mls.LeafParams{Credential: framing.BasicCredential([]byte("alice")), Signer: signer}
	}
	alice, bob := newMember(t, "alice"), newMember(t, "bob")
	alice.LeafParams = read()
	alice.Group = alice.Create(t, "group")
	restart := func() {
		alice.LeafParams = read()
		alice.Reload()
	}
	restart()
	alice.Welcome(bob)
	restart()
	require.Equal(t, "still me", bob.Read(alice.Say("still me")))

	key := must(suite.PublicKeyOf(read().Signer))
	require.Equal(t, key, bob.Group.Tree().SignatureKey(alice.Group.OwnLeaf()))
	require.ErrorIs(t, failure(alice.Group.Protect(nil, mls.ProtectParams{}, bob.Signer)), mls.ErrSigner)
}

// TestStoredKeyPackageJoins: a KeyPackage with its private keys is a value that can be stored, and opens a Welcome that
// comes after a restart.
func TestStoredKeyPackageJoins(t *testing.T) {
	alice := newCast(t, "alice")[0]
	bob := newMember(t, "bob")
	keys := bob.KeyPackage(t)
	stored := must(keys.Marshal())
	adopted := alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys.KeyPackage}}}).Adopted
	keys.Erase() // the process ends here

	again := must(mls.UnmarshalOwnKeyPackage(stored))
	join := bob.ByWelcome(adopted.Send[0].Message, keys)
	require.Error(t, failure(mls.Join(join)), "the private keys were erased")
	join.KeyPackages[0] = again
	s := bob.Take(mls.Join(join))
	ref := must(again.KeyPackage.Ref(bob.Suite))
	require.Equal(t, &mls.UsedKey{Ref: ref}, s.Used)
	again.Erase() // as Used asks: the Group has its own copy
	mlstest.Agree(alice, bob)
	alice.Commit(mls.CommitParams{}, bob)
	mlstest.Agree(alice, bob)
}

// TestEveryCredentialIsClaimed: there is a Claim about a credential whichever way it comes in, before it takes effect.
func TestEveryCredentialIsClaimed(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
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
		return &framing.Add{KeyPackage: newMember(t, name).KeyPackage(t).KeyPackage}
	}
	send := func(s *mls.Step) []byte { return s.Send[0].Message }
	renamed := func(name string) mls.LeafUpdate {
		c := framing.BasicCredential([]byte(name))
		return mls.LeafUpdate{Credential: &c}
	}

	// By value and by reference, when sending and when receiving.
	s := bob.Take(bob.Group.Propose(add("carol"), mls.ProposeParams{Now: mlstest.Now()}, bob.Signer))
	require.Equal(t, []string{"add sent carol"}, judged(s.Claims))
	require.Equal(t, []string{"add carol"}, judged(alice.Hear(send(s)).Claims))
	s = bob.Take(bob.Group.ProposeUpdate(renamed("robert"), mls.ProposeParams{}, bob.Signer))
	require.Equal(t, []string{"update robert for bob"}, judged(s.Claims))
	require.Equal(t, []string{"update robert for bob"}, judged(alice.Hear(send(s)).Claims))

	moderator := newMember(t, "moderator")
	key := must(moderator.Suite.PublicKeyOf(moderator.Signer))
	senders := extension(t, &framing.ExternalSenders{{SignatureKey: key, Credential: moderator.Credential}})
	s = alice.MakeCommit(mls.CommitParams{
		Proposals: []framing.Proposal{add("dave"), &framing.GroupContextExtensions{Extensions: framing.Extensions{senders}}},
		Leaf:      renamed("alicia")})
	require.ElementsMatch(t, []string{"external sender moderator", "update robert for bob", "add sent carol", "add sent dave",
		"path alicia for alice"}, judged(s.Claims))
	alice.Take(alice.Group.Adopt())
	require.ElementsMatch(t, []string{"external sender moderator", "update robert for bob", "add carol", "add dave",
		"path alicia for alice"}, judged(bob.Hear(send(s)).Claims))

	// Newcomers get Claims about everybody, members about the newcomer.
	eve := newMember(t, "eve")
	x := eve.Take(mls.JoinExternal(eve.ByGroupInfo(alice.Info())))
	require.ElementsMatch(t, []string{"external sender moderator", "join alicia", "join robert", "join carol", "join dave",
		"external commit eve"}, judged(x.Claims))
	require.Equal(t, []string{"external commit eve"}, judged(alice.Hear(send(x)).Claims))
	observed := must(mls.Observe(mls.ObserveParams{GroupInfo: alice.Info(), Now: mlstest.Now()}))
	require.ElementsMatch(t, []string{"external sender moderator", "join alicia", "join robert", "join carol", "join dave",
		"join eve"}, judged(observed.Claims))

	// What stays the same needs no Claim.
	s = alice.MakeCommit(mls.CommitParams{ForcePath: true})
	require.Empty(t, s.Claims)
}

// TestLateMessagesAfterRestart: late messages of past epochs are read by default, also after a restart, each of them
// once.
func TestLateMessagesAfterRestart(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	var late [][]byte
	for i := range 4 {
		late = append(late, alice.Say(fmt.Sprint("epoch ", i)))
		alice.Commit(mls.CommitParams{}, bob)
	}
	for i, message := range late {
		if i == 0 {
			require.ErrorIs(t, failure(bob.Group.Handle(mls.Input{Message: message})), mls.ErrOldEpoch, "three epochs are kept, not four")
			continue
		}
		bob.Reload()
		require.Equal(t, fmt.Sprint("epoch ", i), bob.Read(message))
		bob.Reload()
		require.ErrorIs(t, failure(bob.Group.Handle(mls.Input{Message: message})), mls.ErrReplay)
	}
}

// TestBranchHasItsOwnGroupID: a branch has a group id of its own.
func TestBranchHasItsOwnGroupID(t *testing.T) {
	alice := newCast(t, "alice", "bob")[0]
	branch := mls.CreateParams{CipherSuite: testSuite, Leaf: alice.LeafParams, Lifetime: mlstest.Lifetime(),
		Successor: alice.Group, Params: alice.Params}
	s := must(mls.Create(branch))
	other := must(mls.Create(branch))
	require.Len(t, s.Next.GroupID(), 32)
	require.NotEqual(t, alice.Group.GroupID(), s.Next.GroupID())
	require.NotEqual(t, other.Next.GroupID(), s.Next.GroupID())

	branch.GroupID = alice.Group.GroupID()
	breaks(t, "V-RE-08", failure(mls.Create(branch)))
}

// TestPaddingAndEncryptedHandshake: each message is padded as asked, and handshake messages are encrypted when the policy
// says so.
func TestPaddingAndEncryptedHandshake(t *testing.T) {
	change := func(c *mlstest.Party) {
		c.Params.Handshake = mls.HandshakePrivateOnly
		c.Params.Padding = framing.PadToMultiple(512)
	}
	alice, bob := two(newCastOf(t, change, nil, "alice", "bob"))
	lengths := map[int]bool{}
	for n := range 100 {
		message := alice.Say(string(make([]byte, n)))
		lengths[len(message)] = true
		require.Len(t, bob.Read(message), n)
	}
	require.Len(t, lengths, 1)
	s := alice.Take(alice.Group.Protect([]byte("x"), mls.ProtectParams{Padding: framing.PadToMultiple(4096)}, alice.Signer))
	require.Greater(t, len(s.Send[0].Message), 4096)
	require.Equal(t, "x", bob.Read(s.Send[0].Message))

	proposal := alice.Propose(&framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte("psk"))}, bob)
	commit := alice.Commit(mls.CommitParams{References: []framing.ProposalRef{}}, bob).Message
	for _, message := range [][]byte{proposal, commit} {
		mlstest.Parse[*framing.PrivateMessage](t, message)
		require.False(t, bytes.Contains(message, []byte("psk")))
	}
	mlstest.Agree(alice, bob)
}

// TestOnlyRecordsHoldSecrets stands for an encrypted store that covered only a part of the state. This package has no
// store: records are the caller's to encrypt, and they are the only way by which secrets leave. So no other encoding
// of a value may hold a secret.
func TestOnlyRecordsHoldSecrets(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	keys := bob.KeyPackage(t)
	psks := mls.PSKs{{ID: mls.ExternalPSKID([]byte("psk")), Secret: ciphersuite.NewSecret([]byte("a secret shared by two"))}}
	alice.MakeCommit(mls.CommitParams{}) // pending, with the secrets of the next epoch

	secrets := append(secretsOf(alice.Group), keys.InitKey.Bytes(), keys.LeafKey.Bytes(), psks[0].Secret.Bytes())
	for _, v := range []any{alice.Group, valueOf(alice.Group), keys, *keys, psks, mls.Input{PSKs: psks}} {
		tellsNothing(t, fmt.Sprintf("%v %+v %#v %s %x %q %d", v, v, v, v, v, v, v), secrets)
		if encoded, err := json.Marshal(v); err == nil {
			tellsNothing(t, string(encoded), secrets)
		}
	}
}

// TestUnknownProposalsAndExtensions: custom proposals and extensions of types that this package does not know can be used
// when all members support them.
func TestUnknownProposalsAndExtensions(t *testing.T) {
	const proposalType, extensionType, unknownType = 0xf042, 0xf043, 0xf044
	change := func(c *mlstest.Party) {
		c.Capabilities.Proposals = []framing.ProposalType{proposalType}
		c.Capabilities.Extensions = []framing.ExtensionType{extensionType}
	}
	colour := framing.Extension{Type: extensionType, Data: []byte("green")}
	alice, bob, carol := three(newCastOf(t, change, framing.Extensions{colour}, "alice", "bob", "carol"))
	observer := alice.Observe()
	require.Equal(t, framing.Extensions{colour}, bob.Group.Context().Extensions)

	message := bob.Propose(&framing.CustomProposal{Type: proposalType, Data: []byte("by reference")}, alice, carol)
	s := must(observer.Handle(mls.Input{Message: message}))
	made := alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{
		&framing.CustomProposal{Type: proposalType, Data: []byte("by value")},
		&framing.GroupContextExtensions{Extensions: framing.Extensions{{Type: extensionType, Data: []byte("red")}}},
	}}, bob)
	message, adopted := made.Message, made.Adopted
	s = must(s.Next.Handle(mls.Input{Message: message}))
	require.Equal(t, alice.Group.Context(), s.Next.Context())
	for _, events := range [][]mls.Event{adopted.Events, s.Events, carol.Hear(message).Events} {
		change := events[0].(*mls.EpochChanged).Change
		require.Len(t, change.Proposals, 3)
		require.Equal(t, "by reference", string(change.Proposals[0].Proposal.(*framing.CustomProposal).Data))
		require.Equal(t, bob.Group.OwnLeaf(), change.Proposals[0].Sender.LeafIndex)
		require.Equal(t, "by value", string(change.Proposals[1].Proposal.(*framing.CustomProposal).Data))
		require.Equal(t, "red", string(change.NewExtensions[0].Data))
	}
	mlstest.Agree(alice, bob, carol)

	breaks(t, "V-PR-16", failure(alice.Group.Commit(mls.CommitParams{
		Proposals: []framing.Proposal{&framing.CustomProposal{Type: unknownType}}}, alice.Signer)))
	evil := alice.Insider()
	refuse(bob, evil.Commit(t, func(d *mlstest.Draft) {
		d.Proposals = evil.ByValue(&framing.CustomProposal{Type: unknownType})
	}).Commit, "V-PR-16")
}

// partsOf returns what a member knows.
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

// tellsNothing checks that no secret is in a text: as it is, in hexadecimal, in base64 or as a list of numbers.
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
