package mls

// RFC 9420, Section 9.2: Deletion Schedule.

import (
	"slices"

	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/treekem"
)

// Erase overwrites the secrets that the old Group has and Next does not. From then on every transition of the old Group
// fails with ErrErased. Call it when Next is stored and no other call on the old Group is under way. It does nothing for
// a Step that made a new Group, unless After says which one that follows.
//
// Secrets are erased when RFC 9420, Section 9.2 says so: message keys once used, an epoch's secrets when the next one
// begins, private keys when others replace them. Of a past epoch remains what it takes to read late messages of others.
// Go cannot promise that no copy is left: the runtime may have moved memory, the standard library's ciphers keep key
// schedules until they are collected, and swap and core dumps are out of reach. The storage has to delete what was
// written to it.
func (s *Step) Erase() {
	if s.old != nil && s.old != s.Next {
		s.old.eraseExcept(s.Next)
	}
}

// EraseAll overwrites every secret of the Group, which must not be used any more.
func (g *Group) EraseAll() { g.eraseExcept(new(Group)) }

// Forget drops what is kept of past epochs, except the newest keep of them: for a client that reads late messages for a
// limited time only, whether or not there are commits (RFC 9420, Section 15.3). Messages from those epochs then fail with
// ErrOldEpoch, and so does a Welcome to a branch of one. Their resumption PSKs stay, as Params.ResumptionEpochs says.
// Step.Erase overwrites the keys.
func (g *Group) Forget(keep int) *Step {
	keep = max(keep, 0)
	if keep >= len(g.past) {
		return g.step(g)
	}
	next := g.clone()
	next.past = g.past[:keep]
	return g.step(next)
}

// eraseExcept overwrites the secrets of g that next does not share.
func (g *Group) eraseExcept(next *Group) {
	g.erased.Store(true)
	if g.pending != next.pending && g.pending != nil {
		g.pending.next.eraseExcept(next)
	}
	if !next.proposals.extends(g.proposals.proposalChain) {
		for _, p := range g.proposals.all() {
			if !next.holdsLeafKey(p) {
				p.leafKey.Private.Erase()
			}
		}
	}
	g.epochState.eraseExcept(next)
	for _, p := range g.past {
		p.eraseExcept(next)
	}
	for _, r := range g.resumption {
		if !slices.Contains(next.resumption, r) {
			r.secret.Erase()
		}
	}
	if g.successor != nil && g.successor != next.successor {
		g.successor.psk.Erase()
	}
}

// holdsLeafKey reports whether the Group has the leaf key of an own Update: waiting with it, or in its tree.
func (g *Group) holdsLeafKey(p *storedProposal) bool {
	if kept := g.proposals.find(p.ref); kept != nil && kept.leafKey.Private == p.leafKey.Private {
		return true
	}
	if g.private == nil {
		return false
	}
	for _, pair := range g.private.Keys() {
		return pair.Private == p.leafKey.Private // the first pair is the leaf's
	}
	return false
}

// closed returns what is kept of an epoch in which nobody sends any more: own copies of what links a successor group to
// it, and of what its members compare.
func (e *epochState) closed() epochState {
	return epochState{public: e.public, private: noKeys(e.suite, e.private.Leaf()), secrets: &keyschedule.EpochSecrets{
		Suite: e.suite, ResumptionPSK: e.secrets.ResumptionPSK.Clone(), EpochAuthenticator: e.secrets.EpochAuthenticator.Clone()}}
}

// eraseUnused overwrites an epoch that never began, except the private keys that it shares with before, which may be nil.
func (e *epochState) eraseUnused(before *treekem.PrivatePath) {
	e.secrets.Erase()
	e.messages.EraseExcept(nil)
	e.private.EraseReplaced(before)
}

// eraseExcept overwrites what an epoch holds beyond what next keeps of it.
func (e *epochState) eraseExcept(next *Group) {
	if e.messages != nil && e.messages != next.messages {
		if keep := next.pastOf(e.public); keep != nil {
			e.messages.EraseExcept(keep.messages)
		} else if next.public == e.public {
			e.messages.EraseExcept(next.messages)
		} else {
			e.messages.EraseExcept(nil)
		}
	}
	if e.private != nil && e.private != next.private {
		e.private.EraseReplaced(next.private)
	}
	if e.secrets == nil || e.secrets == next.secrets {
		return
	}
	e.secrets.EraseEnded()
	if next.pastOf(e.public) == nil {
		e.secrets.SenderDataSecret.Erase()
	}
	kept := func(r resumptionPSK) bool { return r.secret == e.secrets.ResumptionPSK }
	if !slices.ContainsFunc(next.resumption, kept) {
		e.secrets.ResumptionPSK.Erase()
	}
}

func (p *pastEpoch) eraseExcept(next *Group) {
	switch keep := next.pastOf(p.public); {
	case keep == nil:
		p.messages.EraseExcept(nil)
		p.senderData.Erase()
	default:
		p.messages.EraseExcept(keep.messages)
	}
}

// pastOf returns what the Group keeps of a past epoch, nil when nothing.
func (g *Group) pastOf(epoch *public) *pastEpoch {
	for _, p := range g.past {
		if p.public == epoch {
			return p
		}
	}
	return nil
}
