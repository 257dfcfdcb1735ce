package framing

// RFC 9420, Section 2.1: the shapes that structures are built from, on top of package wire.

import (
	"reflect"

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

// newFor returns a T to decode into, charged to the reader: a new one, or always the same when nothing is kept.
func newFor[T any](r *wire.Reader) *T {
	r.Charge(1, sizeOf[T]())
	if r.Skims() {
		return r.Spare((*T)(nil), func() any { return new(T) }).(*T)
	}
	return new(T)
}

func sizeOf[T any]() uintptr { return reflect.TypeFor[T]().Size() }

// readSome decodes a vector and returns the elements of which read says that they are to be kept, nil when there are none. read
// gets the place of an element among all, and leaves alone what it is to decode into unless the element is to be kept.
func readSome[T any](r *wire.Reader, read readElement[T]) []T {
	l := list[T]{keeps: !r.Skims()}
	r.Vector(func(r *wire.Reader) {
		if l.kept == l.room && !l.counted {
			l.grow(r, read)
		}
		if r.Err() == nil && read(r, l.place, &l.out[min(l.kept, len(l.out)-1)]) {
			if l.kept++; l.kept > l.room { // a Body that says something else each time it is asked
				r.Failf("elements do not end where they ended before")
			}
		}
		l.place++
	})
	if l.kept == 0 || !l.keeps || r.Err() != nil {
		return nil
	}
	return l.out[:l.kept:l.kept]
}

type readElement[T any] func(r *wire.Reader, place int, into *T) bool

// list is a vector that is being read.
type list[T any] struct {
	out         []T // what is kept; room for one element when nothing is
	room        int // elements that are charged for
	start       int // offset of the first element
	place, kept int
	keeps       bool
	counted     bool // there is room for all
}

// grow makes room for another element. While elements are large in comparison to T, the room doubles; once they are small it
// becomes what all that follow need, for then they are cheap to count, and waste would be dear.
func (l *list[T]) grow(r *wire.Reader, read readElement[T]) {
	const large = 4
	more, size := l.room, sizeOf[T]()
	switch {
	case l.room == 0:
		more, l.start = 1, r.Offset()
	case r.Offset()-l.start < large*l.kept*int(size):
		more, l.counted = l.count(r, read), true
	}
	if more == 0 || !r.Charge(l.room+more, size) {
		return
	}
	l.room += more
	switch {
	case l.keeps:
		out := make([]T, l.room)
		copy(out, l.out)
		l.out = out
	case l.out == nil:
		l.out = r.Spare((*[]T)(nil), func() any { return make([]T, 1) }).([]T)
	}
}

// count returns how many of the elements that follow are to be kept.
func (l *list[T]) count(r *wire.Reader, read readElement[T]) (n int) {
	place, first := l.place, l.out[0]
	r.Count(func(r *wire.Reader) {
		if read(r, place, &l.out[0]) {
			n++
		}
		place++
	})
	l.out[0] = first
	return n
}

// readEvery decodes a vector of what read reads. It is nil when empty.
func readEvery[T any](r *wire.Reader, read func(r *wire.Reader, into *T)) []T {
	return readSome(r, func(r *wire.Reader, _ int, into *T) bool {
		read(r, into)
		return true
	})
}

// readList decodes a vector of structures. It is nil when empty.
func readList[T any, P valueOf[T]](r *wire.Reader) []T {
	name := P(nil).structName()
	return readEvery(r, func(r *wire.Reader, into *T) { r.Struct(name, P(into).decode) })
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
	if len(b) == 0 || !r.Charge(len(b), 1) || r.Skims() {
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
	out := newFor[T](r)
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
