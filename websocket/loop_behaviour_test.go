package websocket_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// frame is a client's, masked with zeros.
func frame(op wire.Opcode, p []byte) []byte {
	b := wire.AppendHeader(nil, wire.Header{Fin: true, Op: op, Masked: true, Len: uint64(len(p))})
	return append(b, p...)
}

// loopServer serves l on a real socket, and returns its ws: URL and what every
// connection ends with.
func loopServer(t testing.TB, l *websocket.Loop, opt websocket.Options) (url string, ended chan error) {
	ended = make(chan error, 100)
	if l.Closed == nil {
		l.Closed = func(c *websocket.Conn) { ended <- c.Err() }
	}
	return newServer(t, websocket.Handler(nil, &websocket.AcceptOptions{Loop: l, Options: opt})), ended
}

// within returns what comes, before a test that hangs says so.
func within[T any](t testing.TB, ch <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(30 * time.Second):
		t.Fatal("nothing came")
	}
	return v
}

// Writes beyond the queue are refused and lose nothing of what was taken; Drained
// says when there is room again.
func TestLoopDrained(t *testing.T) {
	fronts(t, func(t *testing.T, blocking bool, serve func(h http.Handler) *httptest.Server) {
		const total, size = 3000, 10_000
		var sent int // of callbacks, which are one after the other
		full := make(chan struct{})
		isFull := sync.OnceFunc(func() { close(full) })
		fill := func(c *websocket.Conn) {
			for p := make([]byte, size); sent < total; sent++ {
				binary.BigEndian.PutUint32(p, uint32(sent))
				if err := c.TryWrite(websocket.MessageBinary, p); err != nil {
					if !errors.Is(err, websocket.ErrQueueFull) {
						t.Error(err)
					}
					isFull()
					return
				}
			}
		}
		l := &websocket.Loop{Blocking: blocking, Drained: fill,
			Message: func(c *websocket.Conn, _ websocket.MessageType, _ []byte) { fill(c) }}
		srv := serve(websocket.Handler(nil, &websocket.AcceptOptions{Loop: l, Options: websocket.Options{WriteQueueBytes: 100_000}}))
		defer srv.Close()
		c := dialTo(t, srv, nil)
		c.Write(t.Context(), websocket.MessageText, []byte("go"))
		within(t, full) // what the kernel holds is less than the total
		for i := range uint32(total) {
			_, p, err := c.Read(t.Context())
			if err != nil || len(p) != size || binary.BigEndian.Uint32(p) != i {
				t.Fatalf("%d: %d bytes, %v", i, len(p), err)
			}
		}
	})
}

// A peer that sends and does not read is not read from, so that one reply to each
// message has room, however long; when it reads at last all of them come.
func TestLoopBackpressure(t *testing.T) {
	for _, sizes := range [][]int{{1, 100, 60_000}, {1 << 20, 10, 10, 10}, {500_000, 900_000}, {7}} {
		var refused atomic.Int32
		url, _ := loopServer(t, &websocket.Loop{Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
			if c.Write(context.Background(), typ, p) != nil {
				refused.Add(1)
			}
		}}, websocket.Options{})
		nc := rawDial(t, url)
		var b []byte
		want := 0
		for i := 0; len(b) < 12<<20; i++ {
			n := sizes[i%len(sizes)]
			b = append(b, frame(wire.OpBinary, make([]byte, n))...)
			want += len(wire.AppendHeader(nil, wire.Header{Len: uint64(n)})) + n
		}
		var sender sync.WaitGroup
		sender.Go(func() { nc.Write(b) }) // ends when the server has taken all
		time.Sleep(50 * time.Millisecond)
		if n, err := io.CopyN(io.Discard, nc, int64(want)); err != nil {
			t.Errorf("%v: %d of %d bytes: %v", sizes, n, want, err)
		}
		sender.Wait()
		if n := refused.Load(); n > 0 {
			t.Errorf("%v: %d replies were refused", sizes, n)
		}
	}
}

// So it is where goroutines call the callbacks.
func TestLoopBackpressureTLS(t *testing.T) {
	var refused atomic.Int32
	srv := httptest.NewTLSServer(websocket.Handler(nil, &websocket.AcceptOptions{Loop: &websocket.Loop{
		Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
			if c.Write(context.Background(), typ, p) != nil {
				refused.Add(1)
			}
		}}, Options: websocket.Options{WriteQueueBytes: 200_000}}))
	defer srv.Close()
	c := dialTo(t, srv, nil)
	const n, size = 400, 60_000
	var sender sync.WaitGroup
	sender.Go(func() {
		for range n {
			c.Write(t.Context(), websocket.MessageBinary, make([]byte, size))
		}
	})
	time.Sleep(200 * time.Millisecond) // in which what is between the ends fills up
	for i := 0; i < n && refused.Load() == 0; i++ {
		if _, p, err := c.Read(t.Context()); err != nil || len(p) != size {
			t.Fatal(i, len(p), err)
		}
	}
	if n := refused.Load(); n > 0 {
		c.CloseNow()
		t.Errorf("%d replies were refused", n)
	}
	sender.Wait()
}

// Who takes nothing for WriteTimeout is cut.
func TestLoopSlowConsumer(t *testing.T) {
	for _, blocking := range []bool{false, true} {
		url, ended := loopServer(t, &websocket.Loop{Blocking: blocking, Open: func(c *websocket.Conn) {
			for p := make([]byte, 1<<20); ; {
				if c.TryWrite(websocket.MessageBinary, p) != nil {
					return
				}
			}
		}}, websocket.Options{WriteTimeout: 100 * time.Millisecond, WriteQueueBytes: 16 << 20})
		rawDial(t, url)
		if err := within(t, ended); !errors.Is(err, os.ErrDeadlineExceeded) || closeError(t, err).Code != websocket.StatusAbnormalClosure {
			t.Error(err)
		}
	}
}

func TestLoopKeepalive(t *testing.T) {
	opt := websocket.Options{PingInterval: 40 * time.Millisecond, PongTimeout: 40 * time.Millisecond}
	trips := make(chan time.Duration, 1000)
	opt.Hooks.RoundTrip = func(_ *websocket.Conn, d time.Duration) {
		select {
		case trips <- d:
		default:
		}
	}
	url, ended := loopServer(t, &websocket.Loop{}, opt)
	live := dial(t, url, nil) // answers pings
	go live.Read(t.Context())
	rawDial(t, url) // does not
	if err := within(t, ended); !errors.Is(err, websocket.ErrPongTimeout) {
		t.Error(err)
	}
	for range 3 {
		within(t, trips)
	}
	if err := live.Err(); err != nil {
		t.Error(err)
	}
}

func TestLoopPing(t *testing.T) {
	conns := make(chan *websocket.Conn, 1)
	url, _ := loopServer(t, &websocket.Loop{Open: func(c *websocket.Conn) { conns <- c }}, websocket.Options{})
	go dial(t, url, nil).Read(t.Context())
	c := within(t, conns)
	if d, err := c.Ping(t.Context()); err != nil || d <= 0 {
		t.Error(d, err)
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	silent := rawDial(t, url)
	c = within(t, conns)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Ping(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	silent.Close()
	<-c.Done()
	if _, err := c.Ping(t.Context()); err == nil {
		t.Error("a ping on what has ended")
	}
}

// Close returns at once. Messages that still come are discarded, and the peer's
// answer ends the connection.
func TestLoopClose(t *testing.T) {
	got := make(chan string, 10)
	url, ended := loopServer(t, &websocket.Loop{Message: func(c *websocket.Conn, _ websocket.MessageType, p []byte) {
		got <- string(p)
		if err := c.Close(context.Background(), 4000, "enough"); err != nil {
			t.Error(err)
		}
		if err := c.Write(context.Background(), websocket.MessageText, p); !errors.Is(err, websocket.ErrClosing) {
			t.Error(err)
		}
	}}, websocket.Options{CloseTimeout: 100 * time.Millisecond})
	nc := rawDial(t, url)
	nc.Write(slices.Concat(frame(wire.OpText, []byte("one")), frame(wire.OpText, []byte("two")), frame(wire.OpPing, []byte("p"))))
	b := make([]byte, 2+8+2+1)
	if err := readFull(nc, b); err != nil || string(b) != "\x8a\x01p\x88\x08\x0f\xa0enough" && string(b) != "\x88\x08\x0f\xa0enough\x8a\x01p" {
		t.Errorf("%q, %v", b, err)
	}
	nc.Write(frame(wire.OpClose, []byte{0x0f, 0xa0}))
	if e := closeError(t, within(t, ended)); e.Code != 4000 || e.Reason != "enough" || e.Remote || e.Err != nil {
		t.Errorf("%+v", e)
	}
	if n, err := nc.Read(b); err != io.EOF {
		t.Error(n, err)
	}
	if len(got) != 1 {
		t.Errorf("%d messages, want that before Close", len(got))
	}

	nc = rawDial(t, url) // who does not answer is cut
	nc.Write(frame(wire.OpText, []byte("one")))
	if err := within(t, ended); !errors.Is(err, websocket.ErrCloseTimeout) {
		t.Error(err)
	}
}

// With callbacks that may block, Close waits for the peer.
func TestLoopBlockingClose(t *testing.T) {
	fronts(t, func(t *testing.T, blocking bool, serve func(h http.Handler) *httptest.Server) {
		if !blocking {
			return
		}
		closed := make(chan error, 1)
		srv := serve(websocket.Handler(nil, &websocket.AcceptOptions{Loop: &websocket.Loop{Blocking: true,
			Message: func(c *websocket.Conn, _ websocket.MessageType, _ []byte) {
				closed <- c.Close(context.Background(), websocket.StatusNormalClosure, "")
			}}}))
		defer srv.Close()
		c := dialTo(t, srv, nil)
		c.Write(t.Context(), websocket.MessageText, nil)
		if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
			t.Error(err)
		}
		if err := within(t, closed); err != nil {
			t.Error(err)
		}
	})
}

// CloseNow ends the callbacks, though more messages lie there.
func TestLoopCloseNow(t *testing.T) {
	fronts(t, func(t *testing.T, blocking bool, serve func(h http.Handler) *httptest.Server) {
		var messages atomic.Int32
		ended := make(chan error, 1)
		srv := serve(websocket.Handler(nil, &websocket.AcceptOptions{Loop: &websocket.Loop{Blocking: blocking,
			Message: func(c *websocket.Conn, _ websocket.MessageType, _ []byte) {
				messages.Add(1)
				c.CloseNow()
			},
			Closed: func(c *websocket.Conn) { ended <- c.Err() },
		}}))
		defer srv.Close()
		c := dialTo(t, srv, nil)
		c.Write(t.Context(), websocket.MessageText, nil)
		c.Read(t.Context())
		if err := within(t, ended); !errors.Is(err, websocket.ErrClosedNow) {
			t.Error(err)
		}
		if n := messages.Load(); n != 1 {
			t.Errorf("%d messages", n)
		}
	})
}

// A broken rule fails the connection; the peer gets to see why though it sends on.
func TestLoopProtocolError(t *testing.T) {
	url, ended := loopServer(t, echoLoop(), websocket.Options{CloseTimeout: time.Minute})
	nc := rawDial(t, url)
	nc.Write(append(frame(wire.OpText, []byte("ok")), 0x83, 0x80, 0, 0, 0, 0)) // a reserved opcode
	nc.Write(make([]byte, 300_000))
	b := make([]byte, 8)
	if err := readFull(nc, b); err != nil || string(b[:4]) != "\x81\x02ok" || b[4] != 0x88 || string(b[6:]) != "\x03\xea" {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := io.Copy(io.Discard, nc); err != nil { // it has ended its direction
		t.Error(err)
	}
	nc.Close()
	var why *wire.Violation
	if err := within(t, ended); !errors.As(err, &why) || closeError(t, err).Code != websocket.StatusProtocolError {
		t.Error(err)
	}

	// One that goes on sending is cut off at last.
	nc = rawDial(t, url)
	nc.Write([]byte{0x83, 0x80, 0, 0, 0, 0})
	for b := make([]byte, 64<<10); ; {
		if _, err := nc.Write(b); err != nil {
			break
		}
	}
	within(t, ended)
}

// What came before the broken rule is replied to first, though its callback takes
// a while.
func TestLoopBlockingRepliesFirst(t *testing.T) {
	url, _ := loopServer(t, &websocket.Loop{Blocking: true, Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
		time.Sleep(20 * time.Millisecond)
		c.Write(context.Background(), typ, p)
	}}, websocket.Options{})
	nc := rawDial(t, url)
	nc.Write(append(frame(wire.OpText, []byte("ok")), 0x83, 0x80, 0, 0, 0, 0))
	b := make([]byte, 8)
	if err := readFull(nc, b); err != nil || string(b[:4]) != "\x81\x02ok" || b[4] != 0x88 || string(b[6:]) != "\x03\xea" {
		t.Errorf("%q, %v", b, err)
	}
}

// So it is where the peer's direction ends right behind its Close frame.
func TestLoopBlockingAnswersWhoOnlyReads(t *testing.T) {
	url, ended := loopServer(t, &websocket.Loop{Blocking: true, Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
		time.Sleep(20 * time.Millisecond)
		c.Write(context.Background(), typ, p)
	}}, websocket.Options{})
	nc := rawDial(t, url)
	nc.Write(append(frame(wire.OpText, []byte("ok")), frame(wire.OpClose, []byte{3, 232})...))
	nc.(*net.TCPConn).CloseWrite()
	if b, err := io.ReadAll(nc); string(b) != "\x81\x02ok\x88\x02\x03\xe8" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if err := within(t, ended); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Error(err)
	}
}

// A callback that calls Close does not wait for a Close frame that came long ago.
func TestLoopBlockingCloseBehindClose(t *testing.T) {
	closed := make(chan error, 1)
	url, ended := loopServer(t, &websocket.Loop{Blocking: true, Message: func(c *websocket.Conn, _ websocket.MessageType, _ []byte) {
		time.Sleep(50 * time.Millisecond) // in which the Close arrives
		closed <- c.Close(context.Background(), 4000, "")
	}}, websocket.Options{CloseTimeout: 10 * time.Minute})
	nc := rawDial(t, url)
	nc.Write(slices.Concat(frame(wire.OpText, []byte("one")), frame(wire.OpText, []byte("two")), frame(wire.OpClose, []byte{3, 232})))
	if err := within(t, closed); err != nil {
		t.Error(err)
	}
	if e := closeError(t, within(t, ended)); e.Code != 4000 || e.Err != nil {
		t.Errorf("%+v", e)
	}
}

// All that was written before the peer's Close reaches it, though its direction ends
// behind that and the kernel does not take everything at once.
func TestLoopSendsAllToWhoOnlyReads(t *testing.T) {
	for _, blocking := range []bool{false, true} {
		const size = 16 << 20
		url, ended := loopServer(t, &websocket.Loop{Blocking: blocking, Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
			c.Write(context.Background(), typ, make([]byte, size))
		}}, websocket.Options{WriteQueueBytes: 2 * size})
		nc := rawDial(t, url)
		nc.SetDeadline(time.Now().Add(time.Minute))
		nc.Write(append(frame(wire.OpBinary, []byte("all")), frame(wire.OpClose, []byte{3, 232})...))
		nc.(*net.TCPConn).CloseWrite()
		time.Sleep(50 * time.Millisecond) // in which the end arrives
		if n, err := io.Copy(io.Discard, nc); n != 10+size+4 || err != nil {
			t.Errorf("blocking %v: %d bytes came, want %d; %v", blocking, n, 10+size+4, err)
		}
		if err := within(t, ended); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
			t.Error(err)
		}
	}
}

// The transport's end without a Close frame is no orderly one.
func TestLoopLost(t *testing.T) {
	fronts(t, func(t *testing.T, blocking bool, serve func(h http.Handler) *httptest.Server) {
		ended := make(chan error, 1)
		srv := serve(websocket.Handler(nil, &websocket.AcceptOptions{Loop: &websocket.Loop{Blocking: blocking,
			Closed: func(c *websocket.Conn) { ended <- c.Err() }}}))
		defer srv.Close()
		dialTo(t, srv, nil).CloseNow()
		if e := closeError(t, within(t, ended)); e.Code != websocket.StatusAbnormalClosure || !e.Remote || e.Err == nil {
			t.Errorf("%+v", e)
		}
	})
}

// A panic is logged and costs its own connection alone.
func TestLoopPanic(t *testing.T) {
	fronts(t, func(t *testing.T, blocking bool, serve func(h http.Handler) *httptest.Server) {
		var log syncBuffer
		ended := make(chan error, 10)
		srv := serve(websocket.Handler(nil, &websocket.AcceptOptions{
			Options: websocket.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))},
			Loop: &websocket.Loop{Blocking: blocking,
				Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
					if string(p) == "panic" {
						panic("as the test wants")
					}
					c.Write(context.Background(), typ, p)
				},
				Closed: func(c *websocket.Conn) { ended <- c.Err() },
			}}))
		defer srv.Close()
		other, c := dialTo(t, srv, nil), dialTo(t, srv, nil)
		c.Write(t.Context(), websocket.MessageText, []byte("panic"))
		c.Write(t.Context(), websocket.MessageText, []byte("more"))
		if _, p, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusInternalError {
			t.Error(string(p), err)
		}
		if e := closeError(t, within(t, ended)); e.Code != websocket.StatusInternalError || e.Remote {
			t.Errorf("%+v", e)
		}
		if s := log.String(); !strings.Contains(s, "as the test wants") || !strings.Contains(s, "loop_behaviour_test.go") {
			t.Errorf("the log says %q", s)
		}
		other.Write(t.Context(), websocket.MessageText, []byte("still"))
		if _, p, err := other.Read(t.Context()); string(p) != "still" {
			t.Error(string(p), err)
		}
	})
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// What came with the head is the first message; the request is there while Open
// runs, and later unless that is not wanted; addresses, hooks and counts are as
// with any Conn.
func TestLoopOpen(t *testing.T) {
	for _, drop := range []bool{false, true} {
		var hooks []string
		note := func(s string) func(*websocket.Conn) { return func(*websocket.Conn) { hooks = append(hooks, s) } }
		conns := make(chan *websocket.Conn, 1)
		l := echoLoop()
		l.DropRequest = drop
		l.Open = func(c *websocket.Conn) {
			if c.Request().URL.Path != "/" || c.Request().Token.Name != "websocket" {
				t.Error(c.Request())
			}
			conns <- c
		}
		url, ended := loopServer(t, l, websocket.Options{Hooks: websocket.Hooks{Opened: note("opened"), Closed: note("closed")}})
		nc := rawDialHead(t, url, clientHead+string(frame(wire.OpText, bytes.Repeat([]byte("x"), 300))))
		b := make([]byte, 304)
		if err := readFull(nc, b); err != nil || b[303] != 'x' {
			t.Fatalf("%q, %v", b, err)
		}
		c := within(t, conns)
		if c.RemoteAddr().String() != nc.LocalAddr().String() || c.LocalAddr().String() != nc.RemoteAddr().String() {
			t.Error(c.RemoteAddr(), c.LocalAddr())
		}
		c.Flush(t.Context())
		if s := c.Stats(); s != (websocket.Stats{MessagesReceived: 1, BytesReceived: 300, MessagesSent: 1, BytesSent: 300}) {
			t.Errorf("%+v", s)
		}
		if (c.Request() == nil) != drop {
			t.Error(c.Request())
		}
		nc.Close()
		within(t, ended)
		<-c.Done()
		if !slices.Equal(hooks, []string{"opened", "closed"}) {
			t.Error(hooks)
		}
	}
}

// No message comes before its turn by MessageRate, and none is lost.
func TestLoopMessageRate(t *testing.T) {
	fronts(t, func(t *testing.T, blocking bool, serve func(h http.Handler) *httptest.Server) {
		l := echoLoop()
		l.Blocking = blocking
		srv := serve(websocket.Handler(nil, &websocket.AcceptOptions{Loop: l, Options: websocket.Options{MessageRate: 20, MessageBurst: 2}}))
		defer srv.Close()
		c := dialTo(t, srv, nil)
		began := time.Now()
		for i := range byte(6) {
			c.Write(t.Context(), websocket.MessageBinary, []byte{i})
		}
		for i := range byte(6) {
			if _, p, err := c.Read(t.Context()); err != nil || p[0] != i {
				t.Fatal(p, err)
			}
		}
		if took := time.Since(began); took < 190*time.Millisecond {
			t.Errorf("6 messages took %v, want 200ms for the 4 behind the burst", took)
		}
	})
}

// A drain says goodbye to the connections of a Loop, and counts who answers.
func TestLoopDrain(t *testing.T) {
	for _, blocking := range []bool{false, true} {
		group := new(wye.Group)
		url := newServer(t, websocket.Handler(nil, &websocket.AcceptOptions{Group: group,
			Loop: &websocket.Loop{Blocking: blocking}, Options: websocket.Options{CloseTimeout: 300 * time.Millisecond}}))
		goodbyes := make(chan error, 3)
		for range 3 {
			c := dial(t, url, nil)
			go func() {
				_, _, err := c.Read(context.Background())
				goodbyes <- err
			}()
		}
		rawDial(t, url) // does not answer
		lost := rawDial(t, url)
		for group.Len() < 5 {
			time.Sleep(time.Millisecond)
		}
		lost.Close()
		for group.Len() > 4 {
			time.Sleep(time.Millisecond)
		}
		n, err := group.Shutdown(t.Context(), wye.Drain{Restart: true})
		if err != nil || n != (wye.DrainCounts{Clean: 3, Forced: 1}) || group.Len() != 0 {
			t.Errorf("%+v, %v", n, err)
		}
		for range 3 {
			if err := within(t, goodbyes); websocket.CloseStatus(err) != websocket.StatusServiceRestart {
				t.Error(err)
			}
		}
	}
}

// At the end of a drain's time what is left is aborted.
func TestLoopAbort(t *testing.T) {
	group := new(wye.Group)
	url := newServer(t, websocket.Handler(nil, &websocket.AcceptOptions{Group: group, Loop: &websocket.Loop{}}))
	nc := rawDial(t, url)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if n, err := group.Shutdown(ctx, wye.Drain{}); n.Forced != 1 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%+v, %v", n, err)
	}
	if _, err := io.Copy(io.Discard, nc); err == nil {
		t.Error("want a reset")
	}

	group = new(wye.Group) // no time at all
	url = newServer(t, websocket.Handler(nil, &websocket.AcceptOptions{Group: group, Loop: &websocket.Loop{}}))
	nc = rawDial(t, url)
	if n, err := group.Shutdown(ctx, wye.Drain{}); n.Forced != 1 || err == nil {
		t.Errorf("%+v, %v", n, err)
	}
	if _, err := io.Copy(io.Discard, nc); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error("want a reset")
	}
}

// What was read of a connection that is paused stays its own, whatever others
// send.
func TestLoopPausedKeepsInput(t *testing.T) {
	l := echoLoop()
	l.Loops = 1
	slow := newServer(t, websocket.Handler(nil, &websocket.AcceptOptions{Loop: l, Options: websocket.Options{MessageRate: 200, MessageBurst: 1}}))
	fast := newServer(t, websocket.Handler(nil, &websocket.AcceptOptions{Loop: l}))
	nc, other := rawDial(t, slow), dial(t, fast, nil)
	var out, want []byte
	for i := range 20 {
		p := bytes.Repeat([]byte{byte(i)}, 100)
		out = append(out, frame(wire.OpBinary, p)...)
		want = append(append(want, 0x82, 100), p...)
	}
	nc.Write(out)
	got := make(chan []byte, 1)
	go func() {
		b := make([]byte, len(want))
		readFull(nc, b)
		got <- b
	}()
	noise := bytes.Repeat([]byte("noise"), 1000)
	for {
		other.Write(t.Context(), websocket.MessageBinary, noise)
		if _, p, err := other.Read(t.Context()); err != nil || !bytes.Equal(p, noise) {
			t.Fatal(len(p), err)
		}
		select {
		case b := <-got:
			if !bytes.Equal(b, want) {
				t.Errorf("%q", b)
			}
			return
		default:
		}
	}
}

// In a Switch the connection lives on its own event loop, too.
func TestLoopInSwitch(t *testing.T) {
	s := &wye.Switch{Protocols: []wye.Offer{{Token: wye.Token{Name: "websocket"}, Protocol: websocket.Handler(nil, &websocket.AcceptOptions{Loop: echoLoop()})}}}
	url := newServer(t, s)
	c := dial(t, url, nil)
	c.Write(t.Context(), websocket.MessageText, []byte("hello"))
	if _, p, err := c.Read(t.Context()); string(p) != "hello" {
		t.Error(string(p), err)
	}
	if err := c.Close(t.Context(), websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

// A stream in fragments goes out and comes in as with any Conn.
func TestLoopWriter(t *testing.T) {
	url, _ := loopServer(t, &websocket.Loop{Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
		w, err := c.Writer(context.Background(), typ)
		if err == nil {
			_, err = w.Write(p)
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			t.Error(err)
		}
	}}, websocket.Options{})
	c := dial(t, url, nil)
	want := bytes.Repeat([]byte("stream"), 50_000)
	w, _ := c.Writer(t.Context(), websocket.MessageBinary)
	w.Write(want)
	w.Close()
	if _, p, err := c.Read(t.Context()); !bytes.Equal(p, want) {
		t.Error(len(p), err)
	}
}

// Callbacks that block hold up nobody but their own connection, which is not read
// from beyond a bound then; what waits for them comes in order.
func TestLoopBlockingCallbacks(t *testing.T) {
	wake, asleep := make(chan struct{}), make(chan *websocket.Conn, 1)
	url, _ := loopServer(t, &websocket.Loop{Blocking: true, Loops: 1, Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
		if string(p) == "sleep" {
			asleep <- c
			<-wake
		}
		c.Write(context.Background(), typ, p)
	}}, websocket.Options{})
	sleeper, other := dial(t, url, nil), dial(t, url, nil)
	sleeper.Write(t.Context(), websocket.MessageText, []byte("sleep"))
	const n, size = 100, 60_000
	var sender sync.WaitGroup
	sender.Go(func() {
		for i := range byte(n) {
			sleeper.Write(t.Context(), websocket.MessageBinary, bytes.Repeat([]byte{i}, size))
		}
	})
	for range 10 {
		other.Write(t.Context(), websocket.MessageText, []byte("hi"))
		if _, p, err := other.Read(t.Context()); string(p) != "hi" {
			t.Fatal(string(p), err)
		}
	}
	for c, paused := within(t, asleep), false; !paused; {
		var waiting int
		if waiting, paused = websocket.PausedByWork(c); waiting > 64<<10+size+64<<10 {
			t.Fatalf("%d bytes wait", waiting)
		}
		time.Sleep(time.Millisecond)
	}
	close(wake)
	sleeper.Read(t.Context())
	for i := range byte(n) {
		if _, p, err := sleeper.Read(t.Context()); err != nil || len(p) != size || p[0] != i {
			t.Fatal(i, len(p), err)
		}
	}
	sender.Wait()
}

// Nobody waits more than a turn for others: a connection with much to say has
// 64 KiB of it heard before the next.
func TestLoopFairness(t *testing.T) {
	var victim net.Conn
	var noisy, after atomic.Int64
	served := make(chan struct{})
	url, _ := loopServer(t, &websocket.Loop{Loops: 1, Message: func(_ *websocket.Conn, _ websocket.MessageType, p []byte) {
		if string(p) == "victim" {
			after.Store(noisy.Load())
			close(served)
			return
		}
		if noisy.Add(1) == 1 { // the victim's message is in the kernel from here on
			victim.Write(frame(wire.OpText, []byte("victim")))
		}
	}}, websocket.Options{})
	for range 20 { // who sends a byte at a time, or nothing, or reads nothing
		rawDial(t, url).Write([]byte{0x81})
	}
	victim = rawDial(t, url)
	nc := rawDial(t, url)
	flood := bytes.Repeat(frame(wire.OpText, []byte("x")), 1_000_000)
	var sender sync.WaitGroup
	sender.Go(func() { nc.Write(flood) })
	within(t, served)
	nc.Close()
	sender.Wait()
	// The rest of the turn in which it came, one more, and what the wake-up of the
	// loopback interface takes.
	if n := after.Load(); n > 4*64<<10/7 {
		t.Errorf("%d messages of another came before", n)
	}
}

// A small message that is a large one when it is inflated has its turns like
// everything else: who comes after it does not wait for it.
func TestLoopFairnessInflating(t *testing.T) {
	var bomb, other net.Conn
	order := make(chan string, 2)
	url, _ := loopServer(t, &websocket.Loop{Loops: 1, Message: func(_ *websocket.Conn, _ websocket.MessageType, p []byte) {
		if string(p) == "go" { // both have come when the event loop looks again
			bomb.Write(compressed(make([]byte, 8<<20)))
			time.Sleep(10 * time.Millisecond)
			other.Write(frame(wire.OpText, []byte("other")))
			time.Sleep(10 * time.Millisecond)
			return
		}
		order <- fmt.Sprintf("%.5q", p)
	}}, websocket.Options{MaxMessage: 8 << 20, Deflate: websocket.Deflate{Enabled: true}})
	head := strings.Replace(clientHead, "\r\n\r\n", "\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n", 1)
	bomb, other = rawDialHead(t, url, head), rawDial(t, url)
	rawDial(t, url).Write(frame(wire.OpText, []byte("go")))
	if first, second := within(t, order), within(t, order); first != `"other"` {
		t.Errorf("%s came before %s", first, second)
	}
}

// compressed is a binary message of a client that was compressed.
func compressed(p []byte) []byte {
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 6)
	w.Write(p)
	w.Flush()
	f := frame(wire.OpBinary, bytes.TrimSuffix(b.Bytes(), []byte("\x00\x00\xff\xff")))
	f[0] |= 0x40
	return f
}

// A flood of pings is answered by few pongs, and holds nobody up.
func TestLoopPingFlood(t *testing.T) {
	url, _ := loopServer(t, echoLoop(), websocket.Options{})
	nc, other := rawDial(t, url), dial(t, url, nil)
	var sender sync.WaitGroup
	const pings = 200_000
	sender.Go(func() {
		nc.Write(slices.Concat(bytes.Repeat(frame(wire.OpPing, []byte("ping")), pings), frame(wire.OpText, []byte("end"))))
	})
	for range 20 {
		other.Write(t.Context(), websocket.MessageText, []byte("hi"))
		if _, p, err := other.Read(t.Context()); string(p) != "hi" {
			t.Fatal(string(p), err)
		}
	}
	br, pongs := bufio.NewReader(nc), 0
	for {
		b := make([]byte, 2)
		if err := readFull(br, b); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, b[1])
		readFull(br, p)
		if b[0] == 0x81 {
			break
		}
		pongs++
	}
	sender.Wait()
	if pongs == 0 || pongs > pings/100 {
		t.Errorf("%d pongs for %d pings", pongs, pings)
	}
}

// One message is echoed without an allocation.
func TestLoopAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, size := range []int{64, 16 << 10, 200 << 10, 900 << 10} {
		url, _ := loopServer(t, echoLoop(), websocket.Options{})
		nc := rawDial(t, url)
		out, in := frame(wire.OpBinary, make([]byte, size)), make([]byte, size+10)
		in = in[:len(wire.AppendHeader(nil, wire.Header{Len: uint64(size)}))+size]
		echo := func() {
			nc.Write(out)
			if err := readFull(nc, in); err != nil {
				t.Fatal(err)
			}
		}
		for range 10 {
			echo()
		}
		if n := testing.AllocsPerRun(200, echo); n != 0 {
			t.Errorf("%d bytes: %v allocations", size, n)
		}
	}
}
