// Package edwards is Ed25519 (RFC 8032, Section 5.1) done slowly and plainly, with math/big: Verify checks a signature
// by the cofactored equation. It is the reference for tests of the fast verifiers, and the last word on odd signatures
// in the builds without curve25519-voi. It handles public data only, and takes no care about time.
package edwards

import (
	"crypto/sha512"
	"math/big"
	"slices"
)

// Point is a point in extended homogeneous coordinates (RFC 8032, Section 5.1.4).
type Point struct{ x, y, z, t *big.Int }

// Curve holds the constants of edwards25519 (RFC 8032, Section 5.1).
type Curve struct {
	p, d *big.Int

	Order *big.Int // of Base
	Base  Point
}

// New computes the constants from their definitions.
func New() Curve {
	one := big.NewInt(1)
	p := new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	d := new(big.Int).ModInverse(big.NewInt(121666), p)
	d.Mul(d, big.NewInt(-121665)).Mod(d, p)
	order, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	c := Curve{p: p, d: d, Order: order.Add(order, new(big.Int).Lsh(one, 252))}
	y := new(big.Int).ModInverse(big.NewInt(5), p)
	c.Base, _ = c.lift(c.mul(y, big.NewInt(4)), 0)
	return c
}

func (c Curve) mul(a, b *big.Int) *big.Int { r := new(big.Int).Mul(a, b); return r.Mod(r, c.p) }
func (c Curve) add(a, b *big.Int) *big.Int { r := new(big.Int).Add(a, b); return r.Mod(r, c.p) }
func (c Curve) sub(a, b *big.Int) *big.Int { r := new(big.Int).Sub(a, b); return r.Mod(r, c.p) }

// lift finds the point with coordinate y, and x of parity sign.
func (c Curve) lift(y *big.Int, sign uint) (Point, bool) {
	one := big.NewInt(1)
	yy := c.mul(y, y)
	denominator := new(big.Int).ModInverse(c.add(c.mul(c.d, yy), one), c.p)
	x := new(big.Int).ModSqrt(c.mul(c.sub(yy, one), denominator), c.p)
	if x == nil || x.Sign() == 0 && sign == 1 {
		return Point{}, false
	}
	if x.Bit(0) != sign {
		x.Sub(c.p, x)
	}
	return Point{x, new(big.Int).Set(y), one, c.mul(x, y)}, true
}

// Decode reads 32 bytes, and reports false unless they are the canonical encoding of a point.
func (c Curve) Decode(encoded []byte) (Point, bool) {
	y := LittleEndian(encoded)
	sign := y.Bit(255)
	y.SetBit(y, 255, 0)
	if y.Cmp(c.p) >= 0 {
		return Point{}, false
	}
	return c.lift(y, sign)
}

// Encode returns the canonical encoding of q, in 32 bytes.
func (c Curve) Encode(q Point) []byte {
	inverse := new(big.Int).ModInverse(q.z, c.p)
	x, y := c.mul(q.x, inverse), c.mul(q.y, inverse)
	encoded := y.SetBit(y, 255, x.Bit(0)).FillBytes(make([]byte, 32))
	slices.Reverse(encoded)
	return encoded
}

// Add uses the law that is complete on this curve (RFC 8032, Section 5.1.4).
func (c Curve) Add(q, r Point) Point {
	a := c.mul(c.sub(q.y, q.x), c.sub(r.y, r.x))
	b := c.mul(c.add(q.y, q.x), c.add(r.y, r.x))
	tt := c.mul(c.mul(q.t, r.t), c.add(c.d, c.d))
	zz := c.mul(q.z, c.add(r.z, r.z))
	e, f, g, h := c.sub(b, a), c.sub(zz, tt), c.add(zz, tt), c.add(b, a)
	return Point{c.mul(e, f), c.mul(g, h), c.mul(f, g), c.mul(e, h)}
}

// Multiply computes k times q, for k of zero or more.
func (c Curve) Multiply(k *big.Int, q Point) Point {
	r := Point{new(big.Int), big.NewInt(1), big.NewInt(1), new(big.Int)}
	for i := k.BitLen() - 1; i >= 0; i-- {
		r = c.Add(r, r)
		if k.Bit(i) == 1 {
			r = c.Add(r, q)
		}
	}
	return r
}

// Equal reports whether q and r are the same point.
func (c Curve) Equal(q, r Point) bool {
	return c.mul(q.x, r.z).Cmp(c.mul(r.x, q.z)) == 0 && c.mul(q.y, r.z).Cmp(c.mul(r.y, q.z)) == 0
}

// SmallOrder reports whether eight times q is the identity.
func (c Curve) SmallOrder(q Point) bool {
	// Of the multiples of eight, which make a group of odd order, just the identity has x = 0.
	return c.Multiply(big.NewInt(8), q).x.Sign() == 0
}

// LittleEndian reads an integer.
func LittleEndian(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

// Challenge computes k, the hash of R, A and the message, modulo the order of the base point.
func (c Curve) Challenge(r, a, message []byte) *big.Int {
	h := sha512.New()
	h.Write(r)
	h.Write(a)
	h.Write(message)
	k := LittleEndian(h.Sum(nil))
	return k.Mod(k, c.Order)
}

// OnCurve reports whether 32 bytes are the canonical encoding of a point.
func OnCurve(encoded []byte) bool {
	_, ok := New().Decode(encoded)
	return ok
}

// Verify checks a signature of 64 bytes by a key of 32 bytes: canonical encodings of A, R and S, A not of small order,
// and [8][S]B = [8]R + [8][k]A.
func Verify(key, message, signature []byte) bool {
	c := New()
	a, okA := c.Decode(key)
	r, okR := c.Decode(signature[:32])
	s := LittleEndian(signature[32:])
	if !okA || !okR || s.Cmp(c.Order) >= 0 || c.SmallOrder(a) {
		return false
	}
	eight := big.NewInt(8)
	k := c.Challenge(signature[:32], key, message)
	left := c.Multiply(eight, c.Multiply(s, c.Base))
	right := c.Multiply(eight, c.Add(r, c.Multiply(k, a)))
	return c.Equal(left, right)
}
