package treekem_test

import (
	"bytes"
	"crypto"
	"fmt"
	"os"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// Two members of three: Alice commits a path, and Carol learns the same commit secret from it.
func ExampleTree_Edit() {
	suite, err := ciphersuite.New(ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519)
	check(err)
	alice, bob, carol := newMember(suite, "alice"), newMember(suite, "bob"), newMember(suite, "carol")

	// Alice makes a group and adds the others.
	tree, err := treekem.New(suite, alice.leaf)
	check(err)
	edit := tree.Edit()
	for _, m := range []member{bob, carol} {
		_, err = edit.Add(m.leaf)
		check(err)
	}
	tree, err = edit.Tree()
	check(err)
	carolsKeys := treekem.NewPrivatePath(suite, 2, carol.pair)

	// Alice sets a path and encrypts its secrets.
	groupID := []byte("group")
	edit = tree.Edit()
	path, err := edit.NewPath(treekem.PathParams{Sender: 0, GroupID: groupID, Signer: alice.signer, Leaf: *alice.leaf})
	check(err)
	after, err := edit.Tree()
	check(err)
	context, err := framing.Marshal(&framing.GroupContext{
		Version: framing.MLS10, CipherSuite: suite.CipherSuite(), GroupID: groupID, Epoch: 1, TreeHash: after.Hash()})
	check(err)
	update, err := path.Seal(nil, after, context, nil)
	check(err)

	// Carol applies it to her tree, which is the same as Alice's before.
	edit = tree.Edit()
	check(edit.ApplyPath(treekem.ApplyPathParams{Sender: 0, Path: update}))
	received, err := edit.Tree()
	check(err)
	next, commitSecret, err := carolsKeys.Decapsulate(treekem.DecapsulateParams{
		Tree: received, Sender: 0, Path: update, GroupContext: context})
	check(err)
	check(next.Check(received))

	fmt.Println("one tree:", bytes.Equal(received.Hash(), after.Hash()))
	fmt.Println("one commit secret:", commitSecret.Equal(path.CommitSecret()))
	path.Erase()
	check(received.Draw(os.Stdout, treekem.DrawParams{}))
	// Output:
	// one tree: true
	// one commit secret: true
	//              (3)
	//       ┌───────┴───────┐
	//      (1)              _
	//   ┌───┴───┐       ┌───┴───┐
	// alice    bob    carol     _
	//   0       1       2       3
}

type member struct {
	leaf   *framing.LeafNode
	pair   ciphersuite.KeyPair
	signer crypto.Signer
}

func newMember(suite *ciphersuite.Suite, name string) member {
	pair, err := suite.GenerateKeyPair(nil)
	check(err)
	signer, err := suite.GenerateSigner(nil)
	check(err)
	public, err := suite.PublicKeyOf(signer)
	check(err)
	leaf := &framing.LeafNode{
		EncryptionKey:  pair.Public,
		SignatureKey:   public,
		Credential:     framing.BasicCredential([]byte(name)),
		LeafNodeSource: framing.LeafNodeSourceKeyPackage, // signed as part of a KeyPackage
	}
	return member{leaf, pair, signer}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
