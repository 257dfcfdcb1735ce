package mlsclient

import (
	"errors"
	"fmt"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/copse-mls/copse/keyschedule"
	"github.com/copse-mls/copse/mls"
)

// errPanic stands for a panic, which is a bug.
var errPanic = errors.New("mlsclient: panic")

// notFoundError says that a number names nothing.
type notFoundError struct {
	what string
	id   uint32
}

func (e *notFoundError) Error() string {
	return fmt.Sprintf("mlsclient: no %s has the id %d", e.what, e.id)
}

// refused are the errors about the state that a call finds. Everything else is about what the call brings.
var refused = []error{
	mls.ErrOldEpoch, mls.ErrFutureEpoch, mls.ErrReplay, mls.ErrOwnMessage, mls.ErrPending, mls.ErrNotPending,
	mls.ErrPendingProposals, mls.ErrInactive, mls.ErrErased, mls.ErrTooManyProposals,
}

// statusOf returns the gRPC status for an error: NotFound for a number that names nothing, FailedPrecondition for what
// the state does not allow now, Internal for a bug of this service, and InvalidArgument for input that breaks a rule.
func statusOf(err error) error {
	var notFound *notFoundError
	var psk *mls.MissingPSKError
	var proposal *mls.MissingProposalError
	var ratchet *keyschedule.RatchetError
	code := codes.InvalidArgument
	switch {
	case err == nil:
		return nil
	case errors.As(err, &notFound):
		code = codes.NotFound
	case errors.Is(err, errPanic):
		code = codes.Internal
	case errors.As(err, &psk), errors.As(err, &proposal), errors.As(err, &ratchet):
		code = codes.FailedPrecondition
	default:
		for _, r := range refused {
			if errors.Is(err, r) {
				code = codes.FailedPrecondition
			}
		}
	}
	return status.Error(code, err.Error())
}
