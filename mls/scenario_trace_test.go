package mls_test

import (
	"bytes"
	"crypto"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
	"github.com/copse-mls/copse/treekem"
)

// scenario is what a script of testdata/scenarios is about: clients by name, the groups that they are in, and the
// delivery service between them, which takes the first commit of each epoch and refuses the others.
type scenario struct {
	t       *testing.T
	out     *bytes.Buffer // the trace
	params  mls.Params
	at      string // the group at hand
	clients map[string]*client
	gate    crypto.Signer // an external sender
	psks    mls.PSKs
	queue   []parcel // what was sent and not delivered
	held    []parcel // what is on its way for longer
	taken   map[string]bool
	invited map[string]*mls.OwnKeyPackage // by the name of the client
}

// client is somebody with its view of each group that it is or was in.
type client struct {
	*mlstest.Party
	groups  map[string]*mlstest.Member
	away    bool
	waiting []parcel
}

// parcel is a message on its way to the members of a group.
type parcel struct {
	group   string
	message []byte
	from    string
	commit  bool
	epoch   framing.Epoch
	what    string
}

func newScenario(t *testing.T) *scenario {
	gate := must(mlstest.Suite(t, 1).GenerateSigner(mlstest.Rand("gate")))
	return &scenario{t: t, out: new(bytes.Buffer), clients: map[string]*client{}, gate: gate, taken: map[string]bool{},
		invited: map[string]*mls.OwnKeyPackage{}}
}

// tell writes a line of the trace.
func (sc *scenario) tell(format string, args ...any) {
	fmt.Fprintf(sc.out, "    "+format+"\n", args...)
}

// client returns the client of a name.
func (sc *scenario) client(name string) *client {
	c := sc.clients[name]
	if c == nil {
		c = &client{Party: mlstest.NewParty(sc.t, 1, name), groups: map[string]*mlstest.Member{}}
		c.Capabilities.Extensions = []framing.ExtensionType{worldExtension}
		c.Capabilities.Proposals = []framing.ProposalType{worldProposal}
		c.Capabilities.CipherSuites = []ciphersuite.CipherSuite{1, 3}
		c.Params.Handshake = sc.params.Handshake
		sc.clients[name] = c
	}
	return c
}

// member returns a client in the group at hand.
func (sc *scenario) member(name string) *mlstest.Member {
	m := sc.client(name).groups[sc.at]
	require.NotNil(sc.t, m, "%s is not in %s", name, sc.at)
	m.PSKs = sc.psks
	return m
}

// enters makes a client a member of the group at hand.
func (sc *scenario) enters(name string, s *mls.Step) *mlstest.Member {
	c := sc.client(name)
	c.groups[sc.at] = c.Member(sc.t, s.Next)
	return c.groups[sc.at]
}

// take lets a Step take effect for a client, and sends what it has to send.
func (sc *scenario) take(name string, s *mls.Step, what string) {
	for _, out := range sc.member(name).Take(s, nil).Send {
		if out.Kind == mls.OutgoingWelcome {
			sc.welcome(name, out)
			continue
		}
		sc.queue = append(sc.queue, parcel{sc.at, out.Message, name, out.Kind == mls.OutgoingCommit, s.Next.Epoch(), what})
	}
}

// welcome lets those join whom a Welcome is for, in the order of their leaves.
func (sc *scenario) welcome(from string, out mls.Outgoing) {
	for _, name := range slices.Sorted(maps.Keys(sc.invited)) {
		c, k := sc.client(name), sc.invited[name]
		ref := must(k.KeyPackage.Ref(mlstest.Suite(sc.t, k.KeyPackage.CipherSuite)))
		if !slices.ContainsFunc(out.To, func(to framing.KeyPackageRef) bool { return bytes.Equal(to, ref) }) {
			continue
		}
		delete(sc.invited, name)
		p := c.ByWelcome(out.Message, k)
		p.PSKs = sc.psks
		s, err := mls.Join(p)
		for _, old := range slices.Sorted(maps.Keys(c.groups)) { // it may follow one of those
			if errors.Is(err, mls.ErrSuccessor) {
				p.Successor = c.groups[old].Group
				s, err = mls.Join(p)
			}
		}
		require.NoError(sc.t, err, "%s joins", name)
		sc.enters(name, s)
		sc.tell("%s joins by the welcome of %s: leaf %d, epoch %d", name, from, s.Next.OwnLeaf(), s.Next.Epoch())
	}
}

// deliver hands out all that is in the queue: to the author of a commit first.
func (sc *scenario) deliver() {
	defer func(at string) { sc.at = at }(sc.at)
	for len(sc.queue) > 0 {
		p := sc.queue[0]
		sc.queue = sc.queue[1:]
		if sc.at = p.group; p.commit {
			key := fmt.Sprintf("%s %d", p.group, p.epoch)
			if sc.taken[key] {
				sc.tell("the service refuses %s of %s: epoch %d is over", p.what, p.from, p.epoch)
				continue
			}
			sc.taken[key] = true
		}
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(sc.clients)), func(n string) bool { return sc.clients[n].groups[p.group] == nil })
		if p.commit { // newcomers are not among them: they need it no more
			names = slices.Insert(slices.DeleteFunc(names, func(n string) bool { return n == p.from }), 0, p.from)
		}
		for _, name := range names {
			sc.reach(name, p)
		}
	}
}

// reach brings a parcel to a client, or to its letter box when it is away.
func (sc *scenario) reach(name string, p parcel) {
	c := sc.client(name)
	if p.from == name && !p.commit {
		return
	}
	if c.away {
		c.waiting = append(c.waiting, p)
		return
	}
	m := sc.member(name)
	s, err := m.Handle(p.message)
	if err != nil {
		if m.Group.Status() == mls.StatusActive || errors.Is(err, mls.ErrReplay) {
			sc.tell("%s cannot take %s of %s: %v", name, p.what, p.from, err)
		}
		return
	}
	sc.take(name, s, p.what)
	for _, e := range s.Events {
		sc.event(name, e)
	}
}

// event writes what a client learns.
func (sc *scenario) event(name string, e mls.Event) {
	switch e := e.(type) {
	case *mls.ApplicationMessage:
		sc.tell("%s reads %q from %s in epoch %d", name, e.Data, e.Leaf.Credential.Identity, e.Epoch)
	case *mls.ProposalReceived:
		sc.tell("%s learns of a proposal: %s", name, describeProposal(e.Proposal, e.Sender))
	case *mls.EpochChanged:
		sc.tell("%s enters epoch %d: %s", name, e.Change.Epoch, describeChange(e.Change))
	case *mls.Removed:
		sc.tell("%s is removed: %s", name, describeChange(e.Change))
	case *mls.ReInitialized:
		sc.tell("%s sees the group end in favour of %q with %v", name, e.ReInit.GroupID, e.ReInit.CipherSuite)
	case *mls.Echo:
		sc.tell("%s sees its own message come back", name)
	}
}

// describeProposal describes a proposal and its sender.
func describeProposal(p framing.Proposal, from framing.Sender) string {
	what := p.ProposalType().String()
	switch p := p.(type) {
	case *framing.Add:
		what = fmt.Sprintf("add %s", p.KeyPackage.LeafNode.Credential.Identity)
	case *framing.Remove:
		what = fmt.Sprintf("remove leaf %d", p.Removed)
	case *framing.PreSharedKey:
		what = fmt.Sprintf("%v psk %q", p.PSK.PSKType, string(p.PSK.PSKID)+string(p.PSK.PSKGroupID))
	case *framing.CustomProposal:
		what = fmt.Sprintf("custom %q", p.Data)
	}
	switch from.SenderType {
	case framing.SenderTypeMember:
		return fmt.Sprintf("%s, by leaf %d", what, from.LeafIndex)
	case framing.SenderTypeExternal:
		return fmt.Sprintf("%s, by external sender %d", what, from.SenderIndex)
	default:
		return what + ", by itself"
	}
}

// describeChange describes what a commit did.
func describeChange(c *mls.Change) string {
	parts := []string{fmt.Sprintf("leaf %d commits", c.CommitterLeaf)}
	if c.Committer.SenderType == framing.SenderTypeNewMemberCommit {
		parts[0] = fmt.Sprintf("leaf %d joins by itself", c.CommitterLeaf)
	}
	if !c.Path {
		parts[0] += " without a path"
	}
	list := func(what string, changes []mls.LeafChange) {
		for _, l := range changes {
			node := l.New
			if node == nil {
				node = l.Old
			}
			if what == "updates" && l.Leaf == c.CommitterLeaf {
				continue // the path says so
			}
			parts = append(parts, fmt.Sprintf("%s %s at leaf %d", what, node.Credential.Identity, l.Leaf))
		}
	}
	list("updates", c.Updated)
	list("removes", c.Removed)
	list("adds", c.Added)
	for _, id := range c.PSKs {
		parts = append(parts, fmt.Sprintf("uses %v psk %q", id.PSKType, string(id.PSKID)+string(id.PSKGroupID)))
	}
	for _, p := range c.Proposals {
		if custom, ok := p.Proposal.(*framing.CustomProposal); ok {
			parts = append(parts, fmt.Sprintf("custom %q", custom.Data))
		}
	}
	if now, then := extensionTypes(c.NewExtensions), extensionTypes(c.OldExtensions); !slices.Equal(now, then) {
		parts = append(parts, fmt.Sprintf("extensions %v become %v", then, now))
	}
	return strings.Join(parts, ", ")
}

func extensionTypes(list framing.Extensions) (types []framing.ExtensionType) {
	for _, x := range list {
		types = append(types, x.Type)
	}
	return types
}

// agree compares what the members of the group at hand see, epoch by epoch.
func (sc *scenario) agree() {
	seen := map[framing.Epoch][]string{}
	first := map[framing.Epoch]mlstest.View{}
	for _, name := range slices.Sorted(maps.Keys(sc.clients)) {
		m := sc.clients[name].groups[sc.at]
		if m == nil || m.Group.Status() != mls.StatusActive {
			continue
		}
		epoch, view := m.Group.Epoch(), mlstest.ViewOf(sc.t, m.Group)
		if seen[epoch] == nil {
			first[epoch] = view
		}
		require.Equal(sc.t, first[epoch], view, "%s in epoch %d", name, epoch)
		seen[epoch] = append(seen[epoch], name)
	}
	for _, epoch := range slices.Sorted(maps.Keys(seen)) {
		sc.tell("in epoch %d: %s", epoch, strings.Join(seen[epoch], ", "))
	}
}

// draw draws the tree as a member sees it.
func (sc *scenario) draw(name string) {
	g := sc.member(name).Group
	own := g.OwnLeaf()
	var picture strings.Builder
	require.NoError(sc.t, g.Tree().Draw(&picture, treekem.DrawParams{OwnLeaf: &own}))
	for line := range strings.Lines(picture.String()) {
		sc.tell("%s", strings.TrimRight(line, "\n"))
	}
	sc.tell("a path of %s takes %d ciphertexts", name, g.PathCost(own))
}
