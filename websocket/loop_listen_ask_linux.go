package websocket

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// ask has the request r judged that begins with b, and behind which early came.
// It returns false for one that is net/http's.
func (s *heads) ask(h *head, r *http.Request, b, early []byte) bool {
	if !parseHead(b, r) || checkRequest(r) != nil {
		return false
	}
	e, handler := s.opts.route(s.srv, r)
	if e == nil {
		return false
	}
	q := &question{heads: s, head: h, handler: handler, endpoint: e, r: r}
	q.w.conn = &headConn{loop: e.opts.Loop, early: early, local: h.local, remote: h.remote, warm: &s.warm, fd: int(h.fd)}
	if !e.mayBlock() {
		q.settle()
		return true
	}
	q.w.conn.early = bytes.Clone(early)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.judged >= s.opts.maxHeads() {
		closeSocket(int(h.fd), false)
		return true
	}
	s.judged++
	go q.settleAside() // the request's: it ends when that is judged, which gate.Gate bounds
	return true
}

// request returns one without a head, to h's address.
func (s *heads) request(h *head, r *headReader) *http.Request {
	if r.fresh == nil || r.freshTo != h.local {
		r.freshTo = h.local
		r.fresh = new(http.Request).WithContext(context.WithValue(s.base, http.LocalAddrContextKey, h.local))
	}
	fresh := *r.fresh
	fresh.RemoteAddr = h.remote.String()
	return &fresh
}

// question is a request that is judged.
type question struct {
	heads    *heads
	head     *head
	handler  http.Handler
	endpoint *Endpoint
	r        *http.Request
	w        headWriter
}

// settleAside is settle on a goroutine of its own.
func (q *question) settleAside() {
	q.settle()
	q.heads.mu.Lock()
	defer q.heads.mu.Unlock()
	q.heads.judged--
}

// settle has the request answered. Its connection is the Loop's then, or is to
// send another, or ends.
func (q *question) settle() {
	answered := q.answered()
	h, s := q.head, q.heads
	h.buf = nil
	switch {
	case q.w.hijacked:
		return // it is a Conn's, or has ended
	case !answered:
		closeSocket(int(h.fd), false)
		return
	}
	b, last := q.w.answer()
	if n, err := sendPlain(int(h.fd), b); err != nil || n < len(b) {
		closeSocket(int(h.fd), false)
		return
	}
	if last {
		// A close with unread input makes the kernel send a reset, which may
		// overtake our answer: end our direction, and read theirs.
		closeSending(int(h.fd))
		h.lingers = true
	} else if len(q.w.conn.early) > 0 {
		s.feed.give(h, q.w.conn.early)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.putLocked(h)
}

// answered calls the handler. It returns false after a panic, which costs the
// connection, as with net/http.
func (q *question) answered() (ok bool) {
	defer func() {
		if ok {
			return
		}
		if v := recover(); v != http.ErrAbortHandler {
			q.endpoint.opts.logger().LogAttrs(context.Background(), slog.LevelError, "websocket handshake panicked",
				slog.String("remote", q.r.RemoteAddr), slog.Any("panic", v), slog.String("stack", string(debug.Stack())))
		}
	}()
	q.handler.ServeHTTP(&q.w, q.r)
	return true
}
