// Package entropy is where the sending operations of mls draw their randomness. Tests of this module put a fixed
// stream in its place; others cannot, for they cannot import it.
package entropy

import (
	"crypto/rand"
	"io"
)

// Source is a source of randomness. The zero Source is crypto/rand.
type Source struct{ r io.Reader }

// From makes a source of r, for tests.
func From(r io.Reader) Source { return Source{r} }

// Reader is the stream to draw from.
func (s Source) Reader() io.Reader {
	if s.r == nil {
		return rand.Reader
	}
	return s.r
}
