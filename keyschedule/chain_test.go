package keyschedule

import (
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// newEpochFrom runs the whole chain on fixed inputs.
func newEpochFrom(t *testing.T, suite *ciphersuite.Suite, context []byte) (*EpochSecrets, EncryptionSecret) {
	t.Helper()
	init, err := NewInitSecret(suite, secretOf(pattern(1, suite.HashSize)))
	require.NoError(t, err)
	joiner, err := init.Joiner(secretOf(pattern(2, suite.HashSize)), context)
	require.NoError(t, err)
	member, err := joiner.Member(secretOf(pattern(3, suite.HashSize)))
	require.NoError(t, err)
	epoch, encryption, err := member.Epoch(context)
	require.NoError(t, err)
	return epoch, encryption
}

func TestChainEqualsReference(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite *ciphersuite.Suite) {
		ref := reference{suite.HashFunc}
		context := pattern(9, 300)
		joiner := ref.expand(ref.extract(pattern(1, suite.HashSize), pattern(2, suite.HashSize)), "joiner", context, suite.HashSize)
		member := ref.extract(joiner, pattern(3, suite.HashSize))
		epochSecret := ref.expand(member, "epoch", context, suite.HashSize)

		j, err := NewJoinerSecret(suite, secretOf(joiner))
		require.NoError(t, err)
		m, err := j.Member(secretOf(pattern(3, suite.HashSize)))
		require.NoError(t, err)
		welcome, err := m.WelcomeSecret()
		require.NoError(t, err)
		require.Equal(t, ref.derive(member, "welcome"), welcome.Bytes())
		joined, _, err := m.Epoch(context)
		require.NoError(t, err)

		epoch, encryption := newEpochFrom(t, suite, context)
		require.Equal(t, epoch.EpochAuthenticator.Bytes(), joined.EpochAuthenticator.Bytes(), "joiner and member agree")
		for label, got := range map[string]ciphersuite.Secret{
			"sender data":    epoch.SenderDataSecret,
			"encryption":     encryption.Secret(),
			"exporter":       epoch.ExporterSecret,
			"external":       epoch.ExternalSecret,
			"confirm":        epoch.ConfirmationKey,
			"membership":     epoch.MembershipKey,
			"resumption":     epoch.ResumptionPSK,
			"authentication": epoch.EpochAuthenticator,
			"init":           epoch.InitSecret.Secret(),
		} {
			require.Equal(t, ref.derive(epochSecret, label), got.Bytes(), label)
		}

		exported, err := epoch.Export("label", context, 45)
		require.NoError(t, err)
		derived := ref.derive(ref.derive(epochSecret, "exporter"), "label")
		require.Equal(t, ref.expand(derived, "exported", ref.hash(context), 45), exported.Bytes())
	})
}

func TestChainConsumes(t *testing.T) {
	suite := newSuite(t, firstSuite)
	init, err := NewInitSecret(suite, secretOf(pattern(1, 32)))
	require.NoError(t, err)
	commit, psk := secretOf(pattern(2, 32)), secretOf(pattern(3, 32))
	commitBytes, pskBytes := commit.Bytes(), psk.Bytes()

	joiner, err := init.Joiner(commit, nil)
	require.NoError(t, err)
	require.Equal(t, make([]byte, 32), commitBytes, "commit_secret is erased")
	require.Equal(t, pattern(1, 32), init.Secret().Bytes(), "init_secret stays with the old epoch")
	_, err = init.Joiner(commit, nil)
	require.ErrorIs(t, err, ErrErased, "an erased commit_secret is not the zero one")

	member, err := joiner.Member(psk)
	require.NoError(t, err)
	require.Equal(t, make([]byte, 32), pskBytes, "psk_secret is erased")
	require.False(t, joiner.Secret().IsZero(), "joiner_secret stays for the Welcome")
	_, err = joiner.Member(psk)
	require.ErrorIs(t, err, ErrErased)

	memberBytes := member.Secret().Bytes()
	_, _, err = member.Epoch(nil)
	require.NoError(t, err)
	require.Equal(t, make([]byte, 32), memberBytes, "member secret is erased")
	_, _, err = member.Epoch(nil)
	require.ErrorIs(t, err, ErrErased)
	_, err = member.WelcomeSecret()
	require.ErrorIs(t, err, ErrErased)

	joiner.Erase()
	_, err = joiner.Member(NoCommitSecret(suite))
	require.ErrorIs(t, err, ErrErased)
	_, err = InitSecret{}.Joiner(NoCommitSecret(suite), nil)
	require.ErrorIs(t, err, ErrErased)
	_, _, err = MemberSecret{}.Epoch(nil)
	require.ErrorIs(t, err, ErrErased)
}

func TestSecretSizes(t *testing.T) {
	suite := newSuite(t, firstSuite)
	for _, n := range []int{0, 31, 33, 64} {
		long := func() ciphersuite.Secret { return ciphersuite.NewSecret(make([]byte, n)) }
		_, err := NewInitSecret(suite, long())
		require.ErrorIs(t, err, ErrSecretSize)
		_, err = NewJoinerSecret(suite, long())
		require.ErrorIs(t, err, ErrSecretSize)
		_, err = NewEncryptionSecret(suite, long())
		require.ErrorIs(t, err, ErrSecretSize)
		if n == 0 {
			continue // is an erased secret, tested above
		}
		epoch, _ := newEpochFrom(t, suite, nil)
		commit := ciphersuite.NewSecret(pattern(1, n))
		commitBytes := commit.Bytes()
		_, err = epoch.InitSecret.Joiner(commit, nil)
		require.ErrorIs(t, err, ErrSecretSize)
		require.Equal(t, make([]byte, n), commitBytes, "consumed on failure, too")
	}
}

func TestNewGroup(t *testing.T) {
	suite := newSuite(t, firstSuite)
	a, _, err := NewGroup(suite, rand.Reader)
	require.NoError(t, err)
	b, _, err := NewGroup(suite, rand.Reader)
	require.NoError(t, err)
	require.NotEqual(t, a.EpochAuthenticator.Bytes(), b.EpochAuthenticator.Bytes())

	fixed, encryption, err := NewGroup(suite, strings.NewReader(string(pattern(5, 32))))
	require.NoError(t, err)
	ref := reference{suite.HashFunc}
	require.Equal(t, ref.derive(pattern(5, 32), "authentication"), fixed.EpochAuthenticator.Bytes())
	require.Equal(t, ref.derive(pattern(5, 32), "encryption"), encryption.Secret().Bytes())

	_, _, err = NewGroup(suite, &failing{left: 31})
	require.ErrorIs(t, err, io.ErrClosedPipe)
}

func TestEraseEpoch(t *testing.T) {
	suite := newSuite(t, firstSuite)
	epoch, _ := newEpochFrom(t, suite, nil)
	kept := []ciphersuite.Secret{epoch.SenderDataSecret, epoch.ResumptionPSK}
	ended := []ciphersuite.Secret{
		epoch.ExporterSecret, epoch.ExternalSecret, epoch.ConfirmationKey, epoch.MembershipKey,
		epoch.EpochAuthenticator, epoch.InitSecret.Secret(),
	}
	var endedBytes [][]byte
	for _, s := range ended {
		endedBytes = append(endedBytes, s.Bytes())
	}
	epoch.EraseEnded()
	for i, s := range ended {
		require.True(t, s.IsZero())
		require.Equal(t, make([]byte, 32), endedBytes[i])
	}
	for _, s := range kept {
		require.False(t, s.IsZero())
	}
	_, err := epoch.Export("l", nil, 1)
	require.ErrorIs(t, err, ErrErased)
	_, err = epoch.ConfirmationTag(nil)
	require.ErrorIs(t, err, ErrErased)
	require.ErrorIs(t, epoch.CheckConfirmationTag(nil, nil), ErrErased)
	_, err = epoch.ExternalKeyPair()
	require.ErrorIs(t, err, ErrErased)
	_, err = epoch.ReceiveExternalInit(nil)
	require.ErrorIs(t, err, ErrErased)
	epoch.Erase()
	for _, s := range kept {
		require.True(t, s.IsZero())
	}
}

func TestExport(t *testing.T) {
	suite := newSuite(t, firstSuite)
	epoch, _ := newEpochFrom(t, suite, nil)
	for _, n := range []int{-1, 0, 255*32 + 1, 65536} {
		_, err := epoch.Export("label", nil, n)
		require.ErrorIs(t, err, ErrExportLength, "%d bytes", n)
	}
	seen := map[string]bool{}
	for _, label := range []string{"", "a", strings.Repeat("b", 300)} {
		for _, context := range []string{"", "c"} {
			out, err := epoch.Export(label, []byte(context), 255*32)
			require.NoError(t, err)
			require.Equal(t, 255*32, out.Len())
			seen[string(out.Bytes())] = true
		}
	}
	require.Len(t, seen, 6, "label and context are bound")
}

func TestConfirmationTag(t *testing.T) {
	suite := newSuite(t, firstSuite)
	epoch, _ := newEpochFrom(t, suite, nil)
	transcript := []byte("transcript")
	tag, err := epoch.ConfirmationTag(transcript)
	require.NoError(t, err)
	mac := hmac.New(suite.HashFunc.New, epoch.ConfirmationKey.Bytes())
	mac.Write(transcript)
	require.Equal(t, mac.Sum(nil), tag)

	require.NoError(t, epoch.CheckConfirmationTag(transcript, tag))
	require.ErrorIs(t, epoch.CheckConfirmationTag(transcript[1:], tag), ErrConfirmationTag)
	require.ErrorIs(t, epoch.CheckConfirmationTag(transcript, tag[:31]), ErrConfirmationTag)
	require.ErrorIs(t, epoch.CheckConfirmationTag(transcript, nil), ErrConfirmationTag)
	tag[31] ^= 1
	require.ErrorIs(t, epoch.CheckConfirmationTag(transcript, tag), ErrConfirmationTag)
	epoch.EraseEnded()
	require.ErrorIs(t, epoch.CheckConfirmationTag(transcript, tag), ErrErased, "nothing is wrong with the tag")
}

func TestTranscriptHashes(t *testing.T) {
	suite := newSuite(t, firstSuite)
	ref := reference{suite.HashFunc}
	confirmed := ConfirmedTranscriptHash(suite, []byte("interim"), []byte("input"))
	require.Equal(t, ref.hash([]byte("interiminput")), confirmed)
	tag := pattern(1, 64)
	require.Equal(t, ref.hash(confirmed, []byte{0x40, 64}, tag), InterimTranscriptHash(suite, confirmed, tag))
	require.Equal(t, ref.hash([]byte{32}, tag[:32]), InterimTranscriptHash(suite, nil, tag[:32]))
}

func TestExternalInit(t *testing.T) {
	eachSuite(t, func(t *testing.T, suite *ciphersuite.Suite) {
		epoch, _ := newEpochFrom(t, suite, nil)
		external, err := epoch.ExternalKeyPair()
		require.NoError(t, err)
		kemOutput, sent, err := SendExternalInit(suite, rand.Reader, external.Public)
		require.NoError(t, err)
		received, err := epoch.ReceiveExternalInit(kemOutput)
		require.NoError(t, err)
		require.True(t, sent.Secret().Equal(received.Secret()))
		require.Equal(t, suite.HashSize, sent.Secret().Len())

		_, err = epoch.ReceiveExternalInit(kemOutput[1:])
		require.Error(t, err)
		_, _, err = SendExternalInit(suite, rand.Reader, external.Public[1:])
		require.ErrorIs(t, err, ciphersuite.ErrPublicKey)
		_, _, err = SendExternalInit(suite, &failing{}, external.Public)
		require.ErrorIs(t, err, io.ErrClosedPipe)
	})
}

func TestPSKSecret(t *testing.T) {
	suite := newSuite(t, firstSuite)
	ref := reference{suite.HashFunc}
	zero := make([]byte, 32)
	psks := []PSK{
		{framing.PreSharedKeyID{PSKType: framing.PSKTypeExternal, PSKID: []byte("id"), PSKNonce: pattern(1, 32)}, secretOf([]byte("short"))},
		{framing.PreSharedKeyID{
			PSKType: framing.PSKTypeResumption, Usage: framing.ResumptionPSKUsageApplication,
			PSKGroupID: []byte("group"), PSKEpoch: 7, PSKNonce: pattern(2, 32),
		}, secretOf(pattern(4, 32))},
	}
	want := zero
	for i, psk := range psks {
		id, err := framing.Marshal(&psk.ID)
		require.NoError(t, err)
		label := binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(id, uint16(i)), 2)
		input := ref.expand(ref.extract(zero, psk.Secret.Bytes()), "derived psk", label, 32)
		want = ref.extract(input, want)
	}
	got, err := PSKSecret(suite, psks)
	require.NoError(t, err)
	require.Equal(t, want, got.Bytes())
	require.Equal(t, []byte("short"), psks[0].Secret.Bytes(), "PSKs are borrowed")

	swapped, err := PSKSecret(suite, []PSK{psks[1], psks[0]})
	require.NoError(t, err)
	require.NotEqual(t, want, swapped.Bytes(), "order is bound")
	none, err := PSKSecret(suite, nil)
	require.NoError(t, err)
	require.Equal(t, zero, none.Bytes())

	psks[1].Secret.Erase()
	_, err = PSKSecret(suite, psks)
	require.ErrorIs(t, err, ErrEmptyPSK, "never replaced by the empty value")
	psks[0].ID.PSKType = 0
	_, err = PSKSecret(suite, psks)
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrEmptyPSK)
	_, err = PSKSecret(suite, make([]PSK, 65536))
	require.ErrorIs(t, err, ErrTooManyPSKs)
	_, err = PSKSecret(suite, make([]PSK, 65535))
	require.ErrorIs(t, err, ErrEmptyPSK, "65535 are not too many")
}

// No verb shows a secret, whether the value is printed itself or inside of another.
func TestFormattingHidesSecrets(t *testing.T) {
	suite := newSuite(t, firstSuite)
	epoch, encryption := newEpochFrom(t, suite, nil)
	tree, err := NewSecretTree(encryption, TreeParams{Suite: suite, Leaves: 4})
	require.NoError(t, err)
	key, tree, err := tree.ReceivingKey(other, ApplicationRatchet, 3)
	require.NoError(t, err)
	secrets := append(held(tree), key.Key.Bytes(), key.Nonce.Bytes(), epoch.ExporterSecret.Bytes(), epoch.InitSecret.Secret().Bytes())
	for _, value := range []any{epoch, *epoch, epoch.InitSecret, key, tree.root, *tree.root.child[1]} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			out := strings.ToLower(fmt.Sprintf(verb, value))
			for _, s := range secrets {
				for _, form := range []string{"%x", "% x", "%d", "%s"} {
					require.NotContains(t, out, strings.Trim(strings.ToLower(fmt.Sprintf(form, s)), "[]"), "%s of %T", verb, value)
				}
			}
		}
	}
	require.True(t, errors.Is(&RatchetError{Err: ErrErased}, ErrErased))
}
