// Package mlstest makes clients and groups for tests of package mls and of applications on top of it, and clients that
// misbehave.
//
// NewCast makes a group of Members from nothing but their names. A Member is a Party, which is who somebody is
// outside of any group, with its view of one group; its methods do what a careful application does, and Agree checks
// that Members see the same. Build makes a group of any size and shape with as many of its members as a test needs,
// fast. Counting counts the primitives that a transition uses.
//
// Take lets a Step take effect for a client that stores nothing. Store is what a client stores, and keeps the contract of
// package mls: outbox, inbox and records in one transaction. Crash ends it at any point on the way.
//
// NewInsider is a member that keeps to no rule: it holds all that the member knows, checks nothing, and signs, tags and
// encrypts whatever a test puts into its hands. NewNewcomer is the same for somebody who joins by external commit.
// Of the attackers that tests ought to think of, an insider is the third; the first, a stranger, has no keys and can
// only invent or damage bytes, and the second, the delivery service, can also replay, reorder, withhold and swap
// messages: neither needs more than the bytes.
//
// Everything here is deterministic as far as the cipher suite is: the same calls give the same bytes in each run. The
// keys that it makes are known to everybody. It is for tests only.
package mlstest
