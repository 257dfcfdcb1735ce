package mls_test

import (
	"crypto/ed25519"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

const testSuite = ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519

// player is a client in a test, with its view of one group. Its methods do what a careful application does, and fail the
// test when anything goes wrong.
type player struct {
	*mlstest.Client
	t        *testing.T
	group    *mls.Group
	packages []*mls.OwnKeyPackage // all that it made
}

func newPlayer(t *testing.T, name string) *player {
	p := &player{Client: mlstest.NewClient(t, testSuite, name), t: t}
	onStage.enter(p)
	return p
}

// onStage are the players of every running test, whose secrets no error of the test may show.
var onStage = &ensemble{players: map[*testing.T][]*player{}}

type ensemble struct {
	sync.Mutex
	players map[*testing.T][]*player
}

func (e *ensemble) enter(p *player) {
	e.Lock()
	defer e.Unlock()
	if e.players[p.t] == nil {
		p.t.Cleanup(func() {
			e.Lock()
			defer e.Unlock()
			delete(e.players, p.t)
		})
	}
	e.players[p.t] = append(e.players[p.t], p)
}

// secrets are all that the players of a test have: of their groups, of their KeyPackages, and to sign with.
func (e *ensemble) secrets(t *testing.T) (out []ciphersuite.Secret) {
	e.Lock()
	defer e.Unlock()
	for _, p := range e.players[t] {
		out = append(out, mls.SecretsOf(p.group)...)
		for _, k := range p.packages {
			out = append(out, k.InitKey, k.LeafKey)
		}
		if key, ok := p.Signer.(ed25519.PrivateKey); ok {
			out = append(out, ciphersuite.NewSecret(key.Seed()))
		}
	}
	return out
}

// KeyPackage makes a fresh KeyPackage with its private keys.
func (a *player) KeyPackage(t mlstest.TB) *mls.OwnKeyPackage {
	t.Helper()
	k := a.Client.KeyPackage(t)
	a.packages = append(a.packages, k)
	return k
}

// stage is a group of players, made by the first.
func stage(t *testing.T, names ...string) []*player {
	return stageOf(t, nil, nil, names...)
}

// stageOf is stage with a change of each client and extensions of the group context.
func stageOf(t *testing.T, change func(*mlstest.Client), extensions framing.Extensions, names ...string) []*player {
	t.Helper()
	var all []*player
	for _, name := range names {
		a := newPlayer(t, name)
		if change != nil {
			change(a.Client)
		}
		all = append(all, a)
	}
	first := all[0]
	first.group = first.Create(t, "group", extensions...)
	if len(all) > 1 {
		first.welcome(all[1:]...)
	}
	return all
}

// take lets a Step take effect.
func (a *player) take(s *mls.Step, err error) *mls.Step {
	a.t.Helper()
	require.NoError(a.t, err)
	a.group = s.Next
	s.Erase()
	return s
}

// hear handles a message.
func (a *player) hear(message []byte) *mls.Step {
	a.t.Helper()
	return a.take(a.group.Handle(mls.Input{Message: message, Now: mlstest.Now()}))
}

// refuse handles a message that has to fail by a rule, and leaves the group as it was.
func (a *player) refuse(message []byte, rule string) {
	a.t.Helper()
	_, err := a.group.Handle(mls.Input{Message: message, Now: mlstest.Now()})
	breaks(a.t, rule, err)
}

// tell lets others hear a message.
func tell(message []byte, to ...*player) {
	for _, a := range to {
		a.t.Helper()
		a.hear(message)
	}
}

// commit makes a commit, adopts it and lets others hear it. It answers the commit and the Step of the adoption.
func (a *player) commit(c mls.CommitParams, to ...*player) ([]byte, *mls.Step) {
	a.t.Helper()
	if c.Now.IsZero() {
		c.Now = mlstest.Now()
	}
	message := a.take(a.group.Commit(c, a.Signer)).Send[0].Message
	adopted := a.take(a.group.Adopt())
	tell(message, to...)
	return message, adopted
}

// propose makes a proposal and lets others hear it.
func (a *player) propose(p framing.Proposal, to ...*player) []byte {
	a.t.Helper()
	message := a.take(a.group.Propose(p, mls.ProposeParams{Now: mlstest.Now()}, a.Signer)).Send[0].Message
	tell(message, to...)
	return message
}

// welcome adds newcomers and lets them join. Members that were there already have to hear the commit that it answers.
func (a *player) welcome(newcomers ...*player) []byte {
	a.t.Helper()
	clients := make([]*mlstest.Client, len(newcomers))
	for i, n := range newcomers {
		clients[i] = n.Client
	}
	own, theirs, commit := a.Invite(a.t, a.group, clients...)
	a.group = own
	for i, n := range newcomers {
		n.group = theirs[i]
	}
	return commit
}

// say encrypts data.
func (a *player) say(data string) []byte {
	a.t.Helper()
	return a.take(a.group.Protect([]byte(data), mls.ProtectParams{}, a.Signer)).Send[0].Message
}

// read decrypts data.
func (a *player) read(message []byte) string {
	a.t.Helper()
	return string(a.hear(message).Events[0].(*mls.ApplicationMessage).Data)
}

// info is a GroupInfo by which others may join.
func (a *player) info() []byte {
	a.t.Helper()
	message, err := a.group.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, a.Signer)
	require.NoError(a.t, err)
	return message
}

// observe is an observer of the group.
func (a *player) observe() *mls.Observer {
	a.t.Helper()
	s, err := mls.Observe(mls.ObserveParams{GroupInfo: a.info(), Now: mlstest.Now()})
	require.NoError(a.t, err)
	return s.Next
}

// reload is a restart: of the group, only its records are left.
func (a *player) reload() {
	a.t.Helper()
	records, err := a.group.Records(nil)
	require.NoError(a.t, err)
	a.group.EraseAll()
	a.group, err = mls.Load(mls.LoadParams{Records: slices.Values(records), Params: a.Params})
	require.NoError(a.t, err)
}

// insider is a member that has turned bad.
func (a *player) insider() *mlstest.Insider {
	a.t.Helper()
	return mlstest.NewInsider(a.t, a.group, a.Signer)
}

// together checks that players are in one epoch of one group and can read each other.
func together(players ...*player) {
	first := players[0]
	first.t.Helper()
	want, err := first.group.EpochAuthenticator()
	require.NoError(first.t, err)
	for _, a := range players {
		have, err := a.group.EpochAuthenticator()
		require.NoError(a.t, err)
		require.Equal(a.t, want, have, "%s and %s are in different epochs", first.Name, a.Name)
		require.Equal(a.t, first.group.Tree().Hash(), a.group.Tree().Hash())
		if len(a.group.Proposals()) > 0 {
			continue
		}
		message := a.say("from " + a.Name)
		for _, b := range players {
			if b != a {
				require.Equal(a.t, "from "+a.Name, b.read(message))
			}
		}
	}
}

// seeded is params with randomness that follows from seed.
func seeded(params mls.Params, seed string) mls.Params {
	mlstest.Seed(&params, seed)
	return params
}

// breaks checks that an error names a rule.
func breaks(t *testing.T, rule string, err error) {
	t.Helper()
	var broken *mls.RuleError
	require.ErrorAs(t, err, &broken)
	require.Equal(t, rule, broken.Rule, "%v", err)
}

// extension is an encoded extension.
func extension(t *testing.T, v framing.ExtensionValue) framing.Extension {
	t.Helper()
	x, err := framing.NewExtension(v)
	require.NoError(t, err)
	return x
}
