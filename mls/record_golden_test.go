package mls_test

import (
	"bytes"
	"encoding/hex"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/internal/inside"
	"github.com/copse-mls/copse/mls/mlstest"
)

var golden = flag.Bool("golden", false, "write the golden records anew; do so only with a new version of a record")

// exhibit is a Group or Observer in storage, and a message that it can handle.
type exhibit struct {
	records shelf
	message []byte
}

// exhibits make records of every kind.
func exhibits(t *testing.T) map[string]exhibit {
	out := map[string]exhibit{}
	show := func(name string, g *mls.Group, message []byte) { out[name] = exhibit{whole(t, g), message} }

	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	early := bob.Say("early")
	late := [][]byte{bob.Say("never"), bob.Say("read"), bob.Say("late")}
	mlstest.Tell(early, alice, carol)
	mlstest.Tell(alice.Say("from alice"), bob, carol)
	alice.Commit(mls.CommitParams{ForcePath: true}, bob, carol)
	bob.Commit(mls.CommitParams{ForcePath: true}, alice, carol)
	require.Equal(t, "read", alice.Read(late[1]))
	bob.Say("lost")
	require.Equal(t, "found", alice.Read(bob.Say("found")))
	alice.Say("once more")

	seen := alice.Observe()
	psk := &framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte("psk"))}
	proposal := bob.Propose(psk, alice, carol)
	s := must(seen.Handle(mls.Input{Message: proposal}))
	update := alice.Update(mls.LeafUpdate{})
	mlstest.Tell(update, bob, carol)
	out["observer"] = exhibit{whole(t, s.Next), update}

	joining := must(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: carol.Info(), Leaf: newMember(t, "eve").LeafParams,
		Params: newMember(t, "eve").Params, Now: mlstest.Now()}))
	show("joining", joining.Next, joining.Send[0].Message)

	commit := mls.CommitParams{Now: mlstest.Now(), AuthenticatedData: []byte("aad"), PSKs: worldPSKs(),
		Welcome: mls.WelcomeParams{OmitTree: true, Batch: 1}}
	for _, name := range []string{"dave", "erin"} {
		commit.Proposals = append(commit.Proposals, &framing.Add{KeyPackage: newMember(t, name).KeyPackage(t).KeyPackage})
	}
	commit.Proposals = append(commit.Proposals, &framing.Remove{Removed: carol.Group.OwnLeaf()})
	message := alice.MakeCommit(commit).Send[0].Message
	show("member", alice.Group, late[2])
	show("updating", dropped(t, alice.Group), message)

	removed := must(carol.Group.Handle(mls.Input{Message: message, Now: mlstest.Now(), PSKs: worldPSKs()}))
	show("removed", removed.Next, late[2])
	maps.Copy(out, endings(t))
	return out
}

// dropped returns the Group without its pending commit.
func dropped(t *testing.T, g *mls.Group) *mls.Group {
	s := must(g.Drop())
	return s.Next
}

// endings returns a group that a ReInit ended, and its successor before its first commit.
func endings(t *testing.T) map[string]exhibit {
	frank, grace := two(newCast(t, "frank", "grace"))
	frank.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.ReInit{
		GroupID: []byte("next"), Version: framing.MLS10, CipherSuite: testSuite}}}, grace)
	s := must(mls.Create(mls.CreateParams{Leaf: frank.LeafParams, Lifetime: mlstest.Lifetime(),
		Successor: frank.Group, Params: frank.Params}))
	return map[string]exhibit{
		"reinitialized": {records: whole(t, frank.Group)},
		"successor":     {records: whole(t, s.Next)},
	}
}

// goldenFile returns the file of records of a version: those of all versions stay.
func goldenFile(version, name string) string {
	return filepath.Join("testdata", "golden", version, name+".txt")
}

const presentVersion = "2"

func writeGolden(t *testing.T, name string, x exhibit) {
	var b bytes.Buffer
	for _, key := range slices.Sorted(maps.Keys(x.records)) {
		fmt.Fprintf(&b, "%s %x\n", key, x.records[key])
	}
	if x.message != nil {
		fmt.Fprintf(&b, "! %x\n", x.message)
	}
	require.NoError(t, os.MkdirAll(filepath.Dir(goldenFile(presentVersion, name)), 0o755))
	require.NoError(t, os.WriteFile(goldenFile(presentVersion, name), b.Bytes(), 0o644))
}

// readGolden reads lines of a key and a value; the message has the key "!".
func readGolden(t testing.TB, name string) exhibit { return readGoldenOf(t, presentVersion, name) }

func readGoldenOf(t testing.TB, version, name string) exhibit {
	data := must(os.ReadFile(goldenFile(version, name)))
	x := exhibit{records: shelf{}}
	for line := range strings.Lines(string(data)) {
		key, text, ok := strings.Cut(strings.TrimSpace(line), " ")
		require.True(t, ok, line)
		value := must(hex.DecodeString(text))
		if key == "!" {
			x.message = value
		} else {
			x.records[key] = value
		}
	}
	return x
}

// Records that an earlier build wrote are read, and written again byte for byte; and what comes of them handles what
// came since.
func TestGolden(t *testing.T) {
	if *golden {
		for name, x := range exhibits(t) {
			writeGolden(t, name, x)
		}
	}
	kinds := map[string]bool{}
	for name, event := range map[string]mls.Event{
		"member": &mls.ApplicationMessage{}, "updating": &mls.Echo{}, "removed": &mls.ApplicationMessage{}, "joining": &mls.EpochChanged{},
		"reinitialized": nil, "successor": nil, "observer": &mls.ProposalReceived{},
	} {
		t.Run(name, func(t *testing.T) {
			x := readGolden(t, name)
			for key := range x.records {
				kinds[regexp.MustCompile(`\d+`).ReplaceAllString(key, "#")] = true
			}
			var events []mls.Event
			if name == "observer" {
				o := must(mls.LoadObserver(mls.LoadParams{Records: x.records.records()}))
				x.records.same(t, whole(t, o))
				s := must(o.Handle(mls.Input{Message: x.message}))
				events = s.Events
			} else {
				g := must(mls.Load(mls.LoadParams{Records: x.records.records()}))
				x.records.same(t, whole(t, g))
				if event == nil {
					return
				}
				s, err := g.Handle(mls.Input{Message: x.message})
				if name == "updating" { // the commit was its own
					require.ErrorIs(t, err, mls.ErrOwnMessage)
					return
				}
				require.NoError(t, err)
				events = s.Events
			}
			require.IsType(t, event, events[0])
		})
	}
	require.Equal(t, []string{
		"arrivals", "counter", "epoch/#", "epoch/#/node/#/#", "epoch/#/ratchet/#/application", "epoch/#/ratchet/#/handshake",
		"epoch/#/senderdata", "epoch/#/skipped/#/#/#", "epoch/#/tree/#/#", "group", "pending", "pending/epoch", "pending/node/#/#", "pending/private", "pending/secrets",
		"pending/tree/#/#", "pending/welcome/#", "private", "proposal/#", "resumption/#", "secrets", "tree/#/#",
	}, slices.Sorted(maps.Keys(kinds)), "kinds of records of which there is an example")
}

// What version 1 wrote is read, with or without the record of arrivals, which it had in the end. The first transaction after
// that writes all records anew and leaves none of the old ones.
func TestGoldenOfVersion1(t *testing.T) {
	for _, name := range goldenNames {
		x := readGoldenOf(t, "1", name)
		if name == "observer" {
			o := must(mls.LoadObserver(mls.LoadParams{Records: x.records.records()}))
			s := must(o.Handle(mls.Input{Message: x.message}))
			x.records.apply(must(s.Next.Records(o)))
			again := must(mls.LoadObserver(mls.LoadParams{Records: x.records.records()}))
			whole(t, s.Next).same(t, whole(t, again))
			continue
		}
		arrivals := maps.Clone(x.records)
		arrivals["arrivals"] = append([]byte{1}, readGolden(t, name).records["arrivals"][1:]...)
		for _, store := range []shelf{x.records, arrivals} {
			g := must(store.load(mls.Params{}))
			require.Equal(t, uint64(1), g.Version())
			next := g
			if x.message != nil && name != "updating" {
				s := must(g.Handle(mls.Input{Message: x.message}))
				next = s.Next
				require.Equal(t, uint64(2), next.Version())
			}
			store.apply(must(next.Records(g)))
			store.same(t, whole(t, next), name)
			again := must(store.load(mls.Params{}))
			store.same(t, whole(t, again), name)
			require.Equal(t, next.Version(), again.Version())
		}
	}
	const given = "epoch/0/ratchet/0/handshake" // version 1 noted here what the ratchet had given out before it was derived
	store := readGoldenOf(t, "1", "successor").records
	store[given] = []byte{1, 0, 0, 0, 0, 0, 0, 0, 5, 0}
	g := must(store.load(mls.Params{}))
	require.Equal(t, uint64(5), inside.Reveal(g).Messages.Sent(keyschedule.HandshakeRatchet))
	store.put(t, must(g.Records(g)), nil)
	require.NotContains(t, store, given)
	require.Equal(t, uint64(5), inside.Reveal(must(store.load(mls.Params{}))).Messages.Sent(keyschedule.HandshakeRatchet))
}

// What the golden records are of is what the code makes today, but for what chance decides.
func TestGoldenIsComplete(t *testing.T) {
	for name, x := range exhibits(t) {
		want := readGolden(t, name).records
		require.Equal(t, slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(x.records)), name)
	}
}

// A member goes on after a restart with a commit on its way: it still has the commit, and gets the Welcome.
func TestGoldenPending(t *testing.T) {
	g := must(mls.Load(mls.LoadParams{Records: readGolden(t, "member").records.records()}))
	pending := g.Pending()
	require.NotEmpty(t, pending.Commit)
	require.Len(t, pending.Welcomes, 2)
	change := pending.Change
	require.True(t, change.Own)
	for _, p := range change.Proposals {
		require.Equal(t, mls.Identity{Credential: memberOf(g, p.Sender).Credential, SignatureKey: memberOf(g, p.Sender).SignatureKey}, p.From)
	}
	require.Len(t, change.Added, 2)
	require.Len(t, change.Removed, 1)
	require.Len(t, change.PSKs, 1)
	require.Equal(t, "aad", string(change.AuthenticatedData))
	s := must(g.Adopt())
	require.Len(t, s.Send, 2)
	for _, out := range s.Send {
		require.Equal(t, mls.OutgoingWelcome, out.Kind)
		require.Equal(t, s.Next.Tree().Export(), out.RatchetTree())
		require.Len(t, out.To, 1)
	}
	s.Erase()
	require.ErrorIs(t, failure(g.Records(nil)), mls.ErrErased)
}

// The KeyPackage that an earlier build stored is read; the private keys still are those of the KeyPackage.
func TestGoldenKeyPackage(t *testing.T) {
	own := newMember(t, "henry").KeyPackage(t)
	data := must(own.Marshal())
	if *golden {
		writeGolden(t, "keypackage", exhibit{records: shelf{"keypackage": data}})
	}
	old := readGoldenOf(t, "1", "keypackage").records["keypackage"]
	must(mls.UnmarshalOwnKeyPackage(old))
	want := readGolden(t, "keypackage").records["keypackage"]
	k := must(mls.UnmarshalOwnKeyPackage(want))
	again := must(k.Marshal())
	require.Equal(t, want, again)
	suite := must(ciphersuite.New(k.KeyPackage.CipherSuite))
	pair := must(suite.KeyPairOf(k.InitKey))
	require.Equal(t, k.KeyPackage.InitKey, pair.Public)
	for n := range want {
		_, err := mls.UnmarshalOwnKeyPackage(want[:n])
		var bad *mls.RecordError
		require.ErrorAs(t, err, &bad)
	}
	require.ErrorIs(t, failure(mls.UnmarshalOwnKeyPackage(append([]byte{3}, want[1:]...))), mls.ErrRecordVersion)
	k.Erase()
	require.ErrorIs(t, failure(k.Marshal()), mls.ErrErased)
}

// memberOf returns the leaf of the member who sends.
func memberOf(g *mls.Group, from framing.Sender) *framing.LeafNode {
	leaf, _ := g.Tree().Leaf(from.LeafIndex)
	return leaf
}
