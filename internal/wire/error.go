package wire

import "fmt"

// SyntaxError says that bytes are not an encoding of the structure that was expected.
type SyntaxError struct {
	Struct string // RFC name of the innermost structure being read, such as "LeafNode"
	Field  string // RFC name of its field, such as "signature_key"; empty when the structure as a whole is wrong
	Offset int    // position in the whole input of what could not be read
	Reason string // what was wrong there

	// Incomplete says that the input ended too early, and made sense so far.
	Incomplete bool
	// Excess says that the input may well be an encoding, but would take more memory than is allowed for its size.
	Excess bool
}

func (e *SyntaxError) Error() string {
	name := e.Struct
	if e.Field != "" {
		name += "." + e.Field
	}
	return fmt.Sprintf("mls: syntax: %s at offset %d: %s", name, e.Offset, e.Reason)
}
