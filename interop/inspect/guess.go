package inspect

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/internal/wire"
)

// reading is one attempt to read data as a structure.
type reading struct {
	structure
	spans []framing.Span
	left  int // spans beyond the limit
	err   error
	score int
}

// Points of evidence, roughly in bits: how unlikely it is that other bytes look so.
const (
	pointsComplete  = 16 // all of data was used, and nothing else
	pointsRefused   = -20
	pointsWrongSize = -32 // no cipher suite has such
	pointsClose     = 12  // readings within so many points are named as alternatives
)

// read reads data as the structure of the given name, or when it is empty as the one that fits best. also names other
// structures that fit about as well. A reading has up to limit spans, and beyond them there is no evidence.
func read(data []byte, name string, bodies framing.Bodies, limit int) (best reading, also []string, ok bool) {
	if name != "" {
		s, ok := structureOf(name)
		if !ok || s.empty == nil {
			return reading{}, nil, false
		}
		return attempt(data, s, bodies, nil, limit), nil, true
	}
	var complete []reading
	var spare []framing.Span // what the last reading but the best was written into
	for _, s := range structures() {
		if s.empty == nil || s.named {
			continue
		}
		r := attempt(data, s, bodies, spare[:0], limit)
		spare = r.spans
		if best.name == "" || r.score > best.score {
			best, spare = r, best.spans
		}
		if r.err == nil {
			r.spans = nil // only its name will be needed
			complete = append(complete, r)
		}
	}
	for _, r := range complete {
		if r.name != best.name && r.score >= best.score-pointsClose {
			also = append(also, r.name)
		}
	}
	return best, also, true
}

// attempt reads data as a structure, and writes the spans into spans.
func attempt(data []byte, s structure, bodies framing.Bodies, spans []framing.Span, limit int) reading {
	spans, left, err := bodies.Dissect(data, s.empty(), spans, limit)
	r := reading{structure: s, spans: spans, left: left, err: err}
	for i := range spans {
		r.score += evidence(&spans[i], data)
	}
	var syntax *framing.SyntaxError
	switch {
	case err == nil:
		r.score += pointsComplete
	case errors.As(err, &syntax) && !syntax.Incomplete && !syntax.Excess:
		r.score += pointsRefused
	}
	return r
}

// evidence returns how strongly a span supports the reading that it belongs to.
func evidence(s *framing.Span, data []byte) int {
	body := data[s.Body:s.End]
	switch s.Kind {
	case wire.KindOptional:
		return 7
	case wire.KindNumber:
		return numberEvidence(s.Field, body)
	case wire.KindOpaque, wire.KindNumbers:
		return sizeEvidence(s.Field, len(body)+s.Short, body)
	}
	return 0
}

func numberEvidence(field string, body []byte) int {
	switch {
	case len(body) == 1: // a closed enumeration
		if codeOf(field, uint16(body[0])) == registered {
			return 6
		}
		return 0 // the decoder refused it, which counts
	case len(body) != 2:
		return 0
	}
	code := binary.BigEndian.Uint16(body)
	kind := codeOf(field, code)
	switch {
	case kind == registered:
		return 12
	case kind == notCode:
		return 0
	case field == "version" || field == "cipher_suite":
		return -20
	case kind == unknownCode:
		return -8
	}
	return 6
}

// sizeEvidence judges what has a size that the cipher suites of RFC 9420 determine.
func sizeEvidence(field string, size int, body []byte) int {
	in := func(sizes ...int) int {
		if slices.Contains(sizes, size) {
			return 8
		}
		return pointsWrongSize
	}
	switch field {
	case "encryption_key", "signature_key", "init_key", "external_pub", "kem_output":
		return in(32, 56, 57, 65, 97, 133)
	case "tree_hash", "confirmation_tag", "membership_tag", "joiner_secret", "path_secret", "psk_nonce", "new_member", "reference":
		return in(32, 48, 64)
	case "parent_hash", "confirmed_transcript_hash":
		return in(0, 32, 48, 64)
	case "encrypted_sender_data":
		return in(28)
	case "encrypted_group_info", "ciphertext": // an authentication tag at least
		if size < 16 {
			return pointsWrongSize
		}
	case "signature":
		return max(-4, in(64, 114, 68, 69, 70, 71, 72, 100, 101, 102, 103, 104, 135, 136, 137, 138, 139))
	case "versions":
		if strings.HasPrefix(string(body), "\x00\x01") {
			return 8
		}
		return -8
	}
	return 0
}
