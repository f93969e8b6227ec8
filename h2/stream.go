package h2

import (
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"time"

	"golang.org/x/net/http2"

	"github.com/wye-org/wye/internal/deadline"
)

// stream is a stream of a conn, and the [wye.Conn] over it.
type stream struct {
	c  *conn
	id uint32

	reading, writing  chan struct{} // full: somebody is in Read or Write
	arrived, writable chan struct{} // full: look again
	readBy, writeBy   deadline.Timer

	head chan *http.Response // the final response; closed when there will be none

	// Guarded by c.mu.
	responded   bool // head was sent to
	interim     int  // 1xx responses so far
	maxHead     int64
	err         error  // what Read returns after buf and Write at once; nil: it lives
	in          []byte // received, and not read yet
	off         int    // in[:off] was read
	recvWindow  int    // what the server may still send
	consumed    int    // read, and not granted anew yet
	sendWindow  int64
	localEnded  bool // END_STREAM was sent, or nothing can be sent any more
	remoteEnded bool // END_STREAM came
	closed      bool // Close was called
	linger      *time.Timer
}

func (c *conn) newStreamLocked() *stream {
	s := &stream{
		c: c, id: c.nextID,
		reading: make(chan struct{}, 1), writing: make(chan struct{}, 1),
		arrived: make(chan struct{}, 1), writable: make(chan struct{}, 1),
		head:       make(chan *http.Response, 1),
		recvWindow: c.t.window(), sendWindow: c.peer.initialWindow,
	}
	c.nextID += 2
	c.streams[s.id] = s
	return s
}

// endLocked ends both directions without a frame. err is for those who read and
// write on; nil: the end, in good order.
func (s *stream) endLocked(err error) {
	if s.err == nil {
		s.err = err
	}
	s.localEnded = true
	if s.linger != nil {
		s.linger.Stop()
	}
	if !s.responded {
		s.responded = true
		close(s.head)
	}
	delete(s.c.waiting, s)
	notify(s.arrived)
	notify(s.writable)
}

// resetLocked resets the stream. RFC 9113 §5.4.2
func (s *stream) resetLocked(code http2.ErrCode, err error) {
	if s.c.streams[s.id] != s {
		return // it has ended
	}
	s.endLocked(err)
	s.c.fr.WriteRSTStream(s.id, code)
	s.c.owedLocked()
	s.c.removeLocked(s)
}

// removeLocked forgets a stream that has ended.
func (c *conn) removeLocked(s *stream) {
	if c.streams[s.id] == s {
		delete(c.streams, s.id)
		c.emptiedLocked()
	}
}

// endedLocked forgets the stream if both directions have ended.
func (s *stream) endedLocked() {
	if s.localEnded && s.remoteEnded {
		if s.linger != nil {
			s.linger.Stop()
		}
		s.c.removeLocked(s)
	}
}

// dataLocked takes DATA of size octets, padding included.
func (s *stream) dataLocked(f *http2.DataFrame, size int) error {
	data := f.Data()
	switch {
	case s.remoteEnded:
		// "…MUST respond with a stream error (Section 5.4.2) of type
		// STREAM_CLOSED." RFC 9113 §5.1
		s.resetLocked(http2.ErrCodeStreamClosed, errors.New("h2: DATA behind the end of the stream"))
		return nil
	case !s.responded:
		s.resetLocked(http2.ErrCodeProtocol, errors.New("h2: DATA before the response")) // RFC 9113 §8.1
		return nil
	case size > s.recvWindow:
		s.resetLocked(http2.ErrCodeFlowControl, errors.New("h2: more DATA than the stream's window")) // RFC 9113 §6.9
		return nil
	case s.closed && len(data) > 0:
		s.resetLocked(http2.ErrCodeCancel, net.ErrClosed) // nobody will read it
		return nil
	}
	s.recvWindow -= size
	if s.off == len(s.in) {
		s.in, s.off = s.in[:0], 0
	} else if len(s.in)+len(data) > cap(s.in) && s.off > 0 {
		s.in = s.in[:copy(s.in, s.in[s.off:])]
		s.off = 0
	}
	s.in = append(s.in, data...)
	s.grantLocked(size - len(data)) // padding is read at once
	if f.StreamEnded() {
		s.remoteEndLocked()
	}
	notify(s.arrived)
	return nil
}

// remoteEndLocked takes END_STREAM.
func (s *stream) remoteEndLocked() {
	s.remoteEnded = true
	notify(s.arrived)
	s.endedLocked()
}

// grantLocked lets the server send n more octets, when half a window has come
// together.
func (s *stream) grantLocked(n int) {
	s.consumed += n
	if s.consumed < s.c.t.window()/2 || s.remoteEnded || s.c.streams[s.id] != s {
		return
	}
	s.c.fr.WriteWindowUpdate(s.id, uint32(s.consumed))
	s.recvWindow += s.consumed
	s.consumed = 0
	s.c.owedLocked()
}

// enter takes a direction's lock. As the deadline passes it gives up.
func enter(lock chan struct{}, by *deadline.Timer) error {
	if by.Over() {
		return os.ErrDeadlineExceeded
	}
	select {
	case lock <- struct{}{}:
		return nil
	case <-by.Passed():
		return os.ErrDeadlineExceeded
	}
}

// Read implements [net.Conn].
func (s *stream) Read(p []byte) (int, error) {
	if err := enter(s.reading, &s.readBy); err != nil {
		return 0, err
	}
	defer func() { <-s.reading }()
	for {
		if n, err := s.readSome(p); n > 0 || err != nil || len(p) == 0 {
			return n, err
		}
		select {
		case <-s.arrived:
		case <-s.readBy.Passed():
			return 0, os.ErrDeadlineExceeded
		}
	}
}

// readSome returns what there is; 0, nil: nothing yet.
func (s *stream) readSome(p []byte) (int, error) {
	s.c.mu.Lock()
	defer s.c.unlock()
	switch {
	case s.closed:
		return 0, net.ErrClosed
	case s.readBy.Over():
		return 0, os.ErrDeadlineExceeded
	case s.off < len(s.in):
		n := copy(p, s.in[s.off:])
		if s.off += n; s.off == len(s.in) {
			s.off = 0
			if s.in = s.in[:0]; cap(s.in) > 4<<10 {
				s.in = nil // an idle stream holds little
			}
		}
		s.grantLocked(n)
		return n, nil
	case s.remoteEnded:
		return 0, io.EOF
	}
	return 0, s.err
}

// Write implements [net.Conn]. It returns when the connection's buffer, of 64
// KiB, has all of p: as far as the server's windows let it.
func (s *stream) Write(p []byte) (n int, err error) {
	if err := enter(s.writing, &s.writeBy); err != nil {
		return 0, err
	}
	defer func() { <-s.writing }()
	for {
		some, err := s.writeSome(p[n:])
		n += some
		if err != nil || n == len(p) {
			return n, err
		}
		if some > 0 {
			continue
		}
		select {
		case <-s.writable:
		case <-s.writeBy.Passed():
			return n, os.ErrDeadlineExceeded
		}
	}
}

// writeSome queues a DATA frame; 0, nil: there is no room for it yet.
func (s *stream) writeSome(p []byte) (int, error) {
	c := s.c
	c.mu.Lock()
	defer c.unlock()
	switch {
	case s.closed:
		return 0, net.ErrClosed
	case s.err != nil:
		return 0, s.err
	case s.localEnded:
		return 0, io.ErrClosedPipe
	case s.writeBy.Over():
		return 0, os.ErrDeadlineExceeded
	}
	// "…a sender MUST NOT send a flow-controlled frame with a length that
	// exceeds the space available in either of the flow-control windows".
	// RFC 9113 §6.9.1
	n := min(int64(len(p)), s.sendWindow, c.sendWindow, int64(c.peer.maxFrame), int64(c.roomLocked()))
	if n <= 0 {
		if len(p) > 0 {
			c.waiting[s] = struct{}{}
		}
		return 0, nil
	}
	s.sendWindow -= n
	c.sendWindow -= n
	c.fr.WriteData(s.id, false, p[:n])
	c.flushLocked()
	return int(n), nil
}

// CloseWrite ends the sending direction. RFC 8441 §5: END_STREAM is what a
// connection's FIN is.
func (s *stream) CloseWrite() error {
	s.c.mu.Lock()
	defer s.c.unlock()
	return s.closeWriteLocked()
}

func (s *stream) closeWriteLocked() error {
	switch {
	case s.closed:
		return net.ErrClosed
	case s.err != nil:
		return s.err
	case s.localEnded:
		return nil
	}
	s.localEnded = true
	s.c.fr.WriteData(s.id, true, nil)
	s.c.flushLocked()
	notify(s.writable)
	s.endedLocked()
	return nil
}

// Close ends both directions. What was written is sent. The server is given
// some seconds to end its direction, and reset if it goes on to send.
func (s *stream) Close() error {
	s.c.mu.Lock()
	defer s.c.unlock()
	if s.closed {
		return nil
	}
	unread := s.off < len(s.in)
	s.closeWriteLocked()
	s.closed = true
	s.in, s.off = nil, 0
	notify(s.arrived)
	notify(s.writable)
	switch {
	case s.c.streams[s.id] != s: // ended
	case unread:
		s.resetLocked(http2.ErrCodeCancel, net.ErrClosed)
	default:
		s.linger = time.AfterFunc(lingering, func() { s.reset(net.ErrClosed) }) // stopped with the stream
	}
	return nil
}

// Abort resets the stream: "A RST_STREAM frame with a CANCEL error code" is what
// a connection's RST is. RFC 8441 §5
func (s *stream) Abort(cause error) {
	if cause == nil {
		cause = net.ErrClosed
	}
	s.reset(cause)
}

func (s *stream) reset(cause error) {
	s.c.mu.Lock()
	defer s.c.unlock()
	s.resetLocked(http2.ErrCodeCancel, cause)
	s.closed = true
	s.in, s.off = nil, 0
	notify(s.arrived)
	notify(s.writable)
}

func (s *stream) LocalAddr() net.Addr  { return s.c.nc.LocalAddr() }
func (s *stream) RemoteAddr() net.Addr { return s.c.nc.RemoteAddr() }

func (s *stream) SetDeadline(t time.Time) error {
	s.readBy.Set(t)
	s.writeBy.Set(t)
	return nil
}

func (s *stream) SetReadDeadline(t time.Time) error  { s.readBy.Set(t); return nil }
func (s *stream) SetWriteDeadline(t time.Time) error { s.writeBy.Set(t); return nil }
