package mls

// RFC 9420, Section 5.3.1: Credential Validation.

import (
	"bytes"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
)

// Moment says why a credential has to be validated.
type Moment uint8

// The moments at which RFC 9420, Section 5.3.1 requires that the authentication service is asked.
const (
	MomentAddSent         Moment = iota + 1 // the member is about to propose or commit an Add
	MomentAdd                               // an Add was received
	MomentUpdate                            // an Update brings a credential or key
	MomentPath                              // a commit's path brings a credential or key
	MomentExternalCommit                    // a newcomer joins by itself
	MomentExternalSender                    // the group lets somebody outside propose
	MomentJoin                              // a member of the group that is being joined
	MomentSuccessorMember                   // a member of a successor group, who has to be one of the old group's
)

// String returns the name of the moment.
func (m Moment) String() string {
	names := [...]string{"", "add sent", "add", "update", "path", "external commit", "external sender", "join",
		"successor member"}
	if int(m) < len(names) {
		return names[m]
	}
	return "unknown moment"
}

// Identity is a credential with the signature key that it vouches for.
type Identity struct {
	Credential   framing.Credential
	SignatureKey ciphersuite.SignaturePublicKey
}

func identityOf(leaf *framing.LeafNode) Identity { return Identity{leaf.Credential, leaf.SignatureKey} }

func (i Identity) equal(o Identity) bool {
	return bytes.Equal(i.SignatureKey, o.SignatureKey) && sameCredential(i.Credential, o.Credential)
}

// sameCredential compares two credentials byte for byte.
func sameCredential(a, b framing.Credential) bool {
	x, errX := framing.Marshal(&a)
	y, errY := framing.Marshal(&b)
	return errX == nil && errY == nil && bytes.Equal(x, y)
}

// Claim is a question for the authentication service. Until every Claim of a Step is answered with yes, the
// Step must not take effect: no Next stored, nothing sent.
type Claim struct {
	Moment Moment
	Leaf   framing.LeafIndex // NoLeaf for an external sender or a member not added yet
	Identity
	// Predecessors are the identities that this one may replace: it has to be a permitted successor of one of them.
	// Empty for a new member. At MomentSuccessorMember they are the members of the parent of a branch, and after a ReInit
	// those members of the old group whose credential is not in the new one: each of them is to have one successor.
	Predecessors []Identity
}

func claim(m Moment, i framing.LeafIndex, leaf *framing.LeafNode, before ...Identity) Claim {
	return Claim{Moment: m, Leaf: i, Identity: identityOf(leaf), Predecessors: before}
}

// claimReplaced asks about a leaf that takes the place of another, when its identity is not the same.
func claimReplaced(m Moment, i framing.LeafIndex, old, fresh *framing.LeafNode) []Claim {
	before := identityOf(old)
	if before.equal(identityOf(fresh)) {
		return nil
	}
	return []Claim{claim(m, i, fresh, before)}
}

// LifetimeReport says that the lifetime of a leaf from a KeyPackage does not cover the time that the caller gave (RFC 9420,
// Sections 7.2 and 7.3). The application decides whether that matters: it may ask the client to renew its keys, or remove
// it.
type LifetimeReport struct {
	Leaf framing.LeafIndex // NoLeaf for a member not added yet
	Identity
	Lifetime framing.Lifetime
	Now      time.Time // the time that was given
}
