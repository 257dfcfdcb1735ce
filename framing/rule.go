package framing

import "fmt"

// RuleError says which rule of the validation ledger, docs/validation.md, an object breaks. Rule is the rule's stable
// ID, such as V-LN-05; Leaf is the offending leaf where there is one, else NoLeaf.
type RuleError struct {
	Rule   string
	Leaf   LeafIndex
	Detail string
	Err    error // what lies beneath, if anything
}

func (e *RuleError) Error() string {
	s := "mls: rule " + e.Rule
	if e.Leaf != NoLeaf {
		s += fmt.Sprintf(", leaf %d", e.Leaf)
	}
	s += ": " + e.Detail
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *RuleError) Unwrap() error { return e.Err }
