package mls

import (
	"bytes"

	"github.com/copse-mls/copse/framing"
)

// Event is something that happened in a transition: *ApplicationMessage, *ProposalReceived, *EpochChanged, *Echo, *Removed
// or *ReInitialized.
type Event interface{ isEvent() }

// ApplicationMessage is data from a member, decrypted and authenticated (RFC 9420, Section 15).
type ApplicationMessage struct {
	Epoch             framing.Epoch
	Sender            framing.LeafIndex
	Leaf              *framing.LeafNode // the sender's, in that epoch
	Data              []byte
	AuthenticatedData []byte
	Generation        framing.Generation
	// ContentID identifies what the sender signed. The generation is not signed, unless Params.SignGenerations says so: a member
	// can encrypt another member's signed content again, under a new generation, and then the same ContentID appears again. A
	// sender that means to send equal data twice has to give it different AuthenticatedData.
	ContentID []byte
}

// ProposalReceived is a proposal that is valid by itself and now waits for a commit, unless it is Declined.
type ProposalReceived struct {
	Ref               framing.ProposalRef
	Sender            framing.Sender
	From              Identity // the sender's, in this epoch
	Proposal          framing.Proposal
	AuthenticatedData []byte
	Again             bool // whether it is known already, so that nothing has changed
	Declined          bool // whether it does not wait: Params.NewcomerProposals or Group.Decline said so
}

// EpochChanged says that a commit took effect, and what it changed.
type EpochChanged struct{ Change *Change }

// Echo says that a message of this member came back, and that nothing is to be done about it. ContentID is nil for a
// PrivateMessage that can no longer be read: that it is this member's own is then only a claim of some member.
type Echo struct{ ContentID []byte }

// Removed says that a commit removed this member.
type Removed struct{ Change *Change }

// ReInitialized says that a commit ended the group in favour of a successor (RFC 9420, Section 11.2).
type ReInitialized struct {
	Change *Change
	ReInit *framing.ReInit
}

func (*ApplicationMessage) isEvent() {}
func (*ProposalReceived) isEvent()   {}
func (*EpochChanged) isEvent()       {}
func (*Echo) isEvent()               {}
func (*Removed) isEvent()            {}
func (*ReInitialized) isEvent()      {}

// Change is what a commit does to a group, for the caller to inspect before it lets a Step take effect.
type Change struct {
	Epoch             framing.Epoch // the new one
	Committer         framing.Sender
	CommitterLeaf     framing.LeafIndex // a newcomer's is the one it gets
	Own               bool              // whether this member or newcomer made the commit
	AuthenticatedData []byte
	Path              bool // whether the committer renewed its path
	Proposals         []CommittedProposal
	Added             []LeafChange // New set; an external committer is among them
	Removed           []LeafChange // Old set
	Updated           []LeafChange // both set; the committer is among them when there is a path
	OldExtensions     framing.Extensions
	NewExtensions     framing.Extensions
	PSKs              []framing.PreSharedKeyID
	ReInit            *framing.ReInit // nil unless the commit ends the group
}

// CommittedProposal is a proposal that a commit covers, or that waits for one.
type CommittedProposal struct {
	Proposal framing.Proposal
	Sender   framing.Sender
	From     Identity            // the sender's, before the commit
	Ref      framing.ProposalRef // nil when by value
}

// LeftProposal is a waiting proposal that a commit did not cover, and why.
type LeftProposal struct {
	Ref    framing.ProposalRef
	Reason string
}

// LeafChange is what a commit changes at one leaf.
type LeafChange struct {
	Leaf framing.LeafIndex
	Old  *framing.LeafNode
	New  *framing.LeafNode
}

// extensionsKept reports whether the group context keeps its extensions unchanged.
func (c *Change) extensionsKept() bool {
	if len(c.OldExtensions) != len(c.NewExtensions) {
		return false
	}
	for i, x := range c.OldExtensions {
		if y := c.NewExtensions[i]; x.Type != y.Type || !bytes.Equal(x.Data, y.Data) {
			return false
		}
	}
	return true
}
