package vectors

import (
	"encoding/hex"
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/treekem"
)

// once returns the plan of a kind that has one case for each suite.
func once[T any](make func(*maker) *T) plan[T] {
	return func(extent) []func(*maker) *T { return []func(*maker) *T{make} }
}

// forEach returns a plan with a case for each of some numbers.
func forEach[T any](make func(*maker, int) *T, numbers ...int) []func(*maker) *T {
	var list []func(*maker) *T
	for _, n := range numbers {
		list = append(list, func(m *maker) *T { return make(m, n) })
	}
	return list
}

// upTo returns the numbers from 0 to n.
func upTo(n int) []int {
	var list []int
	for i := range n + 1 {
		list = append(list, i)
	}
	return list
}

func planTreeMath(e extent) []func(*maker) *treeMath {
	sizes := []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 512}
	if e.small {
		sizes = sizes[:7]
	}
	return forEach(makeTreeMath, sizes...)
}

func makeTreeMath(_ *maker, leaves int) *treeMath {
	n := uint32(leaves)
	c := &treeMath{NLeaves: n, NNodes: treekem.NodeCount(n), Root: uint32(treekem.Root(n))}
	maybe := func(x treekem.NodeIndex, ok bool) optional[uint32] {
		return optional[uint32]{Value: uint32(x), Present: ok}
	}
	for i := range c.NNodes {
		x := treekem.NodeIndex(i)
		c.Left = append(c.Left, maybe(x.Left()))
		c.Right = append(c.Right, maybe(x.Right()))
		c.Parent = append(c.Parent, maybe(x.Parent(n)))
		c.Sibling = append(c.Sibling, maybe(x.Sibling(n)))
	}
	return c
}

// planDeserialization takes both ends of each size of header, and a length in between.
func planDeserialization(extent) []func(*maker) *deserialization {
	between := func(m *maker, low int) *deserialization { return makeDeserialization(m, low+m.number(low+1)) }
	return append(forEach(makeDeserialization, 0, 63, 64, 16383, 16384, wire.MaxLength), forEach(between, 1, 64, 16384, 1<<28)...)
}

func makeDeserialization(_ *maker, length int) *deserialization {
	return &deserialization{Header: wire.AppendLength(nil, length), Length: length}
}

func makeCryptoBasics(m *maker) *cryptoBasics {
	c := &cryptoBasics{suited: m.suited()}
	c.RefHash.Label, c.RefHash.Value = m.label(), m.hash()
	c.RefHash.Out = m.suite.RefHash(c.RefHash.Label, c.RefHash.Value)

	x := &c.ExpandWithLabel
	x.Secret, x.Label, x.Context, x.Length = m.hash(), m.label(), m.hash(), uint16(1+m.number(2*m.suite.HashSize))
	x.Out = reveal(m.suite.ExpandWithLabel(x.Secret.secret(), x.Label, x.Context, int(x.Length)))

	c.DeriveSecret.Secret, c.DeriveSecret.Label = m.hash(), m.label()
	c.DeriveSecret.Out = reveal(m.suite.DeriveSecret(c.DeriveSecret.Secret.secret(), c.DeriveSecret.Label))

	d := &c.DeriveTreeSecret
	d.Secret, d.Label, d.Generation, d.Length = m.hash(), m.label(), uint32(m.wide(1<<32)), uint16(m.suite.KeySize)
	d.Out = reveal(m.suite.DeriveTreeSecret(d.Secret.secret(), d.Label, d.Generation, int(d.Length)))

	s, by := &c.SignWithLabel, m.signer()
	s.Priv, s.Pub, s.Content, s.Label = m.secretOf(by), m.public(by), m.hash(), m.label()
	s.Signature = must(m.suite.SignWithLabel(m.rand, by, s.Label, s.Content))

	e, pair := &c.EncryptWithLabel, m.keyPair()
	e.Priv, e.Pub, e.Label, e.Context, e.Plaintext = reveal(pair.Private), hexBytes(pair.Public), m.label(), m.hash(), m.hash()
	to := ciphersuite.Recipient{PublicKey: pair.Public, Plaintext: ciphersuite.NewSecret(slices.Clone(e.Plaintext))}
	ct := must(m.suite.EncryptWithLabel(m.rand, e.Label, e.Context, to))
	e.KEMOutput, e.Ciphertext = ct.KEMOutput, ct.Ciphertext
	return c
}

// label draws a label.
func (m *maker) label() string { return "label " + hex.EncodeToString(m.bytes(4)) }

func planSecretTree(e extent) []func(*maker) *secretTree {
	if e.small {
		return forEach(makeSecretTree, 1, 4)
	}
	return forEach(makeSecretTree, 1, 8, 32)
}

func makeSecretTree(m *maker, leaves int) *secretTree {
	c := &secretTree{suited: m.suited(), EncryptionSecret: m.hash()}
	s := &c.SenderData
	length := m.suite.TagSize + m.number(m.suite.HashSize-m.suite.TagSize) // all of which counts
	if leaves == 1 {
		length += m.suite.HashSize // the end of which does not
	}
	s.Secret, s.Ciphertext = m.hash(), m.bytes(length)
	key, nonce := (&framing.PrivateMessage{Ciphertext: s.Ciphertext}).SenderDataKeyAndNonce(m.suite, s.Secret.secret())
	s.Key, s.Nonce = reveal(key), reveal(nonce)

	tree := m.secretTree(c.EncryptionSecret, uint32(leaves), framing.NoLeaf)
	take := func(leaf int, kind keyschedule.RatchetKind, g framing.Generation) (key, nonce hexBytes) {
		k, next, err := tree.ReceivingKey(framing.LeafIndex(leaf), kind, g)
		check(err)
		tree = next
		return reveal(k.Key), reveal(k.Nonce)
	}
	for i := range leaves {
		var list []generationKeys
		for _, g := range []framing.Generation{0, framing.Generation(1 + m.number(30))} {
			k := generationKeys{Generation: g}
			k.HandshakeKey, k.HandshakeNonce = take(i, keyschedule.HandshakeRatchet, g)
			k.ApplicationKey, k.ApplicationNonce = take(i, keyschedule.ApplicationRatchet, g)
			list = append(list, k)
		}
		c.Leaves = append(c.Leaves, list)
	}
	return c
}

// secretTree makes the secret tree of the member at leaf own, or of somebody who only receives.
func (m *maker) secretTree(encryption hexBytes, leaves uint32, own framing.LeafIndex) *keyschedule.SecretTree {
	secret := must(keyschedule.NewEncryptionSecret(m.suite, encryption.secret()))
	return must(keyschedule.NewSecretTree(secret, keyschedule.TreeParams{Suite: m.suite, Leaves: leaves, Own: own}))
}

func planPSKSecret(e extent) []func(*maker) *pskSecret {
	if e.small {
		return forEach(makePSKSecret, upTo(3)...)
	}
	return forEach(makePSKSecret, upTo(10)...)
}

func makePSKSecret(m *maker, count int) *pskSecret {
	c := &pskSecret{suited: m.suited(), PSKs: []injectedPSK{}}
	var psks []keyschedule.PSK
	for range count {
		p := injectedPSK{ID: m.bytes(1 + m.number(48)), PSK: m.bytes(1 + m.number(96)), Nonce: m.hash()}
		c.PSKs = append(c.PSKs, p)
		psks = append(psks, keyschedule.PSK{ID: p.id(), Secret: p.PSK.secret()})
	}
	c.PSKSecret = reveal(must(keyschedule.PSKSecret(m.suite, psks)))
	return c
}

func planKeySchedule(e extent) []func(*maker) *keySchedule {
	if e.small {
		return forEach(makeKeySchedule, 2)
	}
	return forEach(makeKeySchedule, 5)
}

func makeKeySchedule(m *maker, epochs int) *keySchedule {
	c := &keySchedule{suited: m.suited(), GroupID: m.bytes(16), InitialInitSecret: m.hash()}
	init := must(keyschedule.NewInitSecret(m.suite, c.InitialInitSecret.secret()))
	for i := range epochs {
		e := scheduleEpoch{TreeHash: m.hash(), CommitSecret: m.hash(), PSKSecret: m.hash(), ConfirmedTranscriptHash: m.hash()}
		if i%2 == 1 { // as without PSKs
			e.PSKSecret = make(hexBytes, m.suite.HashSize)
		}
		e.GroupContext = encoded(groupContext(m.suite, groupState{
			id: c.GroupID, epoch: uint64(i), treeHash: e.TreeHash, transcript: e.ConfirmedTranscriptHash}))
		init = m.fill(&e, init)
		c.Epochs = append(c.Epochs, e)
	}
	return c
}

// fill computes what follows from the first values of an epoch. It returns the init secret of the next.
func (m *maker) fill(e *scheduleEpoch, init keyschedule.InitSecret) keyschedule.InitSecret {
	joiner := must(init.Joiner(e.CommitSecret.secret(), e.GroupContext))
	member := must(joiner.Member(e.PSKSecret.secret()))
	e.JoinerSecret = reveal(joiner.Secret())
	e.WelcomeSecret = reveal(must(member.WelcomeSecret()))
	epoch, encryption, err := member.Epoch(e.GroupContext)
	check(err)
	e.EncryptionSecret = reveal(encryption.Secret())
	e.InitSecret = reveal(epoch.InitSecret.Secret())
	e.SenderDataSecret = reveal(epoch.SenderDataSecret)
	e.ExporterSecret = reveal(epoch.ExporterSecret)
	e.EpochAuthenticator = reveal(epoch.EpochAuthenticator)
	e.ExternalSecret = reveal(epoch.ExternalSecret)
	e.ConfirmationKey = reveal(epoch.ConfirmationKey)
	e.MembershipKey = reveal(epoch.MembershipKey)
	e.ResumptionPSK = reveal(epoch.ResumptionPSK)
	e.ExternalPub = hexBytes(must(epoch.ExternalKeyPair()).Public)
	x := &e.Exporter
	x.Label, x.Context, x.Length = m.label(), m.bytes(m.number(40)), uint16(1+m.number(100))
	x.Secret = reveal(must(epoch.Export(x.Label, x.Context, int(x.Length))))
	return epoch.InitSecret
}

func makeTranscriptHashes(m *maker) *transcriptHashes {
	c := &transcriptHashes{suited: m.suited(), ConfirmationKey: m.hash(), InterimBefore: m.hash()}
	p := m.conversation()
	content := p.sign(framing.FramedContent{ContentType: framing.ContentTypeCommit, Commit: m.commit()}, framing.WireFormatPublicMessage)
	input := must(content.ConfirmedTranscriptHashInput())
	c.ConfirmedAfter = keyschedule.ConfirmedTranscriptHash(m.suite, c.InterimBefore, input)
	epoch := &keyschedule.EpochSecrets{Suite: m.suite, ConfirmationKey: c.ConfirmationKey.secret()}
	tag := must(epoch.ConfirmationTag(c.ConfirmedAfter))
	c.InterimAfter = keyschedule.InterimTranscriptHash(m.suite, c.ConfirmedAfter, tag)
	c.AuthenticatedContent = encoded(content.WithConfirmationTag(tag).Unverified())
	return c
}
