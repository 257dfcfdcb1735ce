package mls

// RFC 9420, Section 14: Sequencing of State Changes.

import (
	"crypto"

	"github.com/copse-mls/copse/framing"
)

// PendingCommit is a commit of the member's own that waits to take effect, and what goes with it.
type PendingCommit struct {
	Commit   []byte     // one MLSMessage, as it was sent; to be sent again if need be
	Welcomes []Outgoing // for the new members, once the commit has been taken
	Change   *Change    // what it will do

	next *epochState
}

// Pending returns the member's own commit that waits to take effect, and nil when there is none. A delivery service that
// orders commits may be given the commit, the Welcomes and a GroupInfo of the next epoch at once, if it hands out the
// latter two only when it takes the first (RFC 9420, Section 14). Otherwise the Welcomes are for after Adopt.
func (g *Group) Pending() *PendingCommit {
	if g.pending == nil {
		return nil
	}
	return &PendingCommit{g.pending.message, g.pending.welcomes, g.pending.change, g.pending.next}
}

// GroupInfo describes the epoch to which the commit leads, as Group.GroupInfo describes the present one. The signer is the
// one that the member has in that epoch. It fails as Group.GroupInfo does.
func (c *PendingCommit) GroupInfo(p GroupInfoParams, by crypto.Signer) ([]byte, error) {
	return (&Group{epochState: *c.next}).GroupInfo(p, by)
}

// Adopt lets the pending commit take effect: whoever orders the commits of the group has taken it. The Step holds the
// Welcome messages. Handle does the same when it sees the commit come back. It fails with ErrNotPending or ErrErased.
func (g *Group) Adopt() (*Step, error) {
	p := g.pending
	switch {
	case g.isErased():
		return nil, ErrErased
	case p == nil:
		return nil, ErrNotPending
	case p.next.secrets.InitSecret.Secret().IsZero(): // a Step that gave the commit up was let take effect
		return nil, ErrErased
	case g.status == StatusJoining:
		return g.adoptJoin(), nil
	}
	next := g.inEpoch(*p.next)
	next.lastOwn = g.messageID(p.message)
	s := g.stepInto(next, p.change)
	s.Send = p.welcomes
	return s, nil
}

// adoptJoin begins the membership of an external committer.
func (g *Group) adoptJoin() *Step {
	next := g.clone()
	next.lastOwn = g.messageID(g.pending.message)
	next.pending, next.status = nil, StatusActive
	return g.stepInto(next, g.pending.change)
}

// stepInto returns the Step of a member whose group moved to next by a commit. When that held a ReInit, the group is
// over (RFC 9420, Section 11.2); the secrets of the epoch that it led to are left to whoever made it.
func (g *Group) stepInto(next *Group, change *Change) *Step {
	events := []Event{&EpochChanged{change}}
	if change.ReInit != nil {
		over := next.clone()
		over.status, over.reInit = StatusReInitialized, change.ReInit
		over.epochState = next.closed()
		next, events = over, append(events, &ReInitialized{change, change.ReInit})
	}
	s := g.step(next)
	s.Change, s.Events = change, events
	return s
}

// Drop gives the pending commit up: another one won. Handle does the same when it sees the other one. It fails with
// ErrNotPending or ErrErased.
func (g *Group) Drop() (*Step, error) {
	switch {
	case g.isErased():
		return nil, ErrErased
	case g.pending == nil:
		return nil, ErrNotPending
	}
	next := g.clone()
	next.pending = nil
	if g.status == StatusJoining {
		next.epochState = epochState{public: g.public, private: noKeys(g.suite, g.OwnLeaf())}
		next.status = StatusAbandoned
	}
	return g.step(next), nil
}

// messageID returns a short name for a message, to recognize it by.
func (p *public) messageID(message []byte) []byte { return p.suite.Hash(nil, message) }

// contentID names what a sender signed, without the signature, whose encoding some schemes leave open.
func (p *public) contentID(content *framing.FramedContent) ([]byte, error) {
	b, err := framing.Marshal(content)
	if err != nil {
		return nil, err
	}
	return p.suite.RefHash("Copse Content", b), nil
}
