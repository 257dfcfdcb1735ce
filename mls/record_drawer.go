package mls

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/copse-mls/copse/framing"
)

// Records sorted by their keys, for loading.

// drawer holds the records whose keys have a common prefix.
type drawer struct {
	key   string // with a slash at the end, except at the top
	value []byte // of the record with exactly this key; nil when there is none
	shelf *shelf
	read  bool
	in    map[string]*drawer
}

// shelve sorts records into drawers. bodies are those of custom proposals.
func shelve(records iter.Seq[Record], bodies framing.Bodies) (*drawer, error) {
	top := &drawer{shelf: &shelf{bodies: bodies}}
	if records == nil {
		return top, nil
	}
	for x := range records {
		if x.Key == "" || len(x.Key) > maxRecordKey {
			return nil, &RecordError{x.Key[:min(len(x.Key), maxRecordKey)], fmt.Errorf("%w: key of %d bytes", ErrRecords, len(x.Key))}
		}
		d := top
		for name := range strings.SplitSeq(x.Key, "/") {
			d = d.open(name)
		}
		if d.value != nil || len(x.Value) == 0 {
			return nil, &RecordError{x.Key, fmt.Errorf("%w: empty, or there twice", ErrRecords)}
		}
		d.value = x.Value
		top.shelf.keys = append(top.shelf.keys, x.Key)
	}
	return top, nil
}

// open returns the drawer of a name. It makes one when there is none.
func (d *drawer) open(name string) *drawer {
	if below := d.in[name]; below != nil {
		return below
	}
	if d.in == nil {
		d.in = map[string]*drawer{}
	}
	below := &drawer{key: d.key + name + "/", shelf: d.shelf}
	d.in[name] = below
	return below
}

func (d *drawer) name() string { return strings.TrimSuffix(d.key, "/") }

// load reads the record with exactly this key. It returns false when there is none.
func (d *drawer) load(read func(r *recordReader)) (bool, error) {
	if d.value == nil {
		return false, nil
	}
	d.read = true
	return true, readRecord(d.name(), d.value, d.shelf, read)
}

// must loads a record that has to be there.
func (d *drawer) must(read func(r *recordReader)) error {
	found, err := d.load(read)
	if err == nil && !found {
		err = d.fail("record is missing")
	}
	return err
}

func (d *drawer) fail(format string, args ...any) error {
	return &RecordError{d.name(), fmt.Errorf("%w: %s", ErrRecords, fmt.Sprintf(format, args...))}
}

// failWith wraps an error in a *RecordError with the key of the drawer.
func (d *drawer) failWith(err error) error {
	if err == nil {
		return nil
	}
	return &RecordError{d.name(), err}
}

// numbered is a drawer named by a number.
type numbered struct {
	number uint64
	*drawer
}

// numbers lists the drawers within this one that are named by a number up to a limit, in ascending order. Others stay
// unread.
func (d *drawer) numbers(limit uint64) []numbered {
	var out []numbered
	for name, below := range d.in {
		n, err := strconv.ParseUint(name, 10, 64)
		if err == nil && n <= limit && strconv.FormatUint(n, 10) == name {
			out = append(out, numbered{n, below})
		}
	}
	slices.SortFunc(out, func(a, b numbered) int { return cmp.Compare(a.number, b.number) })
	return out
}

// unread fails when a record was not read.
func (d *drawer) unread() error {
	if d.value != nil && !d.read {
		return d.fail("record has no place in this group")
	}
	for _, name := range slices.Sorted(maps.Keys(d.in)) {
		if err := d.in[name].unread(); err != nil {
			return err
		}
	}
	return nil
}
