package framing

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// draftGrammar is the file that has encodings of the drafts' structures, beside the repository.
var draftGrammar = filepath.Join("..", "..", "shared", "drafts-data", "own", "grammar.json")

// TestDraftGrammar reads encodings that were written by hand from draft-ietf-mls-extensions.
func TestDraftGrammar(t *testing.T) {
	data, err := os.ReadFile(draftGrammar)
	if errors.Is(err, os.ErrNotExist) {
		t.Skipf("NOT TESTED: %s is not here; TestAppData tries encodings of our own", draftGrammar)
	}
	require.NoError(t, err)
	var file struct {
		Cases []struct {
			Struct, Name, Hex string
			Valid             bool
		}
	}
	require.NoError(t, json.Unmarshal(data, &file))
	ran := 0
	for _, c := range file.Cases {
		empty := map[string]Value{"AppDataDictionary": new(AppDataDictionary), "ComponentsList": new(ComponentsList),
			"Proposal": new(TaggedProposal), "SafeAAD": new(SafeAAD)}[c.Struct]
		if empty == nil {
			continue // a structure that this package does not have
		}
		ran++
		checkDraft(t, empty, c.Hex, c.Valid)
	}
	require.GreaterOrEqual(t, ran, 15)
}

// TestAppData reads some of our own.
func TestAppData(t *testing.T) {
	for _, c := range []struct {
		empty Value
		hex   string
		valid bool
	}{
		{new(AppDataDictionary), "00", true},
		{new(AppDataDictionary), "09000102aabb80000141", true},
		{new(AppDataDictionary), "09000102aabb00010141", false},
		{new(AppDataDictionary), "0a000102aabb80000141", false},
		{new(SafeAAD), "09800002aabb00010141", false},
		{new(TaggedProposal), "000a", true},
		{new(TaggedProposal), "000a00", false},
		{new(TaggedProposal), "0008800002", true},
		{new(TaggedProposal), "00088000010141", true},
		{new(TaggedProposal), "000880000300", false},
		{new(TaggedProposal), "000980000141", true},
	} {
		checkDraft(t, c.empty, c.hex, c.valid)
	}
}

func checkDraft(t *testing.T, v Value, encoded string, valid bool) {
	t.Helper()
	data, err := hex.DecodeString(encoded)
	require.NoError(t, err)
	err = Unmarshal(data, v)
	if !valid {
		requireSyntaxError(t, err, len(data))
		return
	}
	require.NoError(t, err, "%T %s", v, encoded)
	require.Equal(t, data, marshal(t, v))
}

func TestComponents(t *testing.T) {
	var d AppDataDictionary
	for _, id := range []ComponentID{7, 3, 9, 3} {
		d = d.With(ComponentData{id, []byte{byte(id), byte(len(d))}})
	}
	require.Equal(t, AppDataDictionary{{3, []byte{3, 3}}, {7, []byte{7, 0}}, {9, []byte{9, 2}}}, d)
	data, found := d.Find(7)
	require.True(t, found)
	require.Equal(t, []byte{7, 0}, data)
	_, found = d.Find(8)
	require.False(t, found)
	_, err := Marshal(&AppDataDictionary{{2, nil}, {1, nil}})
	require.Error(t, err)
}

// TestBodies reads a proposal of a private type whose body is no vector, as a commit has it among others.
func TestBodies(t *testing.T) {
	bodies := Bodies{
		0xf004: func(rest []byte) (int, bool) { return 3, len(rest) >= 3 },
		0xf005: EmptyBody,
	}
	commit := &Commit{Proposals: []ProposalOrRef{
		{Proposal: &CustomProposal{Type: 0xf004, Data: []byte{1, 2, 3}, Raw: true}},
		{Proposal: &CustomProposal{Type: 0xf005, Raw: true}},
		{Proposal: &CustomProposal{Type: 0xf006, Data: []byte{4}}},
	}}
	data := marshal(t, commit)
	require.Equal(t, "0e"+"01f004010203"+"01f005"+"01f0060104"+"00", hex.EncodeToString(data))
	got := new(Commit)
	require.NoError(t, bodies.Unmarshal(data, got))
	require.Equal(t, data, marshal(t, got))
	require.Equal(t, []byte{1, 2, 3}, got.Proposals[0].Proposal.(*CustomProposal).Data)
	require.Error(t, Unmarshal(data, new(Commit)), "without them nobody knows where a body ends")

	for _, body := range []Body{
		func([]byte) (int, bool) { return 0, false },
		func([]byte) (int, bool) { return -1, true },
		func(rest []byte) (int, bool) { return len(rest) + 1, true },
	} {
		requireSyntaxError(t, Bodies{0xf004: body}.Unmarshal(data, new(Commit)), len(data))
	}
	_, err := Marshal(&CustomProposal{Type: ProposalTypeSelfRemove})
	require.Error(t, err, "it has a structure of its own")
}

// A Body that returns something else each time is a fault of the application's, and no reason to fall over.
func TestImpureBody(t *testing.T) {
	list := make([]ProposalOrRef, 200)
	for i := range list {
		list[i].Proposal = &CustomProposal{Type: 0xf004, Raw: true}
	}
	data, err := Marshal(&Commit{Proposals: list})
	require.NoError(t, err)
	refused := 0
	for wrong := range 300 {
		calls := 0
		err := Bodies{0xf004: func([]byte) (int, bool) {
			if calls++; calls == wrong {
				return 30, true
			}
			return 0, true
		}}.Unmarshal(data, new(Commit))
		if err != nil {
			refused++
		}
	}
	require.NotZero(t, refused)
}
