package ciphersuite

// ECDSA signatures are malleable: whoever sees (r, s) can make (r, n-s), which verifies as well. RFC 9420 hashes signatures
// into references (Section 5.2), so that one signed structure has two of them.

import (
	"encoding/asn1"
	"math/big"
)

// TwinSignature returns the other signature that is valid for the same message and key whenever this one is, or nil when
// there is none, as with EdDSA, or signature is not one of the suite.
func (s *Suite) TwinSignature(signature []byte) []byte {
	found, _ := schemeFor(s.CipherSuite())
	scheme, ok := found.(ecdsaScheme)
	if !ok {
		return nil
	}
	var pair struct{ R, S *big.Int }
	if rest, err := asn1.Unmarshal(signature, &pair); err != nil || len(rest) > 0 {
		return nil
	}
	order := scheme.curve.Params().N
	if pair.R.Sign() <= 0 || pair.S.Sign() <= 0 || pair.R.Cmp(order) >= 0 || pair.S.Cmp(order) >= 0 {
		return nil
	}
	pair.S.Sub(order, pair.S)
	twin, err := asn1.Marshal(pair)
	if err != nil {
		return nil
	}
	return twin
}
