package server

import (
	"context"
	"errors"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// Codes of the errors that a command is answered with, as the SDKs know them.
const (
	ErrorInternal              = 100 // temporary: the SDK tries again
	ErrorUnauthorized          = 101
	ErrorUnknownChannel        = 102 // there is no such namespace
	ErrorPermissionDenied      = 103
	ErrorMethodNotFound        = 104
	ErrorAlreadySubscribed     = 105
	ErrorLimitExceeded         = 106
	ErrorBadRequest            = 107
	ErrorNotAvailable          = 108 // the channel keeps no history, or no presence
	ErrorTokenExpired          = 109 // the SDK asks its program for another
	ErrorExpired               = 110
	ErrorUnrecoverablePosition = 112
)

// Codes that a connection is closed with, as the SDKs know them: from 3000 to 3499
// they come back, from 3500 on they do not.
const (
	DisconnectShutdown          = 3001 // the hub is closed
	DisconnectServerError       = 3004 // for programs that end clients: the server sends it for nothing
	DisconnectExpired           = 3005 // the token was not refreshed
	DisconnectSlow              = 3008
	DisconnectWriteError        = 3009
	DisconnectInsufficientState = 3010 // messages were lost on the way
	DisconnectNoPong            = 3012
	DisconnectInvalidToken      = 3500
	DisconnectBadRequest        = 3501 // what came is not the protocol
	DisconnectStale             = 3502 // no connect command in time
	DisconnectForced            = 3503 // the program wants it so
	DisconnectNotAvailable      = 3508 // a message without reply, which nobody takes
)

// Codes that a client is told it has left a channel with, not having asked to.
// From 2500 on the SDK joins again.
const (
	UnsubscribeServer  = 2000 // the program wants it so
	UnsubscribeExpired = 2501 // the subscription's token was not refreshed
)

// replyError is what a command is answered with that failed.
type replyError struct {
	Code      int    `json:"code"`
	Message   string `json:"message"`
	Temporary bool   `json:"temporary,omitempty"`
}

func (e *replyError) Error() string { return "server: " + e.Message }

var (
	errInternal         = &replyError{ErrorInternal, "internal server error", true}
	errUnauthorized     = &replyError{ErrorUnauthorized, "unauthorized", false}
	errUnknownChannel   = &replyError{ErrorUnknownChannel, "unknown channel", false}
	errPermissionDenied = &replyError{ErrorPermissionDenied, "permission denied", false}
	errMethodNotFound   = &replyError{ErrorMethodNotFound, "method not found", false}
	errSubscribed       = &replyError{ErrorAlreadySubscribed, "already subscribed", false}
	errLimitExceeded    = &replyError{ErrorLimitExceeded, "limit exceeded", false}
	errBadRequest       = &replyError{ErrorBadRequest, "bad request", false}
	errNotAvailable     = &replyError{ErrorNotAvailable, "not available", false}
	errTokenExpired     = &replyError{ErrorTokenExpired, "token expired", false}
	errExpired          = &replyError{ErrorExpired, "expired", false}
	errUnrecoverable    = &replyError{ErrorUnrecoverablePosition, "unrecoverable position", false}
)

// disconnect is how a connection is ended. It is an error where that is the outcome
// of a command.
type disconnect struct {
	code   int
	reason string
}

func (d *disconnect) Error() string { return "server: disconnected: " + d.reason }

var (
	byShutdown     = &disconnect{DisconnectShutdown, "shutdown"}
	byExpiry       = &disconnect{DisconnectExpired, "connection expired"}
	bySlowness     = &disconnect{DisconnectSlow, "slow"}
	byWriteError   = &disconnect{DisconnectWriteError, "write error"}
	byLoss         = &disconnect{DisconnectInsufficientState, "insufficient state"}
	bySilence      = &disconnect{DisconnectNoPong, "no pong"}
	byInvalidToken = &disconnect{DisconnectInvalidToken, "invalid token"}
	byBadRequest   = &disconnect{DisconnectBadRequest, "bad request"}
	byStaleness    = &disconnect{DisconnectStale, "stale"}
	byForce        = &disconnect{DisconnectForced, "force disconnect"}
	byNoTaker      = &disconnect{DisconnectNotAvailable, "not available"}
)

// answerTo is what a command is answered with that failed with err, a fault of the
// hub's. Whether it is worth a line in the log is the second result.
func answerTo(err error) (e *replyError, worth bool) {
	var full *hub.FullError
	var name *hub.NameError
	var denied *hub.DeniedError
	var told *hub.DisconnectError
	switch {
	case errors.As(err, &e):
		return e, false
	case errors.As(err, &denied):
		return errPermissionDenied, false
	case errors.As(err, &full), errors.Is(err, hub.ErrTooLong):
		return errLimitExceeded, false
	case errors.As(err, &name):
		return errBadRequest, false
	case errors.Is(err, hub.ErrNoNamespace):
		return errUnknownChannel, false
	case errors.Is(err, hub.ErrJoined):
		return errSubscribed, false
	case errors.Is(err, hub.ErrNoHistory), errors.Is(err, hub.ErrNoPresence):
		return errNotAvailable, false
	case errors.Is(err, hub.ErrUnavailable), errors.Is(err, hub.ErrClosed),
		errors.Is(err, hub.ErrSlow), errors.Is(err, hub.ErrNotJoined), errors.Is(err, context.DeadlineExceeded):
		return errInternal, false
	case errors.As(err, &told), errors.Is(err, hub.ErrLost):
		return errInternal, false // the hub has ended the client, whose outlet says why
	}
	return errInternal, true
}

// disconnectFor is how a connection is ended whose client the hub has ended. nil: it
// has ended by itself.
func disconnectFor(why error) *disconnect {
	var closed *websocket.CloseError
	var told *hub.DisconnectError
	switch {
	case errors.As(why, &told) && told.Code != 0:
		return &disconnect{int(told.Code), told.Reason}
	case errors.As(why, &told):
		return byForce
	case errors.Is(why, hub.ErrSlow):
		return bySlowness
	case errors.Is(why, hub.ErrLost):
		return byLoss
	case errors.Is(why, hub.ErrClosed):
		return byShutdown
	case errors.As(why, &closed), errors.Is(why, websocket.ErrClosing):
		return nil
	}
	return byWriteError
}
