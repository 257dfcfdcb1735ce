package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/interop/inspect"
)

// maxInput bounds what is read from a file or the standard input.
const maxInput = 1 << 28

type inspectFlags struct {
	encoding    string
	kind        string
	suite       uint16
	ratchetTree string
	privateKey  string
	psks        []string
	bodies      []string
	showSecrets bool
	full        bool
	json        bool
}

func inspectCommand() *cobra.Command {
	var opt inspectFlags
	cmd := &cobra.Command{
		Use:   "inspect [FILE|-]",
		Short: "Explain MLS messages and structures byte by byte",
		Long: `inspect shows an MLSMessage, or any other structure of RFC 9420, field by field: where each lies, what
it is called, which section defines it, and what its value means. It computes references and hashes,
checks the signatures whose keys are inside, and draws ratchet trees.

The input is a file or the standard input: raw bytes, or text in one of the forms in which people paste them:
hexadecimal (with 0x, colons, commas or dashes), base64, in quotes or not, dumps of xxd, hexdump and od, lists of
numbers, literals of Go, C, Rust, Python and JavaScript, PEM. Which one, and which structure it is, is guessed unless
--encoding and --type say so. Several messages may follow each other.

--key-package-private opens a Welcome. It names a file with the private init key of a KeyPackage to which the
Welcome is addressed: the key alone, or a stored mls.OwnKeyPackage; in hexadecimal, base64 or raw. Give the PSKs
that the Welcome names with --psk. joiner_secret and path_secret are not shown without --show-secrets.

--body says what proposals of a private type consist of, where that is not opaque<V>: empty, or fields joined by +,
each opaque, uint8, uint16, uint32, uint64 or a number of bytes. Without it what follows such a proposal is misread.

Marks: ✓ holds, ✗ does not hold, = computed, ? not checked, and why not.

Types: ` + strings.Join(inspect.Types(), ", ") + `.

Exit status: 0 when the input could be read to its end (and opened, if that was asked for), whether or
not its signatures verify; 1 when it could not, with the position of the first error; 2 when the
command could not do its work.`,
		Example: `  copse inspect welcome.bin
  base64 -d < key_package.b64 | copse inspect --type KeyPackage
  copse inspect welcome.hex --key-package-private init.key --psk "our psk=00112233"
  copse inspect commit.bin --body 0xf004=uint32+opaque --body 0xf005=empty`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return runInspect(cmd, args, &opt) },
	}
	f := cmd.Flags()
	f.StringVar(&opt.encoding, "encoding", string(inspect.Guess), "how the input is written: guess, hex, base64 or raw")
	f.StringVar(&opt.kind, "type", "", "what the input is (default: guess)")
	f.Uint16Var(&opt.suite, "cipher-suite", 0, "number of the cipher suite, where the input does not state it")
	f.StringVar(&opt.ratchetTree, "ratchet-tree", "", "file with the ratchet tree of a GroupInfo that has none inside")
	f.StringVar(&opt.privateKey, "key-package-private", "", "file with the private init key that opens a Welcome")
	f.StringArrayVar(&opt.psks, "psk", nil, "ID=HEX: a PSK that a Welcome takes; GROUP/EPOCH=HEX for a resumption PSK")
	f.StringArrayVar(&opt.bodies, "body", nil, "TYPE=FORM: what the body of proposals of a private type is")
	f.BoolVar(&opt.showSecrets, "show-secrets", false, "show joiner_secret and path_secret")
	f.BoolVar(&opt.full, "full", false, "show bytes and lists in full length")
	f.BoolVar(&opt.json, "json", false, "report as JSON")
	return cmd
}

func runInspect(cmd *cobra.Command, args []string, opt *inspectFlags) error {
	options, err := opt.options()
	if err != nil {
		return err
	}
	defer options.InitKey.Erase()
	name := "-"
	if len(args) > 0 {
		name = args[0]
	}
	input, err := readInput(cmd.InOrStdin(), name)
	if err != nil {
		return err
	}
	data, encoding, err := inspect.Decode(input, inspect.Encoding(opt.encoding))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	report, err := inspect.Inspect(data, options)
	if err != nil {
		return err
	}
	report.Encoding = encoding
	if opt.json {
		err = writeJSON(cmd.OutOrStdout(), report)
	} else {
		err = report.WriteText(cmd.OutOrStdout(), inspect.TextParams{Full: opt.full})
	}
	if err == nil && !report.OK() {
		return errFailed
	}
	return err
}

func (f *inspectFlags) options() (o inspect.Params, err error) {
	o = inspect.Params{
		Type:        f.kind,
		CipherSuite: ciphersuite.CipherSuite(f.suite),
		ShowSecrets: f.showSecrets,
		Now:         time.Now(),
	}
	for _, s := range f.psks {
		psk, err := inspect.ParsePSK(s)
		if err != nil {
			return o, fmt.Errorf("--psk: %w", err)
		}
		o.PSKs = append(o.PSKs, psk)
	}
	if o.Bodies, err = inspect.ParseBodies(f.bodies); err != nil {
		return o, fmt.Errorf("--body: %w", err)
	}
	if f.ratchetTree != "" {
		data, err := readFile(f.ratchetTree)
		if err != nil {
			return o, err
		}
		if o.RatchetTree, err = inspect.RatchetTreeOf(data); err != nil {
			return o, fmt.Errorf("%s: %w", f.ratchetTree, err)
		}
	}
	if f.privateKey != "" {
		key, err := readFile(f.privateKey)
		if err != nil {
			return o, err
		}
		o.InitKey = inspect.InitKeyOf(key)
		clear(key)
	}
	return o, nil
}

// readInput reads a file, or in when the name is a dash.
func readInput(in io.Reader, name string) ([]byte, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxInput+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > maxInput {
		return nil, fmt.Errorf("%s: %w: more than %d MB", name, errTooLarge, maxInput>>20)
	}
	return data, nil
}

var errTooLarge = errors.New("input is too large")

// readFile reads a file in any encoding.
func readFile(name string) ([]byte, error) {
	input, err := readInput(nil, name)
	if err != nil {
		return nil, err
	}
	data, _, err := inspect.Decode(input, inspect.Guess)
	return data, err
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
