package vectors

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// upstream is a local server with two files. handle may respond to a request itself, and reports whether it did.
type upstream struct {
	files    map[string][]byte
	handle   func(w http.ResponseWriter, r *http.Request, content []byte) bool
	requests []string // NAME, with the range asked for
}

func newUpstream() *upstream {
	return &upstream{files: map[string][]byte{
		"a.json": bytes.Repeat([]byte("abcdefgh"), 10_000),
		"b.json": []byte("[]"),
	}}
}

func (u *upstream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := filepath.Base(r.URL.Path)
	u.requests = append(u.requests, strings.TrimSuffix(name+" "+r.Header.Get("Range"), " "))
	content, ok := u.files[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	if u.handle != nil && u.handle(w, r, content) {
		return
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}

// start serves the files and gives parameters that fetch them into an empty folder.
func (u *upstream) start(t *testing.T) FetchParams {
	s := httptest.NewServer(u)
	t.Cleanup(s.Close)
	want := manifest{}
	for name, content := range u.files {
		sum := sha256.Sum256(content)
		want[name] = hex.EncodeToString(sum[:])
	}
	return FetchParams{Dir: t.TempDir(), BaseURL: s.URL, want: want, pause: time.Millisecond}
}

// requireFetched checks that the folder holds the files, and nothing else.
func (u *upstream) requireFetched(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, len(u.files))
	for name, want := range u.files {
		got, err := os.ReadFile(filepath.Join(dir, name))
		require.NoError(t, err)
		require.True(t, bytes.Equal(want, got), name)
	}
}

// cutAt responds to the first n requests for a.json with a body that breaks off at half of what is left.
func cutAt(n int) func(http.ResponseWriter, *http.Request, []byte) bool {
	return func(w http.ResponseWriter, r *http.Request, content []byte) bool {
		if n == 0 || len(content) < 10 {
			return false
		}
		n--
		from := 0
		if s := r.Header.Get("Range"); s != "" {
			from, _ = strconv.Atoi(strings.TrimSuffix(strings.TrimPrefix(s, "bytes="), "-"))
			w.Header().Set("Content-Range", "bytes "+strconv.Itoa(from)+"-"+strconv.Itoa(len(content)-1)+"/"+strconv.Itoa(len(content)))
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(content)-from))
		if from > 0 {
			w.WriteHeader(http.StatusPartialContent)
		}
		_, _ = w.Write(content[from : from+(len(content)-from)/2])
		panic(http.ErrAbortHandler)
	}
}

func TestFetch(t *testing.T) {
	u := newUpstream()
	p := u.start(t)
	var kept, done int
	p.Progress = func(at FetchProgress) {
		if at.Kept {
			kept++
		}
		if at.Done {
			done++
		}
	}
	dir, err := Fetch(t.Context(), p)
	require.NoError(t, err)
	require.Equal(t, p.Dir, dir)
	u.requireFetched(t, p.Dir)
	require.Equal(t, []string{"a.json", "b.json"}, u.requests)
	require.Equal(t, 0, kept)
	require.Equal(t, 2, done)

	_, err = Fetch(t.Context(), p)
	require.NoError(t, err)
	require.Len(t, u.requests, 2, "files that are there are not asked for again")
	require.Equal(t, 2, kept)
}

func TestFetchGoesOnWhereItStopped(t *testing.T) {
	u := newUpstream()
	u.handle = cutAt(2)
	p := u.start(t)
	_, err := Fetch(t.Context(), p)
	require.NoError(t, err)
	u.requireFetched(t, p.Dir)
	require.Equal(t, []string{"a.json", "a.json bytes=40000-", "a.json bytes=60000-", "b.json"}, u.requests)
}

func TestFetchAfterGivingUp(t *testing.T) {
	u := newUpstream()
	u.handle = cutAt(attempts)
	p := u.start(t)
	_, err := Fetch(t.Context(), p)
	require.ErrorContains(t, err, "fetch a.json")
	require.NoFileExists(t, filepath.Join(p.Dir, "a.json"), "half a file never has the name of a whole one")
	require.FileExists(t, filepath.Join(p.Dir, "a.json.part"))
	u.requests = nil
	_, err = Fetch(t.Context(), p)
	require.NoError(t, err)
	u.requireFetched(t, p.Dir)
	require.Equal(t, []string{"a.json bytes=75000-", "b.json"}, u.requests)
}

func TestFetchInterruptedByUser(t *testing.T) {
	u := newUpstream()
	p := u.start(t)
	ctx, cancel := context.WithCancel(t.Context())
	u.handle = func(w http.ResponseWriter, r *http.Request, content []byte) bool {
		if len(content) < 10 {
			return false
		}
		_, _ = w.Write(content[:1000])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	}
	p.Progress = func(at FetchProgress) {
		if at.Received > 0 {
			cancel()
		}
	}
	_, err := Fetch(ctx, p)
	require.ErrorIs(t, err, context.Canceled)
	u.handle, p.Progress = nil, nil
	_, err = Fetch(t.Context(), p)
	require.NoError(t, err)
	u.requireFetched(t, p.Dir)
	require.Equal(t, []string{"a.json", "a.json bytes=1000-", "b.json"}, u.requests)
}

func TestFetchFromServerWithoutRanges(t *testing.T) {
	u := newUpstream()
	u.handle = func(w http.ResponseWriter, _ *http.Request, content []byte) bool {
		_, _ = w.Write(content)
		return true
	}
	p := u.start(t)
	require.NoError(t, os.WriteFile(filepath.Join(p.Dir, "a.json.part"), []byte("abcdef"), 0o600))
	_, err := Fetch(t.Context(), p)
	require.NoError(t, err)
	u.requireFetched(t, p.Dir)
}

func TestFetchRefusesWhatIsNotPublished(t *testing.T) {
	u := newUpstream()
	p := u.start(t)
	u.files["a.json"] = bytes.Clone(u.files["a.json"])
	u.files["a.json"][5000] ^= 1
	_, err := Fetch(t.Context(), p)
	require.ErrorContains(t, err, "fetch a.json: what the server sent is not the published file")
	entries, err := os.ReadDir(p.Dir)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// A part may stem from another revision, and may be complete or too long. All end in the right file.
func TestFetchWithStaleParts(t *testing.T) {
	for _, part := range [][]byte{
		bytes.Repeat([]byte("x"), 100),
		bytes.Repeat([]byte("abcdefgh"), 10_000),
		bytes.Repeat([]byte("abcdefgh"), 10_001),
	} {
		u := newUpstream()
		p := u.start(t)
		require.NoError(t, os.WriteFile(filepath.Join(p.Dir, "a.json.part"), part, 0o600))
		_, err := Fetch(t.Context(), p)
		require.NoError(t, err)
		u.requireFetched(t, p.Dir)
	}
}

func TestFetchErrors(t *testing.T) {
	t.Run("file is not there", func(t *testing.T) {
		u := newUpstream()
		p := u.start(t)
		delete(u.files, "b.json")
		_, err := Fetch(t.Context(), p)
		require.EqualError(t, err, "fetch b.json: server returned 404 Not Found")
		require.Equal(t, []string{"a.json", "b.json"}, u.requests, "no second attempt")
	})
	t.Run("server is out of order for a while", func(t *testing.T) {
		u := newUpstream()
		p := u.start(t)
		failures := attempts - 1
		u.handle = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			failures--
			if failures >= 0 {
				http.Error(w, "busy", http.StatusServiceUnavailable)
			}
			return failures >= 0
		}
		_, err := Fetch(t.Context(), p)
		require.NoError(t, err)
		u.requireFetched(t, p.Dir)
	})
	t.Run("no server", func(t *testing.T) {
		p := newUpstream().start(t)
		p.BaseURL = "http://127.0.0.1:1"
		_, err := Fetch(t.Context(), p)
		require.ErrorContains(t, err, "fetch a.json")
	})
	t.Run("folder cannot be made", func(t *testing.T) {
		p := newUpstream().start(t)
		p.Dir = filepath.Join(p.Dir, "file")
		require.NoError(t, os.WriteFile(p.Dir, nil, 0o600))
		_, err := Fetch(t.Context(), p)
		require.Error(t, err)
	})
	t.Run("endless file", func(t *testing.T) {
		u := newUpstream()
		p := u.start(t)
		// A sparse part just below the limit stands for what an endless response has brought so far.
		part := filepath.Join(p.Dir, "a.json.part")
		require.NoError(t, os.WriteFile(part, nil, 0o600))
		require.NoError(t, os.Truncate(part, maxFileSize-10))
		u.handle = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			w.Header().Set("Content-Range", "bytes "+strconv.Itoa(maxFileSize-10)+"-*/*")
			w.WriteHeader(http.StatusPartialContent)
			for {
				if _, err := w.Write(make([]byte, 1000)); err != nil {
					return true
				}
			}
		}
		_, err := Fetch(t.Context(), p)
		require.ErrorContains(t, err, "larger than 64 MB")
		require.NoFileExists(t, part)
	})
}

func TestManifest(t *testing.T) {
	m := published()
	for _, k := range kinds() {
		require.Len(t, m[k.name+".json"], 64, k.name)
	}
	require.Len(t, m, len(kinds()))
}
