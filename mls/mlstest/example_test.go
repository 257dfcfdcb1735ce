package mlstest_test

import (
	"errors"
	"fmt"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// Three clients come together, one commits, and one joins by itself.
func ExampleNewCast() {
	t := mlstest.Panics{} // in a test, that test
	c := mlstest.NewCast(t, mlstest.CastParams{}, "alice", "bob", "carol")
	alice, bob, carol := c[0], c[1], c[2]
	bob.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: 2}}}, alice, carol)
	dave := mlstest.NewMember(t, 1, "dave")
	dave.JoinExternal(mls.JoinExternalParams{}, alice, bob)
	mlstest.Agree(alice, bob, dave)
	fmt.Println(dave.Read(alice.Say("hello")), dave.Group.Epoch(), dave.Group.OwnLeaf(), carol.Group.Status())
	// Output: hello 3 2 member was removed
}

// Two members of a large group, in which everybody has committed.
func ExampleBuild() {
	t := mlstest.Panics{}
	f := mlstest.Build(t, mlstest.GroupParams{Members: 1000, Shape: treekemtest.Full})
	one, other := f.Member(t, 1), f.Member(t, 999)
	one.Commit(mls.CommitParams{}, other)
	fmt.Println(other.Group.Epoch())
	// Output: 2
}

// Bob commits with a leaf whose source is wrong. All signatures, hashes and tags are in order, so that nothing but the
// rule itself can find it.
func ExampleInsider_Commit() {
	t := mlstest.Panics{}
	c := mlstest.NewCast(t, mlstest.CastParams{}, "alice", "bob")
	evil := c[1].Insider()
	made := evil.Commit(t, func(d *mlstest.Draft) {
		d.OnLeaf = func(leaf *framing.LeafNode) { leaf.LeafNodeSource = framing.LeafNodeSourceUpdate }
	})
	err := c[0].Refuse(made.Commit)
	var rule *mls.RuleError
	fmt.Println(errors.As(err, &rule), rule)
	// Output: true mls: rule V-LN-03, leaf 1: source of the leaf is update, not commit
}
