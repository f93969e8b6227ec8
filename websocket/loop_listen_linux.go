package websocket

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// heads is a Serve: a goroutine that accepts connections, an event loop that
// reads their heads, and srv.Serve for those that are net/http's.
//
// The loop turns like a shard: it serves who is ready, each connection by one
// read, takes in who is new or comes back, drops those whose time is up, and waits.
type heads struct {
	srv     *http.Server
	ln      *net.TCPListener
	waiter  *waiter
	opts    *ServeOptions
	base    context.Context
	feed    feed
	timeout time.Duration
	limit   int // bytes of a head
	began   time.Time
	warm    warm

	// Of the loop's goroutine.
	poll        *poller
	reader      headReader
	slots       slots[head]
	first, last *head // in the order of when they are dropped

	mu      sync.Mutex    // guards what is below
	inbox   []*head       // new, or back
	taken   sync.Cond     // inbox was taken, or ending is set
	judged  int           // requests that are judged on goroutines
	resting bool          // the loop waits
	alarm   time.Duration // when the wait ends, since began; 0: with what is ready
	ending  bool          // the feed was closed
}

// head is a connection whose request is to come.
type head struct {
	remote       netip.AddrPort // not valid: it has a zone, whose name net knows
	local        net.Addr
	older, newer *head
	due          time.Duration // when it is dropped, since began
	buf          []byte        // what has come of its head; nil: nothing
	fd           int32
	slot         int32 // -1: it is not in the loop
	lingered     int32 // bytes that came behind its last answer
	lingers      bool  // that was sent: what comes is read to its end
}

// headReader is what a goroutine needs that reads heads.
type headReader struct {
	scratch [maxHead]byte
	fresh   *http.Request // with the context of requests to freshTo
	freshTo net.Addr
}

// inboxMost is how many connections wait to be looked at.
const inboxMost = 1024

func serveHeads(srv *http.Server, ln *net.TCPListener, opts *ServeOptions) error {
	poll, err := newPoller()
	if err != nil {
		return srv.Serve(ln)
	}
	waiter, err := waitFor(ln)
	if err != nil {
		poll.close()
		return srv.Serve(ln)
	}
	s := &heads{
		waiter: waiter,
		srv:    srv, ln: ln, opts: opts, base: context.Background(),
		timeout: headTimeout(srv), limit: headLimit(srv), began: time.Now(),
		poll: poll,
	}
	s.taken.L = &s.mu
	s.feed = feed{heads: s, come: make(chan struct{}, 1), over: make(chan struct{})}
	if srv.BaseContext != nil {
		s.base = srv.BaseContext(ln)
	}
	s.base = context.WithValue(s.base, http.ServerContextKey, srv)
	var parts sync.WaitGroup
	parts.Go(s.accept) // both end when srv.Serve has closed the feed
	parts.Go(s.run)
	err = srv.Serve(&s.feed)
	parts.Wait()
	s.warm.end()
	return err
}

// post gives new connections to the loop. It waits for room.
func (s *heads) post(batch []*head) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.inbox) >= inboxMost && !s.ending {
		s.taken.Wait()
	}
	for _, h := range batch {
		s.putLocked(h)
	}
}

// putLocked gives the loop a connection that nobody else has.
func (s *heads) putLocked(h *head) {
	if s.ending {
		closeSocket(int(h.fd), false)
		return
	}
	s.inbox = append(s.inbox, h)
	s.wakeLocked()
}

// wakeLocked ends the loop's wait.
func (s *heads) wakeLocked() {
	if s.resting && s.alarm != -1 {
		s.alarm = -1
		s.poll.wakeAt(time.Unix(1, 0))
	}
}

// end ends the loop and the goroutine that accepts.
func (s *heads) end() error {
	err := s.ln.Close()
	s.waiter.file.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ending = true
	s.taken.Broadcast()
	s.wakeLocked()
	return err
}

func (s *heads) now() time.Duration { return time.Since(s.began) }

// run is the loop.
func (s *heads) run() {
	var in []*head
	for {
		for i := range s.poll.ready {
			s.serve(i)
		}
		s.mu.Lock()
		in, s.inbox = s.inbox, in[:0]
		s.taken.Broadcast()
		ending := s.ending
		s.mu.Unlock()
		for _, h := range in {
			s.enter(h)
		}
		clear(in)
		if ending {
			break
		}
		for now := s.now(); s.first != nil && s.first.due <= now; {
			s.drop(s.first)
		}
		s.rest()
	}
	for s.first != nil {
		s.drop(s.first)
	}
	s.poll.close()
}

// rest waits until there is something to do.
func (s *heads) rest() {
	s.mu.Lock()
	if len(s.inbox) > 0 || s.ending {
		s.mu.Unlock()
		s.poll.look()
		return
	}
	next := time.Duration(0)
	if s.first != nil {
		next = s.first.due
	}
	// One that is too early costs less than setting it for each connection.
	if s.alarm < 0 || s.alarm > 0 && s.alarm <= s.now() || next > 0 && (s.alarm == 0 || s.alarm > next) {
		at := time.Time{}
		if next > 0 {
			at = s.began.Add(next)
		}
		s.alarm = next
		s.poll.wakeAt(at)
	}
	s.resting = true
	s.mu.Unlock()
	s.poll.wait()
	s.mu.Lock()
	s.resting = false
	s.mu.Unlock()
}

// enter has h be read from. If there are too many, the oldest one goes.
func (s *heads) enter(h *head) {
	var gen uint32
	h.slot, gen = s.slots.enter(h)
	h.due = s.now() + s.timeout
	if h.older = s.last; h.older != nil {
		h.older.newer = h
	} else {
		s.first = h
	}
	s.last = h
	if s.poll.add(int(h.fd), int(h.slot), gen, canRead) != nil {
		s.drop(h)
	}
	if s.slots.taken() > s.opts.maxHeads() {
		s.drop(s.first)
	}
}

// leave takes h's place away, if it has one. Its socket stays.
func (s *heads) leave(h *head) {
	if h.slot < 0 {
		return
	}
	s.poll.remove(int(h.fd))
	s.slots.leave(h.slot)
	if h.older != nil {
		h.older.newer = h.newer
	} else {
		s.first = h.newer
	}
	if h.newer != nil {
		h.newer.older = h.older
	} else {
		s.last = h.older
	}
	h.older, h.newer, h.slot = nil, nil, -1
}

func (s *heads) drop(h *head) {
	s.leave(h)
	closeSocket(int(h.fd), false)
}

// serve reads from who is ready.
func (s *heads) serve(i int) {
	at, gen, _ := s.poll.event(i)
	h := s.slots.named(at, gen)
	if h == nil {
		return // it has ended in this turn
	}
	n, again, err := receiveFrom(int(h.fd), s.reader.scratch[:])
	switch {
	case again:
	case h.lingers:
		if h.lingered += int32(n); n == 0 || h.lingered > lingerBytes {
			s.drop(h)
		}
	case n > 0:
		s.received(h, &s.reader, n)
	case err == nil && h.buf != nil:
		s.leave(h)
		s.feed.give(h, h.buf) // net/http has an answer for half a request, too
	default:
		s.drop(h)
	}
}

// received takes the next n bytes of a head, which r has. It returns false if more
// of it has to come; else h is not the caller's any more.
func (s *heads) received(h *head, r *headReader, n int) bool {
	b, seen := r.scratch[:n], len(h.buf)
	if seen > 0 {
		h.buf = append(h.buf, b...)
		b = h.buf
	}
	end, state := findHead(b, seen, s.limit)
	if state == headPartial {
		if seen == 0 {
			h.buf = bytes.Clone(b)
		}
		return false
	}
	s.leave(h)
	if state == headOther || !s.ask(h, s.request(h, r), b[:end], b[end:]) {
		s.feed.give(h, b)
	}
	return true
}
