// Package framing has every structure that RFC 9420 puts on the wire, with its codec and the operations that need keys
// but no group: sign, verify, seal, open. Call [Unmarshal] into a [Message] and look at its Body; [Marshal] goes the other
// way, and [Cut] divides messages that stand one after another.
//
// Content is sent, and received, in two formats:
//
//	signed, err := content.Sign(signing, framing.WireFormatPublicMessage, context)
//	message, err := signed.SealPublic(suite, membershipKey)
//	signed, err = message.Open(verifying)
//
//	signed, err := content.Sign(signing, framing.WireFormatPrivateMessage, context)
//	message, err := signed.SealPrivate(sealing)
//	sender, err := message.OpenSenderData(suite, senderDataSecret) // says whose key it takes
//	unverified, err := message.Open(opening)
//	signed, err = unverified.Verify(verifying)
//
// For joining, see [NewWelcome], [Welcome.DecryptGroupSecrets] and [Welcome.DecryptGroupInfo].
//
// The package knows no tree, no key schedule and no group. Whoever calls it brings the keys, and decides what a
// structure means: that a sender is a member, that a proposal is allowed, that a lifetime has not run out.
//
// Decoding is strict and canonical: it accepts exactly the bytes that encoding the result gives back, so that
// signatures and hashes over a structure can be computed from its decoded form. Unknown versions, cipher suites,
// extensions, credentials and proposals are kept as they are. A decoded value takes memory of no more than a small
// multiple of its input.
//
// # Errors
//
// What is no encoding is a [*SyntaxError]; what breaks a rule is a [*RuleError] with the rule's ID. Both begin with
// "mls: ", since they speak of the protocol. Every other error of the engine begins with the package that it comes from,
// as in "group info: ciphersuite: decryption failed".
package framing
