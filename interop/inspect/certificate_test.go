package inspect

import (
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
)

// TestCertificates shows whom a certificate is about, and keeps what could move a cursor out of the text.
func TestCertificates(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	inspected := func(der ...[]byte) *Report {
		credential := framing.X509Credential(der...)
		data, err := framing.Marshal(&credential)
		require.NoError(t, err)
		return readable(t, "credential", data, Params{Type: "Credential"})
	}
	certificate := func(name string) []byte {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
			NotBefore: storyTime, NotAfter: storyTime.AddDate(1, 0, 0)}
		der, err := x509.CreateCertificate(nil, template, template, key.Public(), key)
		require.NoError(t, err)
		return der
	}
	text, _ := render(t, inspected(certificate("alice")))
	require.Contains(t, text, "= subject: CN=alice")
	require.Contains(t, text, "= validity: 2026-01-01 to 2027-01-01")

	text, _ = render(t, inspected(certificate("bell\a\x1b[2J")))
	require.NotContains(t, text, "\x1b")
	require.NotContains(t, text, "\a")

	r := inspected(certificate("alice"), []byte("no certificate"))
	require.Equal(t, 1, r.Failures())
}
