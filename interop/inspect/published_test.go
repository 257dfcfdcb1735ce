package inspect

import (
	"encoding/hex"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
)

// published reads one of the working group's files, element by element, or skips the test loudly.
func published(t *testing.T, name string) (cases []map[string]any) {
	t.Helper()
	dir := os.Getenv("COPSE_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "test-vectors")
	}
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Skipf("THE PUBLISHED TEST VECTORS ARE NOT HERE: %v", err)
	}
	require.NoError(t, json.Unmarshal(data, &cases))
	require.NotEmpty(t, cases)
	return cases
}

func unhex(t *testing.T, v any) []byte {
	t.Helper()
	data, err := hex.DecodeString(v.(string))
	require.NoError(t, err)
	return data
}

// readable inspects data, which has to be readable, shows it in both forms, and checks that every structure in it has
// a section.
func readable(t *testing.T, what string, data []byte, o Params) *Report {
	t.Helper()
	r, err := Inspect(data, o)
	require.NoError(t, err, what)
	require.True(t, r.OK(), "%s: %v", what, r.Problem)
	require.NoError(t, r.WriteText(io.Discard, TextParams{}))
	require.NoError(t, json.NewEncoder(io.Discard).Encode(r))
	for _, p := range r.Parts {
		p.Root.walk(func(n *Node) { require.Equal(t, n.Type == "", n.Section == "", "%s: %s", what, n.Type) })
	}
	return r
}

// typeOf returns the type to name for what the format of messages.json does not wrap in an MLSMessage.
func typeOf(key string) string {
	return map[string]string{"ratchet_tree": "RatchetTree", "group_secrets": "GroupSecrets", "add_proposal": "Add",
		"update_proposal": "Update", "remove_proposal": "Remove", "pre_shared_key_proposal": "PreSharedKey",
		"re_init_proposal": "ReInit", "external_init_proposal": "ExternalInit",
		"group_context_extensions_proposal": "GroupContextExtensions", "commit": "Commit"}[key]
}

func TestPublishedMessages(t *testing.T) {
	cases := published(t, "messages.json")
	for i, c := range cases {
		if i%every != 0 {
			continue
		}
		for key, v := range c {
			data := unhex(t, v)
			guessed := readable(t, key, data, Params{})
			want := typeOf(key)
			if want == "" {
				want = "MLSMessage"
			}
			named := readable(t, key, data, Params{Type: want})
			require.True(t, guessed.Type == want || slices.Contains(guessed.Also, want), "%s is taken for %s", key, guessed.Type)
			require.Zero(t, named.Failures(), key)
		}
	}
}

// TestPublishedTruncations cuts the samples of one case at every place.
func TestPublishedTruncations(t *testing.T) {
	for key, v := range published(t, "messages.json")[0] {
		data := unhex(t, v)
		name := typeOf(key)
		for n := range data {
			if name == "" {
				name = "MLSMessage"
			}
			r, err := Inspect(data[:n], Params{Type: name})
			require.NoError(t, err)
			require.False(t, r.OK(), "%s of %d bytes", key, n)
			require.True(t, r.Problem.Incomplete)
			require.LessOrEqual(t, r.Problem.Offset, n)
			require.NotEmpty(t, r.Problem.Struct)
			if name == "MLSMessage" && n > 1 {
				r, err = Inspect(data[:n], Params{})
				require.NoError(t, err)
				require.False(t, r.OK(), "%s of %d bytes is taken for a whole %s", key, n, r.Type)
			}
		}
	}
}

// TestPublishedPassiveClients reads every message of the passive-client files and opens every Welcome.
func TestPublishedPassiveClients(t *testing.T) {
	for _, file := range []string{"passive-client-welcome.json", "passive-client-handling-commit.json", "passive-client-random.json"} {
		for i, c := range published(t, file) {
			if i%every != 0 {
				continue
			}
			cs := ciphersuite.CipherSuite(c["cipher_suite"].(float64))
			if !slices.Contains(ciphersuite.Supported(), cs) {
				continue
			}
			o := Params{InitKey: ciphersuite.NewSecret(unhex(t, c["init_priv"]))}
			if tree, ok := c["ratchet_tree"].(string); ok {
				o.RatchetTree = unhex(t, tree)
			}
			for _, p := range c["external_psks"].([]any) {
				psk := p.(map[string]any)
				o.PSKs = append(o.PSKs, PSK{psk["psk_id"].(string), ciphersuite.NewSecret(unhex(t, psk["psk"]))})
			}
			require.Zero(t, readable(t, file, unhex(t, c["key_package"]), Params{}).Failures())
			r := readable(t, file, unhex(t, c["welcome"]), o)
			require.Len(t, r.Parts, 3)
			require.Zero(t, r.Failures(), file)
			require.True(t, strings.HasPrefix(r.Parts[2].Title, "GroupInfo"))
			passiveEpochs(t, file, c["epochs"].([]any))
		}
	}
}

func passiveEpochs(t *testing.T, file string, epochs []any) {
	for _, e := range epochs {
		epoch := e.(map[string]any)
		for _, p := range epoch["proposals"].([]any) {
			readable(t, file, unhex(t, p), Params{})
		}
		readable(t, file, unhex(t, epoch["commit"]), Params{})
	}
}
