package treekemtest

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

func mustSuite(t *testing.T, cs ciphersuite.CipherSuite) *ciphersuite.Suite {
	suite, err := ciphersuite.New(cs)
	require.NoError(t, err)
	return suite
}

// TestBuild checks that the trees pass every check of Import, that their members' private keys fit, and that a Mixed
// tree is as mixed as it says.
func TestBuild(t *testing.T) {
	for _, shape := range []Shape{Fresh, Mixed, Full} {
		for _, n := range []int{1, 2, 3, 5, 8, 33, 150, 513} {
			t.Run(fmt.Sprint(shape, n), func(t *testing.T) {
				f, err := Build(Params{Suite: mustSuite(t, 1), Members: n, Shape: shape, GroupID: []byte("g"), Seed: 7})
				require.NoError(t, err)
				tree, err := treekem.Import(treekem.ImportParams{Suite: f.Tree.Suite(), RatchetTree: f.RatchetTree, GroupContext: f.Context})
				require.NoError(t, err)
				require.Equal(t, f.RatchetTree, tree.Export())
				for i := range tree.Leaves() {
					require.NoError(t, f.Private(i).Check(tree))
				}
				checkShape(t, f, n)
			})
		}
	}
}

func checkShape(t *testing.T, f *Fixture, n int) {
	unmerged, blank := 0, 0
	for x := range treekem.NodeIndex(treekem.NodeCount(f.Tree.Width())) {
		if parent, ok := f.Tree.Parent(x); ok {
			unmerged += len(parent.UnmergedLeaves)
		} else if left, ok := x.Left(); ok {
			right, _ := x.Right()
			if len(f.Tree.Resolution(left)) > 0 && len(f.Tree.Resolution(right)) > 0 {
				blank++
			}
		}
	}
	switch f.params.Shape {
	case Fresh:
		require.Zero(t, unmerged)
		require.Equal(t, n-1, blank)
	case Full:
		require.Zero(t, unmerged)
		require.Zero(t, blank)
	case Mixed:
		if n >= 150 {
			require.NotZero(t, unmerged)
			require.NotZero(t, blank)
			require.Less(t, f.Tree.Members(), n)
		}
	}
}

// TestBuildAllSuites builds and imports one small tree in each suite, twice with the same outcome where signatures
// are deterministic.
func TestBuildAllSuites(t *testing.T) {
	for _, cs := range ciphersuite.Supported() {
		p := Params{Suite: mustSuite(t, cs), Members: 6, Shape: Full, GroupID: []byte("g"), Seed: 1}
		f, err := Build(p)
		require.NoError(t, err)
		_, err = treekem.Import(treekem.ImportParams{Suite: p.Suite, RatchetTree: f.RatchetTree, GroupContext: f.Context})
		require.NoError(t, err)
		public, err := p.Suite.PublicKeyOf(f.Signer(3))
		require.NoError(t, err)
		require.Equal(t, f.Tree.SignatureKey(3), public)
		again, err := Build(p)
		require.NoError(t, err)
		require.Equal(t, f.Tree.EncryptionKey(5), again.Tree.EncryptionKey(5))
		if cs == 1 || cs == 4 {
			require.Equal(t, f.RatchetTree, again.RatchetTree)
		}
	}
}

// TestBuildUnsigned checks that an unsigned tree decodes, and that it does not import.
func TestBuildUnsigned(t *testing.T) {
	p := Params{Suite: mustSuite(t, 1), Members: 20, Shape: Full, Unsigned: true, Identity: func(i int) []byte { return []byte{byte(i)} }}
	f, err := Build(p)
	require.NoError(t, err)
	require.NoError(t, f.Tree.VerifyParentHashes())
	_, err = treekem.Import(treekem.ImportParams{Suite: p.Suite, RatchetTree: f.RatchetTree, GroupContext: f.Context})
	var rule *framing.RuleError
	require.ErrorAs(t, err, &rule)
	require.Equal(t, "V-TREE-15", rule.Rule)
	require.Nil(t, f.Signer(0))
	require.Nil(t, f.Private(0))
	leaf, _ := f.Tree.Leaf(7)
	require.Equal(t, []byte{7}, leaf.Credential.Identity)
	_, err = Build(Params{Suite: p.Suite})
	require.Error(t, err)
}
