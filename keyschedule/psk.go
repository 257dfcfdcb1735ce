package keyschedule

// RFC 9420, Section 8.4: Pre-Shared Keys.

import (
	"errors"
	"fmt"
	"math"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// Errors of PSKSecret.
var (
	// ErrTooManyPSKs says that there are more PSKs than the 16-bit count of a PSKLabel can tell.
	ErrTooManyPSKs = errors.New("keyschedule: more than 65535 PSKs")
	// ErrEmptyPSK says that the secret of a PSK is missing or erased.
	ErrEmptyPSK = errors.New("keyschedule: PSK is empty")
)

// PSK is a pre-shared key with the name under which a proposal or a Welcome injects it (RFC 9420, Section 8.4).
type PSK struct {
	ID     framing.PreSharedKeyID
	Secret ciphersuite.Secret // borrowed: it outlives the epoch that it goes into
}

// PSKSecret chains psks in the order given into the psk_secret (RFC 9420, Section 8.4); without any it is KDF.Nh zero
// bytes. The caller owns the result. It fails with ErrTooManyPSKs, ErrEmptyPSK, or when an ID cannot be encoded.
func PSKSecret(suite *ciphersuite.Suite, psks []PSK) (ciphersuite.Secret, error) {
	if len(psks) > math.MaxUint16 {
		return ciphersuite.Secret{}, fmt.Errorf("%w: %d", ErrTooManyPSKs, len(psks))
	}
	zero := ciphersuite.NewSecret(make([]byte, suite.HashSize))
	chain := zero.Clone()
	for i, psk := range psks {
		if psk.Secret.IsZero() {
			chain.Erase()
			return ciphersuite.Secret{}, fmt.Errorf("PSK %d: %w", i, ErrEmptyPSK)
		}
		label, err := framing.Marshal(psk.ID.Label(uint16(i), uint16(len(psks))))
		if err != nil {
			chain.Erase()
			return ciphersuite.Secret{}, fmt.Errorf("PSK %d: %w", i, err)
		}
		extracted := suite.Extract(zero, psk.Secret)
		input := suite.ExpandWithLabel(extracted, "derived psk", label, suite.HashSize)
		next := suite.Extract(input, chain)
		extracted.Erase()
		input.Erase()
		chain.Erase()
		chain = next
	}
	return chain, nil
}
