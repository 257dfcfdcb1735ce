package main

// The row about signatures in batches, which is most of what joining costs.

import (
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"errors"

	"github.com/copse-mls/copse/ciphersuite"
)

const (
	signatures    = 1024
	signedMessage = 200 // bytes, as in a LeafNodeTBS
)

func signatureRows() []Row {
	return []Row{{
		Name:  "verify-batch",
		What:  "VerifyBatch of 1,024 Ed25519 signatures, a signature: against one verification by the standard library",
		Limit: 0.40, Unit: "x", Noise: noiseOfTimes, Measure: measureVerifyBatch,
	}}
}

func measureVerifyBatch(ctx context.Context, e *Env) (float64, string, error) {
	items, err := signedMessages(e.suite)
	if err != nil {
		return 0, "", err
	}
	return e.compare(ctx, comparison{
		each:        "a signature",
		numerator:   work{times: signatures, run: func() error { return e.suite.VerifyBatch(items) }},
		denominator: work{times: signatures, run: func() error { return verifyAlone(items) }},
	})
}

// signedMessages makes signatures, each by a key of its own.
func signedMessages(suite *ciphersuite.Suite) ([]ciphersuite.SignedMessage, error) {
	items := make([]ciphersuite.SignedMessage, signatures)
	for i := range items {
		message := binary.BigEndian.AppendUint32(make([]byte, signedMessage-4, signedMessage), uint32(i))
		signer := ed25519.NewKeyFromSeed(suite.Hash(nil, message))
		signature, err := suite.Sign(nil, signer, message)
		if err != nil {
			return nil, err
		}
		key, err := suite.PublicKeyOf(signer)
		if err != nil {
			return nil, err
		}
		items[i] = ciphersuite.SignedMessage{Key: key, Message: message, Signature: signature}
	}
	return items, nil
}

func verifyAlone(items []ciphersuite.SignedMessage) error {
	for _, it := range items {
		if !ed25519.Verify(ed25519.PublicKey(it.Key), it.Message, it.Signature) {
			return errors.New("the standard library refuses a good signature")
		}
	}
	return nil
}
