// Package wire reads and writes the presentation language of RFC 9420, Section 2.1. It knows no structure of MLS.
//
// A Reader keeps its first error and returns zero values from then on, so that a decoder reads all its fields and
// looks once, with Finish. A Writer does the same for encoding. Every length is compared with the bytes that remain
// before anything is allocated, and what a decoder allocates is charged to the Reader, which bounds the sum.
package wire

import (
	"encoding/binary"
	"fmt"
)

// Reader takes values from the front of an input. What Opaque and Fixed return aliases the input.
type Reader struct {
	// Grammar is for the decoders, which may need to know more than the input says. The Reader does not look at it.
	Grammar any

	input []byte // everything, from offset 0
	off   int
	end   int // exclusive end of the vector being read
	name  string
	field string
	err   error

	whole bool    // inside a vector of which all bytes are there
	cut   bool    // go on where the input is cut short
	spans *[]Span // nil unless recording
	limit int     // of spans
	left  int     // spans beyond the limit
	depth int

	memory // see there
}

// NewReader reads input as the structure called name, for use in errors.
func NewReader(name string, input []byte) *Reader {
	return &Reader{input: input, end: len(input), name: name, memory: memory{room: roomFor(len(input))}}
}

// Err returns the first error met, a *SyntaxError or whatever Reject was given.
func (r *Reader) Err() error { return r.err }

// Offset returns the position of the next byte in the whole input.
func (r *Reader) Offset() int { return r.off }

// Remaining returns how many bytes are left of the vector (or input) being read; 0 after an error.
func (r *Reader) Remaining() int {
	if r.err != nil {
		return 0
	}
	return r.end - r.off
}

// Finish reports the first error, or that bytes remain after the structure.
func (r *Reader) Finish() error {
	if r.err == nil && r.off != r.end {
		r.field = ""
		r.Failf("%d bytes remain after the structure", r.end-r.off)
	}
	return r.err
}

// Failf records a SyntaxError at the present offset unless an earlier error is recorded already.
func (r *Reader) Failf(format string, args ...any) { r.FailAt(r.off, format, args...) }

// FailAt does what Failf does for a value that was read already, at offset.
func (r *Reader) FailAt(offset int, format string, args ...any) {
	if r.err == nil {
		r.err = &SyntaxError{Struct: r.name, Field: r.field, Offset: offset, Reason: fmt.Sprintf(format, args...)}
	}
}

// runOut records that the bytes remaining are too few.
func (r *Reader) runOut(offset int, format string, args ...any) {
	if r.err == nil {
		r.err = &SyntaxError{Struct: r.name, Field: r.field, Offset: offset, Reason: fmt.Sprintf(format, args...),
			Incomplete: !r.whole}
	}
}

// Reject records err unless an earlier error is recorded already.
func (r *Reader) Reject(err error) {
	if r.err == nil {
		r.err = err
	}
}

// Field gives the RFC name of what is read next, for errors and spans, and is the reader itself.
func (r *Reader) Field(name string) *Reader {
	r.field = name
	return r
}

// Struct reads a nested structure with read, naming it in errors that arise within.
func (r *Reader) Struct(name string, read func(*Reader)) {
	at, recorded := 0, r.spans != nil && r.err == nil
	if recorded {
		at = r.enter(Span{Kind: KindStruct, Struct: name, Start: r.off, Body: r.off})
	}
	outer, field := r.name, r.field
	r.name, r.field = name, ""
	read(r)
	r.name, r.field = outer, field
	if recorded {
		r.leave(at, 0)
	}
}

// Uint8 reads one byte.
func (r *Reader) Uint8() uint8 {
	if b := r.take(KindNumber, 1); b != nil {
		return b[0]
	}
	return 0
}

// Uint16 reads a big-endian 16-bit number.
func (r *Reader) Uint16() uint16 {
	if b := r.take(KindNumber, 2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

// Uint32 reads a big-endian 32-bit number.
func (r *Reader) Uint32() uint32 {
	if b := r.take(KindNumber, 4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

// Uint64 reads a big-endian 64-bit number.
func (r *Reader) Uint64() uint64 {
	if b := r.take(KindNumber, 8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// Rest returns what is left of the vector (or input) being read, without reading it; nil after an error. It aliases the
// input.
func (r *Reader) Rest() []byte {
	if r.err != nil {
		return nil
	}
	return r.input[r.off:r.end:r.end]
}

// Fixed reads exactly n bytes, or nil when fewer remain. The result aliases the input.
func (r *Reader) Fixed(n int) []byte { return r.take(KindFixed, n) }

func (r *Reader) take(kind Kind, n int) []byte {
	if r.err != nil {
		return nil
	}
	if r.end-r.off < n {
		r.runOut(r.off, "needs %d bytes, %d remain", n, r.end-r.off)
		return nil
	}
	start := r.off
	r.off += n
	if r.spans != nil {
		r.note(Span{Kind: kind, Start: start, Body: start})
	}
	return r.input[start:r.off:r.off]
}

// Optional reads the presence octet of an optional value (RFC 9420, Section 2.1.1).
func (r *Reader) Optional() bool {
	if r.err == nil && r.off < r.end && r.input[r.off] > 1 {
		r.Failf("presence octet is %d, not 0 or 1", r.input[r.off])
	}
	b := r.take(KindOptional, 1)
	return b != nil && b[0] == 1
}

// header reads a vector header (RFC 9420, Section 2.1.2) and makes sure that so many bytes remain. A recording reader
// takes those that do, and reports how many are missing; otherwise that is an error.
func (r *Reader) header() (n, short int) {
	if r.err != nil {
		return 0, 0
	}
	n, size, reason := parseLength(r.input[r.off:r.end])
	switch reason {
	case "":
	case noLength, cutLength:
		r.runOut(r.off, "%s", reason)
		return 0, 0
	default:
		r.Failf("%s", reason)
		return 0, 0
	}
	if left := r.end - r.off - size; n > left {
		if !r.cut {
			r.runOut(r.off, shortVector, n, left)
			return 0, 0
		}
		n, short = left, n-left
	}
	r.off += size
	return n, short
}

const shortVector = "vector of %d bytes, %d remain"

// Opaque reads opaque<V>. The result aliases the input; it is nil when empty.
func (r *Reader) Opaque() []byte { return r.opaque(KindOpaque, 1) }

// Numbers reads a vector of numbers of width bytes each, as bytes. The result aliases the input; it is nil when empty.
func (r *Reader) Numbers(width int) []byte { return r.opaque(KindNumbers, width) }

func (r *Reader) opaque(kind Kind, width int) []byte {
	start := r.off
	n, short := r.header()
	if r.err != nil {
		return nil
	}
	body := r.off
	if (n+short)%width != 0 {
		r.FailAt(start, "vector of %d-byte numbers is %d bytes long", width, n+short)
		return nil
	}
	r.off += n
	if r.spans != nil {
		r.note(Span{Kind: kind, Width: uint8(width), Start: start, Body: body, Short: short})
	}
	r.failShort(start, n, short)
	if n == 0 || r.err != nil {
		return nil
	}
	return r.input[body:r.off:r.off]
}

// failShort makes the reader fail with the error that header left out, if it did.
func (r *Reader) failShort(start, n, short int) {
	if short > 0 {
		r.runOut(start, shortVector, n+short, n)
	}
}

// Vector reads a vector whose elements read consumes one at a time until the vector's end. Each element must consume
// at least one byte and none may reach beyond the end.
func (r *Reader) Vector(read func(*Reader)) {
	if r.counting {
		r.Opaque() // what is in the elements that are counted does not matter
		return
	}
	start, at := r.off, 0
	n, short := r.header()
	if r.err != nil {
		return
	}
	if r.spans != nil {
		at = r.enter(Span{Kind: KindVector, Start: start, Body: r.off, Short: short})
	}
	outer, whole := r.end, r.whole
	r.end, r.whole = r.off+n, whole || short == 0
	elements := r.elements(read)
	r.end, r.whole = outer, whole
	if r.spans != nil {
		r.leave(at, elements)
	}
	r.failShort(start, n, short)
}

// elements calls read until the vector's end, and returns how often.
func (r *Reader) elements(read func(*Reader)) (n int) {
	for ; r.err == nil && r.off < r.end; n++ {
		before := r.off
		if read(r); r.err == nil && r.off == before {
			r.Failf("vector element is empty")
		}
	}
	return n
}

// Since returns the input from offset start to the present position, aliasing it.
func (r *Reader) Since(start int) []byte {
	if r.err != nil {
		return nil
	}
	return r.input[start:r.off:r.off]
}
