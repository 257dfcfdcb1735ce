//go:build race

package mls_test

// raceDetector says that each step takes ten times as long as usual.
const raceDetector = true
