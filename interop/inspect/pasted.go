package inspect

// The forms in which people paste bytes.

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// textOf returns the input as text without what stands around it, and false when it is no text.
func textOf(input []byte) (string, bool) {
	text := strings.TrimPrefix(string(input), "\uFEFF")
	for mark, order := range map[string]binary.ByteOrder{"\xFF\xFE": binary.LittleEndian, "\xFE\xFF": binary.BigEndian} {
		if rest, ok := strings.CutPrefix(text, mark); ok && len(rest)%2 == 0 {
			units := make([]uint16, len(rest)/2)
			for i := range units {
				units[i] = order.Uint16([]byte(rest[2*i:]))
			}
			text = string(utf16.Decode(units))
		}
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && !unicode.IsSpace(r) }) {
		return "", false
	}
	text = strings.TrimSpace(text)
	if fenced, ok := strings.CutPrefix(text, "```"); ok {
		_, fenced, _ = strings.Cut(fenced, "\n")
		text = strings.TrimSpace(strings.TrimSuffix(fenced, "```"))
	}
	return text, true
}

// wrapped is what stands in brackets or quotes, innermost, with the code or the JSON around it.
var wrapped = regexp.MustCompile("^[^\\[\\]{}<>\"'`]*(?:" +
	`\[[0-9]*\][\w ]*(?:= *)?\{([^{}]*)\}` + // unsigned char x[] = {…}; []byte{…}; [3]uint8{…}
	`|\{ *"\w+" *: *"([^"]*)" *\}|\[ *"([^"]*)" *\]` + // {"key": "…"}, ["…"]
	`|\[([^\[\]]*)\]|\{([^{}]*)\}|<Buffer ([0-9a-f ]*)>` + // vec![…], Uint8Array(3) […]
	"|\"([^\"]*)\"|'([^']*)'|`([^`]*)`)" +
	`;?(?:\s*unsigned int \w+_len = \d+;)?$`)

// unwrap leaves out the brackets or quotes around a text, and what a language has around them.
func unwrap(text string) string {
	if text == "" || !strings.ContainsRune("]}>;\"'`", rune(text[len(text)-1])) {
		return text
	}
	for _, inner := range wrapped.FindStringSubmatch(text) {
		if inner != "" && inner != text {
			return strings.TrimSpace(inner)
		}
	}
	return text
}

func notHex(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF", r) }

// separators may stand between the digits of bytes.
const separators = ":,;-[]{}() \t\r\n"

// decodeDigits reads hexadecimal digits, with 0x or \x in front of bytes or of all, and with spaces, colons, commas, dashes and
// brackets between.
func decodeDigits(text string) ([]byte, Encoding, bool) {
	text = strings.NewReplacer("0x", "", "0X", "", `\x`, "").Replace(text)
	digits, group, odd := make([]byte, 0, len(text)+1), 0, false
	for _, c := range append([]byte(text), ' ') {
		if !strings.ContainsRune(separators, rune(c)) {
			digits = append(digits, c)
			group++
			continue
		}
		odd = odd || group%2 == 1
		group = 0
	}
	if odd && strings.ContainsAny(text, ":,;-") {
		return nil, Hex, false // these are numbers, or no digits
	}
	e := Hex
	if last := len(digits) - 1; last > 0 && last%2 == 0 && !notHex(rune(digits[last])) {
		digits, e = digits[:len(digits)-1], HexCut
	}
	n, err := hex.Decode(digits, digits)
	return digits[:n], e, err == nil && n > 0
}

// almostHex says what is wrong with a text of hexadecimal digits but for a few: as base64 it would make no sense.
func almostHex(text string) error {
	digits, wrong, first := 0, 0, ""
	for at, r := range strings.NewReplacer("0x", "  ", `\x`, "  ").Replace(text) {
		switch {
		case strings.ContainsRune(separators, r):
		case !notHex(r):
			digits++
		default:
			if wrong++; wrong == 1 {
				first = fmt.Sprintf("%q at character %d", r, at+1)
			}
		}
	}
	if wrong > 0 && digits >= 32 && wrong*8 <= digits {
		return fmt.Errorf("%w: this is hexadecimal but for %s", ErrEncoding, first)
	}
	return nil
}

var number = regexp.MustCompile(`^(0|[1-9][0-9]{0,2})$`)

// decodeNumbers reads a list of two or more bytes in decimal, as JSON and most languages write it. Without commas, as Go prints
// them, brackets or numbers of one or three digits tell them from hexadecimal ones.
func decodeNumbers(text string) ([]byte, Encoding, bool) {
	inner := strings.TrimRight(strings.Trim(text, "[]{}() \t\r\n"), ", \t\r\n")
	list := strings.Split(inner, ",")
	plain := len(list) == 1
	if plain {
		list = strings.Fields(inner)
	}
	odd := strings.HasPrefix(text, "[")
	if len(list) < 2 {
		return nil, Numbers, false
	}
	data := make([]byte, len(list))
	for i, s := range list {
		s = strings.TrimSpace(s)
		n, err := strconv.ParseUint(s, 10, 8)
		if err != nil || !number.MatchString(s) {
			return nil, Numbers, false
		}
		odd = odd || len(s) != 2
		data[i] = byte(n)
	}
	return data, Numbers, odd || !plain
}

// literal is a string or bytes with escapes, as Python and Go print them.
var literal = regexp.MustCompile(`(?s)^b?("|')(.*\\x.*)("|')$`)

// decodeLiteral reads a literal in which bytes without a character of their own are escaped.
func decodeLiteral(text string) (data []byte, e Encoding, ok bool) {
	m := literal.FindStringSubmatch(text)
	if m == nil || m[1] != m[3] {
		return nil, Literal, false
	}
	for rest := m[2]; rest != ""; {
		r, multibyte, tail, err := strconv.UnquoteChar(rest, m[1][0])
		switch {
		case err != nil:
			return nil, Literal, false
		case multibyte:
			data = utf8.AppendRune(data, r)
		default:
			data = append(data, byte(r))
		}
		rest = tail
	}
	return data, Literal, len(data) > 0
}

func decodePEM(text string) ([]byte, Encoding, bool) {
	block, _ := pem.Decode([]byte(text))
	if block == nil || len(block.Bytes) == 0 {
		return nil, PEM, false
	}
	return block.Bytes, PEM, true
}

// dumpLine is a line of a dump: the offset, bytes in hexadecimal, and behind a gap or a bar the same as text.
var dumpLine = regexp.MustCompile(`^([0-9a-fA-F]{4,16})(:?) {1,2}((?:[0-9a-fA-F]{2,8} {1,2})*[0-9a-fA-F]{2,8})(?: *$|   *\S.*$| *\|.*\|$)`)

// decodeDump reads what xxd, hexdump and od print, od with offsets in octal, and hexdump and od -x with words of two bytes of
// which the second comes first. That offsets and bytes agree shows that it is a dump.
func decodeDump(text string) ([]byte, Encoding, bool) {
	for _, base := range []int{16, 8} {
		if data, ok := dumpOf(text, base); ok {
			return data, Dump, true
		}
	}
	return nil, Dump, false
}

// dumpOf reads a dump whose offsets have a base.
func dumpOf(text string, base int) (data []byte, ok bool) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \r\n")
		if offset, err := strconv.ParseUint(line, base, 64); err == nil && len(line) >= 4 && len(data) > 0 &&
			(offset == uint64(len(data)) || offset == uint64(len(data)-1) && data[offset] == 0) { // the last word is filled up
			data = data[:offset] // the last line of hexdump and od
			continue
		}
		m := dumpLine.FindStringSubmatch(line)
		if m == nil {
			return nil, false
		}
		offset, err := strconv.ParseUint(m[1], base, 64)
		if err != nil || offset != uint64(len(data)) {
			return nil, false
		}
		row, err := dumpRow(m[3], m[2] == "" && len(m[1]) == 7, strings.HasSuffix(line, "|"))
		if err != nil || len(row) > 64 {
			return nil, false
		}
		data = append(data, row...)
	}
	return data, len(data) > 0
}

// dumpRow reads the bytes of a line. Words of four digits are swapped.
func dumpRow(digits string, swapped, bars bool) ([]byte, error) {
	if !bars {
		digits, _, _ = strings.Cut(digits, "  ") // what follows may look like digits and is text
	}
	words := strings.Fields(digits)
	row, err := hex.DecodeString(strings.Join(words, ""))
	if swapped && err == nil && len(words[0]) == 4 {
		for i := 0; i+1 < len(row); i += 2 {
			row[i], row[i+1] = row[i+1], row[i]
		}
	}
	return row, err
}

// decodeLines reads base64 in lines. White space within a line stands between words and not in base64.
func decodeLines(text string) ([]byte, Encoding, bool) {
	for line := range strings.Lines(text) {
		if strings.ContainsAny(strings.TrimSpace(line), " \t") {
			return nil, Base64, false
		}
	}
	data, err := decodeBase64(squeeze([]byte(text)))
	return data, Base64, err == nil && len(data) > 0
}
