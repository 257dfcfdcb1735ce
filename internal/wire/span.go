package wire

// Kind says what a Span covers.
type Kind uint8

// The kinds of spans (RFC 9420, Section 2.1).
const (
	KindStruct   Kind = iota // a structure; its fields follow, one level deeper
	KindVector               // T<V>; its elements follow, one level deeper
	KindOptional             // the presence octet of optional<T>; the value follows on the same level
	KindNumber               // uint8 to uint64
	KindFixed                // opaque[n]
	KindOpaque               // opaque<V>
	KindNumbers              // a vector of uint16 or uint32, Width bytes each
)

// Span is a part of an input that a Reader has read.
type Span struct {
	Kind   Kind
	Width  uint8  // of each number, when Kind is KindNumbers
	Depth  int    // 0 for the outermost structure
	Field  string // RFC name; for an element of a vector the vector's; empty for the outermost structure
	Struct string // RFC name, when Kind is KindStruct

	Start int // offset in the input, of the header where there is one
	Body  int // offset of what follows the header; Start where there is none
	End   int // offset after the last byte
	Short int // how many of the bytes that the header announces are missing

	Elements int // how many elements were read, when Kind is KindVector
}

// Record makes the reader append a Span to spans for everything that it reads from now on, in the order of the input, until
// there are limit of them. A recording reader skims. It accepts and refuses the same inputs as any other, but when fewer bytes
// remain than a vector's header announces, it goes on through those that do: the picture and the error then reach as far as the
// input.
func (r *Reader) Record(spans *[]Span, limit int) {
	r.spans, r.limit, r.cut, r.skims = spans, limit, true, true
}

// Unrecorded returns how many spans there would be beyond the limit.
func (r *Reader) Unrecorded() int { return r.left }

// note records what was read since start, and reports whether there was room.
func (r *Reader) note(s Span) bool {
	if len(*r.spans) >= r.limit {
		r.left++
		return false
	}
	s.Depth, s.Field, s.End = r.depth, r.field, r.off
	*r.spans = append(*r.spans, s)
	return true
}

// enter begins a span that holds others; leave ends it.
func (r *Reader) enter(s Span) (at int) {
	at = -1
	if r.note(s) {
		at = len(*r.spans) - 1
	}
	r.depth++
	return at
}

func (r *Reader) leave(at, elements int) {
	r.depth--
	if at >= 0 {
		(*r.spans)[at].End, (*r.spans)[at].Elements = r.off, elements
	}
}
