package wye

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// The tests are dialogues between the package and a peer, who says bytes and
// wants bytes.

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // what is logged, a test looks at or nobody
	goleak.VerifyTestMain(m)
}

// patience bounds what takes no time where all is well.
const patience = 10 * time.Second

// ask is an upgrade request in order, and switched its answer.
const (
	ask      = "GET / HTTP/1.1\r\nHost: wye.example\r\nConnection: Upgrade\r\nUpgrade: example/1\r\n\r\n"
	switched = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: example/1\r\nConnection: Upgrade\r\n\r\n"
)

var example = Token{"example", "1"}

// asking is ask with another method and further lines.
func asking(method string, lines ...string) string {
	s := strings.Replace(ask, "GET", method, 1)
	return s[:len(s)-2] + strings.Join(append(lines, ""), "\r\n") + "\r\n"
}

// peer is the other end of a connection.
type peer struct {
	net.Conn
	t      testing.TB
	in     *bufio.Reader
	script bool // it runs on a goroutine of its own
}

func newPeer(t testing.TB, c net.Conn) *peer {
	c.SetDeadline(time.Now().Add(patience))
	return &peer{Conn: c, t: t, in: bufio.NewReader(c)}
}

// call connects to address as a client would.
func call(t testing.TB, address string) *peer {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return newPeer(t, c)
}

func (p *peer) fatalf(format string, args ...any) {
	p.t.Helper()
	p.t.Errorf(format, args...)
	if p.script {
		runtime.Goexit()
	}
	p.t.FailNow()
}

func (p *peer) say(s string) {
	p.t.Helper()
	if _, err := io.WriteString(p.Conn, s); err != nil {
		p.fatalf("saying %.60q: %v", s, err)
	}
}

// want reads exactly s.
func (p *peer) want(s string) {
	p.t.Helper()
	got := make([]byte, len(s))
	n, err := io.ReadFull(p.in, got)
	if string(got) != s {
		p.fatalf("got %.300q (%v), want %.300q", got[:n], err, s)
	}
}

// wantEnd reads the end, and nothing before it.
func (p *peer) wantEnd() {
	p.t.Helper()
	if rest, err := io.ReadAll(p.in); err != nil || len(rest) > 0 {
		p.fatalf("got %.100q and %v, want the end", rest, err)
	}
}

// wantReset reads a reset, and nothing before it.
func (p *peer) wantReset() {
	p.t.Helper()
	if rest, err := io.ReadAll(p.in); !errors.Is(err, syscall.ECONNRESET) || len(rest) > 0 {
		p.fatalf("got %.100q and %v, want a reset", rest, err)
	}
}

// wantAnswer reads a response of the status with something of text in its body,
// which it returns with its body read.
func (p *peer) wantAnswer(status int, text string) *http.Response {
	p.t.Helper()
	resp, err := http.ReadResponse(p.in, nil)
	if err != nil {
		p.fatalf("want an answer with %d: %v", status, err)
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		p.fatalf("the answer's body: %v", err)
	}
	if resp.StatusCode != status || !strings.Contains(string(body), text) {
		p.fatalf("got %s with %q, want %d with %q", resp.Status, body, status, text)
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp
}

// wantRequest reads a request and returns it with its lines.
func (p *peer) wantRequest() (*http.Request, string) {
	p.t.Helper()
	var lines bytes.Buffer
	r, err := http.ReadRequest(bufio.NewReader(io.TeeReader(oneByOne{p.in}, &lines)))
	if err != nil {
		p.fatalf("want a request: %v", err)
	}
	return r, lines.String()
}

// oneByOne lets a bufio.Reader above read no further than it has to.
type oneByOne struct{ io.Reader }

func (o oneByOne) Read(b []byte) (int, error) { return o.Reader.Read(b[:1]) }

// serve runs h in an http.Server until the test ends and returns its address.
func serve(t testing.TB, h http.Handler, configure ...func(*http.Server)) (srv *http.Server, address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serveOn(t, l, h, configure...), l.Addr().String()
}

func serveOn(t testing.TB, l net.Listener, h http.Handler, configure ...func(*http.Server)) *http.Server {
	srv := &http.Server{Handler: h, ErrorLog: log.New(io.Discard, "", 0)}
	for _, f := range configure {
		f(srv)
	}
	done := make(chan struct{})
	go func() { // ends with srv
		defer close(done)
		srv.Serve(l)
	}()
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		Shutdown(ended, srv, Drain{})
		srv.Close()
		<-done
	})
	return srv
}

// acceptor is a handler that calls Accept and hands on what it got. It returns
// at once, unless hold is set.
type acceptor struct {
	opts  *AcceptOptions
	wrap  func(http.ResponseWriter, *http.Request) (http.ResponseWriter, *http.Request)
	conns chan Conn
	errs  chan error
}

func newAcceptor(opts *AcceptOptions) *acceptor {
	return &acceptor{opts: opts, conns: make(chan Conn, 100), errs: make(chan error, 100)}
}

func (a *acceptor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if a.wrap != nil {
		w, r = a.wrap(w, r)
	}
	c, err := Accept(w, r, example, a.opts)
	if err != nil {
		a.errs <- err
		return
	}
	a.conns <- c
}

// conn waits for what Accept returned.
func (a *acceptor) conn(t testing.TB) Conn {
	t.Helper()
	c := receive(t, a.conns)
	t.Cleanup(func() { c.Close() })
	return c
}

// receive waits for a value, with patience.
func receive[T any](t testing.TB, from <-chan T) T {
	t.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("not reached")
	}
}

// eventually waits until a condition holds that nothing announces.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !holds(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatalf("not so in %v: %s", patience, what)
		}
		time.Sleep(time.Millisecond)
	}
}

// wantRead reads exactly s from c.
func wantRead(t testing.TB, c net.Conn, s string) {
	t.Helper()
	c.SetReadDeadline(time.Now().Add(patience))
	got := make([]byte, len(s))
	if n, err := io.ReadFull(c, got); string(got) != s {
		t.Fatalf("read %.100q (%v), want %.100q", got[:n], err, s)
	}
	c.SetReadDeadline(time.Time{})
}

// speak writes s to c.
func speak(t testing.TB, c net.Conn, s string) {
	t.Helper()
	if _, err := io.WriteString(c, s); err != nil {
		t.Fatalf("writing %.60q: %v", s, err)
	}
}

// pipes is a listener of connections in memory, which synctest's clock rules.
type pipes struct {
	incoming chan net.Conn
	close    func()
	closed   chan struct{}
}

func newPipes() *pipes {
	p := &pipes{incoming: make(chan net.Conn), closed: make(chan struct{})}
	p.close = sync.OnceFunc(func() { close(p.closed) })
	return p
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.incoming:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.close(); return nil }
func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }

// dial is a DialOptions.NetDial.
func (p *pipes) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.incoming <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// logged is a slog.Logger and what it was told.
func logged() (*slog.Logger, func() string) {
	var mu sync.Mutex
	var b bytes.Buffer
	logger := slog.New(slog.NewTextHandler(writerFunc(func(p []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return b.Write(p)
	}), nil))
	return logger, func() string {
		mu.Lock()
		defer mu.Unlock()
		return b.String()
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
