package scenario

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestParse reads a step in both spellings, and lists the cast in the order of appearance.
func TestParse(t *testing.T) {
	scripts, err := parse("x.json", []byte(`{"scripts": {"s": [
		{"action": "createGroup", "actor": "b", "members": ["c", "a"]},
		{"action": "fullCommit", "actor": "a", "force_path": true, "externalTree": true, "by_reference": [], "joiners": ["d"]}]}}`))
	require.NoError(t, err)
	require.Equal(t, []string{"b", "c", "a", "d"}, scripts[0].Actors)
	require.True(t, scripts[0].Steps[1].ForcePath)
	require.True(t, scripts[0].Steps[1].ExternalTree)
}

// TestParseRefuses checks that whatever is wrong with a script is named with its place.
func TestParseRefuses(t *testing.T) {
	const group = `{"action": "createGroup", "actor": "a"}, `
	for steps, want := range map[string]string{
		``:                                  "s.json: script s: no steps",
		`3`:                                 "step 0: not an object",
		`{"action": "dance", "actor": "a"}`: `step 0: unknown action "dance"`,
		`{"action": "protect", "actor": "a", "plaintext": "x"}`:                                    "step 0: protect needs a group",
		`{"action": "createGroup"}`:                                                                `step 0: createGroup: field "actor" is missing`,
		`{"action": "createGroup", "actor": ""}`:                                                   `step 0: createGroup: field "actor" is missing`,
		`{"action": "createGroup", "actor": "a", "members": [""]}`:                                 "step 0: empty name of an actor",
		`{"action": "createGroup", "actor": "a", "joiners": ["b"]}`:                                `step 0: createGroup: unknown field "joiners"`,
		`{"action": "createGroup", "actor": "a", "members": 7}`:                                    "step 0: json: ",
		group + `{"action": "addProposal", "actor": "a", "keyPackage": 0}`:                         "step 1: no step before makes the KeyPackage that number 0 stands for",
		group + `{"action": "addProposal", "actor": "a", "keyPackage": 1}`:                         "step 1: no step before makes the KeyPackage that number 1 stands for",
		group + `{"action": "handleCommit", "actor": "a", "commit": -1}`:                           "step 1: no step before makes the commit that number -1 stands for",
		group + `{"action": "joinGroup", "actor": "a", "welcome": 0}`:                              "the Welcome that number 0",
		group + `{"action": "unprotect", "actor": "a", "ciphertext": 0}`:                           "the ciphertext that number 0",
		group + `{"action": "fullCommit", "actor": "a", "byReference": [0]}`:                       "the proposal that number 0",
		group + `{"action": "externalJoin", "actor": "a", "joiner": "b", "psks": [0]}`:             "the PSK that number 0",
		group + `{"action": "reinit", "committer": "a", "welcomer": "a"}`:                          "the proposal that number 0",
		group + `{"action": "commit", "actor": "a", "byValue": [{"proposalType": "update"}]}`:      `step 1: unknown proposal type "update"`,
		group + `{"action": "commit", "actor": "a", "byValue": [{"proposalType": "add", "x": 1}]}`: `step 1: json: unknown field "x"`,
	} {
		scripts, err := parse("s.json", []byte(`{"scripts": {"s": [`+steps+`]}}`))
		require.Nil(t, scripts, steps)
		require.ErrorContains(t, err, want)
		var where *ScriptError
		require.True(t, errors.As(err, &where))
		require.Equal(t, "s.json", where.File)
	}
}

// TestLoad checks the errors for folders without scripts.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	_, err := Load(dir)
	require.ErrorIs(t, err, fs.ErrNotExist)
	for text, want := range map[string]string{
		`{`:                 "a.json: unexpected EOF",
		`{"skripts": {}}`:   `unknown field "skripts"`,
		`{"scripts": {}} 1`: "more than one JSON value",
	} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, "a.json"), []byte(text), 0o644))
		_, err = Load(dir)
		require.ErrorContains(t, err, want)
	}
}
