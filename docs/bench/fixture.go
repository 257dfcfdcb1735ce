package main

import (
	"context"
	"encoding/binary"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

// fixtureCache keeps the last full tree built. One is enough: rows on the same tree stand together, and trees that no
// row needs any more would only disturb what is measured of others.
type fixtureCache struct {
	members int
	fixture *treekemtest.Fixture
}

// full returns a tree in which every member has committed and no node is blank.
func (e *Env) full(ctx context.Context, members int) (*treekemtest.Fixture, error) {
	c := e.fixtures
	if c.members == members {
		return c.fixture, nil
	}
	*c = fixtureCache{}
	e.progress.show("building a tree of %d members", members)
	f, err := await(ctx, func() (*treekemtest.Fixture, error) {
		return treekemtest.Build(treekemtest.Params{
			Suite: e.suite, Members: members, Shape: treekemtest.Full, GroupID: []byte("bench"), Seed: 1,
			Identity: func(i int) []byte { return binary.BigEndian.AppendUint32(make([]byte, 12, 16), uint32(i)) },
		})
	})
	if err != nil {
		return nil, err
	}
	*c = fixtureCache{members, f}
	return f, nil
}

// scattered returns the k-th of a sequence of leaves that lie far from each other. The tree's width is a power of two,
// to which the step has no common factor.
func scattered(f *treekemtest.Fixture, k int) framing.LeafIndex {
	const step = 0x9e3779b1 // the golden ratio of 2 to the power of 32
	return framing.LeafIndex(uint32(k+1) * step % f.Tree.Width())
}

// newPath sets a fresh path of member i in a change of tree. The member's leaf stays what it is otherwise.
func newPath(f *treekemtest.Fixture, e *treekem.Edit, i framing.LeafIndex) (*treekem.Path, error) {
	leaf, _ := f.Tree.Leaf(i)
	return e.NewPath(treekem.PathParams{
		Sender: i, GroupID: f.Context.GroupID, Signer: f.Signer(i), Leaf: *leaf,
	})
}
