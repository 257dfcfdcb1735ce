package mls_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"math/big"
	"strings"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
)

// errNoEntropy is what a broken source of entropy returns.
var errNoEntropy = errors.New("no entropy")

// trio returns a group of alice, bob and carol at leaves 0, 1 and 2.
func (a *attempt) trio() (alice, bob, carol *mlstest.Member) {
	return three(newCast(a.T, "alice", "bob", "carol"))
}

// insider returns that group with bob as an Insider.
func (a *attempt) insider() (alice *mlstest.Member, in *mlstest.Insider) {
	alice, bob, _ := a.trio()
	return alice, bob.Insider()
}

// intruder returns that group with dave, who is about to join by external commit and keeps no rules.
func (a *attempt) intruder() (alice *mlstest.Member, i *intruder) {
	alice, _, _ = a.trio()
	return alice, a.intrude("dave", alice.Info())
}

// welcomed returns that group with what dave needs to join it.
func (a *attempt) welcomed() (alice *mlstest.Member, w *welcomed) {
	alice, _, _ = a.trio()
	return alice, a.newWelcomed()
}

// outsider returns that group with dave, who is not in it.
func (a *attempt) outsider() (alice, dave *mlstest.Member) {
	alice, _, _ = a.trio()
	return alice, newMember(a.T, "dave")
}

// served returns a group of alice and bob in which service is an external sender.
func (a *attempt) served() (alice, bob, service *mlstest.Member) {
	service = newMember(a.T, "service")
	all := newCastOf(a.T, nil, framing.Extensions{extension(a.T, sendersOf(a, service))}, "alice", "bob")
	return all[0], all[1], service
}

// sendersOf lists players as external senders.
func sendersOf(a *attempt, players ...*mlstest.Member) *framing.ExternalSenders {
	var list framing.ExternalSenders
	for _, p := range players {
		key := must(p.Suite.PublicKeyOf(p.Signer))
		list = append(list, framing.ExternalSender{SignatureKey: key, Credential: p.Credential})
	}
	return &list
}

// stranger sends from outside of a group, whatever it sends: it has no secret of the group.
func stranger(m *mlstest.Member, g *mls.Group, from framing.SenderType) *mlstest.Insider {
	return &mlstest.Insider{Suite: m.Suite, Signer: m.Signer, Sender: framing.Sender{SenderType: from}, Context: g.Context()}
}

// fromOutside sends what an external sender proposes, whatever it is, with content as change leaves it.
func fromOutside(m *mlstest.Member, g *mls.Group, change func(*mlstest.Content)) []byte {
	return stranger(m, g, framing.SenderTypeExternal).Send(m.T, framing.ContentTypeProposal, outOfContext(change))
}

// fromNewcomer sends what somebody proposes who wants to be added.
func fromNewcomer(m *mlstest.Member, g *mls.Group, change func(*mlstest.Content)) []byte {
	return stranger(m, g, framing.SenderTypeNewMemberProposal).Send(m.T, framing.ContentTypeProposal, outOfContext(change))
}

// outOfContext leaves the group context out of what is signed, as those outside do.
func outOfContext(change func(*mlstest.Content)) func(*mlstest.Content) {
	return func(c *mlstest.Content) {
		c.Context = nil
		change(c)
	}
}

// proposing makes content a proposal.
func proposing(proposal framing.Proposal) func(*mlstest.Content) {
	return func(c *mlstest.Content) { c.Proposal = proposal }
}

// changed returns a message with its body changed and nothing made to fit.
func changed[B framing.MessageBody](a *attempt, message []byte, change func(B)) []byte {
	a.Helper()
	body := mlstest.Parse[B](a, message)
	change(body)
	return mlstest.Message(a, body)
}

// intruder is a newcomer that joins by external commit and keeps no rules.
type intruder struct {
	*mlstest.Insider
	leaf framing.LeafNode
}

// intrude makes an intruder with a GroupInfo.
func (a *attempt) intrude(name string, info []byte) *intruder {
	a.Helper()
	c := mlstest.NewParty(a, mlstest.Parse[*framing.GroupInfo](a, info).GroupContext.CipherSuite, name)
	return &intruder{mlstest.NewNewcomer(a, c, info), c.KeyPackage(a).KeyPackage.LeafNode}
}

// commit returns an external commit as change leaves it; it is a good one without change.
func (i *intruder) commit(a *attempt, change func(*mlstest.Draft)) []byte {
	a.Helper()
	return i.Commit(a, func(d *mlstest.Draft) {
		d.Template = i.leaf
		if change != nil {
			change(d)
		}
	}).Commit
}

// welcomed is what dave needs to join a group by a Welcome of an insider's.
type welcomed struct {
	dave *mlstest.Member
	own  *mls.OwnKeyPackage
}

func (a *attempt) newWelcomed() *welcomed {
	dave := newMember(a.T, "dave")
	return &welcomed{dave, dave.KeyPackage(a)}
}

// by returns a Welcome from a commit that change has changed.
func (w *welcomed) by(in *mlstest.Insider, change func(*mlstest.Draft)) mls.JoinParams {
	w.dave.T.Helper()
	made := in.Commit(w.dave.T, func(d *mlstest.Draft) {
		d.Proposals = in.ByValue(&framing.Add{KeyPackage: w.own.KeyPackage})
		if change != nil {
			change(d)
		}
	})
	return w.params(made.Welcome)
}

// params returns what dave joins with.
func (w *welcomed) params(welcome []byte) mls.JoinParams {
	return mls.JoinParams{Welcome: welcome, KeyPackages: []*mls.OwnKeyPackage{w.own}, Now: mlstest.Now(), Params: w.dave.Params}
}

// secretOf returns a secret of 32 bytes.
func secretOf(fill byte) ciphersuite.Secret {
	return ciphersuite.NewSecret(bytes.Repeat([]byte{fill}, 32))
}

// certificateFor returns a certificate for an Ed25519 key, by an issuer that nobody knows.
func certificateFor(key []byte) []byte { return certificateBy("issuer", "subject", key) }

// certificateBy returns a certificate for an Ed25519 key and a name, by an issuer of another.
func certificateBy(issuer, subject string, key []byte) []byte {
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: mlstest.Now(), NotAfter: mlstest.Now().AddDate(1, 0, 0)}
	parent := *template
	template.Subject.CommonName, parent.Subject.CommonName = subject, issuer
	der, err := x509.CreateCertificate(mlstest.Rand("certificate"), template, &parent, ed25519.PublicKey(key), private)
	if err != nil {
		panic(err)
	}
	return der
}

// chainFor returns a chain for an Ed25519 key, of certificates given as "subject issuer", the subject's first.
func chainFor(key []byte, list ...string) [][]byte {
	chain := make([][]byte, len(list))
	for k, names := range list {
		subject, issuer, _ := strings.Cut(names, " ")
		chain[k] = certificateBy(issuer, subject, key)
		key = make([]byte, ed25519.PublicKeySize) // the others'
	}
	return chain
}

// freshKey returns a key that nobody has.
func freshKey(in *mlstest.Insider) ciphersuite.HPKEPublicKey {
	pair, err := in.Suite.GenerateKeyPair(mlstest.Rand("fresh"))
	if err != nil {
		panic(err)
	}
	return pair.Public
}

// refusesCommit has a member commit proposals by value in its own call.
func (a *attempt) refusesCommit(p *mlstest.Member, proposals ...framing.Proposal) {
	a.Helper()
	a.refusesCommitting(p, mls.CommitParams{Proposals: proposals})
}
