package websocket

import (
	"io"
	"os"
	"sync"
	"time"
)

// stream is one direction of a pipe: a bounded buffer.
type stream struct {
	mu        sync.Mutex // guards the rest
	changed   sync.Cond
	b         []byte
	ended     bool // nothing will be written any more
	abandoned bool // nothing will be read any more
	reader    deadline
	writer    deadline
}

const streamBytes = 64 << 10

func newStream() *stream {
	s := new(stream)
	s.changed.L = &s.mu
	s.reader.stream, s.writer.stream = s, s
	return s
}

func (s *stream) read(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.abandoned:
			return 0, io.ErrClosedPipe
		case s.reader.passed:
			return 0, os.ErrDeadlineExceeded
		case len(s.b) > 0 || len(p) == 0:
			n := copy(p, s.b)
			if s.b = s.b[n:]; len(s.b) == 0 {
				s.b = nil
			}
			s.changed.Broadcast()
			return n, nil
		case s.ended:
			return 0, io.EOF
		}
		s.changed.Wait()
	}
}

func (s *stream) write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		switch {
		case s.ended || s.abandoned:
			return n, io.ErrClosedPipe
		case s.writer.passed:
			return n, os.ErrDeadlineExceeded
		case n == len(p):
			return n, nil
		}
		if room := min(streamBytes-len(s.b), len(p)-n); room > 0 {
			s.b = append(s.b, p[n:n+room]...)
			n += room
			s.changed.Broadcast()
			continue
		}
		s.changed.Wait()
	}
}

func (s *stream) end()     { s.set(&s.ended) }
func (s *stream) abandon() { s.set(&s.abandoned) }

func (s *stream) set(flag *bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*flag = true
	s.changed.Broadcast()
}

// deadline ends one side's waiting on a stream. The stream's lock guards it.
type deadline struct {
	stream *stream
	timer  *time.Timer
	sets   int // calls of set so far, so that an old timer says nothing
	passed bool
}

// set is SetReadDeadline or SetWriteDeadline; the zero t is none.
func (d *deadline) set(t time.Time) {
	d.stream.mu.Lock()
	defer d.stream.mu.Unlock()
	d.sets++
	if d.timer != nil {
		d.timer.Stop()
		d.timer = nil
	}
	wait := time.Until(t)
	d.passed = !t.IsZero() && wait <= 0
	d.stream.changed.Broadcast()
	if t.IsZero() || d.passed {
		return
	}
	mine := d.sets
	d.timer = time.AfterFunc(wait, func() {
		d.stream.mu.Lock()
		defer d.stream.mu.Unlock()
		if d.sets == mine {
			d.passed = true
			d.stream.changed.Broadcast()
		}
	})
}
