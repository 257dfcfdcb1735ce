package mlstest

import (
	"crypto"
	"math"
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/internal/inside"
	"github.com/copse-mls/copse/treekem"
)

// Insider is a member, or a newcomer about to join, that keeps no rules. It has copies of everything that the member has
// in one epoch, and may change any of it. It does not follow the group: make a new one for the next epoch, or use the one
// that Commit returns.
type Insider struct {
	Suite   *ciphersuite.Suite
	Signer  crypto.Signer
	Sender  framing.Sender
	Leaf    framing.LeafIndex
	Context framing.GroupContext
	Tag     []byte // confirmation tag of the epoch
	Tree    *Tree
	Secrets *keyschedule.EpochSecrets // nil for a newcomer
	Init    keyschedule.InitSecret    // that its commits start from

	keys     map[treekem.NodeIndex]ciphersuite.KeyPair
	messages *keyschedule.SecretTree // gives any key of any member any number of times
	sent     [2]framing.Generation
	external *framing.ExternalInit // of a newcomer
}

// NewInsider makes an Insider of the member whose view of the group is g. The Group is unchanged.
func NewInsider(t TB, g *mls.Group, signer crypto.Signer) *Insider {
	t.Helper()
	p := inside.Reveal(g)
	in := &Insider{
		Suite: p.Suite, Signer: signer, Sender: framing.Sender{SenderType: framing.SenderTypeMember, LeafIndex: g.OwnLeaf()},
		Leaf: g.OwnLeaf(), Context: p.Context, Tag: p.ConfirmationTag, Tree: NewTree(t, p.Tree),
		keys: map[treekem.NodeIndex]ciphersuite.KeyPair{},
	}
	for x, pair := range p.Private.Keys() {
		in.keys[x] = ciphersuite.KeyPair{Public: pair.Public, Private: pair.Private.Clone()}
	}
	in.takeSecrets(t, p.Secrets)
	in.takeMessages(t, p.Messages)
	return in
}

func (in *Insider) takeSecrets(t TB, s *keyschedule.EpochSecrets) {
	t.Helper()
	init, err := keyschedule.NewInitSecret(in.Suite, s.InitSecret.Secret().Clone())
	must(t, err, "init secret")
	in.Init = init
	in.Secrets = &keyschedule.EpochSecrets{
		Suite: in.Suite, SenderDataSecret: s.SenderDataSecret.Clone(), ExporterSecret: s.ExporterSecret.Clone(),
		ExternalSecret: s.ExternalSecret.Clone(), ConfirmationKey: s.ConfirmationKey.Clone(),
		MembershipKey: s.MembershipKey.Clone(), ResumptionPSK: s.ResumptionPSK.Clone(),
		EpochAuthenticator: s.EpochAuthenticator.Clone(), InitSecret: init,
	}
}

// limitless lets any key be derived. No keys are kept: the tree from before the derivation is used again.
func limitless() keyschedule.Limits {
	return keyschedule.Limits{ForwardDistance: math.MaxUint32, SkippedKeys: -1, BackwardDistance: math.MaxUint32}
}

// takeMessages copies a secret tree into one that gives out the own leaf's keys like any other's.
func (in *Insider) takeMessages(t TB, from *keyschedule.SecretTree) {
	t.Helper()
	state := keyschedule.TreeRecord{TreeParams: keyschedule.TreeParams{
		Suite: in.Suite, Leaves: from.Leaves(), Own: framing.NoLeaf, Limits: limitless()}}
	for n := range from.Nodes(nil) {
		n.Secret = n.Secret.Clone()
		state.Nodes = append(state.Nodes, n)
	}
	for r := range from.Ratchets(nil) {
		r.Secret = r.Secret.Clone()
		state.Ratchets = append(state.Ratchets, r)
	}
	for b := range from.Skipped(nil) {
		b.Keys = slices.Clone(b.Keys)
		for k := range b.Keys {
			b.Keys[k].Material = b.Keys[k].Material.Clone()
		}
		state.Skipped = append(state.Skipped, b)
	}
	var err error
	in.messages, err = keyschedule.RestoreSecretTree(state)
	must(t, err, "secret tree")
	for kind := range in.sent {
		in.sent[kind] = framing.Generation(from.Sent(keyschedule.RatchetKind(kind)))
	}
}

// NewNewcomer returns a client that is about to join by external commit and keeps no rules. Its Commit adds the
// ExternalInit; the caller adds everything else.
func NewNewcomer(t TB, c *Party, groupInfo []byte) *Insider {
	t.Helper()
	info := Parse[*framing.GroupInfo](t, groupInfo)
	in := &Insider{
		Suite: c.Suite, Signer: c.Signer, Sender: framing.Sender{SenderType: framing.SenderTypeNewMemberCommit},
		Leaf: framing.NoLeaf, Context: info.GroupContext, Tag: info.ConfirmationTag,
		keys: map[treekem.NodeIndex]ciphersuite.KeyPair{},
	}
	tree, ok := info.Extensions.Find(framing.ExtensionTypeRatchetTree)
	if !ok {
		t.Fatalf("mlstest: GroupInfo without a tree")
	}
	in.Tree = ParseTree(t, c.Suite, tree)
	var pub framing.ExternalPub
	if ok, err := info.Extensions.Get(&pub); !ok || err != nil {
		t.Fatalf("mlstest: GroupInfo without external_pub: %v", err)
	}
	kemOutput, init, err := keyschedule.SendExternalInit(c.Suite, Rand("external init of "+c.Name), pub.ExternalPub)
	must(t, err, "external init")
	in.Init, in.external = init, &framing.ExternalInit{KEMOutput: kemOutput}
	return in
}

// Key returns the key pair of a node above the insider's leaf, or of the leaf itself, and false when it has none.
func (in *Insider) Key(x treekem.NodeIndex) (ciphersuite.KeyPair, bool) {
	pair, ok := in.keys[x]
	return pair, ok
}

// OwnLeaf returns a copy of the insider's leaf, from which to make another.
func (in *Insider) OwnLeaf() framing.LeafNode {
	if leaf := in.Tree.Leaf(in.Leaf); leaf != nil {
		return *leaf
	}
	return framing.LeafNode{}
}

// UpdateLeaf makes a leaf for an Update proposal from the insider's own, with a fresh key. change may change it before it
// is signed.
func (in *Insider) UpdateLeaf(t TB, seed string, change func(*framing.LeafNode)) *framing.Update {
	t.Helper()
	pair, err := in.Suite.GenerateKeyPair(Rand(seed))
	must(t, err, "key pair")
	leaf := in.OwnLeaf()
	leaf.LeafNodeSource, leaf.EncryptionKey = framing.LeafNodeSourceUpdate, pair.Public
	leaf.ParentHash, leaf.Lifetime = nil, framing.Lifetime{}
	if change != nil {
		change(&leaf)
	}
	SignLeaf(t, in.Suite, in.Signer, &leaf, in.Context.GroupID, in.Leaf)
	return &framing.Update{LeafNode: leaf}
}

// GroupInfo returns the GroupInfo of the epoch, with the tree and external_pub. change may change it before it is signed.
func (in *Insider) GroupInfo(t TB, change func(*framing.GroupInfo)) []byte {
	t.Helper()
	pair, err := in.Secrets.ExternalKeyPair()
	must(t, err, "external key")
	pub, err := framing.NewExtension(&framing.ExternalPub{ExternalPub: pair.Public})
	must(t, err, "external_pub")
	info := &framing.GroupInfo{
		GroupContext: in.Context, ConfirmationTag: in.Tag, Signer: in.Leaf,
		Extensions: framing.Extensions{{Type: framing.ExtensionTypeRatchetTree, Data: in.Tree.Export(t)}, pub},
	}
	if change != nil {
		change(info)
	}
	SignGroupInfo(t, in.Suite, in.Signer, info)
	return Message(t, info)
}

// Resend changes somebody's PublicMessage, signs it with the insider's key, and tags it. Its sender and all else are as
// change left them.
func (in *Insider) Resend(t TB, message []byte, change func(*framing.PublicMessage)) []byte {
	t.Helper()
	m := Parse[*framing.PublicMessage](t, message)
	change(m)
	c := in.content(m.Content.ContentType)
	c.FramedContent = m.Content
	return in.frame(t, c, c.sign(t, in.Suite, func([]byte) []byte { return m.Auth.ConfirmationTag }))
}

// Retag changes a member's PublicMessage and makes its membership tag fit; its signature stays.
func (in *Insider) Retag(t TB, message []byte, change func(*framing.PublicMessage)) []byte {
	t.Helper()
	m := Parse[*framing.PublicMessage](t, message)
	change(m)
	c := in.content(m.Content.ContentType)
	c.FramedContent = m.Content
	return in.frame(t, c, &m.Auth)
}
