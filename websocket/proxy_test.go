package websocket_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/websocket"
)

// listening calls serve for each connection to an address of its own, which it
// returns. The test ends when all have returned.
func listening(t testing.TB, serve func(net.Conn)) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			nc, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer nc.Close()
				nc.SetDeadline(time.Now().Add(20 * time.Second)) // a test that hangs says so
				serve(nc)
			})
		}
	})
	t.Cleanup(func() { ln.Close(); serving.Wait() })
	return ln.Addr().String()
}

// splice joins client, whose bytes come from in, with address.
func splice(client net.Conn, in io.Reader, address string) {
	target, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer target.Close()
	var up sync.WaitGroup
	up.Go(func() {
		io.Copy(target, in)
		target.(*net.TCPConn).CloseWrite()
	})
	io.Copy(client, target)
	client.Close()
	up.Wait()
}

// connectProxy is an HTTP proxy that knows nothing but CONNECT, and leads
// everybody to one place.
type connectProxy struct {
	to     string // where tunnels lead; empty: where the client says
	answer string // said instead of opening a tunnel, if not empty
	tls    *tls.Config

	mu    sync.Mutex // guards asked
	asked []*http.Request
}

func (p *connectProxy) serve(nc net.Conn) {
	if p.tls != nil {
		nc = tls.Server(nc, p.tls)
		defer nc.Close()
	}
	in := bufio.NewReader(nc)
	r, err := http.ReadRequest(in)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.asked = append(p.asked, r)
	p.mu.Unlock()
	if p.answer != "" {
		io.WriteString(nc, p.answer)
		return
	}
	to := p.to
	if to == "" {
		to = r.Host
	}
	io.WriteString(nc, "HTTP/1.1 200 Connection established\r\nContent-Length: 7\r\nVia: 1.1 test\r\n\r\n")
	splice(nc, in, to)
}

// requests are those that came so far.
func (p *connectProxy) requests() []*http.Request {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.asked)
}

// through is the options of a client that has one proxy.
func through(t testing.TB, proxy string) *websocket.DialOptions {
	u, err := url.Parse(proxy)
	if err != nil {
		t.Fatal(err)
	}
	return &websocket.DialOptions{Proxy: http.ProxyURL(u)}
}

// wantEcho says something and wants to hear it.
func wantEcho(t testing.TB, c *websocket.Conn) {
	t.Helper()
	if err := c.Write(t.Context(), websocket.MessageText, []byte("through")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.Read(t.Context()); string(p) != "through" {
		t.Fatalf("%q, %v", p, err)
	}
	if err := c.Close(t.Context(), websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

// "…the client SHOULD connect to that proxy and ask it to open a TCP connection":
// for ws:, too. RFC 6455 §4.1
func TestProxyConnect(t *testing.T) {
	seen := make(chan http.Header, 1)
	echoing := websocket.Handler(echo, nil)
	target := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Clone()
		echoing.ServeHTTP(w, r)
	}))
	p := &connectProxy{to: strings.TrimPrefix(target, "ws://")}
	proxy := listening(t, p.serve)

	// The name is the proxy's to resolve.
	wantEcho(t, dial(t, "ws://nowhere.invalid/path?query", through(t, "http://user:p%40ss@"+proxy)))
	r := p.requests()[0]
	if r.Method != "CONNECT" || r.RequestURI != "nowhere.invalid:80" || r.Host != "nowhere.invalid:80" || r.Proto != "HTTP/1.1" {
		t.Errorf("the proxy was asked %s %s %s of %s", r.Method, r.RequestURI, r.Proto, r.Host)
	}
	if user, password, ok := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth(); user != "user" || password != "p@ss" || !ok {
		t.Errorf("the proxy was told %q", r.Header)
	}
	if len(r.Header) != 1 {
		t.Errorf("the proxy was told too much: %q", r.Header)
	}
	if h := <-seen; h.Get("Proxy-Authorization") != "" || h.Get("Authorization") != "" {
		t.Errorf("the server was told the proxy's password: %q", h)
	}
}

// A Proxy-Authorization in Header is the proxy's, and if there is no proxy
// nobody's.
func TestProxyAuthorizationInHeader(t *testing.T) {
	seen := make(chan http.Header, 2)
	target := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen <- r.Header.Clone() }))
	p := new(connectProxy)
	proxy := listening(t, p.serve)
	opts := through(t, "http://"+proxy)
	opts.Header = http.Header{"proxy-authorization": {"Bearer canary\r\nX: y"}, "Authorization": {"mine"}}
	websocket.Dial(t.Context(), target, opts)
	opts.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil }
	websocket.Dial(t.Context(), target, opts)

	if asked := p.requests(); len(asked) != 1 || asked[0].Header.Get("Proxy-Authorization") != "Bearer canary  X: y" || len(asked[0].Header) != 1 {
		t.Errorf("the proxy was told %q", asked[0].Header)
	}
	for range 2 {
		if h := <-seen; h.Get("Proxy-Authorization") != "" || h.Get("Authorization") != "mine" {
			t.Errorf("the server was told %q", h)
		}
	}
}

// TLS to the server goes through the tunnel; TLS to the proxy goes around it.
func TestProxyTLS(t *testing.T) {
	server := httptest.NewTLSServer(websocket.Handler(echo, nil))
	defer server.Close()
	trusting := &tls.Config{RootCAs: x509.NewCertPool()}
	trusting.RootCAs.AddCert(server.Certificate())

	plain := new(connectProxy)
	secure := &connectProxy{tls: server.TLS.Clone()}
	secure.tls.NextProtos = nil
	for name, proxy := range map[string]string{"http": "http://" + listening(t, plain.serve), "https": "https://" + listening(t, secure.serve)} {
		t.Run(name, func(t *testing.T) {
			opts := through(t, proxy)
			opts.TLSConfig, opts.ProxyTLSConfig = trusting, trusting
			wantEcho(t, dial(t, "wss"+strings.TrimPrefix(server.URL, "https"), opts))
			if trusting.ServerName != "" || trusting.NextProtos != nil {
				t.Error("the caller's tls.Config was changed")
			}
		})
	}
	if a, b := plain.requests(), secure.requests(); len(a) != 1 || len(b) != 1 || "https://"+a[0].RequestURI != server.URL {
		t.Errorf("asked %v, %v", a, b)
	}

	// TLSConfig says nothing of the proxy.
	opts := through(t, "https://"+listening(t, secure.serve))
	opts.TLSConfig = trusting
	_, _, err := websocket.Dial(t.Context(), "wss"+strings.TrimPrefix(server.URL, "https"), opts)
	var failed *wye.ProxyError
	if !errors.As(err, &failed) || failed.Response != nil || !errors.As(err, new(x509.UnknownAuthorityError)) || !strings.Contains(err.Error(), "TLS handshake") {
		t.Error(err)
	}
}

// What a proxy answers instead of opening a tunnel is not taken for the
// server's word.
func TestProxyRefuses(t *testing.T) {
	for _, x := range []struct {
		name, answer string
		status       int
		body, text   string
	}{
		{"407", "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 11\r\n\r\nwho are you", 407,
			"who are you", `it answered 407 Proxy Authentication Required (write user:password@ into its URL): "who are you"`},
		{"403 without a length", "HTTP/1.0 403 Forbidden\r\nContent-Type: text/html\r\n\r\n<p>no", 403, "<p>no", "it answered 403 Forbidden"},
		{"502 in chunks", "HTTP/1.1 502 Bad Gateway\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndead\r\n0\r\n\r\n", 502, "dead", `it answered 502 Bad Gateway: "dead"`},
		{"a body cut short", "HTTP/1.1 503 Busy\r\nContent-Length: 100\r\n\r\nhalf", 503, "half", `503 Busy: "half"`},
		{"a long body", "HTTP/1.1 503 Busy\r\n\r\n" + strings.Repeat("x", 200<<10), 503, strings.Repeat("x", 64<<10), "503 Busy"},
		{"informational first", "HTTP/1.1 103 Early\r\nA: b\r\n\r\nHTTP/1.1 404 None\r\n\r\n", 404, "", "404 None"},
		{"a switch", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 101, "", "101 Switching"},
		{"line feeds alone", "HTTP/1.1 404 None\n\nbody", 404, "body", "404 None"},
		{"no phrase", "HTTP/1.1 404\r\n\r\n", 404, "", "404"},
		{"nothing", "", 0, "", "closed the connection without an answer"},
		{"half a head", "HTTP/1.1 200 OK\r\nA: b\r\n", 0, "", "closed the connection without an answer"},
		{"a long head", "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("x", 17<<10) + "\r\n\r\n", 0, "", "over 16384 bytes"},
		{"no HTTP", "SSH-2.0-OpenSSH_9.2\r\n\r\n", 0, "", "is it an HTTP proxy?"},
		{"HTTP/2", "HTTP/2.0 200 OK\r\n\r\n", 0, "", "is it an HTTP proxy?"},
		{"an odd status", "HTTP/1.1 20x OK\r\n\r\n", 0, "", "is it an HTTP proxy?"},
		{"a short status", "HTTP/1.1 20 OK\r\n\r\n", 0, "", "is it an HTTP proxy?"},
		{"a bad refusal", "HTTP/1.1 403 No\r\nContent-Length: x\r\n\r\n", 0, "", "no HTTP response"},
		{"nothing final", strings.Repeat("HTTP/1.1 103 Early\r\n\r\n", 9), 0, "", "over 8 informational"},
	} {
		t.Run(x.name, func(t *testing.T) {
			proxy := listening(t, func(nc net.Conn) {
				http.ReadRequest(bufio.NewReader(nc))
				io.WriteString(nc, x.answer)
			})
			c, resp, err := websocket.Dial(t.Context(), "ws://target.example/", through(t, "http://canary:canary@"+proxy+"/?canary"))
			if c != nil || resp != nil || errors.As(err, new(*wye.RefusedError)) {
				t.Errorf("the proxy's answer was taken for the server's: %v, %v", resp, err)
			}
			var staged *wye.DialError
			var failed *wye.ProxyError
			if !errors.As(err, &staged) || staged.Stage != wye.StageConnect || !errors.As(err, &failed) {
				t.Fatal(err)
			}
			if !strings.Contains(err.Error(), x.text) || strings.Contains(err.Error(), "canary") || !strings.HasPrefix(failed.Error(), "wye: proxy http://"+proxy) {
				t.Errorf("%v; want %q", err, x.text)
			}
			switch {
			case x.status == 0:
				if failed.Response != nil || failed.Err == nil || failed.Proxy != "http://"+proxy+"/" {
					t.Errorf("%+v", failed)
				}
			case failed.Response == nil || failed.Response.StatusCode != x.status:
				t.Errorf("%+v", failed)
			default:
				if again, _ := io.ReadAll(failed.Response.Body); string(failed.Body) != x.body || string(again) != x.body {
					t.Errorf("bodies of %d and %d bytes, want %d", len(failed.Body), len(again), len(x.body))
				}
			}
		})
	}
}

// A tunnel is a tunnel whatever the answer says of a body, and what comes behind
// its head is the server's already.
func TestProxyTunnelOpens(t *testing.T) {
	target := newServer(t, websocket.Handler(echo, nil))
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 200\r\n\r\n", "HTTP/1.1 204 None\n\n", "HTTP/1.1 299 \r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: odd\r\nContent-Length: x\r\n\r\n",
	} {
		proxy := listening(t, func(nc net.Conn) {
			in := bufio.NewReader(nc)
			http.ReadRequest(in)
			io.WriteString(nc, answer)
			splice(nc, in, strings.TrimPrefix(target, "ws://"))
		})
		wantEcho(t, dial(t, "ws://target.example/", through(t, "http://"+proxy)))
	}
}

// A proxy that knows the handshake's answer before it is asked: all comes in one
// segment with the proxy's own, or a byte at a time.
func TestProxyEarlyBytes(t *testing.T) {
	for name, say := range map[string]func(nc net.Conn, s string){
		"at once": func(nc net.Conn, s string) { io.WriteString(nc, s) },
		"by bytes": func(nc net.Conn, s string) {
			for i := range len(s) {
				io.WriteString(nc, s[i:i+1])
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			opts := through(t, "http://proxy.example")
			opts.NetDial = func(_ context.Context, _, address string) (net.Conn, error) {
				if address != "proxy.example:80" {
					t.Errorf("dialled %s", address)
				}
				client, proxy := bufferedPipe()
				go func() { // ends with the dial
					defer proxy.Close()
					in := bufio.NewReader(proxy)
					http.ReadRequest(in)
					r, err := http.ReadRequest(in)
					if err != nil {
						t.Error(err)
						return
					}
					say(proxy, serverHead+"Sec-WebSocket-Accept: "+acceptOf(r.Header.Get("Sec-WebSocket-Key"))+"\r\n\r\n\x81\x05hello")
					io.Copy(io.Discard, in)
				}()
				say(proxy, "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n") // before it is asked
				return client, nil
			}
			c := dial(t, "ws://target.example/", opts)
			if _, p, err := c.Read(t.Context()); string(p) != "hello" {
				t.Errorf("%q, %v", p, err)
			}
		})
	}
}

// bufferedPipe is the two ends of a TCP connection.
func bufferedPipe() (a, b net.Conn) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	defer ln.Close()
	if a, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		panic(err)
	}
	if b, err = ln.Accept(); err != nil {
		panic(err)
	}
	return a, b
}

// The connection is the one that was dialled, so that all it can do it can do
// through a proxy, too.
func TestProxyReturnsTheDialledConnection(t *testing.T) {
	target := newServer(t, websocket.Handler(echo, nil))
	for scheme, serve := range map[string]func(net.Conn){
		"http": (&connectProxy{}).serve, "socks5": (&socksProxy{}).serve,
	} {
		var half halfCounter
		opts := through(t, scheme+"://"+listening(t, serve))
		opts.NetDial = func(ctx context.Context, network, address string) (net.Conn, error) {
			nc, err := new(net.Dialer).DialContext(ctx, network, address)
			half.Conn = nc
			return &half, err
		}
		nc, resp, err := websocket.DialRaw(t.Context(), target, opts)
		if err != nil || resp.StatusCode != 101 {
			t.Fatal(err)
		}
		if err := nc.CloseWrite(); err != nil || half.closed != 1 {
			t.Errorf("%s: CloseWrite: %v", scheme, err)
		}
		nc.Close()
	}
}

type halfCounter struct {
	net.Conn
	closed int
}

func (h *halfCounter) CloseWrite() error {
	h.closed++
	return nil
}

// stallingProxies stop at some stage.
var stallingProxies = []struct {
	why, url string
	stall    func(in *bufio.Reader, nc net.Conn)
}{
	{"nobody accepts", "http://p", nil},
	{"the request is not read", "http://p", func(*bufio.Reader, net.Conn) {}},
	{"no answer", "http://p", func(in *bufio.Reader, _ net.Conn) { http.ReadRequest(in) }},
	{"half a head", "http://p", func(in *bufio.Reader, nc net.Conn) { http.ReadRequest(in); io.WriteString(nc, "HTTP/1.1 200 OK\r\n") }},
	{"no answer behind the tunnel", "http://p", func(in *bufio.Reader, nc net.Conn) {
		http.ReadRequest(in)
		io.WriteString(nc, "HTTP/1.1 200 OK\r\n\r\n")
	}},
	{"no TLS", "https://p", func(*bufio.Reader, net.Conn) {}},
	{"no greeting", "socks5://p", func(in *bufio.Reader, _ net.Conn) { in.Discard(3) }},
	{"no verdict", "socks5://u:p@p", func(in *bufio.Reader, nc net.Conn) {
		in.Discard(4)
		nc.Write([]byte{5, 2})
		in.Discard(5)
	}},
	{"no reply", "socks5h://p", func(in *bufio.Reader, nc net.Conn) {
		in.Discard(3)
		nc.Write([]byte{5, 0})
		in.Discard(8)
		nc.Write([]byte{5, 0})
	}},
}

// ctx and HandshakeTimeout bound a proxy's part, too, at every stage.
func TestProxyIsBounded(t *testing.T) {
	for _, x := range stallingProxies {
		for _, how := range []string{"cancelled", "timed out", "by default"} {
			t.Run(x.why+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithCancel(t.Context())
					defer cancel()
					opts := through(t, x.url)
					want, wantErr := 10*time.Second, context.DeadlineExceeded
					switch how {
					case "cancelled":
						want, wantErr = time.Second, context.Canceled
						time.AfterFunc(want, cancel)
					case "timed out":
						want = 3 * time.Second
						opts.HandshakeTimeout = want
					}
					over := make(chan struct{})
					var proxy sync.WaitGroup
					opts.NetDial = func(ctx context.Context, _, _ string) (net.Conn, error) {
						if x.stall == nil {
							<-ctx.Done()
							return nil, ctx.Err()
						}
						client, server := net.Pipe()
						proxy.Go(func() {
							x.stall(bufio.NewReader(server), server)
							<-over
							server.Close()
						})
						return client, nil
					}
					began := time.Now()
					c, _, err := websocket.Dial(ctx, "ws://target.example", opts)
					if d := time.Since(began); d != want {
						t.Errorf("it took %v, want %v", d, want)
					}
					if c != nil || !errors.Is(err, wantErr) {
						t.Error(err)
					}
					close(over)
					proxy.Wait()
				})
			})
		}
	}
}

// A refusal's body is not waited for longer than two seconds.
func TestProxyRefusalBodyIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var proxy sync.WaitGroup
		opts := through(t, "http://p")
		opts.NetDial = func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			proxy.Go(func() {
				http.ReadRequest(bufio.NewReader(server))
				io.WriteString(server, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 9\r\n\r\nslow")
				io.Copy(io.Discard, server) // until the client closes
			})
			return client, nil
		}
		began := time.Now()
		_, _, err := websocket.Dial(t.Context(), "ws://target.example", opts)
		var failed *wye.ProxyError
		if !errors.As(err, &failed) || failed.Response == nil || string(failed.Body) != "slow" {
			t.Error(err)
		}
		if d := time.Since(began); d != 2*time.Second {
			t.Errorf("it took %v", d)
		}
		proxy.Wait()
	})
}

// Whoever chooses the proxy sees ws: as http: and wss: as https:, for each hop.
func TestProxyIsChosen(t *testing.T) {
	for raw, want := range map[string]string{
		"ws://a.example": "http://a.example/", "wss://a.example:8443/x?y": "https://a.example:8443/x?y",
		"http://a.example/": "http://a.example/", "WSS://a.example/": "https://a.example/",
	} {
		stop := errors.New("seen")
		_, _, err := websocket.Dial(t.Context(), raw, &websocket.DialOptions{Proxy: func(r *http.Request) (*url.URL, error) {
			if r.URL.String() != want || r.Context().Err() != nil {
				t.Errorf("%s is seen as %s", raw, r.URL)
			}
			if _, ok := r.Context().Deadline(); !ok {
				t.Error("choosing has no bound")
			}
			return nil, stop
		}})
		var staged *wye.DialError
		if !errors.Is(err, stop) || !errors.As(err, &staged) || staged.Stage != wye.StageConnect || !strings.Contains(err.Error(), "no proxy could be chosen: seen") {
			t.Error(err)
		}
	}

	end := newServer(t, websocket.Handler(echo, nil))

	start := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, map[string]string{"/": "/on", "/on": end}[r.URL.Path], http.StatusFound)
	}))
	var asked []string
	wantEcho(t, dial(t, start, &websocket.DialOptions{MaxRedirects: 2, Proxy: func(r *http.Request) (*url.URL, error) {
		asked = append(asked, "ws"+strings.TrimPrefix(r.URL.String(), "http"))
		return nil, nil
	}}))
	if want := []string{start + "/", start + "/on", end + "/"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
}

// http.ProxyFromEnvironment quotes what it cannot parse.
func TestProxyErrorsKeepPasswords(t *testing.T) {
	for _, proxy := range []string{"ftp://u:canary@p", "//u:canary@p", "http://u:canary@", "http://u:canary@?canary"} {
		_, _, err := websocket.Dial(t.Context(), "ws://target.example", through(t, proxy))
		var failed *wye.ProxyError
		if !errors.As(err, &failed) || strings.Contains(err.Error(), "canary") || !strings.Contains(err.Error(), "its URL") {
			t.Error(err)
		}
	}
	quoting := errors.New(`invalid proxy address "http://u:can%ary@p": invalid URL escape "%ar"`)
	_, _, err := websocket.Dial(t.Context(), "ws://target.example", &websocket.DialOptions{
		Proxy: func(*http.Request) (*url.URL, error) { return nil, quoting },
	})
	if !errors.Is(err, quoting) || strings.Contains(err.Error(), "ary") {
		t.Error(err)
	}
}

// Nobody is asked for a proxy to a URL that cannot be dialled.
func TestProxyOfNoURL(t *testing.T) {
	_, _, err := websocket.Dial(t.Context(), "ws://a b/", &websocket.DialOptions{Proxy: func(r *http.Request) (*url.URL, error) {
		t.Errorf("asked for %v", r.URL)
		return nil, nil
	}})
	var failed *wye.DialError
	if !errors.As(err, &failed) || failed.Stage != wye.StageRequest {
		t.Error(err)
	}
}

func TestProxyCannotBeReached(t *testing.T) {
	stop := errors.New("no route")
	for proxy, want := range map[string]string{
		"http://p": "p:80", "HTTPS://p": "p:443", "socks5://p": "p:1080", "socks5h://[::1]:99": "[::1]:99", "http://p:3128/": "p:3128",
	} {
		opts := through(t, proxy)
		opts.NetDial = func(_ context.Context, network, address string) (net.Conn, error) {
			if network != "tcp" || address != want {
				t.Errorf("%s: dialled %s %s", proxy, network, address)
			}
			return nil, stop
		}
		_, _, err := websocket.Dial(t.Context(), "wss://target.example", opts)
		if !errors.Is(err, stop) || !errors.As(err, new(*wye.ProxyError)) {
			t.Error(err)
		}
	}
}
