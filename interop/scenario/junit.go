package scenario

import (
	"encoding/xml"
	"io"
	"time"
)

// The parts of the JUnit format that test reports are made of.
type (
	junitSuites struct {
		XMLName  xml.Name      `xml:"testsuites"`
		Tests    int           `xml:"tests,attr"`
		Failures int           `xml:"failures,attr"`
		Skipped  int           `xml:"skipped,attr"`
		Time     float64       `xml:"time,attr"`
		Suites   []*junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Skipped  int         `xml:"skipped,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    float64       `xml:"time,attr"`
		Failure *junitMessage `xml:"failure"`
		Skipped *junitMessage `xml:"skipped"`
	}
	junitMessage struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the report as JUnit XML: a suite for each file, a case for each play.
func (r *Report) WriteJUnit(w io.Writer) error {
	out := &junitSuites{Tests: len(r.Plays), Failures: r.Failed, Skipped: r.Skipped, Time: r.Elapsed.Seconds()}
	var suite *junitSuite
	for _, p := range r.Plays {
		if suite == nil || suite.Name != p.File {
			suite = &junitSuite{Name: p.File}
			out.Suites = append(out.Suites, suite)
		}
		suite.add(p)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	e := xml.NewEncoder(w)
	e.Indent("", "  ")
	if err := e.Encode(out); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (s *junitSuite) add(p *Play) {
	c := junitCase{Class: p.File + "/" + p.Script, Name: p.name(), Time: p.Time.Round(time.Microsecond).Seconds()}
	s.Tests++
	switch {
	case p.Failure != nil:
		s.Failures++
		c.Failure = &junitMessage{p.Failure.What, p.Failure.String()}
	case p.Skipped != "":
		s.Skipped++
		c.Skipped = &junitMessage{Message: p.Skipped}
	}
	s.Cases = append(s.Cases, c)
}
