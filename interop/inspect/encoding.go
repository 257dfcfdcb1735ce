package inspect

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Encoding says how bytes are written.
type Encoding string

// The encodings that Decode knows by name, and those that only Guess finds.
const (
	Guess  Encoding = "guess"
	Hex    Encoding = "hex"
	Base64 Encoding = "base64" // standard or URL alphabet, with or without padding
	Raw    Encoding = "raw"

	HexCut  Encoding = "hex, cut off within a byte" // the digit that is left over is left out
	Dump    Encoding = "hex dump"                   // of xxd, hexdump or od
	Numbers Encoding = "list of numbers"            // in decimal, such as a JSON array
	Literal Encoding = "literal with escapes"       // of a string or bytes, as Python and Go print them
	PEM     Encoding = "PEM"
)

// Encodings lists them for a help text.
func Encodings() []Encoding { return []Encoding{Guess, Hex, Base64, Raw} }

// ErrEncoding says that an input is not written in the encoding that was named.
var ErrEncoding = errors.New("unreadable encoding")

// Decode turns an input into bytes and says how it was written. White space in hexadecimal and base64 is left out.
// Guess knows the forms in which people paste bytes: hexadecimal with 0x, colons or commas, dumps of xxd, hexdump and od,
// lists of numbers, literals of common languages, PEM, and base64, in quotes or not. Text in none of these is no encoding of
// anything, and what is no text is raw bytes. It fails with ErrEncoding when the input is not in the encoding named, when it
// is text that nobody can decode, or when nothing is there.
func Decode(input []byte, e Encoding) ([]byte, Encoding, error) {
	switch e {
	case Raw:
		return input, Raw, nil
	case Hex:
		data, err := decodeHex(squeeze(input))
		return data, Hex, err
	case Base64:
		data, err := decodeBase64(squeeze(input))
		return data, Base64, err
	case Guess:
		return guessEncoding(input)
	}
	return nil, e, fmt.Errorf("%w: %q is not one of %v", ErrEncoding, e, Encodings())
}

func guessEncoding(input []byte) ([]byte, Encoding, error) {
	text, ok := textOf(input)
	switch {
	case !ok:
		return input, Raw, nil
	case text == "":
		return nil, Guess, fmt.Errorf("%w: there is no input", ErrEncoding)
	}
	inner := unwrap(text)
	for _, decode := range []func(string) ([]byte, Encoding, bool){
		decodePEM, decodeDump, decodeLiteral, decodeNumbers, decodeDigits,
	} {
		for _, t := range []string{text, inner} {
			if data, e, ok := decode(t); ok {
				return data, e, nil
			}
		}
	}
	if err := almostHex(inner); err != nil {
		return nil, Guess, err
	}
	if data, e, ok := decodeLines(inner); ok {
		return data, e, nil
	}
	return nil, Guess, fmt.Errorf("%w: this is text, and neither hexadecimal, a hex dump, a list of numbers, a literal nor base64", ErrEncoding)
}

// squeeze leaves out white space.
func squeeze(input []byte) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, string(input))
}

func decodeHex(text string) ([]byte, error) {
	if at := strings.IndexFunc(text, notHex); at >= 0 {
		return nil, fmt.Errorf("%w: not hexadecimal: %q at digit %d", ErrEncoding, []rune(text[at:])[0], at+1)
	}
	data, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: not hexadecimal: %d digits, which is an odd number", ErrEncoding, len(text))
	}
	return data, nil
}

func decodeBase64(text string) ([]byte, error) {
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	data, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: not base64: %v", ErrEncoding, err)
	}
	return data, nil
}
