package vectors

import (
	"fmt"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
)

// secretTree is a case of secret-tree.json: keys of some generations of every leaf.
type secretTree struct {
	suited
	SenderData struct {
		Secret     hexBytes `json:"sender_data_secret"`
		Ciphertext hexBytes `json:"ciphertext"`
		Key        hexBytes `json:"key"`
		Nonce      hexBytes `json:"nonce"`
	} `json:"sender_data"`
	EncryptionSecret hexBytes           `json:"encryption_secret"`
	Leaves           [][]generationKeys `json:"leaves"`
}

type generationKeys struct {
	Generation       framing.Generation `json:"generation"`
	HandshakeKey     hexBytes           `json:"handshake_key"`
	HandshakeNonce   hexBytes           `json:"handshake_nonce"`
	ApplicationKey   hexBytes           `json:"application_key"`
	ApplicationNonce hexBytes           `json:"application_nonce"`
}

func replaySecretTree(t *trial, c *secretTree) {
	key, nonce := (&framing.PrivateMessage{Ciphertext: c.SenderData.Ciphertext}).SenderDataKeyAndNonce(t.suite, c.SenderData.Secret.secret())
	t.equal("sender_data.key", key.Bytes(), c.SenderData.Key)
	t.equal("sender_data.nonce", nonce.Bytes(), c.SenderData.Nonce)

	tree, ok := t.secretTree(c.EncryptionSecret, uint32(len(c.Leaves)), framing.NoLeaf)
	if !ok {
		return
	}
	for i, leaf := range c.Leaves {
		for _, g := range leaf {
			at := fmt.Sprintf("leaves[%d], generation %d, ", i, g.Generation)
			leaf := framing.LeafIndex(i)
			for _, want := range []ratchetKey{
				{leaf, keyschedule.HandshakeRatchet, g.Generation, g.HandshakeKey, g.HandshakeNonce},
				{leaf, keyschedule.ApplicationRatchet, g.Generation, g.ApplicationKey, g.ApplicationNonce},
			} {
				tree = t.ratchet(at+want.kind.String(), tree, want)
			}
		}
	}
}

// secretTree makes the secret tree of the member at leaf own, or of somebody who only receives.
func (t *trial) secretTree(encryption hexBytes, leaves uint32, own framing.LeafIndex) (*keyschedule.SecretTree, bool) {
	secret, err := keyschedule.NewEncryptionSecret(t.suite, encryption.secret())
	if !t.succeeds("encryption_secret", err) {
		return nil, false
	}
	tree, err := keyschedule.NewSecretTree(secret, keyschedule.TreeParams{Suite: t.suite, Leaves: leaves, Own: own})
	return tree, t.succeeds("secret tree", err)
}

// ratchetKey is what one generation of a ratchet has to give.
type ratchetKey struct {
	leaf       framing.LeafIndex
	kind       keyschedule.RatchetKind
	generation framing.Generation
	key, nonce []byte
}

// ratchet checks one key and returns the tree without it.
func (t *trial) ratchet(at string, tree *keyschedule.SecretTree, want ratchetKey) *keyschedule.SecretTree {
	got, next, err := tree.ReceivingKey(want.leaf, want.kind, want.generation)
	if !t.succeeds(at+" ratchet", err) {
		return tree
	}
	t.equal(at+"_key", got.Key.Bytes(), want.key)
	t.equal(at+"_nonce", got.Nonce.Bytes(), want.nonce)
	return next
}
