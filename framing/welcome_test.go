package framing

import (
	"bytes"
	"crypto/rand"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
)

type welcomed struct {
	*party
	params   NewWelcomeParams
	refs     []KeyPackageRef
	initKeys []ciphersuite.KeyPair
}

func newWelcomed(t testing.TB, p *party) *welcomed {
	t.Helper()
	info := &GroupInfo{GroupContext: *p.context, ConfirmationTag: []byte{1}, Signer: 4}
	require.NoError(t, info.Sign(p.signing()))
	w := &welcomed{party: p, params: NewWelcomeParams{
		Suite: p.suite, Rand: rand.Reader, GroupInfo: info,
		WelcomeSecret: secretOf(p.suite.HashSize, 1), JoinerSecret: secretOf(p.suite.HashSize, 2),
		PSKs: []PreSharedKeyID{{PSKType: PSKTypeExternal, PSKID: []byte("psk"), PSKNonce: bytes.Repeat([]byte{1}, p.suite.HashSize)}},
	}}
	for i := range 3 {
		kp, pair := p.keyPackage(t)
		ref, err := kp.Ref(p.suite)
		require.NoError(t, err)
		joiner := Joiner{KeyPackage: kp}
		if i > 0 {
			joiner.PathSecret = secretOf(p.suite.HashSize, byte(10+i))
		}
		w.params.Joiners = append(w.params.Joiners, joiner)
		w.refs, w.initKeys = append(w.refs, ref), append(w.initKeys, pair)
	}
	return w
}

func TestWelcome(t *testing.T) {
	eachSuite(t, func(t *testing.T, p *party) {
		w := newWelcomed(t, p)
		sent, err := NewWelcome(w.params)
		require.NoError(t, err)
		var m Welcome
		require.NoError(t, Unmarshal(marshal(t, sent), &m))

		for i, ref := range w.refs {
			g, err := m.DecryptGroupSecrets(p.suite, ref, w.initKeys[i])
			require.NoError(t, err)
			require.True(t, g.JoinerSecret.Equal(w.params.JoinerSecret))
			require.True(t, g.PathSecret.Equal(w.params.Joiners[i].PathSecret))
			require.Equal(t, w.params.PSKs, g.PSKs)

			joinerSecret := g.JoinerSecret.Bytes()
			g.JoinerSecret.Erase()
			require.Equal(t, make([]byte, p.suite.HashSize), joinerSecret)
			require.Equal(t, w.params.PSKs, g.PSKs, "erasing a secret leaves the rest")
		}
		info, err := m.DecryptGroupInfo(p.suite, w.params.WelcomeSecret)
		require.NoError(t, err)
		require.NoError(t, info.VerifySignature(p.suite, p.key))
		require.Equal(t, marshal(t, w.params.GroupInfo), marshal(t, info))

		part := Welcome{CipherSuite: m.CipherSuite, Secrets: m.Secrets[1:2], EncryptedGroupInfo: m.EncryptedGroupInfo}
		_, err = part.DecryptGroupSecrets(p.suite, w.refs[1], w.initKeys[1])
		require.NoError(t, err, "any part of the entries is a Welcome too")
	})
}

func TestWelcomeRefuses(t *testing.T) {
	w := newWelcomed(t, anyParty(t))
	good, err := NewWelcome(w.params)
	require.NoError(t, err)
	secrets := func(m *Welcome, ref KeyPackageRef, key ciphersuite.KeyPair) error {
		_, err := m.DecryptGroupSecrets(w.suite, ref, key)
		return err
	}
	info := func(m *Welcome, secret ciphersuite.Secret) error {
		_, err := m.DecryptGroupInfo(w.suite, secret)
		return err
	}
	require.ErrorIs(t, secrets(good, w.refs[0], w.initKeys[1]), ciphersuite.ErrOpen)
	requireRule(t, "V-WEL-01", secrets(good, KeyPackageRef("unknown"), w.initKeys[0]))
	require.ErrorIs(t, info(good, w.params.JoinerSecret), ciphersuite.ErrOpen)

	changed := *good
	changed.EncryptedGroupInfo = append(bytes.Clone(good.EncryptedGroupInfo), 0)
	require.ErrorIs(t, secrets(&changed, w.refs[0], w.initKeys[0]), ciphersuite.ErrOpen)
	require.ErrorIs(t, info(&changed, w.params.WelcomeSecret), ciphersuite.ErrOpen)

	changed = *good
	changed.Secrets = append(changed.Secrets[:3:3], good.Secrets[0])
	requireRule(t, "V-WEL-01", secrets(&changed, w.refs[0], w.initKeys[0]))
	require.NoError(t, secrets(&changed, w.refs[1], w.initKeys[1]))

	changed = *good
	changed.CipherSuite = 0xf000
	requireRule(t, "V-WEL-02", secrets(&changed, w.refs[0], w.initKeys[0]))
	requireRule(t, "V-WEL-02", info(&changed, w.params.WelcomeSecret))

	for name, change := range map[string]func(*NewWelcomeParams){
		"short joiner secret": func(p *NewWelcomeParams) { p.JoinerSecret = secretOf(w.suite.HashSize-1, 1) },
		"long path secret": func(p *NewWelcomeParams) {
			p.Joiners = []Joiner{{p.Joiners[0].KeyPackage, secretOf(w.suite.HashSize+1, 1)}}
		},
	} {
		params := w.params
		change(&params)
		m, err := NewWelcome(params)
		require.NoError(t, err, name)
		requireRule(t, "V-WEL-14", secrets(m, w.refs[0], w.initKeys[0]))
	}

	params := w.params
	other := *params.GroupInfo
	other.GroupContext.CipherSuite = 0xf000
	params.GroupInfo = &other
	m, err := NewWelcome(params)
	require.NoError(t, err)
	requireRule(t, "V-WEL-03", info(m, params.WelcomeSecret))

	// Bytes left over in what was encrypted.
	extra := append(marshal(t, &GroupSecrets{JoinerSecret: secretOf(w.suite.HashSize, 1)}), 0)
	to := ciphersuite.Recipient{PublicKey: w.initKeys[0].Public, Plaintext: ciphersuite.NewSecret(extra)}
	changed = *good
	changed.Secrets = []EncryptedGroupSecrets{{NewMember: w.refs[0]}}
	changed.Secrets[0].EncryptedGroupSecrets, err = w.suite.EncryptWithLabel(rand.Reader, welcomeLabel, good.EncryptedGroupInfo, to)
	require.NoError(t, err)
	requireSyntaxError(t, secrets(&changed, w.refs[0], w.initKeys[0]), len(extra))
}

func TestGroupSecretsPlaintextDoesNotMove(t *testing.T) {
	psks := make([]PreSharedKeyID, 40)
	for i := range psks {
		psks[i] = PreSharedKeyID{PSKType: PSKTypeExternal, PSKID: bytes.Repeat([]byte{1}, 70), PSKNonce: []byte{2}}
	}
	for _, g := range []*GroupSecrets{{}, {JoinerSecret: secretOf(64, 1), PathSecret: secretOf(64, 2)}, {JoinerSecret: secretOf(64, 1), PSKs: psks}} {
		b, err := g.plaintext()
		require.NoError(t, err)
		require.Equal(t, marshal(t, g), b)
		require.LessOrEqual(t, cap(b)-len(b), 9, "the first buffer was large enough")
	}
}
