package framing

// RFC 9420, Section 5.3: X.509 credentials, as far as they bind a chain of certificates to a key.

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
)

// CheckKey checks that an X.509 credential is a chain in order, and its first certificate for the signature key that it
// comes with (RFC 9420, Section 5.3). Every other credential passes. Whether to trust a chain is for an authentication
// service to say: that takes the certificates which members may leave out because others have them.
func (c *Credential) CheckKey(key ciphersuite.SignaturePublicKey) error {
	if c.Type != CredentialTypeX509 {
		return nil
	}
	if len(c.Certificates) == 0 {
		return errors.New("framing: there is no certificate")
	}
	chain := make([]certificate, len(c.Certificates))
	for k, der := range c.Certificates {
		if err := chain[k].parse(der); err != nil {
			return fmt.Errorf("certificate %d: %w", k, err)
		}
	}
	if !bytes.Equal(chain[0].TBS.PublicKey.Key.Bytes, key) {
		return errors.New("framing: the end-entity certificate is for another key")
	}
	return checkOrder(chain)
}

// checkOrder: after each certificate comes its issuer's, unless the chain lacks it or the issuer is its own subject.
func checkOrder(chain []certificate) error {
	for k := range chain {
		issuer := chain[k].TBS.Issuer.FullBytes
		named := func(c certificate) bool { return bytes.Equal(c.TBS.Subject.FullBytes, issuer) }
		if named(chain[k]) || k+1 < len(chain) && named(chain[k+1]) {
			continue
		}
		if at := slices.IndexFunc(chain, named); at >= 0 {
			return fmt.Errorf("framing: certificate %d, of the issuer of certificate %d, does not follow it", at, k)
		}
	}
	return nil
}

// certificate is the beginning of a Certificate (RFC 5280, Section 4.1); what follows the public key is not read. The key
// has the same encoding there as in MLS, whatever the scheme.
type certificate struct {
	TBS struct {
		Version   int `asn1:"optional,explicit,default:0,tag:0"`
		Serial    asn1.RawValue
		Signature asn1.RawValue
		Issuer    asn1.RawValue
		Validity  asn1.RawValue
		Subject   asn1.RawValue
		PublicKey struct {
			Algorithm asn1.RawValue
			Key       asn1.BitString
		}
	}
	Algorithm asn1.RawValue
	Signature asn1.BitString
}

// parse reads a DER certificate.
func (c *certificate) parse(der []byte) error {
	rest, err := asn1.Unmarshal(der, c)
	switch {
	case err != nil && bytes.HasPrefix(bytes.TrimSpace(der), []byte("-----BEGIN ")):
		return errors.New("framing: it is PEM text, expected the DER bytes that this text encodes (RFC 9420, Section 5.3)")
	case err == nil && len(rest) > 0:
		return errors.New("framing: bytes remain after it")
	}
	return err
}
