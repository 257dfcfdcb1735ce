package keyschedule

// RFC 9420, Sections 15.2 and 15.3: Restrictions; Delayed and Reordered Application Messages.

// Limits bound what other members can make a receiver compute and keep. The zero value of each field stands for its
// default.
type Limits struct {
	// ForwardDistance is how many generations a message may be ahead of its ratchet. The generation of a message is
	// not signed, so each member can make others derive so many secrets, at 1 to 2 us each with the key to keep.
	// Default: 1024.
	ForwardDistance uint32

	// SkippedKeys is how many keys of generations not seen yet one ratchet keeps for late messages, the oldest
	// dropped first; a negative number keeps none. A key takes about 100 bytes. Default: 1024, so that no jump within
	// the default ForwardDistance loses a message.
	SkippedKeys int

	// BackwardDistance is how many generations behind its ratchet a skipped key is kept, whatever their number:
	// a key that waits has no forward secrecy. Default: 4096.
	BackwardDistance uint32
}

// Defaults of Limits.
const (
	DefaultForwardDistance  = 1024
	DefaultSkippedKeys      = 1024
	DefaultBackwardDistance = 4096
)

func (l Limits) withDefaults() Limits {
	if l.ForwardDistance == 0 {
		l.ForwardDistance = DefaultForwardDistance
	}
	if l.SkippedKeys == 0 {
		l.SkippedKeys = DefaultSkippedKeys
	}
	l.SkippedKeys = max(l.SkippedKeys, 0)
	if l.BackwardDistance == 0 {
		l.BackwardDistance = DefaultBackwardDistance
	}
	return l
}

// keptFrom returns the lowest generation whose key may be kept by a ratchet that stands at next.
func (l Limits) keptFrom(next uint64) uint64 {
	if back := uint64(l.BackwardDistance); next > back {
		return next - back
	}
	return 0
}

// Usage limits: how many messages a member may encrypt with one of its ratchets in one epoch (RFC 9420, Section 15.2,
// and draft-irtf-cfrg-aead-limits). Each message has its own key, and at most 2^30 bytes, so that the limits per key
// hold in any case; what has to be bounded is the sum over the keys of an epoch.
const (
	// MaxMessagesAESGCM is 2^24.5. One message of 2^30 bytes, 2^26 blocks, gives an attacker an advantage of at most
	// 2^52/2^129 = 2^-77 against AES-GCM, and 2^24.5 of them at most 2^-52.5. TLS 1.3 has the same number of records
	// per key (RFC 8446, Section 5.5).
	MaxMessagesAESGCM = 23_726_566

	// MaxMessagesChaCha20Poly1305 is the number of generations: the cipher itself sets no lower limit.
	MaxMessagesChaCha20Poly1305 = generations
)

// generations is how many generations a ratchet has: they are numbered by a uint32 (RFC 9420, Section 9.1).
const generations = 1 << 32

// HPKE code points of AEADs (RFC 9180, Section 7.3).
const (
	aeadAES128GCM = 0x0001
	aeadAES256GCM = 0x0002
)

// maxMessages returns the usage limit of an AEAD.
func maxMessages(aead uint16) uint64 {
	if aead == aeadAES128GCM || aead == aeadAES256GCM {
		return MaxMessagesAESGCM
	}
	return MaxMessagesChaCha20Poly1305
}
