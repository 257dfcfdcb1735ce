package mls_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

func externalPSK(name string) mls.PSK {
	return mls.PSK{ID: mls.ExternalPSKID([]byte(name)), Secret: ciphersuite.NewSecret([]byte("secret of " + name))}
}

func inject(ids ...framing.PreSharedKeyID) (out []framing.Proposal) {
	for _, id := range ids {
		out = append(out, &framing.PreSharedKey{PSK: id})
	}
	return out
}

// TestExternalPSKs: an error lists all PSKs that are missing, and the call succeeds with them; for a newcomer, too.
func TestExternalPSKs(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	one, two, three := externalPSK("one"), externalPSK("two"), externalPSK("three")
	bob.Propose(&framing.PreSharedKey{PSK: one.ID}, alice)
	carol := newMember(t, "carol")
	keys := carol.KeyPackage(t)
	commit := mls.CommitParams{Now: mlstest.Now(),
		Proposals: append(inject(two.ID, three.ID), &framing.Add{KeyPackage: keys.KeyPackage})}

	missing := func(err error, want ...string) {
		t.Helper()
		var m *mls.MissingPSKError
		require.ErrorAs(t, err, &m)
		var names []string
		for _, id := range m.IDs {
			names = append(names, string(id.PSKID))
		}
		require.Equal(t, want, names)
	}
	_, err := alice.Group.Commit(commit, alice.Signer)
	missing(err, "one", "two", "three")
	commit.PSKs = mls.PSKs{three, one, two}
	made := alice.Commit(commit)
	message, adopted := made.Message, made.Adopted

	before := bob.Group
	_, err = bob.Group.Handle(mls.Input{Message: message, PSKs: mls.PSKs{two}})
	missing(err, "one", "three")
	wrong := mls.PSKs{one, two, {ID: three.ID, Secret: two.Secret}}
	breaks(t, "V-CM-14", failure(bob.Group.Handle(mls.Input{Message: message, PSKs: wrong})))
	require.Same(t, before, bob.Group)
	change := bob.Take(bob.Group.Handle(mls.Input{Message: message, PSKs: mls.PSKs{two, one, three}})).Events[0].(*mls.EpochChanged).Change
	require.Len(t, change.PSKs, 3)
	require.Equal(t, []byte("one"), change.PSKs[0].PSKID)

	join := mls.JoinParams{Welcome: adopted.Send[0].Message, KeyPackages: []*mls.OwnKeyPackage{keys}, Params: carol.Params}
	_, err = mls.Join(join)
	missing(err, "one", "two", "three")
	join.PSKs = wrong
	require.ErrorIs(t, failure(mls.Join(join)), ciphersuite.ErrOpen)
	join.PSKs = commit.PSKs
	carol.Take(mls.Join(join))
	mlstest.Agree(alice, bob, carol)
}

// TestPSKNonce: a nonce is made where there is none, and has the length of a hash (V-PSK-01, V-PSK-02).
func TestPSKNonce(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	psk := externalPSK("psk")
	commit := func() framing.PreSharedKeyID {
		s := must(alice.Group.Commit(mls.CommitParams{Proposals: inject(psk.ID), PSKs: mls.PSKs{psk}}, alice.Signer))
		return s.Change.PSKs[0]
	}
	first, second := commit(), commit()
	require.Len(t, first.PSKNonce, 32)
	require.NotEqual(t, first.PSKNonce, second.PSKNonce)
	require.Empty(t, psk.ID.PSKNonce, "the caller's is as before")

	bad := psk.ID
	bad.PSKNonce = make([]byte, 31)
	breaks(t, "V-PSK-01", failure(alice.Group.Commit(mls.CommitParams{Proposals: inject(bad), PSKs: mls.PSKs{psk}}, alice.Signer)))
	evil := bob.Insider()
	keys := newMember(t, "carol").KeyPackage(t)
	made := evil.Commit(t, func(d *mlstest.Draft) {
		d.Proposals = evil.ByValue(append(inject(bad), &framing.Add{KeyPackage: keys.KeyPackage})...)
		d.PSKs = mls.PSKs{{ID: bad, Secret: psk.Secret}}
	})
	refuse(alice, made.Commit, "V-PSK-01")
	breaks(t, "V-PSK-02", failure(mls.Join(mls.JoinParams{Welcome: made.Welcome, KeyPackages: []*mls.OwnKeyPackage{keys}, PSKs: mls.PSKs{psk}})))

	// The same key twice, under different nonces, is in order; the same identifier twice is not (V-PL-06).
	must(alice.Group.Commit(mls.CommitParams{Proposals: inject(first, second), PSKs: mls.PSKs{psk}}, alice.Signer))
	breaks(t, "V-PL-06", failure(alice.Group.Commit(mls.CommitParams{Proposals: inject(first, second, first), PSKs: mls.PSKs{psk}}, alice.Signer)))
}

// TestResumptionPSK: a group keeps its resumption PSKs for as many epochs as Params say (V-PSK-04, V-PSK-05, V-PSK-08).
func TestResumptionPSK(t *testing.T) {
	alice, bob := two(newCastOf(t, func(c *mlstest.Party) { c.Params.ResumptionEpochs = 2 }, nil, "alice", "bob"))
	for range 3 {
		alice.Commit(mls.CommitParams{}, bob)
	}
	now := alice.Group.Epoch()
	for back := range framing.Epoch(3) {
		id := mls.ResumptionPSKID(alice.Group.GroupID(), now-back)
		_, err := alice.Group.Commit(mls.CommitParams{Proposals: inject(id)}, alice.Signer)
		require.NoError(t, err, "%d epochs back", back)
	}
	for _, id := range []framing.PreSharedKeyID{
		mls.ResumptionPSKID(alice.Group.GroupID(), now-3),
		mls.ResumptionPSKID(alice.Group.GroupID(), now+1),
		mls.ResumptionPSKID([]byte("another group"), now),
	} {
		_, err := alice.Group.Commit(mls.CommitParams{Proposals: inject(id)}, alice.Signer)
		var missing *mls.MissingPSKError
		require.ErrorAs(t, err, &missing)
		require.Equal(t, id.PSKEpoch, missing.IDs[0].PSKEpoch)
	}
	alice.Commit(mls.CommitParams{Proposals: inject(mls.ResumptionPSKID(alice.Group.GroupID(), now-2))}, bob)
	mlstest.Agree(alice, bob)
}

// TestResumptionPSKOfAnotherGroup: members of one group show in another that they know each other.
func TestResumptionPSKOfAnotherGroup(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	alices, bobs := alice.Group, bob.Group
	known := alices.ResumptionPSKs()
	require.Len(t, known, 2, "of this epoch and of the one before")
	require.Len(t, bobs.ResumptionPSKs(), 1, "bob came later")

	alice.Group = alice.Create(t, "second")
	alice.Welcome(bob)
	message := alice.Commit(mls.CommitParams{Proposals: inject(known[0].ID), PSKs: known}).Message
	_, err := bob.Group.Handle(mls.Input{Message: message})
	var missing *mls.MissingPSKError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, "group", string(missing.IDs[0].PSKGroupID))
	bob.Take(bob.Group.Handle(mls.Input{Message: message, PSKs: bobs.ResumptionPSKs()}))
	mlstest.Agree(alice, bob)

	// Bob leaves and comes back by himself, showing that he was there.
	former := bob.Group
	alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: bob.Group.OwnLeaf()}}})
	psks := former.ResumptionPSKs()
	bob.JoinExternal(mls.JoinExternalParams{PSKIDs: []framing.PreSharedKeyID{psks[0].ID}, PSKs: psks}, alice)
	mlstest.Agree(alice, bob)

	removed := *bob
	message = alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Remove{Removed: bob.Group.OwnLeaf()}}}).Message
	removed.Hear(message)
	require.Empty(t, removed.Group.ResumptionPSKs())
}

// TestManyPSKs: their order counts, and is that of the commit.
func TestManyPSKs(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	var psks mls.PSKs
	for i := range 20 {
		psks = append(psks, externalPSK(fmt.Sprint(i)))
		message := bob.Propose(&framing.PreSharedKey{PSK: psks[i].ID})
		alice.Hear(message)
	}
	message := alice.MakeCommit(mls.CommitParams{PSKs: psks}).Send[0].Message
	alice.Take(alice.Group.Adopt())
	bob.Take(bob.Group.Handle(mls.Input{Message: message, PSKs: psks}))
	mlstest.Agree(alice, bob)
}

// TestWaitingPSKs: PSKs that wait go together unless their identifiers are the same, however alike; a nonce is no secret.
func TestWaitingPSKs(t *testing.T) {
	alice, bob, carol := three(newCast(t, "alice", "bob", "carol"))
	one, two := externalPSK("one"), externalPSK("two")
	one.ID.PSKNonce, two.ID.PSKNonce = bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{1}, 32)
	bob.Propose(&framing.PreSharedKey{PSK: one.ID}, alice, carol)
	bob.Propose(&framing.PreSharedKey{PSK: two.ID}, alice, carol)
	carol.Propose(&framing.PreSharedKey{PSK: one.ID}, alice, bob)
	waiting := alice.Group.Proposals()
	require.Len(t, waiting, 3)

	s := alice.MakeCommit(mls.CommitParams{PSKs: mls.PSKs{one, two}, LeaveMissingPSKs: true})
	require.Len(t, s.Left, 1)
	require.Equal(t, waiting[2].Ref, s.Left[0].Ref)
	require.Len(t, s.Change.PSKs, 2)
	alice.Take(alice.Group.Drop())

	s = alice.MakeCommit(mls.CommitParams{Proposals: inject(two.ID), PSKs: mls.PSKs{one, two}})
	require.Len(t, s.Left, 2, "what comes by value goes first")
	alice.Take(alice.Group.Adopt())
	for _, p := range []*mlstest.Member{bob, carol} {
		p.Take(p.Group.Handle(mls.Input{Message: s.Send[0].Message, PSKs: mls.PSKs{one, two}}))
	}
	mlstest.Agree(alice, bob, carol)
}
