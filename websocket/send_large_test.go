package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
	"time"

	"github.com/wye-org/wye/websocket"
)

// narrow starts a server whose kernel takes long messages in parts.
func narrow(t *testing.T, h http.Handler) *httptest.Server {
	srv := httptest.NewUnstartedServer(h)
	srv.Listener = narrowListener{srv.Listener}
	srv.Start()
	t.Cleanup(srv.Close)
	return srv
}

// fill makes p the i-th of some messages.
func fill(p []byte, i int) {
	for at := range p {
		p[at] = byte(at>>8) ^ byte(at) + byte(i)
	}
}

// However much of a payload the kernel has, it is the caller's again when Write has
// returned: what is written to it then is not sent.
func TestPayloadIsTheCallersAgain(t *testing.T) {
	const count, size = 4, 200_000
	mess := func(p []byte) { copy(p, bytes.Repeat([]byte("not this "), len(p)/9+1)) }
	var sent []byte
	write := func(c *websocket.Conn, i int) error {
		if sent == nil {
			sent = make([]byte, size)
		}
		p := sent[:size-i*9_000]
		fill(p, i)
		defer mess(p)
		return c.Write(context.Background(), websocket.MessageBinary, p)
	}
	blocking := websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		for i := range count {
			if err := write(c, i); err != nil {
				return err
			}
		}
		_, _, err := c.Read(ctx)
		return err
	}, nil)
	looped := websocket.Handler(nil, &websocket.AcceptOptions{
		Options: websocket.Options{WriteQueueBytes: count * size},
		Loop: &websocket.Loop{Open: func(c *websocket.Conn) {
			for i := range count {
				if err := write(c, i); err != nil {
					t.Error(err)
				}
			}
		}},
	})
	fromElsewhere := websocket.Handler(nil, &websocket.AcceptOptions{
		Options: websocket.Options{WriteQueueBytes: count * size},
		Loop: &websocket.Loop{Open: func(c *websocket.Conn) {
			go func() { // ends with the writes, which do not wait
				for i := range count {
					if err := write(c, i); err != nil {
						t.Error(err)
					}
				}
			}()
		}},
	})
	for name, h := range map[string]http.Handler{"Conn": blocking, "Loop": looped, "Loop, from elsewhere": fromElsewhere} {
		t.Run(name, func(t *testing.T) {
			sent = nil
			c := dialTo(t, narrow(t, h), nil)
			want := make([]byte, size)
			for i := range count {
				_, p, err := c.Read(t.Context())
				fill(want, i)
				if err != nil || !bytes.Equal(p, want[:size-i*9_000]) {
					t.Fatalf("message %d: %v, or not what was written", i, err)
				}
			}
		})
	}
}

// A prepared message is sent from where it lies, and stays there for others: also
// if it is as long as buffers of the pool are.
func TestPreparedStays(t *testing.T) {
	const size = 32<<10 - 10 // and 10 bytes for the header
	p := make([]byte, size)
	fill(p, 1)
	prepared := websocket.Prepare(websocket.MessageBinary, p)
	h := websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		for range 20 {
			if err := c.WritePrepared(ctx, prepared); err != nil {
				return err
			}
			if err := c.Write(ctx, websocket.MessageText, []byte("between")); err != nil {
				return err
			}
		}
		return c.Flush(ctx)
	}, nil)
	c := dialTo(t, narrow(t, h), nil)
	for range 20 {
		if _, got, err := c.Read(t.Context()); err != nil || !bytes.Equal(got, p) {
			t.Fatal(err, "or another message")
		}
		if _, got, err := c.Read(t.Context()); err != nil || string(got) != "between" {
			t.Fatalf("%q, %v", got, err)
		}
		// What uses the pool would use the message's memory.
		w, err := c.Writer(t.Context(), websocket.MessageBinary)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(bytes.Repeat([]byte("X"), 20_000))
		w.Close()
	}
}

// A peer that takes nothing loses the connection, over a socket too.
func TestWriteTimeoutOverTCP(t *testing.T) {
	ended := make(chan error, 1)
	h := websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		if err := c.Write(ctx, websocket.MessageBinary, make([]byte, 32<<20)); err != nil {
			return err
		}
		<-c.Done()
		ended <- c.Err()
		return nil
	}, &websocket.AcceptOptions{Options: websocket.Options{WriteTimeout: 50 * time.Millisecond}})
	srv := narrow(t, h)
	nc := rawDial(t, "ws://"+srv.Listener.Addr().String())
	if err := within(t, ended); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	nc.(*net.TCPConn).SetLinger(0)
}

// A large prepared message is refused where a small one is.
func TestLargePreparedIsRefused(t *testing.T) {
	got := make(chan error, 2)
	url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		got <- c.WritePrepared(ctx, websocket.Prepare(9, make([]byte, 100_000)))
		go c.Close(ctx, websocket.StatusNormalClosure, "")
		<-c.Done()
		got <- c.WritePrepared(ctx, websocket.Prepare(websocket.MessageBinary, make([]byte, 100_000)))
		return nil
	}, nil))
	c := dial(t, url, nil)
	if _, _, err := c.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Error(err)
	}
	if err := within(t, got); err != websocket.ErrMessageType {
		t.Errorf("type 9: %v", err)
	}
	if err := within(t, got); websocket.CloseStatus(err) != websocket.StatusNormalClosure {
		t.Errorf("after the end: %v", err)
	}
}
