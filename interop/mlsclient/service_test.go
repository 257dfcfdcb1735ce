package mlsclient

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"math"
	"net"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/framing"
	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
	"github.com/copse-mls/copse/mls"
)

// dial serves s and connects to it.
func dial(t *testing.T, s *Service) clientpb.MLSClientClient {
	t.Helper()
	listener, err := net.Listen("tcp", "localhost:0")
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, listener) }()
	conn, err := grpc.NewClient(listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, conn.Close())
		cancel()
		select {
		case err := <-done:
			require.NoError(t, err)
		case <-time.After(time.Minute):
			t.Error("Serve does not end")
		}
	})
	return clientpb.NewMLSClientClient(conn)
}

// pair is a group of two members, one of which is alice.
type pair struct {
	t *testing.T
	clientpb.MLSClientClient
	alice, bob uint32
}

func newPair(t *testing.T, suite uint32) *pair {
	t.Helper()
	p := &pair{t: t, MLSClientClient: dial(t, New(nil))}
	created, err := p.CreateGroup(t.Context(), &clientpb.CreateGroupRequest{
		GroupId: []byte("group"), CipherSuite: suite, Identity: []byte("alice")})
	require.NoError(t, err)
	p.alice = created.StateId
	p.bob = p.add("bob", suite)
	return p
}

// add adds a member by a commit of alice, who has to be alone.
func (p *pair) add(name string, suite uint32) uint32 {
	p.t.Helper()
	k := p.keyPackage(name, suite)
	made := p.commit(&clientpb.ProposalDescription{ProposalType: []byte("add"), KeyPackage: k.KeyPackage})
	joined, err := p.JoinGroup(p.t.Context(), &clientpb.JoinGroupRequest{TransactionId: k.TransactionId, Welcome: made.Welcome})
	require.NoError(p.t, err)
	return joined.StateId
}

func (p *pair) keyPackage(name string, suite uint32) *clientpb.CreateKeyPackageResponse {
	p.t.Helper()
	k, err := p.CreateKeyPackage(p.t.Context(), &clientpb.CreateKeyPackageRequest{CipherSuite: suite, Identity: []byte(name)})
	require.NoError(p.t, err)
	return k
}

// commit commits by alice and adopts.
func (p *pair) commit(byValue ...*clientpb.ProposalDescription) *clientpb.CommitResponse {
	p.t.Helper()
	made, err := p.Commit(p.t.Context(), &clientpb.CommitRequest{StateId: p.alice, ByValue: byValue})
	require.NoError(p.t, err)
	_, err = p.HandlePendingCommit(p.t.Context(), &clientpb.HandlePendingCommitRequest{StateId: p.alice})
	require.NoError(p.t, err)
	return made
}

// same checks that both members agree.
func (p *pair) same() {
	p.t.Helper()
	a, err := p.StateAuth(p.t.Context(), &clientpb.StateAuthRequest{StateId: p.alice})
	require.NoError(p.t, err)
	b, err := p.StateAuth(p.t.Context(), &clientpb.StateAuthRequest{StateId: p.bob})
	require.NoError(p.t, err)
	require.Equal(p.t, a.StateAuthSecret, b.StateAuthSecret)
}

func requireCode(t *testing.T, want codes.Code, err error) {
	t.Helper()
	require.Equal(t, want, status.Code(err), "%v", err)
	require.NotEmpty(t, status.Convert(err).Message())
}

// TestNoSuchState calls everything that takes a number with one that names nothing.
func TestNoSuchState(t *testing.T) {
	service := reflect.ValueOf(dial(t, New(nil)))
	called := 0
	for i := range service.NumMethod() {
		method := service.Type().Method(i)
		request := reflect.New(method.Type.In(2).Elem())
		takesNumber := false
		for _, name := range []string{"StateId", "TransactionId", "StateOrTransactionId", "ReinitId", "SignerId"} {
			takesNumber = takesNumber || request.Elem().FieldByName(name).IsValid()
		}
		if !takesNumber {
			continue
		}
		called++
		out := service.Method(i).Call([]reflect.Value{reflect.ValueOf(t.Context()), request})
		err, _ := out[1].Interface().(error)
		require.Equal(t, codes.NotFound, status.Code(err), "%s: %v", method.Name, err)
	}
	require.Equal(t, 27, called)
}

// TestRefusals checks the status of each kind of failure, and that the state is as before after all of them.
func TestRefusals(t *testing.T) {
	p := newPair(t, 1)
	ctx := t.Context()
	sent, err := p.Protect(ctx, &clientpb.ProtectRequest{StateId: p.alice, Plaintext: []byte("hello")})
	require.NoError(t, err)
	proposal, err := p.UpdateProposal(ctx, &clientpb.UpdateProposalRequest{StateId: p.bob})
	require.NoError(t, err)
	made, err := p.Commit(ctx, &clientpb.CommitRequest{StateId: p.alice, ByReference: [][]byte{proposal.Proposal}})
	require.NoError(t, err)
	spoiled := bytes.Clone(made.Commit)
	spoiled[len(spoiled)-1] ^= 1
	k := p.keyPackage("carol", 1)
	add := func(k []byte) *clientpb.ProposalDescription {
		return &clientpb.ProposalDescription{ProposalType: []byte("add"), KeyPackage: k}
	}

	for name, x := range map[string]struct {
		want codes.Code
		call func() error
	}{
		"proposals wait": {codes.FailedPrecondition, func() error {
			_, err := p.Protect(ctx, &clientpb.ProtectRequest{StateId: p.bob})
			return err
		}},
		"nothing pending": {codes.FailedPrecondition, func() error {
			_, err := p.HandlePendingCommit(ctx, &clientpb.HandlePendingCommitRequest{StateId: p.bob})
			return err
		}},
		"spoiled commit": {codes.InvalidArgument, func() error {
			_, err := p.HandleCommit(ctx, &clientpb.HandleCommitRequest{StateId: p.bob, Commit: spoiled})
			return err
		}},
		"no commit": {codes.InvalidArgument, func() error {
			_, err := p.HandleCommit(ctx, &clientpb.HandleCommitRequest{StateId: p.bob, Commit: sent.Ciphertext})
			return err
		}},
		"no proposal": {codes.InvalidArgument, func() error {
			_, err := p.HandleCommit(ctx, &clientpb.HandleCommitRequest{
				StateId: p.bob, Commit: made.Commit, Proposal: [][]byte{sent.Ciphertext}})
			return err
		}},
		"no data": {codes.InvalidArgument, func() error {
			_, err := p.Unprotect(ctx, &clientpb.UnprotectRequest{StateId: p.bob, Ciphertext: made.Commit})
			return err
		}},
		"no message": {codes.InvalidArgument, func() error {
			_, err := p.Unprotect(ctx, &clientpb.UnprotectRequest{StateId: p.bob, Ciphertext: []byte("hello")})
			return err
		}},
		"unknown PSK": {codes.FailedPrecondition, func() error {
			_, err := p.Commit(ctx, &clientpb.CommitRequest{StateId: p.bob,
				ByValue: []*clientpb.ProposalDescription{{ProposalType: []byte("externalPSK"), PskId: []byte("x")}}})
			return err
		}},
		"ReInit by value": {codes.InvalidArgument, func() error {
			_, err := p.Commit(ctx, &clientpb.CommitRequest{StateId: p.bob,
				ByValue: []*clientpb.ProposalDescription{{ProposalType: []byte("reinit"), CipherSuite: 1}}})
			return err
		}},
		"commit without ReInit": {codes.InvalidArgument, func() error {
			_, err := p.ReInitCommit(ctx, &clientpb.CommitRequest{StateId: p.bob})
			return err
		}},
		"no ReInit pending": {codes.InvalidArgument, func() error {
			_, err := p.HandlePendingReInitCommit(ctx, &clientpb.HandlePendingCommitRequest{StateId: p.alice})
			return err
		}},
		"no such member": {codes.InvalidArgument, func() error {
			_, err := p.RemoveProposal(ctx, &clientpb.RemoveProposalRequest{StateId: p.alice, RemovedId: []byte("eve")})
			return err
		}},
		"no KeyPackage": {codes.InvalidArgument, func() error {
			_, err := p.AddProposal(ctx, &clientpb.AddProposalRequest{StateId: p.alice, KeyPackage: made.Commit})
			return err
		}},
		"KeyPackage of another suite": {codes.InvalidArgument, func() error {
			_, err := p.Commit(ctx, &clientpb.CommitRequest{StateId: p.bob,
				ByValue: []*clientpb.ProposalDescription{add(p.keyPackage("dora", 2).KeyPackage)}})
			return err
		}},
		"unknown proposal": {codes.InvalidArgument, func() error {
			_, err := p.Commit(ctx, &clientpb.CommitRequest{StateId: p.bob, ByValue: []*clientpb.ProposalDescription{{}}})
			return err
		}},
		"extension type": {codes.InvalidArgument, func() error {
			_, err := p.GroupContextExtensionsProposal(ctx, &clientpb.GroupContextExtensionsProposalRequest{
				StateId: p.bob, Extensions: []*clientpb.Extension{{ExtensionType: 0x10003}}})
			return err
		}},
		"unknown suite": {codes.InvalidArgument, func() error {
			_, err := p.CreateKeyPackage(ctx, &clientpb.CreateKeyPackageRequest{CipherSuite: 8})
			return err
		}},
		"no suite": {codes.InvalidArgument, func() error {
			_, err := p.CreateGroup(ctx, &clientpb.CreateGroupRequest{CipherSuite: 0x10001})
			return err
		}},
		"no Welcome": {codes.InvalidArgument, func() error {
			_, err := p.JoinGroup(ctx, &clientpb.JoinGroupRequest{TransactionId: k.TransactionId, Welcome: made.Commit})
			return err
		}},
		"another identity": {codes.InvalidArgument, func() error {
			_, err := p.JoinGroup(ctx, &clientpb.JoinGroupRequest{TransactionId: k.TransactionId, Identity: []byte("eve")})
			return err
		}},
		"exported too long": {codes.InvalidArgument, func() error {
			_, err := p.Export(ctx, &clientpb.ExportRequest{StateId: p.bob, KeyLength: 1 << 31})
			return err
		}},
		"external sender": {codes.InvalidArgument, func() error {
			_, err := p.AddExternalSigner(ctx, &clientpb.AddExternalSignerRequest{StateId: p.bob, ExternalSender: []byte{1}})
			return err
		}},
		"GroupInfo": {codes.InvalidArgument, func() error {
			_, err := p.ExternalJoin(ctx, &clientpb.ExternalJoinRequest{GroupInfo: made.Commit})
			return err
		}},
	} {
		err := x.call()
		require.Equal(t, x.want, status.Code(err), "%s: %v", name, err)
	}

	// The genuine messages are still good.
	_, err = p.HandlePendingCommit(ctx, &clientpb.HandlePendingCommitRequest{StateId: p.alice})
	require.NoError(t, err)
	_, err = p.HandleCommit(ctx, &clientpb.HandleCommitRequest{
		StateId: p.bob, Commit: made.Commit, Proposal: [][]byte{proposal.Proposal}})
	require.NoError(t, err)
	p.same()
	read, err := p.Unprotect(ctx, &clientpb.UnprotectRequest{StateId: p.bob, Ciphertext: sent.Ciphertext})
	require.NoError(t, err)
	require.Equal(t, "hello", string(read.Plaintext))
	_, err = p.Unprotect(ctx, &clientpb.UnprotectRequest{StateId: p.bob, Ciphertext: sent.Ciphertext})
	requireCode(t, codes.FailedPrecondition, err)
}

// TestReplacedCommit checks that a commit takes the place of a pending one, and covers what it is told and no more.
func TestReplacedCommit(t *testing.T) {
	p := newPair(t, 1)
	ctx := t.Context()
	proposal, err := p.UpdateProposal(ctx, &clientpb.UpdateProposalRequest{StateId: p.bob})
	require.NoError(t, err)
	byReference := &clientpb.CommitRequest{StateId: p.alice, ByReference: [][]byte{proposal.Proposal}}
	_, err = p.Commit(ctx, byReference)
	require.NoError(t, err)
	second, err := p.Commit(ctx, byReference)
	require.NoError(t, err)
	adopted, err := p.HandleCommit(ctx, &clientpb.HandleCommitRequest{StateId: p.alice, Commit: second.Commit})
	require.NoError(t, err, "the own commit comes back")
	require.Equal(t, p.alice, adopted.StateId)
	_, err = p.HandleCommit(ctx, &clientpb.HandleCommitRequest{StateId: p.bob, Commit: second.Commit})
	require.NoError(t, err)
	p.same()

	// A commit by bob wins over one of alice that is pending.
	_, err = p.Commit(ctx, &clientpb.CommitRequest{StateId: p.alice})
	require.NoError(t, err)
	won, err := p.Commit(ctx, &clientpb.CommitRequest{StateId: p.bob})
	require.NoError(t, err)
	_, err = p.HandlePendingCommit(ctx, &clientpb.HandlePendingCommitRequest{StateId: p.bob})
	require.NoError(t, err)
	_, err = p.HandleCommit(ctx, &clientpb.HandleCommitRequest{StateId: p.alice, Commit: won.Commit})
	require.NoError(t, err)
	p.same()

	// A member that is removed cannot follow.
	made := p.commit(&clientpb.ProposalDescription{ProposalType: []byte("remove"), RemovedId: []byte("bob")})
	_, err = p.HandleCommit(ctx, &clientpb.HandleCommitRequest{StateId: p.bob, Commit: made.Commit})
	requireCode(t, codes.FailedPrecondition, err)
	_, err = p.Free(ctx, &clientpb.FreeRequest{StateId: p.bob})
	require.NoError(t, err)
	_, err = p.StateAuth(ctx, &clientpb.StateAuthRequest{StateId: p.bob})
	requireCode(t, codes.NotFound, err)
}

// TestPrivateKeys checks that the private keys of a KeyPackage belong to it, in every suite, and serve only once.
func TestPrivateKeys(t *testing.T) {
	for _, cs := range ciphersuite.Supported() {
		t.Run(cs.String(), func(t *testing.T) {
			suite, err := ciphersuite.New(cs)
			require.NoError(t, err)
			p := newPair(t, uint32(cs))
			made := p.keyPackage("carol", uint32(cs))
			k, err := keyPackage(made.KeyPackage)
			require.NoError(t, err)
			for _, pair := range []struct {
				private []byte
				public  ciphersuite.HPKEPublicKey
			}{{made.InitPriv, k.InitKey}, {made.EncryptionPriv, k.LeafNode.EncryptionKey}} {
				keys, err := suite.KeyPairOf(ciphersuite.NewSecret(pair.private))
				require.NoError(t, err)
				require.Equal(t, pair.public, keys.Public)
			}
			signer, err := suite.ParseSigner(ciphersuite.NewSecret(made.SignaturePriv))
			require.NoError(t, err)
			public, err := suite.PublicKeyOf(signer)
			require.NoError(t, err)
			require.Equal(t, k.LeafNode.SignatureKey, public)

			welcome := p.commit(&clientpb.ProposalDescription{ProposalType: []byte("add"), KeyPackage: made.KeyPackage}).Welcome
			join := &clientpb.JoinGroupRequest{TransactionId: made.TransactionId, Welcome: welcome}
			_, err = p.JoinGroup(t.Context(), join)
			require.NoError(t, err)
			_, err = p.JoinGroup(t.Context(), join)
			requireCode(t, codes.NotFound, err)
		})
	}
}

// TestExternalSender checks that a signer finds its place among several, and that strangers have none.
func TestExternalSender(t *testing.T) {
	p := newPair(t, 1)
	ctx := t.Context()
	var ids []uint32
	for range 3 {
		signer, err := p.CreateExternalSigner(ctx, &clientpb.CreateExternalSignerRequest{CipherSuite: 1, Identity: []byte("ds")})
		require.NoError(t, err)
		ids = append(ids, signer.SignerId)
		if len(ids) == 3 {
			break // this one stays a stranger
		}
		proposal, err := p.AddExternalSigner(ctx, &clientpb.AddExternalSignerRequest{
			StateId: p.alice, ExternalSender: signer.ExternalSender})
		require.NoError(t, err)
		_, err = p.Commit(ctx, &clientpb.CommitRequest{StateId: p.alice, ByReference: [][]byte{proposal.Proposal}})
		require.NoError(t, err)
		_, err = p.HandlePendingCommit(ctx, &clientpb.HandlePendingCommitRequest{StateId: p.alice})
		require.NoError(t, err)
	}
	info, err := p.GroupInfo(ctx, &clientpb.GroupInfoRequest{StateId: p.alice, ExternalTree: true})
	require.NoError(t, err)
	for i, id := range ids {
		for _, named := range []uint32{0, 1, 9} {
			out, err := p.ExternalSignerProposal(ctx, &clientpb.ExternalSignerProposalRequest{SignerId: id, SignerIndex: named,
				GroupInfo: info.GroupInfo, RatchetTree: info.RatchetTree,
				Description: &clientpb.ProposalDescription{ProposalType: []byte("remove"), RemovedId: []byte("bob")}})
			if i == 2 {
				requireCode(t, codes.InvalidArgument, err)
				continue
			}
			require.NoError(t, err)
			var m framing.Message
			require.NoError(t, framing.Unmarshal(out.Proposal, &m))
			require.Equal(t, uint32(i), m.Body.(*framing.PublicMessage).Content.Sender.SenderIndex)
		}
	}
}

// TestRealWorldExternalSigner lets an external signer propose a KeyPackage that never ends, as other implementations make
// them: it goes by the same settings as the members.
func TestRealWorldExternalSigner(t *testing.T) {
	p := newPair(t, 1)
	ctx := t.Context()
	signer, err := p.CreateExternalSigner(ctx, &clientpb.CreateExternalSignerRequest{CipherSuite: 1, Identity: []byte("ds")})
	require.NoError(t, err)
	proposal, err := p.AddExternalSigner(ctx, &clientpb.AddExternalSignerRequest{StateId: p.alice, ExternalSender: signer.ExternalSender})
	require.NoError(t, err)
	_, err = p.Commit(ctx, &clientpb.CommitRequest{StateId: p.alice, ByReference: [][]byte{proposal.Proposal}})
	require.NoError(t, err)
	_, err = p.HandlePendingCommit(ctx, &clientpb.HandlePendingCommitRequest{StateId: p.alice})
	require.NoError(t, err)
	info, err := p.GroupInfo(ctx, &clientpb.GroupInfoRequest{StateId: p.alice})
	require.NoError(t, err)

	suite, err := ciphersuite.New(1)
	require.NoError(t, err)
	dave, err := suite.GenerateSigner(nil)
	require.NoError(t, err)
	keys, err := mls.NewKeyPackage(mls.KeyPackageParams{CipherSuite: 1, Lifetime: framing.Lifetime{NotAfter: math.MaxUint64},
		Leaf: mls.LeafParams{Credential: framing.BasicCredential([]byte("dave")), Signer: dave}, Params: mls.Params{MaxLifetime: -1}})
	require.NoError(t, err)
	message, err := keys.Message()
	require.NoError(t, err)
	_, err = p.ExternalSignerProposal(ctx, &clientpb.ExternalSignerProposalRequest{SignerId: signer.SignerId, GroupInfo: info.GroupInfo,
		Description: &clientpb.ProposalDescription{ProposalType: []byte("add"), KeyPackage: message}})
	require.NoError(t, err)
}

// TestConcurrentCalls lets many send from one state at once, while others make groups.
func TestConcurrentCalls(t *testing.T) {
	p := newPair(t, 1)
	const senders = 32
	sent := make([][]byte, senders)
	var wg sync.WaitGroup
	for i := range senders {
		wg.Go(func() {
			out, err := p.Protect(t.Context(), &clientpb.ProtectRequest{StateId: p.alice, Plaintext: fmt.Append(nil, i)})
			if err == nil {
				sent[i] = out.Ciphertext
			}
			_, _ = p.CreateGroup(t.Context(), &clientpb.CreateGroupRequest{CipherSuite: 1})
		})
	}
	wg.Wait()
	for i, message := range sent {
		wg.Go(func() {
			out, err := p.Unprotect(t.Context(), &clientpb.UnprotectRequest{StateId: p.bob, Ciphertext: message})
			if err != nil || string(out.Plaintext) != fmt.Sprint(i) {
				t.Errorf("message %d: %q, %v", i, out.GetPlaintext(), err)
			}
		})
	}
	wg.Wait()
}

// TestPanic checks that a bug does not end the service, and that calls are logged.
func TestPanic(t *testing.T) {
	var log bytes.Buffer
	s := New(slog.New(slog.NewTextHandler(&log, nil)))
	info := &grpc.UnaryServerInfo{FullMethod: "/mls_client.MLSClient/Name"}
	_, err := s.intercept(t.Context(), nil, info, func(context.Context, any) (any, error) { panic("oops") })
	requireCode(t, codes.Internal, err)
	require.Contains(t, log.String(), "status=Internal")
	out, err := s.intercept(t.Context(), nil, info, func(context.Context, any) (any, error) { return 7, nil })
	require.NoError(t, err)
	require.Equal(t, 7, out)
	require.Equal(t, 2, strings.Count(log.String(), "\n"))
}
