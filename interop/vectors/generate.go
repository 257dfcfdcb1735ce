package vectors

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
)

// GenerateParams say which vectors Generate makes.
type GenerateParams struct {
	Seed   uint64                    // the same seed gives the same bytes, in one version of Copse
	Small  bool                      // fewer and smaller cases, under 2 MB in all; else about as many as were published
	Only   []string                  // names of files without .json; all when empty
	Suites []ciphersuite.CipherSuite // all of this build when empty

	// Progress, if set, is called after each case with the number of cases done and of all cases, not concurrently.
	Progress func(done, total int)
}

// Generated are vectors that a replay has found to hold.
type Generated struct {
	Files  []GeneratedFile
	Report *Report // of the replay; everything in it passed
}

// GeneratedFile is one file of vectors, a case on each line.
type GeneratedFile struct {
	Name  string // without .json
	Cases int
	Data  []byte
}

// extent is how much of one kind to make, for one suite where there are suites.
type extent struct {
	small bool
	suite ciphersuite.CipherSuite
}

// recipe is one case to make. It is made from a stream of random bytes of its own, so that neither the order nor the
// selection of cases changes it.
type recipe struct {
	kind  kind
	file  int // position in Generated.Files
	index int // among the cases of this kind and suite
	suite ciphersuite.CipherSuite
	make  func(*maker) any

	data []byte
	job  job
	err  error
}

// Generate makes vectors of every kind in the working group's format, and replays each of them. The keys in them are
// known to everybody who knows the seed. It fails with an *UnknownNameError, with ciphersuite.ErrUnsupported, when ctx
// ends, or with a *GenerateError when a case does not hold, which is a fault of Copse.
func Generate(ctx context.Context, p GenerateParams) (*Generated, error) {
	recipes, files, err := p.recipes()
	if err != nil {
		return nil, err
	}
	start := time.Now()
	if err := runAll(ctx, recipes, func(r *recipe) { r.cook(p.Seed) }, p.Progress); err != nil {
		return nil, err
	}
	g := &Generated{Files: files, Report: &Report{Source: "generated", Elapsed: time.Since(start)}}
	return g, g.collect(recipes)
}

// recipes lists all cases to make, and the files they go to.
func (p *GenerateParams) recipes() ([]*recipe, []GeneratedFile, error) {
	chosen, err := choose(p.Only)
	if err != nil {
		return nil, nil, err
	}
	suites := p.Suites
	if len(suites) == 0 {
		suites = ciphersuite.Supported()
	}
	for _, cs := range suites {
		if _, err := ciphersuite.New(cs); err != nil {
			return nil, nil, err
		}
	}
	var recipes []*recipe
	files := make([]GeneratedFile, len(chosen))
	for f, k := range chosen {
		files[f].Name = k.name
		of := suites
		if !k.perSuite {
			of = []ciphersuite.CipherSuite{0}
		}
		for _, cs := range of {
			for i, make := range k.plan(extent{p.Small, cs}) {
				recipes = append(recipes, &recipe{kind: k, file: f, index: i, suite: cs, make: make})
			}
		}
	}
	return recipes, files, nil
}

// cook makes and encodes the case, and replays the encoding.
func (r *recipe) cook(seed uint64) {
	m, err := newMaker(r.suite, fmt.Sprintf("Copse vectors, seed %d, %s, suite %d, case %d", seed, r.kind.name, r.suite, r.index))
	if err != nil {
		r.err = err
		return
	}
	var made any
	if made, r.err = m.run(r.make); r.err != nil {
		return
	}
	if r.data, r.err = json.Marshal(made); r.err != nil {
		return
	}
	cases, err := r.kind.load(slices.Concat([]byte("["), r.data, []byte("]")))
	if err != nil {
		r.err = err
		return
	}
	r.job = job{instance: cases[0], file: r.file}
	r.job.replay()
}

// collect puts the cases into their files and the outcome of their replay into the report.
func (g *Generated) collect(recipes []*recipe) error {
	for _, f := range g.Files {
		g.Report.Files = append(g.Report.Files, &FileReport{Name: f.Name})
	}
	var lines = make([][][]byte, len(g.Files))
	for _, r := range recipes {
		if r.err != nil {
			return &GenerateError{Name: r.kind.name, CipherSuite: r.suite, Case: r.index, Err: r.err}
		}
		r.job.index = len(lines[r.file])
		g.Report.Files[r.file].add(&r.job)
		if len(r.job.failures) > 0 || r.job.skipped != "" {
			return &GenerateError{Name: r.kind.name, CipherSuite: r.suite, Case: r.index,
				Err: fmt.Errorf("replay: %+v %s", r.job.failures, r.job.skipped)}
		}
		lines[r.file] = append(lines[r.file], r.data)
	}
	for i := range g.Files {
		f := &g.Files[i]
		f.Cases = len(lines[i])
		f.Data = slices.Concat([]byte("[\n"), bytes.Join(lines[i], []byte(",\n")), []byte("\n]\n"))
	}
	g.Report.sum()
	return nil
}

// GenerateError says that a case could not be made, or does not hold.
type GenerateError struct {
	Name        string // of the file, without .json
	CipherSuite ciphersuite.CipherSuite
	Case        int // among those of the file and suite
	Err         error
}

func (e *GenerateError) Error() string {
	suite := ""
	if e.CipherSuite != 0 {
		suite = fmt.Sprintf(" of suite %d", e.CipherSuite)
	}
	return fmt.Sprintf("generating %s, case %d%s: %v", e.Name, e.Case, suite, e.Err)
}

// Unwrap returns the cause.
func (e *GenerateError) Unwrap() error { return e.Err }

// Write puts the files into dir, which it makes if need be. Each file is complete before it gets its name and replaces
// one that was there.
func (g *Generated) Write(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for _, f := range g.Files {
		if err := writeFile(filepath.Join(dir, f.Name+".json"), f.Data); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes a file under another name first.
func writeFile(path string, data []byte) error {
	part, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = part.Write(data)
	err = errors.Join(err, part.Chmod(0o644), part.Sync(), part.Close())
	if err == nil {
		err = os.Rename(part.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part.Name()))
	}
	return nil
}
