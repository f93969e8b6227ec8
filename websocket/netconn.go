package websocket

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// NetConn returns c as a [net.Conn], for a byte stream inside WebSocket
// messages: what is written goes out in messages of type typ and of 32 KiB at
// most; what is read is the payloads of all messages, one behind the other. c
// must not be used beside it.
//
// A connection that is closed with 1000 or 1001 reads as [io.EOF]. Deadlines
// work as on any net.Conn: one that has passed can be moved, and nothing was
// lost. Close closes c with 1000. All of c's messages must fit in
// [Options.MaxMessage].
func NetConn(c *Conn, typ MessageType) net.Conn {
	n := &netConn{c: c, typ: typ}
	n.reads.done, n.writes.done = make(chan struct{}), make(chan struct{})
	return n
}

type netConn struct {
	c             *Conn
	typ           MessageType
	reads, writes movingDeadline

	mu   sync.Mutex // guards rest and m; held while reading
	m    *Message   // what rest is part of
	rest []byte
}

func (n *netConn) Read(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.rest) == 0 {
		if n.m != nil {
			n.m.Release()
			n.m = nil
		}
		if len(p) == 0 {
			return 0, nil
		}
		m, err := n.c.ReadPooled(n.reads.context())
		if err != nil {
			return 0, streamError(err)
		}
		n.m, n.rest = m, m.Data
	}
	k := copy(p, n.rest)
	n.rest = n.rest[k:]
	return k, nil
}

func (n *netConn) Write(p []byte) (int, error) {
	sent := 0
	for len(p) > 0 {
		k := min(len(p), fragmentSize)
		if err := n.c.Write(n.writes.context(), n.typ, p[:k]); err != nil {
			return sent, streamError(err)
		}
		p, sent = p[k:], sent+k
	}
	return sent, nil
}

// streamError is err in the words of a net.Conn.
func streamError(err error) error {
	switch code := CloseStatus(err); {
	case code == StatusNormalClosure, code == StatusGoingAway:
		return io.EOF
	case errors.Is(err, context.DeadlineExceeded):
		return os.ErrDeadlineExceeded
	}
	return err
}

func (n *netConn) Close() error {
	n.reads.stop()
	n.writes.stop()
	return n.c.Close(context.Background(), StatusNormalClosure, "")
}

func (n *netConn) LocalAddr() net.Addr  { return n.c.LocalAddr() }
func (n *netConn) RemoteAddr() net.Addr { return n.c.RemoteAddr() }

func (n *netConn) SetDeadline(t time.Time) error {
	n.reads.set(t)
	n.writes.set(t)
	return nil
}
func (n *netConn) SetReadDeadline(t time.Time) error  { n.reads.set(t); return nil }
func (n *netConn) SetWriteDeadline(t time.Time) error { n.writes.set(t); return nil }

// movingDeadline is a deadline that can be moved while it is waited for: a
// context has one that cannot.
type movingDeadline struct {
	mu    sync.Mutex // guards the rest
	timer *time.Timer
	sets  int           // calls of set so far, so that an old timer says nothing
	done  chan struct{} // closed when the deadline has passed; replaced when it is moved then
}

func (d *movingDeadline) set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sets++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	wait := time.Until(t)
	passed := !t.IsZero() && wait <= 0
	switch {
	case passed && !isClosed(d.done):
		close(d.done)
	case !passed && isClosed(d.done):
		d.done = make(chan struct{})
	}
	if passed || t.IsZero() {
		return
	}
	mine := d.sets
	d.timer = time.AfterFunc(wait, func() {
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.sets == mine && !isClosed(d.done) {
			close(d.done)
		}
	})
}

func (d *movingDeadline) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.sets++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
}

func isClosed(done chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}

// context is the deadline as calls of a Conn want it. As long as it has not
// passed, all of them share a Done channel.
func (d *movingDeadline) context() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return deadlineContext{context.Background(), d.done}
}

type deadlineContext struct {
	context.Context
	done chan struct{}
}

func (c deadlineContext) Done() <-chan struct{} { return c.done }

func (c deadlineContext) Err() error {
	if isClosed(c.done) {
		return context.DeadlineExceeded
	}
	return nil
}
