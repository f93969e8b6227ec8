package h2_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/websocket"
)

var quiet = slog.New(slog.DiscardHandler)

func echo(ctx context.Context, c *websocket.Conn) error {
	for m, err := range c.Messages(ctx) {
		if err != nil {
			return err
		}
		if err := c.Write(ctx, m.Type, m.Data); err != nil {
			return err
		}
	}
	return nil
}

func endpoint(opts websocket.AcceptOptions) http.Handler {
	opts.Logger = quiet
	return websocket.Handler(echo, &opts)
}

const hello = "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58" // masked, RFC 6455 §5.7

// The opening handshake is judged as over HTTP/1.1: Origin, Host, version,
// subprotocol, credentials. RFC 8441 §5.
func TestOriginAndTheRestOverExtendedConnect(t *testing.T) {
	srv := newServer(t, endpoint(websocket.AcceptOptions{Subprotocols: []string{"chat"}, Gate: &gate.Gate{Hosts: []string{"example.test"}}}))
	r := newRaw(t, srv)
	for i, x := range []struct {
		name   string
		fields []string
		status string // or "reset"
		header map[string]string
	}{
		{"in order", nil, "200", map[string]string{"sec-websocket-accept": "", "sec-websocket-protocol": "", "upgrade": "", "connection": ""}},
		{"with a key, as undici", []string{"sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="}, "200", map[string]string{"sec-websocket-accept": "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="}},
		{"with a bad key", []string{"sec-websocket-key", "x"}, "200", map[string]string{"sec-websocket-accept": ""}},
		{"a subprotocol", []string{"sec-websocket-protocol", "other, chat"}, "200", map[string]string{"sec-websocket-protocol": "chat"}},
		{"the page's own origin", []string{"origin", "https://example.test"}, "200", nil},
		{"another origin", []string{"origin", "https://evil.test"}, "403", nil},
		{"no origin at all", []string{"origin", "null"}, "403", nil},
		{"an origin without TLS", []string{"origin", "http://example.test"}, "403", nil},
		{"another host", []string{":authority", "evil.test"}, "403", nil},
		{"another version", []string{"sec-websocket-version", "8"}, "400", map[string]string{"sec-websocket-version": "13", "upgrade": "", "connection": ""}},
		{"no version", []string{"sec-websocket-version", "-"}, "400", map[string]string{"sec-websocket-version": "13"}},
		{"another protocol", []string{":protocol", "connect-udp"}, "501", nil},
		{"a protocol that is no token", []string{":protocol", "a b"}, "400", nil},
		{"a Content-Length", []string{"content-length", "5"}, "400", nil},
		{"an Upgrade", []string{"upgrade", "websocket"}, "malformed", nil},
		{"an ordinary GET", []string{":method", "GET", ":protocol", "-"}, "400", nil},
		{"an ordinary GET with an Upgrade", []string{":method", "GET", ":protocol", "-", "upgrade", "websocket"}, "malformed", nil},
	} {
		t.Run(x.name, func(t *testing.T) {
			id := uint32(2*i + 1)
			r.t = t
			r.connect(id, false, x.fields...)
			got := r.answer(id)
			switch {
			case x.status == "malformed":
				if got[":status"] != "400" && got["reset"] == "" || strings.Contains(got["server"], "wye") {
					t.Errorf("answered with %v", got)
				}
			case got[":status"] != x.status:
				t.Errorf("answered with %v, want %s", got, x.status)
			}
			for name, want := range x.header {
				if got[name] != want {
					t.Errorf("%s: %q, want %q", name, got[name], want)
				}
			}
		})
	}
}

// A stream that has ended with its request can carry nothing.
func TestConnectThatEndsItsStream(t *testing.T) {
	r := newRaw(t, newServer(t, endpoint(websocket.AcceptOptions{})))
	r.connect(1, true)
	if got := r.answer(1); got[":status"] != "400" {
		t.Errorf("answered with %v", got)
	}
}

// Optimistic data: frames right behind the request are the first messages where
// it is accepted, and nothing where it is not.
func TestOptimisticData(t *testing.T) {
	var messages atomic.Int32
	count := websocket.Hooks{Opened: func(*websocket.Conn) { messages.Add(1) }}
	r := newRaw(t, newServer(t, endpoint(websocket.AcceptOptions{Options: websocket.Options{Hooks: count}})))
	r.connect(1, false)
	r.fr.WriteData(1, false, []byte(hello))
	if got := r.answer(1); got[":status"] != "200" {
		t.Fatalf("answered with %v", got)
	}
	if p := r.data(1, 7); string(p) != "\x81\x05Hello" {
		t.Errorf("%q comes back", p)
	}
	r.connect(3, false, "origin", "https://evil.test")
	r.fr.WriteData(3, false, []byte(hello))
	if got := r.answer(3); got[":status"] != "403" {
		t.Errorf("answered with %v", got)
	}
	if p := r.data(3, 1000); strings.Contains(string(p), "Hello") {
		t.Errorf("%q comes back", p)
	}
	if n := messages.Load(); n != 1 {
		t.Errorf("%d connections were opened", n)
	}
}

// CVE-2023-44487: streams that are opened and reset as fast as can be do not
// make more handlers live than the server takes streams, and all of them end.
func TestRapidResetOfExtendedConnect(t *testing.T) {
	const most = 20
	var live, peak, total atomic.Int32
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n := live.Add(1)
		defer live.Add(-1)
		total.Add(1)
		for p := peak.Load(); n > p && !peak.CompareAndSwap(p, n); p = peak.Load() {
		}
		endpoint(websocket.AcceptOptions{}).ServeHTTP(w, r)
	}))
	srv.EnableHTTP2 = true
	srv.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: most}
	srv.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	srv.StartTLS()
	defer srv.Close()
	r := newRaw(t, srv)
	go io.Copy(io.Discard, r.c) // ends with r
	for id := uint32(1); id < 4000; id += 2 {
		r.connect(id, false)
		if r.fr.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			break // the server has had enough
		}
	}
	for deadline := time.Now().Add(patience); live.Load() > 0 || total.Load() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d handlers live on", live.Load())
		}
	}
	if peak.Load() > most || wye.GroupOf(srv.Config).Len() != 0 {
		t.Errorf("%d handlers at a time, %d connections left", peak.Load(), wye.GroupOf(srv.Config).Len())
	}
	t.Logf("%d handlers, %d at a time", total.Load(), peak.Load())
}

// A handler ends when its stream is reset, whatever it waits for.
func TestHandlerEndsWithItsStream(t *testing.T) {
	for name, wait := range map[string]func(ctx context.Context, c *websocket.Conn){
		"reading": func(ctx context.Context, c *websocket.Conn) { c.Read(context.WithoutCancel(ctx)) },
		"writing": func(ctx context.Context, c *websocket.Conn) {
			for c.Write(context.WithoutCancel(ctx), websocket.MessageBinary, make([]byte, 64<<10)) == nil {
			}
		},
		"its context": func(ctx context.Context, c *websocket.Conn) { <-ctx.Done() },
	} {
		t.Run(name, func(t *testing.T) {
			began, ended := make(chan bool), make(chan bool)
			r := newRaw(t, newServer(t, websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
				close(began)
				wait(ctx, c)
				close(ended)
				return nil
			}, &websocket.AcceptOptions{Options: websocket.Options{Logger: quiet, PingInterval: -1}})))
			r.connect(1, false)
			<-began
			r.answer(1)
			r.fr.WriteRSTStream(1, http2.ErrCodeCancel)
			select {
			case <-ended:
			case <-time.After(patience):
				t.Fatal("it does not end")
			}
		})
	}
}

// CloseNow is a reset, and not the end of the stream. RFC 8441 §5
func TestCloseNowResets(t *testing.T) {
	r := newRaw(t, newServer(t, websocket.Handler(func(_ context.Context, c *websocket.Conn) error {
		return c.CloseNow()
	}, nil)))
	r.connect(1, false)
	if got := r.answer(1); got[":status"] != "200" {
		t.Fatalf("answered with %v", got)
	}
	if got := r.answer(1); got["reset"] != "INTERNAL_ERROR" {
		t.Errorf("ended with %v", got)
	}
}

// The server's timeouts are for requests.
func TestServerTimeoutsDoNotEndConnections(t *testing.T) {
	srv := httptest.NewUnstartedServer(endpoint(websocket.AcceptOptions{}))
	srv.EnableHTTP2 = true
	srv.Config.ReadTimeout, srv.Config.WriteTimeout, srv.Config.IdleTimeout = 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond
	srv.StartTLS()
	defer srv.Close()
	c, _, err := dialOver(t.Context(), newTransport(t), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 4 {
		time.Sleep(150 * time.Millisecond)
		c.Write(t.Context(), websocket.MessageText, []byte("x"))
		if _, _, err := c.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	c.CloseNow()
}

// http.Server.Shutdown alone would wait for the streams until its context ends.
func TestPlainShutdownSaysGoodbye(t *testing.T) {
	srv := newServer(t, endpoint(websocket.AcceptOptions{}))
	c, _, err := dialOver(t.Context(), newTransport(t), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- srv.Config.Shutdown(ctx) }() // received below
	_, _, err = c.Read(t.Context())
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != websocket.StatusGoingAway {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A client that does not answer the goodbye is cut off when the time is up.
func TestShutdownForces(t *testing.T) {
	srv := newServer(t, endpoint(websocket.AcceptOptions{}))
	r := newRaw(t, srv)
	r.connect(1, false)
	r.answer(1)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	counts, err := wye.Shutdown(ctx, srv.Config, wye.Drain{})
	if !errors.Is(err, context.DeadlineExceeded) || counts != (wye.DrainCounts{Forced: 1}) {
		t.Errorf("%+v, %v", counts, err)
	}
	if p := r.data(1, 4); string(p) != "\x88\x02\x03\xe9" { // Close, 1001
		t.Errorf("%x", p)
	}
}

// Wrappers are passed by where they say what is inside, as with Hijack: one that
// compresses must not compress frames.
type shouting struct{ http.ResponseWriter }

func (s shouting) Write(p []byte) (int, error) {
	return s.ResponseWriter.Write([]byte(strings.ToUpper(string(p))))
}

func (s shouting) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// opaque says nothing.
type opaque struct{ http.ResponseWriter }

func TestMiddleware(t *testing.T) {
	e := endpoint(websocket.AcceptOptions{Header: http.Header{"X-Own": {"1"}}})
	mux := http.NewServeMux()
	mux.HandleFunc("/shouting", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Encoding", "shout")
		w.Header().Set("Content-Length", "5")
		w.Header().Set("X-Middleware", "1")
		e.ServeHTTP(shouting{w}, r)
	})
	mux.HandleFunc("/opaque", func(w http.ResponseWriter, r *http.Request) { e.ServeHTTP(opaque{w}, r) })
	srv, transport := newServer(t, mux), newTransport(t)
	c, resp, err := dialOver(t.Context(), transport, srv.URL+"/shouting", nil)
	if err != nil {
		t.Fatal(err)
	}
	if h := resp.Header; h.Get("X-Own") != "1" || h.Get("X-Middleware") != "1" || h.Get("Content-Encoding")+h.Get("Content-Length")+h.Get("Content-Type") != "" {
		t.Errorf("%v", h)
	}
	c.Write(t.Context(), websocket.MessageText, []byte("quiet"))
	if _, p, err := c.Read(t.Context()); string(p) != "quiet" {
		t.Errorf("%q, %v", p, err)
	}
	c.CloseNow()
	_, _, err = dialOver(t.Context(), transport, srv.URL+"/opaque", nil)
	var refused *wye.RefusedError
	if !errors.As(err, &refused) || refused.Response.StatusCode != 500 {
		t.Error(err)
	}
}

// A handler that leaves its connection open loses it, and nothing else.
func TestHandlerThatDoesNotStay(t *testing.T) {
	accepted := make(chan *websocket.Conn, 1)
	srv := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			t.Error(err)
			return
		}
		accepted <- c
	}))
	cl, _, err := dialOver(t.Context(), newTransport(t), srv.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = cl.Read(t.Context())
	var closed *websocket.CloseError
	if !errors.As(err, &closed) || closed.Code != websocket.StatusAbnormalClosure {
		t.Error(err)
	}
	c := <-accepted
	for c.Write(t.Context(), websocket.MessageText, []byte("x")) == nil {
		c.Flush(t.Context())
	}
	c.CloseNow()
	<-c.Done()
}

// Other tokens than websocket, through a Switch; what it has not is 501, and no
// ordinary handler's 200. The Conn has the deadlines of any net.Conn.
func TestSwitchOverHTTP2(t *testing.T) {
	line := wye.ProtocolFunc(func(_ context.Context, r *wye.Request, c wye.Conn) error {
		if r.Carrier() != "h2" || c.RemoteAddr() == nil || c.LocalAddr() == nil {
			t.Errorf("carrier %s, %v, %v", r.Carrier(), c.RemoteAddr(), c.LocalAddr())
		}
		if err := c.CloseWrite(); !errors.Is(err, errors.ErrUnsupported) {
			t.Error(err)
		}
		p := make([]byte, 5)
		for range 2 {
			c.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
			if _, err := c.Read(p); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error(err)
			}
		}
		c.SetDeadline(time.Time{})
		io.WriteString(c, "go on")
		_, err := io.ReadFull(c, p)
		c.Write(p)
		return err
	})
	srv := newServer(t, &wye.Switch{
		Protocols: []wye.Offer{{Token: wye.Token{Name: "example"}, Protocol: line}},
		Fallback:  http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a page") }),
		Logger:    quiet,
	})
	transport := newTransport(t)
	dial := func(token string) (wye.Conn, *http.Response, error) {
		return wye.Dial(t.Context(), srv.URL, &wye.DialOptions{Tokens: []wye.Token{{Name: token}}, Carriers: []wye.Carrier{transport}, TLSConfig: insecure})
	}
	c, resp, err := dial("example")
	if err != nil || resp.StatusCode != 200 {
		t.Fatal(err)
	}
	p := make([]byte, 5)
	io.ReadFull(c, p)
	io.WriteString(c, "hello")
	if b, err := io.ReadAll(c); string(p)+string(b) != "go onhello" || err != nil {
		t.Errorf("%q%q, %v", p, b, err)
	}
	c.Close()
	_, _, err = dial("other")
	var refused *wye.RefusedError
	if !errors.As(err, &refused) || refused.Response.StatusCode != http.StatusNotImplemented {
		t.Error(err)
	}
	if resp, err := srv.Client().Get(srv.URL); err != nil || resp.StatusCode != 200 {
		t.Errorf("an ordinary request: %v", err)
	} else {
		resp.Body.Close()
	}
}

// Where a server does not speak HTTP/2, or announces no extended CONNECT, the
// next carrier is tried.
func TestFallsBackToHTTP1(t *testing.T) {
	srv := httptest.NewTLSServer(endpoint(websocket.AcceptOptions{}))
	defer srv.Close()
	c, _, err := websocket.Dial(t.Context(), srv.URL, &websocket.DialOptions{
		Carriers: []wye.Carrier{newTransport(t), wye.HTTP1{}}, TLSConfig: insecure})
	if err != nil || c.Carrier() != "h1" {
		t.Fatal(err)
	}
	c.CloseNow()
	_, _, err = dialOver(t.Context(), newTransport(t), srv.URL, nil)
	var failed *wye.DialError
	if !errors.As(err, &failed) || failed.Stage != wye.StageTLS {
		t.Error(err)
	}
}
