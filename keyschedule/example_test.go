package keyschedule_test

import (
	"crypto/rand"
	"errors"
	"fmt"
	"log"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
)

// Two members enter an epoch: one made the Commit, the other got its joiner secret by a Welcome. The member at leaf 0
// sends a message, the member at leaf 1 receives it.
func Example() {
	suite := must(ciphersuite.New(ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519))
	before, _, err := keyschedule.NewGroup(suite, rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	groupContext := []byte("encoded GroupContext of the new epoch")
	joiner := must(before.InitSecret.Joiner(keyschedule.NoCommitSecret(suite), groupContext))
	welcomed := must(keyschedule.NewJoinerSecret(suite, joiner.Secret().Clone()))

	enter := func(joiner keyschedule.JoinerSecret, own framing.LeafIndex) (*keyschedule.EpochSecrets, *keyschedule.SecretTree) {
		member := must(joiner.Member(must(keyschedule.PSKSecret(suite, nil))))
		epoch, encryption, err := member.Epoch(groupContext)
		if err != nil {
			log.Fatal(err)
		}
		return epoch, must(keyschedule.NewSecretTree(encryption, keyschedule.TreeParams{Suite: suite, Leaves: 2, Own: own}))
	}
	alice, aliceKeys := enter(joiner, 0)
	bob, bobKeys := enter(welcomed, 1)
	fmt.Println("same epoch:", alice.EpochAuthenticator.Equal(bob.EpochAuthenticator))

	sent, next, err := aliceKeys.SendingKey(keyschedule.ApplicationRatchet)
	if err != nil {
		log.Fatal(err)
	}
	aliceKeys.EraseExcept(next)

	got, next, err := bobKeys.ReceivingKey(0, keyschedule.ApplicationRatchet, sent.Generation)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("same key:", got.Key.Equal(sent.Key) && got.Nonce.Equal(sent.Nonce))
	bobKeys.EraseExcept(next) // now that the message has proved genuine

	_, _, err = next.ReceivingKey(0, keyschedule.ApplicationRatchet, sent.Generation)
	fmt.Println("replay:", errors.Is(err, keyschedule.ErrGenerationUsed))
	// Output:
	// same epoch: true
	// same key: true
	// replay: true
}

func must[T any](v T, err error) T {
	if err != nil {
		log.Fatal(err)
	}
	return v
}
