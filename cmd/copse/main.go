// Command copse is the tool that comes with the Copse engine for Messaging Layer Security (RFC 9420). Run `copse help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"
)

// Exit statuses, the same for every command.
const (
	exitOK       = 0
	exitFailed   = 1 // the command did its work, and something does not hold
	exitUnusable = 2 // the command could not do its work
)

// errFailed makes the command exit with exitFailed. What failed has been shown by then.
var errFailed = errors.New("failed")

func main() { os.Exit(run()) }

// run does the work of main and returns the exit status, so that testscript can call it.
func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := rootCommand().ExecuteContext(ctx); {
	case err == nil:
		return exitOK
	case errors.Is(err, errFailed):
		return exitFailed
	case ctx.Err() != nil:
		fmt.Fprintln(os.Stderr, "copse: interrupted")
		return exitUnusable
	default:
		fmt.Fprintln(os.Stderr, "copse:", err)
		return exitUnusable
	}
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "copse",
		Short: "Messaging Layer Security (RFC 9420)",
		Long: `copse is the tool that comes with the Copse engine for Messaging Layer Security (RFC 9420).

Exit status: 0 when everything holds, 1 when something that was checked does not hold, 2 when the
command could not do its work (bad flags, missing or malformed input, no network).`,
		SilenceUsage:      true,
		SilenceErrors:     true,
		CompletionOptions: cobra.CompletionOptions{HiddenDefaultCmd: true},
	}
	root.AddCommand(inspectCommand(), diffCommand(), vectorsCommand(), rulesCommand(), interopCommand(), versionCommand())
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version of this build",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			version, goVersion := "(unknown)", ""
			if info, ok := debug.ReadBuildInfo(); ok {
				version, goVersion = info.Main.Version, info.GoVersion
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "copse %s %s\n", version, goVersion)
			return err
		},
	}
}
