package edwards

import (
	"crypto/ed25519"
	"encoding/hex"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"
)

func unhex(t *testing.T, s string) []byte {
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

// Test 2 of RFC 8032, Section 7.1.
func TestVerifyKnownAnswer(t *testing.T) {
	key := unhex(t, "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c")
	signature := unhex(t, "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"+
		"085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")
	require.True(t, Verify(key, []byte{0x72}, signature))
	require.False(t, Verify(key, []byte{0x73}, signature))
}

func TestAgainstStandardLibrary(t *testing.T) {
	for i := range 8 {
		seed := make([]byte, ed25519.SeedSize)
		seed[0] = byte(i)
		private := ed25519.NewKeyFromSeed(seed)
		key := private.Public().(ed25519.PublicKey)
		signature := ed25519.Sign(private, seed)
		require.True(t, Verify(key, seed, signature))
		for _, bit := range []int{0, 255, 256, 300, 511} {
			signature[bit/8] ^= 1 << (bit % 8)
			require.Equal(t, ed25519.Verify(key, seed, signature), Verify(key, seed, signature), "bit %d", bit)
			signature[bit/8] ^= 1 << (bit % 8)
		}
	}
}

func TestGroup(t *testing.T) {
	c := New()
	require.Equal(t, "5866666666666666666666666666666666666666666666666666666666666666", hex.EncodeToString(c.Encode(c.Base)))
	identity := c.Multiply(new(big.Int), c.Base)
	require.True(t, c.Equal(identity, c.Multiply(c.Order, c.Base)))
	require.False(t, c.SmallOrder(c.Base))
	require.True(t, c.SmallOrder(identity))
	q, ok := c.Decode(c.Encode(c.Multiply(big.NewInt(7), c.Base)))
	require.True(t, ok)
	require.True(t, c.Equal(q, c.Multiply(big.NewInt(7), c.Base)))
}
