package mls

// RFC 9420, Section 5.3: X.509 credentials, as far as they bind a certificate to a key.

import (
	"bytes"
	"encoding/asn1"
	"errors"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// checkCertificate judges whether the end-entity certificate of an X.509 credential is for the signature key that it comes
// with. Whether to trust the certificate is the caller's to say, through Step.Judge; so is the rest of the chain, of which
// members may leave out what others are known to have.
func checkCertificate(who Identity) error {
	if who.Credential.Type != framing.CredentialTypeX509 {
		return nil
	}
	if len(who.Credential.Certificates) == 0 {
		return errors.New("there is no certificate")
	}
	key, err := certifiedKey(who.Credential.Certificates[0])
	if err != nil {
		return fmt.Errorf("end-entity certificate: %w", err)
	}
	if !bytes.Equal(key, who.SignatureKey) {
		return errors.New("the end-entity certificate is for another key")
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

// certifiedKey is the public key in a DER certificate.
func certifiedKey(der []byte) (ciphersuite.SignaturePublicKey, error) {
	var c certificate
	rest, err := asn1.Unmarshal(der, &c)
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, errors.New("bytes remain after the certificate")
	}
	return c.TBS.PublicKey.Key.Bytes, nil
}
