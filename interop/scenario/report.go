package scenario

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	"github.com/copse-mls/copse/ciphersuite"
)

// Report is the outcome of a run. Its JSON form is stable.
type Report struct {
	Clients []ClientReport `json:"clients"`
	Seed    uint64         `json:"seed"`
	Sample  int            `json:"sample,omitempty"` // assignments for each script, suite and mode; every one when 0
	Plays   []*Play        `json:"plays"`
	Passed  int            `json:"passed"`
	Failed  int            `json:"failed"`
	Skipped int            `json:"skipped"`
	Elapsed time.Duration  `json:"elapsed_ns"`
}

// ClientReport says who took part.
type ClientReport struct {
	Name         string   `json:"name"`
	Address      string   `json:"address"`
	CipherSuites []uint16 `json:"cipher_suites"`
}

// Play is the outcome of a script with one cipher suite, one way for handshake messages to travel, and one assignment
// of clients to actors.
type Play struct {
	File        string        `json:"file"`
	Script      string        `json:"script"`
	CipherSuite uint16        `json:"cipher_suite"`
	Private     bool          `json:"private"`
	Actors      []Seat        `json:"actors"`
	Time        time.Duration `json:"time_ns"`
	Skipped     string        `json:"skipped,omitempty"` // why
	Failure     *Failure      `json:"failure,omitempty"`
}

// Seat says which client played an actor.
type Seat struct {
	Actor   string `json:"actor"`
	Client  string `json:"client"`
	Address string `json:"address"`
}

// Failure says where a play went wrong. Calls are all that were made until then.
type Failure struct {
	Step     int             `json:"step"` // from 0; the number of steps when all were played and clearing up failed
	Text     json.RawMessage `json:"text,omitempty"`
	Actor    string          `json:"actor,omitempty"`
	What     string          `json:"what"`
	Expected string          `json:"expected,omitempty"`
	Got      string          `json:"got"`
	Calls    []Call          `json:"calls,omitempty"`
}

// Call is a gRPC call and its result, in the JSON form of protocol buffers.
type Call struct {
	Actor    string          `json:"actor"`
	RPC      string          `json:"rpc"`
	Request  json.RawMessage `json:"request"`
	Response json.RawMessage `json:"response,omitempty"`
}

func newReport(p *Params) *Report {
	r := &Report{Seed: p.Seed, Sample: p.Sample}
	for _, c := range p.Clients {
		r.Clients = append(r.Clients, ClientReport{c.Name, c.Address, c.Suites})
	}
	return r
}

// failure describes an error at a step.
func (p *play) failure(step int, err error) *Failure {
	f := &Failure{Step: step, What: "the script", Got: err.Error()}
	if step < len(p.script.Steps) {
		f.Text = json.RawMessage(p.script.Steps[step].text)
	}
	var m *mismatch
	if errors.As(err, &m) {
		f.Actor, f.What, f.Expected, f.Got = m.actor, m.what, m.want, m.got
	}
	for _, c := range p.calls {
		out := Call{Actor: c.actor, RPC: c.call, Request: inJSON(protojson.Marshal(c.request))}
		if c.response.ProtoReflect().IsValid() {
			out.Response = inJSON(protojson.Marshal(c.response))
		}
		f.Calls = append(f.Calls, out)
	}
	return f
}

// inJSON returns the message in JSON, or the reason that it cannot be encoded.
func inJSON(text []byte, err error) json.RawMessage {
	if err != nil {
		text, _ = json.Marshal(err.Error()) // a string always encodes
	}
	return text
}

// OK reports whether everything that was played passed, and something was.
func (r *Report) OK() bool { return r.Failed == 0 && r.Passed > 0 }

func (r *Report) sum() {
	for _, p := range r.Plays {
		switch {
		case p.Failure != nil:
			r.Failed++
		case p.Skipped != "":
			r.Skipped++
		default:
			r.Passed++
		}
	}
}

// name tells the plays of one script apart.
func (p *Play) name() string {
	mode := "public"
	if p.Private {
		mode = "private"
	}
	var actors []string
	for _, a := range p.Actors {
		actors = append(actors, fmt.Sprintf("%s=%s@%s", a.Actor, a.Client, a.Address))
	}
	return fmt.Sprintf("suite %d, %s handshakes, %s", p.CipherSuite, mode, strings.Join(actors, " "))
}

// maxShown is how many failures WriteText shows in full.
const maxShown = 20

// WriteText writes the report for a person: who took part, a line for each script, the first failures, why plays were
// skipped, and the totals as the last line.
func (r *Report) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) // keeps errors until it is flushed
	for _, c := range r.Clients {
		fmt.Fprintf(tw, "client %s\t%s\tcipher suites %v\n", c.Address, c.Name, c.CipherSuites)
	}
	fmt.Fprintln(tw)
	fmt.Fprint(tw, "script\tpassed\tfailed\tskipped\ttime\t\n")
	for _, line := range r.lines() {
		fmt.Fprintln(tw, line)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	if err := r.writeFailures(w); err != nil {
		return err
	}
	if err := r.writeSkipped(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nplayed in %s, seed %d\n%d passed, %d failed, %d skipped\n",
		r.Elapsed.Round(time.Millisecond), r.Seed, r.Passed, r.Failed, r.Skipped)
	return err
}

// lines counts the plays of each script. The plays of one script lie together.
func (r *Report) lines() []string {
	var out []string
	for i := 0; i < len(r.Plays); {
		first := r.Plays[i]
		var passed, failed, skipped int
		var spent time.Duration
		for ; i < len(r.Plays) && r.Plays[i].File == first.File && r.Plays[i].Script == first.Script; i++ {
			p := r.Plays[i]
			spent += p.Time
			switch {
			case p.Failure != nil:
				failed++
			case p.Skipped != "":
				skipped++
			default:
				passed++
			}
		}
		note := ""
		if failed > 0 {
			note = "FAILED"
		}
		out = append(out, fmt.Sprintf("%s: %s\t%d\t%d\t%d\t%s\t%s",
			first.File, first.Script, passed, failed, skipped, spent.Round(time.Millisecond), note))
	}
	return out
}

// failed lists the plays that failed.
func (r *Report) failed() []*Play {
	return slices.DeleteFunc(slices.Clone(r.Plays), func(p *Play) bool { return p.Failure == nil })
}

func (r *Report) writeFailures(w io.Writer) error {
	failed := r.failed()
	for _, p := range failed[:min(len(failed), maxShown)] {
		suite := ciphersuite.CipherSuite(p.CipherSuite)
		if _, err := fmt.Fprintf(w, "\n%s: %s FAILED\n  %v, %s\n%s", p.File, p.Script, suite, p.name(), p.Failure); err != nil {
			return err
		}
	}
	if len(failed) > maxShown {
		_, err := fmt.Fprintf(w, "\nand %d more; --json shows all\n", len(failed)-maxShown)
		return err
	}
	return nil
}

// String shows a failure on several lines.
func (f *Failure) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  step %d: %s\n", f.Step, f.Text)
	if f.Actor != "" {
		fmt.Fprintf(&b, "  actor    %s\n", f.Actor)
	}
	fmt.Fprintf(&b, "  what     %s\n", f.What)
	if f.Expected != "" {
		fmt.Fprintf(&b, "  expected %s\n", f.Expected)
	}
	fmt.Fprintf(&b, "  got      %s\n", f.Got)
	return b.String()
}

// writeSkipped counts the reasons.
func (r *Report) writeSkipped(w io.Writer) error {
	var reasons []string
	count := map[string]int{}
	for _, p := range r.Plays {
		if p.Skipped == "" {
			continue
		}
		if count[p.Skipped] == 0 {
			reasons = append(reasons, p.Skipped)
		}
		count[p.Skipped]++
	}
	for _, why := range reasons {
		if _, err := fmt.Fprintf(w, "\nskipped %d: %s\n", count[why], why); err != nil {
			return err
		}
	}
	return nil
}
