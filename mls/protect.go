package mls

// RFC 9420, Section 15: Application Messages.

import (
	"crypto"

	"github.com/copse-mls/copse/framing"
)

// ProtectParams say how data is sent.
type ProtectParams struct {
	AuthenticatedData []byte          // sent with the data, signed but not encrypted
	Padding           framing.Padding // the zero value means Params.Padding
}

// Protect encrypts data to the group (RFC 9420, Section 15). No two calls use the same key, whichever Groups of one
// epoch they start from. Store the Step before sending. It fails with ErrPendingProposals when proposals wait, with an
// *InactiveError, ErrPending while joining, ErrSigner, ErrErased, ErrSafeAAD, by rule V-WIRE-13 when the message is too large, or
// with a *keyschedule.RatchetError when the epoch's usage limit is reached and a commit is due.
func (g *Group) Protect(data []byte, o ProtectParams, by crypto.Signer) (*Step, error) {
	if err := g.maySend(by); err != nil {
		return nil, err
	}
	if g.proposals.waits() {
		return nil, ErrPendingProposals
	}
	f := &framer{group: g, format: framing.WireFormatPrivateMessage, by: by, padding: o.Padding}
	message, err := f.send(&framing.FramedContent{
		Sender: g.self(), AuthenticatedData: o.AuthenticatedData,
		ContentType: framing.ContentTypeApplication, ApplicationData: data,
	})
	if err != nil {
		return nil, err
	}
	next := g.clone()
	next.messages = f.messages
	s := g.step(next)
	s.Send = []Outgoing{{Kind: OutgoingApplication, Message: message}}
	return s, nil
}
