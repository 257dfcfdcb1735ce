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

// theatre plays a scenario: clients by name, the groups that they are in, and the delivery service between them, which
// takes the first commit of each epoch and refuses the others.
type theatre struct {
	t       *testing.T
	out     *bytes.Buffer
	params  mls.Params
	scene   string // the group at hand
	roles   map[string]*role
	gate    crypto.Signer // an external sender
	psks    mls.PSKs
	queue   []parcel // what was sent and not delivered
	held    []parcel // what is on its way for longer
	taken   map[string]bool
	invited map[string]*mls.OwnKeyPackage // by the name of the client
}

// role is a client, with its view of each group that it is or was in.
type role struct {
	*mlstest.Client
	groups  map[string]*mls.Group
	signers map[string]crypto.Signer // its own, by public key
	away    bool
	waiting []parcel
}

// parcel is a message on its way to the members of a group.
type parcel struct {
	scene   string
	message []byte
	from    string
	commit  bool
	epoch   framing.Epoch
	what    string
}

func newTheatre(t *testing.T) *theatre {
	gate, err := mlstest.Suite(t, 1).GenerateSigner(mlstest.Rand("gate"))
	require.NoError(t, err)
	return &theatre{t: t, out: new(bytes.Buffer), roles: map[string]*role{}, gate: gate, taken: map[string]bool{},
		invited: map[string]*mls.OwnKeyPackage{}}
}

// tell writes a line of the trace.
func (th *theatre) tell(format string, args ...any) { fmt.Fprintf(th.out, "    "+format+"\n", args...) }

// role is the client of a name.
func (th *theatre) role(name string) *role {
	r := th.roles[name]
	if r == nil {
		r = &role{Client: mlstest.NewClient(th.t, 1, name), groups: map[string]*mls.Group{}, signers: map[string]crypto.Signer{}}
		r.own(th.t, r.Signer)
		r.Capabilities.Extensions = []framing.ExtensionType{worldExtension}
		r.Capabilities.Proposals = []framing.ProposalType{worldProposal}
		r.Capabilities.CipherSuites = []ciphersuite.CipherSuite{1, 3}
		r.Params.Handshake = th.params.Handshake
		th.roles[name] = r
	}
	return r
}

// own lets a role use a signer wherever its leaf says so.
func (r *role) own(t *testing.T, s crypto.Signer) {
	key, err := r.Suite.PublicKeyOf(s)
	require.NoError(t, err)
	r.signers[string(key)] = s
}

// group is a role's view of the group at hand.
func (th *theatre) group(name string) *mls.Group {
	g := th.role(name).groups[th.scene]
	require.NotNil(th.t, g, "%s is not in %s", name, th.scene)
	return g
}

// take lets a Step take effect for a role, and sends what it has to send.
func (th *theatre) take(name string, s *mls.Step, what string) {
	r := th.role(name)
	r.groups[th.scene] = s.Next
	s.Erase()
	for _, out := range s.Send {
		if out.Kind == mls.OutgoingWelcome {
			th.welcome(name, out)
			continue
		}
		th.queue = append(th.queue, parcel{th.scene, out.Message, name, out.Kind == mls.OutgoingCommit, s.Next.Epoch(), what})
	}
}

// welcome lets those join whom a Welcome is for, in the order of their leaves.
func (th *theatre) welcome(from string, out mls.Outgoing) {
	for _, name := range slices.Sorted(maps.Keys(th.invited)) {
		r, k := th.role(name), th.invited[name]
		suite := mlstest.Suite(th.t, k.KeyPackage.CipherSuite)
		ref, err := k.KeyPackage.Ref(suite)
		require.NoError(th.t, err)
		if !slices.ContainsFunc(out.To, func(to framing.KeyPackageRef) bool { return bytes.Equal(to, ref) }) {
			continue
		}
		delete(th.invited, name)
		p := mls.JoinParams{Welcome: out.Message, KeyPackages: []*mls.OwnKeyPackage{k}, PSKs: th.psks, Now: mlstest.Now(), Params: r.Params}
		s, err := mls.Join(p)
		for _, old := range slices.Sorted(maps.Keys(r.groups)) { // it may follow one of those
			if errors.Is(err, mls.ErrSuccessor) {
				p.Successor = r.groups[old]
				s, err = mls.Join(p)
			}
		}
		require.NoError(th.t, err, "%s joins", name)
		r.groups[th.scene] = s.Next
		th.tell("%s joins by the welcome of %s: leaf %d, epoch %d", name, from, s.Next.OwnLeaf(), s.Next.Epoch())
	}
}

// deliver hands out all that is in the queue: to the author of a commit first.
func (th *theatre) deliver() {
	scene := th.scene
	defer func() { th.scene = scene }()
	for len(th.queue) > 0 {
		p := th.queue[0]
		th.queue = th.queue[1:]
		if th.scene = p.scene; p.commit {
			key := fmt.Sprintf("%s %d", p.scene, p.epoch)
			if th.taken[key] {
				th.tell("the service refuses %s of %s: epoch %d is over", p.what, p.from, p.epoch)
				continue
			}
			th.taken[key] = true
		}
		names := slices.DeleteFunc(slices.Sorted(maps.Keys(th.roles)), func(n string) bool { return th.roles[n].groups[p.scene] == nil })
		if p.commit { // newcomers are not among them: they need it no more
			names = slices.Insert(slices.DeleteFunc(names, func(n string) bool { return n == p.from }), 0, p.from)
		}
		for _, name := range names {
			th.reach(name, p)
		}
	}
}

// reach brings a parcel to a role, or to its letter box when it is away.
func (th *theatre) reach(name string, p parcel) {
	r := th.role(name)
	g := r.groups[p.scene]
	if p.from == name && !p.commit {
		return
	}
	if r.away {
		r.waiting = append(r.waiting, p)
		return
	}
	s, err := g.Handle(mls.Input{Message: p.message, Now: mlstest.Now(), PSKs: th.psks})
	if err != nil {
		if g.Status() == mls.StatusActive || errors.Is(err, mls.ErrReplay) {
			th.tell("%s cannot take %s of %s: %v", name, p.what, p.from, err)
		}
		return
	}
	th.take(name, s, p.what)
	for _, e := range s.Events {
		th.event(name, e)
	}
}

// event writes what a role learns.
func (th *theatre) event(name string, e mls.Event) {
	switch e := e.(type) {
	case *mls.ApplicationMessage:
		th.tell("%s reads %q from %s in epoch %d", name, e.Data, e.Leaf.Credential.Identity, e.Epoch)
	case *mls.ProposalReceived:
		th.tell("%s learns of a proposal: %s", name, describeProposal(e.Proposal, e.Sender))
	case *mls.EpochChanged:
		th.tell("%s enters epoch %d: %s", name, e.Change.Epoch, describeChange(e.Change))
	case *mls.Removed:
		th.tell("%s is removed: %s", name, describeChange(e.Change))
	case *mls.ReInitialized:
		th.tell("%s sees the group end in favour of %q with %v", name, e.ReInit.GroupID, e.ReInit.CipherSuite)
	case *mls.Echo:
		th.tell("%s sees its own message come back", name)
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
func (th *theatre) agree() {
	seen := map[framing.Epoch][]string{}
	first := map[framing.Epoch][]byte{}
	for _, name := range slices.Sorted(maps.Keys(th.roles)) {
		g := th.roles[name].groups[th.scene]
		if g == nil || g.Status() != mls.StatusActive {
			continue
		}
		a, err := g.EpochAuthenticator()
		require.NoError(th.t, err)
		if first[g.Epoch()] == nil {
			first[g.Epoch()] = a
		}
		require.Equal(th.t, first[g.Epoch()], a, "%s in epoch %d", name, g.Epoch())
		seen[g.Epoch()] = append(seen[g.Epoch()], name)
	}
	for _, epoch := range slices.Sorted(maps.Keys(seen)) {
		th.tell("in epoch %d: %s", epoch, strings.Join(seen[epoch], ", "))
	}
}

// draw draws the tree as a member sees it.
func (th *theatre) draw(name string) {
	g := th.group(name)
	own := g.OwnLeaf()
	var picture strings.Builder
	require.NoError(th.t, g.Tree().Draw(&picture, treekem.DrawParams{OwnLeaf: &own}))
	for line := range strings.Lines(picture.String()) {
		th.tell("%s", strings.TrimRight(line, "\n"))
	}
	th.tell("a path of %s takes %d ciphertexts", name, g.PathCost(own))
}
