package house

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/copse-mls/copse"

// file is one Go source file of the repository.
type file struct {
	path string // from the repository's root, with slashes
	src  string
	fset *token.FileSet
	ast  *ast.File
}

func (f *file) dir() string                    { return path.Dir(f.path) }
func (f *file) test() bool                     { return strings.HasSuffix(f.path, "_test.go") }
func (f *file) line(p token.Pos) int           { return f.fset.Position(p).Line }
func (f *file) at(p token.Pos) string          { return fmt.Sprintf("%s:%d", f.path, f.line(p)) }
func (f *file) subject(d *ast.FuncDecl) string { return f.dir() + "." + funcName(d) }

// funcName returns Name, or Type.Name for a method.
func funcName(d *ast.FuncDecl) string {
	if t := receiver(d); t != "" {
		return t + "." + d.Name.Name
	}
	return d.Name.Name
}

// receiver returns the name of the receiver's type, without pointer and type parameters.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil || len(d.Recv.List) == 0 {
		return ""
	}
	t := d.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}

// imports lists the import paths of the file.
func (f *file) imports() []string {
	var out []string
	for _, i := range f.ast.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		out = append(out, p)
	}
	return out
}

// qualified returns the package path and name that a call or reference such as time.Now resolves to, by the imports of the
// file.
func (f *file) qualified(e ast.Expr) (pkg, name string) {
	sel, ok := e.(*ast.SelectorExpr)
	if !ok {
		return "", ""
	}
	x, ok := sel.X.(*ast.Ident)
	if !ok {
		return "", ""
	}
	for _, i := range f.ast.Imports {
		p, _ := strconv.Unquote(i.Path.Value)
		local := path.Base(p)
		if i.Name != nil {
			local = i.Name.Name
		}
		if local == x.Name {
			return p, sel.Sel.Name
		}
	}
	return "", ""
}

func parse(name, src string) (*file, error) {
	fset := token.NewFileSet()
	tree, err := parser.ParseFile(fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
	return &file{path: name, src: src, fset: fset, ast: tree}, err
}

// root is the folder of go.mod.
var root = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	panic("no go.mod above the working directory")
})

var load = sync.OnceValues(func() ([]*file, error) {
	var out []*file
	err := filepath.WalkDir(root(), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			switch name := d.Name(); {
			case p == root():
				return nil
			case strings.HasPrefix(name, "."), name == "testdata", name == "bin", name == "dist", name == "tools":
				return filepath.SkipDir
			}
			return nil
		}
		if filepath.Ext(p) != ".go" {
			return nil
		}
		src, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root(), p)
		if err != nil {
			return err
		}
		f, err := parse(filepath.ToSlash(rel), string(src))
		if err == nil && !ast.IsGenerated(f.ast) { // a generator's manners are its own
			out = append(out, f)
		}
		return err
	})
	return out, err
})

// source returns every Go file of the repository.
func source(t *testing.T) []*file {
	t.Helper()
	files, err := load()
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}
