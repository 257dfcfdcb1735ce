package mls

// RFC 9420, Section 12.4.1: Creating a Commit.

import (
	"crypto"
	"fmt"
	"io"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/treekem"
)

// CommitParams say what a commit covers. The zero value covers all waiting proposals that fit together.
type CommitParams struct {
	// Proposals go in by value. A PSK without a nonce gets one.
	Proposals []framing.Proposal
	// References names the waiting proposals to cover. Nil covers all that make a valid list, leaving out what RFC
	// 9420, Section 12.2 tells to leave out; an empty slice covers none.
	References []framing.ProposalRef
	// ForcePath renews the member's path even when the proposals need none. Otherwise a commit of nothing but Add, PSK
	// and ReInit has no path: in a tree of blank nodes that saves a ciphertext for each member.
	ForcePath bool
	// Leaf changes the member's own leaf, and so needs a path.
	Leaf LeafUpdate
	// PSKs are the secrets of PSKs that the covered proposals name and the Group does not know.
	PSKs PSKs
	// LeaveMissingPSKs leaves out waiting proposals of PSKs whose secret is neither known nor brought, if References is
	// nil; Step.Left names them. Without it the commit fails with a *MissingPSKError, for to leave out a PSK is to do
	// without what it proves.
	LeaveMissingPSKs bool
	// Now judges the lifetimes of added KeyPackages; it is needed when there are any.
	Now time.Time
	// AuthenticatedData goes along, signed but not encrypted.
	AuthenticatedData []byte
	// Padding of a PrivateMessage; the zero value means that of Params.
	Padding framing.Padding
	// Welcome says how new members are welcomed.
	Welcome WelcomeParams
}

// LeafUpdate says what changes in a member's own leaf beside its encryption key. What is zero stays.
type LeafUpdate struct {
	Credential   *framing.Credential
	Signer       crypto.Signer `json:"-" xml:"-"` // of a new signature key; it signs from the next epoch on
	Capabilities *framing.Capabilities
	Extensions   *framing.Extensions
}

// Format prints all but the signer, which may be a private key.
func (u LeafUpdate) Format(f fmt.State, verb rune) {
	type plain LeafUpdate // without this method
	u.Signer = nil
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), plain(u)) // fmt.State reports failures by its own means
}

func (u LeafUpdate) isZero() bool {
	return u.Credential == nil && u.Signer == nil && u.Capabilities == nil && u.Extensions == nil
}

// leaf is the changed copy of a leaf and who signs it.
func (u LeafUpdate) leaf(suite *ciphersuite.Suite, old *framing.LeafNode, by crypto.Signer) (framing.LeafNode, crypto.Signer, error) {
	leaf := *old
	if u.Credential != nil {
		leaf.Credential = *u.Credential
	}
	if u.Capabilities != nil {
		if err := checkOwnCapabilities(u.Capabilities); err != nil {
			return leaf, nil, err
		}
		leaf.Capabilities = *u.Capabilities
	}
	if u.Extensions != nil {
		leaf.Extensions = *u.Extensions
	}
	if u.Signer == nil {
		return leaf, by, nil
	}
	var err error
	leaf.SignatureKey, err = suite.PublicKeyOf(u.Signer)
	return leaf, u.Signer, err
}

// WelcomeParams say how a commit welcomes new members.
type WelcomeParams struct {
	// OmitTree leaves the ratchet tree out; it comes beside the message in Outgoing.RatchetTree. Worth it for large
	// groups, in which the tree weighs 255 bytes a member.
	OmitTree bool
	// Batch is how many new members share a Welcome; 0 means all.
	Batch int
	// Extensions go into the GroupInfo. Those of RFC 9420 are not among them.
	Extensions framing.Extensions
}

// Commit makes a commit of the member's own (RFC 9420, Section 12.4.1). Next holds it as pending and stays in the
// present epoch; Send has the commit; the Welcome comes from Adopt. Several candidates may be made from one Group: at
// most one of them will be adopted.
//
// A commit voids the member's own removal when that waits, for nobody commits that of itself; Step.Left then names it, to
// be proposed anew.
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
		var unfit []LeftProposal
		if list, unfit = g.fitting(list, &c, by); len(unfit) > 0 {
			left = append(left, unfit...)
			s, err = g.commitTo(list, &c, by)
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
}

// make goes from proposals to a pending commit. When that fails, nothing secret is left.
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

// newPath renews the committer's path (RFC 9420, Section 7.5). It returns nil when the commit takes none.
func (d *draft) newPath() (*committerPath, error) {
	if !d.list.needsPath(d.before.params) && !d.params.ForcePath && d.params.Leaf.isZero() {
		return nil, nil
	}
	leaf, signer, err := d.params.Leaf.leaf(d.before.suite, &d.template, d.by)
	if err != nil {
		return nil, err
	}
	if err := d.before.params.limitLeaf(d.leaf, &leaf); err != nil {
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

// complete goes from the committer's path, nil without one, to a pending commit.
func (d *draft) complete(path *committerPath) (*Step, error) {
	if err := d.finish(); err != nil {
		return nil, err
	}
	commit, private, err := d.compose(path)
	if err != nil {
		return nil, err
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
	d.change.AuthenticatedData = d.params.AuthenticatedData
	return d.step(&pendingCommit{message: message, next: &state, welcomes: welcomes, change: d.change}, messages), nil
}

// step returns the Step that holds the commit.
func (d *draft) step(pending *pendingCommit, messages *keyschedule.SecretTree) *Step {
	s := &Step{old: d.group, Change: d.change, Claims: d.claims}
	s.Send = []Outgoing{{Kind: OutgoingCommit, Message: pending.message}}
	if d.group == nil {
		s.Next = &Group{epochState: *pending.next, pending: pending, status: StatusJoining}
		return s
	}
	s.Next = d.group.clone()
	s.Next.messages, s.Next.pending = messages, pending
	return s
}

// compose puts the Commit together, once the tree is finished: proposals, and the path encrypted to the group. It
// returns the committer's private state after it, too.
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
	var err error
	if commit.Path, err = path.Seal(d.rand, d.tree, d.encoded, d.added); err != nil {
		return nil, nil, err
	}
	leaf, _ := d.tree.Leaf(d.leaf)
	d.describePath(leaf)
	return commit, path.PrivatePath(), nil
}

// sign makes the content (RFC 9420, Section 6.1).
func (d *draft) sign(commit *framing.Commit) (*framing.AuthenticatedContent, error) {
	format := framing.WireFormatPublicMessage
	if d.group != nil {
		format = d.before.params.Handshake.wireFormat()
	}
	return d.before.sign(d.rand, d.by, format, &framing.FramedContent{
		Sender: d.committer, AuthenticatedData: d.params.AuthenticatedData,
		ContentType: framing.ContentTypeCommit, Commit: commit,
	})
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

// protect frames the commit as the group's policy says. It returns the message and the secret tree after it.
func (d *draft) protect(content *framing.AuthenticatedContent) ([]byte, *keyschedule.SecretTree, error) {
	if d.group == nil {
		message, err := marshalPublic(content, d.before.suite, ciphersuite.Secret{})
		return message, nil, err
	}
	return d.group.frame(content, d.rand, d.params.Padding)
}
