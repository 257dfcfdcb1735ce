package wire

import "fmt"

// SyntaxError says that bytes are not an encoding of the structure that was expected.
type SyntaxError struct {
	Struct string // RFC name of the innermost structure being read, such as "LeafNode"
	Offset int    // position in the whole input at which reading stopped
	Reason string // what was wrong there
}

func (e *SyntaxError) Error() string {
	return fmt.Sprintf("mls syntax: %s at offset %d: %s", e.Struct, e.Offset, e.Reason)
}
