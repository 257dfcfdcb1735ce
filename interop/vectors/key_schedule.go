package vectors

import (
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/keyschedule"
)

// keySchedule is a case of key-schedule.json: a chain of epochs.
type keySchedule struct {
	suited
	GroupID           hexBytes        `json:"group_id"`
	InitialInitSecret hexBytes        `json:"initial_init_secret"`
	Epochs            []scheduleEpoch `json:"epochs"`
}

type scheduleEpoch struct {
	TreeHash                hexBytes `json:"tree_hash"`
	CommitSecret            hexBytes `json:"commit_secret"`
	PSKSecret               hexBytes `json:"psk_secret"`
	ConfirmedTranscriptHash hexBytes `json:"confirmed_transcript_hash"`

	GroupContext hexBytes `json:"group_context"`

	JoinerSecret  hexBytes `json:"joiner_secret"`
	WelcomeSecret hexBytes `json:"welcome_secret"`
	InitSecret    hexBytes `json:"init_secret"`

	SenderDataSecret   hexBytes `json:"sender_data_secret"`
	EncryptionSecret   hexBytes `json:"encryption_secret"`
	ExporterSecret     hexBytes `json:"exporter_secret"`
	EpochAuthenticator hexBytes `json:"epoch_authenticator"`
	ExternalSecret     hexBytes `json:"external_secret"`
	ConfirmationKey    hexBytes `json:"confirmation_key"`
	MembershipKey      hexBytes `json:"membership_key"`
	ResumptionPSK      hexBytes `json:"resumption_psk"`

	ExternalPub hexBytes `json:"external_pub"`
	Exporter    struct {
		Label   string   `json:"label"`
		Context hexBytes `json:"context"`
		Length  uint16   `json:"length"`
		Secret  hexBytes `json:"secret"`
	} `json:"exporter"`
}

func replayKeySchedule(t *trial, c *keySchedule) {
	same(t, "there are epochs", len(c.Epochs) > 0, true)
	init, err := keyschedule.NewInitSecret(t.suite, c.InitialInitSecret.secret())
	if !t.succeeds("initial_init_secret", err) {
		return
	}
	for i := range c.Epochs {
		e := &c.Epochs[i]
		at := fmt.Sprintf("epochs[%d].", i)
		context := t.encode(at+"group_context", groupContext(t.suite, groupState{
			id: c.GroupID, epoch: uint64(i), treeHash: e.TreeHash, transcript: e.ConfirmedTranscriptHash,
		}))
		t.equal(at+"group_context", context, e.GroupContext)
		next, ok := e.advance(t, at, init, context)
		if !ok {
			return
		}
		init = next
	}
}

// advance goes one epoch on and checks every secret on the way. It returns the init secret of the new epoch.
func (e *scheduleEpoch) advance(t *trial, at string, init keyschedule.InitSecret, context []byte) (keyschedule.InitSecret, bool) {
	joiner, err := init.Joiner(e.CommitSecret.secret(), context)
	if !t.succeeds(at+"joiner_secret", err) {
		return init, false
	}
	t.equal(at+"joiner_secret", joiner.Secret().Bytes(), e.JoinerSecret)
	member, err := joiner.Member(e.PSKSecret.secret())
	if !t.succeeds(at+"psk_secret", err) {
		return init, false
	}
	welcome, err := member.WelcomeSecret()
	if t.succeeds(at+"welcome_secret", err) {
		t.equal(at+"welcome_secret", welcome.Bytes(), e.WelcomeSecret)
	}
	epoch, encryption, err := member.Epoch(context)
	if !t.succeeds(at+"epoch_secret", err) {
		return init, false
	}
	e.check(t, at, epoch)
	t.equal(at+"encryption_secret", encryption.Secret().Bytes(), e.EncryptionSecret)
	return epoch.InitSecret, true
}

// check compares what one epoch secret gives rise to.
func (e *scheduleEpoch) check(t *trial, at string, epoch *keyschedule.EpochSecrets) {
	for _, s := range []struct {
		name string
		got  ciphersuite.Secret
		want []byte
	}{
		{"init_secret", epoch.InitSecret.Secret(), e.InitSecret},
		{"sender_data_secret", epoch.SenderDataSecret, e.SenderDataSecret},
		{"exporter_secret", epoch.ExporterSecret, e.ExporterSecret},
		{"epoch_authenticator", epoch.EpochAuthenticator, e.EpochAuthenticator},
		{"external_secret", epoch.ExternalSecret, e.ExternalSecret},
		{"confirmation_key", epoch.ConfirmationKey, e.ConfirmationKey},
		{"membership_key", epoch.MembershipKey, e.MembershipKey},
		{"resumption_psk", epoch.ResumptionPSK, e.ResumptionPSK},
	} {
		t.equal(at+s.name, s.got.Bytes(), s.want)
	}
	external, err := epoch.ExternalKeyPair()
	if t.succeeds(at+"external_pub", err) {
		t.equal(at+"external_pub", external.Public, e.ExternalPub)
	}
	exported, err := epoch.Export(e.Exporter.Label, e.Exporter.Context, int(e.Exporter.Length))
	if t.succeeds(at+"exporter", err) {
		t.equal(at+"exporter.secret", exported.Bytes(), e.Exporter.Secret)
	}
}
