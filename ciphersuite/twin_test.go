package ciphersuite_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
)

// Every ECDSA signature has a twin that verifies, whose own twin it is; EdDSA signatures have none.
func TestTwinSignature(t *testing.T) {
	for _, cs := range ciphersuite.All() {
		suite, err := ciphersuite.New(cs)
		if err != nil {
			continue // of another build
		}
		signer, err := suite.GenerateSigner(nil)
		require.NoError(t, err)
		key, err := suite.PublicKeyOf(signer)
		require.NoError(t, err)
		message := []byte("message")
		signature, err := suite.Sign(nil, signer, message)
		require.NoError(t, err)
		twin := suite.TwinSignature(signature)
		switch cs {
		case ciphersuite.MLS128DHKEMP256AES128GCMSHA256P256, ciphersuite.MLS256DHKEMP384AES256GCMSHA384P384,
			ciphersuite.MLS256DHKEMP521AES256GCMSHA512P521:
			require.NotEqual(t, signature, twin)
			require.NoError(t, suite.Verify(key, message, twin))
			require.Equal(t, signature, suite.TwinSignature(twin))
			require.Nil(t, suite.TwinSignature(append(twin, 0)))
			require.Nil(t, suite.TwinSignature([]byte{0x30, 6, 2, 1, 0, 2, 1, 1}), "zero is out of range")
		default:
			require.Nil(t, twin, "%v", cs)
		}
		require.Nil(t, suite.TwinSignature(nil))
	}
}
