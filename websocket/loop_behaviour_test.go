package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
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
