package websocket

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"runtime/debug"
	"sync"
	"syscall"
	"time"

	"github.com/wye-org/wye/internal/handoff"
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
	slots       []headSlot
	free        []int32 // of slots
	count       int     // of those that are taken
	first, last *head   // in the order of when they are dropped

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

type headSlot struct {
	h   *head
	gen uint32
}

// headReader is what a goroutine needs that reads heads.
type headReader struct {
	scratch [maxHead]byte
	fresh   *http.Request // with the context of requests to freshTo
	freshTo net.Addr
}

const (
	acceptTurn = 64   // connections accepted at once
	inboxMost  = 1024 // that wait to be looked at
)

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

// accept is the goroutine that accepts connections. It ends when ln is closed.
func (s *heads) accept() {
	from := &acceptor{ln: s.ln}
	var err error
	for delay := time.Duration(0); err == nil; {
		err = s.waiter.wait(func() (done bool) {
			from.err = from.accept(s.waiter.fd)
			return len(from.batch) > 0 || from.err != nil
		})
		if err == nil {
			err = from.err
		}
		s.post(s.readFirst(from))
		if err == nil {
			delay = 0
		} else if isPassing(err) {
			// There are no more descriptors, say: some have to be closed first.
			delay = min(max(5*time.Millisecond, 2*delay), time.Second)
			slog.Warn("websocket: accepting a connection failed", slog.Any("err", err), slog.Duration("retrying in", delay))
			select {
			case <-time.After(delay):
			case <-s.feed.over:
			}
			err = nil
		}
	}
	if errors.Is(err, net.ErrClosed) {
		err = net.ErrClosed
	}
	s.feed.end(&net.OpError{Op: "accept", Net: "tcp", Addr: s.ln.Addr(), Err: err})
}

// readFirst reads from those who were accepted. A request that has come is dealt
// with here, which spares the loop; those that have not are returned.
func (s *heads) readFirst(a *acceptor) (rest []*head) {
	rest = a.batch[:0]
	for _, h := range a.batch {
		if !h.remote.IsValid() {
			s.feed.give(h, nil)
			continue
		}
		switch n, again, _ := receiveFrom(int(h.fd), a.reader.scratch[:]); {
		case again || n > 0 && !s.received(h, &a.reader, n):
			rest = append(rest, h)
		case n == 0:
			closeSocket(int(h.fd), false)
		}
	}
	a.batch = a.batch[:0]
	return rest
}

// waiter waits for connections. A listener itself cannot be waited for but in its
// Accept, so this has another descriptor of the socket.
type waiter struct {
	below syscall.RawConn // the listener's
	file  *os.File        // owns fd
	raw   syscall.RawConn
	fd    int
}

// closedAfter is how soon a listener is found to be closed by somebody but srv.
const closedAfter = time.Second

func waitFor(ln *net.TCPListener) (w *waiter, err error) {
	w = new(waiter)
	if w.below, err = ln.SyscallConn(); err != nil {
		return nil, err
	}
	if w.fd, err = duplicate(w.below); err != nil {
		return nil, err
	}
	w.file = os.NewFile(uintptr(w.fd), "listener")
	if w.raw, err = w.file.SyscallConn(); err == nil {
		err = w.file.SetReadDeadline(time.Now().Add(closedAfter))
	}
	if err != nil {
		w.file.Close()
		return nil, err
	}
	return w, nil
}

// wait calls try whenever there may be a connection, until that says that it is
// done. It fails when the listener is closed.
func (w *waiter) wait(try func() (done bool)) error {
	for {
		err := w.raw.Read(func(uintptr) bool { return try() })
		if closed := w.below.Control(func(uintptr) {}); closed != nil {
			return closed
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		w.file.SetReadDeadline(time.Now().Add(closedAfter))
	}
}

// isPassing reports whether accepting may go well another time.
func isPassing(err error) bool {
	for _, errno := range [...]syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM} {
		if errors.Is(err, errno) {
			return true
		}
	}
	return false
}

// acceptor accepts connections, some at a time.
type acceptor struct {
	ln     *net.TCPListener
	reader headReader
	batch  []*head
	err    error
	last   netip.AddrPort // the local address of the connection before
	local  net.Addr       // and as this
}

// accept fills batch with what is there.
func (a *acceptor) accept(fd int) error {
	for len(a.batch) < acceptTurn {
		got, from, err := syscall.Accept4(fd, syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC)
		switch err {
		case nil:
			syscall.SetsockoptInt(got, syscall.IPPROTO_TCP, syscall.TCP_NODELAY, 1) // as net does
			a.batch = append(a.batch, &head{fd: int32(got), slot: -1, remote: addrOf(from), local: a.localOf(got)})
		case syscall.EINTR, syscall.ECONNABORTED:
		case syscall.EAGAIN:
			return nil
		default:
			return err
		}
	}
	return nil
}

// localOf returns one Addr for all connections to the same address.
func (a *acceptor) localOf(fd int) net.Addr {
	if tcp, ok := a.ln.Addr().(*net.TCPAddr); ok && !tcp.IP.IsUnspecified() {
		return tcp // as long as it is the listener's, there is only this
	}
	sa, _ := syscall.Getsockname(fd)
	if at := addrOf(sa); a.local == nil || at != a.last {
		a.last, a.local = at, net.TCPAddrFromAddrPort(at)
	}
	return a.local
}

// addrOf returns sa, if it has no zone.
func addrOf(sa syscall.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *syscall.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *syscall.SockaddrInet6:
		if sa.ZoneId == 0 {
			return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
		}
	}
	return netip.AddrPort{}
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
	if n := len(s.free); n > 0 {
		h.slot = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		h.slot = int32(len(s.slots))
		s.slots = append(s.slots, headSlot{})
	}
	s.slots[h.slot].h = h
	s.count++
	h.due = s.now() + s.timeout
	if h.older = s.last; h.older != nil {
		h.older.newer = h
	} else {
		s.first = h
	}
	s.last = h
	if s.poll.add(int(h.fd), int(h.slot), s.slots[h.slot].gen, canRead) != nil {
		s.drop(h)
	}
	if s.count > s.opts.maxHeads() {
		s.drop(s.first)
	}
}

// leave takes h's place away, if it has one. Its socket stays.
func (s *heads) leave(h *head) {
	if h.slot < 0 {
		return
	}
	s.poll.remove(int(h.fd))
	s.slots[h.slot].h = nil
	s.slots[h.slot].gen++
	s.free = append(s.free, h.slot)
	s.count--
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
	if at >= len(s.slots) || s.slots[at].gen != gen || s.slots[at].h == nil {
		return // it has ended in this turn
	}
	h := s.slots[at].h
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

// feed is the listener of net/http's part.
type feed struct {
	heads *heads
	come  chan struct{} // conns has become more
	over  chan struct{} // closed by end

	mu    sync.Mutex // guards what is below
	conns []net.Conn // inboxMost at most
	err   error      // why there are no more; nil: there are
}

// Accept implements [net.Listener].
func (f *feed) Accept() (net.Conn, error) {
	for {
		f.mu.Lock()
		if f.err != nil {
			defer f.mu.Unlock()
			return nil, f.err
		}
		if len(f.conns) > 0 {
			defer f.mu.Unlock()
			c := f.conns[0]
			f.conns = f.conns[1:]
			return c, nil
		}
		f.mu.Unlock()
		select {
		case <-f.come:
		case <-f.over:
		}
	}
}

// give gives h's socket to net/http, with what was read of it.
func (f *feed) give(h *head, b []byte) {
	file := os.NewFile(uintptr(h.fd), "tcp")
	nc, err := net.FileConn(file) // has a descriptor of its own
	file.Close()
	if err != nil {
		return
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true}) // as net does
	}
	if len(b) > 0 {
		nc = handoff.Replay(nc, bytes.Clone(b))
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil || len(f.conns) >= inboxMost {
		nc.Close()
		return
	}
	f.conns = append(f.conns, nc)
	select {
	case f.come <- struct{}{}:
	default:
	}
}

// end has Accept return err.
func (f *feed) end(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return
	}
	f.err = err
	for _, c := range f.conns {
		c.Close()
	}
	f.conns = nil
	close(f.over)
}

// Close is called by srv.Serve.
func (f *feed) Close() error {
	f.end(net.ErrClosed)
	return f.heads.end()
}

func (f *feed) Addr() net.Addr { return f.heads.ln.Addr() }

// remove has fd, which stays open, be watched no longer.
func (p *poller) remove(fd int) { syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_DEL, fd, nil) }
