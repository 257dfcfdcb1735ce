package inspect

import (
	"errors"
	"strings"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// drawnLeaves is the width up to which a tree is drawn.
const drawnLeaves = 256

// groupInfo checks a GroupInfo by the tree that is inside or was given (RFC 9420, Section 12.4.3.1).
func (in *inspection) groupInfo(n *Node, s situation) situation {
	info, ok := decode[framing.GroupInfo](n)
	if !ok {
		return s
	}
	s = situation{groupID: info.GroupContext.GroupID, suite: in.suite(n, info.GroupContext.CipherSuite)}
	if s.suite == nil {
		return s
	}
	const about = "signature of GroupInfo"
	data, inside := info.Extensions.Find(framing.ExtensionTypeRatchetTree)
	at := n
	if !inside {
		if data = in.RatchetTree; data == nil {
			n.note(Unchecked, about, "takes the ratchet tree, which is not inside")
			return s
		}
	} else if trees := n.find("RatchetTree"); len(trees) > 0 {
		at, s.inTree = trees[0], true
	}
	tree := in.tree(at, s.suite, data)
	if tree == nil {
		n.note(Unchecked, about, "takes a ratchet tree of good form")
		return s
	}
	if key := tree.SignatureKey(info.Signer); key != nil {
		n.judge(about, info.VerifySignature(s.suite, key))
	} else {
		n.note(Fails, about, "the signer's leaf %d is blank or outside the tree", info.Signer)
	}
	_, err := treekem.Import(treekem.ImportParams{Suite: s.suite, RatchetTree: data, GroupContext: &info.GroupContext})
	at.judge("all checks of a tree on joining", err)
	return s
}

// bareTree checks a tree without a group context.
func (in *inspection) bareTree(n *Node, s situation) {
	suite := s.suite
	if suite == nil {
		if nodes, ok := decode[framing.RatchetTree](n); ok {
			suite = in.suiteOfTree(nodes)
		}
	}
	if suite == nil {
		n.note(Unchecked, "tree hash and parent hashes", "takes the cipher suite")
		return
	}
	if s.suite == nil && in.CipherSuite == 0 {
		n.note(Fact, "algorithms", "those of %s, by the size of keys", suite.Name)
	}
	tree := in.tree(n, suite, n.data)
	if tree == nil {
		return
	}
	n.judge("parent hashes", tree.VerifyParentHashes())
	about := "signatures of leaves from key packages"
	count, failed := 0, error(nil)
	for i, leaf := range tree.Leaves() {
		if leaf.LeafNodeSource != framing.LeafNodeSourceKeyPackage {
			continue
		}
		count++
		if err := leaf.VerifySignature(suite, nil, i); err != nil && failed == nil {
			failed = err
		}
	}
	if count > 0 {
		n.judge(about, failed)
	}
	if count < tree.Members() {
		n.note(Unchecked, "signatures of other leaves", "takes the group ID")
	}
}

func (in *inspection) suiteOfTree(tree *framing.RatchetTree) *ciphersuite.Suite {
	for _, node := range tree.Nodes {
		if node.LeafNode != nil {
			suite, _ := in.suiteOfKeys(node.LeafNode.EncryptionKey, node.LeafNode.SignatureKey)
			return suite
		}
	}
	return nil
}

// tree decodes a tree and notes at n what it is like. It is nil when the form is bad.
func (in *inspection) tree(n *Node, suite *ciphersuite.Suite, data []byte) *treekem.Tree {
	tree, err := treekem.Decode(suite, data)
	n.judge("form of the tree", err)
	if err != nil {
		return nil
	}
	n.note(Fact, "members", "%d in a tree of %s", tree.Members(), plural(int(tree.Width()), "leaf", "leaves"))
	n.note(Fact, "tree hash", "%x", tree.Hash())
	if tree.Width() > drawnLeaves {
		n.note(Unchecked, "drawing", "left out: more than %d leaves", drawnLeaves)
		return tree
	}
	var picture strings.Builder
	if err := tree.Draw(&picture, treekem.DrawParams{}); err == nil {
		n.Drawing = picture.String()
	}
	return tree
}

// RatchetTreeOf returns the data of a ratchet_tree extension. The input holds it bare, or in a GroupInfo with or
// without MLSMessage around it. It fails when there is none.
func RatchetTreeOf(data []byte) ([]byte, error) {
	side, err := NewSide(data)
	if err != nil {
		return nil, err
	}
	if side.Tree == nil {
		return nil, errNoTree
	}
	return framing.Marshal(framing.RatchetTree{}.With(side.Tree))
}

var errNoTree = errors.New("no ratchet tree inside")
