package inspect

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
)

// vector returns size bytes of a vector of one element, over and over.
func vector(element string, size int) []byte {
	unit, err := hex.DecodeString(element)
	if err != nil {
		panic(err)
	}
	content := bytes.Repeat(unit, size/len(unit))
	return append(wire.AppendLength(nil, len(content)), content...)
}

// shortDump returns size bytes of a dump of one byte a line.
func shortDump(size int) string {
	var out strings.Builder
	for i := 0; out.Len() < size; i++ {
		fmt.Fprintf(&out, "%04x: 00\n", i)
	}
	return out.String()
}

// proposalsOf returns the commit of a member that covers a list of proposals.
func proposalsOf(t *testing.T, list []byte) []byte {
	head, err := hex.DecodeString("00010001" + "0167" + "0000000000000001" + "0100000000" + "00" + "03")
	require.NoError(t, err)
	return append(append(head, list...), 0, 1, 0, 1, 0, 1, 0)
}

// manyCertificates returns a newcomer's request to be added with size bytes of certificates.
func manyCertificates(t *testing.T, size int) []byte {
	leaf := framing.LeafNode{LeafNodeSource: framing.LeafNodeSourceKeyPackage, Credential: framing.X509Credential(
		slices.Repeat([][]byte{{1, 2, 3}}, size/4)...)}
	add := &framing.Add{KeyPackage: &framing.KeyPackage{Version: framing.MLS10, CipherSuite: 1, LeafNode: leaf}}
	message, err := framing.Marshal(&framing.Message{Body: &framing.PublicMessage{Content: framing.FramedContent{
		Sender: framing.Sender{SenderType: framing.SenderTypeNewMemberProposal}, ContentType: framing.ContentTypeProposal, Proposal: add,
	}}})
	require.NoError(t, err)
	return message
}

// TestAttackInspect: what 4 MiB of nonsense or of hostile structures take from reading the text to the report in text and
// JSON stays below 200 MB, those bytes counted that are freed in between.
func TestAttackInspect(t *testing.T) {
	if every > 1 {
		t.Skip("measured without the race detector, which makes pools forget what they hold")
	}
	const size, limit = 4 << 20, 200_000_000
	random := make([]byte, size)
	_, err := rand.NewChaCha8([32]byte{}).Read(random)
	require.NoError(t, err)
	nothing := proposalsOf(t, vector("0200", size))
	for name, input := range map[string][]byte{
		"random":            random,
		"in hexadecimal":    []byte(hex.EncodeToString(random[:size/2])),
		"in a dump":         []byte(hex.Dump(random[:size/5])),
		"in a short dump":   []byte(shortDump(size)),
		"in lines":          []byte(strings.Repeat("00\n", size/3)),
		"in numbers":        []byte(strings.Repeat("1,", size/2) + "1"),
		"words":             []byte(strings.Repeat("a b ", size/4)),
		"zeros":             make([]byte, size),
		"empty references":  nothing,
		"the same as text":  []byte(hex.EncodeToString(nothing)),
		"references":        proposalsOf(t, vector("0220"+strings.Repeat("00", 32), size)),
		"Removes":           proposalsOf(t, vector("01000300000001", size)),
		"custom proposals":  proposalsOf(t, vector("01f001080000000000000000", size)),
		"PSKs":              proposalsOf(t, vector("0100040101000e"+strings.Repeat("00", 14), size)),
		"many certificates": manyCertificates(t, size),
		"extensions":        vector("0a0a0400000000", size),
		"numbers":           vector("0001", size),
		"blank nodes":       vector("00", size),
		"messages in a row": bytes.Repeat([]byte{0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}, size/17),
	} {
		for _, kind := range []string{"", "MLSMessage"} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if data, _, err := Decode(input, Guess); err == nil {
				r, err := Inspect(data, Params{Type: kind})
				require.NoError(t, err, name)
				require.NoError(t, r.WriteText(io.Discard, TextParams{}), name)
				require.NoError(t, json.NewEncoder(io.Discard).Encode(r), name)
			}
			runtime.ReadMemStats(&after)
			require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(limit), "%s, type %q", name, kind)
		}
	}
}

// TestLargeReport shows what of a large input is left out, and counts all of it.
func TestLargeReport(t *testing.T) {
	const removes = 40_000
	r, err := Inspect(proposalsOf(t, vector("01000300000001", 7*removes)), Params{})
	require.NoError(t, err)
	require.True(t, r.OK())
	commit := r.Parts[0].Root.find("Commit")[0]
	list := commit.Children[0]
	require.Equal(t, removes, *list.Count)
	require.Less(t, len(list.Children), removes)
	var text strings.Builder
	require.NoError(t, r.WriteText(&text, TextParams{Full: true}))
	require.Contains(t, text.String(), fmt.Sprintf("… %d more elements not shown", removes-len(list.Children)))
	require.Contains(t, text.String(), "at most 65536 fields: "+r.NotShown)

	r, err = Inspect(vector("0001", 2*maxFields), Params{Type: "RequiredCapabilities"})
	require.NoError(t, err)
	require.Equal(t, maxFields, *r.Parts[0].Root.Children[0].Count)
	require.NotEmpty(t, r.NotShown)

	private := []byte{0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0}
	r, err = Inspect(bytes.Repeat(private, maxMessages+2), Params{})
	require.NoError(t, err)
	require.Len(t, r.Parts, maxMessages)
	require.Equal(t, "34 bytes of further messages", r.NotShown)
}
