package mls_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// packagesOf makes a KeyPackage for each, and the Adds that go with them.
func packagesOf(players ...*player) (keys []*mls.OwnKeyPackage, adds []framing.Proposal) {
	for _, p := range players {
		k := p.KeyPackage(p.t)
		keys = append(keys, k)
		adds = append(adds, &framing.Add{KeyPackage: k.KeyPackage})
	}
	return keys, adds
}

// join joins by a Welcome.
func (a *player) join(out mls.Outgoing, keys ...*mls.OwnKeyPackage) (*mls.Step, error) {
	return mls.Join(mls.JoinParams{
		Welcome: out.Message, RatchetTree: out.RatchetTree, KeyPackages: keys, Now: mlstest.Now(), Params: a.Params})
}

// TestWelcomeBatches: many join by one commit, with the tree inside or outside, with and without a path, in batches of
// any size.
func TestWelcomeBatches(t *testing.T) {
	for _, params := range []mls.CommitParams{
		{},
		{ForcePath: true},
		{Welcome: mls.WelcomeParams{Batch: 3}},
		{ForcePath: true, Welcome: mls.WelcomeParams{Batch: 2, OmitTree: true}},
		{Welcome: mls.WelcomeParams{Batch: 100, Extensions: framing.Extensions{{Type: 0xf00d, Data: []byte("more")}}}},
	} {
		cast := stage(t, "alice", "bob")
		alice, bob := cast[0], cast[1]
		var guests []*player
		for i := range 7 {
			guests = append(guests, newPlayer(t, fmt.Sprint("guest ", i)))
		}
		keys, adds := packagesOf(guests...)
		params.Proposals = adds
		_, adopted := alice.commit(params, bob)
		size := params.Welcome.Batch
		if size == 0 {
			size = len(guests)
		}
		require.Len(t, adopted.Send, (len(guests)+size-1)/size)
		joined := 0
		for _, out := range adopted.Send {
			require.Equal(t, mls.OutgoingWelcome, out.Kind)
			require.LessOrEqual(t, len(out.To), size)
			require.Equal(t, params.Welcome.OmitTree, out.RatchetTree != nil)
			for _, ref := range out.To {
				for i, k := range keys {
					have, err := k.KeyPackage.Ref(bob.Suite)
					require.NoError(t, err)
					if string(have) != string(ref) {
						_, err := guests[i].join(out, k)
						if !addressed(t, out, k) {
							breaks(t, "V-WEL-01", err)
						}
						continue
					}
					guests[i].take(guests[i].join(out, k))
					joined++
				}
			}
		}
		require.Equal(t, len(guests), joined)
		together(append([]*player{alice, bob}, guests...)...)
		message, _ := guests[3].commit(mls.CommitParams{}, alice, bob)
		for i, g := range guests {
			if i != 3 {
				g.hear(message)
			}
		}
		together(append([]*player{alice, bob}, guests...)...)
	}
}

func addressed(t *testing.T, out mls.Outgoing, k *mls.OwnKeyPackage) bool {
	ref, err := k.KeyPackage.Ref(mlstest.Suite(t, testSuite))
	require.NoError(t, err)
	for _, to := range out.To {
		if string(to) == string(ref) {
			return true
		}
	}
	return false
}

// TestSeveralKeyPackages: a client with many KeyPackages about learns which one was used, whatever suites they are of.
func TestSeveralKeyPackages(t *testing.T) {
	alice := stage(t, "alice")[0]
	bob := newPlayer(t, "bob")
	other, err := mls.NewKeyPackage(mls.KeyPackageParams{
		CipherSuite: nextSuite, Leaf: bob.with(nextSuite).LeafParams, Lifetime: mlstest.Lifetime(), Params: bob.Params})
	require.NoError(t, err)
	keys := []*mls.OwnKeyPackage{other, bob.KeyPackage(t), bob.KeyPackage(t), bob.KeyPackage(t)}
	_, adopted := alice.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys[2].KeyPackage}}})
	out := adopted.Send[0]
	_, err = bob.join(out, keys[0], keys[1], keys[3])
	breaks(t, "V-WEL-01", err)
	_, err = bob.join(out)
	breaks(t, "V-WEL-01", err)
	s := bob.take(bob.join(out, keys...))
	want, err := keys[2].KeyPackage.Ref(bob.Suite)
	require.NoError(t, err)
	require.Equal(t, &mls.UsedKey{Ref: want}, s.Used)
	together(alice, bob)
}

// TestLastResort: a KeyPackage so marked says so, and serves more than one join.
func TestLastResort(t *testing.T) {
	bob := newPlayer(t, "bob")
	keys, err := mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: bob.LeafParams,
		Lifetime: mlstest.Lifetime(), LastResort: true, Params: bob.Params})
	require.NoError(t, err)
	require.True(t, keys.LastResort())
	require.False(t, bob.KeyPackage(t).LastResort())
	require.Contains(t, keys.KeyPackage.LeafNode.Capabilities.Extensions, mls.ExtensionTypeLastResort)
	for _, name := range []string{"alice", "carol"} {
		host := newPlayer(t, name)
		host.group = host.Create(t, "group of "+name)
		_, adopted := host.commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys.KeyPackage}}})
		s := bob.take(bob.join(adopted.Send[0], keys))
		require.True(t, s.Used.LastResort)
		together(host, bob)
		host.commit(mls.CommitParams{}, bob) // the leaf key of one group is not that of the KeyPackage any more
		bob.commit(mls.CommitParams{}, host)
		together(host, bob)
	}
}

// TestJoinRefused: what makes a Welcome one that nobody should accept.
func TestJoinRefused(t *testing.T) {
	alice := stage(t, "alice")[0]
	bob := newPlayer(t, "bob")
	keys, adds := packagesOf(bob)
	commit, adopted := alice.commit(mls.CommitParams{Proposals: adds})
	out := adopted.Send[0]
	good := mls.JoinParams{Welcome: out.Message, KeyPackages: keys, Now: mlstest.Now(), Params: bob.Params}

	bad := good
	bad.Groups = [][]byte{[]byte("other"), alice.group.GroupID()}
	_, err := mls.Join(bad)
	breaks(t, "V-WEL-06", err)
	bad = good
	bad.Now = mlstest.Now().AddDate(2, 0, 0)
	_, err = mls.Join(bad)
	var expired *mls.RuleError
	require.ErrorAs(t, err, &expired)
	require.Equal(t, "V-LN-15", expired.Rule)
	require.EqualValues(t, 0, expired.Leaf, "the error tells which member")
	bad.Now = bad.Now.AddDate(-4, 0, 0)
	_, err = mls.Join(bad)
	breaks(t, "V-LN-15", err)
	bad = good
	bad.Welcome = commit
	_, err = mls.Join(bad)
	require.ErrorIs(t, err, mls.ErrUnexpectedMessage)
	bad.Welcome = out.Message[:len(out.Message)-1]
	_, err = mls.Join(bad)
	var syntax *mls.SyntaxError
	require.ErrorAs(t, err, &syntax)
	bad = good
	bad.KeyPackages = []*mls.OwnKeyPackage{{KeyPackage: keys[0].KeyPackage, InitKey: keys[0].LeafKey, LeafKey: keys[0].InitKey}}
	_, err = mls.Join(bad)
	require.ErrorContains(t, err, "do not belong")
	bob.take(mls.Join(good))
	together(alice, bob)
}

// TestRotationWelcomes: a commit that changes the committer's signature key signs the Welcome with the new one
// (H-20).
func TestRotationWelcomes(t *testing.T) {
	cast := stage(t, "alice", "bob")
	alice, bob := cast[0], cast[1]
	renewed := newPlayer(t, "alice's new key").Signer
	credential := framing.BasicCredential([]byte("alicia"))
	carol := newPlayer(t, "carol")
	keys, adds := packagesOf(carol)

	old := alice.Signer
	s := alice.take(alice.group.Commit(mls.CommitParams{
		Proposals: adds, Leaf: mls.LeafUpdate{Signer: renewed, Credential: &credential}, Now: mlstest.Now()}, alice.Signer))
	require.Equal(t, mls.MomentPath, s.Claims[len(s.Claims)-1].Moment)
	message := s.Send[0].Message
	alice.say("signed by the old key while the commit is pending")
	alice.Signer = renewed
	_, err := alice.group.Protect(nil, mls.ProtectParams{}, alice.Signer)
	require.ErrorIs(t, err, mls.ErrSigner)
	adopted := alice.take(alice.group.Adopt())
	_, err = alice.group.Protect(nil, mls.ProtectParams{}, old)
	require.ErrorIs(t, err, mls.ErrSigner)

	change := bob.hear(message).Events[0].(*mls.EpochChanged).Change
	require.Equal(t, "alicia", string(change.Updated[0].New.Credential.Identity))
	require.Equal(t, "alice", string(change.Updated[0].Old.Credential.Identity))
	carol.take(carol.join(adopted.Send[0], keys...))
	together(alice, bob, carol)
}

// TestGroupInfo: what it holds is what was asked for.
func TestGroupInfo(t *testing.T) {
	alice := stage(t, "alice", "bob")[0]
	more := framing.Extension{Type: 0xf00d, Data: []byte("more")}
	for _, p := range []mls.GroupInfoParams{
		{}, {ExternalPub: true}, {OmitTree: true}, {ExternalPub: true, OmitTree: true},
		{Extensions: framing.Extensions{more}}, {ExternalPub: true, Extensions: framing.Extensions{more}},
	} {
		message, err := alice.group.GroupInfo(p, alice.Signer)
		require.NoError(t, err)
		info := mlstest.Parse[*framing.GroupInfo](t, message)
		require.NoError(t, info.VerifySignature(alice.Suite, alice.group.Tree().SignatureKey(info.Signer)))
		require.Equal(t, alice.group.Context(), info.GroupContext)
		require.Equal(t, alice.group.ConfirmationTag(), info.ConfirmationTag)
		tree, found := info.Extensions.Find(framing.ExtensionTypeRatchetTree)
		require.Equal(t, !p.OmitTree, found)
		if found {
			require.Equal(t, alice.group.Tree().Export(), tree)
		}
		_, found = info.Extensions.Find(framing.ExtensionTypeExternalPub)
		require.Equal(t, p.ExternalPub, found)
		data, found := info.Extensions.Find(more.Type)
		require.Equal(t, len(p.Extensions) > 0, found)
		if found {
			require.Equal(t, more.Data, data)
		}
	}
	_, err := alice.group.GroupInfo(mls.GroupInfoParams{Extensions: framing.Extensions{more, more}}, alice.Signer)
	breaks(t, "V-EXT-01", err)
	_, err = alice.group.GroupInfo(mls.GroupInfoParams{}, newPlayer(t, "bob").Signer)
	require.ErrorIs(t, err, mls.ErrSigner)
}
