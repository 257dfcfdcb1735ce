package ciphersuite

// Keys and signatures in forms that others use and MLS does not (RFC 9420, Sections 5.1.1 and 5.1.2). They are never accepted.
// What is refused is looked at once more, to say what it is and what was expected.

import (
	"bytes"
	"encoding/asn1"
	"fmt"
	"math/big"
)

// explained returns err with what was wrong, if anything is known.
func explained(err error, text string) error {
	if text == "" {
		return err
	}
	return fmt.Errorf("%w: %s", err, text)
}

// pointForm describes what is in the place of an uncompressed point of size bytes. Where public keys are no such points,
// size is even, and nothing is said.
func pointForm(key []byte, size int) string {
	if size%2 == 1 && len(key) == size/2+1 && (key[0] == 2 || key[0] == 3) {
		return fmt.Sprintf("it is a compressed point of %d bytes, expected an uncompressed one of %d bytes beginning with 04 "+
			"(RFC 9420, Section 5.1.1)", len(key), size)
	}
	return ""
}

// signatureForm describes what is in the place of a DER signature whose integers have size bytes each.
func signatureForm(signature []byte, size int) string {
	var pair struct{ R, S *big.Int }
	if len(signature) != 2*size {
		return ""
	}
	if _, err := asn1.Unmarshal(signature, &pair); err == nil {
		return ""
	}
	return fmt.Sprintf("it looks like r||s of %d bytes, expected DER (RFC 9420, Section 5.1.2; RFC 8446, Section 4.2.3)", len(signature))
}

// privateForm describes what is in the place of a private key of size bytes.
func privateForm(private []byte, size int) string {
	var key struct {
		Version int
		Second  asn1.RawValue
	}
	_, err := asn1.Unmarshal(private, &key)
	form := ""
	switch {
	case bytes.HasPrefix(private, []byte("-----BEGIN ")):
		form = "PEM text"
	case err == nil && key.Second.Tag == asn1.TagSequence:
		form = "a PKCS #8 structure"
	case err == nil && key.Second.Tag == asn1.TagOctetString:
		form = "an ECPrivateKey structure (SEC 1)"
	default:
		return ""
	}
	return fmt.Sprintf("it is %s of %d bytes, expected the private key alone, %d bytes", form, len(private), size)
}

// seedForm describes what is in the place of an EdDSA seed of size bytes. Public keys have the same size.
func seedForm(private []byte, size int) string {
	if len(private) == 2*size {
		return fmt.Sprintf("its %d bytes are a seed and the public key; expected the seed alone, %d bytes", len(private), size)
	}
	return privateForm(private, size)
}
