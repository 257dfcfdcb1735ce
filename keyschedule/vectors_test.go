package keyschedule

// The published test vectors of RFC 9420, Sections 8 and 9.

import (
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

type hexBytes []byte

func (h *hexBytes) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// eachVector runs test on every case of a file, and fails when there is none.
func eachVector[Case any](t *testing.T, file string, test func(*testing.T, Case)) {
	dir := os.Getenv("COPSE_VECTORS")
	if dir == "" {
		dir = filepath.Join("..", "..", "shared", "test-vectors")
		if _, err := os.Stat(dir); err != nil {
			t.Skipf("PUBLISHED VECTORS NOT REPLAYED: set COPSE_VECTORS to their directory (%v)", err)
		}
	}
	data, err := os.ReadFile(filepath.Join(dir, file))
	require.NoError(t, err)
	var cases []Case
	require.NoError(t, json.Unmarshal(data, &cases))
	require.NotEmpty(t, cases)
	for _, c := range cases {
		test(t, c)
	}
}

func TestKeyScheduleVectors(t *testing.T) {
	type epoch struct {
		TreeHash                hexBytes `json:"tree_hash"`
		CommitSecret            hexBytes `json:"commit_secret"`
		PSKSecret               hexBytes `json:"psk_secret"`
		ConfirmedTranscriptHash hexBytes `json:"confirmed_transcript_hash"`
		GroupContext            hexBytes `json:"group_context"`
		JoinerSecret            hexBytes `json:"joiner_secret"`
		WelcomeSecret           hexBytes `json:"welcome_secret"`
		InitSecret              hexBytes `json:"init_secret"`
		SenderDataSecret        hexBytes `json:"sender_data_secret"`
		EncryptionSecret        hexBytes `json:"encryption_secret"`
		ExporterSecret          hexBytes `json:"exporter_secret"`
		EpochAuthenticator      hexBytes `json:"epoch_authenticator"`
		ExternalSecret          hexBytes `json:"external_secret"`
		ConfirmationKey         hexBytes `json:"confirmation_key"`
		MembershipKey           hexBytes `json:"membership_key"`
		ResumptionPSK           hexBytes `json:"resumption_psk"`
		ExternalPub             hexBytes `json:"external_pub"`
		Exporter                struct {
			Label   string   `json:"label"`
			Context hexBytes `json:"context"`
			Length  int      `json:"length"`
			Secret  hexBytes `json:"secret"`
		} `json:"exporter"`
	}
	type vector struct {
		CipherSuite       ciphersuite.CipherSuite `json:"cipher_suite"`
		GroupID           hexBytes                `json:"group_id"`
		InitialInitSecret hexBytes                `json:"initial_init_secret"`
		Epochs            []epoch                 `json:"epochs"`
	}
	eachVector(t, "key-schedule.json", func(t *testing.T, v vector) {
		suite := newSuite(t, v.CipherSuite)
		init, err := NewInitSecret(suite, secretOf(v.InitialInitSecret))
		require.NoError(t, err)
		require.NotEmpty(t, v.Epochs)
		for i, want := range v.Epochs {
			context, err := framing.Marshal(&framing.GroupContext{
				Version: framing.MLS10, CipherSuite: v.CipherSuite, GroupID: v.GroupID, Epoch: framing.Epoch(i),
				TreeHash: want.TreeHash, ConfirmedTranscriptHash: want.ConfirmedTranscriptHash,
			})
			require.NoError(t, err)
			require.Equal(t, []byte(want.GroupContext), context)
			joiner, err := init.Joiner(secretOf(want.CommitSecret), context)
			require.NoError(t, err)
			member, err := joiner.Member(secretOf(want.PSKSecret))
			require.NoError(t, err)
			welcome, err := member.WelcomeSecret()
			require.NoError(t, err)
			got, encryption, err := member.Epoch(context)
			require.NoError(t, err)
			external, err := got.ExternalKeyPair()
			require.NoError(t, err)
			exported, err := got.Export(want.Exporter.Label, want.Exporter.Context, want.Exporter.Length)
			require.NoError(t, err)
			for _, pair := range []struct {
				name      string
				want, got []byte
			}{
				{"joiner_secret", want.JoinerSecret, joiner.Secret().Bytes()},
				{"welcome_secret", want.WelcomeSecret, welcome.Bytes()},
				{"init_secret", want.InitSecret, got.InitSecret.Secret().Bytes()},
				{"sender_data_secret", want.SenderDataSecret, got.SenderDataSecret.Bytes()},
				{"encryption_secret", want.EncryptionSecret, encryption.Secret().Bytes()},
				{"exporter_secret", want.ExporterSecret, got.ExporterSecret.Bytes()},
				{"epoch_authenticator", want.EpochAuthenticator, got.EpochAuthenticator.Bytes()},
				{"external_secret", want.ExternalSecret, got.ExternalSecret.Bytes()},
				{"confirmation_key", want.ConfirmationKey, got.ConfirmationKey.Bytes()},
				{"membership_key", want.MembershipKey, got.MembershipKey.Bytes()},
				{"resumption_psk", want.ResumptionPSK, got.ResumptionPSK.Bytes()},
				{"external_pub", want.ExternalPub, external.Public},
				{"exporter", want.Exporter.Secret, exported.Bytes()},
			} {
				require.Equal(t, pair.want, pair.got, "%v epoch %d %s", v.CipherSuite, i, pair.name)
			}
			init = got.InitSecret
		}
	})
}

func TestPSKSecretVectors(t *testing.T) {
	type vector struct {
		CipherSuite ciphersuite.CipherSuite `json:"cipher_suite"`
		PSKs        []struct {
			ID    hexBytes `json:"psk_id"`
			PSK   hexBytes `json:"psk"`
			Nonce hexBytes `json:"psk_nonce"`
		} `json:"psks"`
		PSKSecret hexBytes `json:"psk_secret"`
	}
	eachVector(t, "psk_secret.json", func(t *testing.T, v vector) {
		var psks []PSK
		for _, p := range v.PSKs {
			id := framing.PreSharedKeyID{PSKType: framing.PSKTypeExternal, PSKID: p.ID, PSKNonce: p.Nonce}
			psks = append(psks, PSK{id, secretOf(p.PSK)})
		}
		got, err := PSKSecret(newSuite(t, v.CipherSuite), psks)
		require.NoError(t, err)
		require.Equal(t, []byte(v.PSKSecret), got.Bytes(), "%v, %d PSKs", v.CipherSuite, len(psks))
	})
}

func TestSecretTreeVectors(t *testing.T) {
	type vector struct {
		CipherSuite      ciphersuite.CipherSuite `json:"cipher_suite"`
		EncryptionSecret hexBytes                `json:"encryption_secret"`
		Leaves           [][]struct {
			Generation       framing.Generation `json:"generation"`
			HandshakeKey     hexBytes           `json:"handshake_key"`
			HandshakeNonce   hexBytes           `json:"handshake_nonce"`
			ApplicationKey   hexBytes           `json:"application_key"`
			ApplicationNonce hexBytes           `json:"application_nonce"`
		} `json:"leaves"`
	}
	eachVector(t, "secret-tree.json", func(t *testing.T, v vector) {
		suite := newSuite(t, v.CipherSuite)
		encryption, err := NewEncryptionSecret(suite, secretOf(v.EncryptionSecret))
		require.NoError(t, err)
		tree, err := NewSecretTree(encryption, TreeParams{Suite: suite, Leaves: uint32(len(v.Leaves)), Own: framing.NoLeaf})
		require.NoError(t, err)
		for leaf, generations := range v.Leaves {
			for _, g := range generations {
				for kind, want := range map[RatchetKind]messageKey{
					HandshakeRatchet:   {string(g.HandshakeKey), string(g.HandshakeNonce)},
					ApplicationRatchet: {string(g.ApplicationKey), string(g.ApplicationNonce)},
				} {
					got, next, err := tree.ReceivingKey(framing.LeafIndex(leaf), kind, g.Generation)
					require.NoError(t, err)
					require.Equal(t, want, reveal(got), "%v leaf %d %v %d", v.CipherSuite, leaf, kind, g.Generation)
					tree.EraseExcept(next)
					tree = next
				}
			}
		}
	})
}

func TestTranscriptHashVectors(t *testing.T) {
	type vector struct {
		CipherSuite     ciphersuite.CipherSuite `json:"cipher_suite"`
		ConfirmationKey hexBytes                `json:"confirmation_key"`
		Content         hexBytes                `json:"authenticated_content"`
		InterimBefore   hexBytes                `json:"interim_transcript_hash_before"`
		ConfirmedAfter  hexBytes                `json:"confirmed_transcript_hash_after"`
		InterimAfter    hexBytes                `json:"interim_transcript_hash_after"`
	}
	eachVector(t, "transcript-hashes.json", func(t *testing.T, v vector) {
		suite := newSuite(t, v.CipherSuite)
		var content framing.UnverifiedContent
		require.NoError(t, framing.Unmarshal(v.Content, &content))
		input, err := content.ConfirmedTranscriptHashInput()
		require.NoError(t, err)
		tag := content.Auth.ConfirmationTag
		confirmed := ConfirmedTranscriptHash(suite, v.InterimBefore, input)
		require.Equal(t, []byte(v.ConfirmedAfter), confirmed)
		require.Equal(t, []byte(v.InterimAfter), InterimTranscriptHash(suite, confirmed, tag))
		epoch := EpochSecrets{Suite: suite, ConfirmationKey: secretOf(v.ConfirmationKey)}
		require.NoError(t, epoch.CheckConfirmationTag(confirmed, tag))
	})
}
