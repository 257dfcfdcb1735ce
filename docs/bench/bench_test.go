package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

func testEnv(t *testing.T) *Env {
	e, err := newEnv(3, newProgress(io.Discard))
	require.NoError(t, err)
	return e
}

// fixed returns a row with limit 10 and 10 % noise that measures the given values one after the other.
func fixed(values ...float64) Row {
	return Row{Name: "fixed", What: "what", Limit: 10, Unit: "x", Noise: 0.1,
		Measure: func(context.Context, *Env) (float64, string, error) {
			value := values[0]
			values = values[1:]
			return value, "detail", nil
		}}
}

func TestJudge(t *testing.T) {
	for name, c := range map[string]struct {
		row  Row
		want Verdict
	}{
		"within":                {fixed(9), Within},
		"at the limit":          {fixed(10), Within},
		"noisy twice":           {fixed(10.5, 10.9), Noisy},
		"over twice":            {fixed(12, 11.2), Over},
		"over once":             {fixed(12, 9), Within},
		"noisy, then over":      {fixed(10.5, 11.5), Over},
		"size, over by a tenth": {Row{Limit: 10, Noise: noiseOfSizes, Measure: fixed(11, 11).Measure}, Over},
	} {
		require.Equal(t, c.want, c.row.judge(t.Context(), testEnv(t)).Verdict, name)
	}
}

func TestSecondHearingDoublesRounds(t *testing.T) {
	var rounds []int
	row := fixed(12, 12)
	measure := row.Measure
	row.Measure = func(ctx context.Context, e *Env) (float64, string, error) {
		rounds = append(rounds, e.rounds)
		return measure(ctx, e)
	}
	env := testEnv(t)
	row.judge(t.Context(), env)
	require.Equal(t, []int{3, 6}, rounds)
	require.Equal(t, 3, env.rounds, "the next row has to begin as this one did")
}

func TestJudgeNamesTheCause(t *testing.T) {
	row := fixed()
	row.Measure = func(context.Context, *Env) (float64, string, error) { return 1, "", errors.New("no tree") }
	got := row.judge(t.Context(), testEnv(t))
	require.Equal(t, Failed, got.Verdict)
	require.Equal(t, "no tree", got.Detail)
}

func TestCompareTakesTurns(t *testing.T) {
	var turns strings.Builder
	side := func(name string) work {
		return work{times: 1, run: func() error {
			require.Equal(t, 1, runtime.GOMAXPROCS(0))
			turns.WriteString(name)
			return nil
		}}
	}
	processors := runtime.GOMAXPROCS(0)
	ratio, detail, err := testEnv(t).compare(t.Context(), comparison{"a turn", side("n"), side("d")})
	require.NoError(t, err)
	require.Positive(t, ratio)
	require.Contains(t, detail, "a turn, best of 3 rounds")
	require.Equal(t, "ndndnd", turns.String())
	require.Equal(t, processors, runtime.GOMAXPROCS(0))

	broken := errors.New("broken")
	_, _, err = testEnv(t).compare(t.Context(), comparison{"a turn", side("n"), work{1, func() error { return broken }}})
	require.ErrorIs(t, err, broken)
}

func TestCompareStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	ran := 0
	stopping := work{times: 1, run: func() error { ran++; cancel(); return nil }}
	_, _, err := testEnv(t).compare(ctx, comparison{"a turn", stopping, stopping})
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, ran)
}

func TestAwaitStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	release := make(chan struct{})
	defer close(release)
	_, err := await(ctx, func() (int, error) { cancel(); <-release; return 1, nil })
	require.ErrorIs(t, err, context.Canceled)
}

func TestInterruptedRowIsDropped(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	interrupting := fixed()
	interrupting.Measure = func(ctx context.Context, _ *Env) (float64, string, error) {
		cancel()
		return 0, "", ctx.Err()
	}
	never := fixed()
	never.Measure = func(context.Context, *Env) (float64, string, error) { panic("measured after an interruption") }
	var out bytes.Buffer
	report := newReport(&out, false)
	require.True(t, measureAll(ctx, testEnv(t), []Row{fixed(1), interrupting, never}, report))
	require.Len(t, report.Rows, 1)
}

func TestReport(t *testing.T) {
	result := func(name string, v Verdict) Result {
		return Result{Name: name, Value: 1, Limit: 2, Unit: "x", Verdict: v}
	}
	for _, c := range []struct {
		rows   []Result
		status int
		last   string
	}{
		{[]Result{result("a", Within), result("b", Noisy)}, exitOK, "2 measured, 2 within limits\n"},
		{[]Result{result("a", Within), result("b", Over)}, exitOver, "2 measured, 1 within limits; not: b\n"},
		{[]Result{result("a", Over), result("b", Failed)}, exitUnusable, "2 measured, 0 within limits; not: a, b\n"},
		{nil, exitOK, "0 measured, 0 within limits\n"},
	} {
		var out bytes.Buffer
		report := newReport(&out, false)
		for _, r := range c.rows {
			report.add(r)
		}
		require.NoError(t, report.end())
		require.Equal(t, c.status, report.status())
		require.True(t, strings.HasSuffix(out.String(), "\n"+c.last), out.String())
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errors.New("disk is full") }

func TestReportThatCannotBeWritten(t *testing.T) {
	require.ErrorContains(t, newReport(fullDisk{}, false).end(), "disk is full")
	require.ErrorContains(t, newReport(fullDisk{}, true).end(), "disk is full")
}

func TestRows(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range rows() {
		require.False(t, seen[r.Name], "two rows are called %s", r.Name)
		seen[r.Name] = true
		require.Less(t, len(r.Name), nameWidth)
		require.NotEmpty(t, r.What, r.Name)
		require.Positive(t, r.Limit, r.Name)
		require.Positive(t, r.Noise, r.Name)
		require.Contains(t, []string{"x", "B", "MB"}, r.Unit, r.Name)
		require.NotNil(t, r.Measure, r.Name)
	}
}

func TestFlags(t *testing.T) {
	for _, c := range []struct {
		args           []string
		status         int
		stdout, stderr string
	}{
		{[]string{"--help"}, exitOK, "replace-path", ""},
		{[]string{"--only", "nothing"}, exitUnusable, "", "there is no such row"},
		{[]string{"--rounds", "0"}, exitUnusable, "", "--rounds is at least 1"},
		{[]string{"seal-info"}, exitUnusable, "", `unexpected argument "seal-info"`},
		{[]string{"--fast"}, exitUnusable, "", "-fast"},
	} {
		var stdout, stderr bytes.Buffer
		require.Equal(t, c.status, run(t.Context(), c.args, &stdout, &stderr), c.args)
		require.Contains(t, stdout.String(), c.stdout, c.args)
		require.Contains(t, stderr.String(), c.stderr, c.args)
	}
}

// TestRun measures the cheapest row for once. Whether it is within its limit is not asked: this machine may be busy.
func TestRun(t *testing.T) {
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), []string{"--json", "--only", "verify-batch", "--rounds", "1"}, &stdout, &stderr)
	require.NotEqual(t, exitUnusable, status, stdout.String())
	require.Empty(t, stderr.String())
	var report Report
	require.NoError(t, json.Unmarshal(stdout.Bytes(), &report))
	require.Len(t, report.Rows, 1)
	require.Equal(t, "verify-batch", report.Rows[0].Name)
	require.Positive(t, report.Rows[0].Value)
	require.Equal(t, report.status(), status)

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.Equal(t, exitUnusable, run(ctx, nil, io.Discard, &stderr))
	require.Contains(t, stderr.String(), "interrupted")
}

func smallFixture(t *testing.T) (*Env, *treekemtest.Fixture) {
	e := testEnv(t)
	f, err := e.full(t.Context(), 64)
	require.NoError(t, err)
	again, err := e.full(t.Context(), 64)
	require.NoError(t, err)
	require.Same(t, f, again, "rows on one tree share it")
	return e, f
}

// TestPathsAreGenuine shows that what is measured is the whole of replacing a path: the trees that follow are those of
// the senders.
func TestPathsAreGenuine(t *testing.T) {
	_, f := smallFixture(t)
	received, err := preparePaths(f, 64)
	require.NoError(t, err)
	senders := map[framing.LeafIndex]bool{}
	for _, r := range received {
		senders[r.Sender] = true
		edit := f.Tree.Edit()
		require.NoError(t, edit.ApplyPath(r))
		tree, err := edit.Tree()
		require.NoError(t, err)
		require.NotEqual(t, f.Tree.Hash(), tree.Hash())
		require.Len(t, r.Path.Nodes, 6, "no parent of a full tree is left out of the path")
		require.NoError(t, tree.VerifyLeafSignatures(f.Context.GroupID))
	}
	require.Len(t, senders, 64, "every leaf takes its turn before the first comes again")
}

func TestSnapshotsAreKept(t *testing.T) {
	_, f := smallFixture(t)
	trees := map[string]bool{}
	size, err := heapOfSnapshots(t.Context(), f, func(edit *treekem.Edit, i framing.LeafIndex) error {
		_, err := newPath(f, edit, i)
		tree, _ := edit.Tree()
		trees[string(tree.Hash())] = true
		return err
	})
	require.NoError(t, err)
	require.Len(t, trees, snapshots, "each is another tree")
	require.Greater(t, size, int64(snapshots*6*f.Tree.Suite().HashSize), "less than the hashes alone take")
}

func TestLeafSignaturesAreAllThere(t *testing.T) {
	e, f := smallFixture(t)
	items, err := leafSignatures(f)
	require.NoError(t, err)
	require.Len(t, items, 64)
	require.NoError(t, e.suite.VerifyBatch(items))
	_, err = importTree(e, f, f.RatchetTree)
	require.NoError(t, err)
}
