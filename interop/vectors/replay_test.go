package vectors

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
)

// goodHeader and badHeader are the two files that the tests below replay: one right case, one wrong one.
const (
	goodHeader = `[{"vlbytes_header": "0d", "length": 13}]`
	badHeader  = `[{"vlbytes_header": "0d", "length": 13}, {"vlbytes_header": "0d", "length": 14}]`
	oneLeaf    = `[{"n_leaves": 1, "n_nodes": 1, "root": 0, "left": [null], "right": [null], "parent": [null], "sibling": [null]}]`
)

// folder writes files, given as name and content in turn.
func folder(t *testing.T, files ...string) Folder {
	dir := t.TempDir()
	for i := 0; i < len(files); i += 2 {
		require.NoError(t, os.WriteFile(filepath.Join(dir, files[i]+".json"), []byte(files[i+1]), 0o600))
	}
	return Folder{Dir: dir, Source: "--dir", Named: true}
}

func TestReplay(t *testing.T) {
	f := folder(t, "deserialization", badHeader, "tree-math", oneLeaf)
	var last, total int
	report, err := Replay(t.Context(), ReplayParams{
		Folder:   f,
		Only:     []string{"deserialization", "tree-math"},
		Progress: func(done, of int) { last, total = done, of },
	})
	require.NoError(t, err)
	require.Equal(t, []int{3, 3}, []int{last, total})
	require.Equal(t, []int{2, 1, 0}, []int{report.Passed, report.Failed, report.Skipped})
	require.False(t, report.OK())
	require.Equal(t, []string{"tree-math", "deserialization"}, []string{report.Files[0].Name, report.Files[1].Name})

	var text strings.Builder
	require.NoError(t, report.WriteText(&text))
	require.Contains(t, text.String(), "deserialization.json, case 1: length\n  got  13\n  want 14\n")
	require.Contains(t, text.String(), "note: tree-math.json differs from the published file of this name")
	require.True(t, strings.HasSuffix(text.String(), "\n2 passed, 1 failed, 0 skipped\n"), text.String())

	_, err = json.Marshal(report)
	require.NoError(t, err)
}

func TestReplayOfNothingIsFailure(t *testing.T) {
	report, err := Replay(t.Context(), ReplayParams{Folder: folder(t, "tree-math", "[]"), Only: []string{"tree-math"}})
	require.NoError(t, err)
	require.False(t, report.OK())
	var text strings.Builder
	require.NoError(t, report.WriteText(&text))
	require.Contains(t, text.String(), "NOTHING RAN")
	require.True(t, strings.HasSuffix(text.String(), "\n0 passed, 1 failed, 0 skipped\n"), text.String())
}

// TestReplayUnusable: whatever is not as the format says ends in an error that names the file and what is wrong.
func TestReplayUnusable(t *testing.T) {
	for name, test := range map[string]struct{ content, want string }{
		"no JSON":         {"{", "unexpected end of JSON input"},
		"cut off":         {goodHeader[:20], "unexpected end of JSON input"},
		"no array":        {"{}", "not a JSON array of cases"},
		"null case":       {"[null]", "case 0: null is not a case"},
		"number as case":  {"[1]", "case 0: json: cannot unmarshal number"},
		"odd hexadecimal": {`[{"vlbytes_header": "0", "length": 0}]`, "case 0: want hexadecimal digits"},
		"no hexadecimal":  {`[{"vlbytes_header": "zz", "length": 0}]`, "case 0: want hexadecimal digits"},
		"number as hex":   {`[{"vlbytes_header": 12, "length": 0}]`, "case 0: want a string of hexadecimal digits, got 12"},
		"null as hex":     {`[{"vlbytes_header": null, "length": 0}]`, "case 0: want a string of hexadecimal digits, got null"},
		"data after":      {goodHeader + "x", "invalid character 'x' after top-level value"},
		"deep nesting":    {strings.Repeat("[", 100_000), "exceeded max depth"},
	} {
		t.Run(name, func(t *testing.T) {
			f := folder(t, "deserialization", test.content)
			_, err := Replay(t.Context(), ReplayParams{Folder: f, Only: []string{"deserialization"}})
			var unusable *InputError
			require.ErrorAs(t, err, &unusable)
			require.Equal(t, filepath.Join(f.Dir, "deserialization.json"), unusable.Path)
			require.ErrorContains(t, err, test.want)
		})
	}
}

// TestReplayHostile: cases that are well-formed but absurd are failures.
func TestReplayHostile(t *testing.T) {
	for name, content := range map[string]string{
		"tree-math":       `[{"n_leaves": 3}, {"n_leaves": 0}, {"n_leaves": 4294967295}, {"n_leaves": 2147483648}, {"n_leaves": 8}]`,
		"deserialization": `[{"vlbytes_header": "", "length": 0}, {"vlbytes_header": "4001", "length": 1}, {"vlbytes_header": "c0", "length": 0}]`,
		"crypto-basics":   `[{}, {"cipher_suite": 8}, {"cipher_suite": 1}, {"cipher_suite": 1, "expand_with_label": {"length": 65535}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			report, err := Replay(t.Context(), ReplayParams{Folder: folder(t, name, content), Only: []string{name}})
			require.NoError(t, err)
			require.Zero(t, report.Passed)
			require.Zero(t, report.Skipped)
			require.NotZero(t, report.Failed)
		})
	}
}

func TestReplayFiles(t *testing.T) {
	only := []string{"deserialization"}
	t.Run("missing", func(t *testing.T) {
		_, err := Replay(t.Context(), ReplayParams{Folder: folder(t), Only: only})
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorContains(t, err, "deserialization.json")
	})
	t.Run("unknown name", func(t *testing.T) {
		_, err := Replay(t.Context(), ReplayParams{Folder: folder(t), Only: []string{"tree-maths"}})
		require.ErrorContains(t, err, `no vectors are called "tree-maths"; there are: tree-math, crypto-basics,`)
	})
	t.Run("not the published file", func(t *testing.T) {
		f := folder(t, "deserialization", goodHeader)
		f.Named = false
		_, err := Replay(t.Context(), ReplayParams{Folder: f, Only: only})
		require.ErrorIs(t, err, errNotOurs)
	})
	t.Run("too large", func(t *testing.T) {
		f := folder(t, "deserialization", goodHeader)
		require.NoError(t, os.Truncate(filepath.Join(f.Dir, "deserialization.json"), maxFileSize+1))
		_, err := Replay(t.Context(), ReplayParams{Folder: f, Only: only})
		require.ErrorIs(t, err, errTooLarge)
	})
	t.Run("folder instead of file", func(t *testing.T) {
		f := folder(t)
		require.NoError(t, os.Mkdir(filepath.Join(f.Dir, "deserialization.json"), 0o700))
		_, err := Replay(t.Context(), ReplayParams{Folder: f, Only: only})
		require.ErrorIs(t, err, errNotRegular)
	})
	t.Run("interrupted", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := Replay(ctx, ReplayParams{Folder: folder(t, "deserialization", goodHeader), Only: only})
		require.ErrorIs(t, err, context.Canceled)
	})
}

func TestFind(t *testing.T) {
	base := t.TempDir()
	repo := filepath.Join(base, "repo")
	cacheHome := filepath.Join(base, "cache")
	t.Setenv("XDG_CACHE_HOME", cacheHome)
	t.Setenv("HOME", base)
	t.Setenv(EnvDir, "")

	_, err := Find("", repo)
	var missing *NotFoundError
	require.ErrorAs(t, err, &missing)
	require.ErrorContains(t, err, "copse vectors fetch")

	cache, err := CacheDir()
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(cache, 0o700))
	for name := range published() {
		_, err = Find("", repo)
		require.ErrorAs(t, err, &missing, "the cache is not complete")
		require.NoError(t, os.WriteFile(filepath.Join(cache, name), nil, 0o600))
	}
	got, err := Find("", repo)
	require.NoError(t, err)
	require.Equal(t, Folder{Dir: cache, Source: "cache"}, got)

	sibling := filepath.Join(base, "shared", "test-vectors")
	require.NoError(t, os.MkdirAll(sibling, 0o700))
	got, err = Find("", repo)
	require.NoError(t, err)
	require.Equal(t, sibling, got.Dir)
	require.False(t, got.Named)

	named := t.TempDir()
	t.Setenv(EnvDir, named)
	got, err = Find("", repo)
	require.NoError(t, err)
	require.Equal(t, Folder{Dir: named, Source: EnvDir, Named: true}, got)

	got, err = Find(cacheHome, repo)
	require.NoError(t, err)
	require.Equal(t, Folder{Dir: cacheHome, Source: "--dir", Named: true}, got)

	t.Setenv(EnvDir, "")
	t.Setenv("XDG_CACHE_HOME", filepath.Join(base, "no cache"))
	own := filepath.Join(base, "elsewhere", "repo")
	require.NoError(t, os.MkdirAll(filepath.Join(own, ownDir), 0o700))
	got, err = Find("", own)
	require.NoError(t, err)
	require.Equal(t, Folder{Dir: filepath.Join(own, ownDir), Source: ownSource, Own: true}, got)

	for _, dir := range []string{filepath.Join(base, "nowhere"), "replay_test.go"} {
		_, err = Find(dir, repo)
		var unusable *InputError
		require.ErrorAs(t, err, &unusable)
	}
}

// publishedFolder returns the folder of the published vectors. Without them it skips the test, with the reason.
func publishedFolder(t *testing.T) Folder {
	t.Helper()
	f, err := Find("", filepath.Join("..", ".."))
	var missing *NotFoundError
	if errors.As(err, &missing) {
		t.Skipf("THE PUBLISHED VECTORS ARE NOT HERE, SO NOTHING WAS REPLAYED: %v", err)
	}
	require.NoError(t, err)
	if f.Own {
		t.Logf("%s: they serve in their place", f.Source)
	}
	return f
}

func TestPublished(t *testing.T) {
	f := publishedFolder(t)
	if f.Own {
		t.Skipf("%s, AND TestOwn replays those", f.Source)
	}
	if raceEnabled {
		f = someCases(t, f, ciphersuite.Supported()...)
	}
	report, err := Replay(t.Context(), ReplayParams{Folder: f})
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, report.WriteText(&text))
	require.Zero(t, report.Failed, text.String())
	require.NotZero(t, report.Passed)
	if len(ciphersuite.Supported()) == len(ciphersuite.All()) {
		require.Zero(t, report.Skipped, text.String())
	}
	if raceEnabled {
		return
	}
	for _, f := range report.Files {
		if f.Note != "" {
			t.Skipf("every case passes, but %s.json %s: the number of cases was not checked", f.Name, f.Note)
		}
	}
	require.Equal(t, 785, report.Passed+report.Skipped)
}

// someCases returns the first two cases of every file and each of some cipher suites: enough for the race detector,
// under which the curves of the large suites take ten times as long.
func someCases(t *testing.T, from Folder, suites ...ciphersuite.CipherSuite) Folder {
	var files []string
	for _, k := range kinds() {
		data, err := os.ReadFile(filepath.Join(from.Dir, k.name+".json"))
		require.NoError(t, err)
		var cases, chosen []json.RawMessage
		require.NoError(t, json.Unmarshal(data, &cases))
		seen := map[uint16]int{}
		for _, c := range cases {
			var of suited
			require.NoError(t, json.Unmarshal(c, &of))
			if of.CipherSuite != 0 && !slices.Contains(suites, of.suite()) {
				continue
			}
			if seen[of.CipherSuite]++; seen[of.CipherSuite] <= 2 {
				chosen = append(chosen, c)
			}
		}
		data, err = json.Marshal(chosen)
		require.NoError(t, err)
		files = append(files, k.name, string(data))
	}
	return folder(t, files...)
}

// TestEveryValueMatters changes values of published cases one at a time. A replay that still passes has left out a
// check. Signatures and keys inside of messages need not be right for a message to decode, so there bytes are cut off.
func TestEveryValueMatters(t *testing.T) {
	f := publishedFolder(t)
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			data, err := os.ReadFile(filepath.Join(f.Dir, k.name+".json"))
			require.NoError(t, err)
			var cases []any
			d := json.NewDecoder(strings.NewReader(string(data)))
			d.UseNumber()
			require.NoError(t, d.Decode(&cases))
			c := richest(cases)
			values := leavesOf(c, "")
			most := 40
			if k.name == "passive-client-random" {
				most = 8 // one case of 200 epochs
			}
			step := max(1, len(values)/most)
			for i := 0; i < len(values); i += step {
				v := values[i]
				if k.name == "tree-operations" && v.path == ".proposal_sender" {
					continue // says who makes an update, and nothing about an add or remove
				}
				if k.name == "secret-tree" && v.path == ".sender_data.ciphertext" {
					continue // its end does not count: the sample is as long as a hash
				}
				restore := v.change(k.name == "messages")
				changed, err := json.Marshal([]any{c})
				require.NoError(t, err)
				restore()
				if fails(k, changed) {
					continue
				}
				t.Errorf("changing %s goes unnoticed", v.path)
			}
		})
	}
}

// fails reports whether a file of one case is anything but a pass.
func fails(k kind, data []byte) bool {
	cases, err := k.load(data)
	if err != nil {
		return true
	}
	failures, skipped := cases[0].run()
	return len(failures) > 0 || skipped != ""
}

// richest returns the case of suite 1, or of no suite, with the most values.
func richest(cases []any) any {
	var best any
	for _, c := range cases {
		suite, ok := c.(map[string]any)["cipher_suite"]
		if ok && suite != json.Number("1") {
			continue
		}
		if len(leavesOf(c, "")) > len(leavesOf(best, "")) {
			best = c
		}
	}
	return best
}

// value is one string, number or null somewhere in a case.
type value struct {
	path string
	old  any
	set  func(any)
}

func leavesOf(v any, path string) (out []value) {
	add := func(v any, path string, set func(any)) {
		switch v.(type) {
		case map[string]any, []any:
			out = append(out, leavesOf(v, path)...)
		default:
			out = append(out, value{path, v, set})
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for key, x := range v {
			add(x, path+"."+key, func(x any) { v[key] = x })
		}
	case []any:
		for i, x := range v {
			add(x, fmt.Sprintf("%s[%d]", path, i), func(x any) { v[i] = x })
		}
	}
	return out
}

// change alters the value and returns what puts it back.
func (v value) change(cut bool) (restore func()) {
	switch old := v.old.(type) {
	case string:
		switch {
		case cut || old == "":
			v.set(old[:max(0, len(old)-2)] + strings.Repeat("00", 1-min(1, len(old))))
		case old[len(old)-1] == '0':
			v.set(old[:len(old)-1] + "1")
		default:
			v.set(old[:len(old)-1] + "0")
		}
	case json.Number:
		n, err := old.Int64()
		if err != nil {
			panic(err)
		}
		v.set(n + 3) // suites 1 and 2 have a hash in common, 1 and 4 have nothing
	case nil:
		v.set("00")
	}
	return func() { v.set(v.old) }
}

// shortest returns a file with the shortest of our own vectors of a kind.
func shortest(t testing.TB, kind string) []byte {
	data, err := os.ReadFile(filepath.Join(ownFolder().Dir, kind+".json"))
	require.NoError(t, err)
	var cases []json.RawMessage
	require.NoError(t, json.Unmarshal(data, &cases))
	best := slices.MinFunc(cases, func(a, b json.RawMessage) int { return cmp.Compare(len(a), len(b)) })
	file, err := json.Marshal([]json.RawMessage{best})
	require.NoError(t, err)
	return file
}

// FuzzReplay replays arbitrary files of each kind, which may end in an error or a failed case, never in a panic.
func FuzzReplay(f *testing.F) {
	for i, k := range kinds() {
		f.Add(uint8(i), []byte(`[{"cipher_suite": 1}]`))
		f.Add(uint8(i), shortest(f, k.name))
	}
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		k := kinds()[int(which)%len(kinds())]
		cases, err := k.load(data)
		if err != nil {
			return
		}
		for _, c := range cases {
			c.run()
		}
	})
}
