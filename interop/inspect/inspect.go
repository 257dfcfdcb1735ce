package inspect

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// Params say how to read an input, and give what it takes to check or open more of it. The zero value guesses.
type Params struct {
	Type        string                  // RFC name of the structure, one of Types; empty to guess
	CipherSuite ciphersuite.CipherSuite // for structures that do not state theirs; 0 to go by the size of keys
	RatchetTree []byte                  // the data of a ratchet_tree extension, for a GroupInfo that has none
	InitKey     ciphersuite.Secret      // private init key of a KeyPackage, which opens a Welcome
	PSKs        []PSK                   // which a Welcome may need, too
	Bodies      framing.Bodies          // of proposals of private types; those that it does not list are opaque<V>
	ShowSecrets bool                    // do not redact joiner_secret and path_secret
	Now         time.Time               // to judge lifetimes by; zero not to
}

// Errors of Inspect: options that cannot be used.
var (
	ErrType    = errors.New("no such type")
	ErrInitKey = errors.New("private init key does not fit the cipher suite")
)

// Report describes an input. Its JSON form is stable.
type Report struct {
	Encoding Encoding `json:"encoding,omitempty"` // how the input was written, for the caller to set
	Size     int      `json:"size"`               // in bytes
	Type     string   `json:"type"`               // RFC name of the structure
	Guessed  bool     `json:"guessed,omitempty"`
	Also     []string `json:"also,omitempty"`      // other structures that fit about as well
	Messages int      `json:"messages,omitempty"`  // how many stand one after another, if not one
	Parts    []*Part  `json:"parts"`               // the input or its messages, each with what was decrypted from it
	NotShown string   `json:"not_shown,omitempty"` // how much there is beyond what Parts show
	Problem  *Problem `json:"problem,omitempty"`
}

// Part is one run of bytes: the input, or something decrypted from it.
type Part struct {
	Title string `json:"title"`
	Size  int    `json:"size"`
	Root  *Node  `json:"root"`
}

// Problem says why an input could not be read to its end, or could not be opened.
type Problem struct {
	Part    string `json:"part,omitempty"` // title; empty when it is the input
	Struct  string `json:"struct,omitempty"`
	Field   string `json:"field,omitempty"`
	Section string `json:"section,omitempty"`
	Offset  int    `json:"offset"`
	Reason  string `json:"reason"`

	Incomplete bool `json:"incomplete,omitempty"` // the input ended too early, and made sense so far
}

// Status says how a check ended.
type Status string

// What a Note can be.
const (
	Holds     Status = "ok"
	Fails     Status = "failed"
	Unchecked Status = "unchecked" // something that it takes is not there
	Fact      Status = "fact"      // something computed
)

// Note is a fact or check about a Node that its bytes alone do not show.
type Note struct {
	Status Status `json:"status"`
	About  string `json:"about"`
	Detail string `json:"detail,omitempty"`
}

func (n *Node) note(s Status, about, format string, args ...any) {
	n.Notes = append(n.Notes, Note{s, about, fmt.Sprintf(format, args...)})
}

// judge notes a check that failed if err is not nil.
func (n *Node) judge(about string, err error) {
	if err == nil {
		n.note(Holds, about, "")
		return
	}
	n.note(Fails, about, "%v", err)
}

// OK reports whether everything could be read and opened. Checks that failed are no part of it: see Failures.
func (r *Report) OK() bool { return r.Problem == nil }

// Failures counts the checks that failed.
func (r *Report) Failures() int {
	n := 0
	for _, p := range r.Parts {
		p.Root.walk(func(m *Node) {
			for _, note := range m.Notes {
				if note.Status == Fails {
					n++
				}
			}
		})
	}
	return n
}

// Inspect reads data and checks what can be checked. Data that cannot be read is no error but the Report's Problem; an
// error says that the options cannot be used.
// Messages that stand one after another are the parts of one Report.
func Inspect(data []byte, o Params) (*Report, error) {
	if list, rest := messagesIn(data, o.Type, o.Bodies); len(list) > 1 {
		return inspectAll(data, list, len(rest), o)
	}
	best, also, ok := read(data, o.Type, o.Bodies, maxFields)
	if !ok {
		return nil, fmt.Errorf("%w: %q; the types are %s", ErrType, o.Type, strings.Join(Types(), ", "))
	}
	in := &inspection{Params: o, room: maxFields, report: &Report{Size: len(data), Type: best.name, Guessed: o.Type == "", Also: also}}
	if err := in.part(&Part{Title: "input", Size: len(data)}, data, &best); err != nil {
		return nil, err
	}
	return in.whole(), nil
}

// What a Report shows of an input. In memory, a field is large.
const (
	maxFields   = 1 << 16
	maxMessages = 1 << 10
)

// messagesIn cuts data into the MLSMessages that it consists of, if nothing else is in it. What follows too many is the rest.
func messagesIn(data []byte, kind string, bodies framing.Bodies) (list [][]byte, rest []byte) {
	if kind != "" && kind != messageType {
		return nil, nil
	}
	for len(data) > 0 && len(list) < maxMessages {
		message, rest, err := bodies.Cut(data)
		if err != nil {
			return nil, nil
		}
		list, data = append(list, message), rest
	}
	return list, data
}

const messageType = "MLSMessage"

// inspectAll reports on messages that stand one after another, and on so many bytes that follow them.
func inspectAll(data []byte, list [][]byte, rest int, o Params) (*Report, error) {
	in := &inspection{Params: o, room: maxFields, unread: rest}
	in.report = &Report{Size: len(data), Type: messageType, Guessed: o.Type == "", Messages: len(list)}
	for k, message := range list {
		if in.room == 0 {
			in.unread += len(message)
			continue
		}
		r, _, _ := read(message, messageType, in.Bodies, in.room)
		if err := in.part(&Part{Title: fmt.Sprintf("message %d of %d", k+1, len(list)), Size: len(message)}, message, &r); err != nil {
			return nil, err
		}
	}
	return in.whole(), nil
}

// inspection is the work on one input.
type inspection struct {
	Params
	report *Report
	room   int // for further fields
	left   int // fields for which there was no room
	unread int // bytes of messages for which there was none
}

// whole returns the report once all is in it that is to be.
func (in *inspection) whole() *Report {
	var missing []string
	if in.left > 0 {
		missing = append(missing, count(in.left, "field"))
	}
	if in.unread > 0 {
		missing = append(missing, count(in.unread, "byte")+" of further messages")
	}
	in.report.NotShown = strings.Join(missing, " and ")
	return in.report
}

// part adds a part to the report, and all that opens from it.
func (in *inspection) part(p *Part, data []byte, r *reading) error {
	o := &outliner{inspection: in, sections: sections()}
	p.Root = o.outline(data, r, 0, 0)
	in.report.Parts = append(in.report.Parts, p)
	var syntax *framing.SyntaxError
	if errors.As(r.err, &syntax) && o.problem == nil {
		o.problem = syntax // else what was found within is about a place before it, or says the same more precisely
	}
	if s := o.problem; s != nil {
		in.fail(p, &Problem{Struct: s.Struct, Field: s.Field, Section: o.sections[s.Struct], Offset: s.Offset, Reason: s.Reason, Incomplete: s.Incomplete})
	}
	in.check(p.Root, situation{})
	return in.open(p.Root)
}

// added reads a structure that Copse decrypted, as a part of its own.
func (in *inspection) added(title string, v framing.Value) (*Part, error) {
	data, err := framing.Marshal(v)
	if err != nil {
		return nil, err
	}
	name := strings.Fields(title)[0]
	p := &Part{Title: title, Size: len(data)}
	r, _, _ := read(data, name, in.Bodies, max(in.room, 1))
	return p, in.part(p, data, &r)
}

// fail sets the report's problem unless there is one already.
func (in *inspection) fail(p *Part, problem *Problem) {
	if in.report.Problem != nil {
		return
	}
	if len(in.report.Parts) > 0 && p != in.report.Parts[0] {
		problem.Part = p.Title
	}
	in.report.Problem = problem
}
