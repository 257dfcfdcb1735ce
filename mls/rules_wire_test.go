package mls_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"runtime"

	"github.com/stretchr/testify/require"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// wireRules returns the tests of area (a).
func wireRules() []ruleTest {
	return []ruleTest{
		{"V-WIRE-01", "decoder", "too long a form", func(a *attempt) {
			id := func(n int) []byte { return make([]byte, n) }
			for _, n := range []int{0, 1, 63, 64, 16383, 16384} { // the limits of the forms decode
				a.holds(framing.Unmarshal(shortest(id(n)), new(framing.ApplicationID)) == nil, "%d bytes", n)
			}
			for _, bad := range [][]byte{
				append([]byte{0x40, 63}, id(63)...), append([]byte{0x80, 0, 0, 63}, id(63)...),
				append([]byte{0x80, 0, 0x3f, 0xff}, id(16383)...), {0x40, 0},
			} {
				a.refusesDecoding(new(framing.ApplicationID), bad, shortest(id(63)))
			}
		}},
		{"V-WIRE-02", "decoder", "", func(a *attempt) {
			for first := 0xc0; first <= 0xff; first++ {
				bad := append([]byte{byte(first)}, make([]byte, 300)...)
				a.refusesDecoding(new(framing.ApplicationID), bad, shortest(make([]byte, 300)))
			}
		}},
		{"V-WIRE-03", "decoder", "", func(a *attempt) {
			k := mlstest.Marshal(a, newMember(a.T, "alice").KeyPackage(a).KeyPackage)
			for n := range k {
				a.refusesDecoding(new(framing.KeyPackage), k[:n], k)
			}
		}},
		{"V-WIRE-03", "public", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			a.cutShort(bob.Group, alice.Propose(&framing.Remove{Removed: 2}))
		}},
		{"V-WIRE-03", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			a.cutShort(bob.Group, alice.Say("hello"))
		}},
		{"V-WIRE-03", "welcome", "", func(a *attempt) {
			alice, w := a.welcomed()
			genuine := w.by(alice.Insider(), nil)
			for n := 0; n < len(genuine.Welcome); n += 1 + n/16 {
				a.refusesJoin(w.params(genuine.Welcome[:n]), genuine)
			}
		}},
		{"V-WIRE-03", "groupinfo", "", func(a *attempt) {
			alice, _, _ := a.trio()
			genuine := alice.Info()
			for n := 0; n < len(genuine); n += 1 + n/4 {
				a.refusesObserving(mlstest.NewParty(a, testSuite, "dave"), genuine[:n], nil, genuine)
			}
		}},
		{"V-WIRE-04", "decoder", "", func(a *attempt) {
			bad := []byte{0xbf, 0xff, 0xff, 0xff, 1, 2, 3, 4, 5}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			for _, v := range []framing.Value{new(framing.ApplicationID), new(framing.ExternalSenders), new(framing.RatchetTree)} {
				a.gives(framing.Unmarshal(bad, v))
			}
			runtime.ReadMemStats(&after)
			a.holds(after.TotalAlloc-before.TotalAlloc < 1<<20, "takes %d bytes", after.TotalAlloc-before.TotalAlloc)
		}},
		{"V-WIRE-05", "decoder", "ends within an element", func(a *attempt) {
			genuine := []byte{4, 0, 1, 0, 2, 0, 0} // two extension types, no proposals, no credentials
			a.refusesDecoding(new(framing.RequiredCapabilities), []byte{3, 0, 1, 0, 2, 0, 0}, genuine)
		}},
		{"V-WIRE-05", "decoder", "element beyond the end", func(a *attempt) {
			tree := mlstest.NewTree(a, newCast(a.T, "alice")[0].Group.Tree()).Export(a)
			n, size := int(binary.BigEndian.Uint16(tree)&0x3fff), 2
			bad := binary.BigEndian.AppendUint16(nil, 0x4000|uint16(n-1))
			a.refusesDecoding(new(framing.RatchetTree), append(bad, tree[size:]...), tree)
		}},
		{"V-WIRE-06", "decoder", "", func(a *attempt) {
			for _, octet := range []byte{2, 3, 0x80, 0xff} {
				a.refusesDecoding(new(framing.Commit), []byte{0, octet}, []byte{0, 0})
				a.refusesDecoding(new(framing.RatchetTree), []byte{1, octet}, []byte{1, 0})
				a.refusesDecoding(new(framing.GroupSecrets), []byte{1, 7, octet, 0}, []byte{1, 7, 0, 0})
			}
		}},
		{"V-WIRE-07", "decoder", "", closedEnumerations},
		{"V-WIRE-08", "decoder", "", openRegistries},
		{"V-WIRE-09", "decoder", "", func(a *attempt) {
			genuine := newCast(a.T, "alice")[0].Info()
			for at, values := range map[int][]byte{1: {0, 2, 255}, 3: {0, 6, 255}} { // version, wire format
				for _, v := range values {
					bad := bytes.Clone(genuine)
					bad[at] = v
					a.refusesDecoding(new(framing.Message), bad, genuine)
				}
			}
		}},
		{"V-WIRE-09", "public", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			genuine := alice.Propose(&framing.Remove{Removed: 2})
			w := a.newWelcomed()
			keyPackage := must(w.own.Message())
			for _, bad := range [][]byte{keyPackage, alice.Info(), w.by(bob.Insider(), nil).Welcome} {
				a.refusesMessage(bob.Group, bad, genuine)
			}
		}},
		{"V-WIRE-09", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			genuine := alice.Say("hello")
			bad := bytes.Clone(genuine)
			bad[3] = byte(framing.WireFormatKeyPackage)
			a.refusesMessage(bob.Group, bad, genuine)
		}},
		{"V-WIRE-09", "welcome", "", func(a *attempt) {
			alice, w := a.welcomed()
			genuine := w.by(alice.Insider(), nil)
			for _, bad := range [][]byte{alice.Info(), alice.Say("hello"), alice.Propose(&framing.Remove{Removed: 2})} {
				a.refusesJoin(w.params(bad), genuine)
			}
		}},
		{"V-WIRE-09", "groupinfo", "", func(a *attempt) {
			alice, _, _ := a.trio()
			genuine := alice.Info()
			keyPackage := must(alice.KeyPackage(a).Message())
			for _, bad := range [][]byte{keyPackage, alice.Say("hello")} {
				a.refusesObserving(mlstest.NewParty(a, testSuite, "dave"), bad, nil, genuine)
				a.gives(failure(alice.Observe().Handle(input(bad))))
			}
		}},
		{"V-WIRE-10", "public", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			genuine := alice.Propose(&framing.Remove{Removed: 2})
			a.refusesMessage(bob.Group, append(bytes.Clone(genuine), 0), genuine)
			a.refusesMessage(bob.Group, append(bytes.Clone(genuine), genuine[len(genuine)-33:]...), genuine) // a second tag
		}},
		{"V-WIRE-10", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			genuine := alice.Say("hello")
			a.refusesMessage(bob.Group, append(bytes.Clone(genuine), 0), genuine)
		}},
		{"V-WIRE-10", "welcome", "", func(a *attempt) {
			alice, w := a.welcomed()
			genuine := w.by(alice.Insider(), nil)
			a.refusesJoin(w.params(append(bytes.Clone(genuine.Welcome), 0)), genuine)
		}},
		{"V-WIRE-10", "groupinfo", "", func(a *attempt) {
			alice, _, _ := a.trio()
			genuine := alice.Info()
			a.refusesObserving(mlstest.NewParty(a, testSuite, "dave"), append(bytes.Clone(genuine), 0), nil, genuine)
		}},
		{"V-WIRE-11", "decoder", "", func(a *attempt) {
			for _, x := range []framing.ExtensionValue{
				&framing.RequiredCapabilities{}, &framing.ApplicationID{}, &framing.ExternalSenders{}, &framing.ExternalPub{},
			} {
				genuine := extension(a.T, x)
				bad := framing.Extension{Type: genuine.Type, Data: append(bytes.Clone(genuine.Data), 0)}
				a.gives(framing.Extensions{bad}.Check())
				a.gives(failure(framing.Extensions{bad}.Get(x)))
				require.NoError(a, framing.Extensions{genuine}.Check())
			}
		}},
		{"V-WIRE-11", "keypackage", "", func(a *attempt) {
			alice, dave := a.outsider()
			bad := dave.ForgeKeyPackage(a, func(l *framing.LeafNode) {
				l.Extensions = framing.Extensions{{Type: framing.ExtensionTypeApplicationID, Data: []byte{1, 'x', 0}}}
			}, nil)
			a.refusesMessage(alice.Group, fromNewcomer(dave, alice.Group, proposing(&framing.Add{KeyPackage: bad})),
				fromNewcomer(dave, alice.Group, proposing(dave.Add())))
		}},
		{"V-WIRE-11", "value", "", func(a *attempt) {
			alice, in := a.insider()
			bad := in.Commit(a, func(d *mlstest.Draft) {
				d.Proposals = in.ByValue(&framing.GroupContextExtensions{Extensions: framing.Extensions{
					{Type: framing.ExtensionTypeRequiredCapabilities, Data: []byte{0, 0, 0, 0}}}})
			})
			a.refusesMessage(alice.Group, bad.Commit, in.Commit(a, nil).Commit)
			add := newMember(a.T, "dave").Add() // is judged in the light of what the extensions demand
			bad = in.Commit(a, func(d *mlstest.Draft) {
				d.Proposals, d.Welcome = in.ByValue(add, &framing.GroupContextExtensions{Extensions: framing.Extensions{
					{Type: framing.ExtensionTypeRequiredCapabilities, Data: []byte{0, 0, 0, 0}}}}), false
			})
			a.refusesMessage(alice.Group, bad.Commit, a.over(in, add))
		}},
		{"V-WIRE-11", "welcome", "group secrets", func(a *attempt) {
			alice, w := a.welcomed()
			a.refusesJoin(w.by(alice.Insider(), func(d *mlstest.Draft) {
				d.OnSecretsPlain = func(_ int, plain []byte) []byte { return append(plain, 0) }
			}), w.by(alice.Insider(), nil))
		}},
		{"V-WIRE-11", "welcome", "group info", func(a *attempt) {
			alice, w := a.welcomed()
			a.refusesJoin(w.by(alice.Insider(), func(d *mlstest.Draft) {
				d.OnInfoPlain = func(plain []byte) []byte { return append(plain, 0) }
			}), w.by(alice.Insider(), nil))
		}},
		{"V-WIRE-11", "private", "", func(a *attempt) {
			alice, in := a.insider()
			a.refusesMessage(alice.Group, in.Say(a, "hello", func(c *mlstest.Content) {
				c.OnSenderPlain = func(plain []byte) []byte { return append(plain, 0) }
			}), in.Say(a, "hello", nil))
		}},
		{"V-WIRE-11", "tree", "", func(a *attempt) {
			alice, _, _ := a.trio()
			in, dave := alice.Insider(), mlstest.NewParty(a, testSuite, "dave")
			tree := append(in.Tree.Export(a), 0)
			a.refusesObserving(dave, in.GroupInfo(a, func(i *framing.GroupInfo) { i.Extensions[0].Data = tree }), nil, alice.Info())
			bare := in.GroupInfo(a, func(i *framing.GroupInfo) { i.Extensions = i.Extensions[1:] })
			a.refusesObserving(dave, bare, tree, alice.Info())
			w := a.newWelcomed()
			bad, genuine := w.by(in, func(d *mlstest.Draft) {
				d.OnGroupInfo = func(i *framing.GroupInfo) { i.Extensions[0].Data = append(bytes.Clone(i.Extensions[0].Data), 0) }
			}), w.by(in, nil)
			a.refusesJoin(bad, genuine)
		}},
		{"V-WIRE-11", "groupinfo", "", func(a *attempt) {
			alice, _, _ := a.trio()
			in := alice.Insider()
			a.refusesObserving(mlstest.NewParty(a, testSuite, "dave"), in.GroupInfo(a, func(i *framing.GroupInfo) {
				i.Extensions[1].Data = append(bytes.Clone(i.Extensions[1].Data), 0) // external_pub
			}), nil, alice.Info())
		}},
		{"V-WIRE-12", "decoder", "", anyBytes},
		{"V-WIRE-13", "public", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			a.tooLarge(bob, alice.Propose(&framing.Remove{Removed: 2}))
		}},
		{"V-WIRE-13", "private", "", func(a *attempt) {
			alice, bob, _ := a.trio()
			a.tooLarge(bob, alice.Say("hello"))
		}},
		{"V-WIRE-13", "welcome", "", func(a *attempt) {
			alice, w := a.welcomed()
			genuine := w.by(alice.Insider(), nil)
			genuine.Params.MaxMessage = len(genuine.Welcome)
			bad := genuine
			bad.Params.MaxMessage--
			a.refusesJoin(bad, genuine)
		}},
		{"V-WIRE-13", "groupinfo", "", func(a *attempt) {
			alice, _, _ := a.trio()
			dave := mlstest.NewParty(a, testSuite, "dave")
			info := alice.Insider().GroupInfo(a, func(i *framing.GroupInfo) { // larger than the tree with dave in it
				i.Extensions = append(i.Extensions, framing.Extension{Type: strange, Data: make([]byte, 400)})
			})
			dave.Params.MaxMessage = len(info)
			a.refusesObserving(dave, append(bytes.Clone(info), 0), nil, info)
		}},
		{"V-WIRE-13", "groupinfo", "extensions, without the tree", func(a *attempt) {
			alice, _, _ := a.trio()
			dave := mlstest.NewParty(a, testSuite, "dave")
			dave.Params.MaxExtension = 50 // the tree is larger, and its own limit is that of messages
			a.refusesObserving(dave, alice.Insider().GroupInfo(a, func(i *framing.GroupInfo) {
				i.Extensions = append(i.Extensions, framing.Extension{Type: strange, Data: make([]byte, 51)})
			}), nil, alice.Info())
		}},
		{"V-WIRE-13", "tree", "", func(a *attempt) {
			alice, _, _ := a.trio()
			dave := mlstest.NewParty(a, testSuite, "dave")
			dave.Params.MaxLeaves = 4
			in := alice.Insider()
			larger := in.Tree.Clone()
			for range 2 {
				larger.Add(&dave.KeyPackage(a).KeyPackage.LeafNode)
			}
			a.refusesObserving(dave, in.GroupInfo(a, func(info *framing.GroupInfo) {
				info.Extensions[0].Data = larger.Export(a)
			}), nil, in.GroupInfo(a, nil))
		}},
		{"V-WIRE-14", "public", "", func(a *attempt) {
			alice, in := a.insider()
			genuine := in.Send(a, framing.ContentTypeProposal, proposing(&framing.Remove{Removed: 2}))
			for _, i := range farLeaves() {
				a.refusesMessage(alice.Group, in.Resend(a, genuine, func(m *framing.PublicMessage) { m.Content.Sender.LeafIndex = i }), genuine)
			}
		}},
		{"V-WIRE-14", "private", "", func(a *attempt) {
			alice, in := a.insider()
			genuine := in.Say(a, "hello", nil)
			for _, i := range farLeaves() {
				a.refusesMessage(alice.Group, in.Say(a, "hello", func(c *mlstest.Content) {
					c.OnSender = func(s *framing.SenderData) { s.LeafIndex = i }
				}), genuine)
			}
		}},
		{"V-WIRE-14", "proposal", "", func(a *attempt) {
			alice, in := a.insider()
			for _, i := range farLeaves() {
				bad, _ := in.Propose(a, &framing.Remove{Removed: i}, nil)
				genuine, _ := in.Propose(a, &framing.Remove{Removed: 2}, nil)
				a.refusesMessage(alice.Group, bad, genuine)
			}
		}},
		{"V-WIRE-14", "value", "", func(a *attempt) {
			alice, in := a.insider()
			for _, i := range farLeaves() {
				bad := in.Commit(a, func(d *mlstest.Draft) { d.Proposals = in.ByValue(&framing.Remove{Removed: i}) })
				a.refusesMessage(alice.Group, bad.Commit, in.Commit(a, nil).Commit)
			}
		}},
		{"V-WIRE-14", "tree", "", func(a *attempt) {
			_, bob, carol := a.trio()
			carol.Commit(mls.CommitParams{ForcePath: true}, bob)
			in := bob.Insider()
			genuine := in.GroupInfo(a, nil)
			for _, i := range farLeaves()[1:] {
				in := bob.Insider()
				in.Tree.Parent(3).UnmergedLeaves = []framing.LeafIndex{i}
				in.Context.TreeHash = in.Tree.Hash()
				a.refusesObserving(mlstest.NewParty(a, testSuite, "dave"), in.GroupInfo(a, nil), nil, genuine)
			}
		}},
		{"V-WIRE-14", "groupinfo", "", func(a *attempt) {
			alice, _, _ := a.trio()
			in := alice.Insider()
			for _, i := range farLeaves() {
				bad := in.GroupInfo(a, func(info *framing.GroupInfo) { info.Signer = i })
				a.refusesObserving(mlstest.NewParty(a, testSuite, "dave"), bad, nil, in.GroupInfo(a, nil))
			}
		}},
		{"V-WIRE-15", "decoder", "", func(a *attempt) {
			alice, _, _ := a.trio()
			for _, message := range [][]byte{alice.Info(), alice.Say("hello"), alice.Propose(&framing.Remove{Removed: 2})} {
				var m framing.Message
				require.NoError(a, framing.Unmarshal(message, &m))
				a.holds(bytes.Equal(message, mlstest.Marshal(a, &m)), "%T encodes otherwise", m.Body)
			}
		}},
	}
}

// shortest returns data as opaque<V>.
func shortest(data []byte) []byte {
	b, err := framing.Marshal(&framing.ApplicationID{ApplicationID: data})
	if err != nil {
		panic(err)
	}
	return b
}

// farLeaves returns leaves that a tree of three members does not have: the blank one, those right beyond its end, those
// around the largest trees, and those whose nodes have no number of 32 bits.
func farLeaves() []framing.LeafIndex {
	return []framing.LeafIndex{3, 4, 5, 1<<20 - 1, 1 << 20, 1<<20 + 1, 1<<31 - 1, 1 << 31, 1<<31 + 1, 1<<32 - 1}
}

// cutShort hands every beginning of a message to g.
func (a *attempt) cutShort(g *mls.Group, genuine []byte) {
	a.Helper()
	for n := range genuine {
		a.refusesMessage(g, genuine[:n], genuine)
	}
}

// tooLarge gives a member a limit one byte below a message. The limit comes with joining, so that it joins anew.
func (a *attempt) tooLarge(p *mlstest.Member, message []byte) {
	a.Helper()
	p.Params.MaxMessage = len(message)
	again := p.Reloaded()
	a.refusesMessage(again, append(bytes.Clone(message), 0), message)
}

// closedEnumerations sets every octet that selects a variant to what is not defined.
func closedEnumerations(a *attempt) {
	psk := framing.PreSharedKeyID{PSKType: framing.PSKTypeResumption, Usage: framing.ResumptionPSKUsageApplication}
	leaf := framing.LeafNode{LeafNodeSource: framing.LeafNodeSourceUpdate}
	content := framing.FramedContent{
		Sender: framing.Sender{SenderType: framing.SenderTypeNewMemberCommit}, ContentType: framing.ContentTypeApplication}
	for _, c := range []struct {
		v    framing.Value
		at   int
		last byte
	}{
		{&framing.Sender{SenderType: framing.SenderTypeMember}, 0, 4},
		{&content, 9, 4},
		{&content, 11, 3},
		{&framing.PrivateMessage{ContentType: framing.ContentTypeApplication}, 9, 3},
		{&psk, 0, 2},
		{&psk, 1, 3},
		{&framing.ProposalOrRef{Reference: framing.ProposalRef{1}}, 0, 2},
		{&framing.Node{LeafNode: &leaf}, 0, 2},
		{&leaf, len(mlstest.Marshal(a, &leaf)) - 3, 3}, // before extensions and signature
	} {
		genuine := mlstest.Marshal(a, c.v)
		for _, value := range []byte{0, c.last + 1, 255} {
			bad := bytes.Clone(genuine)
			require.LessOrEqual(a, bad[c.at], c.last, "%T: not an enumeration", c.v)
			bad[c.at] = value
			a.refusesDecoding(c.v, bad, genuine)
		}
	}
}

// openRegistries decodes unknown code points wherever RFC 9420 leaves a registry open.
func openRegistries(a *attempt) {
	codes := []uint16{0, 0x0a0a, 0x1234, 0xf000, 0xffff}
	for _, code := range codes {
		list := framing.Capabilities{Versions: []framing.ProtocolVersion{framing.ProtocolVersion(code)},
			CipherSuites: []ciphersuite.CipherSuite{ciphersuite.CipherSuite(code)}, Extensions: []framing.ExtensionType{framing.ExtensionType(code)},
			Proposals: []framing.ProposalType{framing.ProposalType(code)}, Credentials: []framing.CredentialType{framing.CredentialType(code)}}
		for _, v := range []struct{ in, out framing.Value }{
			{&list, new(framing.Capabilities)},
			{&framing.RequiredCapabilities{ExtensionTypes: list.Extensions, ProposalTypes: list.Proposals, CredentialTypes: list.Credentials},
				new(framing.RequiredCapabilities)},
			{&framing.KeyPackage{CipherSuite: ciphersuite.CipherSuite(code), LeafNode: framing.LeafNode{LeafNodeSource: framing.LeafNodeSourceKeyPackage,
				Credential: framing.Credential{Type: framing.CredentialType(code)}, Capabilities: list}}, new(framing.KeyPackage)},
			{&framing.GroupContext{CipherSuite: ciphersuite.CipherSuite(code), Extensions: framing.Extensions{{Type: framing.ExtensionType(code)}}},
				new(framing.GroupContext)},
			{&framing.Welcome{CipherSuite: ciphersuite.CipherSuite(code)}, new(framing.Welcome)},
			{&framing.Extension{Type: framing.ExtensionType(code), Data: []byte{1, 2}}, new(framing.Extension)},
			{&framing.Credential{Type: framing.CredentialType(code), Data: []byte{1, 2}}, new(framing.Credential)},
			{&framing.ReInit{CipherSuite: ciphersuite.CipherSuite(code), Version: framing.ProtocolVersion(code)}, new(framing.ReInit)},
		} {
			data := mlstest.Marshal(a, v.in)
			require.NoError(a, framing.Unmarshal(data, v.out), "%T with 0x%04x", v.in, code)
			a.holds(bytes.Equal(data, mlstest.Marshal(a, v.out)), "%T with 0x%04x encodes otherwise", v.in, code)
		}
		data := mlstest.Marshal(a, &framing.TaggedProposal{Proposal: &framing.CustomProposal{Type: framing.ProposalType(code), Data: []byte{7}}})
		var p framing.TaggedProposal
		require.NoError(a, framing.Unmarshal(data, &p))
		a.holds(p.Proposal.ProposalType() == framing.ProposalType(code), "proposal type 0x%04x is lost", code)
	}
}

// anyBytes hands damaged messages to every function that takes messages: none of them panics or takes a damaged one.
func anyBytes(a *attempt) {
	alice, bob, _ := a.trio()
	w := a.newWelcomed()
	samples := [][]byte{alice.Info(), alice.Propose(&framing.Remove{Removed: 2}), w.by(bob.Insider(), nil).Welcome,
		alice.Insider().Commit(a, nil).Commit, alice.Insider().Say(a, "hello", nil)}
	rng := rand.New(rand.NewPCG(7, 7))
	before := whole(a, bob.Group)
	for round := range 400 {
		bad := bytes.Clone(samples[round%len(samples)])
		for range 1 + rng.IntN(4) {
			bad[rng.IntN(len(bad))] ^= byte(1 + rng.IntN(255))
		}
		bad = bad[:len(bad)-rng.IntN(2)*rng.IntN(len(bad))]
		if len(bad) > 4 {
			copy(bad, samples[round%len(samples)][:4]) // get beyond version and wire format
		}
		require.Error(a, failure(bob.Group.Handle(input(bad))))
		require.Error(a, failure(mls.Join(w.params(bad))))
		require.Error(a, failure(mls.Observe(mls.ObserveParams{GroupInfo: bad})))
	}
	require.Equal(a, before, whole(a, bob.Group))
	a.refusesDecoding(new(framing.Message), nil, samples[0])
}
