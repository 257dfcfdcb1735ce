// Package wire reads and writes the presentation language of RFC 9420, Section 2.1. It knows no structure of MLS.
//
// A Reader keeps its first error and answers zero values from then on, so that a decoder reads all its fields and
// looks once, with Finish. A Writer does the same for encoding. Every length is compared with the bytes that remain
// before anything is allocated.
package wire

import (
	"encoding/binary"
	"fmt"
)

// Reader takes values from the front of an input. What Opaque and Fixed return aliases the input.
type Reader struct {
	input []byte // everything, from offset 0
	off   int
	end   int // exclusive end of the vector being read
	name  string
	err   error
}

// NewReader reads input as the structure called name, for use in errors.
func NewReader(name string, input []byte) *Reader {
	return &Reader{input: input, end: len(input), name: name}
}

// Err is the first error met, a *SyntaxError or whatever Reject was given.
func (r *Reader) Err() error { return r.err }

// Offset is the position of the next byte in the whole input.
func (r *Reader) Offset() int { return r.off }

// Remaining is how many bytes are left of the vector (or input) being read; 0 after an error.
func (r *Reader) Remaining() int {
	if r.err != nil {
		return 0
	}
	return r.end - r.off
}

// Finish reports the first error, or that bytes remain after the structure.
func (r *Reader) Finish() error {
	if r.err == nil && r.off != r.end {
		r.Failf("%d bytes remain after the structure", r.end-r.off)
	}
	return r.err
}

// Failf records a SyntaxError at the present offset unless an earlier error is recorded already.
func (r *Reader) Failf(format string, args ...any) {
	if r.err == nil {
		r.err = &SyntaxError{Struct: r.name, Offset: r.off, Reason: fmt.Sprintf(format, args...)}
	}
}

// Reject records err unless an earlier error is recorded already.
func (r *Reader) Reject(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Struct reads a nested structure with read, naming it in errors that arise within.
func (r *Reader) Struct(name string, read func(*Reader)) {
	outer := r.name
	r.name = name
	read(r)
	r.name = outer
}

// Uint8 reads one byte.
func (r *Reader) Uint8() uint8 {
	if b := r.Fixed(1); b != nil {
		return b[0]
	}
	return 0
}

// Uint16 reads a big-endian 16-bit number.
func (r *Reader) Uint16() uint16 {
	if b := r.Fixed(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// Uint32 reads a big-endian 32-bit number.
func (r *Reader) Uint32() uint32 {
	if b := r.Fixed(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads a big-endian 64-bit number.
func (r *Reader) Uint64() uint64 {
	if b := r.Fixed(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Fixed reads exactly n bytes, or nil when fewer remain. The result aliases the input.
func (r *Reader) Fixed(n int) []byte {
	if r.err != nil {
		return nil
	}
	if r.end-r.off < n {
		r.Failf("needs %d bytes, %d remain", n, r.end-r.off)
		return nil
	}
	b := r.input[r.off : r.off+n : r.off+n]
	r.off += n
	return b
}

// Optional reads the presence octet of an optional value (RFC 9420, Section 2.1.1).
func (r *Reader) Optional() bool {
	if r.err != nil {
		return false
	}
	at := r.off
	switch v := r.Uint8(); {
	case r.err != nil:
		return false
	case v > 1:
		r.off = at
		r.Failf("presence octet is %d, not 0 or 1", v)
		return false
	default:
		return v == 1
	}
}

// Length reads a vector header (RFC 9420, Section 2.1.2) and checks that so many bytes remain.
func (r *Reader) Length() int {
	if r.err != nil {
		return 0
	}
	n, size, reason := parseLength(r.input[r.off:r.end])
	if reason != "" {
		r.Failf("%s", reason)
		return 0
	}
	if left := r.end - r.off - size; n > left {
		r.Failf("vector of %d bytes, %d remain", n, left)
		return 0
	}
	r.off += size
	return n
}

// Opaque reads opaque<V>. The result aliases the input; it is nil when empty.
func (r *Reader) Opaque() []byte {
	n := r.Length()
	if n == 0 {
		return nil
	}
	return r.Fixed(n)
}

// Vector reads a vector whose elements read consumes one at a time until the vector's end. Each element must consume
// at least one byte and none may reach beyond the end.
func (r *Reader) Vector(read func(*Reader)) {
	n := r.Length()
	if r.err != nil {
		return
	}
	outer := r.end
	r.end = r.off + n
	for r.err == nil && r.off < r.end {
		before := r.off
		if read(r); r.err == nil && r.off == before {
			r.Failf("vector element is empty")
		}
	}
	r.end = outer
}

// Since returns the input from offset start to the present position, aliasing it.
func (r *Reader) Since(start int) []byte {
	if r.err != nil {
		return nil
	}
	return r.input[start:r.off:r.off]
}
