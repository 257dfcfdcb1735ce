package framing

// RFC 9420, Section 12.1: the bodies of proposals whose types it does not define.

import (
	"bytes"

	"github.com/copse-mls/copse/internal/wire"
)

// Body says where the body of a proposal ends. It gets everything that is left of the message, and returns how many bytes of
// that are the body; false when there is none. It is called with hostile bytes, more than once with the same, and has to return
// the same each time.
type Body func(rest []byte) (length int, ok bool)

// EmptyBody returns that the body is empty, as it is of proposals whose type says everything.
func EmptyBody([]byte) (int, bool) { return 0, true }

// Bodies are the forms of the bodies of custom proposals, whose senders know them from the definitions of their types. A
// message does not say how long a body is, so that nobody else can read what comes after it. Types that are not listed
// have a body of the form opaque<V>. Types with a structure of their own are not asked for.
type Bodies map[ProposalType]Body

// Unmarshal does what the function Unmarshal does, with proposals read as b says.
func (b Bodies) Unmarshal(data []byte, v Value) error {
	return unmarshalBy(b, bytes.Clone(data), v)
}

// UnmarshalShared does what the function UnmarshalShared does, with proposals read as b says.
func (b Bodies) UnmarshalShared(data []byte, v Value) error {
	r := wire.NewReader(v.structName(), data)
	r.Grammar = b
	r.Unbound()
	v.decode(r)
	return r.Finish()
}

// bodiesOf returns what the reader knows.
func bodiesOf(r *wire.Reader) Bodies {
	b, _ := r.Grammar.(Bodies)
	return b
}
