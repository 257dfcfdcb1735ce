package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
)

// Report is the table. Its JSON form is stable. As text, rows are written as they come.
type Report struct {
	Go         string   `json:"go"`
	Platform   string   `json:"platform"`
	CPU        string   `json:"cpu,omitempty"`
	Processors int      `json:"processors"`
	Rows       []Result `json:"rows"`

	w      io.Writer
	asJSON bool
	err    error // the first failure to write
}

func newReport(w io.Writer, asJSON bool) *Report {
	r := &Report{
		Go:         runtime.Version(),
		Platform:   runtime.GOOS + "/" + runtime.GOARCH,
		CPU:        cpuModel(),
		Processors: runtime.NumCPU(),
		Rows:       []Result{},
		w:          w,
		asJSON:     asJSON,
	}
	if !asJSON {
		r.printf("%s %s, %d processors, %s\n\n", r.Go, r.Platform, r.Processors, r.CPU)
		r.printf("%-*s %10s %10s  %s\n", nameWidth, "row", "measured", "limit", "verdict")
	}
	return r
}

func (r *Report) printf(format string, args ...any) {
	if r.err == nil {
		_, r.err = fmt.Fprintf(r.w, format, args...)
	}
}

func (r *Report) add(x Result) {
	r.Rows = append(r.Rows, x)
	if r.asJSON {
		return
	}
	measured := amount(x.Value, x.Unit)
	if x.Verdict == Failed {
		measured = "-"
	}
	r.printf("%-*s %10s %10s  %s\n", nameWidth, x.Name, measured, amount(x.Limit, x.Unit), x.Verdict)
	r.printf("  %s\n  %s\n", x.What, x.Detail)
}

// end writes what comes after the last row.
func (r *Report) end() error {
	if r.asJSON {
		e := json.NewEncoder(r.w)
		e.SetIndent("", "  ")
		return e.Encode(r)
	}
	bad := r.bad()
	r.printf("\n%d measured, %d within limits", len(r.Rows), len(r.Rows)-len(bad))
	if len(bad) > 0 {
		r.printf("; not: %s", strings.Join(bad, ", "))
	}
	r.printf("\n")
	return r.err
}

// bad names the rows that make the run fail.
func (r *Report) bad() []string {
	var names []string
	for _, x := range r.Rows {
		if x.Verdict == Over || x.Verdict == Failed {
			names = append(names, x.Name)
		}
	}
	return names
}

// status returns the exit status that the rows call for.
func (r *Report) status() int {
	status := exitOK
	for _, x := range r.Rows {
		switch x.Verdict {
		case Failed:
			return exitUnusable
		case Over:
			status = exitOver
		}
	}
	return status
}

// amount writes a value with its unit.
func amount(value float64, unit string) string {
	if unit == "B" {
		return fmt.Sprintf("%.0f B", value)
	}
	return fmt.Sprintf("%.2f %s", value, unit)
}

// cpuModel returns the processor's name where the system tells it in a file.
func cpuModel() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
}
