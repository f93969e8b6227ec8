package websocket_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/wye-org/wye/websocket"
)

// echoLoop sends every message back.
func echoLoop() *websocket.Loop {
	return &websocket.Loop{Message: func(c *websocket.Conn, typ websocket.MessageType, p []byte) {
		c.Write(context.Background(), typ, p)
	}}
}

// fronts are the ways in which a Loop may serve a connection.
func fronts(t *testing.T, test func(t *testing.T, blocking bool, serve func(h http.Handler) *httptest.Server)) {
	for _, blocking := range []bool{false, true} {
		t.Run(fmt.Sprintf("blocking=%v/TCP", blocking), func(t *testing.T) { test(t, blocking, httptest.NewServer) })
		t.Run(fmt.Sprintf("blocking=%v/TLS", blocking), func(t *testing.T) { test(t, blocking, httptest.NewTLSServer) })
	}
}

// dialTo opens a connection to srv.
func dialTo(t testing.TB, srv *httptest.Server, opts *websocket.DialOptions) *websocket.Conn {
	t.Helper()
	if opts == nil {
		opts = new(websocket.DialOptions)
	}
	if srv.TLS != nil {
		opts.TLSConfig = srv.Client().Transport.(*http.Transport).TLSClientConfig
	}
	return dial(t, srv.URL, opts)
}

func TestLoopEcho(t *testing.T) {
	fronts(t, func(t *testing.T, blocking bool, serve func(h http.Handler) *httptest.Server) {
		ended := make(chan error, 1)
		limit := websocket.Options{MaxMessage: 8 << 20}
		l := echoLoop()
		l.Blocking = blocking
		l.Closed = func(c *websocket.Conn) { ended <- c.Err() }
		srv := serve(websocket.Handler(nil, &websocket.AcceptOptions{Options: limit, Loop: l}))
		defer srv.Close()
		c := dialTo(t, srv, &websocket.DialOptions{Options: limit})
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
		select {
		case err := <-ended:
			if e := closeError(t, err); e.Code != websocket.StatusNormalClosure || e.Reason != "bye" || !e.Remote || e.Err != nil {
				t.Errorf("%+v", e)
			}
		case <-time.After(20 * time.Second):
			t.Error("Closed was not called")
		}
	})
}

func TestLoopRefusesReads(t *testing.T) {
	fronts(t, func(t *testing.T, blocking bool, serve func(h http.Handler) *httptest.Server) {
		got := make(chan [4]error, 1)
		l := &websocket.Loop{Blocking: blocking, Open: func(c *websocket.Conn) {
			var errs [4]error
			_, _, errs[0] = c.Read(t.Context())
			_, _, errs[1] = c.ReadInto(t.Context(), nil)
			_, errs[2] = c.ReadPooled(t.Context())
			_, _, errs[3] = c.Reader(t.Context())
			got <- errs
		}}
		srv := serve(websocket.Handler(nil, &websocket.AcceptOptions{Loop: l}))
		defer srv.Close()
		dialTo(t, srv, nil)
		for i, err := range <-got {
			if !errors.Is(err, websocket.ErrCallbacks) {
				t.Errorf("%d: %v", i, err)
			}
		}
	})
}
