package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
)

// Exit statuses.
const (
	exitOK       = 0
	exitOver     = 1 // everything was measured, and a limit is exceeded
	exitUnusable = 2 // something could not be measured: bad flags, an interruption, a call that failed
)

// rows returns the whole table, in the order in which it is measured. Rows on the same tree stand together.
func rows() []Row {
	return slices.Concat(sealRows(), signatureRows(), treeRows(), importRows(), groupRows())
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

type options struct {
	json   bool
	only   []string
	rounds int
}

func parseFlags(args []string, stdout io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(io.Discard) // what is wrong with the flags is shown below, and all of the help only to who asks for it
	f.BoolVar(&o.json, "json", false, "report as JSON")
	f.IntVar(&o.rounds, "rounds", defaultRounds, "how often each side of a ratio is timed")
	f.Func("only", "measure the row of this `name` only; may be given again", func(name string) error {
		if !slices.ContainsFunc(rows(), func(r Row) bool { return r.Name == name }) {
			return errors.New("there is no such row")
		}
		o.only = append(o.only, name)
		return nil
	})
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		help(f, stdout)
	case err == nil && f.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", f.Arg(0))
	case err == nil && o.rounds < 1:
		err = errors.New("--rounds is at least 1")
	}
	return o, err
}

func help(f *flag.FlagSet, w io.Writer) {
	fmt.Fprint(w, "usage: go run ./docs/bench [flags]\n\n")
	f.SetOutput(w)
	f.PrintDefaults()
	fmt.Fprint(w, "\nrows:\n")
	for _, r := range rows() {
		fmt.Fprintf(w, "  %-*s %s\n", nameWidth, r.Name, r.What)
	}
	fmt.Fprint(w, "\nexit status: 0 all within limits, 1 a limit exceeded by more than noise, 2 something could not be measured\n")
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parseFlags(args, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitOK
	case err != nil:
		fmt.Fprintln(stderr, "bench:", err, "(see --help)")
		return exitUnusable
	}
	env, err := newEnv(o.rounds, newProgress(stderr))
	if err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return exitUnusable
	}
	table := slices.DeleteFunc(rows(), func(r Row) bool { return len(o.only) > 0 && !slices.Contains(o.only, r.Name) })
	report := newReport(stdout, o.json)
	interrupted := measureAll(ctx, env, table, report)
	if err := report.end(); err != nil {
		fmt.Fprintln(stderr, "bench:", err)
		return exitUnusable
	}
	if interrupted {
		fmt.Fprintln(stderr, "bench: interrupted")
		return exitUnusable
	}
	return report.status()
}

// measureAll measures the rows one after the other. It reports whether it was interrupted; the row of that moment is
// dropped.
func measureAll(ctx context.Context, env *Env, table []Row, report *Report) bool {
	for _, r := range table {
		env.progress.row = r.Name
		result := r.judge(ctx, env)
		env.progress.clear()
		if ctx.Err() != nil {
			return true
		}
		report.add(result)
	}
	return false
}

// nameWidth is the width of the column of names.
const nameWidth = 20

// progress keeps a line up to date on a terminal, and writes nothing elsewhere.
type progress struct {
	terminal io.Writer // nil when there is none
	row      string
}

func newProgress(w io.Writer) *progress {
	if f, ok := w.(*os.File); ok {
		if info, err := f.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return &progress{terminal: f}
		}
	}
	return &progress{}
}

// show says what is being done for the row. That it may fail to be written is no reason to stop.
func (p *progress) show(format string, args ...any) {
	if p.terminal != nil {
		line := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
		fmt.Fprintf(p.terminal, "\r\x1b[K%s: %s", p.row, line)
	}
}

func (p *progress) clear() {
	if p.terminal != nil {
		fmt.Fprint(p.terminal, "\r\x1b[K")
	}
}
