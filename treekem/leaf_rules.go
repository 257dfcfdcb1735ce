package treekem

// RFC 9420, Section 7.3: Leaf Node Validation, as far as one leaf and the group context decide it.

import (
	"errors"
	"fmt"
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// LeafRules checks leaves against a group's parameters. Whether a leaf's lifetime covers the present, whether its
// source fits the way it came, and what its credential means are for the caller to check.
type LeafRules struct {
	context  *framing.GroupContext
	required framing.RequiredCapabilities // without the default types, which nobody lists
	custom   []framing.ExtensionType      // extensions of the group context that are not default types
}

// NewLeafRules prepares the rules of a group. It fails when the group context repeats an extension or its
// required_capabilities cannot be read.
func NewLeafRules(context *framing.GroupContext) (*LeafRules, error) {
	r := &LeafRules{context: context}
	if err := context.Extensions.Check(); err != nil {
		return nil, err
	}
	if _, err := context.Extensions.Get(&r.required); err != nil {
		return nil, err
	}
	r.required.ExtensionTypes = slices.DeleteFunc(r.required.ExtensionTypes, framing.ExtensionType.IsDefault)
	r.required.ProposalTypes = slices.DeleteFunc(r.required.ProposalTypes, framing.ProposalType.IsDefault)
	r.custom = customTypes(context.Extensions)
	return r, nil
}

// CheckLeaf checks the leaf at i by itself, for any group of a cipher suite: what it says of its own capabilities, its
// extensions, and that an X.509 credential is for its signature key. It fails with a *RuleError.
func CheckLeaf(i framing.LeafIndex, leaf *framing.LeafNode, suite ciphersuite.CipherSuite) error {
	fail := func(rule string, err error, format string, args ...any) error {
		return &framing.RuleError{Rule: rule, Leaf: i, Detail: fmt.Sprintf(format, args...), Err: err}
	}
	c := &leaf.Capabilities
	switch {
	case !slices.Contains(c.Versions, framing.MLS10):
		return fail("V-LN-14", nil, "capabilities lack version %v", framing.MLS10)
	case !slices.Contains(c.CipherSuites, suite):
		return fail("V-LN-14", nil, "capabilities lack cipher suite %v", suite)
	case !slices.Contains(c.Credentials, leaf.Credential.Type):
		return fail("V-LN-05", nil, "capabilities lack the leaf's own credential type %v", leaf.Credential.Type)
	}
	if t, lacks := firstMissing(customTypes(leaf.Extensions), c.Extensions); lacks {
		return fail("V-LN-12", nil, "the leaf's extension type %v is not in its capabilities", t)
	}
	if framing.IsGREASE(uint16(leaf.Credential.Type)) { // listed or not (RFC 9420, Section 13.5)
		return fail("V-LN-06", nil, "nobody supports the credential type %v", leaf.Credential.Type)
	}
	if err := leaf.Credential.CheckKey(leaf.SignatureKey); err != nil {
		return fail("V-LN-20", err, "X.509 credential")
	}
	err := leaf.Extensions.CheckPlacement(framing.ExtensionTypeApplicationID)
	if err == nil {
		err = leaf.Extensions.Check()
	}
	var broken *framing.RuleError
	switch {
	case errors.As(err, &broken):
		return fail(broken.Rule, nil, "the leaf's %s", broken.Detail)
	case err != nil:
		return fail("V-WIRE-11", err, "extensions of the leaf")
	}
	return nil
}

// Check checks the leaf at i by itself and by what the group demands. It fails with a *RuleError.
func (r *LeafRules) Check(i framing.LeafIndex, leaf *framing.LeafNode) error {
	if err := CheckLeaf(i, leaf, r.context.CipherSuite); err != nil {
		return err
	}
	return r.CheckDemands(i, leaf)
}

// CheckDemands checks the leaf at i by what the group demands of it. It fails with a *RuleError.
func (r *LeafRules) CheckDemands(i framing.LeafIndex, leaf *framing.LeafNode) error {
	fail := func(rule, format string, args ...any) error {
		return &framing.RuleError{Rule: rule, Leaf: i, Detail: fmt.Sprintf(format, args...)}
	}
	c := &leaf.Capabilities
	if t, lacks := firstUnsupported(r.required.ExtensionTypes, c.Extensions); lacks {
		return fail("V-LN-07", "required extension type %v is not supported", t)
	}
	if t, lacks := firstUnsupported(r.required.ProposalTypes, c.Proposals); lacks {
		return fail("V-LN-07", "required proposal type %v is not supported", t)
	}
	if t, lacks := firstUnsupported(r.required.CredentialTypes, c.Credentials); lacks {
		return fail("V-LN-08", "required credential type %v is not supported", t)
	}
	if t, lacks := firstUnsupported(r.custom, c.Extensions); lacks {
		return fail("V-LN-11", "extension type %v of the group context is not supported", t)
	}
	return nil
}

// customTypes returns the types of extensions that capabilities must list.
func customTypes(list framing.Extensions) []framing.ExtensionType {
	var out []framing.ExtensionType
	for _, x := range list {
		if !x.Type.IsDefault() {
			out = append(out, x.Type)
		}
	}
	return out
}

// firstUnsupported returns the first code point of need that have does not show support for: one that it lacks, or GREASE,
// which says nothing of support (RFC 9420, Section 13.5).
func firstUnsupported[T ~uint16](need, have []T) (T, bool) {
	for _, code := range need {
		if framing.IsGREASE(uint16(code)) {
			return code, true
		}
	}
	return firstMissing(need, have)
}

// firstMissing finds a code point of need that have lacks. Its work is linear, for both lists come from outside.
func firstMissing[T ~uint16](need, have []T) (T, bool) {
	if len(need)*len(have) <= 256 { // the usual case needs no table
		for _, code := range need {
			if !slices.Contains(have, code) {
				return code, true
			}
		}
		return 0, false
	}
	var listed [1 << 16 / 64]uint64
	for _, code := range have {
		listed[code>>6] |= 1 << (code & 63)
	}
	for _, code := range need {
		if listed[code>>6]&(1<<(code&63)) == 0 {
			return code, true
		}
	}
	return 0, false
}

// CheckCredentials checks that every member supports the credential type of every other (RFC 9420, Section 7.3). It
// fails with a *RuleError that names a member of those who are fewer: who lack support, as also when they are as many, or
// who use the type.
func (t *Tree) CheckCredentials() error {
	s := t.Support()
	for _, c := range s.CredentialsInUse() {
		lacking := s.Members() - s.Credential(c)
		if lacking == 0 {
			continue
		}
		broken := &framing.RuleError{Rule: "V-LN-06", Leaf: framing.NoLeaf,
			Detail: fmt.Sprintf("capabilities lack credential type %v, which another member uses", c)}
		odd := func(leaf *framing.LeafNode) bool { return !slices.Contains(leaf.Capabilities.Credentials, c) }
		if s.of(credentialsInUse, uint16(c)) < lacking {
			broken.Detail = fmt.Sprintf("%d members do not support its credential type %v", lacking, c)
			odd = func(leaf *framing.LeafNode) bool { return leaf.Credential.Type == c }
		}
		for i, leaf := range t.Leaves() {
			if odd(leaf) {
				broken.Leaf = i
				break
			}
		}
		return broken
	}
	return nil
}

// CheckTree checks every leaf of a tree, as when the group's extensions change. It costs O(number of types) unless
// some leaf fails.
func (r *LeafRules) CheckTree(t *Tree) error {
	if r.metBy(t.Support()) {
		return nil
	}
	for i, leaf := range t.Leaves() {
		if err := r.Check(i, leaf); err != nil {
			return err
		}
	}
	return nil
}

// metBy reports whether all members support what the group demands.
func (r *LeafRules) metBy(s Support) bool {
	all := s.Members()
	return countedAs(all, r.custom, s.Extension) &&
		countedAs(all, r.required.ExtensionTypes, s.Extension) &&
		countedAs(all, r.required.ProposalTypes, s.Proposal) &&
		countedAs(all, r.required.CredentialTypes, s.Credential)
}

func countedAs[T any](n int, types []T, count func(T) int) bool {
	return !slices.ContainsFunc(types, func(t T) bool { return count(t) != n })
}
