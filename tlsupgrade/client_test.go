package tlsupgrade

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wye-org/wye/internal/talk"
)

// tap keeps what is written before the first TLS record.
type tap struct {
	net.Conn
	mu      sync.Mutex // guards clear and over
	clear   bytes.Buffer
	over    bool
	records int
}

func (c *tap) Write(p []byte) (int, error) {
	c.mu.Lock()
	if c.over = c.over || p[0] == 22; !c.over { // handshake
		c.clear.Write(p)
	} else {
		c.records++
	}
	c.mu.Unlock()
	return c.Conn.Write(p)
}

func (c *tap) said() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.clear.String()
}

// tapped is a Dialer whose connections are tapped.
func tapped() (*Dialer, func() []*tap) {
	var mu sync.Mutex
	var taps []*tap
	d := &Dialer{TLSConfig: clientConfig(), NetDial: func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		taps = append(taps, &tap{Conn: c})
		return taps[len(taps)-1], nil
	}}
	return d, func() []*tap { mu.Lock(); defer mu.Unlock(); return taps }
}

// "If an unsecured response would be unacceptable, a client MUST send an OPTIONS
// request first to complete the switch to TLS (if possible)." RFC 2817 §3.2.
// Nothing of what follows is in the clear.
func TestDialContext(t *testing.T) {
	_, address := serve(t, nil, &Options{Required: true})
	d, taps := tapped()
	client := &http.Client{Transport: &http.Transport{DialContext: d.DialContext}}
	defer client.CloseIdleConnections()
	for range 3 {
		r, err := http.NewRequest("POST", "http://user:secret@"+address+"/secret", strings.NewReader("the secret body"))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Cookie", "secret=1")
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if !strings.HasPrefix(string(body), "POST /secret host "+address+", body 15 <nil>, TLS true") || !strings.Contains(string(body), "Cookie") {
			t.Errorf("got %q", body)
		}
	}
	if len(taps()) != 1 {
		t.Fatalf("%d connections for three requests, want 1", len(taps()))
	}
	want := "OPTIONS * HTTP/1.1\r\nHost: " + address + "\r\nUser-Agent: Go-http-client/1.1\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n"
	if got := taps()[0].said(); got != want {
		t.Errorf("in the clear: %q, want %q", got, want)
	}
}

func TestHostField(t *testing.T) {
	for address, want := range map[string]string{
		"a:80": "a", "a:631": "a:631", "[::1]:80": "[::1]", "[::1]:631": "[::1]:631", "[fe80::1%eth0]:80": "[fe80::1]", "[fe80::1%eth0]:1": "[fe80::1]:1",
	} {
		if got := hostField(address); got != want {
			t.Errorf("%s: got %s, want %s", address, got, want)
		}
	}
}

// A server that declines is an error, and nothing else was sent.
func TestDialContextDeclined(t *testing.T) {
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 426 Upgrade Required\r\nUpgrade: TLS/1.2, HTTP/1.1\r\nConnection: Upgrade\r\nContent-Length: 0\r\n\r\n",
		"HTTP/1.1 501 Not Implemented\r\n\r\n",
	} {
		heard := make(chan string, 1)
		address := talk.Listen(t, func(p *talk.Peer) {
			p.WantUntil("\r\n\r\n")
			p.Say(answer)
			heard <- p.WantEnd()
		})
		c, err := new(Dialer).DialContext(t.Context(), "tcp", address)
		if c != nil || !errors.Is(err, ErrDeclined) || !strings.HasPrefix(err.Error(), "tlsupgrade: dial "+address) {
			t.Errorf("got %v", err)
		}
		if got := <-heard; got != "" {
			t.Errorf("it said %q too", got)
		}
	}
}

// Real cupsd's 101 names several tokens and says Connection: Keep-Alive.
func TestDialContextIsLenient(t *testing.T) {
	for _, head := range []string{
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Keep-Alive\r\nUpgrade: TLS/1.2,TLS/1.1,TLS/1.0\r\n\r\n",
		"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: TLS/1.0, HTTP/1.1\r\n\r\n",
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 Switching Protocols\r\nUpgrade: tls/1.3\r\n\r\n",
	} {
		address := talk.Listen(t, func(p *talk.Peer) {
			p.WantUntil("\r\n\r\n")
			p.Say(head)
			s := talk.With(t, tls.Server(p.Conn, serverConfig()))
			s.Say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello") // a body has no meaning there, and is read
			s.Want("next")
			s.Say("answer")
		})
		c, err := (&Dialer{TLSConfig: clientConfig()}).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		p := talk.With(t, c)
		p.Say("next")
		p.Want("answer")
		if _, ok := c.(*tls.Conn); !ok {
			t.Errorf("got a %T", c)
		}
	}
}

func TestDialContextFails(t *testing.T) {
	const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: TLS/1.2\r\n\r\n"
	over := func(answer string) func(*talk.Peer) {
		return func(p *talk.Peer) {
			p.WantUntil("\r\n\r\n")
			p.Say(switching)
			s := tls.Server(p.Conn, serverConfig())
			io.WriteString(s, answer)
			s.Close()
			io.Copy(io.Discard, p.Conn)
		}
	}
	clear := func(answer string) func(*talk.Peer) {
		return func(p *talk.Peer) {
			p.WantUntil("\r\n\r\n")
			p.Say(answer)
			p.Conn.(*net.TCPConn).CloseWrite()
			io.Copy(io.Discard, p.Read)
		}
	}
	trusting, other := clientConfig(), clientConfig()
	other.ServerName = "other.example"
	for _, tt := range []struct {
		name   string
		config *tls.Config
		answer func(*talk.Peer)
		want   string
	}{
		{"another token", trusting, clear("HTTP/1.1 101 A\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"), `switches to ["websocket"]`},
		{"another token before it", trusting, clear("HTTP/1.1 101 A\r\nConnection: Upgrade\r\nUpgrade: foo, TLS/1.2\r\n\r\n"), `switches to ["foo, TLS/1.2"]`},
		{"no token", trusting, clear("HTTP/1.1 101 A\r\nConnection: Upgrade\r\n\r\n"), `switches to []`},
		{"the end", trusting, clear(""), "without an answer"},
		{"response injection", trusting, clear(switching + "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), "TLS handshake"},
		{"an unknown authority", nil, over(""), "certificate"},
		{"another name", other, over(""), "certificate is valid for example.com"},
		{"no answer over TLS", trusting, over(""), "reading the answer to OPTIONS"},
		{"more than the answer", trusting, over("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nmore"), "more than the answer"},
		{"the connection is to end", trusting, over("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"), "closes the connection"},
		{"an endless answer", trusting, over("HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("a", 65<<10)), "over 65536 bytes"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			address := talk.Listen(t, tt.answer)
			c, err := (&Dialer{TLSConfig: tt.config}).DialContext(t.Context(), "tcp", address)
			if err == nil || c != nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := new(Dialer).DialContext(t.Context(), "tcp", "no port"); err == nil {
		t.Error("want an error")
	}
	if _, err := (&Dialer{NetDial: func(context.Context, string, string) (net.Conn, error) { return nil, io.ErrNoProgress }}).DialContext(t.Context(), "tcp", "a:1"); !errors.Is(err, io.ErrNoProgress) {
		t.Errorf("got %v", err)
	}
}

// The answer, the handshake, and the answer over TLS: time is up for all.
func TestDialContextTimesOut(t *testing.T) {
	for _, answer := range []func(*talk.Peer){
		func(p *talk.Peer) {},
		func(p *talk.Peer) { io.WriteString(p.Conn, switched) },
		func(p *talk.Peer) {
			io.WriteString(p.Conn, switched)
			tls.Server(p.Conn, serverConfig()).Handshake()
		},
	} {
		address := talk.Listen(t, func(p *talk.Peer) {
			if p.Heard("\r\n\r\n") {
				answer(p)
			}
			io.Copy(io.Discard, p.Conn)
		})
		_, err := (&Dialer{TLSConfig: clientConfig(), Timeout: 30 * time.Millisecond}).DialContext(t.Context(), "tcp", address)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
	}
}

func request(t testing.TB, address, path string) *http.Request {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), talk.Patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// "A client MAY offer to switch to secured operation during any clear HTTP
// request when an unsecured response would be acceptable". RFC 2817 §3.1
func TestOffer(t *testing.T) {
	_, address := serve(t, nil, nil)
	d, taps := tapped()
	r := request(t, address, "/first?a=b")
	r.Header = http.Header{"X-A": {"1"}, "Connection": {"X-B"}, "X-B": {"2"}}
	c, resp, err := d.Offer(r)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	body, _ := io.ReadAll(resp.Body)
	if !strings.HasPrefix(string(body), "GET /first?a=b host "+address+", body 0 <nil>, TLS true") || strings.Contains(string(body), "X-B") || !strings.Contains(string(body), "X-A") {
		t.Errorf("got %q", body)
	}
	if resp.TLS == nil || c.TLS.Version != tls.VersionTLS13 {
		t.Error("the response is not said to have come over TLS")
	}
	for range 3 {
		next := request(t, address, "/next")
		next.Method, next.Body = "POST", io.NopCloser(strings.NewReader("hello"))
		resp, err := c.RoundTrip(next)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		if !strings.HasPrefix(string(body), "POST /next host "+address+", body 5 <nil>, TLS true") {
			t.Errorf("got %q", body)
		}
	}
	if said := taps()[0].said(); strings.Count(said, "HTTP/1.1") != 1 || !strings.HasPrefix(said, "GET /first?a=b HTTP/1.1\r\n") || strings.Contains(said, "X-B") {
		t.Errorf("in the clear: %q", said)
	}
}

func TestOfferDeclined(t *testing.T) {
	address := start(t, &http.Server{Handler: report})
	c, resp, err := new(Dialer).Offer(request(t, address, "/path"))
	if err != nil || c != nil {
		t.Fatal(c, err)
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); !strings.HasPrefix(string(body), "GET /path") || resp.TLS != nil {
		t.Errorf("got %q", body)
	}
}

func TestOfferFails(t *testing.T) {
	none := func(context.Context, string, string) (net.Conn, error) {
		t.Error("it dialled")
		return nil, errors.New("no")
	}
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.URL.Scheme = "https" },
		func(r *http.Request) { r.URL.Host = "" },
		func(r *http.Request) { r.URL = nil },
		func(r *http.Request) { r.Body = io.NopCloser(strings.NewReader("a")) },
		func(r *http.Request) { r.Method = "CONNECT" },
	} {
		r := request(t, "host.example", "/")
		change(r)
		if c, _, err := (&Dialer{NetDial: none}).Offer(r); err == nil || c != nil {
			t.Error("want an error")
		}
	}
	// The certificate is verified.
	_, address := serve(t, nil, nil)
	if c, _, err := new(Dialer).Offer(request(t, address, "/")); err == nil || c != nil {
		t.Errorf("got %v", err)
	}
	// The connection ends, and so does the time.
	for _, after := range []string{"", switched, "HTTP/1.1 101 A\r\nUpgrade: foo\r\n\r\n"} {
		address := talk.Listen(t, func(p *talk.Peer) { p.WantUntil("\r\n\r\n"); p.Say(after) })
		if c, _, err := new(Dialer).Offer(request(t, address, "/")); err == nil || c != nil {
			t.Errorf("%q: got %v", after, err)
		}
	}
	address = talk.Listen(t, func(p *talk.Peer) {
		if !p.Heard("\r\n\r\n") {
			return
		}
		io.WriteString(p.Conn, switched)
		tls.Server(p.Conn, serverConfig()).Handshake()
		io.Copy(io.Discard, p.Conn)
	})
	if _, _, err := (&Dialer{TLSConfig: clientConfig(), Timeout: 30 * time.Millisecond}).Offer(request(t, address, "/")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
