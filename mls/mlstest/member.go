package mlstest

import (
	"bytes"
	"crypto"
	"slices"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
)

// Member is a Party with its view of one group. Its methods do what a careful application does, and fail the test on an
// error: Hear, Commit, Say and the others let their Step take effect, by Take.
type Member struct {
	*Party
	Group    *mls.Group           // nil as long as it is in none
	PSKs     mls.PSKs             // that it uses for messages, commits and Welcomes
	Packages []*mls.OwnKeyPackage // all that it made
	// OnStep is called by Take with a Step that is about to take effect. It may store the Step. It returns the Group to
	// continue with: Next, or the same loaded from storage.
	OnStep func(*mls.Step) *mls.Group

	T      TB              // the test that it is in
	others []crypto.Signer // besides Signer
}

// NewMember makes a Party that may be in a group later.
func NewMember(t TB, cs ciphersuite.CipherSuite, name string) *Member {
	t.Helper()
	return NewParty(t, cs, name).Member(t, nil)
}

// Member returns the Party as a member whose view of a group is g, which may be nil.
func (c *Party) Member(t TB, g *mls.Group) *Member { return &Member{Party: c, Group: g, T: t} }

// KeyPackage makes a fresh KeyPackage with its private keys.
func (m *Member) KeyPackage(t TB) *mls.OwnKeyPackage {
	t.Helper()
	k := m.Party.KeyPackage(t)
	m.Packages = append(m.Packages, k)
	return k
}

// Add returns an Add of a fresh KeyPackage.
func (m *Member) Add() *framing.Add {
	m.T.Helper()
	return &framing.Add{KeyPackage: m.KeyPackage(m.T).KeyPackage}
}

// Own gives the member one more signature key, to use when its leaf has it.
func (m *Member) Own(signer crypto.Signer) { m.others = append(m.others, signer) }

// By returns the signer of the member's present leaf, or the Party's when it has none.
func (m *Member) By() crypto.Signer {
	m.T.Helper()
	if m.Group != nil {
		for _, signer := range m.others {
			if m.isOf(signer, m.Group.Tree().SignatureKey(m.Group.OwnLeaf())) {
				return signer
			}
		}
	}
	return m.Signer
}

// Owns reports whether the member has the private key to a signature key.
func (m *Member) Owns(key ciphersuite.SignaturePublicKey) bool {
	m.T.Helper()
	return m.isOf(m.Signer, key) || slices.ContainsFunc(m.others, func(s crypto.Signer) bool { return m.isOf(s, key) })
}

func (m *Member) isOf(signer crypto.Signer, key ciphersuite.SignaturePublicKey) bool {
	m.T.Helper()
	own, err := m.Suite.PublicKeyOf(signer)
	must(m.T, err, "public key")
	return bytes.Equal(own, key)
}

// Take lets a Step take effect. It returns the Step.
func (m *Member) Take(s *mls.Step, err error) *mls.Step {
	m.T.Helper()
	must(m.T, err, m.Name)
	if m.OnStep != nil {
		defer func(stored *mls.Group) { m.Group = stored }(m.OnStep(s))
	}
	return Take(m.T, &m.Group)(s, nil)
}

// Handle returns the Step for a message, which does not take effect.
func (m *Member) Handle(message []byte) (*mls.Step, error) {
	return m.Group.Handle(mls.Input{Message: message, Now: Now(), PSKs: m.PSKs})
}

// Hear handles a message. The Step takes effect.
func (m *Member) Hear(message []byte) *mls.Step {
	m.T.Helper()
	return m.Take(m.Handle(message))
}

// Refuse checks that handling a message fails, and returns the error.
func (m *Member) Refuse(message []byte) error {
	m.T.Helper()
	_, err := m.Handle(message)
	if err == nil {
		m.T.Fatalf("mlstest: %s takes a message that it has to refuse", m.Name)
	}
	return err
}

// MakeCommit makes a commit, which is then pending. When c has no time or no PSKs, they are Now and the member's.
func (m *Member) MakeCommit(c mls.CommitParams) *mls.Step {
	m.T.Helper()
	if c.Now.IsZero() {
		c.Now = Now()
	}
	if c.PSKs == nil {
		c.PSKs = m.PSKs
	}
	return m.Take(m.Group.Commit(c, m.By()))
}

// Committed is the result of a commit.
type Committed struct {
	Message []byte
	Made    *mls.Step // that made it
	Adopted *mls.Step // that adopted it, with the Welcomes
}

// Commit makes a commit, adopts it and lets others handle it.
func (m *Member) Commit(c mls.CommitParams, others ...*Member) Committed {
	m.T.Helper()
	made := m.MakeCommit(c)
	return Committed{made.Send[0].Message, made, m.Adopt(made, others...)}
}

// Adopt adopts the commit that was made, and lets others handle it.
func (m *Member) Adopt(made *mls.Step, others ...*Member) *mls.Step {
	m.T.Helper()
	adopted := m.Take(m.Group.Adopt())
	Tell(made.Send[0].Message, others...)
	return adopted
}

// Propose makes a proposal and lets others handle it. It returns the message, as Update and Say do.
func (m *Member) Propose(p framing.Proposal, others ...*Member) []byte {
	m.T.Helper()
	return m.send(m.Take(m.Group.Propose(p, mls.ProposeParams{Now: Now()}, m.By())), others)
}

// Update proposes an Update of the member's leaf and lets others handle it.
func (m *Member) Update(u mls.LeafUpdate, others ...*Member) []byte {
	m.T.Helper()
	return m.send(m.Take(m.Group.ProposeUpdate(u, mls.ProposeParams{}, m.By())), others)
}

// Say encrypts data and lets others handle it.
func (m *Member) Say(data string, others ...*Member) []byte {
	m.T.Helper()
	return m.send(m.Take(m.Group.Protect([]byte(data), mls.ProtectParams{}, m.By())), others)
}

func (m *Member) send(s *mls.Step, to []*Member) []byte {
	m.T.Helper()
	Tell(s.Send[0].Message, to...)
	return s.Send[0].Message
}

// Read decrypts data.
func (m *Member) Read(message []byte) string {
	m.T.Helper()
	told, ok := m.Hear(message).Events[0].(*mls.ApplicationMessage)
	if !ok {
		m.T.Fatalf("mlstest: %s reads a message that is no data", m.Name)
	}
	return string(told.Data)
}

// Welcome adds newcomers by a commit of nothing else, and lets them join. The other members have to handle the commit,
// which it returns.
func (m *Member) Welcome(newcomers ...*Member) []byte {
	m.T.Helper()
	c := mls.CommitParams{References: []framing.ProposalRef{}}
	for _, n := range newcomers {
		c.Proposals = append(c.Proposals, n.Add())
	}
	made := m.Commit(c)
	for _, n := range newcomers {
		n.Join(made.Adopted)
	}
	return made.Message
}

// Join joins by the Welcome for this member, among those of an adopted commit.
func (m *Member) Join(adopted *mls.Step) *mls.Step {
	m.T.Helper()
	for _, out := range adopted.Send {
		for _, k := range m.Packages {
			if ref, err := k.KeyPackage.Ref(Suite(m.T, k.KeyPackage.CipherSuite)); err == nil &&
				slices.ContainsFunc(out.To, func(to framing.KeyPackageRef) bool { return bytes.Equal(to, ref) }) {
				return m.Take(m.TryJoin(out, k))
			}
		}
	}
	m.T.Fatalf("mlstest: no Welcome is for %s", m.Name)
	return nil
}

// TryJoin returns the Step of a join by Welcome, which does not take effect.
func (m *Member) TryJoin(out mls.Outgoing, keys ...*mls.OwnKeyPackage) (*mls.Step, error) {
	p := m.ByWelcome(out.Message, keys...)
	p.RatchetTree, p.PSKs = out.RatchetTree(), m.PSKs
	return mls.Join(p)
}

// JoinExternal joins by external commit, with a GroupInfo of the first of members unless p has one, and lets members
// handle it. It returns the Step with the commit.
func (m *Member) JoinExternal(p mls.JoinExternalParams, members ...*Member) *mls.Step {
	m.T.Helper()
	if p.GroupInfo == nil {
		p.GroupInfo = members[0].Info()
	}
	p.Leaf, p.Now, p.Params = m.LeafParams, Now(), m.Params
	if p.PSKs == nil {
		p.PSKs = m.PSKs
	}
	s := m.Take(mls.JoinExternal(p))
	m.Adopt(s, members...)
	return s
}

// Info returns a GroupInfo by which others may join.
func (m *Member) Info() []byte {
	m.T.Helper()
	message, err := m.Group.GroupInfo(mls.GroupInfoParams{ExternalPub: true}, m.By())
	must(m.T, err, "GroupInfo of "+m.Name)
	return message
}

// Observe returns an observer of the group.
func (m *Member) Observe() *mls.Observer {
	m.T.Helper()
	s, err := mls.Observe(mls.ObserveParams{GroupInfo: m.Info(), Now: Now()})
	must(m.T, err, "observer")
	return s.Next
}

// Reloaded returns the group as a client loads it after a restart, with the member's present Params.
func (m *Member) Reloaded() *mls.Group {
	m.T.Helper()
	records, err := m.Group.Records(nil)
	must(m.T, err, "records of "+m.Name)
	g, err := mls.Load(mls.LoadParams{Records: slices.Values(records), Params: m.Params})
	must(m.T, err, "records of "+m.Name)
	return g
}

// Reload restarts the member: its Group is made again from its records.
func (m *Member) Reload() {
	m.T.Helper()
	next := m.Reloaded()
	m.Group.EraseAll()
	m.Group = next
}

// Insider returns the member as an Insider.
func (m *Member) Insider() *Insider {
	m.T.Helper()
	return NewInsider(m.T, m.Group, m.By())
}

// As returns the same client, in no group, with another cipher suite and so with another signature key, unless it is
// the same suite.
func (m *Member) As(cs ciphersuite.CipherSuite) *Member {
	m.T.Helper()
	c := *m.Party
	if cs != m.Suite.CipherSuite() {
		other := NewParty(m.T, cs, m.Name)
		c.Suite, c.Signer = other.Suite, other.Signer
	}
	return c.Member(m.T, nil)
}
