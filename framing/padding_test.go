package framing

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestPaddedLength(t *testing.T) {
	for _, c := range []struct {
		name    string
		padding Padding
		in, out int
	}{
		{"none", Padding{}, 17, 17},
		{"step", PadToMultiple(16), 17, 32},
		{"step reached", PadToMultiple(16), 32, 32},
		{"step of nothing", PadToMultiple(16), 0, 0},
		{"step 1", PadToMultiple(1), 17, 17},
		{"step 0", PadToMultiple(0), 17, 17},
		{"negative step", PadToMultiple(-5), 17, 17},
		{"padme 0", Padme(), 0, 0},
		{"padme 1", Padme(), 1, 1},
		{"padme 7", Padme(), 7, 7},
		{"padme 9", Padme(), 9, 10},
		{"padme 1000", Padme(), 1000, 1024},
		{"padme 1025", Padme(), 1025, 1088},
		{"padme 2^20", Padme(), 1 << 20, 1 << 20},
	} {
		require.Equal(t, c.out, c.padding.PaddedLength(c.in), c.name)
	}
	require.Positive(t, PadToMultiple(math.MaxInt).PaddedLength(1<<30-1), "no overflow")
}

func TestPadmeBounds(t *testing.T) {
	distinct := map[int]bool{}
	for n := range 1 << 16 {
		padded := Padme().PaddedLength(n)
		require.GreaterOrEqual(t, padded, n)
		require.LessOrEqual(t, padded-n, max(1, n*12/100))
		require.Equal(t, padded, Padme().PaddedLength(padded), "padding is stable")
		distinct[padded] = true
	}
	require.Less(t, len(distinct), 300, "few lengths remain")
}
