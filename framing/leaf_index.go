package framing

// RFC 9420, Section 4.1.1: Ratchet Tree Nodes.

// LeafIndex numbers the leaves of a ratchet tree from 0 (RFC 9420, Section 4.1.1).
type LeafIndex uint32

// NoLeaf stands for the absence of a leaf in a RuleError.
const NoLeaf LeafIndex = 1<<32 - 1
