package websocket

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"

	"github.com/wye-org/wye/websocket/wire"
)

// called is a callback that is due.
type called struct {
	what  uint8
	typ   MessageType
	data  []byte
	owned bool // data is ours, and given back after
}

// The callbacks.
const (
	callOpen uint8 = iota
	callMessage
	callDrained
	callClosed
)

// tasks are the callbacks of a connection that wait for its goroutine, which
// runs while there are some. Guarded by the Conn's mu.
type tasks struct {
	queue   []called
	bytes   int
	running bool
	last    *wire.Event // the Close or Failed event that came behind them; nil: none yet
}

// call calls a callback: here, or on the connection's goroutine.
func (c *Conn) call(f called) {
	l := c.loop
	if !l.Blocking {
		c.callCounted(f)
		return
	}
	if f.what == callMessage && !f.owned {
		f.data, f.owned = append(takeBuffer(len(f.data))[:0], f.data...), true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tasks == nil {
		c.tasks = new(tasks)
	}
	if !c.tasks.running {
		c.tasks.running = true
		go c.runTasks() // the Conn's: it ends when all callbacks have returned
	}
	c.tasks.queue = append(c.tasks.queue, f)
	c.tasks.bytes += len(f.data) + aheadPerItem
}

// putOff keeps the last event until the callbacks before it have returned, which
// may reply. It reports false if there are none, or one of them has begun to close.
func (c *Conn) putOff(ev wire.Event) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tasks == nil || !c.tasks.running || c.quiet.Load() {
		return false
	}
	ev.Data = bytes.Clone(ev.Data)
	c.tasks.last = &ev
	c.paused |= pausedByLast
	return true
}

// takeLast returns what was put off.
func (c *Conn) takeLast() (ev wire.Event, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.tasks == nil || c.tasks.last == nil {
		return ev, false
	}
	ev, c.tasks.last = *c.tasks.last, nil
	c.paused &^= pausedByLast
	return ev, true
}

// runTasks is the goroutine of a connection whose callbacks may block.
func (c *Conn) runTasks() {
	for c.runTask() {
	}
}

// runTask calls the next callback, and reports whether there may be another.
func (c *Conn) runTask() (more bool) {
	c.mu.Lock()
	t := c.tasks
	if len(t.queue) == 0 {
		if t.running = false; t.last == nil {
			c.tasks = nil
		} else {
			c.shard.post(c, toFinish)
		}
		c.mu.Unlock()
		return false
	}
	f := t.queue[0]
	t.queue[0] = called{}
	t.queue = t.queue[1:]
	before := t.bytes
	t.bytes -= len(f.data) + aheadPerItem
	if before >= aheadBytes && t.bytes < aheadBytes {
		c.shard.post(c, toResume)
	}
	c.mu.Unlock()
	more = true // also after a panic
	defer c.recovered()
	if f.what != callMessage || !c.quiet.Load() {
		c.callCounted(f)
	} else {
		giveBuffer(f.data)
	}
	return more
}

func (c *Conn) callCounted(f called) {
	if f.what == callMessage {
		c.countReceived(f.typ, len(f.data))
	}
	c.loop.call(c, f)
}

// call calls a callback.
func (l *Loop) call(c *Conn, f called) {
	switch {
	case f.what == callMessage:
		if l.Message != nil {
			l.Message(c, f.typ, f.data)
		}
		if f.owned {
			giveBuffer(f.data)
		}
	case f.what == callOpen:
		if l.Open != nil {
			l.Open(c)
		}
		if l.DropRequest {
			c.request.Store(nil)
		}
	case f.what == callDrained && l.Drained != nil:
		l.Drained(c)
	case f.what == callClosed && l.Closed != nil:
		l.Closed(c)
	}
}

// recovered is deferred around callbacks: one that panics must not end the
// others' connections.
func (c *Conn) recovered() {
	v := recover()
	if v == nil {
		return
	}
	if v != http.ErrAbortHandler {
		c.opt.logger().LogAttrs(context.Background(), slog.LevelError, "websocket callback panicked",
			slog.String("remote", c.RemoteAddr().String()), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
	}
	c.quiet.Store(true)
	c.sayGoodbye(StatusInternalError, "")
	if c.looped != nil && !c.loop.Blocking && !c.gone {
		c.putAside()
		c.shard.post(c, toResume) // there may be a Close frame in it
	}
}
