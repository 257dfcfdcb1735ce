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

// FuzzJoin lets mallory welcome newcomers, and describe the group to those who want to come by themselves, in any way, with
// every signature, tag and ciphertext made to fit. Newcomers that get in where honest members are agree with them, and
// what honest members take, newcomers take.
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

// TestFuzzJoinReaches shows that FuzzJoin comes to newcomers that get in and to many rules that keep them out.
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

// joinTape is one run of FuzzJoin. It answers what came of it.
func joinTape(t *testing.T, scenes []*scene, data []byte) string {
	in := &tape{data}
	tr := &trial{T: t, scene: scenes[in.byte()%len(scenes)], seen: map[string]int{}}
	tr.begin()
	if in.byte()%2 == 0 {
		return tr.welcome(in)
	}
	return tr.door(in)
}

// welcome is a Welcome of mallory's with the commit that it goes with.
func (tr *trial) welcome(in *tape) string {
	flags := flagSet(in.word()) &^ 2 // newcomer 1 stays outside
	if flags&5 == 0 {
		flags |= 1
	}
	m := in.mutator(tr.bank)
	var made *mlstest.Made
	var message []byte
	if !attempted(func(t mlstest.TB) {
		made = tr.mallory.Commit(t, tr.draft(t, tr.mallory, m, flags))
		message = m.edit(t, made.Welcome)
	}) {
		return "stumbled"
	}
	tr.adopted = made.Next
	params := mls.JoinParams{Welcome: message, KeyPackages: tr.packages, PSKs: tr.psks, Now: mlstest.Now(), Params: tr.outside[0].Params}
	s, err := mls.Join(params)
	before := tr.scene.honest[0].group.Epoch()
	tr.deliver(made.Commit)
	taken := len(tr.honest) > 0 && tr.honest[0].group.Epoch() > before
	if err != nil {
		require.Nil(tr, s)
		tr.keysGood()
		missing := new(mls.MissingPSKError) // a resumption PSK, which newcomers cannot have
		wrong := ruleOf(err) == "V-WEL-09"  // a path secret for newcomers alone
		if taken && !tr.split && m.only(commitPoints) && !wrong && !errors.As(err, &missing) {
			tr.Fatalf("members take what a newcomer refuses: %v", err)
		}
		return ruleOf(err)
	}
	joined := newHonest(tr, s.Next, tr.signerOf(s.Next), 0).apart(tr)
	if public, secret := digest(tr, joined.group, nil); taken {
		if p, sec := digest(tr, tr.honest[0].group, nil); p == public {
			require.Equal(tr, sec, secret, "one public state, two secrets")
			tr.honest = append(tr.honest, joined)
			tr.goOn()
			return "welcomed"
		}
	}
	tr.alone(joined)
	return "led astray"
}

// commitPoints are those at which a mutation makes no difference between a Welcome and the commit that it goes with.
var commitPoints = []int{pointPath, pointLeaf, pointSignedLeaf, pointProvisional, pointNext}

// signerOf is the signer of a newcomer that joined.
func (tr *trial) signerOf(g *mls.Group) crypto.Signer {
	return tr.signers[string(g.Tree().SignatureKey(g.OwnLeaf()))]
}

// keysGood checks that after a failure KeyPackages are as good as before.
func (tr *trial) keysGood() {
	made := tr.scene.mallory.Commit(tr, func(d *mlstest.Draft) {
		d.Proposals = tr.proposals(tr, tr.scene.mallory, 1)
	})
	_, err := mls.Join(mls.JoinParams{Welcome: made.Welcome, KeyPackages: tr.packages, Now: mlstest.Now()})
	require.NoError(tr, err, "the genuine Welcome")
}

// alone checks that a group can be used by somebody who was led there.
func (tr *trial) alone(h honest) {
	tr.honest, tr.observer = []honest{h}, nil
	tr.goOn()
}

// door is a GroupInfo of mallory's, for those who come by themselves.
func (tr *trial) door(in *tape) string {
	flags := flagSet(in.word())
	m := in.mutator(tr.bank)
	var message []byte
	if !attempted(func(t mlstest.TB) {
		message = m.edit(t, tr.mallory.GroupInfo(t, func(info *framing.GroupInfo) { m.at(pointInfo, info) }))
	}) {
		return "stumbled"
	}
	c := tr.outside[3]
	params := mls.JoinExternalParams{GroupInfo: message, Leaf: c.LeafParams, Now: mlstest.Now(), PSKs: tr.psks,
		Params: seeded(mls.Params{}, "door")}
	if flags.has(0) {
		own := tr.mallory.Leaf
		params.Resync, params.Leaf.Signer = &own, tr.mallory.Signer
	}
	o, errObserver := mls.Observe(mls.ObserveParams{GroupInfo: message, Now: mlstest.Now()})
	s, err := mls.JoinExternal(params)
	if err != nil {
		require.Nil(tr, s)
		require.False(tr, len(m.list) == 0, "%v", err)
		return ruleOf(err)
	}
	require.NoError(tr, errObserver, "an observer refuses what a newcomer takes")
	step, err := o.Next.Handle(mls.Input{Message: s.Send[0].Message, Now: mlstest.Now()})
	require.NoError(tr, err, "an observer refuses the commit of a newcomer")
	commit := s.Send[0].Message
	s, err = s.Next.Adopt()
	require.NoError(tr, err)
	joined := newHonest(tr, s.Next, params.Leaf.Signer, 0)
	public, _ := digest(tr, joined.group, nil)
	followed, _ := digest(tr, nil, step.Next)
	require.Equal(tr, public, followed)
	before := tr.scene.honest[0].group.Epoch()
	tr.deliver(commit)
	if len(tr.honest) > 0 && tr.honest[0].group.Epoch() > before {
		p, secret := digest(tr, tr.honest[0].group, nil)
		_, own := digest(tr, joined.group, nil)
		require.Equal(tr, public, p)
		require.Equal(tr, own, secret)
		tr.honest = append(tr.honest, joined.apart(tr))
		tr.goOn()
		return "external"
	}
	require.NotEmpty(tr, m.list, "members refuse an honest newcomer")
	tr.alone(joined.apart(tr))
	return "led astray"
}
