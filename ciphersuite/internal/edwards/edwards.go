// Package edwards verifies Ed25519 signatures (RFC 8032, Section 5.1.7) slowly and plainly, with math/big and the
// cofactored equation. It is the reference for tests of the fast verifiers, and the last word on odd signatures in
// the standard-library build. It handles public data only and takes no care about time.
package edwards

import (
	"crypto/sha512"
	"math/big"
	"slices"
)

// point is a point in extended homogeneous coordinates (RFC 8032, Section 5.1.4).
type point struct{ x, y, z, t *big.Int }

// field holds the constants of edwards25519 (RFC 8032, Section 5.1).
type field struct {
	p, d, l *big.Int
	base    point
}

func newField() field {
	one := big.NewInt(1)
	p := new(big.Int).Sub(new(big.Int).Lsh(one, 255), big.NewInt(19))
	d := new(big.Int).ModInverse(big.NewInt(121666), p)
	d.Mul(d, big.NewInt(-121665)).Mod(d, p)
	l, _ := new(big.Int).SetString("27742317777372353535851937790883648493", 10)
	l.Add(l, new(big.Int).Lsh(one, 252))
	f := field{p: p, d: d, l: l}
	y := new(big.Int).ModInverse(big.NewInt(5), p)
	y.Mul(y, big.NewInt(4)).Mod(y, p)
	f.base, _ = f.lift(y, 0)
	return f
}

func (f field) mul(a, b *big.Int) *big.Int { r := new(big.Int).Mul(a, b); return r.Mod(r, f.p) }
func (f field) add(a, b *big.Int) *big.Int { r := new(big.Int).Add(a, b); return r.Mod(r, f.p) }
func (f field) sub(a, b *big.Int) *big.Int { r := new(big.Int).Sub(a, b); return r.Mod(r, f.p) }

// lift finds the point with coordinate y, and x of parity sign.
func (f field) lift(y *big.Int, sign uint) (point, bool) {
	one := big.NewInt(1)
	yy := f.mul(y, y)
	denominator := new(big.Int).ModInverse(f.add(f.mul(f.d, yy), one), f.p)
	x := new(big.Int).ModSqrt(f.mul(f.sub(yy, one), denominator), f.p)
	if x == nil || x.Sign() == 0 && sign == 1 {
		return point{}, false
	}
	if x.Bit(0) != sign {
		x.Sub(f.p, x)
	}
	return point{x, new(big.Int).Set(y), one, f.mul(x, y)}, true
}

// decode answers false for encodings that are not canonical too.
func (f field) decode(encoded []byte) (point, bool) {
	y := littleEndian(encoded)
	sign := y.Bit(255)
	y.SetBit(y, 255, 0)
	if y.Cmp(f.p) >= 0 {
		return point{}, false
	}
	return f.lift(y, sign)
}

// sum is the addition law that is complete on this curve (RFC 8032, Section 5.1.4).
func (f field) sum(q, r point) point {
	a := f.mul(f.sub(q.y, q.x), f.sub(r.y, r.x))
	b := f.mul(f.add(q.y, q.x), f.add(r.y, r.x))
	c := f.mul(f.mul(q.t, r.t), f.add(f.d, f.d))
	d := f.mul(q.z, f.add(r.z, r.z))
	e, g, h, i := f.sub(b, a), f.sub(d, c), f.add(d, c), f.add(b, a)
	return point{f.mul(e, g), f.mul(h, i), f.mul(g, h), f.mul(e, i)}
}

func (f field) multiple(k *big.Int, q point) point {
	r := point{new(big.Int), big.NewInt(1), big.NewInt(1), new(big.Int)}
	for i := k.BitLen() - 1; i >= 0; i-- {
		r = f.sum(r, r)
		if k.Bit(i) == 1 {
			r = f.sum(r, q)
		}
	}
	return r
}

func (f field) equal(q, r point) bool {
	return f.mul(q.x, r.z).Cmp(f.mul(r.x, q.z)) == 0 && f.mul(q.y, r.z).Cmp(f.mul(r.y, q.z)) == 0
}

func littleEndian(b []byte) *big.Int {
	b = slices.Clone(b)
	slices.Reverse(b)
	return new(big.Int).SetBytes(b)
}

// OnCurve reports whether encoded, 32 bytes, is the canonical encoding of a point.
func OnCurve(encoded []byte) bool {
	_, ok := newField().decode(encoded)
	return ok
}

// Verify judges a signature of 64 bytes under a key of 32 bytes: canonical key, R and S, a key not of small order, and
// [8][S]B = [8]R + [8][k]A.
func Verify(key, message, signature []byte) bool {
	f := newField()
	a, okA := f.decode(key)
	r, okR := f.decode(signature[:32])
	s := littleEndian(signature[32:])
	if !okA || !okR || s.Cmp(f.l) >= 0 {
		return false
	}
	eight := big.NewInt(8)
	if f.multiple(eight, a).x.Sign() == 0 { // the identity, as 8 times (0, -1) is not it
		return false
	}
	h := sha512.New()
	h.Write(signature[:32])
	h.Write(key)
	h.Write(message)
	k := littleEndian(h.Sum(nil))
	left := f.multiple(eight, f.multiple(s, f.base))
	right := f.multiple(eight, f.sum(r, f.multiple(k, a)))
	return f.equal(left, right)
}
