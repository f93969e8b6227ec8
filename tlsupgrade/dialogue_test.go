package tlsupgrade

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	"github.com/wye-org/wye/internal/talk"
)

// report is a handler that answers with what it sees of a request.
var report = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "%s %s host %s, body %d %v, TLS %t\n", r.Method, r.RequestURI, r.Host, len(body), err, r.TLS != nil)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		fmt.Fprintf(w, "%s: %q\n", name, r.Header[name])
	}
})

var quiet = slog.New(slog.DiscardHandler)

// certificate is for example.com and 127.0.0.1, and trusted who trusts it.
var certificate = sync.OnceValues(func() (tls.Certificate, *x509.CertPool) {
	s := httptest.NewTLSServer(nil)
	defer s.Close()
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	return s.TLS.Certificates[0], pool
})

func serverConfig() *tls.Config {
	cert, _ := certificate()
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

func clientConfig() *tls.Config {
	_, pool := certificate()
	return &tls.Config{RootCAs: pool, ServerName: "example.com"}
}

// serve runs a server with the upgrade; nil: report.
func serve(t testing.TB, h http.Handler, opts *Options) (srv *http.Server, address string) {
	t.Helper()
	if h == nil {
		h = report
	}
	if opts == nil {
		opts = new(Options)
	}
	opts.Logger = quiet
	srv = &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(quiet.Handler(), slog.LevelError)}
	Enable(srv, serverConfig(), opts)
	return srv, start(t, srv)
}

func start(t testing.TB, srv *http.Server) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	go func() { // ends with srv; waited for below
		defer close(served)
		srv.Serve(l)
	}()
	t.Cleanup(func() { srv.Close(); <-served })
	return l.Addr().String()
}

const (
	ask      = "GET /path?query HTTP/1.1\r\nHost: host.example\r\n" + asking + "\r\n"
	asking   = "Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n"
	switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.2, HTTP/1.1\r\nConnection: Upgrade\r\n\r\n"
	plain    = "GET /plain HTTP/1.1\r\nHost: host.example\r\n\r\n"
)

// secure shakes hands behind a 101.
func secure(t testing.TB, p *talk.Peer) *talk.Peer {
	t.Helper()
	if n := p.Read.Buffered(); n > 0 {
		t.Fatalf("%d bytes came before the handshake", n)
	}
	c := tls.Client(p.Conn, clientConfig())
	if err := c.Handshake(); err != nil {
		t.Fatal(err)
	}
	return talk.With(t, c)
}
