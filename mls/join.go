package mls

// RFC 9420, Section 12.4.3.1: Joining via Welcome Message.

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/treekem"
)

// JoinParams are a Welcome and what it takes to join by it.
type JoinParams struct {
	Welcome     []byte           // one MLSMessage
	KeyPackages []*OwnKeyPackage // the client's own; the Welcome names one of them
	RatchetTree []byte           // the data of a ratchet_tree extension, when it is not in the Welcome
	PSKs        PSKs
	Now         time.Time // judges the lifetimes of the members' leaves; zero when they are not to be judged
	// Groups are the ids of the groups that the client is in: none of them may be joined again.
	Groups [][]byte
	// Successor is the old group, when the Welcome is to a reinitialized or branched one.
	Successor *Group
	Params    Params
}

// Join makes the Group of a member that was welcomed (RFC 9420, Section 12.4.3.1). Every credential of the group is in
// Claims. Used names the KeyPackage, of which the private part is to be deleted. On failure the KeyPackage is as good
// as before.
//
// It fails with a *SyntaxError, a *RuleError, ErrNoTree, ErrSuccessor, a *MissingPSKError, ErrUnexpectedMessage,
// ErrOldEpoch when it branches from an epoch of Successor of which Params.PastEpochs keeps nothing, or an error of
// package ciphersuite when decryption fails.
func Join(p JoinParams) (*Step, error) {
	params := p.Params.withDefaults()
	body, err := decodeMessage(p.Welcome, params)
	if err != nil {
		return nil, err
	}
	welcome, ok := body.(*framing.Welcome)
	if !ok {
		return nil, fmt.Errorf("%w: %v", ErrUnexpectedMessage, body.WireFormat())
	}
	suite, err := params.Suites(welcome.CipherSuite)
	if err != nil {
		return nil, err
	}
	j := &joiner{JoinParams: &p, suite: suite, params: params, welcome: welcome}
	for _, step := range []func() error{
		j.findKeyPackage, j.openSecrets, j.openInfo, j.importTree, j.findLeaf, j.checkSuccession, j.enter,
	} {
		if err := step(); err != nil {
			j.erase()
			j.leafKey.Private.Erase()
			return nil, err
		}
	}
	return j.step()
}

// joiner is a Welcome in the course of being accepted.
type joiner struct {
	*JoinParams
	suite   *ciphersuite.Suite
	params  *Params
	welcome *framing.Welcome

	own      *OwnKeyPackage
	ref      framing.KeyPackageRef
	leafKey  ciphersuite.KeyPair
	secrets  *framing.GroupSecrets
	schedule keyschedule.JoinerSecret
	link     framing.PreSharedKeyID // of usage reinit or branch
	linked   bool
	info     *framing.GroupInfo
	public   *public
	private  *treekem.PrivatePath
	state    epochState
	claims   []Claim
}

// findKeyPackage finds which of the client's KeyPackages the Welcome names (V-WEL-01, V-WEL-02).
func (j *joiner) findKeyPackage() error {
	named := make(map[string]bool, len(j.welcome.Secrets))
	for _, s := range j.welcome.Secrets {
		named[string(s.NewMember)] = true
	}
	for _, k := range j.KeyPackages {
		suite, err := j.params.Suites(k.KeyPackage.CipherSuite) // by whose hash the KeyPackage is named
		if err != nil {
			return err
		}
		ref, err := k.KeyPackage.Ref(suite)
		switch {
		case err != nil:
			return err
		case !named[string(ref)]:
		case k.KeyPackage.CipherSuite != j.welcome.CipherSuite:
			return fail("V-WEL-02", framing.NoLeaf, "Welcome is of %v, the KeyPackage that it names of %v",
				j.welcome.CipherSuite, k.KeyPackage.CipherSuite)
		default:
			j.own, j.ref = k, ref
			return nil
		}
	}
	return fail("V-WEL-01", framing.NoLeaf, "Welcome is for none of the %d KeyPackages", len(j.KeyPackages))
}

// openSecrets decrypts the group secrets and judges the PSKs that they name.
func (j *joiner) openSecrets() error {
	initKey, leafKey, err := j.own.keys(j.suite)
	if err != nil {
		return err
	}
	// The Group owns its keys; the caller may erase the KeyPackage's.
	j.leafKey = ciphersuite.KeyPair{Public: leafKey.Public, Private: leafKey.Private.Clone()}
	if j.secrets, err = j.welcome.DecryptGroupSecrets(j.suite, j.ref, initKey); err != nil {
		return err
	}
	if err := j.checkPSKs(); err != nil {
		return err
	}
	j.schedule, err = keyschedule.NewJoinerSecret(j.suite, j.secrets.JoinerSecret)
	return err
}

// checkPSKs judges the list of PSKs (V-PSK-02, V-PSK-07, V-WEL-13, V-WEL-14, V-RE-10).
func (j *joiner) checkPSKs() error {
	list := newProposalList(nil)
	list.psks = j.secrets.PSKs
	if err := list.checkPSKCount(framing.NoLeaf); err != nil {
		return err
	}
	if err := list.checkPSKsDiffer(framing.NoLeaf); err != nil {
		return failWith(err, "V-WEL-14", framing.NoLeaf, "PSKs of the group secrets")
	}
	for _, id := range j.secrets.PSKs {
		if len(id.PSKNonce) != j.suite.HashSize {
			return fail("V-PSK-02", framing.NoLeaf, "PSK nonce of %d bytes", len(id.PSKNonce))
		}
	}
	var err error
	if j.link, j.linked, err = successorPSK(j.secrets.PSKs); err != nil {
		return err
	}
	if j.linked && j.Successor == nil {
		return ErrSuccessor
	}
	if !j.linked && j.Successor != nil {
		return fail("V-RE-06", framing.NoLeaf, "Welcome lacks the PSK that links it to the old group")
	}
	return nil
}

// sources are the PSKs at hand.
func (j *joiner) sources() []PSKs {
	if j.Successor == nil {
		return []PSKs{j.PSKs}
	}
	return []PSKs{j.PSKs, j.Successor.ResumptionPSKs()}
}

// openInfo decrypts the GroupInfo and judges what it says of itself (V-WEL-03, V-WEL-06).
func (j *joiner) openInfo() error {
	psk, err := pskSecret(j.suite, j.secrets.PSKs, j.sources()...)
	if err != nil {
		return err
	}
	member, err := j.schedule.Member(psk)
	if err != nil {
		return err
	}
	defer member.Erase()
	welcome, err := member.WelcomeSecret()
	if err != nil {
		return err
	}
	defer welcome.Erase()
	if j.info, err = j.welcome.DecryptGroupInfo(j.suite, welcome); err != nil {
		return err
	}
	if v := j.info.GroupContext.Version; v != j.own.KeyPackage.Version {
		return fail("V-WEL-03", framing.NoLeaf, "version of the group is %v", v)
	}
	return checkNewGroup(j.info, j.Groups)
}

// checkNewGroup refuses a group that the client is in already (V-WEL-06).
func checkNewGroup(info *framing.GroupInfo, groups [][]byte) error {
	for _, id := range groups {
		if bytes.Equal(id, info.GroupContext.GroupID) {
			return fail("V-WEL-06", framing.NoLeaf, "the client is in this group already")
		}
	}
	return nil
}

// importTree judges the GroupInfo and the tree.
func (j *joiner) importTree() error {
	var err error
	j.public, err = importGroup(importParams{j.suite, j.params, j.info, j.RatchetTree, j.Now})
	return err
}

// importParams are a GroupInfo and the tree that it goes with.
type importParams struct {
	suite  *ciphersuite.Suite
	params *Params
	info   *framing.GroupInfo
	tree   []byte // used when the GroupInfo holds none
	now    time.Time
}

// importGroup makes the public state of an epoch from outside, after all checks (RFC 9420, Sections 12.4.3 and
// 12.4.3.1): for newcomers by Welcome or external commit, and for observers.
func importGroup(p importParams) (*public, error) {
	info := p.info
	if err := p.params.limitInfo(info); err != nil {
		return nil, err
	}
	if err := checkInfoExtensions(info.Extensions); err != nil {
		return nil, err
	}
	data, found := info.Extensions.Find(framing.ExtensionTypeRatchetTree)
	if !found {
		data = p.tree
	}
	if len(data) == 0 {
		return nil, ErrNoTree
	}
	if err := p.params.limitTree(data); err != nil {
		return nil, err
	}
	tree, err := treekem.Import(treekem.ImportParams{Suite: p.suite, RatchetTree: data, GroupContext: &info.GroupContext,
		MaxLeaves: p.params.MaxLeaves, CheckLeaf: p.params.limitLeaf})
	if err != nil {
		return nil, err
	}
	public, err := newPublic(p.suite, p.params, info.GroupContext, tree)
	if err != nil {
		return nil, err
	}
	if err := public.checkImported(info, p.now); err != nil {
		return nil, err
	}
	public.confirm(info.ConfirmationTag)
	return public, nil
}

// checkImported judges the signer of a GroupInfo, the context's transcript hash and extensions, and what treekem leaves
// open of the leaves (V-WEL-05, V-WIRE-16, V-EXT-02, V-LN-15).
func (p *public) checkImported(info *framing.GroupInfo, now time.Time) error {
	key := p.tree.SignatureKey(info.Signer)
	if key == nil {
		return fail("V-WEL-05", info.Signer, "signer of the GroupInfo is a blank leaf or outside the tree")
	}
	if err := info.VerifySignature(p.suite, key); err != nil {
		return err
	}
	if n := len(p.context.ConfirmedTranscriptHash); n != p.suite.HashSize && (n > 0 || p.context.Epoch > 0) {
		return fail("V-WIRE-16", info.Signer, "confirmed transcript hash of %d bytes in epoch %d", n, p.context.Epoch)
	}
	check := &proposalCheck{public: p, rules: p.rules}
	if err := check.checkExtensions(p.context.Extensions); err != nil {
		return err
	}
	for i, leaf := range p.tree.Leaves() {
		if err := checkLeafContent(i, leaf); err != nil {
			return err
		}
		if leaf.LeafNodeSource != framing.LeafNodeSourceKeyPackage {
			continue
		}
		if err := checkLifetime(leaf.Lifetime, now, 0); err != nil {
			return atLeaf(err, i)
		}
	}
	return nil
}

// claimAll asks about every member and external sender of a group that is being joined.
func (p *public) claimAll() []Claim {
	out := claimExternalSenders(p.context.Extensions)
	for i, leaf := range p.tree.Leaves() {
		out = append(out, claim(MomentJoin, i, leaf))
	}
	return out
}

// findLeaf finds the client's own leaf and the private keys above it (V-WEL-08, V-WEL-09).
func (j *joiner) findLeaf() error {
	own := &j.own.KeyPackage.LeafNode
	i, found := j.public.tree.FindSignatureKey(own.SignatureKey)
	if !found {
		return fail("V-WEL-08", framing.NoLeaf, "the KeyPackage's leaf is not in the tree")
	}
	leaf, _ := j.public.tree.Leaf(i)
	have, errHave := framing.Marshal(leaf)
	want, errWant := framing.Marshal(own)
	if errHave != nil || errWant != nil || !bytes.Equal(have, want) {
		return fail("V-WEL-08", i, "the leaf with the client's signature key is not the KeyPackage's")
	}
	j.private = treekem.NewPrivatePath(j.suite, i, j.leafKey)
	if !j.secrets.PathSecret.IsZero() {
		var err error
		if j.private, err = j.private.WithPathSecret(j.public.tree, j.info.Signer, j.secrets.PathSecret); err != nil {
			return err
		}
	}
	if x, missing := j.private.Missing(j.public.tree); missing { // without it, some later path could not be read
		return fail("V-WEL-09", j.info.Signer, "Welcome lacks a path secret that leads to the key of node %d", x)
	}
	return nil
}

// checkSuccession judges a group that is the successor of another.
func (j *joiner) checkSuccession() error {
	j.claims = j.public.claimAll()
	if !j.linked {
		return nil
	}
	if err := checkSuccessor(j.Successor, j.link, &j.public.context); err != nil {
		return atLeaf(err, j.info.Signer)
	}
	more, err := claimMembership(j.Successor, j.link, membersOf(j.public.tree))
	j.claims = append(j.claims, more...)
	return atLeaf(err, j.info.Signer)
}

// enter derives the epoch and compares the confirmation tag (V-WEL-10).
func (j *joiner) enter() error {
	psk, err := pskSecret(j.suite, j.secrets.PSKs, j.sources()...)
	if err != nil {
		return err
	}
	next, err := runSchedule(j.public, j.schedule, psk)
	if err != nil {
		return err
	}
	j.state, err = next.enter(j.private)
	if err == nil && subtle.ConstantTimeCompare(next.tag, j.info.ConfirmationTag) != 1 {
		j.state.eraseUnused(nil)
		return fail("V-WEL-10", j.info.Signer, "confirmation tag does not match")
	}
	return err
}

// erase overwrites what the Welcome brought and nobody needs any more.
func (j *joiner) erase() {
	if j.secrets != nil {
		j.secrets.JoinerSecret.Erase()
		j.secrets.PathSecret.Erase()
	}
}

// step is the Step that makes the Group.
func (j *joiner) step() (*Step, error) {
	j.erase()
	return &Step{
		Next:   &Group{epochState: j.state},
		Claims: j.claims,
		Used:   &UsedKey{j.ref, j.own.LastResort()},
	}, nil
}
