package mls

// RFC 9420, Section 6: Message Framing, of what a member, an external sender or a newcomer sends.

import (
	"crypto"
	"io"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
)

// sign completes content with the group and its epoch, and signs it for one wire format.
func (p *public) sign(rand io.Reader, by crypto.Signer, format framing.WireFormat, content *framing.FramedContent) (*framing.AuthenticatedContent, error) {
	content.GroupID, content.Epoch = p.context.GroupID, p.context.Epoch
	return content.Sign(framing.SignParams{Suite: p.suite, Rand: rand, Signer: by}, format, &p.context)
}

// frame protects content with the keys of the present epoch, in the wire format it was signed for. It returns the
// message and the secret tree after it.
func (g *Group) frame(content *framing.AuthenticatedContent, rand io.Reader, padding framing.Padding) ([]byte, *keyschedule.SecretTree, error) {
	if content.WireFormat() == framing.WireFormatPublicMessage {
		message, err := g.marshalPublic(content, g.secrets.MembershipKey)
		return message, g.messages, err
	}
	key, messages, err := g.messages.SendingKey(keyschedule.RatchetFor(content.Content().ContentType))
	if err != nil {
		return nil, nil, err
	}
	defer key.Erase()
	if padding == (framing.Padding{}) {
		padding = g.params.Padding
	}
	private, err := content.SealPrivate(framing.SealPrivateParams{
		Suite: g.suite, Rand: rand, SenderDataSecret: g.secrets.SenderDataSecret,
		Generation: key.Generation, Key: key.Key, Nonce: key.Nonce, Padding: padding,
	})
	if err != nil {
		return nil, nil, err
	}
	message, err := g.marshal(private)
	return message, messages, err
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
	return message, p.params.limitSize(message, p.tree.Width())
}
