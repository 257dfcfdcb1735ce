package wire

// RFC 9420, Section 16.11: input of a few bytes for each element of a list makes structures of many times its size. No real
// message has such lists, but for short ones.

// memory bounds what a decoder allocates. With the copy of the input that decoded values refer to, and what the allocator adds,
// it stays below eight times the input.
type memory struct {
	room     int64 // bytes that may still be charged
	unbound  bool
	skims    bool
	counting bool
	spares   map[any]any
}

const (
	// FreeMemory is what decoding may take however short the input is.
	FreeMemory = 256 << 10
	// halfFactor is twice the number of bytes that decoding may take for each byte of a longer input. A Remove in a commit takes
	// 7 bytes in the message and 44 in memory, and there may be as many as the group has members.
	halfFactor = 13
)

func roomFor(n int) int64 { return max(FreeMemory, int64(n)*halfFactor/2) }

// Unbound lifts the bound, for input that this module wrote itself.
func (r *Reader) Unbound() { r.unbound = true }

// Charge counts n values of size bytes that are about to be allocated in one piece. It reports false, and the reader has failed,
// when that would take more memory than the input may.
func (r *Reader) Charge(n int, size uintptr) bool {
	switch {
	case r.err != nil:
		return false
	case r.counting || r.unbound:
		return true
	}
	r.room -= allocated(int64(n) * int64(size))
	if r.room < 0 {
		r.err = &SyntaxError{Struct: r.name, Field: r.field, Offset: r.off, Excess: true,
			Reason: "the elements are so small and so many that they would take more than 6.5 times the memory of the input, which is the limit"}
		return false
	}
	return true
}

// allocated returns about how much the allocator takes for n bytes: it has classes of sizes up to 32 KiB, and then whole pages.
func allocated(n int64) int64 {
	const largest, page = 32 << 10, 8 << 10
	switch {
	case n <= 32:
		return n
	case n <= largest:
		return (n + n/8 + 15) &^ 15
	}
	return (n + page - 1) &^ (page - 1)
}

// Skim makes the reader one that reads for the sake of errors and spans: its decoders keep no lists. It accepts and refuses what
// any other does.
func (r *Reader) Skim() { r.skims = true }

// Skims reports whether a decoder need not keep what it reads.
func (r *Reader) Skims() bool { return r.skims || r.counting }

// Counts reports whether the reader is within Count, and will read the same once more.
func (r *Reader) Counts() bool { return r.counting }

// Spare returns a value that a decoder keeps for itself as long as it skims: the one that create makes for key.
func (r *Reader) Spare(key any, create func() any) any {
	v, ok := r.spares[key]
	if !ok {
		if r.spares == nil {
			r.spares = map[any]any{}
		}
		v = create()
		r.spares[key] = v
	}
	return v
}

// Count calls read for what is left of the vector that is being read, one element at a time, and then goes back to where it
// was. Vectors within the elements are passed over. When an element cannot be read, it is the last one.
func (r *Reader) Count(read func(*Reader)) {
	if r.counting || r.err != nil {
		return
	}
	off, field, spans := r.off, r.field, r.spans
	r.spans, r.counting = nil, true
	r.elements(read)
	r.off, r.field, r.err, r.spans, r.counting = off, field, nil, spans, false
}
