// Package hubws sends what a hub delivers over WebSocket connections.
//
//	websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
//		client, err := h.Connect(hubws.Outlet(c, nil), nil)
//		if err != nil {
//			return err
//		}
//		defer client.Close()
//		…
//	}, nil)
package hubws

import (
	"context"
	"errors"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// An Encoding says what a hub's message is on a WebSocket. A message is encoded,
// framed and, for each size of window, compressed once, for all the connections
// whose Outlets have the same Encoding.
type Encoding struct {
	prepare func(*hub.Message) any // a *websocket.Prepared; nil: it is not sent
}

// NewEncoding returns an Encoding by encode, which may be called concurrently. A
// message for which it returns nil is not sent; it counts as delivered.
func NewEncoding(encode func(*hub.Message) (typ websocket.MessageType, p []byte)) *Encoding {
	return &Encoding{func(m *hub.Message) any {
		typ, p := encode(m)
		if p == nil {
			return (*websocket.Prepared)(nil)
		}
		return websocket.Prepare(typ, p)
	}}
}

// raw sends a message's data as it is, and not who came or went.
var raw = NewEncoding(func(m *hub.Message) (websocket.MessageType, []byte) {
	switch {
	case m.Kind != hub.Data:
		return 0, nil
	case m.Binary:
		return websocket.MessageBinary, notNil(m.Data)
	}
	return websocket.MessageText, notNil(m.Data)
})

func notNil(p []byte) []byte {
	if p == nil {
		return []byte{}
	}
	return p
}

// Outlet is the way to a hub's client over c. A nil e sends data as it is, as
// text or binary, and not who came or went.
//
// It gives c a batch when all before it is with the kernel, or will be at the end
// of the turn of c's event loop. So what waits for a slow client waits in the hub,
// where the namespace's policy can get at it; and a member on a
// [websocket.Loop] costs no goroutine while it keeps up, whether the callbacks may
// block or not. When
// the hub ends the client, c is closed with 1013 (try again later) for
// [hub.ErrSlow] and [hub.ErrLost], with 1001 (going away) for [hub.ErrClosed], and
// for a [*hub.DisconnectError] with its code, or 1008 (policy violation). A text must be valid UTF-8.
func Outlet(c *websocket.Conn, e *Encoding) hub.Outlet {
	if e == nil {
		e = raw
	}
	return &outlet{c, e}
}

type outlet struct {
	conn *websocket.Conn
	e    *Encoding
}

// turnBytes is how much a connection is given before the end of its event loop's
// turn.
const turnBytes = 64 << 10

// TrySend implements [hub.Outlet].
func (o *outlet) TrySend(batch []*hub.Message) (n int, err error) {
	if s := o.conn.Stats(); s.Stalled || s.Queued >= turnBytes {
		return 0, nil
	}
	return o.send(batch)
}

// Send implements [hub.Outlet].
func (o *outlet) Send(ctx context.Context, batch []*hub.Message) (n int, err error) {
	for n == 0 && err == nil {
		if err = o.conn.Flush(ctx); err == nil {
			n, err = o.send(batch)
		}
	}
	return n, err
}

// Ready implements [hub.Readier].
func (o *outlet) Ready(ctx context.Context) error { return o.conn.Flush(ctx) }

// send queues what there is room for.
func (o *outlet) send(batch []*hub.Message) (n int, err error) {
	var space [64]*websocket.Prepared
	frames := space[:0]
	for _, m := range batch {
		if p := o.e.prepared(m); p != nil {
			frames = append(frames, p)
		}
	}
	sent, err := o.conn.TryWriteBatch(frames)
	if errors.Is(err, websocket.ErrQueueFull) {
		err = nil
	}
	if sent == len(frames) {
		return len(batch), err
	}
	for _, m := range batch {
		if o.e.prepared(m) != nil {
			if sent == 0 {
				break
			}
			sent--
		}
		n++
	}
	return n, err
}

func (e *Encoding) prepared(m *hub.Message) *websocket.Prepared {
	return m.Form(e, e.prepare).(*websocket.Prepared)
}

// Close implements [hub.Outlet].
func (o *outlet) Close(why error) {
	ctx := context.Background() // Close is bounded by the connection's own close timeout
	var closed *websocket.CloseError
	var told *hub.DisconnectError
	switch {
	case errors.Is(why, hub.ErrSlow):
		o.conn.Close(ctx, websocket.StatusTryAgainLater, "too far behind: messages were missed")
	case errors.Is(why, hub.ErrLost):
		o.conn.Close(ctx, websocket.StatusTryAgainLater, "messages were lost: join again")
	case errors.Is(why, hub.ErrClosed):
		o.conn.Close(ctx, websocket.StatusGoingAway, "")
	case errors.As(why, &told) && told.Code != 0:
		o.conn.Close(ctx, websocket.StatusCode(told.Code), told.Reason)
	case errors.As(why, &told):
		o.conn.Close(ctx, websocket.StatusPolicyViolation, told.Reason)
	case errors.As(why, &closed) || errors.Is(why, websocket.ErrClosing):
		// The connection has ended, or is being closed, by itself.
	default:
		o.conn.Close(ctx, websocket.StatusInternalError, "")
	}
}
