package vectors

import (
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
)

// transcriptHashes is a case of transcript-hashes.json: one commit and the transcript around it.
type transcriptHashes struct {
	suited
	ConfirmationKey      hexBytes `json:"confirmation_key"`
	AuthenticatedContent hexBytes `json:"authenticated_content"`
	InterimBefore        hexBytes `json:"interim_transcript_hash_before"`

	ConfirmedAfter hexBytes `json:"confirmed_transcript_hash_after"`
	InterimAfter   hexBytes `json:"interim_transcript_hash_after"`
}

func replayTranscriptHashes(t *trial, c *transcriptHashes) {
	var content framing.UnverifiedContent
	if !t.decode("authenticated_content", c.AuthenticatedContent, &content) {
		return
	}
	same(t, "authenticated_content contains", content.Content.ContentType, framing.ContentTypeCommit)
	input, err := content.ConfirmedTranscriptHashInput()
	if !t.succeeds("confirmed transcript hash input", err) {
		return
	}
	epoch := &keyschedule.EpochSecrets{Suite: t.suite, ConfirmationKey: c.ConfirmationKey.secret()}
	t.succeeds("confirmation_tag", epoch.CheckConfirmationTag(c.ConfirmedAfter, content.Auth.ConfirmationTag))

	confirmed := keyschedule.ConfirmedTranscriptHash(t.suite, c.InterimBefore, input)
	t.equal("confirmed_transcript_hash_after", confirmed, c.ConfirmedAfter)
	interim := keyschedule.InterimTranscriptHash(t.suite, confirmed, content.Auth.ConfirmationTag)
	t.equal("interim_transcript_hash_after", interim, c.InterimAfter)
}
