package framing

// RFC 9420, Section 8.1: Group Context.

import "github.com/copse-mls/copse/ciphersuite"

// Epoch numbers the states of a group from 0 (RFC 9420, Section 8.1).
type Epoch uint64

// GroupContext is the state that all members of a group agree on in one epoch (RFC 9420, Section 8.1).
type GroupContext struct {
	Version                 ProtocolVersion
	CipherSuite             ciphersuite.CipherSuite
	GroupID                 []byte
	Epoch                   Epoch
	TreeHash                []byte
	ConfirmedTranscriptHash []byte
	Extensions              Extensions
}
