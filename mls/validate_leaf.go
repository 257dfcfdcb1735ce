package mls

// RFC 9420, Section 7.3: Leaf Node Validation.

import (
	"bytes"
	"time"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// checkLeafSource judges by which door a leaf may come (V-LN-01 to V-LN-03).
func checkLeafSource(i framing.LeafIndex, leaf *framing.LeafNode, want framing.LeafNodeSource) error {
	if leaf.LeafNodeSource == want {
		return nil
	}
	rule := map[framing.LeafNodeSource]string{
		framing.LeafNodeSourceKeyPackage: "V-LN-01",
		framing.LeafNodeSourceUpdate:     "V-LN-02",
		framing.LeafNodeSourceCommit:     "V-LN-03",
	}[want]
	return fail(rule, i, "source of the leaf is %v, not %v", leaf.LeafNodeSource, want)
}

// checkLifetime judges a lifetime against the present and a maximum (V-LN-15, V-LN-16). A zero now judges the span
// only.
func checkLifetime(l framing.Lifetime, now time.Time, longest time.Duration) error {
	if l.NotBefore > l.NotAfter {
		return fail("V-LN-16", framing.NoLeaf, "lifetime ends before it begins")
	}
	if longest > 0 && l.NotAfter-l.NotBefore > uint64(longest/time.Second) {
		return fail("V-LN-16", framing.NoLeaf, "lifetime spans more than %v", longest)
	}
	if now.IsZero() {
		return nil
	}
	seconds := uint64(max(now.Unix(), 0))
	if seconds < l.NotBefore || seconds > l.NotAfter {
		return fail("V-LN-15", framing.NoLeaf, "present time %d lies outside of the lifetime %d to %d",
			seconds, l.NotBefore, l.NotAfter)
	}
	return nil
}

// checkUpdateLeaf judges the leaf of an Update or of a member's path against the one it replaces (RFC 9420,
// Sections 7.3, 12.1.2 and 12.4.2). rule is the one about keeping the old encryption key.
func checkUpdateLeaf(i framing.LeafIndex, old, fresh *framing.LeafNode, rule string) error {
	if bytes.Equal(old.EncryptionKey, fresh.EncryptionKey) {
		return fail(rule, i, "leaf keeps the old encryption key")
	}
	return nil
}

// checkOwnCapabilities refuses to list default types in capabilities of the client's own (V-LN-10). Those that others list
// change nothing: such types are supported in any case.
func checkOwnCapabilities(c *framing.Capabilities) error {
	for _, x := range c.Extensions {
		if x.IsDefault() {
			return fail("V-LN-10", framing.NoLeaf, "capabilities list the default extension type %v", x)
		}
	}
	for _, p := range c.Proposals {
		if p.IsDefault() {
			return fail("V-LN-10", framing.NoLeaf, "capabilities list the default proposal type %v", p)
		}
	}
	return nil
}

// checkLeafContent judges which known extensions a leaf holds (V-EXT-02), and its certificate (V-LN-20).
func checkLeafContent(i framing.LeafIndex, leaf *framing.LeafNode) error {
	if err := checkPlacement(i, leaf.Extensions, framing.ExtensionTypeApplicationID); err != nil {
		return err
	}
	if err := checkCertificates(identityOf(leaf)); err != nil {
		return failWith(err, "V-LN-20", i, "X.509 credential")
	}
	return nil
}

// checkPlacement refuses default extension types other than those allowed at a place (V-EXT-02).
func checkPlacement(i framing.LeafIndex, list framing.Extensions, allowed ...framing.ExtensionType) error {
next:
	for _, x := range list {
		if !x.Type.IsDefault() {
			continue
		}
		for _, t := range allowed {
			if x.Type == t {
				continue next
			}
		}
		return fail("V-EXT-02", i, "extension %v does not belong there", x.Type)
	}
	return nil
}

// checkLeafAgainst judges a leaf by the rules of a group and by what it holds.
func checkLeafAgainst(rules *treekem.LeafRules, i framing.LeafIndex, leaf *framing.LeafNode) error {
	if err := rules.Check(i, leaf); err != nil {
		return err
	}
	return checkLeafContent(i, leaf)
}
