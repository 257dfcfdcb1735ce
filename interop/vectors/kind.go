package vectors

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
)

// kind is one sort of vector, with a file of its own.
type kind struct {
	name string                                // of the file, without .json
	load func(data []byte) ([]instance, error) // reads all cases of the file
}

// instance is one case, decoded and ready to be replayed.
type instance struct {
	suited bool                    // whether cases of this kind name a suite
	suite  ciphersuite.CipherSuite // as the case names it, 0 included
	replay func(*trial)
}

// kinds lists every published file, lowest layer first.
func kinds() []kind {
	return []kind{
		unsuited("tree-math", replayTreeMath),
		suitedKind("crypto-basics", replayCryptoBasics),
		unsuited("deserialization", replayDeserialization),
		unsuited("messages", replayMessages),
		suitedKind("secret-tree", replaySecretTree),
		suitedKind("key-schedule", replayKeySchedule),
		suitedKind("psk_secret", replayPSKSecret),
		suitedKind("transcript-hashes", replayTranscriptHashes),
		suitedKind("message-protection", replayMessageProtection),
		suitedKind("tree-operations", replayTreeOperations),
		suitedKind("tree-validation", replayTreeValidation),
		suitedKind("treekem", replayTreeKEM),
		suitedKind("welcome", replayWelcome),
		suitedKind("passive-client-welcome", replayPassiveClient),
		suitedKind("passive-client-handling-commit", replayPassiveClient),
		suitedKind("passive-client-random", replayPassiveClient),
	}
}

// Names lists the files that Replay runs, without .json.
func Names() []string {
	var names []string
	for _, k := range kinds() {
		names = append(names, k.name)
	}
	return names
}

// unsuited is a kind whose cases name no cipher suite.
func unsuited[T any](name string, replay func(*trial, *T)) kind {
	return kind{name: name, load: func(data []byte) ([]instance, error) {
		return load(data, func(c *T) instance {
			return instance{replay: func(t *trial) { replay(t, c) }}
		})
	}}
}

// suitedKind is a kind whose cases each name a cipher suite.
func suitedKind[T interface {
	suite() ciphersuite.CipherSuite
}](name string, replay func(*trial, *T)) kind {
	return kind{name: name, load: func(data []byte) ([]instance, error) {
		return load(data, func(c *T) instance {
			return instance{suited: true, suite: (*c).suite(), replay: func(t *trial) { replay(t, c) }}
		})
	}}
}

// load decodes a file of cases. Unknown fields are refused: what they ask for could not be checked.
func load[T any](data []byte, prepare func(*T) instance) ([]instance, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(data, &elements); err != nil {
		return nil, fmt.Errorf("not a JSON array of cases: %w", err)
	}
	cases := make([]instance, len(elements))
	for i, e := range elements {
		c := new(T)
		d := json.NewDecoder(bytes.NewReader(e))
		d.DisallowUnknownFields()
		if err := d.Decode(c); err != nil {
			return nil, fmt.Errorf("case %d: %w", i, err)
		}
		if string(bytes.TrimSpace(e)) == "null" {
			return nil, fmt.Errorf("case %d: null is not a case", i)
		}
		cases[i] = prepare(c)
	}
	return cases, nil
}

// run replays one case. It reports a skip, with the reason, only for a suite that this build was made without.
func (c instance) run() (failures []Failure, skipped string) {
	t := &trial{}
	if c.suited {
		suite, err := ciphersuite.New(c.suite)
		if _, known := c.suite.Params(); known && errors.Is(err, ciphersuite.ErrUnsupported) {
			return nil, "not in this build"
		}
		if !t.succeeds("cipher suite", err) {
			return t.failures, ""
		}
		t.suite = suite
	}
	c.replay(t)
	return t.failures, ""
}
