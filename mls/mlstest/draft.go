package mlstest

// RFC 9420, Section 12.4.1: Creating a Commit, without a check.

import (
	"crypto"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/treekem"
)

// Covered is a proposal that a commit covers.
type Covered struct {
	Proposal framing.Proposal
	Sender   framing.Sender      // of the proposal; only an Update's matters
	Ref      framing.ProposalRef // nil by value
}

// Draft is a commit that is being made. A caller sets the fields of the first group, and hooks. Hooks run in the order in
// which they are listed here, each just before its object is hashed, signed or encrypted: everything later is computed
// from what the hook left, as a receiver without checks would compute it.
type Draft struct {
	Proposals  []Covered
	NoPath     bool
	PSKs       mls.PSKs         // secrets of the PSKs that the proposals name
	Template   framing.LeafNode // of the path's leaf, all but its key, source, parent hash and signature
	LeafSigner crypto.Signer    // of the path's leaf and of the Welcome
	Welcome    bool             // whether newcomers are welcomed; set

	OnTree    func(*Tree)                 // the proposals are applied
	OnKeys    func([]ciphersuite.KeyPair) // the path's: of the leaf first, then upwards
	OnLeaf    func(*framing.LeafNode)     // the path's leaf is about to be signed
	OnSigned  func(*framing.LeafNode)     // it was signed
	OnFinal   func(*Tree)                 // the path is set in the tree, which is about to be hashed
	OnContext func(*framing.GroupContext) // the provisional group context, to encrypt under and for the key schedule
	OnPath    func(*framing.UpdatePath)   // the path is encrypted
	OnContent func(*Content)              // the content is about to be signed, with hooks for what follows
	OnCommit  func(*framing.Commit)       // as part of that
	OnTag     func([]byte) []byte         // the confirmation tag
	OnNext    func(*framing.GroupContext) // the next group context, of which the epoch is derived and the Welcome tells

	OnGroupInfo    func(*framing.GroupInfo)                // about to be signed
	OnSignedInfo   func(*framing.GroupInfo)                // it was signed
	OnInfoPlain    func([]byte) []byte                     // the encoded GroupInfo, about to be encrypted
	OnSecrets      func(int, *framing.GroupSecrets)        // of each newcomer, about to be encrypted
	OnSecretsPlain func(int, []byte) []byte                // the encoded group secrets
	OnWelcome      func(*framing.Welcome)                  // the whole
	Joiners        func([]framing.Joiner) []framing.Joiner // whom the Welcome is for

	in       *Insider
	tree     *Tree
	leaf     framing.LeafIndex
	added    []framing.LeafIndex
	adds     []*framing.Add
	psks     []framing.PreSharedKeyID
	context  framing.GroupContext
	path     *framing.UpdatePath
	secrets  []ciphersuite.Secret // of the path, by node
	nodes    []treekem.NodeIndex  // of the filtered path
	copath   []treekem.NodeIndex
	pairs    []ciphersuite.KeyPair // of the leaf first
	commit   ciphersuite.Secret    // commit_secret
	joiner   keyschedule.JoinerSecret
	welcomes ciphersuite.Secret // welcome_secret
}

// Made is a commit, the Welcome that goes with it, if any, and the insider in the epoch that it leads to.
type Made struct {
	Commit    []byte
	Welcome   []byte
	GroupInfo *framing.GroupInfo // of the next epoch, as in the Welcome
	Next      *Insider
}

// Commit makes a commit from the draft that change has changed. When change is nil, it is a valid, empty commit with a
// path.
func (in *Insider) Commit(t TB, change func(*Draft)) *Made {
	t.Helper()
	d := &Draft{in: in, Template: in.OwnLeaf(), LeafSigner: in.Signer, Welcome: true, leaf: in.Leaf}
	if in.external != nil {
		d.Proposals = []Covered{{Proposal: in.external, Sender: in.Sender}}
	}
	if change != nil {
		change(d)
	}
	d.tree = in.Tree.Clone()
	d.context = in.Context
	d.context.Epoch++
	d.apply()
	if d.OnTree != nil {
		d.OnTree(d.tree)
	}
	d.commit = keyschedule.NoCommitSecret(in.Suite)
	if !d.NoPath {
		d.setPath(t)
	}
	if d.OnFinal != nil {
		d.OnFinal(d.tree)
	}
	d.context.TreeHash = d.tree.Hash()
	if d.OnContext != nil {
		d.OnContext(&d.context)
	}
	if !d.NoPath {
		d.encryptPath(t)
	}
	return d.finish(t)
}

// ByValue returns proposals in the form in which a commit of the insider's covers them by value.
func (in *Insider) ByValue(list ...framing.Proposal) []Covered {
	out := make([]Covered, len(list))
	for k, p := range list {
		out[k] = Covered{Proposal: p, Sender: in.Sender}
	}
	return out
}

// apply changes tree and context as the proposals say, in the order of RFC 9420, Section 12.3.
func (d *Draft) apply() {
	order := []framing.ProposalType{framing.ProposalTypeGroupContextExtensions, framing.ProposalTypeUpdate,
		framing.ProposalTypeSelfRemove, framing.ProposalTypeRemove, framing.ProposalTypeAdd, framing.ProposalTypePSK}
	for _, kind := range order {
		for _, c := range d.Proposals {
			if c.Proposal.ProposalType() == kind {
				d.applyOne(c)
			}
		}
	}
	if d.in.external != nil {
		d.leaf = d.tree.NextLeaf()
	}
}

func (d *Draft) applyOne(c Covered) {
	switch p := c.Proposal.(type) {
	case *framing.GroupContextExtensions:
		d.context.Extensions = p.Extensions
	case *framing.Update:
		leaf := p.LeafNode
		d.tree.Update(c.Sender.LeafIndex, &leaf)
	case *framing.Remove:
		d.tree.Remove(p.Removed)
	case *framing.SelfRemove:
		d.tree.Remove(c.Sender.LeafIndex)
	case *framing.Add:
		leaf := p.KeyPackage.LeafNode
		d.adds = append(d.adds, p)
		d.added = append(d.added, d.tree.Add(&leaf))
	case *framing.PreSharedKey:
		d.psks = append(d.psks, p.PSK)
	}
}

// setPath makes a path and sets it in the tree (RFC 9420, Sections 7.4 and 7.5).
func (d *Draft) setPath(t TB) {
	t.Helper()
	suite := d.in.Suite
	rand := Rand(fmt.Sprintf("path of leaf %d in epoch %d from %x", d.leaf, d.context.Epoch, d.in.Tag))
	leafKey, err := suite.GenerateKeyPair(rand)
	must(t, err, "leaf key")
	secret, err := suite.RandomSecret(rand, suite.HashSize)
	must(t, err, "path secret")
	d.nodes, d.copath = d.tree.FilteredPath(d.leaf)
	d.pairs = []ciphersuite.KeyPair{leafKey}
	for range d.nodes {
		pair, err := suite.DeriveKeyPair(suite.DeriveSecret(secret, "node"))
		must(t, err, "path key")
		d.pairs = append(d.pairs, pair)
		d.secrets = append(d.secrets, secret)
		secret = suite.DeriveSecret(secret, "path")
	}
	d.commit = secret
	if d.OnKeys != nil {
		d.OnKeys(d.pairs)
	}
	var keys []ciphersuite.HPKEPublicKey
	for _, pair := range d.pairs[1:] {
		keys = append(keys, pair.Public)
	}
	leaf := d.Template
	leaf.LeafNodeSource, leaf.EncryptionKey, leaf.Lifetime = framing.LeafNodeSourceCommit, d.pairs[0].Public, framing.Lifetime{}
	leaf.ParentHash = d.tree.SetPath(d.leaf, keys)
	if d.OnLeaf != nil {
		d.OnLeaf(&leaf)
	}
	SignLeaf(t, suite, d.LeafSigner, &leaf, d.context.GroupID, d.leaf)
	if d.OnSigned != nil {
		d.OnSigned(&leaf)
	}
	d.tree.SetLeaf(d.leaf, &leaf)
	d.path = &framing.UpdatePath{LeafNode: leaf}
}

// encryptPath encrypts the path secrets (RFC 9420, Section 7.6).
func (d *Draft) encryptPath(t TB) {
	t.Helper()
	context := Marshal(t, &d.context)
	rand := Rand(fmt.Sprintf("ciphertexts of %x", d.context.TreeHash))
	for k := range d.nodes {
		node := framing.UpdatePathNode{EncryptionKey: d.pairs[k+1].Public}
		for _, x := range d.tree.Resolution(d.copath[k]) {
			if d.isAdded(x) {
				continue
			}
			ct, err := d.in.Suite.EncryptWithLabel(rand, "UpdatePathNode", context,
				ciphersuite.Recipient{PublicKey: d.tree.Key(x), Plaintext: d.secrets[k]})
			must(t, err, fmt.Sprintf("encrypting to node %d", x))
			node.EncryptedPathSecret = append(node.EncryptedPathSecret, ct)
		}
		d.path.Nodes = append(d.path.Nodes, node)
	}
	if d.OnPath != nil {
		d.OnPath(d.path)
	}
}

func (d *Draft) isAdded(x treekem.NodeIndex) bool {
	for _, i := range d.added {
		if treekem.LeafNodeIndex(i) == x {
			return true
		}
	}
	return false
}

// finish signs the content, runs the key schedule and frames the message.
func (d *Draft) finish(t TB) *Made {
	t.Helper()
	commit := &framing.Commit{Path: d.path}
	for _, c := range d.Proposals {
		entry := framing.ProposalOrRef{Proposal: c.Proposal}
		if c.Ref != nil {
			entry = framing.ProposalOrRef{Reference: c.Ref}
		}
		commit.Proposals = append(commit.Proposals, entry)
	}
	if d.OnCommit != nil {
		d.OnCommit(commit)
	}
	c := d.in.content(framing.ContentTypeCommit)
	c.Commit = commit
	if d.OnContent != nil {
		d.OnContent(c)
	}
	var next *Insider
	auth := c.sign(t, d.in.Suite, func(signature []byte) []byte {
		next = d.advance(t, c, signature)
		if d.OnTag != nil {
			next.Tag = d.OnTag(next.Tag)
		}
		return next.Tag
	})
	made := &Made{Commit: d.in.frame(t, c, auth), Next: next}
	if len(d.adds) > 0 && d.Welcome {
		d.welcome(t, made)
	}
	return made
}

// advance runs the key schedule (RFC 9420, Sections 8 and 8.2).
func (d *Draft) advance(t TB, c *Content, signature []byte) *Insider {
	t.Helper()
	suite := d.in.Suite
	unverified := &framing.UnverifiedContent{WireFormat: c.Format, Content: c.FramedContent,
		Auth: framing.FramedContentAuthData{Signature: signature}}
	input, err := unverified.ConfirmedTranscriptHashInput()
	must(t, err, "transcript")
	interim := keyschedule.InterimTranscriptHash(suite, d.in.Context.ConfirmedTranscriptHash, d.in.Tag)
	provisional := d.context
	provisional.ConfirmedTranscriptHash = keyschedule.ConfirmedTranscriptHash(suite, interim, input)
	if d.OnNext != nil {
		d.OnNext(&provisional)
	}
	next := &Insider{Suite: suite, Signer: d.LeafSigner, Leaf: d.leaf, Context: provisional, Tree: d.tree,
		Sender: framing.Sender{SenderType: framing.SenderTypeMember, LeafIndex: d.leaf}, keys: d.nextKeys()}
	d.joiner, err = d.in.Init.Joiner(d.commit, Marshal(t, &provisional))
	must(t, err, "joiner secret")
	member, err := d.joiner.Member(d.pskSecret(t))
	must(t, err, "member secret")
	d.welcomes, err = member.WelcomeSecret()
	must(t, err, "welcome secret")
	secrets, encryption, err := member.Epoch(Marshal(t, &provisional))
	must(t, err, "epoch")
	messages, err := keyschedule.NewSecretTree(encryption, keyschedule.TreeParams{
		Suite: suite, Leaves: d.tree.Width(), Own: framing.NoLeaf, Limits: limitless()})
	must(t, err, "secret tree")
	next.Secrets, next.Init, next.messages = secrets, secrets.InitSecret, messages
	next.Tag, err = secrets.ConfirmationTag(provisional.ConfirmedTranscriptHash)
	must(t, err, "confirmation tag")
	return next
}

// nextKeys returns the insider's private keys after the commit.
func (d *Draft) nextKeys() map[treekem.NodeIndex]ciphersuite.KeyPair {
	keys := map[treekem.NodeIndex]ciphersuite.KeyPair{}
	for x, pair := range d.in.keys {
		if int(x) < len(d.tree.Nodes) && string(d.tree.Key(x)) == string(pair.Public) {
			keys[x] = pair
		}
	}
	for k, pair := range d.pairs {
		if k == 0 {
			keys[treekem.LeafNodeIndex(d.leaf)] = pair
		} else {
			keys[d.nodes[k-1]] = pair
		}
	}
	return keys
}

// pskSecret chains the PSKs of the commit (RFC 9420, Section 8.4). A PSK whose secret is not given gets one made from its
// nonce.
func (d *Draft) pskSecret(t TB) ciphersuite.Secret {
	t.Helper()
	var list []keyschedule.PSK
	for _, id := range d.psks {
		psk := keyschedule.PSK{ID: id, Secret: ciphersuite.NewSecret(append([]byte{0}, id.PSKNonce...))}
		for _, k := range d.PSKs {
			if k.ID.PSKType == id.PSKType && string(k.ID.PSKID) == string(id.PSKID) &&
				string(k.ID.PSKGroupID) == string(id.PSKGroupID) && k.ID.PSKEpoch == id.PSKEpoch {
				psk.Secret = k.Secret
			}
		}
		list = append(list, psk)
	}
	secret, err := keyschedule.PSKSecret(d.in.Suite, list)
	must(t, err, "PSK secret")
	return secret
}
