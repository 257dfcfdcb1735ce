package mls

// RFC 9420, Section 10.1: KeyPackage Validation.

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// VerifyKeyPackageParams are a published KeyPackage and what it is judged by.
type VerifyKeyPackageParams struct {
	Message []byte    // one MLSMessage
	Now     time.Time // judges the lifetime
	Params  Params
}

// VerifyKeyPackage reads a published KeyPackage and judges all of it that takes no group (RFC 9420, Section 10.1): keys,
// signatures, capabilities, extensions, lifetime. It is for directories, which need not keep what nobody can use, and
// for whoever chooses whom to invite. What the group decides is judged when the KeyPackage is added; what the credential
// is worth, by whoever answers Step.Claims. It fails with a *SyntaxError, a *RuleError, ErrUnexpectedMessage, ErrNoTime or
// ciphersuite.ErrUnsupported.
func VerifyKeyPackage(p VerifyKeyPackageParams) (*framing.KeyPackage, error) {
	params := p.Params.withDefaults()
	body, err := decodeMessage(p.Message, params)
	if err != nil {
		return nil, err
	}
	k, ok := body.(*framing.KeyPackage)
	switch {
	case !ok:
		return nil, ErrUnexpectedMessage
	case p.Now.IsZero():
		return nil, ErrNoTime
	}
	suite, err := params.Suites(k.CipherSuite)
	if err != nil {
		return nil, err
	}
	if err := checkAlone(suite, params, k, p.Now); err != nil {
		return nil, err
	}
	if err := verifyKeyPackages(suite, []*framing.KeyPackage{k}); err != nil {
		return nil, err
	}
	return k, nil
}

// checkAlone judges a KeyPackage by all that takes no group, but for its signatures: as an Add to a group that demands
// nothing. A zero now judges no lifetime but its span.
func checkAlone(suite *ciphersuite.Suite, params *Params, k *framing.KeyPackage, now time.Time) error {
	if err := params.limitKeyPackage(k); err != nil {
		return err
	}
	alone, err := newPublic(suite, params, framing.GroupContext{Version: framing.MLS10, CipherSuite: k.CipherSuite}, nil)
	if err != nil {
		return err
	}
	check := proposalCheck{public: alone, rules: alone.rules, now: now}
	return check.checkAdd(&framing.Add{KeyPackage: k})
}

// checkKeyPackage judges a KeyPackage by itself, all but its signatures and the group's rules for its leaf.
func (p *public) checkKeyPackage(k *framing.KeyPackage, now time.Time) error {
	none := framing.NoLeaf
	switch leaf := &k.LeafNode; {
	case k.Version != p.context.Version:
		return fail("V-KP-01", none, "version of the KeyPackage is %v", k.Version)
	case k.CipherSuite != p.context.CipherSuite:
		return fail("V-KP-01", none, "cipher suite of the KeyPackage is %v", k.CipherSuite)
	case bytes.Equal(k.InitKey, leaf.EncryptionKey):
		return fail("V-KP-05", none, "init key is the leaf's encryption key")
	}
	if err := checkLeafSource(none, &k.LeafNode, framing.LeafNodeSourceKeyPackage); err != nil {
		return err
	}
	if err := checkLifetime(k.LeafNode.Lifetime, now, p.params.MaxLifetime); err != nil {
		return err
	}
	if err := p.checkKeys(&k.LeafNode, k.InitKey); err != nil {
		return err
	}
	return checkKeyPackageExtensions(k)
}

// checkKeys judges the form of public keys (V-KP-06).
func (p *public) checkKeys(leaf *framing.LeafNode, more ...ciphersuite.HPKEPublicKey) error {
	for _, key := range append(more, leaf.EncryptionKey) {
		if err := p.suite.CheckHPKEPublicKey(key); err != nil {
			return failWith(err, "V-KP-06", framing.NoLeaf, "HPKE public key")
		}
	}
	if err := p.suite.CheckSignaturePublicKey(leaf.SignatureKey); err != nil {
		return failWith(err, "V-KP-06", framing.NoLeaf, "signature key")
	}
	return nil
}

// checkKeyPackageExtensions judges the extensions of a KeyPackage (V-EXT-01, V-EXT-02, V-KP-07).
func checkKeyPackageExtensions(k *framing.KeyPackage) error {
	if err := k.Extensions.Check(); err != nil {
		return err
	}
	if err := checkPlacement(framing.NoLeaf, k.Extensions); err != nil {
		return err
	}
	for _, x := range k.Extensions {
		if !x.Type.IsDefault() && !slices.Contains(k.LeafNode.Capabilities.Extensions, x.Type) {
			return fail("V-KP-07", framing.NoLeaf, "extension %v of the KeyPackage is not in its capabilities", x.Type)
		}
	}
	return nil
}

// keyPackageSignatures are the two signatures of a KeyPackage: its own and its leaf's (V-KP-03, V-LN-04).
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

// batchRule names the rule by which the signature of a KeyPackage failed, by its place in the pair.
func batchRule(err error, rules ...string) error {
	var at *ciphersuite.IndexError
	if errors.As(err, &at) {
		return failWith(at.Err, rules[at.Index%len(rules)], framing.NoLeaf,
			fmt.Sprintf("signature of KeyPackage %d", at.Index/len(rules)))
	}
	return err
}
