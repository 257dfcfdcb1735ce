package inspect

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/copse-mls/copse/framing"
)

// Side is one of two states to compare.
type Side struct {
	Type string                // RFC name of what it was read from
	Info *framing.GroupInfo    // nil when it is a bare tree
	Tree []*framing.Node       // blank nodes are nil; nil when there is none inside
	Ctx  *framing.GroupContext // nil when it is a bare tree
}

// ErrNotAState says that something is neither a GroupInfo, a GroupContext nor a ratchet tree.
var ErrNotAState = errors.New("neither a GroupInfo, a GroupContext nor a ratchet tree")

// NewSide reads a GroupInfo, with or without MLSMessage around it, a GroupContext, or a bare ratchet tree. It fails with
// ErrNotAState or a *framing.SyntaxError.
func NewSide(data []byte) (*Side, error) {
	best, _, _ := read(data, "", nil, maxFields)
	if best.err != nil {
		return nil, fmt.Errorf("read as %s: %w", best.name, best.err)
	}
	side := &Side{Type: best.name}
	switch best.name {
	case "MLSMessage":
		var m framing.Message
		if err := framing.Unmarshal(data, &m); err != nil {
			return nil, err
		}
		info, ok := m.Body.(*framing.GroupInfo)
		if !ok {
			return nil, fmt.Errorf("%w: %v", ErrNotAState, m.Body.WireFormat())
		}
		return side, side.setInfo(info)
	case "GroupInfo":
		info := new(framing.GroupInfo)
		if err := framing.Unmarshal(data, info); err != nil {
			return nil, err
		}
		return side, side.setInfo(info)
	case "GroupContext":
		side.Ctx = new(framing.GroupContext)
		return side, framing.Unmarshal(data, side.Ctx)
	case "RatchetTree":
		var tree framing.RatchetTree
		err := framing.Unmarshal(data, &tree)
		side.Tree = tree.All()
		return side, err
	}
	return nil, fmt.Errorf("%w: %s", ErrNotAState, best.name)
}

func (s *Side) setInfo(info *framing.GroupInfo) error {
	s.Info, s.Ctx = info, &info.GroupContext
	var tree framing.RatchetTree
	_, err := info.Extensions.Get(&tree)
	s.Tree = tree.All()
	return err
}

// Changes is what differs between two states. Its JSON form is stable.
type Changes struct {
	From    string         `json:"from"` // RFC names of what was compared
	To      string         `json:"to"`
	Fields  []FieldChange  `json:"fields"` // of the group context and the GroupInfo
	Members []MemberChange `json:"members"`
	Nodes   []NodeChange   `json:"nodes"`
	Count   *[2]int        `json:"member_count,omitempty"` // before and after, when both have trees
}

// FieldChange is a field with its two values, as text. A value is empty where there is none.
type FieldChange struct {
	Field string `json:"field"`
	From  string `json:"from,omitempty"`
	To    string `json:"to,omitempty"`
}

// MemberChange says what became of a member.
type MemberChange struct {
	Change       string            `json:"change"` // joined, left or changed
	Leaf         framing.LeafIndex `json:"leaf"`
	Identity     string            `json:"identity,omitempty"` // of a basic credential, if printable
	SignatureKey Bytes             `json:"signature_key"`
	Fields       []FieldChange     `json:"fields,omitempty"` // when changed
}

// NodeChange says what became of a node of the tree, leaves included.
type NodeChange struct {
	Node   int           `json:"node"`
	Change string        `json:"change"` // set, blanked or changed
	Fields []FieldChange `json:"fields,omitempty"`
}

// Any reports whether there is a difference.
func (c *Changes) Any() bool { return len(c.Fields)+len(c.Members)+len(c.Nodes) > 0 }

// Diff compares two states in what both have: the group context, the GroupInfo's own fields, the tree.
func Diff(a, b *Side) *Changes {
	c := &Changes{From: a.Type, To: b.Type, Fields: []FieldChange{}, Members: []MemberChange{}, Nodes: []NodeChange{}}
	if a.Ctx != nil && b.Ctx != nil {
		c.Fields = append(c.Fields, contextChanges(a.Ctx, b.Ctx)...)
	}
	if a.Info != nil && b.Info != nil {
		c.Fields = append(c.Fields, infoChanges(a.Info, b.Info)...)
	}
	if a.Tree == nil || b.Tree == nil {
		return c
	}
	c.Count = &[2]int{members(a.Tree), members(b.Tree)}
	for i := range max(len(a.Tree), len(b.Tree)) {
		from, to := nodeAt(a.Tree, i), nodeAt(b.Tree, i)
		if i%2 == 0 {
			c.Members = append(c.Members, memberChanges(framing.LeafIndex(i/2), from, to)...)
		}
		if change := nodeChange(i, from, to); change.Change != "" {
			c.Nodes = append(c.Nodes, change)
		}
	}
	return c
}

func members(t []*framing.Node) (n int) {
	for i, node := range t {
		if i%2 == 0 && node != nil {
			n++
		}
	}
	return n
}

func nodeAt(t []*framing.Node, i int) *framing.Node {
	if i >= len(t) {
		return nil
	}
	return t[i]
}

// comparison gathers the fields that differ.
type comparison []FieldChange

func (c *comparison) text(field, from, to string) {
	if from != to {
		*c = append(*c, FieldChange{field, from, to})
	}
}

func (c *comparison) bytes(field string, from, to []byte) {
	if !bytes.Equal(from, to) {
		*c = append(*c, FieldChange{field, fmt.Sprintf("%x", from), fmt.Sprintf("%x", to)})
	}
}

func contextChanges(a, b *framing.GroupContext) []FieldChange {
	var c comparison
	c.text("version", a.Version.String(), b.Version.String())
	c.text("cipher_suite", a.CipherSuite.String(), b.CipherSuite.String())
	c.bytes("group_id", a.GroupID, b.GroupID)
	c.text("epoch", fmt.Sprint(a.Epoch), fmt.Sprint(b.Epoch))
	c.bytes("tree_hash", a.TreeHash, b.TreeHash)
	c.bytes("confirmed_transcript_hash", a.ConfirmedTranscriptHash, b.ConfirmedTranscriptHash)
	c.extensions("context extension ", a.Extensions, b.Extensions)
	return c
}

func infoChanges(a, b *framing.GroupInfo) []FieldChange {
	var c comparison
	withoutTree := func(e framing.Extensions) framing.Extensions { // the tree is compared node by node
		return slices.DeleteFunc(slices.Clone(e), func(x framing.Extension) bool {
			return x.Type == framing.ExtensionTypeRatchetTree
		})
	}
	c.extensions("group info extension ", withoutTree(a.Extensions), withoutTree(b.Extensions))
	c.bytes("confirmation_tag", a.ConfirmationTag, b.ConfirmationTag)
	c.text("signer", fmt.Sprint("leaf ", a.Signer), fmt.Sprint("leaf ", b.Signer))
	c.bytes("signature", a.Signature, b.Signature)
	return c
}

// extensions compares by type, since a valid list has each type once.
func (c *comparison) extensions(prefix string, a, b framing.Extensions) {
	describe := func(data []byte, found bool) string {
		if !found {
			return ""
		}
		if len(data) == 0 {
			return "present, empty"
		}
		return fmt.Sprintf("%x", data)
	}
	seen := map[framing.ExtensionType]bool{}
	for _, x := range slices.Concat(a, b) {
		if seen[x.Type] {
			continue
		}
		seen[x.Type] = true
		c.text(prefix+codeText("extension_type", uint64(x.Type)), describe(a.Find(x.Type)), describe(b.Find(x.Type)))
	}
}

// memberChanges tells a member that changed its leaf from one that took the place of another: the former keeps its
// credential or its signature key.
func memberChanges(i framing.LeafIndex, from, to *framing.Node) []MemberChange {
	a, b := leafOf(from), leafOf(to)
	left := func() MemberChange { return memberChange("left", i, a) }
	joined := func() MemberChange { return memberChange("joined", i, b) }
	switch {
	case a == nil && b == nil:
		return nil
	case a == nil:
		return []MemberChange{joined()}
	case b == nil:
		return []MemberChange{left()}
	}
	fields := leafChanges(a, b)
	switch {
	case len(fields) == 0:
		return nil
	case !bytes.Equal(a.SignatureKey, b.SignatureKey) && credentialText(&a.Credential) != credentialText(&b.Credential):
		return []MemberChange{left(), joined()}
	}
	changed := memberChange("changed", i, b)
	changed.Fields = fields
	return []MemberChange{changed}
}

func leafOf(n *framing.Node) *framing.LeafNode {
	if n == nil {
		return nil
	}
	return n.LeafNode
}

func leafChanges(a, b *framing.LeafNode) []FieldChange {
	var c comparison
	c.bytes("encryption_key", a.EncryptionKey, b.EncryptionKey)
	c.bytes("signature_key", a.SignatureKey, b.SignatureKey)
	c.text("credential", credentialText(&a.Credential), credentialText(&b.Credential))
	codesChange(&c, "versions", a.Capabilities.Versions, b.Capabilities.Versions)
	codesChange(&c, "cipher_suites", a.Capabilities.CipherSuites, b.Capabilities.CipherSuites)
	codesChange(&c, "extensions", a.Capabilities.Extensions, b.Capabilities.Extensions)
	codesChange(&c, "proposals", a.Capabilities.Proposals, b.Capabilities.Proposals)
	codesChange(&c, "credentials", a.Capabilities.Credentials, b.Capabilities.Credentials)
	c.text("leaf_node_source", a.LeafNodeSource.String(), b.LeafNodeSource.String())
	c.text("lifetime", lifetimeText(a), lifetimeText(b))
	c.bytes("parent_hash", a.ParentHash, b.ParentHash)
	c.extensions("extension ", a.Extensions, b.Extensions)
	c.bytes("signature", a.Signature, b.Signature)
	return c
}

// codesChange shows of two lists of capabilities only what was dropped and what was added, or the whole when the order
// alone differs.
func codesChange[T ~uint16](c *comparison, field string, a, b []T) {
	if slices.Equal(a, b) {
		return
	}
	names := func(list, without []T) string {
		var out []string
		for _, v := range list {
			if !slices.Contains(without, v) {
				out = append(out, codeText(field, uint64(v)))
			}
		}
		return strings.Join(out, ", ")
	}
	dropped, added := names(a, b), names(b, a)
	if dropped == "" && added == "" {
		dropped, added = names(a, nil), names(b, nil)
	}
	c.text("capabilities."+field, dropped, added)
}

func lifetimeText(l *framing.LeafNode) string {
	if l.LeafNodeSource != framing.LeafNodeSourceKeyPackage {
		return ""
	}
	return date(l.Lifetime.NotBefore) + " to " + date(l.Lifetime.NotAfter)
}

func credentialText(c *framing.Credential) string {
	kind := codeText("credential_type", uint64(c.Type))
	switch {
	case c.Type == framing.CredentialTypeX509:
		parts := make([]string, len(c.Certificates))
		for i, cert := range c.Certificates {
			parts[i] = fmt.Sprintf("%x", cert)
		}
		return kind + " " + strings.Join(parts, " ")
	case c.Type != framing.CredentialTypeBasic:
		return fmt.Sprintf("%s %x", kind, c.Data)
	}
	return kind + " " + textOrHex(c.Identity)
}

func memberChange(change string, i framing.LeafIndex, l *framing.LeafNode) MemberChange {
	return MemberChange{Change: change, Leaf: i, Identity: printable(l.Credential.Identity), SignatureKey: Bytes(l.SignatureKey)}
}

// name returns the member's identity, else the beginning of its signature key.
func (m *MemberChange) name() string {
	if m.Identity != "" {
		return strconv.Quote(m.Identity)
	}
	return fmt.Sprintf("signature key %x…", []byte(m.SignatureKey[:min(4, len(m.SignatureKey))]))
}

func nodeChange(i int, from, to *framing.Node) NodeChange {
	change := NodeChange{Node: i}
	switch {
	case from == nil && to == nil:
		return change
	case from == nil:
		change.Change = "set"
	case to == nil:
		change.Change = "blanked"
	default:
		change.Change = "changed"
	}
	change.Fields = nodeFields(from, to)
	if change.Change == "changed" && len(change.Fields) == 0 {
		change.Change = ""
	}
	return change
}

// nodeFields compares what parents and leaves have in common, and what only parents have. Other changes of a leaf
// are listed with its member.
func nodeFields(from, to *framing.Node) []FieldChange {
	var c comparison
	a, b := contentOf(from), contentOf(to)
	c.bytes("encryption_key", a.EncryptionKey, b.EncryptionKey)
	c.bytes("parent_hash", a.ParentHash, b.ParentHash)
	if !slices.Equal(a.UnmergedLeaves, b.UnmergedLeaves) {
		c.text("unmerged_leaves", fmt.Sprint(a.UnmergedLeaves), fmt.Sprint(b.UnmergedLeaves))
	}
	return c
}

func contentOf(n *framing.Node) framing.ParentNode {
	switch {
	case n == nil:
	case n.ParentNode != nil:
		return *n.ParentNode
	case n.LeafNode != nil:
		return framing.ParentNode{EncryptionKey: n.LeafNode.EncryptionKey, ParentHash: n.LeafNode.ParentHash}
	}
	return framing.ParentNode{}
}
