package framing

// RFC 9420, Section 12.4.3.1: Joining via Welcome Message.

import (
	"bytes"
	"fmt"
	"io"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// GroupSecrets is what a Welcome tells one new member in confidence (RFC 9420, Section 12.4.3.1). Decoded by
// Unmarshal, its secrets are the only copies of themselves: whoever decodes it owns and erases them.
type GroupSecrets struct {
	JoinerSecret ciphersuite.Secret
	PathSecret   ciphersuite.Secret // zero when absent
	PSKs         []PreSharedKeyID
}

// EncryptedGroupSecrets are the group secrets for one new member (RFC 9420, Section 12.4.3.1).
type EncryptedGroupSecrets struct {
	NewMember             KeyPackageRef
	EncryptedGroupSecrets ciphersuite.HPKECiphertext
}

// Welcome lets new members into a group (RFC 9420, Section 12.4.3.1).
type Welcome struct {
	CipherSuite        ciphersuite.CipherSuite
	Secrets            []EncryptedGroupSecrets
	EncryptedGroupInfo []byte
}

func (*GroupSecrets) structName() string { return "GroupSecrets" }

func (g *GroupSecrets) encode(w *wire.Writer) {
	w.Opaque(g.JoinerSecret.Bytes())
	w.Optional(!g.PathSecret.IsZero())
	if !g.PathSecret.IsZero() {
		w.Opaque(g.PathSecret.Bytes())
	}
	writeList(w, g.PSKs)
}

func (g *GroupSecrets) decode(r *wire.Reader) {
	*g = GroupSecrets{JoinerSecret: ciphersuite.NewSecret(r.Field("joiner_secret").Opaque())}
	if r.Field("path_secret").Optional() {
		// A path secret has the length of a hash; refusing an empty one lets the zero Secret stand for absence.
		if g.PathSecret = ciphersuite.NewSecret(r.Opaque()); g.PathSecret.IsZero() {
			r.Failf("path_secret is present and empty")
		}
	}
	g.PSKs = readList[PreSharedKeyID](r.Field("psks"))
}

func (*EncryptedGroupSecrets) structName() string { return "EncryptedGroupSecrets" }

func (s *EncryptedGroupSecrets) encode(w *wire.Writer) {
	w.Opaque(s.NewMember)
	writeCiphertext(w, s.EncryptedGroupSecrets)
}

func (s *EncryptedGroupSecrets) decode(r *wire.Reader) {
	s.NewMember = r.Field("new_member").Opaque()
	s.EncryptedGroupSecrets = readCiphertext(r.Field("encrypted_group_secrets"))
}

func (*Welcome) structName() string { return "Welcome" }

func (m *Welcome) encode(w *wire.Writer) {
	w.Uint16(uint16(m.CipherSuite))
	writeList(w, m.Secrets)
	w.Opaque(m.EncryptedGroupInfo)
}

func (m *Welcome) decode(r *wire.Reader) {
	m.CipherSuite = ciphersuite.CipherSuite(r.Field("cipher_suite").Uint16())
	m.Secrets = readList[EncryptedGroupSecrets](r.Field("secrets"))
	m.EncryptedGroupInfo = r.Field("encrypted_group_info").Opaque()
}

// Joiner is a new member to whom a Welcome is addressed.
type Joiner struct {
	KeyPackage *KeyPackage
	PathSecret ciphersuite.Secret // of the lowest node above both committer and joiner; zero without a path
}

// NewWelcomeParams is what a Welcome is made of (RFC 9420, Section 12.4.3.1).
type NewWelcomeParams struct {
	Suite         *ciphersuite.Suite
	Rand          io.Reader // crypto/rand.Reader in production
	GroupInfo     *GroupInfo
	WelcomeSecret ciphersuite.Secret
	JoinerSecret  ciphersuite.Secret
	PSKs          []PreSharedKeyID // in the order of the commit
	Joiners       []Joiner
}

// NewWelcome encrypts the group's state for all joiners (RFC 9420, Section 12.4.3.1). Call it once for an epoch: key and
// nonce follow from the welcome secret, so that a second GroupInfo under the same secret would reveal both. Batches
// come from dividing Secrets instead: with the same EncryptedGroupInfo, any part of them is a valid Welcome.
func NewWelcome(p NewWelcomeParams) (*Welcome, error) {
	info, err := Marshal(p.GroupInfo)
	if err != nil {
		return nil, err
	}
	m := &Welcome{CipherSuite: p.Suite.CipherSuite()}
	key, nonce := welcomeKeyAndNonce(p.Suite, p.WelcomeSecret)
	defer key.Erase()
	defer nonce.Erase()
	if m.EncryptedGroupInfo, err = p.Suite.AEADSeal(key, nonce.Bytes(), nil, info); err != nil {
		return nil, err
	}
	m.Secrets = make([]EncryptedGroupSecrets, len(p.Joiners))
	to := make([]ciphersuite.Recipient, len(p.Joiners))
	defer func() {
		for _, r := range to {
			r.Plaintext.Erase()
		}
	}()
	for i, j := range p.Joiners {
		if j.KeyPackage == nil {
			return nil, fmt.Errorf("framing: joiner %d has no KeyPackage", i)
		}
		if m.Secrets[i].NewMember, err = j.KeyPackage.Ref(p.Suite); err != nil {
			return nil, err
		}
		secrets := GroupSecrets{JoinerSecret: p.JoinerSecret, PathSecret: j.PathSecret, PSKs: p.PSKs}
		to[i].PublicKey = j.KeyPackage.InitKey
		plaintext, err := secrets.plaintext()
		if err != nil {
			return nil, err
		}
		to[i].Plaintext = ciphersuite.NewSecret(plaintext)
	}
	sealed, err := p.Suite.EncryptManyWithLabel(p.Rand, welcomeLabel, m.EncryptedGroupInfo, to)
	if err != nil {
		return nil, err
	}
	for i := range sealed {
		m.Secrets[i].EncryptedGroupSecrets = sealed[i]
	}
	return m, nil
}

// welcomeLabel is the label of the encryption to a joiner (RFC 9420, Section 17.7).
const welcomeLabel = "Welcome"

// plaintext encodes g into a buffer that does not move while it grows, so that erasing it leaves no copy.
func (g *GroupSecrets) plaintext() ([]byte, error) {
	psks, err := encoded(func(w *wire.Writer) { writeList(w, g.PSKs) })
	if err != nil {
		return nil, err
	}
	const headers = 4 + 1 + 4 // of the two secrets, with a presence octet
	return Append(make([]byte, 0, headers+g.JoinerSecret.Len()+g.PathSecret.Len()+len(psks)), g)
}

// DecryptGroupSecrets decrypts the entry addressed to the KeyPackage that ref names, whose init key is initKey (RFC
// 9420, Section 12.4.3.1). It fails with ciphersuite.ErrOpen, a *SyntaxError, or a *RuleError: V-WEL-01 unless exactly
// one entry is addressed to ref, V-WEL-02 for another cipher suite, V-WEL-14 for secrets of the wrong length. The
// caller owns the secrets.
func (m *Welcome) DecryptGroupSecrets(suite *ciphersuite.Suite, ref KeyPackageRef, initKey ciphersuite.KeyPair) (*GroupSecrets, error) {
	if err := sameSuite("V-WEL-02", suite, m.CipherSuite); err != nil {
		return nil, err
	}
	entry, err := m.entry(ref)
	if err != nil {
		return nil, err
	}
	plaintext, err := suite.DecryptWithLabel(initKey, welcomeLabel, m.EncryptedGroupInfo, entry.EncryptedGroupSecrets)
	if err != nil {
		return nil, fmt.Errorf("group secrets: %w", err)
	}
	// The secrets alias the plaintext, so that erasing them erases it where it matters.
	g := new(GroupSecrets)
	if err := unmarshal(plaintext.Bytes(), g); err != nil {
		plaintext.Erase()
		return nil, err
	}
	if g.JoinerSecret.Len() != suite.HashSize || !g.PathSecret.IsZero() && g.PathSecret.Len() != suite.HashSize {
		plaintext.Erase()
		return nil, &RuleError{Rule: "V-WEL-14", Leaf: NoLeaf, Detail: "joiner secret or path secret of wrong length"}
	}
	return g, nil
}

func (m *Welcome) entry(ref KeyPackageRef) (*EncryptedGroupSecrets, error) {
	var found *EncryptedGroupSecrets
	for i := range m.Secrets {
		if !bytes.Equal(m.Secrets[i].NewMember, ref) {
			continue
		}
		if found != nil {
			return nil, &RuleError{Rule: "V-WEL-01", Leaf: NoLeaf, Detail: "two entries for this KeyPackage"}
		}
		found = &m.Secrets[i]
	}
	if found == nil {
		return nil, &RuleError{Rule: "V-WEL-01", Leaf: NoLeaf, Detail: "no entry for this KeyPackage"}
	}
	return found, nil
}

// DecryptGroupInfo decrypts the group's state (RFC 9420, Section 12.4.3.1); its signature is then to be verified. It
// fails with ciphersuite.ErrOpen, a *SyntaxError, or a *RuleError (V-WEL-02, or V-WEL-03 when the GroupInfo states
// another cipher suite than the Welcome).
func (m *Welcome) DecryptGroupInfo(suite *ciphersuite.Suite, welcomeSecret ciphersuite.Secret) (*GroupInfo, error) {
	if err := sameSuite("V-WEL-02", suite, m.CipherSuite); err != nil {
		return nil, err
	}
	key, nonce := welcomeKeyAndNonce(suite, welcomeSecret)
	defer key.Erase()
	defer nonce.Erase()
	plaintext, err := suite.AEADOpen(key, nonce.Bytes(), nil, m.EncryptedGroupInfo)
	if err != nil {
		return nil, fmt.Errorf("group info: %w", err)
	}
	info := new(GroupInfo)
	if err := unmarshal(plaintext, info); err != nil {
		return nil, err
	}
	if err := sameSuite("V-WEL-03", suite, info.GroupContext.CipherSuite); err != nil {
		return nil, err
	}
	return info, nil
}

func welcomeKeyAndNonce(suite *ciphersuite.Suite, welcomeSecret ciphersuite.Secret) (key, nonce ciphersuite.Secret) {
	key = suite.ExpandWithLabel(welcomeSecret, "key", nil, suite.KeySize)
	nonce = suite.ExpandWithLabel(welcomeSecret, "nonce", nil, suite.NonceSize)
	return key, nonce
}
