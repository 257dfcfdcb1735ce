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

// hoard is a provider that remembers every secret that it ever gave out.
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
func hoarding(c *mlstest.Client) *hoard {
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
			alice, bob, carol := newPlayer(a.T, "alice"), newPlayer(a.T, "bob"), newPlayer(a.T, "carol")
			mine, theirs := hoarding(alice.Client), hoarding(bob.Client)
			psk := mls.PSK{ID: external("psk", 1), Secret: secretOf(9)}
			alice.group = alice.Create(a, "group")
			a.leaves(mine, "Create", alice.group)
			own := bob.KeyPackage(a)
			_, adopted := alice.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: own.KeyPackage},
				&framing.PreSharedKey{PSK: psk.ID}}, PSKs: mls.PSKs{psk}, ForcePath: true})
			a.leaves(mine, "a commit that adds bob", alice.group)
			bob.take(mls.Join(mls.JoinParams{Welcome: adopted.Send[0].Message, KeyPackages: []*mls.OwnKeyPackage{own},
				PSKs: mls.PSKs{psk}, Now: mlstest.Now(), Params: bob.Params}))
			own.Erase()
			a.leaves(theirs, "Join", bob.group)
			for range 5 { // more than the past epochs that are kept
				alice.commit(mls.CommitParams{ForcePath: true}, bob)
				bob.commit(mls.CommitParams{ForcePath: true}, alice)
			}
			a.leaves(mine, "commits", alice.group)
			a.leaves(theirs, "commits", bob.group)
			external := hoarding(carol.Client)
			s := carol.take(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: alice.info(), Leaf: carol.LeafParams,
				Now: mlstest.Now(), Params: carol.Params}))
			tell(s.Send[0].Message, alice, bob)
			carol.take(carol.group.Adopt())
			a.leaves(external, "JoinExternal", carol.group)
			for when, p := range map[string]mls.JoinExternalParams{
				"JoinExternal without its PSK":    {Leaf: carol.LeafParams, PSKIDs: []framing.PreSharedKeyID{psk.ID}},
				"JoinExternal for a blank leaf":   {Leaf: carol.LeafParams, Resync: new(framing.LeafIndex(99))},
				"JoinExternal without signer":     {Leaf: mls.LeafParams{Credential: carol.Credential}},
				"JoinExternal for a member's key": {Leaf: carol.LeafParams},
			} {
				p.GroupInfo, p.Now, p.Params = alice.info(), mlstest.Now(), carol.Params
				_, err := mls.JoinExternal(p)
				require.Error(a, err, when)
				a.leaves(external, when, carol.group)
			}
			a.leaves(mine, "an external commit", alice.group)
			alice.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 1}}}, bob, carol)
			a.leaves(theirs, "its removal", bob.group)
			exported, err := alice.group.Export("label", nil, 32)
			require.NoError(a, err)
			exported.Erase()
			a.leaves(mine, "Export", alice.group)
			// From here on, alice's provider works for the insider.
			in := alice.insider()
			for _, bad := range []func(d *mlstest.Draft){
				func(d *mlstest.Draft) {
					d.OnTag = func(tag []byte) []byte { return append([]byte{tag[0] ^ 1}, tag[1:]...) }
				},
				func(d *mlstest.Draft) {
					d.OnKeys = func(pairs []ciphersuite.KeyPair) { pairs[len(pairs)-1].Public = freshKey(in) }
				},
			} {
				_, err := carol.group.Handle(input(in.Commit(a, bad).Commit))
				require.Error(a, err)
				a.leaves(external, "a bad commit", carol.group)
			}
		}},
		{"V-KS-01", "store", "nothing is left of a commit that lost", func(a *attempt) {
			alice, bob, carol := a.trio()
			mine := hoarding(alice.Client)
			alice.group = alice.reloaded()
			commit := func() { alice.take(alice.group.Commit(mls.CommitParams{ForcePath: true}, alice.Signer)) }
			commit()
			alice.take(alice.group.Drop())
			a.leaves(mine, "Drop", alice.group)
			commit()
			bob.commit(mls.CommitParams{ForcePath: true}, alice, carol)
			a.leaves(mine, "another commit", alice.group)
			alice.take(alice.group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, alice.Signer))
			carol.commit(mls.CommitParams{}, alice, bob)
			a.leaves(mine, "an Update that nobody committed", alice.group)
		}},
		{"V-KS-01", "store", "nothing is left of a commit that fails", func(a *attempt) {
			alice, _, _ := a.trio()
			mine := hoarding(alice.Client)
			alice.group = alice.reloaded()
			dave := newPlayer(a.T, "dave").addOf()
			for what, c := range map[string]mls.CommitParams{
				"a PSK that is missing": {Proposals: []framing.Proposal{dave, &framing.PreSharedKey{PSK: external("psk", 1)}}, ForcePath: true},
				"a Welcome that cannot be": {Proposals: []framing.Proposal{dave}, ForcePath: true,
					Welcome: mls.WelcomeParams{Extensions: framing.Extensions{{Type: framing.ExtensionTypeRatchetTree}}}},
			} {
				c.Now = mlstest.Now()
				_, err := alice.group.Commit(c, alice.Signer)
				require.Error(a, err)
				a.leaves(mine, what, alice.group)
			}
		}},
		{"V-KS-01", "welcome", "nothing is left of a bad one", func(a *attempt) {
			alice, _, _ := a.trio()
			w := a.newWelcomed()
			h := hoarding(w.dave.Client)
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
				_, err := mls.Join(w.by(alice.insider(), bad))
				require.Error(a, err)
				a.leaves(h, "a bad Welcome")
			}
		}},
		{"V-KS-02", "store", "nothing is left", func(a *attempt) {
			alice, bob, _ := a.trio()
			generation := framing.Generation(4)
			forged := alice.insider().Say(a, "forged", func(c *mlstest.Content) { c.Signer, c.Generation = bob.Signer, &generation })
			mine, theirs := hoarding(alice.Client), hoarding(bob.Client)
			alice.Params.Handshake = mls.HandshakePrivate
			alice.group, bob.group = alice.reloaded(), bob.reloaded()
			var sent [][]byte
			for range 7 {
				sent = append(sent, alice.say("hello"))
			}
			a.leaves(mine, "sending", alice.group)
			for _, i := range []int{3, 1, 0, 5, 2} { // two stay away
				bob.hear(sent[i])
				a.leaves(theirs, "receiving", bob.group)
			}
			bad := changed(a, sent[6], func(m *framing.PrivateMessage) { m.Ciphertext[len(m.Ciphertext)-1] ^= 1 })
			for _, bad := range [][]byte{bad, sent[3], forged} {
				_, err := bob.group.Handle(input(bad))
				require.Error(a, err)
				a.leaves(theirs, "refusing", bob.group)
			}
			commit, _ := alice.commit(mls.CommitParams{})
			bob.hear(commit)
			a.leaves(theirs, "a private commit", bob.group)
			for _, i := range []int{4, 6} {
				bob.hear(sent[i])
				a.leaves(theirs, "receiving late", bob.group)
			}
			a.leaves(mine, "a commit", alice.group)
		}},
	}
}
