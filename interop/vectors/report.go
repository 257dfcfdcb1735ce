package vectors

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
)

// Report is the outcome of a replay. Its JSON form is stable.
type Report struct {
	Dir     string        `json:"dir"`
	Source  string        `json:"source"`
	Own     bool          `json:"own,omitempty"` // Copse's own vectors, not the published ones
	Files   []*FileReport `json:"files"`
	Passed  int           `json:"passed"`
	Failed  int           `json:"failed"`
	Skipped int           `json:"skipped"`
	Missing int           `json:"missing,omitempty"`        // files that were asked for and are not there
	Unknown int           `json:"unknown_fields,omitempty"` // fields that this build does not know, in all files
	Elapsed time.Duration `json:"elapsed_ns"`
}

// FileReport is the outcome of one file.
type FileReport struct {
	Name    string         `json:"name"`
	Note    string         `json:"note,omitempty"`           // what a reader should know, such as that the file is not the published one
	Missing bool           `json:"missing,omitempty"`        // the file is not there
	Unknown []string       `json:"unknown_fields,omitempty"` // what they ask for was not checked
	Empty   bool           `json:"empty,omitempty"`          // nothing ran, which counts as one failure
	Suites  []*SuiteReport `json:"suites,omitempty"`
	Failed  []FailedCase   `json:"failures,omitempty"`
}

// SuiteReport counts the cases of one file that are for one cipher suite.
type SuiteReport struct {
	CipherSuite ciphersuite.CipherSuite `json:"cipher_suite,omitempty"` // 0 when the file has no suites
	Name        string                  `json:"name,omitempty"`
	Passed      int                     `json:"passed"`
	Failed      int                     `json:"failed"`
	Skipped     int                     `json:"skipped"`
	SkipReason  string                  `json:"skip_reason,omitempty"`
	Time        time.Duration           `json:"time_ns"` // summed over the cases, which run side by side
}

// FailedCase is one element of a file for which some check did not hold.
type FailedCase struct {
	Case        int                     `json:"case"` // position in the file's array, from 0
	CipherSuite ciphersuite.CipherSuite `json:"cipher_suite,omitempty"`
	Failures    []Failure               `json:"checks"`
}

// OK reports whether everything that was asked for ran and passed.
func (r *Report) OK() bool { return r.Failed+r.Missing+r.Unknown == 0 }

// add counts one case.
func (f *FileReport) add(j *job) {
	var s *SuiteReport
	for _, have := range f.Suites {
		if have.CipherSuite == j.suite {
			s = have
		}
	}
	if s == nil {
		s = &SuiteReport{CipherSuite: j.suite, Name: suiteName(j.suite)}
		f.Suites = append(f.Suites, s)
	}
	s.Time += j.took
	switch {
	case j.skipped != "":
		s.Skipped++
		s.SkipReason = j.skipped
	case len(j.failures) > 0:
		s.Failed++
		f.Failed = append(f.Failed, FailedCase{Case: j.index, CipherSuite: j.suite, Failures: j.failures})
	default:
		s.Passed++
	}
}

// sum fills in the totals. A file of which nothing ran counts as one failure.
func (r *Report) sum() {
	for _, f := range r.Files {
		ran := 0
		for _, s := range f.Suites {
			r.Passed += s.Passed
			r.Failed += s.Failed
			r.Skipped += s.Skipped
			ran += s.Passed + s.Failed
		}
		r.Unknown += len(f.Unknown)
		if ran == 0 && !f.Missing {
			f.Empty = true
			r.Failed++
		}
	}
}

// WriteText writes the report for a person: a line per file and suite, every failure, and the totals as the last line.
func (r *Report) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(tw, "vectors from %s (%s)\n\n", r.Dir, r.Source)
	fmt.Fprint(tw, "file\tcipher suite\tpassed\tfailed\tskipped\ttime\t\n")
	for _, f := range r.Files {
		f.writeLines(tw)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for _, f := range r.Files {
		if err := f.writeFailures(w); err != nil {
			return err
		}
	}
	if r.Own {
		if _, err := fmt.Fprintf(w, "\nWARNING: %s.\n`copse vectors fetch` downloads them.\n", r.Source); err != nil {
			return err
		}
	}
	more := ""
	if r.Missing > 0 {
		more += fmt.Sprintf("; missing files: %d", r.Missing)
	}
	if r.Unknown > 0 {
		more += fmt.Sprintf("; unknown fields: %d", r.Unknown)
	}
	if r.Own {
		more += " of Copse's own vectors, not of the published ones"
	}
	_, err := fmt.Fprintf(w, "\nreplayed in %s\n%d passed, %d failed, %d skipped%s\n",
		r.Elapsed.Round(time.Millisecond), r.Passed, r.Failed, r.Skipped, more)
	return err
}

// writeLines writes one line for each suite. The tabwriter keeps errors until it is flushed.
func (f *FileReport) writeLines(w io.Writer) {
	if f.Missing {
		fmt.Fprintf(w, "%s\tNOT THERE\t0\t0\t0\t\t\n", f.Name)
	}
	if f.Empty {
		fmt.Fprintf(w, "%s\tNOTHING RAN\t0\t1\t0\t\t\n", f.Name)
	}
	for _, s := range f.Suites {
		name := s.Name
		if name == "" {
			name = "-"
		}
		note := ""
		if s.Skipped > 0 {
			note = "SKIPPED: " + s.SkipReason
		}
		if s.Failed > 0 {
			note = "FAILED"
		}
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%s\t%s\n", f.Name, name, s.Passed, s.Failed, s.Skipped,
			s.Time.Round(100*time.Microsecond), note)
	}
}

// writeFailures writes what a person needs to find the cause of each failure.
func (f *FileReport) writeFailures(w io.Writer) error {
	if f.Note != "" {
		if _, err := fmt.Fprintf(w, "\nnote: %s.json %s\n", f.Name, f.Note); err != nil {
			return err
		}
	}
	if len(f.Unknown) > 0 {
		if _, err := fmt.Fprintf(w, "\nnote: %s.json has fields that this build does not know, and what they ask for was not checked: %s\n",
			f.Name, quoted(f.Unknown)); err != nil {
			return err
		}
	}
	for _, c := range f.Failed {
		for _, x := range c.Failures {
			suite := ""
			if c.CipherSuite != 0 {
				suite = fmt.Sprintf(", suite %d", c.CipherSuite)
			}
			want := ""
			if x.Want != "" {
				want = "\n  want " + x.Want
			}
			if _, err := fmt.Fprintf(w, "\n%s.json, case %d%s: %s\n  got  %s%s\n", f.Name, c.Case, suite, x.Check, x.Got, want); err != nil {
				return err
			}
		}
	}
	return nil
}

// quoted joins the first names of a list, which come from a file that anybody may have written.
func quoted(names []string) string {
	const most = 20
	out := make([]string, 0, most+1)
	for k, name := range names {
		if k == most {
			out = append(out, fmt.Sprintf("and %d more", len(names)-most))
			break
		}
		out = append(out, strconv.Quote(name))
	}
	return strings.Join(out, ", ")
}
