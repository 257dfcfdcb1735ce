package house

import (
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func inWritten(f *file) bool {
	return !ast.IsGenerated(f.ast)
}

var (
	// A function does something; it is nothing. Fields and types are.
	copula   = regexp.MustCompile(`^(is|are|was|were|answers?|(says|tells) whether)\b`)
	testName = regexp.MustCompile(`^(Test|Fuzz|Benchmark)`)
	noName   = regexp.MustCompile(`^(Test|Fuzz|Benchmark|Example)`)
	answer   = regexp.MustCompile(`(?i)\b(it|and|or|also|which|that|then)\s+answers\b`)
)

// checkFunctionComments wants the comment of a function to begin with what it does: it returns, or reports whether. A
// test may be about something.
func checkFunctionComments(f *file) []finding {
	return functions(f, func(d *ast.FuncDecl) string {
		rest, ok := strings.CutPrefix(d.Doc.Text(), d.Name.Name+" ")
		about := f.test() && testName.MatchString(d.Name.Name) && strings.HasPrefix(rest, "is about ")
		if word := copula.FindString(rest); ok && word != "" && !about {
			return fmt.Sprintf("%q: a function returns, reports whether, or does something", d.Name.Name+" "+word)
		}
		return ""
	})
}

// checkCommentNames wants the comment of a function or type to begin with its name, so that none keeps a former one. Tests
// and examples may begin with what they are about.
func checkCommentNames(f *file) (out []finding) {
	check := func(subject, name string, doc *ast.CommentGroup) {
		if words := strings.Fields(doc.Text()); len(words) > 0 && strings.Trim(words[0], ":,.") != name {
			out = append(out, finding{subject, f.at(doc.Pos()) + fmt.Sprintf(": comment of %s begins with %q", name, words[0])})
		}
	}
	for _, d := range f.ast.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if !f.test() || !noName.MatchString(d.Name.Name) {
				check(f.subject(d), d.Name.Name, d.Doc)
			}
		case *ast.GenDecl:
			if d.Tok == token.TYPE && !d.Lparen.IsValid() {
				name := d.Specs[0].(*ast.TypeSpec).Name.Name
				check(f.dir()+"."+name, name, d.Doc)
			}
		}
	}
	return out
}

// checkAnswers looks for functions that answer, in the comments of their parameters and in the midst of sentences too.
func checkAnswers(f *file) (out []finding) {
	for _, c := range f.ast.Comments {
		if words := answer.FindString(strings.Join(strings.Fields(c.Text()), " ")); words != "" {
			out = append(out, finding{f.path, f.at(c.Pos()) + fmt.Sprintf(": %q: functions return", words)})
		}
	}
	return out
}

// text is a file that people read: source, document, script or list.
type text struct{ path, content string }

// wording is a rule about words in texts. Its check returns what is wrong with a line.
type wording struct {
	name    string
	applies func(path string) bool
	check   func(line string) string
	bad     []string
	good    []string
}

func wordings() []wording {
	return []wording{
		// RFC 9420 spells -ize. The bad words are put together here, for this file is read, too.
		{"spelling", func(string) bool { return true }, checkSpelling,
			[]string{"initial" + "ise", "Re" + "initial" + "ised group", "a serial" + "isation", "recogn" + "ising", "recogn" + "isable", "organ" + "ises"},
			[]string{"initialize", "otherwise", "it raises noise", "compromised", "promising, precise", "missing list", "disable", "bitwise", "revised"}},
		{"slang", func(path string) bool { return path != "internal/house/language_test.go" }, checkSlang,
			[]string{"by which " + "door", "at every " + "Door.", "test" + "Door(x)", "for " + "door" + "Name"},
			[]string{"entry point", "indoors", "the adoorn"}},
	}
}

// waivedWordings names files that may break a wording, with the reason. An entry must still be needed.
var waivedWordings = map[[2]string]string{
	{"slang", "CHANGELOG.md"}: "lists names that there were",
}

// ise matches words in -ise and what is made from them; whole words that are spelled so everywhere are in iseWords.
var ise = regexp.MustCompile(`(?i)\b([a-z]+is)(e|ed|es|er|ers|ing|ation|ations|able|ably)\b`)

// iseWords end in -is without their ending.
var iseWords = strings.Fields(`advis aris apprais bitwis bytewis chastis circumcis clockwis comis compris compromis concis cruis demis
	despis devis dis disguis enterpris ellips excis exercis expertis franchis imprecis improvis lengthwis likewis misadvis mis nois
	otherwis pairwis pois practis prais precis premis promis rais ris revis stepwis supervis surpris televis treatis unwis wis`)

func checkSpelling(line string) string {
	for _, m := range ise.FindAllStringSubmatch(line, -1) {
		if !slices.Contains(iseWords, strings.ToLower(m[1])) {
			return fmt.Sprintf("%q: spell it -ize, as RFC 9420 does", m[0])
		}
	}
	return ""
}

var slang = regexp.MustCompile(`(?i:\bdoors?\b)|Doors?\b|\bdoors?[A-Z]`)

func checkSlang(line string) string {
	if word := slang.FindString(line); word != "" {
		return fmt.Sprintf("%q: say entry point, or the way it entered", word)
	}
	return ""
}

// texts returns every text of the repository.
func texts(t *testing.T) []text {
	t.Helper()
	var out []text
	err := filepath.WalkDir(root(), func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if name := d.Name(); d.IsDir() {
			if p != root() && (strings.HasPrefix(name, ".") || name == "bin" || name == "dist" || name == "fuzz") {
				return filepath.SkipDir
			}
			return nil
		}
		if !slices.Contains([]string{".go", ".md", ".txt", ".proto"}, filepath.Ext(p)) && d.Name() != "Makefile" {
			return nil
		}
		content, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root(), p)
		out = append(out, text{filepath.ToSlash(rel), string(content)})
		return err
	})
	require.NoError(t, err)
	require.Greater(t, len(out), 300, "texts are missing")
	return out
}

// TestWording checks every wording on the whole repository.
func TestWording(t *testing.T) {
	needed := map[[2]string]bool{}
	for _, w := range wordings() {
		t.Run(w.name, func(t *testing.T) {
			for _, x := range texts(t) {
				if !w.applies(x.path) {
					continue
				}
				n := 0
				for line := range strings.Lines(x.content) {
					n++
					wrong := w.check(line)
					if wrong == "" {
						continue
					}
					if key := [2]string{w.name, x.path}; waivedWordings[key] != "" {
						needed[key] = true
						continue
					}
					t.Errorf("%s:%d: %s", x.path, n, wrong)
				}
			}
		})
	}
	for key := range waivedWordings {
		if !needed[key] {
			t.Errorf("%v need not be waived", key)
		}
	}
}

// TestWordingBites shows that each wording finds what it is there to find, and nothing else.
func TestWordingBites(t *testing.T) {
	for _, w := range wordings() {
		for _, line := range w.bad {
			require.NotEmpty(t, w.check(line), "%s: %q passes", w.name, line)
		}
		for _, line := range w.good {
			require.Empty(t, w.check(line), "%s: %q does not pass", w.name, line)
		}
	}
}
