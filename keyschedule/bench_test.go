package keyschedule

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
)

func BenchmarkReceivingKey(b *testing.B) {
	suite := newSuite(b, firstSuite)
	start := newTestTree(b, suite, TreeParams{Leaves: 1 << 20})
	b.Run("first of a leaf", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, err := start.ReceivingKey(other, ApplicationRatchet, 0)
			require.NoError(b, err)
		}
	})
	b.Run("steady", func(b *testing.B) {
		b.ReportAllocs()
		_, tree, err := start.ReceivingKey(other, ApplicationRatchet, 0)
		require.NoError(b, err)
		for g := framing.Generation(1); b.Loop(); g++ {
			key, next, err := tree.ReceivingKey(other, ApplicationRatchet, g)
			require.NoError(b, err)
			key.Erase()
			tree.EraseExcept(next)
			tree = next
		}
	})
	b.Run("jump of 1024", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			_, _, err := start.ReceivingKey(other, ApplicationRatchet, 1024)
			require.NoError(b, err)
		}
	})
}

func BenchmarkEpoch(b *testing.B) {
	suite := newSuite(b, firstSuite)
	init, err := NewInitSecret(suite, secretOf(pattern(1, 32)))
	require.NoError(b, err)
	context := pattern(2, 200)
	b.ReportAllocs()
	for b.Loop() {
		joiner, err := init.Joiner(NoCommitSecret(suite), context)
		require.NoError(b, err)
		psk, err := PSKSecret(suite, nil)
		require.NoError(b, err)
		member, err := joiner.Member(psk)
		require.NoError(b, err)
		_, _, err = member.Epoch(context)
		require.NoError(b, err)
	}
}
