package framing

// RFC 9420, Section 2.1: the shapes that structures are built from, on top of package wire.

import (
	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/internal/wire"
)

// valueOf is the pointer form of a structure, on which its codec is defined.
type valueOf[T any] interface {
	*T
	Value
}

// read decodes a nested structure, so that errors within carry its name.
func read(r *wire.Reader, v Value) { r.Struct(v.structName(), v.decode) }

// readList decodes a vector of structures. It is nil when empty.
func readList[T any, P valueOf[T]](r *wire.Reader) []T {
	var out []T
	name := P(nil).structName()
	r.Vector(func(r *wire.Reader) {
		var element T
		out = append(out, element)
		r.Struct(name, P(&out[len(out)-1]).decode)
	})
	return out
}

func writeList[T any, P valueOf[T]](w *wire.Writer, list []T) {
	w.Vector(func(w *wire.Writer) {
		for i := range list {
			P(&list[i]).encode(w)
		}
	})
}

// readNumbers decodes a vector of numbers of size bytes each. It is nil when empty.
func readNumbers[T ~uint16 | ~uint32](r *wire.Reader, size int) []T {
	b := r.Numbers(size)
	if len(b) == 0 {
		return nil
	}
	out := make([]T, len(b)/size)
	for i := range out {
		var v uint32
		for _, c := range b[i*size : (i+1)*size] {
			v = v<<8 | uint32(c)
		}
		out[i] = T(v)
	}
	return out
}

func writeNumbers[T ~uint16 | ~uint32](w *wire.Writer, size int, list []T) {
	w.Vector(func(w *wire.Writer) {
		for _, v := range list {
			if size == 2 {
				w.Uint16(uint16(v))
			} else {
				w.Uint32(uint32(v))
			}
		}
	})
}

// readOptional decodes optional<T>; absence is nil.
func readOptional[T any, P valueOf[T]](r *wire.Reader) *T {
	if !r.Optional() {
		return nil
	}
	out := new(T)
	read(r, P(out))
	return out
}

func writeOptional[T any, P valueOf[T]](w *wire.Writer, v *T) {
	w.Optional(v != nil)
	if v != nil {
		P(v).encode(w)
	}
}

// readEnum decodes a closed enumeration whose values are 1 to last. All of RFC 9420 have this form.
func readEnum[T ~uint8](r *wire.Reader, last T) T {
	start := r.Offset()
	v := T(r.Uint8())
	if v == 0 || v > last { // as it is when r has failed before
		r.FailAt(start, "%s is not defined", codeName(v))
		return 0
	}
	return v
}

func writeEnum[T ~uint8](w *wire.Writer, last, v T) {
	if v == 0 || v > last {
		w.Failf("%s is not defined", codeName(v))
		return
	}
	w.Uint8(uint8(v))
}

// encoded collects what write writes.
func encoded(write func(*wire.Writer)) ([]byte, error) {
	w := wire.NewWriter(nil)
	write(w)
	return w.Bytes()
}

func readCiphertext(r *wire.Reader) (ct ciphersuite.HPKECiphertext) {
	r.Struct("HPKECiphertext", func(r *wire.Reader) {
		ct.KEMOutput = r.Field("kem_output").Opaque()
		ct.Ciphertext = r.Field("ciphertext").Opaque()
	})
	return ct
}

func writeCiphertext(w *wire.Writer, ct ciphersuite.HPKECiphertext) {
	w.Opaque(ct.KEMOutput)
	w.Opaque(ct.Ciphertext)
}
