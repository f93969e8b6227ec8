package websocket_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// Connections that end in every way at any moment, from both sides, leave nothing
// behind, and nothing is lost in silence: of what Write took, a peer that reads to
// the end has had all, in order and once, unless its connection is reported to have
// failed.
func TestChaos(t *testing.T) {
	n := 200
	if os.Getenv("WYE_SLOW") == "1" {
		n = 5000
	}
	type front struct {
		name string
		opts func(*chaos) *websocket.AcceptOptions
		way  way
	}
	loop := func(x *chaos) *websocket.AcceptOptions { return &websocket.AcceptOptions{Loop: x.loop(false)} }
	blocking := func(x *chaos) *websocket.AcceptOptions { return &websocket.AcceptOptions{Loop: x.loop(true)} }
	conn := func(x *chaos) *websocket.AcceptOptions {
		return &websocket.AcceptOptions{Options: websocket.Options{Hooks: x.hooks()}}
	}
	detached := func(x *chaos) *websocket.AcceptOptions {
		return &websocket.AcceptOptions{Detach: true, Options: websocket.Options{Hooks: x.hooks()}}
	}
	for _, f := range []front{
		{"Loop", loop, byNetHTTP}, {"Loop, Serve", loop, byServe}, {"blocking", blocking, byNetHTTP}, {"blocking, Serve", blocking, byServe},
		{"Loop, TLS", loop, byTLS}, {"blocking, TLS", blocking, byTLS},
		{"Conn", conn, byNetHTTP}, {"Conn, detached", detached, byNetHTTP},
	} {
		t.Run(f.name, func(t *testing.T) {
			n := n
			if f.way == byTLS {
				n /= 4 // handshakes are most of the time
			}
			x := &chaos{t: t, way: f.way, tales: make([]tale, n)}
			x.run(f.opts(x))
		})
	}
}

// A way is how connections come to the server.
type way int

const (
	byNetHTTP way = iota
	byServe       // websocket.Serve
	byTLS         // net/http again; the records come in pieces
)

// A chaos is one run: a server and n peers of which each has its way to end.
type chaos struct {
	t     *testing.T
	way   way
	addr  string
	tales []tale
}

// A tale is what became of one connection.
type tale struct {
	opened, closed atomic.Int32
	err            error         // set by the server's Closed
	ended          chan struct{} // closed then

	mu       sync.Mutex     // guards what is below
	queued   int64          // messages that Write took, each with its number
	others   sync.WaitGroup // goroutines that write, too; added to with mu
	finished bool           // of them there are no more

	// Of the peer.
	nc        net.Conn
	below     net.Conn // its socket: nc, or what TLS goes over
	kind      kind
	rnd       *rand.Rand
	delivered int64
	goodbye   bool   // a Close frame came
	wrong     string // what should not have come
	failed    bool   // the connection is reported to have
}

// A kind is what a peer does.
type kind int

const (
	citizen     kind = iota // sends messages and a Close, in its own pieces, and reads all
	slowCitizen             // sends more, and reads slowly what the kernel hardly keeps
	dripper                 // sends one byte at a time, at first
	onlyReads               // ends its direction behind its Close
	leaver                  // has had enough in the middle: with a reset, or without
	fragmentary             // sends part of a frame, and goes
	silent                  // neither sends nor reads: the keepalive finds it
	deaf                    // sends, and reads nothing
	breaker                 // breaks a rule behind some messages
	kinds
)

func (x *chaos) run(opts *websocket.AcceptOptions) {
	if warm, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		warm.Close() // now the runtime has what it polls with
	}
	goroutines, descriptors := runtime.NumGoroutine(), openDescriptors()
	// Who plays by the rules has all the time that a slow machine needs.
	const long = 20 * time.Second
	opts.WriteQueueBytes, opts.WriteTimeout, opts.CloseTimeout, opts.PingInterval, opts.PongTimeout = 64<<10, long, long, long, long
	patient := websocket.Handler(x.serve, opts)
	opts.WriteTimeout, opts.CloseTimeout, opts.PingInterval, opts.PongTimeout = time.Second, time.Second, 300*time.Millisecond, 300*time.Millisecond
	watchful := websocket.Handler(x.serve, opts)
	route := func(r *http.Request) *websocket.Endpoint {
		switch x.tales[numberIn(r.URL.Path)].kind {
		case silent, deaf, breaker:
			return watchful
		}
		return patient
	}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { route(r).ServeHTTP(w, r) })}
	if x.way == byTLS {
		lender := httptest.NewTLSServer(nil)
		srv.TLSConfig = &tls.Config{Certificates: lender.TLS.Certificates}
		lender.Close()
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		x.t.Fatal(err)
	}
	x.addr = ln.Addr().String()
	go func() { // ends with Close, below
		switch x.way {
		case byServe:
			websocket.Serve(srv, ln, &websocket.ServeOptions{Route: route, MaxHeads: 1000})
		case byTLS:
			srv.ServeTLS(ln, "", "")
		default:
			srv.Serve(tight{ln})
		}
	}()
	for i := range x.tales {
		s := &x.tales[i]
		s.ended, s.rnd = make(chan struct{}), rand.New(rand.NewPCG(uint64(i), 7))
		s.kind = kind(i) % kinds
	}
	x.each(x.connect) // all are open at the same time
	x.each(x.behave)
	for i := range x.tales {
		x.judge(i)
	}
	srv.Close()
	x.sum()

	// Connections that the system closes, goroutines that have a last step to do.
	for range 6000 {
		if runtime.NumGoroutine() <= goroutines && openDescriptors() <= descriptors {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	stacks := make([]byte, 64<<10)
	x.t.Errorf("%d goroutines, %d before; %d descriptors, %d before\n%s", runtime.NumGoroutine(), goroutines,
		openDescriptors(), descriptors, stacks[:runtime.Stack(stacks, true)])
}

// A tight listener's connections send what they have in parts.
type tight struct{ net.Listener }

func (l tight) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		nc.(*net.TCPConn).SetWriteBuffer(32 << 10)
	}
	return nc, err
}

// each has a few workers do something with every connection: the race detector
// knows no more than some 8,000 goroutines.
func (x *chaos) each(do func(s *tale, i int)) {
	var workers sync.WaitGroup
	var next atomic.Int64
	for range 200 {
		workers.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(x.tales) {
					return
				}
				do(&x.tales[i], i)
			}
		})
	}
	workers.Wait()
}

// openDescriptors counts those of the process.
func openDescriptors() int {
	if runtime.GOOS != "linux" {
		return 0
	}
	names, _ := os.ReadDir("/proc/self/fd")
	return len(names)
}

// numberIn is that of a tale, in the path that its peer asks for.
func numberIn(path string) (i int) {
	fmt.Sscanf(path, "/%d", &i)
	return i
}

func (x *chaos) of(c *websocket.Conn) *tale { return &x.tales[numberIn(c.Request().URL.Path)] }

func (x *chaos) opened(c *websocket.Conn) { x.of(c).opened.Add(1) }

func (x *chaos) closed(c *websocket.Conn) {
	s := x.of(c)
	s.err = c.Err()
	if s.closed.Add(1) == 1 {
		close(s.ended)
	}
}

func (x *chaos) hooks() websocket.Hooks {
	return websocket.Hooks{Opened: x.opened, Closed: x.closed}
}

func (x *chaos) loop(blocking bool) *websocket.Loop {
	return &websocket.Loop{Blocking: blocking, Open: x.opened, Closed: x.closed,
		Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
			if s := x.of(c); s.opened.Load() != 1 || s.closed.Load() != 0 {
				x.t.Error("a message before Open or after Closed")
			}
			x.reply(context.Background(), c, typ, p)
		}}
}

// serve is the handler of a Conn.
func (x *chaos) serve(ctx context.Context, c *websocket.Conn) error {
	for {
		typ, p, err := c.Read(ctx)
		if err != nil {
			return nil
		}
		x.reply(ctx, c, typ, p)
	}
}

// reply answers a message, now and then by several, and now and then by an end.
func (x *chaos) reply(ctx context.Context, c *websocket.Conn, typ websocket.MessageType, p []byte) {
	s := x.of(c)
	p = append(make([]byte, 4, 4+len(p)), p...)
	for range 1 + len(p)%3 {
		s.write(ctx, c, typ, p)
	}
	switch rand.IntN(200) {
	case 0:
		c.CloseNow()
	case 1:
		c.Close(ctx, websocket.StatusNormalClosure, "")
	case 2:
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.finished {
			s.others.Go(func() { s.write(ctx, c, websocket.MessageBinary, make([]byte, 4)) }) // judge waits for it
		}
	}
}

// write writes p with the next number in its first four bytes.
func (s *tale) write(ctx context.Context, c *websocket.Conn, typ websocket.MessageType, p []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	binary.BigEndian.PutUint32(p, uint32(s.queued))
	if c.Write(ctx, typ, p) == nil {
		s.queued++
	}
}

// connect is the peer's handshake.
func (x *chaos) connect(s *tale, i int) {
	nc, err := net.Dial("tcp", x.addr)
	if err != nil {
		x.t.Error(err)
		return
	}
	s.below = nc
	if x.way == byTLS {
		nc = tls.Client(&torn{nc, rand.New(rand.NewPCG(uint64(i), 8))}, &tls.Config{InsecureSkipVerify: true})
	}
	nc.SetDeadline(time.Now().Add(3 * time.Minute)) // a test that hangs says so
	if s.kind == slowCitizen {
		s.below.(*net.TCPConn).SetReadBuffer(64 << 10)
	}
	fmt.Fprintf(nc, "GET /%d%s", i, clientHead[len("GET /"):])
	if err := readFull(nc, make([]byte, 129)); err != nil { // the 101, whose length does not change
		x.t.Error("no answer to a handshake:", err)
	}
	s.nc = nc
}

// behave does what the peer's kind does.
func (x *chaos) behave(s *tale, _ int) {
	nc, rnd := s.nc, s.rnd
	if nc == nil || s.kind == silent {
		return
	}
	defer nc.Close()
	switch s.kind {
	case fragmentary:
		nc.Write(frame(wire.OpText, make([]byte, 1000))[:rnd.IntN(1000)])
		if x.way == byTLS { // and part of a record
			s.below.Write([]byte{23, 3, 3, 4, 0, 1, 2, 3, 4, 5, 6, 7}[:1+rnd.IntN(11)])
			time.Sleep(time.Duration(rnd.IntN(60)) * time.Millisecond) // parked, or not yet
		}
		s.mayReset()
	case deaf:
		for range 50 {
			if _, err := nc.Write(frame(wire.OpBinary, make([]byte, 60_000))); err != nil {
				break
			}
		}
	case breaker:
		nc.Write(frame(wire.OpBinary, make([]byte, rnd.IntN(3000))))
		nc.Write([]byte{0x83, 0x80, 0, 0, 0, 0}) // a reserved opcode
		s.read(1 << 30)
	default:
		s.converse()
	}
}

// mayReset has Close reset the connection, or not.
func (s *tale) mayReset() {
	if s.rnd.IntN(2) == 0 {
		s.below.(*net.TCPConn).SetLinger(0)
	}
}

// converse sends messages and a Close, and reads to the end if it does not leave.
func (s *tale) converse() {
	rnd := s.rnd
	var b []byte
	messages := 1 + rnd.IntN(60)
	if s.kind == slowCitizen {
		messages = 10
	}
	for i := range messages {
		size := rnd.IntN(1 << rnd.IntN(14))
		if s.kind == slowCitizen {
			size = 10_000 + rnd.IntN(20_000)
		}
		b = append(b, frame(wire.OpBinary, bytes.Repeat([]byte{byte(i)}, size))...)
	}
	if s.kind != leaver {
		b = append(b, frame(wire.OpClose, []byte{3, 232})...)
	}
	pieces := make([]int, 10)
	for i := range pieces {
		if pieces[i] = rnd.IntN(len(b)) / 4; s.kind == dripper {
			pieces[i] = 1
		}
	}
	if s.kind == dripper {
		pieces = slices.Repeat(pieces, 20)
	}
	var sender sync.WaitGroup
	defer sender.Wait()
	sender.Go(func() { // ends when all is sent, or the connection has ended
		for _, n := range pieces {
			n = min(n, len(b))
			if _, err := s.nc.Write(b[:n]); err != nil {
				return
			}
			b = b[n:]
			runtime.Gosched()
		}
		s.nc.Write(b)
		if s.kind == onlyReads {
			s.nc.(interface{ CloseWrite() error }).CloseWrite()
		}
	})
	if s.kind == leaver {
		s.read(int64(rnd.IntN(messages)))
		s.mayReset()
		s.nc.Close()
		return
	}
	s.read(1 << 30)
}

// read reads at most so many messages, or to the end, and sees that none comes
// twice, out of order, or with what belongs to another.
func (s *tale) read(most int64) {
	var h [4]byte
	b := make([]byte, 64<<10)
	for s.delivered < most {
		if readFull(s.nc, h[:2]) != nil {
			return
		}
		p := b[:h[1]]
		if h[1] == 126 {
			readFull(s.nc, h[2:])
			p = b[:binary.BigEndian.Uint16(h[2:])]
		}
		if readFull(s.nc, p) != nil {
			return
		}
		op := wire.Opcode(h[0] & 15)
		if op.Control() {
			s.goodbye = s.goodbye || op == wire.OpClose
			if s.goodbye && s.kind == leaver {
				return // it would not answer
			}
			continue
		}
		switch {
		case s.goodbye:
			s.wrong = "a message behind the Close"
		case len(p) < 4:
			s.wrong = fmt.Sprintf("a message of %d bytes", len(p))
		case int64(binary.BigEndian.Uint32(p)) != s.delivered:
			s.wrong = fmt.Sprintf("message %d after %d", binary.BigEndian.Uint32(p), s.delivered)
		case len(p) > 4 && bytes.Count(p[4:], p[4:5]) != len(p)-4:
			s.wrong = fmt.Sprintf("message %d has something of another", s.delivered)
		}
		if s.delivered++; s.kind == slowCitizen {
			time.Sleep(100 * time.Microsecond)
		}
	}
}

// judge waits for the connection's end, and compares what both sides say.
func (x *chaos) judge(i int) {
	s := &x.tales[i]
	if s.nc == nil {
		return
	}
	select {
	case <-s.ended:
	case <-time.After(2 * time.Minute):
		x.t.Fatalf("%d, of kind %d: no end", i, s.kind)
	}
	s.nc.Close()
	s.mu.Lock()
	s.finished = true
	s.mu.Unlock()
	s.others.Wait()
	var e *websocket.CloseError
	if !errors.As(s.err, &e) {
		x.t.Errorf("%d, of kind %d: %v is no CloseError", i, s.kind, s.err)
		return
	}
	if s.opened.Load() != 1 || s.closed.Load() != 1 {
		x.t.Errorf("%d, of kind %d: Open was called %d times, Closed %d", i, s.kind, s.opened.Load(), s.closed.Load())
	}
	if s.wrong != "" {
		x.t.Errorf("%d, of kind %d: %s", i, s.kind, s.wrong)
	}
	lost := s.queued - s.delivered
	if lost < 0 {
		x.t.Errorf("%d, of kind %d: %d messages came, and %d were sent", i, s.kind, s.delivered, s.queued)
	}
	if s.failed = e.Err != nil; !s.failed && (lost != 0 || !s.goodbye) {
		x.t.Errorf("%d, of kind %d: %d messages lost in silence, Close came: %v; the end is %+v", i, s.kind, lost, s.goodbye, e)
	}
}

// sum adds up what was queued, and what became of it.
func (x *chaos) sum() {
	var queued, delivered, lost int64
	whole, failed := 0, 0
	for i := range x.tales {
		s := &x.tales[i]
		queued += s.queued
		delivered += s.delivered
		switch {
		case s.failed:
			failed++
			lost += s.queued - s.delivered
		case s.delivered > 0:
			whole++
		}
	}
	x.t.Logf("%d connections, %d of them failed: %d messages queued = %d delivered + %d lost and reported", len(x.tales), failed, queued, delivered, lost)
	if whole == 0 || failed == 0 || queued != delivered+lost {
		x.t.Errorf("%d conversations came to their end, %d failed, %d messages are missing", whole, failed, queued-delivered-lost)
	}
}

// torn is a socket on which a record may come in parts, now and then with a while
// between them.
type torn struct {
	net.Conn
	rnd *rand.Rand // of who writes: crypto/tls has one at a time
}

func (c *torn) Write(b []byte) (int, error) {
	if len(b) < 2 || c.rnd.IntN(4) > 0 {
		return c.Conn.Write(b)
	}
	n, err := c.Conn.Write(b[:1+c.rnd.IntN(len(b)-1)])
	if err != nil {
		return n, err
	}
	if c.rnd.IntN(8) == 0 {
		time.Sleep(30 * time.Millisecond)
	}
	m, err := c.Conn.Write(b[n:])
	return n + m, err
}
