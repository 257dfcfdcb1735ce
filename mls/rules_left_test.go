package mls_test

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// hoard is a provider that keeps every secret that it returns.
type hoard struct {
	ciphersuite.Provider
	mu   sync.Mutex
	made []hoarded
}

type hoarded struct {
	what   string
	secret ciphersuite.Secret
}

func (h *hoard) keep(what string, s ciphersuite.Secret) ciphersuite.Secret {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.made = append(h.made, hoarded{what, s})
	return s
}

func (h *hoard) Extract(salt, ikm ciphersuite.Secret) ciphersuite.Secret {
	return h.keep("Extract", h.Provider.Extract(salt, ikm))
}

func (h *hoard) Expand(prk ciphersuite.Secret, info []byte, n int) ciphersuite.Secret {
	return h.keep(fmt.Sprintf("Expand(%q)", info), h.Provider.Expand(prk, info, n))
}

func (h *hoard) GenerateKeyPair(rand io.Reader) (ciphersuite.KeyPair, error) {
	pair, err := h.Provider.GenerateKeyPair(rand)
	h.keep("GenerateKeyPair", pair.Private)
	return pair, err
}

func (h *hoard) DeriveKeyPair(ikm ciphersuite.Secret) (ciphersuite.KeyPair, error) {
	pair, err := h.Provider.DeriveKeyPair(ikm)
	h.keep("DeriveKeyPair", pair.Private)
	return pair, err
}

func (h *hoard) DeriveKeyPairs(ikms []ciphersuite.Secret) ([]ciphersuite.KeyPair, error) {
	pairs, err := h.Provider.DeriveKeyPairs(ikms)
	for _, pair := range pairs {
		h.keep("DeriveKeyPairs", pair.Private)
	}
	return pairs, err
}

func (h *hoard) Open(to ciphersuite.KeyPair, info []byte, ct ciphersuite.HPKECiphertext) (ciphersuite.Secret, error) {
	s, err := h.Provider.Open(to, info, ct)
	size := len(h.Hash(nil, nil))
	if s.Len() <= size {
		return h.keep("Open", s), err
	}
	// GroupSecrets, of which the secrets are to go, and not what stands between them.
	h.keep("joiner_secret", ciphersuite.NewSecret(s.Bytes()[1:][:size]))
	if s.Bytes()[1+size] == 1 {
		h.keep("path_secret", ciphersuite.NewSecret(s.Bytes()[3+size:][:size]))
	}
	return s, err
}

func (h *hoard) SendExport(rand io.Reader, to ciphersuite.HPKEPublicKey, context []byte) ([]byte, ciphersuite.Secret, error) {
	out, s, err := h.Provider.SendExport(rand, to, context)
	return out, h.keep("SendExport", s), err
}

func (h *hoard) ReceiveExport(to ciphersuite.KeyPair, kemOutput, context []byte) (ciphersuite.Secret, error) {
	s, err := h.Provider.ReceiveExport(to, kemOutput, context)
	return h.keep("ReceiveExport", s), err
}

// hoarding gives a client a provider that remembers.
func hoarding(c *mlstest.Party) *hoard {
	h := &hoard{Provider: c.Suite.Provider}
	c.Params.Suites = func(ciphersuite.CipherSuite) (*ciphersuite.Suite, error) { return ciphersuite.NewWithProvider(h) }
	return h
}

// leaves checks that of all secrets that a client's provider ever made nothing is left but what its Groups hold.
func (a *attempt) leaves(h *hoard, when string, groups ...*mls.Group) {
	a.Helper()
	a.done = true
	held := map[ciphersuite.Secret]bool{}
	for _, g := range groups {
		for _, s := range mls.SecretsOf(g) {
			held[s] = true
		}
	}
	for _, m := range h.made {
		if len(bytes.Trim(m.secret.Bytes(), "\x00")) > 0 && !held[m.secret] {
			a.Errorf("%s: after %s a secret is left: %s", a.rule.ID, when, m.what)
		}
	}
}

// leftRules look for secrets that are in no Group any more and were not overwritten.
func leftRules() []ruleTest {
	return []ruleTest{
		{"V-KS-01", "store", "nothing is left", func(a *attempt) {
			alice, bob, carol := newMember(a.T, "alice"), newMember(a.T, "bob"), newMember(a.T, "carol")
			mine, theirs := hoarding(alice.Party), hoarding(bob.Party)
			psk := mls.PSK{ID: external("psk", 1), Secret: secretOf(9)}
			alice.Group = alice.Create(a, "group")
			a.leaves(mine, "Create", alice.Group)
			own := bob.KeyPackage(a)
			adopted := alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: own.KeyPackage},
				&framing.PreSharedKey{PSK: psk.ID}}, PSKs: mls.PSKs{psk}, ForcePath: true}).Adopted
			a.leaves(mine, "a commit that adds bob", alice.Group)
			bob.Take(mls.Join(mls.JoinParams{Welcome: adopted.Send[0].Message, KeyPackages: []*mls.OwnKeyPackage{own},
				PSKs: mls.PSKs{psk}, Now: mlstest.Now(), Params: bob.Params}))
			own.Erase()
			a.leaves(theirs, "Join", bob.Group)
			for range 5 { // more than the past epochs that are kept
				alice.Commit(mls.CommitParams{ForcePath: true}, bob)
				bob.Commit(mls.CommitParams{ForcePath: true}, alice)
			}
			a.leaves(mine, "commits", alice.Group)
			a.leaves(theirs, "commits", bob.Group)
			external := hoarding(carol.Party)
			s := carol.Take(mls.JoinExternal(carol.ByGroupInfo(alice.Info())))
			mlstest.Tell(s.Send[0].Message, alice, bob)
			carol.Take(carol.Group.Adopt())
			a.leaves(external, "JoinExternal", carol.Group)
			for when, p := range map[string]mls.JoinExternalParams{
				"JoinExternal without its PSK":    {Leaf: carol.LeafParams, PSKIDs: []framing.PreSharedKeyID{psk.ID}},
				"JoinExternal for a blank leaf":   {Leaf: carol.LeafParams, Resync: new(framing.LeafIndex(99))},
				"JoinExternal without signer":     {Leaf: mls.LeafParams{Credential: carol.Credential}},
				"JoinExternal for a member's key": {Leaf: carol.LeafParams},
			} {
				p.GroupInfo, p.Now, p.Params = alice.Info(), mlstest.Now(), carol.Params
				require.Error(a, failure(mls.JoinExternal(p)), when)
				a.leaves(external, when, carol.Group)
			}
			a.leaves(mine, "an external commit", alice.Group)
			alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 1}}}, bob, carol)
			a.leaves(theirs, "its removal", bob.Group)
			exported := must(alice.Group.Export("label", nil, 32))
			exported.Erase()
			a.leaves(mine, "Export", alice.Group)
			// From here on, alice's provider works for the insider.
			in := alice.Insider()
			for _, bad := range []func(d *mlstest.Draft){
				func(d *mlstest.Draft) {
					d.OnTag = func(tag []byte) []byte { return append([]byte{tag[0] ^ 1}, tag[1:]...) }
				},
				func(d *mlstest.Draft) {
					d.OnKeys = func(pairs []ciphersuite.KeyPair) { pairs[len(pairs)-1].Public = freshKey(in) }
				},
			} {
				require.Error(a, failure(carol.Group.Handle(input(in.Commit(a, bad).Commit))))
				a.leaves(external, "a bad commit", carol.Group)
			}
		}},
		{"V-KS-01", "store", "nothing is left of a commit that lost", func(a *attempt) {
			alice, bob, carol := a.trio()
			mine := hoarding(alice.Party)
			alice.Group = alice.Reloaded()
			commit := func() { alice.MakeCommit(mls.CommitParams{ForcePath: true}) }
			commit()
			alice.Take(alice.Group.Drop())
			a.leaves(mine, "Drop", alice.Group)
			commit()
			bob.Commit(mls.CommitParams{ForcePath: true}, alice, carol)
			a.leaves(mine, "another commit", alice.Group)
			alice.Take(alice.Group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, alice.Signer))
			carol.Commit(mls.CommitParams{}, alice, bob)
			a.leaves(mine, "an Update that nobody committed", alice.Group)
		}},
		{"V-KS-01", "store", "nothing is left of a commit that fails", func(a *attempt) {
			alice, _, _ := a.trio()
			mine := hoarding(alice.Party)
			alice.Group = alice.Reloaded()
			dave := newMember(a.T, "dave").Add()
			for what, c := range map[string]mls.CommitParams{
				"a PSK that is missing": {Proposals: []framing.Proposal{dave, &framing.PreSharedKey{PSK: external("psk", 1)}}, ForcePath: true},
				"a Welcome that cannot be": {Proposals: []framing.Proposal{dave}, ForcePath: true,
					Welcome: mls.WelcomeParams{Extensions: framing.Extensions{{Type: framing.ExtensionTypeRatchetTree}}}},
			} {
				c.Now = mlstest.Now()
				require.Error(a, failure(alice.Group.Commit(c, alice.Signer)))
				a.leaves(mine, what, alice.Group)
			}
		}},
		{"V-KS-01", "welcome", "nothing is left of a bad one", func(a *attempt) {
			alice, w := a.welcomed()
			h := hoarding(w.dave.Party)
			for _, bad := range []func(d *mlstest.Draft){
				func(d *mlstest.Draft) { d.OnGroupInfo = func(i *framing.GroupInfo) { i.ConfirmationTag[0] ^= 1 } },
				func(d *mlstest.Draft) { d.OnGroupInfo = func(i *framing.GroupInfo) { i.Signer = 1 } },
				func(d *mlstest.Draft) {
					d.OnSecrets = func(_ int, s *framing.GroupSecrets) { s.PathSecret = secretOf(1) }
				},
				func(d *mlstest.Draft) {
					d.OnSecrets = func(_ int, s *framing.GroupSecrets) { s.JoinerSecret = secretOf(1) }
				},
			} {
				require.Error(a, failure(mls.Join(w.by(alice.Insider(), bad))))
				a.leaves(h, "a bad Welcome")
			}
		}},
		{"V-KS-02", "store", "nothing is left", func(a *attempt) {
			alice, bob, _ := a.trio()
			generation := framing.Generation(4)
			forged := alice.Insider().Say(a, "forged", func(c *mlstest.Content) { c.Signer, c.Generation = bob.Signer, &generation })
			mine, theirs := hoarding(alice.Party), hoarding(bob.Party)
			alice.Params.Handshake = mls.HandshakePrivate
			alice.Group, bob.Group = alice.Reloaded(), bob.Reloaded()
			var sent [][]byte
			for range 7 {
				sent = append(sent, alice.Say("hello"))
			}
			a.leaves(mine, "sending", alice.Group)
			for _, i := range []int{3, 1, 0, 5, 2} { // two stay away
				bob.Hear(sent[i])
				a.leaves(theirs, "receiving", bob.Group)
			}
			bad := changed(a, sent[6], func(m *framing.PrivateMessage) { m.Ciphertext[len(m.Ciphertext)-1] ^= 1 })
			for _, bad := range [][]byte{bad, sent[3], forged} {
				require.Error(a, failure(bob.Group.Handle(input(bad))))
				a.leaves(theirs, "refusing", bob.Group)
			}
			commit := alice.Commit(mls.CommitParams{}).Message
			bob.Hear(commit)
			a.leaves(theirs, "a private commit", bob.Group)
			for _, i := range []int{4, 6} {
				bob.Hear(sent[i])
				a.leaves(theirs, "receiving late", bob.Group)
			}
			a.leaves(mine, "a commit", alice.Group)
		}},
	}
}
