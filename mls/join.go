package mls

// RFC 9420, Section 12.4.3.1: Joining via Welcome Message.

import (
	"bytes"
	"crypto/subtle"
	"slices"
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
	Now         time.Time // compared with the lifetimes of members' leaves, for Step.Lifetimes; may be zero
	// Groups are the ids of the groups that the client is in: none of them may be joined again. A Group whose Status is
	// StatusRemoved is not one of them; when the client is added again, the new Group takes the place of its records.
	Groups [][]byte
	// Used are the KeyPackages whose private parts are deleted, as Step.Used named them, so that ErrUsedKeyPackage can tell a
	// Welcome for one of them from one for somebody else. They may be forgotten when the KeyPackages' lifetimes are over.
	Used []framing.KeyPackageRef
	// Successor is the old group, when the Welcome is to a reinitialized or branched one.
	Successor *Group
	Params    Params
}

// Join makes the Group of a client that received a Welcome (RFC 9420, Section 12.4.3.1). Every credential of the group is
// in Claims. Used names the KeyPackage, whose private part is to be deleted. On failure the KeyPackage is unchanged.
//
// It fails with a *SyntaxError, a *RuleError, ErrUsedKeyPackage, ErrNoTree, ErrSuccessor, a *MissingPSKError, ErrUnexpectedMessage,
// ErrOldEpoch when it branches from an epoch of Successor of which Params.PastEpochs keeps nothing, or an error of
// package ciphersuite when decryption fails.
func Join(p JoinParams) (*Step, error) {
	params := p.Params.withDefaults()
	welcome, err := decodeAs[*framing.Welcome](p.Welcome, params, 0)
	if err != nil {
		return nil, err
	}
	suite, err := params.Suites(welcome.CipherSuite)
	if err != nil {
		return nil, err
	}
	j := &joiner{JoinParams: &p, suite: suite, params: params, welcome: welcome}
	s, err := j.join()
	j.erase()
	if err != nil {
		j.leafKey.Private.Erase()
		return nil, err
	}
	return s, nil
}

// joiner is the state of a join by Welcome. Each field but the first four is set by the method named beside it.
type joiner struct {
	*JoinParams
	suite   *ciphersuite.Suite
	params  *Params
	welcome *framing.Welcome

	own      *OwnKeyPackage           // findKeyPackage
	ref      framing.KeyPackageRef    // findKeyPackage
	entry    framing.KeyPackageRef    // findKeyPackage; under which the Welcome has the secrets: ref, or that of the twin
	leafKey  ciphersuite.KeyPair      // openSecrets
	secrets  *framing.GroupSecrets    // openSecrets
	link     *framing.PreSharedKeyID  // checkPSKs; nil unless the group is a successor
	schedule keyschedule.JoinerSecret // openInfo
	info     *framing.GroupInfo       // openInfo
}

// join checks the Welcome and returns the Step that makes the Group.
func (j *joiner) join() (*Step, error) {
	if err := j.findKeyPackage(); err != nil {
		return nil, err
	}
	if err := j.openSecrets(); err != nil {
		return nil, err
	}
	if err := j.checkPSKs(); err != nil {
		return nil, err
	}
	if err := j.openInfo(); err != nil {
		return nil, err
	}
	public, err := importGroup(importParams{j.suite, j.params, j.info, j.RatchetTree})
	if err != nil {
		return nil, err
	}
	private, err := j.findLeaf(public.tree)
	if err != nil {
		return nil, err
	}
	claims, err := j.checkSuccession(public)
	if err != nil {
		return nil, err
	}
	state, err := j.begin(public, private)
	if err != nil {
		return nil, err
	}
	next := &Group{groupState: groupState{epochState: *state, arrivals: arrived(public.Epoch())}}
	return &Step{Next: next, Claims: claims, Lifetimes: public.reportLifetimes(j.Now),
		Used: &UsedKey{j.ref, j.own.LastResort()}, UnusedPSKs: j.PSKs.besides(j.secrets.PSKs)}, nil
}

// findKeyPackage finds the one of the client's KeyPackages that the Welcome names (V-WEL-01, V-WEL-02).
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
		if err != nil {
			return err
		}
		entry, err := refOfTwin(suite, k.KeyPackage, ref)
		switch {
		case err != nil:
			return err
		case named[string(ref)]:
			entry = ref
		}
		switch {
		case !named[string(entry)]:
		case k.KeyPackage.CipherSuite != j.welcome.CipherSuite:
			return fail("V-WEL-02", framing.NoLeaf, "Welcome is of %v, the KeyPackage that it names of %v",
				j.welcome.CipherSuite, k.KeyPackage.CipherSuite)
		default:
			j.own, j.ref, j.entry = k, ref, entry
			return nil
		}
	}
	if slices.ContainsFunc(j.Used, func(ref framing.KeyPackageRef) bool { return named[string(ref)] }) {
		return ErrUsedKeyPackage
	}
	return fail("V-WEL-01", framing.NoLeaf, "Welcome is for none of the %d KeyPackages", len(j.KeyPackages))
}

// refOfTwin returns the reference that a KeyPackage has with the twin of its signature, which a directory could hand out
// instead, or ref when there is none.
func refOfTwin(suite *ciphersuite.Suite, k *framing.KeyPackage, ref framing.KeyPackageRef) (framing.KeyPackageRef, error) {
	other := *k
	if other.Signature = suite.TwinSignature(k.Signature); other.Signature == nil {
		return ref, nil
	}
	return other.Ref(suite)
}

// openSecrets decrypts the group secrets.
func (j *joiner) openSecrets() error {
	initKey, leafKey, err := j.own.keys(j.suite)
	if err != nil {
		return err
	}
	// The Group owns its keys; the caller may erase the KeyPackage's.
	j.leafKey = ciphersuite.KeyPair{Public: leafKey.Public, Private: leafKey.Private.Clone()}
	j.secrets, err = j.welcome.DecryptGroupSecrets(j.suite, j.entry, initKey)
	return err
}

// checkPSKs checks the list of PSKs (V-PSK-02, V-PSK-07, V-WEL-13, V-WEL-14, V-RE-10).
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
	j.link, err = successorPSK(j.secrets.PSKs)
	switch {
	case err != nil:
		return err
	case j.link != nil && j.Successor == nil:
		return ErrSuccessor
	case j.link == nil && j.Successor != nil:
		return fail("V-RE-06", framing.NoLeaf, "Welcome lacks the PSK that links it to the old group")
	}
	return nil
}

// sources returns the PSKs that the caller gave and those of the group to succeed.
func (j *joiner) sources() []PSKs {
	if j.Successor == nil {
		return []PSKs{j.PSKs}
	}
	return []PSKs{j.PSKs, j.Successor.ResumptionPSKs()}
}

// openInfo begins the key schedule, decrypts the GroupInfo, and checks its version and group (V-WEL-03, V-WEL-06).
func (j *joiner) openInfo() error {
	var err error
	if j.schedule, err = keyschedule.NewJoinerSecret(j.suite, j.secrets.JoinerSecret); err != nil {
		return err
	}
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
	return checkNewGroup(j.info, j.Groups, "drop the Welcome")
}

// findLeaf finds the client's own leaf and the private keys above it (V-WEL-08, V-WEL-09).
func (j *joiner) findLeaf(tree *treekem.Tree) (*treekem.PrivatePath, error) {
	own := &j.own.KeyPackage.LeafNode
	i, found := tree.FindSignatureKey(own.SignatureKey)
	if !found {
		return nil, fail("V-WEL-08", framing.NoLeaf, "the KeyPackage's leaf is not in the tree")
	}
	leaf, _ := tree.Leaf(i)
	have, errHave := framing.Marshal(leaf)
	want, errWant := framing.Marshal(own)
	if errHave != nil || errWant != nil || !bytes.Equal(have, want) {
		return nil, fail("V-WEL-08", i, "the leaf with the client's signature key is not the KeyPackage's")
	}
	private := treekem.NewPrivatePath(j.suite, i, j.leafKey)
	if !j.secrets.PathSecret.IsZero() {
		var err error
		if private, err = private.WithPathSecret(tree, j.info.Signer, j.secrets.PathSecret); err != nil {
			return nil, err
		}
	}
	if x, missing := private.Missing(tree); missing { // without that key, some later path could not be decrypted
		return nil, fail("V-WEL-09", j.info.Signer, "Welcome lacks a path secret that leads to the key of node %d", x)
	}
	return private, nil
}

// checkSuccession checks a group that is the successor of another. It returns all claims of the group.
func (j *joiner) checkSuccession(p *public) ([]Claim, error) {
	claims := p.claimAll()
	if j.link == nil {
		return claims, nil
	}
	if err := checkSuccessor(j.Successor, *j.link, &p.context); err != nil {
		return nil, atLeaf(err, j.info.Signer)
	}
	more, err := claimMembership(j.Successor, *j.link, membersOf(p.tree))
	return append(claims, more...), atLeaf(err, j.info.Signer)
}

// begin derives the epoch and compares the confirmation tag (V-WEL-10).
func (j *joiner) begin(p *public, private *treekem.PrivatePath) (*epochState, error) {
	psk, err := pskSecret(j.suite, j.secrets.PSKs, j.sources()...)
	if err != nil {
		return nil, err
	}
	next, err := runSchedule(p, j.schedule, psk)
	if err != nil {
		return nil, err
	}
	state, err := next.begun(private)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(next.tag, j.info.ConfirmationTag) != 1 {
		state.eraseUnused(nil)
		return nil, fail("V-WEL-10", j.info.Signer, "confirmation tag does not match")
	}
	return &state, nil
}

// erase overwrites the secrets of the Welcome, which are not needed any more.
func (j *joiner) erase() {
	if j.secrets != nil {
		j.secrets.JoinerSecret.Erase()
		j.secrets.PathSecret.Erase()
	}
}
