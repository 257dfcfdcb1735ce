// Package parallel is the one place in the engine that starts goroutines: to spread independent public-key
// operations and hashes over the cores.
package parallel

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// Chunks calls work on consecutive ranges [lo, hi) that together cover [0, n), each of at most size elements, on as
// many goroutines as there are processors (GOMAXPROCS), and returns when all calls have returned. With one chunk, or
// one processor, everything runs on the calling goroutine. work must be safe to call concurrently.
func Chunks(n, size int, work func(lo, hi int)) {
	chunks := (n + size - 1) / size
	workers := min(runtime.GOMAXPROCS(0), chunks)
	if workers <= 1 {
		for lo := 0; lo < n; lo += size {
			work(lo, min(lo+size, n))
		}
		return
	}
	var next atomic.Int64
	run := func() {
		for {
			lo := (int(next.Add(1)) - 1) * size
			if lo >= n {
				return
			}
			work(lo, min(lo+size, n))
		}
	}
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(run)
	}
	run()
	wg.Wait()
}
