// Package framing holds every structure that RFC 9420 puts on the wire, with its codec and the operations that need
// keys but no group: sign, verify, seal, open.
//
// Begin with Unmarshal into a Message and look at its Body. OpenPublic turns a PublicMessage into an
// AuthenticatedContent; for a PrivateMessage, OpenSenderData tells whose key it needs, Open decrypts, and Verify
// checks the signature. SignContent goes the other way, with ProtectPublic and SealPrivate after it. For joining, see
// NewWelcome, Welcome.DecryptGroupSecrets and Welcome.DecryptGroupInfo.
//
// The package knows no tree, no key schedule and no group. Whoever calls it brings the keys, and judges what a
// structure means: that a sender is a member, that a proposal is allowed, that a lifetime has not run out.
//
// Decoding is strict and canonical: it accepts exactly the bytes that encoding the result gives back, so that
// signatures and hashes over a structure can be computed from its decoded form. Unknown versions, cipher suites,
// extensions, credentials and proposals are kept as they are. A decoded value takes memory of no more than a small
// multiple of its input.
package framing
