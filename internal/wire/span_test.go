package wire

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func readSample(r *Reader) {
	r.Field("kind").Uint8()
	if r.Field("more").Optional() {
		r.Uint16()
	}
	r.Field("list").Vector(func(r *Reader) {
		r.Struct("Entry", func(r *Reader) { r.Field("name").Opaque() })
	})
	r.Field("codes").Numbers(2)
	r.Field("guard").Fixed(2)
}

func record(input []byte) (spans []Span, err error) {
	r := NewReader("Sample", input)
	r.Record(&spans, math.MaxInt)
	r.Struct("Sample", readSample)
	return spans, r.Finish()
}

func TestRecord(t *testing.T) {
	input := []byte{7, 1, 0, 9, 3, 1, 'a', 0, 4, 0, 1, 0, 2, 5, 6}
	spans, err := record(input)
	require.NoError(t, err)
	require.Equal(t, []Span{
		{Kind: KindStruct, Struct: "Sample", End: 15},
		{Kind: KindNumber, Depth: 1, Field: "kind", End: 1},
		{Kind: KindOptional, Depth: 1, Field: "more", Start: 1, Body: 1, End: 2},
		{Kind: KindNumber, Depth: 1, Field: "more", Start: 2, Body: 2, End: 4},
		{Kind: KindVector, Depth: 1, Field: "list", Start: 4, Body: 5, End: 8, Elements: 2},
		{Kind: KindStruct, Struct: "Entry", Depth: 2, Field: "list", Start: 5, Body: 5, End: 7},
		{Kind: KindOpaque, Width: 1, Depth: 3, Field: "name", Start: 5, Body: 6, End: 7},
		{Kind: KindStruct, Struct: "Entry", Depth: 2, Field: "list", Start: 7, Body: 7, End: 8},
		{Kind: KindOpaque, Width: 1, Depth: 3, Field: "name", Start: 7, Body: 8, End: 8},
		{Kind: KindNumbers, Width: 2, Depth: 1, Field: "codes", Start: 8, Body: 9, End: 13},
		{Kind: KindFixed, Depth: 1, Field: "guard", Start: 13, Body: 13, End: 15},
	}, spans)

	r := NewReader("Sample", input)
	require.Zero(t, testing.AllocsPerRun(10, func() { *r = *NewReader("Sample", input); readSample(r) }))
	require.NoError(t, r.Finish())
}

// TestRecordCut shows that the error is about the place where the input ends, and not about the header before it.
func TestRecordCut(t *testing.T) {
	for _, c := range []struct {
		input []byte
		field string
		at    int
		more  bool  // bytes might help
		short []int // of the last spans
	}{
		{[]byte{7, 0, 9, 4, 'a', 'b'}, "Entry.name", 3, true, []int{6, 0, 2}},
		{[]byte{7, 0, 9, 2, 'a', 'b'}, "Sample.list", 2, true, []int{6, 0, 0}},
		{[]byte{7, 0, 9}, "Sample.list", 2, true, []int{9}},
		{[]byte{7, 0, 9, 0x40}, "Entry.name", 3, true, []int{8, 0}},
		{[]byte{7, 0, 0, 4, 0, 1, 0}, "Sample.codes", 3, true, []int{1}},
		{[]byte{7, 0, 0, 0, 5}, "Sample.guard", 4, true, []int{0, 0}},
		{[]byte{7, 0, 3, 1, 'a', 1}, "Entry.name", 5, false, []int{0, 0, 0, 1}},
		{[]byte{7, 2}, "Sample.more", 1, false, []int{0}},
		{[]byte{7, 0, 0, 0, 5, 6, 1}, "Sample", 6, false, []int{0}},
	} {
		spans, err := record(c.input)
		var syntax *SyntaxError
		require.ErrorAs(t, err, &syntax)
		name := syntax.Struct
		if syntax.Field != "" {
			name += "." + syntax.Field
		}
		require.Equal(t, c.field, name, "%x: %v", c.input, err)
		require.Equal(t, c.at, syntax.Offset, "%x: %v", c.input, err)
		require.Equal(t, c.more, syntax.Incomplete, "%x: %v", c.input, err)
		var short []int
		for _, s := range spans[len(spans)-len(c.short):] {
			short = append(short, s.Short)
		}
		require.Equal(t, c.short, short, "%x", c.input)

		plain := NewReader("Sample", c.input)
		readSample(plain)
		require.Error(t, plain.Finish(), "%x", c.input)
	}
}
