// Package treekemtest builds ratchet trees for tests and benchmarks. Call Build for a tree of any size and shape; the
// Fixture that it returns has the private keys of every member.
//
// HashLeaf, HashParent and ParentHash compute the hashes of RFC 9420, Sections 7.8 and 7.9, from the structures of package
// framing, to compare with what package treekem computes from stored bytes.
//
// Everything is derived from the seed in Params: use it for tests only.
package treekemtest
