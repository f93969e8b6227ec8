package h3_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
	"go.uber.org/goleak"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/h3"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what takes no time where all is well.
const patience = 20 * time.Second

// server is an http3.Server, and the http.Server that its requests are said to
// come to.
type server struct {
	*http3.Server
	of   *http.Server
	url  string      // https://127.0.0.1:port
	tls  *tls.Config // of a client that trusts it
	done chan struct{}
}

// serving starts one in front of handler, which Handler wraps.
func serving(t testing.TB, handler http.Handler) *server {
	t.Helper()
	certified := httptest.NewTLSServer(nil)
	defer certified.Close()
	socket, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	of := new(http.Server)
	s := &server{of: of, url: "https://" + socket.LocalAddr().String(), done: make(chan struct{}),
		Server: &http3.Server{
			Handler:   h3.Handler(handler, of),
			TLSConfig: http3.ConfigureTLSConfig(&tls.Config{Certificates: certified.TLS.Certificates}),
			// A stream that is reset at once has said that it was opened.
			QUICConfig: &quic.Config{EnableStreamResetPartialDelivery: true},
		},
		tls: certified.Client().Transport.(*http.Transport).TLSClientConfig,
	}
	go func() { // received below
		defer close(s.done)
		s.Serve(socket)
	}()
	t.Cleanup(func() {
		s.Close()
		socket.Close()
		<-s.done
	})
	return s
}

// dial asks for token example at s.
func (s *server) dial(t testing.TB, path string, opts ...func(*wye.DialOptions)) (wye.Conn, *http.Response, error) {
	t.Helper()
	o := &wye.DialOptions{
		Tokens: []wye.Token{{Name: "example"}}, TLSConfig: s.tls, Carriers: []wye.Carrier{new(h3.Client)}, Timeout: patience,
	}
	for _, f := range opts {
		f(o)
	}
	c, resp, err := wye.Dial(t.Context(), s.url+path, o)
	if c != nil {
		c.SetDeadline(time.Now().Add(patience))
		t.Cleanup(func() { c.Close() })
	}
	return c, resp, err
}

// accepted is a handler that takes every stream and hands it on.
func accepted(t testing.TB) (http.Handler, <-chan wye.Conn) {
	conns := make(chan wye.Conn, 16)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := wye.Accept(w, r, wye.Token{Name: "example"}, nil)
		if err != nil {
			t.Error(err)
			return
		}
		c.SetDeadline(time.Now().Add(patience))
		conns <- c
	}), conns
}

// pair is both ends of a connection.
func pair(t testing.TB) (client, far wye.Conn) {
	t.Helper()
	handler, conns := accepted(t)
	s := serving(t, handler)
	client, _, err := s.dial(t, "/")
	if err != nil {
		t.Fatal(err)
	}
	far = <-conns
	t.Cleanup(func() { far.Close() })
	return client, far
}

func say(t testing.TB, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatalf("saying %.40q: %v", text, err)
	}
}

func want(t testing.TB, c net.Conn, text string) {
	t.Helper()
	got := make([]byte, len(text))
	if n, err := io.ReadFull(c, got); string(got) != text {
		t.Fatalf("got %.80q (%v), want %.80q", got[:n], err, text)
	}
}

// The request and the answer of RFC 9220, and bytes both ways behind them; the
// handler has returned by then.
func TestConnect(t *testing.T) {
	type asked struct {
		method, proto, path, host string
		header                    http.Header
	}
	seen := make(chan asked, 1)
	accepting, conns := accepted(t)
	s := serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- asked{r.Method, r.Proto, r.RequestURI, r.Host, r.Header.Clone()}
		w.Header().Set("X-Server", "here")
		accepting.ServeHTTP(w, r)
	}))
	c, resp, err := s.dial(t, "/a%20b?c", func(o *wye.DialOptions) { o.Header = http.Header{"X-Client": {"there"}, "Connection": {"X-Client"}} })
	if err != nil {
		t.Fatal(err)
	}
	got := <-seen
	if got.method != "CONNECT" || got.proto != "example" || got.path != "/a%20b?c" || "https://"+got.host != s.url {
		t.Errorf("asked %+v", got)
	}
	if len(got.header) != 1 || got.header.Get("X-Client") != "there" {
		t.Errorf("with the fields %v", got.header)
	}
	if resp.StatusCode != 200 || resp.Proto != "HTTP/3.0" || resp.Header.Get("X-Server") != "here" || wye.Chosen(resp).Name != "example" {
		t.Errorf("answered %+v", resp)
	}
	far := <-conns
	say(t, c, "hello")
	want(t, far, "hello")
	say(t, far, "and back")
	want(t, c, "and back")
	if c.RemoteAddr().String() != far.LocalAddr().String() || c.LocalAddr().(*net.UDPAddr).Port != far.RemoteAddr().(*net.UDPAddr).Port {
		t.Errorf("%v-%v here, %v-%v there", c.LocalAddr(), c.RemoteAddr(), far.LocalAddr(), far.RemoteAddr())
	}
}

// Either direction ends alone.
func TestCloseWrite(t *testing.T) {
	for _, turned := range []bool{false, true} {
		a, b := pair(t)
		if turned {
			a, b = b, a
		}
		say(t, a, "last words")
		if err := a.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Write([]byte("x")); !errors.Is(err, net.ErrClosed) {
			t.Errorf("a write after CloseWrite: %v", err)
		}
		if got, err := io.ReadAll(b); string(got) != "last words" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		say(t, b, "an answer")
		want(t, a, "an answer")
		b.Close()
		if got, err := io.ReadAll(a); len(got) > 0 || err != nil {
			t.Errorf("%q, %v", got, err)
		}
	}
}

// What was written before Close comes through, from either end.
func TestCloseFlushes(t *testing.T) {
	big := make([]byte, 300<<10)
	rand.Read(big)
	for _, turned := range []bool{false, true} {
		a, b := pair(t)
		if turned {
			a, b = b, a
		}
		sent := make(chan error, 1)
		go func() { // received below
			_, err := a.Write(big)
			a.Close()
			sent <- err
		}()
		if got, err := io.ReadAll(b); !bytes.Equal(got, big) || err != nil {
			t.Errorf("%d bytes, %v", len(got), err)
		}
		if err := <-sent; err != nil {
			t.Error(err)
		}
		for name, call := range map[string]func() error{
			"Read":             func() error { _, err := a.Read(make([]byte, 1)); return err },
			"Write":            func() error { _, err := a.Write([]byte("x")); return err },
			"SetDeadline":      func() error { return a.SetDeadline(time.Time{}) },
			"SetReadDeadline":  func() error { return a.SetReadDeadline(time.Time{}) },
			"SetWriteDeadline": func() error { return a.SetWriteDeadline(time.Time{}) },
		} {
			if err := call(); !errors.Is(err, net.ErrClosed) {
				t.Errorf("%s after Close: %v", name, err)
			}
		}
		if err := errors.Join(a.Close(), a.CloseWrite()); err != nil {
			t.Errorf("twice: %v", err)
		}
	}
}

// Close ends what is pending.
func TestCloseInterrupts(t *testing.T) {
	for _, turned := range []bool{false, true} {
		for _, writes := range []bool{false, true} {
			a, b := pair(t)
			if turned {
				a, b = b, a
			}
			a.SetDeadline(time.Time{})
			ends := make(chan error, 2)
			go func() { // received below
				_, err := a.Read(make([]byte, 1))
				ends <- err
			}()
			go func() { // received below
				for writes { // nobody reads
					if _, err := a.Write(make([]byte, 64<<10)); err != nil {
						ends <- err
						return
					}
				}
				ends <- net.ErrClosed
			}()
			time.Sleep(20 * time.Millisecond) // so that they are pending, as a rule
			a.Close()
			for range 2 {
				if err := <-ends; !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
			}
			b.Close()
		}
	}
}

// A deadline that has passed can be set again, both ways, and nothing is lost.
func TestDeadlines(t *testing.T) {
	for _, turned := range []bool{false, true} {
		a, b := pair(t)
		if turned {
			a, b = b, a
		}
		for range 3 {
			a.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := a.Read(make([]byte, 1))
			var timeout net.Error
			if !errors.Is(err, os.ErrDeadlineExceeded) || !errors.As(err, &timeout) || !timeout.Timeout() {
				t.Fatal(err)
			}
			a.SetReadDeadline(time.Now().Add(patience))
			say(t, b, "still")
			want(t, a, "still")
		}
		// The writes go on where they broke off.
		var sent bytes.Buffer
		block := make([]byte, 100<<10)
		for full := 0; full < 3; {
			rand.Read(block)
			a.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
			n, err := a.Write(block)
			sent.Write(block[:n])
			if errors.Is(err, os.ErrDeadlineExceeded) {
				full++
			} else if err != nil {
				t.Fatal(err)
			}
		}
		a.SetWriteDeadline(time.Now().Add(patience))
		got := make(chan []byte, 1)
		go func() { // received below
			all, _ := io.ReadAll(b)
			got <- all
		}()
		rest := make([]byte, 2<<20)
		rand.Read(rest)
		for len(rest) > 0 { // in pieces of other sizes
			n, err := a.Write(rest[:min(len(rest), 70_001)])
			sent.Write(rest[:n])
			if rest = rest[n:]; err != nil {
				t.Fatal(err)
			}
		}
		if err := a.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if all := <-got; !bytes.Equal(all, sent.Bytes()) {
			t.Errorf("%d bytes came, %d were sent", len(all), sent.Len())
		}
	}
}

// An end within a frame is a reset: the peer must not take it for all.
func TestCloseWithinAFrame(t *testing.T) {
	for name, end := range map[string]func(wye.Conn){
		"CloseWrite": func(c wye.Conn) { c.CloseWrite() }, "Close": func(c wye.Conn) { c.Close() },
	} {
		for _, turned := range []bool{false, true} {
			a, b := pair(t)
			if turned {
				a, b = b, a
			}
			for {
				a.SetWriteDeadline(time.Now().Add(20 * time.Millisecond))
				if n, err := a.Write(make([]byte, 100<<10)); err != nil && n < 100<<10 {
					break
				}
			}
			end(a)
			if _, err := io.Copy(io.Discard, b); err == nil {
				t.Errorf("%s, of the server: %v: the peer reads an orderly end", name, turned)
			}
		}
	}
}

// Abort resets the stream with H3_REQUEST_CANCELLED, from the server; a client
// takes the whole of its QUIC connection away.
func TestAbort(t *testing.T) {
	client, far := pair(t)
	wye.Abort(far, nil)
	var reset *http3.Error
	if _, err := client.Read(make([]byte, 1)); !errors.As(err, &reset) || !reset.Remote || reset.ErrorCode != http3.ErrCodeRequestCanceled {
		t.Error(err)
	}
	if _, err := far.Read(make([]byte, 1)); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	client, far = pair(t)
	wye.Abort(client, nil)
	if _, err := far.Read(make([]byte, 1)); err == nil || err == io.EOF || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Error(err)
	}
	wye.Abort(client, nil)
	client.Close()
}

// Another final status is a refusal, with its body.
func TestRefused(t *testing.T) {
	s := serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Why", "because")
		w.WriteHeader(http.StatusEarlyHints)
		http.Error(w, strings.Repeat("no", 100<<10), http.StatusForbidden)
	}))
	_, resp, err := s.dial(t, "/")
	var refused *wye.RefusedError
	if !errors.As(err, &refused) || resp.StatusCode != 403 || resp.Header.Get("X-Why") != "because" || len(refused.Body) != 64<<10 {
		t.Errorf("%v, %v", resp, err)
	}
	// A body that does not end is not waited for.
	s = serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusForbidden)
		io.WriteString(w, "no")
		http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	began := time.Now()
	_, _, err = s.dial(t, "/", func(o *wye.DialOptions) { o.Timeout = 3 * time.Minute })
	if !errors.As(err, &refused) || string(refused.Body) != "no" || time.Since(began) > time.Minute {
		t.Errorf("after %v: %v", time.Since(began), err)
	}
}

// A 101 over HTTP/3 is false, whatever it says: no next carrier is asked.
func TestFalse101(t *testing.T) {
	s := serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusSwitchingProtocols)
		<-r.Context().Done()
	}))
	_, resp, err := s.dial(t, "/", func(o *wye.DialOptions) { o.Carriers = append(o.Carriers, wye.HTTP1{}) })
	var broken *wye.HandshakeError
	if !errors.As(err, &broken) || resp == nil || resp.StatusCode != 101 {
		t.Errorf("%v, %v", resp, err)
	}
}

// What a client sends before the answer is the connection's first bytes if it is
// accepted, and nothing at all if it is refused.
func TestOptimisticData(t *testing.T) {
	const smuggled = "GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
	paths := make(chan string, 8)
	accepting, conns := accepted(t)
	s := serving(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths <- r.URL.Path
		if r.URL.Path == "/refused" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		accepting.ServeHTTP(w, r)
	}))
	hc := s.raw(t)
	for _, path := range []string{"/refused", "/accepted"} {
		rs, err := hc.OpenRequestStream(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := rs.SendRequestHeader(extendedConnect(t, s.url+path)); err != nil {
			t.Fatal(err)
		}
		if _, err := rs.Write([]byte(smuggled)); err != nil && path == "/accepted" {
			t.Fatal(err)
		}
		resp, err := rs.ReadResponse()
		if err != nil {
			t.Fatal(err)
		}
		if want := map[string]int{"/refused": 403, "/accepted": 200}[path]; resp.StatusCode != want {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
		if got := <-paths; got != path {
			t.Errorf("asked for %s", got)
		}
	}
	far := <-conns
	defer far.Close()
	want(t, far, smuggled)
	if len(paths) > 0 {
		t.Errorf("also asked for %s", <-paths)
	}
}

// raw is quic-go's own client.
func (s *server) raw(t testing.TB) *http3.ClientConn {
	t.Helper()
	config := s.tls.Clone()
	config.NextProtos = []string{http3.NextProtoH3}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	qc, err := h3.DialUDP(ctx, strings.TrimPrefix(s.url, "https://"), config, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { qc.CloseWithError(0, "") })
	hc := new(http3.Transport).NewClientConn(qc)
	select {
	case <-hc.ReceivedSettings():
	case <-ctx.Done():
		t.Fatal("no SETTINGS came")
	}
	return hc
}

func extendedConnect(t testing.TB, url string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodConnect, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Proto = "example"
	return r
}
