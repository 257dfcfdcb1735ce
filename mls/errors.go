package mls

import (
	"errors"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
)

// RuleError says which rule of the validation ledger an object breaks, and which leaf. docs/validation.md lists the rules;
// "copse rules ID" says what to do when one fires.
type RuleError = framing.RuleError

// SyntaxError says that bytes are not an encoding of the structure that was expected. Drop the message.
type SyntaxError = framing.SyntaxError

// Errors that a caller branches on. A failing call leaves the Group as it was.
var (
	// ErrWrongGroup says that a message is for another group: Peek tells which.
	ErrWrongGroup = errors.New("mls: message is for another group")
	// ErrOldEpoch says that a message is from an epoch that is over or no longer kept: drop it.
	ErrOldEpoch = errors.New("mls: message is from an epoch that is over")
	// ErrFutureEpoch says that the message is from an epoch that this Group has not reached: keep it and handle it
	// again after the commits before it. When those never come, rejoin.
	ErrFutureEpoch = errors.New("mls: message is from a future epoch")
	// ErrReplay says that the key of this message was used or deleted: it is a repeat or much too late. Drop it.
	ErrReplay = errors.New("mls: message was handled before or came too late")
	// ErrOwnMessage says that the message is the member's own and this Group does not know it: a copy of a message sent
	// earlier. Drop it, unless it is ErrOwnCommit.
	ErrOwnMessage = errors.New("mls: message is the member's own")
	// ErrOwnCommit says that the message is a commit of the member's own for the present epoch, and not the pending one: it was
	// dropped, or made by a Group that is lost. Nobody but the Group that made it can follow it. If the delivery service
	// accepted it, rejoin by JoinExternal with Resync; else drop it. In a PrivateMessage, whose own key is gone, only the
	// sender's index says whose it is, and any member can write that. It is an ErrOwnMessage, too.
	ErrOwnCommit = fmt.Errorf("%w: a commit that is not pending here; rejoin if others took it", ErrOwnMessage)
	// ErrUnexpectedMessage says that the called function does not take this kind of message.
	ErrUnexpectedMessage = errors.New("mls: unexpected kind of message")
	// ErrPending says that a commit is pending: Adopt it or Drop it first.
	ErrPending = errors.New("mls: a commit is pending")
	// ErrNotPending says that there is no pending commit.
	ErrNotPending = errors.New("mls: no commit is pending")
	// ErrPendingProposals says that proposals were seen in this epoch: commit them before sending data (RFC 9420,
	// Section 12.4).
	ErrPendingProposals = errors.New("mls: proposals wait for a commit")
	// ErrInactive says that the Group is over for this member. The *InactiveError around it says why.
	ErrInactive = errors.New("mls: group is inactive")
	// ErrSigner says that the signer is nil, of another suite, or not the one of the member's leaf.
	ErrSigner = ciphersuite.ErrSigner
	// ErrErased says that the Group was replaced and its secrets erased: use the one that replaced it.
	ErrErased = keyschedule.ErrErased
	// ErrSafeAAD says that the AuthenticatedData given is no framing.SafeAAD, or holds a ComponentGeneration of its own, though
	// Params.SignGenerations puts one there.
	ErrSafeAAD = errors.New("mls: beside a signed generation, AuthenticatedData has to be empty or a SafeAAD without ComponentGeneration")
	// ErrNoTime says that a lifetime has to be checked and no time was given.
	ErrNoTime = errors.New("mls: the present time is needed to check a lifetime")
	// ErrTooManyProposals says that the epoch already holds as many proposals as Params allow, in number or in bytes: commit
	// them. To follow a commit that covers one which was refused, load the Group with a higher limit and handle both again.
	ErrTooManyProposals = errors.New("mls: too many proposals in this epoch")
	// ErrNoProposal says that a proposal given by the caller is nil, or an Add without a KeyPackage.
	ErrNoProposal = errors.New("mls: proposal is nil or an Add of nothing")
	// ErrOwnRemoval says that a commit would cover nothing while the removal of the member itself waits: it would make
	// the removal void, which only another member can commit. Wait for that, and propose it again in each epoch.
	ErrOwnRemoval = errors.New("mls: only another member can commit the removal of this one")
	// ErrUsedKeyPackage says that a Welcome is for a KeyPackage whose private part was used and deleted. The client joined by
	// it before: drop it. Or somebody added the client with that KeyPackage once more: it has a leaf that it cannot use, and
	// comes in by JoinExternal with ResyncKey, or by a Welcome for a fresh KeyPackage.
	ErrUsedKeyPackage = errors.New("mls: welcome is for a KeyPackage that was used")
	// ErrNotMember says that no member has the signature key of JoinExternalParams.ResyncKey.
	ErrNotMember = errors.New("mls: no member has this signature key")
	// ErrForked says that an authentic GroupInfo describes another state of the present epoch: members followed
	// different commits. Those who followed the one that the delivery service did not take have to rejoin.
	ErrForked = errors.New("mls: the group has another state in this epoch")
	// ErrBeforeMembership says that a commit uses a resumption PSK of an epoch in which this member was not in the group. No
	// other member may give it away, so that this one cannot follow: rejoin by JoinExternal with Resync. It comes together with
	// a *MissingPSKError: a member that was there in that epoch, with a Group that is over since, calls again with that
	// Group's ResumptionPSKs. So look for this error first.
	ErrBeforeMembership = errors.New("mls: commit needs a resumption PSK from before this member came")
	// ErrNoTree says that the ratchet tree is neither in the message nor in the parameters.
	ErrNoTree = errors.New("mls: no ratchet tree in the message or beside it")
	// ErrSuccessor says that a Welcome belongs to a reinitialized or branched group, and has to be joined with the
	// old group as JoinParams.Successor.
	ErrSuccessor = errors.New("mls: welcome to a successor group needs the old group")
)

// MissingPSKError lists the pre-shared keys that a commit or Welcome needs and neither the Group nor the caller has.
// Handle the message again with their secrets.
type MissingPSKError struct {
	IDs []framing.PreSharedKeyID
}

func (e *MissingPSKError) Error() string {
	return fmt.Sprintf("mls: %d pre-shared keys are missing", len(e.IDs))
}

// MissingProposalError lists the proposals that a commit, or the caller, refers to and this Group has not seen in this epoch.
// Handle them, then the commit again. When one of them is the member's own (ErrOwnMessage, or an Echo that changes nothing), the Group is an old
// copy, without the proposal's secrets: rejoin by JoinExternal with Resync.
type MissingProposalError struct {
	Refs []framing.ProposalRef
}

func (e *MissingProposalError) Error() string {
	return fmt.Sprintf("mls: %d proposals are unknown", len(e.Refs))
}

func fail(rule string, leaf framing.LeafIndex, format string, args ...any) error {
	return &RuleError{Rule: rule, Leaf: leaf, Detail: fmt.Sprintf(format, args...)}
}

func failWith(err error, rule string, leaf framing.LeafIndex, detail string) error {
	return &RuleError{Rule: rule, Leaf: leaf, Detail: detail, Err: err}
}

// atLeaf returns err with i as the leaf at which a rule was broken.
func atLeaf(err error, i framing.LeafIndex) error {
	var broken *RuleError
	if !errors.As(err, &broken) {
		return err
	}
	return &RuleError{Rule: broken.Rule, Leaf: i, Detail: broken.Detail, Err: broken.Err}
}
