package hub

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Facts that calls report.
var (
	// ErrUnavailable: the engine cannot be reached. It is temporary: a
	// publication may be retried, with the same idempotency key.
	ErrUnavailable = errors.New("hub: the engine is away for now")

	// ErrSlow: the member did not take its messages fast enough.
	ErrSlow = errors.New("hub: too far behind")

	// ErrLost: the channel's history was lost, or more of it than can be
	// repaired. Who rejoins learns what there is.
	ErrLost = errors.New("hub: messages of the channel were lost")

	// ErrClosed: the hub, or the client, is closed.
	ErrClosed = errors.New("hub: closed")

	ErrJoined      = errors.New("hub: the client is in that channel already")
	ErrNotJoined   = errors.New("hub: the client is not in that channel")
	ErrNoHistory   = errors.New("hub: the channel keeps no history")
	ErrNoPresence  = errors.New("hub: the channel keeps no presence")
	ErrNobody      = errors.New("hub: it is not said who is meant")
	ErrDisconnect  = errors.New("hub: a disconnect has a code of 3000 to 4999, or 0, and a reason of 123 bytes of UTF-8 at the most")
	ErrNoNamespace = errors.New("hub: there is no such namespace")
	ErrTooLong     = errors.New("hub: the message is too long")
)

// NameError says why a channel's name was refused.
type NameError struct {
	Channel string
	Reason  string
}

func (e *NameError) Error() string { return fmt.Sprintf("hub: channel %.64q: %s", e.Channel, e.Reason) }

// DeniedError says that a client may not do what it asked for. Err is what
// [Namespace] MaySubscribe or MayPublish said; nil: there is no such function.
type DeniedError struct {
	Action  string // "subscribe" or "publish"
	Channel string
	Err     error
}

func (e *DeniedError) Error() string {
	s := fmt.Sprintf("hub: may not %s: %.64q", e.Action, e.Channel)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *DeniedError) Unwrap() error { return e.Err }

// DisconnectError is why [Hub.Disconnect] ended a client.
type DisconnectError struct {
	Code   uint16 // for the client, 3000 to 4999 as RFC 6455 §7.4.2 has it; 0: the transport's own
	Reason string // for the client, at most 123 bytes of UTF-8
}

func (e *DisconnectError) Error() string {
	s := "hub: disconnected by the program"
	if e.Code != 0 {
		s += fmt.Sprintf(" with %d", e.Code)
	}
	if e.Reason != "" {
		s += ": " + e.Reason
	}
	return s
}

func (e *DisconnectError) check() error {
	if e.Code != 0 && (e.Code < 3000 || e.Code > 4999) || len(e.Reason) > 123 || !utf8.ValidString(e.Reason) {
		return ErrDisconnect
	}
	return nil
}

// SilentError says that other nodes have not answered in time: what was returned
// beside it is known of the rest alone.
type SilentError struct{ Nodes int }

func (e *SilentError) Error() string {
	return fmt.Sprintf("hub: %d other nodes have not answered", e.Nodes)
}

// FullError says which bound was met.
type FullError struct {
	What  string // one of the constants
	Limit int
}

// What there may be too many of.
const (
	Members             = "members of the channel"
	Channels            = "channels"
	ChannelsOfNamespace = "channels of the namespace"
	ChannelsOfClient    = "channels of the client"
)

func (e *FullError) Error() string {
	return fmt.Sprintf("hub: there are %d %s already", e.Limit, e.What)
}
