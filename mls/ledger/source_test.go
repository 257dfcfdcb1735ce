package ledger

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const root = "../.."

var ruleID = regexp.MustCompile(`^V-[A-Z]+-[0-9]{2}$`)

// function is one function of the source, with the rules that it names.
type function struct {
	test  bool
	rules []string
}

// functions reads the source of the whole repository: functions by name, such as wire.(*Reader).Vector.
func functions(t *testing.T) map[string]*function {
	t.Helper()
	out := map[string]*function{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() && p != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "tools") {
			return filepath.SkipDir
		}
		if filepath.Ext(p) != ".go" {
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, decl := range file.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok {
				name := filepath.Base(filepath.Dir(p)) + "." + receiver(f) + f.Name.Name
				out[name] = &function{strings.HasSuffix(p, "_test.go"), named(f)}
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.NotEmpty(t, out)
	return out
}

// receiver returns "(*T)." or "(T)." for a method.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	star, typ := "", f.Recv.List[0].Type
	if p, ok := typ.(*ast.StarExpr); ok {
		star, typ = "*", p.X
	}
	switch x := typ.(type) {
	case *ast.IndexExpr:
		typ = x.X
	case *ast.IndexListExpr:
		typ = x.X
	}
	return "(" + star + typ.(*ast.Ident).Name + ")."
}

// named lists the rules that a function names in string literals.
func named(f *ast.FuncDecl) []string {
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			if s, err := strconv.Unquote(lit.Value); err == nil && ruleID.MatchString(s) {
				out = append(out, s)
			}
		}
		return true
	})
	return out
}

// TestFunctions checks that the functions of each rule are there, and that one of them names the rule where the rule
// comes out under its own ID.
func TestFunctions(t *testing.T) {
	source := functions(t)
	for r := range readLedger(t).All() {
		names := false
		for _, name := range r.Where {
			f := source[name]
			if f == nil || f.test {
				t.Errorf("%s: there is no function %s", r.ID, name)
				continue
			}
			names = names || slices.Contains(f.rules, r.ID)
		}
		if len(r.Where) > 0 && slices.Contains(r.Gives, r.ID) && !names {
			t.Errorf("%s: none of its functions names it: %v", r.ID, r.Where)
		}
	}
}

// TestSourceNamesRules checks the other way round: whichever function names a rule stands with that rule here.
func TestSourceNamesRules(t *testing.T) {
	l := readLedger(t)
	for name, f := range functions(t) {
		if pkg, _, _ := strings.Cut(name, "."); f.test || pkg == "ledger" || pkg == "mlstest" {
			continue
		}
		for _, id := range f.rules {
			r, ok := l.Rule(id)
			if !ok {
				t.Errorf("%s names %s, which is no rule", name, id)
			} else if !slices.Contains(r.Where, name) {
				t.Errorf("%s names %s: add it to that rule under where", name, id)
			}
		}
	}
}

// TestTests checks that the tests named are there.
func TestTests(t *testing.T) {
	source := functions(t)
	l := readLedger(t)
	check := func(id string, tests []string) {
		for _, name := range tests {
			f := source[name]
			if _, short, _ := strings.Cut(name, "."); f == nil || !f.test || !strings.HasPrefix(short, "Test") && !strings.HasPrefix(short, "Fuzz") {
				t.Errorf("%s: there is no test %s", id, name)
			}
		}
	}
	for r := range l.All() {
		check(r.ID, r.Tests)
	}
	for _, b := range l.History {
		check(b.ID, b.Tests)
	}
	if f := source["mls.TestRule"]; f == nil || !f.test {
		t.Error("there is no test mls.TestRule, which the entry points mean")
	}
}

// TestDocument checks that docs/validation.md is what the ledger says.
func TestDocument(t *testing.T) {
	name := filepath.Join(root, "docs", "validation.md")
	want := document(readLedger(t))
	if *rewrite {
		require.NoError(t, os.WriteFile(name, []byte(want), 0o644))
	}
	have, err := os.ReadFile(name)
	require.NoError(t, err)
	if string(have) != want {
		t.Errorf("%s is out of date: make docs", name)
	}
}
