package ciphersuite

// Diffie-Hellman groups of HPKE (RFC 9180, Section 7.1).

import "crypto/ecdh"

const (
	kemP256   = 0x0010
	kemP384   = 0x0011
	kemP521   = 0x0012
	kemX25519 = 0x0020
	kemX448   = 0x0021
)

// kemSizes returns Npk and Nsk of a KEM (RFC 9180, Section 7.1).
func kemSizes(kem uint16) (public, private int) {
	switch kem {
	case kemP256:
		return 65, 32
	case kemP384:
		return 97, 48
	case kemP521:
		return 133, 66
	case kemX25519:
		return 32, 32
	case kemX448:
		return 56, 56
	}
	return 0, 0
}

// group is what DHKEM needs of a curve. Sizes of private keys are checked by the caller.
type group interface {
	// key reads a serialized private key, which the result may go on using, or fails with ErrPrivateKey.
	key(private []byte) (privateKey, error)
	// check fails with ErrPublicKey unless public can be used in agree.
	check(public []byte) error
}

type privateKey interface {
	public() []byte
	// agree fails with ErrPublicKey for a public key that check refuses.
	agree(public []byte) ([]byte, error)
}

// groupFor reports false where this build has no such curve.
func groupFor(kem uint16) (group, bool) {
	switch kem {
	case kemP256:
		return ecdhGroup{ecdh.P256()}, true
	case kemP384:
		return ecdhGroup{ecdh.P384()}, true
	case kemP521:
		return ecdhGroup{ecdh.P521()}, true
	case kemX25519:
		return x25519Group{}, true
	case kemX448:
		return x448()
	}
	return nil, false
}

// ecdhGroup is a curve of crypto/ecdh, which refuses points off the curve, scalars out of range and results of zero.
type ecdhGroup struct{ curve ecdh.Curve }

func (g ecdhGroup) key(private []byte) (privateKey, error) {
	k, err := g.curve.NewPrivateKey(private)
	if err != nil {
		return nil, ErrPrivateKey
	}
	return ecdhKey{g.curve, k}, nil
}

func (g ecdhGroup) check(public []byte) error {
	if _, err := g.curve.NewPublicKey(public); err != nil {
		return ErrPublicKey
	}
	return nil
}

type ecdhKey struct {
	curve   ecdh.Curve
	private *ecdh.PrivateKey
}

func (k ecdhKey) public() []byte { return k.private.PublicKey().Bytes() }

func (k ecdhKey) agree(public []byte) ([]byte, error) {
	peer, err := k.curve.NewPublicKey(public)
	if err != nil {
		return nil, ErrPublicKey
	}
	shared, err := k.private.ECDH(peer)
	if err != nil {
		return nil, ErrPublicKey
	}
	return shared, nil
}

// All u-coordinates, reduced or not, that X25519 takes to zero: those of order 1, 2, 4 and 8 on the curve and on its
// twist. 2^255-19 and 2^255-18 are 0 and 1 unreduced.
const (
	x25519Zero     = "\x00" + zeros30 + "\x00"
	x25519One      = "\x01" + zeros30 + "\x00"
	x25519Order8   = "\xe0\xeb\x7a\x7c\x3b\x41\xb8\xae\x16\x56\xe3\xfa\xf1\x9f\xc4\x6a\xda\x09\x8d\xeb\x9c\x32\xb1\xfd\x86\x62\x05\x16\x5f\x49\xb8\x00"
	x25519Order8b  = "\x5f\x9c\x95\xbc\xa3\x50\x8c\x24\xb1\xd0\xb1\x55\x9c\x83\xef\x5b\x04\x44\x5c\xc4\x58\x1c\x8e\x86\xd8\x22\x4e\xdd\xd0\x9f\x11\x57"
	x25519MinusOne = "\xec" + ones30 + "\x7f"
	x25519ZeroBig  = "\xed" + ones30 + "\x7f"
	x25519OneBig   = "\xee" + ones30 + "\x7f"

	zeros27 = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	zeros30 = zeros27 + "\x00\x00\x00"
	ones27  = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
	ones30  = ones27 + "\xff\xff\xff"
)

// checkX25519 refuses wrong sizes and low-order points. Other unreduced coordinates, and a set top bit, are accepted
// and reduced, as RFC 7748, Section 5 demands.
func checkX25519(public []byte) error {
	if len(public) != 32 {
		return ErrPublicKey
	}
	u := [32]byte(public)
	u[31] &= 0x7f
	switch string(u[:]) {
	case x25519Zero, x25519One, x25519Order8, x25519Order8b, x25519MinusOne, x25519ZeroBig, x25519OneBig:
		return ErrPublicKey
	}
	return nil
}
