package mls_test

import (
	"crypto/ed25519"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

const testSuite = ciphersuite.MLS128DHKEMX25519AES128GCMSHA256Ed25519

// present are the members of every running test, whose secrets no error of the test may show.
var present = struct {
	sync.Mutex
	members map[*testing.T]mlstest.Cast
}{members: map[*testing.T]mlstest.Cast{}}

// noted puts members among those present in a test.
func noted(t *testing.T, members ...*mlstest.Member) mlstest.Cast {
	present.Lock()
	defer present.Unlock()
	if present.members[t] == nil {
		t.Cleanup(func() {
			present.Lock()
			defer present.Unlock()
			delete(present.members, t)
		})
	}
	present.members[t] = append(present.members[t], members...)
	return members
}

// secretsPresent returns all that the members present in a test have: of their groups, of their KeyPackages, and to
// sign with.
func secretsPresent(t *testing.T) (out []ciphersuite.Secret) {
	present.Lock()
	defer present.Unlock()
	for _, m := range present.members[t] {
		out = append(out, mls.SecretsOf(m.Group)...)
		for _, k := range m.Packages {
			out = append(out, k.InitKey, k.LeafKey)
		}
		if key, ok := m.Signer.(ed25519.PrivateKey); ok {
			out = append(out, ciphersuite.NewSecret(key.Seed()))
		}
	}
	return out
}

// newMember returns somebody who may be in a group later.
func newMember(t *testing.T, name string) *mlstest.Member {
	return noted(t, mlstest.NewMember(t, testSuite, name))[0]
}

// newCast returns a group, made by the first.
func newCast(t *testing.T, names ...string) mlstest.Cast {
	t.Helper()
	return newCastOf(t, nil, nil, names...)
}

// newCastOf makes what newCast makes, with a change of each member and extensions of the group context.
func newCastOf(t *testing.T, change func(*mlstest.Party), extensions framing.Extensions, names ...string) mlstest.Cast {
	t.Helper()
	return noted(t, mlstest.NewCast(t, mlstest.CastParams{Change: change, Extensions: extensions}, names...)...)
}

// two and three return members, for names of their own.
func two(c mlstest.Cast) (_, _ *mlstest.Member)      { return c[0], c[1] }
func three(c mlstest.Cast) (_, _, _ *mlstest.Member) { return c[0], c[1], c[2] }

// refuse checks that a member refuses a message by a rule.
func refuse(m *mlstest.Member, message []byte, rule string) {
	m.T.Helper()
	breaks(m.T.(require.TestingT), rule, m.Refuse(message))
}

// failure returns the error of a call that has to fail.
func failure[T any](_ T, err error) error { return err }

// must returns the result of a call that has to succeed. A test that runs beside others reports a panic of it by missed.
func must[T any](v T, err error) T {
	if err != nil {
		_, file, line, _ := runtime.Caller(1)
		panic(unexpected{fmt.Errorf("%s:%d: %w", filepath.Base(file), line, err)})
	}
	return v
}

type unexpected struct{ error }

// missed makes a panic of must a failure of the test alone. It is to be deferred.
func missed(t *testing.T) {
	switch x := recover().(type) {
	case nil:
	case unexpected:
		t.Fatal(x)
	default:
		panic(x)
	}
}

// seeded returns params with randomness that follows from seed.
func seeded(params mls.Params, seed string) mls.Params {
	mlstest.Seed(&params, seed)
	return params
}

// breaks checks that an error names a rule.
func breaks(t require.TestingT, rule string, err error) {
	var broken *mls.RuleError
	require.ErrorAs(t, err, &broken)
	require.Equal(t, rule, broken.Rule, "%v", err)
}

// extension returns an encoded extension.
func extension(t require.TestingT, v framing.ExtensionValue) framing.Extension {
	x, err := framing.NewExtension(v)
	require.NoError(t, err)
	return x
}

// valueOf returns the value that p points to, as somebody would print it who does not heed vet.
func valueOf[T any](p *T) any { return reflect.ValueOf(p).Elem().Interface() }
