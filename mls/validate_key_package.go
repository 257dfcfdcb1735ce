package mls

// RFC 9420, Section 10.1: KeyPackage Validation.

import (
	"errors"
	"fmt"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// VerifyKeyPackageParams are a published KeyPackage and what it is checked against.
type VerifyKeyPackageParams struct {
	Message []byte    // one MLSMessage
	Now     time.Time // has to be within the lifetime
	Params  Params
}

// VerifyKeyPackage decodes a published KeyPackage and checks everything that does not depend on a group (RFC 9420, Section
// 10.1): keys, signatures, capabilities, extensions, lifetime. It is for directories, which need not keep what nobody can
// use, and for choosing whom to invite. What depends on the group is checked when the KeyPackage is added; the credential,
// by whoever answers Step.Claims. It fails with a *SyntaxError, a *RuleError, ErrUnexpectedMessage, ErrNoTime or
// ciphersuite.ErrUnsupported.
func VerifyKeyPackage(p VerifyKeyPackageParams) (*framing.KeyPackage, error) {
	params := p.Params.withDefaults()
	k, err := decodeAs[*framing.KeyPackage](p.Message, params, 0)
	if err != nil {
		return nil, err
	}
	if p.Now.IsZero() {
		return nil, ErrNoTime
	}
	suite, err := params.Suites(k.CipherSuite)
	if err != nil {
		return nil, err
	}
	if err := checkKeyPackage(suite, k); err != nil {
		return nil, err
	}
	if err := checkLastResort(k); err != nil {
		return nil, err
	}
	if err := checkLifetime(k.LeafNode.Lifetime, p.Now, params.MaxLifetime); err != nil {
		return nil, err
	}
	if err := k.VerifySignature(suite); err != nil {
		return nil, err
	}
	if err := k.LeafNode.VerifySignature(suite, nil, framing.NoLeaf); err != nil {
		return nil, err
	}
	return k, nil
}

// checkKeyPackage checks a KeyPackage for a cipher suite: what depends on no group and no clock, except its signatures.
func checkKeyPackage(suite *ciphersuite.Suite, k *framing.KeyPackage) error {
	none := framing.NoLeaf
	switch leaf := &k.LeafNode; {
	case k.Version != framing.MLS10:
		return fail("V-KP-01", none, "version of the KeyPackage is %v", k.Version)
	case k.CipherSuite != suite.CipherSuite():
		return fail("V-KP-01", none, "cipher suite of the KeyPackage is %v", k.CipherSuite)
	case k.InitKey.Equal(leaf.EncryptionKey):
		return fail("V-KP-05", none, "init key is the leaf's encryption key")
	case leaf.LeafNodeSource != framing.LeafNodeSourceKeyPackage:
		return fail("V-LN-01", none, "source of the leaf is %v, not key_package", leaf.LeafNodeSource)
	}
	if err := checkKeys(suite, &k.LeafNode, k.InitKey); err != nil {
		return err
	}
	if err := treekem.CheckLeaf(none, &k.LeafNode, k.CipherSuite); err != nil {
		return err
	}
	if err := k.Extensions.CheckPlacement(); err != nil {
		return err
	}
	return k.Extensions.Check()
}

// checkLastResort checks the app_data_dictionary of a KeyPackage that is about to be sent, or was published, and the mark in
// it (V-KP-10). Members that receive it in an Add leave it alone, for those who do not know the draft do, too.
func checkLastResort(k *framing.KeyPackage) error {
	var d framing.AppDataDictionary
	if _, err := k.Extensions.Get(&d); err != nil {
		return failWith(err, "V-KP-10", framing.NoLeaf, "app_data_dictionary")
	}
	if data, _ := d.Find(framing.ComponentLastResortKeyPackage); len(data) > 0 {
		return fail("V-KP-10", framing.NoLeaf, "last_resort_key_package with %d bytes of data", len(data))
	}
	return nil
}

// checkKeys checks the form of public keys (V-KP-06).
func checkKeys(suite *ciphersuite.Suite, leaf *framing.LeafNode, more ...ciphersuite.HPKEPublicKey) error {
	for _, key := range append(more, leaf.EncryptionKey) {
		if err := suite.CheckHPKEPublicKey(key); err != nil {
			return failWith(err, "V-KP-06", framing.NoLeaf, "HPKE public key")
		}
	}
	if err := suite.CheckSignaturePublicKey(leaf.SignatureKey); err != nil {
		return failWith(err, "V-KP-06", framing.NoLeaf, "signature key")
	}
	return nil
}

// keyPackageSignatures returns the two signatures of a KeyPackage: its own and its leaf's (V-KP-03, V-LN-04).
func keyPackageSignatures(k *framing.KeyPackage) ([]ciphersuite.SignedMessage, error) {
	own, err := k.SignedMessage()
	if err != nil {
		return nil, err
	}
	leaf, err := k.LeafNode.SignedMessage(nil, framing.NoLeaf)
	return []ciphersuite.SignedMessage{own, leaf}, err
}

// verifyKeyPackages checks the signatures of many KeyPackages in one batch.
func verifyKeyPackages(suite *ciphersuite.Suite, list []*framing.KeyPackage) error {
	items := make([]ciphersuite.SignedMessage, 0, 2*len(list))
	for _, k := range list {
		pair, err := keyPackageSignatures(k)
		if err != nil {
			return err
		}
		items = append(items, pair...)
	}
	return batchRule(suite.VerifyBatch(items), "V-KP-03", "V-LN-04")
}

// batchRule returns the rule that a signature of a KeyPackage breaks, by its place in the pair.
func batchRule(err error, rules ...string) error {
	var at *ciphersuite.IndexError
	if errors.As(err, &at) {
		return failWith(at.Err, rules[at.Index%len(rules)], framing.NoLeaf,
			fmt.Sprintf("signature of KeyPackage %d", at.Index/len(rules)))
	}
	return err
}

// checkLifetime checks a lifetime that is about to be sent, or of a published KeyPackage, against the present time and a
// maximum (V-LN-15, V-LN-16). It does not check the time when now is zero. Lifetimes in messages of others are only
// reported: see LifetimeReport.
func checkLifetime(l framing.Lifetime, now time.Time, longest time.Duration) error {
	if l.NotBefore > l.NotAfter {
		return fail("V-LN-16", framing.NoLeaf, "lifetime ends before it begins")
	}
	if longest > 0 && l.NotAfter-l.NotBefore > uint64(longest/time.Second) {
		return fail("V-LN-16", framing.NoLeaf, "lifetime spans more than %v", longest)
	}
	if now.IsZero() {
		return nil
	}
	seconds := uint64(max(now.Unix(), 0))
	if seconds < l.NotBefore || seconds > l.NotAfter {
		return fail("V-LN-15", framing.NoLeaf, "present time %d lies outside of the lifetime %d to %d",
			seconds, l.NotBefore, l.NotAfter)
	}
	return nil
}

// checkOwnLifetime checks the lifetime of a leaf that the client is about to make (V-LN-16). A zero one would have ended in
// 1970.
func checkOwnLifetime(l framing.Lifetime, longest time.Duration) error {
	if l == (framing.Lifetime{}) {
		return fail("V-LN-16", framing.NoLeaf, "no lifetime was given")
	}
	return checkLifetime(l, time.Time{}, longest)
}

// reportLifetime reports on a leaf whose lifetime does not cover now, unless now is zero.
func reportLifetime(i framing.LeafIndex, leaf *framing.LeafNode, now time.Time) []LifetimeReport {
	if leaf.LeafNodeSource != framing.LeafNodeSourceKeyPackage || now.IsZero() || checkLifetime(leaf.Lifetime, now, 0) == nil {
		return nil
	}
	return []LifetimeReport{{Leaf: i, Identity: identityOf(leaf), Lifetime: leaf.Lifetime, Now: now}}
}

// reportLifetimes reports on the leaves of the tree whose lifetimes do not cover now.
func (p *public) reportLifetimes(now time.Time) (reports []LifetimeReport) {
	if now.IsZero() {
		return nil
	}
	for i, leaf := range p.tree.Leaves() {
		reports = append(reports, reportLifetime(i, leaf, now)...)
	}
	return reports
}

// lifetimesIn reports on the KeyPackage that a received proposal adds.
func lifetimesIn(p framing.Proposal, now time.Time) []LifetimeReport {
	if add, ok := p.(*framing.Add); ok {
		return reportLifetime(framing.NoLeaf, &add.KeyPackage.LeafNode, now)
	}
	return nil
}
