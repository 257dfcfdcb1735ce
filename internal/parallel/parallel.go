// Package parallel spreads independent public-key operations and hashes over the cores. Call Chunks. Nothing else in the
// engine starts goroutines.
package parallel

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
)

// Chunks calls work on consecutive ranges [lo, hi) that together cover [0, n), each of at most size elements, on as
// many goroutines as there are processors (GOMAXPROCS), and returns when all calls have returned. With one chunk, or
// one processor, everything runs on the calling goroutine. work must be safe to call concurrently. If it panics, so does
// Chunks, on the calling goroutine and after all calls have returned, with a *Panic if there was more than one goroutine:
// a panic that nobody can recover from would end the whole program.
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
	var first atomic.Pointer[Panic]
	guarded := func() {
		defer func() {
			if v := recover(); v != nil {
				first.CompareAndSwap(nil, &Panic{v, debug.Stack()})
				next.Store(int64(n)) // nobody begins another chunk
			}
		}()
		run()
	}
	var wg sync.WaitGroup
	for range workers - 1 {
		wg.Go(guarded)
	}
	guarded()
	wg.Wait()
	if p := first.Load(); p != nil {
		panic(p)
	}
}

// Panic is what Chunks panics with when work panicked on one of its goroutines.
type Panic struct {
	Value any    // what work panicked with
	Stack []byte // of the goroutine where it did
}

// Error shows the value and where it came from, for a program that ends by it.
func (p *Panic) Error() string { return fmt.Sprintf("parallel: %v\n\n%s", p.Value, p.Stack) }

// Unwrap returns the value if it is an error.
func (p *Panic) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}
