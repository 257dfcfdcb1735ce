package mls

// RFC 9420, Section 14: Sequencing of State Changes.

import (
	"bytes"

	"github.com/copse-mls/copse/framing"
)

// pendingCommit is a commit of the member's own that has not taken effect.
type pendingCommit struct {
	message  []byte // one MLSMessage, as it was sent
	next     *epochState
	welcomes []Outgoing
	change   *Change
}

// is reports whether a message is the pending commit.
func (p *pendingCommit) is(message []byte) bool { return p != nil && bytes.Equal(p.message, message) }

// Pending is the member's own commit that waits to take effect, to be sent again if need be, and what it will do.
func (g *Group) Pending() (message []byte, change *Change, ok bool) {
	if g.pending == nil {
		return nil, nil, false
	}
	return g.pending.message, g.pending.change, true
}

// Adopt lets the pending commit take effect: whoever orders the commits of the group has taken it. The Step holds the
// Welcome messages. Handle does the same when it sees the commit come back. It fails with ErrNotPending or ErrErased.
func (g *Group) Adopt() (*Step, error) {
	p := g.pending
	switch {
	case p == nil:
		return nil, ErrNotPending
	case p.next.secrets.InitSecret.Secret().IsZero(): // a Step that gave the commit up was let take effect
		return nil, ErrErased
	case g.status == StatusJoining:
		return g.adoptJoin(), nil
	}
	next := g.enter(*p.next)
	next.lastOwn = g.messageID(p.message)
	s := g.step(next)
	s.Send = p.welcomes
	s.Events = []Event{&EpochChanged{p.change}}
	next.end(s, p.change)
	return s, nil
}

// adoptJoin begins the membership of an external committer.
func (g *Group) adoptJoin() *Step {
	next := g.clone()
	next.lastOwn = g.messageID(g.pending.message)
	next.pending, next.status = nil, StatusActive
	s := g.step(next)
	s.Events = []Event{&EpochChanged{g.pending.change}}
	return s
}

// end makes the Group inactive when the commit held a ReInit (RFC 9420, Section 11.2). The secrets of the epoch that it
// led to are left to whoever made it.
func (g *Group) end(s *Step, change *Change) {
	if change.ReInit == nil {
		return
	}
	g.status, g.reInit = StatusReInitialized, change.ReInit
	g.epochState = g.closed()
	s.Events = append(s.Events, &ReInitialized{change, change.ReInit})
}

// Drop gives the pending commit up: another one won. Handle does the same when it sees the other one. It fails with
// ErrNotPending.
func (g *Group) Drop() (*Step, error) {
	if g.pending == nil {
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

// messageID is a short name for a message, to recognise it by.
func (p *public) messageID(message []byte) []byte { return p.suite.Hash(nil, message) }

// contentID names what a sender signed, without the signature, whose encoding some schemes leave open.
func (p *public) contentID(content *framing.FramedContent) ([]byte, error) {
	b, err := framing.Marshal(content)
	if err != nil {
		return nil, err
	}
	return p.suite.RefHash("Copse Content", b), nil
}
