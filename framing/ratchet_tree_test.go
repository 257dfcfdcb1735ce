package framing

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/internal/wire"
)

// walked returns the tree that WalkRatchetTree shows, put together again from its raw nodes.
func walked(data []byte) (encoded []byte, tree RatchetTree, err error) {
	var nodes []*Node
	var content []byte
	count, err := WalkRatchetTree(data, func(position int, n RawNode) error {
		if position != len(nodes) {
			return errors.New("position out of order")
		}
		var node *Node
		switch n.Type {
		case NodeTypeLeaf:
			node = &Node{LeafNode: new(LeafNode)}
			*node.LeafNode = *n.LeafNode
		case NodeTypeParent:
			node = &Node{ParentNode: new(ParentNode)}
			*node.ParentNode = *n.ParentNode
		}
		nodes = append(nodes, node)
		content = n.Append(content)
		return nil
	})
	if err == nil && count != len(nodes) {
		err = errors.New("wrong count")
	}
	return append(wire.AppendLength(nil, len(content)), content...), *RatchetTree{}.With(nodes), err
}

func TestWalkRatchetTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := marshal(t, sampleOf(new(RatchetTree)).Draw(t, "tree"))
		var want RatchetTree
		require.NoError(t, Unmarshal(data, &want))
		again, got, err := walked(data)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, data, again)
	})
}

func TestWalkRatchetTreeStops(t *testing.T) {
	stop := errors.New("enough")
	calls := 0
	_, err := WalkRatchetTree([]byte{3, 0, 0, 0}, func(int, RawNode) error {
		calls++
		return stop
	})
	require.ErrorIs(t, err, stop)
	require.Equal(t, 1, calls)

	_, err = WalkRatchetTree([]byte{1, 0, 0}, func(int, RawNode) error { return nil })
	requireSyntaxError(t, err, 3)
}

// FuzzWalkRatchetTree compares the walk with the decoder of RatchetTree on hostile input.
func FuzzWalkRatchetTree(f *testing.F) {
	for seed := range 16 {
		f.Add(marshal(f, sampleOf(new(RatchetTree)).Example(seed)))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var want RatchetTree
		wantErr := Unmarshal(data, &want)
		again, got, err := walked(data)
		if wantErr != nil {
			requireSyntaxError(t, err, len(data))
			return
		}
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, data, again)
	})
}
