package ciphersuite_test

import (
	"crypto/rand"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
)

func Example() {
	suite, err := ciphersuite.New(ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519)
	if err != nil {
		fmt.Println(err)
		return
	}
	bob, err := suite.GenerateKeyPair(rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	to := ciphersuite.Recipient{PublicKey: bob.Public, Plaintext: ciphersuite.NewSecret([]byte("path secret"))}
	ct, err := suite.EncryptWithLabel(rand.Reader, "UpdatePathNode", []byte("group context"), to)
	if err != nil {
		fmt.Println(err)
		return
	}
	secret, err := suite.DecryptWithLabel(bob, "UpdatePathNode", []byte("group context"), ct)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(secret, secret.Len())
	// Output: [secret] 11
}

func ExampleSuite_VerifyBatch() {
	suite, err := ciphersuite.New(ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519)
	if err != nil {
		fmt.Println(err)
		return
	}
	signer, err := suite.GenerateSigner(rand.Reader)
	if err != nil {
		fmt.Println(err)
		return
	}
	key, err := suite.PublicKeyOf(signer)
	if err != nil {
		fmt.Println(err)
		return
	}
	var batch []ciphersuite.SignedMessage
	for _, text := range []string{"one", "two", "three"} {
		message := ciphersuite.AppendSignContent(nil, "LeafNodeTBS", []byte(text))
		signature, err := suite.Sign(rand.Reader, signer, message)
		if err != nil {
			fmt.Println(err)
			return
		}
		batch = append(batch, ciphersuite.SignedMessage{Key: key, Message: message, Signature: signature})
	}
	fmt.Println(suite.VerifyBatch(batch))
	batch[1].Message = batch[0].Message
	fmt.Println(suite.VerifyBatch(batch))
	// Output:
	// <nil>
	// item 1: ciphersuite: signature does not verify
}
