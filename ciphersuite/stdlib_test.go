//go:build copse_stdlib

package ciphersuite

import (
	"crypto"
	"testing"
)

func mixedEd448(t *testing.T, private, _ crypto.Signer) crypto.Signer {
	t.Fatalf("a signer of type %T in a build without Ed448", private)
	return nil
}

func noEd448() []crypto.Signer { return nil }
