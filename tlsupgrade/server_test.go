package tlsupgrade

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/internal/talk"
	"github.com/wye-org/wye/websocket"
)

// "Once the TLS handshake completes successfully, the server MUST continue with
// the response to the original request." RFC 2817 §3.3. And the connection goes
// on. The fields that were for the one in the clear are gone.
func TestUpgrade(t *testing.T) {
	_, address := serve(t, nil, nil)
	p := talk.To(t, address)
	p.Say("GET http://other.example/path?query=%20 HTTP/1.1\r\nHost: host.example\r\nCookie: a=b\r\nX-Two: 1\r\nX-Two: \xe9\r\nX-Hop: hop\r\n" +
		"Connection: X-Hop\r\nKeep-Alive: 5\r\nTE: trailers\r\n" + asking + "\r\n")
	p.Want(switched)
	p = secure(t, p)
	want := "GET /path?query=%20 host other.example, body 0 <nil>, TLS true\nCookie: [\"a=b\"]\nX-Two: [\"1\" \"\\xe9\"]\n"
	if _, body := p.WantResponse("GET", 200); body != want {
		t.Errorf("got %q, want %q", body, want)
	}
	p.Say("POST /next HTTP/1.1\r\nHost: host.example\r\nContent-Length: 5\r\n\r\nhello")
	if _, body := p.WantResponse("POST", 200); !strings.HasPrefix(body, "POST /next host host.example, body 5 <nil>, TLS true") {
		t.Errorf("got %q", body)
	}
	p.Say(ask) // there is no TLS in TLS
	if _, body := p.WantResponse("GET", 200); !strings.HasPrefix(body, "GET /path?query host host.example, body 0 <nil>, TLS true") {
		t.Errorf("got %q", body)
	}
}

// The 101 names what was asked for, whatever the version.
func TestTokens(t *testing.T) {
	_, address := serve(t, nil, nil)
	for asked, want := range map[string]string{
		"TLS/1.0": "TLS/1.0", "TLS/1.1": "TLS/1.1", "tls/1.3": "TLS/1.3",
		"TLS/1.2,TLS/1.1,TLS/1.0": "TLS/1.2", // as CUPS does
		"TLS/1.0, HTTP/1.1":       "TLS/1.0", // as in RFC 2817
	} {
		p := talk.To(t, address)
		p.Say(strings.Replace(ask, "TLS/1.2", asked, 1))
		p.Want(strings.Replace(switched, "TLS/1.2", want, 1))
		p = secure(t, p)
		if v := p.Conn.(*tls.Conn).ConnectionState().Version; v != tls.VersionTLS13 {
			t.Errorf("%s: %s was agreed on", asked, tls.VersionName(v))
		}
		p.WantResponse("GET", 200)
	}
}

// "OPTIONS *" is answered over TLS, and the handler does not see it.
func TestOptions(t *testing.T) {
	_, address := serve(t, nil, nil)
	p := talk.To(t, address)
	for range 2 { // without the upgrade, as net/http does
		p.Say("OPTIONS * HTTP/1.1\r\nHost: host.example\r\n\r\n")
		if resp, body := p.WantResponse("OPTIONS", 200); body != "" || resp.Header.Get("Content-Length") != "0" || resp.Header.Get("Upgrade") != "" {
			t.Errorf("got %v with %q", resp.Header, body)
		}
	}
	p.Say("OPTIONS * HTTP/1.1\r\nHost: host.example\r\n" + asking + "\r\n")
	p.Want(switched)
	p = secure(t, p)
	if resp, body := p.WantResponse("OPTIONS", 200); body != "" || resp.Close {
		t.Errorf("got %v with %q", resp.Header, body)
	}
	p.Say(plain)
	if _, body := p.WantResponse("GET", 200); !strings.Contains(body, "TLS true") {
		t.Errorf("got %q", body)
	}
	p.Say("OPTIONS /path HTTP/1.1\r\nHost: host.example\r\n\r\n")
	if _, body := p.WantResponse("OPTIONS", 200); !strings.HasPrefix(body, "OPTIONS /path") {
		t.Errorf("got %q", body)
	}
}

// Unless the handler answered it before.
func TestOptionsOfTheHandler(t *testing.T) {
	srv := &http.Server{Handler: report, DisableGeneralOptionsHandler: true}
	Enable(srv, serverConfig(), &Options{Logger: quiet})
	p := talk.To(t, start(t, srv))
	p.Say("OPTIONS * HTTP/1.1\r\nHost: host.example\r\n" + asking + "\r\n")
	p.Want(switched)
	if _, body := secure(t, p).WantResponse("OPTIONS", 200); !strings.HasPrefix(body, "OPTIONS * host host.example") {
		t.Errorf("got %q", body)
	}
}

func TestConnectionCloseIsKept(t *testing.T) {
	_, address := serve(t, nil, nil)
	p := talk.To(t, address)
	p.Say(strings.Replace(ask, "Upgrade\r\n", "Upgrade, close\r\n", 1))
	p.Want(switched)
	p = secure(t, p)
	if resp, _ := p.WantResponse("GET", 200); !resp.Close {
		t.Errorf("got %v", resp.Header)
	}
	p.WantEnd()
}

// What is not in order, or not for us, is answered in the clear.
var declined = []struct{ name, fields string }{
	{"no Upgrade", ""},
	{"no Connection", "Upgrade: TLS/1.2\r\n"},
	{"Connection: no-upgrade", "Connection: no-upgrade\r\nUpgrade: TLS/1.2\r\n"},
	{"no version", "Connection: Upgrade\r\nUpgrade: TLS\r\n"},
	{"TLS/2.0", "Connection: Upgrade\r\nUpgrade: TLS/2.0\r\n"},
	{"TLS/1", "Connection: Upgrade\r\nUpgrade: TLS/1\r\n"},
	{"SSL/3.0", "Connection: Upgrade\r\nUpgrade: SSL/1.2\r\n"},
	{"another token is preferred", "Connection: Upgrade\r\nUpgrade: websocket, TLS/1.2\r\n"},
	{"a body", asking + "Content-Length: 7\r\n\r\nhello"},
	{"a chunked body", asking + "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"},
}

var proxied = []struct{ name, fields string }{
	{"Via", asking + "Via: 1.1 proxy\r\n"},
	{"Forwarded", asking + "Forwarded: for=a\r\n"},
	{"X-Forwarded-For", asking + "X-Forwarded-For: 10.0.0.1\r\n"},
}

func TestDeclined(t *testing.T) {
	for _, tt := range append(declined, proxied...) {
		t.Run(tt.name, func(t *testing.T) {
			_, address := serve(t, nil, nil)
			p := talk.To(t, address)
			for range 2 {
				p.Say("PUT /path HTTP/1.1\r\nHost: host.example\r\n" + tt.fields + "\r\n")
				resp, body := p.WantResponse("PUT", 200)
				if !strings.HasPrefix(body, "PUT /path host host.example, body") || !strings.Contains(body, "TLS false") || resp.Header.Get("Upgrade") != "" {
					t.Errorf("got %v with %q", resp.Header, body)
				}
			}
		})
	}
}

// "A server MAY indicate that a client request can not be completed without TLS
// using the "426 Upgrade Required" status code, which MUST include an an Upgrade
// header field specifying the token of the required TLS version." RFC 2817 §4.2
func TestRequired(t *testing.T) {
	for _, tt := range declined {
		t.Run(tt.name, func(t *testing.T) {
			_, address := serve(t, nil, &Options{Required: true})
			p := talk.To(t, address)
			for range 2 {
				p.Say("PUT /path HTTP/1.1\r\nHost: host.example\r\n" + tt.fields + "\r\n")
				resp, body := p.WantResponse("PUT", 426)
				if resp.Header.Get("Upgrade") != "TLS/1.2, HTTP/1.1" || resp.Header.Get("Connection") != "Upgrade" || !strings.Contains(body, "Upgrade: TLS/1.2") {
					t.Errorf("got %v with %q", resp.Header, body)
				}
			}
			p.Say(ask) // the next may do it
			p.Want(switched)
			if _, body := secure(t, p).WantResponse("GET", 200); !strings.Contains(body, "TLS true") {
				t.Errorf("got %q", body)
			}
		})
	}
	_, address := serve(t, nil, &Options{Required: true})
	p := talk.To(t, address)
	p.Say("OPTIONS * HTTP/1.1\r\nHost: host.example\r\n\r\n")
	p.WantResponse("OPTIONS", 426)
}

// Where no upgrade can follow, 426 would be a lie.
func TestRequiredAndImpossible(t *testing.T) {
	srv, address := serve(t, nil, &Options{Required: true, Allow: func(r *http.Request) bool { return r.URL.Path != "/no" }})
	for _, tt := range proxied {
		p := talk.To(t, address)
		p.Say("GET /path HTTP/1.1\r\nHost: host.example\r\n" + tt.fields + "\r\n")
		if resp, _ := p.WantResponse("GET", 403); resp.Header.Get("Upgrade") != "" {
			t.Errorf("%s: got %v", tt.name, resp.Header)
		}
	}
	for _, request := range []string{
		strings.Replace(ask, "HTTP/1.1", "HTTP/1.0", 1),
		strings.Replace(ask, "/path", "/no", 1),
		strings.Replace(plain, "/plain", "/no", 1),
	} {
		p := talk.To(t, address)
		p.Say(request)
		p.WantResponse("GET", 403)
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Proto, r.ProtoMajor, r.ProtoMinor = "HTTP/2.0", 2, 0
	srv.Handler.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), http.ServerContextKey, srv)))
	if w.Code != 403 {
		t.Errorf("HTTP/2: got %d", w.Code)
	}
}

func TestDeclinedForAnotherTarget(t *testing.T) {
	_, address := serve(t, nil, nil)
	for _, line := range []string{"GET name:opaque", "CONNECT host.example:80"} {
		p := talk.To(t, address)
		p.Say(line + " HTTP/1.1\r\nHost: host.example\r\n" + asking + "\r\n")
		p.Want("HTTP/1.1 200 OK\r\n")
	}
}

func TestDeclinedByAllow(t *testing.T) {
	_, address := serve(t, nil, &Options{Allow: func(r *http.Request) bool { return r.URL.Path == "/yes" }})
	p := talk.To(t, address)
	p.Say(ask)
	p.WantResponse("GET", 200)
	p.Say(strings.Replace(ask, "/path", "/yes", 1))
	p.Want(switched)
}

// A handler of one server behind another one, and one that is no server's.
func TestDeclinedInAnotherServer(t *testing.T) {
	srv, _ := serve(t, nil, nil)
	p := talk.To(t, start(t, &http.Server{Handler: srv.Handler}))
	p.Say(ask)
	p.WantResponse("GET", 200)
}

// "Any TLS handshake failure MUST lead to disconnection, per the TLS error alert
// specification." RFC 2817 §3.3
func TestHandshakeFails(t *testing.T) {
	for name, change := range map[string]func(*tls.Config){
		"TLS 1.1":                func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 },
		"HTTP/2 alone":           func(c *tls.Config) { c.NextProtos = []string{"h2"} },
		"the client's own fault": func(c *tls.Config) { c.ServerName = "other.example" },
	} {
		_, address := serve(t, nil, nil)
		p := talk.To(t, address)
		p.Say(ask)
		p.Want(switched)
		config := clientConfig()
		change(config)
		if err := tls.Client(p.Conn, config).Handshake(); err == nil {
			t.Errorf("%s: the handshake succeeds", name)
		}
		p.WantEnd() // behind an alert, perhaps
	}
}

// TLS before 1.2 is not spoken even where the configuration says so.
func TestOldTLSIsNotSpoken(t *testing.T) {
	config := serverConfig()
	config.MinVersion = tls.VersionTLS10
	srv := &http.Server{Handler: report}
	Enable(srv, config, &Options{Logger: quiet})
	if config.NextProtos != nil || config.MinVersion != tls.VersionTLS10 {
		t.Error("the configuration was changed")
	}
	p := talk.To(t, start(t, srv))
	p.Say(strings.Replace(ask, "TLS/1.2", "TLS/1.0", 1))
	p.Want(strings.Replace(switched, "TLS/1.2", "TLS/1.0", 1))
	old := clientConfig()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if err := tls.Client(p.Conn, old).Handshake(); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
}

// What GetConfigForClient agrees on may be HTTP/2; nobody would speak it.
func TestHTTP2IsNotAgreedOn(t *testing.T) {
	seen := make(chan string, 1)
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen <- r.URL.Path })}
	Enable(srv, &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		config := serverConfig()
		config.NextProtos = []string{"h2"}
		return config, nil
	}}, &Options{Logger: quiet})
	p := talk.To(t, start(t, srv))
	p.Say(ask)
	p.Want(switched)
	config := clientConfig()
	config.NextProtos = []string{"h2"}
	c := tls.Client(p.Conn, config)
	c.Handshake()
	io.Copy(io.Discard, c)
	if len(seen) > 0 {
		t.Errorf("the handler saw %s", <-seen)
	}
}

// No configuration is no reason to panic.
func TestNoCertificate(t *testing.T) {
	srv := &http.Server{Handler: report}
	Enable(srv, nil, &Options{Logger: quiet})
	p := talk.To(t, start(t, srv))
	p.Say(ask)
	p.Want(switched)
	if err := tls.Client(p.Conn, clientConfig()).Handshake(); err == nil {
		t.Error("the handshake succeeds")
	}
}

func TestTheHandshakeTimesOut(t *testing.T) {
	_, address := serve(t, nil, &Options{Timeout: 300 * time.Millisecond})
	p := talk.To(t, address)
	p.Say(ask)
	p.Want(switched)
	p.WantEnd()
}

// Optimistic data: a ClientHello may come before the 101. RFC 9931.
func TestOptimisticClientHello(t *testing.T) {
	_, address := serve(t, nil, nil)
	p := talk.To(t, address)
	early := &behind{Peer: p, first: ask}
	c := tls.Client(early, clientConfig())
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	if _, body := talk.With(t, c).WantResponse("GET", 200); !strings.Contains(body, "TLS true") {
		t.Errorf("got %q", body)
	}
}

// behind is a connection whose first bytes go out with first before them, and
// come in behind the 101.
type behind struct {
	*talk.Peer
	first string
	head  bool
}

func (c *behind) Write(p []byte) (int, error) {
	c.Say(c.first + string(p))
	c.first = ""
	return len(p), nil
}

func (c *behind) Read(p []byte) (int, error) {
	if !c.head {
		c.Want(switched)
		c.head = true
	}
	return c.Peer.Read.Read(p)
}

// Optimistic data that is no TLS: a request in the clear behind the upgrade,
// which somebody on the way may have put there, is not taken for one that came
// over TLS.
func TestPlaintextInjection(t *testing.T) {
	seen := make(chan string, 2)
	_, address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { seen <- r.URL.Path }), nil)
	p := talk.To(t, address)
	p.Say(ask + "GET /injected HTTP/1.1\r\nHost: host.example\r\n\r\n")
	p.Want(switched)
	p.WantEnd()
	if len(seen) > 0 {
		t.Errorf("the handler saw %s", <-seen)
	}
}

// A reverse proxy that passes Upgrade on would become a tunnel into the server.
// httputil.ReverseProxy does; it says so only where it sets X-Forwarded-For.
func TestSmugglingThroughReverseProxy(t *testing.T) {
	_, address := serve(t, nil, &Options{Allow: func(r *http.Request) bool { return r.Header.Get("X-Trusted-Proxy") == "" }})
	backend := &url.URL{Scheme: "http", Host: address}
	for name, proxy := range map[string]http.Handler{
		"NewSingleHostReverseProxy": httputil.NewSingleHostReverseProxy(backend),
		"Rewrite": &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(backend)
			r.Out.Header.Set("X-Trusted-Proxy", "1")
		}},
	} {
		front := httptest.NewServer(proxy)
		defer front.Close()
		p := talk.To(t, front.Listener.Addr().String())
		p.Say(ask)
		if _, body := p.WantResponse("GET", 200); !strings.Contains(body, "TLS false") {
			t.Errorf("%s: got %q", name, body)
		}
	}
}

// A WebSocket over the connection: its request has TLS, so its Origin is https:,
// and it is one connection to the Group.
func TestWebSocket(t *testing.T) {
	mux := http.NewServeMux()
	srv, address := serve(t, mux, nil)
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Options: websocket.Options{Logger: quiet}})
		if err != nil {
			return
		}
		for {
			typ, p, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), typ, p) != nil {
				return
			}
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), talk.Patience)
	defer cancel()
	dialer := &Dialer{TLSConfig: clientConfig()}
	dial := func(origin string) (*websocket.Conn, error) {
		opts := new(websocket.DialOptions)
		opts.NetDial = dialer.DialContext
		opts.Header = http.Header{"Origin": {origin}}
		c, _, err := websocket.Dial(ctx, "ws://"+address+"/echo", opts)
		return c, err
	}
	if _, err := dial("http://" + address); err == nil {
		t.Error("an Origin of http: is taken")
	}
	c, err := dial("https://" + address)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Write(ctx, websocket.MessageText, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, p, err := c.Read(ctx); err != nil || string(p) != "hello" {
		t.Errorf("got %q, %v", p, err)
	}
	if n := wye.GroupOf(srv).Len(); n != 1 {
		t.Errorf("the Group has %d connections, want 1", n)
	}
	closed := make(chan error, 1)
	go func() { // received below
		_, _, err := c.Read(ctx)
		closed <- err
	}()
	counts, err := wye.Shutdown(ctx, srv, wye.Drain{})
	if err != nil || counts != (wye.DrainCounts{Clean: 1}) {
		t.Errorf("got %+v, %v", counts, err)
	}
	if err := <-closed; websocket.CloseStatus(err) != websocket.StatusGoingAway {
		t.Errorf("got %v", err)
	}
}

// The connection is the server's: an orderly end closes it when it is idle.
func TestShutdown(t *testing.T) {
	srv, address := serve(t, nil, nil)
	p := talk.To(t, address)
	p.Say(ask)
	p.Want(switched)
	p = secure(t, p)
	p.WantResponse("GET", 200)
	if n := wye.GroupOf(srv).Len(); n != 0 {
		t.Errorf("the Group has %d connections", n)
	}
	if counts, err := wye.Shutdown(t.Context(), srv, wye.Drain{}); err != nil || counts != (wye.DrainCounts{}) {
		t.Errorf("got %+v, %v", counts, err)
	}
	p.WantEnd()
}

func TestDeclinedWhileDraining(t *testing.T) {
	srv, address := serve(t, nil, nil)
	p := talk.To(t, address)
	p.Say(plain)
	p.WantResponse("GET", 200)
	if _, err := wye.GroupOf(srv).Shutdown(t.Context(), wye.Drain{}); err != nil {
		t.Fatal(err)
	}
	p.Say(ask)
	p.WantResponse("GET", 200)
}

func TestTheServerEndsBeforeTheHandshake(t *testing.T) {
	srv, address := serve(t, nil, nil)
	p := talk.To(t, address)
	p.Say(ask)
	p.Want(switched)
	srv.Close()
	c := tls.Client(p.Conn, clientConfig())
	c.Handshake()
	if n, err := c.Read(make([]byte, 1)); n > 0 || err == nil {
		t.Error("it is answered")
	}
}
