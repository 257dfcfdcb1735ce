package parallel

import (
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
