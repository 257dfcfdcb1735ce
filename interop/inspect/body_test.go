package inspect

import (
	"encoding/hex"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
)

// TestRealWorldBodies: proposals of private types, as those of GSMA RCS are, whose bodies are no opaque<V>, are shown as the
// caller says that they are.
func TestRealWorldBodies(t *testing.T) {
	bodies, err := ParseBodies([]string{"0xf004=uint16+1", "0xf005=empty", "61446=uint8+opaque"})
	require.NoError(t, err)
	raw := func(kind framing.ProposalType, body ...byte) *framing.CustomProposal {
		return &framing.CustomProposal{Type: kind, Data: body, Raw: true}
	}
	var list []framing.ProposalOrRef
	for _, p := range []framing.Proposal{raw(0xf004, 1, 2, 3), raw(0xf005), raw(0xf006, 9, 2, 7, 7), &framing.CustomProposal{Type: 0xf007, Data: []byte{5}}} {
		list = append(list, framing.ProposalOrRef{Proposal: p})
	}
	content := framing.FramedContent{GroupID: []byte("group"), Sender: framing.Sender{SenderType: framing.SenderTypeMember},
		ContentType: framing.ContentTypeCommit, Commit: &framing.Commit{Proposals: list}}
	message := must(framing.Marshal(&framing.Message{Body: &framing.PublicMessage{Content: content,
		Auth: framing.FramedContentAuthData{Signature: make([]byte, 64), ConfirmationTag: make([]byte, 32)}, MembershipTag: make([]byte, 32)}}))

	require.False(t, must(Inspect(message, Params{})).OK(), "as opaque<V> they are not to be read")
	for _, data := range [][]byte{message, append(append([]byte{}, message...), message...)} {
		r := readable(t, "commit", data, Params{Bodies: bodies})
		var shown []string
		for _, n := range r.Parts[0].Root.find("CustomProposal") {
			shown = append(shown, hex.EncodeToString(n.data))
		}
		require.Equal(t, []string{"010203", "", "09020707", "0105"}, shown)
		require.NotEmpty(t, r.Parts[0].Root.find("PublicMessage")[0].Notes, "decoded once more, to be checked")
		require.Contains(t, r.notes(Unchecked), "body", "one of them is a guess")
	}
	short := must(framing.Marshal(&framing.TaggedProposal{Proposal: raw(0xf004, 1, 2)}))
	r := must(Inspect(short, Params{Type: "Proposal", Bodies: bodies}))
	require.False(t, r.OK())
	require.Contains(t, r.Problem.Reason, "no body of a proposal of type")
}

func TestParseBodies(t *testing.T) {
	for _, s := range []string{"", "0xf004", "0xf004=", "=empty", "f004=empty", "0x1f004=empty", "0xf004=uint8+", "0xf004=uint9", "0xf004=-1",
		"0xf004=99999999999", "0x0001=empty", "0x000a=5", "0xf005=opaque"} {
		_, err := ParseBodies([]string{"0xf005=empty", s})
		require.ErrorIs(t, err, ErrBody, s)
		require.ErrorContains(t, err, strconv.Quote(s))
	}
	for s, lengths := range map[string][3]int{"0xf004=empty": {0, 0, 0}, "0xF004=opaque": {-1, 2, 3}, "0xf004=uint16+opaque": {-1, -1, -1}, "0xf004=2+uint8": {-1, -1, 3}} {
		bodies, err := ParseBodies([]string{s})
		require.NoError(t, err)
		body := bodies[0xf004]
		for k, rest := range [][]byte{nil, {1, 2}, {2, 2, 2}} {
			n, ok := body(rest)
			if want := lengths[k]; want < 0 {
				require.False(t, ok, "%s of %x", s, rest)
			} else {
				require.True(t, ok, "%s of %x", s, rest)
				require.Equal(t, want, n, "%s of %x", s, rest)
			}
		}
	}
}
