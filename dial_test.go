package wye

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// answering is a server that plays a script to each connection; it returns the
// address.
func answering(t *testing.T, script func(p *peer)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with the listener
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			played := make(chan struct{})
			go func() { // received below; peer may end it early
				defer close(played)
				defer c.Close()
				p := newPeer(t, c)
				p.script = true
				script(p)
			}()
			<-played
		}
	}()
	t.Cleanup(func() { l.Close(); <-done })
	return l.Addr().String()
}

// dial is Dial for example.
func dial(t *testing.T, url string, opts ...func(*DialOptions)) (Conn, *http.Response, error) {
	o := &DialOptions{Tokens: []Token{example}}
	for _, f := range opts {
		f(o)
	}
	c, resp, err := Dial(t.Context(), url, o)
	if (c == nil) != (err != nil) {
		t.Fatalf("Dial returned %v and %v", c, err)
	}
	if c != nil {
		t.Cleanup(func() { c.Close() })
	}
	return c, resp, err
}

// The request, byte by byte: Host first, one Upgrade value, lower case as given.
func TestDialAsks(t *testing.T) {
	var got string
	address := answering(t, func(p *peer) {
		_, got = p.wantRequest()
		p.say(switched + "early")
		p.want("late")
	})
	for _, tt := range []struct {
		why, url string
		opts     DialOptions
		want     string
	}{
		{"no path means /, RFC 9112 §3.2.1", "ws://HOST", DialOptions{}, "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: example/1\r\n\r\n"},
		{"no path, but a query", "http://HOST?a=b", DialOptions{}, "GET /?a=b HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: example/1\r\n\r\n"},
		{"a path and a query", "http://HOST/a%2Fb/c%20d?x=y&z", DialOptions{}, "GET /a%2Fb/c%20d?x=y&z HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: example/1\r\n\r\n"},
		{"what would end the target", "http://HOST/a b?c d\u00e9", DialOptions{}, "GET /a%20b?c%20d%C3%A9 HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: example/1\r\n\r\n"},
		{"a # in the path", "http://HOST/a%23b", DialOptions{}, "GET /a%23b HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: example/1\r\n\r\n"},
		{"the scheme in any case", "WS://HOST/", DialOptions{}, "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: example/1\r\n\r\n"},
		{"several tokens, in our order", "http://HOST/", DialOptions{Tokens: []Token{{"foo", "2"}, example, {"bar", ""}}},
			"GET / HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: foo/2, example/1, bar\r\n\r\n"},
		{"userinfo is Basic, and not in the Host, RFC 9110 §4.2.4", "http://us%40er:pass%3aword@HOST/", DialOptions{},
			"GET / HTTP/1.1\r\nHost: HOST\r\nAuthorization: Basic dXNAZXI6cGFzczp3b3Jk\r\nConnection: Upgrade\r\nUpgrade: example/1\r\n\r\n"},
		{"Authorization before userinfo, in any case", "http://user:pw@HOST/", DialOptions{Header: http.Header{"authorization": {"Bearer x"}}},
			"GET / HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nUpgrade: example/1\r\nauthorization: Bearer x\r\n\r\n"},
		{"a Host and a method", "http://HOST/", DialOptions{Method: "OPTIONS", Header: http.Header{"host": {"other.example"}}},
			"OPTIONS / HTTP/1.1\r\nHost: other.example\r\nConnection: Upgrade\r\nUpgrade: example/1\r\n\r\n"},
		{"connection options beside ours", "http://HOST/", DialOptions{Header: http.Header{"Connection": {"upgrade, X-Hop", "keep-alive"}, "X-Hop": {"1"}}},
			"GET / HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade, X-Hop, keep-alive\r\nUpgrade: example/1\r\nX-Hop: 1\r\n\r\n"},
		{"fields of the caller, but not those of the switch and of a body", "http://HOST/", DialOptions{Header: http.Header{
			"upgrade": {"other"}, "Upgrade": {"other"}, "Content-Length": {"5"}, "transfer-encoding": {"chunked"}, "Trailer": {"X"},
			"Sec-WebSocket-Key": {"as written"}, "X-A": {"1", "2"},
		}}, "GET / HTTP/1.1\r\nHost: HOST\r\nConnection: Upgrade\r\nSec-WebSocket-Key: as written\r\nUpgrade: example/1\r\nX-A: 1\r\nX-A: 2\r\n\r\n"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			header := tt.opts.Header.Clone()
			if tt.opts.Tokens == nil {
				tt.opts.Tokens = []Token{example}
			}
			c, resp, err := Dial(t.Context(), strings.ReplaceAll(tt.url, "HOST", address), &tt.opts)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if resp.StatusCode != 101 || Chosen(resp) != example {
				t.Errorf("got %v, %v", resp.Status, Chosen(resp))
			}
			wantRead(t, c, "early") // what came behind the 101 is first
			speak(t, c, "late")
			if want := strings.ReplaceAll(tt.want, "HOST", address); got != want {
				t.Errorf("sent\n%q\nwant\n%q", got, want)
			}
			if !maps.EqualFunc(header, tt.opts.Header, slices.Equal) {
				t.Errorf("the options were changed: %v", tt.opts.Header)
			}
		})
	}
}

// errStop stops a dial where the transport connection would be opened.
var errStop = errors.New("stop here")

// Where a URL leads: the address to connect to, and the Host to ask for.
func TestDialURL(t *testing.T) {
	for _, tt := range []struct{ url, address, host string }{
		{"http://wye.example", "wye.example:80", "wye.example"},
		{"ws://wye.example", "wye.example:80", "wye.example"},
		{"ws://wye.example:8080/", "wye.example:8080", "wye.example:8080"},
		{"ws://wye.example:/", "wye.example:80", "wye.example"},
		{"https://wye.example", "wye.example:443", "wye.example"},
		{"wss://wye.example:80", "wye.example:80", "wye.example:80"},
		{"ws://b\u00fccher.example:81", "xn--bcher-kva.example:81", "xn--bcher-kva.example:81"},
		{"ws://B\u00dcCHER.example", "xn--bcher-kva.example:80", "xn--bcher-kva.example"},
		{"ws://127.0.0.1", "127.0.0.1:80", "127.0.0.1"},
		{"ws://[::1]", "[::1]:80", "[::1]"},
		{"ws://[::1]:81", "[::1]:81", "[::1]:81"},
		// The zone "has no meaning outside the host". RFC 6874 §4
		{"ws://[fe80::1%25eth0]:81", "[fe80::1%eth0]:81", "[fe80::1]:81"},
	} {
		t.Run(tt.url, func(t *testing.T) {
			var connected string
			_, _, err := dial(t, tt.url, func(o *DialOptions) {
				o.NetDial = func(ctx context.Context, network, address string) (net.Conn, error) {
					connected = network + " " + address
					return nil, errStop
				}
			})
			var failed *DialError
			if !errors.As(err, &failed) || failed.Stage != StageConnect || !errors.Is(err, errStop) {
				t.Fatal(err)
			}
			h, err := (&DialOptions{Tokens: []Token{example}}).firstHop(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			if connected != "tcp "+tt.address || h.request.Host != tt.host {
				t.Errorf("connected to %q, want %q; Host is %q, want %q", connected, tt.address, h.request.Host, tt.host)
			}
		})
	}
}

// What cannot be asked for is an error before anything is sent.
func TestDialRefusesToAsk(t *testing.T) {
	for _, tt := range []struct {
		why, url string
		opts     *DialOptions
		text     string
	}{
		{"a fragment, RFC 6455 §3", "ws://a/b#c", nil, "#fragment"},
		{"an empty fragment", "ws://a/b#", nil, "#fragment"},
		{"no scheme", "//a/b", nil, "no scheme: want http"},
		{"no scheme", "a/b", nil, "no scheme"},
		{"another scheme", "ftp://a/b", nil, `"ftp": want http`},
		{"a host taken for a scheme", "localhost:8080/", nil, `"localhost": want http`},
		{"no host", "ws:///b", nil, "no host"},
		{"no host but a port", "ws://:80/b", nil, "no host"},
		{"opaque", "ws:a/b", nil, "no host"},
		{"it does not parse", "ws://a:port/", nil, "does not parse: invalid port"},
		{"a control character", "ws://a/\r\nX: y", nil, "does not parse"},
		{"a host that is no name", "ws://\u2100.example/", nil, "no domain name"},
		{"no options", "ws://a/", nil, "set DialOptions.Tokens"},
		{"no token", "ws://a/", &DialOptions{}, "set DialOptions.Tokens"},
		{"what is none", "ws://a/", &DialOptions{Tokens: []Token{{"a, b", ""}}}, `"a, b" is not an upgrade token`},
		{"the zero token", "ws://a/", &DialOptions{Tokens: []Token{{}}}, "is not an upgrade token"},
		{"a method that is none", "ws://a/", &DialOptions{Tokens: []Token{example}, Method: "GET / HTTP/1.1\r\nX:"}, "is not a method"},
		{"a value that ends the line", "ws://a/", &DialOptions{Tokens: []Token{example}, Header: http.Header{"X": {"a\r\nY: b"}}}, `header field "X"`},
		{"a name that is no token", "ws://a/", &DialOptions{Tokens: []Token{example}, Header: http.Header{"X: y\r\nZ": {"a"}}}, "the name must be a token"},
		{"a Host that ends the line", "ws://a/", &DialOptions{Tokens: []Token{example}, Header: http.Header{"Host": {"a\r\nX: y"}}}, "the Host"},
		{"a Host with a path", "ws://a/", &DialOptions{Tokens: []Token{example}, Header: http.Header{"Host": {"a/b"}}}, "the Host"},
		{"a Host with NUL", "ws://a/", &DialOptions{Tokens: []Token{example}, Header: http.Header{"Host": {"a\x00"}}}, "the Host"},
		{"a connection option that ends the line", "ws://a/", &DialOptions{Tokens: []Token{example}, Header: http.Header{"Connection": {"a\r\nX: y"}}}, "the Connection options"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			if tt.opts == nil && tt.why != "no options" {
				tt.opts = &DialOptions{Tokens: []Token{example}}
			}
			if tt.opts != nil {
				tt.opts.NetDial = func(context.Context, string, string) (net.Conn, error) {
					t.Error("it connects")
					return nil, errStop
				}
			}
			c, resp, err := Dial(t.Context(), tt.url, tt.opts)
			var failed *DialError
			if c != nil || resp != nil || !errors.As(err, &failed) || failed.Stage != StageRequest || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v, want %q", err, tt.text)
			}
		})
	}
}

// An error may be logged: no userinfo, no query, however odd the URL.
func TestDialErrorHidesSecrets(t *testing.T) {
	for _, url := range []string{
		"ws://user:secret@wye.example/path?token=secret",
		"ws://secret@wye.example/path",
		"ws://user:secret#word@wye.example/", // the password is taken for a port
		"ws://user:secret@wye.example:port/",
		"ws://user:secret@wye.example/#secret",
		"ws://user:secret@%zz/",
		"ws://user:se cret\x7f@wye.example/?secret",
		"user:secret@wye.example/",
		"ftp://user:secret@wye.example/?secret",
		"ws:secret",
		"://secret@",
	} {
		_, _, err := dial(t, url, func(o *DialOptions) {
			o.NetDial = func(context.Context, string, string) (net.Conn, error) { return nil, errStop }
		})
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: %v", url, err)
		}
	}
	_, _, err := dial(t, "ws://user:secret@wye.example/a%20b?token=secret", func(o *DialOptions) {
		o.NetDial = func(context.Context, string, string) (net.Conn, error) { return nil, errStop }
	})
	if want := "wye: dial http://wye.example/a%20b: connect: stop here"; err.Error() != want {
		t.Errorf("got %q, want %q", err, want)
	}
	if got := DisplayURL("wss://user:pw@wye.example:1/a?b#c"); got != "wss://wye.example:1/a" {
		t.Errorf("got %q", got)
	}
}

func TestStage(t *testing.T) {
	for stage, want := range map[Stage]string{StageRequest: "request", StageConnect: "connect", StageTLS: "TLS handshake", StageHandshake: "upgrade handshake"} {
		if stage.String() != want {
			t.Errorf("%d is %q", stage, stage)
		}
	}
	_ = Stage(255).String() // does not panic
}

// HTTP/2 has no Upgrade, so http/1.1 alone is offered, also to a server that
// would rather speak HTTP/2 and whatever the caller's configuration says.
func TestDialOverTLSOffersHTTP11Alone(t *testing.T) {
	protocols := make(chan string, 1)
	srv := httptest.NewUnstartedServer(&Switch{Protocols: []Offer{{example, ProtocolFunc(func(_ context.Context, r *Request, c Conn) error {
		protocols <- r.TLS.NegotiatedProtocol + " " + r.TLS.ServerName
		_, err := io.Copy(c, c)
		return err
	})}}})
	srv.EnableHTTP2 = true
	srv.TLS = &tls.Config{NextProtos: []string{"h2", "http/1.1"}}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	config := &tls.Config{RootCAs: roots, NextProtos: []string{"h2", "http/1.1"}}

	for _, scheme := range []string{"wss", "https"} {
		address := srv.Listener.Addr().String()
		c, _, err := dial(t, scheme+"://example.com", func(o *DialOptions) { // as the certificate says
			o.TLSConfig = config
			o.NetDial = func(ctx context.Context, network, _ string) (net.Conn, error) {
				return new(net.Dialer).DialContext(ctx, network, address)
			}
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := receive(t, protocols); got != "http/1.1 example.com" {
			t.Errorf("negotiated %q", got)
		}
		speak(t, c, "echo")
		wantRead(t, c, "echo")
		if err := c.CloseWrite(); err != nil {
			t.Error(err)
		}
		if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil {
			t.Errorf("%q, %v", rest, err)
		}
		c.Close()
	}
	if !slices.Equal(config.NextProtos, []string{"h2", "http/1.1"}) || config.ServerName != "" {
		t.Error("the configuration was changed")
	}

	_, _, err := dial(t, srv.URL) // the certificate is nobody's
	var failed *DialError
	if !errors.As(err, &failed) || failed.Stage != StageTLS || !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Error(err)
	}
}
