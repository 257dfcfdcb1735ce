package vectors

import (
	"fmt"

	"github.com/copse-mls/copse/treekem"
)

// treeValidation is a case of tree-validation.json: a tree with what has to hold for each node.
type treeValidation struct {
	suited
	Tree    hexBytes `json:"tree"`
	GroupID hexBytes `json:"group_id"`

	Resolutions [][]uint32 `json:"resolutions"`
	TreeHashes  []hexBytes `json:"tree_hashes"`
}

func replayTreeValidation(t *trial, c *treeValidation) {
	tree, err := treekem.Decode(t.suite, c.Tree)
	if !t.succeeds("tree decodes", err) {
		return
	}
	nodes := int(treekem.NodeCount(tree.Width()))
	if same(t, "number of resolutions", len(c.Resolutions), nodes) {
		for i, want := range c.Resolutions {
			same(t, fmt.Sprintf("resolutions[%d]", i), fmt.Sprint(tree.Resolution(treekem.NodeIndex(i))), fmt.Sprint(want))
		}
	}
	if same(t, "number of tree_hashes", len(c.TreeHashes), nodes) {
		for i, want := range c.TreeHashes {
			t.equal(fmt.Sprintf("tree_hashes[%d]", i), tree.NodeHash(treekem.NodeIndex(i)), want)
		}
	}
	t.succeeds("parent hashes", tree.VerifyParentHashes())
	t.succeeds("leaf signatures", tree.VerifyLeafSignatures(c.GroupID))
	t.equal("tree encodes to the bytes it came from", tree.Export(), c.Tree)
}
