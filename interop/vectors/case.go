package vectors

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// hexBytes is binary data written as hexadecimal in a vector file.
type hexBytes []byte

// UnmarshalJSON accepts a string of hexadecimal digits and nothing else, null included.
func (h *hexBytes) UnmarshalJSON(data []byte) error {
	if len(data) < 2 || data[0] != '"' {
		return fmt.Errorf("want a string of hexadecimal digits, got %s", shorten(string(data)))
	}
	b, err := hex.DecodeString(string(data[1 : len(data)-1]))
	if err != nil {
		return fmt.Errorf("want hexadecimal digits: %w", err)
	}
	*h = b
	return nil
}

// secret returns a copy of the data as key material, which the caller owns.
func (h hexBytes) secret() ciphersuite.Secret {
	return ciphersuite.NewSecret(bytes.Clone(h))
}

// optional is a value that a file gives as itself or as null.
type optional[T any] struct {
	Value   T
	Present bool
}

// UnmarshalJSON tells null from a value.
func (o *optional[T]) UnmarshalJSON(data []byte) error {
	if o.Present = string(data) != "null"; !o.Present {
		return nil
	}
	return json.Unmarshal(data, &o.Value)
}

// suited is the part that all cases of one cipher suite have in common.
type suited struct {
	CipherSuite uint16 `json:"cipher_suite"`
}

func (s suited) suite() ciphersuite.CipherSuite { return ciphersuite.CipherSuite(s.CipherSuite) }

// trial is one case being replayed. Its methods make the checks and keep what fails.
type trial struct {
	suite    *ciphersuite.Suite // nil in files that have no suites
	failures []Failure
}

// Failure is one check that did not hold.
type Failure struct {
	Check string `json:"check"`          // what was compared, in the words of the vector format
	Got   string `json:"got"`            // hexadecimal, a number, or an error
	Want  string `json:"want,omitempty"` // empty when Got is an error
}

func (t *trial) fail(check, got, want string) {
	t.failures = append(t.failures, Failure{Check: check, Got: shorten(got), Want: shorten(want)})
}

// equal checks that two byte strings are the same.
func (t *trial) equal(check string, got, want []byte) bool {
	ok := bytes.Equal(got, want)
	if !ok {
		t.fail(check, hex.EncodeToString(got), hex.EncodeToString(want))
	}
	return ok
}

// same checks that two values are the same.
func same[T comparable](t *trial, check string, got, want T) bool {
	if got != want {
		t.fail(check, fmt.Sprint(got), fmt.Sprint(want))
	}
	return got == want
}

// succeeds checks that a step of the case returned no error. Later steps that need its result are left out otherwise.
func (t *trial) succeeds(check string, err error) bool {
	if err != nil {
		t.failures = append(t.failures, Failure{Check: check, Got: "error: " + err.Error()}) // in full: it says what to do
	}
	return err == nil
}

// decode reads an MLS structure, all of data, and checks that it encodes to the same bytes again.
func (t *trial) decode(check string, data []byte, v framing.Value) bool {
	if !t.succeeds(check+" decodes", framing.Unmarshal(data, v)) {
		return false
	}
	again, err := framing.Marshal(v)
	return t.succeeds(check+" encodes", err) && t.equal(check+" encodes to the bytes it came from", again, data)
}

// encode writes an MLS structure that Copse made.
func (t *trial) encode(check string, v framing.Value) []byte {
	b, err := framing.Marshal(v)
	t.succeeds(check+" encodes", err)
	return b
}

// groupState is what a case tells about the group context; its extensions are always empty.
type groupState struct {
	id         []byte
	epoch      uint64
	treeHash   []byte
	transcript []byte // confirmed_transcript_hash
}

// groupContext builds the structure that the format of a case describes.
func groupContext(suite *ciphersuite.Suite, s groupState) *framing.GroupContext {
	return &framing.GroupContext{
		Version:                 framing.MLS10,
		CipherSuite:             suite.CipherSuite(),
		GroupID:                 s.id,
		Epoch:                   framing.Epoch(s.epoch),
		TreeHash:                s.treeHash,
		ConfirmedTranscriptHash: s.transcript,
	}
}

// shorten keeps both ends of a long text, for a report that a person reads.
func shorten(s string) string {
	const keep = 32
	if len(s) <= 3*keep+8 {
		return s
	}
	return fmt.Sprintf("%s...%s (%d characters)", s[:2*keep], s[len(s)-keep:], len(s))
}
