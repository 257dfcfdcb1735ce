package framing

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
)

// TestRealWorldCertificate: files of certificates are PEM, and so end up in credentials.
func TestRealWorldCertificate(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "alice"}}
	der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
	require.NoError(t, err)
	public := ciphersuite.SignaturePublicKey(key.Public().(ed25519.PublicKey))
	good := X509Credential(der)
	require.NoError(t, good.CheckKey(public))
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	bad := X509Credential(der, append([]byte("\n"), text...))
	require.EqualError(t, bad.CheckKey(public), "certificate 1: framing: it is PEM text, expected the DER bytes that this text encodes (RFC 9420, Section 5.3)")
}
