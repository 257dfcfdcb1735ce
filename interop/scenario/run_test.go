package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/copse-mls/copse/interop/mlsclient"
	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
)

// serve starts a client that behaves as s does, and connects to it.
func serve(t *testing.T, s clientpb.MLSClientServer) *Client {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	server := grpc.NewServer()
	clientpb.RegisterMLSClientServer(server, s)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	c, err := Connect(t.Context(), listener.Addr().String(), time.Minute)
	require.NoError(t, err)
	t.Cleanup(c.Close)
	return c
}

func loadOwn(t *testing.T) []*Script {
	t.Helper()
	scripts, err := Load(filepath.Join("testdata", "scripts"))
	require.NoError(t, err)
	return scripts
}

// only picks the script of a name.
func only(t *testing.T, name string) []*Script {
	t.Helper()
	scripts := slices.DeleteFunc(loadOwn(t), func(s *Script) bool { return s.Name != name })
	require.Len(t, scripts, 1)
	return scripts
}

func requireNoFailure(t *testing.T, r *Report) {
	t.Helper()
	for _, p := range r.failed() {
		t.Errorf("%s: %s, %s:\n%v", p.File, p.Script, p.name(), p.Failure)
	}
}

// TestEveryAction plays scripts that between them hold every action, with two clients, and checks that nothing is left.
func TestEveryAction(t *testing.T) {
	scripts := loadOwn(t)
	played := map[string]bool{}
	for _, s := range scripts {
		for _, step := range s.Steps {
			played[step.Action] = true
		}
	}
	for name := range actions {
		require.True(t, played[name], "no script here has %s", name)
	}
	clients := []*Client{serve(t, mlsclient.New(nil)), serve(t, mlsclient.New(nil))}
	total := 0
	report, err := Run(t.Context(), Params{Clients: clients, Scripts: scripts, Suite: 1, Sample: 3, Timeout: time.Minute,
		Progress: func(_, all int) { total = all }})
	require.NoError(t, err)
	requireNoFailure(t, report)
	require.Equal(t, len(scripts)*2*3, report.Passed)
	require.Equal(t, report.Passed, total)
	require.Zero(t, report.Skipped)
	require.True(t, report.OK())
}

// TestEverySuite plays one script in each of the seven suites.
func TestEverySuite(t *testing.T) {
	c := serve(t, mlsclient.New(nil))
	report, err := Run(t.Context(), Params{Clients: []*Client{c}, Scripts: only(t, "restart"), Timeout: time.Minute})
	require.NoError(t, err)
	requireNoFailure(t, report)
	require.Equal(t, 2*len(c.Suites), report.Passed)
}

// liar is a client that does one thing wrong.
type liar struct {
	*mlsclient.Service
	export       func([]byte) []byte
	commit       func(*clientpb.CommitResponse)
	join         func(*clientpb.JoinGroupResponse)
	unprotect    func(*clientpb.UnprotectResponse)
	handleCommit func() error
	suites       []uint32
}

func (l *liar) Export(ctx context.Context, r *clientpb.ExportRequest) (*clientpb.ExportResponse, error) {
	out, err := l.Service.Export(ctx, r)
	if err == nil && l.export != nil {
		out.ExportedSecret = l.export(out.ExportedSecret)
	}
	return out, err
}

func (l *liar) Commit(ctx context.Context, r *clientpb.CommitRequest) (*clientpb.CommitResponse, error) {
	out, err := l.Service.Commit(ctx, r)
	if err == nil && l.commit != nil {
		l.commit(out)
	}
	return out, err
}

func (l *liar) JoinGroup(ctx context.Context, r *clientpb.JoinGroupRequest) (*clientpb.JoinGroupResponse, error) {
	out, err := l.Service.JoinGroup(ctx, r)
	if err == nil && l.join != nil {
		l.join(out)
	}
	return out, err
}

func (l *liar) Unprotect(ctx context.Context, r *clientpb.UnprotectRequest) (*clientpb.UnprotectResponse, error) {
	out, err := l.Service.Unprotect(ctx, r)
	if err == nil && l.unprotect != nil {
		l.unprotect(out)
	}
	return out, err
}

func (l *liar) HandleCommit(ctx context.Context, r *clientpb.HandleCommitRequest) (*clientpb.HandleCommitResponse, error) {
	if l.handleCommit != nil {
		return nil, l.handleCommit()
	}
	return l.Service.HandleCommit(ctx, r)
}

func (l *liar) SupportedCiphersuites(
	ctx context.Context, r *clientpb.SupportedCiphersuitesRequest,
) (*clientpb.SupportedCiphersuitesResponse, error) {
	if l.suites != nil {
		return &clientpb.SupportedCiphersuitesResponse{Ciphersuites: l.suites}, nil
	}
	return l.Service.SupportedCiphersuites(ctx, r)
}

// playWith plays a script with an honest client as first actor and a liar as all others.
func playWith(t *testing.T, script string, private bool, l *liar) (*Play, *Report) {
	t.Helper()
	l.Service = mlsclient.New(nil)
	honest, lying := serve(t, mlsclient.New(nil)), serve(t, l)
	p := Params{Clients: []*Client{honest, lying}, Scripts: only(t, script), Timeout: time.Minute}
	cast := slices.Repeat([]*Client{lying}, len(p.Scripts[0].Actors))
	cast[0] = honest
	report := newReport(&p)
	report.Plays = []*Play{p.play(t.Context(), job{p.Scripts[0], 1, private, cast})}
	report.sum()
	return report.Plays[0], report
}

// TestLies checks that each lie is found, at the right step, with the right actor.
func TestLies(t *testing.T) {
	other := func(b []byte) []byte { return append([]byte{b[0] ^ 1}, b[1:]...) }
	for name, x := range map[string]struct {
		script            string
		private           bool
		liar              liar
		step              int
		actor, what, want string
	}{
		"exporter":       {"one_by_one", false, liar{export: other}, 0, "ben", "exported secret", ""},
		"exporter short": {"one_by_one", false, liar{export: func(b []byte) []byte { return b[:129] }}, 0, "ben", "exported secret", "130 bytes"},
		"authenticator": {"a_day", true, liar{join: func(r *clientpb.JoinGroupResponse) {
			r.EpochAuthenticator = other(r.EpochAuthenticator)
		}}, 5, "ben", "JoinGroup, epoch authenticator", ""},
		"plaintext": {"one_by_one", false, liar{unprotect: func(r *clientpb.UnprotectResponse) {
			r.Plaintext = append(r.Plaintext, 0)
		}}, 0, "ben", "plaintext", ""},
		"authenticated data": {"one_by_one", false, liar{unprotect: func(r *clientpb.UnprotectResponse) {
			r.AuthenticatedData = nil
		}}, 0, "ben", "authenticated data", ""},
		"wire format": {"restart", true, liar{commit: func(r *clientpb.CommitResponse) {
			r.Commit[3] = formatPublic
		}}, 2, "ben", "Commit", "an MLSMessage that begins with 00010002"},
		"tree inside": {"restart", false, liar{commit: func(r *clientpb.CommitResponse) {
			r.RatchetTree = []byte{0}
		}}, 2, "ben", "Commit", "no ratchet tree beside the Welcome"},
		"refusal": {"one_by_one", false, liar{handleCommit: func() error {
			return status.Error(codes.InvalidArgument, "not today")
		}}, 4, "ben", "HandleCommit", "success"},
	} {
		t.Run(name, func(t *testing.T) {
			play, report := playWith(t, x.script, x.private, &x.liar)
			f := play.Failure
			require.NotNil(t, f)
			require.Equal(t, 1, report.Failed)
			require.False(t, report.OK())
			require.Equal(t, x.step, f.Step)
			require.Equal(t, x.actor, f.Actor)
			require.Equal(t, x.what, f.What)
			require.NotEqual(t, f.Expected, f.Got)
			if x.want != "" {
				require.Equal(t, x.want, f.Expected)
			}
			require.NotEmpty(t, f.Calls)
		})
	}
}

// TestSkipped checks that what a client does not claim to do is no failure, and no success either.
func TestSkipped(t *testing.T) {
	play, report := playWith(t, "one_by_one", false, &liar{handleCommit: func() error {
		return status.Error(codes.Unimplemented, "later")
	}})
	require.Nil(t, play.Failure)
	require.Equal(t, "Copse does not implement HandleCommit", play.Skipped)
	require.Equal(t, 1, report.Skipped)
	require.False(t, report.OK(), "nothing passed")

	play, _ = playWith(t, "restart", false, &liar{suites: []uint32{1}})
	require.Nil(t, play.Failure)
	require.Equal(t, errNoSuite.Error(), play.Skipped)
}

// TestLenient checks that empty and missing results are passed over when that is asked for, and wrong ones are not.
func TestLenient(t *testing.T) {
	for name, x := range map[string]struct {
		export          func([]byte) []byte
		strict, lenient int
	}{
		"nothing": {func([]byte) []byte { return nil }, 0, 2},
		"wrong":   {func(b []byte) []byte { return append([]byte{b[0] ^ 1}, b[1:]...) }, 0, 0},
		"right":   {func(b []byte) []byte { return b }, 2, 2},
	} {
		for lenient, want := range map[bool]int{false: x.strict, true: x.lenient} {
			honest := serve(t, mlsclient.New(nil))
			lying := serve(t, &liar{Service: mlsclient.New(nil), export: x.export})
			p := Params{Clients: []*Client{honest, lying}, Scripts: only(t, "branch"), Timeout: time.Minute, Lenient: lenient}
			passed := 0
			for _, private := range []bool{false, true} {
				if p.play(t.Context(), job{p.Scripts[0], 1, private, []*Client{honest, lying, lying}}).Failure == nil {
					passed++
				}
			}
			require.Equal(t, want, passed, "%s, lenient %t", name, lenient)
		}
	}
}

// TestReports checks the three forms of a report with a failure, a skip and a success.
func TestReports(t *testing.T) {
	failed, report := playWith(t, "one_by_one", true, &liar{handleCommit: func() error {
		return status.Error(codes.InvalidArgument, "not <today>")
	}})
	skipped, _ := playWith(t, "restart", false, &liar{suites: []uint32{1}})
	passed, _ := playWith(t, "branch", false, new(liar))
	require.Nil(t, passed.Failure)
	report.Plays = []*Play{failed, skipped, passed}
	report.Passed, report.Failed, report.Skipped = 0, 0, 0
	report.sum()

	var text bytes.Buffer
	require.NoError(t, report.WriteText(&text))
	require.Contains(t, text.String(), `members.json: one_by_one FAILED
  MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519, suite 1, private handshakes, anna=Copse@`)
	require.Contains(t, text.String(), `  step 4: {"action":"handleCommit","actor":"ben","commit":3,"byReference":[2]}
  actor    ben
  what     HandleCommit
  expected success
  got      InvalidArgument: not <today>
`)
	require.Contains(t, text.String(), "skipped 1: the clients have no second cipher suite in common\n")
	require.True(t, strings.HasSuffix(text.String(), "\n1 passed, 1 failed, 1 skipped\n"), text.String())

	var junit bytes.Buffer
	require.NoError(t, report.WriteJUnit(&junit))
	var read junitSuites
	require.NoError(t, xml.Unmarshal(junit.Bytes(), &read))
	require.Equal(t, []int{3, 1, 1}, []int{read.Tests, read.Failures, read.Skipped})
	require.Len(t, read.Suites, 2)
	require.Contains(t, read.Suites[0].Cases[0].Failure.Text, "not <today>")

	encoded, err := json.Marshal(report)
	require.NoError(t, err)
	var again Report
	require.NoError(t, json.Unmarshal(encoded, &again))
	require.Equal(t, "HandleCommit", again.Plays[0].Failure.What)
	require.Equal(t, "CreateGroup", again.Plays[0].Failure.Calls[0].RPC)
}

// TestCasts counts assignments and checks that a sample is one, and depends on the seed alone.
func TestCasts(t *testing.T) {
	a, b, c := &Client{Address: "a"}, &Client{Address: "b"}, &Client{Address: "c"}
	able := []*Client{a, b, c}
	all, err := (&Params{}).casts(able, 4, "x")
	require.NoError(t, err)
	require.Len(t, distinct(all), 81)
	sample, err := (&Params{Sample: 20, Seed: 7}).casts(able, 4, "x")
	require.NoError(t, err)
	require.Len(t, distinct(sample), 20)
	same, err := (&Params{Sample: 20, Seed: 7}).casts(able, 4, "x")
	require.NoError(t, err)
	require.Equal(t, sample, same)
	differs, err := (&Params{Sample: 20, Seed: 8}).casts(able, 4, "x")
	require.NoError(t, err)
	require.NotEqual(t, sample, differs)
	few, err := (&Params{Sample: 20}).casts(able, 2, "x")
	require.NoError(t, err)
	require.Len(t, distinct(few), 9)
	_, err = (&Params{}).casts(able, 40, "x")
	require.ErrorContains(t, err, "choose a sample")
	_, err = Run(t.Context(), Params{Clients: able, Scripts: only(t, "branch")})
	require.ErrorContains(t, err, "nothing to play")
}

// TestSampleOfManyActors checks that every client gets its share of actors, of which there are more than fit into one number.
func TestSampleOfManyActors(t *testing.T) {
	able := []*Client{{Address: "a"}, {Address: "b"}, {Address: "c"}}
	sample, err := (&Params{Sample: 2, Seed: 1}).casts(able, 841, "x")
	require.NoError(t, err)
	require.Len(t, distinct(sample), 2)
	for _, cast := range sample {
		require.Len(t, cast, 841)
		for _, c := range able {
			n := 0
			for _, seat := range cast {
				if seat == c {
					n++
				}
			}
			require.InDelta(t, 841/3, n, 80, c.Address)
		}
	}
}

func distinct(casts [][]*Client) map[string]bool {
	out := map[string]bool{}
	for _, cast := range casts {
		name := ""
		for _, c := range cast {
			name += c.Address
		}
		out[name] = true
	}
	return out
}

// TestConnect checks that a client that cannot be reached, or returns nonsense, is named.
func TestConnect(t *testing.T) {
	listener, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())
	_, err = Connect(t.Context(), address, 100*time.Millisecond)
	require.ErrorContains(t, err, address)

	server := grpc.NewServer()
	clientpb.RegisterMLSClientServer(server, &liar{Service: mlsclient.New(nil), suites: []uint32{0x10001}})
	listener, err = net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()
	_, err = Connect(t.Context(), listener.Addr().String(), time.Minute)
	require.ErrorContains(t, err, "65537 is not a cipher suite")
}

// TestInterrupted checks that a run ends with its context.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c := serve(t, mlsclient.New(nil))
	_, err := Run(ctx, Params{Clients: []*Client{c}, Scripts: loadOwn(t), Timeout: time.Minute, Workers: 1,
		Progress: func(done, _ int) {
			if done == 2 {
				cancel()
			}
		}})
	require.ErrorIs(t, err, context.Canceled)
}
