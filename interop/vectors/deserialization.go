package vectors

import (
	"github.com/copse-mls/copse/internal/wire"
)

// deserialization is a case of deserialization.json: the header of a variable-length vector.
type deserialization struct {
	Header hexBytes `json:"vlbytes_header"`
	Length int      `json:"length"`
}

func replayDeserialization(t *trial, c *deserialization) {
	n, size, err := wire.ParseLength(c.Header)
	if !t.succeeds("vlbytes_header decodes", err) {
		return
	}
	same(t, "length", n, c.Length)
	same(t, "size of vlbytes_header", size, len(c.Header))
	t.equal("header that Copse writes for length", wire.AppendLength(nil, n), c.Header)
}
