package scenario

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
)

// play is a script that is being played.
type play struct {
	ctx     context.Context
	timeout time.Duration // of a call
	script  *Script
	suite   uint16 // changed by a ReInit
	private bool
	lenient bool               // passes over empty results of calls that only serve to compare
	seats   map[string]*Client // who plays whom
	rand    *rand.ChaCha8

	step         int // that is being played
	groupID      []byte
	states       map[string]uint32 // by actor, like the next three
	transactions map[string]uint32
	signers      map[string]uint32
	epoch        map[string]int // the step in which the actor's present epoch began
	made         []result       // by step
	held         []stateOf      // to be freed
	calls        []exchange
}

// result is what a step leaves for later ones.
type result struct {
	keyPackage, proposal         []byte
	pskID, pskSecret             []byte
	commit, welcome, ratchetTree []byte
	authenticator                []byte
	ciphertext, plaintext, aad   []byte
}

type stateOf struct {
	client *Client
	id     uint32
}

// exchange is a call and its result.
type exchange struct {
	actor, call string
	request     proto.Message
	response    proto.Message
}

// mismatch says that a client does not do what is expected.
type mismatch struct {
	actor, what, want, got string
}

func (m *mismatch) Error() string {
	return fmt.Sprintf("%s, %s: expected %s, got %s", m.actor, m.what, m.want, m.got)
}

// run plays all steps. It returns the step at which it failed.
func (p *play) run() (int, error) {
	p.states, p.transactions, p.signers = map[string]uint32{}, map[string]uint32{}, map[string]uint32{}
	p.epoch = map[string]int{}
	p.made = make([]result, len(p.script.Steps))
	err := p.steps()
	if freed := p.free(); err == nil && freed != nil {
		return len(p.script.Steps), freed
	}
	return p.step, err
}

func (p *play) steps() error {
	for i, step := range p.script.Steps {
		p.step = i
		if err := actions[step.Action].play(p, step); err != nil {
			return err
		}
		if err := p.agree(); err != nil {
			return err
		}
	}
	return nil
}

// free lets the clients forget the states.
func (p *play) free() error {
	var first error
	for _, s := range p.held {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(p.ctx), p.timeout)
		_, err := s.client.rpc.Free(ctx, &clientpb.FreeRequest{StateId: s.id})
		cancel()
		if err != nil && first == nil {
			first = &mismatch{s.client.Name, "Free", "success", describeStatus(err)}
		}
	}
	return first
}

// seat is an actor with the client that plays it.
type seat struct {
	*play
	actor string
	*Client
}

func (p *play) seat(actor string) *seat { return &seat{p, actor, p.seats[actor]} }

// call makes a call. It fails with a *mismatch, or with the status Unimplemented as it is.
func call[Q, R any, PQ interface {
	*Q
	proto.Message
}, PR interface {
	*R
	proto.Message
}](s *seat, name string, f func(context.Context, PQ, ...grpc.CallOption) (PR, error), request PQ) (PR, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.timeout)
	defer cancel()
	response, err := f(ctx, request)
	s.calls = append(s.calls, exchange{s.actor, name, request, response})
	switch {
	case err == nil:
		return response, nil
	case s.ctx.Err() != nil:
		return nil, s.ctx.Err()
	case status.Code(err) == codes.Unimplemented:
		return nil, &unimplemented{s.Name, name}
	}
	return nil, s.mismatch(name, "success", describeStatus(err))
}

func describeStatus(err error) string {
	s := status.Convert(err)
	return fmt.Sprintf("%v: %s", s.Code(), s.Message())
}

// unimplemented skips a play that needs a call that a client does not have.
type unimplemented struct{ client, call string }

func (u *unimplemented) Error() string {
	return fmt.Sprintf("%s does not implement %s", u.client, u.call)
}

func (s *seat) mismatch(what, want, got string) error { return &mismatch{s.actor, what, want, got} }

// same compares bytes that two clients should agree on.
func (s *seat) same(what string, got, want []byte) error {
	if bytes.Equal(got, want) {
		return nil
	}
	return s.mismatch(what, inHex(want), inHex(got))
}

func inHex(b []byte) string {
	if len(b) == 0 {
		return "nothing"
	}
	return hex.EncodeToString(b)
}

// The wire formats of MLSMessages (RFC 9420, Section 17.2).
const (
	formatPublic     = 1
	formatPrivate    = 2
	formatWelcome    = 3
	formatGroupInfo  = 4
	formatKeyPackage = 5
)

// handshakes returns the wire format of members' handshake messages.
func (p *play) handshakes() uint16 {
	if p.private {
		return formatPrivate
	}
	return formatPublic
}

// form checks that a message is an MLSMessage of version 1.0 in a wire format.
func (s *seat) form(what string, message []byte, want uint16) error {
	head := []byte{0, 1, byte(want >> 8), byte(want)}
	if bytes.HasPrefix(message, head) {
		return nil
	}
	return s.mismatch(what, fmt.Sprintf("an MLSMessage that begins with %x", head), inHex(message[:min(len(message), 16)]))
}

// state returns the actor's state.
func (s *seat) state() (uint32, error) {
	id, ok := s.states[s.actor]
	if !ok {
		return 0, fmt.Errorf("the script is wrong: %s is in no group", s.actor)
	}
	return id, nil
}

// enter puts the actor into the epoch that began in a step.
func (s *seat) enter(state uint32, began int) {
	held := stateOf{s.Client, state}
	if !slices.Contains(s.held, held) {
		s.held = append(s.held, held)
	}
	s.states[s.actor] = state
	s.epoch[s.actor] = began
}

// random returns n bytes that the seed determines.
func (p *play) random(n int) []byte {
	b := make([]byte, n)
	_, _ = p.rand.Read(b) // never fails
	return b
}

// newest lists the members of the newest epoch, in the order of the cast, and when it began.
func (p *play) newest() (members []string, began int) {
	if len(p.epoch) == 0 {
		return nil, 0
	}
	began = slices.Max(slices.Collect(maps.Values(p.epoch)))
	for _, actor := range p.script.Actors {
		if at, ok := p.epoch[actor]; ok && at == began {
			members = append(members, actor)
		}
	}
	return members, began
}

// agree checks that the members of the newest epoch agree.
func (p *play) agree() error {
	members, began := p.newest()
	if len(members) == 0 {
		return nil
	}
	if err := p.agreeOnSecrets(members); err != nil {
		return err
	}
	if began != p.step || len(members) == 1 {
		return nil
	}
	sender := p.step % len(members)
	return p.agreeOnMessage(members[sender], slices.Delete(slices.Clone(members), sender, sender+1))
}

// agreeOnSecrets compares authenticators and exported secrets.
func (p *play) agreeOnSecrets(members []string) error {
	context := fmt.Appendf(nil, "step %d", p.step)
	var authenticator, exported secret
	for _, actor := range members {
		s := p.seat(actor)
		auth, err := call(s, "StateAuth", s.rpc.StateAuth, &clientpb.StateAuthRequest{StateId: p.states[actor]})
		if err = authenticator.compare(s, "epoch authenticator", auth.GetStateAuthSecret(), err); err != nil {
			return err
		}
		export, err := call(s, "Export", s.rpc.Export, &clientpb.ExportRequest{
			StateId: p.states[actor], Label: "copse interop", Context: context, KeyLength: exportedLength})
		if n := len(export.GetExportedSecret()); n != 0 && n != exportedLength {
			return s.mismatch("exported secret", fmt.Sprintf("%d bytes", exportedLength), fmt.Sprintf("%d bytes", n))
		}
		if err = exported.compare(s, "exported secret", export.GetExportedSecret(), err); err != nil {
			return err
		}
	}
	return nil
}

// exportedLength is how many bytes are exported: more than one block of any hash that a cipher suite has.
const exportedLength = 130

// secret is what the members seen so far agree on, nil before the first.
type secret []byte

// compare takes another member's result, or the error in its place. A lenient play passes over clients that do not have
// the call, or return nothing.
func (x *secret) compare(s *seat, what string, got []byte, err error) error {
	var lacks *unimplemented
	switch {
	case s.lenient && (errors.As(err, &lacks) || err == nil && len(got) == 0):
		return nil
	case err != nil:
		return err
	case len(got) == 0:
		return s.mismatch(what, "a value", inHex(got))
	case *x == nil:
		*x = got
	}
	return s.same(what, got, *x)
}

// agreeOnMessage lets one member send to the others.
func (p *play) agreeOnMessage(sender string, readers []string) error {
	s := p.seat(sender)
	plaintext, aad := p.random(24), p.random(8)
	sent, err := s.sendData(plaintext, aad)
	if err != nil {
		return err
	}
	for _, actor := range readers {
		if err := p.seat(actor).readData(sent, plaintext, aad); err != nil {
			return err
		}
	}
	return nil
}

func (s *seat) sendData(plaintext, aad []byte) ([]byte, error) {
	state, err := s.state()
	if err != nil {
		return nil, err
	}
	sent, err := call(s, "Protect", s.rpc.Protect, &clientpb.ProtectRequest{
		StateId: state, Plaintext: plaintext, AuthenticatedData: aad})
	if err != nil {
		return nil, err
	}
	return sent.Ciphertext, s.form("Protect", sent.Ciphertext, formatPrivate)
}

func (s *seat) readData(message, plaintext, aad []byte) error {
	state, err := s.state()
	if err != nil {
		return err
	}
	read, err := call(s, "Unprotect", s.rpc.Unprotect, &clientpb.UnprotectRequest{StateId: state, Ciphertext: message})
	if err != nil {
		return err
	}
	if err := s.same("plaintext", read.Plaintext, plaintext); err != nil {
		return err
	}
	return s.same("authenticated data", read.AuthenticatedData, aad)
}

// skipped reports why a play cannot be played by its clients, if that is what its error means.
func skipped(err error) (string, bool) {
	var u *unimplemented
	if errors.As(err, &u) || errors.Is(err, errNoSuite) {
		return err.Error(), true
	}
	return "", false
}
