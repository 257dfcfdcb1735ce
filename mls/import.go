package mls

// RFC 9420, Section 12.4.3: Adding Members to the Group. How newcomers, by Welcome or external commit, and observers check
// a GroupInfo and its tree.

import (
	"bytes"
	"crypto/subtle"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/treekem"
)

// openGroupInfo reads a GroupInfo message.
func openGroupInfo(message []byte, params *Params) (*framing.GroupInfo, *ciphersuite.Suite, error) {
	info, err := decodeAs[*framing.GroupInfo](message, params, 0)
	if err != nil {
		return nil, nil, err
	}
	if info.GroupContext.Version != framing.MLS10 {
		return nil, nil, fail("V-WEL-03", framing.NoLeaf, "version of the group is %v", info.GroupContext.Version)
	}
	suite, err := params.Suites(info.GroupContext.CipherSuite)
	if err == nil && len(info.ConfirmationTag) != suite.HashSize { // which nobody outside can compare
		err = fail("V-WIRE-16", info.Signer, "confirmation tag of %d bytes", len(info.ConfirmationTag))
	}
	return info, suite, err
}

// checkNewGroup checks that the client is not in the group already (V-WEL-06). A removal that the client has not heard of yet
// looks the same, so that the error says what to do in each case; otherwise is what to do as a member.
func checkNewGroup(info *framing.GroupInfo, groups [][]byte, otherwise string) error {
	for _, id := range groups {
		if bytes.Equal(id, info.GroupContext.GroupID) {
			return fail("V-WEL-06", framing.NoLeaf, "the client is in this group already: handle the commits that are on their way, "+
				"and leave a group out of Groups whose Status is Removed; a client that is still a member has to %s", otherwise)
		}
	}
	return nil
}

// importParams are a GroupInfo and the tree that it goes with.
type importParams struct {
	suite  *ciphersuite.Suite
	params *Params
	info   *framing.GroupInfo
	tree   []byte // used when the GroupInfo holds none
}

// importGroup checks a GroupInfo with its tree and returns the public state of the epoch (RFC 9420, Sections 12.4.3 and
// 12.4.3.1), for newcomers by Welcome or external commit, and for observers.
func importGroup(p importParams) (*public, error) {
	info := p.info
	if err := p.params.limitInfo(info); err != nil {
		return nil, err
	}
	if err := checkInfoExtensions(info.Extensions); err != nil {
		return nil, err
	}
	data, found := info.Extensions.Find(framing.ExtensionTypeRatchetTree)
	if !found {
		data = p.tree
	}
	if len(data) == 0 {
		return nil, ErrNoTree
	}
	if err := p.params.limitTree(data); err != nil {
		return nil, err
	}
	tree, err := treekem.Import(treekem.ImportParams{Suite: p.suite, RatchetTree: data, GroupContext: &info.GroupContext,
		MaxLeaves: p.params.MaxLeaves, MaxLeafSize: p.params.MaxLeaf, CheckLeaf: p.params.limitLeafParts})
	if err != nil {
		return nil, err
	}
	public, err := newPublic(p.suite, p.params, info.GroupContext, tree)
	if err != nil {
		return nil, err
	}
	if err := public.checkImported(info); err != nil {
		return nil, err
	}
	return public.confirmed(info.ConfirmationTag), nil
}

// checkImported checks the signer of a GroupInfo, the context's transcript hash and extensions, and what treekem does not
// check of the leaves (V-WEL-05, V-WIRE-16, V-EXT-02).
func (p *public) checkImported(info *framing.GroupInfo) error {
	if err := p.verifyInfo(info); err != nil {
		return err
	}
	if n := len(p.context.ConfirmedTranscriptHash); n != p.suite.HashSize && (n > 0 || p.context.Epoch > 0) {
		return fail("V-WIRE-16", info.Signer, "confirmed transcript hash of %d bytes in epoch %d", n, p.context.Epoch)
	}
	check := &proposalCheck{public: p, rules: p.rules}
	return check.checkExtensions(p.context.Extensions)
}

// verifyInfo verifies the signature of a GroupInfo by the leaf of its signer (V-WEL-05).
func (p *public) verifyInfo(info *framing.GroupInfo) error {
	key := p.tree.SignatureKey(info.Signer)
	if key == nil {
		return fail("V-WEL-05", info.Signer, "signer of the GroupInfo is a blank leaf or outside the tree")
	}
	return info.VerifySignature(p.suite, key)
}

// claimAll asks about every member and external sender of a group that is being joined.
func (p *public) claimAll() []Claim {
	out := claimExternalSenders(p.context.Extensions)
	for i, leaf := range p.tree.Leaves() {
		out = append(out, claim(MomentJoin, i, leaf))
	}
	return out
}

// Matches checks that a GroupInfo describes the present epoch of this Group or Observer: that it is of the same group and
// epoch, authentic, and of the same state. A delivery service can check with it, without importing the tree, that a
// GroupInfo which came with a commit belongs to the epoch after that commit; a member can check that it still follows the
// group (RFC 9420, Sections 12.4.3 and 14). Besides reading the tree, if the GroupInfo holds one, it verifies only one
// signature.
//
// It fails with ErrForked when the state is another one, with ErrWrongGroup, ErrOldEpoch, ErrFutureEpoch,
// ErrUnexpectedMessage, a *SyntaxError or a *RuleError.
func (p *public) Matches(groupInfo []byte) error {
	info, _, err := openGroupInfo(groupInfo, p.params)
	if err != nil {
		return err
	}
	if err := p.checkEpoch(info.GroupContext.GroupID, info.GroupContext.Epoch); err != nil {
		return err
	}
	if err := p.params.limitInfo(info); err != nil {
		return err
	}
	if err := checkInfoExtensions(info.Extensions); err != nil {
		return err
	}
	if err := p.verifyInfo(info); err != nil {
		return err
	}
	encoded, err := framing.Marshal(&info.GroupContext)
	if err != nil {
		return err
	}
	if !bytes.Equal(encoded, p.encoded) || subtle.ConstantTimeCompare(info.ConfirmationTag, p.tag) != 1 {
		return ErrForked
	}
	if tree, found := info.Extensions.Find(framing.ExtensionTypeRatchetTree); found && !bytes.Equal(tree, p.tree.Export()) {
		return fail("V-TREE-03", info.Signer, "tree of the GroupInfo is not the group's")
	}
	return nil
}
