package inspect

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Encoding says how bytes are written.
type Encoding string

// The encodings that Decode knows.
const (
	Guess  Encoding = "guess"
	Hex    Encoding = "hex"
	Base64 Encoding = "base64" // standard or URL alphabet, with or without padding
	Raw    Encoding = "raw"
)

// Encodings lists them for a help text.
func Encodings() []Encoding { return []Encoding{Guess, Hex, Base64, Raw} }

// ErrEncoding says that an input is not written in the encoding that was named.
var ErrEncoding = errors.New("unreadable encoding")

// Decode turns an input into bytes and says how it was written. White space in hexadecimal and base64 is left out.
// Guess takes text that is all hexadecimal digits as such, else text in one of the alphabets of base64 as that, and
// anything else as raw bytes. It fails with ErrEncoding when the input is not in the encoding named.
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
	if !utf8.Valid(input) || strings.ContainsFunc(string(input), func(r rune) bool {
		return !unicode.IsPrint(r) && !unicode.IsSpace(r)
	}) {
		return input, Raw, nil
	}
	text := squeeze(input)
	if text == "" {
		return nil, Raw, nil
	}
	if data, err := decodeHex(text); err == nil {
		return data, Hex, nil
	}
	if data, err := decodeBase64(text); err == nil {
		return data, Base64, nil
	}
	return input, Raw, nil
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
	data, err := hex.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: not hexadecimal: %v", ErrEncoding, err)
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
