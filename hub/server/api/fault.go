package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/hub/server"
)

// A Fault is why a call was not carried out, as it is told:
// {"error":{"code":102,"message":"…"}}. The codes are those of the client protocol.
type Fault struct {
	Code      int    `json:"code"`
	Message   string `json:"message"`
	Temporary bool   `json:"temporary,omitempty"` // try again, with the same idempotency key

	status int
}

func (f *Fault) Error() string { return fmt.Sprintf("%s (%d)", f.Message, f.Code) }

func badRequest(format string, args ...any) *Fault {
	return &Fault{Code: server.ErrorBadRequest, Message: fmt.Sprintf(format, args...), status: http.StatusBadRequest}
}

// faultOf says what err is to who called. What it is not for them, the log gets.
func (h *Handler) faultOf(ctx context.Context, method string, err error) *Fault {
	if f := told(err); f != nil {
		return f
	}
	h.opt.Logger.ErrorContext(ctx, "api: a call failed", "method", method, "err", err)
	return &Fault{Code: server.ErrorInternal, Message: "internal error", status: http.StatusInternalServerError}
}

// told is what who called is told of err. nil: it is not to be told.
func told(err error) *Fault {
	fault := func(status, code int) *Fault { return &Fault{Code: code, Message: err.Error(), status: status} }
	var already *Fault
	var name *hub.NameError
	var full *hub.FullError
	switch {
	case errors.As(err, &already):
		return already
	case errors.As(err, &name), errors.Is(err, hub.ErrNobody), errors.Is(err, hub.ErrDisconnect):
		return fault(http.StatusBadRequest, server.ErrorBadRequest)
	case errors.Is(err, hub.ErrNoNamespace):
		return fault(http.StatusNotFound, server.ErrorUnknownChannel)
	case errors.Is(err, hub.ErrNoHistory), errors.Is(err, hub.ErrNoPresence):
		return fault(http.StatusBadRequest, server.ErrorNotAvailable)
	case errors.Is(err, hub.ErrTooLong):
		return fault(http.StatusRequestEntityTooLarge, server.ErrorLimitExceeded)
	case errors.As(err, &full):
		return fault(http.StatusServiceUnavailable, server.ErrorLimitExceeded)
	case errors.Is(err, hub.ErrUnavailable), errors.Is(err, hub.ErrClosed), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		f := fault(http.StatusServiceUnavailable, server.ErrorInternal)
		f.Temporary = true
		return f
	}
	return nil
}
