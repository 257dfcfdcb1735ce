package treekem

// RFC 9420, Section 7.3: Leaf Node Validation, as far as one leaf and the group context decide it.

import (
	"fmt"
	"slices"

	"github.com/copse-mls/copse/framing"
)

// LeafRules judges leaves against a group's parameters. Whether a leaf's lifetime covers the present, whether its
// source fits the door by which it came, and what its credential means are not judged here.
type LeafRules struct {
	context  *framing.GroupContext
	required framing.RequiredCapabilities
	custom   []framing.ExtensionType // extensions of the group context that are not default types
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
	for _, x := range context.Extensions {
		if !x.Type.IsDefault() {
			r.custom = append(r.custom, x.Type)
		}
	}
	return r, nil
}

// Check judges the leaf at i. It fails with a *RuleError.
func (r *LeafRules) Check(i framing.LeafIndex, leaf *framing.LeafNode) error {
	fail := func(rule, format string, args ...any) error {
		return &framing.RuleError{Rule: rule, Leaf: i, Detail: fmt.Sprintf(format, args...)}
	}
	c := &leaf.Capabilities
	switch {
	case !slices.Contains(c.Versions, r.context.Version):
		return fail("V-LN-14", "capabilities lack version %v", r.context.Version)
	case !slices.Contains(c.CipherSuites, r.context.CipherSuite):
		return fail("V-LN-14", "capabilities lack cipher suite %v", r.context.CipherSuite)
	case !slices.Contains(c.Credentials, leaf.Credential.Type):
		return fail("V-LN-05", "capabilities lack the leaf's own credential type %v", leaf.Credential.Type)
	}
	for _, t := range r.required.ExtensionTypes {
		if !t.IsDefault() && !slices.Contains(c.Extensions, t) {
			return fail("V-LN-07", "required extension type %v is not supported", t)
		}
	}
	for _, t := range r.required.ProposalTypes {
		if !t.IsDefault() && !slices.Contains(c.Proposals, t) {
			return fail("V-LN-07", "required proposal type %v is not supported", t)
		}
	}
	for _, t := range r.required.CredentialTypes {
		if !slices.Contains(c.Credentials, t) {
			return fail("V-LN-08", "required credential type %v is not supported", t)
		}
	}
	for _, t := range r.custom {
		if !slices.Contains(c.Extensions, t) {
			return fail("V-LN-11", "extension type %v of the group context is not supported", t)
		}
	}
	return r.checkOwnExtensions(i, leaf)
}

// checkOwnExtensions judges the leaf's own extensions (RFC 9420, Sections 7.2 and 13.4).
func (r *LeafRules) checkOwnExtensions(i framing.LeafIndex, leaf *framing.LeafNode) error {
	if err := leaf.Extensions.Check(); err != nil {
		return &framing.RuleError{Rule: "V-EXT-01", Leaf: i, Detail: "extensions of the leaf", Err: err}
	}
	for _, x := range leaf.Extensions {
		if !x.Type.IsDefault() && !slices.Contains(leaf.Capabilities.Extensions, x.Type) {
			return &framing.RuleError{Rule: "V-LN-12", Leaf: i,
				Detail: fmt.Sprintf("the leaf's extension type %v is not in its capabilities", x.Type)}
		}
	}
	return nil
}

// CheckCredentials checks that every member supports the credential type of every other (RFC 9420, Section 7.3). It
// fails with a *RuleError that names a member without support.
func (t *Tree) CheckCredentials() error {
	s := t.Support()
	for _, c := range s.CredentialsInUse() {
		if s.Credential(c) == s.Members() {
			continue
		}
		for i, leaf := range t.Leaves() {
			if !slices.Contains(leaf.Capabilities.Credentials, c) {
				return &framing.RuleError{Rule: "V-LN-06", Leaf: i,
					Detail: fmt.Sprintf("capabilities lack credential type %v, which another member uses", c)}
			}
		}
	}
	return nil
}
