package wire

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSyntaxErrorText(t *testing.T) {
	e := &SyntaxError{Struct: "LeafNode", Field: "signature_key", Offset: 7, Reason: "what is wrong"}
	require.EqualError(t, e, "mls: syntax: LeafNode.signature_key at offset 7: what is wrong")
	e.Field = ""
	require.EqualError(t, e, "mls: syntax: LeafNode at offset 7: what is wrong")
}
