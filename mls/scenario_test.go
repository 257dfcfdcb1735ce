package mls_test

import (
	"crypto"
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
// indented lines are what comes of the line above, and the others are what happens; see theatre.play for what can.
// Rewrite the indented lines with go test ./mls -run Scenarios -update, and read what changed.
func TestScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/scenarios/*.txt")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 11)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			script, err := os.ReadFile(file)
			require.NoError(t, err)
			for _, cs := range ciphersuite.All() {
				if strings.Contains(string(script), cs.String()) && !slices.Contains(ciphersuite.Supported(), cs) {
					t.Skipf("SKIPPED: the scenario needs %v, which this build lacks", cs)
				}
			}
			th := newTheatre(t)
			for line := range strings.Lines(string(script)) {
				if strings.HasPrefix(line, " ") {
					continue // a trace
				}
				th.out.WriteString(line)
				if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
					th.play(line)
				}
			}
			if *updateScenarios {
				require.NoError(t, os.WriteFile(file, th.out.Bytes(), 0o644))
			}
			require.Equal(t, string(script), th.out.String(), "run with -update if this is right")
		})
	}
}

// play does what a line says: "NAME VERB REST", or one of the lines without a name.
func (th *theatre) play(line string) {
	name, rest, _ := strings.Cut(line, " ")
	verb, rest, _ := strings.Cut(rest, " ")
	switch name {
	case "deliver": // everything that was sent
		th.deliver()
		th.agree()
	case "hold": // what was sent and not delivered is on its way for longer
		th.held, th.queue = append(th.held, th.queue...), nil
	case "release": // and arrives now
		th.queue, th.held = append(th.queue, th.held...), nil
		th.deliver()
	case "repeat": // what is held arrives, and will once more
		th.queue = append(th.queue, th.held...)
		th.deliver()
	case "in": // another group that was created
		th.scene = verb
	case "private": // handshake messages travel as PrivateMessages from now on
		th.params.Handshake = mls.HandshakePrivateOnly
	case "secret": // all know an external PSK
		th.psks = append(th.psks, mls.PSK{ID: mls.ExternalPSKID([]byte(verb)), Secret: ciphersuite.NewSecret([]byte("secret " + verb))})
	case "gate": // the external sender
		th.propose("gate", rest)
	default:
		th.act(name, verb, strings.Fields(strings.ReplaceAll(rest, ",", " ")), rest)
	}
}

// act lets a client do something in the group at hand.
func (th *theatre) act(name, verb string, words []string, rest string) {
	switch verb {
	case "creates": // a group
		th.create(name, rest, nil)
	case "proposes": // add NAME, remove NAME, update, psk ID, extension TEXT, custom TEXT, reinit GROUP
		th.propose(name, rest)
	case "asks": // to be added
		th.askIn(name)
	case "commits": // what waits
		th.commit(name, "a commit", mls.CommitParams{})
	case "updates": // its path, beside what waits
		th.commit(name, "an update", mls.CommitParams{ForcePath: true})
	case "renames": // itself, in its credential, with a new signature key
		th.rename(name, rest)
	case "adds", "removes":
		th.commit(name, "a commit that "+verb+" "+rest, mls.CommitParams{Proposals: th.byName(verb, words), References: []framing.ProposalRef{}})
	case "says":
		s, err := th.group(name).Protect([]byte(rest), mls.ProtectParams{}, th.by(name))
		if err != nil {
			th.tell("%s cannot speak: %v", name, err)
			return
		}
		th.take(name, s, fmt.Sprintf("%q", rest))
	case "joins", "resyncs": // with the help of the member of a name, by external commit
		th.joinExternally(name, words[len(words)-1], verb == "resyncs")
	case "leaves": // for a while: what is sent waits
		th.role(name).away = true
	case "returns": // and reads what waits
		r := th.role(name)
		r.away = false
		waiting := r.waiting
		r.waiting = nil
		for _, p := range waiting {
			th.reach(name, p)
		}
	case "draws": // the tree
		th.draw(name)
	case "branches": // into GROUP with NAMES; follows: the reinitialized group with NAMES
		th.follow(name, words[1], words[3:])
	case "follows":
		th.follow(name, words[0], words[2:])
	default:
		th.t.Fatalf("unknown line: %s %s %s", name, verb, rest)
	}
}

// by is the signer of a role's present leaf.
func (th *theatre) by(name string) crypto.Signer {
	g := th.group(name)
	return th.role(name).signers[string(g.Tree().SignatureKey(g.OwnLeaf()))]
}

// create makes a group, with the gate as external sender.
func (th *theatre) create(name, id string, successorOf *mls.Group) {
	r := th.role(name)
	key, err := r.Suite.PublicKeyOf(th.gate)
	require.NoError(th.t, err)
	senders, err := framing.NewExtension(&framing.ExternalSenders{
		{SignatureKey: key, Credential: framing.BasicCredential([]byte("gate"))}})
	require.NoError(th.t, err)
	p := mls.CreateParams{CipherSuite: 1, GroupID: []byte(id), Leaf: r.LeafParams, Lifetime: mlstest.Lifetime(),
		Extensions: framing.Extensions{senders}, Successor: successorOf, Params: r.Params}
	if successorOf != nil && successorOf.Status() == mls.StatusReInitialized {
		p.CipherSuite, p.Extensions = 0, nil // what was announced
	}
	s, err := mls.Create(p)
	require.NoError(th.t, err)
	th.scene = id
	r.groups[id] = s.Next
	th.tell("%s is alone in %q with %v", name, id, s.Next.Suite().CipherSuite())
}

// keyPackage is a fresh KeyPackage of a client, by which somebody is going to add it.
func (th *theatre) keyPackage(name string, cs ciphersuite.CipherSuite) *framing.KeyPackage {
	r := th.role(name)
	c := *r.Client
	c.Suite = mlstest.Suite(th.t, cs)
	k := c.KeyPackage(th.t)
	th.invited[name] = k
	return k.KeyPackage
}

// byName are proposals about clients of the group at hand.
func (th *theatre) byName(verb string, names []string) (list []framing.Proposal) {
	for _, name := range names {
		if strings.HasPrefix(verb, "add") {
			list = append(list, &framing.Add{KeyPackage: th.keyPackage(name, 1)})
		} else {
			list = append(list, &framing.Remove{Removed: th.group(name).OwnLeaf()})
		}
	}
	return list
}

// propose lets a member, or the gate, propose what words say.
func (th *theatre) propose(name, words string) {
	what, rest, _ := strings.Cut(words, " ")
	params := mls.ProposeParams{Now: mlstest.Now()}
	if what == "update" {
		s, err := th.group(name).ProposeUpdate(mls.LeafUpdate{}, params, th.by(name))
		require.NoError(th.t, err)
		th.take(name, s, "the proposal to update")
		return
	}
	var p framing.Proposal
	switch what {
	case "add", "remove":
		p = th.byName(what, []string{rest})[0]
	case "psk":
		p = &framing.PreSharedKey{PSK: mls.ExternalPSKID([]byte(rest))}
	case "extension":
		p = &framing.GroupContextExtensions{Extensions: framing.Extensions{{Type: worldExtension, Data: []byte(rest)}}}
	case "custom":
		p = &framing.CustomProposal{Type: worldProposal, Data: []byte(rest)}
	case "reinit":
		p = &framing.ReInit{GroupID: []byte(rest), Version: framing.MLS10, CipherSuite: 3}
	default:
		th.t.Fatalf("unknown proposal: %s", words)
	}
	if name != "gate" {
		s, err := th.group(name).Propose(p, params, th.by(name))
		require.NoError(th.t, err)
		th.take(name, s, "the proposal to "+words)
		return
	}
	message, err := th.observer().Propose(p, 0, params, th.gate)
	require.NoError(th.t, err)
	th.queue = append(th.queue, parcel{scene: th.scene, message: message, from: name, what: "the proposal to " + words})
}

// observer sees the group at hand as it is now.
func (th *theatre) observer() *mls.Observer {
	for _, name := range slices.Sorted(maps.Keys(th.roles)) {
		if g := th.roles[name].groups[th.scene]; g != nil && g.Status() == mls.StatusActive && !th.roles[name].away {
			info, err := g.GroupInfo(mls.GroupInfoParams{}, th.by(name))
			require.NoError(th.t, err)
			s, err := mls.Observe(mls.ObserveParams{GroupInfo: info})
			require.NoError(th.t, err)
			return s.Next
		}
	}
	th.t.Fatalf("nobody is in %s", th.scene)
	return nil
}

// askIn lets a newcomer propose to be added.
func (th *theatre) askIn(name string) {
	k := th.keyPackage(name, 1)
	message, err := th.observer().ProposeSelf(k, mls.ProposeParams{Now: mlstest.Now()}, th.role(name).Signer)
	require.NoError(th.t, err)
	th.queue = append(th.queue, parcel{scene: th.scene, message: message, from: name, what: "the wish to be added"})
}

// commit lets a member commit, and tells what it leaves out.
func (th *theatre) commit(name, what string, c mls.CommitParams) {
	c.Now, c.PSKs = mlstest.Now(), th.psks
	s, err := th.group(name).Commit(c, th.by(name))
	if err != nil {
		th.tell("%s cannot commit: %v", name, err)
		return
	}
	for _, left := range s.Left {
		th.tell("%s leaves a proposal out: %s", name, left.Reason)
	}
	th.take(name, s, what)
}

// rename gives a member another credential and signature key, by a commit.
func (th *theatre) rename(name, to string) {
	signer, err := th.role(name).Suite.GenerateSigner(mlstest.Rand("signer of " + to))
	require.NoError(th.t, err)
	th.role(name).own(th.t, signer)
	credential := framing.BasicCredential([]byte(to))
	th.commit(name, "a commit with a new name", mls.CommitParams{Leaf: mls.LeafUpdate{Credential: &credential, Signer: signer}})
}

// joinExternally lets a client join by the GroupInfo that a member gives it.
func (th *theatre) joinExternally(name, helper string, resync bool) {
	info, err := th.group(helper).GroupInfo(mls.GroupInfoParams{ExternalPub: true}, th.by(helper))
	require.NoError(th.t, err)
	r := th.role(name)
	p := mls.JoinExternalParams{GroupInfo: info, Leaf: r.LeafParams, Now: mlstest.Now(), Params: r.Params}
	if resync {
		i := th.group(name).OwnLeaf()
		p.Resync = &i
	}
	s, err := mls.JoinExternal(p)
	require.NoError(th.t, err)
	th.take(name, s, "an external commit")
	th.queue[len(th.queue)-1].epoch-- // it is made in the epoch before the one that it leads to
}

// follow lets a member make the successor of the group at hand, and add others of it.
func (th *theatre) follow(name, id string, others []string) {
	th.create(name, id, th.group(name))
	c := mls.CommitParams{}
	for _, other := range others {
		k := th.keyPackage(strings.Trim(other, ","), th.group(name).Suite().CipherSuite())
		c.Proposals = append(c.Proposals, &framing.Add{KeyPackage: k})
	}
	th.commit(name, "the first commit", c)
}
