package wye

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/wye-org/wye/internal/deadline"
)

// An Acceptor is what a ResponseWriter has, itself or behind Unwrap, whose
// stream can be taken over although it cannot be hijacked: HTTP/3's. [Accept]
// finds it.
type Acceptor interface {
	// AcceptUpgrade answers the extended CONNECT with 200 and the fields h, and
	// returns the stream, on which token is spoken next.
	AcceptUpgrade(token string, h http.Header) (Conn, error)
}

// connectProtocol is what r's :protocol is; "": r is no extended CONNECT.
// RFC 8441 §4, RFC 9220 §3.
func connectProtocol(r *http.Request) string {
	if r.Method != http.MethodConnect {
		return ""
	}
	switch r.ProtoMajor {
	case 2:
		// net/http has the pseudo-header field among the others, where no
		// client can have put it: a colon is not allowed in a name.
		return r.Header.Get(":protocol")
	case 3:
		if r.Proto != "HTTP/3.0" && r.Proto != "HTTP/3" {
			return r.Proto // so quic-go says it
		}
	}
	return ""
}

// acceptStream is accept for an extended CONNECT.
func acceptStream(w http.ResponseWriter, r *http.Request, t Token, opts *AcceptOptions) (*conn, error) {
	c := new(conn)
	taken := false
	defer func() {
		if !taken { // also when a wrapper panics
			c.member.Done()
		}
	}()
	var err error
	if c.member, err = opts.group(r).reserve(); err == nil {
		c.Conn, err = takeStream(w, r, t, opts)
	}
	if err != nil {
		if !errors.As(err, new(*answeredError)) {
			Answer(w, err)
		}
		return nil, err
	}
	taken = true
	c.member.arm(c.Abort)
	return c, nil
}

// takeStream answers with 200 and makes the stream a connection.
func takeStream(w http.ResponseWriter, r *http.Request, t Token, opts *AcceptOptions) (net.Conn, error) {
	fields := switchingFields(w.Header(), opts.Header)
	// The first is of another body than the one that a wrapper had in mind;
	// RFC 9113 §8.2.2 forbids the others.
	for _, name := range []string{"Content-Encoding", "Keep-Alive", "Proxy-Connection", "Te"} {
		takeField(fields, name)
	}
	if err := sendable(fields); err != nil {
		return nil, err
	}
	if a := acceptorOf(w); a != nil {
		return a.AcceptUpgrade(t.String(), fields)
	}
	if r.ProtoMajor != 2 {
		return nil, fmt.Errorf("wye: %w: %T has no AcceptUpgrade, and no Unwrap that leads to one", ErrNotHijackable, w)
	}
	if r.ContentLength >= 0 {
		// What comes on the stream is no content, and it must not have ended.
		return nil, &Refusal{Text: "The request must have neither a Content-Length nor the end of its stream"}
	}

	// Wrappers are passed by: what they do to a body must not be done to what
	// is spoken from here on, as with Hijack.
	w = innermost(w)
	rc := http.NewResponseController(w)
	// The server's ReadTimeout and WriteTimeout are for a request. That a
	// deadline can be set is what Abort needs, too.
	if err := errors.Join(rc.SetReadDeadline(time.Time{}), rc.SetWriteDeadline(time.Now().Add(opts.timeout()))); err != nil {
		return nil, fmt.Errorf("wye: %w: deadlines of %T: %w", ErrNotHijackable, w, err)
	}
	h := w.Header()
	clear(h)
	maps.Copy(h, fields)
	if h.Get("Date") == "" {
		// net/http would add it. But only where there is a field does Flush
		// wait for the head to be written, so that no reset overtakes it.
		h.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	}
	w.WriteHeader(http.StatusOK)
	if err := rc.Flush(); err != nil {
		return nil, &answeredError{fmt.Errorf("wye: writing the 200: %w", err)}
	}
	rc.SetWriteDeadline(time.Time{})
	s := &stream{w: w, rc: rc, body: r.Body, ctx: r.Context(), remote: peerAddr(r.RemoteAddr)}
	s.local, _ = r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	s.Stream = deadline.New(r.Body, sender{s})
	return s, nil
}

// answeredError is a failure that nothing can be answered to any more.
type answeredError struct{ error }

func (e *answeredError) Unwrap() error { return e.error }

func acceptorOf(w http.ResponseWriter) Acceptor {
	for {
		switch t := w.(type) {
		case Acceptor:
			return t
		case interface{ Unwrap() http.ResponseWriter }:
			w = t.Unwrap()
		default:
			return nil
		}
	}
}

// innermost is what all wrappers that say so lead to.
func innermost(w http.ResponseWriter) http.ResponseWriter {
	for {
		outer, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok || outer.Unwrap() == nil {
			return w
		}
		w = outer.Unwrap()
	}
}

// peerAddr is a [http.Request]'s RemoteAddr.
func peerAddr(s string) net.Addr {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return net.TCPAddrFromAddrPort(ap)
	}
	return namedAddr(s)
}

// namedAddr is an address that does not parse.
type namedAddr string

func (a namedAddr) Network() string { return "tcp" }
func (a namedAddr) String() string  { return string(a) }

// stream is the net.Conn over a stream of HTTP/2, in net/http's hands. The
// server ends the stream when the handler returns, and only then: so whoever
// closes a stream has to let the handler return.
type stream struct {
	*deadline.Stream
	w             http.ResponseWriter
	rc            *http.ResponseController
	body          io.ReadCloser
	ctx           context.Context // ends with the stream and when the handler returns
	local, remote net.Addr
	end           sync.Once
}

func (s *stream) LocalAddr() net.Addr  { return s.local }
func (s *stream) RemoteAddr() net.Addr { return s.remote }

// sender writes to the stream what the peer is to have at once.
type sender struct{ *stream }

// Write is called by one goroutine at a time, which stream.finish waits for.
func (s sender) Write(p []byte) (n int, err error) {
	defer func() {
		// A ResponseWriter of HTTP/2 panics when its handler has returned:
		// without closing the connection, as it should have.
		if v := recover(); v != nil {
			err = errHandlerGone
		}
	}()
	if s.ctx.Err() != nil {
		return 0, errHandlerGone
	}
	if n, err = s.w.Write(p); err == nil {
		err = s.rc.Flush()
	}
	return n, err
}

var errHandlerGone = fmt.Errorf("wye: the stream was reset, or its handler returned: %w", net.ErrClosed)

// Close ends both directions. The peer sees the end when the handler returns.
func (s *stream) Close() error {
	s.finish(false)
	return nil
}

// Abort resets the stream. RFC 9113 §5.4.2
func (s *stream) Abort(error) { s.finish(true) }

// finish returns when nothing of the ResponseWriter is in use any more.
func (s *stream) finish(reset bool) {
	s.end.Do(func() {
		if writing := s.Stream.End(); writing || reset {
			s.reset()
		}
		s.body.Close() // ends a read
		s.Stream.Wait()
	})
}

// reset sends RST_STREAM: to net/http a write deadline that has passed is the
// reason for one. It also ends a write that waits for the peer.
func (s *stream) reset() {
	defer func() { recover() }() // see sender.Write: then the stream has ended
	if s.ctx.Err() == nil {
		s.rc.SetWriteDeadline(past)
	}
}

// CloseWrite fails: net/http ends a stream's sending direction when the handler
// returns, and then the other one too.
func (s *stream) CloseWrite() error { return errors.ErrUnsupported }
