package mlsclient

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/status"

	"github.com/copse-mls/copse/ciphersuite"
	"github.com/copse-mls/copse/interop/mlsclient/clientpb"
)

// MaxMessage is the largest gRPC message that the service reads and sends, in bytes.
const MaxMessage = 64 << 20

// Service implements the calls. Calls on different states run side by side, those on one state one after the other. A
// failed call leaves everything as it was.
type Service struct {
	clientpb.UnimplementedMLSClientServer

	log          *slog.Logger
	states       *table[*state]
	transactions *table[*transaction]
	reInits      *table[*reInit]
	signers      *table[client]
}

// New makes a service without any state. It logs every call to log, which may be nil.
func New(log *slog.Logger) *Service {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ids := new(atomic.Uint32) // shared, because StorePSK takes the id of a state or of a transaction
	return &Service{
		log:          log,
		states:       newTable[*state](ids, "state"),
		transactions: newTable[*transaction](ids, "transaction"),
		reInits:      newTable[*reInit](ids, "reinitialization"),
		signers:      newTable[client](ids, "external signer"),
	}
}

// Serve handles calls on l until ctx ends, then closes l and returns nil.
func (s *Service) Serve(ctx context.Context, l net.Listener) error {
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(MaxMessage), grpc.MaxSendMsgSize(MaxMessage), grpc.UnaryInterceptor(s.intercept))
	clientpb.RegisterMLSClientServer(server, s)
	stop := context.AfterFunc(ctx, server.Stop)
	defer stop()
	if err := server.Serve(l); err != nil && ctx.Err() == nil {
		return fmt.Errorf("mlsclient: %w", err)
	}
	return nil
}

// intercept gives every failure its status, a panic included, and logs the call.
func (s *Service) intercept(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (out any, err error) {
	start := time.Now()
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errPanic, r)
		}
		err = statusOf(err)
		s.log.Info(info.FullMethod, "status", status.Code(err), "time", time.Since(start), "error", err)
	}()
	return next(ctx, request)
}

// Name returns the name of the implementation.
func (s *Service) Name(context.Context, *clientpb.NameRequest) (*clientpb.NameResponse, error) {
	return &clientpb.NameResponse{Name: "Copse"}, nil
}

// SupportedCiphersuites lists the cipher suites of this build.
func (s *Service) SupportedCiphersuites(
	context.Context, *clientpb.SupportedCiphersuitesRequest,
) (*clientpb.SupportedCiphersuitesResponse, error) {
	out := new(clientpb.SupportedCiphersuitesResponse)
	for _, cs := range ciphersuite.Supported() {
		out.Ciphersuites = append(out.Ciphersuites, uint32(cs))
	}
	return out, nil
}

// Free forgets a state. What other states and reinitializations share with it stays.
func (s *Service) Free(_ context.Context, r *clientpb.FreeRequest) (*clientpb.FreeResponse, error) {
	if _, err := s.states.get(r.StateId); err != nil {
		return nil, err
	}
	s.states.remove(r.StateId)
	return new(clientpb.FreeResponse), nil
}
