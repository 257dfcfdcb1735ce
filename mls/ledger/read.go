package ledger

import (
	"embed"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

//go:embed rules/*.txt
var text embed.FS

const historyFile = "history.txt"

// Read returns the ledger. It fails when its text is malformed, which a test of this package excludes.
func Read() (*Ledger, error) { return read(text) }

func read(source fs.FS) (*Ledger, error) {
	names, err := fs.Glob(source, "rules/*.txt")
	if err != nil {
		return nil, err
	}
	l := new(Ledger)
	for _, name := range names {
		data, err := fs.ReadFile(source, name)
		if err != nil {
			return nil, err
		}
		if err := l.add(path.Base(name), string(data)); err != nil {
			return nil, err
		}
	}
	return l, nil
}

// add reads one file.
func (l *Ledger) add(name, text string) error {
	blocks, err := split(name, text)
	if err != nil {
		return err
	}
	if name == historyFile {
		for _, b := range blocks {
			bug, err := b.bug()
			if err != nil {
				return err
			}
			l.History = append(l.History, bug)
		}
		return nil
	}
	if len(blocks) == 0 {
		return fmt.Errorf("ledger: %s is empty", name)
	}
	head := strings.SplitN(blocks[0].head, "  ", 3)
	if len(head) != 3 || head[0] != "area" {
		return blocks[0].errorf("want: area  CODE  Title")
	}
	area := Area{Letter: name[:1], Code: head[1], Title: head[2]}
	for _, b := range blocks[1:] {
		rule, err := b.rule()
		if err != nil {
			return err
		}
		area.Rules = append(area.Rules, rule)
	}
	l.Areas = append(l.Areas, area)
	return nil
}

// block is a head line with what belongs to it.
type block struct {
	file   string
	line   int // of the head
	head   string
	says   string
	fields map[string]string
}

func (b *block) errorf(format string, args ...any) error {
	return fmt.Errorf("ledger: %s:%d: %s", b.file, b.line, fmt.Sprintf(format, args...))
}

// split divides a file into blocks. Blank lines and those that begin with # mean nothing.
func split(file, text string) ([]*block, error) {
	var blocks []*block
	var items [][]string // of each block: what it says, then its fields
	for n, line := range strings.Split(text, "\n") {
		content := strings.TrimSpace(line)
		switch last := len(blocks) - 1; {
		case content == "" || strings.HasPrefix(line, "#"):
		case !strings.HasPrefix(line, " "):
			blocks = append(blocks, &block{file: file, line: n + 1, head: line})
			items = append(items, nil)
		case last < 0:
			return nil, fmt.Errorf("ledger: %s:%d: text before the first block", file, n+1)
		case strings.HasPrefix(line, "    "):
			k := len(items[last]) - 1
			if k < 0 {
				return nil, blocks[last].errorf("line %d continues nothing", n+1)
			}
			items[last][k] += " " + content
		default:
			items[last] = append(items[last], content)
		}
	}
	for k, b := range blocks {
		if err := b.fill(items[k]); err != nil {
			return nil, err
		}
	}
	return blocks, nil
}

// fill sets what the block says and its fields.
func (b *block) fill(items []string) error {
	b.fields = map[string]string{}
	for k, item := range items {
		if k == 0 {
			b.says = item
			continue
		}
		name, value, _ := strings.Cut(item, "  ")
		if _, twice := b.fields[name]; twice || value == "" {
			return b.errorf("field %q is empty or there twice", name)
		}
		b.fields[name] = strings.TrimSpace(value)
	}
	return nil
}

// take removes a field and returns its words.
func (b *block) take(name string) []string {
	return append([]string(nil), strings.Fields(b.takeText(name))...)
}

func (b *block) takeText(name string) string {
	value := b.fields[name]
	delete(b.fields, name)
	return value
}

// done checks that nothing unknown is left.
func (b *block) done() error {
	for name := range b.fields {
		return b.errorf("there is no field %q", name)
	}
	if b.says == "" {
		return b.errorf("it says nothing")
	}
	return nil
}

func (b *block) rule() (Rule, error) {
	head := strings.Split(b.head, "  ")
	if len(head) != 4 || !strings.HasPrefix(head[1], "§") {
		return Rule{}, b.errorf("want: ID  §SECTIONS  KIND  ACTIONS")
	}
	r := Rule{
		ID: head[0], Sections: strings.Split(strings.TrimPrefix(head[1], "§"), ","), Kind: Kind(head[2]), Says: b.says,
		Where: b.take("where"), Gives: b.take("gives"), Tests: b.take("tests"),
		Source: b.takeText("source"), Note: b.takeText("note"), Missing: b.takeText("missing"),
	}
	if !slices.Contains([]Kind{Negative, Positive, Hardening, Duty}, r.Kind) {
		return r, b.errorf("there is no kind %q", r.Kind)
	}
	for _, word := range strings.Fields(head[3]) {
		if Action(word).Explain() == "" {
			return r, b.errorf("there is no action %q", word)
		}
		r.Do = append(r.Do, Action(word))
	}
	for _, word := range b.take("entries") {
		name, untested := strings.CutSuffix(word, "?")
		if EntryMeaning(name) == "" {
			return r, b.errorf("there is no entry point %q", name)
		}
		r.Entries = append(r.Entries, Entry{name, !untested})
	}
	if len(r.Gives) == 0 {
		r.Gives = []string{r.ID}
	}
	return r, b.done()
}

func (b *block) bug() (Bug, error) {
	bug := Bug{ID: b.head, Says: b.says, Rules: b.take("rules"), Tests: b.take("tests"),
		Why: b.takeText("why"), Note: b.takeText("note")}
	return bug, b.done()
}
