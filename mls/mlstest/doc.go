// Package mlstest makes clients and groups for tests of package mls and of applications on top of it, and clients that
// misbehave.
//
// NewCast makes a group of Members from nothing but their names. A Member is a Party, which is a client outside of any
// group, with its view of one group; its methods do what a careful application does, and Agree checks that Members have
// the same view. Build makes a group of any size and shape, fast, with as many of its members as a test needs. Counting
// counts the primitives that a transition uses.
//
// Take lets a Step take effect for a client that stores nothing. Store is the storage of a client, and keeps the contract
// of package mls: outbox, inbox and records in one transaction. Crash ends the client at any point in between.
//
// NewInsider returns a member that keeps no rules: it has everything that the member has, checks nothing, and signs, tags
// and encrypts whatever a test gives it. NewNewcomer returns the same for a client that joins by external commit. Tests
// should consider three attackers. A stranger has no keys and can only invent or damage bytes; the delivery service can
// also replay, reorder, withhold and swap messages. Neither needs support from this package. The third is the insider.
//
// Everything here is as deterministic as the cipher suite: the same calls give the same bytes in each run. Anybody can
// compute its keys. It is for tests only.
package mlstest
