package server

import (
	"context"
	"errors"
	"sync"

	"github.com/wye-org/wye/hub"
	"github.com/wye-org/wye/websocket"
)

// outlet is the way from the hub to a session: lines, of which those that wait are
// sent in one message.
type outlet struct {
	*session
	held chan struct{} // closed when the client may be sent what its channels have; nil: it may from the start
}

// TrySend implements [hub.Outlet].
func (o *outlet) TrySend(batch []*hub.Message) (n int, err error) {
	if o.conn.Stats().Queued > 0 || !o.released() {
		return 0, nil
	}
	return o.sendBatch(batch)
}

// released reports whether the client may be sent what its channels have.
func (o *outlet) released() bool {
	if o.held == nil {
		return true
	}
	select {
	case <-o.held:
		return true
	default:
		return false
	}
}

// Send implements [hub.Outlet].
func (o *outlet) Send(ctx context.Context, batch []*hub.Message) (n int, err error) {
	for n == 0 && err == nil {
		if err = o.Ready(ctx); err == nil {
			n, err = o.sendBatch(batch)
		}
	}
	return n, err
}

// Ready implements [hub.Readier].
func (o *outlet) Ready(ctx context.Context) error {
	if o.held != nil {
		select {
		case <-o.held:
		case <-o.conn.Done():
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return o.conn.Flush(ctx)
}

// sendBatch queues what there is room for. What is compressed is so once for all
// connections, and goes as a message each.
func (o *outlet) sendBatch(batch []*hub.Message) (n int, err error) {
	switch {
	case len(batch) == 1:
		err = o.sendOne(batch[0])
		n = 1
	case o.conn.Compressed():
		return o.sendEach(batch)
	default:
		err = o.sendJoined(batch)
		n = len(batch)
	}
	if err != nil {
		n = 0
	}
	return n, full(err)
}

// full makes nothing of the error that says that there is no room for now.
func full(err error) error {
	if errors.Is(err, websocket.ErrQueueFull) {
		return nil
	}
	return err
}

func (o *outlet) sendOne(m *hub.Message) error {
	switch {
	case m.Channel == "":
		return o.conn.TryWrite(websocket.MessageText, m.Data)
	case o.wants(m):
		return o.conn.TryWritePrepared(pushOf(m).frame)
	}
	return nil
}

// sendEach sends each message as one of the connection's.
func (o *outlet) sendEach(batch []*hub.Message) (n int, err error) {
	frames := make([]*websocket.Prepared, 0, len(batch))
	ends := make([]int, 0, len(batch)) // how many of the batch are sent with each frame
	for i, m := range batch {
		var frame *websocket.Prepared
		switch {
		case m.Channel == "":
			frame = websocket.Prepare(websocket.MessageText, m.Data)
		case o.wants(m):
			frame = pushOf(m).frame
		default:
			continue
		}
		frames, ends = append(frames, frame), append(ends, i+1)
	}
	sent, err := o.conn.TryWriteBatch(frames)
	switch {
	case sent == len(frames):
		n = len(batch)
	case sent > 0:
		n = ends[sent-1]
	}
	return n, full(err)
}

// lines are what messages are joined in.
var lines = sync.Pool{New: func() any { return new([]byte) }}

// keepLines is how long a buffer may be that is kept for later.
const keepLines = 128 << 10

// sendJoined sends the batch as the lines of one message.
func (o *outlet) sendJoined(batch []*hub.Message) error {
	p := lines.Get().(*[]byte)
	b := (*p)[:0]
	for _, m := range batch {
		line := m.Data
		if m.Channel != "" {
			if !o.wants(m) {
				continue
			}
			line = pushOf(m).frame.Payload()
		}
		if len(b) > 0 {
			b = append(b, '\n')
		}
		b = append(b, line...)
	}
	var err error
	if len(b) > 0 {
		err = o.conn.TryWrite(websocket.MessageText, b)
	}
	if cap(b) <= keepLines {
		*p = b
		lines.Put(p)
	}
	return err
}

// wants reports whether a message of a channel is for the client.
func (o *outlet) wants(m *hub.Message) bool {
	if pushOf(m).frame == nil {
		return false
	}
	if m.Kind == hub.Data || m.Kind == hub.Removed {
		return true
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	sub := o.subs[m.Channel]
	return sub != nil && sub.joinLeave
}

// Close implements [hub.Outlet].
func (o *outlet) Close(why error) {
	if by := disconnectFor(why); by != nil && o.endingBy(by) {
		o.close(by)
	}
}
