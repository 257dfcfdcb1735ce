package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
	"github.com/copse-mls/copse/treekem"
)

// person is a user on the tour, whose folder has the same name.
type person struct {
	*mlstest.Party
	group *mls.Group // nil when in none
}

// open reads what a person has stored.
func open(name, command string) (*person, error) {
	p := &person{Party: mlstest.NewParty(mlstest.Panics{}, suite, name)}
	if err := os.MkdirAll(p.file("group"), 0o700); err != nil {
		return nil, err
	}
	// Randomness that follows from the name alone would be the same in each call, and so would the keys.
	count, err := os.ReadFile(p.file("calls"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	calls, _ := strconv.Atoi(string(count)) // none at first
	if err := os.WriteFile(p.file("calls"), []byte(strconv.Itoa(calls+1)), 0o600); err != nil {
		return nil, err
	}
	mlstest.Seed(&p.Params, fmt.Sprintf("%s, call %d: %s", name, calls, command))
	if err := p.finish(); err != nil { // what an earlier call did not live to do
		return nil, err
	}
	return p, p.load()
}

func (p *person) file(name string) string { return filepath.Join(p.Name, name) }

// recordFile returns the name of the file that holds a record.
func (p *person) recordFile(key string) string {
	return filepath.Join(p.Name, "group", strings.ReplaceAll(key, "/", "."))
}

// load makes the group of its records.
func (p *person) load() error {
	files, err := os.ReadDir(p.file("group"))
	if err != nil || len(files) == 0 {
		return err
	}
	var records []mls.Record
	for _, f := range files {
		value, err := os.ReadFile(p.recordFile(f.Name()))
		if err != nil {
			return err
		}
		records = append(records, mls.Record{Key: strings.ReplaceAll(f.Name(), ".", "/"), Value: value})
	}
	p.group, err = mls.Load(mls.LoadParams{Params: p.Params, Records: func(yield func(mls.Record) bool) {
		for _, r := range records {
			if !yield(r) {
				return
			}
		}
	}})
	return err
}

// take lets a Step take effect by the contract of package mls. What there is to send goes to file.
func (p *person) take(step *mls.Step, err error, file string) error {
	if err != nil {
		return err
	}
	for _, c := range step.Claims { // a real client asks its authentication service
		fmt.Printf("judge: %v, is this %s? yes\n", c.Moment, c.Credential.Identity)
	}
	if err := step.After(p.group); err != nil { // also when the person comes in anew
		return err
	}
	records, err := step.Next.Records(p.group)
	if err != nil {
		return err
	}
	todo := &todo{Records: records, Show: p.tell(step, p.group)}
	for _, out := range step.Send {
		if file == "" {
			return errNoFile
		}
		todo.Send = append(todo.Send, parcel{file, out.Message})
	}
	if step.Used != nil && !step.Used.LastResort {
		todo.Remove = p.file("keys") // a KeyPackage serves once
	}
	if err := p.commitTo(todo); err != nil {
		return err
	}
	step.Erase()
	p.group = step.Next
	return p.finish()
}

// find looks for a member by name.
func find(tree *treekem.Tree, name string) (framing.LeafIndex, error) {
	for i, leaf := range tree.Leaves() {
		if string(leaf.Credential.Identity) == name {
			return i, nil
		}
	}
	return 0, fmt.Errorf("there is no member %s", name)
}
