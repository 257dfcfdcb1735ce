package mls_test

// RFC 9420, Sections 7.3 and 10.1: leaves and KeyPackages that break a rule, at every entry point that lets them in.

import (
	"reflect"
	"slices"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// What the demanding group demands of its members.
const (
	wantedExtension  framing.ExtensionType  = 0xf001 // required
	wantedProposal   framing.ProposalType   = 0xf002 // required
	contextExtension framing.ExtensionType  = 0xf003 // in the group context
	wantedCredential framing.CredentialType = 0xf004 // required
	strange                                 = 0xf00f // known to nobody
)

// Entry points for breaches: by KeyPackage, and by leaf.
var (
	addEntries  = []string{"value", "proposal", "outside", "newcomer", "send"}
	leafEntries = append([]string{"update", "path", "external", "tree"}, addEntries...)
)

// capable gives a client what the demanding group demands.
func capable(c *mlstest.Party) {
	c.Capabilities = framing.Capabilities{
		Extensions: []framing.ExtensionType{wantedExtension, contextExtension}, Proposals: []framing.ProposalType{wantedProposal},
		Credentials: []framing.CredentialType{framing.CredentialTypeBasic, framing.CredentialTypeX509, wantedCredential},
	}
}

// demanding returns a group of alice, bob and carol with requirements, and with service as external sender. dave has not
// joined yet, and could.
func (a *attempt) demanding() (alice, bob, carol, dave, service *mlstest.Member) {
	service, dave = newMember(a.T, "service"), newMember(a.T, "dave")
	capable(dave.Party)
	all := newCastOf(a.T, capable, framing.Extensions{
		extension(a.T, sendersOf(a, service)),
		extension(a.T, &framing.RequiredCapabilities{
			ExtensionTypes: []framing.ExtensionType{wantedExtension}, ProposalTypes: []framing.ProposalType{wantedProposal},
			CredentialTypes: []framing.CredentialType{wantedCredential}}),
		{Type: contextExtension},
	}, "alice", "bob", "carol")
	return all[0], all[1], all[2], dave, service
}

// breach is a way to break a rule with a leaf, a KeyPackage, or both.
type breach struct {
	id, name string
	leaf     func(*framing.LeafNode)                                    // before it is signed
	whole    func(*framing.KeyPackage)                                  // before it is signed
	forge    func(a *attempt, c *mlstest.Member, k *framing.KeyPackage) // at the end
	entries  []string
	// late says that the group context decides, which the commit that covers the proposal may change: the proposal is
	// kept, and the commit refused.
	late bool
}

// keyPackage returns c's KeyPackage with the breach.
func (b *breach) keyPackage(a *attempt, c *mlstest.Member) *framing.KeyPackage {
	k := c.ForgeKeyPackage(a, b.leaf, b.whole)
	if b.forge != nil {
		b.forge(a, c, k)
	}
	return k
}

// rules returns the tests of the breach at its entries.
func (b breach) rules() []ruleTest {
	entries := slices.Clone(b.entries)
	if b.published() {
		entries = append(entries, "published")
	}
	return atEntries(b.id, b.name, entries, func(a *attempt, entry string) { b.at(a, entry) })
}

// published reports whether the breach shows in a KeyPackage without a group.
func (b *breach) published() bool {
	byGroup := slices.Contains([]string{"V-KP-01", "V-PR-04", "V-LN-07", "V-LN-08", "V-LN-11"}, b.id)
	return !byGroup && (slices.Contains(b.entries, "send") || slices.Contains(b.entries, "keypackage"))
}

// at tries the breach at an entry point.
func (b *breach) at(a *attempt, entry string) {
	alice, bob, carol, dave, service := a.demanding()
	in := bob.Insider()
	add := func(k *framing.KeyPackage) *framing.Add { return &framing.Add{KeyPackage: k} }
	bad := func() *framing.Add { return add(b.keyPackage(a, dave)) }
	switch entry {
	case "value":
		commit := a.over(in, bad())
		a.refusesMessage(alice.Group, commit, a.over(in, dave.Add()))
	case "proposal", "keypackage":
		message, _ := in.Propose(a, bad(), nil)
		genuine, _ := in.Propose(a, dave.Add(), nil)
		b.refused(a, alice.Group, in, message, genuine)
	case "outside":
		b.refused(a, alice.Group, in, fromOutside(service, alice.Group, proposing(bad())), fromOutside(service, alice.Group, proposing(dave.Add())))
	case "newcomer":
		b.refused(a, alice.Group, in, fromNewcomer(dave, alice.Group, proposing(bad())), fromNewcomer(dave, alice.Group, proposing(dave.Add())))
	case "send":
		a.refusesCommitting(alice, mls.CommitParams{Proposals: []framing.Proposal{bad()}})
		a.refusesCall(alice.Group, func() error {
			return failure(alice.Group.Propose(bad(), mls.ProposeParams{Now: mlstest.Now()}, alice.Signer))
		})
		b.ownLeaf(a, alice)
	case "published":
		open := func(add *framing.Add) error {
			message := must(framing.Marshal(&framing.Message{Body: add.KeyPackage}))
			return failure(mls.VerifyKeyPackage(mls.VerifyKeyPackageParams{Message: message, Now: mlstest.Now()}))
		}
		a.gives(open(bad()))
		require.NoError(a, open(dave.Add()))
	case "update":
		message, _ := in.Propose(a, in.UpdateLeaf(a, "key", b.leaf), nil)
		genuine, _ := in.Propose(a, in.UpdateLeaf(a, "key", nil), nil)
		b.refused(a, alice.Group, carol.Insider(), message, genuine)
	case "path":
		a.refusesMessage(alice.Group, in.Commit(a, func(d *mlstest.Draft) { d.OnLeaf = b.leaf }).Commit, in.Commit(a, nil).Commit)
	case "external":
		i := a.intrude("dave", alice.Info())
		i.leaf.Capabilities = dave.KeyPackage(a).KeyPackage.LeafNode.Capabilities
		a.refusesMessage(alice.Group, i.commit(a, func(d *mlstest.Draft) { d.OnLeaf = b.leaf }), i.commit(a, nil))
	case "tree":
		genuine := in.GroupInfo(a, nil)
		spoil := func(tree *mlstest.Tree) {
			b.leaf(tree.Leaf(2))
			mlstest.SignLeaf(a, in.Suite, carol.Signer, tree.Leaf(2), in.Context.GroupID, 2)
		}
		w := &welcomed{dave, dave.KeyPackage(a)}
		a.refusesJoin(w.by(in, func(d *mlstest.Draft) { d.NoPath, d.OnTree = true, spoil }), w.by(in, nil))
		spoil(in.Tree)
		in.Context.TreeHash = in.Tree.Hash()
		a.refusesObserving(dave.Party, in.GroupInfo(a, nil), nil, genuine)
	default:
		a.Fatalf("no such entry: %s", entry)
	}
	if at, ok := map[string]framing.LeafIndex{"update": 1, "path": 1, "external": 3, "tree": 2}[entry]; ok {
		a.names(at)
	}
}

// ownLeaf has a member give its own leaf the breach, if that is a thing that a member may change.
func (b *breach) ownLeaf(a *attempt, p *mlstest.Member) {
	update, ok := b.ownUpdate(p)
	if !ok {
		return
	}
	a.refusesCommitting(p, mls.CommitParams{Leaf: update})
	a.refusesUpdating(p, update)
	a.names(p.Group.OwnLeaf())
}

// ownUpdate returns the breach as a change of a member's own leaf, if it changes anything there.
func (b *breach) ownUpdate(p *mlstest.Member) (mls.LeafUpdate, bool) {
	if b.leaf == nil {
		return mls.LeafUpdate{}, false
	}
	old, _ := p.Group.Tree().Leaf(p.Group.OwnLeaf())
	leaf := *old
	b.leaf(&leaf)
	of := func(l *framing.LeafNode) mls.LeafUpdate {
		return mls.LeafUpdate{Credential: &l.Credential, Capabilities: &l.Capabilities, Extensions: &l.Extensions}
	}
	return of(&leaf), !reflect.DeepEqual(of(&leaf), of(old))
}

// refused tries a proposal by reference: it is refused when it comes, or when committer covers it.
func (b *breach) refused(a *attempt, g *mls.Group, committer *mlstest.Insider, bad, genuine []byte) {
	if !b.late {
		a.refusesMessage(g, bad, genuine)
		return
	}
	commit := func(message []byte) []byte {
		s := must(g.Handle(mls.Input{Message: message, Now: mlstest.Now()}))
		g = s.Next
		ref := s.Events[0].(*mls.ProposalReceived)
		return committer.Commit(a, func(d *mlstest.Draft) {
			d.Proposals = []mlstest.Covered{{Proposal: ref.Proposal, Sender: ref.Sender, Ref: ref.Ref}}
			d.Welcome = false
		}).Commit
	}
	broken, sound := commit(bad), commit(genuine)
	a.refusesMessage(g, broken, sound)
}
