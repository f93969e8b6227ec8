package websocket

import (
	"context"
	"errors"
	"io"

	"github.com/wye-org/wye/websocket/wire"
)

// ErrWriterClosed: the message was ended already.
var ErrWriterClosed = errors.New("websocket: write to a message that was ended")

// fragmentSize is how much of a streamed message is gathered into a frame: less
// would be needless fragmentation.
const fragmentSize = 32 << 10

// MessageWriter is a message that is sent as it is made: see [Conn.Writer]. Its
// methods must not be called concurrently.
type MessageWriter struct {
	c    *Conn
	ctx  context.Context
	op   wire.Opcode
	b    []byte // not queued yet
	n    int    // bytes so far
	done bool
}

var _ io.WriteCloser = (*MessageWriter)(nil)

// Writer begins a message whose length need not be known. What is written goes
// out in frames of 32 KiB, or sooner by Flush; ctx bounds the waiting for room
// of all of it. The message must be ended with Close: until then other messages
// wait, for WebSocket has no way to send two at a time.
//
// A message shorter than a frame is sent as one frame, as by [Conn.Write].
func (c *Conn) Writer(ctx context.Context, typ MessageType) (*MessageWriter, error) {
	if typ != MessageText && typ != MessageBinary {
		return nil, ErrMessageType
	}
	w := &MessageWriter{c: c, ctx: ctx, op: wire.Opcode(typ)}
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.awaitRoomLocked(ctx, nil, 0, false); err != nil {
		return nil, err
	}
	c.streaming = w
	return w, nil
}

// Write implements [io.Writer]. On an error that is ctx's, nothing of what was
// not counted was taken, and the message can only be ended by another Write or
// Close that succeeds, or with the connection.
func (w *MessageWriter) Write(p []byte) (n int, err error) {
	if w.done {
		return 0, ErrWriterClosed
	}
	for len(p) > 0 {
		if w.b == nil {
			w.b = takeBuffer(fragmentSize)[:0]
		}
		room := min(fragmentSize-len(w.b), len(p))
		if room == 0 {
			if err := w.send(false); err != nil {
				return n, err
			}
			continue
		}
		w.b = append(w.b, p[:room]...)
		p, n = p[room:], n+room
	}
	return n, nil
}

// Flush queues what was written so far as a frame of its own.
func (w *MessageWriter) Flush() error {
	if w.done {
		return ErrWriterClosed
	}
	if len(w.b) == 0 {
		return nil
	}
	return w.send(false)
}

// Close ends the message.
func (w *MessageWriter) Close() error {
	if w.done {
		return ErrWriterClosed
	}
	if err := w.send(true); err != nil {
		return err
	}
	w.c.countSent(MessageType(w.op), w.n)
	return nil
}

// send queues what is there as the next frame.
func (w *MessageWriter) send(last bool) error {
	c := w.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.awaitRoomLocked(w.ctx, w, len(w.b), false); err != nil {
		return err
	}
	q := c.tailLocked()
	var err error
	if q.b, err = c.out.AppendFragment(q.b, w.op, w.b, last); err != nil {
		return err
	}
	q.messages++
	w.n += len(w.b)
	w.b = w.b[:0]
	if last {
		w.done = true
		giveBuffer(w.b)
		w.b = nil
		c.streaming = nil
		wake(&c.room)
	}
	c.sendLocked()
	return nil
}
