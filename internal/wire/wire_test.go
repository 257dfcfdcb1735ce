package wire

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// RFC 9420, Section 2.1.2: the edges of the three forms.
func TestLengthForms(t *testing.T) {
	for _, c := range []struct {
		n    int
		want []byte
	}{
		{0, []byte{0x00}},
		{63, []byte{0x3f}},
		{64, []byte{0x40, 0x40}},
		{15293, []byte{0x7b, 0xbd}},
		{16383, []byte{0x7f, 0xff}},
		{16384, []byte{0x80, 0x00, 0x40, 0x00}},
		{494878333, []byte{0x9d, 0x7f, 0x3e, 0x7d}},
		{MaxLength, []byte{0xbf, 0xff, 0xff, 0xff}},
	} {
		got := AppendLength(nil, c.n)
		require.Equal(t, c.want, got, "header for %d", c.n)
		require.Equal(t, len(c.want), LengthSize(c.n))
		n, size, reason := parseLength(got)
		require.Empty(t, reason)
		require.Equal(t, c.n, n)
		require.Equal(t, len(c.want), size)
	}
}

func TestBadLengths(t *testing.T) {
	bad := map[string][]byte{
		"empty":              {},
		"63 in two bytes":    {0x40, 0x3f},
		"0 in two bytes":     {0x40, 0x00},
		"16383 in four":      {0x80, 0x00, 0x3f, 0xff},
		"two bytes cut off":  {0x40},
		"four bytes cut off": {0x80, 0, 1},
		"more than remains":  {0x05, 1, 2, 3, 4},
		"one gibibyte":       {0xbf, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5},
	}
	for first := 0xc0; first <= 0xff; first++ {
		bad["reserved prefix "+string(rune(first))] = append([]byte{byte(first)}, make([]byte, 300)...)
	}
	for name, in := range bad {
		t.Run(name, func(t *testing.T) {
			var allocated float64
			check := func() {
				r := NewReader("Test", in)
				require.Nil(t, r.Opaque())
				var syntax *SyntaxError
				require.ErrorAs(t, r.Finish(), &syntax)
				require.Equal(t, "Test", syntax.Struct)
			}
			allocated = testing.AllocsPerRun(1, check)
			require.Less(t, allocated, 100.0)
		})
	}
}

func TestFirstErrorStays(t *testing.T) {
	r := NewReader("Outer", []byte{1, 2, 3})
	r.Struct("Inner", func(r *Reader) { r.Uint32() })
	require.Zero(t, r.Uint8(), "reads after an error return zero")
	require.Zero(t, r.Remaining())
	r.Failf("later")
	r.Reject(errors.New("later still"))
	var syntax *SyntaxError
	require.ErrorAs(t, r.Finish(), &syntax)
	require.Equal(t, "Inner", syntax.Struct)
	require.Equal(t, 0, syntax.Offset)
}

func TestTrailingBytes(t *testing.T) {
	r := NewReader("Test", []byte{1, 2})
	require.Equal(t, uint8(1), r.Uint8())
	var syntax *SyntaxError
	require.ErrorAs(t, r.Finish(), &syntax)
	require.Equal(t, 1, syntax.Offset)
}

func TestOptional(t *testing.T) {
	for v := range 256 {
		r := NewReader("Test", []byte{byte(v)})
		got := r.Optional()
		if v > 1 {
			require.Error(t, r.Finish(), "octet %d", v)
			continue
		}
		require.NoError(t, r.Finish())
		require.Equal(t, v == 1, got)
	}
}

func TestVectorElements(t *testing.T) {
	t.Run("end exactly", func(t *testing.T) {
		var got []uint16
		r := NewReader("Test", []byte{4, 0, 1, 0, 2})
		r.Vector(func(r *Reader) { got = append(got, r.Uint16()) })
		require.NoError(t, r.Finish())
		require.Equal(t, []uint16{1, 2}, got)
	})
	t.Run("reach beyond the end", func(t *testing.T) {
		r := NewReader("Test", []byte{3, 0, 1, 0, 2})
		r.Vector(func(r *Reader) { r.Uint16() })
		require.Error(t, r.Finish())
	})
	t.Run("consume nothing", func(t *testing.T) {
		r := NewReader("Test", []byte{3, 0, 1, 0})
		r.Vector(func(*Reader) {})
		require.Error(t, r.Finish())
	})
}

func TestWriterMatchesReader(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 16383, 16384, 70000} {
		body := bytes.Repeat([]byte{7}, n)
		w := NewWriter([]byte("before"))
		w.Vector(func(w *Writer) { w.Raw(body) })
		w.Opaque(body)
		w.Text(string(body))
		out, err := w.Bytes()
		require.NoError(t, err)
		require.Equal(t, len(out), w.Len())
		r := NewReader("Test", out)
		require.Equal(t, "before", string(r.Fixed(6)))
		for range 3 {
			require.Equal(t, n, len(r.Opaque()))
		}
		require.NoError(t, r.Finish())
	}
}

func TestNumbers(t *testing.T) {
	w := NewWriter(nil)
	w.Uint8(1)
	w.Uint16(2)
	w.Uint32(3)
	w.Uint64(4)
	w.Optional(true)
	w.Optional(false)
	out, err := w.Bytes()
	require.NoError(t, err)
	r := NewReader("Test", out)
	require.Equal(t, uint8(1), r.Uint8())
	require.Equal(t, uint16(2), r.Uint16())
	require.Equal(t, uint32(3), r.Uint32())
	require.Equal(t, uint64(4), r.Uint64())
	require.True(t, r.Optional())
	require.False(t, r.Optional())
	require.Equal(t, out, r.Since(0))
	require.NoError(t, r.Finish())
}

func TestWriterKeepsFirstError(t *testing.T) {
	w := NewWriter(nil)
	w.Failf("first")
	w.Failf("second")
	w.Uint8(1)
	_, err := w.Bytes()
	require.EqualError(t, err, "mls: encoding: first")
}

// FuzzReader reads a mixture of values as the input itself directs, and checks that whatever was read is written back
// as the same bytes.
func FuzzReader(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3}, []byte{1, 0, 2, 0, 0, 3})
	f.Add([]byte{4, 5, 6}, []byte{1, 0x40, 0x40, 3, 1, 2, 3})
	f.Fuzz(func(t *testing.T, program, input []byte) {
		r, w := NewReader("Fuzz", input), NewWriter(nil)
		for _, op := range program {
			if r.Err() != nil {
				break
			}
			switch op % 7 {
			case 0:
				v := r.Uint8()
				w.Uint8(v)
			case 1:
				w.Uint16(r.Uint16())
			case 2:
				w.Uint32(r.Uint32())
			case 3:
				w.Uint64(r.Uint64())
			case 4:
				w.Optional(r.Optional())
			case 5:
				w.Opaque(r.Opaque())
			case 6:
				w.Vector(func(w *Writer) { r.Vector(func(r *Reader) { w.Opaque(r.Opaque()) }) })
			}
		}
		if r.Err() != nil {
			var syntax *SyntaxError
			require.ErrorAs(t, r.Err(), &syntax)
			require.LessOrEqual(t, syntax.Offset, len(input))
			return
		}
		out, err := w.Bytes()
		require.NoError(t, err)
		require.Equal(t, input[:r.Offset()], append([]byte{}, out...))
	})
}
