//go:build copse_novoi && !copse_stdlib

package ciphersuite

// What takes the place of curve25519-voi in the build without it, together with ed25519_plain.go.

import "github.com/cloudflare/circl/dh/x25519"

func (k *x25519Key) public() []byte {
	var public x25519.Key
	x25519.KeyGen(&public, (*x25519.Key)(k))
	return public[:]
}
