package house

import (
	"archive/zip"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// What a program that imports package mls and nothing else gets with it. Everything that Copse's outer floors need stays
// out of its downloads, its checksums and its binary, because Go prunes the module graph.
const (
	consumerVersion = "v0.0.1"
	maxConsumerSums = 16 // lines of its go.sum
)

// consumerModules are downloaded whole. The names of all but Copse and x/sys are those that layers_test.go allows.
var consumerModules = []string{
	module, "github.com/cloudflare/circl", voi, "golang.org/x/crypto", "golang.org/x/sys",
}

const consumerProgram = `package main

import (
	"fmt"
	"time"

	"` + module + `/ciphersuite"
	"` + module + `/framing"
	"` + module + `/mls"
)

func main() {
	suite, err := ciphersuite.New(ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519)
	check(err)
	signer, err := suite.GenerateSigner(nil)
	check(err)
	step, err := mls.Create(mls.CreateParams{
		CipherSuite: suite.CipherSuite(),
		Leaf:        mls.LeafParams{Credential: framing.BasicCredential([]byte("alice")), Signer: signer},
		Lifetime:    mls.LifetimeFrom(time.Now(), time.Hour),
	})
	check(err)
	fmt.Println(step.Next.Epoch())
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
`

// TestConsumer makes a module that requires Copse as it will be published, and looks at what it gets.
func TestConsumer(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: builds another module")
	}
	goMod, err := os.ReadFile(filepath.Join(root(), "go.mod"))
	require.NoError(t, err)
	require.False(t, replaces(string(goMod)), "with a replace in go.mod, `go install` of the command does not work")
	c := newConsumer(t)
	c.run("get", module+"/mls@"+consumerVersion)
	require.Equal(t, "0\n", c.run("run", "."))
	require.ElementsMatch(t, consumerModules, c.downloaded(), "modules whose source was downloaded")
	c.run("mod", "tidy")
	sums, err := os.ReadFile(filepath.Join(c.dir, "go.sum"))
	require.NoError(t, err)
	lines := strings.Count(string(sums), "\n")
	require.LessOrEqual(t, lines, maxConsumerSums, "lines of go.sum:\n%s", sums)
	t.Logf("%d modules downloaded, %d lines of go.sum", len(consumerModules), lines)

	require.Empty(t, foreign(c.compiled(), consumerModules))
	require.Empty(t, foreign(c.compiled("-tags", "copse_novoi"), append([]string{module, "golang.org/x/sys"}, cryptoNoVoi...)))
	require.Equal(t, "0\n", c.run("run", "-tags", "copse_stdlib", "."))
	require.Empty(t, foreign(c.compiled("-tags", "copse_stdlib"), []string{module}))
}

// TestConsumerBites shows that what a consumer must not get is found.
func TestConsumerBites(t *testing.T) {
	require.True(t, replaces("module m\n\nreplace a => ../a\n"))
	require.True(t, replaces("module m\n\nreplace (\n\ta => ../a\n)\n"))
	require.False(t, replaces("module m // replaces nothing\n\nrequire a v1.0.0\n"))
	require.Equal(t, []string{"google.golang.org/grpc"},
		foreign([]string{module + "/mls", "google.golang.org/grpc", "golang.org/x/sys/cpu"}, consumerModules))
}

// replaces reports whether a go.mod replaces a module.
func replaces(goMod string) bool {
	return slices.ContainsFunc(strings.Split(goMod, "\n"), func(line string) bool { return strings.HasPrefix(line, "replace") })
}

// foreign lists the packages that lie in none of the modules.
func foreign(packages, modules []string) []string {
	return slices.DeleteFunc(slices.Clone(packages), func(p string) bool { return within(p, modules) })
}

// consumer is a module that requires Copse, with a module cache of its own.
type consumer struct {
	t          *testing.T
	dir, cache string
	env        []string
}

// newConsumer makes the module, and a module proxy of files that has Copse as it is in the working tree. All other modules
// come from this machine's module cache, or else from where the environment says.
func newConsumer(t *testing.T) *consumer {
	t.Helper()
	top := t.TempDir()
	c := &consumer{t: t, dir: filepath.Join(top, "consumer"), cache: filepath.Join(top, "cache")}
	require.NoError(t, os.Mkdir(c.dir, 0o755))
	c.write("main.go", consumerProgram)
	c.write("go.mod", "module example.com/consumer\n\ngo 1.26.0\n")
	proxy := filepath.Join(top, "proxy")
	publish(t, filepath.Join(proxy, filepath.FromSlash(module), "@v"))
	here := list(t, "env", "GOMODCACHE", "GOPROXY")
	proxies := []string{"file://" + filepath.ToSlash(proxy), "file://" + filepath.ToSlash(filepath.Join(here[0], "cache", "download"))}
	if len(here) > 1 {
		proxies = append(proxies, here[1])
	}
	c.env = append(os.Environ(), "GOMODCACHE="+c.cache, "GOPROXY="+strings.Join(proxies, ","), "GOSUMDB=off", "GONOSUMDB=*",
		"GOFLAGS=-mod=mod -modcacherw", "GOWORK=off", "GOPRIVATE=", "GONOPROXY=")
	return c
}

func (c *consumer) write(name, content string) {
	require.NoError(c.t, os.WriteFile(filepath.Join(c.dir, name), []byte(content), 0o644))
}

// run runs the go command in the module and returns what it prints.
func (c *consumer) run(args ...string) string {
	c.t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Env = c.dir, c.env
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(c.t, err, "go %s, which needs a module proxy or modules in the cache:\n%s", strings.Join(args, " "), stderr.String())
	return string(out)
}

// downloaded lists the modules whose source is in the cache.
func (c *consumer) downloaded() (modules []string) {
	top := filepath.Join(c.cache, "cache", "download")
	require.NoError(c.t, filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".zip" {
			name, _, _ := strings.Cut(strings.TrimPrefix(filepath.ToSlash(path), filepath.ToSlash(top)+"/"), "/@v/")
			modules = append(modules, name)
		}
		return err
	}))
	return modules
}

// compiled lists the packages beside the standard library's that the program is made of, all but its own.
func (c *consumer) compiled(flags ...string) []string {
	args := append([]string{"list"}, flags...)
	args = append(args, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", ".")
	return foreign(strings.Fields(c.run(args...)), []string{"example.com/consumer"})
}

// publish writes what a module proxy serves of the files that git tracks, in the state that they are in.
func publish(t *testing.T, dir string) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	goMod, err := os.ReadFile(filepath.Join(root(), "go.mod"))
	require.NoError(t, err)
	for name, content := range map[string]string{
		"list":                    consumerVersion + "\n",
		consumerVersion + ".info": fmt.Sprintf(`{"Version":%q,"Time":"2026-01-01T00:00:00Z"}`, consumerVersion),
		consumerVersion + ".mod":  string(goMod),
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644))
	}
	file, err := os.Create(filepath.Join(dir, consumerVersion+".zip"))
	require.NoError(t, err)
	w := zip.NewWriter(file)
	for _, name := range published(t) {
		content, err := os.ReadFile(filepath.Join(root(), filepath.FromSlash(name)))
		if os.IsNotExist(err) {
			continue // deleted and not yet committed
		}
		require.NoError(t, err)
		entry, err := w.Create(module + "@" + consumerVersion + "/" + name)
		require.NoError(t, err)
		_, err = entry.Write(content)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	require.NoError(t, file.Close())
}

// published lists the files of the module: those that git tracks, without other modules below it.
func published(t *testing.T) []string {
	t.Helper()
	cmd := exec.Command("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard")
	cmd.Dir = root()
	out, err := cmd.Output()
	require.NoError(t, err, "git lists the files of the module")
	files := strings.Split(strings.TrimRight(string(out), "\x00"), "\x00")
	return slices.DeleteFunc(files, func(name string) bool { return strings.HasPrefix(name, "tools/") })
}
