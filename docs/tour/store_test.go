package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/mls"
)

// TestFinish lets the power fail at once when a transaction counts, and when half of it was carried out: the next call
// finishes it.
func TestFinish(t *testing.T) {
	for _, half := range []bool{false, true} {
		t.Chdir(t.TempDir())
		alice, err := open("alice", "create")
		require.NoError(t, err)
		require.NoError(t, alice.create([]string{"friends"}))
		step, err := alice.group.Protect([]byte("hi"), mls.ProtectParams{}, alice.Signer)
		require.NoError(t, err)
		records, err := step.Next.Records(alice.group)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile("alice/keys", []byte("used up"), 0o600))
		todo := &todo{Records: records, Remove: "alice/keys", Send: []parcel{{"message", step.Send[0].Message}}}
		require.NoError(t, alice.commitTo(todo))
		if half {
			require.NoError(t, alice.put(records[0]))
			require.NoError(t, os.Remove("alice/keys"))
		}

		alice, err = open("alice", "show")
		require.NoError(t, err)
		have, err := alice.group.Records(nil)
		require.NoError(t, err)
		want, err := step.Next.Records(nil)
		require.NoError(t, err)
		require.ElementsMatch(t, want, have, "the group is the one after the Step")
		sent, err := os.ReadFile("message")
		require.NoError(t, err)
		require.Equal(t, step.Send[0].Message, sent)
		require.NoFileExists(t, "alice/keys")
		require.NoFileExists(t, "alice/todo")
	}
}

// TestPowerFailsBefore leaves no trace of a transaction that does not count yet.
func TestPowerFailsBefore(t *testing.T) {
	t.Chdir(t.TempDir())
	alice, err := open("alice", "create")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile("alice/todo.new", []byte("half a"), 0o600))
	require.NoError(t, alice.create([]string{"friends"}))
	require.NoFileExists(t, "alice/todo.new")
	require.NoFileExists(t, "alice/todo")
}
