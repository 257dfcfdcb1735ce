package vectors

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
)

var rewrite = flag.Bool("rewrite", false, "make the vectors in testdata/own anew")

// ownFolder returns the folder of our own vectors.
func ownFolder() Folder {
	return Folder{Dir: filepath.Join("testdata", "own"), Source: ownSource, Own: true}
}

// generate makes vectors, of which the replay has to pass.
func generate(t *testing.T, p GenerateParams) *Generated {
	t.Helper()
	g, err := Generate(t.Context(), p)
	require.NoError(t, err)
	require.Zero(t, g.Report.Failed)
	require.Zero(t, g.Report.Skipped)
	require.NotZero(t, g.Report.Passed)
	return g
}

// TestOwn replays our own vectors as they were written once, and makes them anew. A difference says that Copse draws
// other entropy than before, or decides otherwise where RFC 9420 leaves a choice. If that was meant, run it with
// -rewrite. A failure of the replay is always a bug.
func TestOwn(t *testing.T) {
	p := GenerateParams{Seed: 1, Small: true}
	if raceEnabled {
		p.Suites = []ciphersuite.CipherSuite{1}
	}
	g := generate(t, p)
	if *rewrite {
		require.Equal(t, ciphersuite.All(), ciphersuite.Supported(), "this build cannot make them all")
		require.NoError(t, g.Write(ownFolder().Dir))
	}
	replayed := ownFolder()
	if raceEnabled {
		replayed = someCases(t, replayed, 1)
	}
	report, err := Replay(t.Context(), ReplayParams{Folder: replayed})
	require.NoError(t, err)
	var text strings.Builder
	require.NoError(t, report.WriteText(&text))
	require.Zero(t, report.Failed, text.String())

	size := 0
	for _, f := range g.Files {
		have, err := os.ReadFile(filepath.Join(ownFolder().Dir, f.Name+".json"))
		require.NoError(t, err)
		size += len(have)
		if len(p.Suites) == 0 && len(ciphersuite.Supported()) == len(ciphersuite.All()) {
			require.True(t, bytes.Equal(have, f.Data), "%s is not what Copse makes now: see TestOwn", f.Name)
		}
		kept := caseLines(have)
		for _, line := range caseLines(f.Data) {
			require.Contains(t, kept, line, "%s is not what Copse makes now: see TestOwn", f.Name)
		}
	}
	require.Less(t, size, 2<<20, "the vectors in the repository are to be small")
}

// caseLines returns the lines of a generated file, without spaces and commas around them.
func caseLines(data []byte) []string {
	var list []string
	for line := range strings.Lines(string(data)) {
		list = append(list, strings.TrimSuffix(strings.TrimSpace(line), ","))
	}
	return list
}

// TestGenerateFollowsTheSeed: for suites with each of the signature schemes, one of them not deterministic by nature.
func TestGenerateFollowsTheSeed(t *testing.T) {
	p := GenerateParams{Seed: 7, Small: true, Suites: []ciphersuite.CipherSuite{1, 2}}
	first, again := generate(t, p), generate(t, p)
	require.Equal(t, first.Files, again.Files)

	p.Seed = 8
	other := generate(t, p)
	for i, f := range first.Files {
		require.Equal(t, f.Name, other.Files[i].Name)
		require.Equal(t, f.Cases, other.Files[i].Cases)
		require.Equal(t, f.Name == "tree-math", bytes.Equal(f.Data, other.Files[i].Data), f.Name)
	}

	// A case does not depend on which others are made.
	p.Seed, p.Suites, p.Only = 7, []ciphersuite.CipherSuite{2}, []string{"treekem"}
	alone := generate(t, p)
	require.Len(t, alone.Files, 1)
	for _, f := range first.Files {
		if f.Name == "treekem" {
			require.Contains(t, string(f.Data), strings.Trim(string(alone.Files[0].Data), "[]\n"))
		}
	}
}

// TestGenerateLarge makes the large set of one suite, and groups with long histories from several seeds.
func TestGenerateLarge(t *testing.T) {
	if raceEnabled {
		t.Skip("the small set runs under the race detector; the large one differs in size only")
	}
	g := generate(t, GenerateParams{Seed: 3, Suites: []ciphersuite.CipherSuite{1}})
	require.Len(t, g.Files, len(Names()))
	for seed := range uint64(6) {
		generate(t, GenerateParams{Seed: 100 + seed, Only: []string{"passive-client-random"}, Suites: []ciphersuite.CipherSuite{1}})
	}
}

func TestGenerateRefuses(t *testing.T) {
	_, err := Generate(t.Context(), GenerateParams{Only: []string{"tree-maths"}})
	var unknown *UnknownNameError
	require.ErrorAs(t, err, &unknown)
	_, err = Generate(t.Context(), GenerateParams{Suites: []ciphersuite.CipherSuite{99}})
	require.ErrorIs(t, err, ciphersuite.ErrUnsupported)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Generate(ctx, GenerateParams{Only: []string{"tree-math"}})
	require.ErrorIs(t, err, context.Canceled)
}

// TestGenerateReplays: a case that does not hold, or cannot be made, ends in an error that names it.
func TestGenerateReplays(t *testing.T) {
	make := func(of func(*maker) *deserialization) error {
		k := unsuited("deserialization", replayDeserialization, func(extent) []func(*maker) *deserialization {
			return []func(*maker) *deserialization{of}
		})
		r := &recipe{kind: k, make: k.plan(extent{})[0]}
		r.cook(1)
		g := &Generated{Files: []GeneratedFile{{Name: k.name}}, Report: &Report{}}
		return g.collect([]*recipe{r})
	}
	require.NoError(t, make(func(*maker) *deserialization { return &deserialization{Header: hexBytes{13}, Length: 13} }))
	for _, err := range []error{
		make(func(*maker) *deserialization { return &deserialization{Header: hexBytes{13}, Length: 14} }),
		make(func(*maker) *deserialization { check(context.Canceled); return nil }),
		make(func(*maker) *deserialization { return nil }),
	} {
		var failed *GenerateError
		require.ErrorAs(t, err, &failed)
		require.ErrorContains(t, err, "generating deserialization, case 0")
	}
	require.Panics(t, func() { _ = make(func(*maker) *deserialization { panic("not ours to hide") }) })
}

func TestGeneratedWrite(t *testing.T) {
	g := generate(t, GenerateParams{Only: []string{"tree-math", "deserialization"}, Small: true})
	dir := filepath.Join(t.TempDir(), "new", "folder")
	require.NoError(t, g.Write(dir))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "tree-math.json"), []byte("old"), 0o600))
	require.NoError(t, g.Write(dir))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "nothing else is left behind")
	for _, f := range g.Files {
		data, err := os.ReadFile(filepath.Join(dir, f.Name+".json"))
		require.NoError(t, err)
		require.Equal(t, f.Data, data)
	}
	require.NoError(t, os.RemoveAll(filepath.Join(dir, "tree-math.json")))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "tree-math.json"), 0o700))
	require.Error(t, g.Write(dir), "a folder is in the way")
	entries, err = os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 2, "nothing else is left behind")
}

// TestRandomCovers follows every case of passive-client-random in our own set and looks for what they are to hold.
func TestRandomCovers(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(ownFolder().Dir, "passive-client-random.json"))
	require.NoError(t, err)
	var cases []*passiveClient
	require.NoError(t, json.Unmarshal(data, &cases))
	require.Len(t, cases, len(ciphersuite.All()))
	seen := map[string]int{}
	for _, c := range cases {
		suite, err := ciphersuite.New(c.suite())
		if err != nil {
			continue
		}
		f := &follower{trial: &trial{suite: suite}}
		for _, p := range c.ExternalPSKs {
			f.psks = append(f.psks, mls.PSK{ID: mls.ExternalPSKID(p.ID), Secret: p.PSK.secret()})
		}
		own, ok := c.ownKeyPackage(f.trial)
		require.True(t, ok)
		require.True(t, f.join(c, own))
		count(seen, c.RatchetTree.Present, "tree beside the Welcome", "tree in the Welcome")
		tour(t, f, c, seen)
		require.Empty(t, f.failures)
	}
	t.Log(seen)
	for _, p := range []string{"add", "remove", "psk", "group_context_extensions"} {
		require.NotZero(t, seen[p+" by value"], p)
		for _, sender := range []string{"member", "external"} {
			require.NotZero(t, seen[p+" by reference from "+sender], "%s from %s", p, sender)
		}
	}
	for _, what := range []string{
		"add by reference from new_member_proposal", "update by reference from member", "reinit by value",
		"reinit by reference from member", "external_init by value", "resync", "psk with an external commit", "resumption PSK",
		"external PSK", "came back", "reinitialized at the end", "PublicMessage", "PrivateMessage", "with path", "without path",
		"new signature key", "tree beside the Welcome", "tree in the Welcome",
	} {
		require.NotZero(t, seen[what], what)
	}
}

func count(seen map[string]int, holds bool, yes, no string) {
	if !holds {
		yes = no
	}
	seen[yes]++
}

// tour follows one case and counts what happens.
func tour(t *testing.T, f *follower, c *passiveClient, seen map[string]int) {
	gone := map[string]bool{}
	for i, e := range c.Epochs {
		for _, p := range append(e.Proposals, e.Commit) {
			var m framing.Message
			require.NoError(t, framing.Unmarshal(p, &m))
			count(seen, m.Body.WireFormat() == framing.WireFormatPublicMessage, "PublicMessage", "PrivateMessage")
		}
		for _, p := range e.Proposals {
			require.True(t, f.handle("proposal", p))
		}
		step, err := f.group.Handle(mls.Input{Message: e.Commit, PSKs: f.psks})
		require.NoError(t, err)
		f.group = step.Next
		changed, ok := step.Events[0].(*mls.EpochChanged)
		require.True(t, ok)
		change := changed.Change
		count(seen, change.Path, "with path", "without path")
		for _, p := range change.Proposals {
			by := " by value"
			if p.Ref != nil {
				by = fmt.Sprintf(" by reference from %v", p.Sender.SenderType)
			}
			seen[p.Proposal.ProposalType().String()+by]++
		}
		external := change.Committer.SenderType == framing.SenderTypeNewMemberCommit
		for _, id := range change.PSKs {
			count(seen, id.PSKType == framing.PSKTypeExternal, "external PSK", "resumption PSK")
			count(seen, external, "psk with an external commit", "psk with a member's commit")
		}
		for _, l := range change.Removed {
			gone[string(l.Old.SignatureKey)] = true
			count(seen, external, "resync", "removed")
		}
		for _, l := range change.Added {
			count(seen, gone[string(l.New.SignatureKey)] && !external, "came back", "added")
		}
		for _, l := range change.Updated {
			count(seen, bytes.Equal(l.Old.SignatureKey, l.New.SignatureKey), "same signature key", "new signature key")
		}
		if last := i == len(c.Epochs)-1; last || change.ReInit != nil {
			require.Equal(t, last, change.ReInit != nil)
			require.Equal(t, mls.StatusReInitialized, f.group.Status())
			seen["reinitialized at the end"]++
		}
	}
}
