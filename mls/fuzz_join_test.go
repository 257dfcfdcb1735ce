package mls_test

import (
	"crypto"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// FuzzJoin lets mallory make Welcomes, and GroupInfos for external commits, in any way, with every signature, tag and
// ciphertext made to fit. Newcomers that join the epoch of honest members agree with them, and newcomers accept what honest
// members accept.
func FuzzJoin(f *testing.F) {
	scenes := fuzzScenes(f)
	for scene := range scenes {
		f.Add([]byte{byte(scene), 0, 0, 1})
		f.Add([]byte{byte(scene), 0, 0, 7})
		f.Add([]byte{byte(scene), 1, 0, 0})
	}
	for point := pointMessage; point < points; point++ {
		for site := range 24 {
			f.Add([]byte{byte(site), byte(point % 2), 0, 1, 1, byte(point), 0, byte(5 * site), byte(site), byte(3 * site)})
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { joinTape(t, scenes, data) })
}

// TestFuzzJoinReaches shows that FuzzJoin reaches joins that succeed and many rules that refuse others.
func TestFuzzJoinReaches(t *testing.T) {
	scenes := fuzzScenes(t)
	seen := map[string]int{}
	reach(700, func(random *rand.Rand) {
		data := randomBytes(random, 10)
		data[2], data[3], data[4], data[5] = 0, 1<<random.IntN(4), 1, byte(pointMessage+random.IntN(points-pointMessage))
		seen[joinTape(t, scenes, data)]++
	}, func() {
		for _, what := range []string{"welcomed", "external", "V-WEL-01", "V-WEL-05", "V-WEL-14", "V-TREE-03", "V-EXT-02"} {
			require.NotZero(t, seen[what], "%s: %v", what, seen)
		}
		require.Greater(t, len(seen), 12, "%v", seen)
	})
	t.Log(seen)
}

// joinTape plays one run of FuzzJoin. It returns what came of it.
func joinTape(t *testing.T, scenes []*fuzzScene, data []byte) string {
	in := &tape{data}
	run := &fuzzRun{T: t, fuzzScene: scenes[in.byte()%len(scenes)], seen: map[string]int{}}
	run.begin()
	if in.byte()%2 == 0 {
		return run.welcome(in)
	}
	return run.entry(in)
}

// welcome returns a Welcome of mallory's with the commit that it goes with.
func (run *fuzzRun) welcome(in *tape) string {
	flags := flagSet(in.word()) &^ 2 // newcomer 1 stays outside
	if flags&5 == 0 {
		flags |= 1
	}
	m := in.mutator(run.bank)
	var made *mlstest.Made
	var message []byte
	if !attempted(func(t mlstest.TB) {
		made = run.mallory.Commit(t, run.draft(t, run.mallory, m, flags))
		message = m.edit(t, made.Welcome)
	}) {
		return "stumbled"
	}
	run.adopted = made.Next
	params := mls.JoinParams{Welcome: message, KeyPackages: run.packages, PSKs: run.psks, Now: mlstest.Now(), Params: run.outside[0].Params}
	s, err := mls.Join(params)
	before := run.fuzzScene.honest[0].Group.Epoch()
	run.deliver(made.Commit)
	taken := len(run.honest) > 0 && run.honest[0].Group.Epoch() > before
	if err != nil {
		require.Nil(run, s)
		run.keysGood()
		missing := new(mls.MissingPSKError) // a resumption PSK, which newcomers cannot have
		wrong := ruleOf(err) == "V-WEL-09"  // a path secret for newcomers alone
		if taken && !run.split && m.only(commitPoints) && !wrong && !errors.As(err, &missing) {
			run.Fatalf("members take what a newcomer refuses: %v", err)
		}
		return ruleOf(err)
	}
	joined := run.newcomer(s.Next, run.signerOf(s.Next)).apart(run)
	if taken {
		view, other := mlstest.ViewOf(run, joined.Group), mlstest.ViewOf(run, run.honest[0].Group)
		if view.Public == other.Public {
			require.Equal(run, other.Secret, view.Secret, "one public state, two secrets")
			run.honest = append(run.honest, joined)
			run.goOn()
			return "welcomed"
		}
	}
	run.alone(joined)
	return "led astray"
}

// commitPoints are those at which a mutation makes no difference between a Welcome and the commit that it goes with.
var commitPoints = []int{pointPath, pointLeaf, pointSignedLeaf, pointProvisional, pointNext}

// signerOf returns the signer of a newcomer that joined.
func (run *fuzzRun) signerOf(g *mls.Group) crypto.Signer {
	return run.signers[string(g.Tree().SignatureKey(g.OwnLeaf()))]
}

// newcomer returns somebody who joined, and keeps the rules.
func (run *fuzzRun) newcomer(g *mls.Group, signer crypto.Signer) honest {
	c := &mlstest.Party{LeafParams: mls.LeafParams{Signer: signer}, Name: "newcomer", Suite: g.Suite()}
	return newHonest(run, c.Member(run, g))
}

// keysGood checks that after a failure KeyPackages are unchanged.
func (run *fuzzRun) keysGood() {
	made := run.fuzzScene.mallory.Commit(run, func(d *mlstest.Draft) {
		d.Proposals = run.proposals(run, run.fuzzScene.mallory, 1)
	})
	_, err := mls.Join(mls.JoinParams{Welcome: made.Welcome, KeyPackages: run.packages, Now: mlstest.Now()})
	require.NoError(run, err, "the genuine Welcome")
}

// alone checks that a group can be used by somebody who was led there.
func (run *fuzzRun) alone(h honest) {
	run.honest, run.observer = []honest{h}, nil
	run.goOn()
}

// entry returns a GroupInfo of mallory's, for those who come by themselves.
func (run *fuzzRun) entry(in *tape) string {
	flags := flagSet(in.word())
	m := in.mutator(run.bank)
	var message []byte
	if !attempted(func(t mlstest.TB) {
		message = m.edit(t, run.mallory.GroupInfo(t, func(info *framing.GroupInfo) { m.at(pointInfo, info) }))
	}) {
		return "stumbled"
	}
	c := run.outside[3]
	params := mls.JoinExternalParams{GroupInfo: message, Leaf: c.LeafParams, Now: mlstest.Now(), PSKs: run.psks,
		Params: seeded(mls.Params{}, "entry")}
	if flags.has(0) {
		own := run.mallory.Leaf
		params.Resync, params.Leaf.Signer = &own, run.mallory.Signer
	}
	o, errObserver := mls.Observe(mls.ObserveParams{GroupInfo: message, Now: mlstest.Now()})
	s, err := mls.JoinExternal(params)
	if err != nil {
		require.Nil(run, s)
		require.False(run, len(m.list) == 0, "%v", err)
		return ruleOf(err)
	}
	require.NoError(run, errObserver, "an observer refuses what a newcomer takes")
	step, err := o.Next.Handle(mls.Input{Message: s.Send[0].Message, Now: mlstest.Now()})
	require.NoError(run, err, "an observer refuses the commit of a newcomer")
	commit := s.Send[0].Message
	s = must(s.Next.Adopt())
	joined := run.newcomer(s.Next, params.Leaf.Signer)
	view := mlstest.ViewOf(run, joined.Group)
	require.Equal(run, view.Public, mlstest.ViewOf(run, step.Next).Public)
	before := run.fuzzScene.honest[0].Group.Epoch()
	run.deliver(commit)
	if len(run.honest) > 0 && run.honest[0].Group.Epoch() > before {
		require.Equal(run, view, mlstest.ViewOf(run, run.honest[0].Group))
		run.honest = append(run.honest, joined.apart(run))
		run.goOn()
		return "external"
	}
	require.NotEmpty(run, m.list, "members refuse an honest newcomer")
	run.alone(joined.apart(run))
	return "led astray"
}
