package wire

import (
	"encoding/binary"
	"fmt"
)

// Writer appends values to a buffer. It keeps its first error, such as a vector too long for its header, and Bytes
// reports it.
type Writer struct {
	buf []byte
	err error
}

// NewWriter appends to buf, which may be nil.
func NewWriter(buf []byte) *Writer { return &Writer{buf: buf} }

// Bytes returns the buffer with all that was written, or the first error.
func (w *Writer) Bytes() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	return w.buf, nil
}

// Len returns the length of the buffer, with what it held at the start.
func (w *Writer) Len() int { return len(w.buf) }

// Failf records an error unless an earlier one is recorded already.
func (w *Writer) Failf(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf("mls: encoding: "+format, args...)
	}
}

// Uint8 appends one byte.
func (w *Writer) Uint8(v uint8) { w.buf = append(w.buf, v) }

// Uint16 appends a big-endian 16-bit number.
func (w *Writer) Uint16(v uint16) { w.buf = binary.BigEndian.AppendUint16(w.buf, v) }

// Uint32 appends a big-endian 32-bit number.
func (w *Writer) Uint32(v uint32) { w.buf = binary.BigEndian.AppendUint32(w.buf, v) }

// Uint64 appends a big-endian 64-bit number.
func (w *Writer) Uint64(v uint64) { w.buf = binary.BigEndian.AppendUint64(w.buf, v) }

// Raw appends bytes without a header: a value of fixed size, or one that is encoded already.
func (w *Writer) Raw(b []byte) { w.buf = append(w.buf, b...) }

// Optional appends the presence octet of an optional value (RFC 9420, Section 2.1.1).
func (w *Writer) Optional(present bool) {
	if present {
		w.Uint8(1)
	} else {
		w.Uint8(0)
	}
}

// Opaque appends opaque<V>.
func (w *Writer) Opaque(b []byte) {
	if w.length(len(b)) {
		w.Raw(b)
	}
}

// Text appends a string as opaque<V>.
func (w *Writer) Text(s string) {
	if w.length(len(s)) {
		w.buf = append(w.buf, s...)
	}
}

// Vector appends a vector whose contents write appends.
func (w *Writer) Vector(write func(*Writer)) {
	start := len(w.buf)
	w.buf = append(w.buf, 0) // one byte of header suffices for most vectors
	write(w)
	n := len(w.buf) - start - 1
	if n > MaxLength {
		w.Failf("vector of %d bytes is longer than %d", n, MaxLength)
		return
	}
	if extra := LengthSize(n) - 1; extra > 0 {
		w.buf = append(w.buf, make([]byte, extra)...)
		copy(w.buf[start+1+extra:], w.buf[start+1:])
	}
	AppendLength(w.buf[:start], n)
}

func (w *Writer) length(n int) bool {
	if n > MaxLength {
		w.Failf("vector of %d bytes is longer than %d", n, MaxLength)
		return false
	}
	w.buf = AppendLength(w.buf, n)
	return w.err == nil
}
