package mls

// RFC 9420, Sections 12.3 and 12.4: how a commit leads from one epoch to the next. Committers, receivers, newcomers and
// observers all take these steps: begin (validate and apply the proposals), a path, finish, advance.

import (
	"math"
	"slices"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/treekem"
)

// transition is the state of a group between two epochs.
type transition struct {
	before    *public
	committer framing.Sender
	leaf      framing.LeafIndex // the committer's
	list      *proposalList
	now       time.Time
	sending   bool

	context   framing.GroupContext // provisional; finish sets the tree hash
	rules     *treekem.LeafRules
	edit      *treekem.Edit
	added     []framing.LeafIndex // by Adds, in their order
	resync    *framing.LeafNode   // an external committer's former leaf
	change    *Change
	claims    []Claim
	lifetimes []LifetimeReport

	tree    *treekem.Tree // set by finish
	encoded []byte        // context, encoded, set by finish
}

// beginParams is what a transition starts from.
type beginParams struct {
	committer framing.Sender
	list      *proposalList
	now       time.Time
	sending   bool
	successor *successorLink
}

// begin validates the proposals of a commit and applies them (RFC 9420, Sections 12.2 and 12.3).
func (p *public) begin(b beginParams) (*transition, error) {
	if p.context.Epoch == math.MaxUint64 {
		return nil, fail("V-FR-24", framing.NoLeaf, "epochs are exhausted")
	}
	t := &transition{before: p, committer: b.committer, leaf: b.committer.LeafIndex, list: b.list, now: b.now,
		sending: b.sending, context: p.context, edit: p.tree.Edit()}
	t.context.Epoch++
	if err := t.limit(); err != nil {
		return nil, err
	}
	if err := t.list.checkList(b.committer); err != nil {
		return nil, err
	}
	if len(t.list.extensions) > 0 {
		t.context.Extensions = t.list.extensions[0].Extensions
	}
	var err error
	if t.rules, err = treekem.NewLeafRules(&t.context); err != nil {
		return nil, err
	}
	t.describe()
	check := &proposalCheck{public: p, rules: t.rules, now: b.now, sending: b.sending, successor: b.successor}
	for _, c := range t.list.all {
		if err := check.checkProposal(c.proposal, c.sender); err != nil {
			return nil, err
		}
	}
	if b.successor != nil { // nobody would join by a Welcome that names two (V-WEL-13)
		if _, err := successorPSK(t.list.psks); err != nil {
			return nil, err
		}
	}
	if err := t.checkSupport(); err != nil {
		return nil, err
	}
	if err := t.verifyProposals(); err != nil {
		return nil, err
	}
	if err := t.apply(); err != nil {
		return nil, err
	}
	return t, nil
}

// beginOwn begins a commit of the member's own.
func (g *Group) beginOwn(list *proposalList, now time.Time) (*transition, error) {
	return g.begin(beginParams{committer: g.self(), list: list, now: now, sending: true, successor: g.successor})
}

// limit checks sizes. Those of received proposals were checked on arrival.
func (t *transition) limit() error {
	params := t.before.params
	if err := params.limitProposals(len(t.list.all)); err != nil {
		return err
	}
	if t.sending {
		for _, c := range t.list.all {
			if err := params.limitProposal(c.proposal); err != nil {
				return err
			}
		}
	}
	return params.limitMembers(t.before.tree, t.list)
}

// describe begins the Change with what follows from the list.
func (t *transition) describe() {
	t.change = &Change{Epoch: t.context.Epoch, Committer: t.committer, Own: t.sending, OldExtensions: t.before.context.Extensions,
		NewExtensions: t.context.Extensions, PSKs: t.list.psks}
	for _, c := range t.list.all {
		t.change.Proposals = append(t.change.Proposals, CommittedProposal{
			c.proposal, c.sender, t.before.senderIdentity(c.sender, c.proposal), c.ref})
	}
	if len(t.list.reInits) > 0 {
		t.change.ReInit = t.list.reInits[0]
	}
	if len(t.list.extensions) > 0 {
		t.claims = append(t.claims, claimExternalSenders(t.context.Extensions)...)
	}
}

// claimExternalSenders makes a Claim for each external sender in the extensions.
func claimExternalSenders(list framing.Extensions) []Claim {
	var senders framing.ExternalSenders
	if _, err := list.Get(&senders); err != nil {
		return nil // checked already
	}
	out := make([]Claim, len(senders))
	for i, s := range senders {
		out[i] = Claim{Moment: MomentExternalSender, Leaf: framing.NoLeaf, Identity: Identity{s.Credential, s.SignatureKey}}
	}
	return out
}

// checkSupport checks that all members that will process the commit support its proposals (V-PR-16, V-SR-08). Its cost
// grows with the number of proposals and the sizes of the removed leaves.
func (t *transition) checkSupport() error {
	if len(t.list.beyond) == 0 {
		return nil
	}
	support := t.before.tree.Support()
	want, lost := support.Members(), map[framing.ProposalType]int{} // supporting members that are removed
	for _, i := range t.list.removedLeaves() {
		leaf, ok := t.before.tree.Leaf(i)
		if !ok {
			continue
		}
		want--
		seen := map[framing.ProposalType]bool{}
		for _, p := range leaf.Capabilities.Proposals {
			if !seen[p] && !framing.IsGREASE(uint16(p)) {
				lost[p]++
			}
			seen[p] = true
		}
	}
	for _, p := range t.list.beyond {
		if have := support.Proposal(p) - lost[p]; have != want {
			return fail("V-PR-16", t.before.lacking(p, t.list.removedLeaves()), "%d of %d members support proposal type %v", have, want, p)
		}
	}
	return nil
}

// verifyProposals verifies the signatures inside proposals that were not verified on arrival, or by an attempt before
// (V-KP-03, V-LN-04).
func (t *transition) verifyProposals() error {
	var packages []*framing.KeyPackage
	for _, c := range t.list.all {
		if c.verified {
			continue
		}
		switch p := c.proposal.(type) {
		case *framing.Add:
			packages = append(packages, p.KeyPackage)
		case *framing.Update:
			if err := p.LeafNode.VerifySignature(t.before.suite, t.before.context.GroupID, c.sender.LeafIndex); err != nil {
				return err
			}
		}
	}
	if err := verifyKeyPackages(t.before.suite, packages); err != nil {
		return err
	}
	for i := range t.list.all {
		t.list.all[i].verified = true
	}
	return nil
}

// apply changes the tree as the proposals say, in the order of RFC 9420, Section 12.3.
func (t *transition) apply() error {
	for _, u := range t.list.updates {
		old, _ := t.before.tree.Leaf(u.leaf)
		fresh := &u.update.LeafNode
		if err := t.edit.Update(u.leaf, fresh); err != nil {
			return err
		}
		t.change.Updated = append(t.change.Updated, LeafChange{u.leaf, old, fresh})
		t.claims = append(t.claims, claimReplaced(MomentUpdate, u.leaf, old, fresh)...)
	}
	for _, i := range t.list.removedLeaves() {
		old, _ := t.before.tree.Leaf(i)
		if err := t.edit.Remove(i); err != nil {
			return err
		}
		t.change.Removed = append(t.change.Removed, LeafChange{i, old, nil})
	}
	for _, a := range t.list.adds {
		fresh := &a.KeyPackage.LeafNode
		i, err := t.edit.Add(fresh)
		if err != nil {
			return err
		}
		t.added = append(t.added, i)
		t.change.Added = append(t.change.Added, LeafChange{i, nil, fresh})
		moment := MomentAddSent
		if !t.sending {
			moment = MomentAdd
			t.lifetimes = append(t.lifetimes, reportLifetime(i, fresh, t.now)...)
		}
		t.claims = append(t.claims, claim(moment, i, fresh))
	}
	return t.placeNewcomer()
}

// placeNewcomer gives an external committer its leaf (RFC 9420, Section 12.4.2).
func (t *transition) placeNewcomer() error {
	if t.committer.SenderType != framing.SenderTypeNewMemberCommit {
		t.change.CommitterLeaf = t.leaf
		return nil
	}
	for _, r := range t.list.removes { // one at most (V-PL-13)
		t.resync, _ = t.before.tree.Leaf(r.Removed)
	}
	var err error
	t.leaf, err = t.edit.NextLeaf()
	t.change.CommitterLeaf = t.leaf
	return err
}

// external reports whether a newcomer commits.
func (t *transition) external() bool {
	return t.committer.SenderType == framing.SenderTypeNewMemberCommit
}

// receivePath validates a received path and merges it (RFC 9420, Section 12.4.2).
func (t *transition) receivePath(path *framing.UpdatePath) error {
	if path == nil {
		if t.list.needsPath(t.before.params) {
			return fail("V-CM-01", t.leaf, "commit lacks the path that its proposals need")
		}
		return nil
	}
	leaf := &path.LeafNode
	if leaf.LeafNodeSource != framing.LeafNodeSourceCommit {
		return fail("V-LN-03", t.leaf, "source of the leaf is %v, not commit", leaf.LeafNodeSource)
	}
	if err := t.checkPathLeaf(leaf); err != nil {
		return err
	}
	if err := leaf.VerifySignature(t.before.suite, t.context.GroupID, t.leaf); err != nil {
		return err
	}
	err := t.edit.ApplyPath(treekem.ApplyPathParams{Sender: t.leaf, Path: path, Added: t.added})
	if err != nil {
		return err
	}
	t.describePath(leaf)
	return nil
}

// checkPathLeaf checks the leaf of a path against the group (V-CM-07, V-EJ-06, V-PL-15).
func (t *transition) checkPathLeaf(leaf *framing.LeafNode) error {
	if err := t.before.suite.CheckSignaturePublicKey(leaf.SignatureKey); err != nil {
		return failWith(err, "V-KP-06", t.leaf, "signature key of the path leaf")
	}
	if t.external() && t.resync != nil {
		if err := checkUpdateLeaf(t.leaf, t.resync, leaf, "V-PL-15"); err != nil {
			return err
		}
	}
	return t.rules.Check(t.leaf, leaf)
}

// describePath adds the committer's new leaf to the Change and to the Claims.
func (t *transition) describePath(leaf *framing.LeafNode) {
	t.change.Path = true
	switch old, _ := t.before.tree.Leaf(t.leaf); {
	case !t.external():
		t.change.Updated = append(t.change.Updated, LeafChange{t.leaf, old, leaf})
		t.claims = append(t.claims, claimReplaced(MomentPath, t.leaf, old, leaf)...)
	case t.resync != nil:
		t.change.Added = append(t.change.Added, LeafChange{t.leaf, nil, leaf})
		t.claims = append(t.claims, claim(MomentExternalCommit, t.leaf, leaf, identityOf(t.resync)))
	default:
		t.change.Added = append(t.change.Added, LeafChange{t.leaf, nil, leaf})
		t.claims = append(t.claims, claim(MomentExternalCommit, t.leaf, leaf))
	}
}

// finish ends the change of the tree and checks the result (RFC 9420, Section 12.2, last point of the list).
func (t *transition) finish() error {
	var err error
	if t.tree, err = t.edit.Tree(); err != nil {
		return err
	}
	if err := t.before.params.limitGrowth(t.before.tree, t.tree, t.changedLeaves(), 0); err != nil {
		return err
	}
	if err := t.tree.CheckCredentials(); err != nil {
		return err
	}
	if err := t.checkInitKeys(); err != nil {
		return err
	}
	if !t.change.extensionsKept() {
		if err := t.rules.CheckTree(t.tree); err != nil {
			return err
		}
	}
	t.context.TreeHash = t.tree.Hash()
	t.encoded, err = framing.Marshal(&t.context)
	return err
}

// changedLeaves lists the leaves that the commit may change, each once.
func (t *transition) changedLeaves() []framing.LeafIndex {
	all := slices.Concat(t.list.removedLeaves(), t.added, []framing.LeafIndex{t.leaf})
	for _, u := range t.list.updates {
		all = append(all, u.leaf)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// limitWithPath checks the size of the tree once more, which lacks the committer's path: with that, which is made when the
// proposals are chosen, there is less room for what they add.
func (t *transition) limitWithPath() error {
	suite := t.before.suite
	const rest = 16 // lengths; and the signature, which can be some bytes longer than the one before
	room := suite.HashSize + rest
	for _, x := range t.tree.FilteredDirectPath(t.leaf) {
		if _, filled := t.tree.Parent(x); !filled {
			room += suite.HPKEPublicKeySize + suite.HashSize + rest
		}
	}
	return t.before.params.limitGrowth(t.before.tree, t.tree, t.changedLeaves(), room)
}

// checkInitKeys checks that the init keys of the Adds differ from each other and from the keys of all nodes, before and after a
// commit that is to be sent (V-KP-08). Receivers do not check it: RFC 9420 asks it of nobody but the author of a KeyPackage, and a
// newcomer that took a key which everybody can see would cut off the members that refuse the commit.
func (t *transition) checkInitKeys() error {
	if !t.sending {
		return nil
	}
	seen := map[string]bool{}
	for k, a := range t.list.adds {
		key := a.KeyPackage.InitKey
		if seen[string(key.Canonical())] {
			return fail("V-KP-08", t.added[k], "two Adds hold one init key")
		}
		seen[string(key.Canonical())] = true
		for _, tree := range []*treekem.Tree{t.before.tree, t.tree} {
			if x, found := tree.FindEncryptionKey(key); found {
				return fail("V-KP-08", t.added[k], "init key of an Add is the encryption key of node %d", x)
			}
		}
	}
	return nil
}

// nextPublic returns the public state of the new epoch, without its confirmation tag: input is the encoded
// ConfirmedTranscriptHashInput of the commit (RFC 9420, Section 8.2).
func (t *transition) nextPublic(input []byte) (*public, error) {
	context := t.context
	context.ConfirmedTranscriptHash = keyschedule.ConfirmedTranscriptHash(t.before.suite, t.before.interim, input)
	return newPublic(t.before.suite, t.before.params, context, t.tree)
}

// advanceParams are the secrets that lead to the next epoch. commit and psk are consumed.
type advanceParams struct {
	init   keyschedule.InitSecret
	commit ciphersuite.Secret
	psk    ciphersuite.Secret
	input  []byte
}

// nextEpoch is the epoch that a commit leads to, as its author and its receivers compute it.
type nextEpoch struct {
	*public
	secrets    *keyschedule.EpochSecrets
	encryption keyschedule.EncryptionSecret
	joiner     keyschedule.JoinerSecret
	welcome    ciphersuite.Secret
	tag        []byte // the confirmation tag that belongs to it
}

// advance runs the key schedule (RFC 9420, Section 8).
func (t *transition) advance(a advanceParams) (*nextEpoch, error) {
	next, err := t.nextPublic(a.input)
	if err != nil {
		return nil, err
	}
	joiner, err := a.init.Joiner(a.commit, next.encoded)
	if err != nil {
		return nil, err
	}
	return runSchedule(next, joiner, a.psk)
}

// runSchedule derives an epoch from its joiner secret. It consumes psk.
func runSchedule(p *public, joiner keyschedule.JoinerSecret, psk ciphersuite.Secret) (*nextEpoch, error) {
	member, err := joiner.Member(psk)
	if err != nil {
		return nil, err
	}
	n := &nextEpoch{public: p, joiner: joiner}
	if n.welcome, err = member.WelcomeSecret(); err != nil {
		return nil, err
	}
	if n.secrets, n.encryption, err = member.Epoch(p.encoded); err != nil {
		return nil, err
	}
	n.tag, err = n.secrets.ConfirmationTag(p.context.ConfirmedTranscriptHash)
	return n, err
}

// erase overwrites the secrets of an epoch that does not begin.
func (n *nextEpoch) erase() {
	n.secrets.Erase()
	n.encryption.Erase()
	n.joiner.Erase()
	n.welcome.Erase()
}

// begun returns the epoch in a member's form, with its secret tree, and erases the secrets that led to it.
func (n *nextEpoch) begun(private *treekem.PrivatePath) (epochState, error) {
	defer n.joiner.Erase()
	defer n.welcome.Erase()
	public := n.confirmed(n.tag)
	messages, err := keyschedule.NewSecretTree(n.encryption, keyschedule.TreeParams{
		Suite: n.suite, Leaves: n.tree.Width(), Own: private.Leaf(), Limits: n.params.Ratchets})
	return epochState{public, private, n.secrets, messages}, err
}
