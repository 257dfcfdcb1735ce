package vectors

import (
	"fmt"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// treeOperations is a case of tree-operations.json: a tree before and after one proposal.
type treeOperations struct {
	suited
	TreeBefore     hexBytes `json:"tree_before"`
	Proposal       hexBytes `json:"proposal"`
	ProposalSender uint32   `json:"proposal_sender"`

	TreeHashBefore hexBytes `json:"tree_hash_before"`
	TreeAfter      hexBytes `json:"tree_after"`
	TreeHashAfter  hexBytes `json:"tree_hash_after"`
}

func replayTreeOperations(t *trial, c *treeOperations) {
	before, err := treekem.Decode(t.suite, c.TreeBefore)
	if !t.succeeds("tree_before decodes", err) {
		return
	}
	t.equal("tree_hash_before", before.Hash(), c.TreeHashBefore)
	var proposal framing.TaggedProposal
	if !t.succeeds("proposal decodes", framing.Unmarshal(c.Proposal, &proposal)) {
		return
	}
	edit := before.Edit()
	if !t.apply(edit, proposal.Proposal, framing.LeafIndex(c.ProposalSender)) {
		return
	}
	after, err := edit.Tree()
	if !t.succeeds("tree after proposal", err) {
		return
	}
	t.equal("tree_after", after.Export(), c.TreeAfter)
	t.equal("tree_hash_after", after.Hash(), c.TreeHashAfter)
	t.equal("tree_hash_before, once more", before.Hash(), c.TreeHashBefore)
}

// apply applies the proposal that sender made.
func (t *trial) apply(edit *treekem.Edit, proposal framing.Proposal, sender framing.LeafIndex) bool {
	var err error
	switch p := proposal.(type) {
	case *framing.Add:
		t.succeeds("signature of the KeyPackage", p.KeyPackage.VerifySignature(t.suite))
		_, err = edit.Add(&p.KeyPackage.LeafNode)
	case *framing.Update:
		err = edit.Update(sender, &p.LeafNode)
	case *framing.Remove:
		err = edit.Remove(p.Removed)
	default:
		err = fmt.Errorf("is %v, and changes no tree", p.ProposalType())
	}
	return t.succeeds("proposal", err)
}
