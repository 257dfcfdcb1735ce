package house

import (
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// layer says what the source of one package may import besides the standard library.
type layer struct {
	own   []string // packages of this module
	other []string // modules of others
	tests []string // packages of this module that only tests may import besides
}

var (
	belowFraming = []string{"internal/wire", "internal/parallel", "ciphersuite"}
	belowTrees   = append([]string{"framing"}, belowFraming...)
	belowMLS     = append([]string{"treekem", "keyschedule"}, belowTrees...)
	grpc         = []string{"google.golang.org/grpc", "google.golang.org/protobuf"}
	voi          = "github.com/oasisprotocol/curve25519-voi"
	cryptoNoVoi  = []string{"github.com/cloudflare/circl", "golang.org/x/crypto"}
	crypto       = append([]string{voi}, cryptoNoVoi...)
)

// layers is the whole house. A package that is not here may not exist.
var layers = map[string]layer{
	"internal/wire":     {},
	"internal/parallel": {},
	"ciphersuite":       {own: []string{"internal/wire", "internal/parallel", "ciphersuite/internal/edwards"}, other: crypto},

	"ciphersuite/internal/edwards": {},
	"mls/ledger":                   {},
	"mls/internal/inside":          {own: belowMLS},
	"treekem/treekemtest":          {own: append([]string{"treekem"}, belowTrees...)},

	"framing":     {own: belowFraming},
	"treekem":     {own: belowTrees, tests: []string{"treekem/treekemtest"}},
	"keyschedule": {own: belowTrees},
	"mls": {own: append([]string{"mls/internal/inside"}, belowMLS...),
		tests: []string{"mls/mlstest", "mls/ledger", "treekem/treekemtest"}},
	"mls/mlstest":     {own: append([]string{"mls", "mls/internal/inside", "treekem/treekemtest"}, belowMLS...)},
	"interop/vectors": {own: append([]string{"mls", "mls/mlstest"}, belowMLS...)},
	"interop/inspect": {own: append([]string{"mls"}, belowMLS...)},
	"cmd/copse":       {own: []string{"interop/mlsclient", "interop/scenario", "interop/inspect", "ciphersuite", "interop/vectors", "mls/ledger"}, other: []string{"github.com/spf13/cobra", "golang.org/x/term"}},
	"docs/bench":      {own: append([]string{"mls", "mls/mlstest", "treekem/treekemtest"}, belowMLS...), other: crypto},
	"internal/house":  {},
	"docs/tour":       {own: append([]string{"mls", "mls/mlstest"}, belowMLS...)},

	"interop/mlsclient/clientpb": {other: grpc},
	"interop/mlsclient":          {own: append([]string{"interop/mlsclient/clientpb", "mls"}, belowMLS...), other: grpc},
	"interop/scenario": {own: []string{"interop/mlsclient/clientpb", "ciphersuite"}, other: grpc,
		tests: []string{"interop/mlsclient"}},
}

// testModules may be imported by tests of every package.
var testModules = []string{"github.com/stretchr/testify", "pgregory.net/rapid", "github.com/rogpeppe/go-internal"}

// TestLayers checks that imports only go down.
func TestLayers(t *testing.T) {
	for _, f := range source(t) {
		for _, problem := range edges(f) {
			t.Error(problem)
		}
	}
}

// TestLayersBite shows that edges finds what may not be imported.
func TestLayersBite(t *testing.T) {
	for name, src := range map[string]string{
		"framing/up.go":            `package framing; import "` + module + `/treekem"`,
		"treekem/beside.go":        `package treekem; import "` + module + `/keyschedule"`,
		"treekem/beside_test.go":   `package treekem; import "` + module + `/keyschedule"`,
		"framing/other.go":         `package framing; import "github.com/cloudflare/circl/hpke"`,
		"treekem/testing.go":       `package treekem; import "github.com/stretchr/testify/require"`,
		"common/unknown.go":        `package common`,
		"ciphersuite/lookalike.go": `package ciphersuite; import "golang.org/x/cryptography"`,
	} {
		f, err := parse(name, src)
		require.NoError(t, err)
		require.NotEmpty(t, edges(f), name)
	}
	f, err := parse("treekem/down.go", `package treekem; import ("`+module+`/framing"; "crypto/sha256")`)
	require.NoError(t, err)
	require.Empty(t, edges(f))
}

// edges lists the imports of f that its layer does not allow.
func edges(f *file) (problems []string) {
	l, ok := layers[f.dir()]
	if !ok {
		return []string{f.path + ": package " + f.dir() + " has no place in layers_test.go"}
	}
	for _, p := range f.imports() {
		own, isOwn := strings.CutPrefix(p, module+"/")
		switch {
		case standard(p):
		case isOwn && slices.Contains(l.own, own):
		case isOwn && f.test() && (own == f.dir() || slices.Contains(l.tests, own)):
		case !isOwn && within(p, l.other):
		case !isOwn && f.test() && within(p, testModules):
		default:
			problems = append(problems, f.path+": may not import "+p)
		}
	}
	return problems
}

// The law of folders. Right below mls/ every folder is a role: standard library and Copse only. A folder below a role is a
// technology, and only there may the roles import what others made, all but the engine's own test helpers.

// TestLawOfFolders checks the table of layers and the source by it.
func TestLawOfFolders(t *testing.T) {
	for dir, l := range layers {
		if isRole(dir) {
			require.Empty(t, l.other, "%s is a role: a technology has a folder below it", dir)
		}
	}
	for _, f := range source(t) {
		require.Empty(t, lawless(f), f.path)
	}
}

// TestLawOfFoldersBites shows that a role's import from elsewhere is found, and a technology's is allowed.
func TestLawOfFoldersBites(t *testing.T) {
	for name, want := range map[string]int{
		"mls/store/store.go": 1, "mls/store/sqlite/store.go": 0, "mls/store/store_test.go": 0, "interop/store/store.go": 0,
	} {
		f, err := parse(name, `package store; import ("database/sql"; "modernc.org/sqlite"; "`+module+`/mls")`)
		require.NoError(t, err)
		require.Len(t, lawless(f), want, name)
	}
}

// isRole reports whether a folder stands right below mls/.
func isRole(dir string) bool {
	role, below := strings.CutPrefix(dir, "mls/")
	return below && !strings.Contains(role, "/")
}

// lawless lists the imports from elsewhere that a role's file has.
func lawless(f *file) (imports []string) {
	if !isRole(f.dir()) || f.test() {
		return nil
	}
	for _, p := range f.imports() {
		if !standard(p) && !within(p, []string{module}) {
			imports = append(imports, p)
		}
	}
	return imports
}

// standard reports whether an import path belongs to the standard library: its first element has no dot.
func standard(p string) bool {
	first, _, _ := strings.Cut(p, "/")
	return !strings.Contains(first, ".")
}

// within reports whether an import path lies in one of the modules.
func within(p string, modules []string) bool {
	return slices.ContainsFunc(modules, func(m string) bool { return p == m || strings.HasPrefix(p, m+"/") })
}

// TestDependencies checks what importing each engine package makes an application compile, all the way down.
func TestDependencies(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs the go command")
	}
	for _, build := range []struct {
		tags    string
		allowed []string
	}{
		{"", append([]string{"golang.org/x/sys"}, crypto...)},
		{"copse_novoi", append([]string{"golang.org/x/sys"}, cryptoNoVoi...)},
		{"copse_stdlib", nil},
	} {
		for _, dir := range existing(t) {
			deps := list(t, "list", "-tags", build.tags, "-deps", "-f", "{{if not .Standard}}{{.ImportPath}}{{end}}", "./"+dir)
			require.Contains(t, deps, path.Join(module, dir))
			for _, dep := range deps {
				own, isOwn := strings.CutPrefix(dep, module+"/")
				if isOwn && slices.Contains(engine, own) || !isOwn && within(dep, build.allowed) {
					continue
				}
				t.Errorf("%s (tags %q) brings in %s", dir, build.tags, dep)
			}
		}
	}
}

// existing lists the engine packages that have source.
func existing(t *testing.T) []string {
	var dirs []string
	for _, f := range source(t) {
		if inEngine(f) && !slices.Contains(dirs, f.dir()) {
			dirs = append(dirs, f.dir())
		}
	}
	return dirs
}

func list(t *testing.T, args ...string) []string {
	t.Helper()
	cmd := exec.Command("go", args...)
	cmd.Dir = root()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	require.NoError(t, err, stderr.String())
	return strings.Fields(string(out))
}

// TestPackageDocs checks that every package says what it is for.
func TestPackageDocs(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range source(t) {
		if !f.test() {
			documented[f.dir()] = documented[f.dir()] || strings.HasPrefix(f.ast.Doc.Text(), "Package ") ||
				strings.HasPrefix(f.ast.Doc.Text(), "Command ")
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s has no package comment", dir)
		}
	}
}
