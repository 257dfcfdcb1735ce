package mlstest_test

import (
	"errors"
	"fmt"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// Three clients come together, in three lines.
func ExampleClient_Invite() {
	t := mlstest.Panics{} // in a test, that test
	alice, bob, carol := mlstest.NewClient(t, 1, "alice"), mlstest.NewClient(t, 1, "bob"), mlstest.NewClient(t, 1, "carol")
	own, theirs, _ := alice.Invite(t, alice.Create(t, "friends"), bob, carol)
	fmt.Println(own.Epoch(), theirs[0].OwnLeaf(), theirs[1].OwnLeaf())
	// Output: 1 1 2
}

// Two members of a large group, in which everybody has committed.
func ExampleBuild() {
	t := mlstest.Panics{}
	f := mlstest.Build(t, mlstest.GroupParams{Members: 1000, Shape: treekemtest.Full})
	one, other := f.Group(t, 1), f.Group(t, 999)
	s, err := one.Commit(mls.CommitParams{}, f.SignerOf(1))
	if err != nil {
		fmt.Println(err)
		return
	}
	s, err = other.Handle(mls.Input{Message: s.Send[0].Message})
	fmt.Println(s.Next.Epoch(), err)
	// Output: 2 <nil>
}

// Bob commits with a leaf whose source is wrong. All signatures, hashes and tags are in order, so that nothing but the
// rule itself can find it.
func ExampleInsider_Commit() {
	t := mlstest.Panics{}
	alice, bob := mlstest.NewClient(t, 1, "alice"), mlstest.NewClient(t, 1, "bob")
	own, theirs, _ := alice.Invite(t, alice.Create(t, "friends"), bob)
	evil := mlstest.NewInsider(t, theirs[0], bob.Signer)
	made := evil.Commit(t, func(d *mlstest.Draft) {
		d.OnLeaf = func(leaf *framing.LeafNode) { leaf.LeafNodeSource = framing.LeafNodeSourceUpdate }
	})
	_, err := own.Handle(mls.Input{Message: made.Commit})
	var rule *mls.RuleError
	fmt.Println(errors.As(err, &rule), rule)
	// Output: true mls: rule V-LN-03, leaf 1: source of the leaf is update, not commit
}
