// Package mls runs groups of the Messaging Layer Security protocol (RFC 9420): it creates and joins them, changes who
// is in them, and encrypts what their members say.
//
// # Which function to call
//
// [Create] makes a group. Others are added by their KeyPackages, which they make with [NewKeyPackage] and directories judge
// with [VerifyKeyPackage]: [Group.Commit] with an Add, then [Group.Adopt], whose Welcome they [Join] by. Who has a GroupInfo
// joins without being asked, by [JoinExternal].
//
// [Group.Handle] takes every message of the group, whoever sent it and of whatever kind. [Group.Protect] encrypts data.
// [Group.Commit] changes the group; [Group.Propose] and [Group.ProposeUpdate] ask for a change that somebody commits later, as
// a member does that wants to leave. [Group.Export] derives keys for other uses.
//
// A group that ends in favour of another, and a part of a group that goes on by itself, are made by [Create] with a
// Successor. [Observe] follows a group from outside, for servers, auditors and external senders. [Group.Records] says
// what to store, and [Load] reads it.
//
// # The contract
//
// A [Group] is a value that never changes. A transition returns a [Step], which is only a proposition: nothing has
// happened until the caller lets it take effect, by doing this, in this order:
//
//  1. Judge. Ask the authentication service about every [Claim] in Step.Claims, which are all credentials that Next
//     would trust and the old Group did not. This package never says what a credential means. Look at what the Step
//     changes, in Step.Change or in the [Change] of an event, if there is a policy about who may do what. When
//     any answer is no, drop the Step: the old Group is as good as before.
//  2. Store. Write what Next.Records lists in one transaction. [Record] tells how.
//  3. Erase. Call [Step.Erase], which overwrites the secrets that Next does not need. From then on the old Group answers
//     [ErrErased].
//  4. Send. Hand Step.Send to the delivery service.
//  5. Deliver. Tell the application about Step.Events.
//
// Storing comes before sending because a message that left before its key was marked as used would, after a crash, share
// its key with the next one. Events come last because an application that acts on a message and then loses the Step sees
// the message twice. Whoever stores nothing leaves out the second point and nothing else.
//
// A transition that fails changes nothing: the Group is still there, and the genuine message still works. A Group is
// safe for concurrent use, and no two calls ever use the same message key, whichever Groups of one epoch they start from.
// But of two Steps from one Group only one can be continued; a caller that sends from several goroutines keeps a lock
// around the current Group, and takes it for Erase too.
//
// # Time, randomness, and other things from outside
//
// This package reads no clock: lifetimes are judged against the Now that comes with each call. Without it nobody can be
// added ([ErrNoTime]), and what is received is not judged for its lifetime. Receiving uses no randomness: the same Group
// and [Input] give the same Step. The signer is an argument of each call that signs; it may be any [crypto.Signer].
//
// # Races
//
// Every commit leads from one epoch to the next, so somebody, usually the delivery service, has to say which of several
// commits for one epoch counts (RFC 9420, Section 14). That is why making a commit does not change the group. Next holds
// it as pending. Then one of three things happens:
//
//   - It was taken: call [Group.Adopt], or Handle it when it comes back. Now the Welcome goes out.
//   - Another one was taken: Handle that one, which gives the pending commit up. What it was to do can be done again on
//     the new epoch: proposals by reference have to be proposed anew, and what came by value is in Change.Proposals
//     of [Group.Pending], to be read before.
//   - It was refused, and no other taken: [Group.Drop] it.
//
// Never adopt a commit only because it was sent. Two members who do so at the same time are in two groups from then on,
// and no message of one will be read in the other. To notice such a fork, compare [Group.EpochAuthenticator].
//
// Once a member knows of proposals it may not send data until they are committed: Protect answers [ErrPendingProposals].
// Any member may commit them; a service that picks one avoids races. A Commit covers all waiting proposals that make
// a valid list, and Step.Left names those it left out, and why.
//
// Application messages may come in any order, as long as Params.Ratchets allows, and for as many epochs back as
// Params.PastEpochs, or until [Group.Forget]. A message for an epoch to come is [ErrFutureEpoch]: keep it for later.
//
// # Errors, and what to do
//
// Errors are for [errors.Is] and [errors.As]. All leave the Group as it was.
//
//	ErrWrongGroup          look up the group that the message names
//	ErrOldEpoch            drop the message; after sending a commit: another one won
//	ErrFutureEpoch         keep the message, and handle it after the commits that are on their way; if they never come,
//	                       rejoin by JoinExternal with Resync
//	ErrReplay              drop the message: it was handled, or is much too late
//	ErrOwnMessage          drop the message: an own one that this Group knows nothing of
//	*MissingProposalError  fetch and handle the proposals, then the commit again
//	*MissingPSKError       find the keys, then call again with them; or commit with LeaveMissingPSKs
//	ErrPendingProposals    commit, then send
//	ErrTooManyProposals    commit, then handle the proposal again
//	ErrPending             Adopt or Drop the pending commit; while joining: wait for the delivery service
//	ErrInactive            the group is over for this member: *InactiveError says why. Keep it for late messages, then
//	                       EraseAll; after a ReInit, join or create the successor
//	ErrErased              use the Group that replaced this one
//	ErrSigner              the signer is not that of the member's leaf: after a change of keys, use the new one
//	ErrNoTime              give the present time
//	ErrNoTree              fetch the ratchet tree and give it along
//	ErrSuccessor           give the old group as Successor
//	ErrUnexpectedMessage   this kind of message is for another function
//	*SyntaxError           drop the message: no client of the protocol sends this
//	*RuleError             what was received is wrong, and Rule says in which way: drop it, and report a commit that the
//	                       delivery service let pass. V-CM-14 in a commit may mean that this member has lost touch
//	                       with the group: if others took the commit, rejoin. When sending, it is the caller's own
//	                       input that breaks the rule
//	*RecordError           the records are damaged, or not all there: restore them or rejoin
//
// Errors of package ciphersuite come from messages that were damaged or encrypted to somebody else; those of package
// keyschedule say that a sender is further ahead than Params.Ratchets allows, or has used up an epoch's keys and has to
// commit. No error holds key material.
//
// # What the zero Params mean
//
// Handshake messages go out as PublicMessages and come in as either kind. Application messages of 3 past epochs are
// read, and the resumption PSKs of 8 kept. Newcomers may join by themselves if they get hold of a GroupInfo with
// external_pub, and former members may come back so: an application that does not want it sets
// Params.ExternalCommits. External senders propose only what RFC 9420 defines, and a commit of any other proposal needs a
// path. KeyPackages live for 366 days at most. Nothing is padded. The limits on sizes and numbers are far above what
// groups need, and keep a hostile sender from filling the memory. Params are a member's own, not part of the group, and
// not part of the records.
//
// # Large groups
//
// A commit with a path is encrypted to the subtrees beside the path: to log n keys when all parents of the tree have
// one, and to up to n members when parents are blank, as they are after Updates and Removes and in a group that was
// just filled. [Group.PathCost] says how many it would be now for any member: let those commit for whom it is low. Each
// commit with a path fills blank nodes, so that a group gets cheaper when its members commit now and then, which
// they should do to renew their keys anyway. A Commit of nothing but Adds, PSKs or a ReInit has no path unless
// CommitParams.ForcePath asks for one; it is cheap, and renews no keys.
//
// The tree weighs about 255 bytes for each member, and Welcome and GroupInfo hold it unless OmitTree is set. Then it
// comes beside the message, once for all newcomers, for a server to hand out; it needs no protection, because it is
// compared with the signed tree hash. WelcomeParams.Batch divides a Welcome for many newcomers. Past epochs and pending
// commits share what they have in common with the present tree, and records are written for what has changed alone.
//
// # What erasing can and cannot do
//
// Secrets are erased when RFC 9420, Section 9.2 says so: message keys when they were used, an epoch's secrets when the
// next one begins, private keys when others take their place. What remains of a past epoch is what it takes to read late
// messages of others. Go cannot promise that no copy is left: the runtime may have moved memory, the standard
// library's ciphers keep key schedules until they are collected, and swap and core dumps are out of reach. What was
// written to storage is the storage's to forget.
package mls
