package websocket_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// Both ends see who closed, and with what.
func TestCloseHandshake(t *testing.T) {
	for _, x := range []struct {
		code   websocket.StatusCode
		reason string
		seen   websocket.StatusCode
	}{
		{websocket.StatusNormalClosure, "", 1000},
		{websocket.StatusGoingAway, "later", 1001},
		{4999, strings.Repeat("é", 80), 4999},
		{0, "", websocket.StatusNoStatusRcvd},
	} {
		synctest.Test(t, func(t *testing.T) {
			c, s := websocket.Pipe(nil, nil)
			closing := make(chan error)
			go func() { closing <- c.Close(t.Context(), x.code, x.reason) }()
			_, _, err := s.Read(t.Context())
			there := closeError(t, err)
			if there.Code != x.seen || !there.Remote || there.Err != nil || !strings.HasPrefix(x.reason, there.Reason) || len(there.Reason) < min(len(x.reason), 122) {
				t.Errorf("the peer sees %+v", there)
			}
			if err := <-closing; err != nil {
				t.Error(err)
			}
			here := closeError(t, c.Err())
			if here.Code != x.seen || here.Remote || here.Err != nil || here.Reason != x.reason {
				t.Errorf("the closing end sees %+v", here)
			}
			<-s.Done()
		})
	}
}

func TestCloseRefusesCodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		for _, code := range []websocket.StatusCode{1, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535} {
			var bad *wire.CodeError
			if err := c.Close(t.Context(), code, ""); !errors.As(err, &bad) || bad.Code != code {
				t.Errorf("%d: %v", code, err)
			}
		}
		if err := c.Write(t.Context(), websocket.MessageText, []byte("still open")); err != nil {
			t.Error(err)
		}
	})
}

// What was written before a Close arrives before it.
func TestCloseFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		const n = 200
		go func() {
			for range n {
				c.Write(t.Context(), websocket.MessageBinary, make([]byte, 1000))
			}
			c.Close(t.Context(), websocket.StatusNormalClosure, "")
		}()
		got := 0
		for {
			if _, _, err := s.Read(t.Context()); err != nil {
				break
			}
			got++
		}
		if got != n {
			t.Errorf("%d of %d messages came", got, n)
		}
	})
}

// A peer that never answers a Close costs CloseTimeout and no more, whether it
// is silent or talks on.
func TestCloseIsBounded(t *testing.T) {
	for name, chatter := range map[string]bool{"silent": false, "talking": true} {
		t.Run(name, func(t *testing.T) {
			got := make(chan error, 1)
			took := make(chan time.Duration, 1)
			url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
				began := time.Now()
				got <- c.Close(ctx, websocket.StatusGoingAway, "")
				took <- time.Since(began)
				return nil
			}, &websocket.AcceptOptions{Options: websocket.Options{CloseTimeout: 200 * time.Millisecond}}))
			raw := rawDial(t, url)
			go io.Copy(io.Discard, raw)
			for chatter {
				if _, err := io.WriteString(raw, "\x81\x80\x00\x00\x00\x00"); err != nil {
					break
				}
				time.Sleep(time.Millisecond)
			}
			if err := <-got; !errors.Is(err, websocket.ErrCloseTimeout) {
				t.Error(err)
			}
			if d := <-took; d < 150*time.Millisecond || d > 5*time.Second {
				t.Errorf("it took %v", d)
			}
		})
	}
}

func TestCloseGivesUpWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		s.Write(t.Context(), websocket.MessageBinary, make([]byte, 500<<10)) // its Close would wait behind this
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		blocked := s
		if err := blocked.Close(ctx, websocket.StatusNormalClosure, ""); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		select {
		case <-blocked.Done():
		default:
			t.Error("the connection was not cut")
		}
	})
}

// Close in one goroutine ends Read in another.
func TestCloseWhileReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		go func() { s.Read(t.Context()) }()
		read := make(chan error)
		go func() {
			_, _, err := c.Read(t.Context())
			read <- err
		}()
		synctest.Wait()
		if err := c.Close(t.Context(), websocket.StatusNormalClosure, "enough"); err != nil {
			t.Error(err)
		}
		if closed := closeError(t, <-read); closed.Code != 1000 || closed.Remote {
			t.Errorf("%+v", closed)
		}
	})
}

// Both ends close at once: each gets the other's Close for an answer.
func TestBothClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		var wg sync.WaitGroup
		for _, end := range []*websocket.Conn{c, s, c, s} {
			wg.Go(func() {
				if err := end.Close(t.Context(), websocket.StatusNormalClosure, ""); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		<-c.Done()
		<-s.Done()
	})
}

// "The server MUST close the underlying TCP connection immediately", the client
// waits for that. RFC 6455 §5.5.1, §7.1.1.
func TestServerClosesTCPFirst(t *testing.T) {
	t.Run("server", func(t *testing.T) {
		url := newServer(t, websocket.Handler(echo, nil))
		raw := rawDial(t, url)
		io.WriteString(raw, "\x88\x82\x00\x00\x00\x00\x03\xe8")
		b, err := io.ReadAll(raw) // we do not close
		if string(b) != "\x88\x02\x03\xe8" || err != nil {
			t.Errorf("% x, %v", b, err)
		}
	})
	t.Run("client", func(t *testing.T) {
		ended := make(chan error, 1)
		url := rawServer(t, serverHead+"Sec-WebSocket-Accept: ACCEPT\r\n\r\n\x88\x02\x03\xe8", func(nc net.Conn) {
			if err := readFull(nc, make([]byte, 8)); err != nil { // its Close, masked
				ended <- err
				return
			}
			nc.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			_, err := nc.Read(make([]byte, 1))
			ended <- err
		})
		c := dial(t, url, nil)
		if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != 1000 {
			t.Error(err)
		}
		var timeout net.Error
		if err := <-ended; !errors.As(err, &timeout) || !timeout.Timeout() {
			t.Errorf("the client closed first: %v", err)
		}
		<-c.Done()
	})
}

// The Close frame of a failed connection arrives although the peer goes on
// sending, and then the end: closing at once would reset the connection, which
// may lose the frame.
func TestFailureArrives(t *testing.T) {
	ended := make(chan struct{})
	url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		_, _, err := c.Read(ctx)
		return err
	}, nil))
	raw := rawDial(t, url)
	chatter := "\x81\xfe\x03\xe8\x00\x00\x00\x00" + strings.Repeat("x", 1000)
	io.WriteString(raw, "\x83\x80\x00\x00\x00\x00"+strings.Repeat(chatter, 100))
	go func() {
		defer close(ended)
		for range 50 {
			if _, err := io.WriteString(raw, chatter); err != nil {
				t.Errorf("while the peer sends on: %v", err)
				return
			}
			time.Sleep(time.Millisecond)
		}
	}()
	began := time.Now()
	b, err := io.ReadAll(raw)
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("the end came after %v: it waits for the peer's", d)
	}
	if err != nil || len(b) < 4 || b[0] != 0x88 || string(b[2:4]) != "\x03\xea" {
		t.Errorf("% x, %v; want a Close with 1002, and the end", b, err)
	}
	<-ended
}

// A deferred CloseNow does not spoil a closing handshake that the peer began: it
// waits for a server to close first, and resets nothing.
func TestCloseNowAfterThePeersClose(t *testing.T) {
	ended := make(chan error, 1)
	url := rawServer(t, serverHead+"Sec-WebSocket-Accept: ACCEPT\r\n\r\n\x88\x02\x03\xe8", func(nc net.Conn) {
		if err := readFull(nc, make([]byte, 8)); err != nil { // its Close, masked
			ended <- err
			return
		}
		nc.(*net.TCPConn).CloseWrite()
		_, err := nc.Read(make([]byte, 1))
		ended <- err
	})
	c := dial(t, url, nil)
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != 1000 {
		t.Error(err)
	}
	c.CloseNow()
	if err := <-ended; err != io.EOF {
		t.Errorf("the server reads %v, want the end", err)
	}
}

func TestCloseNow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		read := make(chan error)
		go func() {
			_, _, err := c.Read(t.Context())
			read <- err
		}()
		synctest.Wait()
		c.CloseNow()
		c.CloseNow()
		if err := <-read; !errors.Is(err, websocket.ErrClosedNow) || closeError(t, err).Remote {
			t.Error(err)
		}
		if _, _, err := s.Read(t.Context()); !errors.Is(err, io.ErrUnexpectedEOF) || !closeError(t, err).Remote {
			t.Error(err)
		}
	})
}

// No order of calls panics, hangs or races.
func TestAnyOrderOfCalls(t *testing.T) {
	calls := []func(ctx context.Context, c *websocket.Conn){
		func(ctx context.Context, c *websocket.Conn) { c.Read(ctx) },
		func(ctx context.Context, c *websocket.Conn) { c.ReadInto(ctx, nil) },
		func(ctx context.Context, c *websocket.Conn) { c.Write(ctx, websocket.MessageText, []byte("x")) },
		func(ctx context.Context, c *websocket.Conn) { c.TryWrite(websocket.MessageBinary, make([]byte, 3000)) },
		func(ctx context.Context, c *websocket.Conn) {
			c.WritePrepared(ctx, websocket.Prepare(websocket.MessageText, nil))
		},
		func(ctx context.Context, c *websocket.Conn) { c.Flush(ctx) },
		func(ctx context.Context, c *websocket.Conn) { c.Ping(ctx) },
		func(ctx context.Context, c *websocket.Conn) { c.Close(ctx, 1000, "") },
		func(ctx context.Context, c *websocket.Conn) { c.CloseNow() },
		func(ctx context.Context, c *websocket.Conn) {
			c.Err()
			c.RTT()
			c.Subprotocol()
			c.Request()
			c.RemoteAddr()
		},
	}
	for first := range calls {
		for second := range calls {
			synctest.Test(t, func(t *testing.T) {
				c, s := websocket.Pipe(nil, nil)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				var wg sync.WaitGroup
				for _, end := range []*websocket.Conn{c, s} {
					for _, i := range []int{first, second, 8, first, second} { // also after the end
						wg.Go(func() { calls[i](ctx, end) })
						if i == 8 {
							synctest.Wait()
						}
					}
				}
				wg.Wait()
				<-c.Done()
				<-s.Done()
			})
		}
	}
}
