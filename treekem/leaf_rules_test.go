package treekem_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// TestLeafRules is about V-TREE-16: each rule on leaves, broken by an old member of a tree that is good otherwise.
func TestLeafRules(t *testing.T) {
	const known, unknown = 0x0a0a, 0x1a1a // GREASE (RFC 9420, Section 13.5)
	require1 := func(r framing.RequiredCapabilities) func(f *forgery) {
		return func(f *forgery) {
			x, err := framing.NewExtension(&r)
			require.NoError(f, err)
			f.context.Extensions = append(f.context.Extensions, x)
		}
	}
	// member 1, who has never committed, says in its leaf what change makes of it.
	member := func(change func(leaf *framing.LeafNode)) func(f *forgery) {
		return func(f *forgery) {
			change(f.leaf(1))
			f.sign(1, 1)
			f.relink()
		}
	}
	runBadTrees(t, eight, []badTree{
		{"another version", "V-LN-14", member(func(l *framing.LeafNode) { l.Capabilities.Versions = []framing.ProtocolVersion{2} })},
		{"another suite", "V-LN-14", member(func(l *framing.LeafNode) { l.Capabilities.CipherSuites = []ciphersuite.CipherSuite{2, 3} })},
		{"own credential type not listed", "V-LN-05", member(func(l *framing.LeafNode) { l.Capabilities.Credentials = nil })},
		{"another's credential type not supported", "V-LN-06", member(func(l *framing.LeafNode) {
			l.Credential = framing.Credential{Type: 0xf123, Data: []byte("of a type that others do not know")}
			l.Capabilities.Credentials = []framing.CredentialType{0xf123, 1}
		})},
		{"required extension", "V-LN-07", require1(framing.RequiredCapabilities{ExtensionTypes: []framing.ExtensionType{3, known}})},
		{"required proposal", "V-LN-07", require1(framing.RequiredCapabilities{ProposalTypes: []framing.ProposalType{known}})},
		{"required credential", "V-LN-08", require1(framing.RequiredCapabilities{CredentialTypes: []framing.CredentialType{1, 2}})},
		{"extension of the group", "V-LN-11", func(f *forgery) { f.context.Extensions = framing.Extensions{{Type: known}} }},
		{"extension not in capabilities", "V-LN-12", member(func(l *framing.LeafNode) {
			l.Extensions = framing.Extensions{{Type: unknown}}
			l.Capabilities.Extensions = []framing.ExtensionType{known}
		})},
		{"extension twice", "V-EXT-01", member(func(l *framing.LeafNode) {
			l.Extensions = framing.Extensions{{Type: known}, {Type: known}}
			l.Capabilities.Extensions = []framing.ExtensionType{known}
		})},
		{"extension that cannot be read", "V-WIRE-11", member(func(l *framing.LeafNode) {
			l.Extensions = framing.Extensions{{Type: framing.ExtensionTypeApplicationID, Data: []byte{2, 'x'}}}
		})},
		{"extension of the group twice", "V-EXT-01", func(f *forgery) { f.context.Extensions = framing.Extensions{{Type: known}, {Type: known}} }},
	})
}

// TestGoodLeaves imports what looks odd and is fine: GREASE listed and used (V-LN-13), default types required or used
// without being listed, lists with repetitions, long lists.
func TestGoodLeaves(t *testing.T) {
	f := eight(t).forge()
	for i := range framing.LeafIndex(8) {
		c := &f.leaf(i).Capabilities
		c.Extensions = []framing.ExtensionType{0xff00, 0x0a0a, 0x0a0a}
		c.Proposals = []framing.ProposalType{0x2a2a, 0xff02}
		c.Credentials = append(c.Credentials, 0x3a3a, 2)
		for code := range framing.ExtensionType(300) {
			c.Extensions = append(c.Extensions, 0x1000+code)
		}
		f.sign(i, i)
	}
	f.leaf(1).Extensions = framing.Extensions{{Type: 0x0a0a, Data: []byte("grease")}, {Type: framing.ExtensionTypeApplicationID, Data: []byte{1, 'x'}}}
	f.sign(1, 1)
	f.relink()
	x := requirement(t, framing.RequiredCapabilities{
		ExtensionTypes:  []framing.ExtensionType{1, 0xff00, 0x1001, 0x112b},
		ProposalTypes:   []framing.ProposalType{1, 0xff02},
		CredentialTypes: []framing.CredentialType{2},
	})
	f.context.Extensions = framing.Extensions{x, {Type: 0x1000, Data: []byte("of the group")}}
	require.NoError(t, f.imports())
	tree, err := treekem.Decode(f.suite, f.data)
	require.NoError(t, err)
	leaf, _ := tree.Leaf(1)
	require.Equal(t, framing.Extension{Type: 0x0a0a, Data: []byte("grease")}, leaf.Extensions[0])
	require.Equal(t, 8, tree.Support().Extension(0x1000))

	f.context.Extensions[0] = requirement(t, framing.RequiredCapabilities{ExtensionTypes: []framing.ExtensionType{0xff00, 0x112c}})
	requireRule(t, "V-LN-07", f.imports())

	// What all list for GREASE, nobody supports.
	for rule, list := range map[string]framing.Extensions{
		"V-LN-07": {requirement(t, framing.RequiredCapabilities{ProposalTypes: []framing.ProposalType{0x2a2a}})},
		"V-LN-08": {requirement(t, framing.RequiredCapabilities{CredentialTypes: []framing.CredentialType{0x3a3a}})},
		"V-LN-11": {{Type: 0x0a0a}},
	} {
		f.context.Extensions = list
		requireRule(t, rule, f.imports())
		rules, err := treekem.NewLeafRules(&f.context)
		require.NoError(t, err)
		requireRule(t, rule, rules.CheckTree(tree))
	}
	f.context.Extensions, f.data = nil, nil // the tree is another from here
	f.leaf(1).Credential = framing.Credential{Type: 0x3a3a}
	f.sign(1, 1)
	f.relink()
	f.context.TreeHash = f.ref.hash()
	requireRule(t, "V-LN-06", f.imports())
}

// requirement returns a required_capabilities extension.
func requirement(t *testing.T, r framing.RequiredCapabilities) framing.Extension {
	x, err := framing.NewExtension(&r)
	require.NoError(t, err)
	return x
}

// TestCredentialToBlame names whoever is in the minority: who uses what the others do not support, or who does not
// support what they use.
func TestCredentialToBlame(t *testing.T) {
	for name, change := range map[string]func(*framing.LeafNode){
		"uses": func(l *framing.LeafNode) {
			l.Credential, l.Capabilities.Credentials = framing.Credential{Type: 7}, []framing.CredentialType{1, 7}
		},
		"lacks": func(l *framing.LeafNode) {
			l.Credential, l.Capabilities.Credentials = framing.Credential{Type: 7}, []framing.CredentialType{7}
		},
	} {
		f := eight(t).forge()
		if name == "lacks" { // which alone is to blame when the others know its type
			for i := range framing.LeafIndex(8) {
				f.leaf(i).Capabilities.Credentials = []framing.CredentialType{1, 7}
				f.sign(i, i)
			}
		}
		change(f.leaf(5))
		f.sign(5, 5)
		f.relink()
		err := f.imports()
		requireRule(t, "V-LN-06", err)
		var broken *framing.RuleError
		require.ErrorAs(t, err, &broken)
		require.EqualValues(t, 5, broken.Leaf, name)
	}
}

// TestHalfToBlame: when as many use a credential type as do not support it, it is these who are to blame.
func TestHalfToBlame(t *testing.T) {
	f := eight(t).forge()
	for _, i := range []framing.LeafIndex{0, 2, 5, 7} {
		f.leaf(i).Credential, f.leaf(i).Capabilities.Credentials = framing.Credential{Type: 7}, []framing.CredentialType{1, 7}
		f.sign(i, i)
	}
	f.relink()
	require.EqualValues(t, 1, requireRule(t, "V-LN-06", f.imports()).Leaf)
}

// TestCheckTree compares the result by counters with that of each leaf.
func TestCheckTree(t *testing.T) {
	suite := newSuite(t, 1)
	met, unmet := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		s := startScript(t, t, suite)
		s.commit(5)
		code := rapid.SampledFrom([]uint16{1, 7, 8, 0x0a0a, 0xff01}).Draw(t, "code")
		required := framing.RequiredCapabilities{}
		context := framing.GroupContext{Version: framing.MLS10, CipherSuite: suite.CipherSuite()}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			required.ExtensionTypes = []framing.ExtensionType{framing.ExtensionType(code)}
		case 1:
			required.ProposalTypes = []framing.ProposalType{framing.ProposalType(code + 1)}
		case 2:
			required.CredentialTypes = []framing.CredentialType{framing.CredentialType(code + 2)}
		case 3:
			if code != 1 {
				context.Extensions = framing.Extensions{{Type: framing.ExtensionType(code)}}
			}
		}
		x, err := framing.NewExtension(&required)
		require.NoError(t, err)
		context.Extensions = append(context.Extensions, x)
		edit := s.tree.Edit()
		for i, leaf := range s.tree.Leaves() { // their own credential type they do list, so that code alone decides
			mine := *leaf
			mine.Capabilities.Credentials = append(slices.Clone(mine.Capabilities.Credentials), 1)
			require.NoError(t, edit.Update(i, &mine))
		}
		tree, err := edit.Tree()
		require.NoError(t, err)
		rules, err := treekem.NewLeafRules(&context)
		require.NoError(t, err)
		var want error
		for i, leaf := range tree.Leaves() {
			if want = rules.Check(i, leaf); want != nil {
				break
			}
		}
		require.Equal(t, want, rules.CheckTree(tree))
		if want == nil {
			met++
		} else {
			unmet++
		}
	})
	require.NotZero(t, met)
	require.NotZero(t, unmet)
}

// TestSupportFollows: what an Update changes is counted anew, be it one list alone.
func TestSupportFollows(t *testing.T) {
	g := newGroupOf(t, newSuite(t, 1), 3)
	for name, change := range map[string]func(*framing.LeafNode){
		"version":           func(l *framing.LeafNode) { l.Capabilities.Versions = append(l.Capabilities.Versions, 7) },
		"extension":         func(l *framing.LeafNode) { l.Capabilities.Extensions = append(l.Capabilities.Extensions, 7) },
		"proposal":          func(l *framing.LeafNode) { l.Capabilities.Proposals = append(l.Capabilities.Proposals, 7) },
		"credential":        func(l *framing.LeafNode) { l.Capabilities.Credentials = append(l.Capabilities.Credentials, 7) },
		"credential in use": func(l *framing.LeafNode) { l.Credential.Type = 7 },
	} {
		leaf, _ := g.tree.Leaf(1)
		changed := *leaf
		change(&changed)
		edit := g.tree.Edit()
		require.NoError(t, edit.Update(1, &changed))
		tree, err := edit.Tree()
		require.NoError(t, err)
		counts := func(t *treekem.Tree) map[string]int {
			s := t.Support()
			return map[string]int{"version": s.Version(7), "extension": s.Extension(7), "proposal": s.Proposal(7),
				"credential": s.Credential(7), "credential in use": len(s.CredentialsInUse()) - 1}
		}
		want := counts(g.tree)
		want[name]++
		require.Equal(t, want, counts(tree))
	}
}

// TestUnreadableContext shows that a group context that cannot be read makes no rules.
func TestUnreadableContext(t *testing.T) {
	_, err := treekem.NewLeafRules(&framing.GroupContext{Extensions: framing.Extensions{
		{Type: framing.ExtensionTypeRequiredCapabilities, Data: []byte{9}}}})
	var syntax *framing.SyntaxError
	require.ErrorAs(t, err, &syntax)
}
