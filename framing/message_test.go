package framing

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// requireCut holds Cut against Unmarshal: what it cuts off decodes, and what it refuses does not.
func requireCut(t require.TestingT, in []byte) {
	message, rest, err := Cut(in)
	if err != nil {
		requireSyntaxError(t, err, len(in))
		require.Nil(t, message)
		require.Nil(t, rest)
		require.Error(t, Unmarshal(in, new(Message)))
		return
	}
	require.Equal(t, in, append(bytes.Clone(message), rest...))
	require.Equal(t, len(message), cap(message), "appending to the message would write over the rest")
	require.NoError(t, Unmarshal(message, new(Message)))
	require.Equal(t, len(rest) == 0, Unmarshal(in, new(Message)) == nil)
}

func TestCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want [][]byte
		var stream []byte
		for range rapid.IntRange(0, 4).Draw(t, "messages") {
			m := marshal(t, sampleOf(new(Message)).Draw(t, "message"))
			want, stream = append(want, m), append(stream, m...)
		}
		data := stream
		for _, m := range want {
			got, rest, err := Cut(data)
			require.NoError(t, err)
			require.Equal(t, m, got)
			require.Same(t, &data[0], &got[0], "nothing is copied")
			data = rest
		}
		require.Empty(t, data)

		// What is cut short is the beginning of a message; what has another version or wire format is none.
		if len(want) == 0 {
			return
		}
		n := rapid.IntRange(0, len(want[0])-1).Draw(t, "cut")
		_, _, err := Cut(stream[:n])
		var syntax *SyntaxError
		require.True(t, errors.As(err, &syntax), "%v", err)
		require.True(t, syntax.Incomplete, "%v", err)
		for at := range 4 {
			bad := bytes.Clone(stream)
			bad[at] ^= 0x40
			_, _, err := Cut(bad)
			require.True(t, errors.As(err, &syntax), "%v", err)
			require.False(t, syntax.Incomplete, "%v", err)
		}
	})
}

// TestCutReadsOneMessage: what follows the first message costs nothing, whatever it is.
func TestCutReadsOneMessage(t *testing.T) {
	m := marshal(t, sampleOf(new(Message)).Example(1))
	cost := func(data []byte) float64 {
		return testing.AllocsPerRun(10, func() {
			message, _, err := Cut(data)
			require.NoError(t, err)
			require.Len(t, message, len(m))
		})
	}
	alone := cost(m)
	require.Equal(t, alone, cost(append(bytes.Clone(m), bytes.Repeat([]byte{0xff}, 1<<20)...)))
	require.Equal(t, alone, cost(append(bytes.Clone(m), bytes.Repeat(m, 1000)...)))
	// A header that announces more than there is allocates nothing for it.
	_, _, err := Cut([]byte{0, 1, 0, 2, 0xbf, 0xff, 0xff, 0xff})
	requireSyntaxError(t, err, 8)
}
