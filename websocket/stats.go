package websocket

import (
	"net/http"
	"sync/atomic"
	"time"
)

// Stats is what went over a connection so far. A message is counted when it is
// returned by a read, or queued by a write; bytes are payload, inflated.
type Stats struct {
	MessagesReceived, BytesReceived int64
	MessagesSent, BytesSent         int64
	Queued                          int // bytes that wait to be sent, frame headers included

	// Stalled: they wait for the peer to read, as far as is known. On a
	// connection that an event loop serves that is so when the kernel took not
	// all that it was given: what is not stalled is sent at the end of the turn.
	// On others it is so when something is queued.
	Stalled bool
}

// counters are Stats while they are counted.
type counters struct {
	messagesReceived, bytesReceived atomic.Int64
	messagesSent, bytesSent         atomic.Int64
}

// Stats may be called at any time.
func (c *Conn) Stats() Stats {
	c.mu.Lock()
	queued := c.queuedLocked()
	stalled := queued > 0
	if c.looped != nil {
		stalled = c.blocked
	}
	c.mu.Unlock()
	return Stats{
		MessagesReceived: c.messagesReceived.Load(),
		BytesReceived:    c.bytesReceived.Load(),
		MessagesSent:     c.messagesSent.Load(),
		BytesSent:        c.bytesSent.Load(),
		Queued:           queued,
		Stalled:          stalled,
	}
}

// Hooks are called at the events of connections, for metrics and traces. Each
// may be nil. They are called on the goroutine that the event happens on, so
// they should be quick; no lock is held, so they may call the Conn's methods.
type Hooks struct {
	// Refused: a server refused a handshake with err, which may be a
	// [wye.Answerer].
	Refused func(r *http.Request, err error)

	// Opened: the handshake is complete.
	Opened func(c *Conn)

	// Received and Sent: a message of n bytes was returned by a read, or
	// queued by a write. A streamed message is reported when it has ended.
	Received func(c *Conn, typ MessageType, n int)
	Sent     func(c *Conn, typ MessageType, n int)

	// RoundTrip: a ping was answered after that time: a keepalive ping, or one
	// of [Conn.Ping].
	RoundTrip func(c *Conn, d time.Duration)

	// Closed: the connection has ended and its transport is closed. c.Err()
	// is why.
	Closed func(c *Conn)
}

func (c *Conn) countReceived(typ MessageType, n int) {
	c.messagesReceived.Add(1)
	c.bytesReceived.Add(int64(n))
	if f := c.opt.Hooks.Received; f != nil {
		f(c, typ, n)
	}
}

func (c *Conn) countSent(typ MessageType, n int) {
	c.messagesSent.Add(1)
	c.bytesSent.Add(int64(n))
	if f := c.opt.Hooks.Sent; f != nil {
		f(c, typ, n)
	}
}

func (c *Conn) tellRoundTrip(d time.Duration) {
	if f := c.opt.Hooks.RoundTrip; f != nil {
		f(c, d)
	}
}
