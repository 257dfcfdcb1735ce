package mls

// RFC 9420, Section 16.11, and rule V-WIRE-13: limits that hold before any hash, signature or decryption.

import (
	"encoding/binary"
	"fmt"

	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// overLimit says that something is more than the field of Params with a name allows.
func overLimit(i framing.LeafIndex, name, what string, have, limit int) error {
	return fail("V-WIRE-13", i, "%s: %d, at most %d by Params.%s", what, have, limit, name)
}

// limitSize checks a message before it is decoded, and before it is sent. leaves is the width of the group's tree; 0 when the
// group is unknown.
func (p *Params) limitSize(message []byte, leaves uint32) error {
	const ciphertext = 256 // more than suite 5 needs, whose ciphertexts are the largest
	limit, name, what := p.MaxMessage, "MaxMessage", "bytes of the message"
	if holdsTree(message) {
		what += ", whose ratchet tree may travel beside it"
	} else if content := int64(p.MaxContent) + ciphertext*int64(leaves); content < int64(limit) {
		limit, name = int(content), "MaxContent"
	}
	if len(message) > limit {
		return overLimit(framing.NoLeaf, name, what, len(message), limit)
	}
	return nil
}

// holdsTree reports whether a message is of a kind that can hold a ratchet tree.
func holdsTree(message []byte) bool {
	if len(message) < 4 {
		return false
	}
	f := framing.WireFormat(binary.BigEndian.Uint16(message[2:]))
	return f == framing.WireFormatWelcome || f == framing.WireFormatGroupInfo
}

// limitMessage checks a message that was only decoded. Encrypted parts are checked after decryption, and a GroupInfo when
// it is used.
func (p *Params) limitMessage(body framing.MessageBody) error {
	switch m := body.(type) {
	case *framing.PublicMessage:
		return p.limitContent(&m.Content)
	case *framing.KeyPackage:
		return p.limitKeyPackage(m)
	}
	return nil
}

// limitContent checks what a member, a newcomer or an external sender sends.
func (p *Params) limitContent(c *framing.FramedContent) error {
	switch {
	case c.Proposal != nil:
		return p.limitProposal(c.Proposal)
	case c.Commit != nil:
		return p.limitCommit(c.Commit)
	}
	return nil
}

func (p *Params) limitCommit(c *framing.Commit) error {
	if err := p.limitProposals(len(c.Proposals)); err != nil {
		return err
	}
	for _, entry := range c.Proposals {
		if err := p.limitProposal(entry.Proposal); err != nil {
			return err
		}
	}
	if c.Path == nil {
		return nil
	}
	return p.limitLeaf(framing.NoLeaf, &c.Path.LeafNode)
}

func (p *Params) limitProposals(n int) error {
	if n > p.MaxProposals {
		return overLimit(framing.NoLeaf, "MaxProposals", "proposals of a commit", n, p.MaxProposals)
	}
	return nil
}

func (p *Params) limitProposal(proposal framing.Proposal) error {
	switch x := proposal.(type) {
	case *framing.Add:
		return p.limitKeyPackage(x.KeyPackage)
	case *framing.Update:
		return p.limitLeaf(framing.NoLeaf, &x.LeafNode)
	case *framing.GroupContextExtensions:
		return p.limitContext(x.Extensions)
	case *framing.ReInit:
		return p.limitExtensions(framing.NoLeaf, x.Extensions)
	}
	return nil
}

func (p *Params) limitKeyPackage(k *framing.KeyPackage) error {
	if err := p.limitLeaf(framing.NoLeaf, &k.LeafNode); err != nil {
		return err
	}
	return p.limitExtensions(framing.NoLeaf, k.Extensions)
}

func (p *Params) limitLeaf(i framing.LeafIndex, leaf *framing.LeafNode) error {
	if err := p.limitLeafParts(i, leaf); err != nil {
		return err
	}
	encoded, err := framing.Marshal(leaf)
	if err == nil && len(encoded) > p.MaxLeaf {
		err = overLimit(i, "MaxLeaf", "bytes of the leaf", len(encoded), p.MaxLeaf)
	}
	return err
}

// limitLeafParts checks all but the size of the whole leaf.
func (p *Params) limitLeafParts(i framing.LeafIndex, leaf *framing.LeafNode) error {
	if err := p.limitCredential(i, &leaf.Credential); err != nil {
		return err
	}
	return p.limitExtensions(i, leaf.Extensions)
}

func (p *Params) limitCredential(i framing.LeafIndex, c *framing.Credential) error {
	if n := len(c.Certificates); n > p.MaxCertificates {
		return overLimit(i, "MaxCertificates", "certificates in a chain", n, p.MaxCertificates)
	}
	return nil
}

// limitExtensions checks the size of extensions, except a ratchet tree, which has limits of its own.
func (p *Params) limitExtensions(i framing.LeafIndex, list framing.Extensions) error {
	for _, x := range list {
		if n := len(x.Data); n > p.MaxExtension && x.Type != framing.ExtensionTypeRatchetTree {
			return overLimit(i, "MaxExtension", "bytes of extension "+x.Type.String(), n, p.MaxExtension)
		}
	}
	return nil
}

// limitContext checks the size of a group context's extensions, and of the external senders in them.
func (p *Params) limitContext(list framing.Extensions) error {
	if err := p.limitExtensions(framing.NoLeaf, list); err != nil {
		return err
	}
	var senders framing.ExternalSenders
	if _, err := list.Get(&senders); err != nil {
		return err
	}
	if n := len(senders); n > p.MaxExternalSenders {
		return fail("V-EXT-05", framing.NoLeaf, "%d external senders, at most %d", n, p.MaxExternalSenders)
	}
	for i := range senders {
		if err := p.limitCredential(framing.NoLeaf, &senders[i].Credential); err != nil {
			return err
		}
	}
	return nil
}

// limitTree checks the size of the data of a ratchet_tree extension.
func (p *Params) limitTree(data []byte) error {
	if len(data) > p.MaxMessage {
		return overLimit(framing.NoLeaf, "MaxMessage", "bytes of the ratchet tree", len(data), p.MaxMessage)
	}
	return nil
}

// limitGrowth checks the tree that a commit leads to, where changed are all leaves that may differ: what is larger could not be
// joined. A tree that is too large already keeps nobody from commits after which its leaves say no more than before: from
// renewing paths, from removing members, from coming back. room is what the tree will need beyond what it has.
func (p *Params) limitGrowth(before, after *treekem.Tree, changed []framing.LeafIndex, room int) error {
	n := after.ExportSize() + room
	if n <= p.MaxMessage {
		return nil
	}
	old, err := substance(before, changed)
	if err != nil {
		return err
	}
	if fresh, err := substance(after, changed); err != nil || fresh <= old {
		return err
	}
	return overLimit(framing.NoLeaf, "MaxMessage", "bytes of the ratchet tree, to whose leaves the commit adds", n, p.MaxMessage)
}

// substance returns the number of bytes that some leaves of a tree take: all but signatures and what goes with the leaves'
// sources, for these vary although nobody wants it. Keys are as long as the suite says, so that what counts is credentials,
// capabilities and extensions.
func substance(t *treekem.Tree, leaves []framing.LeafIndex) (n int, err error) {
	for _, i := range leaves {
		leaf, ok := t.Leaf(i)
		if !ok {
			continue
		}
		bare := *leaf
		bare.LeafNodeSource, bare.Signature = framing.LeafNodeSourceUpdate, nil
		encoded, err := framing.Marshal(&bare)
		if err != nil {
			return 0, err
		}
		n += len(encoded)
	}
	return n, nil
}

// limitWaiting checks that there is room for a proposal beside those that wait. Outsiders, of whom there may be any number,
// leave half of it to the members.
func (p *Params) limitWaiting(waiting *proposalChain, c *framing.AuthenticatedContent) error {
	all, outside := waiting.sizes()
	if err := p.limitStored(all.plus(c), 1, ""); err != nil || !fromOutside(c) {
		return err
	}
	return p.limitStored(outside.plus(c), 2, " from outside, half of what is allowed")
}

// limitStored compares waiting proposals with the share of the limits that they may take up.
func (p *Params) limitStored(n proposalSizes, share int, whose string) error {
	for _, x := range []struct {
		have, limit int
		what, name  string
	}{
		{n.number, p.MaxProposals, "", "MaxProposals"}, {n.bytes, p.MaxProposalBytes, " bytes", "MaxProposalBytes"},
	} {
		if limit := (x.limit + share - 1) / share; x.have > limit {
			return fmt.Errorf("%w: %d%s%s, at most %d by Params.%s", ErrTooManyProposals, x.have, x.what, whose, limit, x.name)
		}
	}
	return nil
}

// limitInfo checks a GroupInfo by itself.
func (p *Params) limitInfo(info *framing.GroupInfo) error {
	if err := p.limitExtensions(framing.NoLeaf, info.Extensions); err != nil {
		return err
	}
	return p.limitContext(info.GroupContext.Extensions)
}

// limitMembers checks how many members a commit would leave in the tree. As newcomers take the leftmost blank leaves,
// a tree of so many leaves holds them.
func (p *Params) limitMembers(t *treekem.Tree, l *proposalList) error {
	n := t.Members() + len(l.adds) + len(l.external) - len(l.removes) - len(l.leavers)
	if n > p.MaxLeaves {
		return overLimit(framing.NoLeaf, "MaxLeaves", "members", n, p.MaxLeaves)
	}
	return nil
}
