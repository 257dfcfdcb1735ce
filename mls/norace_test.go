//go:build !race

package mls_test

const raceDetector = false
