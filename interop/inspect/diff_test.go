package inspect

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
)

func side(t testing.TB, data []byte) *Side {
	t.Helper()
	s, err := NewSide(data)
	require.NoError(t, err)
	return s
}

func (m MemberChange) String() string { return m.Change + " " + m.name() }

func TestDiffOfTheStory(t *testing.T) {
	s := stored(t)
	a, b := side(t, s["group_info_1"]), side(t, s["group_info_2"])
	c := Diff(a, b)
	var members []string
	for _, m := range c.Members {
		members = append(members, m.String())
	}
	require.Equal(t, []string{`changed "alice"`, `left "carol"`, `joined "erin"`}, members)
	require.Equal(t, &[2]int{4, 4}, c.Count)
	epoch := c.Fields[0]
	require.Equal(t, FieldChange{"epoch", "1", "2"}, epoch)

	back := Diff(b, a)
	require.Len(t, back.Fields, len(c.Fields))
	require.Len(t, back.Nodes, len(c.Nodes))
	require.Equal(t, FieldChange{"epoch", "2", "1"}, back.Fields[0])

	same := Diff(b, side(t, s["group_info_2"][4:]))
	require.False(t, same.Any(), "an MLSMessage and the GroupInfo inside")
	tree := Diff(b, side(t, s["ratchet_tree"]))
	require.False(t, tree.Any(), "only trees can be compared, and they are the same")
	require.NotNil(t, tree.Count)
}

// TestDiffOfLeaves changes one thing of a leaf at a time.
func TestDiffOfLeaves(t *testing.T) {
	for want, change := range map[string]func(*framing.LeafNode){
		"encryption_key":         func(l *framing.LeafNode) { l.EncryptionKey = []byte{1} },
		"signature_key":          func(l *framing.LeafNode) { l.SignatureKey = []byte{1} },
		"credential":             func(l *framing.LeafNode) { l.Credential = framing.X509Credential([]byte{1}) },
		"capabilities.proposals": func(l *framing.LeafNode) { l.Capabilities.Proposals = []framing.ProposalType{9} },
		"leaf_node_source":       func(l *framing.LeafNode) { l.LeafNodeSource = framing.LeafNodeSourceUpdate },
		"lifetime":               func(l *framing.LeafNode) { l.Lifetime.NotAfter++ },
		"signature":              func(l *framing.LeafNode) { l.Signature = nil },
		"extension unknown (0x0099)": func(l *framing.LeafNode) {
			l.Extensions = framing.Extensions{{Type: 0x99, Data: []byte{1}}}
		},
	} {
		a, b := side(t, stored(t)["ratchet_tree"]), side(t, stored(t)["ratchet_tree"])
		bob := b.Tree[2].LeafNode
		require.Equal(t, framing.LeafNodeSourceKeyPackage, bob.LeafNodeSource)
		change(bob)
		c := Diff(a, b)
		require.Len(t, c.Members, 1, want)
		require.Equal(t, "changed", c.Members[0].Change)
		require.Equal(t, want, c.Members[0].Fields[0].Field)
		var out bytes.Buffer
		require.NoError(t, c.WriteText(&out, TextParams{}))
		require.Contains(t, out.String(), want)
		require.NoError(t, json.NewEncoder(&out).Encode(c))
	}
}

// TestDiffReplaced puts another member into a leaf.
func TestDiffReplaced(t *testing.T) {
	a, b := side(t, stored(t)["ratchet_tree"]), side(t, stored(t)["ratchet_tree"])
	b.Tree[2].LeafNode.SignatureKey = []byte{1, 2, 3}
	b.Tree[2].LeafNode.Credential = framing.BasicCredential([]byte{0x80})
	c := Diff(a, b)
	require.Len(t, c.Members, 2)
	require.Equal(t, `left "bob"`, c.Members[0].String())
	require.Equal(t, `joined signature key 010203…`, c.Members[1].String())
}

func TestNotAState(t *testing.T) {
	s := stored(t)
	for _, name := range []string{"key_package", "commit", "welcome", "private_message"} {
		_, err := NewSide(s[name])
		require.ErrorIs(t, err, ErrNotAState, name)
	}
	_, err := NewSide(s["group_info_1"][:100])
	var syntax *framing.SyntaxError
	require.ErrorAs(t, err, &syntax)
}
