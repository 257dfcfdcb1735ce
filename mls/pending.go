package mls

// RFC 9420, Section 14: Sequencing of State Changes.

import (
	"crypto"

	"github.com/copse-mls/copse/framing"
)

// PendingCommit is a commit of the member's own that waits to take effect, and what goes with it.
type PendingCommit struct {
	Commit   []byte     // one MLSMessage, as it was sent; it may be sent again
	Welcomes []Outgoing // for the new members, once the commit was accepted
	Change   *Change    // what it will do

	next *epochState
}

// Pending returns the member's own commit that waits to take effect, or nil when there is none. A delivery service that
// orders commits may be given the commit, the Welcomes and a GroupInfo of the next epoch at once, if it hands out the
// latter two only when it accepts the commit (RFC 9420, Section 14). Otherwise send the Welcomes after Adopt.
func (g *Group) Pending() *PendingCommit {
	if g.pending == nil {
		return nil
	}
	return &PendingCommit{g.pending.message, g.pending.welcomes, g.pending.change, g.pending.next}
}

// GroupInfo returns a GroupInfo of the epoch that the commit leads to, as Group.GroupInfo does of the present one. by is
// the signer that the member has in that epoch. It fails as Group.GroupInfo does.
func (c *PendingCommit) GroupInfo(p GroupInfoParams, by crypto.Signer) ([]byte, error) {
	return (&Group{groupState: groupState{epochState: *c.next}}).GroupInfo(p, by)
}

// Adopt lets the pending commit take effect. Call it when whoever orders the commits of the group has accepted this one.
// The Step holds the Welcome messages. Handle does the same when the commit comes back. It fails with ErrNotPending or
// ErrErased.
func (g *Group) Adopt() (*Step, error) {
	p := g.pending
	switch {
	case g.isErased():
		return nil, ErrErased
	case p == nil:
		return nil, ErrNotPending
	case p.next.secrets.InitSecret.Secret().IsZero(): // a Step that dropped the commit has taken effect
		return nil, ErrErased
	case g.status == StatusJoining:
		return g.adoptJoin(), nil
	}
	next := g.inEpoch(*p.next, p.change)
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
// over (RFC 9420, Section 11.2). The secrets of the epoch that the commit led to are erased by whoever made them.
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

// Drop discards the pending commit. Call it when another one was accepted; Handle does the same when it handles the other
// one. It fails with ErrNotPending or ErrErased.
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

// messageID returns a hash that identifies a message.
func (p *public) messageID(message []byte) []byte { return p.suite.Hash(nil, message) }

// contentID returns a hash of what a sender signed. It leaves out the signature, which some schemes can encode in
// several ways.
func (p *public) contentID(content *framing.FramedContent) ([]byte, error) {
	b, err := framing.Marshal(content)
	if err != nil {
		return nil, err
	}
	return p.suite.RefHash("Copse Content", b), nil
}
