package framing

import (
	"github.com/copse-mls/copse/internal/wire"
)

// SyntaxError says that bytes are not an encoding of the structure that was expected: which structure, at which
// offset, and why.
type SyntaxError = wire.SyntaxError

// Value is any structure of RFC 9420 that this package defines. Only this package implements it.
type Value interface {
	encode(w *wire.Writer)
	decode(r *wire.Reader)
	structName() string // RFC name, for errors
}

// Marshal encodes v.
func Marshal(v Value) ([]byte, error) { return Append(nil, v) }

// Append appends the encoding of v to dst. It fails when v cannot be encoded: a missing variant, or a vector longer
// than 2^30-1 bytes.
func Append(dst []byte, v Value) ([]byte, error) {
	w := wire.NewWriter(dst)
	v.encode(w)
	return w.Bytes()
}

// Unmarshal decodes data, all of it, into v. It fails with a *SyntaxError. The decoded value refers to a copy of
// data, never to data itself.
func Unmarshal(data []byte, v Value) error {
	return UnmarshalShared(append([]byte(nil), data...), v)
}

// UnmarshalShared is Unmarshal without the copy: the decoded value aliases data, which must not change any more.
func UnmarshalShared(data []byte, v Value) error {
	r := wire.NewReader(v.structName(), data)
	v.decode(r)
	return r.Finish()
}

// Span says what a part of an encoding is: a structure, a vector, or a field with its RFC name and its place.
type Span = wire.Span

// SpanKind says what a Span covers.
type SpanKind = wire.Kind

// The kinds of spans (RFC 9420, Section 2.1).
const (
	SpanStruct   = wire.KindStruct
	SpanVector   = wire.KindVector
	SpanOptional = wire.KindOptional
	SpanNumber   = wire.KindNumber
	SpanFixed    = wire.KindFixed
	SpanOpaque   = wire.KindOpaque
	SpanNumbers  = wire.KindNumbers
)

// Dissect is UnmarshalShared for tools that explain bytes: it lists everything that was read, in the order of the input,
// each structure and vector before what is in it. It accepts and refuses the same data, but when data is cut short it
// reads on to its very end, so that the last span and the error tell how far the data made sense.
func Dissect(data []byte, v Value) ([]Span, error) {
	r := wire.NewReader(v.structName(), data)
	var spans []Span
	r.Record(&spans)
	r.Struct(v.structName(), v.decode)
	return spans, r.Finish()
}
