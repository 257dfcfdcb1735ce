//go:build !race

package inspect

// every is 1 in how many published cases the tests read.
const every = 1
