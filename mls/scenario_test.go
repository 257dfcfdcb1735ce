package mls_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

var updateScenarios = flag.Bool("update", false, "write the traces of the scenarios anew")

// TestScenarios plays the scenarios of testdata/scenarios. In these files, lines that begin with # are comments,
// indented lines are what comes of the line above, and the others are what happens; see scenario.play for what can.
// Rewrite the indented lines with go test ./mls -run Scenarios -update, and read what changed.
func TestScenarios(t *testing.T) {
	files := must(filepath.Glob("testdata/scenarios/*.txt"))
	require.GreaterOrEqual(t, len(files), 11)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			script := must(os.ReadFile(file))
			for _, cs := range ciphersuite.All() {
				if strings.Contains(string(script), cs.String()) && !slices.Contains(ciphersuite.Supported(), cs) {
					t.Skipf("SKIPPED: the scenario needs %v, which this build lacks", cs)
				}
			}
			sc := newScenario(t)
			for line := range strings.Lines(string(script)) {
				if strings.HasPrefix(line, " ") {
					continue // a trace
				}
				sc.out.WriteString(line)
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
					sc.play(line)
				}
			}
			if *updateScenarios {
				require.NoError(t, os.WriteFile(file, sc.out.Bytes(), 0o644))
			}
			require.Equal(t, string(script), sc.out.String(), "run with -update if this is right")
		})
	}
}

// play does what a line says: "NAME VERB REST", or one of the lines without a name.
func (sc *scenario) play(line string) {
	name, rest, _ := strings.Cut(line, " ")
	verb, rest, _ := strings.Cut(rest, " ")
	switch name {
	case "deliver": // everything that was sent
		sc.deliver()
		sc.agree()
	case "hold": // what was sent and not delivered is on its way for longer
		sc.held, sc.queue = append(sc.held, sc.queue...), nil
	case "release": // and arrives now
		sc.queue, sc.held = append(sc.queue, sc.held...), nil
		sc.deliver()
	case "repeat": // what is held arrives, and will once more
		sc.queue = append(sc.queue, sc.held...)
		sc.deliver()
	case "in": // another group that was created
		sc.at = verb
	case "private": // handshake messages travel as PrivateMessages from now on
		sc.params.Handshake = mls.HandshakePrivateOnly
	case "secret": // all know an external PSK
		sc.psks = append(sc.psks, mls.PSK{ID: mls.ExternalPSKID([]byte(verb)), Secret: ciphersuite.NewSecret([]byte("secret " + verb))})
	case "gate": // the external sender
		sc.propose("gate", rest)
	default:
		sc.act(name, verb, strings.Fields(strings.ReplaceAll(rest, ",", " ")), rest)
	}
}

// act lets a client do something in the group at hand.
func (sc *scenario) act(name, verb string, words []string, rest string) {
	switch verb {
	case "creates": // a group
		sc.create(name, rest, nil)
	case "proposes": // add NAME, remove NAME, update, psk ID, extension TEXT, custom TEXT, reinit GROUP
		sc.propose(name, rest)
	case "asks": // to be added
		sc.askIn(name)
	case "commits": // what waits
		sc.commit(name, "a commit", mls.CommitParams{})
	case "updates": // its path, beside what waits
		sc.commit(name, "an update", mls.CommitParams{ForcePath: true})
	case "renames": // itself, in its credential, with a new signature key
		sc.rename(name, rest)
	case "adds", "removes":
		sc.commit(name, "a commit that "+verb+" "+rest, mls.CommitParams{Proposals: sc.byName(verb, words), References: []framing.ProposalRef{}})
	case "says":
		s, err := sc.member(name).Group.Protect([]byte(rest), mls.ProtectParams{}, sc.member(name).By())
		if err != nil {
			sc.tell("%s cannot speak: %v", name, err)
			return
		}
		sc.take(name, s, fmt.Sprintf("%q", rest))
	case "joins", "resyncs": // with the help of the member of a name, by external commit
		sc.joinExternally(name, words[len(words)-1], verb == "resyncs")
	case "leaves": // for a while: what is sent waits
		sc.client(name).away = true
	case "returns": // and reads what waits
		c := sc.client(name)
		waiting := c.waiting
		c.away, c.waiting = false, nil
		for _, p := range waiting {
			sc.reach(name, p)
		}
	case "draws": // the tree
		sc.draw(name)
	case "branches": // into GROUP with NAMES; follows: the reinitialized group with NAMES
		sc.follow(name, words[1], words[3:])
	case "follows":
		sc.follow(name, words[0], words[2:])
	default:
		sc.t.Fatalf("unknown line: %s %s %s", name, verb, rest)
	}
}

// create makes a group, with the gate as external sender.
func (sc *scenario) create(name, id string, successorOf *mls.Group) {
	c := sc.client(name)
	key := must(c.Suite.PublicKeyOf(sc.gate))
	senders := must(framing.NewExtension(&framing.ExternalSenders{
		{SignatureKey: key, Credential: framing.BasicCredential([]byte("gate"))}}))
	p := mls.CreateParams{CipherSuite: 1, GroupID: []byte(id), Leaf: c.LeafParams, Lifetime: mlstest.Lifetime(),
		Extensions: framing.Extensions{senders}, Successor: successorOf, Params: c.Params}
	if successorOf != nil && successorOf.Status() == mls.StatusReInitialized {
		p.CipherSuite, p.Extensions = 0, nil // what was announced
	}
	s := must(mls.Create(p))
	sc.at = id
	sc.enters(name, s)
	sc.tell("%s is alone in %q with %v", name, id, s.Next.Suite().CipherSuite())
}

// keyPackage returns a fresh KeyPackage of a client, by which somebody is going to add it.
func (sc *scenario) keyPackage(name string, cs ciphersuite.CipherSuite) *framing.KeyPackage {
	c := *sc.client(name).Party
	c.Suite = mlstest.Suite(sc.t, cs)
	k := c.KeyPackage(sc.t)
	sc.invited[name] = k
	return k.KeyPackage
}

// byName returns proposals about clients of the group at hand.
func (sc *scenario) byName(verb string, names []string) (list []framing.Proposal) {
	for _, name := range names {
		if strings.HasPrefix(verb, "add") {
			list = append(list, &framing.Add{KeyPackage: sc.keyPackage(name, 1)})
		} else {
			list = append(list, &framing.Remove{Removed: sc.member(name).Group.OwnLeaf()})
		}
	}
	return list
}

// propose lets a member, or the gate, propose what words say.
func (sc *scenario) propose(name, words string) {
	what, rest, _ := strings.Cut(words, " ")
	params := mls.ProposeParams{Now: mlstest.Now()}
	if what == "update" {
		s := must(sc.member(name).Group.ProposeUpdate(mls.LeafUpdate{}, params, sc.member(name).By()))
		sc.take(name, s, "the proposal to update")
		return
	}
	var p framing.Proposal
	switch what {
	case "add", "remove":
		p = sc.byName(what, []string{rest})[0]
	case "psk":
		p = &framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte(rest))}
	case "extension":
		p = &framing.GroupContextExtensions{Extensions: framing.Extensions{{Type: worldExtension, Data: []byte(rest)}}}
	case "custom":
		p = &framing.CustomProposal{Type: worldProposal, Data: []byte(rest)}
	case "reinit":
		p = &framing.ReInit{GroupID: []byte(rest), Version: framing.MLS10, CipherSuite: 3}
	default:
		sc.t.Fatalf("unknown proposal: %s", words)
	}
	if name != "gate" {
		s := must(sc.member(name).Group.Propose(p, params, sc.member(name).By()))
		sc.take(name, s, "the proposal to "+words)
		return
	}
	message := must(sc.observer().Propose(p, 0, params, sc.gate))
	sc.queue = append(sc.queue, parcel{group: sc.at, message: message, from: name, what: "the proposal to " + words})
}

// observer sees the group at hand as it is now.
func (sc *scenario) observer() *mls.Observer {
	for _, name := range slices.Sorted(maps.Keys(sc.clients)) {
		if c := sc.client(name); c.groups[sc.at] != nil && c.groups[sc.at].Group.Status() == mls.StatusActive && !c.away {
			return c.groups[sc.at].Observe()
		}
	}
	sc.t.Fatalf("nobody is in %s", sc.at)
	return nil
}

// askIn lets a newcomer propose to be added.
func (sc *scenario) askIn(name string) {
	k := sc.keyPackage(name, 1)
	message := must(sc.observer().ProposeSelf(k, mls.ProposeParams{Now: mlstest.Now()}, sc.client(name).Signer))
	sc.queue = append(sc.queue, parcel{group: sc.at, message: message, from: name, what: "the wish to be added"})
}

// commit lets a member commit, and tells what it leaves out.
func (sc *scenario) commit(name, what string, c mls.CommitParams) {
	c.Now, c.PSKs = mlstest.Now(), sc.psks
	s, err := sc.member(name).Group.Commit(c, sc.member(name).By())
	if err != nil {
		sc.tell("%s cannot commit: %v", name, err)
		return
	}
	for _, left := range s.Left {
		sc.tell("%s leaves a proposal out: %s", name, left.Reason)
	}
	sc.take(name, s, what)
}

// rename gives a member another credential and signature key, by a commit.
func (sc *scenario) rename(name, to string) {
	signer := must(sc.client(name).Suite.GenerateSigner(mlstest.Rand("signer of " + to)))
	sc.member(name).Own(signer)
	credential := framing.BasicCredential([]byte(to))
	sc.commit(name, "a commit with a new name", mls.CommitParams{Leaf: mls.LeafUpdate{Credential: &credential, Signer: signer}})
}

// joinExternally lets a client join by the GroupInfo that a member gives it.
func (sc *scenario) joinExternally(name, helper string, resync bool) {
	p := sc.client(name).ByGroupInfo(sc.member(helper).Info())
	if resync {
		i := sc.member(name).Group.OwnLeaf()
		p.Resync = &i
	}
	s := must(mls.JoinExternal(p))
	sc.enters(name, s)
	sc.take(name, s, "an external commit")
	sc.queue[len(sc.queue)-1].epoch-- // it is made in the epoch before the one that it leads to
}

// follow lets a member make the successor of the group at hand, and add others of it.
func (sc *scenario) follow(name, id string, others []string) {
	sc.create(name, id, sc.member(name).Group)
	c := mls.CommitParams{}
	for _, other := range others {
		k := sc.keyPackage(strings.Trim(other, ","), sc.member(name).Group.Suite().CipherSuite())
		c.Proposals = append(c.Proposals, &framing.Add{KeyPackage: k})
	}
	sc.commit(name, "the first commit", c)
}
