package mls_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"strings"
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

// leakBytes is how much of a secret has to show up to count. It is a multiple of three, for base64.
const leakBytes = 9

func newLeakFinder(secrets ...ciphersuite.Secret) *leakFinder {
	l := &leakFinder{starts: map[[6]byte][]string{}, known: map[string]bool{}}
	for _, s := range secrets {
		if s.Len() < leakBytes || l.known[string(s.Bytes())] {
			continue
		}
		l.known[string(s.Bytes())] = true
		b := s.Bytes()[:leakBytes]
		for _, verb := range []string{"%x", "%X", "% x", "% X", "%#x", "%d", "%o", "%b", "%q", "%+q", "%#v", "%U", "%08b"} {
			l.form(strings.Trim(fmt.Sprintf(verb, b), `[]"`))
		}
		l.form(strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", b), "[]byte{"), "}"))
		l.form(strings.ReplaceAll(strings.Trim(fmt.Sprint(b), "[]"), " ", ",")) // JSON of a list of numbers
		l.form(string(b))
		l.form(base64.StdEncoding.EncodeToString(b))
		l.form(base64.URLEncoding.EncodeToString(b))
	}
	return l
}

func (l *leakFinder) form(s string) {
	key := [6]byte([]byte(s)[:6])
	l.starts[key] = append(l.starts[key], s)
}

// find is what text shows of a secret; empty when nothing.
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

// prints are all that fmt, the loggers and, but for records, the encoders of the standard library make of a value.
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

// silent checks that an error says nothing of the secrets of groups, however it is printed.
func silent(t require.TestingT, err error, groups ...*mls.Group) {
	var secrets []ciphersuite.Secret
	for _, g := range groups {
		secrets = append(secrets, mls.SecretsOf(g)...)
	}
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
	for _, name := range []string{"mls.Group", "mls.Step", "mls.OwnKeyPackage", "mls.PSK", "mls.JoinParams", "mls.CommitParams",
		"mls.Client", "mls.LeafUpdate", "mls.CreateParams", "mls.Input", "mls.Record", "treekem.PrivatePath", "treekem.Path", "treekem.Tree", "keyschedule.EpochSecrets",
		"keyschedule.SecretTree", "keyschedule.MessageKey", "keyschedule.InitSecret", "keyschedule.RatchetState",
		"ciphersuite.KeyPair", "ciphersuite.Secret", "framing.GroupSecrets", "framing.Joiner", "framing.KeyPackage"} {
		require.True(t, names[name], "%s was not reached", name)
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

// everything is a group in all states that a Group can have, with what led there, the secrets of it, and the clients' own
// signature keys.
func everything(t *testing.T) (roots []any, secrets, signers []ciphersuite.Secret) {
	keep := func(s *mls.Step, err error) *mls.Step {
		require.NoError(t, err)
		roots = append(roots, s)
		secrets = append(secrets, mls.SecretsOf(s.Next)...)
		return s
	}
	alice, bob, carol := mlstest.NewClient(t, testSuite, "alice"), mlstest.NewClient(t, testSuite, "bob"), mlstest.NewClient(t, testSuite, "carol")
	psk := mls.PSK{ID: mls.ExternalPSK([]byte("psk")), Secret: ciphersuite.NewSecret([]byte("a secret that many share"))}
	created := keep(mls.Create(mls.CreateParams{CipherSuite: testSuite, GroupID: []byte("group"), Client: alice.Client,
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
	said := keep(advanced.Next.Protect([]byte("data"), mls.ProtectOptions{}, alice.Signer))
	keep(said.Next.Protect([]byte("data"), mls.ProtectOptions{}, alice.Signer))
	late := keep(said.Next.Protect([]byte("data"), mls.ProtectOptions{}, alice.Signer))
	keep(followed.Next.Handle(mls.Input{Message: late.Send[0].Message})) // leaves skipped keys
	info, err := said.Next.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, alice.Signer)
	require.NoError(t, err)
	external := mls.ExternalParams{GroupInfo: info, Client: carol.Client, PSKs: params.PSKs, Params: carol.Params}
	keep(mls.JoinExternal(external))
	ended := keep(said.Next.Commit(mls.CommitParams{Proposals: []framing.Proposal{
		&framing.ReInit{GroupID: []byte("next"), Version: framing.MLS10, CipherSuite: testSuite}}}, alice.Signer))
	over := keep(ended.Next.Adopt())
	succession := mls.CreateParams{Client: alice.Client, Lifetime: mlstest.Lifetime(), Successor: over.Next, Params: alice.Params}
	keep(mls.Create(succession))

	records, err := committed.Next.Changes(nil)
	require.NoError(t, err)
	in := mlstest.NewInsider(t, advanced.Next, alice.Signer)
	roots = append(roots, own, &params, &join, &external, &succession, &psk, &mls.Input{PSKs: params.PSKs}, &records)
	more, secretsBelow := below(t, in, advanced.Next)
	secrets = append(append(secrets, own.InitKey, own.LeafKey, psk.Secret), secretsBelow...)
	for _, c := range []*mlstest.Client{alice, bob, carol} {
		signers = append(signers, ciphersuite.NewSecret(c.Signer.(ed25519.PrivateKey).Seed()))
		roots = append(roots, &c.Client, &mls.KeyPackageParams{Client: c.Client}, &mls.CommitParams{Leaf: mls.LeafUpdate{Signer: c.Signer}},
			&treekem.PathParams{Signer: c.Signer}, &framing.SignContentParams{SignParams: framing.SignParams{Signer: c.Signer}})
	}
	return append(roots, more...), secrets, signers
}

// below are values of the packages below mls that it does not hand out.
func below(t *testing.T, in *mlstest.Insider, g *mls.Group) (roots []any, secrets []ciphersuite.Secret) {
	joiner, err := in.Init.Joiner(keyschedule.NoCommitSecret(in.Suite), []byte("context"))
	require.NoError(t, err)
	secrets = append(secrets, joiner.Secret())
	none, err := keyschedule.PSKSecret(in.Suite, nil)
	require.NoError(t, err)
	member, err := joiner.Member(none)
	require.NoError(t, err)
	welcome, err := member.WelcomeSecret()
	require.NoError(t, err)
	epoch, encryption, err := member.Epoch([]byte("context"))
	require.NoError(t, err)
	secrets = append(secrets, welcome, epoch.SenderDataSecret, epoch.ResumptionPSK)
	messages, err := keyschedule.NewSecretTree(encryption, keyschedule.TreeParams{Suite: in.Suite, Leaves: 2})
	require.NoError(t, err)
	key, messages, err := messages.SendingKey(keyschedule.ApplicationRatchet)
	require.NoError(t, err)
	secrets = append(secrets, key.Key)
	var ratchets []keyschedule.RatchetState
	for r := range messages.Ratchets(nil) {
		ratchets = append(ratchets, r)
		secrets = append(secrets, r.Secret)
	}
	var nodes []keyschedule.NodeState
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
