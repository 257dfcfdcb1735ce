package ledger

import (
	"cmp"
	"iter"
	"slices"
	"strings"
)

// Ledger is all rules, and the bugs of others that they keep out.
type Ledger struct {
	Areas   []Area
	History []Bug
}

// Area is the rules about one kind of object.
type Area struct {
	Letter string `json:"letter"` // a to r
	Code   string `json:"code"`   // the middle of its rules' IDs, such as LN
	Title  string `json:"title"`
	Rules  []Rule `json:"rules"`
}

// Rule is one rule of validation. Its ID never changes.
type Rule struct {
	ID       string   `json:"id"`
	Sections []string `json:"sections"` // of RFC 9420; where Source names a draft, those that it adds to
	Source   string   `json:"source,omitempty"`
	Kind     Kind     `json:"kind"`
	Do       []Action `json:"do"` // for the caller, when the rule fires
	Says     string   `json:"says"`
	Where    []string `json:"where,omitempty"` // functions: wire.(*Reader).Vector, mls.Join
	Gives    []string `json:"gives"`           // errors: the ID itself, other rules' IDs, or names of errors
	Entries  []Entry  `json:"entries,omitempty"`
	Tests    []string `json:"tests,omitempty"` // besides TestRule: package.TestName
	Note     string   `json:"note,omitempty"`
	Missing  string   `json:"missing,omitempty"` // what is not enforced
}

// Entry is an entry point, such as a Welcome for Join, by which an object that breaks the rule can reach the engine.
type Entry struct {
	Name   string `json:"name"`
	Tested bool   `json:"tested"` // whether a test tries the rule there
}

// Bug is a fault that an implementation of MLS once had.
type Bug struct {
	ID    string   `json:"id"`
	Says  string   `json:"says"`
	Rules []string `json:"rules,omitempty"` // that keep it out
	Tests []string `json:"tests,omitempty"` // that show so, besides the rules' own
	Why   string   `json:"why,omitempty"`   // it cannot happen here
	Note  string   `json:"note,omitempty"`
}

// Kind says how a rule shows.
type Kind string

// The kinds of rules.
const (
	Negative  Kind = "negative"  // input that breaks it is refused
	Positive  Kind = "positive"  // input that looks odd is accepted
	Hardening Kind = "hardening" // as Negative, and RFC 9420 leaves it open, or a part of it
	Duty      Kind = "duty"      // something that the engine itself does, with no input to refuse
)

// Action says what the caller does when a rule fires.
type Action string

// The actions.
const (
	Nothing Action = "nothing"
	Drop    Action = "drop"
	Wait    Action = "wait"
	Fetch   Action = "fetch"
	Replace Action = "replace"
	Report  Action = "report"
	Rejoin  Action = "rejoin"
	Fix     Action = "fix"
	Judge   Action = "judge"
)

// Explain returns what the action means, in a sentence; empty when there is no such action.
func (a Action) Explain() string {
	switch a {
	case Nothing:
		return "There is nothing to do: the engine sees to it."
	case Drop:
		return "Discard the message; the group is as it was, and the genuine one still works."
	case Wait:
		return "Keep the message and handle it again after the commits that come before it."
	case Fetch:
		return "Get what the error names, and handle the message again."
	case Replace:
		return "Discard the KeyPackage, Welcome, GroupInfo or tree, and ask for another."
	case Report:
		return "Tell the user or operator: somebody in the group or its service misbehaves or has broken software."
	case Rejoin:
		return "When others accepted the commit, this member cannot follow: join again by external commit or Welcome."
	case Fix:
		return "The call itself was wrong: change its parameters."
	case Judge:
		return "Answer Step.Claims, and let the Step take effect only if every answer is yes."
	}
	return ""
}

// EntryMeaning describes the entry point of a name in a few words; empty when there is none of this name.
func EntryMeaning(name string) string {
	return map[string]string{
		"decoder":    "bytes given to a decoder of package framing",
		"public":     "a PublicMessage for Handle",
		"private":    "a PrivateMessage for Handle",
		"proposal":   "a proposal that a member sends by itself",
		"outside":    "a proposal of an external sender",
		"newcomer":   "a proposal of somebody who wants to be added",
		"value":      "a proposal within a member's commit",
		"reference":  "a proposal that a member's commit names",
		"keypackage": "a KeyPackage in an Add, by any way",
		"published":  "a KeyPackage for VerifyKeyPackage",
		"update":     "the leaf of an Update",
		"path":       "the path of a member's commit",
		"commit":     "a member's commit as a whole",
		"external":   "an external commit",
		"tree":       "a ratchet tree that is imported",
		"welcome":    "a Welcome for Join",
		"groupinfo":  "a GroupInfo for JoinExternal or Observe",
		"create":     "parameters of Create",
		"send":       "the member's own call",
		"store":      "stored records",
	}[name]
}

// Fires reports whether there is input that the rule refuses.
func (r *Rule) Fires() bool { return r.Kind == Negative || r.Kind == Hardening }

// TestNames lists the tests of the rule: those of its entry points, then the others.
func (r *Rule) TestNames() []string {
	var out []string
	for _, e := range r.Entries {
		if e.Tested {
			out = append(out, "mls.TestRule/"+r.ID+"/"+e.Name)
		}
	}
	return append(out, r.Tests...)
}

// All yields every rule in the order of areas.
func (l *Ledger) All() iter.Seq[*Rule] {
	return func(yield func(*Rule) bool) {
		for i := range l.Areas {
			for k := range l.Areas[i].Rules {
				if !yield(&l.Areas[i].Rules[k]) {
					return
				}
			}
		}
	}
}

// Rule finds a rule by its ID, in capital or small letters.
func (l *Ledger) Rule(id string) (*Rule, bool) {
	for r := range l.All() {
		if strings.EqualFold(r.ID, id) {
			return r, true
		}
	}
	return nil, false
}

// Area finds an area by its letter or code, in capital or small letters.
func (l *Ledger) Area(name string) (*Area, bool) {
	i := slices.IndexFunc(l.Areas, func(a Area) bool {
		return strings.EqualFold(a.Letter, name) || strings.EqualFold(a.Code, name)
	})
	if i < 0 {
		return nil, false
	}
	return &l.Areas[i], true
}

// Near lists up to n rules whose IDs are most like id, the likest first.
func (l *Ledger) Near(id string, n int) []string {
	var all []string
	for r := range l.All() {
		all = append(all, r.ID)
	}
	id = strings.ToUpper(id)
	slices.SortStableFunc(all, func(a, b string) int { return cmp.Compare(distance(id, a), distance(id, b)) })
	return all[:min(n, len(all))]
}

// distance returns the number of letters to insert, delete or replace to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for k := range row {
		row[k] = k
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for k := range len(b) {
			replaced := diagonal
			if a[i] != b[k] {
				replaced++
			}
			diagonal = row[k+1]
			row[k+1] = min(replaced, row[k]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

// Matches reports whether a word of Rule.Gives covers a rule's ID: it is the ID, or a pattern such as V-LN-*.
func Matches(given, id string) bool {
	prefix, any := strings.CutSuffix(given, "*")
	return given == id || any && strings.HasPrefix(id, prefix)
}
