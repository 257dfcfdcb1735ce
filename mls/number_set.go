package mls

import (
	"math/bits"
	"slices"
)

// numberSet is a set of numbers, all of them small: a tree whose root has the numbers below 64, and whose two branches share
// the rest in turns of 64. It is immutable, and a change copies the way to one number, which grows with its logarithm; nil is
// the empty set.
type numberSet struct {
	here uint64 // a bit for each number
	next [2]*numberSet
}

func (s *numberSet) has(number int) bool {
	at := number / 64
	for ; s != nil && at > 0; at = (at - 1) / 2 {
		s = s.next[(at-1)%2]
	}
	return s != nil && s.here>>(number%64)&1 == 1
}

// flip returns the set without a number that is in it, or with one that is not.
func (s *numberSet) flip(number int) *numberSet { return s.flipAt(number/64, 1<<(number%64)) }

func (s *numberSet) flipAt(at int, bit uint64) *numberSet {
	out := new(numberSet)
	if s != nil {
		*out = *s
	}
	if at == 0 {
		out.here ^= bit
	} else {
		side := &out.next[(at-1)%2]
		*side = (*side).flipAt((at-1)/2, bit)
	}
	return out
}

// differences lists the numbers that one of two sets has and the other has not, in ascending order. It passes over what the
// sets share.
func (s *numberSet) differences(o *numberSet) []int {
	out := s.differAt(o, 0, 1, nil)
	slices.Sort(out)
	return out
}

// differAt appends the differences of two branches, whose numbers begin at 64*first and go on in steps of 64*step.
func (s *numberSet) differAt(o *numberSet, first, step int, out []int) []int {
	if s == o {
		return out
	}
	var a, b numberSet
	if s != nil {
		a = *s
	}
	if o != nil {
		b = *o
	}
	for left := a.here ^ b.here; left != 0; left &= left - 1 {
		out = append(out, 64*first+bits.TrailingZeros64(left))
	}
	for side := range 2 {
		out = a.next[side].differAt(b.next[side], first+step*(1+side), 2*step, out)
	}
	return out
}
