package keyschedule

// RFC 9420, Sections 8, 8.3, 8.5, 8.6 and 8.7: what is derived from an epoch_secret (Table 4), and its uses.

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"github.com/copse-mls/copse/ciphersuite"
)

// Errors of the operations on epoch secrets.
var (
	// ErrConfirmationTag says that a confirmation tag does not match: the two sides disagree about the group.
	ErrConfirmationTag = errors.New("keyschedule: confirmation tag does not match")
	// ErrExportLength says that the exporter cannot give so many bytes.
	ErrExportLength = errors.New("keyschedule: export length out of range")
)

// EpochSecrets are the secrets derived from one epoch_secret, each of KDF.Nh bytes, except encryption_secret, which
// becomes a SecretTree (RFC 9420, Section 8). All values of a group in the same epoch may share one EpochSecrets. Its
// fields are exported for storage; a value read back from storage can do all that the one from Epoch could.
type EpochSecrets struct {
	Suite *ciphersuite.Suite

	SenderDataSecret   ciphersuite.Secret // keys for SenderData (Section 6.3.2)
	ExporterSecret     ciphersuite.Secret // Section 8.5
	ExternalSecret     ciphersuite.Secret // Section 8.3
	ConfirmationKey    ciphersuite.Secret // confirmation tags (Section 6.1)
	MembershipKey      ciphersuite.Secret // membership tags (Section 6.2)
	ResumptionPSK      ciphersuite.Secret // Section 8.6
	EpochAuthenticator ciphersuite.Secret // Section 8.7
	InitSecret         InitSecret         // leads to the next epoch
}

// newEpoch consumes epochSecret.
func newEpoch(suite *ciphersuite.Suite, epochSecret ciphersuite.Secret) (*EpochSecrets, EncryptionSecret) {
	defer epochSecret.Erase()
	derive := func(label string) ciphersuite.Secret { return suite.DeriveSecret(epochSecret, label) }
	return &EpochSecrets{
		Suite:              suite,
		SenderDataSecret:   derive("sender data"),
		ExporterSecret:     derive("exporter"),
		ExternalSecret:     derive("external"),
		ConfirmationKey:    derive("confirm"),
		MembershipKey:      derive("membership"),
		ResumptionPSK:      derive("resumption"),
		EpochAuthenticator: derive("authentication"),
		InitSecret:         InitSecret{chained{suite, derive("init")}},
	}, EncryptionSecret{chained{suite, derive("encryption")}}
}

// EraseEnded erases what a member has no use for once the next epoch is adopted: everything but SenderDataSecret, for
// messages still on their way, and ResumptionPSK, for later epochs (RFC 9420, Sections 8.6 and 9.2).
func (e *EpochSecrets) EraseEnded() {
	e.ExporterSecret.Erase()
	e.ExternalSecret.Erase()
	e.ConfirmationKey.Erase()
	e.MembershipKey.Erase()
	e.EpochAuthenticator.Erase()
	e.InitSecret.Erase()
}

// Erase erases every secret of the epoch.
func (e *EpochSecrets) Erase() {
	e.EraseEnded()
	e.SenderDataSecret.Erase()
	e.ResumptionPSK.Erase()
}

// ConfirmationTag computes the confirmation_tag over a confirmed transcript hash (RFC 9420, Section 6.1). It fails
// with ErrErased.
func (e *EpochSecrets) ConfirmationTag(confirmedTranscriptHash []byte) ([]byte, error) {
	if e.ConfirmationKey.IsZero() {
		return nil, fmt.Errorf("confirmation_key: %w", ErrErased)
	}
	return e.Suite.MAC(e.ConfirmationKey, confirmedTranscriptHash), nil
}

// CheckConfirmationTag compares in constant time the tag received with the one that belongs to a confirmed transcript
// hash (RFC 9420, Section 6.1). It fails with ErrConfirmationTag or ErrErased.
func (e *EpochSecrets) CheckConfirmationTag(confirmedTranscriptHash, tag []byte) error {
	want, err := e.ConfirmationTag(confirmedTranscriptHash)
	if err == nil && subtle.ConstantTimeCompare(want, tag) != 1 {
		err = ErrConfirmationTag
	}
	return err
}

// Export computes MLS-Exporter (RFC 9420, Section 8.5): n bytes for use outside of MLS, bound to the epoch, label and
// context. The caller owns the result. It fails with ErrErased, and with ErrExportLength unless n is between 1 and
// what KDF.Expand can give, 255 hash sizes.
func (e *EpochSecrets) Export(label string, context []byte, n int) (ciphersuite.Secret, error) {
	if longest := 255 * e.Suite.HashSize; n < 1 || n > longest {
		return ciphersuite.Secret{}, fmt.Errorf("%w: %d bytes, not 1 to %d", ErrExportLength, n, longest)
	}
	if e.ExporterSecret.IsZero() {
		return ciphersuite.Secret{}, fmt.Errorf("exporter_secret: %w", ErrErased)
	}
	derived := e.Suite.DeriveSecret(e.ExporterSecret, label)
	defer derived.Erase()
	return e.Suite.ExpandWithLabel(derived, "exported", e.Suite.Hash(nil, context), n), nil
}

const externalInitLabel = "MLS 1.0 external init secret"

// ExternalKeyPair derives the HPKE key pair whose public key a GroupInfo publishes in its external_pub extension
// (RFC 9420, Section 8). The caller owns the private key. It fails with ErrErased.
func (e *EpochSecrets) ExternalKeyPair() (ciphersuite.KeyPair, error) {
	if e.ExternalSecret.IsZero() {
		return ciphersuite.KeyPair{}, fmt.Errorf("external_secret: %w", ErrErased)
	}
	return e.Suite.DeriveKeyPair(e.ExternalSecret)
}

// SendExternalInit makes the init_secret with which a newcomer enters the epoch of its external Commit, and the
// kem_output for its ExternalInit proposal (RFC 9420, Section 8.3). It fails with ErrPublicKey of package ciphersuite,
// or when rand does.
func SendExternalInit(
	suite *ciphersuite.Suite, rand io.Reader, externalPub ciphersuite.HPKEPublicKey,
) (kemOutput []byte, init InitSecret, err error) {
	kemOutput, secret, err := suite.SendExport(rand, externalPub, []byte(externalInitLabel))
	if err != nil {
		return nil, InitSecret{}, fmt.Errorf("external init: %w", err)
	}
	return kemOutput, InitSecret{chained{suite, secret}}, nil
}

// ReceiveExternalInit recovers the init_secret from the kem_output of an ExternalInit proposal (RFC 9420,
// Section 8.3). The caller owns the result. It fails with ErrErased, or with the provider's error for a bad kemOutput.
func (e *EpochSecrets) ReceiveExternalInit(kemOutput []byte) (InitSecret, error) {
	external, err := e.ExternalKeyPair()
	if err != nil {
		return InitSecret{}, err
	}
	defer external.Private.Erase()
	secret, err := e.Suite.ReceiveExport(external, kemOutput, []byte(externalInitLabel))
	if err != nil {
		return InitSecret{}, fmt.Errorf("external init: %w", err)
	}
	return InitSecret{chained{e.Suite, secret}}, nil
}
