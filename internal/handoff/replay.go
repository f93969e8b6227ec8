package handoff

import (
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
)

// Replay returns a connection that gives first and then what c gives; it keeps
// first. All else is c's: deadlines, Close, CloseWrite, and SyscallConn once
// first has been read. Where c has a ConnectionState, as a [tls.Conn] has, the
// result has it too, and so [http.Request.TLS] is set.
func Replay(c net.Conn, first []byte) net.Conn {
	r := &replaying{Conn: c, first: first}
	r.pending.Store(len(first) > 0)
	if secure, ok := c.(stater); ok {
		return &replayingTLS{r, secure}
	}
	return r
}

type stater interface{ ConnectionState() tls.ConnectionState }

type replayingTLS struct {
	*replaying
	stater
}

type replaying struct {
	net.Conn
	pending atomic.Bool // first is not empty yet
	mu      sync.Mutex  // guards first
	first   []byte
}

func (c *replaying) Read(p []byte) (int, error) {
	if c.pending.Load() {
		// Also when p is empty: what is below may say that it has ended.
		if n := c.replay(p); n > 0 || len(p) == 0 {
			return n, nil
		}
	}
	return c.Conn.Read(p)
}

func (c *replaying) replay(p []byte) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := copy(p, c.first)
	if c.first = c.first[n:]; len(c.first) == 0 {
		c.forgetLocked()
	}
	return n
}

func (c *replaying) forgetLocked() {
	c.first = nil
	c.pending.Store(false)
}

// Close also drops what was not read yet.
func (c *replaying) Close() error {
	c.mu.Lock()
	c.forgetLocked()
	c.mu.Unlock()
	return c.Conn.Close()
}

func (c *replaying) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// NetConn is the connection below, which lacks the bytes that are replayed.
func (c *replaying) NetConn() net.Conn { return c.Conn }

func (c *replaying) SyscallConn() (syscall.RawConn, error) {
	if c.pending.Load() {
		return nil, errors.New("handoff: read the bytes that are replayed first")
	}
	if below, ok := c.Conn.(syscall.Conn); ok {
		return below.SyscallConn()
	}
	return nil, errors.ErrUnsupported
}

// Below returns the connection that c replays bytes before, or c if it is none of
// Replay's.
func Below(c net.Conn) net.Conn {
	switch r := c.(type) {
	case *replaying:
		return r.Conn
	case *replayingTLS:
		return r.Conn
	}
	return c
}
