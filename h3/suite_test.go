package h3_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/h3"
	"github.com/wye-org/wye/internal/connsuite"
	"github.com/wye-org/wye/websocket"
)

// A websocket.Conn is over HTTP/3 what it is over HTTP/1.1.
func TestConnOverHTTP3(t *testing.T) {
	carrier := new(h3.Client)
	config := serving(t, nil).tls // all have the same certificate
	var over sync.Map             // URLs of servers that have ended: UDP says nothing of nobody there
	connsuite.Run(t, connsuite.Carrier{
		Name: "h3",
		Serve: func(t *testing.T, e *websocket.Endpoint) connsuite.Server {
			s := serving(t, e)
			return connsuite.Server{
				URL: s.url,
				Shutdown: func(ctx context.Context, d wye.Drain) (wye.DrainCounts, error) {
					defer over.Store(s.url, true)
					return h3.Shutdown(ctx, s.Server, s.of, d)
				},
				Kill: func() { s.Close() },
			}
		},
		Dial: func(ctx context.Context, url string, opts *websocket.DialOptions) (*websocket.Conn, error) {
			var own websocket.DialOptions
			if opts != nil {
				own = *opts
			}
			if _, ended := over.Load(url); ended {
				own.HandshakeTimeout = 100 * time.Millisecond
			}
			own.Carriers, own.TLSConfig = []wye.Carrier{carrier}, config
			c, _, err := websocket.Dial(ctx, url, &own)
			return c, err
		},
	})
	carrier.Wait()
}

// wye.Switch, and a middleware that has Unwrap, are between as over HTTP/1.1;
// the gate is asked before the stream is taken: an extended CONNECT has an
// Origin, too.
func TestServerRules(t *testing.T) {
	mux := http.NewServeMux()
	mux.Handle("/switch", &wye.Switch{Protocols: []wye.Offer{{Token: wye.Token{Name: "example"}, Protocol: wye.ProtocolFunc(
		func(_ context.Context, r *wye.Request, c wye.Conn) error {
			_, err := c.Write([]byte("over " + r.Carrier()))
			return err
		})}}})
	mux.Handle("/websocket", websocket.Handler(func(context.Context, *websocket.Conn) error { return nil }, &websocket.AcceptOptions{
		Options: websocket.Options{Logger: slog.New(slog.DiscardHandler)},
	}))
	s := serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { mux.ServeHTTP(wrapped{w}, r) }))
	c, _, err := s.dial(t, "/switch")
	if err != nil {
		t.Fatal(err)
	}
	want(t, c, "over h3")
	c.Close()

	var refused *wye.RefusedError
	if _, _, err := s.dial(t, "/switch", func(o *wye.DialOptions) { o.Tokens[0].Name = "other" }); !errors.As(err, &refused) || refused.Response.StatusCode != 501 {
		t.Errorf("a token that is not on offer: %v", err)
	}
	for origin, status := range map[string]int{"https://evil.example": 403, "null": 403, "http://" + s.url[len("https://"):]: 403, s.url: 200} {
		_, resp, err := websocket.Dial(t.Context(), s.url+"/websocket", &websocket.DialOptions{
			TLSConfig: s.tls, Carriers: []wye.Carrier{new(h3.Client)}, Header: http.Header{"Origin": {origin}},
		})
		if resp == nil || resp.StatusCode != status {
			t.Errorf("Origin %s: %v, %v", origin, resp, err)
		}
	}
}

// wrapped is what middleware makes of a ResponseWriter.
type wrapped struct{ http.ResponseWriter }

func (w wrapped) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Without Handler, or behind a wrapper that hides it, there is nothing to
// accept with: the client is told.
func TestNotHijackable(t *testing.T) {
	failed := make(chan error, 1)
	s := serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := wye.Accept(struct{ http.ResponseWriter }{w}, r, wye.Token{Name: "example"}, nil)
		failed <- err
	}))
	var refused *wye.RefusedError
	if _, _, err := s.dial(t, "/"); !errors.As(err, &refused) || refused.Response.StatusCode != 500 {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, wye.ErrNotHijackable) {
		t.Error(err)
	}
	// Handler in front of another server than quic-go's.
	w := httptest.NewRecorder()
	r := httptest.NewRequest(http.MethodConnect, "/", nil)
	r.Proto, r.ProtoMajor = "example", 3
	h3.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := w.(wye.Acceptor).AcceptUpgrade("example", nil); !errors.Is(err, wye.ErrNotHijackable) {
			t.Error(err)
		}
		if _, err := w.(wye.Acceptor).AcceptUpgrade("other", nil); err == nil || errors.Is(err, wye.ErrNotHijackable) {
			t.Error("it accepts what was not asked for")
		}
	}), nil).ServeHTTP(w, r)
}

// A server that drains says 1001, refuses what is new, and does not wait for
// clients that keep their QUIC connection.
func TestShutdown(t *testing.T) {
	s := serving(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		_, _, err := c.Read(ctx)
		return err
	}, nil))
	idle := s.raw(t) // keeps its connection, whatever the server says
	opts := &websocket.DialOptions{TLSConfig: s.tls, Carriers: []wye.Carrier{new(h3.Client)}}
	c, _, err := websocket.Dial(t.Context(), s.url, opts)
	if err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { // received below
		_, _, err := c.Read(t.Context())
		closed <- err
	}()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	counts, err := h3.Shutdown(ctx, s.Server, s.of, wye.Drain{})
	if counts.Clean != 1 || counts.Forced+counts.Lost != 0 || err != nil || ctx.Err() != nil {
		t.Errorf("%+v, %v", counts, err)
	}
	if err := <-closed; websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Error(err)
	}
	select {
	case <-idle.Context().Done():
	case <-time.After(patience):
		t.Error("the idle client is still connected")
	}
	opts.HandshakeTimeout = 500 * time.Millisecond
	if _, _, err := websocket.Dial(t.Context(), s.url, opts); err == nil {
		t.Error("it is still open")
	}
}
