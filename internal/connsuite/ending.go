package connsuite

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket"
)

// Both ends see who closed, and with what.
func testCloseHandshake(t *testing.T, c Carrier) {
	c.both(t, nil, nil, func(t *testing.T, from, to *websocket.Conn) {
		closing := make(chan error, 1)
		go func() { closing <- from.Close(within(t), 4321, "enough") }() // received below
		_, _, err := to.Read(within(t))
		if ce := closeError(t, err); ce.Code != 4321 || ce.Reason != "enough" || !ce.Remote || ce.Err != nil {
			t.Errorf("the peer sees %+v", ce)
		}
		if err := <-closing; err != nil {
			t.Error(err)
		}
		if ce := ended(t, from); ce.Code != 4321 || ce.Remote || ce.Err != nil {
			t.Errorf("the closing end sees %+v", ce)
		}
		if err := to.Close(within(t), websocket.StatusNormalClosure, ""); err != nil {
			t.Errorf("closing what is closed: %v", err)
		}
		ended(t, to)
		for _, end := range []*websocket.Conn{from, to} {
			if err := end.Write(within(t), websocket.MessageText, nil); err != end.Err() {
				t.Errorf("a late write: %v", err)
			}
			if _, _, err := end.Read(within(t)); err != end.Err() {
				t.Errorf("a late read: %v", err)
			}
		}
	})
}

// What was written before a Close arrives before it.
func testCloseFlushes(t *testing.T, c Carrier) {
	c.both(t, nil, nil, func(t *testing.T, from, to *websocket.Conn) {
		const n = 200
		closed := make(chan error, 1)
		go func() { // received below
			for range n {
				from.Write(within(t), websocket.MessageBinary, filler(10_000))
			}
			closed <- from.Close(within(t), websocket.StatusNormalClosure, "")
		}()
		got := 0
		for {
			if _, _, err := to.Read(within(t)); err != nil {
				break
			}
			got++
		}
		if err := <-closed; got != n || err != nil {
			t.Errorf("%d of %d messages came, %v", got, n, err)
		}
	})
}

// Both ends close at the same time.
func testCloseAtOnce(t *testing.T, c Carrier) {
	cl, sv := c.pair(t, nil, nil)
	var both sync.WaitGroup
	for _, end := range []*websocket.Conn{cl, sv} {
		both.Go(func() { // waited for below
			if err := end.Close(within(t), websocket.StatusNormalClosure, ""); err != nil {
				t.Error(err)
			}
		})
	}
	both.Wait()
	ended(t, cl)
	ended(t, sv)
}

// The peer of a connection that is cut learns it.
func testCloseNow(t *testing.T, c Carrier) {
	c.both(t, nil, nil, func(t *testing.T, from, to *websocket.Conn) {
		if err := from.CloseNow(); err != nil {
			t.Error(err)
		}
		_, _, err := to.Read(within(t))
		if ce := closeError(t, err); ce.Code != websocket.StatusAbnormalClosure || !ce.Remote {
			t.Error(err)
		}
		ended(t, from)
		ended(t, to)
	})
}

// As a net.Conn it has deadlines that can be reset.
func testNetConn(t *testing.T, c Carrier) {
	c.both(t, nil, nil, func(t *testing.T, from, to *websocket.Conn) {
		a, b := websocket.NetConn(from, websocket.MessageBinary), websocket.NetConn(to, websocket.MessageBinary)
		for range 3 {
			b.SetReadDeadline(time.Now().Add(moment))
			if _, err := b.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			b.SetReadDeadline(time.Time{})
			if _, err := io.WriteString(a, "hello"); err != nil {
				t.Fatal(err)
			}
			var p [5]byte
			if _, err := io.ReadFull(b, p[:]); err != nil || string(p[:]) != "hello" {
				t.Fatalf("%q, %v", p, err)
			}
		}
		go a.Close() // ends when b has, below
		if _, err := b.Read(make([]byte, 1)); err != io.EOF {
			t.Error(err)
		}
		b.Close()
		ended(t, from)
		ended(t, to)
	})
}

// How a handler ends is what the client is told.
func testHandlerEnds(t *testing.T, c Carrier) {
	for name, detach := range map[string]bool{"": false, "Detached": true} {
		s := c.serve(t, func(ctx context.Context, sv *websocket.Conn) error {
			switch path := sv.Request().URL.Path; {
			case strings.HasPrefix(path, "/error"):
				return errors.New("a secret")
			case strings.HasPrefix(path, "/panic"):
				panic(http.ErrAbortHandler)
			case strings.HasPrefix(path, "/wait"):
				sv.CloseNow()
				if !detach {
					return nil
				}
				<-ctx.Done() // ends with the connection
			}
			return nil
		}, &websocket.AcceptOptions{Detach: detach})
		for path, code := range map[string]websocket.StatusCode{
			"/": websocket.StatusNormalClosure, "/error": websocket.StatusInternalError,
			"/panic": websocket.StatusInternalError, "/wait": websocket.StatusAbnormalClosure,
		} {
			t.Run(name+path, func(t *testing.T) {
				cl := c.dial(t, s.URL+path, nil)
				_, _, err := cl.Read(within(t))
				if ce := closeError(t, err); ce.Code != code || !ce.Remote || ce.Reason != "" {
					t.Error(err)
				}
				ended(t, cl)
			})
		}
	}
}

// A drain tells each connection why, waits for it, and lets none in.
func testShutdown(t *testing.T, c Carrier) {
	for name, restart := range map[string]bool{"Shutdown": false, "Restart": true} {
		t.Run(name, func(t *testing.T) {
			s := c.serveEchoes(t, nil)
			if s.Shutdown == nil {
				t.Skip("the carrier has no Shutdown")
			}
			const n = 5
			var conns []*websocket.Conn
			for range n {
				conn := c.dial(t, s.URL, nil)
				exchange(t, conn, websocket.MessageText, []byte("hi")) // now the handler runs
				conns = append(conns, conn)
			}
			want := websocket.StatusGoingAway
			if restart {
				want = websocket.StatusServiceRestart
			}
			var read sync.WaitGroup
			for _, conn := range conns {
				read.Go(func() { // waited for below
					_, _, err := conn.Read(within(t))
					if ce := closeError(t, err); ce.Code != want || !ce.Remote {
						t.Error(err)
					}
				})
			}
			counts, err := s.Shutdown(within(t), wye.Drain{Restart: restart})
			if err != nil || counts != (wye.DrainCounts{Clean: n}) {
				t.Errorf("%+v, %v", counts, err)
			}
			read.Wait()
			if conn, err := c.Dial(within(t), s.URL, nil); err == nil {
				conn.CloseNow()
				t.Error("somebody came in")
			}
		})
	}
}

// A server that is cut off ends its connections.
func testKill(t *testing.T, c Carrier) {
	s := c.serveEchoes(t, nil)
	if s.Kill == nil {
		t.Skip("the carrier has no Kill")
	}
	a, b := c.dial(t, s.URL, nil), c.dial(t, s.URL, nil)
	exchange(t, a, websocket.MessageText, []byte("hi"))
	s.Kill()
	for _, conn := range []*websocket.Conn{a, b} {
		_, _, err := conn.Read(within(t))
		if ce := closeError(t, err); ce.Code != websocket.StatusAbnormalClosure {
			t.Error(err)
		}
		ended(t, conn)
	}
}
