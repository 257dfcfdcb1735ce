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
func packagesOf(players ...*mlstest.Member) (keys []*mls.OwnKeyPackage, adds []framing.Proposal) {
	for _, p := range players {
		k := p.KeyPackage(p.T)
		keys = append(keys, k)
		adds = append(adds, &framing.Add{KeyPackage: k.KeyPackage})
	}
	return keys, adds
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
		alice, bob := two(newCast(t, "alice", "bob"))
		var guests []*mlstest.Member
		for i := range 7 {
			guests = append(guests, newMember(t, fmt.Sprint("guest ", i)))
		}
		keys, adds := packagesOf(guests...)
		params.Proposals = adds
		adopted := alice.Commit(params, bob).Adopted
		size := params.Welcome.Batch
		if size == 0 {
			size = len(guests)
		}
		require.Len(t, adopted.Send, (len(guests)+size-1)/size)
		joined := 0
		for _, out := range adopted.Send {
			require.Equal(t, mls.OutgoingWelcome, out.Kind)
			require.LessOrEqual(t, len(out.To), size)
			require.Equal(t, params.Welcome.OmitTree, out.RatchetTree() != nil)
			for _, ref := range out.To {
				for i, k := range keys {
					have := must(k.KeyPackage.Ref(bob.Suite))
					if string(have) != string(ref) {
						_, err := guests[i].TryJoin(out, k)
						if !addressed(t, out, k) {
							breaks(t, "V-WEL-01", err)
						}
						continue
					}
					guests[i].Take(guests[i].TryJoin(out, k))
					joined++
				}
			}
		}
		require.Equal(t, len(guests), joined)
		mlstest.Agree(append([]*mlstest.Member{alice, bob}, guests...)...)
		message := guests[3].Commit(mls.CommitParams{}, alice, bob).Message
		for i, g := range guests {
			if i != 3 {
				g.Hear(message)
			}
		}
		mlstest.Agree(append([]*mlstest.Member{alice, bob}, guests...)...)
	}
}

func addressed(t *testing.T, out mls.Outgoing, k *mls.OwnKeyPackage) bool {
	ref := must(k.KeyPackage.Ref(mlstest.Suite(t, testSuite)))
	for _, to := range out.To {
		if string(to) == string(ref) {
			return true
		}
	}
	return false
}

// TestSeveralKeyPackages: a client with many KeyPackages about learns which one was used, whatever suites they are of.
func TestSeveralKeyPackages(t *testing.T) {
	alice := newCast(t, "alice")[0]
	bob := newMember(t, "bob")
	other := must(mls.NewKeyPackage(mls.KeyPackageParams{
		CipherSuite: nextSuite, Leaf: bob.As(nextSuite).LeafParams, Lifetime: mlstest.Lifetime(), Params: bob.Params}))
	keys := []*mls.OwnKeyPackage{other, bob.KeyPackage(t), bob.KeyPackage(t), bob.KeyPackage(t)}
	adopted := alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys[2].KeyPackage}}}).Adopted
	out := adopted.Send[0]
	breaks(t, "V-WEL-01", failure(bob.TryJoin(out, keys[0], keys[1], keys[3])))
	breaks(t, "V-WEL-01", failure(bob.TryJoin(out)))
	s := bob.Take(bob.TryJoin(out, keys...))
	want := must(keys[2].KeyPackage.Ref(bob.Suite))
	require.Equal(t, &mls.UsedKey{Ref: want}, s.Used)
	mlstest.Agree(alice, bob)
}

// TestLastResort: a KeyPackage so marked says so, and serves more than one join.
func TestLastResort(t *testing.T) {
	bob := newMember(t, "bob")
	keys := must(mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: bob.LeafParams,
		Lifetime: mlstest.Lifetime(), LastResort: true, Params: bob.Params}))
	require.True(t, keys.LastResort())
	require.False(t, bob.KeyPackage(t).LastResort())
	for older := range 2 {
		p := mls.KeyPackageParams{CipherSuite: testSuite, Leaf: bob.LeafParams, Lifetime: mlstest.Lifetime(),
			Extensions: framing.Extensions{{Type: 0xf0f0}, extension(t, &framing.AppDataDictionary{{ID: 3}})},
			LastResort: true, LegacyLastResort: older == 1, Params: bob.Params}
		p.Leaf.Extensions = framing.Extensions{extension(t, &framing.AppDataDictionary{{ID: 1, Data: []byte{2, 0, 3}}, {ID: 9}})}
		k := must(mls.NewKeyPackage(p)).KeyPackage
		require.Contains(t, k.LeafNode.Capabilities.Extensions, framing.ExtensionTypeAppDataDictionary)
		var marks, known framing.AppDataDictionary
		require.True(t, must(k.Extensions.Get(&marks)))
		require.Equal(t, framing.AppDataDictionary{{ID: 3}, {ID: framing.ComponentLastResortKeyPackage}}, marks)
		require.True(t, must(k.LeafNode.Extensions.Get(&known)))
		require.Equal(t, framing.AppDataDictionary{{ID: 1, Data: []byte{4, 0, 3, 0, 4}}, {ID: 9}}, known)
		_, marked := k.Extensions.Find(mls.ExtensionTypeLastResort)
		require.Equal(t, older == 1, marked)
	}
	old := must(mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: bob.LeafParams, Lifetime: mlstest.Lifetime(),
		Extensions: framing.Extensions{{Type: mls.ExtensionTypeLastResort}}, Params: bob.Params}))
	require.True(t, old.LastResort(), "by the older text")
	for _, name := range []string{"alice", "carol"} {
		host := newMember(t, name)
		host.Group = host.Create(t, "group of "+name)
		adopted := host.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: keys.KeyPackage}}}).Adopted
		s := bob.Take(bob.TryJoin(adopted.Send[0], keys))
		require.True(t, s.Used.LastResort)
		mlstest.Agree(host, bob)
		host.Commit(mls.CommitParams{}, bob) // the leaf key of one group is not that of the KeyPackage any more
		bob.Commit(mls.CommitParams{}, host)
		mlstest.Agree(host, bob)
	}
}

// TestJoinRefused tests Welcomes that nobody may accept.
func TestJoinRefused(t *testing.T) {
	alice := newCast(t, "alice")[0]
	bob := newMember(t, "bob")
	keys, adds := packagesOf(bob)
	made := alice.Commit(mls.CommitParams{Proposals: adds})
	commit, adopted := made.Message, made.Adopted
	out := adopted.Send[0]
	good := mls.JoinParams{Welcome: out.Message, KeyPackages: keys, Now: mlstest.Now(), Params: bob.Params}

	bad := good
	bad.Groups = [][]byte{[]byte("other"), alice.Group.GroupID()}
	breaks(t, "V-WEL-06", failure(mls.Join(bad)))
	bad = good
	bad.Welcome = commit
	require.ErrorIs(t, failure(mls.Join(bad)), mls.ErrUnexpectedMessage)
	bad.Welcome = out.Message[:len(out.Message)-1]
	_, err := mls.Join(bad)
	var syntax *mls.SyntaxError
	require.ErrorAs(t, err, &syntax)
	bad = good
	bad.KeyPackages = []*mls.OwnKeyPackage{{KeyPackage: keys[0].KeyPackage, InitKey: keys[0].LeafKey, LeafKey: keys[0].InitKey}}
	require.ErrorContains(t, failure(mls.Join(bad)), "do not belong")
	bob.Take(mls.Join(good))
	mlstest.Agree(alice, bob)
}

// TestRotationWelcomes: a commit that changes the committer's signature key signs the Welcome with the new one
// (H-20).
func TestRotationWelcomes(t *testing.T) {
	alice, bob := two(newCast(t, "alice", "bob"))
	renewed := newMember(t, "alice's new key").Signer
	credential := framing.BasicCredential([]byte("alicia"))
	carol := newMember(t, "carol")
	keys, adds := packagesOf(carol)

	old := alice.Signer
	s := alice.MakeCommit(mls.CommitParams{
		Proposals: adds, Leaf: mls.LeafUpdate{Signer: renewed, Credential: &credential}})
	require.Equal(t, mls.MomentPath, s.Claims[len(s.Claims)-1].Moment)
	message := s.Send[0].Message
	alice.Say("signed by the old key while the commit is pending")
	alice.Signer = renewed
	require.ErrorIs(t, failure(alice.Group.Protect(nil, mls.ProtectParams{}, alice.Signer)), mls.ErrSigner)
	adopted := alice.Take(alice.Group.Adopt())
	require.ErrorIs(t, failure(alice.Group.Protect(nil, mls.ProtectParams{}, old)), mls.ErrSigner)

	change := bob.Hear(message).Events[0].(*mls.EpochChanged).Change
	require.Equal(t, "alicia", string(change.Updated[0].New.Credential.Identity))
	require.Equal(t, "alice", string(change.Updated[0].Old.Credential.Identity))
	carol.Take(carol.TryJoin(adopted.Send[0], keys...))
	mlstest.Agree(alice, bob, carol)
}

// TestGroupInfo: what it holds is what was asked for.
func TestGroupInfo(t *testing.T) {
	alice := newCast(t, "alice", "bob")[0]
	more := framing.Extension{Type: 0xf00d, Data: []byte("more")}
	for _, p := range []mls.GroupInfoParams{
		{}, {ExternalPub: true}, {OmitTree: true}, {ExternalPub: true, OmitTree: true},
		{Extensions: framing.Extensions{more}}, {ExternalPub: true, Extensions: framing.Extensions{more}},
	} {
		message := must(alice.Group.GroupInfo(p, alice.Signer))
		info := mlstest.Parse[*framing.GroupInfo](t, message)
		require.NoError(t, info.VerifySignature(alice.Suite, alice.Group.Tree().SignatureKey(info.Signer)))
		require.Equal(t, alice.Group.Context(), info.GroupContext)
		require.Equal(t, alice.Group.ConfirmationTag(), info.ConfirmationTag)
		tree, found := info.Extensions.Find(framing.ExtensionTypeRatchetTree)
		require.Equal(t, !p.OmitTree, found)
		if found {
			require.Equal(t, alice.Group.Tree().Export(), tree)
		}
		_, found = info.Extensions.Find(framing.ExtensionTypeExternalPub)
		require.Equal(t, p.ExternalPub, found)
		data, found := info.Extensions.Find(more.Type)
		require.Equal(t, len(p.Extensions) > 0, found)
		if found {
			require.Equal(t, more.Data, data)
		}
	}
	breaks(t, "V-EXT-01", failure(alice.Group.GroupInfo(mls.GroupInfoParams{Extensions: framing.Extensions{more, more}}, alice.Signer)))
	require.ErrorIs(t, failure(alice.Group.GroupInfo(mls.GroupInfoParams{}, newMember(t, "bob").Signer)), mls.ErrSigner)
}
