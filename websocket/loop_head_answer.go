package websocket

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"time"
)

// headWriter is the ResponseWriter of a request whose head the [Loop] has read
// itself: [Accept] answers it or takes its connection.
type headWriter struct {
	conn     *headConn
	hijacked bool
	header   http.Header
	status   int // 0: nothing was answered
	body     []byte
}

func (w *headWriter) Header() http.Header {
	if w.header == nil {
		w.header = make(http.Header)
	}
	return w.header
}

func (w *headWriter) WriteHeader(status int) {
	if w.status == 0 && status >= 200 {
		w.status = status
	}
}

func (w *headWriter) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if !hasBody(w.status) {
		return 0, http.ErrBodyNotAllowed
	}
	w.body = append(w.body, p...)
	return len(p), nil
}

// Hijack implements [http.Hijacker]. The connection has what came early.
func (w *headWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	if w.status != 0 || w.hijacked {
		return nil, nil, http.ErrHijacked
	}
	if err := w.conn.reserve(); err != nil {
		return nil, nil, err
	}
	w.hijacked = true
	return w.conn, nil, nil
}

// answer returns the response as net/http would send it, and whether the
// connection ends with it.
func (w *headWriter) answer() (b []byte, last bool) {
	w.WriteHeader(http.StatusOK)
	out := new(bytes.Buffer)
	out.WriteString("HTTP/1.1 " + strconv.Itoa(w.status) + " ")
	if text := http.StatusText(w.status); text != "" {
		out.WriteString(text)
	} else {
		out.WriteString("status code " + strconv.Itoa(w.status))
	}
	out.WriteString("\r\n")
	h := w.Header()
	for _, name := range [...]string{"Content-Length", "Transfer-Encoding", "Trailer"} {
		h.Del(name) // what the body is, is said below
	}
	if w.status == http.StatusNotModified {
		h.Del("Content-Type")
	}
	h.Write(out)
	if len(h["Date"]) == 0 {
		out.WriteString("Date: " + time.Now().UTC().Format(http.TimeFormat) + "\r\n")
	}
	if hasBody(w.status) {
		out.WriteString("Content-Length: " + strconv.Itoa(len(w.body)) + "\r\n")
	}
	out.WriteString("\r\n")
	out.Write(w.body)
	return out.Bytes(), h.Get("Connection") == "close"
}

// hasBody: RFC 9110 sections 15.3.5 and 15.4.5.
func hasBody(status int) bool {
	return status != http.StatusNoContent && status != http.StatusNotModified
}

// headConn is the connection that such a request came over, as long as it is no
// Conn yet. It sends the 101, and is not read from.
type headConn struct {
	loop   *Loop
	early  []byte // came behind the head
	local  net.Addr
	remote netip.AddrPort
	warm   *warm

	mu    sync.Mutex // guards what is below
	fd    int        // -1: taken or closed
	shard *shard     // where there is a place for it; nil: nowhere yet
}

// reserve finds the event loop that is going to serve it. warm keeps that
// running.
func (c *headConn) reserve() error {
	s := c.loop.lightest()
	if !s.reserve() {
		return errors.New("websocket: no event loop could be started")
	}
	c.warm.keep(s)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.shard = s
	return nil
}

// take gives the socket and the place up. ok is false if it was closed.
func (c *headConn) take() (fd int, s *shard, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fd, s = c.fd, c.shard
	c.fd = -1
	return fd, s, fd >= 0
}

// errNoRoom: the socket's buffer is full of what was answered before, or too small
// for the 101.
var errNoRoom = errors.New("websocket: the socket has no room for the answer")

func (c *headConn) Write(p []byte) (n int, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fd < 0 {
		return 0, net.ErrClosed
	}
	if n, err = sendPlain(c.fd, p); err == nil && n < len(p) {
		err = errNoRoom
	}
	return n, err
}

// Read is called only behind Close: see takeOver.
func (c *headConn) Read([]byte) (int, error) { return 0, net.ErrClosed }

func (c *headConn) Close() error {
	fd, s, ok := c.take()
	if !ok {
		return net.ErrClosed
	}
	closeSocket(fd, false)
	if s != nil {
		s.unreserve()
	}
	return nil
}

func (c *headConn) LocalAddr() net.Addr  { return c.local }
func (c *headConn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// Nothing waits.
func (c *headConn) SetDeadline(time.Time) error      { return nil }
func (c *headConn) SetReadDeadline(time.Time) error  { return nil }
func (c *headConn) SetWriteDeadline(time.Time) error { return nil }

// takeHead is takeOver of a connection that [Serve] has accepted. It returns nil
// for one that was aborted meanwhile.
func (l *Loop) takeHead(over taker, head *headConn, set *settings) *Conn {
	fd, s, ok := head.take()
	if !ok {
		return nil
	}
	if set.PingInterval == 0 { // else we ask ourselves
		probe(fd)
	}
	_, _, member := over.Take()
	c := s.newConn(fd, set)
	c.loop, c.member, c.local, c.remote = l, member, head.local, head.remote
	member.OnAbort(c.forced)
	if len(head.early) > 0 {
		c.receiveEarly(head.early)
	}
	return c
}

// warm are event loops that are kept running, though their last connection may end:
// to begin anew for the next one costs a third of its handshake.
type warm struct {
	mu   sync.Mutex // guards what is below
	kept []*shard
	over bool
}

// keep keeps s, in which the caller has a place.
func (w *warm) keep(s *shard) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.over && !slices.Contains(w.kept, s) && s.reserve() {
		w.kept = append(w.kept, s)
	}
}

// end lets all of them go.
func (w *warm) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.over = true
	for _, s := range w.kept {
		s.unreserve()
	}
	w.kept = nil
}
