package vectors

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
)

// ReplayParams say what Replay runs.
type ReplayParams struct {
	Folder Folder   // from Find
	Only   []string // names of files without .json; all when empty

	// Progress, if set, is called after each case with the number of cases done and of all cases, not concurrently.
	Progress func(done, total int)
}

// job is one case on its way through Replay.
type job struct {
	instance
	file, index int
	failures    []Failure
	skipped     string
	took        time.Duration
}

// Replay runs all cases of the chosen files, several at a time. A check that does not hold is in the Report and is no
// error. Nor is a file that a folder lacks which the user named, unless it lacks all; or a field that this build does not
// know. Replay fails with an *InputError when a file is not what it should be, and with an *UnknownNameError for a name in
// Only that is none of Names.
func Replay(ctx context.Context, p ReplayParams) (*Report, error) {
	chosen, err := choose(p.Only)
	if err != nil {
		return nil, err
	}
	report := &Report{Dir: p.Folder.Dir, Source: p.Folder.Source, Own: p.Folder.Own}
	var jobs []*job
	for i, k := range chosen {
		f := &FileReport{Name: k.name}
		report.Files = append(report.Files, f)
		cases, err := read(p.Folder, k, f)
		if p.Folder.Named && errors.Is(err, fs.ErrNotExist) {
			f.Missing = true
			report.Missing++
			switch {
			case report.Missing < len(chosen):
				continue
			case len(chosen) > 1:
				err = &InputError{Path: p.Folder.Dir, Err: fmt.Errorf("none of %d vector files, such as %s.json: %w", len(chosen), k.name, fs.ErrNotExist)}
			}
		}
		if err != nil {
			return nil, err
		}
		for j, c := range cases {
			jobs = append(jobs, &job{instance: c, file: i, index: j})
		}
	}
	start := time.Now()
	if err := runAll(ctx, jobs, (*job).replay, p.Progress); err != nil {
		return nil, err
	}
	report.Elapsed = time.Since(start)
	for _, j := range jobs {
		report.Files[j.file].add(j)
	}
	report.sum()
	return report, nil
}

// read loads one file and notes when it is not the published one.
func read(folder Folder, k kind, f *FileReport) ([]instance, error) {
	path := filepath.Join(folder.Dir, k.name+".json")
	data, err := readFile(path)
	if err != nil {
		return nil, err
	}
	if sum(data) != published()[k.name+".json"] {
		if !folder.Named && !folder.Own {
			return nil, &InputError{Path: path, Err: errNotOurs}
		}
		if folder.Named {
			f.Note = errNotOurs.Error()
		}
	}
	cases, err := k.load(data)
	if err != nil {
		return nil, &InputError{Path: path, Err: err}
	}
	for _, c := range cases {
		f.Unknown = append(f.Unknown, c.unknown...)
	}
	slices.Sort(f.Unknown)
	f.Unknown = slices.Compact(f.Unknown)
	return cases, nil
}

// replay runs the case and notes how long it took.
func (j *job) replay() {
	start := time.Now()
	j.failures, j.skipped = j.run()
	j.took = time.Since(start)
}

// runAll calls run for each of the jobs, on as many goroutines as there are processors, until ctx ends.
func runAll[J any](ctx context.Context, jobs []J, run func(J), progress func(done, total int)) error {
	var (
		next atomic.Int64
		done int
		mu   sync.Mutex
		wg   sync.WaitGroup
	)
	for range min(runtime.GOMAXPROCS(0), len(jobs)) {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(jobs)) && ctx.Err() == nil; i = next.Add(1) - 1 {
				run(jobs[i])
				if progress != nil {
					mu.Lock()
					done++
					progress(done, len(jobs))
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return ctx.Err()
}

// UnknownNameError says that no file of vectors has this name.
type UnknownNameError struct{ Name string }

func (e *UnknownNameError) Error() string {
	return fmt.Sprintf("no vectors are called %q; there are: %s", e.Name, strings.Join(Names(), ", "))
}

// choose picks the kinds called only, in the order of kinds.
func choose(only []string) ([]kind, error) {
	for _, name := range only {
		if !slices.Contains(Names(), name) {
			return nil, &UnknownNameError{Name: name}
		}
	}
	return slices.DeleteFunc(kinds(), func(k kind) bool {
		return len(only) > 0 && !slices.Contains(only, k.name)
	}), nil
}

// suiteName returns what a report calls a suite.
func suiteName(cs ciphersuite.CipherSuite) string {
	if cs == 0 {
		return ""
	}
	return cs.String()
}
