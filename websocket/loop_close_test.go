package websocket_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

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
