package vectors

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// FetchParams say what Fetch downloads and to where. The zero value fetches the published files into the cache.
type FetchParams struct {
	Dir     string // CacheDir when empty
	BaseURL string // PublishedURL when empty
	Client  *http.Client

	// Progress, if set, is called as bytes of a file arrive, and with Done when the file is in place.
	Progress func(FetchProgress)

	want  manifest      // the published files when nil
	pause time.Duration // before a second attempt, doubled before each further one; 250 ms when zero
}

// FetchProgress is how far the download of one file has come.
type FetchProgress struct {
	File     string
	Received int64
	Kept     bool // the file was there already
	Done     bool
}

// attempts bounds how often one file is asked for in a row without success.
const attempts = 4

// Fetch downloads the published vectors. Every file is compared with the manifest in this build before it appears
// under its name, so a folder never holds a wrong or half a file that looks whole. What has arrived of a file stays as
// NAME.part when Fetch fails or ctx ends, and the next call goes on from there. It returns the folder.
func Fetch(ctx context.Context, p FetchParams) (string, error) {
	if p.Dir == "" {
		dir, err := CacheDir()
		if err != nil {
			return "", err
		}
		p.Dir = dir
	}
	if p.BaseURL == "" {
		p.BaseURL = PublishedURL
	}
	if p.Client == nil {
		p.Client = &http.Client{Timeout: 5 * time.Minute}
	}
	if p.Progress == nil {
		p.Progress = func(FetchProgress) {}
	}
	if p.want == nil {
		p.want = published()
	}
	if p.pause == 0 {
		p.pause = 250 * time.Millisecond
	}
	if err := os.MkdirAll(p.Dir, 0o755); err != nil {
		return "", err
	}
	for _, name := range slices.Sorted(maps.Keys(p.want)) {
		if err := p.file(ctx, name); err != nil {
			return "", fmt.Errorf("fetch %s: %w", name, err)
		}
	}
	return p.Dir, nil
}

// file brings one file into place, unless it is there already.
func (p *FetchParams) file(ctx context.Context, name string) error {
	path := filepath.Join(p.Dir, name)
	if got, err := digest(path); err == nil && got == p.want[name] {
		p.Progress(FetchProgress{File: name, Kept: true, Done: true})
		return nil
	}
	part := path + ".part"
	var err error
	for try := range attempts {
		if err = p.download(ctx, name, part); err == nil {
			err = p.install(name, part, path)
		}
		var refused *refusedError
		if err == nil || ctx.Err() != nil || errors.As(err, &refused) || try == attempts-1 {
			break
		}
		select {
		case <-time.After(p.pause << try):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}

// install gives a complete part its name once its digest is right. A wrong one is deleted: nothing can be added to it.
func (p *FetchParams) install(name, part, path string) error {
	got, err := digest(part)
	if err != nil {
		return err
	}
	if got != p.want[name] {
		if err := os.Remove(part); err != nil {
			return err
		}
		return fmt.Errorf("what the server sent is not the published file: SHA-256 is %s, want %s", got, p.want[name])
	}
	if err := os.Rename(part, path); err != nil {
		return err
	}
	p.Progress(FetchProgress{File: name, Done: true})
	return nil
}

// refusedError is a response of the server that asking again will not change.
type refusedError struct{ status string }

func (e *refusedError) Error() string { return "server returned " + e.status }

// download appends to part what is missing of it. A server that knows no ranges sends the whole file again.
func (p *FetchParams) download(ctx context.Context, name, part string) (err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(p.BaseURL, "/")+"/"+name, nil)
	if err != nil {
		return err
	}
	var have int64
	if info, err := os.Stat(part); err == nil {
		have = info.Size()
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	resp, err := p.Client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()

	mode := os.O_WRONLY | os.O_CREATE
	switch {
	case resp.StatusCode == http.StatusPartialContent &&
		strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)):
		mode |= os.O_APPEND
	case resp.StatusCode == http.StatusOK:
		mode |= os.O_TRUNC
		have = 0
	case resp.StatusCode == http.StatusPartialContent:
		return errors.Join(errors.New("server returned another range than was asked for"), os.Remove(part))
	case resp.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return nil // nothing is missing; install judges what there is, and deletes it when it is wrong
	case resp.StatusCode >= 500:
		return fmt.Errorf("server returned %s", resp.Status)
	default:
		return &refusedError{resp.Status}
	}
	f, err := os.OpenFile(part, mode, 0o644)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	counter := &progressWriter{w: f, report: p.Progress, at: FetchProgress{File: name, Received: have}}
	n, err := io.Copy(counter, io.LimitReader(resp.Body, maxFileSize-have+1))
	if err == nil && have+n > maxFileSize {
		return errors.Join(&refusedError{"with a file " + errTooLarge.Error()}, os.Remove(part))
	}
	return err
}

// progressWriter tells how many bytes have passed.
type progressWriter struct {
	w      io.Writer
	report func(FetchProgress)
	at     FetchProgress
}

func (p *progressWriter) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.at.Received += int64(n)
	p.report(p.at)
	return n, err
}

// digest returns the SHA-256 of a file in hexadecimal.
func digest(path string) (string, error) {
	b, err := readFile(path)
	return sum(b), err
}

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return hex.EncodeToString(s[:])
}

// readFile reads a regular file of bounded size.
func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &InputError{Path: path, Err: fs.ErrNotExist}
	case err != nil:
		return nil, &InputError{Path: path, Err: err}
	case !info.Mode().IsRegular():
		return nil, &InputError{Path: path, Err: errNotRegular}
	case info.Size() > maxFileSize:
		return nil, &InputError{Path: path, Err: errTooLarge}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, &InputError{Path: path, Err: err}
	}
	return b, nil
}
