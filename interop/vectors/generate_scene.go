package vectors

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// scene is a group with all its members, and a passive client among them whose view becomes a case.
type scene struct {
	*maker
	groupID []byte
	mixed   bool // whether some members send handshake messages as PrivateMessage, or all as PublicMessage
	members []*actor
	former  []*actor // were removed, and may come back
	passive *actor   // only listens; nil until it joins
	psks    []externalPSK
	used    map[string]bool // ids of the PSKs that the passive client needs
	outside signer          // may propose without being a member, while the group context lists it
	since   framing.Epoch   // in which everybody was a member, and knows the resumption PSK
	actors  int
	record  *passiveClient
}

// actor is a client in a scene.
type actor struct {
	name   string
	signer signer
	next   signer // takes the place of signer once a leaf with it is in the tree
	params mls.Params
	own    *mls.OwnKeyPackage // for the next Welcome
	group  *mls.Group
}

// scene makes a group whose members send PublicMessages. The first of them has added the others.
func (m *maker) scene(members int) *scene {
	s := &scene{maker: m}
	s.begin(members)
	return s
}

func (s *scene) begin(members int) {
	s.groupID, s.outside = s.bytes(16), s.maker.signer()
	s.used = map[string]bool{}
	for range 3 {
		s.psks = append(s.psks, externalPSK{ID: s.bytes(8), PSK: s.bytes(16 + s.number(32))})
	}
	s.record = &passiveClient{suited: s.suited(), ExternalPSKs: []externalPSK{}, Epochs: []passiveEpoch{}}
	first := s.newActor()
	first.group = must(mls.Create(mls.CreateParams{CipherSuite: s.suite.CipherSuite(), GroupID: s.groupID,
		Leaf: s.client(first), Lifetime: always(), Params: first.params})).Next
	s.members = []*actor{first}
	if members > 1 {
		s.play(round{byValue: slices.Repeat([]change{changeAdd}, members-1)})
	}
}

// newActor makes a client that is in no group.
func (s *scene) newActor() *actor {
	name := fmt.Sprintf("client %d", s.actors)
	s.actors++
	a := &actor{name: name, signer: s.maker.signer(), params: groupParams()}
	mlstest.Seed(&a.params, s.name+", "+name)
	if s.mixed && s.oneIn(2) {
		a.params.Handshake, a.params.Padding = mls.HandshakePrivate, framing.PadToMultiple(s.number(100))
	}
	return a
}

// client returns the parameters of an actor's leaves.
func (s *scene) client(a *actor) mls.LeafParams {
	return mls.LeafParams{Credential: framing.BasicCredential([]byte(a.name)), Signer: a.signer, Capabilities: s.capabilities()}
}

// keyPackageOf makes a KeyPackage, and lets the actor wait for a Welcome.
func (s *scene) keyPackageOf(a *actor) *mls.OwnKeyPackage {
	a.own = must(mls.NewKeyPackage(mls.KeyPackageParams{
		CipherSuite: s.suite.CipherSuite(), Leaf: s.client(a), Lifetime: always(), Params: a.params}))
	return a.own
}

// newcomer returns an actor to add, now and then one that was a member before.
func (s *scene) newcomer() *actor {
	if len(s.former) == 0 || s.oneIn(3) {
		return s.newActor()
	}
	i := s.number(len(s.former))
	a := s.former[i]
	s.former = slices.Delete(s.former, i, i+1)
	return a
}

// known returns the PSKs that every client has.
func (s *scene) known() mls.PSKs {
	var list mls.PSKs
	for _, p := range s.psks {
		list = append(list, mls.PSK{ID: mls.ExternalPSKID(p.ID), Secret: p.PSK.secret()})
	}
	return list
}

// draw names one of the PSKs for the group to use. The case lists those that the passive client needs, no others.
func (s *scene) draw(invite bool) framing.PreSharedKeyID {
	p := pick(s.maker, s.psks)
	if (invite || s.passive != nil) && !s.used[string(p.ID)] {
		s.used[string(p.ID)] = true
		s.record.ExternalPSKs = append(s.record.ExternalPSKs, p)
	}
	return mls.ExternalPSKID(p.ID)
}

// active returns the members that act, without those in busy.
func (s *scene) active(busy ...*actor) []*actor {
	return slices.DeleteFunc(slices.Clone(s.members), func(a *actor) bool { return a == s.passive || slices.Contains(busy, a) })
}

// epoch returns the current epoch.
func (s *scene) epoch() framing.Epoch { return s.members[0].group.Epoch() }

// extensions draws extensions for the group context.
func (s *scene) extensions() framing.Extensions {
	list := framing.Extensions{{Type: privateUse, Data: s.bytes(s.number(20))}}
	if s.oneIn(2) {
		list = append(list, must(framing.NewExtension(&framing.RequiredCapabilities{
			ExtensionTypes: []framing.ExtensionType{privateUse}, CredentialTypes: []framing.CredentialType{framing.CredentialTypeBasic}})))
	}
	if s.listsOutside() && s.oneIn(2) {
		return list
	}
	return append(list, must(framing.NewExtension(&framing.ExternalSenders{{
		SignatureKey: ciphersuite.SignaturePublicKey(s.public(s.outside)), Credential: framing.BasicCredential([]byte("outside"))}})))
}

// listsOutside reports whether the group lets the outside sender propose.
func (s *scene) listsOutside() bool {
	_, ok := s.members[0].group.Context().Extensions.Find(framing.ExtensionTypeExternalSenders)
	return ok
}

// reInit announces a successor, of the same suite or another.
func (s *scene) reInit() *framing.ReInit {
	return &framing.ReInit{GroupID: s.bytes(16), Version: framing.MLS10, CipherSuite: pick(s.maker, ciphersuite.All()),
		Extensions: s.extensions()}
}

// deliver lets everybody but some handle a message.
func (s *scene) deliver(message []byte, but ...*actor) {
	for _, a := range s.members {
		if !slices.Contains(but, a) {
			a.group = must(a.group.Handle(mls.Input{Message: message, Now: present(), PSKs: s.known()})).Next
		}
	}
}

// settle updates the list of members after a commit, and checks that all agree.
func (s *scene) settle(joined ...*actor) hexBytes {
	gone := func(a *actor) bool { return a.group.Status() == mls.StatusRemoved }
	for _, a := range s.members {
		if gone(a) && !slices.Contains(joined, a) {
			s.former = append(s.former, a)
		}
	}
	s.members = append(slices.DeleteFunc(s.members, gone), joined...)
	if len(joined) > 0 {
		s.since = s.epoch()
	}
	want := must(s.members[0].group.EpochAuthenticator())
	for _, a := range s.members {
		if !bytes.Equal(must(a.group.EpochAuthenticator()), want) {
			check(errors.New("members disagree about the group"))
		}
		if key := a.group.Tree().SignatureKey(a.group.OwnLeaf()); a.next.Signer != nil && bytes.Equal(key, s.public(a.next)) {
			a.signer, a.next = a.next, signer{}
		}
	}
	return want
}

// note adds an epoch to the case, once the passive client is there.
func (s *scene) note(e passiveEpoch) {
	if s.passive != nil && s.passive.group != nil {
		s.record.Epochs = append(s.record.Epochs, e)
	}
}
