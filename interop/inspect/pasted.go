package inspect

// The forms in which people paste bytes.

import (
	"encoding/hex"
	"regexp"
	"strconv"
	"strings"
)

// unquote leaves out the white space and the quotes around a text.
func unquote(text string) string {
	text = strings.TrimSpace(text)
	for _, quote := range []string{`"`, "'", "`"} {
		if inner, ok := strings.CutPrefix(text, quote); ok && strings.HasSuffix(inner, quote) {
			return strings.TrimSpace(strings.TrimSuffix(inner, quote))
		}
	}
	return text
}

// decodeDigits reads hexadecimal digits, with 0x or \x in front of bytes or of all, and with spaces, colons, commas and
// brackets between.
func decodeDigits(text string) ([]byte, Encoding, bool) {
	text = strings.NewReplacer("0x", "", "0X", "", `\x`, "").Replace(text)
	digits, group, odd := make([]byte, 0, len(text)+1), 0, false
	for _, c := range append([]byte(text), ' ') {
		if !strings.ContainsRune(":,;[]{}() \t\r\n", rune(c)) {
			digits = append(digits, c)
			group++
			continue
		}
		odd = odd || group%2 == 1
		group = 0
	}
	if odd && strings.ContainsAny(text, ":,;") {
		return nil, Hex, false // these are numbers, or no digits
	}
	e := Hex
	if len(digits)%2 == 1 && len(digits) > 1 {
		digits, e = digits[:len(digits)-1], HexCut
	}
	n, err := hex.Decode(digits, digits)
	return digits[:n], e, err == nil && n > 0
}

var number = regexp.MustCompile(`^(0|[1-9][0-9]{0,2})$`)

// decodeNumbers reads a list of two or more bytes in decimal, as JSON and most languages write it.
func decodeNumbers(text string) ([]byte, Encoding, bool) {
	list := strings.Split(strings.TrimRight(strings.Trim(text, "[]{}() \t\r\n"), ", \t\r\n"), ",")
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
		data[i] = byte(n)
	}
	return data, Numbers, true
}

// dumpLine is a line of a dump: the offset, bytes in hexadecimal, and behind a gap or a bar the same as text.
var dumpLine = regexp.MustCompile(`^([0-9a-fA-F]{4,16}):? {1,2}((?:[0-9a-fA-F]{2,8} {1,2})*[0-9a-fA-F]{2,8})(?: *$|   *\S.*$| *\|.*\|$)`)

// decodeDump reads what xxd and hexdump -C print. That offsets and bytes agree shows that it is one.
func decodeDump(text string) ([]byte, Encoding, bool) {
	var data []byte
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		hexdump := strings.HasSuffix(line, "|")
		if offset, err := strconv.ParseUint(line, 16, 64); err == nil && len(line) >= 4 && offset == uint64(len(data)) && len(data) > 0 {
			continue // the last line of hexdump
		}
		m := dumpLine.FindStringSubmatch(line)
		if m == nil {
			return nil, Dump, false
		}
		offset, err := strconv.ParseUint(m[1], 16, 64)
		if err != nil || offset != uint64(len(data)) {
			return nil, Dump, false
		}
		digits := m[2]
		if !hexdump {
			digits, _, _ = strings.Cut(digits, "  ") // what follows may look like digits and is text
		}
		bytes, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
		if err != nil || len(bytes) > 64 {
			return nil, Dump, false
		}
		data = append(data, bytes...)
	}
	return data, Dump, len(data) > 0
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
