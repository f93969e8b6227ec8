package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye/websocket"
)

// The hooks see every event once, and may call the connection.
func TestHooks(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	closed := make(chan struct{}, 1)
	note := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, fmt.Sprintf(format, args...))
	}
	opts := websocket.Options{Logger: slog.New(slog.DiscardHandler), Hooks: websocket.Hooks{
		Refused:  func(r *http.Request, err error) { note("refused %s %v", r.URL.Path, err != nil) },
		Opened:   func(c *websocket.Conn) { note("opened %d", c.Stats().MessagesSent) },
		Received: func(c *websocket.Conn, typ websocket.MessageType, n int) { note("received %s %d", typ, n) },
		Sent: func(c *websocket.Conn, typ websocket.MessageType, n int) {
			note("sent %s %d %d", typ, n, c.Stats().MessagesSent)
		},
		Closed: func(c *websocket.Conn) {
			note("closed %d", websocket.CloseStatus(c.Err()))
			closed <- struct{}{}
		},
	}}
	url := newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		_, p, _ := c.Read(ctx)
		c.Write(ctx, websocket.MessageText, p)
		c.ReadInto(ctx, nil)
		c.WritePrepared(ctx, websocket.Prepare(websocket.MessageBinary, p))
		_, r, _ := c.Reader(ctx)
		io.Copy(io.Discard, r)
		w, _ := c.Writer(ctx, websocket.MessageText)
		io.WriteString(w, "streamed")
		w.Close()
		_, _, err := c.Read(ctx)
		if s := c.Stats(); s.MessagesReceived != 3 || s.BytesReceived != 9 || s.MessagesSent != 3 || s.BytesSent != 14 {
			t.Errorf("%+v", s)
		}
		return err
	}, &websocket.AcceptOptions{Options: opts}))
	websocket.Dial(t.Context(), url+"/plain", &websocket.DialOptions{Header: http.Header{"Origin": {"null"}}})
	c := dial(t, url, nil)
	for range 3 {
		c.Write(t.Context(), websocket.MessageText, []byte("abc"))
	}
	c.Close(t.Context(), 4000, "")
	<-closed
	want := "refused /plain true, opened 0, received text 3, sent text 3 1, received text 3, sent binary 3 2, received text 3, sent text 8 3, closed 4000"
	mu.Lock()
	defer mu.Unlock()
	if got := strings.Join(seen, ", "); got != want {
		t.Errorf("\n got %s\nwant %s", got, want)
	}
}

// Who sends more than the rate is slowed down, and loses nothing.
func TestMessageRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, s := websocket.Pipe(nil, &websocket.Options{MessageRate: 10, MessageBurst: 5})
		defer closeBoth(c, s)
		go func() {
			for i := range 25 {
				c.Write(t.Context(), websocket.MessageText, fmt.Append(nil, i))
			}
		}()
		began, cancelled := time.Now(), 0
		for i := 0; i < 25; {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
			_, p, err := s.Read(ctx)
			cancel()
			switch {
			case errors.Is(err, context.DeadlineExceeded):
				cancelled++
			case err != nil || string(p) != fmt.Sprint(i):
				t.Fatalf("%q, %v; want %d", p, err, i)
			default:
				i++
			}
		}
		if d := time.Since(began); d < 1900*time.Millisecond || d > 2100*time.Millisecond || cancelled == 0 {
			t.Errorf("25 messages took %v, want 2s; %d reads were cancelled", d, cancelled)
		}
	})
}
