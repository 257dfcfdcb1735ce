package inspect

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/framing"
)

// dumped writes data as xxd and hexdump -C do.
func dumped(data []byte) (xxd, hexdump string) {
	for offset := 0; offset < len(data); offset += 16 {
		row := data[offset:min(offset+16, len(data))]
		var groups, halves, text strings.Builder
		for i, b := range row {
			fmt.Fprintf(&groups, "%02x", b)
			if i%2 == 1 {
				groups.WriteByte(' ')
			}
			fmt.Fprintf(&halves, "%02x ", b)
			if i == 7 {
				halves.WriteByte(' ')
			}
			if b < 0x20 || b > 0x7e {
				b = '.'
			}
			text.WriteByte(b)
		}
		xxd += fmt.Sprintf("%08x: %-40s %s\n", offset, groups.String(), text.String())
		hexdump += fmt.Sprintf("%08x  %-49s |%s|\n", offset, halves.String(), text.String())
	}
	return xxd, hexdump + fmt.Sprintf("%08x\n", len(data))
}

// Bytes are read in every form in which people paste them, and text in none of these is refused.
func TestRealWorldPasted(t *testing.T) {
	for _, size := range []int{2, 15, 16, 17, 300} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i * 37)
		}
		digits := hex.EncodeToString(data)
		var colons, commas, numbers []string
		for _, b := range data {
			colons = append(colons, fmt.Sprintf("%02x", b))
			commas = append(commas, fmt.Sprintf("0x%02X", b))
			numbers = append(numbers, fmt.Sprint(b))
		}
		xxd, hexdump := dumped(data)
		array := string(must(json.Marshal(numbersOf(data))))
		for text, want := range map[string]Encoding{
			digits: Hex, "0x" + digits: Hex, strings.ToUpper(digits) + "\n": Hex, `"` + digits + `"`: Hex, "'0x" + digits + "'": Hex,
			strings.Join(colons, ":"): Hex, "{" + strings.Join(commas, ", ") + "}": Hex, strings.Join(colons, " "): Hex,
			`\x` + strings.Join(colons, `\x`): Hex, digits + "a": HexCut,
			array: Numbers, strings.Join(numbers, ", ") + ",\n": Numbers,
			xxd: Dump, hexdump: Dump, strings.ReplaceAll(xxd, "\n", "\r\n"): Dump,
			string(data): Raw,
		} {
			have, encoding, err := Decode([]byte(text), Guess)
			require.NoError(t, err, "%s", text)
			require.Equal(t, want, encoding, "%s", text)
			require.Equal(t, data, have, "%s", text)
		}
		have, encoding, err := Decode([]byte(`"`+base64.StdEncoding.EncodeToString(data)+`"`), Guess)
		require.NoError(t, err)
		if encoding == Base64 { // short base64 may be hexadecimal digits as well
			require.Equal(t, data, have)
		}
	}
	for _, text := range []string{
		"this text is no MLS message at all", "hello, world", "0, 1, 256", "{}", "[1]", `{"name": "alice"}`, "z!",
	} {
		_, _, err := Decode([]byte(text), Guess)
		require.ErrorIs(t, err, ErrEncoding, text)
	}
}

// TestRealWorldTools reads what tools and languages print of the same 35 bytes.
func TestRealWorldTools(t *testing.T) {
	data := make([]byte, 35)
	for i := range data {
		data[i] = byte(i * 37)
	}
	digits := hex.EncodeToString(data)
	words := `0000000 2500 6f4a b994 03de 4d28 9772 e1bc 2b06
%07o 7550 bf9a 09e4 532e 9d78 e7c2 310c 7b56
%07o c5a0 00ea                              
%07o
`
	list := fmt.Sprint(data)
	var commas []string
	for _, b := range data {
		commas = append(commas, fmt.Sprintf("0x%02x", b))
	}
	code := strings.Join(commas, ", ")
	utf16 := []byte{0xff, 0xfe}
	for _, r := range digits + "\r\n" {
		utf16 = append(utf16, byte(r), 0)
	}
	for text, want := range map[string]Encoding{
		strings.ReplaceAll(fmt.Sprintf(strings.ReplaceAll(words, "o", "x"), 16, 32, 35), "\n", "\r\n"): Dump, // hexdump
		fmt.Sprintf(words, 16, 32, 35): Dump, // od -x
		`0000000 00 25 4a 6f 94 b9 de 03 28 4d 72 97 bc e1 06 2b
0000020 50 75 9a bf e4 09 2e 53 78 9d c2 e7 0c 31 56 7b
0000040 a0 c5 ea
0000043
`: Dump, // od -tx1
		list: Numbers, strings.Trim(list, "[]"): Numbers, "Uint8Array(35) [" + strings.Join(strings.Fields(strings.Trim(list, "[]")), ", ") + "]": Numbers,
		"unsigned char b_bin[] = {\n  " + code + "\n};\nunsigned int b_bin_len = 35;\n": Hex,
		"[]byte{" + code + "}": Hex, "[35]uint8{" + code + ",}": Hex, "vec![" + code + "]": Hex, "<Buffer " + fmt.Sprintf("% x", data) + ">": Hex,
		`b'\x00%Jo\x94\xb9\xde\x03(Mr\x97\xbc\xe1\x06+Pu\x9a\xbf\xe4\t.Sx\x9d\xc2\xe7\x0c1V{\xa0\xc5\xea'`: Literal,
		fmt.Sprintf("%+q", string(data)):    Literal,
		`{"key_package": "` + digits + `"}`: Hex, `["` + digits + `"]`: Hex, "```\n" + digits + "\n```\n": Hex, "\uFEFF" + digits: Hex,
		string(utf16): Hex, strings.Join(strings.Fields(fmt.Sprintf("% X", data)), "-"): Hex,
		string(pem.EncodeToMemory(&pem.Block{Type: "MLS", Bytes: data})): PEM,
		"`" + base64.StdEncoding.EncodeToString(data) + "`":              Base64,
	} {
		have, encoding, err := Decode([]byte(text), Guess)
		require.NoError(t, err, "%s", text)
		require.Equal(t, want, encoding, "%s", text)
		require.Equal(t, data, have, "%s", text)
	}
	for text, says := range map[string]string{
		"": "there is no input", " \n": "there is no input", "\uFEFF": "there is no input",
		digits[:40] + "zz" + digits[40:]: `this is hexadecimal but for 'z' at character 41`,
		"0x" + digits + "g":              `this is hexadecimal but for 'g' at character 73`,
		words:                            `this is hexadecimal but for '%' at character 49`,
		`b'\x0'`:                         "this is text",
	} {
		_, _, err := Decode([]byte(text), Guess)
		require.ErrorIs(t, err, ErrEncoding, text)
		require.ErrorContains(t, err, says, text)
	}
	_, _, err := Decode([]byte("00 1 g"), Hex)
	require.ErrorContains(t, err, "'g' at digit 4")
	_, _, err = Decode([]byte("00 1"), Hex)
	require.ErrorContains(t, err, "3 digits, which is an odd number")
}

func numbersOf(data []byte) (out []int) {
	for _, b := range data {
		out = append(out, int(b))
	}
	return out
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Messages that stand one after another are reported one after another, and what is no message is not taken for one.
func TestRealWorldSeveralMessages(t *testing.T) {
	one := must(framing.Marshal(&framing.Message{Body: &framing.PrivateMessage{GroupID: []byte("group"), ContentType: framing.ContentTypeCommit}}))
	two := must(framing.Marshal(&framing.Message{Body: &framing.PrivateMessage{GroupID: []byte("other"), ContentType: framing.ContentTypeProposal}}))
	r := must(Inspect(slices.Concat(one, two, one), Params{}))
	require.True(t, r.OK())
	require.Equal(t, 3, r.Messages)
	require.Len(t, r.Parts, 3)
	require.Equal(t, "message 2 of 3", r.Parts[1].Title)
	var text strings.Builder
	require.NoError(t, r.WriteText(&text, TextParams{}))
	require.True(t, strings.HasPrefix(text.String(), "3 messages one after another, MLSMessage, "), text.String())
	for _, bad := range [][]byte{slices.Concat(one, []byte{0}), slices.Concat(one, two[:len(two)-1])} {
		r = must(Inspect(bad, Params{}))
		require.False(t, r.OK(), "%v", r)
		require.Zero(t, r.Messages)
	}
}
