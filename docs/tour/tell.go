package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/treekem"
)

// tell returns in words what a Step brings about, a line for each event.
func (p *person) tell(step *mls.Step, before *mls.Group) (lines []string) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, e := range step.Events {
		switch e := e.(type) {
		case *mls.ApplicationMessage:
			say("%s: %s", e.Leaf.Credential.Identity, e.Data)
		case *mls.ProposalReceived:
			say("%s proposes: %s", sender(before, e.Sender), words(before, e.Proposal))
		case *mls.EpochChanged:
			say("epoch %d%s", e.Change.Epoch, changes(e.Change))
		case *mls.Removed:
			say("%s is no longer a member", p.Name)
		case *mls.Echo:
			say("nothing new")
		}
	}
	if step.Change != nil && step.Next.Pending() != nil {
		say("when it is taken: epoch %d%s", step.Change.Epoch, changes(step.Change))
	}
	for _, left := range step.Left {
		say("left out a proposal: %s", left.Reason)
	}
	return lines
}

// changes lists who came, who went, and who has new keys.
func changes(c *mls.Change) string {
	var b strings.Builder
	for _, list := range []struct {
		word    string
		members []mls.LeafChange
	}{{"joined", c.Added}, {"left", c.Removed}, {"renewed", c.Updated}} {
		for i, m := range list.members {
			if i == 0 {
				b.WriteString("; " + list.word)
			}
			leaf := m.New
			if leaf == nil {
				leaf = m.Old
			}
			fmt.Fprintf(&b, " %s", leaf.Credential.Identity)
		}
	}
	return b.String()
}

// words puts a proposal into words.
func words(g *mls.Group, p framing.Proposal) string {
	switch p := p.(type) {
	case *framing.Add:
		return fmt.Sprintf("add %s", p.KeyPackage.LeafNode.Credential.Identity)
	case *framing.Remove:
		return "remove " + member(g, p.Removed)
	case *framing.Update:
		return "renew own keys"
	}
	return p.ProposalType().String()
}

func sender(g *mls.Group, s framing.Sender) string {
	if s.SenderType != framing.SenderTypeMember {
		return "somebody outside"
	}
	return member(g, s.LeafIndex)
}

func member(g *mls.Group, i framing.LeafIndex) string {
	leaf, ok := g.Tree().Leaf(i)
	if !ok {
		return fmt.Sprintf("nobody at leaf %d", i)
	}
	return string(leaf.Credential.Identity)
}

// show draws the group.
func (p *person) show([]string) error {
	g, own := p.group, p.group.OwnLeaf()
	fmt.Printf("%s, epoch %d, %v\n", g.GroupID(), g.Epoch(), g.Status())
	if g.Status() != mls.StatusActive {
		return nil
	}
	authenticator, err := g.EpochAuthenticator()
	if err != nil {
		return err
	}
	fmt.Printf("authenticator %x\n", authenticator)
	fmt.Printf("ciphertexts for new keys: %d\n", g.PathCost(own))
	for _, w := range g.Proposals() {
		fmt.Printf("waiting: %s, proposed by %s\n", words(g, w.Proposal), sender(g, w.Sender))
	}
	if p := g.Pending(); p != nil {
		fmt.Printf("pending: when it is taken, epoch %d%s\n", p.Change.Epoch, changes(p.Change))
	}
	fmt.Println()
	return g.Tree().Draw(os.Stdout, treekem.DrawParams{OwnLeaf: &own})
}
