package h3

import (
	"io"
	"net"
	"sync"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// stream is what a conn needs of quic-go: an http3.Stream, or RequestStream.
type stream interface {
	io.ReadWriteCloser // Close ends the sending direction
	CancelRead(quic.StreamErrorCode)
	CancelWrite(quic.StreamErrorCode)
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// Codes of RFC 9114 section 8.1.
const (
	codeNoError   = quic.StreamErrorCode(http3.ErrCodeNoError)
	codeCancelled = quic.StreamErrorCode(http3.ErrCodeRequestCanceled)
)

// conn is the [wye.Conn] over one stream.
type conn struct {
	stream
	local, remote net.Addr

	// ended is called once when both directions have; orderly says that what
	// was written should still come through. nil: there is nothing to do.
	ended func(c *conn, orderly bool)

	reading  sync.Mutex // held by who reads
	writing  sync.Mutex // held by who writes or ends the sending direction
	owed     int        // bytes that the DATA frame lacks that a write broke off in; guarded by writing
	finished bool       // the sending direction has ended; guarded by writing

	mu     sync.Mutex // guards closed, and deadlines against it
	closed bool
}

// past as a deadline interrupts what is under way.
var past = time.Unix(1, 0)

func (c *conn) LocalAddr() net.Addr  { return c.local }
func (c *conn) RemoteAddr() net.Addr { return c.remote }

func (c *conn) Read(p []byte) (int, error) {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.isClosed() {
		return 0, net.ErrClosed
	}
	for {
		// Trailers and empty frames are nothing to hand on.
		n, err := c.stream.Read(p)
		if n > 0 || err != nil || len(p) == 0 {
			return n, c.orClosed(err)
		}
	}
}

func (c *conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	if c.finished {
		return 0, net.ErrClosed
	}
	n, err := c.stream.Write(p)
	switch {
	case err == nil:
		c.owed = max(0, c.owed-len(p))
	case n < c.owed:
		c.owed -= n
	default:
		c.owed = len(p) - n
	}
	return n, c.orClosed(err)
}

// orClosed is err, or what a closed connection says.
func (c *conn) orClosed(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	if c.isClosed() {
		return net.ErrClosed
	}
	return err
}

func (c *conn) isClosed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// CloseWrite ends the sending direction: the peer reads what was written, and
// then the end.
func (c *conn) CloseWrite() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.finishLocked()
}

// finishLocked ends the sending direction: with a reset where an orderly end
// would come within a frame. writing is held.
func (c *conn) finishLocked() error {
	if c.finished {
		return nil
	}
	c.finished = true
	if c.owed > 0 {
		c.stream.CancelWrite(codeCancelled)
		return nil
	}
	return c.stream.Close()
}

// Close ends both directions, and what is pending in them. What was written
// still comes through.
func (c *conn) Close() error {
	if !c.close() {
		return nil
	}
	c.writing.Lock() // its holder was interrupted
	c.finishLocked()
	orderly := c.owed == 0
	c.writing.Unlock()
	if c.ended != nil {
		c.ended(c, orderly)
		return nil
	}
	// "…a server can send a complete response prior to the client sending an
	// entire request… using the error code H3_NO_ERROR". RFC 9114 §4.1
	c.stream.CancelRead(codeNoError)
	return nil
}

// close reports whether c was open, and interrupts who reads and writes.
func (c *conn) close() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.closed = true
	c.stream.SetReadDeadline(past)
	c.stream.SetWriteDeadline(past)
	return true
}

// Abort resets both directions. "…stream errors of type H3_REQUEST_CANCELLED"
// are what a TCP reset is. RFC 9220 §3, RFC 8441 §5.
func (c *conn) Abort(error) {
	open := c.close()
	c.stream.CancelWrite(codeCancelled)
	c.stream.CancelRead(codeCancelled)
	if c.ended != nil && open {
		c.ended(c, false)
	}
}

// drain reads what still comes, until the peer has ended its direction or the
// time has come.
func (c *conn) drain(until time.Time) {
	c.reading.Lock() // its holder was interrupted
	defer c.reading.Unlock()
	c.stream.SetReadDeadline(until)
	for b := make([]byte, 512); ; {
		if _, err := c.stream.Read(b); err != nil {
			return
		}
	}
}

func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	return c.stream.SetReadDeadline(t)
}

func (c *conn) SetWriteDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	return c.stream.SetWriteDeadline(t)
}
