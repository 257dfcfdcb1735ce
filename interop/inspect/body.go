package inspect

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
)

// ErrBody says that the form of a proposal's body is not written as ParseBodies has it.
var ErrBody = errors.New("the form of a body is written TYPE=FIELD+FIELD, the TYPE as 0xf004 or 61444, each FIELD empty, opaque, uint8, " +
	"uint16, uint32, uint64 or a number of bytes")

// ParseBodies reads what the bodies of proposals of private types consist of (RFC 9420, Section 12.1), each written
// TYPE=FIELD+FIELD. TYPE is a number, in hexadecimal after 0x. A FIELD is opaque for opaque<V>, uint8 to uint64, a number of
// bytes, or empty:
//
//	0xf004=uint32+opaque
//
// It fails with ErrBody, also for a type whose structure is known, and for one that is there twice.
func ParseBodies(forms []string) (framing.Bodies, error) {
	out := framing.Bodies{}
	for _, s := range forms {
		number, form, _ := strings.Cut(s, "=")
		n, err := strconv.ParseUint(number, 0, 16)
		kind := framing.ProposalType(n)
		body, ok := parseBody(form)
		switch {
		case err != nil || !ok:
			return nil, fmt.Errorf("%q: %w", s, ErrBody)
		case !kind.IsCustom():
			return nil, fmt.Errorf("%q: %w: the structure of %v is known", s, ErrBody, kind)
		case out[kind] != nil:
			return nil, fmt.Errorf("%q: %w: the type is there twice", s, ErrBody)
		}
		out[kind] = body
	}
	return out, nil
}

// parseBody reads FIELD+FIELD.
func parseBody(form string) (framing.Body, bool) {
	var fields []func(*wire.Reader)
	for _, name := range strings.Split(form, "+") {
		field, ok := fieldOf(name)
		if !ok {
			return nil, false
		}
		fields = append(fields, field)
	}
	return func(rest []byte) (int, bool) {
		r := wire.NewReader("CustomProposal", rest)
		for _, field := range fields {
			field(r)
		}
		return r.Offset(), r.Err() == nil
	}, true
}

// fieldOf returns what reads a field.
func fieldOf(name string) (func(*wire.Reader), bool) {
	sizes := map[string]int{"empty": 0, "uint8": 1, "uint16": 2, "uint32": 4, "uint64": 8}
	size, ok := sizes[name]
	if !ok && name == "opaque" {
		return func(r *wire.Reader) { r.Opaque() }, true
	}
	if !ok {
		n, err := strconv.ParseUint(name, 10, 30)
		size, ok = int(n), err == nil
	}
	return func(r *wire.Reader) { r.Fixed(size) }, ok
}
