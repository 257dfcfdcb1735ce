package mls_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// TestVerifyKeyPackage tests what is not a rule about KeyPackages; TestRule tests those.
func TestVerifyKeyPackage(t *testing.T) {
	alice := newCast(t, "alice")[0]
	keys := newMember(t, "bob").KeyPackage(t)
	message := must(keys.Message())
	open := func(message []byte, p mls.Params) error {
		k, err := mls.VerifyKeyPackage(mls.VerifyKeyPackageParams{Message: message, Now: mlstest.Now(), Params: p})
		if err == nil {
			require.Equal(t, keys.KeyPackage, k)
		} else {
			require.Nil(t, k)
		}
		return err
	}
	require.NoError(t, open(message, mls.Params{}))
	require.ErrorIs(t, open(alice.Info(), mls.Params{}), mls.ErrUnexpectedMessage)
	breaks(t, "V-WIRE-13", open(message, mls.Params{MaxMessage: len(message) - 1}))
	var syntax *mls.SyntaxError
	require.ErrorAs(t, open(message[:len(message)-1], mls.Params{}), &syntax)
	require.ErrorIs(t, failure(mls.VerifyKeyPackage(mls.VerifyKeyPackageParams{Message: message})), mls.ErrNoTime)

	unknown := *keys.KeyPackage
	unknown.CipherSuite = 0xf0f0
	message = must(framing.Marshal(&framing.Message{Body: &unknown}))
	require.ErrorIs(t, open(message, mls.Params{}), ciphersuite.ErrUnsupported)
}

// TestOwnLifetime: nobody makes a leaf that others would refuse for its lifetime; without Params, that is one of over 366
// days.
func TestOwnLifetime(t *testing.T) {
	c := newMember(t, "alice")
	const day = 24 * time.Hour
	span := func(d time.Duration) framing.Lifetime {
		return framing.Lifetime{NotBefore: 1, NotAfter: 1 + uint64(d/time.Second)}
	}
	for _, test := range []struct {
		lifetime framing.Lifetime
		longest  time.Duration
		refused  bool
	}{
		{lifetime: span(366 * day)},
		{lifetime: span(366*day + time.Second), refused: true},
		{lifetime: framing.Lifetime{NotAfter: math.MaxUint64}, refused: true},
		{lifetime: framing.Lifetime{NotAfter: math.MaxUint64}, longest: -1},
		{lifetime: framing.Lifetime{NotBefore: 2, NotAfter: 1}, longest: -1, refused: true},
		{lifetime: span(day), longest: day},
		{lifetime: span(day + time.Second), longest: day, refused: true},
	} {
		params := mls.Params{MaxLifetime: test.longest}
		_, byPackage := mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: testSuite, Leaf: c.LeafParams, Lifetime: test.lifetime, Params: params})
		_, byGroup := mls.Create(mls.CreateParams{CipherSuite: testSuite, Leaf: c.LeafParams, Lifetime: test.lifetime, Params: params})
		for _, err := range []error{byPackage, byGroup} {
			if test.refused {
				breaks(t, "V-LN-16", err)
			} else {
				require.NoError(t, err)
			}
		}
	}
}

// TestForeignPrivateKeys: private keys of another KeyPackage give another error than an invalid Welcome.
func TestForeignPrivateKeys(t *testing.T) {
	alice, bob := newCast(t, "alice")[0], newMember(t, "bob")
	own, add := bob.KeyPackage(t), newMember(t, "carol").KeyPackage(t)
	adopted := alice.Commit(mls.CommitParams{Proposals: []framing.Proposal{&framing.Add{KeyPackage: own.KeyPackage}}}).Adopted
	for name, keys := range map[string]mls.OwnKeyPackage{
		"init key": {KeyPackage: own.KeyPackage, InitKey: add.InitKey, LeafKey: own.LeafKey},
		"leaf key": {KeyPackage: own.KeyPackage, InitKey: own.InitKey, LeafKey: add.LeafKey},
	} {
		require.ErrorContains(t, failure(bob.TryJoin(adopted.Send[0], &keys)), "private keys do not belong to the KeyPackage", name)
	}
	must(bob.TryJoin(adopted.Send[0], own))
}
