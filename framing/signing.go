package framing

// RFC 9420, Section 5.1.2: Signing.

import (
	"crypto"
	"fmt"
	"io"

	"github.com/copse-mls/copse/ciphersuite"
)

// The labels of signatures (RFC 9420, Section 17.6).
const (
	labelFramedContentTBS = "FramedContentTBS"
	labelLeafNodeTBS      = "LeafNodeTBS"
	labelKeyPackageTBS    = "KeyPackageTBS"
	labelGroupInfoTBS     = "GroupInfoTBS"
)

// SignParams is what a signature is made with (RFC 9420, Section 5.1.2).
type SignParams struct {
	Suite  *ciphersuite.Suite
	Rand   io.Reader     // crypto/rand.Reader in production
	Signer crypto.Signer `json:"-" xml:"-"`
	Bodies Bodies        // of custom proposals, by which receivers will decode what is signed
}

// Format prints all but the signer, which may be a private key.
func (p SignParams) Format(f fmt.State, verb rune) {
	type plain SignParams // without this method
	p.Signer = nil
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), plain(p)) // fmt.State reports failures by its own means
}

// sign signs tbs.
func (p SignParams) sign(label string, tbs []byte) ([]byte, error) {
	return p.Suite.SignWithLabel(p.Rand, p.Signer, label, tbs)
}

// signAs signs tbs, in which stated is the key by which others will verify.
func (p SignParams) signAs(stated ciphersuite.SignaturePublicKey, label string, tbs []byte) ([]byte, error) {
	if err := p.Suite.CheckSigner(p.Signer, stated); err != nil {
		return nil, err
	}
	return p.sign(label, tbs)
}

// sameSuite refuses a structure that states another cipher suite than the one at hand.
func sameSuite(rule string, suite *ciphersuite.Suite, stated ciphersuite.CipherSuite) error {
	if suite.CipherSuite() == stated {
		return nil
	}
	return &RuleError{Rule: rule, Leaf: NoLeaf, Detail: "cipher suite is " + stated.String() + ", not " + suite.Name}
}
