package wire

// MaxLength is the largest length that a vector header can carry (RFC 9420, Section 2.1.2).
const MaxLength = 1<<30 - 1

// AppendLength appends the shortest header for a vector of n bytes (RFC 9420, Section 2.1.2). The caller keeps n
// between 0 and MaxLength; Writer does so for every vector it writes.
func AppendLength(b []byte, n int) []byte {
	switch {
	case n < 1<<6:
		return append(b, byte(n))
	case n < 1<<14:
		return append(b, 0x40|byte(n>>8), byte(n))
	default:
		return append(b, 0x80|byte(n>>24), byte(n>>16), byte(n>>8), byte(n))
	}
}

// LengthSize returns the number of bytes that AppendLength appends for n.
func LengthSize(n int) int {
	switch {
	case n < 1<<6:
		return 1
	case n < 1<<14:
		return 2
	default:
		return 4
	}
}

// Why parseLength fails when bytes are missing.
const (
	noLength  = "vector length is missing"
	cutLength = "vector length is cut off"
)

// parseLength reads a vector header. It reports the length, the size of the header, and a reason when the header is
// cut off, reserved, or longer than it needs to be.
func parseLength(b []byte) (n, size int, reason string) {
	if len(b) == 0 {
		return 0, 0, noLength
	}
	if b[0]>>6 == 3 {
		return 0, 0, "vector length has the reserved prefix 11"
	}
	size = 1 << (b[0] >> 6)
	if len(b) < size {
		return 0, 0, cutLength
	}
	n = int(b[0] & 0x3f)
	for _, c := range b[1:size] {
		n = n<<8 | int(c)
	}
	if LengthSize(n) != size {
		return 0, 0, "vector length is not in its shortest form"
	}
	return n, size, ""
}

// ParseLength reads a vector header from the front of b without looking at the vector (RFC 9420, Section 2.1.2). It
// reports the length and the size of the header, and fails with a *SyntaxError.
func ParseLength(b []byte) (n, size int, err error) {
	n, size, reason := parseLength(b)
	if reason != "" {
		return 0, 0, &SyntaxError{Struct: "vector", Reason: reason}
	}
	return n, size, nil
}
