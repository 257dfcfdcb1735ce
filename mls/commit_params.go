package mls

import (
	"crypto"
	"fmt"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// RFC 9420, Section 12.4.1: what the author of a Commit decides.

// CommitParams say what a commit covers. The zero value covers all waiting proposals that fit together.
//
// A commit with a path is encrypted to the subtrees beside it, whose number Group.PathCost returns, and it fills blank
// nodes: commits get cheaper when all members commit now and then, which they should do to renew their keys anyway. A
// commit of nothing but Adds, PSKs or a ReInit has no path unless ForcePath asks for one: it is cheap, and renews no keys.
type CommitParams struct {
	// Proposals go in by value. A PSK without a nonce gets one.
	Proposals []framing.Proposal
	// References names the waiting proposals to cover. Nil covers all that make a valid list, without those that RFC
	// 9420, Section 12.2 says to leave out; an empty slice covers none.
	References []framing.ProposalRef
	// ForcePath renews the member's path even when the proposals need none. Otherwise a commit of nothing but Add, PSK
	// and ReInit has no path: in a tree of blank nodes that saves a ciphertext for each member.
	ForcePath bool
	// Leaf changes the member's own leaf, and so needs a path.
	Leaf LeafUpdate
	// PSKs are the secrets of PSKs that the covered proposals name and the Group does not know.
	PSKs PSKs
	// LeaveMissingPSKs leaves out waiting proposals of PSKs whose secret is neither known nor given, if References is
	// nil; Step.Left names them. Without it the commit fails with a *MissingPSKError, because a PSK that is left out
	// proves nothing.
	LeaveMissingPSKs bool
	// Now is compared with the lifetimes of added KeyPackages; it is needed when there are any.
	Now time.Time
	// AuthenticatedData is sent with the commit, signed but not encrypted.
	AuthenticatedData []byte
	// Padding is that of a PrivateMessage; the zero value means Params.Padding.
	Padding framing.Padding
	// Welcome says how new members are welcomed.
	Welcome WelcomeParams
}

// LeafUpdate says what changes in a member's own leaf besides its encryption key. Zero fields change nothing.
type LeafUpdate struct {
	Credential   *framing.Credential
	Signer       crypto.Signer `json:"-" xml:"-"` // of a new signature key; it signs from the next epoch on
	Capabilities *framing.Capabilities
	Extensions   *framing.Extensions
}

// Format prints all but the signer, which may be a private key.
func (u LeafUpdate) Format(f fmt.State, verb rune) {
	type plain LeafUpdate // without this method
	u.Signer = nil
	_, _ = fmt.Fprintf(f, fmt.FormatString(f, verb), plain(u)) // fmt.State keeps errors of writing itself
}

func (u LeafUpdate) isZero() bool {
	return u.Credential == nil && u.Signer == nil && u.Capabilities == nil && u.Extensions == nil
}

// leaf returns a changed copy of a leaf, and its signer.
func (u LeafUpdate) leaf(suite *ciphersuite.Suite, old *framing.LeafNode, by crypto.Signer) (framing.LeafNode, crypto.Signer, error) {
	leaf := *old
	if u.Credential != nil {
		if err := checkCredentialGiven(u.Credential); err != nil {
			return leaf, nil, err
		}
		leaf.Credential = *u.Credential
	}
	if u.Capabilities != nil {
		if err := checkOwnCapabilities(u.Capabilities); err != nil {
			return leaf, nil, err
		}
		leaf.Capabilities = *u.Capabilities
	}
	if u.Extensions != nil {
		leaf.Extensions = *u.Extensions
	}
	if u.Signer == nil {
		return leaf, by, nil
	}
	var err error
	leaf.SignatureKey, err = suite.PublicKeyOf(u.Signer)
	return leaf, u.Signer, err
}

// WelcomeParams say how a commit welcomes new members. In a large group, leave the tree out of the Welcome: a server hands
// it out once for all newcomers. It needs no protection, because it is compared with the signed tree hash.
type WelcomeParams struct {
	// OmitTree leaves the ratchet tree out; Outgoing.RatchetTree returns it instead. Use it for large groups, in which the
	// tree has 255 bytes a member.
	OmitTree bool
	// Batch is how many new members share a Welcome; 0 means all.
	Batch int
	// Extensions go into the GroupInfo. Those of RFC 9420 must not be among them.
	Extensions framing.Extensions
}
