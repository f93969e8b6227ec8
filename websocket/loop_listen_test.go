package websocket_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/gate"
	"github.com/wye-org/wye/internal/talk"
	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// serveOwn serves srv by websocket.Serve until the test ends, and returns its
// address and what Serve returns.
func serveOwn(t testing.TB, srv *http.Server, opts *websocket.ServeOptions) (address string, served chan error) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served = make(chan error, 1)
	over := make(chan struct{})
	go func() { // ends with Close
		defer close(over)
		served <- websocket.Serve(srv, ln, opts)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-over
	})
	return ln.Addr().String(), served
}

// byHTTP is serveOwn by net/http.
func byHTTP(t testing.TB, srv *http.Server) (address string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() { // ends with Close
		defer close(over)
		srv.Serve(ln)
	}()
	t.Cleanup(func() {
		srv.Close()
		<-over
	})
	return ln.Addr().String()
}

var quietLog = slog.New(slog.DiscardHandler)

// refusesTeapots is a server's Handler with all that Serve knows how to route, and
// some that it does not.
func refusesTeapots() http.Handler {
	l := echoLoop()
	mux := http.NewServeMux()
	opts := func(change func(o *websocket.AcceptOptions)) *websocket.AcceptOptions {
		o := &websocket.AcceptOptions{Loop: l, Options: websocket.Options{Logger: quietLog, Deflate: websocket.Deflate{Enabled: true}}}
		change(o)
		return o
	}
	mux.Handle("/{$}", websocket.Handler(nil, opts(func(*websocket.AcceptOptions) {})))
	mux.Handle("/sub", websocket.Handler(nil, opts(func(o *websocket.AcceptOptions) {
		o.Subprotocols, o.RequireSubprotocol = []string{"b", "a"}, true
		o.Header = http.Header{"Set-Cookie": {"a=b", "c=d"}, "X-Wye": {"1"}, "Connection": {"x"}, "Content-Length": {"3"}, "Sec-WebSocket-Protocol": {"no"}}
	})))
	mux.Handle("/select", websocket.Handler(nil, opts(func(o *websocket.AcceptOptions) {
		o.SelectSubprotocol = func(_ *http.Request, offered []string) (string, error) {
			if len(offered) == 0 {
				return "", errors.New("none")
			}
			return offered[len(offered)-1], nil
		}
	})))
	mux.Handle("/gate", websocket.Handler(nil, opts(func(o *websocket.AcceptOptions) {
		o.Gate = &gate.Gate{Hosts: []string{"h"}, Origins: []string{"https://a.example"}}
	})))
	mux.Handle("/check/{name}", websocket.Handler(nil, opts(func(o *websocket.AcceptOptions) {
		o.Check = func(r *http.Request) error {
			switch r.PathValue("name") {
			case "teapot":
				return &wye.Refusal{Status: http.StatusTeapot, Text: "short and stout", Header: http.Header{"X-Pattern": {r.Pattern}}}
			case "close":
				return &wye.Refusal{Status: http.StatusForbidden, Header: http.Header{"Connection": {"close"}}}
			case "odd":
				return &wye.Refusal{Status: 799, Text: "ends\nin\r\n\r\nlines", Header: http.Header{"X": {"a\r\nb: c", " d "}}}
			case "none":
				return &wye.Refusal{Status: http.StatusNoContent, Text: "no body"}
			case "same":
				return &wye.Refusal{Status: http.StatusNotModified, Text: "no body"}
			case "date":
				return &wye.Refusal{Header: http.Header{"Date": {"today"}}}
			case "error":
				return errors.New("as the test wants")
			case "panic":
				panic(http.ErrAbortHandler)
			}
			return nil
		}
	})))
	mux.Handle("/unsendable", websocket.Handler(nil, opts(func(o *websocket.AcceptOptions) { o.Header = http.Header{"X": {"a\nb"}} })))
	mux.Handle("POST /posted", websocket.Handler(nil, opts(func(*websocket.AcceptOptions) {})))
	mux.Handle("/blocking", websocket.Handler(func(ctx context.Context, c *websocket.Conn) error {
		typ, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		c.Write(ctx, typ, p)
		_, _, err = c.Read(ctx)
		return err
	}, nil))
	mux.HandleFunc("/plain", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %s %q %v", r.Method, r.URL, b, r.Header)
	})
	mux.Handle("/wrapped", func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X-Middleware", "1")
			h.ServeHTTP(w, r)
		})
	}(websocket.Handler(nil, opts(func(*websocket.AcceptOptions) {}))))
	return mux
}

// asks are requests, each the whole of what a client sends.
func asks() []string {
	to := func(path string, fields ...string) string {
		return strings.Replace(strings.TrimSuffix(clientHead, "\r\n"), "GET /", "GET "+path, 1) + strings.Join(append(fields, ""), "\r\n") + "\r\n"
	}
	without := func(field string) string { return strings.Replace(clientHead, field, "", 1) }
	hello := string(frame(wire.OpText, []byte("Hello"))) + string(frame(wire.OpClose, nil))
	return []string{
		// What is switched.
		to("/"), to("/") + hello, to("/?a=b") + hello, to("/", "Origin: http://h"),
		to("/", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits"),
		to("/", "Sec-WebSocket-Extensions: "), to("/", "Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover") + hello,
		to("/sub", "Sec-WebSocket-Protocol: x, a, b") + hello, to("/sub", "Sec-WebSocket-Protocol: x", "Sec-WebSocket-Protocol: b"),
		to("/select", "Sec-WebSocket-Protocol: a, b"), to("/gate", "Origin: https://a.example"), to("/check/fine") + hello,
		to("/wrapped") + hello, to("/blocking") + hello,
		strings.Replace(clientHead, "websocket", "foo, WebSocket", 1),
		strings.Replace(clientHead, "websocket", "h2c\r\nUpgrade: websocket", 1),
		strings.Replace(clientHead, "Connection: Upgrade", "Connection: keep-alive, x\r\nConnection: , uPgrade", 1),
		strings.Replace(clientHead, "13", "\t13 ", 1), strings.ReplaceAll(clientHead, ": ", ":"),
		// What is switched, though only net/http knows how.
		strings.ReplaceAll(clientHead, "\r\n", "\n") + hello, to("/", "X: a", " folded"), to("/", "Expect: 100-continue") + hello,
		strings.Replace(clientHead, "GET /", "GET http://h/", 1), to("/", "Content-Length: 0") + hello, to("/", "Connection: close"),
		to("/", "X: "+strings.Repeat("a", 20_000)) + hello, to("/", strings.Repeat("X: a\r\n", 300)+"X: a") + hello,
		// What is refused.
		to("/sub"), to("/sub", "Sec-WebSocket-Protocol: c"), to("/select"), to("/gate", "Origin: http://b.example"), to("/", "Origin: null"),
		to("/check/teapot"), to("/check/close"), to("/check/odd"), to("/check/none"), to("/check/same"), to("/check/date"), to("/check/error"), to("/check/panic"), to("/unsendable"),
		to("/", "Sec-WebSocket-Extensions: permessage-deflate; nonsense=\"", "Sec-WebSocket-Extensions: ;"),
		to("/", "Sec-WebSocket-Key: again"), without("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"), strings.Replace(clientHead, "dGhl", "d", 1),
		without("Sec-WebSocket-Version: 13\r\n"), strings.Replace(clientHead, "13", "8", 1), to("/", "Sec-WebSocket-Version: 8"),
		without("Upgrade: websocket\r\n"), strings.Replace(clientHead, "Connection: Upgrade", "Connection: no-upgrade", 1),
		strings.Replace(clientHead, "GET", "POST", 1), strings.Replace(clientHead, "GET", "HEAD", 1), strings.Replace(clientHead, "1.1", "1.0", 1),
		to("/", "Content-Length: 5") + "Hello", to("/", "Transfer-Encoding: chunked") + "0\r\n\r\n", to("/", "Content-Length: x"),
		to("/posted"), to("/nowhere"), to("//sub"), to("/plain"), to("/a/../plain"),
		// What is no request for a switch, or none at all.
		"GET /plain HTTP/1.1\r\nHost: h\r\n\r\n", "GET /plain HTTP/1.0\r\n\r\n", "POST /plain HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi",
		"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET / HTTP/3.7\r\nHost: h\r\n\r\n", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET / HTTP/1.1\r\nHost", "GET", "nonsense\r\n\r\n", "\r\n", "", "\x16\x03\x01", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		to("/", "X: a\x00b"), to("/", "X : a"), to("/", "\xff: a"),
		// Several on one connection.
		"GET /plain HTTP/1.1\r\nHost: h\r\n\r\n" + to("/") + hello,
		to("/sub") + to("/") + hello, to("/check/teapot") + to("/check/odd") + "GET /plain HTTP/1.1\r\nHost: h\r\n\r\n" + to("/check/fine") + hello,
		to("/check/close") + to("/") + hello, to("/sub") + "GET /plain HTTP/1.1\r\nHost: h",
	}
}

var dates = regexp.MustCompile(`(?m)^Date: .*GMT\r\n`)

// say sends s in two pieces, of which the first has cut bytes, ends its direction
// and returns all that comes back.
func say(t *testing.T, address, s string, cut int) string {
	t.Helper()
	for range 50 {
		if answer, whole := tryToSay(t, address, s, cut); whole {
			return answer
		}
	}
	t.Fatalf("%q cut at %d: there is no answer that is not reset", s, cut)
	return ""
}

// tryToSay is say, once. Who is refused for the first piece may send the second one
// too late: that resets the connection, and with it an answer that is not read yet.
func tryToSay(t *testing.T, address, s string, cut int) (answer string, whole bool) {
	t.Helper()
	nc, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	nc.SetDeadline(time.Now().Add(talk.Patience))
	io.WriteString(nc, s[:cut])
	if cut > 0 && cut < len(s) {
		runtime.Gosched()
	}
	io.WriteString(nc, s[cut:]) // fails if the first part was refused
	nc.(*net.TCPConn).CloseWrite()
	b, err := io.ReadAll(nc)
	if err != nil && !errors.Is(err, syscall.ECONNRESET) {
		t.Fatalf("%q: %q, %v", s, b, err)
	}
	return dates.ReplaceAllString(string(b), "Date: now\r\n"), err == nil
}

// Whatever a client sends, it gets the same bytes back as from net/http.
func TestServeAnswersAsNetHTTPDoes(t *testing.T) {
	handler := refusesTeapots()
	srv := func() *http.Server {
		return &http.Server{Handler: handler, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, 0)}
	}
	ours, _ := serveOwn(t, srv(), nil)
	theirs := byHTTP(t, srv())
	for _, s := range asks() {
		want := say(t, theirs, s, len(s))
		for _, cut := range []int{0, 1, len(s) / 2, len(s) - 1} {
			if got := say(t, ours, s, min(max(cut, 0), len(s))); got != want {
				t.Errorf("%.300q cut at %d:\ngot  %q\nwant %q", s, cut, got, want)
			}
		}
	}
}

// A head may come in any two pieces, or one byte at a time.
func TestServeHeadInPieces(t *testing.T) {
	address, _ := serveOwn(t, &http.Server{Handler: websocket.Handler(nil, &websocket.AcceptOptions{Loop: echoLoop()})}, nil)
	s := clientHead + string(frame(wire.OpText, []byte("Hello"))) + string(frame(wire.OpClose, nil))
	want := say(t, address, s, 0)
	if !strings.HasPrefix(want, "HTTP/1.1 101 ") || !strings.HasSuffix(want, "\x81\x05Hello\x88\x00") {
		t.Fatalf("%q", want)
	}
	for cut := range len(s) {
		if got := say(t, address, s, cut); got != want {
			t.Errorf("cut at %d: %q", cut, got)
		}
	}
	p := talk.To(t, address)
	for i := range len(s) {
		p.Say(s[i : i+1])
	}
	p.Want(want)
	p.WantEnd()
}

// A refused client may try again on the same connection, and what is net/http's
// there gets there.
func TestServeAfterARefusal(t *testing.T) {
	address, _ := serveOwn(t, &http.Server{Handler: refusesTeapots(), ReadHeaderTimeout: time.Hour}, nil)
	p := talk.To(t, address)
	to := func(path string) string { return strings.Replace(clientHead, "GET /", "GET "+path, 1) }
	for range 3 {
		p.Say(to("/sub"))
		p.WantResponse("GET", 400)
	}
	p.Say("GET /plain HTTP/1.1\r\nHost: h\r\n\r\n")
	p.WantResponse("GET", 200)
	p.Say(to("/check/teapot"))
	p.WantResponse("GET", 418)
	p.Say(to("/"))
	p.WantResponse("GET", 101)
	p.Say(string(frame(wire.OpText, []byte("on"))))
	p.Want("\x81\x02on")

	p = talk.To(t, address)
	p.Say(to("/check/close"))
	p.WantResponse("GET", 403)
	p.WantEnd()
	p.Say("more") // is read, so that nothing overtakes the answer
}

// What the connection knows of its request is the same, too.
func TestServeRequest(t *testing.T) {
	seen := make(chan *wye.Request, 1)
	l := &websocket.Loop{Open: func(c *websocket.Conn) { seen <- c.Request() }}
	mux := http.NewServeMux()
	mux.Handle("/room/{room}", websocket.Handler(nil, &websocket.AcceptOptions{Loop: l}))
	type key struct{}
	srv := &http.Server{Handler: mux, BaseContext: func(ln net.Listener) context.Context {
		return context.WithValue(context.Background(), key{}, ln.Addr())
	}}
	address, _ := serveOwn(t, srv, nil)
	p := talk.To(t, address)
	p.Say(strings.Replace(clientHead, "GET /", "GET /room/a%20b?c", 1))
	p.WantResponse("GET", 101)
	r := within(t, seen)
	if r.PathValue("room") != "a b" || r.Pattern != "/room/{room}" || r.URL.RawQuery != "c" || r.Host != "h" || r.TLS != nil {
		t.Errorf("%+v", r)
	}
	if r.RemoteAddr != p.LocalAddr().String() || r.LocalAddr.String() != address || r.Carrier() != "h1" {
		t.Errorf("from %v to %v by %v", r.RemoteAddr, r.LocalAddr, r.Carrier())
	}
	ctx := r.Context()
	if a, ok := ctx.Value(key{}).(net.Addr); !ok || a.String() != address || ctx.Value(http.ServerContextKey) != srv {
		t.Errorf("the context has %v", a)
	}
}

// IPv6, and a listener of all addresses.
func TestServeAddresses(t *testing.T) {
	for _, tt := range []struct{ network, listen, dial string }{
		{"tcp", ":0", "127.0.0.1"}, {"tcp", ":0", "[::1]"}, {"tcp6", "[::1]:0", "[::1]"}, {"tcp4", "0.0.0.0:0", "127.0.0.1"},
	} {
		ln, err := net.Listen(tt.network, tt.listen)
		if err != nil {
			t.Log(err) // a machine without IPv6
			continue
		}
		addresses := make(chan string, 2)
		srv := &http.Server{Handler: websocket.Handler(nil, &websocket.AcceptOptions{Loop: &websocket.Loop{Open: func(c *websocket.Conn) {
			addresses <- c.RemoteAddr().String() + " " + c.LocalAddr().String()
			addresses <- c.Request().RemoteAddr + " " + c.Request().LocalAddr.String()
		}}})}
		go websocket.Serve(srv, ln, nil) // ends with Close
		_, port, _ := net.SplitHostPort(ln.Addr().String())
		nc, err := net.Dial("tcp", tt.dial+":"+port)
		if err != nil {
			t.Log(err)
			srv.Close()
			continue
		}
		for range 2 {
			io.WriteString(nc, clientHead)
			want := nc.LocalAddr().String() + " " + nc.RemoteAddr().String()
			for range 2 {
				if got := within(t, addresses); got != want {
					t.Errorf("%+v: %s, want %s", tt, got, want)
				}
			}
			nc.Close()
			nc, err = net.Dial("tcp", tt.dial+":"+port) // whose addresses were seen before
			if err != nil {
				t.Fatal(err)
			}
		}
		nc.Close()
		srv.Close()
	}
}

// Route decides instead of srv.Handler, and what it returns nil for is net/http's.
func TestServeRoute(t *testing.T) {
	loop := websocket.Handler(nil, &websocket.AcceptOptions{Loop: echoLoop()})
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "net/http has "+r.URL.Path) })}
	address, _ := serveOwn(t, srv, &websocket.ServeOptions{Route: func(r *http.Request) *websocket.Endpoint {
		switch r.URL.Path {
		case "/loop":
			return loop
		case "/blocks":
			return websocket.Handler(func(context.Context, *websocket.Conn) error { return nil }, nil)
		}
		return nil
	}})
	for path, status := range map[string]int{"/loop": 101, "/blocks": 200, "/other": 200} {
		p := talk.To(t, address)
		p.Say(strings.Replace(clientHead, "GET /", "GET "+path, 1))
		if _, body := p.WantResponse("GET", status); status == 200 && body != "net/http has "+path {
			t.Errorf("%s: %q", path, body)
		}
	}
}

// Who says nothing, or nothing more, is gone after srv.ReadHeaderTimeout.
func TestServeHeadTimeout(t *testing.T) {
	address, _ := serveOwn(t, &http.Server{ReadHeaderTimeout: 50 * time.Millisecond, Handler: refusesTeapots()}, nil)
	var all sync.WaitGroup
	defer all.Wait()
	for _, s := range []string{"", "G", "GET /", clientHead[:len(clientHead)-1]} {
		all.Go(func() {
			p := talk.To(t, address)
			p.Say(s)
			p.WantEnd()
		})
	}
}

// So it is after a refusal.
func TestServeHeadTimeoutAfterARefusal(t *testing.T) {
	address, _ := serveOwn(t, &http.Server{ReadHeaderTimeout: 100 * time.Millisecond, Handler: refusesTeapots()}, nil)
	for range 100 {
		nc, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		nc.SetDeadline(time.Now().Add(talk.Patience))
		io.WriteString(nc, strings.Replace(clientHead, "GET /", "GET /sub", 1))
		b, err := io.ReadAll(nc)
		nc.Close()
		if len(b) == 0 {
			continue // the request came too late, on a busy machine
		}
		if !strings.HasPrefix(string(b), "HTTP/1.1 400 ") || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		return
	}
	t.Error("there was no answer")
}

// When more connections wait than may, the oldest one goes, so that nobody can keep
// others out by being silent.
func TestServeMaxHeads(t *testing.T) {
	address, _ := serveOwn(t, &http.Server{Handler: refusesTeapots()}, &websocket.ServeOptions{MaxHeads: 10})
	if runtime.GOOS != "linux" {
		t.Skip("net/http has no such bound")
	}
	var silent []*talk.Peer
	for range 30 {
		p := talk.To(t, address)
		p.Say(clientHead[:20])
		silent = append(silent, p)
	}
	for _, p := range silent[:20] {
		p.WantEnd()
	}
	p := talk.To(t, address)
	p.Say(clientHead)
	p.WantResponse("GET", 101)
	p = silent[29]
	p.Say(clientHead[20:])
	p.WantResponse("GET", 101)
}

// A gate that takes its time delays nobody else.
func TestServeSlowGate(t *testing.T) {
	asked, go1 := make(chan struct{}, 1), make(chan struct{})
	e := websocket.Handler(nil, &websocket.AcceptOptions{Loop: echoLoop(), Check: func(r *http.Request) error {
		if r.URL.Path == "/slow" {
			asked <- struct{}{}
			<-go1
		}
		return nil
	}})
	address, _ := serveOwn(t, &http.Server{Handler: e}, nil)
	slow := talk.To(t, address)
	slow.Say(strings.Replace(clientHead, "GET /", "GET /slow", 1) + string(frame(wire.OpText, []byte("early"))))
	within(t, asked)
	for range 3 {
		p := talk.To(t, address)
		p.Say(clientHead)
		p.WantResponse("GET", 101)
	}
	close(go1)
	slow.WantResponse("GET", 101)
	slow.Want("\x81\x05early")
}

// A panic costs its own connection.
func TestServePanic(t *testing.T) {
	var log syncBuffer
	e := websocket.Handler(nil, &websocket.AcceptOptions{
		Options: websocket.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))}, Loop: echoLoop(),
		Check: func(r *http.Request) error {
			if r.URL.Path == "/panic" {
				panic("as the test wants")
			}
			return nil
		}})
	address, _ := serveOwn(t, &http.Server{Handler: e}, nil)
	p := talk.To(t, address)
	p.Say(strings.Replace(clientHead, "GET /", "GET /panic", 1))
	p.WantEnd()
	p = talk.To(t, address)
	p.Say(clientHead)
	p.WantResponse("GET", 101)
	if s := log.String(); !strings.Contains(s, "as the test wants") || !strings.Contains(s, "loop_listen_test.go") {
		t.Errorf("the log says %q", s)
	}
}

// Shutdown tells those who are connected, drops those who have not asked yet, and
// lets nobody in.
func TestServeShutdown(t *testing.T) {
	srv := &http.Server{Handler: refusesTeapots()}
	address, served := serveOwn(t, srv, nil)
	idle, half, on := talk.To(t, address), talk.To(t, address), talk.To(t, address)
	half.Say(clientHead[:30])
	on.Say(clientHead)
	on.WantResponse("GET", 101)
	plain := talk.To(t, address)
	plain.Say("GET /plain HTTP/1.1\r\nHost: h\r\n\r\n")
	plain.WantResponse("GET", 200)
	var closing sync.WaitGroup
	closing.Go(func() { // ends with the server's Close frame
		on.Want("\x88\x02\x03\xf4") // 1012
		on.Say(string(frame(wire.OpClose, []byte{3, 0xf4})))
		on.WantEnd()
	})
	counts, err := wye.Shutdown(t.Context(), srv, wye.Drain{Restart: true})
	if counts != (wye.DrainCounts{Clean: 1}) || err != nil {
		t.Errorf("%+v, %v", counts, err)
	}
	closing.Wait()
	idle.WantEnd()
	half.WantEnd()
	plain.WantEnd()
	if err := within(t, served); err != http.ErrServerClosed {
		t.Error(err)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("somebody was let in")
	}
}

// A connection that is judged while the drain begins is refused.
func TestServeWhileDraining(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("srv.Shutdown waits for its handler")
	}
	asked, goOn := make(chan struct{}), make(chan struct{})
	srv := &http.Server{Handler: websocket.Handler(nil, &websocket.AcceptOptions{Options: websocket.Options{Logger: quietLog}, Loop: echoLoop(),
		Check: func(*http.Request) error { close(asked); <-goOn; return nil }})}
	address, served := serveOwn(t, srv, nil)
	p := talk.To(t, address)
	p.Say(clientHead)
	within(t, asked)
	if _, err := wye.Shutdown(t.Context(), srv, wye.Drain{}); err != nil {
		t.Error(err)
	}
	within(t, served)
	close(goOn)
	p.WantResponse("GET", 503)
	p.WantEnd()
}

// Serve ends as srv.Serve does when its listener is closed by somebody else, and
// when there is something wrong with it.
func TestServeEnds(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: refusesTeapots()}
	defer srv.Close()
	served := make(chan error)
	go func() { served <- websocket.Serve(srv, ln, nil) }() // received from below
	p := talk.To(t, ln.Addr().String())
	p.Say(clientHead)
	p.WantResponse("GET", 101)
	ln.Close()
	if err := within(t, served); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	p.Say(string(frame(wire.OpText, []byte("still"))))
	p.Want("\x81\x05still")
	if err := websocket.Serve(srv, ln, nil); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	srv.Close()
	ln, err = net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := websocket.Serve(srv, ln, nil); err != http.ErrServerClosed {
		t.Error(err)
	}
	if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error("the listener is open:", err)
	}
}

// What Serve cannot do itself it leaves to net/http.
func TestServeElsewhere(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var accepted, contexts atomic.Int32
	counted := listenerThatCounts{ln, &accepted}
	e := websocket.Handler(nil, &websocket.AcceptOptions{Loop: echoLoop()})
	for _, tt := range []struct {
		ln  net.Listener
		srv *http.Server
		n   *atomic.Int32
	}{
		{counted, &http.Server{Handler: e}, &accepted},
		{nil, &http.Server{Handler: e, ConnContext: func(ctx context.Context, _ net.Conn) context.Context { contexts.Add(1); return ctx }}, &contexts},
	} {
		if tt.ln == nil {
			if tt.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
				t.Fatal(err)
			}
		}
		over := make(chan struct{})
		go func() { websocket.Serve(tt.srv, tt.ln, nil); close(over) }() // received from below
		p := talk.To(t, tt.ln.Addr().String())
		p.Say(clientHead)
		p.WantResponse("GET", 101)
		if tt.n.Load() == 0 {
			t.Error("it went another way")
		}
		tt.srv.Close()
		<-over
	}
}

type listenerThatCounts struct {
	net.Listener
	n *atomic.Int32
}

func (l listenerThatCounts) Accept() (net.Conn, error) {
	l.n.Add(1)
	return l.Listener.Accept()
}
