package keyschedule

// RFC 9420, Section 8: Key Schedule.

import (
	"errors"
	"fmt"
	"io"

	"github.com/copse-mls/copse/ciphersuite"
)

// Errors of the key schedule.
var (
	// ErrErased says that a secret is no longer there: it was erased, or the value it was asked of was replaced.
	ErrErased = errors.New("keyschedule: secret is erased")
	// ErrSecretSize says that a secret from outside is not as long as the cipher suite's hash.
	ErrSecretSize = errors.New("keyschedule: secret of wrong size")
)

// InitSecret is the init_secret of an epoch, from which the next one starts (RFC 9420, Section 8).
type InitSecret struct{ chained }

// JoinerSecret is the joiner_secret of an epoch (RFC 9420, Section 8). A Welcome carries it to those who join.
type JoinerSecret struct{ chained }

// MemberSecret is the secret between joiner_secret and epoch_secret, which RFC 9420 leaves without a name: the output
// of the KDF.Extract that takes psk_secret in (RFC 9420, Section 8).
type MemberSecret struct{ chained }

// EncryptionSecret is the encryption_secret of an epoch (RFC 9420, Section 9), for NewSecretTree.
type EncryptionSecret struct{ chained }

// chained is one link of the key schedule with the suite that it belongs to.
type chained struct {
	suite  *ciphersuite.Suite
	secret ciphersuite.Secret
}

// Secret returns the value itself, borrowed from its owner.
func (c chained) Secret() ciphersuite.Secret { return c.secret }

// Erase overwrites the secret.
func (c chained) Erase() { c.secret.Erase() }

// NewInitSecret takes ownership of an init_secret from storage. It fails with ErrSecretSize unless the secret has
// KDF.Nh bytes.
func NewInitSecret(suite *ciphersuite.Suite, secret ciphersuite.Secret) (InitSecret, error) {
	c, err := newChained(suite, secret, "init_secret")
	return InitSecret{c}, err
}

// NewJoinerSecret takes ownership of the joiner_secret of a Welcome's GroupSecrets (RFC 9420, Section 12.4.3.1). It
// fails with ErrSecretSize unless the secret has KDF.Nh bytes.
func NewJoinerSecret(suite *ciphersuite.Suite, secret ciphersuite.Secret) (JoinerSecret, error) {
	c, err := newChained(suite, secret, "joiner_secret")
	return JoinerSecret{c}, err
}

// NewEncryptionSecret takes ownership of an encryption_secret from elsewhere than MemberSecret.Epoch: from storage, or
// from test vectors. It fails with ErrSecretSize unless the secret has KDF.Nh bytes.
func NewEncryptionSecret(suite *ciphersuite.Suite, secret ciphersuite.Secret) (EncryptionSecret, error) {
	c, err := newChained(suite, secret, "encryption_secret")
	return EncryptionSecret{c}, err
}

func newChained(suite *ciphersuite.Suite, secret ciphersuite.Secret, name string) (chained, error) {
	if secret.Len() != suite.HashSize {
		return chained{}, fmt.Errorf("%s: %w: %d bytes, not %d", name, ErrSecretSize, secret.Len(), suite.HashSize)
	}
	return chained{suite, secret}, nil
}

// NoCommitSecret returns the commit_secret of a Commit without a path: KDF.Nh zero bytes (RFC 9420, Section 12.4.2).
func NoCommitSecret(suite *ciphersuite.Suite) ciphersuite.Secret {
	return ciphersuite.NewSecret(make([]byte, suite.HashSize))
}

// Joiner mixes in the commit_secret and the encoded GroupContext of the new epoch (RFC 9420, Section 8). It consumes
// commitSecret, and borrows the init secret, which the old epoch needs until the new one is adopted. It fails with
// ErrErased or ErrSecretSize.
func (s InitSecret) Joiner(commitSecret ciphersuite.Secret, groupContext []byte) (JoinerSecret, error) {
	defer commitSecret.Erase()
	extracted, err := s.extract(commitSecret, "commit_secret")
	if err != nil {
		return JoinerSecret{}, err
	}
	defer extracted.Erase()
	joiner := s.suite.ExpandWithLabel(extracted, "joiner", groupContext, s.suite.HashSize)
	return JoinerSecret{chained{s.suite, joiner}}, nil
}

// Member mixes in the psk_secret that PSKSecret computes (RFC 9420, Section 8). It consumes pskSecret, and borrows the
// joiner secret, which the committer still puts into the Welcome. It fails with ErrErased or ErrSecretSize.
func (s JoinerSecret) Member(pskSecret ciphersuite.Secret) (MemberSecret, error) {
	defer pskSecret.Erase()
	member, err := s.extract(pskSecret, "psk_secret")
	if err != nil {
		return MemberSecret{}, err
	}
	return MemberSecret{chained{s.suite, member}}, nil
}

// extract computes KDF.Extract with the chained secret as salt.
func (c chained) extract(ikm ciphersuite.Secret, name string) (ciphersuite.Secret, error) {
	switch {
	case c.secret.IsZero() || ikm.IsZero():
		return ciphersuite.Secret{}, fmt.Errorf("%s: %w", name, ErrErased)
	case ikm.Len() != c.suite.HashSize:
		return ciphersuite.Secret{}, fmt.Errorf("%s: %w: %d bytes, not %d", name, ErrSecretSize, ikm.Len(), c.suite.HashSize)
	}
	return c.suite.Extract(c.secret, ikm), nil
}

// WelcomeSecret derives the welcome_secret, which protects the group info of a Welcome (RFC 9420, Section 8). Call it
// before Epoch, which consumes the member secret. The caller owns the result. It fails with ErrErased.
func (s MemberSecret) WelcomeSecret() (ciphersuite.Secret, error) {
	if s.secret.IsZero() {
		return ciphersuite.Secret{}, fmt.Errorf("welcome_secret: %w", ErrErased)
	}
	return s.suite.DeriveSecret(s.secret, "welcome"), nil
}

// Epoch mixes in the encoded GroupContext and derives the secrets of the epoch (RFC 9420, Section 8). It consumes the
// member secret. The caller owns what it returns. It fails with ErrErased.
func (s MemberSecret) Epoch(groupContext []byte) (*EpochSecrets, EncryptionSecret, error) {
	if s.secret.IsZero() {
		return nil, EncryptionSecret{}, fmt.Errorf("epoch_secret: %w", ErrErased)
	}
	defer s.Erase()
	epochSecret := s.suite.ExpandWithLabel(s.secret, "epoch", groupContext, s.suite.HashSize)
	secrets, encryption := newEpoch(s.suite, epochSecret)
	return secrets, encryption, nil
}

// NewGroup makes the secrets of the first epoch of a group, from a fresh random epoch_secret of KDF.Nh bytes
// (RFC 9420, Section 11). It fails with ciphersuite.ErrEntropy.
func NewGroup(suite *ciphersuite.Suite, rand io.Reader) (*EpochSecrets, EncryptionSecret, error) {
	epochSecret, err := suite.RandomSecret(rand, suite.HashSize)
	if err != nil {
		return nil, EncryptionSecret{}, fmt.Errorf("epoch_secret: %w", err)
	}
	secrets, encryption := newEpoch(suite, epochSecret)
	return secrets, encryption, nil
}
