package mls_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// A commit may drop a requirement of the group and, by reference, add somebody who does not meet it: the Add is checked
// against the new context, so members must have kept it when they received it.
func TestAddWaitsForContext(t *testing.T) {
	a := &attempt{T: t}
	alice, bob, carol, dave, _ := a.demanding()
	add := &framing.Add{KeyPackage: dave.ForgeKeyPackage(t, func(l *framing.LeafNode) { l.Capabilities.Extensions = nil }, nil)}
	message, _ := bob.Insider().Propose(t, add, nil)
	handle := func(g *mls.Group, message []byte) *mls.Group {
		s := must(g.Handle(mls.Input{Message: message, Now: mlstest.Now()}))
		return s.Next
	}
	receiver, committer := handle(alice.Group, message), handle(carol.Group, message)

	alone := must(committer.Commit(mls.CommitParams{Now: mlstest.Now()}, carol.Signer))
	require.Len(t, alone.Left, 1, "without the change of context the Add does not fit")

	s := must(committer.Commit(mls.CommitParams{Now: mlstest.Now(),
		Proposals: []framing.Proposal{&framing.GroupContextExtensions{}}}, carol.Signer))
	require.Empty(t, s.Left)
	require.Equal(t, 4, handle(receiver, s.Send[0].Message).Tree().Members())
}
