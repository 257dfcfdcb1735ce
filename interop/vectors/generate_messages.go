package vectors

import (
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/mls"
)

// conversation is the sending side of one member in some epoch of some group.
type conversation struct {
	*maker
	context *framing.GroupContext
	by      signer
	sender  framing.LeafIndex
}

func (m *maker) conversation() *conversation {
	return &conversation{maker: m, by: m.signer(), sender: protectionSender, context: groupContext(m.suite, groupState{
		id: m.bytes(16), epoch: m.wide(1 << 40), treeHash: m.hash(), transcript: m.hash()})}
}

// sign signs a content after filling in where it comes from.
func (p *conversation) sign(c framing.FramedContent, format framing.WireFormat) *framing.AuthenticatedContent {
	c.GroupID, c.Epoch = p.context.GroupID, p.context.Epoch
	c.Sender = framing.Sender{SenderType: framing.SenderTypeMember, LeafIndex: p.sender}
	c.AuthenticatedData = p.bytes(p.number(20))
	content := must(c.Sign(p.signing(p.by), format, p.context))
	if c.ContentType == framing.ContentTypeCommit {
		content = content.WithConfirmationTag(p.hash())
	}
	return content
}

// commit makes a commit with proposals of two kinds, one by reference, and no path.
func (m *maker) commit() *framing.Commit {
	return &framing.Commit{Proposals: []framing.ProposalOrRef{
		{Proposal: &framing.PreSharedKey{PSK: m.pskID()}}, {Reference: framing.ProposalRef(m.hash())}}}
}

// pskID names an external PSK.
func (m *maker) pskID() framing.PreSharedKeyID {
	id := mls.ExternalPSKID(m.bytes(8))
	id.PSKNonce = m.hash()
	return id
}

func makeMessageProtection(m *maker) *messageProtection {
	p := m.conversation()
	c := &messageProtection{
		suited: m.suited(), GroupID: p.context.GroupID, Epoch: uint64(p.context.Epoch),
		TreeHash: p.context.TreeHash, ConfirmedTranscriptHash: p.context.ConfirmedTranscriptHash,
		SignaturePriv: m.secretOf(p.by), SignaturePub: m.public(p.by),
		EncryptionSecret: m.hash(), SenderDataSecret: m.hash(), MembershipKey: m.hash(),
		Application: m.bytes(m.number(100)),
	}
	proposal := &framing.Remove{Removed: framing.LeafIndex(m.number(1 << 16))}
	content := framing.FramedContent{ContentType: framing.ContentTypeProposal, Proposal: proposal}
	c.Proposal = must(framing.Marshal(&framing.TaggedProposal{Proposal: proposal}))
	c.ProposalPub, c.ProposalPriv = p.protectPublic(c, content), p.protectPrivate(c, content)
	content = framing.FramedContent{ContentType: framing.ContentTypeCommit, Commit: m.commit()}
	c.Commit = encoded(content.Commit)
	c.CommitPub, c.CommitPriv = p.protectPublic(c, content), p.protectPrivate(c, content)
	c.ApplicationPriv = p.protectPrivate(c, framing.FramedContent{ContentType: framing.ContentTypeApplication, ApplicationData: c.Application})
	return c
}

func (p *conversation) protectPublic(c *messageProtection, content framing.FramedContent) hexBytes {
	signed := p.sign(content, framing.WireFormatPublicMessage)
	return messageOf(must(signed.SealPublic(p.suite, c.MembershipKey.secret())))
}

// protectPrivate takes the first key of the ratchet, as if each message were the only one.
func (p *conversation) protectPrivate(c *messageProtection, content framing.FramedContent) hexBytes {
	signed := p.sign(content, framing.WireFormatPrivateMessage)
	tree := p.secretTree(c.EncryptionSecret, protectionLeaves, p.sender)
	key, _, err := tree.SendingKey(keyschedule.RatchetFor(content.ContentType))
	check(err)
	return messageOf(must(signed.SealPrivate(framing.SealPrivateParams{
		Suite: p.suite, Rand: p.rand, SenderDataSecret: c.SenderDataSecret.secret(),
		Generation: key.Generation, Key: key.Key, Nonce: key.Nonce, Padding: framing.PadToMultiple(p.number(64)),
	})))
}

func makeWelcome(m *maker) *welcome {
	p, k, other := m.conversation(), m.keyPackage(0), m.keyPackage(1)
	joinerSecret := m.hash()
	joiner := must(keyschedule.NewJoinerSecret(m.suite, joinerSecret.secret()))
	member := must(joiner.Member(must(keyschedule.PSKSecret(m.suite, nil))))
	welcomeSecret := must(member.WelcomeSecret())
	epoch, _, err := member.Epoch(encoded(p.context))
	check(err)
	info := &framing.GroupInfo{GroupContext: *p.context, Signer: framing.LeafIndex(m.number(1000)),
		ConfirmationTag: must(epoch.ConfirmationTag(p.context.ConfirmedTranscriptHash))}
	check(info.Sign(m.signing(p.by)))
	w := must(framing.NewWelcome(framing.NewWelcomeParams{
		Suite: m.suite, Rand: m.rand, GroupInfo: info, WelcomeSecret: welcomeSecret, JoinerSecret: joiner.Secret(),
		Joiners: []framing.Joiner{{KeyPackage: other.KeyPackage}, {KeyPackage: k.KeyPackage}},
	}))
	return &welcome{suited: m.suited(), InitPriv: reveal(k.init.Private), SignerPub: m.public(p.by),
		KeyPackage: messageOf(k.KeyPackage), Welcome: messageOf(w)}
}

func planMessages(e extent) []func(*maker) *messages {
	if e.small {
		return forEach(makeMessages, 3)
	}
	return forEach(makeMessages, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)
}

// makeMessages takes its samples from the life of a group.
func makeMessages(m *maker, members int) *messages {
	s := m.scene(members)
	alice, bob := s.members[0], s.members[1]
	newcomer := s.newActor()
	k := s.keyPackageOf(newcomer)
	c := &messages{
		KeyPackage:  messageOf(k.KeyPackage),
		RatchetTree: alice.group.Tree().Export(),
		GroupInfo:   must(alice.group.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, alice.signer)),
		GroupSecrets: encoded(&framing.GroupSecrets{JoinerSecret: m.hash().secret(), PathSecret: m.hash().secret(),
			PSKs: []framing.PreSharedKeyID{m.pskID()}}),
		Add:          encoded(&framing.Add{KeyPackage: k.KeyPackage}),
		Remove:       encoded(&framing.Remove{Removed: bob.group.OwnLeaf()}),
		PreSharedKey: encoded(&framing.PreSharedKey{PSK: m.pskID()}),
		ReInit:       encoded(s.reInit()),
		ExternalInit: encoded(&framing.ExternalInit{KEMOutput: m.bytes(m.suite.KEMOutputSize)}),
	}
	c.GroupContextExtensions = encoded(&framing.GroupContextExtensions{Extensions: s.extensions()})
	c.Private = must(alice.group.Protect(m.bytes(20), mls.ProtectParams{AuthenticatedData: m.bytes(4)}, alice.signer)).Send[0].Message

	c.PublicProposal = must(bob.group.ProposeUpdate(mls.LeafUpdate{}, mls.ProposeParams{}, bob.signer)).Send[0].Message
	update := bodyOf[*framing.PublicMessage](c.PublicProposal).Content.Proposal
	c.Update = encoded(update)
	alice.group = must(alice.group.Handle(mls.Input{Message: c.PublicProposal})).Next

	step := must(alice.group.Commit(mls.CommitParams{
		Now: present(), Proposals: []framing.Proposal{&framing.Add{KeyPackage: k.KeyPackage}}}, alice.signer))
	c.PublicCommit = step.Send[0].Message
	c.Commit = encoded(bodyOf[*framing.PublicMessage](c.PublicCommit).Content.Commit)
	c.Welcome = must(step.Next.Adopt()).Send[0].Message

	// No client sends this, so no client is asked to make it.
	data := &framing.PublicMessage{Auth: framing.FramedContentAuthData{Signature: m.bytes(64)}, MembershipTag: m.hash()}
	data.Content = framing.FramedContent{
		GroupID: s.groupID, Epoch: alice.group.Epoch(), ContentType: framing.ContentTypeApplication, ApplicationData: m.bytes(20),
		Sender: framing.Sender{SenderType: framing.SenderTypeMember, LeafIndex: framing.LeafIndex(m.number(members))}}
	c.PublicApplication = messageOf(data)
	return c
}
