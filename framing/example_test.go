package framing_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"log"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// A member proposes to remove another. Keys and group context come from the key schedule and the tree.
func Example() {
	suite, err := ciphersuite.New(ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519)
	check(err)
	signer, err := suite.GenerateSigner(rand.Reader)
	check(err)
	signatureKey, err := suite.PublicKeyOf(signer)
	check(err)
	membershipKey := ciphersuite.NewSecret(bytes.Repeat([]byte{1}, suite.HashSize))
	context := &framing.GroupContext{
		Version: framing.MLS10, CipherSuite: suite.CipherSuite(), GroupID: []byte("hikers"), Epoch: 7,
	}

	// Sign, seal, encode.
	content := &framing.FramedContent{
		GroupID:     context.GroupID,
		Epoch:       context.Epoch,
		Sender:      framing.Sender{SenderType: framing.SenderTypeMember, LeafIndex: 2},
		ContentType: framing.ContentTypeProposal,
		Proposal:    &framing.Remove{Removed: 5},
	}
	signing := framing.SignParams{Suite: suite, Rand: rand.Reader, Signer: signer}
	signed, err := content.Sign(signing, framing.WireFormatPublicMessage, context)
	check(err)
	public, err := signed.SealPublic(suite, membershipKey)
	check(err)
	sent, err := framing.Marshal(&framing.Message{Body: public})
	check(err)

	// Decode, open.
	var message framing.Message
	check(framing.Unmarshal(sent, &message))
	received, ok := message.Body.(*framing.PublicMessage)
	if !ok {
		log.Fatalf("unexpected %v", message.Body.WireFormat())
	}
	opened, err := received.Open(framing.VerifyParams{
		Suite: suite, SignatureKey: signatureKey, GroupContext: context, MembershipKey: membershipKey,
	})
	check(err)
	sender := opened.Content().Sender
	if remove, ok := opened.Content().Proposal.(*framing.Remove); ok {
		fmt.Println(sender.SenderType, sender.LeafIndex, "proposes to remove", remove.Removed)
	}
	// Output: member 2 proposes to remove 5
}

// What a server sends at once is cut into the messages that it holds.
func ExampleCut() {
	var received []byte
	for _, text := range []string{"one", "two"} {
		var err error
		received, err = framing.Append(received, &framing.Message{Body: &framing.PrivateMessage{
			GroupID: []byte("hikers"), Epoch: 7, ContentType: framing.ContentTypeApplication, Ciphertext: []byte(text),
		}})
		check(err)
	}
	for len(received) > 0 {
		message, rest, err := framing.Cut(received)
		check(err)
		fmt.Println(len(message), "bytes,", len(rest), "remain")
		received = rest
	}
	// Output:
	// 26 bytes, 26 remain
	// 26 bytes, 0 remain
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
