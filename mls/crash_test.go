package mls_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"iter"
	"maps"
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

var everyPoint = flag.Bool("everypoint", false, "let TestCrash and TestCrashOldOrder kill at every point in every way")

// TestCrash plays one story again and again, and in each play kills one member at another point, until every point has had
// its turn. The member comes back with nothing but what it stored, and nothing may be lost: whether it comes back at once
// or when the others have gone on without it, whether the service sorts commits out or passes everything on, and whether or
// not members note which messages they have handled. One of the combinations is played at every point, and with
// -everypoint all of them are.
func TestCrash(t *testing.T) {
	for _, p := range []crashParams{
		{name: "relay", relay: true, handshake: mls.HandshakePublic, stride: 1},
		{name: "relay, back late", relay: true, handshake: mls.HandshakePrivate, late: true, stride: 9},
		{name: "order", noted: true, handshake: mls.HandshakePublic, stride: 9},
		{name: "order, back late", noted: true, handshake: mls.HandshakePrivate, late: true, stride: 3},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			calm := newCrashPlay(t, p)
			calm.run()
			require.Empty(t, calm.problems)
			require.Empty(t, calm.lost())
			plays, twice := 0, 0
			for at := range p.points(calm) {
				play := calm.forkBefore(at)
				play.run()
				require.NotEmpty(t, play.killed, "point %d", at)
				what := fmt.Sprintf("%s killed at point %d, %s", play.killed, at, play.point)
				require.Empty(t, play.problems, what)
				require.Empty(t, play.lost(), what)
				twice += play.requireSameStory(calm, what)
				plays++
			}
			t.Logf("%d points, %d plays, %d events delivered twice", calm.crash.Passed, plays, twice)
			if plays == calm.crash.Passed {
				require.Positive(t, twice, "some member was killed between delivery and removal")
			}
		})
	}
}

// TestCrashOldOrder shows that TestCrash can find a loss. The members write their records in a transaction, and send and
// deliver after it, as this package once asked for: what they were killed before is lost.
func TestCrashOldOrder(t *testing.T) {
	p := crashParams{noted: true, handshake: mls.HandshakePrivate, inMemory: true, stride: 9}
	calm := newCrashPlay(t, p)
	calm.run()
	require.Empty(t, calm.problems)
	var plays, losing, lost, broken int
	for at := range p.points(calm) {
		play := calm.forkBefore(at)
		play.run()
		n := len(play.lost())
		plays++
		lost += n
		if n > 0 || len(play.problems) > 0 {
			losing++
		}
		if len(play.problems) > 0 {
			broken++
		}
	}
	t.Logf("%d points, %d plays, %d with a loss: %d times a member did not get a message, and %d times the group did not "+
		"get to the end of the story", calm.crash.Passed, plays, losing, lost, broken)
	require.Positive(t, lost)
}

// TestCrashKeyUse shows that a key that is used twice is noticed: by a member that sends before it stores.
func TestCrashKeyUse(t *testing.T) {
	play := newCrashPlay(t, crashParams{noted: true})
	alice := play.member("alice")
	play.create(alice)
	for _, text := range []string{"one", "two"} {
		step, err := alice.group.Protect([]byte(text), mls.ProtectParams{}, alice.Signer)
		require.NoError(t, err)
		alice.post(mlstest.Parcel{Outgoing: step.Send[0]})
		require.Equal(t, text == "two", len(play.problems) > 0)
		play.restart(alice)
	}
	require.Contains(t, play.problems[0], "a key is used twice")
}

// TestCrashWelcome gives a client a Welcome a second time, as a service does to which it was not acknowledged.
func TestCrashWelcome(t *testing.T) {
	for _, lastResort := range []bool{false, true} {
		alice, bob := newCast(t, "alice")[0], &survivor{Party: mlstest.NewParty(t, testSuite, "bob")}
		own, err := mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: bob.LeafParams,
			Lifetime: mlstest.Lifetime(), LastResort: lastResort, Params: bob.Params})
		require.NoError(t, err)
		bob.KeepKeyPackage(t, own)
		adopted := alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: own.KeyPackage}}}).Adopted
		join := func() (*mls.Step, error) {
			p := mls.JoinParams{Welcome: adopted.Send[0].Message, KeyPackages: bob.KeyPackages(t), Now: mlstest.Now(), Params: bob.Params}
			for _, id := range bob.Groups() {
				p.Groups = append(p.Groups, []byte(id))
			}
			return mls.Join(p)
		}
		bob.Take(t, &bob.group)(join())
		bob.Restart()
		_, err = join()
		if lastResort { // the KeyPackage is still there: it takes JoinParams.Groups to refuse
			breaks(t, "V-WEL-06", err)
		} else {
			breaks(t, "V-WEL-01", err)
		}
	}
}

// crashParams say how a play goes.
type crashParams struct {
	name      string
	handshake mls.HandshakePolicy
	relay     bool // the service passes on whatever it gets, in one order for all; otherwise it takes one commit an epoch
	noted     bool // members note in each transaction which message they handled; otherwise they know it by the errors
	late      bool // who is killed comes back when all others are done
	inMemory  bool // outbox and inbox are not in the transaction
	stride    int  // from one point that is tried to the next
}

// points yields the points of a play that are tried.
func (p crashParams) points(calm *crashPlay) iter.Seq[int] {
	stride := p.stride
	switch {
	case *everyPoint:
		stride = 1
	case testing.Short() || raceDetector:
		stride = max(stride, 23)
	}
	return func(yield func(int) bool) {
		for at := 1; at <= calm.crash.Passed; at += stride {
			if !yield(at) {
				return
			}
		}
	}
}

// crashPlay is a play with its members and the service between them.
type crashPlay struct {
	crashParams
	t        *testing.T
	crash    *mlstest.Crash
	members  []*survivor
	service  *crashService
	entitled map[string][]string                  // who is to get the data of an application message
	secrets  map[framing.Epoch]ciphersuite.Secret // the sender data secret
	used     map[string][]byte                    // messages that left, by the key that they are encrypted with
	problems []string
	hold     bool         // what is to be sent waits for more
	scene    int          // the next one
	before   []*crashPlay // the play before each scene, when nobody is killed
	killed   string       // who was
	point    string       // and where
}

// survivor is a member that may be killed.
type survivor struct {
	*mlstest.Party
	mlstest.Store
	play  *crashPlay
	group *mls.Group // in memory: gone when it is killed
	runs  int
	down  bool
	doing string   // the plan at hand
	told  []string // what the application was told, in all its runs
}

func newCrashPlay(t *testing.T, p crashParams) *crashPlay {
	play := &crashPlay{crashParams: p, t: t, crash: new(mlstest.Crash), service: newCrashService(p.relay),
		entitled: map[string][]string{}, secrets: map[framing.Epoch]ciphersuite.Secret{}, used: map[string][]byte{}}
	for _, name := range []string{"alice", "bob", "carol", "dave", "eve"} {
		m := &survivor{Party: mlstest.NewParty(t, testSuite, name), play: play}
		m.Params.Handshake = p.handshake
		m.Crash, m.BoxesInMemory = play.crash, p.inMemory
		play.members = append(play.members, m)
	}
	return play
}

func (p *crashPlay) member(name string) *survivor {
	return p.members[slices.IndexFunc(p.members, func(m *survivor) bool { return m.Name == name })]
}

func (p *crashPlay) problem(format string, args ...any) {
	p.problems = append(p.problems, fmt.Sprintf(format, args...))
}

// story returns what is played, in scenes after which nothing is left to do.
func story() []func(*crashPlay) {
	return []func(*crashPlay){
		func(p *crashPlay) {
			p.plan("alice", "create", p.create)
			for _, name := range []string{"bob", "carol", "eve"} {
				p.plan(name, "publish", (*survivor).publish)
			}
			p.plan("alice", "invite", invite("bob", "carol"))
		},
		func(p *crashPlay) {
			p.hold = true
			p.say("alice", "bob", "bob")
			p.hold = false
		},
		func(p *crashPlay) {
			p.plan("carol", "propose", func(m *survivor) {
				m.take()(m.group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, m.Signer))
			})
		},
		func(p *crashPlay) { p.plan("bob", "commit", renew) },
		(*crashPlay).race,
		func(p *crashPlay) {
			p.plan("alice", "renew", renew)
			p.say("eve", "carol") // before they know of a new epoch
		},
		func(p *crashPlay) {
			p.plan("alice", "describe", (*survivor).describe)
			p.plan("dave", "enter", (*survivor).enter)
		},
		func(p *crashPlay) { p.say("dave", "alice") },
		func(p *crashPlay) {
			p.plan("carol", "leave", func(m *survivor) {
				m.take()(m.group.Propose(&framing.Remove{Removed: m.group.OwnLeaf()}, mls.ProposeParams{}, m.Signer))
			})
		},
		func(p *crashPlay) { p.plan("alice", "let go", renew) },
		func(p *crashPlay) {
			p.refused("bob", func() { p.plan("bob", "commit in vain", renew) })
			p.say("bob") // in the same epoch
		},
		func(p *crashPlay) {
			p.plan("alice", "describe again", (*survivor).describe)
			p.refused("eve", func() { p.plan("eve", "come back in vain", (*survivor).comeBack) })
			p.plan("eve", "come back", (*survivor).comeBack)
		},
		func(p *crashPlay) { p.say("alice", "bob", "dave", "eve") },
	}
}

// run plays the scenes that are left.
func (p *crashPlay) run() {
	for scenes := story(); p.scene < len(scenes); p.scene++ {
		if p.crash.At == 0 {
			p.before = append(p.before, p.fork(0))
		}
		scenes[p.scene](p)
		p.settle()
	}
	p.check()
}

// forkBefore returns a play in which somebody is killed at a point. It begins with the scene of that point, for up to there
// it is as p was.
func (p *crashPlay) forkBefore(at int) *crashPlay {
	k := len(p.before) - 1
	for p.before[k].crash.Passed >= at {
		k--
	}
	return p.before[k].fork(at)
}

// fork returns the play as it is between two scenes, to go on by itself. All members begin another run.
func (p *crashPlay) fork(at int) *crashPlay {
	q := *p
	q.crash = &mlstest.Crash{At: at, Passed: p.crash.Passed}
	q.entitled, q.secrets, q.used = maps.Clone(p.entitled), maps.Clone(p.secrets), maps.Clone(p.used)
	q.problems, q.before, q.members = slices.Clone(p.problems), nil, nil
	q.service = p.service.fork()
	for _, m := range p.members {
		n, party := *m, *m.Party
		n.Party, n.play, n.Crash, n.told = &party, &q, q.crash, slices.Clone(m.told)
		q.restart(&n)
		q.members = append(q.members, &n)
	}
	return &q
}

// race lets alice and bob commit at the same time, alice to renew her keys and bob to add eve, and again until both have
// what they want.
func (p *crashPlay) race() {
	var before []byte
	if alice := p.member("alice"); alice.group != nil {
		before = alice.leafKey()
	}
	for turn := range 3 {
		alice, bob := p.member("alice"), p.member("bob")
		if alice.group == nil || bob.group == nil {
			p.problem("no race: alice or bob is in no group")
			return
		}
		if bytes.Equal(before, alice.leafKey()) {
			p.plan("alice", fmt.Sprintf("race %d", turn), renew)
		}
		if !bob.knows("eve") {
			p.plan("bob", fmt.Sprintf("race %d", turn), invite("eve"))
		}
		p.settle()
	}
	if !p.member("bob").knows("eve") {
		p.problem("eve was not added")
	}
}

// refused does something while the service refuses the commits of a member.
func (p *crashPlay) refused(name string, do func()) {
	p.service.refuses = name
	do()
	p.settle()
	p.service.refuses = ""
}

// plan lets a member do something until it has noted that it did.
func (p *crashPlay) plan(name, what string, do func(*survivor)) {
	m := p.member(name)
	outside := slices.Contains([]string{"create", "publish", "enter"}, what)
	for range 3 {
		if m.down {
			p.settle()
		}
		if m.group == nil && !outside {
			p.problem("%s cannot %s: it is in no group", name, what)
			return
		}
		m.doing = "plan: " + what
		if m.Note(m.doing) != "" {
			return
		}
		p.live(m, func() {
			do(m)
			if !p.hold {
				m.mail()
			}
		})
		if m.Note(m.doing) != "" {
			return
		}
	}
	p.problem("%s did not %s", name, what)
}

// live lets a member do something in which it may be killed.
func (p *crashPlay) live(m *survivor, do func()) {
	if !p.crash.Run(do) {
		return
	}
	p.killed, p.point = m.Name, p.crash.Point
	m.group, m.down = nil, true
	if !p.late {
		p.restart(m)
		if !p.hold {
			m.mail()
		}
	}
}

// restart brings a member back, with what it stored.
func (p *crashPlay) restart(m *survivor) {
	m.runs++
	m.down = false
	m.Restart()
	mlstest.Seed(&m.Params, fmt.Sprintf("%s, run %d", m.Name, m.runs))
	m.group = m.Load(p.t, crashGroup, m.Params)
	if !p.inMemory || m.group == nil {
		return
	}
	if pending := m.group.Pending(); pending != nil { // the old contract had this much
		m.post(mlstest.Parcel{Group: crashGroup, Outgoing: mls.Outgoing{Kind: mls.OutgoingCommit, Message: pending.Commit}})
	}
}

// settle lets all members work until nothing is left to do. Who was killed comes back, at the latest when all others are
// done.
func (p *crashPlay) settle() {
	for {
		busy := false
		for _, m := range p.members {
			for more := !m.down; more && !m.down; busy = busy || more {
				p.live(m, func() { more = m.turn() })
			}
		}
		if busy {
			continue
		}
		back := slices.IndexFunc(p.members, func(m *survivor) bool { return m.down })
		if back < 0 {
			return
		}
		p.restart(p.members[back])
	}
}

const crashGroup = "group"

func (p *crashPlay) create(m *survivor) {
	m.take()(mls.Create(mls.CreateParams{
		CipherSuite: testSuite, GroupID: []byte(crashGroup), Leaf: m.LeafParams, Lifetime: mlstest.Lifetime(), Params: m.Params}))
}

// say lets members encrypt data, for whoever is in the group with them then.
func (p *crashPlay) say(names ...string) {
	for _, name := range names {
		data := fmt.Sprintf("%s, line %d", name, len(p.entitled))
		p.plan(name, "say: "+data, func(m *survivor) {
			var to []string
			for i, leaf := range m.group.Members() {
				if i != m.group.OwnLeaf() {
					to = append(to, string(leaf.Credential.Identity))
				}
			}
			p.entitled[data] = to
			m.take()(m.group.Protect([]byte(data), mls.ProtectParams{}, m.Signer))
		})
	}
}

// invite commits to adding whoever published a KeyPackage under these names.
func invite(names ...string) func(*survivor) {
	return func(m *survivor) {
		c := mls.CommitParams{Now: mlstest.Now()}
		for _, name := range names {
			if k := m.play.service.published[name]; k != nil {
				c.Proposals = append(c.Proposals, &framing.Add{KeyPackage: k})
			}
		}
		m.take()(m.group.Commit(c, m.Signer))
	}
}

// renew commits to all that waits and to new keys.
func renew(m *survivor) {
	m.take()(m.group.Commit(mls.CommitParams{ForcePath: true, Now: mlstest.Now()}, m.Signer))
}

// describe publishes a GroupInfo.
func (m *survivor) describe() {
	info, err := m.group.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, m.Signer)
	m.expect("GroupInfo", err)
	m.play.service.info = info
	m.note()
}

// enter joins by the GroupInfo.
func (m *survivor) enter() {
	m.take()(mls.JoinExternal(mls.JoinExternalParams{
		GroupInfo: m.play.service.info, Leaf: m.LeafParams, Now: mlstest.Now(), Params: m.Params}))
}

// comeBack joins by the GroupInfo in the place of what the member was.
func (m *survivor) comeBack() {
	key, err := m.Suite.PublicKeyOf(m.Signer)
	m.expect("public key", err)
	m.take()(mls.JoinExternal(mls.JoinExternalParams{GroupInfo: m.play.service.info, Leaf: m.LeafParams, ResyncKey: key,
		Now: mlstest.Now(), Params: m.Params}))
}

// publish makes a KeyPackage, unless an earlier run did, and gives it away once it is stored.
func (m *survivor) publish() {
	if len(m.KeyPackages(m.play.t)) == 0 {
		m.Crash.Pass("before a KeyPackage is stored")
		m.KeepKeyPackage(m.play.t, m.KeyPackage(m.play.t))
	}
	m.Crash.Pass("before a KeyPackage is published")
	m.play.service.published[m.Name] = m.KeyPackages(m.play.t)[0].KeyPackage
	m.note()
}

// take returns a function that lets a Step of the plan at hand take effect.
func (m *survivor) take() func(*mls.Step, error) {
	return m.takeWith(mlstest.Note{Key: m.doing, Value: "done"})
}

func (m *survivor) takeWith(notes ...mlstest.Note) func(*mls.Step, error) {
	return func(step *mls.Step, err error) {
		if err != nil {
			m.play.problem("%s, %s: %v", m.Name, m.doing, err)
			return
		}
		m.Store.Take(m.play.t, &m.group, notes...)(step, nil)
		m.learn()
	}
}

// learn keeps what it takes to see who used which key in the epoch.
func (m *survivor) learn() {
	if s := inside.Reveal(m.group).Secrets; s != nil && !s.SenderDataSecret.IsZero() {
		m.play.secrets[m.group.Epoch()] = s.SenderDataSecret.Clone()
	}
}

func (m *survivor) leafKey() []byte {
	leaf, _ := m.group.Tree().Leaf(m.group.OwnLeaf())
	return leaf.EncryptionKey
}

func (m *survivor) knows(name string) bool {
	for _, leaf := range m.group.Members() {
		if string(leaf.Credential.Identity) == name {
			return true
		}
	}
	return false
}

// mail sends and delivers what waits.
func (m *survivor) mail() {
	m.Send(m.post)
	m.Deliver(m.tell)
}

// post hands a parcel to the service. A service that orders commits says which one counts.
func (m *survivor) post(p mlstest.Parcel) bool {
	m.play.checkKey(p.Message)
	m.play.service.sender[string(p.Message)] = m.Name
	refused := p.Kind == mls.OutgoingCommit && m.play.service.refuses == m.Name
	taken := !refused && m.play.service.post(p.Outgoing)
	pending := m.group.Pending()
	switch {
	case p.Kind != mls.OutgoingCommit || pending == nil || !bytes.Equal(pending.Commit, p.Message):
	case refused:
		m.takeWith()(m.group.Drop())
	case !m.play.relay && taken: // when another commit was taken, that one gives this one up
		m.takeWith()(m.group.Adopt())
	}
	return true
}

// tell plays the application. It writes a log with the removal from the inbox, and shows the same on a screen.
func (m *survivor) tell(r mlstest.Received) []mlstest.Note {
	line := ""
	switch e := r.Event.(type) {
	case *mls.ApplicationMessage:
		line = string(e.Data)
	case *mls.ProposalReceived:
		if !e.Again {
			line = fmt.Sprintf("%s proposes %v", e.From.Credential.Identity, e.Proposal.ProposalType())
		}
	case *mls.EpochChanged:
		line = fmt.Sprintf("epoch %d by leaf %d", e.Change.Epoch, e.Change.CommitterLeaf)
	case *mls.Removed:
		line = "removed"
	}
	if line == "" {
		return nil
	}
	m.told = append(m.told, line)
	return []mlstest.Note{{Key: "log", Value: m.Note("log") + line + "\n"}}
}

// turn does what a client does all the time: it sends what waits, takes the next message of the feed, acknowledges it to
// the service when it is stored, and delivers. It reports whether there was anything to do.
func (m *survivor) turn() bool {
	busy := len(m.Outbox())+len(m.Inbox()) > 0
	m.Send(m.post)
	if m.group == nil {
		return m.join() || busy
	}
	at := m.play.service.acknowledged[m.Name]
	if at >= len(m.play.service.feed) {
		m.Deliver(m.tell)
		return busy
	}
	position := fmt.Sprint(at)
	if !m.play.noted || m.Note("handled "+position) == "" {
		m.handle(position, m.play.service.feed[at])
	}
	m.Crash.Pass("before the acknowledgement")
	m.play.service.acknowledged[m.Name] = at + 1
	if !m.play.relay || at%3 == 0 { // or let some more come together
		m.Deliver(m.tell)
	}
	return true
}

// join looks for a Welcome.
func (m *survivor) join() bool {
	for _, k := range m.KeyPackages(m.play.t) {
		ref, err := k.KeyPackage.Ref(m.Suite)
		require.NoError(m.play.t, err)
		welcome := m.play.service.welcomes[string(ref)]
		if welcome == nil {
			continue
		}
		m.doing = "join"
		m.take()(mls.Join(mls.JoinParams{
			Welcome: welcome, KeyPackages: []*mls.OwnKeyPackage{k}, Now: mlstest.Now(), Params: m.Params}))
		return m.group != nil
	}
	return false
}

// handle handles a message of the feed.
func (m *survivor) handle(position string, message []byte) {
	m.doing = "handle " + position
	id := fmt.Sprintf("message %x", m.Suite.Hash(nil, message))
	step, err := m.group.Handle(mls.Input{Message: message, Now: mlstest.Now()})
	m.checkOutcome(message, m.Note(id) != "", outcome(step, err))
	if err == nil {
		m.takeWith(mlstest.Note{Key: "handled " + position, Value: "yes"}, mlstest.Note{Key: id, Value: "handled"})(step, nil)
	}
}

// outcomes tells for each kind of message what may come of it, as the documentation of this package does.
var outcomes = map[string][]string{
	"application":                {"ApplicationMessage", "ErrOldEpoch"}, // of before the member joined
	"proposal":                   {"ProposalReceived", "ErrOldEpoch"},
	"commit":                     {"EpochChanged", "Removed", "ErrOldEpoch"}, // another won
	"application again":          {"ErrReplay"},
	"public proposal again":      {"Again", "ErrOldEpoch"},
	"private proposal again":     {"ErrReplay", "ErrOldEpoch"},
	"commit again":               {"ErrOldEpoch", "ErrInactive"},
	"own application":            {"Echo"},
	"own public proposal":        {"Echo", "ErrOldEpoch"},
	"own private proposal":       {"Echo", "ErrOldEpoch"},
	"own commit":                 {"EpochChanged", "Echo", "ErrOldEpoch"}, // adopted by it, or before, or given up
	"own application again":      {"Echo"},
	"own public proposal again":  {"Echo", "ErrOldEpoch"},
	"own private proposal again": {"Echo", "ErrOldEpoch"},
	"own commit again":           {"Echo", "ErrOldEpoch"},
}

// checkOutcome compares what came of a message with what the documentation says; again says that the member has handled
// the same bytes before.
func (m *survivor) checkOutcome(message []byte, again bool, outcome string) {
	info, err := mls.Peek(message)
	require.NoError(m.play.t, err)
	kind := info.ContentType.String()
	own := m.play.service.sender[string(message)] == m.Name
	if info.ContentType == framing.ContentTypeProposal && (own || again) {
		kind = map[framing.WireFormat]string{framing.WireFormatPublicMessage: "public ",
			framing.WireFormatPrivateMessage: "private "}[info.WireFormat] + kind
	}
	if own {
		kind = "own " + kind
	}
	if again {
		kind += " again"
	}
	removed := m.group.Status() == mls.StatusRemoved && (outcome == "ErrInactive" || outcome == "ErrFutureEpoch")
	if !removed && !slices.Contains(outcomes[kind], outcome) {
		m.play.problem("%s, %s: %s gave %s", m.Name, m.doing, kind, outcome)
	}
}

// outcome returns what Handle made of a message.
func outcome(step *mls.Step, err error) string {
	for name, known := range map[string]error{"ErrReplay": mls.ErrReplay, "ErrOldEpoch": mls.ErrOldEpoch,
		"ErrInactive": mls.ErrInactive, "ErrFutureEpoch": mls.ErrFutureEpoch} {
		if errors.Is(err, known) {
			return name
		}
	}
	if err != nil || len(step.Events) == 0 {
		return fmt.Sprint(err)
	}
	if p, ok := step.Events[0].(*mls.ProposalReceived); ok && p.Again {
		return "Again"
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", step.Events[0]), "*mls.")
}

// note notes the plan at hand, when it is not done by a Step.
func (m *survivor) note() { m.Write(mlstest.Note{Key: m.doing, Value: "done"}) }

func (m *survivor) expect(what string, err error) {
	if err != nil {
		m.play.problem("%s, %s: %v", m.Name, what, err)
	}
}

// checkKey looks under which key a private message is encrypted, and whether another one was.
func (p *crashPlay) checkKey(message []byte) {
	var m framing.Message
	require.NoError(p.t, framing.Unmarshal(message, &m))
	private, ok := m.Body.(*framing.PrivateMessage)
	if !ok {
		return
	}
	sender, err := private.OpenSenderData(p.members[0].Suite, p.secrets[private.Epoch])
	require.NoError(p.t, err)
	key := fmt.Sprint(private.Epoch, sender.LeafIndex, keyschedule.RatchetFor(private.ContentType), sender.Generation)
	if before := p.used[key]; before != nil && !bytes.Equal(before, message) {
		p.problem("a key is used twice: epoch, leaf, ratchet and generation %s", key)
	}
	p.used[key] = message
}

// lost lists the application messages that a member was entitled to and did not get.
func (p *crashPlay) lost() (out []string) {
	for _, data := range slices.Sorted(maps.Keys(p.entitled)) {
		for _, name := range p.entitled[data] {
			if !slices.Contains(p.member(name).told, data) {
				out = append(out, fmt.Sprintf("%s did not get %q", name, data))
			}
		}
	}
	return out
}

// check compares all members at the end.
func (p *crashPlay) check() {
	var want string
	for _, m := range p.members {
		if m.Name == "carol" {
			if m.group != nil && m.group.Status() != mls.StatusRemoved {
				p.problem("carol is still in")
			}
			continue
		}
		if m.group == nil {
			p.problem("%s is in no group", m.Name)
			continue
		}
		authenticator, err := m.group.EpochAuthenticator()
		m.expect("authenticator", err)
		have := fmt.Sprintf("epoch %d, tree %x, authenticator %x", m.group.Epoch(), m.group.Tree().Hash(), authenticator)
		if want == "" {
			want = have
		}
		if want != have {
			p.problem("%s: %s, not %s", m.Name, have, want)
		}
		if len(m.Outbox())+len(m.Inbox()) > 0 {
			p.problem("%s has something left", m.Name)
		}
		if m.Name == "eve" && m.group.OwnLeaf() != 2 {
			p.problem("eve is at leaf %d, and not where carol was", m.group.OwnLeaf())
		}
	}
}

// requireSameStory compares what the applications were told with a play in which nobody was killed. It returns how many
// events were told twice: at most one, and only when the kill came between delivery and removal.
func (p *crashPlay) requireSameStory(calm *crashPlay, what string) (twice int) {
	for i, m := range p.members {
		log := strings.Split(strings.TrimSuffix(m.Note("log"), "\n"), "\n")
		again := len(m.told) - len(log)
		require.GreaterOrEqual(p.t, again, 0, what)
		require.LessOrEqual(p.t, again, twiceBy(p, m), what)
		twice += again
		once := slices.Compact(slices.Clone(m.told))
		require.Equal(p.t, log, once, "%s: %s", what, m.Name)
		if !p.late {
			require.Equal(p.t, calm.members[i].told, once, "%s: %s", what, m.Name)
		}
	}
	return twice
}

// twiceBy returns how many events a member's application may see twice.
func twiceBy(p *crashPlay, m *survivor) int {
	if p.killed == m.Name && p.point == "after delivery, before the removal" {
		return 1
	}
	return 0
}

// crashService is a delivery service: it keeps one feed for all, and hands out KeyPackages and Welcomes.
type crashService struct {
	relay        bool
	feed         [][]byte
	acknowledged map[string]int // by member
	taken        map[framing.Epoch][]byte
	welcomes     map[string][]byte // by KeyPackage
	published    map[string]*framing.KeyPackage
	info         []byte
	refuses      string            // a member whose commits it does not take
	sender       map[string]string // of each message, for the test
}

func newCrashService(relay bool) *crashService {
	return &crashService{relay: relay, acknowledged: map[string]int{}, taken: map[framing.Epoch][]byte{},
		welcomes: map[string][]byte{}, published: map[string]*framing.KeyPackage{}, sender: map[string]string{}}
}

// fork copies the service.
func (s *crashService) fork() *crashService {
	return &crashService{s.relay, slices.Clone(s.feed), maps.Clone(s.acknowledged), maps.Clone(s.taken),
		maps.Clone(s.welcomes), maps.Clone(s.published), s.info, s.refuses, maps.Clone(s.sender)}
}

// post takes a message, and reports whether it did. Copies of other messages than commits go out once more.
func (s *crashService) post(out mls.Outgoing) bool {
	if out.Kind == mls.OutgoingWelcome {
		for _, to := range out.To {
			s.welcomes[string(to)] = out.Message
		}
		return true
	}
	if out.Kind == mls.OutgoingCommit && !s.relay {
		info, err := mls.Peek(out.Message)
		if err != nil {
			return false
		}
		if first := s.taken[info.Epoch]; first != nil {
			return bytes.Equal(first, out.Message)
		}
		s.taken[info.Epoch] = out.Message
	}
	s.feed = append(s.feed, out.Message)
	return true
}
