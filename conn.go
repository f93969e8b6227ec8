package wye

import (
	"context"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// Conn is an upgraded connection: a two-way pipe whose directions end
// separately. As with any [net.Conn], its methods may be called concurrently,
// and Close ends pending reads and writes.
//
// A Conn of this package also has these methods, found by assertion:
//
//   - Abort(cause error) ends both directions at once: the peer sees a reset,
//     not an orderly end.
//   - NetConn() net.Conn is the connection below, which lacks the bytes that
//     came with the head: those are the Conn's first.
//   - SyscallConn makes it a [syscall.Conn] where the connection below is one;
//     it fails as long as early bytes are unread.
//   - Take() (net.Conn, []byte, *Member) gives up the connection below, the bytes
//     that came with the head and the place in the group.
//   - OnLeave(func(ctx context.Context, cause error) error) says how to end it
//     in good order: see [Member.OnLeave].
type Conn interface {
	net.Conn

	// CloseWrite ends the sending direction: the peer reads what was written
	// and then the end. Reading goes on. It fails with
	// [errors.ErrUnsupported] where the transport cannot.
	CloseWrite() error
}

// conn is the Conn over a connection that HTTP/1.1 gave up, or over a stream.
type conn struct {
	net.Conn
	member *Member // nil: in no group

	hasEarly atomic.Bool // early is not empty yet
	mu       sync.Mutex  // guards early
	early    []byte      // came with the head; Read gives it first
}

// reset makes c a connection over nc whose first bytes are early.
func (c *conn) reset(nc net.Conn, early []byte) {
	c.Conn, c.early = nc, early
	c.hasEarly.Store(len(early) > 0)
}

func (c *conn) Read(p []byte) (int, error) {
	if c.hasEarly.Load() && len(p) > 0 {
		if n := c.readEarly(p); n > 0 {
			return n, nil
		}
	}
	return c.Conn.Read(p)
}

// takeEarly returns all that Read would give first.
func (c *conn) takeEarly() []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.early
	c.early = nil
	c.hasEarly.Store(false)
	return b
}

func (c *conn) readEarly(p []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := copy(p, c.early)
	if c.early = c.early[n:]; len(c.early) == 0 {
		c.early = nil // frees what may be a piece of a larger buffer
		c.hasEarly.Store(false)
	}
	return n
}

func (c *conn) Close() error {
	c.takeEarly() // nothing is read from a closed connection
	err := c.Conn.Close()
	c.member.Done()
	return err
}

// OnLeave is [Member.OnLeave] of the connection's member.
func (c *conn) OnLeave(f func(ctx context.Context, cause error) error) { c.member.OnLeave(f) }

func (c *conn) CloseWrite() error { return closeWrite(c.Conn) }

func closeWrite(nc net.Conn) error {
	if half, ok := nc.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

func (c *conn) Abort(cause error) {
	c.takeEarly()
	if a, ok := c.Conn.(interface{ Abort(cause error) }); ok {
		a.Abort(cause)
	} else {
		abort(c.Conn)
	}
	c.member.Done()
}

// abort ends nc without waiting for anything: no close_notify, no flush.
func abort(nc net.Conn) {
	below, layers := nc, 0
	for {
		outer, ok := below.(interface{ NetConn() net.Conn })
		if !ok || outer.NetConn() == nil {
			break
		}
		below = outer.NetConn()
		layers++
	}
	if tcp, ok := below.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
	below.Close()
	if layers > 0 {
		nc.Close() // a layer may have something to give back; nothing is sent any more
	}
}

func (c *conn) NetConn() net.Conn { return c.Conn }

func (c *conn) SyscallConn() (syscall.RawConn, error) {
	if c.hasEarly.Load() {
		return nil, errors.New("wye: read the bytes that came with the head first")
	}
	if sc, ok := c.Conn.(syscall.Conn); ok {
		return sc.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}
