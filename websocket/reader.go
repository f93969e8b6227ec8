package websocket

import (
	"context"
	"errors"
	"io"

	"github.com/wye-org/wye/websocket/wire"
)

// ErrSuperseded: another read was begun before this message was read to its end,
// and the rest of it was dropped.
var ErrSuperseded = errors.New("websocket: another read was begun before the end of this message")

// MessageReader is a message that is read as it comes: see [Conn.Reader]. Its
// methods must not be called concurrently.
type MessageReader struct {
	c    *Conn
	ctx  context.Context
	rest []byte // of a chunk: of a buffer of the pool, or of a message of its own
	typ  MessageType
	n    int    // bytes so far
	own  []byte // what rest lies in, to be given back
	err  error  // what Read returns when rest is empty

	counted bool
}

// Reader returns the next message as a stream: what has come can be read before
// its end has. Otherwise it is [Conn.Read]: ctx bounds the reads too, a Read
// whose ctx ends has lost nothing, and limits and UTF-8 are checked as the
// message comes. A message that turns out to break a rule has been read in part
// by then.
//
// The message should be read until io.EOF. A Reader or Read that is begun before
// drops its rest.
func (c *Conn) Reader(ctx context.Context) (MessageType, *MessageReader, error) {
	if err := c.lockRead(ctx); err != nil {
		return 0, nil, err
	}
	defer c.unlockRead()
	c.in.Stream = true
	ev, err := c.message(ctx)
	if err != nil {
		c.in.Stream = false
		return 0, nil, err
	}
	r := &MessageReader{c: c, ctx: ctx, typ: MessageType(ev.Op)}
	c.current = r
	r.take(ev)
	return MessageType(ev.Op), r, nil
}

// Read implements [io.Reader].
func (r *MessageReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		r.giveBack()
		if r.err != nil {
			if !r.counted {
				r.counted = true
				r.c.countReceived(r.typ, r.n)
			}
			return 0, r.err
		}
		if len(p) == 0 {
			return 0, nil
		}
		if err := r.more(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	if r.rest = r.rest[n:]; len(r.rest) == 0 {
		r.giveBack()
	}
	return n, nil
}

// more waits for the next part.
func (r *MessageReader) more() error {
	c := r.c
	if err := c.lockRead(r.ctx); err != nil {
		return err
	}
	defer c.unlockRead()
	if c.current != r {
		return ErrSuperseded
	}
	ev, err := c.part(r.ctx, false)
	if err != nil {
		return err
	}
	r.take(ev)
	return nil
}

// take keeps what ev has: what lies in scratch is copied, because somebody else
// may read before this is read. The reading lock is held.
func (r *MessageReader) take(ev wire.Event) {
	data := ev.Data
	if !ev.Owned {
		data = append(takeBuffer(len(ev.Data))[:0], ev.Data...)
	}
	r.rest, r.own = data, data
	r.n += len(data)
	if ev.Kind == wire.Message || ev.Final {
		r.err = io.EOF
		r.c.current, r.c.in.Stream = nil, false
	}
}

func (r *MessageReader) giveBack() {
	if r.own != nil {
		giveBuffer(r.own)
		r.rest, r.own = nil, nil
	}
}

// supersede has the rest of a message that was read in part be dropped. The
// reading lock is held.
func (c *Conn) supersede() {
	if c.current != nil {
		c.current, c.in.Stream = nil, false
		c.dropping = true
	}
}

// part returns a whole message or the next chunk of one. first skips what is
// left of a message that nobody reads any more.
func (c *Conn) part(ctx context.Context, first bool) (wire.Event, error) {
	for {
		var ev wire.Event
		if len(c.ahead.messages) > 0 {
			ev = c.ahead.take()
		} else {
			ev = c.next()
		}
		switch {
		case ev.Kind == wire.None:
			if err := c.fill(ctx); err != nil {
				return wire.Event{}, err
			}
		case ev.Kind == wire.Chunk && c.dropping && first:
			c.dropping = !ev.Final
			if ev.Owned {
				giveBuffer(ev.Data)
			}
		case ev.Kind == wire.Message, ev.Kind == wire.Chunk:
			c.reads++
			return ev, nil
		}
	}
}
