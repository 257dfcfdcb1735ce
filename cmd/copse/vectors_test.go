package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/interop/vectors"
)

// TestSilentServer is about a network that takes everything and returns nothing: the download ends, and says why.
func TestSilentServer(t *testing.T) {
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-over:
		case <-r.Context().Done():
		}
	}))
	defer server.Close()
	defer close(over)
	p := vectors.FetchParams{Dir: t.TempDir(), BaseURL: server.URL}

	err := fetchUnlessSilent(quiet(context.Background()), p, 50*time.Millisecond)
	require.EqualError(t, err, "download of the vectors: nothing arrived for 50ms")

	// Whoever interrupts it is told so, and not that the network is silent.
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(20*time.Millisecond, cancel)
	require.ErrorIs(t, fetchUnlessSilent(quiet(ctx), p, time.Minute), context.Canceled)
}

// TestSlowServer is about a server that needs longer than the patience for all, and never for a part.
func TestSlowServer(t *testing.T) {
	const patience = time.Second
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for range 15 {
			time.Sleep(patience / 10)
			_, err := io.WriteString(w, "part")
			if err == nil {
				err = http.NewResponseController(w).Flush()
			}
			if err != nil {
				return
			}
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	time.AfterFunc(patience*5/4, cancel) // long after the patience would be at an end
	err := fetchUnlessSilent(quiet(ctx), vectors.FetchParams{Dir: dir, BaseURL: server.URL}, patience)
	require.ErrorIs(t, err, context.Canceled)
	part, err := os.ReadFile(filepath.Join(dir, "crypto-basics.json.part"))
	require.NoError(t, err)
	require.NotEmpty(t, part)
}

// quiet returns a command that prints to nobody.
func quiet(ctx context.Context) *cobra.Command {
	cmd := &cobra.Command{}
	cmd.SetContext(ctx)
	cmd.SetOut(io.Discard)
	cmd.SetErr(io.Discard)
	return cmd
}

// TestReadmeLastLine counts the cases of the published vectors and of our own, and looks for both sums in the README as
// the last line of `make run`, with a network and without. Tests of interop/vectors show that all cases pass.
func TestReadmeLastLine(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	require.NoError(t, err)
	count := func(dir, whose string) string {
		total := 0
		for _, name := range vectors.Names() {
			text, err := os.ReadFile(filepath.Join(dir, name+".json"))
			require.NoError(t, err)
			var cases []json.RawMessage
			require.NoError(t, json.Unmarshal(text, &cases))
			total += len(cases)
		}
		return fmt.Sprintf("\n    %d passed, 0 failed, 0 skipped%s\n", total, whose)
	}
	require.Contains(t, string(readme), count(filepath.Join("..", "..", "interop", "vectors", "testdata", "own"),
		" of Copse's own vectors, not of the published ones"))
	if dir := publishedDir(); dir != "" {
		require.Contains(t, string(readme), count(dir, ""))
	} else {
		t.Log("THE PUBLISHED VECTORS ARE NOT HERE: their number was not compared")
	}
}
