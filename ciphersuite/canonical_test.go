package ciphersuite

import (
	"bytes"
	"crypto/ecdh"
	"testing"

	"github.com/stretchr/testify/require"
)

// What the keys of one class do is the same, and their canonical form is one of them.
func TestAttackKeyEncodings(t *testing.T) {
	private, err := ecdh.X25519().NewPrivateKey(bytes.Repeat([]byte{7}, 32))
	require.NoError(t, err)
	agree := func(k HPKEPublicKey) []byte {
		public, err := ecdh.X25519().NewPublicKey(k)
		require.NoError(t, err)
		secret, err := private.ECDH(public)
		require.NoError(t, err)
		return secret
	}
	key := HPKEPublicKey(private.PublicKey().Bytes())
	twin := bytes.Clone(key)
	twin[31] ^= 0x80
	require.Equal(t, agree(key), agree(twin), "the topmost bit counts for nothing")
	require.True(t, key.Equal(twin))
	require.Equal(t, []byte(key), []byte(HPKEPublicKey(twin).Canonical()))

	nine := HPKEPublicKey(append([]byte{9}, make([]byte, 31)...))
	large := HPKEPublicKey(bytes.Repeat([]byte{0xff}, 32)) // 2^255 - 19 + 9 = 2^255 - 10
	large[0], large[31] = 0xf6, 0x7f
	require.Equal(t, agree(nine), agree(large))
	require.True(t, nine.Equal(large))
	large[31] |= 0x80
	require.True(t, nine.Equal(large))

	least := HPKEPublicKey(bytes.Repeat([]byte{0xff}, 32)) // 2^255 - 20 is less than the prime
	least[0], least[31] = 0xec, 0x7f
	require.Equal(t, least, least.Canonical())

	five := HPKEPublicKey(append([]byte{5}, make([]byte, 55)...))
	more := HPKEPublicKey(bytes.Repeat([]byte{0xff}, 56)) // 2^448 - 2^224 - 1 + 5 = 2^448 - 2^224 + 4
	clear(more[:28])
	more[0] = 4
	require.True(t, five.Equal(more), "%x", more.Canonical())
	below := HPKEPublicKey(bytes.Repeat([]byte{0xff}, 56)) // the prime less one
	below[0], below[28] = 0xfe, 0xfe
	require.Equal(t, below, below.Canonical())

	for _, size := range []int{0, 1, 31, 33, 65, 97, 133} {
		k := HPKEPublicKey(bytes.Repeat([]byte{0xff}, size))
		require.Equal(t, k, k.Canonical())
	}
	require.Zero(t, testing.AllocsPerRun(10, func() { key.Canonical() }), "the usual key takes no memory")
}
