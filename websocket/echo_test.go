package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wye-org/wye/websocket"
)

// echo sends every message back.
func echo(ctx context.Context, c *websocket.Conn) error {
	var buf []byte
	for {
		typ, p, err := c.ReadInto(ctx, buf[:0])
		if err != nil {
			return err
		}
		if err := c.Write(ctx, typ, p); err != nil {
			return err
		}
		buf = p
	}
}

// newServer serves h on a real socket and returns its ws: URL.
func newServer(t testing.TB, h http.Handler) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return "ws" + strings.TrimPrefix(srv.URL, "http")
}

func dial(t testing.TB, url string, opts *websocket.DialOptions) *websocket.Conn {
	t.Helper()
	c, _, err := websocket.Dial(context.Background(), url, opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.CloseNow() })
	return c
}

// closeError asserts that err is how a connection ends.
func closeError(t testing.TB, err error) *websocket.CloseError {
	t.Helper()
	var closed *websocket.CloseError
	if !errors.As(err, &closed) {
		t.Fatalf("%v is no CloseError", err)
	}
	return closed
}

func TestEcho(t *testing.T) {
	limit := websocket.Options{MaxMessage: 8 << 20}
	url := newServer(t, websocket.Handler(echo, &websocket.AcceptOptions{Options: limit}))
	c := dial(t, url, &websocket.DialOptions{Options: limit})
	for _, n := range []int{0, 1, 125, 126, 16 << 10, 65535, 65536, 1 << 20, 5 << 20} {
		want := bytes.Repeat([]byte("0123456789abcdef"), n/16+1)[:n]
		for _, typ := range []websocket.MessageType{websocket.MessageText, websocket.MessageBinary} {
			if err := c.Write(t.Context(), typ, want); err != nil {
				t.Fatal(err)
			}
			got, p, err := c.Read(t.Context())
			if err != nil || got != typ || !bytes.Equal(p, want) {
				t.Fatalf("%d bytes: %v, %v, %d bytes", n, got, err, len(p))
			}
		}
	}
	if err := c.Close(t.Context(), websocket.StatusNormalClosure, "bye"); err != nil {
		t.Error(err)
	}
}

func BenchmarkEcho(b *testing.B) {
	url := newServer(b, websocket.Handler(echo, nil))
	for _, size := range []int{64, 16 << 10} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			c := dial(b, url, nil)
			p, dst := make([]byte, size), make([]byte, 0, 2*size)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				if err := c.Write(b.Context(), websocket.MessageBinary, p); err != nil {
					b.Fatal(err)
				}
				if _, _, err := c.ReadInto(b.Context(), dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
