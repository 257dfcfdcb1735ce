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

// refused asserts that a member refuses a message by a rule.
func refused(t *testing.T, m *mlstest.Member, message []byte, rule string) {
	t.Helper()
	var broken *mls.RuleError
	require.ErrorAs(t, m.Refuse(message), &broken)
	require.Equal(t, rule, broken.Rule, "%v", broken)
}

// TestBuild takes members of groups of every shape through a commit and data.
func TestBuild(t *testing.T) {
	for _, shape := range []treekemtest.Shape{treekemtest.Fresh, treekemtest.Mixed, treekemtest.Full} {
		for _, members := range []int{2, 3, 17, 64} {
			t.Run(fmt.Sprintf("%v/%d", shape, members), func(t *testing.T) {
				f := mlstest.Build(t, mlstest.GroupParams{Members: members, Shape: shape, Seed: 7})
				a, b := f.Member(t, 0), f.Member(t, framing.LeafIndex(members-1))
				mlstest.Agree(a, b)
				b.Commit(mls.CommitParams{}, a)
				mlstest.Agree(a, b)
			})
		}
	}
}

// TestDeterministic makes the same group and commit twice.
func TestDeterministic(t *testing.T) {
	make := func() []byte {
		f := mlstest.Build(t, mlstest.GroupParams{Members: 9, Shape: treekemtest.Mixed, Seed: 3})
		return f.Member(t, 0).Commit(mls.CommitParams{}).Message
	}
	require.Equal(t, make(), make())
	alice := func() []byte {
		k, err := mlstest.NewParty(t, 1, "alice").KeyPackage(t).Message()
		require.NoError(t, err)
		return k
	}
	require.Equal(t, alice(), alice())
}

// three returns a group of alice, bob and carol.
func three(t *testing.T, cs ciphersuite.CipherSuite) (alice, bob, carol *mlstest.Member) {
	c := mlstest.NewCast(t, mlstest.CastParams{CipherSuite: cs}, "alice", "bob", "carol")
	return c[0], c[1], c[2]
}

// TestHonestInsider does with the insider what an honest member does: everybody accepts it. Without this, a refusal of
// what it does wrong would mean little.
func TestHonestInsider(t *testing.T) {
	for _, cs := range ciphersuite.Supported() {
		t.Run(cs.String(), func(t *testing.T) {
			alice, bob, carol := three(t, cs)
			evil := bob.Insider()
			require.Equal(t, "hi", alice.Read(evil.Say(t, "hi", nil)))
			require.Equal(t, "hi again", alice.Read(evil.Say(t, "hi again", nil)))

			update, covered := carol.Insider().Propose(t, carol.Insider().UpdateLeaf(t, "fresh", nil), nil)
			alice.Hear(update)
			dave := mlstest.NewMember(t, cs, "dave")
			alice.PSKs, dave.PSKs = psk(), psk()
			agreed := func(in *mlstest.Insider) {
				mlstest.Agree(alice, dave)
				authenticator, err := alice.Group.EpochAuthenticator()
				require.NoError(t, err)
				require.Equal(t, in.Secrets.EpochAuthenticator.Bytes(), authenticator)
				require.Equal(t, in.Tree.Hash(), alice.Group.Tree().Hash())
			}
			k := dave.KeyPackage(t)
			made := evil.Commit(t, func(d *mlstest.Draft) {
				d.Proposals = append([]mlstest.Covered{covered}, evil.ByValue(
					&framing.Add{KeyPackage: k.KeyPackage},
					&framing.PreSharedKey{PSK: framing.PreSharedKeyID{PSKType: framing.PSKTypeExternal,
						PSKID: []byte("psk"), PSKNonce: make([]byte, evil.Suite.HashSize)}})...)
				d.PSKs = psk()
			})
			alice.Hear(made.Commit)
			dave.Take(dave.TryJoin(mls.Outgoing{Message: made.Welcome}, k))
			agreed(made.Next)

			// The insider goes on by itself, in private messages too, and without a path.
			evil = made.Next
			made = evil.Commit(t, func(d *mlstest.Draft) {
				d.NoPath = true
				d.Proposals = evil.ByValue(mlstest.NewMember(t, cs, "erin").Add())
				d.OnContent = func(c *mlstest.Content) { c.Format = framing.WireFormatPrivateMessage }
			})
			mlstest.Tell(made.Commit, alice, dave)
			made = made.Next.Commit(t, func(d *mlstest.Draft) {
				d.Proposals = made.Next.ByValue(&framing.Remove{Removed: 2})
			})
			mlstest.Tell(made.Commit, alice, dave)
			agreed(made.Next)
		})
	}
}

// TestHonestNewcomer joins by external commit and replaces a former self.
func TestHonestNewcomer(t *testing.T) {
	alice, bob, _ := three(t, 1)
	fresh := mlstest.NewParty(t, 1, "carol")
	evil := mlstest.NewNewcomer(t, fresh, alice.Info())
	made := evil.Commit(t, func(d *mlstest.Draft) {
		d.Proposals = append(d.Proposals, evil.ByValue(&framing.Remove{Removed: 2})...)
		d.Template = fresh.KeyPackage(t).KeyPackage.LeafNode
	})
	mlstest.Tell(made.Commit, alice, bob)
	mlstest.Agree(alice, bob)
	authenticator, err := alice.Group.EpochAuthenticator()
	require.NoError(t, err)
	require.Equal(t, authenticator, made.Next.Secrets.EpochAuthenticator.Bytes())
	require.Equal(t, "here again", alice.Read(made.Next.Say(t, "here again", nil)))

	// A GroupInfo of the insider's serves newcomers, too.
	dave := mlstest.NewMember(t, 1, "dave")
	dave.JoinExternal(mls.JoinExternalParams{GroupInfo: made.Next.GroupInfo(t, nil)}, alice, bob)
	mlstest.Agree(alice, bob, dave)
}

// TestEvilInsider breaks one rule by each kind of hook, all else being in order.
func TestEvilInsider(t *testing.T) {
	alice, bob, carol := three(t, 1)
	evil := bob.Insider
	commit := func(change func(*mlstest.Draft)) []byte { return evil().Commit(t, change).Commit }
	before := mlstest.ViewOf(t, alice.Group)

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
		d.OnContent = func(c *mlstest.Content) { c.Signer = carol.Signer }
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

	var syntax *mls.SyntaxError
	require.ErrorAs(t, alice.Refuse(evil().Say(t, "bytes behind", func(c *mlstest.Content) {
		c.OnPlain = func(p []byte) []byte { return p[:len(p)-1] }
	})), &syntax)

	k := carol.ForgeKeyPackage(t, nil, func(k *framing.KeyPackage) { k.InitKey = k.LeafNode.EncryptionKey })
	refused(t, alice, commit(func(d *mlstest.Draft) {
		d.Proposals = evil().ByValue(&framing.Remove{Removed: 2}, &framing.Add{KeyPackage: k})
	}), "V-KP-05")
	k = mlstest.NewParty(t, 1, "dave").ForgeKeyPackage(t, func(l *framing.LeafNode) {
		l.Capabilities.CipherSuites = nil
	}, nil)
	message, _ := evil().Propose(t, &framing.Add{KeyPackage: k}, nil)
	refused(t, alice, message, "V-LN-14")

	require.Equal(t, before, mlstest.ViewOf(t, alice.Group))
	alice.Hear(commit(nil))
}

// TestEvilWelcome spoils what a newcomer gets.
func TestEvilWelcome(t *testing.T) {
	_, bob, _ := three(t, 1)
	evil := bob.Insider()
	dave := mlstest.NewMember(t, 1, "dave")
	k := dave.KeyPackage(t)
	join := func(change func(*mlstest.Draft)) error {
		made := evil.Commit(t, func(d *mlstest.Draft) {
			d.Proposals = evil.ByValue(&framing.Add{KeyPackage: k.KeyPackage})
			change(d)
		})
		_, err := dave.TryJoin(mls.Outgoing{Message: made.Welcome}, k)
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
	alice, bob, carol := three(t, 1)
	evil, genuine := bob.Insider(), carol.Propose(&framing.Remove{Removed: 1})
	change := func(m *framing.PublicMessage) { m.Content.Proposal = &framing.Remove{Removed: 0} }
	refused(t, alice, evil.Retag(t, genuine, change), "V-FR-05")
	require.Equal(t, genuine, evil.Retag(t, genuine, func(*framing.PublicMessage) {}))
	resent := evil.Resend(t, genuine, func(m *framing.PublicMessage) {
		m.Content.Sender.LeafIndex = 1
		m.Content.Proposal = &framing.Remove{Removed: 2}
	})
	got := alice.Hear(resent).Events[0].(*mls.ProposalReceived)
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
