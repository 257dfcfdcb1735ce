package mls_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
)

// bytesOf returns how much memory a call takes in all, when it is made a second time.
func bytesOf(call func()) uint64 {
	call()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	call()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// What it costs to handle, refuse, list and commit the proposals of one external sender does not grow with the number of the
// other external senders.
func TestAttackExternalSenders(t *testing.T) {
	const n = 200
	moderator := newMember(t, "moderator")
	key := must(moderator.Suite.PublicKeyOf(moderator.Signer))
	id := func(i int) framing.PreSharedKeyID { return mls.ExternalPSKID([]byte(fmt.Sprint(i))) }
	var psks mls.PSKs
	for i := range n {
		psks = append(psks, mls.PSK{ID: id(i), Secret: externalPSK("key").Secret})
	}
	costs := func(senders int) map[string]uint64 {
		list := framing.ExternalSenders(slices.Repeat([]framing.ExternalSender{{SignatureKey: key, Credential: moderator.Credential}}, senders))
		alice := newCastOf(t, nil, framing.Extensions{extension(t, &list)}, "alice", "bob")[0]
		o := alice.Observe()
		propose := func(i int) mls.Input {
			return input(must(o.Propose(&framing.PreSharedKey{PSK: id(i)}, 0, mls.ProposeParams{}, moderator.Signer)))
		}
		for i := range n {
			alice.Group = must(alice.Group.Handle(propose(i))).Next
		}
		last, forged := propose(n), propose(n)
		forged.Message[len(forged.Message)-1] ^= 1
		return map[string]uint64{
			"proposing": bytesOf(func() { propose(n) }),
			"handling":  bytesOf(func() { must(alice.Group.Handle(last)) }),
			"observing": bytesOf(func() { must(o.Handle(last)) }),
			"refusing":  bytesOf(func() { require.Error(t, failure(alice.Group.Handle(forged))) }),
			"listing":   bytesOf(func() { require.Len(t, alice.Group.Proposals(), n) }),
			"committing": bytesOf(func() {
				require.Len(t, must(alice.Group.Commit(mls.CommitParams{PSKs: psks}, alice.Signer)).Change.Proposals, n)
			}),
		}
	}
	one, many := costs(1), costs(1001)
	for name := range one {
		require.Less(t, many[name], 3*one[name]+20_000, name) // decoding takes 100,000, and a commit encodes the context
	}
}
