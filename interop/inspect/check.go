package inspect

import (
	"crypto/x509"
	"math"
	"strings"
	"time"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
)

// situation is what is known about a node from the structures around it.
type situation struct {
	suite   *ciphersuite.Suite // nil when nobody states it
	groupID []byte             // nil when unknown
	sender  *framing.LeafIndex // of the message, when a member sent it
	inTree  bool               // leaves were checked together with their tree
}

// maxChecked is up to how many bytes of one client's structure are decoded once more to be checked. What is larger was made to
// take memory.
const maxChecked = 1 << 20

// check adds notes to n and what is below.
func (in *inspection) check(n *Node, s situation) {
	switch n.Type {
	case "KeyPackage", "LeafNode", "Credential":
		if len(n.data) > maxChecked {
			n.note(Unchecked, "content", "%d bytes are more than any client takes", len(n.data))
			return
		}
	}
	switch n.Type {
	case "KeyPackage":
		s = in.keyPackage(n, s)
	case "GroupInfo":
		s = in.groupInfo(n, s)
	case "RatchetTree":
		if !s.inTree {
			in.bareTree(n, s)
			s.inTree = true
		}
	case "PublicMessage", "AuthenticatedContent":
		s = in.content(n, s)
	case "PrivateMessage":
		n.note(Unchecked, "content", "encrypted; only members of this epoch read it")
	case "LeafNode":
		if !s.inTree {
			in.leafNode(n, s)
		}
	case "Lifetime":
		in.lifetime(n)
	case "Credential":
		certificates(n)
	case "CustomProposal":
		if len(n.Children) > 0 && n.Children[0].Field == "proposal_data" {
			n.note(Unchecked, "body", "taken for opaque<V>; if the type has another, --body says so, else what follows is misread")
		}
	}
	for _, child := range n.Children {
		in.check(child, s)
	}
}

// decode reads the node's bytes again as a value. A node that was cut short does not decode.
func decode[T any, P interface {
	*T
	framing.Value
}](n *Node) (P, bool) {
	return decodeBy[T, P](n, nil)
}

// decodeBy does what decode does for structures in which proposals can be.
func decodeBy[T any, P interface {
	*T
	framing.Value
}](n *Node, bodies framing.Bodies) (P, bool) {
	v := P(new(T))
	return v, n.Missing == 0 && bodies.Unmarshal(n.data, v) == nil
}

// suite makes a cipher suite, or says in a note why not.
func (in *inspection) suite(n *Node, cs ciphersuite.CipherSuite) *ciphersuite.Suite {
	suite, err := ciphersuite.New(cs)
	if err != nil {
		n.note(Unchecked, "signatures and hashes", "%v", err)
		return nil
	}
	return suite
}

func (in *inspection) keyPackage(n *Node, s situation) situation {
	k, ok := decode[framing.KeyPackage](n)
	if !ok {
		return s
	}
	s = situation{suite: in.suite(n, k.CipherSuite)}
	if s.suite == nil {
		return s
	}
	if ref, err := k.Ref(s.suite); err == nil {
		n.note(Fact, "KeyPackageRef", "%x", []byte(ref))
	}
	err := k.VerifySignature(s.suite)
	n.judge("signature of KeyPackage", err)
	if err == nil {
		n.judge("fit to be added while it lasts (Section 10.1)", fitness(k))
	}
	return s
}

// fitness returns why nobody would add a KeyPackage even in its lifetime, nil when nothing speaks against it. Whether it is in
// its lifetime, and how long that is, are notes of their own.
func fitness(k *framing.KeyPackage) error {
	message, err := framing.Marshal(&framing.Message{Body: k})
	if err != nil {
		return err
	}
	begin := time.Unix(int64(min(k.LeafNode.Lifetime.NotBefore, math.MaxInt64>>1)), 0)
	_, err = mls.VerifyKeyPackage(mls.VerifyKeyPackageParams{Message: message, Now: begin, Params: mls.Params{MaxLifetime: -1}})
	return err
}

func (in *inspection) leafNode(n *Node, s situation) {
	leaf, ok := decode[framing.LeafNode](n)
	if !ok {
		return
	}
	const about = "signature of LeafNode"
	suite, assumed := s.suite, ""
	if suite == nil {
		if suite, assumed = in.suiteOfKeys(leaf.EncryptionKey, leaf.SignatureKey); suite == nil {
			n.note(Unchecked, about, "takes the cipher suite")
			return
		}
	}
	index := framing.LeafIndex(0)
	if leaf.LeafNodeSource != framing.LeafNodeSourceKeyPackage {
		if s.groupID == nil || s.sender == nil {
			n.note(Unchecked, about, "takes the group ID and the leaf's index")
			return
		}
		index = *s.sender
	}
	if err := leaf.VerifySignature(suite, s.groupID, index); err != nil {
		n.note(Fails, about, "%v%s", err, assumed)
		return
	}
	n.note(Holds, about, "%s", strings.TrimPrefix(assumed, ", "))
}

// suiteOfKeys guesses the cipher suite by the size of keys, which determines everything but the AEAD.
func (in *inspection) suiteOfKeys(encryption ciphersuite.HPKEPublicKey, signature ciphersuite.SignaturePublicKey) (*ciphersuite.Suite, string) {
	candidates := ciphersuite.All()
	if in.CipherSuite != 0 {
		candidates = []ciphersuite.CipherSuite{in.CipherSuite}
	}
	for _, cs := range candidates {
		suite, err := ciphersuite.New(cs)
		switch {
		case err != nil:
		case in.CipherSuite != 0:
			return suite, ""
		case suite.HPKEPublicKeySize == len(encryption) && suite.SignaturePublicKeySize == len(signature):
			return suite, ", by the algorithms of " + suite.Name
		}
	}
	return nil, ""
}

// content checks what can be checked of a message that is not encrypted.
func (in *inspection) content(n *Node, s situation) situation {
	var u *framing.UnverifiedContent
	if m, ok := decodeBy[framing.PublicMessage](n, in.Bodies); ok && n.Type == "PublicMessage" {
		u = m.Unverified()
		if u.Content.Sender.SenderType == framing.SenderTypeMember {
			n.note(Unchecked, "membership_tag", "takes the secrets of the epoch")
		}
	} else if u, ok = decodeBy[framing.UnverifiedContent](n, in.Bodies); !ok {
		return s
	}
	s.groupID = u.Content.GroupID
	if u.Content.Sender.SenderType == framing.SenderTypeMember {
		s.sender = &u.Content.Sender.LeafIndex
	}
	s.suite = in.suiteOfContent(&u.Content)
	if u.Content.ContentType == framing.ContentTypeProposal {
		if s.suite == nil {
			n.note(Unchecked, "ProposalRef", "takes the cipher suite")
		} else if ref, err := u.ProposalRef(s.suite); err == nil {
			n.note(Fact, "ProposalRef", "%x", []byte(ref))
		}
	}
	const about = "signature of FramedContent"
	if u.Content.Sender.SenderType != framing.SenderTypeNewMemberProposal || s.suite == nil {
		n.note(Unchecked, about, "takes the sender's key and the group context")
		return s
	}
	_, err := u.Verify(framing.VerifyParams{Suite: s.suite})
	n.judge(about, err)
	return s
}

// suiteOfContent returns the suite that the content states somewhere, or that its keys belong to.
func (in *inspection) suiteOfContent(c *framing.FramedContent) *ciphersuite.Suite {
	cs := in.CipherSuite
	if add, ok := c.Proposal.(*framing.Add); ok && cs == 0 {
		cs = add.KeyPackage.CipherSuite
	}
	if cs != 0 {
		suite, err := ciphersuite.New(cs)
		if err != nil {
			return nil
		}
		return suite
	}
	var leaf *framing.LeafNode
	if update, ok := c.Proposal.(*framing.Update); ok {
		leaf = &update.LeafNode
	} else if c.Commit != nil && c.Commit.Path != nil {
		leaf = &c.Commit.Path.LeafNode
	} else {
		return nil
	}
	suite, _ := in.suiteOfKeys(leaf.EncryptionKey, leaf.SignatureKey)
	return suite
}

func (in *inspection) lifetime(n *Node) {
	l, ok := decode[framing.Lifetime](n)
	if !ok {
		return
	}
	if l.NotAfter < l.NotBefore {
		n.note(Fails, "lifetime", "ends before it begins")
		return
	}
	days, hours := (l.NotAfter-l.NotBefore)/86400, (l.NotAfter-l.NotBefore)%86400/3600
	state := ""
	switch now := uint64(max(in.Now.Unix(), 0)); {
	case in.Now.IsZero():
	case now < l.NotBefore:
		state = ", not begun yet"
	case now > l.NotAfter:
		state = ", expired"
	default:
		state = ", valid now"
	}
	if days >= 366 && (days > 366 || hours > 0) {
		state += ", longer than mls.VerifyKeyPackage takes by default"
	}
	n.note(Fact, "lifetime", "%s and %s%s", count(int(days), "day"), count(int(hours), "hour"), state)
}

// certificates notes the subjects of the certificates of an x509 credential. Whether to trust them is for others to decide.
func certificates(n *Node) {
	c, ok := decode[framing.Credential](n)
	if !ok || c.Type != framing.CredentialTypeX509 || len(n.Children) != 2 {
		return
	}
	for _, child := range n.Children[1].Children {
		cert, err := x509.ParseCertificate(child.data)
		if err != nil {
			child.note(Fails, "certificate", "%s", printable([]byte(err.Error())))
			continue
		}
		child.note(Fact, "subject", "%s", printable([]byte(cert.Subject.String())))
		child.note(Fact, "validity", "%s to %s", cert.NotBefore.UTC().Format(time.DateOnly), cert.NotAfter.UTC().Format(time.DateOnly))
	}
}
