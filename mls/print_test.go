package mls_test

import (
	"bytes"
	"crypto"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
	"github.com/copse-mls/copse/treekem"
)

// allVerbs are all verbs that there may ever be.
const allVerbs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// leakFinder knows secrets in every form in which somebody may print them.
type leakFinder struct {
	starts map[[6]byte][]string // forms of the first bytes of a secret, by how they begin
	known  map[string]bool
}

// leakBytes is how many bytes of a secret count as a leak. It is a multiple of three, for base64.
const leakBytes = 9

func newLeakFinder(secrets ...ciphersuite.Secret) *leakFinder {
	l := &leakFinder{starts: map[[6]byte][]string{}, known: map[string]bool{}}
	for _, s := range secrets {
		if s.Len() < leakBytes || l.known[string(s.Bytes())] {
			continue
		}
		l.known[string(s.Bytes())] = true
		for _, form := range formsOf(s.Bytes()[:leakBytes]) {
			key := [6]byte([]byte(form)[:6])
			l.starts[key] = append(l.starts[key], form)
		}
	}
	return l
}

// knownForms remembers formsOf, for the same few secrets are looked for again and again.
var knownForms sync.Map

// formsOf returns the forms in which bytes may be printed.
func formsOf(b []byte) (out []string) {
	if known, ok := knownForms.Load(string(b)); ok {
		return known.([]string)
	}
	for _, verb := range []string{"%x", "%X", "% x", "% X", "%#x", "%d", "%o", "%b", "%q", "%+q", "%#v", "%U", "%08b"} {
		out = append(out, strings.Trim(fmt.Sprintf(verb, b), `[]"`))
	}
	out = append(out, strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}"),
		strings.ReplaceAll(strings.Trim(fmt.Sprint(b), "[]"), " ", ","), // JSON of a list of numbers
		string(b), base64.StdEncoding.EncodeToString(b), base64.URLEncoding.EncodeToString(b))
	knownForms.Store(string(b), out)
	return out
}

// find returns what text shows of a secret, or "" when nothing.
func (l *leakFinder) find(text string) string {
	for k := 0; k+6 <= len(text); k++ {
		for _, form := range l.starts[[6]byte([]byte(text[k:k+6]))] {
			if strings.HasPrefix(text[k:], form) {
				return form
			}
		}
	}
	return ""
}

// prints returns all that fmt, the loggers and, but for records, the encoders of the standard library make of a value.
func prints(v any, verbs string) []string {
	var out []string
	for _, verb := range verbs {
		for _, flag := range []string{"", "+", "#", " "} {
			out = append(out, fmt.Sprintf("%"+flag+string(verb), v))
		}
	}
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("text", "value", v)
	switch v.(type) {
	case mls.Record, *mls.Record, []any:
		return append(out, log.String()) // an encoder is how some may store them
	}
	slog.New(slog.NewJSONHandler(&log, nil)).Info("json", "value", v)
	out = append(out, log.String())
	if b, err := json.Marshal(v); err == nil {
		out = append(out, string(b))
	}
	if b, err := xml.Marshal(v); err == nil {
		out = append(out, string(b))
	}
	return out
}

// silent checks that an error says nothing of secrets, however it is printed.
func silent(t require.TestingT, err error, secrets ...ciphersuite.Secret) {
	l := newLeakFinder(secrets...)
	for ; err != nil; err = errors.Unwrap(err) {
		for _, text := range prints(err, allVerbs) {
			require.Empty(t, l.find(text), "the error %T shows a secret", err)
		}
	}
}

// explorer goes through values, their unexported fields included, and collects those of exported types of this module.
type explorer struct {
	seen  map[unsafe.Pointer]map[reflect.Type]bool
	found map[reflect.Type][]any
}

// most is how many values of each type are printed.
const most = 3

func (e *explorer) explore(v reflect.Value) {
	if !v.IsValid() {
		return
	}
	if v.CanAddr() {
		p := v.Addr().UnsafePointer()
		if e.seen[p][v.Type()] {
			return
		}
		if e.seen[p] == nil {
			e.seen[p] = map[reflect.Type]bool{}
		}
		e.seen[p][v.Type()] = true
		v = reflect.NewAt(v.Type(), p).Elem() // opens unexported fields
	}
	e.collect(v)
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		e.explore(v.Elem())
	case reflect.Struct:
		if !v.CanAddr() {
			c := reflect.New(v.Type()).Elem()
			c.Set(v)
			v = c
		}
		for i := range v.NumField() {
			e.explore(v.Field(i))
		}
	case reflect.Slice, reflect.Array:
		for i := range min(v.Len(), 64) {
			e.explore(v.Index(i))
		}
	case reflect.Map:
		for it := v.MapRange(); it.Next(); {
			if it.Key().CanInterface() {
				e.explore(it.Value())
			}
		}
	}
}

func (e *explorer) collect(v reflect.Value) {
	t := v.Type()
	ours := strings.HasPrefix(t.PkgPath(), "github.com/copse-mls/copse/") && !strings.Contains(t.PkgPath(), "internal")
	if !ours || t.Name() == "" || t.Name()[0] < 'A' || t.Name()[0] > 'Z' || len(e.found[t]) >= most || !v.CanInterface() {
		return
	}
	e.found[t] = append(e.found[t], v.Interface())
	if v.CanAddr() {
		e.found[t] = append(e.found[t], v.Addr().Interface())
	}
}

// TestNothingPrintsSecrets prints every value of every exported type that can be reached from Groups, Steps, KeyPackages,
// parameters and what package mls works with below, in every way, and finds none of the keys in it.
func TestNothingPrintsSecrets(t *testing.T) {
	roots, secrets, signers := everything(t)
	l, own := newLeakFinder(secrets...), newLeakFinder(signers...)
	require.Greater(t, len(l.known), 60)
	e := &explorer{seen: map[unsafe.Pointer]map[reflect.Type]bool{}, found: map[reflect.Type][]any{}}
	for _, root := range roots {
		e.explore(reflect.ValueOf(root))
	}
	names := map[string]bool{}
	for typ, values := range e.found {
		names[typ.String()] = true
		for _, v := range append(values, values) {
			for _, text := range prints(v, allVerbs) {
				require.Empty(t, l.find(text), "%v shows a secret: %.200s", typ, text)
			}
		}
		for _, v := range values {
			for _, text := range prints(v, "vsqxXd") { // in what fmt reports as a wrong verb, it calls no methods
				require.Empty(t, own.find(text), "%v shows a signature key: %.200s", typ, text)
			}
		}
	}
	for _, name := range exportedTypes(t) {
		require.True(t, names[name], "%s was not reached: put one, with secrets, where everything or below makes values", name)
	}
	t.Logf("%d types, %d secrets", len(names), len(l.known))
}

// TestLeakFinder shows that what is printed of a key is found.
func TestLeakFinder(t *testing.T) {
	key := []byte("\xde\xad\xbe\xefa key of some length\x00\xff")
	l := newLeakFinder(ciphersuite.NewSecret(key))
	type holder struct{ Key []byte }
	for _, v := range []any{key, holder{key}, &holder{key}, [][]byte{key}, fmt.Errorf("key %x", key)} {
		found := 0
		for _, text := range prints(v, allVerbs) {
			if l.find(text) != "" {
				found++
			}
		}
		require.NotZero(t, found, "%v", v)
	}
	require.Empty(t, l.find("nothing of the kind"))
}

// everything returns a group in all states that a Group can have, with what led there, the secrets of it, and the
// clients' own signature keys.
func everything(t *testing.T) (roots []any, secrets, signers []ciphersuite.Secret) {
	keep := func(s *mls.Step, err error) *mls.Step {
		require.NoError(t, err)
		roots = append(roots, s)
		for _, out := range s.Send {
			m := new(framing.Message)
			require.NoError(t, framing.Unmarshal(out.Message, m))
			roots = append(roots, m)
		}
		secrets = append(secrets, mls.SecretsOf(s.Next)...)
		return s
	}
	alice, bob, carol := mlstest.NewParty(t, testSuite, "alice"), mlstest.NewParty(t, testSuite, "bob"), mlstest.NewParty(t, testSuite, "carol")
	psk := mls.PSK{ID: mls.ExternalPSKID([]byte("psk")), Secret: ciphersuite.NewSecret([]byte("a secret that many share"))}
	created := keep(mls.Create(mls.CreateParams{CipherSuite: testSuite, GroupID: []byte("group"), Leaf: alice.LeafParams,
		Lifetime: mlstest.Lifetime(), Params: alice.Params}))
	own := bob.KeyPackage(t)
	params := mls.CommitParams{PSKs: mls.PSKs{psk}, Now: mlstest.Now(), ForcePath: true, Proposals: []framing.Proposal{
		&framing.Add{KeyPackage: own.KeyPackage}, &framing.PreSharedKey{PSK: psk.ID}}}
	pending := keep(created.Next.Commit(params, alice.Signer))
	adopted := keep(pending.Next.Adopt())
	join := mls.JoinParams{Welcome: adopted.Send[0].Message, KeyPackages: []*mls.OwnKeyPackage{own}, PSKs: params.PSKs,
		Now: mlstest.Now(), Params: bob.Params}
	joined := keep(mls.Join(join))
	updating := keep(joined.Next.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, bob.Signer))
	told := keep(adopted.Next.Handle(mls.Input{Message: updating.Send[0].Message, PSKs: params.PSKs}))
	committed := keep(told.Next.Commit(mls.CommitParams{}, alice.Signer))
	advanced := keep(committed.Next.Adopt())
	followed := keep(updating.Next.Handle(mls.Input{Message: committed.Send[0].Message}))
	said := keep(advanced.Next.Protect([]byte("data"), mls.ProtectParams{}, alice.Signer))
	keep(said.Next.Protect([]byte("data"), mls.ProtectParams{}, alice.Signer))
	late := keep(said.Next.Protect([]byte("data"), mls.ProtectParams{}, alice.Signer))
	keep(followed.Next.Handle(mls.Input{Message: late.Send[0].Message})) // leaves skipped keys
	info := must(said.Next.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, alice.Signer))
	external := mls.JoinExternalParams{GroupInfo: info, Leaf: carol.LeafParams, PSKs: params.PSKs, Params: carol.Params}
	keep(mls.JoinExternal(external))
	ended := keep(said.Next.Commit(mls.CommitParams{Proposals: []framing.Proposal{
		&framing.ReInit{GroupID: []byte("next"), Version: framing.MLS10, CipherSuite: testSuite}}}, alice.Signer))
	over := keep(ended.Next.Adopt())
	succession := mls.CreateParams{Leaf: alice.LeafParams, Lifetime: mlstest.Lifetime(), Successor: over.Next, Params: alice.Params}
	keep(mls.Create(succession))

	observed := must(mls.Observe(mls.ObserveParams{GroupInfo: info, Now: mlstest.Now()}))
	roots = append(roots, observed, said.Next.Tree().Edit(), said.Next.Tree().Support())
	records := must(committed.Next.Records(nil))
	in := mlstest.NewInsider(t, advanced.Next, alice.Signer)
	routed := must(mls.Peek(info))
	roots = append(roots, &routed, committed.Next.Pending(), &mls.LifetimeReport{}, own, &params, &join, &external, &succession, &psk, &mls.Input{PSKs: params.PSKs}, &records)
	more, secretsBelow := below(t, in, advanced.Next)
	secrets = append(append(secrets, own.InitKey, own.LeafKey, psk.Secret), secretsBelow...)
	for _, c := range []*mlstest.Party{alice, bob, carol} {
		signers = append(signers, ciphersuite.NewSecret(c.Signer.(ed25519.PrivateKey).Seed()))
		roots = append(roots, &c.LeafParams, &mls.KeyPackageParams{Leaf: c.LeafParams}, &mls.CommitParams{Leaf: mls.LeafUpdate{Signer: c.Signer}},
			&treekem.PathParams{Signer: c.Signer}, &framing.SignParams{Signer: c.Signer})
	}
	return slices.Concat(roots, more, madeUp(psk.Secret, alice.Signer)), secrets, signers
}

// madeUp returns values of types that no Group leads to, with a secret and a signer wherever they can hold one.
func madeUp(secret ciphersuite.Secret, signer crypto.Signer) []any {
	list := []any{
		&ciphersuite.HPKECiphertext{}, &ciphersuite.Recipient{}, &ciphersuite.SignedMessage{}, &ciphersuite.IndexError{},
		&framing.ApplicationID{}, &framing.VerifyParams{}, &framing.Extensions{}, new(framing.ProposalType), &framing.ProposalOrRef{},
		&framing.ExternalPub{}, &framing.ExternalSenders{}, &framing.GroupInfo{}, &framing.ParentNode{},
		&framing.SenderData{}, &framing.SealPrivateParams{}, &framing.OpenPrivateParams{}, &framing.Remove{},
		&framing.GroupContextExtensions{}, &framing.CustomProposal{}, &framing.TaggedProposal{},
		&framing.SelfRemove{}, &framing.AppDataUpdate{}, &framing.AppEphemeral{}, &framing.AppDataDictionary{}, &framing.SafeAAD{},
		&framing.ComponentsList{}, new(framing.Body), &mls.Outsider{},
		new(framing.NodeType), &framing.RatchetTree{}, &framing.Node{}, &framing.RawNode{}, &framing.RuleError{}, &framing.NewWelcomeParams{},
		&treekem.BlockRecord{}, &treekem.DrawParams{}, &treekem.ImportParams{}, &treekem.DecapsulateParams{}, &treekem.ApplyPathParams{},
		&keyschedule.RatchetError{}, &keyschedule.TreeRecord{},
		&mls.MissingPSKError{}, &mls.MissingProposalError{}, &mls.InactiveError{}, &mls.Echo{}, &mls.Removed{}, &mls.LeftProposal{},
		&mls.LoadParams{}, &mls.VerifyKeyPackageParams{}, &mls.ObserveParams{}, &mls.ProposeParams{}, &mls.ProtectParams{}, &mls.RecordError{}, &mls.GroupInfoParams{},
	}
	for _, v := range list {
		fill(reflect.ValueOf(v).Elem(), secret, signer)
	}
	return list
}

// fill puts a secret and a signer into a value, and one element into each list that is in it.
func fill(v reflect.Value, secret ciphersuite.Secret, signer crypto.Signer) {
	v = reflect.NewAt(v.Type(), v.Addr().UnsafePointer()).Elem() // opens unexported fields
	switch x := v.Addr().Interface().(type) {
	case *ciphersuite.Secret:
		*x = secret
	case *crypto.Signer:
		*x = signer
	default:
		switch {
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				fill(v.Field(i), secret, signer)
			}
		case v.Kind() == reflect.Slice && v.Len() == 0 && v.Type().Elem().Kind() != reflect.Uint8:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0), secret, signer)
		}
	}
}

// exportedTypes returns the types that the engine's packages export, interfaces and second names left out.
func exportedTypes(t *testing.T) (names []string) {
	for _, dir := range []string{"../ciphersuite", "../framing", "../keyschedule", "../treekem", "."} {
		files := must(filepath.Glob(filepath.Join(dir, "*.go")))
		for _, name := range files {
			file := must(parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution))
			for _, d := range file.Decls {
				types, _ := d.(*ast.GenDecl)
				if types == nil || types.Tok != token.TYPE || strings.HasSuffix(name, "_test.go") {
					continue
				}
				for _, d := range types.Specs {
					spec := d.(*ast.TypeSpec)
					if _, ok := spec.Type.(*ast.InterfaceType); !ok && spec.Name.IsExported() && !spec.Assign.IsValid() {
						names = append(names, file.Name.Name+"."+spec.Name.Name)
					}
				}
			}
		}
	}
	require.Greater(t, len(names), 100)
	return names
}

// below returns values of the packages below mls that it does not hand out.
func below(t *testing.T, in *mlstest.Insider, g *mls.Group) (roots []any, secrets []ciphersuite.Secret) {
	joiner := must(in.Init.Joiner(keyschedule.NoCommitSecret(in.Suite), []byte("context")))
	secrets = append(secrets, joiner.Secret())
	none := must(keyschedule.PSKSecret(in.Suite, nil))
	member := must(joiner.Member(none))
	welcome := must(member.WelcomeSecret())
	epoch, encryption, err := member.Epoch([]byte("context"))
	require.NoError(t, err)
	secrets = append(secrets, welcome, epoch.SenderDataSecret, epoch.ResumptionPSK)
	messages := must(keyschedule.NewSecretTree(encryption, keyschedule.TreeParams{Suite: in.Suite, Leaves: 2}))
	key, messages, err := messages.SendingKey(keyschedule.ApplicationRatchet)
	require.NoError(t, err)
	secrets = append(secrets, key.Key)
	var ratchets []keyschedule.RatchetRecord
	for r := range messages.Ratchets(nil) {
		ratchets = append(ratchets, r)
		secrets = append(secrets, r.Secret)
	}
	var nodes []keyschedule.NodeRecord
	for n := range messages.Nodes(nil) {
		nodes = append(nodes, n)
		secrets = append(secrets, n.Secret)
	}
	path, err := g.Tree().Edit().NewPath(treekem.PathParams{Rand: mlstest.Rand("path"), Sender: in.Leaf, GroupID: g.GroupID(),
		Signer: in.Signer, Leaf: in.OwnLeaf()})
	require.NoError(t, err)
	secrets = append(secrets, path.CommitSecret())
	for _, pair := range path.PrivatePath().Keys() {
		secrets = append(secrets, pair.Private)
	}
	return []any{&joiner, &member, epoch, &encryption, messages, &key, &ratchets, &nodes, path,
		&framing.GroupSecrets{JoinerSecret: joiner.Secret(), PathSecret: path.CommitSecret()},
		&framing.Joiner{PathSecret: path.CommitSecret()},
		&keyschedule.PSK{Secret: key.Key}}, secrets
}
