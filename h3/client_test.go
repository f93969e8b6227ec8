package h3_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/h3"
	"github.com/wye-org/wye/websocket"
)

// A server that is quic-go alone, as its documentation has it.
func TestPlainServer(t *testing.T) {
	s := serving(t, nil)
	s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Proto != "example" || r.Header.Get("Sec-WebSocket-Key") != "" {
			t.Errorf("asked for %s with %v", r.Proto, r.Header)
		}
		w.WriteHeader(http.StatusOK)
		stream, err := w.(http3.HTTPStreamer).HTTPStream()
		if err != nil {
			t.Error(err)
			return
		}
		io.Copy(stream, stream)
		stream.Close()
	})
	c, _, err := s.dial(t, "/")
	if err != nil {
		t.Fatal(err)
	}
	say(t, c, "there")
	want(t, c, "there")
	c.CloseWrite()
	if rest, err := io.ReadAll(c); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
}

// What HTTP/3 cannot do is left to the next carrier, and nothing goes around a
// proxy or a NetDial.
func TestClientRefuses(t *testing.T) {
	s := serving(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was asked") }))
	proxy, _ := url.Parse("http://127.0.0.1:1")
	nobody := func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("nobody") }
	for name, x := range map[string]struct {
		change func(*wye.DialOptions)
		text   string
	}{
		"a proxy":           {func(o *wye.DialOptions) { o.Proxy = http.ProxyURL(proxy) }, "over UDP"},
		"a proxy, resolved": {func(o *wye.DialOptions) { o.Proxy = http.ProxyURL(proxy); o.Carriers = []wye.Carrier{resolving(s)} }, "over UDP"},
		"a NetDial":         {func(o *wye.DialOptions) { o.NetDial = nobody }, "set Client.Resolve"},
		"a version":         {func(o *wye.DialOptions) { o.Tokens = []wye.Token{{Name: "example", Version: "1"}} }, "no versions"},
	} {
		_, _, err := s.dial(t, "/", x.change)
		var failed *wye.DialError
		if !errors.As(err, &failed) || failed.Stage != wye.StageRequest || !strings.Contains(err.Error(), x.text) {
			t.Errorf("%s: %v", name, err)
		}
	}
	plain := *s
	plain.url = strings.Replace(s.url, "https", "http", 1)
	if _, _, err := plain.dial(t, "/"); err == nil || !strings.Contains(err.Error(), "needs TLS") {
		t.Error(err)
	}
}

// resolving is a Client to whom every host is s.
func resolving(s *server) *h3.Client {
	return &h3.Client{Resolve: func(context.Context, string) ([]netip.AddrPort, error) {
		addr, err := netip.ParseAddrPort(strings.TrimPrefix(s.url, "https://"))
		return []netip.AddrPort{addr}, err
	}}
}

// A certificate that is not trusted is a failed TLS handshake; so says the error.
func TestUntrusted(t *testing.T) {
	s := serving(t, nil)
	for name, config := range map[string]*tls.Config{"nobody is trusted": nil, "another name": {RootCAs: s.tls.RootCAs, ServerName: "other.example"}} {
		_, _, err := s.dial(t, "/", func(o *wye.DialOptions) { o.TLSConfig = config })
		var failed *wye.DialError
		var unverified *tls.CertificateVerificationError
		if !errors.As(err, &failed) || failed.Stage != wye.StageTLS || !errors.As(err, &unverified) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A server without extended CONNECT is asked for nothing.
func TestNoExtendedConnect(t *testing.T) {
	s := serving(t, nil)
	listener, err := quic.ListenAddr("127.0.0.1:0", s.TLSConfig, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	served := make(chan struct{})
	go func() { // received below
		defer close(served)
		qc, err := listener.Accept(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		control, err := qc.OpenUniStream()
		if err != nil {
			t.Error(err)
			return
		}
		control.Write([]byte{0, 4, 0}) // a control stream with empty SETTINGS, RFC 9114 §6.2.1, §7.2.4
		if _, err := qc.AcceptStream(t.Context()); err == nil {
			t.Error("a request came")
		}
	}()
	other := &server{url: "https://" + listener.Addr().String(), tls: s.tls}
	if _, _, err := other.dial(t, "/"); err == nil || !strings.Contains(err.Error(), "do not offer extended CONNECT") {
		t.Error(err)
	}
	<-served
}

// The end of ctx ends the dialling: nobody is there, or nobody answers.
func TestDialIsCancelled(t *testing.T) {
	asked := make(chan struct{}, 1)
	s := serving(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done() // the client resets the stream
	}))
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	ctx, cancel := context.WithCancel(t.Context())
	stop := time.AfterFunc(50*time.Millisecond, cancel)
	defer stop.Stop()
	opts := &wye.DialOptions{Tokens: []wye.Token{{Name: "example"}}, TLSConfig: s.tls, Carriers: []wye.Carrier{new(h3.Client)}}
	var failed *wye.DialError
	if _, _, err := wye.Dial(ctx, "https://"+silent.LocalAddr().String(), opts); !errors.Is(err, context.Canceled) || !errors.As(err, &failed) || failed.Stage != wye.StageConnect {
		t.Error(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	go func() { // ends with the request
		<-asked
		cancel()
	}()
	if _, _, err := wye.Dial(ctx, s.url, opts); !errors.Is(err, context.Canceled) || !errors.As(err, &failed) || failed.Stage != wye.StageHandshake {
		t.Error(err)
	}
}

// Secrets do not follow a redirect to another origin. CVE-2024-45336.
func TestSecretsAcrossRedirects(t *testing.T) {
	seen := make(chan http.Header, 2)
	accepting, conns := accepted(t)
	b := serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Clone()
		accepting.ServeHTTP(w, r)
	}))
	a := serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Clone()
		http.Redirect(w, r, strings.Replace(b.url, "127.0.0.1", "localhost", 1), http.StatusFound)
	}))
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	at, _ := url.Parse(a.url)
	jar.SetCookies(at, []*http.Cookie{{Name: "jar", Value: "1"}})
	if _, _, err := a.dial(t, "/", func(o *wye.DialOptions) {
		o.MaxRedirects, o.Jar = 1, jar
		o.Header = http.Header{"Authorization": {"Bearer canary"}, "Cookie": {"canary=1"}, "X-Kept": {"yes"}}
		o.TLSConfig = anyName(o.TLSConfig)
	}); err != nil {
		t.Fatal(err)
	}
	(<-conns).Close()
	if h := <-seen; h.Get("Authorization") != "Bearer canary" || h.Get("Cookie") != "canary=1; jar=1" {
		t.Errorf("first %v", h)
	}
	if h := <-seen; len(h) != 1 || h.Get("X-Kept") != "yes" {
		t.Errorf("then %v", h)
	}
}

// anyName trusts the certificate for whatever the server is called.
func anyName(config *tls.Config) *tls.Config {
	config = config.Clone()
	config.ServerName = "example.com"
	return config
}

// A handler's connection ends with its stream, whoever resets it; rapidly too.
// CVE-2023-44487.
func TestRapidReset(t *testing.T) {
	const n = 300
	begun, ended := make(chan struct{}, n), make(chan struct{}, n)
	s := serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun <- struct{}{}
		defer func() { ended <- struct{}{} }()
		c, err := wye.Accept(w, r, wye.Token{Name: "example"}, nil)
		if err != nil {
			return
		}
		defer c.Close()
		c.Read(make([]byte, 1)) // until the reset
	}))
	hc, most := s.raw(t), 0
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for range n {
		rs, err := hc.OpenRequestStream(ctx) // waits: a hundred at a time
		if err != nil {
			t.Fatal(err)
		}
		if err := rs.SendRequestHeader(extendedConnect(t, s.url)); err != nil {
			t.Fatal(err)
		}
		rs.CancelWrite(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
		rs.CancelRead(quic.StreamErrorCode(http3.ErrCodeRequestCanceled))
		most = max(most, len(begun)-len(ended))
	}
	for late := time.After(patience); ; {
		if len(begun) == len(ended) {
			break
		}
		select {
		case <-late:
			t.Fatalf("%d handlers began, %d ended", len(begun), len(ended))
		case <-time.After(time.Millisecond):
		}
	}
	t.Logf("%d handlers at a time", most)
	// The connection is as good as before.
	c, _, err := s.dial(t, "/")
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
}

// Where there is no HTTP/3, HTTP/1.1 does.
func TestFallback(t *testing.T) {
	srv := httptest.NewTLSServer(websocket.Handler(func(context.Context, *websocket.Conn) error { return nil }, nil))
	defer srv.Close()
	c, resp, err := websocket.Dial(t.Context(), srv.URL, &websocket.DialOptions{
		TLSConfig: srv.Client().Transport.(*http.Transport).TLSClientConfig,
		Carriers:  []wye.Carrier{new(h3.Client), wye.HTTP1{}}, HandshakeTimeout: patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.Carrier() != "h1" || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("over %s: %s", c.Carrier(), resp.Status)
	}
	c.CloseNow()
}
