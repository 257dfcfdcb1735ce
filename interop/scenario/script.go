package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Script is a sequence of steps, each taken by an actor.
type Script struct {
	File   string // name without folder
	Name   string
	Steps  []*Step
	Actors []string // in the order of their appearance
}

// Step is an action with what it takes. Numbers that name a KeyPackage, PSK, proposal, ciphertext, commit or Welcome
// are the indices of the steps that made them.
type Step struct {
	Action string `json:"action"`
	Actor  string `json:"actor"`

	Members   []string `json:"members"`
	Joiners   []string `json:"joiners"`
	Clients   []string `json:"clients"`
	Joiner    string   `json:"joiner"`
	Signer    string   `json:"signer"`
	Member    string   `json:"member"`
	Proposer  string   `json:"proposer"`
	Committer string   `json:"committer"`
	Welcomer  string   `json:"welcomer"`

	PSKs                   []int          `json:"psks"`
	ByReference            []int          `json:"byReference"`
	ByValue                []*Description `json:"byValue"`
	Description            *Description   `json:"description"`
	Ciphertext             int            `json:"ciphertext"`
	Commit                 int            `json:"commit"`
	Welcome                int            `json:"welcome"`
	ExternalReInitProposal int            `json:"externalReinitProposal"`

	AuthenticatedData string `json:"authenticatedData"`
	Plaintext         string `json:"plaintext"`
	ForcePath         bool   `json:"forcePath"`
	ExternalTree      bool   `json:"externalTree"`
	RemovePrior       bool   `json:"removePrior"`

	Content
	text string // as the script has it
}

// Content is what proposals of different kinds hold.
type Content struct {
	KeyPackage        int         `json:"keyPackage"`
	Removed           string      `json:"removed"`
	PSKID             int         `json:"pskID"`
	EpochID           uint64      `json:"epochID"`
	Extensions        []Extension `json:"extensions"`
	ChangeGroupID     bool        `json:"changeGroupID"`
	ChangeCipherSuite bool        `json:"changeCipherSuite"`
}

// Description is a proposal by value, or of an external signer.
type Description struct {
	ProposalType string `json:"proposalType"`
	Content
}

// Extension is an extension of a group context.
type Extension struct {
	ExtensionType uint16 `json:"extensionType"`
	ExtensionData []byte `json:"extensionData"`
}

// ScriptError says what is wrong with a script.
type ScriptError struct {
	File   string
	Script string // empty when the whole file is meant
	Step   int    // -1 when the whole script is meant
	Err    error
}

func (e *ScriptError) Error() string {
	where := e.File
	if e.Script != "" {
		where += ": script " + e.Script
	}
	if e.Step >= 0 {
		where += fmt.Sprintf(": step %d", e.Step)
	}
	return fmt.Sprintf("%s: %v", where, e.Err)
}

// Unwrap returns the cause.
func (e *ScriptError) Unwrap() error { return e.Err }

// Load reads the scripts of all .json files in a folder, in the order of file and name. It fails with a *ScriptError
// for a script that cannot be played by anybody.
func Load(dir string) ([]*Script, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, fmt.Errorf("%s: no scripts: %w", dir, fs.ErrNotExist)
	}
	var out []*Script
	for _, path := range files {
		data, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		scripts, err := parse(filepath.Base(path), data)
		if err != nil {
			return nil, err
		}
		out = append(out, scripts...)
	}
	return out, nil
}

// parse reads the scripts of one file.
func parse(file string, data []byte) ([]*Script, error) {
	var content struct {
		Mode    string                       `json:"mode"` // how the official runner assigns clients
		Scripts map[string][]json.RawMessage `json:"scripts"`
	}
	if err := strict(data, &content); err != nil {
		return nil, &ScriptError{file, "", -1, err}
	}
	var out []*Script
	for name, steps := range content.Scripts {
		s := &Script{File: file, Name: name}
		if len(steps) == 0 {
			return nil, &ScriptError{file, name, -1, errors.New("no steps")}
		}
		for i, text := range steps {
			step, err := parseStep(text)
			if err == nil {
				err = s.check(step)
			}
			if err != nil {
				return nil, &ScriptError{file, name, i, err}
			}
			s.Steps = append(s.Steps, step)
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b *Script) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// strict decodes JSON and refuses fields that v does not have.
func strict(data []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if d.More() {
		return errors.New("more than one JSON value")
	}
	return nil
}

// parseStep reads a step and checks that it has what its action takes, and nothing else.
func parseStep(text json.RawMessage) (*Step, error) {
	var raw any
	if err := json.Unmarshal(text, &raw); err != nil {
		return nil, err
	}
	fields, ok := camelCase(raw).(map[string]any)
	if !ok {
		return nil, errors.New("not an object")
	}
	name, _ := fields["action"].(string)
	action, ok := actions[name]
	if !ok {
		return nil, fmt.Errorf("unknown action %q", name)
	}
	if err := action.checkFields(fields); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	same, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return nil, err
	}
	step := &Step{text: compact.String()}
	return step, strict(same, step)
}

// camelCase rewrites names such as force_path to forcePath in all objects: scripts have both.
func camelCase(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, value := range v {
			words := strings.Split(name, "_")
			for i, w := range words[1:] {
				if w != "" {
					words[i+1] = strings.ToUpper(w[:1]) + w[1:]
				}
			}
			out[strings.Join(words, "")] = camelCase(value)
		}
		return out
	case []any:
		for i := range v {
			v[i] = camelCase(v[i])
		}
	}
	return v
}

// check judges what a step refers to, and adds its actors to the cast.
func (s *Script) check(step *Step) error {
	for _, r := range step.references() {
		if r.step < 0 || r.step >= len(s.Steps) || !slices.Contains(actions[s.Steps[r.step].Action].makes, r.what) {
			return fmt.Errorf("no step before makes the %s that number %d stands for", r.what, r.step)
		}
	}
	for _, d := range step.described() {
		if !slices.Contains(proposalTypes, d.ProposalType) {
			return fmt.Errorf("unknown proposal type %q", d.ProposalType)
		}
	}
	if len(s.Steps) == 0 && !slices.Contains(actions[step.Action].makes, aGroup) && !actions[step.Action].anywhere {
		return fmt.Errorf("%s needs a group", step.Action)
	}
	for _, name := range step.cast() {
		if name == "" {
			return errors.New("empty name of an actor")
		}
		if !slices.Contains(s.Actors, name) {
			s.Actors = append(s.Actors, name)
		}
	}
	return nil
}

// cast lists the actors of a step.
func (s *Step) cast() []string {
	var out []string
	for _, name := range []string{s.Actor, s.Proposer, s.Committer, s.Welcomer, s.Joiner, s.Signer, s.Member} {
		if name != "" {
			out = append(out, name)
		}
	}
	return slices.Concat(out, s.Members, s.Joiners, s.Clients)
}
