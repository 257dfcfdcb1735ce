package house

import (
	"go/ast"
	"go/token"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Errors say once where they come from. An error that begins a chain begins with the name of its package, as in the
// standard library: "keyschedule: secret is erased". One that wraps another says what was being done, and leaves the
// origin to the other: "group secrets: ciphersuite: decryption failed". What speaks of the protocol and not of a package,
// a SyntaxError, a RuleError or a structure that cannot be encoded, begins with "mls: ", whichever floor finds it.

// protocol is the origin of errors about MLS itself.
const protocol = "mls: "

// checkErrors looks at errors.New, at fmt.Errorf, and at methods named Error.
func checkErrors(f *file) (out []finding) {
	own := path.Base(f.dir()) + ": "
	origin := func(text string) bool { return strings.HasPrefix(text, own) || strings.HasPrefix(text, protocol) }
	out = nodes(f, func(n ast.Node) string {
		c, ok := n.(*ast.CallExpr)
		if !ok || len(c.Args) == 0 {
			return ""
		}
		pkg, name := f.qualified(c.Fun)
		text, known := leftText(c.Args[0])
		switch {
		case pkg == "errors" && name == "New":
		case pkg == "fmt" && name == "Errorf":
			if strings.Contains(text, "%w") {
				if i := slices.IndexFunc(engine, func(p string) bool { return strings.HasPrefix(text, path.Base(p)+": ") }); i >= 0 {
					return "the error says the origin of the one that it wraps once more: " + text
				}
				return ""
			}
		default:
			return ""
		}
		if !known || !origin(text) {
			return "the error does not begin with " + strconv.Quote(own) + ": " + text
		}
		return ""
	})
	return append(out, functions(f, func(d *ast.FuncDecl) string {
		if d.Name.Name != "Error" || d.Recv == nil || d.Body == nil {
			return ""
		}
		text, named, wraps := "", false, false
		ast.Inspect(d.Body, func(n ast.Node) bool {
			switch x := n.(type) {
			case *ast.BasicLit:
				if s, ok := leftText(x); ok {
					text, named = text+s, named || origin(s)
				}
			case *ast.Ident:
				wraps = wraps || strings.HasPrefix(x.Name, "Err") && x.Name != "Error" && x.Name != "Errorf"
			}
			return true
		})
		if !wraps && !named {
			return "the error does not begin with " + strconv.Quote(own) + ": " + text
		}
		return ""
	})...)
}

// leftText returns the string literal that an expression is, or begins with.
func leftText(e ast.Expr) (string, bool) {
	switch x := e.(type) {
	case *ast.BasicLit:
		if x.Kind == token.STRING {
			s, err := strconv.Unquote(x.Value)
			return s, err == nil
		}
	case *ast.BinaryExpr:
		return leftText(x.X)
	}
	return "", false
}

// TestErrorsBite shows each way to go wrong, and that the ways to be right pass.
func TestErrorsBite(t *testing.T) {
	for _, bad := range []string{
		`var e = errors.New("no prefix")`,
		`var e = errors.New("framing: of another package")`,
		`var e = errors.New(text)`,
		`var e = fmt.Errorf("%d leaves", 3)`,
		`var e = fmt.Errorf("treekem: reading: %w", err)`,
		`var e = fmt.Errorf("framing: reading: %w", err)`,
		`func (e *T) Error() string { return fmt.Sprintf("%d things are missing", e.n) }`,
	} {
		f, err := parse("treekem/bad.go", "package treekem\nimport (\"errors\"; \"fmt\")\n"+bad)
		require.NoError(t, err)
		require.Len(t, checkErrors(f), 1, bad)
	}
	for _, good := range []string{
		`var e = errors.New("treekem: a fault")`,
		`var e = fmt.Errorf("mls: encoding: "+format, x)`,
		`var e = fmt.Errorf("%w: %d leaves", ErrBlocks, 3)`,
		`func (e *T) Error() string { return "treekem: a fault" }`,
		`func (e *T) Error() string { return fmt.Sprintf("item %d: %v", e.Index, e.Err) }`,
	} {
		f, err := parse("treekem/good.go", "package treekem\nimport (\"errors\"; \"fmt\")\n"+good)
		require.NoError(t, err)
		require.Empty(t, checkErrors(f), good)
	}
}
