//go:build race

package inspect

// every is 1 in how many published cases the tests read: the race detector makes cryptography slow.
const every = 16
