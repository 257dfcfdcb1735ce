package main

import (
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/interop/vectors"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"copse": main})
}

// TestScripts runs testdata/script. Each script begins in an empty folder without vectors anywhere near.
func TestScripts(t *testing.T) {
	published := publishedDir()
	samples, err := filepath.Abs(filepath.Join("..", "..", "interop", "inspect", "testdata"))
	require.NoError(t, err)
	testscript.Run(t, testscript.Params{
		Dir: filepath.Join("testdata", "script"),
		// COPSE_UPDATE_SCRIPTS=1 takes what the commands print for the golden output in the scripts.
		UpdateScripts: os.Getenv("COPSE_UPDATE_SCRIPTS") != "",
		Setup: func(env *testscript.Env) error {
			server := httptest.NewServer(http.FileServer(http.Dir(env.WorkDir)))
			env.Defer(server.Close)
			env.Setenv("SERVER", server.URL)
			env.Setenv("XDG_CACHE_HOME", filepath.Join(env.WorkDir, "cache"))
			env.Setenv("PUBLISHED", published)
			env.Setenv(vectors.EnvDir, "")
			env.Setenv("SAMPLES", samples)
			port, err := freePort()
			if err != nil {
				return err
			}
			env.Setenv("PORT", port)
			return os.MkdirAll(filepath.Join(env.WorkDir, "repo"), 0o755)
		},
		Condition: func(cond string) (bool, error) {
			return cond == "published" && published != "", nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"last":  lastLine,
		},
	})
}

// freePort returns a TCP port that nobody listens on now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "localhost:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}

// publishedDir returns the folder with the published vectors, empty when there is none.
func publishedDir() string {
	folder, err := vectors.Find("", filepath.Join("..", ".."))
	if err != nil || folder.Own {
		return ""
	}
	dir, err := filepath.Abs(folder.Dir)
	if err != nil {
		return ""
	}
	return dir
}

// exits runs "exits STATUS COMMAND ARGS..." and checks the exit status.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND ARGS...")
	}
	status := "0"
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		status = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if status != args[0] {
		ts.Fatalf("%v: exit status %s, want %s", args[1:], status, args[0])
	}
}

// lastLine runs "last TEXT" and checks the last line of the standard output.
func lastLine(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: last TEXT")
	}
	lines := strings.Split(strings.TrimRight(ts.ReadFile("stdout"), "\n"), "\n")
	if got := lines[len(lines)-1]; got != args[0] {
		ts.Fatalf("last line is %q, want %q", got, args[0])
	}
}
