package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/websocket"
)

// A read whose context ends leaves the connection usable and loses nothing, not
// even half a message or half a TLS record.
func TestCancelledReadLosesNothing(t *testing.T) {
	t.Run("TCP", func(t *testing.T) {
		cancelReads(t, dial(t, newServer(t, websocket.Handler(echo, nil)), nil))
	})
	t.Run("TLS", func(t *testing.T) {
		srv := httptest.NewTLSServer(websocket.Handler(echo, nil))
		defer srv.Close()
		cancelReads(t, dial(t, srv.URL, &websocket.DialOptions{TLSConfig: srv.Client().Transport.(*http.Transport).TLSClientConfig}))
	})
}

func cancelReads(t *testing.T, c *websocket.Conn) {
	const messages = 2000
	go func() {
		for i := range messages {
			c.Write(context.Background(), websocket.MessageText, fmt.Appendf(nil, "%d", i))
		}
	}()
	cancelled := 0
	for i := 0; i < messages; {
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(cancelled%7)*10*time.Microsecond)
		_, p, err := c.Read(ctx)
		cancel()
		switch {
		case errors.Is(err, context.DeadlineExceeded):
			cancelled++
		case err != nil:
			t.Fatal(err)
		case string(p) != fmt.Sprint(i):
			t.Fatalf("got %q, want %d", p, i)
		default:
			i++
		}
	}
	if cancelled == 0 {
		t.Error("no read was cancelled")
	}
}

// Who only ever asks with contexts that have ended gets what comes all the same.
func TestPolling(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		c.Write(t.Context(), websocket.MessageText, []byte("here"))
		for range 30 {
			time.Sleep(100 * time.Millisecond)
			if _, p, err := s.Read(ended); err == nil {
				if string(p) != "here" {
					t.Errorf("%q", p)
				}
				return
			}
		}
		t.Error("nothing came in 3 seconds")
	})
}

func TestReadUnderEndedContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, _, err := s.Read(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("with nothing there: %v", err)
		}
		// Two messages come together: the second is there when the first was
		// read.
		c.Write(t.Context(), websocket.MessageText, []byte("one"))
		c.Write(t.Context(), websocket.MessageText, []byte("two"))
		synctest.Wait()
		if _, p, err := s.Read(t.Context()); string(p) != "one" {
			t.Fatal(string(p), err)
		}
		if _, p, err := s.Read(ctx); string(p) != "two" {
			t.Errorf("%q, %v: what was received must be returned", p, err)
		}
	})
}

// A reader that waits for another one can give up.
func TestReadersWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		first := make(chan string)
		go func() {
			_, p, _ := s.Read(t.Context())
			first <- string(p)
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := s.Read(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		c.Write(t.Context(), websocket.MessageText, []byte("for the first"))
		if got := <-first; got != "for the first" {
			t.Errorf("%q", got)
		}
	})
}

// Read gives its slice away; ReadInto uses the caller's.
func TestWhoOwnsAMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		big := &websocket.Options{MaxMessage: 8 << 20}
		c, s := websocket.Pipe(big, big)
		defer closeBoth(c, s)
		sizes := []int{3, 600, 100 << 10, 3, 1 << 20, 3}
		go func() {
			for i, n := range sizes {
				c.Write(t.Context(), websocket.MessageBinary, bytes.Repeat([]byte{byte('a' + i)}, n))
			}
		}()
		var kept [][]byte
		dst := append(make([]byte, 0, 1<<10), "before "...)
		for i := range sizes {
			if i%2 == 0 {
				_, p, err := s.Read(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				kept = append(kept, p)
				continue
			}
			_, p, err := s.ReadInto(t.Context(), dst)
			if err != nil || !bytes.HasPrefix(p, []byte("before ")) || len(p) != len("before ")+sizes[i] {
				t.Fatal(len(p), err)
			}
			kept = append(kept, bytes.Clone(p[len("before "):]))
		}
		for i, p := range kept { // nobody wrote into them since
			if !bytes.Equal(p, bytes.Repeat([]byte{byte('a' + i)}, sizes[i])) {
				t.Errorf("message %d changed", i)
			}
		}
	})
}

// On an error ReadInto returns what it was given.
func TestReadIntoKeepsDst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, nil)
		defer closeBoth(c, s)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, p, err := s.ReadInto(ctx, []byte("mine")); string(p) != "mine" || err == nil {
			t.Errorf("%q, %v", p, err)
		}
	})
}

func TestLimits(t *testing.T) {
	for _, x := range []struct {
		name string
		opt  websocket.Options
		send string // frames of a client, unmasked by a key of zero
	}{
		{"message", websocket.Options{MaxMessage: 200}, "\x82\xfe\x00\xc9\x00\x00\x00\x00"},
		{"fragments", websocket.Options{MaxFragments: 2}, strings.Repeat("\x02\x81\x00\x00\x00\x00x", 1) + strings.Repeat("\x00\x81\x00\x00\x00\x00x", 2)},
		{"length of 2^63-1", websocket.Options{}, "\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00"},
	} {
		t.Run(x.name, func(t *testing.T) {
			got := make(chan error, 1)
			url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
				_, _, err := c.Read(ctx)
				got <- err
				return err
			}, &websocket.AcceptOptions{Options: x.opt}))
			raw := rawDial(t, url)
			io.WriteString(raw, x.send)
			if b := make([]byte, 4); readFull(raw, b) != nil || b[0] != 0x88 || string(b[2:]) != "\x03\xf1" {
				t.Errorf("answered % x, want a Close with 1009", b)
			}
			closed := closeError(t, <-got)
			if closed.Code != websocket.StatusMessageTooBig || closed.Remote || closed.Err == nil {
				t.Errorf("%+v", closed)
			}
		})
	}
}

// Who ended the connection, and why.
func TestCloseErrors(t *testing.T) {
	for _, x := range []struct {
		name, send string
		reset      bool
		want       websocket.CloseError
		cause      error
	}{
		{"Close with code and reason", "\x88\x85\x00\x00\x00\x00\x0f\xa0bye", false, websocket.CloseError{Code: 4000, Reason: "bye", Remote: true}, nil},
		{"Close without code", "\x88\x80\x00\x00\x00\x00", false, websocket.CloseError{Code: websocket.StatusNoStatusRcvd, Remote: true}, nil},
		{"no Close", "", false, websocket.CloseError{Code: websocket.StatusAbnormalClosure, Remote: true}, io.ErrUnexpectedEOF},
		{"end inside a frame", "\x82\xff\x00", false, websocket.CloseError{Code: websocket.StatusAbnormalClosure, Remote: true}, io.ErrUnexpectedEOF},
		{"unmasked frame", "\x81\x01x", false, websocket.CloseError{Code: websocket.StatusProtocolError}, nil},
		{"text that is none", "\x81\x81\x00\x00\x00\x00\xff", false, websocket.CloseError{Code: websocket.StatusInvalidFramePayloadData}, nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			got := make(chan error, 2)
			url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
				_, _, err := c.Read(ctx)
				got <- err
				<-c.Done()
				got <- c.Write(ctx, websocket.MessageText, nil)
				return err
			}, nil))
			raw := rawDial(t, url)
			io.WriteString(raw, x.send)
			raw.(*net.TCPConn).CloseWrite()
			err := <-got
			closed := closeError(t, err)
			if x.want.Reason == "" && !closed.Remote {
				closed.Reason = "" // the rule in words
			}
			if closed.Code != x.want.Code || closed.Reason != x.want.Reason || closed.Remote != x.want.Remote {
				t.Errorf("%+v", closed)
			}
			if x.cause != nil && !errors.Is(err, x.cause) {
				t.Errorf("%v is not %v", err, x.cause)
			}
			if again := <-got; again != err {
				t.Errorf("a write returns %v, not the same", again)
			}
		})
	}
}

func closeBoth(conns ...*websocket.Conn) {
	for _, c := range conns {
		c.CloseNow()
	}
}
