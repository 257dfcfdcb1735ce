package framing

// RFC 9420, Section 15.1: Padding.

import (
	"math/bits"

	"github.com/copse-mls/copse/internal/wire"
)

// Padding says how many zero bytes to append to the plaintext of a PrivateMessage, so that its length reveals less.
// The zero Padding appends none.
type Padding struct {
	step  int
	padme bool
}

// PadToMultiple pads to the next multiple of step bytes. A step of 1 or less pads nothing.
func PadToMultiple(step int) Padding { return Padding{step: min(step, wire.MaxLength)} }

// Padme pads by at most 12 %, and less for longer plaintexts, so that lengths reveal O(log log n) bits: the PADMÉ
// scheme of Nikitin and others, "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019.
func Padme() Padding { return Padding{padme: true} }

// PaddedLength returns the length of a plaintext of n bytes after padding, never less than n.
func (p Padding) PaddedLength(n int) int {
	switch {
	case p.padme && n > 1:
		exponent := bits.Len(uint(n)) - 1
		mask := 1<<(exponent-bits.Len(uint(exponent))) - 1
		return (n + mask) &^ mask
	case p.step > 1 && n%p.step != 0:
		return n + p.step - n%p.step
	default:
		return n
	}
}
