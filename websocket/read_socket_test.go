package websocket_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// What came while nobody read is found by the next Read: the runtime has told of
// it long before, and does not tell again.
func TestReadFindsWhatCameBefore(t *testing.T) {
	asked, came := make(chan struct{}), make(chan string)
	url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		for range asked {
			_, p, err := c.Read(ctx)
			if err != nil {
				return err
			}
			came <- string(p)
		}
		return nil
	}, nil))
	nc, other := rawDial(t, url), rawDial(t, newServer(t, websocket.Handler(echo, nil)))
	for i := range 20 {
		text := fmt.Sprint("message ", i)
		f := frame(wire.OpText, []byte(text))
		nc.Write(f[:i%len(f)]) // some of it before, perhaps
		if i%2 == 0 {
			asked <- struct{}{}
			nc.Write(f[i%len(f):])
		} else {
			nc.Write(f[i%len(f):])
			// Who learns of what comes later has been told of this before.
			other.Write(frame(wire.OpText, []byte("?")))
			if err := readFull(other, make([]byte, 3)); err != nil {
				t.Fatal(err)
			}
			asked <- struct{}{}
		}
		if got := within(t, came); got != text {
			t.Fatalf("%q, want %q", got, text)
		}
	}
	close(asked)
}

// The end that comes with the last message is found, too.
func TestReadFindsTheEnd(t *testing.T) {
	got := make(chan error, 2)
	url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		for {
			_, _, err := c.Read(ctx)
			if got <- err; err != nil {
				return err
			}
		}
	}, nil))
	for range 50 {
		nc := rawDial(t, url)
		nc.Write(frame(wire.OpText, []byte("a")))
		nc.Close()
		if err := within(t, got); err != nil {
			t.Fatal(err)
		}
		if closed := closeError(t, within(t, got)); closed.Code != websocket.StatusAbnormalClosure || closed.Err == nil {
			t.Fatal(closed)
		}
	}
}

// A connection that waits holds no buffer, or a small one where there is no other
// way: also after messages, short and long.
func TestIdleHoldsNoBuffer(t *testing.T) {
	const n, most = 60, 16 << 10 // bytes of both ends, about twice what they hold; one buffer is more
	for name, x := range map[string]struct {
		wrap  func(net.Conn) net.Conn
		extra int64
	}{
		"bare":    {func(nc net.Conn) net.Conn { return nc }, 0},
		"wrapped": {func(nc net.Conn) net.Conn { return struct{ net.Conn }{nc} }, 2 * (2 << 10)},
	} {
		if name == "bare" && runtime.GOOS == "windows" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewUnstartedServer(websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
				return echoPooled(ctx, c)
			}, &websocket.AcceptOptions{Detach: true, Options: websocket.Options{PingInterval: -1}}))
			srv.Listener = wrappingListener{srv.Listener, x.wrap}
			srv.Start()
			defer srv.Close()
			opts := &websocket.DialOptions{Options: websocket.Options{PingInterval: -1}, NetDial: func(ctx context.Context, network, addr string) (net.Conn, error) {
				nc, err := new(net.Dialer).DialContext(ctx, network, addr)
				if err != nil {
					return nil, err
				}
				return x.wrap(nc), nil
			}}
			url := "ws" + strings.TrimPrefix(srv.URL, "http")
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var readers sync.WaitGroup
			defer readers.Wait()
			defer cancel()
			open := func() {
				c := dial(t, url, opts)
				for _, size := range []int{10, 100_000, 10} {
					if err := c.Write(ctx, websocket.MessageBinary, make([]byte, size)); err != nil {
						t.Fatal(err)
					}
					if m, err := c.ReadPooled(ctx); err != nil || len(m.Data) != size {
						t.Fatal(err)
					}
				}
				readers.Go(func() { c.Read(ctx) })
			}
			open()
			before := websocket.HeapBytes()
			for range n {
				open()
			}
			// The readers come to wait in a moment, or two.
			each := int64(0)
			for range 200 {
				each = (websocket.HeapBytes() - before) / n
				if each < most+x.extra && (name != "bare" || waitsFor("receiveFromSocket")) {
					t.Logf("two ends hold %d bytes", each)
					return
				}
				time.Sleep(10 * time.Millisecond)
			}
			t.Errorf("two ends hold %d bytes, want less than %d; or they wait elsewhere than they should", each, most+x.extra)
		})
	}
}

// waitsFor reports whether some goroutine is in a method of that name.
func waitsFor(method string) bool {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	return bytes.Contains(stacks, []byte("."+method+"("))
}

type wrappingListener struct {
	net.Listener
	wrap func(net.Conn) net.Conn
}

func (l wrappingListener) Accept() (net.Conn, error) {
	nc, err := l.Listener.Accept()
	if err == nil {
		nc = l.wrap(nc)
	}
	return nc, err
}

func echoPooled(ctx context.Context, c *websocket.Conn) error {
	for {
		m, err := c.ReadPooled(ctx)
		if err != nil {
			return err
		}
		err = c.Write(ctx, m.Type, m.Data)
		m.Release()
		if err != nil {
			return err
		}
	}
}

// readCounter embeds a TCP connection, and with it SyscallConn: what goes over it
// must go over its own methods all the same.
type readCounter struct {
	*net.TCPConn
	mu             sync.Mutex // guards the rest
	received, sent int
}

func (r *readCounter) Read(p []byte) (int, error) {
	n, err := r.TCPConn.Read(p)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.received += n
	return n, err
}

func (r *readCounter) Write(p []byte) (int, error) {
	r.mu.Lock()
	r.sent += len(p)
	r.mu.Unlock()
	return r.TCPConn.Write(p)
}

func TestWrappersSeeWhatGoesOver(t *testing.T) {
	counters := make(chan *readCounter, 1)
	srv := httptest.NewUnstartedServer(websocket.Handler(echo, nil))
	srv.Listener = wrappingListener{srv.Listener, func(nc net.Conn) net.Conn {
		r := &readCounter{TCPConn: nc.(*net.TCPConn)}
		counters <- r
		return r
	}}
	srv.Start()
	defer srv.Close()
	nc := rawDial(t, "ws"+strings.TrimPrefix(srv.URL, "http"))
	r := <-counters
	count := func() (int, int) {
		r.mu.Lock()
		defer r.mu.Unlock()
		return r.received, r.sent
	}
	for _, size := range []int{5, 20_000} {
		received, sent := count()
		f := frame(wire.OpBinary, make([]byte, size))
		nc.Write(f)
		reply := make([]byte, len(f)-4)
		if err := readFull(nc, reply); err != nil {
			t.Fatal(err)
		}
		in, out := count()
		if in -= received; in != len(f) {
			t.Errorf("%d bytes of %d were read past the wrapper", len(f)-in, len(f))
		}
		if out -= sent; out != len(reply) {
			t.Errorf("%d bytes of %d were sent past the wrapper", len(reply)-out, len(reply))
		}
	}
}

// Connections share buffers, and none sees what is another's: frames in pieces, in
// bursts, short and long, on many at a time.
func TestBuffersAreNotShared(t *testing.T) {
	serve := func(h http.Handler) map[string]string {
		unix := httptest.NewUnstartedServer(h)
		ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
		if err == nil {
			unix.Listener.Close()
			unix.Listener = ln
		}
		unix.Start()
		t.Cleanup(unix.Close)
		return map[string]string{"tcp": strings.TrimPrefix(newServer(t, h), "ws://"), unix.Listener.Addr().Network(): unix.Listener.Addr().String()}
	}
	for network, addr := range serve(websocket.Handler(echoPooled, nil)) {
		t.Run(network, func(t *testing.T) {
			var all sync.WaitGroup
			defer all.Wait()
			for id := range 8 {
				all.Go(func() {
					nc, err := net.Dial(network, addr)
					if err != nil {
						t.Error(err)
						return
					}
					defer nc.Close()
					nc.SetDeadline(time.Now().Add(2 * time.Minute)) // a test that hangs says so
					io.WriteString(nc, clientHead)
					head := make([]byte, 0, 1024)
					for !bytes.HasSuffix(head, []byte("\r\n\r\n")) {
						var b [1]byte
						if _, err := io.ReadFull(nc, b[:]); err != nil {
							t.Error(err)
							return
						}
						head = append(head, b[0])
					}
					for round := range 20 {
						var out, want []byte
						for i := range 5 {
							size := []int{3, 200, 9000, 70_000, 300}[(i+round)%5]
							p := bytes.Repeat([]byte{byte('A' + id)}, size)
							out = append(out, frame(wire.OpBinary, p)...)
							want = append(wire.AppendHeader(want, wire.Header{Fin: true, Op: wire.OpBinary, Len: uint64(size)}), p...)
						}
						cut := (id*7919 + round*104_729) % len(out)
						sent := make(chan struct{})
						go func() { // ends when all is sent, or the deadline has passed
							defer close(sent)
							nc.Write(out[:cut])
							runtime.Gosched()
							nc.Write(out[cut:])
						}()
						got := make([]byte, len(want))
						_, err := io.ReadFull(nc, got)
						<-sent
						if err != nil || !bytes.Equal(got, want) {
							t.Errorf("connection %d, round %d: others' bytes, or none: %v", id, round, err)
							return
						}
					}
				})
			}
		})
	}
}

// A connection that ends does not read what comes to the next with its descriptor.
func TestReadAfterClose(t *testing.T) {
	conns := make(chan *websocket.Conn, 1)
	url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		conns <- c
		return echo(ctx, c)
	}, nil))
	for i := range 100 {
		first := rawDial(t, url)
		c := within(t, conns)
		done := make(chan struct{})
		go func() { // received below
			defer close(done)
			for _, _, err := c.Read(t.Context()); err == nil; _, _, err = c.Read(t.Context()) {
			}
		}()
		if i%2 == 0 {
			go c.CloseNow() // in vain at the end, or not
		}
		c.CloseNow()
		second := rawDial(t, url)
		second.Write(frame(wire.OpText, []byte("mine")))
		got := make([]byte, 6)
		if err := readFull(second, got); err != nil || string(got[2:]) != "mine" {
			t.Fatal(got, err)
		}
		<-done
		within(t, conns).CloseNow()
		first.Close()
		second.Close()
	}
}

// A frame that comes with the head is read, and then the socket is as bare as any.
func TestBareBehindEarlyBytes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("there sockets are read through net.Conn")
	}
	bare := make(chan bool, 2)
	url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		for range 2 {
			typ, p, err := c.Read(ctx)
			if err != nil {
				return err
			}
			bare <- websocket.Bare(c)
			if err := c.Write(ctx, typ, p); err != nil {
				return err
			}
		}
		return nil
	}, nil))
	message := frame(wire.OpText, []byte("early"))
	nc := rawDialHead(t, url, clientHead+string(message))
	for i := range 2 {
		reply := make([]byte, len(message)-4)
		if err := readFull(nc, reply); err != nil || string(reply[2:]) != "early" {
			t.Fatalf("%q, %v", reply, err)
		}
		if !within(t, bare) {
			t.Errorf("message %d: it is read through net.Conn", i)
		}
		nc.Write(message)
	}
}

// The second batch of input is a batch as the first: who pauses in it holds nothing
// up for more than a millisecond.
func TestPauseInALaterBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, &websocket.Options{PingInterval: -1})
		defer closeBoth(c, s)
		go func() { // ends with the connection
			for i := 0; ; i++ {
				typ, p, err := s.Read(t.Context())
				if err != nil {
					return
				}
				s.Write(t.Context(), typ, p)
				if i == 16 {
					time.Sleep(time.Second)
				}
			}
		}()
		prepared := make([]*websocket.Prepared, 16)
		for i := range prepared {
			prepared[i] = websocket.Prepare(websocket.MessageText, []byte("hello"))
		}
		for range 2 {
			began := time.Now()
			if n, err := c.TryWriteBatch(prepared); n != len(prepared) {
				t.Fatal(n, err)
			}
			if _, _, err := c.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			if d := time.Since(began); d > time.Millisecond {
				t.Errorf("the first reply took %v", d)
			}
			for range 15 {
				c.Read(t.Context())
			}
		}
	})
}

// A Ping sees its pong at once, though nobody reads: at the beginning, and after a
// message was read.
func TestPingWithoutReader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		go s.Read(t.Context()) // ends with the connection
		for i := range 3 {
			if took, err := c.Ping(t.Context()); err != nil || took != 0 {
				t.Errorf("ping %d: %v, %v", i, took, err)
			}
			if err := s.Write(t.Context(), websocket.MessageText, nil); err != nil {
				t.Fatal(err)
			}
			if _, _, err := c.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	})
}
