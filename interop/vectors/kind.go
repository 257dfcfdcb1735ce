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
	name     string                                // of the file, without .json
	load     func(data []byte) ([]instance, error) // reads all cases of the file
	perSuite bool                                  // whether plan is followed for each suite
	plan     func(extent) []func(*maker) any       // what Generate makes
}

// plan lists the cases of one kind that Generate makes, for one suite where there are suites.
type plan[T any] func(extent) []func(*maker) *T

// untyped returns the plan in the form that kind keeps.
func (p plan[T]) untyped(e extent) []func(*maker) any {
	var list []func(*maker) any
	for _, make := range p(e) {
		list = append(list, func(m *maker) any { return make(m) })
	}
	return list
}

// instance is one case, decoded and ready to be replayed.
type instance struct {
	suited bool                    // whether cases of this kind name a suite
	suite  ciphersuite.CipherSuite // as the case names it, 0 included
	replay func(*trial)

	unknown []string // fields of the case that its kind does not have
}

// kinds lists every published file, lowest layer first.
func kinds() []kind {
	return []kind{
		unsuited("tree-math", replayTreeMath, planTreeMath),
		suitedKind("crypto-basics", replayCryptoBasics, once(makeCryptoBasics)),
		unsuited("deserialization", replayDeserialization, planDeserialization),
		anySuite("messages", replayMessages, planMessages),
		suitedKind("secret-tree", replaySecretTree, planSecretTree),
		suitedKind("key-schedule", replayKeySchedule, planKeySchedule),
		suitedKind("psk_secret", replayPSKSecret, planPSKSecret),
		suitedKind("transcript-hashes", replayTranscriptHashes, once(makeTranscriptHashes)),
		suitedKind("message-protection", replayMessageProtection, once(makeMessageProtection)),
		suitedKind("tree-operations", replayTreeOperations, planTreeOperations),
		suitedKind("tree-validation", replayTreeValidation, planTreeValidation),
		suitedKind("treekem", replayTreeKEM, planTreeKEM),
		suitedKind("welcome", replayWelcome, once(makeWelcome)),
		suitedKind("passive-client-welcome", replayPassiveClient, planPassiveWelcome),
		suitedKind("passive-client-handling-commit", replayPassiveClient, planPassiveHandling),
		suitedKind("passive-client-random", replayPassiveClient, planPassiveRandom),
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

// unsuited makes a kind whose cases name no cipher suite.
func unsuited[T any](name string, replay func(*trial, *T), p plan[T]) kind {
	return kind{name: name, plan: p.untyped, load: func(data []byte) ([]instance, error) {
		return load(data, func(c *T) instance {
			return instance{replay: func(t *trial) { replay(t, c) }}
		})
	}}
}

// anySuite makes a kind whose cases name no cipher suite, though they are made with one.
func anySuite[T any](name string, replay func(*trial, *T), p plan[T]) kind {
	k := unsuited(name, replay, p)
	k.perSuite = true
	return k
}

// suitedKind makes a kind whose cases each name a cipher suite.
func suitedKind[T interface {
	suite() ciphersuite.CipherSuite
}](name string, replay func(*trial, *T), p plan[T]) kind {
	return kind{name: name, perSuite: true, plan: p.untyped, load: func(data []byte) ([]instance, error) {
		return load(data, func(c *T) instance {
			return instance{suited: true, suite: (*c).suite(), replay: func(t *trial) { replay(t, c) }}
		})
	}}
}

// load decodes a file of cases. Unknown fields are noted: what they ask for is not checked.
func load[T any](data []byte, prepare func(*T) instance) ([]instance, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(data, &elements); err != nil {
		return nil, fmt.Errorf("not a JSON array of cases: %w", err)
	}
	cases := make([]instance, len(elements))
	for i, e := range elements {
		c := new(T)
		if err := json.Unmarshal(e, c); err != nil {
			return nil, fmt.Errorf("case %d: %w", i, err)
		}
		if string(bytes.TrimSpace(e)) == "null" {
			return nil, fmt.Errorf("case %d: null is not a case", i)
		}
		cases[i] = prepare(c)
		cases[i].unknown = unknownFields(e, c)
	}
	return cases, nil
}

// run replays one case. It reports a skip, with the reason, only for a suite that this build was made without.
func (c instance) run() (failures []Failure, skipped string) {
	t := &trial{}
	if c.suited {
		suite, err := ciphersuite.New(c.suite)
		if _, known := c.suite.Sizes(); known && errors.Is(err, ciphersuite.ErrUnsupported) {
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
