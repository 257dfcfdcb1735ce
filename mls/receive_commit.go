package mls

// RFC 9420, Section 12.4.2: Processing a Commit.

import (
	"bytes"
	"crypto/subtle"
	"errors"
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/treekem"
)

// receiveCommit applies the commit of another member or a newcomer.
func (g *Group) receiveCommit(content *framing.AuthenticatedContent, in Input, messages *keyschedule.SecretTree) (*Step, error) {
	c := content.Content()
	if c.Sender == g.self() {
		return nil, ErrOwnCommit
	}
	t, err := g.beginReceived(content, g.proposals, in)
	if err != nil {
		return nil, err
	}
	current := g.clone()
	current.messages = messages
	if t.removesLeaf(g.OwnLeaf()) {
		return g.removed(current, t), nil
	}
	r := &receiver{group: g, transition: t, content: content, psks: in.PSKs}
	state, err := r.nextState()
	if err != nil {
		return nil, err
	}
	s := g.stepInto(current.inEpoch(*state, t.change), t.change)
	s.Claims, s.Lifetimes = t.claims, t.lifetimes
	if s.Next.status != StatusActive {
		state.eraseUnused(r.base)
	}
	return s, nil
}

// beginReceived resolves, validates and applies what a received commit covers, and merges its path: everything that needs
// no secrets.
func (p *public) beginReceived(content *framing.AuthenticatedContent, known proposalStore, in Input) (*transition, error) {
	c := content.Content()
	list, err := resolve(c.Commit, c.Sender, known)
	if err != nil {
		return nil, err
	}
	if c.Sender.SenderType == framing.SenderTypeNewMemberCommit {
		if err := p.params.ExternalCommits.checkCommit(list); err != nil {
			return nil, err
		}
	}
	t, err := p.begin(beginParams{committer: c.Sender, list: list, now: in.Now})
	if err != nil {
		return nil, err
	}
	t.change.AuthenticatedData = c.AuthenticatedData
	if err := t.receivePath(c.Commit.Path); err != nil {
		return nil, err
	}
	return t, t.finish()
}

// checkCommit checks an external commit against the member's policy (V-EJ-08).
func (p ExternalCommitPolicy) checkCommit(l *proposalList) error {
	switch {
	case p == ExternalCommitsForbidden,
		p == ExternalCommitsNoResync && len(l.removes) > 0,
		p == ExternalCommitsPSK && len(l.psks) == 0:
		return fail("V-EJ-08", framing.NoLeaf, "policy refuses the external commit")
	}
	return nil
}

// resolve finds the proposals that a commit covers (RFC 9420, Section 12.4). It fails with a *MissingProposalError.
func resolve(c *framing.Commit, committer framing.Sender, known proposalStore) (*proposalList, error) {
	var missing []framing.ProposalRef
	all := make([]covered, 0, len(c.Proposals))
	for _, p := range c.Proposals {
		if p.Proposal != nil {
			all = append(all, covered{proposal: p.Proposal, sender: committer})
			continue
		}
		if stored := known.find(p.Reference); stored != nil {
			all = append(all, coveredRef(stored))
		} else {
			missing = append(missing, p.Reference)
		}
	}
	if len(missing) > 0 {
		return nil, &MissingProposalError{missing}
	}
	return newProposalList(all), nil
}

func (t *transition) removesLeaf(i framing.LeafIndex) bool {
	return slices.Contains(t.list.removedLeaves(), i)
}

// removed returns the Step of a member that a commit removes. Of its secrets, only those to read late messages stay.
func (g *Group) removed(current *Group, t *transition) *Step {
	next := current.inEpoch(epochState{public: g.public, private: noKeys(g.suite, g.OwnLeaf())}, t.change)
	next.resumption = nil
	next.status = StatusRemoved
	s := g.step(next)
	s.Change, s.Events = t.change, []Event{&Removed{t.change}}
	return s
}

// receiver is the state of receiving a commit.
type receiver struct {
	*transition
	group   *Group
	content *framing.AuthenticatedContent
	psks    PSKs
	base    *treekem.PrivatePath // what the path is applied to; the Group holds its keys
}

// nextState runs the secret part of a commit and compares the confirmation tag.
func (r *receiver) nextState() (*epochState, error) {
	psk, err := pskSecret(r.before.suite, r.list.psks, r.psks, r.group.ResumptionPSKs())
	if err != nil {
		return nil, r.group.beforeMembership(err)
	}
	init, err := r.initSecret()
	if err != nil {
		return nil, err
	}
	if r.external() {
		defer init.Erase() // the present epoch's own init secret stays until the epoch is over
	}
	private, commit, err := r.privatePath()
	if err != nil {
		return nil, err
	}
	input, err := r.content.ConfirmedTranscriptHashInput()
	if err != nil {
		return nil, err
	}
	next, err := r.advance(advanceParams{init: init, commit: commit, psk: psk, input: input})
	if err != nil {
		return nil, err
	}
	state, err := next.begun(private)
	if err != nil {
		return nil, err
	}
	if subtle.ConstantTimeCompare(next.tag, r.content.Auth().ConfirmationTag) != 1 {
		state.eraseUnused(r.base)
		return nil, fail("V-CM-14", r.leaf, "confirmation tag does not match: the committer sees another group")
	}
	return &state, nil
}

// beforeMembership returns ErrBeforeMembership around the error for a missing PSK that the member cannot find: the resumption
// PSK of an epoch of the group in which it was not there.
func (g *Group) beforeMembership(err error) error {
	var missing *MissingPSKError
	if !errors.As(err, &missing) {
		return err
	}
	for _, id := range missing.IDs {
		if id.PSKType == framing.PSKTypeResumption && bytes.Equal(id.PSKGroupID, g.GroupID()) && id.PSKEpoch < g.arrivals.own {
			return errors.Join(ErrBeforeMembership, missing) // which says which ones, for whoever was there with another Group
		}
	}
	return err
}

// initSecret returns what the next epoch starts from: the present epoch's, or what a newcomer sent (RFC 9420, Section 8.3).
func (r *receiver) initSecret() (keyschedule.InitSecret, error) {
	if !r.external() {
		return r.group.secrets.InitSecret, nil
	}
	init, err := r.group.secrets.ReceiveExternalInit(r.list.external[0].KEMOutput)
	if err != nil {
		return init, failWith(err, "V-PR-13", framing.NoLeaf, "KEM output of ExternalInit")
	}
	return init, nil
}

// privatePath returns the member's private state after the commit, and the commit secret.
func (r *receiver) privatePath() (*treekem.PrivatePath, ciphersuite.Secret, error) {
	var err error
	if r.base, err = r.committedUpdate(); err != nil {
		return nil, ciphersuite.Secret{}, err
	}
	path := r.content.Content().Commit.Path
	if path == nil {
		return r.base.Prune(r.tree), keyschedule.NoCommitSecret(r.before.suite), nil
	}
	return r.base.Decapsulate(treekem.DecapsulateParams{
		Tree: r.tree, Sender: r.leaf, Path: path, Added: r.added, GroupContext: r.encoded})
}

// committedUpdate returns the private state with the leaf key of the member's own Update, when the commit covers one
// (V-CM-19).
func (r *receiver) committedUpdate() (*treekem.PrivatePath, error) {
	g := r.group
	for _, c := range r.list.all {
		if c.proposal.ProposalType() != framing.ProposalTypeUpdate || c.sender != g.self() {
			continue
		}
		stored := g.proposals.find(c.ref)
		if stored == nil || stored.leafKey.Private.IsZero() {
			return nil, fail("V-CM-19", g.OwnLeaf(), "private key of the member's own Update is gone")
		}
		return g.private.WithLeafKey(stored.leafKey), nil
	}
	return g.private, nil
}
