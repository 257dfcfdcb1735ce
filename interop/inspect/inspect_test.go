package inspect

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// messages returns the samples that are one MLSMessage each.
func messages() []string {
	return []string{"commit", "group_info_1", "group_info_2", "key_package", "private_message", "proposal", "welcome"}
}

// render returns the report in both of its forms.
func render(t testing.TB, r *Report) (text, asJSON string) {
	t.Helper()
	var a, b bytes.Buffer
	require.NoError(t, r.WriteText(&a, TextParams{Full: true}))
	require.NoError(t, json.NewEncoder(&b).Encode(r))
	return a.String(), b.String()
}

func (r *Report) notes(s Status) (about []string) {
	for _, p := range r.Parts {
		p.Root.walk(func(n *Node) {
			for _, note := range n.Notes {
				if note.Status == s {
					about = append(about, note.About)
				}
			}
		})
	}
	slices.Sort(about)
	return slices.Compact(about)
}

// TestAllSuites reads what a group of every suite sends, guessing, and opens its Welcome.
func TestAllSuites(t *testing.T) {
	for _, cs := range ciphersuite.Supported() {
		s := tell(t, cs)
		for _, name := range append(messages(), "ratchet_tree") {
			r := readable(t, name, s[name], Params{Now: storyTime})
			require.Zero(t, r.Failures(), "%v: %s", cs, name)
			require.Equal(t, name == "ratchet_tree", r.Type == "RatchetTree")
		}
		r := readable(t, "welcome", s["welcome"], Params{InitKey: InitKeyOf(s["own_key_package"]), PSKs: []PSK{thePSK}})
		require.Len(t, r.Parts, 3)
		require.Zero(t, r.Failures())
		require.Equal(t, []string{"all checks of a tree on joining", "confirmation_tag", "form of the tree",
			"signature of GroupInfo"}, r.notes(Holds))
	}
}

func TestKeyPackageRef(t *testing.T) {
	s := stored(t)
	var m framing.Message
	require.NoError(t, framing.Unmarshal(s["key_package"], &m))
	suite, err := ciphersuite.New(1)
	require.NoError(t, err)
	ref, err := m.Body.(*framing.KeyPackage).Ref(suite)
	require.NoError(t, err)
	text, asJSON := render(t, readable(t, "key_package", s["key_package"], Params{}))
	for _, out := range []string{text, asJSON} {
		require.Contains(t, out, hex.EncodeToString(ref))
	}
	welcome, _ := render(t, readable(t, "welcome", s["welcome"], Params{}))
	require.Contains(t, welcome, hex.EncodeToString(ref), "the Welcome names the KeyPackage by the same reference")
}

// TestProposalRef shows that a commit names the proposal by the reference that was shown of it.
func TestProposalRef(t *testing.T) {
	s := stored(t)
	r := readable(t, "proposal", s["proposal"], Params{CipherSuite: 1})
	require.Contains(t, r.notes(Fact), "ProposalRef")
	i := slices.IndexFunc(r.Parts[0].Root.Children[2].Notes, func(n Note) bool { return n.About == "ProposalRef" })
	commit, _ := render(t, readable(t, "commit", s["commit"], Params{}))
	require.Contains(t, commit, r.Parts[0].Root.Children[2].Notes[i].Detail)
	require.Contains(t, readable(t, "proposal", s["proposal"], Params{}).notes(Unchecked), "ProposalRef")
}

// TestTampered turns a bit of each byte of a KeyPackage and of a GroupInfo: it is refused with a position, or
// some check fails, or the report says that the signature was not checked.
func TestTampered(t *testing.T) {
	s := stored(t)
	for _, name := range []string{"key_package", "group_info_2"} {
		for i := range s[name] {
			data := bytes.Clone(s[name])
			data[i] ^= 1
			r, err := Inspect(data, Params{Type: "MLSMessage"})
			require.NoError(t, err)
			unchecked := slices.ContainsFunc(r.notes(Unchecked), func(about string) bool {
				return strings.HasPrefix(about, "signature") // of another suite, or the tree is not to be found any more
			})
			require.True(t, !r.OK() || r.Failures() > 0 || unchecked, "%s with byte %d changed", name, i)
		}
	}
}

func TestWelcomeSecrets(t *testing.T) {
	s := stored(t)
	open := Params{InitKey: ciphersuite.NewSecret(s["init_key"]), PSKs: []PSK{thePSK}}
	redacted, redactedJSON := render(t, readable(t, "welcome", s["welcome"], open))
	open.ShowSecrets = true
	r := readable(t, "welcome", s["welcome"], open)
	require.Len(t, r.Parts, 3)
	joiner := r.Parts[1].Root.Children[0]
	require.Equal(t, "joiner_secret", joiner.Field)
	require.Len(t, joiner.Bytes, 32)
	secret := hex.EncodeToString(joiner.Bytes)
	plain, plainJSON := render(t, r)
	for _, out := range []string{plain, plainJSON} {
		require.Contains(t, out, secret)
	}
	for _, out := range []string{redacted, redactedJSON} {
		require.NotContains(t, out, secret)
		require.NotContains(t, out, hex.EncodeToString(s["init_key"]))
		require.NotContains(t, out, hex.EncodeToString(thePSK.Secret.Bytes()))
	}
}

func TestWelcomeNotOpened(t *testing.T) {
	s := stored(t)
	key := ciphersuite.NewSecret(s["init_key"])
	r, err := Inspect(s["welcome"], Params{InitKey: key})
	require.NoError(t, err)
	require.Contains(t, r.Problem.Reason, "takes the PSK psks[0]")
	require.Len(t, r.Parts, 2, "the group secrets were opened")

	r, err = Inspect(s["welcome"], Params{InitKey: key, PSKs: []PSK{{"oak", ciphersuite.NewSecret([]byte("wrong"))}}})
	require.NoError(t, err)
	require.Equal(t, "group info: group info: ciphersuite: decryption failed", r.Problem.Reason)

	other := bytes.Clone(s["init_key"])
	other[5] ^= 1
	r, err = Inspect(s["welcome"], Params{InitKey: ciphersuite.NewSecret(other)})
	require.NoError(t, err)
	require.Contains(t, r.Problem.Reason, "none of the 1 entries opens")

	_, err = Inspect(s["welcome"], Params{InitKey: ciphersuite.NewSecret([]byte("short"))})
	require.ErrorIs(t, err, ErrInitKey)
}

// TestTruncations cuts each message at every place and names the place where it stops making sense.
func TestTruncations(t *testing.T) {
	s := stored(t)
	for _, name := range messages() {
		for n := range s[name] {
			r, err := Inspect(s[name][:n], Params{Type: "MLSMessage"})
			require.NoError(t, err)
			require.False(t, r.OK(), "%s of %d bytes", name, n)
			require.True(t, r.Problem.Incomplete, "%s of %d bytes: %v", name, n, r.Problem)
			require.LessOrEqual(t, r.Problem.Offset, n)
			text, _ := render(t, r)
			require.Contains(t, text, "stopped at offset ")
		}
	}
}

// TestWhereItStops cuts a GroupInfo inside the tree inside its extension: the place named is the innermost.
func TestWhereItStops(t *testing.T) {
	s := stored(t)
	r, err := Inspect(s["group_info_2"][:400], Params{})
	require.NoError(t, err)
	require.Equal(t, "MLSMessage", r.Type)
	trees := r.Parts[0].Root.find("RatchetTree")
	require.Len(t, trees, 1)
	require.NotEmpty(t, trees[0].find("LeafNode"))
	require.Contains(t, []string{"LeafNode", "ParentNode", "Capabilities"}, r.Problem.Struct)
	require.Greater(t, r.Problem.Offset, 300)

	// A leaf_node_source that does not exist.
	leaf := trees[0].find("LeafNode")[0]
	i := slices.IndexFunc(leaf.Children, func(n *Node) bool { return n.Field == "leaf_node_source" })
	data := bytes.Clone(s["group_info_2"])
	data[leaf.Children[i].Offset] = 9
	r, err = Inspect(data, Params{})
	require.NoError(t, err)
	require.Equal(t, "LeafNode", r.Problem.Struct)
	require.Equal(t, "leaf_node_source", r.Problem.Field)
	require.Equal(t, "7.2", r.Problem.Section)
	require.Equal(t, leaf.Children[i].Offset, r.Problem.Offset)
	require.False(t, r.Problem.Incomplete)
}

func TestTrailingBytes(t *testing.T) {
	data := append(bytes.Clone(stored(t)["key_package"]), 1, 2, 3)
	r, err := Inspect(data, Params{})
	require.NoError(t, err)
	require.Equal(t, "MLSMessage", r.Type)
	require.Equal(t, "3 bytes remain after the structure", r.Problem.Reason)
	require.Equal(t, len(data)-3, r.Problem.Offset)
}

// TestGuess strips the MLSMessage from samples and checks that the bare structures are recognized.
func TestGuess(t *testing.T) {
	s := stored(t)
	for name, want := range map[string]string{"commit": "PublicMessage", "group_info_1": "GroupInfo", "welcome": "Welcome",
		"key_package": "KeyPackage", "private_message": "PrivateMessage", "proposal": "PublicMessage"} {
		r := readable(t, name, s[name][4:], Params{})
		require.Equal(t, want, r.Type, "%s, also %v", name, r.Also)
	}
	var m framing.Message
	require.NoError(t, framing.Unmarshal(s["group_info_2"], &m))
	info := m.Body.(*framing.GroupInfo)
	for want, v := range map[string]framing.Value{"GroupContext": &info.GroupContext, "Extensions": &info.Extensions} {
		data, err := framing.Marshal(v)
		require.NoError(t, err)
		require.Equal(t, want, readable(t, want, data, Params{}).Type)
	}
}

func TestOptions(t *testing.T) {
	_, err := Inspect([]byte{0}, Params{Type: "Nonsense"})
	require.ErrorIs(t, err, ErrType)
	_, err = Inspect([]byte{0}, Params{Type: "HPKECiphertext"})
	require.ErrorIs(t, err, ErrType, "it only occurs within others")
	for _, name := range Types() {
		r, err := Inspect(nil, Params{Type: name})
		require.NoError(t, err)
		require.False(t, r.OK(), "%s of no bytes", name)
	}
	r, err := Inspect(nil, Params{})
	require.NoError(t, err)
	require.False(t, r.OK())
	r, err = Inspect(stored(t)["key_package"], Params{Type: "mlsmessage"})
	require.NoError(t, err)
	require.True(t, r.OK())
	require.False(t, r.Guessed)
}

func TestExternalTree(t *testing.T) {
	s := stored(t)
	var m framing.Message
	require.NoError(t, framing.Unmarshal(s["group_info_2"], &m))
	info := m.Body.(*framing.GroupInfo)
	info.Extensions = slices.DeleteFunc(info.Extensions, func(x framing.Extension) bool {
		return x.Type == framing.ExtensionTypeRatchetTree
	})
	data, err := framing.Marshal(info)
	require.NoError(t, err)
	require.Contains(t, readable(t, "no tree", data, Params{}).notes(Unchecked), "signature of GroupInfo")
	tree, err := RatchetTreeOf(s["group_info_2"])
	require.NoError(t, err)
	require.Equal(t, s["ratchet_tree"], tree)
	r := readable(t, "tree beside", data, Params{RatchetTree: tree})
	require.Contains(t, r.notes(Holds), "all checks of a tree on joining")
	require.Equal(t, []string{"signature of GroupInfo"}, r.notes(Fails), "the signature covers the extensions")
	_, err = RatchetTreeOf(s["key_package"])
	require.ErrorIs(t, err, ErrNotAState)
}

func TestLifetimes(t *testing.T) {
	s := stored(t)
	for when, want := range map[time.Time]string{
		storyTime:                     ", valid now",
		storyTime.Add(-2 * time.Hour): ", not begun yet",
		storyTime.AddDate(101, 0, 0):  ", expired",
		{}:                            " hour, longer than",
	} {
		text, _ := render(t, readable(t, "key_package", s["key_package"], Params{Now: when}))
		require.Contains(t, text, "36500 days and 1 hour")
		require.Contains(t, text, want)
	}
}

func TestDecode(t *testing.T) {
	data := stored(t)["key_package"]
	text := hex.EncodeToString(data)
	for written, want := range map[string]Encoding{
		string(data):          Raw,
		text:                  Hex,
		strings.ToUpper(text): Hex,
		" " + text[:11] + "\n\t" + text[11:] + "\r\n":  Hex,
		base64.StdEncoding.EncodeToString(data) + "\n": Base64,
		base64.RawURLEncoding.EncodeToString(data):     Base64,
		base64.URLEncoding.EncodeToString(data):        Base64,
	} {
		got, encoding, err := Decode([]byte(written), Guess)
		require.NoError(t, err)
		require.Equal(t, want, encoding)
		require.Equal(t, data, got)
		got, _, err = Decode([]byte(written), want)
		require.NoError(t, err)
		require.Equal(t, data, got)
	}
	for written, e := range map[string]Encoding{"0g": Hex, "123": Hex, "a?": Base64, "": "morse"} {
		_, _, err := Decode([]byte(written), e)
		require.ErrorIs(t, err, ErrEncoding)
	}
}

func TestParsePSK(t *testing.T) {
	for _, s := range []string{"", "id", "id=", "id=xyz", "=0"} {
		_, err := ParsePSK(s)
		require.ErrorIs(t, err, ErrPSK, s)
	}
	psk, err := ParsePSK("a=b=0102")
	require.NoError(t, err)
	require.Equal(t, "a=b", psk.ID)
	require.Equal(t, []byte{1, 2}, psk.Secret.Bytes())
	require.True(t, psk.is(&framing.PreSharedKeyID{PSKType: framing.PSKTypeExternal, PSKID: []byte("a=b")}))

	id := &framing.PreSharedKeyID{PSKType: framing.PSKTypeResumption, PSKGroupID: []byte{0xab}, PSKEpoch: 7}
	for s, want := range map[string]bool{"ab/7=00": true, "\xab/7=00": true, "ab/8=00": false, "ab=00": false, "ac/7=00": false} {
		psk, err := ParsePSK(s)
		require.NoError(t, err)
		require.Equal(t, want, psk.is(id), s)
	}
}

// TestNesting puts a tree into an extension of a leaf of a tree, over and over: it is not followed without bound.
func TestNesting(t *testing.T) {
	data := []byte{0}
	for range 2000 {
		tree, err := framing.Marshal(framing.RatchetTree{}.With([]*framing.Node{{LeafNode: &framing.LeafNode{
			LeafNodeSource: framing.LeafNodeSourceUpdate,
			Extensions:     framing.Extensions{{Type: framing.ExtensionTypeRatchetTree, Data: data}},
		}}}))
		require.NoError(t, err)
		data = tree
	}
	r, err := Inspect(data, Params{Type: "RatchetTree"})
	require.NoError(t, err)
	require.True(t, r.OK())
	require.Len(t, r.Parts[0].Root.find("RatchetTree"), 1+maxNesting)
}

// FuzzInspect shows arbitrary bytes: no panic, and no more output than a multiple of the input.
func FuzzInspect(f *testing.F) {
	for _, data := range stored(f) {
		f.Add(data)
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		text, asJSON := "", ""
		r, err := Inspect(data, Params{InitKey: ciphersuite.NewSecret(bytes.Repeat([]byte{1}, 32)), Now: storyTime})
		if err != nil {
			require.ErrorIs(t, err, ErrInitKey)
			return
		}
		text, asJSON = render(t, r)
		require.LessOrEqual(t, len(text), 4096+1000*len(data))
		require.LessOrEqual(t, len(asJSON), 4096+1000*len(data))
		require.Equal(t, r.OK(), r.Problem == nil)
		if side, err := NewSide(data); err == nil {
			require.False(t, Diff(side, side).Any())
		}
	})
}
