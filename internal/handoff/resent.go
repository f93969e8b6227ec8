package handoff

import (
	"net"
	"sync"
	"sync/atomic"
)

// Resent returns the client's end of a connection on which one request was sent
// already, in another form, for a transport that is going to send it once more.
// What is written goes through skip, which is called in turn with each piece
// until it reports that the request is over; what it keeps is sent. What it
// keeps of a piece may be the piece itself, but no longer than until its next
// call.
//
// Nothing is read before the request is over, because a transport has no use
// yet for the response to it. Close ends that wait.
func Resent(c net.Conn, skip func(piece []byte) (keep []byte, over bool)) net.Conn {
	return &resent{Conn: c, skip: skip, over: make(chan struct{}), closed: make(chan struct{})}
}

type resent struct {
	net.Conn
	passes atomic.Bool   // the request is over, bytes pass as they are
	over   chan struct{} // closed then
	closed chan struct{}
	close  sync.Once

	// mu guards skip. It is held while what was kept is sent, so that pieces
	// stay in order; that ends with the request.
	mu   sync.Mutex
	skip func([]byte) ([]byte, bool)
}

func (c *resent) Read(p []byte) (int, error) {
	if !c.passes.Load() {
		select {
		case <-c.over:
		case <-c.closed:
			return 0, net.ErrClosed
		}
	}
	return c.Conn.Read(p)
}

func (c *resent) Write(p []byte) (int, error) {
	if c.passes.Load() {
		return c.Conn.Write(p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.passes.Load() {
		return c.Conn.Write(p)
	}
	keep, over := c.skip(p)
	if len(keep) > 0 {
		if _, err := c.Conn.Write(keep); err != nil {
			return 0, err
		}
	}
	if over {
		c.passes.Store(true)
		close(c.over)
	}
	return len(p), nil
}

func (c *resent) Close() error {
	c.close.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

// NetConn is the connection below.
func (c *resent) NetConn() net.Conn { return c.Conn }
