// Package treekemtest builds ratchet trees for tests and benchmarks. Call Build: it makes a tree of any size and shape
// in the time of its signatures, with the private keys of every member to be had from the Fixture.
//
// HashLeaf, HashParent and ParentHash are the hashes of RFC 9420, Sections 7.8 and 7.9, written from its structures by
// way of package framing, to compare with what package treekem computes from stored bytes.
//
// Everything is derived from a seed that the caller states: nothing here is for production.
package treekemtest
