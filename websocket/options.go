package websocket

import (
	"log/slog"
	"time"

	"github.com/wye-org/wye/websocket/wire"
)

// Options are a connection's, on both ends. The zero value is the default. In
// the durations a negative value means never, or no bound.
type Options struct {
	// MaxMessage bounds a received message, in bytes. A longer one fails the
	// connection with 1009. 0: 1 MiB; 125 at least.
	MaxMessage int

	// MaxFragments bounds the frames of a received message. 0: 65,536.
	MaxFragments int

	// WriteQueueBytes and WriteQueueMessages bound what was written and has
	// not been sent yet. A single message may be longer; it then waits until
	// the queue is empty. 0: 1 MiB and 1,024 messages.
	WriteQueueBytes    int
	WriteQueueMessages int

	// WriteTimeout bounds each send: a peer that takes nothing for so long
	// loses the connection. 0: 10 seconds.
	WriteTimeout time.Duration

	// CloseTimeout bounds the closing handshake, and then the wait for the
	// transport's end. 0: 5 seconds; it always has a bound.
	CloseTimeout time.Duration

	// PingInterval is the silence after which a keepalive ping is sent, less
	// a random tenth at most. 0: 20 seconds.
	PingInterval time.Duration

	// PongTimeout is how long after such a ping the peer may stay silent
	// before the connection counts as lost. 0: 20 seconds.
	PongTimeout time.Duration

	// Deflate is permessage-deflate, RFC 7692. The zero value is off; to turn
	// it on set Enabled, after reading what [wire.Deflate] says about secrets.
	Deflate Deflate

	// MessageRate is how many messages a second are received at the most, and
	// MessageBurst how many at once: whoever sends more is not read from until
	// their turn comes, so that their own connection slows them down. 0: as
	// many as come; a burst of 0 is one second's.
	MessageRate  float64
	MessageBurst int

	// Hooks are for metrics and traces.
	Hooks Hooks

	// Logger gets what nobody else is told: refusals, handlers' errors. nil:
	// [slog.Default].
	Logger *slog.Logger
}

// Deflate says how compression is used.
type Deflate = wire.Deflate

func (o *Options) logger() *slog.Logger {
	if o.Logger != nil {
		return o.Logger
	}
	return slog.Default()
}

// settings are Options as a connection uses them: the defaults are filled in, and
// negative durations are 0. They do not change.
type settings struct {
	Options
	wire wire.Options // what package wire has to know of them
}

// settings resolves o.
func (o *Options) settings(client bool) *settings {
	r := settings{Options: *o}
	orInt := func(v *int, def int) {
		if *v <= 0 {
			*v = def
		}
	}
	orDuration := func(v *time.Duration, def time.Duration) {
		switch {
		case *v == 0:
			*v = def
		case *v < 0:
			*v = 0
		}
	}
	orInt(&r.MaxMessage, 1<<20)
	orInt(&r.MaxFragments, 1<<16)
	orInt(&r.WriteQueueBytes, 1<<20)
	orInt(&r.WriteQueueMessages, 1024)
	orDuration(&r.WriteTimeout, 10*time.Second)
	orDuration(&r.PingInterval, 20*time.Second)
	orDuration(&r.PongTimeout, 20*time.Second)
	if r.CloseTimeout <= 0 {
		r.CloseTimeout = 5 * time.Second
	}
	if r.MessageBurst <= 0 {
		r.MessageBurst = max(1, int(r.MessageRate))
	}
	r.wire = wire.Options{
		Client:       client,
		MaxMessage:   r.MaxMessage,
		MaxFragments: r.MaxFragments,
		Alloc:        takeBuffer,
		Free:         giveBuffer,
		MaskKey:      maskKey,
		PingAfter:    wire.Instant(r.PingInterval),
		PongWait:     wire.Instant(r.PongTimeout),
		CloseWait:    wire.Instant(r.CloseTimeout),
	}
	return &r
}
