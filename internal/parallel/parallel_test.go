package parallel

import (
	"io"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestChunksCoverEachElementOnce(t *testing.T) {
	for _, procs := range []int{1, 2, 7} {
		old := runtime.GOMAXPROCS(procs)
		for _, n := range []int{0, 1, 5, 64, 65, 1000} {
			for _, size := range []int{1, 7, 64, 2000} {
				seen := make([]atomic.Int32, n)
				Chunks(n, size, func(lo, hi int) {
					require.LessOrEqual(t, hi-lo, size)
					for i := lo; i < hi; i++ {
						seen[i].Add(1)
					}
				})
				for i := range seen {
					require.Equal(t, int32(1), seen[i].Load(), "element %d of %d in chunks of %d", i, n, size)
				}
			}
		}
		runtime.GOMAXPROCS(old)
	}
}

// TestAttackPanic: a panic on another goroutine reaches the caller, who may recover from it.
func TestAttackPanic(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	for bad := range 8 {
		var begun atomic.Int32
		caught := func() (v any) {
			defer func() { v = recover() }()
			Chunks(8, 1, func(lo, _ int) {
				begun.Add(1)
				if lo == bad {
					panic(io.ErrUnexpectedEOF)
				}
				runtime.Gosched()
			})
			return nil
		}()
		require.ErrorIs(t, caught.(error), io.ErrUnexpectedEOF)
		require.ErrorContains(t, caught.(error), "TestAttackPanic", "it says where")
		require.LessOrEqual(t, begun.Load(), int32(8))
	}
	require.PanicsWithValue(t, "alone", func() { Chunks(1, 1, func(int, int) { panic("alone") }) })
	require.NoError(t, (&Panic{Value: "no error"}).Unwrap())
}
