package vectors

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// EnvDir is the environment variable that names a folder of vectors.
const EnvDir = "COPSE_VECTORS"

// siblingDir is where a checkout finds vectors that lie beside it.
const siblingDir = "../shared/test-vectors"

// ownDir is where a checkout keeps vectors of its own, the small ones of seed 1, and ownSource says what they are worth:
// they show that Copse agrees with an earlier version of itself.
const (
	ownDir    = "interop/vectors/testdata/own"
	ownSource = "COPSE'S OWN VECTORS, FOR THE PUBLISHED ONES ARE NOT HERE"
)

// Folder is a place with vector files.
type Folder struct {
	Dir    string
	Source string // how it was found, for a person: "--dir", "COPSE_VECTORS", ...

	// Named says that the user chose the folder. Its files need not be the published ones; elsewhere they must be.
	Named bool

	// Own says that these are Copse's own vectors, which Generate made, for want of the published ones.
	Own bool
}

// NotFoundError says that no folder of vectors exists in any place where one was looked for.
type NotFoundError struct{ Looked []string }

func (e *NotFoundError) Error() string {
	return "no test vectors found; looked at\n  " + strings.Join(e.Looked, "\n  ") +
		"\n`copse vectors fetch` downloads them, --dir or " + EnvDir + " names a folder that has them"
}

// Find looks for vectors: in dir if it is not empty, else in the folder that COPSE_VECTORS names, else in
// ../shared/test-vectors beside root (the repository, or the working directory when root is empty), else in the cache
// that Fetch fills, unless a Fetch broke off there: the next one goes on. A folder that was named must exist. The last
// resort are Copse's own vectors in root, which the Folder says. It fails with an *InputError or a *NotFoundError.
func Find(dir, root string) (Folder, error) {
	if dir != "" {
		return named(dir, "--dir")
	}
	if dir = os.Getenv(EnvDir); dir != "" {
		return named(dir, EnvDir)
	}
	sibling := filepath.Join(root, filepath.FromSlash(siblingDir))
	if isDir(sibling) {
		return Folder{Dir: sibling, Source: "beside the repository"}, nil
	}
	looked := []string{EnvDir + " (not set)", sibling + " (beside the repository)"}
	if cache, err := CacheDir(); err == nil {
		if fetched(cache) {
			return Folder{Dir: cache, Source: "cache"}, nil
		}
		looked = append(looked, cache+" (cache)")
	}
	if own := filepath.Join(root, filepath.FromSlash(ownDir)); isDir(own) {
		return Folder{Dir: own, Source: ownSource, Own: true}, nil
	}
	return Folder{}, &NotFoundError{Looked: looked}
}

// fetched reports whether every published file is in dir, whatever its content.
func fetched(dir string) bool {
	for name := range published() {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			return false
		}
	}
	return true
}

func named(dir, source string) (Folder, error) {
	if !isDir(dir) {
		return Folder{}, &InputError{Path: dir, Err: fmt.Errorf("not a folder (named by %s)", source)}
	}
	return Folder{Dir: dir, Source: source, Named: true}, nil
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// CacheDir returns the folder that Fetch fills when it is given none: copse/vectors/COMMIT under the user's cache
// folder.
func CacheDir() (string, error) {
	base, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(base, "copse", "vectors", Commit), nil
}

// InputError says that a file or folder cannot be used, and why.
type InputError struct {
	Path string
	Err  error
}

func (e *InputError) Error() string { return e.Path + ": " + e.Err.Error() }
func (e *InputError) Unwrap() error { return e.Err }

var (
	errTooLarge   = fmt.Errorf("larger than %d MB", maxFileSize>>20)
	errNotOurs    = errors.New("differs from the published file of this name")
	errNotRegular = errors.New("not a regular file")
)
