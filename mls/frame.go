package mls

// RFC 9420, Section 6: Message Framing, of what a member, an external sender or a newcomer sends.

import (
	"crypto"
	"encoding/binary"
	"io"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
)

// sign completes content with the group and its epoch, and signs it for one wire format.
func (p *public) sign(rand io.Reader, by crypto.Signer, format framing.WireFormat, content *framing.FramedContent) (*framing.AuthenticatedContent, error) {
	content.GroupID, content.Epoch = p.context.GroupID, p.context.Epoch
	return content.Sign(framing.SignParams{Suite: p.suite, Rand: rand, Signer: by, Bodies: p.params.ProposalBodies}, format, &p.context)
}

// framer signs and frames one message of a member's own.
type framer struct {
	group    *Group
	format   framing.WireFormat
	by       crypto.Signer
	padding  framing.Padding // zero means that of Params
	key      keyschedule.MessageKey
	content  *framing.AuthenticatedContent // set by sign
	messages *keyschedule.SecretTree       // without the key, once it was taken
}

// takeKey reserves the key of a PrivateMessage.
func (f *framer) takeKey(t framing.ContentType) (err error) {
	f.key, f.messages, err = f.group.messages.SendingKey(keyschedule.RatchetFor(t))
	return err
}

// sign signs content. Where the generation is signed along, its key is taken before; else afterwards, so that a signer that
// fails costs none.
func (f *framer) sign(content *framing.FramedContent) (err error) {
	if f.format == framing.WireFormatPrivateMessage && f.group.params.SignGenerations {
		beside, err := safeAAD(content.AuthenticatedData)
		if err != nil {
			return err
		}
		if err := f.takeKey(content.ContentType); err != nil {
			return err
		}
		if content.AuthenticatedData, err = withGeneration(beside, f.key.Generation); err != nil {
			return err
		}
	}
	f.content, err = f.group.sign(f.group.params.rand, f.by, f.format, content)
	return err
}

// frame protects the content that was signed. It returns the message; messages is then the secret tree after it.
func (f *framer) frame() ([]byte, error) {
	g := f.group
	if f.format == framing.WireFormatPublicMessage {
		f.messages = g.messages
		return g.marshalPublic(f.content, g.secrets.MembershipKey)
	}
	if f.messages == nil {
		if err := f.takeKey(f.content.Content().ContentType); err != nil {
			return nil, err
		}
	}
	padding := f.padding
	if padding == (framing.Padding{}) {
		padding = g.params.Padding
	}
	private, err := f.content.SealPrivate(framing.SealPrivateParams{
		Suite: g.suite, Rand: g.params.rand, SenderDataSecret: g.secrets.SenderDataSecret,
		Generation: f.key.Generation, Key: f.key.Key, Nonce: f.key.Nonce, Padding: padding,
	})
	if err != nil {
		return nil, err
	}
	return g.marshal(private)
}

// erase overwrites the key.
func (f *framer) erase() { f.key.Erase() }

// send signs and frames content. It returns the message.
func (f *framer) send(content *framing.FramedContent) ([]byte, error) {
	defer f.erase()
	if err := f.sign(content); err != nil {
		return nil, err
	}
	return f.frame()
}

// safeAAD decodes authenticated data beside which a generation is to be signed.
func safeAAD(data []byte) (all framing.SafeAAD, err error) {
	if len(data) == 0 {
		return nil, nil
	}
	if framing.Unmarshal(data, &all) != nil {
		return nil, ErrSafeAAD
	}
	if _, found := all.Find(ComponentGeneration); found {
		return nil, ErrSafeAAD
	}
	return all, nil
}

// withGeneration returns authenticated data with the generation of the message in it.
func withGeneration(all framing.SafeAAD, generation framing.Generation) ([]byte, error) {
	all = all.With(framing.ComponentData{ID: ComponentGeneration, Data: binary.BigEndian.AppendUint32(nil, uint32(generation))})
	return framing.Marshal(&all)
}

// checkGeneration checks a private message whose sender signed its generation (V-FR-28), before the key is taken. What
// somebody else signed there does not matter, for then the signature does not verify.
func (p *public) checkGeneration(m *framing.PrivateMessage, sender framing.SenderData) error {
	var all framing.SafeAAD
	if !p.params.SignGenerations || framing.Unmarshal(m.AuthenticatedData, &all) != nil {
		return nil
	}
	signed, found := all.Find(ComponentGeneration)
	if want := binary.BigEndian.AppendUint32(nil, uint32(sender.Generation)); found && string(signed) != string(want) {
		return fail("V-FR-28", sender.LeafIndex, "message of generation %d, signed for another one", sender.Generation)
	}
	return nil
}

// marshalPublic makes a PublicMessage. key is the membership key, used for members alone.
func (p *public) marshalPublic(content *framing.AuthenticatedContent, key ciphersuite.Secret) ([]byte, error) {
	public, err := content.SealPublic(p.suite, key)
	if err != nil {
		return nil, err
	}
	return p.marshal(public)
}

// marshal encodes a message to the group, unless members with the same limits would refuse it for its size.
func (p *public) marshal(body framing.MessageBody) ([]byte, error) {
	message, err := framing.Marshal(&framing.Message{Body: body})
	if err != nil {
		return nil, err
	}
	return message, p.params.limitSize(message, p.width())
}

// width returns the width of the tree, 0 when the tree is not known.
func (p *public) width() uint32 {
	if p.tree == nil {
		return 0
	}
	return p.tree.Width()
}
