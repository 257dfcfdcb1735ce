package wire

import (
	"errors"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCharge(t *testing.T) {
	for _, c := range []struct{ input, n, size, most int }{
		{0, 1, FreeMemory, FreeMemory}, // whatever the input
		{1 << 20, 1 << 20, 1, 13 << 19},
	} {
		r := NewReader("Test", make([]byte, c.input))
		for spent := c.n * c.size; spent <= c.most; spent += c.n * c.size {
			require.True(t, r.Charge(c.n, uintptr(c.size)))
		}
		require.False(t, r.Field("list").Charge(c.n, uintptr(c.size)))
		var syntax *SyntaxError
		require.ErrorAs(t, r.Finish(), &syntax)
		require.True(t, syntax.Excess)
		require.Equal(t, "list", syntax.Field)
		require.False(t, r.Charge(0, 0), "after an error")
	}
	require.False(t, NewReader("Test", nil).Charge(math.MaxInt32, math.MaxInt32))
	r := NewReader("Test", nil)
	r.Unbound()
	require.True(t, r.Charge(1<<30, 100))
}

// Large pieces of memory come in pages, and small ones in sizes of which there are few.
func TestAllocated(t *testing.T) {
	for n, want := range map[int64]int64{0: 0, 7: 7, 32: 32, 33: 48, 40: 48, 4096: 4608, 32 << 10: 36 << 10, 32<<10 + 1: 40 << 10, 1 << 20: 1 << 20} {
		require.Equal(t, want, allocated(n), "%d", n)
	}
}

func TestCount(t *testing.T) {
	spans := []Span{}
	count := func(input []byte, recorded bool) (elements, values int, err error) {
		r := NewReader("Test", input)
		if recorded {
			r.Record(&spans, math.MaxInt)
		}
		r.Vector(func(r *Reader) {
			if elements == 0 {
				at, noted := r.Offset(), len(spans)
				r.Count(func(r *Reader) {
					require.True(t, r.Skims())
					elements++
					r.Field("inner").Vector(func(*Reader) { t.Error("vectors within are passed over") })
					r.Count(func(*Reader) { t.Error("counting does not count") })
					require.True(t, r.Err() != nil || r.Charge(1<<30, 100), "nothing is kept")
				})
				require.NoError(t, r.Err())
				require.Equal(t, at, r.Offset())
				require.Len(t, spans, noted)
				require.Equal(t, recorded, r.Skims())
			}
			r.Vector(func(r *Reader) { values += int(r.Uint8()) })
		})
		return elements, values, r.Finish()
	}
	for _, recorded := range []bool{false, true} {
		elements, values, err := count([]byte{6, 2, 1, 2, 0, 1, 7}, recorded)
		require.NoError(t, err)
		require.Equal(t, []int{3, 10}, []int{elements, values})
		elements, _, err = count([]byte{6, 2, 1, 2, 0, 9, 7}, recorded)
		require.Error(t, err)
		require.Equal(t, 3, elements, "the last one cannot be read")
	}
	r := NewReader("Test", nil)
	r.Reject(errors.New("earlier"))
	r.Count(func(*Reader) { t.Error("after an error") })
}

func TestRecordLimit(t *testing.T) {
	input := []byte{7, 1, 0, 9, 3, 1, 'a', 0, 4, 0, 1, 0, 2, 5, 6}
	all, err := record(input)
	require.NoError(t, err)
	for limit := range len(all) + 1 {
		var spans []Span
		r := NewReader("Sample", input)
		r.Record(&spans, limit)
		r.Struct("Sample", readSample)
		require.NoError(t, r.Finish())
		require.Equal(t, len(all)-limit, r.Unrecorded())
		require.Equal(t, all[:limit], append([]Span{}, spans...), "with their ends")
	}
}
