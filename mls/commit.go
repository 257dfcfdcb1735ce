package mls

// RFC 9420, Section 12.4.1: Creating a Commit.

import (
	"crypto"
	"io"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/treekem"
)

// Commit makes a commit of the member's own (RFC 9420, Section 12.4.1). Next holds it as pending and stays in the
// present epoch; Send has the commit; the Welcome comes from Adopt. Several candidates may be made from one Group: at
// most one of them will be adopted.
//
// A member cannot commit its own removal. When that waits, the commit leaves it out and so makes it void: Step.Left names
// it, to be proposed again.
//
// It fails with ErrPending, an *InactiveError, ErrSigner, ErrErased, ErrNoProposal, ErrOwnRemoval, ErrNoTime, a
// *MissingPSKError, a *MissingProposalError, or a *RuleError when the proposals cannot go together.
func (g *Group) Commit(c CommitParams, by crypto.Signer) (*Step, error) {
	if err := g.maySend(by); err != nil {
		return nil, err
	}
	if g.pending != nil {
		return nil, ErrPending
	}
	rand := g.params.rand
	list, left, err := g.gather(rand, &c)
	if err != nil {
		return nil, err
	}
	if c.References == nil && len(list.all) == 0 && g.onlyOwnRemoval() {
		return nil, ErrOwnRemoval
	}
	s, err := g.commitTo(list, &c, by)
	if c.References == nil && breaksRule(err) {
		if f := g.fitting(list, &c, by); f != nil {
			left = f.left()
			s, err = g.commitTo(f.list(), &c, by)
		}
	}
	if err != nil {
		return nil, err
	}
	s.Left = left
	return s, nil
}

// commitTo makes a commit of a list of proposals.
func (g *Group) commitTo(list *proposalList, c *CommitParams, by crypto.Signer) (*Step, error) {
	t, err := g.beginOwn(list, c.Now)
	if err != nil {
		return nil, err
	}
	own, _ := g.tree.Leaf(g.OwnLeaf())
	d := &draft{group: g, params: c, rand: g.params.rand, by: by, transition: t,
		init: g.secrets.InitSecret, base: g.private, template: *own}
	return d.make()
}

// draft is what a commit is made from, a member's or a newcomer's.
type draft struct {
	*transition
	group    *Group // nil for a newcomer
	params   *CommitParams
	rand     io.Reader
	by       crypto.Signer          // of the commit
	init     keyschedule.InitSecret // of the present epoch, or from ExternalInit
	base     *treekem.PrivatePath   // nil for a newcomer
	template framing.LeafNode       // what the committer's leaf is made from
	framer   *framer                // nil for a newcomer
}

// make turns proposals into a pending commit. When it fails, it has erased its secrets.
func (d *draft) make() (*Step, error) {
	path, err := d.newPath()
	if err != nil {
		return nil, err
	}
	s, err := d.complete(path)
	switch {
	case path == nil:
	case err != nil:
		path.Discard()
	default:
		path.Erase()
	}
	return s, err
}

// committerPath is the committer's new path and the signer of the leaf at its end.
type committerPath struct {
	*treekem.Path
	signer crypto.Signer // of the next epoch
}

// newPath renews the committer's path (RFC 9420, Section 7.5). It returns nil when the commit has no path.
func (d *draft) newPath() (*committerPath, error) {
	if !d.list.needsPath(d.before.params) && !d.params.ForcePath && d.params.Leaf.isZero() {
		return nil, nil
	}
	leaf, signer, err := d.params.Leaf.leaf(d.before.suite, &d.template, d.by)
	if err != nil {
		return nil, err
	}
	if err := d.before.params.limitLeafParts(d.leaf, &leaf); err != nil {
		return nil, err
	}
	if err := d.checkPathLeaf(&leaf); err != nil {
		return nil, err
	}
	path, err := d.edit.NewPath(treekem.PathParams{
		Rand: d.rand, Sender: d.leaf, GroupID: d.context.GroupID, Signer: signer, Leaf: leaf})
	if err != nil {
		return nil, err
	}
	return &committerPath{path, signer}, nil
}

// complete makes the pending commit, with the committer's path unless that is nil.
func (d *draft) complete(path *committerPath) (*Step, error) {
	if err := d.finish(); err != nil {
		return nil, err
	}
	commit, private, err := d.compose(path)
	if err != nil {
		return nil, err
	}
	if d.group != nil {
		d.framer = &framer{group: d.group, format: d.before.params.Handshake.wireFormat(), by: d.by, padding: d.params.Padding}
		defer d.framer.erase()
	}
	content, err := d.sign(commit)
	if err != nil {
		return nil, err
	}
	next, err := d.nextEpoch(content, path)
	if err != nil {
		return nil, err
	}
	s, err := d.seal(content, next, path, private)
	if err != nil {
		next.erase()
	}
	return s, err
}

// seal frames the commit, welcomes the newcomers, and returns the Step that holds both.
func (d *draft) seal(
	content *framing.AuthenticatedContent, next *nextEpoch, path *committerPath, private *treekem.PrivatePath,
) (*Step, error) {
	message, messages, err := d.protect(content.WithConfirmationTag(next.tag))
	if err != nil {
		return nil, err
	}
	welcomes, err := d.welcome(next, path)
	if err != nil {
		return nil, err
	}
	state, err := next.begun(private)
	if err != nil {
		return nil, err
	}
	d.change.AuthenticatedData = content.Content().AuthenticatedData
	return d.step(&pendingCommit{message: message, next: &state, welcomes: welcomes, change: d.change}, messages), nil
}

// step returns the Step that holds the commit.
func (d *draft) step(pending *pendingCommit, messages *keyschedule.SecretTree) *Step {
	var s *Step
	if d.group == nil {
		s = &Step{Next: &Group{groupState: groupState{epochState: *pending.next, pending: pending, status: StatusJoining,
			arrivals: arrived(d.context.Epoch)}}}
	} else {
		s = d.group.step(d.group.clone())
		s.Next.messages, s.Next.pending = messages, pending
	}
	s.Change, s.Claims, s.UnusedPSKs = d.change, d.claims, d.params.PSKs.besides(d.list.psks)
	s.Send = []Outgoing{{Kind: OutgoingCommit, Message: pending.message}}
	return s
}

// compose makes the Commit once the tree is finished: proposals, and the path encrypted to the group. It also returns
// the committer's private state after the commit.
func (d *draft) compose(path *committerPath) (*framing.Commit, *treekem.PrivatePath, error) {
	commit := new(framing.Commit)
	for _, c := range d.list.all {
		entry := framing.ProposalOrRef{Proposal: c.proposal}
		if c.ref != nil {
			entry = framing.ProposalOrRef{Reference: c.ref}
		}
		commit.Proposals = append(commit.Proposals, entry)
	}
	if path == nil {
		return commit, d.base.Prune(d.tree), nil
	}
	leaf, _ := d.tree.Leaf(d.leaf)
	err := d.before.params.limitLeaf(d.leaf, leaf)
	if err != nil {
		return nil, nil, err
	}
	if commit.Path, err = path.Seal(d.rand, d.tree, d.encoded, d.added); err != nil {
		return nil, nil, err
	}
	d.describePath(leaf)
	return commit, path.PrivatePath(), nil
}

// sign makes the content (RFC 9420, Section 6.1).
func (d *draft) sign(commit *framing.Commit) (*framing.AuthenticatedContent, error) {
	content := &framing.FramedContent{
		Sender: d.committer, AuthenticatedData: d.params.AuthenticatedData,
		ContentType: framing.ContentTypeCommit, Commit: commit,
	}
	if d.framer == nil {
		return d.before.sign(d.rand, d.by, framing.WireFormatPublicMessage, content)
	}
	err := d.framer.sign(content)
	return d.framer.content, err
}

// nextEpoch runs the key schedule.
func (d *draft) nextEpoch(content *framing.AuthenticatedContent, path *committerPath) (*nextEpoch, error) {
	input, err := content.ConfirmedTranscriptHashInput()
	if err != nil {
		return nil, err
	}
	psk, err := pskSecret(d.before.suite, d.list.psks, pskSources(d.group, d.params.PSKs)...)
	if err != nil {
		return nil, err
	}
	secret := keyschedule.NoCommitSecret(d.before.suite)
	if path != nil {
		secret = path.CommitSecret()
	}
	return d.advance(advanceParams{init: d.init, commit: secret, psk: psk, input: input})
}

// protect frames the commit as Params.Handshake says. It returns the message and the secret tree after it.
func (d *draft) protect(content *framing.AuthenticatedContent) ([]byte, *keyschedule.SecretTree, error) {
	if d.framer == nil {
		message, err := d.before.marshalPublic(content, ciphersuite.Secret{})
		return message, nil, err
	}
	d.framer.content = content
	message, err := d.framer.frame()
	return message, d.framer.messages, err
}
