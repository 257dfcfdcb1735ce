package main

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
)

// defaultRounds is enough for the best of them to be undisturbed on a busy machine.
const defaultRounds = 9

// Env is what rows measure with.
type Env struct {
	suite    *ciphersuite.Suite // suite 1, for which the limits are set
	rounds   int
	progress *progress
	fixtures *fixtureCache
}

func newEnv(rounds int, p *progress) (*Env, error) {
	suite, err := ciphersuite.New(ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519)
	if err != nil {
		return nil, err
	}
	return &Env{suite: suite, rounds: rounds, progress: p, fixtures: new(fixtureCache)}, nil
}

// work is a piece of work that does something a number of times. It should take milliseconds or more.
type work struct {
	times int
	run   func() error
}

// comparison is two pieces of work of which each time costs the same kind of thing, such as one signature.
type comparison struct {
	each                   string // what is done each time
	numerator, denominator work
}

// compare times both sides by turns and returns the ratio of the best times. All runs on one processor, so that the
// ratio is one of work, and spreading a batch over processors does not flatter it.
func (e *Env) compare(ctx context.Context, c comparison) (float64, string, error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	var times [2][]float64 // per round, in nanoseconds for each time
	var ratios []float64
	for round := range e.rounds {
		e.progress.show("round %d of %d", round+1, e.rounds)
		for side, w := range []work{c.numerator, c.denominator} {
			if err := ctx.Err(); err != nil {
				return 0, "", err
			}
			t, err := w.time()
			if err != nil {
				return 0, "", err
			}
			times[side] = append(times[side], t)
		}
		ratios = append(ratios, times[0][round]/times[1][round])
	}
	best := [2]float64{slices.Min(times[0]), slices.Min(times[1])}
	slices.Sort(ratios)
	return best[0] / best[1], fmt.Sprintf("%s against %s %s, best of %d rounds; median ratio %.3f",
		duration(best[0]), duration(best[1]), c.each, e.rounds, ratios[len(ratios)/2]), nil
}

// time returns the nanoseconds that one repetition takes. It collects the garbage of others before.
func (w work) time() (float64, error) {
	runtime.GC()
	start := time.Now()
	err := w.run()
	return float64(time.Since(start)) / float64(w.times), err
}

// duration writes nanoseconds with three digits or four.
func duration(ns float64) string {
	switch {
	case ns < 1e4:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.1f µs", ns/1e3)
	}
	return fmt.Sprintf("%.1f ms", ns/1e6)
}

// heap returns the number of bytes in use, garbage collected. It takes two collections to free what has a finalizer.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// await returns what build returns, but does not wait for it when ctx ends.
func await[T any](ctx context.Context, build func() (T, error)) (T, error) {
	var (
		built T
		err   error
		done  = make(chan struct{})
	)
	go func() {
		defer close(done)
		built, err = build()
	}()
	select {
	case <-done:
		return built, err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}
