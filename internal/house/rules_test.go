package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Budgets. The tail tells good code from bad, so what is over needs an exception with a reason.
const (
	maxFileLines  = 500
	maxFuncLines  = 80
	maxParameters = 5
	maxResults    = 3
)

// engine lists the packages that are pure: no clock, no input or output, no state of their own.
var engine = []string{
	"internal/wire", "internal/parallel", "ciphersuite/internal/edwards", "ciphersuite", "framing", "treekem", "keyschedule",
	"mls/internal/inside", "mls",
}

func inEngine(f *file) bool { return !f.test() && slices.Contains(engine, f.dir()) }
func inSource(f *file) bool { return !f.test() && !ast.IsGenerated(f.ast) }
func inGo(*file) bool       { return true }

// finding is one breach of a rule. Subject is what an exception names: a file, or package.Function.
type finding struct{ subject, detail string }

// rule is one of the house's manners.
type rule struct {
	name    string
	applies func(*file) bool
	check   func(*file) []finding
	bad     string // breaks the rule
	good    string // does not, though it looks alike
}

func rules() []rule {
	return []rule{
		{"file length", inSource, checkFileLength,
			"package p\n" + strings.Repeat("\n", maxFileLines), "package p\n"},
		{"function length", inSource, checkFuncLength,
			"package p\nfunc f() {" + strings.Repeat("\n", maxFuncLines) + "}", "package p\nfunc f() {\n}"},
		{"parameters", inSource, checkParameters,
			"package p\nfunc f(a, b, c int, d, e, f string) {}", "package p\nfunc (p T) f(a, b, c int, d, e string) {}"},
		{"results", inSource, checkResults,
			"package p\nfunc f() (a, b int, c string, err error)", "package p\nfunc f() (a, b int, err error)"},
		{"wall clock", inEngine, checkClock,
			"package p\nimport clock \"time\"\nvar now = clock.Now", "package p\nimport \"time\"\nfunc f(t time.Time) {}"},
		{"init", inEngine, checkInit,
			"package p\nfunc init() {}", "package p\nfunc (t T) init() {}"},
		{"go statement", inEngine, checkGoStatement,
			"package p\nfunc f() { go f() }", "package p\nfunc f() { f() }"},
		{"goroutine by WaitGroup", inEngine, checkWaitGroup,
			"package p\nfunc f() { var wg sync.WaitGroup; wg.Go(f) }", "package p\nfunc f() { t.Stop(f) }"},
		{"package variable", inEngine, checkVariables,
			"package p\nvar cache = map[int]int{}", "package p\nimport \"errors\"\nimport \"github.com/copse-mls/copse/framing\"\nvar ErrX = errors.New(\"x\")\nvar ErrY = framing.ErrY\nvar _ I = T{}"},
		{"impure import", inEngine, checkPureImports,
			"package p\nimport \"log/slog\"", "package p\nimport \"math/bits\""},
		{"variable-time comparison", inEngine, checkComparison,
			"package p\nimport \"bytes\"\nvar x = bytes.Equal(m.ConfirmationTag, b)",
			"package p\nimport \"bytes\"\nvar x = bytes.Equal(stage, machine)"},
		{"documentation", inSource, checkDocumentation,
			"package p\ntype T struct{}\n", "package p\n// T is.\ntype T struct{}\nfunc (T) Error() string\nfunc (t u) F() {}"},
		{"origin of errors", inEngine, checkErrors,
			"package p\nimport \"errors\"\nvar ErrX = errors.New(\"something is wrong\")",
			"package p\nimport (\"errors\"; \"fmt\")\nvar ErrX = errors.New(\"parallel: something is wrong\")\nvar ErrY = fmt.Errorf(\"reading: %w\", ErrX)"},
		{"package name", inGo, checkPackageName,
			"package util", "package wire"},
		{"function comment", inWritten, checkFunctionComments,
			"package p\n// F is the n-th.\nfunc F() {}", "package p\n// T is a type.\ntype T struct{}\n// F returns whether it is so. Whoever answers decides.\nfunc F() {}"},
		{"name in comment", inWritten, checkCommentNames,
			"package p\n// F returns it.\nfunc G() {}", "package p\n// G returns it.\nfunc G() {}\nfunc h() {}\n// T: one.\ntype T struct{}\n// Things.\nconst A, B = 1, 2"},
		{"answers", inWritten, checkAnswers,
			"package p\ntype T struct {\n\t// F takes n and\n\t// answers it.\n\tF func(n int) int\n}", "package p\n// The answers are the caller's.\nfunc f() {}"},
	}
}

// TestRules checks every rule on the whole repository.
func TestRules(t *testing.T) {
	used := map[exception]bool{}
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			for _, f := range source(t) {
				if !r.applies(f) {
					continue
				}
				for _, x := range r.check(f) {
					key := exception{r.name, x.subject}
					if _, ok := exceptions()[key]; ok {
						used[key] = true
						continue
					}
					t.Errorf("%s: %s", x.subject, x.detail)
				}
			}
		})
	}
	for key, reason := range exceptions() {
		if !used[key] {
			t.Errorf("exception %q for %s is no longer needed; delete it", key.rule, key.subject)
		}
		if len(reason) < 20 {
			t.Errorf("exception %q for %s gives no reason", key.rule, key.subject)
		}
	}
}

// TestRulesBite shows that each rule finds what it is there to find, and nothing else.
func TestRulesBite(t *testing.T) {
	for _, r := range rules() {
		t.Run(r.name, func(t *testing.T) {
			bad, err := parse("internal/parallel/bad.go", r.bad)
			require.NoError(t, err)
			require.True(t, r.applies(bad), "the rule does not apply to its own bad snippet")
			require.NotEmpty(t, r.check(bad), "the bad snippet passes")
			good, err := parse("internal/parallel/good.go", r.good)
			require.NoError(t, err)
			require.Empty(t, r.check(good), "the good snippet does not pass")
		})
	}
}

func checkFileLength(f *file) []finding {
	if n := strings.Count(f.src, "\n"); n > maxFileLines {
		return []finding{{f.path, fmt.Sprintf("%d lines, at most %d", n, maxFileLines)}}
	}
	return nil
}

// functions calls visit for every declared function and gathers what it finds.
func functions(f *file, visit func(*ast.FuncDecl) string) (out []finding) {
	for _, d := range f.ast.Decls {
		if d, ok := d.(*ast.FuncDecl); ok {
			if detail := visit(d); detail != "" {
				out = append(out, finding{f.subject(d), f.at(d.Pos()) + ": " + detail})
			}
		}
	}
	return out
}

func checkFuncLength(f *file) []finding {
	return functions(f, func(d *ast.FuncDecl) string {
		return over("lines", f.line(d.End())-f.line(d.Pos())+1, maxFuncLines)
	})
}

func checkParameters(f *file) []finding {
	return functions(f, func(d *ast.FuncDecl) string {
		return over("parameters", d.Type.Params.NumFields(), maxParameters)
	})
}

func checkResults(f *file) []finding {
	return functions(f, func(d *ast.FuncDecl) string {
		return over("results", d.Type.Results.NumFields(), maxResults)
	})
}

func over(what string, n, most int) string {
	if n <= most {
		return ""
	}
	return fmt.Sprintf("%d %s, at most %d", n, what, most)
}

// nodes calls visit for every node of the syntax tree and gathers what it finds.
func nodes(f *file, visit func(ast.Node) string) (out []finding) {
	ast.Inspect(f.ast, func(n ast.Node) bool {
		if n != nil {
			if detail := visit(n); detail != "" {
				out = append(out, finding{f.path, f.at(n.Pos()) + ": " + detail})
			}
		}
		return true
	})
	return out
}

func checkClock(f *file) []finding {
	clocks := []string{"Now", "Since", "Until", "After", "AfterFunc", "Sleep", "Tick", "NewTimer", "NewTicker"}
	return nodes(f, func(n ast.Node) string {
		e, _ := n.(ast.Expr)
		if pkg, name := f.qualified(e); pkg == "time" && slices.Contains(clocks, name) {
			return "time." + name + ": time is an input of the engine"
		}
		return ""
	})
}

func checkInit(f *file) []finding {
	return functions(f, func(d *ast.FuncDecl) string {
		if d.Recv == nil && d.Name.Name == "init" {
			return "func init: state that nobody passed in"
		}
		return ""
	})
}

func checkGoStatement(f *file) []finding {
	return nodes(f, func(n ast.Node) string {
		if _, ok := n.(*ast.GoStmt); ok {
			return "go statement: use internal/parallel"
		}
		return ""
	})
}

// checkWaitGroup finds goroutines that no go statement shows. Engine types have no method called Go.
func checkWaitGroup(f *file) []finding {
	return nodes(f, func(n ast.Node) string {
		if c, ok := n.(*ast.CallExpr); ok {
			if s, ok := c.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Go" {
				return "Go call: use internal/parallel"
			}
		}
		return ""
	})
}

// checkVariables allows sentinel errors, under a second name too, and assertions that a type has an interface.
func checkVariables(f *file) (out []finding) {
	for _, d := range f.ast.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok || g.Tok != token.VAR {
			continue
		}
		for _, s := range g.Specs {
			v := s.(*ast.ValueSpec)
			for i, name := range v.Names {
				if name.Name == "_" || i < len(v.Values) && sentinel(f, v.Values[i]) {
					continue
				}
				out = append(out, finding{f.dir() + "." + name.Name, f.at(name.Pos()) + ": package variable " + name.Name})
			}
		}
	}
	return out
}

func sentinel(f *file, e ast.Expr) bool {
	if pkg, name := f.qualified(e); strings.HasPrefix(pkg, module+"/") && strings.HasPrefix(name, "Err") {
		return true
	}
	c, ok := e.(*ast.CallExpr)
	if !ok {
		return false
	}
	pkg, name := f.qualified(c.Fun)
	return pkg == "errors" && name == "New" || pkg == "fmt" && name == "Errorf"
}

func checkPureImports(f *file) (out []finding) {
	for _, p := range f.imports() {
		switch first, _, _ := strings.Cut(p, "/"); {
		case p == "math/rand", p == "math/rand/v2", first == "log", first == "net", first == "os", first == "syscall",
			p == "unsafe", p == "testing", p == "flag", p == "database/sql", p == "encoding/gob", p == "encoding/json":
			out = append(out, finding{f.path, "imports " + p})
		}
	}
	return out
}

// tagName matches identifiers with the word tag or MAC in camel case.
var tagName = regexp.MustCompile(`^(tag|mac)s?([A-Z0-9]|$)|(Tag|MAC|Mac)s?([A-Z0-9]|$)`)

func checkComparison(f *file) []finding {
	return nodes(f, func(n ast.Node) string {
		c, ok := n.(*ast.CallExpr)
		if !ok {
			return ""
		}
		if pkg, name := f.qualified(c.Fun); (pkg != "bytes" && pkg != "slices") || (name != "Equal" && name != "Compare") {
			return ""
		}
		for _, arg := range c.Args {
			name := ""
			switch x := arg.(type) {
			case *ast.Ident:
				name = x.Name
			case *ast.SelectorExpr:
				name = x.Sel.Name
			}
			if tagName.MatchString(name) {
				return name + " is compared in variable time"
			}
		}
		return ""
	})
}

// checkDocumentation wants a comment on every exported name. A comment on a group of constants or variables serves the
// whole group. Error, Unwrap, String and the like are documented by the interface they satisfy.
func checkDocumentation(f *file) (out []finding) {
	miss := func(n ast.Node, name string) {
		out = append(out, finding{f.dir() + "." + name, f.at(n.Pos()) + ": " + name + " has no comment"})
	}
	for _, d := range f.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			r := receiver(d)
			known := r != "" && slices.Contains([]string{"Error", "Unwrap", "Is", "String"}, d.Name.Name)
			if d.Doc == nil && !known && d.Name.IsExported() && (r == "" || ast.IsExported(r)) {
				miss(d, funcName(d))
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
						miss(s, s.Name.Name)
					}
				case *ast.ValueSpec:
					for _, name := range s.Names {
						if name.IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
							miss(s, name.Name)
						}
					}
				}
			}
		}
	}
	return out
}

func checkPackageName(f *file) []finding {
	name := strings.TrimSuffix(f.ast.Name.Name, "_test")
	if slices.Contains([]string{"util", "utils", "common", "types", "errors", "helpers", "helper", "misc"}, name) {
		return []finding{{f.path, "package " + name + " says nothing about what it holds"}}
	}
	return nil
}
