package mlstest_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
	"github.com/copse-mls/copse/treekem"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// handle is g after a message that it accepts.
func handle(t *testing.T, g *mls.Group, message []byte) *mls.Step {
	t.Helper()
	s, err := g.Handle(mls.Input{Message: message, Now: mlstest.Now()})
	require.NoError(t, err)
	return s
}

func authenticator(t *testing.T, g *mls.Group) []byte {
	t.Helper()
	a, err := g.EpochAuthenticator()
	require.NoError(t, err)
	return a
}

// refused asserts that g refuses a message by a rule.
func refused(t *testing.T, g *mls.Group, message []byte, rule string) {
	t.Helper()
	_, err := g.Handle(mls.Input{Message: message, Now: mlstest.Now()})
	var broken *mls.RuleError
	require.ErrorAs(t, err, &broken)
	require.Equal(t, rule, broken.Rule, err)
}

// TestBuild takes members of groups of every shape through a commit and data.
func TestBuild(t *testing.T) {
	for _, shape := range []treekemtest.Shape{treekemtest.Fresh, treekemtest.Mixed, treekemtest.Full} {
		for _, members := range []int{2, 3, 17, 64} {
			t.Run(fmt.Sprintf("%v/%d", shape, members), func(t *testing.T) {
				f := mlstest.Build(t, mlstest.GroupParams{Members: members, Shape: shape, Seed: 7})
				last := framing.LeafIndex(members - 1)
				a, b := f.Group(t, 0), f.Group(t, last)
				require.Equal(t, authenticator(t, a), authenticator(t, b))
				s, err := b.Commit(mls.CommitParams{}, f.SignerOf(last))
				require.NoError(t, err)
				a = handle(t, a, s.Send[0].Message).Next
				b = handle(t, s.Next, s.Send[0].Message).Next
				require.Equal(t, authenticator(t, a), authenticator(t, b))
				p, err := a.Protect([]byte("hello"), mls.ProtectParams{}, f.SignerOf(0))
				require.NoError(t, err)
				got := handle(t, b, p.Send[0].Message).Events[0].(*mls.ApplicationMessage)
				require.Equal(t, "hello", string(got.Data))
			})
		}
	}
}

// TestDeterministic makes the same group and commit twice.
func TestDeterministic(t *testing.T) {
	make := func() []byte {
		f := mlstest.Build(t, mlstest.GroupParams{Members: 9, Shape: treekemtest.Mixed, Seed: 3})
		s, err := f.Group(t, 0).Commit(mls.CommitParams{}, f.SignerOf(0))
		require.NoError(t, err)
		return s.Send[0].Message
	}
	require.Equal(t, make(), make())
	alice := func() []byte {
		k, err := mlstest.NewClient(t, 1, "alice").KeyPackage(t).Message()
		require.NoError(t, err)
		return k
	}
	require.Equal(t, alice(), alice())
}

// three is a group of Alice, Bob and Carol, as each of them sees it.
func three(t *testing.T, cs ciphersuite.CipherSuite) (clients []*mlstest.Client, groups []*mls.Group) {
	t.Helper()
	for _, name := range []string{"alice", "bob", "carol"} {
		clients = append(clients, mlstest.NewClient(t, cs, name))
	}
	own, theirs, _ := clients[0].Invite(t, clients[0].Create(t, "three"), clients[1:]...)
	return clients, append([]*mls.Group{own}, theirs...)
}

// TestHonestInsider does with the insider what an honest member does: everybody accepts it. Without this, a refusal of
// what it does wrong would mean little.
func TestHonestInsider(t *testing.T) {
	for _, cs := range ciphersuite.Supported() {
		t.Run(cs.String(), func(t *testing.T) {
			clients, groups := three(t, cs)
			evil := mlstest.NewInsider(t, groups[1], clients[1].Signer)
			alice, carol := groups[0], groups[2]
			alice = handle(t, alice, evil.Say(t, "hi", nil)).Next
			alice = handle(t, alice, evil.Say(t, "hi again", nil)).Next

			update, covered := mlstest.NewInsider(t, carol, clients[2].Signer).Propose(t,
				mlstest.NewInsider(t, carol, clients[2].Signer).UpdateLeaf(t, "fresh", nil), nil)
			alice = handle(t, alice, update).Next
			dave := mlstest.NewClient(t, cs, "dave")
			k := dave.KeyPackage(t)
			made := evil.Commit(t, func(d *mlstest.Draft) {
				d.Proposals = append([]mlstest.Covered{covered}, evil.ByValue(
					&framing.Add{KeyPackage: k.KeyPackage},
					&framing.PreSharedKey{PSK: framing.PreSharedKeyID{PSKType: framing.PSKTypeExternal,
						PSKID: []byte("psk"), PSKNonce: make([]byte, evil.Suite.HashSize)}})...)
				d.PSKs = psk()
			})
			s, err := alice.Handle(mls.Input{Message: made.Commit, Now: mlstest.Now(), PSKs: psk()})
			require.NoError(t, err)
			alice = s.Next
			j, err := mls.Join(mls.JoinParams{
				Welcome: made.Welcome, KeyPackages: []*mls.OwnKeyPackage{k}, Now: mlstest.Now(), PSKs: psk(), Params: dave.Params})
			require.NoError(t, err)
			require.Equal(t, authenticator(t, alice), authenticator(t, j.Next))
			require.Equal(t, made.Next.Secrets.EpochAuthenticator.Bytes(), authenticator(t, alice))

			// The insider goes on by itself, in private messages too, and without a path.
			evil = made.Next
			made = evil.Commit(t, func(d *mlstest.Draft) {
				d.NoPath = true
				erin := mlstest.NewClient(t, cs, "erin").KeyPackage(t)
				d.Proposals = evil.ByValue(&framing.Add{KeyPackage: erin.KeyPackage})
				d.OnContent = func(c *mlstest.Content) { c.Format = framing.WireFormatPrivateMessage }
			})
			alice, dan := handle(t, alice, made.Commit).Next, handle(t, j.Next, made.Commit).Next
			made = made.Next.Commit(t, func(d *mlstest.Draft) {
				d.Proposals = made.Next.ByValue(&framing.Remove{Removed: 2})
			})
			alice, dan = handle(t, alice, made.Commit).Next, handle(t, dan, made.Commit).Next
			require.Equal(t, authenticator(t, alice), authenticator(t, dan))
			tree := alice.Tree().Hash()
			require.Equal(t, tree, made.Next.Tree.Hash())
		})
	}
}

// TestHonestNewcomer joins by external commit and replaces a former self.
func TestHonestNewcomer(t *testing.T) {
	clients, groups := three(t, 1)
	info, err := groups[0].GroupInfo(mls.GroupInfoParams{ExternalPub: true}, clients[0].Signer)
	require.NoError(t, err)
	fresh := mlstest.NewClient(t, 1, "carol")
	evil := mlstest.NewNewcomer(t, fresh, info)
	made := evil.Commit(t, func(d *mlstest.Draft) {
		d.Proposals = append(d.Proposals, evil.ByValue(&framing.Remove{Removed: 2})...)
		d.Template = fresh.KeyPackage(t).KeyPackage.LeafNode
	})
	alice, bob := handle(t, groups[0], made.Commit).Next, handle(t, groups[1], made.Commit).Next
	require.Equal(t, authenticator(t, alice), authenticator(t, bob))
	require.Equal(t, authenticator(t, alice), made.Next.Secrets.EpochAuthenticator.Bytes())
	handle(t, alice, made.Next.Say(t, "here again", nil))

	// A GroupInfo of the insider's serves newcomers, too.
	info = made.Next.GroupInfo(t, nil)
	x, err := mls.JoinExternal(mls.JoinExternalParams{GroupInfo: info, Leaf: mlstest.NewClient(t, 1, "dave").LeafParams})
	require.NoError(t, err)
	handle(t, bob, x.Send[0].Message)
}

// TestEvilInsider breaks one rule by each kind of hook, all else being in order.
func TestEvilInsider(t *testing.T) {
	clients, groups := three(t, 1)
	bob, alice := groups[1], groups[0]
	evil := func() *mlstest.Insider { return mlstest.NewInsider(t, bob, clients[1].Signer) }
	commit := func(change func(*mlstest.Draft)) []byte { return evil().Commit(t, change).Commit }
	before := authenticator(t, alice)

	refused(t, alice, commit(func(d *mlstest.Draft) {
		d.OnLeaf = func(l *framing.LeafNode) { l.LeafNodeSource = framing.LeafNodeSourceUpdate }
	}), "V-LN-03")
	refused(t, alice, commit(func(d *mlstest.Draft) {
		d.OnLeaf = func(l *framing.LeafNode) { l.ParentHash = make([]byte, 32) }
	}), "V-CM-10")
	refused(t, alice, commit(func(d *mlstest.Draft) {
		d.OnSigned = func(l *framing.LeafNode) { l.Signature[0] ^= 1 }
	}), "V-LN-04")
	refused(t, alice, commit(func(d *mlstest.Draft) {
		d.OnPath = func(p *framing.UpdatePath) {
			last := p.Nodes[len(p.Nodes)-1].EncryptedPathSecret
			p.Nodes[len(p.Nodes)-1].EncryptedPathSecret = append(last, last[0])
		}
	}), "V-CM-03")
	refused(t, alice, commit(func(d *mlstest.Draft) {
		d.OnKeys = func(pairs []ciphersuite.KeyPair) { pairs[0].Public = evil().OwnLeaf().EncryptionKey }
	}), "V-CM-08")
	refused(t, alice, commit(func(d *mlstest.Draft) {
		d.OnTag = func(tag []byte) []byte { return append([]byte{tag[0] ^ 1}, tag[1:]...) }
	}), "V-CM-14")
	refused(t, alice, commit(func(d *mlstest.Draft) { d.NoPath = true }), "V-CM-01")
	refused(t, alice, commit(func(d *mlstest.Draft) {
		d.Proposals = evil().ByValue(&framing.Remove{Removed: 1})
		d.NoPath = true
	}), "V-PL-02")
	refused(t, alice, commit(func(d *mlstest.Draft) {
		d.OnContent = func(c *mlstest.Content) { c.Signer = clients[2].Signer }
	}), "V-FR-05")
	refused(t, alice, commit(func(d *mlstest.Draft) {
		d.OnContent = func(c *mlstest.Content) {
			c.OnPublic = func(m *framing.PublicMessage) { m.MembershipTag = m.MembershipTag[:31] }
		}
	}), "V-FR-08")
	refused(t, alice, evil().Say(t, "padded", func(c *mlstest.Content) { c.Padding = []byte{0, 0, 1} }), "V-FR-16")
	refused(t, alice, evil().Say(t, "as carol", func(c *mlstest.Content) {
		c.Leaf, c.Sender.LeafIndex = 2, 2
	}), "V-FR-05")
	refused(t, alice, evil().Say(t, "as nobody", func(c *mlstest.Content) {
		c.OnSender = func(s *framing.SenderData) { s.LeafIndex = 3 }
	}), "V-FR-19")

	_, err := alice.Handle(mls.Input{Message: evil().Say(t, "bytes behind", func(c *mlstest.Content) {
		c.OnPlain = func(p []byte) []byte { return p[:len(p)-1] }
	})})
	var syntax *mls.SyntaxError
	require.ErrorAs(t, err, &syntax)

	k := clients[2].ForgeKeyPackage(t, nil, func(k *framing.KeyPackage) { k.InitKey = k.LeafNode.EncryptionKey })
	refused(t, alice, commit(func(d *mlstest.Draft) {
		d.Proposals = evil().ByValue(&framing.Remove{Removed: 2}, &framing.Add{KeyPackage: k})
	}), "V-KP-05")
	k = mlstest.NewClient(t, 1, "dave").ForgeKeyPackage(t, func(l *framing.LeafNode) {
		l.Lifetime.NotAfter = uint64(mlstest.Now().Unix()) - 1
	}, nil)
	message, _ := evil().Propose(t, &framing.Add{KeyPackage: k}, nil)
	refused(t, alice, message, "V-LN-15")

	require.Equal(t, before, authenticator(t, alice))
	handle(t, alice, commit(nil))
}

// TestEvilWelcome spoils what a newcomer gets.
func TestEvilWelcome(t *testing.T) {
	clients, groups := three(t, 1)
	evil := mlstest.NewInsider(t, groups[1], clients[1].Signer)
	dave := mlstest.NewClient(t, 1, "dave")
	k := dave.KeyPackage(t)
	join := func(change func(*mlstest.Draft)) error {
		made := evil.Commit(t, func(d *mlstest.Draft) {
			d.Proposals = evil.ByValue(&framing.Add{KeyPackage: k.KeyPackage})
			change(d)
		})
		_, err := mls.Join(mls.JoinParams{
			Welcome: made.Welcome, KeyPackages: []*mls.OwnKeyPackage{k}, Now: mlstest.Now(), Params: dave.Params})
		return err
	}
	for rule, change := range map[string]func(*mlstest.Draft){
		"V-WEL-05": func(d *mlstest.Draft) { d.OnSignedInfo = func(g *framing.GroupInfo) { g.Signature[3] ^= 4 } },
		"V-WEL-10": func(d *mlstest.Draft) {
			d.OnGroupInfo = func(g *framing.GroupInfo) { g.ConfirmationTag = make([]byte, 32) }
		},
		"V-WEL-14": func(d *mlstest.Draft) {
			d.OnSecrets = func(_ int, s *framing.GroupSecrets) { s.PathSecret = ciphersuite.NewSecret(make([]byte, 31)) }
		},
		"V-WEL-09": func(d *mlstest.Draft) {
			d.OnSecrets = func(_ int, s *framing.GroupSecrets) { s.PathSecret = ciphersuite.NewSecret(make([]byte, 32)) }
		},
		"V-WEL-01": func(d *mlstest.Draft) {
			d.OnWelcome = func(w *framing.Welcome) { w.Secrets = append(w.Secrets, w.Secrets...) }
		},
		"V-TREE-04": func(d *mlstest.Draft) {
			d.OnFinal = func(n *mlstest.Tree) { n.Parent(treekem.Root(n.Width())).EncryptionKey = k.KeyPackage.InitKey }
		},
	} {
		err := join(change)
		var broken *mls.RuleError
		require.ErrorAs(t, err, &broken, rule)
		require.Equal(t, rule, broken.Rule, err)
	}
	var syntax *mls.SyntaxError
	require.ErrorAs(t, join(func(d *mlstest.Draft) {
		d.OnInfoPlain = func(p []byte) []byte { return append(p, 0) }
	}), &syntax)
	require.ErrorAs(t, join(func(d *mlstest.Draft) {
		d.OnSecretsPlain = func(_ int, p []byte) []byte { return append(p, 0) }
	}), &syntax)
	require.NoError(t, join(func(*mlstest.Draft) {}))
}

// TestRetag changes a captured message and repairs what the insider can repair.
func TestRetag(t *testing.T) {
	clients, groups := three(t, 1)
	evil := mlstest.NewInsider(t, groups[1], clients[1].Signer)
	s, err := groups[2].Propose(&framing.Remove{Removed: 1}, mls.ProposeParams{}, clients[2].Signer)
	require.NoError(t, err)
	genuine := s.Send[0].Message
	change := func(m *framing.PublicMessage) { m.Content.Proposal = &framing.Remove{Removed: 0} }
	refused(t, groups[0], evil.Retag(t, genuine, change), "V-FR-05")
	require.Equal(t, genuine, evil.Retag(t, genuine, func(*framing.PublicMessage) {}))
	resent := evil.Resend(t, genuine, func(m *framing.PublicMessage) {
		m.Content.Sender.LeafIndex = 1
		m.Content.Proposal = &framing.Remove{Removed: 2}
	})
	got := handle(t, groups[0], resent).Events[0].(*mls.ProposalReceived)
	require.Equal(t, framing.LeafIndex(1), got.Sender.LeafIndex)
}

// TestCounting counts what is known beforehand.
func TestCounting(t *testing.T) {
	c, suite := mlstest.NewCounting(t, 1)
	got := c.During(func() {
		pair, err := suite.GenerateKeyPair(nil)
		require.NoError(t, err)
		ct, err := suite.EncryptWithLabel(nil, "l", nil, ciphersuite.Recipient{PublicKey: pair.Public})
		require.NoError(t, err)
		_, err = suite.DecryptWithLabel(pair, "l", nil, ct)
		require.NoError(t, err)
		suite.Hash(nil, []byte("five!"))
		signer, err := suite.GenerateSigner(nil)
		require.NoError(t, err)
		_, err = suite.Sign(nil, signer, nil)
		require.NoError(t, err)
		require.Error(t, suite.Verify(make([]byte, 32), nil, nil))
	})
	require.Equal(t, mlstest.Counts{Seals: 1, Opens: 1, BaseMultiplications: 2, Agreements: 2, Signatures: 1,
		Verifications: 1, Hashes: 1, HashedBytes: 5}, got)
}

func psk() mls.PSKs {
	return mls.PSKs{{ID: mls.ExternalPSKID([]byte("psk")), Secret: ciphersuite.NewSecret([]byte("a secret of two"))}}
}
