package mls

import (
	"crypto/rand"
	"io"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
)

// Params are a member's own settings for a group: limits, retention and policy. They are part of neither the group's
// state nor its records, and the zero value is a sound choice. A Group keeps a copy.
//
// The zero Params send handshake messages as PublicMessages and accept both kinds, read data of 3 past epochs, and pad
// nothing. Anyone with a GroupInfo that has external_pub can join, and former members can come back, unless ExternalCommits
// forbids it or a Claim is answered with no. External senders propose only what RFC 9420 defines. The limits are far above
// what groups need, and keep a hostile sender from filling the memory.
//
// What exceeds a limit named Max is refused by rule V-WIRE-13, as soon as it is decoded or decrypted and before it is
// hashed or verified, and is not sent either; MaxExternalSenders and MaxLifetime have rules of their own (V-EXT-05, V-LN-16), and
// proposals for which there is no room fail with ErrTooManyProposals. Give all members of a group the same limits: a member that
// refuses a commit which others accept cannot follow the group. The error names the limit. To go on, load the Group with a
// higher one and handle the message again; or else rejoin by JoinExternal with Resync.
type Params struct {
	// PastEpochs is the number of past epochs whose application messages are still read; negative for none. Default: 3.
	PastEpochs int
	// ResumptionEpochs is the number of past epochs whose resumption PSK is kept; negative for none. Default: 8.
	ResumptionEpochs int
	// MaxProposals bounds the proposals kept in one epoch, received and sent, and those of one commit. Those from outside of
	// the group may take up half of it. Default: 65,536.
	MaxProposals int
	// MaxProposalBytes bounds the proposals kept in one epoch, too, by the sum of their encoded contents. Those from outside of
	// the group may take up half of it. Default: 32 MiB.
	MaxProposalBytes int
	// MaxExternalSenders bounds the external_senders extension. Default: 1,024.
	MaxExternalSenders int
	// MaxMessage is the largest Welcome or GroupInfo that is read or made, and the largest ratchet tree, in one of them or
	// beside it, in bytes. No commit that leads to a larger tree adds members, or adds to what leaves hold beside keys and
	// signatures, on balance. Other commits are not refused, because that would stop everybody: paths that fill blank parents
	// and lengthen signatures can make the tree larger by up to 512 bytes for each of its leaves, blank ones included. Who joins
	// it then, or comes back, is told so by an error that names MaxMessage, raises that by so much for the join, and goes on
	// by loading the Group with what the other members have. Default: 256 MiB.
	MaxMessage int
	// MaxContent is the largest PublicMessage, PrivateMessage or KeyPackage that is read or sent, in bytes. In a group, there are
	// 256 bytes more for each leaf of its tree, blank ones included, for a commit may hold a ciphertext for each. MaxMessage
	// bounds these, too. Default: 32 MiB.
	MaxContent int
	// MaxLeaf is the largest encoded leaf, in bytes. Default: 256 KiB.
	MaxLeaf int
	// MaxLeaves is the largest ratchet tree, in leaves, blank ones included. Default: 1,048,576.
	MaxLeaves int
	// MaxExtension is the largest extension, in bytes of its data, except ratchet trees. Default: 1 MiB.
	MaxExtension int
	// MaxCertificates bounds the chain of an X.509 credential. Default: 16.
	MaxCertificates int
	// MaxLifetime is the longest lifetime of a KeyPackage that this client makes, verifies or adds (RFC 9420, Section 7.2;
	// rule V-LN-16); negative for no limit. Default: 366 days. When it is set, longer ones that others add are refused, too,
	// so that all members of a group have to set the same; the default does not apply to those.
	MaxLifetime time.Duration

	// ExternalProposals lists the custom proposal types that external senders may send. RFC 9420, Section 12.1.8
	// leaves that to the definition of each type.
	ExternalProposals []framing.ProposalType
	// ProposalBodies says what the bodies of custom proposals look like; those that it does not list are opaque<V>. Who does
	// not know the body of a proposal cannot read the message that it is in, so that all members need the same.
	ProposalBodies framing.Bodies
	// PathlessProposals lists the custom proposal types that a commit without a path may cover. The definition of each
	// type says that, too (RFC 9420, Sections 12.4 and 17.4). A member that does not list a type refuses such commits.
	PathlessProposals []framing.ProposalType

	// Ratchets bounds the keys that messages out of order can make the member derive and keep.
	Ratchets keyschedule.Limits

	// Handshake says how proposals and commits are sent, and which are accepted.
	Handshake HandshakePolicy
	// SignGenerations puts the generation of each private message into its authenticated data, which the sender signs, as the
	// component ComponentGeneration of a SafeAAD; and refuses private messages that say another generation than their own,
	// before a key is used up. Otherwise any member can encrypt what another one signed once more, under keys that its sender
	// has not reached: messages of the sender are then lost, up to Ratchets.ForwardDistance of them for each such copy. Messages
	// of members that do not sign their generations are taken. AuthenticatedData that is given beside it has to be a SafeAAD
	// (ErrSafeAAD); receivers get both together.
	SignGenerations bool
	// Padding is added to private messages, unless the parameters of a message say otherwise.
	Padding framing.Padding

	// ExternalCommits says which newcomers may join by themselves.
	ExternalCommits ExternalCommitPolicy

	// NewcomerProposals says what becomes of proposals of newcomers to be added.
	NewcomerProposals NewcomerProposalPolicy

	// Suites makes cipher suites, for primitives of another provider. Default: ciphersuite.New.
	Suites func(ciphersuite.CipherSuite) (*ciphersuite.Suite, error)

	maxReceivedLifetime time.Duration // MaxLifetime where the caller set it

	rand io.Reader // replaces crypto/rand in this module's own tests
}

// ComponentGeneration is the component, for private use, whose data in a SafeAAD is the generation of a message: four bytes,
// the most significant first. See Params.SignGenerations.
const ComponentGeneration framing.ComponentID = 0xc095

// HandshakePolicy says how handshake messages are sent (RFC 9420, Section 6). External senders and newcomers always use
// PublicMessage.
type HandshakePolicy uint8

// Policies for handshake messages.
const (
	// HandshakePublic sends PublicMessage and accepts both.
	HandshakePublic HandshakePolicy = iota
	// HandshakePrivate sends PrivateMessage and accepts both.
	HandshakePrivate
	// HandshakePublicOnly sends and accepts PublicMessage.
	HandshakePublicOnly
	// HandshakePrivateOnly sends and accepts PrivateMessage from members.
	HandshakePrivateOnly
)

func (p HandshakePolicy) wireFormat() framing.WireFormat {
	if p == HandshakePrivate || p == HandshakePrivateOnly {
		return framing.WireFormatPrivateMessage
	}
	return framing.WireFormatPublicMessage
}

// checkFormat checks the wire format of a member's handshake message (V-FR-15).
func (p HandshakePolicy) checkFormat(f framing.WireFormat, sender framing.LeafIndex) error {
	strict := p == HandshakePublicOnly || p == HandshakePrivateOnly
	if strict && f != p.wireFormat() {
		return fail("V-FR-15", sender, "handshake message is a %v, policy demands %v", f, p.wireFormat())
	}
	return nil
}

// ExternalCommitPolicy says which external commits a member accepts (RFC 9420, Section 12.4.3.2).
type ExternalCommitPolicy uint8

// Policies for external commits.
const (
	// ExternalCommitsAllowed accepts newcomers and resynchronizing members.
	ExternalCommitsAllowed ExternalCommitPolicy = iota
	// ExternalCommitsNoResync refuses those that remove a former leaf of the newcomer.
	ExternalCommitsNoResync
	// ExternalCommitsPSK requires that each has at least one PSK.
	ExternalCommitsPSK
	// ExternalCommitsForbidden refuses all.
	ExternalCommitsForbidden
)

// NewcomerProposalPolicy says what becomes of Adds that newcomers send (RFC 9420, Section 12.1.8). Whoever knows a group's
// id and epoch can send one, and as long as it waits, members may not send data. All are kept, within the half of Params.MaxProposals
// and MaxProposalBytes that is not the members': somebody else may commit them.
type NewcomerProposalPolicy uint8

// Policies for newcomers' proposals.
const (
	// NewcomerProposalsWait lets them wait for a commit, like those of members.
	NewcomerProposalsWait NewcomerProposalPolicy = iota
	// NewcomerProposalsAsk lets those wait that Group.Admit names.
	NewcomerProposalsAsk
	// NewcomerProposalsDeclined lets none wait. Nothing is left to ask: events say so, and no Claim is made of them.
	NewcomerProposalsDeclined
)

func orDefault[T int | time.Duration](v, byDefault T) T {
	if v == 0 {
		return byDefault
	}
	return max(v, 0)
}

// withDefaults returns p with defaults for what is zero. Negative numbers become zero.
func (p Params) withDefaults() *Params {
	p.PastEpochs = orDefault(p.PastEpochs, 3)
	p.ResumptionEpochs = orDefault(p.ResumptionEpochs, 8)
	p.MaxProposals = orDefault(p.MaxProposals, 1<<16)
	p.MaxExternalSenders = orDefault(p.MaxExternalSenders, 1<<10)
	p.MaxProposalBytes = orDefault(p.MaxProposalBytes, 32<<20)
	p.MaxMessage = orDefault(p.MaxMessage, 256<<20)
	p.MaxContent = orDefault(p.MaxContent, 32<<20)
	p.MaxLeaf = orDefault(p.MaxLeaf, 256<<10)
	p.MaxLeaves = orDefault(p.MaxLeaves, 1<<20)
	p.MaxExtension = orDefault(p.MaxExtension, 1<<20)
	p.MaxCertificates = orDefault(p.MaxCertificates, 16)
	p.maxReceivedLifetime = max(p.MaxLifetime, 0)
	p.MaxLifetime = orDefault(p.MaxLifetime, 366*24*time.Hour)
	if p.rand == nil {
		p.rand = rand.Reader
	}
	if p.Suites == nil {
		p.Suites = ciphersuite.New
	}
	return &p
}
