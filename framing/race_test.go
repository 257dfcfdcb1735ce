//go:build race

package framing

// raced says that the race detector looks on, under which allocations take more memory.
const raced = true
