package mls_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// TestWrongSigner: every call that signs says that the signer is at fault, be it missing or of another suite, in all
// suites of this build.
func TestWrongSigner(t *testing.T) {
	p224 := must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader))
	wrong := []crypto.Signer{nil, (*ecdsa.PrivateKey)(nil), ed25519.PrivateKey(nil), p224}
	for _, cs := range ciphersuite.Supported() {
		t.Run(cs.String(), func(t *testing.T) {
			suite := must(ciphersuite.New(cs))
			signer := must(suite.GenerateSigner(nil))
			lifetime := mls.LifetimeFrom(mlstest.Now(), time.Hour)
			leaf := mls.LeafParams{Signer: signer, Credential: framing.BasicCredential([]byte("alice"))}
			step := must(mls.Create(mls.CreateParams{CipherSuite: cs, Leaf: leaf, Lifetime: lifetime}))
			g := step.Next
			for _, by := range wrong {
				leaf := leaf
				leaf.Signer = by
				_, create := mls.Create(mls.CreateParams{CipherSuite: cs, Leaf: leaf, Lifetime: lifetime})
				_, keyPackage := mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: cs, Leaf: leaf, Lifetime: lifetime})
				_, commit := g.Commit(mls.CommitParams{Now: mlstest.Now()}, by)
				_, propose := g.Propose(&framing.GroupContextExtensions{}, mls.ProposeParams{Now: mlstest.Now()}, by)
				_, update := g.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{Now: mlstest.Now()}, by)
				_, protect := g.Protect([]byte("data"), mls.ProtectParams{}, by)
				_, info := g.GroupInfo(mls.GroupInfoParams{}, by)
				for name, err := range map[string]error{"Create": create, "NewKeyPackage": keyPackage, "Commit": commit,
					"Propose": propose, "ProposeUpdate": update, "Protect": protect, "GroupInfo": info} {
					name = fmt.Sprintf("%s by a %T", name, by)
					require.ErrorIs(t, err, mls.ErrSigner, name)
					require.NotErrorIs(t, err, ciphersuite.ErrPublicKey, name)
				}
				if by != nil { // which means the signer at hand
					require.ErrorIs(t, failure(g.Commit(mls.CommitParams{Now: mlstest.Now(), Leaf: mls.LeafUpdate{Signer: by}}, signer)), mls.ErrSigner)
				}
			}
		})
	}
}
