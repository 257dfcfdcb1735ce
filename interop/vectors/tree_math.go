package vectors

import (
	"fmt"

	"github.com/copse-mls/copse/treekem"
)

// treeMath is a case of tree-math.json: the relations of all nodes of a tree with NLeaves leaves.
type treeMath struct {
	NLeaves uint32             `json:"n_leaves"`
	NNodes  uint32             `json:"n_nodes"`
	Root    uint32             `json:"root"`
	Left    []optional[uint32] `json:"left"`
	Right   []optional[uint32] `json:"right"`
	Parent  []optional[uint32] `json:"parent"`
	Sibling []optional[uint32] `json:"sibling"`
}

func replayTreeMath(t *trial, c *treeMath) {
	if c.NLeaves == 0 || c.NLeaves&(c.NLeaves-1) != 0 || c.NLeaves > treekem.MaxLeaves {
		t.fail("n_leaves is a power of two", fmt.Sprint(c.NLeaves), "")
		return
	}
	same(t, "n_nodes", treekem.NodeCount(c.NLeaves), c.NNodes)
	same(t, "root", uint32(treekem.Root(c.NLeaves)), c.Root)
	t.relation("left", c, c.Left, treekem.NodeIndex.Left)
	t.relation("right", c, c.Right, treekem.NodeIndex.Right)
	t.relation("parent", c, c.Parent, func(x treekem.NodeIndex) (treekem.NodeIndex, bool) {
		return x.Parent(c.NLeaves)
	})
	t.relation("sibling", c, c.Sibling, func(x treekem.NodeIndex) (treekem.NodeIndex, bool) {
		return x.Sibling(c.NLeaves)
	})
}

// relation checks that of finds for every node what the case says.
func (t *trial) relation(name string, c *treeMath, want []optional[uint32],
	of func(treekem.NodeIndex) (treekem.NodeIndex, bool),
) {
	same(t, "number of entries in "+name, uint32(len(want)), c.NNodes)
	for i, w := range want {
		got, ok := of(treekem.NodeIndex(i))
		same(t, fmt.Sprintf("%s[%d]", name, i), optional[uint32]{Value: uint32(got), Present: ok}, w)
	}
}
