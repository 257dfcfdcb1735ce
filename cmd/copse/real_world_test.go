package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRealWorldInspect inspects bytes of another implementation in the forms in which people paste them, from the folder
// "real-world" beside the one of the published vectors. A file there says what each is.
func TestRealWorldInspect(t *testing.T) {
	dir := filepath.Join(publishedDir(), "..", "real-world", "inspect")
	text, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if publishedDir() == "" || err != nil {
		t.Skipf("THE INPUTS OF OTHER IMPLEMENTATIONS ARE NOT HERE, SO NOTHING WAS INSPECTED: %v", err)
	}
	var expected map[string]string
	require.NoError(t, json.Unmarshal(text, &expected))
	for name, what := range expected {
		t.Run(name, func(t *testing.T) {
			var out strings.Builder
			root := rootCommand()
			root.SetOut(&out)
			root.SetArgs([]string{"inspect", filepath.Join(dir, name)})
			err := root.Execute()
			switch what {
			case "KeyPackage":
				require.NoError(t, err)
				require.Regexp(t, `^MLSMessage, \d+ bytes`, out.String())
				require.Contains(t, out.String(), "mls_key_package (5)")
				require.Contains(t, out.String(), "✓ signature of KeyPackage")
			case "KeyPackage without header":
				require.NoError(t, err)
				require.Regexp(t, `^KeyPackage, \d+ bytes`, out.String())
				require.Contains(t, out.String(), "✓ signature of KeyPackage")
			case "two messages: commit, Welcome":
				require.NoError(t, err)
				require.Regexp(t, `(?s)^2 messages one after another.*message 1 of 2.*commit \(3\).*message 2 of 2.*mls_welcome \(3\)`, out.String())
			case "refused: no encoding of MLS":
				require.ErrorContains(t, err, "this is text, and neither hexadecimal")
				require.Empty(t, out.String())
			case "cut short: says how far it could be read":
				require.ErrorIs(t, err, errFailed)
				require.Regexp(t, `stopped at offset \d+, in Lifetime.not_before .*; the input ends too early`, out.String())
			default:
				t.Fatalf("expected.json says %q, which this test does not know", what)
			}
		})
	}
}
