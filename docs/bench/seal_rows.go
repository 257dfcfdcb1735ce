package main

// The rows about HPKE to many recipients, which is what Welcomes and UpdatePaths consist of.

import (
	"context"
	"encoding/binary"

	"github.com/cloudflare/circl/dh/x25519"
	voi25519 "github.com/oasisprotocol/curve25519-voi/primitives/x25519"

	"github.com/copse-mls/copse/ciphersuite"
)

const (
	recipients = 10_000
	shortInfo  = 160
	longInfo   = 1_700_000 // the encrypted group info of a Welcome with a tree of 10,000 inside
)

func sealRows() []Row {
	return []Row{
		{
			Name:  "seal-info",
			What:  "SealMany, 10,000 recipients: an info of 1.7 MB against one of 160 B",
			Limit: 1.10, Unit: "x", Noise: noiseOfTimes, Measure: measureSealInfo,
		},
		{
			Name:  "seal-recipient",
			What:  "SealMany, 10,000 recipients, info of 1.7 MB, a recipient: against one X25519 base multiplication plus one DH",
			Limit: 1.25, Unit: "x", Noise: noiseOfTimes, Measure: measureSealRecipient,
		},
	}
}

func measureSealInfo(ctx context.Context, e *Env) (float64, string, error) {
	to, err := addressees(e.suite)
	if err != nil {
		return 0, "", err
	}
	return e.compare(ctx, comparison{
		each:        "for all",
		numerator:   seal(e.suite, longInfo, 1, to),
		denominator: seal(e.suite, shortInfo, 1, to),
	})
}

func measureSealRecipient(ctx context.Context, e *Env) (float64, string, error) {
	to, err := addressees(e.suite)
	if err != nil {
		return 0, "", err
	}
	return e.compare(ctx, comparison{
		each:        "a recipient",
		numerator:   seal(e.suite, longInfo, recipients, to),
		denominator: work{times: recipients, run: func() error { return exchange(to) }},
	})
}

// addressees makes recipients with a plaintext of the size of a path secret.
func addressees(suite *ciphersuite.Suite) ([]ciphersuite.Recipient, error) {
	secrets := make([]ciphersuite.Secret, recipients)
	for i := range secrets {
		secrets[i] = ciphersuite.NewSecret(suite.Hash(nil, binary.BigEndian.AppendUint32(nil, uint32(i))))
	}
	pairs, err := suite.DeriveKeyPairs(secrets)
	if err != nil {
		return nil, err
	}
	to := make([]ciphersuite.Recipient, recipients)
	for i := range to {
		to[i] = ciphersuite.Recipient{PublicKey: pairs[i].Public, Plaintext: secrets[i]}
	}
	return to, nil
}

func seal(suite *ciphersuite.Suite, info, times int, to []ciphersuite.Recipient) work {
	context := make([]byte, info)
	return work{times: times, run: func() error {
		_, err := suite.SealMany(nil, context, to)
		return err
	}}
}

// exchange does for each recipient the two multiplications that HPKE cannot do without, by the modules that are fastest
// at each of those in use.
func exchange(to []ciphersuite.Recipient) error {
	var private, public, shared x25519.Key
	for i := range to {
		copy(private[:], to[i].Plaintext.Bytes())
		voi25519.ScalarBaseMult((*[32]byte)(&public), (*[32]byte)(&private))
		if !x25519.Shared(&shared, &private, (*x25519.Key)(to[i].PublicKey)) {
			return ciphersuite.ErrPublicKey
		}
	}
	return nil
}
