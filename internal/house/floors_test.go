package house

import (
	"bufio"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// house lists the packages from the top floor down, as the picture in README.md has them. A package may import only what
// stands below it.
var house = []string{
	"cmd/copse", "docs/tour", "docs/bench",
	"interop/scenario", "interop/mlsclient", "interop/mlsclient/clientpb", "interop/vectors", "interop/inspect",
	"mls/mlstest", "mls/ledger", "mls", "mls/internal/inside",
	"treekem/treekemtest", "treekem", "keyschedule", "framing",
	"ciphersuite", "ciphersuite/internal/edwards", "internal/parallel", "internal/wire", "internal/house",
}

// TestFloors checks that every import goes down. TestLayers says more exactly what each package may import.
func TestFloors(t *testing.T) {
	for _, f := range source(t) {
		require.Contains(t, house, f.dir(), "give the package a floor")
		for _, p := range f.imports() {
			own, isOwn := strings.CutPrefix(p, module+"/")
			if isOwn && !f.test() && slices.Index(house, own) <= slices.Index(house, f.dir()) {
				t.Errorf("%s imports %s, which does not stand below it", f.path, own)
			}
		}
	}
}

// rooms lists the files of a package from the top floor down, and how many uses may run up: from a file to a name that
// is declared in a file above it. The number may only fall. A use that runs up says that a type, a function or a file is
// in the wrong place, and a reader has to know everything at once.
type rooms struct {
	files  []string
	upward int
}

// TestRooms counts the uses that run up within the packages that have many files.
func TestRooms(t *testing.T) {
	if testing.Short() {
		t.Skip("-short: runs the go command")
	}
	for dir, r := range packageRooms() {
		t.Run(dir, func(t *testing.T) {
			files, uses := usesWithin(t, dir)
			for _, name := range files {
				require.Contains(t, r.files, name, "give the file a floor")
			}
			for _, name := range r.files {
				require.Contains(t, files, name, "the file is gone: take it out of the list")
			}
			up := upward(r.files, uses)
			if len(up) != r.upward {
				t.Errorf("%d uses run up, and the list says %d:\n%s", len(up), r.upward, strings.Join(up, "\n"))
			}
			t.Logf("%d files, %d pairs of a file and one that it uses, %d of them run up", len(files), len(uses), len(up))
		})
	}
}

// TestRoomsBite shows that a use that runs up is found, and one that runs down is not.
func TestRoomsBite(t *testing.T) {
	uses := uses{{"low.go", "high.go"}: {"Top": true}, {"high.go", "low.go"}: {"bottom": true}}
	require.Equal(t, []string{"low.go -> high.go: Top"}, upward([]string{"high.go", "low.go"}, uses))
}

// uses are the names that one file of a package uses and another declares, by the two files.
type uses map[[2]string]map[string]bool

// upward lists the pairs of files whose first stands below the second.
func upward(floors []string, all uses) (up []string) {
	for pair, names := range all {
		if slices.Index(floors, pair[0]) > slices.Index(floors, pair[1]) {
			var list []string
			for name := range names {
				list = append(list, name)
			}
			slices.Sort(list)
			up = append(up, fmt.Sprintf("%s -> %s: %s", pair[0], pair[1], strings.Join(list, " ")))
		}
	}
	slices.Sort(up)
	return up
}

// usesWithin reads a package with its types, and returns its files and what they use of each other: functions, methods,
// types, constants and variables of the package, but no fields.
func usesWithin(t *testing.T, dir string) ([]string, uses) {
	t.Helper()
	fset := token.NewFileSet()
	var parsed []*ast.File
	var names []string
	for _, path := range list(t, "list", "-f", `{{range .GoFiles}}{{$.Dir}}/{{.}} {{end}}`, "./"+dir) {
		f, err := parser.ParseFile(fset, path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		parsed, names = append(parsed, f), append(names, filepath.Base(path))
	}
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", exportData(t, dir))}
	pkg, err := conf.Check(module+"/"+dir, fset, parsed, info)
	require.NoError(t, err)
	found := uses{}
	for id, o := range info.Uses {
		_, method := o.(*types.Func)
		if o.Pkg() != pkg || !method && o.Parent() != pkg.Scope() {
			continue
		}
		pair := [2]string{filepath.Base(fset.Position(id.Pos()).Filename), filepath.Base(fset.Position(o.Pos()).Filename)}
		if pair[0] == pair[1] {
			continue
		}
		if found[pair] == nil {
			found[pair] = map[string]bool{}
		}
		found[pair][o.Name()] = true
	}
	return names, found
}

// exportData finds what the compiler keeps of the packages that one imports.
func exportData(t *testing.T, dir string) importer.Lookup {
	t.Helper()
	cmd := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}}={{.Export}}", "./"+dir)
	cmd.Dir = root()
	out, err := cmd.Output()
	require.NoError(t, err)
	files := map[string]string{}
	for lines := bufio.NewScanner(strings.NewReader(string(out))); lines.Scan(); {
		path, file, _ := strings.Cut(lines.Text(), "=")
		files[path] = file
	}
	return func(path string) (io.ReadCloser, error) { return os.Open(files[path]) }
}

// packageRooms returns the order of files within each package, and how many pairs of files are out of it.
func packageRooms() map[string]rooms {
	return map[string]rooms{
		"mls": {upward: 3, files: []string{
			"changes.go", "load.go",
			"handle.go", "observer.go", "outsider.go",
			"join.go", "join_external.go", "receive_commit.go",
			"commit.go", "import.go", "pending.go", "propose.go",
			"create.go", "fit.go", "gather.go", "welcome.go",
			"commit_params.go", "record_key_package.go", "transition.go",
			"key_package.go", "load_secrets.go", "validate_proposal.go",
			"load_messages.go",
			"changes_secrets.go", "load_public.go", "validate_key_package.go",
			"message.go", "protect.go", "record_change.go", "record_counter.go", "record_drawer.go",
			"erase.go", "frame.go", "inside.go", "limits.go", "record.go", "successor.go",
			"group.go", "validate_list.go",
			"arrivals.go",
			"event.go", "params.go", "psk.go",
			"claim.go", "doc.go", "errors.go", "proposal_store.go",
			"number_set.go",
		}},
		"framing": {upward: 0, files: []string{
			"message.go",
			"private_message.go", "public_message.go",
			"authenticated_content.go",
			"framed_content.go", "welcome.go",
			"commit.go", "raw.go",
			"batch.go", "proposal.go", "ratchet_tree.go",
			"group_info.go", "key_package.go", "parent_node.go", "pre_shared_key.go", "update_path.go",
			"group_context.go", "leaf_node.go",
			"extension.go",
			"certificate.go", "external_senders.go", "required_capabilities.go",
			"app_data.go", "application_id.go", "credential.go", "external_pub.go", "signing.go",
			"bodies.go", "codec.go",
			"code_points.go", "doc.go", "padding.go", "rule.go", "value.go",
			"leaf_index.go",
		}},
		"treekem": {upward: 0, files: []string{
			"blocks.go", "path.go",
			"import.go", "update_path.go",
			"edit.go",
			"leaf_rules.go",
			"draw.go", "export.go", "parent_hash.go", "private_path.go",
			"tree.go",
			"capability_counts.go", "key_index.go",
			"hash.go", "view.go",
			"block.go",
			"doc.go", "leaf_bytes.go", "path_secrets.go",
			"math.go",
		}},
		"keyschedule": {upward: 1, files: []string{
			"record.go",
			"secret_tree.go",
			"epoch.go", "ratchet.go",
			"chain.go", "doc.go", "limits.go", "psk.go", "transcript.go",
		}},
	}
}
