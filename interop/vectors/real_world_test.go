package vectors

import (
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
)

// TestRealWorldPassiveClient replays cases that other implementations made, in the folder "real-world" beside the one of the
// published vectors.
func TestRealWorldPassiveClient(t *testing.T) {
	const name = "passive-client-random"
	dir := filepath.Join(publishedFolder(t).Dir, "..", "real-world")
	if _, err := os.Stat(filepath.Join(dir, name+".json")); err != nil {
		t.Skipf("THE CASES OF OTHER IMPLEMENTATIONS ARE NOT HERE, SO NOTHING WAS REPLAYED: %v", err)
	}
	report, err := Replay(t.Context(), ReplayParams{Folder: Folder{Dir: dir, Named: true}, Only: []string{name}})
	require.NoError(t, err)
	require.True(t, report.OK())
	require.Equal(t, 48, report.Passed+report.Skipped)
}

// TestRealWorldPrivateKeys: private signature keys that others write with the public key, or in a PKCS #8 structure, are said
// to be such, in full.
func TestRealWorldPrivateKeys(t *testing.T) {
	var cases []map[string]any
	require.NoError(t, json.Unmarshal(shortest(t, "passive-client-welcome"), &cases))
	if cases[0]["cipher_suite"] != 1.0 && cases[0]["cipher_suite"] != 3.0 {
		t.Fatalf("a case of suite %v has no Ed25519 key", cases[0]["cipher_suite"])
	}
	seed := unhex(t, cases[0]["signature_priv"])
	suite, err := ciphersuite.New(ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519)
	require.NoError(t, err)
	signer, err := suite.ParseSigner(ciphersuite.NewSecret(seed))
	require.NoError(t, err)
	key, err := suite.PublicKeyOf(signer)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(signer)
	require.NoError(t, err)
	for _, c := range []struct {
		private []byte
		says    string
	}{
		{append(unhex(t, cases[0]["signature_priv"]), key...), "its 64 bytes are a seed and the public key; expected the seed alone, 32 bytes"},
		{der, "it is a PKCS #8 structure of 48 bytes, expected the private key alone, 32 bytes"},
	} {
		cases[0]["signature_priv"] = hex.EncodeToString(c.private)
		content, err := json.Marshal(cases)
		require.NoError(t, err)
		report, err := Replay(t.Context(), ReplayParams{Folder: folder(t, "passive-client-welcome", string(content)), Only: []string{"passive-client-welcome"}})
		require.NoError(t, err)
		require.Equal(t, 1, report.Failed)
		var text strings.Builder
		require.NoError(t, report.WriteText(&text))
		require.Contains(t, text.String(), "signature_priv is a key\n  got  error: ")
		require.Contains(t, text.String(), c.says)
	}
}

func unhex(t *testing.T, v any) []byte {
	t.Helper()
	b, err := hex.DecodeString(v.(string))
	require.NoError(t, err)
	return b
}

// TestReplayMissing: files that a folder lacks are named, and do not keep the others from being replayed.
func TestReplayMissing(t *testing.T) {
	f := folder(t, "deserialization", goodHeader, "tree-math", oneLeaf)
	report, err := Replay(t.Context(), ReplayParams{Folder: f})
	require.NoError(t, err)
	require.Equal(t, []int{2, 0, 0, len(Names()) - 2}, []int{report.Passed, report.Failed, report.Skipped, report.Missing})
	require.False(t, report.OK(), "not all that was asked for ran")
	var text strings.Builder
	require.NoError(t, report.WriteText(&text))
	require.Regexp(t, `(?m)^welcome +NOT THERE`, text.String())
	require.True(t, strings.HasSuffix(text.String(), "\n2 passed, 0 failed, 0 skipped; missing files: 14\n"), text.String())

	report, err = Replay(t.Context(), ReplayParams{Folder: f, Only: []string{"tree-math"}})
	require.NoError(t, err)
	require.True(t, report.OK())

	f.Named = false // the cache or the place beside the repository: these have all files, or are broken
	require.NoError(t, os.WriteFile(filepath.Join(f.Dir, "tree-math.json"), nil, 0o600))
	_, err = Replay(t.Context(), ReplayParams{Folder: f, Only: []string{"welcome"}})
	require.ErrorIs(t, err, os.ErrNotExist)
}

// TestReplayUnknownFields: fields that this build does not know are named, by where they stand, and the rest is replayed.
func TestReplayUnknownFields(t *testing.T) {
	f := folder(t, "deserialization", `[{"vlbytes_header": "0d", "length": 13, "later": {"x": 1}}, {"VLBytes_header": "0d", "length": 14, "\u001b": 1}]`,
		"passive-client-welcome", `[{"cipher_suite": 1, "epochs": [{"proposals": [], "surprise": 1}, {"surprise": null}], "later": 2}]`,
		"tree-math", oneLeaf)
	report, err := Replay(t.Context(), ReplayParams{Folder: f, Only: []string{"deserialization", "passive-client-welcome", "tree-math"}})
	require.NoError(t, err)
	require.Equal(t, []int{2, 2, 3 + 1}, []int{report.Passed, report.Failed, report.Unknown})
	require.Nil(t, report.Files[0].Unknown)
	require.Equal(t, []string{"\u001b", "later"}, report.Files[1].Unknown)
	require.Equal(t, []string{"epochs.surprise", "later"}, report.Files[2].Unknown)
	var text strings.Builder
	require.NoError(t, report.WriteText(&text))
	require.Contains(t, text.String(), "\nnote: passive-client-welcome.json has fields that this build does not know, "+
		"and what they ask for was not checked: \"epochs.surprise\", \"later\"\n")
	require.NotContains(t, text.String(), "\u001b")
	require.True(t, strings.HasSuffix(text.String(), "\n2 passed, 2 failed, 0 skipped; unknown fields: 4\n"), text.String())

	f = folder(t, "tree-math", strings.Replace(oneLeaf, "[{", `[{"later": 1, `, 1))
	report, err = Replay(t.Context(), ReplayParams{Folder: f, Only: []string{"tree-math"}})
	require.NoError(t, err)
	require.Equal(t, []int{1, 0}, []int{report.Passed, report.Failed})
	require.False(t, report.OK(), "not all that was asked for was checked")
}
