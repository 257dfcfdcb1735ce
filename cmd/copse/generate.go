package main

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/interop/vectors"
)

func generateCommand() *cobra.Command {
	var (
		p      vectors.GenerateParams
		out    string
		suites []uint
	)
	cmd := &cobra.Command{
		Use:   "generate",
		Short: "Make test vectors for others to replay",
		Long: `generate makes test vectors in the format that the MLS working group published, of all 16 kinds and for
every cipher suite of this build. Each case is replayed before anything is written. The same seed gives
the same files, byte for byte, in one version of Copse; also for the suites with ECDSA, whose signatures
are made by RFC 6979 here.

Cases of passive-client-random hold every kind of proposal, by value and by reference, from members,
external senders and newcomers; external commits by newcomers and by former members; external and
resumption PSKs; members who leave and return; both kinds of handshake messages; and a ReInit as the last commit. What
the format cannot express is how a client goes on to the successor of a group, or into a branch.

The keys in the files are derived from the seed: use them for tests only.

Files: ` + strings.Join(vectors.Names(), ", ") + `.

Exit status: 0 when the files are written, 2 when not; files of an earlier run are replaced one by one.`,
		Example: `  copse vectors generate --out my-vectors --seed 7
  copse vectors generate --small --only treekem --suite 2
  copse vectors --dir my-vectors`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			for _, s := range suites {
				if s > math.MaxUint16 {
					return fmt.Errorf("no cipher suite has the number %d", s)
				}
				p.Suites = append(p.Suites, ciphersuite.CipherSuite(s))
			}
			status := newStatus(cmd.ErrOrStderr())
			p.Progress = func(done, total int) { status.show("%d of %d cases", done, total) }
			g, err := vectors.Generate(cmd.Context(), p)
			status.clear()
			if err != nil {
				return err
			}
			if err := g.Write(out); err != nil {
				return err
			}
			return showGenerated(cmd.OutOrStdout(), g, out)
		},
	}
	cmd.Flags().StringVar(&out, "out", "copse-vectors", "folder to write to; created if missing")
	cmd.Flags().Uint64Var(&p.Seed, "seed", 1, "number from which all cases, keys included, are derived")
	cmd.Flags().BoolVar(&p.Small, "small", false, "fewer and smaller cases: less than 2 MB instead of 11")
	cmd.Flags().StringArrayVar(&p.Only, "only", nil, "make this file only, named without .json; may be given again")
	cmd.Flags().UintSliceVar(&suites, "suite", nil, "make cases of this cipher suite only, by its number; may be given again")
	return cmd
}

// showGenerated prints what was written.
func showGenerated(w io.Writer, g *vectors.Generated, out string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprint(tw, "file\tcases\tkB\t\n")
	for _, f := range g.Files {
		fmt.Fprintf(tw, "%s\t%d\t%d\t\n", f.Name, f.Cases, (len(f.Data)+512)>>10)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nwrote %d cases to %s; replayed: %d passed, %d failed, %d skipped\n",
		g.Report.Passed, out, g.Report.Passed, g.Report.Failed, g.Report.Skipped)
	return err
}
