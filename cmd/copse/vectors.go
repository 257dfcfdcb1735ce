package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/copse-mls/copse/interop/vectors"
)

func vectorsCommand() *cobra.Command {
	var opt struct {
		dir   string
		only  []string
		json  bool
		fetch bool
	}
	cmd := &cobra.Command{
		Use:   "vectors",
		Short: "Replay the published test vectors",
		Long: `vectors replays the test vectors that the MLS working group publishes and reports a line per file and
cipher suite. The last line counts the cases; a case is one element of a file's array. A file without a
case that ran counts as one failure.

Vectors are looked for in --dir, else in the folder that ` + vectors.EnvDir + ` names, else beside the
checkout, else in the cache that "copse vectors fetch" fills. If none of these exists, a checkout of Copse
replays vectors that Copse generated, and the report says so.

In a folder that you named, files may differ from the published ones, files may be missing, and cases may
have fields that this build does not know. The report names them, and the rest is replayed. Elsewhere
files have to be the published ones. --only asks for some files and does not miss the others.

Files: ` + strings.Join(vectors.Names(), ", ") + `.

Exit status: 0 when every case passed (or was skipped, for a cipher suite that this build was made
without), 1 when any failed, a file is missing or a field is unknown, for then not all that was asked for
was checked, 2 when the input cannot be used or no file is there.`,
		Example: `  copse vectors
  copse vectors --only tree-math --only treekem
  copse vectors --dir ~/mls-implementations/test-vectors --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			find := vectors.Find
			if opt.fetch {
				find = func(dir, root string) (vectors.Folder, error) { return findOrFetch(cmd, dir, root) }
			}
			folder, err := find(opt.dir, "")
			if err != nil {
				return err
			}
			status := newStatus(cmd.ErrOrStderr())
			report, err := vectors.Replay(cmd.Context(), vectors.ReplayParams{
				Folder:   folder,
				Only:     opt.only,
				Progress: func(done, total int) { status.show("%d of %d cases", done, total) },
			})
			status.clear()
			if err != nil {
				return err
			}
			return showReport(cmd.OutOrStdout(), report, opt.json)
		},
	}
	cmd.Flags().StringVar(&opt.dir, "dir", "", "folder with the vector files")
	cmd.Flags().StringArrayVar(&opt.only, "only", nil, "replay this file only, named without .json; may be given again")
	cmd.Flags().BoolVar(&opt.json, "json", false, "report as JSON")
	cmd.Flags().BoolVar(&opt.fetch, "fetch", false, "download the published vectors first when they are not found")
	cmd.AddCommand(fetchCommand(), generateCommand(), whereCommand())
	return cmd
}

// findOrFetch finds vectors, and downloads the published ones when none are here or only Copse's own. Those serve when
// the download fails, for want of a network perhaps.
func findOrFetch(cmd *cobra.Command, dir, root string) (vectors.Folder, error) {
	folder, err := vectors.Find(dir, root)
	var missing *vectors.NotFoundError
	if !folder.Own && !errors.As(err, &missing) {
		return folder, err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "no published test vectors found; downloading them (11 MB) from\n  %s\n", vectors.PublishedURL)
	switch err := fetchUnlessSilent(cmd, vectors.FetchParams{}, fetchPatience); {
	case err == nil:
		return vectors.Find(dir, root)
	case folder.Own && cmd.Context().Err() == nil:
		fmt.Fprintf(cmd.ErrOrStderr(), `WARNING: %v
WARNING: the published vectors cannot be had now. What follows is a small set that Copse made itself: it shows
that Copse agrees with its own earlier versions, and says nothing about others. Try again with a network, or let
%s name a folder with the published files.
`, err, vectors.EnvDir)
		return folder, nil
	default:
		return vectors.Folder{}, fmt.Errorf("%w\n`copse vectors fetch` tries again, --dir or %s names a folder that has the vectors", err, vectors.EnvDir)
	}
}

// fetchPatience is how long a download that nobody asked for by name may go without a byte.
const fetchPatience = 20 * time.Second

// fetchUnlessSilent downloads as fetch does, and gives up when nothing arrives for as long as patience says. A network
// that swallows packets would take minutes to fail by itself.
func fetchUnlessSilent(cmd *cobra.Command, p vectors.FetchParams, patience time.Duration) error {
	ctx, cancel := context.WithCancelCause(cmd.Context())
	defer cancel(nil)
	timer := time.AfterFunc(patience, func() {
		cancel(fmt.Errorf("download of the vectors: nothing arrived for %v", patience))
	})
	defer timer.Stop()
	_, err := fetch(ctx, cmd, p, func() { timer.Reset(patience) })
	if cause := context.Cause(ctx); err != nil && cause != nil && cmd.Context().Err() == nil {
		return cause
	}
	return err
}

// showReport writes the report and turns a failure into the exit status.
func showReport(w io.Writer, report *vectors.Report, asJSON bool) error {
	write := report.WriteText
	if asJSON {
		write = func(w io.Writer) error {
			return writeJSON(w, report)
		}
	}
	if err := write(w); err != nil {
		return err
	}
	if !report.OK() {
		return errFailed
	}
	return nil
}

func fetchCommand() *cobra.Command {
	var p vectors.FetchParams
	cmd := &cobra.Command{
		Use:   "fetch",
		Short: "Download the published test vectors",
		Long: `fetch downloads the test vectors of the MLS working group, revision
` + vectors.Commit + `, and puts each file into place only after its SHA-256
digest is the one that this build expects. An interrupted download is resumed.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			dir, err := fetch(cmd.Context(), cmd, p, func() {})
			if err != nil {
				return err
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), "vectors are in", dir)
			return err
		},
	}
	cmd.Flags().StringVar(&p.Dir, "dir", "", "folder to download to (default: copse/vectors/REVISION in your cache folder)")
	cmd.Flags().StringVar(&p.BaseURL, "url", "", "URL of the folder with the files (default "+vectors.PublishedURL+")")
	return cmd
}

// fetch downloads, says what became of each file, and returns the folder. It calls arrived whenever something has come.
func fetch(ctx context.Context, cmd *cobra.Command, p vectors.FetchParams, arrived func()) (string, error) {
	status := newStatus(cmd.ErrOrStderr())
	p.Progress = func(at vectors.FetchProgress) {
		arrived()
		switch {
		case at.Kept:
			status.line("%s: already there", at.File)
		case at.Done:
			status.line("%s: fetched and verified", at.File)
		default:
			status.show("%s: %d kB", at.File, at.Received>>10)
		}
	}
	dir, err := vectors.Fetch(ctx, p)
	status.clear()
	return dir, err
}

func whereCommand() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "where",
		Short: "Print the folder that vectors are read from",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			folder, err := vectors.Find(dir, "")
			if err != nil {
				return err
			}
			if folder.Own {
				fmt.Fprintln(cmd.ErrOrStderr(), "WARNING:", folder.Source)
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), folder.Dir)
			return err
		},
	}
	cmd.Flags().StringVar(&dir, "dir", "", "folder with the vector files")
	return cmd
}

// status keeps one line up to date on a terminal and writes nothing of it elsewhere.
type status struct {
	w        io.Writer
	terminal bool
	shown    bool
}

func newStatus(w io.Writer) *status {
	f, ok := w.(*os.File)
	return &status{w: w, terminal: ok && term.IsTerminal(int(f.Fd()))}
}

// show replaces the line. Failing to write it is no reason to stop the work it is about.
func (s *status) show(format string, args ...any) {
	if s.terminal {
		s.shown = true
		fmt.Fprintf(s.w, "\r\x1b[K"+format, args...)
	}
}

// clear removes the line.
func (s *status) clear() {
	if s.shown {
		s.shown = false
		fmt.Fprint(s.w, "\r\x1b[K")
	}
}

// line writes a line that stays.
func (s *status) line(format string, args ...any) {
	s.clear()
	fmt.Fprintf(s.w, format+"\n", args...)
}
