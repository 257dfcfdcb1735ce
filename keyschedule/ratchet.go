package keyschedule

// RFC 9420, Section 9.1: Encryption Keys.

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// RatchetKind tells the two ratchets of a leaf apart (RFC 9420, Section 9.1).
type RatchetKind uint8

// The ratchets of a leaf.
const (
	HandshakeRatchet   RatchetKind = iota // proposals and commits
	ApplicationRatchet                    // application data
	ratchetKinds
)

// RatchetFor returns the ratchet that content of a type is encrypted with (RFC 9420, Section 6.3.1).
func RatchetFor(t framing.ContentType) RatchetKind {
	if t == framing.ContentTypeApplication {
		return ApplicationRatchet
	}
	return HandshakeRatchet
}

// String returns "handshake" or "application", the label from which the ratchet is derived.
func (k RatchetKind) String() string {
	switch k {
	case HandshakeRatchet:
		return "handshake"
	case ApplicationRatchet:
		return "application"
	default:
		return fmt.Sprintf("RatchetKind(%d)", uint8(k))
	}
}

// Errors of ratchets, wrapped in a *RatchetError.
var (
	// ErrGenerationUsed says that the key of this generation has been handed out: the message is a repeat.
	ErrGenerationUsed = errors.New("keyschedule: generation has been used")
	// ErrGenerationTooOld says that the key of this generation is no longer kept: it was used, or dropped by Limits.
	ErrGenerationTooOld = errors.New("keyschedule: generation is too old")
	// ErrGenerationTooFar says that the generation is further ahead of the ratchet than Limits.ForwardDistance.
	ErrGenerationTooFar = errors.New("keyschedule: generation is too far ahead")
	// ErrRatchetExhausted says that all 2^32 generations of a sending ratchet are used; the group needs a new epoch.
	ErrRatchetExhausted = errors.New("keyschedule: ratchet is exhausted")
	// ErrUsageLimit says that sending once more in this epoch would pass the AEAD's usage limit; the group needs a
	// new epoch.
	ErrUsageLimit = errors.New("keyschedule: usage limit of the AEAD is reached")
)

// RatchetError says which key could not be had, and why.
type RatchetError struct {
	Leaf       framing.LeafIndex
	Ratchet    RatchetKind
	Generation framing.Generation
	Err        error
}

func (e *RatchetError) Error() string {
	return fmt.Sprintf("leaf %d, %v ratchet, generation %d: %v", e.Leaf, e.Ratchet, e.Generation, e.Err)
}

// Unwrap gives one of this package's sentinel errors.
func (e *RatchetError) Unwrap() error { return e.Err }

// MessageKey is the key for one message (RFC 9420, Section 9.1). The caller owns it and erases it after that message.
type MessageKey struct {
	Generation framing.Generation
	Key        ciphersuite.Secret // AEAD.Nk bytes
	Nonce      ciphersuite.Secret // AEAD.Nn bytes, before the reuse guard is mixed in
}

// Erase overwrites key and nonce.
func (k MessageKey) Erase() {
	k.Key.Erase()
	k.Nonce.Erase()
}

// ratchet is one state of a hash ratchet. It is immutable; its methods borrow it and return new states, which
// share what they did not change.
type ratchet struct {
	secret  ciphersuite.Secret // of generation next; none after the last generation
	next    uint64             // at most generations
	floor   uint64             // below it no key is kept; from it up to next, a key that is not in skipped was used
	skipped []*skippedBlock    // ascending, from floor up to next, none of them empty
}

// waiting returns how many skipped keys there are.
func (r *ratchet) waiting() (n int) {
	for _, b := range r.skipped {
		n += len(b.keys)
	}
	return n
}

// fingerprint returns the share of a ratchet in that of its tree.
func (r *ratchet) fingerprint(leaf framing.LeafIndex, kind RatchetKind) uint64 {
	sum := mixed(mixed(r.next) + r.floor)
	for _, b := range r.skipped {
		sum += b.fingerprint
	}
	return mixed(sum + uint64(leaf)<<8 + uint64(kind))
}

func fingerprintOf(keys []SkippedKey) (sum uint64) {
	for _, k := range keys {
		sum += mixed(^uint64(k.Generation)) // unlike any that a ratchet begins with
	}
	return sum
}

// mixed spreads what differs in a few bits over all of them. It is the last step of SplitMix64, one to one, so that nothing
// collides before sums are taken.
func mixed(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// SkippedBlock is how many generations the skipped keys of one SkippedRecord are from: those whose numbers differ in nothing
// but the remainder by SkippedBlock. A message changes one or two of such blocks, however many keys wait.
const SkippedBlock = 16

// skippedBlock is the keys kept of a row of generations. It is immutable; states of a ratchet share it.
type skippedBlock struct {
	number      uint32 // of the generations, without the remainder by SkippedBlock
	keys        []SkippedKey
	fingerprint uint64
}

func newSkippedBlock(number uint32, keys []SkippedKey) *skippedBlock {
	return &skippedBlock{number, keys, fingerprintOf(keys)}
}

// SkippedKey is a key kept for a late message.
type SkippedKey struct {
	Generation framing.Generation
	Material   ciphersuite.Secret // AEAD.Nk bytes of key, then AEAD.Nn bytes of nonce
}

// check says why the key of a generation is not to be had. It derives nothing.
func (r *ratchet) check(generation framing.Generation, l Limits) error {
	g := uint64(generation)
	switch {
	case g >= r.next && g-r.next > uint64(l.ForwardDistance):
		return ErrGenerationTooFar
	case g >= r.next && r.secret.IsZero():
		return ErrErased
	case g >= r.next:
		return nil
	case g < r.floor:
		return ErrGenerationTooOld
	}
	switch b, i, found := r.find(generation); {
	case !found:
		return ErrGenerationUsed
	case r.skipped[b].keys[i].Material.IsZero():
		return ErrErased
	}
	return nil
}

// findBlock returns where in skipped a block is or would be.
func (r *ratchet) findBlock(number uint32) (int, bool) {
	return slices.BinarySearchFunc(r.skipped, number, func(b *skippedBlock, n uint32) int { return cmp.Compare(b.number, n) })
}

// find returns where the key of a generation is, by its block and the place in it.
func (r *ratchet) find(generation framing.Generation) (block, i int, found bool) {
	if block, found = r.findBlock(uint32(generation) / SkippedBlock); !found {
		return block, 0, false
	}
	i, found = slices.BinarySearchFunc(r.skipped[block].keys, generation, func(k SkippedKey, g framing.Generation) int {
		return cmp.Compare(k.Generation, g)
	})
	return block, i, found
}

// take gives the key of a generation that check has passed, and the state without it.
func (r *ratchet) take(suite *ciphersuite.Suite, generation framing.Generation, l Limits) (MessageKey, *ratchet) {
	if uint64(generation) >= r.next {
		return r.advance(suite, generation, l)
	}
	b, i, _ := r.find(generation)
	block := r.skipped[b]
	material := block.keys[i].Material.Bytes()
	key := MessageKey{
		Generation: generation,
		Key:        ciphersuite.NewSecret(slices.Clone(material[:suite.KeySize])),
		Nonce:      ciphersuite.NewSecret(slices.Clone(material[suite.KeySize:])),
	}
	after := *r
	if len(block.keys) == 1 {
		after.skipped = slices.Concat(r.skipped[:b], r.skipped[b+1:])
	} else {
		after.skipped = slices.Clone(r.skipped)
		after.skipped[b] = newSkippedBlock(block.number, slices.Concat(block.keys[:i], block.keys[i+1:]))
	}
	return key, &after
}

// advance moves to a generation at or after next, and keeps the keys on the way as the limits allow.
func (r *ratchet) advance(suite *ciphersuite.Suite, generation framing.Generation, l Limits) (MessageKey, *ratchet) {
	g := uint64(generation)
	keep := max(r.next, l.keptFrom(g+1), g-min(g, uint64(l.SkippedKeys)))
	after := &ratchet{next: g + 1, floor: r.floor, skipped: r.skipped}
	if keep > r.next {
		after.floor = keep // and so all older keys go as well
	}
	var skipped []SkippedKey
	secret := r.secret
	for at := r.next; at < g; at++ {
		passed := framing.Generation(at)
		if at >= keep {
			skipped = append(skipped, SkippedKey{passed, keyMaterial(suite, secret, passed)})
		}
		secret = r.step(suite, secret, passed)
	}
	key := MessageKey{
		Generation: generation,
		Key:        suite.DeriveTreeSecret(secret, "key", uint32(generation), suite.KeySize),
		Nonce:      suite.DeriveTreeSecret(secret, "nonce", uint32(generation), suite.NonceSize),
	}
	if after.next < generations {
		after.secret = r.step(suite, secret, generation)
	} else if secret != r.secret {
		secret.Erase()
	}
	after.skipped = withKeys(r.skipped, skipped)
	after.trim(l)
	return key, after
}

// step derives the secret of the next generation and erases the present one, unless r still owns it.
func (r *ratchet) step(suite *ciphersuite.Suite, secret ciphersuite.Secret, generation framing.Generation) ciphersuite.Secret {
	next := suite.DeriveTreeSecret(secret, "secret", uint32(generation), suite.HashSize)
	if secret != r.secret {
		secret.Erase()
	}
	return next
}

func keyMaterial(suite *ciphersuite.Suite, secret ciphersuite.Secret, generation framing.Generation) ciphersuite.Secret {
	key := suite.DeriveTreeSecret(secret, "key", uint32(generation), suite.KeySize)
	nonce := suite.DeriveTreeSecret(secret, "nonce", uint32(generation), suite.NonceSize)
	defer key.Erase()
	defer nonce.Erase()
	return ciphersuite.NewSecret(slices.Concat(key.Bytes(), nonce.Bytes()))
}

// withKeys returns blocks with more keys, which come after all others. It leaves the blocks that there were as they are.
func withKeys(blocks []*skippedBlock, keys []SkippedKey) []*skippedBlock {
	if len(keys) == 0 {
		return blocks
	}
	out := slices.Clone(blocks)
	for len(keys) > 0 {
		number := uint32(keys[0].Generation) / SkippedBlock
		n := 1
		for n < len(keys) && uint32(keys[n].Generation)/SkippedBlock == number {
			n++
		}
		var block []SkippedKey
		if last := len(out) - 1; last >= 0 && out[last].number == number {
			block, out = out[last].keys, out[:last]
		}
		out, keys = append(out, newSkippedBlock(number, slices.Concat(block, keys[:n]))), keys[n:]
	}
	return out
}

// trim drops the oldest skipped keys beyond the limits. It does not erase them: the state before may be the one that
// stays.
func (r *ratchet) trim(l Limits) {
	r.floor = max(r.floor, l.keptFrom(r.next))
	excess := r.waiting() - l.SkippedKeys
	first := 0 // the first block of which something is kept
	for ; first < len(r.skipped); first++ {
		keys := r.skipped[first].keys
		if excess > 0 {
			r.floor = max(r.floor, uint64(keys[min(excess, len(keys))-1].Generation)+1)
		}
		if uint64(keys[len(keys)-1].Generation) >= r.floor {
			break
		}
		excess -= len(keys)
	}
	r.skipped = r.skipped[first:]
	if len(r.skipped) == 0 || uint64(r.skipped[0].keys[0].Generation) >= r.floor {
		return
	}
	b := r.skipped[0]
	kept := slices.IndexFunc(b.keys, func(k SkippedKey) bool { return uint64(k.Generation) >= r.floor })
	r.skipped = slices.Clone(r.skipped)
	r.skipped[0] = newSkippedBlock(b.number, b.keys[kept:])
}

// eraseExcept erases the secrets of r that keep, which may be nil, does not share.
func (r *ratchet) eraseExcept(keep *ratchet) {
	if r == nil || r == keep {
		return
	}
	if keep == nil {
		keep = &ratchet{}
	}
	if r.secret != keep.secret {
		r.secret.Erase()
	}
	for _, b := range r.skipped {
		at, found := keep.findBlock(b.number)
		if found && keep.skipped[at] == b {
			continue
		}
		for _, k := range b.keys {
			if j, i, found := keep.find(k.Generation); !found || keep.skipped[j].keys[i].Material != k.Material {
				k.Material.Erase()
			}
		}
	}
}
