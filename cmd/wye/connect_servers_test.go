package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"maps"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wye-org/wye"
	"github.com/wye-org/wye/h2c"
	"github.com/wye-org/wye/websocket"
	"github.com/wye-org/wye/websocket/wire"
)

// servers are what the transcripts connect to. The first of their connections
// are made by other processes.
type servers struct {
	env    map[string]string // their addresses
	ca     []byte            // PEM, of the TLS server
	client []byte            // PEM, a certificate and its key for a client
}

// startServers runs until the test has ended, with its subtests.
func startServers(t *testing.T) *servers {
	app := behaviours(t)
	plain := httptest.NewUnstartedServer(app)
	secure := httptest.NewUnstartedServer(app)
	tcpOnly := httptest.NewUnstartedServer(app)
	unix := httptest.NewUnstartedServer(app)
	path := filepath.Join(t.TempDir(), "wye.sock")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	unix.Listener.Close()
	unix.Listener = listener
	for _, s := range []*httptest.Server{plain, secure, tcpOnly, unix} {
		s.Config.ErrorLog = log.New(io.Discard, "", 0)
	}
	secure.TLS = &tls.Config{ClientAuth: tls.RequestClientCert}
	h2c.Enable(plain.Config, nil)
	plain.Start()
	secure.StartTLS()
	tcpOnly.EnableHTTP2 = true
	tcpOnly.StartTLS()
	unix.Start()
	besides(t, secure)
	for _, s := range []*httptest.Server{plain, secure, tcpOnly, unix} {
		t.Cleanup(func() {
			ctx, cancel := context.WithTimeout(context.Background(), rawPatience)
			defer cancel()
			wye.Shutdown(ctx, s.Config, wye.Drain{})
			s.CloseClientConnections()
			s.Close()
		})
	}
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed.Close() // nobody listens there now
	client, fingerprint := newClientCertificate(t)
	port := func(s *httptest.Server) string { return strconv.Itoa(s.Listener.Addr().(*net.TCPAddr).Port) }
	return &servers{
		env: map[string]string{
			"WS":        "ws://" + plain.Listener.Addr().String(),
			"HTTP":      plain.URL,
			"ADDR":      plain.Listener.Addr().String(),
			"PORT":      port(plain),
			"WSS":       "wss://" + secure.Listener.Addr().String(),
			"WSS1":      "wss://" + tcpOnly.Listener.Addr().String(),
			"HTTPS":     secure.URL,
			"TLSPORT":   port(secure),
			"PIN":       fmt.Sprintf("%x", sha256.Sum256(secure.Certificate().Raw)),
			"CLIENTPIN": fingerprint,
			"SOCKET":    path,
			"CLOSED":    closed.Addr().String(),
			"MUTE":      listen1(t, func(net.Conn) {}),
			"RESET":     listen1(t, func(c net.Conn) { c.Read(make([]byte, 1)); c.(*net.TCPConn).SetLinger(0); c.Close() }),
			"GARBAGE":   listen1(t, func(c net.Conn) { io.WriteString(c, "220 mail.example.com ESMTP\x1b[2J\r\n\r\n"); c.Close() }),
			"DECLINES": listen1(t, func(c net.Conn) {
				c.Read(make([]byte, 4096))
				io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\na page\n")
				c.Read(make([]byte, 1))
				c.Close()
			}),
			"PROXY": newTunnel(t),
		},
		ca:     pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}),
		client: client,
	}
}

// files puts into a script's folder what only Go can make.
func (s *servers) files(folder string) error {
	for name, text := range map[string][]byte{"ca.pem": s.ca, "client.pem": s.client} {
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o600); err != nil {
			return err
		}
	}
	// One file each for --cert and --key.
	cert, key := pem.Decode(s.client)
	if err := os.WriteFile(filepath.Join(folder, "cert.pem"), pem.EncodeToMemory(cert), 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "key.pem"), key, 0o600)
}

// behaviours is a server that does what its paths say.
func behaviours(t *testing.T) http.Handler {
	mux := http.NewServeMux()
	opts := &websocket.AcceptOptions{
		Options:      websocket.Options{Logger: slog.New(slog.DiscardHandler), Deflate: websocket.Deflate{Enabled: true}, MaxMessage: 32 << 20},
		Subprotocols: []string{"chat", "superchat"},
	}
	on := func(path string, serve func(ctx context.Context, c *websocket.Conn) error) {
		mux.Handle(path, websocket.Handler(serve, opts))
	}
	on("/echo", func(ctx context.Context, c *websocket.Conn) error { return echoAll(ctx, c) })
	on("/silent", func(ctx context.Context, c *websocket.Conn) error {
		for {
			if _, _, err := c.Read(ctx); err != nil {
				return err
			}
		}
	})
	on("/count/{n}", func(ctx context.Context, c *websocket.Conn) error {
		n, err := strconv.Atoi(c.Request().PathValue("n"))
		for i := range n {
			if err := c.Write(ctx, websocket.MessageText, fmt.Append(nil, i+1)); err != nil {
				return err
			}
		}
		return err
	})
	// Closes with the code, once it has read a message if ?after=message.
	on("/close/{code}", func(ctx context.Context, c *websocket.Conn) error {
		r := c.Request()
		if r.URL.Query().Get("after") == "message" {
			if _, _, err := c.Read(ctx); err != nil {
				return err
			}
		}
		code, err := strconv.Atoi(r.PathValue("code"))
		if err != nil {
			return err
		}
		return c.Close(ctx, websocket.StatusCode(code), r.URL.Query().Get("reason"))
	})
	on("/drop", func(_ context.Context, c *websocket.Conn) error { return c.CloseNow() })
	// Drops the first connection with each name, echoes on the next.
	var mu sync.Mutex
	seen := map[string]bool{}
	on("/flaky/{name}", func(ctx context.Context, c *websocket.Conn) error {
		name := c.Request().PathValue("name")
		mu.Lock()
		again := seen[name]
		seen[name] = true
		mu.Unlock()
		if !again {
			return c.CloseNow()
		}
		c.Write(ctx, websocket.MessageText, []byte("second"))
		return echoAll(ctx, c)
	})
	// Answers nothing, not even a Close frame.
	mux.HandleFunc("/deaf", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Sec-WebSocket-Accept", wire.AcceptKey(r.Header.Get("Sec-WebSocket-Key")))
		c, err := wye.Accept(w, r, wye.Token{Name: "websocket"}, nil)
		if err != nil {
			return
		}
		defer c.Close()
		io.Copy(io.Discard, c)
	})
	// Says what was asked for.
	on("/request", func(ctx context.Context, c *websocket.Conn) error {
		return c.Write(ctx, websocket.MessageText, []byte(describe(c.Request().Request)))
	})
	on("/hostile", func(ctx context.Context, c *websocket.Conn) error {
		c.Write(ctx, websocket.MessageText, []byte("\x1b[2Jgone\r\nlast\u202e"))
		return c.Write(ctx, websocket.MessageBinary, []byte("\x1b]0;title\x07\x00\xff"))
	})
	mux.HandleFunc("/refuse/{status}", func(w http.ResponseWriter, r *http.Request) {
		status, err := strconv.Atoi(r.PathValue("status"))
		if err != nil {
			status = http.StatusBadRequest
		}
		w.Header().Set("Set-Cookie", "session=canary")
		http.Error(w, "not you, token=canary\x1b[2J\nmore", status)
	})
	mux.Handle("/redirect", http.RedirectHandler("/echo?token=canary", http.StatusFound))
	mux.HandleFunc("/plain", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "a page") })
	mux.HandleFunc("/head", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s\n", r.Proto, r.Host)
		r.Header.Write(w)
	})
	mux.Handle("/lines", &wye.Switch{
		Logger: slog.New(slog.DiscardHandler),
		Protocols: []wye.Offer{
			{Token: wye.Token{Name: "example", Version: "1"}, Protocol: wye.ProtocolFunc(backwards)},
			{Token: wye.Token{Name: "foo", Version: "2"}, Protocol: wye.ProtocolFunc(greet)},
		},
	})
	return mux
}

func echoAll(ctx context.Context, c *websocket.Conn) error {
	for {
		typ, p, err := c.Read(ctx)
		if err != nil {
			return err
		}
		if err := c.Write(ctx, typ, p); err != nil {
			return err
		}
	}
}

// backwards answers when the client's direction has ended, which shows that
// that is passed on: with all that came, and how much that was.
func backwards(_ context.Context, _ *wye.Request, c wye.Conn) error {
	p, err := io.ReadAll(io.LimitReader(c, 1<<20))
	if err != nil {
		return err
	}
	slices.Reverse(p)
	_, err = fmt.Fprintf(c, "%s\n%d bytes\n", p, len(p))
	return err
}

// greet sends bytes that no terminal should get, and ends; with ?wait it says
// that it is ready and waits.
func greet(_ context.Context, r *wye.Request, c wye.Conn) error {
	if r.URL.Query().Has("wait") {
		io.WriteString(c, "220 ready\n")
		_, err := io.Copy(io.Discard, c)
		return err
	}
	_, err := io.WriteString(c, "\x1b[2Jhi\x00\xff\n")
	return err
}

// describe is a request as the transcripts look at it.
func describe(r *http.Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s\nHost: %s\n", r.Method, r.URL.RequestURI(), r.Host)
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		for _, value := range r.Header[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	if r.TLS != nil {
		fmt.Fprintf(&b, "server name: %s\n", r.TLS.ServerName)
		for _, cert := range r.TLS.PeerCertificates {
			fmt.Fprintf(&b, "client: %x\n", sha256.Sum256(cert.Raw))
		}
	}
	return b.String()
}

// listen1 is a TCP server that does one thing with each connection, and then
// waits for its end.
func listen1(t *testing.T, do func(net.Conn)) (addr string) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { // ends with the listener
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer c.Close()
				c.SetDeadline(time.Now().Add(rawPatience))
				do(c)
				io.Copy(io.Discard, c)
			})
		}
	})
	t.Cleanup(func() {
		ln.Close()
		serving.Wait()
	})
	return ln.Addr().String()
}

// newTunnel is an HTTP proxy that knows CONNECT, and wants credentials.
func newTunnel(t *testing.T) (addr string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
			return
		}
		if user, _, ok := (&http.Request{Header: http.Header{"Authorization": r.Header["Proxy-Authorization"]}}).BasicAuth(); !ok || user != "me" {
			w.Header().Set("Proxy-Authenticate", "Basic")
			http.Error(w, "who are you?", http.StatusProxyAuthRequired)
			return
		}
		there, err := net.Dial("tcp", r.Host)
		if err != nil {
			http.Error(w, "nobody is there", http.StatusBadGateway)
			return
		}
		defer there.Close()
		here, early, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer here.Close()
		io.WriteString(here, "HTTP/1.1 200 Connection established\r\n\r\n")
		var up sync.WaitGroup
		up.Go(func() { io.Copy(there, early); there.(*net.TCPConn).CloseWrite() })
		io.Copy(here, there)
		here.Close()
		up.Wait()
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// newClientCertificate returns a self-signed certificate with its key, as PEM,
// and the certificate's SHA-256.
func newClientCertificate(t *testing.T) (both []byte, fingerprint string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a client"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	both = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	both = append(both, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})...)
	return both, fmt.Sprintf("%x", sha256.Sum256(der))
}
