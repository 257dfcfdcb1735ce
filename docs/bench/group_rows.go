package main

// The rows about a group's transitions: how they grow with the group, and what they cost beyond their primitives.

import (
	"bytes"
	"context"
	"crypto"
	"fmt"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/mls"
	"github.com/copse-mls/copse/mls/mlstest"
	"github.com/copse-mls/copse/treekem/treekemtest"
)

const (
	smallGroup = 1 << 10
	largeGroup = 1 << 16

	// Transitions are measured by so many at a time, each from the same Group.
	commitsAtATime  = 32
	messagesAtATime = 256
	messageSize     = 1000
)

func groupRows() []Row {
	grows := func(name, what string, m func(*member) work) Row {
		return Row{Name: name, What: what + " in a full tree of 65,536 members: against 1,024", Limit: 2.5, Unit: "x",
			Noise:   noiseOfTimes,
			Measure: func(ctx context.Context, e *Env) (float64, string, error) { return measureGrowth(ctx, e, m) }}
	}
	return []Row{
		grows("group-commit", "an empty commit with path", (*member).commits),
		grows("group-process", "processing that commit", (*member).processes),
		grows("group-protect", "encrypting 1 kB", (*member).protects),
		grows("group-unprotect", "decrypting 1 kB", (*member).unprotects),
		{Name: "group-changes", What: "bytes that storage writes for a commit in a full tree of 65,536 members: against 1,024",
			Limit: 2, Unit: "x", Noise: noiseOfSizes, Measure: measureChanges},
		{Name: "protect", What: "encrypting 1 kB in steady state: against its signature, AEAD and hash primitives",
			Limit: 1.4, Unit: "x", Noise: noiseOfTimes, Measure: measureProtect},
		{Name: "unprotect", What: "decrypting 1 kB in steady state: against its signature, AEAD and hash primitives",
			Limit: 1.4, Unit: "x", Noise: noiseOfTimes, Measure: measureUnprotect},
	}
}

// member is two members of one group: one who sends, and one who receives what the first sent.
type member struct {
	sender, receiver *mls.Group
	signer           crypto.Signer
	commit           []byte
	messages         [][]byte
}

// newMember makes a full group of the given size with a sender and a receiver in opposite halves.
func newMember(ctx context.Context, e *Env, size int) (*member, error) {
	e.progress.show("building a group of %d members", size)
	return await(ctx, func() (*member, error) {
		var t mlstest.Panics
		f := mlstest.Build(t, mlstest.GroupParams{Members: size, Shape: treekemtest.Full, Seed: 1})
		last := framing.LeafIndex(size - 1)
		m := &member{sender: f.Group(t, 0), receiver: f.Group(t, last), signer: f.Signer(0)}
		return m, m.prepare()
	})
}

// prepare makes what the receiver is to read.
func (m *member) prepare() error {
	s, err := m.sender.Commit(mls.CommitParams{}, m.signer)
	if err != nil {
		return err
	}
	m.commit = s.Send[0].Message
	return m.eachMessage(func(message []byte) { m.messages = append(m.messages, message) })
}

// eachMessage sends messages one after the other and stays in steady state.
func (m *member) eachMessage(sent func([]byte)) error {
	data := bytes.Repeat([]byte("x"), messageSize)
	for range messagesAtATime {
		s, err := m.sender.Protect(data, mls.ProtectParams{}, m.signer)
		if err != nil {
			return err
		}
		s.Erase()
		m.sender = s.Next
		sent(s.Send[0].Message)
	}
	return nil
}

func (m *member) commits() work {
	return work{times: commitsAtATime, run: func() error {
		for range commitsAtATime {
			if _, err := m.sender.Commit(mls.CommitParams{}, m.signer); err != nil {
				return err
			}
		}
		return nil
	}}
}

func (m *member) processes() work {
	return work{times: commitsAtATime, run: func() error {
		for range commitsAtATime {
			if _, err := m.receiver.Handle(mls.Input{Message: m.commit}); err != nil {
				return err
			}
		}
		return nil
	}}
}

func (m *member) protects() work {
	return work{times: messagesAtATime, run: func() error { return m.eachMessage(func([]byte) {}) }}
}

// unprotects reads the same messages each time, from the same Group, so nothing may be erased.
func (m *member) unprotects() work {
	return work{times: messagesAtATime, run: func() error {
		g := m.receiver
		for _, message := range m.messages {
			s, err := g.Handle(mls.Input{Message: message})
			if err != nil {
				return err
			}
			g = s.Next
		}
		return nil
	}}
}

func measureGrowth(ctx context.Context, e *Env, w func(*member) work) (float64, string, error) {
	large, err := newMember(ctx, e, largeGroup)
	if err != nil {
		return 0, "", err
	}
	small, err := newMember(ctx, e, smallGroup)
	if err != nil {
		return 0, "", err
	}
	return e.compare(ctx, comparison{each: "a time", numerator: w(large), denominator: w(small)})
}

// measureChanges adopts one commit in each group and counts the bytes of the records.
func measureChanges(ctx context.Context, e *Env) (float64, string, error) {
	var written [2]int
	for k, size := range []int{largeGroup, smallGroup} {
		m, err := newMember(ctx, e, size)
		if err != nil {
			return 0, "", err
		}
		s, err := m.receiver.Handle(mls.Input{Message: m.commit})
		if err != nil {
			return 0, "", err
		}
		records, err := s.Next.Records(m.receiver)
		if err != nil {
			return 0, "", err
		}
		for _, r := range records {
			written[k] += len(r.Key) + len(r.Value)
		}
	}
	return float64(written[0]) / float64(written[1]), fmt.Sprintf("%d B against %d B", written[0], written[1]), nil
}

func measureProtect(ctx context.Context, e *Env) (float64, string, error) {
	m, p, err := steady(ctx, e)
	if err != nil {
		return 0, "", err
	}
	return e.compare(ctx, comparison{each: "a message", numerator: m.protects(), denominator: p.work(p.sign)})
}

func measureUnprotect(ctx context.Context, e *Env) (float64, string, error) {
	m, p, err := steady(ctx, e)
	if err != nil {
		return 0, "", err
	}
	return e.compare(ctx, comparison{each: "a message", numerator: m.unprotects(), denominator: p.work(p.verify)})
}

func steady(ctx context.Context, e *Env) (*member, *primitives, error) {
	m, err := newMember(ctx, e, smallGroup)
	if err != nil {
		return nil, nil, err
	}
	p, err := newPrimitives(e.suite, m)
	return m, p, err
}

// primitives are those of one message of messageSize bytes in steady state: one signature over the content, two AEADs
// (RFC 9420, Sections 6.3.1 and 6.3.2), three derivations of the ratchet (Section 9.1), and two of the sender data key
// (Section 6.3.2).
type primitives struct {
	suite                 *ciphersuite.Suite
	signer                crypto.Signer
	key                   ciphersuite.SignaturePublicKey
	content, signature    []byte
	secret, aead          ciphersuite.Secret
	nonce, aad, plaintext []byte
	senderData            []byte
}

func newPrimitives(suite *ciphersuite.Suite, m *member) (*primitives, error) {
	p := &primitives{
		suite: suite, signer: m.signer, content: make([]byte, messageSize+200), // with group context and framing
		secret: ciphersuite.NewSecret(make([]byte, suite.HashSize)), aead: ciphersuite.NewSecret(make([]byte, suite.KeySize)),
		nonce: make([]byte, suite.NonceSize), aad: make([]byte, 48), plaintext: make([]byte, messageSize+70),
		senderData: make([]byte, 12),
	}
	var err error
	if p.key, err = suite.PublicKeyOf(m.signer); err != nil {
		return nil, err
	}
	p.signature, err = suite.Sign(nil, m.signer, p.content)
	return p, err
}

func (p *primitives) sign() error {
	_, err := p.suite.Sign(nil, p.signer, p.content)
	return err
}

func (p *primitives) verify() error { return p.suite.Verify(p.key, p.content, p.signature) }

func (p *primitives) work(signature func() error) work {
	return work{times: messagesAtATime, run: func() error {
		for range messagesAtATime {
			if err := signature(); err != nil {
				return err
			}
			for generation := range uint32(5) {
				p.suite.DeriveTreeSecret(p.secret, "secret", generation, p.suite.HashSize).Erase()
			}
			for _, plaintext := range [][]byte{p.plaintext, p.senderData} {
				if _, err := p.suite.AEADSeal(p.aead, p.nonce, p.aad, plaintext); err != nil {
					return err
				}
			}
		}
		return nil
	}}
}
