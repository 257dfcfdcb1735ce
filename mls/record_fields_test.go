package mls

import (
	"reflect"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whoever adds a field to a Group decides how it is stored: in a record, by Records and Load, or not at all, because it
// follows from others or from Params. Then it comes into this list.
func TestEveryFieldIsStored(t *testing.T) {
	for _, c := range []struct {
		of   any
		want []string
	}{
		{groupState{}, []string{"epochState", "proposals", "pending", "past", "resumption", "status", "reInit", "successor", "lastOwn",
			"arrivals", "steps"}},
		{counter{}, []string{"version", "epoch", "fingerprint", "present", "pending"}},
		{arrivals{}, []string{"own", "floor", "recent"}},
		{epochState{}, []string{"public", "private", "secrets", "messages"}},
		{public{}, []string{"suite", "params", "context", "encoded", "rules", "senders", "tree", "interim", "tag"}},
		{pastEpoch{}, []string{"public", "senderData", "messages"}},
		{resumptionPSK{}, []string{"epoch", "secret"}},
		{pendingCommit{}, []string{"message", "next", "welcomes", "change", "once", "hash"}},
		{successorLink{}, []string{"id", "psk"}},
		{storedProposal{}, []string{"ref", "twin", "content", "leafKey", "number", "message"}},
		{proposalStore{}, []string{"proposalChain", "declined", "wait", "marks"}},
		{proposalChain{}, []string{"storedProposal", "before", "size", "outside", "index", "sum"}},
		{Observer{}, []string{"public", "proposals", "reInit", "former", "authors"}},
		{OwnKeyPackage{}, []string{"KeyPackage", "InitKey", "LeafKey"}},
		{Outgoing{}, []string{"Kind", "Message", "To", "tree"}},
		{LeafChange{}, []string{"Leaf", "Old", "New"}},
		{CommittedProposal{}, []string{"Proposal", "Sender", "From", "Ref"}},
		{Change{}, []string{"Epoch", "Committer", "CommitterLeaf", "Own", "AuthenticatedData", "Path", "Proposals", "Added", "Removed",
			"Updated", "OldExtensions", "NewExtensions", "PSKs", "ReInit"}},
	} {
		kind := reflect.TypeOf(c.of)
		var have []string
		for i := range kind.NumField() {
			have = append(have, kind.Field(i).Name)
		}
		slices.Sort(have)
		slices.Sort(c.want)
		require.Equal(t, c.want, have, "%v", kind)
	}
}
