package keyschedule

import "github.com/copse-mls/copse/framing"

// Fingerprint returns a number that tells apart the trees of an epoch from which different keys were taken, but for a chance of
// one in 2^64. It follows from the numbers of generations alone, and so from the records of a tree: storage that keeps it
// apart notices when a record is old or missing.
func (t *SecretTree) Fingerprint() uint64 { return t.fingerprint }

// fingerprint returns the share of a ratchet, 0 when no key was taken from it.
func (r *ratchet) fingerprint(leaf framing.LeafIndex, kind RatchetKind) uint64 {
	if r.next == 0 {
		return 0
	}
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
