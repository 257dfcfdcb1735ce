// Package mls runs groups of the Messaging Layer Security protocol (RFC 9420). [Create] makes a group, [Group.Commit]
// changes it, others come in by [Join] or [JoinExternal], [Group.Protect] encrypts what a member says, and [Group.Handle]
// takes every message of the group, whoever sent it and of whatever kind.
//
// Newcomers make KeyPackages by [NewKeyPackage], and directories check them by [VerifyKeyPackage]. [Group.Propose] and
// [Group.ProposeUpdate] ask for a change that another member commits. [Group.Export] derives keys for other uses.
// [Observe] follows a group from outside. [Peek] says which group a message is for.
//
// # The contract
//
// A [Group] never changes. A transition returns a [Step], of which nothing has happened yet. It takes effect like this:
//
//	step, err := group.Handle(mls.Input{Message: message, Now: now}) // or any other transition
//	if err != nil || !answered(step.Claims) { // by the authentication service
//		return // group is unchanged
//	}
//	err = step.After(group) // matters when Join or JoinExternal began anew in a group that is stored; group may be nil
//	records, err := step.Next.Records(group)
//	err = db.Transaction(func(tx Tx) { // all of this or nothing
//		tx.Replace(group.Version(), step.Next.Version()) // or fail: another Step was first
//		tx.Put(records, step.Send, step.Events, id) // the group, an outbox, an inbox, and which message was handled
//		tx.DeleteKeyPackage(step.Used)              // its private part, unless it is one of last resort
//	})
//	if err != nil {
//		return // Load group again: it may have been written all the same
//	}
//	step.Erase()
//	group = step.Next
//	acknowledge(id) // the delivery service need not keep the message any longer
//	db.Send()       // from the outbox, and remove what the delivery service has taken
//	db.Deliver()    // from the inbox, and remove what the application has taken
//
// A policy about who may do what looks at Step.Change and at the [Change] of events before the transaction. After a crash,
// [Load] the records and go on with outbox and inbox. A client that stores nothing leaves out the transaction and nothing
// else. Then
//
//   - no crash loses anything: what was handled is in the inbox, what was made is in the outbox, and what was not handled is
//     not acknowledged. Whatever is not in the transaction can be lost in a crash;
//   - no key is used twice, for no message leaves before its key is stored as used, and only one Step of each Group is;
//   - messages are sent at least once, and a copy does no harm: see [Outgoing];
//   - events are delivered at least once, and exactly once if the application's effect and the removal from the inbox are
//     one transaction;
//   - a commit whose fate is open is in [Group.Pending] after a restart, too.
//
// A transition that fails changes nothing, and the genuine message still works. A Group is safe for concurrent use, and no
// two calls on it, or on Groups of the same epoch that came from it, use the same message key. But of two Steps from one Group
// only one can take effect: keep a lock from the transition to the new Group, or write on condition of [Group.Version]. Only
// that keeps keys apart when one commit is handled twice, two equal candidates are adopted, one Welcome is joined twice or one
// record is loaded twice: each time, two Groups begin with the same keys and do not know of each other. [Load] finds old
// records among newer ones; an old copy as a whole, only by LoadParams.Version.
//
// # Races
//
// Somebody, usually the delivery service, says which of several commits for one epoch counts (RFC 9420, Section 14). So
// Next holds an own commit as pending. Then
//
//   - it was taken: [Group.Adopt] it, or Handle it when it comes back. Now the Welcome is to be sent;
//   - another was taken: Handle that one, which gives the pending one up. Do what it was to do again in the new epoch;
//     read Group.Pending before;
//   - it was refused, and no other taken: [Group.Drop] it. A refused copy says nothing: the first may have been taken.
//
// Never adopt a commit only because it was sent: two members who do so are in two groups from then on. [Group.Matches]
// and [Group.EpochAuthenticator] show such a fork.
//
// A member that knows of proposals may not send data until they are committed. A Commit covers all that make a valid list;
// Step.Left names the others. Data of past epochs is read as Params.PastEpochs says, and until [Group.Forget].
//
// # Errors, and what to do
//
// Errors are for [errors.Is] and [errors.As]. All leave the Group as it was, and none holds key material.
//
//	ErrWrongGroup          Peek at the message: it names its group
//	ErrOldEpoch            drop the message; if it is the own commit, another one won
//	ErrFutureEpoch         keep the message, and handle it after the commits that are on their way; if they never come,
//	                       rejoin by JoinExternal with Resync
//	ErrReplay              drop the message: it was handled, or is much too late
//	ErrOwnMessage          drop the message: an own one that this Group knows nothing of
//	ErrOwnCommit           the own commit is not pending here, for it was dropped or made by a Group that is lost: if others took
//	                       it, rejoin by JoinExternal with Resync
//	*MissingProposalError  fetch and handle the proposals, then the commit again; if one is an own one that was lost, rejoin
//	                       by JoinExternal with Resync
//	*MissingPSKError       find the keys, then call again with them; or commit with LeaveMissingPSKs; if they are resumption PSKs
//	                       that are erased (Params.ResumptionEpochs), rejoin by JoinExternal with Resync
//	ErrBeforeMembership    the others went on with a PSK that this member cannot have: rejoin by JoinExternal with Resync
//	ErrPendingProposals    wait for a commit, or commit, then send, or Decline what must not be; a leave of one's own is void
//	                       then, and is proposed anew in each epoch until it holds
//	ErrOwnRemoval          only another member can commit the own leave: wait for it
//	ErrTooManyProposals    commit what waits. When somebody commits what was refused, load the Group with higher Params, and
//	                       handle the proposal, then the commit
//	ErrPending             Adopt or Drop the pending commit; while joining: wait for the delivery service
//	ErrInactive            the group is over for this member: *InactiveError says why. Keep it for late messages, then
//	                       EraseAll; after a ReInit, join or create the successor
//	ErrErased              use the Group that replaced this one
//	ErrSafeAAD             give AuthenticatedData as a SafeAAD, or none
//	ErrSigner              the signer is not that of the member's leaf: after a change of keys, use the new one
//	ErrNoTime              give the present time
//	ErrNoTree              fetch the ratchet tree and give it along
//	ErrUsedKeyPackage      drop the Welcome that was used; after another one, JoinExternal with ResyncKey, or ask to be added
//	                       by a fresh KeyPackage
//	ErrNotMember           the former leaf is gone: join as a new member
//	ErrForked              members followed different commits: those whose commit was not taken rejoin
//	ErrSuccessor           give the old group as Successor
//	ErrUnexpectedMessage   this kind of message is for another function
//	*SyntaxError           drop the message: no client of the protocol sends this. With Excess, it would take too much memory:
//	                       rejoin by JoinExternal with Resync if the others took it
//	*RuleError             what was received is wrong, and Rule says in which way: drop it, and report a commit that the
//	                       delivery service let pass. When sending, it is the caller's own input that breaks the rule.
//	                       V-WIRE-13 names a limit of Params: load the Group with a higher one, and handle it again
//	*RecordError           the records are damaged, old, or not all there: rejoin
//
// Errors of package ciphersuite come from messages that were damaged or encrypted to somebody else; those of package
// keyschedule say that a sender is further ahead than Params.Ratchets allows, or has used up an epoch's keys.
//
// A fork looks like damage: message after message of the present epoch fails by decryption, V-FR-05, V-FR-08 or V-CM-14.
// Compare EpochAuthenticator, or fetch a GroupInfo for Group.Matches, and rejoin by JoinExternal with Resync.
//
// To rejoin is to come in anew: call [Step.After] with the Group that is stored.
//
// # Time and randomness
//
// This package reads no clock: it compares lifetimes with the Now of each call. Without it nobody can be added ([ErrNoTime]).
// A lifetime that somebody else sent is never refused, but reported in Step.Lifetimes. Receiving uses no randomness: the same Group
// and [Input] give the same Step.
//
// # Compatibility
//
// Before version 1, a minor version may change the API; CHANGELOG.md lists every change. The wire format is RFC 9420's, and
// Load reads the records of every released version.
package mls
