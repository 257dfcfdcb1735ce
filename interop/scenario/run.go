package scenario

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"time"
)

// maxPlays is the largest number of plays in one run: more would take days.
const maxPlays = 1_000_000

// Params say what Run plays.
type Params struct {
	Clients []*Client
	Scripts []*Script
	Suite   uint16 // 0 for every suite that some client has
	Public  bool   // handshake messages as PublicMessage
	Private bool   // handshake messages as PrivateMessage
	Sample  int    // how many assignments of clients to actors, chosen by Seed; 0 for every one
	Seed    uint64 // decides the sample, group ids, PSKs and messages
	Lenient bool   // passes over clients that return nothing from StateAuth or Export, or lack them
	Timeout time.Duration
	Workers int // plays at the same time; 0 for one for each processor

	// Progress, if set, is called after each play with the number of plays done and of all, not concurrently.
	Progress func(done, total int)
}

// job is a play that has not begun.
type job struct {
	script  *Script
	suite   uint16
	private bool
	cast    []*Client // in the order of Script.Actors
}

// Run plays the scripts, several at a time. What does not hold is in the Report and is no error. It fails when there is
// nothing to play or too much, and when ctx ends.
func Run(ctx context.Context, p Params) (*Report, error) {
	jobs, err := p.plan()
	if err != nil {
		return nil, err
	}
	report := newReport(&p)
	report.Plays = make([]*Play, len(jobs))
	start := time.Now()
	workers := p.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	next, done := 0, 0
	for range workers {
		wg.Go(func() {
			for {
				mu.Lock()
				i := next
				next++
				mu.Unlock()
				if i >= len(jobs) || ctx.Err() != nil {
					return
				}
				report.Plays[i] = p.play(ctx, jobs[i])
				mu.Lock()
				done++
				if p.Progress != nil {
					p.Progress(done, len(jobs))
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	report.Elapsed = time.Since(start)
	report.sum()
	return report, nil
}

// plan lists the plays.
func (p *Params) plan() ([]job, error) {
	var jobs []job
	for _, script := range p.Scripts {
		for _, suite := range p.suites() {
			able := slices.DeleteFunc(slices.Clone(p.Clients), func(c *Client) bool { return !c.supports(suite) })
			name := fmt.Sprintf("%s/%s/%d", script.File, script.Name, suite)
			casts, err := p.casts(able, len(script.Actors), name)
			if err != nil {
				return nil, err
			}
			for _, private := range p.modes() {
				for _, cast := range casts {
					jobs = append(jobs, job{script, suite, private, cast})
				}
			}
			if len(jobs) > maxPlays {
				return nil, fmt.Errorf("more than %d plays: choose a sample", maxPlays)
			}
		}
	}
	if len(jobs) == 0 {
		return nil, fmt.Errorf("nothing to play: %d scripts, no client for cipher suite %d", len(p.Scripts), p.Suite)
	}
	return jobs, nil
}

// suites returns the cipher suites that at least one client has, or the one that was asked for.
func (p *Params) suites() []uint16 {
	var out []uint16
	for _, c := range p.Clients {
		for _, suite := range c.Suites {
			if p.Suite == 0 || p.Suite == suite {
				out = append(out, suite)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (p *Params) modes() []bool {
	switch {
	case p.Public && !p.Private:
		return []bool{false}
	case p.Private && !p.Public:
		return []bool{true}
	}
	return []bool{false, true}
}

// casts lists assignments of clients to actors: every one, or a sample.
func (p *Params) casts(able []*Client, actors int, name string) ([][]*Client, error) {
	all := math.Pow(float64(len(able)), float64(actors))
	if p.Sample <= 0 || all <= float64(p.Sample) {
		if all > maxPlays {
			return nil, fmt.Errorf("%s: %.0f assignments of %d clients to %d actors: choose a sample", name, all, len(able), actors)
		}
		out := make([][]*Client, int(all))
		for i := range out {
			out[i] = cast(able, actors, uint64(i))
		}
		return out, nil
	}
	choose := rand.New(p.random(name))
	seen := map[string]bool{}
	var out [][]*Client
	for len(out) < p.Sample {
		if c, name := draw(choose, able, actors); !seen[name] {
			seen[name] = true
			out = append(out, c)
		}
	}
	return out, nil
}

// draw returns an assignment by chance, and a name for it. A number is drawn for as many actors as fit into one.
func draw(choose *rand.Rand, able []*Client, actors int) (out []*Client, name string) {
	for len(out) < actors {
		n, all := 0, uint64(1)
		for ; len(out)+n < actors && all <= 1<<62/uint64(len(able)); n++ {
			all *= uint64(len(able))
		}
		number := choose.Uint64N(all)
		out, name = append(out, cast(able, n, number)...), fmt.Sprint(name, " ", number)
	}
	return out, name
}

// cast returns the assignment with a number, each digit of which stands for a client.
func cast(able []*Client, actors int, number uint64) []*Client {
	out := make([]*Client, actors)
	for i := range out {
		out[i] = able[number%uint64(len(able))]
		number /= uint64(len(able))
	}
	return out
}

// random returns a stream of random bytes that the seed and a name determine.
func (p *Params) random(name string) *rand.ChaCha8 {
	return rand.NewChaCha8(sha256.Sum256(append(binary.BigEndian.AppendUint64(nil, p.Seed), name...)))
}

// play plays a job.
func (p *Params) play(ctx context.Context, j job) *Play {
	out := &Play{File: j.script.File, Script: j.script.Name, CipherSuite: j.suite, Private: j.private}
	seats := map[string]*Client{}
	for i, actor := range j.script.Actors {
		seats[actor] = j.cast[i]
		out.Actors = append(out.Actors, Seat{actor, j.cast[i].Name, j.cast[i].Address})
	}
	playing := &play{ctx: ctx, timeout: p.Timeout, script: j.script, suite: j.suite, private: j.private,
		lenient: p.Lenient, seats: seats, rand: p.random(out.name())}
	start := time.Now()
	step, err := playing.run()
	out.Time = time.Since(start)
	if err == nil {
		return out
	}
	if why, ok := skipped(err); ok {
		out.Skipped = why
		return out
	}
	out.Failure = playing.failure(step, err)
	return out
}
