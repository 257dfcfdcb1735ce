package treekem

// RFC 9420, Section 7.4: what making a path and decrypting one have in common.

import (
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

const updatePathLabel = "UpdatePathNode"

// ratchetPathSecrets derives n path secrets, of which the given one is the first, and the one after them, which is
// the commit secret (RFC 9420, Sections 7.4 and 12.4.1).
func ratchetPathSecrets(suite *ciphersuite.Suite, first ciphersuite.Secret, n int) ([]ciphersuite.Secret, ciphersuite.Secret) {
	secrets := make([]ciphersuite.Secret, 0, n)
	for range n {
		secrets = append(secrets, first)
		first = suite.DeriveSecret(first, "path")
	}
	return secrets, first
}

// nodeKeyPairs derives the key pair of each path secret (RFC 9420, Section 7.4).
func nodeKeyPairs(suite *ciphersuite.Suite, pathSecrets []ciphersuite.Secret) ([]ciphersuite.KeyPair, error) {
	nodeSecrets := make([]ciphersuite.Secret, len(pathSecrets))
	for k, s := range pathSecrets {
		nodeSecrets[k] = suite.DeriveSecret(s, "node")
	}
	defer eraseAll(nodeSecrets)
	return suite.DeriveKeyPairs(nodeSecrets)
}

// exclude returns a resolution without the leaves just added.
func exclude(resolution []NodeIndex, added []framing.LeafIndex) []NodeIndex {
	if len(added) == 0 {
		return resolution
	}
	sorted := slices.Clone(added)
	slices.Sort(sorted)
	return slices.DeleteFunc(resolution, func(x NodeIndex) bool {
		i, leaf := x.Leaf()
		_, found := slices.BinarySearch(sorted, i)
		return leaf && found
	})
}

func eraseAll(secrets []ciphersuite.Secret) {
	for _, s := range secrets {
		s.Erase()
	}
}

func erasePairs(pairs []ciphersuite.KeyPair) {
	for _, pair := range pairs {
		pair.Private.Erase()
	}
}
