package house

import (
	"go/ast"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// mostNames is how many names a package may export besides methods and fields. The numbers may only fall: a name that
// one other package needs becomes a method of its natural type, or moves below internal.
var mostNames = map[string]int{
	"framing": 144, // 17 of them belong to draft-ietf-mls-extensions, and to proposals that applications define
}

// TestExportedNames counts them.
func TestExportedNames(t *testing.T) {
	for dir, most := range mostNames {
		names := map[string]bool{}
		for _, f := range source(t) {
			if f.dir() == dir && !f.test() {
				for _, name := range exportedNames(f) {
					names[name] = true
				}
			}
		}
		require.Equal(t, most, len(names), "exported names of %s: more is too many; if fewer, write the number here", dir)
	}
}

// TestExportedNamesBite shows that exportedNames finds each kind of name, and no method, field or test.
func TestExportedNamesBite(t *testing.T) {
	f, err := parse("framing/names.go", `package framing
		type T struct{ Field int }
		type u struct{}
		func F() {}
		func f() {}
		func (T) Method() {}
		const (
			A, b = 1, 2
			C    = 3
		)
		var V, w int`)
	require.NoError(t, err)
	names := exportedNames(f)
	slices.Sort(names)
	require.Equal(t, []string{"A", "C", "F", "T", "V"}, names)
}

// exportedNames lists the types, functions, constants and variables that a file exports.
func exportedNames(f *file) (names []string) {
	add := func(id *ast.Ident) {
		if id.IsExported() {
			names = append(names, id.Name)
		}
	}
	for _, d := range f.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				add(d.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					add(s.Name)
				case *ast.ValueSpec:
					for _, id := range s.Names {
						add(id)
					}
				}
			}
		}
	}
	return names
}
