package keyschedule

// RFC 9420, Section 8.2: Transcript Hashes.

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// ConfirmedTranscriptHash returns the confirmed_transcript_hash after a Commit (RFC 9420, Section 8.2). interim is the
// interim_transcript_hash before it, empty in a group that has seen no tag; input is the encoded
// ConfirmedTranscriptHashInput: wire format, content and signature of the Commit.
func ConfirmedTranscriptHash(suite *ciphersuite.Suite, interim, input []byte) []byte {
	data := make([]byte, 0, len(interim)+len(input))
	data = append(append(data, interim...), input...)
	return suite.Hash(nil, data)
}

// InterimTranscriptHash returns the interim_transcript_hash after a Commit, from its confirmed_transcript_hash and its
// confirmation_tag (RFC 9420, Section 8.2). The creator of a group calls it with the empty hash and the tag over it
// (Section 11).
func InterimTranscriptHash(suite *ciphersuite.Suite, confirmed, confirmationTag []byte) []byte {
	data := make([]byte, 0, len(confirmed)+len(confirmationTag)+4)
	data = append(data, confirmed...)
	data = wire.AppendLength(data, len(confirmationTag))
	data = append(data, confirmationTag...)
	return suite.Hash(nil, data)
}
