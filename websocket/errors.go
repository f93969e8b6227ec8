package websocket

import (
	"errors"
	"fmt"

	"github.com/wye-org/wye/websocket/wire"
)

var (
	// ErrQueueFull: the write queue has no room for the message, of which
	// nothing was sent. The connection is as usable as it was.
	ErrQueueFull = errors.New("websocket: write queue is full")

	// ErrClosing: a Close frame was sent or is about to be, so no message can
	// be: "The application MUST NOT send any more data frames after sending a
	// Close frame." RFC 6455 §5.5.1.
	ErrClosing = wire.ErrClosed

	// ErrMessageType: neither [MessageText] nor [MessageBinary].
	ErrMessageType = errors.New("websocket: message type is neither text nor binary")

	// ErrPongTimeout: the peer was silent and answered no ping.
	ErrPongTimeout = errors.New("websocket: no answer to the keepalive ping")

	// ErrCloseTimeout: the peer did not finish the closing handshake in time.
	ErrCloseTimeout = errors.New("websocket: no answer to the Close frame")

	// ErrClosedNow: this end gave the connection up without a handshake.
	ErrClosedNow = errors.New("websocket: connection was cut by this end")
)

// CloseError is how every connection ends: reads and writes return one, and
// always the same. It says who ended the connection and why.
type CloseError struct {
	// Code is what the Close frame said that ended the connection:
	// [StatusNoStatusRcvd] if it said nothing, [StatusAbnormalClosure] if
	// there was none.
	Code   StatusCode
	Reason string

	// Remote says that the peer ended the connection, or its side of the
	// transport did.
	Remote bool

	// Err is what made the connection end without, or against, both ends'
	// will: a transport error, [ErrPongTimeout], [ErrCloseTimeout],
	// [ErrClosedNow], or the rule that the peer broke, a [*wire.Violation].
	// nil: a Close frame was sent because an application wanted that.
	Err error
}

func (e *CloseError) Error() string {
	who := "by this end"
	if e.Remote {
		who = "by the peer"
	}
	s := fmt.Sprintf("websocket: closed %s with %d (%s)", who, uint16(e.Code), e.Code)
	if e.Reason != "" {
		s += fmt.Sprintf(", reason %q", e.Reason)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *CloseError) Unwrap() error { return e.Err }

// CloseStatus returns the code of the [*CloseError] that err wraps; 0 if it
// wraps none.
func CloseStatus(err error) StatusCode {
	var closed *CloseError
	if errors.As(err, &closed) {
		return closed.Code
	}
	return 0
}
