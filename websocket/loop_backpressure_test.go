package websocket_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

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
