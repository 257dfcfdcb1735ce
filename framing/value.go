package framing

import (
	"bytes"

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
// data, never to data itself. All together takes less than eight times the memory of data, or 256 KiB where that is more:
// lists of so many and so small elements that they would take more are refused. No real message holds such ones.
func Unmarshal(data []byte, v Value) error {
	return unmarshal(bytes.Clone(data), v)
}

// unmarshal decodes data without a copy.
func unmarshal(data []byte, v Value) error { return unmarshalBy(nil, data, v) }

// unmarshalBy does what unmarshal does, with a grammar that decoders ask for.
func unmarshalBy(grammar any, data []byte, v Value) error {
	r := wire.NewReader(v.structName(), data)
	r.Grammar = grammar
	v.decode(r)
	return r.Finish()
}
