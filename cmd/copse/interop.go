package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/copse-mls/copse/interop/mlsclient"
	"github.com/copse-mls/copse/interop/scenario"
)

func interopCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "interop",
		Short: "Test MLS clients with each other",
		Long: `interop serves Copse to the test runners of other MLS implementations, and runs test scripts against any
client that offers the same gRPC service, MLSClient of the MLS working group.`,
		Args: cobra.NoArgs,
	}
	cmd.AddCommand(runCommand(), serveCommand())
	return cmd
}

func serveCommand() *cobra.Command {
	var opt struct {
		host    string
		port    uint16
		verbose bool
	}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve Copse to a test runner",
		Long: `serve offers the gRPC service MLSClient until it is interrupted. The first line of its output is the address.

Use it for tests only: it gives private keys to anyone who connects, and accepts every credential.`,
		Example: `  copse interop serve --port 50051
  copse interop run --client localhost:50051 --scenarios interop-scenarios`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listener, err := net.Listen("tcp", net.JoinHostPort(opt.host, strconv.Itoa(int(opt.port))))
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), "serving on", listener.Addr()); err != nil {
				return err
			}
			var log *slog.Logger
			if opt.verbose {
				log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), nil))
			}
			return mlsclient.New(log).Serve(cmd.Context(), listener)
		},
	}
	cmd.Flags().StringVar(&opt.host, "host", "localhost", "address to listen on")
	cmd.Flags().Uint16Var(&opt.port, "port", 50051, "port to listen on; 0 picks a free one")
	cmd.Flags().BoolVar(&opt.verbose, "verbose", false, "log every call")
	return cmd
}

// ownServers is how many clients of our own take part in a run with --self, and ownSample how many assignments of them
// are played for each script: they are all the same, and two of them show that no state is shared.
const (
	ownServers = 2
	ownSample  = 4
)

// runOptions are the flags of "copse interop run" that say what to play with whom.
type runOptions struct {
	clients []string
	self    bool
	dir     string
	only    []string
	junit   string
	json    bool
	scenario.Params
}

func runCommand() *cobra.Command {
	var opt runOptions
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Play test scripts with MLS clients",
		Long: `run plays the scripts of the MLS working group with clients that offer the gRPC service MLSClient: with every
assignment of clients to actors or a sample, in every cipher suite that clients have in common, and with
handshake messages as PublicMessage and as PrivateMessage. After each step the members of the group have to
agree on the epoch authenticator and an exported secret; in each new epoch one of them sends a message that the
others have to read. One script with one assignment, cipher suite and mode is a play.

A play is skipped when a client lacks a call (status Unimplemented), or when a script moves the group to another
cipher suite and the clients have only one in common. The last line counts the plays.

Exit status: 0 when every play passed or was skipped, 1 when any failed, 2 when the scripts cannot be played.`,
		Example: `  copse interop run --self --scenarios interop-scenarios
  copse interop run --client localhost:50051,localhost:50052 --scenarios interop-scenarios --suite 1 --private`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opt.self && !cmd.Flags().Changed("sample") {
				opt.Sample = ownSample
			}
			return opt.run(cmd)
		},
	}
	f := cmd.Flags()
	f.StringSliceVar(&opt.clients, "client", nil, "host:port of a client; several separated by commas, or given again")
	f.BoolVar(&opt.self, "self", false, fmt.Sprintf("start %d clients of Copse, and play %d assignments unless --sample says otherwise", ownServers, ownSample))
	f.StringVar(&opt.dir, "scenarios", "", "folder with the scripts")
	f.StringArrayVar(&opt.only, "only", nil, "play only the script, or the file of scripts, with this name; may be given again")
	f.Uint16Var(&opt.Suite, "suite", 0, "play in this cipher suite only")
	f.BoolVar(&opt.Public, "public", false, "handshake messages as PublicMessage only")
	f.BoolVar(&opt.Private, "private", false, "handshake messages as PrivateMessage only")
	f.IntVar(&opt.Sample, "sample", 0, "how many assignments of clients to actors to play for each script, suite and mode; 0 for all")
	f.Uint64Var(&opt.Seed, "seed", 1, "number from which the sample, group ids, PSKs and messages are derived")
	f.IntVar(&opt.Workers, "parallel", 0, "plays at the same time; 0 for one per processor. Some clients support only 1")
	f.BoolVar(&opt.Lenient, "lenient", false, "pass over clients that return nothing from StateAuth or Export, as some do")
	f.DurationVar(&opt.Timeout, "timeout", time.Minute, "how long a call may take")
	f.StringVar(&opt.junit, "junit", "", "write a JUnit report to this file, too")
	f.BoolVar(&opt.json, "json", false, "report as JSON, with all calls of the plays that failed")
	return cmd
}

// run plays and reports.
func (o *runOptions) run(cmd *cobra.Command) error {
	if o.dir == "" {
		return errors.New("no scripts: name their folder with --scenarios")
	}
	if len(o.clients) == 0 && !o.self {
		return errors.New("no clients: name them with --client, or start some with --self")
	}
	var err error
	if o.Scripts, err = scenario.Load(o.dir); err != nil {
		return err
	}
	if err := o.choose(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(cmd.Context())
	defer cancel()
	if o.self {
		own, err := startOwn(ctx)
		if err != nil {
			return err
		}
		o.clients = append(o.clients, own...)
	}
	for _, address := range o.clients {
		client, err := scenario.Connect(ctx, address, o.Timeout)
		if err != nil {
			return err
		}
		defer client.Close()
		o.Clients = append(o.Clients, client)
	}
	status := newStatus(cmd.ErrOrStderr())
	o.Progress = func(done, total int) { status.show("%d of %d plays", done, total) }
	report, err := scenario.Run(ctx, o.Params)
	status.clear()
	if err != nil {
		return err
	}
	return o.show(cmd.OutOrStdout(), report)
}

// choose keeps the scripts that --only names.
func (o *runOptions) choose() error {
	for _, name := range o.only {
		if !slices.ContainsFunc(o.Scripts, func(s *scenario.Script) bool { return named(s, name) }) {
			return fmt.Errorf("no script and no file is called %q", name)
		}
	}
	o.Scripts = slices.DeleteFunc(o.Scripts, func(s *scenario.Script) bool {
		return len(o.only) > 0 && !slices.ContainsFunc(o.only, func(name string) bool { return named(s, name) })
	})
	return nil
}

func named(s *scenario.Script, name string) bool {
	return s.Name == name || s.File == name || s.File == name+".json"
}

// startOwn serves clients of our own until ctx ends, and returns their addresses.
func startOwn(ctx context.Context) ([]string, error) {
	var out []string
	for range ownServers {
		listener, err := net.Listen("tcp", "localhost:0")
		if err != nil {
			return nil, err
		}
		// When serving fails, so do the calls, and the report says so.
		go func() { _ = mlsclient.New(nil).Serve(ctx, listener) }()
		out = append(out, listener.Addr().String())
	}
	return out, nil
}

// show writes the reports and turns a failure into the exit status.
func (o *runOptions) show(w io.Writer, report *scenario.Report) error {
	if o.junit != "" {
		file, err := os.Create(o.junit)
		if err != nil {
			return err
		}
		if err := errors.Join(report.WriteJUnit(file), file.Close()); err != nil {
			return err
		}
	}
	write := report.WriteText
	if o.json {
		write = func(w io.Writer) error { return writeJSON(w, report) }
	}
	if err := write(w); err != nil {
		return err
	}
	if !report.OK() {
		return errFailed
	}
	return nil
}
