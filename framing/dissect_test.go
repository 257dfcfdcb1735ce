package framing

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/internal/wire"
)

// TestDissect holds the spans of every structure against what they promise: they nest, they leave no byte out, and
// each field of a structure has a name of its own.
func TestDissect(t *testing.T) {
	for _, v := range kinds() {
		t.Run(v.structName(), rapid.MakeCheck(func(t *rapid.T) {
			data, err := Marshal(sampleOf(v).Draw(t, "sample"))
			require.NoError(t, err)
			spans, left, err := Dissect(data, fresh(v), nil, math.MaxInt)
			require.NoError(t, err)
			require.Zero(t, left)
			require.Equal(t, v.structName(), spans[0].Struct)
			require.Equal(t, len(data), spans[0].End)
			require.Equal(t, len(spans), checkSpan(t, spans, 0), "all spans lie below the first")
		}))
	}
}

// checkSpan checks spans[at] and those within it, and returns where the next one on the level of at stands.
func checkSpan(t *rapid.T, spans []Span, at int) int {
	s := spans[at]
	next, end := at+1, s.Body
	names := map[string]wire.Kind{}
	for next < len(spans) && spans[next].Depth > s.Depth {
		child := spans[next]
		require.Equal(t, s.Depth+1, child.Depth)
		require.Equal(t, end, child.Start, "%s.%s begins where the one before it ended", s.Struct, child.Field)
		if s.Kind == wire.KindStruct {
			kind, repeated := names[child.Field]
			require.True(t, !repeated || kind == wire.KindOptional, "%s has two fields %q", s.Struct, child.Field)
			require.True(t, child.Field != "" || s.Struct == "Proposal", "a field of %s has no name", s.Struct)
			names[child.Field] = child.Kind
		}
		end = child.End
		next = checkSpan(t, spans, next)
	}
	switch s.Kind {
	case wire.KindStruct, wire.KindVector:
		require.Equal(t, s.End, end, "%s leaves nothing out", s.Struct)
	default:
		require.Equal(t, at+1, next, "only structures and vectors hold spans")
	}
	return next
}

// TestDissectPrefixes cuts each sample at every place. Dissect has to refuse it, as Unmarshal does, and to get to within
// the last number before the cut.
func TestDissectPrefixes(t *testing.T) {
	for _, v := range kinds() {
		t.Run(v.structName(), rapid.MakeCheck(func(t *rapid.T) {
			data, err := Marshal(sampleOf(v).Draw(t, "sample"))
			require.NoError(t, err)
			if len(data) == 0 {
				return // a SelfRemove has no beginning
			}
			n := rapid.IntRange(0, len(data)-1).Draw(t, "length")
			spans, _, err := Dissect(data[:n], fresh(v), nil, math.MaxInt)
			var syntax *SyntaxError
			require.True(t, errors.As(err, &syntax))
			require.LessOrEqual(t, syntax.Offset, n)
			require.True(t, syntax.Incomplete, "%v", err)
			require.Error(t, Unmarshal(data[:n], fresh(v)))
			reached := spans[len(spans)-1].End
			for i := range spans {
				reached = max(reached, spans[i].End)
			}
			require.Less(t, n-reached, 8, "%v", err)
		}))
	}
}

// FuzzDissect holds Dissect against Unmarshal: the same bytes are accepted, and errors are of the same kind.
func FuzzDissect(f *testing.F) {
	f.Add(byte(0), []byte{0, 1, 0, 5, 0, 1, 0, 1, 32, 1, 2, 3})
	f.Fuzz(func(t *testing.T, kind byte, data []byte) {
		v := kinds()[int(kind)%len(kinds())]
		spans, _, err := Dissect(data, fresh(v), nil, math.MaxInt)
		require.Equal(t, err == nil, Unmarshal(data, v) == nil, "%v", err)
		require.LessOrEqual(t, len(spans), 16*(len(data)+1))
		for _, s := range spans {
			require.True(t, 0 <= s.Start && s.Start <= s.Body && s.Body <= s.End && s.End <= len(data))
		}
	})
}
