package exchange

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/internal/talk"
)

// asked dials a pipe whose other end answers, and asks.
func asked(t *testing.T, ctx context.Context, answer func(*talk.Peer)) (*Conn, *Answer, error) {
	t.Helper()
	ours, theirs := net.Pipe()
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	go answer(&talk.Peer{Conn: theirs}) // ends with the pipe
	c, err := Dialer(func(context.Context, string, string) (net.Conn, error) { return ours, nil }).Dial(ctx, "tcp", "a:80", 0)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, "GET", "http://a/path", nil)
	if err != nil {
		t.Fatal(err)
	}
	a, err := c.Ask(r)
	return c, a, err
}

// say writes what the request, which is read first, is answered with.
func say(s string) func(*talk.Peer) {
	return func(p *talk.Peer) {
		p.Conn.Read(make([]byte, 4096))
		io.WriteString(p.Conn, s)
	}
}

// Time is up 10 seconds after the beginning, unless the head has come.
func TestTimeout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		c, _, err := asked(t, t.Context(), say("HTTP/1.1 200"))
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(began) != 10*time.Second {
			t.Errorf("got %v after %v", err, time.Since(began))
		}
		if err := c.Fail(err); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if err := c.Fail(context.DeadlineExceeded); err != context.DeadlineExceeded {
			t.Errorf("got %v", err)
		}
	})
}

func TestArrived(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, a, err := asked(t, t.Context(), say("HTTP/1.1 101 A\r\n\r\nrest"))
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Arrived(); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour) // of the bubble's clock
		got := make([]byte, 4)
		if _, err := io.ReadFull(a.Rest(), got); err != nil || string(got) != "rest" {
			t.Errorf("got %q, %v", got, err)
		}
	})
}

func TestArrivedTooLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c, _, err := asked(t, ctx, say("HTTP/1.1 101 A\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		if err := c.Arrived(); !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
		if _, err := c.Write([]byte("a")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("it is not closed: %v", err)
		}
	})
}

// A response that is none of a switch lasts as long as its request's context.
func TestUnswitched(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		c, a, err := asked(t, ctx, say("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello"))
		if err != nil {
			t.Fatal(err)
		}
		r, _ := http.NewRequestWithContext(ctx, "GET", "http://a/", nil)
		resp, err := c.Unswitched(a, r)
		if err != nil {
			t.Fatal(err)
		}
		time.AfterFunc(time.Hour, cancel)
		began := time.Now()
		got, err := io.ReadAll(resp.Body)
		if string(got) != "hello" || err == nil || time.Since(began) != time.Hour {
			t.Errorf("got %q, %v after %v", got, err, time.Since(began))
		}
		resp.Body.Close()
		if _, err := c.Write([]byte("a")); !errors.Is(err, io.ErrClosedPipe) {
			t.Errorf("it is not closed: %v", err)
		}
	})
}

// Bytes behind the head are not bounded by its bound.
func TestTheBodyIsNotBounded(t *testing.T) {
	large := strings.Repeat("a", 3*maxHead)
	_, a, err := asked(t, t.Context(), say("HTTP/1.1 200 OK\r\n\r\n"+large))
	if err != nil {
		t.Fatal(err)
	}
	got := make([]byte, len(large))
	if n, err := io.ReadFull(a.Body, got); err != nil || string(got) != large {
		t.Errorf("got %d bytes, %v", n, err)
	}
}

func TestAskFails(t *testing.T) {
	for answer, want := range map[string]error{
		"\x00\x00\x06\x04\x00\x00\x00\x00\x00": ErrHTTP2,
		"\x00\x00\x00\x04\x00\x00\x00\x00\x00": ErrHTTP2,
	} {
		if _, _, err := asked(t, t.Context(), say(answer)); !errors.Is(err, want) {
			t.Errorf("%q: got %v, want %v", answer, err, want)
		}
	}
	for _, answer := range []string{
		"\x00\x00\x06\x05\x00\x00\x00\x00\x00", "\x00\x00\x06\x04\x01\x00\x00\x00\x00",
		"\x00\x00\x06\x04\x00\x00\x00\x00\x01", "\x01\x00\x06\x04\x00\x00\x00\x00\x00",
	} {
		if _, _, err := asked(t, t.Context(), say(answer+"\r\n\r\n")); err == nil || errors.Is(err, ErrHTTP2) {
			t.Errorf("%q: got %v", answer, err)
		}
	}
}

func TestAddress(t *testing.T) {
	for url, want := range map[string]string{"http://a/": "a:80", "http://a:8080/": "a:8080", "http://[::1]/": "[::1]:80", "http://a:/": "a:80"} {
		r, _ := http.NewRequest("GET", url, nil)
		if got := Address(r); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
}
