// Package ciphersuite has the cryptography of MLS. Call [New] for one of the seven cipher suites of RFC 9420; the [Suite]
// has the primitives ([Provider]) and on top of them the labelled functions of RFC 9420, Sections 5.1, 5.2 and 8.
// [NewWithProvider] takes the primitives from elsewhere.
//
// Any crypto.Signer may hold a signature key. One that is in memory is stored so:
//
//	signer, err := suite.GenerateSigner(rand.Reader)
//	private, err := suite.MarshalSigner(signer) // a Secret: store its Bytes where secrets are stored
//	signer, err = suite.ParseSigner(private)
//
// # Many items at once
//
// SealMany, DeriveKeyPairs and VerifyBatch spread their work over the processors. SealMany computes what depends on the
// HPKE info alone once, so that a Welcome with the tree inside costs each new member no more than a short one.
//
// # Which public keys are refused
//
// ErrPublicKey is for keys of a wrong size and off the curve, X25519 and X448 keys with which every agreement is zero,
// and EdDSA keys of small order or in an encoding that is not canonical. X25519 and X448 coordinates that are not
// reduced are otherwise accepted, as RFC 7748, Section 5 demands. An agreement never yields zero.
//
// # Which Ed25519 signatures are accepted
//
// One rule holds for Verify and VerifyBatch and for every build: R and the key A are canonical encodings of points on
// the curve (RFC 8032, Section 5.1.3), S is less than the order L of the base point, A is not of small order, and
// [8][S]B = [8]R + [8][k]A. R may be of small order. The equation with the cofactor 8 is what RFC 8032, Section 5.1.7
// puts first, and the one that can be checked in batches so that the result does not depend on the other signatures in
// the batch; it accepts all that crypto/ed25519 accepts, but for keys which this package refuses. Signatures that only
// this equation accepts can be made by none but the holder of the key.
//
// ECDSA signatures are DER (RFC 8446, Section 4.2.3); (r, s) and (r, -s) are both valid. Ed448 is verified by circl,
// which compares R byte for byte.
//
// # Builds
//
// By default X25519 comes from circl and curve25519-voi, Ed25519 from curve25519-voi, X448 and Ed448 from
// circl, ChaCha20-Poly1305 from golang.org/x/crypto, and all else from the standard library. Two build tags leave modules out:
//
//	copse_novoi   compiles nothing of curve25519-voi. All seven suites remain; Ed25519 signatures are verified one at a time
//	              by the standard library, and X25519 is circl's alone
//	copse_stdlib  compiles nothing outside the standard library. New knows suites 1, 2, 5 and 7
//
// In both, an Ed25519 signature that the standard library refuses costs milliseconds, as it is verified again by the rule
// above, and many at once take four times as long as in the default build.
//
// The modules are what a program has to download: some 54 MB of archives, of which circl is 49. A program that is built
// with copse_stdlib alone downloads none of them.
//
// # What Go cannot promise
//
// Secret erases the bytes it holds, and this package overwrites its intermediate secrets where it can reach them. It
// cannot reach the copies that the runtime makes when a stack grows, registers, the key schedules of block ciphers, or
// the private keys inside crypto/ecdh, crypto/ecdsa and crypto/ed25519; those last until the memory is used again.
// Operations on secrets take constant time as far as the modules named above do.
package ciphersuite
