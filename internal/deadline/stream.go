// Package deadline gives a stream the deadlines of a [net.Conn]: they interrupt
// what is under way, and can be set anew afterwards. net/http's HTTP/2 has
// deadlines that end a stream for good; other streams have none.
package deadline

import (
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Stream reads from one thing and writes to another, both of which may block and
// know no deadlines. Its methods may be called concurrently.
//
// What blocks runs on a goroutine of the Stream: at most one that reads and one
// that writes, with a buffer of 16 KiB each at the most. None runs while nobody
// wants to read or write, unless a deadline has passed over it: then the next
// call takes it up again, and nothing that was read is lost.
type Stream struct {
	src io.Reader
	dst io.Writer

	reading chan struct{} // full: somebody is in Read
	got     chan read     // what the reading goroutine brings
	waiting bool          // that goroutine runs; guarded by reading
	left    []byte        // read and not returned yet; guarded by reading
	buf     *buffer       // what left lies in; nil: small; guarded by reading
	large   bool          // more than small holds may come; guarded by reading
	readErr error         // after left; guarded by reading
	small   [512]byte

	writing  chan struct{} // full: somebody is in Write
	wrote    chan error    // what the writing goroutine says
	sending  bool          // that goroutine runs; guarded by writing
	writeErr error         // guarded by writing

	readBy, writeBy Timer

	closed chan struct{}
	mu     sync.Mutex // guards ended, and that no sender is started after it
	ended  bool
	busy   atomic.Bool    // the writing goroutine runs
	sender sync.WaitGroup // likewise, for those who wait
}

type buffer [16 << 10]byte

var buffers = sync.Pool{New: func() any { return new(buffer) }}

// read is what one call of src.Read returned.
type read struct {
	p   []byte
	buf *buffer
	err error
}

// New returns a Stream that reads from src and writes to dst. It calls neither
// concurrently with itself.
func New(src io.Reader, dst io.Writer) *Stream {
	return &Stream{
		src: src, dst: dst,
		reading: make(chan struct{}, 1), got: make(chan read, 1),
		writing: make(chan struct{}, 1), wrote: make(chan error, 1),
		closed: make(chan struct{}),
	}
}

// SetDeadline sets both deadlines.
func (s *Stream) SetDeadline(t time.Time) error {
	s.readBy.Set(t)
	s.writeBy.Set(t)
	return nil
}

// SetReadDeadline sets when reads fail with [os.ErrDeadlineExceeded].
func (s *Stream) SetReadDeadline(t time.Time) error {
	s.readBy.Set(t)
	return nil
}

// SetWriteDeadline sets when writes fail with [os.ErrDeadlineExceeded].
func (s *Stream) SetWriteDeadline(t time.Time) error {
	s.writeBy.Set(t)
	return nil
}

// Read implements [io.Reader].
func (s *Stream) Read(p []byte) (int, error) {
	if err := s.enter(s.reading, &s.readBy); err != nil {
		return 0, err
	}
	defer func() { <-s.reading }()
	for len(s.left) == 0 && s.readErr == nil && len(p) > 0 {
		if !s.waiting {
			s.waiting = true
			go s.readOnce(s.large) // the Stream's: ends with this Read of src
		}
		select {
		case r := <-s.got:
			s.took(r)
		case <-s.readBy.Passed():
			return 0, os.ErrDeadlineExceeded
		case <-s.closed:
			return 0, net.ErrClosed
		}
	}
	n := copy(p, s.left)
	if s.left = s.left[n:]; len(s.left) > 0 || n > 0 {
		s.giveBack()
		return n, nil
	}
	if len(p) == 0 {
		return 0, nil
	}
	return 0, s.readErr
}

// readOnce reads once from src. An idle stream waits with the small buffer.
func (s *Stream) readOnce(large bool) {
	r := read{p: s.small[:]}
	if large {
		r.buf = buffers.Get().(*buffer)
		r.p = r.buf[:]
	}
	n, err := s.src.Read(r.p)
	r.p, r.err = r.p[:n], err
	s.got <- r
}

func (s *Stream) took(r read) {
	s.waiting, s.left, s.buf, s.readErr = false, r.p, r.buf, r.err
	s.large = len(r.p) == cap(r.p) // more may have come already
	s.giveBack()
}

// giveBack gives the large buffer back once it is read to its end.
func (s *Stream) giveBack() {
	if s.buf != nil && len(s.left) == 0 {
		buffers.Put(s.buf)
		s.buf, s.left = nil, nil
	}
}

// Write implements [io.Writer]. It returns when dst has taken p. When the
// deadline passes before, it returns how much dst has taken or is being given:
// that part, 16 KiB at most, need not be written again, and the next Write waits
// for it.
func (s *Stream) Write(p []byte) (n int, err error) {
	if err := s.enter(s.writing, &s.writeBy); err != nil {
		return 0, err
	}
	defer func() { <-s.writing }()
	for {
		if err := s.sent(); err != nil {
			return n, err
		}
		if n == len(p) {
			return n, nil
		}
		buf := buffers.Get().(*buffer)
		some := copy(buf[:], p[n:])
		if !s.send(buf, some) {
			return n, net.ErrClosed
		}
		n += some
	}
}

// send starts the goroutine that writes buf[:n], unless the stream is closed.
func (s *Stream) send(buf *buffer, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return false
	}
	s.sending = true
	s.busy.Store(true)
	s.sender.Go(func() { // the Stream's: ends with this Write of dst; Wait waits for it
		_, err := s.dst.Write(buf[:n])
		buffers.Put(buf)
		s.busy.Store(false)
		s.wrote <- err
	})
	return true
}

// sent waits for what is being written.
func (s *Stream) sent() error {
	if s.writeErr != nil || !s.sending {
		return s.writeErr
	}
	select {
	case s.writeErr = <-s.wrote:
		s.sending = false
		return s.writeErr
	case <-s.writeBy.Passed():
		return os.ErrDeadlineExceeded
	case <-s.closed:
		return net.ErrClosed
	}
}

// enter takes lock, and fails where a call would have to fail at once.
func (s *Stream) enter(lock chan struct{}, by *Timer) error {
	if err := s.barred(by); err != nil {
		return err
	}
	select {
	case lock <- struct{}{}:
	case <-by.Passed():
		return os.ErrDeadlineExceeded
	case <-s.closed:
		return net.ErrClosed
	}
	if err := s.barred(by); err != nil { // select takes any of what is ready
		<-lock
		return err
	}
	return nil
}

// barred is why no call may begin; nil: it may.
func (s *Stream) barred(by *Timer) error {
	select {
	case <-s.closed:
		return net.ErrClosed
	default:
	}
	if by.Over() {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// End lets no Read or Write begin, and ends those that wait, with
// [net.ErrClosed]. It reports whether dst is still being written to. Whoever
// calls it then sees to it that src.Read and dst.Write return.
func (s *Stream) End() (writing bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.ended = true
		close(s.closed)
	}
	return s.busy.Load()
}

// Wait waits until nobody writes to dst any more. End has to go before it.
func (s *Stream) Wait() { s.sender.Wait() }
