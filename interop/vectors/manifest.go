package vectors

import (
	_ "embed"
	"strings"
)

// Commit is the revision of the working group's repository whose vectors this build knows.
const Commit = "cfd450286d1bfd9cd2519b95c80f9771f94a5b1a"

// PublishedURL is where Fetch finds the files of Commit.
const PublishedURL = "https://raw.githubusercontent.com/mlswg/mls-implementations/" + Commit + "/test-vectors/"

// maxFileSize bounds what is read or downloaded as one file. The largest published file has 2.7 MB.
const maxFileSize = 64 << 20

//go:embed SHA256SUMS
var sums string

// manifest maps the name of each published file to its SHA-256 digest in hexadecimal.
type manifest map[string]string

func published() manifest { return parseManifest(sums) }

// parseManifest reads the output of sha256sum.
func parseManifest(s string) manifest {
	m := manifest{}
	for line := range strings.Lines(s) {
		if sum, name, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
			m[name] = sum
		}
	}
	return m
}
